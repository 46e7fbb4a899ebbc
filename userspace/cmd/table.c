// SPDX-License-Identifier: GPL-2.0
/*
 * Tables: text with aligned columns, raw, or JSON
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define MAX_COLUMNS 32

/*
 * Largest number of rows that a streaming table prints together. Batches start
 * with one row, so that output starts at once, and double in size, because
 * larger batches cost less per row.
 */
#define MAX_BATCH 128

struct table {
	const struct column *columns;
	size_t shown[MAX_COLUMNS]; /* indices in columns, in output order */
	size_t nr_shown;
	cell_fn cell;
	bool streams;
	size_t nr_rows; /* not printed yet, if it streams */
	size_t batch;   /* rows to print together */
	bool exact;
	struct libscols_table *scols; /* NULL for JSON */
};

const struct verb_option table_verb_options[] = {
	{ "json", 'J', NULL, "print JSON" },
	{ "raw", 'r', NULL, "print unabbreviated values, separated by one space" },
	{ "noheadings", 'n', NULL, "don't print the line of column names" },
	{ "output", 'o', "COLUMNS", "print only these columns (comma-separated)" },
	{},
};

void table_option(struct table_options *options, int option, const char *arg)
{
	switch (option) {
	case 'J':
		options->json = true;
		break;
	case 'r':
		options->raw = true;
		break;
	case 'n':
		options->noheadings = true;
		break;
	case 'o':
		options->columns = arg;
		break;
	}
}

/* tolower() depends on the locale: in Turkish, the lower case of I is not i. */
static char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool is_name(const char *name, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (ascii_lower(name[i]) != ascii_lower(text[i]))
			return false;
	return !name[len];
}

static int show_column(struct table *table, const char *name, size_t len)
{
	size_t i;

	for (i = 0; table->columns[i].name; i++)
		if (is_name(table->columns[i].name, name, len))
			break;
	if (!table->columns[i].name)
		return usage_failure("--output: unknown column '%.*s'; --help lists the columns",
				     (int)len, name);
	if (table->nr_shown == MAX_COLUMNS)
		return usage_failure("--output: too many columns (the limit is %d)", MAX_COLUMNS);
	table->shown[table->nr_shown++] = i;
	return EXIT_SUCCESS;
}

static int choose_columns(struct table *table, const char *names)
{
	int status;
	size_t len;

	if (!names) {
		for (; table->columns[table->nr_shown].name; table->nr_shown++)
			table->shown[table->nr_shown] = table->nr_shown;
		return EXIT_SUCCESS;
	}

	for (;; names += len + 1) {
		len = strcspn(names, ",");
		status = show_column(table, names, len);
		if (status || !names[len])
			return status;
	}
}

static int make_scols(struct table *table, const struct table_options *options)
{
	const struct column *column;
	size_t i;
	int flags;

	table->scols = scols_new_table();
	if (!table->scols)
		return -1;
	scols_table_enable_raw(table->scols, options->raw);
	scols_table_enable_noheadings(table->scols, options->noheadings);
	/* Don't truncate to the width of the terminal. */
	scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_NEVER);

	for (i = 0; i < table->nr_shown; i++) {
		column = &table->columns[table->shown[i]];
		flags = column->right ? SCOLS_FL_RIGHT : 0;
		if (column->width)
			flags |= SCOLS_FL_STRICTWIDTH;
		if (!scols_table_new_column(table->scols, column->name, column->width, flags))
			return -1;
	}
	return 0;
}

static void table_free(struct table *table)
{
	scols_unref_table(table->scols);
	free(table);
}

int table_open(struct table **result, const char *name, const struct column *columns, cell_fn cell,
	       bool streams, const struct table_options *options)
{
	struct table *table = calloc(1, sizeof(*table));
	int status;

	if (!table)
		return failure("%m");
	table->columns = columns;
	table->cell = cell;
	table->streams = streams;
	table->batch = 1;
	table->exact = options->json || options->raw;

	if (options->json && options->raw)
		status = usage_failure("--json and --raw are mutually exclusive");
	else
		status = choose_columns(table, options->columns);
	if (!status && !options->json && make_scols(table, options))
		status = failure("%s", strerror(ENOMEM));
	if (status) {
		table_free(table);
		return status;
	}

	if (options->json) {
		json_object(NULL);
		json_array(name);
	}
	*result = table;
	return EXIT_SUCCESS;
}

static int print_lines(struct table *table)
{
	int ret;

	if (!scols_table_get_nlines(table->scols))
		return 0;
	/* Prints the column names at the first call, and no final newline. */
	ret = scols_table_print_range(table->scols, NULL, NULL);
	putchar('\n');
	scols_table_remove_lines(table->scols);
	if (ret) {
		errno = -ret;
		return -1;
	}
	return 0;
}

int table_flush(struct table *table)
{
	int ret = table->scols ? print_lines(table) : 0;

	/* finish() checks for write errors. */
	fflush(stdout);
	table->nr_rows = 0;
	return ret;
}

static void json_name(char *to, size_t size, const char *name)
{
	size_t i;

	for (i = 0; i < size - 1 && name[i]; i++)
		to[i] = ascii_lower(name[i]);
	to[i] = '\0';
}

/* NULL with errno 0: no value. NULL with errno ENOMEM: out of memory. */
static char *cell_text(struct table *table, const void *row, size_t i)
{
	char *text;

	errno = 0;
	text = table->cell(row, table->shown[i], table->exact);
	if (!text && errno != ENOMEM)
		errno = 0;
	return text;
}

static int add_json(struct table *table, const void *row)
{
	const struct column *column;
	char name[32], *text;
	size_t i;
	int ret = 0;

	json_object(NULL);
	for (i = 0; i < table->nr_shown; i++) {
		column = &table->columns[table->shown[i]];
		json_name(name, sizeof(name), column->name);
		text = cell_text(table, row, i);
		if (!text && errno)
			ret = -1;
		json_value(name, column->type, text);
		free(text);
	}
	json_end();
	if (ret)
		errno = ENOMEM;
	return ret;
}

static int add_line(struct table *table, const void *row)
{
	struct libscols_line *line;
	char *text;
	size_t i;

	line = scols_table_new_line(table->scols, NULL);
	if (!line)
		return -1;
	for (i = 0; i < table->nr_shown; i++) {
		text = cell_text(table, row, i);
		if (!text && errno)
			return -1;
		/* In raw output, an empty cell would shift the following ones. */
		if (!text || !*text) {
			free(text);
			text = strdup("-");
		}
		if (!text || scols_line_refer_data(line, i, text)) {
			free(text);
			return -1;
		}
	}
	return 0;
}

int table_add(struct table *table, const void *row)
{
	if (table->scols ? add_line(table, row) : add_json(table, row))
		return -1;

	if (!table->streams || ++table->nr_rows < table->batch)
		return 0;
	if (table->batch < MAX_BATCH)
		table->batch *= 2;
	return table_flush(table);
}

int table_close(struct table *table)
{
	int ret = 0;

	if (table->scols) {
		ret = print_lines(table);
	} else {
		json_end();
		json_end();
	}
	table_free(table);
	return ret;
}
