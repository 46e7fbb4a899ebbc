// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_DIRTY_CLEAR on a buffer with many mappings: the latency of killing the
 * caller, and of a store to the buffer by another process.
 *
 * Copyright (C) The vmwalk authors
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "vmwalk.h"

#define SIZE		(4 * BENCH_MIB)
#define PAGES		(SIZE / BENCH_PAGE)
#define MAPPINGS	20000

static struct {
	struct bench_area area;
	pid_t mapper;
	char *page;			/* last page, mapped by this process */
	char *bitmap;
} dirty;

static pid_t start(void (*body)(void))
{
	pid_t pid = fork();

	if (pid < 0)
		bench_die("fork: %m");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		body();
		_exit(EXIT_SUCCESS);
	}
	return pid;
}

/* Another process has the mappings, so that they survive the killed caller. */
static void hold_mappings(void)
{
	for (int i = 0; i < MAPPINGS; i++)
		if (mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dirty.area.fd, 0) ==
		    MAP_FAILED)
			bench_die("mapping %d: %m", i);
	for (;;)
		pause();
}

static __u64 read_counter(const char *name)
{
	char path[128], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/class/vmwalk/vmwalk0/stats/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		bench_die("%s: %m", path);
	close(fd);
	return strtoull(text, NULL, 10);
}

static void clear_all(void)
{
	struct vmwalk_dirty arg = {
		.size = sizeof(arg),
		.flags = VMWALK_DIRTY_CLEAR,
		.length = SIZE,
		.bitmap = (__u64)dirty.bitmap,
	};

	if (ioctl(dirty.area.fd, VMWALK_IOC_DIRTY, &arg))
		bench_die("VMWALK_IOC_DIRTY: %m");
}

static void wait_to_be_killed(void)
{
	for (;;)
		pause();
}

static void write_every_second_page(void)
{
	for (size_t i = 0; i < PAGES; i += 2)
		if (pwrite(dirty.area.fd, "x", 1, i * BENCH_PAGE) != 1)
			bench_die("pwrite: %m");
}

/* Starts a process that clears. Returns when the clearing has begun. */
static pid_t start_clearing(void)
{
	__u64 all = read_counter("dirty_pages");
	pid_t pid = start(clear_all);

	while (read_counter("dirty_pages") == all)
		sched_yield();
	return pid;
}

static double measure_kill(pid_t pid)
{
	__u64 begin = bench_now();

	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) != pid)
		bench_die("waitpid: %m");
	return bench_now() - begin;
}

static double kill_while_clearing(void *arg)
{
	(void)arg;
	write_every_second_page();
	return measure_kill(start_clearing());
}

static double kill_while_idle(void *arg)
{
	pid_t pid = start(wait_to_be_killed);

	(void)arg;
	usleep(10000);
	return measure_kill(pid);
}

/* The page must be clean, so that the store faults. */
static double measure_store(void)
{
	__u64 begin = bench_now();

	__atomic_store_n(dirty.page, 1, __ATOMIC_RELAXED);
	return bench_now() - begin;
}

static double store_while_clearing(void *arg)
{
	double took;
	pid_t pid;

	(void)arg;
	clear_all();
	write_every_second_page();
	pid = start_clearing();
	took = measure_store();
	waitpid(pid, NULL, 0);
	return took;
}

static double store_while_idle(void *arg)
{
	(void)arg;
	clear_all();
	return measure_store();
}

static void prepare(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		bench_skip("requires two CPUs");

	dirty.area = bench_buffer("kmalloc", "fault", NULL, SIZE);
	close(dirty.area.fd);
	bench_write(BENCH_INSTANCE "/live", "0");
	bench_write(BENCH_INSTANCE "/track_dirty", "1");
	bench_write(BENCH_INSTANCE "/live", "1");
	dirty.area.fd = open("/dev/vmwalk0", O_RDWR | O_CLOEXEC);
	if (dirty.area.fd < 0)
		bench_die("/dev/vmwalk0: %m");
	dirty.page = mmap(NULL, BENCH_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dirty.area.fd,
			  SIZE - BENCH_PAGE);
	dirty.bitmap = calloc(PAGES, 1);
	if (dirty.page == MAP_FAILED || !dirty.bitmap)
		bench_die("mapping the last page: %m");

	dirty.mapper = start(hold_mappings);
	while (read_counter("mappings") <= MAPPINGS)
		usleep(10000);
}

static void finish(void)
{
	kill(dirty.mapper, SIGKILL);
	waitpid(dirty.mapper, NULL, 0);
	munmap(dirty.page, BENCH_PAGE);
	free(dirty.bitmap);
	bench_close(&dirty.area);
}

void bench_dirty_kill(const struct bench_row *row)
{
	struct bench_side sides[] = {
		{ .name = "clearing", .run = kill_while_clearing, .slow = true },
		{ .name = "idle", .run = kill_while_idle, .slow = true },
	};

	prepare();
	bench_compare(row, sides, BENCH_COUNT(sides));
	finish();
}

void bench_dirty_store(const struct bench_row *row)
{
	struct bench_side sides[] = {
		{ .name = "clearing", .run = store_while_clearing, .slow = true },
		{ .name = "idle", .run = store_while_idle, .slow = true },
	};

	prepare();
	bench_compare(row, sides, BENCH_COUNT(sides));
	finish();
}
