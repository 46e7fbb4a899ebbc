/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Comparison of two scans of one address space
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_COMPARE_H
#define _VMWALK_COMPARE_H

#include "command.h"

/* Kinds of changes at one address, in the order of the output */
enum change {
	CHANGE_OTHER_FRAME,
	CHANGE_RESIZED,
	CHANGE_SWAPPED_OUT,
	CHANGE_SWAPPED_IN,
	CHANGE_NEW,
	CHANGE_GONE,
	CHANGE_NEW_SWAPPED,
	CHANGE_GONE_SWAPPED,
	CHANGE_NEW_ZERO,
	CHANGE_GONE_ZERO,
	CHANGE_FROM_ZERO,
	CHANGE_TO_ZERO,
	CHANGE_MIGRATING,
	CHANGE_HIDDEN,
	CHANGE_SAME_ZERO,
	CHANGE_SAME_SWAPPED,
	CHANGE_SAME,
	CHANGE_KINDS
};

const char *change_name(enum change change);

/* Pages of one of the scans; all zero if the scan has none here */
struct side {
	__u64 pfn;
	__u32 flags;
	__u16 page_shift;
	__s16 node; /* -1: unknown */
};

struct difference {
	__u64 start, pages;
	enum change change;
	struct side from, to;
};

struct compare {
	__u64 page_size;
	/* Reads the next extent of the first scan: 1, 0 at the end, -1 with errno set. */
	int (*next)(void *from, struct vmwalk_extent *extent);
	void *from;
	/* Called for all pages of both scans, in the order of addresses */
	int (*fn)(const struct difference *difference, void *data);
	void *data;
	struct vmwalk_extent old; /* rest of the current extent of the first scan */
	bool ended;               /* the first scan has no more extents */
};

/*
 * Compare the next extent of the second scan with the extents of the first scan
 * up to its end. The fields above `old` are set by the caller, the others are
 * zero. Returns 0; -1 with errno set; or the value that @fn returned to end the
 * comparison. Memory use does not depend on the number of extents.
 */
int compare_next(struct compare *compare, const struct vmwalk_extent *extent);

/* Compare the extents of the first scan after the last one of the second scan. */
int compare_rest(struct compare *compare);

#endif /* _VMWALK_COMPARE_H */
