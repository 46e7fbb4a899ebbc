// SPDX-License-Identifier: GPL-2.0
/*
 * Which mappings may have transparent huge pages, by the flags of the mapping
 * and the settings in sysfs
 *
 * THPeligible in /proc/PID/smaps shows this, too, but reading smaps walks all
 * page tables again.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>
#include <string.h>

#include "thp.h"

#define SYSFS "/sys/kernel/mm/transparent_hugepage/"

/*
 * Get the selected word of a file with "always [madvise] never", or the whole
 * text of others. Returns false if the file does not exist.
 */
static bool read_setting(char *value, size_t size, const char *file)
{
	FILE *in = system_open(SYSFS "%s", file);
	char line[256] = "", *word = line, *end;

	if (!in)
		return false;
	if (!fgets(line, sizeof(line), in))
		line[0] = '\0';
	fclose(in);
	if (strchr(line, '['))
		word = strchr(line, '[') + 1;
	end = word + strcspn(word, "]\n");
	*end = '\0';
	snprintf(value, size, "%s", word);
	return true;
}

static enum thp_mode mode_of(const char *value)
{
	if (!strcmp(value, "always") || !strcmp(value, "force") || !strcmp(value, "within_size"))
		return THP_ALWAYS;
	if (!strcmp(value, "madvise") || !strcmp(value, "advise"))
		return THP_MADVISE;
	return THP_NEVER;
}

/*
 * Read "enabled" or "shmem_enabled" for one size. Kernels without a file for the
 * size have one setting. Returns false if the kernel has no THPs of this size.
 */
static bool read_mode(enum thp_mode *mode, unsigned int shift, bool pmd, const char *name)
{
	char all[32] = "never", value[32], file[64];

	*mode = THP_NEVER;
	snprintf(file, sizeof(file), "hugepages-%llukB/%s", (1ULL << shift) / 1024, name);
	if (!read_setting(all, sizeof(all), name))
		return false;
	if (read_setting(value, sizeof(value), file)) {
		/* "deny" and "force" override the setting of the size. */
		if (!strcmp(value, "inherit") || !strcmp(all, "deny") || !strcmp(all, "force"))
			*mode = mode_of(all);
		else
			*mode = mode_of(value);
		return true;
	}
	if (pmd)
		*mode = mode_of(all);
	return pmd;
}

static void read_size(struct thp *thp, enum thp_size size, unsigned int shift)
{
	bool pmd = size == THP_PMD;

	if (!read_mode(&thp->sizes[size].anonymous, shift, pmd, "enabled"))
		return;
	thp->sizes[size].shift = shift;
	read_mode(&thp->sizes[size].shmem, shift, pmd, "shmem_enabled");
}

void thp_read(struct thp *thp)
{
	char value[32];
	__u64 bytes;

	*thp = (struct thp){};
	if (!read_setting(value, sizeof(value), "hpage_pmd_size"))
		return;
	bytes = strtoull(value, NULL, 10);
	if (!bytes || bytes & (bytes - 1))
		return;
	read_size(thp, THP_PMD, __builtin_ctzll(bytes));
	read_size(thp, THP_64K, 16);
}

/*
 * Keep "MAJOR:MINOR MODE" of each tmpfs. A line of mountinfo: ID PARENT
 * MAJOR:MINOR ROOT PATH OPTIONS [FIELD]... - TYPE SOURCE SUPER-OPTIONS
 */
static void read_mounts(struct thp *thp, FILE *mountinfo)
{
	char *line = NULL, *type, *options, *huge, device[32];
	struct buffer mounts = {};
	size_t size = 0;

	while (getline(&line, &size, mountinfo) > 0) {
		type = strstr(line, " - tmpfs ");
		if (!type || sscanf(line, "%*s %*s %31s", device) != 1)
			continue;
		/* The source can be any word: skip it. */
		options = type + strlen(" - tmpfs ");
		options += strcspn(options, " ");
		huge = strstr(options, "huge=");
		buffer_add(&mounts, "\n", 1);
		buffer_add(&mounts, device, strlen(device));
		buffer_add(&mounts, " ", 1);
		if (huge)
			buffer_add(&mounts, huge + 5, strcspn(huge + 5, ",\n"));
	}
	buffer_add(&mounts, "\n", 2);
	free(line);
	/* Without memory, the setting in sysfs is used. */
	if (mounts.failed)
		buffer_free(&mounts);
	thp->mounts = mounts.text;
}

void thp_read_process(struct thp *thp, pid_t pid)
{
	FILE *file = system_open("/proc/%d/status", pid);
	char line[256];

	thp_free(thp);
	thp->forbidden = false;
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "THP_enabled:", 12))
			thp->forbidden = strtol(line + 12, NULL, 10) == 0;
	if (file)
		fclose(file);

	file = system_open("/proc/%d/mountinfo", pid);
	if (!file)
		return;
	read_mounts(thp, file);
	fclose(file);
}

void thp_free(struct thp *thp)
{
	free(thp->mounts);
	thp->mounts = NULL;
}

/* A tmpfs has its own setting; all other shared memory has that in sysfs. */
static enum thp_mode shmem_mode(const struct thp *thp, enum thp_size size,
				const struct vmwalk_vma *vma)
{
	char device[32], value[32];
	const char *mount;

	snprintf(device, sizeof(device), "\n%u:%u ", vma->dev_major, vma->dev_minor);
	mount = thp->mounts ? strstr(thp->mounts, device) : NULL;
	if (!mount)
		return thp->sizes[size].shmem;
	mount += strlen(device);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(mount, "\n"), mount);
	return mode_of(value);
}

bool thp_eligible(const struct thp *thp, enum thp_size size, const struct vmwalk_vma *vma)
{
	enum thp_mode mode = thp->sizes[size].anonymous;

	if (!thp->sizes[size].shift || thp->forbidden ||
	    vma->attrs & (VMWALK_VMA_HUGETLB | VMWALK_VMA_SPECIAL | VMWALK_VMA_NOHUGEPAGE))
		return false;
	if (vma->attrs & VMWALK_VMA_SHMEM)
		mode = shmem_mode(thp, size, vma);
	else if (vma->attrs & VMWALK_VMA_FILE)
		return false;
	return mode == THP_ALWAYS || (mode == THP_MADVISE && vma->attrs & VMWALK_VMA_HUGEPAGE);
}
