// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk-selftest: check that the driver works on the running kernel
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "selftest.h"

/* Exit status of a test program that cannot run, as in the kernel's selftests */
#define EXIT_SKIPPED 4

size_t page_size;
size_t pmd_size;

/* Test results */

static unsigned int results[SKIP + 1];
static char message[512];

static void set_message(const char *format, va_list args)
{
	char *newline;

	vsnprintf(message, sizeof(message), format, args);
	while ((newline = strchr(message, '\n')))
		*newline = ' ';
}

enum result fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_message(format, args);
	va_end(args);
	return FAIL;
}

enum result skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_message(format, args);
	va_end(args);
	return SKIP;
}

void report(enum result result, const char *format, ...)
{
	static unsigned int number;
	va_list args;

	results[result]++;
	printf("%sok %u - ", result == FAIL ? "not " : "", ++number);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	if (result == SKIP)
		printf(" # SKIP %s", message);
	putchar('\n');
	if (result == FAIL)
		printf("# %s\n", message);
	fflush(stdout);
}

/* The machine */

/* A page table fills a page, and its entries have eight bytes. */
static size_t read_pmd_size(void)
{
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "re");
	size_t size;

	if (!file || fscanf(file, "%zu", &size) != 1)
		size = page_size * (page_size / 8);
	if (file)
		fclose(file);
	return size;
}

bool can_spare(size_t bytes)
{
	return bytes / page_size <= (size_t)sysconf(_SC_AVPHYS_PAGES) / 4;
}

/* Instances */

/* The directory of the instance. A signal handler removes it. */
static char directory[128];

static void remove_and_die(int number)
{
	rmdir(directory);
	raise(number);
}

/* An access to the buffer may cause SIGSEGV or SIGBUS if the driver fails. */
static void handle_signals(void)
{
	const int numbers[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGSEGV, SIGBUS };
	struct sigaction action = { .sa_handler = remove_and_die, .sa_flags = SA_RESETHAND };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, NULL);
}

struct vmwalk_instance *make_instance(void)
{
	struct vmwalk_instance *instance;
	char name[32];

	snprintf(name, sizeof(name), "vmwalk-selftest-%d", getpid());
	snprintf(directory, sizeof(directory), "/sys/kernel/config/vmwalk/%s", name);
	instance = vmwalk_instance_create(name);
	if (!instance)
		fail("creating the instance %s: %m", name);
	return instance;
}

enum result set_attribute(struct vmwalk_instance *instance, const char *attr, const char *value)
{
	const char *last_error;

	if (!vmwalk_instance_set(instance, attr, value))
		return PASS;
	last_error = vmwalk_instance_last_error(instance);
	if (last_error)
		return fail("writing %s to %s: %s", value, attr, last_error);
	return fail("writing %s to %s: %m", value, attr);
}

enum result remove_instance(struct vmwalk_instance *instance, enum result result)
{
	if (vmwalk_instance_destroy(instance))
		result = fail("removing the instance %s: %m", vmwalk_instance_name(instance));
	vmwalk_instance_close(instance);
	return result;
}

/* The program */

static void print_help(void)
{
	printf("Usage: vmwalk-selftest\n\n"
	       "Check that the vmwalk driver works on the running kernel.\n\n"
	       "Creates buffers of each type, map mode and cache mode that the driver offers, and\n"
	       "checks that data written through a mapping can be read, and the reverse. Checks\n"
	       "that GET_PFN, WALK, TRANSLATE, SCAN and /proc/self/pagemap agree on many kinds of\n"
	       "memory.\n\n"
	       "Needs root and the loaded module. Uses instances of its own, named\n"
	       "vmwalk-selftest-PID, and removes them. The largest buffer has the size of two PMD\n"
	       "entries (4 MiB on x86-64). The output is TAP.\n\n"
	       "  -h, --help  print this text and exit\n"
	       "  --version   print the version and exit\n\n"
	       "Exit status: 0 no test failed, 1 a test failed, 2 wrong usage, 4 the tests cannot\n"
	       "run.\n");
}

/* The reason why no test can run, or NULL */
static const char *cannot_run(void)
{
	char *version;

	if (geteuid())
		return "needs root";
	version = vmwalk_subsystem_get("abi_version");
	if (version) {
		free(version);
		return NULL;
	}
	if (access("/sys/module/vmwalk", F_OK))
		return "the vmwalk module is not loaded: modprobe vmwalk";
	return "configfs is not mounted: mount -t configfs none /sys/kernel/config";
}

static void print_machine(void)
{
	struct utsname name;

	uname(&name);
	printf("# Linux %s %s, page size %zu, PMD size %zu\n", name.release, name.machine,
	       page_size, pmd_size);
}

static int run_tests(void)
{
	const char *reason = cannot_run();

	if (reason) {
		printf("1..0 # SKIP %s\n", reason);
		return EXIT_SKIPPED;
	}
	page_size = sysconf(_SC_PAGESIZE);
	pmd_size = read_pmd_size();
	handle_signals();
	printf("1..%zu\n", buffers_count() + memory_count());
	print_machine();
	buffers_run();
	memory_run();
	printf("# %u passed, %u failed, %u skipped\n", results[PASS], results[FAIL], results[SKIP]);
	return results[FAIL] ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	int status = EXIT_SUCCESS;

	if (argc == 1) {
		status = run_tests();
	} else if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help();
	} else if (!strcmp(argv[1], "--version")) {
		puts("vmwalk-selftest " VERSION);
	} else {
		fprintf(stderr,
			"vmwalk-selftest: unexpected argument '%s'\n"
			"Try 'vmwalk-selftest --help'.\n",
			argv[1]);
		return 2;
	}
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "vmwalk-selftest: standard output: write error\n");
		return EXIT_FAILURE;
	}
	return status;
}
