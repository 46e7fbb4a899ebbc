// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables: the way down from an address, the entries of a range, and extents made of them.
 *
 * Copyright (C) The vmwalk authors
 *
 * A table may be read while it maps, or spans, a part of a VMA that can't go: one that is found
 * under mmap_lock (held for reading will do), or one that is on its file's list under i_mmap_rwsem.
 * Where there is no VMA there is no right to look: munmap() takes its VMAs away, goes on with
 * mmap_lock for reading only, and frees the tables that were theirs alone.
 *
 * Two kinds of tables go even so: PTE tables that the kernel replaces or reclaims, and PMD tables
 * that hugetlb shares between processes. Those are freed after an RCU grace period or after an
 * interrupt on every CPU, so no table is looked at but with interrupts off, and the way down starts
 * from the top each time that they were on. Each entry is read once, into a local; what is decided
 * and what is reported is that one value.
 *
 * The kernel empties an entry for a moment when it changes it (mprotect, migration, a NUMA hint),
 * with the table's lock held. So that no page is missed that was there all the time, entries that
 * may be pages are read with that lock, too. Whoever holds it may wait for every CPU to answer an
 * interrupt, so it is only ever tried for here; if it is taken, the way down starts again with
 * interrupts on in between. Huge entries are emptied in that way in hugetlb only.
 *
 * Entries of every level are decoded as a pte_t by the kernel's helpers, as the kernel itself reads
 * the entries of hugetlb. Only presence and frame are asked of an entry's own level: a huge entry
 * has other bits for those.
 */
#include <linux/hugetlb.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pgtable.h>
#include <linux/swapops.h>
#include <linux/userfaultfd_k.h>

#include "compat.h"
#include "internal.h"

/**
 * vmwalk_paging_levels - levels of the page tables that the CPU reads now
 */
int vmwalk_paging_levels(void)
{
	return VMWALK_LEVELS - (mm_p4d_folded(NULL) ? 1 : 0) - (mm_pud_folded(NULL) ? 1 : 0) -
	       (mm_pmd_folded(NULL) ? 1 : 0);
}

static struct vmwalk_entry pte_entry(pte_t pte)
{
	struct vmwalk_entry entry = {
		.pte = pte,
		.present = pte_present(pte),
		.level = VMWALK_PTE,
		.shift = PAGE_SHIFT,
	};

	if (entry.present)
		entry.pfn = pte_pfn(pte);
	return entry;
}

static struct vmwalk_entry pmd_entry(pmd_t pmd, unsigned long addr)
{
	struct vmwalk_entry entry = {
		.pte = __pte(pmd_val(pmd)),
		.present = pmd_present(pmd) || pte_present(__pte(pmd_val(pmd))),
		.level = VMWALK_PMD,
		.shift = PMD_SHIFT,
	};

	if (entry.present)
		entry.pfn = pmd_pfn(pmd) + ((addr & ~PMD_MASK) >> PAGE_SHIFT);
	return entry;
}

static struct vmwalk_entry pud_entry(pud_t pud, unsigned long addr)
{
	struct vmwalk_entry entry = {
		.pte = __pte(pud_val(pud)),
		.present = pud_present(pud) || pte_present(__pte(pud_val(pud))),
		.level = VMWALK_PUD,
		.shift = PUD_SHIFT,
	};

	if (entry.present)
		entry.pfn = pud_pfn(pud) + ((addr & ~PUD_MASK) >> PAGE_SHIFT);
	return entry;
}

/* Not a table: it is empty, maps a page, or stands for one that is elsewhere. */
static bool pmd_ends_walk(pmd_t pmd)
{
	return !pmd_present(pmd) || pmd_leaf(pmd);
}

static bool pud_ends_walk(pud_t pud)
{
	return !pud_present(pud) || pud_leaf(pud);
}

/*
 * Read an entry that hugetlb may have emptied for a moment. @vma is NULL where it can't be
 * hugetlb's. Returns false if the table's lock is taken: the way down is to start again.
 */
static bool read_pud(struct vm_area_struct *vma, pud_t *pudp, pud_t *pud)
{
	spinlock_t *lock;	/* protects the entry */

	if (!vma || !is_vm_hugetlb_page(vma)) {
		*pud = READ_ONCE(*pudp);
		return true;
	}

	lock = pud_lockptr(vma->vm_mm, pudp);
	if (!spin_trylock(lock))
		return false;
	*pud = READ_ONCE(*pudp);
	spin_unlock(lock);

	return true;
}

static bool read_pmd(struct vm_area_struct *vma, pmd_t *pmdp, pmd_t *pmd)
{
	spinlock_t *lock;	/* protects the entry */

	if (!vma || !is_vm_hugetlb_page(vma)) {
		*pmd = READ_ONCE(*pmdp);
		return true;
	}

	lock = pmd_lockptr(vma->vm_mm, pmdp);
	if (!spin_trylock(lock))
		return false;
	*pmd = READ_ONCE(*pmdp);
	spin_unlock(lock);

	return true;
}

/*
 * Show the visitor the entries of one PTE table. Returns @addr if the table's lock is taken, or if
 * the table isn't there any more now that nobody changes it: the way down is to start again.
 */
static unsigned long visit_ptes(struct mm_struct *mm, pmd_t *pmdp, pmd_t pmd, unsigned long addr,
				unsigned long end, struct vmwalk_visitor *visitor)
{
	spinlock_t *lock = pte_lockptr(mm, &pmd);	/* protects the table's entries */

	if (!spin_trylock(lock))
		return addr;
	if (pmd_same(pmd, READ_ONCE(*pmdp)))
		addr = visitor->ptes(visitor, pte_offset_kernel(&pmd, addr), addr, end);
	spin_unlock(lock);

	return addr;
}

/* Show the visitor the entries of one PMD table up to the first that isn't empty. */
static unsigned long visit_pmds(struct vm_area_struct *vma, pmd_t *pmdp, unsigned long addr,
				unsigned long end, struct vmwalk_visitor *visitor)
{
	struct vmwalk_entry entry;
	unsigned long next;
	pmd_t pmd;

	for (; addr < end; addr = next, pmdp++) {
		next = pmd_addr_end(addr, end);
		if (!read_pmd(vma, pmdp, &pmd))
			return addr;
		if (pmd_none(pmd))
			continue;

		if (pmd_ends_walk(pmd)) {
			entry = pmd_entry(pmd, addr);
			return visitor->leaf(visitor, &entry, addr, next);
		}
		if (!pmd_bad(pmd))
			return visit_ptes(vma->vm_mm, pmdp, pmd, addr, next, visitor);
	}

	return end;
}

/*
 * One step of a visit: down from the top, as far as one PTE table or one huge entry. Returns @addr
 * if a lock was taken.
 */
static unsigned long visit_step(struct vm_area_struct *vma, unsigned long addr, unsigned long end,
				struct vmwalk_visitor *visitor)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vmwalk_entry entry;
	unsigned long next;
	pgd_t *pgdp, pgd;
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;

	pgdp = pgd_offset(mm, addr);
	pgd = READ_ONCE(*pgdp);
	if (pgd_none(pgd) || pgd_bad(pgd))
		return pgd_addr_end(addr, end);

	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d) || p4d_bad(p4d))
		return p4d_addr_end(addr, end);

	pudp = pud_offset_lockless(p4dp, p4d, addr);
	next = pud_addr_end(addr, end);
	if (!read_pud(vma, pudp, &pud))
		return addr;
	if (pud_none(pud))
		return next;
	if (pud_ends_walk(pud)) {
		entry = pud_entry(pud, addr);
		return visitor->leaf(visitor, &entry, addr, next);
	}
	if (pud_bad(pud))
		return next;

	return visit_pmds(vma, pmd_offset_lockless(pudp, pud, addr), addr, next, visitor);
}

/**
 * vmwalk_visit - show a visitor the entries of a part of a VMA
 * @vma: the VMA; the caller has a lock that keeps it
 * @addr: first address, page aligned, not below the VMA
 * @end: first address beyond, page aligned, not above the VMA
 * @visitor: is shown every entry that isn't empty, once, from low to high addresses
 *
 * Return: the address to go on from. It is @end if there is nothing left; otherwise the visitor had
 * enough, or its steps are used up.
 */
unsigned long vmwalk_visit(struct vm_area_struct *vma, unsigned long addr, unsigned long end,
			   struct vmwalk_visitor *visitor)
{
	unsigned long flags, next;

	for (; addr < end && !visitor->enough && visitor->steps; addr = next) {
		local_irq_save(flags);
		next = visit_step(vma, addr, end, visitor);
		local_irq_restore(flags);
		if (next == addr)
			cpu_relax();
		visitor->steps--;
	}

	return addr;
}

/* Note an entry that was read, if anybody wants to know. Entries are words in a table of a page. */
static void note_level(struct vmwalk_level *levels, unsigned int level, void *entryp, u64 entry)
{
	if (!levels)
		return;

	levels[level].table = __pa(entryp) & PAGE_MASK;
	levels[level].index = offset_in_page(entryp) / sizeof(u64);
	levels[level].entry = entry;
	levels[level].flags = VMWALK_LEVEL_READ;
}

/*
 * May the table under an entry be read, where the entry covers all addresses that are as @addr in
 * @mask? Yes if a VMA keeps it: it can't go while the caller has mmap_lock.
 */
static bool spans_vma(struct mm_struct *mm, unsigned long addr, unsigned long mask)
{
	struct vm_area_struct *vma = find_vma(mm, addr & mask);

	return vma && vma->vm_start <= (addr | ~mask);
}

static struct vmwalk_entry empty_entry(unsigned int level, unsigned int shift)
{
	return (struct vmwalk_entry) { .level = level, .shift = shift };
}

/* Returns false if a lock was taken: try again with interrupts on in between. */
static bool descend(struct mm_struct *mm, unsigned long addr, struct vmwalk_level *levels,
		    struct vmwalk_entry *entry)
{
	/* Over an address that has a VMA every table spans one. */
	struct vm_area_struct *vma = vma_lookup(mm, addr);
	spinlock_t *lock;	/* protects the entries of the PTE table */
	pgd_t *pgdp, pgd;
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;
	pte_t *ptep, pte;
	bool same;

	pgdp = pgd_offset(mm, addr);
	pgd = READ_ONCE(*pgdp);
	note_level(levels, VMWALK_PGD, pgdp, pgd_val(pgd));
	*entry = empty_entry(VMWALK_PGD, PGDIR_SHIFT);
	if (pgd_none(pgd) || pgd_bad(pgd) || !(vma || spans_vma(mm, addr, PGDIR_MASK)))
		return true;

	/* A folded level has no table of its own: its helper hands the entry above down. */
	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = READ_ONCE(*p4dp);
	if (!mm_p4d_folded(mm)) {
		note_level(levels, VMWALK_P4D, p4dp, p4d_val(p4d));
		*entry = empty_entry(VMWALK_P4D, P4D_SHIFT);
	} else if (levels) {
		levels[VMWALK_P4D].flags = VMWALK_LEVEL_FOLDED;
	}
	if (p4d_none(p4d) || p4d_bad(p4d) || !(vma || spans_vma(mm, addr, P4D_MASK)))
		return true;

	pudp = pud_offset_lockless(p4dp, p4d, addr);
	if (!read_pud(vma, pudp, &pud))
		return false;
	note_level(levels, VMWALK_PUD, pudp, pud_val(pud));
	*entry = pud_ends_walk(pud) ? pud_entry(pud, addr) : empty_entry(VMWALK_PUD, PUD_SHIFT);
	if (pud_ends_walk(pud) || pud_bad(pud) || !(vma || spans_vma(mm, addr, PUD_MASK)))
		return true;

	pmdp = pmd_offset_lockless(pudp, pud, addr);
	if (!read_pmd(vma, pmdp, &pmd))
		return false;
	note_level(levels, VMWALK_PMD, pmdp, pmd_val(pmd));
	*entry = pmd_ends_walk(pmd) ? pmd_entry(pmd, addr) : empty_entry(VMWALK_PMD, PMD_SHIFT);
	if (pmd_ends_walk(pmd) || pmd_bad(pmd) || !(vma || spans_vma(mm, addr, PMD_MASK)))
		return true;

	lock = pte_lockptr(mm, &pmd);
	if (!spin_trylock(lock))
		return false;
	same = pmd_same(pmd, READ_ONCE(*pmdp));
	ptep = pte_offset_kernel(&pmd, addr);
	pte = ptep_get(ptep);
	spin_unlock(lock);
	note_level(levels, VMWALK_PTE, ptep, pte_val(pte));
	*entry = pte_entry(pte);

	return same;
}

/**
 * vmwalk_descend - the way down from one address
 * @mm: whose page tables; the caller has its mmap_lock
 * @addr: the address
 * @levels: VMWALK_LEVELS of them, where each step is noted; or NULL
 *
 * Return: the entry at which the way ends; an empty one has neither @present nor a value.
 */
struct vmwalk_entry vmwalk_descend(struct mm_struct *mm, unsigned long addr,
				   struct vmwalk_level *levels)
{
	struct vmwalk_entry entry;
	unsigned long flags;
	bool done;

	do {
		if (levels)
			memset(levels, 0, VMWALK_LEVELS * sizeof(*levels));
		local_irq_save(flags);
		done = descend(mm, addr, levels, &entry);
		local_irq_restore(flags);
	} while (!done);

	if (levels && entry.present)
		levels[entry.level].flags |= VMWALK_LEVEL_LEAF;

	return entry;
}

/* Not empty, not present: swapped, moving, or a mark that userfaultfd or madvise left. */
static u32 absent_state(pte_t pte)
{
	swp_entry_t swap = pte_to_swp_entry(pte);
	u32 state = 0;

	if (is_migration_entry(swap))
		state |= VMWALK_MIGRATION;
	else if (!is_pte_marker_entry(swap))
		state |= VMWALK_SWAP;
	if (pte_swp_soft_dirty(pte))
		state |= VMWALK_SOFT_DIRTY;
	if (pte_swp_uffd_wp(pte) || pte_swp_uffd_wp_any(pte))
		state |= VMWALK_UFFD_WP;

	return state;
}

static u32 present_state(pte_t pte)
{
	u32 state = VMWALK_PRESENT;

	if (pte_write(pte))
		state |= VMWALK_WRITE;
	if (pte_exec(pte))
		state |= VMWALK_EXEC;
	if (vmwalk_pte_user(pte))
		state |= VMWALK_USER;
	if (pte_young(pte))
		state |= VMWALK_ACCESSED;
	if (pte_dirty(pte))
		state |= VMWALK_DIRTY;
	if (pte_soft_dirty(pte))
		state |= VMWALK_SOFT_DIRTY;
	if (pte_protnone(pte))
		state |= VMWALK_PROTNONE;
	if (pte_uffd_wp(pte))
		state |= VMWALK_UFFD_WP;

	return state;
}

/* The struct page of a frame that an entry maps as a page; NULL for a bare frame. */
static struct page *entry_page(const struct vmwalk_entry *entry)
{
	if (entry->level == VMWALK_PTE && pte_special(entry->pte))
		return NULL;

	/* Frames that aren't RAM may have no struct page, or one that nobody has set up. */
	return pfn_to_online_page(entry->pfn);
}

static u32 page_state(const struct vmwalk_entry *entry, struct page *page,
		      struct vm_area_struct *vma)
{
	u32 state = 0;

	if (entry->level == VMWALK_PTE && is_zero_pfn(entry->pfn))
		return VMWALK_ZERO;
	if (!page)
		return VMWALK_SPECIAL;

	if (entry->level != VMWALK_PTE) {
		/*
		 * Modules can't ask for the huge zero page by name. But in anonymous memory a huge
		 * entry maps either an anonymous page or that one.
		 */
		if (PageHuge(page))
			state |= VMWALK_HUGETLB;
		else if (vma && vma_is_anonymous(vma) && !PageAnon(page))
			return VMWALK_ZERO;
	}

	return PageAnon(page) ? state : state | VMWALK_FILE;
}

static u32 entry_state(const struct vmwalk_entry *entry, struct page *page,
		       struct vm_area_struct *vma)
{
	if (entry->present)
		return present_state(entry->pte) | page_state(entry, page, vma);
	if (pte_none(entry->pte))
		return 0;
	return absent_state(entry->pte);
}

/**
 * vmwalk_entry_state - what an entry says
 * @mm: whose it is; the caller has its mmap_lock, as it had when it read the entry
 * @entry: the entry
 * @addr: an address that it covers
 *
 * Return: flags VMWALK_PRESENT to VMWALK_SPECIAL; 0 for an empty entry, and for a mark that stands
 * for no page.
 */
u32 vmwalk_entry_state(struct mm_struct *mm, const struct vmwalk_entry *entry, unsigned long addr)
{
	struct page *page = entry->present ? entry_page(entry) : NULL;

	return entry_state(entry, page, vma_lookup(mm, addr));
}

/* Does a page with @state go into the result? The formula is PAGEMAP_SCAN's. */
static bool scan_selects(const struct vmwalk_scan *arg, u32 state)
{
	u64 categories = state ^ arg->category_inverted;

	if ((categories & arg->category_mask) != arg->category_mask)
		return false;

	return !arg->category_anyof_mask || categories & arg->category_anyof_mask;
}

static bool scan_grows(const struct vmwalk_extent *last, const struct vmwalk_extent *next)
{
	return last->start + (last->pages << PAGE_SHIFT) == next->start &&
	       last->flags == next->flags && last->page_shift == next->page_shift &&
	       last->node == next->node && (last->pfn ? last->pfn + last->pages : 0) == next->pfn;
}

/*
 * Take pages that are alike into the result. Returns the address up to which they are dealt with,
 * which is short of their end if vec_len, max_pages or the room in the output was used up.
 */
static unsigned long scan_take(struct vmwalk_scanner *scanner, const struct vmwalk_entry *entry,
			       unsigned long addr, unsigned long end)
{
	const struct vmwalk_scan *arg = scanner->arg;
	struct vmwalk_extent next = { .start = addr, .page_shift = entry->shift, .node = -1 };
	u64 pages_left = arg->max_pages ? arg->max_pages - scanner->pages : U64_MAX;
	struct page *page = entry->present ? entry_page(entry) : NULL;
	u32 state = entry_state(entry, page, scanner->vma);

	if (!state || !scan_selects(arg, state))
		return end;

	next.pages = min_t(u64, (end - addr) >> PAGE_SHIFT, pages_left);
	next.flags = state & arg->return_mask;
	if (page)
		next.node = page_to_nid(page);
	if (scanner->hide)
		next.flags |= VMWALK_HIDDEN;
	else
		next.pfn = entry->pfn;

	if (scanner->last.pages && scan_grows(&scanner->last, &next)) {
		scanner->last.pages += next.pages;
	} else {
		scanner->stop = scanner->extents == arg->vec_len;
		scanner->visitor.enough = scanner->stop ||
					  (scanner->last.pages && scanner->filled == scanner->room);
		if (scanner->visitor.enough)
			return addr;
		if (scanner->last.pages)
			scanner->out[scanner->filled++] = scanner->last;
		scanner->last = next;
		scanner->extents++;
	}

	scanner->pages += next.pages;
	scanner->stop = next.pages == pages_left;
	scanner->visitor.enough = scanner->stop;

	return addr + (next.pages << PAGE_SHIFT);
}

static struct vmwalk_scanner *to_scanner(struct vmwalk_visitor *visitor)
{
	return container_of(visitor, struct vmwalk_scanner, visitor);
}

static unsigned long scan_ptes(struct vmwalk_visitor *visitor, pte_t *ptep,
			       unsigned long addr, unsigned long end)
{
	struct vmwalk_scanner *scanner = to_scanner(visitor);
	struct vmwalk_entry entry;

	for (; addr < end && !visitor->enough; ptep++) {
		pte_t pte = ptep_get(ptep);

		if (pte_none(pte)) {
			addr += PAGE_SIZE;
		} else {
			entry = pte_entry(pte);
			addr = scan_take(scanner, &entry, addr, addr + PAGE_SIZE);
		}
	}

	return addr;
}

static unsigned long scan_leaf(struct vmwalk_visitor *visitor, const struct vmwalk_entry *entry,
			       unsigned long addr, unsigned long end)
{
	return scan_take(to_scanner(visitor), entry, addr, end);
}

/**
 * vmwalk_scan_init - start a scan
 * @scanner: is set up; the caller then sets its out and room
 * @mm: whose page tables
 * @arg: what is asked for, checked
 * @hide: withhold frames
 */
void vmwalk_scan_init(struct vmwalk_scanner *scanner, struct mm_struct *mm,
		      const struct vmwalk_scan *arg, bool hide)
{
	*scanner = (struct vmwalk_scanner) {
		.visitor = { .ptes = scan_ptes, .leaf = scan_leaf },
		.mm = mm,
		.arg = arg,
		.end = arg->end > TASK_SIZE_MAX ? TASK_SIZE_MAX : PAGE_ALIGN(arg->end),
		.hide = hide,
	};
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

	visitor->steps = VMWALK_VISIT_STEPS;
	visitor->enough = false;

	while (visitor->steps && !visitor->enough) {
		vma = find_vma(scanner->mm, addr);
		if (!vma || max(addr, vma->vm_start) >= scanner->end) {
			scanner->stop = true;
			return scanner->end;
		}

		scanner->vma = vma;
		addr = vmwalk_visit(vma, max(addr, vma->vm_start), min(scanner->end, vma->vm_end),
				    visitor);
	}

	return addr;
}
