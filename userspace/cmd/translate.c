// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk translate
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

/* Addresses per VMWALK_IOC_TRANSLATE */
#define BATCH 512

/* Read buffer for standard input, and so the longest line, with its newline */
#define INPUT_SIZE 8192

enum { COL_ADDRESS, COL_PHYS, COL_SIZE, COL_NODE, COL_FLAGS };

static const struct column translate_columns[] = {
	[COL_ADDRESS] = { "ADDRESS", "virtual address", CELL_STRING, true, 14 },
	[COL_PHYS] = { "PHYS", "physical address", CELL_STRING, true, 14 },
	[COL_SIZE] = { "SIZE", "bytes that the page-table entry covers", CELL_NUMBER, true, 5 },
	[COL_NODE] = { "NODE", "NUMA node of the page", CELL_NUMBER, true, 5 },
	[COL_FLAGS] = { "FLAGS", "flags of the page-table entry", CELL_LIST },
	{},
};

static void phys_cell(struct cell *cell, const struct vmwalk_translation *translation)
{
	if (!(translation->state & VMWALK_PRESENT))
		return;
	if (translation->state & VMWALK_HIDDEN)
		cell_text(cell, "hidden");
	else
		cell_hex(cell, translation->phys);
}

static void translate_cell(struct cell *cell, const void *row, size_t column)
{
	const struct vmwalk_translation *translation = row;

	switch (column) {
	case COL_ADDRESS:
		return cell_hex(cell, translation->addr);
	case COL_PHYS:
		return phys_cell(cell, translation);
	case COL_SIZE:
		if (translation->page_shift)
			cell_size(cell, 1ULL << translation->page_shift);
		return;
	case COL_NODE:
		if (translation->node >= 0)
			cell_number(cell, translation->node);
		return;
	case COL_FLAGS:
		return cell_state(cell, translation->state);
	}
}

struct translate {
	struct target target;
	struct table *table;
	struct vmwalk_translation batch[BATCH];
	size_t count; /* addresses in batch */
};

/* Translate and print the batch. Prints errors and returns an exit status. */
static int translate_batch(struct translate *translate)
{
	size_t i, count = translate->count;

	translate->count = 0;
	if (!count)
		return EXIT_SUCCESS;
	if (vmwalk_file_translate(translate->target.file, translate->batch, count))
		return target_failure(&translate->target, NULL, errno);
	for (i = 0; i < count; i++)
		if (table_add(translate->table, &translate->batch[i]))
			return failure("%m");
	return EXIT_SUCCESS;
}

static int translate_one(struct translate *translate, __u64 addr)
{
	translate->batch[translate->count++].addr = addr;
	return translate->count < BATCH ? EXIT_SUCCESS : translate_batch(translate);
}

static int translate_line(struct translate *translate, const char *line, size_t len)
{
	bool nul = strlen(line) < len;
	__u64 addr;

	if (!nul && parse_address(line, &addr))
		return translate_one(translate, addr);
	/* Print the addresses before the wrong one. */
	if (translate_batch(translate))
		return EXIT_FAILURE;
	table_flush(translate->table);
	return failure("standard input: '%.64s' %s", line,
		       nul ? "is followed by a NUL byte" : NOT_AN_ADDRESS);
}

/*
 * Print all results before reading more input: the writer of the input may be
 * waiting for them.
 */
static int translate_input(struct translate *translate)
{
	char input[INPUT_SIZE], *line, *end;
	int status = EXIT_SUCCESS;
	size_t filled = 0;
	ssize_t got;

	do {
		got = read(STDIN_FILENO, input + filled, INPUT_SIZE - filled);
		if (got < 0)
			return failure("standard input: %m");
		filled += got;
		/* The last line may lack its newline. */
		if (!got && filled)
			input[filled++] = '\n';

		line = input;
		while (!status && (end = memchr(line, '\n', input + filled - line))) {
			*end = '\0';
			status = translate_line(translate, line, end - line);
			line = end + 1;
		}
		filled -= line - input;
		memmove(input, line, filled);

		if (!status && filled == INPUT_SIZE)
			status = failure("standard input: a line exceeds %d bytes", INPUT_SIZE - 1);
		if (!status)
			status = translate_batch(translate);
		if (!status)
			table_flush(translate->table);
	} while (!status && got && !ferror(stdout));
	return status;
}

static int run_translate(struct translate *translate, char **addresses,
			 const struct table_options *options)
{
	int status;
	__u64 addr;

	status = table_open(&translate->table, "translations", translate_columns, translate_cell,
			    true, options);
	if (status)
		return status;

	if (!*addresses)
		status = translate_input(translate);
	for (; !status && *addresses; addresses++) {
		parse_address(*addresses, &addr);
		status = translate_one(translate, addr);
	}
	if (!status)
		status = translate_batch(translate);

	if (table_close(translate->table, !status) && !status)
		status = failure("%m");
	return status;
}

static int translate(int argc, char **argv)
{
	struct target_options target_options = {};
	struct table_options table_options = {};
	struct translate translate = {};
	int i, option, status;
	const char *arg;
	__u64 addr;

	while ((option = next_option(argc, argv, &arg)) >= 0) {
		if (!target_option(&target_options, option, arg))
			table_option(&table_options, option, arg);
	}
	for (i = optind; i < argc; i++)
		if (!parse_address(argv[i], &addr))
			return address_failure(argv[i]);

	status = target_open(&translate.target, &target_options);
	if (status)
		return status;
	status = run_translate(&translate, argv + optind, &table_options);
	target_close(&translate.target);
	return status;
}

const struct verb translate_verb = {
	.name = "translate",
	.args = "[ADDRESS]...",
	.max_args = MANY_ARGS,
	.summary = "Translate addresses of a process to physical addresses",
	.details = "Addresses are hexadecimal, with or without 0x. Without arguments, they are\n"
		   "read from standard input, one per line, and each is answered at once. An\n"
		   "unmapped address has no flags. Physical addresses are shown as 'hidden' if\n"
		   "the opener of the device lacks CAP_SYS_ADMIN.\n",
	.options = { target_verb_options, table_verb_options },
	.columns = translate_columns,
	.run = translate,
};
