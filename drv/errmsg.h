/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The error message behind an instance's last_error attribute.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_ERRMSG_H
#define VMWALK_ERRMSG_H

#include <linux/compiler_attributes.h>

struct vmwalk_errmsg {
	char text[256];
};

__printf(3, 4)
int vmwalk_errmsg_set(struct vmwalk_errmsg *errmsg, int err, const char *fmt, ...);

#endif /* VMWALK_ERRMSG_H */
