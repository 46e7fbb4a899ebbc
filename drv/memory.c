// SPDX-License-Identifier: GPL-2.0
/*
 * Where the memory of each type of buffer comes from, and how it goes back.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/cc_platform.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/sched/signal.h>
#include <linux/set_memory.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "internal.h"

/*
 * Zeroed and charged to the caller's memory cgroup. A buffer may be a large part of the machine's
 * memory, so the kernel shall try hard, but neither kill a process for it nor complain.
 */
#define VMWALK_GFP (GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* Pages in a block of a huge buffer: what one PMD entry maps. */
#define BLOCK_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#define BLOCK_PAGES	(PMD_SIZE / PAGE_SIZE)

static gfp_t gfp_on(int node)
{
	return VMWALK_GFP | (node == NUMA_NO_NODE ? 0 : __GFP_THISNODE);
}

/* What is no larger than this kmalloc takes from a slab. */
#define SLAB_PAGES	(KMALLOC_MAX_CACHE_SIZE / PAGE_SIZE)

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
		return -ENOMEM;

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
static void free_blocks(struct vmwalk_buffer *buffer, unsigned long nr_pages, unsigned int order)
{
	unsigned long i;

	for (i = 0; i < nr_pages; i += 1UL << order) {
		__free_pages(buffer->pages[i], order);
		cond_resched();
	}
}

static int alloc_blocks(struct vmwalk_buffer *buffer, int node, unsigned int order)
{
	gfp_t gfp = gfp_on(node) | (order ? __GFP_COMP : 0);
	struct page *block = NULL;
	unsigned long i;

	for (i = 0; i < buffer->nr_pages; i++) {
		unsigned long within = i & ((1UL << order) - 1);

		if (!within) {
			block = fatal_signal_pending(current) ? NULL :
				alloc_pages_node(node, gfp, order);
			if (!block) {
				free_blocks(buffer, i, order);
				return -ENOMEM;
			}
			cond_resched();
		}
		buffer->pages[i] = block + within;
	}

	return 0;
}

/*
 * No vmalloc call that modules may use takes both a node and a memory cgroup's charge. For a given
 * node this does by hand what vmalloc does: single pages, side by side in its part of the address
 * space.
 */
static int vmalloc_on_node(struct vmwalk_buffer *buffer, int node)
{
	int err;

	err = alloc_blocks(buffer, node, 0);
	if (err)
		return err;

	buffer->kaddr = vmap(buffer->pages, buffer->nr_pages, VM_MAP, PAGE_KERNEL);
	if (!buffer->kaddr) {
		free_blocks(buffer, buffer->nr_pages, 0);
		return -ENOMEM;
	}

	buffer->vmapped = true;
	return 0;
}

static int vmalloc_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_reason *why)
{
	unsigned long i;

	if (node != NUMA_NO_NODE)
		return vmalloc_on_node(buffer, node);

	buffer->kaddr = __vmalloc(buffer->size, VMWALK_GFP);
	if (!buffer->kaddr)
		return -ENOMEM;

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
		free_blocks(buffer, buffer->nr_pages, 0);
	} else {
		vfree(buffer->kaddr);
	}
}

static void pages_destroy(struct vmwalk_buffer *buffer)
{
	/* Pages that nobody can make normal again must not be handed to anybody. */
	if (buffer->cache_mode != VMWALK_CACHE_WB &&
	    set_pages_array_wb(buffer->pages, buffer->nr_pages)) {
		pr_warn("vmwalk: lost %lu pages whose caching can't be restored\n",
			buffer->nr_pages);
		return;
	}

	free_blocks(buffer, buffer->nr_pages, 0);
}

static int pages_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_reason *why)
{
	int err;

	if (buffer->cache_mode != VMWALK_CACHE_WB && buffer->nr_pages > INT_MAX)
		return vmwalk_refuse(why, -ENOMEM,
			"size %zu exceeds what can be had with this cache_mode, %lu bytes",
			buffer->size, (unsigned long)INT_MAX << PAGE_SHIFT);

	err = alloc_blocks(buffer, node, 0);
	if (err || buffer->cache_mode == VMWALK_CACHE_WB)
		return err;

	/* The kernel's own mapping has to agree with those of user space. */
	err = buffer->cache_mode == VMWALK_CACHE_WC ?
	      set_pages_array_wc(buffer->pages, buffer->nr_pages) :
	      set_pages_array_uc(buffer->pages, buffer->nr_pages);
	if (err) {
		/* Some of them may have been changed. */
		pages_destroy(buffer);
		return vmwalk_refuse(why, -ENOMEM,
			"size %zu: the kernel could not change the caching of its own mapping",
			buffer->size);
	}

	return 0;
}

static int huge_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_reason *why)
{
	vmwalk_refuse(why, -ENOMEM,
		      "size %zu: machine, node or memory cgroup has too few free blocks of %lu bytes",
		      buffer->size, PMD_SIZE);
	return alloc_blocks(buffer, node, BLOCK_ORDER);
}

static void huge_destroy(struct vmwalk_buffer *buffer)
{
	free_blocks(buffer, buffer->nr_pages, BLOCK_ORDER);
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

	vmwalk_refuse(why, -ENOMEM,
		      "size %zu: machine, node or memory cgroup has no such block for the DMA API",
		      buffer->size);

	mutex_lock(&dma_node_lock);
	set_dev_node(dev, node);
	buffer->kaddr = dma_alloc_attrs(dev, buffer->size, &buffer->dma, gfp_on(node), 0);
	mutex_unlock(&dma_node_lock);
	if (!buffer->kaddr)
		return -ENOMEM;

	/* Only the API knows what is behind the address that it gave. */
	err = dma_get_sgtable_attrs(dev, &sgt, buffer->kaddr, buffer->dma, buffer->size, 0);
	if (err) {
		dma_free_attrs(dev, buffer->size, buffer->kaddr, buffer->dma, 0);
		return -ENOMEM;
	}
	for_each_sgtable_page(&sgt, &iter, 0)
		if (i < buffer->nr_pages)
			buffer->pages[i++] = sg_page_iter_page(&iter);
	sg_free_table(&sgt);

	return 0;
}

static void dma_destroy(struct vmwalk_buffer *buffer)
{
	dma_free_attrs(&dma_device->dev, buffer->size, buffer->kaddr, buffer->dma, 0);
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
		/* At most: where the API has an area of its own it rounds nothing up. */
		.cost = block_cost,
		.map_modes = BIT(VMWALK_MAP_REMAP) | BIT(VMWALK_MAP_FAULT),
		.cache_modes = BIT(VMWALK_CACHE_WB),
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
