/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Strings.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_UNIT_LINUX_STRING_H
#define VMWALK_UNIT_LINUX_STRING_H

#include <string.h>

int match_string(const char *const *names, size_t count, const char *string);

#endif /* VMWALK_UNIT_LINUX_STRING_H */
