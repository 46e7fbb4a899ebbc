/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Saved scans: files of scan --save, and the first scan of diff --seconds
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_SAVED_H
#define _VMWALK_SAVED_H

#include "command.h"

#define SAVED_VERSION 1

/* State flags in a saved scan. Other flags change too often to be compared. */
#define SAVED_FLAGS                                                                    \
	(VMWALK_PRESENT | VMWALK_SWAP | VMWALK_MIGRATION | VMWALK_FILE | VMWALK_ZERO | \
	 VMWALK_HUGETLB | VMWALK_SPECIAL | VMWALK_HUGE)

/*
 * The file: this header, the extents, and a copy of /proc/PID/maps. Numbers have
 * the byte order of the machine. Times are in ns.
 */
struct saved_header {
	char magic[8];
	__u32 version;
	__u32 page_size;
	__s32 pid;
	__u32 pad;
	__u64 process_start; /* in clock ticks after the boot; 0: unknown */
	__u64 begun, ended;  /* CLOCK_REALTIME */
	__u64 begun_boot;    /* CLOCK_BOOTTIME, which cannot be set */
	__u64 start, end;    /* range that was scanned */
	__u64 extents;
	__u64 maps_size;
	char boot_id[40];
	char comm[64];
};

/*
 * Describe the target in the header of a scan that begins now. saved_end() sets
 * the time when it ends.
 */
void saved_begin(struct saved_header *header, const struct target *target,
		 const struct vmwalk_scan *range);
void saved_end(struct saved_header *header);

/*
 * Scan the range and save the result in a file, which is replaced when the scan
 * is complete. Prints errors and returns an exit status.
 */
int saved_write(const struct target *target, struct vmwalk_scan *range, const char *path);

/*
 * Append /proc/PID/maps to a file, if maps is readable. Returns the number of
 * bytes. For errors of the output see ferror().
 */
__u64 saved_copy_maps(pid_t pid, FILE *to);

/* A saved scan that is open for reading */
struct saved {
	const char *path;
	FILE *file;
	struct saved_header header;
	__u64 next; /* index of the next extent */
	__u64 from; /* end of the extent before it */
};

/* Prints errors and returns an exit status. */
int saved_open(struct saved *saved, const char *path);
void saved_close(struct saved *saved);

/*
 * Read the next extent. Returns 1; 0 after the last one; or -1 with errno set:
 * EBADMSG if the file is damaged.
 */
int saved_next(struct saved *saved, struct vmwalk_extent *extent);

/* The mappings in the file, or NULL with errno set */
struct maps *saved_maps(const struct saved *saved);

#endif /* _VMWALK_SAVED_H */
