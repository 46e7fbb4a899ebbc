// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk: make vmwalk instances, look at them, and walk page tables with them.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

static const struct verb *const verbs[] = {
	&create_verb, &destroy_verb, &list_verb, &show_verb, &walk_verb, &translate_verb,
	&scan_verb, &vmas_verb,
};

static const struct verb *current;	/* the verb that is running, NULL before one is known */

static void complain(const char *format, va_list args)
{
	int error = errno;	/* what %m is about */
	char *message;

	fflush(stdout);
	fprintf(stderr, "vmwalk: ");
	if (current)
		fprintf(stderr, "%s: ", current->name);
	errno = error;
	if (vasprintf(&message, format, args) < 0)
		message = NULL;
	print_text(stderr, message ? message : strerror(ENOMEM));
	fputc('\n', stderr);
	free(message);
}

int failure(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
	return EXIT_FAILURE;
}

int usage_failure(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
	fprintf(stderr, "Try 'vmwalk %s%s--help'.\n", current ? current->name : "",
		current ? " " : "");
	return EXIT_USAGE;
}

/* What was printed counts as done only once it is written. Returns an exit status. */
static int finish(int status)
{
	if (fflush(stdout))
		return failure("standard output: %m");
	if (ferror(stdout))
		return failure("standard output: a part of it could not be written");
	return status;
}

static void print_help(void)
{
	size_t i;

	printf("Usage: vmwalk VERB [OPTION]... [ARGUMENT]...\n\n"
	       "Make kernel buffers that programs can map, and walk page tables beside them.\n\n"
	       "Verbs:\n");
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		printf("  %-9s  %s\n", verbs[i]->name, verbs[i]->summary);
	printf("\n'vmwalk VERB --help' says more of each; --version tells the version.\n"
	       "\nExit status: 0 done, 1 failed, 2 the command line can't be understood.\n"
	       "\nVMWALK_SYSROOT=FOLDER looks for sys, proc and dev in a captured tree.\n");
}

static const struct verb_option help_option = { "help", 'h', NULL, "print this" };

static void print_option(const struct verb_option *option)
{
	char left[64];

	snprintf(left, sizeof(left), "-%c, --%s%s%s", option->letter, option->name,
		 option->arg ? " " : "", option->arg ? option->arg : "");
	printf("  %-24s  %s\n", left, option->help);
}

static void print_verb_help(void)
{
	const struct verb_option *option;
	const struct column *column;
	size_t i;

	printf("Usage: vmwalk %s [OPTION]...%s%s\n\n%s.\n", current->name,
	       *current->args ? " " : "", current->args, current->summary);
	if (current->details)
		printf("%s", current->details);
	printf("\nOptions:\n");
	for (i = 0; current->options[i]; i++)
		for (option = current->options[i]; option->name; option++)
			print_option(option);
	print_option(&help_option);
	if (!current->columns)
		return;
	printf("\nColumns:\n");
	for (column = current->columns; column->name; column++)
		printf("  %-10s  %s\n", column->name, column->help);
}

/* What getopt_long() wants to know of the running verb, made from its table. */
static struct option long_options[32];
static char letters[64];

static void add_option(size_t i, const struct verb_option *option)
{
	const char letter[] = { option->letter, option->arg ? ':' : '\0', '\0' };

	long_options[i].name = option->name;
	long_options[i].has_arg = option->arg ? required_argument : no_argument;
	long_options[i].val = option->letter;
	strcat(letters, letter);
}

static void add_options(void)
{
	const struct verb_option *option;
	size_t i, added = 0;

	for (i = 0; current->options[i]; i++)
		for (option = current->options[i]; option->name; option++)
			add_option(added++, option);
	add_option(added, &help_option);
}

int next_option(int argc, char **argv, const char **arg)
{
	int letter = getopt_long(argc, argv, letters, long_options, NULL);
	unsigned int given = argc - optind;

	*arg = optarg;
	if (letter == 'h') {
		print_verb_help();
		exit(finish(EXIT_SUCCESS));
	}
	if (letter == '?') {	/* getopt_long() has said what is wrong. */
		fprintf(stderr, "Try 'vmwalk %s --help'.\n", current->name);
		exit(EXIT_USAGE);
	}
	if (letter != -1)
		return letter;

	if (given < current->min_args)
		exit(usage_failure("%s is missing", current->args));
	if (given > current->max_args)
		exit(usage_failure("%s: one argument too many",
				   argv[optind + current->max_args]));
	return -1;
}

bool parse_address(const char *text, __u64 *addr)
{
	char *end;

	if (strspn(text, "0123456789abcdefABCDEFxX") != strlen(text))
		return false;
	errno = 0;
	*addr = strtoull(text, &end, 16);
	return !errno && end != text && !*end;
}

bool parse_pid(const char *text, pid_t *pid)
{
	long number;
	char *end;

	if (strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	number = strtol(text, &end, 10);
	*pid = number;
	return !errno && end != text && number > 0 && *pid == number;
}

/* The command line says "vmwalk VERB ...", and getopt's messages should too. */
static int run_verb(int argc, char **argv)
{
	static char name[32];

	snprintf(name, sizeof(name), "vmwalk: %s", current->name);
	argv[0] = name;
	add_options();
	return current->run(argc, argv);
}

/*
 * A standard stream that is closed must not be the number of a descriptor that is opened later.
 * What takes its place fails with EBADF for what the stream is for.
 */
static void open_standard_streams(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	size_t i;

	open_standard_streams();
	/* A message is written at once, not character by character. */
	setlinebuf(stderr);
	setlocale(LC_ALL, "");
	if (argc < 2)
		return usage_failure("VERB is missing");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help();
		return finish(EXIT_SUCCESS);
	}
	if (!strcmp(argv[1], "--version")) {
		puts("vmwalk " VERSION);
		return finish(EXIT_SUCCESS);
	}

	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i]->name))
			current = verbs[i];
	if (!current)
		return usage_failure("%s: there is no such verb", argv[1]);

	return finish(run_verb(argc - 1, argv + 1));
}
