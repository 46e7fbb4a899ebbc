// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk diff: the two scans, and the pages migrated between them
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>
#include <time.h>

#include "diff.h"

/* Time in the form of ISO 8601, with milliseconds. The caller frees it. */
static char *time_text(__u64 ns)
{
	time_t seconds = ns / 1000000000;
	char date[32], zone[8];
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(date, sizeof(date), "%FT%T", &tm) ||
	    !strftime(zone, sizeof(zone), "%z", &tm))
		return NULL;
	return text("%s.%03u%s", date, (unsigned int)(ns / 1000000 % 1000), zone);
}

static void print_scan(const char *which, const struct saved_header *header)
{
	char *begun = time_text(header->begun);

	printf("%s process %d (", which, header->pid);
	print_escaped(stdout, header->comm);
	printf("), %s, took %.3f s", begun ? begun : "-", (header->ended - header->begun) / 1e9);
	free(begun);
}

/* Name of a reason for a migration. The caller frees it. */
static char *reason_text(const struct migrations *migrations, size_t reason)
{
	const char *name = migrations->reasons[reason];

	return name ? strdup(name) : text("reason_%zu", reason);
}

static void print_migrations(const struct migrations *migrations)
{
	const char *comma = " ";
	char *name;
	size_t i;

	printf("migrated by the kernel between the scans, in all processes:");
	for (i = 0; i < MAX_MIGRATION_REASONS; i++) {
		if (!migrations->pages[i])
			continue;
		name = reason_text(migrations, i);
		printf("%s%llu %s", comma, migrations->pages[i], name ? name : "");
		comma = ", ";
		free(name);
	}
	if (migrations->lost)
		printf("%s%llu events were lost", comma, migrations->lost);
	else if (*comma == ' ')
		printf(" none");
	putchar('\n');
}

static void json_migrations(const struct migrations *migrations)
{
	char *name;
	size_t i;

	if (!migrations) {
		json_value("migrated", CELL_NUMBER, NULL);
		return;
	}
	json_object("migrated");
	for (i = 0; i < MAX_MIGRATION_REASONS; i++) {
		if (!migrations->pages[i])
			continue;
		name = reason_text(migrations, i);
		json_number(name ? name : "", migrations->pages[i]);
		free(name);
	}
	json_end();
	json_number("lost", migrations->lost);
}

void diff_heading(const struct diff *diff)
{
	const struct saved_header *headers = diff->headers;

	print_scan("from", &headers[0]);
	print_scan("\nto  ", &headers[1]);
	if (!strcmp(headers[0].boot_id, headers[1].boot_id))
		printf(", %.3f s later",
		       ((double)headers[1].begun_boot - (double)headers[0].begun_boot) / 1e9);
	putchar('\n');
	if (diff->migrations)
		print_migrations(diff->migrations);
}

static void json_scan(const char *name, const struct saved_header *header)
{
	char *pid = text("%d", header->pid), *begun = time_text(header->begun);
	char *ended = time_text(header->ended);

	json_object(name);
	json_value("pid", CELL_NUMBER, pid);
	json_value("name", CELL_STRING, header->comm);
	json_value("begun", CELL_STRING, begun);
	json_value("ended", CELL_STRING, ended);
	json_end();
	free(pid);
	free(begun);
	free(ended);
}

void diff_json_scans(const struct diff *diff)
{
	json_scan("from", &diff->headers[0]);
	json_scan("to", &diff->headers[1]);
	json_migrations(diff->migrations);
}
