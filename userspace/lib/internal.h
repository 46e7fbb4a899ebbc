/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of libvmwalk share.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_INTERNAL_H
#define _VMWALK_INTERNAL_H

#define VMWALK_CONFIGFS	"/sys/kernel/config/vmwalk"
#define VMWALK_SYSFS	"/sys/class/vmwalk"
#define VMWALK_DEV	"/dev"

/* The most that configfs and sysfs show in one file: a page, on any machine. */
#define VMWALK_FILE_MAX	65536

/* Format a path below VMWALK_SYSROOT. The caller frees it. */
[[gnu::format(printf, 1, 2)]] char *vmwalk_path(const char *format, ...);

/*
 * openat(2), close-on-exec. The descriptor is above those of the standard
 * streams, even if the caller closed one of these.
 */
int vmwalk_open(int dir, const char *path, int flags);

void vmwalk_close_keeping_errno(int fd);

/* Read a file of one page at most, relative to @dir, without its newline. The caller frees it. */
char *vmwalk_read_file(int dir, const char *path);

#endif /* _VMWALK_INTERNAL_H */
