// SPDX-License-Identifier: GPL-2.0
/*
 * Sets of frames
 *
 * A part has a bit for each of 2^18 frames (1 GiB of pages of 4 KiB), and is
 * allocated with the first of them: 32 KiB per part.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>

#include "frames.h"

#define PART_SHIFT 18
#define PART_WORDS ((1UL << PART_SHIFT) / 64)

/* Physical addresses have up to 56 bits. */
#define PFN_BITS 44

/* Returns NULL with errno set if memory is short. */
static __u64 *part_of(struct frames *frames, __u64 pfn)
{
	size_t i = pfn >> PART_SHIFT, size;
	__u64 **parts;

	if (pfn >> PFN_BITS) {
		errno = ERANGE;
		return NULL;
	}
	if (i >= frames->nr_parts) {
		size = (i + 1) * 3 / 2;
		parts = realloc(frames->parts, size * sizeof(*parts));
		if (!parts)
			return NULL;
		memset(parts + frames->nr_parts, 0, (size - frames->nr_parts) * sizeof(*parts));
		frames->parts = parts;
		frames->nr_parts = size;
	}
	if (!frames->parts[i])
		frames->parts[i] = calloc(PART_WORDS, sizeof(**frames->parts));
	return frames->parts[i];
}

/* Mask of the frames that share a word with the first. Sets *@count to their number. */
static __u64 word_mask(__u64 pfn, __u64 pages, unsigned int *count)
{
	unsigned int first = pfn % 64;

	*count = pages < 64 - first ? pages : 64 - first;
	return (*count < 64 ? (1ULL << *count) - 1 : ~0ULL) << first;
}

int frames_add(struct frames *frames, __u64 pfn, __u64 pages, __u64 *fresh)
{
	unsigned int count;
	__u64 *word, mask;

	*fresh = 0;
	for (; pages; pfn += count, pages -= count) {
		word = part_of(frames, pfn);
		if (!word)
			return -1;
		word += pfn / 64 % PART_WORDS;
		mask = word_mask(pfn, pages, &count);
		*fresh += __builtin_popcountll(mask & ~*word);
		*word |= mask;
	}
	frames->count += *fresh;
	return 0;
}

__u64 frames_count(const struct frames *frames, __u64 pfn, __u64 pages)
{
	unsigned int count;
	__u64 mask, sum = 0;
	size_t i;

	for (; pages; pfn += count, pages -= count) {
		mask = word_mask(pfn, pages, &count);
		i = pfn >> PART_SHIFT;
		if (i < frames->nr_parts && frames->parts[i])
			sum += __builtin_popcountll(mask & frames->parts[i][pfn / 64 % PART_WORDS]);
	}
	return sum;
}

int frames_merge(struct frames *frames, const struct frames *other)
{
	__u64 *to, *from;
	size_t i, word;

	for (i = 0; i < other->nr_parts; i++) {
		from = other->parts[i];
		if (!from)
			continue;
		to = part_of(frames, (__u64)i << PART_SHIFT);
		if (!to)
			return -1;
		for (word = 0; word < PART_WORDS; word++) {
			frames->count += __builtin_popcountll(from[word] & ~to[word]);
			to[word] |= from[word];
		}
	}
	return 0;
}

bool frames_have(const struct frames *frames, __u64 pfn)
{
	return frames_count(frames, pfn, 1);
}

void frames_free(struct frames *frames)
{
	size_t i;

	for (i = 0; i < frames->nr_parts; i++)
		free(frames->parts[i]);
	free(frames->parts);
	*frames = (struct frames){};
}
