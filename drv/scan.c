// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of a range of addresses, gathered into extents.
 *
 * Copyright (C) The vmwalk authors
 *
 * Most pages are like their neighbour: the entry is the neighbour's with the next frame in it. So
 * one page is looked at, and the entries that follow are compared with what is expected of them.
 * What the entry doesn't tell are the page's kind, which is the same all over most VMAs, and the
 * memory that it lies in, which is the same all over a block of frames.
 */
#include <linux/memory_hotplug.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "compat.h"
#include "internal.h"

/* Does a page with @state go into the result? The formula is PAGEMAP_SCAN's. */
static bool scan_selects(const struct vmwalk_scan *arg, u32 state)
{
	u64 categories = state ^ arg->category_inverted;

	if ((categories & arg->category_mask) != arg->category_mask)
		return false;

	return !arg->category_anyof_mask || categories & arg->category_anyof_mask;
}

static u32 scan_flags(const struct vmwalk_scanner *scanner, u32 state)
{
	return (state & scanner->arg->return_mask) | (scanner->hide ? VMWALK_HIDDEN : 0);
}

/*
 * Add pages that are alike to the result. Returns how many; if that isn't all, the visit ends,
 * since vec_len, max_pages or the room in the output is used up.
 */
static __always_inline unsigned long
scan_add(struct vmwalk_scanner *scanner, unsigned long addr, unsigned long pages,
	 unsigned long pfn, u32 flags, unsigned int shift, int node)
{
	struct vmwalk_extent *last = scanner->last;

	if (unlikely(pages > scanner->pages_left))
		pages = scanner->pages_left;

	if (addr == scanner->next_addr && pfn == scanner->next_pfn && flags == last->flags &&
	    node == last->node) {
		last->pages += pages;
		if (unlikely(shift < last->page_shift))
			last->page_shift = shift;
	} else {
		last++;
		if (unlikely(last == scanner->out + scanner->room)) {
			scanner->stop = scanner->earlier + scanner->room == scanner->arg->vec_len;
			scanner->visitor.enough = true;
			return 0;
		}
		*last = (struct vmwalk_extent) {
			.start = addr,
			.pfn = pfn,
			.pages = pages,
			.flags = flags,
			.page_shift = shift,
			.node = node,
		};
		scanner->last = last;
	}

	scanner->next_addr = addr + (pages << PAGE_SHIFT);
	scanner->next_pfn = pfn ? pfn + pages : 0;
	scanner->pages_left -= pages;
	if (unlikely(!scanner->pages_left)) {
		scanner->stop = true;
		scanner->visitor.enough = true;
	}

	return pages;
}

/* One entry, whatever it may be. Returns the pages that are dealt with. */
static unsigned long scan_entry(struct vmwalk_scanner *scanner, const struct vmwalk_entry *entry,
				unsigned long addr, unsigned long pages)
{
	struct page *page = entry->present ? vmwalk_entry_page(entry, scanner->vma) : NULL;
	u32 state = vmwalk_entry_state(entry, page, scanner->vma);
	bool selected = state && scan_selects(scanner->arg, state);

	if (entry->level == VMWALK_PTE && vmwalk_vma_is_uniform(scanner->vma)) {
		vmwalk_sample_take(&scanner->sample, entry, page, state);
		scanner->sample_flags = scan_flags(scanner, scanner->sample.state);
		scanner->sample_selected = scan_selects(scanner->arg, scanner->sample.state);
	}
	if (!selected)
		return pages;

	return scan_add(scanner, addr, pages, scanner->hide ? 0 : entry->pfn,
			scan_flags(scanner, state), entry->shift,
			page ? page_to_nid(page) : NUMA_NO_NODE);
}

/*
 * Make the block of a frame the current one. Returns false if it isn't all memory on one node, or
 * has the page of zeroes: then its pages are looked at one by one.
 */
static bool scan_enter_block(struct vmwalk_scanner *scanner, unsigned long pfn)
{
	unsigned long block = round_down(pfn, VMWALK_BLOCK_PAGES);
	struct page *first = pfn_to_online_page(block);
	struct page *last = pfn_to_online_page(block + VMWALK_BLOCK_PAGES - 1);

	if (!first || !last || page_to_nid(first) != page_to_nid(last) ||
	    round_down(my_zero_pfn(0), VMWALK_BLOCK_PAGES) == block)
		return false;

	scanner->block = block;
	scanner->block_node = page_to_nid(first);

	return true;
}

/* How many entries from @ptep on are @pte with one frame after the other, of @most. */
static unsigned long count_run(const pte_t *ptep, pte_t pte, unsigned long most)
{
	unsigned long count = 1;

#define NEXT_RUNS_ON(i)	\
	(pte = vmwalk_pte_next(pte), pte_same(ptep_get((pte_t *)ptep + count + (i)), pte))

	for (; count + 8 <= most; count += 8) {
		if (!NEXT_RUNS_ON(0))
			return count;
		if (!NEXT_RUNS_ON(1))
			return count + 1;
		if (!NEXT_RUNS_ON(2))
			return count + 2;
		if (!NEXT_RUNS_ON(3))
			return count + 3;
		if (!NEXT_RUNS_ON(4))
			return count + 4;
		if (!NEXT_RUNS_ON(5))
			return count + 5;
		if (!NEXT_RUNS_ON(6))
			return count + 6;
		if (!NEXT_RUNS_ON(7))
			return count + 7;
	}
	while (count < most && NEXT_RUNS_ON(0))
		count++;
#undef NEXT_RUNS_ON

	return count;
}

/* The page of a PTE entry that isn't empty, and those that run on from it, of @left. */
static unsigned long scan_run(struct vmwalk_scanner *scanner, pte_t *ptep, pte_t pte,
			      unsigned long addr, unsigned long left)
{
	unsigned long pfn, in_block, count = 1;
	struct vmwalk_entry entry;

	if (unlikely(!vmwalk_ptes_alike(pte, scanner->sample.pte)))
		goto one;
	pfn = scanner->sample.pfn + vmwalk_ptes_apart(scanner->sample.pte, pte);
	if (pfn - scanner->block >= VMWALK_BLOCK_PAGES && !scan_enter_block(scanner, pfn))
		goto one;

	if (left > 1 && pte_same(ptep_get(ptep + 1), vmwalk_pte_next(pte))) {
		in_block = scanner->block + VMWALK_BLOCK_PAGES - pfn;
		count = count_run(ptep, pte, min(left, in_block));
	}
	if (!scanner->sample_selected)
		return count;

	return scan_add(scanner, addr, count, scanner->hide ? 0 : pfn, scanner->sample_flags,
			PAGE_SHIFT, scanner->block_node);
one:
	entry = vmwalk_pte_entry(pte);
	return scan_entry(scanner, &entry, addr, 1);
}

static struct vmwalk_scanner *to_scanner(struct vmwalk_visitor *visitor)
{
	return container_of(visitor, struct vmwalk_scanner, visitor);
}

static unsigned long scan_ptes(struct vmwalk_visitor *visitor, pte_t *ptep,
			       unsigned long addr, unsigned long end)
{
	struct vmwalk_scanner *scanner = to_scanner(visitor);
	unsigned long count;

	if (!vmwalk_vma_is_uniform(scanner->vma))
		vmwalk_sample_drop(&scanner->sample);

	for (; addr < end && !visitor->enough; addr += count << PAGE_SHIFT, ptep += count) {
		pte_t pte = ptep_get(ptep);

		if (pte_none(pte))
			count = vmwalk_count_empty(ptep, (end - addr) >> PAGE_SHIFT);
		else
			count = scan_run(scanner, ptep, pte, addr, (end - addr) >> PAGE_SHIFT);
	}

	return addr;
}

static unsigned long scan_leaf(struct vmwalk_visitor *visitor, const struct vmwalk_entry *entry,
			       unsigned long addr, unsigned long end)
{
	return addr + (scan_entry(to_scanner(visitor), entry, addr,
				  (end - addr) >> PAGE_SHIFT) << PAGE_SHIFT);
}

/**
 * vmwalk_scan_init - start a scan
 * @scanner: is set up
 * @mm: whose page tables
 * @arg: what is asked for, checked
 * @hide: withhold frames
 * @out: where extents are gathered
 * @room: how many fit
 */
void vmwalk_scan_init(struct vmwalk_scanner *scanner, struct mm_struct *mm,
		      const struct vmwalk_scan *arg, bool hide, struct vmwalk_extent *out,
		      unsigned long room)
{
	*scanner = (struct vmwalk_scanner) {
		.visitor = { .ptes = scan_ptes, .leaf = scan_leaf, .yields = mm },
		.mm = mm,
		.arg = arg,
		.end = arg->end > TASK_SIZE_MAX ? TASK_SIZE_MAX : PAGE_ALIGN(arg->end),
		.hide = hide,
		.out = out,
		.room = min_t(u64, room, arg->vec_len),
		.sample = { .pte = VMWALK_PTE_UNLIKE },
		.last = out - 1,
		.next_addr = ULONG_MAX,
		.pages_left = arg->max_pages ?: U64_MAX,
		.block = LONG_MAX,
	};
}

/**
 * vmwalk_scan_emptied - go on after all extents but the last have left the output
 * @scanner: the scan
 *
 * The last is in the output's first place then, where it may still grow.
 */
void vmwalk_scan_emptied(struct vmwalk_scanner *scanner)
{
	unsigned long gone = scanner->last - scanner->out;

	scanner->earlier += gone;
	scanner->room = min_t(u64, scanner->room, scanner->arg->vec_len - scanner->earlier);
	*scanner->out = *scanner->last;
	scanner->last = scanner->out;
}

/**
 * vmwalk_scan_pages - pages that a scan has returned
 * @scanner: the scan
 */
u64 vmwalk_scan_pages(const struct vmwalk_scanner *scanner)
{
	return (scanner->arg->max_pages ?: U64_MAX) - scanner->pages_left;
}

/**
 * vmwalk_scan_chunk - scan a part of the range, for a bounded time
 * @scanner: the scan
 * @addr: where to go on
 *
 * The caller has the mm's mmap_lock, and interrupts on. Nothing is left to do once @scanner->stop
 * is set. Otherwise the caller empties the output if it is full, and calls again.
 *
 * Return: where to go on.
 */
unsigned long vmwalk_scan_chunk(struct vmwalk_scanner *scanner, unsigned long addr)
{
	struct vmwalk_visitor *visitor = &scanner->visitor;
	struct vm_area_struct *vma;
	struct vma_iterator vmi;
	unsigned long end;

	vma_iter_init(&vmi, scanner->mm, addr);
	visitor->steps = VMWALK_VISIT_STEPS;
	visitor->enough = false;

	for_each_vma_range(vmi, vma, scanner->end) {
		scanner->vma = vma;
		vmwalk_sample_drop(&scanner->sample);
		end = min(scanner->end, vma->vm_end);
		addr = vmwalk_visit(vma, max(addr, vma->vm_start), end, visitor);
		if (addr < end || !visitor->steps || visitor->enough)
			return addr;
	}
	scanner->stop = true;

	return scanner->end;
}
