/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A memory cgroup for a child.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_CGROUP_H
#define VMWALK_TESTS_CGROUP_H

#define VW_CGROUP	"/sys/fs/cgroup/vmwalk_test"

/* Skips the test if there is no memory controller. */
void vw_need_cgroup(void);
/* In the child: joins the cgroup. */
void vw_join_cgroup(void);
/* Sets the limit to the current usage plus @more bytes. */
void vw_limit_cgroup(size_t more);
void vw_remove_cgroup(void);

#endif /* VMWALK_TESTS_CGROUP_H */
