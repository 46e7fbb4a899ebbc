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
	struct mapping mapping; /* parsed from line */
	bool valid;
};

struct maps *maps_open(pid_t pid)
{
	struct maps *maps = calloc(1, sizeof(*maps));
	char *path = system_path("/proc/%d/maps", pid);

	if (maps && path)
		maps->file = fopen(path, "re");
	free(path);
	if (maps && !maps->file) {
		free(maps);
		return NULL;
	}
	return maps;
}

void maps_close(struct maps *maps)
{
	if (!maps)
		return;
	fclose(maps->file);
	free(maps->line);
	free(maps);
}

/* START-END PERMS OFFSET MAJOR:MINOR INODE NAME; NAME may contain blanks. */
static bool next_mapping(struct maps *maps)
{
	struct mapping *mapping = &maps->mapping;
	ssize_t len;
	int name;

	len = getline(&maps->line, &maps->size, maps->file);
	if (len < 0)
		return false;
	if (len && maps->line[len - 1] == '\n')
		maps->line[len - 1] = '\0';

	name = 0;
	if (sscanf(maps->line, "%llx-%llx %4s %llx %*s %*s %n", &mapping->start, &mapping->end,
		   mapping->perms, &mapping->offset, &name) < 4)
		return false;
	mapping->name = name ? maps->line + name : "";
	if (!*mapping->name)
		mapping->name = "[anon]";
	return true;
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
