// SPDX-License-Identifier: GPL-2.0
/*
 * Error messages: drv/errmsg.c.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "errmsg.h"
#include "unit.h"

VW_TEST(set_formats_the_message_and_returns_the_error)
{
	struct vmwalk_errmsg errmsg;

	vw_expect(vmwalk_errmsg_set(&errmsg, -ERANGE, "%s %.3s %d %lu %llu", "size", "4096", -1,
				    2UL, 3ULL), -ERANGE);
	assert_string_equal(errmsg.text, "size 409 -1 2 3");
	vw_expect(vmwalk_errmsg_set(&errmsg, -EINVAL, "no arguments"), -EINVAL);
	assert_string_equal(errmsg.text, "no arguments");
}

VW_TEST(set_replaces_the_previous_message)
{
	struct vmwalk_errmsg errmsg;

	vmwalk_errmsg_set(&errmsg, -EINVAL, "a long message");
	vmwalk_errmsg_set(&errmsg, -EINVAL, "short");
	assert_string_equal(errmsg.text, "short");
	vmwalk_errmsg_set(&errmsg, -EINVAL, "%s", "");
	assert_string_equal(errmsg.text, "");
}

VW_TEST(set_cuts_a_message_of_256_bytes)
{
	char text[257];
	struct {
		struct vmwalk_errmsg errmsg;
		char after[8];
	} at = { .after = "after" };

	memset(text, 'x', sizeof(text));
	for (size_t len = 254; len <= 256; len++) {
		text[len] = '\0';
		vw_expect(vmwalk_errmsg_set(&at.errmsg, -EINVAL, "%s", text), -EINVAL);
		vw_expect(strnlen(at.errmsg.text, sizeof(at.errmsg.text)), len < 255 ? len : 255);
		vw_ok(strncmp(at.errmsg.text, text, 254));
		text[len] = 'x';
	}
	assert_string_equal(at.after, "after");
}

VW_TEST(set_keeps_printable_characters)
{
	struct vmwalk_errmsg errmsg;
	char text[256] = "";
	int len = 0;

	for (int c = 0x20; c < 0x7f; c++)
		text[len++] = c;
	for (int c = 0xa0; c <= 0xff; c++)
		text[len++] = c;
	vmwalk_errmsg_set(&errmsg, -EINVAL, "%s", text);
	assert_string_equal(errmsg.text, text);
}

VW_TEST(set_replaces_every_other_character)
{
	struct vmwalk_errmsg errmsg;
	char text[] = "a?b";

	for (int c = 1; c < 0xa0; c++) {
		if (c >= 0x20 && c < 0x7f)
			continue;
		text[1] = c;
		vmwalk_errmsg_set(&errmsg, -EINVAL, "%s", text);
		assert_string_equal(errmsg.text, "a?b");
	}
	vmwalk_errmsg_set(&errmsg, -EINVAL, "%s", "\033[31m\r\n\tred\n\n");
	assert_string_equal(errmsg.text, "?[31m???red??");
}

VW_TEST(set_does_not_format_arguments_again)
{
	struct vmwalk_errmsg errmsg;

	vmwalk_errmsg_set(&errmsg, -EINVAL, "not '%s'", "%s%n%d%%");
	assert_string_equal(errmsg.text, "not '%s%n%d%%'");
}
