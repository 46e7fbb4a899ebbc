// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of processes as the kernel shows them, to compare commands with
 *
 *   pages [NODE] PID...
 *
 * Prints a line for each page that is present or swapped out in /proc/PID/pagemap:
 * "PID ADDRESS PFN NODE". PFN is "swap" if the page is not present. NODE is the
 * status of move_pages(2): the node of the page, or a negative error if it has no
 * struct page that the kernel uses.
 *
 * With NODE, which is "node0" for node 0, first moves all pages there.
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <fcntl.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BATCH         4096
#define PRESENT       0x8000000000000000ULL
#define SWAPPED       0x4000000000000000ULL
#define FRAME         0x007fffffffffffffULL
#define MPOL_MOVE_ALL 4 /* MPOL_MF_MOVE_ALL */

static unsigned long page;

/* Pages at hand */
static size_t count;
static void *addrs[BATCH];
static __u64 entries[BATCH];

/* Moves the pages, if node is not -1, or prints them. */
static void flush(int pid, int node)
{
	static int status[BATCH], nodes[BATCH];
	size_t i;

	for (i = 0; i < count; i++)
		nodes[i] = node;
	if (syscall(SYS_move_pages, pid, count, addrs, node < 0 ? NULL : nodes, status,
		    MPOL_MOVE_ALL) < 0)
		err(1, "move_pages of process %d", pid);
	for (i = 0; i < count && node < 0; i++) {
		printf("%d 0x%lx ", pid, (unsigned long)addrs[i]);
		if (entries[i] & PRESENT)
			printf("0x%llx %d\n", (unsigned long long)(entries[i] & FRAME), status[i]);
		else
			printf("swap -\n");
	}
	count = 0;
}

/* The pages of one mapping */
static void read_mapping(int pid, int node, int pagemap, unsigned long start, unsigned long end)
{
	static __u64 read_entries[BATCH];
	__u64 wanted = node < 0 ? PRESENT | SWAPPED : PRESENT;
	ssize_t i, got;

	for (; start < end; start += got * page) {
		got = (end - start) / page;
		if (got > BATCH)
			got = BATCH;
		got = pread(pagemap, read_entries, got * 8, start / page * 8) / 8;
		/* The vsyscall page is above the address space. */
		if (got <= 0)
			return;
		for (i = 0; i < got; i++) {
			if (!(read_entries[i] & wanted))
				continue;
			addrs[count] = (void *)(start + i * page);
			entries[count++] = read_entries[i];
			if (count == BATCH)
				flush(pid, node);
		}
	}
}

static void read_process(int pid, int node)
{
	char path[32], *line = NULL;
	unsigned long start, end;
	size_t size = 0;
	int pagemap;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (!maps || pagemap < 0)
		err(1, "process %d", pid);
	while (getline(&line, &size, maps) > 0)
		if (sscanf(line, "%lx-%lx", &start, &end) == 2)
			read_mapping(pid, node, pagemap, start, end);
	flush(pid, node);
	free(line);
	fclose(maps);
	close(pagemap);
}

int main(int argc, char **argv)
{
	int node = -1, i;

	page = sysconf(_SC_PAGESIZE);
	argv++;
	if (argc > 1 && sscanf(*argv, "node%d", &node) == 1)
		argv++;
	for (i = 0; node >= 0 && argv[i]; i++)
		read_process(atoi(argv[i]), node);
	for (i = 0; argv[i]; i++)
		read_process(atoi(argv[i]), -1);
	return 0;
}
