// SPDX-License-Identifier: GPL-2.0
/*
 * configfs and sysfs attributes: accepted and rejected values, error messages,
 * and the lifetime of instances and devices.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"

#define MAX_BUFFER_MB	VW_MODULE "/parameters/max_buffer_mb"

/* Every attribute with its default. */
static const char * const defaults[][2] = {
	{ "live", "0" },
	{ "buffer_type", "vmalloc" },
	{ "size", "1048576" },
	{ "target_pid", "0" },
	{ "map_mode", "fault" },
	{ "cache_mode", "wb" },
	{ "numa_node", "-1" },
	{ "address_bits", "64" },
	{ "fill", "zero" },
	{ "track_dirty", "0" },
	{ "fault_around", "65536" },
	{ "last_error", "" },
};

/* last_error must be one sentence on one line, so that scripts can print it. */
static void expect_message_at(const char *file, int line, const char *instance, const char *limit)
{
	char path[128], text[512] = "";
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), VW_CONFIGFS "/%s/last_error", instance);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len < 10 || !strchr(text, ' '))
		vw_fail_at(file, line, "last_error is not a sentence: \"%s\"", text);
	if (strchr(text, '\n') != text + len - 1)
		vw_fail_at(file, line, "last_error is not one line: \"%s\"", text);
	if (limit && !strstr(text, limit))
		vw_fail_at(file, line, "last_error does not name \"%s\": %s", limit, text);
}

#define expect_message(instance, limit) expect_message_at(__FILE__, __LINE__, instance, limit)

/*
 * A write must fail with this errno, keep the value, and set a message that
 * contains "limit". Another write fails first, to detect a message that was not
 * updated.
 */
static void expect_failure_at(const char *file, int line, const char *instance, const char *attr,
			      const char *value, int error, const char *limit)
{
	char before[128], after[128], old[512], new[512];

	vw_set(instance, strcmp(attr, "live") ? "live" : "track_dirty", "neither");
	vw_get(instance, "last_error", old, sizeof(old));
	vw_get(instance, attr, before, sizeof(before));
	vw_expect_at(file, line, value, vw_set(instance, attr, value), -error);
	vw_get(instance, attr, after, sizeof(after));
	if (strcmp(before, after))
		vw_fail_at(file, line, "%s was %s and reads %s after a failed write of %s", attr,
			   before, after, value);
	vw_get(instance, "last_error", new, sizeof(new));
	if (!strcmp(old, new))
		vw_fail_at(file, line, "%s = %s failed, but last_error is still \"%s\"",
			   attr, value, new);
	expect_message_at(file, line, instance, limit);
}

#define expect_failure(instance, attr, value, error, limit) \
	expect_failure_at(__FILE__, __LINE__, instance, attr, value, error, limit)

static void expect_accepted_at(const char *file, int line, const char *instance, const char *attr,
			       const char *value, const char *reads)
{
	vw_expect_at(file, line, value, vw_set(instance, attr, value), 0);
	vw_expect_attr_at(file, line, instance, attr, reads);
}

#define expect_accepted(instance, attr, value, reads) \
	expect_accepted_at(__FILE__, __LINE__, instance, attr, value, reads)

static bool node_exists(int n)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vmwalk%d", n);
	return vw_exists(path);
}

static bool sysfs_exists(int n)
{
	char path[64];

	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d", n);
	return vw_exists(path);
}

static void expect_pending(const char *instance)
{
	int n = vw_number(instance);

	vw_expect_attr(instance, "live", "0");
	assert_false(node_exists(n));
	assert_false(sysfs_exists(n));
}

/* --- The subsystem -------------------------------------------------------- */

static bool has_word(const char *line, const char *word)
{
	char copy[256], *save, *at;

	snprintf(copy, sizeof(copy), "%s", line);
	for (at = strtok_r(copy, " ", &save); at; at = strtok_r(NULL, " ", &save)) {
		if (!strcmp(at, word))
			return true;
	}
	return false;
}

VW_TEST(available_files_list_all_supported_values)
{
	static const char * const words[][8] = {
		{ "buffer_type", "buffer_types", "kmalloc", "vmalloc", "pages", "huge", "dma" },
		{ "map_mode", "map_modes", "remap", "insert", "fault" },
		{ "cache_mode", "cache_modes", "wb", "wc", "uc" },
		{ "fill", "fills", "zero", "digits", "letters" },
	};
	char path[128], line[256];

	vw_ok(vw_mkdir("t"));
	for (size_t i = 0; i < COUNT(words); i++) {
		snprintf(path, sizeof(path), VW_CONFIGFS "/available_%s", words[i][1]);
		assert_true(vw_file_read(path, line, sizeof(line)) > 0);
		assert_null(strchr(line, '\n'));
		assert_null(strstr(line, "  "));
		assert_true(line[0] != ' ' && line[strlen(line) - 1] != ' ');
		for (size_t j = 2; j < COUNT(words[i]) && words[i][j]; j++) {
			/* Only x86 is known to offer all cache modes. */
			if (!VW_IS_X86 && !strcmp(words[i][0], "cache_mode") &&
			    !has_word(line, words[i][j])) {
				vw_expect(vw_set("t", words[i][0], words[i][j]), -EINVAL);
				continue;
			}
			assert_true(has_word(line, words[i][j]));
			vw_ok(vw_set("t", words[i][0], words[i][j]));
		}
	}
	assert_int_equal(vw_file_read(VW_CONFIGFS "/available_buffer_types", line, 256) > 0, 1);
	assert_string_equal(line, "kmalloc vmalloc pages huge dma");
	assert_int_equal(vw_file_read(VW_CONFIGFS "/available_map_modes", line, 256) > 0, 1);
	assert_string_equal(line, "remap insert fault");
	assert_int_equal(vw_file_read(VW_CONFIGFS "/available_cache_modes", line, 256) > 0, 1);
	if (VW_IS_X86)
		assert_string_equal(line, "wb wc uc");
	assert_int_equal(vw_file_read(VW_CONFIGFS "/available_fills", line, 256) > 0, 1);
	assert_string_equal(line, "zero digits letters");
}

VW_TEST(abi_version_matches_the_header)
{
	char line[32];

	assert_true(vw_file_read(VW_CONFIGFS "/abi_version", line, sizeof(line)) > 0);
	assert_int_equal(atoi(line), VMWALK_ABI_VERSION);
}

VW_TEST(read_only_files_cannot_be_written)
{
	static const char * const files[] = {
		"available_buffer_types", "available_map_modes", "available_cache_modes",
		"available_fills", "abi_version", "t/dev_name", "t/last_error",
	};
	char path[128], before[256], after[256];
	int rc;

	vw_ok(vw_mkdir("t"));
	for (size_t i = 0; i < COUNT(files); i++) {
		snprintf(path, sizeof(path), VW_CONFIGFS "/%s", files[i]);
		vw_file_read(path, before, sizeof(before));
		rc = vw_file_write(path, "1");
		if (rc != -EACCES && rc != -EIO)
			vw_fail("write to %s returned %d", files[i], rc);
		vw_file_read(path, after, sizeof(after));
		assert_string_equal(before, after);
	}
}

VW_TEST(only_root_can_write_to_configfs)
{
	static const char * const files[] = { "", "/t/live", "/t/size", "/t/target_pid" };
	char path[128];
	struct stat st;

	vw_ok(vw_mkdir("t"));
	for (size_t i = 0; i < COUNT(files); i++) {
		snprintf(path, sizeof(path), VW_CONFIGFS "%s", files[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_uid, 0);
		assert_int_equal(st.st_mode & 0022, 0);
	}
}

/* --- Instances ------------------------------------------------------------ */

VW_TEST(mkdir_creates_a_pending_instance_with_defaults)
{
	vw_ok(vw_mkdir("t"));
	for (size_t i = 0; i < COUNT(defaults); i++)
		vw_expect_attr("t", defaults[i][0], defaults[i][1]);
	expect_pending("t");
}

VW_TEST(live_accepts_the_default_values)
{
	int n;

	n = vw_make("t", NULL);
	vw_expect_attr("t", "live", "1");
	assert_true(node_exists(n));
	assert_true(sysfs_exists(n));
	vw_expect_attr("t", "last_error", "");
}

VW_TEST(an_instance_has_no_other_attributes)
{
	struct dirent *entry;
	unsigned int files = 0;
	DIR *dir;

	vw_ok(vw_mkdir("t"));
	dir = opendir(VW_CONFIGFS "/t");
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		files += entry->d_name[0] != '.';
	closedir(dir);
	assert_int_equal(files, COUNT(defaults) + 1);
}

VW_TEST(sysfs_shows_instance_names_unchanged)
{
	static const char * const names[] = {
		"a", "with space", "Größe", "-1", "live", "vmwalk0",
	};
	char longest[256], text[512];
	int n;

	memset(longest, 'x', 255);
	longest[255] = '\0';
	for (size_t i = 0; i <= COUNT(names); i++) {
		const char *name = i < COUNT(names) ? names[i] : longest;

		n = vw_make(name, "size", "4096", NULL);
		assert_true(vw_sysfs(n, "name", text, sizeof(text)) > 0);
		assert_string_equal(text, name);
		vw_ok(vw_rmdir(name));
	}
}

VW_TEST(mkdir_rejects_bad_names_and_paths)
{
	char too_long[257];

	memset(too_long, 'x', 256);
	too_long[256] = '\0';
	vw_expect(vw_mkdir(too_long), -ENAMETOOLONG);
	vw_ok(vw_mkdir("t"));
	vw_expect(vw_mkdir("t"), -EEXIST);
	assert_true(vw_mkdir("t/inside") < 0);
	assert_true(vw_mkdir("abi_version") < 0);
	vw_expect(vw_rmdir("missing"), -ENOENT);
}

VW_TEST(mkdir_reserves_the_lowest_free_number)
{
	vw_ok(vw_mkdir("a"));
	vw_ok(vw_mkdir("b"));
	vw_ok(vw_mkdir("c"));
	assert_int_equal(vw_number("a"), 0);
	assert_int_equal(vw_number("b"), 1);
	assert_int_equal(vw_number("c"), 2);
	vw_ok(vw_rmdir("b"));
	vw_ok(vw_rmdir("a"));
	vw_ok(vw_mkdir("d"));
	assert_int_equal(vw_number("d"), 0);
	vw_ok(vw_mkdir("e"));
	assert_int_equal(vw_number("e"), 1);
	vw_ok(vw_mkdir("f"));
	assert_int_equal(vw_number("f"), 3);
}

VW_TEST(writing_live_keeps_the_number_and_the_values)
{
	char name[64], again[64];
	int n;

	vw_ok(vw_mkdir("below"));
	vw_make_pending("t", "size", "3K", "buffer_type", "kmalloc", "map_mode", "remap",
			"fill", "digits", "fault_around", vw_pages_text(1), NULL);
	n = vw_number("t");
	assert_int_equal(n, 1);
	vw_get("t", "dev_name", name, sizeof(name));
	vw_ok(vw_rmdir("below"));
	for (int i = 0; i < 10; i++) {
		vw_ok(vw_set("t", "live", "1"));
		assert_true(node_exists(n) && sysfs_exists(n));
		vw_get("t", "dev_name", again, sizeof(again));
		assert_string_equal(name, again);
		vw_ok(vw_set("t", "live", "0"));
		expect_pending("t");
		vw_get("t", "dev_name", again, sizeof(again));
		assert_string_equal(name, again);
	}
	vw_expect_attr("t", "size", "4096");
	vw_expect_attr("t", "buffer_type", "kmalloc");
	vw_expect_attr("t", "map_mode", "remap");
	vw_expect_attr("t", "fill", "digits");
	vw_expect_attr("t", "fault_around", "4096");
}

VW_TEST(writing_the_current_value_to_live_has_no_effect)
{
	char byte = 'x';
	int n, fd;

	n = vw_make("t", "size", vw_pages_text(1), NULL);
	fd = vw_open_rw(n);
	assert_int_equal(pwrite(fd, &byte, 1, 7), 1);
	vw_ok(vw_set("t", "live", "1"));
	byte = 0;
	assert_int_equal(pread(fd, &byte, 1, 7), 1);
	assert_int_equal(byte, 'x');
	vw_expect_stat(n, "opens", 1);
	vw_ok(vw_set("t", "live", "0"));
	vw_ok(vw_set("t", "live", "0"));
	expect_pending("t");
	vw_expect_attr("t", "last_error", "");
}

VW_TEST(live_1_always_creates_a_new_buffer)
{
	char byte = 'x';
	int n, fd;

	n = vw_make("t", "size", vw_pages_text(1), "fill", "letters", NULL);
	fd = vw_open_rw(n);
	assert_int_equal(pwrite(fd, &byte, 1, 0), 1);
	vw_ok(vw_set("t", "live", "0"));
	vw_ok(vw_set("t", "live", "1"));
	vw_expect(vw_sys(pread(fd, &byte, 1, 0)), -ENODEV);
	fd = vw_open_rw(n);
	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'a');
}

/* --- Values --------------------------------------------------------------- */

VW_TEST(live_accepts_only_0_and_1)
{
	static const char * const bad[] = {
		"2", "-1", "\n", " ", "y", "n", "yes", "on", "true", "10", "1 1", "0x1", "1a",
	};

	vw_ok(vw_mkdir("t"));
	for (size_t i = 0; i < COUNT(bad); i++) {
		expect_failure("t", "live", bad[i], EINVAL, NULL);
		expect_pending("t");
	}
	vw_ok(vw_set("t", "live", "1\n"));
	expect_failure("t", "live", "2", EINVAL, NULL);
	expect_failure("t", "live", "y", EINVAL, NULL);
	vw_expect_attr("t", "live", "1");
	vw_ok(vw_set("t", "live", "0\n"));
	expect_pending("t");
}

VW_TEST(size_accepts_suffixes_and_is_rounded_up_to_pages)
{
	vw_ok(vw_mkdir("t"));
	expect_accepted("t", "size", "1", "4096");
	expect_accepted("t", "size", "4095\n", "4096");
	expect_accepted("t", "size", "4096", "4096");
	expect_accepted("t", "size", "4097", "8192");
	expect_accepted("t", "size", "1k", "4096");
	expect_accepted("t", "size", "5K", "8192");
	expect_accepted("t", "size", "3m", "3145728");
	expect_accepted("t", "size", "3M\n", "3145728");
	expect_accepted("t", "size", "2g", "2147483648");
	expect_accepted("t", "size", "2G", "2147483648");
	expect_accepted("t", "size", "65536G", "70368744177664");
	expect_accepted("t", "size", "1t", "1099511627776");
	expect_accepted("t", "size", "64T\n", "70368744177664");
	expect_accepted("t", "size", "0x1000", "4096");
	expect_accepted("t", "size", "0X2aBc000", "44810240");
	expect_accepted("t", "size", "0x10K", "16384");
	expect_accepted("t", "size", "0x2T", "2199023255552");
	expect_accepted("t", "size", "0x1001\n", "8192");
	expect_accepted("t", "size", "012K", "12288");
	expect_accepted("t", "size", " 5", "4096");
	expect_accepted("t", "size", "70368744177663", "70368744177664");
	vw_expect_attr("t", "last_error", "");
}

VW_TEST(size_out_of_range_fails_with_erange)
{
	static const char * const bad[] = {
		"0", "0K", "70368744177665", "65537G", "68719476737K", "18446744073709551615",
		"18446744073709551616", "99999999999999999999999999", "18014398509481984K",
		"17179869184G", "17179869185G", "9223372036854775808", "65T", "16777216T",
		"18446744073709551615T", "0x0", "0x400000000001", "0xffffffffffffffff",
		"0x10000000000000000", "0x100000000000000001", "0x4000000000001M",
		"7777777777777777777777777777777777777777777777777777777777777777777777",
	};

	vw_ok(vw_mkdir("t"));
	for (size_t i = 0; i < COUNT(bad); i++)
		expect_failure("t", "size", bad[i], ERANGE, "64");
	vw_expect_attr("t", "size", "1048576");
}

VW_TEST(size_that_is_not_a_number_fails_with_einval)
{
	static const char * const bad[] = {
		"\n", " ", "K", "M", "T", "many", "1TT", "1P", "0x", "0x\n", "0xK", "x10", "0x10g0",
		"0x1x1", "1f", "0b1", "-1", "+5", "-0x1", "1TK", "0x1000G0", "5 T", "#5",
		"99999999999999999999999999x", "1E", "1KK", "1MB", "1 M", "1.5M",
		"4096x", "4096 4096", "--1", "1-", "M1", "1K\n2K",
	};

	vw_ok(vw_mkdir("t"));
	for (size_t i = 0; i < COUNT(bad); i++)
		expect_failure("t", "size", bad[i], EINVAL, "suffixes K, M, G, T; 0x");
	vw_expect_attr("t", "size", "1048576");
}

VW_TEST(a_trailing_newline_is_ignored)
{
	vw_ok(vw_mkdir("t"));
	expect_accepted("t", "buffer_type", "kmalloc", "kmalloc");
	expect_accepted("t", "buffer_type", "vmalloc\n", "vmalloc");
	expect_accepted("t", "map_mode", "remap", "remap");
	expect_accepted("t", "map_mode", "insert\n", "insert");
	expect_accepted("t", "map_mode", "fault", "fault");
	expect_accepted("t", "cache_mode", "wb\n", "wb");
	expect_accepted("t", "fill", "digits", "digits");
	expect_accepted("t", "fill", "letters\n", "letters");
	expect_accepted("t", "fill", "zero", "zero");
	vw_expect_attr("t", "last_error", "");
}

VW_TEST(unknown_words_fail_with_einval)
{
	static const char * const attrs[] = { "buffer_type", "map_mode", "cache_mode", "fill" };
	static const char * const bad[] = {
		"\n", " ", "none", "0", "1", "-1", "VMALLOC", "vmallo", "vmallocs", "faul",
		"faults", "w", "wbb", "zer", "zeroes", "vmalloc kmalloc",
		"remap\nfault",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	vw_ok(vw_mkdir("t"));
	for (size_t i = 0; i < COUNT(attrs); i++) {
		for (size_t j = 0; j < COUNT(bad); j++)
			expect_failure("t", attrs[i], bad[j], EINVAL, NULL);
	}
}

VW_TEST(track_dirty_accepts_only_0_and_1)
{
	static const char * const bad[] = { "2", "-1", "\n", "yes", "y", "n", "00x" };

	vw_ok(vw_mkdir("t"));
	expect_accepted("t", "track_dirty", "1", "1");
	expect_accepted("t", "track_dirty", "0\n", "0");
	for (size_t i = 0; i < COUNT(bad); i++)
		expect_failure("t", "track_dirty", bad[i], EINVAL, NULL);
	vw_expect_attr("t", "track_dirty", "0");
}

VW_TEST(numa_node_accepts_existing_nodes)
{
	vw_ok(vw_mkdir("t"));
	expect_accepted("t", "numa_node", "0", "0");
	expect_accepted("t", "numa_node", "-1\n", "-1");
	if (vw_exists("/sys/devices/system/node/node1"))
		expect_accepted("t", "numa_node", "1", "1");
	vw_expect_attr("t", "last_error", "");
}

/*
 * The first node that does not exist. On kernels with NUMA, it is below
 * MAX_NUMNODES: these support more nodes than a test machine has.
 */
static const char *missing_node(void)
{
	static char node[16];
	char path[64];
	int i = 0;

	do {
		snprintf(node, sizeof(node), "%d", i++);
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%s", node);
	} while (vw_exists(path));
	return node;
}

VW_TEST(numa_node_rejects_missing_nodes)
{
	static const char * const range[] = {
		"-2", "-2147483648", "100000", "2147483647", "2147483648", "-2147483649",
		"99999999999999999999",
	};
	static const char * const text[] = { "\n", "a", "0a", "node0", "0 1", "-", "--1", "0.0" };

	vw_ok(vw_mkdir("t"));
	for (size_t i = 0; i < COUNT(range); i++)
		expect_failure("t", "numa_node", range[i], ERANGE, NULL);
	for (size_t i = 0; i < COUNT(text); i++)
		expect_failure("t", "numa_node", text[i], EINVAL, NULL);
	expect_failure("t", "numa_node", missing_node(), EINVAL, missing_node());
	vw_expect_attr("t", "numa_node", "-1");
}

VW_TEST(fault_around_accepts_powers_of_two)
{
	char value[32], reads[32];

	vw_ok(vw_mkdir("t"));
	for (unsigned long bytes = PAGE; bytes <= PMD_SIZE; bytes *= 2) {
		snprintf(value, sizeof(value), "%luK\n", bytes / KIB);
		snprintf(reads, sizeof(reads), "%lu", bytes);
		expect_accepted("t", "fault_around", value, reads);
		expect_accepted("t", "fault_around", reads, reads);
	}
	expect_accepted("t", "fault_around", "1M", "1048576");
	expect_accepted("t", "fault_around", "2m", "2097152");
	expect_accepted("t", "fault_around", "0x10000", "65536");
	expect_accepted("t", "fault_around", "0x10k", "16384");
	vw_expect_attr("t", "last_error", "");
}

VW_TEST(fault_around_rejects_other_values)
{
	static const char * const range[] = {
		"0", "1", "2048", "4M", "1G", "1T", "18446744073709551616", "18014398509481984K",
		"0x200001", "0xffffffffffffffffffff",
	};
	static const char * const invalid[] = {
		"4097", "12K", "65535", "65537", "2097151", "\n", "a", "4Q", "K", "4 K", "4K4K",
		"0x1001", "0x", "-1", "+4096",
	};

	vw_ok(vw_mkdir("t"));
	for (size_t i = 0; i < COUNT(range); i++)
		expect_failure("t", "fault_around", range[i], ERANGE, "2");
	for (size_t i = 0; i < COUNT(invalid); i++)
		expect_failure("t", "fault_around", invalid[i], EINVAL, NULL);
	vw_expect_attr("t", "fault_around", "65536");
}

static int wait_for_parent(void *arg)
{
	(void)arg;
	vw_sync(0);
	return 0;
}

VW_TEST(target_pid_accepts_a_process_or_0)
{
	struct vw_child child = vw_fork(wait_for_parent, NULL);
	char pid[32];

	vw_hear(&child);
	vw_ok(vw_mkdir("t"));
	snprintf(pid, sizeof(pid), "%d\n", child.pid);
	vw_ok(vw_set("t", "target_pid", pid));
	pid[strlen(pid) - 1] = '\0';
	vw_expect_attr("t", "target_pid", pid);
	vw_ok(vw_set("t", "live", "1"));
	vw_expect_attr("t", "target_pid", pid);
	expect_accepted("t", "target_pid", "0", "0");
	expect_accepted("t", "target_pid", pid, pid);
	expect_accepted("t", "target_pid", "1", "1");
	vw_tell(&child, 0);
	vw_join_ok(&child);
}

static pid_t free_pid(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid;
}

VW_TEST(target_pid_rejects_other_values)
{
	static const char * const bad[] = {
		"\n", " ", "a", "1a", "self", "1 1", "1.0", "-", "--1",
	};
	char pid[32];

	vw_ok(vw_mkdir("t"));
	for (int live = 0; live < 2; live++) {
		if (live)
			vw_ok(vw_set("t", "live", "1"));
		for (size_t i = 0; i < COUNT(bad); i++)
			expect_failure("t", "target_pid", bad[i], EINVAL, NULL);
		expect_failure("t", "target_pid", "-1", ERANGE, NULL);
		expect_failure("t", "target_pid", "-2147483648", ERANGE, NULL);
		expect_failure("t", "target_pid", "99999999999999999999", ERANGE, NULL);
		expect_failure("t", "target_pid", "2147483647", ESRCH, "2147483647");
		snprintf(pid, sizeof(pid), "%d", free_pid());
		expect_failure("t", "target_pid", pid, ESRCH, pid);
		/* kthreadd has the number 2 in the first pid namespace. */
		expect_failure("t", "target_pid", "2", EINVAL, "2");
		vw_expect_attr("t", "target_pid", "0");
	}
}

static int set_target_in_new_namespace(void *arg)
{
	char pid[32];

	(void)arg;
	/* The next child has pid 1 in the new namespace, and writes "1". */
	vw_check(!unshare(CLONE_NEWPID));
	if (!fork()) {
		vw_check(getpid() == 1);
		vw_check_rc(vw_set("t", "target_pid", "1"), 0);
		vw_check(vw_get("t", "target_pid", pid, sizeof(pid)) > 0);
		vw_check(!strcmp(pid, "1"));
		vw_check_rc(vw_set("t", "target_pid", "2"), -ESRCH);
		vw_sync(0);
		_exit(0);
	}
	wait(NULL);
	return 0;
}

VW_TEST(target_pid_is_in_the_pid_namespace_of_the_writer)
{
	struct vw_child child;
	char pid[32];

	vw_make("t", NULL);
	child = vw_fork(set_target_in_new_namespace, NULL);
	vw_hear(&child);
	vw_get("t", "target_pid", pid, sizeof(pid));
	assert_true(atoi(pid) > 2);
	vw_tell(&child, 0);
	vw_join_ok(&child);
}

VW_TEST(a_successful_write_clears_last_error)
{
	static const char * const good[][2] = {
		{ "buffer_type", "pages" }, { "size", "4K" }, { "map_mode", "remap" },
		{ "cache_mode", "wb" }, { "numa_node", "-1" }, { "address_bits", "64" },
		{ "fill", "digits" }, { "track_dirty", "0" }, { "fault_around", "4K" },
		{ "target_pid", "0" }, { "live", "0" }, { "live", "1" }, { "live", "1" },
		{ "target_pid", "0" }, { "live", "0" },
	};

	vw_ok(vw_mkdir("t"));
	vw_expect_attr("t", "last_error", "");
	for (size_t i = 0; i < COUNT(good); i++) {
		vw_expect(vw_set("t", "live", "neither"), -EINVAL);
		expect_message("t", "neither");
		vw_ok(vw_set("t", good[i][0], good[i][1]));
		vw_expect_attr("t", "last_error", "");
	}
	/* Neither a read nor a write to another instance clears last_error. */
	vw_expect(vw_set("t", "size", "0"), -ERANGE);
	vw_expect_attr("t", "size", "4096");
	vw_ok(vw_mkdir("u"));
	vw_ok(vw_set("u", "size", vw_pages_text(1)));
	expect_message("t", "size 0");
}

VW_TEST(each_instance_has_its_own_last_error)
{
	vw_ok(vw_mkdir("a"));
	vw_ok(vw_mkdir("b"));
	vw_expect(vw_set("a", "size", "0"), -ERANGE);
	vw_expect_attr("b", "last_error", "");
}

VW_TEST(values_longer_than_a_page_fail)
{
	static const char * const attrs[] = {
		"live", "size", "buffer_type", "map_mode", "cache_mode", "numa_node",
		"address_bits", "fill", "track_dirty", "fault_around", "target_pid",
	};
	char *text = malloc(2 * PAGE);
	int rc;

	assert_non_null(text);
	memset(text, '7', 2 * PAGE);
	text[2 * PAGE - 1] = '\0';
	vw_ok(vw_mkdir("t"));
	for (size_t i = 0; i < COUNT(attrs); i++) {
		rc = vw_set("t", attrs[i], text);
		if (rc >= 0)
			vw_fail("%s accepts a value longer than a page", attrs[i]);
		expect_message("t", NULL);
	}
	for (size_t i = 0; i < COUNT(defaults) - 1; i++)
		vw_expect_attr("t", defaults[i][0], defaults[i][1]);
	free(text);
}

/* --- Frozen while live ---------------------------------------------------- */

VW_TEST(only_live_and_target_pid_can_be_written_while_live)
{
	static const char * const frozen[][3] = {
		/* attribute, current value, another valid value */
		{ "buffer_type", "vmalloc", "kmalloc" }, { "size", "1048576", "4096" },
		{ "map_mode", "fault", "remap" }, { "cache_mode", "wb", "wc" },
		{ "numa_node", "-1", "0" }, { "address_bits", "64", "63" },
		{ "fill", "zero", "digits" },
		{ "track_dirty", "0", "1" }, { "fault_around", "65536", "4096" },
	};

	vw_make("t", NULL);
	for (size_t i = 0; i < COUNT(frozen); i++) {
		expect_failure("t", frozen[i][0], frozen[i][1], EBUSY, "live");
		expect_failure("t", frozen[i][0], frozen[i][2], EBUSY, "live");
	}
	for (size_t i = 1; i < COUNT(defaults) - 1; i++)
		vw_expect_attr("t", defaults[i][0], defaults[i][1]);
	vw_ok(vw_set("t", "live", "0"));
	for (size_t i = 0; i < COUNT(frozen); i++)
		vw_expect(vw_set("t", frozen[i][0], frozen[i][2]),
			  strcmp(frozen[i][2], "wc") || vw_is_available("cache_modes", "wc") ?
			  0 : -EINVAL);
}

VW_TEST(a_change_of_target_pid_while_live_takes_effect)
{
	struct vw_child child = vw_fork(wait_for_parent, NULL);
	struct vmwalk_info info = { .size = sizeof(info) };
	char pid[32], text[32];
	int n, fd;

	vw_hear(&child);
	n = vw_make("t", NULL);
	fd = vw_open_rw(n);
	snprintf(pid, sizeof(pid), "%d", child.pid);
	vw_ok(vw_set("t", "target_pid", pid));
	assert_true(vw_sysfs(n, "target_pid", text, sizeof(text)) > 0);
	assert_string_equal(text, pid);
	vw_ok(vw_ioctl(fd, VMWALK_IOC_INFO, &info));
	assert_int_equal(info.target_pid, child.pid);
	vw_ok(vw_set("t", "target_pid", "0"));
	assert_true(vw_sysfs(n, "target_pid", text, sizeof(text)) > 0);
	assert_string_equal(text, "0");
	vw_ok(vw_ioctl(fd, VMWALK_IOC_INFO, &info));
	assert_int_equal(info.target_pid, 0);
}

/* --- Validation by live = 1 ----------------------------------------------- */

VW_TEST(a_combination_is_validated_when_live_is_written)
{
	vw_ok(vw_mkdir("t"));
	/* Attributes can be set in any order, through invalid combinations. */
	vw_ok(vw_set("t", "map_mode", "insert"));
	vw_ok(vw_set("t", "buffer_type", "kmalloc"));
	expect_failure("t", "live", "1", EINVAL, "kmalloc");
	expect_message("t", "insert");
	expect_pending("t");
	vw_ok(vw_set("t", "map_mode", "remap"));
	vw_ok(vw_set("t", "live", "1"));
}

VW_TEST(kmalloc_fails_above_its_size_limit)
{
	vw_make_pending("t", "buffer_type", "kmalloc", "map_mode", "remap", "size", "64M", NULL);
	expect_failure("t", "live", "1", ENOMEM, NULL);
	expect_pending("t");
	vw_ok(vw_set("t", "size", "4M"));
	vw_ok(vw_set("t", "live", "1"));
	vw_ok(vw_set("t", "live", "0"));
	vw_ok(vw_set("t", "size", "8K"));
	vw_ok(vw_set("t", "live", "1"));
}

VW_TEST(a_buffer_above_max_buffer_mb_fails_with_enomem)
{
	static const char * const sizes[] = { "5M", "4100K", "1G", "65536G" };

	vw_ok(vw_file_write(MAX_BUFFER_MB, "4"));
	vw_ok(vw_mkdir("t"));
	for (size_t i = 0; i < COUNT(sizes); i++) {
		vw_ok(vw_set("t", "size", sizes[i]));
		expect_failure("t", "live", "1", ENOMEM, "4");
		expect_message("t", "max_buffer_mb");
		expect_pending("t");
	}
	vw_ok(vw_set("t", "size", "4M"));
	vw_ok(vw_set("t", "live", "1"));
}

VW_TEST(max_buffer_mb_limits_the_total_of_all_buffers)
{
	vw_ok(vw_file_write(MAX_BUFFER_MB, "4"));
	vw_make("a", "size", "3M", NULL);
	vw_make_pending("b", "size", "2M", NULL);
	expect_failure("b", "live", "1", ENOMEM, "4");
	vw_ok(vw_set("b", "size", "1M"));
	vw_ok(vw_set("b", "live", "1"));
	vw_make_pending("c", "size", vw_pages_text(1), NULL);
	expect_failure("c", "live", "1", ENOMEM, "4");
	vw_ok(vw_set("a", "live", "0"));
	vw_ok(vw_set("c", "live", "1"));
	vw_ok(vw_set("c", "live", "0"));
	vw_ok(vw_set("c", "size", "3M"));
	vw_ok(vw_set("c", "live", "1"));
}

/* kmalloc, huge and dma buffers are rounded up to whole chunks. */
VW_TEST(max_buffer_mb_counts_whole_chunks)
{
	static const char * const chunk_types[] = { "kmalloc", "huge", "dma" };

	for (size_t i = 0; i < COUNT(chunk_types); i++) {
		vw_ok(vw_file_write(MAX_BUFFER_MB, "3"));
		vw_make_pending("a", "buffer_type", chunk_types[i], "map_mode", "remap", "size",
				"2052K", NULL);
		expect_failure("a", "live", "1", ENOMEM, "3");
		expect_message("a", "max_buffer_mb");
		vw_ok(vw_file_write(MAX_BUFFER_MB, "4"));
		vw_ok(vw_set("a", "live", "1"));
		vw_make_pending("b", "size", vw_pages_text(1), NULL);
		expect_failure("b", "live", "1", ENOMEM, "4");
		vw_ok(vw_rmdir("a"));
		vw_ok(vw_set("b", "live", "1"));
		vw_ok(vw_rmdir("b"));
	}

	/* The smallest kmalloc chunk is four pages. */
	vw_make("a", "size", "4084K", NULL);
	vw_make_pending("b", "buffer_type", "kmalloc", "map_mode", "remap", "size",
			vw_pages_text(1), NULL);
	expect_failure("b", "live", "1", ENOMEM, "4");
	vw_ok(vw_set("a", "live", "0"));
	vw_ok(vw_set("a", "size", "4080K"));
	vw_ok(vw_set("a", "live", "1"));
	vw_ok(vw_set("b", "live", "1"));
}

VW_TEST(a_failed_live_does_not_count_towards_max_buffer_mb)
{
	vw_ok(vw_file_write(MAX_BUFFER_MB, "4"));
	vw_make_pending("t", "size", "5M", NULL);
	for (int i = 0; i < 10; i++)
		vw_expect(vw_set("t", "live", "1"), -ENOMEM);
	vw_ok(vw_set("t", "size", "4M"));
	for (int i = 0; i < 10; i++) {
		vw_ok(vw_set("t", "live", "1"));
		vw_ok(vw_set("t", "live", "0"));
	}
}

VW_TEST(a_removed_buffer_counts_until_it_is_unmapped)
{
	void *map;
	int n, fd;

	vw_ok(vw_file_write(MAX_BUFFER_MB, "4"));
	n = vw_make("a", "size", "3M", NULL);
	fd = vw_open_rw(n);
	map = vw_map(fd, 3 * MIB, 0, RW, MAP_SHARED);
	close(fd);
	vw_ok(vw_rmdir("a"));
	vw_make_pending("b", "size", "2M", NULL);
	expect_failure("b", "live", "1", ENOMEM, "4");
	munmap(map, 3 * MIB);
	assert_true(vw_eventually(!vw_set("b", "live", "1")));
}

VW_TEST(max_buffer_mb_defaults_to_a_quarter_of_ram)
{
	long long mib, ram = vw_field("/proc/meminfo", "MemTotal") / 1024;
	char text[32];

	assert_true(vw_file_read(MAX_BUFFER_MB, text, sizeof(text)) > 0);
	mib = atoll(text);
	/* The kernel may or may not count the memory that it reserves. */
	if (mib < ram * 20 / 100 || mib > ram * 30 / 100)
		vw_fail("max_buffer_mb is %lld with %lld MiB of RAM", mib, ram);
}

static const char * const types[] = { "kmalloc", "vmalloc", "pages", "huge", "dma" };

/* Checks that no buffer counts towards max_buffer_mb. */
static void expect_nothing_in_use(void)
{
	char before[32];

	vw_file_read(MAX_BUFFER_MB, before, sizeof(before));
	vw_ok(vw_file_write(MAX_BUFFER_MB, "4"));
	vw_make("all", "buffer_type", "vmalloc", "size", "4M", NULL);
	vw_ok(vw_rmdir("all"));
	vw_ok(vw_file_write(MAX_BUFFER_MB, before));
}

VW_TEST(last_error_names_the_exceeded_limit_for_every_type)
{
	for (size_t i = 0; i < COUNT(types); i++) {
		vw_make_pending("t", "buffer_type", types[i], "map_mode", "remap", NULL);

		vw_ok(vw_file_write(MAX_BUFFER_MB, "4"));
		vw_ok(vw_set("t", "size", "4100K"));
		expect_failure("t", "live", "1", ENOMEM, "max_buffer_mb");
		expect_pending("t");

		/* More than any machine has, with a limit that allows it. */
		vw_ok(vw_file_write(MAX_BUFFER_MB, "67108864"));
		vw_ok(vw_set("t", "size", "60000G"));
		expect_failure("t", "live", "1", ENOMEM, "the machine's memory");
		expect_pending("t");

		if (!strcmp(types[i], "kmalloc") || !strcmp(types[i], "dma")) {
			vw_ok(vw_set("t", "size", "1G"));
			expect_failure("t", "live", "1", ENOMEM, "1073741824");
			expect_message("t",
				       strcmp(types[i], "kmalloc") ? "chunk" : "limit of kmalloc");
			expect_pending("t");
		}

		expect_failure("t", "numa_node", missing_node(), EINVAL, missing_node());
		expect_nothing_in_use();
		vw_ok(vw_rmdir("t"));
	}
}

static long long event_count(const char *name)
{
	return vw_field("/proc/vmstat", name);
}

/*
 * A buffer larger than the available memory fails at once. The message has the
 * available size, and no other process is swapped out or killed.
 */
VW_TEST(a_size_beyond_available_memory_fails_without_reclaim)
{
	static const char * const made_of_pages[] = { "vmalloc", "pages", "huge" };
	long long available, total = vw_field("/proc/meminfo", "MemTotal") * 1024;
	long long on_node, swapped, kills, scanned;
	char size[32];

	vw_ok(vw_file_write(MAX_BUFFER_MB, "67108864"));
	for (size_t i = 0; i < COUNT(made_of_pages); i++) {
		available = vw_field("/proc/meminfo", "MemAvailable") * 1024;
		assert_true(total - available > 64 * (long long)MIB);
		snprintf(size, sizeof(size), "%lld", available + 64 * (long long)MIB);
		vw_make_pending("t", "buffer_type", made_of_pages[i], "size", size, NULL);
		swapped = event_count("pswpout");
		kills = event_count("oom_kill");
		scanned = event_count("pgscan_direct");
		expect_failure("t", "live", "1", ENOMEM, "exceeds the memory that is available, ");
		vw_expect(event_count("pswpout"), swapped);
		vw_expect(event_count("oom_kill"), kills);
		vw_expect(event_count("pgscan_direct"), scanned);
		expect_pending("t");
		expect_nothing_in_use();

		/* One node has less memory than the machine. */
		if (vw_exists("/sys/devices/system/node/node1")) {
			on_node = vw_field("/sys/devices/system/node/node0/meminfo",
					   "Node 0 MemTotal:");
			snprintf(size, sizeof(size), "%lldK", on_node);
			vw_ok(vw_set("t", "size", size));
			vw_ok(vw_set("t", "numa_node", "0"));
			expect_failure("t", "live", "1", ENOMEM, "is available on node 0, ");
			vw_expect(event_count("pgscan_direct"), scanned);
			expect_pending("t");
		}
		vw_ok(vw_rmdir("t"));
	}
}

VW_TEST(a_failed_dma_allocation_reports_the_largest_free_chunk)
{
	vw_ok(vw_file_write(MAX_BUFFER_MB, "67108864"));
	vw_make_pending("t", "buffer_type", "dma", "map_mode", "remap", "size", "128M", NULL);
	expect_failure("t", "live", "1", ENOMEM, "largest free: 4194304 bytes; available: ");
	if (vw_field("/proc/meminfo", "CmaTotal") > 0)
		expect_message("t", "free in CMA areas: ");
	else
		expect_message("t", "there is no CMA area");
	if (vw_exists("/sys/devices/system/node/node1")) {
		vw_ok(vw_set("t", "numa_node", "1"));
		expect_failure("t", "live", "1", ENOMEM, "largest free on node 1: 4194304 bytes");
	}
	expect_pending("t");
	expect_nothing_in_use();
}

/* CPU time of a process in nanoseconds, 0 if it is gone. */
static __u64 cpu_time(pid_t pid)
{
	struct timespec time = { };
	clockid_t clock;

	if (!clock_getcpuclockid(pid, &clock))
		clock_gettime(clock, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

static int set_live(void *arg)
{
	int rc;

	(void)arg;
	vw_say(0);
	rc = -vw_set("t", "live", "1");
	vw_say(cpu_time(getpid()));
	return rc;
}

/* Whether a child has exited. Does not reap it. */
static bool has_ended(const struct vw_child *child)
{
	siginfo_t info = { };

	return !waitid(P_PID, child->pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

VW_TEST(sigkill_ends_the_creation_of_a_large_buffer)
{
	static const char * const kinds[][3] = {
		{ "vmalloc", "wb", "zero" }, { "pages", "wb", "zero" }, { "pages", "wc", "zero" },
		{ "huge", "wb", "letters" },
	};
	struct vw_child child;
	char live[8] = "";
	__u64 whole;
	int status;

	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (!vw_is_available("cache_modes", kinds[i][1]))
			continue;
		vw_make_pending("t", "buffer_type", kinds[i][0], "cache_mode", kinds[i][1], "fill",
				kinds[i][2], "size", "128M", NULL);
		child = vw_fork(set_live, NULL);
		vw_hear(&child);
		whole = vw_hear(&child);
		vw_join_ok(&child);

		/*
		 * The write may complete before the signal arrives, since the
		 * first write may have been slower. Kill earlier each time.
		 */
		for (int try = 0; try < 100; try++) {
			vw_ok(vw_set("t", "live", "0"));
			child = vw_fork(set_live, NULL);
			vw_hear(&child);
			while (!has_ended(&child) && cpu_time(child.pid) < whole / (try + 2))
				sched_yield();
			kill(child.pid, SIGKILL);
			status = vw_join(&child);
			vw_get("t", "live", live, sizeof(live));
			if (!strcmp(live, "0"))
				break;
		}
		vw_expect(status, -SIGKILL);
		expect_pending("t");
		expect_message("t", "fatal signal");
		expect_nothing_in_use();
		vw_ok(vw_rmdir("t"));
	}
}

static int set_live_in_small_cgroup(void *arg)
{
	char path[128], text[512] = "", type[32];
	long long before, with;

	(void)arg;
	vw_join_cgroup();
	vw_check_rc(vw_file_write(VW_CGROUP "/memory.max", "2M"), 0);

	vw_check_rc(vw_set("t", "size", "4M"), 0);
	vw_check_rc(vw_set("t", "live", "1"), -ENOMEM);
	vw_get("t", "last_error", text, sizeof(text));
	vw_check(strstr(text, "4194304") && strstr(text, "cgroup") && strstr(text, "available: "));
	vw_get("t", "buffer_type", type, sizeof(type));
	if (!strcmp(type, "huge"))
		vw_check(strstr(text, "free chunks: "));
	if (!strcmp(type, "kmalloc") || !strcmp(type, "dma"))
		vw_check(strstr(text, "largest free: "));
	vw_check(vw_field(VW_CGROUP "/memory.events", "oom_kill") == 0);
	vw_check_rc(vw_file_write(VW_CGROUP "/memory.max", "16M"), 0);
	snprintf(path, sizeof(path), VW_CGROUP "/memory.current");
	vw_check(vw_file_read(path, text, sizeof(text)) > 0);
	before = atoll(text);
	vw_check_rc(vw_set("t", "live", "1"), 0);
	vw_check(vw_file_read(path, text, sizeof(text)) > 0);
	with = atoll(text);
	/* Each CPU keeps a stock of up to 64 pages that are charged already. */
	vw_check(with - before >= (long long)(3 * MIB));
	vw_check_rc(vw_set("t", "live", "0"), 0);
	vw_check(vw_eventually(vw_file_read(path, text, sizeof(text)) > 0 &&
			       atoll(text) < before + (long long)MIB));
	vw_check_rc(vw_file_write("/sys/fs/cgroup/cgroup.procs", "0"), 0);
	return 0;
}

VW_TEST(buffers_are_charged_to_the_memory_cgroup)
{
	struct vw_child child;
	int rc;

	vw_need_cgroup();
	for (size_t i = 0; i < COUNT(types); i++) {
		/* The kernel charges no cgroup for pages of a CMA area. */
		if (!strcmp(types[i], "dma") && vw_field("/proc/meminfo", "CmaTotal") > 0)
			continue;
		vw_make_pending("t", "buffer_type", types[i], "map_mode", "remap", NULL);
		child = vw_fork(set_live_in_small_cgroup, NULL);
		rc = vw_join(&child);
		vw_remove_cgroup();
		if (rc)
			vw_fail("%s in a small memory cgroup: the child exited with %d", types[i],
				rc);
		expect_pending("t");
		expect_nothing_in_use();
		vw_ok(vw_rmdir("t"));
	}
}

/* The zones of /proc/zoneinfo. */
static struct zone {
	int node;
	unsigned long start;
	unsigned long spanned;
} zones[16];
static size_t nr_zones;

static void read_zones(void)
{
	struct zone zone = { .node = -1 };
	char line[256];
	FILE *file;

	nr_zones = 0;
	file = fopen("/proc/zoneinfo", "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Node %d,", &zone.node) == 1 ||
		    sscanf(line, " spanned %lu", &zone.spanned) == 1)
			continue;
		if (sscanf(line, " start_pfn: %lu", &zone.start) == 1 && zone.spanned) {
			assert_true(nr_zones < COUNT(zones));
			zones[nr_zones++] = zone;
			zone.spanned = 0;
		}
	}
	fclose(file);
}

/* The node of a PFN, or -1. */
static int node_of_pfn(__u64 pfn)
{
	for (size_t i = 0; i < nr_zones; i++) {
		if (pfn >= zones[i].start && pfn - zones[i].start < zones[i].spanned)
			return zones[i].node;
	}
	return -1;
}

/*
 * Makes the instance "t". Returns its number; -1 if the DMA API allocates from a
 * CMA area on another node.
 */
static int make_on_node(const struct vw_combo *combo, const char *node)
{
	int rc;

	vw_make_pending("t", "buffer_type", combo->type, "map_mode", combo->mode, "cache_mode",
			combo->cache, "numa_node", node, "size", "1M", NULL);
	rc = vw_set("t", "live", "1");
	if (rc == -ENOMEM && !strcmp(combo->type, "dma")) {
		expect_message("t", "CMA area");
		expect_pending("t");
		expect_nothing_in_use();
		vw_ok(vw_rmdir("t"));
		return -1;
	}
	vw_ok(rc);
	return vw_number("t");
}

VW_TEST(the_buffer_is_on_the_requested_node)
{
	unsigned int made[2] = { }, elsewhere = 0;
	char node[8], text[32];
	void *map;
	int n, fd;

	if (!vw_exists("/sys/devices/system/node/node1"))
		vw_skip("needs two NUMA nodes");
	read_zones();
	for (int want = 0; want < 2; want++) {
		for (size_t i = 0; i < VW_COMBOS; i++) {
			struct vw_extents extents;
			struct vmwalk_scan scan;

			snprintf(node, sizeof(node), "%d", want);
			n = make_on_node(&vw_combos[i], node);
			if (n < 0) {
				elsewhere++;
				continue;
			}
			made[want]++;
			fd = vw_open_rw(n);
			map = vw_map(fd, MIB, 0, PROT_READ, MAP_SHARED);
			assert_true(vw_holds_fill(map, "zero", 0, MIB));

			scan = vw_scan_args((uintptr_t)map, (uintptr_t)map + MIB);
			vw_ok(vw_scan_all(fd, &scan, 256, &extents));
			vw_expect(extents.pages, MIB / PAGE);
			for (size_t j = 0; j < extents.count; j++) {
				const struct vmwalk_extent *extent = &extents.extent[j];
				struct vmwalk_translation translation = {
					.addr = extent->start,
				};

				vw_expect(node_of_pfn(extent->pfn), want);
				vw_expect(node_of_pfn(extent->pfn + extent->pages - 1), want);
				vw_expect(extent->node, want);
				vw_ok(vw_translate(fd, &translation, 1));
				vw_expect(translation.node, want);
			}
			vw_extents_free(&extents);
			assert_true(vw_sysfs(n, "numa_node", text, sizeof(text)) > 0);
			assert_string_equal(text, node);
			munmap(map, MIB);
			close(fd);
			vw_ok(vw_rmdir("t"));
		}
	}
	/* The CMA area is on one of the nodes. */
	vw_expect(made[0] + made[1], 2 * VW_COMBOS - elsewhere);
	assert_true(made[0] == VW_COMBOS || made[1] == VW_COMBOS);
}

/* --- rmdir and live = 0 --------------------------------------------------- */

static void expect_gone(int fd)
{
	struct vmwalk_info info = { .size = sizeof(info) };
	struct vmwalk_scan scan = vw_scan_args(0, PAGE);
	struct vmwalk_log log = vw_log_args(0, PAGE);
	struct vmwalk_translation translation;
	struct vmwalk_extent extent;
	struct vmwalk_locate location;
	struct vmwalk_walk walk;
	struct vmwalk_vma vma;
	char byte = 0;

	scan.vec = (uintptr_t)&extent;
	scan.vec_len = 1;
	translation.addr = (uintptr_t)&byte;
	vw_expect(vw_sys(read(fd, &byte, 1)), -ENODEV);
	vw_expect(vw_sys(write(fd, &byte, 1)), -ENODEV);
	vw_expect(vw_sys(pread(fd, &byte, 1, 0)), -ENODEV);
	vw_expect(vw_sys(pwrite(fd, &byte, 1, 0)), -ENODEV);
	vw_expect(vw_sys(lseek(fd, 0, SEEK_SET)), -ENODEV);
	vw_expect(vw_ioctl(fd, VMWALK_IOC_INFO, &info), -ENODEV);
	vw_expect(vw_ioctl(fd, VMWALK_IOC_GET_PFN, (void *)((uintptr_t)&byte / PAGE)), -ENODEV);
	vw_expect(vw_walk(fd, (uintptr_t)&byte, &walk), -ENODEV);
	vw_expect(vw_walk_kernel(fd, ~0ULL, &walk), -ENODEV);
	vw_expect(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), -ENODEV);
	vw_expect(vw_translate(fd, &translation, 1), -ENODEV);
	vw_expect(vw_vma(fd, (uintptr_t)&byte, &vma), -ENODEV);
	vw_expect(vw_ioctl(fd, VMWALK_IOC_LOG, &log), -ENODEV);
	vw_expect(vw_locate(fd, 0, &location), -ENODEV);
	for (__u32 direction = VMWALK_COPY_FROM_TARGET; direction <= VMWALK_COPY_FROM_BUFFER;
	     direction++)
		vw_expect(vw_copy(fd, direction, 0, (uintptr_t)&byte, 1), -ENODEV);
	vw_expect(vw_poke_by_driver(fd, &byte, 1), -ENODEV);
	assert_int_equal(byte, 0);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(errno, ENODEV);
}

VW_TEST(rmdir_withdraws_an_open_device)
{
	int n, fd, rc;

	n = vw_make("t", NULL);
	fd = vw_open_rw(n);
	vw_ok(vw_rmdir("t"));
	assert_false(node_exists(n));
	assert_false(sysfs_exists(n));
	expect_gone(fd);
	rc = vw_open(n, O_RDWR);
	assert_int_equal(rc, -ENOENT);
	vw_ok(vw_sys(close(fd)));
}

VW_TEST(live_0_withdraws_an_open_device)
{
	int n, fd;

	n = vw_make("t", NULL);
	fd = vw_open_rw(n);
	vw_ok(vw_set("t", "live", "0"));
	expect_pending("t");
	expect_gone(fd);
	/* A file of the old device fails even if live is 1 again. */
	vw_ok(vw_set("t", "live", "1"));
	expect_gone(fd);
}

VW_TEST(opening_a_stale_device_node_fails)
{
	struct stat st;
	char path[64];
	int n, fd;

	n = vw_make("t", NULL);
	snprintf(path, sizeof(path), "/dev/vmwalk%d", n);
	assert_int_equal(stat(path, &st), 0);
	unlink("/dev/shm/vmwalk_node");
	assert_int_equal(mknod("/dev/shm/vmwalk_node", S_IFCHR | 0600, st.st_rdev), 0);
	fd = open("/dev/shm/vmwalk_node", O_RDWR | O_CLOEXEC);
	if (fd < 0 && (errno == EACCES || errno == EPERM)) {
		unlink("/dev/shm/vmwalk_node");
		vw_skip("/dev/shm does not allow device nodes");
	}
	assert_true(fd >= 0);
	close(fd);
	vw_ok(vw_rmdir("t"));
	fd = vw_sys(open("/dev/shm/vmwalk_node", O_RDWR | O_CLOEXEC));
	unlink("/dev/shm/vmwalk_node");
	if (fd != -ENODEV && fd != -ENXIO)
		vw_fail("open() returned %d", fd);
}

VW_TEST(mappings_keep_their_data_after_rmdir)
{
	char *shared, *private;
	int n, fd;

	n = vw_make("t", "size", vw_pages_text(16), "fill", "digits", "fault_around",
		    vw_pages_text(1), NULL);
	fd = vw_open_rw(n);
	shared = vw_map(fd, 16 * PAGE, 0, RW, MAP_SHARED);
	private = vw_map(fd, 16 * PAGE, 0, RW, MAP_PRIVATE);
	memcpy(shared + 3 * PAGE, "shared", 7);
	memcpy(private + 4 * PAGE, "private", 8);
	vw_ok(vw_rmdir("t"));
	close(fd);
	assert_string_equal(shared + 3 * PAGE, "shared");
	assert_string_equal(private + 4 * PAGE, "private");
	assert_string_equal(private + 3 * PAGE, "shared");
	/* Pages that are not present yet can still be faulted in. */
	assert_true(vw_holds_fill(shared + 8 * PAGE, "digits", 8 * PAGE, 8 * PAGE));
	assert_true(vw_holds_fill(private + 8 * PAGE, "digits", 8 * PAGE, 8 * PAGE));
	shared[9 * PAGE] = '!';
	assert_int_equal(private[9 * PAGE], '!');
	munmap(shared, 16 * PAGE);
	munmap(private, 16 * PAGE);
}

VW_TEST(a_number_is_reused_while_its_old_device_is_still_open)
{
	struct vmwalk_info info = { .size = sizeof(info) };
	char *old, *new;
	int n, fd, fresh;

	n = vw_make("a", "size", vw_pages_text(1), "fill", "digits", NULL);
	fd = vw_open_rw(n);
	old = vw_map(fd, PAGE, 0, RW, MAP_SHARED);
	vw_ok(vw_rmdir("a"));
	assert_int_equal(vw_make("b", "size", "8K", "fill", "letters", NULL), n);
	fresh = vw_open_rw(n);
	new = vw_map(fresh, PAGE, 0, RW, MAP_SHARED);
	expect_gone(fd);
	vw_ok(vw_ioctl(fresh, VMWALK_IOC_INFO, &info));
	assert_int_equal(info.buffer_size, 8192);
	assert_int_equal(old[0], '0');
	assert_int_equal(new[0], 'a');
	new[0] = 'x';
	assert_int_equal(old[0], '0');
	vw_expect_stat(n, "mappings", 1);
	vw_expect_stat(n, "opens", 1);
}

static int scan_until_gone(void *arg)
{
	int fd = *(int *)arg, rc;
	struct vmwalk_scan scan = vw_scan_args(0, vw_user_end());
	struct vmwalk_extent *vec = malloc(4096 * sizeof(*vec));
	bool heard = false;

	vw_check(vec);
	for (;;) {
		scan.start = 0;
		scan.vec = (uintptr_t)vec;
		scan.vec_len = 4096;
		rc = vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
		if (!heard)
			vw_say(0);
		heard = true;
		if (rc < 0)
			break;
	}
	vw_check_rc(rc, -ENODEV);
	return 0;
}

VW_TEST(removing_a_device_ends_its_scans)
{
	for (int i = 0; i < 20; i++) {
		struct vw_child child;
		int n, fd;

		n = vw_make("t", "size", vw_pages_text(1), NULL);
		fd = vw_open_rw(n);
		child = vw_fork(scan_until_gone, &fd);
		vw_hear(&child);
		vw_ok(i % 2 ? vw_rmdir("t") : vw_set("t", "live", "0"));
		vw_join_ok(&child);
		close(fd);
		if (i % 2 == 0)
			vw_ok(vw_rmdir("t"));
	}
}

static int fault_repeatedly(void *arg)
{
	char *map = *(char **)arg;
	unsigned int seen = 0;

	vw_say(0);
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < 256; i++)
			seen += vw_peek(map + i * PAGE);
		vw_check(!madvise(map, MIB, MADV_DONTNEED));
	}
	for (size_t i = 0; i < 256; i++)
		seen -= 50 * vw_fill_byte("letters", i * PAGE);
	vw_check(seen == 0);
	return 0;
}

VW_TEST(rmdir_does_not_disturb_page_faults)
{
	struct vw_child child;
	int n, fd;
	void *map;

	n = vw_make("t", "size", "1M", "fill", "letters", "fault_around", vw_pages_text(1), NULL);
	fd = vw_open_rw(n);
	map = vw_map(fd, MIB, 0, PROT_READ, MAP_SHARED);
	child = vw_fork(fault_repeatedly, &map);
	vw_hear(&child);
	vw_ok(vw_rmdir("t"));
	vw_join_ok(&child);
}

VW_TEST(open_sysfs_files_do_not_delay_rmdir)
{
	char path[128], text[64];
	int n, fd;

	n = vw_make("t", NULL);
	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/stats/mapped_pages", n);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	vw_ok(vw_rmdir("t"));
	vw_expect(vw_sys(pread(fd, text, sizeof(text), 0)), -ENODEV);
	close(fd);
}

VW_TEST(the_module_cannot_be_unloaded_while_in_use)
{
	long long rc;
	int n, fd;
	void *map;

	n = vw_make("t", NULL);
	fd = vw_open_rw(n);
	map = vw_map(fd, PAGE, 0, PROT_READ, MAP_SHARED);
	for (int step = 0; step < 3; step++) {
		/* delete_module(2) uses EAGAIN for a module in use. */
		rc = vw_sys(syscall(SYS_delete_module, "vmwalk", O_NONBLOCK));
		if (rc != -EBUSY && rc != -EAGAIN)
			vw_fail("delete_module() at step %d returned %lld", step, rc);
		if (step == 0)
			vw_ok(vw_rmdir("t"));
		if (step == 1)
			close(fd);
	}
	munmap(map, PAGE);
	vw_ok(vw_mkdir("t"));
	rc = vw_sys(syscall(SYS_delete_module, "vmwalk", O_NONBLOCK));
	if (rc != -EBUSY && rc != -EAGAIN)
		vw_fail("delete_module() with a pending instance returned %lld", rc);
}

/* --- sysfs ---------------------------------------------------------------- */

VW_TEST(sysfs_shows_the_values_from_configfs)
{
	static const char * const shown[][2] = {
		{ "name", "t" }, { "buffer_type", "kmalloc" }, { "size", "16384" },
		{ "target_pid", "1" }, { "map_mode", "remap" }, { "cache_mode", "wb" },
		{ "numa_node", "0" }, { "segments", "1" },
	};
	char text[64];
	int n;

	n = vw_make("t", "buffer_type", "kmalloc", "map_mode", "remap", "size", vw_pages_text(4),
		    "numa_node", "0", "target_pid", "1", NULL);
	for (size_t i = 0; i < COUNT(shown); i++) {
		if (vw_sysfs(n, shown[i][0], text, sizeof(text)) < 0)
			vw_fail("%s is missing in sysfs", shown[i][0]);
		if (strcmp(text, shown[i][1]))
			vw_fail("%s reads %s, not %s", shown[i][0], text, shown[i][1]);
	}
}

VW_TEST(stats_start_at_zero)
{
	static const char * const files[] = {
		"faults", "read_faults", "write_faults", "mkwrite_faults", "huge_faults",
		"failed_faults", "mapped_pages", "mappings", "opens", "dirty_pages", "walks",
		"walked_pages", "walk_ns", "extents",
	};
	int n;

	n = vw_make("t", NULL);
	for (size_t i = 0; i < COUNT(files); i++)
		vw_expect_stat(n, files[i], 0);
}

/* Counting holds i_mmap_rwsem, which delays tasks that map the device. */
VW_TEST(only_root_can_read_mappings_and_mapped_pages)
{
	static const struct {
		const char *file;
		mode_t mode;
	} files[] = {
		{ "mappings", 0400 }, { "mapped_pages", 0400 }, { "dirty_pages", 0444 },
		{ "opens", 0444 }, { "faults", 0444 }, { "walks", 0444 },
	};
	char path[128];
	struct stat st;
	int n;

	n = vw_make("t", NULL);
	for (size_t i = 0; i < COUNT(files); i++) {
		snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/stats/%s", n, files[i].file);
		vw_ok(vw_sys(stat(path, &st)));
		vw_expect(st.st_mode & 07777, files[i].mode);
	}
}

VW_TEST(reset_clears_event_counters_only)
{
	char path[128];
	char *map;
	int n, fd;

	n = vw_make("t", "fault_around", vw_pages_text(1), NULL);
	fd = vw_open_rw(n);
	map = vw_map(fd, 2 * PAGE, 0, RW, MAP_SHARED);
	map[0] = 1;
	map[PAGE] = 1;
	vw_ok(vw_ioctl(fd, VMWALK_IOC_GET_PFN, (void *)((uintptr_t)map / PAGE)) < 0);
	vw_expect_stat(n, "faults", 2);
	assert_true(vw_stat(n, "walks") > 0);
	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/stats/reset", n);
	vw_expect(vw_file_write(path, "0"), -EINVAL);
	vw_expect(vw_file_write(path, "x"), -EINVAL);
	vw_expect_stat(n, "faults", 2);
	vw_ok(vw_file_write(path, "1\n"));
	vw_expect_stat(n, "faults", 0);
	vw_expect_stat(n, "write_faults", 0);
	vw_expect_stat(n, "walks", 0);
	vw_expect_stat(n, "walked_pages", 0);
	vw_expect_stat(n, "walk_ns", 0);
	vw_expect_stat(n, "mapped_pages", 2);
	vw_expect_stat(n, "mappings", 1);
	vw_expect_stat(n, "opens", 1);
	madvise(map, PAGE, MADV_DONTNEED);
	map[0] = 1;
	vw_expect_stat(n, "faults", 1);
}

VW_TEST(sysfs_attributes_are_read_only)
{
	static const char * const files[] = {
		"name", "buffer_type", "size", "target_pid", "map_mode", "cache_mode", "numa_node",
		"phys_addr", "phys_addr_max", "segments", "stats/faults", "stats/mapped_pages",
		"stats/walks",
	};
	char path[128];
	int n, rc;

	n = vw_make("t", NULL);
	for (size_t i = 0; i < COUNT(files); i++) {
		snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/%s", n, files[i]);
		rc = vw_file_write(path, "1");
		if (rc != -EACCES && rc != -EIO)
			vw_fail("write to %s returned %d", files[i], rc);
	}
	snprintf(path, sizeof(path), "stats/reset");
	assert_true(vw_sysfs(n, path, path, sizeof(path)) < 0);
}

VW_TEST(only_root_can_open_the_device_node)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/dev/vmwalk%d", vw_make("t", NULL));
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_gid, 0);
}

/* --- Concurrency ---------------------------------------------------------- */

struct stress {
	bool stop;
	int bad;
};

static bool one_of(int rc, const int *allowed, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (rc == -allowed[i])
			return true;
	}
	return false;
}

/* Expects only errors that the removal of the instance can cause. */
static void *write_live(void *arg)
{
	static const int allowed[] = { 0, ENOENT, ENOMEM, ENODEV };
	struct stress *stress = arg;

	for (int i = 0; !__atomic_load_n(&stress->stop, __ATOMIC_RELAXED); i++) {
		int rc = vw_set("t", "live", i % 2 ? "0" : "1");

		if (!one_of(rc, allowed, COUNT(allowed)))
			stress->bad = rc;
	}
	return NULL;
}

static void *write_attributes(void *arg)
{
	static const int allowed[] = { 0, ENOENT, EBUSY, ENODEV };
	static const char * const writes[][2] = {
		{ "size", "4K" }, { "fill", "digits" }, { "buffer_type", "kmalloc" },
		{ "map_mode", "remap" }, { "target_pid", "1" }, { "fault_around", "4K" },
		{ "numa_node", "0" }, { "size", "64K" }, { "map_mode", "fault" },
		{ "buffer_type", "vmalloc" }, { "target_pid", "0" },
	};
	struct stress *stress = arg;
	char text[512];

	for (int i = 0; !__atomic_load_n(&stress->stop, __ATOMIC_RELAXED); i++) {
		const char * const *w = writes[i % COUNT(writes)];
		int rc = vw_set("t", w[0], w[1]);

		if (!one_of(rc, allowed, COUNT(allowed)))
			stress->bad = rc;
		vw_get("t", "last_error", text, sizeof(text));
		vw_get("t", w[0], text, sizeof(text));
	}
	return NULL;
}

static void *use_devices(void *arg)
{
	struct stress *stress = arg;

	while (!__atomic_load_n(&stress->stop, __ATOMIC_RELAXED)) {
		struct vmwalk_info info = { .size = sizeof(info) };
		char text[64], *map;
		int fd, rc;

		vw_sysfs(0, "stats/mapped_pages", text, sizeof(text));
		fd = vw_open(0, O_RDWR);
		if (fd < 0)
			continue;
		rc = vw_ioctl(fd, VMWALK_IOC_INFO, &info);
		if (rc && rc != -ENODEV)
			stress->bad = rc;
		map = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
		if (map != MAP_FAILED) {
			vw_poke(map, 1);
			munmap(map, PAGE);
		}
		close(fd);
	}
	return NULL;
}

VW_TEST(configuration_removal_and_use_can_run_concurrently)
{
	void *(*const bodies[])(void *) = { write_live, write_live, write_attributes, use_devices };
	struct stress stress = { .stop = false };
	pthread_t threads[COUNT(bodies)];
	__u64 end = vw_now() + 5 * SECOND;
	int rounds = 0, rc;

	for (size_t i = 0; i < COUNT(bodies); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, bodies[i], &stress), 0);
	while (vw_now() < end || (rounds <= 10 && vw_now() < end + 60 * SECOND)) {
		vw_mkdir("t");
		sched_yield();
		rc = vw_rmdir("t");
		if (rc)
			break;
		rounds++;
	}
	__atomic_store_n(&stress.stop, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < COUNT(bodies); i++)
		pthread_join(threads[i], NULL);
	vw_ok(rc);
	vw_ok(stress.bad);
	assert_true(rounds > 10);
}
