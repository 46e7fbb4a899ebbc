// SPDX-License-Identifier: GPL-2.0
/*
 * A device's way to life and out of it. What it takes: a config that was judged, its buffer, its
 * counters, an inode, a number under which open(2) finds it, a node and a sysfs folder.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "internal.h"
#include "trace.h"

#define VMWALK_FS_MAGIC		0x766d776b	/* "vmwk" */

static dev_t vmwalk_first_devt;
static struct cdev vmwalk_cdev;
static struct class vmwalk_class = { .name = VMWALK_NAME };

/* The way from N to its device; the array's lock makes looking up and referencing one step. */
static DEFINE_XARRAY(vmwalk_devices);

/*
 * A file system that nobody sees, for an inode per device. All descriptors of a device share the
 * inode's address space, so that it lists all the device's mappings, whichever node they came
 * through.
 */
static int vmwalk_fs_init_context(struct fs_context *fc)
{
	return init_pseudo(fc, VMWALK_FS_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type vmwalk_fs_type = {
	.name = VMWALK_NAME,
	.owner = THIS_MODULE,
	.init_fs_context = vmwalk_fs_init_context,
	.kill_sb = kill_anon_super,
};

static struct vfsmount *vmwalk_fs_mount;
static int vmwalk_fs_users;

static struct inode *vmwalk_inode_create(void)
{
	struct inode *inode;
	int err;

	err = simple_pin_fs(&vmwalk_fs_type, &vmwalk_fs_mount, &vmwalk_fs_users);
	if (err)
		return ERR_PTR(err);

	inode = alloc_anon_inode(vmwalk_fs_mount->mnt_sb);
	if (IS_ERR(inode))
		simple_release_fs(&vmwalk_fs_mount, &vmwalk_fs_users);

	return inode;
}

static void vmwalk_inode_destroy(struct inode *inode)
{
	iput(inode);
	simple_release_fs(&vmwalk_fs_mount, &vmwalk_fs_users);
}

static void vmwalk_instance_release(struct kref *ref)
{
	struct vmwalk_device *device = container_of(ref, struct vmwalk_device, ref);

	put_pid(device->target);
	vmwalk_inode_destroy(device->inode);
	vmwalk_stats_free(&device->stats);
	vmwalk_dirty_free(&device->dirty);
	vmwalk_buffer_destroy(&device->buffer);
	kfree(device->name);
	kfree(device);
}

/**
 * vmwalk_instance_put - give a reference back
 * @device: the device; freed with the last reference
 */
void vmwalk_instance_put(struct vmwalk_device *device)
{
	kref_put(&device->ref, vmwalk_instance_release);
}

/**
 * vmwalk_instance_get - find a published device
 * @number: N of vmwalkN
 *
 * Return: the device with a reference for the caller, or NULL.
 */
struct vmwalk_device *vmwalk_instance_get(unsigned int number)
{
	struct vmwalk_device *device;

	xa_lock(&vmwalk_devices);
	device = xa_load(&vmwalk_devices, number);
	if (device)
		kref_get(&device->ref);
	xa_unlock(&vmwalk_devices);

	return device;
}

/* The published device with the lowest number from *@number on, with a reference; or NULL. */
static struct vmwalk_device *get_next(unsigned long *number)
{
	struct vmwalk_device *device;

	xa_lock(&vmwalk_devices);
	device = xa_find(&vmwalk_devices, number, ULONG_MAX, XA_PRESENT);
	if (device)
		kref_get(&device->ref);
	xa_unlock(&vmwalk_devices);

	return device;
}

/**
 * vmwalk_instance_get_by_address - find the published device whose buffer some bytes are in
 * @addr: address of the first by which the kernel always knows it
 * @len: their number, at least 1
 * @offset: where to put the offset of the first in the buffer
 *
 * Return: the device with a reference for the caller, or NULL if not all of them are in one.
 */
struct vmwalk_device *vmwalk_instance_get_by_address(unsigned long addr, size_t len,
						     size_t *offset)
{
	struct vmwalk_device *device;
	unsigned long number = 0;

	for (; (device = get_next(&number)); number++) {
		if (vmwalk_buffer_find(&device->buffer, addr, len, offset))
			break;
		vmwalk_instance_put(device);
	}

	return device;
}

/**
 * vmwalk_instance_publish - make a device and show it to user space
 * @number: N of vmwalkN, reserved for the caller
 * @name: name of the item, copied
 * @config: what it shall be, copied
 * @target: the process to walk, or NULL; the device takes a reference of its own
 * @why: says why not
 *
 * Return: the device, which the caller gives to vmwalk_instance_withdraw() in the end, or an
 * ERR_PTR() with nothing left behind.
 */
struct vmwalk_device *vmwalk_instance_publish(unsigned int number, const char *name,
					      const struct vmwalk_config *config,
					      struct pid *target, struct vmwalk_reason *why)
{
	struct vmwalk_device *device;
	int err;

	err = vmwalk_config_judge(config, why);
	if (err)
		return ERR_PTR(err);

	vmwalk_refuse(why, -ENOMEM, "the kernel is out of memory for the instance itself");
	device = kzalloc(sizeof(*device), GFP_KERNEL_ACCOUNT);
	if (!device)
		return ERR_PTR(-ENOMEM);

	kref_init(&device->ref);
	spin_lock_init(&device->target_lock);
	device->number = number;
	device->config = *config;
	device->target = get_pid(target);

	err = -ENOMEM;
	device->name = kstrdup(name, GFP_KERNEL_ACCOUNT);
	if (!device->name)
		goto err_free_device;

	err = vmwalk_stats_init(&device->stats);
	if (err)
		goto err_free_name;

	device->inode = vmwalk_inode_create();
	if (IS_ERR(device->inode)) {
		err = PTR_ERR(device->inode);
		goto err_free_stats;
	}

	err = vmwalk_buffer_create(&device->buffer, config, why);
	if (err)
		goto err_free_inode;

	err = vmwalk_dirty_init(&device->dirty, config, why);
	if (err)
		goto err_free_buffer;

	/* From here on open(2) may find it, and so it ends by its reference count. */
	err = xa_err(xa_store(&vmwalk_devices, number, device, GFP_KERNEL_ACCOUNT));
	if (err) {
		vmwalk_refuse(why, err, "the kernel is out of memory for the instance itself");
		goto err_put;
	}

	device->dev = device_create_with_groups(&vmwalk_class, NULL,
						MKDEV(MAJOR(vmwalk_first_devt), number), device,
						vmwalk_sysfs_groups, VMWALK_NAME "%u", number);
	if (IS_ERR(device->dev)) {
		err = PTR_ERR(device->dev);
		vmwalk_refuse(why, err, "the kernel could not make " VMWALK_NAME "%u, error %d",
			      number, -err);
		goto err_hide;
	}

	trace_vmwalk_live(device);
	return device;

err_hide:
	WRITE_ONCE(device->dead, true);
	xa_erase(&vmwalk_devices, number);
err_put:
	vmwalk_instance_put(device);
	return ERR_PTR(err);

err_free_buffer:
	vmwalk_buffer_destroy(&device->buffer);
err_free_inode:
	vmwalk_inode_destroy(device->inode);
err_free_stats:
	vmwalk_stats_free(&device->stats);
err_free_name:
	kfree(device->name);
err_free_device:
	put_pid(device->target);
	kfree(device);
	return ERR_PTR(err);
}

/**
 * vmwalk_instance_withdraw - take a device out of user space's sight
 * @device: the device; the caller's reference goes
 *
 * Doesn't wait for descriptors or mappings. Mappings keep their data until they are unmapped.
 */
void vmwalk_instance_withdraw(struct vmwalk_device *device)
{
	/* Numb: whatever call starts now gets ENODEV. */
	WRITE_ONCE(device->dead, true);
	/* Hide: whoever opens a node with this number now finds nothing. */
	xa_erase(&vmwalk_devices, device->number);
	trace_vmwalk_dead(device);
	/* Unpublish: node and folder go. This waits for sysfs reads under way. */
	device_unregister(device->dev);
	/* Put: the last user of the device frees it. */
	vmwalk_instance_put(device);
}

/**
 * vmwalk_instance_interrupted - check whether long work on a device must stop
 * @device: the device
 *
 * To be called between bounded batches of work; reschedules. rmdir waits for
 * reads of sysfs files, so those must end when the device is withdrawn.
 *
 * Return: 0; -ENODEV if the device is withdrawn; -EINTR on a fatal signal.
 */
int vmwalk_instance_interrupted(const struct vmwalk_device *device)
{
	cond_resched();
	if (vmwalk_instance_is_dead(device))
		return -ENODEV;

	return fatal_signal_pending(current) ? -EINTR : 0;
}

int __init vmwalk_instance_init(void)
{
	int err;

	err = class_register(&vmwalk_class);
	if (err)
		return err;

	err = alloc_chrdev_region(&vmwalk_first_devt, 0, VMWALK_MAX_INSTANCES, VMWALK_NAME);
	if (err)
		goto err_class;

	cdev_init(&vmwalk_cdev, &vmwalk_file_operations);
	vmwalk_cdev.owner = THIS_MODULE;
	err = cdev_add(&vmwalk_cdev, vmwalk_first_devt, VMWALK_MAX_INSTANCES);
	if (err)
		goto err_region;

	return 0;

err_region:
	unregister_chrdev_region(vmwalk_first_devt, VMWALK_MAX_INSTANCES);
err_class:
	class_unregister(&vmwalk_class);
	return err;
}

void vmwalk_instance_exit(void)
{
	cdev_del(&vmwalk_cdev);
	unregister_chrdev_region(vmwalk_first_devt, VMWALK_MAX_INSTANCES);
	class_unregister(&vmwalk_class);
}
