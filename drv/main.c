// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk: kernel buffers that programs can map, and a page-table walker.
 *
 * Copyright (C) The vmwalk authors
 */
/* Kconfig excludes PREEMPT_RT, but out-of-tree builds don't read Kconfig. */
#ifdef CONFIG_PREEMPT_RT
#error "vmwalk does not support PREEMPT_RT: it takes page-table locks with IRQs off"
#endif

#include <linux/module.h>

#include "alloc.h"
#include "buffer.h"
#include "configfs.h"
#include "device.h"
#include "file.h"
#include "sysfs.h"

static int __init vmwalk_init(void)
{
	int err;

	vmwalk_buffer_init();

	err = vmwalk_alloc_init();
	if (err)
		return err;

	err = vmwalk_device_init(&vmwalk_file_operations, vmwalk_sysfs_groups);
	if (err)
		goto err_alloc;

	err = vmwalk_configfs_init();
	if (err)
		goto err_device;

	return 0;

err_device:
	vmwalk_device_exit();
err_alloc:
	vmwalk_alloc_exit();
	return err;
}
module_init(vmwalk_init);

static void __exit vmwalk_exit(void)
{
	vmwalk_configfs_exit();
	vmwalk_device_exit();
	vmwalk_alloc_exit();
}
module_exit(vmwalk_exit);

MODULE_AUTHOR("The vmwalk authors");
MODULE_DESCRIPTION("Kernel buffers that programs can map, and a page-table walker");
MODULE_LICENSE("GPL");
#ifdef VMWALK_VERSION
MODULE_VERSION(VMWALK_VERSION);
#endif
