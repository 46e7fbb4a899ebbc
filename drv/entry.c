// SPDX-License-Identifier: GPL-2.0
/*
 * Decoding of page-table entries.
 *
 * Copyright (C) The vmwalk authors
 *
 * The helpers for pte_t decode the flags of entries of every level, as in the
 * core's hugetlb code. The helpers of the entry's own level decode whether a
 * page is mapped and its PFN, which are in other bits of a huge entry.
 */
#include <linux/hugetlb.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pgtable.h>

#include "arch/pgtable.h"
#include "compat.h"
#include "entry.h"
#include "uapi/vmwalk.h"

/**
 * vmwalk_entry_from_pte - create an entry from a PTE
 * @pte: the PTE, from vmwalk_ptep_get()
 * @addr: the address that is walked
 */
struct vmwalk_entry vmwalk_entry_from_pte(pte_t pte, unsigned long addr)
{
	struct vmwalk_entry entry = {
		.pte = pte,
		.present = pte_present(pte),
		.level = VMWALK_PTE,
		.shift = PAGE_SHIFT,
	};

	if (entry.present) {
		entry.pfn = vmwalk_pte_pfn(pte, addr);
		entry.shift += vmwalk_pte_order(pte);
	}
	return entry;
}

/**
 * vmwalk_entry_from_pmd - create an entry from a PMD that points to no table
 * @pmd: the PMD, from vmwalk_pmdp_get()
 * @addr: the address that is walked
 */
struct vmwalk_entry vmwalk_entry_from_pmd(pmd_t pmd, unsigned long addr)
{
	struct vmwalk_entry entry = {
		.pte = __pte(pmd_val(pmd)),
		.present = pmd_present(pmd) || pte_present(__pte(pmd_val(pmd))),
		.level = VMWALK_PMD,
		.shift = PMD_SHIFT,
	};

	if (entry.present) {
		entry.pfn = pmd_pfn(pmd) + ((addr & ~PMD_MASK) >> PAGE_SHIFT);
		entry.shift += vmwalk_pmd_order(pmd);
	}
	return entry;
}

/**
 * vmwalk_entry_from_pud - create an entry from a PUD that points to no table
 * @pud: the PUD
 * @addr: the address that is walked
 */
struct vmwalk_entry vmwalk_entry_from_pud(pud_t pud, unsigned long addr)
{
	struct vmwalk_entry entry = {
		.pte = __pte(pud_val(pud)),
		.present = pud_present(pud) || pte_present(__pte(pud_val(pud))),
		.level = vmwalk_real_level(VMWALK_PUD),
		.shift = PUD_SHIFT,
	};

	if (entry.present)
		entry.pfn = pud_pfn(pud) + ((addr & ~PUD_MASK) >> PAGE_SHIFT);
	return entry;
}

/* Decode swap, migration and device-private entries, and markers. */
static u32 absent_state(pte_t pte, struct vm_area_struct *vma)
{
	u32 state = 0;

	if (vmwalk_pte_is_migration(pte))
		state |= VMWALK_MIGRATION;
	else if (!vmwalk_pte_is_marker(pte))
		state |= VMWALK_SWAP;
	if (pte_swp_soft_dirty(pte))
		state |= VMWALK_SOFT_DIRTY;
	if (vmwalk_swp_uffd_wp(pte) && vmwalk_vma_uffd_wp(vma))
		state |= VMWALK_UFFD_WP;

	return state;
}

static u32 present_state(pte_t pte, struct vm_area_struct *vma)
{
	u32 state = VMWALK_PRESENT;

	if (pte_write(pte))
		state |= VMWALK_WRITE;
	if (vmwalk_pte_user(pte))
		state |= VMWALK_USER;
	if (pte_young(pte))
		state |= VMWALK_ACCESSED;
	if (pte_dirty(pte))
		state |= VMWALK_DIRTY;
	if (pte_soft_dirty(pte))
		state |= VMWALK_SOFT_DIRTY;
	/* x86 leaves the NX bit out of entries that forbid all access. */
	if (vmwalk_pte_protnone(pte))
		state |= VMWALK_PROTNONE;
	else if (vmwalk_pte_exec(pte))
		state |= VMWALK_EXEC;
	if (vmwalk_pte_uffd_wp(pte) && vmwalk_vma_uffd_wp(vma))
		state |= VMWALK_UFFD_WP;

	return state;
}

/*
 * Returns the page that a present entry maps, valid while the entry cannot
 * change; NULL for a PFN mapping.
 */
static struct page *entry_page(const struct vmwalk_entry *entry, struct vm_area_struct *vma)
{
	if (entry->level == VMWALK_PTE) {
		if (pte_special(entry->pte) || !pfn_valid(entry->pfn))
			return NULL;
		return pfn_to_page(entry->pfn);
	}

	/*
	 * Some kernels have no special bit in PMDs. All PMDs of a VM_PFNMAP VMA
	 * map PFNs.
	 */
	if (vma && vma->vm_flags & VM_PFNMAP)
		return NULL;

	/*
	 * A PFN that is not RAM may have no struct page, or an uninitialised
	 * one.
	 */
	return pfn_to_online_page(entry->pfn);
}

/**
 * vmwalk_vma_is_uniform - check whether all or no pages of a VMA are anonymous
 * @vma: the VMA; the caller holds the lock of the page table, or has read the
 *       entries before the call
 *
 * A private mapping of a file gets an anon_vma before its first anonymous page.
 */
bool vmwalk_vma_is_uniform(struct vm_area_struct *vma)
{
	return vma_is_anonymous(vma) || !READ_ONCE(vma->anon_vma);
}

static u32 page_state(const struct vmwalk_entry *entry, struct page *page,
		      struct vm_area_struct *vma)
{
	u32 state = entry->level == VMWALK_PTE ? 0 : VMWALK_HUGE;
	bool anonymous;

	if (!state && is_zero_pfn(entry->pfn))
		return VMWALK_ZERO;
	if (!page)
		return state | VMWALK_SPECIAL;
	if (!vma)
		return PageAnon(page) ? state : state | VMWALK_FILE;

	/*
	 * The huge zero page is not exported. But a huge entry of an anonymous
	 * VMA maps either an anonymous page or the huge zero page.
	 */
	if (state && vma_is_anonymous(vma) && !PageAnon(page))
		return state | VMWALK_ZERO;

	/*
	 * Ask the VMA, not the page: if the page table is not locked, the page
	 * may have been reused.
	 */
	if (is_vm_hugetlb_page(vma))
		state |= VMWALK_HUGETLB;
	anonymous = vmwalk_vma_is_uniform(vma) ? vma_is_anonymous(vma) : PageAnon(page);

	return anonymous ? state : state | VMWALK_FILE;
}

/* The NUMA node of a frame in a PFN mapping; NUMA_NO_NODE if it is not RAM. */
static int pfn_node(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	return page ? page_to_nid(page) : NUMA_NO_NODE;
}

/**
 * vmwalk_entry_decode - decode an entry
 * @entry: the entry; state and node are set
 * @vma: the VMA of the address; NULL if there is none
 *
 * Call this with the page table locked. Otherwise read the entry again
 * afterwards, and discard the result if the entry has changed.
 */
void vmwalk_entry_decode(struct vmwalk_entry *entry, struct vm_area_struct *vma)
{
	struct page *page = entry->present ? entry_page(entry, vma) : NULL;

	entry->node = page ? page_to_nid(page) : NUMA_NO_NODE;
	if (entry->present) {
		entry->state = present_state(entry->pte, vma) | page_state(entry, page, vma);
		if (entry->state & VMWALK_SPECIAL)
			entry->node = pfn_node(entry->pfn);
	} else if (pte_none(entry->pte)) {
		entry->state = 0;
	} else {
		entry->state = absent_state(entry->pte, vma) |
			       (entry->level == VMWALK_PTE ? 0 : VMWALK_HUGE);
	}
}

/* The frame of pagemap, and whether the page is file memory. */
static u64 absent_to_pagemap(pte_t pte)
{
	swp_entry_t entry = vmwalk_swp_entry(pte);
	unsigned long offset = swp_offset(entry);
	u64 flags = VMWALK_PM_SWAP;

	if (pte_swp_soft_dirty(pte))
		flags |= VMWALK_PM_SOFT_DIRTY;
	if (vmwalk_swp_is_guard(entry))
		flags |= VMWALK_PM_GUARD;
	if (vmwalk_swp_has_pfn(entry)) {
		offset = vmwalk_swp_pfn(entry);
		if (!PageAnon(pfn_to_page(offset)))
			flags |= VMWALK_PM_FILE;
	}

	return flags | ((swp_type(entry) | offset << MAX_SWAPFILES_SHIFT) & VMWALK_PM_FRAME);
}

/**
 * vmwalk_entry_to_pagemap - convert an entry to the format of /proc/PID/pagemap
 * @entry: the entry, decoded; the caller holds the lock of the page table
 * @vma: the VMA of the address
 *
 * Differs from pagemap in three points: pagemap treats PFN mappings
 * (VM_PFNMAP) as empty; bit 56 (mapped once) is not set; and the huge zero page
 * is not a file page, as on some kernels.
 *
 * Return: the pagemap entry; of a huge entry that is not present, that of its
 * first page.
 */
u64 vmwalk_entry_to_pagemap(const struct vmwalk_entry *entry, struct vm_area_struct *vma)
{
	const bool hugetlb = is_vm_hugetlb_page(vma);
	u64 value = vmwalk_vma_to_pagemap(vma);

	if (entry->state & VMWALK_UFFD_WP)
		value |= VMWALK_PM_UFFD_WP;
	if (entry->present) {
		value |= VMWALK_PM_PRESENT | entry->pfn;
		/* Pagemap has no soft-dirty bit of hugetlb pages. */
		if (entry->state & VMWALK_SOFT_DIRTY && !hugetlb)
			value |= VMWALK_PM_SOFT_DIRTY;
		/* A driver can map the zero page as a page of its file. */
		if (entry->state & VMWALK_FILE ||
		    (entry->state & VMWALK_ZERO && entry->level == VMWALK_PTE &&
		     !pte_special(entry->pte)))
			value |= VMWALK_PM_FILE;
	} else if (!pte_none(entry->pte) && !hugetlb) {
		value |= absent_to_pagemap(entry->pte);
	}

	return value;
}

/**
 * vmwalk_entry_decode_kernel - decode an entry of the kernel's page tables
 * @entry: the entry
 *
 * Kernel mappings have no VMA, so the entry alone is decoded.
 *
 * Return: flags VMWALK_PRESENT to VMWALK_HUGE.
 */
u32 vmwalk_entry_decode_kernel(const struct vmwalk_entry *entry)
{
	if (!entry->present)
		return 0;
	return present_state(entry->pte, NULL) | (entry->level == VMWALK_PTE ? 0 : VMWALK_HUGE) |
	       (pfn_to_online_page(entry->pfn) ? 0 : VMWALK_SPECIAL);
}

/**
 * vmwalk_template_set - use an entry as the template
 * @template: the template
 * @entry: a decoded PTE of a VMA that is uniform
 *
 * Return: false if other PTEs cannot be compared with this one; the template is
 * unchanged then.
 */
bool vmwalk_template_set(struct vmwalk_template *template, const struct vmwalk_entry *entry)
{
	if (!entry->present || entry->state & (VMWALK_ZERO | VMWALK_SPECIAL) ||
	    !vmwalk_pte_is_comparable(entry->pte))
		return false;

	template->pte = entry->pte;
	template->pfn = entry->pfn;
	template->state = entry->state;

	return true;
}

void vmwalk_template_clear(struct vmwalk_template *template)
{
	template->pte = VMWALK_PTE_NO_MATCH;
}
