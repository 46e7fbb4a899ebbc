// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Devices: attributes and counters in sysfs
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "libvmwalk.h"

char *vmwalk_device_get(const char *dev_name, const char *file)
{
	char *path = vmwalk_path(VMWALK_SYSFS "/%s/%s", dev_name, file);
	char *text;

	if (!path)
		return NULL;
	text = vmwalk_read_attr(AT_FDCWD, path);
	free(path);
	return text;
}

int vmwalk_device_counter(const char *dev_name, const char *counter, __u64 *value)
{
	char *path = vmwalk_path(VMWALK_SYSFS "/%s/stats/%s", dev_name, counter);
	char *text, *end;

	if (!path)
		return -1;
	text = vmwalk_read_attr(AT_FDCWD, path);
	free(path);
	if (!text)
		return -1;

	errno = 0;
	*value = strtoull(text, &end, 10);
	if (!errno && (end == text || *end))
		errno = EINVAL;
	free(text);
	return errno ? -1 : 0;
}
