// SPDX-License-Identifier: GPL-2.0
/*
 * Clocks
 *
 * Copyright (C) The vmwalk authors
 */
#include <time.h>

#include "command.h"

__u64 clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}
