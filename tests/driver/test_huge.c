// SPDX-License-Identifier: GPL-2.0
/*
 * Huge buffers with map_mode insert: PMD entries that hold references. Whatever
 * the kernel does to such a mapping, the buffer must keep its frames and its
 * contents, and mapped_pages must follow.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "harness.h"

#define CHUNKS		3UL
#define PMD_PAGES	(PMD_SIZE / PAGE)
#define PAGES		(CHUNKS * PMD_PAGES)
#define SIZE		(CHUNKS * PMD_SIZE)
#define WINDOW		16UL	/* pages in the default fault_around */
#define SPLIT		"/sys/kernel/debug/split_huge_pages"

static const struct vw_combo insert = { .type = "huge", .mode = "insert", .cache = "wb" };

struct huge {
	struct vw_buffer buffer;
	char *area;		/* reserved, larger than the buffer */
	char *map;
};

static void need_pmds(void)
{
	if (!vw_maps_folios())
		vw_skip("this kernel has no PMD entries with references for drivers");
}

static char *map_at(const struct huge *huge, char *at, size_t len, off_t offset, int prot)
{
	assert_ptr_equal(mmap(at, len, prot, MAP_SHARED | MAP_FIXED, huge->buffer.fd, offset), at);
	return at;
}

static struct huge make_huge(void)
{
	struct huge huge;

	vw_buffer_make(&huge.buffer, &insert, SIZE);
	huge.area = vw_anon_aligned(SIZE + 2 * PMD_SIZE, PMD_SIZE);
	huge.map = map_at(&huge, huge.area, SIZE, 0, RW);
	return huge;
}

/* Unmaps everything. The buffer must be unchanged. */
static void remove_huge(struct huge *huge)
{
	vw_ok(vw_sys(munmap(huge->area, SIZE + 2 * PMD_SIZE)));
	vw_buffer_expect_whole(&huge->buffer);
	vw_buffer_remove(&huge->buffer);
}

/* log2 of the bytes that the entry at an address maps; 0: not mapped. */
static unsigned int shift_at(const struct huge *huge, const void *at)
{
	struct vmwalk_walk walk;

	vw_ok(vw_walk(huge->buffer.fd, (uintptr_t)at, &walk));
	return walk.stop == VMWALK_STOP_PAGE ? vw_level_shift(walk.page_shift) : 0;
}

/* Do these pages map the buffer's frames from page @first on? */
static void expect_frames_at(int line, const struct huge *huge, const char *map, size_t first,
			     size_t pages)
{
	__u64 *frames = calloc(pages, sizeof(*frames));

	vw_touch(map, pages * PAGE);
	vw_frames(0, map, pages, frames);
	for (size_t i = 0; i < pages; i++)
		if (frames[i] != huge->buffer.frames[first + i])
			vw_fail_at(__FILE__, line, "page %zu: frame 0x%llx, not 0x%llx", i,
				   frames[i], huge->buffer.frames[first + i]);
	assert_true(vw_holds_fill(map, "letters", first * PAGE, pages * PAGE));
	free(frames);
}

#define expect_frames(huge, map, first, pages) \
	expect_frames_at(__LINE__, huge, map, first, pages)

static void expect_pmds_at(int line, const struct huge *huge)
{
	for (size_t i = 0; vw_maps_folios() && i < CHUNKS; i++)
		vw_expect_at(__FILE__, line, "log2 of the entry's size",
			     shift_at(huge, huge->map + i * PMD_SIZE), PMD_SHIFT);
}

#define expect_pmds(huge)	expect_pmds_at(__LINE__, huge)

VW_TEST(mmap_installs_pmd_entries_with_references)
{
	struct huge huge = make_huge();

	vw_expect_stat(huge.buffer.n, "mapped_pages", PAGES);
	vw_expect_stat(huge.buffer.n, "faults", 0);
	expect_pmds(&huge);
	expect_frames(&huge, huge.map, 0, PAGES);
	vw_expect_stat(huge.buffer.n, "faults", 0);
	vw_expect(vw_smaps_kib(huge.map, "Rss"), SIZE / KIB);
	if (vw_maps_folios())
		vw_expect(vw_smaps_kib(huge.map, "FilePmdMapped"), SIZE / KIB);
	remove_huge(&huge);
}

VW_TEST(mmap_chooses_an_address_for_pmd_entries)
{
	struct huge huge = make_huge();
	char *map;

	need_pmds();
	map = vw_map(huge.buffer.fd, SIZE, 0, RW, MAP_SHARED);
	vw_expect((uintptr_t)map % PMD_SIZE, 0);
	munmap(map, SIZE);
	remove_huge(&huge);
}

/* Windows that PMD entries can map in part or not at all. */
VW_TEST(mmap_maps_everything_where_pmd_entries_do_not_fit)
{
	struct huge huge = make_huge();
	const struct {
		size_t skew, offset, pages;
	} windows[] = {
		{ 0, 1, PAGES - 1 }, { 1, 0, PAGES }, { 1, 1, PAGES - 1 },
		{ 0, 0, PMD_PAGES - 1 }, { PMD_PAGES - 1, PMD_PAGES - 1, PMD_PAGES + 2 },
		{ 3, PAGES - 1, 1 }, { PMD_PAGES / 2, 0, PMD_PAGES },
	};

	for (size_t i = 0; i < COUNT(windows); i++) {
		char *map = huge.area + windows[i].skew * PAGE;

		vw_ok(vw_sys(munmap(huge.area, SIZE + 2 * PMD_SIZE)));
		map_at(&huge, map, windows[i].pages * PAGE, windows[i].offset * PAGE, RW);
		vw_expect_stat(huge.buffer.n, "mapped_pages", windows[i].pages);
		expect_frames(&huge, map, windows[i].offset, windows[i].pages);
		vw_expect_stat(huge.buffer.n, "faults", 0);
	}
	remove_huge(&huge);
}

static int map_without_thp(void *arg)
{
	struct huge *huge = arg;

	vw_check(!prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	vw_check(mmap(huge->area, SIZE, RW, MAP_SHARED | MAP_FIXED, huge->buffer.fd, 0) ==
		 huge->area);
	vw_say(0);
	vw_listen();
	for (size_t i = 0; i < PAGES; i++)
		vw_check(vw_peek(huge->map + i * PAGE) == vw_fill_byte("letters", i * PAGE));
	vw_check(!madvise(huge->map, SIZE, MADV_DONTNEED));
	for (size_t i = 0; i < PAGES; i++)
		vw_poke(huge->map + i * PAGE, vw_fill_byte("letters", i * PAGE));
	return 0;
}

VW_TEST(mmap_maps_everything_with_huge_pages_disabled)
{
	struct huge huge = make_huge();
	struct vw_child child = vw_fork(map_without_thp, &huge);

	vw_ok(vw_sys(munmap(huge.map, SIZE)));
	vw_hear(&child);
	vw_expect_stat(huge.buffer.n, "mapped_pages", PAGES);
	vw_expect(vw_count_frames(child.pid, huge.map, PAGES, huge.buffer.frames, PAGES), PAGES);
	vw_tell(&child, 0);
	vw_join_ok(&child);
	remove_huge(&huge);
}

/* --- Operations on a part of a PMD entry ---------------------------------- */

VW_TEST(partial_munmap_keeps_the_rest)
{
	struct huge huge = make_huge();
	const size_t hole = PMD_PAGES + 7;

	vw_ok(vw_sys(munmap(huge.map + hole * PAGE, 2 * PAGE)));
	vw_expect_stat(huge.buffer.n, "mappings", 2);
	expect_frames(&huge, huge.map, 0, hole);
	expect_frames(&huge, huge.map + (hole + 2) * PAGE, hole + 2, PAGES - hole - 2);
	vw_expect_stat(huge.buffer.n, "mapped_pages", PAGES - 2);
	vw_ok(vw_sys(munmap(huge.map, hole * PAGE)));
	vw_expect_stat(huge.buffer.n, "mapped_pages", PAGES - hole - 2);
	remove_huge(&huge);
}

VW_TEST(mprotect_of_a_part_keeps_the_rest)
{
	struct huge huge = make_huge();
	char *page = huge.map + 9 * PAGE;

	vw_ok(vw_sys(mprotect(page, PAGE, PROT_READ)));
	vw_expect(vw_sys(pread(huge.buffer.fd, page, 1, 0)), -EFAULT);
	vw_poke(page + PAGE, vw_peek(page + PAGE));
	expect_frames(&huge, huge.map, 0, PAGES);
	vw_ok(vw_sys(mprotect(page, PAGE, RW)));
	vw_poke(page, vw_peek(page));
	vw_expect_stat(huge.buffer.n, "mapped_pages", PAGES);
	vw_expect(shift_at(&huge, huge.map + PMD_SIZE), vw_maps_folios() ? PMD_SHIFT : PAGE_SHIFT);
	remove_huge(&huge);
}

VW_TEST(mprotect_of_all_keeps_pmd_entries)
{
	struct huge huge = make_huge();

	vw_ok(vw_sys(mprotect(huge.map, SIZE, PROT_NONE)));
	vw_expect(vw_sys(pwrite(huge.buffer.fd, huge.map, 1, 0)), -EFAULT);
	vw_ok(vw_sys(mprotect(huge.map, SIZE, PROT_READ)));
	vw_expect_stat(huge.buffer.n, "mapped_pages", PAGES);
	expect_pmds(&huge);
	vw_ok(vw_sys(mprotect(huge.map, SIZE, RW)));
	vw_poke(huge.map, vw_peek(huge.map));
	expect_frames(&huge, huge.map, 0, PAGES);
	remove_huge(&huge);
}

VW_TEST(mremap_moves_and_splits_pmd_entries)
{
	struct huge huge = make_huge();
	char *to = huge.area + SIZE + PMD_SIZE - PAGE;

	/* Within an aligned area, then to an address that does not fit. */
	vw_expect(vw_sys((long)mremap(huge.map, PMD_SIZE, PMD_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
				      huge.map + SIZE)), (long)(huge.map + SIZE));
	vw_expect_stat(huge.buffer.n, "mapped_pages", PAGES);
	expect_frames(&huge, huge.map + SIZE, 0, PMD_PAGES);
	vw_expect(vw_sys((long)mremap(huge.map + SIZE, PMD_PAGES / 2 * PAGE, PMD_PAGES / 2 * PAGE,
				      MREMAP_MAYMOVE | MREMAP_FIXED, to)), (long)to);
	expect_frames(&huge, to, 0, PMD_PAGES / 2);
	expect_frames(&huge, huge.map + PMD_SIZE, PMD_PAGES, 2 * PMD_PAGES);
	vw_ok(vw_sys(munmap(to, PMD_PAGES / 2 * PAGE)));
	remove_huge(&huge);
}

VW_TEST(discarded_pages_are_mapped_again)
{
	struct huge huge = make_huge();

	vw_ok(vw_sys(madvise(huge.map, SIZE, MADV_DONTNEED)));
	vw_expect_stat(huge.buffer.n, "mapped_pages", 0);
	vw_peek(huge.map + 5 * PAGE);
	vw_poke(huge.map + PMD_SIZE, vw_peek(huge.map + PMD_SIZE));
	if (!vw_maps_folios()) {
		vw_expect_stat(huge.buffer.n, "mapped_pages", 2 * WINDOW);
	} else {
		vw_expect_stat(huge.buffer.n, "mapped_pages", 2 * PMD_PAGES);
		vw_expect_stat(huge.buffer.n, "huge_faults", 2);
		expect_frames(&huge, huge.map, 0, PAGES);
		expect_pmds(&huge);
	}
	/* A part of a chunk, which splits its PMD entry. */
	vw_ok(vw_sys(madvise(huge.map + 5 * PAGE, PAGE, MADV_DONTNEED)));
	expect_frames(&huge, huge.map, 0, PAGES);
	vw_expect_stat(huge.buffer.n, "mapped_pages", PAGES);
	vw_expect_stat(huge.buffer.n, "failed_faults", 0);
	remove_huge(&huge);
}

/* An offset for which the kernel would choose another address than 0. */
static int map_at_0(void *arg)
{
	struct huge *huge = arg;
	const off_t offset = PMD_SIZE - PAGE;

	vw_check(!mmap(NULL, PMD_SIZE, RW, MAP_SHARED | MAP_FIXED, huge->buffer.fd, offset));
	vw_check(!munmap(NULL, PMD_SIZE));
	vw_become(VW_NOBODY, 0);
	vw_check(mmap(NULL, PMD_SIZE, RW, MAP_SHARED | MAP_FIXED, huge->buffer.fd, offset) ==
		 MAP_FAILED);
	vw_check(errno == EPERM);
	return 0;
}

VW_TEST(map_fixed_at_address_0_maps_there_or_fails)
{
	struct huge huge = make_huge();

	vw_in_child(map_at_0, &huge);
	remove_huge(&huge);
}

static int touch_on_command(void *arg)
{
	struct huge *huge = arg;

	vw_sync(0);
	vw_touch(huge->map, SIZE);
	vw_sync(0);
	return 0;
}

VW_TEST(a_child_maps_the_same_frames)
{
	struct huge huge = make_huge();
	struct vw_child child = vw_fork(touch_on_command, &huge);

	vw_hear(&child);
	vw_tell(&child, 0);
	vw_hear(&child);
	vw_expect_stat(huge.buffer.n, "mapped_pages", 2 * PAGES);
	vw_expect(vw_count_frames(child.pid, huge.map, PAGES, huge.buffer.frames, PAGES), PAGES);
	vw_kill(&child);
	vw_expect_stat(huge.buffer.n, "mapped_pages", PAGES);
	expect_pmds(&huge);
	remove_huge(&huge);
}

VW_TEST(mappings_work_after_rmdir)
{
	struct huge huge = make_huge();

	vw_ok(vw_rmdir("t"));
	close(huge.buffer.fd);
	assert_true(vw_holds_fill(huge.map, "letters", 0, SIZE));
	vw_ok(vw_sys(madvise(huge.map, SIZE, MADV_DONTNEED)));
	vw_ok(vw_sys(munmap(huge.map + PAGE, PAGE)));
	assert_true(vw_holds_fill(huge.map + 2 * PAGE, "letters", 2 * PAGE, SIZE - 2 * PAGE));
	vw_ok(vw_sys(munmap(huge.area, SIZE + 2 * PMD_SIZE)));
	free(huge.buffer.frames);
}

/* --- What the kernel does to huge pages ----------------------------------- */

VW_TEST(the_kernel_neither_locks_nor_collapses_nor_reclaims_chunks)
{
	static const int advices[] = {
		MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_HUGEPAGE, MADV_COLD, MADV_PAGEOUT,
		MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_COLLAPSE, MADV_FREE, MADV_REMOVE,
		MADV_WILLNEED,
	};
	struct huge huge = make_huge();

	for (size_t i = 0; i < COUNT(advices); i++) {
		madvise(huge.map, SIZE, advices[i]);
		madvise(huge.map + PAGE, 3 * PAGE, advices[i]);
		expect_frames(&huge, huge.map, 0, PAGES);
	}
	vw_ok(vw_sys(mlock(huge.map, SIZE)));
	vw_expect(vw_smaps_kib(huge.map, "Locked"), 0);
	expect_frames(&huge, huge.map, 0, PAGES);
	remove_huge(&huge);
}

/* The page cache of the device is not that of a file system. */
VW_TEST(calls_for_the_page_cache_change_nothing)
{
	struct huge huge = make_huge();
	unsigned char resident[PAGES];
	char text[16];

	posix_fadvise(huge.buffer.fd, 0, 0, POSIX_FADV_DONTNEED);
	posix_fadvise(huge.buffer.fd, 0, 0, POSIX_FADV_WILLNEED);
	sync_file_range(huge.buffer.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	readahead(huge.buffer.fd, 0, SIZE);
	vw_ok(vw_sys(fsync(huge.buffer.fd)));
	vw_ok(vw_sys(msync(huge.map, SIZE, MS_SYNC | MS_INVALIDATE)));
	vw_ok(vw_sys(mincore(huge.map, SIZE, resident)));
	for (size_t i = 0; i < PAGES; i++)
		vw_expect(resident[i] & 1, 1);
	vw_ok(vw_file_write("/proc/sys/vm/drop_caches", "3"));
	sync();
	vw_expect_stat(huge.buffer.n, "mapped_pages", PAGES);
	expect_frames(&huge, huge.map, 0, PAGES);
	expect_pmds(&huge);
	if (vw_file_read("/proc/sys/vm/drop_caches", text, sizeof(text)) > 0)
		vw_file_write("/proc/sys/vm/drop_caches", "0");
	remove_huge(&huge);
}

VW_TEST(pages_are_not_migrated)
{
	struct huge huge = make_huge();
	unsigned long from = 1, to = 2;
	void *pages[] = { huge.map, huge.map + PAGE, huge.map + PMD_SIZE };
	int nodes[] = { 0, 1, 1 }, status[3];

	for (int i = 0; i < 2; i++) {
		syscall(SYS_migrate_pages, 0, 8, i ? &to : &from, i ? &from : &to);
		syscall(SYS_move_pages, 0, 3UL, pages, nodes, status, MPOL_MF_MOVE);
		for (size_t j = 0; j < COUNT(nodes); j++)
			nodes[j] = i;
		syscall(SYS_mbind, huge.map, SIZE, MPOL_BIND, i ? &to : &from, 8, MPOL_MF_MOVE);
		vw_file_write("/proc/sys/vm/compact_memory", "1");
		expect_frames(&huge, huge.map, 0, PAGES);
	}
	vw_expect_stat(huge.buffer.n, "mapped_pages", PAGES);
	remove_huge(&huge);
}

VW_TEST(chunks_are_not_split)
{
	struct huge huge = make_huge();
	char text[128];

	if (!vw_exists(SPLIT))
		vw_skip("this kernel has no " SPLIT);
	snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", getpid(), (unsigned long)huge.map,
		 (unsigned long)huge.map + SIZE);
	vw_file_write(SPLIT, text);
	vw_file_write(SPLIT, "1");
	expect_frames(&huge, huge.map, 0, PAGES);
	expect_pmds(&huge);
	remove_huge(&huge);
}

/* --- References ----------------------------------------------------------- */

VW_TEST(remote_access_crosses_pmd_entries)
{
	struct huge huge = make_huge();
	struct iovec remote = { huge.map + PMD_SIZE - 5 * PAGE, 10 * PAGE }, local;

	local = (struct iovec){ vw_anon(10 * PAGE), 10 * PAGE };
	vw_expect(vw_sys(process_vm_readv(getpid(), &local, 1, &remote, 1, 0)), 10 * PAGE);
	assert_true(vw_holds_fill(local.iov_base, "letters", PMD_SIZE - 5 * PAGE, 10 * PAGE));
	vw_expect(vw_sys(process_vm_writev(getpid(), &local, 1, &remote, 1, 0)), 10 * PAGE);
	expect_pmds(&huge);
	remove_huge(&huge);
}

VW_TEST(pages_in_a_pipe_survive_unmapping_and_removal)
{
	struct huge huge = make_huge();
	struct iovec iov = { huge.map + PMD_SIZE - PAGE, 2 * PAGE };
	char data[2 * MAX_PAGE];
	int ends[2];

	vw_ok(vw_sys(pipe2(ends, O_CLOEXEC)));
	vw_expect(vw_sys(vmsplice(ends[1], &iov, 1, SPLICE_F_NONBLOCK)), 2 * PAGE);
	vw_ok(vw_sys(munmap(huge.area, SIZE + 2 * PMD_SIZE)));
	vw_expect_stat(huge.buffer.n, "mapped_pages", 0);
	vw_buffer_remove(&huge.buffer);
	vw_expect(vw_sys(read(ends[0], data, 2 * PAGE)), 2 * PAGE);
	assert_true(vw_holds_fill(data, "letters", PMD_SIZE - PAGE, 2 * PAGE));
	close(ends[0]);
	close(ends[1]);
}

/* --- Write tracking of the core ------------------------------------------- */

#define SOFT_DIRTY	BIT_ULL(55)

VW_TEST(soft_dirty_tracks_single_pages)
{
	struct huge huge = make_huge();
	size_t written = PMD_PAGES + 3, dirty = 0;
	__u64 entries[PAGES];

	vw_poke(huge.map, vw_peek(huge.map));
	if (!(vw_pagemap_one(0, huge.map) & SOFT_DIRTY))
		vw_skip("this kernel has no soft-dirty bits");
	vw_ok(vw_file_write("/proc/self/clear_refs", "4"));
	vw_touch(huge.map, SIZE);
	vw_poke(huge.map + written * PAGE, vw_peek(huge.map + written * PAGE));
	vw_expect(vw_pagemap(0, (uintptr_t)huge.map, PAGES, entries), PAGES);
	for (size_t i = 0; i < PAGES; i++)
		dirty += !!(entries[i] & SOFT_DIRTY);
	vw_expect(!!(entries[written] & SOFT_DIRTY), 1);
	vw_expect(dirty, 1);

	/* The same for a write to a page that is not mapped. */
	vw_ok(vw_file_write("/proc/self/clear_refs", "4"));
	vw_ok(vw_sys(madvise(huge.map, SIZE, MADV_DONTNEED)));
	vw_poke(huge.map + PAGE, vw_peek(huge.map + PAGE));
	vw_expect(!!(vw_pagemap_one(0, huge.map + PAGE) & SOFT_DIRTY), 1);
	vw_expect(!!(vw_pagemap_one(0, huge.map) & SOFT_DIRTY), 0);
	vw_touch(huge.map, SIZE);
	vw_expect_stat(huge.buffer.n, "mapped_pages", PAGES);
	remove_huge(&huge);
}

/* --- Concurrency ---------------------------------------------------------- */

#define THREADS	3

struct racer {
	struct huge *huge;
	size_t number;
	bool failed;
};

/* Each thread does something else to the same chunks. */
static void *race(void *arg)
{
	struct racer *racer = arg;
	char *map = racer->huge->map;
	size_t page;

	for (__u64 i = 0, seed = racer->number; i < 1000; i++) {
		page = vw_random(&seed) % PAGES;
		switch (racer->number) {
		case 0:
			madvise(map + page * PAGE, (1 + page % 7) * PAGE, MADV_DONTNEED);
			break;
		case 1:
			madvise(map + page / PMD_PAGES * PMD_SIZE, PMD_SIZE, MADV_DONTNEED);
			break;
		default:
			racer->failed |= vw_peek(map + page * PAGE) !=
					 vw_fill_byte("letters", page * PAGE);
			mprotect(map + page * PAGE, PAGE, i % 2 ? PROT_READ : RW);
		}
	}
	return NULL;
}

static int race_in_child(void *arg)
{
	struct racer racers[THREADS];
	pthread_t threads[THREADS];
	bool failed = false;

	for (size_t i = 0; i < THREADS; i++) {
		racers[i] = (struct racer){ arg, i, false };
		vw_check(!pthread_create(&threads[i], NULL, race, &racers[i]));
	}
	for (size_t i = 0; i < THREADS; i++) {
		vw_check(!pthread_join(threads[i], NULL));
		failed |= racers[i].failed;
	}
	return failed;
}

VW_TEST(faults_race_with_discarding_and_splitting)
{
	struct huge huge = make_huge();
	struct vw_child children[2];
	__u64 frames[PAGES];
	char *map;

	for (size_t i = 0; i < COUNT(children); i++)
		children[i] = vw_fork(race_in_child, &huge);
	for (int i = 0; i < 50; i++) {
		/* Approximate, since VMAs are split and merged meanwhile. */
		assert_true(vw_stat(huge.buffer.n, "mapped_pages") >= 0);
		vw_ok(vw_sys(madvise(huge.map, SIZE, MADV_DONTNEED)));
		vw_touch(huge.map, SIZE);
		/* A new mapping is complete, even if others lock the chunks. */
		map = vw_map(huge.buffer.fd, SIZE, 0, RW, MAP_SHARED);
		vw_frames(0, map, PAGES, frames);
		assert_memory_equal(frames, huge.buffer.frames, sizeof(frames));
		munmap(map, SIZE);
	}
	for (size_t i = 0; i < COUNT(children); i++)
		vw_join_ok(&children[i]);
	vw_expect_stat(huge.buffer.n, "mapped_pages", PAGES);
	vw_expect_stat(huge.buffer.n, "failed_faults", 0);
	expect_frames(&huge, huge.map, 0, PAGES);
	remove_huge(&huge);
}

/* --- Memory failure ------------------------------------------------------- */

static sigjmp_buf bus_error;

static void jump(int signal)
{
	(void)signal;
	siglongjmp(bus_error, 1);
}

#define DAMAGED		11UL	/* the page that is damaged */

/* Returns 0 or an errno. The kernel may mark the page as damaged before it fails. */
static int damage_page(char *map)
{
	if (sigsetjmp(bus_error, 1) || !madvise(map + DAMAGED * PAGE, PAGE, MADV_HWPOISON))
		return 0;
	return errno;
}

static bool is_intact(const char *map, size_t page)
{
	if (sigsetjmp(bus_error, 1))
		return false;
	return vw_peek(map + page * PAGE) == vw_fill_byte("letters", page * PAGE);
}

static int damage_and_map(void *arg)
{
	struct sigaction action = { .sa_handler = jump };
	struct huge *huge = arg;
	int error;

	vw_check(!sigaction(SIGBUS, &action, NULL));
	error = damage_page(huge->map);
	if (error == EINVAL || error == EPERM || error == ENOSYS)
		return 77;
	/*
	 * The mapping may still show the page, but a new one must not; unless the
	 * kernel only marks pages that are on no LRU list (EBUSY).
	 */
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < PAGES; i++) {
			if (i != DAMAGED)
				vw_check(is_intact(huge->map, i));
			else if (round && error != EBUSY)
				vw_check(!is_intact(huge->map, i));
		}
		vw_check(mmap(huge->map, SIZE, RW, MAP_SHARED | MAP_FIXED, huge->buffer.fd, 0) ==
			 huge->map);
	}
	return 0;
}

/* The last test: the damaged page stays damaged. */
VW_TEST(a_damaged_page_does_not_affect_the_others)
{
	struct huge huge = make_huge();
	struct vw_child child = vw_fork(damage_and_map, &huge);
	int rc = vw_join(&child);

	vw_ok(vw_sys(munmap(huge.area, SIZE + 2 * PMD_SIZE)));
	vw_expect_stat(huge.buffer.n, "mapped_pages", 0);
	vw_expect_stat(huge.buffer.n, "mappings", 0);
	vw_buffer_remove(&huge.buffer);
	if (rc == 77)
		vw_skip("this kernel can't mark a page as damaged");
	/* The kernel may also kill the process. */
	if (rc != -SIGBUS)
		vw_ok(rc);
}
