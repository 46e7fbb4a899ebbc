/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The extents of a range of user addresses.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_SCAN_H
#define VMWALK_SCAN_H

#include "entry.h"
#include "walk.h"
#include "uapi/vmwalk.h"

/*
 * PFNs of an aligned span, which is online as a whole or not at all: memory is
 * hotplugged in units of at least a subsection.
 */
#define VMWALK_SPAN_PAGES	PAGES_PER_SUBSECTION

/**
 * struct vmwalk_scan_template - how pages that match a template are reported
 * @entry: the template
 * @flags: flags of their extents
 * @selected: they are reported
 */
struct vmwalk_scan_template {
	struct vmwalk_template entry;
	u32 flags;
	bool selected;
};

/**
 * struct vmwalk_scanner - a scan in progress
 * @walker: the walk of a VMA
 * @mm: the mm that is scanned
 * @vma: the VMA that is walked; NULL after mmap_lock has been taken
 * @arg: the caller's arguments
 * @end: end of the range, in user space
 * @hide_pfns: report no PFNs
 * @out: output array
 * @capacity: extents that fit into @out
 * @count: extents in @out; the last of them may still grow
 * @flushed: extents that were moved out of @out
 * @pages_left: pages that may still be reported
 * @template: a PTE that other PTEs are compared with, valid in @vma
 * @other: the previous template, also valid in @vma: often, two kinds of PTEs
 *         alternate, such as writable and read-only ones
 * @span: the span that enter_span() entered last
 * @done: the scan is complete: the range, vec_len or max_pages is used up
 */
struct vmwalk_scanner {
	struct vmwalk_walker walker;
	struct mm_struct *mm;
	struct vm_area_struct *vma;
	const struct vmwalk_scan *arg;
	unsigned long end;
	bool hide_pfns;

	struct vmwalk_extent *out;
	unsigned long capacity;
	unsigned long count;
	u64 flushed;
	u64 pages_left;

	struct vmwalk_scan_template template;
	struct vmwalk_scan_template other;
	struct {
		pte_t pte;		/* the template with the PFN below */
		unsigned long pfn;	/* first PFN of the span */
		int node;
	} span;
	bool done;
};

unsigned long vmwalk_scan_end(const struct vmwalk_scan *arg);
void vmwalk_scan_init(struct vmwalk_scanner *scanner, struct mm_struct *mm,
		      const struct vmwalk_scan *arg, bool hide_pfns, struct vmwalk_extent *out,
		      unsigned long capacity);
unsigned long vmwalk_scan_vmas(struct vmwalk_scanner *scanner, unsigned long addr);
void vmwalk_scan_flushed(struct vmwalk_scanner *scanner);
u64 vmwalk_scan_pages(const struct vmwalk_scanner *scanner);

#endif /* VMWALK_SCAN_H */
