// SPDX-License-Identifier: GPL-2.0
/*
 * A memory cgroup: see cgroup.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "harness.h"

void vw_need_cgroup(void)
{
	char text[256] = "";

	if (vw_file_read("/sys/fs/cgroup/cgroup.controllers", text, sizeof(text)) < 0 ||
	    !strstr(text, "memory"))
		vw_skip("no memory controller in cgroup2");
	vw_ok(vw_file_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
	/* A test that failed may have left its cgroup. */
	rmdir(VW_CGROUP);
}

void vw_join_cgroup(void)
{
	vw_check(!mkdir(VW_CGROUP, 0755));
	vw_check_rc(vw_file_write(VW_CGROUP "/cgroup.procs", "0"), 0);
}

void vw_limit_cgroup(size_t more)
{
	char text[32];

	assert_true(vw_file_read(VW_CGROUP "/memory.current", text, sizeof(text)) > 0);
	snprintf(text, sizeof(text), "%llu", strtoull(text, NULL, 10) + more);
	vw_ok(vw_file_write(VW_CGROUP "/memory.max", text));
}

void vw_remove_cgroup(void)
{
	assert_true(vw_eventually(!rmdir(VW_CGROUP)));
}
