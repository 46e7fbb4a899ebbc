/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one header that every driver test includes.
 *
 * A helper whose failure may be what a test expects returns a negative errno. A
 * helper without which the test cannot continue fails the test itself; it must
 * not be called in a child, which uses vw_check() instead.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_HARNESS_H
#define VMWALK_TESTS_HARNESS_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmwalk.h"

#include "util.h"
#include "arch.h"
#include "instance.h"
#include "test.h"
#include "kernel_log.h"
#include "device.h"
#include "ioctl.h"
#include "memory.h"
#include "pagetable.h"
#include "buffer.h"
#include "child.h"
#include "cgroup.h"
#include "leaks.h"

#endif /* VMWALK_TESTS_HARNESS_H */
