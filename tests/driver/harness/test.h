/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tests: how one is defined, fails or is skipped, and what runs around it.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_TEST_H
#define VMWALK_TESTS_TEST_H

struct vw_test {
	const char *name;
	int line;
	enum { VW_ONCE, VW_TYPICAL, VW_ALL } runs;
	void (*body)(void);
	void (*combo_body)(const struct vw_combo *combo);
	struct vw_test *next;
};

/*
 * VW_TEST(name) { ... } defines a test and registers it. The tests of a file
 * run in the order of their definitions.
 *
 * VW_TEST_TYPICAL() and VW_TEST_ALL() run the body once for each typical
 * combination, or for each combination; "combo" is the one to test.
 */
#define VW_TEST(f) \
	VW_DEFINE_TEST(f, VW_ONCE, body, void)
#define VW_TEST_TYPICAL(f) \
	VW_DEFINE_TEST(f, VW_TYPICAL, combo_body, const struct vw_combo *combo)
#define VW_TEST_ALL(f) \
	VW_DEFINE_TEST(f, VW_ALL, combo_body, const struct vw_combo *combo)

#define VW_DEFINE_TEST(f, times, member, args)				\
	static void f(args);						\
									\
	__attribute__((constructor)) static void f##_register(void)	\
	{								\
		static struct vw_test test = {				\
			.name = #f,					\
			.line = __LINE__,				\
			.runs = times,					\
			.member = f,					\
		};							\
									\
		vw_register(&test);					\
	}								\
									\
	static void f(args)

void vw_register(struct vw_test *test);

/*
 * Runs the tests that the arguments select, or all; --list prints their names.
 * Before each test it marks the kernel log. After each test it ends children,
 * closes and unmaps devices, removes instances, restores module parameters, and
 * fails the test if the kernel logged an error.
 *
 * The harness defines a weak main() that calls this. Returns the exit status.
 */
int vw_main(int argc, char **argv);

/* Ends the test as skipped, with the reason as a comment in the TAP stream. */
_Noreturn CMOCKA_PRINTF_ATTRIBUTE(1, 2)
void vw_skip(const char *fmt, ...);

/* Fails the test with a message. */
_Noreturn CMOCKA_PRINTF_ATTRIBUTE(3, 4)
void vw_fail_at(const char *file, int line, const char *fmt, ...);
#define vw_fail(...)	vw_fail_at(__FILE__, __LINE__, __VA_ARGS__)

/* Expects a value, which is a negative errno if an error is expected. */
void vw_expect_at(const char *file, int line, const char *what, long long got, long long wanted);
#define vw_expect(expr, wanted)	vw_expect_at(__FILE__, __LINE__, #expr, (expr), (wanted))
#define vw_ok(expr)		vw_expect(expr, 0)

#endif /* VMWALK_TESTS_TEST_H */
