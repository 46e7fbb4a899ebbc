// SPDX-License-Identifier: GPL-2.0
/*
 * One function for each ioctl, and whole scans: see ioctl.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>

#include "harness.h"

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

struct vmwalk_scan vw_scan_args(__u64 start, __u64 end)
{
	return (struct vmwalk_scan){
		.size = sizeof(struct vmwalk_scan),
		.start = start,
		.end = end,
		.return_mask = VMWALK_STATE_ALL,
	};
}

long long vw_scan_pagemap(int fd, __u64 start, size_t pages, __u64 *entries)
{
	struct vmwalk_scan scan = {
		.size = sizeof(scan),
		.flags = VMWALK_SCAN_PAGEMAP,
		.start = start,
		.end = start + pages * PAGE,
		.vec = (uintptr_t)entries,
		.vec_len = pages,
	};

	return vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
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

static int scan_error(const struct vmwalk_scan *scan, const char *why)
{
	print_message("# scan of 0x%llx-0x%llx that ended at 0x%llx: %s\n",
		      scan->start, scan->end,
		      scan->walk_end, why);
	return -EPROTO;
}

/* Checks what must hold for every successful scan. */
static int check_scan(const struct vmwalk_scan *scan, const struct vmwalk_extent *extent, int n)
{
	__u64 at = scan->start, pages = 0;

	if (n < 0 || (__u64)n > scan->vec_len)
		return scan_error(scan, "more extents than vec_len");
	for (int i = 0; i < n; i++) {
		if (extent[i].start < at || extent[i].start % PAGE)
			return scan_error(scan, "an extent starts before the end of the last");
		if (!extent[i].pages)
			return scan_error(scan, "an extent has no pages");
		at = extent[i].start + extent[i].pages * PAGE;
		if (at > ALIGN_UP(scan->end, PAGE) || at > ALIGN_UP(scan->walk_end, PAGE))
			return scan_error(scan, "an extent goes beyond the end");
		if (extent[i].flags & ~(scan->return_mask | VMWALK_HIDDEN))
			return scan_error(scan, "an extent has flags that are not returned");
		pages += extent[i].pages;
	}
	if (scan->max_pages && pages > scan->max_pages)
		return scan_error(scan, "more pages than max_pages");
	if (scan->walk_end < scan->start || scan->walk_end > ALIGN_UP(scan->end, PAGE))
		return scan_error(scan, "walk_end is outside the range");
	return 0;
}

int vw_scan_all(int fd, const struct vmwalk_scan *args, size_t vec_len, struct vw_extents *out)
{
	struct vmwalk_scan scan = *args;
	__u64 end = args->end;
	size_t capacity = 0;
	void *grown;
	int rc;

	memset(out, 0, sizeof(*out));
	if (end > vw_user_end())
		end = vw_user_end();
	do {
		if (capacity - out->count < vec_len) {
			capacity = capacity * 2 + vec_len;
			grown = realloc(out->extent, capacity * sizeof(*out->extent));
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
		if (check_scan(&scan, out->extent + out->count, rc))
			return -EPROTO;
		if (scan.walk_end == scan.start && scan.start != scan.end)
			return scan_error(&scan, "no progress");
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
