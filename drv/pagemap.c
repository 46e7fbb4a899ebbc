// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of a range in the format of /proc/PID/pagemap.
 *
 * Copyright (C) The vmwalk authors
 *
 * Most PTEs of a VMA differ only in the PFN, and in bits that pagemap does not
 * report. One of them is decoded, and the others are computed from it. In
 * contrast to extents, this does not need the struct page: the entry of the zero
 * page differs from others in the special bit, and pagemap has no NUMA node.
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

/* Pages to report per hold of mmap_lock, present or not. */
#define MAX_PAGES	(VMWALK_WALK_STEPS * PTRS_PER_PTE)

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

/* Report adjacent pages of an entry, of which @value is that of the first one. */
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

/*
 * Report PTEs that match the template. Handling four at a time, and testing
 * them together, speeds up scan_pagemap_dense in the benchmark. Returns their
 * number.
 */
static __always_inline unsigned long put_matching(struct vmwalk_pagemap *pagemap, pte_t *ptep,
						  unsigned long left, u64 shown)
{
	const unsigned long value = pagemap->value;
	pte_t *const start = ptep, *const end = ptep + left;
	const pte_t flags = pagemap->flags;
	unsigned long a, b, c, d;
	u64 *out = pagemap->out;

	for (; ptep + 4 <= end; ptep += 4, out += 4) {
		a = vmwalk_pte_xor(ptep_get(ptep), flags);
		b = vmwalk_pte_xor(ptep_get(ptep + 1), flags);
		c = vmwalk_pte_xor(ptep_get(ptep + 2), flags);
		d = vmwalk_pte_xor(ptep_get(ptep + 3), flags);
		if ((a | b | c | d) & COMPARED)
			break;
		out[0] = ((a >> VMWALK_PFN_SHIFT) + value) & shown;
		out[1] = ((b >> VMWALK_PFN_SHIFT) + value) & shown;
		out[2] = ((c >> VMWALK_PFN_SHIFT) + value) & shown;
		out[3] = ((d >> VMWALK_PFN_SHIFT) + value) & shown;
	}
	for (; ptep < end; ptep++, out++) {
		a = vmwalk_pte_xor(ptep_get(ptep), flags);
		if (a & COMPARED)
			break;
		*out = ((a >> VMWALK_PFN_SHIFT) + value) & shown;
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

	fill_up_to(pagemap, addr);
	if (!vmwalk_vma_is_uniform(pagemap->vma))
		clear_template(pagemap);
	for (; left; left -= count, ptep += count) {
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
		.walker = { .ptes = put_ptes, .leaf = put_leaf, .contended_mm = mm },
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

	vmwalk_vma_iter_init(&iter, pagemap->mm, pagemap->next, end);
	while (!walker->stop && (vma = vmwalk_vma_next(&iter))) {
		if (pagemap->next < vma->vm_start)
			fill_up_to(pagemap, vma->vm_start);
		pagemap->vma = vma;
		pagemap->empty = vmwalk_vma_to_pagemap(vma);
		clear_template(pagemap);
		addr = vmwalk_walk_range(vma, pagemap->next, min(end, vma->vm_end), walker);
		fill_up_to(pagemap, addr);
		pagemap->empty = 0;
	}
	if (!walker->stop)
		fill_up_to(pagemap, end);

	return pagemap->out - out;
}
