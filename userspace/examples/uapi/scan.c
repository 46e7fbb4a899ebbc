// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_IOC_SCAN: get the extents of an address range; see docs/uapi/scan.md
 *
 *   scan DEVICE
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

int main(int argc, char **argv)
{
	long page = sysconf(_SC_PAGESIZE);
	int i, count, fd = open(argc > 1 ? argv[1] : "/dev/vmwalk0", O_RDWR);
	char *buffer = mmap(NULL, 16 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct vmwalk_extent vec[2];
	struct vmwalk_scan scan = {
		.size = sizeof(scan),
		.start = (uintptr_t)buffer,
		.end = (uintptr_t)buffer + 16 * page,
		.vec = (uintptr_t)vec,
		.vec_len = 2,
		.category_mask = VMWALK_PRESENT,
		.return_mask = VMWALK_WRITE,
	};

	if (buffer == MAP_FAILED || mprotect(buffer + 4 * page, page, PROT_READ))
		err(1, "setup");

	do {
		count = ioctl(fd, VMWALK_IOC_SCAN, &scan);
		if (count < 0)
			err(1, "VMWALK_IOC_SCAN");
		printf("%d extents up to 0x%llx\n", count, scan.walk_end);
		for (i = 0; i < count; i++)
			printf("  0x%llx: %llu pages, first PFN 0x%llx, %s\n", vec[i].start,
			       vec[i].pages, vec[i].pfn,
			       vec[i].flags & VMWALK_WRITE ? "writable" : "read-only");
		scan.start = scan.walk_end;
	} while (scan.start < scan.end);
	return 0;
}
