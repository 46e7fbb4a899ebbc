// SPDX-License-Identifier: GPL-2.0
/*
 * LOG: the lines in the kernel log are the extents of a scan of the same range,
 * with any limit on the number of lines.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

static struct vw_device dev;
static int kmsg;

/* --- The kernel log ------------------------------------------------------- */

struct line {
	int device;
	int pid;
	bool has_pfn;
	struct vmwalk_extent extent;
};

static void open_log(void)
{
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(kmsg >= 0);
}

/* Skip the lines logged so far. */
static void start_reading(void)
{
	assert_true(lseek(kmsg, 0, SEEK_END) >= 0);
}

static __u32 flag_of(const char *name, size_t len)
{
	static const char * const names[] = {
		"present", "write", "exec", "user", "accessed", "dirty", "soft_dirty", "swap",
		"migration", "protnone", "uffd_wp", "file", "zero", "hugetlb", "special", "hidden",
		"huge",
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			return 1U << i;
	}
	return 0;
}

/* Parse "name|name|..."; false if a name is unknown or out of order. */
static bool parse_flags(const char *text, __u32 *flags)
{
	*flags = 0;
	for (;;) {
		size_t len = strcspn(text, "|");
		__u32 flag = flag_of(text, len);

		if (!flag || *flags >= flag)
			return false;
		*flags |= flag;
		if (!text[len])
			return true;
		text += len + 1;
	}
}

static bool parse_line(const char *text, struct line *line)
{
	struct vmwalk_extent *extent = &line->extent;
	unsigned long long end;
	int used = 0, shift, node;

	memset(line, 0, sizeof(*line));
	if (sscanf(text, "vmwalk vmwalk%d: %d: 0x%llx-0x%llx%n", &line->device, &line->pid,
		   &extent->start, &end, &used) != 4)
		return false;
	text += used;
	if (sscanf(text, " pfn 0x%llx%n", &extent->pfn, &used) == 1) {
		line->has_pfn = true;
		text += used;
	}
	used = 0;
	if (sscanf(text, " pages %llu shift %d node %d flags %n", &extent->pages, &shift, &node,
		   &used) != 3 || !used)
		return false;
	extent->page_shift = shift;
	extent->node = node;
	return end == extent->start + extent->pages * PAGE &&
	       parse_flags(text + used, &extent->flags);
}

/* Read this device's lines since start_reading(). */
static size_t read_lines(struct line *lines, size_t capacity)
{
	char record[8192], prefix[32], *text;
	size_t count = 0;
	ssize_t len;

	snprintf(prefix, sizeof(prefix), "vmwalk vmwalk%d:", dev.n);
	for (;;) {
		len = read(kmsg, record, sizeof(record) - 1);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EPIPE)
			vw_fail("lines were lost from the kernel log before they were read");
		if (len <= 0)
			return count;
		record[len] = '\0';
		text = strchr(record, ';');
		assert_non_null(text);
		text++;
		text[strcspn(text, "\n")] = '\0';
		if (strncmp(text, prefix, strlen(prefix)))
			continue;
		/* KERN_INFO */
		assert_int_equal(atoi(record), 6);
		assert_true(count < capacity);
		if (!parse_line(text, &lines[count]))
			vw_fail("malformed line: %s", text);
		count++;
	}
}

static void expect_no_lines(void)
{
	struct line line;

	vw_expect(read_lines(&line, 1), 0);
}

/* --- Logging a range ------------------------------------------------------ */

/* Two of each 64 pages are swapped out. */
#define PATTERN	"azns.ww.azrs.aa.azns.aa.azrs.aa.azns.aa.azrs.aa.azns.aa.azrs.aa."

static void open_device(void)
{
	dev = vw_device_make();
	open_log();
}

static struct vw_extents scan(__u64 start, __u64 end)
{
	struct vmwalk_scan args = vw_scan_args(start, end);
	struct vw_extents extents;

	vw_ok(vw_scan_all(dev.fd, &args, 4096, &extents));
	return extents;
}

static void expect_line(const struct line *line, const struct vmwalk_extent *extent, int pid)
{
	assert_int_equal(line->device, dev.n);
	assert_int_equal(line->pid, pid);
	assert_int_equal(line->has_pfn, !!(extent->flags & VMWALK_PRESENT));
	if (memcmp(&line->extent, extent, sizeof(*extent)))
		vw_fail("got 0x%llx 0x%llx %llu 0x%x %u %d, wanted 0x%llx 0x%llx %llu 0x%x %u %d",
			line->extent.start, line->extent.pfn, line->extent.pages,
			line->extent.flags, line->extent.page_shift, line->extent.node,
			extent->start, extent->pfn, extent->pages, extent->flags,
			extent->page_shift, extent->node);
}

/* Log a range, at most at_once lines a call, and compare with a scan. */
static void expect_logged(__u64 start, __u64 end, __u32 at_once, int pid)
{
	struct vw_extents extents = scan(start, end);
	struct line *lines = calloc(extents.count + VMWALK_LOG_LINES, sizeof(*lines));
	struct vmwalk_log log = vw_log_args(start, end);
	size_t done = 0, got;
	int rc;

	assert_non_null(lines);
	for (;;) {
		start_reading();
		log.lines = at_once;
		log.walk_end = 0;
		rc = vw_ioctl(dev.fd, VMWALK_IOC_LOG, &log);
		assert_true(rc >= 0 && rc <= (int)at_once);
		got = read_lines(lines, VMWALK_LOG_LINES);
		vw_expect(got, rc);
		assert_true(done + got <= extents.count);
		for (size_t i = 0; i < got; i++)
			expect_line(&lines[i], &extents.extent[done + i], pid);
		done += got;
		assert_int_equal(log.lines, at_once);
		assert_int_equal(log.end, end);
		assert_int_equal(log.pad, 0);
		if (log.walk_end == end)
			break;
		/* The line limit ended the call, before the next extent. */
		vw_expect(got, at_once);
		assert_true(log.walk_end >= lines[got - 1].extent.start +
					    lines[got - 1].extent.pages * PAGE);
		assert_true(log.walk_end <= extents.extent[done].start);
		log.start = log.walk_end;
	}
	vw_expect(done, extents.count);
	free(lines);
	vw_extents_free(&extents);
}

/* --- Lines ---------------------------------------------------------------- */

VW_TEST(the_lines_are_the_extents_of_a_scan)
{
	char *at;

	open_device();
	at = vw_mixed_region(PATTERN);
	expect_logged((uintptr_t)at, (uintptr_t)at + VW_MIXED * PAGE, VMWALK_LOG_LINES,
		      getpid());
}

VW_TEST(any_line_limit_logs_the_same_lines)
{
	static const __u32 at_once[] = { 1, 2, 3, 127, 128, 129, 511 };
	char *at;

	open_device();
	at = vw_mixed_region(PATTERN);
	for (size_t i = 0; i < COUNT(at_once); i++) {
		size_t pages = at_once[i] < 4 ? 64 : VW_MIXED;

		expect_logged((uintptr_t)at, (uintptr_t)at + pages * PAGE, at_once[i],
			      getpid());
	}
}

VW_TEST(a_range_may_start_and_end_inside_a_huge_page)
{
	char *at;

	open_device();
	at = vw_mixed_region(PATTERN);
	at += 2 * PMD_SIZE;
	expect_logged((uintptr_t)at + 7 * PAGE, (uintptr_t)at + 300 * PAGE, 4,
		      getpid());
	/* An end inside a page is rounded up; log.end is unchanged. */
	expect_logged((uintptr_t)at, (uintptr_t)at + 300 * PAGE + 1, 4, getpid());
}

static int stop_with_mixed_memory(void *arg)
{
	(void)arg;
	vw_mixed_region(PATTERN);
	raise(SIGSTOP);
	return 0;
}

VW_TEST(a_whole_process_is_logged)
{
	struct vw_child child;

	open_device();
	child = vw_fork(stop_with_mixed_memory, NULL);
	vw_wait_stopped(&child);
	vw_set_target(child.pid);
	expect_logged(0, vw_user_end(), VMWALK_LOG_LINES, child.pid);
	/* An end beyond user space means the end of user space. */
	expect_logged(0, ~0ULL, VMWALK_LOG_LINES, child.pid);
	vw_kill(&child);
}

VW_TEST(an_empty_range_logs_no_line)
{
	struct vmwalk_log log;
	char *at;

	open_device();
	at = vw_anon_aligned(PMD_SIZE, PMD_SIZE);
	start_reading();
	log = vw_log_args((uintptr_t)at, (uintptr_t)at + PMD_SIZE);
	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_LOG, &log), 0);
	assert_int_equal(log.walk_end, log.end);
	log = vw_log_args((uintptr_t)at, (uintptr_t)at);
	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_LOG, &log), 0);
	assert_int_equal(log.walk_end, log.end);
	log = vw_log_args(0, 0);
	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_LOG, &log), 0);
	expect_no_lines();
}

VW_TEST(a_call_is_counted_as_one_walk)
{
	struct vmwalk_log log;
	char *at = vw_anon(8 * PAGE);
	int lines;

	open_device();
	memset(at, 1, 8 * PAGE);
	log = vw_log_args((uintptr_t)at, (uintptr_t)at + 8 * PAGE);
	lines = vw_ioctl(dev.fd, VMWALK_IOC_LOG, &log);
	assert_true(lines >= 1 && lines <= 8);
	vw_expect_stat(dev.n, "walks", 1);
	vw_expect_stat(dev.n, "walked_pages", 8);
	vw_expect_stat(dev.n, "extents", lines);
}

/* --- Errors --------------------------------------------------------------- */

VW_TEST(failing_calls_log_nothing)
{
	char *at = vw_anon(PAGE);
	struct vmwalk_log log, bad;

	open_device();
	vw_poke(at, 1);
	log = vw_log_args((uintptr_t)at, (uintptr_t)at + PAGE);
	start_reading();
	for (int i = 0; i < 7; i++) {
		bad = log;
		if (i == 0)
			bad.lines = 0;
		else if (i == 1)
			bad.lines = VMWALK_LOG_LINES + 1;
		else if (i == 2)
			bad.pad = 1;
		else if (i == 3)
			bad.flags = 1;
		else if (i == 4)
			bad.size--;
		else if (i == 5)
			bad.start += 8;
		else
			bad.end = bad.start - 1;
		vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_LOG, &bad), -EINVAL);
	}
	vw_ok(vw_rmdir("t"));
	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_LOG, &log), -ENODEV);
	expect_no_lines();
}

static char *common;

struct opener {
	uid_t uid;
	__u64 caps;
};

static int log_expecting_eperm(void *arg)
{
	struct vmwalk_log log = vw_log_args((uintptr_t)common, (uintptr_t)common + PAGE);
	const struct opener *opener = arg;
	int own;

	vw_poke(common, 1);
	vw_become(opener->uid, opener->caps);
	own = vw_open(dev.n, O_RDWR);
	vw_check(own >= 0);
	vw_check_rc(vw_ioctl(own, VMWALK_IOC_LOG, &log), -EPERM);
	return 0;
}

VW_TEST(logging_requires_cap_sys_admin_even_for_own_memory)
{
	static struct opener openers[] = {
		{ VW_NOBODY, 0 },
		{ VW_NOBODY, BIT_ULL(CAP_SYS_PTRACE) | BIT_ULL(CAP_SYSLOG) },
		{ 0, 0 },
		{ 0, (BIT_ULL(CAP_LAST_CAP + 1) - 1) & ~BIT_ULL(CAP_SYS_ADMIN) },
	};
	char path[64];

	open_device();
	common = vw_anon(PAGE);
	snprintf(path, sizeof(path), "/dev/vmwalk%d", dev.n);
	assert_int_equal(chmod(path, 0666), 0);
	start_reading();
	for (size_t i = 0; i < COUNT(openers); i++)
		vw_in_child(log_expecting_eperm, &openers[i]);
	expect_no_lines();
}

/* --- The PID in a line ---------------------------------------------------- */

static int log_in_a_pid_namespace(void *arg)
{
	struct vmwalk_log log = vw_log_args((uintptr_t)common, (uintptr_t)common + PAGE);
	int status;
	pid_t pid;

	(void)arg;
	vw_check(!unshare(CLONE_NEWPID));
	pid = fork();
	if (!pid) {
		vw_check(getpid() == 1);
		vw_poke(common, 1);
		/* The parent makes this process the target. */
		vw_check(vw_sync(0) == 1);
		vw_check_rc(vw_ioctl(dev.fd, VMWALK_IOC_LOG, &log), 1);
		vw_check(vw_sync(0) == 2);
		/* The new target has no PID in this namespace. */
		vw_check_rc(vw_ioctl(dev.fd, VMWALK_IOC_LOG, &log), 1);
		_exit(0);
	}
	vw_check(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : VW_CHILD_FAILED;
}

/* PID of a process's only child. */
static pid_t child_of(pid_t pid)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	assert_true(vw_file_read(path, text, sizeof(text)) > 0);
	return atoi(text);
}

VW_TEST(lines_have_the_pid_of_the_initial_namespace)
{
	struct vw_child child;
	struct line line;
	pid_t inner;

	open_device();
	common = vw_anon(PAGE);
	vw_poke(common, 1);
	if (!vw_exists("/proc/thread-self/children"))
		vw_skip("this kernel has no /proc/PID/task/TID/children");
	child = vw_fork(log_in_a_pid_namespace, NULL);
	vw_hear(&child);
	inner = child_of(child.pid);
	vw_set_target(inner);
	start_reading();
	vw_tell(&child, 1);
	vw_hear(&child);
	vw_expect(read_lines(&line, 1), 1);
	vw_expect(line.pid, inner);
	vw_set_target(getpid());
	vw_tell(&child, 2);
	vw_join_ok(&child);
	vw_expect(read_lines(&line, 1), 1);
	vw_expect(line.pid, getpid());
	vw_expect(line.extent.pfn, vw_pfn(common));
}
