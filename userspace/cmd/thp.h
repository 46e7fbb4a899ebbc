/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which mappings may have transparent huge pages
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_THP_H
#define _VMWALK_THP_H

#include "command.h"

enum thp_size {
	THP_PMD, /* the size of a PMD entry */
	THP_64K, /* several small pages in one frame block: multi-size THP */
	THP_SIZES,
};

enum thp_mode { THP_NEVER, THP_MADVISE, THP_ALWAYS };

struct thp {
	struct {
		unsigned int shift; /* log2 of the bytes; 0: the kernel has no such THPs */
		enum thp_mode anonymous;
		enum thp_mode shmem; /* of shared memory outside of tmpfs mounts */
	} sizes[THP_SIZES];
	bool forbidden; /* the process has set PR_SET_THP_DISABLE */
	char *mounts;   /* tmpfs mounts of the process with the option huge */
};

/* Read the settings of the kernel, and those of a process. */
void thp_read(struct thp *thp);
void thp_read_process(struct thp *thp, pid_t pid);
void thp_free(struct thp *thp);

/* Whether a mapping may have THPs of a size */
bool thp_eligible(const struct thp *thp, enum thp_size size, const struct vmwalk_vma *vma);

#endif /* _VMWALK_THP_H */
