/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Physical memory, divided into blocks: which frames of each a process has
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_MAP_MEMORY_H
#define _VMWALK_MAP_MEMORY_H

#include "tally.h"

#define MAP_MAX_BLOCKS 16384

/* What the colour of a part of a cell stands for */
enum map_class {
	MAP_SMALL,   /* entries of the base size */
	MAP_GROUP,   /* a group of contiguous pages that the processor knows */
	MAP_PMD,     /* 2 MiB on x86-64 */
	MAP_PUD,     /* 1 GiB on x86-64, or more */
	MAP_HUGETLB, /* of any size */
	MAP_FRAMES,  /* number of the classes above, whose pages have frames */
	MAP_ZERO = MAP_FRAMES,
	MAP_SPECIAL,
	MAP_MIGRATION,
	MAP_SWAP,
	MAP_CLASSES,
};

enum map_class map_class(enum tally_kind kind, unsigned int shift, __u64 page_size);

/* A zone of a node. Addresses are PFNs. */
struct map_region {
	int node;
	char zone[16];
	__u64 start, end;
};

/* Frames from @start on. A block ends where its region ends. */
struct map_block {
	__u64 start;
	__u64 pages;            /* of memory: a block can have holes */
	__u64 used[MAP_FRAMES]; /* pages that the process has; each frame counts once */
	size_t region;
};

struct map_memory {
	struct map_region *regions; /* in the order of their addresses */
	size_t nr_regions;
	struct map_block *blocks; /* the last one is for frames outside of all regions */
	size_t nr_blocks;
	unsigned int shift; /* log2 of the pages in a block; 64: a block is a region */
};

/*
 * Read the zones and the ranges of memory. Without @frames, blocks are whole
 * regions, so that they tell no addresses. Prints errors and returns an exit
 * status.
 */
int map_memory_read(struct map_memory *memory, __u64 page_size, bool frames);
void map_memory_free(struct map_memory *memory);

/* The block with a frame. Sets *@pages to the frames from @pfn to its end. */
size_t map_memory_find(const struct map_memory *memory, __u64 pfn, __u64 *pages);

/* Whether a block is the last one, whose frames are in no region */
static inline bool map_memory_is_elsewhere(const struct map_memory *memory, size_t block)
{
	return block == memory->nr_blocks - 1;
}

/* The end of a block: a PFN */
__u64 map_block_end(const struct map_memory *memory, size_t block);

/* Pages of a block that the process has */
__u64 map_block_used(const struct map_block *block);

#endif /* _VMWALK_MAP_MEMORY_H */
