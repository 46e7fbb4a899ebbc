/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Search of page tables for frames
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_SEARCH_H
#define _VMWALK_SEARCH_H

#include "processes.h"
#include "question.h"

/* Process in which frames were found */
struct owner {
	struct process process;
	char *cgroup; /* or NULL */
};

/* Contiguous frames of one question in one mapping */
struct hit {
	__u64 addr, pfn, pages;
	const struct mapped *mapped; /* or NULL */
	__u32 question;              /* index */
	__u32 owner;                 /* index */
	__u32 flags;
	__u16 page_shift;
	__s16 node;
	bool gone; /* no longer mapped at the end of the search */
};

/* Columns of a mapping, shared by the hits of all processes */
struct mapped {
	char *name;
	char perms[5];
};

struct search {
	struct questions *questions;
	struct processes processes;
	bool failed;      /* the options are valid, but the search failed */
	struct hit *hits; /* sorted by question, and then as found */
	size_t nr_hits;
	struct owner *owners;
	size_t nr_owners;
	void *mapped; /* tree of struct mapped */
	/* State of the scan of the current process */
	struct maps *maps;
	struct target *target;
	const struct process *process;
	bool is_owner;
};

/*
 * Find all mappings of the frames in the selected processes, and check at the
 * end whether they still exist. The search ends early when the number of
 * mappings reaches the kernel's count. Prints errors; returns an exit status.
 */
int search_run(struct search *search, struct questions *questions,
	       const struct process_filter *filter);

void search_free(struct search *search);

#endif /* _VMWALK_SEARCH_H */
