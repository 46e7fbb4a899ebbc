// SPDX-License-Identifier: GPL-2.0
/*
 * A process that maps memory on command, so that a script can examine it
 * between the steps.
 *
 * Reads one command per line from standard input and answers each with one
 * line: the result below, or the name of an error, such as EINVAL. NS is the
 * duration of the step in nanoseconds.
 *
 *   map WHAT BYTES [WORD]...   ADDRESS NS   mmap() the file WHAT, or anonymous
 *                                           memory if WHAT is "anonymous"
 *   read [FIRST [COUNT]]       NS           read a byte of each page, or
 *   write [FIRST [COUNT]]      NS           write one, in the last mapping
 *   mlock                      NS           mlock() the last mapping
 *   pin                        NS           register it as a buffer of io_uring
 *   move                       MOVED        move each page of it to another NUMA
 *                                           node; MOVED pages are there now
 *   pageout                    NS           reclaim its pages, MADV_PAGEOUT
 *   unmap                      NS           munmap() all mappings
 *
 * WORDs are the flags in the table below, and "ro" (PROT_READ only), "exec"
 * (add PROT_EXEC), "of_rdonly" and "of_wronly" (how to open the file; O_RDWR
 * by default). Without WORDs a mapping is private, readable and writable.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/mempolicy.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef MAP_UNINITIALIZED
#define MAP_UNINITIALIZED 0x4000000
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static const struct {
	const char *word;
	int flags;
} flag_words[] = {
	{ "shared", MAP_SHARED },
	{ "shared_validate", MAP_SHARED_VALIDATE },
	{ "private", MAP_PRIVATE },
	{ "populate", MAP_POPULATE },
	{ "nonblock", MAP_NONBLOCK },
	{ "locked", MAP_LOCKED },
	{ "noreserve", MAP_NORESERVE },
	{ "growsdown", MAP_GROWSDOWN },
	{ "stack", MAP_STACK },
	{ "denywrite", MAP_DENYWRITE },
	{ "executable", MAP_EXECUTABLE },
	{ "uninitialized", MAP_UNINITIALIZED },
	{ "hugetlb", MAP_HUGETLB },
	{ "sync", MAP_SYNC },
	/* Followed by an address. */
	{ "near=", 0 },
	{ "fixed=", MAP_FIXED },
	{ "at=", MAP_FIXED_NOREPLACE },
};

#define ARRAY_SIZE(array) (sizeof(array) / sizeof(*(array)))
#define MAX_MAPPINGS      64
#define MAX_NODES         64

static struct {
	char *start;
	size_t size;
} mappings[MAX_MAPPINGS];
static unsigned int nr_mappings;

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static bool parse_access(const char *word, int *open_flags, int *prot)
{
	if (!strcmp(word, "ro"))
		*prot = PROT_READ;
	else if (!strcmp(word, "exec"))
		*prot |= PROT_EXEC;
	else if (!strcmp(word, "of_rdonly"))
		*open_flags = O_RDONLY;
	else if (!strcmp(word, "of_wronly"))
		*open_flags = O_WRONLY;
	else
		return false;
	return true;
}

static bool parse_flag(const char *word, int *flags, void **addr)
{
	for (size_t i = 0; i < ARRAY_SIZE(flag_words); i++) {
		const char *name = flag_words[i].word;
		size_t length = strlen(name);

		if (name[length - 1] == '=' && !strncmp(word, name, length))
			*addr = (void *)(uintptr_t)strtoull(word + length, NULL, 0);
		else if (strcmp(word, name))
			continue;
		*flags |= flag_words[i].flags;
		return true;
	}
	return false;
}

/* The functions below print the result, or return a negative errno. */
static int map(void)
{
	const char *what = strtok(NULL, " "), *bytes = strtok(NULL, " "), *word;
	int fd = -1, flags = 0, open_flags = O_RDWR, prot = PROT_READ | PROT_WRITE;
	size_t size = bytes ? strtoull(bytes, NULL, 0) : 0;
	void *addr = NULL, *start;
	long long time;

	if (!bytes || nr_mappings == MAX_MAPPINGS)
		return -ENOSPC;
	while ((word = strtok(NULL, " ")))
		if (!parse_access(word, &open_flags, &prot) && !parse_flag(word, &flags, &addr))
			return -EINVAL;
	if (!(flags & MAP_TYPE))
		flags |= MAP_PRIVATE;

	if (!strcmp(what, "anonymous"))
		flags |= MAP_ANONYMOUS;
	else
		fd = open(what, open_flags | O_CLOEXEC);
	if (fd < 0 && !(flags & MAP_ANONYMOUS))
		return -errno;

	time = now();
	start = mmap(addr, size, prot, flags, fd, 0);
	time = now() - time;
	if (fd >= 0)
		close(fd);
	if (start == MAP_FAILED)
		return -errno;
	mappings[nr_mappings].start = start;
	mappings[nr_mappings++].size = size;
	printf("%p %lld\n", start, time);
	return 0;
}

static int touch(bool write)
{
	const char *first = strtok(NULL, " "), *count = strtok(NULL, " ");
	size_t page = sysconf(_SC_PAGESIZE), i, end;
	long long time;
	char *start;

	if (!nr_mappings)
		return -ENOENT;
	start = mappings[nr_mappings - 1].start;
	i = first ? strtoull(first, NULL, 0) : 0;
	end = mappings[nr_mappings - 1].size / page;
	if (first)
		end = i + (count ? strtoull(count, NULL, 0) : 1);

	time = now();
	for (; i < end; i++) {
		if (write)
			__atomic_store_n(&start[i * page], '!', __ATOMIC_RELAXED);
		else
			__atomic_load_n(&start[i * page], __ATOMIC_RELAXED);
	}
	printf("%lld\n", now() - time);
	return 0;
}

static int lock(void)
{
	long long time = now();

	if (!nr_mappings)
		return -ENOENT;
	if (mlock(mappings[nr_mappings - 1].start, mappings[nr_mappings - 1].size))
		return -errno;
	printf("%lld\n", now() - time);
	return 0;
}

/* As network and storage programs do: the kernel keeps the pages in place. */
static int pin(void)
{
	struct io_uring_params params = {};
	struct iovec buffer;
	long long time = now();
	int ring;

	if (!nr_mappings)
		return -ENOENT;
	buffer.iov_base = mappings[nr_mappings - 1].start;
	buffer.iov_len = mappings[nr_mappings - 1].size;
	/* The ring stays open until the process exits. */
	ring = syscall(SYS_io_uring_setup, 1, &params);
	if (ring < 0 || syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1))
		return -errno;
	printf("%lld\n", now() - time);
	return 0;
}

/* A node other than @node that has memory */
static int other_node(int node)
{
	char path[64];
	int i;

	for (i = 0; i < MAX_NODES; i++) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", i);
		if (i != node && !access(path, F_OK))
			return i;
	}
	return node;
}

/* Move @count pages from the nodes in @nodes to other ones. */
static int move_pages(char *start, size_t count, void **pages, int *nodes, int *status)
{
	size_t page = sysconf(_SC_PAGESIZE), i, moved = 0;

	for (i = 0; i < count; i++)
		pages[i] = start + i * page;
	/* Without nodes, the call reports where the pages are. */
	if (syscall(SYS_move_pages, 0, count, pages, NULL, nodes, 0))
		return -errno;
	for (i = 0; i < count; i++)
		nodes[i] = other_node(nodes[i]);
	if (syscall(SYS_move_pages, 0, count, pages, nodes, status, MPOL_MF_MOVE) < 0)
		return -errno;
	for (i = 0; i < count; i++)
		moved += status[i] == nodes[i];
	printf("%zu\n", moved);
	return 0;
}

static int move(void)
{
	size_t page = sysconf(_SC_PAGESIZE), count;
	int *nodes, *status, error = -ENOMEM;
	void **pages;

	if (!nr_mappings)
		return -ENOENT;
	count = mappings[nr_mappings - 1].size / page;
	pages = calloc(count, sizeof(*pages));
	nodes = calloc(count, sizeof(*nodes));
	status = calloc(count, sizeof(*status));
	if (pages && nodes && status)
		error = move_pages(mappings[nr_mappings - 1].start, count, pages, nodes, status);
	free(pages);
	free(nodes);
	free(status);
	return error;
}

/* A page that was just written may be in a batch of its CPU: try again. */
static int pageout(void)
{
	long long time = now();
	int try;

	if (!nr_mappings)
		return -ENOENT;
	for (try = 0; try < 4; try++) {
		madvise(mappings[nr_mappings - 1].start, mappings[nr_mappings - 1].size,
			MADV_PAGEOUT);
		usleep(20000);
	}
	if (madvise(mappings[nr_mappings - 1].start, mappings[nr_mappings - 1].size, MADV_PAGEOUT))
		return -errno;
	printf("%lld\n", now() - time);
	return 0;
}

static int unmap(void)
{
	long long time = now();

	while (nr_mappings) {
		nr_mappings--;
		munmap(mappings[nr_mappings].start, mappings[nr_mappings].size);
	}
	printf("%lld\n", now() - time);
	return 0;
}

static int run(char *line)
{
	const char *command = strtok(line, " ");

	if (!command)
		return -EINVAL;
	if (!strcmp(command, "map"))
		return map();
	if (!strcmp(command, "read") || !strcmp(command, "write"))
		return touch(*command == 'w');
	if (!strcmp(command, "mlock"))
		return lock();
	if (!strcmp(command, "pin"))
		return pin();
	if (!strcmp(command, "move"))
		return move();
	if (!strcmp(command, "pageout"))
		return pageout();
	if (!strcmp(command, "unmap"))
		return unmap();
	return -ENOSYS;
}

int main(void)
{
	char line[4096];
	int error;

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		error = run(line);
		if (error)
			puts(strerrorname_np(-error));
		fflush(stdout);
	}
	return 0;
}
