// SPDX-License-Identifier: GPL-2.0
/*
 * Log the mappings of a device's target, or translate single pages of it.
 *
 *   where-is-my-process DEVICE log       log all mappings, print the line count
 *   where-is-my-process DEVICE PAGE...   print the PFN of each page number
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

	/* A call logs at most VMWALK_LOG_LINES: continue at walk_end. */
	do {
		lines = ioctl(fd, VMWALK_IOC_LOG, &log);
		if (lines < 0)
			err(1, "VMWALK_IOC_LOG");
		sum += lines;
		log.start = log.walk_end;
	} while (log.start < log.end);
	printf("%d\n", sum);
}

static void print_pfn(int fd, const char *page)
{
	/* The argument is the page number itself, not a pointer to it. */
	int pfn = ioctl(fd, IOCTL_GET_PFN, strtoul(page, NULL, 0));

	if (pfn < 0)
		printf("%s %s\n", page, strerrorname_np(errno));
	else
		printf("%s 0x%x\n", page, pfn);
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
		print_pfn(fd, argv[i]);
	return 0;
}
