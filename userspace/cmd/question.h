/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames that vmwalk find is asked for
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_QUESTION_H
#define _VMWALK_QUESTION_H

#include "command.h"
#include "kpage.h"

struct question {
	__u64 start, end;   /* physical addresses, as asked for */
	bool range;         /* else only start was given */
	__u64 pfn, pages;   /* the frames of the range */
	char *source;       /* what was taken from a log, or NULL */
	unsigned long line; /* first line of the log that names the frame */
	size_t lines;       /* number of these lines */
	bool bank;          /* from a machine-check bank: see logline.h */

	/* What the kernel says */
	bool known;               /* /proc/kpageflags was readable */
	__u64 kinds[KPAGE_KINDS]; /* frames of each kind */
	__u64 flags;              /* of the first frame */
	__u64 cgroup;             /* inode of the first frame's cgroup, or 0 */
	bool counted;             /* ... all mappings of all frames: mappings has them */
	bool exact;               /* the count is that of each page, not of a large folio */
	__u64 mappings;

	/* What a search has found */
	__u64 found; /* mappings of a page */
	__u64 gone;  /* of these, those that were gone at the end */
	size_t first, nr_hits;
};

struct questions {
	struct question *vec; /* sorted by address; no two have the same frames */
	size_t count;
	__u64 *reach;    /* largest frame after the questions up to this one */
	size_t lines;    /* of a log, without an address */
	size_t unknown;  /* of a log, whose address the hardware did not report */
	__u32 page_size; /* set by the caller */
	bool pfn;        /* operands are PFNs; set by the caller */
};

/* Add an operand: ADDRESS or START-END. Prints errors; returns an exit status. */
int questions_add(struct questions *questions, const char *text);

/* Add the addresses in a log on standard input. Prints errors; returns an exit status. */
int questions_read(struct questions *questions);

/*
 * Sort the questions, and read what the kernel says of the frames. Prints errors;
 * returns an exit status.
 */
int questions_prepare(struct questions *questions);

void questions_free(struct questions *questions);

/* Index of the first question that may have frames from @pfn on, or their number */
size_t questions_from(const struct questions *questions, __u64 pfn);

/* Whether the kernel says that no process maps any of the frames */
bool question_is_unmapped(const struct question *question);

/* Whether more mappings can't be found */
bool question_is_answered(const struct question *question);

#endif /* _VMWALK_QUESTION_H */
