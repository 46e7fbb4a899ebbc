// SPDX-License-Identifier: GPL-2.0
/*
 * Selection of processes by PID, name, cgroup or systemd unit, from /proc
 *
 * Copyright (C) The vmwalk authors
 */
#include <dirent.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processes.h"

/* The kernel cuts names of processes to this length. */
#define COMM_LEN 15

const struct verb_option process_verb_options[] = {
	{ "device", 'd', "NAME", "the target of this instance, device or path" },
	{ "pid", 'p', "PID", "processes with these PIDs (comma-separated)" },
	{ "comm", 'c', "COMM", "processes with this name, as in /proc/PID/comm" },
	{ "cgroup", 'g', "CGROUP", "processes in this cgroup, or below it" },
	{ "unit", 'u', "UNIT", "processes of this systemd unit" },
	{ "all", 'a', NULL, "all processes" },
	{},
};

bool process_option(struct process_filter *filter, int option, const char *arg)
{
	if (option == 'd')
		filter->device = arg;
	else if (option == 'p')
		filter->pids = arg;
	else if (option == 'c')
		filter->comm = arg;
	else if (option == 'g')
		filter->cgroup = arg;
	else if (option == 'u')
		filter->unit = arg;
	else if (option == 'a')
		filter->all = true;
	else
		return false;

	return true;
}

/* Files of /proc/PID */

/*
 * Read /proc/PID/stat: PID (COMM) STATE ..., where COMM may contain anything.
 * Sets *@memory to whether the process has memory: kernel threads and zombies
 * don't. Returns false if there is no such process.
 */
static bool read_stat(struct process *process, bool *memory)
{
	unsigned long long start, size;
	char stat[1024], *begin, *end;
	size_t len;

	if (!read_process_file(process->pid, "stat", stat, sizeof(stat)))
		return false;
	begin = strchr(stat, '(');
	end = strrchr(stat, ')');
	/* Field 22 is the start, field 23 the size; the state is field 3. */
	if (!begin || end < begin ||
	    sscanf(end + 1, " %*c%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%llu%llu",
		   &start, &size) != 2)
		return false;
	process->start = start;
	*memory = size;
	len = end - begin - 1;
	if (len >= sizeof(process->comm))
		len = sizeof(process->comm) - 1;
	memcpy(process->comm, begin + 1, len);
	process->comm[len] = '\0';
	return true;
}

bool process_read(struct process *process)
{
	bool memory;

	return read_stat(process, &memory);
}

char *process_cgroup(pid_t pid)
{
	char text[8192], *line, *rest, *controllers, *path, *found = NULL;

	read_process_file(pid, "cgroup", text, sizeof(text));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		controllers = strchr(line, ':');
		path = controllers ? strchr(++controllers, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		/* cgroup v2 lists no controllers. In v1, use the memory controller. */
		if (!*controllers || strstr(controllers, "memory"))
			found = path;
		if (*controllers && found == path)
			break;
	}
	return found ? strdup(found) : NULL;
}

bool process_is_same(const struct process *process)
{
	struct process now = { .pid = process->pid };
	bool memory;

	return read_stat(&now, &memory) && now.start == process->start && memory;
}

/* The process of a thread; the PID itself if that is not known */
static pid_t thread_group(pid_t pid)
{
	char status[512];
	const char *field;

	read_process_file(pid, "status", status, sizeof(status));
	field = strstr(status, "\nTgid:");
	return field ? (pid_t)strtol(field + 6, NULL, 10) : pid;
}

/* Filters */

/* Whether @path is @cgroup or below it. Both begin with a slash. */
static bool is_below(const char *path, const char *cgroup)
{
	size_t len = strlen(cgroup);

	while (len && cgroup[len - 1] == '/')
		len--;
	return !strncmp(path, cgroup, len) && (!path[len] || path[len] == '/');
}

/* Whether a component of the path is a unit. Without suffix, it is a service. */
static bool has_unit(const char *path, const char *unit)
{
	size_t len = strlen(unit);
	const char *at = path;

	while ((at = strchr(at, '/'))) {
		at++;
		if (strncmp(at, unit, len))
			continue;
		if (!at[len] || at[len] == '/')
			return true;
		if (!strchr(unit, '.') && !strncmp(at + len, ".service", 8) &&
		    (!at[len + 8] || at[len + 8] == '/'))
			return true;
	}
	return false;
}

/* A line of /proc/PID/cgroup: NUMBER:CONTROLLERS:PATH */
static bool in_cgroup(pid_t pid, const struct process_filter *filter)
{
	static const char mount[] = "/sys/fs/cgroup";
	const char *cgroup = filter->cgroup;
	char text[8192], *line, *rest, *path;

	if (cgroup && is_below(cgroup, mount))
		cgroup += strlen(mount);
	read_process_file(pid, "cgroup", text, sizeof(text));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		path = strchr(line, ':');
		path = path ? strchr(path + 1, ':') : NULL;
		if (!path)
			continue;
		if (cgroup ? is_below(path + 1, cgroup) : has_unit(path + 1, filter->unit))
			return true;
	}
	return false;
}

static bool matches(const struct process *process, const struct process_filter *filter)
{
	if (filter->all)
		return process->pid != getpid() && !guard_is_process(process->pid);
	if (filter->comm)
		return !strncmp(process->comm, filter->comm, COMM_LEN);
	return in_cgroup(process->pid, filter);
}

/* List of processes */

/* Returns an exit status. */
static int add_process(struct processes *processes, const struct process *process)
{
	struct process *vec = processes->vec;
	size_t count = processes->count;

	/* The size doubles whenever the count reaches a power of two. */
	if (!(count & (count - 1)))
		vec = realloc(vec, (count ? 2 * count : 1) * sizeof(*vec));
	if (!vec)
		return failure("%m");
	processes->vec = vec;
	vec[processes->count++] = *process;
	return EXIT_SUCCESS;
}

static bool is_selected(const struct processes *processes, pid_t pid)
{
	size_t i;

	for (i = 0; i < processes->count; i++)
		if (processes->vec[i].pid == pid)
			return true;
	return false;
}

/* Returns an exit status. */
static int select_pid(struct processes *processes, const char *text,
		      const struct process_filter *filter)
{
	static const char no_memory[] = "it is a kernel thread, or has exited";
	struct process process = {};
	bool found, memory;

	if (!parse_pid(text, &process.pid))
		return usage_failure("--pid: '%s' is not a process ID (1 to %d)", text, INT_MAX);
	process.pid = thread_group(process.pid);
	found = read_stat(&process, &memory);
	if ((!found || !memory) && filter->optional)
		return EXIT_SUCCESS;
	if (!found)
		return failure("process %s does not exist", text);
	if (!memory)
		return failure("process %s has no memory: %s", text, no_memory);
	if (is_selected(processes, process.pid))
		return EXIT_SUCCESS;
	return add_process(processes, &process);
}

static int select_pids(struct processes *processes, const struct process_filter *filter)
{
	char *list = strdup(filter->pids), *next = list, *one;
	int status = EXIT_SUCCESS;

	if (!list)
		return failure("%m");
	while (!status && (one = strsep(&next, ",")))
		status = select_pid(processes, one, filter);
	free(list);
	return status;
}

static int by_pid(const void *a, const void *b)
{
	const struct process *left = a, *right = b;

	return left->pid < right->pid ? -1 : left->pid > right->pid;
}

static int select_matching(struct processes *processes, const struct process_filter *filter)
{
	char *path = system_path("/proc");
	DIR *proc = path ? opendir(path) : NULL;
	struct process process = {};
	int status = EXIT_SUCCESS;
	struct dirent *entry;
	bool memory;

	free(path);
	if (!proc)
		return failure("/proc: %m");
	while (!status && (entry = readdir(proc))) {
		if (!parse_pid(entry->d_name, &process.pid) || !read_stat(&process, &memory))
			continue;
		if (memory && matches(&process, filter))
			status = add_process(processes, &process);
	}
	closedir(proc);
	if (processes->count)
		qsort(processes->vec, processes->count, sizeof(*processes->vec), by_pid);
	return status;
}

/* Processes that share their memory: CLONE_VM without CLONE_THREAD, or vfork() */

/* Order of two processes by their memory; 0 if it is the same or unknown */
static int compare_memory(const struct process *left, const struct process *right, bool *same)
{
	long order = syscall(SYS_kcmp, left->pid, right->pid, KCMP_VM, 0, 0);

	*same = !order;
	return order == 1 ? -1 : 1;
}

/*
 * Find the first process with the same memory as each process. @sorted contains
 * the processes found so far, sorted by their memory.
 */
static void find_shared(struct processes *processes, size_t *sorted)
{
	size_t i, low, high, middle, nr_sorted = 0;
	struct process *process;
	bool same;
	int order;

	/* The processes of a captured tree are not those of this machine. */
	if (secure_getenv("VMWALK_SYSROOT"))
		return;
	for (i = 0; i < processes->count; i++) {
		process = &processes->vec[i];
		for (low = 0, high = nr_sorted, same = false; low < high;) {
			middle = low + (high - low) / 2;
			order = compare_memory(process, &processes->vec[sorted[middle]], &same);
			if (same)
				break;
			if (order < 0)
				high = middle;
			else
				low = middle + 1;
		}
		if (same) {
			process->shares = processes->vec[sorted[middle]].pid;
			processes->shared++;
			continue;
		}
		memmove(sorted + low + 1, sorted + low, (nr_sorted - low) * sizeof(*sorted));
		sorted[low] = i;
		nr_sorted++;
	}
}

static int none_failure(const struct process_filter *filter)
{
	if (filter->comm)
		return failure("no process has the name '%s'", filter->comm);
	if (filter->cgroup)
		return failure("no process is in cgroup '%s'", filter->cgroup);
	if (filter->unit)
		return failure("no process belongs to unit '%s'", filter->unit);
	return failure("no process found");
}

unsigned int process_filters(const struct process_filter *filter)
{
	return !!filter->device + !!filter->pids + !!filter->comm + !!filter->cgroup +
		!!filter->unit + filter->all;
}

/* The target of a device. Returns an exit status. */
static int select_device(struct processes *processes, const struct process_filter *filter)
{
	struct target_options options = { .device = filter->device };
	struct process process = {};
	bool memory;
	int status;

	status = target_open(&processes->target, &options);
	if (status)
		return status;
	processes->open = true;
	process.pid = processes->target.pid;
	if (!read_stat(&process, &memory))
		return failure("process %d has exited", process.pid);
	return add_process(processes, &process);
}

int processes_select(struct processes *processes, const struct process_filter *filter)
{
	size_t *sorted;
	int status;

	*processes = (struct processes){ .optional = filter->optional };
	if (process_filters(filter) != 1)
		return usage_failure("specify one way to select processes; --help lists them");
	if (filter->device)
		status = select_device(processes, filter);
	else if (filter->pids)
		status = select_pids(processes, filter);
	else
		status = select_matching(processes, filter);
	if (!status && !processes->count && !filter->optional)
		status = none_failure(filter);
	if (!status && processes->count > 1) {
		sorted = calloc(processes->count, sizeof(*sorted));
		if (sorted)
			find_shared(processes, sorted);
		else
			status = failure("%m");
		free(sorted);
	}
	if (status)
		processes_free(processes);
	return status;
}

/* Walks */

/* Returns 0, or -1 with errno set. */
static int set_target(struct processes *processes, const struct process *process)
{
	/* The target of --device is set already. */
	if (!processes->target.temporary)
		return 0;
	if (target_set(&processes->target, process->pid)) {
		/* EINVAL: a kernel thread has reused the PID. */
		if (errno == EINVAL)
			errno = ESRCH;
		return -1;
	}
	if (process_is_same(process))
		return 0;
	errno = ESRCH;
	return -1;
}

/* The process at @i has ended: walk another one that shares its memory. */
static void walk_sharing(struct processes *processes, size_t i)
{
	pid_t pid = processes->vec[i].pid, next = 0;

	while (++i < processes->count) {
		if (processes->vec[i].shares != pid)
			continue;
		processes->vec[i].shares = next;
		if (!next) {
			next = processes->vec[i].pid;
			processes->shared--;
		}
	}
}

int processes_walk(struct processes *processes,
		   int (*fn)(struct target *target, const struct process *process, void *data),
		   void *data)
{
	int status = EXIT_SUCCESS;
	struct process *process;
	size_t i;

	processes->walked = 0;
	processes->exited = 0;
	processes->denied = 0;
	if (!processes->open && processes->count) {
		status = target_open_temporary(&processes->target);
		processes->open = !status;
	}
	for (i = 0; !status && i < processes->count; i++) {
		process = &processes->vec[i];
		if (process->shares)
			continue;
		status = set_target(processes, process);
		if (!status)
			status = fn(&processes->target, process, data);
		if (!status) {
			processes->walked++;
			continue;
		}
		if (status > 0)
			break;
		if ((processes->count == 1 && !processes->optional) ||
		    (errno != ESRCH && errno != EPERM))
			return target_failure(&processes->target, NULL, errno);
		if (errno == EPERM) {
			processes->denied++;
		} else {
			processes->exited++;
			walk_sharing(processes, i);
		}
		status = EXIT_SUCCESS;
	}
	return status;
}

void processes_pass(struct processes *from, struct processes *to)
{
	to->target = from->target;
	to->open = from->open;
	from->open = false;
}

void processes_free(struct processes *processes)
{
	if (processes->open)
		target_close(&processes->target);
	free(processes->vec);
	*processes = (struct processes){};
}

size_t processes_skipped(const struct processes *processes)
{
	return processes->exited + processes->denied;
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "es";
}

void processes_print(FILE *out, const struct processes *processes)
{
	size_t skipped = processes_skipped(processes);

	fprintf(out, "%zu process%s walked, %zu skipped", processes->walked,
		plural(processes->walked), skipped);
	if (skipped)
		fprintf(out, " (%zu exited, %zu not permitted)", processes->exited,
			processes->denied);
	if (processes->shared)
		fprintf(out, ", %zu share%s the memory of another one", processes->shared,
			processes->shared == 1 ? "s" : "");
}
