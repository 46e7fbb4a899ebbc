// SPDX-License-Identifier: GPL-2.0
/*
 * The error message behind an instance's last_error attribute.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/ctype.h>
#include <linux/kernel.h>

#include "errmsg.h"

/**
 * vmwalk_errmsg_set - set an error message
 * @errmsg: the message to set
 * @err: negative errno
 * @fmt: one sentence that names the value and the limit; no newline
 *
 * Return: @err, for the caller to return.
 */
int vmwalk_errmsg_set(struct vmwalk_errmsg *errmsg, int err, const char *fmt, ...)
{
	va_list args;
	char *c;

	va_start(args, fmt);
	vscnprintf(errmsg->text, sizeof(errmsg->text), fmt, args);
	va_end(args);

	/* last_error is one line, even if the message quotes user input. */
	for (c = errmsg->text; *c; c++)
		if (!isprint(*c))
			*c = '?';

	return err;
}
