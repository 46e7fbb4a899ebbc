/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arithmetic that detects overflow, for u64 only.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_UNIT_LINUX_OVERFLOW_H
#define VMWALK_UNIT_LINUX_OVERFLOW_H

#include <linux/types.h>

static inline bool check_add_overflow(u64 a, u64 b, u64 *sum)
{
	return __builtin_add_overflow(a, b, sum);
}

static inline bool check_mul_overflow(u64 a, u64 b, u64 *product)
{
	return __builtin_mul_overflow(a, b, product);
}

static inline bool check_shl_overflow(u64 a, unsigned int shift, u64 *result)
{
	if (shift >= 64) {
		*result = a;
		return true;
	}

	*result = a << shift;
	return *result >> shift != a;
}

#endif /* VMWALK_UNIT_LINUX_OVERFLOW_H */
