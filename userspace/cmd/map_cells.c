// SPDX-License-Identifier: GPL-2.0
/*
 * An address space, divided into cells
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>

#include "map_cells.h"

/* Memory for cells is allocated once for so many, since they are large. */
#define CHUNK 4096

void map_cells_init(struct map_cells *cells, __u64 page_size)
{
	*cells = (struct map_cells){
		.shift = __builtin_ctzll(page_size),
		.page_size = page_size,
	};
}

void map_cells_free(struct map_cells *cells)
{
	size_t i;

	for (i = 0; i < cells->count; i++)
		free(cells->vec[i].shares);
	free(cells->vec);
	*cells = (struct map_cells){};
}

__u64 map_cell_pages(const struct map_cell *cell, unsigned int kinds)
{
	__u64 pages = 0;
	size_t i;

	for (i = 0; i < cell->nr_shares; i++)
		if (kinds >> cell->shares[i].kind & 1)
			pages += cell->shares[i].pages;
	return pages;
}

/* What a cell has */

static int add_share(struct map_cell *cell, const struct map_share *share)
{
	struct map_share *shares = cell->shares;
	size_t i, count = cell->nr_shares;

	for (i = 0; i < count; i++)
		if (shares[i].kind == share->kind && shares[i].shift == share->shift &&
		    shares[i].node == share->node)
			break;
	if (i < count) {
		shares[i].pages += share->pages;
		return 0;
	}
	/* The size doubles whenever the count is a power of two. */
	if (!(count & (count - 1))) {
		shares = realloc(shares, (count ? 2 * count : 1) * sizeof(*shares));
		if (!shares)
			return -1;
		cell->shares = shares;
	}
	shares[cell->nr_shares++] = *share;
	return 0;
}

/* Lower the resolution of the links. Links to the same blocks become one. */
static void coarsen_links(struct map_cell *cell, unsigned int shift)
{
	unsigned int i, j, count = 0;

	for (i = 0; i < cell->nr_links; i++) {
		cell->links[i].block >>= shift - cell->link_shift;
		for (j = 0; j < count; j++)
			if (cell->links[j].block == cell->links[i].block)
				break;
		if (j < count)
			cell->links[j].pages += cell->links[i].pages;
		else
			cell->links[count++] = cell->links[i];
	}
	cell->nr_links = count;
	cell->link_shift = shift;
}

/* Add pages in a block of the finest resolution */
static void add_link(struct map_cell *cell, __u32 block, __u32 pages)
{
	unsigned int i;

	for (;;) {
		for (i = 0; i < cell->nr_links; i++)
			if (cell->links[i].block == block >> cell->link_shift)
				break;
		if (i < cell->nr_links) {
			cell->links[i].pages += pages;
			return;
		}
		if (i < MAP_LINKS)
			break;
		coarsen_links(cell, cell->link_shift + 1);
	}
	cell->links[cell->nr_links++] = (struct map_link){ block >> cell->link_shift, pages };
}

/* Note the frames of a cell that follow in the address space. */
static void add_frames(struct map_cell *cell, __u64 low, __u64 high, bool scattered)
{
	if (!high)
		return;
	if (!cell->high_pfn) {
		cell->low_pfn = low;
		cell->high_pfn = high;
		cell->scattered = scattered;
		return;
	}
	cell->scattered |= scattered || low != cell->high_pfn + 1;
	cell->low_pfn = low < cell->low_pfn ? low : cell->low_pfn;
	cell->high_pfn = high > cell->high_pfn ? high : cell->high_pfn;
}

/* Larger cells */

/* The limits of a cell: its block, but no more than its mapping */
static void set_limits(const struct map_cells *cells, struct map_cell *cell)
{
	__u64 start = cell->start >> cells->shift << cells->shift;
	__u64 end = start + (1ULL << cells->shift);

	cell->start = start > cell->mapping_start ? start : cell->mapping_start;
	/* The last block of the address space ends at 0. */
	cell->end = end && end < cell->mapping_end ? end : cell->mapping_end;
}

static bool same_cell(const struct map_cells *cells, const struct map_cell *cell, __u64 addr,
		      __u64 mapping_start)
{
	return cell->start >> cells->shift == addr >> cells->shift &&
		(cells->shared || cell->mapping_start == mapping_start);
}

/* Add a cell to the previous one. */
static int merge(struct map_cell *cell, struct map_cell *next)
{
	unsigned int i;

	for (i = 0; i < next->nr_shares; i++)
		if (add_share(cell, &next->shares[i]))
			return -1;
	if (cell->link_shift < next->link_shift)
		coarsen_links(cell, next->link_shift);
	for (i = 0; i < next->nr_links; i++)
		add_link(cell, next->links[i].block << next->link_shift, next->links[i].pages);
	add_frames(cell, next->low_pfn, next->high_pfn, next->scattered);
	cell->flags |= next->flags;
	cell->mapping_end = next->mapping_end;
	free(next->shares);
	next->shares = NULL;
	return 0;
}

/* Double the size of the blocks, or let mappings share cells. */
static int coarsen(struct map_cells *cells)
{
	struct map_cell *cell, *last = NULL;
	size_t i, count = 0;
	int ret = 0;

	if (cells->nr_mappings > MAP_MAX_MAPPINGS)
		cells->shared = true;
	cells->shift++;
	for (i = 0; i < cells->count; i++) {
		cell = &cells->vec[i];
		if (!ret && last && same_cell(cells, last, cell->start, cell->mapping_start)) {
			ret = merge(last, cell);
			if (!ret)
				continue;
		}
		if (&cells->vec[count] != cell) {
			cells->vec[count] = *cell;
			cell->shares = NULL;
		}
		last = &cells->vec[count++];
	}
	cells->count = count;
	for (i = 0; i < count; i++)
		set_limits(cells, &cells->vec[i]);
	return ret;
}

static size_t max_cells(size_t mappings)
{
	return MAP_MAX_CELLS + (mappings < MAP_MAX_MAPPINGS ? mappings : MAP_MAX_MAPPINGS);
}

/* Pages */

static struct map_cell *append_cell(struct map_cells *cells)
{
	struct map_cell *vec = cells->vec;

	if (cells->count % CHUNK == 0) {
		vec = realloc(vec, (cells->count + CHUNK) * sizeof(*vec));
		if (!vec)
			return NULL;
		cells->vec = vec;
	}
	return &vec[cells->count++];
}

/* The cell with an address of a mapping, which is the last or a new one */
static struct map_cell *cell_at(struct map_cells *cells, __u64 addr, const struct vmwalk_vma *vma)
{
	struct map_cell *last = cells->count ? &cells->vec[cells->count - 1] : NULL;

	if (last && addr < last->end)
		return last;
	if (!last || last->mapping_start != vma->start)
		cells->nr_mappings++;
	if (last && same_cell(cells, last, addr, vma->start)) {
		last->mapping_end = vma->end;
		set_limits(cells, last);
		return last;
	}
	last = append_cell(cells);
	if (!last)
		return NULL;
	*last = (struct map_cell){
		.start = addr,
		.mapping_start = vma->start,
		.mapping_end = vma->end,
	};
	set_limits(cells, last);
	return last;
}

static void add_memory(struct map_cell *cell, __u64 pfn, __u64 pages, enum map_class class,
		       struct map_memory *memory, const struct frames *frames)
{
	__u64 count;
	size_t block;

	add_frames(cell, pfn, pfn + pages - 1, false);
	for (; pages; pfn += count, pages -= count) {
		block = map_memory_find(memory, pfn, &count);
		if (count > pages)
			count = pages;
		add_link(cell, block, count);
		memory->blocks[block].used[class] += count - frames_count(frames, pfn, count);
	}
}

int map_cells_add(struct map_cells *cells, const struct tally_piece *piece,
		  const struct vmwalk_vma *vma, struct map_memory *memory,
		  const struct frames *frames)
{
	enum map_class class = map_class(piece->kind, piece->shift, cells->page_size);
	struct map_share share = { piece->kind, piece->shift, piece->node, 0 };
	struct map_cell *cell;
	__u64 at, end, pfn;

	while (cells->count + ((piece->end - 1) >> cells->shift) - (piece->start >> cells->shift) >=
	       max_cells(cells->nr_mappings))
		if (coarsen(cells))
			return -1;
	for (at = piece->start; at < piece->end; at = end) {
		cell = cell_at(cells, at, vma);
		if (!cell)
			return -1;
		end = cell->end < piece->end ? cell->end : piece->end;
		share.pages = (end - at) / cells->page_size;
		if (add_share(cell, &share))
			return -1;
		cell->flags |= piece->flags;
		pfn = piece->pfn + (at - piece->start) / cells->page_size;
		if (piece->pfn && TALLY_FRAMES >> piece->kind & 1)
			add_memory(cell, pfn, share.pages, class, memory, frames);
	}
	return 0;
}

/* Blocks without pages */

/* A new array of cells that is being made. Without @vec, cells are counted. */
struct output {
	const struct map_cells *cells;
	struct map_cell *vec;
	size_t count;
	__u64 end; /* of the last cell */
};

static void put_cell(struct output *output, const struct map_cell *cell)
{
	if (output->vec)
		output->vec[output->count] = *cell;
	output->count++;
	output->end = cell->end;
}

/* Cells for a part of a mapping that has no pages */
static void put_empty(struct output *output, const struct map_mapping *mapping, __u64 start,
		      __u64 end)
{
	unsigned int shift = output->cells->shift;
	struct map_cell cell = {
		.mapping_start = mapping->start,
		.mapping_end = mapping->end,
	};

	if (start >= end)
		return;
	if (((end - 1) >> shift) - (start >> shift) >= MAP_EMPTY_BLOCKS) {
		cell.start = start;
		cell.end = end;
		put_cell(output, &cell);
		return;
	}
	for (; start < end; start = cell.end) {
		cell.start = start;
		cell.end = end;
		if (((end - 1) >> shift) > (start >> shift))
			cell.end = ((start >> shift) + 1) << shift;
		put_cell(output, &cell);
	}
}

static void put_cells(struct output *output, const struct map_mappings *mappings)
{
	const struct map_cells *cells = output->cells;
	const struct map_mapping *mapping;
	const struct map_cell *cell = cells->vec, *end = cells->vec + cells->count;
	size_t i;
	__u64 at;

	for (i = 0; i < mappings->count; i++) {
		mapping = &mappings->vec[i];
		for (; cell < end && cell->start < mapping->end; cell++) {
			/* A cell can have begun in the previous mapping. */
			at = mapping->start > output->end ? mapping->start : output->end;
			put_empty(output, mapping, at, cell->start);
			put_cell(output, cell);
		}
		at = mapping->start > output->end ? mapping->start : output->end;
		put_empty(output, mapping, at, mapping->end);
	}
	for (; cell < end; cell++)
		put_cell(output, cell);
}

int map_cells_finish(struct map_cells *cells, const struct map_mappings *mappings)
{
	struct output output;
	size_t max;

	for (;;) {
		output = (struct output){ .cells = cells };
		put_cells(&output, mappings);
		max = max_cells(mappings->count > cells->nr_mappings ? mappings->count
								     : cells->nr_mappings);
		/* Enough for any process: an aligned half of the address space */
		if (output.count <= max || cells->shift == 62)
			break;
		if (coarsen(cells))
			return -1;
	}
	output = (struct output){ cells, malloc((output.count + 1) * sizeof(*cells->vec)) };
	if (!output.vec)
		return -1;
	put_cells(&output, mappings);
	free(cells->vec);
	cells->vec = output.vec;
	cells->count = output.count;
	return 0;
}
