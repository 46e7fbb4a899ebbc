/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sysfs directory of a device.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_SYSFS_H
#define VMWALK_SYSFS_H

struct attribute_group;

extern const struct attribute_group *vmwalk_sysfs_groups[];

#endif /* VMWALK_SYSFS_H */
