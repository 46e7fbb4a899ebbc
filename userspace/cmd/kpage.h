/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Description of a page frame by the kernel
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_KPAGE_H
#define _VMWALK_KPAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <linux/types.h>

/* What a frame is used for, from the flags in /proc/kpageflags */
enum kpage_kind {
	KPAGE_UNKNOWN, /* /proc/kpageflags can't be read */
	KPAGE_NOT_RAM, /* the kernel has no struct page */
	KPAGE_POISONED,
	KPAGE_OFFLINE,
	KPAGE_FREE,
	KPAGE_SLAB,
	KPAGE_PAGE_TABLE,
	KPAGE_ZERO,
	KPAGE_HUGETLB,
	KPAGE_ANON, /* including pages that KSM has merged */
	KPAGE_SHMEM,
	KPAGE_FILE,
	KPAGE_RESERVED,
	KPAGE_OTHER, /* the flags do not show the use */
	KPAGE_KINDS
};

/* /proc/kpageflags, kpagecount and kpagecgroup; a descriptor may be -1 */
struct kpages {
	int flags, count, cgroup;
	int error; /* errno of opening kpageflags, or 0 */
};

void kpages_open(struct kpages *kpages);
void kpages_close(struct kpages *kpages);

/*
 * Read the entries of up to @nr frames from one of the files. Frames beyond the
 * end of memory have no entry. Returns the number of entries, or -1 if the file
 * can't be read.
 */
ssize_t kpages_read(int fd, __u64 pfn, __u64 *entries, size_t nr);

enum kpage_kind kpage_kind(__u64 flags);
const char *kpage_kind_name(enum kpage_kind kind);

/*
 * Whether the count in /proc/kpagecount includes all mappings of a frame. PFN
 * mappings, such as those of a driver's memory, are not counted.
 */
bool kpage_is_counted(enum kpage_kind kind);

/* Comma-separated names of flags, as in page-types(1). The caller frees the text. */
char *kpage_flag_names(__u64 flags);

/* Path of the memory cgroup with an inode number, below its mount point, or NULL */
char *kpage_cgroup_path(__u64 inode);

/* NUMA node of the memory block with a physical address, or -1 */
int kpage_node(__u64 addr);

/* Name of the range in /proc/iomem that contains an address, or NULL */
char *kpage_resource(__u64 addr);

#endif /* _VMWALK_KPAGE_H */
