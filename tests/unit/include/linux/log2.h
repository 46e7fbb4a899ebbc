/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Powers of two.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_UNIT_LINUX_LOG2_H
#define VMWALK_UNIT_LINUX_LOG2_H

#include <linux/types.h>

static inline bool is_power_of_2(unsigned long n)
{
	return n && !(n & (n - 1));
}

#endif /* VMWALK_UNIT_LINUX_LOG2_H */
