// SPDX-License-Identifier: GPL-2.0
/*
 * Create, map, unmap and free a vmalloc buffer, and mark each step in a trace.
 *
 *   tlb-flush prepare NAME       make the kernel flush what is freed already
 *   tlb-flush live NAME MARKER   run the steps; MARKER is a trace_marker file
 *
 * NAME is a pending instance with buffer_type vmalloc and map_mode insert.
 *
 * A step is marked as "step KIB NAME". KIB is the size of the vmalloc areas
 * that are freed and not yet flushed. The last step is called "end".
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

#define PAGES   256
#define PAGE    4096
#define MAX_MIB 1024 /* give up if the kernel has not flushed by then */

static struct vmwalk_instance *instance;
static int marker = -1;

/* /proc/vmallocinfo marks these areas as "unpurged". */
static unsigned long unpurged_kib(void)
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

static void mark(const char *step)
{
	if (marker >= 0)
		dprintf(marker, "step %lu %s\n", unpurged_kib(), step);
}

static void set(const char *attr, const char *value)
{
	const char *error;

	if (!vmwalk_instance_set(instance, attr, value))
		return;
	error = vmwalk_instance_last_error(instance);
	if (error)
		errx(1, "%s=%s: %s", attr, value, error);
	err(1, "%s=%s", attr, value);
}

static void create(const char *size)
{
	set("size", size);
	set("live", "1");
}

static void destroy(void)
{
	set("live", "0");
}

/* A thread that keeps the program's page tables in use on CPU 1. */
static bool running, done;

static void *spin(void *unused)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		warn("cannot run on CPU 1");
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

	mark("mmap() 256 pages");
	map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vmwalk_file_fd(file), 0);
	if (map == MAP_FAILED)
		err(1, "mmap");

	mark("touch each page");
	for (i = 0; i < PAGES; i++)
		__atomic_store_n(&map[i * PAGE], 1, __ATOMIC_RELAXED);

	mark("mprotect() 1 page, read-only");
	if (mprotect(map, PAGE, PROT_READ))
		err(1, "mprotect");

	mark("munmap() 1 page");
	munmap(map, PAGE);

	mark("munmap() 99 pages");
	munmap(map + PAGE, 99 * PAGE);

	/* Creating the thread maps its stack: not part of any step. */
	mark("");
	if (pthread_create(&thread, NULL, spin, NULL))
		errx(1, "cannot create a thread");
	while (!__atomic_load_n(&running, __ATOMIC_ACQUIRE))
		usleep(1000);

	mark("munmap() 1 page, thread on another CPU");
	munmap(map + 100 * PAGE, PAGE);

	mark("");
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	munmap(map + 101 * PAGE, (PAGES - 101) * PAGE);
	vmwalk_file_close(file);
}

/* Returns how many MiB were freed before the kernel flushed. */
static unsigned int free_until_flush(void)
{
	unsigned long before = unpurged_kib(), now;
	unsigned int mib;

	for (mib = 16; mib <= MAX_MIB; mib += 16) {
		create("16M");
		destroy();
		/* A kernel worker flushes: give it time. */
		usleep(50000);
		now = unpurged_kib();
		if (now < before)
			return mib;
		before = now;
	}
	errx(1, "no flush after %u MiB were freed", MAX_MIB);
}

int main(int argc, char **argv)
{
	bool prepare = argc == 3 && !strcmp(argv[1], "prepare");

	if (!prepare && (argc != 4 || strcmp(argv[1], "live")))
		errx(2, "usage: tlb-flush prepare NAME | live NAME MARKER");
	instance = vmwalk_instance_open(argv[2]);
	if (!instance)
		err(1, "%s", argv[2]);
	if (prepare) {
		free_until_flush();
		return 0;
	}

	marker = open(argv[3], O_WRONLY | O_CLOEXEC);
	if (marker < 0)
		err(1, "%s", argv[3]);
	mark("vmalloc 1 MiB");
	create("1M");
	use();
	mark("vfree 1 MiB");
	destroy();
	mark("vmalloc and vfree 16 MiB, repeatedly");
	printf("%u\n", free_until_flush());
	mark("end");
	return 0;
}
