// SPDX-License-Identifier: GPL-2.0
/*
 * Device lifetime: publish, look up, withdraw.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/cdev.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "device.h"
#include "errmsg.h"
#include "map.h"
#include "trace.h"

#define VMWALK_FS_MAGIC		0x766d776b	/* "vmwk" */

static dev_t vmwalk_first_devt;
static struct cdev vmwalk_cdev;
static struct class vmwalk_class = { .name = VMWALK_NAME };

/* Devices by number. Hold xa_lock from looking up to referencing a device. */
static DEFINE_XARRAY(vmwalk_devices);

/*
 * A file system that user space cannot mount, with one inode per device. All
 * open files of a device share the address space of this inode. It lists all
 * mappings of the device, even if there are several device nodes.
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

static void vmwalk_device_release(struct kref *ref)
{
	struct vmwalk_device *device = container_of(ref, struct vmwalk_device, ref);

	put_pid(device->target);
	vmwalk_dirty_free(&device->dirty);
	vmwalk_buffer_destroy(&device->buffer);
	vmwalk_inode_destroy(device->inode);
	vmwalk_stats_free(&device->stats);
	kfree(device->name);
	kfree(device);
}

/**
 * vmwalk_device_put - drop a reference
 * @device: the device; freed with the last reference
 */
void vmwalk_device_put(struct vmwalk_device *device)
{
	kref_put(&device->ref, vmwalk_device_release);
}

/**
 * vmwalk_device_get - look up a published device
 * @number: N of /dev/vmwalkN
 *
 * Return: the device, referenced, or NULL.
 */
struct vmwalk_device *vmwalk_device_get(unsigned int number)
{
	struct vmwalk_device *device;

	xa_lock(&vmwalk_devices);
	device = xa_load(&vmwalk_devices, number);
	if (device)
		kref_get(&device->ref);
	xa_unlock(&vmwalk_devices);

	return device;
}

/* Get the device with the lowest number that is at least *@number, or NULL. */
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
 * vmwalk_device_get_by_kaddr - look up the device whose buffer contains a range
 * @addr: permanent kernel address of the first byte
 * @len: number of bytes, at least 1
 * @offset: set to the offset of the first byte in the buffer
 *
 * Return: the device, referenced; NULL if no buffer contains the whole range.
 */
struct vmwalk_device *vmwalk_device_get_by_kaddr(unsigned long addr, size_t len, size_t *offset)
{
	struct vmwalk_device *device;
	unsigned long number = 0;

	for (; (device = get_next(&number)); number++) {
		if (vmwalk_buffer_find_kaddr(&device->buffer, addr, len, offset))
			break;
		vmwalk_device_put(device);
	}

	return device;
}

static int no_memory(struct vmwalk_errmsg *errmsg)
{
	return vmwalk_errmsg_set(errmsg, -ENOMEM, "no memory for the device itself");
}

/* Allocate a device, without its device node. */
static struct vmwalk_device *vmwalk_device_alloc(unsigned int number, const char *name,
						 const struct vmwalk_config *config,
						 struct pid *target, struct vmwalk_errmsg *errmsg)
{
	struct vmwalk_device *device;
	int err;

	device = kzalloc(sizeof(*device), GFP_KERNEL_ACCOUNT);
	if (!device)
		return ERR_PTR(no_memory(errmsg));

	kref_init(&device->ref);
	spin_lock_init(&device->target_lock);
	device->number = number;
	device->config = *config;
	device->target = get_pid(target);

	device->name = kstrdup(name, GFP_KERNEL_ACCOUNT);
	if (!device->name) {
		err = no_memory(errmsg);
		goto err_free_device;
	}

	if (vmwalk_stats_init(&device->stats)) {
		err = no_memory(errmsg);
		goto err_free_name;
	}

	device->inode = vmwalk_inode_create();
	if (IS_ERR(device->inode)) {
		err = PTR_ERR(device->inode);
		vmwalk_errmsg_set(errmsg, err, "could not create an inode: error %d", -err);
		goto err_free_stats;
	}

	err = vmwalk_buffer_create(&device->buffer, config, device->inode->i_mapping, errmsg);
	if (err)
		goto err_free_inode;

	err = vmwalk_dirty_init(device, vmwalk_fs_mount, errmsg);
	if (err)
		goto err_free_buffer;

	vmwalk_map_init(device);
	return device;

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

static void vmwalk_dev_release(struct device *dev)
{
	kfree(dev);
}

/*
 * Create the device node and the sysfs directory. device_create() would also
 * create a directory for power management, with five files.
 */
static struct device *vmwalk_dev_create(struct vmwalk_device *device)
{
	struct device *dev;
	int err;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);
	if (!dev)
		return ERR_PTR(-ENOMEM);

	device_initialize(dev);
	device_set_pm_not_required(dev);
	dev->devt = MKDEV(MAJOR(vmwalk_first_devt), device->number);
	dev->class = &vmwalk_class;
	dev->release = vmwalk_dev_release;
	dev_set_drvdata(dev, device);
	err = dev_set_name(dev, VMWALK_NAME "%u", device->number);
	if (!err)
		err = device_add(dev);
	if (err) {
		put_device(dev);
		return ERR_PTR(err);
	}

	return dev;
}

/**
 * vmwalk_device_publish - create a device and show it to user space
 * @number: N of /dev/vmwalkN, reserved for the caller
 * @name: name of the instance; copied
 * @config: its configuration; copied
 * @target: the target process, or NULL; the device takes its own reference
 * @errmsg: set on error
 *
 * Return: the device, to be passed to vmwalk_device_withdraw(), or an
 * ERR_PTR().
 */
struct vmwalk_device *vmwalk_device_publish(unsigned int number, const char *name,
					    const struct vmwalk_config *config,
					    struct pid *target, struct vmwalk_errmsg *errmsg)
{
	struct vmwalk_device *device;
	int err;

	err = vmwalk_config_validate(config, errmsg);
	if (err)
		return ERR_PTR(err);

	device = vmwalk_device_alloc(number, name, config, target, errmsg);
	if (IS_ERR(device))
		return device;

	/* open() can find the device from here on: undo by put(). */
	err = xa_err(xa_store(&vmwalk_devices, number, device, GFP_KERNEL_ACCOUNT));
	if (err) {
		err = no_memory(errmsg);
		goto err_put;
	}

	device->dev = vmwalk_dev_create(device);
	if (IS_ERR(device->dev)) {
		err = PTR_ERR(device->dev);
		vmwalk_errmsg_set(errmsg, err,
				  "could not create the device " VMWALK_NAME "%u: error %d",
				  number, -err);
		goto err_erase;
	}

	trace_vmwalk_live(device);
	return device;

err_erase:
	WRITE_ONCE(device->dead, true);
	xa_erase(&vmwalk_devices, number);
err_put:
	vmwalk_device_put(device);
	return ERR_PTR(err);
}

/**
 * vmwalk_device_withdraw - remove a device from user space
 * @device: the device; the caller's reference is dropped
 *
 * Does not wait for open files or mappings. Mappings stay usable until they are
 * unmapped.
 */
void vmwalk_device_withdraw(struct vmwalk_device *device)
{
	/* 1. Fail new calls with -ENODEV. */
	WRITE_ONCE(device->dead, true);
	/* 2. Fail new open() calls. */
	xa_erase(&vmwalk_devices, device->number);
	trace_vmwalk_dead(device);
	/* 3. Remove the node and the sysfs directory; waits for sysfs reads. */
	device_unregister(device->dev);
	/* 4. The last user frees the device. */
	vmwalk_device_put(device);
}

/**
 * vmwalk_device_init - register the character device and the device class
 * @fops: file operations of all devices
 * @groups: sysfs attributes of all devices
 *
 * Return: 0, or a negative errno.
 */
int __init vmwalk_device_init(const struct file_operations *fops,
			      const struct attribute_group **groups)
{
	int err;

	vmwalk_class.dev_groups = groups;
	err = class_register(&vmwalk_class);
	if (err)
		return err;

	err = alloc_chrdev_region(&vmwalk_first_devt, 0, VMWALK_MAX_INSTANCES, VMWALK_NAME);
	if (err)
		goto err_class;

	cdev_init(&vmwalk_cdev, fops);
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

void vmwalk_device_exit(void)
{
	cdev_del(&vmwalk_cdev);
	unregister_chrdev_region(vmwalk_first_devt, VMWALK_MAX_INSTANCES);
	class_unregister(&vmwalk_class);
}
