/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmwalk diff: totals and output
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_DIFF_H
#define _VMWALK_DIFF_H

#include "compare.h"
#include "migrations.h"
#include "saved.h"

/* Pages with the same change */
struct total {
	enum change change;
	__s16 nodes[2];  /* from, to; -1: unknown */
	__u16 shifts[2]; /* log2 of the bytes per entry; 0: no page */
	__u64 pages;
};

struct diff {
	struct saved_header headers[2];
	struct maps *maps[2];
	struct table *table;
	bool mappings;
	struct migrations *migrations; /* between the scans; NULL: unknown */
	/* Totals of the current mapping, or of all mappings */
	struct total *totals;
	size_t nr_totals, last; /* last: index of the total that was used last */
	struct label name;
	unsigned long line; /* line of the mapping in maps */
	size_t source;      /* index in maps[] */
	__u64 start;
};

extern const struct column diff_columns[];

/* Add pages to the totals, for compare_next(). */
int diff_add(const struct difference *difference, void *diff);

/* Start the output. Prints errors and returns an exit status. */
int diff_begin(struct diff *diff, struct table_options *options);

/*
 * End the output. @error is that of the comparison, or 0. Returns the first
 * error.
 */
int diff_end(struct diff *diff, const struct table_options *options, int error);

/* Print the two scans, and the pages migrated between them. */
void diff_heading(const struct diff *diff);
void diff_json_scans(const struct diff *diff);

#endif /* _VMWALK_DIFF_H */
