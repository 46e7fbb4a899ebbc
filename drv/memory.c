// SPDX-License-Identifier: GPL-2.0
/*
 * Where the memory of each type of buffer comes from, and how it goes back.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/cc_platform.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/platform_device.h>
#include <linux/sched/signal.h>
#include <linux/set_memory.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>

#include "internal.h"

/*
 * Zeroed and charged to the caller's memory cgroup. A buffer may be a large part of the machine's
 * memory, so the kernel shall try hard, but neither kill a process for it nor complain.
 */
#define VMWALK_GFP (GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* Pages in a block of a huge buffer: what one PMD entry maps. */
#define BLOCK_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#define BLOCK_PAGES	(PMD_SIZE / PAGE_SIZE)

/* Pages that are allocated between two calls of vmwalk_memory_check(). */
#define CHUNK_PAGES	(SZ_64M / PAGE_SIZE)

/* Pages per change of the caching attribute: takes some milliseconds. */
#define CACHE_CHUNK	1024UL

/**
 * struct supply - snapshot of the page allocator's free memory
 * @where: " on node N", or empty for the whole machine
 * @available: bytes that can be allocated without swapping, outside CMA areas
 * @largest: bytes in the largest free block
 * @pmds: number of free blocks of PMD_SIZE
 * @cma: bytes in CMA areas
 * @cma_free: bytes in CMA areas that are free
 *
 * The counters are read without locks, so the snapshot is approximate.
 */
struct supply {
	char where[24];
	u64 available;
	u64 largest;
	u64 pmds;
	u64 cma;
	u64 cma_free;
};

/* Returns how many pages of a zone can be allocated without swapping. */
static long count_zone(struct supply *supply, struct zone *zone)
{
	unsigned int order;

	for (order = 0; order < ARRAY_SIZE(zone->free_area); order++) {
		/* data_race: a stale value only makes the message wrong. */
		unsigned long blocks = data_race(zone->free_area[order].nr_free);

		if (blocks)
			supply->largest = max_t(u64, supply->largest, PAGE_SIZE << order);
		if (order >= BLOCK_ORDER)
			supply->pmds += blocks << (order - BLOCK_ORDER);
	}
	supply->cma += (u64)zone_cma_pages(zone) << PAGE_SHIFT;
	supply->cma_free += (u64)zone_page_state(zone, NR_FREE_CMA_PAGES) << PAGE_SHIFT;

	return max_t(long, 0, zone_page_state(zone, NR_FREE_PAGES) +
			      zone_page_state(zone, NR_ZONE_INACTIVE_FILE) +
			      zone_page_state(zone, NR_ZONE_ACTIVE_FILE) -
			      high_wmark_pages(zone));
}

static long count_node(struct supply *supply, int node)
{
	struct zone *zones = NODE_DATA(node)->node_zones;
	long pages = 0;
	unsigned int i;

	for (i = 0; i < MAX_NR_ZONES; i++)
		if (populated_zone(&zones[i]))
			pages += count_zone(supply, &zones[i]);

	return pages;
}

static void count_supply(struct supply *supply, int node)
{
	long pages = si_mem_available();

	memset(supply, 0, sizeof(*supply));
	if (node == NUMA_NO_NODE) {
		for_each_online_node(node)
			count_node(supply, node);
	} else {
		snprintf(supply->where, sizeof(supply->where), " on node %d", node);
		pages = min(pages, count_node(supply, node));
	}
	supply->available = (u64)pages << PAGE_SHIFT;
	supply->available -= min(supply->available, supply->cma_free);
}

/**
 * vmwalk_memory_check - check that a buffer fits into the available memory
 * @buffer: the buffer; its cost is set
 * @done: number of its pages that are already allocated
 * @node: the NUMA node to allocate from; NUMA_NO_NODE for any node
 * @why: set on error
 *
 * Without this check the kernel would swap out the memory of other programs
 * before the allocation fails.
 *
 * Return: 0, or -ENOMEM.
 */
int vmwalk_memory_check(const struct vmwalk_buffer *buffer, unsigned long done, int node,
			struct vmwalk_reason *why)
{
	struct supply supply;
	u64 available;

	count_supply(&supply, node);
	available = supply.available + ((u64)done << PAGE_SHIFT);
	if (buffer->memory->from_cma)
		available += supply.cma_free;
	/* Leave room for page arrays and page tables: three words per page. */
	available -= available / 128;
	if ((u64)buffer->cost << PAGE_SHIFT <= available)
		return 0;

	return vmwalk_refuse(why, -ENOMEM,
			     "size %zu exceeds the memory that is available%s, %llu bytes",
			     buffer->size, supply.where, available);
}

static gfp_t gfp_on(int node)
{
	return VMWALK_GFP | (node == NUMA_NO_NODE ? 0 : __GFP_THISNODE);
}

/* What is no larger than this kmalloc takes from a slab. */
#define SLAB_PAGES	(KMALLOC_MAX_CACHE_SIZE / PAGE_SIZE)

/* Set the error message for a failed allocation of one contiguous block. */
static int refuse_block(const struct vmwalk_buffer *buffer, int node, const char *source,
			struct vmwalk_reason *why)
{
	struct supply supply;
	char cma[80] = "";

	count_supply(&supply, node);
	if (buffer->memory->from_cma && supply.cma)
		snprintf(cma, sizeof(cma), "; free in CMA areas: %llu of %llu bytes",
			 supply.cma_free, supply.cma);
	else if (buffer->memory->from_cma)
		strscpy(cma, "; there is no CMA area", sizeof(cma));

	return vmwalk_refuse(why, -ENOMEM,
			     "size %zu: no contiguous block of this size from %s, or memory cgroup limit reached (largest free%s: %llu bytes; available: %llu bytes%s)",
			     buffer->size, source, supply.where, supply.largest, supply.available,
			     cma);
}

/*
 * One block, never refcounted page by page. A page of a slab is not for user space, as the refusal
 * of vm_insert_page() says: so a small buffer takes what the page allocator gives.
 */
static int kmalloc_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_reason *why)
{
	size_t size = max_t(size_t, buffer->size, KMALLOC_MAX_CACHE_SIZE + 1);
	unsigned long i;

	if (buffer->size > KMALLOC_MAX_SIZE)
		return vmwalk_refuse(why, -ENOMEM,
			"size %zu exceeds the largest block that kmalloc gives, %lu bytes",
			buffer->size, KMALLOC_MAX_SIZE);

	buffer->kaddr = kmalloc_node(size, gfp_on(node), node);
	if (!buffer->kaddr)
		return refuse_block(buffer, node, "kmalloc", why);

	for (i = 0; i < buffer->nr_pages; i++)
		buffer->pages[i] = virt_to_page(buffer->kaddr + i * PAGE_SIZE);

	return 0;
}

static void kmalloc_destroy(struct vmwalk_buffer *buffer)
{
	kfree(buffer->kaddr);
}

/* A block is a power of two of pages, whatever was asked for. */
static unsigned long block_cost(unsigned long nr_pages)
{
	return roundup_pow_of_two(nr_pages);
}

static unsigned long kmalloc_cost(unsigned long nr_pages)
{
	return block_cost(max(nr_pages, SLAB_PAGES + 1));
}

/*
 * Blocks of 2^@order pages; the last one may be used in part. Each is one compound page: whoever
 * takes a reference to any page of it holds the block.
 */
static void free_blocks(struct page **pages, unsigned long nr_pages, unsigned int order)
{
	unsigned long i;

	for (i = 0; i < nr_pages; i += 1UL << order) {
		__free_pages(pages[i], order);
		cond_resched();
	}
}

/* Set the error message for an allocation that failed after @done pages. */
static int refuse_blocks(const struct vmwalk_buffer *buffer, unsigned long done, int node,
			 unsigned int order, struct vmwalk_reason *why)
{
	u64 bytes = (u64)done << PAGE_SHIFT;
	struct supply supply;

	count_supply(&supply, node);
	if (order)
		return vmwalk_refuse(why, -ENOMEM,
				     "size %zu: no more blocks of %lu bytes after %llu bytes, or memory cgroup limit reached (free blocks%s: %llu; available: %llu bytes)",
				     buffer->size, PAGE_SIZE << order, bytes, supply.where,
				     supply.pmds, supply.available);

	return vmwalk_refuse(why, -ENOMEM,
			     "size %zu: no more pages after %llu bytes, or memory cgroup limit reached (available%s: %llu bytes)",
			     buffer->size, bytes, supply.where, supply.available);
}

/*
 * If no block is free, the kernel tries one round of compaction. Where that
 * fails, the page cache may be in the way, which only a harder try reclaims.
 */
static struct page *alloc_block(int node, unsigned int order)
{
	gfp_t gfp = gfp_on(node);
	struct page *block;

	if (!order)
		return alloc_pages_node(node, gfp, 0);

	gfp |= __GFP_COMP;
	block = alloc_pages_node(node, (gfp & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY, order);
	if (block || fatal_signal_pending(current))
		return block;

	return alloc_pages_node(node, gfp, order);
}

static int alloc_blocks(struct vmwalk_buffer *buffer, int node, unsigned int order,
			struct vmwalk_reason *why)
{
	struct page *block = NULL;
	unsigned long i;
	int err = 0;

	for (i = 0; i < buffer->nr_pages; i++) {
		unsigned long within = i & ((1UL << order) - 1);

		if (!within) {
			/* Other tasks may have allocated memory meanwhile. */
			if (i && !(i % CHUNK_PAGES))
				err = vmwalk_memory_check(buffer, i, node, why);
			if (!err && fatal_signal_pending(current))
				err = -EINTR;
			if (err)
				break;
			block = alloc_block(node, order);
			if (!block) {
				err = refuse_blocks(buffer, i, node, order, why);
				break;
			}
			cond_resched();
		}
		buffer->pages[i] = block + within;
	}
	if (err)
		free_blocks(buffer->pages, i, order);

	return err;
}

/*
 * Allocate single pages and vmap() them, as vmalloc() does. None of the
 * exported vmalloc functions takes a node and charges the memory cgroup, and
 * none reliably ends on a fatal signal.
 */
static int vmalloc_by_hand(struct vmwalk_buffer *buffer, int node, struct vmwalk_reason *why)
{
	int err;

	if (buffer->nr_pages > UINT_MAX)
		return vmwalk_refuse(why, -ENOMEM, "size %zu exceeds what vmap() maps, %lu bytes",
				     buffer->size, (unsigned long)UINT_MAX << PAGE_SHIFT);

	err = alloc_blocks(buffer, node, 0, why);
	if (err)
		return err;

	buffer->kaddr = vmap(buffer->pages, buffer->nr_pages, VM_MAP, PAGE_KERNEL);
	if (!buffer->kaddr) {
		free_blocks(buffer->pages, buffer->nr_pages, 0);
		return vmwalk_refuse(why, -ENOMEM,
				     "size %zu: vmap() failed: no vmalloc address space left, or no memory for page tables",
				     buffer->size);
	}

	buffer->vmapped = true;
	return 0;
}

static int vmalloc_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_reason *why)
{
	unsigned long i;

	if (node != NUMA_NO_NODE || buffer->nr_pages > CHUNK_PAGES)
		return vmalloc_by_hand(buffer, node, why);

	buffer->kaddr = __vmalloc(buffer->size, VMWALK_GFP);
	if (!buffer->kaddr)
		return refuse_blocks(buffer, 0, node, 0, why);

	for (i = 0; i < buffer->nr_pages; i++) {
		buffer->pages[i] = vmalloc_to_page(buffer->kaddr + i * PAGE_SIZE);
		cond_resched();
	}

	return 0;
}

static void vmalloc_destroy(struct vmwalk_buffer *buffer)
{
	if (buffer->vmapped) {
		vunmap(buffer->kaddr);
		free_blocks(buffer->pages, buffer->nr_pages, 0);
	} else {
		vfree(buffer->kaddr);
	}
}

static void pages_destroy(struct vmwalk_buffer *buffer)
{
	unsigned long i, count, lost = 0;

	for (i = 0; i < buffer->nr_pages; i += count) {
		count = min(buffer->nr_pages - i, CACHE_CHUNK);
		/* Never free pages with the wrong caching. */
		if (buffer->cache_mode != VMWALK_CACHE_WB &&
		    set_pages_array_wb(buffer->pages + i, count))
			lost += count;
		else
			free_blocks(buffer->pages + i, count, 0);
		cond_resched();
	}
	if (lost)
		pr_warn("vmwalk: lost %lu pages whose caching can't be restored\n", lost);
}

/* Give the direct map the same caching attribute as user mappings. */
static int set_caching(struct vmwalk_buffer *buffer, struct vmwalk_reason *why)
{
	unsigned long i, count;
	struct page **pages;

	for (i = 0; i < buffer->nr_pages; i += count) {
		pages = buffer->pages + i;
		count = min(buffer->nr_pages - i, CACHE_CHUNK);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (buffer->cache_mode == VMWALK_CACHE_WC ? set_pages_array_wc(pages, count) :
							    set_pages_array_uc(pages, count))
			return vmwalk_refuse(why, -ENOMEM,
				"size %zu: the kernel could not change the caching of its own mapping",
				buffer->size);
		cond_resched();
	}

	return 0;
}

static int pages_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_reason *why)
{
	int err;

	err = alloc_blocks(buffer, node, 0, why);
	if (err || buffer->cache_mode == VMWALK_CACHE_WB)
		return err;

	err = set_caching(buffer, why);
	if (err)
		/* Some of them may have been changed. */
		pages_destroy(buffer);

	return err;
}

static int huge_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_reason *why)
{
	return alloc_blocks(buffer, node, BLOCK_ORDER, why);
}

static void huge_destroy(struct vmwalk_buffer *buffer)
{
	free_blocks(buffer->pages, buffer->nr_pages, BLOCK_ORDER);
}

static unsigned long huge_cost(unsigned long nr_pages)
{
	return round_up(nr_pages, BLOCK_PAGES);
}

/* A device for the DMA API to allocate for: one that reaches all memory. */
static struct platform_device *dma_device;
static DEFINE_MUTEX(dma_node_lock);	/* protects the device's node */

static int dma_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_reason *why)
{
	struct device *dev = &dma_device->dev;
	struct sg_page_iter iter;
	unsigned long i = 0;
	struct sg_table sgt;
	int err;

	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		return vmwalk_refuse(why, -EOPNOTSUPP,
			"buffer_type dma: this guest's memory is encrypted, and the DMA API's is not");

	if (mutex_lock_killable(&dma_node_lock))
		return -EINTR;
	set_dev_node(dev, node);
	buffer->kaddr = dma_alloc_attrs(dev, buffer->size, &buffer->dma, gfp_on(node), 0);
	mutex_unlock(&dma_node_lock);
	if (!buffer->kaddr)
		return refuse_block(buffer, node, "the DMA API", why);

	/* Only the API knows what is behind the address that it gave. */
	err = dma_get_sgtable_attrs(dev, &sgt, buffer->kaddr, buffer->dma, buffer->size, 0);
	if (err) {
		dma_free_attrs(dev, buffer->size, buffer->kaddr, buffer->dma, 0);
		return vmwalk_refuse(why, -ENOMEM,
				     "size %zu: no memory left for the buffer's scatterlist",
				     buffer->size);
	}
	for_each_sgtable_page(&sgt, &iter, 0) {
		if (i < buffer->nr_pages)
			buffer->pages[i++] = sg_page_iter_page(&iter);
		cond_resched();
	}
	sg_free_table(&sgt);

	return 0;
}

static void dma_destroy(struct vmwalk_buffer *buffer)
{
	dma_free_attrs(&dma_device->dev, buffer->size, buffer->kaddr, buffer->dma, 0);
}

/* A CMA area rounds nothing up, and larger blocks come from nowhere else. */
static unsigned long dma_cost(unsigned long nr_pages)
{
	return nr_pages > KMALLOC_MAX_SIZE / PAGE_SIZE ? nr_pages : block_cost(nr_pages);
}

static unsigned long same_cost(unsigned long nr_pages)
{
	return nr_pages;
}

#define ANY_MODE (BIT(VMWALK_MAP_REMAP) | BIT(VMWALK_MAP_INSERT) | BIT(VMWALK_MAP_FAULT))

const struct vmwalk_memory vmwalk_memory[] = {
	[VMWALK_BUFFER_KMALLOC] = {
		.create = kmalloc_create,
		.destroy = kmalloc_destroy,
		.cost = kmalloc_cost,
		.map_modes = BIT(VMWALK_MAP_REMAP) | BIT(VMWALK_MAP_FAULT),
		.cache_modes = BIT(VMWALK_CACHE_WB),
	},
	[VMWALK_BUFFER_VMALLOC] = {
		.create = vmalloc_create,
		.destroy = vmalloc_destroy,
		.cost = same_cost,
		.map_modes = ANY_MODE,
		.cache_modes = BIT(VMWALK_CACHE_WB),
		.refcounted = true,
	},
	[VMWALK_BUFFER_PAGES] = {
		.create = pages_create,
		.destroy = pages_destroy,
		.cost = same_cost,
		.map_modes = ANY_MODE,
		.cache_modes = BIT(VMWALK_CACHE_WB) | BIT(VMWALK_CACHE_WC) | BIT(VMWALK_CACHE_UC),
		.refcounted = true,
	},
	[VMWALK_BUFFER_HUGE] = {
		.create = huge_create,
		.destroy = huge_destroy,
		.cost = huge_cost,
		.map_modes = ANY_MODE,
		.cache_modes = BIT(VMWALK_CACHE_WB),
		.refcounted = true,
	},
	[VMWALK_BUFFER_DMA] = {
		.create = dma_create,
		.destroy = dma_destroy,
		.cost = dma_cost,
		.map_modes = BIT(VMWALK_MAP_REMAP) | BIT(VMWALK_MAP_FAULT),
		.cache_modes = BIT(VMWALK_CACHE_WB),
		.from_cma = true,
	},
};

int __init vmwalk_memory_init(void)
{
	const struct platform_device_info info = {
		.name = VMWALK_NAME,
		.id = PLATFORM_DEVID_NONE,
		.dma_mask = DMA_BIT_MASK(64),
	};

	dma_device = platform_device_register_full(&info);
	return PTR_ERR_OR_ZERO(dma_device);
}

void vmwalk_memory_exit(void)
{
	platform_device_unregister(dma_device);
}
