// SPDX-License-Identifier: GPL-2.0
/*
 * Long calls must not block other tasks: a task that changes the target's
 * memory gets mmap_lock in the middle of a call, and a killed caller ends soon.
 * This covers walks, clearing dirty pages, counting pages, and copying.
 *
 * Copyright (C) The vmwalk authors
 *
 * No test depends on time. The tests count what other tasks completed during
 * one call, and how much work a killed call left undone.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "harness.h"

/* The target maps one file many times: many page tables, little memory. */
#define WINDOWS		512UL
#define WIDE		(WINDOWS * PMD_SIZE)
#define WIDE_PAGES	(WIDE / PAGE)

static int fd;

/* Shared between the target and the test. */
static struct {
	unsigned long rounds;		/* completed by the target */
} *progress;

static unsigned long rounds_now(void)
{
	return __atomic_load_n(&progress->rounds, __ATOMIC_SEQ_CST);
}

/* Allocates the pages of two files alternately, so that each is an extent. */
static int create_file(void)
{
	int file[2];
	char *at[2];

	for (int i = 0; i < 2; i++) {
		file[i] = memfd_create("vmwalk_test", MFD_CLOEXEC);
		assert_true(file[i] >= 0 && !ftruncate(file[i], PMD_SIZE));
		at[i] = vw_map(file[i], PMD_SIZE, 0, RW, MAP_SHARED);
	}
	for (size_t i = 0; i < PMD_SIZE; i += PAGE) {
		vw_poke(at[0] + i, 1);
		vw_poke(at[1] + i, 1);
	}
	munmap(at[0], PMD_SIZE);
	munmap(at[1], PMD_SIZE);
	close(file[1]);
	return file[0];
}

/* The range that the target maps; reserved in the test. */
static char *wide;
static int wide_file;

static void map_wide(void)
{
	for (size_t i = 0; i < WIDE; i += PMD_SIZE)
		vw_check(mmap(wide + i, PMD_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
			      wide_file, 0) != MAP_FAILED);
}

static int map_wide_and_wait(void *arg)
{
	(void)arg;
	map_wide();
	vw_sync(0);
	return 0;
}

/* Each round takes mmap_lock for writing twice and for reading a few times. */
static int map_wide_and_change(void *arg)
{
	char *at;

	(void)arg;
	map_wide();
	vw_sync(0);
	for (;;) {
		at = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
		vw_check(at != MAP_FAILED);
		vw_poke(at, 1);
		vw_poke(at + 2 * PAGE, 1);
		vw_check(!munmap(at, 4 * PAGE));
		__atomic_add_fetch(&progress->rounds, 1, __ATOMIC_SEQ_CST);
	}
	return 0;
}

static struct vw_child start_target(int (*body)(void *))
{
	struct vw_child child;
	char text[32];

	progress = vw_map(-1, PAGE, 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	wide = vw_anon_aligned(WIDE, PMD_SIZE);
	wide_file = create_file();
	fd = vw_open_rw(vw_make("t", "size", vw_pages_text(16), NULL));
	child = vw_fork(body, NULL);
	vw_hear(&child);
	snprintf(text, sizeof(text), "%d", child.pid);
	vw_ok(vw_set("t", "target_pid", text));
	return child;
}

static void unmap_target(void)
{
	munmap(wide, WIDE);
	munmap(progress, PAGE);
	close(wide_file);
}

/* Selects nothing, so that one call scans the whole address space. */
static void scan_everything(void)
{
	struct vmwalk_scan scan = vw_scan_args(0, vw_user_end());
	struct vmwalk_extent extent;

	scan.category_mask = VMWALK_PRESENT | VMWALK_SWAP;
	scan.vec = (uintptr_t)&extent;
	scan.vec_len = 1;
	vw_ok(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan));
	vw_expect(scan.walk_end, scan.end);
}

static struct vmwalk_translation *vec;

/* A call drops mmap_lock after each chunk. */
static void translate_some(void)
{
	vw_ok(vw_translate(fd, vec, WIDE_PAGES / 32));
}

/* Consecutive addresses are in different page tables. */
static void fill_vec(void)
{
	for (size_t i = 0; i < WIDE_PAGES; i++)
		vec[i] = (struct vmwalk_translation){
			.addr = (uintptr_t)wide + i * 7919 % WIDE_PAGES * PAGE,
		};
}

static void make_vec(void)
{
	vec = vw_map(-1, WIDE_PAGES * sizeof(*vec), 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	fill_vec();
}

static int compare_rounds(const void *a, const void *b)
{
	const unsigned long *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/*
 * If a call held the lock throughout, the target could complete at most a round
 * before and a round after. Uses the median, since the test may be preempted
 * between the two counts.
 */
static void expect_rounds_within_a_call(void (*call)(void), const char *what)
{
	unsigned long rounds[21], before;

	for (size_t i = 0; i < COUNT(rounds); i++) {
		before = rounds_now();
		call();
		rounds[i] = rounds_now() - before;
	}
	qsort(rounds, COUNT(rounds), sizeof(rounds[0]), compare_rounds);
	print_message("# %s: %lu rounds during a call, %lu to %lu\n", what,
		      rounds[COUNT(rounds) / 2], rounds[0], rounds[COUNT(rounds) - 1]);
	assert_true(rounds[COUNT(rounds) / 2] > 2);
}

VW_TEST(a_writer_gets_mmap_lock_during_a_call)
{
	struct vw_child child;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		vw_skip("needs two CPUs");
	child = start_target(map_wide_and_change);
	make_vec();
	vw_tell(&child, 0);
	expect_rounds_within_a_call(scan_everything, "scan");
	expect_rounds_within_a_call(translate_some, "translate");
	vw_kill(&child);
	munmap(vec, WIDE_PAGES * sizeof(*vec));
	unmap_target();
}

static bool stop;
static unsigned long scan_count;

static void *scan_continuously(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		scan_everything();
		__atomic_add_fetch(&scan_count, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

VW_TEST(writers_make_progress_during_continuous_scans)
{
	static const unsigned long wanted = 300;
	unsigned long before;
	struct vw_child child;
	pthread_t thread[2];
	bool done;

	child = start_target(map_wide_and_change);
	scan_count = 0;
	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, scan_continuously, NULL), 0);
	vw_tell(&child, 0);
	/* Wait up to a minute, for at least one scan. */
	for (int i = 0; i < 6; i++) {
		before = __atomic_load_n(&scan_count, __ATOMIC_RELAXED);
		done = vw_eventually(rounds_now() >= wanted &&
				     __atomic_load_n(&scan_count, __ATOMIC_RELAXED) > before);
		if (done)
			break;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < COUNT(thread); i++)
		pthread_join(thread[i], NULL);
	print_message("# %lu rounds during %lu scans\n", rounds_now(), scan_count);
	vw_kill(&child);
	unmap_target();
	assert_true(done);
}

/* --- Killed callers ------------------------------------------------------- */

static struct vmwalk_extent *extents;

static int scan_into_extents(void *arg)
{
	struct vmwalk_scan scan = vw_scan_args((uintptr_t)wide, (uintptr_t)wide + WIDE);

	(void)arg;
	scan.vec = (uintptr_t)extents;
	scan.vec_len = WIDE_PAGES;
	vw_sync(0);
	vw_check(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan) > 0);
	return 0;
}

static size_t extents_filled(void)
{
	size_t count = 0;

	while (count < WIDE_PAGES && __atomic_load_n(&extents[count].pages, __ATOMIC_RELAXED))
		count++;
	return count;
}

static bool extents_started(void)
{
	return __atomic_load_n(&extents[0].pages, __ATOMIC_RELAXED);
}

static void clear_extents(void)
{
	memset(extents, 0, WIDE_PAGES * sizeof(*extents));
}

static int translate_into_vec(void *arg)
{
	(void)arg;
	vw_sync(0);
	vw_check_rc(vw_translate(fd, vec, WIDE_PAGES), 0);
	return 0;
}

static size_t vec_filled(void)
{
	size_t count = 0;

	while (count < WIDE_PAGES && __atomic_load_n(&vec[count].page_shift, __ATOMIC_RELAXED))
		count++;
	return count;
}

static bool vec_started(void)
{
	return __atomic_load_n(&vec[0].page_shift, __ATOMIC_RELAXED);
}

/*
 * Kills a caller after its first result and counts the results in shared
 * memory. Retries if the signal was late and the call complete.
 */
static void expect_killed_within_a_call(int (*caller)(void *), bool (*begun)(void),
					size_t (*filled)(void), void (*forget)(void))
{
	size_t whole, part = 0;
	struct vw_child child;
	int tries = 0;

	forget();
	child = vw_fork(caller, NULL);
	vw_hear(&child);
	vw_tell(&child, 0);
	vw_join_ok(&child);
	whole = filled();
	assert_true(whole > WIDE_PAGES / 8);
	do {
		__u64 limit = vw_now() + 30 * SECOND;

		forget();
		child = vw_fork(caller, NULL);
		vw_hear(&child);
		vw_tell(&child, 0);
		while (!begun()) {
			if (vw_now() > limit)
				vw_fail("no result after 30 seconds");
		}
		kill(child.pid, SIGKILL);
		if (vw_join(&child) == -SIGKILL)
			part = filled();
		tries++;
	} while ((!part || part >= whole) && tries < 30);
	print_message("# killed after %zu of %zu results, in try %d\n", part, whole, tries);
	assert_true(part && part < whole);
}

VW_TEST(sigkill_interrupts_a_scan)
{
	struct vw_child child;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		vw_skip("needs two CPUs");
	child = start_target(map_wide_and_wait);
	extents = vw_map(-1, WIDE_PAGES * sizeof(*extents), 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	expect_killed_within_a_call(scan_into_extents, extents_started, extents_filled,
				    clear_extents);
	munmap(extents, WIDE_PAGES * sizeof(*extents));
	vw_kill(&child);
	unmap_target();
}

VW_TEST(sigkill_interrupts_a_translation)
{
	struct vw_child child;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		vw_skip("needs two CPUs");
	child = start_target(map_wide_and_wait);
	make_vec();
	expect_killed_within_a_call(translate_into_vec, vec_started, vec_filled, fill_vec);
	munmap(vec, WIDE_PAGES * sizeof(*vec));
	vw_kill(&child);
	unmap_target();
}

/* --- Clearing a buffer with many mappings --------------------------------- */

#define CLEARED		(64 * MIB)
#define CLEARED_PAGES	(CLEARED / PAGE)
#define MAPPINGS		1000
#define TRIES		5
/* A page that is not written before the call. */
#define LAST		(CLEARED - PAGE)

/* Shared between the processes of these tests. */
static struct {
	bool returned;			/* DIRTY has returned */
	bool under_way;			/* DIRTY runs after the store */
	unsigned long waited;		/* rounds of the mapper */
	__u64 bitmap[CLEARED / (4 * KIB) / 64];	/* enough for any page size */
} *clearing;

static const struct vw_combo tracked[] = {
	{ .type = "huge", .mode = "fault", .cache = "wb" },	/* PFNs */
	{ .type = "vmalloc", .mode = "fault", .cache = "wb" },	/* pages */
};

static int n;

/* Maps the device many times; no page is faulted in. */
static int map_many_times(void *arg)
{
	(void)arg;
	for (int i = 0; i < MAPPINGS; i++)
		vw_check(mmap(NULL, CLEARED, RW, MAP_SHARED, fd, 0) != MAP_FAILED);
	vw_sync(0);
	return 0;
}

static struct vw_child start_mappings(const struct vw_combo *combo)
{
	struct vw_child child;

	clearing = vw_map(-1, sizeof(*clearing), 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	n = vw_make("t", "buffer_type", combo->type, "map_mode", combo->mode, "size", "64M",
		    "track_dirty", "1", NULL);
	fd = vw_open_rw(n);
	child = vw_fork(map_many_times, NULL);
	vw_hear(&child);
	return child;
}

static void end_mappings(struct vw_child *child)
{
	vw_kill(child);
	munmap(clearing, sizeof(*clearing));
	close(fd);
	vw_ok(vw_rmdir("t"));
}

static int get_dirty(__u32 flags, __u64 *bitmap)
{
	struct vmwalk_dirty dirty = {
		.size = sizeof(dirty),
		.flags = flags,
		.length = CLEARED,
		.bitmap = (uintptr_t)bitmap,
	};

	return vw_ioctl(fd, VMWALK_IOC_DIRTY, &dirty);
}

static int clear_all(void *arg)
{
	(void)arg;
	vw_sync(0);
	vw_check_rc(get_dirty(VMWALK_DIRTY_CLEAR, clearing->bitmap), 0);
	__atomic_store_n(&clearing->returned, true, __ATOMIC_SEQ_CST);
	return 0;
}

/* Writes every second page. Returns a child that is clearing them. */
static struct vw_child start_clearing(void)
{
	struct vw_child child;
	long long all;

	memset(clearing, 0, sizeof(*clearing));
	for (size_t i = 0; i < CLEARED_PAGES; i += 2)
		vw_expect(vw_sys(pwrite(fd, "x", 1, i * PAGE)), 1);
	all = vw_stat(n, "dirty_pages");
	child = vw_fork(clear_all, NULL);
	vw_hear(&child);
	vw_tell(&child, 0);
	while (vw_stat(n, "dirty_pages") == all &&
	       !__atomic_load_n(&clearing->returned, __ATOMIC_SEQ_CST))
		sched_yield();
	return child;
}

/* Checks that unreported pages are dirty. Returns the number of the others. */
static size_t expect_no_page_lost(void)
{
	__u64 left[CLEARED_PAGES / 64];
	size_t reported = 0;

	vw_ok(get_dirty(0, left));
	for (size_t i = 0; i < CLEARED_PAGES; i += 2) {
		bool is_reported = clearing->bitmap[i / 64] >> i % 64 & 1;

		if (!is_reported && !(left[i / 64] >> i % 64 & 1))
			vw_fail("page %zu is neither reported nor dirty", i);
		reported += is_reported;
	}
	return reported;
}

VW_TEST(a_killed_clear_ends_early_and_loses_no_page)
{
	struct vw_child holder, child;
	int tries, rc;

	for (size_t i = 0; i < COUNT(tracked); i++) {
		holder = start_mappings(&tracked[i]);
		for (tries = 1; tries <= TRIES; tries++) {
			child = start_clearing();
			kill(child.pid, SIGKILL);
			rc = vw_join(&child);
			if (rc && rc != -SIGKILL)
				vw_fail("the child exited with %d", rc);
			if (!expect_no_page_lost() && rc == -SIGKILL)
				break;
		}
		if (tries > TRIES)
			vw_fail("%s: every call cleared all pages", tracked[i].type);
		print_message("# %s: ended early in try %d\n", tracked[i].type, tries);
		end_mappings(&holder);
	}
}

/* Each round takes i_mmap_rwsem of the device for writing. */
static int map_and_unmap_the_device(void *arg)
{
	char *at;

	(void)arg;
	for (;;) {
		at = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
		if (at == MAP_FAILED && errno == ENODEV)
			return 0;
		vw_check(at != MAP_FAILED);
		vw_check(!munmap(at, PAGE));
		__atomic_add_fetch(&progress->rounds, 1, __ATOMIC_SEQ_CST);
		usleep(50);
	}
}

static int store_when_told(void *arg)
{
	char *at = mmap(NULL, PAGE, RW, MAP_SHARED, fd, LAST);
	unsigned long before;

	(void)arg;
	vw_check(at != MAP_FAILED);
	vw_peek(at);
	vw_sync(0);
	before = rounds_now();
	vw_poke(at, 1);
	clearing->waited = rounds_now() - before;
	clearing->under_way = !__atomic_load_n(&clearing->returned, __ATOMIC_SEQ_CST);
	return 0;
}

/*
 * The wait is measured in rounds of a third process, which can map the device
 * between any two passes over its mappings.
 */
VW_TEST(a_store_waits_for_at_most_one_batch_of_a_clear)
{
	struct vw_child holder, child, mapper, storer;
	unsigned long least;
	bool under_way;

	progress = vw_map(-1, PAGE, 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	for (size_t i = 0; i < COUNT(tracked); i++) {
		holder = start_mappings(&tracked[i]);
		mapper = vw_fork(map_and_unmap_the_device, NULL);
		least = -1UL;
		under_way = false;
		for (int try = 0; try < TRIES; try++) {
			storer = vw_fork(store_when_told, NULL);
			vw_hear(&storer);
			child = start_clearing();
			vw_tell(&storer, 0);
			vw_join_ok(&storer);
			vw_kill(&child);
			if (!clearing->under_way)
				continue;
			under_way = true;
			if (clearing->waited < least)
				least = clearing->waited;
		}
		vw_kill(&mapper);
		print_message("# %s: %ld rounds of another process during a store\n",
			      tracked[i].type, least);
		if (!under_way)
			vw_fail("%s: no store completed during a call", tracked[i].type);
		assert_true(least < 16);
		end_mappings(&holder);
	}
	munmap(progress, PAGE);
}

/* --- Counting pages ------------------------------------------------------- */

#define COUNTED	128UL		/* number of mappings */

static int map_counted(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < COUNTED; i++)
		vw_check(mmap(NULL, 16 * MIB, RW, MAP_SHARED, fd, 0) != MAP_FAILED);
	vw_sync(0);
	return 0;
}

static void count_mapped_pages(void)
{
	assert_true(vw_stat(n, "mapped_pages") >= (long long)(COUNTED * 16 * MIB / PAGE));
}

VW_TEST(mmap_and_munmap_make_progress_while_pages_are_counted)
{
	struct vw_child child, mapper;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		vw_skip("needs two CPUs");
	progress = vw_map(-1, PAGE, 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	n = vw_make("t", "buffer_type", "vmalloc", "map_mode", "remap", "size", "16M", NULL);
	fd = vw_open_rw(n);
	child = vw_fork(map_counted, NULL);
	vw_hear(&child);
	mapper = vw_fork(map_and_unmap_the_device, NULL);
	expect_rounds_within_a_call(count_mapped_pages, "mapped_pages");
	vw_kill(&mapper);
	vw_kill(&child);
	munmap(progress, PAGE);
}

#define MANY	15000UL		/* mappings of a process */

static int map_many(void *arg)
{
	(void)arg;
	/* Mappings of the same page are not merged. */
	for (size_t i = 0; i < MANY; i++)
		vw_check(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0) != MAP_FAILED);
	vw_sync(0);
	return 0;
}

static void count_mappings(void)
{
	assert_true(vw_stat(n, "mappings") >= (long long)(4 * MANY));
}

VW_TEST(mmap_and_munmap_make_progress_while_mappings_are_counted)
{
	struct vw_child children[4], mapper;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		vw_skip("needs two CPUs");
	progress = vw_map(-1, PAGE, 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	n = vw_make("t", "buffer_type", "kmalloc", "size", vw_pages_text(1), NULL);
	fd = vw_open_rw(n);
	for (size_t i = 0; i < COUNT(children); i++) {
		children[i] = vw_fork(map_many, NULL);
		vw_hear(&children[i]);
	}
	mapper = vw_fork(map_and_unmap_the_device, NULL);
	expect_rounds_within_a_call(count_mappings, "mappings");
	vw_kill(&mapper);
	for (size_t i = 0; i < COUNT(children); i++)
		vw_kill(&children[i]);
	munmap(progress, PAGE);
}

struct reader {
	int file;
	bool begun;
	bool done;
	long long rc;
};

static void *read_once(void *arg)
{
	struct reader *reader = arg;
	char text[32];

	vw_run_on(0, SCHED_OTHER);
	__atomic_store_n(&reader->begun, true, __ATOMIC_SEQ_CST);
	reader->rc = vw_sys(pread(reader->file, text, sizeof(text), 0));
	__atomic_store_n(&reader->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

/*
 * The test shares a CPU with the reader and has a higher priority: the reader
 * is preempted during its call until rmdir() waits for it. Then the call must
 * end.
 */
static void expect_read_ends_with_its_device(const char *file)
{
	unsigned int tries = 0, ended = 0;
	char path[128], text[32];
	struct reader reader;
	pthread_t thread;

	for (int round = 0; round < 20 && tries < TRIES; round++) {
		n = vw_make("t", "buffer_type", "vmalloc", "map_mode", "fault", "size", "256M",
			    "track_dirty", "1", NULL);
		snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/stats/%s", n, file);
		reader = (struct reader){ .file = open(path, O_RDONLY | O_CLOEXEC) };
		assert_true(pread(reader.file, text, sizeof(text), 0) > 0);
		assert_int_equal(pthread_create(&thread, NULL, read_once, &reader), 0);
		while (!__atomic_load_n(&reader.begun, __ATOMIC_SEQ_CST))
			usleep(100);
		tries += !__atomic_load_n(&reader.done, __ATOMIC_SEQ_CST);
		vw_ok(vw_rmdir("t"));
		pthread_join(thread, NULL);
		close(reader.file);
		ended += reader.rc == -ENODEV;
		if (reader.rc != -ENODEV && reader.rc <= 0)
			vw_fail("the read returned %lld", reader.rc);
	}
	print_message("# %s: %u of %u reads ended with ENODEV\n", file, ended, tries);
	assert_true(tries && ended > tries / 2);
}

VW_TEST(a_read_of_dirty_pages_ends_when_the_device_is_removed)
{
	vw_run_on(0, SCHED_FIFO);
	expect_read_ends_with_its_device("dirty_pages");
}

static int read_repeatedly(void *arg)
{
	char path[128], text[64];
	int rc;

	for (;;) {
		snprintf(path, sizeof(path), "stats/%s", (const char *)arg);
		rc = vw_sysfs(n, path, text, sizeof(text));
		if (rc == -ENODEV || rc == -ENOENT)
			return 0;
		vw_check(rc > 0);
	}
}

VW_TEST(a_device_can_be_removed_while_its_pages_are_counted)
{
	static char * const files[] = { "dirty_pages", "mapped_pages", "mappings" };
	struct vw_child readers[COUNT(files)], child, mapper;

	progress = vw_map(-1, PAGE, 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	for (int round = 0; round < 10; round++) {
		n = vw_make("t", "buffer_type", "vmalloc", "map_mode",
			    round % 2 ? "remap" : "fault", "size", "16M", "track_dirty", "1",
			    NULL);
		fd = vw_open_rw(n);
		child = vw_fork(map_counted, NULL);
		vw_hear(&child);
		mapper = vw_fork(map_and_unmap_the_device, NULL);
		for (size_t i = 0; i < COUNT(files); i++)
			readers[i] = vw_fork(read_repeatedly, files[i]);
		usleep(5000 * round);
		vw_ok(vw_rmdir("t"));
		for (size_t i = 0; i < COUNT(files); i++)
			vw_join_ok(&readers[i]);
		vw_join_ok(&mapper);
		vw_tell(&child, 0);
		vw_join_ok(&child);
		close(fd);
	}
	munmap(progress, PAGE);
}

/* --- A contended page-table lock ------------------------------------------ */

static char *hot;			/* the range of one page table */

static void *mincore_hot(void *arg)
{
	unsigned char there[PMD_SIZE / PAGE];

	for (;;)
		mincore(hot, PMD_SIZE, there);
	return arg;
}

static void *protect_hot(void *arg)
{
	for (unsigned int i = 0;; i++)
		mprotect(hot, PMD_SIZE, i % 2 ? RW : PROT_READ);
	return arg;
}

static void *age_hot(void *arg)
{
	for (;;)
		madvise(hot, PMD_SIZE, MADV_COLD);
	return arg;
}

static int keep_hot(void *arg)
{
	static void *(*const bodies[])(void *) = { mincore_hot, mincore_hot, protect_hot, age_hot };
	pthread_t thread;

	(void)arg;
	madvise(hot, PMD_SIZE, MADV_NOHUGEPAGE);
	memset(hot, 1, PMD_SIZE);
	for (size_t i = 0; i < COUNT(bodies); i++)
		vw_check(!pthread_create(&thread, NULL, bodies[i], NULL));
	vw_sync(0);
	return 0;
}

VW_TEST(walks_make_progress_on_a_contended_page_table_lock)
{
	const __u64 wanted = 300;
	struct vmwalk_translation item;
	struct vmwalk_extent extent[8];
	struct vmwalk_walk walk;
	struct vmwalk_scan scan;
	struct vw_child child;
	__u64 i, limit;

	fd = vw_open_rw(vw_make("t", "size", vw_pages_text(16), NULL));
	hot = vw_anon_aligned(PMD_SIZE, PMD_SIZE);
	child = vw_fork(keep_hot, NULL);
	vw_hear(&child);
	vw_set_target(child.pid);
	for (int cpu = 0; cpu < 2 && cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++) {
		vw_run_on(cpu, SCHED_OTHER);
		limit = vw_now() + 120 * SECOND;
		for (i = 0; i < wanted && vw_now() < limit; i++) {
			__u64 addr = (uintptr_t)hot + i % 512 * PAGE;

			vw_ok(vw_walk(fd, addr, &walk));
			vw_expect(walk.stop, VMWALK_STOP_PAGE);
			assert_true(vw_sys(ioctl(fd, VMWALK_IOC_GET_PFN, addr / PAGE)) > 0);
			item = (struct vmwalk_translation){ .addr = addr };
			vw_ok(vw_translate(fd, &item, 1));
			assert_true(item.state & VMWALK_PRESENT);
			scan = vw_scan_args((uintptr_t)hot, (uintptr_t)hot + PMD_SIZE);
			scan.vec = (uintptr_t)extent;
			scan.vec_len = COUNT(extent);
			assert_true(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan) > 0);
		}
		print_message("# CPU %d: %llu of each call\n", cpu, i);
		vw_expect(i, wanted);
	}
	vw_kill(&child);
	munmap(hot, PMD_SIZE);
}
