// SPDX-License-Identifier: GPL-2.0
/*
 * Stand-ins for the kernel functions that config.c and errmsg.c call. They
 * return what the kernel's functions return; see test_kernel.c.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdio.h>
#include <stdlib.h>

#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/sysfs.h>

static _Noreturn void die(const char *function, const char *text)
{
	fprintf(stderr, "%s: unsupported: %s\n", function, text);
	abort();
}

/* --- linux/ctype.h -------------------------------------------------------- */

static bool is_upper(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7);
}

static bool is_lower(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xdf && c != 0xf7);
}

bool unit_isdigit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

bool unit_isxdigit(unsigned char c)
{
	return unit_isdigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool unit_isprint(unsigned char c)
{
	return (c >= 0x20 && c < 0x7f) || c >= 0xa0;
}

unsigned char unit_tolower(unsigned char c)
{
	return is_upper(c) ? c + 32 : c;
}

unsigned char unit_toupper(unsigned char c)
{
	return is_lower(c) ? c - 32 : c;
}

/* --- linux/kernel.h, linux/string.h --------------------------------------- */

int match_string(const char *const *names, size_t count, const char *string)
{
	for (size_t i = 0; i < count && names[i]; i++) {
		if (!strcmp(names[i], string))
			return i;
	}
	return -EINVAL;
}

/* A number beyond 64 bits is -ERANGE even if other text follows it. */
int kstrtoint(const char *text, unsigned int base, int *value)
{
	bool negative = *text == '-', overflow = false;
	const char *digits;
	u64 number = 0;

	if (base != 10)
		die(__func__, "a base other than 10");
	if (*text == '-' || *text == '+')
		text++;
	for (digits = text; *text >= '0' && *text <= '9'; text++) {
		overflow |= check_mul_overflow(number, 10, &number);
		overflow |= check_add_overflow(number, *text - '0', &number);
	}
	if (overflow)
		return -ERANGE;
	if (text == digits)
		return -EINVAL;
	if (*text == '\n')
		text++;
	if (*text)
		return -EINVAL;
	if (number > 0x7fffffffULL + negative)
		return -ERANGE;

	*value = negative ? -(long long)number : (long long)number;
	return 0;
}

/* The text that vscnprintf() has written so far. */
struct output {
	char *buf;
	size_t size;
	size_t len;
};

__printf(2, 3)
static void append(struct output *out, const char *fmt, ...)
{
	size_t left = out->size - out->len;
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = vsnprintf(out->buf + out->len, left, fmt, args);
	va_end(args);
	out->len += len < left ? len : left - 1;
}

static bool bit_is_set(const unsigned long *bits, int bit)
{
	return bits[bit / 64] >> (bit % 64) & 1;
}

/* Ranges of set bits, such as "0,2-4". */
static void append_bit_list(struct output *out, const unsigned long *bits, int count)
{
	const char *comma = "";
	int first, next;

	for (first = 0; first < count; first = next + 1) {
		for (next = first; next < count && bit_is_set(bits, next); next++)
			;
		if (next == first)
			continue;
		append(out, "%s%d", comma, first);
		if (next - first > 1)
			append(out, "-%d", next - 1);
		comma = ",";
	}
}

/* A va_list in a structure can be passed by reference. */
struct arguments {
	va_list list;
};

/* Formats one conversion and appends the result. */
static void append_conversion(struct output *out, const char *spec, struct arguments *args)
{
	const char *type = spec + 1 + strspn(spec + 1, "-+ #0123456789.");

	if (!strcmp(type, "s")) {
		append(out, spec, va_arg(args->list, const char *));
	} else if (!strcmp(type, "d") || !strcmp(type, "u")) {
		append(out, spec, va_arg(args->list, int));
	} else if (!strcmp(type, "lu")) {
		append(out, spec, va_arg(args->list, unsigned long));
	} else if (!strcmp(type, "llu")) {
		append(out, spec, va_arg(args->list, unsigned long long));
	} else if (!strcmp(spec, "%%")) {
		append(out, "%%");
	} else if (!strcmp(spec, "%*pbl")) {
		int count = va_arg(args->list, int);

		append_bit_list(out, va_arg(args->list, void *), count);
	} else {
		die("vscnprintf", spec);
	}
}

int vscnprintf(char *buf, size_t size, const char *fmt, va_list list)
{
	struct output out = { buf, size, 0 };
	struct arguments args;
	char spec[16];
	size_t len;

	if (!size)
		return 0;
	*buf = '\0';
	va_copy(args.list, list);
	for (; *fmt; fmt += len) {
		len = strcspn(fmt, "%");
		append(&out, "%.*s", (int)len, fmt);
		if (!fmt[len])
			break;
		fmt += len;
		if (!strncmp(fmt, "%*pbl", 5))
			len = 5;
		else
			len = strcspn(fmt + 1, "%cdisup") + 2;
		if (len >= sizeof(spec) || len > strlen(fmt))
			die(__func__, fmt);
		snprintf(spec, sizeof(spec), "%.*s", (int)len, fmt);
		append_conversion(&out, spec, &args);
	}
	va_end(args.list);

	return out.len;
}

/* --- linux/sysfs.h -------------------------------------------------------- */

__printf(3, 0)
static int emit(char *page, int at, const char *fmt, va_list args)
{
	if (!page || (unsigned long)page % PAGE_SIZE || at < 0 || at >= (int)PAGE_SIZE)
		die("sysfs_emit", "not a page, or an offset outside of it");

	return vscnprintf(page + at, PAGE_SIZE - at, fmt, args);
}

int sysfs_emit(char *page, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = emit(page, 0, fmt, args);
	va_end(args);

	return len;
}

int sysfs_emit_at(char *page, int at, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = emit(page, at, fmt, args);
	va_end(args);

	return len;
}

/* --- linux/nodemask.h ----------------------------------------------------- */

struct nodemask node_states[NR_NODE_STATES];

bool node_state(int node, enum node_states state)
{
	if (node < 0 || node >= MAX_NUMNODES)
		die(__func__, "a node outside of the mask");

	return bit_is_set(node_states[state].bits, node);
}

void node_set_state(int node, enum node_states state)
{
	node_states[state].bits[node / 64] |= 1UL << (node % 64);
}
