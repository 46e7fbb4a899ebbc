// SPDX-License-Identifier: GPL-2.0
/*
 * Walks beside a target that, on another processor, does all at once what changes page tables. What
 * a walk promises is checked exactly, call by call:
 *
 *   every frame that is told was mapped there at some instant during the call;
 *   nothing that was mapped throughout the call is missed;
 *   nothing is told twice.
 *
 * Copyright (C) The vmwalk authors
 *
 * How that can be known: the target's memory is made of areas, each with a thread of its own that
 * changes it in steps, chosen at random. After each step the thread notes the frames of its area
 * from pagemap, and the numbers of steps begun and ended tell the test which steps a call may have
 * met. So a page may be told with a frame of one of those moments, and must be told if it was
 * mapped in all of them. A step is small enough that no page has a frame in the middle of it that
 * it has neither before nor after.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"

/* Pages of an area, and of a huge page. */
#define PAGES		1024UL
#define HUGE		512UL

/* Steps that are remembered. A call that is overtaken by more is not judged. */
#define STEPS		512

#define SWAPPED		0xffffffffU

enum { STILL, ANONYMOUS, SHARED, DEVICE, HUGETLB, AREAS };

/* What a step may do to a page for a moment, whatever it is like before and after. */
#define VANISHES	1U		/* its entry may be empty */
#define MOVES		2U		/* it may be on the move */

enum { COLLAPSED, MOVED, SWAPPED_OUT, MIGRATED, PUNCHED, FORKED, FEATS };

static const char * const feats[] = {
	"collapsed", "moved by mremap", "swapped out", "migrated", "punched out", "forked",
};

/* Shared by the target, which writes it, and the test. */
struct area {
	__u64 begun;
	__u64 ended;
	/* What the steps may do for a moment, and the frames after each; of step n at n % STEPS. */
	__u8 transient[STEPS];
	__u32 frames[STEPS][PAGES];
	unsigned long feats[FEATS];
};

static struct area *areas;
static char *base;			/* where the first area is in the target */
static int fd;
static __u64 zero_pfn;

/* --- The target ------------------------------------------------------------------------------- */

#define HOLE		0xff

struct actor {
	int kind;
	struct area *area;
	char *at;
	size_t grain;			/* pages that only come together */
	int file;			/* what is mapped, -1 for none */
	int flags;			/* of mmap() */
	int pagemap;
	__u64 seed;
	unsigned char prot[PAGES];	/* or HOLE */
};

static void note_frames(struct actor *actor, __u32 *frames)
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

	note_frames(actor, area->frames[area->begun % STEPS]);
	__atomic_store_n(&area->ended, area->begun, __ATOMIC_SEQ_CST);
}

static void *page_at(const struct actor *actor, size_t page)
{
	return actor->at + page * PAGE;
}

/*
 * Keeps fork() out of steps that write. A page that a fault has just made is shared with a child
 * that is forked before the thread has written to it; then the thread faults again, and the page
 * would have a third frame in one step.
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
	/* One step would swap a page in and then copy it, if a child has it, too. */
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
		/* It may have made room before it failed. */
		unmap(actor, to, count);
	} else {
		memcpy(actor->prot + to, actor->prot + first, count);
		if (!(flags & MREMAP_DONTUNMAP))
			memset(actor->prot + first, HOLE, count);
		actor->area->feats[MOVED]++;
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
	/* Of a file the small pages are unmapped first. */
	begin(actor, actor->kind == SHARED ? VANISHES | MOVES : MOVES);
	madvise(at, PMD_SIZE, MADV_HUGEPAGE);
	if (!madvise(at, PMD_SIZE, MADV_COLLAPSE))
		actor->area->feats[COLLAPSED]++;
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

	/* A huge page may be split first, and its pages move for that. */
	begin(actor, MOVES);
	madvise(page_at(actor, first), count * PAGE, MADV_PAGEOUT);
	end(actor);
	frames = actor->area->frames[actor->area->begun % STEPS];
	for (size_t i = first; i < first + count; i++)
		actor->area->feats[SWAPPED_OUT] += frames[i] == SWAPPED;
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
		actor->area->feats[MIGRATED] += status[i] == node;
}

static void do_punch(struct actor *actor, size_t first, size_t count)
{
	begin(actor, VANISHES | MOVES);
	if (!fallocate(actor->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first * PAGE,
		       count * PAGE))
		actor->area->feats[PUNCHED]++;
	end(actor);
}

static const struct {
	void (*step)(struct actor *actor, size_t first, size_t count);
	unsigned int kinds;		/* of areas that can do it */
	unsigned int weight;
} things_to_do[] = {
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

static void do_something(struct actor *actor)
{
	size_t first = vw_random(&actor->seed) % PAGES;
	size_t count = vw_random(&actor->seed) % 48 + 1;
	unsigned int sum = 0, pick;

	/* Now and then what whole page tables hang from. */
	if (actor->grain == HUGE || vw_random(&actor->seed) % 8 == 0) {
		first = first / HUGE * HUGE;
		count = HUGE;
	}
	if (count > PAGES - first)
		count = PAGES - first;
	for (size_t i = 0; i < COUNT(things_to_do); i++)
		sum += things_to_do[i].kinds & 1U << actor->kind ? things_to_do[i].weight : 0;
	pick = vw_random(&actor->seed) % sum;
	for (size_t i = 0; i < COUNT(things_to_do); i++) {
		unsigned int weight = things_to_do[i].weight;

		if (!(things_to_do[i].kinds & 1U << actor->kind))
			continue;
		if (pick < weight) {
			things_to_do[i].step(actor, first, count);
			return;
		}
		pick -= weight;
	}
}

static void *act(void *arg)
{
	for (;;)
		do_something(arg);
	return NULL;
}

static void *fork_on_and_on(void *arg)
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
		areas[STILL].feats[FORKED]++;
		usleep(2000);
	}
	return arg;
}

static int be_busy(void *arg)
{
	static struct actor actors[AREAS];
	pthread_rwlockattr_t attr;
	pthread_t thread;
	int memfd, device;

	/* Who writes there forks, and shall get its turn. */
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
		note_frames(actor, areas[i].frames[0]);
	}
	for (int i = 0; i < AREAS; i++) {
		if (i == STILL)
			continue;
		if (actors[i].prot[0] == HOLE)
			printf("# no memory for area %d\n", i);
		else
			vw_check(!pthread_create(&thread, NULL, act, &actors[i]));
	}
	vw_check(!pthread_create(&thread, NULL, fork_on_and_on, NULL));
	vw_say(0);
	for (;;)
		pause();
	return 0;
}

/* --- What a call met -------------------------------------------------------------------------- */

struct window {
	__u64 first[AREAS];
	__u64 last[AREAS];
};

static unsigned long judged, overtaken;

static void open_window(struct window *window)
{
	for (int i = 0; i < AREAS; i++)
		window->first[i] = __atomic_load_n(&areas[i].ended, __ATOMIC_SEQ_CST);
}

/* Steps that were under way have to end, so that what they did is known. */
static void close_window(struct window *window)
{
	__u64 limit = vw_now() + 60 * SECOND;

	for (int i = 0; i < AREAS; i++)
		window->last[i] = __atomic_load_n(&areas[i].begun, __ATOMIC_SEQ_CST);
	for (int i = 0; i < AREAS; i++) {
		while (__atomic_load_n(&areas[i].ended, __ATOMIC_SEQ_CST) < window->last[i]) {
			if (vw_now() > limit)
				vw_fail("the target does not go on");
			usleep(50);
		}
	}
}

/* Whether what is remembered of an area still begins where the window does. */
static bool is_remembered(const struct window *window, int area)
{
	return __atomic_load_n(&areas[area].begun, __ATOMIC_SEQ_CST) <
	       window->first[area] + STEPS;
}

/* What a page of an area was like in a window. */
struct past {
	bool had_frame;			/* the one that is asked for */
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
	/* A huge page of zeroes that is written to becomes many small ones first. */
	if (pfn == zero_pfn && window->last[area] > window->first[area])
		past.had_frame = true;
	return past;
}

/* What is wrong with the state and frame that were told of a page, or NULL. No state: not told. */
static const char *judge_state(const struct past *past, __u64 pfn, __u32 state)
{
	if (state & VMWALK_PRESENT) {
		if (state & (VMWALK_SWAP | VMWALK_MIGRATION))
			return "present and absent at once";
		return past->had_frame ? NULL : "a frame that was never there";
	}
	if (pfn)
		return "absent, with a frame";
	if (state & VMWALK_MIGRATION)
		return past->present && past->transient & MOVES ? NULL : "moving, and it was not";
	if (state & VMWALK_SWAP)
		return past->swapped ? NULL : "swapped out, and it never was";
	return past->empty || past->transient & VANISHES ? NULL : "missed, and it was there";
}

static void judge_page(const struct window *window, const char *call, size_t index, __u64 pfn,
		       __u32 state)
{
	int area = index / PAGES;
	struct past past = look_back(window, area, index % PAGES, pfn);
	const char *wrong = judge_state(&past, pfn, state);

	if (!wrong || !is_remembered(window, area))
		return;
	print_message("# steps %llu to %llu, pfn 0x%x to 0x%x\n", window->first[area],
		      window->last[area],
		      areas[area].frames[window->first[area] % STEPS][index % PAGES],
		      areas[area].frames[window->last[area] % STEPS][index % PAGES]);
	vw_fail("%s: area %d, page %zu, pfn 0x%llx, state 0x%x: %s", call, area, index % PAGES,
		pfn, state, wrong);
}

/* Counts a call as judged if what it met is still remembered. */
static bool can_judge(const struct window *window)
{
	for (int i = 0; i < AREAS; i++) {
		if (!is_remembered(window, i)) {
			overtaken++;
			return false;
		}
	}
	judged++;
	return true;
}

static void judge_scan(const struct window *window, const struct vmwalk_scan *scan,
		       const struct vmwalk_extent *extent, int count)
{
	static __u32 states[AREAS * PAGES];
	static __u64 pfns[AREAS * PAGES];
	__u64 at = scan->start;

	memset(states, 0, sizeof(states));
	memset(pfns, 0, sizeof(pfns));
	for (int i = 0; i < count; i++, extent++) {
		if (extent->start < at || !extent->pages)
			vw_fail("the extent at 0x%llx begins before the end of the last, 0x%llx",
				extent->start, at);
		at = extent->start + extent->pages * PAGE;
		if (at > scan->walk_end)
			vw_fail("the extent at 0x%llx ends beyond the walk", extent->start);
		for (__u64 j = 0; j < extent->pages; j++) {
			__u64 index = (extent->start - (uintptr_t)base) / PAGE + j;

			if (extent->start + j * PAGE < (uintptr_t)base || index >= AREAS * PAGES)
				continue;
			states[index] = extent->flags;
			pfns[index] = extent->pfn ? extent->pfn + j : 0;
			if (!extent->flags)
				vw_fail("the extent at 0x%llx has no state", extent->start);
		}
	}
	if (!can_judge(window))
		return;
	for (size_t i = 0; i < AREAS * PAGES; i++) {
		at = (uintptr_t)base + i * PAGE;
		if (at >= scan->start && at < scan->walk_end)
			judge_page(window, "scan", i, pfns[i], states[i]);
	}
}

/* --- The calls -------------------------------------------------------------------------------- */

#define BUFFER_SIZE	MIB
#define ROOM		(BUFFER_SIZE / sizeof(struct vmwalk_extent))

static struct vmwalk_extent *buffer;
static __u64 seed;

/* One pass over a range, in as many calls as it takes, each judged by what it met. */
static void pass(__u64 start, __u64 end, size_t room, bool to_buffer)
{
	static struct vmwalk_extent vec[ROOM];
	struct vmwalk_scan scan = vw_scan_args(start, end);
	struct window window;
	int count;

	scan.flags = to_buffer ? VMWALK_SCAN_TO_BUFFER : 0;
	scan.vec = to_buffer ? 0 : (uintptr_t)vec;
	scan.vec_len = room;
	do {
		open_window(&window);
		count = vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
		close_window(&window);
		if (count < 0)
			vw_fail("scan: %s", strerror(-count));
		judge_scan(&window, &scan, to_buffer ? buffer : vec, count);
		if (scan.walk_end <= scan.start)
			vw_fail("a scan stays at 0x%llx", scan.start);
		scan.start = scan.walk_end;
	} while (scan.start < scan.end);
}

static void scan_somehow(void)
{
	static const size_t rooms[] = { ROOM, ROOM / 4, 211 };
	size_t room = rooms[vw_random(&seed) % COUNT(rooms)];
	bool to_buffer = vw_random(&seed) % 2;
	__u64 start, end;

	if (vw_random(&seed) % 4) {
		pass(0, vw_user_end(), room, to_buffer);
		return;
	}
	/* Or a part, which may begin and end inside of a huge page. */
	start = (uintptr_t)base + vw_random(&seed) % (AREAS * PAGES - 1) * PAGE;
	end = start + (vw_random(&seed) % PAGES + 1) * PAGE;
	pass(start, end, room, to_buffer);
}

static void translate_somehow(void)
{
	static struct vmwalk_translation vec[2048];
	size_t count = vw_random(&seed) % COUNT(vec) + 1;
	struct window window;

	for (size_t i = 0; i < count; i++)
		vec[i].addr = (uintptr_t)base + vw_random(&seed) % (AREAS * PAGES * PAGE);
	open_window(&window);
	vw_ok(vw_translate(fd, vec, count));
	close_window(&window);
	if (!can_judge(&window))
		return;
	for (size_t i = 0; i < count; i++) {
		__u64 offset = vec[i].addr - (uintptr_t)base;

		if (vec[i].phys && vec[i].phys % PAGE != offset % PAGE)
			vw_fail("0x%llx is at 0x%llx", vec[i].addr, vec[i].phys);
		judge_page(&window, "translate", offset / PAGE, vec[i].phys / PAGE, vec[i].state);
	}
}

/* Calls for one address are short, so many share a window. */
static void walk_around(void)
{
	static struct vmwalk_walk walks[64];
	struct window window;

	open_window(&window);
	for (size_t i = 0; i < COUNT(walks); i++)
		vw_ok(vw_walk(fd, (uintptr_t)base + vw_random(&seed) % (AREAS * PAGES) * PAGE,
			      &walks[i]));
	close_window(&window);
	if (!can_judge(&window))
		return;
	for (size_t i = 0; i < COUNT(walks); i++) {
		assert_int_equal(walks[i].stop == VMWALK_STOP_PAGE,
				 !!(walks[i].state & VMWALK_PRESENT));
		judge_page(&window, "walk", (walks[i].addr - (uintptr_t)base) / PAGE, walks[i].pfn,
			   walks[i].state);
	}
}

static void judge_get_pfn(const struct window *window, size_t index, long long pfn)
{
	int area = index / PAGES;
	struct past past;

	if (pfn >= 0) {
		judge_page(window, "GET_PFN", index, pfn, VMWALK_PRESENT);
		return;
	}
	vw_expect(pfn, -ENOENT);
	past = look_back(window, area, index % PAGES, 0);
	if (!past.empty && !past.swapped && !past.transient && is_remembered(window, area))
		vw_fail("GET_PFN: area %d, page %zu is missed", area, index % PAGES);
}

static void get_pfns_around(void)
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
	if (!can_judge(&window))
		return;
	for (size_t i = 0; i < COUNT(pfns); i++)
		judge_get_pfn(&window, indices[i], pfns[i]);
}

/* Starts a busy target, calls the functions in turn for some seconds, and says what was met. */
static void beside_everything(void (*const *calls)(void), size_t count)
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
	judged = 0;
	overtaken = 0;
	seed = 3;
	child = vw_fork(be_busy, &n);
	vw_hear(&child);
	vw_set_target(child.pid);
	start = vw_now();
	/* A slow machine gets more time to meet a little, but not for ever. */
	while (vw_now() - start < 6 * SECOND || (judged < 12 && vw_now() - start < 20 * SECOND)) {
		for (size_t i = 0; i < count; i++)
			calls[i]();
	}
	vw_kill(&child);
	for (int i = 0; i < AREAS; i++)
		steps += areas[i].ended;
	print_message("# %lu windows judged and %lu overtaken, beside %llu steps\n", judged,
		      overtaken, steps);
	for (size_t i = 0; i < FEATS; i++) {
		sum = 0;
		for (int j = 0; j < AREAS; j++)
			sum += areas[j].feats[i];
		print_message("# %lu times or pages %s\n", sum, feats[i]);
	}
	assert_true(judged > overtaken);
	assert_true(steps >= AREAS);
	munmap(areas, AREAS * sizeof(*areas));
	munmap(base, AREAS * PAGES * PAGE);
}

VW_TEST(scans_tell_what_was_there_and_miss_nothing_that_stayed)
{
	static void (*const calls[])(void) = { scan_somehow };

	beside_everything(calls, COUNT(calls));
}

VW_TEST(single_addresses_are_told_as_they_were)
{
	static void (*const calls[])(void) = {
		translate_somehow, walk_around, get_pfns_around,
	};

	beside_everything(calls, COUNT(calls));
}

VW_TEST(all_calls_at_once_tell_what_was_there)
{
	static void (*const calls[])(void) = {
		scan_somehow, translate_somehow, walk_around, get_pfns_around,
	};

	beside_everything(calls, COUNT(calls));
}

/* --- Targets that leave their memory for good ------------------------------------------------- */

/*
 * A file whose frames are known and stay where they are, since the test has it locked. Targets map
 * its pages at POOL_AT, each page of the file at its own place.
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

/* Pages of each half that a scan tells, all of them with the pool's frames; or a negative errno. */
static int scan_pool(const struct pool *pool, size_t told[2])
{
	struct vmwalk_extent vec[POOL_PAGES];
	struct vmwalk_scan scan = vw_scan_args(POOL_AT, POOL_AT + POOL_PAGES * PAGE);
	int count;

	scan.vec = (uintptr_t)vec;
	scan.vec_len = COUNT(vec);
	count = vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
	told[0] = 0;
	told[1] = 0;
	for (int i = 0; i < count; i++) {
		for (__u64 j = 0; j < vec[i].pages; j++) {
			size_t page = (vec[i].start - POOL_AT) / PAGE + j;

			assert_true(page < POOL_PAGES);
			vw_expect(vec[i].pfn + j, pool->pfn[page]);
			told[page / POOL_HALF]++;
		}
	}
	return count < 0 ? count : 0;
}

/* The same by TRANSLATE, one half's pages and the other's in turn. */
static int translate_pool(const struct pool *pool, size_t told[2])
{
	struct vmwalk_translation vec[POOL_PAGES];
	int rc;

	memset(vec, 0, sizeof(vec));
	for (size_t i = 0; i < POOL_PAGES; i++)
		vec[i].addr = POOL_AT + (i % 2 * POOL_HALF + i / 2) * PAGE;
	rc = vw_translate(fd, vec, COUNT(vec));
	told[0] = 0;
	told[1] = 0;
	for (size_t i = 0; !rc && i < POOL_PAGES; i++) {
		if (!(vec[i].state & VMWALK_PRESENT))
			continue;
		vw_expect(vec[i].phys / PAGE, pool->pfn[(vec[i].addr - POOL_AT) / PAGE]);
		told[i % 2]++;
	}
	return rc;
}

/* And by GET_PFN, a page of the one and a page of the other, which need not agree. */
static int get_pfns_of_pool(const struct pool *pool, size_t told[2])
{
	told[0] = 0;
	told[1] = 0;
	for (size_t i = 0; i < POOL_PAGES; i += 7) {
		long long pfn = vw_sys(ioctl(fd, VMWALK_IOC_GET_PFN, POOL_AT / PAGE + i));

		if (pfn == -ENOENT)
			continue;
		if (pfn < 0)
			return pfn;
		vw_expect(pfn, pool->pfn[i]);
		told[i / POOL_HALF]++;
	}
	return 0;
}

/* Leaves the first processor to the test. */
static void run_elsewhere(void)
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
 * One life of a target that executes itself over and over: each maps the half of the pool that its
 * predecessor hadn't.
 */
static int live_again(int file, unsigned int life)
{
	char number[16], descriptor[16];
	size_t half = life % 2 * POOL_HALF * PAGE;

	vw_check(mmap((void *)(POOL_AT + half), POOL_HALF * PAGE, PROT_READ,
		      MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, file, half) != MAP_FAILED);
	usleep(life % 7 * 300);
	snprintf(descriptor, sizeof(descriptor), "%d", file);
	snprintf(number, sizeof(number), "%u", life + 1);
	execl("/proc/self/exe", "test_stress", AGAIN, descriptor, number, NULL);
	return 1;
}

static int begin_to_live(void *arg)
{
	run_elsewhere();
	return live_again(*(int *)arg, 0);
}

VW_TEST(a_call_that_meets_exec_never_mixes_two_memories)
{
	unsigned long seen[2] = { 0 }, gone = 0;
	__u64 limit = vw_now() + 6 * SECOND;
	size_t told[2], single[2];
	struct vw_child child;
	struct pool pool;
	int rc;

	pool = make_pool();
	fd = vw_open_rw(vw_make("t", "size", "4K", NULL));
	child = vw_fork(begin_to_live, &pool.file);
	vw_set_target(child.pid);
	/* As long as it takes, in reason, to meet both. */
	for (unsigned int i = 0; vw_now() < limit ||
	     (!(seen[0] && seen[1]) && vw_now() < limit + 60 * SECOND); i++) {
		rc = i % 2 ? scan_pool(&pool, told) : translate_pool(&pool, told);
		if (rc)
			vw_expect(rc, -ESRCH);
		if (rc) {
			gone++;
			continue;
		}
		rc = get_pfns_of_pool(&pool, single);
		if (rc)
			vw_expect(rc, -ESRCH);
		if (told[0] && told[1])
			vw_fail("%zu pages of one memory and %zu of another", told[0], told[1]);
		seen[0] += !!told[0];
		seen[1] += !!told[1];
	}
	/* It must have lived all the time. */
	vw_expect(vw_sys(waitpid(child.pid, NULL, WNOHANG)), 0);
	vw_kill(&child);
	print_message("# %lu calls met one life, %lu another, %lu the end of one\n", seen[0],
		      seen[1], gone);
	assert_true(seen[0] && seen[1]);
	close(pool.file);
}

enum { EXIT, EXEC, KILL, ENDS };

struct short_life {
	const struct pool *pool;
	int end;
	unsigned int delay;
};

static int live_shortly(void *arg)
{
	const struct short_life *life = arg;
	char *at;

	run_elsewhere();
	vw_check(mmap((void *)POOL_AT, POOL_PAGES * PAGE, PROT_READ,
		      MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, life->pool->file, 0) !=
		 MAP_FAILED);
	/* More that has to be taken away. */
	at = mmap(NULL, 4 * MIB, RW, ANON | MAP_POPULATE, -1, 0);
	vw_check(at != MAP_FAILED);
	vw_sync(0);
	usleep(life->delay);
	if (life->end == EXEC)
		execl("/bin/true", "true", NULL);
	while (life->end == KILL)
		pause();
	return 0;
}

static bool has_ended(const struct vw_child *child)
{
	siginfo_t info = { .si_pid = 0 };

	return !waitid(P_PID, child->pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

/* Watches one target to its end: how many calls told only a part of its pages. */
static unsigned int watch_to_the_end(struct short_life *life)
{
	struct vw_child child = vw_fork(live_shortly, life);
	__u64 limit = vw_now() + 30 * SECOND;
	struct vmwalk_walk walk;
	unsigned int parts = 0;
	size_t told[2];
	int rc;

	vw_hear(&child);
	vw_set_target(child.pid);
	vw_ok(scan_pool(life->pool, told));
	vw_expect(told[0] + told[1], POOL_PAGES);
	vw_ok(translate_pool(life->pool, told));
	vw_expect(told[0] + told[1], POOL_PAGES);
	vw_tell(&child, 0);
	for (unsigned int i = 0;; i++) {
		if (life->end == KILL && i == life->delay / 100)
			kill(child.pid, SIGKILL);
		rc = i % 2 ? translate_pool(life->pool, told) : scan_pool(life->pool, told);
		parts += told[0] + told[1] && told[0] + told[1] < POOL_PAGES;
		if (!rc)
			rc = get_pfns_of_pool(life->pool, told);
		if (rc)
			vw_expect(rc, -ESRCH);
		/* A call that meets exec gives ESRCH, too, and the next one doesn't. */
		if (rc && has_ended(&child))
			break;
		if (vw_now() > limit)
			vw_fail("the target does not end");
	}
	/* Once it is gone it is gone for every call. */
	vw_expect(scan_pool(life->pool, told), -ESRCH);
	vw_expect(translate_pool(life->pool, told), -ESRCH);
	vw_expect(vw_walk(fd, POOL_AT, &walk), -ESRCH);
	vw_expect(vw_sys(ioctl(fd, VMWALK_IOC_GET_PFN, POOL_AT / PAGE)), -ESRCH);
	vw_expect(vw_join(&child), life->end == KILL ? -SIGKILL : 0);
	return parts;
}

VW_TEST(a_target_is_told_as_it_was_until_its_end)
{
	__u64 limit = vw_now() + 6 * SECOND;
	unsigned int rounds = 0, parts = 0;
	struct short_life life;
	struct pool pool;

	pool = make_pool();
	life.pool = &pool;
	seed = 4;
	fd = vw_open_rw(vw_make("t", "size", "4K", NULL));
	for (; rounds < ENDS || (rounds < 200 && vw_now() < limit); rounds++) {
		life.end = rounds % ENDS;
		life.delay = vw_random(&seed) % 3000;
		parts += watch_to_the_end(&life);
	}
	print_message("# %u targets ended, and %u calls met one on its way\n", rounds, parts);
	close(pool.file);
}

/* Runs the tests, or one life of a target that executes itself. */
int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], AGAIN))
		return live_again(atoi(argv[2]), atoi(argv[3]));
	return vw_main(argc, argv);
}
