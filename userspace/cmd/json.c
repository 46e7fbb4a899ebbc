// SPDX-License-Identifier: GPL-2.0
/*
 * JSON, written as it comes: libsmartcols holds a whole table in memory to print it as JSON, which
 * a scan can't, and doesn't nest.
 *
 * The two outer depths get a line for each member, what is deeper stays on its line.
 *
 * The output is UTF-8, whatever the locale. Names of files and processes may be any bytes: a byte
 * that is no part of a character becomes U+FFFD, the replacement character, which all readers of
 * JSON take. (Raw output has the byte itself, as \xNN.)
 *
 * Copyright (C) The vmwalk authors
 */
#include <string.h>

#include "command.h"

#define MAX_DEPTH	8
#define LINE_DEPTH	2

static struct {
	char ends[MAX_DEPTH];
	unsigned int depth;
	bool filled;		/* the innermost object or array has a member */
} json;

/* Decode the first character. Returns its length, or 0 if there is no valid one (RFC 3629). */
static size_t decode(const char *text, size_t len, __u32 *character)
{
	static const __u32 smallest[] = { 0, 0x80, 0x800, 0x10000 };
	unsigned char first = *text;
	size_t i, more;

	if (first < 0x80) {
		*character = first;
		return 1;
	}
	more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
	if (first < 0xc0 || first > 0xf4 || more >= len)
		return 0;
	*character = first & (0x3f >> more);
	for (i = 1; i <= more; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (text[i] & 0x3f);
	}
	/* Overlong, beyond Unicode, or half of a UTF-16 pair */
	if (*character < smallest[more] || *character > 0x10ffff || *character >> 11 == 0x1b)
		return 0;
	return more + 1;
}

static void print_string(const char *text, size_t len)
{
	__u32 character;
	size_t bytes;

	putchar('"');
	for (; len; text += bytes, len -= bytes) {
		bytes = decode(text, len, &character);
		if (!bytes) {
			character = 0xfffd;
			bytes = 1;
		}
		/* A terminal takes the controls above 0x7f for commands, too. */
		if (character < 0x20 || (character >= 0x7f && character < 0xa0) ||
		    character == 0xfffd) {
			printf("\\u%04x", character);
			continue;
		}
		if (character == '"' || character == '\\')
			putchar('\\');
		fwrite(text, 1, bytes, stdout);
	}
	putchar('"');
}

/* An attribute that was empty or cut is no number, and JSON has none with leading zeros. */
static bool is_number(const char *text)
{
	size_t digits;

	if (*text == '-')
		text++;
	digits = strspn(text, "0123456789");
	return digits && !text[digits] && (*text != '0' || digits == 1);
}

static bool is_valid(enum cell_type type, const char *text)
{
	if (!text)
		return false;
	if (type == CELL_NUMBER)
		return is_number(text);
	if (type == CELL_BOOLEAN)
		return !strcmp(text, "0") || !strcmp(text, "1");
	return true;
}

static void new_line(void)
{
	if (json.depth <= LINE_DEPTH)
		printf("\n%*s", 2 * json.depth, "");
}

static void start_member(const char *name)
{
	if (json.filled)
		fputs(json.depth <= LINE_DEPTH ? "," : ", ", stdout);
	if (json.depth)
		new_line();
	if (name) {
		print_string(name, strlen(name));
		fputs(": ", stdout);
	}
	json.filled = true;
}

static void begin(const char *name, char start, char end)
{
	start_member(name);
	putchar(start);
	json.ends[json.depth++] = end;
	json.filled = false;
}

void json_object(const char *name)
{
	begin(name, '{', '}');
}

void json_array(const char *name)
{
	begin(name, '[', ']');
}

void json_end(void)
{
	bool filled = json.filled;
	bool lines = json.depth <= LINE_DEPTH;

	json.depth--;
	if (filled && lines)
		new_line();
	putchar(json.ends[json.depth]);
	json.filled = true;
	if (!json.depth)
		putchar('\n');
}

static void print_words(const char *words)
{
	size_t len;

	putchar('[');
	while (*words) {
		len = strcspn(words, ",");
		print_string(words, len);
		words += len;
		if (*words) {
			fputs(", ", stdout);
			words++;
		}
	}
	putchar(']');
}

void json_value(const char *name, enum cell_type type, const char *text)
{
	start_member(name);
	if (!is_valid(type, text))
		fputs("null", stdout);
	else if (type == CELL_NUMBER)
		fputs(text, stdout);
	else if (type == CELL_BOOLEAN)
		fputs(*text == '1' ? "true" : "false", stdout);
	else if (type == CELL_WORDS)
		print_words(text);
	else
		print_string(text, strlen(text));
}
