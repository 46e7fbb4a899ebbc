// SPDX-License-Identifier: GPL-2.0
/*
 * Reverse mapping: which mappings of a device exist, how many pages they map.
 *
 * Copyright (C) The vmwalk authors
 *
 * The address space of the device's inode lists all VMAs that map the device.
 * While i_mmap_rwsem is held for reading, no VMA of the device is added,
 * removed or resized. The page tables of these VMAs are not freed, since the
 * core removes a VMA from the list before it frees the VMA's page tables.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/rbtree.h>

#include "arch/pgtable.h"
#include "device.h"
#include "rmap.h"
#include "walk.h"

/* VMAs that are counted before i_mmap_rwsem is released. */
#define COUNT_BATCH	1024

/**
 * struct page_counter - counts the pages of the buffer that a VMA maps
 * @walker: the walk of the VMA
 * @buffer: the buffer
 * @vma: the VMA
 * @pages: the count
 */
struct page_counter {
	struct vmwalk_walker walker;
	const struct vmwalk_buffer *buffer;
	const struct vm_area_struct *vma;
	unsigned long pages;
};

/* PFN of the buffer's page. A private mapping may map a copy instead. */
static unsigned long expected_pfn(const struct page_counter *counter, unsigned long addr)
{
	const struct vm_area_struct *vma = counter->vma;

	return vmwalk_buffer_pfn(counter->buffer,
				 vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT));
}

static unsigned long count_ptes(struct vmwalk_walker *walker, pte_t *ptep,
				unsigned long addr, unsigned long end)
{
	struct page_counter *counter = container_of(walker, struct page_counter, walker);

	for (; addr < end; addr += PAGE_SIZE, ptep++) {
		pte_t pte = ptep_get(ptep);

		if (pte_present(pte) && vmwalk_pte_pfn(pte, addr) == expected_pfn(counter, addr))
			counter->pages++;
	}

	return end;
}

static unsigned long count_leaf(struct vmwalk_walker *walker, struct vmwalk_entry *entry,
				unsigned long addr, unsigned long end)
{
	struct page_counter *counter = container_of(walker, struct page_counter, walker);

	if (entry->present && entry->pfn == expected_pfn(counter, addr))
		counter->pages += (end - addr) >> PAGE_SHIFT;

	return end;
}

static struct vm_area_struct *to_vma(struct rb_node *node)
{
	return rb_entry(node, struct vm_area_struct, shared.rb);
}

/**
 * struct cursor - where to resume counting after i_mmap_rwsem was released
 * @pgoff: vm_pgoff of the next VMA; the interval tree is sorted by it
 * @nth: index of this VMA among those with the same vm_pgoff
 * @counted: bytes of the VMA that are counted
 */
struct cursor {
	unsigned long pgoff;
	unsigned long nth;
	unsigned long counted;
};

static struct rb_node *find_cursor(struct address_space *mapping, const struct cursor *cursor)
{
	struct rb_node *node = mapping->i_mmap.rb_root.rb_node, *found = NULL;
	unsigned long i;

	while (node) {
		if (to_vma(node)->vm_pgoff >= cursor->pgoff) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	for (i = 0; found && i < cursor->nth && to_vma(found)->vm_pgoff == cursor->pgoff; i++)
		found = rb_next(found);

	return found;
}

/*
 * Count one batch of VMAs from the cursor on. Returns 1 if VMAs are left, 0 if
 * not, or the error of vmwalk_device_interrupted().
 */
static int count_vmas(struct vmwalk_device *device, struct cursor *cursor, long *count)
{
	struct rb_node *node = find_cursor(device->inode->i_mapping, cursor);
	/* find_cursor() takes longer for a larger nth: grow the batch. */
	unsigned long left = COUNT_BATCH + cursor->nth / 8;

	for (; node && left; node = rb_next(node), left--) {
		if (to_vma(node)->vm_pgoff != cursor->pgoff)
			*cursor = (struct cursor) { .pgoff = to_vma(node)->vm_pgoff };
		cursor->nth++;
		++*count;
	}

	return node ? vmwalk_device_interrupted(device) ?: 1 : 0;
}

/**
 * vmwalk_rmap_count_vmas - count the VMAs that map a device
 * @device: the device
 *
 * A process that maps or unmaps the device waits for one batch, and for
 * find_cursor().
 *
 * Return: the number of VMAs, exact unless mappings change during the call;
 * -EINTR on a fatal signal; -ENODEV if the device is withdrawn during the call.
 */
long vmwalk_rmap_count_vmas(struct vmwalk_device *device)
{
	struct address_space *mapping = device->inode->i_mapping;
	struct cursor cursor = { };
	long count = 0;
	int more;

	do {
		i_mmap_lock_read(mapping);
		more = count_vmas(device, &cursor, &count);
		i_mmap_unlock_read(mapping);
		vmwalk_walk_yield(&mapping->i_mmap_rwsem);
	} while (more > 0);

	return more ?: count;
}

/*
 * Count pages from the cursor on, until another task waits for i_mmap_rwsem,
 * but at least one batch. Returns 1 if VMAs are left, 0 if not, or the error of
 * vmwalk_device_interrupted().
 */
static int count_batch(struct vmwalk_device *device, struct cursor *cursor, unsigned long *pages)
{
	struct address_space *mapping = device->inode->i_mapping;
	struct page_counter counter = {
		.walker = { .ptes = count_ptes, .leaf = count_leaf },
		.buffer = &device->buffer,
	};
	struct vmwalk_walker *walker = &counter.walker;
	struct rb_node *node = find_cursor(mapping, cursor);
	struct vm_area_struct *vma;
	unsigned long addr;
	int err = 0;

	/* find_cursor() takes longer for a larger nth: grow the batch. */
	walker->steps = VMWALK_WALK_STEPS + cursor->nth / 8;
	while (node && !err) {
		vma = to_vma(node);
		if (vma->vm_pgoff != cursor->pgoff)
			*cursor = (struct cursor) { .pgoff = vma->vm_pgoff };
		counter.vma = vma;
		addr = min(vma->vm_start + cursor->counted, vma->vm_end);
		addr = vmwalk_walk_range(vma, addr, vma->vm_end, walker);
		cursor->counted = addr - vma->vm_start;
		if (addr == vma->vm_end) {
			cursor->nth++;
			cursor->counted = 0;
			node = rb_next(node);
		}
		if (!walker->stop)
			continue;

		err = vmwalk_device_interrupted(device);
		if (rwsem_is_contended(&mapping->i_mmap_rwsem))
			break;
		walker->steps = VMWALK_WALK_STEPS;
		walker->stop = false;
	}
	*pages += counter.pages;

	return err ?: !!node;
}

/**
 * vmwalk_rmap_count_pages - count the pages of a buffer that page tables map
 * @device: the device
 *
 * Walks the page tables of every mapping. During the walk, a process that maps
 * or unmaps the device waits for one batch, and for find_cursor().
 *
 * Return: the count, exact unless mappings change during the call; -EINTR on a
 * fatal signal; -ENODEV if the device is withdrawn during the call.
 */
long vmwalk_rmap_count_pages(struct vmwalk_device *device)
{
	struct address_space *mapping = device->inode->i_mapping;
	struct cursor cursor = { };
	unsigned long pages = 0;
	int more;

	do {
		i_mmap_lock_read(mapping);
		more = count_batch(device, &cursor, &pages);
		i_mmap_unlock_read(mapping);
		vmwalk_walk_yield(&mapping->i_mmap_rwsem);
	} while (more > 0);

	return more ?: pages;
}
