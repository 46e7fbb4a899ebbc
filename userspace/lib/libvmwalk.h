/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvmwalk: vmwalk's instances and devices from C.
 *
 * Copyright (C) The vmwalk authors
 *
 * An instance is made through configfs, used through its device and watched through sysfs; the
 * three parts below follow that order. Objects are opaque. A function that fails returns NULL or -1
 * and sets errno; a function that returns a pointer says who owns what it points to. Distinct
 * objects may be used by distinct threads at the same time; one object takes one thread at a time.
 *
 * The environment variable VMWALK_SYSROOT names a folder in which sys/ and dev/ are looked for
 * instead of in /. It is there to look at a captured tree, and a program that runs with raised
 * privileges ignores it.
 */
#ifndef _VMWALK_LIBVMWALK_H
#define _VMWALK_LIBVMWALK_H

#include <stddef.h>

#include <linux/vmwalk.h>

#ifdef __cplusplus
extern "C" {
#endif

/* configfs: make it */

/**
 * struct vmwalk_instance - handle of one item under configfs
 *
 * The handle means the item itself, not its name: if the item is removed and another made under
 * the same name, calls on the old handle fail with ENOENT.
 */
struct vmwalk_instance;

/**
 * vmwalk_subsystem_get() - read a file at the top of vmwalk's configfs tree
 * @attr: name of the file, such as "available_buffer_types"
 *
 * Return: the text without its newline, for the caller to free(); NULL with ENOENT if there is no
 * such file, and so for every @attr if the driver isn't loaded.
 */
char *vmwalk_subsystem_get(const char *attr);

/**
 * vmwalk_instance_create() - make a pending instance
 * @name: name of the new item
 *
 * Return: a handle, for the caller to give to vmwalk_instance_close(); NULL with EEXIST if the name
 * is taken, EINVAL if it can't be a name, ENOENT if the driver isn't loaded.
 */
struct vmwalk_instance *vmwalk_instance_create(const char *name);

/**
 * vmwalk_instance_open() - take hold of an instance that exists
 * @name: name of the item
 *
 * Return: a handle, for the caller to give to vmwalk_instance_close(); NULL with ENOENT if there is
 * no such item.
 */
struct vmwalk_instance *vmwalk_instance_open(const char *name);

/**
 * vmwalk_instance_close() - let go of a handle
 * @instance: the handle, or NULL; it is gone afterwards
 *
 * The instance itself stays. Keeps errno.
 */
void vmwalk_instance_close(struct vmwalk_instance *instance);

/**
 * vmwalk_instance_destroy() - remove an instance, live or not
 * @instance: its handle, which remains the caller's to close
 *
 * Return: 0, or -1 with errno set.
 */
int vmwalk_instance_destroy(struct vmwalk_instance *instance);

/**
 * vmwalk_instance_name() - name of the item
 * @instance: the handle
 *
 * Return: the name, owned by the handle.
 */
const char *vmwalk_instance_name(const struct vmwalk_instance *instance);

/**
 * vmwalk_instance_dev_name() - name of the instance's device
 * @instance: the handle
 *
 * Return: the name that the driver gave it, such as "vmwalk0", owned by the handle.
 */
const char *vmwalk_instance_dev_name(const struct vmwalk_instance *instance);

/**
 * vmwalk_instance_get() - read an attribute
 * @instance: the handle
 * @attr: name of the attribute
 *
 * Return: the text without its newline, for the caller to free(); NULL with errno set.
 */
char *vmwalk_instance_get(const struct vmwalk_instance *instance, const char *attr);

/**
 * vmwalk_instance_set() - write an attribute
 * @instance: the handle
 * @attr: name of the attribute; "live" with "1" publishes the device and with "0" withdraws it
 * @value: its new value, as text
 *
 * Return: 0; or -1 with errno set and a sentence to be had from vmwalk_instance_refusal().
 * EMSGSIZE: @value is longer than configfs takes (a page less one byte), and was not written.
 */
int vmwalk_instance_set(struct vmwalk_instance *instance, const char *attr, const char *value);

/**
 * vmwalk_instance_refusal() - why the last vmwalk_instance_set() on this handle failed
 * @instance: the handle
 *
 * Return: the driver's own sentence (the item's last_error), or with EMSGSIZE the library's, owned
 * by the handle until its next call; NULL if that call succeeded or there is no sentence, when
 * errno says it all.
 */
const char *vmwalk_instance_refusal(const struct vmwalk_instance *instance);

/**
 * vmwalk_instance_for_each() - visit every instance, in the order of the bytes of their names
 * @fn: called with a handle, which is closed when it returns; anything but 0 ends the visit
 * @data: handed to @fn
 *
 * Return: 0, what @fn returned last, or -1 with errno set.
 */
int vmwalk_instance_for_each(int (*fn)(struct vmwalk_instance *instance, void *data), void *data);

/* The character device: use it */

/**
 * struct vmwalk_device - an open descriptor of one /dev/vmwalkN
 */
struct vmwalk_device;

/**
 * vmwalk_device_open() - open a device by its path
 * @path: the path of the node; VMWALK_SYSROOT is not applied to it
 *
 * Return: the device, for the caller to give to vmwalk_device_close(); NULL with errno set: ENOTTY
 * if it isn't a device of vmwalk's.
 */
struct vmwalk_device *vmwalk_device_open(const char *path);

/**
 * vmwalk_device_open_by_number() - open /dev/vmwalkN
 * @number: N
 *
 * Return: as vmwalk_device_open().
 */
struct vmwalk_device *vmwalk_device_open_by_number(unsigned int number);

/**
 * vmwalk_device_open_by_name() - open the device of an instance
 * @name: the instance's name in configfs
 *
 * Return: as vmwalk_device_open(); ENOENT also if there is no such instance or it isn't live.
 */
struct vmwalk_device *vmwalk_device_open_by_name(const char *name);

/**
 * vmwalk_device_close() - close a device
 * @device: the device, or NULL; it is gone afterwards
 *
 * Mappings made through its descriptor stay. Keeps errno.
 */
void vmwalk_device_close(struct vmwalk_device *device);

/**
 * vmwalk_device_fd() - the file descriptor, to mmap, read and write the buffer
 * @device: the device
 *
 * Return: the descriptor, owned by the device.
 */
int vmwalk_device_fd(const struct vmwalk_device *device);

/**
 * vmwalk_device_info() - what this instance is
 * @device: the device
 * @info: size is the caller's to set, to sizeof(*@info); the rest is overwritten
 *
 * Return: 0; or -1 with errno as <linux/vmwalk.h> has it.
 */
int vmwalk_device_info(struct vmwalk_device *device, struct vmwalk_info *info);

/**
 * vmwalk_device_get_pfn() - frame of the page that holds an address of the target
 * @device: the device
 * @addr: the address, in bytes
 * @pfn: where to put the page frame number, of any width
 *
 * Return: 0; or -1 with errno as <linux/vmwalk.h> has it: ENOENT if no page is present, EPERM if
 * frames are withheld.
 */
int vmwalk_device_get_pfn(struct vmwalk_device *device, __u64 addr, __u64 *pfn);

/**
 * vmwalk_device_walk() - every step from an address of the target, or of the kernel, to its page
 * @device: the device
 * @walk: size, flags and addr are the caller's to set, size to sizeof(*@walk); what is (out) is
 *        filled in
 *
 * Return: 0; or -1 with errno as <linux/vmwalk.h> has it.
 */
int vmwalk_device_walk(struct vmwalk_device *device, struct vmwalk_walk *walk);

/**
 * vmwalk_device_translate() - where many addresses of the target lead
 * @device: the device
 * @vec: an element for each address, in any order; addr is the caller's to set, the rest is
 *       overwritten
 * @count: elements in @vec, at least 1
 *
 * Return: 0; or -1 with errno as <linux/vmwalk.h> has it, and a part of @vec may be filled in.
 */
int vmwalk_device_translate(struct vmwalk_device *device, struct vmwalk_translation *vec,
			    size_t count);

/**
 * vmwalk_device_scan() - visit the extents of a range of the target's addresses
 * @device: the device
 * @scan: size (sizeof(*@scan)), start, end and the masks are the caller's to set, and so are
 *        max_pages and flags, which must be 0; vec and vec_len are the library's. walk_end tells
 *        where the scan came to and can go on, also when it failed half way or @fn ended it.
 * @fn: called for each extent, in the order of addresses; anything but 0 ends the scan, and so the
 *      extent that it was called with is the last
 * @data: handed to @fn
 *
 * Extents are fetched a portion at a time, so the first come at once and memory doesn't grow with
 * their number.
 *
 * Return: 0, what @fn returned last, or -1 with errno as <linux/vmwalk.h> has it.
 */
int vmwalk_device_scan(struct vmwalk_device *device, struct vmwalk_scan *scan,
		       int (*fn)(const struct vmwalk_extent *extent, void *data), void *data);

/**
 * vmwalk_device_vma() - the mapping of the target that covers an address, or the next one
 * @device: the device
 * @vma: size and addr are the caller's to set, size to sizeof(*@vma); what is (out) is filled in
 *
 * With addr 0 at first and end of the last answer from then on all mappings come, in the order of
 * their addresses.
 *
 * Return: 0; or -1 with errno as <linux/vmwalk.h> has it: ENOENT if no mapping ends above addr.
 */
int vmwalk_device_vma(struct vmwalk_device *device, struct vmwalk_vma *vma);

/**
 * vmwalk_device_log() - extents of the target to the kernel log, a line each
 * @device: the device
 * @log: all but walk_end is the caller's to set, size to sizeof(*@log)
 *
 * walk_end tells where to go on, if it is below end.
 *
 * Return: the number of lines; or -1 with errno as <linux/vmwalk.h> has it: EPERM unless the device
 * was opened with CAP_SYS_ADMIN.
 */
int vmwalk_device_log(struct vmwalk_device *device, struct vmwalk_log *log);

/**
 * vmwalk_device_dirty() - the pages of the buffer that were written
 * @device: the device; its instance has track_dirty
 * @dirty: all but pages is the caller's to set, size to sizeof(*@dirty)
 *
 * Return: 0 with the bitmap and pages filled in; or -1 with errno as <linux/vmwalk.h> has it:
 * ENODATA if the instance doesn't track.
 */
int vmwalk_device_dirty(struct vmwalk_device *device, struct vmwalk_dirty *dirty);

/**
 * vmwalk_device_buffer() - where a byte of the buffer is, for the kernel and in physical memory
 * @device: the device
 * @place: size and offset are the caller's to set, size to sizeof(*@place); what is (out) is filled
 *         in
 *
 * Return: 0; or -1 with errno as <linux/vmwalk.h> has it: EPERM unless the device was opened with
 * CAP_SYS_ADMIN.
 */
int vmwalk_device_buffer(struct vmwalk_device *device, struct vmwalk_locate *location);

/**
 * vmwalk_device_copy() - bytes between the buffer and the target, or from another buffer
 * @device: the device
 * @copy: all but copied is the caller's to set, size to sizeof(*@copy)
 *
 * copied may be less than length: what the target may not read or write itself ends a copy.
 *
 * Return: 0 with copied filled in; or -1 with errno as <linux/vmwalk.h> has it: EFAULT if not even
 * the first byte could be copied.
 */
int vmwalk_device_copy(struct vmwalk_device *device, struct vmwalk_copy *copy);

/**
 * vmwalk_device_poke() - a byte that the driver stores in the caller's memory
 * @device: the device
 * @poke: all but faults is the caller's to set, size to sizeof(*@poke)
 *
 * Return: 0 with faults filled in; or -1 with errno as <linux/vmwalk.h> has it: EFAULT where the
 * caller could not write itself.
 */
int vmwalk_device_poke(struct vmwalk_device *device, struct vmwalk_poke *poke);

/* sysfs: watch it. No descriptor is needed, so looking doesn't count as an open. */

/**
 * vmwalk_sysfs_get() - read a file of a device's sysfs folder
 * @dev_name: name of the device, such as vmwalk_instance_dev_name() returns
 * @file: name of the file, such as "segments" or "stats/faults"
 *
 * Return: the text without its newline, for the caller to free(); NULL with ENOENT if the device
 * isn't live or has no such file.
 */
char *vmwalk_sysfs_get(const char *dev_name, const char *file);

/**
 * vmwalk_sysfs_counter() - read a counter of a device
 * @dev_name: name of the device
 * @counter: name of the counter, such as "faults"
 * @value: where to put it
 *
 * Return: 0; or -1 with ENOENT if the device isn't live or has no such counter.
 */
int vmwalk_sysfs_counter(const char *dev_name, const char *counter, __u64 *value);

#ifdef __cplusplus
}
#endif

#endif /* _VMWALK_LIBVMWALK_H */
