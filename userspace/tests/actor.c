// SPDX-License-Identifier: GPL-2.0
/*
 * A process that changes its memory on command, to test commands that look at
 * it
 *
 *   actor KIND MIB
 *
 * Maps MIB mebibytes, and prints "START END PID" (hexadecimal addresses). KIND
 * is one of
 *
 *   anon      anonymous memory, without transparent huge pages
 *   thp       anonymous memory, advised to be huge pages
 *   shmem     shared anonymous memory
 *   hugetlb   private hugetlb pages
 *   file      private mapping of this program, of one page
 *   device    shared mapping of /dev/vmwalk0
 *
 * Then reads commands, one per line, and answers each with "ok", or with "skip
 * REASON" if this kernel does not support it:
 *
 *   write     write to all pages
 *   read      read all pages
 *   fork      start a child that also has the memory, until this process ends
 *   free      free all pages
 *   out       swap all pages out
 *   move N    move all pages to NUMA node N
 *   collapse  make huge pages
 *   split     map the huge pages by small entries
 *   poison    let the kernel treat the first page as damaged
 *   unmap     unmap all
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/types.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define MIB       0x100000UL
#define HUGE      (2 * MIB)
#define MPOL_MOVE 2 /* MPOL_MF_MOVE */
#define TRIES     50

static size_t page, size;
static char *memory;
static unsigned char sum; /* of the bytes that were read */

/* Aligned to huge pages, with gaps around it, so that it does not merge */
static char *map_aligned(int flags)
{
	char *at = mmap(NULL, size + 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return at;
	at += HUGE - (uintptr_t)at % HUGE;
	return mmap(at, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static int map_kind(const char *kind)
{
	if (!strcmp(kind, "file")) {
		size = page;
		memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE, open("/proc/self/exe", O_RDONLY),
			      0);
	} else if (!strcmp(kind, "device")) {
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			      open("/dev/vmwalk0", O_RDWR), 0);
	} else if (!strcmp(kind, "shmem")) {
		memory = map_aligned(MAP_SHARED);
	} else if (!strcmp(kind, "hugetlb")) {
		memory = map_aligned(MAP_PRIVATE | MAP_HUGETLB);
	} else {
		memory = map_aligned(MAP_PRIVATE);
		if (memory != MAP_FAILED)
			madvise(memory, size,
				strcmp(kind, "thp") ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	}
	return memory == MAP_FAILED ? -1 : 0;
}

/* Without reading first: that would map the huge zero page. */
static void write_all(void)
{
	size_t offset;

	for (offset = 0; offset < size; offset += page)
		memset(memory + offset, 1, 1);
}

static void read_all(void)
{
	size_t offset;

	for (offset = 0; offset < size; offset += page)
		sum += memory[offset];
}

static int start_child(void)
{
	pid_t parent = getpid(), child = fork();

	if (child)
		return child < 0 ? -1 : 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	prctl(PR_SET_NAME, "actor-child");
	for (;;)
		pause();
}

/* Some pages may be in use for a moment. */
static int move(int node)
{
	size_t i, left, count = size / page;
	void **pages = calloc(count, sizeof(*pages));
	int *nodes = calloc(count, sizeof(*nodes)), *status = calloc(count, sizeof(*status));
	int tries;

	if (!pages || !nodes || !status)
		return -1;
	for (i = 0; i < count; i++) {
		pages[i] = memory + i * page;
		nodes[i] = node;
	}
	for (tries = 0, left = 1; left && tries < TRIES; tries++) {
		if (syscall(SYS_move_pages, 0, count, pages, nodes, status, MPOL_MOVE) < 0)
			break;
		for (i = 0, left = 0; i < count; i++)
			left += status[i] != node;
		if (left)
			usleep(10000);
	}
	free(pages);
	free(nodes);
	free(status);
	return left ? -1 : 0;
}

static size_t nr_present(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	size_t i, present = 0;
	__u64 entry;

	for (i = 0; i < size / page; i++)
		if (pread(fd, &entry, sizeof(entry),
			  ((uintptr_t)memory / page + i) * sizeof(entry)) == sizeof(entry))
			present += entry >> 63;
	close(fd);
	return present;
}

static int swap_out(void)
{
	int tries;

	for (tries = 0; nr_present() && tries < TRIES; tries++) {
		if (madvise(memory, size, MADV_PAGEOUT))
			return -1;
		usleep(10000);
	}
	return nr_present() ? -1 : 0;
}

/* Change a part of the mapping to split its entries, and undo the change. */
static int split(void)
{
	size_t offset;

	for (offset = 0; offset < size; offset += HUGE)
		if (mprotect(memory + offset, page, PROT_READ) ||
		    mprotect(memory + offset, page, PROT_READ | PROT_WRITE))
			return -1;
	return 0;
}

static void note_signal(int number)
{
	(void)number;
}

static int run_command(const char *command)
{
	if (!strcmp(command, "write"))
		return write_all(), 0;
	if (!strcmp(command, "read"))
		return read_all(), 0;
	if (!strcmp(command, "fork"))
		return start_child();
	if (!strcmp(command, "free"))
		return madvise(memory, size, MADV_DONTNEED);
	if (!strcmp(command, "out"))
		return swap_out();
	if (!strncmp(command, "move ", 5))
		return move(atoi(command + 5));
	if (!strcmp(command, "collapse"))
		return madvise(memory, size, MADV_HUGEPAGE) || madvise(memory, size, MADV_COLLAPSE);
	if (!strcmp(command, "split"))
		return split();
	if (!strcmp(command, "poison"))
		return madvise(memory, page, MADV_HWPOISON);
	if (!strcmp(command, "unmap"))
		return munmap(memory, size);
	errno = EPROTO;
	return -1;
}

int main(int argc, char **argv)
{
	char line[64];

	page = sysconf(_SC_PAGESIZE);
	size = argc == 3 ? strtoul(argv[2], NULL, 10) * MIB : 0;
	setlinebuf(stdout);
	/* The kernel sends SIGBUS for the poisoned page, even if it is ignored. */
	signal(SIGBUS, note_signal);
	if (!size || map_kind(argv[1])) {
		printf("skip no memory of this kind: %s\n", strerror(errno));
		return 1;
	}
	printf("%lx %lx %d\n", (unsigned long)memory, (unsigned long)(memory + size), getpid());
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		errno = 0;
		if (run_command(line))
			printf("skip %s: %s\n", line, strerror(errno));
		else
			puts("ok");
	}
	return 0;
}
