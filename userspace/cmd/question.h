/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmwalk find: the addresses to search for
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_QUESTION_H
#define _VMWALK_QUESTION_H

#include "command.h"
#include "kpage.h"

struct question {
	__u64 start, end;   /* physical addresses, as given by the user */
	bool range;         /* false: only start was given */
	__u64 pfn, pages;   /* the frames of the range */
	char *source;       /* text of the log that contains the address, or NULL */
	unsigned long line; /* first line of the log with this frame */
	size_t lines;       /* number of these lines */
	bool bank;          /* from a machine-check bank: see logline.h */

	/* The kernel's description of the frames */
	bool known;               /* /proc/kpageflags was readable */
	__u64 kinds[KPAGE_KINDS]; /* frames of each kind */
	__u64 flags;              /* of the first frame */
	__u64 cgroup;             /* inode of the first frame's cgroup, or 0 */
	bool counted;             /* mappings includes all mappings of all frames */
	bool exact;               /* pages are counted one by one, not per large folio */
	__u64 mappings;

	/* Results of the search */
	__u64 found; /* mappings of pages */
	__u64 gone;  /* mappings among these that no longer existed at the end */
	size_t first, nr_hits;
};

struct questions {
	struct question *vec; /* sorted by address; no two have the same frames */
	size_t count;
	__u64 *reach;    /* largest frame after the questions up to this one */
	size_t lines;    /* lines of the log without an address */
	size_t unknown;  /* lines of the log with address 0 */
	__u32 page_size; /* set by the caller */
	bool pfn;        /* operands are PFNs; set by the caller */
};

/* Add an operand: ADDRESS or START-END. Prints errors; returns an exit status. */
int questions_add(struct questions *questions, const char *text);

/* Add the addresses in a log on standard input. Prints errors; returns an exit status. */
int questions_read(struct questions *questions);

/*
 * Sort the questions, and read the kernel's description of the frames. Prints
 * errors; returns an exit status.
 */
int questions_prepare(struct questions *questions);

void questions_free(struct questions *questions);

/* Index of the first question that may have frames from @pfn on, or their number */
size_t questions_from(const struct questions *questions, __u64 pfn);

/* Whether, according to the kernel, no process maps any of the frames */
bool question_is_unmapped(const struct question *question);

/* Whether all mappings of the frames are found */
bool question_is_answered(const struct question *question);

#endif /* _VMWALK_QUESTION_H */
