// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_IOC_DIRTY: read and clear the dirty bitmap; see docs/uapi/dirty.md
 *
 *   dirty DEVICE
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
	int i, bit, fd = open(argc > 1 ? argv[1] : "/dev/vmwalk0", O_RDWR);
	char *buffer = mmap(NULL, 16 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	__u64 bitmap;
	struct vmwalk_dirty dirty = {
		.size = sizeof(dirty),
		.flags = VMWALK_DIRTY_CLEAR,
		.length = 16 * page,
		.bitmap = (uintptr_t)&bitmap,
	};

	if (buffer == MAP_FAILED)
		err(1, "setup");
	buffer[3 * page] = 1;
	buffer[5 * page + 100] = 1;
	buffer[5 * page + 200] = 1;

	for (i = 0; i < 2; i++) {
		if (ioctl(fd, VMWALK_IOC_DIRTY, &dirty))
			err(1, "VMWALK_IOC_DIRTY");
		printf("%llu dirty pages:", dirty.pages);
		for (bit = 0; bit < 16; bit++)
			if (bitmap >> bit & 1)
				printf(" %d", bit);
		printf("\n");
	}
	return 0;
}
