/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page-table bits of x86-64. No other file depends on them.
 *
 * Copyright (C) The vmwalk authors
 *
 * A PTE has its flags at both ends and the physical address of the page in the
 * middle, so the difference of two PTEs with the same flags is the distance of
 * their pages. Entries without _PAGE_PRESENT hold the inverted PFN.
 */
#ifndef VMWALK_ARCH_X86_H
#define VMWALK_ARCH_X86_H

#include <linux/mm.h>
#include <linux/pgtable.h>

/* There is no generic helper for the user bit. */
static inline bool vmwalk_pte_user(pte_t pte)
{
	return pte_flags(pte) & _PAGE_USER;
}

/*
 * The PTE maps a page, but any access faults. pte_protnone() is always 0 on
 * kernels without NUMA balancing.
 */
static inline bool vmwalk_pte_protnone(pte_t pte)
{
	return (pte_flags(pte) & (_PAGE_PRESENT | _PAGE_PROTNONE)) == _PAGE_PROTNONE;
}

/* Set adjacent PTEs to contiguous PFNs; @pte is the first. */
static inline void vmwalk_set_ptes(struct mm_struct *mm, unsigned long addr, pte_t *ptep,
				   pte_t pte, unsigned int count)
{
	const pteval_t step = pte_flags(pte) & _PAGE_PRESENT ? PAGE_SIZE : -PAGE_SIZE;

	for (; count; count--, addr += PAGE_SIZE, ptep++) {
		set_pte_at(mm, addr, ptep, pte);
		pte = __pte(pte_val(pte) + step);
	}
}

/*
 * The arithmetic of __pa(), without the check of debug kernels that the address
 * is in the linear map.
 */
static inline phys_addr_t vmwalk_linear_phys(unsigned long addr)
{
	return __pa_nodebug(addr);
}

/*
 * Comparing entries. In a Xen PV guest, page-table entries hold machine frame
 * numbers, which cannot be compared with PFNs. The helpers below need
 * comparable entries.
 */
static inline bool vmwalk_pte_is_comparable(pte_t pte)
{
	return pte_flags(pte) & _PAGE_PRESENT && !cpu_feature_enabled(X86_FEATURE_XENPV);
}

static inline bool vmwalk_pmd_is_comparable(pmd_t pmd)
{
	return !cpu_feature_enabled(X86_FEATURE_XENPV);
}

/* No entry has all flags set, so these match none. */
#define VMWALK_PTE_NO_MATCH	native_make_pte(PTE_FLAGS_MASK)
#define VMWALK_PMD_NO_MATCH	native_make_pmd(PTE_FLAGS_MASK)

static inline bool vmwalk_pte_same_flags(pte_t a, pte_t b)
{
	return !((native_pte_val(a) ^ native_pte_val(b)) & PTE_FLAGS_MASK);
}

static inline bool vmwalk_pmd_same_flags(pmd_t a, pmd_t b)
{
	return !((native_pmd_val(a) ^ native_pmd_val(b)) & PTE_FLAGS_MASK);
}

/* Bytes from the page of @from to the page of @to, which has the same flags. */
static inline phys_addr_t vmwalk_pte_phys_delta(pte_t from, pte_t to)
{
	return native_pte_val(to) - native_pte_val(from);
}

static inline unsigned long vmwalk_pte_xor(pte_t a, pte_t b)
{
	return native_pte_val(a) ^ native_pte_val(b);
}

/* The PTE with the same flags and a PFN that is larger by @pages. */
static inline pte_t vmwalk_pte_advance(pte_t pte, long pages)
{
	return native_make_pte(native_pte_val(pte) + (pages << PAGE_SHIFT));
}

/*
 * Linear-map address of the PTE table that @pmd points to. @other has the same
 * flags and points to @other_table.
 */
static inline pte_t *vmwalk_pmd_table(pmd_t pmd, pmd_t other, pte_t *other_table)
{
	return (void *)other_table + (native_pmd_val(pmd) - native_pmd_val(other));
}

#endif /* VMWALK_ARCH_X86_H */
