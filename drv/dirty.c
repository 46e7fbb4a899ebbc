// SPDX-License-Identifier: GPL-2.0
/*
 * track_dirty: which pages of a buffer were written.
 *
 * Copyright (C) The vmwalk authors
 *
 * Page tables of shared mappings let nobody write to a page until a fault has set the page's bit.
 * Clearing takes the bit first and then the page out of all page tables, so that the next write
 * faults again. In between, no fault may let a write through on the strength of the bit that was
 * taken. A lock sees to that, which the fault holds until the page table says that the page may be
 * written:
 *
 *   - the tracker's, for bare frames, where the fault changes the page table itself;
 *   - the page's own, for refcounted pages, where the kernel does so after the fault.
 *
 * Refcounted pages may also be written by those who have taken them from a page table earlier, as
 * O_DIRECT does. They set the page's dirty flag when they are done, and so does the kernel when it
 * takes an entry that was written through out of a page table; the flag counts like a bit.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "internal.h"

/* Pages that are dealt with under the tracker's lock in one go. */
#define DIRTY_BATCH	1024

int vmwalk_dirty_init(struct vmwalk_tracker *tracker, const struct vmwalk_config *config,
		      struct vmwalk_reason *why)
{
	unsigned long words = BITS_TO_LONGS(config->size >> PAGE_SHIFT);

	mutex_init(&tracker->lock);
	if (!config->track_dirty)
		return 0;

	tracker->bits = kvcalloc(words, sizeof(*tracker->bits),
				 GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!tracker->bits)
		return vmwalk_refuse(why, -ENOMEM,
			"size %llu: the kernel is out of memory for track_dirty's bits",
			config->size);

	return 0;
}

void vmwalk_dirty_free(struct vmwalk_tracker *tracker)
{
	kvfree(tracker->bits);
	mutex_destroy(&tracker->lock);
}

/**
 * vmwalk_dirty_mark - bytes of the buffer were written by the driver
 * @device: the device
 * @offset: of the first byte
 * @len: their number
 *
 * To be called after the bytes are there: whoever clears meanwhile then hears of them later.
 */
void vmwalk_dirty_mark(struct vmwalk_device *device, size_t offset, size_t len)
{
	size_t i;

	if (!device->dirty.bits || !len)
		return;

	for (i = offset >> PAGE_SHIFT; i <= (offset + len - 1) >> PAGE_SHIFT; i++)
		set_bit(i, device->dirty.bits);
}

static bool keeps_flags(const struct vmwalk_device *device)
{
	return !vmwalk_maps_frames(device);
}

static bool is_dirty(struct vmwalk_device *device, unsigned long index)
{
	return test_bit(index, device->dirty.bits) ||
	       (keeps_flags(device) && PageDirty(device->buffer.pages[index]));
}

/**
 * vmwalk_dirty_count - how many pages were written
 * @device: the device
 */
unsigned long vmwalk_dirty_count(struct vmwalk_device *device)
{
	unsigned long i, count = 0;

	if (!device->dirty.bits)
		return 0;

	for (i = 0; i < device->buffer.nr_pages; i++) {
		count += is_dirty(device, i);
		if (!(i % DIRTY_BATCH))
			cond_resched();
	}

	return count;
}

/* Both take pages as read: what was written of [first, first + count) gets a bit in @bitmap. */

static void take_frames(struct vmwalk_device *device, unsigned long first, unsigned long count,
			unsigned long *bitmap)
{
	unsigned long *bits = device->dirty.bits;
	unsigned long end = first + count;
	unsigned long start, i;

	mutex_lock(&device->dirty.lock);
	for (i = find_next_bit(bits, end, first); i < end; i = find_next_bit(bits, end, i)) {
		for (start = i; i < end && test_and_clear_bit(i, bits); i++)
			__set_bit(i - first, bitmap);
		unmap_mapping_pages(device->inode->i_mapping, start, i - start, false);
	}
	mutex_unlock(&device->dirty.lock);
}

static void take_pages(struct vmwalk_device *device, unsigned long first, unsigned long count,
		       unsigned long *bitmap)
{
	unsigned long i;

	for (i = first; i < first + count; i++) {
		struct page *page = device->buffer.pages[i];

		if (!is_dirty(device, i))
			continue;

		__set_bit(i - first, bitmap);
		lock_page(page);
		clear_bit(i, device->dirty.bits);
		unmap_mapping_pages(device->inode->i_mapping, i, 1, false);
		/* Not before: taking out an entry that was written through sets it. */
		ClearPageDirty(page);
		unlock_page(page);
	}
}

/**
 * vmwalk_dirty_collect - which pages of a window were written
 * @device: the device; has track_dirty
 * @first: the window's first page
 * @count: pages in it
 * @clear: take them as read
 * @bitmap: a bit for each page of the window, all 0; those of the pages that were written are set
 */
void vmwalk_dirty_collect(struct vmwalk_device *device, unsigned long first, unsigned long count,
			  bool clear, unsigned long *bitmap)
{
	unsigned long i, done, batch;

	for (done = 0; done < count; done += batch) {
		batch = min_t(unsigned long, count - done, DIRTY_BATCH);

		if (!clear) {
			for (i = done; i < done + batch; i++)
				if (is_dirty(device, first + i))
					__set_bit(i, bitmap);
		} else if (keeps_flags(device)) {
			take_pages(device, first + done, batch, bitmap + BIT_WORD(done));
		} else {
			take_frames(device, first + done, batch, bitmap + BIT_WORD(done));
		}
		cond_resched();
	}
}

/**
 * vmwalk_dirty_return - pages that were taken as read have not been reported after all
 * @device: the device
 * @first: the window's first page
 * @count: pages in it
 * @bitmap: what vmwalk_dirty_collect() gave
 */
void vmwalk_dirty_return(struct vmwalk_device *device, unsigned long first, unsigned long count,
			 const unsigned long *bitmap)
{
	unsigned long i;

	for_each_set_bit(i, bitmap, count)
		set_bit(first + i, device->dirty.bits);
}
