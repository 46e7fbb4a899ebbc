// SPDX-License-Identifier: GPL-2.0
/*
 * Saved scans
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "processes.h"
#include "saved.h"

static const char magic[8] = "vmwscan";

/* Header */

static void read_boot_id(char *id, size_t size)
{
	FILE *file = system_open("/proc/sys/kernel/random/boot_id");

	*id = '\0';
	if (!file)
		return;
	if (!fgets(id, size, file))
		*id = '\0';
	id[strcspn(id, "\n")] = '\0';
	fclose(file);
}

void saved_begin(struct saved_header *header, const struct target *target,
		 const struct vmwalk_scan *range)
{
	struct process process = { .pid = target->pid };

	/* Initialize the padding, too: it is written to the file. */
	memset(header, 0, sizeof(*header));
	memcpy(header->magic, magic, sizeof(magic));
	header->version = SAVED_VERSION;
	header->page_size = target->info.page_size;
	header->pid = target->pid;
	if (process_read(&process)) {
		header->process_start = process.start;
		memcpy(header->comm, process.comm, sizeof(header->comm));
	}
	header->start = range->start;
	header->end = range->end;
	read_boot_id(header->boot_id, sizeof(header->boot_id));
	header->begun = clock_ns(CLOCK_REALTIME);
	header->begun_boot = clock_ns(CLOCK_BOOTTIME);
}

void saved_end(struct saved_header *header)
{
	header->ended = clock_ns(CLOCK_REALTIME);
}

/* Write */

struct writer {
	const struct target *target;
	const struct vmwalk_scan *range;
	struct saved_header header;
	FILE *file;
};

static int write_extent(const struct vmwalk_extent *extent, void *data)
{
	struct writer *writer = data;

	if (fwrite_unlocked(extent, sizeof(*extent), 1, writer->file) != 1)
		return 1;
	if (++writer->header.extents % 512 == 0 && progress_due())
		progress_print("scan: %llu extents", writer->header.extents);
	return 0;
}

__u64 saved_copy_maps(pid_t pid, FILE *to)
{
	FILE *maps = system_open("/proc/%d/maps", pid);
	char block[8192];
	__u64 size = 0;
	size_t len;

	for (; maps && (len = fread(block, 1, sizeof(block), maps)); size += len)
		fwrite(block, 1, len, to);
	if (maps)
		fclose(maps);
	return size;
}

/* Write the whole scan to the temporary file. Returns an exit status. */
static int write_scan(struct writer *writer, struct vmwalk_scan *range, const char *path)
{
	struct saved_header *header = &writer->header;
	int error = 0;

	saved_begin(header, writer->target, range);
	/* Leave space for the header, which is written last. */
	if (fseeko(writer->file, sizeof(*header), SEEK_SET))
		return failure("%s: %m", path);
	progress_start();
	if (vmwalk_file_scan(writer->target->file, range, write_extent, writer) < 0)
		error = errno;
	progress_end();
	if (error)
		return target_failure(writer->target, NULL, error);
	header->maps_size = saved_copy_maps(writer->target->pid, writer->file);
	saved_end(header);
	if (ferror(writer->file) || fseeko(writer->file, 0, SEEK_SET) ||
	    fwrite(header, sizeof(*header), 1, writer->file) != 1)
		return failure("%s: %m", path);
	return EXIT_SUCCESS;
}

int saved_write(const struct target *target, struct vmwalk_scan *range, const char *path)
{
	struct writer writer = { .target = target, .range = range };
	struct replacement replacement;
	int status;

	status = replacement_open(&replacement, path);
	if (status)
		return status;
	writer.file = replacement.file;
	range->return_mask = SAVED_FLAGS;
	status = write_scan(&writer, range, path);
	/* The file contains PFNs, so others may not read it. */
	return replacement_close(&replacement, 0600, status);
}

/* Read */

static int header_failure(const struct saved *saved)
{
	const struct saved_header *header = &saved->header;
	struct stat stat;

	if (memcmp(header->magic, magic, sizeof(magic)))
		return failure("%s: not a file of vmwalk scan --save", saved->path);
	if (header->version != SAVED_VERSION)
		return failure("%s: version %u of the format is not supported (known: %u)",
			       saved->path, header->version, SAVED_VERSION);
	if (fstat(fileno(saved->file), &stat))
		return failure("%s: %m", saved->path);
	if (!header->page_size || header->page_size & (header->page_size - 1) ||
	    header->boot_id[sizeof(header->boot_id) - 1] ||
	    header->comm[sizeof(header->comm) - 1] || header->start >= header->end ||
	    header->extents > (__u64)stat.st_size / sizeof(struct vmwalk_extent) ||
	    (__u64)stat.st_size !=
		    sizeof(*header) + header->extents * sizeof(struct vmwalk_extent) +
			    header->maps_size)
		return failure("%s: the file is damaged", saved->path);
	return EXIT_SUCCESS;
}

int saved_open(struct saved *saved, const char *path)
{
	int status = EXIT_SUCCESS;

	*saved = (struct saved){ .path = path, .file = fopen(path, "re") };
	if (!saved->file)
		return failure("%s: %m", path);
	if (fread(&saved->header, sizeof(saved->header), 1, saved->file) != 1)
		status = ferror(saved->file)
			? failure("%s: %m", path)
			: failure("%s: not a file of vmwalk scan --save", path);
	if (!status)
		status = header_failure(saved);
	if (status)
		saved_close(saved);
	return status;
}

void saved_close(struct saved *saved)
{
	if (saved->file)
		fclose(saved->file);
	saved->file = NULL;
}

int saved_next(struct saved *saved, struct vmwalk_extent *extent)
{
	__u64 page_size = saved->header.page_size;

	if (saved->next == saved->header.extents)
		return 0;
	if (fread_unlocked(extent, sizeof(*extent), 1, saved->file) != 1) {
		if (!ferror(saved->file))
			errno = EBADMSG;
		return -1;
	}
	/* compare.c needs extents in the order of their addresses. */
	if (extent->start < saved->from || extent->start % page_size || !extent->pages ||
	    extent->pages > (UINT64_MAX - extent->start) / page_size || extent->page_shift > 63) {
		errno = EBADMSG;
		return -1;
	}
	saved->from = extent->start + extent->pages * page_size;
	saved->next++;
	return 1;
}

struct maps *saved_maps(const struct saved *saved)
{
	FILE *file = fopen(saved->path, "re");
	off_t offset = sizeof(saved->header) +
		(off_t)(saved->header.extents * sizeof(struct vmwalk_extent));

	if (file && fseeko(file, offset, SEEK_SET)) {
		fclose(file);
		return NULL;
	}
	return file ? maps_read(file) : NULL;
}
