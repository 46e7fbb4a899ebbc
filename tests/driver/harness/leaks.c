// SPDX-License-Identifier: GPL-2.0
/*
 * Checks for memory leaks: see leaks.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <sys/syscall.h>

#include "harness.h"

#define ROUNDS	3

struct number {
	char name[48];
	long long value;
};

struct numbers {
	struct number number[512];
	size_t count;
};

static void note(struct numbers *numbers, const char *name, long long value)
{
	struct number *number = &numbers->number[numbers->count];

	if (numbers->count == COUNT(numbers->number))
		return;
	snprintf(number->name, sizeof(number->name), "%.47s", name);
	number->value = value;
	numbers->count++;
}

/*
 * KASAN quarantines freed objects, so caches grow without a leak. A kernel with
 * KASAN also has kmemleak, which the runner checks at the end.
 */
int vw_leak_rounds(void)
{
	return vw_exists("/sys/kernel/debug/kmemleak") ? 1 : ROUNDS;
}

/* The kernel lengthens the lists of the CPUs while large blocks are freed. */
long long vw_free_pages(void)
{
	long long pages = vw_field("/proc/vmstat", "nr_free_pages"), count;
	char line[256];
	FILE *zones;

	zones = fopen("/proc/zoneinfo", "re");
	while (zones && fgets(line, sizeof(line), zones)) {
		if (sscanf(line, " count: %lld", &count) == 1)
			pages += count;
	}
	if (zones)
		fclose(zones);
	return pages;
}

/* Reads the number of objects of each slab cache, and other memory in use. */
static void read_numbers(struct numbers *numbers)
{
	char line[512], name[64];
	long long value;
	FILE *file;

	/* First wait for grace periods, and drop caches. */
	for (int i = 0; i < 3; i++) {
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
		vw_file_write("/proc/sys/vm/drop_caches", "3");
		usleep(200000);
	}
	numbers->count = 0;
	file = fopen("/proc/slabinfo", "re");
	while (file && fgets(line, sizeof(line), file)) {
		/* vfree() purges areas lazily, which is not a leak. */
		if (line[0] != '#' && sscanf(line, "%63s %lld ", name, &value) == 2 &&
		    strcmp(name, "vmap_area"))
			note(numbers, name, value);
	}
	if (file)
		fclose(file);
	note(numbers, "pages in use", -vw_free_pages());
	note(numbers, "pages of vmalloc", vw_field("/proc/meminfo", "VmallocUsed") / 4);
	/* A per-CPU counter has eight bytes on each CPU. */
	note(numbers, "numbers per CPU", vw_field("/proc/meminfo", "Percpu") * 1024 / 8 /
					 sysconf(_SC_NPROCESSORS_CONF));
	note(numbers, "kernel stacks", vw_field("/proc/meminfo", "KernelStack"));
}

void vw_expect_no_growth(void (*round)(void), int count)
{
	static struct numbers before, after;
	static long long least[COUNT(before.number)];
	int leaks = 0;

	if (vw_leak_rounds() == 1) {
		print_message("# one round: kmemleak checks for leaks on this kernel\n");
		round();
		return;
	}
	read_numbers(&before);
	for (int i = 0; i < ROUNDS; i++) {
		round();
		read_numbers(&after);
		assert_int_equal(before.count, after.count);
		for (size_t j = 0; j < before.count; j++) {
			long long grown = after.number[j].value - before.number[j].value;

			assert_string_equal(before.number[j].name, after.number[j].name);
			if (!i || grown < least[j])
				least[j] = grown;
		}
		before = after;
	}
	for (size_t i = 0; i < before.count; i++) {
		if (least[i] * 2 < count)
			continue;
		print_message("# %s: %lld more in each round\n", before.number[i].name, least[i]);
		leaks++;
	}
	vw_expect(leaks, 0);
}
