// SPDX-License-Identifier: GPL-2.0
/*
 * mmap() that fails half way: the process is killed in the call, or a page
 * table cannot be allocated. Afterwards the buffer, its frames and the
 * machine's free memory must be unchanged.
 *
 * Copyright (C) The vmwalk authors
 *
 * When mmap() fails, the core clears vma->vm_file before it unmaps the
 * installed entries, and then mistakes PMD entries of PFN mappings for
 * transparent huge pages. Such a bug shows as "Bad page state" or "Bad
 * rss-counter state" in the kernel log, as a changed page type of a frame of
 * the buffer, or as changed contents.
 *
 * VMWALK_KILL_SECONDS: seconds for each combination (1 if unset).
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>

#include "harness.h"

static const int shares[] = { MAP_SHARED, MAP_PRIVATE };
static const int prots[] = { RW, RW, PROT_READ, PROT_WRITE, PROT_NONE };

/* Several PMD entries; the DMA API and kmalloc are limited to 4 MiB. */
static size_t size_of(const struct vw_combo *combo)
{
	return !strcmp(combo->type, "kmalloc") || !strcmp(combo->type, "dma") ? 4 * MIB : 8 * MIB;
}

/* Progress of the child, in memory that it shares with the parent. */
enum { OUTSIDE, ABOUT_TO_ENTER, LEFT };

static int *progress;

static struct {
	struct vw_buffer buffer;
	size_t size;
	int share;
	char *area;		/* reserved, 2 MiB aligned, larger than size */
	__u64 seed;
} attack;

/* Windows of the buffer that PMD entries can map in whole, in part or not. */
static void map_random_window(void)
{
	const struct {
		size_t offset, length, skew;
	} windows[] = {
		{ 0, 8 * MIB, 0 },		/* cut to the buffer's size */
		{ 0, 8 * MIB, PAGE },
		{ 0, PMD_SIZE + PAGE, 0 },
		{ PAGE, PMD_SIZE + 5 * PAGE, PAGE },
		{ MIB, 3 * MIB, MIB },
		{ PMD_SIZE, PMD_SIZE, 0 },
		{ 0, PAGE, PMD_SIZE - PAGE },
	};
	size_t i = vw_random(&attack.seed) % COUNT(windows), length = windows[i].length;
	int prot = prots[vw_random(&attack.seed) % COUNT(prots)], flags = attack.share;
	bool fixed = vw_random(&attack.seed) % 2;
	char *at;

	if (length > attack.size - windows[i].offset)
		length = attack.size - windows[i].offset;
	if (vw_random(&attack.seed) % 4 == 0)
		flags |= MAP_POPULATE;
	at = mmap(fixed ? attack.area + windows[i].skew : NULL, length, prot,
		  flags | (fixed ? MAP_FIXED : 0), attack.buffer.fd, windows[i].offset);
	vw_check(at != MAP_FAILED);
	if (!fixed)
		vw_check(!munmap(at, length));
}

static int map_until_killed(void *arg)
{
	(void)arg;
	vw_become(VW_NOBODY, 0);
	vw_say(0);
	for (;;)
		map_random_window();
	return 0;
}

/* The core unmaps the old memory first, so the signal precedes ->mmap(). */
static int map_over_old_memory(void *arg)
{
	(void)arg;
	vw_become(VW_NOBODY, 0);
	vw_check(mmap(attack.area, attack.size, RW, ANON | MAP_FIXED, -1, 0) != MAP_FAILED);
	madvise(attack.area, attack.size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < 2 * MIB; i += PAGE)
		vw_poke(attack.area + i, 1);
	__atomic_store_n(progress, ABOUT_TO_ENTER, __ATOMIC_SEQ_CST);
	vw_check(mmap(attack.area, attack.size, RW, attack.share | MAP_FIXED, attack.buffer.fd,
		      0) != MAP_FAILED);
	__atomic_store_n(progress, LEFT, __ATOMIC_SEQ_CST);
	return 0;
}

static void kill_at_random(void)
{
	struct vw_child child = vw_fork(map_until_killed, NULL);

	vw_hear(&child);
	usleep(vw_random(&attack.seed) % 2000);
	kill(child.pid, SIGKILL);
	vw_expect(vw_join(&child), -SIGKILL);
}

/* Returns true if the child was killed before it returned from mmap(). */
static bool kill_inside(void)
{
	struct vw_child child;
	int rc;

	*progress = OUTSIDE;
	child = vw_fork(map_over_old_memory, NULL);
	while (__atomic_load_n(progress, __ATOMIC_SEQ_CST) == OUTSIDE)
		sched_yield();
	kill(child.pid, SIGKILL);
	rc = vw_join(&child);
	if (rc && rc != -SIGKILL)
		vw_fail("a child exited with %d, neither 0 nor killed", rc);
	return *progress == ABOUT_TO_ENTER;
}

static void begin_attack(const struct vw_combo *combo)
{
	attack.size = size_of(combo);
	vw_buffer_make(&attack.buffer, combo, attack.size);
	attack.area = vw_anon_aligned(attack.size + 2 * PMD_SIZE, PMD_SIZE);
	progress = vw_map(-1, PAGE, 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	attack.seed = vw_now();
	print_message("# seed %llu\n", attack.seed);
}

static void end_attack(void)
{
	munmap(attack.area, attack.size + 2 * PMD_SIZE);
	munmap(progress, PAGE);
	vw_buffer_remove(&attack.buffer);
}

VW_TEST_ALL(a_process_killed_inside_mmap_leaves_the_buffer_intact)
{
	__u64 length = vw_env("VMWALK_KILL_SECONDS", 1) * SECOND / COUNT(shares), end;
	unsigned int kills = 0, inside = 0;

	begin_attack(combo);
	for (size_t s = 0; s < COUNT(shares); s++) {
		attack.share = shares[s];
		for (end = vw_now() + length; !inside || vw_now() < end; kills += 2) {
			kill_at_random();
			inside += kill_inside();
			if (kills > 1000 && !inside)
				vw_fail("no child was killed inside mmap()");
		}
		vw_buffer_expect_whole(&attack.buffer);
	}
	print_message("# %u killed, %u of them inside mmap()\n", kills, inside);
	end_attack();
}

#define KILLS	4

static void kill_some_of_each(void)
{
	for (size_t i = 0; i < VW_COMBOS; i++) {
		begin_attack(&vw_combos[i]);
		for (int j = 0; j < KILLS; j++) {
			attack.share = shares[j % COUNT(shares)];
			if (j % 4 < 2)
				kill_inside();
			else
				kill_at_random();
		}
		end_attack();
	}
}

VW_TEST(killing_inside_mmap_leaks_no_memory)
{
	vw_expect_no_growth(kill_some_of_each, VW_COMBOS * KILLS);
}

/* --- Failing page-table allocations --------------------------------------- */

/* Map until the memory cgroup is full, so that mmap() fails half way. */
static int map_until_memory_is_short(void *arg)
{
	size_t length = 3 * MIB;
	char *first, *at;
	unsigned int i;

	(void)arg;
	vw_join_cgroup();
	vw_check_rc(vw_file_write(VW_CGROUP "/memory.swap.max", "0"), 0);
	/* Exempt from the OOM killer, so that allocations fail with ENOMEM. */
	vw_check_rc(vw_file_write("/proc/self/oom_score_adj", "-1000"), 0);
	/* Populate this process: its own faults would be retried forever. */
	vw_check(!mlockall(MCL_CURRENT));
	vw_become(VW_NOBODY, 0);
	vw_sync(0);
	first = mmap(NULL, length, PROT_READ, attack.share, attack.buffer.fd, 0);
	vw_check(first != MAP_FAILED);
	for (i = 0;; i++) {
		at = mmap(NULL, length, PROT_READ, attack.share, attack.buffer.fd, 0);
		if (at == MAP_FAILED)
			break;
		vw_check(i < 10000);
	}
	vw_check_rc(-errno, -ENOMEM);
	/* With a full cgroup, a message to the parent would fail, too. */
	__atomic_store_n(progress, LEFT, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(progress, __ATOMIC_SEQ_CST) == LEFT)
		sched_yield();
	/* Earlier mappings are intact. */
	vw_check(vw_peek(first) == 'a' && vw_peek(first + length - PAGE) ==
		 vw_fill_byte("letters", length - PAGE));
	vw_say(i);
	return 0;
}

VW_TEST_ALL(mmap_failing_with_enomem_leaves_the_buffer_intact)
{
	struct vw_child child;

	/* With map_mode fault no page table is allocated in mmap(). */
	if (!strcmp(combo->mode, "fault"))
		return;
	vw_need_cgroup();
	begin_attack(combo);
	for (size_t s = 0; s < COUNT(shares); s++) {
		attack.share = shares[s];
		*progress = OUTSIDE;
		child = vw_fork(map_until_memory_is_short, NULL);
		vw_hear(&child);
		/* Raise the limit each time, to fail at a different table. */
		vw_limit_cgroup((16 + 3 * s) * PAGE);
		vw_tell(&child, 0);
		assert_true(vw_eventually(__atomic_load_n(progress, __ATOMIC_SEQ_CST) == LEFT));
		vw_ok(vw_file_write(VW_CGROUP "/memory.max", "max"));
		__atomic_store_n(progress, OUTSIDE, __ATOMIC_SEQ_CST);
		print_message("# %llu mappings before ENOMEM\n", vw_hear(&child));
		vw_join_ok(&child);
		vw_remove_cgroup();
		vw_buffer_expect_whole(&attack.buffer);
	}
	end_attack();
}
