// SPDX-License-Identifier: GPL-2.0
/*
 * Who may do what: what a descriptor shows follows from the credentials of its opener, and from
 * nothing else.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"

#define RW	(PROT_READ | PROT_WRITE)
#define CAP(c)	(1ULL << (c))

static int n;

/* A device that anybody may open, as after a udev rule. */
static void make_device(void)
{
	char path[64];

	n = vw_make("t", "size", "64K", "fill", "letters", NULL);
	snprintf(path, sizeof(path), "/dev/vmwalk%d", n);
	assert_int_equal(chmod(path, 0666), 0);
}

/* --- What a descriptor shows; all of this runs in children ----------------------------------- */

static int get_pfn(int fd, const void *addr)
{
	return vw_sys(ioctl(fd, VMWALK_IOC_GET_PFN, (uintptr_t)addr / PAGE));
}

static int translate_one(int fd, const void *addr, struct vmwalk_translation *translation)
{
	memset(translation, 0xa5, sizeof(*translation));
	translation->addr = (uintptr_t)addr;
	return vw_translate(fd, translation, 1);
}

static int log_one(int fd, const void *addr)
{
	struct vmwalk_log log = vw_log_args((uintptr_t)addr, (uintptr_t)addr + PAGE);

	return vw_ioctl(fd, VMWALK_IOC_LOG, &log);
}

/* No address of the kernel is looked at for who may not, whatever is there. */
static void check_kernel_walks(int fd, int error)
{
	static const __u64 addrs[] = { 0xffffffff81000000, ~0ULL, ~0ULL - PMD_SIZE };
	struct vmwalk_walk walk;

	for (size_t i = 0; i < COUNT(addrs); i++)
		vw_check_rc(vw_walk_kernel(fd, addrs[i], &walk), -error);
}

static int scan_one(int fd, const void *addr, struct vmwalk_extent *extent)
{
	struct vmwalk_scan scan = vw_scan_args((uintptr_t)addr, (uintptr_t)addr + PAGE);

	memset(extent, 0xa5, sizeof(*extent));
	scan.vec = (uintptr_t)extent;
	scan.vec_len = 1;
	return vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
}

/* What a descriptor shows of the buffer itself. */
static void check_places(int fd, bool shown)
{
	struct vmwalk_place place;

	vw_check_rc(vw_place(fd, 0, &place), shown ? 0 : -EPERM);
	vw_check(shown ? place.kaddr && place.phys : !place.kaddr && !place.linear && !place.phys);
	/* Of its own bytes to others of them, by an address that is only known to who may ask. */
	vw_check_rc(vw_copy(fd, VMWALK_COPY_FROM_BUFFER, 5 * PAGE, shown ? place.kaddr + 26 : 0,
			    26), shown ? 26 : -EPERM);
}

/* To and from the target, as one way is open so is the other. */
static void check_copies(int fd, const char *page)
{
	__u64 there = (uintptr_t)page + 100;
	char byte;

	vw_check_rc(vw_sys(pwrite(fd, "k", 1, 3 * PAGE)), 1);
	vw_check_rc(vw_copy(fd, VMWALK_COPY_TO_TARGET, 3 * PAGE, there, 1), 1);
	vw_check_rc(vw_copy(fd, VMWALK_COPY_FROM_TARGET, 4 * PAGE, there, 1), 1);
	vw_check_rc(vw_sys(pread(fd, &byte, 1, 4 * PAGE)), 1);
	vw_check(byte == 'k');
}

/* A page that is there, and one after it that isn't, of whichever process is walked. */
static void check_frames_are_shown(int fd, const char *page)
{
	struct vmwalk_translation translation;
	struct vmwalk_extent extent;
	struct vmwalk_walk walk;
	struct vmwalk_vma vma;

	vw_check(get_pfn(fd, page) > 0);
	vw_check_rc(vw_walk(fd, (uintptr_t)page, &walk), 0);
	vw_check(walk.state & VMWALK_PRESENT && !(walk.state & VMWALK_HIDDEN));
	vw_check(walk.pfn == (__u64)get_pfn(fd, page) && walk.phys == walk.pfn * PAGE);
	vw_check(walk.level[VMWALK_PGD].table && walk.level[VMWALK_PGD].entry);
	vw_check_rc(scan_one(fd, page, &extent), 1);
	vw_check(extent.pfn == walk.pfn && !(extent.flags & VMWALK_HIDDEN));
	vw_check_rc(translate_one(fd, page + 5, &translation), 0);
	vw_check(translation.phys == walk.phys + 5 && translation.state == walk.state);
	vw_check_rc(vw_vma(fd, (uintptr_t)page, &vma), 0);
	vw_check(vma.start <= (uintptr_t)page && vma.end > (uintptr_t)page);
	vw_check_rc(log_one(fd, page), 1);
	check_kernel_walks(fd, 0);
	check_places(fd, true);
	check_copies(fd, page);
}

static void check_frames_are_hidden(int fd, const char *page)
{
	struct vmwalk_translation translation;
	struct vmwalk_extent extent;
	struct vmwalk_walk walk;
	struct vmwalk_vma vma;
	bool read = false;

	vw_check_rc(get_pfn(fd, page), -EPERM);
	vw_check_rc(get_pfn(fd, page + PAGE), -EPERM);
	vw_check_rc(vw_walk(fd, (uintptr_t)page, &walk), 0);
	vw_check(walk.state & VMWALK_PRESENT && walk.state & VMWALK_HIDDEN);
	vw_check(!walk.pfn && !walk.phys);
	for (int i = 0; i < VMWALK_LEVELS; i++) {
		vw_check(!walk.level[i].table && !walk.level[i].entry);
		read = read || walk.level[i].flags & VMWALK_LEVEL_READ;
	}
	/* How the walk went is no secret, only where the frames are. */
	vw_check(read && walk.stop == VMWALK_STOP_PAGE && walk.page_shift >= 12);
	vw_check_rc(vw_walk(fd, (uintptr_t)page + PAGE, &walk), 0);
	vw_check(!walk.pfn && !walk.phys && walk.state & VMWALK_HIDDEN);
	for (int i = 0; i < VMWALK_LEVELS; i++)
		vw_check(!walk.level[i].table && !walk.level[i].entry);

	vw_check_rc(scan_one(fd, page, &extent), 1);
	vw_check(extent.start == (uintptr_t)page && extent.pages == 1 && !extent.pfn);
	vw_check(extent.flags & VMWALK_PRESENT && extent.flags & VMWALK_HIDDEN);
	vw_check_rc(scan_one(fd, page + PAGE, &extent), 0);

	vw_check_rc(translate_one(fd, page + 5, &translation), 0);
	vw_check(translation.addr == (uintptr_t)page + 5 && !translation.phys);
	vw_check(translation.state & VMWALK_PRESENT && translation.state & VMWALK_HIDDEN);
	vw_check(translation.page_shift >= 12);
	vw_check_rc(translate_one(fd, page + PAGE, &translation), 0);
	vw_check(!translation.phys && !(translation.state & ~VMWALK_HIDDEN));
	/* A mapping is not a frame, nor does it tell of one. */
	vw_check_rc(vw_vma(fd, (uintptr_t)page, &vma), 0);
	vw_check(vma.start <= (uintptr_t)page && vma.end > (uintptr_t)page);
	vw_check_rc(log_one(fd, page), -EPERM);
	check_kernel_walks(fd, EPERM);
	check_places(fd, false);
	check_copies(fd, page);
}

/* Nor is it told by another error whether the address is a good one. */
static void check_nothing_is_copied(int fd, const char *page)
{
	char before[64], after[64];

	vw_check_rc(vw_sys(pread(fd, before, sizeof(before), 6 * PAGE)), sizeof(before));
	vw_check_rc(vw_copy(fd, VMWALK_COPY_FROM_TARGET, 6 * PAGE, (uintptr_t)page, 64), -EPERM);
	vw_check_rc(vw_copy(fd, VMWALK_COPY_FROM_TARGET, 6 * PAGE, 0, 64), -EPERM);
	vw_check_rc(vw_copy(fd, VMWALK_COPY_TO_TARGET, 6 * PAGE, (uintptr_t)page, 64), -EPERM);
	vw_check_rc(vw_copy(fd, VMWALK_COPY_TO_TARGET, 6 * PAGE, 0, 64), -EPERM);
	vw_check_rc(vw_sys(pread(fd, after, sizeof(after), 6 * PAGE)), sizeof(after));
	vw_check(!memcmp(before, after, sizeof(before)));
}

/* Another process may not be looked at, in any way. */
static void check_walks_are_refused(int fd, const char *page, int get_pfn_error)
{
	struct vmwalk_translation translation;
	struct vmwalk_extent extent;
	struct vmwalk_walk walk;
	struct vmwalk_vma vma;

	vw_check_rc(get_pfn(fd, page), -get_pfn_error);
	vw_check_rc(vw_walk(fd, (uintptr_t)page, &walk), -EPERM);
	vw_check_rc(scan_one(fd, page, &extent), -EPERM);
	vw_check(extent.pages == 0xa5a5a5a5a5a5a5a5);
	vw_check_rc(translate_one(fd, page, &translation), -EPERM);
	vw_check(translation.phys == 0xa5a5a5a5a5a5a5a5);
	vw_check_rc(vw_vma(fd, (uintptr_t)page, &vma), -EPERM);
	vw_check(!vma.start && !vma.end);
	vw_check_rc(log_one(fd, page), -EPERM);
	check_nothing_is_copied(fd, page);
}

/* The buffer is open to whoever could open the node, and so is one's own memory to POKE. */
static void check_buffer_is_open(int fd)
{
	struct vmwalk_info info = { .size = sizeof(info) };
	char text[26], *map;

	vw_check_rc(vw_sys(pread(fd, text, 26, 26)), 26);
	vw_check(vw_holds_fill(text, "letters", 26, 26));
	vw_check_rc(vw_sys(pwrite(fd, "!", 1, PAGE)), 1);
	map = mmap(NULL, 64 * KIB, RW, MAP_SHARED, fd, 0);
	vw_check(map != MAP_FAILED);
	vw_check(map[PAGE] == '!');
	vw_check_rc(vw_poke_by_driver(fd, map + PAGE, vw_fill_byte("letters", PAGE)), 0);
	vw_check(map[PAGE] == (char)vw_fill_byte("letters", PAGE));
	munmap(map, 64 * KIB);
	vw_check_rc(vw_ioctl(fd, VMWALK_IOC_INFO, &info), 0);
	vw_check(info.buffer_size == 64 * KIB);
}

static char *own_page(void)
{
	char *page = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	vw_check(page != MAP_FAILED);
	madvise(page, 2 * PAGE, MADV_NOHUGEPAGE);
	vw_poke(page, 1);
	return page;
}

/* --- Openers -------------------------------------------------------------------------------- */

static int nobody_uses_the_device(void *arg)
{
	char *page = own_page();
	int fd;

	(void)arg;
	vw_become(VW_NOBODY, 0);
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	check_buffer_is_open(fd);
	check_frames_are_hidden(fd, page);
	return 0;
}

static void nobody_may_use_the_buffer_and_walk_itself_without_frames(void **state)
{
	(void)state;
	make_device();
	vw_in_child(nobody_uses_the_device, NULL);
}

static int nobody_cannot_open(void *arg)
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

static void nobody_may_not_open_a_fresh_node_nor_make_instances(void **state)
{
	(void)state;
	n = vw_make("t", NULL);
	vw_in_child(nobody_cannot_open, NULL);
}

static int root_sees_frames(void *arg)
{
	char *page = own_page();
	int fd = vw_open(n, O_RDWR);

	(void)arg;
	vw_check(fd >= 0);
	check_buffer_is_open(fd);
	check_frames_are_shown(fd, page);
	return 0;
}

static void root_sees_frames_of_itself(void **state)
{
	(void)state;
	make_device();
	vw_in_child(root_sees_frames, NULL);
}

static int root_without_sys_admin(void *arg)
{
	char *page = own_page();
	int fd;

	(void)arg;
	vw_become(0, ~0ULL & ~CAP(CAP_SYS_ADMIN) & (CAP(CAP_LAST_CAP + 1) - 1));
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	check_buffer_is_open(fd);
	check_frames_are_hidden(fd, page);
	return 0;
}

static void root_without_cap_sys_admin_sees_no_frames(void **state)
{
	(void)state;
	make_device();
	vw_in_child(root_without_sys_admin, NULL);
}

static int nobody_with_sys_admin(void *arg)
{
	char *page = own_page();
	int fd;

	(void)arg;
	vw_become(VW_NOBODY, CAP(CAP_SYS_ADMIN));
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	check_frames_are_shown(fd, page);
	return 0;
}

static void cap_sys_admin_is_what_shows_frames(void **state)
{
	(void)state;
	make_device();
	vw_in_child(nobody_with_sys_admin, NULL);
}

static int capable_in_its_own_namespace(void *arg)
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

static void capabilities_of_a_user_namespace_do_not_count(void **state)
{
	(void)state;
	make_device();
	vw_in_child(capable_in_its_own_namespace, NULL);
}

/* --- Other processes ------------------------------------------------------------------------ */

static char *common;

static int be_a_target(void *arg)
{
	(void)arg;
	vw_poke(common, 1);
	vw_sync(0);
	return 0;
}

struct opener {
	uid_t uid;
	__u64 caps;
	enum { SHOWN, HIDDEN, REFUSED, REFUSED_ALL } sees;
};

static int look_at_another(void *arg)
{
	const struct opener *opener = arg;
	int fd;

	vw_become(opener->uid, opener->caps);
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	check_buffer_is_open(fd);
	if (opener->sees == SHOWN)
		check_frames_are_shown(fd, common);
	else if (opener->sees == HIDDEN)
		check_frames_are_hidden(fd, common);
	else
		check_walks_are_refused(fd, common, EPERM);
	/* Of the kernel it is another right, and the target has no part in it. */
	check_kernel_walks(fd, opener->caps & CAP(CAP_SYS_ADMIN) ? 0 : EPERM);
	check_places(fd, opener->caps & CAP(CAP_SYS_ADMIN));
	return 0;
}

static void another_process_takes_cap_sys_ptrace_of_the_opener(void **state)
{
	static struct opener openers[] = {
		{ VW_NOBODY, 0, REFUSED },
		{ VW_NOBODY, CAP(CAP_SYS_ADMIN), REFUSED },
		{ VW_NOBODY, CAP(CAP_SYS_PTRACE), HIDDEN },
		{ VW_NOBODY, CAP(CAP_SYS_PTRACE) | CAP(CAP_SYS_ADMIN), SHOWN },
		{ 0, 0, REFUSED },
		{ 0, CAP(CAP_SYS_PTRACE), HIDDEN },
		{ 0, CAP(CAP_SYS_PTRACE) | CAP(CAP_SYS_ADMIN), SHOWN },
	};
	struct vw_child target;

	(void)state;
	make_device();
	common = vw_anon(2 * PAGE);
	madvise(common, 2 * PAGE, MADV_NOHUGEPAGE);
	target = vw_fork(be_a_target, NULL);
	vw_hear(&target);
	vw_set_target(target.pid);
	for (size_t i = 0; i < COUNT(openers); i++) {
		print_message("# uid %u with capabilities 0x%llx\n", openers[i].uid,
			      openers[i].caps);
		vw_in_child(look_at_another, &openers[i]);
	}
	vw_tell(&target, 0);
	vw_join_ok(&target);
}

static int nobody_looks_at_nobody(void *arg)
{
	int fd;

	(void)arg;
	vw_become(VW_NOBODY, 0);
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	/* The same user is not the same process: no frames, no walk, no sign of what is there. */
	check_walks_are_refused(fd, common, EPERM);
	return 0;
}

static int be_nobodys_target(void *arg)
{
	vw_become(VW_NOBODY, 0);
	return be_a_target(arg);
}

static void another_process_of_the_same_user_is_refused_too(void **state)
{
	struct vw_child target;

	(void)state;
	make_device();
	common = vw_anon(2 * PAGE);
	target = vw_fork(be_nobodys_target, NULL);
	vw_hear(&target);
	vw_set_target(target.pid);
	vw_in_child(nobody_looks_at_nobody, NULL);
}

static void *walk_in_a_thread(void *arg)
{
	int fd = *(int *)arg;

	check_frames_are_hidden(fd, common);
	return NULL;
}

static int nobody_is_its_own_target(void *arg)
{
	pthread_t thread;
	int fd;

	(void)arg;
	vw_poke(common, 1);
	/* The parent makes this process the target while it is still root's to do so. */
	vw_sync(0);
	vw_become(VW_NOBODY, 0);
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	check_frames_are_hidden(fd, common);
	vw_check(!pthread_create(&thread, NULL, walk_in_a_thread, &fd));
	pthread_join(thread, NULL);
	return 0;
}

static void a_target_may_look_at_itself(void **state)
{
	struct vw_child child;

	(void)state;
	make_device();
	common = vw_anon(2 * PAGE);
	madvise(common, 2 * PAGE, MADV_NOHUGEPAGE);
	child = vw_fork(nobody_is_its_own_target, NULL);
	vw_hear(&child);
	vw_set_target(child.pid);
	vw_tell(&child, 0);
	vw_join_ok(&child);
}

static int open_and_retarget(void *arg)
{
	int fd;

	(void)arg;
	vw_become(VW_NOBODY, 0);
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	vw_poke(common, 1);
	check_frames_are_hidden(fd, common);
	vw_sync(0);
	/* The parent has made another process the target: that is judged at each call. */
	check_walks_are_refused(fd, common, EPERM);
	vw_sync(0);
	check_frames_are_hidden(fd, common);
	return 0;
}

static void rights_follow_the_target_as_it_changes(void **state)
{
	struct vw_child child, target;

	(void)state;
	make_device();
	common = vw_anon(2 * PAGE);
	madvise(common, 2 * PAGE, MADV_NOHUGEPAGE);
	target = vw_fork(be_a_target, NULL);
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

/* --- Descriptors that change hands ------------------------------------------------------------ */

static int use_root_descriptor_as_nobody(void *arg)
{
	int fd = *(int *)arg;

	/* Inherited from root: what root could see is seen through it, of this process too. */
	vw_become(VW_NOBODY, 0);
	vw_poke(common, 1);
	check_frames_are_shown(fd, common);
	return 0;
}

static void an_inherited_descriptor_keeps_its_openers_rights(void **state)
{
	int fd;

	(void)state;
	make_device();
	common = vw_anon(2 * PAGE);
	madvise(common, 2 * PAGE, MADV_NOHUGEPAGE);
	fd = vw_open_rw(n);
	vw_in_child(use_root_descriptor_as_nobody, &fd);
}

static int receive_and_look_at_another(void *arg)
{
	int fd;

	(void)arg;
	vw_become(VW_NOBODY, 0);
	fd = vw_receive_fd(vw_child_socket());
	vw_check(fd >= 0);
	check_frames_are_shown(fd, common);
	return 0;
}

static void a_root_descriptor_passed_to_nobody_keeps_roots_rights(void **state)
{
	struct vw_child target, child;
	int fd;

	(void)state;
	make_device();
	common = vw_anon(2 * PAGE);
	madvise(common, 2 * PAGE, MADV_NOHUGEPAGE);
	target = vw_fork(be_a_target, NULL);
	vw_hear(&target);
	vw_set_target(target.pid);
	fd = vw_open_rw(n);
	child = vw_fork(receive_and_look_at_another, NULL);
	vw_ok(vw_send_fd(child.fd, fd));
	vw_join_ok(&child);
}

static int open_and_send(void *arg)
{
	int fd;

	(void)arg;
	vw_become(VW_NOBODY, 0);
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	vw_check_rc(vw_send_fd(vw_child_socket(), fd), 0);
	vw_listen();
	return 0;
}

static int use_as_root(void *arg)
{
	int fd = *(int *)arg;

	/* This process is root with everything; the descriptor is nobody's and shows no more. */
	vw_poke(common, 1);
	check_frames_are_hidden(fd, common);
	return 0;
}

static int refuse_as_root(void *arg)
{
	check_walks_are_refused(*(int *)arg, common, EPERM);
	return 0;
}

static void nobodys_descriptor_passed_to_root_keeps_nobodys_rights(void **state)
{
	struct vw_child child, target;
	int fd;

	(void)state;
	make_device();
	common = vw_anon(2 * PAGE);
	madvise(common, 2 * PAGE, MADV_NOHUGEPAGE);
	child = vw_fork(open_and_send, NULL);
	fd = vw_receive_fd(child.fd);
	assert_true(fd >= 0);
	vw_in_child(use_as_root, &fd);

	/* Of another process it shows nothing at all, whoever holds it; of its opener neither. */
	target = vw_fork(be_a_target, NULL);
	vw_hear(&target);
	vw_set_target(target.pid);
	vw_in_child(refuse_as_root, &fd);
	vw_set_target(child.pid);
	vw_in_child(refuse_as_root, &fd);
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

static void rights_are_those_at_open(void **state)
{
	(void)state;
	make_device();
	vw_in_child(drop_rights_after_opening, NULL);
}

/* --- What extents could give away ------------------------------------------------------------ */

#define LEAK_PAGES	256UL

static int scan_without_frames(void *arg)
{
	struct vmwalk_scan scan = vw_scan_args((uintptr_t)arg, (uintptr_t)arg + LEAK_PAGES * PAGE);
	struct vmwalk_extent vec[LEAK_PAGES];
	int fd;

	vw_check(!madvise(arg, LEAK_PAGES * PAGE, MADV_POPULATE_WRITE));
	vw_become(VW_NOBODY, 0);
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	scan.vec = (uintptr_t)vec;
	scan.vec_len = LEAK_PAGES;
	vw_check_rc(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), 1);
	vw_check(vec[0].pages == LEAK_PAGES && !vec[0].pfn);
	vw_check(vec[0].flags & VMWALK_HIDDEN);

	/* Nor may one who asks for no flags at all take the frames for shown. */
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

static void extents_do_not_give_away_which_frames_are_neighbours(void **state)
{
	unsigned long nodes = 1;
	struct vw_extents extents;
	struct vmwalk_scan scan;
	char *at;
	int fd;

	(void)state;
	make_device();
	at = vw_map(-1, LEAK_PAGES * PAGE, 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	syscall(SYS_mbind, at, LEAK_PAGES * PAGE, MPOL_BIND, &nodes, 64, 0);
	/* In an order that leaves frames and addresses at odds. A child has the same frames. */
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

static void sysfs_shows_the_physical_address_to_cap_sys_admin_alone(void **state)
{
	static __u64 caps[] = { 0, CAP(CAP_SYS_PTRACE) | CAP(CAP_DAC_OVERRIDE) };
	char path[128];

	(void)state;
	n = vw_make("t", "buffer_type", "kmalloc", "map_mode", "remap", "size", "64K", NULL);
	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/phys_addr", n);
	chmod(path, 0444);
	for (size_t i = 0; i < COUNT(caps); i++)
		vw_in_child(read_phys_addr, &caps[i]);
	vw_in_child(read_phys_addr_as_admin, NULL);
}

static __u64 phys_addr_through(int file)
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

static int read_phys_addr_of_the_parents(void *arg)
{
	vw_become(VW_NOBODY, 0);
	vw_check(phys_addr_through(*(int *)arg));
	return 0;
}

static void sysfs_asks_who_opened_the_file_and_not_who_reads(void **state)
{
	struct vw_child child;
	char path[128];
	int file;

	(void)state;
	n = vw_make("t", "buffer_type", "kmalloc", "map_mode", "remap", "size", "64K", NULL);
	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%d/phys_addr", n);
	child = vw_fork(open_phys_addr_and_send_it, path);
	file = vw_receive_fd(child.fd);
	assert_true(file >= 0);
	vw_expect(phys_addr_through(file), 0);
	close(file);
	vw_hear(&child);
	vw_tell(&child, 0);
	vw_join_ok(&child);

	file = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(file >= 0);
	vw_in_child(read_phys_addr_of_the_parents, &file);
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

static void nobody_may_not_reset_the_counters(void **state)
{
	(void)state;
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

static void a_read_only_descriptor_does_not_write_the_buffer_through_a_scan(void **state)
{
	(void)state;
	make_device();
	common = vw_anon(PAGE);
	vw_poke(common, 1);
	vw_in_child(scan_into_read_only, NULL);
}

int main(void)
{
	static const struct vw_case cases[] = {
		vw_test(nobody_may_use_the_buffer_and_walk_itself_without_frames),
		vw_test(nobody_may_not_open_a_fresh_node_nor_make_instances),
		vw_test(root_sees_frames_of_itself),
		vw_test(root_without_cap_sys_admin_sees_no_frames),
		vw_test(cap_sys_admin_is_what_shows_frames),
		vw_test(capabilities_of_a_user_namespace_do_not_count),
		vw_test(another_process_takes_cap_sys_ptrace_of_the_opener),
		vw_test(another_process_of_the_same_user_is_refused_too),
		vw_test(a_target_may_look_at_itself),
		vw_test(rights_follow_the_target_as_it_changes),
		vw_test(an_inherited_descriptor_keeps_its_openers_rights),
		vw_test(a_root_descriptor_passed_to_nobody_keeps_roots_rights),
		vw_test(nobodys_descriptor_passed_to_root_keeps_nobodys_rights),
		vw_test(rights_are_those_at_open),
		vw_test(extents_do_not_give_away_which_frames_are_neighbours),
		vw_test(sysfs_shows_the_physical_address_to_cap_sys_admin_alone),
		vw_test(sysfs_asks_who_opened_the_file_and_not_who_reads),
		vw_test(nobody_may_not_reset_the_counters),
		vw_test(a_read_only_descriptor_does_not_write_the_buffer_through_a_scan),
	};

	return vw_run_cases(cases);
}
