// SPDX-License-Identifier: GPL-2.0
/*
 * The mappings of a process, for a picture
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>

#include "map_cells.h"

/* Limit of the bytes of all names */
#define MAX_NAMES (8 * 1024 * 1024)

static int add_mapping(struct map_mappings *mappings, const struct mapping *mapping, size_t *names)
{
	struct map_mapping *vec = mappings->vec, *previous;
	size_t count = mappings->count, len = strlen(mapping->name) + 1;
	struct map_mapping new = { .start = mapping->start, .end = mapping->end };

	/* The size doubles whenever the count is a power of two. */
	if (!(count & (count - 1))) {
		vec = realloc(vec, (count ? 2 * count : 1) * sizeof(*vec));
		if (!vec)
			return -1;
		mappings->vec = vec;
	}
	memcpy(new.perms, mapping->perms, sizeof(new.perms));
	previous = count ? &vec[count - 1] : NULL;
	if (previous && previous->name && !strcmp(previous->name, mapping->name)) {
		new.name = previous->name;
	} else if (*names + len <= MAX_NAMES) {
		*names += len;
		new.name = strdup(mapping->name);
		if (!new.name)
			return -1;
	}
	vec[mappings->count++] = new;
	return 0;
}

int map_mappings_read(struct map_mappings *mappings, pid_t pid)
{
	struct maps *maps = maps_open(pid);
	const struct mapping *mapping;
	size_t names = 0;
	__u64 addr = 0;

	*mappings = (struct map_mappings){};
	/* Without maps, the picture has no names. */
	while ((mapping = maps_find(maps, addr))) {
		addr = mapping->end;
		/* The mapping of old system calls is in the kernel's half. */
		if (mapping->start >> 63)
			break;
		if (mappings->count == MAP_MAX_MAPPINGS) {
			mappings->omitted++;
			continue;
		}
		if (add_mapping(mappings, mapping, &names)) {
			maps_close(maps);
			map_mappings_free(mappings);
			return failure("%m");
		}
	}
	maps_close(maps);
	return EXIT_SUCCESS;
}

void map_mappings_free(struct map_mappings *mappings)
{
	const char *last = NULL;
	size_t i;

	for (i = 0; i < mappings->count; i++) {
		if (mappings->vec[i].name != last)
			free((char *)mappings->vec[i].name);
		last = mappings->vec[i].name;
	}
	free(mappings->vec);
	*mappings = (struct map_mappings){};
}

const struct map_mapping *map_mappings_find(const struct map_mappings *mappings, __u64 addr)
{
	size_t low = 0, high = mappings->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (mappings->vec[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < mappings->count ? &mappings->vec[low] : NULL;
}
