/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attributes of functions.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_UNIT_LINUX_COMPILER_ATTRIBUTES_H
#define VMWALK_UNIT_LINUX_COMPILER_ATTRIBUTES_H

#define __printf(a, b)		gcc_attribute(format(printf, a, b))
#define gcc_attribute(attribute)	__attribute__((attribute))

#endif /* VMWALK_UNIT_LINUX_COMPILER_ATTRIBUTES_H */
