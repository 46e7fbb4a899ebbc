/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interfaces shared by the library's source files
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_INTERNAL_H
#define _VMWALK_INTERNAL_H

#define VMWALK_CONFIGFS "/sys/kernel/config/vmwalk"
#define VMWALK_SYSFS    "/sys/class/vmwalk"
#define VMWALK_DEV      "/dev"

/* The size of an attribute file is limited to a page, of 64 KiB at most. */
#define VMWALK_ATTR_MAX 65536

/* Format a path and prefix VMWALK_SYSROOT. The caller frees it. */
[[gnu::format(printf, 1, 2)]] char *vmwalk_path(const char *format, ...);

/*
 * Open a file with close-on-exec set. The descriptor is never 0, 1 or 2, even
 * if the caller has closed these.
 */
int vmwalk_open(int dir, const char *path, int flags);

/* Close a descriptor unless it is negative. Preserves errno. */
void vmwalk_close(int fd);

/* Read an attribute without its final newline. The caller frees it. */
char *vmwalk_read_attr(int dir, const char *path);

#endif /* _VMWALK_INTERNAL_H */
