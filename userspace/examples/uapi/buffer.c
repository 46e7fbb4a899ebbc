// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_IOC_BUFFER: where a byte of the buffer is. docs/uapi/buffer.md shows this program.
 *
 *   buffer DEVICE
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include <linux/vmwalk.h>

int main(int argc, char **argv)
{
	struct vmwalk_place place = { .size = sizeof(place), .offset = 5000 };
	int fd = open(argc > 1 ? argv[1] : "/dev/vmwalk0", O_RDONLY);

	if (fd < 0 || ioctl(fd, VMWALK_IOC_BUFFER, &place))
		err(1, "VMWALK_IOC_BUFFER");

	printf("kernel address    0x%016llx\n", place.kaddr);
	printf("by arithmetic     0x%016llx\n", place.linear);
	printf("by page tables    0x%016llx\n", place.phys);
	printf("in one piece for  0x%llx bytes\n", place.run);
	printf("the arithmetic %s\n", place.linear == place.phys ? "is right" : "means nothing");
	return 0;
}
