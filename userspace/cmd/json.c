// SPDX-License-Identifier: GPL-2.0
/*
 * JSON, written as it comes: libsmartcols holds a whole table in memory to print it as JSON, which
 * a scan can't, and doesn't nest.
 *
 * The two outer depths get a line for each member, what is deeper stays on its line.
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

static void print_string(const char *text, size_t len)
{
	putchar('"');
	for (; len; text++, len--) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		if ((unsigned char)*text < 0x20)
			printf("\\u%04x", *text);
		else
			putchar(*text);
	}
	putchar('"');
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
	if (!text)
		fputs("null", stdout);
	else if (type == CELL_NUMBER)
		fputs(text, stdout);
	else if (type == CELL_BOOLEAN)
		fputs(strcmp(text, "0") ? "true" : "false", stdout);
	else if (type == CELL_WORDS)
		print_words(text);
	else
		print_string(text, strlen(text));
}
