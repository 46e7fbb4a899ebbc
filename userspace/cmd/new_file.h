/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Write a private file: complete, or not at all
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_NEW_FILE_H
#define _VMWALK_NEW_FILE_H

#include "command.h"

struct new_file {
	const char *path;
	char *temporary; /* NULL: standard output */
	FILE *stream;
};

/*
 * Create a file with mode 0600, which gets its name when it is closed. The
 * path "-" is standard output. Prints errors and returns an exit status.
 */
int new_file_open(struct new_file *file, const char *path);

/*
 * Give the file its name, or remove it if @status is not EXIT_SUCCESS. Prints
 * errors and returns an exit status.
 */
int new_file_close(struct new_file *file, int status);

#endif /* _VMWALK_NEW_FILE_H */
