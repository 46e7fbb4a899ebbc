/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a descriptor shows and what it refuses, for tests of who may do what. All of it is for
 * children that have become somebody else: it checks by vw_check().
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_RIGHTS_H
#define VMWALK_TESTS_RIGHTS_H

#include <linux/capability.h>

#include "harness.h"

#define RW	(PROT_READ | PROT_WRITE)
#define CAP(c)	(1ULL << (c))

/* A page of this process that is present, and one after it that isn't. */
char *own_page(void);

/* Walks of the kernel get this error, or 0. */
void check_kernel_walks(int fd, int error);
/* Addresses of the buffer are shown, and a copy by one works; or EPERM. */
void check_places(int fd, bool shown);
/* Of the target, which is another process only with allow_target_write: page as of own_page(). */
void check_frames_are_shown(int fd, const char *page);
void check_frames_are_hidden(int fd, const char *page);
/* Every call that looks at the target gets EPERM. */
void check_walks_are_refused(int fd, const char *page);
/* The buffer, of 64 KiB and filled with letters, is open, and so is one's own memory to POKE. */
void check_buffer_is_open(int fd);

#endif /* VMWALK_TESTS_RIGHTS_H */
