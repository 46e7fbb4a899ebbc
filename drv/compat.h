/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel versions. No other file depends on them. compat.mk
 * probes for each feature and defines VMWALK_HAVE_*.
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

#include "arch/x86.h"

#ifndef VMWALK_HAVE_VM_FLAGS_MOD
static inline void vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set, vm_flags_t clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

/*
 * The inode that user space sees: that of overlayfs, not of the layer below.
 */
#ifndef VMWALK_HAVE_FILE_USER_INODE
#define file_user_inode(file) file_inode(file)
#endif

/* splice_read for a file without a page cache: copies the data. */
#ifdef VMWALK_HAVE_COPY_SPLICE_READ
#define vmwalk_splice_read copy_splice_read
#else
#define vmwalk_splice_read generic_file_splice_read
#endif

/* Install a PMD at vmf->pmd, unless an entry exists there. */
static inline vm_fault_t vmwalk_insert_pfn_pmd(struct vm_fault *vmf, unsigned long pfn)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	return vmf_insert_pfn_pmd(vmf, pfn_to_pfn_t(pfn), false);
#else
	return VM_FAULT_FALLBACK;
#endif
}

/* The size argument of huge_fault. */
#ifdef VMWALK_HAVE_PAGE_ENTRY_SIZE
#define vmwalk_fault_size	enum page_entry_size
#define VMWALK_FAULT_PMD	PE_SIZE_PMD
#else
#define vmwalk_fault_size	unsigned int
#define VMWALK_FAULT_PMD	(PMD_SHIFT - PAGE_SHIFT)
#endif

/* Choose an address for a mapping, as the core does by default. */
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

/* Choose an address whose alignment allows PMD mappings. */
static inline unsigned long vmwalk_unmapped_pmd_area(struct file *file, unsigned long addr,
						     unsigned long len, unsigned long pgoff,
						     unsigned long flags)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	return thp_get_unmapped_area(file, addr, len, pgoff, flags);
#else
	return vmwalk_unmapped_area(file, addr, len, pgoff, flags);
#endif
}

/* Are page tables of the current mm not freed while interrupts are off? */
#define VMWALK_IRQS_OFF_KEEP_TABLES \
	(IS_ENABLED(CONFIG_HAVE_GUP_FAST) || IS_ENABLED(CONFIG_HAVE_FAST_GUP))

#endif /* VMWALK_COMPAT_H */
