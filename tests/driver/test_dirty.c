// SPDX-License-Identifier: GPL-2.0
/*
 * track_dirty and VMWALK_IOC_DIRTY: every written page is reported exactly
 * once, pages that were only read are not reported, and no write that races
 * with clearing is lost.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "harness.h"

#define PAGES	200UL
#define MAX_PAGES	2112UL	/* of any range here, a multiple of 64 */
#define WORDS(pages)	(((pages) + 63) / 64)

/* --- A tracked device ----------------------------------------------------- */

struct tracked {
	const struct vw_combo *combo;
	int n;
	int fd;
	char *map;			/* all of it, shared */
};

static struct tracked make_dev(const struct vw_combo *combo, size_t pages)
{
	struct tracked t = { .combo = combo };
	char size[32];
	void *addr;

	snprintf(size, sizeof(size), "%zu", pages * PAGE);
	t.n = vw_make("t", "buffer_type", combo->type, "map_mode", combo->mode, "cache_mode",
		      combo->cache, "size", size, "fill", "letters", "track_dirty", "1", NULL);
	t.fd = vw_open_rw(t.n);
	/* Aligned to 2 MiB, so that fault_around maps a known range. */
	addr = vw_anon_aligned(ALIGN_UP(pages * PAGE, PMD_SIZE), PMD_SIZE);
	munmap(addr, ALIGN_UP(pages * PAGE, PMD_SIZE));
	t.map = mmap(addr, pages * PAGE, RW, MAP_SHARED | MAP_FIXED, t.fd, 0);
	if (t.map == MAP_FAILED)
		vw_fail("mmap: %s", strerror(errno));
	return t;
}

static void remove_tracked(struct tracked *t, size_t pages)
{
	munmap(t->map, pages * PAGE);
	close(t->fd);
	vw_ok(vw_rmdir("t"));
}

/* The only valid combination that does not support track_dirty. */
static bool cannot_track(const struct vw_combo *combo)
{
	return !strcmp(combo->type, "huge") && !strcmp(combo->mode, "insert");
}

/* False if the combination does not support track_dirty. */
static bool make_tracked(const struct vw_combo *combo, struct tracked *t)
{
	char errmsg[512] = "";

	if (!cannot_track(combo)) {
		*t = make_dev(combo, PAGES);
		return true;
	}
	vw_make_pending("t", "buffer_type", combo->type, "map_mode", combo->mode, "track_dirty",
			"1", NULL);
	vw_expect(vw_set("t", "live", "1"), -EINVAL);
	vw_get("t", "last_error", errmsg, sizeof(errmsg));
	assert_non_null(strstr(errmsg, "track_dirty"));
	assert_non_null(strstr(errmsg, "huge"));
	vw_expect_attr("t", "live", "0");
	vw_expect_attr("t", "track_dirty", "1");
	vw_ok(vw_set("t", "track_dirty", "0"));
	vw_ok(vw_set("t", "live", "1"));
	return false;
}

static int get_dirty(int fd, size_t first, size_t count, __u32 flags, __u64 *bitmap, __u64 *pages)
{
	struct vmwalk_dirty dirty = {
		.size = sizeof(dirty),
		.flags = flags,
		.offset = first * PAGE,
		.length = count * PAGE,
		.bitmap = (uintptr_t)bitmap,
	};
	int rc = vw_ioctl(fd, VMWALK_IOC_DIRTY, &dirty);

	*pages = dirty.pages;
	return rc;
}

/* Expects the bits of a range of "set", which has one bit per buffer page. */
static void expect_range_at(const char *file, int line, const struct tracked *t, size_t first,
			    size_t count, __u32 flags, const __u64 *set)
{
	__u64 bitmap[MAX_PAGES / 64 + 1], pages, wanted = 0;

	memset(bitmap, 0xa5, sizeof(bitmap));
	vw_expect_at(file, line, "VMWALK_IOC_DIRTY",
		     get_dirty(t->fd, first, count, flags, bitmap, &pages), 0);
	for (size_t i = 0; i < WORDS(count) * 64; i++) {
		bool in = i < count && set[(first + i) / 64] >> (first + i) % 64 & 1;

		wanted += in;
		if ((bitmap[i / 64] >> i % 64 & 1) != in)
			vw_fail_at(file, line, "%zu pages from page %zu: page %zu is%s reported",
				   count, first, first + i, in ? " not" : "");
	}
	vw_expect_at(file, line, "pages", pages, wanted);
	if (bitmap[WORDS(count)] != 0xa5a5a5a5a5a5a5a5)
		vw_fail_at(file, line, "the call wrote past the end of the bitmap");
}

/* Expects exactly these pages of the whole buffer. */
static void expect_pages_at(const char *file, int line, const struct tracked *t, __u32 flags,
			    const size_t *pages, size_t count)
{
	__u64 set[WORDS(PAGES)] = { 0 };

	for (size_t i = 0; i < count; i++)
		set[pages[i] / 64] |= BIT_ULL(pages[i] % 64);
	vw_expect_at(file, line, "dirty_pages", vw_stat(t->n, "dirty_pages"), count);
	expect_range_at(file, line, t, 0, PAGES, flags, set);
	vw_expect_at(file, line, "dirty_pages afterwards", vw_stat(t->n, "dirty_pages"),
		     flags & VMWALK_DIRTY_CLEAR ? 0 : count);
}

#define expect_reported(t, flags, ...)							\
	expect_pages_at(__FILE__, __LINE__, t, flags, (const size_t []){ __VA_ARGS__ },	\
			sizeof((const size_t []){ __VA_ARGS__ }) / sizeof(size_t))

/* Expects these pages up to the first call that clears, then none. */
#define expect_once(t, ...)						\
	do {								\
		expect_reported(t, 0, __VA_ARGS__);			\
		expect_reported(t, 0, __VA_ARGS__);			\
		expect_reported(t, VMWALK_DIRTY_CLEAR, __VA_ARGS__);	\
		expect_none(t);						\
	} while (0)

#define expect_none(t)	expect_pages_at(__FILE__, __LINE__, t, VMWALK_DIRTY_CLEAR, NULL, 0)

static void write_page(const struct tracked *t, size_t page)
{
	vw_poke(t->map + page * PAGE + 100, vw_peek(t->map + page * PAGE + 100) + 1);
}

/* --- Reported pages ------------------------------------------------------- */

VW_TEST_ALL(pages_that_are_only_read_are_not_reported)
{
	static const int flags[] = { 0, MAP_POPULATE, MAP_LOCKED };
	struct tracked t;
	char data[PAGE];
	char *map;

	if (!make_tracked(combo, &t))
		return;
	expect_none(&t);
	for (size_t i = 0; i < COUNT(flags); i++) {
		map = vw_map(t.fd, PAGES * PAGE, 0, RW, MAP_SHARED | flags[i]);
		assert_true(vw_holds_fill(map, "letters", 0, 3 * PAGE));
		for (size_t j = 0; j < PAGES; j++) {
			vw_peek(map + j * PAGE);
			vw_expect(vw_sys(pread(t.fd, data, PAGE, j * PAGE)), PAGE);
		}
		vw_ok(vw_sys(mprotect(map, PAGES * PAGE, PROT_READ)));
		vw_ok(vw_sys(mprotect(map, PAGES * PAGE, RW)));
		vw_expect(vw_stat(t.n, "mapped_pages") % PAGES, 0);
		munmap(map, PAGES * PAGE);
		expect_none(&t);
	}
	/* Failed writes are not reported either. */
	vw_expect(vw_sys(pwrite(t.fd, data, PAGE, PAGES * PAGE)), -ENOSPC);
	vw_expect(vw_sys(pwrite(t.fd, vw_pointer(8), PAGE, 3 * PAGE)), -EFAULT);
	vw_expect(vw_sys(pwrite(t.fd, data, 0, 3 * PAGE)), 0);
	expect_none(&t);
}

static int write_when_told(void *arg)
{
	struct tracked *t = arg;

	for (__u64 page = vw_sync(0); page < PAGES; page = vw_sync(0))
		write_page(t, page);
	return 0;
}

static int write_through_own_mapping(void *arg)
{
	const struct tracked *t = arg;
	int fd = vw_open(t->n, O_RDWR);
	char *map = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 4 * PAGE);

	vw_check(map != MAP_FAILED);
	vw_poke(map + PAGE, 1);
	return 0;
}

VW_TEST_ALL(every_kind_of_write_is_reported_once)
{
	char *partial = vw_anon(2 * PAGE), *area = vw_anon(8 * PAGE);
	struct vw_child child;
	struct tracked t;

	if (!make_tracked(combo, &t))
		return;
	munmap(partial + PAGE, PAGE);
	child = vw_fork(write_when_told, &t);
	vw_hear(&child);

	/* One mapping, repeatedly. */
	write_page(&t, 1);
	write_page(&t, 1);
	expect_once(&t, 1);
	write_page(&t, 1);
	write_page(&t, PAGES - 1);
	write_page(&t, 0);
	expect_once(&t, 0, 1, PAGES - 1);

	/* A running process, and one that has exited. */
	vw_tell(&child, 3);
	vw_hear(&child);
	expect_once(&t, 3);
	write_page(&t, 3);
	vw_tell(&child, 2);
	vw_hear(&child);
	vw_tell(&child, PAGES);
	vw_join_ok(&child);
	vw_in_child(write_through_own_mapping, &t);
	expect_once(&t, 2, 3, 5);

	/* write(2), across a page boundary and up to a bad address. */
	vw_expect(vw_sys(pwrite(t.fd, "vmwalk", 6, 8 * PAGE - 3)), 6);
	vw_expect(vw_sys(pwrite(t.fd, partial, 2 * PAGE, 10 * PAGE)), PAGE);
	vw_expect(vw_sys(pwrite(t.fd, partial, PAGE, PAGES * PAGE - 10)), 10);
	expect_once(&t, 7, 8, 10, PAGES - 1);

	/* The driver itself: SCAN to the buffer. */
	for (size_t i = 0; i < 8; i += 2)
		vw_poke(area + i * PAGE, 1);
	for (size_t i = 0; i < 2; i++) {
		struct vmwalk_scan scan = vw_scan_args((uintptr_t)area, (uintptr_t)area + 8 * PAGE);

		scan.flags = VMWALK_SCAN_TO_BUFFER;
		scan.vec = i ? 12 * PAGE : 15 * PAGE - sizeof(struct vmwalk_extent);
		scan.vec_len = 4 * (PAGE / sizeof(struct vmwalk_extent));
		vw_expect(vw_ioctl(t.fd, VMWALK_IOC_SCAN, &scan), 4);
	}
	expect_once(&t, 12, 14, 15);
	write_page(&t, 12);
	expect_once(&t, 12);
}

VW_TEST_ALL(writes_to_private_mappings_are_not_reported)
{
	struct tracked t;
	char *map;

	if (!make_tracked(combo, &t))
		return;
	for (int populate = 0; populate < 2; populate++) {
		map = vw_map(t.fd, PAGES * PAGE, 0, RW,
			     MAP_PRIVATE | (populate ? MAP_POPULATE : 0));
		vw_peek(map);
		for (size_t i = 0; i < PAGES; i++)
			vw_poke(map + i * PAGE, '!');
		expect_none(&t);
		assert_true(vw_holds_fill(t.map, "letters", 0, PAGE));
		/* Clearing unmaps pages of the buffer, but no copies. */
		write_page(&t, 4);
		expect_once(&t, 4);
		for (size_t i = 0; i < PAGES; i++)
			assert_int_equal(vw_peek(map + i * PAGE), '!');
		vw_ok(vw_sys(munmap(map, PAGES * PAGE)));
		expect_none(&t);
	}
}

VW_TEST_ALL(writes_are_reported_after_changes_of_the_mapping)
{
	struct vw_child child;
	struct tracked t;
	char *addr;

	if (!make_tracked(combo, &t))
		return;
	/* mprotect() on pages that were cleared, read, and written. */
	write_page(&t, 1);
	expect_once(&t, 1);
	vw_peek(t.map + 2 * PAGE);
	write_page(&t, 3);
	vw_ok(vw_sys(mprotect(t.map, PAGES * PAGE, PROT_READ)));
	expect_once(&t, 3);
	vw_ok(vw_sys(mprotect(t.map, PAGES * PAGE, RW)));
	expect_none(&t);
	for (size_t i = 1; i <= 3; i++)
		write_page(&t, i);
	expect_once(&t, 1, 2, 3);
	vw_ok(vw_sys(mprotect(t.map, PAGES * PAGE, PROT_NONE)));
	vw_ok(vw_sys(mprotect(t.map, PAGES * PAGE, RW)));
	write_page(&t, 2);
	expect_once(&t, 2);

	/* fork() copies a writable entry. */
	write_page(&t, 5);
	child = vw_fork(write_when_told, &t);
	vw_hear(&child);
	expect_once(&t, 5);
	vw_tell(&child, 5);
	vw_hear(&child);
	expect_once(&t, 5);
	write_page(&t, 5);
	expect_once(&t, 5);
	vw_kill(&child);
	expect_none(&t);

	/* mremap(), munmap() and MADV_DONTNEED */
	write_page(&t, 6);
	addr = vw_anon(PAGES * PAGE);
	assert_ptr_equal(mremap(t.map, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				addr), addr);
	t.map = addr;
	expect_once(&t, 6);
	write_page(&t, 6);
	vw_ok(vw_sys(munmap(t.map + 6 * PAGE, PAGE)));
	write_page(&t, 7);
	write_page(&t, 5);
	expect_once(&t, 5, 6, 7);
	write_page(&t, 8);
	madvise(t.map + 7 * PAGE, 10 * PAGE, MADV_DONTNEED);
	expect_once(&t, 8);
	write_page(&t, 8);
	write_page(&t, 9);
	vw_ok(vw_sys(munmap(t.map, PAGES * PAGE)));
	expect_once(&t, 8, 9);
}

VW_TEST_TYPICAL(writes_by_process_vm_writev_are_reported)
{
	struct vw_child child;
	struct iovec local = { "x", 1 }, remote;
	struct tracked t;

	if (!make_tracked(combo, &t))
		return;
	child = vw_fork(write_when_told, &t);
	vw_hear(&child);
	for (int round = 0; round < 2; round++) {
		remote = (struct iovec){ t.map + 9 * PAGE + round, 1 };
		vw_expect(vw_sys(process_vm_writev(child.pid, &local, 1, &remote, 1, 0)),
			  vw_is_refcounted(t.combo) ? 1 : -EFAULT);
		if (vw_is_refcounted(t.combo))
			expect_once(&t, 9);
		else
			expect_none(&t);
	}
}

/* --- Counters ------------------------------------------------------------- */

static void expect_faults_at(const char *file, int line, const struct tracked *t, long long read,
			     long long write, long long mkwrite)
{
	char path[128];

	vw_expect_at(file, line, "read_faults", vw_stat(t->n, "read_faults"), read);
	vw_expect_at(file, line, "write_faults", vw_stat(t->n, "write_faults"), write);
	vw_expect_at(file, line, "mkwrite_faults", vw_stat(t->n, "mkwrite_faults"), mkwrite);
	vw_expect_at(file, line, "faults", vw_stat(t->n, "faults"), read + write + mkwrite);
	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/stats/reset", t->n);
	vw_expect_at(file, line, "reset", vw_file_write(path, "1"), 0);
}

#define expect_faults(t, read, write, mkwrite) \
	expect_faults_at(__FILE__, __LINE__, t, read, write, mkwrite)

VW_TEST_ALL(first_writes_cause_the_expected_faults)
{
	struct tracked t;
	bool lazy, pages;
	char byte;

	if (!make_tracked(combo, &t))
		return;
	lazy = !strcmp(t.combo->mode, "fault");
	/*
	 * For a page, the kernel calls page_mkwrite() after the fault. A PFN is
	 * mapped writable by the fault.
	 */
	pages = vw_is_refcounted(t.combo);

	vw_peek(t.map + 20 * PAGE);
	expect_faults(&t, lazy, 0, 0);
	vw_poke(t.map + 20 * PAGE, 1);
	expect_faults(&t, 0, 0, 1);
	vw_poke(t.map + 20 * PAGE + 1, 1);
	vw_peek(t.map + 20 * PAGE);
	expect_faults(&t, 0, 0, 0);
	vw_poke(t.map + 100 * PAGE, 1);
	expect_faults(&t, 0, lazy, !lazy || pages);

	/* A call without CLEAR changes nothing. */
	expect_reported(&t, 0, 20, 100);
	vw_poke(t.map + 20 * PAGE, 2);
	expect_faults(&t, 0, 0, 0);

	/* Clearing unmaps all pages from the first to the last reported one. */
	expect_once(&t, 20, 100);
	vw_peek(t.map + 19 * PAGE);
	vw_peek(t.map + 101 * PAGE);
	expect_faults(&t, 0, 0, 0);
	vw_poke(t.map + 100 * PAGE, 3);
	expect_faults(&t, 0, 1, pages);
	vw_peek(t.map + 21 * PAGE);
	expect_faults(&t, 1, 0, 0);
	vw_poke(t.map + 20 * PAGE, 3);
	expect_faults(&t, 0, 0, 1);

	/* write(2) causes no faults. */
	vw_expect(vw_sys(pwrite(t.fd, "x", 1, 50 * PAGE)), 1);
	vw_expect(vw_sys(pread(t.fd, &byte, 1, 50 * PAGE)), 1);
	expect_faults(&t, 0, 0, 0);
	expect_once(&t, 20, 50, 100);
	vw_expect_stat(t.n, "failed_faults", 0);
}

/* --- Ranges --------------------------------------------------------------- */

VW_TEST(a_call_reports_and_clears_only_its_range)
{
	static const size_t ranges[][2] = {
		/* first page, number of pages */
		{ 0, 1 }, { 0, 64 }, { 63, 2 }, { 1, 64 }, { 65, 1 }, { 60, 70 }, { 130, 70 },
		{ 199, 1 }, { 1000, 100 }, { 1023, 2 }, { 7, 1024 }, { 1001, 1030 }, { 3, 2097 },
		{ 2047, 53 }, { 0, 2100 },
	};
	static const size_t written[] = {
		0, 1, 62, 63, 64, 65, 66, 127, 128, 129, 130, 199, 200, 999, 1000, 1022, 1023, 1024,
		1025, 1030, 1031, 2030, 2031, 2046, 2047, 2048, 2049, 2098, 2099,
	};
	static const struct vw_combo combos[] = {
		{ .type = "vmalloc", .mode = "remap", .cache = "wb" },
		{ .type = "vmalloc", .mode = "fault", .cache = "wb" },
		{ .type = "huge", .mode = "fault", .cache = "wb" },
	};
	__u64 set[WORDS(MAX_PAGES)] = { 0 }, rest[WORDS(MAX_PAGES)];
	struct tracked t;

	for (size_t i = 0; i < COUNT(written); i++)
		set[written[i] / 64] |= BIT_ULL(written[i] % 64);
	for (size_t c = 0; c < COUNT(combos); c++) {
		t = make_dev(&combos[c], 2100);
		for (size_t w = 0; w < COUNT(ranges); w++) {
			size_t first = ranges[w][0], count = ranges[w][1];

			for (size_t i = 0; i < COUNT(written); i++)
				write_page(&t, written[i]);
			vw_expect_stat(t.n, "dirty_pages", COUNT(written));
			expect_range_at(__FILE__, __LINE__, &t, first, count, 0, set);
			expect_range_at(__FILE__, __LINE__, &t, first, count, VMWALK_DIRTY_CLEAR,
					set);
			memcpy(rest, set, sizeof(rest));
			for (size_t i = first; i < first + count; i++)
				rest[i / 64] &= ~BIT_ULL(i % 64);
			expect_range_at(__FILE__, __LINE__, &t, 0, 2100, 0, rest);
		}
		remove_tracked(&t, 2100);
	}
}

/* --- Errors --------------------------------------------------------------- */

VW_TEST_TYPICAL(a_failed_call_loses_no_page)
{
	struct vmwalk_dirty dirty = { .size = sizeof(dirty), .length = PAGES * PAGE }, before;
	struct vmwalk_dirty *read_only = vw_anon(PAGE);
	char *partial = vw_anon(2 * PAGE);
	__u64 bitmap[WORDS(PAGES)];
	struct tracked t;

	if (!make_tracked(combo, &t))
		return;
	munmap(partial + PAGE, PAGE);
	write_page(&t, 3);
	write_page(&t, 150);
	for (int clear = 0; clear < 2; clear++) {
		const void *bad[] = { NULL, vw_pointer(8), partial + PAGE - 8, partial + PAGE,
				      vw_pointer(-PAGE) };

		dirty.flags = clear ? VMWALK_DIRTY_CLEAR : 0;
		for (size_t i = 0; i < COUNT(bad); i++) {
			dirty.bitmap = (uintptr_t)bad[i];
			before = dirty;
			vw_expect(vw_ioctl(t.fd, VMWALK_IOC_DIRTY, &dirty), -EFAULT);
			assert_memory_equal(&before, &dirty, sizeof(dirty));
			expect_reported(&t, 0, 3, 150);
		}

		/* Only the structure cannot be written. */
		dirty.bitmap = (uintptr_t)bitmap;
		vw_ok(vw_sys(mprotect(read_only, PAGE, RW)));
		*read_only = dirty;
		vw_ok(vw_sys(mprotect(read_only, PAGE, PROT_READ)));
		vw_expect(vw_ioctl(t.fd, VMWALK_IOC_DIRTY, read_only), -EFAULT);
		expect_reported(&t, 0, 3, 150);

		write_page(&t, 3);
		expect_reported(&t, 0, 3, 150);
	}
	expect_once(&t, 3, 150);
}

VW_TEST(invalid_arguments_fail_and_change_nothing)
{
	const struct vmwalk_dirty bad[] = {
		{ .offset = 1, .length = PAGE },
		{ .offset = 0, .length = 0 },
		{ .offset = 0, .length = 1 },
		{ .offset = 0, .length = PAGE + 8 },
		{ .offset = PAGE - 1, .length = PAGE },
		{ .offset = 0, .length = (PAGES + 1) * PAGE },
		{ .offset = (PAGES - 1) * PAGE, .length = 2 * PAGE },
		{ .offset = PAGES * PAGE, .length = PAGE },
		{ .offset = PAGES * PAGE, .length = 0 },
		{ .offset = -PAGE, .length = PAGE },
		{ .offset = -PAGE, .length = 2 * PAGE },
		{ .offset = PAGE, .length = -PAGE },
		{ .offset = 0, .length = BIT_ULL(63) },
		{ .flags = 2, .length = PAGE },
		{ .flags = BIT_ULL(31), .length = PAGE },
		{ .flags = VMWALK_DIRTY_CLEAR | 4, .length = PAGE },
	};
	struct vmwalk_dirty dirty, before;
	__u64 bitmap[WORDS(PAGES) + 1];
	struct tracked t;

	t = make_dev(&(struct vw_combo){ .type = "vmalloc", .mode = "fault", .cache = "wb" },
		     PAGES);
	write_page(&t, 0);
	write_page(&t, PAGES - 1);
	memset(bitmap, 0xa5, sizeof(bitmap));
	for (size_t i = 0; i < COUNT(bad); i++) {
		for (int clear = 0; clear < 2; clear++) {
			dirty = bad[i];
			dirty.size = sizeof(dirty);
			dirty.flags |= clear ? VMWALK_DIRTY_CLEAR : 0;
			dirty.bitmap = (uintptr_t)bitmap;
			dirty.pages = 12345;
			before = dirty;
			if (vw_ioctl(t.fd, VMWALK_IOC_DIRTY, &dirty) != -EINVAL)
				vw_fail("invalid argument %zu is accepted", i);
			assert_memory_equal(&before, &dirty, sizeof(dirty));
		}
	}
	for (size_t i = 0; i < COUNT(bitmap); i++)
		assert_true(bitmap[i] == 0xa5a5a5a5a5a5a5a5);
	expect_once(&t, 0, PAGES - 1);
}

VW_TEST(clearing_needs_a_file_open_for_writing)
{
	__u64 bitmap[WORDS(PAGES)] = { 0 }, pages;
	struct tracked t;
	int fd;

	t = make_dev(&(struct vw_combo){ .type = "pages", .mode = "fault", .cache = "wb" }, PAGES);
	write_page(&t, 7);
	fd = vw_open(t.n, O_RDONLY);
	vw_expect(get_dirty(fd, 0, PAGES, VMWALK_DIRTY_CLEAR, bitmap, &pages), -EPERM);
	vw_expect(bitmap[0], 0);
	vw_ok(get_dirty(fd, 0, PAGES, 0, bitmap, &pages));
	vw_expect(bitmap[0], BIT_ULL(7));
	vw_expect(pages, 1);
	close(fd);
	fd = vw_open(t.n, O_WRONLY);
	vw_ok(get_dirty(fd, 0, PAGES, VMWALK_DIRTY_CLEAR, bitmap, &pages));
	vw_expect(pages, 1);
	expect_none(&t);
}

/*
 * Old kernels do not unmap refcounted pages of a file mapping. There the driver
 * rejects track_dirty for all refcounted pages.
 */
VW_TEST(track_dirty_is_rejected_for_huge_insert_or_for_all_refcounted_pages)
{
	size_t refused = 0, refcounted = 0;
	char errmsg[512];

	for (size_t i = 0; i < VW_COMBOS; i++) {
		const struct vw_combo *combo = &vw_combos[i];

		refcounted += vw_is_refcounted(combo);
		vw_make_pending("t", "buffer_type", combo->type, "map_mode", combo->mode,
				"cache_mode", combo->cache, "track_dirty", "1", NULL);
		if (vw_set("t", "live", "1")) {
			refused++;
			assert_true(vw_is_refcounted(combo));
			assert_true(vw_get("t", "last_error", errmsg, sizeof(errmsg)) > 0);
			assert_non_null(strstr(errmsg, "track_dirty"));
		} else {
			assert_false(cannot_track(combo));
		}
		vw_ok(vw_rmdir("t"));
	}
	assert_true(refused == 1 || refused == refcounted);
}

/* --- The test of the kernel when a device is published -------------------- */

static void *fork_repeatedly(void *arg)
{
	const bool *stop = arg;
	pid_t pid;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		pid = fork();
		if (!pid)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	return NULL;
}

/* Unmaps every mapping of a vmwalk file as soon as it shows up. */
static void *unmap_repeatedly(void *arg)
{
	const bool *stop = arg;
	unsigned long start, end;
	char line[512];
	FILE *maps;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		maps = fopen("/proc/self/maps", "re");
		while (maps && fgets(line, sizeof(line), maps))
			if (strstr(line, "/vmwalk (deleted)") &&
			    sscanf(line, "%lx-%lx", &start, &end) == 2)
				munmap((void *)start, end - start);
		if (maps)
			fclose(maps);
	}
	return NULL;
}

static void publish_beside(void *(*other)(void *), int allowed)
{
	int err, published = 0;
	bool stop = false;
	pthread_t thread;

	vw_make_pending("t", "buffer_type", "pages", "map_mode", "insert", "track_dirty", "1",
			NULL);
	err = vw_set("t", "live", "1");
	if (err == -EOPNOTSUPP)
		vw_skip("track_dirty does not support map_mode insert on this kernel");
	vw_ok(err);
	vw_set_ok("t", "live", "0");

	vw_ok(pthread_create(&thread, NULL, other, &stop));
	for (int i = 0; i < 200; i++) {
		err = vw_set("t", "live", "1");
		if (err)
			vw_expect(err, allowed);
		if (err)
			continue;
		published++;
		vw_expect_stat(vw_number("t"), "mappings", 0);
		vw_expect_stat(vw_number("t"), "mapped_pages", 0);
		vw_set_ok("t", "live", "0");
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(published > 0);
	vw_ok(vw_rmdir("t"));
}

VW_TEST(a_device_published_while_threads_fork_has_no_mapping)
{
	publish_beside(fork_repeatedly, 0);
}

VW_TEST(a_device_published_while_threads_unmap_its_page_has_no_mapping)
{
	publish_beside(unmap_repeatedly, -EAGAIN);
}

VW_TEST_TYPICAL(without_track_dirty_calls_fail_with_enodata)
{
	__u64 bitmap[1] = { 5 }, pages;
	int n = vw_make_combo(combo, 64 * PAGE, "zero");
	int fd = vw_open_rw(n);

	vw_expect(vw_sys(pwrite(fd, "x", 1, 0)), 1);
	vw_expect(get_dirty(fd, 0, 64, 0, bitmap, &pages), -ENODATA);
	vw_expect(get_dirty(fd, 0, 64, VMWALK_DIRTY_CLEAR, bitmap, &pages), -ENODATA);
	vw_expect(bitmap[0], 5);
	vw_expect_stat(n, "dirty_pages", 0);
	vw_expect_stat(n, "mkwrite_faults", 0);
}

VW_TEST_TYPICAL(after_rmdir_mappings_are_writable_and_calls_fail)
{
	__u64 bitmap[WORDS(PAGES)], pages;
	struct tracked t;

	if (!make_tracked(combo, &t))
		return;
	vw_peek(t.map);
	write_page(&t, 1);
	vw_ok(vw_rmdir("t"));
	vw_expect(get_dirty(t.fd, 0, PAGES, VMWALK_DIRTY_CLEAR, bitmap, &pages), -ENODEV);
	for (size_t i = 0; i < PAGES; i++)
		write_page(&t, i);
	vw_expect(get_dirty(t.fd, 0, PAGES, 0, bitmap, &pages), -ENODEV);
	munmap(t.map, PAGES * PAGE);
	close(t.fd);
}

/* Writing the bitmap makes its own page dirty for the next call. */
VW_TEST_TYPICAL(the_bitmap_can_be_in_a_mapping_of_the_buffer)
{
	struct tracked t;
	__u64 pages, *bitmap;

	if (!make_tracked(combo, &t))
		return;
	bitmap = (__u64 *)(t.map + 33 * PAGE);
	write_page(&t, 2);
	vw_ok(get_dirty(t.fd, 0, PAGES, VMWALK_DIRTY_CLEAR, bitmap, &pages));
	vw_expect(pages, 1);
	vw_expect(bitmap[0], BIT_ULL(2));
	expect_once(&t, 33);
}

/* --- Races ---------------------------------------------------------------- */

#define HOT	12UL		/* pages that all writers use */
#define WRITERS	2

struct shared {
	bool stop;
	__u64 stores[WRITERS];
};

struct writer {
	const struct tracked *t;
	struct shared *shared;
	int which;
};

/*
 * Each writer has a slot in each page and stores ascending values there. A
 * third of the pages belongs to each writer alone: a lost write is not hidden
 * by a fault of the other writer.
 */
static __u64 *slot(const struct tracked *t, size_t page, int writer)
{
	return (__u64 *)(t->map + page * PAGE) + writer * 16;
}

static void *keep_writing(void *arg)
{
	struct writer *writer = arg;
	unsigned int random = writer->which;
	__u64 value = 1;
	cpu_set_t cpus;
	size_t page;

	CPU_ZERO(&cpus);
	CPU_SET(writer->which, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	while (!__atomic_load_n(&writer->shared->stop, __ATOMIC_RELAXED)) {
		random = random * 1103515245 + 12345;
		page = (random >> 16) % (HOT * 2 / 3);
		if (page < HOT / 3)
			page += writer->which * (HOT / 3);
		else
			page += HOT / 3;
		__atomic_store_n(slot(writer->t, page, writer->which), value, __ATOMIC_RELAXED);
		/* There are more runnable tasks than CPUs. */
		if (!(value++ % 256)) {
			__atomic_store_n(&writer->shared->stores[writer->which], value,
					 __ATOMIC_RELAXED);
			sched_yield();
		}
	}
	return NULL;
}

static int keep_writing_in_child(void *arg)
{
	keep_writing(arg);
	return 0;
}

/* Clears, copies the reported pages, and returns their number. */
static __u64 collect(const struct tracked *t, __u64 copy[HOT][WRITERS])
{
	__u64 bitmap[1], pages;

	vw_ok(get_dirty(t->fd, 0, HOT, VMWALK_DIRTY_CLEAR, bitmap, &pages));
	for (size_t i = 0; i < HOT; i++) {
		for (int w = 0; bitmap[0] >> i & 1 && w < WRITERS; w++)
			vw_expect(vw_sys(pread(t->fd, &copy[i][w], 8, i * PAGE + w * 128)), 8);
	}
	return pages;
}

VW_TEST_ALL(no_write_that_races_with_clearing_is_lost)
{
	struct shared *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	__u64 copy[HOT][WRITERS] = { 0 }, final[WRITERS], reported = 0, limit;
	bool raced = false;
	struct vw_child child;
	unsigned int calls = 0;
	pthread_t thread;
	struct tracked t;

	if (!make_tracked(combo, &t))
		return;
	for (size_t i = 0; i < HOT; i++) {
		__u64 zero[32] = { 0 };

		vw_expect(vw_sys(pwrite(t.fd, zero, sizeof(zero), i * PAGE)), sizeof(zero));
	}
	child = vw_fork(keep_writing_in_child, &(struct writer){ &t, shared, 0 });
	assert_int_equal(pthread_create(&thread, NULL, keep_writing,
					&(struct writer){ &t, shared, 1 }), 0);
	for (int w = 0; w < WRITERS; w++)
		assert_true(vw_eventually(__atomic_load_n(&shared->stores[w], __ATOMIC_RELAXED)));
	for (limit = vw_now() + SECOND; (reported < 500 && vw_now() < limit) ||
	     (!raced && vw_now() < limit + 60 * SECOND); raced = reported >= 2 * HOT && calls > 1) {
		reported += collect(&t, copy);
		calls++;
	}
	__atomic_store_n(&shared->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	vw_join_ok(&child);
	collect(&t, copy);
	vw_expect(collect(&t, copy), 0);

	for (size_t i = 0; i < HOT; i++) {
		for (int w = 0; w < WRITERS; w++) {
			vw_expect(vw_sys(pread(t.fd, &final[w], 8, i * PAGE + w * 128)), 8);
			if (copy[i][w] != final[w])
				vw_fail("page %zu, writer %d: stored %llu, reported %llu in %u",
					i, w, final[w], copy[i][w], calls);
		}
	}
	if (!raced)
		vw_fail("no race: %llu and %llu stores, %u calls, %llu pages reported",
			shared->stores[0], shared->stores[1], calls, reported);
}

/* --- Splice --------------------------------------------------------------- */

VW_TEST_ALL(pages_written_by_splice_are_reported)
{
	struct vmwalk_dirty dirty = { .size = sizeof(dirty), .flags = VMWALK_DIRTY_CLEAR };
	__u64 bits[WORDS(PAGES)];
	loff_t at = 7 * PAGE - 3;
	struct tracked t;
	int ends[2];

	if (cannot_track(combo))
		vw_skip("this combination does not support track_dirty");
	t = make_dev(combo, PAGES);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	vw_expect(vw_sys(write(ends[1], "vmwalk", 6)), 6);
	vw_expect(vw_sys(splice(ends[0], NULL, t.fd, &at, 6, 0)), 6);
	/* splice() from the device does not mark the page. */
	at = 20 * PAGE;
	vw_expect(vw_sys(splice(t.fd, &at, ends[1], NULL, PAGE, 0)), PAGE);

	dirty.length = PAGES * PAGE;
	dirty.bitmap = (uintptr_t)bits;
	vw_ok(vw_ioctl(t.fd, VMWALK_IOC_DIRTY, &dirty));
	vw_expect(dirty.pages, 2);
	vw_expect(bits[0], 1 << 6 | 1 << 7);
}

/* --- Concurrent clears ---------------------------------------------------- */

#define CLEARERS	4
#define CLEAR_ROUNDS	10

struct clearer {
	const struct tracked *t;
	pthread_barrier_t *start;
	bool *stop;
	__u64 bitmap[WORDS(PAGES)];
	__u64 pages;
	int rc;
};

static void *clear_together(void *arg)
{
	struct clearer *clearer = arg;

	for (;;) {
		pthread_barrier_wait(clearer->start);
		if (*clearer->stop)
			return NULL;
		clearer->rc = get_dirty(clearer->t->fd, 0, PAGES, VMWALK_DIRTY_CLEAR,
					clearer->bitmap, &clearer->pages);
		pthread_barrier_wait(clearer->start);
	}
}

/* More mappings make clearing take longer, so that more calls overlap. */
VW_TEST_TYPICAL(concurrent_clears_report_each_page_once)
{
	struct clearer clearers[CLEARERS];
	pthread_barrier_t start;
	pthread_t thread[CLEARERS];
	bool stop = false;
	unsigned int twice = 0, never = 0, shares[CLEARERS] = { 0 };
	struct tracked t;

	if (!make_tracked(combo, &t))
		return;
	for (int i = 0; i < 30; i++)
		vw_map(t.fd, PAGES * PAGE, 0, RW, MAP_SHARED);
	pthread_barrier_init(&start, NULL, CLEARERS + 1);
	for (int i = 0; i < CLEARERS; i++) {
		clearers[i] = (struct clearer){ .t = &t, .start = &start, .stop = &stop };
		assert_int_equal(pthread_create(&thread[i], NULL, clear_together, &clearers[i]), 0);
	}
	for (int round = 0; round < CLEAR_ROUNDS && !twice && !never; round++) {
		for (size_t i = 0; i < PAGES; i += 1 + round % 3)
			write_page(&t, i);
		pthread_barrier_wait(&start);
		pthread_barrier_wait(&start);
		for (size_t i = 0; i < PAGES; i++) {
			unsigned int times = 0;

			for (int j = 0; j < CLEARERS; j++)
				times += clearers[j].bitmap[i / 64] >> i % 64 & 1;
			twice += times > 1;
			never += !times && i % (1 + round % 3) == 0;
			if (times && i % (1 + round % 3))
				vw_fail("page %zu is reported, but was not written", i);
		}
		for (int j = 0; j < CLEARERS; j++) {
			shares[j] += clearers[j].pages;
			vw_ok(clearers[j].rc);
		}
		vw_expect_stat(t.n, "dirty_pages", 0);
	}
	stop = true;
	pthread_barrier_wait(&start);
	for (int i = 0; i < CLEARERS; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&start);
	print_message("# shares: %u %u %u %u\n", shares[0], shares[1], shares[2], shares[3]);
	if (twice || never)
		vw_fail("%u pages were reported twice, %u not at all", twice, never);
}

struct collector {
	const struct tracked *t;
	struct shared *shared;
	__u64 copy[HOT][WRITERS];
	unsigned int calls;
	int rc;
};

/*
 * Clears and copies the reported pages, until the test sets a flag or the
 * device is removed.
 */
static void *keep_collecting(void *arg)
{
	struct collector *collector = arg;
	__u64 bitmap[1], pages;

	for (;; collector->calls++) {
		collector->rc = get_dirty(collector->t->fd, 0, HOT, VMWALK_DIRTY_CLEAR, bitmap,
					  &pages);
		for (size_t i = 0; !collector->rc && i < HOT; i++) {
			if (bitmap[0] >> i & 1)
				for (int w = 0; w < WRITERS; w++)
					collector->copy[i][w] = *slot(collector->t, i, w);
		}
		if (collector->rc || __atomic_load_n(&collector->shared->stop, __ATOMIC_RELAXED))
			return NULL;
	}
}

static int map_and_fork(void *arg)
{
	const struct writer *writer = arg;
	char *map;
	pid_t pid;

	for (int i = 0; !__atomic_load_n(&writer->shared->stop, __ATOMIC_RELAXED); i++) {
		map = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED, writer->t->fd, 0);
		vw_check(map != MAP_FAILED);
		for (size_t j = 0; j < 2 * HOT; j++)
			vw_peek(map + j * PAGE);
		/* fork() also copies the page tables of the writers. */
		mprotect(map, HOT * PAGE, i % 2 ? PROT_READ : PROT_NONE);
		pid = fork();
		if (!pid)
			_exit(vw_peek(writer->t->map + i % HOT * PAGE) == 0 && i < 0);
		waitpid(pid, NULL, 0);
		vw_check(!munmap(map, PAGES * PAGE));
	}
	return 0;
}

/* Writes through references from the page table, as disks do with O_DIRECT. */
static int write_from_child(void *arg)
{
	const struct writer *writer = arg;
	__u64 seed = 1;
	char byte = 1;
	struct iovec local = { &byte, 1 }, remote = { writer->t->map + HOT * PAGE, 1 };

	while (!__atomic_load_n(&writer->shared->stop, __ATOMIC_RELAXED)) {
		remote.iov_base = writer->t->map + vw_random(&seed) % HOT * PAGE +
				  PAGE - 8;
		process_vm_writev(getppid(), &local, 1, &remote, 1, 0);
	}
	return 0;
}

VW_TEST_TYPICAL(concurrent_clears_and_writes_lose_no_page)
{
	struct shared *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct collector collectors[2];
	struct writer writers[WRITERS];
	struct vw_child child[3];
	pthread_t thread[3];
	struct tracked t;

	if (!make_tracked(combo, &t))
		return;
	for (size_t i = 0; i < HOT; i++) {
		__u64 zero[32] = { 0 };

		vw_expect(vw_sys(pwrite(t.fd, zero, sizeof(zero), i * PAGE)), sizeof(zero));
	}
	for (int w = 0; w < WRITERS; w++)
		writers[w] = (struct writer){ &t, shared, w };
	child[0] = vw_fork(keep_writing_in_child, &writers[0]);
	child[1] = vw_fork(map_and_fork, &writers[0]);
	child[2] = vw_fork(write_from_child, &writers[0]);
	for (size_t i = 0; i < COUNT(collectors); i++) {
		collectors[i] = (struct collector){ .t = &t, .shared = shared };
		assert_int_equal(pthread_create(&thread[i], NULL, keep_collecting,
						&collectors[i]), 0);
	}
	assert_int_equal(pthread_create(&thread[2], NULL, keep_writing, &writers[1]), 0);
	usleep(700000);
	__atomic_store_n(&shared->stop, true, __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < COUNT(thread); i++)
		pthread_join(thread[i], NULL);
	for (size_t i = 0; i < COUNT(child); i++)
		vw_join_ok(&child[i]);
	/* Collect the writes that neither thread has collected. */
	keep_collecting(&collectors[0]);
	vw_expect_stat(t.n, "dirty_pages", 0);
	for (size_t i = 0; i < HOT; i++) {
		for (int w = 0; w < WRITERS; w++) {
			__u64 last = *slot(&t, i, w), reported = collectors[0].copy[i][w];

			if (reported < collectors[1].copy[i][w])
				reported = collectors[1].copy[i][w];
			if (reported != last)
				vw_fail("page %zu, writer %d: stored %llu, reported %llu", i, w,
					last, reported);
		}
	}
	print_message("# %u and %u calls\n", collectors[0].calls, collectors[1].calls);

	/* The calls end when the device is removed. */
	shared->stop = false;
	for (size_t i = 0; i < COUNT(collectors); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, keep_collecting,
						&collectors[i]), 0);
	for (size_t i = 0; i < HOT; i++)
		write_page(&t, i);
	vw_ok(vw_rmdir("t"));
	for (size_t i = 0; i < COUNT(collectors); i++) {
		pthread_join(thread[i], NULL);
		vw_expect(collectors[i].rc, -ENODEV);
	}
	munmap(shared, PAGE);
}

/* --- O_DIRECT ------------------------------------------------------------- */

#define NULLB	"/sys/kernel/config/nullb"

static int set_nullb(const char *file, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), NULLB "/slow/%s", file);
	return vw_file_write(path, value);
}

/* A disk with a latency of half a second, to clear pages during a read. */
static int open_slow_disk(void)
{
	static const char * const settings[][2] = {
		{ "size", "16" }, { "blocksize", "4096" }, { "memory_backed", "1" },
		{ "irqmode", "2" }, { "completion_nsec", "500000000" }, { "power", "1" },
	};
	char path[128], index[16];
	int fd;

	if (!vw_exists(NULLB) &&
	    (system("modprobe -q null_blk nr_devices=0") || !vw_exists(NULLB)))
		vw_skip("needs null_blk");
	rmdir(NULLB "/slow");
	vw_ok(vw_sys(mkdir(NULLB "/slow", 0755)));
	for (size_t i = 0; i < COUNT(settings); i++)
		vw_ok(set_nullb(settings[i][0], settings[i][1]));
	assert_true(vw_file_read(NULLB "/slow/index", index, sizeof(index)) > 0);
	snprintf(path, sizeof(path), "/dev/nullb%s", index);
	/* Newer kernels use the name of the configfs directory. */
	if (!vw_exists(path))
		snprintf(path, sizeof(path), "/dev/slow");
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		vw_fail("%s: %s", path, strerror(errno));
	return fd;
}

struct direct_read {
	int disk;
	char *to;
	long long rc;
	bool done;
};

static void *do_direct_read(void *arg)
{
	struct direct_read *read = arg;

	read->rc = vw_sys(pread(read->disk, read->to, 2 * PAGE, 0));
	__atomic_store_n(&read->done, true, __ATOMIC_RELEASE);
	return NULL;
}

VW_TEST(a_direct_read_is_reported_when_it_starts_and_when_it_ends)
{
	struct direct_read read = { .disk = open_slow_disk() };
	__u64 bitmap[WORDS(PAGES)], pages;
	unsigned int in_flight = 0;
	pthread_t thread;
	struct tracked t;

	for (size_t i = 0; i < VW_COMBOS; i++) {
		if (!vw_is_refcounted(&vw_combos[i]) || cannot_track(&vw_combos[i]))
			continue;
		t = make_dev(&vw_combos[i], PAGES);
		read.to = t.map + 40 * PAGE;
		read.done = false;
		assert_int_equal(pthread_create(&thread, NULL, do_direct_read, &read), 0);

		/* The pages are dirty as soon as GUP pins them for writing. */
		do {
			vw_ok(get_dirty(t.fd, 0, PAGES, 0, bitmap, &pages));
		} while (pages < 2);
		usleep(50000);
		if (!__atomic_load_n(&read.done, __ATOMIC_ACQUIRE)) {
			expect_reported(&t, VMWALK_DIRTY_CLEAR, 40, 41);
			vw_expect_stat(t.n, "dirty_pages", 0);
			in_flight += !__atomic_load_n(&read.done, __ATOMIC_ACQUIRE);
		}
		pthread_join(thread, NULL);
		vw_expect(read.rc, 2 * PAGE);
		/* A kernel worker marks pages that were cleared meanwhile. */
		assert_true(vw_eventually(vw_stat(t.n, "dirty_pages") == 2));
		expect_once(&t, 40, 41);
		assert_int_equal(vw_peek(read.to), 0);
		remove_tracked(&t, PAGES);
	}
	close(read.disk);
	vw_ok(set_nullb("power", "0"));
	vw_ok(vw_sys(rmdir(NULLB "/slow")));
	if (!in_flight)
		vw_skip("the machine is too slow: no call was made during a read");
}
