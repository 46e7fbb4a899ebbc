// SPDX-License-Identifier: GPL-2.0
/*
 * What every driver test stands on: see harness.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "harness.h"

#define MAX_BUFFER_MB	VW_MODULE "/parameters/max_buffer_mb"
#define THP		"/sys/kernel/mm/transparent_hugepage/"

const struct vw_combo vw_combos[VW_COMBOS] = {
	{ "kmalloc", "remap", "wb", true },
	{ "kmalloc", "fault", "wb", true },
	{ "vmalloc", "remap", "wb", false },
	{ "vmalloc", "insert", "wb", true },
	{ "vmalloc", "fault", "wb", true },
	{ "pages", "remap", "wb", false },
	{ "pages", "insert", "wb", false },
	{ "pages", "fault", "wb", true },
	{ "pages", "remap", "wc", true },
	{ "pages", "insert", "wc", false },
	{ "pages", "fault", "wc", false },
	{ "pages", "remap", "uc", false },
	{ "pages", "insert", "uc", true },
	{ "pages", "fault", "uc", false },
	{ "huge", "remap", "wb", true },
	{ "huge", "insert", "wb", true },
	{ "huge", "fault", "wb", true },
	{ "dma", "remap", "wb", true },
	{ "dma", "fault", "wb", false },
};

/* --- One test ------------------------------------------------------------------------------- */

void vw_fail_at(const char *file, int line, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	print_message("# %s:%d: %s\n", file, line, text);
	_fail(file, line);
	abort();
}

void vw_skip(const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	print_message("# skipped: %s\n", text);
	skip();
	abort();
}

static const char *error_name(long long rc, char *buf, size_t len)
{
	if (rc < 0 && rc > -4096)
		snprintf(buf, len, "-%s", strerrorname_np(-rc) ?: "?");
	else
		snprintf(buf, len, "%lld", rc);
	return buf;
}

void vw_expect_at(const char *file, int line, const char *what, long long got, long long wanted)
{
	char a[32], b[32];

	if (got != wanted)
		vw_fail_at(file, line, "%s: got %s, wanted %s", what,
			   error_name(got, a, sizeof(a)), error_name(wanted, b, sizeof(b)));
}

__u64 vw_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

__u64 vw_random(__u64 *seed)
{
	*seed = *seed * 6364136223846793005 + 1442695040888963407;
	return *seed >> 33;
}

__u64 vw_env(const char *name, __u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* --- What a test leaves behind -------------------------------------------------------------- */

/* Lines that no test may cause, whether it passed or not. */
static const char * const splats[] = {
	"BUG:", "WARNING:", "KASAN", "UBSAN", "Oops", "general protection", "Call Trace",
	"possible circular locking", "INFO: possible recursive", "INFO: task",
	"suspicious RCU usage", "sleeping function called", "scheduling while atomic",
	"unreferenced object",
};

static int kmsg = -1;
static char max_buffer_mb[32], target_write[32];

/* The extra instance that vw_frames() looks through. */
static int witness = -1;

static struct vw_child children[64];
static size_t nr_children;

static void log_mark(const char *name)
{
	char text[256];

	/* In one write; dprintf() would ask where the file is, which this one doesn't answer. */
	snprintf(text, sizeof(text), "vmwalk test: %s\n", name);
	if (write(kmsg, text, strlen(text)) < 0)
		print_message("# kernel log: %s\n", strerror(errno));
	lseek(kmsg, 0, SEEK_END);
}

/* Reads what the kernel has logged since log_mark(): true if there is nothing bad in it. */
static bool log_is_clean(void)
{
	char record[8192], *text;
	bool clean = true, oom = false;
	ssize_t len;

	for (;;) {
		len = read(kmsg, record, sizeof(record) - 1);
		if (len < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (len <= 0)
			return clean;
		record[len] = '\0';
		text = strchr(record, ';');
		text = text ? text + 1 : record;
		text[strcspn(text, "\n")] = '\0';
		/* The report on a full memory cgroup is not an error. */
		if (oom && strstr(text, "Call Trace")) {
			oom = false;
			continue;
		}
		oom |= !!strstr(text, "invoked oom-killer");
		for (size_t i = 0; i < COUNT(splats); i++) {
			if (strstr(text, splats[i])) {
				clean = false;
				break;
			}
		}
		if (!clean)
			print_message("# kernel log: %s\n", text);
	}
}

/* A failed assert leaves descriptors and mappings of devices behind: they would hold buffers. */
static void drop_devices(void)
{
	char path[64], link[64], line[512], name[256];
	unsigned long start, end;
	struct dirent *entry;
	ssize_t len;
	FILE *maps;
	DIR *dir;

	dir = opendir("/proc/self/fd");
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/fd/%.16s", entry->d_name);
		len = readlink(path, link, sizeof(link) - 1);
		if (len > 0) {
			link[len] = '\0';
			if (!strncmp(link, "/dev/vmwalk", 11))
				close(atoi(entry->d_name));
		}
	}
	if (dir)
		closedir(dir);

	maps = fopen("/proc/self/maps", "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %255s", &start, &end, name) == 3 &&
		    !strncmp(name, "/dev/vmwalk", 11))
			munmap((void *)start, end - start);
	}
	if (maps)
		fclose(maps);
}

/* Removes every item: how many are left. */
static int remove_items(void)
{
	struct dirent *entry;
	int left = 0;
	DIR *dir;

	dir = opendir(VW_CONFIGFS);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			vw_rmdir(entry->d_name);
	}
	if (dir)
		closedir(dir);

	dir = opendir(VW_CONFIGFS);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
			print_message("# item %s cannot be removed\n", entry->d_name);
			left++;
		}
	}
	if (dir)
		closedir(dir);
	return left;
}

/* One run of a test: with a combination, if it has any. */
struct run {
	char *name;
	const struct vw_test *test;
	const struct vw_combo *combo;
};

static int setup(void **state)
{
	const struct run *run = *state;

	witness = -1;
	log_mark(run->name);
	return 0;
}

static int teardown(void **state)
{
	char now[32];
	int rc = 0;

	(void)state;
	while (nr_children)
		vw_kill(&children[nr_children - 1]);
	drop_devices();
	if (remove_items())
		rc = -1;
	if (vw_file_read(MAX_BUFFER_MB, now, sizeof(now)) > 0 && strcmp(now, max_buffer_mb))
		vw_file_write(MAX_BUFFER_MB, max_buffer_mb);
	if (vw_file_read(VW_TARGET_WRITE, now, sizeof(now)) > 0 && strcmp(now, target_write))
		vw_file_write(VW_TARGET_WRITE, target_write);
	if (!log_is_clean())
		rc = -1;
	return rc;
}

/* What changes pages at times of its own choosing; what is swapped out is asked to be. */
static struct {
	const char *path;
	const char *value;
	char before[32];
} settings[] = {
	{ "/proc/sys/kernel/numa_balancing", "0", "" },
	{ "/proc/sys/vm/swappiness", "0", "" },
	{ "/proc/sys/vm/watermark_boost_factor", "0", "" },
	{ "/proc/sys/vm/compact_unevictable_allowed", "0", "" },
	{ "/proc/sys/vm/compaction_proactiveness", "0", "" },
	/* The last writes make it look around once more, and then sleep. */
	{ THP "khugepaged/alloc_sleep_millisecs", "100000000", "" },
	{ THP "khugepaged/scan_sleep_millisecs", "100000000", "" },
};

static void keep_still(void)
{
	/* As long as it has something to do the kernel's own collapser sleeps by the clock. */
	char *at = mmap(NULL, 2 * PMD_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	if (at == MAP_FAILED)
		abort();
	madvise(at, 2 * PMD_SIZE, MADV_HUGEPAGE);
	vw_poke((char *)ALIGN_UP((uintptr_t)at, PMD_SIZE), 1);
	for (size_t i = 0; i < COUNT(settings); i++) {
		if (vw_file_read(settings[i].path, settings[i].before,
				 sizeof(settings[i].before)) > 0)
			vw_file_write(settings[i].path, settings[i].value);
	}
	usleep(200000);
}

static void move_again(void)
{
	for (size_t i = 0; i < COUNT(settings); i++) {
		if (settings[i].before[0])
			vw_file_write(settings[i].path, settings[i].before);
	}
}

/* --- Registered tests, and main() ----------------------------------------------------------- */

/* In the order of their lines. */
static struct vw_test *tests;

/* Compilers do not promise that constructors run in the order of definition. */
void vw_register(struct vw_test *test)
{
	struct vw_test **at = &tests;

	while (*at && (*at)->line < test->line)
		at = &(*at)->next;
	test->next = *at;
	*at = test;
}

static void run_body(void **state)
{
	const struct run *run = *state;

	if (run->combo)
		run->test->combo_body(run->combo);
	else
		run->test->body();
}

static bool is_selected(const char *name, char **wanted)
{
	for (size_t i = 0; wanted[i]; i++) {
		if (strstr(name, wanted[i]))
			return true;
	}
	return !wanted[0];
}

static void add_run(struct run *runs, size_t *count, const struct vw_test *test,
		    const struct vw_combo *combo, char **wanted)
{
	struct run run = { .test = test, .combo = combo };
	int len;

	if (combo)
		len = asprintf(&run.name, "%s [%s %s %s]", test->name, combo->type, combo->mode,
			       combo->cache);
	else
		len = asprintf(&run.name, "%s", test->name);
	if (len < 0)
		abort();
	if (is_selected(run.name, wanted))
		runs[(*count)++] = run;
	else
		free(run.name);
}

/* One run for each selected test and combination; a terminated array. */
static struct run *select_runs(char **wanted, size_t *count)
{
	struct run *runs;
	size_t most = 0;

	for (const struct vw_test *test = tests; test; test = test->next)
		most += VW_COMBOS;
	runs = calloc(most + 1, sizeof(*runs));
	if (!runs)
		abort();
	*count = 0;
	for (const struct vw_test *test = tests; test; test = test->next) {
		if (test->runs == VW_ONCE)
			add_run(runs, count, test, NULL, wanted);
		for (size_t i = 0; test->runs != VW_ONCE && i < VW_COMBOS; i++) {
			if (test->runs == VW_ALL || vw_combos[i].typical)
				add_run(runs, count, test, &vw_combos[i], wanted);
		}
	}
	return runs;
}

static int run_all(struct run *runs, size_t count)
{
	struct CMUnitTest *units = calloc(count, sizeof(*units));
	int failed;

	if (!units)
		abort();
	for (size_t i = 0; i < count; i++)
		units[i] = (struct CMUnitTest){
			runs[i].name, run_body, setup, teardown, &runs[i]
		};
	vw_file_read(MAX_BUFFER_MB, max_buffer_mb, sizeof(max_buffer_mb));
	vw_file_read(VW_TARGET_WRITE, target_write, sizeof(target_write));
	keep_still();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = _cmocka_run_group_tests(program_invocation_short_name, units, count, NULL, NULL);
	move_again();
	return failed ? 1 : 0;
}

int vw_main(int argc, char **argv)
{
	bool list = argc > 1 && !strcmp(argv[1], "--list");
	struct run *runs;
	size_t count;

	setvbuf(stdout, NULL, _IOLBF, 0);
	runs = select_runs(argv + 1 + list, &count);
	if (!count) {
		fprintf(stderr, "%s: no test has such a name; --list prints all names\n", argv[0]);
		return 2;
	}
	for (size_t i = 0; list && i < count; i++)
		puts(runs[i].name);
	if (list)
		return 0;
	if (sysconf(_SC_PAGESIZE) != PAGE || geteuid()) {
		printf("Bail out! these tests need root and pages of 4 KiB\n");
		return 1;
	}
	kmsg = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0 || !vw_exists(VW_CONFIGFS)) {
		printf("Bail out! /dev/kmsg and %s are needed\n", VW_CONFIGFS);
		return 1;
	}
	return run_all(runs, count);
}

/* A test file may define its own, which calls vw_main(). */
#pragma weak main
int main(int argc, char **argv)
{
	return vw_main(argc, argv);
}

/* --- Files ---------------------------------------------------------------------------------- */

int vw_file_read(const char *path, char *buf, size_t len)
{
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = vw_sys(read(fd, buf, len - 1));
	close(fd);
	if (n < 0)
		return n;
	if (n && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return n;
}

int vw_file_write(const char *path, const char *text)
{
	ssize_t n;
	int fd;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = vw_sys(write(fd, text, strlen(text)));
	close(fd);
	return n < 0 ? n : 0;
}

bool vw_exists(const char *path)
{
	return !access(path, F_OK);
}

long long vw_field(const char *path, const char *name)
{
	size_t len = strlen(name);
	long long value = -1;
	char line[256];
	FILE *file;

	file = fopen(path, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, name, len) && strchr(": \t", line[len])) {
			value = strtoll(line + len + 1, NULL, 10);
			break;
		}
	}
	fclose(file);
	return value;
}

/* --- Instances ------------------------------------------------------------------------------ */

int vw_mkdir(const char *item)
{
	char path[512];

	snprintf(path, sizeof(path), VW_CONFIGFS "/%s", item);
	return vw_sys(mkdir(path, 0755));
}

int vw_rmdir(const char *item)
{
	char path[512];

	snprintf(path, sizeof(path), VW_CONFIGFS "/%s", item);
	return vw_sys(rmdir(path));
}

int vw_set(const char *item, const char *attr, const char *value)
{
	char path[512];

	snprintf(path, sizeof(path), VW_CONFIGFS "/%s/%s", item, attr);
	return vw_file_write(path, value);
}

void vw_set_target(pid_t pid)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", pid);
	vw_ok(vw_set("t", "target_pid", text));
}

void vw_allow_target_write(bool allow)
{
	vw_ok(vw_file_write(VW_TARGET_WRITE, allow ? "1" : "0"));
}

int vw_get(const char *item, const char *attr, char *buf, size_t len)
{
	char path[512];

	snprintf(path, sizeof(path), VW_CONFIGFS "/%s/%s", item, attr);
	return vw_file_read(path, buf, len);
}

void vw_expect_attr_at(const char *file, int line, const char *item, const char *attr,
		       const char *wanted)
{
	char got[512] = "";
	int rc = vw_get(item, attr, got, sizeof(got));

	if (rc < 0)
		vw_fail_at(file, line, "%s/%s cannot be read: %s", item, attr, strerror(-rc));
	if (strcmp(got, wanted))
		vw_fail_at(file, line, "%s/%s reads \"%s\", wanted \"%s\"", item, attr, got,
			   wanted);
}

int vw_number(const char *item)
{
	char name[64];
	int n, end = 0;

	if (vw_get(item, "dev_name", name, sizeof(name)) <= 0 ||
	    sscanf(name, "vmwalk%d%n", &n, &end) != 1 || name[end])
		vw_fail("%s/dev_name does not read vmwalkN", item);
	return n;
}

static void set_pairs(const char *item, va_list args)
{
	const char *attr, *value;
	char why[512] = "";
	int rc;

	while ((attr = va_arg(args, const char *))) {
		value = va_arg(args, const char *);
		rc = vw_set(item, attr, value);
		if (rc < 0) {
			vw_get(item, "last_error", why, sizeof(why));
			vw_fail("%s/%s = %s: %s (%s)", item, attr, value, strerror(-rc), why);
		}
	}
}

void vw_make_pending(const char *item, ...)
{
	va_list args;

	vw_ok(vw_mkdir(item));
	va_start(args, item);
	set_pairs(item, args);
	va_end(args);
}

int vw_make(const char *item, ...)
{
	char why[512] = "";
	va_list args;
	int rc;

	vw_ok(vw_mkdir(item));
	va_start(args, item);
	set_pairs(item, args);
	va_end(args);
	rc = vw_set(item, "live", "1");
	if (rc < 0) {
		vw_get(item, "last_error", why, sizeof(why));
		vw_fail("%s/live = 1: %s (%s)", item, strerror(-rc), why);
	}
	return vw_number(item);
}

int vw_make_combo(const struct vw_combo *combo, size_t size, const char *fill)
{
	char bytes[32];

	snprintf(bytes, sizeof(bytes), "%zu", size);
	return vw_make("t", "buffer_type", combo->type, "map_mode", combo->mode, "cache_mode",
		       combo->cache, "size", bytes, "fill", fill, NULL);
}

bool vw_is_refcounted(const struct vw_combo *combo)
{
	if (!strcmp(combo->mode, "insert"))
		return true;

	return !strcmp(combo->mode, "fault") &&
	       (!strcmp(combo->type, "vmalloc") || !strcmp(combo->type, "pages"));
}

bool vw_marks_blocks(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		vw_fail("the kernel does not tell its version");
	return major > 6 || (major == 6 && minor >= 12);
}

int vw_open(int n, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vmwalk%d", n);
	return vw_sys(open(path, flags | O_CLOEXEC));
}

int vw_open_rw(int n)
{
	int fd = vw_open(n, O_RDWR);

	if (fd < 0)
		vw_fail("/dev/vmwalk%d cannot be opened: %s", n, strerror(-fd));
	return fd;
}

int vw_sysfs(int n, const char *file, char *buf, size_t len)
{
	char path[128];

	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/%s", n, file);
	return vw_file_read(path, buf, len);
}

long long vw_stat(int n, const char *file)
{
	char path[64], text[64], *end;
	long long value;
	int rc;

	snprintf(path, sizeof(path), "stats/%s", file);
	rc = vw_sysfs(n, path, text, sizeof(text));
	if (rc <= 0)
		vw_fail("vmwalk%d/%s cannot be read: %s", n, path, rc ? strerror(-rc) : "empty");
	value = strtoll(text, &end, 10);
	if (*end)
		vw_fail("vmwalk%d/%s is no number: %s", n, path, text);
	return value;
}

void *vw_map(int fd, size_t len, off_t offset, int prot, int flags)
{
	void *at = mmap(NULL, len, prot, flags, fd, offset);

	if (at == MAP_FAILED)
		vw_fail("mmap of %zu bytes at %lld: %s", len, (long long)offset, strerror(errno));
	return at;
}

void *vw_anon(size_t len)
{
	return vw_map(-1, len, 0, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
}

void *vw_anon_aligned(size_t len, size_t border)
{
	char *at = vw_map(-1, len + border, 0, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
	char *start = (char *)ALIGN_UP((uintptr_t)at, border);

	if (start > at)
		munmap(at, start - at);
	munmap(start + len, at + border - start);
	return start;
}

void *vw_pointer(uintptr_t at)
{
	return (void *)at;
}

unsigned char vw_fill_byte(const char *fill, size_t offset)
{
	if (!strcmp(fill, "digits"))
		return '0' + offset % 10;
	if (!strcmp(fill, "letters"))
		return 'a' + offset % 26;
	return 0;
}

bool vw_holds_fill(const void *data, const char *fill, size_t offset, size_t len)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < len; i++) {
		if (byte[i] != vw_fill_byte(fill, offset + i)) {
			print_message("# byte %zu is 0x%02x, not 0x%02x\n", offset + i, byte[i],
				      vw_fill_byte(fill, offset + i));
			return false;
		}
	}
	return true;
}

/* --- Memory --------------------------------------------------------------------------------- */

#define ROUNDS	4

struct number {
	char name[48];
	long long value;
};

struct numbers {
	struct number number[512];
	size_t count;
};

static void note(struct numbers *numbers, const char *name, long long value)
{
	struct number *number = &numbers->number[numbers->count];

	if (numbers->count == COUNT(numbers->number))
		return;
	snprintf(number->name, sizeof(number->name), "%.47s", name);
	number->value = value;
	numbers->count++;
}

/*
 * KASAN quarantines freed objects, so caches grow without a leak. A kernel with KASAN also has
 * kmemleak, which the runner checks at the end.
 */
static bool numbers_tell(void)
{
	if (!vw_exists("/sys/kernel/debug/kmemleak"))
		return true;
	print_message("# not compared: kmemleak checks for leaks on this kernel\n");
	return false;
}

/* Objects of every slab cache and pages in use, in units of one per instance. */
static void read_numbers(struct numbers *numbers)
{
	char line[512], name[64];
	long long value;
	FILE *file;

	/* First free what is only kept by grace periods and caches. */
	for (int i = 0; i < 3; i++) {
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
		vw_file_write("/proc/sys/vm/drop_caches", "3");
		usleep(200000);
	}
	numbers->count = 0;
	file = fopen("/proc/slabinfo", "re");
	while (file && fgets(line, sizeof(line), file)) {
		/* vfree() purges areas lazily, which is not a leak. */
		if (line[0] != '#' && sscanf(line, "%63s %lld ", name, &value) == 2 &&
		    strcmp(name, "vmap_area"))
			note(numbers, name, value);
	}
	if (file)
		fclose(file);
	note(numbers, "pages in use", -vw_field("/proc/vmstat", "nr_free_pages"));
	note(numbers, "pages of vmalloc", vw_field("/proc/meminfo", "VmallocUsed") / 4);
	/* A per-CPU number takes eight bytes on each processor. */
	note(numbers, "numbers per CPU", vw_field("/proc/meminfo", "Percpu") * 1024 / 8 /
					 sysconf(_SC_NPROCESSORS_CONF));
	note(numbers, "kernel stacks", vw_field("/proc/meminfo", "KernelStack"));
}

void vw_expect_no_growth(void (*round)(void), int count)
{
	static struct numbers before, after;
	static long long least[COUNT(before.number)];
	int leaks = 0;

	read_numbers(&before);
	for (int i = 0; i < ROUNDS; i++) {
		round();
		read_numbers(&after);
		assert_int_equal(before.count, after.count);
		for (size_t j = 0; j < before.count; j++) {
			long long grown = after.number[j].value - before.number[j].value;

			assert_string_equal(before.number[j].name, after.number[j].name);
			if (!i || grown < least[j])
				least[j] = grown;
		}
		before = after;
	}
	if (!numbers_tell())
		return;
	for (size_t i = 0; i < before.count; i++) {
		if (least[i] * 2 < count)
			continue;
		print_message("# %s: %lld more in each round\n", before.number[i].name, least[i]);
		leaks++;
	}
	vw_expect(leaks, 0);
}

void vw_need_cgroup(void)
{
	char text[256] = "";

	if (vw_file_read("/sys/fs/cgroup/cgroup.controllers", text, sizeof(text)) < 0 ||
	    !strstr(text, "memory"))
		vw_skip("no memory controller in cgroup2");
	vw_ok(vw_file_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
	/* A test that failed may have left its own. */
	rmdir(VW_CGROUP);
}

void vw_join_cgroup(void)
{
	vw_check(!mkdir(VW_CGROUP, 0755));
	vw_check_rc(vw_file_write(VW_CGROUP "/cgroup.procs", "0"), 0);
}

void vw_limit_cgroup(size_t more)
{
	char text[32];

	assert_true(vw_file_read(VW_CGROUP "/memory.current", text, sizeof(text)) > 0);
	snprintf(text, sizeof(text), "%llu", strtoull(text, NULL, 10) + more);
	vw_ok(vw_file_write(VW_CGROUP "/memory.max", text));
}

void vw_remove_cgroup(void)
{
	assert_true(vw_eventually(!rmdir(VW_CGROUP)));
}

/* --- Page tables ---------------------------------------------------------------------------- */

ssize_t vw_pagemap(pid_t pid, __u64 addr, size_t pages, __u64 *entries)
{
	char path[64];
	ssize_t n;
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	else
		snprintf(path, sizeof(path), "/proc/self/pagemap");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = vw_sys(pread(fd, entries, pages * 8, addr / PAGE * 8));
	close(fd);
	return n < 0 ? n : n / 8;
}

__u64 vw_pagemap_one(pid_t pid, const void *addr)
{
	__u64 entry = 0;

	vw_pagemap(pid, (uintptr_t)addr, 1, &entry);
	return entry;
}

__u64 vw_pfn(const void *addr)
{
	__u64 entry = vw_pagemap_one(0, addr);

	return entry & PM_PRESENT ? PM_PFN(entry) : 0;
}

void vw_frames(pid_t pid, const void *addr, size_t pages, __u64 *frames)
{
	struct vmwalk_scan scan = vw_scan_args((uintptr_t)addr, (uintptr_t)addr + pages * PAGE);
	struct vw_extents found;
	char text[32];

	if (witness < 0)
		witness = vw_open_rw(vw_make("witness", "size", "4K", NULL));
	snprintf(text, sizeof(text), "%d", pid);
	vw_ok(vw_set("witness", "target_pid", text));
	vw_ok(vw_scan_all(witness, &scan, pages, &found));
	memset(frames, 0, pages * sizeof(*frames));
	for (size_t i = 0; i < found.count; i++) {
		const struct vmwalk_extent *extent = &found.extent[i];

		for (__u64 j = 0; extent->pfn && j < extent->pages; j++)
			frames[(extent->start - scan.start) / PAGE + j] = extent->pfn + j;
	}
	vw_extents_free(&found);
}

size_t vw_count_frames(pid_t pid, const void *addr, size_t pages, const __u64 *frames,
		       size_t nframes)
{
	__u64 *there = calloc(pages, sizeof(*there));
	size_t count = 0;

	if (!there)
		abort();
	vw_frames(pid, addr, pages, there);
	for (size_t i = 0; i < pages; i++) {
		for (size_t j = 0; there[i] && j < nframes; j++)
			count += frames[j] == there[i];
	}
	free(there);
	return count;
}

/* Bits of /proc/kpageflags that tell the type of a page, but not whether it was used lately. */
#define KPF_KIND	(BIT_ULL(7) | BIT_ULL(10) | BIT_ULL(11) | BIT_ULL(12) | BIT_ULL(15) | \
			 BIT_ULL(16) | BIT_ULL(17) | BIT_ULL(20) | BIT_ULL(22) | BIT_ULL(26))

/* Reads kpageflags and kpagecount of a buffer's frames. */
static void read_frames(const struct vw_buffer *buffer, __u64 *flags, __u64 *counts)
{
	int flag_fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	int count_fd = open("/proc/kpagecount", O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; i < buffer->pages; i++) {
		vw_expect(vw_sys(pread(flag_fd, &flags[i], 8, buffer->frames[i] * 8)), 8);
		vw_expect(vw_sys(pread(count_fd, &counts[i], 8, buffer->frames[i] * 8)), 8);
		flags[i] &= KPF_KIND;
	}
	close(flag_fd);
	close(count_fd);
}

void vw_buffer_make(struct vw_buffer *buffer, const struct vw_combo *combo, size_t size)
{
	char *map;

	buffer->n = vw_make_combo(combo, size, "letters");
	buffer->fd = vw_open_rw(buffer->n);
	buffer->pages = size / PAGE;
	buffer->frames = calloc(buffer->pages * 3, sizeof(__u64));
	if (!buffer->frames)
		abort();
	buffer->flags = buffer->frames + buffer->pages;
	buffer->counts = buffer->flags + buffer->pages;
	map = vw_map(buffer->fd, size, 0, PROT_READ, MAP_SHARED);
	for (size_t i = 0; i < buffer->pages; i++)
		vw_peek(map + i * PAGE);
	vw_frames(0, map, buffer->pages, buffer->frames);
	munmap(map, size);
	for (size_t i = 0; i < buffer->pages; i++)
		assert_int_not_equal(buffer->frames[i], 0);
	read_frames(buffer, buffer->flags, buffer->counts);
}

void vw_buffer_expect_whole(const struct vw_buffer *buffer)
{
	__u64 *flags = calloc(buffer->pages * 2, sizeof(__u64)), *counts = flags + buffer->pages;
	char text[32];

	if (!flags)
		abort();
	vw_expect_stat(buffer->n, "mappings", 0);
	vw_expect_stat(buffer->n, "mapped_pages", 0);
	read_frames(buffer, flags, counts);
	for (size_t i = 0; i < buffer->pages; i++) {
		if (flags[i] != buffer->flags[i] || counts[i] != buffer->counts[i])
			vw_fail("page %zu: flags 0x%llx, mapped %lld times; were 0x%llx, %lld", i,
				flags[i], counts[i], buffer->flags[i], buffer->counts[i]);
		vw_expect(vw_sys(pread(buffer->fd, text, sizeof(text), i * PAGE)), sizeof(text));
		if (!vw_holds_fill(text, "letters", i * PAGE, sizeof(text)))
			vw_fail("page %zu of the buffer has changed", i);
	}
	free(flags);
}

void vw_buffer_remove(struct vw_buffer *buffer)
{
	close(buffer->fd);
	vw_ok(vw_rmdir("t"));
	free(buffer->frames);
}

int vw_ioctl(int fd, unsigned long nr, void *arg)
{
	return vw_sys(ioctl(fd, nr, arg));
}

static int walk_with(int fd, __u32 flags, __u64 addr, struct vmwalk_walk *walk)
{
	*walk = (struct vmwalk_walk){ .size = sizeof(*walk), .flags = flags, .addr = addr };
	return vw_ioctl(fd, VMWALK_IOC_WALK, walk);
}

int vw_walk(int fd, __u64 addr, struct vmwalk_walk *walk)
{
	return walk_with(fd, 0, addr, walk);
}

int vw_walk_kernel(int fd, __u64 addr, struct vmwalk_walk *walk)
{
	return walk_with(fd, VMWALK_WALK_KERNEL, addr, walk);
}

int vw_translate(int fd, struct vmwalk_translation *vec, __u64 vec_len)
{
	struct vmwalk_translate translate = {
		.size = sizeof(translate),
		.vec = (uintptr_t)vec,
		.vec_len = vec_len,
	};

	return vw_ioctl(fd, VMWALK_IOC_TRANSLATE, &translate);
}

int vw_vma(int fd, __u64 addr, struct vmwalk_vma *vma)
{
	*vma = (struct vmwalk_vma){ .size = sizeof(*vma), .addr = addr };
	return vw_ioctl(fd, VMWALK_IOC_VMA, vma);
}

int vw_locate(int fd, __u64 offset, struct vmwalk_locate *location)
{
	*location = (struct vmwalk_locate){ .size = sizeof(*location), .offset = offset };
	return vw_ioctl(fd, VMWALK_IOC_LOCATE, location);
}

long long vw_copy(int fd, __u32 direction, __u64 offset, __u64 addr, __u64 length)
{
	struct vmwalk_copy copy = {
		.size = sizeof(copy),
		.direction = direction,
		.offset = offset,
		.addr = addr,
		.length = length,
		.copied = ~0ULL,
	};
	int rc = vw_ioctl(fd, VMWALK_IOC_COPY, &copy);

	if (rc < 0)
		return copy.copied == ~0ULL ? rc : -EPROTO;
	return rc || !copy.copied || copy.copied > length ? -EPROTO : (long long)copy.copied;
}

int vw_poke_by_driver(int fd, const void *at, __u32 value)
{
	struct vmwalk_poke poke = {
		.size = sizeof(poke),
		.addr = (uintptr_t)at,
		.value = value,
		.faults = ~0U,
	};
	int rc = vw_ioctl(fd, VMWALK_IOC_POKE, &poke);

	if (rc < 0)
		return poke.faults == ~0U ? rc : -EPROTO;
	return rc ? -EPROTO : (int)poke.faults;
}

/*
 * Bytes of the kernel's memory through /proc/kcore, whose segments are found by where they lie in
 * memory or by the addresses that the kernel itself has for them.
 */
static bool read_kcore(__u64 at, bool physical, void *to, size_t len)
{
	static bool there = true;
	Elf64_Phdr head;
	Elf64_Ehdr elf;
	bool done = false;
	int kcore;

	if (!there)
		return false;
	kcore = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	there = kcore >= 0 && pread(kcore, &elf, sizeof(elf), 0) == sizeof(elf);
	for (int i = 0; there && !done && i < elf.e_phnum; i++) {
		__u64 start;

		there = pread(kcore, &head, sizeof(head), elf.e_phoff + i * sizeof(head)) ==
			sizeof(head);
		start = physical ? head.p_paddr : head.p_vaddr;
		if (there && head.p_type == PT_LOAD && at >= start && at - start < head.p_filesz)
			done = pread(kcore, to, len, head.p_offset + at - start) == (ssize_t)len;
	}
	if (kcore >= 0)
		close(kcore);
	return done;
}

bool vw_read_physical(__u64 phys, void *to, size_t len)
{
	return read_kcore(phys, true, to, len);
}

bool vw_read_kernel(__u64 addr, void *to, size_t len)
{
	return read_kcore(addr, false, to, len);
}

void vw_judge_walk(const struct vmwalk_walk *walk, int levels)
{
	const int shift_of[VMWALK_LEVELS] = { levels == 5 ? 48 : 39, 39, 30, 21, 12 };
	const __u64 frame_mask = 0xffffffffff000;
	__u64 next = 0, value;

	assert_true(walk->stop_level < VMWALK_LEVELS);
	for (__u32 i = 0; i < VMWALK_LEVELS; i++) {
		const struct vmwalk_level *level = &walk->level[i];

		if (i == VMWALK_P4D && levels == 4) {
			assert_true(!(level->flags & ~VMWALK_LEVEL_FOLDED));
			assert_true(level->flags || walk->stop_level == VMWALK_PGD);
			assert_true(!level->table && !level->entry && !level->index);
			assert_int_not_equal(walk->stop_level, VMWALK_P4D);
			continue;
		}
		if (i > walk->stop_level) {
			assert_true(!level->table && !level->entry && !level->index &&
				    !level->flags);
			continue;
		}
		assert_true(level->flags & VMWALK_LEVEL_READ);
		assert_false(level->flags & VMWALK_LEVEL_FOLDED);
		assert_true(!(level->flags & VMWALK_LEVEL_LEAF) ==
			    !(i == walk->stop_level && walk->stop == VMWALK_STOP_PAGE));
		assert_int_equal(level->index, walk->addr >> shift_of[i] & 511);
		assert_int_not_equal(level->table, 0);
		assert_int_equal(level->table % PAGE, 0);
		if (next)
			assert_int_equal(level->table, next);
		next = level->entry & frame_mask;
		if (vw_read_physical(level->table + level->index * 8, &value, 8))
			assert_int_equal(value, level->entry);
	}

	assert_int_equal(walk->page_shift, shift_of[walk->stop_level]);
	value = walk->level[walk->stop_level].entry;
	switch (walk->stop) {
	case VMWALK_STOP_PAGE:
		assert_true(walk->state & VMWALK_PRESENT);
		assert_int_equal(!(walk->state & VMWALK_HUGE), walk->stop_level == VMWALK_PTE);
		assert_int_not_equal(walk->pfn, 0);
		assert_int_equal(walk->phys, walk->pfn * PAGE + walk->addr % PAGE);
		/* The frame bits of an entry that the processor must not use are inverted. */
		if (!(walk->state & VMWALK_PROTNONE)) {
			__u64 size = 1ULL << walk->page_shift;

			assert_int_equal(walk->phys, (value & frame_mask & ~(size - 1)) +
						     walk->addr % size);
		}
		break;
	case VMWALK_STOP_EMPTY:
		/* Some processors set two bits of empty entries. */
		assert_int_equal(value & ~0x60ULL, 0);
		assert_int_equal(walk->state, 0);
		assert_true(!walk->pfn && !walk->phys);
		break;
	case VMWALK_STOP_ABSENT:
		assert_int_not_equal(value, 0);
		assert_false(walk->state & VMWALK_PRESENT);
		assert_true(!walk->pfn && !walk->phys);
		break;
	default:
		vw_fail("stop is %u", walk->stop);
	}
}

struct vmwalk_scan vw_scan_args(__u64 start, __u64 end)
{
	return (struct vmwalk_scan){
		.size = sizeof(struct vmwalk_scan),
		.start = start,
		.end = end,
		.return_mask = VMWALK_STATE_ALL,
	};
}

struct vmwalk_log vw_log_args(__u64 start, __u64 end)
{
	return (struct vmwalk_log){
		.size = sizeof(struct vmwalk_log),
		.start = start,
		.end = end,
		.lines = VMWALK_LOG_LINES,
	};
}

static int scan_broken(const struct vmwalk_scan *scan, const char *why)
{
	print_message("# scan of 0x%llx-0x%llx that ended at 0x%llx: %s\n",
		      scan->start, scan->end,
		      scan->walk_end, why);
	return -EPROTO;
}

/* What is true of every successful scan, whatever it looked at. */
static int scan_judge(const struct vmwalk_scan *scan, const struct vmwalk_extent *extent, int n)
{
	__u64 at = scan->start, pages = 0;

	if (n < 0 || (__u64)n > scan->vec_len)
		return scan_broken(scan, "more extents than there is room for");
	for (int i = 0; i < n; i++) {
		if (extent[i].start < at || extent[i].start % PAGE)
			return scan_broken(scan, "an extent starts before the end of the last");
		if (!extent[i].pages)
			return scan_broken(scan, "an extent has no pages");
		at = extent[i].start + extent[i].pages * PAGE;
		if (at > ALIGN_UP(scan->end, PAGE) || at > ALIGN_UP(scan->walk_end, PAGE))
			return scan_broken(scan, "an extent goes beyond the end");
		if (extent[i].flags & ~(scan->return_mask | VMWALK_HIDDEN))
			return scan_broken(scan, "an extent has flags that are not returned");
		pages += extent[i].pages;
	}
	if (scan->max_pages && pages > scan->max_pages)
		return scan_broken(scan, "more pages than max_pages");
	if (scan->walk_end < scan->start || scan->walk_end > ALIGN_UP(scan->end, PAGE))
		return scan_broken(scan, "walk_end is outside the range");
	return 0;
}

int vw_scan_all(int fd, const struct vmwalk_scan *args, size_t vec_len, struct vw_extents *out)
{
	struct vmwalk_scan scan = *args;
	__u64 end = args->end;
	size_t room = 0;
	void *grown;
	int rc;

	memset(out, 0, sizeof(*out));
	if (end > vw_user_end())
		end = vw_user_end();
	do {
		if (room - out->count < vec_len) {
			room = room * 2 + vec_len;
			grown = realloc(out->extent, room * sizeof(*out->extent));
			if (!grown)
				return -ENOMEM;
			out->extent = grown;
		}
		scan.end = end;
		scan.vec = (uintptr_t)(out->extent + out->count);
		scan.vec_len = vec_len;
		rc = vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
		if (rc < 0)
			return rc;
		out->calls++;
		if (scan_judge(&scan, out->extent + out->count, rc))
			return -EPROTO;
		if (scan.walk_end == scan.start && scan.start != scan.end)
			return scan_broken(&scan, "no progress");
		for (int i = 0; i < rc; i++)
			out->pages += out->extent[out->count + i].pages;
		out->count += rc;
		scan.start = scan.walk_end;
	} while (scan.walk_end < end);
	return 0;
}

void vw_extents_free(struct vw_extents *extents)
{
	free(extents->extent);
	memset(extents, 0, sizeof(*extents));
}

const struct vmwalk_extent *vw_extent_at(const struct vw_extents *extents, const void *addr)
{
	__u64 at = (uintptr_t)addr;

	for (size_t i = 0; i < extents->count; i++) {
		const struct vmwalk_extent *extent = &extents->extent[i];

		if (at >= extent->start && at - extent->start < extent->pages * PAGE)
			return extent;
	}
	return NULL;
}

__u64 vw_user_end(void)
{
	static __u64 end;
	char line[4096];
	FILE *file;

	if (end)
		return end;
	/* The flag is there only if the kernel uses five levels. */
	end = BIT_ULL(47) - PAGE;
	file = fopen("/proc/cpuinfo", "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "flags", 5) && strstr(line, " la57"))
			end = BIT_ULL(56) - PAGE;
	}
	if (file)
		fclose(file);
	return end;
}

bool vw_swap_out(void *addr, size_t len)
{
	__u64 *entries = calloc(len / PAGE, 8);
	bool out = false;

	/* The kernel may pass over a page that is still on its way to the reclaim lists. */
	for (int try = 0; entries && !out && try < 50; try++) {
		if (madvise(addr, len, MADV_PAGEOUT))
			break;
		if (vw_pagemap(0, (uintptr_t)addr, len / PAGE, entries) < 0)
			break;
		out = true;
		for (size_t i = 0; i < len / PAGE; i++)
			out = out && entries[i] & PM_SWAP;
		if (!out)
			usleep(20000);
	}
	free(entries);
	return out;
}

long vw_smaps_kib(const void *addr, const char *name)
{
	unsigned long start, end;
	char line[512];
	bool in = false;
	long kib = -1;
	FILE *smaps;

	smaps = fopen("/proc/self/smaps", "re");
	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			in = start <= (uintptr_t)addr && (uintptr_t)addr < end;
		else if (in && !strncmp(line, name, strlen(name)))
			kib = atol(line + strlen(name) + 1);
	}
	fclose(smaps);
	return kib;
}

char *vw_huge_page(bool write)
{
	char *at = vw_anon_aligned(PMD_SIZE, PMD_SIZE);

	madvise(at, PMD_SIZE, MADV_HUGEPAGE);
	if (write)
		memset(at, 1, PMD_SIZE);
	else
		vw_peek(at);
	if (write && vw_smaps_kib(at, "AnonHugePages") != 2048)
		vw_skip("the kernel gives no transparent huge page");
	return at;
}

static void *serve(void *arg)
{
	struct vw_served *served = arg;
	struct uffdio_copy copy;
	struct uffd_msg msg;

	if (read(served->uffd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		return NULL;
	served->asked = msg.arg.pagefault.address;
	copy = (struct uffdio_copy){
		.dst = served->asked & ~(PAGE - 1),
		.src = (uintptr_t)served->page,
		.len = PAGE,
	};
	ioctl(served->uffd, UFFDIO_COPY, &copy);
	return NULL;
}

void vw_serve(struct vw_served *served, int byte)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg;

	*served = (struct vw_served){ .uffd = syscall(SYS_userfaultfd, O_CLOEXEC) };
	if (served->uffd < 0 || ioctl(served->uffd, UFFDIO_API, &api))
		vw_skip("no userfaultfd");
	served->at = vw_anon(PAGE);
	served->page = vw_anon(PAGE);
	memset(served->page, byte, PAGE);
	reg = (struct uffdio_register){
		.range = { (uintptr_t)served->at, PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	vw_ok(vw_ioctl(served->uffd, UFFDIO_REGISTER, &reg));
	assert_int_equal(pthread_create(&served->thread, NULL, serve, served), 0);
}

void vw_served(struct vw_served *served)
{
	pthread_join(served->thread, NULL);
	close(served->uffd);
}

/* --- Children ------------------------------------------------------------------------------- */

static int child_socket = -1;

void vw_check_failed(const char *file, int line, const char *what)
{
	dprintf(STDOUT_FILENO, "# %s:%d: in a child: %s (errno %s)\n", file, line, what,
		strerrorname_np(errno) ?: "?");
	_exit(VW_CHILD_FAILED);
}

void vw_check_rc_at(const char *file, int line, const char *what, long long got, long long wanted)
{
	char a[32], b[32];

	if (got == wanted)
		return;
	dprintf(STDOUT_FILENO, "# %s:%d: in a child: %s: got %s, wanted %s\n", file, line, what,
		error_name(got, a, sizeof(a)), error_name(wanted, b, sizeof(b)));
	_exit(VW_CHILD_FAILED);
}

struct vw_child vw_fork(int (*fn)(void *arg), void *arg)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	pid_t parent = getpid();
	struct vw_child child;
	int pair[2];

	if (nr_children == COUNT(children) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		vw_fail("no socket pair for a child: %s", strerror(errno));
	child.fd = pair[0];
	child.pid = fork();
	if (child.pid < 0)
		vw_fail("fork: %s", strerror(errno));
	if (!child.pid) {
		for (size_t i = 0; i < COUNT(fatal); i++)
			signal(fatal[i], SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(VW_CHILD_FAILED);
		close(pair[0]);
		child_socket = pair[1];
		_exit(fn(arg));
	}
	close(pair[1]);
	children[nr_children++] = child;
	return child;
}

static void forget_child(struct vw_child *child)
{
	for (size_t i = 0; i < nr_children; i++) {
		if (children[i].pid == child->pid) {
			close(children[i].fd);
			children[i] = children[--nr_children];
			return;
		}
	}
}

int vw_join(struct vw_child *child)
{
	int status;

	while (waitpid(child->pid, &status, 0) < 0) {
		if (errno != EINTR)
			vw_fail("waitpid: %s", strerror(errno));
	}
	forget_child(child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void vw_join_ok_at(const char *file, int line, struct vw_child *child)
{
	int rc = vw_join(child);

	if (rc == VW_CHILD_SKIPPED)
		vw_skip("the child cannot do this here");
	if (rc < 0)
		vw_fail_at(file, line, "a child was ended by signal %d", -rc);
	if (rc)
		vw_fail_at(file, line, "a child ended with %d", rc);
}

void vw_kill(struct vw_child *child)
{
	struct vw_child gone = *child;

	kill(gone.pid, SIGKILL);
	waitpid(gone.pid, NULL, 0);
	forget_child(&gone);
}

__u64 vw_hear(struct vw_child *child)
{
	struct pollfd wait = { .fd = child->fd, .events = POLLIN };
	__u64 value;
	int rc;

	if (poll(&wait, 1, 600000) != 1)
		vw_fail("a child said nothing for ten minutes");
	if (recv(child->fd, &value, sizeof(value), 0) == sizeof(value))
		return value;
	rc = vw_join(child);
	if (rc == VW_CHILD_SKIPPED)
		vw_skip("the child cannot do this here");
	vw_fail("a child ended early, with %d", rc);
}

void vw_tell(struct vw_child *child, __u64 value)
{
	if (send(child->fd, &value, sizeof(value), MSG_NOSIGNAL) != sizeof(value))
		vw_fail("a child does not listen: %s", strerror(errno));
}

void vw_say(__u64 value)
{
	vw_check(send(child_socket, &value, sizeof(value), MSG_NOSIGNAL) == sizeof(value));
}

__u64 vw_listen(void)
{
	__u64 value;

	vw_check(recv(child_socket, &value, sizeof(value), 0) == sizeof(value));
	return value;
}

__u64 vw_sync(__u64 value)
{
	vw_say(value);
	return vw_listen();
}

int vw_child_socket(void)
{
	return child_socket;
}

void vw_become(uid_t uid, __u64 caps)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = caps, .permitted = caps },
		{ .effective = caps >> 32, .permitted = caps >> 32 },
	};

	vw_check(!prctl(PR_SET_KEEPCAPS, 1));
	vw_check(!setgroups(0, NULL));
	vw_check(!setresgid(uid, uid, uid));
	vw_check(!setresuid(uid, uid, uid));
	vw_check(!syscall(SYS_capset, &header, data));
}

int vw_send_fd(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(int));
	return sendmsg(socket, &msg, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int vw_receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -errno;
	if (!CMSG_FIRSTHDR(&msg))
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}
