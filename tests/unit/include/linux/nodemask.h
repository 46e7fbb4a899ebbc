/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NUMA nodes. No node has memory until a test sets N_MEMORY.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_UNIT_LINUX_NODEMASK_H
#define VMWALK_UNIT_LINUX_NODEMASK_H

#include <linux/types.h>

#define NUMA_NO_NODE	(-1)
#define MAX_NUMNODES	1024

struct nodemask {
	unsigned long bits[MAX_NUMNODES / 64];
};

enum node_states {
	N_MEMORY,
	NR_NODE_STATES,
};

extern struct nodemask node_states[NR_NODE_STATES];

bool node_state(int node, enum node_states state);
void node_set_state(int node, enum node_states state);

/* The two arguments of "%*pbl". */
#define nodemask_pr_args(mask)	nodemask_list(MAX_NUMNODES, (void *)(mask)->bits)
#define nodemask_list(...)	__VA_ARGS__

#endif /* VMWALK_UNIT_LINUX_NODEMASK_H */
