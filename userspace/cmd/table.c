// SPDX-License-Identifier: GPL-2.0
/*
 * Tables: text with aligned columns, raw, or JSON
 *
 * A table that streams must print a row before it knows the next one, so its
 * columns have fixed widths. A longer value moves the values after it to the
 * right, until there is enough space again. The columns of other tables are as
 * wide as their values; all rows are kept until the end.
 *
 * A row is formatted in one buffer and copied to standard output once. The
 * values of a streaming table need no memory of their own.
 *
 * Copyright (C) The vmwalk authors
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define MAX_COLUMNS 32

/*
 * Largest number of rows that a streaming table prints together. Batches start
 * with one row, so that output starts at once, and double in size. The largest
 * ones exceed the buffer of standard output, which is then written when full.
 */
#define MAX_BATCH 1024

/* States whose names are kept. A scan of a process meets about ten. */
#define NR_STATES 16

/* Longest number: 0x, 16 hexadecimal digits and two quotation marks; or 20 digits */
#define MAX_NUMBER 20

struct cell {
	struct table *table;
	const struct column *column;
	const char *text; /* as printed; NULL: no value */
	size_t len, width;
	char number[MAX_NUMBER];
	struct label label; /* of a text that is not prepared */
};

struct table {
	const struct column *columns;
	size_t shown[MAX_COLUMNS]; /* indices in columns, in output order */
	size_t widths[MAX_COLUMNS];
	char *keys[MAX_COLUMNS]; /* names in JSON */
	size_t nr_shown;
	cell_fn fn;
	enum { TABLE_ALIGNED, TABLE_RAW, TABLE_JSON } format;
	bool headings; /* still to be printed */
	bool bytes;
	bool member;
	bool streams;
	size_t nr_rows;
	size_t pending; /* rows that were not flushed */
	size_t batch;   /* rows to flush together */
	struct buffer line;
	struct buffer cells; /* of a table that doesn't stream: struct stored */
	struct cell cell;
	struct {
		__u32 state;
		bool valid;
		struct label names;
	} states[NR_STATES];
};

/* A cell of a table that doesn't stream */
struct stored {
	char *text;
	size_t len, width;
};

const struct verb_option table_verb_options[] = {
	{ "json", 'J', NULL, "print JSON" },
	{ "raw", 'r', NULL, "print unabbreviated values, separated by one space" },
	{ "noheadings", 'n', NULL, "don't print the line of column names" },
	{ "bytes", 'b', NULL, "print sizes in bytes" },
	{ "output", 'o', "COLUMNS", "print these columns (comma-separated); +: also these" },
	{ "output-all", 'O', NULL, "print all columns" },
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
	case 'b':
		options->bytes = true;
		break;
	case 'o':
		options->columns = arg;
		break;
	case 'O':
		options->all = true;
		break;
	}
}

/* Columns */

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

static int choose_columns(struct table *table, const struct table_options *options)
{
	const char *names = options->columns;
	int status;
	size_t i, len;

	if (names && options->all)
		return usage_failure("--output and --output-all are mutually exclusive");
	for (i = 0; (!names || *names == '+') && table->columns[i].name; i++)
		if (options->all || !table->columns[i].optional)
			table->shown[table->nr_shown++] = i;
	if (!names)
		return EXIT_SUCCESS;

	for (names += *names == '+';; names += len + 1) {
		len = strcspn(names, ",");
		status = show_column(table, names, len);
		if (status || !names[len])
			return status;
	}
}

/* Returns -1 if memory is short. */
static int prepare_columns(struct table *table)
{
	const struct column *column;
	size_t i, len;
	char *c;

	for (i = 0; i < table->nr_shown; i++) {
		column = &table->columns[table->shown[i]];
		len = strlen(column->name);
		table->widths[i] = (size_t)column->width > len ? (size_t)column->width : len;
		if (table->format != TABLE_JSON)
			continue;
		table->keys[i] = text("%s\"%s\": ", i ? ", " : "", column->name);
		if (!table->keys[i])
			return -1;
		for (c = table->keys[i]; *c; c++)
			*c = ascii_lower(*c);
	}
	return 0;
}

/* Labels */

/*
 * Add text to a raw line, with \xNN for everything that is not printable, is
 * blank, or is a backslash.
 */
static void add_raw(struct buffer *buffer, const char *text)
{
	char sequence[5];
	size_t len;

	for (; *text; text++) {
		for (len = 0; isgraph((unsigned char)text[len]) && text[len] != '\\'; len++)
			;
		buffer_add(buffer, text, len);
		text += len;
		if (!*text)
			break;
		snprintf(sequence, sizeof(sequence), "\\x%02x", (unsigned char)*text);
		buffer_add(buffer, sequence, 4);
	}
}

void label_set(struct label *label, const struct table *table, enum cell_type type,
	       const char *text)
{
	struct buffer *shown = &label->shown;

	shown->len = 0;
	label->width = 0;
	if (table->format == TABLE_JSON)
		json_add(shown, type, text);
	else if (!text)
		return;
	else if (table->format == TABLE_RAW)
		add_raw(shown, text);
	else
		label->width = add_escaped(shown, text);
}

void label_free(struct label *label)
{
	buffer_free(&label->shown);
}

/* Values of cells */

void cell_label(struct cell *cell, const struct label *label)
{
	if (label->shown.failed)
		cell->table->line.failed = true;
	if (!label->shown.len)
		return;
	cell->text = label->shown.text;
	cell->len = label->shown.len;
	cell->width = label->width;
}

void cell_text(struct cell *cell, const char *text)
{
	label_set(&cell->label, cell->table, cell->column->type, text);
	cell_label(cell, &cell->label);
}

void cell_take(struct cell *cell, char *text)
{
	if (!text && errno == ENOMEM)
		cell->table->line.failed = true;
	cell_text(cell, text);
	free(text);
}

bool cell_exact(const struct cell *cell)
{
	return cell->table->format != TABLE_ALIGNED;
}

/* Set the value to the end of cell->number. */
static void cell_digits(struct cell *cell, const char *first)
{
	cell->text = first;
	cell->len = cell->number + MAX_NUMBER - first;
	cell->width = cell->len;
}

void cell_hex(struct cell *cell, __u64 value)
{
	bool quote = cell->table->format == TABLE_JSON;
	char *at = cell->number + MAX_NUMBER;

	if (quote)
		*--at = '"';
	do {
		*--at = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	*--at = 'x';
	*--at = '0';
	if (quote)
		*--at = '"';
	cell_digits(cell, at);
}

/* Write the digits of a number before @at. Returns where they begin. */
static char *add_digits(char *at, __u64 value)
{
	do {
		*--at = '0' + value % 10;
		value /= 10;
	} while (value);
	return at;
}

void cell_number(struct cell *cell, __u64 value)
{
	cell_digits(cell, add_digits(cell->number + MAX_NUMBER, value));
}

bool cell_bytes(const struct cell *cell)
{
	return cell_exact(cell) || cell->table->bytes;
}

void cell_size(struct cell *cell, __u64 bytes)
{
	char unit = cell_bytes(cell) ? 0 : size_unit(&bytes);
	char *at = cell->number + MAX_NUMBER;

	if (unit)
		*--at = unit;
	cell_digits(cell, add_digits(at, bytes));
}

void cell_amount(struct cell *cell, __u64 bytes)
{
	if (cell_bytes(cell))
		cell_number(cell, bytes);
	else
		cell_take(cell, amount_text(bytes));
}

/* Names of a state, prepared. The last states that were met are kept. */
static const struct label *state_label(struct table *table, __u32 state)
{
	size_t i = (state ^ state >> 4 ^ state >> 8) % NR_STATES;
	struct label *label = &table->states[i].names;
	bool exact = table->format != TABLE_ALIGNED;
	char *names;

	if (table->states[i].valid && table->states[i].state == state)
		return label;
	/* In a table, another column shows that the page is present. */
	names = flag_names(vmwalk_state_name, exact ? state : state & ~VMWALK_PRESENT);
	if (!names)
		table->line.failed = true;
	label_set(label, table, CELL_LIST, names);
	free(names);
	table->states[i].state = state;
	table->states[i].valid = true;
	return label;
}

void cell_state(struct cell *cell, __u32 state)
{
	cell_label(cell, state_label(cell->table, state));
}

/* Set the cell of a row. */
static void set_cell(struct table *table, const void *row, size_t i)
{
	struct cell *cell = &table->cell;

	cell->column = &table->columns[table->shown[i]];
	cell->text = NULL;
	errno = 0;
	table->fn(cell, row, table->shown[i]);
	if (cell->text)
		return;
	/* In raw output, an empty cell would shift the following ones. */
	cell->text = table->format == TABLE_JSON ? "null" : "-";
	cell->len = table->format == TABLE_JSON ? 4 : 1;
	cell->width = 1;
}

/* Lines */

static const char blanks[] = "                                ";

static void add_blanks(struct buffer *line, size_t count)
{
	for (; count >= sizeof(blanks); count -= sizeof(blanks) - 1)
		buffer_add(line, blanks, sizeof(blanks) - 1);
	buffer_add(line, blanks, count);
}

/*
 * Add a cell to the line. @begin is where its column begins, @at where the line
 * ends. Returns where the line ends then.
 */
static size_t add_cell(struct table *table, size_t i, size_t begin, size_t at, const char *text,
		       size_t len, size_t width)
{
	size_t wanted = begin;

	if (table->format == TABLE_ALIGNED) {
		if (table->columns[table->shown[i]].right && width < table->widths[i])
			wanted += table->widths[i] - width;
		/* At least one blank between two cells */
		if (wanted <= at)
			wanted = at + !!i;
		add_blanks(&table->line, wanted - at);
	} else if (i) {
		buffer_add(&table->line, " ", 1);
	}
	buffer_add(&table->line, text, len);
	return wanted + width;
}

/* Print the line, and the headings before it. */
static int print_line(struct table *table)
{
	if (table->line.failed) {
		errno = ENOMEM;
		return -1;
	}
	buffer_add(&table->line, "\n", 1);
	/* Callers check ferror(stdout). */
	output(table->line.text, table->line.len);
	return 0;
}

static int print_headings(struct table *table)
{
	size_t i, len, begin = 0, at = 0;
	const char *name;
	bool bold;

	if (!table->headings)
		return 0;
	table->headings = false;
	table->line.len = 0;
	bold = use_colours(stdout);
	if (bold)
		buffer_add(&table->line, "\033[1m", 4);
	for (i = 0; i < table->nr_shown; i++) {
		name = table->columns[table->shown[i]].name;
		len = strlen(name);
		at = add_cell(table, i, begin, at, name, len, len);
		begin += table->widths[i] + 1;
	}
	if (bold)
		buffer_add(&table->line, "\033[0m", 4);
	return print_line(table);
}

/* Print a row of a streaming table. */
static int stream_row(struct table *table, const void *row)
{
	struct cell *cell = &table->cell;
	size_t i, begin = 0, at = 0;

	if (print_headings(table))
		return -1;
	table->line.len = 0;
	for (i = 0; i < table->nr_shown; i++) {
		set_cell(table, row, i);
		at = add_cell(table, i, begin, at, cell->text, cell->len, cell->width);
		begin += table->widths[i] + 1;
	}
	return print_line(table);
}

static int add_json(struct table *table, const void *row)
{
	struct cell *cell = &table->cell;
	struct buffer *line = &table->line;
	size_t i;

	line->len = 0;
	buffer_add(line, "{", 1);
	for (i = 0; i < table->nr_shown; i++) {
		set_cell(table, row, i);
		buffer_add(line, table->keys[i], strlen(table->keys[i]));
		buffer_add(line, cell->text, cell->len);
	}
	buffer_add(line, "}", 1);
	if (line->failed) {
		errno = ENOMEM;
		return -1;
	}
	json_element(line->text, line->len);
	return 0;
}

static int store_row(struct table *table, const void *row)
{
	const struct cell *cell = &table->cell;
	struct stored stored;
	size_t i;

	for (i = 0; i < table->nr_shown; i++) {
		set_cell(table, row, i);
		stored = (struct stored){ malloc(cell->len), cell->len, cell->width };
		if (!stored.text)
			return -1;
		memcpy(stored.text, cell->text, cell->len);
		buffer_add(&table->cells, (const char *)&stored, sizeof(stored));
		if (table->cells.failed || table->line.failed) {
			errno = ENOMEM;
			return -1;
		}
		if (cell->width > table->widths[i])
			table->widths[i] = cell->width;
	}
	return 0;
}

static int print_stored(struct table *table)
{
	const struct stored *stored = (const struct stored *)table->cells.text;
	size_t row, i, begin, at;

	for (row = 0; row < table->nr_rows; row++) {
		table->line.len = 0;
		begin = 0;
		at = 0;
		for (i = 0; i < table->nr_shown; i++, stored++) {
			at = add_cell(table, i, begin, at, stored->text, stored->len,
				      stored->width);
			begin += table->widths[i] + 1;
		}
		if (print_line(table))
			return -1;
	}
	return 0;
}

/* Tables */

static void table_free(struct table *table)
{
	struct stored *stored = (struct stored *)table->cells.text;
	size_t i;

	for (i = 0; i < table->cells.len / sizeof(*stored); i++)
		free(stored[i].text);
	for (i = 0; i < NR_STATES; i++)
		label_free(&table->states[i].names);
	for (i = 0; i < table->nr_shown; i++)
		free(table->keys[i]);
	label_free(&table->cell.label);
	buffer_free(&table->cells);
	buffer_free(&table->line);
	free(table);
}

int table_open(struct table **result, const char *name, const struct column *columns, cell_fn fn,
	       bool streams, const struct table_options *options)
{
	struct table *table = calloc(1, sizeof(*table));
	int status;

	if (!table)
		return failure("%m");
	table->columns = columns;
	table->fn = fn;
	table->format = options->json ? TABLE_JSON : options->raw ? TABLE_RAW : TABLE_ALIGNED;
	table->streams = streams || table->format != TABLE_ALIGNED;
	table->headings = table->format != TABLE_JSON && !options->noheadings;
	table->bytes = options->bytes;
	table->member = options->member;
	table->batch = 1;
	table->cell.table = table;

	if (options->json && options->raw)
		status = usage_failure("--json and --raw are mutually exclusive");
	else
		status = choose_columns(table, options);
	if (!status && prepare_columns(table))
		status = failure("%m");
	if (status) {
		table_free(table);
		return status;
	}

	if (options->json) {
		if (!options->member)
			json_object(NULL);
		json_array(name);
	}
	*result = table;
	return EXIT_SUCCESS;
}

size_t table_rows(const struct table *table)
{
	return table->nr_rows;
}

void table_flush(struct table *table)
{
	table->pending = 0;
	output_flush();
}

int table_add(struct table *table, const void *row)
{
	int ret;

	if (table->format == TABLE_JSON)
		ret = add_json(table, row);
	else if (table->streams)
		ret = stream_row(table, row);
	else
		ret = store_row(table, row);
	if (ret)
		return ret;
	table->nr_rows++;

	if (table->streams && ++table->pending >= table->batch) {
		if (table->batch < MAX_BATCH)
			table->batch *= 2;
		table_flush(table);
	}
	return 0;
}

int table_close(struct table *table, bool complete)
{
	int ret = 0;

	if (table->format == TABLE_JSON) {
		json_end();
		if (!table->member)
			json_end();
	} else if (complete || table->nr_rows) {
		ret = print_headings(table);
		if (!ret && !table->streams)
			ret = print_stored(table);
	}
	table_free(table);
	return ret;
}
