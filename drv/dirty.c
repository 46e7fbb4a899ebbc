// SPDX-License-Identifier: GPL-2.0
/*
 * Write tracking: which pages of a buffer were written.
 *
 * Copyright (C) The vmwalk authors
 *
 * The PTEs of shared mappings are write-protected until a write fault has set
 * the page's bit. VMWALK_DIRTY_CLEAR clears the bits of a batch of pages, and
 * then unmaps these pages from all page tables, so that the next write to each
 * of them faults again.
 *
 * A fault sets the bit and makes the PTE writable under one lock. Clearing a
 * bit takes the same lock. So every PTE that became writable before the bit was
 * cleared is installed by then, and the unmapping that follows zaps it. The
 * lock is
 *
 *   - vmwalk_dirty_tracker.lock, for PFN mappings: the fault handler installs
 *     the PTE;
 *   - the page lock, for refcounted pages: the core makes the PTE writable
 *     after the handler has returned.
 *
 * Release the lock before the pages are unmapped, so that faults do not wait:
 * the time to unmap grows with the number of mappings. A page that is written
 * between the two steps is reported by the call that has cleared its bit.
 *
 * Refcounted pages may also be written through references that were taken from
 * a page table earlier, as by O_DIRECT. The owner of the reference sets
 * PG_dirty when it is done, and the core sets PG_dirty when it zaps a dirty
 * PTE. A page with PG_dirty counts as written. PG_dirty is cleared after the
 * page has been unmapped; until then clear_lock keeps other clearing calls from
 * reporting the page a second time.
 */
#include <linux/bitmap.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "buffer.h"
#include "compat.h"
#include "config.h"
#include "device.h"
#include "dirty.h"
#include "errmsg.h"
#include "walk.h"

/* Pages that are cleared, or counted, between two checks for signals. */
#define DIRTY_BATCH	1024UL

/* Does the core set PG_dirty of the buffer's pages? */
static bool has_page_flags(const struct vmwalk_device *device)
{
	return !vmwalk_buffer_is_pfnmap(&device->buffer);
}

static int unmap_test_mmap(struct file *file, struct vm_area_struct *vma)
{
	const struct vmwalk_buffer *buffer = READ_ONCE(file->private_data);

	/* remap_file_pages() calls this function a second time. */
	if (!buffer)
		return -ENODEV;
	vm_flags_mod(vma, VM_MIXEDMAP | VM_DONTEXPAND | VM_DONTCOPY, 0);
	vma->vm_page_prot = vmwalk_buffer_prot(buffer, vma->vm_flags);
	return vm_insert_page(vma, vma->vm_start, buffer->pages[0]);
}

static const struct file_operations unmap_test_fops = {
	.owner = THIS_MODULE,
	.mmap = unmap_test_mmap,
};

/* Returns a file of the device's inode that can map one page of the buffer. */
static struct file *open_unmap_test(struct vmwalk_device *device, struct vfsmount *mount)
{
	struct file *file;

	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(-ENODEV);
	ihold(device->inode);
	file = alloc_file_pseudo(device->inode, mount, VMWALK_NAME, O_RDWR, &unmap_test_fops);
	if (IS_ERR(file)) {
		iput(device->inode);
		module_put(THIS_MODULE);
		return file;
	}
	/* fput() also puts the module. */
	file->private_data = &device->buffer;

	return file;
}

/*
 * Does unmap_mapping_range() unmap refcounted pages? Older kernels mistake
 * pages that are not in the page cache for copies of a private mapping, and
 * skip them. Map a page into the caller's memory to find out. Other threads of
 * the caller may unmap or move the mapping at any time: look it up again, and
 * hold references to the file and the page.
 *
 * Return: 1 or 0; a negative errno if the test is not possible.
 */
static int unmaps_refcounted(struct vmwalk_device *device, struct vfsmount *mount)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	struct file *file;
	unsigned long addr;
	int result, err;

	if (!mm)
		return -ESRCH;
	file = open_unmap_test(device, mount);
	if (IS_ERR(file))
		return PTR_ERR(file);

	addr = vm_mmap(file, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	WRITE_ONCE(file->private_data, NULL);
	if (IS_ERR_VALUE(addr)) {
		fput(file);
		return addr;
	}

	unmap_mapping_range(device->inode->i_mapping, 0, PAGE_SIZE, 0);
	mmap_read_lock(mm);
	vma = vma_lookup(mm, addr);
	result = !vma || vma->vm_file != file ? -EAGAIN :
		 !vmwalk_walk_addr(mm, addr, NULL).present;
	mmap_read_unlock(mm);
	/* After -EAGAIN, the address may belong to another mapping. */
	err = result < 0 ? result : vm_munmap(addr, PAGE_SIZE);
	fput(file);

	return err ?: result;
}

/* Check that clearing can unmap the pages of the buffer. */
static int check_unmapping(struct vmwalk_device *device, struct vfsmount *mount,
			   struct vmwalk_errmsg *errmsg)
{
	int result;

	if (!has_page_flags(device))
		return 0;

	result = unmaps_refcounted(device, mount);
	if (result > 0)
		return 0;
	if (result < 0)
		return vmwalk_errmsg_set(errmsg, result,
			"track_dirty: could not map a page to test the kernel: error %d", -result);

	return vmwalk_errmsg_set(errmsg, -EOPNOTSUPP,
		"track_dirty needs map_mode remap on this kernel, which can't unmap refcounted pages of a file");
}

/**
 * vmwalk_dirty_init - start to track writes, if track_dirty is set
 * @device: a new device, with its buffer and inode
 * @mount: the mount of the inode's file system
 * @errmsg: set on error
 *
 * Return: 0; -ENOMEM; -EOPNOTSUPP if the kernel can't track writes to the
 * buffer; another negative errno if the kernel can't be tested.
 */
int vmwalk_dirty_init(struct vmwalk_device *device, struct vfsmount *mount,
		      struct vmwalk_errmsg *errmsg)
{
	struct vmwalk_dirty_tracker *tracker = &device->dirty;
	unsigned long words = BITS_TO_LONGS(device->buffer.nr_pages);
	int err;

	mutex_init(&tracker->lock);
	mutex_init(&tracker->clear_lock);
	if (!device->config.track_dirty)
		return 0;

	err = check_unmapping(device, mount, errmsg);
	if (err)
		return err;
	tracker->bits = kvcalloc(words, sizeof(*tracker->bits),
				 GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!tracker->bits)
		return vmwalk_errmsg_set(errmsg, -ENOMEM, "size %zu: no memory for the dirty bits",
					 device->buffer.size);

	return 0;
}

void vmwalk_dirty_free(struct vmwalk_dirty_tracker *tracker)
{
	kvfree(tracker->bits);
	mutex_destroy(&tracker->clear_lock);
	mutex_destroy(&tracker->lock);
}

/**
 * vmwalk_dirty_pfn_mkwrite - pfn_mkwrite of a PFN mapping
 * @device: the device; has track_dirty
 * @vmf: the fault
 * @prot: protection of the writable PTE
 *
 * Sets the page's bit, and replaces the PTE by a writable one.
 *
 * Return: VM_FAULT_NOPAGE, or an error.
 */
vm_fault_t vmwalk_dirty_pfn_mkwrite(struct vmwalk_device *device, struct vm_fault *vmf,
				    pgprot_t prot)
{
	unsigned long addr = vmf->address & PAGE_MASK;
	vm_fault_t ret;

	if (mutex_lock_killable(&device->dirty.lock))
		return VM_FAULT_SIGBUS;
	set_bit(vmf->pgoff, device->dirty.bits);
	/* vmf_insert_pfn_prot() does not replace a PTE. */
	vmwalk_zap_pfns(vmf->vma, addr, PAGE_SIZE);
	ret = vmf_insert_pfn_prot(vmf->vma, addr, vmwalk_buffer_pfn(&device->buffer, vmf->pgoff),
				  prot);
	mutex_unlock(&device->dirty.lock);

	return ret;
}

/**
 * vmwalk_dirty_page_mkwrite - page_mkwrite of a refcounted page
 * @device: the device; has track_dirty
 * @vmf: the fault
 *
 * Sets the page's bit. The core makes the PTE writable while the page is
 * locked, and then unlocks the page.
 *
 * Return: VM_FAULT_LOCKED with the page locked, or an error.
 */
vm_fault_t vmwalk_dirty_page_mkwrite(struct vmwalk_device *device, struct vm_fault *vmf)
{
	if (vmwalk_lock_page_killable(vmf->page))
		return VM_FAULT_SIGBUS;
	set_bit(vmf->pgoff, device->dirty.bits);

	return VM_FAULT_LOCKED;
}

/**
 * vmwalk_dirty_mark - mark bytes of the buffer that the driver has written
 * @device: the device
 * @offset: offset of the first byte
 * @len: number of bytes
 *
 * Call this after the bytes are written. If VMWALK_DIRTY_CLEAR runs
 * concurrently, either that call or the next one reports them.
 */
void vmwalk_dirty_mark(struct vmwalk_device *device, size_t offset, size_t len)
{
	size_t i;

	if (!device->dirty.bits || !len)
		return;

	for (i = offset >> PAGE_SHIFT; i <= (offset + len - 1) >> PAGE_SHIFT; i++) {
		set_bit(i, device->dirty.bits);
		if (!(i % DIRTY_BATCH))
			cond_resched();
	}
}

static bool is_dirty(struct vmwalk_device *device, unsigned long index)
{
	return test_bit(index, device->dirty.bits) ||
	       (has_page_flags(device) && PageDirty(device->buffer.pages[index]));
}

/**
 * vmwalk_dirty_count - count the pages that were written
 * @device: the device
 *
 * Return: the number; -EINTR on a fatal signal; -ENODEV if the device is
 * withdrawn during the call.
 */
long vmwalk_dirty_count(struct vmwalk_device *device)
{
	unsigned long i, count = 0;
	int err;

	if (!device->dirty.bits)
		return 0;

	for (i = 0; i < device->buffer.nr_pages; i++) {
		count += is_dirty(device, i);
		if (i % DIRTY_BATCH)
			continue;
		err = vmwalk_device_interrupted(device);
		if (err)
			return err;
	}

	return count;
}

/* Clear the bits of the pages in @bitmap, whose bit 0 is page @first. */
static void clear_bits(struct vmwalk_device *device, unsigned long first, unsigned long count,
		       const unsigned long *bitmap)
{
	unsigned long i;

	if (!has_page_flags(device)) {
		mutex_lock(&device->dirty.lock);
		for_each_set_bit(i, bitmap, count)
			clear_bit(first + i, device->dirty.bits);
		mutex_unlock(&device->dirty.lock);
		return;
	}

	for_each_set_bit(i, bitmap, count) {
		struct page *page = device->buffer.pages[first + i];

		lock_page(page);
		clear_bit(first + i, device->dirty.bits);
		unlock_page(page);
	}
}

/* Collect the written pages in @bitmap and clear them. Returns 0 or -EINTR. */
static int clear_batch(struct vmwalk_device *device, unsigned long first, unsigned long count,
		       unsigned long *bitmap)
{
	unsigned long i, from, to;

	if (mutex_lock_killable(&device->dirty.clear_lock))
		return -EINTR;

	for (i = 0; i < count; i++)
		if (is_dirty(device, first + i))
			__set_bit(i, bitmap);
	from = find_first_bit(bitmap, count);
	if (from < count) {
		clear_bits(device, first, count, bitmap);
		to = find_last_bit(bitmap, count) + 1;
		/* One call for all pages: each call walks every mapping. */
		unmap_mapping_range(device->inode->i_mapping, (loff_t)(first + from) << PAGE_SHIFT,
				    (loff_t)(to - from) << PAGE_SHIFT, 0);
		if (has_page_flags(device))
			for_each_set_bit(i, bitmap, count)
				ClearPageDirty(device->buffer.pages[first + i]);
	}
	mutex_unlock(&device->dirty.clear_lock);

	return 0;
}

/**
 * vmwalk_dirty_collect - collect the written pages of a range
 * @device: the device; has track_dirty
 * @first: first page of the range
 * @count: pages in the range
 * @clear: clear the pages that are collected
 * @bitmap: one bit per page of the range, all 0; set for each written page
 *
 * Return: 0; -EINTR on a fatal signal; -ENODEV if the device is withdrawn
 * during the call. On error @bitmap has the pages that were collected so far.
 */
int vmwalk_dirty_collect(struct vmwalk_device *device, unsigned long first, unsigned long count,
			 bool clear, unsigned long *bitmap)
{
	unsigned long i, done, batch;
	int err;

	for (done = 0; done < count; done += batch) {
		batch = min(count - done, DIRTY_BATCH);

		err = vmwalk_device_interrupted(device);
		if (!err && clear)
			err = clear_batch(device, first + done, batch, bitmap + BIT_WORD(done));
		if (err)
			return err;
		for (i = done; !clear && i < done + batch; i++)
			if (is_dirty(device, first + i))
				__set_bit(i, bitmap);
	}

	return 0;
}

/**
 * vmwalk_dirty_return - undo the clearing of pages that could not be reported
 * @device: the device
 * @first: first page of the range
 * @count: pages in the range
 * @bitmap: from vmwalk_dirty_collect()
 */
void vmwalk_dirty_return(struct vmwalk_device *device, unsigned long first, unsigned long count,
			 const unsigned long *bitmap)
{
	unsigned long i;

	for_each_set_bit(i, bitmap, count) {
		set_bit(first + i, device->dirty.bits);
		if (!(i % DIRTY_BATCH))
			cond_resched();
	}
}
