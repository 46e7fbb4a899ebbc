// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_IOC_INFO: get properties of the device; see docs/uapi/info.md
 *
 *   info DEVICE
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
	struct vmwalk_info info = { .size = sizeof(info) };
	int fd = open(argc > 1 ? argv[1] : "/dev/vmwalk0", O_RDONLY);

	if (fd < 0 || ioctl(fd, VMWALK_IOC_INFO, &info))
		err(1, "VMWALK_IOC_INFO");

	printf("instance %u, ABI version %u\n", info.instance, info.abi_version);
	printf("buffer: %llu bytes, %s, %s\n", info.buffer_size,
	       info.buffer_type == VMWALK_BUFFER_VMALLOC ? "vmalloc" : "another type",
	       info.map_mode == VMWALK_MAP_FAULT ? "mapped on fault" : "mapped by mmap()");
	printf("page tables: %u levels, pages of %u bytes\n", info.paging_levels, info.page_size);
	printf("target pid: %d\n", info.target_pid);
	return 0;
}
