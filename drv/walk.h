/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page-table walks: a range of a VMA, one address, one kernel address.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_WALK_H
#define VMWALK_WALK_H

#include <linux/compiler.h>
#include <linux/mm_types.h>
#include <linux/rwsem.h>
#include <linux/spinlock_types.h>
#include <linux/types.h>

#include "entry.h"

struct hstate;
struct vmwalk_level;

/**
 * struct vmwalk_walker - the walk of a range
 * @ptes: called for the part of a PTE table that maps [addr, end), which
 *        includes empty entries
 * @leaf: called for an entry above the PTE level that is neither empty nor a
 *        table; [addr, end) is the part of it that lies in the range
 * @brief: set by @ptes: it took few instructions per PTE, so that the walk may
 *         go on to the next table with interrupts off
 * @steps: steps left, at least 1, before the walk stops, so that the caller can
 *         release its lock; a step is one PTE table, a few if @brief, or less
 * @contended_mm: the walk stops as soon as a task waits for the mmap_lock of
 *                this mm; NULL if the caller holds another lock
 * @hstate: hstate of a hugetlb VMA, otherwise NULL; set by vmwalk_walk_range()
 * @failures: failed attempts in a row to take a page-table lock, in all calls:
 *            contention may end each call after one attempt
 * @waits: true: wait for page-table locks, with interrupts on; false: only try
 *         to take them, with interrupts off. Set by vmwalk_walk_range()
 * @stop: stops the walk: set by @ptes or @leaf, and by the walk itself when
 *        @steps are used up or @contended_mm is contended
 * @shares_tables: adjacent VMAs are walked one after the other, and
 *                 vmwalk_walk_finish() is called after the last one
 * @table: the PTE table at which the walk of a VMA has ended, if it also maps
 *         addresses beyond this VMA and @shares_tables is set: it stays locked,
 *         with interrupts off
 * @table.lock: lock of the table; NULL: there is no such table
 * @table.flags: interrupt flags to restore
 * @table.ptes: the table
 * @table.start: first address that the table maps
 *
 * Both callbacks run with the lock of the table held. They return the address
 * up to which they have handled the range.
 */
struct vmwalk_walker {
	unsigned long (*ptes)(struct vmwalk_walker *walker, pte_t *ptep,
			      unsigned long addr, unsigned long end);
	unsigned long (*leaf)(struct vmwalk_walker *walker, struct vmwalk_entry *entry,
			      unsigned long addr, unsigned long end);
	bool brief;
	unsigned int steps;
	struct mm_struct *contended_mm;
	struct hstate *hstate;
	unsigned int failures;
	bool waits;
	bool stop;
	bool shares_tables;
	struct {
		spinlock_t *lock;	/* protects the table's entries */
		unsigned long flags;
		pte_t *ptes;
		unsigned long start;
	} table;
};

/* Steps per hold of a lock: about 100 microseconds. */
#define VMWALK_WALK_STEPS	64

unsigned long vmwalk_walk_range(struct vm_area_struct *vma, unsigned long addr, unsigned long end,
				struct vmwalk_walker *walker);
void vmwalk_walk_finish(struct vmwalk_walker *walker);
void vmwalk_walk_yield(struct rw_semaphore *sem);
struct vmwalk_entry vmwalk_walk_addr(struct mm_struct *mm, unsigned long addr,
				     struct vmwalk_level *levels);
bool vmwalk_walk_addr_fast(unsigned long addr, struct vmwalk_level *levels,
			   struct vmwalk_entry *entry);
unsigned long vmwalk_walk_pfn_fast(unsigned long addr);
struct vmwalk_entry vmwalk_walk_kernel_addr(unsigned long addr, struct vmwalk_level *levels);
pmd_t *vmwalk_walk_pmd_offset(struct mm_struct *mm, unsigned long addr);
int vmwalk_walk_paging_levels(void);

static __always_inline unsigned long vmwalk_walk_or_4(const unsigned long *entry)
{
	/* data_race: the table is locked; only the CPU changes entries. */
	return data_race(entry[0] | entry[1] | entry[2] | entry[3]);
}

/**
 * vmwalk_walk_count_empty - count empty entries
 * @entryp: the first entry, which is empty
 * @left: entries from @entryp to the end of the table or range
 *
 * On every level an entry is one word, and an empty entry is 0. Testing 16
 * entries at a time speeds up scan_sparse in the benchmark.
 *
 * Return: number of consecutive empty entries, at least 1.
 */
static inline unsigned long vmwalk_walk_count_empty(const void *entryp, unsigned long left)
{
	const unsigned long *first = entryp, *entry = first + 1, *end = first + left;

	if (entry < end && READ_ONCE(*entry))
		return 1;
	while (entry <= end - 16 && !(vmwalk_walk_or_4(entry) | vmwalk_walk_or_4(entry + 4) |
				      vmwalk_walk_or_4(entry + 8) | vmwalk_walk_or_4(entry + 12)))
		entry += 16;
	if (entry <= end - 8 && !(vmwalk_walk_or_4(entry) | vmwalk_walk_or_4(entry + 4)))
		entry += 8;
	if (entry <= end - 4 && !vmwalk_walk_or_4(entry))
		entry += 4;
	while (entry < end && !READ_ONCE(*entry))
		entry++;

	return entry - first;
}

#endif /* VMWALK_WALK_H */
