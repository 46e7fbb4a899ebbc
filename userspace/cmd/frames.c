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

/* No machine has a frame above: physical addresses have up to 56 bits. */
#define MAX_PFN (1ULL << 44)

/* Returns NULL with errno set if memory is short. */
static __u64 *part_of(struct frames *frames, __u64 pfn)
{
	size_t i = pfn >> PART_SHIFT, size;
	__u64 **parts;

	if (pfn >= MAX_PFN) {
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

/* Set up to 64 bits of a word. Returns the number of those that were clear. */
static unsigned int set_bits(__u64 *word, unsigned int first, unsigned int count)
{
	__u64 mask = (count < 64 ? (1ULL << count) - 1 : ~0ULL) << first;
	unsigned int fresh = __builtin_popcountll(mask & ~*word);

	*word |= mask;
	return fresh;
}

int frames_add(struct frames *frames, __u64 pfn, __u64 pages, __u64 *fresh)
{
	unsigned int first, count;
	__u64 *part;

	*fresh = 0;
	while (pages) {
		part = part_of(frames, pfn);
		if (!part)
			return -1;
		first = pfn % 64;
		count = pages < 64 - first ? pages : 64 - first;
		*fresh += set_bits(part + pfn / 64 % PART_WORDS, first, count);
		pfn += count;
		pages -= count;
	}
	frames->count += *fresh;
	return 0;
}

bool frames_have(const struct frames *frames, __u64 pfn)
{
	size_t i = pfn >> PART_SHIFT;

	return i < frames->nr_parts && frames->parts[i] &&
		frames->parts[i][pfn / 64 % PART_WORDS] >> pfn % 64 & 1;
}

void frames_free(struct frames *frames)
{
	size_t i;

	for (i = 0; i < frames->nr_parts; i++)
		free(frames->parts[i]);
	free(frames->parts);
	*frames = (struct frames){};
}
