/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvmwalk: create, use and monitor vmwalk instances from C.
 *
 * Copyright (C) The vmwalk authors
 *
 * An instance is a directory in configfs. While it is live it has a device,
 * with counters in sysfs. A file is an open file description of that device.
 *
 * Functions that fail return NULL or -1 and set errno. Functions that return a
 * pointer document its owner. Objects are opaque. Different threads may use
 * different objects concurrently; calls on one object must be serialized.
 *
 * The library sets the size field of every structure that it passes to the
 * driver. A release that changes a structure changes the library's soname.
 *
 * If the environment variable VMWALK_SYSROOT is set, it is prefixed to paths
 * below /sys and /dev, to read a captured tree. Programs with raised privileges
 * ignore it, see secure_getenv(3).
 */
#ifndef _VMWALK_LIBVMWALK_H
#define _VMWALK_LIBVMWALK_H

#include <stddef.h>

#include <linux/vmwalk.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Instances: configfs */

/*
 * Handle of an instance. It refers to one instance, not to a name: if the
 * instance is removed and another one is created with the same name, calls on
 * the old handle fail with ENOENT.
 */
struct vmwalk_instance;

/**
 * vmwalk_subsystem_get() - read a file at the top of vmwalk's configfs tree
 * @attr: name of the file, such as "available_buffer_types"
 *
 * Return: the text without its final newline, to be freed with free(); NULL on
 * error. ENOENT: the file does not exist, or the module is not loaded.
 */
char *vmwalk_subsystem_get(const char *attr);

/**
 * vmwalk_instance_create() - create a pending instance
 * @name: name of the new instance
 *
 * Return: a handle, to be closed with vmwalk_instance_close(); NULL on error.
 * EEXIST: the name is in use. EINVAL: the name is empty, "." or "..", or
 * contains a slash. ENOENT: the module is not loaded.
 */
struct vmwalk_instance *vmwalk_instance_create(const char *name);

/**
 * vmwalk_instance_open() - open an existing instance
 * @name: name of the instance
 *
 * Return: a handle, to be closed with vmwalk_instance_close(); NULL on error.
 * ENOENT: the instance does not exist.
 */
struct vmwalk_instance *vmwalk_instance_open(const char *name);

/**
 * vmwalk_instance_close() - free a handle
 * @instance: the handle, or NULL
 *
 * The instance itself is not removed. Preserves errno.
 */
void vmwalk_instance_close(struct vmwalk_instance *instance);

/**
 * vmwalk_instance_destroy() - remove an instance, pending or live
 * @instance: the handle, which the caller still has to close
 *
 * Return: 0, or -1 with errno set.
 */
int vmwalk_instance_destroy(struct vmwalk_instance *instance);

/**
 * vmwalk_instance_name() - get the name of an instance
 * @instance: the handle
 *
 * Return: the name, owned by the handle.
 */
const char *vmwalk_instance_name(const struct vmwalk_instance *instance);

/**
 * vmwalk_instance_dev_name() - get the name of an instance's device
 * @instance: the handle
 *
 * A pending instance has a device name, too, but no device yet.
 *
 * Return: the name, such as "vmwalk0", owned by the handle.
 */
const char *vmwalk_instance_dev_name(const struct vmwalk_instance *instance);

/**
 * vmwalk_instance_get() - read an attribute
 * @instance: the handle
 * @attr: name of the attribute
 *
 * Return: the text without its final newline, to be freed with free(); NULL
 * with errno set on error.
 */
char *vmwalk_instance_get(const struct vmwalk_instance *instance, const char *attr);

/**
 * vmwalk_instance_set() - write an attribute
 * @instance: the handle
 * @attr: name of the attribute. Writing "1" to "live" publishes the device,
 *        writing "0" withdraws it.
 * @value: the new value, as text
 *
 * Return: 0; or -1 with errno set, see also vmwalk_instance_last_error().
 * EMSGSIZE: @value is longer than the page size minus 1, the limit of configfs;
 * nothing was written.
 */
int vmwalk_instance_set(struct vmwalk_instance *instance, const char *attr, const char *value);

/**
 * vmwalk_instance_last_error() - get the error message of the last write
 * @instance: the handle
 *
 * Return: the message of the last vmwalk_instance_set() on this handle, owned
 * by the handle and valid until the next call on it; NULL if that call
 * succeeded or failed without a message.
 */
const char *vmwalk_instance_last_error(const struct vmwalk_instance *instance);

/**
 * vmwalk_instance_for_each() - call a function for each instance
 * @fn: the function. Its handle is closed when it returns. A return value other
 *      than 0 ends the iteration.
 * @data: passed to @fn
 *
 * Instances are sorted by name, in byte order.
 *
 * Return: 0, the value with which @fn ended the iteration, or -1 with errno
 * set.
 */
int vmwalk_instance_for_each(int (*fn)(struct vmwalk_instance *instance, void *data), void *data);

/* Devices: sysfs. Reading it does not open the device. */

/**
 * vmwalk_device_get() - read a file of a device's sysfs directory
 * @dev_name: name of the device, see vmwalk_instance_dev_name()
 * @file: name of the file, such as "segments" or "stats/faults"
 *
 * Return: the text without its final newline, to be freed with free(); NULL on
 * error. ENOENT: the instance is not live, or the file does not exist.
 */
char *vmwalk_device_get(const char *dev_name, const char *file);

/**
 * vmwalk_device_counter() - read a counter of a device
 * @dev_name: name of the device, see vmwalk_instance_dev_name()
 * @counter: name of the counter, such as "faults"
 * @value: set to the counter's value
 *
 * Return: 0, or -1 on error. ENOENT: the instance is not live, or the counter
 * does not exist.
 */
int vmwalk_device_counter(const char *dev_name, const char *counter, __u64 *value);

/* Files: the character device */

/*
 * An open file description of a device
 *
 * <linux/vmwalk.h> lists the errors of the ioctls behind the functions below,
 * and marks the fields of their structures (in) or (out). The caller sets the
 * fields marked (in), except for size.
 */
struct vmwalk_file;

/**
 * vmwalk_file_open() - open a device by path
 * @path: path of the device node; VMWALK_SYSROOT is not prefixed
 *
 * Return: the file, to be closed with vmwalk_file_close(); NULL with errno set
 * on error. ENOTTY: @path is not a vmwalk device.
 */
struct vmwalk_file *vmwalk_file_open(const char *path);

/**
 * vmwalk_file_open_by_number() - open /dev/vmwalkN
 * @number: N
 *
 * Return: as vmwalk_file_open().
 */
struct vmwalk_file *vmwalk_file_open_by_number(unsigned int number);

/**
 * vmwalk_file_open_by_name() - open the device of an instance
 * @name: name of the instance
 *
 * Return: as vmwalk_file_open(). ENOENT: the instance does not exist, or is not
 * live.
 */
struct vmwalk_file *vmwalk_file_open_by_name(const char *name);

/**
 * vmwalk_file_close() - close a file
 * @file: the file, or NULL
 *
 * Mappings of the file stay. Preserves errno.
 */
void vmwalk_file_close(struct vmwalk_file *file);

/**
 * vmwalk_file_fd() - get the file descriptor, to mmap, read or write the buffer
 * @file: the file
 *
 * Return: the descriptor, owned by the file. It is never 0, 1 or 2.
 */
int vmwalk_file_fd(const struct vmwalk_file *file);

/**
 * vmwalk_file_info() - get the properties of the device and its buffer
 * @file: the file
 * @info: filled in; need not be initialized
 *
 * Return: 0, or -1 with errno set.
 */
int vmwalk_file_info(struct vmwalk_file *file, struct vmwalk_info *info);

/**
 * vmwalk_file_get_pfn() - get the PFN of a page of the target
 * @file: the file, opened with CAP_SYS_ADMIN
 * @addr: an address in the page, in bytes
 * @pfn: set to the page frame number, even if it does not fit into an int
 *
 * Return: 0, or -1 with errno set. ENOENT: no page is present. EPERM: the
 * opener lacks CAP_SYS_ADMIN, or CAP_SYS_PTRACE for another process.
 */
int vmwalk_file_get_pfn(struct vmwalk_file *file, __u64 addr, __u64 *pfn);

/**
 * vmwalk_file_walk() - walk the page tables for one address
 * @file: the file
 * @walk: flags and addr are set by the caller; the fields marked (out) are
 *        filled in
 *
 * Return: 0, or -1 with errno set.
 */
int vmwalk_file_walk(struct vmwalk_file *file, struct vmwalk_walk *walk);

/**
 * vmwalk_file_translate() - translate addresses of the target
 * @file: the file
 * @vec: one element for each address, in any order; addr is set by the caller,
 *       the other fields are filled in
 * @count: number of elements in @vec, at least 1
 *
 * Return: 0; or -1 with errno set, in which case elements of @vec may have been
 * filled in.
 */
int vmwalk_file_translate(struct vmwalk_file *file, struct vmwalk_translation *vec, size_t count);

/**
 * vmwalk_file_extents() - read extents of an address range into an array
 * @file: the file
 * @scan: all fields but size are set by the caller; walk_end is set to the
 *        address at which to resume, if it is below end
 *
 * Return: the number of extents in vec, or -1 with errno set.
 */
int vmwalk_file_extents(struct vmwalk_file *file, struct vmwalk_scan *scan);

/**
 * vmwalk_file_scan() - call a function for each extent of an address range
 * @file: the file
 * @scan: start, end and the masks are set by the caller; flags and max_pages
 *        must be 0; vec and vec_len are ignored. walk_end is set to the address
 *        at which the scan ended and can be resumed, even if it failed.
 * @fn: the function, called in address order. A return value other than 0 ends
 *      the scan after that extent.
 * @data: passed to @fn
 *
 * Extents are read in batches, so the memory used does not depend on their
 * number. The first batch is small, so @fn is called early.
 *
 * Return: 0, the value with which @fn ended the scan, or -1 with errno set.
 * EINVAL: as for VMWALK_IOC_SCAN, and if flags or max_pages is not 0.
 */
int vmwalk_file_scan(struct vmwalk_file *file, struct vmwalk_scan *scan,
		     int (*fn)(const struct vmwalk_extent *extent, void *data), void *data);

/**
 * vmwalk_file_pagemap() - read entries in the format of /proc/PID/pagemap
 * @file: the file
 * @addr: address of the first page of the target, a multiple of the page size
 * @vec: filled in with an entry for each page
 * @count: number of entries, at least 1
 *
 * Replaces pread(pagemap, vec, count * 8, addr / page_size * 8) of an open
 * /proc/PID/pagemap. docs/uapi/scan_pagemap.md lists the bits that differ.
 *
 * Return: the number of entries, at most INT_MAX, and less than @count at the end
 * of user space; or -1 with errno set. EINVAL: @addr is not a multiple of the
 * page size, or is beyond user space.
 */
long vmwalk_file_pagemap(struct vmwalk_file *file, __u64 addr, __u64 *vec, size_t count);

/**
 * vmwalk_file_vma() - get the target's mapping at an address, or the next one
 * @file: the file
 * @vma: addr is set by the caller; the fields marked (out) are filled in
 *
 * To list all mappings, start with addr 0 and then use the end of the previous
 * mapping.
 *
 * Return: 0, or -1 with errno set. ENOENT: no mapping ends above addr.
 */
int vmwalk_file_vma(struct vmwalk_file *file, struct vmwalk_vma *vma);

/**
 * vmwalk_file_log() - write extents of the target to the kernel log
 * @file: the file, opened with CAP_SYS_ADMIN
 * @log: start, end and lines are set by the caller. walk_end is set to the
 *       address at which to resume, if it is below end.
 *
 * Return: the number of lines written, or -1 with errno set. EPERM: the opener
 * lacks CAP_SYS_ADMIN, or CAP_SYS_PTRACE for another process.
 */
int vmwalk_file_log(struct vmwalk_file *file, struct vmwalk_log *log);

/**
 * vmwalk_file_dirty() - read, and optionally clear, the buffer's dirty bitmap
 * @file: the file; with VMWALK_DIRTY_CLEAR it must be open for writing
 * @dirty: all fields but pages are set by the caller; pages is filled in, and
 *         the bitmap is written
 *
 * Return: 0, or -1 with errno set. ENODATA: track_dirty of the instance is 0.
 */
int vmwalk_file_dirty(struct vmwalk_file *file, struct vmwalk_dirty *dirty);

/**
 * vmwalk_file_locate() - get the kernel and physical address of a buffer offset
 * @file: the file, opened with CAP_SYS_ADMIN
 * @location: offset, in bytes, is set by the caller; the fields marked (out)
 *            are filled in
 *
 * Return: 0, or -1 with errno set. EPERM: the opener lacks CAP_SYS_ADMIN.
 */
int vmwalk_file_locate(struct vmwalk_file *file, struct vmwalk_locate *location);

/**
 * vmwalk_file_copy() - copy between the buffer and the target or another buffer
 * @file: the file
 * @copy: all fields but copied are set by the caller. copied is set to the
 *        number of bytes copied, which is less than length if a page was
 *        inaccessible to the target.
 *
 * Return: 0, or -1 with errno set. EFAULT: the first byte is inaccessible.
 */
int vmwalk_file_copy(struct vmwalk_file *file, struct vmwalk_copy *copy);

/**
 * vmwalk_file_poke() - let the driver store a byte in the caller's memory
 * @file: the file
 * @poke: addr and value are set by the caller; faults is set to the number of
 *        page faults that the store took
 *
 * Return: 0, or -1 with errno set. EFAULT: the caller may not write to addr.
 */
int vmwalk_file_poke(struct vmwalk_file *file, struct vmwalk_poke *poke);

/* Names */

/**
 * vmwalk_state_name() - get the name of a page-table entry flag
 * @flag: one of VMWALK_PRESENT to VMWALK_HUGE
 *
 * Return: a static string, such as "soft_dirty" for VMWALK_SOFT_DIRTY; NULL if
 * @flag is not exactly one known flag.
 */
const char *vmwalk_state_name(__u32 flag);

#ifdef __cplusplus
}
#endif

#endif /* _VMWALK_LIBVMWALK_H */
