// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables: the way down from an address, and the entries of a range.
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
 * The kernel empties an entry for a moment when it changes it (mprotect, migration, a NUMA hint, a
 * huge page that is split), with the table's lock held. So that no page is missed that was there
 * all the time, an entry that isn't a table is read and decoded under that
 * lock: its page cannot be freed until the lock is released. The holder of the
 * lock may be waiting for every CPU to answer an IPI, so while interrupts are
 * off the lock is only tried for. If that fails, interrupts are turned on, and
 * the walk restarts from the top.
 *
 * spin_trylock() never succeeds while other CPUs queue for the lock. After
 * TRIES failures in a row the walker therefore waits for the lock, with
 * interrupts on. RCU then keeps PTE tables from being freed, and i_mmap_rwsem
 * of the file those PMD tables that hugetlb shares: see lock_shared_tables().
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "internal.h"

/* Failed attempts in a row, after which the walker waits for the lock. */
#define TRIES	16

/* Take a page table's lock, or only try to. Returns false if that fails. */
#define lock_table(lock, wait)	((wait) ? (spin_lock(lock), true) : spin_trylock(lock))

/*
 * Keep the PMD tables that a hugetlb VMA shares with other processes. mmap_lock
 * is not enough: migration unshares them under i_mmap_rwsem alone. Returns the
 * argument for unlock_shared_tables().
 */
static struct address_space *lock_shared_tables(struct vm_area_struct *vma)
{
	struct address_space *mapping;

	if (!vma || !is_vm_hugetlb_page(vma) || !(vma->vm_flags & VM_MAYSHARE))
		return NULL;

	mapping = vma->vm_file->f_mapping;
	i_mmap_lock_read(mapping);
	return mapping;
}

static void unlock_shared_tables(struct address_space *mapping)
{
	if (mapping)
		i_mmap_unlock_read(mapping);
}

/**
 * vmwalk_paging_levels - levels of the page tables that the CPU reads now
 */
int vmwalk_paging_levels(void)
{
	return VMWALK_LEVELS - (mm_p4d_folded(NULL) ? 1 : 0) - (mm_pud_folded(NULL) ? 1 : 0) -
	       (mm_pmd_folded(NULL) ? 1 : 0);
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
 * Show the visitor the entries of one PTE table. Returns @addr if the table's lock is taken, or if
 * the table isn't there any more now that nobody changes it: the way down is to start again.
 */
static unsigned long visit_ptes(struct mm_struct *mm, pmd_t *pmdp, pmd_t pmd, unsigned long addr,
				unsigned long end, struct vmwalk_visitor *visitor)
{
	spinlock_t *lock = pte_lockptr(mm, &pmd);	/* protects the table's entries */

	if (!lock_table(lock, visitor->waits))
		return addr;
	if (pmd_same(pmd, READ_ONCE(*pmdp)))
		addr = visitor->ptes(visitor, pte_offset_kernel(&pmd, addr), addr, end);
	spin_unlock(lock);

	return addr;
}

/* Of their own, so that the common way down has no struct to set up. */
static noinline unsigned long visit_pmd_leaf(struct vmwalk_visitor *visitor, pmd_t pmd,
					     unsigned long addr, unsigned long end)
{
	struct vmwalk_entry entry = vmwalk_pmd_entry(pmd, addr);

	return visitor->leaf(visitor, &entry, addr, end);
}

static noinline unsigned long visit_pud_leaf(struct vmwalk_visitor *visitor, pud_t pud,
					     unsigned long addr, unsigned long end)
{
	struct vmwalk_entry entry = vmwalk_pud_entry(pud, addr);

	return visitor->leaf(visitor, &entry, addr, end);
}

/*
 * Where the first entry from @entryp on that isn't empty starts, or @end. @entryp is for @addr,
 * @shift log2 of what an entry covers, and all up to @end is in the same table.
 */
static unsigned long skip_empty(const void *entryp, unsigned long addr, unsigned long end,
				unsigned int shift)
{
	unsigned long first = addr >> shift;
	unsigned long next = first + vmwalk_count_empty(entryp, ((end - 1) >> shift) - first + 1);

	return next > (end - 1) >> shift ? end : next << shift;
}

/*
 * Deal with an entry that isn't a table, and with the empty ones that follow an empty one. Returns
 * @addr if the lock is taken, or if the entry is a table by now: the way down is to start again.
 */
static unsigned long visit_pmd(struct mm_struct *mm, pmd_t *pmdp, unsigned long addr,
			       unsigned long end, struct vmwalk_visitor *visitor)
{
	spinlock_t *lock = pmd_lockptr(mm, pmdp);	/* protects the table's entries */
	pmd_t pmd;

	if (!lock_table(lock, visitor->waits))
		return addr;
	pmd = READ_ONCE(*pmdp);
	if (pmd_none(pmd))
		addr = skip_empty(pmdp, addr, end, PMD_SHIFT);
	else if (pmd_ends_walk(pmd))
		addr = visit_pmd_leaf(visitor, pmd, addr, pmd_addr_end(addr, end));
	spin_unlock(lock);

	return addr;
}

static unsigned long visit_pud(struct mm_struct *mm, pud_t *pudp, unsigned long addr,
			       unsigned long end, struct vmwalk_visitor *visitor)
{
	spinlock_t *lock = pud_lockptr(mm, pudp);	/* protects the table's entries */
	pud_t pud;

	if (!lock_table(lock, visitor->waits))
		return addr;
	pud = READ_ONCE(*pudp);
	if (pud_none(pud))
		addr = skip_empty(pudp, addr, p4d_addr_end(addr, end), PUD_SHIFT);
	else if (pud_ends_walk(pud))
		addr = visit_pud_leaf(visitor, pud, addr, pud_addr_end(addr, end));
	spin_unlock(lock);

	return addr;
}

/* Show the visitor the entries of one PMD table up to the first that isn't empty. */
static unsigned long visit_pmds(struct mm_struct *mm, pmd_t *pmdp, unsigned long addr,
				unsigned long end, struct vmwalk_visitor *visitor)
{
	unsigned long next;
	pmd_t pmd;

	for (; addr < end; pmdp += (next >> PMD_SHIFT) - (addr >> PMD_SHIFT), addr = next) {
		pmd = READ_ONCE(*pmdp);
		if (pmd_ends_walk(pmd)) {
			next = visit_pmd(mm, pmdp, addr, end, visitor);
			if (next == addr || !pmd_none(pmd) || visitor->enough)
				return next;
			continue;
		}

		next = pmd_addr_end(addr, end);
		if (!pmd_bad(pmd))
			return visit_ptes(mm, pmdp, pmd, addr, next, visitor);
	}

	return end;
}

/*
 * One step of a visit: down from the top, as far as one PTE table or one huge entry. Returns @addr
 * if a lock was taken.
 */
static unsigned long visit_step(struct mm_struct *mm, unsigned long addr, unsigned long end,
				struct vmwalk_visitor *visitor)
{
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
	pud = READ_ONCE(*pudp);
	if (pud_ends_walk(pud))
		return visit_pud(mm, pudp, addr, end, visitor);
	next = pud_addr_end(addr, end);
	if (pud_bad(pud))
		return next;

	return visit_pmds(mm, pmd_offset_lockless(pudp, pud, addr), addr, next, visitor);
}

static unsigned long visit_step_trying(struct mm_struct *mm, unsigned long addr, unsigned long end,
				       struct vmwalk_visitor *visitor)
{
	unsigned long flags;

	local_irq_save(flags);
	addr = visit_step(mm, addr, end, visitor);
	local_irq_restore(flags);

	return addr;
}

static unsigned long visit_step_waiting(struct mm_struct *mm, unsigned long addr,
					unsigned long end, struct vmwalk_visitor *visitor)
{
	rcu_read_lock();
	addr = visit_step(mm, addr, end, visitor);
	rcu_read_unlock();

	return addr;
}

/**
 * vmwalk_visit - show a visitor the entries of a part of a VMA
 * @vma: the VMA; the caller has a lock that keeps it
 * @addr: first address, page aligned, not below the VMA
 * @end: first address beyond, page aligned, not above the VMA
 * @visitor: is shown every entry that isn't empty, once, from low to high addresses
 *
 * Return: the address to go on from. It is @end if there is nothing left; otherwise the visitor had
 * enough, or its steps are used up, or somebody waits for the lock that it yields.
 */
unsigned long vmwalk_visit(struct vm_area_struct *vma, unsigned long addr, unsigned long end,
			   struct vmwalk_visitor *visitor)
{
	struct address_space *shared = lock_shared_tables(vma);
	unsigned int failures = 0;
	unsigned long next;

	for (; addr < end && !visitor->enough && visitor->steps; addr = next) {
		visitor->waits = failures == TRIES;
		next = visitor->waits ? visit_step_waiting(vma->vm_mm, addr, end, visitor) :
					visit_step_trying(vma->vm_mm, addr, end, visitor);
		if (next != addr)
			failures = 0;
		else if (failures < TRIES)
			failures++;
		visitor->steps--;
		if (visitor->yields && mmap_lock_is_contended(visitor->yields))
			visitor->steps = 0;
	}
	unlock_shared_tables(shared);

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
	return (struct vmwalk_entry) { .level = level, .shift = shift, .node = NUMA_NO_NODE };
}

/**
 * struct descent - a walk of one address
 * @mm: the mm whose page tables are walked
 * @addr: the address
 * @vma: the VMA that covers the address, or NULL
 * @levels: array of VMWALK_LEVELS, filled in for each level; or NULL
 * @entry: set to the entry at which the walk ends
 * @waits: true: take page-table locks, with interrupts on; false: only try,
 *         with interrupts off
 */
struct descent {
	struct mm_struct *mm;
	unsigned long addr;
	struct vm_area_struct *vma;
	struct vmwalk_level *levels;
	struct vmwalk_entry *entry;
	bool waits;
};

/*
 * The way down ends at an entry that isn't a table. As long as its lock is held it can't go, nor
 * can its page. Returns false if the lock is taken, or if the entry is a table by now.
 */
static bool end_at_pmd(const struct descent *descent, pmd_t *pmdp)
{
	spinlock_t *lock = pmd_lockptr(descent->mm, pmdp);	/* protects the entry */
	bool ends;
	pmd_t pmd;

	if (!lock_table(lock, descent->waits))
		return false;
	pmd = READ_ONCE(*pmdp);
	ends = pmd_ends_walk(pmd);
	if (ends) {
		note_level(descent->levels, VMWALK_PMD, pmdp, pmd_val(pmd));
		*descent->entry = vmwalk_pmd_entry(pmd, descent->addr);
		vmwalk_entry_judge(descent->entry, descent->vma);
	}
	spin_unlock(lock);

	return ends;
}

static bool end_at_pud(const struct descent *descent, pud_t *pudp)
{
	spinlock_t *lock = pud_lockptr(descent->mm, pudp);	/* protects the entry */
	bool ends;
	pud_t pud;

	if (!lock_table(lock, descent->waits))
		return false;
	pud = READ_ONCE(*pudp);
	ends = pud_ends_walk(pud);
	if (ends) {
		note_level(descent->levels, VMWALK_PUD, pudp, pud_val(pud));
		*descent->entry = vmwalk_pud_entry(pud, descent->addr);
		vmwalk_entry_judge(descent->entry, descent->vma);
	}
	spin_unlock(lock);

	return ends;
}

/* Returns false if the lock is contended, or if the PMD entry has changed. */
static bool end_at_pte(const struct descent *descent, pmd_t *pmdp, pmd_t pmd)
{
	spinlock_t *lock = pte_lockptr(descent->mm, &pmd);	/* protects the entry */
	pte_t *ptep, pte;
	bool same;

	if (!lock_table(lock, descent->waits))
		return false;
	same = pmd_same(pmd, READ_ONCE(*pmdp));
	if (same) {
		ptep = pte_offset_kernel(&pmd, descent->addr);
		pte = ptep_get(ptep);
		note_level(descent->levels, VMWALK_PTE, ptep, pte_val(pte));
		*descent->entry = vmwalk_pte_entry(pte);
		vmwalk_entry_judge(descent->entry, descent->vma);
	}
	spin_unlock(lock);

	return same;
}

/* Returns false if the walk must restart from the top. */
static bool descend(const struct descent *descent)
{
	struct vm_area_struct *vma = descent->vma;
	struct vmwalk_level *levels = descent->levels;
	struct vmwalk_entry *entry = descent->entry;
	struct mm_struct *mm = descent->mm;
	unsigned long addr = descent->addr;
	pgd_t *pgdp, pgd;
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;

	pgdp = pgd_offset(mm, addr);
	pgd = READ_ONCE(*pgdp);
	note_level(levels, VMWALK_PGD, pgdp, pgd_val(pgd));
	*entry = empty_entry(VMWALK_PGD, PGDIR_SHIFT);
	/* Over an address that has a VMA every table spans one. */
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
	pud = READ_ONCE(*pudp);
	if (pud_ends_walk(pud))
		return end_at_pud(descent, pudp);
	note_level(levels, VMWALK_PUD, pudp, pud_val(pud));
	*entry = empty_entry(VMWALK_PUD, PUD_SHIFT);
	if (pud_bad(pud) || !(vma || spans_vma(mm, addr, PUD_MASK)))
		return true;

	pmdp = pmd_offset_lockless(pudp, pud, addr);
	pmd = READ_ONCE(*pmdp);
	if (pmd_ends_walk(pmd))
		return end_at_pmd(descent, pmdp);
	note_level(levels, VMWALK_PMD, pmdp, pmd_val(pmd));
	*entry = empty_entry(VMWALK_PMD, PMD_SHIFT);
	if (pmd_bad(pmd) || !(vma || spans_vma(mm, addr, PMD_MASK)))
		return true;

	return end_at_pte(descent, pmdp, pmd);
}

static bool descend_trying(const struct descent *descent)
{
	unsigned long flags;
	bool done;

	local_irq_save(flags);
	done = descend(descent);
	local_irq_restore(flags);

	return done;
}

static bool descend_waiting(const struct descent *descent)
{
	bool done;

	rcu_read_lock();
	done = descend(descent);
	rcu_read_unlock();

	return done;
}

/**
 * vmwalk_descend - the way down from one address
 * @mm: whose page tables; the caller has its mmap_lock
 * @addr: the address
 * @levels: VMWALK_LEVELS of them, where each step is noted; or NULL
 *
 * Return: the entry at which the way ends, judged; an empty one has neither @present nor a value.
 */
struct vmwalk_entry vmwalk_descend(struct mm_struct *mm, unsigned long addr,
				   struct vmwalk_level *levels)
{
	struct vmwalk_entry entry;
	struct descent descent = {
		.mm = mm,
		.addr = addr,
		.vma = vma_lookup(mm, addr),
		.levels = levels,
		.entry = &entry,
	};
	struct address_space *shared = lock_shared_tables(descent.vma);
	unsigned int failures = 0;
	bool done;

	do {
		if (levels)
			memset(levels, 0, VMWALK_LEVELS * sizeof(*levels));
		descent.waits = failures == TRIES;
		done = descent.waits ? descend_waiting(&descent) : descend_trying(&descent);
		if (failures < TRIES)
			failures++;
	} while (!done);
	unlock_shared_tables(shared);

	if (levels && entry.present)
		levels[entry.level].flags |= VMWALK_LEVEL_LEAF;

	return entry;
}

/**
 * vmwalk_glance - the frame at an address of the caller's own, if it can be had without a lock
 * @addr: the address, of user space
 * @pfn: where to put the frame
 *
 * A page table is freed only after each CPU that runs its process has answered an interrupt, or
 * after an RCU grace period. So interrupts that are off keep those of the process that runs here,
 * as get_user_pages_fast() has it too; but nobody else's: munmap() need not wait for this CPU then.
 *
 * Return: whether a small page is there. If not, it may only seem so, or it is a huge one:
 * vmwalk_descend() knows.
 */
bool vmwalk_glance(unsigned long addr, unsigned long *pfn)
{
	bool present = false;
	unsigned long flags;
	pgd_t *pgdp, pgd;
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t pmd;
	pte_t pte;

	if (!VMWALK_IRQS_OFF_KEEP_TABLES)
		return false;

	local_irq_save(flags);
	pgdp = pgd_offset(current->mm, addr);
	pgd = READ_ONCE(*pgdp);
	if (!pgd_present(pgd))
		goto out;
	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = READ_ONCE(*p4dp);
	if (!p4d_present(p4d))
		goto out;
	pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud = READ_ONCE(*pudp);
	/* Huge pages are worth the careful way. */
	if (pud_ends_walk(pud))
		goto out;
	pmd = READ_ONCE(*pmd_offset_lockless(pudp, pud, addr));
	if (pmd_ends_walk(pmd))
		goto out;

	pte = ptep_get(pte_offset_kernel(&pmd, addr));
	present = pte_present(pte);
	if (present)
		*pfn = pte_pfn(pte);
out:
	local_irq_restore(flags);

	return present;
}

/* Nothing of the kernel's own tables can be locked by a module: what went is read as empty. */
#define READ_KERNEL(entryp)								\
({											\
	typeof(*(entryp)) value_;							\
											\
	if (copy_from_kernel_nofault(&value_, entryp, sizeof(value_)))			\
		memset(&value_, 0, sizeof(value_));					\
	value_;										\
})

/**
 * vmwalk_descend_kernel - the way down from an address of the kernel
 * @addr: the address
 * @levels: VMWALK_LEVELS of them, where each step is noted; or NULL
 *
 * The upper part of every process's top-level table leads to the kernel's tables, so that of the
 * caller's does. The kernel frees one of those tables, when it puts a huge page in its place, only
 * after an interrupt on every CPU.
 *
 * Return: the entry at which the way ends; an empty one has neither @present nor a value.
 */
struct vmwalk_entry vmwalk_descend_kernel(unsigned long addr, struct vmwalk_level *levels)
{
	struct mm_struct *mm = current->active_mm;
	struct vmwalk_entry entry;
	unsigned long flags;
	pgd_t *pgdp, pgd;
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;
	pte_t *ptep, pte;

	if (levels)
		memset(levels, 0, VMWALK_LEVELS * sizeof(*levels));
	local_irq_save(flags);

	pgdp = pgd_offset(mm, addr);
	pgd = READ_KERNEL(pgdp);
	note_level(levels, VMWALK_PGD, pgdp, pgd_val(pgd));
	entry = empty_entry(VMWALK_PGD, PGDIR_SHIFT);
	if (pgd_none(pgd) || pgd_bad(pgd))
		goto out;

	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	if (mm_p4d_folded(mm)) {
		p4d = *p4dp;
		if (levels)
			levels[VMWALK_P4D].flags = VMWALK_LEVEL_FOLDED;
	} else {
		p4d = READ_KERNEL(p4dp);
		note_level(levels, VMWALK_P4D, p4dp, p4d_val(p4d));
		entry = empty_entry(VMWALK_P4D, P4D_SHIFT);
	}
	if (p4d_none(p4d) || p4d_bad(p4d))
		goto out;

	pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud = READ_KERNEL(pudp);
	note_level(levels, VMWALK_PUD, pudp, pud_val(pud));
	entry = pud_ends_walk(pud) ? vmwalk_pud_entry(pud, addr) :
				     empty_entry(VMWALK_PUD, PUD_SHIFT);
	if (pud_ends_walk(pud))
		goto out;

	pmdp = pmd_offset_lockless(pudp, pud, addr);
	pmd = READ_KERNEL(pmdp);
	note_level(levels, VMWALK_PMD, pmdp, pmd_val(pmd));
	entry = pmd_ends_walk(pmd) ? vmwalk_pmd_entry(pmd, addr) :
				     empty_entry(VMWALK_PMD, PMD_SHIFT);
	if (pmd_ends_walk(pmd))
		goto out;

	ptep = pte_offset_kernel(&pmd, addr);
	pte = READ_KERNEL(ptep);
	note_level(levels, VMWALK_PTE, ptep, pte_val(pte));
	entry = vmwalk_pte_entry(pte);
out:
	local_irq_restore(flags);
	if (levels && entry.present)
		levels[entry.level].flags |= VMWALK_LEVEL_LEAF;

	return entry;
}
