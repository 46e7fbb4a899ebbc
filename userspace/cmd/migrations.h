/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages that the kernel migrates, of all processes, and why
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_MIGRATIONS_H
#define _VMWALK_MIGRATIONS_H

#include "command.h"

#define MAX_MIGRATION_REASONS 32

struct migrations {
	char *reasons[MAX_MIGRATION_REASONS]; /* names, or NULL */
	__u64 pages[MAX_MIGRATION_REASONS];   /* that were migrated */
	__u64 lost;                           /* events without a known reason or number */
	/* Offsets of fields in an event */
	unsigned int reason_at, pages_at;
	struct ring *rings; /* one per CPU */
	size_t nr_rings;
};

/*
 * Start to count, with the tracepoint mm_migrate_pages and perf events. Returns
 * NULL if the kernel has no such tracepoint, or the caller may not use it.
 */
struct migrations *migrations_start(void);

/* Count for some time. If @migrations is NULL, only wait. */
void migrations_wait(struct migrations *migrations, double seconds);

/* Count what has happened up to now. */
void migrations_read(struct migrations *migrations);

void migrations_free(struct migrations *migrations);

#endif /* _VMWALK_MIGRATIONS_H */
