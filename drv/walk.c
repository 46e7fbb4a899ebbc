// SPDX-License-Identifier: GPL-2.0
/*
 * Page-table walks: a range of a VMA, one address, one kernel address.
 *
 * Copyright (C) The vmwalk authors
 *
 * Lifetime of page tables
 *
 * A page table may be read if it covers a part of a VMA that cannot be unmapped
 * during the walk: the caller has looked up the VMA under mmap_lock, or holds
 * i_mmap_rwsem of the VMA's file; both locks may be held for reading. A table
 * that covers no VMA must not be read: munmap() detaches its VMAs, downgrades
 * mmap_lock, and then frees the tables of these VMAs while readers run.
 *
 * Two types of tables can be freed nevertheless: PTE tables, by khugepaged and
 * by page-table reclaim, and PMD tables that hugetlb shares between processes.
 * The core frees them only after an RCU grace period or an IPI to every CPU.
 * Therefore interrupts are off while a table is read, and the walk restarts
 * from the top whenever interrupts were on.
 *
 * Locking of entries
 *
 * The core clears an entry for a moment while it changes the entry (mprotect,
 * migration, NUMA hints, splitting a huge page), with the lock of the page
 * table held. A walk must not miss a page that is mapped throughout the walk,
 * so leaf entries and empty entries are read and decoded under that lock. The
 * page that an entry maps cannot be freed before the lock is released. Every
 * entry is read once.
 *
 * While interrupts are off, use spin_trylock(): the holder of the lock may be
 * waiting for this CPU to answer an IPI. But spin_trylock() never succeeds
 * while other CPUs queue for the lock. After TRIES failures in a row the walk
 * therefore waits for the lock, with interrupts on. RCU then protects PTE
 * tables, and i_mmap_rwsem protects shared PMD tables: see
 * lock_shared_tables().
 *
 * Small VMAs
 *
 * Many VMAs can share a PTE table. With @shares_tables, a walk keeps the table
 * of a VMA locked until it turns out that the next VMA has another one.
 */
#include <linux/delay.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "arch/pgtable.h"
#include "compat.h"
#include "walk.h"
#include "uapi/vmwalk.h"

/* Failed attempts in a row after which a walk waits for the lock. */
#define TRIES		16

/* Tables that are walked with interrupts off, if that is brief. */
#define BRIEF_TABLES	4

/* vmwalk_walk_yield() sleeps at most MAX_YIELDS times. */
#define YIELD_US	25
#define MAX_YIELDS	20

/* A macro, so that sparse sees that the lock is held on success. */
#define lock_table(lock, wait)	((wait) ? (spin_lock(lock), true) : spin_trylock(lock))

/*
 * mmap_lock does not protect the PMD tables that a hugetlb VMA shares with
 * other processes: migration unshares them under i_mmap_rwsem alone. Returns
 * the argument for unlock_shared_tables().
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
 * vmwalk_walk_paging_levels - number of page-table levels that the CPU uses
 */
int vmwalk_walk_paging_levels(void)
{
	return VMWALK_LEVELS - (mm_p4d_folded(NULL) ? 1 : 0) - (mm_pud_folded(NULL) ? 1 : 0);
}

/* For some sizes of hugetlb pages, some kernels use another lock. */
static spinlock_t *lock_of_pte(struct mm_struct *mm, struct hstate *hstate, pmd_t pmd,
			       unsigned long addr)
{
	return hstate ? huge_pte_lockptr(hstate, mm, pte_offset_kernel(&pmd, addr)) :
			pte_lockptr(mm, &pmd);
}

static spinlock_t *lock_of_pmd(struct mm_struct *mm, struct hstate *hstate, pmd_t *pmdp)
{
	return hstate && huge_page_size(hstate) >= PMD_SIZE ?
	       huge_pte_lockptr(hstate, mm, (pte_t *)pmdp) : pmd_lockptr(mm, pmdp);
}

static struct hstate *vma_hstate(struct vm_area_struct *vma)
{
	return vma && is_vm_hugetlb_page(vma) ? hstate_vma(vma) : NULL;
}

/* Leaf entries, empty entries, and entries that are not present. */
static bool pmd_ends_walk(pmd_t pmd)
{
	return !pmd_present(pmd) || vmwalk_pmd_leaf(pmd);
}

static bool pud_ends_walk(pud_t pud)
{
	return !pud_present(pud) || pud_leaf(pud);
}

/*
 * Note an entry that was read. @top: the top-level table, which may be smaller
 * than a page. All other tables are aligned to pages. If a level is folded, the
 * entry above is read again, and replaces the one that was noted first.
 */
static void note_level(struct vmwalk_level *levels, unsigned int level, const pgd_t *top,
		       const void *entryp, u64 entry)
{
	unsigned int real = vmwalk_real_level(level);
	size_t offset;

	if (!levels)
		return;

	offset = real == VMWALK_PGD ? entryp - (const void *)top : offset_in_page(entryp);
	levels[real].table = __pa(entryp) - offset;
	levels[real].index = offset / sizeof(u64);
	levels[real].entry = entry;
	levels[real].flags = VMWALK_LEVEL_READ;
	if (real != level)
		levels[level].flags = VMWALK_LEVEL_FOLDED;
}

/* Memory hot-unplug frees tables of the linear map: read them as empty. */
#define READ_NOFAULT(entryp)								\
({											\
	typeof(*(entryp)) value_;							\
											\
	if (copy_from_kernel_nofault(&value_, entryp, sizeof(value_)))			\
		memset(&value_, 0, sizeof(value_));					\
	value_;										\
})

#define READ_ENTRY(entryp, kernel)							\
	((kernel) ? READ_NOFAULT(entryp) : READ_ONCE(*(entryp)))

/**
 * struct upper - the PUD entry of an address
 * @pudp: points into the PUD table
 * @pud: PUD entry; the caller passes it to note_level()
 */
struct upper {
	pud_t *pudp;
	pud_t pud;
};

/*
 * Read the entries of @addr down to the PUD level, but no table below the level
 * @deepest. @top: the top-level table. @kernel: walk the kernel's page tables.
 * Returns the level of the last entry, even if this level is folded. The walk
 * ends at this entry, unless the level is VMWALK_PUD.
 */
static __always_inline unsigned int read_upper(pgd_t *top, unsigned long addr,
					       unsigned int deepest, struct vmwalk_level *levels,
					       struct upper *upper, bool kernel)
{
	pgd_t *pgdp = pgd_offset_pgd(top, addr), pgd;
	p4d_t *p4dp, p4d;

	/*
	 * If the level below is folded, *_none() and *_bad() are false: the
	 * entry is checked as an entry of that level.
	 */
	pgd = READ_ENTRY(pgdp, kernel);
	note_level(levels, VMWALK_PGD, top, pgdp, pgd_val(pgd));
	if (pgd_none(pgd) || pgd_bad(pgd) || deepest < VMWALK_P4D)
		return VMWALK_PGD;

	p4dp = vmwalk_p4d_offset(pgdp, pgd, addr);
	p4d = READ_ENTRY(p4dp, kernel);
	note_level(levels, VMWALK_P4D, top, p4dp, p4d_val(p4d));
	if (p4d_none(p4d) || p4d_bad(p4d) || deepest < VMWALK_PUD)
		return VMWALK_P4D;

	upper->pudp = vmwalk_pud_offset(p4dp, p4d, addr);
	upper->pud = READ_ENTRY(upper->pudp, kernel);
	return VMWALK_PUD;
}

/*
 * Call @ptes for one PTE table. Returns @addr if the walk must restart from the
 * top: the lock is contended, or the PMD entry has changed.
 */
static unsigned long walk_ptes(struct mm_struct *mm, pmd_t *pmdp, pmd_t pmd, unsigned long addr,
			       unsigned long end, struct vmwalk_walker *walker)
{
	spinlock_t *lock = lock_of_pte(mm, walker->hstate, pmd, addr);
	pte_t *ptep;

	if (!lock_table(lock, walker->waits))
		return addr;
	if (pmd_same(pmd, READ_ONCE(*pmdp))) {
		ptep = pte_offset_kernel(&pmd, addr);
		walker->table.ptes = ptep - pte_index(addr);
		walker->table.start = addr & PMD_MASK;
		addr = walker->ptes(walker, ptep, addr, end);
		if (walker->shares_tables && !walker->waits && !walker->hstate &&
		    end & ~PMD_MASK && addr == end && !walker->stop) {
			/* Keep it for the next VMA. */
			walker->table.lock = lock;
			__release(lock);
			return addr;
		}
	}
	spin_unlock(lock);

	return addr;
}

/**
 * vmwalk_walk_finish - unlock the table that a walk keeps between two VMAs
 * @walker: the walk
 *
 * Call this after the last call of vmwalk_walk_range(), before the lock that
 * keeps the VMAs is released.
 */
void vmwalk_walk_finish(struct vmwalk_walker *walker)
{
	spinlock_t *lock = walker->table.lock;

	if (!lock)
		return;
	walker->table.lock = NULL;
	__acquire(lock);
	spin_unlock(lock);
	local_irq_restore(walker->table.flags);
}

/* noinline: keep the entry out of the stack frame of the common path. */
static noinline unsigned long walk_pmd_leaf(struct vmwalk_walker *walker, pmd_t pmd,
					    unsigned long addr, unsigned long end)
{
	struct vmwalk_entry entry = vmwalk_entry_from_pmd(pmd, addr);

	return walker->leaf(walker, &entry, addr, end);
}

static noinline unsigned long walk_pud_leaf(struct vmwalk_walker *walker, pud_t pud,
					    unsigned long addr, unsigned long end)
{
	struct vmwalk_entry entry = vmwalk_entry_from_pud(pud, addr);

	return walker->leaf(walker, &entry, addr, end);
}

/*
 * Returns the address of the first entry from @entryp on that is not empty, or
 * @end. @entryp maps @addr; all entries up to @end are in the same table.
 */
static unsigned long skip_empty(const void *entryp, unsigned long addr, unsigned long end,
				unsigned int shift)
{
	unsigned long first = addr >> shift;
	unsigned long next = first + vmwalk_walk_count_empty(entryp,
							     ((end - 1) >> shift) - first + 1);

	return next > (end - 1) >> shift ? end : next << shift;
}

/*
 * Handle a PMD entry that ends the walk. If it is empty, skip the empty entries
 * that follow, too. Returns @addr if the walk must restart from the top: the
 * lock is contended, or the entry now points to a table.
 */
static unsigned long walk_pmd(struct mm_struct *mm, pmd_t *pmdp, unsigned long addr,
			      unsigned long end, struct vmwalk_walker *walker)
{
	spinlock_t *lock = lock_of_pmd(mm, walker->hstate, pmdp);
	pmd_t pmd;

	if (!lock_table(lock, walker->waits))
		return addr;
	pmd = vmwalk_pmdp_get(pmdp);
	if (pmd_none(pmd))
		addr = skip_empty(pmdp, addr, end, PMD_SHIFT);
	else if (pmd_ends_walk(pmd))
		addr = walk_pmd_leaf(walker, pmd, addr, pmd_addr_end(addr, end));
	spin_unlock(lock);

	return addr;
}

static unsigned long walk_pud(struct mm_struct *mm, pud_t *pudp, unsigned long addr,
			      unsigned long end, struct vmwalk_walker *walker)
{
	spinlock_t *lock = pud_lockptr(mm, pudp);	/* protects entries */
	pud_t pud;

	if (!lock_table(lock, walker->waits))
		return addr;
	pud = READ_ONCE(*pudp);
	if (pud_none(pud))
		addr = skip_empty(pudp, addr, vmwalk_p4d_addr_end(addr, end), PUD_SHIFT);
	else if (pud_ends_walk(pud))
		addr = walk_pud_leaf(walker, pud, addr, vmwalk_pud_addr_end(addr, end));
	spin_unlock(lock);

	return addr;
}

/*
 * Skip empty entries of a PMD table, and handle the first other entry, or some
 * PTE tables.
 */
static unsigned long walk_pmds(struct mm_struct *mm, pmd_t *pmdp, unsigned long addr,
			       unsigned long end, struct vmwalk_walker *walker)
{
	unsigned int tables = BRIEF_TABLES;
	unsigned long next, done;
	pmd_t pmd;

	for (; addr < end; pmdp += (next >> PMD_SHIFT) - (addr >> PMD_SHIFT), addr = next) {
		pmd = READ_ONCE(*pmdp);
		if (pmd_ends_walk(pmd)) {
			next = walk_pmd(mm, pmdp, addr, end, walker);
			if (next == addr || !pmd_none(pmd) || walker->stop)
				return next;
			continue;
		}

		next = pmd_addr_end(addr, end);
		if (pmd_bad(pmd))
			continue;
		walker->brief = false;
		done = walk_ptes(mm, pmdp, pmd, addr, next, walker);
		if (done < next || !walker->brief || !--tables || walker->stop ||
		    walker->table.lock)
			return done;
	}

	return end;
}

/*
 * Walk from the top to one PTE table or one huge entry. Returns the address up
 * to which the range is handled; @addr if the walk must restart from the top.
 */
static unsigned long walk_step(struct mm_struct *mm, unsigned long addr, unsigned long end,
			       struct vmwalk_walker *walker)
{
	struct upper upper;
	unsigned long next;

	switch (read_upper(mm->pgd, addr, VMWALK_PTE, NULL, &upper, false)) {
	case VMWALK_PGD:
		return pgd_addr_end(addr, end);
	case VMWALK_P4D:
		return vmwalk_p4d_addr_end(addr, end);
	}

	if (pud_ends_walk(upper.pud))
		return walk_pud(mm, upper.pudp, addr, end, walker);
	next = vmwalk_pud_addr_end(addr, end);
	if (pud_bad(upper.pud))
		return next;

	return walk_pmds(mm, pmd_offset_lockless(upper.pudp, upper.pud, addr), addr, next, walker);
}

static unsigned long walk_step_trying(struct mm_struct *mm, unsigned long addr, unsigned long end,
				      struct vmwalk_walker *walker)
{
	unsigned long flags;

	local_irq_save(flags);
	addr = walk_step(mm, addr, end, walker);
	if (walker->table.lock)
		walker->table.flags = flags;
	else
		local_irq_restore(flags);

	return addr;
}

static unsigned long walk_step_waiting(struct mm_struct *mm, unsigned long addr,
				       unsigned long end, struct vmwalk_walker *walker)
{
	rcu_read_lock();
	addr = walk_step(mm, addr, end, walker);
	rcu_read_unlock();

	return addr;
}

static void count_step(struct vmwalk_walker *walker)
{
	if (!--walker->steps ||
	    (walker->contended_mm && mmap_lock_is_contended(walker->contended_mm)))
		walker->stop = true;
}

/*
 * Walk a VMA that the table of the previous VMA maps as a whole. The table
 * can't be freed while it is locked.
 */
static bool walk_same_table(struct vm_area_struct *vma, unsigned long *addr, unsigned long end,
			    struct vmwalk_walker *walker)
{
	if (!walker->table.lock)
		return false;
	if ((*addr ^ walker->table.start) & PMD_MASK ||
	    ((end - 1) ^ walker->table.start) & PMD_MASK || is_vm_hugetlb_page(vma)) {
		vmwalk_walk_finish(walker);
		return false;
	}
	*addr = walker->ptes(walker, walker->table.ptes + pte_index(*addr), *addr, end);
	count_step(walker);

	return true;
}

/**
 * vmwalk_walk_range - walk the page tables of a part of a VMA
 * @vma: the VMA; the caller holds a lock under which it cannot be unmapped
 * @addr: first address, page aligned, inside the VMA
 * @end: end of the range, page aligned, inside the VMA or at its end
 * @walker: the callbacks get every entry that is not empty, once, in ascending
 *          order
 *
 * With @walker->shares_tables, interrupts may be off when this function is
 * called and when it returns, until vmwalk_walk_finish(). They are off for at
 * most the entries of one PTE table.
 *
 * Return: address to continue from; @end if nothing is left. @walker->stop is
 * set if a callback, the number of steps, or contention has stopped the walk.
 */
unsigned long vmwalk_walk_range(struct vm_area_struct *vma, unsigned long addr, unsigned long end,
				struct vmwalk_walker *walker)
{
	struct address_space *shared;
	unsigned long next;

	if (walk_same_table(vma, &addr, end, walker))
		return addr;

	shared = lock_shared_tables(vma);
	walker->hstate = vma_hstate(vma);
	for (; addr < end && !walker->stop; addr = next) {
		walker->waits = walker->failures == TRIES;
		next = walker->waits ? walk_step_waiting(vma->vm_mm, addr, end, walker) :
				       walk_step_trying(vma->vm_mm, addr, end, walker);
		if (next != addr)
			walker->failures = 0;
		else if (walker->failures < TRIES)
			walker->failures++;
		count_step(walker);
	}
	unlock_shared_tables(shared);

	return addr;
}

/**
 * vmwalk_walk_yield - let waiters of a lock run, between two batches of work
 * @sem: the lock, which the caller has released
 *
 * Releasing the lock only wakes a waiting writer: a reader that retries at once
 * gets the lock before the writer runs. Back off until no task waits, for a
 * bounded time.
 */
void vmwalk_walk_yield(struct rw_semaphore *sem)
{
	unsigned int i;

	for (i = 0; i < MAX_YIELDS && rwsem_is_contended(sem); i++)
		usleep_range(YIELD_US, 2 * YIELD_US);
	cond_resched();
}

/* Does the aligned range around @addr, described by @mask, overlap a VMA? */
static bool range_has_vma(struct mm_struct *mm, unsigned long addr, unsigned long mask)
{
	struct vm_area_struct *vma = find_vma(mm, addr & mask);

	return vma && vma->vm_start <= (addr | ~mask);
}

/* Returns the lowest level whose table for @addr covers a part of a VMA. */
static unsigned int deepest_table(struct mm_struct *mm, unsigned long addr)
{
	if (range_has_vma(mm, addr, PMD_MASK))
		return VMWALK_PTE;
	if (range_has_vma(mm, addr, PUD_MASK))
		return VMWALK_PMD;
	if (range_has_vma(mm, addr, P4D_MASK))
		return VMWALK_PUD;
	if (range_has_vma(mm, addr, PGDIR_MASK))
		return VMWALK_P4D;

	return VMWALK_PGD;
}

static struct vmwalk_entry empty_entry(unsigned int level)
{
	unsigned int shift = level == VMWALK_PGD ? PGDIR_SHIFT : level == VMWALK_P4D ? P4D_SHIFT :
			     level == VMWALK_PUD ? PUD_SHIFT : PMD_SHIFT;

	return (struct vmwalk_entry) {
		.level = vmwalk_real_level(level), .shift = shift, .node = NUMA_NO_NODE,
	};
}

/**
 * struct addr_walk - a walk of one address
 * @mm: the mm that is walked
 * @addr: the address
 * @vma: the VMA that covers the address, or NULL
 * @hstate: hstate of @vma if it is a hugetlb VMA, otherwise NULL
 * @deepest: the lowest level whose table may be read
 * @levels: array of VMWALK_LEVELS, filled in for each level; or NULL
 * @entry: set to the entry at which the walk ends
 * @waits: true: wait for page-table locks, with interrupts on; false: only try
 *         to take them, with interrupts off
 */
struct addr_walk {
	struct mm_struct *mm;
	unsigned long addr;
	struct vm_area_struct *vma;
	struct hstate *hstate;
	unsigned int deepest;
	struct vmwalk_level *levels;
	struct vmwalk_entry *entry;
	bool waits;
};

/*
 * The finish_at functions return false if the walk must restart from the top:
 * the lock is contended, the PUD or PMD entry now points to a table, or the PMD
 * entry above a PTE has changed.
 */
static bool finish_at_pud(const struct addr_walk *walk, pud_t *pudp)
{
	spinlock_t *lock = pud_lockptr(walk->mm, pudp);	/* protects entries */
	bool ends;
	pud_t pud;

	if (!lock_table(lock, walk->waits))
		return false;
	pud = READ_ONCE(*pudp);
	ends = pud_ends_walk(pud);
	if (ends) {
		note_level(walk->levels, VMWALK_PUD, walk->mm->pgd, pudp, pud_val(pud));
		*walk->entry = vmwalk_entry_from_pud(pud, walk->addr);
		vmwalk_entry_decode(walk->entry, walk->vma);
	}
	spin_unlock(lock);

	return ends;
}

static bool finish_at_pmd(const struct addr_walk *walk, pmd_t *pmdp)
{
	spinlock_t *lock = lock_of_pmd(walk->mm, walk->hstate, pmdp);
	bool ends;
	pmd_t pmd;

	if (!lock_table(lock, walk->waits))
		return false;
	pmd = vmwalk_pmdp_get(pmdp);
	ends = pmd_ends_walk(pmd);
	if (ends) {
		note_level(walk->levels, VMWALK_PMD, walk->mm->pgd, pmdp,
			   pmd_val(READ_ONCE(*pmdp)));
		*walk->entry = vmwalk_entry_from_pmd(pmd, walk->addr);
		vmwalk_entry_decode(walk->entry, walk->vma);
	}
	spin_unlock(lock);

	return ends;
}

static bool finish_at_pte(const struct addr_walk *walk, pmd_t *pmdp, pmd_t pmd)
{
	spinlock_t *lock = lock_of_pte(walk->mm, walk->hstate, pmd, walk->addr);
	pte_t *ptep, pte;
	bool same;

	if (!lock_table(lock, walk->waits))
		return false;
	same = pmd_same(pmd, READ_ONCE(*pmdp));
	if (same) {
		ptep = pte_offset_kernel(&pmd, walk->addr);
		pte = vmwalk_ptep_get(ptep);
		note_level(walk->levels, VMWALK_PTE, walk->mm->pgd, ptep,
			   pte_val(READ_ONCE(*ptep)));
		*walk->entry = vmwalk_entry_from_pte(pte, walk->addr);
		vmwalk_entry_decode(walk->entry, walk->vma);
	}
	spin_unlock(lock);

	return same;
}

/* Returns false if the walk must restart from the top. */
static bool walk_addr(const struct addr_walk *walk)
{
	struct vmwalk_level *levels = walk->levels;
	pgd_t *const top = walk->mm->pgd;
	unsigned long addr = walk->addr;
	struct upper upper;
	unsigned int level;
	pmd_t *pmdp, pmd;

	level = read_upper(top, addr, walk->deepest, levels, &upper, false);
	*walk->entry = empty_entry(level);
	if (level < VMWALK_PUD)
		return true;

	if (pud_ends_walk(upper.pud))
		return finish_at_pud(walk, upper.pudp);
	note_level(levels, VMWALK_PUD, top, upper.pudp, pud_val(upper.pud));
	if (pud_bad(upper.pud) || walk->deepest < VMWALK_PMD)
		return true;

	pmdp = pmd_offset_lockless(upper.pudp, upper.pud, addr);
	pmd = READ_ONCE(*pmdp);
	if (pmd_ends_walk(pmd))
		return finish_at_pmd(walk, pmdp);
	note_level(levels, VMWALK_PMD, top, pmdp, pmd_val(pmd));
	*walk->entry = empty_entry(VMWALK_PMD);
	if (pmd_bad(pmd) || walk->deepest < VMWALK_PTE)
		return true;

	return finish_at_pte(walk, pmdp, pmd);
}

static bool walk_addr_trying(const struct addr_walk *walk)
{
	unsigned long flags;
	bool done;

	local_irq_save(flags);
	done = walk_addr(walk);
	local_irq_restore(flags);

	return done;
}

static bool walk_addr_waiting(const struct addr_walk *walk)
{
	bool done;

	rcu_read_lock();
	done = walk_addr(walk);
	rcu_read_unlock();

	return done;
}

/**
 * vmwalk_walk_addr - walk the page tables of one address
 * @mm: the mm; the caller holds its mmap_lock
 * @addr: a user address
 * @levels: array of VMWALK_LEVELS, filled in for each level; or NULL
 *
 * Return: the entry at which the walk ends, decoded.
 */
struct vmwalk_entry vmwalk_walk_addr(struct mm_struct *mm, unsigned long addr,
				     struct vmwalk_level *levels)
{
	struct vmwalk_entry entry;
	struct addr_walk walk = {
		.mm = mm,
		.addr = addr,
		.vma = vma_lookup(mm, addr),
		.deepest = VMWALK_PTE,
		.levels = levels,
		.entry = &entry,
	};
	struct address_space *shared = lock_shared_tables(walk.vma);
	unsigned int failures = 0;
	bool done;

	walk.hstate = vma_hstate(walk.vma);
	if (!walk.vma)
		walk.deepest = deepest_table(mm, addr);
	do {
		if (levels)
			memset(levels, 0, VMWALK_LEVELS * sizeof(*levels));
		walk.waits = failures == TRIES;
		done = walk.waits ? walk_addr_waiting(&walk) : walk_addr_trying(&walk);
		if (failures < TRIES)
			failures++;
	} while (!done);
	unlock_shared_tables(shared);

	if (levels && entry.present)
		levels[entry.level].flags |= VMWALK_LEVEL_LEAF;

	return entry;
}

/*
 * Lockless walks of the current mm, with interrupts off. Its tables are freed
 * only after this CPU has answered an IPI, or after an RCU grace period, as
 * get_user_pages_fast() relies on. This does not hold for the mm of another
 * process.
 *
 * Returns the PTE of an address. NULL if the walk ends above the PTE level:
 * there is a huge page, or the entry may be in the middle of a change.
 */
static noinline pte_t *find_pte_by_helpers(unsigned long addr, struct vmwalk_level *levels)
{
	pgd_t *const top = current->mm->pgd;
	struct upper upper;
	pmd_t *pmdp, pmd;

	if (read_upper(top, addr, VMWALK_PTE, levels, &upper, false) < VMWALK_PUD ||
	    pud_ends_walk(upper.pud))
		return NULL;
	note_level(levels, VMWALK_PUD, top, upper.pudp, pud_val(upper.pud));

	pmdp = pmd_offset_lockless(upper.pudp, upper.pud, addr);
	pmd = READ_ONCE(*pmdp);
	if (pmd_ends_walk(pmd))
		return NULL;
	note_level(levels, VMWALK_PMD, top, pmdp, pmd_val(pmd));

	return pte_offset_kernel(&pmd, addr);
}

#ifdef VMWALK_RAW_WALK
/**
 * struct raw_walk - a walk by the values of entries
 * @table: the current table
 * @phys: its physical address; not used without levels to fill in
 * @mask: VMWALK_RAW_PHYS_MASK, which may take some instructions
 */
struct raw_walk {
	const u64 *table;
	phys_addr_t phys;
	u64 mask;
};

/* Read an entry and go to the table that it points to, if any. */
static __always_inline bool go_down(struct raw_walk *walk, unsigned int index, bool may_be_leaf,
				    struct vmwalk_level *level)
{
	const u64 raw = READ_ONCE(walk->table[index]);

	if (level)
		*level = (struct vmwalk_level) {
			.table = walk->phys, .entry = raw, .index = index,
			.flags = VMWALK_LEVEL_READ,
		};
	if (!vmwalk_raw_is_table(raw, may_be_leaf))
		return false;
	walk->phys = raw & walk->mask;
	walk->table = __va(walk->phys);

	return true;
}

/*
 * The same by the values of entries, which are as valid while interrupts are
 * off.
 */
static __always_inline pte_t *find_pte_by_values(unsigned long addr, struct vmwalk_level *levels)
{
	pgd_t *const top = current->mm->pgd;
	struct raw_walk walk = {
		.table = (const u64 *)top,
		.phys = levels ? __pa(top) : 0,
		.mask = VMWALK_RAW_PHYS_MASK,
	};

	if (!go_down(&walk, pgd_index(addr), false, levels))
		return NULL;
	if (mm_p4d_folded(NULL)) {
		if (levels)
			levels[VMWALK_P4D].flags = VMWALK_LEVEL_FOLDED;
	} else if (!go_down(&walk, (addr >> P4D_SHIFT) % MAX_PTRS_PER_P4D, false,
			    levels ? levels + VMWALK_P4D : NULL)) {
		return NULL;
	}
	if (!go_down(&walk, pud_index(addr), true, levels ? levels + VMWALK_PUD : NULL) ||
	    !go_down(&walk, pmd_index(addr), true, levels ? levels + VMWALK_PMD : NULL))
		return NULL;

	return (pte_t *)walk.table + pte_index(addr);
}
#endif

static __always_inline pte_t *find_pte_fast(unsigned long addr, struct vmwalk_level *levels)
{
	if (!VMWALK_IRQS_OFF_KEEP_TABLES)
		return NULL;
#ifdef VMWALK_RAW_WALK
	if (VMWALK_RAW_WALK)
		return find_pte_by_values(addr, levels);
#endif
	return find_pte_by_helpers(addr, levels);
}

/**
 * vmwalk_walk_pfn_fast - look up a PFN of the caller's own mm without a lock
 * @addr: a user address; interrupts are on
 *
 * Return: the PFN if a page is mapped by a PTE. Otherwise ULONG_MAX: call
 * vmwalk_walk_addr().
 */
unsigned long vmwalk_walk_pfn_fast(unsigned long addr)
{
	unsigned long pfn = ULONG_MAX;
	pte_t *ptep, pte;

	local_irq_disable();
	ptep = find_pte_fast(addr, NULL);
	if (ptep) {
		pte = READ_ONCE(*ptep);
		if (pte_present(pte))
			pfn = vmwalk_pte_pfn(pte, addr);
	}
	local_irq_enable();

	return pfn;
}

/*
 * Can a PTE be decoded without its VMA and without the lock of its table? Not
 * if it is a part of a group or a PFN mapping, or if the VMA decides what
 * userfaultfd protects.
 */
static bool is_plain_pte(pte_t pte)
{
	return pte_present(pte) && !pte_special(pte) && !vmwalk_pte_order(pte) &&
	       !vmwalk_pte_uffd_wp(pte);
}

/**
 * vmwalk_walk_addr_fast - walk the current mm without a lock
 * @addr: a user address; interrupts are on
 * @levels: array of VMWALK_LEVELS that is cleared, filled in for each level
 * @entry: set to the entry at which the walk ends, decoded
 *
 * The entry is read again after the decoding: until then the page cannot have
 * been freed.
 *
 * Return: true if a page is mapped by a PTE. Otherwise call vmwalk_walk_addr().
 */
bool vmwalk_walk_addr_fast(unsigned long addr, struct vmwalk_level *levels,
			   struct vmwalk_entry *entry)
{
	bool done = false;
	pte_t *ptep, pte;

	local_irq_disable();
	ptep = find_pte_fast(addr, levels);
	if (ptep) {
		pte = READ_ONCE(*ptep);
		if (is_plain_pte(pte)) {
			note_level(levels, VMWALK_PTE, current->mm->pgd, ptep, pte_val(pte));
			levels[VMWALK_PTE].flags |= VMWALK_LEVEL_LEAF;
			*entry = vmwalk_entry_from_pte(pte, addr);
			vmwalk_entry_decode(entry, NULL);
			done = pte_same(READ_ONCE(*ptep), pte);
		}
	}
	local_irq_enable();

	return done;
}

/**
 * vmwalk_walk_pmd_offset - find the PMD entry of an address that has a VMA
 * @mm: the mm; the caller holds its mmap_lock, with interrupts off
 * @addr: a user address
 *
 * Return: the entry, valid while interrupts are off; NULL if the walk ends
 * above the PMD level.
 */
pmd_t *vmwalk_walk_pmd_offset(struct mm_struct *mm, unsigned long addr)
{
	struct upper upper;

	if (read_upper(mm->pgd, addr, VMWALK_PTE, NULL, &upper, false) < VMWALK_PUD ||
	    pud_ends_walk(upper.pud) || pud_bad(upper.pud))
		return NULL;

	return pmd_offset_lockless(upper.pudp, upper.pud, addr);
}

static struct vmwalk_entry walk_kernel_addr(unsigned long addr, struct vmwalk_level *levels)
{
	pgd_t *const top = vmwalk_kernel_pgd();
	struct upper upper;
	unsigned int level;
	pmd_t *pmdp, pmd;
	pte_t *ptep, pte;

	level = read_upper(top, addr, VMWALK_PTE, levels, &upper, true);
	if (level < VMWALK_PUD)
		return empty_entry(level);

	note_level(levels, VMWALK_PUD, top, upper.pudp, pud_val(upper.pud));
	if (pud_ends_walk(upper.pud))
		return vmwalk_entry_from_pud(upper.pud, addr);

	pmdp = pmd_offset_lockless(upper.pudp, upper.pud, addr);
	pmd = READ_NOFAULT(pmdp);
	note_level(levels, VMWALK_PMD, top, pmdp, pmd_val(pmd));
	if (pmd_ends_walk(pmd))
		return vmwalk_entry_from_pmd(pmd, addr);

	ptep = pte_offset_kernel(&pmd, addr);
	pte = READ_NOFAULT(ptep);
	note_level(levels, VMWALK_PTE, top, ptep, pte_val(pte));
	return vmwalk_entry_from_pte(pte, addr);
}

/**
 * vmwalk_walk_kernel_addr - walk the page tables of a kernel address
 * @addr: a kernel address
 * @levels: array of VMWALK_LEVELS, filled in for each level; or NULL
 *
 * No lock that a module can take protects the kernel's tables. x86 frees them
 * only after an IPI to every CPU, so they are valid while interrupts are off.
 * Other architectures may free them at any time. The memory of a freed table
 * stays mapped, or reads as empty: the result can be wrong, but the walk is
 * safe.
 *
 * Return: the entry at which the walk ends, not decoded.
 */
struct vmwalk_entry vmwalk_walk_kernel_addr(unsigned long addr, struct vmwalk_level *levels)
{
	struct vmwalk_entry entry;
	unsigned long flags;

	if (levels)
		memset(levels, 0, VMWALK_LEVELS * sizeof(*levels));
	local_irq_save(flags);
	entry = walk_kernel_addr(addr, levels);
	local_irq_restore(flags);
	if (levels && entry.present)
		levels[entry.level].flags |= VMWALK_LEVEL_LEAF;

	return entry;
}
