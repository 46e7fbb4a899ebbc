// SPDX-License-Identifier: GPL-2.0
/*
 * What a page-table entry says.
 *
 * Copyright (C) The vmwalk authors
 *
 * Entries of every level are decoded as a pte_t by the kernel's helpers, as the kernel itself reads
 * the entries of hugetlb. Only presence and frame are asked of an entry's own level: a huge entry
 * has other bits for those.
 */
#include <linux/hugetlb.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pgtable.h>
#include <linux/swapops.h>
#include <linux/userfaultfd_k.h>

#include "compat.h"
#include "internal.h"

/**
 * vmwalk_pte_entry - an entry of a PTE table
 * @pte: as it was read
 */
struct vmwalk_entry vmwalk_pte_entry(pte_t pte)
{
	struct vmwalk_entry entry = {
		.pte = pte,
		.present = pte_present(pte),
		.level = VMWALK_PTE,
		.shift = PAGE_SHIFT,
	};

	if (entry.present)
		entry.pfn = pte_pfn(pte);
	return entry;
}

/**
 * vmwalk_pmd_entry - an entry of a PMD table that isn't a table in turn
 * @pmd: as it was read
 * @addr: the address that led to it
 */
struct vmwalk_entry vmwalk_pmd_entry(pmd_t pmd, unsigned long addr)
{
	struct vmwalk_entry entry = {
		.pte = __pte(pmd_val(pmd)),
		.present = pmd_present(pmd) || pte_present(__pte(pmd_val(pmd))),
		.level = VMWALK_PMD,
		.shift = PMD_SHIFT,
	};

	if (entry.present)
		entry.pfn = pmd_pfn(pmd) + ((addr & ~PMD_MASK) >> PAGE_SHIFT);
	return entry;
}

/**
 * vmwalk_pud_entry - an entry of a PUD table that isn't a table in turn
 * @pud: as it was read
 * @addr: the address that led to it
 */
struct vmwalk_entry vmwalk_pud_entry(pud_t pud, unsigned long addr)
{
	struct vmwalk_entry entry = {
		.pte = __pte(pud_val(pud)),
		.present = pud_present(pud) || pte_present(__pte(pud_val(pud))),
		.level = VMWALK_PUD,
		.shift = PUD_SHIFT,
	};

	if (entry.present)
		entry.pfn = pud_pfn(pud) + ((addr & ~PUD_MASK) >> PAGE_SHIFT);
	return entry;
}

/* Not empty, not present: swapped, moving, or a mark that userfaultfd or madvise left. */
static u32 absent_state(pte_t pte)
{
	swp_entry_t swap = pte_to_swp_entry(pte);
	u32 state = 0;

	if (is_migration_entry(swap))
		state |= VMWALK_MIGRATION;
	else if (!is_pte_marker_entry(swap))
		state |= VMWALK_SWAP;
	if (pte_swp_soft_dirty(pte))
		state |= VMWALK_SOFT_DIRTY;
	if (pte_swp_uffd_wp(pte) || pte_swp_uffd_wp_any(pte))
		state |= VMWALK_UFFD_WP;

	return state;
}

static u32 present_state(pte_t pte)
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
	else if (pte_exec(pte))
		state |= VMWALK_EXEC;
	if (pte_uffd_wp(pte))
		state |= VMWALK_UFFD_WP;

	return state;
}

/*
 * The page that a present entry maps, which is another's as soon as the entry goes; NULL for a bare
 * frame.
 */
static struct page *entry_page(const struct vmwalk_entry *entry, struct vm_area_struct *vma)
{
	if (entry->level == VMWALK_PTE) {
		if (pte_special(entry->pte) || !pfn_valid(entry->pfn))
			return NULL;
		return pfn_to_page(entry->pfn);
	}

	/* Not every kernel marks huge entries of bare frames; but such a VMA has no others. */
	if (vma && vma->vm_flags & VM_PFNMAP)
		return NULL;

	/* Frames that aren't RAM may have no struct page, or one that nobody has set up. */
	return pfn_to_online_page(entry->pfn);
}

/**
 * vmwalk_vma_is_uniform - whether all pages of a VMA are anonymous, or none is
 * @vma: the VMA; the caller has read the entries in question before it asks, or has the page
 *       table's lock
 *
 * A page of a file is copied into anonymous memory in private mappings only, and not before the VMA
 * has an anon_vma.
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
	 * Modules can't ask for the huge zero page by name. But in anonymous memory a huge entry
	 * maps either an anonymous page or that one.
	 */
	if (state && vma_is_anonymous(vma) && !PageAnon(page))
		return state | VMWALK_ZERO;

	/* Without the page table's lock the page may be another's by now. The VMA is not. */
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
 * vmwalk_entry_judge - find out what an entry says
 * @entry: the entry; is given @state and @node
 * @vma: the VMA that it is in; NULL if there is none, or if it is on its way out
 *
 * The entry is still there, since the caller has its table's lock; or it may have gone, and the
 * caller looks at it again afterwards and believes nothing if it has.
 */
void vmwalk_entry_judge(struct vmwalk_entry *entry, struct vm_area_struct *vma)
{
	struct page *page = entry->present ? entry_page(entry, vma) : NULL;

	entry->node = page ? page_to_nid(page) : NUMA_NO_NODE;
	if (entry->present) {
		entry->state = present_state(entry->pte) | page_state(entry, page, vma);
		if (entry->state & VMWALK_SPECIAL)
			entry->node = pfn_node(entry->pfn);
	} else if (pte_none(entry->pte)) {
		entry->state = 0;
	} else {
		entry->state = absent_state(entry->pte) |
			       (entry->level == VMWALK_PTE ? 0 : VMWALK_HUGE);
	}
}

/**
 * vmwalk_entry_state_of_kernel - what an entry says that maps a part of the kernel
 * @entry: the entry
 *
 * Return: flags as vmwalk_entry_judge() has them, of the entry alone: its page belongs to nobody.
 */
u32 vmwalk_entry_state_of_kernel(const struct vmwalk_entry *entry)
{
	if (!entry->present)
		return 0;
	return present_state(entry->pte) | (entry->level == VMWALK_PTE ? 0 : VMWALK_HUGE) |
	       (pfn_to_online_page(entry->pfn) ? 0 : VMWALK_SPECIAL);
}

/**
 * vmwalk_sample_take - remember a page, if others can be compared with it
 * @sample: where
 * @entry: of a PTE table, judged, in a VMA that is uniform
 *
 * Return: whether they can.
 */
bool vmwalk_sample_take(struct vmwalk_sample *sample, const struct vmwalk_entry *entry)
{
	if (!entry->present || entry->state & (VMWALK_ZERO | VMWALK_SPECIAL) ||
	    !vmwalk_pte_compares(entry->pte))
		return false;

	sample->pte = entry->pte;
	sample->pfn = entry->pfn;
	sample->state = entry->state;

	return true;
}

void vmwalk_sample_drop(struct vmwalk_sample *sample)
{
	sample->pte = VMWALK_PTE_UNLIKE;
}
