// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of what a descriptor shows and denies: see rights.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>

#include "rights.h"

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

/*
 * Every kernel address gets the same error, whether it is mapped or not.
 */
void check_kernel_walks(int fd, int error)
{
	const __u64 addrs[] = { 0xffffffff81000000, ~0ULL, ~0ULL - PMD_SIZE };
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

/* Checks LOCATE, and a copy by the kernel address that LOCATE returns. */
void check_locations(int fd, bool shown)
{
	struct vmwalk_locate location;

	vw_check_rc(vw_locate(fd, 0, &location), shown ? 0 : -EPERM);
	vw_check(shown ? location.kaddr && location.phys :
			 !location.kaddr && !location.linear && !location.phys);
	/*
	 * Copy within the buffer; only a descriptor with the right learns the
	 * source address.
	 */
	vw_check_rc(vw_copy(fd, VMWALK_COPY_FROM_BUFFER, 5 * PAGE, shown ? location.kaddr + 26 : 0,
			    26), shown ? 26 : -EPERM);
}

/*
 * Copies to and from the target; with allow_target_write both take the same
 * rights.
 */
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

/* @page: a present page of the target, followed by one that isn't present. */
void check_frames_are_shown(int fd, const char *page)
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
	check_locations(fd, true);
	check_copies(fd, page);
}

void check_frames_are_hidden(int fd, const char *page)
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
	/* Only PFNs are hidden, not where the walk ended. */
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
	/* The result of VMA has no PFNs. */
	vw_check_rc(vw_vma(fd, (uintptr_t)page, &vma), 0);
	vw_check(vma.start <= (uintptr_t)page && vma.end > (uintptr_t)page);
	vw_check_rc(log_one(fd, page), -EPERM);
	check_kernel_walks(fd, EPERM);
	check_locations(fd, false);
	check_copies(fd, page);
}

/*
 * Valid and invalid addresses get the same error, so that it reveals nothing.
 */
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

/* No call may access another process. */
void check_target_is_denied(int fd, const char *page)
{
	struct vmwalk_translation translation;
	struct vmwalk_extent extent;
	struct vmwalk_walk walk;
	struct vmwalk_vma vma;

	vw_check_rc(get_pfn(fd, page), -EPERM);
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

/*
 * The buffer is accessible through any descriptor, and so is the caller's own
 * memory to POKE.
 */
void check_buffer_is_open(int fd)
{
	struct vmwalk_info info = { .size = sizeof(info) };
	char text[26], *map;

	vw_check_rc(vw_sys(pread(fd, text, 26, 26)), 26);
	vw_check(vw_holds_fill(text, "letters", 26, 26));
	vw_check_rc(vw_sys(pwrite(fd, "!", 1, PAGE)), 1);
	map = mmap(NULL, 64 * KIB, RW, MAP_SHARED, fd, 0);
	vw_check(map != MAP_FAILED);
	vw_check(map[PAGE] == '!');
	vw_check_rc(vw_poke_by_driver(fd, map + PAGE, vw_fill_byte("letters", PAGE)),
		    vw_dirty_faults());
	vw_check(map[PAGE] == (char)vw_fill_byte("letters", PAGE));
	munmap(map, 64 * KIB);
	vw_check_rc(vw_ioctl(fd, VMWALK_IOC_INFO, &info), 0);
	vw_check(info.buffer_size == 64 * KIB);
}

char *own_page(void)
{
	char *page = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	vw_check(page != MAP_FAILED);
	madvise(page, 2 * PAGE, MADV_NOHUGEPAGE);
	vw_poke(page, 1);
	return page;
}

int open_as(int n, uid_t uid, __u64 caps)
{
	int fd;

	vw_become(uid, caps);
	fd = vw_open(n, O_RDWR);
	vw_check(fd >= 0);
	return fd;
}

void check_sight(int fd, enum sight sees, const char *page)
{
	check_buffer_is_open(fd);
	if (sees == SHOWN)
		check_frames_are_shown(fd, page);
	else if (sees == HIDDEN)
		check_frames_are_hidden(fd, page);
	else
		check_target_is_denied(fd, page);
}
