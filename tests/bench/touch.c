// SPDX-License-Identifier: GPL-2.0
/*
 * Accessing each page of a new mapping. The pages are already allocated.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

#define SIZE		(64 * BENCH_MIB)
#define UNCOUNTED	BENCH_DIR "/vmwalk-uncounted.ko"

static char read_byte(const char *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void write_byte(char *at, char value)
{
	__atomic_store_n(at, value, __ATOMIC_RELAXED);
}

/*
 * The loops are unrolled, to keep their own cost low: about one instruction per
 * page, if the compiler knows the page size.
 */
static __always_inline void read_pages(const char *map, size_t size, size_t page)
{
#pragma GCC unroll 16
	for (size_t offset = 0; offset < size; offset += page)
		read_byte(map + offset);
}

/* Writes the value that the first byte of each page already has: see word_at(). */
static __always_inline void write_pages(char *map, size_t size, size_t page)
{
#pragma GCC unroll 16
	for (size_t offset = 0; offset < size; offset += page)
		write_byte(map + offset, 1);
}

static double touch(const struct bench_area *area, bool write)
{
	char *map = bench_map(area, 0);
	const size_t size = area->size;
	__u64 start, end;

	start = bench_now();
	if (write && BENCH_PAGE == 4096)
		write_pages(map, size, 4096);
	else if (write)
		write_pages(map, size, BENCH_PAGE);
	else if (BENCH_PAGE == 4096)
		read_pages(map, size, 4096);
	else
		read_pages(map, size, BENCH_PAGE);
	end = bench_now();
	bench_unmap(area, map);

	return (double)(end - start) / (size / BENCH_PAGE);
}

static double touch_read(void *arg)
{
	return touch(arg, false);
}

static double touch_write(void *arg)
{
	return touch(arg, true);
}

/*
 * Faults in the pages in the order of the measured run, then compares the data.
 */
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

/*
 * A PFN mapping instead of refcounted pages. 4 MiB is the largest kmalloc
 * allocation.
 */
void bench_touch_read_pfn(const struct bench_row *row)
{
	compare_touches(row, "kmalloc", NULL, touch_read, 4 * BENCH_MIB, false);
}

void bench_touch_write_pfn(const struct bench_row *row)
{
	compare_touches(row, "kmalloc", NULL, touch_write, 4 * BENCH_MIB, false);
}

static const char *bytes(size_t size)
{
	static char text[32];

	snprintf(text, sizeof(text), "%zu", size);
	return text;
}

/* The largest fault_around, so that few faults are left. */
void bench_touch_read_2m(const struct bench_row *row)
{
	compare_touches(row, "vmalloc", bytes(BENCH_PMD), touch_read, SIZE, false);
}

void bench_touch_read_pfn_2m(const struct bench_row *row)
{
	compare_touches(row, "kmalloc", bytes(BENCH_PMD), touch_read, 4 * BENCH_MIB, false);
}

/* Only reads: the anchor is faster for reads than for writes. */
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
 * The cost of counters is highest if each page faults. Each run loads one of
 * the two modules, since only one can be loaded at a time.
 */
static double touch_with(const char *load)
{
	struct bench_area area;
	double figure = 0;

	run_command(load);
	area = bench_buffer("vmalloc", "fault", bytes(BENCH_PAGE), SIZE / 4);
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
		bench_skip("no module without counters in " BENCH_DIR);
	atexit(load_counting);
	bench_compare(row, sides, BENCH_COUNT(sides));
}
