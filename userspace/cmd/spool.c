// SPDX-License-Identifier: GPL-2.0
/*
 * Buffer for the extents of a scan, in memory or a temporary file
 *
 * The file is in $TMPDIR or else in /var/tmp, since /tmp is often in memory. It
 * has no name, so the kernel removes it when the command ends.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "spool.h"

#define FIRST_EXTENTS 1024

static FILE *open_temporary(void)
{
	const char *directory = secure_getenv("TMPDIR");
	FILE *file = NULL;
	char *path;
	int fd;

	path = text("%s/vmwalk.XXXXXX", directory && *directory ? directory : "/var/tmp");
	fd = path ? mkostemp(path, O_CLOEXEC) : -1;
	if (fd >= 0)
		unlink(path);
	free(path);
	if (fd >= 0)
		file = fdopen(fd, "w+");
	if (fd >= 0 && !file)
		close(fd);
	return file;
}

/* Write the extents in memory to the file. */
static int flush(struct spool *spool)
{
	if (!spool->file)
		spool->file = open_temporary();
	if (!spool->file ||
	    fwrite_unlocked(spool->vec, sizeof(*spool->vec), spool->count, spool->file) !=
		    spool->count)
		return -1;
	spool->count = 0;
	return 0;
}

int spool_add(struct spool *spool, const struct vmwalk_extent *extent)
{
	size_t count = spool->count;
	struct vmwalk_extent *vec;

	if (count == SPOOL_EXTENTS) {
		if (flush(spool))
			return -1;
	} else if (!spool->file && (!count || (count >= FIRST_EXTENTS && !(count & (count - 1))))) {
		/* The size doubles whenever the count reaches a power of two. */
		vec = realloc(spool->vec, (count ? 2 * count : FIRST_EXTENTS) * sizeof(*vec));
		if (!vec)
			return -1;
		spool->vec = vec;
	}
	spool->vec[spool->count++] = *extent;
	return 0;
}

int spool_rewind(struct spool *spool)
{
	spool->next = 0;
	if (spool->file && (fflush(spool->file) || fseeko(spool->file, 0, SEEK_SET)))
		return -1;
	return 0;
}

int spool_next(struct spool *spool, struct vmwalk_extent *extent)
{
	if (spool->file) {
		if (fread_unlocked(extent, sizeof(*extent), 1, spool->file) == 1)
			return 1;
		if (ferror(spool->file))
			return -1;
		fclose(spool->file);
		spool->file = NULL;
	}
	if (spool->next == spool->count)
		return 0;
	*extent = spool->vec[spool->next++];
	return 1;
}

void spool_free(struct spool *spool)
{
	if (spool->file)
		fclose(spool->file);
	free(spool->vec);
}
