// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk diff: totals of the changes, and their table
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>

#include "diff.h"

enum {
	COL_CHANGE,
	COL_FROM_NODE,
	COL_TO_NODE,
	COL_FROM_SIZE,
	COL_TO_SIZE,
	COL_BYTES,
	COL_PAGES,
	COL_START,
	COL_MAPPING,
};

const struct column diff_columns[] = {
	[COL_CHANGE] = { "CHANGE", "kind of change: see Changes", CELL_STRING },
	[COL_FROM_NODE] = { "FROM_NODE", "NUMA node in the first scan", CELL_NUMBER, true },
	[COL_TO_NODE] = { "TO_NODE", "NUMA node in the second scan", CELL_NUMBER, true },
	[COL_FROM_SIZE] = { "FROM_SIZE", "bytes per page-table entry in the first scan",
			    CELL_NUMBER, true },
	[COL_TO_SIZE] = { "TO_SIZE", "bytes per page-table entry in the second scan", CELL_NUMBER,
			  true },
	[COL_BYTES] = { "BYTES", "size of all pages with this change", CELL_NUMBER, true },
	[COL_PAGES] = { "PAGES", "number of base pages with this change", CELL_NUMBER, true,
			.optional = true },
	[COL_START] = { "START", "address of the mapping, with --mappings", CELL_STRING, true,
			.optional = true },
	[COL_MAPPING] = { "MAPPING", "name of the mapping, with --mappings", CELL_STRING, false,
			  .optional = true },
	{},
};

struct row {
	const struct diff *diff;
	const struct total *total;
};

static void diff_cell(struct cell *cell, const void *data, size_t column)
{
	const struct row *row = data;
	const struct total *total = row->total;
	size_t side = column == COL_TO_NODE || column == COL_TO_SIZE;

	switch (column) {
	case COL_CHANGE:
		return cell_text(cell, change_name(total->change));
	case COL_FROM_NODE:
	case COL_TO_NODE:
		if (total->nodes[side] >= 0)
			cell_number(cell, total->nodes[side]);
		return;
	case COL_FROM_SIZE:
	case COL_TO_SIZE:
		if (total->shifts[side])
			cell_size(cell, 1ULL << total->shifts[side]);
		return;
	case COL_BYTES:
		return cell_amount(cell, total->pages * row->diff->headers[0].page_size);
	case COL_PAGES:
		return cell_number(cell, total->pages);
	case COL_START:
		if (row->diff->line)
			cell_hex(cell, row->diff->start);
		return;
	case COL_MAPPING:
		return cell_label(cell, &row->diff->name);
	}
}

/* Totals */

static bool same_total(const struct total *left, const struct total *right)
{
	return left->change == right->change && left->nodes[0] == right->nodes[0] &&
		left->nodes[1] == right->nodes[1] && left->shifts[0] == right->shifts[0] &&
		left->shifts[1] == right->shifts[1];
}

/* Returns -1 with errno set. */
static int add_total(struct diff *diff, const struct total *total)
{
	struct total *totals = diff->totals;
	size_t i, count = diff->nr_totals;

	if (diff->last < count && same_total(&totals[diff->last], total)) {
		totals[diff->last].pages += total->pages;
		return 0;
	}
	for (i = 0; i < count && !same_total(&totals[i], total); i++)
		;
	if (i == count) {
		if (!(count & (count - 1)))
			totals = realloc(totals, (count ? 2 * count : 1) * sizeof(*totals));
		if (!totals)
			return -1;
		diff->totals = totals;
		totals[diff->nr_totals] = *total;
		totals[diff->nr_totals++].pages = 0;
	}
	totals[i].pages += total->pages;
	diff->last = i;
	return 0;
}

/* By change, and then by size, the largest first */
static int by_change(const void *a, const void *b)
{
	const struct total *left = a, *right = b;
	int order;

	if (left->change != right->change)
		return left->change < right->change ? -1 : 1;
	if (left->pages != right->pages)
		return left->pages > right->pages ? -1 : 1;
	order = memcmp(left->nodes, right->nodes, sizeof(left->nodes));
	return order ? order : memcmp(left->shifts, right->shifts, sizeof(left->shifts));
}

/* Print the totals. Returns -1 with errno set. */
static int print_totals(struct diff *diff)
{
	struct row row = { .diff = diff };
	size_t i;

	if (diff->nr_totals)
		qsort(diff->totals, diff->nr_totals, sizeof(*diff->totals), by_change);
	for (i = 0; i < diff->nr_totals; i++) {
		row.total = &diff->totals[i];
		if (table_add(diff->table, &row))
			return -1;
	}
	diff->nr_totals = 0;
	return 0;
}

/*
 * Start the totals of the mapping that contains the first of the pages. Sets
 * *@pages to the number of pages that are in this mapping.
 */
static int enter_mapping(struct diff *diff, __u64 addr, __u64 *pages)
{
	const struct mapping *mappings[2], *mapping;
	size_t i, source;

	/* Prefer the mapping of the second scan. */
	for (i = 0; i < 2; i++)
		*pages = maps_part(diff->maps[i], addr, *pages, diff->headers[0].page_size,
				   &mappings[i]);
	source = !!mappings[1];
	mapping = mappings[source];
	if (diff->source == source && diff->line == (mapping ? mapping->line : 0))
		return 0;
	if (print_totals(diff))
		return -1;
	diff->source = source;
	diff->line = mapping ? mapping->line : 0;
	diff->start = mapping ? mapping->start : 0;
	label_set(&diff->name, diff->table, CELL_STRING, mapping ? mapping->name : NULL);
	return 0;
}

static __u16 shown_shift(const struct side *side)
{
	return side->flags & VMWALK_PRESENT ? side->page_shift : 0;
}

/* The node of the zero page is meaningless: all nodes share the page. */
static __s16 shown_node(const struct side *side)
{
	return side->flags & VMWALK_ZERO ? -1 : side->node;
}

int diff_add(const struct difference *difference, void *data)
{
	struct diff *diff = data;
	struct total total = {
		.change = difference->change,
		.nodes = { shown_node(&difference->from), shown_node(&difference->to) },
		.shifts = { shown_shift(&difference->from), shown_shift(&difference->to) },
	};
	__u64 addr = difference->start, left = difference->pages;

	for (; left; left -= total.pages) {
		total.pages = left;
		if (diff->mappings && enter_mapping(diff, addr, &total.pages))
			return -1;
		if (add_total(diff, &total))
			return -1;
		addr += total.pages * diff->headers[0].page_size;
	}
	return 0;
}

int diff_begin(struct diff *diff, struct table_options *options)
{
	int status;

	if (diff->mappings && !options->columns)
		options->columns = "+START,MAPPING";
	options->member = true;
	if (options->json)
		json_object(NULL);
	status = table_open(&diff->table, "changes", diff_columns, diff_cell, false, options);
	if (status && options->json)
		json_end();
	return status;
}

int diff_end(struct diff *diff, const struct table_options *options, int error)
{
	if (!error && print_totals(diff))
		error = errno;
	if (!error && !options->json && !options->raw)
		diff_heading(diff);
	if (table_close(diff->table, !error) && !error)
		error = errno;
	if (options->json) {
		diff_json_scans(diff);
		json_end();
	}
	label_free(&diff->name);
	free(diff->totals);
	return error;
}
