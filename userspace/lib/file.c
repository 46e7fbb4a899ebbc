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

char *vmwalk_read_file(int dir, const char *path)
{
	char *text = NULL;
	ssize_t len = -1;
	int fd, saved;

	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;

	text = malloc(VMWALK_FILE_MAX);
	if (text)
		len = read(fd, text, VMWALK_FILE_MAX - 1);
	saved = errno;
	close(fd);
	errno = saved;
	if (len < 0) {
		free(text);
		return NULL;
	}

	if (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return text;
}
