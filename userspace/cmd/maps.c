// SPDX-License-Identifier: GPL-2.0
/*
 * Reader of /proc/PID/maps, one line at a time
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"

struct maps {
	FILE *file;
	char *line;
	size_t size;
	struct mapping mapping; /* parsed from line; mapping.perms is terminated */
	bool valid;
};

struct maps *maps_read(FILE *file)
{
	struct maps *maps = calloc(1, sizeof(*maps));

	if (maps)
		maps->file = file;
	else
		fclose(file);
	return maps;
}

struct maps *maps_open(pid_t pid)
{
	FILE *file = system_open("/proc/%d/maps", pid);

	return file ? maps_read(file) : NULL;
}

void maps_close(struct maps *maps)
{
	if (!maps)
		return;
	fclose(maps->file);
	free(maps->line);
	free(maps);
}

/*
 * Parse a line: START-END PERMS OFFSET MAJOR:MINOR INODE NAME, where NAME may
 * contain blanks.
 */
static bool parse_mapping(struct mapping *mapping, char *line)
{
	char *at = line, *field;
	int i;

	mapping->start = strtoull(at, &at, 16);
	if (*at++ != '-')
		return false;
	mapping->end = strtoull(at, &at, 16);
	if (*at++ != ' ' || strlen(at) < sizeof(mapping->perms))
		return false;
	memcpy(mapping->perms, at, sizeof(mapping->perms) - 1);
	at += sizeof(mapping->perms) - 1;
	mapping->offset = strtoull(at, &at, 16);
	/* Skip the device and the inode. */
	for (i = 0; i < 2; i++) {
		field = at + strspn(at, " ");
		at = field + strcspn(field, " ");
	}
	if (at == field)
		return false;
	mapping->name = at + strspn(at, " ");
	if (!*mapping->name)
		mapping->name = "[anon]";
	return true;
}

static bool next_mapping(struct maps *maps)
{
	ssize_t len;

	len = getline(&maps->line, &maps->size, maps->file);
	if (len < 0)
		return false;
	if (len && maps->line[len - 1] == '\n')
		maps->line[len - 1] = '\0';
	maps->mapping.line++;
	return parse_mapping(&maps->mapping, maps->line);
}

const struct mapping *maps_find(struct maps *maps, __u64 addr)
{
	while (maps && (!maps->valid || maps->mapping.end <= addr)) {
		maps->valid = next_mapping(maps);
		if (!maps->valid)
			break;
	}
	return maps && maps->valid ? &maps->mapping : NULL;
}

__u64 maps_part(struct maps *maps, __u64 addr, __u64 pages, __u32 page_size,
		const struct mapping **mapping)
{
	const struct mapping *next = maps_find(maps, addr);
	__u64 border, part;

	*mapping = next && next->start <= addr ? next : NULL;
	if (!next)
		return pages;
	border = *mapping ? next->end : next->start;
	/* At least one: borders in a captured tree may be unaligned. */
	part = (border - addr - 1) / page_size + 1;
	return part < pages ? part : pages;
}

/* Bytes that a mapping and a range have in common */
static __u64 overlap(const struct mapping *mapping, __u64 start, __u64 end)
{
	__u64 from = mapping->start > start ? mapping->start : start;
	__u64 to = mapping->end < end ? mapping->end : end;

	return from < to ? to - from : 0;
}

int maps_percent(pid_t pid, __u64 start, __u64 addr, __u64 end)
{
	struct maps *maps = maps_open(pid);
	__u64 below = 0, all = 0;

	while (maps && next_mapping(maps)) {
		below += overlap(&maps->mapping, start, addr);
		all += overlap(&maps->mapping, start, end);
	}
	maps_close(maps);
	return all ? (int)(below * 100 / all) : -1;
}
