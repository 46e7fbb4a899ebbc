// SPDX-License-Identifier: GPL-2.0
/*
 * mmap() that fails half way: the process is killed in the call, or a page table cannot be
 * allocated. Afterwards the buffer, its frames and the machine's free memory must be unchanged.
 *
 * Copyright (C) The vmwalk authors
 *
 * When mmap() fails, the core clears vma->vm_file before it unmaps the installed entries, and then
 * mistakes PMD entries of PFN mappings for transparent huge pages. Such a bug shows as "Bad page
 * state" or "Bad rss-counter state" in the kernel log, as a changed page type of a frame of the
 * buffer, or as changed contents.
 *
 * VMWALK_KILL_SECONDS: seconds for each combination (1 if unset).
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>

#include "harness.h"

static const int shares[] = { MAP_SHARED, MAP_PRIVATE };
static const int prots[] = { RW, RW, PROT_READ, PROT_WRITE, PROT_NONE };

/* Several PMD entries; the DMA API and kmalloc give 4 MiB at most. */
static size_t size_of(const struct vw_combo *combo)
{
	return !strcmp(combo->type, "kmalloc") || !strcmp(combo->type, "dma") ? 4 * MIB : 8 * MIB;
}

/* Shared with the child. */
enum { OUTSIDE, ABOUT_TO_ENTER, LEFT };

static int *place;

static struct {
	struct vw_buffer buffer;
	size_t size;
	int share;
	char *room;			/* reserved range, aligned to 2 MiB, larger than size */
	__u64 seed;
} attack;

/* Windows of the buffer: PMD entries fit some of them, fit others in part, or not at all. */
static void map_somehow(void)
{
	static const struct {
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
	at = mmap(fixed ? attack.room + windows[i].skew : NULL, length, prot,
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
		map_somehow();
	return 0;
}

/* The core unmaps the old memory first, so the signal arrives before the driver's mmap(). */
static int map_over_old_memory(void *arg)
{
	(void)arg;
	vw_become(VW_NOBODY, 0);
	vw_check(mmap(attack.room, attack.size, RW, ANON | MAP_FIXED, -1, 0) != MAP_FAILED);
	madvise(attack.room, attack.size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < 2 * MIB; i += PAGE)
		vw_poke(attack.room + i, 1);
	__atomic_store_n(place, ABOUT_TO_ENTER, __ATOMIC_SEQ_CST);
	vw_check(mmap(attack.room, attack.size, RW, attack.share | MAP_FIXED, attack.buffer.fd,
		      0) != MAP_FAILED);
	__atomic_store_n(place, LEFT, __ATOMIC_SEQ_CST);
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

	*place = OUTSIDE;
	child = vw_fork(map_over_old_memory, NULL);
	while (__atomic_load_n(place, __ATOMIC_SEQ_CST) == OUTSIDE)
		sched_yield();
	kill(child.pid, SIGKILL);
	rc = vw_join(&child);
	if (rc && rc != -SIGKILL)
		vw_fail("a child ended with %d", rc);
	return *place == ABOUT_TO_ENTER;
}

static void begin_attack(const struct vw_combo *combo)
{
	attack.size = size_of(combo);
	vw_buffer_make(&attack.buffer, combo, attack.size);
	attack.room = vw_anon_aligned(attack.size + 2 * PMD_SIZE, PMD_SIZE);
	place = vw_map(-1, PAGE, 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	attack.seed = vw_now();
	print_message("# seed %llu\n", attack.seed);
}

static void end_attack(void)
{
	munmap(attack.room, attack.size + 2 * PMD_SIZE);
	munmap(place, PAGE);
	vw_buffer_remove(&attack.buffer);
}

VW_TEST_ALL(a_process_killed_inside_mmap_leaves_nothing_behind)
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
				vw_fail("no child was killed inside the call");
		}
		vw_buffer_expect_whole(&attack.buffer);
	}
	print_message("# %u killed, %u of them before the driver's part\n", kills, inside);
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

/* --- Failing page-table allocations -------------------------------------------------------- */

/* Maps until the memory cgroup is full, so that an mmap() fails half way. */
static int map_until_memory_is_short(void *arg)
{
	size_t length = 3 * MIB;
	char *first, *at;
	unsigned int i;

	(void)arg;
	vw_join_cgroup();
	vw_check_rc(vw_file_write(VW_CGROUP "/memory.swap.max", "0"), 0);
	/* If the OOM killer may kill no process of the cgroup, allocations get ENOMEM. */
	vw_check_rc(vw_file_write("/proc/self/oom_score_adj", "-1000"), 0);
	/* Populate this process's memory: faults would be retried forever. */
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
	/* With a full cgroup a message to the parent would fail, too. */
	__atomic_store_n(place, LEFT, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(place, __ATOMIC_SEQ_CST) == LEFT)
		sched_yield();
	/* Earlier mappings are intact. */
	vw_check(vw_peek(first) == 'a' && vw_peek(first + length - PAGE) ==
		 vw_fill_byte("letters", length - PAGE));
	vw_say(i);
	return 0;
}

VW_TEST_ALL(an_mmap_without_page_tables_leaves_nothing_behind)
{
	struct vw_child child;

	/* With map_mode fault no page table is allocated in mmap(). */
	if (!strcmp(combo->mode, "fault"))
		return;
	vw_need_cgroup();
	begin_attack(combo);
	for (size_t s = 0; s < COUNT(shares); s++) {
		attack.share = shares[s];
		*place = OUTSIDE;
		child = vw_fork(map_until_memory_is_short, NULL);
		vw_hear(&child);
		/* Raise the limit each time, so that the allocation of a different table fails. */
		vw_limit_cgroup((16 + 3 * s) * PAGE);
		vw_tell(&child, 0);
		assert_true(vw_eventually(__atomic_load_n(place, __ATOMIC_SEQ_CST) == LEFT));
		vw_ok(vw_file_write(VW_CGROUP "/memory.max", "max"));
		__atomic_store_n(place, OUTSIDE, __ATOMIC_SEQ_CST);
		print_message("# %llu mappings before ENOMEM\n", vw_hear(&child));
		vw_join_ok(&child);
		vw_remove_cgroup();
		vw_buffer_expect_whole(&attack.buffer);
	}
	end_attack();
}
