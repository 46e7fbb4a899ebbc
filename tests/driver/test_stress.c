// SPDX-License-Identifier: GPL-2.0
/*
 * Walks of a target that concurrently makes all kinds of page-table changes on
 * another CPU. Each call is checked exactly:
 *
 *   each PFN that it returns was mapped there at some instant during the call;
 *   no page that was mapped throughout the call is missed;
 *   no page is returned twice.
 *
 * Copyright (C) The vmwalk authors
 *
 * The target's memory consists of areas. A thread for each area changes it in
 * random steps, and records the PFNs of the area from pagemap after each step.
 * Counters of begun and ended steps tell the test which steps a call may have
 * overlapped. A page may have a PFN recorded at any of these steps, and must be
 * found if it was mapped at all of them. Steps are small, so that no page has a
 * PFN during a step that it has neither before nor after.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"

/* Pages in an area, and in a huge page. */
#define PAGES		1024UL
#define HUGE		512UL

/* Steps that are recorded. A call that overlaps more is not checked. */
#define STEPS		512

#define SWAPPED		0xffffffffU

enum { STILL, ANONYMOUS, SHARED, DEVICE, HUGETLB, AREAS };

/* Transient effects of a step on a page, apart from its final state. */
#define VANISHES	1U		/* the entry may be empty */
#define MOVES		2U		/* it may be a migration entry */

enum { COLLAPSED, MOVED, SWAPPED_OUT, MIGRATED, PUNCHED, FORKED, EFFECTS };

static const char * const effects[] = {
	"collapsed", "moved by mremap", "swapped out", "migrated", "punched out", "forked",
};

/* Shared memory: written by the target, read by the test. */
struct area {
	__u64 begun;
	__u64 ended;
	/* Transient effects of step n, and PFNs after it, at n % STEPS. */
	__u8 transient[STEPS];
	__u32 frames[STEPS][PAGES];
	unsigned long effects[EFFECTS];
};

static struct area *areas;
static char *base;		/* address of the first area in the target */
static int fd;
static __u64 zero_pfn;

/* --- The target ----------------------------------------------------------- */

#define HOLE		0xff

struct actor {
	int kind;
	struct area *area;
	char *at;
	size_t grain;			/* pages that change together */
	int file;			/* mapped file, -1 for none */
	int flags;			/* of mmap() */
	int pagemap;
	__u64 seed;
	unsigned char prot[PAGES];	/* or HOLE */
};

static void record_pfns(struct actor *actor, __u32 *frames)
{
	__u64 entries[PAGES];

	vw_check(pread(actor->pagemap, entries, sizeof(entries),
		       (uintptr_t)actor->at / PAGE * 8) == sizeof(entries));
	for (size_t i = 0; i < PAGES; i++)
		frames[i] = entries[i] & PM_PRESENT ? PM_PFN(entries[i]) :
			    entries[i] & PM_SWAP ? SWAPPED : 0;
}

static void begin(struct actor *actor, unsigned int transient)
{
	struct area *area = actor->area;
	__u64 step = area->begun + 1;

	area->transient[step % STEPS] = transient;
	__atomic_store_n(&area->begun, step, __ATOMIC_SEQ_CST);
}

static void end(struct actor *actor)
{
	struct area *area = actor->area;

	record_pfns(actor, area->frames[area->begun % STEPS]);
	__atomic_store_n(&area->ended, area->begun, __ATOMIC_SEQ_CST);
}

static void *page_at(const struct actor *actor, size_t page)
{
	return actor->at + page * PAGE;
}

/*
 * Excludes fork() from steps that write. If a child is forked between the fault
 * and the write, it shares the new page: the thread then faults again, and the
 * page would have a third PFN in one step.
 */
static pthread_rwlock_t fork_lock;

static void touch(struct actor *actor, size_t first, size_t count, int how)
{
	if (how == PROT_WRITE)
		pthread_rwlock_rdlock(&fork_lock);
	begin(actor, 0);
	for (size_t i = first; i < first + count; i++) {
		if (actor->prot[i] == HOLE || !(actor->prot[i] & how))
			continue;
		if (how == PROT_WRITE)
			vw_poke(page_at(actor, i), i);
		else
			vw_peek(page_at(actor, i));
	}
	end(actor);
	if (how == PROT_WRITE)
		pthread_rwlock_unlock(&fork_lock);
}

static void do_read(struct actor *actor, size_t first, size_t count)
{
	touch(actor, first, count, PROT_READ);
}

static void do_write(struct actor *actor, size_t first, size_t count)
{
	/* Read first: one step must not swap a page in and copy it, too. */
	touch(actor, first, count, PROT_READ);
	touch(actor, first, count, PROT_WRITE);
}

static void do_drop(struct actor *actor, size_t first, size_t count)
{
	begin(actor, 0);
	madvise(page_at(actor, first), count * PAGE, MADV_DONTNEED);
	end(actor);
}

static void do_protect(struct actor *actor, size_t first, size_t count)
{
	static const int prots[] = { PROT_NONE, PROT_READ, RW, RW };
	int prot = prots[vw_random(&actor->seed) % COUNT(prots)];
	size_t i = first, last = first + count, run;

	begin(actor, 0);
	while (i < last) {
		for (run = i; run < last && actor->prot[run] != HOLE; run++)
			actor->prot[run] = prot;
		if (run > i)
			vw_check(!mprotect(page_at(actor, i), (run - i) * PAGE, prot));
		i = run + 1;
	}
	end(actor);
}

static void unmap(struct actor *actor, size_t first, size_t count)
{
	vw_check(!munmap(page_at(actor, first), count * PAGE));
	memset(actor->prot + first, HOLE, count);
}

static void do_unmap(struct actor *actor, size_t first, size_t count)
{
	begin(actor, 0);
	unmap(actor, first, count);
	end(actor);
}

static void map(struct actor *actor, size_t first, size_t count)
{
	if (mmap(page_at(actor, first), count * PAGE, RW, actor->flags | MAP_FIXED, actor->file,
		 actor->file < 0 ? 0 : first * PAGE) == MAP_FAILED)
		unmap(actor, first, count);
	else
		memset(actor->prot + first, RW, count);
}

static void do_map(struct actor *actor, size_t first, size_t count)
{
	begin(actor, 0);
	map(actor, first, count);
	end(actor);
}

static void do_move(struct actor *actor, size_t first, size_t count)
{
	size_t to = vw_random(&actor->seed) % (PAGES - count + 1) / actor->grain * actor->grain;
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	if (to + count > first && first + count > to)
		return;
	if (actor->kind == ANONYMOUS && vw_random(&actor->seed) % 2)
		flags |= MREMAP_DONTUNMAP;
	begin(actor, 0);
	if (mremap(page_at(actor, first), count * PAGE, count * PAGE, flags, page_at(actor, to)) ==
	    MAP_FAILED) {
		/* mremap() may fail after it unmapped the destination. */
		unmap(actor, to, count);
	} else {
		memcpy(actor->prot + to, actor->prot + first, count);
		if (!(flags & MREMAP_DONTUNMAP))
			memset(actor->prot + first, HOLE, count);
		actor->area->effects[MOVED]++;
	}
	end(actor);
}

static void do_collapse(struct actor *actor, size_t first, size_t count)
{
	char *at;

	(void)count;
	first = first / HUGE * HUGE;
	at = page_at(actor, first);
	begin(actor, 0);
	map(actor, first, HUGE);
	madvise(at, PMD_SIZE, MADV_NOHUGEPAGE);
	end(actor);
	touch(actor, first, HUGE, PROT_WRITE);
	/* Collapsing a file's pages unmaps the small pages first. */
	begin(actor, actor->kind == SHARED ? VANISHES | MOVES : MOVES);
	madvise(at, PMD_SIZE, MADV_HUGEPAGE);
	if (!madvise(at, PMD_SIZE, MADV_COLLAPSE))
		actor->area->effects[COLLAPSED]++;
	end(actor);
}

static void do_hint(struct actor *actor, size_t first, size_t count)
{
	begin(actor, 0);
	madvise(page_at(actor, first), count * PAGE,
		vw_random(&actor->seed) % 3 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	end(actor);
}

static void do_swap_out(struct actor *actor, size_t first, size_t count)
{
	const __u32 *frames;

	/* A huge page may be split first, with migration entries. */
	begin(actor, MOVES);
	madvise(page_at(actor, first), count * PAGE, MADV_PAGEOUT);
	end(actor);
	frames = actor->area->frames[actor->area->begun % STEPS];
	for (size_t i = first; i < first + count; i++)
		actor->area->effects[SWAPPED_OUT] += frames[i] == SWAPPED;
}

static void do_migrate(struct actor *actor, size_t first, size_t count)
{
	int nodes[PAGES], status[PAGES], node = vw_random(&actor->seed) % 2;
	void *pages[PAGES];

	for (size_t i = 0; i < count; i++) {
		pages[i] = page_at(actor, first + i);
		nodes[i] = node;
		status[i] = -1;
	}
	begin(actor, MOVES);
	/* MPOL_MF_MOVE */
	syscall(SYS_move_pages, 0, count, pages, nodes, status, 2);
	end(actor);
	for (size_t i = 0; i < count; i++)
		actor->area->effects[MIGRATED] += status[i] == node;
}

static void do_punch(struct actor *actor, size_t first, size_t count)
{
	begin(actor, VANISHES | MOVES);
	if (!fallocate(actor->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first * PAGE,
		       count * PAGE))
		actor->area->effects[PUNCHED]++;
	end(actor);
}

static const struct {
	void (*step)(struct actor *actor, size_t first, size_t count);
	unsigned int kinds;		/* of areas that can do it */
	unsigned int weight;
} steps_to_do[] = {
	{ do_read, ~0U, 4 },
	{ do_write, ~0U, 8 },
	{ do_drop, ~0U, 2 },
	{ do_protect, ~0U, 4 },
	{ do_unmap, ~0U, 1 },
	{ do_map, ~0U, 2 },
	{ do_move, ~0U, 2 },
	{ do_collapse, 1U << ANONYMOUS | 1U << SHARED, 1 },
	{ do_hint, 1U << ANONYMOUS, 1 },
	{ do_swap_out, 1U << ANONYMOUS | 1U << SHARED, 2 },
	{ do_migrate, 1U << ANONYMOUS | 1U << SHARED | 1U << HUGETLB, 2 },
	{ do_punch, 1U << SHARED, 1 },
};

static void do_random_step(struct actor *actor)
{
	size_t first = vw_random(&actor->seed) % PAGES;
	size_t count = vw_random(&actor->seed) % 48 + 1;
	unsigned int sum = 0, pick;

	/* Sometimes all pages of a page table. */
	if (actor->grain == HUGE || vw_random(&actor->seed) % 8 == 0) {
		first = first / HUGE * HUGE;
		count = HUGE;
	}
	if (count > PAGES - first)
		count = PAGES - first;
	for (size_t i = 0; i < COUNT(steps_to_do); i++)
		sum += steps_to_do[i].kinds & 1U << actor->kind ? steps_to_do[i].weight : 0;
	pick = vw_random(&actor->seed) % sum;
	for (size_t i = 0; i < COUNT(steps_to_do); i++) {
		unsigned int weight = steps_to_do[i].weight;

		if (!(steps_to_do[i].kinds & 1U << actor->kind))
			continue;
		if (pick < weight) {
			steps_to_do[i].step(actor, first, count);
			return;
		}
		pick -= weight;
	}
}

static void *change_area(void *arg)
{
	for (;;)
		do_random_step(arg);
	return NULL;
}

static void *fork_repeatedly(void *arg)
{
	__u64 seed = 5;

	for (;;) {
		unsigned int delay = vw_random(&seed) % 3000;
		pid_t pid;

		pthread_rwlock_wrlock(&fork_lock);
		pid = fork();
		if (!pid) {
			usleep(delay);
			_exit(0);
		}
		pthread_rwlock_unlock(&fork_lock);
		if (pid > 0)
			waitpid(pid, NULL, 0);
		areas[STILL].effects[FORKED]++;
		usleep(2000);
	}
	return arg;
}

static int run_busy_target(void *arg)
{
	static struct actor actors[AREAS];
	pthread_rwlockattr_t attr;
	pthread_t thread;
	int memfd, device;

	/* fork() takes the lock for writing and must not starve. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&fork_lock, &attr);
	memfd = memfd_create("vmwalk_test", MFD_CLOEXEC);
	vw_check(memfd >= 0 && !ftruncate(memfd, PAGES * PAGE));
	device = vw_open(*(int *)arg, O_RDWR);
	vw_check(device >= 0);
	for (int i = 0; i < AREAS; i++) {
		struct actor *actor = &actors[i];

		*actor = (struct actor){
			.kind = i,
			.area = &areas[i],
			.at = base + i * PAGES * PAGE,
			.grain = i == HUGETLB ? HUGE : 1,
			.file = i == SHARED ? memfd : i == DEVICE ? device : -1,
			.flags = i == SHARED || i == DEVICE ? MAP_SHARED : ANON,
			.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC),
			.seed = i * 77 + 1,
		};
		if (i == HUGETLB)
			actor->flags |= MAP_HUGETLB;
		vw_check(actor->pagemap >= 0);
		map(actor, 0, PAGES);
		if (i == STILL) {
			madvise(actor->at, PAGES * PAGE, MADV_NOHUGEPAGE);
			for (size_t j = 0; j < PAGES; j++) {
				if (j % 3)
					vw_poke(page_at(actor, j), 1);
			}
			vw_check(!mlock2(actor->at, PAGES * PAGE, MLOCK_ONFAULT));
		}
		record_pfns(actor, areas[i].frames[0]);
	}
	for (int i = 0; i < AREAS; i++) {
		if (i == STILL)
			continue;
		if (actors[i].prot[0] == HOLE)
			printf("# area %d could not be mapped\n", i);
		else
			vw_check(!pthread_create(&thread, NULL, change_area, &actors[i]));
	}
	vw_check(!pthread_create(&thread, NULL, fork_repeatedly, NULL));
	vw_say(0);
	for (;;)
		pause();
	return 0;
}

/* --- Steps that overlap a call -------------------------------------------- */

struct window {
	__u64 first[AREAS];
	__u64 last[AREAS];
};

static unsigned long checked, overtaken;

static void open_window(struct window *window)
{
	for (int i = 0; i < AREAS; i++)
		window->first[i] = __atomic_load_n(&areas[i].ended, __ATOMIC_SEQ_CST);
}

/* Wait for the steps under way, so that their effects are recorded. */
static void close_window(struct window *window)
{
	__u64 limit = vw_now() + 60 * SECOND;

	for (int i = 0; i < AREAS; i++)
		window->last[i] = __atomic_load_n(&areas[i].begun, __ATOMIC_SEQ_CST);
	for (int i = 0; i < AREAS; i++) {
		while (__atomic_load_n(&areas[i].ended, __ATOMIC_SEQ_CST) < window->last[i]) {
			if (vw_now() > limit)
				vw_fail("the target makes no progress");
			usleep(50);
		}
	}
}

/* Are all steps of the window still recorded? */
static bool is_recorded(const struct window *window, int area)
{
	return __atomic_load_n(&areas[area].begun, __ATOMIC_SEQ_CST) <
	       window->first[area] + STEPS;
}

/* States of a page in a window. */
struct past {
	bool had_frame;			/* had the given PFN */
	bool empty;
	bool swapped;
	bool present;
	unsigned int transient;
};

static struct past look_back(const struct window *window, int area, size_t page, __u64 pfn)
{
	struct past past = { 0 };

	for (__u64 step = window->first[area]; step <= window->last[area]; step++) {
		__u32 frame = areas[area].frames[step % STEPS][page];

		past.empty |= !frame;
		past.swapped |= frame == SWAPPED;
		past.present |= frame && frame != SWAPPED;
		past.had_frame |= frame == pfn;
		if (step > window->first[area])
			past.transient |= areas[area].transient[step % STEPS];
	}
	/* Writing to the huge zero page makes it small zero pages first. */
	if (pfn == zero_pfn && window->last[area] > window->first[area])
		past.had_frame = true;
	return past;
}

/* Check state and PFN of a page. Returns an error or NULL. 0: not found. */
static const char *check_state(const struct past *past, __u64 pfn, __u32 state)
{
	if (state & VMWALK_PRESENT) {
		if (state & (VMWALK_SWAP | VMWALK_MIGRATION))
			return "present and not present at once";
		return past->had_frame ? NULL : "the page never had this PFN";
	}
	if (pfn)
		return "not present, but has a PFN";
	if (state & VMWALK_MIGRATION)
		return past->present && past->transient & MOVES ? NULL : "was not migrated";
	if (state & VMWALK_SWAP)
		return past->swapped ? NULL : "was not swapped out";
	return past->empty || past->transient & VANISHES ? NULL : "missed";
}

static void check_page(const struct window *window, const char *call, size_t index, __u64 pfn,
		       __u32 state)
{
	int area = index / PAGES;
	struct past past = look_back(window, area, index % PAGES, pfn);
	const char *wrong = check_state(&past, pfn, state);

	if (!wrong || !is_recorded(window, area))
		return;
	print_message("# steps %llu to %llu, pfn 0x%x to 0x%x\n", window->first[area],
		      window->last[area],
		      areas[area].frames[window->first[area] % STEPS][index % PAGES],
		      areas[area].frames[window->last[area] % STEPS][index % PAGES]);
	vw_fail("%s: area %d, page %zu, pfn 0x%llx, state 0x%x: %s", call, area, index % PAGES,
		pfn, state, wrong);
}

/* Count the call as checked or, if its steps are overwritten, as overtaken. */
static bool can_check(const struct window *window)
{
	for (int i = 0; i < AREAS; i++) {
		if (!is_recorded(window, i)) {
			overtaken++;
			return false;
		}
	}
	checked++;
	return true;
}

static void check_scan(const struct window *window, const struct vmwalk_scan *scan,
		       const struct vmwalk_extent *extent, int count)
{
	static __u32 states[AREAS * PAGES];
	static __u64 pfns[AREAS * PAGES];
	__u64 at = scan->start;

	memset(states, 0, sizeof(states));
	memset(pfns, 0, sizeof(pfns));
	for (int i = 0; i < count; i++, extent++) {
		if (extent->start < at || !extent->pages)
			vw_fail("the extent at 0x%llx overlaps the last one, which ends at 0x%llx",
				extent->start, at);
		at = extent->start + extent->pages * PAGE;
		if (at > scan->walk_end)
			vw_fail("the extent at 0x%llx ends beyond walk_end", extent->start);
		for (__u64 j = 0; j < extent->pages; j++) {
			__u64 index = (extent->start - (uintptr_t)base) / PAGE + j;

			if (extent->start + j * PAGE < (uintptr_t)base || index >= AREAS * PAGES)
				continue;
			states[index] = extent->flags;
			pfns[index] = extent->pfn ? extent->pfn + j : 0;
			if (!extent->flags)
				vw_fail("the extent at 0x%llx has no flags", extent->start);
		}
	}
	if (!can_check(window))
		return;
	for (size_t i = 0; i < AREAS * PAGES; i++) {
		at = (uintptr_t)base + i * PAGE;
		if (at >= scan->start && at < scan->walk_end)
			check_page(window, "scan", i, pfns[i], states[i]);
	}
}

/* --- The calls ------------------------------------------------------------ */

#define BUFFER_SIZE	MIB
#define CAPACITY	(BUFFER_SIZE / sizeof(struct vmwalk_extent))

static struct vmwalk_extent *buffer;
static __u64 seed;

/* Scan a range, in as many calls as it takes, and check each call. */
static void scan_range(__u64 start, __u64 end, size_t vec_len, bool to_buffer)
{
	static struct vmwalk_extent vec[CAPACITY];
	struct vmwalk_scan scan = vw_scan_args(start, end);
	struct window window;
	int count;

	scan.flags = to_buffer ? VMWALK_SCAN_TO_BUFFER : 0;
	scan.vec = to_buffer ? 0 : (uintptr_t)vec;
	scan.vec_len = vec_len;
	do {
		open_window(&window);
		count = vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
		close_window(&window);
		if (count < 0)
			vw_fail("scan: %s", strerror(-count));
		check_scan(&window, &scan, to_buffer ? buffer : vec, count);
		if (scan.walk_end <= scan.start)
			vw_fail("walk_end stays at 0x%llx", scan.start);
		scan.start = scan.walk_end;
	} while (scan.start < scan.end);
}

static void scan_random_range(void)
{
	static const size_t vec_lens[] = { CAPACITY, CAPACITY / 4, 211 };
	size_t vec_len = vec_lens[vw_random(&seed) % COUNT(vec_lens)];
	bool to_buffer = vw_random(&seed) % 2;
	__u64 start, end;

	if (vw_random(&seed) % 4) {
		scan_range(0, vw_user_end(), vec_len, to_buffer);
		return;
	}
	/* Or a part, which may start and end inside a huge page. */
	start = (uintptr_t)base + vw_random(&seed) % (AREAS * PAGES - 1) * PAGE;
	end = start + (vw_random(&seed) % PAGES + 1) * PAGE;
	scan_range(start, end, vec_len, to_buffer);
}

/* The state that the entry of pagemap stands for. */
static __u32 state_of(__u64 entry)
{
	if (entry & PM_PRESENT)
		return VMWALK_PRESENT;
	if (!(entry & PM_SWAP))
		return 0;
	/* The swap type: that of swap areas is less than that of migrations. */
	return (entry & 0x1f) < 16 ? VMWALK_SWAP : VMWALK_MIGRATION;
}

/* pagemap reports a hugetlb page that is being migrated as empty. */
static bool is_hidden(const struct window *window, size_t index, __u64 entry)
{
	int area = index / PAGES;

	return area == HUGETLB && !state_of(entry) &&
	       look_back(window, area, index % PAGES, 0).transient & MOVES;
}

/* A part of the areas, or all of them, with VMWALK_SCAN_PAGEMAP. */
static void scan_random_pagemap(void)
{
	static __u64 vec[AREAS * PAGES];
	size_t first = vw_random(&seed) % 2 ? vw_random(&seed) % (AREAS * PAGES) : 0;
	size_t count = AREAS * PAGES - first;
	bool to_buffer = vw_random(&seed) % 2;
	struct vmwalk_scan scan = {
		.size = sizeof(scan),
		.flags = VMWALK_SCAN_PAGEMAP | (to_buffer ? VMWALK_SCAN_TO_BUFFER : 0),
		.start = (uintptr_t)base + first * PAGE,
		.end = (uintptr_t)base + AREAS * PAGES * PAGE,
		.vec = to_buffer ? 0 : (uintptr_t)vec,
		.vec_len = count,
	};
	const __u64 *entries = to_buffer ? (const __u64 *)buffer : vec;
	struct window window;

	open_window(&window);
	vw_expect(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), count);
	close_window(&window);
	vw_expect(scan.walk_end, scan.end);
	if (!can_check(&window))
		return;
	for (size_t i = 0; i < count; i++) {
		if (is_hidden(&window, first + i, entries[i]))
			continue;
		check_page(&window, "pagemap", first + i,
			   entries[i] & PM_PRESENT ? PM_PFN(entries[i]) : 0,
			   state_of(entries[i]));
	}
}

static void translate_random_addresses(void)
{
	static struct vmwalk_translation vec[2048];
	size_t count = vw_random(&seed) % COUNT(vec) + 1;
	struct window window;

	for (size_t i = 0; i < count; i++)
		vec[i].addr = (uintptr_t)base + vw_random(&seed) % (AREAS * PAGES * PAGE);
	open_window(&window);
	vw_ok(vw_translate(fd, vec, count));
	close_window(&window);
	if (!can_check(&window))
		return;
	for (size_t i = 0; i < count; i++) {
		__u64 offset = vec[i].addr - (uintptr_t)base;

		if (vec[i].phys && vec[i].phys % PAGE != offset % PAGE)
			vw_fail("0x%llx has phys 0x%llx", vec[i].addr, vec[i].phys);
		check_page(&window, "translate", offset / PAGE, vec[i].phys / PAGE, vec[i].state);
	}
}

/* Calls for one address are short, so many share a window. */
static void walk_random_addresses(void)
{
	static struct vmwalk_walk walks[64];
	struct window window;

	open_window(&window);
	for (size_t i = 0; i < COUNT(walks); i++)
		vw_ok(vw_walk(fd, (uintptr_t)base + vw_random(&seed) % (AREAS * PAGES) * PAGE,
			      &walks[i]));
	close_window(&window);
	if (!can_check(&window))
		return;
	for (size_t i = 0; i < COUNT(walks); i++) {
		assert_int_equal(walks[i].stop == VMWALK_STOP_PAGE,
				 !!(walks[i].state & VMWALK_PRESENT));
		check_page(&window, "walk", (walks[i].addr - (uintptr_t)base) / PAGE, walks[i].pfn,
			   walks[i].state);
	}
}

static void check_get_pfn(const struct window *window, size_t index, long long pfn)
{
	int area = index / PAGES;
	struct past past;

	if (pfn >= 0) {
		check_page(window, "GET_PFN", index, pfn, VMWALK_PRESENT);
		return;
	}
	vw_expect(pfn, -ENOENT);
	past = look_back(window, area, index % PAGES, 0);
	if (!past.empty && !past.swapped && !past.transient && is_recorded(window, area))
		vw_fail("GET_PFN: area %d, page %zu: missed", area, index % PAGES);
}

static void get_random_pfns(void)
{
	static long long pfns[512];
	static size_t indices[COUNT(pfns)];
	struct window window;

	for (size_t i = 0; i < COUNT(pfns); i++)
		indices[i] = vw_random(&seed) % (AREAS * PAGES);
	open_window(&window);
	for (size_t i = 0; i < COUNT(pfns); i++)
		pfns[i] = vw_sys(ioctl(fd, VMWALK_IOC_GET_PFN,
				       (uintptr_t)base / PAGE + indices[i]));
	close_window(&window);
	if (!can_check(&window))
		return;
	for (size_t i = 0; i < COUNT(pfns); i++)
		check_get_pfn(&window, indices[i], pfns[i]);
}

/* Start a busy target, and call the functions in turn for some seconds. */
static void run_with_busy_target(void (*const *calls)(void), size_t count)
{
	__u64 start, steps = 0;
	struct vw_child child;
	unsigned long sum;
	char *page;
	int n;

	areas = vw_map(-1, AREAS * sizeof(*areas), 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	base = vw_anon_aligned(AREAS * PAGES * PAGE, PMD_SIZE);
	page = vw_anon(PAGE);
	madvise(page, PAGE, MADV_NOHUGEPAGE);
	vw_peek(page);
	zero_pfn = vw_pfn(page);
	fd = vw_open_rw(vw_make("t", "size", "1M", NULL));
	buffer = vw_map(fd, BUFFER_SIZE, 0, RW, MAP_SHARED);
	n = vw_make("area", "buffer_type", "pages", "map_mode", "insert", "size", "4M", NULL);
	checked = 0;
	overtaken = 0;
	seed = 3;
	child = vw_fork(run_busy_target, &n);
	vw_hear(&child);
	vw_set_target(child.pid);
	start = vw_now();
	/* Slow machines get more time to check some calls, up to a limit. */
	while (vw_now() - start < 6 * SECOND || (checked < 12 && vw_now() - start < 20 * SECOND)) {
		for (size_t i = 0; i < count; i++)
			calls[i]();
	}
	vw_kill(&child);
	for (int i = 0; i < AREAS; i++)
		steps += areas[i].ended;
	print_message("# %lu windows checked and %lu overtaken, in %llu steps\n", checked,
		      overtaken, steps);
	for (size_t i = 0; i < EFFECTS; i++) {
		sum = 0;
		for (int j = 0; j < AREAS; j++)
			sum += areas[j].effects[i];
		print_message("# %s: %lu times or pages\n", effects[i], sum);
	}
	assert_true(checked > overtaken);
	assert_true(steps >= AREAS);
	munmap(areas, AREAS * sizeof(*areas));
	munmap(base, AREAS * PAGES * PAGE);
}

VW_TEST(scans_are_exact_while_page_tables_change)
{
	static void (*const calls[])(void) = { scan_random_range };

	run_with_busy_target(calls, COUNT(calls));
}

VW_TEST(pagemap_entries_are_exact_while_page_tables_change)
{
	static void (*const calls[])(void) = { scan_random_pagemap };

	run_with_busy_target(calls, COUNT(calls));
}

VW_TEST(single_addresses_are_exact_while_page_tables_change)
{
	static void (*const calls[])(void) = {
		translate_random_addresses, walk_random_addresses, get_random_pfns,
	};

	run_with_busy_target(calls, COUNT(calls));
}

VW_TEST(all_calls_are_exact_while_page_tables_change)
{
	static void (*const calls[])(void) = {
		scan_random_range, translate_random_addresses, walk_random_addresses,
		get_random_pfns,
	};

	run_with_busy_target(calls, COUNT(calls));
}

/* --- Targets that exec or exit -------------------------------------------- */

/*
 * A file with locked pages, so that its PFNs don't change. Targets map its
 * pages at POOL_AT, each at the address of its offset.
 */
#define POOL_PAGES	128UL
#define POOL_HALF	(POOL_PAGES / 2)
#define POOL_AT		0x10000000000UL

struct pool {
	int file;
	__u64 pfn[POOL_PAGES];
};

static struct pool make_pool(void)
{
	struct pool pool = { .file = memfd_create("vmwalk_test", 0) };
	char *at;

	assert_true(pool.file >= 0 && !ftruncate(pool.file, POOL_PAGES * PAGE));
	at = vw_map(pool.file, POOL_PAGES * PAGE, 0, RW, MAP_SHARED);
	vw_ok(vw_sys(mlock(at, POOL_PAGES * PAGE)));
	for (size_t i = 0; i < POOL_PAGES; i++) {
		vw_poke(at + i * PAGE, i);
		pool.pfn[i] = vw_pfn(at + i * PAGE);
		assert_true(pool.pfn[i]);
	}
	return pool;
}

/* SCAN: count the pages found in each half. Returns 0 or a negative errno. */
static int scan_pool(const struct pool *pool, size_t found[2])
{
	struct vmwalk_extent vec[POOL_PAGES];
	struct vmwalk_scan scan = vw_scan_args(POOL_AT, POOL_AT + POOL_PAGES * PAGE);
	int count;

	scan.vec = (uintptr_t)vec;
	scan.vec_len = COUNT(vec);
	count = vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
	found[0] = 0;
	found[1] = 0;
	for (int i = 0; i < count; i++) {
		for (__u64 j = 0; j < vec[i].pages; j++) {
			size_t page = (vec[i].start - POOL_AT) / PAGE + j;

			assert_true(page < POOL_PAGES);
			vw_expect(vec[i].pfn + j, pool->pfn[page]);
			found[page / POOL_HALF]++;
		}
	}
	return count < 0 ? count : 0;
}

/* The same with TRANSLATE, with addresses of both halves in turn. */
static int translate_pool(const struct pool *pool, size_t found[2])
{
	struct vmwalk_translation vec[POOL_PAGES];
	int rc;

	memset(vec, 0, sizeof(vec));
	for (size_t i = 0; i < POOL_PAGES; i++)
		vec[i].addr = POOL_AT + (i % 2 * POOL_HALF + i / 2) * PAGE;
	rc = vw_translate(fd, vec, COUNT(vec));
	found[0] = 0;
	found[1] = 0;
	for (size_t i = 0; !rc && i < POOL_PAGES; i++) {
		if (!(vec[i].state & VMWALK_PRESENT))
			continue;
		vw_expect(vec[i].phys / PAGE, pool->pfn[(vec[i].addr - POOL_AT) / PAGE]);
		found[i % 2]++;
	}
	return rc;
}

/* The same with GET_PFN, whose calls may see different mms. */
static int get_pfns_of_pool(const struct pool *pool, size_t found[2])
{
	found[0] = 0;
	found[1] = 0;
	for (size_t i = 0; i < POOL_PAGES; i += 7) {
		long long pfn = vw_sys(ioctl(fd, VMWALK_IOC_GET_PFN, POOL_AT / PAGE + i));

		if (pfn == -ENOENT)
			continue;
		if (pfn < 0)
			return pfn;
		vw_expect(pfn, pool->pfn[i]);
		found[i / POOL_HALF]++;
	}
	return 0;
}

/* Leave the first CPU to the test. */
static void leave_first_cpu(void)
{
	cpu_set_t set;

	vw_check(!sched_getaffinity(0, sizeof(set), &set));
	if (CPU_COUNT(&set) > 1) {
		CPU_CLR(0, &set);
		vw_check(!sched_setaffinity(0, sizeof(set), &set));
	}
}

#define AGAIN	"again"

/*
 * A target that executes itself repeatedly. Each program maps the half of the
 * pool that the previous one did not map.
 */
static int exec_again(int file, unsigned int program)
{
	char number[16], descriptor[16];
	size_t half = program % 2 * POOL_HALF * PAGE;

	vw_check(mmap((void *)(POOL_AT + half), POOL_HALF * PAGE, PROT_READ,
		      MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, file, half) != MAP_FAILED);
	usleep(program % 7 * 300);
	snprintf(descriptor, sizeof(descriptor), "%d", file);
	snprintf(number, sizeof(number), "%u", program + 1);
	execl("/proc/self/exe", "test_stress", AGAIN, descriptor, number, NULL);
	return 1;
}

static int start_exec_loop(void *arg)
{
	leave_first_cpu();
	return exec_again(*(int *)arg, 0);
}

VW_TEST(a_call_during_exec_never_mixes_two_mms)
{
	unsigned long seen[2] = { 0 }, gone = 0;
	__u64 limit = vw_now() + 6 * SECOND;
	size_t found[2], single[2];
	struct vw_child child;
	struct pool pool;
	int rc;

	pool = make_pool();
	fd = vw_open_rw(vw_make("t", "size", vw_pages_text(1), NULL));
	child = vw_fork(start_exec_loop, &pool.file);
	vw_set_target(child.pid);
	/* Continue, up to a limit, until both programs were seen. */
	for (unsigned int i = 0; vw_now() < limit ||
	     (!(seen[0] && seen[1]) && vw_now() < limit + 60 * SECOND); i++) {
		rc = i % 2 ? scan_pool(&pool, found) : translate_pool(&pool, found);
		if (rc)
			vw_expect(rc, -ESRCH);
		if (rc) {
			gone++;
			continue;
		}
		rc = get_pfns_of_pool(&pool, single);
		if (rc)
			vw_expect(rc, -ESRCH);
		if (found[0] && found[1])
			vw_fail("%zu pages of one mm and %zu of another", found[0], found[1]);
		seen[0] += !!found[0];
		seen[1] += !!found[1];
	}
	/* The target must still run. */
	vw_expect(vw_sys(waitpid(child.pid, NULL, WNOHANG)), 0);
	vw_kill(&child);
	print_message("# %lu calls saw one program, %lu the other, %lu failed with ESRCH\n",
		      seen[0], seen[1], gone);
	assert_true(seen[0] && seen[1]);
	close(pool.file);
}

enum { EXIT, EXEC, KILL, ENDS };

struct ending {
	const struct pool *pool;
	int end;
	unsigned int delay;
};

static int map_pool_and_end(void *arg)
{
	const struct ending *ending = arg;
	char *at;

	leave_first_cpu();
	vw_check(mmap((void *)POOL_AT, POOL_PAGES * PAGE, PROT_READ,
		      MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, ending->pool->file, 0) !=
		 MAP_FAILED);
	/* More memory for exit to unmap. */
	at = mmap(NULL, 4 * MIB, RW, ANON | MAP_POPULATE, -1, 0);
	vw_check(at != MAP_FAILED);
	vw_sync(0);
	usleep(ending->delay);
	if (ending->end == EXEC)
		execl("/bin/true", "true", NULL);
	while (ending->end == KILL)
		pause();
	return 0;
}

static bool has_ended(const struct vw_child *child)
{
	siginfo_t info = { .si_pid = 0 };

	return !waitid(P_PID, child->pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

/* Walk a target until it ends. Returns the calls that found a part of it. */
static unsigned int walk_until_it_ends(struct ending *ending)
{
	struct vw_child child = vw_fork(map_pool_and_end, ending);
	__u64 limit = vw_now() + 30 * SECOND;
	struct vmwalk_walk walk;
	unsigned int parts = 0;
	size_t found[2];
	int rc;

	vw_hear(&child);
	vw_set_target(child.pid);
	vw_ok(scan_pool(ending->pool, found));
	vw_expect(found[0] + found[1], POOL_PAGES);
	vw_ok(translate_pool(ending->pool, found));
	vw_expect(found[0] + found[1], POOL_PAGES);
	vw_tell(&child, 0);
	for (unsigned int i = 0;; i++) {
		if (ending->end == KILL && i == ending->delay / 100)
			kill(child.pid, SIGKILL);
		rc = i % 2 ? translate_pool(ending->pool, found) : scan_pool(ending->pool, found);
		parts += found[0] + found[1] && found[0] + found[1] < POOL_PAGES;
		if (!rc)
			rc = get_pfns_of_pool(ending->pool, found);
		if (rc)
			vw_expect(rc, -ESRCH);
		/* A call during exec may fail with ESRCH; the next does not. */
		if (rc && has_ended(&child))
			break;
		if (vw_now() > limit)
			vw_fail("the target does not exit");
	}
	/* All calls must fail from now on. */
	vw_expect(scan_pool(ending->pool, found), -ESRCH);
	vw_expect(translate_pool(ending->pool, found), -ESRCH);
	vw_expect(vw_walk(fd, POOL_AT, &walk), -ESRCH);
	vw_expect(vw_sys(ioctl(fd, VMWALK_IOC_GET_PFN, POOL_AT / PAGE)), -ESRCH);
	vw_expect(vw_join(&child), ending->end == KILL ? -SIGKILL : 0);
	return parts;
}

VW_TEST(an_ending_target_is_walked_exactly)
{
	__u64 limit = vw_now() + 6 * SECOND;
	unsigned int rounds = 0, parts = 0;
	struct ending ending;
	struct pool pool;

	pool = make_pool();
	ending.pool = &pool;
	seed = 4;
	fd = vw_open_rw(vw_make("t", "size", vw_pages_text(1), NULL));
	for (; rounds < ENDS || (rounds < 200 && vw_now() < limit); rounds++) {
		ending.end = rounds % ENDS;
		ending.delay = vw_random(&seed) % 3000;
		parts += walk_until_it_ends(&ending);
	}
	print_message("# %u targets ended, %u calls saw one in part\n", rounds, parts);
	close(pool.file);
}

/* Run the tests, or the program of the target that executes itself. */
int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], AGAIN))
		return exec_again(atoi(argv[2]), atoi(argv[3]));
	return vw_main(argc, argv);
}
