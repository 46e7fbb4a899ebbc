/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interfaces shared by the rows of the benchmark: measure two or more sides in
 * turn, print their medians, and set up memory to map and to walk.
 *
 * Copyright (C) The vmwalk authors
 *
 * Each row of the benchmark runs in its own process. bench_die() ends the
 * process with an error. bench_skip() ends it with a comment, if this machine
 * can't run the row.
 */
#ifndef VMWALK_BENCH_H
#define VMWALK_BENCH_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#define BENCH_CONFIGFS	"/sys/kernel/config/vmwalk"
#define BENCH_NULL_BLK	"/sys/kernel/config/nullb"
#define BENCH_INSTANCE	BENCH_CONFIGFS "/bench"
#define BENCH_DIR	"/usr/lib/vmwalk/bench"
#define BENCH_PAGE	bench_page_size
#define BENCH_PMD	bench_pmd_size
#define BENCH_MIB	(1024UL * 1024UL)
#define BENCH_COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* Bytes in a page, and bytes that a PMD entry maps; set by main(). */
extern size_t bench_page_size;
extern size_t bench_pmd_size;

/* --- Rows ------------------------------------------------------------- */

struct bench_row {
	const char *name;
	const char *unit;	/* figures are the cost of one unit */
	void (*run)(const struct bench_row *row);
};

/* map.c */
void bench_map_insert(const struct bench_row *row);
void bench_map_insert_pages(const struct bench_row *row);
void bench_map_insert_huge(const struct bench_row *row);
void bench_map_insert_nothp(const struct bench_row *row);
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
void bench_scan_pagemap_dense(const struct bench_row *row);
void bench_scan_pagemap_dense_copy(const struct bench_row *row);
void bench_scan_pagemap_scattered(const struct bench_row *row);
void bench_scan_pagemap_scattered_copy(const struct bench_row *row);
void bench_scan_frames(const struct bench_row *row);
void bench_scan_mapped(const struct bench_row *row);
void bench_scan_reserved(const struct bench_row *row);
void bench_scan_vmas(const struct bench_row *row);
void bench_walk_one(const struct bench_row *row);
void bench_walk_levels(const struct bench_row *row);
void bench_translate_1(const struct bench_row *row);
void bench_translate_16(const struct bench_row *row);
void bench_translate_random(const struct bench_row *row);
void bench_target_p99(const struct bench_row *row);

/* scale.c */
void bench_scan_processes(const struct bench_row *row);
void bench_scan_same(const struct bench_row *row);
void bench_scan_different(const struct bench_row *row);

/* hold.c */
void bench_scan_hold(const struct bench_row *row);

/* dirty.c */
void bench_dirty_kill(const struct bench_row *row);
void bench_dirty_store(const struct bench_row *row);

/* instance.c */
void bench_instance_make(const struct bench_row *row);
void bench_instance_remove(const struct bench_row *row);
void bench_instance_1000(const struct bench_row *row);

/* e2e.c */
void bench_e2e_scan(const struct bench_row *row);
void bench_e2e_summary(const struct bench_row *row);
void bench_e2e_find(const struct bench_row *row);
void bench_e2e_diff(const struct bench_row *row);

/* --- Sides ------------------------------------------------------------ */

/**
 * struct bench_side - one of the operations that a benchmark row compares
 * @name: name in the output if this is an anchor
 * @run: runs the operation once; returns the cost of one unit in nanoseconds
 * @arg: argument of @run
 * @slow: run only three times, because each run takes long
 * @median: median of the runs, set by bench_measure()
 */
struct bench_side {
	const char *name;
	double (*run)(void *arg);
	void *arg;
	bool slow;
	double median;
};

/*
 * Measures all sides in turn, several times, so that other activity affects all
 * sides equally.
 */
void bench_measure(struct bench_side *sides, size_t count);
void bench_print(const struct bench_row *row, const struct bench_side *ours,
		 const struct bench_side *anchor);
/* Measures the sides and prints the first one against each of the others. */
void bench_compare(const struct bench_row *row, struct bench_side *sides, size_t count);

/* The time in nanoseconds; the number of instructions in a VM with --icount. */
__u64 bench_now(void);
/* The same, without the time for which the calling thread does not run. */
__u64 bench_cpu_now(void);

_Noreturn __printf(1, 2)
void bench_die(const char *fmt, ...);
_Noreturn __printf(1, 2)
void bench_skip(const char *fmt, ...);
/* Prints a comment, for example why a part of the row is skipped. */
__printf(1, 2)
void bench_note(const char *fmt, ...);

/* --- Memory to map: area.c -------------------------------------------- */

/**
 * struct bench_area - allocated memory to map; no two words are equal
 * @name: kind of memory, for messages
 * @fd: file descriptor to map
 * @size: size in bytes, a multiple of the page size
 */
struct bench_area {
	const char *name;
	int fd;
	size_t size;
};

/* Creates BENCH_INSTANCE. A row can have one instance at a time. */
struct bench_area bench_buffer(const char *type, const char *mode, const char *fault_around,
			       size_t size);
struct bench_area bench_memfd(size_t size);
/* A memfd of huge pages; fd is -1 if there is not enough memory. */
struct bench_area bench_hugetlb(size_t size);
/* Maps the whole area, shared, for reading and writing. */
void *bench_map(const struct bench_area *area, int flags);
void bench_unmap(const struct bench_area *area, void *map);
/* Dies unless the mapping and read(2) both return the data written. */
void bench_check(const struct bench_area *area, const void *map);
void bench_close(const struct bench_area *area);
/*
 * Compares an area with a memfd of the same size and, with @huge, with a memfd
 * of huge pages. Calls @check for each area, then measures @run for @ours and
 * @run_anchor for the memfds. Closes all areas.
 */
void bench_compare_areas(const struct bench_row *row, struct bench_area ours, bool huge,
			 void (*check)(const struct bench_area *area),
			 double (*run)(void *arg), double (*run_anchor)(void *arg));

/* --- Memory to walk: range.c ------------------------------------------ */

/**
 * struct bench_range - an address range, and the files that read its page
 * tables
 * @start: first address, the same in every run
 * @end: end address (exclusive)
 * @present: number of present pages in the range
 * @units: number of the row's units in the range
 * @device: open file of the device; walks the caller, unless BENCH_INSTANCE has
 *          a target
 * @pagemap: open /proc/PID/pagemap of the walked process
 * @to_buffer: scans write extents to the device's buffer, not to @extents
 * @extents: array of extents: a mapping of the buffer, or user memory
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
 * The allocator first returns the frames between those in use, so those of the
 * first rows would not be consecutive. How many there are depends on the boot.
 * The pages stay allocated, but are not mapped in the processes of the rows.
 */
void bench_use_up_fragments(void);

/*
 * Maps a range of the caller without present pages, which never has huge pages,
 * and creates BENCH_INSTANCE to walk it.
 */
struct bench_range bench_reserve(size_t size, bool to_buffer);
/* Faults in one page every @step bytes of a part of the range. */
void bench_populate(struct bench_range *range, size_t offset, size_t size, size_t step);
/*
 * Faults in all pages, such that no two adjacent pages have consecutive frames.
 * The number of pages must be a power of two.
 */
void bench_scatter(struct bench_range *range);
/*
 * Maps 64 MiB of memory over the whole range, repeatedly: large page tables, but
 * little memory.
 */
void bench_repeat(struct bench_range *range);
void bench_release(const struct bench_range *range);

/* Returns the PFN of a page according to pagemap, 0 if it is not present. */
__u64 bench_frame(const struct bench_range *range, __u64 addr);
/*
 * Dies unless a scan returns the pages that pagemap and PAGEMAP_SCAN return,
 * with the PFNs of pagemap, and @present pages in total.
 */
void bench_check_range(const struct bench_range *range);
/* The same for the entries that VMWALK_SCAN_PAGEMAP returns, but bit 56. */
void bench_check_pagemap(const struct bench_range *range);

/* Returns whether the kernel has PAGEMAP_SCAN (Linux 6.7 and later). */
bool bench_has_pagemap_scan(const struct bench_range *range);
/* Calls VMWALK_IOC_SCAN once. Sets @count; returns where to continue. */
__u64 bench_scan(const struct bench_range *range, __u64 from, size_t *count);
/* For bench_side.run: read the whole range, which is the argument. */
double bench_read_scan(void *range);
double bench_read_scan_pagemap(void *range);
double bench_read_pagemap(void *range);
double bench_read_pagemap_scan(void *range);

/* Writes a string to a file with one write(2). */
void bench_write(const char *path, const char *text);
/* Removes all configfs directories that this program created. */
void bench_remove_instances(void);

#endif /* VMWALK_BENCH_H */
