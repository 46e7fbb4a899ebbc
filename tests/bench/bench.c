// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark: compares the cost of vmwalk's operations with that of the
 * kernel's equivalents ("anchors"). Prints a line for each figure and anchor.
 *
 *   bench --icount|--time [ROW...]
 *
 * Copyright (C) The vmwalk authors
 *
 * --icount is for a VM whose clock counts instructions, and runs all rows that
 * can be counted. --time runs the others. A named row is measured either way.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

/* An odd number, so that the median is a measured value. */
#define RUNS		7
#define SLOW_RUNS	3
#define PAGELISTS	"/proc/sys/vm/percpu_pagelist_high_fraction"

/*
 * The rows of the benchmark, in the order in which they run. Scans come first,
 * while the page allocator still returns consecutive frames.
 */
static const struct bench_row rows[] = {
	{ "scan_dense",		"page",		bench_scan_dense },
	{ "scan_dense_copy",	"page",		bench_scan_dense_copy },
	{ "scan_alternate",	"page",		bench_scan_alternate },
	{ "scan_alternate_copy", "page",	bench_scan_alternate_copy },
	{ "scan_scattered",	"page",		bench_scan_scattered },
	{ "scan_scattered_copy", "page",	bench_scan_scattered_copy },
	{ "scan_pagemap_dense",	"page",		bench_scan_pagemap_dense },
	{ "scan_pagemap_dense_copy", "page",	bench_scan_pagemap_dense_copy },
	{ "scan_pagemap_scattered", "page",	bench_scan_pagemap_scattered },
	{ "scan_pagemap_scattered_copy", "page", bench_scan_pagemap_scattered_copy },
	{ "scan_sparse",	"scan",		bench_scan_sparse },
	{ "scan_sparse_copy",	"scan",		bench_scan_sparse_copy },
	{ "scan_frames",	"page",		bench_scan_frames },
	{ "scan_mapped",	"page",		bench_scan_mapped },
	{ "scan_reserved",	"scan",		bench_scan_reserved },
	{ "scan_vmas",		"vma",		bench_scan_vmas },
	{ "scan_processes",	"process",	bench_scan_processes },
	{ "scan_hold",		"hold",		bench_scan_hold },
	{ "scan_same",		"page",		bench_scan_same },
	{ "scan_different",	"page",		bench_scan_different },
	{ "walk_one",		"call",		bench_walk_one },
	{ "walk_levels",	"call",		bench_walk_levels },
	{ "translate_1",	"address",	bench_translate_1 },
	{ "translate_16",	"address",	bench_translate_16 },
	{ "translate_random",	"address",	bench_translate_random },
	{ "target_p99",		"round",	bench_target_p99 },
	{ "e2e_scan",		"row",		bench_e2e_scan },
	{ "e2e_summary",	"extent",		bench_e2e_summary },
	{ "e2e_find",		"extent",		bench_e2e_find },
	{ "e2e_diff",		"extent",		bench_e2e_diff },
	{ "map_insert",		"page",		bench_map_insert },
	{ "map_insert_pages",	"page",		bench_map_insert_pages },
	{ "map_insert_huge",	"page",		bench_map_insert_huge },
	{ "map_insert_nothp",	"page",		bench_map_insert_nothp },
	{ "map_remap",		"page",		bench_map_remap },
	{ "map_huge",		"page",		bench_map_huge },
	{ "touch_read",		"page",		bench_touch_read },
	{ "touch_write",	"page",		bench_touch_write },
	{ "touch_read_pfn",	"page",		bench_touch_read_pfn },
	{ "touch_write_pfn",	"page",		bench_touch_write_pfn },
	{ "touch_read_2m",	"page",		bench_touch_read_2m },
	{ "touch_read_pfn_2m",	"page",		bench_touch_read_pfn_2m },
	{ "touch_huge",		"page",		bench_touch_huge },
	{ "stats_overhead",	"fault",	bench_stats_overhead },
	{ "dirty_kill",		"kill",		bench_dirty_kill },
	{ "dirty_store",	"store",	bench_dirty_store },
	{ "instance_make",	"instance",	bench_instance_make },
	{ "instance_remove",	"instance",	bench_instance_remove },
	{ "instance_1000",	"instance",	bench_instance_1000 },
};

/* Rows that need two processors, so that instructions can't be counted. */
static const char * const timed_rows[] = {
	"scan_same", "scan_different", "target_p99", "dirty_kill", "dirty_store",
};

size_t bench_page_size;
size_t bench_pmd_size;

static bool icount;
/* Whether the side that runs is vmwalk's: tests/vm/profile counts only this. */
static bool profiled;
static const char *running;

void bench_die(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "bench: %s: ", running);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

static void comment(const char *fmt, va_list args)
{
	printf("# %s: ", running);
	vprintf(fmt, args);
	putchar('\n');
}

void bench_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	comment(fmt, args);
	va_end(args);
}

void bench_skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	comment(fmt, args);
	va_end(args);
	exit(EXIT_SUCCESS);
}

/*
 * Mark the measured part for tests/vm/profile.c: a side reads the clock at its
 * begin and at its end.
 */
static void mark(bool begin)
{
#ifdef __x86_64__
	if (begin)
		asm volatile("xchg %bx, %bx");
	else
		asm volatile("xchg %cx, %cx");
#else
	(void)begin;
#endif
}

static __u64 read_clock(clockid_t clock)
{
	static bool within;
	struct timespec now;

	if (profiled && within)
		mark(false);
	clock_gettime(clock, &now);
	within = profiled && !within;
	if (within)
		mark(true);

	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

__u64 bench_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

__u64 bench_cpu_now(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int runs_of(const struct bench_side *side)
{
	return side->slow ? SLOW_RUNS : RUNS;
}

void bench_measure(struct bench_side *sides, size_t count)
{
	double figures[count][RUNS];

	for (int run = 0; run < RUNS; run++) {
		for (size_t i = 0; i < count; i++) {
			if (run >= runs_of(&sides[i]))
				continue;
			/*
			 * Let deferred work of the kernel run outside the
			 * measurement.
			 */
			usleep(50000);
			profiled = i == 0;
			figures[i][run] = sides[i].run(sides[i].arg);
			profiled = false;
		}
	}

	for (size_t i = 0; i < count; i++) {
		qsort(figures[i], runs_of(&sides[i]), sizeof(double), compare);
		sides[i].median = figures[i][runs_of(&sides[i]) / 2];
	}
}

static int decimals(double figure)
{
	return figure < 10 ? 3 : figure < 1000 ? 1 : 0;
}

void bench_print(const struct bench_row *row, const struct bench_side *ours,
		 const struct bench_side *anchor)
{
	double x = ours->median, y = anchor->median;

	printf("bench %s how=%s ours=%.*f anchor=%.*f anchor_name=%s ratio=%.*f unit=%s/%s\n",
	       row->name, icount ? "icount" : "time", decimals(x), x, decimals(y), y,
	       anchor->name, decimals(y / x), y / x, icount ? "insn" : "ns", row->unit);
}

void bench_compare(const struct bench_row *row, struct bench_side *sides, size_t count)
{
	bench_measure(sides, count);
	for (size_t i = 1; i < count; i++)
		bench_print(row, &sides[0], &sides[i]);
}

/*
 * Run a row of the benchmark in a process of its own, so that a failure ends
 * only this row.
 */
static bool run_row(const struct bench_row *row)
{
	int status;
	pid_t pid;

	running = row->name;
	pid = fork();
	if (pid < 0)
		bench_die("fork: %m");
	if (!pid) {
		atexit(bench_remove_instances);
		row->run(row);
		exit(EXIT_SUCCESS);
	}

	if (waitpid(pid, &status, 0) != pid)
		bench_die("waitpid: %m");
	if (WIFSIGNALED(status))
		fprintf(stderr, "bench: %s: killed by signal %d\n", row->name, WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static const struct bench_row *find_row(const char *name)
{
	for (size_t i = 0; i < BENCH_COUNT(rows); i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

static bool is_timed(const struct bench_row *row)
{
	for (size_t i = 0; i < BENCH_COUNT(timed_rows); i++)
		if (!strcmp(timed_rows[i], row->name))
			return true;
	return false;
}

static int show_usage(const char *wrong)
{
	if (wrong)
		fprintf(stderr, "bench: unknown row '%s'\n", wrong);
	fprintf(stderr, "usage: bench --icount|--time [ROW...]\nrows:");
	for (size_t i = 0; i < BENCH_COUNT(rows); i++)
		fprintf(stderr, " %s", rows[i].name);
	fputc('\n', stderr);
	return 2;
}

int main(int argc, char **argv)
{
	bool good = true;

	icount = argc > 1 && !strcmp(argv[1], "--icount");
	if (!icount && (argc < 2 || strcmp(argv[1], "--time")))
		return show_usage(NULL);
	for (int i = 2; i < argc; i++)
		if (!find_row(argv[i]))
			return show_usage(argv[i]);

	bench_page_size = sysconf(_SC_PAGESIZE);
	/* A page table fills a page, and its entries have eight bytes. */
	bench_pmd_size = bench_page_size * (bench_page_size / 8);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/*
	 * Per-CPU lists return freed pages in reverse order, so frames would
	 * not be consecutive in later rows. Keep the lists short. Linux 5.14
	 * and later have the file.
	 */
	running = "setup";
	if (!access(PAGELISTS, F_OK))
		bench_write(PAGELISTS, "1000");
	bench_use_up_fragments();

	for (int i = 2; i < argc; i++)
		good &= run_row(find_row(argv[i]));
	for (size_t i = 0; argc == 2 && i < BENCH_COUNT(rows); i++)
		if (is_timed(&rows[i]) != icount)
			good &= run_row(&rows[i]);

	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
