// SPDX-License-Identifier: GPL-2.0
/*
 * Comparison of two scans: both are sorted by address, and read once
 *
 * Copyright (C) The vmwalk authors
 */
#include "compare.h"

/* Content of an address */
enum kind { NONE, PAGE, ZERO, SWAP, MOVING, KINDS };

static const char *const change_names[CHANGE_KINDS] = {
	[CHANGE_OTHER_FRAME] = "other_frame",
	[CHANGE_RESIZED] = "resized",
	[CHANGE_SWAPPED_OUT] = "swapped_out",
	[CHANGE_SWAPPED_IN] = "swapped_in",
	[CHANGE_NEW] = "new",
	[CHANGE_GONE] = "gone",
	[CHANGE_NEW_SWAPPED] = "new_swapped",
	[CHANGE_GONE_SWAPPED] = "gone_swapped",
	[CHANGE_NEW_ZERO] = "new_zero",
	[CHANGE_GONE_ZERO] = "gone_zero",
	[CHANGE_FROM_ZERO] = "from_zero",
	[CHANGE_TO_ZERO] = "to_zero",
	[CHANGE_MIGRATING] = "migrating",
	[CHANGE_HIDDEN] = "hidden",
	[CHANGE_SAME_ZERO] = "same_zero",
	[CHANGE_SAME_SWAPPED] = "same_swapped",
	[CHANGE_SAME] = "same",
};

/* Indexed by old and new content. For two pages, compare the frames instead. */
static const enum change changes[KINDS][KINDS] = {
	[NONE] = { [PAGE] = CHANGE_NEW,
		   [ZERO] = CHANGE_NEW_ZERO,
		   [SWAP] = CHANGE_NEW_SWAPPED,
		   [MOVING] = CHANGE_MIGRATING },
	[PAGE] = { [NONE] = CHANGE_GONE,
		   [ZERO] = CHANGE_TO_ZERO,
		   [SWAP] = CHANGE_SWAPPED_OUT,
		   [MOVING] = CHANGE_MIGRATING },
	[ZERO] = { [NONE] = CHANGE_GONE_ZERO,
		   [PAGE] = CHANGE_FROM_ZERO,
		   [ZERO] = CHANGE_SAME_ZERO,
		   [SWAP] = CHANGE_SWAPPED_OUT,
		   [MOVING] = CHANGE_MIGRATING },
	[SWAP] = { [NONE] = CHANGE_GONE_SWAPPED,
		   [PAGE] = CHANGE_SWAPPED_IN,
		   [ZERO] = CHANGE_SWAPPED_IN,
		   [SWAP] = CHANGE_SAME_SWAPPED,
		   [MOVING] = CHANGE_MIGRATING },
	[MOVING] = { [NONE] = CHANGE_MIGRATING,
		     [PAGE] = CHANGE_MIGRATING,
		     [ZERO] = CHANGE_MIGRATING,
		     [SWAP] = CHANGE_MIGRATING,
		     [MOVING] = CHANGE_MIGRATING },
};

const char *change_name(enum change change)
{
	return change_names[change];
}

static enum kind kind_of(const struct side *side)
{
	if (side->flags & VMWALK_MIGRATION)
		return MOVING;
	if (side->flags & VMWALK_SWAP)
		return SWAP;
	if (!(side->flags & VMWALK_PRESENT))
		return NONE;
	return side->flags & VMWALK_ZERO ? ZERO : PAGE;
}

static enum change change_of(const struct side *from, const struct side *to)
{
	enum kind old = kind_of(from), new = kind_of(to);

	if (old != PAGE || new != PAGE)
		return changes[old][new];
	if ((from->flags | to->flags) & VMWALK_HIDDEN)
		return CHANGE_HIDDEN;
	if (from->pfn != to->pfn)
		return CHANGE_OTHER_FRAME;
	return from->page_shift == to->page_shift ? CHANGE_SAME : CHANGE_RESIZED;
}

static struct side side_of(const struct vmwalk_extent *extent)
{
	return (struct side){ extent->pfn, extent->flags, extent->page_shift, extent->node };
}

/* Report pages, unless there are none: an entry may be a marker. */
static int report(struct compare *compare, __u64 start, __u64 pages, const struct side *from,
		  const struct side *to)
{
	struct difference difference = {
		.start = start,
		.pages = pages,
		.from = *from,
		.to = *to,
	};

	if (!pages || (kind_of(from) == NONE && kind_of(to) == NONE))
		return 0;
	difference.change = change_of(from, to);
	return compare->fn(&difference, compare->data);
}

/* Drop the first pages of an extent. */
static void cut(const struct compare *compare, struct vmwalk_extent *extent, __u64 pages)
{
	extent->start += pages * compare->page_size;
	extent->pages -= pages;
	/* PFN 0: not present, or hidden. All zero pages of an extent have one PFN. */
	if (extent->pfn && !(extent->flags & VMWALK_ZERO))
		extent->pfn += pages;
}

/* Read the next extent of the first scan, if the current one is used up. */
static int read_old(struct compare *compare)
{
	int ret;

	if (compare->old.pages || compare->ended)
		return 0;
	ret = compare->next(compare->from, &compare->old);
	if (ret <= 0)
		compare->old.pages = 0;
	compare->ended = ret == 0;
	return ret < 0 ? -1 : 0;
}

/* Report the pages before @end that only the first scan has. */
static int report_old(struct compare *compare, __u64 end)
{
	static const struct side none = { .node = -1 };
	__u64 pages, before;
	struct side from;
	int ret;

	for (;;) {
		ret = read_old(compare);
		if (ret || !compare->old.pages || compare->old.start >= end)
			return ret;
		pages = compare->old.pages;
		before = (end - compare->old.start) / compare->page_size;
		if (before < pages)
			pages = before;
		from = side_of(&compare->old);
		ret = report(compare, compare->old.start, pages, &from, &none);
		if (ret)
			return ret;
		cut(compare, &compare->old, pages);
	}
}

int compare_next(struct compare *compare, const struct vmwalk_extent *extent)
{
	static const struct side none = { .node = -1 };
	struct vmwalk_extent new = *extent;
	struct side from, to;
	__u64 pages;
	int ret = 0;

	while (!ret && new.pages) {
		ret = report_old(compare, new.start);
		if (ret)
			break;
		pages = new.pages;
		from = none;
		if (compare->old.pages && compare->old.start == new.start) {
			from = side_of(&compare->old);
			if (compare->old.pages < pages)
				pages = compare->old.pages;
			cut(compare, &compare->old, pages);
		} else if (compare->old.pages &&
			   (compare->old.start - new.start) / compare->page_size < pages) {
			pages = (compare->old.start - new.start) / compare->page_size;
		}
		to = side_of(&new);
		ret = report(compare, new.start, pages, &from, &to);
		cut(compare, &new, pages);
	}
	return ret;
}

int compare_rest(struct compare *compare)
{
	return report_old(compare, UINT64_MAX);
}
