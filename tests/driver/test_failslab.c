// SPDX-License-Identifier: GPL-2.0
/*
 * Fault injection: mkdir, live = 1, open, mmap, SCAN and DIRTY are repeated
 * with the first allocation failing, then the second, until all succeed. A call
 * that fails must have no side effects.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include "harness.h"

#define LIMIT	2000	/* more than the allocations of any call */

#define DEBUGFS	"/sys/kernel/debug"

/* Opened before injection starts, since open() allocates, too. */
static int nth_fd;

/* Makes the Nth next allocation or user copy of this task fail; 0: none. */
static void fail_nth(int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", nth);

	vw_expect(vw_sys(pwrite(nth_fd, text, len, 0)), len);
}

/*
 * Whether an injected failure has happened since fail_nth(). Turns injection
 * off. The read and the write of the number are user copies, too: if one of
 * them fails, the call has not failed.
 */
static bool has_failed(void)
{
	char text[16] = "";
	bool failed;

	failed = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 && !strcmp(text, "0\n");
	while (pwrite(nth_fd, "0", 1, 0) != 1)
		;
	return failed;
}

static void need_fault_injection(void)
{
	static const char * const kinds[] = { "failslab", "fail_page_alloc" };
	char path[128];

	if (!vw_exists(DEBUGFS "/failslab") || !vw_exists("/proc/self/fail-nth"))
		vw_skip("needs a kernel with fault injection");
	nth_fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	assert_true(nth_fd >= 0);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (!vw_exists(DEBUGFS "/fail_page_alloc") && i)
			continue;
		/* No messages; also fail allocations that may sleep. */
		snprintf(path, sizeof(path), DEBUGFS "/%s/verbose", kinds[i]);
		vw_ok(vw_file_write(path, "0"));
		snprintf(path, sizeof(path), DEBUGFS "/%s/ignore-gfp-wait", kinds[i]);
		vw_ok(vw_file_write(path, "N"));
		snprintf(path, sizeof(path), DEBUGFS "/%s/probability", kinds[i]);
		vw_ok(vw_file_write(path, "0"));
	}
	vw_file_write(DEBUGFS "/fail_page_alloc/min-order", "0");
	vw_file_write(DEBUGFS "/fail_page_alloc/ignore-gfp-highmem", "N");
	vw_file_write(DEBUGFS "/fail_usercopy/verbose", "0");
}

VW_TEST(a_failed_mkdir_has_no_effect)
{
	int rc, failures = 0, nth;

	need_fault_injection();
	for (nth = 1; nth < LIMIT; nth++) {
		fail_nth(nth);
		rc = vw_mkdir("t");
		if (!has_failed()) {
			vw_ok(rc);
			break;
		}
		if (rc) {
			failures++;
			assert_false(vw_exists(VW_CONFIGFS "/t"));
			vw_ok(vw_mkdir("t"));
		}
		vw_expect(vw_number("t"), 0);
		vw_expect_attr("t", "live", "0");
		vw_ok(vw_rmdir("t"));
	}
	print_message("# %d failure points, %d errors\n", nth - 1, failures);
	assert_true(nth < LIMIT && failures > 0);
	vw_ok(vw_set("t", "live", "1"));
}

static void set_live_at_each_failure(const struct vw_combo *combo, const char *bits)
{
	int rc, failures = 0, nth;
	struct vmwalk_info info;
	char byte;
	int fd;

	vw_make_pending("t", "buffer_type", combo->type, "map_mode", combo->mode, "cache_mode",
			combo->cache, "size", vw_pages_text(16), "fill", "letters", "track_dirty",
			"1", "address_bits", bits, NULL);
	for (nth = 1; nth < LIMIT; nth++) {
		fail_nth(nth);
		rc = vw_set("t", "live", "1");
		if (!has_failed()) {
			vw_ok(rc);
			break;
		}
		if (rc) {
			failures++;
			vw_expect_attr("t", "live", "0");
			assert_false(vw_exists("/dev/vmwalk0"));
			assert_false(vw_exists(VW_CLASS "/vmwalk0"));
			vw_expect_attr("t", "buffer_type", combo->type);
			vw_expect_attr("t", "size", "65536");
			vw_ok(vw_set("t", "live", "1"));
		}
		vw_expect_attr("t", "live", "1");
		fd = vw_open_rw(0);
		info = (struct vmwalk_info){ .size = sizeof(info) };
		vw_ok(vw_ioctl(fd, VMWALK_IOC_INFO, &info));
		vw_expect(vw_sys(pread(fd, &byte, 1, 27)), 1);
		vw_expect(byte, 'b');
		vw_expect_stat(0, "opens", 1);
		close(fd);
		vw_ok(vw_set("t", "live", "0"));
	}
	print_message("# %s %s, address_bits %s: %d failure points, %d errors\n", combo->type,
		      combo->cache, bits, nth - 1, failures);
	assert_true(nth < LIMIT && failures > 0);
	vw_ok(vw_rmdir("t"));
}

VW_TEST(a_failed_live_1_has_no_effect)
{
	need_fault_injection();
	/* The map mode does not change the allocations. */
	for (size_t i = 0; i < VW_COMBOS; i++)
		if (!strcmp(vw_combos[i].mode, "remap"))
			set_live_at_each_failure(&vw_combos[i], "64");
}

VW_TEST(a_failed_live_1_in_the_lowest_zone_has_no_effect)
{
	char bits[16];

	need_fault_injection();
	for (size_t i = 0; i < VW_COMBOS; i++) {
		if (strcmp(vw_combos[i].mode, "remap") || strcmp(vw_combos[i].cache, "wb"))
			continue;
		snprintf(bits, sizeof(bits), "%d", vw_smallest_bits(vw_combos[i].type));
		set_live_at_each_failure(&vw_combos[i], bits);
	}
}

VW_TEST(rmdir_and_live_0_need_no_memory)
{
	int rc, nth;

	need_fault_injection();
	for (int by_rmdir = 0; by_rmdir < 2; by_rmdir++) {
		for (nth = 1; nth < LIMIT; nth++) {
			bool failed;

			vw_make("t", "size", vw_pages_text(1), NULL);
			fail_nth(nth);
			rc = by_rmdir ? vw_rmdir("t") : vw_set("t", "live", "0");
			failed = has_failed();
			/* The VFS fails before it calls the driver. */
			if (rc && failed)
				assert_true(rc == -ENOMEM || rc == -EFAULT);
			else
				vw_ok(rc);
			if (vw_exists(VW_CONFIGFS "/t"))
				vw_ok(vw_rmdir("t"));
			assert_false(vw_exists("/dev/vmwalk0"));
			if (!failed)
				break;
		}
		assert_true(nth < LIMIT);
	}
}

VW_TEST_TYPICAL(failed_open_and_mmap_have_no_effect)
{
	int fd, nth, error, failures = 0;
	bool failed;
	char *map;

	need_fault_injection();
	vw_make("t", "buffer_type", combo->type, "map_mode", combo->mode, "cache_mode",
		combo->cache, "size", vw_pages_text(16), "fill", "letters", NULL);
	for (nth = 1; nth < LIMIT; nth++) {
		fail_nth(nth);
		fd = vw_open(0, O_RDWR);
		failed = has_failed();
		vw_expect_stat(0, "opens", fd >= 0);
		if (fd >= 0)
			close(fd);
		failures += fd < 0;
		if (!failed)
			break;
	}
	assert_true(nth < LIMIT && failures > 0);

	fd = vw_open_rw(0);
	failures = 0;
	for (nth = 1; nth < LIMIT; nth++) {
		fail_nth(nth);
		/* Far from other mappings: allocates tables of all levels. */
		map = mmap(vw_pointer(1UL << 45), 64 * KIB, RW, MAP_SHARED | MAP_FIXED, fd, 0);
		error = map == MAP_FAILED ? errno : 0;
		failed = has_failed();
		if (error) {
			failures++;
			assert_int_equal(error, ENOMEM);
			vw_expect_stat(0, "mappings", 0);
			vw_expect_stat(0, "mapped_pages", 0);
		} else {
			vw_expect_stat(0, "mappings", 1);
			assert_true(vw_holds_fill(map, "letters", 0, 64 * KIB));
			munmap(map, 64 * KIB);
		}
		if (!failed)
			break;
	}
	assert_true(nth < LIMIT && failures > 0);
	vw_expect_stat(0, "mapped_pages", 0);
}

/* Fails each allocation of an mmap() of a whole PMD and some pages. */
static void map_at_each_failure(const struct vw_buffer *buffer, int share, size_t skew)
{
	/* Far from other mappings: page tables of all levels are allocated. */
	char *at = vw_pointer((1UL << 45) + skew), *map;
	int nth, error, failures = 0;
	bool failed;

	for (nth = 1; nth < LIMIT; nth++) {
		fail_nth(nth);
		map = mmap(at, 3 * MIB, RW, share | MAP_FIXED, buffer->fd, 0);
		error = map == MAP_FAILED ? errno : 0;
		failed = has_failed();
		if (error) {
			failures++;
			vw_expect(-error, -ENOMEM);
			vw_buffer_expect_whole(buffer);
		} else {
			assert_true(vw_holds_fill(map, "letters", 0, 3 * MIB));
			munmap(map, 3 * MIB);
		}
		if (!failed)
			break;
	}
	print_message("# %d failure points, %d errors\n", nth - 1, failures);
	assert_true(nth < LIMIT && failures > 0);
	vw_buffer_expect_whole(buffer);
}

VW_TEST_ALL(a_failed_mmap_leaves_no_page_mapped)
{
	struct vw_buffer buffer;

	need_fault_injection();
	vw_buffer_make(&buffer, combo, 4 * MIB);
	for (size_t skew = 0; skew <= PAGE; skew += PAGE) {
		map_at_each_failure(&buffer, MAP_SHARED, skew);
		map_at_each_failure(&buffer, MAP_PRIVATE, skew);
	}
	vw_buffer_remove(&buffer);
}

VW_TEST(a_failed_scan_does_not_change_its_argument)
{
	struct vmwalk_extent vec[64];
	struct vmwalk_scan scan, before;
	int fd, nth, rc, failures = 0;
	char *at = vw_anon(64 * PAGE);

	need_fault_injection();
	memset(at, 1, 64 * PAGE);
	fd = vw_open_rw(vw_make("t", NULL));
	for (nth = 1; nth < LIMIT; nth++) {
		scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + 64 * PAGE);
		scan.vec = (uintptr_t)vec;
		scan.vec_len = COUNT(vec);
		before = scan;
		fail_nth(nth);
		rc = vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
		if (!has_failed())
			break;
		if (rc < 0) {
			failures++;
			assert_memory_equal(&before, &scan, sizeof(scan));
		}
	}
	assert_true(nth < LIMIT && rc > 0);
	print_message("# %d failure points, %d errors\n", nth - 1, failures);
}

VW_TEST_TYPICAL(a_failed_clear_loses_no_page)
{
	struct vmwalk_dirty dirty;
	int fd, nth, rc, failures = 0;
	__u64 bitmap[1];

	need_fault_injection();
	if (!strcmp(combo->type, "huge") && !strcmp(combo->mode, "insert"))
		return;		/* does not support track_dirty */
	fd = vw_open_rw(vw_make("t", "buffer_type", combo->type, "map_mode", combo->mode,
				"cache_mode", combo->cache, "size", vw_pages_text(16),
				"track_dirty", "1",
				NULL));
	for (nth = 1; nth < LIMIT; nth++) {
		vw_expect(vw_sys(pwrite(fd, "x", 1, 3 * PAGE)), 1);
		dirty = (struct vmwalk_dirty){
			.size = sizeof(dirty),
			.flags = VMWALK_DIRTY_CLEAR,
			.length = 64 * KIB,
			.bitmap = (uintptr_t)bitmap,
		};
		fail_nth(nth);
		rc = vw_ioctl(fd, VMWALK_IOC_DIRTY, &dirty);
		if (!has_failed())
			break;
		failures += rc < 0;
		vw_expect_stat(0, "dirty_pages", rc < 0);
	}
	assert_true(nth < LIMIT && failures > 0);
	vw_ok(rc);
	vw_expect(dirty.pages, 1);
	vw_expect_stat(0, "dirty_pages", 0);
}

VW_TEST(a_failed_attribute_write_keeps_the_value)
{
	static const char * const writes[][3] = {
		{ "size", "8K", "8192" }, { "fill", "digits", "digits" },
		{ "map_mode", "remap", "remap" }, { "address_bits", "32", "32" },
		{ "target_pid", "1", "1" }, { "fault_around", "4K", "4096" },
	};
	char before[64], after[64];
	int nth, rc;

	need_fault_injection();
	for (size_t i = 0; i < COUNT(writes); i++) {
		for (nth = 1; nth < LIMIT; nth++) {
			vw_ok(vw_mkdir("t"));
			vw_get("t", writes[i][0], before, sizeof(before));
			fail_nth(nth);
			rc = vw_set("t", writes[i][0], writes[i][1]);
			if (!has_failed()) {
				vw_ok(rc);
				vw_expect_attr("t", writes[i][0], writes[i][2]);
				break;
			}
			vw_get("t", writes[i][0], after, sizeof(after));
			assert_string_equal(after, rc ? before : writes[i][2]);
			vw_ok(vw_rmdir("t"));
		}
		assert_true(nth < LIMIT);
		vw_ok(vw_rmdir("t"));
	}
}
