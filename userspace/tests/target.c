// SPDX-License-Identifier: GPL-2.0
/*
 * A process with memory of chosen kinds, to test commands that read the memory
 * of processes
 *
 *   target [KIND=MIB]... [threads=N] [children=N] [sharing=N]
 *
 * Maps MIB mebibytes of each kind, starts N threads that have memory of their own,
 * children that have copies of the mappings, or children that share the address
 * space, prints "ready", and sleeps. The children end with their parent.
 *
 *   small     anonymous, written, without transparent huge pages
 *   split     like small, with a mapping for each page
 *   thp       anonymous, written, advised to be huge pages
 *   holes     like thp, but of small pages, and every second one is missing
 *   zero      anonymous, only read, without transparent huge pages
 *   swap      like small, and swapped out
 *   hugetlb   private hugetlb pages, written
 *   shmem     shared anonymous memory, written
 *   shmemout  like shmem, and swapped out
 *   file      private mapping of this program, read
 *   pieces    like small, but each page is a mapping, and every second one is missing
 *   reserved  anonymous, not accounted; of 64 MiB one page is written, without
 *             transparent huge pages
 *
 * Exits with status 4 if this kernel does not support a kind.
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define MIB     0x100000UL
#define SKIP    4
#define BORDER  (2 * MIB)
#define MAX_TRY 100

static size_t page;

static char *map(size_t size, int prot, int flags, int fd)
{
	char *at = mmap(NULL, size, prot, flags, fd, 0);

	if (at == MAP_FAILED && flags & MAP_HUGETLB)
		errx(SKIP, "no hugetlb pages");
	if (at == MAP_FAILED)
		err(1, "mmap");
	return at;
}

/* Aligned, with gaps around it, so that it does not merge with other mappings */
static char *anonymous(size_t size, int advice)
{
	char *at = map(size + 2 * BORDER, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	at += BORDER - (uintptr_t)at % BORDER;
	if (mprotect(at, size, PROT_READ | PROT_WRITE))
		err(1, "mprotect");
	/* EINVAL: the kernel has no transparent huge pages. */
	if (madvise(at, size, advice) && errno != EINVAL)
		err(1, "madvise");
	return at;
}

static void touch(char *at, size_t size, size_t step, int write)
{
	size_t offset;

	/* A read before the write would map the huge zero page. */
	for (offset = 0; offset < size; offset += step) {
		if (write)
			at[offset] = 1;
		else
			__asm__("" : : "r"(at[offset]));
	}
}

/*
 * Number of pages that are mapped. mincore(2) also counts those in the swap
 * cache.
 */
static size_t count_mapped(const char *at, size_t size)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t i, count = 0, len = size / page * 8;
	unsigned long long *entries = malloc(len);

	if (!entries || pread(fd, entries, len, (uintptr_t)at / page * 8) != (ssize_t)len)
		err(1, "pagemap");
	for (i = 0; i < size / page; i++)
		count += entries[i] >> 63;
	free(entries);
	close(fd);
	return count;
}

/* A page is not swapped out while it is in use elsewhere: try again. */
static void page_out(char *at, size_t size, const char *kind)
{
	size_t left = 1;
	int try;

	for (try = 0; left && try < MAX_TRY; try++) {
		if (madvise(at, size, MADV_PAGEOUT))
			err(SKIP, "%s: MADV_PAGEOUT", kind);
		usleep(20000);
		left = count_mapped(at, size);
	}
	if (left)
		errx(SKIP, "%s: %zu pages could not be swapped out", kind, left);
}

/* Make each page a mapping of its own. */
static void protect_pages(char *at, size_t size)
{
	size_t offset;

	for (offset = 0; offset < size; offset += 2 * page)
		if (mprotect(at + offset, page, PROT_READ))
			err(SKIP, "pieces: mprotect");
}

static void make(const char *kind, size_t size)
{
	const int rw = PROT_READ | PROT_WRITE;
	size_t offset;
	char *at;
	int fd;

	if (!strcmp(kind, "small")) {
		touch(anonymous(size, MADV_NOHUGEPAGE), size, page, 1);
	} else if (!strcmp(kind, "split")) {
		at = anonymous(size, MADV_NOHUGEPAGE);
		touch(at, size, page, 1);
		for (offset = 0; offset < size; offset += 2 * page)
			if (mprotect(at + offset, page, PROT_READ))
				err(1, "mprotect");
	} else if (!strcmp(kind, "thp")) {
		touch(anonymous(size, MADV_HUGEPAGE), size, page, 1);
	} else if (!strcmp(kind, "holes")) {
		at = anonymous(size, MADV_NOHUGEPAGE);
		touch(at, size, 2 * page, 1);
		madvise(at, size, MADV_HUGEPAGE);
	} else if (!strcmp(kind, "zero")) {
		touch(anonymous(size, MADV_NOHUGEPAGE), size, page, 0);
	} else if (!strcmp(kind, "swap")) {
		at = anonymous(size, MADV_NOHUGEPAGE);
		touch(at, size, page, 1);
		page_out(at, size, kind);
	} else if (!strcmp(kind, "hugetlb")) {
		at = map(size, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);
		touch(at, size, page, 1);
	} else if (!strcmp(kind, "shmem") || !strcmp(kind, "shmemout")) {
		at = map(size, rw, MAP_SHARED | MAP_ANONYMOUS, -1);
		touch(at, size, page, 1);
		if (!strcmp(kind, "shmemout"))
			page_out(at, size, kind);
	} else if (!strcmp(kind, "pieces")) {
		at = anonymous(size, MADV_NOHUGEPAGE);
		touch(at, size, 2 * page, 1);
		protect_pages(at, size);
	} else if (!strcmp(kind, "reserved")) {
		at = map(size, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
		madvise(at, size, MADV_NOHUGEPAGE);
		touch(at, size, 64 * MIB, 1);
	} else if (!strcmp(kind, "file")) {
		fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		touch(map(page, PROT_READ, MAP_PRIVATE, fd), page, page, 0);
	} else {
		errx(2, "%s: unknown kind", kind);
	}
}

[[gnu::noreturn]] static int wait_for_parent(void *unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/* malloc() gives each thread an arena of its own. */
static void *run_thread(void *barrier)
{
	const size_t size = 64 * 1024;
	char *memory = malloc(size);

	if (!memory)
		err(1, "malloc");
	/* The compiler keeps these stores. */
	explicit_bzero(memory, size);
	pthread_barrier_wait(barrier);
	for (;;)
		pause();
}

static void start_threads(unsigned long count)
{
	static pthread_barrier_t barrier;
	pthread_t thread;
	unsigned long i;

	pthread_barrier_init(&barrier, NULL, count + 1);
	for (i = 0; i < count; i++) {
		errno = pthread_create(&thread, NULL, run_thread, &barrier);
		if (errno)
			err(1, "pthread_create");
	}
	pthread_barrier_wait(&barrier);
}

/* Like vfork(), but the parent continues. */
static void start_sharing(void)
{
	const size_t size = 64 * 1024;
	char *stack = map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (clone(wait_for_parent, stack + size, CLONE_VM | SIGCHLD, NULL) < 0)
		err(1, "clone");
}

int main(int argc, char **argv)
{
	unsigned long number, children = 0, sharing = 0, threads = 0;
	char *value;
	int i;

	page = sysconf(_SC_PAGESIZE);
	for (i = 1; i < argc; i++) {
		value = strchr(argv[i], '=');
		if (!value)
			errx(2, "%s: not KIND=MIB", argv[i]);
		*value++ = '\0';
		number = strtoul(value, NULL, 10);
		if (!strcmp(argv[i], "children"))
			children = number;
		else if (!strcmp(argv[i], "sharing"))
			sharing = number;
		else if (!strcmp(argv[i], "threads"))
			threads = number;
		else
			make(argv[i], number * MIB);
	}
	while (children--)
		if (!fork())
			wait_for_parent(NULL);
	while (sharing--)
		start_sharing();
	start_threads(threads);
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
