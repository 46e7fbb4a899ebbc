// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk top
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "top.h"

#define DEFAULT_DELAY 2.0
#define MAX_DELAY     86400.0

static const struct verb_option top_options[] = {
	{ "batch", 'b', NULL, "print tables, without using the terminal" },
	{ "iterations", 'n', "N", "end after N refreshes" },
	{ "delay", 'd', "SECONDS", "time between two refreshes; 2 by default" },
	{ "sort", 's', "COLUMN", "order the processes by this column" },
	{ "bytes", 'B', NULL, "print sizes in bytes" },
	{ "device", 'D', "NAME", "the target of this instance, device or path" },
	{},
};

/* Batches */

struct batch {
	const struct top *top;
	const struct top_view *view;
};

struct batch_row {
	const struct batch *batch;
	size_t row;
};

static void batch_cell(struct cell *cell, const void *data, size_t column)
{
	const struct batch_row *row = data;
	const struct batch *batch = row->batch;
	struct top_value value = batch->view->value(batch->top, row->row, column);

	switch (value.type) {
	case TOP_TEXT:
		return cell_text(cell, value.text);
	case TOP_NUMBER:
	case TOP_ID:
		return cell_number(cell, value.number);
	case TOP_AMOUNT:
		return cell_amount(cell, value.number);
	case TOP_HEX:
		return cell_hex(cell, value.number);
	case TOP_NONE:
	case TOP_ESTIMATE:
		return;
	}
}

static int print_rows(const struct batch *batch, struct table *table, size_t sort)
{
	size_t i, count = batch->view->count(batch->top);
	size_t *order = top_order(batch->top, batch->view, sort, false);
	struct batch_row row = { .batch = batch };
	int ret = order ? 0 : -1;

	for (i = 0; !ret && i < count; i++) {
		row.row = order[i];
		ret = table_add(table, &row);
	}
	free(order);
	return ret;
}

static int print_view(const struct top *top, const struct top_view *view, size_t sort, bool bytes)
{
	struct table_options options = { .bytes = bytes };
	struct batch batch = { top, view };
	struct table *table;
	int status, ret;

	status = table_open(&table, NULL, view->columns, batch_cell, false, &options);
	if (status)
		return status;
	ret = print_rows(&batch, table, sort);
	if (table_close(table, !ret))
		ret = -1;
	return ret ? failure("%m") : EXIT_SUCCESS;
}

/* Print a line, and free it. */
static int print_line(char *line)
{
	if (!line)
		return failure("%m");
	print_escaped(stdout, line);
	putchar('\n');
	free(line);
	return EXIT_SUCCESS;
}

static int print_batch(const struct top *top, const struct top_settings *settings)
{
	int status;

	status = print_line(top_status(top, settings->delay));
	if (!status)
		status = print_line(top_total(top, settings->bytes));
	if (!status)
		status = print_view(top, &top_processes_view, settings->sort, settings->bytes);
	if (!status && top->nr_instances) {
		putchar('\n');
		status = print_view(top, &top_instances_view, top_instances_view.sort,
				    settings->bytes);
	}
	putchar('\n');
	output_flush();
	return status;
}

static void sleep_for(double seconds)
{
	struct timespec time = { .tv_sec = (time_t)seconds };

	time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
	/* The process may be stopped and continued. */
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time) == EINTR)
		;
}

static int refresh_batch(struct top *top, const struct top_settings *settings)
{
	int status = top_list(top);
	size_t i;

	for (i = 0; i < top->nr_rows; i++)
		top->rows[i].wanted = true;
	if (!status)
		status = top_scan(top);
	if (!status)
		status = print_batch(top, settings);
	return status;
}

static int run_batch(struct top *top, const struct top_settings *settings)
{
	unsigned long done = 0;
	int status;

	for (;;) {
		status = refresh_batch(top, settings);
		if (status || ferror(stdout) || ++done == settings->count)
			return status;
		sleep_for(top_interval(top, settings->delay) - top->cost);
	}
}

#ifndef HAVE_NCURSES
int top_screen(struct top *top, const struct top_settings *settings)
{
	(void)top;
	(void)settings;
	return failure("this program was built without ncurses; use --batch");
}
#endif

/* The command line */

static int parse_delay(const char *text, double *delay)
{
	char *end;

	errno = 0;
	*delay = strtod(text, &end);
	if (end == text || *end || errno || !(*delay > 0) || *delay > MAX_DELAY)
		return usage_failure("--delay: '%s' is not a number of seconds (above 0, up to %g)",
				     text, MAX_DELAY);
	return EXIT_SUCCESS;
}

static int parse_count(const char *text, unsigned long *count)
{
	char *end;

	errno = 0;
	*count = strtoul(text, &end, 10);
	if (strspn(text, "0123456789") != strlen(text) || !*text || errno || !*count)
		return usage_failure("--iterations: '%s' is not a number (1 or more)", text);
	return EXIT_SUCCESS;
}

static int top_option(struct top_settings *settings, bool *batch, struct process_filter *filter,
		      int option, const char *arg)
{
	switch (option) {
	case 'b':
		*batch = true;
		return EXIT_SUCCESS;
	case 'B':
		settings->bytes = true;
		return EXIT_SUCCESS;
	case 'D':
		filter->device = arg;
		return EXIT_SUCCESS;
	case 'd':
		return parse_delay(arg, &settings->delay);
	case 'n':
		return parse_count(arg, &settings->count);
	case 's':
		settings->sort = top_column(&top_processes_view, arg);
		if (settings->sort == SIZE_MAX)
			return usage_failure("--sort: unknown column '%s'%s", arg,
					     "; --help lists the columns");
		return EXIT_SUCCESS;
	}
	process_option(filter, option, arg);
	return EXIT_SUCCESS;
}

static int top(int argc, char **argv)
{
	struct top_settings settings = { .delay = DEFAULT_DELAY, .sort = top_processes_view.sort };
	struct top state = { .stop = -1 };
	bool batch = false;
	int option, status;
	const char *arg;

	while ((option = next_option(argc, argv, &arg)) >= 0) {
		status = top_option(&settings, &batch, &state.filter, option, arg);
		if (status)
			return status;
	}
	if (!process_filters(&state.filter))
		state.filter.all = true;
	/* Only the first selection must have a process: later, all may have ended. */
	status = top_list(&state);
	state.filter.optional = true;
	if (!status)
		status = batch ? run_batch(&state, &settings) : top_screen(&state, &settings);
	top_free(&state);
	return status;
}

const struct verb top_verb = {
	.name = "top",
	.args = "",
	.summary = "Monitor the memory of processes, and the instances",
	.details = "Scans the processes that the terminal shows or, with --batch, all that are\n"
		   "selected: all processes by default. Scans take at most a fifth of the time:\n"
		   "after a slow refresh, the next one is delayed. A dash is a value that is not\n"
		   "known, such as a rate at the first refresh. Press F1 to list the keys.\n",
	.options = { top_options, process_verb_options + 1 /* without --device */ },
	.columns = top_process_columns,
	.run = top,
};
