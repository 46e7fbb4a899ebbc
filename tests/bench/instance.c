// SPDX-License-Identifier: GPL-2.0
/*
 * Making and removing what a folder in configfs stands for: an instance of one page, beside a block
 * device of null_blk.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

/* A way to make one. Names are relative to @parent, so that nothing is put together in the run. */
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
	"/sys/kernel/config/nullb", { { "bench/power", "1" } },
};

/* Makes one and removes it, and says what each took. */
static void make_and_remove(const struct recipe *recipe, __u64 *making, __u64 *removing)
{
	__u64 start;

	if (chdir(recipe->parent))
		bench_die("%s: %m", recipe->parent);

	start = bench_now();
	if (mkdir("bench", 0755))
		bench_die("mkdir %s/bench: %m", recipe->parent);
	for (size_t i = 0; i < BENCH_COUNT(recipe->writes) && recipe->writes[i].path; i++)
		bench_write(recipe->writes[i].path, recipe->writes[i].value);
	*making = bench_now() - start;

	/* See bench_measure(). */
	usleep(50000);
	start = bench_now();
	if (rmdir("bench"))
		bench_die("rmdir %s/bench: %m", recipe->parent);
	*removing = bench_now() - start;
}

static double make(void *arg)
{
	__u64 making, removing;

	make_and_remove(arg, &making, &removing);
	return making;
}

static double remove_one(void *arg)
{
	__u64 making, removing;

	make_and_remove(arg, &making, &removing);
	return removing;
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
		bench_die("null_blk can't be unloaded");
}

void bench_instance_make(const struct bench_row *row)
{
	compare_with_null_blk(row, make);
}

void bench_instance_remove(const struct bench_row *row)
{
	compare_with_null_blk(row, remove_one);
}

/* Makes the rest of a thousand. bench_remove_items() removes them. */
static void make_others(void)
{
	char path[64];

	for (int i = 1; i < 1000; i++) {
		snprintf(path, sizeof(path), "bench-%d", i);
		if (mkdir(path, 0755))
			bench_die("mkdir %s: %m", path);
		snprintf(path, sizeof(path), "bench-%d/size", i);
		bench_write(path, "4096");
		snprintf(path, sizeof(path), "bench-%d/live", i);
		bench_write(path, "1");
	}
}

/* The anchor is the first, alone. */
void bench_instance_1000(const struct bench_row *row)
{
	struct bench_side first = { .name = "first", .run = make, .arg = &vmwalk };
	struct bench_side last = first;

	bench_measure(&first, 1);
	make_others();
	bench_measure(&last, 1);
	bench_print(row, &last, &first);
}
