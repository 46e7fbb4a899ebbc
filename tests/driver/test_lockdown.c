// SPDX-License-Identifier: GPL-2.0
/*
 * What vmwalk allows under lockdown, and that Yama does not apply. Neither
 * setting can be undone, so this program needs a boot of its own: see
 * tests/vm/check. Unless the kernel command line has set lockdown, the tests
 * raise it one level after the other, so their order matters.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "rights.h"

#define LOCKDOWN	"/sys/kernel/security/lockdown"
#define PTRACE_SCOPE	"/proc/sys/kernel/yama/ptrace_scope"

static int n;
static char *common;

/* First letter of the level in brackets: none, integrity, confidentiality. */
static char lockdown_level(void)
{
	char text[128], *level;

	if (vw_file_read(LOCKDOWN, text, sizeof(text)) < 0)
		vw_skip("this kernel has no lockdown");
	level = strchr(text, '[');
	assert_non_null(level);
	return level[1];
}

static void lock_down(void)
{
	if (lockdown_level() != 'c')
		vw_ok(vw_file_write(LOCKDOWN, "confidentiality"));
	vw_expect(lockdown_level(), 'c');
}

/* A contiguous buffer that any user may open; COPY may write to its target. */
static void make_device(void)
{
	char path[64];

	n = vw_make("t", "buffer_type", "kmalloc", "map_mode", "remap", "size", vw_pages_text(16),
		    "fill",
		    "letters", NULL);
	snprintf(path, sizeof(path), "/dev/vmwalk%d", n);
	assert_int_equal(chmod(path, 0666), 0);
	vw_allow_target_write(true);
	common = vw_anon(2 * PAGE);
	madvise(common, 2 * PAGE, MADV_NOHUGEPAGE);
}

static int run_target(void *arg)
{
	vw_check(!prctl(PR_SET_DUMPABLE, !arg));
	vw_poke(common, 1);
	vw_sync(0);
	return 0;
}

static struct vw_child make_target(bool dumpable)
{
	struct vw_child target = vw_fork(run_target, dumpable ? NULL : common);

	vw_hear(&target);
	vw_set_target(target.pid);
	return target;
}

static void end_target(struct vw_child *target)
{
	vw_tell(target, 0);
	vw_join_ok(target);
}

/* An access by a child, and its expected result. */
struct access {
	int fd;			/* -1: the child opens the device */
	__u64 caps;		/* the child's when it opens the device */
	bool own;		/* access own memory, else the target's */
	enum sight sees;
};

static int check_access(void *arg)
{
	const struct access *wanted = arg;
	int fd = wanted->fd;

	if (fd < 0)
		fd = open_as(n, wanted->caps == ALL_CAPS ? 0 : VW_NOBODY, wanted->caps);
	check_sight(fd, wanted->sees, wanted->own ? own_page() : common);
	return 0;
}

/* Through an open file. */
static void expect_through(int fd, bool own, enum sight sees)
{
	struct access arg = { .fd = fd, .own = own, .sees = sees };

	vw_in_child(check_access, &arg);
}

/* Through a file that the child opens with these capabilities. */
static void expect_with(__u64 caps, bool own, enum sight sees)
{
	struct access arg = { .fd = -1, .caps = caps, .own = own, .sees = sees };

	vw_in_child(check_access, &arg);
}

static int open_sysfs(const char *name)
{
	char path[128];
	int file;

	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/%s", n, name);
	file = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(file >= 0);
	return file;
}

static int open_phys_addr(void)
{
	return open_sysfs("phys_addr");
}

static __u64 read_phys_addr(int file)
{
	char text[64] = "";

	assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
	return strtoull(text, NULL, 0);
}

/* --- Below confidentiality ------------------------------------------------ */

VW_TEST(yama_does_not_apply)
{
	struct iovec here = { vw_anon(PAGE), 8 }, there;
	struct vw_child target;
	int fd;

	if (lockdown_level() == 'c')
		vw_skip("locked down from the start");
	if (!vw_exists(PTRACE_SCOPE))
		vw_skip("this kernel has no Yama");
	make_device();
	target = make_target(true);
	there = (struct iovec){ common, 8 };
	vw_expect(vw_sys(process_vm_readv(target.pid, &here, 1, &there, 1, 0)), 8);
	vw_ok(vw_file_write(PTRACE_SCOPE, "3"));
	vw_expect(vw_sys(process_vm_readv(target.pid, &here, 1, &there, 1, 0)), -EPERM);
	expect_with(ALL_CAPS, false, SHOWN);
	/* To prevent writes to targets, use the module parameter instead. */
	fd = vw_open_rw(n);
	vw_allow_target_write(false);
	vw_expect(vw_copy(fd, VMWALK_COPY_TO_TARGET, 0, (uintptr_t)common, 8), -EPERM);
	end_target(&target);
}

VW_TEST(integrity_restricts_nothing)
{
	struct vw_child target;

	if (lockdown_level() == 'c')
		vw_skip("locked down from the start");
	if (lockdown_level() == 'n')
		vw_ok(vw_file_write(LOCKDOWN, "integrity"));
	vw_expect(lockdown_level(), 'i');
	make_device();
	expect_with(ALL_CAPS, true, SHOWN);
	target = make_target(true);
	expect_with(ALL_CAPS, false, SHOWN);
	end_target(&target);
	assert_true(read_phys_addr(open_phys_addr()));
}

/* --- Confidentiality ------------------------------------------------------ */

VW_TEST(files_opened_before_lockdown_lose_their_rights)
{
	bool before = lockdown_level() != 'c';
	struct vw_child target;
	int fd, file;

	make_device();
	fd = vw_open_rw(n);
	file = open_phys_addr();
	if (before) {
		expect_through(fd, true, SHOWN);
		assert_true(read_phys_addr(file));
	}
	target = make_target(true);
	if (before)
		expect_through(fd, false, SHOWN);
	lock_down();
	expect_through(fd, false, DENIED);
	end_target(&target);
	vw_set_target(0);
	expect_through(fd, true, HIDDEN);
	vw_expect(read_phys_addr(file), 0);
	close(file);
}

static const __u64 capabilities[] = {
	ALL_CAPS, CAP(CAP_SYS_ADMIN) | CAP(CAP_SYS_PTRACE), CAP(CAP_SYS_ADMIN),
	CAP(CAP_SYS_PTRACE), 0,
};

VW_TEST(no_capability_overrides_lockdown)
{
	struct vw_child target;

	lock_down();
	make_device();
	for (size_t i = 0; i < COUNT(capabilities); i++) {
		print_message("# capabilities 0x%llx\n", capabilities[i]);
		vw_set_target(0);
		expect_with(capabilities[i], true, HIDDEN);
		for (int dumpable = 0; dumpable < 2; dumpable++) {
			target = make_target(dumpable);
			expect_with(capabilities[i], false, DENIED);
			end_target(&target);
			/* The error does not reveal the target's exit. */
			expect_with(capabilities[i], false, DENIED);
		}
	}
}

VW_TEST(phys_addr_and_phys_addr_max_read_0)
{
	int file;

	lock_down();
	make_device();
	file = open_phys_addr();
	vw_expect(read_phys_addr(file), 0);
	close(file);
	file = open_sysfs("phys_addr_max");
	vw_expect(read_phys_addr(file), 0);
	close(file);
}

/* The kernel denies access to its memory at the same level. */
VW_TEST(proc_kcore_is_denied_too)
{
	lock_down();
	if (!vw_exists("/proc/kcore"))
		vw_skip("this kernel has no /proc/kcore");
	vw_expect(vw_sys(open("/proc/kcore", O_RDONLY | O_CLOEXEC)), -EPERM);
}

/* --- Notices in the kernel log -------------------------------------------- */

static int fd, kmsg;

static int call_get_pfn(void)
{
	return vw_sys(ioctl(fd, VMWALK_IOC_GET_PFN, (uintptr_t)common / PAGE));
}

static int call_walk(void)
{
	struct vmwalk_walk walk;

	return vw_walk(fd, (uintptr_t)common, &walk);
}

static int call_scan(void)
{
	struct vmwalk_scan scan = vw_scan_args((uintptr_t)common, (uintptr_t)common + PAGE);
	struct vmwalk_extent extent;

	scan.vec = (uintptr_t)&extent;
	scan.vec_len = 1;
	return vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
}

static int call_translate(void)
{
	struct vmwalk_translation translation = { .addr = (uintptr_t)common };

	return vw_translate(fd, &translation, 1);
}

static int call_log(void)
{
	struct vmwalk_log log = vw_log_args((uintptr_t)common, (uintptr_t)common + PAGE);

	return vw_ioctl(fd, VMWALK_IOC_LOG, &log);
}

static int call_walk_kernel(void)
{
	struct vmwalk_walk walk;

	return vw_walk_kernel(fd, ~0ULL, &walk);
}

static int call_locate(void)
{
	struct vmwalk_locate location;

	return vw_locate(fd, 0, &location);
}

static int call_vma(void)
{
	struct vmwalk_vma vma;

	return vw_vma(fd, (uintptr_t)common, &vma);
}

static int call_copy_from_target(void)
{
	return vw_copy(fd, VMWALK_COPY_FROM_TARGET, 0, (uintptr_t)common, 16 * PAGE);
}

static int call_copy_to_target(void)
{
	return vw_copy(fd, VMWALK_COPY_TO_TARGET, 0, (uintptr_t)common, 16 * PAGE);
}

static int call_copy_from_buffer(void)
{
	return vw_copy(fd, VMWALK_COPY_FROM_BUFFER, 0, 0, 8);
}

static int read_phys_addr_once(void)
{
	int file = open_phys_addr();
	int rc = read_phys_addr(file);

	close(file);
	return rc;
}

/* Number of lockdown notices in the kernel log since the last call. */
static int count_notices(void)
{
	char record[8192];
	int notices = 0;
	ssize_t len;

	for (;;) {
		len = vw_sys(read(kmsg, record, sizeof(record) - 1));
		if (len == -EPIPE)
			continue;
		if (len < 0)
			return notices;
		record[len] = '\0';
		notices += !!strstr(record, "Lockdown: ");
	}
}

struct call {
	const char *name;
	int (*call)(void);
	int rc;
};

/* The rate limit is ten notices in five seconds. */
static void wait_for_rate_limit(void)
{
	usleep(5200000);
}

static void expect_notices(const struct call *calls, size_t count, int notices)
{
	int rc;

	count_notices();
	for (size_t i = 0; i < count; i++) {
		rc = calls[i].call();
		if (rc != calls[i].rc)
			vw_fail("%s: got %d, wanted %d", calls[i].name, rc, calls[i].rc);
		rc = count_notices();
		if (rc != notices)
			vw_fail("%s: the kernel logged %d notices", calls[i].name, rc);
	}
}

static const struct call of_itself[] = {
	{ "GET_PFN", call_get_pfn, -EPERM },
	{ "WALK", call_walk, 0 },
	{ "SCAN", call_scan, 1 },
	{ "TRANSLATE", call_translate, 0 },
	{ "LOG", call_log, -EPERM },
	{ "WALK of the kernel", call_walk_kernel, -EPERM },
	{ "LOCATE", call_locate, -EPERM },
	{ "COPY between buffers", call_copy_from_buffer, -EPERM },
};

static const struct call of_another[] = {
	{ "GET_PFN", call_get_pfn, -EPERM },
	{ "WALK", call_walk, -EPERM },
	{ "SCAN", call_scan, -EPERM },
	{ "TRANSLATE", call_translate, -EPERM },
	{ "LOG", call_log, -EPERM },
	{ "VMA", call_vma, -EPERM },
	{ "COPY from the target", call_copy_from_target, -EPERM },
	{ "COPY to the target", call_copy_to_target, -EPERM },
	{ "phys_addr", read_phys_addr_once, 0 },
};

static int open_and_send(void *arg)
{
	(void)arg;
	vw_become(VW_NOBODY, 0);
	vw_check_rc(vw_send_fd(vw_child_socket(), vw_open(n, O_RDWR)), 0);
	return 0;
}

VW_TEST(each_call_that_lockdown_denies_logs_one_notice)
{
	struct vw_child target, opener;

	lock_down();
	make_device();
	vw_poke(common, 1);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(kmsg >= 0);
	lseek(kmsg, 0, SEEK_END);
	fd = vw_open_rw(n);
	wait_for_rate_limit();
	expect_notices(of_itself, COUNT(of_itself), 1);
	target = make_target(true);
	wait_for_rate_limit();
	expect_notices(of_another, COUNT(of_another), 1);
	vw_set_target(0);

	/* A file opened without the capabilities causes no notice. */
	opener = vw_fork(open_and_send, NULL);
	fd = vw_receive_fd(opener.fd);
	assert_true(fd >= 0);
	vw_join_ok(&opener);
	/* One wait for both: calls that log nothing do not count. */
	wait_for_rate_limit();
	expect_notices(of_itself, COUNT(of_itself), 0);
	vw_set_target(target.pid);
	expect_notices(of_another, COUNT(of_another) - 1, 0);
	end_target(&target);
	close(kmsg);
}
