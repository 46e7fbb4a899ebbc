// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk find: the addresses to search for, from operands or a log
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>

#include <linux/kernel-page-flags.h>

#include "logline.h"
#include "question.h"

/* Entries of /proc/kpageflags and the other files to read at once */
#define BATCH 1024

#define NOT_A_PFN "is not a hexadecimal PFN, or its address exceeds 64 bits"

static int add(struct questions *questions, const struct question *question)
{
	struct question *vec = questions->vec;
	size_t count = questions->count;

	/* The size doubles whenever the count reaches a power of two. */
	if (!(count & (count - 1)))
		vec = realloc(vec, (count ? 2 * count : 1) * sizeof(*vec));
	if (!vec)
		return failure("%m");
	questions->vec = vec;
	vec[questions->count++] = *question;
	return EXIT_SUCCESS;
}

/* Set the frames of a question from its addresses. */
static void set_frames(struct question *question, __u32 page_size)
{
	question->pfn = question->start / page_size;
	question->pages = 1;
	/* Round to whole frames: ranges in /proc/iomem end with ...fff. */
	if (question->range)
		question->pages = (question->end - 1) / page_size + 1 - question->pfn;
}

static bool parse_number(const struct questions *questions, const char *text, __u64 *addr)
{
	if (!parse_address(text, addr))
		return false;
	if (!questions->pfn)
		return true;
	if (*addr > UINT64_MAX / questions->page_size)
		return false;
	*addr *= questions->page_size;
	return true;
}

enum parsed { PARSED, NOT_A_NUMBER, NOT_A_RANGE };

static enum parsed parse_question(const struct questions *questions, const char *text,
				  struct question *question)
{
	const char *dash = strchr(text, '-');
	char start[32];

	if (!dash)
		return parse_number(questions, text, &question->start) ? PARSED : NOT_A_NUMBER;
	if ((size_t)(dash - text) >= sizeof(start))
		return NOT_A_NUMBER;
	memcpy(start, text, dash - text);
	start[dash - text] = '\0';
	question->range = true;
	if (!parse_number(questions, start, &question->start) ||
	    !parse_number(questions, dash + 1, &question->end))
		return NOT_A_NUMBER;
	return question->start < question->end ? PARSED : NOT_A_RANGE;
}

int questions_add(struct questions *questions, const char *text)
{
	struct question question = {};

	switch (parse_question(questions, text, &question)) {
	case NOT_A_NUMBER:
		return usage_failure("'%s' %s", text, questions->pfn ? NOT_A_PFN : NOT_AN_ADDRESS);
	case NOT_A_RANGE:
		return usage_failure("'%s': the start of the range is not below its end", text);
	case PARSED:
		break;
	}
	set_frames(&question, questions->page_size);
	return add(questions, &question);
}

/* Returns an exit status. */
static int read_line(struct questions *questions, char *line, unsigned long number)
{
	struct question question = { .line = number, .lines = 1 };
	struct logged logged;

	line += strspn(line, " \t");
	line[strcspn(line, "\r\n")] = '\0';
	if (parse_question(questions, line, &question) == PARSED) {
		set_frames(&question, questions->page_size);
		question.source = strdup(line);
		return question.source ? add(questions, &question) : failure("%m");
	}
	switch (logline_parse(line, questions->page_size, &logged)) {
	case LOGLINE_NONE:
		questions->lines++;
		return EXIT_SUCCESS;
	case LOGLINE_UNKNOWN:
		questions->unknown++;
		return EXIT_SUCCESS;
	case LOGLINE_ADDRESS:
		break;
	}
	question.range = false;
	question.start = logged.addr;
	question.bank = logged.bank;
	set_frames(&question, questions->page_size);
	question.source = strndup(logged.text, logged.len);
	return question.source ? add(questions, &question) : failure("%m");
}

int questions_read(struct questions *questions)
{
	unsigned long number = 0;
	int status = EXIT_SUCCESS;
	char *line = NULL;
	size_t size = 0;

	while (!status && getline(&line, &size, stdin) >= 0)
		status = read_line(questions, line, ++number);
	free(line);
	if (!status && ferror(stdin))
		status = failure("standard input: %m");
	if (!status && !questions->count && questions->unknown)
		status = failure("standard input: lines with address 0: %zu; "
				 "the hardware did not report the address",
				 questions->unknown);
	else if (!status && !questions->count)
		status = failure("standard input: no physical address in %lu lines; "
				 "see FORMATS in vmwalk-find(1)",
				 number);
	return status;
}

static int by_frame(const void *a, const void *b)
{
	const struct question *left = a, *right = b;

	if (left->pfn != right->pfn)
		return left->pfn < right->pfn ? -1 : 1;
	if (left->pages != right->pages)
		return left->pages < right->pages ? -1 : 1;
	return left->line < right->line ? -1 : left->line > right->line;
}

/* Merge questions about the same frames: a log has a line for each error. */
static void merge(struct questions *questions)
{
	struct question *last = NULL, *question;
	size_t i, count = 0;

	for (i = 0; i < questions->count; i++) {
		question = &questions->vec[i];
		if (last && last->pfn == question->pfn && last->pages == question->pages) {
			last->lines += question->lines;
			free(question->source);
			continue;
		}
		last = &questions->vec[count++];
		*last = *question;
	}
	questions->count = count;
}

/* Add the kernel's description of a frame. */
static void add_frame(struct question *question, __u64 flags, __u64 mappings)
{
	static const __u64 compound = 1ULL << KPF_COMPOUND_HEAD | 1ULL << KPF_COMPOUND_TAIL;
	enum kpage_kind kind = kpage_kind(flags);

	question->kinds[kind]++;
	question->mappings += mappings;
	question->counted &= kpage_is_counted(kind);
	question->exact &= !(flags & compound);
}

static void ask_kernel(struct question *question, const struct kpages *kpages)
{
	__u64 flags[BATCH], counts[BATCH], done = 0, left;
	ssize_t i, got, counted;

	question->known = true;
	question->counted = true;
	question->exact = true;
	if (kpages_read(kpages->flags, question->pfn, &question->flags, 1) != 1)
		question->flags = 1ULL << KPF_NOPAGE;
	if (kpages_read(kpages->cgroup, question->pfn, &question->cgroup, 1) != 1)
		question->cgroup = 0;
	while (done < question->pages) {
		left = question->pages - done;
		if (left > BATCH)
			left = BATCH;
		/* Read the count last: it then includes a frame that was mapped meanwhile. */
		got = kpages_read(kpages->flags, question->pfn + done, flags, left);
		counted = kpages_read(kpages->count, question->pfn + done, counts, left);
		if (got < 0) {
			question->known = false;
			question->counted = false;
			return;
		}
		if (counted < got)
			question->counted = false;
		for (i = 0; i < got; i++)
			add_frame(question, flags[i], i < counted ? counts[i] : 0);
		done += got;
		/* Beyond the end of memory */
		if (!got) {
			question->kinds[KPAGE_NOT_RAM] += question->pages - done;
			question->counted = false;
			return;
		}
	}
}

int questions_prepare(struct questions *questions)
{
	struct kpages kpages;
	__u64 end, reach = 0;
	size_t i;

	qsort(questions->vec, questions->count, sizeof(*questions->vec), by_frame);
	merge(questions);
	questions->reach = calloc(questions->count, sizeof(*questions->reach));
	if (!questions->reach)
		return failure("%m");

	kpages_open(&kpages);
	if (kpages.error)
		fprintf(stderr, "vmwalk: find: %s: /proc/kpageflags: %s\n",
			"the use of the frames is unknown", strerror(kpages.error));
	for (i = 0; i < questions->count; i++) {
		if (!kpages.error)
			ask_kernel(&questions->vec[i], &kpages);
		end = questions->vec[i].pfn + questions->vec[i].pages;
		if (end > reach)
			reach = end;
		questions->reach[i] = reach;
	}
	kpages_close(&kpages);
	return EXIT_SUCCESS;
}

void questions_free(struct questions *questions)
{
	size_t i;

	for (i = 0; i < questions->count; i++)
		free(questions->vec[i].source);
	free(questions->vec);
	free(questions->reach);
}

size_t questions_from(const struct questions *questions, __u64 pfn)
{
	size_t low = 0, high = questions->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (questions->reach[middle] > pfn)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

bool question_is_unmapped(const struct question *question)
{
	return question->counted && !question->mappings;
}

bool question_is_answered(const struct question *question)
{
	/*
	 * hugetlb: a page table that processes share is counted once. For large
	 * folios, the count of newer kernels is an average over the pages.
	 */
	return question_is_unmapped(question) ||
		(question->counted && question->exact && !question->kinds[KPAGE_HUGETLB] &&
		 question->found >= question->mappings);
}
