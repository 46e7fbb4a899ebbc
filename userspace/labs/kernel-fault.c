// SPDX-License-Identifier: GPL-2.0
/*
 * Has the kernel write through pointers of this program's, good ones and bad ones.
 *
 *   kernel-fault DEVICE
 *
 * DEVICE has at least four pages and map_mode fault.
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libvmwalk.h>

static struct vmwalk_file *file;
static const char *dev_name;
static long page_size;

/* The kernel writes an X. Returns the faults that it took, or -1 with errno set. */
static int poke(void *addr)
{
	struct vmwalk_poke request = {
		.addr = (uintptr_t)addr,
		.value = 'X',
	};

	if (vmwalk_file_poke(file, &request))
		return -1;
	return request.faults;
}

static unsigned long long device_faults(void)
{
	__u64 faults;

	if (vmwalk_device_counter(dev_name, "faults", &faults))
		err(1, "faults of %s", dev_name);
	return faults;
}

static void poke_good(const char *where, char *addr)
{
	unsigned long long before = device_faults();
	int faults = poke(addr);

	if (faults < 0)
		err(1, "%s", where);
	printf("%-38s %14c %20d %14llu\n", where, *addr, faults, device_faults() - before);
}

static void end_with(int number)
{
	_exit(number);
}

/* What the kernel gets, and what becomes of a program that does the same. */
static void poke_bad(const char *where, char *addr)
{
	const char *kernel = poke(addr) < 0 ? strerror(errno) : "no error";
	int status;
	pid_t pid = fork();

	if (!pid) {
		/* Of a signal that is caught the log has no word. */
		signal(SIGSEGV, end_with);
		signal(SIGBUS, end_with);
		__atomic_store_n(addr, 'X', __ATOMIC_RELAXED);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		err(1, "a process that tries the same");
	printf("%-38s %14s %24s\n", where, kernel,
	       WEXITSTATUS(status) ? strsignal(WEXITSTATUS(status)) : "no signal");
}

static void *map(int prot, int flags, int fd)
{
	void *addr = mmap(NULL, 4 * page_size, prot, flags, fd, 0);

	if (addr == MAP_FAILED)
		err(1, "mmap");
	return addr;
}

int main(int argc, char **argv)
{
	char *mapping, *unmapped;
	int fd, empty;

	if (argc != 2)
		errx(2, "argument: DEVICE");
	page_size = sysconf(_SC_PAGESIZE);
	file = vmwalk_file_open(argv[1]);
	if (!file)
		err(1, "%s", argv[1]);
	dev_name = basename(argv[1]);
	fd = vmwalk_file_fd(file);
	mapping = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd);

	printf("%-38s %14s %20s %14s\n", "the kernel writes an X to", "there is now",
	       "faults of the kernel", "of the device");
	poke_good("a page never touched", mapping);
	poke_good("the same page", mapping);
	poke_good("the page after it", mapping + page_size);
	mapping[2 * page_size] = 'o';
	poke_good("a page that the program wrote to", mapping + 2 * page_size);
	poke_good("memory of no device, never touched",
		  map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1));
	printf("the buffer begins %.26s\n\n", mapping);

	printf("%-38s %14s %24s\n", "a byte is written to", "the kernel gets",
	       "the program gets");
	unmapped = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	munmap(unmapped, 4 * page_size);
	empty = memfd_create("empty", MFD_CLOEXEC);
	poke_bad("NULL", NULL);
	poke_bad("what was unmapped", unmapped);
	poke_bad("a mapping that is read-only", map(PROT_READ, MAP_SHARED, fd));
	poke_bad("a mapping with no access", map(PROT_NONE, MAP_SHARED, fd));
	poke_bad("a page beyond the end of its file", map(PROT_WRITE, MAP_SHARED, empty));
	poke_bad("an address between the two halves", (char *)0x8000000000000000);
	poke_bad("an address of the kernel", (char *)0xffff888000000000);
	printf("the buffer begins %.26s\n", mapping);
	return 0;
}
