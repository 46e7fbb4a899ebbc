/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters of a device.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_STATS_H
#define VMWALK_STATS_H

#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/types.h>

enum vmwalk_counter {
	VMWALK_READ_FAULTS,
	VMWALK_WRITE_FAULTS,
	VMWALK_MKWRITE_FAULTS,
	VMWALK_HUGE_FAULTS,
	VMWALK_FAILED_FAULTS,
	VMWALK_WALKS,
	VMWALK_WALKED_PAGES,
	VMWALK_WALK_NS,
	VMWALK_EXTENTS,
	VMWALK_COUNTERS
};

struct vmwalk_counts {
	u64 n[VMWALK_COUNTERS];
};

struct vmwalk_stats {
	struct vmwalk_counts __percpu *now;
	spinlock_t reset_lock;		/* protects base */
	struct vmwalk_counts base;	/* the sums at the last reset */
};

int vmwalk_stats_init(struct vmwalk_stats *stats);
void vmwalk_stats_free(struct vmwalk_stats *stats);
void vmwalk_stats_reset(struct vmwalk_stats *stats);
u64 vmwalk_stats_read(struct vmwalk_stats *stats, enum vmwalk_counter counter);

static inline void vmwalk_stats_add(struct vmwalk_stats *stats, enum vmwalk_counter counter, u64 n)
{
	this_cpu_add(stats->now->n[counter], n);
}

/**
 * vmwalk_stats_count_walk - count a finished walk
 * @stats: the counters
 * @pages: number of pages reported
 *
 * Reading the clock takes longer than the walk of an address: only callers that
 * walk many addresses count VMWALK_WALK_NS.
 */
static inline void vmwalk_stats_count_walk(struct vmwalk_stats *stats, u64 pages)
{
	vmwalk_stats_add(stats, VMWALK_WALKS, 1);
	vmwalk_stats_add(stats, VMWALK_WALKED_PAGES, pages);
}

#endif /* VMWALK_STATS_H */
