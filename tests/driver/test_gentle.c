// SPDX-License-Identifier: GPL-2.0
/*
 * Long walks are no burden: whoever wants to change the target's memory gets in between, also in
 * the middle of one call, and a caller that is killed does not walk on.
 *
 * Copyright (C) The vmwalk authors
 *
 * Nothing here depends on how long anything takes. What is counted is what others got done while
 * one call went on, and how much a killed call left undone.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "harness.h"

#define RW		(PROT_READ | PROT_WRITE)
#define ANON		(MAP_PRIVATE | MAP_ANONYMOUS)

/* The target has many page tables and little memory: one file, mapped over and over. */
#define WINDOWS		512UL
#define WIDE		(WINDOWS * PMD_SIZE)
#define WIDE_PAGES	(WIDE / PAGE)

static int fd;

/* Shared between the target and the test. */
static struct {
	unsigned long rounds;		/* that the target got done */
} *progress;

static unsigned long rounds_now(void)
{
	return __atomic_load_n(&progress->rounds, __ATOMIC_SEQ_CST);
}

/* Makes the file, with neighbouring pages apart in memory, so that each is an extent of its own. */
static int make_file(void)
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

/* The range that the target maps, at the same place in the test. */
static char *wide;
static int wide_file;

static void map_wide(void)
{
	for (size_t i = 0; i < WIDE; i += PMD_SIZE)
		vw_check(mmap(wide + i, PMD_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
			      wide_file, 0) != MAP_FAILED);
}

static int be_wide(void *arg)
{
	(void)arg;
	map_wide();
	vw_sync(0);
	return 0;
}

/* Each round takes mmap_lock for writing twice and for reading a few times. */
static int be_wide_and_change(void *arg)
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
	wide_file = make_file();
	fd = vw_open_rw(vw_make("t", "size", "64K", NULL));
	child = vw_fork(body, NULL);
	vw_hear(&child);
	snprintf(text, sizeof(text), "%d", child.pid);
	vw_ok(vw_set("t", "target_pid", text));
	return child;
}

static void forget_target(void)
{
	munmap(wide, WIDE);
	munmap(progress, PAGE);
	close(wide_file);
}

/* A scan of all that selects nothing, so that it goes from end to end in one call. */
static void scan_through(void)
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

/* Less than all: each chunk of it lets a writer in. */
static void translate_some(void)
{
	vw_ok(vw_translate(fd, vec, WIDE_PAGES / 32));
}

/* In no order that helps: each address needs tables that the last did not. */
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
 * Beside a call that kept the lock a round or two would get done, before it has the lock and after.
 * The middle of many calls is taken, since the test may lose the processor between the two counts.
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
	print_message("# %s: %lu rounds within a call, %lu to %lu\n", what,
		      rounds[COUNT(rounds) / 2], rounds[0], rounds[COUNT(rounds) - 1]);
	assert_true(rounds[COUNT(rounds) / 2] > 2);
}

static void a_writer_gets_in_during_a_call(void **state)
{
	struct vw_child child;

	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		vw_skip("it would not run at the same time on one processor");
	child = start_target(be_wide_and_change);
	make_vec();
	vw_tell(&child, 0);
	expect_rounds_within_a_call(scan_through, "scan");
	expect_rounds_within_a_call(translate_some, "translate");
	vw_kill(&child);
	munmap(vec, WIDE_PAGES * sizeof(*vec));
	forget_target();
}

static bool stop;
static unsigned long endless_calls;

static void *scan_without_pause(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		scan_through();
		__atomic_add_fetch(&endless_calls, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

static void writers_go_on_beside_endless_scans(void **state)
{
	static const unsigned long wanted = 300;
	unsigned long before;
	struct vw_child child;
	pthread_t thread[2];
	bool done;

	(void)state;
	child = start_target(be_wide_and_change);
	endless_calls = 0;
	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, scan_without_pause, NULL), 0);
	vw_tell(&child, 0);
	/* As long as it takes, in reason, and no less than some scans. */
	for (int i = 0; i < 6; i++) {
		before = __atomic_load_n(&endless_calls, __ATOMIC_RELAXED);
		done = vw_eventually(rounds_now() >= wanted &&
				     __atomic_load_n(&endless_calls, __ATOMIC_RELAXED) > before);
		if (done)
			break;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < COUNT(thread); i++)
		pthread_join(thread[i], NULL);
	print_message("# %lu rounds beside %lu scans\n", rounds_now(), endless_calls);
	vw_kill(&child);
	forget_target();
	assert_true(done);
}

/* --- Callers that are killed ------------------------------------------------------------------ */

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

static bool extents_begun(void)
{
	return __atomic_load_n(&extents[0].pages, __ATOMIC_RELAXED);
}

static void extents_forget(void)
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

static bool vec_begun(void)
{
	return __atomic_load_n(&vec[0].page_shift, __ATOMIC_RELAXED);
}

/*
 * Kills a caller as soon as its first results are there: what it left undone is seen in memory that
 * it shares with the test. If all is done the kill came too late, which may happen, but not always.
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
				vw_fail("nothing comes");
		}
		kill(child.pid, SIGKILL);
		if (vw_join(&child) == -SIGKILL)
			part = filled();
		tries++;
	} while ((!part || part >= whole) && tries < 30);
	print_message("# killed after %zu of %zu results, at try %d\n", part, whole, tries);
	assert_true(part && part < whole);
}

static void a_killed_scan_ends_in_the_middle(void **state)
{
	struct vw_child child;

	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		vw_skip("the kill would wait for the call on one processor");
	child = start_target(be_wide);
	extents = vw_map(-1, WIDE_PAGES * sizeof(*extents), 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	expect_killed_within_a_call(scan_into_extents, extents_begun, extents_filled,
				    extents_forget);
	munmap(extents, WIDE_PAGES * sizeof(*extents));
	vw_kill(&child);
	forget_target();
}

static void a_killed_translation_ends_in_the_middle(void **state)
{
	struct vw_child child;

	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		vw_skip("the kill would wait for the call on one processor");
	child = start_target(be_wide);
	make_vec();
	expect_killed_within_a_call(translate_into_vec, vec_begun, vec_filled, fill_vec);
	munmap(vec, WIDE_PAGES * sizeof(*vec));
	vw_kill(&child);
	forget_target();
}

int main(void)
{
	static const struct vw_case cases[] = {
		vw_test(a_writer_gets_in_during_a_call),
		vw_test(writers_go_on_beside_endless_scans),
		vw_test(a_killed_scan_ends_in_the_middle),
		vw_test(a_killed_translation_ends_in_the_middle),
	};

	return vw_run_cases(cases);
}
