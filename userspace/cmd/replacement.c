// SPDX-License-Identifier: GPL-2.0
/*
 * Files that replace others as a whole: readers never see a part, and the old
 * file stays if the command fails
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

/* A file that is not regular, such as /dev/null, must not be replaced. */
static int check_path(const char *path)
{
	struct stat stat;

	if (lstat(path, &stat))
		return errno == ENOENT ? EXIT_SUCCESS : failure("%s: %m", path);
	if (S_ISREG(stat.st_mode))
		return EXIT_SUCCESS;
	return failure("%s: %s", path,
		       S_ISDIR(stat.st_mode) ? strerror(EISDIR) : "not a regular file");
}

int replacement_open(struct replacement *replacement, const char *path)
{
	const char *slash = strrchr(path, '/');
	int fd, len = slash ? slash - path + 1 : 0;
	int status = check_path(path);

	if (status)
		return status;
	/* In the same directory, which rename(2) needs; hidden from "*.SUFFIX" */
	*replacement = (struct replacement){
		.path = path,
		.temporary = text("%.*s.%s.XXXXXX", len, path, path + len),
	};
	fd = replacement->temporary ? guard_mkstemp(replacement->temporary) : -1;
	replacement->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (replacement->file)
		return EXIT_SUCCESS;
	status = failure("%s: %m", path);
	if (fd >= 0) {
		unlink(replacement->temporary);
		close(fd);
	}
	guard_end_file();
	free(replacement->temporary);
	return status;
}

int replacement_close(struct replacement *replacement, mode_t mode, int status)
{
	FILE *file = replacement->file;

	if (!status &&
	    (fflush(file) || ferror(file) || fchmod(fileno(file), mode) || fsync(fileno(file)) ||
	     rename(replacement->temporary, replacement->path)))
		status = failure("%s: %m", replacement->path);
	if (status)
		unlink(replacement->temporary);
	guard_end_file();
	fclose(file);
	free(replacement->temporary);
	return status;
}
