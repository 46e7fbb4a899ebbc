/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One function for each ioctl, and scans of a whole range.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_IOCTL_H
#define VMWALK_TESTS_IOCTL_H

/* Any ioctl: its result, or a negative errno. */
int vw_ioctl(int fd, unsigned long nr, void *arg);
int vw_walk(int fd, __u64 addr, struct vmwalk_walk *walk);
int vw_walk_kernel(int fd, __u64 addr, struct vmwalk_walk *walk);
int vw_translate(int fd, struct vmwalk_translation *vec, __u64 vec_len);
int vw_vma(int fd, __u64 addr, struct vmwalk_vma *vma);
int vw_locate(int fd, __u64 offset, struct vmwalk_locate *location);
/*
 * The number of bytes copied, or a negative errno; -EPROTO if a call that
 * failed changed "copied".
 */
long long vw_copy(int fd, __u32 direction, __u64 offset, __u64 addr, __u64 length);
/* POKE of one byte: the number of faults, or a negative errno. */
int vw_poke_by_driver(int fd, const void *at, __u32 value);

/* Arguments of a SCAN that returns every page and all flags. */
struct vmwalk_scan vw_scan_args(__u64 start, __u64 end);
/* SCAN with PAGEMAP: the number of entries, or a negative errno. */
long long vw_scan_pagemap(int fd, __u64 start, size_t pages, __u64 *entries);
/* Arguments of a LOG with the largest number of lines. */
struct vmwalk_log vw_log_args(__u64 start, __u64 end);

struct vw_extents {
	struct vmwalk_extent *extent;
	size_t count;
	__u64 pages;
	unsigned int calls;
};

/*
 * Calls SCAN until the range is done, vec_len extents at a time, into newly
 * allocated memory. Checks what must hold for every call: extents ascend, lie
 * in the range, make progress and match the masks; otherwise it prints a
 * comment and returns -EPROTO.
 */
int vw_scan_all(int fd, const struct vmwalk_scan *args, size_t vec_len, struct vw_extents *out);
void vw_extents_free(struct vw_extents *extents);
/* The extent that holds an address, or NULL. */
const struct vmwalk_extent *vw_extent_at(const struct vw_extents *extents, const void *addr);

#endif /* VMWALK_TESTS_IOCTL_H */
