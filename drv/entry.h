/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Decoding of page-table entries.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_ENTRY_H
#define VMWALK_ENTRY_H

#include <linux/bits.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/types.h>

/**
 * struct vmwalk_entry - the entry at which the walk of an address ends
 * @pte: value of the entry. Entries of every level are stored as a pte_t, as
 *       the core does for hugetlb: the flag bits are the same on all levels
 * @present: the entry maps a page. Not always pte_present(): while the core
 *           splits a huge page, the present bit of the entry is clear, and only
 *           the helper of the entry's own level, such as pmd_present(), returns
 *           true
 * @pfn: PFN of the page that holds the address, if @present
 * @level: VMWALK_PGD to VMWALK_PTE
 * @shift: log2 of the bytes that the entry covers, or that its group of
 *         contiguous entries covers
 * @state: set by vmwalk_entry_decode(): VMWALK_PRESENT to VMWALK_HUGE; 0 for
 *         an empty entry, and for a marker without any of these flags
 * @node: set by vmwalk_entry_decode(): NUMA node of the page, or NUMA_NO_NODE
 */
struct vmwalk_entry {
	pte_t pte;
	bool present;
	unsigned long pfn;
	unsigned int level;
	unsigned int shift;
	u32 state;
	int node;
};

struct vmwalk_entry vmwalk_entry_from_pte(pte_t pte, unsigned long addr);
struct vmwalk_entry vmwalk_entry_from_pmd(pmd_t pmd, unsigned long addr);
struct vmwalk_entry vmwalk_entry_from_pud(pud_t pud, unsigned long addr);
void vmwalk_entry_decode(struct vmwalk_entry *entry, struct vm_area_struct *vma);
u64 vmwalk_entry_to_pagemap(const struct vmwalk_entry *entry, struct vm_area_struct *vma);
u32 vmwalk_entry_decode_kernel(const struct vmwalk_entry *entry);

/* Entries of /proc/PID/pagemap. Bit 56, mapped once, is never set. */
#define VMWALK_PM_FRAME		GENMASK_ULL(54, 0)
#define VMWALK_PM_SOFT_DIRTY	BIT_ULL(55)
#define VMWALK_PM_UFFD_WP	BIT_ULL(57)
#define VMWALK_PM_GUARD		BIT_ULL(58)
#define VMWALK_PM_FILE		BIT_ULL(61)
#define VMWALK_PM_SWAP		BIT_ULL(62)
#define VMWALK_PM_PRESENT	BIT_ULL(63)

/* The pagemap entry of a page of @vma whose entry is empty. */
static inline u64 vmwalk_vma_to_pagemap(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_SOFTDIRTY ? VMWALK_PM_SOFT_DIRTY : 0;
}

/**
 * struct vmwalk_template - a decoded PTE that other PTEs are compared with
 * @pte: the PTE; VMWALK_PTE_NO_MATCH if there is no template
 * @pfn: PFN of @pte
 * @state: decoded state of @pte, and of every other PTE of the VMA that differs
 *         in the PFN only
 *
 * Valid in one VMA that is uniform, and in other uniform VMAs of the same kind
 * (see vmwalk_vma_same_kind()), while the caller holds mmap_lock. The first
 * copy-on-write fault makes a VMA non-uniform: call vmwalk_vma_is_uniform()
 * again after locking each page table, or after reading the PTEs.
 */
struct vmwalk_template {
	pte_t pte;
	unsigned long pfn;
	u32 state;
};

bool vmwalk_template_set(struct vmwalk_template *template, const struct vmwalk_entry *entry);
void vmwalk_template_clear(struct vmwalk_template *template);
bool vmwalk_vma_is_uniform(struct vm_area_struct *vma);

/**
 * vmwalk_vma_same_kind - check whether two VMAs can share templates
 * @a: a VMA
 * @b: another VMA
 *
 * Return: true if equal PTEs are decoded to the same state, and converted to
 * the same pagemap entry, in both VMAs while both are uniform.
 */
static inline bool vmwalk_vma_same_kind(struct vm_area_struct *a, struct vm_area_struct *b)
{
	const unsigned long flags = VM_SOFTDIRTY | VM_UFFD_WP | VM_HUGETLB | VM_PFNMAP;

	return !((a->vm_flags ^ b->vm_flags) & flags) &&
	       vma_is_anonymous(a) == vma_is_anonymous(b);
}

#endif /* VMWALK_ENTRY_H */
