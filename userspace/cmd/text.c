// SPDX-License-Identifier: GPL-2.0
/*
 * Text: paths, sizes, names of flags, escaping
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "command.h"

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

char *system_path(const char *format, ...)
{
	const char *root = secure_getenv("VMWALK_SYSROOT");
	char *below, *path;
	va_list args;

	va_start(args, format);
	below = vformat(format, args);
	va_end(args);
	path = below ? text("%s%s", root ? root : "", below) : NULL;
	free(below);
	return path;
}

/* Length of the printable character at the start of @text, or 0 */
static size_t printable_len(const char *text, size_t len, mbstate_t *state)
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
	return iswprint(character) ? bytes : 0;
}

void print_escaped(FILE *out, const char *text)
{
	size_t bytes, left = strlen(text);
	mbstate_t state = {};

	for (; left; text += bytes, left -= bytes) {
		bytes = printable_len(text, left, &state);
		if (bytes) {
			fwrite(text, 1, bytes, out);
		} else {
			fprintf(out, "\\x%02x", (unsigned char)*text);
			bytes = 1;
		}
	}
}

char *size_text(__u64 bytes, bool exact)
{
	static const char units[] = "KMGTPE";
	unsigned int unit = 0;

	if (exact || !bytes || bytes % 1024)
		return text("%llu", bytes);
	while (bytes % (1024 * 1024) == 0) {
		bytes /= 1024;
		unit++;
	}
	return text("%llu%c", bytes / 1024, units[unit]);
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
