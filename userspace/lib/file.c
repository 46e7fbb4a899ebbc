// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Files: open devices, and ioctls on them
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "internal.h"
#include "libvmwalk.h"

/* Extents per VMWALK_IOC_SCAN: few at first, so that fn is called early. */
#define FIRST_BATCH 16
#define MAX_BATCH   4096

struct vmwalk_file {
	int fd;
	__u32 page_size;
};

struct vmwalk_file *vmwalk_file_open(const char *path)
{
	struct vmwalk_file *file = calloc(1, sizeof(*file));
	struct vmwalk_info info;

	if (!file)
		return NULL;

	file->fd = vmwalk_open(AT_FDCWD, path, O_RDWR);
	if (file->fd < 0 || vmwalk_file_info(file, &info)) {
		vmwalk_file_close(file);
		return NULL;
	}
	file->page_size = info.page_size;
	return file;
}

struct vmwalk_file *vmwalk_file_open_by_number(unsigned int number)
{
	char *path = vmwalk_path(VMWALK_DEV "/vmwalk%u", number);
	struct vmwalk_file *file;

	if (!path)
		return NULL;
	file = vmwalk_file_open(path);
	free(path);
	return file;
}

struct vmwalk_file *vmwalk_file_open_by_name(const char *name)
{
	struct vmwalk_instance *instance = vmwalk_instance_open(name);
	struct vmwalk_file *file = NULL;
	char *path;

	if (!instance)
		return NULL;
	path = vmwalk_path(VMWALK_DEV "/%s", vmwalk_instance_dev_name(instance));
	if (path)
		file = vmwalk_file_open(path);
	free(path);
	vmwalk_instance_close(instance);
	return file;
}

void vmwalk_file_close(struct vmwalk_file *file)
{
	if (!file)
		return;
	vmwalk_close(file->fd);
	free(file);
}

int vmwalk_file_fd(const struct vmwalk_file *file)
{
	return file->fd;
}

int vmwalk_file_info(struct vmwalk_file *file, struct vmwalk_info *info)
{
	*info = (struct vmwalk_info){ .size = sizeof(*info) };
	return ioctl(file->fd, VMWALK_IOC_INFO, info);
}

int vmwalk_file_get_pfn(struct vmwalk_file *file, __u64 addr, __u64 *pfn)
{
	struct vmwalk_walk walk = { .addr = addr };
	int ret;

	ret = ioctl(file->fd, VMWALK_IOC_GET_PFN, (unsigned long)(addr / file->page_size));
	if (ret >= 0) {
		*pfn = ret;
		return 0;
	}
	if (errno != EOVERFLOW)
		return -1;

	/* The PFN exceeds the int that ioctl() returns. */
	if (vmwalk_file_walk(file, &walk))
		return -1;
	if (!(walk.state & VMWALK_PRESENT)) {
		errno = ENOENT;
		return -1;
	}
	*pfn = walk.pfn;
	return 0;
}

int vmwalk_file_walk(struct vmwalk_file *file, struct vmwalk_walk *walk)
{
	walk->size = sizeof(*walk);
	return ioctl(file->fd, VMWALK_IOC_WALK, walk);
}

int vmwalk_file_translate(struct vmwalk_file *file, struct vmwalk_translation *vec, size_t count)
{
	struct vmwalk_translate translate = {
		.size = sizeof(translate),
		.vec = (uintptr_t)vec,
		.vec_len = count,
	};

	return ioctl(file->fd, VMWALK_IOC_TRANSLATE, &translate);
}

int vmwalk_file_vma(struct vmwalk_file *file, struct vmwalk_vma *vma)
{
	vma->size = sizeof(*vma);
	return ioctl(file->fd, VMWALK_IOC_VMA, vma);
}

int vmwalk_file_log(struct vmwalk_file *file, struct vmwalk_log *log)
{
	log->size = sizeof(*log);
	return ioctl(file->fd, VMWALK_IOC_LOG, log);
}

int vmwalk_file_dirty(struct vmwalk_file *file, struct vmwalk_dirty *dirty)
{
	dirty->size = sizeof(*dirty);
	return ioctl(file->fd, VMWALK_IOC_DIRTY, dirty);
}

int vmwalk_file_locate(struct vmwalk_file *file, struct vmwalk_locate *location)
{
	location->size = sizeof(*location);
	return ioctl(file->fd, VMWALK_IOC_LOCATE, location);
}

int vmwalk_file_copy(struct vmwalk_file *file, struct vmwalk_copy *copy)
{
	copy->size = sizeof(*copy);
	return ioctl(file->fd, VMWALK_IOC_COPY, copy);
}

int vmwalk_file_poke(struct vmwalk_file *file, struct vmwalk_poke *poke)
{
	poke->size = sizeof(*poke);
	return ioctl(file->fd, VMWALK_IOC_POKE, poke);
}

int vmwalk_file_extents(struct vmwalk_file *file, struct vmwalk_scan *scan)
{
	scan->size = sizeof(*scan);
	return ioctl(file->fd, VMWALK_IOC_SCAN, scan);
}

int vmwalk_file_scan(struct vmwalk_file *file, struct vmwalk_scan *scan,
		     int (*fn)(const struct vmwalk_extent *extent, void *data), void *data)
{
	struct vmwalk_extent *extents;
	struct vmwalk_scan batch;
	int i, count, ret = 0;

	if (scan->flags || scan->max_pages) {
		errno = EINVAL;
		return -1;
	}

	scan->walk_end = scan->start;
	batch = *scan;
	extents = malloc(MAX_BATCH * sizeof(*extents));
	if (!extents)
		return -1;
	batch.vec = (uintptr_t)extents;
	batch.vec_len = FIRST_BATCH;

	do {
		batch.start = scan->walk_end;
		count = vmwalk_file_extents(file, &batch);
		if (count < 0) {
			ret = -1;
			break;
		}
		for (i = 0; !ret && i < count; i++)
			ret = fn(&extents[i], data);
		/* If fn ended the scan, resume at the next extent. */
		scan->walk_end = i < count ? extents[i].start : batch.walk_end;
		if (batch.vec_len < MAX_BATCH)
			batch.vec_len *= 2;
	} while (!ret && scan->walk_end < scan->end);

	free(extents);
	return ret;
}

long vmwalk_file_pagemap(struct vmwalk_file *file, __u64 addr, __u64 *vec, size_t count)
{
	struct vmwalk_scan scan = {
		.size = sizeof(scan),
		.flags = VMWALK_SCAN_PAGEMAP,
		.start = addr,
		.vec = (uintptr_t)vec,
	};

	/* The driver returns an int, and limits the end to that of user space. */
	scan.vec_len = count < INT_MAX ? count : INT_MAX;
	if (__builtin_add_overflow(addr, scan.vec_len * file->page_size, &scan.end))
		scan.end = UINT64_MAX;
	return ioctl(file->fd, VMWALK_IOC_SCAN, &scan);
}
