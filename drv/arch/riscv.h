/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page-table bits of 64-bit RISC-V. Include arch/pgtable.h instead.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_ARCH_RISCV_H
#define VMWALK_ARCH_RISCV_H

#ifdef CONFIG_PAGE_TABLE_CHECK
#error "vmwalk does not support PAGE_TABLE_CHECK on RISC-V: modules can't call set_pte_at()"
#endif

#define VMWALK_PFN_SHIFT	_PAGE_PFN_SHIFT
#define VMWALK_USE_MASK		(_PAGE_WRITE | _PAGE_ACCESSED | _PAGE_DIRTY)
#define VMWALK_FLAGS_MASK	(~(unsigned long)_PAGE_PFN_MASK)

#define vmwalk_pte_raw(pte)	pte_val(pte)
#define vmwalk_raw_pte(raw)	__pte(raw)
#define vmwalk_pmd_raw(pmd)	pmd_val(pmd)
#define vmwalk_raw_pmd(raw)	__pmd(raw)

static inline bool vmwalk_pte_user(pte_t pte)
{
	return pte_val(pte) & _PAGE_USER;
}

#define vmwalk_pte_exec(pte)	pte_exec(pte)

static inline bool vmwalk_pte_protnone(pte_t pte)
{
	return (pte_val(pte) & (_PAGE_PRESENT | _PAGE_PROT_NONE)) == _PAGE_PROT_NONE;
}

/*
 * Svnapot: all PTEs of a group have the same PFN, whose low bits encode the
 * order. CPUs without Svnapot may use the N bit for other purposes.
 */
#define vmwalk_pte_order(pte) \
	(has_svnapot() && pte_napot(pte) ? napot_cont_order(pte) : 0)

/* pte_pfn() returns the PFN of the first page of the group. */
static inline unsigned long vmwalk_pte_pfn(pte_t pte, unsigned long addr)
{
	return pte_pfn(pte) + (PFN_DOWN(addr) & (BIT(vmwalk_pte_order(pte)) - 1));
}

#define vmwalk_pte_pfn vmwalk_pte_pfn

/* p4d_offset() and pud_offset() are not exported. */
static inline p4d_t *vmwalk_p4d_offset(pgd_t *pgdp, pgd_t pgd, unsigned long addr)
{
	return mm_p4d_folded(NULL) ? (p4d_t *)pgdp : pgd_pgtable(pgd) + p4d_index(addr);
}

#define vmwalk_p4d_offset vmwalk_p4d_offset

static inline pud_t *vmwalk_pud_offset(p4d_t *p4dp, p4d_t p4d, unsigned long addr)
{
	return mm_pud_folded(NULL) ? (pud_t *)p4dp : p4d_pgtable(p4d) + pud_index(addr);
}

#define vmwalk_pud_offset vmwalk_pud_offset

/*
 * Use set_pte(): set_pte_at() flushes the instruction cache, with a function
 * that is not exported. These PTEs are not executable.
 */
static inline void vmwalk_set_ptes(struct mm_struct *mm, unsigned long addr, pte_t *ptep,
				   unsigned long pfn, pgprot_t prot, unsigned int count)
{
	for (; count; count--, ptep++)
		set_pte(ptep, pte_mkspecial(pfn_pte(pfn++, prot)));
}

/* Without the check of debug kernels that the address is in the linear map. */
#define vmwalk_linear_phys(addr)	((phys_addr_t)__va_to_pa_nodebug(addr))

/* TASK_SIZE_MAX may exceed the address range of the CPU. */
#define VMWALK_USER_END			TASK_SIZE_64

/* Every process's top-level table points to the kernel's tables. */
#define VMWALK_KERNEL_START		(-(PGDIR_SIZE * (PTRS_PER_PGD / 2)))
#define vmwalk_kernel_pgd()		(current->active_mm->pgd)

#endif /* VMWALK_ARCH_RISCV_H */
