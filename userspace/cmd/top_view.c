// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk top: rows and columns
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>
#include <string.h>

#include "top.h"

static const struct top_value none = { TOP_NONE };

static struct top_value number(__u64 value)
{
	return (struct top_value){ TOP_NUMBER, value };
}

static struct top_value amount(__u64 bytes)
{
	return (struct top_value){ TOP_AMOUNT, bytes };
}

static struct top_value string(const char *text)
{
	return text && *text ? (struct top_value){ TOP_TEXT, 0, text } : none;
}

/* A rate that is unknown is negative. */
static __u64 rounded(double rate)
{
	return (__u64)(rate + 0.5);
}

/* Sums: the same columns for processes and for mappings */

enum { SUM_BOTH, SUM_RSS, SUM_SWAP, SUM_HUGE, SUM_HUGETLB, SUM_NODES, SUM_COLUMNS };

/* clang-format off */
#define SUM_COLUMN_LIST(first)                                                                  \
	[(first) + SUM_BOTH] = { "RSS+SWAP", "resident and swapped out", CELL_NUMBER, true, 8 }, \
	[(first) + SUM_RSS] = { "RSS", "resident: anonymous, file and shared memory",           \
				CELL_NUMBER, true, 7 },                                         \
	[(first) + SUM_SWAP] = { "SWAP", "swapped out, or held by a driver", CELL_NUMBER,       \
				 true, 7 },                                                     \
	[(first) + SUM_HUGE] = { "2M%", "part of RSS that entries of 2 MiB or more map",        \
				 CELL_NUMBER, true, 4 },                                        \
	[(first) + SUM_HUGETLB] = { "HUGETLB", "hugetlb pages, which are not in RSS",           \
				    CELL_NUMBER, true, 7 },                                     \
	[(first) + SUM_NODES] = { "NODES%", "RSS and HUGETLB by NUMA node", CELL_STRING,        \
				  false, 10 }
/* clang-format on */

static struct top_value sum_value(const struct top_sums *sums, size_t column)
{
	switch (column) {
	case SUM_BOTH:
		return amount(sums->resident + sums->swap);
	case SUM_RSS:
		return amount(sums->resident);
	case SUM_SWAP:
		return amount(sums->swap);
	case SUM_HUGE:
		return sums->resident ? number(sums->huge * 100 / sums->resident) : none;
	case SUM_HUGETLB:
		return amount(sums->hugetlb);
	}
	return string(sums->nodes);
}

/* Processes */

enum { PROCESS_PID, PROCESS_SUMS, PROCESS_MOVED = PROCESS_SUMS + SUM_COLUMNS, PROCESS_COMM };

const struct column top_process_columns[] = {
	[PROCESS_PID] = { "PID", "process ID", CELL_NUMBER, true, 7 },
	SUM_COLUMN_LIST(PROCESS_SUMS),
	[PROCESS_MOVED] = { "MOVED/s", "bytes per second of pages that are in other frames",
			    CELL_NUMBER, true, 7 },
	[PROCESS_COMM] = { "COMM", "name of the process" },
	{},
};

static size_t count_processes(const struct top *top)
{
	return top->nr_rows;
}

static struct top_value process_value(const struct top *top, size_t i, size_t column)
{
	const struct top_process *row = &top->rows[i];

	if (column == PROCESS_PID)
		return (struct top_value){ TOP_ID, row->process.pid };
	if (column == PROCESS_COMM)
		return string(row->process.comm);
	if (!row->scanned)
		return (struct top_value){ column == PROCESS_SUMS ? TOP_ESTIMATE : TOP_NONE,
					   row->estimate };
	if (column == PROCESS_MOVED)
		return row->moved < 0 ? none : amount(rounded(row->moved));
	return sum_value(&row->sums, column - PROCESS_SUMS);
}

const struct top_view top_processes_view = {
	.title = "Processes",
	.columns = top_process_columns,
	.sort = PROCESS_SUMS,
	.count = count_processes,
	.value = process_value,
};

/* Mappings of one process */

enum { MAPPING_START, MAPPING_PERM, MAPPING_SUMS, MAPPING_NAME = MAPPING_SUMS + SUM_COLUMNS };

static const struct column mapping_columns[] = {
	[MAPPING_START] = { "START", "first address", CELL_STRING, true, 14 },
	[MAPPING_PERM] = { "PERM", "permissions", CELL_STRING, false, 4 },
	SUM_COLUMN_LIST(MAPPING_SUMS),
	[MAPPING_NAME] = { "MAPPING", "name of the mapping" },
	{},
};

static size_t count_mappings(const struct top *top)
{
	return top->nr_mappings;
}

static struct top_value mapping_value(const struct top *top, size_t i, size_t column)
{
	const struct top_mapping *row = &top->mappings[i];

	switch (column) {
	case MAPPING_START:
		return (struct top_value){ TOP_HEX, row->start };
	case MAPPING_PERM:
		return string(row->perms);
	case MAPPING_NAME:
		return string(row->name);
	}
	return sum_value(&row->sums, column - MAPPING_SUMS);
}

const struct top_view top_mappings_view = {
	.title = "Mappings",
	.columns = mapping_columns,
	.sort = MAPPING_SUMS,
	.count = count_mappings,
	.value = mapping_value,
};

/* Instances */

enum {
	INSTANCE_NAME,
	INSTANCE_DEVICE,
	INSTANCE_RATE,
	INSTANCE_FAULTS,
	INSTANCE_PAGES,
	INSTANCE_MAPPINGS
};

static const struct column instance_columns[] = {
	[INSTANCE_NAME] = { "NAME", "name of the instance", .width = 16 },
	[INSTANCE_DEVICE] = { "DEV_NAME", "name of its device", .width = 10 },
	[INSTANCE_RATE] = { "FAULTS/s", "page faults per second", CELL_NUMBER, true, 8 },
	[INSTANCE_FAULTS] = { "FAULTS", "page faults, as in stats/faults", CELL_NUMBER, true, 10 },
	[INSTANCE_PAGES] = { "MAPPED_PAGES", "pages that are mapped now", CELL_NUMBER, true, 12 },
	[INSTANCE_MAPPINGS] = { "MAPPINGS", "mappings of the device", CELL_NUMBER, true, 8 },
	{},
};

static size_t count_instances(const struct top *top)
{
	return top->nr_instances;
}

static struct top_value instance_value(const struct top *top, size_t i, size_t column)
{
	const struct top_instance *row = &top->instances[i];

	switch (column) {
	case INSTANCE_NAME:
		return string(row->name);
	case INSTANCE_DEVICE:
		return string(row->dev_name);
	case INSTANCE_RATE:
		return row->rate < 0 ? none : number(rounded(row->rate));
	case INSTANCE_FAULTS:
		return number(row->faults);
	}
	if (!row->readable)
		return none;
	return number(column == INSTANCE_PAGES ? row->mapped_pages : row->mappings);
}

const struct top_view top_instances_view = {
	.title = "Instances",
	.columns = instance_columns,
	.sort = INSTANCE_RATE,
	.count = count_instances,
	.value = instance_value,
};

/* Order */

size_t top_column(const struct top_view *view, const char *name)
{
	size_t i;

	for (i = 0; view->columns[i].name; i++)
		if (!strcasecmp(view->columns[i].name, name))
			return i;
	return SIZE_MAX;
}

struct order {
	const struct top *top;
	const struct top_view *view;
	size_t column;
	bool reverse;
};

/* As documented in top.h */
static int compare_values(const struct top_value *a, const struct top_value *b)
{
	if (a->type == TOP_TEXT)
		return strcmp(a->text, b->text);
	if (a->type == TOP_ID || a->type == TOP_HEX)
		return a->number < b->number ? -1 : a->number > b->number;
	return a->number > b->number ? -1 : a->number < b->number;
}

static int compare_rows(const void *a, const void *b, void *data)
{
	const size_t left = *(const size_t *)a, right = *(const size_t *)b;
	const struct order *order = data;
	struct top_value one = order->view->value(order->top, left, order->column);
	struct top_value other = order->view->value(order->top, right, order->column);
	int result;

	/* Rows without a value are last in both directions. */
	if (one.type == TOP_NONE || other.type == TOP_NONE)
		result = (one.type == TOP_NONE) - (other.type == TOP_NONE);
	else if (order->reverse)
		result = compare_values(&other, &one);
	else
		result = compare_values(&one, &other);
	/* Then the estimate tells which processes to scan. */
	if (!result && one.type == TOP_NONE)
		result = compare_values(&one, &other);
	return result ? result : left < right ? -1 : left > right;
}

size_t *top_order(const struct top *top, const struct top_view *view, size_t column, bool reverse)
{
	struct order order = { top, view, column, reverse };
	size_t i, count = view->count(top);
	size_t *rows = calloc(count + 1, sizeof(*rows));

	if (!rows)
		return NULL;
	for (i = 0; i < count; i++)
		rows[i] = i;
	qsort_r(rows, count, sizeof(*rows), compare_rows, &order);
	return rows;
}
