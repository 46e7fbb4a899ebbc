// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of a device. Each CPU has its own set, so counting takes no lock and
 * shares no cache line.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/cpumask.h>
#include <linux/gfp.h>

#include "stats.h"

int vmwalk_stats_init(struct vmwalk_stats *stats)
{
	stats->now = alloc_percpu_gfp(struct vmwalk_counts, GFP_KERNEL_ACCOUNT);
	if (!stats->now)
		return -ENOMEM;

	spin_lock_init(&stats->reset_lock);
	return 0;
}

void vmwalk_stats_free(struct vmwalk_stats *stats)
{
	free_percpu(stats->now);
}

static u64 vmwalk_stats_sum(struct vmwalk_stats *stats, enum vmwalk_counter counter)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(stats->now, cpu)->n[counter]);

	return sum;
}

/**
 * vmwalk_stats_reset - reset all counters to 0
 * @stats: the counters
 *
 * Other CPUs may be counting, so the counters are not written. Their current
 * sums become the base that vmwalk_stats_read() subtracts.
 */
void vmwalk_stats_reset(struct vmwalk_stats *stats)
{
	int i;

	spin_lock(&stats->reset_lock);
	for (i = 0; i < VMWALK_COUNTERS; i++)
		stats->base.n[i] = vmwalk_stats_sum(stats, i);
	spin_unlock(&stats->reset_lock);
}

/**
 * vmwalk_stats_read - read a counter
 * @stats: the counters
 * @counter: the counter
 *
 * Return: the count since the last reset. Concurrent events may be missing.
 */
u64 vmwalk_stats_read(struct vmwalk_stats *stats, enum vmwalk_counter counter)
{
	u64 n;

	spin_lock(&stats->reset_lock);
	n = vmwalk_stats_sum(stats, counter) - stats->base.n[counter];
	spin_unlock(&stats->reset_lock);

	return n;
}
