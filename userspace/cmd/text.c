// SPDX-License-Identifier: GPL-2.0
/*
 * Small texts: paths, sizes, the names of states, and names of any bytes.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "command.h"

/* In the order of their bits, from VMWALK_PRESENT to VMWALK_HUGE. */
static const char *const state_name[] = {
	"present", "write", "exec", "user", "accessed", "dirty", "soft_dirty", "swap",
	"migration", "protnone", "uffd_wp", "file", "zero", "hugetlb", "special", "hidden",
	"huge",
};

#define NR_STATES	ARRAY_SIZE(state_name)

static char *formatted(const char *format, va_list args)
{
	char *result;

	return vasprintf(&result, format, args) < 0 ? NULL : result;
}

char *text(const char *format, ...)
{
	va_list args;
	char *result;

	va_start(args, format);
	result = formatted(format, args);
	va_end(args);
	return result;
}

char *system_path(const char *format, ...)
{
	const char *root = secure_getenv("VMWALK_SYSROOT");
	char *below, *path;
	va_list args;

	va_start(args, format);
	below = formatted(format, args);
	va_end(args);
	path = below ? text("%s%s", root ? root : "", below) : NULL;
	free(below);
	return path;
}

/* The length of the printable character that @text begins with, or 0. */
static size_t printable(const char *text, size_t len, mbstate_t *state)
{
	wchar_t character;
	size_t bytes = mbrtowc(&character, text, len, state);

	if (bytes == (size_t)-1 || bytes == (size_t)-2) {
		memset(state, 0, sizeof(*state));
		return 0;
	}
	/* So that what looks escaped always is. */
	if (!strncmp(text, "\\x", 2))
		return 0;
	return iswprint(character) ? bytes : 0;
}

void print_text(FILE *out, const char *text)
{
	size_t bytes, left = strlen(text);
	mbstate_t state = { };

	for (; left; text += bytes, left -= bytes) {
		bytes = printable(text, left, &state);
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

char *flag_names(const char *const *name, size_t count, __u32 flags)
{
	char names[256] = "";
	size_t i;

	for (i = 0; i < count; i++) {
		if (!(flags & 1U << i))
			continue;
		if (*names)
			strcat(names, ",");
		strcat(names, name[i]);
	}
	return strdup(names);
}

char *state_names(__u32 state)
{
	return flag_names(state_name, NR_STATES, state);
}

const char *parse_state(const char *names, __u32 *state)
{
	size_t i, len;

	*state = 0;
	for (;; names += len + 1) {
		len = strcspn(names, ",");
		for (i = 0; i < NR_STATES; i++)
			if (!strncmp(state_name[i], names, len) && !state_name[i][len])
				break;
		if (i == NR_STATES)
			return names;
		*state |= 1U << i;
		if (!names[len])
			return NULL;
	}
}
