// SPDX-License-Identifier: GPL-2.0
/*
 * POKE: the store that the driver makes to a program's memory, the page faults
 * that it takes, and the errors for bad pointers.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "harness.h"

#define SIZE	(16 * PAGE)

static struct vw_device dev;

#define expect_faults(at, wanted)	vw_expect(vw_poke_by_driver(dev.fd, at, '!'), wanted)
#define expect_efault(at)		vw_expect(vw_poke_by_driver(dev.fd, at, '!'), -EFAULT)

/* --- Faults --------------------------------------------------------------- */

/*
 * The driver's store must take the wanted number of faults of the device, and up
 * to @more that the core handles: in a group of contiguous entries, the core sets
 * all dirty bits at once.
 */
static void expect_faults_on_device_at(const char *file, int line, char *at, int wanted, int more)
{
	long long before = vw_stat(dev.n, "faults");
	int faults = vw_poke_by_driver(dev.fd, at, '!');

	if (faults > wanted && faults <= wanted + more)
		faults = wanted;
	vw_expect_at(file, line, "POKE", faults, wanted);
	vw_expect_at(file, line, "stats/faults", vw_stat(dev.n, "faults") - before, wanted);
	vw_expect_at(file, line, "the byte after POKE", vw_peek(at), '!');
}

#define expect_faults_on_device(at, wanted) \
	expect_faults_on_device_at(__FILE__, __LINE__, at, wanted, 0)
/* The first write to a page that the driver has mapped */
#define expect_faults_of_first_write(at, wanted) \
	expect_faults_on_device_at(__FILE__, __LINE__, at, wanted, vw_dirty_faults())

VW_TEST_ALL(an_untouched_page_of_a_fault_mapping_takes_one_fault)
{
	bool lazy = !strcmp(combo->mode, "fault");
	char *map;

	dev = vw_device_make_with("buffer_type", combo->type, "map_mode", combo->mode, "cache_mode",
				  combo->cache, "fault_around", vw_pages_text(1), NULL);
	map = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);
	expect_faults_of_first_write(map, lazy);
	expect_faults_on_device(map, 0);
	expect_faults_on_device(map + PAGE - 1, 0);
	expect_faults_of_first_write(map + PAGE, lazy);
	/* A page that the program has read, and one that it has written. */
	vw_peek(map + 4 * PAGE);
	expect_faults_of_first_write(map + 4 * PAGE + 5, 0);
	vw_poke(map + 5 * PAGE, 1);
	expect_faults_on_device(map + 5 * PAGE + 5, 0);
	/* A page that was unmapped, if the mapping supports MADV_DONTNEED. */
	if (madvise(map, PAGE, MADV_DONTNEED))
		return;
	expect_faults_of_first_write(map, 1);
	expect_faults_on_device(map, 0);
}

VW_TEST(a_fault_maps_the_fault_around_window)
{
	char *map;

	dev = vw_device_make_with("fault_around", "16K", NULL);
	map = vw_anon_aligned(SIZE, 64 * KIB);
	assert_true(mmap(map, SIZE, RW, MAP_SHARED | MAP_FIXED, dev.fd, 0) == map);
	expect_faults_of_first_write(map + 5 * PAGE, 1);
	expect_faults_on_device(map + 5 * PAGE + 1, 0);
	expect_faults_of_first_write(map + 4 * PAGE + 1, 0);
	expect_faults_of_first_write(map + 6 * PAGE + 1, 0);
	expect_faults_of_first_write(map + 7 * PAGE + 1, 0);
	expect_faults_of_first_write(map + 8 * PAGE, 1);
	expect_faults_of_first_write(map + 3 * PAGE, 1);
}

VW_TEST_ALL(with_track_dirty_the_first_write_takes_a_fault)
{
	bool lazy = !strcmp(combo->mode, "fault");
	/* Refcounted pages are mapped read-only first: two faults. */
	int first = lazy && vw_is_refcounted(combo) ? 2 : 1;
	/* The core sets the dirty bits of their entries. */
	int more = vw_is_refcounted(combo) ? 0 : vw_dirty_faults();
	__u64 bitmap = 0;
	struct vmwalk_dirty dirty = {
		.size = sizeof(dirty),
		.flags = VMWALK_DIRTY_CLEAR,
		.length = SIZE,
		.bitmap = (uintptr_t)&bitmap,
	};
	char *map;

	if (!strcmp(combo->type, "huge") && !strcmp(combo->mode, "insert"))
		vw_skip("this combination does not support track_dirty");
	dev = vw_device_make_with("buffer_type", combo->type, "map_mode", combo->mode, "cache_mode",
				  combo->cache, "fault_around", vw_pages_text(1), "track_dirty",
				  "1", NULL);
	map = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);
	expect_faults_on_device_at(__FILE__, __LINE__, map, first, more);
	expect_faults_on_device(map + 1, 0);
	/* A write to a page that was read takes one fault. */
	vw_peek(map + 2 * PAGE);
	expect_faults_on_device_at(__FILE__, __LINE__, map + 2 * PAGE, 1, more);
	expect_faults_on_device(map + 2 * PAGE, 0);
	vw_poke(map + 3 * PAGE, 1);
	expect_faults_on_device(map + 3 * PAGE, 0);
	vw_ok(vw_ioctl(dev.fd, VMWALK_IOC_DIRTY, &dirty));
	assert_int_equal(bitmap, 0xd);
	vw_ok(vw_ioctl(dev.fd, VMWALK_IOC_DIRTY, &dirty));
	assert_int_equal(bitmap, 0);
	/* Clearing write-protects the page: the next write faults again. */
	assert_true(vw_poke_by_driver(dev.fd, map + 3 * PAGE, '!') >= 1);
	expect_faults_on_device(map + 3 * PAGE, 0);
	vw_ok(vw_ioctl(dev.fd, VMWALK_IOC_DIRTY, &dirty));
	assert_int_equal(bitmap, 0x8);
}

static int poke_after_fork(void *arg)
{
	char *there = arg;

	/* The parent's page is shared until one of them writes. */
	vw_check_rc(vw_poke_by_driver(dev.fd, there, 'c'), 1);
	vw_check_rc(vw_poke_by_driver(dev.fd, there, 'd'), 0);
	vw_check(*there == 'd');
	return 0;
}

VW_TEST(other_memory_takes_as_many_faults_as_a_programs_store)
{
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC);
	char *there;

	dev = vw_device_make();
	/* Anonymous memory: absent, present, and the zero page. */
	there = vw_anon(8 * PAGE);
	madvise(there, 8 * PAGE, MADV_NOHUGEPAGE);
	expect_faults(there, 1);
	expect_faults(there + PAGE - 1, 0);
	vw_peek(there + PAGE);
	expect_faults(there + PAGE, 1);
	expect_faults(there + PAGE, 0);
	assert_true(there[0] == '!' && there[PAGE - 1] == '!' && there[PAGE] == '!');
	vw_in_child(poke_after_fork, there);
	assert_int_equal(there[0], '!');
	/* A transparent huge page. */
	there = vw_anon_aligned(PMD_SIZE, PMD_SIZE);
	if (!madvise(there, PMD_SIZE, MADV_HUGEPAGE)) {
		expect_faults(there + 5 * PAGE, 1);
		if (vw_pfn(there))
			expect_faults(there + 100 * PAGE, 0);
	}
	/* A file, shared and private. */
	assert_true(file >= 0 && !ftruncate(file, 2 * PAGE));
	there = vw_map(file, 2 * PAGE, 0, RW, MAP_SHARED);
	expect_faults(there, 1);
	expect_faults(there, 0);
	there = vw_map(file, 2 * PAGE, 0, RW, MAP_PRIVATE);
	expect_faults(there, 1);
	expect_faults(there, 0);
	close(file);
}

VW_TEST(a_swapped_page_takes_one_fault)
{
	char *there;

	dev = vw_device_make();
	there = vw_anon(PAGE);
	memset(there, 7, PAGE);
	if (!vw_swap_out(there, PAGE))
		vw_skip("the page could not be swapped out");
	expect_faults(there + 1, 1);
	assert_true(there[0] == 7 && there[1] == '!' && there[2] == 7);
}

VW_TEST(a_major_fault_is_counted_once)
{
	struct rusage before, after;
	struct vw_served served;
	char *there;

	dev = vw_device_make();
	vw_serve(&served, 7);
	there = served.at;
	getrusage(RUSAGE_THREAD, &before);
	expect_faults(there + 1, 1);
	getrusage(RUSAGE_THREAD, &after);
	vw_served(&served);
	/* The kernel counts a fault that waits as a major fault. */
	assert_int_equal(after.ru_majflt - before.ru_majflt, 1);
	expect_faults(there + 1, 0);
	assert_true(there[0] == 7 && there[1] == '!' && there[2] == 7);
}

/* --- The value ------------------------------------------------------------ */

VW_TEST(only_the_addressed_byte_changes)
{
	unsigned char *there, wanted[2 * PAGE];
	static const __u32 values[] = { 0, 1, 77, 127, 128, 255 };
	const size_t places[] = { 0, 1, 7, 8, PAGE - 1, PAGE, PAGE + 63, 2 * PAGE - 1 };

	dev = vw_device_make();
	there = vw_anon(2 * PAGE);
	for (size_t i = 0; i < COUNT(places); i++) {
		for (size_t j = 0; j < COUNT(values); j++) {
			memset(there, 0x55, 2 * PAGE);
			memset(wanted, 0x55, 2 * PAGE);
			wanted[places[i]] = values[j];
			vw_expect(vw_poke_by_driver(dev.fd, there + places[i], values[j]), 0);
			assert_memory_equal(there, wanted, 2 * PAGE);
		}
	}
}

VW_TEST(values_above_255_fail_with_einval)
{
	static const __u32 bad[] = { 256, 257, 0x180, 0xffff, 1U << 31, ~0U };
	char *there;

	dev = vw_device_make();
	there = vw_anon(PAGE);
	*there = 7;
	for (size_t i = 0; i < COUNT(bad); i++)
		vw_expect(vw_poke_by_driver(dev.fd, there, bad[i]), -EINVAL);
	for (int bit = 8; bit < 32; bit++)
		vw_expect(vw_poke_by_driver(dev.fd, there, 1U << bit | 5), -EINVAL);
	/* The value is validated before the address. */
	vw_expect(vw_poke_by_driver(dev.fd, NULL, 256), -EINVAL);
	assert_int_equal(*there, 7);
}

static int run_target(void *arg)
{
	vw_poke(arg, 1);
	vw_sync(0);
	vw_check(vw_peek(arg) == 1);
	return 0;
}

VW_TEST(poke_writes_to_the_caller_for_any_target)
{
	struct vw_child target;
	char text[32], *there;

	dev = vw_device_make();
	there = vw_anon(PAGE);
	target = vw_fork(run_target, there);
	vw_hear(&target);
	snprintf(text, sizeof(text), "%d", target.pid);
	vw_ok(vw_set("t", "target_pid", text));
	expect_faults(there, 1);
	assert_int_equal(*there, '!');
	vw_tell(&target, 0);
	vw_join_ok(&target);
	/* Nor does the target's exit matter. */
	expect_faults(there + 1, 0);
}

VW_TEST(any_open_mode_is_sufficient)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	char *there;

	dev = vw_device_make();
	there = vw_anon(PAGE);
	for (size_t i = 0; i < COUNT(modes); i++) {
		int other = vw_open(dev.n, modes[i]);

		assert_true(other >= 0);
		vw_expect(vw_poke_by_driver(other, there, i), !i);
		assert_int_equal(*there, i);
		close(other);
	}
}

/* --- Bad pointers --------------------------------------------------------- */

VW_TEST(bad_pointers_fail_with_efault_without_side_effects)
{
	const __u64 bad[] = {
		0, 1, PAGE - 1, 1ULL << 47, 1ULL << 56, 1ULL << 57, 1ULL << 62, 1ULL << 63,
		0x0000800000000000, 0x00ffffffffffffff, 0x7fffffffffffffff, 0xffff7fffffffffff,
		0xffff800000000000, 0xff11000000000000, 0xffff888000000000, 0xffffffff81000000,
		0xffffffffff600000, -PAGE, ~0ULL - 7, ~0ULL,
	};
	char *there;

	dev = vw_device_make();
	for (size_t i = 0; i < COUNT(bad); i++)
		expect_efault(vw_pointer(bad[i]));
	expect_efault(vw_pointer(vw_user_end()));
	expect_efault(vw_pointer(vw_user_end() + PAGE - 1));
	there = vw_anon(3 * PAGE);
	memset(there, 7, 3 * PAGE);
	munmap(there + PAGE, PAGE);
	expect_efault(there + PAGE);
	expect_efault(there + 2 * PAGE - 1);
	expect_faults(there + PAGE - 1, 0);
	expect_faults(there + 2 * PAGE, 0);
	/* The device still works. */
	expect_faults(there, 0);
}

VW_TEST(read_only_memory_fails_with_efault)
{
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC);
	char *there, *shared;

	dev = vw_device_make();
	there = vw_anon(PAGE);
	memset(there, 7, PAGE);
	vw_ok(vw_sys(mprotect(there, PAGE, PROT_READ)));
	expect_efault(there);
	assert_int_equal(*there, 7);
	vw_ok(vw_sys(mprotect(there, PAGE, PROT_NONE)));
	expect_efault(there);
	vw_ok(vw_sys(mprotect(there, PAGE, RW)));
	assert_int_equal(*there, 7);
	assert_true(vw_poke_by_driver(dev.fd, there, '!') >= 0 && *there == '!');
	/* Pages that were never present. */
	expect_efault(vw_map(-1, PAGE, 0, PROT_READ, ANON));
	expect_efault(vw_map(-1, PAGE, 0, PROT_NONE, ANON));
	/* Code and constants of the program. */
	expect_efault((void *)read_only_memory_fails_with_efault);
	expect_efault("constant");
	/* A read-only mapping of a file, and a page beyond the file's end. */
	assert_true(file >= 0 && !ftruncate(file, PAGE));
	shared = vw_map(file, 2 * PAGE, 0, RW, MAP_SHARED);
	*shared = 7;
	expect_efault(vw_map(file, PAGE, 0, PROT_READ, MAP_SHARED));
	assert_int_equal(*shared, 7);
	expect_efault(shared + PAGE);
	expect_faults(shared, 0);
	close(file);
}

VW_TEST_TYPICAL(a_read_only_mapping_of_the_buffer_fails_with_efault)
{
	long long failed;
	char *map;

	dev = vw_device_make_combo(combo, SIZE, "letters");
	map = vw_map(dev.fd, SIZE, 0, PROT_READ, MAP_SHARED);
	failed = vw_stat(dev.n, "failed_faults");
	for (int round = 0; round < 2; round++) {
		/* First not present, then present. */
		expect_efault(map);
		expect_efault(map + SIZE - 1);
		assert_true(vw_holds_fill(map, "letters", 0, SIZE));
	}
	/* The core rejects the write, so the device's counters don't change. */
	vw_expect_stat(dev.n, "write_faults", 0);
	vw_expect_stat(dev.n, "mkwrite_faults", 0);
	vw_expect_stat(dev.n, "failed_faults", failed);
}

VW_TEST_TYPICAL(the_buffers_kernel_address_fails_with_efault)
{
	struct vmwalk_locate location;
	char byte;

	dev = vw_device_make_combo(combo, SIZE, "letters");
	vw_ok(vw_locate(dev.fd, 0, &location));
	expect_efault(vw_pointer(location.kaddr));
	vw_expect(vw_sys(pread(dev.fd, &byte, 1, 0)), 1);
	assert_int_equal(byte, 'a');
}

VW_TEST(the_last_byte_of_user_space_can_be_written)
{
	char *last = vw_pointer(vw_user_end() - PAGE);

	dev = vw_device_make();
	expect_efault(last + PAGE - 1);
	if (mmap(last, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) != last)
		vw_skip("the last page of user space cannot be mapped");
	expect_faults(last + PAGE - 1, 1);
	assert_int_equal(last[PAGE - 1], '!');
	expect_efault(last + PAGE);
	munmap(last, PAGE);
	expect_efault(last + PAGE - 1);
}

VW_TEST(a_mapping_of_a_removed_instance_can_be_written)
{
	int other;
	char *map;

	dev = vw_device_make();
	other = vw_open_rw(vw_make("other", "size", vw_pages_text(16), "fill", "letters",
				   "fault_around", vw_pages_text(1),
				   NULL));
	map = vw_map(other, SIZE, 0, RW, MAP_SHARED);
	expect_faults(map, 1 + vw_dirty_faults());
	vw_ok(vw_rmdir("other"));
	expect_faults(map + PAGE, 1 + vw_dirty_faults());
	expect_faults(map + PAGE, 0);
	assert_true(map[PAGE] == '!' && map[PAGE + 1] == (char)vw_fill_byte("letters", PAGE + 1));
}
