// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk top: scans of processes
 *
 * A process that is not scanned has no values, so that no row is older than the
 * others.
 *
 * Copyright (C) The vmwalk authors
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"

/* Memory for the trails of all processes */
#define MAX_TRAILS (16UL << 20)

/* Rows of the mappings of a process */
#define MAX_MAPPINGS 100000

/* Entries of this size or more are counted as huge. */
#define HUGE_SHIFT 21

struct scan {
	struct top *top;
	struct top_process **rows; /* of the processes that are walked */
	const struct processes *walk;
	struct tally_group group;
	/* Of the current process */
	struct top_process *row;
	struct trail trail;
	struct trail_reader before;
	size_t trail_limit;
	__u64 page_size;
	__u64 moved; /* pages */
};

/* Percentages of the nodes that have at least a half percent, as many as fit */
static void set_nodes(struct top_sums *sums, const struct tally *tally)
{
	__u64 all = sums->resident + sums->hugetlb, bytes;
	int node, nodes = tally_nodes(tally);
	size_t len = 0;
	char one[32];

	for (node = 0; all && node < nodes; node++) {
		bytes = tally_bytes(tally, TALLY_FRAMES, TALLY_ANY_SHIFT, node);
		if (bytes * 200 < all)
			continue;
		snprintf(one, sizeof(one), "%s%d:%.0f", len ? " " : "", node,
			 (double)bytes * 100 / (double)all);
		if (len + strlen(one) >= sizeof(sums->nodes))
			break;
		len = stpcpy(sums->nodes + len, one) - sums->nodes;
	}
}

static struct top_sums sum_up(const struct tally *tally)
{
	struct top_sums sums = {};
	__u64 shifts = tally_shifts(tally, TALLY_RESIDENT) & -(1ULL << HUGE_SHIFT);

	sums.resident = tally_bytes(tally, TALLY_RESIDENT, TALLY_ANY_SHIFT, TALLY_ANY_NODE);
	sums.swap = tally_bytes(tally, 1U << TALLY_SWAP, TALLY_ANY_SHIFT, TALLY_ANY_NODE);
	sums.hugetlb = tally_bytes(tally, 1U << TALLY_HUGETLB, TALLY_ANY_SHIFT, TALLY_ANY_NODE);
	for (; shifts; shifts &= shifts - 1)
		sums.huge +=
			tally_bytes(tally, TALLY_RESIDENT, __builtin_ctzll(shifts), TALLY_ANY_NODE);
	set_nodes(&sums, tally);
	return sums;
}

/* Pages that are memory of their own: they can move to other frames. */
static int follow_piece(const struct tally_piece *piece, const struct vmwalk_vma *vma, void *data)
{
	struct scan *scan = data;
	struct trail_run run = { piece->start / scan->page_size, piece->pfn, piece->pages };

	(void)vma;
	if (!piece->pfn || !(TALLY_FRAMES >> piece->kind & 1))
		return 0;
	if (scan->before.trail)
		scan->moved += trail_moved(&scan->before, &run);
	trail_add(&scan->trail, &run, scan->trail_limit);
	return 0;
}

static int add_mapping(const struct tally_mapping *mapping, void *data)
{
	struct scan *scan = data;
	struct top *top = scan->top;
	struct top_mapping *vec, *row;
	const struct mapping *line = mapping->mapping;

	if (top->nr_mappings == MAX_MAPPINGS) {
		top->mappings_cut = true;
		return 0;
	}
	/* The size doubles whenever the count reaches a power of two. */
	if (!(top->nr_mappings & (top->nr_mappings - 1))) {
		vec = reallocarray(top->mappings, top->nr_mappings ? 2 * top->nr_mappings : 1,
				   sizeof(*vec));
		if (!vec)
			return -1;
		top->mappings = vec;
	}
	row = &top->mappings[top->nr_mappings];
	*row = (struct top_mapping){ .start = mapping->vma->start };
	if (line) {
		memcpy(row->perms, line->perms, sizeof(row->perms));
		row->name = strdup(line->name);
		if (!row->name)
			return -1;
	}
	row->sums = sum_up(mapping->tally);
	top->nr_mappings++;
	return 0;
}

void top_free_mappings(struct top *top)
{
	size_t i;

	for (i = 0; i < top->nr_mappings; i++)
		free(top->mappings[i].name);
	free(top->mappings);
	top->mappings = NULL;
	top->nr_mappings = 0;
	top->mappings_cut = false;
}

/* Compare with the last scan of the process, and keep this one instead. */
static void end_trail(struct scan *scan, double now, bool hidden)
{
	struct top_process *row = scan->row;
	bool known = scan->before.trail && !hidden;

	trail_end(&scan->trail, scan->trail_limit);
	if (known && now > row->time)
		row->moved = (double)(scan->moved * scan->page_size) / (now - row->time);
	scan->top->trails -= row->trail.runs.size;
	trail_free(&row->trail);
	row->trail = scan->trail;
	row->time = now;
	scan->top->trails += row->trail.runs.size;
	scan->trail = (struct trail){};
}

bool top_stopped(const struct top *top)
{
	struct pollfd stop = { .fd = top->stop, .events = POLLIN };

	return poll(&stop, 1, 0) > 0;
}

/* Start a trail of a process, and prepare to compare it with the last one. */
static void start_trail(struct scan *scan, struct top_process *row)
{
	size_t others = scan->top->trails - row->trail.runs.size;
	/* Only a trail that was begun by a scan and not dropped can be compared. */
	bool known = row->time > 0 && !row->trail.dropped;

	scan->row = row;
	scan->moved = 0;
	scan->before = (struct trail_reader){ .trail = known ? &row->trail : NULL };
	scan->trail_limit = others < MAX_TRAILS ? MAX_TRAILS - others : 0;
}

static int scan_process(struct target *target, const struct process *process, void *data)
{
	static const struct thp no_thp; /* windows are not needed */
	struct scan *scan = data;
	struct top_process *row = scan->rows[process - scan->walk->vec];
	double now = top_now();
	struct tally tally = {};
	struct tally_walk walk = {
		.target = target,
		.thp = &no_thp,
		.sum = &tally,
		.group = &scan->group,
		.piece = follow_piece,
		.mapping = top_is_same(process, &scan->top->chosen) ? add_mapping : NULL,
		.data = scan,
	};
	int ret;

	if (top_stopped(scan->top))
		return EXIT_FAILURE;
	scan->page_size = target->info.page_size;
	start_trail(scan, row);
	ret = tally_walk(&walk);
	if (!ret) {
		row->sums = sum_up(&tally);
		row->scanned = true;
		end_trail(scan, now, tally.hidden);
	}
	trail_free(&scan->trail);
	tally_free(&tally);
	return ret;
}

/* Forget the last scan, except for where the pages of wanted processes were. */
static void forget_scan(struct top *top)
{
	size_t i;

	top->trails = 0;
	for (i = 0; i < top->nr_rows; i++) {
		top->rows[i].scanned = false;
		top->rows[i].moved = -1;
		if (!top->rows[i].wanted) {
			trail_free(&top->rows[i].trail);
			top->rows[i].time = 0;
		}
		top->trails += top->rows[i].trail.runs.size;
	}
}

/* Walk the rows that are wanted. Returns an exit status. */
static int walk_rows(struct scan *scan, struct processes *walk)
{
	struct top *top = scan->top;
	size_t i;
	int status;

	for (i = 0; i < top->nr_rows; i++) {
		if (!top->rows[i].wanted)
			continue;
		scan->rows[walk->count] = &top->rows[i];
		walk->vec[walk->count++] = top->rows[i].process;
	}
	processes_pass(&top->processes, walk);
	scan->walk = walk;
	status = processes_walk(walk, scan_process, scan);
	processes_pass(walk, &top->processes);
	top->nr_scanned = walk->walked;
	return top_stopped(top) ? EXIT_SUCCESS : status;
}

int top_scan(struct top *top)
{
	struct scan scan = { .top = top };
	struct processes walk = { .optional = true };
	double start = top_now();
	int status;

	forget_scan(top);
	top_free_mappings(top);
	scan.rows = calloc(top->nr_rows + 1, sizeof(*scan.rows));
	walk.vec = calloc(top->nr_rows + 1, sizeof(*walk.vec));
	if (scan.rows && walk.vec)
		status = walk_rows(&scan, &walk);
	else
		status = failure("%m");
	free(scan.rows);
	free(walk.vec);
	top->total = sum_up(&scan.group.tally);
	top->hidden = scan.group.tally.hidden;
	tally_group_free(&scan.group);
	if (!status)
		status = top_read_instances(top);
	top->cost += top_now() - start;
	return status;
}
