/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mappings of a buffer: mmap and page faults.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_MAP_H
#define VMWALK_MAP_H

#include <linux/mm_types.h>

struct file;
struct vmwalk_device;

void vmwalk_map_init(struct vmwalk_device *device);
int vmwalk_map(struct vmwalk_device *device, struct vm_area_struct *vma);
unsigned long vmwalk_map_unmapped_area(const struct vmwalk_device *device, struct file *file,
				       unsigned long addr, unsigned long len, unsigned long pgoff,
				       unsigned long flags);

#endif /* VMWALK_MAP_H */
