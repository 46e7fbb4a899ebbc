/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NUMA policies of mappings, from /proc/PID/numa_maps
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_POLICIES_H
#define _VMWALK_POLICIES_H

#include "command.h"

struct policies;

/* Returns NULL if the file is not readable, as on kernels without NUMA. */
struct policies *policies_open(pid_t pid);
void policies_close(struct policies *policies);

/*
 * Get the policy of the mapping that starts at @addr, or NULL. It is valid until
 * the next call. Each call must pass a higher address.
 */
const char *policies_find(struct policies *policies, __u64 addr);

#endif /* _VMWALK_POLICIES_H */
