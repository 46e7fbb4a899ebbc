// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel log: see kernel_log.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include "harness.h"

static const char * const errors[] = {
#include "kernel-log-errors.h"
};

static int kmsg = -1;

bool vw_kernel_log_open(void)
{
	kmsg = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return kmsg >= 0;
}

void vw_kernel_log_mark(const char *name)
{
	char text[256];

	/* Not dprintf(): it needs lseek(SEEK_CUR), which /dev/kmsg lacks. */
	snprintf(text, sizeof(text), "vmwalk test: %s\n", name);
	if (write(kmsg, text, strlen(text)) < 0)
		print_message("# kernel log: %s\n", strerror(errno));
	lseek(kmsg, 0, SEEK_END);
}

bool vw_kernel_log_is_clean(void)
{
	char record[8192], *text;
	bool clean = true, oom = false;
	ssize_t len;

	for (;;) {
		len = read(kmsg, record, sizeof(record) - 1);
		if (len < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (len <= 0)
			return clean;
		record[len] = '\0';
		text = strchr(record, ';');
		text = text ? text + 1 : record;
		text[strcspn(text, "\n")] = '\0';
		/* The report on a full memory cgroup also has a call trace. */
		if (oom && strstr(text, "Call Trace")) {
			oom = false;
			continue;
		}
		oom |= !!strstr(text, "invoked oom-killer");
		for (size_t i = 0; i < COUNT(errors); i++) {
			if (strstr(text, errors[i])) {
				clean = false;
				break;
			}
		}
		if (!clean)
			print_message("# kernel log: %s\n", text);
	}
}
