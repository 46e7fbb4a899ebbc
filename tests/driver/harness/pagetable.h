/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page tables: pagemap, PFNs, checks of a walk, and physical memory.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_PAGETABLE_H
#define VMWALK_TESTS_PAGETABLE_H

#define PM_PFN(e)	((e) & (BIT_ULL(55) - 1))
#define PM_SOFT_DIRTY	BIT_ULL(55)
#define PM_EXCLUSIVE	BIT_ULL(56)
#define PM_UFFD_WP	BIT_ULL(57)
#define PM_GUARD	BIT_ULL(58)
#define PM_FILE		BIT_ULL(61)
#define PM_SWAP		BIT_ULL(62)
#define PM_PRESENT	BIT_ULL(63)

/* PAGEMAP_SCAN came with Linux 6.7; the headers may be older. */
struct pm_region {
	__u64 start, end, categories;
};

struct pm_scan {
	__u64 size, flags, start, end, walk_end, vec, vec_len, max_pages;
	__u64 category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define PM_SCAN		_IOWR('f', 16, struct pm_scan)

/*
 * Reads /proc/PID/pagemap (0: this process): the number of entries, or -errno.
 */
ssize_t vw_pagemap(pid_t pid, __u64 addr, size_t pages, __u64 *entries);
__u64 vw_pagemap_one(pid_t pid, const void *addr);
/* The PFN at an address of this process, 0 if none. */
__u64 vw_pfn(const void *addr);
/*
 * The PFNs at an address of a process (0: this one), 0 where no page is
 * present, from a scan through an extra instance. pagemap has no PFNs of
 * mappings without struct pages; test_pagemap compares the two for all other
 * mappings.
 */
void vw_frames(pid_t pid, const void *addr, size_t pages, __u64 *frames);
/* The number of pages at an address whose PFN is one of these. */
size_t vw_count_frames(pid_t pid, const void *addr, size_t pages, const __u64 *frames,
		       size_t nframes);

/*
 * Asserts what holds for every walk that shows PFNs, with this number of
 * levels: the levels are consistent, and the entries match /proc/kcore where it
 * exists.
 */
void vw_expect_valid_walk(const struct vmwalk_walk *walk, int levels);

/*
 * The page_shift of a single entry of the same level. On arm64 and riscv64,
 * page_shift may be that of a group of contiguous entries, which the kernel may
 * create at any time.
 */
unsigned int vw_level_shift(unsigned int page_shift);

/* Kernel memory from /proc/kcore; false if it is not there. */
bool vw_read_physical(__u64 phys, void *to, size_t len);
bool vw_read_kernel(__u64 addr, void *to, size_t len);

#endif /* VMWALK_TESTS_PAGETABLE_H */
