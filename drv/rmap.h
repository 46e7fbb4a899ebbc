/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reverse mapping: which mappings of a device exist, how many pages they map.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_RMAP_H
#define VMWALK_RMAP_H

struct vmwalk_device;

long vmwalk_rmap_count_vmas(struct vmwalk_device *device);
long vmwalk_rmap_count_pages(struct vmwalk_device *device);

#endif /* VMWALK_RMAP_H */
