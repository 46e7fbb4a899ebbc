// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Paths, and the small text files of configfs and sysfs.
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

void vmwalk_close_keeping_errno(int fd)
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
	/* Otherwise a message on stderr would be written into the device. */
	higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	vmwalk_close_keeping_errno(fd);
	return higher;
}

char *vmwalk_read_file(int dir, const char *path)
{
	char *text = NULL, *shrunk;
	ssize_t len = -1;
	int fd;

	fd = vmwalk_open(dir, path, O_RDONLY);
	if (fd < 0)
		return NULL;

	text = malloc(VMWALK_FILE_MAX);
	if (text)
		len = read(fd, text, VMWALK_FILE_MAX - 1);
	vmwalk_close_keeping_errno(fd);
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
