// SPDX-License-Identifier: GPL-2.0
/*
 * Mapping a whole buffer: mmap(2) and, for huge buffers, the first access to
 * each PMD entry.
 *
 * Copyright (C) The vmwalk authors
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench.h"

#define ANCHOR		BENCH_DIR "/vmwalk-anchor.ko"
#define ANCHOR_DEVICE	"/dev/vmwalk-anchor"

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
			 size_t size, bool huge)
{
	bench_compare_areas(row, bench_buffer(type, mode, NULL, size), huge, map_and_check,
			    map_buffer, map_populated);
}

static void unload_anchor(void)
{
	if (system("rmmod vmwalk_anchor"))
		bench_die("rmmod vmwalk_anchor failed");
}

/*
 * One more anchor: the kernel's function for mapping the same number of single
 * pages, called by a module that does nothing else.
 */
static size_t add_insert_anchor(struct bench_area *area, size_t size)
{
	if (access(ANCHOR, R_OK)) {
		bench_note("no anchor vm_insert_pages: no module " ANCHOR);
		return 0;
	}
	if (system("insmod " ANCHOR))
		bench_die("insmod " ANCHOR " failed");
	atexit(unload_anchor);
	*area = (struct bench_area) {
		.name = "vm_insert_pages", .fd = open(ANCHOR_DEVICE, O_RDWR | O_CLOEXEC),
		.size = size,
	};
	if (area->fd < 0)
		bench_die(ANCHOR_DEVICE ": %m");
	return 1;
}

static void compare_inserts(const struct bench_row *row, const char *type)
{
	const size_t size = 64 * BENCH_MIB;
	struct bench_area areas[] = {
		bench_buffer(type, "insert", NULL, size), bench_memfd(size), { .fd = -1 },
	};
	struct bench_side sides[] = {
		{ .name = areas[0].name, .run = map_buffer, .arg = &areas[0] },
		{ .name = areas[1].name, .run = map_populated, .arg = &areas[1] },
		{ .name = "vm_insert_pages", .run = map_buffer, .arg = &areas[2] },
	};
	size_t count = 2 + add_insert_anchor(&areas[2], size);

	map_and_check(&areas[0]);
	map_and_check(&areas[1]);
	bench_compare(row, sides, count);
	for (size_t i = 0; i < count; i++)
		bench_close(&areas[i]);
}

void bench_map_insert(const struct bench_row *row)
{
	compare_inserts(row, "vmalloc");
}

void bench_map_insert_pages(const struct bench_row *row)
{
	compare_inserts(row, "pages");
}

void bench_map_insert_huge(const struct bench_row *row)
{
	compare_maps(row, "huge", "insert", 64 * BENCH_MIB, true);
}

/* The same where the kernel uses no PMD entries. */
void bench_map_insert_nothp(const struct bench_row *row)
{
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
		bench_die("prctl(PR_SET_THP_DISABLE): %m");
	compare_maps(row, "huge", "insert", 64 * BENCH_MIB, false);
}

/* 4 MiB is the largest kmalloc allocation. */
void bench_map_remap(const struct bench_row *row)
{
	compare_maps(row, "kmalloc", "remap", 4 * BENCH_MIB, false);
}

/* A large buffer, so that the fixed cost of mmap(2) is a small part. */
void bench_map_huge(const struct bench_row *row)
{
	bench_compare_areas(row, bench_buffer("huge", "fault", NULL, 512 * BENCH_MIB), true,
			    map_and_check, map_touched, map_populated);
}
