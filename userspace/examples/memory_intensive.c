// SPDX-License-Identifier: GPL-2.0
/*
 * Target with much memory of several kinds
 *
 *   memory_intensive [--size MIB] [--step] [--seconds N]
 *
 * Creates one region of each kind below, of MIB mebibytes (default: 16), prints
 * its pid and the addresses of the regions (see example.h), and then sleeps for N
 * seconds or until it is killed. With --step, it raises SIGSTOP before the first
 * region and after each. The file mapping uses an unnamed file in TMPDIR or /tmp.
 *
 * Copyright (C) The vmwalk authors
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "example.h"

#define MIB       0x100000UL
#define HUGE_PAGE (2 * MIB)

static void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(EXIT_FAILURE);
}

static char *map_region(size_t size, int flags, int fd)
{
	char *region = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (region == MAP_FAILED)
		die("mmap");
	return region;
}

/* Write one byte every @step bytes. */
static void touch(char *region, size_t size, size_t step)
{
	size_t offset;

	for (offset = 0; offset < size; offset += step)
		region[offset] = 1;
}

static char *make_anonymous(size_t size, size_t step)
{
	char *region = map_region(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	/* No THP, whatever the system's policy. EINVAL: the kernel has no THP. */
	if (madvise(region, size, MADV_NOHUGEPAGE) && errno != EINVAL)
		die("madvise");
	touch(region, size, step);
	return region;
}

/* Aligned, so that huge pages can map the whole region */
static char *make_huge(size_t size, size_t page)
{
	char *region = map_region(size + HUGE_PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	size_t before = -(uintptr_t)region % HUGE_PAGE;

	if ((before && munmap(region, before)) ||
	    munmap(region + before + size, HUGE_PAGE - before))
		die("munmap");
	region += before;
	if (madvise(region, size, MADV_HUGEPAGE) && errno != EINVAL)
		die("madvise");
	touch(region, size, page);
	return region;
}

static char *make_file(size_t size, size_t page)
{
	const char *folder = getenv("TMPDIR");
	char *region;
	int fd;

	fd = open(folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		die(folder ? folder : "/tmp");
	errno = posix_fallocate(fd, 0, size);
	if (errno)
		die("posix_fallocate");
	region = map_region(size, MAP_SHARED, fd);
	close(fd);
	touch(region, size, page);
	return region;
}

static void stop_if(bool step)
{
	if (!step)
		return;
	fflush(stdout);
	raise(SIGSTOP);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "size", required_argument, NULL, 'm' },
		{ "step", no_argument, NULL, 't' },
		{ "seconds", required_argument, NULL, 's' },
		{},
	};
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned long seconds = 0;
	size_t size = 16 * MIB;
	bool step = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'm')
			size = parse_number("size", optarg, 0x100000) * MIB;
		else if (option == 't')
			step = true;
		else if (option == 's')
			seconds = parse_number("seconds", optarg, 1000000);
		else
			return 2;
	}

	print_pid();
	stop_if(step);
	print_region("anonymous", make_anonymous(size, page), size, "small pages, all written");
	stop_if(step);
	print_region("alternate", make_anonymous(size, 2 * page), size,
		     "small pages, every second one written");
	stop_if(step);
	print_region("huge", make_huge(size, page), size, "advised to be huge pages, all written");
	stop_if(step);
	print_region("file", make_file(size, page), size, "shared mapping of a file, all written");
	stop_if(step);
	print_region("reserved", map_region(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1),
		     size, "never touched");
	stop_if(step);
	print_ready();

	if (!seconds)
		for (;;)
			pause();
	while (seconds)
		seconds = sleep(seconds);
	return EXIT_SUCCESS;
}
