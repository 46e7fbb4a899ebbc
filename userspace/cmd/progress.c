// SPDX-License-Identifier: GPL-2.0
/*
 * Progress of a long command, on the last line of the terminal
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

#define DELAY_MS    2000 /* before the first line */
#define INTERVAL_MS 1000

static struct {
	__u64 due; /* time of the next line in ms; 0: never */
	bool shown;
} progress;

static __u64 now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

void progress_start(void)
{
	/* Rows on the same terminal show the progress themselves. */
	if (isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO))
		progress.due = now_ms() + DELAY_MS;
}

bool progress_due(void)
{
	return progress.due && now_ms() >= progress.due;
}

void progress_print(const char *format, ...)
{
	va_list args;

	fputs("\rvmwalk: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\033[K", stderr);
	fflush(stderr);
	progress.due = now_ms() + INTERVAL_MS;
	progress.shown = true;
}

void progress_end(void)
{
	progress.due = 0;
	if (!progress.shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress.shown = false;
}
