// SPDX-License-Identifier: GPL-2.0
/*
 * Trail of a scan
 *
 * A run is stored as three numbers: the distance to the page after the previous
 * run, the number of pages, and the distance to the frame after the previous
 * run. Numbers have seven bits per byte. Single pages in frames of any order
 * take 5 to 7 bytes.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>

#include "trail.h"

/* Add a number. Bit 7 of a byte tells that another byte follows. */
static void add_number(struct buffer *runs, __u64 number)
{
	char bytes[10];
	size_t len = 0;

	for (; number > 127; number >>= 7)
		bytes[len++] = (char)(number | 128);
	bytes[len++] = (char)number;
	buffer_add(runs, bytes, len);
}

static __u64 read_number(struct trail_reader *reader)
{
	const char *bytes = reader->trail->runs.text;
	unsigned int shift = 0;
	__u64 number = 0;
	unsigned char byte;

	do {
		byte = bytes[reader->at++];
		number |= (__u64)(byte & 127) << shift;
		shift += 7;
	} while (byte & 128);
	return number;
}

/* Small differences of either sign become small numbers. */
static __u64 fold(__u64 difference)
{
	return difference << 1 ^ (difference >> 63 ? ~0ULL : 0);
}

static __u64 unfold(__u64 number)
{
	return number >> 1 ^ (number & 1 ? ~0ULL : 0);
}

static bool continues(const struct trail_run *last, const struct trail_run *run)
{
	return last->pages && run->page == last->page + last->pages &&
		run->pfn == last->pfn + last->pages;
}

void trail_end(struct trail *trail, size_t limit)
{
	struct trail_run *last = &trail->last;

	if (!last->pages || trail->dropped)
		return;
	add_number(&trail->runs, last->page - trail->page);
	add_number(&trail->runs, last->pages);
	add_number(&trail->runs, fold(last->pfn - trail->pfn));
	trail->page = last->page + last->pages;
	trail->pfn = last->pfn + last->pages;
	last->pages = 0;
	if (!trail->runs.failed && trail->runs.size <= limit)
		return;
	trail_free(trail);
	trail->dropped = true;
}

void trail_add(struct trail *trail, const struct trail_run *run, size_t limit)
{
	if (continues(&trail->last, run)) {
		trail->last.pages += run->pages;
		return;
	}
	trail_end(trail, limit);
	trail->last = *run;
}

void trail_free(struct trail *trail)
{
	buffer_free(&trail->runs);
	*trail = (struct trail){};
}

/* Returns false at the end of the trail. */
static bool next_run(struct trail_reader *reader)
{
	struct trail_run *run = &reader->run;

	if (reader->at == reader->trail->runs.len)
		return false;
	run->page += run->pages + read_number(reader);
	run->pfn += run->pages;
	run->pages = read_number(reader);
	run->pfn += unfold(read_number(reader));
	return true;
}

__u64 trail_moved(struct trail_reader *reader, const struct trail_run *run)
{
	const struct trail_run *old = &reader->run;
	__u64 end = run->page + run->pages, from, to, moved = 0;

	for (;;) {
		from = old->page > run->page ? old->page : run->page;
		to = old->page + old->pages < end ? old->page + old->pages : end;
		if (from < to && old->pfn - old->page != run->pfn - run->page)
			moved += to - from;
		/* The old run may reach into the next one. */
		if (old->page + old->pages >= end || !next_run(reader))
			return moved;
	}
}
