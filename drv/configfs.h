/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configfs tree.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_CONFIGFS_H
#define VMWALK_CONFIGFS_H

int vmwalk_configfs_init(void);
void vmwalk_configfs_exit(void);

#endif /* VMWALK_CONFIGFS_H */
