// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of the buffer: contents, protection and errors, and the exact values
 * of mapped_pages and mappings after all operations on a mapping.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "harness.h"

#define PAGES	16UL
#define SIZE	(PAGES * PAGE)

static const int shares[] = { MAP_SHARED, MAP_PRIVATE };

/* Get the PFNs of the whole buffer through a temporary mapping. */
static void get_pfns(int n, int fd, size_t pages, __u64 *frames)
{
	char *map = vw_map(fd, pages * PAGE, 0, PROT_READ, MAP_SHARED);

	for (size_t i = 0; i < pages; i++)
		vw_peek(map + i * PAGE);
	vw_frames(0, map, pages, frames);
	for (size_t i = 0; i < pages; i++)
		assert_int_not_equal(frames[i], 0);
	munmap(map, pages * PAGE);
	vw_expect_stat(n, "mapped_pages", 0);
	vw_expect_stat(n, "mappings", 0);
}

/* A device with known PFNs. With fault_around 4K, each fault maps one page. */
struct device {
	int n;
	int fd;
	bool faults;
	__u64 frames[PAGES];
};

static struct device make_device(const struct vw_combo *combo, const char *fill)
{
	struct device dev;
	char bytes[32];

	snprintf(bytes, sizeof(bytes), "%lu", SIZE);
	dev.n = vw_make("t", "buffer_type", combo->type, "map_mode", combo->mode, "cache_mode",
			combo->cache, "size", bytes, "fill", fill, "fault_around",
			vw_pages_text(1), NULL);
	dev.fd = vw_open_rw(dev.n);
	dev.faults = !strcmp(combo->mode, "fault");
	get_pfns(dev.n, dev.fd, PAGES, dev.frames);
	return dev;
}

/* --- Contents ------------------------------------------------------------- */

VW_TEST_TYPICAL(a_window_shows_its_part_of_the_buffer)
{
	const size_t windows[][2] = {
		/* offset and length in bytes */
		{ 0, SIZE }, { 0, PAGE }, { 0, 1 }, { PAGE, PAGE }, { 3 * PAGE, 5 * PAGE },
		{ SIZE - PAGE, PAGE }, { SIZE - PAGE, 1 }, { SIZE - 2 * PAGE, PAGE + 1 },
	};
	struct device dev = make_device(combo, "letters");
	char *map;

	for (size_t s = 0; s < COUNT(shares); s++) {
		for (size_t i = 0; i < COUNT(windows); i++) {
			size_t len = ALIGN_UP(windows[i][1], PAGE);

			map = vw_map(dev.fd, windows[i][1], windows[i][0], PROT_READ, shares[s]);
			assert_true(vw_holds_fill(map, "letters", windows[i][0], len));
			assert_int_equal(vw_count_frames(0, map, len / PAGE,
							 dev.frames + windows[i][0] / PAGE,
							 len / PAGE), len / PAGE);
			vw_expect_stat(dev.n, "mapped_pages", len / PAGE);
			munmap(map, len);
		}
	}
	vw_expect_stat(dev.n, "mapped_pages", 0);
}

VW_TEST_TYPICAL(windows_beyond_the_buffer_fail_with_einval)
{
	const size_t windows[][2] = {
		{ 0, SIZE + 1 }, { 0, SIZE + PAGE }, { PAGE, SIZE }, { SIZE - PAGE, PAGE + 1 },
		{ SIZE, PAGE }, { SIZE, 1 }, { SIZE + PAGE, PAGE }, { 1UL << 40, PAGE },
		{ 0, GIB }, { (1UL << 62), PAGE }, { (1UL << 63) - PAGE, PAGE },
	};
	struct device dev = make_device(combo, "zero");

	for (size_t s = 0; s < COUNT(shares); s++) {
		for (size_t i = 0; i < COUNT(windows); i++) {
			void *map = mmap(NULL, windows[i][1], RW, shares[s], dev.fd, windows[i][0]);

			if (map != MAP_FAILED)
				vw_fail("mmap() of %zu bytes at %zu did not fail", windows[i][1],
					windows[i][0]);
			vw_expect(errno, EINVAL);
		}
		/* If the end overflows, mmap(2) itself may fail first. */
		for (unsigned long at = -PAGE; at >= -4 * PAGE; at -= PAGE) {
			assert_true(mmap(NULL, 2 * PAGE, RW, shares[s], dev.fd, at) == MAP_FAILED);
			assert_true(errno == EINVAL || errno == EOVERFLOW);
		}
		assert_true(mmap(NULL, PAGE, RW, shares[s], dev.fd, 1) == MAP_FAILED);
		vw_expect(errno, EINVAL);
		assert_true(mmap(NULL, 0, RW, shares[s], dev.fd, 0) == MAP_FAILED);
		vw_expect(errno, EINVAL);
	}
	vw_expect_stat(dev.n, "mappings", 0);
	vw_expect_stat(dev.n, "mapped_pages", 0);
}

VW_TEST_TYPICAL(shared_mappings_share_their_writes)
{
	struct device dev = make_device(combo, "digits");
	char *whole = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);
	char *part = vw_map(dev.fd, 2 * PAGE, 4 * PAGE, RW, MAP_SHARED);
	char back[8];

	memcpy(part + PAGE - 3, "vmwalk", 6);
	assert_memory_equal(whole + 5 * PAGE - 3, "vmwalk", 6);
	vw_expect(vw_sys(pread(dev.fd, back, 6, 5 * PAGE - 3)), 6);
	assert_memory_equal(back, "vmwalk", 6);
	vw_expect(vw_sys(pwrite(dev.fd, "KLAWMV", 6, 5 * PAGE - 3)), 6);
	assert_memory_equal(part + PAGE - 3, "KLAWMV", 6);
	assert_true(vw_holds_fill(whole, "digits", 0, 5 * PAGE - 3));
}

VW_TEST_TYPICAL(a_private_write_does_not_change_the_buffer)
{
	struct device dev = make_device(combo, "letters");
	char *shared = vw_map(dev.fd, SIZE, 0, PROT_READ, MAP_SHARED);
	char *private = vw_map(dev.fd, SIZE, 0, RW, MAP_PRIVATE);
	char data[SIZE];

	/* Read one page before it is written, write another at once. */
	vw_peek(private);
	private[10] = '!';
	private[PAGE + 10] = '!';
	assert_int_equal(shared[10], vw_fill_byte("letters", 10));
	assert_true(vw_holds_fill(shared, "letters", 0, SIZE));
	vw_expect(vw_sys(pread(dev.fd, data, SIZE, 0)), SIZE);
	assert_true(vw_holds_fill(data, "letters", 0, SIZE));
	assert_true(vw_holds_fill(private, "letters", 0, 10));
	assert_true(vw_holds_fill(private + 11, "letters", 11, PAGE - 1));
	assert_true(vw_holds_fill(private + PAGE + 11, "letters", PAGE + 11, PAGE));
	assert_int_equal(private[10], '!');

	/* Pages that were not copied show later writes to the buffer. */
	vw_expect(vw_sys(pwrite(dev.fd, "?", 1, 3 * PAGE)), 1);
	vw_expect(vw_sys(pwrite(dev.fd, "?", 1, 10)), 1);
	assert_int_equal(private[3 * PAGE], '?');
	assert_int_equal(private[10], '!');
}

VW_TEST_TYPICAL(a_private_copy_is_not_counted_in_mapped_pages)
{
	struct device dev = make_device(combo, "zero");
	char *map = vw_map(dev.fd, SIZE, 0, RW, MAP_PRIVATE);

	for (size_t i = 0; i < PAGES; i++)
		vw_peek(map + i * PAGE);
	vw_expect_stat(dev.n, "mapped_pages", PAGES);
	for (size_t i = 0; i < PAGES; i++) {
		vw_poke(map + i * PAGE, 1);
		vw_expect_stat(dev.n, "mapped_pages", PAGES - 1 - i);
		vw_expect(vw_count_frames(0, map, PAGES, dev.frames, PAGES), PAGES - 1 - i);
	}
	vw_expect_stat(dev.n, "mappings", 1);
}

/* --- Protection ----------------------------------------------------------- */

VW_TEST_TYPICAL(prot_exec_fails_in_mmap_and_mprotect)
{
	struct device dev = make_device(combo, "zero");
	void *map;

	for (size_t s = 0; s < COUNT(shares); s++) {
		assert_true(mmap(NULL, SIZE, PROT_READ | PROT_EXEC, shares[s], dev.fd, 0) ==
			    MAP_FAILED);
		vw_expect(errno, EPERM);
		assert_true(mmap(NULL, SIZE, PROT_EXEC, shares[s], dev.fd, 0) == MAP_FAILED);
		vw_expect(errno, EPERM);
		map = vw_map(dev.fd, SIZE, 0, RW, shares[s]);
		assert_int_equal(mprotect(map, SIZE, PROT_READ | PROT_EXEC), -1);
		assert_true(errno == EACCES || errno == EPERM);
		assert_int_equal(mprotect(map, PAGE, PROT_EXEC), -1);
		assert_true(errno == EACCES || errno == EPERM);
		vw_poke(map, 1);
		munmap(map, SIZE);
	}
	vw_expect_stat(dev.n, "mappings", 0);
}

VW_TEST_TYPICAL(mprotect_removes_and_restores_write_access)
{
	struct device dev = make_device(combo, "zero");
	char *map;

	for (size_t s = 0; s < COUNT(shares); s++) {
		map = vw_map(dev.fd, SIZE, 0, RW, shares[s]);
		vw_poke(map, 1);
		vw_ok(vw_sys(mprotect(map, SIZE, PROT_READ)));
		assert_int_equal(vw_peek(map), 1);
		/* The kernel's store fails with EFAULT, without SIGSEGV. */
		vw_expect(vw_sys(pread(dev.fd, map, 1, 0)), -EFAULT);
		vw_ok(vw_sys(mprotect(map, SIZE, PROT_NONE)));
		vw_expect(vw_sys(pwrite(dev.fd, map, 1, 0)), -EFAULT);
		vw_ok(vw_sys(mprotect(map, SIZE, RW)));
		vw_poke(map, 2);
		assert_int_equal(vw_peek(map), 2);
		munmap(map, SIZE);
	}
	/* Pages under PROT_NONE are still mapped. */
	map = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);
	for (size_t i = 0; i < PAGES; i++)
		vw_peek(map + i * PAGE);
	vw_ok(vw_sys(mprotect(map, SIZE, PROT_NONE)));
	vw_expect_stat(dev.n, "mapped_pages", vw_count_frames(0, map, PAGES, dev.frames, PAGES));
}

static int map_with_read_implies_exec(void *arg)
{
	const struct device *dev = arg;
	struct vmwalk_walk walk;
	struct vmwalk_vma vma;
	void *map;

	vw_check(personality(READ_IMPLIES_EXEC) != -1);
	for (size_t s = 0; s < COUNT(shares); s++) {
		map = mmap(NULL, SIZE, RW, shares[s], dev->fd, 0);
		vw_check(map != MAP_FAILED);
		for (int wrote = 0; wrote < 2; wrote++) {
			if (wrote)
				vw_poke(map, 1);
			else
				vw_peek(map);
			vw_check_rc(vw_walk(dev->fd, (uintptr_t)map, &walk), 0);
			vw_check(walk.state & VMWALK_PRESENT);
			/* Also true of a private copy. */
			vw_check(!(walk.state & VMWALK_EXEC));
		}
		vw_check_rc(vw_vma(dev->fd, (uintptr_t)map, &vma), 0);
		vw_check(!(vma.attrs & VMWALK_VMA_EXEC));
		vw_check_rc(vw_sys(mprotect(map, SIZE, PROT_READ)), 0);
		vw_check_rc(vw_walk(dev->fd, (uintptr_t)map, &walk), 0);
		vw_check(!(walk.state & VMWALK_EXEC));
		vw_check_rc(vw_sys(mprotect(map, SIZE, PROT_EXEC)), -EACCES);
		munmap(map, SIZE);
	}
	return 0;
}

/* For old programs, the kernel makes readable mappings executable. */
VW_TEST_ALL(read_implies_exec_does_not_make_mappings_executable)
{
	struct device dev = make_device(combo, "letters");

	vw_in_child(map_with_read_implies_exec, &dev);
}

/* L1TF: a PROT_NONE entry stores its PFN inverted. The PFN must be the same. */
VW_TEST_ALL(a_prot_none_mapping_has_the_buffers_pfns)
{
	struct device dev = make_device(combo, "letters");
	__u64 frames[PAGES];
	char *map;

	for (size_t s = 0; s < COUNT(shares); s++) {
		map = vw_map(dev.fd, SIZE, 0, PROT_NONE, shares[s]);
		vw_frames(0, map, PAGES, frames);
		for (size_t i = 0; i < PAGES; i++)
			vw_expect(frames[i], dev.faults ? 0 : dev.frames[i]);
		vw_ok(vw_sys(mprotect(map, SIZE, PROT_READ)));
		assert_true(vw_holds_fill(map, "letters", 0, SIZE));
		vw_frames(0, map, PAGES, frames);
		assert_memory_equal(frames, dev.frames, sizeof(frames));
		munmap(map, SIZE);
	}
}

/* kmalloc may use a slab: only pages of the buffer may be mapped. */
VW_TEST_TYPICAL(the_smallest_buffers_can_be_mapped)
{
	size_t size;
	char *map;
	int fd;

	for (size = PAGE; size <= 4 * PAGE; size += PAGE) {
		fd = vw_open_rw(vw_make_combo(combo, size, "letters"));
		for (size_t s = 0; s < COUNT(shares); s++) {
			map = vw_map(fd, size, 0, RW, shares[s]);
			assert_true(vw_holds_fill(map, "letters", 0, size));
			vw_poke(map, 'a');
			munmap(map, size);
		}
		close(fd);
		vw_ok(vw_rmdir("t"));
	}
}

/* --- Counting ------------------------------------------------------------- */

/* Compare mapped_pages with the page tables of this process and a child. */
static void expect_mapped_pages_at(const char *file, int line, const struct device *dev, char *map,
				   size_t pages, pid_t child)
{
	long long count = vw_stat(dev->n, "mapped_pages");
	size_t seen = vw_count_frames(0, map, pages, dev->frames, PAGES);

	if (child)
		seen += vw_count_frames(child, map, pages, dev->frames, PAGES);
	vw_expect_at(file, line, "mapped_pages and the page tables", count, seen);
}

#define expect_mapped_pages(dev, map, pages, child) \
	expect_mapped_pages_at(__FILE__, __LINE__, dev, map, pages, child)

VW_TEST_TYPICAL(mapped_pages_follows_each_touch)
{
	struct device dev = make_device(combo, "zero");
	char *map;

	for (size_t s = 0; s < COUNT(shares); s++) {
		map = vw_map(dev.fd, SIZE, 0, RW, shares[s]);
		vw_expect_stat(dev.n, "mappings", 1);
		vw_expect_stat(dev.n, "mapped_pages", dev.faults ? 0 : PAGES);
		for (size_t i = 0; i < PAGES; i++) {
			vw_peek(map + (i * 7 % PAGES) * PAGE);
			vw_expect_stat(dev.n, "mapped_pages", dev.faults ? i + 1 : PAGES);
			expect_mapped_pages(&dev, map, PAGES, 0);
		}
		munmap(map, SIZE);
		vw_expect_stat(dev.n, "mappings", 0);
		vw_expect_stat(dev.n, "mapped_pages", 0);
	}
}

VW_TEST_TYPICAL(mapped_pages_follows_partial_munmap)
{
	struct device dev = make_device(combo, "letters");
	char *map;

	for (size_t s = 0; s < COUNT(shares); s++) {
		map = vw_map(dev.fd, SIZE, 0, RW, shares[s]);
		for (size_t i = 0; i < PAGES; i++)
			vw_peek(map + i * PAGE);
		vw_ok(vw_sys(munmap(map + 6 * PAGE, 3 * PAGE)));
		vw_expect_stat(dev.n, "mappings", 2);
		vw_expect_stat(dev.n, "mapped_pages", PAGES - 3);
		vw_ok(vw_sys(munmap(map, PAGE)));
		vw_expect_stat(dev.n, "mappings", 2);
		vw_expect_stat(dev.n, "mapped_pages", PAGES - 4);
		assert_true(vw_holds_fill(map + PAGE, "letters", PAGE, 5 * PAGE));
		assert_true(vw_holds_fill(map + 9 * PAGE, "letters", 9 * PAGE, 7 * PAGE));
		vw_ok(vw_sys(munmap(map + 9 * PAGE, 7 * PAGE)));
		vw_expect_stat(dev.n, "mappings", 1);
		vw_expect_stat(dev.n, "mapped_pages", 5);
		vw_ok(vw_sys(munmap(map + PAGE, 5 * PAGE)));
		vw_expect_stat(dev.n, "mappings", 0);
		vw_expect_stat(dev.n, "mapped_pages", 0);
	}
}

/* All pages of a remap mapping stay mapped: faults do not map them again. */
VW_TEST(partial_munmap_of_a_remap_mapping_keeps_the_other_pages)
{
	static const struct vw_combo combos[] = {
		{ .type = "kmalloc", .mode = "remap", .cache = "wb" },
		{ .type = "dma", .mode = "remap", .cache = "wb" },
		{ .type = "huge", .mode = "remap", .cache = "wb" },
	};
	const size_t length = 3 * MIB, half = length / 2;
	char *area = vw_anon_aligned(2 * PMD_SIZE, PMD_SIZE);
	long long faults;
	int n, fd;

	for (size_t i = 0; i < COUNT(combos); i++) {
		n = vw_make_combo(&combos[i], 2 * PMD_SIZE, "letters");
		fd = vw_open_rw(n);
		assert_ptr_equal(mmap(area, length, RW, MAP_SHARED | MAP_FIXED, fd, 0), area);
		vw_expect_stat(n, "mapped_pages", length / PAGE);
		faults = vw_stat(n, "faults");
		vw_ok(vw_sys(munmap(area, half)));
		vw_expect_stat(n, "mapped_pages", half / PAGE);
		assert_true(vw_holds_fill(area + half, "letters", half, half));
		vw_expect_stat(n, "faults", faults);
		/* In the middle of the rest, and by other calls. */
		vw_ok(vw_sys(munmap(area + half + 5 * PAGE, PAGE)));
		vw_expect_stat(n, "mapped_pages", half / PAGE - 1);
		vw_ok(vw_sys(mprotect(area + half + 9 * PAGE, PAGE, PROT_READ)));
		vw_expect_stat(n, "mapped_pages", half / PAGE - 1);
		assert_ptr_equal(mremap(area + length - 8 * PAGE, 8 * PAGE, 7 * PAGE, 0),
				 area + length - 8 * PAGE);
		vw_expect_stat(n, "mapped_pages", half / PAGE - 2);
		vw_expect_stat(n, "faults", faults);
		munmap(area, 2 * PMD_SIZE);
		close(fd);
		vw_ok(vw_rmdir("t"));
	}
}

VW_TEST_TYPICAL(mapped_pages_follows_mremap)
{
	struct device dev = make_device(combo, "digits");
	char *map, *area;

	for (size_t s = 0; s < COUNT(shares); s++) {
		map = vw_map(dev.fd, SIZE, 0, RW, shares[s]);
		for (size_t i = 0; i < PAGES; i += 2)
			vw_peek(map + i * PAGE);
		area = vw_anon(SIZE);
		assert_ptr_equal(mremap(map, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, area),
				 area);
		vw_expect_stat(dev.n, "mappings", 1);
		vw_expect_stat(dev.n, "mapped_pages", dev.faults ? PAGES / 2 : PAGES);
		expect_mapped_pages(&dev, area, PAGES, 0);
		assert_true(vw_holds_fill(area, "digits", 0, SIZE));
		expect_mapped_pages(&dev, area, PAGES, 0);

		/* Moving pages from the middle splits the mapping in three. */
		map = vw_anon(SIZE);
		assert_ptr_equal(mremap(area + 4 * PAGE, 2 * PAGE, 2 * PAGE,
					MREMAP_MAYMOVE | MREMAP_FIXED, map), map);
		vw_expect_stat(dev.n, "mappings", 3);
		vw_expect_stat(dev.n, "mapped_pages", PAGES);
		assert_true(vw_holds_fill(map, "digits", 4 * PAGE, 2 * PAGE));

		assert_ptr_equal(mremap(map, 2 * PAGE, PAGE, 0), map);
		vw_expect_stat(dev.n, "mapped_pages", PAGES - 1);
		munmap(map, SIZE);
		munmap(area, SIZE);
		vw_expect_stat(dev.n, "mappings", 0);
		vw_expect_stat(dev.n, "mapped_pages", 0);
	}
}

VW_TEST_TYPICAL(mremap_gives_no_access_beyond_the_buffer)
{
	struct device dev = make_device(combo, "letters");
	char *map, *grown;
	size_t len;

	for (size_t s = 0; s < COUNT(shares); s++) {
		len = 2 * PAGE;
		map = vw_map(dev.fd, len, SIZE - 2 * PAGE, RW, shares[s]);
		grown = mremap(map, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);
		if (grown != MAP_FAILED) {
			/* The part beyond the buffer must not be accessible. */
			vw_expect(vw_sys(pwrite(dev.fd, grown + 2 * PAGE, 1, 0)), -EFAULT);
			expect_mapped_pages(&dev, grown, 3, 0);
			map = grown;
			len = 3 * PAGE;
		}
		assert_true(vw_holds_fill(map, "letters", SIZE - 2 * PAGE, 2 * PAGE));
		munmap(map, len);

		/* Inside the buffer, the new part must be accessible. */
		len = 2 * PAGE;
		map = vw_map(dev.fd, len, 0, RW, shares[s]);
		grown = mremap(map, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
		if (grown != MAP_FAILED) {
			vw_expect(vw_sys(pwrite(dev.fd, grown + 3 * PAGE, PAGE, 3 * PAGE)), PAGE);
			map = grown;
			len = 4 * PAGE;
		}
		assert_true(vw_holds_fill(map, "letters", 0, 2 * PAGE));
		munmap(map, len);
		vw_expect_stat(dev.n, "mappings", 0);
		vw_expect_stat(dev.n, "mapped_pages", 0);
	}
}

VW_TEST_TYPICAL(madv_dontneed_fails_or_pages_fault_in_again)
{
	struct device dev = make_device(combo, "zero");
	char *map;

	for (size_t s = 0; s < COUNT(shares); s++) {
		map = vw_map(dev.fd, SIZE, 0, RW, shares[s]);
		for (size_t i = 0; i < PAGES; i++)
			vw_poke(map + i * PAGE, 'a' + i);
		if (madvise(map + 2 * PAGE, 4 * PAGE, MADV_DONTNEED)) {
			/* MADV_DONTNEED fails for VM_PFNMAP. */
			vw_expect(errno, EINVAL);
			assert_false(dev.faults && shares[s] == MAP_SHARED &&
				     vw_is_refcounted(combo));
		} else if (shares[s] == MAP_SHARED) {
			vw_expect_stat(dev.n, "mapped_pages", PAGES - 4);
			expect_mapped_pages(&dev, map, PAGES, 0);
			for (size_t i = 0; i < PAGES; i++)
				assert_int_equal(vw_peek(map + i * PAGE), 'a' + i);
			vw_expect_stat(dev.n, "mapped_pages", PAGES);
		} else {
			/* The copies are gone: round 0's data shows. */
			for (size_t i = 2; i < 6; i++)
				assert_int_equal(vw_peek(map + i * PAGE), 'a' + i);
			expect_mapped_pages(&dev, map, PAGES, 0);
		}
		munmap(map, SIZE);
		vw_expect_stat(dev.n, "mapped_pages", 0);
	}
}

enum { TOUCH, UNMAP, LEAVE };

/* Run the parent's commands, for one page each. */
static int run_commands(void *arg)
{
	char *map = arg;

	for (__u64 order = vw_sync(0);; order = vw_sync(0)) {
		char *page = map + (order >> 8) * PAGE;

		switch (order & 0xff) {
		case TOUCH:
			vw_peek(page);
			break;
		case UNMAP:
			vw_check(!munmap(page, PAGE));
			break;
		default:
			return 0;
		}
	}
}

static void command(struct vw_child *child, unsigned int what, size_t page)
{
	vw_tell(child, page << 8 | what);
	vw_hear(child);
}

static bool is_file_like(const struct vw_combo *combo, int share)
{
	return share == MAP_SHARED && vw_maps_folios() && !strcmp(combo->type, "huge") &&
	       !strcmp(combo->mode, "insert");
}

VW_TEST_TYPICAL(mapped_pages_follows_fork_and_exit)
{
	struct device dev = make_device(combo, "zero");
	struct vw_child child;
	long long with_child;
	char *map;

	for (size_t s = 0; s < COUNT(shares); s++) {
		map = vw_map(dev.fd, SIZE, 0, RW, shares[s]);
		for (size_t i = 0; i < 4; i++)
			vw_peek(map + i * PAGE);
		expect_mapped_pages(&dev, map, PAGES, 0);
		child = vw_fork(run_commands, map);
		vw_hear(&child);
		vw_expect_stat(dev.n, "mappings", 2);
		expect_mapped_pages(&dev, map, PAGES, child.pid);
		/* A child faults in pages that the kernel can find in a file. */
		if (!dev.faults)
			vw_expect_stat(dev.n, "mapped_pages",
				       !is_file_like(combo, shares[s]) ? 2 * PAGES : PAGES);

		command(&child, TOUCH, 8);
		expect_mapped_pages(&dev, map, PAGES, child.pid);
		vw_peek(map + 9 * PAGE);
		expect_mapped_pages(&dev, map, PAGES, child.pid);
		for (size_t i = 0; i < PAGES; i++) {
			command(&child, TOUCH, i);
			vw_peek(map + i * PAGE);
		}
		vw_expect_stat(dev.n, "mapped_pages", 2 * PAGES);
		expect_mapped_pages(&dev, map, PAGES, child.pid);

		command(&child, UNMAP, 5);
		vw_expect_stat(dev.n, "mappings", 3);
		vw_expect_stat(dev.n, "mapped_pages", 2 * PAGES - 1);
		munmap(map + 5 * PAGE, PAGE);
		vw_expect_stat(dev.n, "mappings", 4);
		with_child = vw_stat(dev.n, "mapped_pages");
		vw_expect(with_child, 2 * PAGES - 2);

		if (s == 0) {
			vw_tell(&child, LEAVE);
			vw_join_ok(&child);
		} else {
			vw_kill(&child);
		}
		vw_expect_stat(dev.n, "mappings", 2);
		vw_expect_stat(dev.n, "mapped_pages", PAGES - 1);
		munmap(map, SIZE);
		vw_expect_stat(dev.n, "mappings", 0);
		vw_expect_stat(dev.n, "mapped_pages", 0);
	}
}

VW_TEST_TYPICAL(mappings_follows_splits_by_mprotect)
{
	struct device dev = make_device(combo, "zero");
	char *map = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);

	for (size_t i = 0; i < PAGES; i++)
		vw_peek(map + i * PAGE);
	vw_ok(vw_sys(mprotect(map + 4 * PAGE, 2 * PAGE, PROT_READ)));
	vw_expect_stat(dev.n, "mappings", 3);
	vw_expect_stat(dev.n, "mapped_pages", PAGES);
	expect_mapped_pages(&dev, map, PAGES, 0);
}

VW_TEST_TYPICAL(mappings_remain_after_close)
{
	struct device dev = make_device(combo, "digits");
	char *map = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);

	close(dev.fd);
	assert_true(vw_holds_fill(map, "digits", 0, SIZE));
	vw_expect_stat(dev.n, "mappings", 1);
	vw_expect_stat(dev.n, "mapped_pages", PAGES);
	munmap(map, SIZE);
	vw_expect_stat(dev.n, "mappings", 0);
	vw_expect_stat(dev.n, "opens", 0);
}

VW_TEST_TYPICAL(mappings_of_all_files_are_counted)
{
	struct device dev = make_device(combo, "zero");
	int other = vw_open_rw(dev.n);
	char *a = vw_map(dev.fd, SIZE, 0, PROT_READ, MAP_SHARED);
	char *b = vw_map(other, 2 * PAGE, 3 * PAGE, PROT_READ, MAP_SHARED);

	vw_peek(a);
	vw_peek(b);
	vw_peek(b + PAGE);
	vw_expect_stat(dev.n, "mappings", 2);
	vw_expect_stat(dev.n, "mapped_pages", dev.faults ? 3 : PAGES + 2);
}

VW_TEST_TYPICAL(mappings_work_after_rmdir)
{
	struct device dev = make_device(combo, "letters");
	char *shared = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);
	char *private = vw_map(dev.fd, SIZE, 0, RW, MAP_PRIVATE);
	struct vw_child child;

	vw_poke(private + 2 * PAGE, '!');
	vw_poke(shared + 3 * PAGE, '?');
	vw_ok(vw_rmdir("t"));
	close(dev.fd);
	assert_int_equal(vw_peek(private + 2 * PAGE), '!');
	assert_int_equal(vw_peek(private + 3 * PAGE), '?');
	assert_true(vw_holds_fill(shared, "letters", 0, 3 * PAGE));
	assert_true(vw_holds_fill(private + 4 * PAGE, "letters", 4 * PAGE, SIZE - 4 * PAGE));
	vw_poke(private + 5 * PAGE, '!');
	vw_poke(shared + 6 * PAGE, '?');
	assert_int_equal(vw_peek(private + 6 * PAGE), '?');

	/* They can still be forked and split. */
	child = vw_fork(run_commands, shared);
	vw_hear(&child);
	for (size_t i = 0; i < PAGES; i++)
		command(&child, TOUCH, i);
	munmap(shared, SIZE);
	munmap(private + PAGE, PAGE);
	assert_int_equal(vw_peek(private + 6 * PAGE), '?');
	command(&child, TOUCH, 6);
	vw_tell(&child, LEAVE);
	vw_join_ok(&child);
}

/* --- Faults --------------------------------------------------------------- */

static void expect_sum(int n)
{
	vw_expect(vw_stat(n, "faults"),
		  vw_stat(n, "read_faults") + vw_stat(n, "write_faults") +
		  vw_stat(n, "mkwrite_faults") + vw_stat(n, "huge_faults") +
		  vw_stat(n, "failed_faults"));
}

static void reset_stats(int n)
{
	char path[128];

	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/stats/reset", n);
	vw_ok(vw_file_write(path, "1"));
	vw_expect_stat(n, "faults", 0);
}

VW_TEST_TYPICAL(faults_are_counted_by_kind)
{
	struct device dev = make_device(combo, "zero");
	char *map;

	reset_stats(dev.n);
	map = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);
	vw_expect_stat(dev.n, "faults", 0);
	for (size_t i = 0; i < 5; i++)
		vw_peek(map + i * PAGE);
	vw_expect_stat(dev.n, "read_faults", dev.faults ? 5 : 0);
	vw_expect_stat(dev.n, "write_faults", 0);
	expect_sum(dev.n);
	/* Present pages take no fault. */
	for (size_t i = 0; i < 5; i++)
		vw_peek(map + i * PAGE);
	vw_expect_stat(dev.n, "faults", dev.faults ? 5 : 0);
	for (size_t i = 8; i < 11; i++)
		vw_poke(map + i * PAGE, 1);
	vw_expect_stat(dev.n, "write_faults", dev.faults ? 3 : 0);
	vw_expect_stat(dev.n, "read_faults", dev.faults ? 5 : 0);
	vw_expect_stat(dev.n, "huge_faults", 0);
	vw_expect_stat(dev.n, "failed_faults", 0);
	expect_sum(dev.n);
	munmap(map, SIZE);
	vw_expect_stat(dev.n, "read_faults", dev.faults ? 5 : 0);
}

VW_TEST(fault_around_maps_the_configured_size)
{
	static const char * const types[] = { "vmalloc", "kmalloc" };
	const size_t arounds[] = { PAGE, 2 * PAGE, 16 * PAGE, 128 * PAGE, 512 * PAGE };
	char text[32], *map;
	int n, fd;

	for (size_t t = 0; t < COUNT(types); t++) {
		for (size_t i = 0; i < COUNT(arounds); i++) {
			long long pages = arounds[i] / PAGE, mapped;

			snprintf(text, sizeof(text), "%zu", arounds[i]);
			n = vw_make("t", "buffer_type", types[t], "map_mode", "fault", "size", "4M",
				    "fault_around", text, "fill", "digits", NULL);
			fd = vw_open_rw(n);
			map = vw_anon_aligned(4 * MIB, PMD_SIZE);
			map = mmap(map, 4 * MIB, RW, MAP_SHARED | MAP_FIXED, fd, 0);
			assert_true(map != MAP_FAILED);
			vw_peek(map + 300 * PAGE);
			vw_expect_stat(n, "mapped_pages", pages);
			vw_expect_stat(n, "faults", 1);
			assert_true(vw_holds_fill(map + 300 * PAGE, "digits", 300 * PAGE, PAGE));
			vw_expect_stat(n, "faults", 1);

			/* A write fault may map fewer pages, but not more. */
			vw_poke(map + 900 * PAGE, 1);
			mapped = vw_stat(n, "mapped_pages") - pages;
			if (mapped < 1 || mapped > pages)
				vw_fail("a write fault mapped %lld pages, not 1 to %lld", mapped,
					pages);
			munmap(map, 4 * MIB);
			close(fd);
			vw_ok(vw_rmdir("t"));
		}
	}
}

VW_TEST(fault_around_maps_each_page_at_its_offset)
{
	static const char * const types[] = { "vmalloc", "kmalloc" };
	char *map;
	int n, fd;

	for (size_t t = 0; t < COUNT(types); t++) {
		n = vw_make("t", "buffer_type", types[t], "map_mode", "fault", "size", "512K",
			    "fill", "letters", NULL);
		fd = vw_open_rw(n);
		for (size_t s = 0; s < COUNT(shares); s++) {
			map = vw_map(fd, 512 * KIB, 0, RW, shares[s]);
			assert_true(vw_holds_fill(map, "letters", 0, 512 * KIB));
			/* 64 KiB a fault: 9 if the mapping is unaligned. */
			if (vw_stat(n, "faults") > 9 * (long long)(s + 1))
				vw_fail("%lld faults for 8 windows", vw_stat(n, "faults"));
			munmap(map, 512 * KIB);
		}
		close(fd);
		vw_ok(vw_rmdir("t"));
	}
}

VW_TEST(fault_around_maps_nothing_outside_mapping_and_buffer)
{
	static const char * const types[] = { "vmalloc", "kmalloc" };
	char *area, *map;
	__u64 frames[64];
	int n, fd;

	for (size_t t = 0; t < COUNT(types); t++) {
		n = vw_make("t", "buffer_type", types[t], "map_mode", "fault", "size", "20K",
			    "fault_around", "2M", NULL);
		fd = vw_open_rw(n);
		for (size_t pages = 1; pages <= 5; pages++) {
			for (size_t at = 0; at + pages <= 5; at++) {
				area = vw_anon_aligned(64 * PAGE, PMD_SIZE);
				map = mmap(area + 20 * PAGE, pages * PAGE, RW,
					   MAP_SHARED | MAP_FIXED, fd, at * PAGE);
				assert_ptr_equal(map, area + 20 * PAGE);
				vw_peek(map + (pages - 1) * PAGE);
				vw_expect_stat(n, "mapped_pages", pages);
				/* The adjacent mappings must stay empty. */
				vw_frames(0, area, 64, frames);
				for (size_t i = 0; i < 64; i++)
					assert_true(!frames[i] == (i < 20 || i >= 20 + pages));
				munmap(area, 64 * PAGE);
			}
		}
		close(fd);
		vw_ok(vw_rmdir("t"));
	}
}

VW_TEST(fault_around_does_not_replace_private_copies)
{
	char *map;
	int n, fd;

	n = vw_make("t", "size", vw_pages_text(16), "fill", "digits", NULL);
	fd = vw_open_rw(n);
	map = vw_anon_aligned(16 * PAGE, 16 * PAGE);
	assert_ptr_equal(mmap(map, 16 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0), map);
	vw_poke(map + 5 * PAGE, '!');
	vw_peek(map + 6 * PAGE);
	assert_int_equal(vw_peek(map + 5 * PAGE), '!');
	vw_expect_stat(n, "mapped_pages", 15);
	assert_true(vw_holds_fill(map + 6 * PAGE, "digits", 6 * PAGE, 10 * PAGE));
}

/* --- Access by others: populate, ptrace, direct I/O, smaps ---------------- */

VW_TEST_TYPICAL(populate_and_locked_give_the_same_mapping)
{
	static const int flags[] = { MAP_POPULATE, MAP_LOCKED, MAP_POPULATE | MAP_LOCKED };
	struct device dev = make_device(combo, "letters");
	char *map;

	for (size_t s = 0; s < COUNT(shares); s++) {
		for (size_t i = 0; i < COUNT(flags); i++) {
			map = vw_map(dev.fd, SIZE, 0, RW, shares[s] | flags[i]);
			if (!dev.faults && shares[s] == MAP_SHARED)
				vw_expect_stat(dev.n, "mapped_pages", PAGES);
			expect_mapped_pages(&dev, map, PAGES, 0);
			assert_true(vw_holds_fill(map, "letters", 0, SIZE));
			munmap(map, SIZE);
			vw_expect_stat(dev.n, "mapped_pages", 0);
		}
	}
}

VW_TEST(refcounted_pages_support_ptrace_and_direct_io)
{
	char device[256] = "", line[256], back[16], *map;
	struct vw_child child;
	int n, fd, disk;
	FILE *swaps;

	swaps = fopen("/proc/swaps", "re");
	while (swaps && fgets(line, sizeof(line), swaps))
		sscanf(line, "/%200s partition", device);
	if (swaps)
		fclose(swaps);
	for (size_t i = 0; i < VW_COMBOS; i++) {
		struct iovec local = { back, 16 }, remote;

		if (!vw_is_refcounted(&vw_combos[i]))
			continue;
		n = vw_make_combo(&vw_combos[i], SIZE, "letters");
		fd = vw_open_rw(n);
		map = vw_map(fd, SIZE, 0, RW, MAP_SHARED);
		child = vw_fork(run_commands, map);
		vw_hear(&child);
		remote = (struct iovec){ map + 3 * PAGE - 4, 16 };
		vw_expect(vw_sys(process_vm_readv(child.pid, &local, 1, &remote, 1, 0)), 16);
		assert_true(vw_holds_fill(back, "letters", 3 * PAGE - 4, 16));
		memcpy(back, "written from out", 16);
		vw_expect(vw_sys(process_vm_writev(child.pid, &local, 1, &remote, 1, 0)), 16);
		assert_memory_equal(map + 3 * PAGE - 4, "written from out", 16);
		vw_kill(&child);

		if (device[0]) {
			snprintf(line, sizeof(line), "/%s", device);
			disk = open(line, O_RDONLY | O_DIRECT | O_CLOEXEC);
			if (disk >= 0) {
				vw_expect(vw_sys(pread(disk, map + 5 * PAGE, PAGE, 0)), PAGE);
				assert_memory_equal(map + 6 * PAGE - 10, "SWAPSPACE2", 10);
				close(disk);
			}
		}
		munmap(map, SIZE);
		vw_expect_stat(n, "mapped_pages", 0);
		close(fd);
		vw_ok(vw_rmdir("t"));
	}
}

VW_TEST_TYPICAL(ptrace_of_any_mapping_is_safe)
{
	struct device dev = make_device(combo, "letters");
	char *map = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);
	struct vw_child child = vw_fork(run_commands, map);
	long word;

	vw_hear(&child);
	vw_ok(vw_sys(ptrace(PTRACE_ATTACH, child.pid, NULL, NULL)));
	assert_int_equal(waitpid(child.pid, NULL, __WALL), child.pid);
	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, child.pid, map + PAGE, NULL);
	if (errno)
		assert_true(errno == EIO || errno == EFAULT);
	else
		assert_true(vw_holds_fill(&word, "letters", PAGE, sizeof(word)));
	vw_ok(vw_sys(ptrace(PTRACE_DETACH, child.pid, NULL, NULL)));
}

/* Copy-on-write of a PFN mapping would read the writing process's memory. */
VW_TEST_TYPICAL(remote_writes_to_private_pfn_mappings_fail_with_efault)
{
	struct device dev = make_device(combo, "letters");
	char *map = vw_map(dev.fd, SIZE, 0, RW, MAP_PRIVATE);
	struct iovec local = { "written from out", 16 }, remote = { map + PAGE, 16 };
	bool pages = vw_is_refcounted(combo) && !strcmp(combo->cache, "wb");
	struct vw_child child = vw_fork(run_commands, map);

	vw_hear(&child);
	command(&child, TOUCH, 1);
	vw_expect(vw_sys(process_vm_writev(child.pid, &local, 1, &remote, 1, 0)),
		  pages ? 16 : -EFAULT);
	assert_true(vw_holds_fill(map, "letters", 0, SIZE));
}

VW_TEST_TYPICAL(smaps_shows_the_device_and_counts_refcounted_pages)
{
	struct device dev = make_device(combo, "zero");
	char line[512], name[64], *map = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);
	bool in = false, seen = false;
	unsigned long start, kib;
	FILE *smaps;

	for (size_t i = 0; i < PAGES; i++)
		vw_peek(map + i * PAGE);
	snprintf(name, sizeof(name), "/dev/vmwalk%d\n", dev.n);
	smaps = fopen("/proc/self/smaps", "re");
	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%*x ", &start) == 1 && strchr(line, '-')) {
			in = start == (uintptr_t)map;
			if (in)
				assert_non_null(strstr(line, name));
		} else if (in && sscanf(line, "Rss: %lu", &kib) == 1) {
			seen = true;
			vw_expect(kib, vw_is_refcounted(combo) ? SIZE / KIB : 0);
		}
	}
	fclose(smaps);
	assert_true(seen);
}

static int touch_all(void *arg)
{
	char *map = arg;

	for (int round = 0; round < 30; round++) {
		for (size_t i = 0; i < PAGES; i++)
			vw_poke(map + i * PAGE, round);
		madvise(map, SIZE, MADV_DONTNEED);
	}
	return 0;
}

VW_TEST_TYPICAL(mapped_pages_is_consistent_during_faults_and_exits)
{
	struct device dev = make_device(combo, "zero");
	char *map = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);
	struct vw_child child;
	long long mapped;

	for (int round = 0; round < 10; round++) {
		child = vw_fork(touch_all, map);
		for (int i = 0; i < 20; i++) {
			mapped = vw_stat(dev.n, "mapped_pages");
			if (mapped < 0 || mapped > 2 * (long long)PAGES)
				vw_fail("mapped_pages is %lld, not 0 to %lu", mapped,
					2 * PAGES);
			vw_stat(dev.n, "mappings");
		}
		vw_join_ok(&child);
		expect_mapped_pages(&dev, map, PAGES, 0);
	}
	munmap(map, SIZE);
	vw_expect_stat(dev.n, "mapped_pages", 0);
}

/* Two threads that write to the same pages in the same order. */
struct pair {
	char *map;
	size_t len;
	pthread_barrier_t barrier;	/* before and after each round */
};

#define ROUNDS	20

static void touch_together(struct pair *pair, size_t byte)
{
	pthread_barrier_wait(&pair->barrier);
	for (size_t at = 0; at < pair->len; at += PAGE)
		vw_poke(pair->map + at + byte, byte + 1);
	pthread_barrier_wait(&pair->barrier);
}

static void *touch_second_bytes(void *arg)
{
	for (int round = 0; round < ROUNDS; round++)
		touch_together(arg, 1);
	return NULL;
}

/* The second thread finds the page, window or PMD mapped, and maps nothing. */
VW_TEST_TYPICAL(concurrent_faults_map_each_page_once)
{
	struct pair pair = { .len = strcmp(combo->type, "huge") ? 64 * PAGE : 2 * PMD_SIZE };
	int n = vw_make_combo(combo, pair.len, "zero");
	int fd = vw_open_rw(n);
	char wanted[MAX_PAGE] = { 1, 2 }, held[PAGE];
	pthread_t thread;

	vw_ok(pthread_barrier_init(&pair.barrier, NULL, 2));
	vw_ok(pthread_create(&thread, NULL, touch_second_bytes, &pair));
	for (int round = 0; round < ROUNDS; round++) {
		pair.map = vw_map(fd, pair.len, 0, RW, MAP_SHARED);
		touch_together(&pair, 0);
		vw_expect_stat(n, "mapped_pages", pair.len / PAGE);
		for (size_t at = 0; at < pair.len; at += PAGE) {
			vw_expect(vw_sys(pread(fd, held, PAGE, at)), PAGE);
			assert_memory_equal(held, wanted, PAGE);
			vw_expect(vw_sys(pwrite(fd, "\0\0", 2, at)), 2);
			assert_memory_equal(pair.map + at, "\0\0", 2);
		}
		munmap(pair.map, pair.len);
		vw_expect_stat(n, "mapped_pages", 0);
	}
	vw_ok(pthread_join(thread, NULL));
	pthread_barrier_destroy(&pair.barrier);
}

struct discarder {
	char *map;			/* one page table */
	bool stop;
};

static void *discard_repeatedly(void *arg)
{
	struct discarder *discarder = arg;

	/* Fails for shared PFN mappings, which then stay mapped. */
	while (!__atomic_load_n(&discarder->stop, __ATOMIC_RELAXED))
		madvise(discarder->map, PMD_SIZE, MADV_DONTNEED);
	return NULL;
}

/*
 * Newer kernels free an empty page table while faults install pages in it. Such
 * a fault must try again: an error would let read() end early.
 */
static void read_beside_discarding(const char *mode, int share)
{
	struct discarder discarder = { .stop = false };
	int n = vw_make("t", "buffer_type", "vmalloc", "map_mode", mode, "size",
			vw_pages_text(PMD_SIZE / PAGE), NULL);
	int fd = vw_open_rw(n), zeroes = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	void *addr = vw_anon_aligned(PMD_SIZE, PMD_SIZE);
	pthread_t thread;

	assert_true(zeroes >= 0);
	discarder.map = mmap(addr, PMD_SIZE, RW, share | MAP_FIXED, fd, 0);
	assert_ptr_equal(discarder.map, addr);
	vw_ok(pthread_create(&thread, NULL, discard_repeatedly, &discarder));
	for (int i = 0; i < 1000; i++) {
		long done = vw_sys(read(zeroes, discarder.map, 8 * PAGE));

		if (done != 8 * (long)PAGE)
			vw_fail("%s, %s, round %d: read() returned %ld, failed faults: %lld", mode,
				share == MAP_SHARED ? "shared" : "private", i, done,
				vw_stat(n, "failed_faults"));
	}
	__atomic_store_n(&discarder.stop, true, __ATOMIC_RELAXED);
	vw_ok(pthread_join(thread, NULL));
	munmap(discarder.map, PMD_SIZE);
	vw_expect_stat(n, "mapped_pages", 0);
	vw_expect_stat(n, "failed_faults", 0);
	close(zeroes);
	close(fd);
	vw_ok(vw_rmdir("t"));
}

VW_TEST(reading_into_a_mapping_succeeds_while_it_is_discarded)
{
	static const char *const modes[] = { "remap", "insert", "fault" };

	for (size_t i = 0; i < COUNT(modes); i++)
		for (size_t j = 0; j < COUNT(shares); j++)
			read_beside_discarding(modes[i], shares[j]);
}
