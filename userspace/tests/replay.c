// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded stand-in for the device, to test the vmwalk command without the
 * driver: answers vmwalk's ioctls on any descriptor from the text file
 * $VMWALK_REPLAY. Each line is one of
 *
 *   info PAGE_SIZE PAGING_LEVELS TARGET_PID
 *   walk STATE PAGE_SHIFT STOP_LEVEL STOP PFN PHYS
 *   level TABLE ENTRY INDEX FLAGS
 *   translation ADDR PHYS STATE PAGE_SHIFT NODE
 *   extent START PFN PAGES FLAGS PAGE_SHIFT NODE
 *   repeat COUNT STRIDE
 *   next
 *   vma START END VM_FLAGS PAGE_PROT PGOFF INODE DEV_MAJOR DEV_MINOR ATTRS PAGE_SHIFT
 *   gate ADDR
 *   process PID
 *   error ERRNO
 *
 * Fields are those of vmwalk.h, as numbers that strtoull(3) parses.
 *
 * level	belongs to the walk, from pgd down. Walks of addresses in the
 *		upper half of the address space need VMWALK_WALK_KERNEL.
 * translation	Other addresses are not mapped.
 * extent, vma	in address order. A scan returns the extents in its range, and
 *		the part in its range of an extent that begins before; with
 *		VMWALK_SCAN_PAGEMAP the entries of their pages, and soft-dirty
 *		empty pages.
 * next	The following extents replace the previous ones in the second scan
 *		that starts at address 0, and so on.
 * repeat	adds COUNT copies of the last extent, each STRIDE bytes further
 * gate		Scans that reach an extent at or above ADDR, and VMA look-ups
 *		there, wait until the FIFO $VMWALK_REPLAY_GATE is opened.
 * process	The lines up to the next process line are for this target only.
 * error	fails walks and translations, and scans and VMA look-ups that
 *		find nothing more
 *
 * If $VMWALK_REPLAY_CLOCK is set, CLOCK_MONOTONIC starts at 1 s. A scan that starts
 * at address 0 takes so many milliseconds of it, and a sleep as long as it should,
 * but both end at once. If $VMWALK_REPLAY_GATE is set, too, a sleep ends when the
 * FIFO is opened.
 *
 * It also stands in for configfs: a directory that is created in the captured
 * tree gets the attributes of an instance, whose device is vmwalk9, and can be
 * removed with them.
 *
 * Copyright (C) The vmwalk authors
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/vmwalk.h>

static struct vmwalk_info info;
static struct vmwalk_walk walk;
static struct vmwalk_extent *all_extents, *extents;
static struct vmwalk_translation translations[16];
static struct vmwalk_vma *vmas;
static unsigned int nr_levels, nr_extents, nr_all_extents, nr_translations, nr_vmas;
static unsigned int phases[16], nr_phases, phase; /* extents up to each "next" */
static bool scanned;
static __u64 repeats, stride;
static __u64 gate;
static int error;

/* The instance that was created last: a command has one. */
static char item[512];

/* Ensure capacity for one more element. The size is a power of two. */
static void *grow(void *vec, unsigned int count, size_t size)
{
	if (count & (count - 1))
		return vec;
	vec = realloc(vec, (count ? 2 * count : 1) * size);
	if (!vec)
		abort();
	return vec;
}

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
	} else if (!strcmp(what, "extent")) {
		nr_extents += !nr_phases;
		all_extents = grow(all_extents, nr_all_extents, sizeof(*all_extents));
		extents = all_extents;
		all_extents[nr_all_extents++] = (struct vmwalk_extent){
			.start = field[0],
			.pfn = field[1],
			.pages = field[2],
			.flags = field[3],
			.page_shift = field[4],
			.node = field[5],
		};
	} else if (!strcmp(what, "next") && nr_phases < 16) {
		phases[nr_phases++] = nr_all_extents;
	} else if (!strcmp(what, "repeat")) {
		repeats = field[0];
		stride = field[1];
	} else if (!strcmp(what, "translation") && nr_translations < 16) {
		translations[nr_translations++] = (struct vmwalk_translation){
			.addr = field[0],
			.phys = field[1],
			.state = field[2],
			.page_shift = field[3],
			.node = field[4],
		};
	} else if (!strcmp(what, "vma")) {
		vmas = grow(vmas, nr_vmas, sizeof(*vmas));
		vmas[nr_vmas++] = (struct vmwalk_vma){
			.start = field[0],
			.end = field[1],
			.vm_flags = field[2],
			.page_prot = field[3],
			.pgoff = field[4],
			.inode = field[5],
			.dev_major = field[6],
			.dev_minor = field[7],
			.attrs = field[8],
			.page_shift = field[9],
		};
	} else if (!strcmp(what, "gate")) {
		gate = field[0];
	} else if (!strcmp(what, "error")) {
		error = field[0];
	}
}

/* The target of the instance that was created, or 0 */
static long long current_target(void)
{
	char path[sizeof(item) + 16], number[16] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/target_pid", item);
	file = *item ? fopen(path, "re") : NULL;
	if (!file)
		return 0;
	if (!fgets(number, sizeof(number), file))
		number[0] = '\0';
	fclose(file);
	return strtoll(number, NULL, 10);
}

static void replay_file(void)
{
	static long long target = -1;
	const char *path = getenv("VMWALK_REPLAY");
	long long field[10], now = current_target();
	char line[256], *word, *rest;
	bool applies = true;
	unsigned int i;
	FILE *file;

	if (now == target)
		return;
	target = now;
	nr_extents = 0;
	nr_vmas = 0;
	nr_translations = 0;
	nr_levels = 0;
	nr_all_extents = 0;
	nr_phases = 0;
	phase = 0;
	extents = all_extents;
	scanned = false;
	repeats = 0;
	error = 0;
	file = path ? fopen(path, "re") : NULL;
	while (file && fgets(line, sizeof(line), file)) {
		word = strtok_r(line, " \t\n", &rest);
		for (i = 0; i < 10; i++)
			field[i] = (long long)strtoull(rest, &rest, 0);
		if (word && !strcmp(word, "process"))
			applies = field[0] == target;
		else if (word && applies)
			replay_line(word, field);
	}
	if (file)
		fclose(file);
}

/* The path of a file, from the descriptor of its directory and its name */
static void path_at(char *path, size_t size, int dir, const char *name)
{
	char link[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	len = readlink(link, path, size - 1);
	path[len < 0 ? 0 : len] = '\0';
	snprintf(path + strlen(path), size - strlen(path), "/%s", name);
}

static const struct {
	const char *name, *value;
} attributes[] = {
	{ "dev_name", "vmwalk9" }, { "live", "0" },      { "size", "4096" },
	{ "target_pid", "0" },     { "last_error", "" }, {},
};

int mkdirat(int dir, const char *name, mode_t mode)
{
	int (*next)(int dir, const char *name, mode_t mode);
	size_t i, len;
	int fd;

	next = (int (*)(int, const char *, mode_t))dlsym(RTLD_NEXT, "mkdirat");
	if (next(dir, name, mode))
		return -1;
	path_at(item, sizeof(item) - 16, dir, name);
	len = strlen(item);
	for (i = 0; attributes[i].name; i++) {
		snprintf(item + len, sizeof(item) - len, "/%s", attributes[i].name);
		fd = open(item, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		dprintf(fd, "%s\n", attributes[i].value);
		close(fd);
	}
	item[len] = '\0';
	return 0;
}

int unlinkat(int dir, const char *name, int flags)
{
	int (*next)(int dir, const char *name, int flags);
	char path[sizeof(item)];
	size_t i, len;

	next = (int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat");
	path_at(path, sizeof(path) - 16, dir, name);
	len = strlen(path);
	for (i = 0; flags & AT_REMOVEDIR && attributes[i].name; i++) {
		snprintf(path + len, sizeof(path) - len, "/%s", attributes[i].name);
		unlink(path);
	}
	return next(dir, name, flags);
}

static int fail(int errnum)
{
	errno = errnum;
	return -1;
}

/* Returns a descriptor, or -1 if there is no gate. */
static int open_fifo(void)
{
	const char *path = getenv("VMWALK_REPLAY_GATE");

	return path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

static void wait_at_gate(__u64 addr)
{
	int fd;

	if (!gate || addr < gate || !getenv("VMWALK_REPLAY_GATE"))
		return;
	gate = 0;
	fd = open_fifo();
	if (fd >= 0)
		close(fd);
}

/* Clock */

#define SECOND 1000000000ULL

static __u64 clock_now = SECOND; /* in nanoseconds */

int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (clock != CLOCK_MONOTONIC || !getenv("VMWALK_REPLAY_CLOCK"))
		return (int)syscall(SYS_clock_gettime, clock, time);
	time->tv_sec = clock_now / SECOND;
	time->tv_nsec = clock_now % SECOND;
	return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
	char byte;
	int fd;

	if (!getenv("VMWALK_REPLAY_CLOCK"))
		return syscall(SYS_clock_nanosleep, clock, flags, time, left) ? errno : 0;
	clock_now += time->tv_sec * SECOND + time->tv_nsec;
	fd = open_fifo();
	/* The next sleep must not end because this writer is still there. */
	while (fd >= 0 && read(fd, &byte, 1) > 0)
		;
	if (fd >= 0)
		close(fd);
	return 0;
}

static void take_time(void)
{
	const char *milliseconds = getenv("VMWALK_REPLAY_CLOCK");

	if (milliseconds)
		clock_now += strtoull(milliseconds, NULL, 10) * (SECOND / 1000);
}

/* Repeated extents are not stored: tests measure the command's memory use. */
static struct vmwalk_extent extent_at(__u64 i)
{
	struct vmwalk_extent extent;
	__u64 beyond = i - (nr_extents - 1);

	if (i < nr_extents)
		return extents[i];
	extent = extents[nr_extents - 1];
	extent.start += beyond * stride;
	extent.pfn += beyond * (stride / info.page_size);
	return extent;
}

/* Index of the first extent that starts at or above an address */
static __u64 extent_from(__u64 addr)
{
	__u64 i = 0;

	while (i < nr_extents && extents[i].start < addr)
		i++;
	if (nr_extents && i == nr_extents && repeats)
		i += (addr - extents[nr_extents - 1].start - 1) / stride;
	return i;
}

/* Drop the pages of an extent that are outside of the range. */
static void clip(struct vmwalk_extent *extent, const struct vmwalk_scan *scan)
{
	__u64 before = 0, after = extent->start + extent->pages * info.page_size;

	if (extent->start < scan->start)
		before = (scan->start - extent->start) / info.page_size;
	if (after > scan->end)
		extent->pages -= (after - scan->end) / info.page_size;
	extent->start += before * info.page_size;
	extent->pages -= before;
	if (extent->pfn)
		extent->pfn += before;
}

/* Switch to the extents of the next scan, if there are any. */
static void next_phase(void)
{
	unsigned int end;

	if (scanned && phase < nr_phases) {
		phase++;
		end = phase < nr_phases ? phases[phase] : nr_all_extents;
		extents = all_extents + phases[phase - 1];
		nr_extents = end - phases[phase - 1];
	}
	scanned = true;
}

static int replay_scan(struct vmwalk_scan *scan)
{
	struct vmwalk_extent *vec = (struct vmwalk_extent *)(uintptr_t)scan->vec;
	struct vmwalk_extent extent;
	int count = 0;
	__u64 i;

	if (!scan->start) {
		next_phase();
		take_time();
	}
	scan->walk_end = scan->end;
	i = extent_from(scan->start);
	if (i) {
		extent = extent_at(i - 1);
		if (extent.start + extent.pages * info.page_size > scan->start)
			i--;
	}
	for (; i < nr_extents + repeats; i++) {
		extent = extent_at(i);
		if (extent.start >= scan->end)
			break;
		clip(&extent, scan);
		if (count == (int)scan->vec_len) {
			scan->walk_end = extent.start;
			return count;
		}
		wait_at_gate(extent.start);
		vec[count++] = extent;
	}
	if (!error)
		return count;
	if (count) {
		scan->walk_end = vec[count - 1].start + vec[count - 1].pages * info.page_size;
		return count;
	}
	return fail(error);
}

static int replay_pagemap(struct vmwalk_scan *scan)
{
	__u64 *vec = (__u64 *)(uintptr_t)scan->vec;
	__u64 addr = scan->start, i = 0, page;
	struct vmwalk_extent extent;
	int count = 0;

	if (error)
		return fail(error);
	for (; addr < scan->end && count < (int)scan->vec_len; addr += info.page_size) {
		for (; i < nr_extents + repeats; i++) {
			extent = extent_at(i);
			if (addr < extent.start + extent.pages * info.page_size)
				break;
		}
		vec[count] = 1ULL << 55;
		if (i < nr_extents + repeats && extent.start <= addr) {
			page = (addr - extent.start) / info.page_size;
			if (extent.flags & VMWALK_PRESENT)
				vec[count] = 1ULL << 63 | (extent.pfn ? extent.pfn + page : 0);
			else
				vec[count] = 1ULL << 62;
			if (extent.flags & VMWALK_FILE)
				vec[count] |= 1ULL << 61;
		}
		count++;
	}
	scan->walk_end = addr;
	return count;
}

static int replay_walk(struct vmwalk_walk *arg)
{
	__u32 flags = arg->addr >> 63 ? VMWALK_WALK_KERNEL : 0;

	if (arg->flags != flags)
		return fail(EINVAL);
	if (error)
		return fail(error);
	walk.addr = arg->addr;
	*arg = walk;
	return 0;
}

static int replay_translate(const struct vmwalk_translate *translate)
{
	struct vmwalk_translation *vec = (struct vmwalk_translation *)(uintptr_t)translate->vec;
	__u64 i;
	unsigned int known;

	if (error)
		return fail(error);
	for (i = 0; i < translate->vec_len; i++) {
		vec[i] = (struct vmwalk_translation){ .addr = vec[i].addr, .node = -1 };
		for (known = 0; known < nr_translations; known++)
			if (translations[known].addr == vec[i].addr)
				vec[i] = translations[known];
	}
	return 0;
}

static int replay_vma(struct vmwalk_vma *arg)
{
	/* Look-ups mostly ascend. */
	static unsigned int last;
	unsigned int i;

	wait_at_gate(arg->addr);
	if (last >= nr_vmas || vmas[last].start > arg->addr)
		last = 0;
	for (i = last; i < nr_vmas; i++) {
		if (vmas[i].end <= arg->addr)
			continue;
		last = i;
		vmas[i].size = arg->size;
		vmas[i].addr = arg->addr;
		*arg = vmas[i];
		return 0;
	}
	return fail(error ? error : ENOENT);
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int fd, unsigned long request, ...);
	struct vmwalk_scan *scan;
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);

	replay_file();
	switch (request) {
	case VMWALK_IOC_INFO:
		*(struct vmwalk_info *)arg = info;
		return 0;
	case VMWALK_IOC_WALK:
		return replay_walk(arg);
	case VMWALK_IOC_TRANSLATE:
		return replay_translate(arg);
	case VMWALK_IOC_SCAN:
		scan = arg;
		return scan->flags & VMWALK_SCAN_PAGEMAP ? replay_pagemap(scan) : replay_scan(scan);
	case VMWALK_IOC_VMA:
		return replay_vma(arg);
	}
	next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	return next(fd, request, arg);
}
