// SPDX-License-Identifier: GPL-2.0
/*
 * The stand-ins for kernel functions: kernel.c and include/. Each expected
 * value is that of the kernel's function.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdio.h>

#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "unit.h"

#define U64_MAX		0xffffffffffffffffULL

static _Alignas(PAGE_SIZE) char page[PAGE_SIZE];

VW_TEST(kstrtoint_parses_decimal_integers)
{
	static const struct {
		const char *text;
		int value;
	} cases[] = {
		{ "0", 0 }, { "-0", 0 }, { "+7", 7 }, { "007", 7 }, { "-12", -12 }, { "5\n", 5 },
		{ "2147483647", 2147483647 }, { "-2147483648", -2147483647 - 1 },
	};
	int value;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		vw_ok(kstrtoint(cases[i].text, 10, &value));
		vw_expect(value, cases[i].value);
	}
}

VW_TEST(kstrtoint_rejects_other_text)
{
	static const char *const syntax[] = {
		"", "\n", "-", "+", "--1", "-+1", "+-1", " 1", "1 ", "0x1", "1a", "1\n\n", "\n1",
		"4294967296x",
	};
	static const char *const range[] = {
		"2147483648", "-2147483649", "4294967296", "9223372036854775808",
		"-9223372036854775809", "18446744073709551616", "18446744073709551616x",
	};
	int value = 1;

	for (size_t i = 0; i < ARRAY_SIZE(syntax); i++)
		vw_expect(kstrtoint(syntax[i], 10, &value), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(range); i++)
		vw_expect(kstrtoint(range[i], 10, &value), -ERANGE);
	vw_expect(value, 1);
}

VW_TEST(match_string_finds_whole_names)
{
	static const char *const names[] = { "one", "two", NULL, "four" };

	vw_expect(match_string(names, 4, "one"), 0);
	vw_expect(match_string(names, 4, "two"), 1);
	vw_expect(match_string(names, 4, "tw"), -EINVAL);
	vw_expect(match_string(names, 4, "twos"), -EINVAL);
	vw_expect(match_string(names, 4, ""), -EINVAL);
	/* A NULL ends the names, and so does their count. */
	vw_expect(match_string(names, 4, "four"), -EINVAL);
	vw_expect(match_string(names, 1, "two"), -EINVAL);
}

VW_TEST(digits_are_those_of_ascii)
{
	int decimal = 0, hexadecimal = 0;

	for (int c = 0; c < 256; c++) {
		decimal += isdigit(c);
		hexadecimal += isxdigit(c);
	}
	vw_expect(decimal, 10);
	vw_expect(hexadecimal, 22);
	for (const char *c = "0123456789abcdefABCDEF"; *c; c++)
		vw_expect(isxdigit(*c), true);
	vw_expect(isdigit('0') && isdigit('9'), true);
}

VW_TEST(character_classes_are_those_of_iso_8859_1)
{
	static const unsigned char printable[] = { ' ', 'a', '~', 0xa0, 0xb5, 0xe4, 0xff };
	static const unsigned char others[] = { 0, '\t', '\n', 0x1b, 0x1f, 0x7f, 0x80, 0x9f };

	for (size_t i = 0; i < ARRAY_SIZE(printable); i++)
		vw_expect(isprint(printable[i]), 1);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		vw_expect(isprint(others[i]), 0);
	vw_expect(tolower('X'), 'x');
	vw_expect(tolower('x'), 'x');
	vw_expect(tolower('['), '[');
	vw_expect(tolower('@'), '@');
	vw_expect(tolower(0xc4), 0xe4);
	vw_expect(tolower(0xd7), 0xd7);
	vw_expect(toupper('k'), 'K');
	vw_expect(toupper('K'), 'K');
	vw_expect(toupper('{'), '{');
	vw_expect(toupper('`'), '`');
	vw_expect(toupper(0xe4), 0xc4);
	vw_expect(toupper(0xf7), 0xf7);
}

VW_TEST(arithmetic_detects_overflow)
{
	u64 n;

	vw_expect(check_add_overflow(U64_MAX - 1, 1, &n), 0);
	vw_expect(n == U64_MAX, 1);
	vw_expect(check_add_overflow(U64_MAX, 2, &n), 1);
	vw_expect(n, 1);
	vw_expect(check_mul_overflow(1ULL << 32, (1ULL << 32) - 1, &n), 0);
	vw_expect(n == 0xffffffff00000000ULL, 1);
	vw_expect(check_mul_overflow(1ULL << 32, (1ULL << 32) + 1, &n), 1);
	vw_expect(n, 1LL << 32);
	vw_expect(check_shl_overflow(1, 63, &n), 0);
	vw_expect(n == 1ULL << 63, 1);
	vw_expect(check_shl_overflow(U64_MAX, 0, &n), 0);
	vw_expect(check_shl_overflow(3, 63, &n), 1);
	vw_expect(check_shl_overflow(1, 64, &n), 1);
	vw_expect(check_shl_overflow(0, 64, &n), 1);
}

VW_TEST(powers_of_two_and_alignment)
{
	vw_expect(is_power_of_2(0), 0);
	vw_expect(is_power_of_2(1), 1);
	vw_expect(is_power_of_2(3), 0);
	vw_expect(is_power_of_2(1UL << 63), 1);
	vw_expect(PAGE_ALIGN(0ULL), 0);
	vw_expect(PAGE_ALIGN(1ULL), 4096);
	vw_expect(PAGE_ALIGN(4096ULL), 4096);
	vw_expect(PAGE_ALIGN((1ULL << 40) + 1), (1LL << 40) + 4096);
	vw_expect(BIT(40), 1LL << 40);
}

__printf(3, 4)
static int format(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vscnprintf(buf, size, fmt, args);
	va_end(args);

	return len;
}

VW_TEST(vscnprintf_converts_arguments_in_order)
{
	char buf[64];

	vw_expect(format(buf, sizeof(buf), "%d%% %s '%.3s' %lu,%llu.%3d!", -1, "two", "three",
			 4UL, 5ULL, 6), 22);
	assert_string_equal(buf, "-1% two 'thr' 4,5.  6!");
	vw_expect(format(buf, sizeof(buf), "no conversion"), 13);
	assert_string_equal(buf, "no conversion");
	vw_expect(format(buf, sizeof(buf), "%s", ""), 0);
	assert_string_equal(buf, "");
}

VW_TEST(vscnprintf_returns_what_it_has_written)
{
	char buf[8] = "-------";

	vw_expect(format(buf, 0, "%s", "text"), 0);
	vw_expect(buf[0], '-');
	vw_expect(format(buf, 1, "%s", "text"), 0);
	assert_string_equal(buf, "");
	vw_expect(buf[1], '-');
	vw_expect(format(buf, 4, "%s", "text"), 3);
	assert_string_equal(buf, "tex");
	vw_expect(buf[4], '-');
	vw_expect(format(buf, 5, "%s%d and %d", "text", 1, 2), 4);
	assert_string_equal(buf, "text");
}

VW_TEST(vscnprintf_prints_lists_of_nodes)
{
	static const struct {
		int nodes[6];
		const char *list;
	} cases[] = {
		{ { -1 }, "" },
		{ { 0, -1 }, "0" },
		{ { 0, 1, -1 }, "0-1" },
		{ { 1, 3, 5, -1 }, "1,3,5" },
		{ { 62, 63, 64, 65, 67, -1 }, "62-65,67" },
		{ { 0, 2, 3, 1022, 1023, -1 }, "0,2-3,1022-1023" },
	};
	char buf[64], wanted[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(node_states, 0, sizeof(node_states));
		for (const int *node = cases[i].nodes; *node >= 0; node++) {
			node_set_state(*node, N_MEMORY);
			vw_expect(node_state(*node, N_MEMORY), 1);
		}
		vw_expect(node_state(66, N_MEMORY), 0);
		snprintf(wanted, sizeof(wanted), "<%s> 7", cases[i].list);
		format(buf, sizeof(buf), "<%*pbl> %d", nodemask_pr_args(&node_states[N_MEMORY]), 7);
		assert_string_equal(buf, wanted);
	}
}

VW_TEST(sysfs_emit_ends_at_the_end_of_the_page)
{
	vw_expect(sysfs_emit(page, "%d\n", 12), 3);
	assert_string_equal(page, "12\n");
	vw_expect(sysfs_emit_at(page, 3, "%s", "34"), 2);
	assert_string_equal(page, "12\n34");
	vw_expect(sysfs_emit_at(page, PAGE_SIZE - 3, "%s", "1234"), 2);
	assert_string_equal(page + PAGE_SIZE - 3, "12");
	vw_expect(sysfs_emit_at(page, PAGE_SIZE - 1, "%s", "1234"), 0);
}
