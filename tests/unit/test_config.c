// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration of an instance: drv/config.c.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdio.h>
#include <stdlib.h>

#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/string.h>

#include "config.h"
#include "errmsg.h"
#include "uapi/vmwalk.h"
#include "unit.h"

static const struct {
	const struct vmwalk_attr *attr;
	const char *name;
	const char *initial;
} attrs[] = {
	{ &vmwalk_attr_buffer_type, "buffer_type", "vmalloc\n" },
	{ &vmwalk_attr_size, "size", "1048576\n" },
	{ &vmwalk_attr_map_mode, "map_mode", "fault\n" },
	{ &vmwalk_attr_cache_mode, "cache_mode", "wb\n" },
	{ &vmwalk_attr_numa_node, "numa_node", "-1\n" },
	{ &vmwalk_attr_address_bits, "address_bits", "64\n" },
	{ &vmwalk_attr_fill, "fill", "zero\n" },
	{ &vmwalk_attr_track_dirty, "track_dirty", "0\n" },
	{ &vmwalk_attr_fault_around, "fault_around", "65536\n" },
};

/* No value is the default. */
static const struct vmwalk_config not_default = {
	.buffer_type = VMWALK_BUFFER_PAGES,
	.map_mode = VMWALK_MAP_REMAP,
	.cache_mode = VMWALK_CACHE_UC,
	.fill = 2,
	.numa_node = 3,
	.address_bits = 32,
	.size = 3 * PAGE_SIZE,
	.fault_around = 2 * PAGE_SIZE,
	.track_dirty = true,
};

static _Alignas(PAGE_SIZE) char page[PAGE_SIZE];

static const char *show(const struct vmwalk_config *config, const struct vmwalk_attr *attr)
{
	ssize_t len;

	memset(page, 'x', sizeof(page));
	len = attr->show(config, page);
	if (len <= 0 || len >= (ssize_t)sizeof(page) || strnlen(page, sizeof(page)) != (size_t)len)
		vw_fail("%s: returned a length of %zd", attr->name, len);

	return page;
}

/*
 * The text is copied to the heap, where the sanitizer finds accesses beyond its
 * end.
 */
static int store(struct vmwalk_config *config, const struct vmwalk_attr *attr, const char *text,
		 struct vmwalk_errmsg *errmsg)
{
	char *copy = strdup(text);
	int err;

	assert_non_null(copy);
	err = attr->store(config, copy, errmsg);
	free(copy);

	return err;
}

/*
 * Stores a text in the default configuration. Expects that the attribute then
 * shows @line, that the other attributes keep their values, and that @line is
 * accepted as a value.
 */
static void expect_accepted(const struct vmwalk_attr *attr, const char *text, const char *line)
{
	struct vmwalk_errmsg errmsg = { "" };
	struct vmwalk_config config, again;
	char shown[32];
	int err;

	vmwalk_config_init(&config);
	err = store(&config, attr, text, &errmsg);
	if (err)
		vw_fail("%s: store of '%s' returned %d: %s", attr->name, text, err, errmsg.text);

	snprintf(shown, sizeof(shown), "%s\n", line);
	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++) {
		const char *wanted = attrs[i].attr == attr ? shown : attrs[i].initial;

		if (strcmp(show(&config, attrs[i].attr), wanted))
			vw_fail("after store of '%s' to %s, %s is %s instead of %s", text,
				attr->name, attrs[i].name, page, wanted);
	}

	again = not_default;
	err = store(&again, attr, line, &errmsg);
	if (err || strcmp(show(&again, attr), shown))
		vw_fail("%s: store of '%s' returned %d, then shows %s", attr->name, line, err,
			page);
}

/*
 * Stores a text that is not a value. Expects the error, the message, in which
 * %s stands for the text, and an unchanged configuration.
 */
static void expect_rejected(const struct vmwalk_attr *attr, const char *text, int err,
			    const char *fmt)
{
	struct vmwalk_errmsg errmsg = { "the previous message" };
	struct vmwalk_config config;
	char message[512];
	int got;

	memcpy(&config, &not_default, sizeof(config));
	got = store(&config, attr, text, &errmsg);
	if (got != err)
		vw_fail("%s: store of '%s' returned %d instead of %d", attr->name, text, got, err);

	snprintf(message, sizeof(message), fmt, text);
	if (strcmp(errmsg.text, message))
		vw_fail("%s: store of '%s' set the message\n#   %s\n# instead of\n#   %s",
			attr->name, text, errmsg.text, message);
	if (memcmp(&config, &not_default, sizeof(config)))
		vw_fail("%s: store of '%s' failed and changed the configuration", attr->name,
			text);
}

/* --- Defaults ------------------------------------------------------------- */

VW_TEST(init_sets_every_attribute_to_its_default)
{
	struct vmwalk_config config;

	memset(&config, 0xff, sizeof(config));
	vmwalk_config_init(&config);
	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++) {
		assert_string_equal(attrs[i].attr->name, attrs[i].name);
		assert_string_equal(show(&config, attrs[i].attr), attrs[i].initial);
	}
}

VW_TEST(the_default_configuration_is_valid)
{
	struct vmwalk_errmsg errmsg;
	struct vmwalk_config config;

	vmwalk_config_init(&config);
	vw_ok(vmwalk_config_validate(&config, &errmsg));
}

/* --- Names ---------------------------------------------------------------- */

VW_TEST(buffer_type_accepts_the_names_of_its_values)
{
	static const char *const names[] = {
		[VMWALK_BUFFER_KMALLOC] = "kmalloc",
		[VMWALK_BUFFER_VMALLOC] = "vmalloc",
		[VMWALK_BUFFER_PAGES] = "pages",
		[VMWALK_BUFFER_HUGE] = "huge",
		[VMWALK_BUFFER_DMA] = "dma",
	};
	struct vmwalk_config config = not_default;
	struct vmwalk_errmsg errmsg;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		expect_accepted(&vmwalk_attr_buffer_type, names[i], names[i]);
		vw_ok(store(&config, &vmwalk_attr_buffer_type, names[i], &errmsg));
		vw_expect(config.buffer_type, i);
	}
}

VW_TEST(map_mode_accepts_the_names_of_its_values)
{
	static const char *const names[] = {
		[VMWALK_MAP_REMAP] = "remap",
		[VMWALK_MAP_INSERT] = "insert",
		[VMWALK_MAP_FAULT] = "fault",
	};
	struct vmwalk_config config = not_default;
	struct vmwalk_errmsg errmsg;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		expect_accepted(&vmwalk_attr_map_mode, names[i], names[i]);
		vw_ok(store(&config, &vmwalk_attr_map_mode, names[i], &errmsg));
		vw_expect(config.map_mode, i);
	}
}

VW_TEST(cache_mode_accepts_the_names_of_its_values)
{
	static const char *const names[] = {
		[VMWALK_CACHE_WB] = "wb",
		[VMWALK_CACHE_WC] = "wc",
		[VMWALK_CACHE_UC] = "uc",
	};
	struct vmwalk_config config = not_default;
	struct vmwalk_errmsg errmsg;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		expect_accepted(&vmwalk_attr_cache_mode, names[i], names[i]);
		vw_ok(store(&config, &vmwalk_attr_cache_mode, names[i], &errmsg));
		vw_expect(config.cache_mode, i);
	}
}

VW_TEST(fill_accepts_its_names)
{
	expect_accepted(&vmwalk_attr_fill, "zero", "zero");
	expect_accepted(&vmwalk_attr_fill, "digits", "digits");
	expect_accepted(&vmwalk_attr_fill, "letters", "letters");
}

VW_TEST(names_are_matched_exactly)
{
	static const struct {
		const struct vmwalk_attr *attr;
		const char *fmt;
		const char *texts[7];
	} cases[] = {
		{
			&vmwalk_attr_buffer_type,
			"buffer_type takes one of the names in available_buffer_types, not '%s'",
			{ "kmallo", "kmallocs", "KMALLOC", "k", "remap", "kmalloc vmalloc", "5" },
		}, {
			&vmwalk_attr_map_mode,
			"map_mode takes one of the names in available_map_modes, not '%s'",
			{ "remaps", "Fault", "inser", "wb", "huge", "remap,fault", "3" },
		}, {
			&vmwalk_attr_cache_mode,
			"cache_mode takes one of the names in available_cache_modes, not '%s'",
			{ "w", "wbc", "WB", "wt", "uc-", "wb wc", "fault" },
		}, {
			&vmwalk_attr_fill,
			"fill takes one of the names in available_fills, not '%s'",
			{ "zeros", "zer", "Zero", "random", "letter", "digits/letters", "dma" },
		},
	};
	static const char *const none[] = { "", " ", "0", "1", "-1", "(null)" };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(cases[i].texts); j++)
			expect_rejected(cases[i].attr, cases[i].texts[j], -EINVAL, cases[i].fmt);
		for (size_t j = 0; j < ARRAY_SIZE(none); j++)
			expect_rejected(cases[i].attr, none[j], -EINVAL, cases[i].fmt);
	}
}

VW_TEST(names_are_not_trimmed)
{
	static const char fmt[] =
		"fill takes one of the names in available_fills, not '%s'";

	expect_rejected(&vmwalk_attr_fill, " zero", -EINVAL, fmt);
	expect_rejected(&vmwalk_attr_fill, "zero ", -EINVAL, fmt);
}

VW_TEST(names_show_lists_the_accepted_names)
{
	static const struct {
		const struct vmwalk_names *names;
		const char *line;
	} cases[] = {
		{ &vmwalk_buffer_types, "kmalloc vmalloc pages huge dma\n" },
		{ &vmwalk_map_modes, "remap insert fault\n" },
		{ &vmwalk_cache_modes, "wb wc uc\n" },
		{ &vmwalk_fills, "zero digits letters\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ssize_t len = strlen(cases[i].line);

		vw_expect(vmwalk_names_show(cases[i].names, page), len);
		assert_string_equal(page, cases[i].line);
	}
}

VW_TEST(names_show_separates_names_only)
{
	static const char *const name[] = { "one", "two" };
	struct vmwalk_names names = { "number", name, 1 };

	vw_expect(vmwalk_names_show(&names, page), 4);
	assert_string_equal(page, "one\n");
	names.count = 0;
	vw_expect(vmwalk_names_show(&names, page), 1);
	assert_string_equal(page, "\n");
}

/* --- size ----------------------------------------------------------------- */

static const char size_range[] = "size %s is out of range, 1 to 70368744177664 bytes";
static const char size_syntax[] =
	"size: '%s' is not a size in bytes (suffixes K, M, G, T; 0x for hexadecimal)";

VW_TEST(size_accepts_decimal_and_hexadecimal)
{
	static const char *const cases[][2] = {
		{ "4096", "4096" },
		{ "0x1000", "4096" },
		{ "0X1000", "4096" },
		{ "0xdead000", "233492480" },
		{ "0xDeAd000", "233492480" },
		{ "0x400000000000", "70368744177664" },
		/* A leading zero does not mean octal. */
		{ "08192", "8192" },
		{ "0010000", "12288" },
		{ "0x00000000000000000000000001000", "4096" },
		{ "00000000000000000000000000004096", "4096" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_accepted(&vmwalk_attr_size, cases[i][0], cases[i][1]);
}

VW_TEST(size_accepts_suffixes)
{
	static const char *const cases[][2] = {
		{ "4K", "4096" },
		{ "4k", "4096" },
		{ "3M", "3145728" },
		{ "3m", "3145728" },
		{ "5G", "5368709120" },
		{ "5g", "5368709120" },
		{ "7T", "7696581394432" },
		{ "7t", "7696581394432" },
		{ "0x10K", "16384" },
		{ "0x2T", "2199023255552" },
		{ "08K", "8192" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_accepted(&vmwalk_attr_size, cases[i][0], cases[i][1]);
}

VW_TEST(size_is_rounded_up_to_pages)
{
	static const char *const cases[][2] = {
		{ "1", "4096" },
		{ "08", "4096" },
		{ "0xfff", "4096" },
		{ "4095", "4096" },
		{ "4097", "8192" },
		{ "1K", "4096" },
		{ "5K", "8192" },
		{ "4294967297", "4294971392" },
		{ "70368744177663", "70368744177664" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_accepted(&vmwalk_attr_size, cases[i][0], cases[i][1]);
}

VW_TEST(size_accepts_64_tib_and_no_more)
{
	static const char *const limit[] = { "64T", "65536G", "70368744177664", "0x40T" };
	static const char *const over[] = {
		"70368744177665", "0x400000000001", "65T", "65537G", "68719476737K",
	};

	for (size_t i = 0; i < ARRAY_SIZE(limit); i++)
		expect_accepted(&vmwalk_attr_size, limit[i], "70368744177664");
	for (size_t i = 0; i < ARRAY_SIZE(over); i++)
		expect_rejected(&vmwalk_attr_size, over[i], -ERANGE, size_range);
}

VW_TEST(size_rejects_zero)
{
	static const char *const cases[] = { "0", "00", "0x0", "0K", "0T", "0x0G" };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_rejected(&vmwalk_attr_size, cases[i], -ERANGE, size_range);
}

/* Modulo 2^64, most of these numbers are valid sizes. */
VW_TEST(size_detects_overflow)
{
	static const char *const cases[] = {
		/* 2^63, 2^64 - 1 */
		"9223372036854775808", "18446744073709551615", "0xffffffffffffffff",
		/* 2^64, and more by a page */
		"18446744073709551616", "0x10000000000000000",
		"18446744073709555712", "0x10000000000001000",
		/* 2^64 + 1: only the addition of the last digit overflows. */
		"18446744073709551617",
		/* The multiplication overflows. */
		"18446744073709551620", "18446744073709559808",
		/* Digits follow an overflow. */
		"184467440737095516160000004096",
		"0x1000000000000000000000001000",
		/* The suffix makes it 2^64, or more by 1 to 4 TiB. */
		"18014398509481984K", "17592186044416M", "17179869184G", "16777216T",
		"18014399583223808K", "17592187092992M", "17179870208G", "16777217T",
		"16777220T", "0x1000001T",
		/* An overflow of the digits, then a suffix. */
		"18446744073709551617K",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_rejected(&vmwalk_attr_size, cases[i], -ERANGE, size_range);
}

VW_TEST(size_rejects_other_text)
{
	static const char *const cases[] = {
		/* no digits */
		"", "K", "k", "T", "x", "0x", "0X", "0xK", "0xg", "x10", "one",
		/* signs */
		"-1", "+1", "-", "+", "-0", "0x-1", "0x+1", "1-", "-4K",
		/* blanks */
		" ", " 1", "1 ", "1 K", "0x 1", "4K ", "0 x10",
		/* trailing text */
		"1x", "1e3", "1f", "1.5M", "1,024", "1_000", "1/2", "0x1p3", "0x1h", "0x0x1",
		"1KK", "1KB", "1Ki", "1KiB", "1MK", "1 MB", "4Kx", "1B", "1E", "1P", "1%",
		/* a suffix is one letter */
		"1KMGT", "1MG", "1\xc4", "1\xeb",
		/* text after a number out of range */
		"18446744073709551616x", "65Tx", "0 ",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_rejected(&vmwalk_attr_size, cases[i], -EINVAL, size_syntax);
}

/* --- fault_around --------------------------------------------------------- */

static const char around_range[] = "fault_around %s is out of range, 4096 to 2097152 bytes";
static const char around_syntax[] =
	"fault_around: '%s' is not a power of two in bytes (suffixes K, M; 0x for hexadecimal)";

VW_TEST(fault_around_accepts_powers_of_two_from_a_page_to_a_pmd)
{
	static const char *const cases[][2] = {
		{ "4K", "4096" },
		{ "0x1000", "4096" },
		{ "2048K", "2097152" },
		{ "2m", "2097152" },
		{ "0x2M", "2097152" },
	};
	char text[32];

	for (unsigned long bytes = PAGE_SIZE; bytes <= PMD_SIZE; bytes *= 2) {
		snprintf(text, sizeof(text), "%lu", bytes);
		expect_accepted(&vmwalk_attr_fault_around, text, text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_accepted(&vmwalk_attr_fault_around, cases[i][0], cases[i][1]);
}

VW_TEST(fault_around_rejects_less_than_a_page_and_more_than_a_pmd)
{
	static const char *const cases[] = {
		"0", "1", "2048", "4095", "0xfff", "3K",
		"2097153", "3M", "4M", "1G", "64T",
		/* Modulo 2^64, these are 4096 bytes. */
		"18446744073709555712", "0x10000000000001000", "18014398509481988K",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_rejected(&vmwalk_attr_fault_around, cases[i], -ERANGE, around_range);
}

VW_TEST(fault_around_rejects_other_numbers_and_text)
{
	static const char *const cases[] = {
		"4097", "5000", "8191", "12K", "0x3000", "2097151", "1025K", "0x180000",
		"", "K", "0x", "x", "-4096", "+4096", " 4096", "4096 ", "4096x", "4KB", "64 K",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_rejected(&vmwalk_attr_fault_around, cases[i], -EINVAL, around_syntax);
}

/* --- numa_node ------------------------------------------------------------ */

static const char node_range[] = "numa_node %s is out of range, -1 to 1023";
static const char node_syntax[] = "numa_node takes a node's number or -1, not '%s'";

static void set_memory_nodes(const int *nodes, size_t count)
{
	memset(node_states, 0, sizeof(node_states));
	for (size_t i = 0; i < count; i++)
		node_set_state(nodes[i], N_MEMORY);
}

VW_TEST(numa_node_accepts_nodes_with_memory)
{
	static const int nodes[] = { 0, 2, 3, 4, MAX_NUMNODES - 1 };
	char text[16];

	set_memory_nodes(nodes, ARRAY_SIZE(nodes));
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		snprintf(text, sizeof(text), "%d", nodes[i]);
		expect_accepted(&vmwalk_attr_numa_node, text, text);
	}
	expect_accepted(&vmwalk_attr_numa_node, "+2", "2");
	expect_accepted(&vmwalk_attr_numa_node, "0003", "3");
	expect_accepted(&vmwalk_attr_numa_node, "-0", "0");
}

VW_TEST(numa_node_accepts_minus_1_on_every_machine)
{
	static const int nodes[] = { 3 };

	set_memory_nodes(NULL, 0);
	expect_accepted(&vmwalk_attr_numa_node, "-1", "-1");
	set_memory_nodes(nodes, ARRAY_SIZE(nodes));
	expect_accepted(&vmwalk_attr_numa_node, "-1", "-1");
	expect_accepted(&vmwalk_attr_numa_node, "-01", "-1");
}

VW_TEST(numa_node_rejects_nodes_without_memory)
{
	static const int nodes[] = { 0, 2, 3, 4, 1022 };

	set_memory_nodes(nodes, 1);
	expect_rejected(&vmwalk_attr_numa_node, "1", -EINVAL,
			"numa_node %s has no memory; nodes with memory: 0");
	expect_rejected(&vmwalk_attr_numa_node, "1023", -EINVAL,
			"numa_node %s has no memory; nodes with memory: 0");
	set_memory_nodes(nodes, ARRAY_SIZE(nodes));
	expect_rejected(&vmwalk_attr_numa_node, "5", -EINVAL,
			"numa_node %s has no memory; nodes with memory: 0,2-4,1022");
	expect_rejected(&vmwalk_attr_numa_node, "1023", -EINVAL,
			"numa_node %s has no memory; nodes with memory: 0,2-4,1022");
}

VW_TEST(numa_node_cuts_a_long_list_of_nodes)
{
	struct vmwalk_config config = not_default;
	struct vmwalk_errmsg errmsg;

	set_memory_nodes(NULL, 0);
	for (int node = 0; node < MAX_NUMNODES; node += 2)
		node_set_state(node, N_MEMORY);
	vw_expect(store(&config, &vmwalk_attr_numa_node, "1", &errmsg), -EINVAL);
	vw_expect(strnlen(errmsg.text, sizeof(errmsg.text)), sizeof(errmsg.text) - 1);
	assert_non_null(strstr(errmsg.text, "nodes with memory: 0,2,4,6,"));
	vw_expect(config.numa_node, not_default.numa_node);
}

VW_TEST(numa_node_rejects_numbers_out_of_range)
{
	static const char *const cases[] = {
		"1024", "-2", "-1024", "4096", "2147483647", "-2147483648",
		/* Modulo 2^32 or 2^64, these are 0 or -1. */
		"4294967296", "4294967295", "-4294967297",
		"18446744073709551616", "18446744073709551615", "-18446744073709551617",
		"99999999999999999999999999999999",
	};
	static const int nodes[] = { 0, 1, 2, 3 };

	set_memory_nodes(nodes, ARRAY_SIZE(nodes));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_rejected(&vmwalk_attr_numa_node, cases[i], -ERANGE, node_range);
}

VW_TEST(numa_node_rejects_other_text)
{
	static const char *const cases[] = {
		"", "-", "+", "--1", "+-1", "-+1", "- 1", "x", "any", "node0", "N",
		" 0", "0 ", "0x0", "0x1", "0K", "1.0", "1e0", "0,1", "0-1", "1-", "a", "1024x",
	};
	static const int nodes[] = { 0, 1, 2, 3 };

	set_memory_nodes(nodes, ARRAY_SIZE(nodes));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_rejected(&vmwalk_attr_numa_node, cases[i], -EINVAL, node_syntax);
}

/* --- address_bits --------------------------------------------------------- */

static const char bits_range[] = "address_bits %s is out of range, 12 to 64";
static const char bits_syntax[] = "address_bits takes a number of bits, not '%s'";

VW_TEST(address_bits_accepts_numbers_from_a_page_to_64)
{
	char text[16];

	for (int bits = PAGE_SHIFT; bits <= 64; bits++) {
		snprintf(text, sizeof(text), "%d", bits);
		expect_accepted(&vmwalk_attr_address_bits, text, text);
	}
	expect_accepted(&vmwalk_attr_address_bits, "+32", "32");
	expect_accepted(&vmwalk_attr_address_bits, "0032", "32");
}

VW_TEST(address_bits_rejects_numbers_out_of_range)
{
	static const char *const cases[] = {
		"0", "1", "11", "65", "128", "-1", "-32", "2147483647", "-2147483648",
		/* Modulo 2^32 or 2^64, these are 32. */
		"4294967328", "18446744073709551648", "-4294967264",
		"99999999999999999999999999999999",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_rejected(&vmwalk_attr_address_bits, cases[i], -ERANGE, bits_range);
}

VW_TEST(address_bits_rejects_other_text)
{
	static const char *const cases[] = {
		"", "-", "+", "x", "0x20", "32K", "4G", "32bit", "32 bits", "3 2", " 32", "32 ",
		"32.0", "32x", "dma32", "any", "--32", "1e1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_rejected(&vmwalk_attr_address_bits, cases[i], -EINVAL, bits_syntax);
}

/* --- track_dirty ---------------------------------------------------------- */

VW_TEST(track_dirty_accepts_0_and_1)
{
	expect_accepted(&vmwalk_attr_track_dirty, "0", "0");
	expect_accepted(&vmwalk_attr_track_dirty, "1", "1");
}

VW_TEST(track_dirty_rejects_other_text)
{
	static const char *const cases[] = {
		"", "2", "-1", "+1", "00", "01", "10", "11", "0x1", "1 ", " 1", "0 ",
		"y", "n", "Y", "on", "off", "true", "false", "yes",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_rejected(&vmwalk_attr_track_dirty, cases[i], -EINVAL,
				"track_dirty takes 0 or 1, not '%s'");
}

/* --- Error messages ------------------------------------------------------- */

VW_TEST(messages_quote_32_bytes_of_the_value)
{
	static const struct {
		const struct vmwalk_attr *attr;
		const char *fmt;
	} cases[] = {
		{ &vmwalk_attr_buffer_type,
		  "buffer_type takes one of the names in available_buffer_types, not '%s'" },
		{ &vmwalk_attr_size, size_syntax },
		{ &vmwalk_attr_map_mode,
		  "map_mode takes one of the names in available_map_modes, not '%s'" },
		{ &vmwalk_attr_cache_mode,
		  "cache_mode takes one of the names in available_cache_modes, not '%s'" },
		{ &vmwalk_attr_numa_node, node_syntax },
		{ &vmwalk_attr_address_bits, bits_syntax },
		{ &vmwalk_attr_fill, "fill takes one of the names in available_fills, not '%s'" },
		{ &vmwalk_attr_track_dirty, "track_dirty takes 0 or 1, not '%s'" },
		{ &vmwalk_attr_fault_around, around_syntax },
	};
	static const char quoted[] = "abcdefghijklmnopqrstuvwxyz012345";
	struct vmwalk_config config = not_default;
	struct vmwalk_errmsg errmsg;
	char text[4096], message[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		expect_rejected(cases[i].attr, quoted, -EINVAL, cases[i].fmt);

		memset(text, 'x', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		memcpy(text, quoted, strlen(quoted));
		snprintf(message, sizeof(message), cases[i].fmt, quoted);
		vw_expect(store(&config, cases[i].attr, text, &errmsg), -EINVAL);
		assert_string_equal(errmsg.text, message);
	}
}

VW_TEST(messages_quote_32_bytes_of_a_number)
{
	static const struct {
		const struct vmwalk_attr *attr;
		const char *fmt;
	} cases[] = {
		{ &vmwalk_attr_size, size_range },
		{ &vmwalk_attr_numa_node, node_range },
		{ &vmwalk_attr_address_bits, bits_range },
		{ &vmwalk_attr_fault_around, around_range },
	};
	static const char quoted[] = "12345678901234567890123456789012";
	struct vmwalk_config config = not_default;
	struct vmwalk_errmsg errmsg;
	char text[64], message[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		expect_rejected(cases[i].attr, quoted, -ERANGE, cases[i].fmt);

		snprintf(text, sizeof(text), "%s3456", quoted);
		snprintf(message, sizeof(message), cases[i].fmt, quoted);
		vw_expect(store(&config, cases[i].attr, text, &errmsg), -ERANGE);
		assert_string_equal(errmsg.text, message);
	}
}

VW_TEST(messages_are_one_printable_line_for_any_value)
{
	struct vmwalk_config config;
	struct vmwalk_errmsg errmsg;
	char text[] = "<?>";

	for (int c = 1; c < 256; c++) {
		text[1] = c;
		for (size_t i = 0; i < ARRAY_SIZE(attrs); i++) {
			memcpy(&config, &not_default, sizeof(config));
			vw_expect(store(&config, attrs[i].attr, text, &errmsg), -EINVAL);
			for (const char *at = errmsg.text; *at; at++) {
				if (!isprint(*at))
					vw_fail("%s: the message has byte %d", attrs[i].name, *at);
			}
			if (!strstr(errmsg.text, isprint(c) ? text : "<?>"))
				vw_fail("%s: the message does not quote byte %d: %s",
					attrs[i].name, c, errmsg.text);
			vw_ok(memcmp(&config, &not_default, sizeof(config)));
		}
	}
}

/* --- Combinations --------------------------------------------------------- */

enum verdict {
	OK,
	MAP,	/* the buffer type does not support the map mode */
	CACHE,	/* the buffer type does not support the cache mode */
	DIRTY,	/* the combination does not support track_dirty */
};

static void expect_verdict(const char *type, const char *map_mode, const char *cache_mode,
			   bool track_dirty, enum verdict verdict)
{
	struct vmwalk_config config, before;
	struct vmwalk_errmsg errmsg = { "" };
	char message[256] = "";
	int err;

	vmwalk_config_init(&config);
	vw_ok(store(&config, &vmwalk_attr_buffer_type, type, &errmsg));
	vw_ok(store(&config, &vmwalk_attr_map_mode, map_mode, &errmsg));
	vw_ok(store(&config, &vmwalk_attr_cache_mode, cache_mode, &errmsg));
	vw_ok(store(&config, &vmwalk_attr_track_dirty, track_dirty ? "1" : "0", &errmsg));
	memcpy(&before, &config, sizeof(before));

	if (verdict == MAP)
		snprintf(message, sizeof(message), "buffer_type %s does not support map_mode %s",
			 type, map_mode);
	if (verdict == CACHE)
		snprintf(message, sizeof(message), "buffer_type %s does not support cache_mode %s",
			 type, cache_mode);
	if (verdict == DIRTY)
		snprintf(message, sizeof(message),
			 "track_dirty does not support buffer_type %s with map_mode %s: the kernel keeps one dirty flag per huge page; use map_mode remap or fault",
			 type, map_mode);

	err = vmwalk_config_validate(&config, &errmsg);
	if (err != (verdict == OK ? 0 : -EINVAL) || strcmp(errmsg.text, message))
		vw_fail("%s %s %s track_dirty %d: returned %d with the message\n"
			"#   %s\n# instead of\n#   %s",
			type, map_mode, cache_mode, track_dirty, err, errmsg.text, message);
	vw_ok(memcmp(&before, &config, sizeof(config)));
}

VW_TEST(validate_accepts_valid_combinations_only)
{
	static const char *const cache_modes[] = { "wb", "wc", "uc" };
	static const struct {
		const char *buffer_type;
		const char *map_mode;
		/* For each cache mode: wb, wc, uc */
		enum verdict untracked[3];
		enum verdict tracked[3];
	} rows[] = {
		{ "kmalloc", "remap",  { OK,  CACHE, CACHE }, { OK,    CACHE, CACHE } },
		{ "kmalloc", "insert", { MAP, MAP,   MAP   }, { MAP,   MAP,   MAP   } },
		{ "kmalloc", "fault",  { OK,  CACHE, CACHE }, { OK,    CACHE, CACHE } },
		{ "vmalloc", "remap",  { OK,  CACHE, CACHE }, { OK,    CACHE, CACHE } },
		{ "vmalloc", "insert", { OK,  CACHE, CACHE }, { OK,    CACHE, CACHE } },
		{ "vmalloc", "fault",  { OK,  CACHE, CACHE }, { OK,    CACHE, CACHE } },
		{ "pages",   "remap",  { OK,  OK,    OK    }, { OK,    OK,    OK    } },
		{ "pages",   "insert", { OK,  OK,    OK    }, { OK,    OK,    OK    } },
		{ "pages",   "fault",  { OK,  OK,    OK    }, { OK,    OK,    OK    } },
		{ "huge",    "remap",  { OK,  CACHE, CACHE }, { OK,    CACHE, CACHE } },
		{ "huge",    "insert", { OK,  CACHE, CACHE }, { DIRTY, CACHE, CACHE } },
		{ "huge",    "fault",  { OK,  CACHE, CACHE }, { OK,    CACHE, CACHE } },
		{ "dma",     "remap",  { OK,  CACHE, CACHE }, { OK,    CACHE, CACHE } },
		{ "dma",     "insert", { MAP, MAP,   MAP   }, { MAP,   MAP,   MAP   } },
		{ "dma",     "fault",  { OK,  CACHE, CACHE }, { OK,    CACHE, CACHE } },
	};

	vw_expect(ARRAY_SIZE(rows), vmwalk_buffer_types.count * vmwalk_map_modes.count);
	vw_expect(ARRAY_SIZE(cache_modes), vmwalk_cache_modes.count);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(cache_modes); j++) {
			expect_verdict(rows[i].buffer_type, rows[i].map_mode, cache_modes[j],
				       false, rows[i].untracked[j]);
			expect_verdict(rows[i].buffer_type, rows[i].map_mode, cache_modes[j],
				       true, rows[i].tracked[j]);
		}
	}
}

/* These attributes have no invalid combinations. */
VW_TEST(validate_ignores_size_location_and_fill)
{
	struct vmwalk_config config = not_default;
	struct vmwalk_errmsg errmsg;

	vw_ok(vmwalk_config_validate(&config, &errmsg));
	config.size = PAGE_SIZE;
	config.fault_around = PMD_SIZE;
	config.numa_node = NUMA_NO_NODE;
	config.address_bits = PAGE_SHIFT;
	config.fill = 0;
	vw_ok(vmwalk_config_validate(&config, &errmsg));
}

/* Keep these tests last: what they exclude stays excluded. */
VW_TEST(excluded_cache_modes_are_neither_listed_nor_accepted)
{
	static const char fmt[] =
		"cache_mode takes one of the names in available_cache_modes, not '%s'";
	struct vmwalk_config config;
	struct vmwalk_errmsg errmsg;

	vmwalk_config_init(&config);
	config.buffer_type = VMWALK_BUFFER_PAGES;
	config.cache_mode = VMWALK_CACHE_WC;
	vw_ok(vmwalk_config_validate(&config, &errmsg));

	vmwalk_config_exclude_cache_modes(VMWALK_BUFFER_PAGES,
					  BIT(VMWALK_CACHE_WC) | BIT(VMWALK_CACHE_UC));
	vmwalk_names_show(&vmwalk_cache_modes, page);
	assert_string_equal(page, "wb\n");
	expect_rejected(&vmwalk_attr_cache_mode, "wc", -EINVAL, fmt);
	expect_rejected(&vmwalk_attr_cache_mode, "uc", -EINVAL, fmt);
	vw_expect(vmwalk_config_validate(&config, &errmsg), -EINVAL);
	config.cache_mode = VMWALK_CACHE_WB;
	vw_ok(vmwalk_config_validate(&config, &errmsg));
}

VW_TEST(an_excluded_buffer_type_is_neither_listed_nor_accepted)
{
	static const char fmt[] =
		"buffer_type takes one of the names in available_buffer_types, not '%s'";

	vmwalk_config_exclude_type(VMWALK_BUFFER_DMA);
	vmwalk_names_show(&vmwalk_buffer_types, page);
	assert_string_equal(page, "kmalloc vmalloc pages huge\n");
	vmwalk_names_show(&vmwalk_map_modes, page);
	assert_string_equal(page, "remap insert fault\n");
	expect_rejected(&vmwalk_attr_buffer_type, "dma", -EINVAL, fmt);
}
