// SPDX-License-Identifier: GPL-2.0
/*
 * The buffer of an instance: its limit, its life, its first contents, and the way to its bytes.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/atomic.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "internal.h"

static unsigned long max_buffer_mb;
module_param(max_buffer_mb, ulong, 0644);
MODULE_PARM_DESC(max_buffer_mb, "MiB that all buffers together may take (default: a quarter of RAM)");

/* Pages in all buffers; compared with max_buffer_mb when a buffer is made. */
static atomic_long_t buffer_pages;

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
		/* Taking all that there is before finding out would hurt everybody else. */
		if (pages > totalram_pages())
			return vmwalk_refuse(why, -ENOMEM,
				"size %llu exceeds the machine's memory, %llu bytes",
				(u64)pages << PAGE_SHIFT, (u64)totalram_pages() << PAGE_SHIFT);
	} while (!atomic_long_try_cmpxchg(&buffer_pages, &used, used + pages));

	return 0;
}

static void give_pages(unsigned long pages)
{
	atomic_long_sub(pages, &buffer_pages);
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

/* Returns 0; -EINTR on a fatal signal. */
static int fill_buffer(struct vmwalk_buffer *buffer, const char *pattern)
{
	size_t offset, i, len = strlen(pattern);
	char *byte;

	for (offset = 0; offset < buffer->size; offset += PAGE_SIZE) {
		if (fatal_signal_pending(current))
			return -EINTR;
		byte = vmwalk_buffer_reach(buffer, offset);
		for (i = 0; i < PAGE_SIZE; i++)
			byte[i] = pattern[(offset + i) % len];
		vmwalk_buffer_leave(buffer, byte);
		cond_resched();
	}

	return 0;
}

/**
 * vmwalk_buffer_create - allocate and fill a buffer
 * @buffer: is set up; the caller calls vmwalk_buffer_destroy() in the end
 * @config: type, size, node, cache mode and fill; judged to go together
 * @why: says which limit was met
 *
 * Return: 0, or with nothing allocated -ENOMEM, -EOPNOTSUPP, or -EINTR on a
 * fatal signal.
 */
int vmwalk_buffer_create(struct vmwalk_buffer *buffer, const struct vmwalk_config *config,
			 struct vmwalk_reason *why)
{
	const struct vmwalk_memory *memory = &vmwalk_memory[config->buffer_type];
	const char *pattern = fill_patterns[config->fill];
	int err;

	*buffer = (struct vmwalk_buffer) {
		.memory = memory,
		.cache_mode = config->cache_mode,
		.size = config->size,
		.nr_pages = config->size >> PAGE_SHIFT,
	};
	buffer->cost = memory->cost(buffer->nr_pages);

	err = take_pages(buffer->cost, why);
	if (err)
		return err;

	err = vmwalk_memory_check(buffer, 0, config->numa_node, why);
	if (err)
		goto err_give;

	buffer->pages = kvmalloc_array(buffer->nr_pages, sizeof(*buffer->pages),
				       GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!buffer->pages) {
		err = vmwalk_refuse(why, -ENOMEM,
				    "size %zu: no memory left, in the machine or the memory cgroup, for the buffer's page array",
				    buffer->size);
		goto err_give;
	}

	err = memory->create(buffer, config->numa_node, why);
	if (err)
		goto err_free;

	err = pattern ? fill_buffer(buffer, pattern) : 0;
	if (err)
		goto err_destroy;
	buffer->segments = count_segments(buffer);

	return 0;

err_destroy:
	memory->destroy(buffer);
err_free:
	kvfree(buffer->pages);
err_give:
	give_pages(buffer->cost);
	/* Allocations may have failed because of the signal. */
	if (fatal_signal_pending(current))
		err = vmwalk_refuse(why, -EINTR, "the process that wrote live was killed");
	return err;
}

/**
 * vmwalk_buffer_destroy - free a buffer
 * @buffer: the buffer; nobody maps or uses it any more
 */
void vmwalk_buffer_destroy(struct vmwalk_buffer *buffer)
{
	buffer->memory->destroy(buffer);
	kvfree(buffer->pages);
	give_pages(buffer->cost);
}

/**
 * vmwalk_buffer_reach - where the kernel finds a byte of the buffer
 * @buffer: the buffer
 * @offset: of the byte, below the buffer's size
 *
 * Return: its address, good to the end of its page until vmwalk_buffer_leave() is called, by the
 * same task and, if several are held, for the last one first.
 */
void *vmwalk_buffer_reach(const struct vmwalk_buffer *buffer, size_t offset)
{
	if (buffer->kaddr)
		return buffer->kaddr + offset;

	return kmap_local_page(buffer->pages[offset >> PAGE_SHIFT]) + offset_in_page(offset);
}

/**
 * vmwalk_buffer_leave - done with what vmwalk_buffer_reach() gave
 * @buffer: the buffer
 * @addr: the address
 */
void vmwalk_buffer_leave(const struct vmwalk_buffer *buffer, const void *addr)
{
	if (!buffer->kaddr)
		kunmap_local(addr);
}

/**
 * vmwalk_buffer_address - the address by which the kernel always knows a byte of the buffer
 * @buffer: the buffer
 * @offset: of the byte, below the buffer's size
 *
 * Return: the address; 0 if it has none.
 */
unsigned long vmwalk_buffer_address(const struct vmwalk_buffer *buffer, size_t offset)
{
	const void *page;

	if (buffer->kaddr)
		return (unsigned long)buffer->kaddr + offset;

	page = page_address(buffer->pages[offset >> PAGE_SHIFT]);
	return page ? (unsigned long)page + offset_in_page(offset) : 0;
}

/**
 * vmwalk_buffer_find - find bytes by the address by which the kernel always knows them
 * @buffer: the buffer
 * @addr: of the first byte, not 0
 * @len: their number, at least 1
 * @offset: where to put the offset of the first
 *
 * Return: whether all of them are the buffer's, one after the other.
 */
bool vmwalk_buffer_find(const struct vmwalk_buffer *buffer, unsigned long addr, size_t len,
			size_t *offset)
{
	size_t at;

	if (buffer->kaddr) {
		*offset = addr - (unsigned long)buffer->kaddr;
		return *offset < buffer->size && len <= buffer->size - *offset;
	}

	for (at = 0; at < buffer->size; at += PAGE_SIZE) {
		if (vmwalk_buffer_address(buffer, at) == (addr & PAGE_MASK))
			break;
		if (fatal_signal_pending(current))
			return false;
		cond_resched();
	}
	*offset = at + offset_in_page(addr);

	for (len += offset_in_page(addr); at < buffer->size; at += PAGE_SIZE, len -= PAGE_SIZE) {
		if (fatal_signal_pending(current))
			return false;
		cond_resched();
		if (vmwalk_buffer_address(buffer, at) != ((addr - *offset + at) & PAGE_MASK))
			return false;
		if (len <= PAGE_SIZE)
			return true;
	}

	return false;
}

/**
 * vmwalk_buffer_run - how far the buffer's memory runs on
 * @buffer: the buffer
 * @offset: where to start, below the buffer's size
 *
 * Return: bytes from there on that lie side by side in physical memory.
 */
size_t vmwalk_buffer_run(const struct vmwalk_buffer *buffer, size_t offset)
{
	unsigned long first = offset >> PAGE_SHIFT, count = 1;

	for (; first + count < buffer->nr_pages; count++) {
		if (vmwalk_buffer_pfn(buffer, first + count) !=
		    vmwalk_buffer_pfn(buffer, first) + count)
			break;
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}

	return (count << PAGE_SHIFT) - offset_in_page(offset);
}
