// SPDX-License-Identifier: GPL-2.0
/*
 * Registration and main() of a unit test program. The output is TAP.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define MAX_TESTS	100

/* In the order of their definitions. */
static struct vw_test *tests;

/* Constructors of one file may run in any order. */
void vw_register(struct vw_test *test)
{
	struct vw_test **at = &tests;

	while (*at && (*at)->line < test->line)
		at = &(*at)->next;
	test->next = *at;
	*at = test;
}

void vw_fail_at(const char *file, int line, const char *fmt, ...)
{
	char text[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	print_message("# %s:%d: %s\n", file, line, text);
	_fail(file, line);
	abort();
}

void vw_expect_at(const char *file, int line, const char *what, long long got, long long wanted)
{
	if (got != wanted)
		vw_fail_at(file, line, "%s: got %lld, wanted %lld", what, got, wanted);
}

static void run_body(void **state)
{
	const struct vw_test *test = *state;

	test->body();
}

int main(void)
{
	struct CMUnitTest units[MAX_TESTS];
	size_t count = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct vw_test *test = tests; test; test = test->next) {
		if (count == MAX_TESTS)
			abort();
		units[count++] = (struct CMUnitTest){ test->name, run_body, NULL, NULL, test };
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);

	return _cmocka_run_group_tests(program_invocation_short_name, units, count, NULL, NULL) ?
		1 : 0;
}
