// SPDX-License-Identifier: GPL-2.0
/*
 * An anchor of the benchmark: a device whose mmap() is one vm_insert_pages().
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>

#define ANCHOR_PAGES	(SZ_64M / PAGE_SIZE)

static struct page **pages;

static int anchor_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long count = vma_pages(vma);

	if (vma->vm_pgoff || count > ANCHOR_PAGES)
		return -EINVAL;
	return vm_insert_pages(vma, vma->vm_start, pages, &count);
}

static const struct file_operations anchor_fops = {
	.owner = THIS_MODULE,
	.mmap = anchor_mmap,
};

static struct miscdevice anchor_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vmwalk-anchor",
	.fops = &anchor_fops,
};

static void free_pages_array(void)
{
	unsigned long i;

	for (i = 0; i < ANCHOR_PAGES && pages[i]; i++)
		__free_page(pages[i]);
	kvfree(pages);
}

static int __init anchor_init(void)
{
	unsigned long i;
	int err = 0;

	pages = kvcalloc(ANCHOR_PAGES, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < ANCHOR_PAGES && !err; i++) {
		pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!pages[i])
			err = -ENOMEM;
	}
	if (!err)
		err = misc_register(&anchor_device);
	if (err)
		free_pages_array();

	return err;
}
module_init(anchor_init);

static void __exit anchor_exit(void)
{
	misc_deregister(&anchor_device);
	free_pages_array();
}
module_exit(anchor_exit);

MODULE_DESCRIPTION("Maps pages by vm_insert_pages(), for vmwalk's benchmark");
MODULE_LICENSE("GPL");
