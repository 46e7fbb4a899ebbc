// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_IOC_LOCATE: get the addresses of a buffer offset; see docs/uapi/locate.md
 *
 *   locate DEVICE
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

	printf("kernel address  0x%016llx\n", location.kaddr);
	printf("__pa()          0x%016llx\n", location.linear);
	printf("page tables     0x%016llx\n", location.phys);
	printf("contiguous for  0x%llx bytes\n", location.contig_len);
	printf("__pa() is %s\n", location.linear == location.phys ? "right" : "meaningless");
	return 0;
}
