// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk summary
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policies.h"
#include "processes.h"
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

static const struct column summary_columns[] = {
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

static const char process_columns[] = "PID,COMM,RSS,ANON,FILE,SHMEM,SWAP,HUGETLB,THP,NODES";
static const char mapping_columns[] =
	"PID,START,END,PERM,RSS,SWAP,HUGETLB,THP,THP_SMALL,THP_HOLES,NODES,MAPPING";

struct summary {
	struct table_options options;
	struct table *table; /* NULL: as text or JSON */
	bool mappings;
	struct thp thp;
	struct tally_group *group; /* NULL: one process */
	const struct process *process;
	struct policies *policies; /* of the process; opened by the first cell */
	bool policies_read;
};

struct row {
	struct summary *summary;
	const struct tally *tally;
	const struct tally_mapping *mapping; /* NULL: of a process, or of all */
};

/* Cells */

static void kind_cell(struct cell *cell, const struct tally *tally, unsigned int kinds)
{
	cell_amount(cell, tally_bytes(tally, kinds, TALLY_ANY_SHIFT, TALLY_ANY_NODE));
}

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

static void policy_cell(struct cell *cell, const struct row *row)
{
	struct summary *summary = row->summary;

	if (!row->mapping)
		return;
	if (!summary->policies_read)
		summary->policies = policies_open(summary->process->pid);
	summary->policies_read = true;
	cell_text(cell, policies_find(summary->policies, row->mapping->vma->start));
}

static void mapping_cell(struct cell *cell, const struct tally_mapping *mapping, size_t column)
{
	const struct mapping *line = mapping ? mapping->mapping : NULL;

	if (!mapping)
		return;
	if (column == COL_START)
		cell_hex(cell, mapping->vma->start);
	else if (column == COL_END)
		cell_hex(cell, mapping->vma->end);
	else if (line)
		cell_text(cell, column == COL_PERM ? line->perms : line->name);
}

static void summary_cell(struct cell *cell, const void *data, size_t column)
{
	const struct row *row = data;
	const struct process *process = row->summary->process;
	const struct tally *tally = row->tally;

	switch (column) {
	case COL_PID:
		if (process)
			cell_number(cell, process->pid);
		return;
	case COL_COMM:
		return cell_text(cell, process ? process->comm : "total");
	case COL_RSS:
		return kind_cell(cell, tally, TALLY_RESIDENT);
	case COL_ANON:
		return kind_cell(cell, tally, 1U << TALLY_ANONYMOUS);
	case COL_FILE:
		return kind_cell(cell, tally, 1U << TALLY_FILE);
	case COL_SHMEM:
		return kind_cell(cell, tally, 1U << TALLY_SHMEM);
	case COL_SWAP:
		return kind_cell(cell, tally, 1U << TALLY_SWAP);
	case COL_HUGETLB:
		return kind_cell(cell, tally, 1U << TALLY_HUGETLB);
	case COL_ZERO:
		return kind_cell(cell, tally, 1U << TALLY_ZERO);
	case COL_SPECIAL:
		return kind_cell(cell, tally, 1U << TALLY_SPECIAL);
	case COL_MIGRATION:
		return kind_cell(cell, tally, 1U << TALLY_MIGRATION);
	case COL_THP:
	case COL_THP_SMALL:
	case COL_THP_HOLES:
		return cell_amount(cell, tally->windows[THP_PMD][TALLY_HUGE + column - COL_THP]);
	case COL_ENTRIES:
		return entries_cell(cell, tally);
	case COL_NODES:
		return nodes_cell(cell, tally);
	case COL_POLICY:
		return policy_cell(cell, row);
	case COL_LARGEST_RUN:
		if (tally->hidden)
			return cell_text(cell, "hidden");
		return cell_amount(cell, tally->largest_run);
	}
	mapping_cell(cell, row->mapping, column);
}

/* Walks */

static void mapping_json(const struct summary *summary, const struct tally_mapping *mapping)
{
	const struct mapping *line = mapping->mapping;

	json_object(NULL);
	json_address("start", mapping->vma->start);
	json_address("end", mapping->vma->end);
	json_value("perm", CELL_STRING, line ? line->perms : NULL);
	json_value("name", CELL_STRING, line ? line->name : NULL);
	summary_json(mapping->tally, &summary->thp);
	json_end();
}

static int one_mapping(const struct tally_mapping *mapping, void *data)
{
	struct summary *summary = data;
	struct row row = { summary, mapping->tally, mapping };

	if (!summary->options.json)
		return table_add(summary->table, &row);
	mapping_json(summary, mapping);
	return 0;
}

static int print_process(struct summary *summary, const struct target *target,
			 const struct tally *tally)
{
	struct row row = { .summary = summary, .tally = tally };

	if (summary->table)
		return summary->mappings ? 0 : table_add(summary->table, &row);
	target_print(stdout, target);
	putchar('\n');
	summary_print(tally, &summary->thp, summary->options.bytes);
	return 0;
}

static void begin_json(const struct summary *summary)
{
	json_object(NULL);
	json_number("pid", summary->process->pid);
	json_value("comm", CELL_STRING, summary->process->comm);
	if (summary->mappings)
		json_array("mappings");
}

/* Sums of a process that could not be read to the end would be misleading. */
static void end_json(const struct summary *summary, const struct tally *tally, int error)
{
	if (summary->mappings)
		json_end();
	if (error)
		json_value("error", CELL_STRING, strerror(error));
	else
		summary_json(tally, &summary->thp);
	json_end();
}

static int one_process(struct target *target, const struct process *process, void *data)
{
	struct summary *summary = data;
	struct tally tally = {};
	struct tally_walk walk = {
		.target = target,
		.thp = &summary->thp,
		.sum = &tally,
		.group = summary->group,
		.mapping = summary->mappings ? one_mapping : NULL,
		.data = summary,
	};
	int ret, error;

	summary->process = process;
	thp_read_process(&summary->thp, process->pid);
	if (summary->options.json)
		begin_json(summary);
	ret = tally_walk(&walk);
	if (!ret && !summary->options.json)
		ret = print_process(summary, target, &tally);
	error = ret ? errno : 0;
	if (summary->options.json)
		end_json(summary, &tally, error);
	tally_free(&tally);
	thp_free(&summary->thp);
	policies_close(summary->policies);
	summary->policies = NULL;
	summary->policies_read = false;
	summary->process = NULL;
	errno = error;
	return ret;
}

/* The sums over all processes */

static void total_json(const struct summary *summary, const struct processes *processes)
{
	json_end();
	if (summary->group && !summary->group->tally.hidden) {
		json_object("total");
		summary_json(&summary->group->tally, &summary->thp);
		json_end();
	} else if (summary->group) {
		json_value("total", CELL_STRING, NULL);
	}
	json_number("walked", processes->walked);
	json_number("exited", processes->exited);
	json_number("denied", processes->denied);
	json_number("shared", processes->shared);
	json_end();
}

static void total_text(const struct summary *summary, const struct processes *processes)
{
	putchar('\n');
	processes_print(stdout, processes);
	if (summary->group->tally.hidden) {
		printf("; no total, since PFNs are hidden: " LACKS("CAP_SYS_ADMIN") "\n");
		return;
	}
	printf("; in total, each frame once:\n");
	summary_print(&summary->group->tally, &summary->thp, summary->options.bytes);
}

/* Returns -1 with errno set on error. */
static int close_table(struct summary *summary, const struct processes *processes, bool complete)
{
	struct row row = { .summary = summary };
	bool total = summary->group && !summary->mappings && summary->options.raw;
	int ret = 0;

	if (complete && total && !summary->group->tally.hidden) {
		row.tally = &summary->group->tally;
		ret = table_add(summary->table, &row);
	}
	if (table_close(summary->table, complete))
		ret = -1;
	if (!ret && complete && summary->group && !summary->options.raw)
		total_text(summary, processes);
	return ret;
}

static int walk_all(struct summary *summary, struct processes *processes)
{
	int status;

	if (summary->options.json) {
		json_object(NULL);
		json_array("processes");
	}
	status = processes_walk(processes, one_process, summary);
	if (summary->options.json)
		total_json(summary, processes);
	else if (summary->table && close_table(summary, processes, !status) && !status)
		status = failure("%m");
	if (!status && !processes->walked)
		status = failure("no process could be read: %zu exited, %zu not permitted",
				 processes->exited, processes->denied);
	return status;
}

/* Choose the form of the output: rows, unless it is one process or JSON. */
static int open_table(struct summary *summary, bool several)
{
	const char *defaults = summary->mappings ? mapping_columns : process_columns;
	struct table_options options = summary->options;
	char *columns = NULL;
	int status;

	if (options.json && (options.columns || options.all || options.raw || options.noheadings))
		return usage_failure("--json is incompatible with options for rows");
	if (options.json ||
	    !(several || summary->mappings || options.columns || options.all || options.raw ||
	      options.noheadings))
		return EXIT_SUCCESS;
	if (!options.columns && !options.all)
		options.columns = defaults;
	if (options.columns && *options.columns == '+') {
		columns = text("%s,%s", defaults, options.columns + 1);
		if (!columns)
			return failure("%m");
		options.columns = columns;
	}
	status = table_open(&summary->table, NULL, summary_columns, summary_cell, summary->mappings,
			    &options);
	free(columns);
	return status;
}

static const struct verb_option summary_options[] = {
	{ "mappings", 'm', NULL, "also list the mappings that have pages" },
	{},
};

static int summary(int argc, char **argv)
{
	struct process_filter filter = {};
	struct summary state = {};
	struct processes processes;
	struct tally_group group = {};
	int option, status;
	const char *arg;

	while ((option = next_option(argc, argv, &arg)) >= 0) {
		if (process_option(&filter, option, arg))
			continue;
		if (option == 'm')
			state.mappings = true;
		else
			table_option(&state.options, option, arg);
	}

	status = processes_select(&processes, &filter);
	if (status)
		return status;
	thp_read(&state.thp);
	if (processes.count > 1)
		state.group = &group;
	status = open_table(&state, state.group);
	if (!status)
		status = walk_all(&state, &processes);
	tally_group_free(&group);
	processes_free(&processes);
	return status;
}

const struct verb summary_verb = {
	.name = "summary",
	.args = "",
	.summary = "Sum up the memory of processes: kinds, huge pages, nodes, contiguity",
	.details =
		"One process is shown as text, several are shown as rows, with a total that\n"
		"counts each frame once. THP windows are aligned parts of mappings, of the size\n"
		"of a transparent huge page, that may become one and have at least one page.\n"
		"What needs PFNs is hidden if the opener of the device lacks CAP_SYS_ADMIN.\n",
	.options = { process_verb_options, summary_options, table_verb_options },
	.columns = summary_columns,
	.run = summary,
};
