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
#include "saved.h"

/* The clock is read once for so many rows. */
#define ROWS_PER_CHECK 512

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

struct scan {
	const struct target *target;
	const struct vmwalk_scan *range;
	struct table *table;
	struct maps *maps;
	/* State of the mapping that was printed last, which most rows share */
	unsigned long line; /* in the maps; 0: no mapping */
	struct label perm, name;
};

/* Pages of one mapping, or of none */
struct row {
	const struct scan *scan;
	__u64 start, end, pages, pfn;
	const struct vmwalk_extent *extent;
};

static void pfn_cell(struct cell *cell, const struct row *row)
{
	__u32 flags = row->extent->flags;

	if (!(flags & VMWALK_PRESENT))
		return;
	if (flags & VMWALK_HIDDEN)
		cell_text(cell, "hidden");
	else
		cell_hex(cell, row->pfn);
}

static void scan_cell(struct cell *cell, const void *data, size_t column)
{
	const struct row *row = data;
	const struct vmwalk_extent *extent = row->extent;

	switch (column) {
	case COL_START:
		return cell_hex(cell, row->start);
	case COL_END:
		return cell_hex(cell, row->end);
	case COL_PAGES:
		return cell_number(cell, row->pages);
	case COL_PFN:
		return pfn_cell(cell, row);
	case COL_SIZE:
		return cell_size(cell, 1ULL << extent->page_shift);
	case COL_NODE:
		if (extent->node >= 0)
			cell_number(cell, extent->node);
		return;
	case COL_FLAGS:
		return cell_state(cell, extent->flags);
	case COL_PERM:
		return cell_label(cell, &row->scan->perm);
	case COL_MAPPING:
		return cell_label(cell, &row->scan->name);
	}
}

/* Prepare the labels of a mapping. @mapping is NULL if there is none. */
static void label_mapping(struct scan *scan, const struct mapping *mapping)
{
	unsigned long line = mapping ? mapping->line : 0;

	if (line == scan->line)
		return;
	scan->line = line;
	label_set(&scan->perm, scan->table, CELL_STRING, mapping ? mapping->perms : NULL);
	label_set(&scan->name, scan->table, CELL_STRING, mapping ? mapping->name : NULL);
}

static void show_progress(const struct scan *scan, __u64 addr)
{
	int percent;

	if (!progress_due())
		return;
	percent = maps_percent(scan->target->pid, scan->range->start, addr, scan->range->end);
	if (percent < 0)
		progress_print("scan: %zu rows", table_rows(scan->table));
	else
		progress_print("scan: %zu rows, %d%% of the mapped memory", table_rows(scan->table),
			       percent);
}

/* Split extents that span several mappings: a row has pages of one mapping. */
static int scan_one(const struct vmwalk_extent *extent, void *data)
{
	struct scan *scan = data;
	__u64 left = extent->pages, page_size = scan->target->info.page_size;
	struct row row = { scan, extent->start, 0, 0, extent->pfn, extent };
	const struct mapping *mapping;

	while (left) {
		row.pages = maps_part(scan->maps, row.start, left, page_size, &mapping);
		row.end = row.start + row.pages * page_size;
		label_mapping(scan, mapping);
		if (table_add(scan->table, &row))
			return -1;
		left -= row.pages;
		row.start = row.end;
		if (row.pfn)
			row.pfn += row.pages;
	}
	if (table_rows(scan->table) % ROWS_PER_CHECK == 0)
		show_progress(scan, row.start);
	/* End the scan if the output can't be written. */
	return ferror(stdout);
}

static const struct verb_option scan_options[] = {
	{ "start", 's', "ADDRESS", "first address; default: 0" },
	{ "end", 'e', "ADDRESS", "first address that is not scanned" },
	{ "mask", 'm', "FLAGS", "print only pages with all of these flags" },
	{ "flags", 'f', "FLAGS", "merge pages that differ only in other flags" },
	{ "pagemap", 'P', "FILE", "write FILE like /proc/PID/pagemap; print no rows" },
	{ "save", 'S', "FILE", "save the scan for diff in FILE; print no rows" },
	{},
};

static int run_scan(struct target *target, struct vmwalk_scan *range,
		    const struct table_options *options)
{
	struct scan scan = { .target = target, .range = range };
	int status, error = 0;

	status = table_open(&scan.table, "extents", scan_columns, scan_cell, true, options);
	if (status)
		return status;

	progress_start();
	/* No mapping has this number: prepare the labels for the first row. */
	scan.line = ULONG_MAX;
	/* If the maps are not readable, scan.maps is NULL: scan anyway. */
	scan.maps = maps_open(target->pid);
	if (vmwalk_file_scan(target->file, range, scan_one, &scan) < 0)
		error = errno;
	progress_end();
	maps_close(scan.maps);
	label_free(&scan.perm);
	label_free(&scan.name);
	if (table_close(scan.table, !error) && !error)
		error = errno;
	return error ? target_failure(target, NULL, error) : EXIT_SUCCESS;
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
	const char *arg, *pagemap = NULL, *save = NULL;
	bool rows = false; /* an option is about rows */
	struct target target;

	while (!status && (option = next_option(argc, argv, &arg)) >= 0) {
		if (target_option(&target_options, option, arg))
			continue;
		rows |= !strchr("sePS", option);
		if (option == 'P')
			pagemap = arg;
		else if (option == 'S')
			save = arg;
		else if (strchr("semf", option))
			status = scan_option(&range, option, arg);
		else
			table_option(&table_options, option, arg);
	}
	if (status)
		return status;
	if (pagemap && save)
		return usage_failure("--pagemap and --save are mutually exclusive");
	if ((pagemap || save) && rows)
		return usage_failure("--%s is incompatible with options for rows",
				     pagemap ? "pagemap" : "save");
	if (range.start >= range.end)
		return usage_failure("--start 0x%llx is not below --end 0x%llx", range.start,
				     range.end);

	status = target_open(&target, &target_options);
	if (status)
		return status;
	/* The driver requires a page-aligned start. */
	range.start -= range.start % target.info.page_size;
	if (pagemap)
		status = pagemap_write(&target, &range, pagemap);
	else if (save)
		status = saved_write(&target, &range, save);
	else
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
		   "hidden huge. By default, pages are merged even if user or soft_dirty differ.\n"
		   "\n"
		   "With --pagemap, FILE gets the entry of page N at offset 8 * N, and has holes\n"
		   "where no pages are.\n"
		   "\n"
		   "With --save, FILE is replaced when the scan is complete. Only its owner may\n"
		   "read it: it contains PFNs.\n",
	.options = { target_verb_options, scan_options, table_verb_options },
	.columns = scan_columns,
	.run = scan,
};
