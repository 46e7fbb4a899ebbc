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
#include <linux/pgtable.h>

#include "compat.h"
#include "internal.h"

/* Addresses that are looked up in a row with interrupts off: some microseconds. */
#define BATCH	64U

/**
 * struct translator - what earlier addresses have shown
 * @mm: whose page tables
 * @hide: withhold frames
 * @vma: where the last address was; NULL if it was nowhere
 * @start: of @vma
 * @length: of @vma; 0 if there is none, or if its entries take the careful way
 * @sample: a page of @vma
 */
struct translator {
	struct mm_struct *mm;
	bool hide;
	struct vm_area_struct *vma;
	unsigned long start;
	unsigned long length;
	struct vmwalk_sample sample;
};

static void answer(const struct translator *translator, struct vmwalk_translation *item,
		   unsigned long pfn, u32 state, unsigned int shift, int node)
{
	item->phys = translator->hide ? 0 : PFN_PHYS(pfn) + offset_in_page(item->addr);
	item->state = translator->hide ? state | VMWALK_HIDDEN : state;
	item->page_shift = shift;
	item->node = node;
}

static void answer_entry(struct translator *translator, struct vmwalk_translation *item,
			 const struct vmwalk_entry *entry)
{
	struct page *page = entry->present ? vmwalk_entry_page(entry, translator->vma) : NULL;
	u32 state = vmwalk_entry_state(entry, page, translator->vma);

	if (entry->present) {
		answer(translator, item, entry->pfn, state, entry->shift,
		       page ? page_to_nid(page) : NUMA_NO_NODE);
	} else {
		item->phys = 0;
		item->state = state && translator->hide ? state | VMWALK_HIDDEN : state;
		item->page_shift = entry->shift;
		item->node = NUMA_NO_NODE;
	}

	if (translator->length && entry->level == VMWALK_PTE &&
	    vmwalk_vma_is_uniform(translator->vma))
		vmwalk_sample_take(&translator->sample, entry, page, state);
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
		translator->start = vma ? vma->vm_start : 0;
		translator->length = vma && !is_vm_hugetlb_page(vma) ?
				     vma->vm_end - vma->vm_start : 0;
		vmwalk_sample_drop(&translator->sample);
	}

	entry = vmwalk_descend(translator->mm, item->addr, NULL);
	answer_entry(translator, item, &entry);
}

/* The entry of the PMD table for an address, with interrupts off; NULL if the way ends above. */
static pmd_t *find_pmd(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgdp, pgd;
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;

	pgdp = pgd_offset(mm, addr);
	pgd = READ_ONCE(*pgdp);
	if (pgd_none(pgd) || pgd_bad(pgd))
		return NULL;

	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d) || p4d_bad(p4d))
		return NULL;

	pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud = READ_ONCE(*pudp);
	if (!pud_present(pud) || pud_leaf(pud) || pud_bad(pud))
		return NULL;

	return pmd_offset_lockless(pudp, pud, addr);
}

/*
 * Answer one item by its entry in a PMD table, with interrupts off. Returns false if it takes the
 * careful way.
 */
static __always_inline bool translate_one(struct translator *translator, pmd_t *pmdp,
					  struct vmwalk_translation *item)
{
	const struct vmwalk_sample *sample = &translator->sample;
	pmd_t pmd = READ_ONCE(*pmdp);
	struct vmwalk_entry entry;
	unsigned long pfn;
	pte_t *ptep, pte;

	if (unlikely(!pmd_present(pmd) || pmd_leaf(pmd))) {
		if (!pmd_present(pmd))
			return false;
		entry = vmwalk_pmd_entry(pmd, item->addr);
		answer_entry(translator, item, &entry);
		return pmd_same(READ_ONCE(*pmdp), pmd);
	}
	if (unlikely(pmd_bad(pmd)))
		return false;

	ptep = pte_offset_kernel(&pmd, item->addr);
	pte = ptep_get(ptep);
	/* Pairs with the page table's lock: whoever mapped a first copy had set anon_vma. */
	smp_rmb();
	if (likely(vmwalk_ptes_alike(pte, sample->pte))) {
		pfn = sample->pfn + vmwalk_ptes_apart(sample->pte, pte);
		if (vmwalk_vma_is_uniform(translator->vma) && !is_zero_pfn(pfn)) {
			answer(translator, item, pfn, sample->state, PAGE_SHIFT,
			       page_to_nid(pfn_to_page(pfn)));
			return true;
		}
	}
	if (pte_none(pte))
		return false;

	entry = vmwalk_pte_entry(pte);
	answer_entry(translator, item, &entry);
	/* If the page has left meanwhile, its kind may have been another's. */
	return pte_same(ptep_get(ptep), pte);
}

/* Answer items up to the first that takes the careful way. Returns how many. */
static unsigned int translate_batch(struct translator *translator,
				    struct vmwalk_translation *items, unsigned int count)
{
	unsigned long table_of = 0;	/* what all addresses of a PMD table have in common */
	unsigned long flags, addr;
	pmd_t *table = NULL, *pmdp;
	unsigned int i;

	local_irq_save(flags);
	for (i = 0; i < count; i++) {
		addr = items[i].addr;
		if (addr - translator->start >= translator->length)
			break;
		if (!table || addr >> PUD_SHIFT != table_of) {
			pmdp = find_pmd(translator->mm, addr);
			if (!pmdp)
				break;
			table = pmdp - pmd_index(addr);
			table_of = addr >> PUD_SHIFT;
		}
		if (!translate_one(translator, table + pmd_index(addr), &items[i]))
			break;
	}
	local_irq_restore(flags);

	return i;
}

/**
 * vmwalk_translate - look up addresses
 * @mm: whose; the caller has its mmap_lock, and interrupts on
 * @items: have the addresses, and are given the rest
 * @count: how many
 * @hide: withhold frames
 */
void vmwalk_translate(struct mm_struct *mm, struct vmwalk_translation *items, unsigned int count,
		      bool hide)
{
	struct translator translator = {
		.mm = mm,
		.hide = hide,
		.sample = { .pte = VMWALK_PTE_UNLIKE },
	};
	unsigned int done, asked;

	for (; count; count -= done, items += done) {
		asked = min(count, BATCH);
		done = translate_batch(&translator, items, asked);
		if (done < asked)
			translate_with_care(&translator, &items[done++]);
	}
}
