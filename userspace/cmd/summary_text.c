// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk summary: one process, or all processes together, as text
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>

#include "summary.h"

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static bool in_bytes;

static void print_amount(const char *before, __u64 bytes)
{
	char *amount = in_bytes ? text("%llu", bytes) : amount_text(bytes);

	printf("%s%s", before, amount ? amount : "?");
	free(amount);
}

static void print_share(const char *before, __u64 part, __u64 whole)
{
	if (whole)
		printf("%s%.1f%%", before, (double)part * 100 / (double)whole);
}

static void print_kind(const char *before, const struct tally *tally, unsigned int kinds)
{
	print_amount(before, tally_bytes(tally, kinds, TALLY_ANY_SHIFT, TALLY_ANY_NODE));
}

/* Print the sizes of the page-table entries that map pages, largest first. */
static void print_entries(const struct tally *tally, unsigned int kinds)
{
	__u64 all = tally_bytes(tally, kinds, TALLY_ANY_SHIFT, TALLY_ANY_NODE), part, shifts;
	const char *separator = "";
	unsigned int shift;
	char *size;

	if (!all)
		printf("no entries");
	for (shifts = tally_shifts(tally, kinds); shifts; shifts &= ~(1ULL << shift)) {
		shift = 63 - __builtin_clzll(shifts);
		size = size_text(1ULL << shift);
		part = tally_bytes(tally, kinds, shift, TALLY_ANY_NODE);
		printf("%s%s entries ", separator, size ? size : "?");
		print_amount("", part);
		print_share(" (", part, all);
		printf(")");
		free(size);
		separator = ", ";
	}
}

static void print_nodes(const struct tally *tally, unsigned int kinds)
{
	int node, nodes = tally_nodes(tally);
	const char *separator = "";
	__u64 bytes;

	for (node = 0; node < nodes; node++) {
		bytes = tally_bytes(tally, kinds, TALLY_ANY_SHIFT, node);
		if (!bytes)
			continue;
		printf("%s%d: ", separator, node);
		print_amount("", bytes);
		separator = ", ";
	}
	if (!*separator)
		printf("none");
}

static void print_hugetlb(const struct tally *tally)
{
	const unsigned int kinds = 1U << TALLY_HUGETLB;

	if (!tally_bytes(tally, kinds, TALLY_ANY_SHIFT, TALLY_ANY_NODE))
		return;
	printf("  hugetlb      ");
	print_entries(tally, kinds);
	printf("; nodes ");
	print_nodes(tally, kinds);
	printf("\n");
}

static void print_windows(const struct tally *tally, const struct thp *thp, enum thp_size size)
{
	const __u64 *windows = tally->windows[size];
	char *name, label[32];

	if (!thp->sizes[size].shift)
		return;
	name = size_text(1ULL << thp->sizes[size].shift);
	snprintf(label, sizeof(label), "%s windows", name ? name : "?");
	free(name);
	printf("  %-12s ", label);
	if (size == THP_64K && tally->hidden) {
		printf("hidden: " LACKS("CAP_SYS_ADMIN") "\n");
		return;
	}
	if (!windows[TALLY_HUGE] && !windows[TALLY_SMALL] && !windows[TALLY_HOLES]) {
		printf("none: no mapping that may have such huge pages has memory\n");
		return;
	}
	print_amount("", windows[TALLY_HUGE] + windows[TALLY_SMALL] + windows[TALLY_HOLES]);
	print_amount(size == THP_PMD ? ": mapped by one entry " : ": contiguous ",
		     windows[TALLY_HUGE]);
	print_amount(", filled with small pages ", windows[TALLY_SMALL]);
	print_amount(", with holes ", windows[TALLY_HOLES]);
	printf("\n");
}

static void print_runs(const struct tally *tally)
{
	static const struct {
		const char *name;
		__u64 from, to;
	} classes[] = {
		{ "below 64K ", 0, 64 * KIB },
		{ ", 64K-2M ", 64 * KIB, 2 * MIB },
		{ ", 2M-1G ", 2 * MIB, GIB },
		{ ", from 1G ", GIB, 0 },
	};
	__u64 all = tally_runs(tally, 0, 0);
	size_t i;

	printf("  runs         ");
	if (tally->hidden)
		printf("hidden: " LACKS("CAP_SYS_ADMIN"));
	else if (!all)
		printf("none");
	for (i = 0; all && !tally->hidden && i < ARRAY_SIZE(classes); i++)
		print_share(classes[i].name, tally_runs(tally, classes[i].from, classes[i].to),
			    all);
	if (all && !tally->hidden)
		print_amount("; largest ", tally->largest_run);
	printf("\n");
}

void summary_print(const struct tally *tally, const struct thp *thp, bool bytes)
{
	in_bytes = bytes;
	print_kind("  resident     ", tally, TALLY_RESIDENT);
	print_kind(": anonymous ", tally, 1U << TALLY_ANONYMOUS);
	print_kind(", file ", tally, 1U << TALLY_FILE);
	print_kind(", shared memory ", tally, 1U << TALLY_SHMEM);
	print_kind("\n  not in RSS   hugetlb ", tally, 1U << TALLY_HUGETLB);
	print_kind(", zero pages ", tally, 1U << TALLY_ZERO);
	print_kind(", device memory ", tally, 1U << TALLY_SPECIAL);
	print_kind("\n  not present  swapped ", tally, 1U << TALLY_SWAP);
	print_kind(", migrating ", tally, 1U << TALLY_MIGRATION);
	printf("\n  mapped by    ");
	print_entries(tally, TALLY_RESIDENT);
	printf("\n  nodes        ");
	print_nodes(tally, TALLY_RESIDENT);
	printf("\n");
	print_hugetlb(tally);
	print_windows(tally, thp, THP_PMD);
	print_windows(tally, thp, THP_64K);
	print_runs(tally);
}
