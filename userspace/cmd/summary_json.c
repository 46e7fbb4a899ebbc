// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk summary: a tally in JSON
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>

#include "summary.h"

static void add_part(const struct tally_part *part)
{
	json_object(NULL);
	json_value("kind", CELL_STRING, tally_kind_names[part->kind]);
	json_number("entry", 1ULL << part->shift);
	if (part->node < 0)
		json_value("node", CELL_NUMBER, NULL);
	else
		json_number("node", part->node);
	json_number("bytes", part->bytes);
	json_end();
}

static void add_windows(const struct tally *tally, const struct thp *thp)
{
	size_t i;

	json_array("windows");
	for (i = 0; i < THP_SIZES; i++) {
		/* What is hidden is left out. */
		if (!thp->sizes[i].shift || (i == THP_64K && tally->hidden))
			continue;
		json_object(NULL);
		json_number("size", 1ULL << thp->sizes[i].shift);
		json_number("huge", tally->windows[i][TALLY_HUGE]);
		json_number("small", tally->windows[i][TALLY_SMALL]);
		json_number("holes", tally->windows[i][TALLY_HOLES]);
		json_end();
	}
	json_end();
}

static void add_runs(const struct tally *tally)
{
	size_t i;

	if (tally->hidden) {
		json_value("runs", CELL_STRING, NULL);
		json_value("largest_run", CELL_NUMBER, NULL);
		return;
	}
	json_array("runs");
	for (i = 0; i < ARRAY_SIZE(tally->runs); i++) {
		if (!tally->runs[i])
			continue;
		json_object(NULL);
		json_number("from", 1ULL << i);
		json_number("bytes", tally->runs[i]);
		json_end();
	}
	json_end();
	json_number("largest_run", tally->largest_run);
}

void summary_json(const struct tally *tally, const struct thp *thp)
{
	unsigned int kind;
	size_t i;

	json_number("resident",
		    tally_bytes(tally, TALLY_RESIDENT, TALLY_ANY_SHIFT, TALLY_ANY_NODE));
	for (kind = 0; kind < TALLY_KINDS; kind++)
		json_number(tally_kind_names[kind],
			    tally_bytes(tally, 1U << kind, TALLY_ANY_SHIFT, TALLY_ANY_NODE));
	json_array("parts");
	for (i = 0; i < tally->nr_parts; i++)
		if (tally->parts[i].bytes)
			add_part(&tally->parts[i]);
	json_end();
	add_windows(tally, thp);
	add_runs(tally);
}
