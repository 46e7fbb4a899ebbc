// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of a range in the format of /proc/PID/pagemap.
 *
 * Copyright (C) The vmwalk authors
 *
 * Most PTEs of a VMA differ only in the PFN, and in bits that pagemap does not
 * report. One of them is decoded, and the others are computed from it. In
 * contrast to extents, this does not need the struct page: the entry of the
 * zero page differs from others in the special bit, and pagemap has no NUMA
 * node.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/string.h>

#include "arch/pgtable.h"
#include "compat.h"
#include "pagemap.h"

/* Bits of a PTE that its pagemap entry depends on, apart from the PFN. */
#define COMPARED	(VMWALK_FLAGS_MASK & ~(unsigned long)VMWALK_USE_MASK)

/* A table with at most this number of runs of PTEs is quick to report. */
#define BRIEF_RUNS	8

/* Pages to report per hold of mmap_lock, present or not. */
#define MAX_PAGES	((unsigned long)VMWALK_WALK_STEPS * PTRS_PER_PTE)

static struct vmwalk_pagemap *to_pagemap(struct vmwalk_walker *walker)
{
	return container_of(walker, struct vmwalk_pagemap, walker);
}

/* Report the pages up to @addr as empty. */
static void fill_up_to(struct vmwalk_pagemap *pagemap, unsigned long addr)
{
	unsigned long count = (addr - pagemap->next) >> PAGE_SHIFT;

	if (!count)
		return;
	memset64(pagemap->out, pagemap->empty, count);
	pagemap->out += count;
	pagemap->next = addr;
}

/* Report adjacent pages of an entry. @value: that of the first page. */
static void put_values(struct vmwalk_pagemap *pagemap, u64 value, u64 step, unsigned long count)
{
	pagemap->next += count << PAGE_SHIFT;
	for (; count; count--, value += step)
		*pagemap->out++ = value & pagemap->shown;
}

static unsigned long put_leaf(struct vmwalk_walker *walker, struct vmwalk_entry *entry,
			      unsigned long addr, unsigned long end)
{
	struct vmwalk_pagemap *pagemap = to_pagemap(walker);
	u64 value, step = 0;

	fill_up_to(pagemap, addr);
	vmwalk_entry_decode(entry, pagemap->vma);
	value = vmwalk_entry_to_pagemap(entry, pagemap->vma);
	if (value & VMWALK_PM_PRESENT) {
		step = 1;
	} else if (value & VMWALK_PM_SWAP) {
		step = 1ULL << MAX_SWAPFILES_SHIFT;
		value += step * ((addr & (BIT(entry->shift) - 1)) >> PAGE_SHIFT);
	}
	put_values(pagemap, value, step, (end - addr) >> PAGE_SHIFT);

	return end;
}

static void clear_template(struct vmwalk_pagemap *pagemap)
{
	pagemap->flags = VMWALK_PTE_NO_MATCH;
}

/*
 * Decode and report a PTE, or the rest of its group. noinline: keep struct
 * vmwalk_entry out of the stack frame of the fast path.
 */
static noinline unsigned long put_one_pte(struct vmwalk_pagemap *pagemap, pte_t *ptep,
					  unsigned long left)
{
	const unsigned long addr = pagemap->next;
	struct vmwalk_entry entry = vmwalk_entry_from_pte(vmwalk_ptep_get(ptep), addr);
	unsigned long group = BIT(entry.shift - PAGE_SHIFT);
	unsigned long count = min(left, group - (PFN_DOWN(addr) & (group - 1)));
	unsigned long raw = vmwalk_pte_raw(entry.pte);
	u64 value;

	vmwalk_entry_decode(&entry, pagemap->vma);
	value = vmwalk_entry_to_pagemap(&entry, pagemap->vma);
	if (entry.present && vmwalk_vma_is_uniform(pagemap->vma) &&
	    vmwalk_pte_is_comparable(entry.pte)) {
		pagemap->flags = vmwalk_raw_pte(raw & COMPARED);
		pagemap->value = value - ((raw & ~VMWALK_FLAGS_MASK) >> VMWALK_PFN_SHIFT);
	}
	put_values(pagemap, value, entry.present ? 1 : 0, count);

	return count;
}

/* Read eight PTEs as differences from the template. Returns their union. */
static __always_inline unsigned long read_8(pte_t *ptep, pte_t flags, unsigned long *diff)
{
	diff[0] = vmwalk_pte_xor(ptep_get(ptep), flags);
	diff[1] = vmwalk_pte_xor(ptep_get(ptep + 1), flags);
	diff[2] = vmwalk_pte_xor(ptep_get(ptep + 2), flags);
	diff[3] = vmwalk_pte_xor(ptep_get(ptep + 3), flags);
	diff[4] = vmwalk_pte_xor(ptep_get(ptep + 4), flags);
	diff[5] = vmwalk_pte_xor(ptep_get(ptep + 5), flags);
	diff[6] = vmwalk_pte_xor(ptep_get(ptep + 6), flags);
	diff[7] = vmwalk_pte_xor(ptep_get(ptep + 7), flags);

	return diff[0] | diff[1] | diff[2] | diff[3] | diff[4] | diff[5] | diff[6] | diff[7];
}

/* The entry of a PTE that matches the template. */
static __always_inline u64 matching_value(unsigned long diff, unsigned long value, u64 shown)
{
	return ((diff >> VMWALK_PFN_SHIFT) + value) & shown;
}

static __always_inline void put_8(u64 *out, const unsigned long *diff, unsigned long value,
				  u64 shown)
{
	out[0] = matching_value(diff[0], value, shown);
	out[1] = matching_value(diff[1], value, shown);
	out[2] = matching_value(diff[2], value, shown);
	out[3] = matching_value(diff[3], value, shown);
	out[4] = matching_value(diff[4], value, shown);
	out[5] = matching_value(diff[5], value, shown);
	out[6] = matching_value(diff[6], value, shown);
	out[7] = matching_value(diff[7], value, shown);
}

/*
 * Report PTEs that match the template. Testing eight of them together speeds up
 * scan_pagemap_dense in the benchmark. Returns their number.
 */
static __always_inline unsigned long put_matching(struct vmwalk_pagemap *pagemap, pte_t *ptep,
						  unsigned long left, u64 shown)
{
	/* The mask is a variable in guests with encrypted memory. */
	const unsigned long value = pagemap->value, compared = COMPARED;
	pte_t *const start = ptep, *const end = ptep + left;
	const pte_t flags = pagemap->flags;
	u64 *out = pagemap->out;
	unsigned long diff[8];

	for (; ptep + 8 <= end; ptep += 8, out += 8) {
		if (read_8(ptep, flags, diff) & compared)
			break;
		put_8(out, diff, value, shown);
	}
	for (; ptep < end; ptep++, out++) {
		diff[0] = vmwalk_pte_xor(ptep_get(ptep), flags);
		if (diff[0] & compared)
			break;
		*out = matching_value(diff[0], value, shown);
	}
	pagemap->next += (ptep - start) << PAGE_SHIFT;
	pagemap->out = out;

	return ptep - start;
}

static unsigned long put_ptes(struct vmwalk_walker *walker, pte_t *ptep, unsigned long addr,
			      unsigned long end)
{
	struct vmwalk_pagemap *pagemap = to_pagemap(walker);
	unsigned long count, left = (end - addr) >> PAGE_SHIFT;
	unsigned int runs = 0;

	fill_up_to(pagemap, addr);
	if (!vmwalk_vma_is_uniform(pagemap->vma))
		clear_template(pagemap);
	for (; left; left -= count, ptep += count, runs++) {
		count = pagemap->shown == U64_MAX ?
			put_matching(pagemap, ptep, left, U64_MAX) :
			put_matching(pagemap, ptep, left, ~VMWALK_PM_FRAME);
		if (count)
			continue;
		if (pte_none(ptep_get(ptep))) {
			count = vmwalk_walk_count_empty(ptep, left);
			fill_up_to(pagemap, end - ((left - count) << PAGE_SHIFT));
		} else {
			count = put_one_pte(pagemap, ptep, left);
		}
	}
	walker->brief = runs <= BRIEF_RUNS;

	return end;
}

/**
 * vmwalk_pagemap_init - start a scan that reports pagemap entries
 * @pagemap: set up
 * @mm: the mm to scan
 * @start: start of the range
 * @hide_pfns: report neither PFNs nor the locations of swapped pages
 */
void vmwalk_pagemap_init(struct vmwalk_pagemap *pagemap, struct mm_struct *mm,
			 unsigned long start, bool hide_pfns)
{
	*pagemap = (struct vmwalk_pagemap) {
		.walker = {
			.ptes = put_ptes, .leaf = put_leaf, .contended_mm = mm,
			.shares_tables = true,
		},
		.mm = mm,
		.next = start,
		.shown = hide_pfns ? ~VMWALK_PM_FRAME : U64_MAX,
	};
}

/**
 * vmwalk_pagemap_vmas - report pages for a bounded time
 * @pagemap: the scan
 * @out: array for the entries of the pages from @pagemap->next on
 * @count: capacity of @out; all of these pages are in user space
 *
 * The caller holds mmap_lock of the mm, with interrupts on.
 *
 * Return: number of pages reported; @pagemap->next is the page after them.
 */
unsigned long vmwalk_pagemap_vmas(struct vmwalk_pagemap *pagemap, u64 *out, unsigned long count)
{
	const unsigned long end = pagemap->next + (min(count, MAX_PAGES) << PAGE_SHIFT);
	struct vmwalk_walker *walker = &pagemap->walker;
	struct vmwalk_vma_iter iter;
	struct vm_area_struct *vma;
	unsigned long addr;

	/* The iterator may treat an end of 0 as the largest address. */
	if (!count)
		return 0;

	walker->steps = VMWALK_WALK_STEPS;
	walker->stop = false;
	pagemap->out = out;
	pagemap->empty = 0;
	pagemap->vma = NULL;

	vmwalk_vma_iter_init(&iter, pagemap->mm, pagemap->next, end);
	while (!walker->stop && (vma = vmwalk_vma_next(&iter))) {
		if (pagemap->next < vma->vm_start) {
			/* Do not fill much while a table is locked. */
			if (vma->vm_start - pagemap->next >= PMD_SIZE)
				vmwalk_walk_finish(walker);
			fill_up_to(pagemap, vma->vm_start);
		}
		if (!pagemap->vma || !vmwalk_vma_same_kind(vma, pagemap->vma))
			clear_template(pagemap);
		pagemap->vma = vma;
		pagemap->empty = vmwalk_vma_to_pagemap(vma);
		addr = vmwalk_walk_range(vma, pagemap->next, min(end, vma->vm_end), walker);
		fill_up_to(pagemap, addr);
		pagemap->empty = 0;
	}
	vmwalk_walk_finish(walker);
	if (!walker->stop)
		fill_up_to(pagemap, end);

	return pagemap->out - out;
}
