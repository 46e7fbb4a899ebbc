// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the device's buffer: each combination of buffer_type, map_mode and
 * cache_mode carries data, or is rejected with a message.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

/* An attribute that selects one of the names that the driver offers */
struct choice {
	const char *attr;
	const char *available;
	char *text;
	const char *name[16];
	bool works[16];   /* in at least one combination */
	bool skipped[16]; /* in at least one combination */
	size_t count;
};

enum { TYPE, MAP, CACHE, CHOICES };

static struct choice choices[CHOICES] = {
	[TYPE] = { "buffer_type", "available_buffer_types" },
	[MAP] = { "map_mode", "available_map_modes" },
	[CACHE] = { "cache_mode", "available_cache_modes" },
};

static void read_choice(struct choice *choice)
{
	char *name;

	choice->text = vmwalk_subsystem_get(choice->available);
	if (!choice->text)
		return;
	for (name = strtok(choice->text, " "); name && choice->count < ARRAY_SIZE(choice->name);
	     name = strtok(NULL, " "))
		choice->name[choice->count++] = name;
}

size_t buffers_count(void)
{
	size_t combinations = 1, values = 0;
	int i;

	for (i = 0; i < CHOICES; i++) {
		if (!choices[i].count)
			read_choice(&choices[i]);
		combinations *= choices[i].count;
		values += choices[i].count;
	}
	return combinations + values;
}

/* 64 pages, enough for a group of contiguous entries; or two PMD entries. */
static size_t size_of(const char *type)
{
	return !strcmp(type, "huge") ? 2 * pmd_size : 64 * page_size;
}

/* The contents of a word of the buffer, different for each word and round */
static __u64 word_at(size_t word, int round)
{
	return (2 * word + round + 1) * 0x9e3779b97f4a7c15;
}

/* Write and compare only every STRIDE-th word. */
#define STRIDE   (512 / sizeof(__u64))
#define WORDS(n) ((n) / sizeof(__u64))

static enum result check_mmap_to_read(int fd, __u64 *map, size_t size)
{
	__u64 page[WORDS(page_size)];
	size_t i, j;

	for (i = 0; i < WORDS(size); i += STRIDE)
		__atomic_store_n(&map[i], word_at(i, 0), __ATOMIC_RELAXED);
	for (i = 0; i < WORDS(size); i += WORDS(page_size)) {
		if (pread(fd, page, page_size, i * sizeof(__u64)) != (ssize_t)page_size)
			return fail("pread at offset %zu: %m", i * sizeof(__u64));
		for (j = 0; j < WORDS(page_size); j += STRIDE)
			if (page[j] != word_at(i + j, 0))
				return fail("read does not see the mapping's write at offset %zu",
					    (i + j) * sizeof(__u64));
	}
	return PASS;
}

static enum result check_write_to_mmap(int fd, const __u64 *map, size_t size)
{
	__u64 page[WORDS(page_size)];
	size_t i, j;

	for (i = 0; i < WORDS(size); i += WORDS(page_size)) {
		for (j = 0; j < WORDS(page_size); j++)
			page[j] = word_at(i + j, 1);
		if (pwrite(fd, page, page_size, i * sizeof(__u64)) != (ssize_t)page_size)
			return fail("pwrite at offset %zu: %m", i * sizeof(__u64));
	}
	for (i = 0; i < WORDS(size); i += STRIDE)
		if (__atomic_load_n(&map[i], __ATOMIC_RELAXED) != word_at(i, 1))
			return fail("the mapping does not see write's data at offset %zu",
				    i * sizeof(__u64));
	return PASS;
}

static enum result check_mapped_pages(const char *device, size_t expected)
{
	__u64 pages;

	if (vmwalk_device_counter(device, "mapped_pages", &pages))
		return fail("mapped_pages: %m");
	if (pages != expected)
		return fail("mapped_pages is %llu, expected %zu", (unsigned long long)pages,
			    expected);
	return PASS;
}

static enum result check_mapping(struct vmwalk_file *file, const char *device, size_t size)
{
	int fd = vmwalk_file_fd(file);
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct region region = { file, map, size / page_size, true };
	enum result result;

	if (map == MAP_FAILED)
		return fail("mmap: %m");
	result = check_mmap_to_read(fd, (__u64 *)map, size);
	if (result == PASS)
		result = check_write_to_mmap(fd, (__u64 *)map, size);
	if (result == PASS)
		result = check_region(&region, VMWALK_PRESENT | VMWALK_WRITE, VMWALK_EXEC);
	if (result == PASS)
		result = check_mapped_pages(device, region.pages);
	munmap(map, size / 2);
	if (result == PASS)
		result = check_mapped_pages(device, region.pages / 2);
	munmap(map + size / 2, size - size / 2);
	if (result == PASS)
		result = check_mapped_pages(device, 0);
	return result;
}

static enum result check_device(struct vmwalk_instance *instance, size_t size)
{
	struct vmwalk_file *file = vmwalk_file_open_by_name(vmwalk_instance_name(instance));
	struct vmwalk_info info;
	enum result result;

	if (!file)
		return fail("open /dev/%s: %m", vmwalk_instance_dev_name(instance));
	if (vmwalk_file_info(file, &info))
		result = fail("INFO: %m");
	else if (info.page_size != page_size || info.buffer_size != size)
		result =
			fail("INFO says page size %u, buffer size %llu; expected %zu and %zu",
			     info.page_size, (unsigned long long)info.buffer_size, page_size, size);
	else
		result = check_mapping(file, vmwalk_instance_dev_name(instance), size);
	vmwalk_file_close(file);
	return result;
}

/* Write 1 to live. Set *@rejected if the driver does not support the combination. */
static enum result publish(struct vmwalk_instance *instance, const char *type, bool *rejected)
{
	const char *message;
	int error;

	if (!vmwalk_instance_set(instance, "live", "1"))
		return PASS;
	error = errno;
	message = vmwalk_instance_last_error(instance);
	if (!message)
		return fail("live: %m, without a message in last_error");
	if (error == ENOMEM || error == EOPNOTSUPP)
		return skip("%s", message);
	if (error != EINVAL || !strstr(message, type))
		return fail("live: %s", message);
	*rejected = true;
	return PASS;
}

static enum result test_combination(const char *const name[CHOICES], bool *rejected)
{
	size_t size = size_of(name[TYPE]);
	struct vmwalk_instance *instance;
	enum result result = PASS;
	char text[32];
	int i;

	if (!can_spare(size))
		return skip("%zu bytes are more than a quarter of the free memory", size);
	instance = make_instance();
	if (!instance)
		return FAIL;
	for (i = 0; i < CHOICES && result == PASS; i++)
		result = set_attribute(instance, choices[i].attr, name[i]);
	snprintf(text, sizeof(text), "%zu", size);
	if (result == PASS)
		result = set_attribute(instance, "size", text);
	if (result == PASS)
		result = publish(instance, name[TYPE], rejected);
	if (result == PASS && !*rejected)
		result = check_device(instance, size);
	return remove_instance(instance, result);
}

static void run_combination(const size_t index[CHOICES])
{
	const char *name[CHOICES];
	bool rejected = false;
	enum result result;
	int i;

	for (i = 0; i < CHOICES; i++)
		name[i] = choices[i].name[index[i]];
	result = test_combination(name, &rejected);
	for (i = 0; i < CHOICES; i++) {
		choices[i].works[index[i]] |= result == PASS && !rejected;
		choices[i].skipped[index[i]] |= result == SKIP;
	}
	report(result, "buffer %s, %s, %s %s", name[TYPE], name[MAP], name[CACHE],
	       rejected ? "is rejected with a message" : "carries data");
}

/* A driver that rejects every combination must not pass. */
static enum result test_value(const struct choice *choice, size_t i)
{
	if (choice->works[i])
		return PASS;
	if (choice->skipped[i])
		return skip("combinations with %s were skipped", choice->name[i]);
	return fail("%s lists %s, but no combination works", choice->available, choice->name[i]);
}

void buffers_run(void)
{
	size_t index[CHOICES], i;
	struct choice *choice;

	for (index[TYPE] = 0; index[TYPE] < choices[TYPE].count; index[TYPE]++)
		for (index[MAP] = 0; index[MAP] < choices[MAP].count; index[MAP]++)
			for (index[CACHE] = 0; index[CACHE] < choices[CACHE].count; index[CACHE]++)
				run_combination(index);
	for (choice = choices; choice < choices + CHOICES; choice++) {
		for (i = 0; i < choice->count; i++)
			report(test_value(choice, i), "%s %s works in a combination", choice->attr,
			       choice->name[i]);
		free(choice->text);
	}
}
