// SPDX-License-Identifier: GPL-2.0
/*
 * Signals that end the command, put off while it has something to remove.
 *
 * Copyright (C) The vmwalk authors
 */
#include <signal.h>
#include <stdatomic.h>

#include "command.h"

static const int ending[] = { SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM };

#define NR_ENDING	ARRAY_SIZE(ending)

static struct sigaction before[NR_ENDING];
static atomic_int caught;

static void remember(int signal)
{
	caught = signal;
}

void signals_hold(void)
{
	struct sigaction action = { .sa_handler = remember };
	size_t i;

	for (i = 0; i < NR_ENDING; i++) {
		sigaction(ending[i], NULL, &before[i]);
		/* What nohup or a shell script told us to ignore stays ignored. */
		if (before[i].sa_handler != SIG_IGN)
			sigaction(ending[i], &action, NULL);
	}
}

bool signals_caught(void)
{
	return caught;
}

void signals_release(void)
{
	size_t i;

	for (i = 0; i < NR_ENDING; i++)
		sigaction(ending[i], &before[i], NULL);
	if (caught)
		raise(caught);
}
