/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmwalk find: output
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_FIND_H
#define _VMWALK_FIND_H

#include "search.h"

struct find {
	struct questions questions;
	struct search search;
	struct table_options table_options;
	bool every; /* print all rows of a table */
	bool amd;   /* machine-check banks may log normalized addresses */
};

/* Whether the search may have missed a mapping of the frames */
bool find_is_incomplete(const struct find *find, const struct question *question);

/* Print hits as a table. Prints errors and returns an exit status. */
int find_table(const struct find *find, const struct hit *hits, size_t count);

/* Print the kernel's description of all frames. */
void find_kernel_text(const struct find *find);

/* Print the results of the search. Prints errors and returns an exit status. */
int find_text(const struct find *find);
int find_json(struct find *find);

#endif /* _VMWALK_FIND_H */
