/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffer for the extents of a scan, in memory or a temporary file
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_SPOOL_H
#define _VMWALK_SPOOL_H

#include "command.h"

/* Extents that are kept in memory: 32 MiB */
#define SPOOL_EXTENTS 1048576UL

/* Initialized with zeros */
struct spool {
	struct vmwalk_extent *vec;
	size_t count, next; /* in memory */
	FILE *file;         /* extents that precede those in memory, or NULL */
};

/* These return -1 with errno set on error. */
int spool_add(struct spool *spool, const struct vmwalk_extent *extent);
int spool_rewind(struct spool *spool);

/* Get the next extent after spool_rewind(). Returns 1, 0 at the end, or -1. */
int spool_next(struct spool *spool, struct vmwalk_extent *extent);

void spool_free(struct spool *spool);

#endif /* _VMWALK_SPOOL_H */
