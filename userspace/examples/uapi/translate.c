// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_IOC_TRANSLATE: translate several addresses; see docs/uapi/translate.md
 *
 *   translate DEVICE
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include <linux/vmwalk.h>

static int written = 1;

int main(int argc, char **argv)
{
	struct vmwalk_translation vec[4] = {
		{ .addr = (uintptr_t)vec },
		{ .addr = 0 },
		{ .addr = (uintptr_t)&written },
		{ .addr = (uintptr_t)main },
	};
	struct vmwalk_translate translate = {
		.size = sizeof(translate),
		.vec = (uintptr_t)vec,
		.vec_len = 4,
	};
	int fd = open(argc > 1 ? argv[1] : "/dev/vmwalk0", O_RDONLY);
	unsigned int i;

	/* Copy-on-write: its page is writable from now on. */
	written = 2;
	if (fd < 0 || ioctl(fd, VMWALK_IOC_TRANSLATE, &translate))
		err(1, "VMWALK_IOC_TRANSLATE");

	for (i = 0; i < translate.vec_len; i++)
		if (vec[i].state & VMWALK_PRESENT)
			printf("0x%llx: physical 0x%llx, %s\n", vec[i].addr, vec[i].phys,
			       vec[i].state & VMWALK_WRITE ? "writable" : "read-only");
		else
			printf("0x%llx: not mapped\n", vec[i].addr);
	return 0;
}
