// SPDX-License-Identifier: GPL-2.0
/*
 * Targets that exit, exec and fork while they are walked, PID reuse, and what a
 * scan guarantees for pages that stay mapped while others come and go.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"

static struct vw_device dev;

static int get_pfn(const void *addr)
{
	return vw_sys(ioctl(dev.fd, VMWALK_IOC_GET_PFN, (uintptr_t)addr / PAGE));
}

/* Every call that needs the target fails with ESRCH; INFO still works. */
static void expect_target_gone(const void *addr)
{
	struct vmwalk_info info = { .size = sizeof(info) };
	struct vmwalk_extent vec[4];
	struct vmwalk_translation translation = { .addr = (uintptr_t)addr };
	struct vmwalk_scan scan = vw_scan_args(0, vw_user_end());
	struct vmwalk_log log = vw_log_args(0, vw_user_end());
	struct vmwalk_walk walk;
	struct vmwalk_vma vma;

	scan.vec = (uintptr_t)vec;
	scan.vec_len = COUNT(vec);
	vw_expect(get_pfn(addr), -ESRCH);
	vw_expect(vw_walk(dev.fd, (uintptr_t)addr, &walk), -ESRCH);
	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan), -ESRCH);
	scan.flags = VMWALK_SCAN_TO_BUFFER;
	scan.vec = 0;
	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan), -ESRCH);
	vw_expect(vw_translate(dev.fd, &translation, 1), -ESRCH);
	vw_expect(vw_vma(dev.fd, 0, &vma), -ESRCH);
	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_LOG, &log), -ESRCH);
	vw_expect(vw_copy(dev.fd, VMWALK_COPY_FROM_TARGET, 0, (uintptr_t)addr, 8), -ESRCH);
	/* EPERM: the right to write is checked before the target. */
	vw_expect(vw_copy(dev.fd, VMWALK_COPY_TO_TARGET, 0, (uintptr_t)addr, 8), -EPERM);
	vw_allow_target_write(true);
	vw_expect(vw_copy(dev.fd, VMWALK_COPY_TO_TARGET, 0, (uintptr_t)addr, 8), -ESRCH);
	vw_allow_target_write(false);
	vw_ok(vw_ioctl(dev.fd, VMWALK_IOC_INFO, &info));
	/* Kernel addresses need no target. */
	vw_ok(vw_walk_kernel(dev.fd, ~0ULL, &walk));
}

/* The child touches its own page at this address, reports its PFN and waits. */
static char *common;

static int touch_and_wait(void *arg)
{
	(void)arg;
	vw_poke(common, 1);
	vw_sync(vw_pfn(common));
	return 0;
}

VW_TEST(each_target_has_its_own_frames)
{
	struct vw_child child[3];
	__u64 pfn[3];

	common = vw_anon(PAGE);
	dev = vw_device_make();
	for (size_t i = 0; i < COUNT(child); i++) {
		child[i] = vw_fork(touch_and_wait, NULL);
		pfn[i] = vw_hear(&child[i]);
	}
	vw_expect(get_pfn(common), -ENOENT);
	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < COUNT(child); i++) {
			vw_set_target(child[i].pid);
			vw_expect(get_pfn(common), pfn[i]);
		}
		vw_set_target(0);
		vw_expect(get_pfn(common), -ENOENT);
	}
	for (size_t i = 0; i < COUNT(child); i++) {
		vw_tell(&child[i], 0);
		vw_join_ok(&child[i]);
	}
}

static int walk_own_memory(void *arg)
{
	(void)arg;
	vw_check_rc(get_pfn(common), -ENOENT);
	vw_poke(common, 1);
	vw_check_rc(get_pfn(common), vw_pfn(common));
	return 0;
}

static void *walk_own_memory_in_a_thread(void *arg)
{
	*(int *)arg = get_pfn(common);
	return NULL;
}

VW_TEST(without_a_target_the_caller_is_walked)
{
	pthread_t thread;
	int pfn = 0;

	common = vw_anon(PAGE);
	dev = vw_device_make();
	vw_in_child(walk_own_memory, NULL);
	vw_expect(get_pfn(common), -ENOENT);
	vw_poke(common, 1);
	vw_expect(get_pfn(common), vw_pfn(common));
	assert_int_equal(pthread_create(&thread, NULL, walk_own_memory_in_a_thread, &pfn), 0);
	pthread_join(thread, NULL);
	vw_expect(pfn, vw_pfn(common));
}

VW_TEST(an_exited_target_fails_with_esrch)
{
	struct vw_child child;

	common = vw_anon(PAGE);
	dev = vw_device_make();
	child = vw_fork(touch_and_wait, NULL);
	vw_hear(&child);
	vw_set_target(child.pid);
	assert_true(get_pfn(common) > 0);
	vw_tell(&child, 0);
	/* First a zombie, then reaped. */
	assert_int_equal(waitid(P_PID, child.pid, NULL, WEXITED | WNOWAIT), 0);
	expect_target_gone(common);
	vw_join_ok(&child);
	expect_target_gone(common);
	/* The instance still works. */
	vw_set_target(0);
	vw_expect(get_pfn(common), -ENOENT);
}

static int exit_only(void *arg)
{
	(void)arg;
	return 0;
}

/* Create a process with a given PID. Returns the PID or a negative errno. */
static pid_t fork_with_pid(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};
	pid_t child = vw_sys(syscall(SYS_clone3, &args, sizeof(args)));

	if (!child) {
		vw_poke(common, 1);
		for (;;)
			pause();
	}
	return child;
}

VW_TEST(a_reused_pid_is_not_followed)
{
	struct vw_child child;
	pid_t again;

	common = vw_anon(PAGE);
	dev = vw_device_make();
	child = vw_fork(exit_only, NULL);
	vw_set_target(child.pid);
	vw_join_ok(&child);
	again = fork_with_pid(child.pid);
	if (again < 0 && again != -EEXIST)
		vw_skip("clone3() with set_tid is not possible");
	vw_expect(again, child.pid);
	expect_target_gone(common);
	/* After a new write to target_pid, the PID means the new process. */
	vw_set_target(again);
	if (!vw_eventually(get_pfn(common) > 0)) {
		kill(again, SIGKILL);
		waitpid(again, NULL, 0);
		vw_fail("GET_PFN does not find the new process's page");
	}
	kill(again, SIGKILL);
	waitpid(again, NULL, 0);
	expect_target_gone(common);
}

static int exec_bash(void *arg)
{
	(void)arg;
	vw_poke(common, 1);
	vw_sync(0);
	execl("/bin/bash", "bash", "-c", "kill -STOP $$", NULL);
	return 1;
}

VW_TEST(after_exec_the_new_memory_is_walked)
{
	struct vw_extents extents;
	struct vmwalk_scan scan;
	struct vw_child child;

	common = vw_map(-1, PAGE, 0, RW, ANON);
	dev = vw_device_make();
	child = vw_fork(exec_bash, NULL);
	vw_hear(&child);
	vw_set_target(child.pid);
	assert_true(get_pfn(common) > 0);
	vw_tell(&child, 0);
	vw_wait_stopped(&child);
	scan = vw_scan_args(0, vw_user_end());
	vw_ok(vw_scan_all(dev.fd, &scan, 512, &extents));
	assert_true(extents.pages > 100);
	for (size_t i = 0; i < extents.count; i++) {
		const struct vmwalk_extent *extent = &extents.extent[i];

		if (extent->flags & VMWALK_PRESENT && !(extent->flags & VMWALK_SPECIAL))
			vw_expect(extent->pfn, PM_PFN(vw_pagemap_one(child.pid,
								     vw_pointer(extent->start))));
	}
	vw_extents_free(&extents);
}

static void *outlive_first_thread(void *arg)
{
	(void)arg;
	vw_poke(common, 1);
	vw_sync(vw_pfn(common));
	_exit(0);
}

static int leave_a_thread_behind(void *arg)
{
	pthread_t thread;

	vw_check(!pthread_create(&thread, NULL, outlive_first_thread, arg));
	pthread_exit(NULL);
}

VW_TEST(a_target_is_walked_after_its_first_thread_exited)
{
	struct vw_child child;
	__u64 pfn;

	common = vw_anon(PAGE);
	dev = vw_device_make();
	child = vw_fork(leave_a_thread_behind, NULL);
	vw_set_target(child.pid);
	pfn = vw_hear(&child);
	/* pagemap reads the first thread, which may have no mm: pfn 0. */
	assert_true(vw_eventually(get_pfn(common) > 0));
	if (pfn)
		vw_expect(get_pfn(common), pfn);
	vw_tell(&child, 0);
	vw_join_ok(&child);
	expect_target_gone(common);
}

static int hold_64_mib(void *arg)
{
	char *at = mmap(NULL, 64 * MIB, RW, ANON | MAP_POPULATE, -1, 0);

	(void)arg;
	vw_check(at != MAP_FAILED);
	vw_sync(0);
	return 0;
}

static bool stop_scanning;

static void *scan_repeatedly(void *arg)
{
	struct vmwalk_extent *vec = malloc(512 * sizeof(*vec));
	int *bad = arg, rc;

	while (vec && !__atomic_load_n(&stop_scanning, __ATOMIC_RELAXED)) {
		struct vmwalk_scan scan = vw_scan_args(0, vw_user_end());

		/* Scan everything, in any state of the target. */
		do {
			scan.vec = (uintptr_t)vec;
			scan.vec_len = 512;
			rc = vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan);
			if (rc < 0 && rc != -ESRCH)
				*bad = rc;
			for (int i = 1; i < rc; i++) {
				if (vec[i].start < vec[i - 1].start + vec[i - 1].pages * PAGE)
					*bad = -EPROTO;
			}
			scan.start = scan.walk_end;
		} while (rc >= 0 && scan.start < scan.end &&
			 !__atomic_load_n(&stop_scanning, __ATOMIC_RELAXED));
	}
	free(vec);
	return NULL;
}

VW_TEST(walks_do_not_hold_an_exited_targets_memory)
{
	long long before, held;
	struct vw_child child;
	pthread_t thread;
	int bad = 0;

	dev = vw_device_make();
	__atomic_store_n(&stop_scanning, false, __ATOMIC_RELAXED);
	before = vw_field("/proc/meminfo", "AnonPages");
	child = vw_fork(hold_64_mib, NULL);
	vw_hear(&child);
	vw_set_target(child.pid);
	assert_int_equal(pthread_create(&thread, NULL, scan_repeatedly, &bad), 0);
	held = vw_field("/proc/meminfo", "AnonPages");
	usleep(100000);
	vw_kill(&child);
	/* Reaped, but still the target of an instance and of running walks. */
	if (!vw_eventually(vw_field("/proc/meminfo", "AnonPages") < before + 8192)) {
		before = vw_field("/proc/meminfo", "AnonPages") - before;
		__atomic_store_n(&stop_scanning, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		vw_fail("%lld KiB of the target's memory were not freed", before);
	}
	__atomic_store_n(&stop_scanning, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	vw_ok(bad);
	assert_true(held > before + 60000);
}

/* --- Targets that change -------------------------------------------------- */

static int exit_at_once(void *arg)
{
	char *at = mmap(NULL, 4 * MIB, RW, ANON, -1, 0);

	(void)arg;
	for (size_t i = 0; at != MAP_FAILED && i < 4 * MIB; i += PAGE)
		vw_poke(at + i, 1);
	return 0;
}

static int exec_at_once(void *arg)
{
	exit_at_once(arg);
	execl("/bin/true", "true", NULL);
	return 0;
}

static int fork_and_exit(void *arg)
{
	pid_t pid = fork();

	exit_at_once(arg);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return 0;
}

static int map_and_unmap(void *arg)
{
	(void)arg;
	for (int i = 0; i < 40; i++) {
		size_t len = (i % 5 + 1) * PMD_SIZE;
		char *at = mmap(NULL, len, RW, ANON, -1, 0);

		if (at == MAP_FAILED)
			continue;
		madvise(at, len, i % 2 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
		for (size_t j = 0; j < len; j += 16 * PAGE)
			vw_poke(at + j, 1);
		mprotect(at + PAGE, PAGE, PROT_READ);
		madvise(at, len / 2, MADV_DONTNEED);
		munmap(at, len);
	}
	return 0;
}

static int map_until_killed(void *arg)
{
	for (;;)
		map_and_unmap(arg);
	return 0;
}

VW_TEST(walks_of_exiting_targets_succeed_or_fail_with_esrch)
{
	static int (*const bodies[])(void *) = {
		exit_at_once, exec_at_once, fork_and_exit, map_and_unmap, map_until_killed,
	};
	pthread_t threads[2];
	int bad[2] = { 0 };

	dev = vw_device_make();
	__atomic_store_n(&stop_scanning, false, __ATOMIC_RELAXED);
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, scan_repeatedly, &bad[i]), 0);
	for (unsigned int round = 0; round < 25; round++) {
		struct vw_child child = vw_fork(bodies[round % COUNT(bodies)], NULL);
		char text[32];

		snprintf(text, sizeof(text), "%d", child.pid);
		vw_set("t", "target_pid", text);
		if (bodies[round % COUNT(bodies)] == map_until_killed) {
			usleep(round * 7919 % 100000);
			vw_kill(&child);
		} else {
			vw_join(&child);
		}
	}
	__atomic_store_n(&stop_scanning, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	vw_ok(bad[0]);
	vw_ok(bad[1]);
}

#define HUGETLB	200UL		/* mappings */

/* A walk takes a lock of the file for each mapping, and may sleep there. */
static int map_hugetlb_file(void *arg)
{
	int file = memfd_create("hugetlb", MFD_HUGETLB);

	(void)arg;
	if (file < 0)
		return VW_CHILD_SKIPPED;
	vw_run_on(1, SCHED_OTHER);
	for (size_t i = 0; i < HUGETLB; i++)
		vw_check(mmap(NULL, PMD_SIZE, RW, MAP_SHARED | MAP_NORESERVE, file, 0) !=
			 MAP_FAILED);
	vw_sync(0);
	return 0;
}

static void *scan_in_idle_time(void *arg)
{
	vw_run_on(0, SCHED_IDLE);
	return scan_repeatedly(arg);
}

static int keep_cpu_0_busy(void *arg)
{
	(void)arg;
	vw_run_on(0, SCHED_OTHER);
	for (;;)
		continue;
	return 0;
}

/*
 * On CPU 0, a scan gets little time. It sleeps with mmap_lock held, while the
 * target exits on CPU 1.
 */
VW_TEST(a_target_can_exit_while_a_walk_sleeps)
{
	pthread_t thread;
	int bad = 0;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		vw_skip("needs two CPUs");
	dev = vw_device_make();
	__atomic_store_n(&stop_scanning, false, __ATOMIC_RELAXED);
	assert_int_equal(pthread_create(&thread, NULL, scan_in_idle_time, &bad), 0);
	for (int round = 0; round < 10; round++) {
		struct vw_child child = vw_fork(map_hugetlb_file, NULL), busy;

		vw_hear(&child);
		vw_set_target(child.pid);
		busy = vw_fork(keep_cpu_0_busy, NULL);
		usleep(100000);
		vw_kill(&child);
		vw_kill(&busy);
	}
	__atomic_store_n(&stop_scanning, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	vw_ok(bad);
}

/* --- Pages that stay mapped are found exactly once ------------------------ */

#define STATIC_PAGES	1000UL

struct busy {
	char *at;		/* static pages; every second one touched */
	__u64 pfn[STATIC_PAGES];
};

static void *come_and_go(void *arg)
{
	for (unsigned int i = 0;; i++) {
		size_t len = (i * 7 % 64 + 1) * 16 * PAGE;
		char *at = mmap(NULL, len, RW, ANON, -1, 0);

		if (at == MAP_FAILED)
			continue;
		for (size_t j = 0; j < len; j += PAGE)
			vw_poke(at + j, 1);
		munmap(at, len);
	}
	return arg;
}

static int run_busy_target(void *arg)
{
	struct busy *busy = arg;
	pthread_t thread;

	for (size_t i = 0; i < STATIC_PAGES; i += 2)
		vw_poke(busy->at + i * PAGE, 1);
	mlock2(busy->at, STATIC_PAGES * PAGE, MLOCK_ONFAULT);
	vw_check(!pthread_create(&thread, NULL, come_and_go, NULL));
	vw_say(0);
	pause();
	return 0;
}

VW_TEST(static_pages_are_found_exactly_once)
{
	static struct busy busy;
	static const size_t vec_lens[] = { 4096, 64, 7 };
	static __u64 entries[STATIC_PAGES];
	__u64 end = vw_now() + 8 * SECOND;
	struct vw_extents extents;
	struct vmwalk_scan scan;
	struct vw_child child;
	unsigned int scans = 0;

	busy.at = vw_anon(STATIC_PAGES * PAGE);
	madvise(busy.at, STATIC_PAGES * PAGE, MADV_NOHUGEPAGE);
	dev = vw_device_make();
	child = vw_fork(run_busy_target, &busy);
	vw_hear(&child);
	vw_set_target(child.pid);
	vw_expect(vw_pagemap(child.pid, (uintptr_t)busy.at, STATIC_PAGES, entries),
		  STATIC_PAGES);
	for (; vw_now() < end; scans++) {
		size_t found = 0;
		__u64 at = 0;

		scan = vw_scan_args(0, vw_user_end());
		vw_ok(vw_scan_all(dev.fd, &scan, vec_lens[scans % COUNT(vec_lens)], &extents));
		for (size_t i = 0; i < extents.count; i++) {
			const struct vmwalk_extent *extent = &extents.extent[i];

			/* Extents ascend, also from call to call. */
			assert_true(extent->start >= at);
			at = extent->start + extent->pages * PAGE;
			for (__u64 j = 0; j < extent->pages; j++) {
				__u64 page = (extent->start - (uintptr_t)busy.at) / PAGE + j;

				if (extent->start < (uintptr_t)busy.at || page >= STATIC_PAGES)
					continue;
				vw_expect(extent->pfn + j, PM_PFN(entries[page]));
				found++;
			}
		}
		vw_extents_free(&extents);
		vw_expect(found, STATIC_PAGES / 2);
	}
	print_message("# %u scans of the whole address space\n", scans);
}

struct zeroes {
	char *at;
	unsigned int round;		/* odd: the whole huge page is mapped */
	unsigned int seen;		/* last odd round that the parent saw */
};

/* The first write to the huge zero page splits its PMD. */
static int split_zeroes(void *arg)
{
	struct zeroes *zeroes = arg;

	vw_sync(0);
	for (unsigned int round = 1;; round += 2) {
		vw_check(mmap(zeroes->at, PMD_SIZE, RW, ANON | MAP_FIXED, -1, 0) == zeroes->at);
		madvise(zeroes->at, PMD_SIZE, MADV_HUGEPAGE);
		for (size_t i = 0; i < PMD_SIZE / PAGE; i++)
			vw_peek(zeroes->at + i * PAGE);
		__atomic_store_n(&zeroes->round, round, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&zeroes->seen, __ATOMIC_SEQ_CST) != round)
			;
		vw_poke(zeroes->at, 1);
		__atomic_store_n(&zeroes->round, round + 1, __ATOMIC_SEQ_CST);
		vw_check(!munmap(zeroes->at, PMD_SIZE));
	}
	return 0;
}

static __u64 pages_by_scan(const char *at)
{
	struct vmwalk_scan scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + PMD_SIZE);
	struct vw_extents extents;
	__u64 pages = 0;

	vw_ok(vw_scan_all(dev.fd, &scan, 16, &extents));
	for (size_t i = 0; i < extents.count; i++)
		pages += extents.extent[i].pages;
	vw_extents_free(&extents);
	return pages;
}

/* Does a call find the page at @at, which is mapped throughout an odd round? */
static bool sees(unsigned int call, const char *at)
{
	struct vmwalk_translation translation = { .addr = (uintptr_t)at };
	struct vmwalk_walk walk;

	switch (call % 4) {
	case 0:
		return pages_by_scan(at - (uintptr_t)at % PMD_SIZE) == PMD_SIZE / PAGE;
	case 1:
		vw_ok(vw_translate(dev.fd, &translation, 1));
		return translation.state & VMWALK_PRESENT;
	case 2:
		vw_ok(vw_walk(dev.fd, (uintptr_t)at, &walk));
		return walk.state & VMWALK_PRESENT;
	default:
		return get_pfn(at) >= 0;
	}
}

VW_TEST(a_huge_page_is_never_missed_during_a_split)
{
	struct zeroes *zeroes = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	__u64 end = vw_now() + 8 * SECOND;
	unsigned int round, calls = 0;
	struct vw_child child;

	assert_ptr_not_equal(zeroes, MAP_FAILED);
	zeroes->at = vw_pointer(0x600000000000UL);
	dev = vw_device_make();
	child = vw_fork(split_zeroes, zeroes);
	vw_hear(&child);
	vw_set_target(child.pid);
	vw_tell(&child, 0);
	while (vw_now() < end) {
		round = __atomic_load_n(&zeroes->round, __ATOMIC_SEQ_CST);
		if (round % 2 == 0)
			continue;
		__atomic_store_n(&zeroes->seen, round, __ATOMIC_SEQ_CST);
		for (;; calls++) {
			bool seen = sees(calls, zeroes->at + 300 * PAGE);

			if (__atomic_load_n(&zeroes->round, __ATOMIC_SEQ_CST) != round)
				break;
			assert_true(seen);
		}
	}
	print_message("# %u calls, %u huge pages\n", calls, zeroes->round / 2);
	assert_int_equal(munmap(zeroes, PAGE), 0);
}

#define TABLES		16
#define FORGED_PFN	0xabcdeUL

/*
 * Map a page in each of some PTE tables and unmap them. Fill the pages that the
 * kernel freed, through a pipe, with words that look like present PTEs.
 */
static bool stop_forging;

static void *forge_tables(void *arg)
{
	__u64 words[PTRS];
	char *at = arg;
	int fds[2];

	for (size_t i = 0; i < COUNT(words); i++)
		words[i] = vw_entry_forged(FORGED_PFN);
	vw_check(!pipe(fds));
	vw_check(fcntl(fds[1], F_SETPIPE_SZ, 2 * TABLES * PAGE) >= 0);
	while (!__atomic_load_n(&stop_forging, __ATOMIC_RELAXED)) {
		vw_check(mmap(at, TABLES * PMD_SIZE, RW,
			      ANON | MAP_FIXED, -1, 0) == at);
		madvise(at, TABLES * PMD_SIZE, MADV_NOHUGEPAGE);
		for (size_t i = 0; i < TABLES; i++)
			vw_poke(at + i * PMD_SIZE, 1);
		vw_check(!munmap(at, TABLES * PMD_SIZE));
		for (size_t i = 0; i < 2 * TABLES; i++)
			vw_check(write(fds[1], words, PAGE) == (ssize_t)PAGE);
		for (size_t i = 0; i < 2 * TABLES; i++)
			vw_check(read(fds[0], words, PAGE) == (ssize_t)PAGE);
	}
	close(fds[0]);
	close(fds[1]);
	return NULL;
}

static int forge_tables_in_a_child(void *arg)
{
	vw_sync(0);
	forge_tables(arg);
	return 0;
}

/* Let the calls for single addresses walk to one page of each table. */
static void walk_to_tables(const char *at)
{
	struct vmwalk_translation vec[8 * TABLES] = { 0 };
	struct vmwalk_walk walk;
	int pfn;

	for (size_t i = 0; i < COUNT(vec); i++)
		vec[i].addr = (uintptr_t)at + i % TABLES * PMD_SIZE;
	for (size_t i = 0; i < COUNT(vec); i++) {
		pfn = get_pfn(vw_pointer(vec[i].addr));
		if (pfn < 0)
			vw_expect(pfn, -ENOENT);
		assert_int_not_equal(pfn, FORGED_PFN);
	}
	vw_ok(vw_translate(dev.fd, vec, COUNT(vec)));
	for (size_t i = 0; i < COUNT(vec); i++)
		assert_int_not_equal(vec[i].phys / PAGE, FORGED_PFN);
	for (size_t i = 0; i < TABLES; i++) {
		vw_ok(vw_walk(dev.fd, vec[i].addr, &walk));
		assert_int_not_equal(walk.pfn, FORGED_PFN);
	}
}

/*
 * munmap() frees page tables with mmap_lock held for reading, so this lock
 * alone does not protect a walker from reading a freed table. Nor do disabled
 * interrupts on a CPU that the target does not run on: many kernels send IPIs
 * only to the CPUs in the mm's mask.
 */
VW_TEST(tables_freed_by_munmap_are_not_read)
{
	char *at = vw_pointer(0x600000000000UL);
	__u64 end = vw_now() + 4 * SECOND;
	struct vw_extents extents;
	struct vmwalk_scan scan;
	struct vw_child child;
	unsigned int scans = 0;

	dev = vw_device_make();
	child = vw_fork(forge_tables_in_a_child, at);
	vw_hear(&child);
	vw_set_target(child.pid);
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + TABLES * PMD_SIZE);
	vw_tell(&child, 0);
	for (; vw_now() < end; scans++) {
		vw_ok(vw_scan_all(dev.fd, &scan, 8192, &extents));
		for (size_t i = 0; i < extents.count; i++)
			assert_int_not_equal(extents.extent[i].pfn, FORGED_PFN);
		vw_extents_free(&extents);
		walk_to_tables(at);
	}
	print_message("# %u scans\n", scans);
}

/* The same with the shortest call. */
static void get_pfns(const char *at)
{
	__u64 end = vw_now() + 5 * SECOND;
	unsigned long calls = 0;

	while (vw_now() < end) {
		for (int i = 0; i < 1000; i++, calls++)
			assert_int_not_equal(get_pfn(at + i % TABLES * PMD_SIZE), FORGED_PFN);
	}
	print_message("# %lu calls\n", calls);
}

VW_TEST(get_pfn_does_not_read_tables_freed_by_munmap)
{
	char *at = vw_pointer(0x600000000000UL);
	struct vw_child child;

	dev = vw_device_make();
	child = vw_fork(forge_tables_in_a_child, at);
	vw_hear(&child);
	vw_set_target(child.pid);
	vw_tell(&child, 0);
	get_pfns(at);
}

/* GET_PFN of the caller's own memory takes no lock. */
VW_TEST(get_pfn_does_not_read_tables_freed_by_another_thread)
{
	char *at = vw_pointer(0x600000000000UL);
	pthread_t forger;

	dev = vw_device_make();
	assert_int_equal(pthread_create(&forger, NULL, forge_tables, at), 0);
	get_pfns(at);
	__atomic_store_n(&stop_forging, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(forger, NULL), 0);
}

/* Pages that are never mapped must never be reported. */
VW_TEST(unmapped_pages_are_never_reported)
{
	__u64 end = vw_now() + 3 * SECOND;
	static struct busy busy;
	struct vw_extents extents;
	struct vmwalk_scan scan;
	struct vw_child child;

	busy.at = vw_anon(STATIC_PAGES * PAGE);
	madvise(busy.at, STATIC_PAGES * PAGE, MADV_NOHUGEPAGE);
	dev = vw_device_make();
	child = vw_fork(run_busy_target, &busy);
	vw_hear(&child);
	vw_set_target(child.pid);
	scan = vw_scan_args((uintptr_t)busy.at, (uintptr_t)busy.at + STATIC_PAGES * PAGE);
	while (vw_now() < end) {
		vw_ok(vw_scan_all(dev.fd, &scan, 4096, &extents));
		for (size_t i = 0; i < extents.count; i++) {
			assert_int_equal(extents.extent[i].pages, 1);
			assert_int_equal((extents.extent[i].start - scan.start) / PAGE % 2, 0);
		}
		vw_extents_free(&extents);
	}
}

VW_TEST(a_scan_into_untouched_memory_does_not_block_the_target)
{
	struct vmwalk_scan scan;
	struct vw_child child;
	char *vec;

	/* Copying the extents faults in pages of the process being scanned. */
	dev = vw_device_make();
	for (int i = 0; i < 20; i++) {
		vec = vw_anon(MIB);
		scan = vw_scan_args(0, vw_user_end());
		scan.vec = (uintptr_t)vec;
		scan.vec_len = MIB / sizeof(struct vmwalk_extent);
		assert_true(vw_ioctl(dev.fd, VMWALK_IOC_SCAN, &scan) > 0);
		munmap(vec, MIB);
	}
	child = vw_fork(map_and_unmap, NULL);
	vw_set_target(child.pid);
	vw_join_ok(&child);
}

static int scan_forever(void *arg)
{
	int bad = 0;

	(void)arg;
	vw_say(0);
	__atomic_store_n(&stop_scanning, false, __ATOMIC_RELAXED);
	scan_repeatedly(&bad);
	return 1;
}

VW_TEST(a_scanning_process_can_be_killed)
{
	struct vw_child child;
	__u64 start;

	dev = vw_device_make();
	for (int i = 0; i < 10; i++) {
		child = vw_fork(scan_forever, NULL);
		vw_hear(&child);
		usleep(i * 3000);
		start = vw_now();
		vw_kill(&child);
		assert_true(vw_now() - start < 10 * SECOND);
	}
	vw_expect_stat(vw_number("t"), "opens", 1);
}

VW_TEST(changing_the_target_during_a_scan_is_safe)
{
	struct vw_child child[2];
	__u64 end = vw_now() + 3 * SECOND;
	pthread_t thread;
	int bad = 0;

	common = vw_anon(PAGE);
	dev = vw_device_make();
	for (size_t i = 0; i < COUNT(child); i++) {
		child[i] = vw_fork(touch_and_wait, NULL);
		vw_hear(&child[i]);
	}
	__atomic_store_n(&stop_scanning, false, __ATOMIC_RELAXED);
	assert_int_equal(pthread_create(&thread, NULL, scan_repeatedly, &bad), 0);
	for (int i = 0; vw_now() < end; i++)
		vw_set_target(i % 3 == 2 ? 0 : child[i % 3].pid);
	__atomic_store_n(&stop_scanning, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	vw_ok(bad);
}
