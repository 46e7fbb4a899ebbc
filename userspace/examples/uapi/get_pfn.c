// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_IOC_GET_PFN: get the PFN of a page; see docs/uapi/get_pfn.md
 *
 *   get_pfn DEVICE
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vmwalk.h>

int main(int argc, char **argv)
{
	long size = sysconf(_SC_PAGESIZE);
	int pfn, fd = open(argc > 1 ? argv[1] : "/dev/vmwalk0", O_RDONLY);
	char *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || page == MAP_FAILED)
		err(1, "setup");

	if (ioctl(fd, VMWALK_IOC_GET_PFN, (uintptr_t)page / size) < 0)
		printf("before the first write: %s\n", strerror(errno));

	*page = 1;
	pfn = ioctl(fd, VMWALK_IOC_GET_PFN, (uintptr_t)page / size);
	if (pfn < 0)
		err(1, "VMWALK_IOC_GET_PFN");
	printf("after the first write: PFN 0x%x\n", pfn);
	return 0;
}
