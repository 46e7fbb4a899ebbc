/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A buffer of kernel memory that programs can map.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_BUFFER_H
#define VMWALK_BUFFER_H

#include <linux/mm.h>
#include <linux/types.h>

struct address_space;
struct vmwalk_buffer_type;
struct vmwalk_config;
struct vmwalk_errmsg;

/**
 * struct vmwalk_buffer - a buffer
 * @type: operations of its buffer type
 * @map_mode: VMWALK_MAP_*
 * @cache_mode: VMWALK_CACHE_* of the user mappings; for the type dma chosen by
 *              the DMA API
 * @kaddr: kernel address of the whole buffer; NULL if the kernel has no mapping
 *         of the whole buffer
 * @size: size in bytes, a multiple of PAGE_SIZE
 * @nr_pages: size in pages
 * @pages: array of the buffer's pages
 * @mapping: the page cache that contains the chunks; NULL: no page cache does
 * @address_bits: all pages lie below physical address 2^address_bits
 * @zone: GFP flag of the zone to allocate from; 0: all zones
 * @segments: number of physically contiguous segments
 * @highest_pfn: the highest PFN of @pages
 * @charged: pages that count towards max_buffer_mb
 * @vmapped: @kaddr is a vmap() of @pages, not a vmalloc()
 * @dma: DMA address, needed to free the buffer
 *
 * No field changes between vmwalk_buffer_create() and vmwalk_buffer_destroy().
 */
struct vmwalk_buffer {
	const struct vmwalk_buffer_type *type;
	unsigned int map_mode;
	unsigned int cache_mode;
	void *kaddr;
	size_t size;
	unsigned long nr_pages;
	struct page **pages;
	struct address_space *mapping;
	unsigned int address_bits;
	gfp_t zone;
	unsigned long segments;
	unsigned long highest_pfn;
	unsigned long charged;
	bool vmapped;
	dma_addr_t dma;
};

void vmwalk_buffer_init(void);
int vmwalk_buffer_create(struct vmwalk_buffer *buffer, const struct vmwalk_config *config,
			 struct address_space *mapping, struct vmwalk_errmsg *errmsg);
void vmwalk_buffer_destroy(struct vmwalk_buffer *buffer);
bool vmwalk_buffer_is_pfnmap(const struct vmwalk_buffer *buffer);
bool vmwalk_buffer_maps_pmds(const struct vmwalk_buffer *buffer);
pgprot_t vmwalk_buffer_prot(const struct vmwalk_buffer *buffer, unsigned long vm_flags);
void *vmwalk_buffer_kmap(const struct vmwalk_buffer *buffer, size_t offset);
void vmwalk_buffer_kunmap(const struct vmwalk_buffer *buffer, const void *addr);
unsigned long vmwalk_buffer_kaddr(const struct vmwalk_buffer *buffer, size_t offset);
bool vmwalk_buffer_find_kaddr(const struct vmwalk_buffer *buffer, unsigned long addr, size_t len,
			      size_t *offset);
size_t vmwalk_buffer_contig_len(const struct vmwalk_buffer *buffer, size_t offset);

static inline unsigned long vmwalk_buffer_pfn(const struct vmwalk_buffer *buffer,
					      unsigned long index)
{
	return page_to_pfn(buffer->pages[index]);
}

#endif /* VMWALK_BUFFER_H */
