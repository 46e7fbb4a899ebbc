/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page-table bits of x86-64. Include arch/pgtable.h instead.
 *
 * Copyright (C) The vmwalk authors
 *
 * A PTE has its flags at both ends and the physical address of the page in the
 * middle. Entries that are neither empty nor _PAGE_PRESENT hold the inverted
 * PFN.
 */
#ifndef VMWALK_ARCH_X86_H
#define VMWALK_ARCH_X86_H

#define VMWALK_PFN_SHIFT	PAGE_SHIFT
#define VMWALK_USE_MASK		(_PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY)
#define VMWALK_FLAGS_MASK	PTE_FLAGS_MASK

/* The values in memory: in a Xen PV guest, pte_val() translates them. */
#define vmwalk_pte_raw(pte)	native_pte_val(pte)
#define vmwalk_raw_pte(raw)	native_make_pte(raw)
#define vmwalk_pmd_raw(pmd)	native_pmd_val(pmd)
#define vmwalk_raw_pmd(raw)	native_make_pmd(raw)

/*
 * In a Xen PV guest, page-table entries hold machine frame numbers, which
 * cannot be compared with PFNs.
 */
static inline bool vmwalk_pte_is_comparable(pte_t pte)
{
	return pte_flags(pte) & _PAGE_PRESENT && !cpu_feature_enabled(X86_FEATURE_XENPV);
}

#define vmwalk_pte_is_comparable vmwalk_pte_is_comparable

static inline bool vmwalk_pmd_is_comparable(pmd_t pmd)
{
	return !cpu_feature_enabled(X86_FEATURE_XENPV);
}

/* The paravirtual helpers take a dozen instructions per level. */
#define VMWALK_RAW_WALK		(!cpu_feature_enabled(X86_FEATURE_XENPV))
#define VMWALK_RAW_PHYS_MASK	PTE_PFN_MASK

static __always_inline bool vmwalk_raw_is_table(u64 raw, bool may_be_leaf)
{
	return (raw & (_PAGE_PRESENT | (may_be_leaf ? _PAGE_PSE : 0))) == _PAGE_PRESENT;
}

static inline bool vmwalk_pte_user(pte_t pte)
{
	return pte_flags(pte) & _PAGE_USER;
}

#define vmwalk_pte_exec(pte)	pte_exec(pte)

/* pte_protnone() is always 0 on kernels without NUMA balancing. */
static inline bool vmwalk_pte_protnone(pte_t pte)
{
	return (pte_flags(pte) & (_PAGE_PRESENT | _PAGE_PROTNONE)) == _PAGE_PROTNONE;
}

static inline void vmwalk_set_ptes(struct mm_struct *mm, unsigned long addr, pte_t *ptep,
				   unsigned long pfn, pgprot_t prot, unsigned int count)
{
	pte_t pte = pte_mkspecial(pfn_pte(pfn, prot));
	const pteval_t step = pte_flags(pte) & _PAGE_PRESENT ? PAGE_SIZE : -PAGE_SIZE;
	pte_t *const end = ptep + count;

	if (IS_ENABLED(CONFIG_PAGE_TABLE_CHECK) || cpu_feature_enabled(X86_FEATURE_XENPV)) {
		for (; ptep < end; addr += PAGE_SIZE, ptep++) {
			set_pte_at(mm, addr, ptep, pte);
			pte = __pte(pte_val(pte) + step);
		}
		return;
	}

	/* set_pte_at() takes three times as many instructions. */
#pragma GCC unroll 8
	for (; ptep < end; ptep++) {
		native_set_pte(ptep, pte);
		pte = native_make_pte(native_pte_val(pte) + step);
	}
}

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
/*
 * Set a PMD entry of a PFN mapping, which is write-back: vmf_insert_pfn_pmd()
 * would search for the memory type that /dev/mem has reserved for the PFN.
 */
static inline void vmwalk_set_pmd(struct mm_struct *mm, unsigned long addr, pmd_t *pmdp,
				  unsigned long pfn, pgprot_t prot)
{
	pmd_t pmd = pmd_mkhuge(pfn_pmd(pfn, prot));

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	pmd = pmd_mkspecial(pmd);
#endif
	set_pmd_at(mm, addr, pmdp, pmd);
}

#define vmwalk_set_pmd vmwalk_set_pmd
#endif

/* Without the check of debug kernels that the address is in the linear map. */
#define vmwalk_linear_phys(addr)	((phys_addr_t)__pa_nodebug(addr))

/* _PAGE_CHG_MASK has the bits of the memory type. */
#define VMWALK_KEEPS_MEMORY_TYPE	true

#define VMWALK_USER_END			TASK_SIZE_MAX

/* Every process's top-level table points to the kernel's tables. */
#define VMWALK_KERNEL_START		(-(PGDIR_SIZE * (PTRS_PER_PGD / 2)))
#define vmwalk_kernel_pgd()		(current->active_mm->pgd)

#endif /* VMWALK_ARCH_X86_H */
