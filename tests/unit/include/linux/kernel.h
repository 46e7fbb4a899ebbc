/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Number parsing and formatting.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_UNIT_LINUX_KERNEL_H
#define VMWALK_UNIT_LINUX_KERNEL_H

#include <linux/compiler_attributes.h>
#include <linux/errno.h>
#include <linux/types.h>
#include <stdarg.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* Aborts if the base is not 10. */
int kstrtoint(const char *text, unsigned int base, int *value);

/*
 * Conversions: %s, %d, %u, %lu and %llu with flags, width and precision, %%,
 * and %*pbl. Aborts on others.
 */
__printf(3, 0)
int vscnprintf(char *buf, size_t size, const char *fmt, va_list args);

#endif /* VMWALK_UNIT_LINUX_KERNEL_H */
