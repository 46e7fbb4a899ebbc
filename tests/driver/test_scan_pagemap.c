// SPDX-License-Identifier: GPL-2.0
/*
 * SCAN with VMWALK_SCAN_PAGEMAP: limits, output, rights, and memory that changes
 * during the scan. test_pagemap compares the entries of whole processes.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "harness.h"

static struct vw_device dev;

/* Arguments for a number of pages at an address. */
static struct vmwalk_scan args(const void *at, size_t pages, void *vec)
{
	return (struct vmwalk_scan){
		.size = sizeof(struct vmwalk_scan),
		.flags = VMWALK_SCAN_PAGEMAP,
		.start = (uintptr_t)at,
		.end = (uintptr_t)at + pages * PAGE,
		.vec = (uintptr_t)vec,
		.vec_len = pages,
	};
}

static long long scan(struct vmwalk_scan *scan)
{
	return vw_ioctl(dev.fd, VMWALK_IOC_SCAN, scan);
}

static __u64 *new_entries(size_t count)
{
	__u64 *entries = calloc(count, sizeof(*entries));

	assert_non_null(entries);
	return entries;
}

/* The entries of pagemap, without bit 56. */
static __u64 *wanted_entries(const void *at, size_t pages)
{
	__u64 *entries = new_entries(pages);

	vw_expect(vw_pagemap(0, (uintptr_t)at, pages, entries), pages);
	for (size_t i = 0; i < pages; i++)
		entries[i] &= ~PM_EXCLUSIVE;
	return entries;
}

static void expect_same(const __u64 *got, const __u64 *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (got[i] != wanted[i])
			vw_fail("entry %zu is 0x%llx, pagemap has 0x%llx", i, got[i], wanted[i]);
}

#define PATTERN	"aaazaaz.npcpq..uuaawaaa.fsSf...."

VW_TEST(entries_of_a_mixed_region_match_pagemap)
{
	char *at = vw_mixed_region(PATTERN);
	__u64 *wanted, *got = new_entries(VW_MIXED);
	struct vmwalk_scan scan_args = args(at, VW_MIXED, got);

	dev = vw_device_make();
	wanted = wanted_entries(at, VW_MIXED);
	vw_expect(scan(&scan_args), VW_MIXED);
	vw_expect(scan_args.walk_end, scan_args.end);
	expect_same(got, wanted, VW_MIXED);
}

VW_TEST(short_arrays_give_the_same_entries)
{
	static const size_t lens[] = { 1, 2, 31, 32, 33, 511, 512, 513, 2047, 2048, 2049 };
	char *at = vw_mixed_region(PATTERN);
	__u64 *wanted, *got;

	dev = vw_device_make();
	wanted = wanted_entries(at, VW_MIXED);
	for (size_t i = 0; i < COUNT(lens); i++) {
		struct vmwalk_scan scan_args = args(at, VW_MIXED, NULL);
		size_t done = 0;

		got = new_entries(VW_MIXED + 1);
		while (done < VW_MIXED) {
			size_t want = VW_MIXED - done < lens[i] ? VW_MIXED - done : lens[i];

			scan_args.start = (uintptr_t)at + done * PAGE;
			scan_args.vec = (uintptr_t)(got + done);
			scan_args.vec_len = lens[i];
			/* No element beyond the returned number is written. */
			got[done + want] = 0x5a;
			vw_expect(scan(&scan_args), want);
			vw_expect(got[done + want], 0x5a);
			done += want;
			vw_expect(scan_args.walk_end, (uintptr_t)at + done * PAGE);
		}
		expect_same(got, wanted, VW_MIXED);
		free(got);
	}
}

VW_TEST(ranges_start_and_end_inside_a_huge_page)
{
	char *at = vw_huge_page(true);
	__u64 *wanted = wanted_entries(at, PTRS), got[PTRS];
	struct vmwalk_scan scan_args;

	dev = vw_device_make();
	for (size_t start = 0; start < PTRS; start += PTRS / 8) {
		size_t count = (PTRS - start) / 2 + 1;

		scan_args = args(at + start * PAGE, count, got);
		vw_expect(scan(&scan_args), count);
		expect_same(got, wanted + start, count);
	}
}

VW_TEST(an_end_inside_a_page_is_rounded_up)
{
	char *at = vw_anon(4 * PAGE);
	__u64 *wanted, got[4] = { 0 };
	struct vmwalk_scan scan_args = args(at, 4, got);

	dev = vw_device_make();
	memset(at, 1, 4 * PAGE);
	wanted = wanted_entries(at, 4);
	scan_args.end -= PAGE - 1;
	vw_expect(scan(&scan_args), 4);
	vw_expect(scan_args.walk_end, scan_args.end);
	expect_same(got, wanted, 4);
}

VW_TEST(an_empty_range_has_no_entries)
{
	__u64 got = 0x5a;
	struct vmwalk_scan scan_args = args(NULL, 0, &got);

	dev = vw_device_make();
	scan_args.vec_len = 1;
	vw_expect(scan(&scan_args), 0);
	vw_expect(got, 0x5a);
}

VW_TEST(entries_end_with_user_space)
{
	const __u64 end = vw_user_end();
	__u64 *got = new_entries(64);
	struct vmwalk_scan scan_args = args((void *)(uintptr_t)(end - 16 * PAGE), 64, got);

	dev = vw_device_make();
	scan_args.end = UINT64_MAX >> 8;
	vw_expect(scan(&scan_args), 16);
	vw_expect(scan_args.walk_end, UINT64_MAX >> 8);
}

VW_TEST(a_large_hole_is_filled_with_empty_entries)
{
	/* More pages than one hold of mmap_lock covers. */
	const size_t pages = 200000;
	char *at = mmap(NULL, pages * PAGE, PROT_READ, ANON | MAP_NORESERVE, -1, 0);
	__u64 *wanted, *got = new_entries(pages);
	struct vmwalk_scan scan_args = args(at, pages, got);

	assert_true(at != MAP_FAILED);
	dev = vw_device_make();
	/* Half of it is no mapping at all. */
	munmap(at, pages / 2 * PAGE);
	memset(got, 0x5a, pages * sizeof(*got));
	wanted = wanted_entries(at, pages);
	vw_expect(scan(&scan_args), pages);
	expect_same(got, wanted, pages);
}

VW_TEST(masks_and_max_pages_fail_with_einval)
{
	__u64 got = 0x5a;
	char *at = vw_anon(PAGE);
	struct vmwalk_scan scan_args;

	dev = vw_device_make();
	for (int i = 0; i < 5; i++) {
		__u64 *const fields[] = {
			&scan_args.category_inverted, &scan_args.category_mask,
			&scan_args.category_anyof_mask, &scan_args.return_mask,
			&scan_args.max_pages,
		};

		scan_args = args(at, 1, &got);
		*fields[i] = 1;
		vw_expect(scan(&scan_args), -EINVAL);
		vw_expect(got, 0x5a);
	}
}

VW_TEST(arrays_that_do_not_fit_fail)
{
	char *at = vw_anon(PAGE);
	struct vmwalk_scan scan_args = args(at, 1, at);

	dev = vw_device_make();
	scan_args.vec_len = UINT64_MAX / 8 + 1;
	vw_expect(scan(&scan_args), -EINVAL);
	scan_args.vec_len = 0;
	vw_expect(scan(&scan_args), -EINVAL);
	scan_args.vec_len = UINT64_MAX / 8;
	vw_expect(scan(&scan_args), -EFAULT);
	scan_args = args(at, 1, NULL);
	vw_expect(scan(&scan_args), -EFAULT);
	scan_args.flags |= VMWALK_SCAN_TO_BUFFER;
	scan_args.vec = 4;
	vw_expect(scan(&scan_args), -EINVAL);
	scan_args.vec = 16 * PAGE;
	vw_expect(scan(&scan_args), -EINVAL);
	scan_args.vec = 16 * PAGE - 8;
	vw_expect(scan(&scan_args), 1);
	scan_args.vec_len = 2;
	vw_expect(scan(&scan_args), -EINVAL);
}

VW_TEST(a_partly_mapped_array_fails_with_efault)
{
	char *at = vw_anon(4096 * PAGE), *vec = vw_anon(2 * PAGE);
	struct vmwalk_scan scan_args = args(at, 4096, vec);

	dev = vw_device_make();
	munmap(vec + PAGE, PAGE);
	vw_expect(scan(&scan_args), -EFAULT);
	scan_args.vec_len = PAGE / 8;
	vw_expect(scan(&scan_args), PAGE / 8);
}

VW_TEST_TYPICAL(to_buffer_stores_the_same_entries)
{
	char *at = vw_mixed_region(PATTERN), *map;
	__u64 *wanted = wanted_entries(at, VW_MIXED);
	struct vmwalk_scan scan_args = args(at, VW_MIXED, NULL);
	const size_t len = VW_MIXED * sizeof(__u64);

	dev = vw_device_make_combo(combo, ALIGN_UP(len + 64, PMD_SIZE), "zero");
	map = vw_map(dev.fd, ALIGN_UP(len + 64, PAGE), 0, PROT_READ, MAP_SHARED);
	scan_args.flags |= VMWALK_SCAN_TO_BUFFER;
	scan_args.vec = 24;
	vw_expect(scan(&scan_args), VW_MIXED);
	expect_same((__u64 *)(map + 24), wanted, VW_MIXED);
	/* Nothing before or after the array is written. */
	for (size_t i = 0; i < 24; i++)
		vw_expect(map[i], 0);
	for (size_t i = 24 + len; i < 64 + len; i++)
		vw_expect(map[i], 0);
}

VW_TEST(to_buffer_needs_a_file_open_for_writing)
{
	char *at = vw_anon(PAGE);
	struct vmwalk_scan scan_args = args(at, 1, NULL);
	int fd;

	dev = vw_device_make();
	fd = vw_open(dev.n, O_RDONLY);
	scan_args.flags |= VMWALK_SCAN_TO_BUFFER;
	vw_expect(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan_args), -EPERM);
	close(fd);
}

/* What pagemap hides of these pages, a scan hides, too. */
static int scan_without_rights(void *arg)
{
	const char *at = arg;
	__u64 *got = calloc(VW_MIXED, sizeof(*got)), *wanted = calloc(VW_MIXED, sizeof(*got));
	struct vmwalk_scan scan_args = args(at, VW_MIXED, got);
	size_t present = 0, swapped = 0;
	int fd;

	vw_check(got && wanted);
	vw_become(VW_NOBODY, 0);
	vw_check(!prctl(PR_SET_DUMPABLE, 1));
	fd = vw_open(dev.n, O_RDONLY);
	vw_check(fd >= 0);
	vw_check_rc(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan_args), VW_MIXED);
	vw_check_rc(vw_pagemap(0, (uintptr_t)at, VW_MIXED, wanted), VW_MIXED);
	for (size_t i = 0; i < VW_MIXED; i++) {
		vw_check_rc(got[i] & ~PM_EXCLUSIVE, wanted[i] & ~PM_EXCLUSIVE);
		vw_check(!PM_PFN(got[i]));
		present += !!(got[i] & PM_PRESENT);
		swapped += !!(got[i] & PM_SWAP);
	}
	vw_check(present);
	printf("# %zu pages present, %zu swapped out\n", present, swapped);
	return 0;
}

VW_TEST(without_rights_frames_are_hidden_as_in_pagemap)
{
	char path[32], *at = vw_mixed_region(PATTERN);

	dev = vw_device_make();
	snprintf(path, sizeof(path), "/dev/vmwalk%d", dev.n);
	vw_ok(vw_sys(chmod(path, 0666)));
	vw_in_child(scan_without_rights, at);
}

VW_TEST(the_counters_count_each_page_of_the_range)
{
	char *at = vw_anon(64 * PAGE);
	__u64 got[64];
	struct vmwalk_scan scan_args = args(at, 64, got);

	dev = vw_device_make();
	vw_poke(at, 1);
	vw_expect(scan(&scan_args), 64);
	vw_expect_stat(dev.n, "walks", 1);
	vw_expect_stat(dev.n, "walked_pages", 64);
	vw_expect_stat(dev.n, "extents", 0);
}

/* --- Memory that changes during the scan ---------------------------------- */

#define CHANGING	(4 * PTRS)

static bool stop_changing;

static void set_stop(bool stop)
{
	__atomic_store_n(&stop_changing, stop, __ATOMIC_RELAXED);
}

static bool must_stop(void)
{
	return __atomic_load_n(&stop_changing, __ATOMIC_RELAXED);
}

/*
 * Clears and restores protections: the pages are mapped all the time. The core
 * clears each entry for a moment.
 */
static void *change_protection(void *arg)
{
	char *at = arg;

	while (!must_stop()) {
		mprotect(at, CHANGING * PAGE, PROT_READ);
		mprotect(at, CHANGING * PAGE, RW);
		mprotect(at + PTRS * PAGE, PTRS * PAGE, PROT_NONE);
		mprotect(at + PTRS * PAGE, PTRS * PAGE, RW);
	}
	return NULL;
}

VW_TEST(pages_whose_protection_changes_are_never_missed)
{
	char *at = vw_anon_aligned(CHANGING * PAGE, PMD_SIZE);
	__u64 *wanted, *got = new_entries(CHANGING);
	struct vmwalk_scan scan_args = args(at, CHANGING, got);
	pthread_t thread;

	dev = vw_device_make();
	madvise(at, CHANGING * PAGE, MADV_NOHUGEPAGE);
	memset(at, 1, CHANGING * PAGE);
	vw_ok(vw_sys(mlock(at, CHANGING * PAGE)));
	wanted = wanted_entries(at, CHANGING);
	set_stop(false);
	assert_int_equal(pthread_create(&thread, NULL, change_protection, at), 0);
	for (int i = 0; i < 300; i++) {
		vw_expect(scan(&scan_args), CHANGING);
		for (size_t j = 0; j < CHANGING; j++)
			if ((got[j] ^ wanted[j]) & ~PM_SOFT_DIRTY) {
				set_stop(true);
				pthread_join(thread, NULL);
				vw_fail("run %d, page %zu: 0x%llx, wanted 0x%llx", i, j, got[j],
					wanted[j]);
			}
	}
	set_stop(true);
	pthread_join(thread, NULL);
}

/* Replaces pages by others, by the zero page, and by nothing. */
static void *replace_pages(void *arg)
{
	char *at = arg;
	size_t i = 0;

	while (!must_stop()) {
		i = (i + 7) % CHANGING;
		madvise(at + i * PAGE, 3 * PAGE, MADV_DONTNEED);
		vw_peek(at + i * PAGE);
		vw_poke(at + (i + 1) % CHANGING * PAGE, 1);
	}
	return NULL;
}

VW_TEST(entries_of_pages_that_are_replaced_are_valid)
{
	char *at = vw_anon_aligned((CHANGING + 3) * PAGE, PMD_SIZE);
	__u64 *got = new_entries(CHANGING);
	struct vmwalk_scan scan_args = args(at, CHANGING, got);
	pthread_t thread;

	dev = vw_device_make();
	madvise(at, CHANGING * PAGE, MADV_NOHUGEPAGE);
	memset(at, 1, CHANGING * PAGE);
	set_stop(false);
	assert_int_equal(pthread_create(&thread, NULL, replace_pages, at), 0);
	for (int i = 0; i < 300; i++) {
		vw_expect(scan(&scan_args), CHANGING);
		for (size_t j = 0; j < CHANGING; j++) {
			bool present = got[j] & PM_PRESENT;

			/* Anonymous memory: a page or nothing, never a file. */
			if (got[j] & (PM_FILE | PM_SWAP | PM_UFFD_WP) ||
			    present != !!PM_PFN(got[j]))
				vw_fail("run %d, page %zu: 0x%llx", i, j, got[j]);
		}
	}
	set_stop(true);
	pthread_join(thread, NULL);
}

/* The first write to a private file mapping makes its pages differ in kind. */
VW_TEST(the_first_private_copy_is_not_reported_as_file)
{
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC);
	__u64 *wanted, got[64];
	struct vmwalk_scan scan_args;
	char *at;

	assert_true(file >= 0);
	vw_ok(vw_sys(ftruncate(file, 64 * PAGE)));
	at = mmap(NULL, 64 * PAGE, RW, MAP_PRIVATE, file, 0);
	assert_true(at != MAP_FAILED);
	dev = vw_device_make();
	scan_args = args(at, 64, got);
	for (size_t i = 0; i < 64; i++) {
		vw_touch(at, 64 * PAGE);
		wanted = wanted_entries(at, 64);
		vw_expect(scan(&scan_args), 64);
		expect_same(got, wanted, 64);
		free(wanted);
		vw_poke(at + i * 5 % 64 * PAGE, 1);
	}
	close(file);
}
