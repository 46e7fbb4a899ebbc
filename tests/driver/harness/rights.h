/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks of what a descriptor shows and denies. They run in children that have
 * changed their user and capabilities, so they use vw_check().
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_RIGHTS_H
#define VMWALK_TESTS_RIGHTS_H

#include <linux/capability.h>

#include "harness.h"

#define CAP(c)		(1ULL << (c))
#define ALL_CAPS	(CAP(CAP_LAST_CAP + 1) - 1)

/*
 * The rights of a process that opens the device, and what the calls return to
 * it: states and PFNs, states without PFNs, or EPERM.
 */
enum sight { SHOWN, HIDDEN, DENIED };
struct opener {
	uid_t uid;
	__u64 caps;
	enum sight sees;
};

/* In a child: becomes a user with capabilities, and opens the device. */
int open_as(int n, uid_t uid, __u64 caps);
/*
 * Checks every call, with a page from own_page(), and that the buffer is
 * accessible.
 */
void check_sight(int fd, enum sight sees, const char *page);

/* Maps two pages in this process, of which only the first is present. */
char *own_page(void);

/* Walks of kernel addresses return -@error. */
void check_kernel_walks(int fd, int error);
/*
 * @shown: addresses of the buffer are shown, and a copy by address works; else
 * both get EPERM.
 */
void check_locations(int fd, bool shown);
/*
 * @page: from own_page(), in the target. If the target is another process, set
 * allow_target_write.
 */
void check_frames_are_shown(int fd, const char *page);
void check_frames_are_hidden(int fd, const char *page);
/* Every call that accesses the target gets EPERM. */
void check_target_is_denied(int fd, const char *page);
/*
 * The buffer (64 KiB, letters) is accessible, and so is the caller's own memory
 * to POKE.
 */
void check_buffer_is_open(int fd);

#endif /* VMWALK_TESTS_RIGHTS_H */
