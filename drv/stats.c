// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of a device: one set per CPU, so that counting takes no lock and shares no cache line.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/cpumask.h>
#include <linux/gfp.h>

#include "internal.h"

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
 * vmwalk_stats_reset - let every counter start from 0 again
 * @stats: the counters
 *
 * The counters themselves are left alone, since another CPU may be adding to them: what they stand
 * at now becomes the base that reading subtracts.
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
 * vmwalk_stats_read - what was counted since the last reset
 * @stats: the counters
 * @counter: which one
 *
 * Return: the count; events that go on meanwhile may or may not be in it.
 */
u64 vmwalk_stats_read(struct vmwalk_stats *stats, enum vmwalk_counter counter)
{
	u64 n;

	spin_lock(&stats->reset_lock);
	n = vmwalk_stats_sum(stats, counter) - stats->base.n[counter];
	spin_unlock(&stats->reset_lock);

	return n;
}
