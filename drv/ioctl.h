/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of a device.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_IOCTL_H
#define VMWALK_IOCTL_H

#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#include "uapi/vmwalk.h"

struct vmwalk_file;

/**
 * struct vmwalk_call - an ioctl in progress
 * @vf: the file
 * @arg: copy of the caller's structure, in the size that the driver knows;
 *       unknown flags have been rejected
 * @size: size of @arg
 * @user: the caller's structure
 * @user_size: size of the caller's structure
 */
struct vmwalk_call {
	struct vmwalk_file *vf;
	void *arg;
	size_t size;
	void __user *user;
	u32 user_size;
};

/*
 * Copying words one by one is faster than a call of copy_to_user() for the few
 * words of a structure. Callers may pass unaligned structures: not all CPUs can
 * access these by words.
 */
static inline int vmwalk_put_words(u64 __user *to, const u64 *from, size_t size)
{
	const u64 *end = from + size / sizeof(*from);

	if (!IS_ALIGNED((unsigned long)to, sizeof(*to)) || size % sizeof(*to))
		return copy_to_user(to, from, size) ? -EFAULT : 0;
	if (!user_write_access_begin(to, size))
		return -EFAULT;
	for (; from + 3 <= end; from += 3, to += 3) {
		unsafe_put_user(from[0], &to[0], fault);
		unsafe_put_user(from[1], &to[1], fault);
		unsafe_put_user(from[2], &to[2], fault);
	}
	while (from < end)
		unsafe_put_user(*from++, to++, fault);
	user_write_access_end();

	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

/**
 * vmwalk_call_respond - copy a result to the caller
 * @call: the ioctl
 *
 * Copies as much of the structure as the caller knows.
 *
 * Return: 0, or -EFAULT.
 */
static inline int vmwalk_call_respond(const struct vmwalk_call *call)
{
	return vmwalk_put_words(call->user, call->arg, min_t(size_t, call->user_size, call->size));
}

long vmwalk_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* ioctl_walk.c */
long vmwalk_ioctl_get_pfn(struct vmwalk_file *vf, unsigned long page_number);
long vmwalk_ioctl_walk(struct vmwalk_call *call);
long vmwalk_ioctl_translate(struct vmwalk_call *call);
long vmwalk_ioctl_vma(struct vmwalk_call *call);

/* ioctl_scan.c */
long vmwalk_ioctl_scan(struct vmwalk_call *call);
long vmwalk_ioctl_log(struct vmwalk_call *call);

/* ioctl_buffer.c */
long vmwalk_ioctl_dirty(struct vmwalk_call *call);
long vmwalk_ioctl_locate(struct vmwalk_call *call);
long vmwalk_ioctl_copy(struct vmwalk_call *call);
long vmwalk_ioctl_poke(struct vmwalk_call *call);

#endif /* VMWALK_IOCTL_H */
