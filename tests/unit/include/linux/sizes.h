/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sizes in bytes.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_UNIT_LINUX_SIZES_H
#define VMWALK_UNIT_LINUX_SIZES_H

#define SZ_64K		0x10000
#define SZ_1M		0x100000

#endif /* VMWALK_UNIT_LINUX_SIZES_H */
