/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks for memory leaks.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_LEAKS_H
#define VMWALK_TESTS_LEAKS_H

/*
 * Runs several rounds. Fails the test if the objects of a slab cache, or the
 * pages in use, grow by half of @count or more in every round. Unrelated
 * changes do not occur in every round.
 *
 * A kernel with kmemleak gets one round: kmemleak, which the runner checks at
 * the end, finds each leaked object.
 */
void vw_expect_no_growth(void (*round)(void), int count);
/* The number of rounds. */
int vw_leak_rounds(void);

#endif /* VMWALK_TESTS_LEAKS_H */
