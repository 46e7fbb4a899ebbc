/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Unit tests: cmocka, and VW_TEST(), vw_expect(), vw_ok() and vw_fail() of the
 * driver's tests. The other macros of test.h need the VM.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_UNIT_H
#define VMWALK_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct vw_combo;
#include "../driver/harness/test.h"

#endif /* VMWALK_UNIT_H */
