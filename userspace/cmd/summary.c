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

static const char process_columns[] = "PID,COMM,RSS,ANON,FILE,SHMEM,SWAP,HUGETLB,THP,NODES";
static const char mapping_columns[] =
	"PID,START,END,PERM,RSS,SWAP,HUGETLB,THP,THP_SMALL,THP_HOLES,NODES,MAPPING";

struct summary {
	struct table_options options;
	struct table *table; /* NULL: as text or JSON */
	bool mappings;
	struct thp thp;
	struct tally_group *group;     /* NULL: one process */
	const struct process *process; /* the current one; NULL: all */
	struct policies *policies;     /* of its mappings */
};

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
	struct summary_row row = { summary->process, mapping->tally, mapping, summary->policies };

	if (!summary->options.json)
		return table_add(summary->table, &row);
	mapping_json(summary, mapping);
	return 0;
}

static int print_process(struct summary *summary, const struct target *target,
			 const struct tally *tally)
{
	struct summary_row row = { .process = summary->process, .tally = tally };

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
	/* It is read only if its column is shown. */
	if (summary->table && summary->mappings)
		summary->policies = policies_open(process->pid);
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
	struct summary_row row = {};
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
		"Figures that need PFNs are hidden if the opener of the device lacks\n"
		"CAP_SYS_ADMIN.\n",
	.options = { process_verb_options, summary_options, table_verb_options },
	.columns = summary_columns,
	.run = summary,
};
