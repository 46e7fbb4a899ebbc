// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of an instance: how each type is allocated, bounded, charged, filled and freed.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/atomic.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "internal.h"

static unsigned long max_buffer_mb;
module_param(max_buffer_mb, ulong, 0644);
MODULE_PARM_DESC(max_buffer_mb, "MiB that all buffers together may take (default: a quarter of RAM)");

/* Pages in all buffers; compared with max_buffer_mb when a buffer is made. */
static atomic_long_t buffer_pages;

/*
 * Zeroed and charged to the caller's memory cgroup. A buffer may be a large part of the machine's
 * memory, so the kernel shall try hard, but neither kill a process for it nor complain.
 */
#define VMWALK_GFP (GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* What the fill attribute's words stand for; NULL: zeroes. */
static const char *const fill_patterns[] = { NULL, "0123456789", "abcdefghijklmnopqrstuvwxyz" };

/* A module parameter of 0 at load time stands for the default. */
void __init vmwalk_buffer_init(void)
{
	if (!max_buffer_mb)
		max_buffer_mb = totalram_pages() / 4 >> (20 - PAGE_SHIFT);
}

static int take_pages(unsigned long pages, struct vmwalk_reason *why)
{
	unsigned long limit_mb = min(READ_ONCE(max_buffer_mb), ULONG_MAX >> 20);
	unsigned long limit = limit_mb << (20 - PAGE_SHIFT);
	long used = atomic_long_read(&buffer_pages);

	do {
		if (pages > limit || used > limit - pages)
			return vmwalk_refuse(why, -ENOMEM,
				"size %llu exceeds what max_buffer_mb leaves: %lu MiB for all buffers, %llu bytes in use",
				(u64)pages << PAGE_SHIFT, limit_mb, (u64)used << PAGE_SHIFT);
	} while (!atomic_long_try_cmpxchg(&buffer_pages, &used, used + pages));

	return 0;
}

static void give_pages(unsigned long pages)
{
	atomic_long_sub(pages, &buffer_pages);
}

/* One block; of a slab or not, it is never refcounted page by page. */
static int kmalloc_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_reason *why)
{
	gfp_t here = node == NUMA_NO_NODE ? 0 : __GFP_THISNODE;

	if (buffer->size > KMALLOC_MAX_SIZE)
		return vmwalk_refuse(why, -ENOMEM,
			"size %zu exceeds the largest block that kmalloc gives, %lu bytes",
			buffer->size, KMALLOC_MAX_SIZE);

	/*
	 * Whole pages start at a page: kmalloc aligns what is a power of two to itself, and takes
	 * what is larger than two pages from the page allocator.
	 */
	buffer->kaddr = kmalloc_node(buffer->size, VMWALK_GFP | here, node);
	if (!buffer->kaddr)
		return -ENOMEM;

	buffer->pfn = page_to_pfn(virt_to_page(buffer->kaddr));
	return 0;
}

static void kmalloc_destroy(struct vmwalk_buffer *buffer)
{
	kfree(buffer->kaddr);
}

static void free_pages_from(struct vmwalk_buffer *buffer, unsigned long count)
{
	while (count--)
		__free_page(buffer->pages[count]);
}

/*
 * No vmalloc call that modules may use takes both a node and a memory cgroup's charge. For a given
 * node this does by hand what vmalloc does: single pages, side by side in its part of the address
 * space.
 */
static int vmalloc_on_node(struct vmwalk_buffer *buffer, int node)
{
	unsigned long i;

	for (i = 0; i < buffer->nr_pages; i++) {
		if (fatal_signal_pending(current))
			goto err_free;
		buffer->pages[i] = alloc_pages_node(node, VMWALK_GFP | __GFP_THISNODE, 0);
		if (!buffer->pages[i])
			goto err_free;
		cond_resched();
	}

	buffer->kaddr = vmap(buffer->pages, buffer->nr_pages, VM_MAP, PAGE_KERNEL);
	if (!buffer->kaddr)
		goto err_free;

	buffer->vmapped = true;
	return 0;

err_free:
	free_pages_from(buffer, i);
	return -ENOMEM;
}

static int vmalloc_anywhere(struct vmwalk_buffer *buffer)
{
	unsigned long i;

	buffer->kaddr = __vmalloc(buffer->size, VMWALK_GFP);
	if (!buffer->kaddr)
		return -ENOMEM;

	for (i = 0; i < buffer->nr_pages; i++) {
		buffer->pages[i] = vmalloc_to_page(buffer->kaddr + i * PAGE_SIZE);
		cond_resched();
	}

	return 0;
}

static int vmalloc_create(struct vmwalk_buffer *buffer, int node, struct vmwalk_reason *why)
{
	int err;

	buffer->pages = kvmalloc_array(buffer->nr_pages, sizeof(*buffer->pages), VMWALK_GFP);
	if (!buffer->pages)
		return -ENOMEM;

	err = node == NUMA_NO_NODE ? vmalloc_anywhere(buffer) : vmalloc_on_node(buffer, node);
	if (err)
		kvfree(buffer->pages);

	return err;
}

static void vmalloc_destroy(struct vmwalk_buffer *buffer)
{
	if (buffer->vmapped) {
		vunmap(buffer->kaddr);
		free_pages_from(buffer, buffer->nr_pages);
	} else {
		vfree(buffer->kaddr);
	}
	kvfree(buffer->pages);
}

/*
 * What tells the types of buffers apart. create() returns -ENOMEM with nothing allocated where
 * memory is short; it says why only if it knows better than that.
 */
static const struct buffer_type {
	int (*create)(struct vmwalk_buffer *buffer, int node, struct vmwalk_reason *why);
	void (*destroy)(struct vmwalk_buffer *buffer);
	unsigned int map_modes;		/* bit of each VMWALK_MAP_* that works */
} buffer_types[] = {
	[VMWALK_BUFFER_KMALLOC] = {
		.create = kmalloc_create,
		.destroy = kmalloc_destroy,
		.map_modes = BIT(VMWALK_MAP_REMAP) | BIT(VMWALK_MAP_FAULT),
	},
	[VMWALK_BUFFER_VMALLOC] = {
		.create = vmalloc_create,
		.destroy = vmalloc_destroy,
		.map_modes = BIT(VMWALK_MAP_REMAP) | BIT(VMWALK_MAP_INSERT) | BIT(VMWALK_MAP_FAULT),
	},
};

/**
 * vmwalk_buffer_can_map - does a map mode work for a type of buffer?
 * @buffer_type: VMWALK_BUFFER_*
 * @map_mode: VMWALK_MAP_*
 */
bool vmwalk_buffer_can_map(unsigned int buffer_type, unsigned int map_mode)
{
	return buffer_types[buffer_type].map_modes & BIT(map_mode);
}

static unsigned long count_segments(const struct vmwalk_buffer *buffer)
{
	unsigned long i, segments = 1;

	for (i = 1; i < buffer->nr_pages; i++) {
		if (vmwalk_buffer_pfn(buffer, i) != vmwalk_buffer_pfn(buffer, i - 1) + 1)
			segments++;
		cond_resched();
	}

	return segments;
}

static void fill_buffer(struct vmwalk_buffer *buffer, const char *pattern)
{
	size_t i, len = strlen(pattern);
	char *byte = buffer->kaddr;

	for (i = 0; i < buffer->size; i++) {
		byte[i] = pattern[i % len];
		if (!(i % SZ_1M))
			cond_resched();
	}
}

/**
 * vmwalk_buffer_create - allocate and fill a buffer
 * @buffer: is set up; the caller calls vmwalk_buffer_destroy() in the end
 * @config: type, size, node and fill; judged to go together
 * @why: says which limit was met
 *
 * Return: 0, or -ENOMEM with nothing allocated.
 */
int vmwalk_buffer_create(struct vmwalk_buffer *buffer, const struct vmwalk_config *config,
			 struct vmwalk_reason *why)
{
	const char *pattern = fill_patterns[config->fill];
	int err;

	*buffer = (struct vmwalk_buffer) {
		.type = config->buffer_type,
		.size = config->size,
		.nr_pages = config->size >> PAGE_SHIFT,
	};

	/* A block of kmalloc is a power of two of pages, whatever was asked for. */
	buffer->charge = buffer->type == VMWALK_BUFFER_KMALLOC ?
			 roundup_pow_of_two(buffer->nr_pages) : buffer->nr_pages;
	err = take_pages(buffer->charge, why);
	if (err)
		return err;

	vmwalk_refuse(why, -ENOMEM, "size %zu: machine, node or memory cgroup has less left",
		      buffer->size);
	err = buffer_types[buffer->type].create(buffer, config->numa_node, why);
	if (err) {
		give_pages(buffer->charge);
		return err;
	}

	if (pattern)
		fill_buffer(buffer, pattern);
	buffer->segments = count_segments(buffer);

	return 0;
}

/**
 * vmwalk_buffer_destroy - free a buffer
 * @buffer: the buffer; nobody maps or uses it any more
 */
void vmwalk_buffer_destroy(struct vmwalk_buffer *buffer)
{
	buffer_types[buffer->type].destroy(buffer);
	give_pages(buffer->charge);
}
