/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls of a device.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_IOCTL_H
#define VMWALK_IOCTL_H

#include <linux/compiler.h>
#include <linux/types.h>

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

int vmwalk_call_respond(const struct vmwalk_call *call);
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
