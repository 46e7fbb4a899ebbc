/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel log, in which no test may leave an error.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_KERNEL_LOG_H
#define VMWALK_TESTS_KERNEL_LOG_H

/* False, with errno set, if the log cannot be read. */
bool vw_kernel_log_open(void);
/* Writes the name of a test to the log; older lines are not checked. */
void vw_kernel_log_mark(const char *name);
/* False if an error was logged since the mark; prints it as a TAP comment. */
bool vw_kernel_log_is_clean(void);

#endif /* VMWALK_TESTS_KERNEL_LOG_H */
