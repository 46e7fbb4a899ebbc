// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk find
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>
#include <unistd.h>

#include "find.h"

/* Exit status, as that of grep(1) */
#define FIND_NOT_MAPPED 1
#define FIND_INCOMPLETE 2

enum {
	COL_PHYS,
	COL_PFN,
	COL_PID,
	COL_NAME,
	COL_ADDRESS,
	COL_PAGES,
	COL_SIZE,
	COL_NODE,
	COL_FLAGS,
	COL_PERM,
	COL_MAPPING,
	COL_CGROUP,
	COL_GONE,
};

static const struct column find_columns[] = {
	[COL_PHYS] = { "PHYS", "physical address", CELL_STRING, true },
	[COL_PFN] = { "PFN", "PFN of the first page", CELL_STRING, true, .optional = true },
	[COL_PID] = { "PID", "process that maps the pages", CELL_NUMBER, true },
	[COL_NAME] = { "NAME", "name of the process", CELL_STRING },
	[COL_ADDRESS] = { "ADDRESS", "virtual address in this process", CELL_STRING, true },
	[COL_PAGES] = { "PAGES", "number of contiguous pages", CELL_NUMBER, true },
	[COL_SIZE] = { "SIZE", "bytes per page-table entry", CELL_NUMBER, true },
	[COL_NODE] = { "NODE", "NUMA node of the pages", CELL_NUMBER, true, .optional = true },
	[COL_FLAGS] = { "FLAGS", "flags of the page-table entries", CELL_LIST, .optional = true },
	[COL_PERM] = { "PERM", "permissions of the mapping", CELL_STRING },
	[COL_MAPPING] = { "MAPPING", "name of the mapping", CELL_STRING },
	[COL_CGROUP] = { "CGROUP", "cgroup of the process", CELL_STRING, .optional = true },
	[COL_GONE] = { "GONE", "1: the mapping no longer existed at the end of the search",
		       CELL_BOOLEAN, .optional = true },
	{},
};

struct row {
	const struct find *find;
	const struct hit *hit;
};

/* For a single address, the byte at that address; for a range, the first byte */
static __u64 offset_in_page(const struct row *row)
{
	const struct questions *questions = &row->find->questions;
	const struct question *question = &questions->vec[row->hit->question];

	return question->range ? 0 : question->start % questions->page_size;
}

static void find_cell(struct cell *cell, const void *data, size_t column)
{
	const struct row *row = data;
	const struct hit *hit = row->hit;
	const struct owner *owner = &row->find->search.owners[hit->owner];
	__u64 page_size = row->find->questions.page_size;

	switch (column) {
	case COL_PHYS:
		return cell_hex(cell, hit->pfn * page_size + offset_in_page(row));
	case COL_PFN:
		return cell_hex(cell, hit->pfn);
	case COL_PID:
		return cell_number(cell, owner->process.pid);
	case COL_NAME:
		return cell_text(cell, owner->process.comm);
	case COL_ADDRESS:
		return cell_hex(cell, hit->addr + offset_in_page(row));
	case COL_PAGES:
		return cell_number(cell, hit->pages);
	case COL_SIZE:
		return cell_size(cell, 1ULL << hit->page_shift);
	case COL_NODE:
		if (hit->node >= 0)
			cell_number(cell, hit->node);
		return;
	case COL_FLAGS:
		return cell_state(cell, hit->flags);
	case COL_PERM:
		return cell_text(cell, hit->mapped ? hit->mapped->perms : NULL);
	case COL_MAPPING:
		return cell_text(cell, hit->mapped ? hit->mapped->name : NULL);
	case COL_CGROUP:
		return cell_text(cell, owner->cgroup);
	case COL_GONE:
		return cell_text(cell, hit->gone ? "1" : "0");
	}
}

bool find_is_incomplete(const struct find *find, const struct question *question)
{
	return find->search.processes.denied && !question_is_answered(question);
}

static int add_rows(const struct find *find, struct table *table, const struct hit *hits,
		    size_t count)
{
	struct row row = { .find = find };
	size_t i;

	for (i = 0; i < count; i++) {
		row.hit = &hits[i];
		if (table_add(table, &row))
			return -1;
	}
	return 0;
}

int find_table(const struct find *find, const struct hit *hits, size_t count)
{
	struct table *table;
	int status, error;

	status = table_open(&table, "mappings", find_columns, find_cell, false,
			    &find->table_options);
	if (status)
		return status;
	error = add_rows(find, table, hits, count);
	if (table_close(table, !error) || error)
		return failure("%m");
	return EXIT_SUCCESS;
}

/* The command */

/* Whether machine-check banks of this machine may log normalized addresses */
static bool is_amd(void)
{
	FILE *file = system_open("/proc/cpuinfo");
	bool amd = false;
	char line[128];

	while (file && !amd && fgets(line, sizeof(line), file))
		amd = !strncmp(line, "vendor_id", 9) &&
			(strstr(line, "AuthenticAMD") || strstr(line, "HygonGenuine"));
	if (file)
		fclose(file);
	return amd;
}

static int find_status(const struct find *find)
{
	const struct questions *questions = &find->questions;
	int status = EXIT_SUCCESS;
	size_t i;

	for (i = 0; i < questions->count; i++) {
		if (find_is_incomplete(find, &questions->vec[i]))
			return FIND_INCOMPLETE;
		if (!questions->vec[i].nr_hits)
			status = FIND_NOT_MAPPED;
	}
	return status;
}

/* Returns an exit status. */
static int ask(struct find *find, int argc, char **argv)
{
	int i, status = EXIT_SUCCESS;

	find->questions.page_size = sysconf(_SC_PAGESIZE);
	for (i = optind; !status && i < argc; i++)
		status = questions_add(&find->questions, argv[i]);
	if (!status && optind == argc)
		status = questions_read(&find->questions);
	if (!status)
		status = questions_prepare(&find->questions);
	return status;
}

static const struct verb_option find_options[] = {
	{ "pfn", 'P', NULL, "the arguments are PFNs" },
	{ "every", 'e', NULL, "print all rows of a table, not only the first 10" },
	{},
};

static int find(int argc, char **argv)
{
	struct process_filter filter = {};
	struct find find = { .amd = is_amd() };
	const char *arg;
	int option, status;

	while ((option = next_option(argc, argv, &arg)) >= 0) {
		if (option == 'P')
			find.questions.pfn = true;
		else if (option == 'e')
			find.every = true;
		else if (!process_option(&filter, option, arg))
			table_option(&find.table_options, option, arg);
	}
	if (!(filter.device || filter.pids || filter.comm || filter.cgroup || filter.unit))
		filter.all = true;

	status = ask(&find, argc, argv);
	if (!status)
		status = search_run(&find.search, &find.questions, &filter);
	if (!status && find.table_options.json)
		status = find_json(&find);
	else if (!status && find.table_options.raw)
		status = find_table(&find, find.search.hits, find.search.nr_hits);
	else if (!status)
		status = find_text(&find);
	else if (find.search.failed && !find.table_options.json && !find.table_options.raw)
		find_kernel_text(&find);
	status = status ? FIND_INCOMPLETE : find_status(&find);
	search_free(&find.search);
	questions_free(&find.questions);
	return status;
}

const struct verb find_verb = {
	.name = "find",
	.args = "[ADDRESS]...",
	.max_args = MANY_ARGS,
	.summary = "Find the processes that map a physical address",
	.details =
		"An argument is a physical address or a range START-END, hexadecimal, with or\n"
		"without 0x. Without arguments, a log is read from standard input: lines of the\n"
		"kernel (EDAC, machine checks, memory failures), mcelog or rasdaemon, or lines\n"
		"with one address each. The output is sorted by address. An address that is\n"
		"given several times is printed once.\n"
		"\n"
		"For each frame, the output shows what the kernel uses the frame for, and then\n"
		"its mappings in all processes, or in the selected ones. This includes PFN\n"
		"mappings of drivers. vmwalk itself is not searched.\n",
	.options = { find_options, process_verb_options, table_verb_options },
	.columns = find_columns,
	.exit_status = "0 every address is mapped, 1 an address is not mapped,\n"
		       "2 the search is incomplete or the command failed",
	.failure = FIND_INCOMPLETE,
	.run = find,
};
