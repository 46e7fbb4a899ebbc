/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions shared by the example targets: parsing numbers, printing regions
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_EXAMPLE_H
#define _VMWALK_EXAMPLE_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Parse a number from 1 to @max. Exits if it is invalid. */
static inline unsigned long parse_number(const char *option, const char *text, unsigned long max)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (!errno && *text >= '0' && *text <= '9' && !*end && number && number <= max)
		return number;
	fprintf(stderr, "%s: --%s: '%s' is not a number from 1 to %lu\n",
		program_invocation_short_name, option, text, max);
	exit(2);
}

/* Output: "pid PID", "NAME START END MEANING" for each region, "ready" */
static inline void print_pid(void)
{
	printf("pid %d\n", getpid());
}

static inline void print_region(const char *name, const void *start, size_t size,
				const char *meaning)
{
	uintmax_t addr = (uintptr_t)start;

	printf("%-10s 0x%jx 0x%jx %s\n", name, addr, addr + size, meaning);
}

static inline void print_ready(void)
{
	printf("ready\n");
	fflush(stdout);
}

#endif /* _VMWALK_EXAMPLE_H */
