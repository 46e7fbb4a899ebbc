// SPDX-License-Identifier: GPL-2.0
/*
 * Touching each page of a fresh mapping whose pages are all allocated.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

#define SIZE		(64 * BENCH_MIB)
#define UNCOUNTED	BENCH_FOLDER "/vmwalk-uncounted.ko"

/* A byte that the compiler may not leave out. */
static char read_byte(const char *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void write_byte(char *at, char value)
{
	__atomic_store_n(at, value, __ATOMIC_RELAXED);
}

static double touch_read(void *arg)
{
	const struct bench_area *area = arg;
	char *map = bench_map(area, 0);
	const size_t size = area->size;
	__u64 start, end;

	start = bench_now();
	/* The loop itself shall cost next to nothing. */
#pragma GCC unroll 16
	for (size_t offset = 0; offset < size; offset += BENCH_PAGE)
		read_byte(map + offset);
	end = bench_now();
	bench_unmap(area, map);

	return (double)(end - start) / (size / BENCH_PAGE);
}

/* What it writes is what the first byte of each page holds: see word_at() in area.c. */
static double touch_write(void *arg)
{
	const struct bench_area *area = arg;
	char *map = bench_map(area, 0);
	const size_t size = area->size;
	__u64 start, end;

	start = bench_now();
	/* The loop itself shall cost next to nothing. */
#pragma GCC unroll 16
	for (size_t offset = 0; offset < size; offset += BENCH_PAGE)
		write_byte(map + offset, 1);
	end = bench_now();
	bench_unmap(area, map);

	return (double)(end - start) / (size / BENCH_PAGE);
}

/* Faults come in the order of the run that is timed, and only then is all of it looked at. */
static void touch_and_check(const struct bench_area *area)
{
	char *map = bench_map(area, 0);

	for (size_t offset = 0; offset < area->size; offset += BENCH_PAGE)
		read_byte(map + offset);
	bench_check(area, map);
	bench_unmap(area, map);
}

static void compare_touches(const struct bench_row *row, const char *type,
			    const char *fault_around, double (*touch)(void *arg), size_t size,
			    bool huge)
{
	bench_compare_areas(row, bench_buffer(type, "fault", fault_around, size), huge,
			    touch_and_check, touch, touch);
}

void bench_touch_read(const struct bench_row *row)
{
	compare_touches(row, "vmalloc", NULL, touch_read, SIZE, false);
}

void bench_touch_write(const struct bench_row *row)
{
	compare_touches(row, "vmalloc", NULL, touch_write, SIZE, false);
}

/* The same with bare frames instead of refcounted pages, in the largest block that kmalloc has. */
void bench_touch_read_pfn(const struct bench_row *row)
{
	compare_touches(row, "kmalloc", NULL, touch_read, 4 * BENCH_MIB, false);
}

void bench_touch_write_pfn(const struct bench_row *row)
{
	compare_touches(row, "kmalloc", NULL, touch_write, 4 * BENCH_MIB, false);
}

/* The largest window there is, so that hardly a fault is left. */
void bench_touch_read_2m(const struct bench_row *row)
{
	compare_touches(row, "vmalloc", "2M", touch_read, SIZE, false);
}

void bench_touch_read_pfn_2m(const struct bench_row *row)
{
	compare_touches(row, "kmalloc", "2M", touch_read, 4 * BENCH_MIB, false);
}

/* Reading, which is what the anchor does better. */
void bench_touch_huge(const struct bench_row *row)
{
	compare_touches(row, "huge", NULL, touch_read, SIZE, true);
}

static void run_command(const char *command)
{
	if (system(command))
		bench_die("failed: %s", command);
}

static void load_counting(void)
{
	run_command("rmmod vmwalk && modprobe vmwalk");
}

/*
 * A fault for each page is where counting is the largest part. One module is in at a time; what was
 * read in the meantime is the same for both.
 */
static double touch_with(const char *load)
{
	struct bench_area area;
	double figure = 0;

	run_command(load);
	area = bench_buffer("vmalloc", "fault", "4096", SIZE / 4);
	touch_and_check(&area);
	for (int i = 0; i < 4; i++)
		figure += touch_read(&area) / 4;
	bench_close(&area);

	return figure;
}

static double touch_counted(void *arg)
{
	(void)arg;
	return touch_with("rmmod vmwalk && modprobe vmwalk");
}

static double touch_uncounted(void *arg)
{
	(void)arg;
	return touch_with("rmmod vmwalk && insmod " UNCOUNTED);
}

void bench_stats_overhead(const struct bench_row *row)
{
	struct bench_side sides[] = {
		{ .name = "counted", .run = touch_counted },
		{ .name = "uncounted", .run = touch_uncounted },
	};

	if (access(UNCOUNTED, R_OK))
		bench_skip("there is no module without counters in " BENCH_FOLDER);
	atexit(load_counting);
	bench_compare(row, sides, BENCH_COUNT(sides));
}
