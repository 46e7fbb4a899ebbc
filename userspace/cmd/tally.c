// SPDX-License-Identifier: GPL-2.0
/*
 * Accounting of a process's pages
 *
 * A scan returns extents. Each one is split at the borders of mappings, and its
 * pages are added to the tally of the mapping. The tallies of the mappings are
 * added to that of the process.
 *
 * A group counts pages whose frames it does not have yet. A window belongs to
 * the group if its first frame was new.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tally.h"

/* A window that is being read */
struct window {
	__u64 start, pages;
	__u64 pfn;  /* that the first page of the window has, if block is set */
	bool block; /* the frames up to now are contiguous and aligned */
	bool fresh; /* the first frame up to now was new to the group */
};

/* Contiguous frames that are being read */
struct run {
	__u64 end, next_pfn;
	__u64 pages, fresh;
};

struct state {
	const struct tally_walk *walk;
	struct maps *maps;
	struct vmwalk_vma vma; /* the current mapping; empty before the first one */
	bool eligible[THP_SIZES];
	struct tally tally; /* of the mapping */
	struct window windows[THP_SIZES];
	struct run run;
	__u64 page_size;
};

const char *const tally_kind_names[TALLY_KINDS] = {
	[TALLY_ANONYMOUS] = "anonymous", [TALLY_FILE] = "file",
	[TALLY_SHMEM] = "shmem",         [TALLY_HUGETLB] = "hugetlb",
	[TALLY_ZERO] = "zero",           [TALLY_SPECIAL] = "special",
	[TALLY_SWAP] = "swap",           [TALLY_MIGRATION] = "migration",
};

/* Sums */

static int add_part(struct tally *tally, enum tally_kind kind, unsigned int shift, int node,
		    __u64 bytes)
{
	struct tally_part *parts;
	size_t i;

	if (!bytes)
		return 0;
	for (i = 0; i < tally->nr_parts; i++)
		if (tally->parts[i].kind == kind && tally->parts[i].shift == shift &&
		    tally->parts[i].node == node)
			break;
	if (i == tally->nr_parts) {
		/* There are few: the size doubles whenever it is a power of two. */
		if (!(i & (i - 1))) {
			parts = realloc(tally->parts, (i ? 2 * i : 1) * sizeof(*parts));
			if (!parts)
				return -1;
			tally->parts = parts;
		}
		tally->parts[i] = (struct tally_part){ kind, shift, node, 0 };
		tally->nr_parts++;
	}
	tally->parts[i].bytes += bytes;
	return 0;
}

int tally_add(struct tally *tally, const struct tally *other)
{
	size_t i, window;

	for (i = 0; i < other->nr_parts; i++)
		if (add_part(tally, other->parts[i].kind, other->parts[i].shift,
			     other->parts[i].node, other->parts[i].bytes))
			return -1;
	for (i = 0; i < THP_SIZES; i++)
		for (window = 0; window < TALLY_WINDOWS; window++)
			tally->windows[i][window] += other->windows[i][window];
	for (i = 0; i < ARRAY_SIZE(tally->runs); i++)
		tally->runs[i] += other->runs[i];
	if (other->largest_run > tally->largest_run)
		tally->largest_run = other->largest_run;
	tally->hidden |= other->hidden;
	return 0;
}

__u64 tally_bytes(const struct tally *tally, unsigned int kinds, unsigned int shift, int node)
{
	const struct tally_part *part;
	__u64 bytes = 0;
	size_t i;

	for (i = 0; i < tally->nr_parts; i++) {
		part = &tally->parts[i];
		if (kinds >> part->kind & 1 && (!shift || part->shift == shift) &&
		    (node == TALLY_ANY_NODE || part->node == node))
			bytes += part->bytes;
	}
	return bytes;
}

__u64 tally_runs(const struct tally *tally, __u64 from, __u64 to)
{
	__u64 bytes = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tally->runs); i++)
		if (1ULL << i >= from && (!to || 1ULL << i < to))
			bytes += tally->runs[i];
	return bytes;
}

__u64 tally_shifts(const struct tally *tally, unsigned int kinds)
{
	__u64 shifts = 0;
	size_t i;

	for (i = 0; i < tally->nr_parts; i++)
		if (kinds >> tally->parts[i].kind & 1)
			shifts |= 1ULL << tally->parts[i].shift;
	return shifts;
}

int tally_nodes(const struct tally *tally)
{
	int nodes = 0;
	size_t i;

	for (i = 0; i < tally->nr_parts; i++)
		if (tally->parts[i].node >= nodes)
			nodes = tally->parts[i].node + 1;
	return nodes;
}

void tally_free(struct tally *tally)
{
	free(tally->parts);
	*tally = (struct tally){};
}

void tally_group_free(struct tally_group *group)
{
	tally_free(&group->tally);
	frames_free(&group->frames);
}

/* Runs of contiguous frames */

static void add_run(struct tally *tally, __u64 length, __u64 bytes)
{
	if (!bytes)
		return;
	tally->runs[63 - __builtin_clzll(length)] += bytes;
	if (length > tally->largest_run)
		tally->largest_run = length;
}

static void end_run(struct state *state)
{
	struct run *run = &state->run;
	__u64 length = run->pages * state->page_size;

	if (!run->pages)
		return;
	add_run(&state->tally, length, length);
	if (state->walk->group)
		add_run(&state->walk->group->tally, length, run->fresh * state->page_size);
	*run = (struct run){};
}

static void extend_run(struct state *state, const struct tally_piece *piece)
{
	struct run *run = &state->run;

	if (!piece->pfn)
		return end_run(state);
	if (piece->start != run->end || piece->pfn != run->next_pfn)
		end_run(state);
	run->end = piece->end;
	run->next_pfn = piece->pfn + piece->pages;
	run->pages += piece->pages;
	run->fresh += piece->fresh;
}

/* Windows */

static void add_windows(struct state *state, enum thp_size size, enum tally_window class,
			__u64 count, __u64 fresh)
{
	unsigned int shift = state->walk->thp->sizes[size].shift;

	state->tally.windows[size][class] += count << shift;
	if (state->walk->group)
		state->walk->group->tally.windows[size][class] += fresh << shift;
}

static void end_window(struct state *state, enum thp_size size)
{
	__u64 bytes = 1ULL << state->walk->thp->sizes[size].shift;
	struct window *window = &state->windows[size];
	enum tally_window class = TALLY_SMALL;

	if (!window->pages)
		return;
	if (window->pages * state->page_size < bytes)
		class = TALLY_HOLES;
	else if (size == THP_64K && window->block)
		class = TALLY_HUGE;
	add_windows(state, size, class, 1, window->fresh);
	*window = (struct window){};
}

static __u64 pfn_at(const struct state *state, const struct tally_piece *piece, __u64 addr)
{
	return piece->pfn ? piece->pfn + (addr - piece->start) / state->page_size : 0;
}

static bool is_fresh(const struct state *state, const struct tally_piece *piece, __u64 pfn)
{
	if (!piece->fresh || piece->fresh == piece->pages)
		return piece->fresh;
	return !frames_have(&state->walk->group->frames, pfn);
}

/* Add windows that the piece fills. */
static void add_whole(struct state *state, enum thp_size size, const struct tally_piece *piece,
		      __u64 start, __u64 count)
{
	unsigned int shift = state->walk->thp->sizes[size].shift;
	__u64 i, fresh = 0, pages = (1ULL << shift) / state->page_size;
	__u64 pfn = pfn_at(state, piece, start);
	bool huge = size == THP_PMD ? piece->shift >= shift : pfn % pages == 0;

	if (piece->fresh == piece->pages)
		fresh = count;
	else if (piece->fresh)
		for (i = 0; i < count; i++)
			fresh += is_fresh(state, piece, pfn + i * pages);
	add_windows(state, size, huge ? TALLY_HUGE : TALLY_SMALL, count, fresh);
}

/* Add pages of the piece to the window at @base, of which they are a part. */
static void add_to_window(struct state *state, enum thp_size size, const struct tally_piece *piece,
			  __u64 base, __u64 start, __u64 end)
{
	__u64 pages = (1ULL << state->walk->thp->sizes[size].shift) / state->page_size;
	__u64 pfn = pfn_at(state, piece, start);
	__u64 first = pfn - (start - base) / state->page_size;
	struct window *window = &state->windows[size];

	if (window->start != base)
		end_window(state, size);
	if (!window->pages)
		*window = (struct window){ .start = base,
					   .pfn = first,
					   .block = first % pages == 0,
					   .fresh = is_fresh(state, piece, pfn) };
	window->block &= window->pfn == first;
	window->pages += (end - start) / state->page_size;
}

static void account_windows(struct state *state, enum thp_size size,
			    const struct tally_piece *piece)
{
	unsigned int shift = state->walk->thp->sizes[size].shift;
	__u64 bytes = 1ULL << shift, at, base, next, count;

	for (at = piece->start; at < piece->end; at = next) {
		base = at & ~(bytes - 1);
		count = at == base ? (piece->end - at) >> shift : 0;
		if (count) {
			add_whole(state, size, piece, at, count);
			next = at + (count << shift);
			continue;
		}
		next = base + bytes < piece->end ? base + bytes : piece->end;
		if (base >= state->vma.start && base + bytes <= state->vma.end)
			add_to_window(state, size, piece, base, at, next);
	}
}

/* Mappings */

static int end_mapping(struct state *state)
{
	const struct tally_walk *walk = state->walk;
	struct tally_mapping mapping = { .vma = &state->vma, .tally = &state->tally };
	int i, ret = 0;

	end_run(state);
	for (i = 0; i < THP_SIZES; i++)
		end_window(state, i);
	if (!state->tally.nr_parts)
		return 0;
	if (tally_add(walk->sum, &state->tally))
		return -1;
	if (walk->mapping) {
		mapping.mapping = maps_find(state->maps, state->vma.start);
		if (mapping.mapping && mapping.mapping->start > state->vma.start)
			mapping.mapping = NULL;
		ret = walk->mapping(&mapping, walk->data);
	}
	tally_free(&state->tally);
	return ret;
}

/* Make the mapping at an address, or the gap there, the current one. */
static int enter_mapping(struct state *state, __u64 addr)
{
	struct vmwalk_vma *vma = &state->vma;
	__u64 start = vma->start, end = vma->end;
	int i;

	if (end_mapping(state))
		return -1;
	*vma = (struct vmwalk_vma){ .addr = addr };
	if (vmwalk_file_vma(state->walk->target->file, vma)) {
		if (errno != ENOENT)
			return -1;
		vma->start = UINT64_MAX;
	}
	/* The mapping was unmapped after its pages were found. */
	if (vma->start > addr)
		*vma = (struct vmwalk_vma){ .start = addr, .end = vma->start };
	/* Another mapping has taken the place of the previous one: mappings never overlap. */
	if (vma->start < end && vma->start != start)
		vma->start = end;
	for (i = 0; i < THP_SIZES; i++)
		state->eligible[i] = vma->attrs && thp_eligible(state->walk->thp, i, vma);
	return 0;
}

/* Pages */

static int account_group(struct tally_group *group, const struct tally_piece *piece, bool frames,
			 __u64 page_size)
{
	__u64 fresh;

	/* Without PFNs, it is not known which frames are new. */
	if (frames && !piece->pfn) {
		group->tally.hidden = true;
		return 0;
	}
	if (frames && frames_add(&group->frames, piece->pfn, piece->pages, &fresh))
		return -1;
	return add_part(&group->tally, piece->kind, piece->shift, piece->node,
			piece->fresh * page_size);
}

static int account(struct state *state, struct tally_piece *piece)
{
	struct tally_group *group = state->walk->group;
	bool frames = TALLY_FRAMES >> piece->kind & 1;
	int i;

	piece->pages = (piece->end - piece->start) / state->page_size;
	piece->fresh = piece->pages;
	if (group && frames && piece->pfn)
		piece->fresh -= frames_count(&group->frames, piece->pfn, piece->pages);
	if (state->walk->piece && state->walk->piece(piece, &state->vma, state->walk->data))
		return -1;
	if (frames) {
		state->tally.hidden |= !piece->pfn;
		for (i = 0; i < THP_SIZES; i++)
			if (state->eligible[i] && piece->kind != TALLY_HUGETLB &&
			    (i == THP_PMD || piece->pfn))
				account_windows(state, i, piece);
		extend_run(state, piece);
	}
	if (group && account_group(group, piece, frames, state->page_size))
		return -1;
	return add_part(&state->tally, piece->kind, piece->shift, piece->node,
			piece->pages * state->page_size);
}

/* TALLY_KINDS: a marker, which is no page */
static enum tally_kind kind_of(__u32 flags, __u32 attrs)
{
	if (!(flags & VMWALK_PRESENT))
		return flags & VMWALK_SWAP         ? TALLY_SWAP
			: flags & VMWALK_MIGRATION ? TALLY_MIGRATION
						   : TALLY_KINDS;
	if (flags & VMWALK_ZERO)
		return TALLY_ZERO;
	if (flags & VMWALK_SPECIAL)
		return TALLY_SPECIAL;
	if (flags & VMWALK_HUGETLB)
		return TALLY_HUGETLB;
	if (!(flags & VMWALK_FILE))
		return TALLY_ANONYMOUS;
	return attrs & VMWALK_VMA_SHMEM ? TALLY_SHMEM : TALLY_FILE;
}

static int add_extent(const struct vmwalk_extent *extent, void *data)
{
	struct state *state = data;
	__u64 end = extent->start + extent->pages * state->page_size;
	struct tally_piece piece = {
		.flags = extent->flags,
		.shift = extent->page_shift,
		.node = extent->node,
	};

	for (piece.end = extent->start; piece.end < end;) {
		piece.start = piece.end;
		if (piece.start >= state->vma.end && enter_mapping(state, piece.start))
			return -1;
		piece.end = state->vma.end < end ? state->vma.end : end;
		piece.kind = kind_of(extent->flags, state->vma.attrs);
		piece.pfn = extent->pfn;
		if (piece.pfn)
			piece.pfn += (piece.start - extent->start) / state->page_size;
		if (piece.kind < TALLY_KINDS && account(state, &piece))
			return -1;
	}
	return 0;
}

int tally_walk(const struct tally_walk *walk)
{
	struct vmwalk_scan range = {
		.end = UINT64_MAX,
		.return_mask = VMWALK_PRESENT | VMWALK_SWAP | VMWALK_MIGRATION | VMWALK_FILE |
			VMWALK_ZERO | VMWALK_HUGETLB | VMWALK_SPECIAL | VMWALK_HUGE | walk->flags,
	};
	struct state state = { .walk = walk, .page_size = walk->target->info.page_size };
	int ret, saved;

	if (walk->mapping)
		state.maps = maps_open(walk->target->pid);
	ret = vmwalk_file_scan(walk->target->file, &range, add_extent, &state);
	if (!ret)
		ret = end_mapping(&state);
	saved = errno;
	maps_close(state.maps);
	tally_free(&state.tally);
	errno = saved;
	return ret;
}
