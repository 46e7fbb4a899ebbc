// SPDX-License-Identifier: GPL-2.0
/*
 * Let the kernel store to valid and invalid user addresses.
 *
 *   kernel-fault DEVICE
 *
 * DEVICE has map_mode fault and at least four pages.
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

/* Returns the number of page faults, or -1 with errno set. */
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

static void poke_valid(const char *what, char *addr)
{
	unsigned long long before = device_faults();
	int faults = poke(addr);

	if (faults < 0)
		err(1, "%s", what);
	printf("%-34s %10c %16d %16llu\n", what, *addr, faults, device_faults() - before);
}

static void exit_with(int number)
{
	_exit(number);
}

static void poke_invalid(const char *what, char *addr)
{
	const char *error = poke(addr) < 0 ? strerror(errno) : "no error";
	int status;
	pid_t pid = fork();

	if (!pid) {
		/* The kernel logs a fatal SIGSEGV, but not one that is caught. */
		signal(SIGSEGV, exit_with);
		signal(SIGBUS, exit_with);
		__atomic_store_n(addr, 'X', __ATOMIC_RELAXED);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		err(1, "child process");
	printf("%-34s %18s %24s\n", what, error,
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
		errx(2, "usage: kernel-fault DEVICE");
	page_size = sysconf(_SC_PAGESIZE);
	file = vmwalk_file_open(argv[1]);
	if (!file)
		err(1, "%s", argv[1]);
	dev_name = basename(argv[1]);
	fd = vmwalk_file_fd(file);
	mapping = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd);

	printf("%-34s %10s %16s %16s\n", "the kernel stores X to", "byte now", "faults in ioctl",
	       "driver's faults");
	poke_valid("an untouched page", mapping);
	poke_valid("the same page again", mapping);
	poke_valid("the next page", mapping + page_size);
	mapping[2 * page_size] = 'o';
	poke_valid("a page written by the program", mapping + 2 * page_size);
	poke_valid("an untouched anonymous page",
		   map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1));
	printf("buffer: %.26s\n\n", mapping);

	printf("%-34s %18s %24s\n", "a store to", "by the kernel", "by the program");
	unmapped = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	munmap(unmapped, 4 * page_size);
	empty = memfd_create("empty", MFD_CLOEXEC);
	poke_invalid("NULL", NULL);
	poke_invalid("an unmapped address", unmapped);
	poke_invalid("a PROT_READ mapping", map(PROT_READ, MAP_SHARED, fd));
	poke_invalid("a PROT_NONE mapping", map(PROT_NONE, MAP_SHARED, fd));
	poke_invalid("a mapping beyond the end of file", map(PROT_WRITE, MAP_SHARED, empty));
	poke_invalid("a non-canonical address", (char *)0x8000000000000000);
	poke_invalid("a kernel address", (char *)0xffff888000000000);
	printf("buffer: %.26s\n", mapping);
	return 0;
}
