// SPDX-License-Identifier: GPL-2.0
/*
 * Copy between the start of a device's buffer and its target's memory.
 *
 *   other-process from|to DEVICE ADDRESS LENGTH
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vmwalk.h>

int main(int argc, char **argv)
{
	struct vmwalk_copy copy = { .size = sizeof(copy) };
	int fd;

	if (argc != 5)
		errx(2, "usage: other-process from|to DEVICE ADDRESS LENGTH");
	copy.direction = strcmp(argv[1], "to") ? VMWALK_COPY_FROM_TARGET : VMWALK_COPY_TO_TARGET;
	copy.addr = strtoull(argv[3], NULL, 0);
	copy.length = strtoull(argv[4], NULL, 0);

	fd = open(argv[2], O_RDWR);
	if (fd < 0)
		err(1, "%s", argv[2]);
	if (ioctl(fd, VMWALK_IOC_COPY, &copy))
		err(1, "%s", argv[3]);
	printf("%llu of %llu bytes copied\n", copy.copied, copy.length);
	return 0;
}
