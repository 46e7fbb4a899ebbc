// SPDX-License-Identifier: GPL-2.0
/*
 * Translation of many addresses, in any order.
 *
 * Copyright (C) The vmwalk authors
 *
 * Most addresses are in the same VMA and PMD table as the previous address, and
 * their PTE matches an earlier PTE. Such addresses are translated with
 * interrupts off, without locking the page table. Empty entries, which may be
 * in the middle of a change, and hugetlb VMAs are left to vmwalk_walk_addr().
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pgtable.h>

#include "arch/pgtable.h"
#include "compat.h"
#include "entry.h"
#include "translate.h"
#include "walk.h"

/* Addresses that are translated with interrupts off: some microseconds. */
#define BATCH	256U

/**
 * struct translator - a translation in progress
 * @mm: the mm
 * @hide_pfns: report no PFNs
 * @vma: the VMA of the last address, or NULL
 * @template: a PTE of @vma that other PTEs are compared with
 * @pmds: the PMD table of the last address
 * @start: first address of @vma that @pmds covers
 * @length: number of bytes of @vma that @pmds covers
 * @pmd: an entry that points to a PTE table, or VMWALK_PMD_NO_MATCH
 * @table: the PTE table that @pmd points to
 *
 * The fields after @template are valid while interrupts stay off.
 */
struct translator {
	struct mm_struct *mm;
	bool hide_pfns;
	struct vm_area_struct *vma;
	struct vmwalk_template template;
	pmd_t *pmds;
	unsigned long start;
	unsigned long length;
	pmd_t pmd;
	pte_t *table;
};

/* Set the results from a decoded entry. */
static void fill_item(const struct translator *translator, struct vmwalk_translation *item,
		      const struct vmwalk_entry *entry)
{
	item->phys = 0;
	if (entry->present && !translator->hide_pfns)
		item->phys = PFN_PHYS(entry->pfn) + offset_in_page(item->addr);
	item->state = entry->state;
	if (item->state && translator->hide_pfns)
		item->state |= VMWALK_HIDDEN;
	item->page_shift = entry->shift;
	item->node = entry->node;
}

/* Compare the PTEs of the following addresses with this entry, if possible. */
static void use_as_template(struct translator *translator, const struct vmwalk_entry *entry)
{
	struct vm_area_struct *vma = translator->vma;

	/*
	 * In a VM_MIXEDMAP mapping, the PTE of the zero page can match the
	 * template.
	 */
	if (vma && !(vma->vm_flags & VM_MIXEDMAP) && entry->level == VMWALK_PTE &&
	    vmwalk_vma_is_uniform(vma))
		vmwalk_template_set(&translator->template, entry);
}

static void translate_slow(struct translator *translator, struct vmwalk_translation *item)
{
	unsigned long addr = untagged_addr(item->addr);
	struct vm_area_struct *vma;
	struct vmwalk_entry entry;

	if (addr >= VMWALK_USER_END) {
		*item = (struct vmwalk_translation) { .addr = item->addr, .node = NUMA_NO_NODE };
		return;
	}

	vma = vma_lookup(translator->mm, addr);
	if (vma != translator->vma) {
		translator->vma = vma;
		vmwalk_template_clear(&translator->template);
	}

	entry = vmwalk_walk_addr(translator->mm, addr, NULL);
	fill_item(translator, item, &entry);
	use_as_template(translator, &entry);
}

/*
 * Find the PMD table of an address, with interrupts off. Returns false if the
 * address is not in the VMA, or if the walk ends above the PMD level.
 */
static bool find_pmds(struct translator *translator, unsigned long addr)
{
	struct vm_area_struct *vma = translator->vma;
	pmd_t *pmdp;

	if (addr - translator->start < translator->length)
		return true;
	if (!vma || addr < vma->vm_start || addr >= vma->vm_end || is_vm_hugetlb_page(vma))
		return false;

	pmdp = vmwalk_walk_pmd_offset(translator->mm, addr);
	if (!pmdp)
		return false;

	translator->pmds = pmdp - pmd_index(addr);
	translator->start = max(addr & PUD_MASK, vma->vm_start);
	translator->length = vmwalk_pud_addr_end(addr, vma->vm_end) - translator->start;

	return true;
}

/*
 * Translate one address with interrupts off. @last: no address follows. Returns
 * false if the address is left to translate_slow().
 */
static bool translate_one(struct translator *translator, struct vmwalk_translation *item,
			  bool last)
{
	struct vmwalk_entry entry;
	pmd_t *pmdp, pmd;
	pte_t *ptep, pte;

	if (!find_pmds(translator, item->addr))
		return false;

	pmdp = translator->pmds + pmd_index(item->addr);
	pmd = READ_ONCE(*pmdp);
	if (!pmd_present(pmd))
		return false;
	if (vmwalk_pmd_leaf(pmd)) {
		entry = vmwalk_entry_from_pmd(pmd, item->addr);
		vmwalk_entry_decode(&entry, translator->vma);
		fill_item(translator, item, &entry);
		return pmd_same(READ_ONCE(*pmdp), pmd);
	}
	if (pmd_bad(pmd))
		return false;

	ptep = pte_offset_kernel(&pmd, item->addr);
	pte = vmwalk_ptep_get(ptep);
	if (pte_none(pte))
		return false;
	/*
	 * Read anon_vma after the PTE: the core sets anon_vma before it maps
	 * the first copy.
	 */
	smp_rmb();
	entry = vmwalk_entry_from_pte(pte, item->addr);
	vmwalk_entry_decode(&entry, translator->vma);
	fill_item(translator, item, &entry);
	if (!last) {
		use_as_template(translator, &entry);
		if (vmwalk_pmd_is_comparable(pmd)) {
			translator->pmd = pmd;
			translator->table = ptep - pte_index(item->addr);
		}
	}

	/* If the PTE has changed, the page may have been reused meanwhile. */
	return pte_same(vmwalk_ptep_get(ptep), pte);
}

/*
 * Translate addresses whose PTE matches the template, with interrupts off.
 * Local copies of the fields speed up translate_random in the benchmark.
 * Returns the number of addresses translated.
 */
static unsigned int translate_matching(struct translator *translator,
				       struct vmwalk_translation *items, unsigned int count)
{
	const u32 state = translator->template.state | (translator->hide_pfns ? VMWALK_HIDDEN : 0);
	const unsigned long start = translator->start, length = translator->length;
	const u64 shown = translator->hide_pfns ? 0 : U64_MAX;
	const phys_addr_t base = PFN_PHYS(translator->template.pfn);
	const pte_t template = translator->template.pte;
	const pmd_t *pmds = translator->pmds;
	const pmd_t template_pmd = translator->pmd;
	pte_t *const table = translator->table;
	struct vmwalk_translation *const end = items + count, *item;
	unsigned long addr;
	phys_addr_t phys;
	pmd_t pmd;
	pte_t pte;

	for (item = items; item < end; item++) {
		addr = item->addr;
		if (addr - start >= length)
			break;
		pmd = READ_ONCE(pmds[pmd_index(addr)]);
		if (!vmwalk_pmd_same_flags(pmd, template_pmd))
			break;
		pte = READ_ONCE(vmwalk_pmd_table(pmd, template_pmd, table)[pte_index(addr)]);
		if (!vmwalk_pte_same_flags(pte, template))
			break;

		phys = base + vmwalk_pte_phys_delta(template, pte);
		item->phys = (phys + offset_in_page(addr)) & shown;
		item->state = state;
		item->page_shift = PAGE_SHIFT;
		item->node = page_to_nid(pfn_to_page(PHYS_PFN(phys)));
	}

	/* As in translate_one(), for all addresses at once. */
	smp_rmb();
	if (item > items && !vmwalk_vma_is_uniform(translator->vma)) {
		vmwalk_template_clear(&translator->template);
		return 0;
	}

	return item - items;
}

/* Translate up to the first address that is left to translate_slow(). */
static unsigned int translate_batch(struct translator *translator,
				    struct vmwalk_translation *items, unsigned int count)
{
	unsigned long flags;
	unsigned int i = 0;

	local_irq_save(flags);
	translator->length = 0;
	translator->pmd = VMWALK_PMD_NO_MATCH;
	while (translate_one(translator, items + i, i + 1 == count) && ++i < count) {
		i += translate_matching(translator, items + i, count - i);
		if (i == count)
			break;
	}
	local_irq_restore(flags);

	return i;
}

/**
 * vmwalk_translate - translate addresses
 * @mm: the mm; the caller holds its mmap_lock, with interrupts on
 * @items: the addresses; the other fields are filled in
 * @count: number of items, at least 1
 * @hide_pfns: report no PFNs
 *
 * Return: number of items translated, at least 1; less than @count if a task
 * waits for mmap_lock.
 */
unsigned int vmwalk_translate(struct mm_struct *mm, struct vmwalk_translation *items,
			      unsigned int count, bool hide_pfns)
{
	struct translator translator = {
		.mm = mm,
		.hide_pfns = hide_pfns,
		.vma = vma_lookup(mm, untagged_addr(items->addr)),
		.template = { .pte = VMWALK_PTE_NO_MATCH },
	};
	unsigned int asked, batch, done = 0;

	do {
		asked = min(count - done, BATCH);
		batch = translate_batch(&translator, items + done, asked);
		done += batch;
		if (batch < asked)
			translate_slow(&translator, &items[done++]);
	} while (done < count && !mmap_lock_is_contended(mm));

	return done;
}
