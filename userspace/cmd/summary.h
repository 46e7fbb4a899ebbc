/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Output of vmwalk summary
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_SUMMARY_H
#define _VMWALK_SUMMARY_H

#include "processes.h"
#include "tally.h"

struct policies;

extern const struct column summary_columns[];

/* A row of the table */
struct summary_row {
	const struct process *process; /* NULL: all processes */
	const struct tally *tally;
	const struct tally_mapping *mapping; /* NULL: of whole processes */
	struct policies *policies;
};

void summary_cell(struct cell *cell, const void *row, size_t column);

/* Print a tally as lines of text, with sizes in bytes or rounded. */
void summary_print(const struct tally *tally, const struct thp *thp, bool bytes);

/* Print a tally as members of the current JSON object. */
void summary_json(const struct tally *tally, const struct thp *thp);

#endif /* _VMWALK_SUMMARY_H */
