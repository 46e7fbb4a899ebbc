/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pages of a range in the format of /proc/PID/pagemap.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_PAGEMAP_H
#define VMWALK_PAGEMAP_H

#include "entry.h"
#include "walk.h"

/**
 * struct vmwalk_pagemap - a scan in progress that reports pagemap entries
 * @walker: the walk of a VMA
 * @mm: the mm that is scanned
 * @vma: the VMA that is walked
 * @next: address of the next page to report
 * @shown: the bits of an entry that the opener may see
 * @out: the entry of the page at @next in the output array
 * @empty: the entry of an empty page of @vma
 * @flags: flags, without the PFN, of a PTE that other PTEs are compared with
 * @value: what to add to the PFN of a PTE with these flags to get its entry
 */
struct vmwalk_pagemap {
	struct vmwalk_walker walker;
	struct mm_struct *mm;
	struct vm_area_struct *vma;
	unsigned long next;
	u64 shown;

	u64 *out;
	u64 empty;
	pte_t flags;
	u64 value;
};

void vmwalk_pagemap_init(struct vmwalk_pagemap *pagemap, struct mm_struct *mm,
			 unsigned long start, bool hide_pfns);
unsigned long vmwalk_pagemap_vmas(struct vmwalk_pagemap *pagemap, u64 *out, unsigned long count);

#endif /* VMWALK_PAGEMAP_H */
