// SPDX-License-Identifier: GPL-2.0
/*
 * The layout of a picture: tiles, in rows
 *
 * A tile has the cells of an aligned range of addresses, the unit, as far as
 * they are in one mapping. Its width is in proportion to what is mapped, but a
 * tile is never too narrow to be seen. The script of the page does the same for
 * the rows that it enlarges.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>

#include "map.h"

#define MIN_WIDTH   4
#define EMPTY_WIDTH 12
#define GAP_WIDTH   3 /* between tiles, if addresses between them are not mapped */

/* Limit of the rows that begin because of a gap, and the smallest such gap */
#define MAX_BREAKS 8
#define MIN_BREAK  (1024ULL * 1024 * 1024)

/* Tiles that are being made. Without @layout.tiles, tiles are counted. */
struct state {
	struct map_layout layout;
	struct map_tile tile; /* the current one, if size is not 0 */
	__u64 mapping;        /* of the current tile */
};

/* Tiles */

static void end_tile(struct state *state)
{
	struct map_layout *layout = &state->layout;

	if (!state->tile.size)
		return;
	if (layout->tiles)
		layout->tiles[layout->count] = state->tile;
	layout->count++;
	state->tile.size = 0;
}

/* Add a range to the current tile, or begin a new one. */
static void add_to_tile(struct state *state, size_t i, __u64 start, __u64 end, __u64 size, bool new)
{
	struct map_tile *tile = &state->tile;

	if (new)
		end_tile(state);
	if (!tile->size)
		*tile = (struct map_tile){ .start = start, .first = i };
	tile->end = end;
	tile->size += size;
	tile->last = i;
}

static void add_cell(struct state *state, size_t i, const struct map_cell *cell)
{
	__u64 unit = state->layout.unit, start, end;
	struct map_tile *tile = &state->tile;
	bool new;

	if (!cell->nr_shares && (cell->end - cell->start) / unit >= MAP_EMPTY_BLOCKS) {
		add_to_tile(state, i, cell->start, cell->end, cell->end - cell->start, true);
		tile->empty = true;
		end_tile(state);
		return;
	}
	/* Only a cell without pages can be in several units. */
	for (start = cell->start; start < cell->end; start = end) {
		end = (start / unit + 1) * unit;
		if (!end || end > cell->end)
			end = cell->end;
		new = tile->start / unit != start / unit ||
			(!state->layout.shared && state->mapping != cell->mapping_start);
		add_to_tile(state, i, start, end, end - start, new);
		state->mapping = cell->mapping_start;
	}
}

static void add_cells(struct state *state, const struct map_cells *cells)
{
	size_t i;

	state->layout.count = 0;
	for (i = 0; i < cells->count; i++)
		add_cell(state, i, &cells->vec[i]);
	end_tile(state);
}

static void add_blocks(struct state *state, const struct map_memory *memory)
{
	const struct map_block *block;
	__u64 unit = state->layout.unit, size;
	size_t i;

	state->layout.count = 0;
	for (i = 0; i < memory->nr_blocks; i++) {
		block = &memory->blocks[i];
		size = map_memory_is_elsewhere(memory, i) ? map_block_used(block) : block->pages;
		if (!size)
			continue;
		add_to_tile(state, i, block->start, map_block_end(memory, i), size,
			    !i || block[-1].region != block->region ||
				    state->tile.start / unit != block->start / unit);
		state->tile.group = block->region;
	}
	end_tile(state);
}

/* Rows */

static void place(struct map_layout *layout, double full)
{
	struct map_tile *tile, *previous = NULL;
	unsigned int row = 0;
	double x = 0;
	__u64 gap;
	size_t i;

	for (i = 0; i < layout->count; i++, previous = tile) {
		tile = &layout->tiles[i];
		tile->width = full * (double)tile->size / (double)layout->unit;
		if (tile->empty)
			tile->width = EMPTY_WIDTH;
		else if (tile->width < MIN_WIDTH)
			tile->width = MIN_WIDTH;
		gap = previous ? tile->start - previous->end : 0;
		x += gap ? GAP_WIDTH : 0;
		if (previous &&
		    (x + tile->width > MAP_WIDTH + 0.5 || gap >= layout->break_gap ||
		     tile->group != previous->group)) {
			row++;
			x = 0;
		}
		tile->row = row;
		tile->x = x;
		x += tile->width;
	}
	layout->rows = layout->count ? row + 1 : 0;
}

/* The smallest size of gaps that are not too many to begin rows */
static __u64 find_break(const struct map_layout *layout)
{
	__u64 gap = MIN_BREAK;
	size_t i, count;

	for (;; gap *= 2) {
		for (i = 1, count = 0; i < layout->count; i++)
			count += layout->tiles[i].start - layout->tiles[i - 1].end >= gap;
		if (count <= MAX_BREAKS)
			return gap;
	}
}

static int allocate(struct state *state)
{
	state->layout.tiles = calloc(state->layout.count + 1, sizeof(*state->layout.tiles));
	return state->layout.tiles ? 0 : -1;
}

int map_layout_cells(struct map_layout *layout, const struct map *map)
{
	const struct map_cells *cells = &map->cells;
	struct state state = { .layout.unit = 1ULL << cells->shift };

	/* If each mapping had its tile, there would be space for little else. */
	state.layout.shared = cells->shared || map->mappings.count > MAP_MAX_TILES / 2;
	for (;; state.layout.unit *= 2) {
		add_cells(&state, cells);
		if (state.layout.count <= MAP_MAX_TILES || state.layout.unit >> 62)
			break;
	}
	if (allocate(&state))
		return -1;
	add_cells(&state, cells);
	state.layout.break_gap = find_break(&state.layout);
	place(&state.layout, MAP_TILE);
	*layout = state.layout;
	return 0;
}

int map_layout_memory(struct map_layout *layout, const struct map *map)
{
	const struct map_memory *memory = &map->memory;
	bool whole = memory->shift >= 64;
	struct state state = { .layout.unit = whole ? 1ULL << 63 : 1ULL << memory->shift };
	size_t i;

	for (;; state.layout.unit *= 2) {
		add_blocks(&state, memory);
		/* Each zone has a tile, and there can be more zones than tiles. */
		if (whole || state.layout.count <= MAP_MAX_MEMORY_TILES || state.layout.unit >> 62)
			break;
	}
	if (allocate(&state))
		return -1;
	add_blocks(&state, memory);
	/* One row for each zone, the largest one in full width */
	if (whole) {
		state.layout.unit = 1;
		for (i = 0; i < state.layout.count; i++)
			if (state.layout.tiles[i].size > state.layout.unit)
				state.layout.unit = state.layout.tiles[i].size;
	}
	state.layout.break_gap = UINT64_MAX;
	place(&state.layout, whole ? MAP_WIDTH : MAP_TILE);
	*layout = state.layout;
	return 0;
}
