/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Character classes. The kernel's are those of ISO 8859-1.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_UNIT_LINUX_CTYPE_H
#define VMWALK_UNIT_LINUX_CTYPE_H

#include <linux/types.h>

/* Macros, since the compiler knows these names as functions of libc. */
#define isdigit(c)	unit_isdigit(c)
#define isprint(c)	unit_isprint(c)
#define isxdigit(c)	unit_isxdigit(c)
#define tolower(c)	unit_tolower(c)
#define toupper(c)	unit_toupper(c)

bool unit_isdigit(unsigned char c);
bool unit_isprint(unsigned char c);
bool unit_isxdigit(unsigned char c);
unsigned char unit_tolower(unsigned char c);
unsigned char unit_toupper(unsigned char c);

#endif /* VMWALK_UNIT_LINUX_CTYPE_H */
