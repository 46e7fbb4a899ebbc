// SPDX-License-Identifier: GPL-2.0
/*
 * Text: growing buffers, paths, sizes, names of flags, escaping
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "command.h"

#define FIRST_SIZE 256

void buffer_free(struct buffer *buffer)
{
	free(buffer->text);
	*buffer = (struct buffer){};
}

/* Ensure capacity for @len more bytes. */
void buffer_grow(struct buffer *buffer, size_t len)
{
	size_t size = buffer->size ? buffer->size : FIRST_SIZE;
	char *text;

	while (size - buffer->len < len)
		size *= 2;
	text = realloc(buffer->text, size);
	if (!text) {
		buffer->failed = true;
		return;
	}
	buffer->text = text;
	buffer->size = size;
}

static char *vformat(const char *format, va_list args)
{
	char *result;

	return vasprintf(&result, format, args) < 0 ? NULL : result;
}

char *text(const char *format, ...)
{
	va_list args;
	char *result;

	va_start(args, format);
	result = vformat(format, args);
	va_end(args);
	return result;
}

static char *vsystem_path(const char *format, va_list args)
{
	const char *root = secure_getenv("VMWALK_SYSROOT");
	char *below = vformat(format, args);
	char *path = below ? text("%s%s", root ? root : "", below) : NULL;

	free(below);
	return path;
}

char *system_path(const char *format, ...)
{
	va_list args;
	char *path;

	va_start(args, format);
	path = vsystem_path(format, args);
	va_end(args);
	return path;
}

FILE *system_open(const char *format, ...)
{
	va_list args;
	FILE *file;
	char *path;

	va_start(args, format);
	path = vsystem_path(format, args);
	va_end(args);
	file = path ? fopen(path, "re") : NULL;
	free(path);
	return file;
}

size_t read_process_file(pid_t pid, const char *name, char *text, size_t size)
{
	FILE *file = system_open("/proc/%d/%s", pid, name);
	size_t len = 0;

	if (file) {
		len = fread(text, 1, size - 1, file);
		fclose(file);
	}
	text[len] = '\0';
	return len;
}

/*
 * Length of the printable character at the start of @text, or 0. Sets @width to
 * its width on a terminal.
 */
static size_t printable_len(const char *text, size_t len, mbstate_t *state, int *width)
{
	wchar_t character;
	size_t bytes = mbrtowc(&character, text, len, state);

	if (bytes == (size_t)-1 || bytes == (size_t)-2) {
		memset(state, 0, sizeof(*state));
		return 0;
	}
	/* Escape "\x" itself, so that the output is unambiguous. */
	if (!strncmp(text, "\\x", 2))
		return 0;
	*width = wcwidth(character);
	return iswprint(character) ? bytes : 0;
}

size_t utf8_decode(const char *text, size_t len, __u32 *character)
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
	/* Overlong, above U+10FFFF, or a surrogate */
	if (*character < smallest[more] || *character > 0x10ffff || *character >> 11 == 0x1b)
		return 0;
	return more + 1;
}

/* Format the escape sequence of a byte. */
static void escape(char sequence[5], char byte)
{
	snprintf(sequence, 5, "\\x%02x", (unsigned char)byte);
}

/* Doesn't allocate memory: error messages must be printed without, too. */
void print_escaped(FILE *out, const char *text)
{
	size_t bytes, left = strlen(text);
	mbstate_t state = {};
	char sequence[5];
	int width;

	for (; left; text += bytes, left -= bytes) {
		bytes = printable_len(text, left, &state, &width);
		if (bytes) {
			fwrite(text, 1, bytes, out);
			continue;
		}
		bytes = 1;
		escape(sequence, *text);
		fputs(sequence, out);
	}
}

size_t add_escaped(struct buffer *buffer, const char *text)
{
	size_t bytes, total = 0, left = strlen(text);
	mbstate_t state = {};
	char sequence[5];
	int width;

	for (; left; text += bytes, left -= bytes) {
		bytes = printable_len(text, left, &state, &width);
		if (bytes) {
			buffer_add(buffer, text, bytes);
			total += width;
			continue;
		}
		bytes = 1;
		escape(sequence, *text);
		buffer_add(buffer, sequence, 4);
		total += 4;
	}
	return total;
}

/* tolower() depends on the locale: in Turkish, the lower case of I is not i. */
char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

char size_unit(__u64 *bytes)
{
	static const char units[] = "\0KMGTPE";
	unsigned int unit = 0;

	for (; *bytes && *bytes % 1024 == 0; unit++)
		*bytes /= 1024;
	return units[unit];
}

char *amount_text(__u64 bytes)
{
	static const char units[] = "KMGTPE";
	__u64 tenths, unit = 1024;
	unsigned int i = 0;

	if (bytes < 1024)
		return text("%llu", bytes);
	while (i < sizeof(units) - 2 && bytes / 1024 >= unit) {
		unit *= 1024;
		i++;
	}
	/* Rounded to a tenth, which may give 1024.0: 1 of the next unit */
	tenths = bytes / unit * 10 + (bytes % unit / (unit / 1024) * 10 + 512) / 1024;
	if (tenths == 10240 && i < sizeof(units) - 2) {
		tenths = 10;
		i++;
	}
	if (tenths % 10)
		return text("%llu.%llu%c", tenths / 10, tenths % 10, units[i]);
	return text("%llu%c", tenths / 10, units[i]);
}

char *size_text(__u64 bytes)
{
	char unit[2] = { size_unit(&bytes) };

	return text("%llu%s", bytes, unit);
}

char *flag_names(const char *(*name)(__u32 flag), __u32 flags)
{
	char names[256] = "";
	__u32 flag;

	for (; flags; flags &= ~flag) {
		flag = flags & -flags;
		if (!name(flag))
			continue;
		if (*names)
			strcat(names, ",");
		strcat(names, name(flag));
	}
	return strdup(names);
}

const char *parse_state(const char *names, __u32 *state)
{
	const char *name;
	size_t len;
	__u32 flag;

	*state = 0;
	for (;; names += len + 1) {
		len = strcspn(names, ",");
		for (flag = 1; (name = vmwalk_state_name(flag)); flag <<= 1)
			if (!strncmp(name, names, len) && !name[len])
				break;
		if (!name)
			return names;
		*state |= flag;
		if (!names[len])
			return NULL;
	}
}
