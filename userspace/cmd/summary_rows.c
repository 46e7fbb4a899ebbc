// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk summary: columns of processes and of mappings
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policies.h"
#include "summary.h"

enum {
	COL_PID,
	COL_COMM,
	COL_START,
	COL_END,
	COL_PERM,
	COL_RSS,
	COL_ANON,
	COL_FILE,
	COL_SHMEM,
	COL_SWAP,
	COL_HUGETLB,
	COL_ZERO,
	COL_SPECIAL,
	COL_MIGRATION,
	COL_THP,
	COL_THP_SMALL,
	COL_THP_HOLES,
	COL_ENTRIES,
	COL_NODES,
	COL_POLICY,
	COL_LARGEST_RUN,
	COL_MAPPING,
};

const struct column summary_columns[] = {
	[COL_PID] = { "PID", "process ID", CELL_NUMBER, true, 7 },
	[COL_COMM] = { "COMM", "name of the process; total: all, each frame once", .width = 15 },
	[COL_START] = { "START", "first address of the mapping", CELL_STRING, true, 14 },
	[COL_END] = { "END", "first address after the mapping", CELL_STRING, true, 14 },
	[COL_PERM] = { "PERM", "permissions of the mapping", CELL_STRING, false, 5 },
	[COL_RSS] = { "RSS", "resident: ANON, FILE and SHMEM", CELL_NUMBER, true, 7 },
	[COL_ANON] = { "ANON", "anonymous memory", CELL_NUMBER, true, 7 },
	[COL_FILE] = { "FILE", "pages of files", CELL_NUMBER, true, 7 },
	[COL_SHMEM] = { "SHMEM", "shared memory, and files in tmpfs", CELL_NUMBER, true, 7 },
	[COL_SWAP] = { "SWAP", "swapped out, or held by a driver", CELL_NUMBER, true, 7 },
	[COL_HUGETLB] = { "HUGETLB", "hugetlb pages, which are not in RSS", CELL_NUMBER, true, 7 },
	[COL_ZERO] = { "ZERO", "mappings of the zero pages, not in RSS", CELL_NUMBER, true, 7 },
	[COL_SPECIAL] = { "SPECIAL", "memory of a driver or device, not in RSS", CELL_NUMBER, true,
			  7 },
	[COL_MIGRATION] = { "MIGRATION", "being migrated", CELL_NUMBER, true, 9 },
	[COL_THP] = { "THP", "THP windows that are mapped by one entry", CELL_NUMBER, true, 7 },
	[COL_THP_SMALL] = { "THP_SMALL", "THP windows filled with small pages", CELL_NUMBER, true,
			    9 },
	[COL_THP_HOLES] = { "THP_HOLES", "THP windows that miss pages", CELL_NUMBER, true, 9 },
	[COL_ENTRIES] = { "ENTRIES", "RSS by the size of the page-table entries", CELL_LIST, false,
			  15 },
	[COL_NODES] = { "NODES", "RSS and HUGETLB by NUMA node", CELL_LIST, false, 15 },
	[COL_POLICY] = { "POLICY", "NUMA policy; needs numa_maps, which is slow", CELL_STRING,
			 false, 10 },
	[COL_LARGEST_RUN] = { "LARGEST_RUN", "longest run of contiguous frames", CELL_NUMBER, true,
			      11 },
	[COL_MAPPING] = { "MAPPING", "name of the mapping" },
	{},
};

/* Add "KEY:AMOUNT" to a comma-separated list. */
static void add_item(struct buffer *list, char *key, __u64 bytes, bool exact)
{
	char *amount = exact ? text("%llu", bytes) : amount_text(bytes);
	char *item = key && amount ? text("%s%s:%s", list->len ? "," : "", key, amount) : NULL;

	if (item)
		buffer_add(list, item, strlen(item));
	else
		list->failed = true;
	free(item);
	free(amount);
	free(key);
}

static void list_cell(struct cell *cell, struct buffer *list)
{
	if (list->len && !list->failed)
		buffer_add(list, "", 1);
	errno = list->failed ? ENOMEM : 0;
	cell_take(cell, list->failed ? NULL : list->text);
}

static void entries_cell(struct cell *cell, const struct tally *tally)
{
	__u64 shifts = tally_shifts(tally, TALLY_RESIDENT);
	bool exact = cell_bytes(cell);
	struct buffer list = {};
	unsigned int shift;

	for (; shifts; shifts &= shifts - 1) {
		shift = __builtin_ctzll(shifts);
		add_item(&list, exact ? text("%llu", 1ULL << shift) : size_text(1ULL << shift),
			 tally_bytes(tally, TALLY_RESIDENT, shift, TALLY_ANY_NODE), exact);
	}
	list_cell(cell, &list);
}

static void nodes_cell(struct cell *cell, const struct tally *tally)
{
	int node, nodes = tally_nodes(tally);
	struct buffer list = {};
	__u64 bytes;

	for (node = 0; node < nodes; node++) {
		bytes = tally_bytes(tally, TALLY_FRAMES, TALLY_ANY_SHIFT, node);
		if (bytes)
			add_item(&list, text("%d", node), bytes, cell_bytes(cell));
	}
	list_cell(cell, &list);
}

/* Columns of a mapping */
static void mapping_cell(struct cell *cell, const struct summary_row *row, size_t column)
{
	const struct mapping *line = row->mapping->mapping;
	const struct vmwalk_vma *vma = row->mapping->vma;

	if (column == COL_START)
		cell_hex(cell, vma->start);
	else if (column == COL_END)
		cell_hex(cell, vma->end);
	else if (column == COL_POLICY)
		cell_text(cell, policies_find(row->policies, vma->start));
	else if (line)
		cell_text(cell, column == COL_PERM ? line->perms : line->name);
}

static void kind_cell(struct cell *cell, const struct tally *tally, unsigned int kinds)
{
	cell_amount(cell, tally_bytes(tally, kinds, TALLY_ANY_SHIFT, TALLY_ANY_NODE));
}

/* The kinds that the columns from COL_RSS to COL_MIGRATION count */
static const unsigned int column_kinds[] = {
	[COL_RSS] = TALLY_RESIDENT,
	[COL_ANON] = 1 << TALLY_ANONYMOUS,
	[COL_FILE] = 1 << TALLY_FILE,
	[COL_SHMEM] = 1 << TALLY_SHMEM,
	[COL_SWAP] = 1 << TALLY_SWAP,
	[COL_HUGETLB] = 1 << TALLY_HUGETLB,
	[COL_ZERO] = 1 << TALLY_ZERO,
	[COL_SPECIAL] = 1 << TALLY_SPECIAL,
	[COL_MIGRATION] = 1 << TALLY_MIGRATION,
};

void summary_cell(struct cell *cell, const void *data, size_t column)
{
	const struct summary_row *row = data;
	const struct process *process = row->process;
	const struct tally *tally = row->tally;

	switch (column) {
	case COL_PID:
		if (process)
			cell_number(cell, process->pid);
		return;
	case COL_COMM:
		return cell_text(cell, process ? process->comm : "total");
	case COL_RSS ... COL_MIGRATION:
		return kind_cell(cell, tally, column_kinds[column]);
	case COL_THP ... COL_THP_HOLES:
		return cell_amount(cell, tally->windows[THP_PMD][TALLY_HUGE + column - COL_THP]);
	case COL_ENTRIES:
		return entries_cell(cell, tally);
	case COL_NODES:
		return nodes_cell(cell, tally);
	case COL_LARGEST_RUN:
		if (tally->hidden)
			return cell_text(cell, "hidden");
		return cell_amount(cell, tally->largest_run);
	}
	if (row->mapping)
		mapping_cell(cell, row, column);
}
