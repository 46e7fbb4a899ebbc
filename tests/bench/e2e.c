// SPDX-License-Identifier: GPL-2.0
/*
 * The vmwalk command, from the start of the process to its exit, compared with
 * a program that reads pagemap and prints what it finds with printf(3).
 *
 * Copyright (C) The vmwalk authors
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "vmwalk.h"

#define COMMAND		"/usr/bin/vmwalk"
/* Each row of the output is an extent of one page. */
#define ROWS		500000UL
/* Memory behind the range, which is mapped repeatedly. */
#define PART		(64 * BENCH_MIB)
/* Entries per read(2) of pagemap: 256 KiB. */
#define ENTRIES		(256 * 1024 / sizeof(__u64))
#define PM_FRAME	0x007fffffffffffffULL
#define PM_PRESENT	0x8000000000000000ULL

/*
 * "vmwalk scan" of the range, with the address of its end as text, or another
 * command on the whole process, or any command line.
 */
struct command {
	const char *args[8];	/* the command line, ends with NULL; or none */
	const char *verb;	/* NULL: scan */
	const char *format;	/* option for the format of the output, or NULL */
	const char *columns;	/* argument of --output, or NULL */
	char end[24];
};

/* Returns a range in which every second page is present. */
static struct bench_range reserve_rows(void)
{
	struct bench_range range = bench_reserve(2 * ROWS * BENCH_PAGE, false);
	struct bench_area memfd = bench_memfd(PART);
	char pid[16];

	for (__u64 at = range.start; at < range.end; at += PART)
		if (mmap((void *)at, range.end - at < PART ? range.end - at : PART,
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memfd.fd, 0) == MAP_FAILED)
			bench_die("mapping a memfd repeatedly: %m");
	bench_close(&memfd);
	/* Stores, since a load would also map the pages around it. */
	bench_populate(&range, 0, range.end - range.start, 2 * BENCH_PAGE);
	snprintf(pid, sizeof(pid), "%d", getpid());
	bench_write(BENCH_INSTANCE "/target_pid", pid);
	return range;
}

static struct command scan_to(const char *format, const char *columns, __u64 end)
{
	struct command command = { .format = format, .columns = columns };

	snprintf(command.end, sizeof(command.end), "%llx", end);
	return command;
}

/* Runs the command in this process. The range starts above all others. */
_Noreturn static void exec_command(const struct command *command, const struct bench_range *range)
{
	const char *verb = command->verb ? command->verb : "scan";
	const char *argv[16] = { "vmwalk", verb, "--device", "bench" };
	char start[24];
	size_t count = 4;

	if (command->args[0]) {
		execv(COMMAND, (char **)command->args);
		bench_die(COMMAND ": %m");
	}
	snprintf(start, sizeof(start), "%llx", range->start);
	if (!command->verb) {
		argv[count++] = "--noheadings";
		argv[count++] = "--start";
		argv[count++] = start;
		argv[count++] = "--end";
		argv[count++] = command->end;
	}
	if (command->format)
		argv[count++] = command->format;
	if (command->columns) {
		argv[count++] = "--output";
		argv[count++] = command->columns;
	}
	execv(COMMAND, (char **)argv);
	bench_die(COMMAND ": %m");
}

static void print_extent(const struct vmwalk_extent *extent)
{
	if (extent->pages)
		printf("0x%llx 0x%llx %llu 0x%llx\n", extent->start,
		       extent->start + extent->pages * BENCH_PAGE, extent->pages, extent->pfn);
}

/* What a program does without vmwalk: read entries, merge pages, print. */
static void print_pagemap(const struct bench_range *range)
{
	static __u64 entries[ENTRIES];
	struct vmwalk_extent extent = { };
	size_t count;

	for (__u64 at = range->start; at < range->end;) {
		count = (range->end - at) / BENCH_PAGE;
		if (count > ENTRIES)
			count = ENTRIES;
		if (pread(range->pagemap, entries, count * sizeof(entries[0]),
			  at / BENCH_PAGE * sizeof(entries[0])) !=
		    (ssize_t)(count * sizeof(entries[0])))
			bench_die("reading pagemap at 0x%llx: %m", at);
		for (size_t i = 0; i < count; i++, at += BENCH_PAGE) {
			__u64 pfn = entries[i] & PM_FRAME;

			if (!(entries[i] & PM_PRESENT))
				continue;
			if (extent.pages && at == extent.start + extent.pages * BENCH_PAGE &&
			    pfn == extent.pfn + extent.pages) {
				extent.pages++;
				continue;
			}
			print_extent(&extent);
			extent = (struct vmwalk_extent){ .start = at, .pfn = pfn, .pages = 1 };
		}
	}
	print_extent(&extent);
	fflush(stdout);
}

/* --- Running them ----------------------------------------------------- */

static struct bench_range rows;

/* Starts a command, or the reader of pagemap if @command is NULL. */
static pid_t start(const struct command *command, int out, bool traced)
{
	pid_t pid = fork();

	if (pid < 0)
		bench_die("fork: %m");
	if (pid)
		return pid;
	if (dup2(out, STDOUT_FILENO) < 0)
		bench_die("dup2: %m");
	if (traced && ptrace(PTRACE_TRACEME, 0, 0, 0))
		bench_die("ptrace: %m");
	if (command)
		exec_command(command, &rows);
	/* A separate file with a buffer: that of the benchmark is line-buffered. */
	setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
	print_pagemap(&rows);
	_exit(EXIT_SUCCESS);
}

static void finish(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		bench_die("waitpid: %m");
	if (status)
		bench_die("a command ended with status 0x%x", status);
}

static double run(void *command)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	__u64 started, ended;

	started = bench_now();
	finish(start(command, null, false));
	ended = bench_now();
	close(null);
	return (double)(ended - started) / rows.units;
}

static const char *output_of(const struct command *command, size_t *len)
{
	int fd = memfd_create("output", MFD_CLOEXEC);
	struct stat stat;
	const char *text;

	if (fd < 0)
		bench_die("memfd_create: %m");
	finish(start(command, fd, false));
	if (fstat(fd, &stat))
		bench_die("fstat: %m");
	text = mmap(NULL, stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		bench_die("mapping the output: %m");
	close(fd);
	*len = stat.st_size;
	return text;
}

/* Dies unless the command prints what the reader of pagemap prints. */
static void check_output(void)
{
	struct command raw = scan_to("--raw", "START,END,PAGES,PFN", rows.end);
	size_t our_len, their_len, lines = 0;
	const char *ours = output_of(&raw, &our_len);
	const char *theirs = output_of(NULL, &their_len);

	if (our_len != their_len || memcmp(ours, theirs, our_len))
		bench_die("the output of vmwalk scan differs from pagemap");
	for (size_t i = 0; i < our_len; i++)
		lines += ours[i] == '\n';
	if (lines != ROWS)
		bench_die("vmwalk scan prints %zu rows, expected %lu", lines, ROWS);
	munmap((void *)ours, our_len);
	munmap((void *)theirs, their_len);
}

static double status_kib(pid_t pid, const char *field)
{
	char path[64], line[256];
	double kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, field, strlen(field)))
			kib = strtod(line + strlen(field), NULL);
	if (file)
		fclose(file);
	if (!kib)
		bench_die("no %s in %s", field, path);
	return kib;
}

/*
 * Returns the largest resident set of a command in KiB, read when it exits.
 * That in struct rusage includes the memory of this process, before execve().
 */
static double peak_of(const struct command *command)
{
	int status, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid_t pid = start(command, null, true);
	double kib;

	close(null);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT) ||
	    ptrace(PTRACE_CONT, pid, 0, 0))
		bench_die("ptrace: %m");
	if (waitpid(pid, &status, 0) != pid ||
	    status >> 8 != (SIGTRAP | PTRACE_EVENT_EXIT << 8))
		bench_die("a traced command stopped with status 0x%x", status);
	kib = status_kib(pid, "VmHWM:");
	if (ptrace(PTRACE_CONT, pid, 0, 0))
		bench_die("ptrace: %m");
	finish(pid);
	return kib;
}

static void print_peaks(const char *name, double ours, double anchor, const char *anchor_name)
{
	printf("bench %s how=peak ours=%.0f anchor=%.0f anchor_name=%s ", name, ours, anchor,
	       anchor_name);
	printf("ratio=%.3f unit=KiB/process\n", anchor / ours);
}

static void compare_peaks(void)
{
	__u64 tenth = rows.start + (rows.end - rows.start) / 10 / BENCH_PAGE * BENCH_PAGE;
	struct command all = scan_to(NULL, NULL, rows.end);
	struct command few = scan_to(NULL, NULL, tenth);

	print_peaks("e2e_scan_memory", peak_of(&all), peak_of(&few), "a_tenth");
}

void bench_e2e_scan(const struct bench_row *row)
{
	static const char *const formats[] = { NULL, "--raw", "--json" };
	static const char *const names[] = { "table", "raw", "json" };
	struct command commands[BENCH_COUNT(formats)];
	struct bench_side sides[BENCH_COUNT(formats) + 1];
	char name[32];

	rows = reserve_rows();
	rows.units = ROWS;
	check_output();
	for (size_t i = 0; i < BENCH_COUNT(formats); i++) {
		commands[i] = scan_to(formats[i], NULL, rows.end);
		sides[i] = (struct bench_side) {
			.name = names[i], .run = run, .arg = &commands[i], .slow = true,
		};
	}
	sides[BENCH_COUNT(formats)] = (struct bench_side) {
		.name = "pagemap", .run = run, .slow = true,
	};
	bench_measure(sides, BENCH_COUNT(sides));
	for (size_t i = 0; i < BENCH_COUNT(formats); i++) {
		const struct bench_row line = { .name = name, .unit = row->unit };

		snprintf(name, sizeof(name), "%s_%s", row->name, names[i]);
		bench_print(&line, &sides[i], &sides[BENCH_COUNT(formats)]);
	}
	compare_peaks();
	bench_release(&rows);
}

/* Read smaps_rollup: the sums in smaps of a whole process. */
static double read_smaps(void *unused)
{
	char text[4096];
	__u64 started, ended;
	int fd;

	(void)unused;
	started = bench_now();
	fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
	while (read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
	ended = bench_now();
	return (double)(ended - started) / rows.units;
}

/* The rows of the scan are what a summary reads. */
void bench_e2e_summary(const struct bench_row *row)
{
	struct command summary = { .verb = "summary", .format = "--raw" };
	struct command all = { .format = "--raw" };
	struct bench_side sides[] = {
		{ .name = "summary", .run = run, .arg = &summary, .slow = true },
		{ .name = "scan", .run = run, .arg = &all, .slow = true },
		{ .name = "smaps_rollup", .run = read_smaps, .slow = true },
	};

	rows = reserve_rows();
	rows.units = ROWS;
	all = scan_to("--raw", NULL, rows.end);
	bench_compare(row, sides, BENCH_COUNT(sides));
	print_peaks("e2e_summary_memory", peak_of(&summary), peak_of(&all), "scan");
	bench_release(&rows);
}

/* What a program does without vmwalk: look for the frame in all of pagemap. */
static double search_pagemap(void *frame)
{
	static __u64 entries[ENTRIES];
	__u64 pfn = *(__u64 *)frame, found = 0, started, ended;
	ssize_t got;

	started = bench_now();
	for (__u64 at = rows.start; at < rows.end; at += got / sizeof(entries[0]) * BENCH_PAGE) {
		got = pread(rows.pagemap, entries, sizeof(entries),
			    at / BENCH_PAGE * sizeof(entries[0]));
		if (got <= 0)
			bench_die("reading pagemap at 0x%llx: %m", at);
		for (size_t i = 0; i < got / sizeof(entries[0]); i++)
			found += (entries[i] & PM_PRESENT) && (entries[i] & PM_FRAME) == pfn;
	}
	ended = bench_now();
	if (!found)
		bench_die("the frame 0x%llx is not in pagemap", pfn);
	return (double)(ended - started) / rows.units;
}

static __u64 frame_at(__u64 addr)
{
	__u64 entry;

	if (pread(rows.pagemap, &entry, sizeof(entry), addr / BENCH_PAGE * sizeof(entry)) !=
	    sizeof(entry))
		bench_die("reading pagemap at 0x%llx: %m", addr);
	return entry & PM_FRAME;
}

void bench_e2e_find(const struct bench_row *row)
{
	char pfn[24];
	struct command find = {
		.args = { "vmwalk", "find", "--device", "bench", "--raw", "--pfn", pfn },
	};
	struct command all = { .format = "--raw" };
	__u64 frame;
	struct bench_side sides[] = {
		{ .name = "find", .run = run, .arg = &find, .slow = true },
		{ .name = "scan", .run = run, .arg = &all, .slow = true },
		{ .name = "pagemap", .run = search_pagemap, .arg = &frame, .slow = true },
	};

	rows = reserve_rows();
	rows.units = ROWS;
	frame = frame_at(rows.start);
	snprintf(pfn, sizeof(pfn), "%llx", frame);
	all = scan_to("--raw", NULL, rows.end);
	bench_compare(row, sides, BENCH_COUNT(sides));
	print_peaks("e2e_find_memory", peak_of(&find), peak_of(&all), "scan");
	bench_release(&rows);
}

void bench_e2e_diff(const struct bench_row *row)
{
	struct command save = {
		.args = { "vmwalk", "scan", "--device", "bench", "--save", "/tmp/old" },
	};
	struct command diff = { .args = { "vmwalk", "diff", "--raw", "/tmp/old", "/tmp/new" } };
	struct command all = { .format = "--raw" };
	struct bench_side sides[] = {
		{ .name = "diff", .run = run, .arg = &diff, .slow = true },
		{ .name = "save", .run = run, .arg = &save, .slow = true },
		{ .name = "scan", .run = run, .arg = &all, .slow = true },
	};

	rows = reserve_rows();
	rows.units = ROWS;
	all = scan_to("--raw", NULL, rows.end);
	run(&save);
	save.args[5] = "/tmp/new";
	run(&save);
	bench_compare(row, sides, BENCH_COUNT(sides));
	print_peaks("e2e_diff_memory", peak_of(&diff), peak_of(&save), "save");
	unlink("/tmp/old");
	unlink("/tmp/new");
	bench_release(&rows);
}
