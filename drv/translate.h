/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Translation of many addresses, in any order.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TRANSLATE_H
#define VMWALK_TRANSLATE_H

#include <linux/mm_types.h>
#include <linux/types.h>

#include "uapi/vmwalk.h"

unsigned int vmwalk_translate(struct mm_struct *mm, struct vmwalk_translation *items,
			      unsigned int count, bool hide_pfns);

#endif /* VMWALK_TRANSLATE_H */
