// SPDX-License-Identifier: GPL-2.0
/*
 * Search of page tables for frames
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>

#include "search.h"

/* 32 MiB. A range of frames may have more mappings than memory can hold. */
#define MAX_HITS 524288UL

/* Ends processes_walk() when all mappings are found; not an exit status */
#define SEARCH_ENDED 256

/* Flags that are shown. Others would split extents. */
#define SHOWN_FLAGS                                                                    \
	(VMWALK_PRESENT | VMWALK_WRITE | VMWALK_EXEC | VMWALK_PROTNONE | VMWALK_FILE | \
	 VMWALK_ZERO | VMWALK_HUGETLB | VMWALK_SPECIAL | VMWALK_HUGE)

static int by_text(const void *a, const void *b)
{
	const struct mapped *left = a, *right = b;
	int order = strcmp(left->perms, right->perms);

	return order ? order : strcmp(left->name, right->name);
}

/* Find or add the struct mapped of a mapping. Returns NULL if memory is short. */
static const struct mapped *find_mapped(struct search *search, const struct mapping *mapping)
{
	struct mapped key = { .name = mapping->name }, *mapped, **found;

	memcpy(key.perms, mapping->perms, sizeof(key.perms));
	found = tfind(&key, &search->mapped, by_text);
	if (found)
		return *found;
	mapped = malloc(sizeof(*mapped));
	if (!mapped)
		return NULL;
	*mapped = key;
	mapped->name = strdup(key.name);
	if (mapped->name && tsearch(mapped, &search->mapped, by_text))
		return mapped;
	free(mapped->name);
	free(mapped);
	return NULL;
}

/* Add the process that is scanned to the owners. Returns -1 if memory is short. */
static int add_owner(struct search *search)
{
	struct owner *owners = search->owners;
	size_t count = search->nr_owners;

	if (search->is_owner)
		return 0;
	if (!(count & (count - 1)))
		owners = realloc(owners, (count ? 2 * count : 1) * sizeof(*owners));
	if (!owners)
		return -1;
	search->owners = owners;
	owners[search->nr_owners++] = (struct owner){
		.process = *search->process,
		.cgroup = process_cgroup(search->process->pid),
	};
	search->is_owner = true;
	return 0;
}

/* Whether a zero page follows zero pages: all of them have the same frame. */
static bool continues(const struct search *search, const struct hit *last, const struct hit *hit)
{
	return hit->flags & VMWALK_ZERO && last->flags == hit->flags && last->pfn == hit->pfn &&
		hit->pages == 1 && last->owner == search->nr_owners - 1 &&
		last->question == hit->question && last->mapped == hit->mapped &&
		last->addr + last->pages * search->questions->page_size == hit->addr;
}

/* Returns -1 with errno set. */
static int add_hit(struct search *search, const struct hit *hit)
{
	size_t count = search->nr_hits;
	struct hit *hits = search->hits;

	if (add_owner(search))
		return -1;
	if (count && continues(search, &hits[count - 1], hit)) {
		hits[count - 1].pages++;
		return 0;
	}
	if (count == MAX_HITS) {
		errno = EFBIG;
		return -1;
	}
	if (!(count & (count - 1)))
		hits = realloc(hits, (count ? 2 * count : 1) * sizeof(*hits));
	if (!hits)
		return -1;
	search->hits = hits;
	hits[search->nr_hits] = *hit;
	hits[search->nr_hits++].owner = search->nr_owners - 1;
	search->questions->vec[hit->question].nr_hits++;
	return 0;
}

/* Match pages of one mapping with the questions. Returns -1 with errno set. */
static int match(struct search *search, const struct hit *part, const struct mapping *mapping)
{
	struct questions *questions = search->questions;
	__u64 start, end, part_end = part->pfn + part->pages;
	size_t i = questions_from(questions, part->pfn);
	struct question *question;
	struct hit hit = *part;

	for (; i < questions->count && questions->vec[i].pfn < part_end; i++) {
		question = &questions->vec[i];
		start = question->pfn > part->pfn ? question->pfn : part->pfn;
		end = question->pfn + question->pages;
		if (end > part_end)
			end = part_end;
		if (start >= end)
			continue;
		hit.question = i;
		hit.pfn = start;
		hit.pages = end - start;
		hit.addr = part->addr + (start - part->pfn) * questions->page_size;
		hit.mapped = mapping ? find_mapped(search, mapping) : NULL;
		if ((mapping && !hit.mapped) || add_hit(search, &hit))
			return -1;
		question->found += hit.pages;
	}
	return 0;
}

static int scan_extent(const struct vmwalk_extent *extent, void *data)
{
	struct search *search = data;
	const struct questions *questions = search->questions;
	const struct mapping *mapping;
	__u64 left = extent->pages;
	struct hit part;
	size_t i;

	if (extent->flags & VMWALK_HIDDEN)
		return failure("the frames of process %d are hidden: " LACKS("CAP_SYS_ADMIN"),
			       search->target->pid);
	/* Almost all extents have other frames. */
	i = questions_from(questions, extent->pfn);
	if (i == questions->count || questions->vec[i].pfn >= extent->pfn + extent->pages)
		return 0;

	part = (struct hit){
		.addr = extent->start,
		.pfn = extent->pfn,
		.flags = extent->flags,
		.page_shift = extent->page_shift,
		.node = extent->node,
	};
	if (!search->maps)
		search->maps = maps_open(search->target->pid);
	for (; left; left -= part.pages) {
		part.pages =
			maps_part(search->maps, part.addr, left, questions->page_size, &mapping);
		if (match(search, &part, mapping))
			return errno == EFBIG
				? failure("more than %lu mappings: use a smaller range", MAX_HITS)
				: failure("%m");
		part.addr += part.pages * questions->page_size;
		part.pfn += part.pages;
	}
	return 0;
}

static bool all_answered(const struct questions *questions)
{
	size_t i;

	for (i = 0; i < questions->count; i++)
		if (!question_is_answered(&questions->vec[i]))
			return false;
	return true;
}

static int scan_process(struct target *target, const struct process *process, void *data)
{
	struct vmwalk_scan scan = {
		.end = UINT64_MAX,
		.category_mask = VMWALK_PRESENT,
		.return_mask = SHOWN_FLAGS,
	};
	struct search *search = data;
	int status, error;

	search->target = target;
	search->process = process;
	search->is_owner = false;
	status = vmwalk_file_scan(target->file, &scan, scan_extent, search);
	error = errno;
	maps_close(search->maps);
	search->maps = NULL;
	if (progress_due())
		progress_print("find: %zu of %zu processes", search->processes.walked,
			       search->processes.count);
	if (!status && all_answered(search->questions))
		status = SEARCH_ENDED;
	errno = error;
	return status;
}

static int by_question(const void *a, const void *b)
{
	const struct hit *left = a, *right = b;

	if (left->question != right->question)
		return left->question < right->question ? -1 : 1;
	if (left->owner != right->owner)
		return left->owner < right->owner ? -1 : 1;
	return left->addr < right->addr ? -1 : left->addr > right->addr;
}

/* Whether all pages of a hit, or its first zero page, are still mapped */
static bool still_there(const struct search *search, struct target *target, const struct hit *hit)
{
	__u32 page_size = search->questions->page_size;
	struct vmwalk_extent extent[2];
	struct vmwalk_scan scan = {
		.start = hit->addr,
		.end = hit->addr + hit->pages * page_size,
		.vec = (uintptr_t)extent,
		.vec_len = ARRAY_SIZE(extent),
		.category_mask = VMWALK_PRESENT,
		.return_mask = VMWALK_PRESENT,
	};

	if (vmwalk_file_extents(target->file, &scan) < 1)
		return false;
	return extent->start == hit->addr && extent->pfn == hit->pfn &&
		(extent->pages == hit->pages || hit->flags & VMWALK_ZERO);
}

/* Check whether the hits of one process are still mapped. */
static void look_again(struct search *search, struct hit *hits, size_t count)
{
	struct target *target = &search->processes.target;
	const struct process *process = &search->owners[hits->owner].process;
	bool same = true;
	size_t i;

	if (target->temporary)
		same = !target_set(target, process->pid) && process_is_same(process);
	for (i = 0; i < count; i++)
		if (!same || !still_there(search, target, &hits[i])) {
			hits[i].gone = true;
			search->questions->vec[hits[i].question].gone += hits[i].pages;
		}
}

/* Hits are in the order of their owners while the search runs. */
static void look_at_all_again(struct search *search)
{
	struct hit *hits = search->hits;
	size_t i, next, count = search->nr_hits;

	for (i = 0; i < count; i = next) {
		for (next = i; next < count && hits[next].owner == hits[i].owner; next++)
			;
		look_again(search, hits + i, next - i);
	}
}

int search_run(struct search *search, struct questions *questions,
	       const struct process_filter *filter)
{
	size_t i, first = 0;
	int status;

	*search = (struct search){ .questions = questions };
	if (all_answered(questions))
		return EXIT_SUCCESS;
	status = processes_select(&search->processes, filter);
	if (status)
		return status;
	progress_start();
	status = processes_walk(&search->processes, scan_process, search);
	progress_end();
	if (status == SEARCH_ENDED) {
		search->processes.walked++;
		status = EXIT_SUCCESS;
	}
	search->failed = status;
	if (status)
		return status;
	look_at_all_again(search);
	if (search->nr_hits)
		qsort(search->hits, search->nr_hits, sizeof(*search->hits), by_question);
	for (i = 0; i < questions->count; i++) {
		questions->vec[i].first = first;
		first += questions->vec[i].nr_hits;
	}
	return EXIT_SUCCESS;
}

static void free_mapped(void *data)
{
	struct mapped *mapped = data;

	free(mapped->name);
	free(mapped);
}

void search_free(struct search *search)
{
	size_t i;

	for (i = 0; i < search->nr_owners; i++)
		free(search->owners[i].cgroup);
	free(search->owners);
	free(search->hits);
	tdestroy(search->mapped, free_mapped);
	processes_free(&search->processes);
}
