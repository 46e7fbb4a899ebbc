// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk find: text
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>

#include "find.h"

/* Rows of a question in a table, without --every */
#define MAX_ROWS 10

/* Names of processes that are left out of a table */
#define MAX_NAMES 10

/* The frame */

/* "20000 free, 5000 anonymous"; only the kind for one frame. The caller frees it. */
static char *kinds_text(const struct question *question)
{
	char *one, *more, *all = NULL;
	size_t kind;

	if (!question->known)
		return strdup(kpage_kind_name(KPAGE_UNKNOWN));
	for (kind = 0; kind < KPAGE_KINDS; kind++) {
		if (!question->kinds[kind])
			continue;
		one = question->pages == 1
			? strdup(kpage_kind_name(kind))
			: text("%llu %s", question->kinds[kind], kpage_kind_name(kind));
		more = one ? text("%s%s%s", all ? all : "", all ? ", " : "", one) : NULL;
		free(one);
		free(all);
		all = more;
	}
	return all;
}

static const char *plural(__u64 count)
{
	return count == 1 ? "" : "s";
}

/* Print the line of the log that contains the address, and a note on its format. */
static void print_source(const struct find *find, const struct question *question)
{
	if (question->source) {
		printf("  from line %lu: ", question->line);
		print_escaped(stdout, question->source);
		if (question->lines > 1)
			printf(" (and %zu more line%s)", question->lines - 1,
			       plural(question->lines - 1));
		putchar('\n');
	}
	if (question->bank && find->amd)
		printf("  note: this may not be a system physical address:\n"
		       "  memory controllers of AMD (UMC) log normalized addresses:\n"
		       "  see \"Before you search\" in vmwalk-find(1)\n");
}

static void print_cgroup(const struct question *question)
{
	char *path = question->cgroup ? kpage_cgroup_path(question->cgroup) : NULL;

	if (path && question->pages == 1) {
		printf("; cgroup ");
		print_escaped(stdout, path);
	}
	free(path);
}

static void print_flags(const struct question *question)
{
	bool one = question->known && question->pages == 1;
	char *names = one ? kpage_flag_names(question->flags) : NULL;

	if (names && *names)
		printf("  flags: %s\n", names);
	free(names);
}

static void print_resource(__u64 addr)
{
	char *name = kpage_resource(addr);

	if (name) {
		printf("  in /proc/iomem: ");
		print_escaped(stdout, name);
		putchar('\n');
	}
	free(name);
}

static void print_frame(const struct find *find, const struct question *question)
{
	__u64 addr = question->pfn * find->questions.page_size;
	char *kinds = kinds_text(question);
	int node = kpage_node(addr);

	if (question->range)
		printf("0x%llx-0x%llx\n", question->start, question->end);
	else
		printf("0x%llx\n", question->start);
	print_source(find, question);
	if (question->pages == 1)
		printf("  frame 0x%llx", question->pfn);
	else
		printf("  %llu frames from 0x%llx on", question->pages, question->pfn);
	if (node >= 0)
		printf(", node %d", node);
	printf(": %s", kinds ? kinds : "");
	if (question->known && question->counted)
		printf("; %llu mapping%s", question->mappings, plural(question->mappings));
	print_cgroup(question);
	putchar('\n');
	print_flags(question);
	if (question->kinds[KPAGE_NOT_RAM])
		print_resource(addr);
	free(kinds);
}

/* Print the result of a search without hits. */
static void print_unmapped(const struct find *find, const struct question *question)
{
	if (find_is_incomplete(find, question))
		printf("  not found, but the search is incomplete\n");
	else if (question_is_unmapped(question))
		printf("  not mapped by any process\n");
	else
		printf("  not found in the processes that were searched\n");
	if (question->kinds[KPAGE_POISONED])
		printf("  the kernel has unmapped the poisoned memory:\n"
		       "  the processes that mapped it can't be found any more\n");
}

/* Rows */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * "204 postgres, 2 pg_dump": number of processes per name, and in total for the
 * names beyond MAX_NAMES. Returns NULL if memory is short. The caller frees it.
 */
static char *owners_text(const struct find *find, const struct hit *hits, size_t count)
{
	const char **names = malloc(count * sizeof(*names));
	size_t i, next, nr_names = 0, shown = 0;
	struct buffer all = {};
	char *one;

	/* The hits of one process follow each other. */
	for (i = 0; names && i < count; i++)
		if (!i || hits[i].owner != hits[i - 1].owner)
			names[nr_names++] = find->search.owners[hits[i].owner].process.comm;
	if (names)
		qsort(names, nr_names, sizeof(*names), by_name);
	for (i = 0; i < nr_names; i = next) {
		for (next = i; next < nr_names && !strcmp(names[i], names[next]); next++)
			;
		if (shown++ == MAX_NAMES)
			next = nr_names;
		one = text("%s%zu %s", i ? ", " : "", next - i,
			   shown > MAX_NAMES ? "with other names" : names[i]);
		if (one)
			buffer_add(&all, one, strlen(one));
		free(one);
	}
	free(names);
	buffer_add(&all, "", 1);
	if (all.failed)
		buffer_free(&all);
	return all.text;
}

/* Print a line for the hits from @hits on, which the table leaves out. */
static void print_rest(const struct find *find, const struct hit *hits, size_t count)
{
	char *names = owners_text(find, hits, count);

	printf("... %zu more, by process: ", count);
	print_escaped(stdout, names ? names : "");
	printf(" (--every shows them)\n");
	free(names);
}

static int print_question(const struct find *find, const struct question *question)
{
	const struct hit *hits = find->search.hits + question->first;
	size_t shown = question->nr_hits;
	int status;

	print_frame(find, question);
	if (!question->nr_hits) {
		print_unmapped(find, question);
		return EXIT_SUCCESS;
	}
	if (!find->every && shown > MAX_ROWS + 1)
		shown = MAX_ROWS;
	status = find_table(find, hits, shown);
	if (status)
		return status;
	if (shown < question->nr_hits)
		print_rest(find, hits + shown, question->nr_hits - shown);
	if (question->gone)
		printf("%llu of these %llu mappings no longer existed at the end of the search\n",
		       question->gone, question->found);
	else
		printf("all of these mappings still existed at the end of the search\n");
	if (question->counted && question->exact && question->found < question->mappings)
		printf("the kernel counted %llu mappings:\n"
		       "the others belong to vmwalk itself, or changed during the search\n",
		       question->mappings);
	return EXIT_SUCCESS;
}

void find_kernel_text(const struct find *find)
{
	size_t i;

	for (i = 0; i < find->questions.count; i++)
		print_frame(find, &find->questions.vec[i]);
}

int find_text(const struct find *find)
{
	const struct questions *questions = &find->questions;
	int status = EXIT_SUCCESS;
	size_t i;

	for (i = 0; !status && i < questions->count; i++) {
		status = print_question(find, &questions->vec[i]);
		putchar('\n');
	}
	if (questions->lines)
		printf("%zu line%s without a physical address\n", questions->lines,
		       plural(questions->lines));
	if (questions->unknown)
		printf("%zu line%s with address 0: not reported by the hardware\n",
		       questions->unknown, plural(questions->unknown));
	processes_print(stdout, &find->search.processes);
	putchar('\n');
	return status;
}
