// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk scan --pagemap: write a file with the layout of /proc/PID/pagemap
 *
 * The entry of page N is at offset N * 8, so a program that reads pagemap can
 * read the file instead. The file has holes for unmapped addresses: its disk
 * space and the time of the scan depend on the mapped memory only.
 *
 * A scan for extents finds the pages. Their entries are read and written in
 * blocks, which fill a page of the file.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

#define BLOCK      512
#define MAX_BLOCKS 64 /* to read at once */

#define PM_SOFT_DIRTY 0x0080000000000000ULL

struct pagemap {
	const struct target *target;
	const struct vmwalk_scan *range;
	__u64 start, end; /* blocks that have pages; empty if these are equal */
	__u64 extents;
	int fd;
	int write_error; /* errno, or 0 */
	__u64 entries[MAX_BLOCKS * BLOCK];
};

/*
 * Whether a block has a page. The entry of an empty page may have the
 * soft-dirty bit: clear it, so that it does not fill the holes of the file.
 */
static bool has_pages(__u64 *entries, size_t count)
{
	__u64 any = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if (entries[i] == PM_SOFT_DIRTY)
			entries[i] = 0;
		any |= entries[i];
	}
	return any;
}

static int write_block(struct pagemap *pagemap, const __u64 *entries, size_t count, __u64 addr)
{
	off_t offset = addr / pagemap->target->info.page_size * sizeof(*entries);
	size_t done, len = count * sizeof(*entries);
	ssize_t written;

	for (done = 0; done < len; done += written) {
		written = pwrite(pagemap->fd, (const char *)entries + done, len - done,
				 offset + done);
		if (written < 0) {
			pagemap->write_error = errno;
			return -1;
		}
	}
	return 0;
}

/* Write the blocks from pagemap->start to pagemap->end. Returns -1 on error. */
static int write_blocks(struct pagemap *pagemap)
{
	__u64 page_size = pagemap->target->info.page_size, addr = pagemap->start;
	size_t i, len, wanted;
	long count;

	for (; addr < pagemap->end; addr += count * page_size) {
		wanted = (pagemap->end - addr) / page_size;
		if (wanted > ARRAY_SIZE(pagemap->entries))
			wanted = ARRAY_SIZE(pagemap->entries);
		count = vmwalk_file_pagemap(pagemap->target->file, addr, pagemap->entries, wanted);
		if (count < 0)
			return -1;
		/* The end of user space */
		if (!count)
			break;
		for (i = 0; i < (size_t)count; i += len) {
			len = count - i < BLOCK ? count - i : BLOCK;
			if (has_pages(pagemap->entries + i, len) &&
			    write_block(pagemap, pagemap->entries + i, len, addr + i * page_size))
				return -1;
		}
	}
	pagemap->start = pagemap->end;
	return 0;
}

static void show_progress(const struct pagemap *pagemap, __u64 addr)
{
	int percent = maps_percent(pagemap->target->pid, pagemap->range->start, addr,
				   pagemap->range->end);

	if (percent < 0)
		percent = 0;
	progress_print("scan: %d%% of the mapped memory", percent);
}

/* Add the blocks of an extent. First write previous blocks that are not adjacent. */
static int add_extent(const struct vmwalk_extent *extent, void *data)
{
	struct pagemap *pagemap = data;
	__u64 page_size = pagemap->target->info.page_size, block = BLOCK * page_size;
	__u64 start = extent->start, end = extent->start + extent->pages * page_size;

	start -= start % block;
	end += (block - end % block) % block;
	if (start < pagemap->range->start)
		start = pagemap->range->start;
	if (end > pagemap->range->end)
		end = pagemap->range->end;

	if (start > pagemap->end ||
	    pagemap->end - pagemap->start >= sizeof(pagemap->entries) / 8 * page_size) {
		if (write_blocks(pagemap))
			return -1;
		if (start < pagemap->end)
			start = pagemap->end;
		pagemap->start = start;
		pagemap->end = start;
	}
	if (end > pagemap->end)
		pagemap->end = end;
	if (++pagemap->extents % 512 == 0 && progress_due())
		show_progress(pagemap, start);
	return 0;
}

/* Only a regular file has holes. It contains PFNs, so others may not read it. */
static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat stat;

	if (fd >= 0 && !fstat(fd, &stat) && S_ISREG(stat.st_mode))
		return fd;
	if (fd < 0)
		failure("%s: %m", path);
	else
		failure("%s: not a regular file", path);
	if (fd >= 0)
		close(fd);
	return -1;
}

int pagemap_write(const struct target *target, struct vmwalk_scan *range, const char *path)
{
	struct pagemap *pagemap = calloc(1, sizeof(*pagemap));
	__u64 part = range->end % target->info.page_size;
	int error = 0, status = EXIT_SUCCESS;

	if (!pagemap)
		return failure("%m");
	/* The driver rounds the end, too. The default is the largest number. */
	if (part && range->end != UINT64_MAX)
		range->end += target->info.page_size - part;
	pagemap->target = target;
	pagemap->range = range;
	pagemap->fd = open_file(path);
	if (pagemap->fd < 0) {
		free(pagemap);
		return EXIT_FAILURE;
	}

	progress_start();
	if (vmwalk_file_scan(target->file, range, add_extent, pagemap) || write_blocks(pagemap))
		error = errno;
	progress_end();
	/* Some file systems report a full disk only now. */
	if (close(pagemap->fd) && !pagemap->write_error)
		pagemap->write_error = errno;
	if (pagemap->write_error)
		status = failure("%s: %s", path, strerror(pagemap->write_error));
	else if (error)
		status = target_failure(target, NULL, error);
	free(pagemap);
	return status;
}
