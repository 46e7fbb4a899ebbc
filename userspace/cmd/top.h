/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interfaces shared by the files of vmwalk top
 *
 * top_list.c selects processes, top_scan.c scans them, top_instances.c reads
 * counters. top_view.c and top_status.c turn these into rows and lines, which
 * top.c prints and top_screen.c shows on a terminal, with top_draw.c and
 * top_keys.c.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_TOP_H
#define _VMWALK_TOP_H

#include "processes.h"
#include "tally.h"
#include "trail.h"

/* What a scan found, in bytes */
struct top_sums {
	__u64 resident;
	__u64 swap;
	__u64 hugetlb;  /* not in resident */
	__u64 huge;     /* resident, mapped by entries of 2 MiB or more */
	char nodes[64]; /* percentages of resident and hugetlb, such as "0:97 1:3" */
};

struct top_process {
	struct process process;
	__u64 estimate; /* resident and swap as in /proc, which orders the others */
	bool wanted;    /* scan it */
	bool scanned;   /* after top_list(): by the last scan; after top_scan(): by this one */
	struct top_sums sums;
	struct trail trail;
	double time;  /* of the trail */
	double moved; /* bytes per second; negative: unknown */
};

struct top_mapping {
	__u64 start;
	char perms[5];
	char *name; /* NULL if it is not known */
	struct top_sums sums;
};

struct top_instance {
	char *name;
	char *dev_name;
	__u64 faults;
	__u64 mapped_pages, mappings;
	bool readable; /* mapped_pages and mappings, which only root can read */
	double time;   /* of the reading */
	double rate;   /* faults per second; negative: unknown */
};

struct top {
	struct process_filter filter;
	struct processes processes; /* of which vec is in the rows */
	struct top_process *rows;
	size_t nr_rows;
	size_t nr_scanned;
	struct top_instance *instances;
	size_t nr_instances;
	/* The process whose mappings are collected; pid 0: none */
	struct process chosen;
	struct top_mapping *mappings;
	size_t nr_mappings;
	bool mappings_cut;
	struct top_sums total; /* of the scanned processes, each frame once */
	bool hidden;           /* PFNs are hidden: no total and no moves */
	size_t trails;         /* bytes that the trails take */
	double cost;           /* seconds that the last refresh took */
	int stop;              /* a scan ends when this descriptor becomes readable; or -1 */
};

/* Whether a PID still means the process that it meant before */
static inline bool top_is_same(const struct process *a, const struct process *b)
{
	return a->pid == b->pid && a->start == b->start;
}

/* Monotonic time in seconds */
double top_now(void);

/*
 * A refresh has two steps: list the processes and instances, then scan the
 * processes that are wanted. The caller chooses between the two. Both print
 * errors and return an exit status.
 */
int top_list(struct top *top);
int top_scan(struct top *top);
void top_free(struct top *top);

/* Whether the command is to end */
bool top_stopped(const struct top *top);

void top_free_mappings(struct top *top);

/*
 * Seconds from the start of a refresh to the next one: at least @delay, and so
 * that refreshes take at most a fifth of the time
 */
double top_interval(const struct top *top, double delay);

/* Read the counters of the instances. Prints errors and returns an exit status. */
int top_read_instances(struct top *top);
void top_free_instances(struct top_instance *instances, size_t count);

/* Views: rows and columns */

struct top_value {
	enum {
		TOP_NONE,
		TOP_TEXT,
		TOP_NUMBER,
		TOP_AMOUNT,   /* bytes */
		TOP_ID,       /* a PID */
		TOP_HEX,      /* an address */
		TOP_ESTIMATE, /* only orders the rows */
	} type;
	__u64 number;
	const char *text;
};

struct top_view {
	const char *title;
	const struct column *columns;
	size_t sort; /* by this column, if nothing else is asked for */
	size_t (*count)(const struct top *top);
	struct top_value (*value)(const struct top *top, size_t row, size_t column);
};

extern const struct column top_process_columns[];
extern const struct top_view top_processes_view, top_instances_view, top_mappings_view;

/* Find a column by its name. Returns SIZE_MAX if there is none. */
size_t top_column(const struct top_view *view, const char *name);

/*
 * Order the rows of a view: sizes and counts from large to small, the others from
 * small to large or from A to Z; unless @reverse is set. Returns the indices of
 * the rows, to be freed, or NULL if memory is short.
 */
size_t *top_order(const struct top *top, const struct top_view *view, size_t column, bool reverse);

/* The lines above the rows, to be freed: time and cost; what was scanned, and its total */
char *top_status(const struct top *top, double delay);
char *top_total(const struct top *top, bool bytes);

struct top_settings {
	double delay;
	unsigned long count; /* of refreshes; 0: no limit */
	size_t sort;         /* column of top_processes_view */
	bool bytes;
};

/* Show the views on the terminal until the user quits. Returns an exit status. */
int top_screen(struct top *top, const struct top_settings *settings);

#endif /* _VMWALK_TOP_H */
