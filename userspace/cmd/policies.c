// SPDX-License-Identifier: GPL-2.0
/*
 * Reader of /proc/PID/numa_maps, one line at a time: ADDRESS POLICY [FIELD]...
 *
 * For each line, the kernel walks the page tables of the mapping.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>
#include <string.h>

#include "policies.h"

struct policies {
	FILE *file;
	char *line;
	size_t size;
	__u64 start;
	char *policy; /* NULL before the first line */
};

struct policies *policies_open(pid_t pid)
{
	struct policies *policies = calloc(1, sizeof(*policies));

	if (policies)
		policies->file = system_open("/proc/%d/numa_maps", pid);
	if (policies && !policies->file) {
		free(policies);
		return NULL;
	}
	return policies;
}

void policies_close(struct policies *policies)
{
	if (!policies)
		return;
	fclose(policies->file);
	free(policies->line);
	free(policies);
}

static bool next_line(struct policies *policies)
{
	char *end;

	if (getline(&policies->line, &policies->size, policies->file) <= 0)
		return false;
	policies->start = strtoull(policies->line, &end, 16);
	policies->policy = end + strspn(end, " ");
	policies->policy[strcspn(policies->policy, "\n ")] = '\0';
	return true;
}

const char *policies_find(struct policies *policies, __u64 addr)
{
	while (policies && (!policies->policy || policies->start < addr))
		if (!next_line(policies))
			return NULL;
	return policies && policies->start == addr ? policies->policy : NULL;
}
