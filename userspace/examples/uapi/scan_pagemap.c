// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_SCAN_PAGEMAP: read entries of pagemap; see docs/uapi/scan_pagemap.md
 *
 *   scan_pagemap DEVICE
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vmwalk.h>

static long page;

/* What the program did before: entries of /proc/self/pagemap. */
static long read_pagemap(int fd, uintptr_t addr, __u64 *vec, size_t count)
{
	ssize_t len = pread(fd, vec, count * sizeof(*vec), addr / page * sizeof(*vec));

	return len < 0 ? -1 : len / (ssize_t)sizeof(*vec);
}

/* What it does now: the same entries, from a vmwalk device. */
static long read_vmwalk(int fd, uintptr_t addr, __u64 *vec, size_t count)
{
	struct vmwalk_scan scan = {
		.size = sizeof(scan),
		.flags = VMWALK_SCAN_PAGEMAP,
		.start = addr,
		.end = addr + count * page,
		.vec = (uintptr_t)vec,
		.vec_len = count,
	};

	return ioctl(fd, VMWALK_IOC_SCAN, &scan);
}

/* The decoder stays as it is. */
static void print_entry(int i, unsigned long long entry)
{
	if (entry >> 63 & 1)
		printf("  page %d: PFN 0x%llx%s\n", i, entry & ((1ULL << 55) - 1),
		       entry >> 61 & 1 ? ", file or shared" : "");
	else
		printf("  page %d: %s\n", i, entry >> 62 & 1 ? "swapped out" : "empty");
}

int main(int argc, char **argv)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	int fd = open(argc > 1 ? argv[1] : "/dev/vmwalk0", O_RDONLY);
	__u64 before[4], now[4];
	char *memory;
	int i;

	page = sysconf(_SC_PAGESIZE);
	memory = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pagemap < 0 || fd < 0 || memory == MAP_FAILED)
		err(1, "setup");
	memory[0] = 1;
	memory[2 * page] = 1;

	if (read_pagemap(pagemap, (uintptr_t)memory, before, 4) != 4 ||
	    read_vmwalk(fd, (uintptr_t)memory, now, 4) != 4)
		err(1, "reading the entries");
	for (i = 0; i < 4; i++) {
		print_entry(i, now[i]);
		/* Bit 56 is not reported. */
		if ((before[i] ^ now[i]) & ~(1ULL << 56))
			errx(1, "pagemap has 0x%llx", before[i]);
	}
	return 0;
}
