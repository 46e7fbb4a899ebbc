// SPDX-License-Identifier: GPL-2.0
/*
 * Memory to map: instance buffers and memfds.
 *
 * Copyright (C) The vmwalk authors
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

static void read_line(const char *path, char *line, size_t len)
{
	FILE *file = fopen(path, "re");

	if (!file)
		bench_die("%s: %m", path);
	if (!fgets(line, len, file))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	fclose(file);
}

void bench_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		bench_die("%s: writing %s: %m", path, text);
	close(fd);
}

static void set(const char *attribute, const char *value)
{
	char path[128], error[256];
	int fd;

	snprintf(path, sizeof(path), BENCH_INSTANCE "/%s", attribute);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		bench_die("%s: %m", path);
	if (write(fd, value, strlen(value)) < 0) {
		read_line(BENCH_INSTANCE "/last_error", error, sizeof(error));
		bench_die("%s: writing %s: %s", attribute, value, error);
	}
	close(fd);
}

static bool is_available(const char *type)
{
	char line[256], *word, *rest = line;

	read_line(BENCH_CONFIGFS "/available_buffer_types", line, sizeof(line));
	while ((word = strsep(&rest, " ")))
		if (!strcmp(word, type))
			return true;
	return false;
}

/* Returns the word of an area at an offset, which is a multiple of eight. */
static __u64 word_at(size_t offset)
{
	return offset * 0x9e3779b97f4a7c15ULL + 1;
}

static void fill_page(__u64 *page, size_t offset)
{
	for (size_t i = 0; i < BENCH_PAGE / sizeof(*page); i++)
		page[i] = word_at(offset + i * sizeof(*page));
}

struct bench_area bench_buffer(const char *type, const char *mode, const char *fault_around,
			       size_t size)
{
	struct bench_area area = { .name = "vmwalk", .size = size };
	__u64 page[BENCH_PAGE / sizeof(__u64)];
	char name[64], path[128], value[32];

	if (!is_available(type))
		bench_skip("buffer type %s is not available", type);
	if (mkdir(BENCH_INSTANCE, 0755))
		bench_die("mkdir " BENCH_INSTANCE ": %m");

	snprintf(value, sizeof(value), "%zu", size);
	set("buffer_type", type);
	set("map_mode", mode);
	set("size", value);
	if (fault_around)
		set("fault_around", fault_around);
	set("live", "1");

	read_line(BENCH_INSTANCE "/dev_name", name, sizeof(name));
	snprintf(path, sizeof(path), "/dev/%s", name);
	area.fd = open(path, O_RDWR | O_CLOEXEC);
	if (area.fd < 0)
		bench_die("%s: %m", path);

	for (size_t offset = 0; offset < size; offset += BENCH_PAGE) {
		fill_page(page, offset);
		if (pwrite(area.fd, page, BENCH_PAGE, offset) != (ssize_t)BENCH_PAGE)
			bench_die("writing to the buffer at %zu: %m", offset);
	}
	return area;
}

static struct bench_area make_memfd(const char *name, size_t size, unsigned int flags)
{
	struct bench_area area = { .name = name, .size = size };
	char *map;

	area.fd = memfd_create("bench", MFD_CLOEXEC | flags);
	if (area.fd < 0 || ftruncate(area.fd, size))
		bench_die("%s: %m", name);

	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, area.fd, 0);
	if (map == MAP_FAILED) {
		if (errno != ENOMEM)
			bench_die("%s: mmap: %m", name);
		close(area.fd);
		area.fd = -1;
		return area;
	}

	for (size_t offset = 0; offset < size; offset += BENCH_PAGE)
		fill_page((__u64 *)(map + offset), offset);
	munmap(map, size);
	return area;
}

struct bench_area bench_memfd(size_t size)
{
	struct bench_area area = make_memfd("memfd", size, 0);

	if (area.fd < 0)
		bench_die("not enough memory for a memfd of %zu bytes", size);
	return area;
}

struct bench_area bench_hugetlb(size_t size)
{
	struct bench_area area;
	const unsigned int huge = __builtin_ctzl(BENCH_PMD) << MFD_HUGE_SHIFT;
	char pool[96], before[32], enough[32];

	/* Overcommitted huge pages come from free memory and return to it. */
	snprintf(pool, sizeof(pool),
		 "/sys/kernel/mm/hugepages/hugepages-%zukB/nr_overcommit_hugepages",
		 BENCH_PMD / 1024);
	snprintf(enough, sizeof(enough), "%zu", size / BENCH_PMD);
	read_line(pool, before, sizeof(before));
	bench_write(pool, enough);
	area = make_memfd("memfd_hugetlb", size, MFD_HUGETLB | huge);
	bench_write(pool, before);

	return area;
}

void *bench_map(const struct bench_area *area, int flags)
{
	void *map = mmap(NULL, area->size, PROT_READ | PROT_WRITE, MAP_SHARED | flags, area->fd, 0);

	if (map == MAP_FAILED)
		bench_die("%s: mmap: %m", area->name);
	return map;
}

void bench_unmap(const struct bench_area *area, void *map)
{
	if (munmap(map, area->size))
		bench_die("%s: munmap: %m", area->name);
}

void bench_check(const struct bench_area *area, const void *map)
{
	__u64 held[BENCH_PAGE / sizeof(__u64)], wanted[BENCH_PAGE / sizeof(__u64)];

	for (size_t offset = 0; offset < area->size; offset += BENCH_PAGE) {
		fill_page(wanted, offset);
		if (pread(area->fd, held, BENCH_PAGE, offset) != (ssize_t)BENCH_PAGE)
			bench_die("%s: reading at %zu: %m", area->name, offset);
		if (memcmp(held, wanted, BENCH_PAGE))
			bench_die("%s: read(2) at %zu does not return the data written",
				  area->name, offset);
		if (memcmp((const char *)map + offset, held, BENCH_PAGE))
			bench_die("%s: the mapping and read(2) differ at %zu",
				  area->name, offset);
	}
}

void bench_close(const struct bench_area *area)
{
	if (area->fd >= 0)
		close(area->fd);
	if (!strcmp(area->name, "vmwalk") && rmdir(BENCH_INSTANCE))
		bench_die("rmdir " BENCH_INSTANCE ": %m");
}

static void remove_directories(const char *parent)
{
	struct dirent *entry;
	bool removed;
	DIR *dir;

	/* readdir() may skip entries while others are removed: repeat. */
	do {
		removed = false;
		dir = opendir(parent);
		while (dir && (entry = readdir(dir)))
			if (!strncmp(entry->d_name, "bench", 5))
				removed |= !unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
		if (dir)
			closedir(dir);
	} while (removed);
}

void bench_remove_instances(void)
{
	remove_directories(BENCH_CONFIGFS);
	remove_directories(BENCH_NULL_BLK);
}

void bench_compare_areas(const struct bench_row *row, struct bench_area ours, bool huge,
			 void (*check)(const struct bench_area *area),
			 double (*run)(void *arg), double (*run_anchor)(void *arg))
{
	struct bench_area areas[3] = { ours, bench_memfd(ours.size) };
	struct bench_side sides[3];
	size_t count = 2;

	if (huge) {
		areas[count] = bench_hugetlb(ours.size);
		count += areas[count].fd >= 0;
	}
	for (size_t i = 0; i < count; i++) {
		check(&areas[i]);
		sides[i] = (struct bench_side) {
			.name = areas[i].name,
			.run = i ? run_anchor : run,
			.arg = &areas[i],
		};
	}
	bench_compare(row, sides, count);
	for (size_t i = 0; i < count; i++)
		bench_close(&areas[i]);
}
