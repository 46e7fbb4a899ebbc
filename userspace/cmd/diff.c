// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk diff
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#include "diff.h"
#include "spool.h"

#define MAX_SECONDS 1000000

/* Two saved scans */

static int next_saved(void *from, struct vmwalk_extent *extent)
{
	return saved_next(from, extent);
}

/* Returns an exit status. */
static int check_pair(const struct saved *old, const struct saved *new, bool force)
{
	const struct saved_header *from = &old->header, *to = &new->header;

	if (from->page_size != to->page_size)
		return failure("%s and %s: the page sizes differ: %u and %u bytes", old->path,
			       new->path, from->page_size, to->page_size);
	if (from->start != to->start || from->end != to->end)
		return failure("%s and %s: the scans have different address ranges", old->path,
			       new->path);
	if (force)
		return EXIT_SUCCESS;
	if (strcmp(from->boot_id, to->boot_id))
		return failure("%s and %s: the machine was rebooted between the scans; "
			       "--force compares them anyway",
			       old->path, new->path);
	if (from->pid != to->pid || from->process_start != to->process_start)
		return failure("%s and %s: the scans are of different processes, %d and %d%s; "
			       "--force compares them anyway",
			       old->path, new->path, from->pid, to->pid,
			       from->pid == to->pid ? " (the PID was reused)" : "");
	if (from->begun_boot > to->begun_boot)
		return failure("%s is newer than %s: exchange them, or use --force", old->path,
			       new->path);
	return EXIT_SUCCESS;
}

/* Returns 0 or an error. Sets *@which to the scan that caused the error. */
static int compare_saved(struct diff *diff, struct saved *old, struct saved *new,
			 const struct saved **which)
{
	struct compare compare = {
		.page_size = old->header.page_size,
		.next = next_saved,
		.from = old,
		.fn = diff_add,
		.data = diff,
	};
	struct vmwalk_extent extent;
	int ret;

	*which = new;
	while ((ret = saved_next(new, &extent)) > 0) {
		*which = old;
		ret = compare_next(&compare, &extent);
		if (ret)
			return errno;
		*which = new;
	}
	if (ret)
		return errno;
	*which = old;
	return compare_rest(&compare) ? errno : 0;
}

static int run_saved(struct diff *diff, struct saved *old, struct saved *new, bool force,
		     struct table_options *options)
{
	const struct saved *which;
	int status, error;

	status = check_pair(old, new, force);
	if (status)
		return status;
	diff->headers[0] = old->header;
	diff->headers[1] = new->header;
	if (diff->mappings) {
		diff->maps[0] = saved_maps(old);
		diff->maps[1] = saved_maps(new);
	}
	status = diff_begin(diff, options);
	if (status)
		return status;
	error = compare_saved(diff, old, new, &which);
	error = diff_end(diff, options, error);
	if (error == EBADMSG)
		return failure("%s: the file is damaged", which->path);
	return error ? failure("%s", strerror(error)) : EXIT_SUCCESS;
}

static int diff_saved(struct diff *diff, char **paths, bool force, struct table_options *options)
{
	struct saved old, new;
	int status;

	status = saved_open(&old, paths[0]);
	if (status)
		return status;
	status = saved_open(&new, paths[1]);
	if (!status) {
		status = run_saved(diff, &old, &new, force, options);
		saved_close(&new);
	}
	saved_close(&old);
	return status;
}

/* A process now and later */

static int next_spooled(void *from, struct vmwalk_extent *extent)
{
	return spool_next(from, extent);
}

static int spool_extent(const struct vmwalk_extent *extent, void *data)
{
	return spool_add(data, extent);
}

static int compare_extent(const struct vmwalk_extent *extent, void *data)
{
	return compare_next(data, extent);
}

/* Copy the current mappings, which can change later. Returns 0 or an error. */
static int copy_maps(pid_t pid, struct maps **maps)
{
	FILE *copy = tmpfile();
	int error;

	if (!copy)
		return errno;
	saved_copy_maps(pid, copy);
	if (fseeko(copy, 0, SEEK_SET) || ferror(copy)) {
		error = errno;
		fclose(copy);
		return error;
	}
	*maps = maps_read(copy);
	return *maps ? 0 : ENOMEM;
}

/* Scan the whole target. Returns 0 or an error. */
static int scan_all(const struct target *target, struct saved_header *header,
		    int (*fn)(const struct vmwalk_extent *extent, void *data), void *data)
{
	struct vmwalk_scan scan = { .end = UINT64_MAX, .return_mask = SAVED_FLAGS };
	int error;

	saved_begin(header, target, &scan);
	error = vmwalk_file_scan(target->file, &scan, fn, data) ? errno : 0;
	saved_end(header);
	return error;
}

/* Scan, wait, and compare with a second scan. Returns 0 or an error. */
static int compare_process(struct diff *diff, const struct target *target, double seconds,
			   struct spool *spool)
{
	struct compare compare = {
		.page_size = target->info.page_size,
		.next = next_spooled,
		.from = spool,
		.fn = diff_add,
		.data = diff,
	};
	int error = 0;

	diff->migrations = migrations_start();
	if (diff->mappings)
		error = copy_maps(target->pid, &diff->maps[0]);
	if (!error)
		error = scan_all(target, &diff->headers[0], spool_extent, spool);
	if (error)
		return error;
	if (spool_rewind(spool))
		return errno;
	migrations_wait(diff->migrations, seconds);
	if (diff->mappings)
		error = copy_maps(target->pid, &diff->maps[1]);
	if (!error)
		error = scan_all(target, &diff->headers[1], compare_extent, &compare);
	migrations_read(diff->migrations);
	if (!error && compare_rest(&compare))
		error = errno;
	return error;
}

static int diff_process(struct diff *diff, const struct target_options *target_options,
			double seconds, struct table_options *options)
{
	struct spool spool = {};
	struct target target;
	int status, error;

	status = target_open(&target, target_options);
	if (status)
		return status;
	status = diff_begin(diff, options);
	if (!status) {
		error = compare_process(diff, &target, seconds, &spool);
		error = diff_end(diff, options, error);
		spool_free(&spool);
		if (error)
			status = target_failure(&target, NULL, error);
	}
	target_close(&target);
	return status;
}

static const struct verb_option diff_options[] = {
	{ "seconds", 's', "N", "compare the process now and N seconds later" },
	{ "mappings", 'm', NULL, "print the changes of each mapping" },
	{ "force", 'f', NULL, "compare scans of different processes" },
	{},
};

static bool parse_seconds(const char *text, double *seconds)
{
	char *end;

	/* strtod() also accepts signs, exponents, infinity and NaN. */
	if (!*text || strspn(text, "0123456789.") != strlen(text))
		return false;
	*seconds = strtod(text, &end);
	return !*end && *seconds > 0 && *seconds <= MAX_SECONDS;
}

/* Check which scans the command line selects. Returns an exit status. */
static int check_operands(struct target_options *target, const char *seconds, int count,
			  char **operands)
{
	bool process = target->pid || target->device;

	if (!seconds && process)
		return usage_failure("--%s requires --seconds", target->pid ? "pid" : "device");
	if (!seconds)
		return count == 2 ? EXIT_SUCCESS
				  : usage_failure("specify two files, or a process and --seconds");
	if (count > !process)
		return usage_failure("unexpected argument '%s'", operands[!process]);
	if (!process)
		target->pid = operands[0];
	return EXIT_SUCCESS;
}

static int diff(int argc, char **argv)
{
	struct target_options target_options = {};
	struct table_options table_options = {};
	const char *arg, *seconds_text = NULL;
	struct diff diff = {};
	double seconds = 0;
	bool force = false;
	int option, status;

	while ((option = next_option(argc, argv, &arg)) >= 0) {
		if (target_option(&target_options, option, arg))
			continue;
		if (option == 's')
			seconds_text = arg;
		else if (option == 'm')
			diff.mappings = true;
		else if (option == 'f')
			force = true;
		else
			table_option(&table_options, option, arg);
	}
	if (seconds_text && !parse_seconds(seconds_text, &seconds))
		return usage_failure("--seconds: '%s' is not a number of seconds up to %d",
				     seconds_text, MAX_SECONDS);
	status = check_operands(&target_options, seconds_text, argc - optind, argv + optind);
	if (status)
		return status;
	if (seconds_text)
		status = diff_process(&diff, &target_options, seconds, &table_options);
	else
		status = diff_saved(&diff, argv + optind, force, &table_options);
	maps_close(diff.maps[0]);
	maps_close(diff.maps[1]);
	migrations_free(diff.migrations);
	return status;
}

const struct verb diff_verb = {
	.name = "diff",
	.args = "[FILE]...",
	.max_args = 2,
	.summary = "Show the differences between two scans of a process",
	.details =
		"Compares two files that vmwalk scan --save has written, the older one first.\n"
		"With --seconds, scans a process twice and compares the scans. The PID can be\n"
		"given as an argument or with --pid. The first scan is kept in memory, up to\n"
		"32 MiB, and then in a temporary file in $TMPDIR or /var/tmp.\n"
		"\n"
		"A change is a difference at one address. It does not show the cause: a page with\n"
		"another frame was migrated, or freed and touched again. If perf events can be\n"
		"used, --seconds also prints how many pages of all processes the kernel has\n"
		"migrated between the scans, and for which reasons.\n"
		"\n"
		"Changes:\n"
		"  other_frame   the page has another frame\n"
		"  resized       the same frame, mapped by an entry of another size\n"
		"  swapped_out   the page was replaced by a swap entry\n"
		"  swapped_in    a swap entry was replaced by a page\n"
		"  new           only the second scan has a page\n"
		"  gone          only the first scan has a page\n"
		"  new_swapped   only the second scan has a swap entry\n"
		"  gone_swapped  only the first scan has a swap entry\n"
		"  new_zero      only the second scan has the zero page\n"
		"  gone_zero     only the first scan has the zero page\n"
		"  from_zero     the zero page was replaced by another page\n"
		"  to_zero       the page was replaced by the zero page\n"
		"  migrating     the kernel migrated the page during one of the scans\n"
		"  hidden        PFNs are hidden: the opener lacks CAP_SYS_ADMIN\n"
		"  same_zero     the zero page in both scans\n"
		"  same_swapped  a swap entry in both scans\n"
		"  same          the same frame, mapped by an entry of the same size\n",
	.options = { target_verb_options, diff_options, table_verb_options },
	.columns = diff_columns,
	.run = diff,
};
