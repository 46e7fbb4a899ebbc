/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sets of frames: a bitmap that uses memory only for parts with frames
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_FRAMES_H
#define _VMWALK_FRAMES_H

#include "command.h"

/* An empty set is initialized with zeros. */
struct frames {
	__u64 **parts;
	size_t nr_parts;
	__u64 count; /* frames in the set */
};

/*
 * Add frames. Sets *@fresh to the number of those that were not in the set.
 * Returns -1 with errno set if memory is short.
 */
int frames_add(struct frames *frames, __u64 pfn, __u64 pages, __u64 *fresh);

/* Number of the given frames that are in the set */
__u64 frames_count(const struct frames *frames, __u64 pfn, __u64 pages);

/* Add the frames of another set. Returns -1 with errno set if memory is short. */
int frames_merge(struct frames *frames, const struct frames *other);

bool frames_have(const struct frames *frames, __u64 pfn);
void frames_free(struct frames *frames);

#endif /* _VMWALK_FRAMES_H */
