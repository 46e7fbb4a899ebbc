// SPDX-License-Identifier: GPL-2.0
/*
 * A buffer of kernel memory: limit, allocation, contents, kernel access.
 *
 * Copyright (C) The vmwalk authors
 *
 * Chunks in the page cache
 *
 * The core installs PMD entries with references for folios of the page cache.
 * So with map_mode insert, the chunks of a huge buffer are in the page cache of
 * the device's inode. They are on no LRU list: the kernel does not reclaim or
 * migrate them. They are not counted in nrpages, so that nothing but this file
 * removes them.
 *
 * The page cache holds one reference per page, and the buffer one per chunk.
 * The sum is never the one that the core expects of a folio that it may split.
 */
#include <linux/atomic.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/page_ref.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "alloc.h"
#include "buffer.h"
#include "compat.h"
#include "config.h"
#include "errmsg.h"
#include "uapi/vmwalk.h"

static unsigned long max_buffer_mb;
module_param(max_buffer_mb, ulong, 0644);
MODULE_PARM_DESC(max_buffer_mb, "limit of all buffers together, in MiB (default: a quarter of RAM)");

/* Pages that are charged to max_buffer_mb. */
static atomic_long_t buffer_pages;

/* Indexed by vmwalk_config.fill; NULL: zeroes. */
static const char *const fill_patterns[] = { NULL, "0123456789", "abcdefghijklmnopqrstuvwxyz" };

void __init vmwalk_buffer_init(void)
{
	if (!max_buffer_mb)
		max_buffer_mb = totalram_pages() / 4 >> (20 - PAGE_SHIFT);
}

static int charge_pages(unsigned long pages, struct vmwalk_errmsg *errmsg)
{
	unsigned long limit_mb = min(READ_ONCE(max_buffer_mb), ULONG_MAX >> 20);
	unsigned long limit = limit_mb << (20 - PAGE_SHIFT);
	long used = atomic_long_read(&buffer_pages);

	do {
		if (pages > limit || used > limit - pages)
			return vmwalk_errmsg_set(errmsg, -ENOMEM,
				"size %llu exceeds what max_buffer_mb leaves: %lu MiB for all buffers, %llu bytes in use",
				(u64)pages << PAGE_SHIFT, limit_mb, (u64)used << PAGE_SHIFT);
		if (pages > totalram_pages())
			return vmwalk_errmsg_set(errmsg, -ENOMEM,
				"size %llu exceeds the machine's memory, %llu bytes",
				(u64)pages << PAGE_SHIFT, (u64)totalram_pages() << PAGE_SHIFT);
	} while (!atomic_long_try_cmpxchg(&buffer_pages, &used, used + pages));

	return 0;
}

static void uncharge_pages(unsigned long pages)
{
	atomic_long_sub(pages, &buffer_pages);
}

/*
 * Limit the allocation to address_bits, and check that enough memory is
 * available.
 */
static int prepare_alloc(struct vmwalk_buffer *buffer, int node, struct vmwalk_errmsg *errmsg)
{
	int err = 0;

	if (buffer->address_bits < VMWALK_MAX_ADDRESS_BITS)
		err = buffer->type->limit(buffer, node, errmsg);

	return err ?: vmwalk_alloc_check(buffer, 0, node, errmsg);
}

/*
 * Count the segments, and check the highest page: memory may have been added to
 * the zone, and a DMA mask limits addresses as a device sees them.
 */
static int measure_pages(struct vmwalk_buffer *buffer, struct vmwalk_errmsg *errmsg)
{
	unsigned long i, pfn, previous = 0;

	for (i = 0; i < buffer->nr_pages; i++) {
		pfn = vmwalk_buffer_pfn(buffer, i);
		if (!i || pfn != previous + 1)
			buffer->segments++;
		buffer->highest_pfn = max(buffer->highest_pfn, pfn);
		previous = pfn;
		cond_resched();
	}
	if (!(buffer->highest_pfn >> (buffer->address_bits - PAGE_SHIFT)))
		return 0;

	return vmwalk_errmsg_set(errmsg, -ENOMEM,
		"address_bits %u: the kernel allocated memory above 2^%u; try again, or use another buffer_type",
		buffer->address_bits, buffer->address_bits);
}

/* Returns 0; -EINTR on a fatal signal. */
static int fill_buffer(struct vmwalk_buffer *buffer, const char *pattern)
{
	size_t offset, i, len = strlen(pattern);
	char *byte;

	for (offset = 0; offset < buffer->size; offset += PAGE_SIZE) {
		if (fatal_signal_pending(current))
			return -EINTR;
		byte = vmwalk_buffer_kmap(buffer, offset);
		for (i = 0; i < PAGE_SIZE; i++)
			byte[i] = pattern[(offset + i) % len];
		vmwalk_buffer_kunmap(buffer, byte);
		cond_resched();
	}

	return 0;
}

/* Store a chunk in the page cache, or NULL. Storing NULL does not fail. */
static int store_chunk(struct address_space *mapping, unsigned long index, struct page *chunk)
{
	XA_STATE_ORDER(xas, &mapping->i_pages, index, VMWALK_HUGE_ORDER);

	do {
		xas_lock_irq(&xas);
		xas_store(&xas, chunk);
		xas_unlock_irq(&xas);
	} while (xas_nomem(&xas, GFP_KERNEL_ACCOUNT | __GFP_NOWARN));

	return xas_error(&xas);
}

/*
 * Remove the first @nr_pages pages from the page cache. References from
 * elsewhere may remain, as after truncation: the page lock orders this with
 * their owners' use of the address space.
 */
static void remove_chunks(struct vmwalk_buffer *buffer, unsigned long nr_pages)
{
	unsigned long i;

	for (i = 0; i < nr_pages; i += VMWALK_HUGE_PAGES) {
		struct page *chunk = buffer->pages[i];

		lock_page(chunk);
		store_chunk(buffer->mapping, i, NULL);
		vmwalk_set_page_mapping(chunk, NULL, 0);
		unlock_page(chunk);
		page_ref_sub(chunk, VMWALK_HUGE_PAGES);
		cond_resched();
	}
}

/* Returns 0; -ENOMEM; -EINTR on a fatal signal. */
static int add_chunks(struct vmwalk_buffer *buffer, struct address_space *mapping,
		      struct vmwalk_errmsg *errmsg)
{
	unsigned long i;
	int err = 0;

	buffer->mapping = mapping;

	/* The core does not map a folio that reaches the end of the file. */
	i_size_write(mapping->host,
		     (loff_t)(round_up(buffer->nr_pages, VMWALK_HUGE_PAGES) + 1) << PAGE_SHIFT);

	for (i = 0; i < buffer->nr_pages; i += VMWALK_HUGE_PAGES) {
		struct page *chunk = buffer->pages[i];

		err = fatal_signal_pending(current) ? -EINTR : store_chunk(mapping, i, chunk);
		if (err)
			break;
		page_ref_add(chunk, VMWALK_HUGE_PAGES);
		vmwalk_set_page_mapping(chunk, mapping, i);
		SetPageUptodate(chunk);
		cond_resched();
	}
	if (!err)
		return 0;

	remove_chunks(buffer, i);
	return vmwalk_errmsg_set(errmsg, err, "size %zu: no memory for the page cache",
				 buffer->size);
}

/**
 * vmwalk_buffer_create - allocate and fill a buffer
 * @buffer: set up; to be passed to vmwalk_buffer_destroy()
 * @config: the configuration, validated
 * @mapping: address space that outlives the buffer; no other memory is in its
 *           page cache
 * @errmsg: set on error
 *
 * Return: 0; on error -ENOMEM, -EOPNOTSUPP, or -EINTR on a fatal signal, with
 * nothing allocated.
 */
int vmwalk_buffer_create(struct vmwalk_buffer *buffer, const struct vmwalk_config *config,
			 struct address_space *mapping, struct vmwalk_errmsg *errmsg)
{
	const struct vmwalk_buffer_type *type = &vmwalk_buffer_type_ops[config->buffer_type];
	const char *pattern = fill_patterns[config->fill];
	int err;

	*buffer = (struct vmwalk_buffer) {
		.type = type,
		.map_mode = config->map_mode,
		.cache_mode = config->cache_mode,
		.size = config->size,
		.nr_pages = config->size >> PAGE_SHIFT,
		.address_bits = config->address_bits,
	};
	buffer->charged = type->charge(buffer->nr_pages);

	err = charge_pages(buffer->charged, errmsg);
	if (err)
		return err;

	err = prepare_alloc(buffer, config->numa_node, errmsg);
	if (err)
		goto err_uncharge;

	buffer->pages = kvmalloc_array(buffer->nr_pages, sizeof(*buffer->pages),
				       GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!buffer->pages) {
		err = vmwalk_errmsg_set(errmsg, -ENOMEM,
					"size %zu: no memory left, in the machine or the memory cgroup, for the buffer's page array",
				    buffer->size);
		goto err_uncharge;
	}

	err = type->create(buffer, config->numa_node, errmsg);
	if (err)
		goto err_free;

	err = measure_pages(buffer, errmsg);
	if (!err && pattern)
		err = fill_buffer(buffer, pattern);
	if (!err && VMWALK_MAPS_FOLIOS && config->buffer_type == VMWALK_BUFFER_HUGE &&
	    config->map_mode == VMWALK_MAP_INSERT)
		err = add_chunks(buffer, mapping, errmsg);
	if (err)
		goto err_destroy;

	return 0;

err_destroy:
	type->destroy(buffer);
err_free:
	kvfree(buffer->pages);
err_uncharge:
	uncharge_pages(buffer->charged);
	/* Allocations may have failed because of the signal. */
	if (fatal_signal_pending(current))
		err = vmwalk_errmsg_set(errmsg, -EINTR, "interrupted by a fatal signal");
	return err;
}

/**
 * vmwalk_buffer_destroy - free a buffer
 * @buffer: the buffer; no longer mapped or used
 */
void vmwalk_buffer_destroy(struct vmwalk_buffer *buffer)
{
	if (buffer->mapping)
		remove_chunks(buffer, buffer->nr_pages);
	buffer->type->destroy(buffer);
	kvfree(buffer->pages);
	uncharge_pages(buffer->charged);
}

/**
 * vmwalk_buffer_is_pfnmap - check whether shared mappings are PFN mappings
 * @buffer: the buffer
 *
 * Mappings hold references to refcounted pages, except with map_mode remap, and
 * with map_mode fault if the buffer can have PMD mappings.
 *
 * Return: true if mappings of the buffer do not hold references to its pages.
 */
bool vmwalk_buffer_is_pfnmap(const struct vmwalk_buffer *buffer)
{
	return buffer->map_mode == VMWALK_MAP_REMAP || !buffer->type->refcounted ||
	       (buffer->map_mode == VMWALK_MAP_FAULT && vmwalk_buffer_maps_pmds(buffer));
}

/**
 * vmwalk_buffer_maps_pmds - check whether the buffer can have PMD mappings
 * @buffer: the buffer
 */
bool vmwalk_buffer_maps_pmds(const struct vmwalk_buffer *buffer)
{
	return buffer->mapping || (buffer->map_mode == VMWALK_MAP_FAULT &&
	       buffer->type == &vmwalk_buffer_type_ops[VMWALK_BUFFER_HUGE]);
}

/**
 * vmwalk_buffer_prot - the protection of entries that map a buffer
 * @buffer: the buffer
 * @vm_flags: flags of the VMA
 *
 * Return: the protection of the flags, with the memory type of cache_mode.
 */
pgprot_t vmwalk_buffer_prot(const struct vmwalk_buffer *buffer, unsigned long vm_flags)
{
	pgprot_t prot = vm_get_page_prot(vm_flags);

	switch (buffer->cache_mode) {
	case VMWALK_CACHE_WC:
		return pgprot_writecombine(prot);
	case VMWALK_CACHE_UC:
		return pgprot_noncached(prot);
	default:
		return prot;
	}
}

/**
 * vmwalk_buffer_kmap - map a byte of the buffer into the kernel
 * @buffer: the buffer
 * @offset: offset of the byte, less than the buffer's size
 *
 * Nested calls must be undone in reverse order, by the same task.
 *
 * Return: the address of the byte. The rest of the page can be accessed, too,
 * until vmwalk_buffer_kunmap().
 */
void *vmwalk_buffer_kmap(const struct vmwalk_buffer *buffer, size_t offset)
{
	if (buffer->kaddr)
		return buffer->kaddr + offset;

	return kmap_local_page(buffer->pages[offset >> PAGE_SHIFT]) + offset_in_page(offset);
}

/**
 * vmwalk_buffer_kunmap - undo vmwalk_buffer_kmap()
 * @buffer: the buffer
 * @addr: the address that vmwalk_buffer_kmap() returned
 */
void vmwalk_buffer_kunmap(const struct vmwalk_buffer *buffer, const void *addr)
{
	if (!buffer->kaddr)
		kunmap_local(addr);
}

/**
 * vmwalk_buffer_kaddr - get the permanent kernel address of a byte
 * @buffer: the buffer
 * @offset: offset of the byte, less than the buffer's size
 *
 * Return: the address; 0 if there is none.
 */
unsigned long vmwalk_buffer_kaddr(const struct vmwalk_buffer *buffer, size_t offset)
{
	const void *page;

	if (buffer->kaddr)
		return (unsigned long)buffer->kaddr + offset;

	page = page_address(buffer->pages[offset >> PAGE_SHIFT]);
	return page ? (unsigned long)page + offset_in_page(offset) : 0;
}

/**
 * vmwalk_buffer_find_kaddr - find bytes of the buffer by their kernel address
 * @buffer: the buffer
 * @addr: permanent kernel address of the first byte, not 0
 * @len: number of bytes, at least 1
 * @offset: set to the offset of the first byte
 *
 * Return: true if the buffer contains all bytes, at consecutive offsets; false
 * also on a fatal signal.
 */
bool vmwalk_buffer_find_kaddr(const struct vmwalk_buffer *buffer, unsigned long addr, size_t len,
			      size_t *offset)
{
	size_t at;

	if (buffer->kaddr) {
		*offset = addr - (unsigned long)buffer->kaddr;
		return *offset < buffer->size && len <= buffer->size - *offset;
	}

	for (at = 0; at < buffer->size; at += PAGE_SIZE) {
		if (vmwalk_buffer_kaddr(buffer, at) == (addr & PAGE_MASK))
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
		if (vmwalk_buffer_kaddr(buffer, at) != ((addr - *offset + at) & PAGE_MASK))
			return false;
		if (len <= PAGE_SIZE)
			return true;
	}

	return false;
}

/**
 * vmwalk_buffer_contig_len - measure physically contiguous memory
 * @buffer: the buffer
 * @offset: offset of the first byte, less than the buffer's size
 *
 * Return: number of contiguous bytes from @offset on, which may be too small on
 * a fatal signal.
 */
size_t vmwalk_buffer_contig_len(const struct vmwalk_buffer *buffer, size_t offset)
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
