// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_IOC_WALK: walk the page tables for an address; see docs/uapi/walk.md
 *
 *   walk DEVICE
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include <linux/vmwalk.h>

int main(int argc, char **argv)
{
	static const char *const name[VMWALK_LEVELS] = { "pgd", "p4d", "pud", "pmd", "pte" };
	struct vmwalk_walk walk = { .size = sizeof(walk), .addr = (uintptr_t)&walk };
	int i, fd = open(argc > 1 ? argv[1] : "/dev/vmwalk0", O_RDONLY);

	if (fd < 0 || ioctl(fd, VMWALK_IOC_WALK, &walk))
		err(1, "VMWALK_IOC_WALK");

	for (i = VMWALK_PGD; i < VMWALK_LEVELS; i++)
		printf("%s  flags %x  table 0x%09llx  index %3u  entry 0x%016llx\n", name[i],
		       walk.level[i].flags, walk.level[i].table, walk.level[i].index,
		       walk.level[i].entry);
	if (walk.stop == VMWALK_STOP_PAGE)
		printf("0x%llx: physical 0x%llx, page of %u bytes\n", walk.addr, walk.phys,
		       1U << walk.page_shift);
	return 0;
}
