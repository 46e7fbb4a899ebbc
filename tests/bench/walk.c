// SPDX-License-Identifier: GPL-2.0
/*
 * Reading page tables: scans, single addresses, random addresses, growth with
 * the size of the range, and the latency that the target sees. Results are
 * compared with those of the kernel before anything is measured.
 *
 * Copyright (C) The vmwalk authors
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "vmwalk.h"

#define GIB		(1024 * BENCH_MIB)
/* Pages of a large range: 256 MiB. */
#define PAGES		65536UL
/* From these sizes on, run anchors less often, or not at all. */
#define SLOW_PAGES	(4 * GIB / BENCH_PAGE)
#define MOST_PAGES	(64 * GIB / BENCH_PAGE)

/* --- Scans ------------------------------------------------------------ */

/*
 * Returns vmwalk's side. @smallest, if not NULL, is another anchor: vmwalk's
 * side for a smaller range.
 */
static struct bench_side compare_scan(const struct bench_row *row, struct bench_range *range,
				      const struct bench_side *smallest)
{
	const __u64 pages = (range->end - range->start) / BENCH_PAGE;
	struct bench_side sides[3] = {
		{ .name = "vmwalk", .run = bench_read_scan, .arg = range },
	};
	size_t count = 1;

	bench_check_range(range);
	if (pages <= MOST_PAGES)
		sides[count++] = (struct bench_side) {
			.name = "pagemap",
			.run = bench_read_pagemap,
			.arg = range,
			.slow = pages >= SLOW_PAGES,
		};
	if (bench_has_pagemap_scan(range))
		sides[count++] = (struct bench_side) {
			.name = "PAGEMAP_SCAN",
			.run = bench_read_pagemap_scan,
			.arg = range,
			.slow = range->present >= SLOW_PAGES,
		};
	bench_compare(row, sides, count);
	if (smallest)
		bench_print(row, &sides[0], smallest);
	if (pages > MOST_PAGES)
		bench_note("skipping pagemap, which takes minutes for %llu GiB",
			   pages * BENCH_PAGE / GIB);

	return sides[0];
}

/* One present page every @step bytes. */
static void compare_pages(const struct bench_row *row, size_t size, size_t step, double units,
			  bool to_buffer)
{
	struct bench_range range = bench_reserve(size, to_buffer);

	range.units = units;
	bench_populate(&range, 0, size, step);
	compare_scan(row, &range, NULL);
	bench_release(&range);
}

void bench_scan_dense(const struct bench_row *row)
{
	compare_pages(row, PAGES * BENCH_PAGE, BENCH_PAGE, PAGES, true);
}

void bench_scan_dense_copy(const struct bench_row *row)
{
	compare_pages(row, PAGES * BENCH_PAGE, BENCH_PAGE, PAGES, false);
}

static void compare_scattered(const struct bench_row *row, bool to_buffer)
{
	struct bench_range range = bench_reserve(PAGES * BENCH_PAGE, to_buffer);

	range.units = PAGES;
	bench_scatter(&range);
	compare_scan(row, &range, NULL);
	bench_release(&range);
}

void bench_scan_scattered(const struct bench_row *row)
{
	compare_scattered(row, true);
}

void bench_scan_scattered_copy(const struct bench_row *row)
{
	compare_scattered(row, false);
}

void bench_scan_alternate(const struct bench_row *row)
{
	compare_pages(row, PAGES * BENCH_PAGE, 2 * BENCH_PAGE, PAGES, true);
}

void bench_scan_alternate_copy(const struct bench_row *row)
{
	compare_pages(row, PAGES * BENCH_PAGE, 2 * BENCH_PAGE, PAGES, false);
}

void bench_scan_sparse(const struct bench_row *row)
{
	compare_pages(row, 64 * GIB, 64 * BENCH_MIB, 1, true);
}

void bench_scan_sparse_copy(const struct bench_row *row)
{
	compare_pages(row, 64 * GIB, 64 * BENCH_MIB, 1, false);
}

/* --- Entries in the format of pagemap ------------------------------------- */

static void compare_entries(const struct bench_row *row, bool scatter, bool to_buffer)
{
	struct bench_range range = bench_reserve(PAGES * BENCH_PAGE, to_buffer);
	struct bench_side sides[] = {
		{ .name = "vmwalk", .run = bench_read_scan_pagemap, .arg = &range },
		{ .name = "pagemap", .run = bench_read_pagemap, .arg = &range },
		{ .name = "extents", .run = bench_read_scan, .arg = &range },
	};

	range.units = PAGES;
	if (scatter)
		bench_scatter(&range);
	else
		bench_populate(&range, 0, PAGES * BENCH_PAGE, BENCH_PAGE);
	bench_check_pagemap(&range);
	bench_compare(row, sides, BENCH_COUNT(sides));
	bench_release(&range);
}

void bench_scan_pagemap_dense(const struct bench_row *row)
{
	compare_entries(row, false, true);
}

void bench_scan_pagemap_dense_copy(const struct bench_row *row)
{
	compare_entries(row, false, false);
}

void bench_scan_pagemap_scattered(const struct bench_row *row)
{
	compare_entries(row, true, true);
}

void bench_scan_pagemap_scattered_copy(const struct bench_row *row)
{
	compare_entries(row, true, false);
}

/* --- Scaling of scans ------------------------------------------------- */

/* A row of the benchmark that prints a line for each size of the range. */
struct series {
	size_t count;
	size_t sizes[6];	/* sizes of the range */
	bool vmas;		/* one VMA per page; print their number */
	void (*fill)(struct bench_range *range);
};

static void name_line(char name[32], const struct bench_row *row, size_t size, bool vmas)
{
	const char *unit = " kmgt";

	if (vmas) {
		snprintf(name, 32, "%s_%zu", row->name, size / BENCH_PAGE);
		return;
	}
	for (; size >= 1024; size /= 1024)
		unit++;
	snprintf(name, 32, "%s_%zu%c", row->name, size, *unit);
}

static void compare_series(const struct bench_row *row, const struct series *series)
{
	struct bench_side smallest, ours;
	char names[6][32];

	for (size_t i = 0; i < series->count; i++) {
		struct bench_range range = bench_reserve(series->sizes[i], true);
		const struct bench_row line = { .name = names[i], .unit = row->unit };

		series->fill(&range);
		name_line(names[i], row, series->sizes[i], series->vmas);
		ours = compare_scan(&line, &range, i ? &smallest : NULL);
		bench_release(&range);
		if (!i) {
			smallest = ours;
			smallest.name = names[0];
		}
	}
}

/* Pages that are all different, as many as fit into memory. */
static void touch_all(struct bench_range *range)
{
	bench_populate(range, 0, range->end - range->start, BENCH_PAGE);
	range->units = range->present;
}

void bench_scan_frames(const struct bench_row *row)
{
	const size_t available = sysconf(_SC_AVPHYS_PAGES) * BENCH_PAGE;
	struct series series = {
		.sizes = { 16 * BENCH_MIB, 256 * BENCH_MIB, GIB, 2 * GIB, 4 * GIB, 8 * GIB },
		.fill = touch_all,
	};

	/* An eighth for the extents, the page tables, and the rest. */
	while (series.count < BENCH_COUNT(series.sizes) &&
	       series.sizes[series.count] <= available / 8 * 7)
		series.count++;
	compare_series(row, &series);
	if (series.count < BENCH_COUNT(series.sizes))
		bench_note("%zu MiB of memory are free", available / BENCH_MIB);
}

void bench_scan_mapped(const struct bench_row *row)
{
	static const struct series series = {
		.count = 6,
		.sizes = { BENCH_MIB, 16 * BENCH_MIB, 256 * BENCH_MIB, GIB, 4 * GIB, 16 * GIB },
		.fill = bench_repeat,
	};

	compare_series(row, &series);
}

static void touch_one(struct bench_range *range)
{
	bench_populate(range, (range->end - range->start) / 2, BENCH_PAGE, BENCH_PAGE);
	range->units = 1;
}

void bench_scan_reserved(const struct bench_row *row)
{
	static const struct series series = {
		.count = 5,
		.sizes = { GIB, 16 * GIB, 256 * GIB, 4096 * GIB, 16384 * GIB },
		.fill = touch_one,
	};

	compare_series(row, &series);
}

/* Neighbouring pages with different protection are in different VMAs. */
static void protect_every_second(struct bench_range *range)
{
	bench_populate(range, 0, range->end - range->start, BENCH_PAGE);
	for (__u64 at = range->start + BENCH_PAGE; at < range->end; at += 2 * BENCH_PAGE)
		if (mprotect((void *)at, BENCH_PAGE, PROT_READ))
			bench_die("mprotect: %m");
	range->units = range->present;
}

void bench_scan_vmas(const struct bench_row *row)
{
	const struct series series = {
		.count = 5,
		.sizes = {
			BENCH_PAGE, 16 * BENCH_PAGE, 256 * BENCH_PAGE, 4096 * BENCH_PAGE,
			65536 * BENCH_PAGE,
		},
		.vmas = true,
		.fill = protect_every_second,
	};

	bench_write("/proc/sys/vm/max_map_count", "131072");
	compare_series(row, &series);
}

/* --- Single and random addresses -------------------------------------- */

/*
 * Calls per run: a single call is cheap compared with reading the clock.
 */
#define CALLS		1000
/* Addresses for pagemap: each takes 34,000 instructions on Linux 6.1. */
#define PREADS		4096

struct lookups {
	struct bench_range range;
	struct vmwalk_translation vec[PAGES];
};

static struct lookups lookups;

static __u64 get_pfn(__u64 addr)
{
	int pfn = ioctl(lookups.range.device, VMWALK_IOC_GET_PFN, addr / BENCH_PAGE);

	if (pfn < 0)
		bench_die("VMWALK_IOC_GET_PFN of 0x%llx: %m", addr);
	return pfn;
}

static __u64 pread_pagemap(__u64 addr)
{
	__u64 entry;

	if (pread(lookups.range.pagemap, &entry, 8, addr / BENCH_PAGE * 8) != 8)
		bench_die("reading pagemap at 0x%llx: %m", addr);
	return entry;
}

static __u64 call_nothing(__u64 addr)
{
	(void)addr;
	return syscall(SYS_getppid);
}

/* VMWALK_IOC_WALK of one address, with all levels. */
static __u64 walk_levels(__u64 addr)
{
	struct vmwalk_walk walk = { .size = sizeof(walk), .addr = addr };

	if (ioctl(lookups.range.device, VMWALK_IOC_WALK, &walk))
		bench_die("VMWALK_IOC_WALK of 0x%llx: %m", addr);
	return walk.pfn;
}

/* The cost of an ioctl that does nothing. */
static __u64 call_unknown(__u64 addr)
{
	return ioctl(lookups.range.device, _IO(VMWALK_IOC_MAGIC, 255), addr);
}

/* Repeats a call with the same address. */
static double call_one(void *arg)
{
	__u64 (*call)(__u64 addr) = arg;
	__u64 start, end;

	start = bench_now();
	for (int i = 0; i < CALLS; i++)
		call(lookups.range.start);
	end = bench_now();

	return (double)(end - start) / CALLS;
}

/* Compares a call that returns a PFN with pagemap, then measures it. */
static void compare_calls(const struct bench_row *row, const char *name, __u64 (*ours)(__u64 addr))
{
	struct bench_side sides[] = {
		{ .name = "vmwalk", .run = call_one, .arg = ours },
		{ .name = "pagemap", .run = call_one, .arg = pread_pagemap },
		{ .name = "unknown_ioctl", .run = call_one, .arg = call_unknown },
		{ .name = "getppid", .run = call_one, .arg = call_nothing },
	};
	struct bench_range *range = &lookups.range;

	*range = bench_reserve(512 * BENCH_PAGE, true);
	bench_populate(range, 0, 512 * BENCH_PAGE, BENCH_PAGE);
	for (__u64 at = range->start; at < range->end; at += BENCH_PAGE)
		if (!bench_frame(range, at) || ours(at) != bench_frame(range, at))
			bench_die("%s and pagemap differ at 0x%llx", name, at);
	bench_compare(row, sides, BENCH_COUNT(sides));
	bench_release(range);
}

void bench_walk_one(const struct bench_row *row)
{
	compare_calls(row, "VMWALK_IOC_GET_PFN", get_pfn);
}

void bench_walk_levels(const struct bench_row *row)
{
	compare_calls(row, "VMWALK_IOC_WALK", walk_levels);
}

static void translate_some(size_t count)
{
	struct vmwalk_translate args = {
		.size = sizeof(args),
		.vec = (__u64)lookups.vec,
		.vec_len = count,
	};

	if (ioctl(lookups.range.device, VMWALK_IOC_TRANSLATE, &args))
		bench_die("VMWALK_IOC_TRANSLATE: %m");
}

static double translate(void *arg)
{
	__u64 start, end;

	(void)arg;
	start = bench_now();
	translate_some(PAGES);
	end = bench_now();

	return (double)(end - start) / PAGES;
}

static double translate_by_get_pfn(void *arg)
{
	__u64 start, end;

	(void)arg;
	start = bench_now();
	for (size_t i = 0; i < PAGES; i++)
		get_pfn(lookups.vec[i].addr);
	end = bench_now();

	return (double)(end - start) / PAGES;
}

static double translate_by_pagemap(void *arg)
{
	__u64 start, end;

	(void)arg;
	start = bench_now();
	for (size_t i = 0; i < PREADS; i++)
		pread_pagemap(lookups.vec[i].addr);
	end = bench_now();

	return (double)(end - start) / PREADS;
}

/* Each page once, in an order that is random but the same in every run. */
static void shuffle_addresses(void)
{
	struct vmwalk_translation *vec = lookups.vec, other;
	__u64 random = 1;

	for (size_t i = 0; i < PAGES; i++)
		vec[i].addr = lookups.range.start + i * BENCH_PAGE + i * 8 % BENCH_PAGE;
	for (size_t i = PAGES - 1; i; i--) {
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		other = vec[i];
		vec[i] = vec[(random >> 33) % (i + 1)];
		vec[(random >> 33) % (i + 1)] = other;
	}
}

static void check_translations(size_t count)
{
	translate_some(count);
	for (size_t i = 0; i < count; i++) {
		const struct vmwalk_translation *ours = &lookups.vec[i];
		__u64 frame = bench_frame(&lookups.range, ours->addr);

		if (!frame || ours->phys != frame * BENCH_PAGE + ours->addr % BENCH_PAGE)
			bench_die("0x%llx: VMWALK_IOC_TRANSLATE returns 0x%llx, pagemap PFN 0x%llx",
				  ours->addr, ours->phys, frame);
		if (!(ours->state & VMWALK_PRESENT) || (1UL << ours->page_shift) < BENCH_PAGE)
			bench_die("0x%llx: VMWALK_IOC_TRANSLATE returns state 0x%x, page_shift %u",
				  ours->addr, ours->state, ours->page_shift);
		if (i < PREADS && get_pfn(ours->addr) != frame)
			bench_die("VMWALK_IOC_GET_PFN and pagemap differ at 0x%llx",
				  ours->addr);
	}
}

void bench_translate_random(const struct bench_row *row)
{
	struct bench_side sides[] = {
		{ .name = "vmwalk", .run = translate },
		{ .name = "get_pfn", .run = translate_by_get_pfn },
		{ .name = "pagemap", .run = translate_by_pagemap },
	};

	lookups.range = bench_reserve(PAGES * BENCH_PAGE, true);
	bench_populate(&lookups.range, 0, PAGES * BENCH_PAGE, BENCH_PAGE);
	shuffle_addresses();
	check_translations(PAGES);
	bench_compare(row, sides, BENCH_COUNT(sides));
	bench_release(&lookups.range);
}

/* Repeats a translation of the first addresses of the array. */
static double translate_few(void *arg)
{
	const size_t count = *(const size_t *)arg;
	__u64 start, end;

	start = bench_now();
	for (int i = 0; i < CALLS; i++)
		translate_some(count);
	end = bench_now();

	return (double)(end - start) / CALLS / count;
}

static double translate_few_by_pagemap(void *arg)
{
	const size_t count = *(const size_t *)arg;
	__u64 start, end;

	start = bench_now();
	for (int i = 0; i < CALLS; i++)
		for (size_t j = 0; j < count; j++)
			pread_pagemap(lookups.vec[j].addr);
	end = bench_now();

	return (double)(end - start) / CALLS / count;
}

/* The addresses are as far apart as those of bench_translate_random(). */
static void compare_few(const struct bench_row *row, size_t count)
{
	struct bench_side sides[] = {
		{ .name = "vmwalk", .run = translate_few, .arg = &count },
		{ .name = "pagemap", .run = translate_few_by_pagemap, .arg = &count },
		{ .name = "unknown_ioctl", .run = call_one, .arg = call_unknown },
	};

	lookups.range = bench_reserve(PAGES * BENCH_PAGE, true);
	bench_populate(&lookups.range, 0, PAGES * BENCH_PAGE, BENCH_PAGE);
	shuffle_addresses();
	check_translations(count);
	bench_compare(row, sides, BENCH_COUNT(sides));
	bench_release(&lookups.range);
}

void bench_translate_1(const struct bench_row *row)
{
	compare_few(row, 1);
}

void bench_translate_16(const struct bench_row *row)
{
	compare_few(row, 16);
}

/* --- Latency of the target -------------------------------------------- */

/* In a run, the target maps, touches and unmaps WINDOW bytes ROUNDS times. */
#define WINDOW		(64 * 1024)
#define ROUNDS		500

struct target {
	struct bench_range range;	/* its memory, followed by the window */
	pid_t pid;
	int fd;				/* socket: start, result */
};

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bench_die("sched_setaffinity: %m");
}

static int compare(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return (x > y) - (x < y);
}

/* Returns the 99th percentile of the duration of a round. */
static double run_rounds(char *window)
{
	static __u64 took[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		__u64 start = bench_now();
		char *map = mmap(window, WINDOW, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (map != window)
			bench_die("mmap in the target: %m");
		for (size_t offset = 0; offset < WINDOW; offset += BENCH_PAGE)
			__atomic_store_n(map + offset, 1, __ATOMIC_RELAXED);
		if (munmap(map, WINDOW))
			bench_die("munmap in the target: %m");
		took[i] = bench_now() - start;
	}
	qsort(took, ROUNDS, sizeof(took[0]), compare);
	return took[ROUNDS * 99 / 100];
}

_Noreturn static void run_target(int fd, char *window)
{
	double figure;
	char go;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	run_on(1);
	while (read(fd, &go, 1) == 1) {
		figure = run_rounds(window);
		if (write(fd, &figure, sizeof(figure)) != sizeof(figure))
			break;
	}
	_exit(EXIT_SUCCESS);
}

/* Reads the target's range repeatedly during a run. @read_all may be NULL. */
static double disturb(const struct target *target, double (*read_all)(void *range))
{
	struct pollfd ended = { .fd = target->fd, .events = POLLIN };
	struct bench_range range = target->range;
	double figure;

	if (write(target->fd, "", 1) != 1)
		bench_die("starting the target: %m");
	while (read_all && !poll(&ended, 1, 0))
		read_all(&range);
	if (read(target->fd, &figure, sizeof(figure)) != sizeof(figure))
		bench_die("the target has exited");
	return figure;
}

static double disturb_by_scan(void *arg)
{
	return disturb(arg, bench_read_scan);
}

static double disturb_by_pagemap(void *arg)
{
	return disturb(arg, bench_read_pagemap);
}

/* Reads one entry of pagemap repeatedly: short holds of mmap_lock. */
static double read_one_entry(void *arg)
{
	const struct bench_range *range = arg;

	for (int i = 0; i < 64; i++)
		bench_frame(range, range->start);
	return 0;
}

static double disturb_by_one_entry(void *arg)
{
	return disturb(arg, read_one_entry);
}

static double disturb_by_nothing(void *arg)
{
	return disturb(arg, NULL);
}

static struct target start_target(void)
{
	struct target target = { .range = bench_reserve(PAGES * BENCH_PAGE + WINDOW, true) };
	char *window = (char *)target.range.start + PAGES * BENCH_PAGE;
	char path[64], number[16];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		bench_die("socketpair: %m");
	target.fd = pair[0];
	munmap(window, WINDOW);
	/* Fault in its pages after fork(), so that they are not shared. */
	target.pid = fork();
	if (target.pid < 0)
		bench_die("fork: %m");
	if (!target.pid) {
		close(pair[0]);
		bench_populate(&target.range, 0, PAGES * BENCH_PAGE, BENCH_PAGE);
		run_target(pair[1], window);
	}
	close(pair[1]);

	snprintf(number, sizeof(number), "%d", target.pid);
	bench_write(BENCH_INSTANCE "/target_pid", number);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", target.pid);
	close(target.range.pagemap);
	target.range.pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (target.range.pagemap < 0)
		bench_die("%s: %m", path);
	target.range.present = PAGES;
	target.range.units = 1;

	return target;
}

void bench_target_p99(const struct bench_row *row)
{
	struct bench_side sides[] = {
		{ .name = "scan", .run = disturb_by_scan },
		{ .name = "alone", .run = disturb_by_nothing },
		{ .name = "pagemap", .run = disturb_by_pagemap },
		{ .name = "one_entry", .run = disturb_by_one_entry },
	};
	struct target target;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		bench_skip("requires two CPUs");
	target = start_target();
	for (size_t i = 0; i < BENCH_COUNT(sides); i++)
		sides[i].arg = &target;
	run_on(0);
	/* The first run ends after the target has faulted in its memory. */
	disturb_by_nothing(&target);
	bench_check_range(&target.range);
	bench_compare(row, sides, BENCH_COUNT(sides));

	close(target.fd);
	waitpid(target.pid, NULL, 0);
	bench_release(&target.range);
}
