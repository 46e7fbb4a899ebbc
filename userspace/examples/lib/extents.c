// SPDX-License-Identifier: GPL-2.0
/*
 * libvmwalk: list the pages of an instance's target as extents. libvmwalk(3)
 * shows this program.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdio.h>

#include <vmwalk/libvmwalk.h>

static int print(const struct vmwalk_extent *extent, void *data)
{
	(void)data;
	printf("0x%llx: %llu pages, first PFN 0x%llx\n", extent->start, extent->pages, extent->pfn);
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "demo";
	struct vmwalk_scan scan = {
		.end = -1,
		.category_mask = VMWALK_PRESENT,
		.return_mask = VMWALK_PRESENT,
	};
	struct vmwalk_file *file = vmwalk_file_open_by_name(name);

	if (!file || vmwalk_file_scan(file, &scan, print, NULL)) {
		perror(name);
		return 1;
	}
	vmwalk_file_close(file);
	return 0;
}
