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

/* Addresses that are translated together. */
#define PORTION		512

/* Bytes of standard input that are looked at together, and so the most that a line can have. */
#define INPUT_SIZE	8192

enum { COL_ADDRESS, COL_PHYS, COL_SIZE, COL_NODE, COL_FLAGS };

static const struct column translate_columns[] = {
	[COL_ADDRESS] = { "ADDRESS", "the address that was asked for", CELL_STRING, true, 14 },
	[COL_PHYS] = { "PHYS", "physical address of its byte", CELL_STRING, true, 14 },
	[COL_SIZE] = { "SIZE", "bytes that the last page-table entry covers", CELL_NUMBER, true,
		       5 },
	[COL_NODE] = { "NODE", "NUMA node of the frame", CELL_NUMBER, true, 5 },
	[COL_FLAGS] = { "FLAGS", "what the page-table entry says", CELL_WORDS },
	{ }
};

static char *translate_cell(const void *row, size_t column, bool exact)
{
	const struct vmwalk_translation *translation = row;
	__u32 state = translation->state;

	switch (column) {
	case COL_ADDRESS:
		return text("0x%llx", translation->addr);
	case COL_PHYS:
		if (!(state & VMWALK_PRESENT))
			return NULL;
		if (state & VMWALK_HIDDEN)
			return strdup("hidden");
		return text("0x%llx", translation->phys);
	case COL_SIZE:
		if (!translation->page_shift)
			return NULL;
		return size_text(1ULL << translation->page_shift, exact);
	case COL_NODE:
		return translation->node < 0 ? NULL : text("%d", translation->node);
	case COL_FLAGS:
		/* A reader sees from the physical address that the page is present. */
		return state_names(exact ? state : state & ~VMWALK_PRESENT);
	}
	return NULL;
}

struct translate {
	struct target target;
	struct table *table;
	struct vmwalk_translation portion[PORTION];
	size_t count;			/* addresses in it */
};

/* Translate and print what was gathered. Returns an exit status, after saying what failed. */
static int translate_portion(struct translate *translate)
{
	size_t i, count = translate->count;

	translate->count = 0;
	if (!count)
		return EXIT_SUCCESS;
	if (vmwalk_file_translate(translate->target.file, translate->portion, count))
		return failure("process %d: %s", translate->target.pid, target_error(errno));
	for (i = 0; i < count; i++)
		if (table_add(translate->table, &translate->portion[i]))
			return failure("%m");
	return EXIT_SUCCESS;
}

static int translate_one(struct translate *translate, __u64 addr)
{
	translate->portion[translate->count++].addr = addr;
	return translate->count < PORTION ? EXIT_SUCCESS : translate_portion(translate);
}

static int translate_line(struct translate *translate, const char *line, size_t len)
{
	const char *why = strlen(line) < len ? "a NUL byte follows; " : "";
	__u64 addr;

	if (!*why && parse_address(line, &addr))
		return translate_one(translate, addr);
	/* What came before it gets its answers. */
	if (translate_portion(translate))
		return EXIT_FAILURE;
	table_flush(translate->table);
	return failure("%.64s: %san address is a hexadecimal number", line, why);
}

/*
 * Translate what standard input has to give, and give it out before waiting for more: the other end
 * may be waiting for that.
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
		/* The last line may lack its end. */
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
			status = failure("standard input: a line is too long for an address");
		if (!status)
			status = translate_portion(translate);
		if (!status && table_flush(translate->table))
			status = failure("%m");
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
		status = translate_portion(translate);

	if (table_close(translate->table) && !status)
		status = failure("%m");
	return status;
}

static int translate(int argc, char **argv)
{
	struct target_options target_options = { };
	struct table_options table_options = { };
	struct translate translate = { };
	int i, option, status;
	const char *arg;
	__u64 addr;

	while ((option = next_option(argc, argv, &arg)) >= 0) {
		if (!target_option(&target_options, option, arg))
			table_option(&table_options, option, arg);
	}
	for (i = optind; i < argc; i++)
		if (!parse_address(argv[i], &addr))
			return usage_failure("%s: an address is a hexadecimal number", argv[i]);

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
	.summary = "Tell the physical addresses of many addresses of a process",
	.details = "Addresses are hexadecimal, with or without 0x. Without any they are read from\n"
		   "standard input, one a line, and answered as they come. An address of which\n"
		   "nothing is mapped has no flags. A frame that is there but withheld from who\n"
		   "may not see it is shown as 'hidden'.\n",
	.options = { target_verb_options, table_verb_options },
	.columns = translate_columns,
	.run = translate,
};
