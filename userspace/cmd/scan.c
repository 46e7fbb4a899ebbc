// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk scan
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

enum {
	COL_START,
	COL_END,
	COL_PAGES,
	COL_PFN,
	COL_SIZE,
	COL_NODE,
	COL_FLAGS,
	COL_PERM,
	COL_MAPPING,
};

static const struct column scan_columns[] = {
	[COL_START] = { "START", "address of the first page", CELL_STRING, true, 14 },
	[COL_END] = { "END", "first address after the last page", CELL_STRING, true, 14 },
	[COL_PAGES] = { "PAGES", "number of base pages (a 2M page counts as 512)", CELL_NUMBER,
			true, 8 },
	[COL_PFN] = { "PFN", "PFN of the first page; the pages are contiguous", CELL_STRING, true,
		      10 },
	[COL_SIZE] = { "SIZE", "bytes per page-table entry; the smallest if they differ",
		       CELL_NUMBER, true, 5 },
	[COL_NODE] = { "NODE", "NUMA node of the pages", CELL_NUMBER, true, 5 },
	[COL_FLAGS] = { "FLAGS", "flags of the page-table entries", CELL_LIST, false, 26 },
	[COL_PERM] = { "PERM", "permissions of the mapping", CELL_STRING, false, 5 },
	[COL_MAPPING] = { "MAPPING", "name of the mapping", CELL_STRING },
	{},
};

struct row {
	struct vmwalk_extent extent;
	const struct mapping *mapping; /* NULL if none or unreadable */
	__u32 page_size;
};

static char *scan_cell(const void *data, size_t column, bool exact)
{
	const struct row *row = data;
	const struct vmwalk_extent *extent = &row->extent;

	switch (column) {
	case COL_START:
		return text("0x%llx", extent->start);
	case COL_END:
		return text("0x%llx", extent->start + extent->pages * row->page_size);
	case COL_PAGES:
		return text("%llu", extent->pages);
	case COL_PFN:
		if (extent->flags & VMWALK_HIDDEN && extent->flags & VMWALK_PRESENT)
			return strdup("hidden");
		if (!(extent->flags & VMWALK_PRESENT))
			return NULL;
		return text("0x%llx", extent->pfn);
	case COL_SIZE:
		return size_text(1ULL << extent->page_shift, exact);
	case COL_NODE:
		return extent->node < 0 ? NULL : text("%d", extent->node);
	case COL_FLAGS:
		/* In a table, the PFN shows that the page is present. */
		return flag_names(vmwalk_state_name,
				  exact ? extent->flags : extent->flags & ~VMWALK_PRESENT);
	case COL_PERM:
		return row->mapping ? strdup(row->mapping->perms) : NULL;
	case COL_MAPPING:
		return row->mapping ? strdup(row->mapping->name) : NULL;
	}
	return NULL;
}

struct scan {
	struct table *table;
	struct maps *maps;
	__u32 page_size;
};

/* Split extents that span several mappings: a row has pages of one mapping. */
static int scan_one(const struct vmwalk_extent *extent, void *data)
{
	struct scan *scan = data;
	struct row row = { .extent = *extent, .page_size = scan->page_size };
	__u64 left = extent->pages;
	const struct mapping *mapping;
	__u64 border, pages;

	while (left) {
		mapping = maps_find(scan->maps, row.extent.start);
		row.mapping = mapping && mapping->start <= row.extent.start ? mapping : NULL;
		row.extent.pages = left;
		if (mapping) {
			border = row.mapping ? mapping->end : mapping->start;
			/* At least one: borders in a captured tree may be unaligned. */
			pages = (border - row.extent.start - 1) / scan->page_size + 1;
			if (pages < left)
				row.extent.pages = pages;
		}
		if (table_add(scan->table, &row))
			return -1;
		left -= row.extent.pages;
		row.extent.start += row.extent.pages * scan->page_size;
		if (row.extent.pfn)
			row.extent.pfn += row.extent.pages;
	}
	/* End the scan if the output can't be written. */
	return ferror(stdout);
}

static const struct verb_option scan_options[] = {
	{ "start", 's', "ADDRESS", "first address; default: 0" },
	{ "end", 'e', "ADDRESS", "first address that is not scanned" },
	{ "mask", 'm', "FLAGS", "print only pages with all of these flags" },
	{ "flags", 'f', "FLAGS", "merge pages that differ only in other flags" },
	{},
};

static int run_scan(struct target *target, struct vmwalk_scan *range,
		    const struct table_options *options)
{
	struct scan scan = { .page_size = target->info.page_size };
	int status, error = 0;

	status = table_open(&scan.table, "extents", scan_columns, scan_cell, true, options);
	if (status)
		return status;

	/* If the maps are not readable, scan.maps is NULL: scan anyway. */
	scan.maps = maps_open(target->pid);
	if (vmwalk_file_scan(target->file, range, scan_one, &scan) < 0)
		error = errno;
	maps_close(scan.maps);
	if (table_close(scan.table) && !error)
		error = errno;
	if (error)
		status = failure("process %d: %s", target->pid, target_error(error));
	return status;
}

/* Store an option that limits the scan. Returns an exit status. */
static int scan_option(struct vmwalk_scan *range, int option, const char *arg)
{
	const char *bad;
	__u32 mask;
	__u64 addr;

	if (option == 'm' || option == 'f') {
		bad = parse_state(arg, &mask);
		if (bad)
			return usage_failure("--%s: unknown flag '%.*s'; --help lists the flags",
					     option == 'm' ? "mask" : "flags",
					     (int)strcspn(bad, ","), bad);
		if (option == 'm')
			range->category_mask = mask;
		else
			range->return_mask = mask | VMWALK_PRESENT;
		return EXIT_SUCCESS;
	}

	if (!parse_address(arg, &addr))
		return address_failure(arg);
	if (option == 's')
		range->start = addr;
	else
		range->end = addr;
	return EXIT_SUCCESS;
}

static int scan(int argc, char **argv)
{
	struct vmwalk_scan range = {
		.end = UINT64_MAX,
		.return_mask = VMWALK_STATE_ALL & ~(VMWALK_USER | VMWALK_SOFT_DIRTY),
	};
	struct target_options target_options = {};
	struct table_options table_options = {};
	int option, status = EXIT_SUCCESS;
	struct target target;
	const char *arg;

	while (!status && (option = next_option(argc, argv, &arg)) >= 0) {
		if (target_option(&target_options, option, arg))
			continue;
		if (strchr("semf", option))
			status = scan_option(&range, option, arg);
		else
			table_option(&table_options, option, arg);
	}
	if (status)
		return status;
	if (range.start >= range.end)
		return usage_failure("--start 0x%llx is not below --end 0x%llx", range.start,
				     range.end);

	status = target_open(&target, &target_options);
	if (status)
		return status;
	/* The driver requires a page-aligned start. */
	range.start -= range.start % target.info.page_size;
	status = run_scan(&target, &range, &table_options);
	target_close(&target);
	return status;
}

const struct verb scan_verb = {
	.name = "scan",
	.args = "",
	.summary = "List the pages of a process, merged into extents",
	.details = "Addresses are hexadecimal, with or without 0x. PFNs are shown as 'hidden' if\n"
		   "the opener of the device lacks CAP_SYS_ADMIN.\n"
		   "\n"
		   "Flags (see vmwalk.h): present (not shown in tables) write exec user accessed\n"
		   "dirty soft_dirty swap migration protnone uffd_wp file zero hugetlb special\n"
		   "hidden huge. By default, pages are merged even if user or soft_dirty differ.\n",
	.options = { target_verb_options, scan_options, table_verb_options },
	.columns = scan_columns,
	.run = scan,
};
