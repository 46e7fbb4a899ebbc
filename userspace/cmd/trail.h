/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trail of a scan: in which frames the pages of a process were
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_TRAIL_H
#define _VMWALK_TRAIL_H

#include "command.h"

/* Consecutive pages in consecutive frames */
struct trail_run {
	__u64 page; /* address of the first page, in pages */
	__u64 pfn;
	__u64 pages;
};

/* Runs in the order of their addresses. An empty trail is initialized with zeros. */
struct trail {
	struct buffer runs;    /* encoded */
	__u64 page, pfn;       /* after the last encoded run */
	struct trail_run last; /* not encoded yet, since it may grow */
	bool dropped;          /* it would have exceeded its limit */
};

/*
 * Append a run. A trail that exceeds @limit bytes, or the memory that is free, is
 * dropped. Call trail_end() after the last run.
 */
void trail_add(struct trail *trail, const struct trail_run *run, size_t limit);
void trail_end(struct trail *trail, size_t limit);
void trail_free(struct trail *trail);

/* Reader of a trail. It is initialized with the trail. */
struct trail_reader {
	const struct trail *trail;
	size_t at;
	struct trail_run run;
};

/*
 * Number of pages of a run that were in other frames. Each call must pass a run
 * with a higher address.
 */
__u64 trail_moved(struct trail_reader *reader, const struct trail_run *run);

#endif /* _VMWALK_TRAIL_H */
