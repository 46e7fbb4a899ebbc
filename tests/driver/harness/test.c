// SPDX-License-Identifier: GPL-2.0
/*
 * The frame around each test, and main(): see test.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include "harness.h"

#define MAX_BUFFER_MB	VW_MODULE "/parameters/max_buffer_mb"
#define THP		"/sys/kernel/mm/transparent_hugepage/"

void vw_fail_at(const char *file, int line, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	print_message("# %s:%d: %s\n", file, line, text);
	_fail(file, line);
	abort();
}

void vw_skip(const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	print_message("# skipped: %s\n", text);
	skip();
	abort();
}

void vw_expect_at(const char *file, int line, const char *what, long long got, long long wanted)
{
	char a[32], b[32];

	if (got != wanted)
		vw_fail_at(file, line, "%s: got %s, wanted %s", what,
			   vw_error_name(got, a, sizeof(a)), vw_error_name(wanted, b, sizeof(b)));
}

/* --- Kernel settings for all tests ---------------------------------------- */

/*
 * Turn off everything that changes page tables in the background. Tests that
 * need swap use vw_swap_out().
 */
static struct {
	const char *path;
	const char *value;
	char before[32];
} settings[] = {
	{ "/proc/sys/kernel/numa_balancing", "0", "" },
	{ "/proc/sys/vm/swappiness", "0", "" },
	{ "/proc/sys/vm/watermark_boost_factor", "0", "" },
	{ "/proc/sys/vm/compact_unevictable_allowed", "0", "" },
	{ "/proc/sys/vm/compaction_proactiveness", "0", "" },
	/* A write wakes khugepaged once. After that it sleeps for this long. */
	{ THP "khugepaged/alloc_sleep_millisecs", "100000000", "" },
	{ THP "khugepaged/scan_sleep_millisecs", "100000000", "" },
};

static void apply_settings(void)
{
	/*
	 * khugepaged sleeps for these times only while it has an mm to scan.
	 */
	char *at = mmap(NULL, 2 * PMD_SIZE, RW, ANON, -1, 0);

	if (at == MAP_FAILED)
		abort();
	madvise(at, 2 * PMD_SIZE, MADV_HUGEPAGE);
	vw_poke((char *)ALIGN_UP((uintptr_t)at, PMD_SIZE), 1);
	for (size_t i = 0; i < COUNT(settings); i++) {
		if (vw_file_read(settings[i].path, settings[i].before,
				 sizeof(settings[i].before)) > 0)
			vw_file_write(settings[i].path, settings[i].value);
	}
	usleep(200000);
}

static void restore_settings(void)
{
	for (size_t i = 0; i < COUNT(settings); i++) {
		if (settings[i].before[0])
			vw_file_write(settings[i].path, settings[i].before);
	}
}

/* --- Before and after each test ------------------------------------------- */

static char max_buffer_mb[32], target_write[32];

/* A test, with a combination if it needs one. */
struct run {
	char *name;
	const struct vw_test *test;
	const struct vw_combo *combo;
};

static int setup(void **state)
{
	const struct run *run = *state;

	vw_kernel_log_mark(run->name);
	return 0;
}

static int teardown(void **state)
{
	char now[32];
	int rc = 0;

	(void)state;
	vw_run_on(VW_ANY_CPU, SCHED_OTHER);
	vw_kill_children();
	vw_drop_devices();
	if (!vw_remove_instances())
		rc = -1;
	if (vw_file_read(MAX_BUFFER_MB, now, sizeof(now)) > 0 && strcmp(now, max_buffer_mb))
		vw_file_write(MAX_BUFFER_MB, max_buffer_mb);
	if (vw_file_read(VW_TARGET_WRITE, now, sizeof(now)) > 0 && strcmp(now, target_write))
		vw_file_write(VW_TARGET_WRITE, target_write);
	if (!vw_kernel_log_is_clean())
		rc = -1;
	return rc;
}

/* --- Registered tests, and main() ----------------------------------------- */

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

static void run_body(void **state)
{
	const struct run *run = *state;

	if (run->combo)
		run->test->combo_body(run->combo);
	else
		run->test->body();
}

static bool is_selected(const char *name, char **wanted)
{
	for (size_t i = 0; wanted[i]; i++) {
		if (strstr(name, wanted[i]))
			return true;
	}
	return !wanted[0];
}

static void add_run(struct run *runs, size_t *count, const struct vw_test *test,
		    const struct vw_combo *combo, char **wanted)
{
	struct run run = { .test = test, .combo = combo };
	int len;

	if (combo)
		len = asprintf(&run.name, "%s [%s %s %s]", test->name, combo->type, combo->mode,
			       combo->cache);
	else
		len = asprintf(&run.name, "%s", test->name);
	if (len < 0)
		abort();
	if (is_selected(run.name, wanted))
		runs[(*count)++] = run;
	else
		free(run.name);
}

/* An array of one run for each selected test and combination. */
static struct run *select_runs(char **wanted, size_t *count)
{
	struct run *runs;
	size_t most = 0;

	for (const struct vw_test *test = tests; test; test = test->next)
		most += VW_COMBOS;
	runs = calloc(most, sizeof(*runs));
	if (!runs)
		abort();
	*count = 0;
	for (const struct vw_test *test = tests; test; test = test->next) {
		if (test->runs == VW_ONCE)
			add_run(runs, count, test, NULL, wanted);
		for (size_t i = 0; test->runs != VW_ONCE && i < VW_COMBOS; i++) {
			if (test->runs == VW_ALL || vw_combos[i].typical)
				add_run(runs, count, test, &vw_combos[i], wanted);
		}
	}
	return runs;
}

static int run_all(struct run *runs, size_t count)
{
	struct CMUnitTest *units = calloc(count, sizeof(*units));
	int failed;

	if (!units)
		abort();
	for (size_t i = 0; i < count; i++)
		units[i] = (struct CMUnitTest){
			runs[i].name, run_body, setup, teardown, &runs[i]
		};
	vw_file_read(MAX_BUFFER_MB, max_buffer_mb, sizeof(max_buffer_mb));
	vw_file_read(VW_TARGET_WRITE, target_write, sizeof(target_write));
	apply_settings();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = _cmocka_run_group_tests(program_invocation_short_name, units, count, NULL, NULL);
	restore_settings();
	return failed ? 1 : 0;
}

int vw_main(int argc, char **argv)
{
	bool list = argc > 1 && !strcmp(argv[1], "--list");
	struct run *runs;
	size_t count;

	setvbuf(stdout, NULL, _IOLBF, 0);
	vw_drop_combos();
	runs = select_runs(argv + 1 + list, &count);
	if (!count) {
		fprintf(stderr, "%s: no test has such a name; --list prints all names\n", argv[0]);
		return 2;
	}
	for (size_t i = 0; list && i < count; i++)
		puts(runs[i].name);
	if (list)
		return 0;
	if (geteuid()) {
		printf("Bail out! these tests need root\n");
		return 1;
	}
	if (!vw_kernel_log_open() || !vw_exists(VW_CONFIGFS)) {
		printf("Bail out! /dev/kmsg and %s are needed\n", VW_CONFIGFS);
		return 1;
	}
	vw_user_end();		/* maps pages, only once */
	return run_all(runs, count);
}

/* A test file may define its own, which calls vw_main(). */
#pragma weak main
int main(int argc, char **argv)
{
	return vw_main(argc, argv);
}
