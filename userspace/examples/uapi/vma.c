// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_IOC_VMA: list mappings; see docs/uapi/vma.md
 *
 *   vma DEVICE
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/vmwalk.h>

int main(int argc, char **argv)
{
	struct vmwalk_vma vma = { .size = sizeof(vma) };
	int fd = open(argc > 1 ? argv[1] : "/dev/vmwalk0", O_RDWR);

	if (mmap(NULL, 0x4000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ||
	    mmap(NULL, 0x2000, PROT_READ, MAP_PRIVATE, fd, 0x1000) == MAP_FAILED)
		err(1, "setup");

	for (; !ioctl(fd, VMWALK_IOC_VMA, &vma); vma.addr = vma.end)
		if (vma.attrs & VMWALK_VMA_DEVICE)
			printf("%llu bytes at page %llu of the buffer, %s, %s\n",
			       vma.end - vma.start, vma.pgoff,
			       vma.attrs & VMWALK_VMA_WRITE ? "writable" : "read-only",
			       vma.attrs & VMWALK_VMA_SHARED ? "shared" : "private");
	if (errno != ENOENT)
		err(1, "VMWALK_IOC_VMA");
	printf("no mapping above 0x%llx\n", vma.addr);
	return 0;
}
