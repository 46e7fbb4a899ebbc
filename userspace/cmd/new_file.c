// SPDX-License-Identifier: GPL-2.0
/*
 * Write a private file: complete, or not at all
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "new_file.h"

/* A file that is not regular, such as /dev/null, must not be replaced. */
static int check_path(const char *path)
{
	struct stat stat;

	if (!lstat(path, &stat))
		return S_ISREG(stat.st_mode)
			? EXIT_SUCCESS
			: failure("%s: not a regular file; - is standard output", path);
	return errno == ENOENT ? EXIT_SUCCESS : failure("%s: %m", path);
}

int new_file_open(struct new_file *file, const char *path)
{
	int fd, status;

	*file = (struct new_file){ .path = path };
	if (!strcmp(path, "-")) {
		file->stream = stdout;
		return EXIT_SUCCESS;
	}
	status = check_path(path);
	if (status)
		return status;
	file->temporary = text("%s.XXXXXX", path);
	/* mkstemp() creates a file with the mode 0600. */
	fd = file->temporary ? mkstemp(file->temporary) : -1;
	file->stream = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (file->stream)
		return EXIT_SUCCESS;
	status = failure("%s: %m", path);
	if (fd >= 0) {
		close(fd);
		unlink(file->temporary);
	}
	free(file->temporary);
	return status;
}

int new_file_close(struct new_file *file, int status)
{
	bool bad;

	/* The end of the command reports errors of standard output. */
	if (!file->temporary)
		return status;
	bad = fflush(file->stream) || ferror(file->stream) || fsync(fileno(file->stream));
	if (bad && !status)
		status = failure("%s: %m", file->path);
	if (fclose(file->stream) && !status)
		status = failure("%s: %m", file->path);
	if (!status && rename(file->temporary, file->path))
		status = failure("%s: %m", file->path);
	if (status)
		unlink(file->temporary);
	free(file->temporary);
	return status;
}
