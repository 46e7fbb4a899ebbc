/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one header that knows how kernels and architectures differ. It asks for features, which
 * compat.mk finds by compiling, never for version numbers.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_COMPAT_H
#define VMWALK_COMPAT_H

#include <linux/mm.h>
#include <linux/pgtable.h>
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

/* Insert a frame without its struct page; works on copy-on-write mappings, too. */
static inline vm_fault_t vmwalk_insert_frame(struct vm_area_struct *vma, unsigned long addr,
					     unsigned long pfn)
{
	return vmf_insert_mixed(vma, addr, pfn_to_pfn_t(pfn));
}

/* No generic helper tells whether an entry lets user mode in. */
static inline bool vmwalk_pte_user(pte_t pte)
{
	return pte_flags(pte) & _PAGE_USER;
}

#endif /* VMWALK_COMPAT_H */
