/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accounting of a process's pages: what they are, how they are mapped, where
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_TALLY_H
#define _VMWALK_TALLY_H

#include "command.h"
#include "frames.h"
#include "thp.h"

enum tally_kind {
	TALLY_ANONYMOUS,
	TALLY_FILE,
	TALLY_SHMEM,
	TALLY_HUGETLB,
	TALLY_ZERO,      /* the zero pages: no memory of their own */
	TALLY_SPECIAL,   /* PFN mappings: memory of a driver or a device */
	TALLY_SWAP,      /* not present: in swap, or held by a driver */
	TALLY_MIGRATION, /* not present: on its way to another frame */
	TALLY_KINDS,
};

/* Names in JSON and in metrics */
extern const char *const tally_kind_names[TALLY_KINDS];

enum {
	/* The kinds that RSS counts */
	TALLY_RESIDENT = 1 << TALLY_ANONYMOUS | 1 << TALLY_FILE | 1 << TALLY_SHMEM,
	/* The kinds whose frames are memory of their own */
	TALLY_FRAMES = TALLY_RESIDENT | 1 << TALLY_HUGETLB,
};

#define TALLY_ANY_SHIFT 0
#define TALLY_ANY_NODE  (-2)

/* Pages with the same properties */
struct tally_part {
	enum tally_kind kind;
	unsigned int shift; /* log2 of the bytes that a page-table entry covers */
	int node;           /* -1: none */
	__u64 bytes;
};

/*
 * Aligned windows of the size of a huge page that are wholly inside of a mapping
 * that may have such pages. Windows without a page are not counted.
 */
enum tally_window {
	TALLY_HUGE,  /* mapped as one huge page */
	TALLY_SMALL, /* has all its pages, but as small pages */
	TALLY_HOLES, /* lacks pages */
	TALLY_WINDOWS,
};

struct tally {
	struct tally_part *parts; /* in no order */
	size_t nr_parts;
	__u64 windows[THP_SIZES][TALLY_WINDOWS]; /* bytes */
	__u64 runs[64]; /* bytes in runs of contiguous frames, by log2 of their length */
	__u64 largest_run;
	bool hidden; /* PFNs are withheld: runs and 64K windows are not known */
};

/* Sums over processes that count each frame once */
struct tally_group {
	struct tally tally;
	struct frames frames;
};

/* A mapping that has pages */
struct tally_mapping {
	const struct vmwalk_vma *vma;  /* attrs is 0 if it is gone */
	const struct mapping *mapping; /* in /proc/PID/maps; NULL if unknown */
	const struct tally *tally;
};

/* Pages of one mapping with the same accounted properties */
struct tally_piece {
	__u64 start, end, pages;
	__u64 pfn; /* 0: hidden, or not present */
	enum tally_kind kind;
	__u32 flags; /* reported by the driver */
	unsigned int shift;
	int node;
	__u64 fresh; /* pages whose frames are new to the group */
};

struct tally_walk {
	struct target *target;
	const struct thp *thp;
	struct tally *sum;         /* the pages are added to it */
	struct tally_group *group; /* also to this, or NULL */
	__u32 flags;               /* more state flags that separate pieces */
	/*
	 * Called for each piece, before its frames are added to the group, or NULL.
	 * @vma is the mapping; its attrs is 0 if it is gone. Returns 0, or -1 with
	 * errno set.
	 */
	int (*piece)(const struct tally_piece *piece, const struct vmwalk_vma *vma, void *data);
	/* Called for each mapping, or NULL. Returns 0, or -1 with errno set. */
	int (*mapping)(const struct tally_mapping *mapping, void *data);
	void *data;
};

/* Scan the target. Returns 0, or -1 with errno set. */
int tally_walk(const struct tally_walk *walk);

/* Add a tally to another one. Returns -1 with errno set if memory is short. */
int tally_add(struct tally *tally, const struct tally *other);

/*
 * Bytes of pages of some kinds. @kinds has a bit for each kind. @shift and @node
 * select parts, unless they are TALLY_ANY_SHIFT and TALLY_ANY_NODE.
 */
__u64 tally_bytes(const struct tally *tally, unsigned int kinds, unsigned int shift, int node);

/* Bytes in runs of @from bytes and more, but less than @to; 0: no limit */
__u64 tally_runs(const struct tally *tally, __u64 from, __u64 to);

/* Bits of the page-table entry sizes, and the highest node plus 1 */
__u64 tally_shifts(const struct tally *tally, unsigned int kinds);
int tally_nodes(const struct tally *tally);

void tally_free(struct tally *tally);
void tally_group_free(struct tally_group *group);

#endif /* _VMWALK_TALLY_H */
