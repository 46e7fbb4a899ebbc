// SPDX-License-Identifier: GPL-2.0
/*
 * Physical addresses in lines of a log
 *
 * Copyright (C) The vmwalk authors
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "logline.h"

enum unit {
	UNIT_BYTE,
	UNIT_BANK, /* also in bytes, from a machine-check bank */
	UNIT_PAGE,
	UNIT_PAGE_AND_OFFSET, /* @other precedes the offset in the page */
};

/*
 * A number in the line, which follows a given word. The word must not be the end
 * of a longer word. The line must also contain @other, since the word alone is
 * too common.
 */
static const struct format {
	const char *word, *other;
	int base;
	enum unit unit;
} formats[] = {
	/* EDAC: "page:0x45f4b1 offset:0x340 grain:32" */
	{ "page:0x", " offset:0x", 16, UNIT_PAGE_AND_OFFSET },
	/* The trace event mc_event, and rasdaemon's text of it */
	{ "address:0x", " grain:", 16, UNIT_BYTE },
	{ "address: 0x", " grain:", 16, UNIT_BYTE },
	/* ras-mc-ctl --errors prints a decimal number from its database. */
	{ "addr ", ", grain ", 10, UNIT_BYTE },
	/* Firmware (GHES), and the trace event extlog_mem_event */
	{ "physical_address: 0x", "", 16, UNIT_BYTE },
	{ "physical addr: ", "", 16, UNIT_BYTE },
	/* rasdaemon and ras-mc-ctl: "status=0x8c00004200800090, addr=0x1efa4c7cc40" */
	{ "addr=0x", "status=0x", 16, UNIT_BANK },
	/* The kernel and mcelog: "TSC 0 ADDR 96236c6c0 MISC 90840080008228c" */
	{ "ADDR ", "", 16, UNIT_BANK },
	/* The kernel on AMD */
	{ "Error Addr: 0x", "", 16, UNIT_BANK },
	/* The kernel, when it takes a page out of use */
	{ "Memory failure: 0x", "", 16, UNIT_PAGE },
	{ "soft offline: 0x", "", 16, UNIT_PAGE },
	{ "soft_offline: 0x", "", 16, UNIT_PAGE },
	{ "pfn 0x", "memory failure for", 16, UNIT_PAGE },
	/* mcelog and rasdaemon, when they ask the kernel to do so */
	{ "Corrected memory errors on page ", "", 16, UNIT_BYTE },
	{ "Offlining page ", "", 16, UNIT_BYTE },
	{ "Corrected Errors at 0x", "", 16, UNIT_BYTE },
	{ "offlining page at 0x", "", 16, UNIT_BYTE },
};

/* Find a word that is not the end of a longer one. */
static const char *find_word(const char *line, const char *word)
{
	const char *at = line;

	while ((at = strstr(at, word))) {
		if (at == line || !(isalnum((unsigned char)at[-1]) || at[-1] == '_'))
			return at;
		at++;
	}
	return NULL;
}

/* Parse a number that ends where its word ends. */
static bool parse_number(const char *at, int base, __u64 *value, const char **end)
{
	char *after;

	/* strtoull() would skip blanks and accept signs. */
	if (!isxdigit((unsigned char)*at))
		return false;
	errno = 0;
	*value = strtoull(at, &after, base);
	*end = after;
	return !errno && after != at && !isalnum((unsigned char)*after) && *after != '_';
}

static bool parse_format(const struct format *format, const char *line, __u32 page_size,
			 struct logged *logged)
{
	const char *end, *at = find_word(line, format->word);
	const char *other = strstr(line, format->other);
	__u64 value, offset;

	if (!at || !other || !parse_number(at + strlen(format->word), format->base, &value, &end))
		return false;
	logged->addr = value;
	logged->bank = format->unit == UNIT_BANK;
	if (format->unit == UNIT_PAGE || format->unit == UNIT_PAGE_AND_OFFSET) {
		if (value > UINT64_MAX / page_size)
			return false;
		logged->addr = value * page_size;
	}
	if (format->unit == UNIT_PAGE_AND_OFFSET) {
		other += strlen(format->other);
		if (other < end || !parse_number(other, 16, &offset, &end) || offset >= page_size)
			return false;
		logged->addr += offset;
	}
	logged->text = at;
	logged->len = end - at;
	return true;
}

enum logline logline_parse(const char *line, __u32 page_size, struct logged *logged)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (parse_format(&formats[i], line, page_size, logged))
			return logged->addr ? LOGLINE_ADDRESS : LOGLINE_UNKNOWN;
	return LOGLINE_NONE;
}
