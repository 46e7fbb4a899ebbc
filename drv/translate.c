// SPDX-License-Identifier: GPL-2.0
/*
 * Where many addresses lead, in whatever order they come.
 *
 * Copyright (C) The vmwalk authors
 *
 * Most addresses are of a VMA and a PMD table that the one before was of, and have an entry like an
 * earlier one's. Those are answered with interrupts off and no lock but the caller's mmap_lock.
 * What looks empty then, and hugetlb, takes the careful way of vmwalk_descend().
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pgtable.h>

#include "compat.h"
#include "internal.h"

/* Addresses that are looked up in a row with interrupts off: some microseconds. */
#define BATCH	256U

/**
 * struct translator - what earlier addresses have shown
 * @mm: whose page tables
 * @hide: withhold frames
 * @vma: where the last address was; NULL if it was nowhere
 * @sample: a page of @vma
 * @pmds: a PMD table
 * @start: first address of @vma that @pmds has an entry for
 * @length: how far those addresses go
 * @pmd: an entry that leads to a PTE table; VMWALK_PMD_UNLIKE for none
 * @table: that table
 *
 * All that follows @sample holds only as long as interrupts stay off.
 */
struct translator {
	struct mm_struct *mm;
	bool hide;
	struct vm_area_struct *vma;
	struct vmwalk_sample sample;
	pmd_t *pmds;
	unsigned long start;
	unsigned long length;
	pmd_t pmd;
	pte_t *table;
};

/* @entry is judged. */
static void answer_entry(struct translator *translator, struct vmwalk_translation *item,
			 const struct vmwalk_entry *entry)
{
	struct vm_area_struct *vma = translator->vma;

	item->phys = 0;
	if (entry->present && !translator->hide)
		item->phys = PFN_PHYS(entry->pfn) + offset_in_page(item->addr);
	item->state = entry->state;
	if (item->state && translator->hide)
		item->state |= VMWALK_HIDDEN;
	item->page_shift = entry->shift;
	item->node = entry->node;

	/* A mapping of frames and pages may have the page of zeroes, which is like others there. */
	if (vma && !(vma->vm_flags & VM_MIXEDMAP) && entry->level == VMWALK_PTE &&
	    vmwalk_vma_is_uniform(vma))
		vmwalk_sample_take(&translator->sample, entry);
}

static void translate_with_care(struct translator *translator, struct vmwalk_translation *item)
{
	struct vm_area_struct *vma;
	struct vmwalk_entry entry;

	if (item->addr >= TASK_SIZE_MAX) {
		*item = (struct vmwalk_translation) { .addr = item->addr, .node = NUMA_NO_NODE };
		return;
	}

	vma = vma_lookup(translator->mm, item->addr);
	if (vma != translator->vma) {
		translator->vma = vma;
		vmwalk_sample_drop(&translator->sample);
	}

	entry = vmwalk_descend(translator->mm, item->addr, NULL);
	answer_entry(translator, item, &entry);
}

/*
 * Find the PMD table for an address of the VMA, with interrupts off. Returns false if the address
 * is none of the VMA's, or if the way ends above.
 */
static bool find_pmds(struct translator *translator, unsigned long addr)
{
	struct vm_area_struct *vma = translator->vma;
	pgd_t *pgdp, pgd;
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;

	if (addr - translator->start < translator->length)
		return true;
	if (!vma || addr < vma->vm_start || addr >= vma->vm_end || is_vm_hugetlb_page(vma))
		return false;

	pgdp = pgd_offset(translator->mm, addr);
	pgd = READ_ONCE(*pgdp);
	if (pgd_none(pgd) || pgd_bad(pgd))
		return false;

	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d) || p4d_bad(p4d))
		return false;

	pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud = READ_ONCE(*pudp);
	if (!pud_present(pud) || pud_leaf(pud) || pud_bad(pud))
		return false;

	translator->pmds = pmd_offset_lockless(pudp, pud, addr) - pmd_index(addr);
	translator->start = max(addr & PUD_MASK, vma->vm_start);
	translator->length = pud_addr_end(addr, vma->vm_end) - translator->start;

	return true;
}

/*
 * Answer an item of the VMA from its entry, with interrupts off. Returns false if it takes the
 * careful way.
 */
static bool translate_one(struct translator *translator, struct vmwalk_translation *item)
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
	if (pmd_leaf(pmd)) {
		entry = vmwalk_pmd_entry(pmd, item->addr);
		vmwalk_entry_judge(&entry, translator->vma);
		answer_entry(translator, item, &entry);
		return pmd_same(READ_ONCE(*pmdp), pmd);
	}
	if (pmd_bad(pmd))
		return false;

	ptep = pte_offset_kernel(&pmd, item->addr);
	pte = ptep_get(ptep);
	if (pte_none(pte))
		return false;
	/* Pairs with the page table's lock: whoever mapped a first copy had set anon_vma. */
	smp_rmb();
	entry = vmwalk_pte_entry(pte);
	vmwalk_entry_judge(&entry, translator->vma);
	answer_entry(translator, item, &entry);
	if (vmwalk_pmd_compares(pmd)) {
		translator->pmd = pmd;
		translator->table = ptep - pte_index(item->addr);
	}

	/* If the page has left meanwhile, its kind may have been another's. */
	return pte_same(ptep_get(ptep), pte);
}

/*
 * Answer items as long as they are like what is known, with interrupts off. Returns how many. All
 * that decides is in locals: each instruction here counts.
 */
static unsigned int translate_alike(struct translator *translator,
				    struct vmwalk_translation *items, unsigned int count)
{
	const u32 state = translator->sample.state | (translator->hide ? VMWALK_HIDDEN : 0);
	const unsigned long start = translator->start, length = translator->length;
	const u64 shown = translator->hide ? 0 : U64_MAX;
	const phys_addr_t base = PFN_PHYS(translator->sample.pfn);
	const pte_t sample = translator->sample.pte;
	const pmd_t *pmds = translator->pmds;
	const pmd_t model = translator->pmd;
	pte_t *const others = translator->table;
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
		if (!vmwalk_pmds_alike(pmd, model))
			break;
		pte = READ_ONCE(vmwalk_table_of(pmd, model, others)[pte_index(addr)]);
		if (!vmwalk_ptes_alike(pte, sample))
			break;

		phys = base + vmwalk_ptes_apart(sample, pte);
		item->phys = (phys + offset_in_page(addr)) & shown;
		item->state = state;
		item->page_shift = PAGE_SHIFT;
		item->node = page_to_nid(pfn_to_page(PHYS_PFN(phys)));
	}

	/* As in translate_one(), for all of them at once. */
	smp_rmb();
	if (item > items && !vmwalk_vma_is_uniform(translator->vma)) {
		vmwalk_sample_drop(&translator->sample);
		return 0;
	}

	return item - items;
}

/* Answer items up to the first that takes the careful way. Returns how many. */
static unsigned int translate_batch(struct translator *translator,
				    struct vmwalk_translation *items, unsigned int count)
{
	unsigned long flags;
	unsigned int i = 0;

	local_irq_save(flags);
	translator->length = 0;
	translator->pmd = VMWALK_PMD_UNLIKE;
	for (;;) {
		i += translate_alike(translator, items + i, count - i);
		if (i == count || !translate_one(translator, items + i) || ++i == count)
			break;
	}
	local_irq_restore(flags);

	return i;
}

/**
 * vmwalk_translate - look up addresses
 * @mm: whose; the caller has its mmap_lock, and interrupts on
 * @items: have the addresses, and are given the rest
 * @count: how many, at least 1
 * @hide: withhold frames
 *
 * Return: how many are done, at least 1; fewer than @count if somebody waits for mmap_lock.
 */
unsigned int vmwalk_translate(struct mm_struct *mm, struct vmwalk_translation *items,
			      unsigned int count, bool hide)
{
	struct translator translator = {
		.mm = mm,
		.hide = hide,
		.sample = { .pte = VMWALK_PTE_UNLIKE },
	};
	unsigned int asked, batch, done = 0;

	do {
		asked = min(count - done, BATCH);
		batch = translate_batch(&translator, items + done, asked);
		done += batch;
		if (batch < asked)
			translate_with_care(&translator, &items[done++]);
	} while (done < count && !mmap_lock_is_contended(mm));

	return done;
}
