// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk map --png: rsvg-convert renders the static picture
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "map.h"

#define PROGRAM "rsvg-convert"

/* Run the program from one descriptor to another one. Returns an exit status. */
static int convert(int in, int out)
{
	static char *const argv[] = { PROGRAM, "--format=png", "--zoom=2", NULL };
	posix_spawn_file_actions_t actions;
	int error, state;
	pid_t pid;

	error = posix_spawn_file_actions_init(&actions);
	if (error)
		return failure("%s: %s", PROGRAM, strerror(error));
	error = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!error)
		error = posix_spawnp(&pid, PROGRAM, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error == ENOENT)
		return failure("--png needs the program " PROGRAM
			       ", which Debian has in the package librsvg2-bin");
	if (error)
		return failure("%s: %s", PROGRAM, strerror(error));
	while (waitpid(pid, &state, 0) < 0)
		if (errno != EINTR)
			return failure("%s: %m", PROGRAM);
	if (!WIFEXITED(state) || WEXITSTATUS(state))
		return failure("%s failed", PROGRAM);
	return EXIT_SUCCESS;
}

int map_png(FILE *out, const struct map *map)
{
	FILE *svg = tmpfile();
	int status;

	if (!svg)
		return failure("temporary file: %m");
	status = map_svg(svg, map);
	if (!status && (fflush(svg) || ferror(svg) || fseeko(svg, 0, SEEK_SET)))
		status = failure("temporary file: %m");
	if (!status && fflush(out))
		status = failure("%m");
	if (!status)
		status = convert(fileno(svg), fileno(out));
	fclose(svg);
	return status;
}
