/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The target: the process whose page tables are walked.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TARGET_H
#define VMWALK_TARGET_H

#include <linux/mm_types.h>
#include <linux/sched.h>

#include "device.h"

struct pid;
struct vmwalk_errmsg;
struct vmwalk_file;

struct pid *vmwalk_target_find(const char *text, struct vmwalk_errmsg *errmsg);
void vmwalk_target_set(struct vmwalk_device *device, struct pid *target);
int vmwalk_target_pid_nr(struct vmwalk_device *device);
struct mm_struct *vmwalk_target_mm(struct vmwalk_file *vf, int *nr);

/* Is the target of an ioctl its caller? */
static inline bool vmwalk_target_is_caller(const struct vmwalk_device *device)
{
	return !READ_ONCE(device->target) && current->mm;
}

int vmwalk_target_lock(struct mm_struct *mm);
void vmwalk_target_unlock(struct mm_struct *mm);
int vmwalk_target_access(struct vmwalk_file *vf, unsigned long addr, void *buf, int len,
			 bool write);

#endif /* VMWALK_TARGET_H */
