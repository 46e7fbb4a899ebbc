// SPDX-License-Identifier: GPL-2.0
/*
 * SCAN of mappings whose page-table entries are known: which pages it returns,
 * masks, limits, how extents merge, and results in the buffer.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "harness.h"

#define BUFFER	(64 * KIB)

static struct vw_device dev;

/* --- Selection ------------------------------------------------------------ */

struct page {
	__u64 pfn;
	__u32 flags;
	__u16 shift;
	bool seen;
};

/* Expand a scan's extents to one entry for each page of the range. */
static void expand(const struct vw_extents *extents, __u64 start, size_t pages, struct page *out)
{
	memset(out, 0, pages * sizeof(*out));
	for (size_t i = 0; i < extents->count; i++) {
		const struct vmwalk_extent *extent = &extents->extent[i];

		for (__u64 j = 0; j < extent->pages; j++) {
			size_t at = (extent->start - start) / PAGE + j;

			assert_true(at < pages);
			assert_false(out[at].seen);
			out[at] = (struct page){
				.pfn = extent->pfn ? extent->pfn + j : 0,
				.flags = extent->flags,
				.shift = extent->page_shift,
				.seen = true,
			};
		}
	}
}

/* Adjacent extents with the same state and contiguous PFNs must be merged. */
static void expect_merged(const struct vw_extents *extents)
{
	for (size_t i = 1; i < extents->count; i++) {
		const struct vmwalk_extent *a = &extents->extent[i - 1], *b = a + 1;

		if (a->start + a->pages * PAGE == b->start && a->flags == b->flags &&
		    a->node == b->node &&
		    (a->pfn ? a->pfn + a->pages == b->pfn : !b->pfn))
			vw_fail("the extents at 0x%llx and 0x%llx are not merged", a->start,
				b->start);
	}
}

/* Two of each 64 pages are swapped out. */
#define PATTERN	"aaazz.rnNsSf.wwaaaazz.rnNsSf.aaaaaazz.rnNsSf.aaaaaazz.rnNsSf.aaa"

VW_TEST(scans_of_a_mixed_region_match_pagemap)
{
	static struct page pages[VW_MIXED_MAX];
	static __u64 entries[VW_MIXED_MAX];
	struct vw_extents extents;
	struct vmwalk_scan scan;
	char *at;

	dev = vw_device_make();
	at = vw_mixed_region(PATTERN);
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + VW_MIXED * PAGE);
	vw_ok(vw_scan_all(dev.fd, &scan, 4096, &extents));
	assert_int_equal(extents.calls, 1);
	expect_merged(&extents);
	expand(&extents, (uintptr_t)at, VW_MIXED, pages);
	vw_expect(vw_pagemap(0, (uintptr_t)at, VW_MIXED, entries), VW_MIXED);
	for (size_t i = 0; i < VW_MIXED; i++) {
		__u64 entry = entries[i];

		if (pages[i].seen != !!(entry & (PM_PRESENT | PM_SWAP)) ||
		    !(pages[i].flags & VMWALK_PRESENT) != !(entry & PM_PRESENT) ||
		    !(pages[i].flags & VMWALK_SWAP) != !(entry & PM_SWAP) ||
		    !(pages[i].flags & VMWALK_FILE) != !(entry & PM_FILE) ||
		    pages[i].pfn != (entry & PM_PRESENT ? PM_PFN(entry) : 0))
			vw_fail("page %zu: flags 0x%x, pfn 0x%llx, but pagemap has 0x%llx", i,
				pages[i].flags, pages[i].pfn, entry);
	}
	vw_extents_free(&extents);
}

static __u32 random_bits(void)
{
	static __u64 seed = 20;

	return vw_random(&seed);
}

/* Would PAGEMAP_SCAN return a page of these categories? */
static bool is_selected(const struct vmwalk_scan *scan, __u64 categories)
{
	categories ^= scan->category_inverted;
	if ((categories & scan->category_mask) != scan->category_mask)
		return false;
	return !scan->category_anyof_mask || categories & scan->category_anyof_mask;
}

VW_TEST(masks_select_pages_as_documented)
{
	static struct page all[VW_MIXED_MAX], some[VW_MIXED_MAX];
	struct vw_extents extents;
	struct vmwalk_scan scan;
	unsigned int hits = 0;
	char *at;

	dev = vw_device_make();
	at = vw_mixed_region(PATTERN);
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + VW_MIXED * PAGE);
	vw_ok(vw_scan_all(dev.fd, &scan, 4096, &extents));
	expand(&extents, (uintptr_t)at, VW_MIXED, all);
	vw_extents_free(&extents);

	for (int round = 0; round < 500; round++) {
		/* Sparse masks: dense ones select nothing. */
		scan.category_mask = random_bits() & random_bits() & random_bits() &
				     VMWALK_STATE_ALL;
		scan.category_inverted = random_bits() & random_bits() & VMWALK_STATE_ALL;
		scan.category_anyof_mask = random_bits() & random_bits() & VMWALK_STATE_ALL;
		scan.return_mask = random_bits() & VMWALK_STATE_ALL;
		if (round % 3 == 0)
			scan.category_mask = 0;
		if (round % 5 == 0)
			scan.category_anyof_mask = 0;
		vw_ok(vw_scan_all(dev.fd, &scan, round % 7 ? 4096 : 5, &extents));
		if (round % 7)
			expect_merged(&extents);
		expand(&extents, (uintptr_t)at, VW_MIXED, some);
		for (size_t i = 0; i < VW_MIXED; i++) {
			bool want = all[i].seen && is_selected(&scan, all[i].flags);

			hits += want;
			/* Huge and small pages merge without HUGE. */
			if (some[i].seen != want ||
			    (want && (some[i].flags != (all[i].flags & scan.return_mask) ||
				      some[i].pfn != all[i].pfn ||
				      (some[i].shift != all[i].shift &&
				       (some[i].shift != (int)PAGE_SHIFT ||
					scan.return_mask & VMWALK_HUGE)))))
				vw_fail("page %zu, 0x%x: 0x%llx 0x%llx 0x%llx 0x%llx: %d 0x%x", i,
					all[i].flags, scan.category_inverted,
					scan.category_mask, scan.category_anyof_mask,
					scan.return_mask, some[i].seen, some[i].flags);
		}
		vw_extents_free(&extents);
	}
	assert_true(hits > 10000);
}

static __u64 to_pagemap(__u64 flags)
{
	return (flags & VMWALK_FILE ? 1 << 2 : 0) | (flags & VMWALK_PRESENT ? 1 << 3 : 0) |
	       (flags & VMWALK_SWAP ? 1 << 4 : 0) | (flags & VMWALK_ZERO ? 1 << 5 : 0);
}

VW_TEST(masks_select_the_same_pages_as_pagemap_scan)
{
	static struct page all[VW_MIXED_MAX], some[VW_MIXED_MAX];
	static struct pm_region regions[VW_MIXED_MAX];
	const __u64 shared = VMWALK_FILE | VMWALK_PRESENT | VMWALK_SWAP | VMWALK_ZERO;
	struct pm_scan pm = { .size = sizeof(pm), .vec = (uintptr_t)regions, .vec_len = VW_MIXED };
	struct vw_extents extents;
	struct vmwalk_scan scan;
	int pagemap, rc;
	char *at;

	dev = vw_device_make();
	at = vw_mixed_region(PATTERN);
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	pm.start = (uintptr_t)at;
	pm.end = (uintptr_t)at + VW_MIXED * PAGE;
	if (vw_ioctl(pagemap, PM_SCAN, &pm) < 0)
		vw_skip("this kernel has no PAGEMAP_SCAN");
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + VW_MIXED * PAGE);
	vw_ok(vw_scan_all(dev.fd, &scan, 4096, &extents));
	expand(&extents, (uintptr_t)at, VW_MIXED, all);
	vw_extents_free(&extents);
	for (int round = 0; round < 200; round++) {
		bool theirs[VW_MIXED_MAX] = { false };

		scan.category_mask = random_bits() & random_bits() & random_bits() & shared;
		scan.category_inverted = random_bits() & shared;
		scan.category_anyof_mask = random_bits() & random_bits() & shared;
		scan.return_mask = shared;
		pm.category_mask = to_pagemap(scan.category_mask);
		pm.category_inverted = to_pagemap(scan.category_inverted);
		pm.category_anyof_mask = to_pagemap(scan.category_anyof_mask);
		pm.return_mask = to_pagemap(shared);
		vw_ok(vw_scan_all(dev.fd, &scan, 4096, &extents));
		expand(&extents, (uintptr_t)at, VW_MIXED, some);
		vw_extents_free(&extents);
		rc = vw_ioctl(pagemap, PM_SCAN, &pm);
		assert_true(rc >= 0);
		for (int i = 0; i < rc; i++) {
			for (__u64 a = regions[i].start; a < regions[i].end; a += PAGE) {
				size_t page = (a - pm.start) / PAGE;

				theirs[page] = true;
				if (some[page].seen)
					assert_int_equal(to_pagemap(some[page].flags),
							 regions[i].categories);
			}
		}
		/* PAGEMAP_SCAN may return empty entries, SCAN never does. */
		for (size_t i = 0; i < VW_MIXED; i++)
			assert_int_equal(some[i].seen, theirs[i] && all[i].seen);
	}
	close(pagemap);
}

/* --- Limits and continued scans ------------------------------------------- */

VW_TEST(short_vectors_give_the_same_extents)
{
	static const size_t vec_lens[] = { 1, 2, 3, 7, 127, 128, 129 };
	struct vw_extents whole, pieces;
	struct vmwalk_scan scan;
	char *at;

	dev = vw_device_make();
	at = vw_mixed_region(PATTERN);
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + VW_MIXED * PAGE);
	vw_ok(vw_scan_all(dev.fd, &scan, 4096, &whole));
	assert_int_equal(whole.calls, 1);
	assert_true(whole.count > 300);
	for (size_t i = 0; i < COUNT(vec_lens); i++) {
		vw_ok(vw_scan_all(dev.fd, &scan, vec_lens[i], &pieces));
		assert_int_equal(pieces.count, whole.count);
		assert_memory_equal(pieces.extent, whole.extent,
				    whole.count * sizeof(*whole.extent));
		vw_extents_free(&pieces);
	}
	vw_extents_free(&whole);
}

VW_TEST(scans_with_max_pages_give_the_same_pages)
{
	const __u64 limits[] = {
		1, 2, 3, 5, 16, 100, 511, 512, 513, VW_MIXED - 1, VW_MIXED
	};
	static struct page want[VW_MIXED_MAX], got[VW_MIXED_MAX];
	struct vw_extents whole, pieces;
	struct vmwalk_scan scan;
	char *at;

	dev = vw_device_make();
	at = vw_mixed_region(PATTERN);
	for (int some = 0; some < 2; some++) {
		scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + VW_MIXED * PAGE);
		scan.category_mask = some ? VMWALK_WRITE : 0;
		vw_ok(vw_scan_all(dev.fd, &scan, 4096, &whole));
		expand(&whole, (uintptr_t)at, VW_MIXED, want);
		for (size_t i = 0; i < COUNT(limits); i++) {
			scan.max_pages = limits[i];
			vw_ok(vw_scan_all(dev.fd, &scan, 4096, &pieces));
			assert_int_equal(pieces.pages, whole.pages);
			expand(&pieces, (uintptr_t)at, VW_MIXED, got);
			for (size_t j = 0; j < VW_MIXED; j++) {
				assert_int_equal(got[j].seen, want[j].seen);
				assert_int_equal(got[j].pfn, want[j].pfn);
				assert_int_equal(got[j].flags, want[j].flags);
			}
			/* Each call but the last returns max_pages pages. */
			if (pieces.calls < whole.pages / limits[i] ||
			    pieces.calls > whole.pages / limits[i] + 1)
				vw_fail("%u calls for %llu pages with max_pages %llu", pieces.calls,
					whole.pages, limits[i]);
			vw_extents_free(&pieces);
		}
		vw_extents_free(&whole);
	}
}

/* Ranges of pages and holes, most of them short, and a huge page at the end. */
static char *random_region(void)
{
	char *at = vw_anon_aligned(VW_MIXED * PAGE, PMD_SIZE);
	unsigned char kinds[1024];

	madvise(at, 2 * PMD_SIZE, MADV_NOHUGEPAGE);
	madvise(at + 2 * PMD_SIZE, PMD_SIZE, MADV_HUGEPAGE);
	for (size_t i = 0; i < 1024;) {
		size_t run = random_bits() % 4 ? 1 : random_bits() % 40 + 1;
		unsigned char kind = random_bits() % 16;

		/* A range in which every second page is present. */
		if (!kind)
			run = random_bits() % 100;
		for (size_t j = 0; i < 1024 && j < run; i++, j++)
			kinds[i] = !kind ? j % 2 * 4 : kind;
	}
	/* Two passes, so that only some PFNs are contiguous. */
	for (size_t i = 0; i < 1024; i++) {
		if (kinds[i] == 4 || kinds[i] > 10)
			vw_poke(at + i * PAGE, 1);
	}
	for (size_t i = 0; i < 1024; i++) {
		if (kinds[i] >= 8 && kinds[i] <= 10)
			vw_poke(at + i * PAGE, 1);
		if (kinds[i] == 7)
			vw_peek(at + i * PAGE);
		if (kinds[i] == 15)
			mprotect(at + i * PAGE, PAGE, PROT_READ);
	}
	memset(at + 2 * PMD_SIZE, 1, PMD_SIZE);
	return at;
}

/* Get the node of a page from move_pages(), -1 if there is none. */
static int node_of(const char *page)
{
	int node = -1;

	/* With nodes NULL, move_pages() only queries. */
	if (syscall(SYS_move_pages, 0, 1, &page, NULL, &node, 0))
		vw_skip("move_pages() cannot query the node of a page");
	return node < 0 ? -1 : node;
}

/* Walk to each page, and return one extent for each. */
static void walk_pages(const char *at, size_t pages, struct vmwalk_extent *out)
{
	struct vmwalk_walk walk;

	for (size_t i = 0; i < pages; i++) {
		vw_ok(vw_walk(dev.fd, (uintptr_t)at + i * PAGE, &walk));
		out[i] = (struct vmwalk_extent){
			.start = walk.addr,
			.pfn = walk.pfn,
			.pages = 1,
			.flags = walk.state,
			.page_shift = walk.page_shift,
			.node = node_of(at + i * PAGE),
		};
	}
}

/* Model of SCAN as documented in the uapi header. Returns the extents. */
static size_t model_scan(const struct vmwalk_scan *scan, const struct vmwalk_extent *pages,
			 size_t count, struct vmwalk_extent *out, __u64 *next)
{
	__u64 left = scan->max_pages ?: ~0ULL;
	size_t filled = 0;

	*next = scan->end;
	for (size_t i = 0; i < count; i++) {
		struct vmwalk_extent page = pages[i], *last = &out[filled - 1];

		if (page.start < scan->start || page.start >= scan->end || !page.flags ||
		    !is_selected(scan, page.flags))
			continue;
		page.flags &= scan->return_mask;
		if (left && filled && last->start + last->pages * PAGE == page.start &&
		    last->flags == page.flags && last->node == page.node &&
		    (last->pfn ? last->pfn + last->pages : 0) == page.pfn) {
			last->pages++;
			if (page.page_shift < last->page_shift)
				last->page_shift = page.page_shift;
		} else if (left && filled < scan->vec_len) {
			out[filled++] = page;
		} else {
			*next = page.start;
			break;
		}
		left--;
	}
	return filled;
}

static void print_extent(const char *what, const struct vmwalk_extent *extent)
{
	print_message("# %s 0x%llx: pfn 0x%llx pages %llu flags 0x%x shift %u node %d\n", what,
		      extent->start, extent->pfn, extent->pages, extent->flags,
		      extent->page_shift, extent->node);
}

VW_TEST(random_scans_match_the_model)
{
	static struct vmwalk_extent pages[VW_MIXED_MAX], want[VW_MIXED_MAX], got[VW_MIXED_MAX];
	static const __u64 categories[] = {
		0, VMWALK_WRITE, VMWALK_ZERO, VMWALK_HUGE, VMWALK_DIRTY,
	};
	struct vmwalk_scan scan;
	__u64 next, gone;
	size_t count;
	char *at;

	dev = vw_device_make();
	for (int round = 0; round < 20; round++) {
		at = random_region();
		walk_pages(at, VW_MIXED, pages);
		for (int i = 0; i < 200; i++) {
			size_t from = random_bits() % VW_MIXED, to = random_bits() % VW_MIXED;

			if (i % 4 == 0) {
				from = 0;
				to = VW_MIXED;
			}
			scan = vw_scan_args((uintptr_t)at + (from < to ? from : to) * PAGE,
					    (uintptr_t)at + (from < to ? to : from) * PAGE);
			scan.vec_len = i % 3 ? random_bits() % 300 + 1 : VW_MIXED;
			scan.max_pages = i % 5 ? 0 : random_bits() % 600;
			if (i % 2)
				scan.category_mask = categories[random_bits() % COUNT(categories)];
			if (i % 7 == 0)
				scan.category_inverted = scan.category_mask;
			if (i % 11 == 0)
				scan.return_mask = random_bits() & VMWALK_STATE_ALL;
			memset(got, 0xa5, sizeof(got));
			count = model_scan(&scan, pages, VW_MIXED, want, &next);
			scan.flags = i / 2 % 2 ? VMWALK_SCAN_TO_BUFFER : 0;
			scan.vec = scan.flags ? 0 : (uintptr_t)got;
			vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan), count);
			if (scan.flags)
				vw_expect(vw_sys(pread(dev.fd, got, count * sizeof(*got), 0)),
					  count * sizeof(*got));
			for (size_t j = 0; j < count; j++) {
				if (!memcmp(&got[j], &want[j], sizeof(*got)))
					continue;
				print_extent("got", &got[j]);
				print_extent("wanted", &want[j]);
				vw_fail("round %d.%d: extent %zu of %zu differs", round, i, j,
					count);
			}
			/* walk_end is between the last extent and the next. */
			gone = count ? want[count - 1].start + want[count - 1].pages * PAGE :
				       scan.start;
			if (scan.walk_end < gone || scan.walk_end > next)
				vw_fail("round %d.%d: walk_end 0x%llx is not in 0x%llx-0x%llx",
					round, i, scan.walk_end, gone, next);
		}
		munmap(at, VW_MIXED * PAGE);
	}
}

VW_TEST(node_is_the_node_of_the_page)
{
	char *at = vw_anon(64 * PAGE);
	struct vw_extents extents;
	struct vmwalk_scan scan;

	dev = vw_device_make();
	if (!vw_exists("/sys/devices/system/node/node1"))
		vw_skip("this machine has one NUMA node only");
	madvise(at, 64 * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < 64; i++) {
		unsigned long nodes = i / 4 % 2 + 1;

		vw_ok(vw_sys(syscall(SYS_mbind, at + i * PAGE, PAGE, MPOL_BIND, &nodes, 64, 0)));
		if (i % 8)
			vw_poke(at + i * PAGE, 1);
		else
			vw_peek(at + i * PAGE);
	}
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + 64 * PAGE);
	vw_ok(vw_scan_all(dev.fd, &scan, 64, &extents));
	for (size_t i = 0; i < 64; i++) {
		const struct vmwalk_extent *extent = vw_extent_at(&extents, at + i * PAGE);

		assert_non_null(extent);
		/* The zero page has no node. */
		vw_expect(extent->node, i % 8 ? (int)(i / 4 % 2) : -1);
		vw_expect(extent->node, node_of(at + i * PAGE));
	}
	vw_extents_free(&extents);
}

VW_TEST(a_scan_may_start_and_end_inside_a_huge_page)
{
	struct vmwalk_extent extent;
	struct vmwalk_scan scan;
	char *at;

	dev = vw_device_make();
	at = vw_huge_page(true);
	for (size_t from = 0; from < 512; from += 101) {
		for (size_t to = from + 1; to <= 512; to += 97) {
			scan = vw_scan_args((uintptr_t)at + from * PAGE,
					    (uintptr_t)at + to * PAGE);
			scan.vec = (uintptr_t)&extent;
			scan.vec_len = 1;
			vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan), 1);
			assert_int_equal(scan.walk_end, scan.end);
			assert_int_equal(extent.start, scan.start);
			assert_int_equal(extent.pages, to - from);
			assert_int_equal(extent.pfn, vw_pfn(at + from * PAGE));
			assert_int_equal(vw_level_shift(extent.page_shift), PMD_SHIFT);
		}
	}
}

VW_TEST(a_scan_writes_no_element_beyond_vec_len)
{
	struct vmwalk_extent vec[8], untouched;
	struct vmwalk_scan scan;
	char *at;
	int rc;

	dev = vw_device_make();
	at = vw_mixed_region(PATTERN);
	for (int vec_len = 1; vec_len < 8; vec_len++) {
		memset(vec, 0xa5, sizeof(vec));
		untouched = vec[7];
		scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + VW_MIXED * PAGE);
		scan.vec = (uintptr_t)vec;
		scan.vec_len = vec_len;
		rc = vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan);
		vw_expect(rc, vec_len);
		for (int i = rc; i < 8; i++)
			assert_memory_equal(&vec[i], &untouched, sizeof(untouched));
		assert_true(scan.walk_end >= vec[rc - 1].start + vec[rc - 1].pages * PAGE);
		assert_true(scan.walk_end < scan.end);
	}
}

VW_TEST(a_scan_of_64_gib_finds_its_few_pages)
{
	const size_t step = 64 * MIB + 13 * PAGE;
	struct vw_extents extents;
	struct vmwalk_scan scan;
	size_t found = 0;
	char *at;

	dev = vw_device_make();
	at = vw_anon_aligned(64 * GIB, PMD_SIZE);
	madvise(at, 64 * GIB, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < 64 * GIB; i += step)
		vw_poke(at + i, 1);
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + 64 * GIB);
	vw_ok(vw_scan_all(dev.fd, &scan, 64, &extents));
	for (size_t i = 0; i < 64 * GIB; i += step) {
		assert_true(found < extents.count);
		assert_int_equal(extents.extent[found].start, (uintptr_t)at + i);
		assert_int_equal(extents.extent[found].pages, 1);
		found++;
	}
	assert_int_equal(found, extents.count);
	vw_extents_free(&extents);
}

VW_TEST(extents_merge_where_pfns_are_contiguous)
{
	struct vw_extents extents;
	struct vmwalk_scan scan;
	char *at, *map;

	dev = vw_device_make();
	/* Two adjacent huge pages merge if their PFNs are contiguous. */
	at = vw_anon_aligned(2 * PMD_SIZE, PMD_SIZE);
	madvise(at, 2 * PMD_SIZE, MADV_HUGEPAGE);
	memset(at, 1, 2 * PMD_SIZE);
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + 2 * PMD_SIZE);
	vw_ok(vw_scan_all(dev.fd, &scan, 4096, &extents));
	expect_merged(&extents);
	assert_int_equal(extents.pages, 1024);
	vw_extents_free(&extents);
	close(dev.fd);
	vw_ok(vw_rmdir("t"));

	/* A contiguous buffer is one extent; a hole splits it. */
	dev = vw_device_make_with("buffer_type", "kmalloc", "map_mode", "remap", NULL);
	map = vw_map(dev.fd, 16 * PAGE, 0, RW, MAP_SHARED);
	scan = vw_scan_args((uintptr_t)map, (uintptr_t)map + 16 * PAGE);
	vw_ok(vw_scan_all(dev.fd, &scan, 16, &extents));
	assert_int_equal(extents.count, 1);
	assert_int_equal(extents.extent[0].pages, 16);
	vw_extents_free(&extents);
	munmap(map + 5 * PAGE, PAGE);
	vw_ok(vw_scan_all(dev.fd, &scan, 16, &extents));
	assert_int_equal(extents.count, 2);
	assert_int_equal(extents.extent[0].pages, 5);
	assert_int_equal(extents.extent[1].pages, 10);
	vw_extents_free(&extents);

	/* Different flags split an extent, unless return_mask excludes them. */
	mprotect(map + 10 * PAGE, 2 * PAGE, PROT_READ);
	scan.start = (uintptr_t)map + 6 * PAGE;
	vw_ok(vw_scan_all(dev.fd, &scan, 16, &extents));
	assert_int_equal(extents.count, 3);
	vw_extents_free(&extents);
	scan.return_mask = VMWALK_PRESENT | VMWALK_USER;
	vw_ok(vw_scan_all(dev.fd, &scan, 16, &extents));
	assert_int_equal(extents.count, 1);
	vw_extents_free(&extents);
}

/* Offset of two chunks of a buffer of type huge with contiguous PFNs. */
static size_t find_contiguous_chunks(size_t size)
{
	__u64 *frames = calloc(size / PAGE, sizeof(*frames));
	char *map = vw_map(dev.fd, size, 0, RW, MAP_SHARED);
	size_t at = size;

	assert_non_null(frames);
	vw_touch(map, size);
	vw_frames(0, map, size / PAGE, frames);
	for (size_t i = 0; at == size && i + 1023 < size / PAGE; i += 512) {
		if (frames[i] && frames[i] + 512 == frames[i + 512])
			at = i * PAGE;
	}
	munmap(map, size);
	free(frames);
	if (at == size)
		vw_skip("no two chunks of the buffer are physically contiguous");
	return at;
}

/* Map a window of the buffer so that PMD mappings fit, and touch all pages. */
static char *map_by_pmds(size_t offset, size_t len)
{
	char *at = vw_anon_aligned(ALIGN_UP(len, PMD_SIZE) + PMD_SIZE, PMD_SIZE);

	at += offset % PMD_SIZE;
	assert_ptr_equal(mmap(at, len, RW, MAP_SHARED | MAP_FIXED, dev.fd, offset), at);
	vw_touch(at, len);
	return at;
}

/* Without HUGE in return_mask one extent, with HUGE one for each page size. */
static void expect_parts(const char *at, const size_t *pages, const int *shifts, size_t count)
{
	const __u64 common = VMWALK_PRESENT | VMWALK_WRITE | VMWALK_USER;
	struct vw_extents extents;
	struct vmwalk_scan scan;
	size_t all = 0, huge = 0;

	for (size_t i = 0; i < count; i++) {
		all += pages[i];
		huge += shifts[i] > (int)PAGE_SHIFT ? pages[i] : 0;
	}
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + all * PAGE);
	scan.return_mask = common;
	for (size_t vec_len = 1; vec_len < 4; vec_len++) {
		vw_ok(vw_scan_all(dev.fd, &scan, vec_len, &extents));
		vw_expect(extents.calls, 1);
		vw_expect(extents.count, 1);
		vw_expect(extents.extent[0].pages, all);
		vw_expect(vw_level_shift(extents.extent[0].page_shift), PAGE_SHIFT);
		vw_expect(extents.extent[0].flags, common);
		vw_extents_free(&extents);
	}

	/* max_pages at the boundary, one before it and one after it. */
	for (size_t i = 0; i < 3; i++) {
		scan.max_pages = pages[0] - 1 + i;
		vw_ok(vw_scan_all(dev.fd, &scan, 4, &extents));
		vw_expect(extents.pages, all);
		vw_expect(extents.extent[0].pages, scan.max_pages);
		vw_expect(vw_level_shift(extents.extent[0].page_shift),
			  scan.max_pages > pages[0] ? (int)PAGE_SHIFT : shifts[0]);
		vw_extents_free(&extents);
	}
	scan.max_pages = 0;

	scan.return_mask |= VMWALK_HUGE;
	vw_ok(vw_scan_all(dev.fd, &scan, 8, &extents));
	vw_expect(extents.count, count);
	for (size_t i = 0; i < count; i++) {
		vw_expect(extents.extent[i].pages, pages[i]);
		vw_expect(vw_level_shift(extents.extent[i].page_shift), shifts[i]);
		vw_expect(extents.extent[i].flags,
			  common | (shifts[i] > (int)PAGE_SHIFT ? VMWALK_HUGE : 0));
	}
	vw_extents_free(&extents);

	/* As a category: extents do not merge across excluded pages. */
	scan.return_mask = common;
	scan.category_mask = VMWALK_HUGE;
	vw_ok(vw_scan_all(dev.fd, &scan, 8, &extents));
	vw_expect(extents.pages, huge);
	for (size_t i = 0; i < extents.count; i++)
		vw_expect(vw_level_shift(extents.extent[i].page_shift), PMD_SHIFT);
	vw_extents_free(&extents);
	scan.category_inverted = VMWALK_HUGE;
	vw_ok(vw_scan_all(dev.fd, &scan, 8, &extents));
	vw_expect(extents.pages, all - huge);
	for (size_t i = 0; i < extents.count; i++)
		vw_expect(vw_level_shift(extents.extent[i].page_shift), PAGE_SHIFT);
	vw_extents_free(&extents);
}

VW_TEST(huge_and_small_pages_merge_where_pfns_are_contiguous)
{
	const size_t size = 64 * MIB;
	struct vmwalk_walk walk;
	size_t first;
	char *at;

	dev = vw_device_make_with("buffer_type", "huge", "map_mode", "fault", "size", "64M", NULL);
	first = find_contiguous_chunks(size);

	at = map_by_pmds(first + MIB, PMD_SIZE + MIB);
	expect_parts(at, (size_t[]){ 256, 512 }, (int[]){ PAGE_SHIFT, PMD_SHIFT }, 2);
	munmap(at, PMD_SIZE + MIB);

	at = map_by_pmds(first, PMD_SIZE + MIB);
	expect_parts(at, (size_t[]){ 512, 256 }, (int[]){ PMD_SHIFT, PAGE_SHIFT }, 2);
	munmap(at, PMD_SIZE + MIB);

	/* Two whole chunks: still huge, in one extent. */
	at = map_by_pmds(first, 2 * PMD_SIZE);
	vw_ok(vw_walk(dev.fd, (uintptr_t)at, &walk));
	vw_expect_valid_walk(&walk, dev.levels);
	vw_expect(walk.state & (VMWALK_PRESENT | VMWALK_HUGE | VMWALK_SWAP | VMWALK_MIGRATION),
		  VMWALK_PRESENT | VMWALK_HUGE);
	vw_expect(vw_level_shift(walk.page_shift), PMD_SHIFT);
	for (int apart = 0; apart < 2; apart++) {
		struct vmwalk_scan scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + 2 * PMD_SIZE);
		struct vmwalk_extent extent;

		scan.return_mask = VMWALK_PRESENT | (apart ? VMWALK_HUGE : 0);
		scan.vec = (uintptr_t)&extent;
		scan.vec_len = 1;
		vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan), 1);
		vw_expect(extent.pages, 1024);
		vw_expect(vw_level_shift(extent.page_shift), PMD_SHIFT);
	}
}

VW_TEST(extents_merge_across_table_boundaries)
{
	const __u64 boundaries[] = { 17 * PMD_SIZE, 5 * GIB, 3 * 512 * GIB };
	struct vw_extents extents;
	struct vmwalk_scan scan;
	char *at;

	dev = vw_device_make_with("buffer_type", "kmalloc", "map_mode", "fault", "size", "2M",
				  NULL);
	for (size_t i = 0; i < COUNT(boundaries); i++) {
		/* One page off, so that no PMD mapping fits. */
		at = vw_pointer(boundaries[i] - 512 * KIB - PAGE);
		if (mmap(at, PMD_SIZE, RW, MAP_SHARED | MAP_FIXED_NOREPLACE, dev.fd, 0) != at) {
			print_message("# 0x%llx is already mapped\n", boundaries[i]);
			continue;
		}
		for (size_t j = 0; j < PMD_SIZE; j += PAGE)
			vw_peek(at + j);
		scan = vw_scan_args((uintptr_t)at - MIB, (uintptr_t)at + 3 * MIB);
		scan.return_mask = VMWALK_PRESENT | VMWALK_HUGE;
		vw_ok(vw_scan_all(dev.fd, &scan, 16, &extents));
		vw_expect(extents.count, 1);
		vw_expect(extents.extent[0].start, (uintptr_t)at);
		vw_expect(extents.extent[0].pages, 512);
		vw_expect(vw_level_shift(extents.extent[0].page_shift), PAGE_SHIFT);
		vw_extents_free(&extents);
		munmap(at, PMD_SIZE);
	}
}

/* --- Results in the buffer ------------------------------------------------ */

VW_TEST_TYPICAL(to_buffer_stores_the_same_extents)
{
	const size_t offsets[] = { 0, 8, 24, PAGE - 8, PAGE, 3 * PAGE + 40 };
	char before[BUFFER], after[BUFFER], *map, *at;
	struct vmwalk_extent vec[300];
	struct vmwalk_scan scan;
	int rc;

	dev = vw_device_make_combo(combo, BUFFER, "letters");
	at = vw_mixed_region(PATTERN);
	map = vw_map(dev.fd, BUFFER, 0, RW, MAP_SHARED);
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + VW_MIXED * PAGE);
	scan.vec = (uintptr_t)vec;
	scan.vec_len = COUNT(vec);
	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan), COUNT(vec));
	for (size_t i = 0; i < COUNT(offsets); i++) {
		struct vmwalk_scan into = scan;

		vw_expect(vw_sys(pread(dev.fd, before, BUFFER, 0)), BUFFER);
		into.flags = VMWALK_SCAN_TO_BUFFER;
		into.vec = offsets[i];
		into.walk_end = 0;
		rc = vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &into);
		vw_expect(rc, COUNT(vec));
		assert_int_equal(into.walk_end, scan.walk_end);
		assert_memory_equal(map + offsets[i], vec, sizeof(vec));
		vw_expect(vw_sys(pread(dev.fd, after, BUFFER, 0)), BUFFER);
		memcpy(before + offsets[i], vec, sizeof(vec));
		assert_memory_equal(before, after, BUFFER);
	}
}

VW_TEST(to_buffer_can_fill_the_buffer_to_the_last_byte)
{
	const size_t slots = BUFFER / sizeof(struct vmwalk_extent);
	struct vmwalk_extent last, one;
	struct vmwalk_scan scan;
	char *at;

	dev = vw_device_make();
	at = vw_anon(PAGE);
	vw_poke(at, 1);
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + PAGE);
	scan.vec = (uintptr_t)&one;
	scan.vec_len = 1;
	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan), 1);
	scan.flags = VMWALK_SCAN_TO_BUFFER;
	scan.vec = BUFFER - sizeof(one);
	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan), 1);
	vw_expect(vw_sys(pread(dev.fd, &last, sizeof(last), BUFFER - sizeof(one))), sizeof(last));
	assert_memory_equal(&last, &one, sizeof(one));
	scan.vec = 0;
	scan.vec_len = slots;
	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan), 1);
	vw_expect(vw_sys(pread(dev.fd, &last, sizeof(last), 0)), sizeof(last));
	assert_memory_equal(&last, &one, sizeof(one));
}

VW_TEST(to_buffer_can_scan_a_mapping_of_the_buffer)
{
	struct vmwalk_extent found;
	struct vmwalk_scan scan;
	char *map;
	int rc;

	dev = vw_device_make();
	map = vw_map(dev.fd, BUFFER, 0, RW, MAP_SHARED);
	memset(map, 0, BUFFER);
	scan = vw_scan_args((uintptr_t)map, (uintptr_t)map + BUFFER);
	scan.flags = VMWALK_SCAN_TO_BUFFER;
	scan.vec = 8 * PAGE;
	scan.vec_len = 16;
	rc = vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan);
	assert_true(rc >= 1 && rc <= 16);
	memcpy(&found, map + 8 * PAGE, sizeof(found));
	assert_int_equal(found.start, (uintptr_t)map);
	assert_int_equal(found.pfn, vw_pfn(map));
}

/* --- Page migration ------------------------------------------------------- */

struct mover {
	char *at;
	size_t pages;
	bool stop;
	long moved;
};

static void *migrate_back_and_forth(void *arg)
{
	struct mover *mover = arg;
	void *pages[256];
	int nodes[256], status[256];

	for (size_t i = 0; i < mover->pages; i++)
		pages[i] = mover->at + i * PAGE;
	for (int to = 0; !__atomic_load_n(&mover->stop, __ATOMIC_RELAXED); to = !to) {
		for (size_t i = 0; i < mover->pages; i++)
			nodes[i] = to;
		/* MPOL_MF_MOVE */
		if (!syscall(SYS_move_pages, 0, mover->pages, pages, nodes, status, 2))
			mover->moved++;
	}
	return NULL;
}

VW_TEST(migrating_pages_are_never_missed)
{
	struct mover mover = { .pages = 256 };
	__u64 end = vw_now() + 3 * SECOND, moving = 0, scans = 0;
	struct vw_extents extents;
	struct vmwalk_scan scan;
	pthread_t thread;

	dev = vw_device_make();
	if (!vw_exists("/sys/devices/system/node/node1"))
		vw_skip("this machine has one NUMA node only");
	mover.at = vw_anon_aligned(PMD_SIZE, PMD_SIZE);
	madvise(mover.at, PMD_SIZE, MADV_NOHUGEPAGE);
	memset(mover.at, 1, mover.pages * PAGE);
	scan = vw_scan_args((uintptr_t)mover.at, (uintptr_t)mover.at + mover.pages * PAGE);
	assert_int_equal(pthread_create(&thread, NULL, migrate_back_and_forth, &mover), 0);
	while (vw_now() < end) {
		vw_ok(vw_scan_all(dev.fd, &scan, 512, &extents));
		if (extents.pages != mover.pages) {
			__atomic_store_n(&mover.stop, true, __ATOMIC_RELAXED);
			pthread_join(thread, NULL);
			vw_fail("only %llu of %zu pages were found", extents.pages, mover.pages);
		}
		for (size_t i = 0; i < extents.count; i++) {
			__u32 flags = extents.extent[i].flags;

			assert_true(!(flags & VMWALK_PRESENT) == !!(flags & VMWALK_MIGRATION));
			assert_false(flags & VMWALK_SWAP);
			assert_true(!(flags & VMWALK_PRESENT) == !extents.extent[i].pfn);
			moving += flags & VMWALK_MIGRATION ? extents.extent[i].pages : 0;
		}
		scans++;
		vw_extents_free(&extents);
	}
	__atomic_store_n(&mover.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	print_message("# %llu scans found %llu migration entries, in %ld moves\n", scans, moving,
		      mover.moved);
	if (!mover.moved)
		vw_skip("no page could be migrated");
}
