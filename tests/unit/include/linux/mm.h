/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page sizes: those of x86-64.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_UNIT_LINUX_MM_H
#define VMWALK_UNIT_LINUX_MM_H

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096UL
#define PMD_SIZE	(512 * PAGE_SIZE)
#define PAGE_ALIGN(n)	(((n) + PAGE_SIZE - 1) & ~(__typeof__(n))(PAGE_SIZE - 1))

#endif /* VMWALK_UNIT_LINUX_MM_H */
