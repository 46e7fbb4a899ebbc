/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Metrics of instances, and of groups of processes
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_METRICS_H
#define _VMWALK_METRICS_H

#include "processes.h"
#include "prometheus.h"
#include "tally.h"

/* A group of processes that the user has named */
struct metrics_group {
	char *name;
	struct process_filter filter;
	struct tally_group sum;
	size_t processes, skipped;
	__u64 ns; /* time of the walk */
};

struct metrics_groups {
	struct metrics_group *vec;
	size_t count;
	__u64 page_size;
	__u64 distinct; /* bytes of all groups together, each frame once */
};

/* Write the metrics of all live instances. Prints errors. */
int metrics_instances(struct prometheus *prometheus);

void metrics_groups(struct prometheus *prometheus, const struct metrics_groups *groups);

#endif /* _VMWALK_METRICS_H */
