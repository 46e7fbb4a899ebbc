/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Write tracking: which pages of a buffer were written.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_DIRTY_H
#define VMWALK_DIRTY_H

#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct vmwalk_device;
struct vmwalk_errmsg;
struct vfsmount;

/* Without track_dirty, bits is NULL and the locks are not used. */
struct vmwalk_dirty_tracker {
	unsigned long *bits;		/* one for each page of the buffer */
	struct mutex lock;		/* see dirty.c */
	struct mutex clear_lock;	/* serializes clearing, see dirty.c */
};

int vmwalk_dirty_init(struct vmwalk_device *device, struct vfsmount *mount,
		      struct vmwalk_errmsg *errmsg);
void vmwalk_dirty_free(struct vmwalk_dirty_tracker *tracker);

/* Setting bits: page faults, and writes by the driver. */
vm_fault_t vmwalk_dirty_pfn_mkwrite(struct vmwalk_device *device, struct vm_fault *vmf,
				    pgprot_t prot);
vm_fault_t vmwalk_dirty_page_mkwrite(struct vmwalk_device *device, struct vm_fault *vmf);
void vmwalk_dirty_mark(struct vmwalk_device *device, size_t offset, size_t len);

/* Reading and clearing bits: VMWALK_IOC_DIRTY and sysfs. */
long vmwalk_dirty_count(struct vmwalk_device *device);
int vmwalk_dirty_collect(struct vmwalk_device *device, unsigned long first, unsigned long count,
			 bool clear, unsigned long *bitmap);
void vmwalk_dirty_return(struct vmwalk_device *device, unsigned long first, unsigned long count,
			 const unsigned long *bitmap);

#endif /* VMWALK_DIRTY_H */
