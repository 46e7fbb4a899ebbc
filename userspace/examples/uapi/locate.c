// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_IOC_LOCATE: where a byte of the buffer is. docs/uapi/locate.md shows this program.
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
	struct vmwalk_locate location = { .size = sizeof(location), .offset = 5000 };
	int fd = open(argc > 1 ? argv[1] : "/dev/vmwalk0", O_RDONLY);

	if (fd < 0 || ioctl(fd, VMWALK_IOC_LOCATE, &location))
		err(1, "VMWALK_IOC_LOCATE");

	printf("kernel address    0x%016llx\n", location.kaddr);
	printf("by arithmetic     0x%016llx\n", location.linear);
	printf("by page tables    0x%016llx\n", location.phys);
	printf("in one piece for  0x%llx bytes\n", location.contig_len);
	printf("the arithmetic %s\n", location.linear == location.phys ? "is right" : "means nothing");
	return 0;
}
