/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one header that knows how kernels and architectures differ. It asks for features, which
 * compat.mk finds by compiling, never for version numbers.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_COMPAT_H
#define VMWALK_COMPAT_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#ifdef VMWALK_HAVE_PFN_T
#include <linux/pfn_t.h>
#else
#define pfn_to_pfn_t(pfn) (pfn)
#endif

#ifndef VMWALK_HAVE_VM_FLAGS_MOD
static inline void vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set, vm_flags_t clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

/* The inode that user space knows a mapped file by: an overlay's, not that of the layer below. */
#ifndef VMWALK_HAVE_FILE_USER_INODE
#define file_user_inode(file) file_inode(file)
#endif

/* splice_read for a file without a page cache: copies the data. */
#ifdef VMWALK_HAVE_COPY_SPLICE_READ
#define vmwalk_splice_read copy_splice_read
#else
#define vmwalk_splice_read generic_file_splice_read
#endif

/*
 * Set entries side by side in a table to frames side by side in memory, the first being @pte's. x86
 * keeps a frame inverted in an entry that isn't there for the CPU, as those of PROT_NONE aren't:
 * such an entry counts down.
 */
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
 * Insert a PMD entry at vmf->pmd, unless something is there already. Returns VM_FAULT_FALLBACK
 * where the kernel has no such entries.
 */
static inline vm_fault_t vmwalk_insert_block(struct vm_fault *vmf, unsigned long pfn)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	return vmf_insert_pfn_pmd(vmf, pfn_to_pfn_t(pfn), false);
#else
	return VM_FAULT_FALLBACK;
#endif
}

/* What huge_fault is told of the size that the kernel would like. */
#ifdef VMWALK_HAVE_PAGE_ENTRY_SIZE
#define vmwalk_fault_size	enum page_entry_size
#define VMWALK_FAULT_PMD	PE_SIZE_PMD
#else
#define vmwalk_fault_size	unsigned int
#define VMWALK_FAULT_PMD	(PMD_SHIFT - PAGE_SHIFT)
#endif

/* Where the kernel would place a mapping whose file does not mind. */
static inline unsigned long vmwalk_unmapped_area(struct file *file, unsigned long addr,
						 unsigned long len, unsigned long pgoff,
						 unsigned long flags)
{
#ifdef VMWALK_HAVE_MM_GET_UNMAPPED_AREA
	return mm_get_unmapped_area(current->mm, file, addr, len, pgoff, flags);
#else
	return current->mm->get_unmapped_area(file, addr, len, pgoff, flags);
#endif
}

/* The same for one that can have PMD entries. */
static inline unsigned long vmwalk_unmapped_block(struct file *file, unsigned long addr,
						  unsigned long len, unsigned long pgoff,
						  unsigned long flags)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	return thp_get_unmapped_area(file, addr, len, pgoff, flags);
#else
	return vmwalk_unmapped_area(file, addr, len, pgoff, flags);
#endif
}

/* Do interrupts that are off keep the page tables of the process that runs? */
#define VMWALK_IRQS_OFF_KEEP_TABLES \
	(IS_ENABLED(CONFIG_HAVE_GUP_FAST) || IS_ENABLED(CONFIG_HAVE_FAST_GUP))

/* What __pa() computes. A kernel for debugging forbids __pa() beyond the linear map. */
static inline phys_addr_t vmwalk_linear_phys(unsigned long addr)
{
	return __pa_nodebug(addr);
}

/* No generic helper tells whether an entry lets user mode in. */
static inline bool vmwalk_pte_user(pte_t pte)
{
	return pte_flags(pte) & _PAGE_USER;
}

/*
 * Maps a page, but any access faults. pte_protnone() is a constant 0 on kernels
 * without NUMA balancing.
 */
static inline bool vmwalk_pte_protnone(pte_t pte)
{
	return (pte_flags(pte) & (_PAGE_PRESENT | _PAGE_PROTNONE)) == _PAGE_PROTNONE;
}

/*
 * Entries that differ in their frame only. x86 keeps the frame in the middle of an entry, and the
 * entry counts up with it as long as the page is there for the CPU. As a guest of Xen that has page
 * tables of its own the kernel sees other frames than entries have: nothing can be compared there.
 */
static inline bool vmwalk_pte_compares(pte_t pte)
{
	return pte_flags(pte) & _PAGE_PRESENT && !cpu_feature_enabled(X86_FEATURE_XENPV);
}

/* Both must compare, for this and what follows. */
static inline bool vmwalk_ptes_alike(pte_t a, pte_t b)
{
	return !((native_pte_val(a) ^ native_pte_val(b)) & PTE_FLAGS_MASK);
}

/* Nothing is like this one: no entry has all flags. */
#define VMWALK_PTE_UNLIKE	native_make_pte(PTE_FLAGS_MASK)

/* From the start of one frame to that of the other, in bytes. */
static inline phys_addr_t vmwalk_ptes_apart(pte_t from, pte_t to)
{
	return native_pte_val(to) - native_pte_val(from);
}

/* What is left of an entry if all is taken away that it has in common with another. */
static inline unsigned long vmwalk_ptes_differ(pte_t a, pte_t b)
{
	return native_pte_val(a) ^ native_pte_val(b);
}

/* The same for entries that lead to PTE tables, of which one is where @table is mapped. */
#define VMWALK_PMD_UNLIKE	native_make_pmd(PTE_FLAGS_MASK)

static inline bool vmwalk_pmd_compares(pmd_t pmd)
{
	return !cpu_feature_enabled(X86_FEATURE_XENPV);
}

static inline bool vmwalk_pmds_alike(pmd_t a, pmd_t b)
{
	return !((native_pmd_val(a) ^ native_pmd_val(b)) & PTE_FLAGS_MASK);
}

static inline pte_t *vmwalk_table_of(pmd_t pmd, pmd_t other, pte_t *others_table)
{
	return (void *)others_table + (native_pmd_val(pmd) - native_pmd_val(other));
}

/* The entry of another frame. */
static inline pte_t vmwalk_pte_move(pte_t pte, long frames)
{
	return native_make_pte(native_pte_val(pte) + (frames << PAGE_SHIFT));
}

/* The entry of the next frame. */
static inline pte_t vmwalk_pte_next(pte_t pte)
{
	return native_make_pte(native_pte_val(pte) + PAGE_SIZE);
}

#endif /* VMWALK_COMPAT_H */
