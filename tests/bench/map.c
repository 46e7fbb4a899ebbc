// SPDX-License-Identifier: GPL-2.0
/*
 * Mapping a whole buffer at mmap(2) time. Only mmap(2) is timed.
 *
 * Copyright (C) The vmwalk authors
 */
#include <sys/mman.h>

#include "bench.h"

static double map_area(const struct bench_area *area, int flags)
{
	__u64 start, end;
	void *map;

	start = bench_now();
	map = bench_map(area, flags);
	end = bench_now();
	bench_unmap(area, map);

	return (double)(end - start) / (area->size / BENCH_PAGE);
}

/* remap and insert map all by themselves. */
static double map_buffer(void *arg)
{
	return map_area(arg, 0);
}

static double map_populated(void *arg)
{
	return map_area(arg, MAP_POPULATE);
}

static void map_and_check(const struct bench_area *area)
{
	void *map = bench_map(area, 0);

	bench_check(area, map);
	bench_unmap(area, map);
}

static void compare_maps(const struct bench_row *row, const char *type, const char *mode,
			 size_t size, bool huge)
{
	bench_compare_areas(row, bench_buffer(type, mode, NULL, size), huge, map_and_check,
			    map_buffer, map_populated);
}

void bench_map_insert(const struct bench_row *row)
{
	compare_maps(row, "vmalloc", "insert", 64 * BENCH_MIB, false);
}

/* The largest block that kmalloc has. */
void bench_map_remap(const struct bench_row *row)
{
	compare_maps(row, "kmalloc", "remap", 4 * BENCH_MIB, false);
}

/* Large, as such buffers are: what mmap(2) costs by itself is not to be most of it. */
void bench_map_huge(const struct bench_row *row)
{
	compare_maps(row, "huge", "remap", 512 * BENCH_MIB, true);
}
