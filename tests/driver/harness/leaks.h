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
 * On a kernel with kmemleak there is only one round: tests/run checks at the end
 * whether kmemleak has found leaked objects.
 */
void vw_expect_no_growth(void (*round)(void), int count);
/* The number of rounds. */
int vw_leak_rounds(void);
/* Free pages, also those on the lists of the CPUs, which MemFree does not count. */
long long vw_free_pages(void);

#endif /* VMWALK_TESTS_LEAKS_H */
