// SPDX-License-Identifier: GPL-2.0
/*
 * Read the same pages through each interface, and compare the results.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "selftest.h"

/* Bits of /proc/PID/pagemap */
#define PAGEMAP_PFN     0x007fffffffffffffULL
#define PAGEMAP_SWAP    0x4000000000000000ULL
#define PAGEMAP_PRESENT 0x8000000000000000ULL

/* The result of an interface for one page */
struct answer {
	__u64 pfn;
	__u32 state;
	__u32 page_shift;
	__u64 extent; /* SCAN: start of the extent */
};

static uintptr_t page_address(const struct region *region, size_t page)
{
	return (uintptr_t)region->start + page * page_size;
}

static int ask_walk(const struct region *region, struct answer *answers)
{
	size_t i;

	for (i = 0; i < region->pages; i++) {
		struct vmwalk_walk walk = { .addr = page_address(region, i) };

		if (vmwalk_file_walk(region->file, &walk))
			return -1;
		answers[i] = (struct answer){ walk.pfn, walk.state, walk.page_shift };
	}
	return 0;
}

static int ask_get_pfn(const struct region *region, struct answer *answers)
{
	size_t i;

	for (i = 0; i < region->pages; i++) {
		if (!vmwalk_file_get_pfn(region->file, page_address(region, i), &answers[i].pfn))
			answers[i].state = VMWALK_PRESENT;
		else if (errno != ENOENT)
			return -1;
	}
	return 0;
}

static int ask_translate(const struct region *region, struct answer *answers)
{
	struct vmwalk_translation *vec = calloc(region->pages, sizeof(*vec));
	int ret = -1;
	size_t i;

	if (!vec)
		return -1;
	for (i = 0; i < region->pages; i++)
		vec[i].addr = page_address(region, i);
	if (vmwalk_file_translate(region->file, vec, region->pages))
		goto out;
	for (i = 0; i < region->pages; i++)
		answers[i] =
			(struct answer){ vec[i].phys / page_size, vec[i].state, vec[i].page_shift };
	ret = 0;
out:
	free(vec);
	return ret;
}

struct scan_output {
	const struct region *region;
	struct answer *answers;
};

static int add_extent(const struct vmwalk_extent *extent, void *data)
{
	const struct scan_output *output = data;
	size_t first = (extent->start - page_address(output->region, 0)) / page_size;
	size_t i;

	for (i = 0; i < extent->pages && first + i < output->region->pages; i++)
		output->answers[first + i] = (struct answer){
			.pfn = extent->pfn ? extent->pfn + i : 0,
			.state = extent->flags,
			.page_shift = extent->page_shift,
			.extent = extent->start,
		};
	return 0;
}

static int ask_scan(const struct region *region, struct answer *answers)
{
	struct scan_output output = { region, answers };
	struct vmwalk_scan scan = {
		.start = page_address(region, 0),
		.end = page_address(region, region->pages),
		.return_mask = VMWALK_STATE_ALL,
	};

	return vmwalk_file_scan(region->file, &scan, add_extent, &output);
}

static int ask_pagemap(const struct region *region, struct answer *answers)
{
	off_t offset = page_address(region, 0) / page_size * sizeof(__u64);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int ret = 0;
	__u64 entry;
	size_t i;

	if (fd < 0)
		return -1;
	for (i = 0; i < region->pages && !ret; i++) {
		if (pread(fd, &entry, sizeof(entry), offset + i * sizeof(entry)) != sizeof(entry))
			ret = -1;
		else if (entry & PAGEMAP_PRESENT)
			answers[i] = (struct answer){ entry & PAGEMAP_PFN, VMWALK_PRESENT, 0 };
		else if (entry & PAGEMAP_SWAP)
			answers[i].state = VMWALK_SWAP;
	}
	close(fd);
	return ret;
}

/* LOCATE gets the pages of the buffer, not those of the mapping. */
static int ask_locate(const struct region *region, struct answer *answers)
{
	size_t i;

	for (i = 0; i < region->pages; i++) {
		struct vmwalk_locate location = { .offset = i * page_size };

		if (vmwalk_file_locate(region->file, &location))
			return -1;
		answers[i] = (struct answer){ location.phys / page_size, VMWALK_PRESENT, 0 };
	}
	return 0;
}

/* The interfaces. The results of all others are compared with those of WALK. */
enum { WALK, GET_PFN, TRANSLATE, SCAN, PAGEMAP, LOCATE, INTERFACES };

static const struct {
	const char *name;
	int (*ask)(const struct region *region, struct answer *answers);
	__u32 flags; /* flags that it reports */
	bool page_shift;
} interfaces[INTERFACES] = {
	[WALK] = { "WALK", ask_walk, VMWALK_STATE_ALL, true },
	[GET_PFN] = { "GET_PFN", ask_get_pfn, VMWALK_PRESENT },
	[TRANSLATE] = { "TRANSLATE", ask_translate, VMWALK_STATE_ALL, true },
	[SCAN] = { "SCAN", ask_scan, VMWALK_STATE_ALL },
	[PAGEMAP] = { "pagemap", ask_pagemap, VMWALK_PRESENT | VMWALK_SWAP },
	[LOCATE] = { "LOCATE", ask_locate, VMWALK_PRESENT },
};

static bool agrees(int interface, const struct answer *answer, const struct answer *walk)
{
	/* The kernel leaves PFN mappings out of pagemap. */
	if (interface == PAGEMAP && walk->state & VMWALK_SPECIAL && !answer->state)
		return true;
	if (answer->pfn != walk->pfn ||
	    answer->state != (walk->state & interfaces[interface].flags))
		return false;
	/* Not all interfaces report the level of an empty entry. */
	return !interfaces[interface].page_shift || !(walk->state & VMWALK_PRESENT) ||
		answer->page_shift == walk->page_shift;
}

static enum result compare(const struct region *region, int interface, const struct answer *answers,
			   const struct answer *walks)
{
	size_t i;

	for (i = 0; i < region->pages; i++) {
		if (agrees(interface, &answers[i], &walks[i]))
			continue;
		return fail("page %zu of %zu: WALK says PFN 0x%llx, state 0x%x, page_shift %u; "
			    "%s says PFN 0x%llx, state 0x%x, page_shift %u",
			    i, region->pages, (unsigned long long)walks[i].pfn, walks[i].state,
			    walks[i].page_shift, interfaces[interface].name,
			    (unsigned long long)answers[i].pfn, answers[i].state,
			    answers[i].page_shift);
	}
	return PASS;
}

/* The page_shift of an extent is that of its smallest entry. */
static enum result check_extents(const struct region *region, const struct answer *answers,
				 const struct answer *walks)
{
	size_t first, end;
	__u32 smallest;

	for (first = 0; first < region->pages; first = end) {
		smallest = walks[first].page_shift;
		for (end = first;
		     end < region->pages && answers[end].extent == answers[first].extent; end++)
			if (walks[end].page_shift < smallest)
				smallest = walks[end].page_shift;
		if (answers[first].extent && answers[first].page_shift != smallest)
			return fail("pages %zu to %zu: SCAN says page_shift %u, WALK %u", first,
				    end - 1, answers[first].page_shift, smallest);
	}
	return PASS;
}

static enum result check_flags(const struct region *region, const struct answer *walks, __u32 has,
			       __u32 lacks)
{
	size_t i;

	for (i = 0; i < region->pages; i++)
		if ((walks[i].state & (has | lacks)) != has)
			return fail("page %zu of %zu: state 0x%x instead of 0x%x and none of 0x%x",
				    i, region->pages, walks[i].state, has, lacks);
	return PASS;
}

static enum result check_once(const struct region *region, __u32 has, __u32 lacks)
{
	struct answer *walks = NULL, *answers;
	enum result result = PASS;
	int i;

	for (i = 0; i < INTERFACES && result == PASS; i++) {
		if (i == LOCATE && !region->buffer)
			continue;
		answers = calloc(region->pages, sizeof(*answers));
		if (!answers)
			result = fail("out of memory");
		else if (interfaces[i].ask(region, answers))
			result = fail("%s: %m", interfaces[i].name);
		else if (i == WALK)
			result = check_flags(region, answers, has, lacks);
		else
			result = compare(region, i, answers, walks);
		if (i == SCAN && result == PASS)
			result = check_extents(region, answers, walks);
		if (i == WALK)
			walks = answers;
		else
			free(answers);
	}
	free(walks);
	return result;
}

enum result check_region(const struct region *region, __u32 has, __u32 lacks)
{
	enum result result = FAIL;
	int i;

	/* The kernel may move pages, or clear accessed bits, between two calls. */
	for (i = 0; i < 5 && result == FAIL; i++)
		result = check_once(region, has, lacks);
	return result;
}
