// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Devices: open descriptors of /dev/vmwalkN and the calls on them.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"
#include "libvmwalk.h"

/*
 * Extents that one call of VMWALK_IOC_SCAN returns: few at first, so that the caller sees some at
 * once, then more from call to call, 16 KiB of them in the end.
 */
#define FIRST_PORTION	16
#define LAST_PORTION	512

struct vmwalk_device {
	int fd;
	__u32 page_size;
};

struct vmwalk_device *vmwalk_device_open(const char *path)
{
	struct vmwalk_info info = { .size = sizeof(info) };
	struct vmwalk_device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;

	device->fd = vmwalk_open(AT_FDCWD, path, O_RDWR);
	if (device->fd < 0 || vmwalk_device_info(device, &info)) {
		vmwalk_device_close(device);
		return NULL;
	}
	device->page_size = info.page_size;
	return device;
}

struct vmwalk_device *vmwalk_device_open_by_number(unsigned int number)
{
	char *path = vmwalk_path(VMWALK_DEV "/vmwalk%u", number);
	struct vmwalk_device *device;

	if (!path)
		return NULL;
	device = vmwalk_device_open(path);
	free(path);
	return device;
}

struct vmwalk_device *vmwalk_device_open_by_name(const char *name)
{
	struct vmwalk_instance *instance = vmwalk_instance_open(name);
	struct vmwalk_device *device = NULL;
	char *path;

	if (!instance)
		return NULL;
	path = vmwalk_path(VMWALK_DEV "/%s", vmwalk_instance_dev_name(instance));
	if (path)
		device = vmwalk_device_open(path);
	free(path);
	vmwalk_instance_close(instance);
	return device;
}

void vmwalk_device_close(struct vmwalk_device *device)
{
	int saved = errno;

	if (!device)
		return;
	if (device->fd >= 0)
		close(device->fd);
	free(device);
	errno = saved;
}

int vmwalk_device_fd(const struct vmwalk_device *device)
{
	return device->fd;
}

int vmwalk_device_info(struct vmwalk_device *device, struct vmwalk_info *info)
{
	return ioctl(device->fd, VMWALK_IOC_INFO, info);
}

int vmwalk_device_get_pfn(struct vmwalk_device *device, __u64 addr, __u64 *pfn)
{
	struct vmwalk_walk walk = { .size = sizeof(walk), .addr = addr };
	int ret;

	ret = ioctl(device->fd, VMWALK_IOC_GET_PFN, (unsigned long)(addr / device->page_size));
	if (ret >= 0) {
		*pfn = ret;
		return 0;
	}
	if (errno != EOVERFLOW)
		return -1;

	/* The frame number is too wide for ioctl(2)'s int; a walk tells it in 64 bits. */
	if (vmwalk_device_walk(device, &walk))
		return -1;
	if (!(walk.state & VMWALK_PRESENT)) {
		errno = ENOENT;
		return -1;
	}
	*pfn = walk.pfn;
	return 0;
}

int vmwalk_device_walk(struct vmwalk_device *device, struct vmwalk_walk *walk)
{
	return ioctl(device->fd, VMWALK_IOC_WALK, walk);
}

int vmwalk_device_translate(struct vmwalk_device *device, struct vmwalk_translation *vec,
			    size_t count)
{
	struct vmwalk_translate translate = {
		.size = sizeof(translate),
		.vec = (uintptr_t)vec,
		.vec_len = count,
	};

	return ioctl(device->fd, VMWALK_IOC_TRANSLATE, &translate);
}

int vmwalk_device_vma(struct vmwalk_device *device, struct vmwalk_vma *vma)
{
	return ioctl(device->fd, VMWALK_IOC_VMA, vma);
}

int vmwalk_device_log(struct vmwalk_device *device, struct vmwalk_log *log)
{
	return ioctl(device->fd, VMWALK_IOC_LOG, log);
}

int vmwalk_device_dirty(struct vmwalk_device *device, struct vmwalk_dirty *dirty)
{
	return ioctl(device->fd, VMWALK_IOC_DIRTY, dirty);
}

int vmwalk_device_buffer(struct vmwalk_device *device, struct vmwalk_locate *location)
{
	return ioctl(device->fd, VMWALK_IOC_LOCATE, location);
}

int vmwalk_device_copy(struct vmwalk_device *device, struct vmwalk_copy *copy)
{
	return ioctl(device->fd, VMWALK_IOC_COPY, copy);
}

int vmwalk_device_poke(struct vmwalk_device *device, struct vmwalk_poke *poke)
{
	return ioctl(device->fd, VMWALK_IOC_POKE, poke);
}

int vmwalk_device_scan(struct vmwalk_device *device, struct vmwalk_scan *scan,
		       int (*fn)(const struct vmwalk_extent *extent, void *data), void *data)
{
	struct vmwalk_extent *extents;
	struct vmwalk_scan portion;
	int i, count, ret = 0;

	if (scan->size != sizeof(*scan) || scan->flags || scan->max_pages) {
		errno = EINVAL;
		return -1;
	}

	scan->walk_end = scan->start;
	portion = *scan;
	extents = malloc(LAST_PORTION * sizeof(*extents));
	if (!extents)
		return -1;
	portion.vec = (uintptr_t)extents;
	portion.vec_len = FIRST_PORTION;

	do {
		portion.start = scan->walk_end;
		count = ioctl(device->fd, VMWALK_IOC_SCAN, &portion);
		if (count < 0) {
			ret = -1;
			break;
		}
		for (i = 0; !ret && i < count; i++)
			ret = fn(&extents[i], data);
		/* Extents that fn isn't to get any more are still to come. */
		scan->walk_end = i < count ? extents[i].start : portion.walk_end;
		if (portion.vec_len < LAST_PORTION)
			portion.vec_len *= 2;
	} while (!ret && scan->walk_end < scan->end);

	free(extents);
	return ret;
}
