// SPDX-License-Identifier: GPL-2.0
/*
 * Creating and removing an instance with a buffer of one page, compared with a
 * block device of null_blk.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

/*
 * How to create a configfs directory. Paths are relative to @parent, so that a
 * run does not format paths.
 */
struct recipe {
	const char *parent;
	struct {
		const char *path;
		const char *value;
	} writes[2];
};

static struct recipe vmwalk = {
	BENCH_CONFIGFS, { { "bench/size", "4096" }, { "bench/live", "1" } },
};

static struct recipe null_blk = {
	BENCH_NULL_BLK, { { "bench/power", "1" } },
};

/*
 * Creates and removes a configfs directory, and measures both: the CPU time,
 * because null_blk also waits, for RCU and for timers.
 */
static void create_and_remove(const struct recipe *recipe, __u64 *create_time, __u64 *remove_time)
{
	__u64 start;

	if (chdir(recipe->parent))
		bench_die("%s: %m", recipe->parent);

	start = bench_cpu_now();
	if (mkdir("bench", 0755))
		bench_die("mkdir %s/bench: %m", recipe->parent);
	for (size_t i = 0; i < BENCH_COUNT(recipe->writes) && recipe->writes[i].path; i++)
		bench_write(recipe->writes[i].path, recipe->writes[i].value);
	*create_time = bench_cpu_now() - start;

	/* Let deferred work finish, as in bench_measure(). */
	usleep(50000);
	start = bench_cpu_now();
	if (rmdir("bench"))
		bench_die("rmdir %s/bench: %m", recipe->parent);
	*remove_time = bench_cpu_now() - start;
}

static double create(void *arg)
{
	__u64 create_time, remove_time;

	create_and_remove(arg, &create_time, &remove_time);
	return create_time;
}

static double remove_one(void *arg)
{
	__u64 create_time, remove_time;

	create_and_remove(arg, &create_time, &remove_time);
	return remove_time;
}

static void compare_with_null_blk(const struct bench_row *row, double (*run)(void *arg))
{
	struct bench_side sides[] = {
		{ .name = "vmwalk", .run = run, .arg = &vmwalk },
		{ .name = "null_blk", .run = run, .arg = &null_blk },
	};

	if (system("modprobe null_blk nr_devices=0"))
		bench_skip("this kernel has no null_blk");
	bench_compare(row, sides, BENCH_COUNT(sides));
	if (system("modprobe -r null_blk"))
		bench_die("modprobe -r null_blk failed");
}

void bench_instance_make(const struct bench_row *row)
{
	compare_with_null_blk(row, create);
}

void bench_instance_remove(const struct bench_row *row)
{
	compare_with_null_blk(row, remove_one);
}

/* Creates more of them. bench_remove_instances() removes them. */
static void create_others(const struct recipe *recipe, int first, int last)
{
	char path[64];

	if (chdir(recipe->parent))
		bench_die("%s: %m", recipe->parent);
	for (int i = first; i <= last; i++) {
		snprintf(path, sizeof(path), "bench-%d", i);
		if (mkdir(path, 0755))
			bench_die("mkdir %s: %m", path);
		for (size_t w = 0; w < BENCH_COUNT(recipe->writes) && recipe->writes[w].path; w++) {
			snprintf(path, sizeof(path), "bench-%d/%s", i,
				 recipe->writes[w].path + strlen("bench/"));
			bench_write(path, recipe->writes[w].value);
		}
	}
}

/*
 * Measures the second and the thousandth. The first device of a class also
 * creates a directory in sysfs for the class.
 */
static void measure_1000(struct recipe *recipe, struct bench_side *second, struct bench_side *last)
{
	*second = *last = (struct bench_side) { .name = "second", .run = create, .arg = recipe };
	create_others(recipe, 1, 1);
	bench_measure(second, 1);
	create_others(recipe, 2, 999);
	bench_measure(last, 1);
	bench_remove_instances();
}

/*
 * The anchors are the second instance, created while there is one other, and for
 * the growth the growth of null_blk.
 */
void bench_instance_1000(const struct bench_row *row)
{
	const struct bench_row growth = { .name = "instance_growth", .unit = row->unit };
	struct bench_side second, last, anchor_second, anchor_last;

	measure_1000(&vmwalk, &second, &last);
	bench_print(row, &last, &second);

	if (system("modprobe null_blk nr_devices=0")) {
		bench_note("no anchor null_blk: this kernel does not have it");
		return;
	}
	measure_1000(&null_blk, &anchor_second, &anchor_last);
	last.median -= second.median;
	anchor_last.median -= anchor_second.median;
	anchor_last.name = "null_blk";
	bench_print(&growth, &last, &anchor_last);
	if (system("modprobe -r null_blk"))
		bench_die("modprobe -r null_blk failed");
}
