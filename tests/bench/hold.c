// SPDX-License-Identifier: GPL-2.0
/*
 * The longest time that one scan holds the target's mmap_lock, from the trace
 * events of the lock.
 *
 * Copyright (C) The vmwalk authors
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define TRACE		"/sys/kernel/tracing/instances/vmwalk_bench"
#define EVENTS		TRACE "/events/mmap_lock/"
#define SIZE		(4UL << 30)

/*
 * Returns the longest hold in the trace, in nanoseconds. A line of the trace has
 * the seconds before the name of the event.
 */
static double longest_hold(void)
{
	FILE *trace = fopen(TRACE "/trace", "re");
	double taken = 0, longest = 0, now;
	size_t size = 0, holds = 0;
	char *line = NULL, *at;

	if (!trace)
		bench_die(TRACE "/trace: %m");
	while (getline(&line, &size, trace) > 0) {
		at = line[0] == '#' ? NULL : strstr(line, ": mmap_lock_");
		if (!at)
			continue;
		while (at > line && at[-1] != ' ')
			at--;
		now = strtod(at, NULL);
		if (strstr(at, "acquire_returned") && strstr(at, "success=true")) {
			taken = now;
		} else if (strstr(at, "released") && taken) {
			longest = now - taken > longest ? now - taken : longest;
			taken = 0;
			holds++;
		}
	}
	free(line);
	fclose(trace);
	if (!holds)
		bench_die("the trace has no hold of mmap_lock");

	return longest * 1e9;
}

static const struct bench_range *range;

/* Opening the file for truncation clears the trace. */
static void clear_trace(void)
{
	int fd = open(TRACE "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0)
		bench_die(TRACE "/trace: %m");
	close(fd);
}

/* Calls a reader of the whole range while its locks are traced. */
static double trace_reader(void *arg)
{
	double (*reader)(void *range) = arg;

	clear_trace();
	bench_write(TRACE "/tracing_on", "1");
	reader((void *)range);
	bench_write(TRACE "/tracing_on", "0");

	return longest_hold();
}

static void stop_tracing(void)
{
	rmdir(TRACE);
}

void bench_scan_hold(const struct bench_row *row)
{
	struct bench_range repeated = bench_reserve(SIZE, true);
	struct bench_side sides[] = {
		{ .name = "vmwalk", .run = trace_reader, .arg = bench_read_scan },
		{ .name = "pagemap", .run = trace_reader, .arg = bench_read_pagemap, .slow = true },
		{ .name = "PAGEMAP_SCAN", .run = trace_reader, .arg = bench_read_pagemap_scan,
		  .slow = true },
	};
	char pid[16];

	/* Linux 5.11 and later */
	if (access("/sys/kernel/tracing/events/mmap_lock", F_OK))
		bench_skip("this kernel has no trace events of mmap_lock");
	if (mkdir(TRACE, 0700))
		bench_die(TRACE ": %m");
	atexit(stop_tracing);
	snprintf(pid, sizeof(pid), "%d", getpid());
	bench_write(TRACE "/tracing_on", "0");
	bench_write(TRACE "/trace_clock", "mono");
	bench_write(TRACE "/buffer_size_kb", "8192");
	bench_write(TRACE "/set_event_pid", pid);
	bench_write(EVENTS "mmap_lock_acquire_returned/enable", "1");
	bench_write(EVENTS "mmap_lock_released/enable", "1");

	bench_repeat(&repeated);
	bench_check_range(&repeated);
	range = &repeated;
	bench_compare(row, sides, bench_has_pagemap_scan(range) ? 3 : 2);
	bench_release(&repeated);
}
