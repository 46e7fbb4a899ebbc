/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices: published by writing 1 to live, withdrawn by writing 0 or by rmdir.
 *
 * Copyright (C) The vmwalk authors
 *
 * Lock order, outermost first:
 *
 *   vmwalk_instance.lock
 *     dma_lock of alloc.c
 *     mmap_lock of the caller, for the test of check_unmapping() in dirty.c
 *     mmap_lock of a target, for reading
 *       vmwalk_device.dirty.clear_lock, which page faults never take
 *         vmwalk_device.dirty.lock, or the lock of a page of the buffer
 *         i_mmap_rwsem of vmwalk_device.inode or of a hugetlb file, for reading
 *           the lock of a page table
 *     xa_lock of the table of devices
 *     vmwalk_device.target_lock
 *     vmwalk_stats.reset_lock
 *
 * The lock of a page table is also taken inside dirty.lock and inside the lock
 * of a page. It is a leaf, like dma_lock, xa_lock, target_lock and
 * reset_lock: no other lock of the driver is taken inside these. The core takes
 * i_mmap_rwsem inside the mmap_lock of a process that maps a device.
 */
#ifndef VMWALK_DEVICE_H
#define VMWALK_DEVICE_H

#include <linux/device.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>

#include "buffer.h"
#include "config.h"
#include "dirty.h"
#include "stats.h"

#define VMWALK_NAME		"vmwalk"

/* Minor numbers that the driver reserves: the limit of instances. */
#define VMWALK_MAX_INSTANCES	65536

/**
 * struct vmwalk_device - a published device
 * @ref: held by the instance until vmwalk_device_withdraw(), and by each open
 *       file
 * @number: N of /dev/vmwalkN
 * @dead: the device is withdrawn, new calls fail with -ENODEV; set once, read
 *        without a lock
 * @name: name of the instance
 * @config: copy of the instance's configuration, constant
 * @buffer: the buffer
 * @dirty: write tracking of the buffer
 * @stats: counters
 * @opens: number of open files
 * @inode: its address space lists the VMAs of all mappings, and may contain the
 *         chunks of @buffer; not used otherwise
 * @dev: the device node and the sysfs directory, while published
 * @target_lock: protects @target
 * @target: the target process; NULL: the caller of each ioctl
 */
struct vmwalk_device {
	struct kref ref;
	unsigned int number;
	bool dead;
	char *name;
	struct vmwalk_config config;
	struct vmwalk_buffer buffer;
	struct vmwalk_dirty_tracker dirty;
	struct vmwalk_stats stats;
	atomic_long_t opens;
	struct inode *inode;
	struct device *dev;

	spinlock_t target_lock;		/* protects target */
	struct pid *target;
};

struct vmwalk_device *vmwalk_device_publish(unsigned int number, const char *name,
					    const struct vmwalk_config *config,
					    struct pid *target, struct vmwalk_errmsg *errmsg);
void vmwalk_device_withdraw(struct vmwalk_device *device);
struct vmwalk_device *vmwalk_device_get(unsigned int number);
struct vmwalk_device *vmwalk_device_get_by_kaddr(unsigned long addr, size_t len, size_t *offset);
void vmwalk_device_put(struct vmwalk_device *device);

static inline bool vmwalk_device_is_dead(const struct vmwalk_device *device)
{
	return READ_ONCE(device->dead);
}

/**
 * vmwalk_device_interrupted - check whether long work on a device must stop
 * @device: the device
 *
 * Call this between bounded batches of work. It may reschedule. Reads of sysfs
 * files must end when the device is withdrawn, because rmdir waits for them.
 *
 * Return: 0; -ENODEV if the device is withdrawn; -EINTR on a fatal signal.
 */
static inline int vmwalk_device_interrupted(const struct vmwalk_device *device)
{
	cond_resched();
	if (vmwalk_device_is_dead(device))
		return -ENODEV;

	return fatal_signal_pending(current) ? -EINTR : 0;
}

int vmwalk_device_init(const struct file_operations *fops, const struct attribute_group **groups);
void vmwalk_device_exit(void);

#endif /* VMWALK_DEVICE_H */
