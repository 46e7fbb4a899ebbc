// SPDX-License-Identifier: GPL-2.0
/*
 * The two calls that a course on page tables asks for, on a device's target.
 *
 *   where-is-my-process DEVICE log       all its mappings to the kernel log; prints how many lines
 *   where-is-my-process DEVICE PAGE...   for each page number its frame number
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vmwalk.h>

static void log_target(int fd)
{
	struct vmwalk_log log = {
		.size = sizeof(log),
		.end = UINT64_MAX,
		.lines = VMWALK_LOG_LINES,
	};
	int lines, sum = 0;

	/* One call writes no more than so many lines, and says where to go on. */
	do {
		lines = ioctl(fd, VMWALK_IOC_LOG, &log);
		if (lines < 0)
			err(1, "VMWALK_IOC_LOG");
		sum += lines;
		log.start = log.walk_end;
	} while (log.start < log.end);
	printf("%d\n", sum);
}

static void print_frame(int fd, const char *page)
{
	/* The page number is the argument itself, not an address where it stands. */
	int frame = ioctl(fd, IOCTL_GET_PFN, strtoul(page, NULL, 0));

	if (frame < 0)
		printf("%s %s\n", page, strerrorname_np(errno));
	else
		printf("%s 0x%x\n", page, frame);
}

int main(int argc, char **argv)
{
	int i, fd;

	if (argc < 3)
		errx(2, "usage: where-is-my-process DEVICE log|PAGE...");
	fd = open(argv[1], O_RDONLY);
	if (fd < 0)
		err(1, "%s", argv[1]);

	if (!strcmp(argv[2], "log")) {
		log_target(fd);
		return 0;
	}
	for (i = 2; i < argc; i++)
		print_frame(fd, argv[i]);
	return 0;
}
