// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk metrics
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "metrics.h"

/* Limits the load on the database: each group has dozens of series. */
#define MAX_GROUPS 50

/* Command line */

static bool has_group(const struct metrics_groups *groups, const char *name)
{
	size_t i;

	for (i = 0; i < groups->count; i++)
		if (!strcmp(groups->vec[i].name, name))
			return true;
	return false;
}

/* Parse KIND:VALUE, such as "comm:COMM". Returns false if it has another form. */
static bool parse_filter(struct process_filter *filter, const char *text)
{
	const struct {
		const char *prefix;
		const char **field;
	} kinds[] = {
		{ "comm:", &filter->comm },
		{ "cgroup:", &filter->cgroup },
		{ "unit:", &filter->unit },
		{ "pid:", &filter->pids },
	};
	size_t i, len;

	*filter = (struct process_filter){ .optional = true };
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		len = strlen(kinds[i].prefix);
		if (!strncmp(text, kinds[i].prefix, len) && text[len]) {
			*kinds[i].field = text + len;
			return true;
		}
	}
	return false;
}

/* Parse NAME=KIND:VALUE. Returns an exit status. */
static int add_group(struct metrics_groups *groups, const char *arg)
{
	const char *value = strchr(arg, '=');
	struct metrics_group *group = &groups->vec[groups->count];

	if (groups->count == MAX_GROUPS)
		return usage_failure("--group: more than %d groups", MAX_GROUPS);
	if (!value || value == arg || !parse_filter(&group->filter, value + 1))
		return usage_failure("--group: '%s' is not a group; --help lists the forms", arg);
	group->name = strndup(arg, value - arg);
	if (!group->name)
		return failure("%m");
	if (has_group(groups, group->name)) {
		free(group->name);
		return usage_failure("--group: two groups have the name '%.*s'", (int)(value - arg),
				     arg);
	}
	groups->count++;
	return EXIT_SUCCESS;
}

/* Walks */

struct walk {
	struct thp thp;
	struct metrics_group *group;
};

static int walk_process(struct target *target, const struct process *process, void *data)
{
	struct walk *walk = data;
	struct tally sum = {};
	struct tally_walk tally = {
		.target = target,
		.thp = &walk->thp,
		.sum = &sum,
		.group = &walk->group->sum,
	};
	int ret, saved;

	thp_read_process(&walk->thp, process->pid);
	ret = tally_walk(&tally);
	saved = errno;
	thp_free(&walk->thp);
	tally_free(&sum);
	if (!ret && walk->group->sum.tally.hidden)
		return failure("frames can't be counted: PFNs are hidden: " LACKS("CAP_SYS_ADMIN"));
	errno = saved;
	return ret;
}

/* Walk the processes of a group. @target has the open target, if there is one. */
static int walk_group(struct metrics_group *group, struct walk *walk, struct processes *target,
		      struct frames *all)
{
	__u64 start = clock_ns(CLOCK_MONOTONIC);
	struct processes processes;
	int status;

	status = processes_select(&processes, &group->filter);
	if (status)
		return status;
	processes_pass(target, &processes);
	walk->group = group;
	status = processes_walk(&processes, walk_process, walk);
	group->processes = processes.walked;
	group->skipped = processes_skipped(&processes);
	group->ns = clock_ns(CLOCK_MONOTONIC) - start;
	processes_pass(&processes, target);
	processes_free(&processes);
	if (!status && frames_merge(all, &group->sum.frames))
		status = failure("%m");
	frames_free(&group->sum.frames);
	return status;
}

static int walk_groups(struct metrics_groups *groups)
{
	struct processes target = {};
	struct frames all = {};
	int status = EXIT_SUCCESS;
	struct walk walk;
	size_t i;

	thp_read(&walk.thp);
	for (i = 0; !status && i < groups->count; i++)
		status = walk_group(&groups->vec[i], &walk, &target, &all);
	groups->page_size = sysconf(_SC_PAGESIZE);
	groups->distinct = all.count * groups->page_size;
	frames_free(&all);
	processes_free(&target);
	return status;
}

/* Output */

static int write_metrics(FILE *out, bool openmetrics, const struct metrics_groups *groups)
{
	struct prometheus prometheus = { .out = out, .openmetrics = openmetrics };
	int status;

	prometheus_metric(&prometheus, "vmwalk_build_info", METRIC_INFO, "Version of vmwalk.");
	prometheus_sample(&prometheus, 1, LABELS("version", VERSION));
	status = metrics_instances(&prometheus);
	if (!status)
		metrics_groups(&prometheus, groups);
	prometheus_end(&prometheus);
	return status;
}

/* The textfile collector reads names that end in ".prom", not the temporary one. */
static int write_file(const char *path, bool openmetrics, const struct metrics_groups *groups)
{
	struct replacement replacement;
	int status;

	status = replacement_open(&replacement, path);
	if (status)
		return status;
	status = write_metrics(replacement.file, openmetrics, groups);
	return replacement_close(&replacement, 0644, status);
}

static const struct verb_option metrics_options[] = {
	{ "group", 'g', "GROUP", "also scan a group of processes; can be repeated" },
	{ "openmetrics", 'm', NULL, "print OpenMetrics text, not classic Prometheus text" },
	{ "output", 'o', "FILE", "replace FILE, for node_exporter's textfile collector" },
	{},
};

static int run_metrics(struct metrics_groups *groups, const char *path, bool openmetrics)
{
	int status = walk_groups(groups);

	if (status)
		return status;
	if (path)
		return write_file(path, openmetrics, groups);
	return write_metrics(stdout, openmetrics, groups);
}

static int metrics(int argc, char **argv)
{
	static struct metrics_group vec[MAX_GROUPS + 1];
	struct metrics_groups groups = { .vec = vec };
	const char *arg, *path = NULL;
	int option, status = EXIT_SUCCESS;
	bool openmetrics = false;

	while (!status && (option = next_option(argc, argv, &arg)) >= 0) {
		if (option == 'g')
			status = add_group(&groups, arg);
		else if (option == 'm')
			openmetrics = true;
		else
			path = arg;
	}
	if (!status)
		status = run_metrics(&groups, path, openmetrics);
	while (groups.count) {
		groups.count--;
		tally_group_free(&vec[groups.count].sum);
		free(vec[groups.count].name);
	}
	return status;
}

const struct verb metrics_verb = {
	.name = "metrics",
	.args = "",
	.summary = "Print metrics of instances and of groups of processes for Prometheus",
	.details = "A group is NAME=comm:COMM, NAME=cgroup:CGROUP, NAME=unit:UNIT or\n"
		   "NAME=pid:PID; the limit is 50. FILE is written under another name and then\n"
		   "renamed. node_exporter's textfile collector needs a name that ends in .prom,\n"
		   "and does not read OpenMetrics, which is for direct scrapes.\n",
	.options = { metrics_options },
	.run = metrics,
};
