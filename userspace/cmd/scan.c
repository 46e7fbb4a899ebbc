// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk scan
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

enum {
	COL_START, COL_END, COL_PAGES, COL_PFN, COL_SIZE, COL_NODE, COL_FLAGS, COL_PERMS,
	COL_MAPPING,
};

static const struct column scan_columns[] = {
	[COL_START] = { "START", "address of the first page", CELL_STRING, true, 14 },
	[COL_END] = { "END", "first address after the last page", CELL_STRING, true, 14 },
	[COL_PAGES] = { "PAGES", "number of pages, a huge one counted as many", CELL_NUMBER, true,
			8 },
	[COL_PFN] = { "PFN", "frame of the first page; the others follow it", CELL_STRING, true,
		      10 },
	[COL_SIZE] = { "SIZE", "bytes that each page-table entry maps", CELL_NUMBER, true, 4 },
	[COL_NODE] = { "NODE", "NUMA node of the frames", CELL_NUMBER, true, 4 },
	[COL_FLAGS] = { "FLAGS", "what the page-table entries say", CELL_WORDS, false, 26 },
	[COL_PERMS] = { "PERMS", "what the mapping allows", CELL_STRING, false, 5 },
	[COL_MAPPING] = { "MAPPING", "the mapping that the pages belong to", CELL_STRING },
	{ }
};

struct row {
	struct vmwalk_extent extent;
	const struct mapping *mapping;	/* NULL if there is none, or none to be seen */
	uint32_t page_size;
};

static char *scan_cell(const void *data, size_t column, bool exact)
{
	const struct row *row = data;
	const struct vmwalk_extent *extent = &row->extent;

	switch (column) {
	case COL_START:
		return text("0x%" PRIx64, (uint64_t)extent->start);
	case COL_END:
		return text("0x%" PRIx64, (uint64_t)(extent->start +
						     extent->pages * row->page_size));
	case COL_PAGES:
		return text("%" PRIu64, (uint64_t)extent->pages);
	case COL_PFN:
		if (extent->flags & VMWALK_HIDDEN && extent->flags & VMWALK_PRESENT)
			return strdup("hidden");
		if (!(extent->flags & VMWALK_PRESENT))
			return NULL;
		return text("0x%" PRIx64, (uint64_t)extent->pfn);
	case COL_SIZE:
		return size_text(1ULL << extent->page_shift, exact);
	case COL_NODE:
		return extent->node < 0 ? NULL : text("%d", extent->node);
	case COL_FLAGS:
		return state_names(extent->flags);
	case COL_PERMS:
		return row->mapping ? strdup(row->mapping->perms) : NULL;
	case COL_MAPPING:
		return row->mapping ? strdup(row->mapping->name) : NULL;
	}
	return NULL;
}

struct scan {
	struct table *table;
	struct maps *maps;
	uint32_t page_size;
};

/* Frames may run on from one mapping into the next; a row has pages of one mapping only. */
static int scan_one(const struct vmwalk_extent *extent, void *data)
{
	struct scan *scan = data;
	struct row row = { .extent = *extent, .page_size = scan->page_size };
	uint64_t left = extent->pages;
	const struct mapping *mapping;
	uint64_t border;

	while (left) {
		mapping = maps_find(scan->maps, row.extent.start);
		row.mapping = mapping && mapping->start <= row.extent.start ? mapping : NULL;
		row.extent.pages = left;
		if (mapping) {
			border = row.mapping ? mapping->end : mapping->start;
			if ((border - row.extent.start) / scan->page_size < left)
				row.extent.pages = (border - row.extent.start) / scan->page_size;
		}
		if (table_add(scan->table, &row))
			return -1;
		left -= row.extent.pages;
		row.extent.start += row.extent.pages * scan->page_size;
		if (row.extent.pfn)
			row.extent.pfn += row.extent.pages;
	}
	return signals_caught();
}

static const struct verb_option scan_options[] = {
	TABLE_OPTIONS,
	TARGET_OPTIONS,
	{ "start", 's', "ADDRESS", "begin here instead of at 0" },
	{ "end", 'e', "ADDRESS", "end before this address" },
	{ "mask", 'm', "FLAGS", "only pages that have all of these flags" },
	{ }
};

/* Options of this verb, after those that it shares. */
enum {
	OPT_START = NR_TABLE_OPTIONS + NR_TARGET_OPTIONS, OPT_END, OPT_MASK,
};

static int run_scan(struct target *target, struct vmwalk_scan *range,
		    const struct table_options *options)
{
	struct scan scan = { .page_size = target->info.page_size };
	int status;

	status = table_open(&scan.table, "extents", scan_columns, scan_cell, true, options);
	if (status)
		return status;

	/* Without a look at its maps, for which rights may be missing, the scan is still worth it. */
	scan.maps = maps_open(target->pid);
	if (vmwalk_device_scan(target->device, range, scan_one, &scan) < 0)
		status = EXIT_FAILURE;
	maps_close(scan.maps);
	if (table_close(scan.table))
		status = EXIT_FAILURE;
	if (status)
		failure("process %d: %m", target->pid);
	return status;
}

static int scan(int argc, char **argv)
{
	struct vmwalk_scan range = {
		.size = sizeof(range),
		.end = UINT64_MAX,
		.return_mask = VMWALK_STATE_ALL,
	};
	struct target_options target_options = { };
	struct table_options table_options = { };
	struct target target;
	int option, status;
	const char *arg;
	uint64_t value;
	uint32_t mask;

	while ((option = next_option(argc, argv, &arg)) >= 0) {
		if (table_option(&table_options, option, arg) ||
		    target_option(&target_options, option - NR_TABLE_OPTIONS, arg))
			continue;
		if (option == OPT_MASK) {
			if (!parse_state(arg, &mask))
				return usage_failure("%s: flags are named as in the column FLAGS",
						     arg);
			range.category_mask = mask;
			continue;
		}
		if (!parse_address(arg, &value))
			return usage_failure("%s: an address is a hexadecimal number", arg);
		if (option == OPT_START)
			range.start = value;
		else
			range.end = value;
	}
	if (range.start >= range.end)
		return usage_failure("--start must be below --end");

	status = target_open(&target, &target_options);
	if (status)
		return status;
	/* Whole pages: the first is the one that holds the address. */
	range.start -= range.start % target.info.page_size;
	status = run_scan(&target, &range, &table_options);
	target_close(&target);
	return status;
}

const struct verb scan_verb = {
	.name = "scan",
	.args = "",
	.summary = "List where the memory of a process is, as runs of pages that are alike",
	.details = "Addresses are hexadecimal, with or without 0x. A frame that is there but withheld from\n"
		   "who may not see it is shown as 'hidden'.\n"
		   "\n"
		   "Flags: present write exec user accessed dirty soft_dirty swap migration protnone\n"
		   "uffd_wp file zero hugetlb special hidden; see vmwalk.h for what they mean.\n",
	.options = scan_options,
	.columns = scan_columns,
	.run = scan,
};
