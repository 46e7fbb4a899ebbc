/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Formatting into a page. Aborts where the kernel warns.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_UNIT_LINUX_SYSFS_H
#define VMWALK_UNIT_LINUX_SYSFS_H

#include <linux/compiler_attributes.h>

__printf(2, 3)
int sysfs_emit(char *page, const char *fmt, ...);
__printf(3, 4)
int sysfs_emit_at(char *page, int at, const char *fmt, ...);

#endif /* VMWALK_UNIT_LINUX_SYSFS_H */
