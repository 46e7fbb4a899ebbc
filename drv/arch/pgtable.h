/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page-table entries: operations for which the kernel has no generic helper.
 *
 * Copyright (C) The vmwalk authors
 *
 * Only ARCH.h knows the page-table bits of an architecture. It defines
 *
 *   VMWALK_PFN_SHIFT             lowest bit of the PFN in an entry
 *   VMWALK_FLAGS_MASK            all bits of an entry but the PFN
 *   VMWALK_USE_MASK              those of them below the PFN that say whether a
 *                                page is writable, accessed and dirty
 *   vmwalk_pte_raw, vmwalk_raw_pte, vmwalk_pmd_raw, vmwalk_raw_pmd
 *                                convert between entries and their values
 *   vmwalk_pte_user(pte)         user mode may access the page
 *   vmwalk_pte_exec(pte)         the page is executable
 *   vmwalk_pte_protnone(pte)     the PTE maps a page, but any access faults
 *   vmwalk_set_ptes()            sets adjacent special PTEs of contiguous PFNs
 *   vmwalk_linear_phys(addr)     the arithmetic of __pa()
 *   VMWALK_USER_END              end of user addresses
 *   VMWALK_KERNEL_START          lowest kernel address
 *   vmwalk_kernel_pgd()          top-level table of kernel addresses
 *
 * and may define, for faster walks of the current mm,
 *
 *   VMWALK_RAW_WALK              tables can be walked by the values of entries;
 *                                PUDs are not folded
 *   VMWALK_RAW_PHYS_MASK         physical address of the table that an entry
 *                                above the PTE level points to
 *   vmwalk_raw_is_table(raw, may_be_leaf)
 *                                the entry points to a table; may_be_leaf: its
 *                                level has huge pages
 *
 * and overrides the defaults below. Call vmwalk_pte_user(), vmwalk_pte_exec()
 * and vmwalk_pte_protnone() for present PTEs only. It may define
 *
 *   vmwalk_set_pmd()             sets a PMD entry of a PFN mapping
 */
#ifndef VMWALK_ARCH_PGTABLE_H
#define VMWALK_ARCH_PGTABLE_H

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/pgtable.h>
#include <linux/sched.h>

#include "../uapi/vmwalk.h"

#if defined(CONFIG_X86_64)
#include "x86.h"
#elif defined(CONFIG_ARM64)
#include "arm64.h"
#elif defined(CONFIG_RISCV) && defined(CONFIG_64BIT)
#include "riscv.h"
#else
#error "vmwalk does not support this architecture: it needs a file in drv/arch"
#endif
#ifdef __PAGETABLE_PMD_FOLDED
#error "vmwalk needs at least three page-table levels"
#endif

/* Does mprotect() keep the memory type of an entry, or take it from the VMA? */
#ifndef VMWALK_KEEPS_MEMORY_TYPE
#define VMWALK_KEEPS_MEMORY_TYPE	false
#endif

/*
 * A group of adjacent PTEs, or of PMD entries, maps one contiguous range, which
 * the CPU may cache as one TLB entry. The CPU may set the accessed and dirty
 * bits in any entry of the group. The order of a group is log2 of the number of
 * its entries; 0: a single entry.
 */
#ifndef vmwalk_pte_order
static inline unsigned int vmwalk_pte_order(pte_t pte)
{
	return 0;
}
#endif

#ifndef vmwalk_pmd_order
static inline unsigned int vmwalk_pmd_order(pmd_t pmd)
{
	return 0;
}
#endif

/* The PFN of the page at an address that a present PTE maps. */
#ifndef vmwalk_pte_pfn
static inline unsigned long vmwalk_pte_pfn(pte_t pte, unsigned long addr)
{
	return pte_pfn(pte);
}
#endif

/* Read a PTE, with the accessed and dirty bits of its group. */
static inline pte_t vmwalk_ptep_get(pte_t *ptep)
{
	pte_t pte = READ_ONCE(*ptep), *end, other;
	size_t size;

	if (!pte_present(pte) || !vmwalk_pte_order(pte))
		return pte;

	size = sizeof(*ptep) << vmwalk_pte_order(pte);
	ptep = PTR_ALIGN_DOWN(ptep, size);
	for (end = (void *)ptep + size; ptep < end; ptep++) {
		other = READ_ONCE(*ptep);
		if (pte_young(other))
			pte = pte_mkyoung(pte);
		if (pte_dirty(other))
			pte = pte_mkdirty(pte);
	}

	return pte;
}

static inline pmd_t vmwalk_pmdp_get(pmd_t *pmdp)
{
	pmd_t pmd = READ_ONCE(*pmdp), *end, other;
	size_t size;

	if (!pmd_present(pmd) || !vmwalk_pmd_order(pmd))
		return pmd;

	size = sizeof(*pmdp) << vmwalk_pmd_order(pmd);
	pmdp = PTR_ALIGN_DOWN(pmdp, size);
	for (end = (void *)pmdp + size; pmdp < end; pmdp++) {
		other = READ_ONCE(*pmdp);
		if (pmd_young(other))
			pmd = pmd_mkyoung(pmd);
		if (pmd_dirty(other))
			pmd = pmd_mkdirty(pmd);
	}

	return pmd;
}

#ifndef vmwalk_pmd_leaf
#define vmwalk_pmd_leaf(pmd)	pmd_leaf(pmd)
#endif

/*
 * Get the pointer to the next lower entry. @pgd and @p4d are the values that
 * were read from @pgdp and @p4dp. If the level is folded, the kernel's lockless
 * helpers would return a pointer to the copy.
 */
#ifndef vmwalk_p4d_offset
#define vmwalk_p4d_offset(pgdp, pgd, addr) \
	(mm_p4d_folded(NULL) ? p4d_offset(pgdp, addr) : p4d_offset_lockless(pgdp, pgd, addr))
#endif
#ifndef vmwalk_pud_offset
#define vmwalk_pud_offset(p4dp, p4d, addr) \
	(mm_pud_folded(NULL) ? pud_offset(p4dp, addr) : pud_offset_lockless(p4dp, p4d, addr))
#endif

/*
 * Get the end of the range that one entry covers, but at most @end. The helpers
 * of the kernel return @end if the level was folded when the kernel was built.
 */
static inline unsigned long vmwalk_p4d_addr_end(unsigned long addr, unsigned long end)
{
	end = p4d_addr_end(addr, end);
	return mm_p4d_folded(NULL) ? pgd_addr_end(addr, end) : end;
}

static inline unsigned long vmwalk_pud_addr_end(unsigned long addr, unsigned long end)
{
	end = pud_addr_end(addr, end);
	return mm_pud_folded(NULL) ? vmwalk_p4d_addr_end(addr, end) : end;
}

/**
 * vmwalk_real_level - get the level whose entries the helpers of a level read
 * @level: VMWALK_PGD to VMWALK_PTE
 *
 * A folded level has no table: the kernel's helpers for this level read the
 * entry of the level above.
 *
 * Return: @level, or a higher level if @level is folded.
 */
static inline unsigned int vmwalk_real_level(unsigned int level)
{
	if (level == VMWALK_PUD && mm_pud_folded(NULL))
		level = VMWALK_P4D;
	if (level == VMWALK_P4D && mm_p4d_folded(NULL))
		level = VMWALK_PGD;

	return level;
}

static_assert(!(VMWALK_USE_MASK >> VMWALK_PFN_SHIFT));

/*
 * Comparing entries. The difference of two entries with the same flags is the
 * distance of their pages. The helpers below need comparable entries. An entry
 * of a group is not comparable: its flags depend on the rest of the group.
 */
#ifndef vmwalk_pte_is_comparable
#define vmwalk_pte_is_comparable(pte)	(pte_present(pte) && !vmwalk_pte_order(pte))

static inline bool vmwalk_pmd_is_comparable(pmd_t pmd)
{
	return true;
}
#endif

/* No entry has all flags set, so these values match no entry. */
#define VMWALK_PTE_NO_MATCH	vmwalk_raw_pte(VMWALK_FLAGS_MASK)
#define VMWALK_PMD_NO_MATCH	vmwalk_raw_pmd(VMWALK_FLAGS_MASK)

static inline bool vmwalk_pte_same_flags(pte_t a, pte_t b)
{
	return !((vmwalk_pte_raw(a) ^ vmwalk_pte_raw(b)) & VMWALK_FLAGS_MASK);
}

static inline bool vmwalk_pmd_same_flags(pmd_t a, pmd_t b)
{
	return !((vmwalk_pmd_raw(a) ^ vmwalk_pmd_raw(b)) & VMWALK_FLAGS_MASK);
}

/* The flags are the same, so no bits below the PFN remain in the difference. */
static inline phys_addr_t vmwalk_raw_phys_delta(u64 from, u64 to)
{
	if (VMWALK_PFN_SHIFT == PAGE_SHIFT)
		return to - from;

	return (to - from) >> VMWALK_PFN_SHIFT << PAGE_SHIFT;
}

/* Bytes from the page of @from to the page of @to. The flags are the same. */
static inline phys_addr_t vmwalk_pte_phys_delta(pte_t from, pte_t to)
{
	return vmwalk_raw_phys_delta(vmwalk_pte_raw(from), vmwalk_pte_raw(to));
}

/* Bits in which entries differ; those of the PFN start at VMWALK_PFN_SHIFT. */
static inline unsigned long vmwalk_pte_xor(pte_t a, pte_t b)
{
	return vmwalk_pte_raw(a) ^ vmwalk_pte_raw(b);
}

/* The PTE with the same flags and a PFN that is larger by @pages. */
static inline pte_t vmwalk_pte_advance(pte_t pte, long pages)
{
	return vmwalk_raw_pte(vmwalk_pte_raw(pte) + (pages << VMWALK_PFN_SHIFT));
}

/*
 * Linear-map address of the PTE table that @pmd points to. @other has the same
 * flags and points to @other_table.
 */
static inline pte_t *vmwalk_pmd_table(pmd_t pmd, pmd_t other, pte_t *other_table)
{
	return (void *)other_table +
	       vmwalk_raw_phys_delta(vmwalk_pmd_raw(other), vmwalk_pmd_raw(pmd));
}

#endif /* VMWALK_ARCH_PGTABLE_H */
