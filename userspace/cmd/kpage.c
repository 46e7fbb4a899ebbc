// SPDX-License-Identifier: GPL-2.0
/*
 * Description of a page frame by the kernel: /proc/kpageflags, kpagecount and
 * kpagecgroup, memory blocks, and /proc/iomem
 *
 * Copyright (C) The vmwalk authors
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/kernel-page-flags.h>

#include "command.h"
#include "kpage.h"

#define BIT(flag) (1ULL << (flag))

/* Not in the uapi header, but in the file since Linux 2.6.31 */
#define KPF_RESERVED 32

/* Names of the flags, at their numbers. The others are internal to the kernel. */
static const char *const flag_name[] = {
	[KPF_LOCKED] = "locked",
	[KPF_ERROR] = "error",
	[KPF_REFERENCED] = "referenced",
	[KPF_UPTODATE] = "uptodate",
	[KPF_DIRTY] = "dirty",
	[KPF_LRU] = "lru",
	[KPF_ACTIVE] = "active",
	[KPF_SLAB] = "slab",
	[KPF_WRITEBACK] = "writeback",
	[KPF_RECLAIM] = "reclaim",
	[KPF_BUDDY] = "buddy",
	[KPF_MMAP] = "mmap",
	[KPF_ANON] = "anonymous",
	[KPF_SWAPCACHE] = "swapcache",
	[KPF_SWAPBACKED] = "swapbacked",
	[KPF_COMPOUND_HEAD] = "compound_head",
	[KPF_COMPOUND_TAIL] = "compound_tail",
	[KPF_HUGE] = "huge",
	[KPF_UNEVICTABLE] = "unevictable",
	[KPF_HWPOISON] = "hwpoison",
	[KPF_NOPAGE] = "nopage",
	[KPF_KSM] = "ksm",
	[KPF_THP] = "thp",
	[KPF_OFFLINE] = "offline",
	[KPF_ZERO_PAGE] = "zero_page",
	[KPF_IDLE] = "idle_page",
	[KPF_PGTABLE] = "pgtable",
	[KPF_RESERVED] = "reserved",
};

static const char *const kind_name[KPAGE_KINDS] = {
	[KPAGE_UNKNOWN] = "unknown",
	[KPAGE_NOT_RAM] = "not RAM",
	[KPAGE_POISONED] = "poisoned",
	[KPAGE_OFFLINE] = "offline",
	[KPAGE_FREE] = "free",
	[KPAGE_SLAB] = "slab",
	[KPAGE_PAGE_TABLE] = "page table",
	[KPAGE_ZERO] = "zero page",
	[KPAGE_HUGETLB] = "hugetlb",
	[KPAGE_ANON] = "anonymous",
	[KPAGE_SHMEM] = "shmem",
	[KPAGE_FILE] = "page cache",
	[KPAGE_RESERVED] = "reserved",
	[KPAGE_OTHER] = "other",
};

static int open_file(const char *name)
{
	char *path = system_path("/proc/%s", name);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	free(path);
	return fd;
}

void kpages_open(struct kpages *kpages)
{
	kpages->flags = open_file("kpageflags");
	kpages->error = kpages->flags < 0 ? errno : 0;
	kpages->count = open_file("kpagecount");
	/* Kernels without memory cgroups don't have the file. */
	kpages->cgroup = open_file("kpagecgroup");
}

void kpages_close(struct kpages *kpages)
{
	int *fds[] = { &kpages->flags, &kpages->count, &kpages->cgroup };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++)
		if (*fds[i] >= 0)
			close(*fds[i]);
}

ssize_t kpages_read(int fd, __u64 pfn, __u64 *entries, size_t nr)
{
	ssize_t got;

	if (fd < 0)
		return -1;
	/* No frame has such a number, and its offset in the file would overflow. */
	if (pfn > INT64_MAX / sizeof(*entries))
		return 0;
	got = pread(fd, entries, nr * sizeof(*entries), pfn * sizeof(*entries));
	return got < 0 ? -1 : got / (ssize_t)sizeof(*entries);
}

enum kpage_kind kpage_kind(__u64 flags)
{
	/* The first match decides: a poisoned page keeps its other flags. */
	static const struct {
		__u64 flags;
		enum kpage_kind kind;
	} kinds[] = {
		{ BIT(KPF_NOPAGE), KPAGE_NOT_RAM },
		{ BIT(KPF_HWPOISON), KPAGE_POISONED },
		{ BIT(KPF_OFFLINE), KPAGE_OFFLINE },
		{ BIT(KPF_BUDDY), KPAGE_FREE },
		{ BIT(KPF_SLAB), KPAGE_SLAB },
		{ BIT(KPF_PGTABLE), KPAGE_PAGE_TABLE },
		{ BIT(KPF_ZERO_PAGE), KPAGE_ZERO },
		{ BIT(KPF_HUGE), KPAGE_HUGETLB },
		/* Not KPF_KSM: Linux 6.12 sets it for all anonymous pages. */
		{ BIT(KPF_ANON), KPAGE_ANON },
		{ BIT(KPF_LRU) | BIT(KPF_SWAPBACKED), KPAGE_SHMEM },
		{ BIT(KPF_LRU), KPAGE_FILE },
		{ BIT(KPF_RESERVED), KPAGE_RESERVED },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((flags & kinds[i].flags) == kinds[i].flags)
			return kinds[i].kind;
	return KPAGE_OTHER;
}

const char *kpage_kind_name(enum kpage_kind kind)
{
	return kind_name[kind];
}

bool kpage_is_counted(enum kpage_kind kind)
{
	switch (kind) {
	case KPAGE_OFFLINE:
	case KPAGE_FREE:
	case KPAGE_PAGE_TABLE:
	case KPAGE_HUGETLB:
	case KPAGE_ANON:
	case KPAGE_SHMEM:
	case KPAGE_FILE:
		return true;
	default:
		/* A driver may map slab or reserved memory, which is not counted. */
		return false;
	}
}

char *kpage_flag_names(__u64 flags)
{
	struct buffer names = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flag_name); i++) {
		if (!(flags & BIT(i)) || !flag_name[i])
			continue;
		if (names.len)
			buffer_add(&names, ",", 1);
		buffer_add(&names, flag_name[i], strlen(flag_name[i]));
	}
	buffer_add(&names, "", 1);
	if (names.failed)
		buffer_free(&names);
	return names.text;
}

/* nftw() passes no private pointer to its callback. */
static struct {
	__u64 inode;
	size_t prefix; /* length of the mount point */
	char *path;
} search;

static int match_inode(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
	(void)ftw;
	if (type != FTW_D || stat->st_ino != search.inode)
		return 0;
	search.path = strdup(path[search.prefix] ? path + search.prefix : "/");
	return 1;
}

char *kpage_cgroup_path(__u64 inode)
{
	/* Version 2 has one hierarchy; in version 1, memory has its own. */
	char *unified = system_path("/sys/fs/cgroup/cgroup.controllers");
	bool v2 = unified && !access(unified, F_OK);
	char *root = system_path("/sys/fs/cgroup%s", v2 ? "" : "/memory");

	free(unified);
	search.inode = inode;
	search.path = NULL;
	if (root) {
		search.prefix = strlen(root);
		nftw(root, match_inode, 16, FTW_PHYS | FTW_MOUNT);
	}
	free(root);
	return search.path;
}

/* Number of the memory block that contains an address; -1: no memory blocks */
static long long memory_block(__u64 addr)
{
	FILE *file = system_open("/sys/devices/system/memory/block_size_bytes");
	unsigned long long size = 0;

	if (file) {
		if (fscanf(file, "%llx", &size) != 1)
			size = 0;
		fclose(file);
	}
	return size ? (long long)(addr / size) : -1;
}

int kpage_node(__u64 addr)
{
	long long block = memory_block(addr);
	char *path = system_path("/sys/devices/system/memory/memory%lld", block);
	DIR *dir = path && block >= 0 ? opendir(path) : NULL;
	struct dirent *entry;
	int node = -1;

	free(path);
	/* The block has a link to its node. */
	while (dir && node < 0 && (entry = readdir(dir)))
		if (sscanf(entry->d_name, "node%d", &node) != 1)
			node = -1;
	if (dir)
		closedir(dir);
	return node;
}

char *kpage_resource(__u64 addr)
{
	FILE *file = system_open("/proc/iomem");
	char *line = NULL, *name = NULL, *at;
	unsigned long long start, end;
	size_t size = 0;

	/* Nested ranges follow the range that contains them. */
	while (file && getline(&line, &size, file) >= 0) {
		at = strstr(line, " : ");
		if (!at || sscanf(line, "%llx-%llx", &start, &end) != 2 || addr < start ||
		    addr > end)
			continue;
		free(name);
		at += 3;
		name = strndup(at, strcspn(at, "\n"));
	}
	if (file)
		fclose(file);
	free(line);
	return name;
}
