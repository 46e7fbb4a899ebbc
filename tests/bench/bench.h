/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rows of the benchmark stand on: runs of two or more sides in turn, their medians as
 * lines, and memory to map, which is an instance's buffer or a memfd.
 *
 * Copyright (C) The vmwalk authors
 *
 * A row that can't go on ends its process, which is its own: with a sentence and a failure where
 * something is wrong, with a comment where this machine lacks what the row is about.
 */
#ifndef VMWALK_BENCH_H
#define VMWALK_BENCH_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#define BENCH_CONFIGFS	"/sys/kernel/config/vmwalk"
#define BENCH_ITEM	BENCH_CONFIGFS "/bench"
#define BENCH_FOLDER	"/usr/lib/vmwalk/bench"
#define BENCH_PAGE	4096UL
#define BENCH_MIB	(1024UL * 1024UL)
#define BENCH_COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* --- Rows ----------------------------------------------------------------------------------- */

struct bench_row {
	const char *name;
	const char *unit;	/* a figure is what one of these takes */
	void (*run)(const struct bench_row *row);
};

/* map.c */
void bench_map_insert(const struct bench_row *row);
void bench_map_remap(const struct bench_row *row);
void bench_map_huge(const struct bench_row *row);

/* touch.c */
void bench_touch_read(const struct bench_row *row);
void bench_touch_write(const struct bench_row *row);
void bench_touch_read_pfn(const struct bench_row *row);
void bench_touch_write_pfn(const struct bench_row *row);
void bench_touch_read_2m(const struct bench_row *row);
void bench_touch_read_pfn_2m(const struct bench_row *row);
void bench_touch_huge(const struct bench_row *row);
void bench_stats_overhead(const struct bench_row *row);

/* walk.c */
void bench_scan_dense(const struct bench_row *row);
void bench_scan_dense_copy(const struct bench_row *row);
void bench_scan_scattered(const struct bench_row *row);
void bench_scan_scattered_copy(const struct bench_row *row);
void bench_scan_alternate(const struct bench_row *row);
void bench_scan_alternate_copy(const struct bench_row *row);
void bench_scan_sparse(const struct bench_row *row);
void bench_scan_sparse_copy(const struct bench_row *row);
void bench_scan_mapped(const struct bench_row *row);
void bench_scan_reserved(const struct bench_row *row);
void bench_scan_vmas(const struct bench_row *row);
void bench_walk_one(const struct bench_row *row);
void bench_translate_random(const struct bench_row *row);
void bench_target_p99(const struct bench_row *row);

/* dirty.c */
void bench_dirty_kill(const struct bench_row *row);
void bench_dirty_store(const struct bench_row *row);

/* instance.c */
void bench_instance_make(const struct bench_row *row);
void bench_instance_remove(const struct bench_row *row);
void bench_instance_1000(const struct bench_row *row);

/* --- Sides ---------------------------------------------------------------------------------- */

/**
 * struct bench_side - one of the things that a row compares
 * @name: names it as an anchor
 * @run: does the work once; returns what one unit took, in the clock's nanoseconds
 * @arg: for @run
 * @slow: it takes so long that three runs must do
 * @median: of the runs; set by bench_measure()
 */
struct bench_side {
	const char *name;
	double (*run)(void *arg);
	void *arg;
	bool slow;
	double median;
};

/* Runs the sides in turn, several times, so that what else goes on meets all of them. */
void bench_measure(struct bench_side *sides, size_t count);
void bench_print(const struct bench_row *row, const struct bench_side *ours,
		 const struct bench_side *anchor);
/* Both, the first side being ours and each other one an anchor. */
void bench_compare(const struct bench_row *row, struct bench_side *sides, size_t count);

/* Nanoseconds; with --icount as many instructions. */
__u64 bench_now(void);

_Noreturn __printf(1, 2)
void bench_die(const char *fmt, ...);
_Noreturn __printf(1, 2)
void bench_skip(const char *fmt, ...);
/* A comment: what of the row is left out. */
__printf(1, 2)
void bench_note(const char *fmt, ...);

/* --- Memory to map: area.c ------------------------------------------------------------------ */

/**
 * struct bench_area - memory behind a descriptor, all of it allocated, each word of it different
 * @name: says what it is
 * @fd: the descriptor
 * @size: in bytes, whole pages
 */
struct bench_area {
	const char *name;
	int fd;
	size_t size;
};

/* Makes the one instance that a row may have at a time: BENCH_ITEM. */
struct bench_area bench_buffer(const char *type, const char *mode, const char *fault_around,
			       size_t size);
struct bench_area bench_memfd(size_t size);
/* One on huge pages; its descriptor is -1 where the machine has too few of them. */
struct bench_area bench_hugetlb(size_t size);
/* Maps all of it, shared, to be read and written. */
void *bench_map(const struct bench_area *area, int flags);
void bench_unmap(const struct bench_area *area, void *map);
/* Ends the row unless the mapping shows what reading the descriptor gives, and that is right. */
void bench_check(const struct bench_area *area, const void *map);
void bench_close(const struct bench_area *area);
/*
 * Compares an area with a memfd of its size and, with @huge, with one on huge pages: @check for
 * each first, then @run for ours beside @run_anchor for the others. Closes all of them.
 */
void bench_compare_areas(const struct bench_row *row, struct bench_area ours, bool huge,
			 void (*check)(const struct bench_area *area),
			 double (*run)(void *arg), double (*run_anchor)(void *arg));

/* --- Memory to walk: range.c ---------------------------------------------------------------- */

/**
 * struct bench_range - addresses, and who can tell what is mapped there
 * @start: the first, the same in every run
 * @end: the first beyond
 * @present: pages that are present between them
 * @units: of the row, that reading all of it takes
 * @device: descriptor of the instance; of the caller's own memory, unless BENCH_ITEM has a target
 * @pagemap: descriptor of /proc/PID/pagemap of whom the instance walks
 * @to_buffer: a scan leaves its extents in the instance's buffer; else they are copied
 * @extents: where they are then
 */
struct bench_range {
	__u64 start;
	__u64 end;
	__u64 present;
	double units;
	int device;
	int pagemap;
	bool to_buffer;
	struct vmwalk_extent *extents;
};

/*
 * Reserves addresses of the caller's own, of which no page is present and none will be huge, and
 * makes BENCH_ITEM to walk them.
 */
struct bench_range bench_reserve(size_t size, bool to_buffer);
/* Makes pages present, one every @step bytes of a part of it. */
void bench_populate(struct bench_range *range, size_t offset, size_t size, size_t step);
/* Makes all pages present, a power of two of them, so that no two neighbours' frames run on. */
void bench_scatter(struct bench_range *range);
void bench_release(const struct bench_range *range);

/* The frame of a page as pagemap tells it, 0 where none is present. */
__u64 bench_frame(const struct bench_range *range, __u64 addr);
/*
 * Ends the row unless a scan gives the pages that pagemap and PAGEMAP_SCAN give, with pagemap's
 * frames, and as many as were made present.
 */
void bench_check_range(const struct bench_range *range);

/* Whether the kernel has PAGEMAP_SCAN: 6.7 and later do. */
bool bench_has_pagemap_scan(const struct bench_range *range);
/* One call of VMWALK_IOC_SCAN: where to go on; sets how many extents came. */
__u64 bench_scan(const struct bench_range *range, __u64 from, size_t *count);
/* Sides that read the whole range, which is their argument. */
double bench_read_scan(void *range);
double bench_read_pagemap(void *range);
double bench_read_pagemap_scan(void *range);

/* Writes a text into a file as echo would. */
void bench_write(const char *path, const char *text);
/* Removes the items that were made here. */
void bench_remove_items(void);

#endif /* VMWALK_BENCH_H */
