// SPDX-License-Identifier: GPL-2.0
/*
 * Physical memory of the machine
 *
 * /proc/zoneinfo has the nodes and their zones, /proc/iomem the ranges that are
 * memory. The addresses in iomem require CAP_SYS_ADMIN, as PFNs do.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>

#include "map_memory.h"

/* A range of PFNs */
struct range {
	__u64 start, end;
};

struct ranges {
	struct range *vec;
	size_t count;
};

enum map_class map_class(enum tally_kind kind, unsigned int shift, __u64 page_size)
{
	unsigned int page_shift = __builtin_ctzll(page_size);
	unsigned int levels = page_shift - 3; /* bits per level: an entry has 8 bytes */

	switch (kind) {
	case TALLY_HUGETLB:
		return MAP_HUGETLB;
	case TALLY_ZERO:
		return MAP_ZERO;
	case TALLY_SPECIAL:
		return MAP_SPECIAL;
	case TALLY_MIGRATION:
		return MAP_MIGRATION;
	case TALLY_SWAP:
		return MAP_SWAP;
	default:
		break;
	}
	if (shift <= page_shift)
		return MAP_SMALL;
	if (shift < page_shift + levels)
		return MAP_GROUP;
	return shift < page_shift + 2 * levels ? MAP_PMD : MAP_PUD;
}

/* Add an element to an array whose size is a power of two. */
static void *grow(void *vec, size_t count, size_t size)
{
	return count & (count - 1) ? vec : realloc(vec, (count ? 2 * count : 1) * size);
}

/* Zones */

static int add_region(struct map_memory *memory, const struct map_region *region)
{
	struct map_region *regions;

	if (region->start >= region->end)
		return 0;
	regions = grow(memory->regions, memory->nr_regions, sizeof(*regions));
	if (!regions)
		return -1;
	memory->regions = regions;
	regions[memory->nr_regions++] = *region;
	return 0;
}

static int compare_regions(const void *a, const void *b)
{
	const struct map_region *left = a, *right = b;

	return left->start < right->start ? -1 : left->start > right->start;
}

/* Zones can overlap if nodes alternate: a frame belongs to the first one. */
static void order_regions(struct map_memory *memory)
{
	struct map_region *region;
	__u64 end = 0;
	size_t i;

	if (memory->nr_regions)
		qsort(memory->regions, memory->nr_regions, sizeof(*memory->regions),
		      compare_regions);
	for (i = 0; i < memory->nr_regions; i++) {
		region = &memory->regions[i];
		if (region->start < end)
			region->start = end;
		/* It is in the previous ones as a whole, and becomes empty. */
		if (region->end < region->start)
			region->end = region->start;
		end = region->end;
	}
}

static int read_regions(struct map_memory *memory)
{
	FILE *file = system_open("/proc/zoneinfo");
	struct map_region region = {};
	__u64 spanned = 0, number;
	char line[256];
	int ret = 0;

	while (file && !ret && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Node %d, zone %15s", &region.node, region.zone) == 2) {
			spanned = 0;
		} else if (sscanf(line, " start_pfn: %llu", &region.start) == 1) {
			region.end = region.start + spanned;
			ret = add_region(memory, &region);
		} else if (sscanf(line, " spanned %llu", &number) == 1) {
			spanned = number;
		}
	}
	if (file)
		fclose(file);
	order_regions(memory);
	return ret;
}

/* Ranges of memory */

static int add_range(struct ranges *ranges, __u64 start, __u64 end)
{
	struct range *vec, *last = ranges->count ? &ranges->vec[ranges->count - 1] : NULL;

	if (start >= end)
		return 0;
	if (last && start <= last->end) {
		last->end = end > last->end ? end : last->end;
		return 0;
	}
	vec = grow(ranges->vec, ranges->count, sizeof(*vec));
	if (!vec)
		return -1;
	ranges->vec = vec;
	vec[ranges->count++] = (struct range){ start, end };
	return 0;
}

/* Lines such as "  00100000-7fffffff : System RAM", in the order of addresses */
static int read_ranges(struct ranges *ranges, __u64 page_size)
{
	FILE *file = system_open("/proc/iomem");
	char line[256], name[16];
	__u64 start, end;
	int ret = 0;

	while (file && !ret && fgets(line, sizeof(line), file))
		if (sscanf(line, " %llx-%llx : %15[^\n]", &start, &end, name) == 3 &&
		    !strncmp(name, "System RAM", 10) && end)
			ret = add_range(ranges, (start + page_size - 1) / page_size,
					(end + 1) / page_size);
	if (file)
		fclose(file);
	/* Without addresses, each zone is taken for memory as a whole. */
	if (!ret && !ranges->count)
		ret = add_range(ranges, 0, UINT64_MAX);
	return ret;
}

/* Pages of memory from @start to @end */
static __u64 memory_pages(const struct ranges *ranges, __u64 start, __u64 end)
{
	__u64 from, to, sum = 0;
	size_t i;

	for (i = 0; i < ranges->count; i++) {
		from = ranges->vec[i].start > start ? ranges->vec[i].start : start;
		to = ranges->vec[i].end < end ? ranges->vec[i].end : end;
		sum += from < to ? to - from : 0;
	}
	return sum;
}

/* Blocks */

/* The end of the block with a frame, in a region that ends at @end */
static __u64 end_of(const struct map_memory *memory, __u64 pfn, __u64 end)
{
	__u64 next;

	if (memory->shift >= 64)
		return end;
	/* The last block ends at 2^64, which is 0. */
	next = ((pfn >> memory->shift) + 1) << memory->shift;
	return next && next < end ? next : end;
}

/* Divide the regions into blocks. Without @blocks, only counts them. */
static size_t make_blocks(const struct map_memory *memory, const struct ranges *ranges,
			  struct map_block *blocks)
{
	const struct map_region *region;
	__u64 at, next, pages;
	size_t i, count = 0;

	for (i = 0; i < memory->nr_regions; i++) {
		region = &memory->regions[i];
		for (at = region->start; at < region->end; at = next) {
			next = end_of(memory, at, region->end);
			pages = memory_pages(ranges, at, next);
			if (!pages)
				continue;
			if (blocks)
				blocks[count] = (struct map_block){
					.start = at,
					.pages = pages,
					.region = i,
				};
			count++;
		}
	}
	return count;
}

static unsigned int block_shift(const struct map_memory *memory)
{
	__u64 spanned = 0;
	unsigned int shift = 0;
	size_t i;

	for (i = 0; i < memory->nr_regions; i++)
		spanned += memory->regions[i].end - memory->regions[i].start;
	/* Each region can begin and end within a block. */
	while ((spanned >> shift) + 2 * memory->nr_regions > MAP_MAX_BLOCKS && shift < 63)
		shift++;
	return shift;
}

int map_memory_read(struct map_memory *memory, __u64 page_size, bool frames)
{
	struct ranges ranges = {};
	size_t count;

	*memory = (struct map_memory){};
	if (read_regions(memory) || read_ranges(&ranges, page_size))
		goto no_memory;
	memory->shift = frames ? block_shift(memory) : 64;
	count = make_blocks(memory, &ranges, NULL);
	memory->blocks = calloc(count + 1, sizeof(*memory->blocks));
	if (!memory->blocks)
		goto no_memory;
	make_blocks(memory, &ranges, memory->blocks);
	memory->blocks[count].start = UINT64_MAX;
	memory->blocks[count].region = memory->nr_regions;
	memory->nr_blocks = count + 1;
	free(ranges.vec);
	return EXIT_SUCCESS;

no_memory:
	free(ranges.vec);
	map_memory_free(memory);
	return failure("%m");
}

void map_memory_free(struct map_memory *memory)
{
	free(memory->regions);
	free(memory->blocks);
	*memory = (struct map_memory){};
}

__u64 map_block_end(const struct map_memory *memory, size_t block)
{
	const struct map_block *at = &memory->blocks[block];

	if (map_memory_is_elsewhere(memory, block))
		return UINT64_MAX;
	return end_of(memory, at->start, memory->regions[at->region].end);
}

size_t map_memory_find(const struct map_memory *memory, __u64 pfn, __u64 *pages)
{
	size_t low = 0, high = memory->nr_blocks - 1, middle;
	__u64 end;

	/* The first block that starts above the frame */
	while (low < high) {
		middle = low + (high - low) / 2;
		if (memory->blocks[middle].start <= pfn)
			low = middle + 1;
		else
			high = middle;
	}
	if (low) {
		end = map_block_end(memory, low - 1);
		if (pfn < end) {
			*pages = end - pfn;
			return low - 1;
		}
	}
	*pages = memory->blocks[low].start - pfn;
	return memory->nr_blocks - 1;
}

__u64 map_block_used(const struct map_block *block)
{
	__u64 sum = 0;
	int i;

	for (i = 0; i < MAP_FRAMES; i++)
		sum += block->used[i];
	return sum;
}
