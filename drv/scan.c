// SPDX-License-Identifier: GPL-2.0
/*
 * Scanning: gather the pages of a range into extents.
 *
 * Copyright (C) The vmwalk authors
 *
 * Decoding a PTE takes about a hundred instructions, comparing two PTEs three.
 * Most PTEs of a VMA have the same flags. So one PTE is decoded as a template,
 * and the following PTEs are compared with the template.
 *
 * Some properties of a page are not in its PTE. Whether the page is anonymous
 * is the same for all pages of most VMAs: see vmwalk_vma_is_uniform(). Its NUMA
 * node, and whether the PFN is memory, are mostly the same for all pages of an
 * aligned span: see enter_span().
 */
#include <linux/memory_hotplug.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "arch/pgtable.h"
#include "compat.h"
#include "scan.h"

/* A table with at most this number of runs and new extents is quick to scan. */
#define BRIEF_RUNS	8

/* Is a page with this state reported? Uses the formula of PAGEMAP_SCAN. */
static bool selects(const struct vmwalk_scan *arg, u32 state)
{
	u64 categories = state ^ arg->category_inverted;

	if ((categories & arg->category_mask) != arg->category_mask)
		return false;

	return !arg->category_anyof_mask || categories & arg->category_anyof_mask;
}

/*
 * The rule for merging. Returns the PFN with which a page at @addr extends the
 * last extent; ULONG_MAX if the page is not adjacent, or has other flags or
 * another node; 0 if the extent has no PFNs.
 */
static unsigned long next_pfn(const struct vmwalk_scanner *scanner, unsigned long addr, u32 flags,
			      int node)
{
	/*
	 * With VMWALK_SCAN_TO_BUFFER, programs can write to this extent at any
	 * time. That only affects the result of the scan.
	 */
	const struct vmwalk_extent *last;

	if (!scanner->count)
		return ULONG_MAX;
	last = &scanner->out[scanner->count - 1];
	if (last->start + (last->pages << PAGE_SHIFT) != addr || last->flags != flags ||
	    last->node != node)
		return ULONG_MAX;

	return last->pfn ? last->pfn + last->pages : 0;
}

static __always_inline void set_extent(struct vmwalk_extent *extent, unsigned long addr,
				       unsigned long pfn, unsigned long pages, u32 flags,
				       unsigned int shift, int node)
{
	extent->start = addr;
	extent->pfn = pfn;
	extent->pages = pages;
	extent->flags = flags;
	extent->page_shift = shift;
	extent->node = node;
}

/*
 * Report contiguous pages with the same flags. Returns the number of pages
 * reported. Stops the walk if max_pages or the capacity of the output is used
 * up.
 */
static unsigned long report(struct vmwalk_scanner *scanner, unsigned long addr,
			    unsigned long pages, unsigned long pfn, u32 flags,
			    unsigned int shift, int node)
{
	struct vmwalk_extent *next = scanner->out + scanner->count;

	if (scanner->hide_pfns)
		pfn = 0;
	pages = min_t(u64, pages, scanner->pages_left);

	if (next_pfn(scanner, addr, flags, node) == pfn) {
		next[-1].pages += pages;
		next[-1].page_shift = min_t(u16, next[-1].page_shift, shift);
	} else if (scanner->count < scanner->capacity) {
		set_extent(next, addr, pfn, pages, flags, shift, node);
		scanner->count++;
	} else {
		scanner->done = scanner->flushed + scanner->count == scanner->arg->vec_len;
		scanner->walker.stop = true;
		return 0;
	}

	scanner->pages_left -= pages;
	if (!scanner->pages_left) {
		scanner->done = true;
		scanner->walker.stop = true;
	}

	return pages;
}

static void clear_templates(struct vmwalk_scanner *scanner)
{
	vmwalk_template_clear(&scanner->template.entry);
	vmwalk_template_clear(&scanner->other.entry);
	scanner->span.pte = VMWALK_PTE_NO_MATCH;
}

/* Decode and report an entry. Returns the number of pages handled. */
static unsigned long scan_entry(struct vmwalk_scanner *scanner, struct vmwalk_entry *entry,
				unsigned long addr, unsigned long pages)
{
	const struct vmwalk_scan_template old = scanner->template;
	bool selected;
	u32 flags;

	vmwalk_entry_decode(entry, scanner->vma);
	flags = entry->state & scanner->arg->return_mask;
	selected = entry->state && selects(scanner->arg, entry->state);
	if (scanner->hide_pfns)
		flags |= VMWALK_HIDDEN;

	if (entry->level == VMWALK_PTE && vmwalk_vma_is_uniform(scanner->vma) &&
	    vmwalk_template_set(&scanner->template.entry, entry)) {
		scanner->span.pte = VMWALK_PTE_NO_MATCH;
		scanner->template.flags = flags;
		scanner->template.selected = selected;
		scanner->other = old;
	}
	if (!selected)
		return pages;

	return report(scanner, addr, pages, entry->pfn, flags, entry->shift, entry->node);
}

/*
 * Scan a PTE, or the rest of its group: all PTEs of a group have the same flags
 * and contiguous PFNs. noinline: keep struct vmwalk_entry out of the stack
 * frames of the fast paths.
 */
static noinline unsigned long scan_one_pte(struct vmwalk_scanner *scanner, pte_t *ptep,
					   unsigned long addr, unsigned long left)
{
	struct vmwalk_entry entry = vmwalk_entry_from_pte(vmwalk_ptep_get(ptep), addr);
	unsigned long group = BIT(entry.shift - PAGE_SHIFT);

	return scan_entry(scanner, &entry, addr,
			  min(left, group - (PFN_DOWN(addr) & (group - 1))));
}

/*
 * Make the span of a PFN the current one. Returns false if not all of it is
 * memory on one node, or if it contains the zero page.
 */
static bool enter_span(struct vmwalk_scanner *scanner, unsigned long pfn)
{
	unsigned long start = round_down(pfn, VMWALK_SPAN_PAGES);
	struct page *first = pfn_to_online_page(start);

	if (!first || page_to_nid(first) != page_to_nid(first + VMWALK_SPAN_PAGES - 1) ||
	    round_down(vmwalk_zero_pfn(), VMWALK_SPAN_PAGES) == start)
		return false;

	scanner->span.pte = vmwalk_pte_advance(scanner->template.entry.pte,
					       start - scanner->template.entry.pfn);
	scanner->span.pfn = start;
	scanner->span.node = page_to_nid(first);

	return true;
}

/* Index of a page in the current span; ULONG_MAX if its PTE does not match. */
static __always_inline unsigned long index_in_span(const struct vmwalk_scanner *scanner, pte_t pte)
{
	unsigned long xor = vmwalk_pte_xor(pte, scanner->span.pte);

	return xor & ~((VMWALK_SPAN_PAGES - 1) << VMWALK_PFN_SHIFT) ? ULONG_MAX :
								      xor >> VMWALK_PFN_SHIFT;
}

/* PFN of a PTE that matches the template; ULONG_MAX if it does not match. */
static __always_inline unsigned long template_pfn(const struct vmwalk_scanner *scanner, pte_t pte)
{
	const struct vmwalk_template *template = &scanner->template.entry;
	phys_addr_t delta = vmwalk_pte_phys_delta(template->pte, pte);
	unsigned long pfn = PHYS_PFN(PFN_PHYS(template->pfn) + delta);

	return vmwalk_pte_same_flags(pte, template->pte) && !is_zero_pfn(pfn) ? pfn : ULONG_MAX;
}

/* Returns the PFN of a PTE that matches the other template; or ULONG_MAX. */
static unsigned long other_template_pfn(struct vmwalk_scanner *scanner, pte_t pte)
{
	if (!vmwalk_pte_same_flags(pte, scanner->other.entry.pte))
		return ULONG_MAX;
	swap(scanner->template, scanner->other);
	scanner->span.pte = VMWALK_PTE_NO_MATCH;

	return template_pfn(scanner, pte);
}

static __always_inline bool follows(const pte_t *ptep, pte_t first, unsigned int n)
{
	/*
	 * data_race: while the table is locked, only the CPU changes PTEs: it
	 * sets accessed and dirty.
	 */
	return data_race(pte_same(ptep[n], vmwalk_pte_advance(first, n)));
}

/*
 * Count the PTEs from @ptep on, at most @max, that map contiguous PFNs with the
 * flags of @first, the value of the first PTE. Comparing eight PTEs at a time
 * speeds up scan_dense in the benchmark: 5.4 instead of 7.3 instructions per
 * page.
 */
static unsigned long count_contig(const pte_t *ptep, pte_t first, unsigned long max)
{
	unsigned long count = 1;
	pte_t next = vmwalk_pte_advance(first, 1);

	while (count + 8 <= max &&
	       follows(ptep + count, next, 0) && follows(ptep + count, next, 1) &&
	       follows(ptep + count, next, 2) && follows(ptep + count, next, 3) &&
	       follows(ptep + count, next, 4) && follows(ptep + count, next, 5) &&
	       follows(ptep + count, next, 6) && follows(ptep + count, next, 7)) {
		count += 8;
		next = vmwalk_pte_advance(next, 8);
	}
	while (count < max && follows(ptep + count, next, 0)) {
		count++;
		next = vmwalk_pte_advance(next, 1);
	}

	return count;
}

/* Does one of the two PTEs after @ptep map a page in the span of @pte? */
static bool span_continues(pte_t *ptep, pte_t pte, unsigned long left)
{
	const unsigned long outside = ~((VMWALK_SPAN_PAGES << VMWALK_PFN_SHIFT) - 1);

	return (left > 1 && !(vmwalk_pte_xor(ptep_get(ptep + 1), pte) & outside)) ||
	       (left > 2 && !(vmwalk_pte_xor(ptep_get(ptep + 2), pte) & outside));
}

/*
 * Scan a PTE that is not empty, and the following PTEs that are contiguous.
 * Returns the number of PTEs handled.
 */
static unsigned long scan_contig(struct vmwalk_scanner *scanner, pte_t *ptep, pte_t pte,
				 unsigned long addr, unsigned long left)
{
	unsigned long index = index_in_span(scanner, pte);
	unsigned long pfn, count = 1;
	int node;

	if (index != ULONG_MAX) {
		pfn = scanner->span.pfn + index;
		node = scanner->span.node;
		count = count_contig(ptep, pte, min(left, VMWALK_SPAN_PAGES - index));
	} else {
		pfn = template_pfn(scanner, pte);
		if (pfn == ULONG_MAX)
			pfn = other_template_pfn(scanner, pte);
		if (pfn == ULONG_MAX)
			return scan_one_pte(scanner, ptep, addr, left);
		/* Entering a span costs more than looking up one page. */
		if (span_continues(ptep, pte, left) && enter_span(scanner, pfn))
			return scan_contig(scanner, ptep, pte, addr, left);
		node = page_to_nid(pfn_to_page(pfn));
	}
	if (!scanner->template.selected)
		return count;

	return report(scanner, addr, count, pfn, scanner->template.flags, PAGE_SHIFT, node);
}

/*
 * Number of pages that a fast path may report. The last page of max_pages is
 * left to report(), which then stops the walk.
 */
static unsigned long fast_path_limit(const struct vmwalk_scanner *scanner)
{
	return min_t(u64, scanner->capacity - scanner->count, scanner->pages_left - 1);
}

/*
 * Fast path for PTEs that alternate between a match of the span and an empty
 * PTE. Each page is an extent, since a hole precedes it. Speeds up
 * scan_alternate in the benchmark: 13 instead of 58 instructions per PTE.
 * Returns the number of PTEs handled.
 */
static unsigned long scan_alternating(struct vmwalk_scanner *scanner, pte_t *ptep,
				      unsigned long addr, unsigned long left)
{
	const unsigned long max = min(left / 2, fast_path_limit(scanner));
	const unsigned long reported = scanner->hide_pfns ? 0 : ULONG_MAX;
	const unsigned long start = scanner->span.pfn;
	const u32 flags = scanner->template.flags;
	const int node = scanner->span.node;
	struct vmwalk_extent *out = scanner->out + scanner->count;
	unsigned long count, index;

	if (!scanner->template.selected)
		return 0;

	for (count = 0; count < max; count++) {
		index = index_in_span(scanner, ptep_get(ptep + 2 * count));
		if (index == ULONG_MAX || !pte_none(ptep_get(ptep + 2 * count + 1)))
			break;
		set_extent(out++, addr + 2 * count * PAGE_SIZE, (start + index) & reported, 1,
			   flags, PAGE_SHIFT, node);
	}
	scanner->count += count;
	scanner->pages_left -= count;

	return 2 * count;
}

/*
 * Fast path for adjacent PTEs that match the template, with scattered PFNs.
 * Speeds up scan_scattered in the benchmark: 58 instead of 123 instructions per
 * page. Returns the number of PTEs handled.
 */
static unsigned long scan_scattered(struct vmwalk_scanner *scanner, pte_t *ptep,
				    unsigned long addr, unsigned long left)
{
	const unsigned long max = min(left, fast_path_limit(scanner));
	const u32 flags = scanner->template.flags;
	struct vmwalk_extent *out = scanner->out + scanner->count;
	unsigned long merges = scanner->count ? out[-1].pfn + out[-1].pages : ULONG_MAX;
	unsigned long count, index, pfn;
	pte_t pte;
	int node;

	/* Without PFNs, adjacent pages merge. */
	if (!scanner->template.selected || scanner->hide_pfns)
		return 0;

	for (count = 0; count < max; count++, merges = pfn + 1) {
		pte = ptep_get(ptep + count);
		index = index_in_span(scanner, pte);
		if (index != ULONG_MAX) {
			pfn = scanner->span.pfn + index;
			node = scanner->span.node;
		} else {
			pfn = template_pfn(scanner, pte);
			if (pfn == ULONG_MAX || span_continues(ptep + count, pte, left - count))
				break;
			node = page_to_nid(pfn_to_page(pfn));
		}
		/* Leave a page that might merge to report(). */
		if (pfn == merges)
			break;
		set_extent(out++, addr + (count << PAGE_SHIFT), pfn, 1, flags, PAGE_SHIFT, node);
	}
	scanner->count += count;
	scanner->pages_left -= count;

	return count;
}

static struct vmwalk_scanner *to_scanner(struct vmwalk_walker *walker)
{
	return container_of(walker, struct vmwalk_scanner, walker);
}

static unsigned long scan_ptes(struct vmwalk_walker *walker, pte_t *ptep,
			       unsigned long addr, unsigned long end)
{
	struct vmwalk_scanner *scanner = to_scanner(walker);
	unsigned long count, left = (end - addr) >> PAGE_SHIFT;
	unsigned long runs = -scanner->count;
	pte_t pte;

	if (!vmwalk_vma_is_uniform(scanner->vma))
		clear_templates(scanner);

	for (; left && !walker->stop; left -= count, ptep += count, runs++) {
		addr = end - (left << PAGE_SHIFT);
		pte = ptep_get(ptep);
		if (pte_none(pte)) {
			count = vmwalk_walk_count_empty(ptep, left);
			if (count < left)
				count += scan_alternating(scanner, ptep + count,
							  addr + (count << PAGE_SHIFT),
							  left - count);
		} else {
			count = scan_contig(scanner, ptep, pte, addr, left);
			if (count < left && !pte_none(ptep_get(ptep + count)) && !walker->stop)
				count += scan_scattered(scanner, ptep + count,
							addr + (count << PAGE_SHIFT),
							left - count);
		}
	}
	walker->brief = runs + scanner->count <= BRIEF_RUNS;

	return end - (left << PAGE_SHIFT);
}

static unsigned long scan_leaf(struct vmwalk_walker *walker, struct vmwalk_entry *entry,
			       unsigned long addr, unsigned long end)
{
	return addr + (scan_entry(to_scanner(walker), entry, addr,
				  (end - addr) >> PAGE_SHIFT) << PAGE_SHIFT);
}

/**
 * vmwalk_scan_end - the end of the range that a scan covers
 * @arg: the caller's arguments
 */
unsigned long vmwalk_scan_end(const struct vmwalk_scan *arg)
{
	const u64 end = untagged_addr(arg->end);

	return end > VMWALK_USER_END ? VMWALK_USER_END : PAGE_ALIGN(end);
}

/**
 * vmwalk_scan_init - start a scan
 * @scanner: set up
 * @mm: the mm to scan
 * @arg: the caller's arguments, validated
 * @hide_pfns: report no PFNs
 * @out: output array
 * @capacity: extents that fit into @out
 */
void vmwalk_scan_init(struct vmwalk_scanner *scanner, struct mm_struct *mm,
		      const struct vmwalk_scan *arg, bool hide_pfns, struct vmwalk_extent *out,
		      unsigned long capacity)
{
	*scanner = (struct vmwalk_scanner) {
		.walker = {
			.ptes = scan_ptes, .leaf = scan_leaf, .contended_mm = mm,
			.shares_tables = true,
		},
		.mm = mm,
		.arg = arg,
		.end = vmwalk_scan_end(arg),
		.hide_pfns = hide_pfns,
		.out = out,
		.capacity = min_t(u64, capacity, arg->vec_len),
		.pages_left = arg->max_pages ?: U64_MAX,
	};
}

/**
 * vmwalk_scan_flushed - empty the output, except for the last extent
 * @scanner: the scan; the caller has saved all extents but the last
 *
 * The last extent moves to the start of the output, where it may still grow.
 */
void vmwalk_scan_flushed(struct vmwalk_scanner *scanner)
{
	scanner->flushed += scanner->count - 1;
	scanner->capacity = min_t(u64, scanner->capacity,
				  scanner->arg->vec_len - scanner->flushed);
	scanner->out[0] = scanner->out[scanner->count - 1];
	scanner->count = 1;
}

/**
 * vmwalk_scan_pages - number of pages that a scan has reported
 * @scanner: the scan
 */
u64 vmwalk_scan_pages(const struct vmwalk_scanner *scanner)
{
	return (scanner->arg->max_pages ?: U64_MAX) - scanner->pages_left;
}

/**
 * vmwalk_scan_vmas - scan one VMA after the other, for a bounded time
 * @scanner: the scan
 * @addr: address to continue from
 *
 * Call this repeatedly, until @scanner->done is set. The caller holds mmap_lock
 * of the mm, with interrupts on. Between calls, flush the output if it is full.
 *
 * Return: address to continue from.
 */
unsigned long vmwalk_scan_vmas(struct vmwalk_scanner *scanner, unsigned long addr)
{
	struct vmwalk_walker *walker = &scanner->walker;
	struct vmwalk_vma_iter iter;
	struct vm_area_struct *vma;

	/* The iterator may treat an end of 0 as the largest address. */
	if (addr >= scanner->end) {
		scanner->done = true;
		return addr;
	}

	walker->steps = VMWALK_WALK_STEPS;
	walker->stop = false;
	scanner->vma = NULL;

	vmwalk_vma_iter_init(&iter, scanner->mm, addr, scanner->end);
	while (!walker->stop) {
		vma = vmwalk_vma_next(&iter);
		if (!vma) {
			scanner->done = true;
			addr = scanner->end;
			break;
		}
		if (!scanner->vma || !vmwalk_vma_same_kind(vma, scanner->vma))
			clear_templates(scanner);
		scanner->vma = vma;
		addr = vmwalk_walk_range(vma, max(addr, vma->vm_start),
					 min(scanner->end, vma->vm_end), walker);
	}
	vmwalk_walk_finish(walker);

	return addr;
}
