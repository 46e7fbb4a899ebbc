// SPDX-License-Identifier: GPL-2.0
/*
 * JSON output
 *
 * Members of the two outer levels are printed on lines of their own.
 *
 * Output is UTF-8 in every locale. Names of files and processes may contain any
 * bytes: a byte that is not part of a valid character is printed as U+FFFD, the
 * replacement character. (Raw output prints such a byte as \xNN.)
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define MAX_DEPTH  8
#define LINE_DEPTH 2

static struct {
	char ends[MAX_DEPTH];
	unsigned int depth;
	bool filled; /* the innermost object or array is not empty */
} json;

/* The bytes that need no decoding: all printable ASCII but " and \ */
static size_t plain_len(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
			break;
	return i;
}

static void add_string(struct buffer *buffer, const char *text, size_t len)
{
	__u32 character;
	char escaped[8];
	size_t bytes;

	buffer_add(buffer, "\"", 1);
	for (; len; text += bytes, len -= bytes) {
		bytes = plain_len(text, len);
		if (bytes) {
			buffer_add(buffer, text, bytes);
			continue;
		}
		bytes = utf8_decode(text, len, &character);
		if (!bytes) {
			character = 0xfffd;
			bytes = 1;
		}
		/* Escape C0 and C1 control characters, which terminals interpret. */
		if (character < 0x20 || (character >= 0x7f && character < 0xa0) ||
		    character == 0xfffd) {
			snprintf(escaped, sizeof(escaped), "\\u%04x", character);
			buffer_add(buffer, escaped, 6);
			continue;
		}
		if (character == '"' || character == '\\')
			buffer_add(buffer, "\\", 1);
		buffer_add(buffer, text, bytes);
	}
	buffer_add(buffer, "\"", 1);
}

/* JSON has no leading zeros. */
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
	/* Names are those of attributes and columns: they need no escaping. */
	if (name)
		printf("\"%s\": ", name);
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

static void add_list(struct buffer *buffer, const char *list)
{
	size_t len;

	buffer_add(buffer, "[", 1);
	while (*list) {
		len = strcspn(list, ",");
		add_string(buffer, list, len);
		list += len;
		if (*list) {
			buffer_add(buffer, ", ", 2);
			list++;
		}
	}
	buffer_add(buffer, "]", 1);
}

static void add_word(struct buffer *buffer, const char *word)
{
	buffer_add(buffer, word, strlen(word));
}

void json_add(struct buffer *buffer, enum cell_type type, const char *text)
{
	if (!is_valid(type, text))
		add_word(buffer, "null");
	else if (type == CELL_NUMBER)
		add_word(buffer, text);
	else if (type == CELL_BOOLEAN)
		add_word(buffer, *text == '1' ? "true" : "false");
	else if (type == CELL_LIST)
		add_list(buffer, text);
	else
		add_string(buffer, text, strlen(text));
}

void json_value(const char *name, enum cell_type type, const char *text)
{
	struct buffer value = {};

	start_member(name);
	json_add(&value, type, text);
	/* Without memory, the output is still valid. */
	if (value.failed)
		fputs("null", stdout);
	else
		fwrite(value.text, 1, value.len, stdout);
	buffer_free(&value);
}

void json_number(const char *name, __u64 value)
{
	char *number = text("%llu", value);

	json_value(name, CELL_NUMBER, number);
	free(number);
}

void json_address(const char *name, __u64 addr)
{
	char *hex = text("0x%llx", addr);

	json_value(name, CELL_STRING, hex);
	free(hex);
}

void json_element(const char *json_text, size_t len)
{
	start_member(NULL);
	output(json_text, len);
}
