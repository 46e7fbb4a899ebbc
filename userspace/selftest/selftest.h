/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmwalk-selftest: check that the driver works on the running kernel
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_SELFTEST_H
#define VMWALK_SELFTEST_H

#include <stdbool.h>
#include <stddef.h>

#include "libvmwalk.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* selftest.c */

enum result { PASS, FAIL, SKIP };

/* Set the message of the running test, and return FAIL or SKIP. */
[[gnu::format(printf, 1, 2)]] enum result fail(const char *format, ...);
[[gnu::format(printf, 1, 2)]] enum result skip(const char *format, ...);
/* Print the line of a test, with the message that it has set. */
[[gnu::format(printf, 2, 3)]] void report(enum result result, const char *format, ...);

extern size_t page_size;
/* Number of bytes that a PMD entry maps */
extern size_t pmd_size;

/* Whether a quarter of the free memory is enough for @bytes */
bool can_spare(size_t bytes);

/*
 * Create a pending instance. Only one can exist at a time. The instance is also
 * removed if a signal ends the program. On error, call fail() and return NULL.
 */
struct vmwalk_instance *make_instance(void);
enum result set_attribute(struct vmwalk_instance *instance, const char *attr, const char *value);
/* Remove the instance. Return @result, or FAIL if that was not possible. */
enum result remove_instance(struct vmwalk_instance *instance, enum result result);

/* pages.c */

struct region {
	struct vmwalk_file *file; /* a device whose target is the caller */
	char *start;
	size_t pages;
	bool buffer; /* maps the device's buffer, from its start */
};

/*
 * Check that all interfaces agree on the pages of a region, and that the state
 * of each page has the flags @has, and none of the flags @lacks.
 */
enum result check_region(const struct region *region, __u32 has, __u32 lacks);

/* Two groups of tests: *_count() returns the number of tests that *_run() runs. */

size_t buffers_count(void);
void buffers_run(void);

size_t memory_count(void);
void memory_run(void);

#endif /* VMWALK_SELFTEST_H */
