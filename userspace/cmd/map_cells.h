/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An address space, divided into cells
 *
 * A cell is an aligned block of addresses within one mapping, and has the exact
 * number of its pages of each kind. The size of the blocks is the smallest power
 * of two for which the number of cells has a limit: it doubles while pages are
 * added. Where many blocks in a row have no page, one empty cell stands for
 * them.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_MAP_CELLS_H
#define _VMWALK_MAP_CELLS_H

#include "map_memory.h"

/* Limit of the number of cells, in addition to one for each mapping */
#define MAP_MAX_CELLS 16384

/*
 * Limit of the number of mappings that have cells of their own. Linux allows
 * fewer by default (vm.max_map_count).
 */
#define MAP_MAX_MAPPINGS 65536

/* So many blocks without a page are one cell. */
#define MAP_EMPTY_BLOCKS 16

#define MAP_LINKS 4

/* A line of /proc/PID/maps */
struct map_mapping {
	__u64 start, end;
	char perms[5];
	const char *name; /* the previous mapping can have the same pointer */
};

struct map_mappings {
	struct map_mapping *vec;
	size_t count;
	size_t omitted; /* beyond MAP_MAX_MAPPINGS */
};

/* Pages of a cell with the same properties, as in struct tally_part */
struct map_share {
	__u8 kind, shift;
	__s16 node;
	__u32 pages;
};

/* Pages of a cell whose frames are in the blocks (@block << link_shift) and on */
struct map_link {
	__u32 block, pages;
};

struct map_cell {
	__u64 start, end;
	__u64 mapping_start, mapping_end;
	__u64 low_pfn, high_pfn; /* 0 if the cell has no frames, or PFNs are hidden */
	struct map_share *shares;
	struct map_link links[MAP_LINKS];
	__u32 flags; /* of any page */
	__u16 nr_shares;
	__u8 nr_links, link_shift;
	bool scattered; /* the frames are not consecutive */
};

struct map_cells {
	struct map_cell *vec; /* in the order of their addresses */
	size_t count;
	size_t nr_mappings; /* that have cells */
	unsigned int shift; /* log2 of the bytes in a block */
	bool shared;        /* a cell can have several mappings */
	__u64 page_size;
};

/* Read the mappings of a process. Prints errors and returns an exit status. */
int map_mappings_read(struct map_mappings *mappings, pid_t pid);
void map_mappings_free(struct map_mappings *mappings);

/* Get the first mapping that ends above an address, or NULL. */
const struct map_mapping *map_mappings_find(const struct map_mappings *mappings, __u64 addr);

void map_cells_init(struct map_cells *cells, __u64 page_size);
void map_cells_free(struct map_cells *cells);

/*
 * Add pages. Each call must pass higher addresses. Frames that @frames does not
 * have are added to the blocks of @memory. Returns -1 with errno set if memory
 * is short.
 */
int map_cells_add(struct map_cells *cells, const struct tally_piece *piece,
		  const struct vmwalk_vma *vma, struct map_memory *memory,
		  const struct frames *frames);

/*
 * Add cells for blocks and mappings without pages, after the last piece. Returns
 * -1 with errno set if memory is short.
 */
int map_cells_finish(struct map_cells *cells, const struct map_mappings *mappings);

/* Pages of a cell of some kinds, which @kinds has a bit for */
__u64 map_cell_pages(const struct map_cell *cell, unsigned int kinds);

#endif /* _VMWALK_MAP_CELLS_H */
