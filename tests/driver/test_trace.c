// SPDX-License-Identifier: GPL-2.0
/*
 * Trace events: each is recorded when it should be, with the right fields.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "harness.h"

/* An instance of its own has no events of other users. */
#define TRACE	"/sys/kernel/tracing/instances/vmwalk_test"

/* Opening the file with O_TRUNC empties the trace. */
static void empty_trace(void)
{
	int fd = open(TRACE "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
}

/* Once for all tests: enabling events patches the kernel, which is slow. */
static void start_trace(void)
{
	static bool started;

	if (!vw_exists("/sys/kernel/tracing/events/vmwalk"))
		vw_skip("this kernel has no trace events");
	if (!started) {
		rmdir(TRACE);
		vw_ok(vw_sys(mkdir(TRACE, 0755)));
		vw_ok(vw_file_write(TRACE "/events/vmwalk/enable", "1"));
	}
	started = true;
	empty_trace();
}

/*
 * Expect exactly one event since the last call, with this name and these fields
 * as printed; "" expects none.
 */
CMOCKA_PRINTF_ATTRIBUTE(3, 4)
static void expect_event_at(const char *file, int line, const char *fmt, ...)
{
	char wanted[512], got[1024] = "", text[1024], *event;
	size_t count = 0;
	va_list args;
	FILE *trace;

	va_start(args, fmt);
	vsnprintf(wanted, sizeof(wanted), fmt, args);
	va_end(args);
	trace = fopen(TRACE "/trace", "re");
	assert_non_null(trace);
	while (fgets(text, sizeof(text), trace)) {
		event = strstr(text, ": vmwalk_");
		if (text[0] == '#' || !event)
			continue;
		event[strcspn(event, "\n")] = '\0';
		snprintf(got, sizeof(got), "%s", event + 2);
		count++;
	}
	fclose(trace);
	if (count != !!wanted[0] || strcmp(got, wanted))
		vw_fail_at(file, line, "%zu events, the last \"%s\", wanted \"%s\"", count, got,
			   wanted);
	empty_trace();
}

#define expect_event(...)	expect_event_at(__FILE__, __LINE__, __VA_ARGS__)
#define expect_no_event()	expect_event("%s", "")

VW_TEST_TYPICAL(live_and_dead_are_traced)
{
	char segments[32];
	int n, fd;

	start_trace();
	vw_make_pending("t", "buffer_type", combo->type, "map_mode", combo->mode, "cache_mode",
			combo->cache, "size", "20K", NULL);
	n = vw_number("t");
	vw_ok(vw_set("t", "live", "0"));
	vw_ok(vw_set("t", "map_mode", "insert"));
	vw_ok(vw_set("t", "buffer_type", "kmalloc"));
	vw_expect(vw_set("t", "live", "1"), -EINVAL);
	expect_no_event();

	vw_ok(vw_set("t", "buffer_type", combo->type));
	vw_ok(vw_set("t", "map_mode", combo->mode));
	vw_ok(vw_set("t", "live", "1"));
	assert_true(vw_sysfs(n, "segments", segments, sizeof(segments)) > 0);
	expect_event("vmwalk_live: instance=%d buffer_type=%s map_mode=%s size=20480 segments=%s",
		     n, combo->type, combo->mode, segments);
	vw_ok(vw_set("t", "live", "1"));
	expect_no_event();
	fd = vw_open_rw(n);
	vw_ok(vw_set("t", "live", "0"));
	expect_event("vmwalk_dead: instance=%d opens=1", n);
	close(fd);
	vw_ok(vw_rmdir("t"));
	expect_no_event();
}

VW_TEST_TYPICAL(mmap_is_traced_unless_it_is_invalid)
{
	unsigned long start;
	int n, fd;
	void *map;

	start_trace();
	n = vw_make_combo(combo, 16 * PAGE, "zero");
	fd = vw_open_rw(n);
	empty_trace();
	map = vw_map(fd, 5 * PAGE, 3 * PAGE, RW, MAP_SHARED);
	start = (uintptr_t)map;
	expect_event("vmwalk_mmap: instance=%d start=0x%lx end=0x%lx pgoff=3 shared err=0", n,
		     start, start + 5 * PAGE);
	munmap(map, 5 * PAGE);
	map = vw_map(fd, 16 * PAGE, 0, PROT_READ, MAP_PRIVATE);
	start = (uintptr_t)map;
	expect_event("vmwalk_mmap: instance=%d start=0x%lx end=0x%lx pgoff=0 private err=0", n,
		     start, start + 16 * PAGE);
	/* An mmap() that fails validation is not traced. */
	assert_ptr_equal(mmap(NULL, 17 * PAGE, RW, MAP_SHARED, fd, 0), MAP_FAILED);
	expect_no_event();
}

static void expect_fault_at(int line, int n, const char *map, size_t page, const char *kind)
{
	expect_event_at(__FILE__, line, "vmwalk_fault: instance=%d address=0x%lx pgoff=%zu kind=%s",
			n, (unsigned long)(uintptr_t)map + page * PAGE, page, kind);
}

#define expect_fault(n, map, page, kind)	expect_fault_at(__LINE__, n, map, page, kind)

VW_TEST(each_kind_of_fault_is_traced)
{
	char *map;
	int n, fd;

	start_trace();
	n = vw_make("t", "buffer_type", "dma", "map_mode", "fault", "size", vw_pages_text(16),
		    "fault_around",
		    "4K", "track_dirty", "1", NULL);
	fd = vw_open_rw(n);
	map = vw_map(fd, 16 * PAGE, 0, RW, MAP_SHARED);
	empty_trace();
	vw_peek(map + 5 * PAGE);
	expect_fault(n, map, 5, "read");
	vw_poke(map + 5 * PAGE, 1);
	expect_fault(n, map, 5, "mkwrite");
	vw_poke(map + 5 * PAGE, 2);
	expect_no_event();
	vw_poke(map + 6 * PAGE, 1);
	expect_fault(n, map, 6, "write");
	munmap(map, 16 * PAGE);
	close(fd);
	vw_ok(vw_rmdir("t"));

	n = vw_make("t", "buffer_type", "huge", "map_mode", "fault", "size", "4M", NULL);
	fd = vw_open_rw(n);
	map = vw_map(fd, 2 * PMD_SIZE, 0, RW, MAP_SHARED);
	empty_trace();
	vw_poke(map + PMD_SIZE + 7 * PAGE, 1);
	expect_fault(n, map, PMD_SIZE / PAGE + 7, "huge");
}

VW_TEST(a_scan_is_traced_with_its_results)
{
	char *at = vw_anon(8 * PAGE);
	struct vmwalk_extent vec[8];
	struct vmwalk_scan scan;
	unsigned long start = (uintptr_t)at;
	int n, fd;

	start_trace();
	n = vw_make("t", NULL);
	fd = vw_open_rw(n);
	vw_ok(vw_sys(madvise(at, 8 * PAGE, MADV_NOHUGEPAGE)));
	vw_poke(at + PAGE, 1);
	vw_poke(at + 4 * PAGE, 1);
	vw_poke(at + 6 * PAGE, 1);
	empty_trace();

	scan = vw_scan_args(start, start + 8 * PAGE);
	scan.vec = (uintptr_t)vec;
	scan.vec_len = 8;
	vw_expect(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), 3);
	expect_event("vmwalk_scan: instance=%d start=0x%lx walk_end=0x%lx pages=3 extents=3 ret=0",
		     n, start, start + 8 * PAGE);
	scan = vw_scan_args(start, start + 8 * PAGE);
	scan.vec = (uintptr_t)vec;
	scan.vec_len = 2;
	vw_expect(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), 2);
	expect_event("vmwalk_scan: instance=%d start=0x%lx walk_end=0x%llx pages=2 extents=2 ret=0",
		     n, start, (unsigned long long)scan.walk_end);
	/* Invalid arguments are not traced; a failed copy of the result is. */
	scan.vec_len = 0;
	vw_expect(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), -EINVAL);
	expect_no_event();
	scan = vw_scan_args(start, start + 8 * PAGE);
	scan.vec = 8;
	scan.vec_len = 8;
	vw_expect(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), -EFAULT);
	expect_event("vmwalk_scan: instance=%d start=0x%lx walk_end=0x%lx pages=3 extents=3 ret=%d",
		     n, start, start + 8 * PAGE, -EFAULT);
}

/* perf and trace-cmd know no names of an enum. */
VW_TEST(formats_have_numbers_for_user_space)
{
	static const char *const events[] = { "live", "dead", "mmap", "fault", "scan" };
	char path[128], format[8192];
	size_t i;

	start_trace();
	for (i = 0; i < sizeof(events) / sizeof(*events); i++) {
		snprintf(path, sizeof(path), TRACE "/events/vmwalk/vmwalk_%s/format", events[i]);
		assert_true(vw_file_read(path, format, sizeof(format)) > 0);
		assert_non_null(strstr(format, "print fmt: "));
		assert_null(strstr(format, "VMWALK_"));
	}
}

int main(int argc, char **argv)
{
	int status = vw_main(argc, argv);

	vw_file_write(TRACE "/events/vmwalk/enable", "0");
	rmdir(TRACE);
	return status;
}
