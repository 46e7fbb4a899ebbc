/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Output of vmwalk summary
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_SUMMARY_H
#define _VMWALK_SUMMARY_H

#include "tally.h"

/* Print a tally as lines of text, with sizes in bytes or rounded. */
void summary_print(const struct tally *tally, const struct thp *thp, bool bytes);

/* Print a tally as members of the current JSON object. */
void summary_json(const struct tally *tally, const struct thp *thp);

#endif /* _VMWALK_SUMMARY_H */
