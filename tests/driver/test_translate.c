// SPDX-License-Identifier: GPL-2.0
/*
 * TRANSLATE: many addresses in any order. Each result must match WALK and SCAN.
 * Targets may exit or exec during a call.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"

#define ABSENT	(VMWALK_SWAP | VMWALK_MIGRATION)

static struct vw_device dev;

static __u32 random_bits(void)
{
	static __u64 seed = 4;

	return vw_random(&seed);
}

static struct vmwalk_translation *new_vec(size_t len)
{
	struct vmwalk_translation *vec = vw_anon(ALIGN_UP(len * sizeof(*vec), PAGE));

	/* Shows which elements the driver has not written. */
	memset(vec, 0xa5, len * sizeof(*vec));
	return vec;
}

/* Translate an address by WALK and SCAN. */
static struct vmwalk_translation walk_and_scan(__u64 addr)
{
	struct vmwalk_translation wanted = { .addr = addr, .node = -1 };
	__u64 page = addr & ~(PAGE - 1);
	struct vmwalk_extent extent;
	struct vmwalk_scan scan;
	struct vmwalk_walk walk;

	if (addr >= vw_user_end())
		return wanted;
	vw_ok(vw_walk(dev.fd, addr, &walk));
	wanted.phys = walk.phys;
	wanted.state = walk.state;
	wanted.page_shift = walk.page_shift;
	scan = vw_scan_args(page, page + PAGE);
	scan.vec = (uintptr_t)&extent;
	scan.vec_len = 1;
	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan), !!walk.state);
	if (walk.state) {
		assert_int_equal(extent.flags, walk.state);
		wanted.node = extent.node;
	}
	return wanted;
}

static void expect_same_at(const char *file, int line, const struct vmwalk_translation *got,
			   const struct vmwalk_translation *wanted)
{
	if (got->addr != wanted->addr || got->phys != wanted->phys ||
	    got->state != wanted->state || got->page_shift != wanted->page_shift ||
	    got->node != wanted->node)
		vw_fail_at(file, line, "0x%llx: 0x%llx 0x%x %u %d, not 0x%llx: 0x%llx 0x%x %u %d",
			   got->addr, got->phys, got->state, got->page_shift, got->node,
			   wanted->addr, wanted->phys, wanted->state, wanted->page_shift,
			   wanted->node);
}

#define expect_same(got, wanted)	expect_same_at(__FILE__, __LINE__, got, wanted)

/* --- All kinds of pages --------------------------------------------------- */

/* An address with a known page. */
struct known {
	const char *what;
	__u64 addr;
	__u32 must;
	__u32 mustnt;
	int shift;			/* 0: any */
};

static struct known known[64];
static size_t nr_known;

static void note(const char *what, const void *addr, __u32 must, __u32 mustnt, int shift)
{
	assert_true(nr_known < COUNT(known));
	known[nr_known++] = (struct known){ what, (uintptr_t)addr, must, mustnt, shift };
}

static __u32 shift_at(const void *addr)
{
	struct vmwalk_walk walk;

	vw_ok(vw_walk(dev.fd, (uintptr_t)addr, &walk));
	return vw_level_shift(walk.page_shift);
}

static void note_huge_pages(void)
{
	static char *kept[2];		/* free hugetlb pages are few */
	char *at = vw_anon_aligned(PMD_SIZE, PMD_SIZE);

	madvise(at, PMD_SIZE, MADV_HUGEPAGE);
	vw_poke(at, 1);
	if (shift_at(at) == PMD_SHIFT) {
		note("a transparent huge page", at, VMWALK_PRESENT | VMWALK_HUGE | VMWALK_WRITE,
		     ABSENT | VMWALK_HUGETLB | VMWALK_ZERO | VMWALK_FILE, PMD_SHIFT);
		note("its middle", at + MIB + 5 * PAGE + 77, VMWALK_PRESENT | VMWALK_HUGE, ABSENT,
		     PMD_SHIFT);
		note("its last byte", at + PMD_SIZE - 1, VMWALK_PRESENT | VMWALK_HUGE, ABSENT,
		     PMD_SHIFT);
	} else {
		print_message("# no transparent huge page could be allocated\n");
	}

	at = vw_anon_aligned(PMD_SIZE, PMD_SIZE);
	madvise(at, PMD_SIZE, MADV_HUGEPAGE);
	vw_peek(at);
	if (shift_at(at) == PMD_SHIFT)
		note("the huge zero page", at + 3 * PAGE + 9,
		     VMWALK_PRESENT | VMWALK_HUGE | VMWALK_ZERO,
		     ABSENT | VMWALK_WRITE | VMWALK_FILE, PMD_SHIFT);
	else
		print_message("# this kernel maps no huge zero page\n");

	for (int i = 0; i < 2; i++) {
		size_t size = i ? PUD_SIZE : PMD_SIZE;

		if (!kept[i])
			kept[i] = mmap(NULL, size, RW, ANON | (i ? HUGE_PUD : HUGE_PMD), -1, 0);
		at = kept[i];
		if (at == MAP_FAILED) {
			print_message("# no free hugetlb page of %zu bytes\n", size);
			continue;
		}
		vw_poke(at, 1);
		note("a hugetlb page", at, VMWALK_PRESENT | VMWALK_HUGE | VMWALK_HUGETLB,
		     ABSENT | VMWALK_ZERO, i ? PUD_SHIFT : PMD_SHIFT);
		note("its last byte", at + size - 1,
		     VMWALK_PRESENT | VMWALK_HUGE | VMWALK_HUGETLB, ABSENT,
		     i ? PUD_SHIFT : PMD_SHIFT);
	}
	at = mmap(NULL, PMD_SIZE, RW, ANON | HUGE_PMD, -1, 0);
	if (at != MAP_FAILED)
		note("an untouched hugetlb page", at + 4 * PAGE, 0, ~0U, 0);
}

static void note_small_pages(void)
{
	char *at = vw_anon_aligned(PMD_SIZE, PMD_SIZE);

	madvise(at, PMD_SIZE, MADV_NOHUGEPAGE);
	memset(at, 1, 8 * PAGE);
	note("a written page", at, VMWALK_PRESENT | VMWALK_WRITE | VMWALK_USER | VMWALK_DIRTY,
	     ABSENT | VMWALK_EXEC | VMWALK_FILE | VMWALK_ZERO | VMWALK_HUGE, PAGE_SHIFT);
	note("the next page", at + PAGE + 1, VMWALK_PRESENT | VMWALK_WRITE, ABSENT, PAGE_SHIFT);
	mprotect(at + 2 * PAGE, PAGE, PROT_READ);
	note("a read-only page", at + 2 * PAGE, VMWALK_PRESENT, ABSENT | VMWALK_WRITE, PAGE_SHIFT);
	mprotect(at + 3 * PAGE, 2 * PAGE, PROT_NONE);
	note("a PROT_NONE page", at + 3 * PAGE, VMWALK_PRESENT | VMWALK_PROTNONE, ABSENT,
	     PAGE_SHIFT);
	note("a page after the PROT_NONE pages", at + 6 * PAGE, VMWALK_PRESENT | VMWALK_WRITE,
	     ABSENT | VMWALK_PROTNONE, PAGE_SHIFT);
	vw_peek(at + 8 * PAGE);
	note("the zero page", at + 8 * PAGE + 3, VMWALK_PRESENT | VMWALK_ZERO,
	     VMWALK_WRITE | VMWALK_FILE, PAGE_SHIFT);
	note("an untouched page", at + 9 * PAGE, 0, ~0U, PAGE_SHIFT);
	note("an untouched page far from others", at + MIB, 0, ~0U, PAGE_SHIFT);

	at = vw_anon_aligned(PMD_SIZE, PMD_SIZE);
	madvise(at, PMD_SIZE, MADV_NOHUGEPAGE);
	note("a mapping without pages", at, 0, ~0U, 0);
	/* Far from the addresses that the kernel chooses. */
	at = mmap(vw_pointer(0x100000000000UL), PMD_SIZE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	vw_poke(at + PAGE, 1);
	munmap(at, PMD_SIZE);
	note("an unmapped page", at + PAGE, 0, ~0U, 0);
	note("address 0", NULL, 0, ~0U, 0);
	note("an address far from any mapping", vw_pointer(1UL << 40), 0, ~0U, 0);
	note("the last address of user space", vw_pointer(vw_user_end() - 1), 0, 0, 0);

	at = vw_anon(4 * PAGE);
	memset(at, 1, 4 * PAGE);
	if (vw_swap_out(at, 2 * PAGE))
		note("a swapped page", at + PAGE + 8, VMWALK_SWAP, VMWALK_PRESENT, PAGE_SHIFT);
	else
		print_message("# the page could not be swapped out\n");
}

static void note_files(void)
{
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC), remapped;
	char *at;

	assert_true(file >= 0 && !ftruncate(file, 4 * PAGE));
	at = vw_map(file, 4 * PAGE, 0, RW, MAP_SHARED);
	vw_poke(at, 1);
	note("a page of a file", at, VMWALK_PRESENT | VMWALK_FILE | VMWALK_WRITE, ABSENT,
	     PAGE_SHIFT);
	at = vw_map(file, 4 * PAGE, 0, RW, MAP_PRIVATE);
	vw_peek(at);
	vw_poke(at + PAGE, 1);
	note("a page of a private file mapping", at, VMWALK_PRESENT | VMWALK_FILE,
	     ABSENT | VMWALK_WRITE, PAGE_SHIFT);
	note("a private copy", at + PAGE, VMWALK_PRESENT | VMWALK_WRITE, ABSENT | VMWALK_FILE,
	     PAGE_SHIFT);
	note("program code", (void *)note_files, VMWALK_PRESENT | VMWALK_EXEC | VMWALK_FILE,
	     ABSENT | VMWALK_WRITE, PAGE_SHIFT);
	close(file);

	remapped = vw_open_rw(vw_make("r", "size", vw_pages_text(16), "map_mode", "remap", NULL));
	at = vw_map(remapped, 64 * KIB, 0, RW, MAP_SHARED);
	note("a PFN mapping", at + 7 * PAGE + 4095, VMWALK_PRESENT | VMWALK_SPECIAL | VMWALK_WRITE,
	     ABSENT | VMWALK_FILE | VMWALK_ZERO, PAGE_SHIFT);
}

static void note_all_pages(void)
{
	nr_known = 0;
	note_small_pages();
	note_huge_pages();
	note_files();
	for (size_t i = 0; i < nr_known; i++) {
		const struct known *k = &known[i];
		struct vmwalk_translation is = walk_and_scan(k->addr);

		if ((is.state & k->must) != k->must || is.state & k->mustnt)
			vw_fail("WALK of %s: state 0x%x, must have 0x%x and not 0x%x", k->what,
				is.state, k->must, k->mustnt);
	}
}

/* The element must have the known page's state, and match WALK and SCAN. */
static void expect_known(const struct known *k, const struct vmwalk_translation *got)
{
	struct vmwalk_translation wanted = walk_and_scan(k->addr);

	if ((got->state & k->must) != k->must || got->state & k->mustnt)
		vw_fail("%s: state 0x%x, must have 0x%x and not 0x%x", k->what, got->state,
			k->must, k->mustnt);
	if (k->shift && (int)vw_level_shift(got->page_shift) != k->shift)
		vw_fail("%s: page_shift is %u, not %d", k->what, got->page_shift, k->shift);
	if (!(got->state & VMWALK_PRESENT) && got->phys)
		vw_fail("%s: not present, but phys is 0x%llx", k->what, got->phys);
	expect_same(got, &wanted);
}

VW_TEST(each_kind_of_page_is_translated_alone)
{
	struct vmwalk_translation *vec;

	dev = vw_device_make();
	note_all_pages();
	vec = new_vec(1);
	for (size_t i = 0; i < nr_known; i++) {
		vec->addr = known[i].addr;
		vw_ok(vw_translate(dev.fd, vec, 1));
		expect_known(&known[i], vec);
	}
}

VW_TEST(each_kind_of_page_is_translated_after_each_other)
{
	struct vmwalk_translation *vec;
	size_t len = 0;

	dev = vw_device_make();
	note_all_pages();
	vec = new_vec(nr_known * nr_known * 2);
	for (size_t i = 0; i < nr_known; i++) {
		for (size_t j = 0; j < nr_known; j++) {
			vec[len++].addr = known[i].addr;
			vec[len++].addr = known[j].addr;
		}
	}
	vw_ok(vw_translate(dev.fd, vec, len));
	len = 0;
	for (size_t i = 0; i < nr_known; i++) {
		for (size_t j = 0; j < nr_known; j++) {
			expect_known(&known[i], &vec[len++]);
			expect_known(&known[j], &vec[len++]);
		}
	}
}

VW_TEST(translating_faults_in_no_page)
{
	__u64 before[COUNT(known)];
	struct vmwalk_translation *vec;

	dev = vw_device_make();
	note_all_pages();
	vec = new_vec(nr_known);
	for (size_t i = 0; i < nr_known; i++) {
		vec[i].addr = known[i].addr;
		before[i] = vw_pagemap_one(0, vw_pointer(known[i].addr));
	}
	for (int round = 0; round < 3; round++)
		vw_ok(vw_translate(dev.fd, vec, nr_known));
	for (size_t i = 0; i < nr_known; i++)
		assert_int_equal(vw_pagemap_one(0, vw_pointer(known[i].addr)), before[i]);
}

VW_TEST(addresses_beyond_user_space_are_empty)
{
	__u64 beyond[] = {
		vw_user_end(), vw_user_end() + 1, vw_user_end() + PAGE, 1ULL << 56, 1ULL << 57,
		1ULL << 62, 1ULL << 63, (1ULL << 63) - 1, 0xff11000000000000, 0xffff800000000000,
		0xffff888000000000, 0xffffea0000000000, 0xffffffff81000000, 0xffffffffff600000,
		~0ULL - 4096, ~0ULL - 4095, ~0ULL - 1, ~0ULL,
	};
	struct vmwalk_translation *vec, wanted, nothing = { .node = -1 };
	char *at;

	dev = vw_device_make();
	at = vw_anon(PAGE);
	vw_poke(at, 1);
	wanted = walk_and_scan((uintptr_t)at + 9);
	assert_true(wanted.state & VMWALK_PRESENT);
	for (size_t i = 0; i < COUNT(beyond); i++) {
		if (!vw_is_beyond_user_space(beyond[i]))
			beyond[i] = vw_user_end();
	}
	vec = new_vec(2 * COUNT(beyond) + 1);
	for (size_t i = 0; i < COUNT(beyond); i++) {
		vec[2 * i].addr = wanted.addr;
		vec[2 * i + 1].addr = beyond[i];
	}
	vec[2 * COUNT(beyond)].addr = wanted.addr;
	vw_ok(vw_translate(dev.fd, vec, 2 * COUNT(beyond) + 1));
	for (size_t i = 0; i < COUNT(beyond); i++) {
		expect_same(&vec[2 * i], &wanted);
		nothing.addr = beyond[i];
		expect_same(&vec[2 * i + 1], &nothing);
	}
	expect_same(&vec[2 * COUNT(beyond)], &wanted);
}

VW_TEST(phys_includes_the_offset_in_the_page)
{
	char *at, *huge;
	struct vmwalk_translation *vec;
	__u64 page = 0, phys = 0;
	size_t len = 0;

	dev = vw_device_make();
	at = vw_anon(2 * PAGE);
	madvise(at, 2 * PAGE, MADV_NOHUGEPAGE);
	memset(at, 1, 2 * PAGE);
	huge = vw_anon_aligned(PMD_SIZE, PMD_SIZE);
	madvise(huge, PMD_SIZE, MADV_HUGEPAGE);
	memset(huge, 1, PMD_SIZE);
	vec = new_vec(2 * PAGE + PMD_SIZE / 1021 + 1);
	for (size_t i = 0; i < 2 * PAGE; i++)
		vec[len++].addr = (uintptr_t)at + i;
	for (size_t i = 0; i < PMD_SIZE; i += 1021)
		vec[len++].addr = (uintptr_t)huge + i;
	vw_ok(vw_translate(dev.fd, vec, len));
	for (size_t i = 0; i < len; i++) {
		__u64 addr = i < 2 * PAGE ? (uintptr_t)at + i :
			     (uintptr_t)huge + (i - 2 * PAGE) * 1021;

		if (page != addr / PAGE) {
			page = addr / PAGE;
			phys = vw_pfn(vw_pointer(addr)) * PAGE;
		}
		assert_int_equal(vec[i].addr, addr);
		assert_int_equal(vec[i].phys, phys + addr % PAGE);
	}
}

/* --- Order of addresses --------------------------------------------------- */

#define PATTERN	"aaazaaz.npcpq..uuaawaaa.fsSf...."

VW_TEST(translations_match_a_scan)
{
	struct vmwalk_translation *vec;
	struct vw_extents extents;
	struct vmwalk_scan scan;
	char *at;

	dev = vw_device_make();
	at = vw_mixed_region(PATTERN);
	vec = new_vec(VW_MIXED);
	for (size_t i = 0; i < VW_MIXED; i++)
		vec[i].addr = (uintptr_t)at + i * PAGE + i;
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + VW_MIXED * PAGE);
	vw_ok(vw_scan_all(dev.fd, &scan, 4096, &extents));
	vw_ok(vw_translate(dev.fd, vec, VW_MIXED));
	for (size_t i = 0; i < VW_MIXED; i++) {
		const struct vmwalk_extent *extent = vw_extent_at(&extents, at + i * PAGE);
		struct vmwalk_translation wanted = {
			.addr = (uintptr_t)at + i * PAGE + i,
			.page_shift = vec[i].page_shift,
			.node = -1,
		};

		if (extent) {
			wanted.state = extent->flags;
			wanted.page_shift = extent->page_shift;
			wanted.node = extent->node;
			if (extent->flags & VMWALK_PRESENT)
				wanted.phys = extent->pfn * PAGE + wanted.addr - extent->start;
		}
		expect_same(&vec[i], &wanted);
	}
	vw_extents_free(&extents);
}

VW_TEST(any_order_of_addresses_gives_the_same_results)
{
	struct vmwalk_translation *sorted, *vec;
	size_t *order;
	char *at;

	dev = vw_device_make();
	at = vw_mixed_region(PATTERN);
	sorted = new_vec(VW_MIXED);
	vec = new_vec(2 * VW_MIXED);
	order = calloc(2 * VW_MIXED, sizeof(*order));
	assert_non_null(order);
	for (size_t i = 0; i < VW_MIXED; i++)
		sorted[i].addr = (uintptr_t)at + i * PAGE + i % PAGE;
	vw_ok(vw_translate(dev.fd, sorted, VW_MIXED));
	/* Compare some with WALK, so that equal errors don't go unnoticed. */
	for (size_t i = 0; i < VW_MIXED; i += 7) {
		struct vmwalk_translation wanted = walk_and_scan(sorted[i].addr);

		expect_same(&sorted[i], &wanted);
	}

	for (int kind = 0; kind < 6; kind++) {
		for (size_t i = 0; i < 2 * VW_MIXED; i++) {
			size_t to[] = {
				/* Each twice; backwards; far apart. */
				i / 2, 2 * VW_MIXED - 1 - i, i * 517,
				/* Random; one repeatedly; two page sizes. */
				random_bits(), i & 1 ? 2 : i / 2, random_bits() & 1 ? 0 : 2 * 512,
			};

			order[i] = to[kind] % VW_MIXED;
		}
		memset(vec, 0x5a, 2 * VW_MIXED * sizeof(*vec));
		for (size_t i = 0; i < 2 * VW_MIXED; i++)
			vec[i].addr = sorted[order[i]].addr;
		vw_ok(vw_translate(dev.fd, vec, 2 * VW_MIXED));
		for (size_t i = 0; i < 2 * VW_MIXED; i++)
			expect_same(&vec[i], &sorted[order[i]]);
	}
	free(order);
}

VW_TEST(vectors_of_any_length_are_filled_exactly)
{
	static const size_t lens[] = {
		1, 2, 3, 63, 64, 65, 127, 128, 129, 169, 170, 171, 172, 255, 256, 257, 340, 341,
		342, 511, 512, 513, 682, 683, 1023, 1024, 1025,
	};
	struct vmwalk_translation *sorted, *vec, untouched;
	char *at;

	dev = vw_device_make();
	at = vw_mixed_region(PATTERN);
	sorted = new_vec(VW_MIXED);
	vec = new_vec(VW_MIXED);
	untouched = vec[0];
	for (size_t i = 0; i < VW_MIXED; i++)
		sorted[i].addr = (uintptr_t)at + i * PAGE;
	vw_ok(vw_translate(dev.fd, sorted, VW_MIXED));
	for (size_t i = 0; i < COUNT(lens); i++) {
		memset(vec, 0xa5, VW_MIXED * sizeof(*vec));
		for (size_t j = 0; j < lens[i]; j++)
			vec[j].addr = sorted[j].addr;
		vw_ok(vw_translate(dev.fd, vec, lens[i]));
		assert_memory_equal(vec, sorted, lens[i] * sizeof(*vec));
		for (size_t j = lens[i]; j < VW_MIXED; j++)
			assert_memory_equal(&vec[j], &untouched, sizeof(untouched));
	}
}

VW_TEST(a_million_addresses_fit_into_one_call)
{
	const size_t million = 1000003, pages = 64 * MIB / PAGE;
	__u64 *entries = calloc(pages, sizeof(*entries)), began;
	struct vmwalk_translation *vec;
	size_t present = 0;
	char *at;

	dev = vw_device_make();
	assert_non_null(entries);
	at = vw_anon_aligned(pages * PAGE, PMD_SIZE);
	madvise(at, pages * PAGE / 2, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < pages; i += 3)
		vw_poke(at + i * PAGE, 1);
	vec = new_vec(million);
	for (size_t i = 0; i < million; i++)
		vec[i].addr = (uintptr_t)at + (random_bits() & (64 * MIB - 1));
	vw_expect(vw_pagemap(0, (uintptr_t)at, pages, entries), pages);
	began = vw_now();
	vw_ok(vw_translate(dev.fd, vec, million));
	print_message("# %llu ns an address\n", (vw_now() - began) / million);
	for (size_t i = 0; i < million; i++) {
		__u64 off = vec[i].addr - (uintptr_t)at, entry;

		assert_true(off < 64 * MIB);
		entry = entries[off / PAGE];
		present += !!(entry & PM_PRESENT);
		if (!(entry & PM_PRESENT) != !(vec[i].state & VMWALK_PRESENT) ||
		    vec[i].phys != (entry & PM_PRESENT ? PM_PFN(entry) * PAGE + off % PAGE : 0))
			vw_fail("0x%llx: phys 0x%llx, state 0x%x, but pagemap has 0x%llx",
				vec[i].addr, vec[i].phys, vec[i].state, entry);
	}
	assert_true(present > million / 4);
	free(entries);
}

VW_TEST(a_call_is_counted_as_one_walk)
{
	struct vmwalk_translation *vec;
	char *at = vw_anon(32 * PAGE);

	dev = vw_device_make();
	memset(at, 1, 32 * PAGE);
	vec = new_vec(32);
	for (size_t i = 0; i < 32; i++)
		vec[i].addr = (uintptr_t)at + i * PAGE;
	vw_ok(vw_translate(dev.fd, vec, 32));
	vw_expect_stat(dev.n, "walks", 1);
	vw_expect_stat(dev.n, "extents", 0);
	assert_true(vw_stat(dev.n, "walk_ns") > 0);
	vw_expect(vw_translate(dev.fd, vec, 0), -EINVAL);
	vw_expect_stat(dev.n, "walks", 1);
}

VW_TEST_TYPICAL(the_vector_may_be_in_a_mapping_of_the_device)
{
	struct vmwalk_translation *vec;
	char *at = vw_anon(PAGE);

	dev = vw_device_make_combo(combo, 64 * KIB, "zero");
	vw_poke(at, 1);
	vec = vw_map(dev.fd, 64 * KIB, 0, RW, MAP_SHARED);
	/* Translate elements of the vector itself, and another page. */
	for (size_t i = 0; i < 1000; i++)
		vec[i].addr = i % 3 ? (uintptr_t)&vec[i] : (uintptr_t)at;
	vw_ok(vw_translate(dev.fd, vec, 1000));
	for (size_t i = 0; i < 1000; i++) {
		struct vmwalk_translation wanted = walk_and_scan(i % 3 ? (uintptr_t)&vec[i] :
								   (uintptr_t)at);

		/* The call's writes to the vector may have set these flags. */
		vec[i].state |= VMWALK_ACCESSED | VMWALK_DIRTY | VMWALK_SOFT_DIRTY;
		wanted.state |= VMWALK_ACCESSED | VMWALK_DIRTY | VMWALK_SOFT_DIRTY;
		expect_same(&vec[i], &wanted);
	}
}

VW_TEST(node_is_the_node_of_the_page)
{
	struct vmwalk_translation *vec;
	char *at = vw_anon(64 * PAGE);
	int node;

	dev = vw_device_make();
	if (!vw_exists("/sys/devices/system/node/node1"))
		vw_skip("this machine has one NUMA node only");
	madvise(at, 64 * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < 64; i++) {
		unsigned long nodes = 1UL << i % 2;

		assert_int_equal(syscall(SYS_mbind, at + i * PAGE, PAGE, MPOL_BIND, &nodes, 64, 0),
				 0);
		if (i % 8 < 6)
			vw_poke(at + i * PAGE, 1);
	}
	vec = new_vec(64);
	for (size_t i = 0; i < 64; i++)
		vec[i].addr = (uintptr_t)at + i * PAGE;
	vw_ok(vw_translate(dev.fd, vec, 64));
	for (size_t i = 0; i < 64; i++) {
		node = -1;
		if (i % 8 < 6)
			assert_int_equal(syscall(SYS_get_mempolicy, &node, NULL, 0, at + i * PAGE,
						 MPOL_F_NODE | MPOL_F_ADDR), 0);
		assert_int_equal(vec[i].node, node);
	}
}

/* --- Entries with the same flags ------------------------------------------ */

#define SAME	64UL

static bool is_file(const struct vmwalk_translation *translation)
{
	return translation->state & VMWALK_FILE;
}

/*
 * A private file mapping maps the file's pages read-only and clean, and so is a
 * private copy after swap-in: only the page itself tells them apart.
 */
VW_TEST(file_pages_and_private_copies_are_distinguished)
{
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC);
	struct vmwalk_translation *vec;
	struct vw_extents extents;
	struct vmwalk_scan scan;
	size_t copies = 0;
	char *at;

	dev = vw_device_make();
	assert_true(file >= 0 && !ftruncate(file, SAME * PAGE));
	at = vw_map(file, SAME * PAGE, 0, RW, MAP_SHARED | MAP_POPULATE);
	at = vw_map(file, SAME * PAGE, 0, RW, MAP_PRIVATE);
	for (size_t i = 0; i < SAME; i += 4)
		vw_poke(at + i * PAGE, 1);
	for (size_t i = 0; i < SAME; i += 4) {
		if (!vw_swap_out(at + i * PAGE, PAGE))
			vw_skip("the page could not be swapped out");
	}
	for (size_t i = 0; i < SAME; i++)
		vw_peek(at + i * PAGE);

	vec = new_vec(SAME);
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + SAME * PAGE);
	vw_ok(vw_scan_all(dev.fd, &scan, SAME, &extents));
	for (int first = 0; first < 4; first++) {
		for (size_t i = 0; i < SAME; i++)
			vec[i].addr = (uintptr_t)at + (i + first) % SAME * PAGE;
		vw_ok(vw_translate(dev.fd, vec, SAME));
		for (size_t i = 0; i < SAME; i++) {
			const char *page = vw_pointer(vec[i].addr);
			__u64 entry = vw_pagemap_one(0, page);
			const struct vmwalk_extent *extent = vw_extent_at(&extents, page);

			assert_true(entry & PM_PRESENT);
			copies += !(entry & PM_FILE);
			assert_int_equal(vec[i].phys, PM_PFN(entry) * PAGE);
			assert_int_equal(is_file(&vec[i]), !!(entry & PM_FILE));
			assert_non_null(extent);
			assert_int_equal(extent->flags, vec[i].state);
		}
	}
	assert_int_equal(copies, SAME);
	vw_extents_free(&extents);
	close(file);
}

struct copier {
	char *at;
	int file;
	bool stop;
};

static void *copy_and_drop(void *arg)
{
	struct copier *copier = arg;

	for (size_t i = 0; !__atomic_load_n(&copier->stop, __ATOMIC_RELAXED); i++) {
		vw_poke(copier->at + i * 7 % SAME * PAGE, 1);
		if (i % SAME)
			continue;
		/* A new mapping has the file's pages and no copies. */
		mmap(copier->at, SAME * PAGE, RW, MAP_PRIVATE | MAP_FIXED, copier->file, 0);
		vw_touch(copier->at, SAME * PAGE);
	}
	return NULL;
}

VW_TEST(a_first_private_copy_is_distinguished_from_the_file_page)
{
	struct copier copier = { .file = memfd_create("vmwalk_test", MFD_CLOEXEC) };
	__u64 end, file_pfn[SAME], calls = 0, copies = 0;
	struct vmwalk_translation *vec;
	pthread_t thread;
	char *at;

	dev = vw_device_make();
	assert_true(copier.file >= 0 && !ftruncate(copier.file, SAME * PAGE));
	at = vw_map(copier.file, SAME * PAGE, 0, RW, MAP_SHARED);
	for (size_t i = 0; i < SAME; i++) {
		vw_poke(at + i * PAGE, 1);
		file_pfn[i] = vw_pfn(at + i * PAGE);
	}
	mlock(at, SAME * PAGE);
	copier.at = vw_map(copier.file, SAME * PAGE, 0, RW, MAP_PRIVATE);
	vec = new_vec(SAME);
	assert_int_equal(pthread_create(&thread, NULL, copy_and_drop, &copier), 0);
	for (end = vw_now() + 3 * SECOND; vw_now() < end; calls++) {
		for (size_t i = 0; i < SAME; i++)
			vec[i].addr = (uintptr_t)copier.at + i * PAGE;
		vw_ok(vw_translate(dev.fd, vec, SAME));
		for (size_t i = 0; i < SAME; i++) {
			if (!(vec[i].state & VMWALK_PRESENT))
				continue;
			copies += vec[i].phys != file_pfn[i] * PAGE;
			if (is_file(&vec[i]) != (vec[i].phys == file_pfn[i] * PAGE)) {
				__atomic_store_n(&copier.stop, true, __ATOMIC_RELAXED);
				pthread_join(thread, NULL);
				vw_fail("phys 0x%llx has state 0x%x, the file's page is 0x%llx",
					vec[i].phys, vec[i].state, file_pfn[i] * PAGE);
			}
		}
	}
	__atomic_store_n(&copier.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	close(copier.file);
	print_message("# %llu calls saw %llu copies\n", calls, copies);
	assert_true(copies);
}

/* --- Other processes ------------------------------------------------------ */

#define COMMON	16UL

static char *common;

static int touch_common(void *arg)
{
	size_t step = (uintptr_t)arg;

	for (size_t i = 0; i < COMMON; i += step)
		vw_poke(common + i * PAGE, 1);
	vw_sync(0);
	return 0;
}

VW_TEST(each_target_has_its_own_frames)
{
	struct vmwalk_translation *vec;
	struct vw_child child[2];

	common = vw_anon(COMMON * PAGE);
	madvise(common, COMMON * PAGE, MADV_NOHUGEPAGE);
	dev = vw_device_make();
	vec = new_vec(COMMON);
	for (size_t i = 0; i < COUNT(child); i++) {
		child[i] = vw_fork(touch_common, vw_pointer(i + 2));
		vw_hear(&child[i]);
	}
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT(child); i++) {
			vw_set_target(child[i].pid);
			for (size_t j = 0; j < COMMON; j++)
				vec[j].addr = (uintptr_t)common + j * PAGE + 1;
			vw_ok(vw_translate(dev.fd, vec, COMMON));
			for (size_t j = 0; j < COMMON; j++) {
				__u64 entry = vw_pagemap_one(child[i].pid, common + j * PAGE);

				assert_int_equal(!(entry & PM_PRESENT), j % (i + 2) != 0);
				assert_int_equal(vec[j].phys, entry & PM_PRESENT ?
						 PM_PFN(entry) * PAGE + 1 : 0);
			}
		}
	}
	for (size_t i = 0; i < COUNT(child); i++) {
		vw_tell(&child[i], 0);
		vw_join_ok(&child[i]);
	}
}

/*
 * A missing page of the caller, registered with userfaultfd. When the driver
 * faults on it during a call, act() runs, and then the page is filled.
 */
struct gate {
	char *page;
	char *content;
	void (*act)(void *arg);
	void *arg;
	int uffd;
	int passed;
	pthread_t thread;
};

static void *serve_gate(void *arg)
{
	struct gate *gate = arg;
	struct pollfd wait = { .fd = gate->uffd, .events = POLLIN };
	struct uffdio_copy copy = {
		.dst = (uintptr_t)gate->page,
		.src = (uintptr_t)gate->content,
		.len = PAGE,
	};
	struct uffd_msg msg;

	if (poll(&wait, 1, 60000) != 1 || read(gate->uffd, &msg, sizeof(msg)) != sizeof(msg))
		return NULL;
	gate->act(gate->arg);
	__atomic_store_n(&gate->passed, 1, __ATOMIC_RELAXED);
	ioctl(gate->uffd, UFFDIO_COPY, &copy);
	return NULL;
}

/* Returns false if userfaultfd is not available. */
static bool open_gate(struct gate *gate)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (uintptr_t)gate->page, PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	gate->passed = 0;
	gate->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (gate->uffd < 0 || ioctl(gate->uffd, UFFDIO_API, &api) ||
	    ioctl(gate->uffd, UFFDIO_REGISTER, &reg))
		return false;
	return !pthread_create(&gate->thread, NULL, serve_gate, gate);
}

/* Returns true if the driver faulted on the page. */
static bool close_gate(struct gate *gate)
{
	pthread_join(gate->thread, NULL);
	close(gate->uffd);
	return gate->passed;
}

/* Long enough that the driver writes results before the last page. */
#define GATED	(32 * PAGE / sizeof(struct vmwalk_translation))

/* A vector of addresses in "common" whose last page is behind the gate. */
static struct vmwalk_translation *gated_vec(struct gate *gate)
{
	struct vmwalk_translation *all = vw_anon(33 * PAGE);
	char *at = vw_anon(32 * PAGE);

	for (size_t i = 0; i <= GATED; i++)
		all[i].addr = (uintptr_t)common + i % COMMON * PAGE;
	madvise(at, 32 * PAGE, MADV_NOHUGEPAGE);
	memcpy(at, all, 31 * PAGE);
	gate->page = at + 31 * PAGE;
	gate->content = (char *)all + 31 * PAGE;
	return (void *)at;
}

static void make_exit(void *arg)
{
	struct vw_child *child = arg;

	kill(child->pid, SIGKILL);
	waitid(P_PID, child->pid, NULL, WEXITED | WNOWAIT);
}

/*
 * Start a target whose memory @act replaces or frees during a call, which must
 * then fail. Returns the vector. Skips the test without userfaultfd.
 */
static struct vmwalk_translation *lose_target(struct vw_child *target, int (*body)(void *),
					      void (*act)(void *))
{
	static struct gate gate;
	struct vmwalk_translation *vec;

	common = vw_anon(COMMON * PAGE);
	dev = vw_device_make();
	vec = gated_vec(&gate);
	*target = vw_fork(body, vw_pointer(1));
	vw_hear(target);
	vw_set_target(target->pid);
	gate.act = act;
	gate.arg = target;
	if (!open_gate(&gate))
		vw_skip("userfaultfd is not available");
	vw_expect(vw_translate(dev.fd, vec, GATED), -ESRCH);
	assert_true(close_gate(&gate));
	return vec;
}

VW_TEST(exit_of_the_target_during_a_call_fails_with_esrch)
{
	struct vmwalk_translation *vec;
	struct vw_child child;

	vec = lose_target(&child, touch_common, make_exit);
	vw_expect(vw_translate(dev.fd, vec, GATED), -ESRCH);
	vw_kill(&child);
	vw_expect(vw_translate(dev.fd, vec, 1), -ESRCH);
	/* The instance still works. */
	vw_set_target(0);
	vw_ok(vw_translate(dev.fd, vec, GATED));
}

static int touch_and_exec(void *arg)
{
	touch_common(arg);
	execl("/bin/bash", "bash", "-c", "kill -STOP $$", NULL);
	return 1;
}

static void make_exec(void *arg)
{
	struct vw_child *child = arg;
	__u64 go = 0;

	send(child->fd, &go, sizeof(go), MSG_NOSIGNAL);
	waitid(P_PID, child->pid, NULL, WSTOPPED | WNOWAIT);
}

VW_TEST(exec_of_the_target_during_a_call_fails_with_esrch)
{
	struct vmwalk_translation *vec;
	struct vw_child child;

	vec = lose_target(&child, touch_and_exec, make_exec);
	/* The next call walks the new memory, where "common" is not mapped. */
	for (size_t i = 0; i < GATED; i++)
		vec[i].addr = (uintptr_t)common + i % COMMON * PAGE;
	vw_ok(vw_translate(dev.fd, vec, GATED));
	for (size_t i = 0; i < GATED; i++) {
		__u64 entry = vw_pagemap_one(child.pid, vw_pointer(vec[i].addr));

		assert_int_equal(vec[i].phys, entry & PM_PRESENT ? PM_PFN(entry) * PAGE : 0);
	}
	vw_kill(&child);
}

static void map_and_unmap_a_page(void *arg)
{
	/* Hangs if the call holds mmap_lock of the memory that it walks. */
	char *at = mmap(NULL, PAGE, RW, ANON, -1, 0);

	(void)arg;
	if (at != MAP_FAILED)
		munmap(at, PAGE);
}

struct gates {
	struct gate gate[2];
	struct vmwalk_translation *vec;
	struct vmwalk_scan scan;
};

static int call_with_gates(void *arg)
{
	struct gates *gates = arg;

	if (!open_gate(&gates->gate[0]))
		return VW_CHILD_SKIPPED;
	vw_check_rc(vw_translate(dev.fd, gates->vec, GATED), 0);
	vw_check(close_gate(&gates->gate[0]));
	vw_check(open_gate(&gates->gate[1]));
	vw_check_rc(vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &gates->scan), gates->scan.vec_len);
	vw_check(close_gate(&gates->gate[1]));
	vw_say(1);
	return 0;
}

VW_TEST(mmap_lock_is_not_held_while_results_are_copied)
{
	static struct gates gates = {
		.gate = { { .act = map_and_unmap_a_page }, { .act = map_and_unmap_a_page } },
	};
	const size_t extents = 2 * PAGE / sizeof(struct vmwalk_extent);
	struct vw_child child;
	char *at;

	common = vw_anon(COMMON * PAGE);
	memset(common, 1, COMMON * PAGE);
	gates.vec = gated_vec(&gates.gate[0]);
	/* The extents of every second page fill two pages of the vector. */
	at = vw_anon(2 * extents * PAGE);
	madvise(at, 2 * extents * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < 2 * extents; i += 2)
		vw_poke(at + i * PAGE, 1);
	gates.scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + 2 * extents * PAGE);
	at = vw_anon(2 * PAGE);
	madvise(at, 2 * PAGE, MADV_NOHUGEPAGE);
	gates.gate[1].page = at + PAGE;
	gates.gate[1].content = vw_anon(PAGE);
	gates.scan.vec = (uintptr_t)at;
	gates.scan.vec_len = extents;
	dev = vw_device_make();
	child = vw_fork(call_with_gates, &gates);
	/* vw_hear() times out if the child hangs. */
	vw_hear(&child);
	vw_join_ok(&child);
}

#define MANY	1048576UL

static int translate_forever(void *arg)
{
	vw_say(0);
	while (!vw_translate(dev.fd, arg, MANY))
		;
	return 1;
}

VW_TEST(a_translating_process_can_be_killed)
{
	struct vmwalk_translation *vec = new_vec(MANY);
	struct vw_child child;
	__u64 start;

	dev = vw_device_make();
	for (size_t i = 0; i < MANY; i++)
		vec[i].addr = (uintptr_t)vec + (random_bits() & (16 * MIB - 1));
	for (int i = 0; i < 5; i++) {
		child = vw_fork(translate_forever, vec);
		vw_hear(&child);
		usleep(i * 5000);
		start = vw_now();
		vw_kill(&child);
		assert_true(vw_now() - start < 10 * SECOND);
	}
	vw_expect_stat(dev.n, "opens", 1);
}

static int come_and_go(void *arg)
{
	char *at = arg;

	for (;;) {
		vw_check(mmap(at, 8 * PMD_SIZE, RW, ANON | MAP_FIXED, -1, 0) == at);
		madvise(at, 4 * PMD_SIZE, MADV_NOHUGEPAGE);
		for (size_t i = 0; i < 8 * PMD_SIZE; i += 64 * PAGE)
			vw_poke(at + i, 1);
		mprotect(at + PMD_SIZE, PAGE, PROT_READ);
		vw_check(!munmap(at, 8 * PMD_SIZE));
	}
}

/* A page that stays mapped is found whatever its neighbors do. */
VW_TEST(static_pages_are_always_found)
{
	char *busy = vw_pointer(0x500000000000UL);
	struct vmwalk_translation *vec;
	__u64 end, entry, calls = 0;
	struct vw_child child;

	dev = vw_device_make();
	common = vw_anon(COMMON * PAGE);
	vw_poke(common, 1);
	vec = new_vec(1024);
	child = vw_fork(come_and_go, busy);
	vw_set_target(child.pid);
	entry = vw_pagemap_one(child.pid, common);
	assert_true(entry & PM_PRESENT);
	for (end = vw_now() + 4 * SECOND; vw_now() < end; calls++) {
		for (size_t i = 0; i < 1024; i++)
			vec[i].addr = i % 8 ? (uintptr_t)busy + i * 5 * PAGE : (uintptr_t)common;
		vw_ok(vw_translate(dev.fd, vec, 1024));
		for (size_t i = 0; i < 1024; i += 8)
			assert_int_equal(vec[i].phys, PM_PFN(entry) * PAGE);
		for (size_t i = 0; i < 1024; i++)
			assert_true(!(vec[i].state & VMWALK_PRESENT) == !vec[i].phys);
	}
	print_message("# %llu calls\n", calls);
}
