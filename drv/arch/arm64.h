/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page-table bits of arm64. Include arch/pgtable.h instead.
 *
 * Copyright (C) The vmwalk authors
 *
 * With 52-bit physical addresses, an entry stores the uppermost bits of the PFN
 * apart from the others. These bits count as flags: entries that differ in them
 * do not match.
 */
#ifndef VMWALK_ARCH_ARM64_H
#define VMWALK_ARCH_ARM64_H

#include <asm/memory.h>
#include <asm/sysreg.h>

#define VMWALK_PFN_SHIFT	PAGE_SHIFT
#define VMWALK_USE_MASK		(PTE_RDONLY | PTE_AF)
#define VMWALK_FLAGS_MASK	(~(pteval_t)PTE_ADDR_LOW)

#define vmwalk_pte_raw(pte)	pte_val(pte)
#define vmwalk_raw_pte(raw)	__pte(raw)
#define vmwalk_pmd_raw(pmd)	pmd_val(pmd)
#define vmwalk_raw_pmd(raw)	__pmd(raw)

static inline bool vmwalk_pte_user(pte_t pte)
{
	/* Execute-only memory has no PTE_USER. */
	return pte_val(pte) & PTE_USER || !(pte_val(pte) & PTE_UXN);
}

static inline bool vmwalk_pte_exec(pte_t pte)
{
	return !(pte_val(pte) & (vmwalk_pte_user(pte) ? PTE_UXN : PTE_PXN));
}

static inline bool vmwalk_pte_protnone(pte_t pte)
{
	return (pte_val(pte) & (PTE_VALID | PTE_USER | PTE_UXN)) == PTE_UXN;
}

/* The contiguous bit is the same in PTEs and PMD entries. */
#define vmwalk_pte_order(pte)	(pte_val(pte) & PTE_CONT ? ilog2(CONT_PTES) : 0)
#define vmwalk_pmd_order(pmd)	(pmd_val(pmd) & PTE_CONT ? ilog2(CONT_PMDS) : 0)

/* pmd_leaf() of older kernels is false for entries that forbid all access. */
#define vmwalk_pmd_leaf(pmd)	(pmd_present(pmd) && !pmd_table(pmd))

/*
 * set_ptes() calls functions that are not exported, but not for special PTEs.
 * pte_mkspecial() and inlining let the compiler drop these calls.
 */
static __always_inline void vmwalk_set_ptes(struct mm_struct *mm, unsigned long addr, pte_t *ptep,
					    unsigned long pfn, pgprot_t prot, unsigned int count)
{
#ifdef VMWALK_HAVE_SET_PTES
	set_ptes(mm, addr, ptep, pte_mkspecial(pfn_pte(pfn, prot)), count);
#else
	for (; count; count--, addr += PAGE_SIZE, ptep++)
		set_pte_at(mm, addr, ptep, pte_mkspecial(pfn_pte(pfn++, prot)));
#endif
}

/* Without the check of debug kernels that the address is in the linear map. */
#define vmwalk_linear_phys(addr)	((phys_addr_t)__pa_nodebug(addr))

/* TASK_SIZE_MAX may exceed the address range of the CPU. */
#define VMWALK_USER_END			TASK_SIZE_64
#define VMWALK_KERNEL_START		_PAGE_OFFSET(vabits_actual)

/*
 * Kernel addresses have a top-level table of their own. Bits 2 to 5 of the
 * register are the uppermost bits of a 52-bit address. With 64 KiB pages, the
 * register may point to an entry inside the table. The table is aligned to a
 * page, so the mask gives its address.
 */
static inline pgd_t *vmwalk_kernel_pgd(void)
{
	const u64 ttbr = read_sysreg(ttbr1_el1);
	u64 phys = ttbr & GENMASK_ULL(47, PAGE_SHIFT);

#ifdef CONFIG_ARM64_PA_BITS_52
	phys |= (ttbr & GENMASK_ULL(5, 2)) << 46;
#endif
	return phys_to_virt(phys);
}

#endif /* VMWALK_ARCH_ARM64_H */
