// SPDX-License-Identifier: GPL-2.0
/*
 * A thousand instances at a time, and leaks.
 *
 * Copyright (C) The vmwalk authors
 *
 * Leaks and noise: the kernel's counters vary by themselves, but not by one
 * object for each instance in each round. Memory is read after each round; a
 * counter that grows by half an object (or half a page) for each instance in
 * each measured round is a leak. The first round fills caches and is not
 * measured.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sys/ioctl.h>

#include "harness.h"

#define ROUND_SECONDS	45

static int instances = 1000;

static unsigned int count_entries(const char *path, const char *prefix)
{
	struct dirent *entry;
	unsigned int count = 0;
	DIR *dir;

	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		count += !strncmp(entry->d_name, prefix, strlen(prefix));
	if (dir)
		closedir(dir);
	return count;
}

static void name_of(int i, char name[24])
{
	snprintf(name, 24, "scale%d", i);
}

/* Make a live instance of one to four pages, of each combination in turn. */
static int make_one(int i)
{
	const struct vw_combo *combo = &vw_combos[i % VW_COMBOS];
	char name[24], bytes[16];

	name_of(i, name);
	snprintf(bytes, sizeof(bytes), "%lu", (i % 4 + 1) * PAGE);
	return vw_make(name, "buffer_type", combo->type, "map_mode", combo->mode, "cache_mode",
		       combo->cache, "size", bytes, NULL);
}

/* Open, map, write and walk a device, and close it. */
static void use_one(int n)
{
	struct vmwalk_extent vec[16];
	struct vmwalk_scan scan;
	int fd = vw_open_rw(n);
	char *map;

	map = vw_map(fd, PAGE, 0, RW, n % 3 ? MAP_SHARED : MAP_PRIVATE);
	vw_poke(map, 1);
	scan = vw_scan_args((uintptr_t)map, (uintptr_t)map + PAGE);
	scan.vec = (uintptr_t)vec;
	scan.vec_len = COUNT(vec);
	vw_expect(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), 1);
	assert_true(vw_sys(ioctl(fd, VMWALK_IOC_GET_PFN, (uintptr_t)map / PAGE)) > 0);
	vw_expect_stat(n, "mappings", 1);
	munmap(map, PAGE);
	close(fd);
}

/* One round: make all, use some, remove all, some of them while in use. */
static void one_round(void)
{
	char name[24];
	void *map = NULL;
	int fd;

	for (int i = 0; i < instances; i++) {
		vw_expect(make_one(i), i);
		if (i % 10 == 0)
			use_one(i / 2);
	}
	assert_int_equal(count_entries("/dev", "vmwalk"), instances);
	assert_int_equal(count_entries(VW_CLASS, "vmwalk"), instances);
	for (int i = 0; i < instances; i++) {
		name_of(i, name);
		if (i % 7 == 0) {
			fd = vw_open_rw(i);
			map = vw_map(fd, PAGE, 0, RW, MAP_SHARED);
			vw_poke(map, 1);
			vw_ok(vw_rmdir(name));
			close(fd);
			munmap(map, PAGE);
			continue;
		}
		if (i % 3 == 0)
			vw_ok(vw_set(name, "live", "0"));
		vw_ok(vw_rmdir(name));
	}
	assert_int_equal(count_entries("/dev", "vmwalk"), 0);
	assert_int_equal(count_entries(VW_CLASS, "vmwalk"), 0);
}

/* Slow machines (debug kernels, for example) get fewer instances. */
static void choose_instances(void)
{
	__u64 start = vw_now();

	for (int i = 0; i < 50; i++) {
		char name[24];

		use_one(make_one(i));
		name_of(i, name);
		vw_ok(vw_rmdir(name));
	}
	if ((vw_now() - start) / 50 * instances > ROUND_SECONDS * SECOND) {
		instances = 200;
		print_message("# this machine is slow: %d instances instead of 1000\n", instances);
	}
}

VW_TEST(the_thousandth_instance_works_like_the_first)
{
	char text[32], name[24];

	choose_instances();
	for (int i = 0; i < instances; i++) {
		vw_expect(make_one(i), i);
		if (i % 10 == 0)
			use_one(i / 2);
	}
	use_one(0);
	use_one(instances - 1);
	name_of(instances - 1, name);
	assert_true(vw_sysfs(instances - 1, "name", text, sizeof(text)) > 0);
	assert_string_equal(text, name);
	/* A new device takes the lowest free number. */
	vw_ok(vw_rmdir("scale17"));
	vw_ok(vw_rmdir("scale100"));
	vw_expect(vw_make("again", NULL), 17);
	vw_expect(vw_make("and_again", NULL), 100);
}

/* The limit of growth is per instance: more of them would find no other leak. */
VW_TEST(many_live_instances_leak_nothing)
{
	instances = 200;
	one_round();
	vw_expect_no_growth(one_round, instances);
}

#define REPETITIONS	200

static void make_one_by_one(void)
{
	for (int i = 0; i < REPETITIONS; i++) {
		vw_make("t", "size", vw_pages_text(4), NULL);
		use_one(0);
		vw_ok(vw_rmdir("t"));
	}
}

VW_TEST(creating_and_removing_an_instance_repeatedly_leaks_nothing)
{
	make_one_by_one();
	vw_expect_no_growth(make_one_by_one, REPETITIONS);
}
