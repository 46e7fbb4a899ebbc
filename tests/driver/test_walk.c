// SPDX-License-Identifier: GPL-2.0
/*
 * WALK of mappings whose page-table entries are known: each kind of page, and
 * the levels above it. SCAN of the same page must return the same state.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "harness.h"

#define BUFFER		(64 * KIB)

static struct vw_device dev;

/* --- Levels --------------------------------------------------------------- */

/*
 * Walk to an address and scan its page. Both must return the same state, with
 * all flags of "must" and none of "mustnt", and the PFN of pagemap. page_shift
 * 0 means any: the tables above a page that was never touched depend on its
 * neighbors.
 */
static struct vmwalk_walk expect_page_at(const char *file, int line, const void *addr, __u32 must,
					 __u32 mustnt, __u32 page_shift)
{
	__u64 page = (uintptr_t)addr & ~(PAGE - 1), entry = vw_pagemap_one(0, addr);
	struct vmwalk_scan scan = vw_scan_args(page, page + PAGE);
	struct vmwalk_extent extent;
	struct vmwalk_walk walk;

	vw_expect_at(file, line, "walk", vw_walk(dev.fd, (uintptr_t)addr, &walk), 0);
	vw_expect_valid_walk(&walk, dev.levels);
	if ((walk.state & must) != must || walk.state & mustnt)
		vw_fail_at(file, line, "state is 0x%x, must have 0x%x and not 0x%x", walk.state,
			   must, mustnt);
	if (page_shift)
		vw_expect_at(file, line, "page_shift", vw_level_shift(walk.page_shift), page_shift);
	/* pagemap skips PFN mappings. */
	if (entry & (PM_PRESENT | PM_SWAP) || !(walk.state & VMWALK_SPECIAL))
		vw_expect_at(file, line, "pfn", walk.pfn,
			     entry & PM_PRESENT ? PM_PFN(entry) : 0);

	scan.vec = (uintptr_t)&extent;
	scan.vec_len = 1;
	vw_expect_at(file, line, "scan", vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan),
		     walk.stop != VMWALK_STOP_EMPTY);
	if (walk.stop != VMWALK_STOP_EMPTY) {
		vw_expect_at(file, line, "start", extent.start, page);
		vw_expect_at(file, line, "pages", extent.pages, 1);
		vw_expect_at(file, line, "the scan's pfn", extent.pfn, walk.pfn);
		vw_expect_at(file, line, "the scan's flags", extent.flags, walk.state);
		vw_expect_at(file, line, "the scan's page_shift", extent.page_shift,
			     walk.page_shift);
	}
	return walk;
}

#define expect_page(addr, must, mustnt, page_shift) \
	expect_page_at(__FILE__, __LINE__, addr, must, mustnt, page_shift)

#define ABSENT	(VMWALK_SWAP | VMWALK_MIGRATION)
#define UNUSUAL	(VMWALK_PROTNONE | VMWALK_UFFD_WP | VMWALK_HIDDEN)

VW_TEST(a_written_page_is_present_writable_accessed_and_dirty)
{
	char *at = vw_anon(8 * PAGE);

	dev = vw_device_make();
	memset(at, 1, 8 * PAGE);
	for (size_t i = 0; i < 8 * PAGE; i += 1367)
		expect_page(at + i,
			    VMWALK_PRESENT | VMWALK_WRITE | VMWALK_USER | VMWALK_ACCESSED |
			    VMWALK_DIRTY,
			    VMWALK_EXEC | ABSENT | UNUSUAL | VMWALK_FILE | VMWALK_ZERO |
			    VMWALK_HUGETLB | VMWALK_SPECIAL, PAGE_SHIFT);
}

VW_TEST(a_page_is_not_writable_after_mprotect)
{
	char *at = vw_anon(PAGE);

	dev = vw_device_make();
	vw_poke(at, 1);
	mprotect(at, PAGE, PROT_READ);
	expect_page(at, VMWALK_PRESENT | VMWALK_USER,
		    VMWALK_WRITE | VMWALK_EXEC | ABSENT | UNUSUAL, PAGE_SHIFT);
	mprotect(at, PAGE, PROT_READ | PROT_EXEC);
	expect_page(at, VMWALK_PRESENT | VMWALK_USER | VMWALK_EXEC,
		    VMWALK_WRITE | ABSENT | UNUSUAL, PAGE_SHIFT);
}

VW_TEST(program_code_is_executable_and_file_backed)
{
	dev = vw_device_make();
	expect_page((void *)program_code_is_executable_and_file_backed,
		    VMWALK_PRESENT | VMWALK_USER | VMWALK_EXEC | VMWALK_FILE,
		    VMWALK_WRITE | ABSENT | UNUSUAL | VMWALK_ZERO | VMWALK_HUGETLB, PAGE_SHIFT);
}

VW_TEST(the_zero_page_has_the_zero_flag)
{
	char *at = vw_anon(2 * PAGE);

	dev = vw_device_make();
	madvise(at, 2 * PAGE, MADV_NOHUGEPAGE);
	vw_peek(at);
	expect_page(at, VMWALK_PRESENT | VMWALK_USER | VMWALK_ZERO,
		    VMWALK_WRITE | ABSENT | UNUSUAL | VMWALK_FILE | VMWALK_HUGETLB, PAGE_SHIFT);
	vw_poke(at, 1);
	expect_page(at, VMWALK_PRESENT | VMWALK_WRITE, VMWALK_ZERO, PAGE_SHIFT);
}

VW_TEST(the_huge_zero_page_has_the_zero_flag)
{
	struct vmwalk_walk walk;
	char *at;

	dev = vw_device_make();
	at = vw_huge_page(false);
	vw_ok(vw_walk(dev.fd, (uintptr_t)at, &walk));
	if (walk.page_shift == PAGE_SHIFT)
		vw_skip("this kernel maps no huge zero page");
	for (size_t i = 0; i < PMD_SIZE; i += 111 * PAGE + 5)
		expect_page(at + i, VMWALK_PRESENT | VMWALK_USER | VMWALK_ZERO,
			    VMWALK_WRITE | ABSENT | UNUSUAL | VMWALK_FILE | VMWALK_HUGETLB,
			    PMD_SHIFT);
}

VW_TEST(a_transparent_huge_page_is_one_pmd_entry)
{
	char *at;

	dev = vw_device_make();
	at = vw_huge_page(true);
	for (size_t i = 0; i < PMD_SIZE; i += 77 * PAGE + 3)
		expect_page(at + i,
			    VMWALK_PRESENT | VMWALK_WRITE | VMWALK_USER | VMWALK_ACCESSED |
			    VMWALK_DIRTY,
			    VMWALK_EXEC | ABSENT | UNUSUAL | VMWALK_FILE | VMWALK_ZERO |
			    VMWALK_HUGETLB | VMWALK_SPECIAL, PMD_SHIFT);
	expect_page(at + PMD_SIZE - 1, VMWALK_PRESENT, ABSENT, PMD_SHIFT);

	/* After a split: small entries with the same frames. */
	mprotect(at + 7 * PAGE, PAGE, PROT_READ);
	expect_page(at, VMWALK_PRESENT | VMWALK_WRITE, VMWALK_HUGETLB, PAGE_SHIFT);
	expect_page(at + 7 * PAGE, VMWALK_PRESENT, VMWALK_WRITE, PAGE_SHIFT);
	expect_page(at + 8 * PAGE, VMWALK_PRESENT | VMWALK_WRITE, VMWALK_HUGETLB, PAGE_SHIFT);

	/* A huge page under PROT_NONE is still one present entry. */
	at = vw_huge_page(true);
	mprotect(at, PMD_SIZE, PROT_NONE);
	expect_page(at + 9 * PAGE, VMWALK_PRESENT | VMWALK_PROTNONE, ABSENT, PMD_SHIFT);
}

static void expect_hugetlb(int flags, size_t size, int page_shift)
{
	for (int shared = 0; shared < 2; shared++) {
		char *at = mmap(NULL, size, RW,
				MAP_ANONYMOUS | flags | (shared ? MAP_SHARED : MAP_PRIVATE), -1, 0);

		if (at == MAP_FAILED)
			vw_skip("no free hugetlb page of %zu bytes", size);
		expect_page(at, 0, ~0U, 0);
		vw_poke(at, 1);
		for (size_t i = 0; i < size; i += size / 16 + PAGE + 17)
			expect_page(at + i,
				    VMWALK_PRESENT | VMWALK_WRITE | VMWALK_USER | VMWALK_HUGETLB |
				    (shared ? VMWALK_FILE : 0),
				    VMWALK_EXEC | ABSENT | UNUSUAL | VMWALK_ZERO | VMWALK_SPECIAL |
				    (shared ? 0 : VMWALK_FILE), page_shift);
		expect_page(at + size - 1, VMWALK_PRESENT, ABSENT, page_shift);
		mprotect(at, size, PROT_READ);
		expect_page(at, VMWALK_PRESENT | VMWALK_HUGETLB, VMWALK_WRITE, page_shift);
		munmap(at, size);
	}
}

VW_TEST(a_hugetlb_page_of_pmd_size_is_one_entry)
{
	dev = vw_device_make();
	expect_hugetlb(HUGE_PMD, PMD_SIZE, PMD_SHIFT);
}

VW_TEST(a_hugetlb_page_of_pud_size_is_one_entry)
{
	dev = vw_device_make();
	expect_hugetlb(HUGE_PUD, PUD_SIZE, PUD_SHIFT);
}

VW_TEST(prot_none_after_touch_is_present)
{
	char *at = vw_anon_aligned(2 * PAGE, 2 * PAGE);

	dev = vw_device_make();
	vw_poke(at, 1);
	mprotect(at, 2 * PAGE, PROT_NONE);
	expect_page(at, VMWALK_PRESENT | VMWALK_PROTNONE, ABSENT | VMWALK_HIDDEN | VMWALK_ZERO,
		    PAGE_SHIFT);
	expect_page(at + PAGE, 0, ~0U, PAGE_SHIFT);
	mprotect(at, 2 * PAGE, RW);
	expect_page(at, VMWALK_PRESENT, VMWALK_PROTNONE, PAGE_SHIFT);
}

/* Under PROT_NONE, all calls must report PROTNONE and not EXEC. */
static void expect_protected(char *at, size_t size, int prot, __u32 page_shift)
{
	struct vmwalk_translation translation = { .addr = (uintptr_t)at };
	__u32 before, exec = prot & PROT_EXEC ? VMWALK_EXEC : 0;

	before = expect_page(at, VMWALK_PRESENT | exec, VMWALK_PROTNONE | (exec ^ VMWALK_EXEC),
			     page_shift).state;
	vw_ok(vw_sys(mprotect(at, size, PROT_NONE)));
	before &= VMWALK_FILE | VMWALK_HUGETLB;
	expect_page(at, VMWALK_PRESENT | VMWALK_PROTNONE | before,
		    VMWALK_EXEC | VMWALK_WRITE | VMWALK_USER | ABSENT, page_shift);
	vw_ok(vw_translate(dev.fd, &translation, 1));
	assert_int_equal(translation.state & (VMWALK_PROTNONE | VMWALK_EXEC), VMWALK_PROTNONE);
	vw_ok(vw_sys(mprotect(at, size, prot)));
	vw_peek(at);
	expect_page(at, VMWALK_PRESENT | exec, VMWALK_PROTNONE | (exec ^ VMWALK_EXEC), page_shift);
	munmap(at, size);
}

VW_TEST(a_prot_none_page_is_not_executable)
{
	char *at;
	int self;

	dev = vw_device_make();
	at = vw_anon(PAGE);
	vw_poke(at, 1);
	expect_protected(at, PAGE, RW, PAGE_SHIFT);

	self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	at = vw_map(self, PAGE, 0, PROT_READ | PROT_EXEC, MAP_PRIVATE);
	vw_peek(at);
	expect_protected(at, PAGE, PROT_READ | PROT_EXEC, PAGE_SHIFT);

	at = mmap(NULL, PMD_SIZE, RW, ANON | HUGE_PMD, -1, 0);
	if (at != MAP_FAILED) {
		vw_poke(at, 1);
		expect_protected(at, PMD_SIZE, RW, PMD_SHIFT);
	}
	at = mmap(NULL, PUD_SIZE, RW, ANON | HUGE_PUD, -1, 0);
	if (at != MAP_FAILED) {
		vw_poke(at, 1);
		expect_protected(at, PUD_SIZE, RW, PUD_SHIFT);
	}
	at = vw_huge_page(true);
	expect_protected(at, PMD_SIZE, RW, PMD_SHIFT);
}

VW_TEST(a_walk_does_not_swap_in_a_page)
{
	char *at = vw_anon_aligned(PMD_SIZE, PMD_SIZE);
	struct vmwalk_walk walk;

	dev = vw_device_make();
	madvise(at, PMD_SIZE, MADV_NOHUGEPAGE);
	memset(at, 7, 16 * PAGE);
	if (!vw_swap_out(at, 8 * PAGE))
		vw_skip("the page could not be swapped out");
	for (size_t i = 0; i < 8; i++) {
		walk = expect_page(at + i * PAGE, VMWALK_SWAP,
				   VMWALK_PRESENT | VMWALK_MIGRATION | VMWALK_ZERO | UNUSUAL,
				   PAGE_SHIFT);
		assert_int_equal(walk.stop, VMWALK_STOP_ABSENT);
		assert_true(vw_pagemap_one(0, at + i * PAGE) & PM_SWAP);
	}
	walk = expect_page(at + 8 * PAGE, VMWALK_PRESENT, VMWALK_SWAP, PAGE_SHIFT);
	assert_int_equal(vw_peek(at), 7);
	expect_page(at, VMWALK_PRESENT, VMWALK_SWAP, PAGE_SHIFT);
}

VW_TEST(uffd_wp_is_reported)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	struct uffdio_writeprotect protect;
	struct uffdio_register reg;
	char *at = vw_anon(4 * PAGE);
	int uffd;

	dev = vw_device_make();
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		vw_skip("no userfaultfd with write protection");
	memset(at, 1, 4 * PAGE);
	reg = (struct uffdio_register){
		.range = { (uintptr_t)at, 4 * PAGE },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	vw_ok(vw_ioctl(uffd, UFFDIO_REGISTER, &reg));
	protect = (struct uffdio_writeprotect){
		.range = { (uintptr_t)at + PAGE, 2 * PAGE },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	vw_ok(vw_ioctl(uffd, UFFDIO_WRITEPROTECT, &protect));
	for (size_t i = 0; i < 4; i++) {
		__u32 has = VMWALK_WRITE, lacks = VMWALK_UFFD_WP;

		if (i == 1 || i == 2) {
			has = VMWALK_UFFD_WP;
			lacks = VMWALK_WRITE;
		}
		expect_page(at + i * PAGE, VMWALK_PRESENT | has, lacks, PAGE_SHIFT);
	}
	/* A swapped page keeps the write protection. */
	if (vw_swap_out(at, 4 * PAGE)) {
		expect_page(at, VMWALK_SWAP, VMWALK_UFFD_WP | VMWALK_PRESENT, PAGE_SHIFT);
		expect_page(at + PAGE, VMWALK_SWAP | VMWALK_UFFD_WP, VMWALK_PRESENT, PAGE_SHIFT);
	}
	close(uffd);
}

VW_TEST(soft_dirty_is_set_by_writes_after_clear_refs)
{
	char *at = vw_anon(4 * PAGE);

	dev = vw_device_make();
	memset(at, 1, 4 * PAGE);
	if (!(vw_pagemap_one(0, at) & PM_SOFT_DIRTY))
		vw_skip("this kernel has no soft-dirty bits");
	expect_page(at, VMWALK_SOFT_DIRTY, 0, PAGE_SHIFT);
	vw_ok(vw_file_write("/proc/self/clear_refs", "4"));
	for (size_t i = 0; i < 4; i++)
		expect_page(at + i * PAGE, VMWALK_PRESENT, VMWALK_SOFT_DIRTY, PAGE_SHIFT);
	vw_poke(at + 2 * PAGE, 2);
	for (size_t i = 0; i < 4; i++) {
		if (i == 2)
			expect_page(at + i * PAGE, VMWALK_SOFT_DIRTY, 0, PAGE_SHIFT);
		else
			expect_page(at + i * PAGE, VMWALK_PRESENT, VMWALK_SOFT_DIRTY, PAGE_SHIFT);
	}
}

VW_TEST(clear_refs_clears_accessed)
{
	char *at = vw_anon(2 * PAGE);

	dev = vw_device_make();
	memset(at, 1, 2 * PAGE);
	expect_page(at, VMWALK_ACCESSED, 0, PAGE_SHIFT);
	vw_ok(vw_file_write("/proc/self/clear_refs", "1"));
	expect_page(at, VMWALK_PRESENT, VMWALK_ACCESSED, PAGE_SHIFT);
}

VW_TEST(file_is_set_for_file_pages_only)
{
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC);
	char *shared, *private;

	dev = vw_device_make();
	assert_true(file >= 0 && !ftruncate(file, 4 * PAGE));
	shared = vw_map(file, 4 * PAGE, 0, RW, MAP_SHARED);
	private = vw_map(file, 4 * PAGE, 0, RW, MAP_PRIVATE);
	memset(shared, 1, 3 * PAGE);
	vw_peek(private);
	vw_poke(private + PAGE, 2);
	expect_page(shared, VMWALK_PRESENT | VMWALK_FILE | VMWALK_WRITE, VMWALK_ZERO | ABSENT,
		    PAGE_SHIFT);
	expect_page(private, VMWALK_PRESENT | VMWALK_FILE, VMWALK_WRITE | ABSENT, PAGE_SHIFT);
	expect_page(private + PAGE, VMWALK_PRESENT | VMWALK_WRITE, VMWALK_FILE, PAGE_SHIFT);
	close(file);
}

VW_TEST_TYPICAL(device_pages_are_special_or_file_pages)
{
	char *map;

	dev = vw_device_make_combo(combo, BUFFER, "letters");
	map = vw_map(dev.fd, BUFFER, 0, RW, MAP_SHARED);
	vw_poke(map, 1);
	if (!strcmp(combo->mode, "remap"))
		expect_page(map, VMWALK_PRESENT | VMWALK_WRITE | VMWALK_USER | VMWALK_SPECIAL,
			    VMWALK_EXEC | ABSENT | UNUSUAL | VMWALK_ZERO | VMWALK_HUGETLB,
			    PAGE_SHIFT);
	else if (!strcmp(combo->mode, "insert"))
		expect_page(map, VMWALK_PRESENT | VMWALK_WRITE | VMWALK_USER | VMWALK_FILE,
			    VMWALK_EXEC | ABSENT | UNUSUAL | VMWALK_ZERO | VMWALK_SPECIAL,
			    PAGE_SHIFT);
	else
		expect_page(map, VMWALK_PRESENT | VMWALK_WRITE | VMWALK_USER,
			    VMWALK_EXEC | ABSENT | UNUSUAL | VMWALK_ZERO | VMWALK_HUGETLB,
			    PAGE_SHIFT);
}

VW_TEST(huge_is_set_for_huge_pages_only)
{
	char *at = vw_anon(2 * PAGE), *huge;

	dev = vw_device_make();
	madvise(at, 2 * PAGE, MADV_NOHUGEPAGE);
	vw_poke(at, 1);
	expect_page(at, VMWALK_PRESENT, VMWALK_HUGE, PAGE_SHIFT);
	vw_peek(at + PAGE);
	expect_page(at + PAGE, VMWALK_PRESENT, VMWALK_HUGE, PAGE_SHIFT);
	expect_page((void *)huge_is_set_for_huge_pages_only, VMWALK_PRESENT, VMWALK_HUGE,
		    PAGE_SHIFT);

	huge = vw_huge_page(true);
	expect_page(huge + 5 * PAGE, VMWALK_PRESENT | VMWALK_HUGE, ABSENT, PMD_SHIFT);
	mprotect(huge, PAGE, PROT_READ);
	expect_page(huge + 5 * PAGE, VMWALK_PRESENT, VMWALK_HUGE, PAGE_SHIFT);

	huge = mmap(NULL, PMD_SIZE, RW, ANON | HUGE_PMD, -1, 0);
	if (huge == MAP_FAILED)
		vw_skip("no free hugetlb page");
	expect_page(huge, 0, ~0U, 0);
	vw_poke(huge, 1);
	expect_page(huge, VMWALK_PRESENT | VMWALK_HUGE | VMWALK_HUGETLB, ABSENT, PMD_SHIFT);
}

VW_TEST(a_walk_stops_at_the_highest_empty_entry)
{
	char *at = vw_anon_aligned(2 * PUD_SIZE, PUD_SIZE);
	struct vmwalk_walk walk;

	dev = vw_device_make();
	madvise(at, 2 * PUD_SIZE, MADV_NOHUGEPAGE);
	vw_poke(at, 1);
	/* Empty entries: the next PTE, the next PMD, the next PUD or above. */
	walk = expect_page(at + PAGE, 0, ~0U, PAGE_SHIFT);
	assert_int_equal(walk.stop, VMWALK_STOP_EMPTY);
	walk = expect_page(at + PMD_SIZE + 123, 0, ~0U, PMD_SHIFT);
	assert_int_equal(walk.stop, VMWALK_STOP_EMPTY);
	assert_int_equal(walk.stop_level, VMWALK_PMD);
	vw_ok(vw_walk(dev.fd, (uintptr_t)at + PUD_SIZE, &walk));
	vw_expect_valid_walk(&walk, dev.levels);
	assert_int_equal(walk.stop, VMWALK_STOP_EMPTY);
	assert_true(walk.stop_level <= VMWALK_PUD);
	/* An address far from any mapping. */
	vw_ok(vw_walk(dev.fd, 1ULL << 40, &walk));
	vw_expect_valid_walk(&walk, dev.levels);
	assert_int_equal(walk.stop, VMWALK_STOP_EMPTY);
}

VW_TEST(folded_levels_are_marked)
{
	char *at = vw_anon(PAGE);
	struct vmwalk_walk walk;

	dev = vw_device_make();
	vw_poke(at, 1);
	vw_ok(vw_walk(dev.fd, (uintptr_t)at, &walk));
	vw_expect_valid_walk(&walk, dev.levels);
	for (int i = VMWALK_P4D; i < VMWALK_PMD; i++)
		assert_int_equal(walk.level[i].flags, i <= VMWALK_LEVELS - dev.levels ?
				 VMWALK_LEVEL_FOLDED : VMWALK_LEVEL_READ);
	print_message("# %d page-table levels\n", dev.levels);
}

VW_TEST(five_levels_map_addresses_beyond_four)
{
	const int bits = VW_IS_X86 ? 47 : 48;	/* that four levels translate */
	struct vmwalk_extent extent;
	struct vmwalk_walk walk;
	struct vmwalk_scan scan;
	char *at;

	dev = vw_device_make();
	if (dev.levels != 5)
		vw_skip("this machine has %d page-table levels", dev.levels);
	at = mmap(vw_pointer(vw_user_end() / 2), PAGE, RW, ANON, -1, 0);
	assert_true((uintptr_t)at >> bits);
	vw_poke(at, 1);
	walk = expect_page(at + 5, VMWALK_PRESENT | VMWALK_WRITE, ABSENT, PAGE_SHIFT);
	assert_int_not_equal(walk.level[VMWALK_PGD].index, 0);
	vw_expect(vw_sys(ioctl(dev.fd, VMWALK_IOC_GET_PFN, (uintptr_t)at / PAGE)), vw_pfn(at));
	scan = vw_scan_args(1UL << bits, vw_user_end());
	scan.vec = (uintptr_t)&extent;
	scan.vec_len = 1;
	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan), 1);
	assert_int_equal(extent.start, (uintptr_t)at);
}

/* --- The caller's own memory, which is walked without a lock --------------- */

static bool stop_changing;

static void set_stop(bool stop)
{
	__atomic_store_n(&stop_changing, stop, __ATOMIC_RELAXED);
}

static bool must_stop(void)
{
	return __atomic_load_n(&stop_changing, __ATOMIC_RELAXED);
}

struct changing {
	char *at;
	size_t pages;
};

/* The pages are mapped all the time, but the core clears entries for a moment. */
static void *change_protections(void *arg)
{
	const struct changing *changing = arg;
	const size_t len = changing->pages * PAGE;

	while (!must_stop()) {
		mprotect(changing->at, len, PROT_READ);
		mprotect(changing->at, len, PROT_NONE);
		mprotect(changing->at, len, RW);
	}
	return NULL;
}

VW_TEST(own_pages_are_never_missed_while_their_protection_changes)
{
	struct changing changing = { .at = vw_anon(64 * PAGE), .pages = 64 };
	__u64 frames[64], end = vw_now() + 3 * SECOND;
	struct vmwalk_walk walk;
	pthread_t thread;

	dev = vw_device_make();
	madvise(changing.at, 64 * PAGE, MADV_NOHUGEPAGE);
	memset(changing.at, 1, 64 * PAGE);
	vw_ok(vw_sys(mlock(changing.at, 64 * PAGE)));
	for (size_t i = 0; i < 64; i++)
		frames[i] = vw_pfn(changing.at + i * PAGE);
	set_stop(false);
	assert_int_equal(pthread_create(&thread, NULL, change_protections, &changing), 0);
	for (size_t i = 0; vw_now() < end; i = (i + 1) % 64) {
		__u64 addr = (uintptr_t)changing.at + i * PAGE;
		long long pfn = vw_sys(ioctl(dev.fd, VMWALK_IOC_GET_PFN, addr / PAGE));
		int rc = vw_walk(dev.fd, addr, &walk);

		if (rc || walk.pfn != frames[i] || pfn != (long long)frames[i] ||
		    walk.stop != VMWALK_STOP_PAGE || walk.state & VMWALK_FILE) {
			set_stop(true);
			pthread_join(thread, NULL);
			vw_fail("page %zu: %d, PFN 0x%llx and 0x%llx, wanted 0x%llx, state 0x%x",
				i, rc, walk.pfn, pfn, frames[i], walk.state);
		}
	}
	set_stop(true);
	pthread_join(thread, NULL);
}

/* An anonymous page and a page of a file take turns at an address. */
static void *change_kinds(void *arg)
{
	const struct changing *changing = arg;
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC);

	if (file < 0 || ftruncate(file, PAGE))
		return NULL;
	while (!must_stop()) {
		if (mmap(changing->at, PAGE, RW, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED)
			vw_poke(changing->at, 1);
		if (mmap(changing->at, PAGE, RW, ANON | MAP_FIXED, -1, 0) != MAP_FAILED)
			vw_poke(changing->at, 1);
		madvise(changing->at, PAGE, MADV_DONTNEED);
		vw_peek(changing->at);
	}
	close(file);
	return NULL;
}

VW_TEST(own_pages_are_decoded_consistently_while_they_are_replaced)
{
	struct changing changing = { .at = vw_anon(PAGE) };
	unsigned long kinds[4] = { 0 };
	__u64 end = vw_now() + 3 * SECOND;
	struct vmwalk_walk walk;
	pthread_t thread;

	dev = vw_device_make();
	set_stop(false);
	assert_int_equal(pthread_create(&thread, NULL, change_kinds, &changing), 0);
	while (vw_now() < end) {
		vw_ok(vw_walk(dev.fd, (uintptr_t)changing.at, &walk));
		kinds[!(walk.state & VMWALK_PRESENT) ? 0 : walk.state & VMWALK_FILE ? 1 :
		      walk.state & VMWALK_ZERO ? 2 : 3]++;
		/* Only the zero page is not writable here. */
		if (walk.state & VMWALK_PRESENT &&
		    (!walk.pfn || !(walk.state & VMWALK_USER) || walk.state & VMWALK_SPECIAL ||
		     !(walk.state & VMWALK_WRITE) != !!(walk.state & VMWALK_ZERO))) {
			set_stop(true);
			pthread_join(thread, NULL);
			vw_fail("state 0x%x, PFN 0x%llx", walk.state, walk.pfn);
		}
	}
	set_stop(true);
	pthread_join(thread, NULL);
	print_message("# %lu empty, %lu file, %lu zero, %lu anonymous\n", kinds[0], kinds[1],
		      kinds[2], kinds[3]);
}

/*
 * With target_pid 0, a walk takes no lock. With the PID of the caller itself it
 * takes one.
 */
VW_TEST(walks_with_and_without_a_lock_have_the_same_results)
{
	char *at = vw_mixed_region("aaazaaz.npcpq..uuaawaaa.fsSf....");
	static struct vmwalk_walk walks[2][VW_MIXED_MAX];

	dev = vw_device_make();
	for (int locked = 0; locked < 2; locked++) {
		vw_set_target(locked ? getpid() : 0);
		for (size_t i = 0; i < VW_MIXED; i++)
			vw_ok(vw_walk(dev.fd, (uintptr_t)at + i * PAGE + i, &walks[locked][i]));
	}
	for (size_t i = 0; i < VW_MIXED; i++)
		if (memcmp(&walks[0][i], &walks[1][i], sizeof(walks[0][i])))
			vw_fail("page %zu: state 0x%x and 0x%x, PFN 0x%llx and 0x%llx", i,
				walks[0][i].state, walks[1][i].state, walks[0][i].pfn,
				walks[1][i].pfn);
}

/* --- Counters and side effects -------------------------------------------- */

VW_TEST(walks_are_counted)
{
	struct vmwalk_extent vec[64];
	struct vmwalk_walk walk;
	struct vmwalk_scan scan;
	char *at = vw_anon(32 * PAGE);
	int rc;

	dev = vw_device_make();
	memset(at, 1, 32 * PAGE);
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + 32 * PAGE);
	scan.vec = (uintptr_t)vec;
	scan.vec_len = 64;
	rc = vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan);
	assert_true(rc >= 1);
	vw_expect_stat(dev.n, "walks", 1);
	vw_expect_stat(dev.n, "extents", rc);
	vw_expect_stat(dev.n, "walked_pages", 32);
	assert_true(vw_stat(dev.n, "walk_ns") > 0);
	vw_ok(vw_walk(dev.fd, (uintptr_t)at, &walk));
	vw_expect_stat(dev.n, "walks", 2);
	vw_expect(vw_sys(ioctl(dev.fd, VMWALK_IOC_GET_PFN, (uintptr_t)at / PAGE)), vw_pfn(at));
	vw_expect_stat(dev.n, "walks", 3);
	vw_expect_stat(dev.n, "extents", rc);
}

VW_TEST(walks_and_scans_fault_in_no_page)
{
	struct vw_extents extents;
	struct vmwalk_scan scan;
	struct vmwalk_walk walk;
	char *at;

	dev = vw_device_make();
	at = vw_anon_aligned(2 * PMD_SIZE, PMD_SIZE);
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + 2 * PMD_SIZE);
	vw_ok(vw_scan_all(dev.fd, &scan, 16, &extents));
	assert_int_equal(extents.count, 0);
	vw_extents_free(&extents);
	for (size_t i = 0; i < 2 * PMD_SIZE; i += 32 * PAGE) {
		vw_ok(vw_walk(dev.fd, (uintptr_t)at + i, &walk));
		assert_int_equal(walk.stop, VMWALK_STOP_EMPTY);
		assert_int_equal(vw_pagemap_one(0, at + i) & (PM_PRESENT | PM_SWAP), 0);
	}
}
