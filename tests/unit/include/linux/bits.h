/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bit masks.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_UNIT_LINUX_BITS_H
#define VMWALK_UNIT_LINUX_BITS_H

#define BIT(nr)		(1UL << (nr))

#endif /* VMWALK_UNIT_LINUX_BITS_H */
