// SPDX-License-Identifier: GPL-2.0
/*
 * A buffer's life, step by step, each announced in the kernel's trace.
 *
 *   tlb-flush prepare NAME       makes the kernel flush what was freed before: counts start at 0
 *   tlb-flush live NAME MARKER   the steps; MARKER is the trace_marker of a trace
 *
 * NAME is a pending instance with buffer_type vmalloc and map_mode insert.
 *
 * A step is announced as "step KIB NAME", KIB being how much of vmalloc's addresses is free and may
 * still be in a TLB. The last is called "end".
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libvmwalk.h>

#define PAGES	256
#define PAGE	4096
#define MOST	1024		/* MiB to free at most until the kernel must have flushed */

static struct vmwalk_instance *instance;
static int marker = -1;

/* /proc/vmallocinfo lists what is free and not yet flushed as "unpurged". */
static unsigned long lazy_kib(void)
{
	unsigned long size, sum = 0;
	char line[512];
	FILE *info;

	info = fopen("/proc/vmallocinfo", "re");
	if (!info)
		err(1, "/proc/vmallocinfo");
	while (fgets(line, sizeof(line), info))
		if (strstr(line, "unpurged") && sscanf(line, "%*s %lu", &size) == 1)
			sum += size;
	fclose(info);
	return sum >> 10;
}

static void announce(const char *name)
{
	if (marker >= 0)
		dprintf(marker, "step %lu %s\n", lazy_kib(), name);
}

static void set(const char *attr, const char *value)
{
	const char *why;

	if (!vmwalk_instance_set(instance, attr, value))
		return;
	why = vmwalk_instance_last_error(instance);
	errx(1, "%s=%s: %s", attr, value, why ? why : "refused");
}

static void make(const char *size)
{
	set("size", size);
	set("live", "1");
}

static void destroy(void)
{
	set("live", "0");
}

/* Another thread, which does nothing but keep another processor in this program's page tables. */
static bool running, done;

static void *run(void *unused)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		warn("no second processor");
	__atomic_store_n(&running, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE))
		;
	return unused;
}

static void use(void)
{
	struct vmwalk_file *file;
	pthread_t thread;
	char *map;
	int i;

	file = vmwalk_file_open_by_name(vmwalk_instance_name(instance));
	if (!file)
		err(1, "%s", vmwalk_instance_name(instance));

	announce("map it: mmap() of 256 pages");
	map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vmwalk_file_fd(file),
		   0);
	if (map == MAP_FAILED)
		err(1, "mmap");

	announce("touch every page");
	for (i = 0; i < PAGES; i++)
		__atomic_store_n(&map[i * PAGE], 1, __ATOMIC_RELAXED);

	announce("write-protect a page: mprotect()");
	if (mprotect(map, PAGE, PROT_READ))
		err(1, "mprotect");

	announce("unmap a page: munmap()");
	munmap(map, PAGE);

	announce("unmap 99 pages");
	munmap(map + PAGE, 99 * PAGE);

	/* Not a step of its own, since the thread's stack is mapped, too. */
	announce("");
	if (pthread_create(&thread, NULL, run, NULL))
		errx(1, "no thread");
	while (!__atomic_load_n(&running, __ATOMIC_ACQUIRE))
		usleep(1000);

	announce("unmap a page, a thread running elsewhere");
	munmap(map + 100 * PAGE, PAGE);

	announce("");
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	munmap(map + 101 * PAGE, (PAGES - 101) * PAGE);
	vmwalk_file_close(file);
}

/* Make and free buffers until there is less to flush. Returns how many MiB that took. */
static unsigned int free_until_flushed(void)
{
	unsigned long before = lazy_kib(), now;
	unsigned int mib;

	for (mib = 16; mib <= MOST; mib += 16) {
		make("16M");
		destroy();
		/* It is another thread, of the kernel's own, that flushes. */
		usleep(50000);
		now = lazy_kib();
		if (now < before)
			return mib;
		before = now;
	}
	errx(1, "no flush after %u MiB", MOST);
}

int main(int argc, char **argv)
{
	bool prepare = argc == 3 && !strcmp(argv[1], "prepare");

	if (!prepare && (argc != 4 || strcmp(argv[1], "live")))
		errx(2, "arguments: prepare NAME, or live NAME MARKER");
	instance = vmwalk_instance_open(argv[2]);
	if (!instance)
		err(1, "%s", argv[2]);
	if (prepare) {
		free_until_flushed();
		return 0;
	}

	marker = open(argv[3], O_WRONLY | O_CLOEXEC);
	if (marker < 0)
		err(1, "%s", argv[3]);
	announce("make a buffer of 1 MiB");
	make("1M");
	use();
	announce("free it");
	destroy();
	announce("make and free 16 MiB, over and over");
	printf("%u\n", free_until_flushed());
	announce("end");
	return 0;
}
