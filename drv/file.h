/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An open file of a device, and the rights of its opener.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_FILE_H
#define VMWALK_FILE_H

#include <linux/fs.h>
#include <linux/security.h>

struct vmwalk_device;

/**
 * struct vmwalk_file - an open file
 * @device: the device, referenced
 * @file: the struct file, which has the opener's credentials
 * @has_admin: the opener had CAP_SYS_ADMIN
 * @has_ptrace: the opener had CAP_SYS_PTRACE
 *
 * A file keeps the capabilities of its opener, even after the descriptor was
 * passed to another process. Check rights with vmwalk_file_sees_*(): these
 * functions also check lockdown, which can be raised while a file is open. The
 * kernel logs each failed check of lockdown, so do not check again after the
 * first failure.
 */
struct vmwalk_file {
	struct vmwalk_device *device;
	const struct file *file;
	bool has_admin;
	bool has_ptrace;
};

/**
 * vmwalk_file_sees_pfns - check the right to PFNs and kernel addresses
 * @vf: the file
 *
 * Return: true if the opener had CAP_SYS_ADMIN and lockdown allows reading
 * kernel memory.
 */
static inline bool vmwalk_file_sees_pfns(const struct vmwalk_file *vf)
{
	return vf->has_admin && !security_locked_down(LOCKDOWN_KCORE);
}

/**
 * vmwalk_file_sees_others - check the right to the memory of other processes
 * @vf: the file
 *
 * Return: true if the opener had CAP_SYS_PTRACE and lockdown allows reading
 * kernel memory.
 */
static inline bool vmwalk_file_sees_others(const struct vmwalk_file *vf)
{
	return vf->has_ptrace && !security_locked_down(LOCKDOWN_KCORE);
}

static inline bool vmwalk_file_is_readable(const struct vmwalk_file *vf)
{
	return vf->file->f_mode & FMODE_READ;
}

static inline bool vmwalk_file_is_writable(const struct vmwalk_file *vf)
{
	return vf->file->f_mode & FMODE_WRITE;
}

extern const struct file_operations vmwalk_file_operations;

#endif /* VMWALK_FILE_H */
