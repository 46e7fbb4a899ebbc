// SPDX-License-Identifier: GPL-2.0
/*
 * Scans of many processes one after the other, and scans by several threads or
 * processes at the same time.
 *
 * Copyright (C) The vmwalk authors
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "vmwalk.h"

/* --- Many processes --------------------------------------------------- */

#define PROCESSES	64
/* Pages of each process: 4 MiB. */
#define PAGES		1024UL

struct processes {
	struct bench_range range;	/* the same addresses in each process */
	pid_t pids[PROCESSES];
	bool only_first;
};

static void set_target(pid_t pid)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", pid);
	bench_write(BENCH_INSTANCE "/target_pid", number);
}

/* Starts a process that touches its pages and then waits to be killed. */
static pid_t start_process(struct bench_range *range)
{
	int pipes[2];
	char byte = 0;
	pid_t pid;

	if (pipe(pipes))
		bench_die("pipe: %m");
	pid = fork();
	if (pid < 0)
		bench_die("fork: %m");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bench_populate(range, 0, PAGES * BENCH_PAGE, BENCH_PAGE);
		if (write(pipes[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	close(pipes[1]);
	if (read(pipes[0], &byte, 1) != 1)
		bench_die("a process has ended early");
	close(pipes[0]);

	return pid;
}

static double scan_processes(void *arg)
{
	struct processes *processes = arg;
	__u64 start, end;
	size_t count;

	start = bench_now();
	for (int i = 0; i < PROCESSES; i++) {
		set_target(processes->pids[processes->only_first ? 0 : i]);
		bench_scan(&processes->range, processes->range.start, &count);
	}
	end = bench_now();

	return (double)(end - start) / PROCESSES;
}

static double scan_one_process(void *arg)
{
	struct processes only_first = *(struct processes *)arg;

	only_first.only_first = true;
	return scan_processes(&only_first);
}

static int open_pagemap(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		bench_die("%s: %m", path);
	return fd;
}

static double read_pagemaps(void *arg)
{
	struct bench_range range = ((struct processes *)arg)->range;
	const struct processes *processes = arg;
	__u64 start, end;

	start = bench_now();
	for (int i = 0; i < PROCESSES; i++) {
		range.pagemap = open_pagemap(processes->pids[i]);
		bench_read_pagemap(&range);
		close(range.pagemap);
	}
	end = bench_now();

	return (double)(end - start) / PROCESSES;
}

void bench_scan_processes(const struct bench_row *row)
{
	struct processes processes = { .range = bench_reserve(PAGES * BENCH_PAGE, true) };
	struct bench_side sides[] = {
		{ .name = "vmwalk", .run = scan_processes, .arg = &processes },
		{ .name = "pagemap", .run = read_pagemaps, .arg = &processes },
		{ .name = "same_process", .run = scan_one_process, .arg = &processes },
	};
	struct bench_range checked = processes.range;

	for (int i = 0; i < PROCESSES; i++)
		processes.pids[i] = start_process(&processes.range);
	processes.range.units = 1;
	checked.present = PAGES;
	for (int i = 0; i < PROCESSES; i++) {
		set_target(processes.pids[i]);
		checked.pagemap = open_pagemap(processes.pids[i]);
		bench_check_range(&checked);
		close(checked.pagemap);
	}
	bench_compare(row, sides, BENCH_COUNT(sides));

	for (int i = 0; i < PROCESSES; i++) {
		kill(processes.pids[i], SIGKILL);
		waitpid(processes.pids[i], NULL, 0);
	}
	bench_release(&processes.range);
}

/* --- At the same time ------------------------------------------------- */

/* Scans of 64 MiB by each thread or process in a run. */
#define SCANS		40
#define MOST		4

struct scans {
	struct bench_range range;
	size_t count;		/* of threads or processes */
	bool same;		/* threads, which scan the same memory */
	pthread_barrier_t *barrier;
	double *figures;	/* shared memory: one for each of them */
};

struct scanning {
	struct scans *scans;
	size_t index;
};

/*
 * The CPU time of a scan per page. Waiting for a lock that others hold, and
 * retrying, are included; sharing a CPU with others is not.
 */
static void *scan_repeatedly(void *arg)
{
	const struct scanning *scanning = arg;
	struct scans *scans = scanning->scans;
	static const size_t capacity = 4096;
	struct vmwalk_extent *vec = calloc(capacity, sizeof(*vec));
	struct vmwalk_scan args = { .size = sizeof(args) };
	struct timespec start, end;

	if (!vec)
		bench_die("not enough memory");
	args.vec = (__u64)vec;
	args.vec_len = capacity;
	args.return_mask = VMWALK_PRESENT;
	args.end = scans->range.end;
	pthread_barrier_wait(scans->barrier);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	for (int i = 0; i < SCANS; i++) {
		args.walk_end = scans->range.start;
		while (args.walk_end < args.end) {
			args.start = args.walk_end;
			if (ioctl(scans->range.device, VMWALK_IOC_SCAN, &args) < 0)
				bench_die("VMWALK_IOC_SCAN: %m");
		}
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	free(vec);
	scans->figures[scanning->index] =
		((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / SCANS /
		scans->range.units;

	return NULL;
}

static void run_threads(struct scans *scans)
{
	struct scanning scanning[MOST];
	pthread_t threads[MOST];

	for (size_t i = 0; i < scans->count; i++) {
		scanning[i] = (struct scanning){ scans, i };
		if (pthread_create(&threads[i], NULL, scan_repeatedly, &scanning[i]))
			bench_die("pthread_create fails");
	}
	for (size_t i = 0; i < scans->count; i++)
		pthread_join(threads[i], NULL);
}

static void run_processes(struct scans *scans)
{
	int status;

	for (size_t i = 0; i < scans->count; i++) {
		struct scanning scanning = { scans, i };

		switch (fork()) {
		case -1:
			bench_die("fork: %m");
		case 0:
			/* Its own copy of the pages */
			bench_populate(&scans->range, 0, scans->range.end - scans->range.start,
				       BENCH_PAGE);
			scan_repeatedly(&scanning);
			_exit(0);
		}
	}
	for (size_t i = 0; i < scans->count; i++)
		if (wait(&status) < 0 || status)
			bench_die("a process fails");
}

static double scan_together(void *arg)
{
	struct scans *scans = arg;
	pthread_barrierattr_t attr;
	double sum = 0;

	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(scans->barrier, &attr, scans->count);
	if (scans->same)
		run_threads(scans);
	else
		run_processes(scans);
	pthread_barrier_destroy(scans->barrier);
	for (size_t i = 0; i < scans->count; i++)
		sum += scans->figures[i];

	return sum / scans->count;
}

static void compare_together(const struct bench_row *row, bool same)
{
	const size_t size = 64 * BENCH_MIB;
	struct scans scans = { .range = bench_reserve(size, false), .count = 1, .same = same };
	struct scans two, four;
	struct bench_side sides[] = {
		{ .name = "alone", .run = scan_together, .arg = &scans },
		{ .name = "two", .run = scan_together, .arg = &two },
		{ .name = "four", .run = scan_together, .arg = &four },
	};
	char names[2][32];
	void *shared;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		bench_skip("requires two CPUs");
	shared = mmap(NULL, BENCH_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		bench_die("mmap: %m");
	scans.figures = shared;
	scans.barrier = (void *)(scans.figures + MOST);
	bench_populate(&scans.range, 0, size, BENCH_PAGE);
	scans.range.units = scans.range.present;
	bench_check_range(&scans.range);
	two = scans;
	two.count = 2;
	four = scans;
	four.count = MOST;

	bench_measure(sides, BENCH_COUNT(sides));
	for (size_t i = 1; i < BENCH_COUNT(sides); i++) {
		const struct bench_row line = { .name = names[i - 1], .unit = row->unit };

		snprintf(names[i - 1], sizeof(names[0]), "%s_%s", row->name, sides[i].name);
		bench_print(&line, &sides[i], &sides[0]);
	}
	munmap(shared, BENCH_PAGE);
	bench_release(&scans.range);
}

void bench_scan_same(const struct bench_row *row)
{
	compare_together(row, true);
}

void bench_scan_different(const struct bench_row *row)
{
	compare_together(row, false);
}
