// SPDX-License-Identifier: GPL-2.0
/*
 * Access rights: what a file shows depends on the credentials of its opener
 * alone.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/mempolicy.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "rights.h"

static int n;

/* A device that any user may open; COPY may write to its target. */
static void make_device(void)
{
	char path[64];

	n = vw_make("t", "size", vw_pages_text(16), "fill", "letters", NULL);
	snprintf(path, sizeof(path), "/dev/vmwalk%d", n);
	assert_int_equal(chmod(path, 0666), 0);
	vw_allow_target_write(true);
}

/* --- Openers -------------------------------------------------------------- */

static int check_itself(void *arg)
{
	const struct opener *opener = arg;
	char *page = own_page();

	check_sight(open_as(n, opener->uid, opener->caps), opener->sees, page);
	return 0;
}

static void expect_of_itself(uid_t uid, __u64 caps, enum sight sees)
{
	struct opener opener = { uid, caps, sees };

	make_device();
	vw_in_child(check_itself, &opener);
}

VW_TEST(nobody_may_use_the_buffer_and_walk_itself_without_pfns)
{
	expect_of_itself(VW_NOBODY, 0, HIDDEN);
}

static int check_nobody_cannot_open(void *arg)
{
	(void)arg;
	vw_become(VW_NOBODY, 0);
	vw_check_rc(vw_open(n, O_RDWR), -EACCES);
	vw_check_rc(vw_open(n, O_RDONLY), -EACCES);
	vw_check(vw_mkdir("by_nobody") < 0);
	vw_check(vw_rmdir("t") < 0);
	vw_check_rc(vw_set("t", "target_pid", "0"), -EACCES);
	vw_check_rc(vw_set("t", "live", "0"), -EACCES);
	return 0;
}

VW_TEST(nobody_may_not_open_a_new_device_or_create_instances)
{
	n = vw_make("t", NULL);
	vw_in_child(check_nobody_cannot_open, NULL);
}

VW_TEST(root_sees_pfns_of_itself)
{
	expect_of_itself(0, ALL_CAPS, SHOWN);
}

VW_TEST(root_without_cap_sys_admin_sees_no_pfns)
{
	expect_of_itself(0, ALL_CAPS & ~CAP(CAP_SYS_ADMIN), HIDDEN);
}

VW_TEST(cap_sys_admin_is_sufficient_to_see_pfns)
{
	expect_of_itself(VW_NOBODY, CAP(CAP_SYS_ADMIN), SHOWN);
}

static int check_in_own_namespace(void *arg)
{
	char *page = own_page();
	int fd;

	(void)arg;
	vw_become(VW_NOBODY, 0);
	if (unshare(CLONE_NEWUSER))
		return VW_CHILD_SKIPPED;
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	check_frames_are_hidden(fd, page);
	return 0;
}

VW_TEST(capabilities_of_a_user_namespace_do_not_count)
{
	make_device();
	vw_in_child(check_in_own_namespace, NULL);
}

/* --- Other processes ------------------------------------------------------ */

/* Two pages at the same address in children and targets. */
static char *common;

static void make_common(void)
{
	common = vw_anon(2 * PAGE);
	madvise(common, 2 * PAGE, MADV_NOHUGEPAGE);
}

static int run_target(void *arg)
{
	(void)arg;
	vw_poke(common, 1);
	vw_sync(0);
	return 0;
}

static struct vw_child start_target(int (*body)(void *))
{
	struct vw_child target = vw_fork(body, NULL);

	vw_hear(&target);
	vw_set_target(target.pid);
	return target;
}

static int check_target(void *arg)
{
	const struct opener *opener = arg;
	int fd = open_as(n, opener->uid, opener->caps);

	check_sight(fd, opener->sees, common);
	/* Kernel addresses need CAP_SYS_ADMIN, whatever the target is. */
	check_kernel_walks(fd, opener->caps & CAP(CAP_SYS_ADMIN) ? 0 : EPERM);
	check_locations(fd, opener->caps & CAP(CAP_SYS_ADMIN));
	return 0;
}

VW_TEST(access_to_another_process_requires_cap_sys_ptrace)
{
	static struct opener openers[] = {
		{ VW_NOBODY, 0, DENIED },
		{ VW_NOBODY, CAP(CAP_SYS_ADMIN), DENIED },
		{ VW_NOBODY, CAP(CAP_SYS_PTRACE), HIDDEN },
		{ VW_NOBODY, CAP(CAP_SYS_PTRACE) | CAP(CAP_SYS_ADMIN), SHOWN },
		{ 0, 0, DENIED },
		{ 0, CAP(CAP_SYS_PTRACE), HIDDEN },
		{ 0, CAP(CAP_SYS_PTRACE) | CAP(CAP_SYS_ADMIN), SHOWN },
	};
	struct vw_child target;

	make_device();
	make_common();
	target = start_target(run_target);
	for (size_t i = 0; i < COUNT(openers); i++) {
		print_message("# uid %u with capabilities 0x%llx\n", openers[i].uid,
			      openers[i].caps);
		vw_in_child(check_target, &openers[i]);
	}
	vw_tell(&target, 0);
	vw_join_ok(&target);
}

static int check_nobodys_target(void *arg)
{
	int fd;

	(void)arg;
	fd = open_as(n, VW_NOBODY, 0);
	/* The same user is not sufficient. */
	check_target_is_denied(fd, common);
	return 0;
}

static int run_nobodys_target(void *arg)
{
	vw_become(VW_NOBODY, 0);
	return run_target(arg);
}

VW_TEST(access_to_a_process_of_the_same_user_is_denied)
{
	make_device();
	common = vw_anon(2 * PAGE);
	start_target(run_nobodys_target);
	vw_in_child(check_nobodys_target, NULL);
}

static void *walk_in_a_thread(void *arg)
{
	int fd = *(int *)arg;

	check_frames_are_hidden(fd, common);
	return NULL;
}

/* @arg: is the process dumpable? */
static int check_own_memory(void *arg)
{
	pthread_t thread;
	int fd;

	vw_poke(common, 1);
	/* The parent makes this process the target. */
	vw_sync(0);
	vw_become(VW_NOBODY, 0);
	vw_check(!prctl(PR_SET_DUMPABLE, *(bool *)arg));
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	check_frames_are_hidden(fd, common);
	vw_check(!pthread_create(&thread, NULL, walk_in_a_thread, &fd));
	pthread_join(thread, NULL);
	return 0;
}

static void expect_own_memory(bool dumpable)
{
	struct vw_child child;

	make_device();
	make_common();
	child = vw_fork(check_own_memory, &dumpable);
	vw_hear(&child);
	vw_set_target(child.pid);
	vw_tell(&child, 0);
	vw_join_ok(&child);
}

VW_TEST(a_target_may_access_itself)
{
	expect_own_memory(true);
}

static int open_and_retarget(void *arg)
{
	int fd;

	(void)arg;
	fd = open_as(n, VW_NOBODY, 0);
	vw_poke(common, 1);
	check_frames_are_hidden(fd, common);
	vw_sync(0);
	/* The parent has changed the target: each call checks access to it. */
	check_target_is_denied(fd, common);
	vw_sync(0);
	check_frames_are_hidden(fd, common);
	return 0;
}

VW_TEST(access_is_checked_after_each_change_of_the_target)
{
	struct vw_child child, target;

	make_device();
	make_common();
	target = vw_fork(run_target, NULL);
	vw_hear(&target);
	child = vw_fork(open_and_retarget, NULL);
	vw_hear(&child);
	vw_set_target(target.pid);
	vw_tell(&child, 0);
	vw_hear(&child);
	vw_set_target(0);
	vw_tell(&child, 0);
	vw_join_ok(&child);
}

/* --- Memory that is not dumpable, or shared ------------------------------- */

static int run_undumpable_target(void *arg)
{
	vw_check(!prctl(PR_SET_DUMPABLE, 0));
	return run_target(arg);
}

VW_TEST(access_to_an_undumpable_process_requires_cap_sys_ptrace)
{
	static struct opener openers[] = {
		{ VW_NOBODY, 0, DENIED },
		{ VW_NOBODY, CAP(CAP_SYS_ADMIN), DENIED },
		{ VW_NOBODY, CAP(CAP_SYS_PTRACE), HIDDEN },
		{ VW_NOBODY, CAP(CAP_SYS_PTRACE) | CAP(CAP_SYS_ADMIN), SHOWN },
	};
	struct vw_child target;

	make_device();
	make_common();
	target = start_target(run_undumpable_target);
	for (size_t i = 0; i < COUNT(openers); i++)
		vw_in_child(check_target, &openers[i]);
	vw_tell(&target, 0);
	vw_join_ok(&target);
}

VW_TEST(an_undumpable_process_may_access_its_own_memory)
{
	expect_own_memory(false);
}

/* Start a process with CLONE_VM; @fn must not use libc's state. */
static pid_t share_memory(int (*fn)(void *arg), void *arg, int flags)
{
	static _Alignas(16) char stack[64 * KIB];
	pid_t pid = clone(fn, stack + sizeof(stack), CLONE_VM | SIGCHLD | flags, arg);

	vw_check(pid > 0);
	return pid;
}

static void wait_for_success(pid_t pid)
{
	int status;

	vw_check(waitpid(pid, &status, 0) == pid);
	vw_check(WIFEXITED(status) && !WEXITSTATUS(status));
}

static int check_shared_memory(void *arg)
{
	int fd = vw_open(n, O_RDWR);

	vw_check(fd >= 0);
	if (*(enum sight *)arg == HIDDEN)
		check_frames_are_hidden(fd, common);
	else
		check_target_is_denied(fd, common);
	return 0;
}

/* The target, whose memory other processes share and access. */
static int share_memory_with_callers(void *arg)
{
	const struct opener *opener = arg;
	enum sight sees;

	vw_poke(common, 1);
	vw_sync(0);
	vw_become(opener->uid, opener->caps);
	for (int i = 0; i < 3; i++) {
		bool dumpable = i != 1;

		vw_check(!prctl(PR_SET_DUMPABLE, dumpable));
		sees = dumpable ? HIDDEN : opener->sees;
		wait_for_success(share_memory(check_shared_memory, &sees, 0));
		/* CLONE_VFORK: this process sleeps meanwhile. */
		wait_for_success(share_memory(check_shared_memory, &sees, CLONE_VFORK));
	}
	return 0;
}

VW_TEST(shared_memory_counts_as_own_while_it_is_dumpable)
{
	static struct opener openers[] = {
		{ VW_NOBODY, 0, DENIED },
		{ VW_NOBODY, CAP(CAP_SYS_PTRACE), HIDDEN },
	};
	struct vw_child child;

	make_device();
	make_common();
	for (size_t i = 0; i < COUNT(openers); i++) {
		child = vw_fork(share_memory_with_callers, &openers[i]);
		vw_hear(&child);
		vw_set_target(child.pid);
		vw_tell(&child, 0);
		vw_join_ok(&child);
	}
}

#define SETUID_SLEEP	"/tmp/vmwalk-setuid-sleep"

static int wait_and_exec_setuid(void *arg)
{
	while (!vw_peek(arg))
		usleep(1000);
	execl(SETUID_SLEEP, "sleep", "1000", NULL);
	return 1;
}

static bool has_executed(pid_t pid)
{
	char path[64], comm[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	vw_file_read(path, comm, sizeof(comm));
	return !strncmp(comm, "vmwalk-setuid", 13);
}

/* Copy from a target until it calls execve(). Its new memory must be denied. */
static void check_copies_until_denied(int fd)
{
	char got[4 * PAGE];
	long long rc;

	for (;;) {
		rc = vw_copy(fd, VMWALK_COPY_FROM_TARGET, 0, (uintptr_t)common, sizeof(got));
		if (rc == -EPERM)
			return;
		vw_check(rc > 0);
		vw_check_rc(vw_sys(pread(fd, got, rc, 0)), rc);
		for (long long i = 0; i < rc; i++)
			vw_check(got[i] == 'c');
	}
}

static int share_memory_with_exec(void *arg)
{
	static char go;
	pid_t pid;
	int fd;

	(void)arg;
	vw_become(VW_NOBODY, 0);
	vw_check(!prctl(PR_SET_DUMPABLE, 1));
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	memset(common, 'c', 4 * PAGE);
	for (int round = 0; round < 20; round++) {
		vw_poke(&go, 0);
		pid = share_memory(wait_and_exec_setuid, &go, 0);
		vw_sync(pid);
		/* The parent has made it the target. It shares this memory. */
		vw_check_rc(vw_copy(fd, VMWALK_COPY_FROM_TARGET, 0, (uintptr_t)common, 4 * PAGE),
			    4 * PAGE);
		vw_poke(&go, 1);
		check_copies_until_denied(fd);
		check_target_is_denied(fd, common);
		vw_check(vw_eventually(has_executed(pid)));
		check_target_is_denied(fd, common);
		/* It runs as root now: only the parent can kill it. */
		vw_sync(pid);
		vw_check(waitpid(pid, NULL, 0) == pid);
		/* The error does not reveal that it has exited. */
		check_target_is_denied(fd, common);
	}
	return 0;
}

VW_TEST(access_is_denied_after_the_target_execs_a_setuid_program)
{
	struct vw_child child;
	pid_t pid;

	make_device();
	vw_ok(system("cp /bin/sleep " SETUID_SLEEP " && chmod 4755 " SETUID_SLEEP));
	common = vw_anon(4 * PAGE);
	madvise(common, 4 * PAGE, MADV_NOHUGEPAGE);
	child = vw_fork(share_memory_with_exec, NULL);
	for (int round = 0; round < 20; round++) {
		pid = vw_hear(&child);
		vw_set_target(pid);
		vw_tell(&child, 0);
		vw_expect(vw_hear(&child), pid);
		kill(pid, SIGKILL);
		vw_tell(&child, 0);
	}
	vw_join_ok(&child);
	unlink(SETUID_SLEEP);
}

/* --- User namespaces ------------------------------------------------------ */

static int sleep_in_the_namespace(void *arg)
{
	(void)arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl("/bin/sleep", "sleep", "1000", NULL);
	return 1;
}

static int check_target_in_own_namespace(void *arg)
{
	pid_t pid;
	int fd;

	(void)arg;
	vw_become(VW_NOBODY, 0);
	if (unshare(CLONE_NEWUSER))
		return VW_CHILD_SKIPPED;
	pid = fork();
	if (!pid)
		_exit(sleep_in_the_namespace(NULL));
	vw_sync(pid);
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	/* The opener has all capabilities in the target's namespace. */
	check_target_is_denied(fd, common);
	vw_sync(0);
	kill(pid, SIGKILL);
	vw_check(waitpid(pid, NULL, 0) == pid);
	check_target_is_denied(fd, common);
	return 0;
}

static int check_target_from_outside(void *arg)
{
	struct vmwalk_vma vma = { .size = sizeof(vma) };
	int fd = vw_open(n, O_RDWR);
	char bytes[64];

	(void)arg;
	vw_check(fd >= 0);
	vw_check_rc(vw_vma(fd, 0, &vma), 0);
	vw_check_rc(vw_copy(fd, VMWALK_COPY_FROM_TARGET, 0, vma.start, sizeof(bytes)),
		    sizeof(bytes));
	return 0;
}

VW_TEST(a_user_namespace_neither_grants_nor_restricts_access)
{
	struct vw_child child;
	char path[64], exe[64];
	pid_t pid;

	make_device();
	common = vw_anon(2 * PAGE);
	child = vw_fork(check_target_in_own_namespace, NULL);
	pid = vw_hear(&child);
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	assert_true(vw_eventually(vw_file_read(path, exe, sizeof(exe)) > 0 &&
				  !strcmp(exe, "sleep")));
	vw_set_target(pid);
	vw_tell(&child, 0);
	vw_hear(&child);
	vw_in_child(check_target_from_outside, NULL);
	vw_tell(&child, 0);
	vw_join_ok(&child);
}

/* --- Writing to other processes ------------------------------------------- */

#define expect_copy(direction, wanted) \
	vw_expect(vw_copy(fd, direction, 0, (uintptr_t)common, 8), wanted)

VW_TEST(writing_to_another_process_requires_allow_target_write)
{
	struct vw_child target;
	char text[32];
	int fd;

	assert_true(vw_file_read(VW_TARGET_WRITE, text, sizeof(text)) > 0);
	assert_string_equal(text, "N");
	n = vw_make("t", "size", vw_pages_text(16), "fill", "letters", NULL);
	fd = vw_open_rw(n);
	common = vw_anon(2 * PAGE);
	target = start_target(run_target);
	expect_copy(VMWALK_COPY_TO_TARGET, -EPERM);
	vw_expect(vw_copy(fd, VMWALK_COPY_TO_TARGET, 0, 0, 8), -EPERM);
	expect_copy(VMWALK_COPY_FROM_TARGET, 8);
	vw_expect(vw_sys(pread(fd, text, 2, 0)), 2);
	assert_true(text[0] == 1 && !text[1]);

	/* The parameter is checked at each call. */
	vw_expect(vw_sys(pwrite(fd, "written!", 8, 0)), 8);
	vw_allow_target_write(true);
	expect_copy(VMWALK_COPY_TO_TARGET, 8);
	vw_expect(vw_sys(pwrite(fd, "--------", 8, 0)), 8);
	expect_copy(VMWALK_COPY_FROM_TARGET, 8);
	vw_expect(vw_sys(pread(fd, text, 8, 0)), 8);
	assert_memory_equal(text, "written!", 8);
	vw_allow_target_write(false);
	expect_copy(VMWALK_COPY_TO_TARGET, -EPERM);

	vw_tell(&target, 0);
	vw_join_ok(&target);
	expect_copy(VMWALK_COPY_FROM_TARGET, -ESRCH);
	expect_copy(VMWALK_COPY_TO_TARGET, -EPERM);
	vw_allow_target_write(true);
	expect_copy(VMWALK_COPY_TO_TARGET, -ESRCH);
}

static int write_to_shared_memory(void *arg)
{
	vw_check_rc(vw_copy(*(int *)arg, VMWALK_COPY_TO_TARGET, 0, (uintptr_t)common, 8), 8);
	vw_check(!memcmp(common, "abcdefgh", 8));
	memset(common, 0, 8);
	return 0;
}

static void *write_in_a_thread(void *arg)
{
	write_to_shared_memory(arg);
	return NULL;
}

static int write_to_itself(void *arg)
{
	int fd = vw_open(n, O_RDWR);
	pthread_t thread;

	(void)arg;
	vw_check(fd >= 0);
	/* The caller is the target: by target_pid 0, then by its own PID. */
	for (int i = 0; i < 2; i++) {
		write_to_shared_memory(&fd);
		vw_check(!pthread_create(&thread, NULL, write_in_a_thread, &fd));
		pthread_join(thread, NULL);
		vw_sync(0);
	}
	wait_for_success(share_memory(write_to_shared_memory, &fd, 0));
	return 0;
}

VW_TEST(writing_to_own_memory_does_not_require_allow_target_write)
{
	struct vw_child child;

	n = vw_make("t", "size", vw_pages_text(16), "fill", "letters", NULL);
	common = vw_anon(2 * PAGE);
	child = vw_fork(write_to_itself, NULL);
	vw_hear(&child);
	vw_set_target(child.pid);
	vw_tell(&child, 0);
	vw_hear(&child);
	vw_tell(&child, 0);
	vw_join_ok(&child);
}

/* --- Other restrictions --------------------------------------------------- */

/* Run a child with another value of a sysctl. */
static void run_child_with(const char *path, const char *value, int (*fn)(void *arg), void *arg)
{
	struct vw_child child;
	char before[32];
	int status;

	if (vw_file_read(path, before, sizeof(before)) < 0)
		vw_skip("this kernel has no %s", path);
	vw_ok(vw_file_write(path, value));
	child = vw_fork(fn, arg);
	status = vw_join(&child);
	vw_ok(vw_file_write(path, before));
	vw_expect(status, 0);
}

static int check_kernel_addresses(void *arg)
{
	int fd = vw_open(n, O_RDWR);

	(void)arg;
	vw_check(fd >= 0);
	check_locations(fd, true);
	check_kernel_walks(fd, 0);
	return 0;
}

VW_TEST(kptr_restrict_does_not_apply)
{
	make_device();
	run_child_with("/proc/sys/kernel/kptr_restrict", "2", check_kernel_addresses, NULL);
}

/* Returns 1 if the kernel log has the text, 0 if not, or a negative errno. */
static int find_in_log(const char *text)
{
	static char log[64 * KIB];
	int len = vw_sys(klogctl(3, log, sizeof(log)));

	return len < 0 ? len : !!memmem(log, len, text, strlen(text));
}

static int read_the_log_as_nobody(void *arg)
{
	char text[64];

	snprintf(text, sizeof(text), "0x%lx-", (unsigned long)(uintptr_t)common);
	vw_become(VW_NOBODY, 0);
	vw_check_rc(find_in_log(text), *(int *)arg);
	return 0;
}

VW_TEST(log_lines_are_protected_by_dmesg_restrict_only)
{
	static int found = 1, denied = -EPERM;
	struct vmwalk_log log;
	int fd;

	make_device();
	common = vw_anon(PAGE);
	vw_poke(common, 1);
	fd = vw_open_rw(n);
	log = vw_log_args((uintptr_t)common, (uintptr_t)common + PAGE);
	vw_expect(vw_ioctl(fd, VMWALK_IOC_LOG, &log), 1);
	run_child_with("/proc/sys/kernel/dmesg_restrict", "0", read_the_log_as_nobody, &found);
	run_child_with("/proc/sys/kernel/dmesg_restrict", "1", read_the_log_as_nobody, &denied);
}

static int use_the_device_under_seccomp(void *arg)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, VMWALK_IOC_COPY, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { COUNT(filter), filter };
	int fd = vw_open(n, O_RDWR);
	struct vmwalk_vma vma;

	(void)arg;
	vw_check(fd >= 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return VW_CHILD_SKIPPED;
	vw_check_rc(vw_copy(fd, VMWALK_COPY_FROM_TARGET, 0, (uintptr_t)common, 8), -EACCES);
	vw_check_rc(vw_vma(fd, (uintptr_t)common, &vma), 0);
	return 0;
}

VW_TEST(seccomp_can_block_single_ioctls)
{
	make_device();
	common = vw_anon(PAGE);
	vw_poke(common, 1);
	vw_in_child(use_the_device_under_seccomp, NULL);
}

/* --- Inherited and passed files ------------------------------------------- */

static int use_roots_file_as_nobody(void *arg)
{
	int fd = *(int *)arg;

	/* A file that root opened shows PFNs, also of this process. */
	vw_become(VW_NOBODY, 0);
	vw_poke(common, 1);
	check_frames_are_shown(fd, common);
	return 0;
}

VW_TEST(an_inherited_file_keeps_its_openers_rights)
{
	int fd;

	make_device();
	make_common();
	fd = vw_open_rw(n);
	vw_in_child(use_roots_file_as_nobody, &fd);
}

static int receive_and_check_target(void *arg)
{
	int fd;

	(void)arg;
	vw_become(VW_NOBODY, 0);
	fd = vw_receive_fd(vw_child_socket());
	vw_check(fd >= 0);
	check_frames_are_shown(fd, common);
	return 0;
}

VW_TEST(roots_file_passed_to_nobody_keeps_roots_rights)
{
	struct vw_child child;
	int fd;

	make_device();
	make_common();
	start_target(run_target);
	fd = vw_open_rw(n);
	child = vw_fork(receive_and_check_target, NULL);
	vw_ok(vw_send_fd(child.fd, fd));
	vw_join_ok(&child);
}

static int open_and_send(void *arg)
{
	int fd;

	(void)arg;
	fd = open_as(n, VW_NOBODY, 0);
	vw_check_rc(vw_send_fd(vw_child_socket(), fd), 0);
	vw_listen();
	return 0;
}

static int use_as_root(void *arg)
{
	int fd = *(int *)arg;

	/* This process has all capabilities, but the file shows no PFNs. */
	vw_poke(common, 1);
	check_frames_are_hidden(fd, common);
	return 0;
}

static int check_denied_as_root(void *arg)
{
	check_target_is_denied(*(int *)arg, common);
	return 0;
}

VW_TEST(nobodys_file_passed_to_root_keeps_nobodys_rights)
{
	struct vw_child child;
	int fd;

	make_device();
	make_common();
	child = vw_fork(open_and_send, NULL);
	fd = vw_receive_fd(child.fd);
	assert_true(fd >= 0);
	vw_in_child(use_as_root, &fd);

	/* Other processes are denied, and so is the file's opener. */
	start_target(run_target);
	vw_in_child(check_denied_as_root, &fd);
	vw_set_target(child.pid);
	vw_in_child(check_denied_as_root, &fd);
	vw_tell(&child, 0);
	vw_join_ok(&child);
}

static int drop_rights_after_opening(void *arg)
{
	int fd = vw_open(n, O_RDWR);
	char *page = own_page();

	(void)arg;
	vw_check(fd >= 0);
	vw_become(VW_NOBODY, 0);
	check_frames_are_shown(fd, page);
	return 0;
}

VW_TEST(a_file_keeps_the_rights_it_was_opened_with)
{
	make_device();
	vw_in_child(drop_rights_after_opening, NULL);
}

/* --- Extents must not reveal PFNs ----------------------------------------- */

#define LEAK_PAGES	256UL

static int scan_without_frames(void *arg)
{
	struct vmwalk_scan scan = vw_scan_args((uintptr_t)arg, (uintptr_t)arg + LEAK_PAGES * PAGE);
	struct vmwalk_extent vec[LEAK_PAGES];
	int fd;

	memset(arg, 1, LEAK_PAGES * PAGE);
	fd = open_as(n, VW_NOBODY, 0);
	scan.vec = (uintptr_t)vec;
	scan.vec_len = LEAK_PAGES;
	vw_check_rc(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), 1);
	vw_check(vec[0].pages == LEAK_PAGES && !vec[0].pfn);
	vw_check(vec[0].flags & VMWALK_HIDDEN);

	/* HIDDEN is set even with return_mask 0. */
	scan.return_mask = 0;
	vw_check_rc(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), 1);
	vw_check(vec[0].flags == VMWALK_HIDDEN && !vec[0].pfn && vec[0].pages == LEAK_PAGES);

	scan.return_mask = VMWALK_STATE_ALL;
	scan.flags = VMWALK_SCAN_TO_BUFFER;
	scan.vec = 0;
	vw_check_rc(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), 1);
	vw_check_rc(vw_sys(pread(fd, vec, sizeof(vec[0]), 0)), sizeof(vec[0]));
	vw_check(vec[0].pages == LEAK_PAGES && !vec[0].pfn && vec[0].flags & VMWALK_HIDDEN);
	return 0;
}

VW_TEST(extents_do_not_reveal_which_pfns_are_contiguous)
{
	unsigned long nodes = 1;
	struct vw_extents extents;
	struct vmwalk_scan scan;
	char *at;
	int fd;

	make_device();
	at = vw_map(-1, LEAK_PAGES * PAGE, 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	syscall(SYS_mbind, at, LEAK_PAGES * PAGE, MPOL_BIND, &nodes, 64, 0);
	/* PFNs are not in address order. A child has the same frames. */
	for (size_t i = 0; i < LEAK_PAGES; i++)
		vw_poke(at + i * 101 % LEAK_PAGES * PAGE, 1);
	fd = vw_open_rw(n);
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + LEAK_PAGES * PAGE);
	scan.return_mask = 0;
	vw_ok(vw_scan_all(fd, &scan, LEAK_PAGES, &extents));
	assert_true(extents.count > 10);
	vw_extents_free(&extents);
	vw_in_child(scan_without_frames, at);
}

static int read_phys_addr(void *arg)
{
	char text[64];

	vw_become(VW_NOBODY, *(__u64 *)arg);
	if (vw_sysfs(n, "phys_addr", text, sizeof(text)) < 0)
		return 0;
	vw_check_rc(strtoll(text, NULL, 0), 0);
	return 0;
}

static int read_phys_addr_as_admin(void *arg)
{
	char text[64];

	(void)arg;
	vw_become(0, CAP(CAP_SYS_ADMIN));
	vw_check(vw_sysfs(n, "phys_addr", text, sizeof(text)) > 0);
	vw_check(strtoll(text, NULL, 0) > 0);
	return 0;
}

VW_TEST(phys_addr_requires_cap_sys_admin)
{
	static __u64 caps[] = { 0, CAP(CAP_SYS_PTRACE) | CAP(CAP_DAC_OVERRIDE) };
	char path[128];

	n = vw_make("t", "buffer_type", "kmalloc", "map_mode", "remap", "size", vw_pages_text(16),
		    NULL);
	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/phys_addr", n);
	chmod(path, 0444);
	for (size_t i = 0; i < COUNT(caps); i++)
		vw_in_child(read_phys_addr, &caps[i]);
	vw_in_child(read_phys_addr_as_admin, NULL);
}

static __u64 read_phys_addr_of(int file)
{
	char text[64] = "";

	vw_check(pread(file, text, sizeof(text) - 1, 0) > 0);
	return strtoull(text, NULL, 0);
}

static int open_phys_addr_and_send_it(void *arg)
{
	vw_become(VW_NOBODY, 0);
	vw_check_rc(vw_send_fd(vw_child_socket(), open(arg, O_RDONLY | O_CLOEXEC)), 0);
	vw_sync(0);
	return 0;
}

static int read_parents_phys_addr(void *arg)
{
	vw_become(VW_NOBODY, 0);
	vw_check(read_phys_addr_of(*(int *)arg));
	return 0;
}

VW_TEST(phys_addr_depends_on_the_opener_of_the_sysfs_file)
{
	struct vw_child child;
	char path[128];
	int file;

	n = vw_make("t", "buffer_type", "kmalloc", "map_mode", "remap", "size", vw_pages_text(16),
		    NULL);
	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/phys_addr", n);
	child = vw_fork(open_phys_addr_and_send_it, path);
	file = vw_receive_fd(child.fd);
	assert_true(file >= 0);
	vw_expect(read_phys_addr_of(file), 0);
	close(file);
	vw_hear(&child);
	vw_tell(&child, 0);
	vw_join_ok(&child);

	file = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(file >= 0);
	vw_in_child(read_parents_phys_addr, &file);
	close(file);
}

static int reset_as_nobody(void *arg)
{
	char path[128];

	(void)arg;
	vw_become(VW_NOBODY, 0);
	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/stats/reset", n);
	vw_check_rc(vw_file_write(path, "1"), -EACCES);
	return 0;
}

VW_TEST(nobody_may_not_reset_the_counters)
{
	make_device();
	vw_in_child(reset_as_nobody, NULL);
}

static int scan_into_read_only(void *arg)
{
	struct vmwalk_scan scan = vw_scan_args((uintptr_t)common, (uintptr_t)common + PAGE);
	char before[64], after[64];
	int fd, rc;

	(void)arg;
	vw_become(VW_NOBODY, 0);
	fd = vw_open(n, O_RDONLY);
	vw_check(fd >= 0);
	vw_check_rc(vw_sys(pread(fd, before, 64, 0)), 64);
	scan.flags = VMWALK_SCAN_TO_BUFFER;
	scan.vec_len = 1;
	rc = vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
	vw_check(rc < 0);
	vw_check_rc(vw_sys(pread(fd, after, 64, 0)), 64);
	vw_check(!memcmp(before, after, 64));
	return 0;
}

VW_TEST(a_scan_to_buffer_fails_on_a_read_only_file)
{
	make_device();
	common = vw_anon(PAGE);
	vw_poke(common, 1);
	vw_in_child(scan_into_read_only, NULL);
}
