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

/* The frame that would make a page at @addr a part of @last; ULONG_MAX if none would. */
static unsigned long frame_that_follows(const struct vmwalk_extent *last, unsigned long addr)
{
	if (last->start + (last->pages << PAGE_SHIFT) != addr)
		return ULONG_MAX;

	return last->pfn ? last->pfn + last->pages : 0;
}

static bool scan_grows(const struct vmwalk_extent *last, unsigned long addr, unsigned long pfn,
		       u32 flags, int node)
{
	return frame_that_follows(last, addr) == pfn && last->flags == flags && last->node == node;
}

/*
 * Add pages that are alike to the result. Returns how many; if that isn't all, the visit ends,
 * since vec_len, max_pages or the room in the output is used up.
 */
static unsigned long scan_add(struct vmwalk_scanner *scanner, unsigned long addr,
			      unsigned long pages, unsigned long pfn, u32 flags,
			      unsigned int shift, int node)
{
	struct vmwalk_extent *last = scanner->last;

	if (scanner->hide)
		pfn = 0;
	pages = min_t(u64, pages, scanner->pages_left);

	if (last >= scanner->out && scan_grows(last, addr, pfn, flags, node)) {
		last->pages += pages;
		last->page_shift = min_t(u16, last->page_shift, shift);
	} else {
		last++;
		if (last == scanner->out + scanner->room) {
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

	scanner->pages_left -= pages;
	if (!scanner->pages_left) {
		scanner->stop = true;
		scanner->visitor.enough = true;
	}

	return pages;
}

static void drop_sample(struct vmwalk_scanner *scanner)
{
	vmwalk_sample_drop(&scanner->sample);
	scanner->block.pte = VMWALK_PTE_UNLIKE;
}

/* One entry, whatever it may be. Returns the pages that are dealt with. */
static unsigned long scan_entry(struct vmwalk_scanner *scanner, struct vmwalk_entry *entry,
				unsigned long addr, unsigned long pages)
{
	bool selected;
	u32 flags;

	vmwalk_entry_judge(entry, scanner->vma);
	flags = entry->state & scanner->arg->return_mask;
	selected = entry->state && scan_selects(scanner->arg, entry->state);
	if (scanner->hide)
		flags |= VMWALK_HIDDEN;

	if (entry->level == VMWALK_PTE && vmwalk_vma_is_uniform(scanner->vma) &&
	    vmwalk_sample_take(&scanner->sample, entry)) {
		scanner->block.pte = VMWALK_PTE_UNLIKE;
		scanner->sample_flags = flags;
		scanner->sample_selected = selected;
	}
	if (!selected)
		return pages;

	return scan_add(scanner, addr, pages, entry->pfn, flags, entry->shift, entry->node);
}

/*
 * Make the block of a frame the current one. Returns false if it isn't all memory on one node, or
 * has the page of zeroes: then its pages are looked at one by one.
 */
static bool scan_enter_block(struct vmwalk_scanner *scanner, unsigned long pfn)
{
	unsigned long start = round_down(pfn, VMWALK_BLOCK_PAGES);
	struct page *first = pfn_to_online_page(start);

	/* Memory comes and goes by larger units. */
	BUILD_BUG_ON(VMWALK_BLOCK_PAGES > PAGES_PER_SUBSECTION);
	if (!first || page_to_nid(first) != page_to_nid(first + VMWALK_BLOCK_PAGES - 1) ||
	    round_down(my_zero_pfn(0), VMWALK_BLOCK_PAGES) == start)
		return false;

	scanner->block.pte = vmwalk_pte_move(scanner->sample.pte, start - scanner->sample.pfn);
	scanner->block.start = start;
	scanner->block.node = page_to_nid(first);

	return true;
}

/*
 * Where the page of an entry is in the current block, if it is there and like the sample; a number
 * beyond all blocks if not.
 */
static __always_inline unsigned long index_in_block(const struct vmwalk_scanner *scanner, pte_t pte)
{
	unsigned long differ = vmwalk_ptes_differ(pte, scanner->block.pte);

	return differ & ~((VMWALK_BLOCK_PAGES - 1) << PAGE_SHIFT) ? ULONG_MAX :
								     differ >> PAGE_SHIFT;
}

/* How many entries from @ptep on are @first with one frame after the other, of @most. */
static unsigned long count_run(pte_t *ptep, pte_t first, unsigned long most)
{
	unsigned long count = 1;
	pte_t pte = first;

/* data_race: only the CPU changes entries, which are locked: it says that it used them. */
#define RUNS_ON(i)	(pte = vmwalk_pte_next(pte), data_race(pte_same(ptep[count + (i)], pte)))

	for (; count + 8 <= most; count += 8)
		if (!(RUNS_ON(0) && RUNS_ON(1) && RUNS_ON(2) && RUNS_ON(3) &&
		      RUNS_ON(4) && RUNS_ON(5) && RUNS_ON(6) && RUNS_ON(7)))
			break;
	for (pte = vmwalk_pte_move(first, count - 1); count < most && RUNS_ON(0); count++)
		;
#undef RUNS_ON

	return count;
}

/* A PTE entry, whatever it may be. Not inlined, so that those who compare need no room for it. */
static noinline unsigned long scan_pte(struct vmwalk_scanner *scanner, pte_t pte,
				       unsigned long addr)
{
	struct vmwalk_entry entry = vmwalk_pte_entry(pte);

	return scan_entry(scanner, &entry, addr, 1);
}

/* The frame of an entry that is like the sample; ULONG_MAX if it isn't. */
static __always_inline unsigned long sample_frame(const struct vmwalk_scanner *scanner, pte_t pte)
{
	const struct vmwalk_sample *sample = &scanner->sample;
	unsigned long pfn = PHYS_PFN(PFN_PHYS(sample->pfn) + vmwalk_ptes_apart(sample->pte, pte));

	return vmwalk_ptes_alike(pte, sample->pte) && !is_zero_pfn(pfn) ? pfn : ULONG_MAX;
}

/* Does one of the next two entries map a page of the same block as @pte? */
static bool block_goes_on(pte_t *ptep, pte_t pte, unsigned long left)
{
	const unsigned long beyond = ~((VMWALK_BLOCK_PAGES << PAGE_SHIFT) - 1);

	return (left > 1 && !(vmwalk_ptes_differ(ptep_get(ptep + 1), pte) & beyond)) ||
	       (left > 2 && !(vmwalk_ptes_differ(ptep_get(ptep + 2), pte) & beyond));
}

/* The page of a PTE entry that isn't empty, and those that run on from it, of @left. */
static unsigned long scan_run(struct vmwalk_scanner *scanner, pte_t *ptep, pte_t pte,
			      unsigned long addr, unsigned long left)
{
	unsigned long index = index_in_block(scanner, pte);
	unsigned long pfn, count = 1;
	int node;

	if (index != ULONG_MAX) {
		pfn = scanner->block.start + index;
		node = scanner->block.node;
		count = count_run(ptep, pte, min(left, VMWALK_BLOCK_PAGES - index));
	} else {
		pfn = sample_frame(scanner, pte);
		if (pfn == ULONG_MAX)
			return scan_pte(scanner, pte, addr);
		/* A look at the whole block takes longer than one at a page of it. */
		if (block_goes_on(ptep, pte, left) && scan_enter_block(scanner, pfn))
			return scan_run(scanner, ptep, pte, addr, left);
		node = page_to_nid(pfn_to_page(pfn));
	}
	if (!scanner->sample_selected)
		return count;

	return scan_add(scanner, addr, count, pfn, scanner->sample_flags, PAGE_SHIFT, node);
}

/*
 * After a hole: single pages like the sample with a hole of one page behind each. Returns the
 * entries that are dealt with.
 */
static unsigned long scan_lone_pages(struct vmwalk_scanner *scanner, pte_t *ptep,
				     unsigned long addr, unsigned long left)
{
	const unsigned long shown = scanner->hide ? 0 : ULONG_MAX;
	const unsigned long room = scanner->room - vmwalk_scan_filled(scanner);
	/* One page shall be left, whose end of the scan is noticed by scan_add(). */
	const unsigned long most = min3(left / 2, room, (unsigned long)scanner->pages_left - 1);
	const unsigned long start = scanner->block.start;
	struct vmwalk_extent *last = scanner->last;
	struct vmwalk_extent model = {
		.pages = 1,
		.flags = scanner->sample_flags,
		.page_shift = PAGE_SHIFT,
		.node = scanner->block.node,
	};
	unsigned long count, index;

	if (!scanner->sample_selected)
		return 0;

	for (count = 0; count < most; count++) {
		index = index_in_block(scanner, ptep_get(ptep + 2 * count));
		if (index == ULONG_MAX || !pte_none(ptep_get(ptep + 2 * count + 1)))
			break;
		model.start = addr + 2 * count * PAGE_SIZE;
		model.pfn = (start + index) & shown;
		*++last = model;
	}
	scanner->last = last;
	scanner->pages_left -= count;

	return 2 * count;
}

/*
 * After a page: pages like the sample, side by side, each with a frame somewhere else. Returns the
 * entries that are dealt with.
 */
static unsigned long scan_scattered_pages(struct vmwalk_scanner *scanner, pte_t *ptep,
					  unsigned long addr, unsigned long left)
{
	const unsigned long room = scanner->room - vmwalk_scan_filled(scanner);
	const unsigned long most = min3(left, room, (unsigned long)scanner->pages_left - 1);
	struct vmwalk_extent *last = scanner->last;
	unsigned long follows = last < scanner->out ? ULONG_MAX : frame_that_follows(last, addr);
	unsigned long count, index, pfn;
	pte_t pte;
	int node;

	/* Pages without their frames are all one extent. */
	if (!scanner->sample_selected || scanner->hide)
		return 0;

	for (count = 0; count < most; count++) {
		pte = ptep_get(ptep + count);
		index = index_in_block(scanner, pte);
		if (index != ULONG_MAX) {
			pfn = scanner->block.start + index;
			node = scanner->block.node;
		} else {
			pfn = sample_frame(scanner, pte);
			if (pfn == ULONG_MAX || block_goes_on(ptep + count, pte, left - count))
				break;
			node = page_to_nid(pfn_to_page(pfn));
		}
		if (pfn == follows)
			break;
		follows = pfn + 1;

		last++;
		last->start = addr + (count << PAGE_SHIFT);
		last->pfn = pfn;
		last->pages = 1;
		last->flags = scanner->sample_flags;
		last->page_shift = PAGE_SHIFT;
		last->node = node;
	}
	scanner->last = last;
	scanner->pages_left -= count;

	return count;
}

static struct vmwalk_scanner *to_scanner(struct vmwalk_visitor *visitor)
{
	return container_of(visitor, struct vmwalk_scanner, visitor);
}

static unsigned long scan_ptes(struct vmwalk_visitor *visitor, pte_t *ptep,
			       unsigned long addr, unsigned long end)
{
	struct vmwalk_scanner *scanner = to_scanner(visitor);
	unsigned long count, left = (end - addr) >> PAGE_SHIFT;
	pte_t pte;

	if (!vmwalk_vma_is_uniform(scanner->vma))
		drop_sample(scanner);

	for (; left && !visitor->enough; left -= count, ptep += count) {
		addr = end - (left << PAGE_SHIFT);
		pte = ptep_get(ptep);
		if (pte_none(pte)) {
			count = vmwalk_count_empty(ptep, left);
			if (count < left)
				count += scan_lone_pages(scanner, ptep + count,
							 addr + (count << PAGE_SHIFT),
							 left - count);
		} else {
			count = scan_run(scanner, ptep, pte, addr, left);
			if (count < left && !pte_none(ptep_get(ptep + count)) && !visitor->enough)
				count += scan_scattered_pages(scanner, ptep + count,
							      addr + (count << PAGE_SHIFT),
							      left - count);
		}
	}

	return end - (left << PAGE_SHIFT);
}

static unsigned long scan_leaf(struct vmwalk_visitor *visitor, struct vmwalk_entry *entry,
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
		.last = out - 1,
		.pages_left = arg->max_pages ?: U64_MAX,
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

	/* An end of 0 would be the end of all addresses to the loop below. */
	if (addr >= scanner->end) {
		scanner->stop = true;
		return addr;
	}

	vma_iter_init(&vmi, scanner->mm, addr);
	visitor->steps = VMWALK_VISIT_STEPS;
	visitor->enough = false;

	for_each_vma_range(vmi, vma, scanner->end) {
		scanner->vma = vma;
		drop_sample(scanner);
		end = min(scanner->end, vma->vm_end);
		addr = vmwalk_visit(vma, max(addr, vma->vm_start), end, visitor);
		if (addr < end || !visitor->steps || visitor->enough)
			return addr;
	}
	scanner->stop = true;

	return scanner->end;
}
