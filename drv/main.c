// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk: kernel buffers of a chosen kind in user space, and a page-table walker beside them.
 *
 * Copyright (C) The vmwalk authors
 */
/* Kconfig excludes PREEMPT_RT, but out-of-tree builds don't read it. */
#ifdef CONFIG_PREEMPT_RT
#error "vmwalk does not support PREEMPT_RT: it takes page-table locks with IRQs off"
#endif

#include <linux/module.h>

#include "internal.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int __init vmwalk_init(void)
{
	int err;

	vmwalk_buffer_init();

	err = vmwalk_memory_init();
	if (err)
		return err;

	err = vmwalk_instance_init();
	if (err)
		goto err_memory;

	err = vmwalk_configfs_init();
	if (err)
		goto err_instance;

	return 0;

err_instance:
	vmwalk_instance_exit();
err_memory:
	vmwalk_memory_exit();
	return err;
}
module_init(vmwalk_init);

static void __exit vmwalk_exit(void)
{
	vmwalk_configfs_exit();
	vmwalk_instance_exit();
	vmwalk_memory_exit();
}
module_exit(vmwalk_exit);

MODULE_AUTHOR("The vmwalk authors");
MODULE_DESCRIPTION("Buffers of a chosen kind in user space, and a page-table walker");
MODULE_LICENSE("GPL");
