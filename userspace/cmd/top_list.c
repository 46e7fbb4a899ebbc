// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk top: rows of processes
 *
 * A process keeps its row as long as its PID and the time of its start stay the
 * same.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "top.h"

/* Refreshes take at most one part of so many of the time. */
#define COST_PARTS 5

double top_now(void)
{
	return (double)clock_ns(CLOCK_MONOTONIC) / 1e9;
}

double top_interval(const struct top *top, double delay)
{
	return COST_PARTS * top->cost > delay ? COST_PARTS * top->cost : delay;
}

static __u64 read_field(const char *text, const char *name)
{
	const char *field = strstr(text, name);

	return field ? strtoull(field + strlen(name), NULL, 10) : 0;
}

/* Resident and swap of a process that may not be scanned, from /proc/PID/status */
static __u64 estimate(pid_t pid)
{
	char status[4096];

	read_process_file(pid, "status", status, sizeof(status));
	return (read_field(status, "\nVmRSS:") + read_field(status, "\nVmSwap:")) * 1024;
}

static void free_rows(struct top_process *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		trail_free(&rows[i].trail);
	free(rows);
}

/*
 * The row that a process had before, or NULL. @at is where the search begins: both
 * lists mostly have the same order.
 */
static struct top_process *find_row(const struct top *top, const struct process *process,
				    size_t *at)
{
	struct top_process *row;
	size_t i;

	for (i = 0; i < top->nr_rows; i++) {
		row = &top->rows[(*at + i) % top->nr_rows];
		if (top_is_same(&row->process, process)) {
			*at = (*at + i + 1) % top->nr_rows;
			return row;
		}
	}
	return NULL;
}

/* Make rows of the selected processes, from those that they had before. */
static int make_rows(struct top *top)
{
	struct top_process *rows, *old;
	size_t i, at = 0, count = top->processes.count;

	rows = calloc(count ? count : 1, sizeof(*rows));
	if (!rows)
		return failure("%m");
	for (i = 0; i < count; i++) {
		old = find_row(top, &top->processes.vec[i], &at);
		if (old) {
			rows[i] = *old;
			old->trail = (struct trail){};
		} else {
			rows[i].moved = -1;
		}
		rows[i].wanted = false;
		rows[i].process = top->processes.vec[i];
		rows[i].estimate = estimate(rows[i].process.pid);
	}
	free_rows(top->rows, top->nr_rows);
	top->rows = rows;
	top->nr_rows = count;
	return EXIT_SUCCESS;
}

int top_list(struct top *top)
{
	double start = top_now();
	struct processes next;
	int status;

	status = processes_select(&next, &top->filter);
	if (status)
		return status;
	/* Keep the temporary instance. */
	if (top->processes.open && !next.open)
		processes_pass(&top->processes, &next);
	processes_free(&top->processes);
	top->processes = next;
	status = make_rows(top);
	top->cost = top_now() - start;
	return status;
}

void top_free(struct top *top)
{
	top_free_mappings(top);
	free_rows(top->rows, top->nr_rows);
	top_free_instances(top->instances, top->nr_instances);
	processes_free(&top->processes);
}
