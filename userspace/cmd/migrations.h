/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Number of pages of all processes that the kernel migrates, by reason
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_MIGRATIONS_H
#define _VMWALK_MIGRATIONS_H

#include "command.h"

#define MAX_MIGRATION_REASONS 32

struct migrations {
	char *reasons[MAX_MIGRATION_REASONS]; /* names, or NULL */
	__u64 pages[MAX_MIGRATION_REASONS];   /* migrated pages */
	__u64 lost;                           /* events without a known reason or number */
	/* Offsets of fields in an event */
	unsigned int reason_at, pages_at;
	struct ring *rings; /* one per CPU */
	size_t nr_rings;
};

/*
 * Start to count perf events of the tracepoint mm_migrate_pages. Returns NULL if
 * the kernel does not have the tracepoint, or the caller may not use it.
 */
struct migrations *migrations_start(void);

/* Wait, and count. If @migrations is NULL, only wait. */
void migrations_wait(struct migrations *migrations, double seconds);

/* Count the events up to now. */
void migrations_read(struct migrations *migrations);

void migrations_free(struct migrations *migrations);

#endif /* _VMWALK_MIGRATIONS_H */
