// SPDX-License-Identifier: GPL-2.0
/*
 * Mapping a whole buffer: mmap(2) and, for huge buffers, the first access to
 * each PMD entry.
 *
 * Copyright (C) The vmwalk authors
 */
#include <sys/mman.h>

#include "bench.h"

static double map_area(const struct bench_area *area, int flags, bool touch)
{
	__u64 start, end;
	char *map;

	start = bench_now();
	map = bench_map(area, flags);
	for (size_t at = 0; touch && at < area->size; at += BENCH_PMD)
		__atomic_load_n(map + at, __ATOMIC_RELAXED);
	end = bench_now();
	bench_unmap(area, map);

	return (double)(end - start) / (area->size / BENCH_PAGE);
}

/* With map_mode remap or insert, mmap() maps everything. */
static double map_buffer(void *arg)
{
	return map_area(arg, 0, false);
}

static double map_touched(void *arg)
{
	return map_area(arg, 0, true);
}

static double map_populated(void *arg)
{
	return map_area(arg, MAP_POPULATE, false);
}

static void map_and_check(const struct bench_area *area)
{
	void *map = bench_map(area, 0);

	bench_check(area, map);
	bench_unmap(area, map);
}

static void compare_maps(const struct bench_row *row, const char *type, const char *mode,
			 size_t size)
{
	bench_compare_areas(row, bench_buffer(type, mode, NULL, size), false, map_and_check,
			    map_buffer, map_populated);
}

void bench_map_insert(const struct bench_row *row)
{
	compare_maps(row, "vmalloc", "insert", 64 * BENCH_MIB);
}

/* 4 MiB is the largest kmalloc allocation. */
void bench_map_remap(const struct bench_row *row)
{
	compare_maps(row, "kmalloc", "remap", 4 * BENCH_MIB);
}

/* A large buffer, so that the fixed cost of mmap(2) is a small part. */
void bench_map_huge(const struct bench_row *row)
{
	bench_compare_areas(row, bench_buffer("huge", "fault", NULL, 512 * BENCH_MIB), true,
			    map_and_check, map_touched, map_populated);
}
