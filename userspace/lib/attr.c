// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Paths, descriptors, and attribute files of configfs and sysfs
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

char *vmwalk_path(const char *format, ...)
{
	const char *root = secure_getenv("VMWALK_SYSROOT");
	char *below, *path;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&below, format, args);
	va_end(args);
	if (len < 0)
		return NULL;

	len = asprintf(&path, "%s%s", root ? root : "", below);
	free(below);
	return len < 0 ? NULL : path;
}

void vmwalk_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

int vmwalk_open(int dir, const char *path, int flags)
{
	int fd = openat(dir, path, flags | O_CLOEXEC);
	int higher;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	/* Output to stdout or stderr must not go to the device. */
	higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	vmwalk_close(fd);
	return higher;
}

char *vmwalk_read_attr(int dir, const char *path)
{
	char *text = NULL, *shrunk;
	ssize_t len = -1;
	int fd;

	fd = vmwalk_open(dir, path, O_RDONLY);
	if (fd < 0)
		return NULL;

	text = malloc(VMWALK_ATTR_MAX);
	if (text)
		len = read(fd, text, VMWALK_ATTR_MAX - 1);
	vmwalk_close(fd);
	if (len < 0) {
		free(text);
		return NULL;
	}

	if (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	shrunk = realloc(text, len + 1);
	return shrunk ? shrunk : text;
}
