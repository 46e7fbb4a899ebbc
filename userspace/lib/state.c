// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names of page-table entry flags
 *
 * Copyright (C) The vmwalk authors
 */
#include "libvmwalk.h"

const char *vmwalk_state_name(__u32 flag)
{
	switch (flag) {
	case VMWALK_PRESENT:
		return "present";
	case VMWALK_WRITE:
		return "write";
	case VMWALK_EXEC:
		return "exec";
	case VMWALK_USER:
		return "user";
	case VMWALK_ACCESSED:
		return "accessed";
	case VMWALK_DIRTY:
		return "dirty";
	case VMWALK_SOFT_DIRTY:
		return "soft_dirty";
	case VMWALK_SWAP:
		return "swap";
	case VMWALK_MIGRATION:
		return "migration";
	case VMWALK_PROTNONE:
		return "protnone";
	case VMWALK_UFFD_WP:
		return "uffd_wp";
	case VMWALK_FILE:
		return "file";
	case VMWALK_ZERO:
		return "zero";
	case VMWALK_HUGETLB:
		return "hugetlb";
	case VMWALK_SPECIAL:
		return "special";
	case VMWALK_HIDDEN:
		return "hidden";
	case VMWALK_HUGE:
		return "huge";
	}
	return NULL;
}
