// SPDX-License-Identifier: GPL-2.0
/*
 * A device to test without the driver: preloaded before the command, this answers vmwalk's calls on
 * any descriptor from the text file that VMWALK_REPLAY names. Each line is one of
 *
 *   info PAGE_SIZE PAGING_LEVELS TARGET_PID
 *   walk STATE PAGE_SHIFT STOP_LEVEL STOP PFN PHYS
 *   level TABLE ENTRY INDEX FLAGS
 *   extent START PFN PAGES FLAGS PAGE_SHIFT NODE
 *   error ERRNO
 *
 * with numbers as strtoll(3) reads them, named as in vmwalk.h. Levels belong to the walk, from the
 * pgd down. Extents are in the order of their addresses; a scan returns those that start in its
 * range, as many as there is room for, and ends with the error, if there is one.
 *
 * Copyright (C) The vmwalk authors
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vmwalk.h>

static struct vmwalk_info info;
static struct vmwalk_walk walk;
static struct vmwalk_extent extents[4096];
static unsigned int nr_levels, nr_extents;
static int error;

static void replay_line(const char *what, const long long *field)
{
	struct vmwalk_level *level;

	if (!strcmp(what, "info")) {
		info.page_size = field[0];
		info.paging_levels = field[1];
		info.target_pid = field[2];
	} else if (!strcmp(what, "walk")) {
		walk.state = field[0];
		walk.page_shift = field[1];
		walk.stop_level = field[2];
		walk.stop = field[3];
		walk.pfn = field[4];
		walk.phys = field[5];
	} else if (!strcmp(what, "level") && nr_levels < VMWALK_LEVELS) {
		level = &walk.level[nr_levels++];
		level->table = field[0];
		level->entry = field[1];
		level->index = field[2];
		level->flags = field[3];
	} else if (!strcmp(what, "extent") && nr_extents < 4096) {
		extents[nr_extents++] = (struct vmwalk_extent) {
			.start = field[0], .pfn = field[1], .pages = field[2],
			.flags = field[3], .page_shift = field[4], .node = field[5],
		};
	} else if (!strcmp(what, "error")) {
		error = field[0];
	}
}

static void replay_file(void)
{
	const char *path = getenv("VMWALK_REPLAY");
	FILE *file = path ? fopen(path, "re") : NULL;
	char line[256], *word, *rest;
	long long field[6];
	unsigned int i;

	if (!file || info.page_size)
		return;
	while (fgets(line, sizeof(line), file)) {
		word = strtok_r(line, " \t\n", &rest);
		for (i = 0; i < 6; i++)
			field[i] = (long long)strtoull(rest, &rest, 0);
		if (word)
			replay_line(word, field);
	}
	fclose(file);
}

static int replay_scan(struct vmwalk_scan *scan)
{
	struct vmwalk_extent *vec = (struct vmwalk_extent *)(uintptr_t)scan->vec;
	unsigned int i;
	int count = 0;

	scan->walk_end = scan->end;
	for (i = 0; i < nr_extents; i++) {
		if (extents[i].start < scan->start || extents[i].start >= scan->end)
			continue;
		if (count == (int)scan->vec_len) {
			scan->walk_end = extents[i].start;
			return count;
		}
		vec[count++] = extents[i];
	}
	if (!error)
		return count;
	if (count) {
		scan->walk_end = vec[count - 1].start + vec[count - 1].pages * info.page_size;
		return count;
	}
	errno = error;
	return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int fd, unsigned long request, ...);
	struct vmwalk_info *to_info;
	struct vmwalk_walk *to_walk;
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);

	replay_file();
	switch (request) {
	case VMWALK_IOC_INFO:
		to_info = arg;
		*to_info = info;
		return 0;
	case VMWALK_IOC_WALK:
		to_walk = arg;
		walk.addr = to_walk->addr;
		*to_walk = walk;
		return 0;
	case VMWALK_IOC_SCAN:
		return replay_scan(arg);
	}
	next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	return next(fd, request, arg);
}
