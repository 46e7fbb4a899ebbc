/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel types, in addition to those of the system's header.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_UNIT_LINUX_TYPES_H
#define VMWALK_UNIT_LINUX_TYPES_H

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef __u64 u64;

#endif /* VMWALK_UNIT_LINUX_TYPES_H */
