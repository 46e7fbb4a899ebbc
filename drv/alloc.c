// SPDX-License-Identifier: GPL-2.0
/*
 * The buffer types: allocate and free the memory of a buffer.
 *
 * Copyright (C) The vmwalk authors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/log2.h>
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

#include "alloc.h"
#include "buffer.h"
#include "compat.h"
#include "config.h"
#include "errmsg.h"
#include "uapi/vmwalk.h"

/*
 * A buffer may be a large part of the machine's memory: try hard to allocate
 * it, but without the OOM killer and without a warning.
 */
#define VMWALK_GFP (GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* Pages to allocate between two calls of vmwalk_alloc_check(). */
#define CHECK_PAGES	(SZ_64M / PAGE_SIZE)

/* Pages per set_pages_array_*(): a call takes some milliseconds. */
#define SET_MEMORY_PAGES	1024UL

/*
 * GFP flags of the zones that an allocation may be limited to, from the largest
 * zone to the smallest. If the kernel does not have a zone, its flag has the
 * same effect as 0.
 */
static const gfp_t zone_flags[] = { 0, __GFP_DMA32, __GFP_DMA };

/*
 * Returns the first PFN above a zone and above all lower zones, which the page
 * allocator falls back to; 0 if these zones have no memory.
 */
static unsigned long zone_end(gfp_t zone, int node)
{
	unsigned long end = 0;
	unsigned int i;
	int nid;

	for_each_online_node(nid) {
		struct zone *zones = NODE_DATA(nid)->node_zones;

		if (node != NUMA_NO_NODE && nid != node)
			continue;
		for (i = 0; i <= gfp_zone(zone); i++)
			if (populated_zone(&zones[i]))
				end = max(end, zone_end_pfn(&zones[i]));
	}

	return end;
}

/* The first PFN that is too high for the buffer. */
static unsigned long limit_pfn(const struct vmwalk_buffer *buffer)
{
	return 1UL << (buffer->address_bits - PAGE_SHIFT);
}

/*
 * Choose the largest zone that lies below the limit, together with all zones
 * below it. On some architectures the limits of the zones depend on the
 * machine, so compare the end of their memory.
 */
static int limit_by_zone(struct vmwalk_buffer *buffer, int node, struct vmwalk_errmsg *errmsg)
{
	unsigned int i, bits, smallest = VMWALK_MAX_ADDRESS_BITS;
	char where[16] = "";
	unsigned long end;

	for (i = 0; i < ARRAY_SIZE(zone_flags); i++) {
		if (zone_flags[i] & ~buffer->type->zones)
			continue;
		end = zone_end(zone_flags[i], node);
		if (!end)
			continue;
		if (end <= limit_pfn(buffer)) {
			buffer->zone = zone_flags[i];
			return 0;
		}
		bits = order_base_2(end) + PAGE_SHIFT;
		smallest = min(smallest, bits);
	}

	if (node != NUMA_NO_NODE)
		snprintf(where, sizeof(where), " on node %d", node);
	return vmwalk_errmsg_set(errmsg, -EOPNOTSUPP,
		"address_bits %u: no memory zone%s that this buffer_type can use lies below 2^%u; use %u or more",
		buffer->address_bits, where, buffer->address_bits, smallest);
}

/**
 * struct supply - snapshot of the page allocator's free memory
 * @where: " on node N" and " with address_bits N", or empty if the allocation
 *         is not limited
 * @available: bytes that can be allocated without swapping, outside CMA areas
 * @largest: bytes in the largest free chunk
 * @pmds: number of free chunks of PMD_SIZE
 * @cma: bytes in CMA areas
 * @cma_free: bytes in CMA areas that are free
 *
 * The counters are read without locks, so the snapshot is approximate.
 */
struct supply {
	char where[48];
	u64 available;
	u64 largest;
	u64 pmds;
	u64 cma;
	u64 cma_free;
};

/*
 * Add the free chunks and CMA areas of a zone. Returns the number of pages that
 * can be allocated from the zone without swapping.
 */
static long count_zone(struct supply *supply, struct zone *zone)
{
	unsigned int order;

	for (order = 0; order < ARRAY_SIZE(zone->free_area); order++) {
		/* data_race: a stale value only makes the message wrong. */
		unsigned long chunks = data_race(zone->free_area[order].nr_free);

		if (chunks)
			supply->largest = max_t(u64, supply->largest, PAGE_SIZE << order);
		if (order >= VMWALK_HUGE_ORDER)
			supply->pmds += chunks << (order - VMWALK_HUGE_ORDER);
	}
	supply->cma += (u64)zone_cma_pages(zone) << PAGE_SHIFT;
	supply->cma_free += (u64)zone_page_state(zone, NR_FREE_CMA_PAGES) << PAGE_SHIFT;

	return max_t(long, 0, zone_page_state(zone, NR_FREE_PAGES) +
			      zone_page_state(zone, NR_ZONE_INACTIVE_FILE) +
			      zone_page_state(zone, NR_ZONE_ACTIVE_FILE) -
			      high_wmark_pages(zone));
}

/* Count the memory of the zones that the buffer may be allocated from. */
static long count_node(struct supply *supply, const struct vmwalk_buffer *buffer, int node)
{
	struct zone *zones = NODE_DATA(node)->node_zones;
	long pages = 0;
	unsigned int i;

	for (i = 0; i <= gfp_zone(buffer->zone); i++)
		if (populated_zone(&zones[i]) && zones[i].zone_start_pfn < limit_pfn(buffer))
			pages += count_zone(supply, &zones[i]);

	return pages;
}

static void count_supply(struct supply *supply, const struct vmwalk_buffer *buffer, int node)
{
	long pages = si_mem_available(), counted = 0;
	size_t len = 0;
	int nid;

	memset(supply, 0, sizeof(*supply));
	for_each_online_node(nid)
		if (node == NUMA_NO_NODE || nid == node)
			counted += count_node(supply, buffer, nid);

	if (node != NUMA_NO_NODE)
		len = scnprintf(supply->where, sizeof(supply->where), " on node %d", node);
	if (buffer->address_bits < VMWALK_MAX_ADDRESS_BITS)
		len += scnprintf(supply->where + len, sizeof(supply->where) - len,
				 " with address_bits %u", buffer->address_bits);
	if (len)
		pages = min(pages, counted);
	supply->available = (u64)pages << PAGE_SHIFT;
	supply->available -= min(supply->available, supply->cma_free);
}

/**
 * vmwalk_alloc_check - check that a buffer fits into the available memory
 * @buffer: the buffer; @charged is set
 * @done: number of its pages that are already allocated
 * @node: the NUMA node to allocate from; NUMA_NO_NODE for any node
 * @errmsg: set on error
 *
 * Without this check the kernel would swap out the memory of other programs
 * before the allocation fails.
 *
 * Return: 0, or -ENOMEM.
 */
int vmwalk_alloc_check(const struct vmwalk_buffer *buffer, unsigned long done, int node,
		       struct vmwalk_errmsg *errmsg)
{
	struct supply supply;
	u64 available;

	count_supply(&supply, buffer, node);
	available = supply.available + ((u64)done << PAGE_SHIFT);
	if (buffer->type->from_cma)
		available += supply.cma_free;
	/* Reserve 1/128: page arrays and page tables take 24 bytes per page. */
	available -= available / 128;
	if ((u64)buffer->charged << PAGE_SHIFT <= available)
		return 0;

	return vmwalk_errmsg_set(errmsg, -ENOMEM,
			     "size %zu exceeds the memory that is available%s, %llu bytes",
			     buffer->size, supply.where, available);
}

static gfp_t gfp_for(const struct vmwalk_buffer *buffer, int node)
{
	return VMWALK_GFP | buffer->zone | (node == NUMA_NO_NODE ? 0 : __GFP_THISNODE);
}

/* The largest kmalloc() that is served from a slab, in pages. */
#define SLAB_PAGES	(KMALLOC_MAX_CACHE_SIZE / PAGE_SIZE)

/* Set the error message for a failed allocation of one contiguous chunk. */
static int set_contig_error(const struct vmwalk_buffer *buffer, int node, const char *source,
			    struct vmwalk_errmsg *errmsg)
{
	struct supply supply;
	char cma[80] = "";

	count_supply(&supply, buffer, node);
	if (buffer->type->from_cma && supply.cma)
		snprintf(cma, sizeof(cma), "; free in CMA areas: %llu of %llu bytes",
			 supply.cma_free, supply.cma);
	else if (buffer->type->from_cma)
		strscpy(cma, "; there is no CMA area", sizeof(cma));

	return vmwalk_errmsg_set(errmsg, -ENOMEM,
			     "size %zu: no contiguous chunk of this size from %s, or memory cgroup limit reached (largest free%s: %llu bytes; available: %llu bytes%s)",
			     buffer->size, source, supply.where, supply.largest, supply.available,
			     cma);
}

/*
 * Slab pages must not be mapped into user space, so ask for a size that
 * kmalloc() takes from the page allocator.
 */
static int kmalloc_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_errmsg *errmsg)
{
	size_t size = max_t(size_t, buffer->size, KMALLOC_MAX_CACHE_SIZE + 1);
	unsigned long i;

	if (buffer->size > KMALLOC_MAX_SIZE)
		return vmwalk_errmsg_set(errmsg, -ENOMEM,
			"size %zu exceeds the limit of kmalloc, %lu bytes",
			buffer->size, KMALLOC_MAX_SIZE);

	buffer->kaddr = kmalloc_node(size, gfp_for(buffer, node), node);
	if (!buffer->kaddr)
		return set_contig_error(buffer, node, "kmalloc", errmsg);

	for (i = 0; i < buffer->nr_pages; i++)
		buffer->pages[i] = virt_to_page(buffer->kaddr + i * PAGE_SIZE);

	return 0;
}

static void kmalloc_destroy(struct vmwalk_buffer *buffer)
{
	kfree(buffer->kaddr);
}

/* The allocator rounds a chunk up to a power of two. */
static unsigned long chunk_charge(unsigned long nr_pages)
{
	return roundup_pow_of_two(nr_pages);
}

static unsigned long kmalloc_charge(unsigned long nr_pages)
{
	return chunk_charge(max(nr_pages, SLAB_PAGES + 1));
}

/*
 * Free chunks of 2^@order pages, of which the buffer may use only a part of the
 * last one. A chunk is a compound page: a reference to any of its pages keeps
 * the whole chunk.
 */
static void free_chunks(struct page **pages, unsigned long nr_pages, unsigned int order)
{
	unsigned long i;

	for (i = 0; i < nr_pages; i += 1UL << order) {
		__free_pages(pages[i], order);
		cond_resched();
	}
}

/* Set the error message for an allocation that failed after @done pages. */
static int set_chunk_error(const struct vmwalk_buffer *buffer, unsigned long done, int node,
			   unsigned int order, struct vmwalk_errmsg *errmsg)
{
	u64 bytes = (u64)done << PAGE_SHIFT;
	struct supply supply;

	count_supply(&supply, buffer, node);
	if (order)
		return vmwalk_errmsg_set(errmsg, -ENOMEM,
				     "size %zu: no more chunks of %lu bytes after %llu bytes, or memory cgroup limit reached (free chunks%s: %llu; available: %llu bytes)",
				     buffer->size, PAGE_SIZE << order, bytes, supply.where,
				     supply.pmds, supply.available);

	return vmwalk_errmsg_set(errmsg, -ENOMEM,
			     "size %zu: no more pages after %llu bytes, or memory cgroup limit reached (available%s: %llu bytes)",
			     buffer->size, bytes, supply.where, supply.available);
}

/*
 * Try one round of compaction first, with __GFP_NORETRY. If that fails, try
 * again with __GFP_RETRY_MAYFAIL, which also reclaims page cache.
 */
static struct page *alloc_chunk(const struct vmwalk_buffer *buffer, int node, unsigned int order)
{
	gfp_t gfp = gfp_for(buffer, node);
	struct page *chunk;

	if (!order)
		return alloc_pages_node(node, gfp, 0);

	gfp |= __GFP_COMP;
	chunk = alloc_pages_node(node, (gfp & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY, order);
	if (chunk || fatal_signal_pending(current))
		return chunk;

	return alloc_pages_node(node, gfp, order);
}

static int alloc_chunks(struct vmwalk_buffer *buffer, int node, unsigned int order,
			struct vmwalk_errmsg *errmsg)
{
	struct page *chunk = NULL;
	unsigned long i;
	int err = 0;

	for (i = 0; i < buffer->nr_pages; i++) {
		unsigned long within = i & ((1UL << order) - 1);

		if (!within) {
			/* Other tasks may have allocated memory meanwhile. */
			if (i && !(i % CHECK_PAGES))
				err = vmwalk_alloc_check(buffer, i, node, errmsg);
			if (!err && fatal_signal_pending(current))
				err = -EINTR;
			if (err)
				break;
			chunk = alloc_chunk(buffer, node, order);
			if (!chunk) {
				err = set_chunk_error(buffer, i, node, order, errmsg);
				break;
			}
			cond_resched();
		}
		buffer->pages[i] = chunk + within;
	}
	if (err)
		free_chunks(buffer->pages, i, order);

	return err;
}

/*
 * Allocate single pages and vmap() them, as vmalloc() does. No exported vmalloc
 * function both takes a node and charges the memory cgroup, and none reliably
 * stops on a fatal signal. __vmalloc() does not document zone flags either.
 */
static int vmap_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_errmsg *errmsg)
{
	int err;

	if (buffer->nr_pages > UINT_MAX)
		return vmwalk_errmsg_set(errmsg, -ENOMEM,
					 "size %zu exceeds the limit of vmap(), %lu bytes",
				     buffer->size, (unsigned long)UINT_MAX << PAGE_SHIFT);

	err = alloc_chunks(buffer, node, 0, errmsg);
	if (err)
		return err;

	buffer->kaddr = vmap(buffer->pages, buffer->nr_pages, VM_MAP, PAGE_KERNEL);
	if (!buffer->kaddr) {
		free_chunks(buffer->pages, buffer->nr_pages, 0);
		return vmwalk_errmsg_set(errmsg, -ENOMEM,
				     "size %zu: vmap() failed: no vmalloc address space left, or no memory for page tables",
				     buffer->size);
	}

	buffer->vmapped = true;
	return 0;
}

static int vmalloc_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_errmsg *errmsg)
{
	unsigned long i;

	if (node != NUMA_NO_NODE || buffer->zone || buffer->nr_pages > CHECK_PAGES)
		return vmap_create(buffer, node, errmsg);

	buffer->kaddr = __vmalloc(buffer->size, VMWALK_GFP);
	if (!buffer->kaddr)
		return set_chunk_error(buffer, 0, node, 0, errmsg);

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
		free_chunks(buffer->pages, buffer->nr_pages, 0);
	} else {
		vfree(buffer->kaddr);
	}
}

static void pages_destroy(struct vmwalk_buffer *buffer)
{
	unsigned long i, count, leaked = 0;

	for (i = 0; i < buffer->nr_pages; i += count) {
		count = min(buffer->nr_pages - i, SET_MEMORY_PAGES);
		/*
		 * Leak pages rather than free them with the wrong memory type.
		 */
		if (buffer->cache_mode != VMWALK_CACHE_WB &&
		    set_pages_array_wb(buffer->pages + i, count))
			leaked += count;
		else
			free_chunks(buffer->pages + i, count, 0);
		cond_resched();
	}
	if (leaked)
		pr_warn("leaked %lu pages whose memory type could not be restored\n", leaked);
}

/* Give the direct map the same memory type as user mappings. */
static int set_memory_type(struct vmwalk_buffer *buffer, struct vmwalk_errmsg *errmsg)
{
	unsigned long i, count;
	struct page **pages;

	for (i = 0; i < buffer->nr_pages; i += count) {
		pages = buffer->pages + i;
		count = min(buffer->nr_pages - i, SET_MEMORY_PAGES);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (buffer->cache_mode == VMWALK_CACHE_WC ? set_pages_array_wc(pages, count) :
							    set_pages_array_uc(pages, count))
			return vmwalk_errmsg_set(errmsg, -ENOMEM,
				"size %zu: could not change the memory type of the direct map",
				buffer->size);
		cond_resched();
	}

	return 0;
}

static int pages_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_errmsg *errmsg)
{
	int err;

	err = alloc_chunks(buffer, node, 0, errmsg);
	if (err || buffer->cache_mode == VMWALK_CACHE_WB)
		return err;

	err = set_memory_type(buffer, errmsg);
	if (err)
		/* Some pages may already have the new memory type. */
		pages_destroy(buffer);

	return err;
}

static int huge_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_errmsg *errmsg)
{
	return alloc_chunks(buffer, node, VMWALK_HUGE_ORDER, errmsg);
}

static void huge_destroy(struct vmwalk_buffer *buffer)
{
	free_chunks(buffer->pages, buffer->nr_pages, VMWALK_HUGE_ORDER);
}

static unsigned long huge_charge(unsigned long nr_pages)
{
	return round_up(nr_pages, VMWALK_HUGE_PAGES);
}

/*
 * The DMA API allocates for a device. This one can address all memory, except
 * while a buffer with fewer address_bits is allocated.
 */
static struct platform_device *dma_device;
static DEFINE_MUTEX(dma_lock);	/* protects the device's node and mask */

/* Check that the DMA API, which chooses the zone, supports the mask. */
static int limit_by_mask(struct vmwalk_buffer *buffer, int node, struct vmwalk_errmsg *errmsg)
{
	struct device *dev = &dma_device->dev;
	unsigned int bits = buffer->address_bits;

	/* The DMA API decrypts memory if the mask has no encryption bit. */
	if (vmwalk_host_is_encrypted())
		return vmwalk_errmsg_set(errmsg, -EOPNOTSUPP,
			"address_bits %u: buffer_type dma supports no limit on a machine with encrypted memory; use another buffer_type",
			bits);

	if (mutex_lock_killable(&dma_lock))
		return -EINTR;
	while (bits < VMWALK_MAX_ADDRESS_BITS && dma_set_coherent_mask(dev, DMA_BIT_MASK(bits)))
		bits++;
	dma_set_coherent_mask(dev, DMA_BIT_MASK(VMWALK_MAX_ADDRESS_BITS));
	mutex_unlock(&dma_lock);

	if (bits == buffer->address_bits)
		return 0;
	return vmwalk_errmsg_set(errmsg, -EOPNOTSUPP,
		"address_bits %u: the DMA API supports no mask of fewer than %u bits; use %u or more",
		buffer->address_bits, bits, bits);
}

/*
 * The memory type that the DMA API has chosen. All mappings of a page must have
 * the same type. If a device is not coherent, its memory is not cacheable.
 */
static unsigned int dma_cache_mode(struct device *dev)
{
	if (dev_is_dma_coherent(dev))
		return VMWALK_CACHE_WB;

	return pgprot_val(pgprot_dmacoherent(PAGE_KERNEL)) ==
	       pgprot_val(pgprot_writecombine(PAGE_KERNEL)) ? VMWALK_CACHE_WC : VMWALK_CACHE_UC;
}

/* Hold the lock: some DMA operations check the mask when they free memory. */
static void dma_destroy(struct vmwalk_buffer *buffer)
{
	mutex_lock(&dma_lock);
	dma_free_attrs(&dma_device->dev, buffer->size, buffer->kaddr, buffer->dma, 0);
	mutex_unlock(&dma_lock);
}

/*
 * The DMA API ignores the device's node if it allocates from the default CMA
 * area.
 */
static int check_node(const struct vmwalk_buffer *buffer, int node, struct vmwalk_errmsg *errmsg)
{
	unsigned long i;
	int nid;

	for (i = 0; node != NUMA_NO_NODE && i < buffer->nr_pages; i++) {
		nid = page_to_nid(buffer->pages[i]);
		if (nid != node)
			return vmwalk_errmsg_set(errmsg, -ENOMEM,
						 "numa_node %d: the DMA API allocated memory on node %d, which has its CMA area",
						 node, nid);
		cond_resched();
	}

	return 0;
}

static int dma_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_errmsg *errmsg)
{
	struct device *dev = &dma_device->dev;
	struct sg_page_iter iter;
	unsigned long i = 0;
	struct sg_table sgt;
	int err;

	if (mutex_lock_killable(&dma_lock))
		return -EINTR;
	set_dev_node(dev, node);
	if (!dma_set_coherent_mask(dev, DMA_BIT_MASK(buffer->address_bits)))
		buffer->kaddr = dma_alloc_attrs(dev, buffer->size, &buffer->dma,
						gfp_for(buffer, node), 0);
	dma_set_coherent_mask(dev, DMA_BIT_MASK(VMWALK_MAX_ADDRESS_BITS));
	mutex_unlock(&dma_lock);
	if (!buffer->kaddr)
		return set_contig_error(buffer, node, "the DMA API", errmsg);

	/* Only the DMA API knows which pages @kaddr maps. */
	err = dma_get_sgtable_attrs(dev, &sgt, buffer->kaddr, buffer->dma, buffer->size, 0);
	if (err) {
		dma_destroy(buffer);
		return vmwalk_errmsg_set(errmsg, -ENOMEM,
				     "size %zu: no memory for the buffer's scatterlist",
				     buffer->size);
	}
	for_each_sgtable_page(&sgt, &iter, 0) {
		if (i < buffer->nr_pages)
			buffer->pages[i++] = sg_page_iter_page(&iter);
		cond_resched();
	}
	sg_free_table(&sgt);
	err = check_node(buffer, node, errmsg);
	if (err) {
		dma_destroy(buffer);
		return err;
	}
	buffer->cache_mode = dma_cache_mode(dev);

	return 0;
}

/* Chunks above KMALLOC_MAX_SIZE come from CMA, which does not round up. */
static unsigned long dma_charge(unsigned long nr_pages)
{
	return nr_pages > KMALLOC_MAX_SIZE / PAGE_SIZE ? nr_pages : chunk_charge(nr_pages);
}

static unsigned long same_charge(unsigned long nr_pages)
{
	return nr_pages;
}

const struct vmwalk_buffer_type vmwalk_buffer_type_ops[] = {
	[VMWALK_BUFFER_KMALLOC] = {
		.limit = limit_by_zone,
		.create = kmalloc_create,
		.destroy = kmalloc_destroy,
		.charge = kmalloc_charge,
		/* kmalloc() has no flag for ZONE_DMA32. */
		.zones = __GFP_DMA,
	},
	[VMWALK_BUFFER_VMALLOC] = {
		.limit = limit_by_zone,
		.create = vmalloc_create,
		.destroy = vmalloc_destroy,
		.charge = same_charge,
		.refcounted = true,
		.zones = __GFP_DMA | __GFP_DMA32,
	},
	[VMWALK_BUFFER_PAGES] = {
		.limit = limit_by_zone,
		.create = pages_create,
		.destroy = pages_destroy,
		.charge = same_charge,
		.refcounted = true,
		.zones = __GFP_DMA | __GFP_DMA32,
	},
	[VMWALK_BUFFER_HUGE] = {
		.limit = limit_by_zone,
		.create = huge_create,
		.destroy = huge_destroy,
		.charge = huge_charge,
		.refcounted = true,
		.zones = __GFP_DMA | __GFP_DMA32,
	},
	[VMWALK_BUFFER_DMA] = {
		.limit = limit_by_mask,
		.create = dma_create,
		.destroy = dma_destroy,
		.charge = dma_charge,
		.from_cma = true,
	},
};

/* Exclude buffer types and cache modes that this machine does not support. */
static void __init exclude_unavailable(void)
{
	if (!VMWALK_CHANGES_CACHE_MODES)
		vmwalk_config_exclude_cache_modes(VMWALK_BUFFER_PAGES,
						  BIT(VMWALK_CACHE_WC) | BIT(VMWALK_CACHE_UC));
	/* In a guest with encrypted memory, DMA memory is not encrypted. */
	if (vmwalk_guest_is_encrypted())
		vmwalk_config_exclude_type(VMWALK_BUFFER_DMA);
}

int __init vmwalk_alloc_init(void)
{
	const struct platform_device_info info = {
		.name = KBUILD_MODNAME,
		.id = PLATFORM_DEVID_NONE,
		.dma_mask = DMA_BIT_MASK(64),
	};

	exclude_unavailable();
	dma_device = platform_device_register_full(&info);
	return PTR_ERR_OR_ZERO(dma_device);
}

void vmwalk_alloc_exit(void)
{
	platform_device_unregister(dma_device);
}
