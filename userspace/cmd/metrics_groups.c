// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk metrics: groups of processes
 *
 * Series with the value 0 are written, too: a series that disappears leaves gaps
 * in graphs and breaks alerting rules. Therefore write a series for each entry
 * size and node of the machine, and for others that a group has.
 *
 * Copyright (C) The vmwalk authors
 */
#include <dirent.h>
#include <stdlib.h>

#include "metrics.h"

#define MAX_NODES 1024

/* The series to write */
struct axes {
	__u64 shifts;  /* bits of entry sizes */
	__u64 hugetlb; /* bits of hugetlb page sizes */
	bool nodes[MAX_NODES];
};

typedef __u64 (*group_value)(const struct metrics_group *group);

/* Parse a list such as "0-1,3". Without the file, there is node 0. */
static void read_nodes(bool *nodes)
{
	FILE *file = system_open("/sys/devices/system/node/online");
	char list[4096] = "0", *at = list;
	unsigned long first, last;

	if (file) {
		if (!fgets(list, sizeof(list), file))
			list[0] = '\0';
		fclose(file);
	}
	while (*at >= '0' && *at <= '9') {
		first = strtoul(at, &at, 10);
		last = *at == '-' ? strtoul(at + 1, &at, 10) : first;
		for (; first <= last && first < MAX_NODES; first++)
			nodes[first] = true;
		if (*at == ',')
			at++;
	}
}

static __u64 hugetlb_shifts(void)
{
	char *path = system_path("/sys/kernel/mm/hugepages");
	DIR *dir = path ? opendir(path) : NULL;
	unsigned long long kib;
	struct dirent *entry;
	__u64 shifts = 0;

	free(path);
	while (dir && (entry = readdir(dir)))
		if (sscanf(entry->d_name, "hugepages-%llukB", &kib) == 1 && kib)
			shifts |= 1ULL << (10 + __builtin_ctzll(kib));
	if (dir)
		closedir(dir);
	return shifts;
}

static void read_axes(struct axes *axes, const struct metrics_groups *groups)
{
	/* A table of page-table entries is a page of entries of 8 bytes. */
	unsigned int page = __builtin_ctzll(groups->page_size), bits = page - 3;
	const struct tally *tally;
	size_t i;
	int node;

	*axes = (struct axes){ .shifts = 1ULL << page | 1ULL << (page + bits) |
				       1ULL << (page + 2 * bits),
			       .hugetlb = hugetlb_shifts() };
	read_nodes(axes->nodes);
	for (i = 0; i < groups->count; i++) {
		tally = &groups->vec[i].sum.tally;
		axes->shifts |= tally_shifts(tally, TALLY_RESIDENT);
		axes->hugetlb |= tally_shifts(tally, 1U << TALLY_HUGETLB);
		for (node = 0; node < tally_nodes(tally) && node < MAX_NODES; node++)
			if (tally_bytes(tally, TALLY_FRAMES, TALLY_ANY_SHIFT, node))
				axes->nodes[node] = true;
	}
}

/* Write a series of a group for each entry size and node. */
static void write_parts(struct prometheus *prometheus, const struct metrics_group *group,
			enum tally_kind kind, __u64 shifts, const bool *nodes)
{
	char size[24], number[16];
	unsigned int shift;
	int node;

	for (; shifts; shifts &= shifts - 1) {
		shift = __builtin_ctzll(shifts);
		snprintf(size, sizeof(size), "%llu", 1ULL << shift);
		for (node = 0; node < MAX_NODES; node++) {
			if (!nodes[node])
				continue;
			snprintf(number, sizeof(number), "%d", node);
			prometheus_sample(prometheus,
					  tally_bytes(&group->sum.tally, 1U << kind, shift, node),
					  kind == TALLY_HUGETLB
						  ? LABELS("group", group->name, "page_bytes", size,
							   "node", number)
						  : LABELS("group", group->name, "backing",
							   tally_kind_names[kind], "entry_bytes",
							   size, "node", number));
		}
	}
}

static void write_memory(struct prometheus *prometheus, const struct metrics_groups *groups)
{
	static const enum tally_kind backings[] = { TALLY_ANONYMOUS, TALLY_FILE, TALLY_SHMEM };
	struct axes axes;
	size_t i, kind;

	read_axes(&axes, groups);
	prometheus_metric(prometheus, "vmwalk_group_mapped_bytes", METRIC_GAUGE,
			  "Resident memory of a group, each frame once; groups may share frames.");
	for (i = 0; i < groups->count; i++)
		for (kind = 0; kind < ARRAY_SIZE(backings); kind++)
			write_parts(prometheus, &groups->vec[i], backings[kind], axes.shifts,
				    axes.nodes);
	prometheus_metric(prometheus, "vmwalk_group_hugetlb_bytes", METRIC_GAUGE,
			  "Hugetlb pages of a group, each frame once; not in mapped_bytes.");
	for (i = 0; i < groups->count; i++)
		write_parts(prometheus, &groups->vec[i], TALLY_HUGETLB, axes.hugetlb, axes.nodes);
}

static __u64 kind_bytes(const struct metrics_group *group, enum tally_kind kind)
{
	return tally_bytes(&group->sum.tally, 1U << kind, TALLY_ANY_SHIFT, TALLY_ANY_NODE);
}

static __u64 zero_bytes(const struct metrics_group *group)
{
	return kind_bytes(group, TALLY_ZERO);
}

static __u64 special_bytes(const struct metrics_group *group)
{
	return kind_bytes(group, TALLY_SPECIAL);
}

static __u64 swap_bytes(const struct metrics_group *group)
{
	return kind_bytes(group, TALLY_SWAP);
}

static __u64 thp_mapped_bytes(const struct metrics_group *group)
{
	return group->sum.tally.windows[THP_PMD][TALLY_HUGE];
}

static __u64 thp_eligible_bytes(const struct metrics_group *group)
{
	const __u64 *windows = group->sum.tally.windows[THP_PMD];

	return windows[TALLY_HUGE] + windows[TALLY_SMALL] + windows[TALLY_HOLES];
}

static __u64 largest_run_bytes(const struct metrics_group *group)
{
	return group->sum.tally.largest_run;
}

static __u64 nr_processes(const struct metrics_group *group)
{
	return group->processes;
}

static __u64 nr_skipped(const struct metrics_group *group)
{
	return group->skipped;
}

static __u64 is_complete(const struct metrics_group *group)
{
	return !group->skipped;
}

static const struct {
	const char *name;
	const char *help;
	group_value value;
} group_gauges[] = {
	{ "vmwalk_group_zero_mapped_bytes",
	  "Mappings of the zero pages, which take no memory, summed over processes.", zero_bytes },
	{ "vmwalk_group_special_mapped_bytes",
	  "Mappings of memory of drivers and devices, summed over processes.", special_bytes },
	{ "vmwalk_group_swap_bytes",
	  "Pages swapped out, summed over processes; without shared memory.", swap_bytes },
	{ "vmwalk_group_thp_eligible_bytes",
	  "Windows with pages that transparent huge pages may cover.", thp_eligible_bytes },
	{ "vmwalk_group_thp_mapped_bytes",
	  "The part of thp_eligible_bytes that is mapped by PMD entries.", thp_mapped_bytes },
	{ "vmwalk_group_largest_run_bytes",
	  "Longest run of contiguous frames at contiguous addresses.", largest_run_bytes },
	{ "vmwalk_group_processes", "Processes that were scanned.", nr_processes },
	{ "vmwalk_scan_skipped_processes", "Processes that exited, or may not be scanned.",
	  nr_skipped },
	{ "vmwalk_scan_complete", "1 if no process of the group was skipped.", is_complete },
};

void metrics_groups(struct prometheus *prometheus, const struct metrics_groups *groups)
{
	static const char *const no_labels[] = { NULL };
	const struct metrics_group *group;
	size_t i, gauge;

	if (!groups->count)
		return;
	write_memory(prometheus, groups);
	for (gauge = 0; gauge < ARRAY_SIZE(group_gauges); gauge++) {
		prometheus_metric(prometheus, group_gauges[gauge].name, METRIC_GAUGE,
				  group_gauges[gauge].help);
		for (group = groups->vec; group < groups->vec + groups->count; group++)
			prometheus_sample(prometheus, group_gauges[gauge].value(group),
					  LABELS("group", group->name));
	}
	prometheus_metric(prometheus, "vmwalk_scan_duration_seconds", METRIC_GAUGE,
			  "Time that the last scan of the group took.");
	for (i = 0; i < groups->count; i++)
		prometheus_seconds(prometheus, groups->vec[i].ns,
				   LABELS("group", groups->vec[i].name));
	prometheus_metric(prometheus, "vmwalk_mapped_distinct_bytes", METRIC_GAUGE,
			  "Resident memory and hugetlb pages of all groups, each frame once.");
	prometheus_sample(prometheus, groups->distinct, no_labels);
}
