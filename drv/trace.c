// SPDX-License-Identifier: GPL-2.0
/*
 * Definitions of the trace events.
 *
 * Copyright (C) The vmwalk authors
 */
#define CREATE_TRACE_POINTS
#include "trace.h"
