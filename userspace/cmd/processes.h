/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Select processes, and walk one after the other
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_PROCESSES_H
#define _VMWALK_PROCESSES_H

#include "command.h"

/* PIDs are reused: the start time distinguishes processes with the same PID. */
struct process {
	pid_t pid;
	__u64 start;   /* in clock ticks after the boot */
	pid_t shares;  /* the process that has the same memory and is walked instead, or 0 */
	char comm[64]; /* may contain any bytes */
};

/*
 * Selection of processes: by --device or --pid, or by the other options, one of
 * which must match.
 */
struct process_filter {
	const char *device;
	const char *pids;
	const char *comm;
	const char *cgroup;
	const char *unit;
	bool all;
	bool optional; /* it is no error if no process matches, or if the only one ends */
};

extern const struct verb_option process_verb_options[];

/* Store an option that selects processes. Returns false for any other option. */
bool process_option(struct process_filter *filter, int option, const char *arg);

/* Number of options that select processes */
unsigned int process_filters(const struct process_filter *filter);

/* The selected processes and, after processes_walk(), the results of the walk */
struct processes {
	struct process *vec; /* in the order of --pid, or sorted by PID */
	size_t count;
	size_t walked;
	size_t exited;        /* skipped: ended before or during the walk */
	size_t denied;        /* skipped: EPERM */
	size_t shared;        /* have the memory of a process that is walked */
	struct target target; /* opened by the first walk */
	bool open;
	bool optional; /* as in the filter */
};

/*
 * Select processes. Kernel threads and zombies have no memory: they are left
 * out, but naming one with --pid is an error. --all leaves out the command
 * itself and its guard. Unless the filter is optional, it is an error if no
 * process matches. Prints errors and returns an exit status.
 */
int processes_select(struct processes *processes, const struct process_filter *filter);

/*
 * Call @fn for each process that does not share the memory of another one, with
 * a target that is set to it. One temporary instance serves all processes; it is
 * kept until processes_free().
 *
 * @fn returns 0; -1 with errno set; or an exit status, which ends the walk, after
 * printing an error. ESRCH (the process has ended) and EPERM are counted, and end
 * the walk only if one process was selected that is not optional. Prints errors
 * and returns an exit status.
 */
int processes_walk(struct processes *processes,
		   int (*fn)(struct target *target, const struct process *process, void *data),
		   void *data);

/* Use the open target of other processes, which are not walked again. */
void processes_pass(struct processes *from, struct processes *to);

void processes_free(struct processes *processes);

/* Number of processes that were skipped, since they ended or are not readable */
size_t processes_skipped(const struct processes *processes);

/*
 * Print "1013 processes walked, 2 skipped (1 exited, 1 not permitted), 5 share
 * the memory of another one".
 */
void processes_print(FILE *out, const struct processes *processes);

/* Fill in start and comm of the process with a PID. Returns false if there is none. */
bool process_read(struct process *process);

/* Path of the process's cgroup: that of its memory in version 1. The caller frees it. */
char *process_cgroup(pid_t pid);

/* Check that a process still is the one that was selected. */
bool process_is_same(const struct process *process);

#endif /* _VMWALK_PROCESSES_H */
