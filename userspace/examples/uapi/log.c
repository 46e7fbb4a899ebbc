// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_IOC_LOG: write extents to the kernel log; see docs/uapi/log.md
 *
 *   log DEVICE
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vmwalk.h>

int main(int argc, char **argv)
{
	long page = sysconf(_SC_PAGESIZE);
	int lines, fd = open(argc > 1 ? argv[1] : "/dev/vmwalk0", O_RDWR);
	char *buffer = mmap(NULL, 16 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct vmwalk_log log = {
		.size = sizeof(log),
		.start = (uintptr_t)buffer,
		.end = (uintptr_t)buffer + 16 * page,
		.lines = VMWALK_LOG_LINES,
	};

	if (buffer == MAP_FAILED || mprotect(buffer + 4 * page, page, PROT_READ))
		err(1, "setup");

	do {
		lines = ioctl(fd, VMWALK_IOC_LOG, &log);
		if (lines < 0)
			err(1, "VMWALK_IOC_LOG");
		printf("%d lines\n", lines);
		log.start = log.walk_end;
	} while (log.start < log.end);
	return 0;
}
