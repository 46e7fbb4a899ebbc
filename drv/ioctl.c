// SPDX-License-Identifier: GPL-2.0
/*
 * The calls: arguments, rights, and results on their way back. See uapi/vmwalk.h for what they
 * promise.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/bitmap.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "trace.h"

static_assert(sizeof(struct vmwalk_info) == VMWALK_INFO_SIZE_VER0);
static_assert(sizeof(struct vmwalk_walk) == VMWALK_WALK_SIZE_VER0);
static_assert(sizeof(struct vmwalk_scan) == VMWALK_SCAN_SIZE_VER0);
static_assert(sizeof(struct vmwalk_dirty) == VMWALK_DIRTY_SIZE_VER0);
static_assert(sizeof(struct vmwalk_extent) == 32);

/* Extents gathered before they are copied out: a page of them. */
#define VMWALK_CHUNK		(PAGE_SIZE / sizeof(struct vmwalk_extent))

/*
 * Fetch a structure whose size its first word tells. On return that word is the size that was
 * checked, whatever the caller may have written there since.
 */
static int get_struct(void *to, size_t known, size_t smallest, void __user *from)
{
	u32 size;
	int err;

	if (get_user(size, (u32 __user *)from))
		return -EFAULT;
	if (size < smallest)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;

	err = copy_struct_from_user(to, known, from, size);
	if (err)
		return err;

	*(u32 *)to = size;
	return 0;
}

/* Give it back, as much of it as the caller knows. */
static int put_struct(void __user *to, const void *from, size_t known)
{
	return copy_to_user(to, from, min_t(size_t, *(u32 *)from, known)) ? -EFAULT : 0;
}

static long vmwalk_ioctl_info(struct vmwalk_file *vf, void __user *user)
{
	struct vmwalk_device *device = vf->device;
	struct vmwalk_info info;
	int err;

	err = get_struct(&info, sizeof(info), VMWALK_INFO_SIZE_VER0, user);
	if (err)
		return err;
	if (info.flags)
		return -EINVAL;

	info.abi_version = VMWALK_ABI_VERSION;
	info.instance = device->number;
	info.buffer_type = device->config.buffer_type;
	info.map_mode = device->config.map_mode;
	info.cache_mode = device->config.cache_mode;
	info.page_size = PAGE_SIZE;
	info.buffer_size = device->buffer.size;
	info.paging_levels = vmwalk_paging_levels();
	info.target_pid = vmwalk_target_number(device);

	return put_struct(user, &info, sizeof(info));
}

static void count_walk(struct vmwalk_device *device, u64 started, u64 pages, u64 extents)
{
	vmwalk_stats_add(&device->stats, VMWALK_WALKS, 1);
	vmwalk_stats_add(&device->stats, VMWALK_WALKED_PAGES, pages);
	vmwalk_stats_add(&device->stats, VMWALK_WALK_NS, ktime_get_ns() - started);
	vmwalk_stats_add(&device->stats, VMWALK_EXTENTS, extents);
}

static long vmwalk_ioctl_get_pfn(struct vmwalk_file *vf, unsigned long page_number)
{
	u64 started = ktime_get_ns();
	struct vmwalk_entry entry;
	struct mm_struct *mm;
	long ret;

	if (!vf->sees_frames)
		return -EPERM;
	if (page_number >= TASK_SIZE_MAX >> PAGE_SHIFT)
		return -EINVAL;

	mm = vmwalk_target_mm(vf);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	ret = vmwalk_target_lock(mm);
	if (ret)
		goto out;
	entry = vmwalk_descend(mm, page_number << PAGE_SHIFT, NULL);
	vmwalk_target_unlock(mm);

	if (!entry.present)
		ret = -ENOENT;
	else if (entry.pfn > INT_MAX)
		ret = -EOVERFLOW;
	else
		ret = entry.pfn;
	count_walk(vf->device, started, entry.present, 0);
out:
	mmdrop(mm);
	return ret;
}

/* Everything that tells where things are in memory. */
static void hide_frames(struct vmwalk_walk *walk)
{
	int i;

	walk->pfn = 0;
	walk->phys = 0;
	walk->state |= VMWALK_HIDDEN;
	for (i = 0; i < VMWALK_LEVELS; i++) {
		walk->level[i].table = 0;
		walk->level[i].entry = 0;
	}
}

static long vmwalk_ioctl_walk(struct vmwalk_file *vf, void __user *user)
{
	u64 started = ktime_get_ns();
	struct vmwalk_entry entry;
	struct vmwalk_walk walk;
	struct mm_struct *mm;
	int err;

	err = get_struct(&walk, sizeof(walk), VMWALK_WALK_SIZE_VER0, user);
	if (err)
		return err;
	if (walk.flags || walk.addr >= TASK_SIZE_MAX)
		return -EINVAL;

	mm = vmwalk_target_mm(vf);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	err = vmwalk_target_lock(mm);
	if (err)
		goto out;
	entry = vmwalk_descend(mm, walk.addr, walk.level);
	walk.state = vmwalk_entry_state(mm, &entry, walk.addr);
	vmwalk_target_unlock(mm);

	walk.pfn = entry.pfn;
	walk.phys = entry.present ? PFN_PHYS(entry.pfn) + offset_in_page(walk.addr) : 0;
	walk.page_shift = entry.shift;
	walk.stop_level = entry.level;
	walk.stop = entry.present ? VMWALK_STOP_PAGE :
		    pte_none(entry.pte) ? VMWALK_STOP_EMPTY : VMWALK_STOP_ABSENT;
	if (!vf->sees_frames)
		hide_frames(&walk);

	count_walk(vf->device, started, entry.present, 0);
	err = put_struct(user, &walk, sizeof(walk));
out:
	mmdrop(mm);
	return err;
}

/* Every check of a scan's arguments. */
static int check_scan(const struct vmwalk_device *device, const struct vmwalk_scan *scan)
{
	const u64 size = device->buffer.size;

	if (scan->flags & ~VMWALK_SCAN_TO_BUFFER)
		return -EINVAL;
	if ((scan->category_inverted | scan->category_mask | scan->category_anyof_mask |
	     scan->return_mask) & ~(u64)VMWALK_STATE_ALL)
		return -EINVAL;

	if (!PAGE_ALIGNED(scan->start) || scan->start > scan->end || scan->start > TASK_SIZE_MAX)
		return -EINVAL;

	if (!scan->vec_len || scan->vec_len > U64_MAX / sizeof(struct vmwalk_extent))
		return -EINVAL;
	if (!(scan->flags & VMWALK_SCAN_TO_BUFFER))
		return 0;

	if (!IS_ALIGNED(scan->vec, sizeof(u64)) || scan->vec > size ||
	    scan->vec_len > (size - scan->vec) / sizeof(struct vmwalk_extent))
		return -EINVAL;

	return 0;
}

/*
 * Where a scan's extents go: to the caller or, with @buffer, into that. Without @chunk, where they
 * are gathered first, the scanner has put them there itself.
 */
struct scan_out {
	struct vmwalk_buffer *buffer;
	struct vmwalk_extent *chunk;
	u64 at;		/* address or offset of the next one */
};

static void write_buffer(struct vmwalk_buffer *buffer, size_t offset, const void *from, size_t len)
{
	size_t part;
	void *to;

	for (; len; len -= part, offset += part, from += part) {
		part = min(len, PAGE_SIZE - offset_in_page(offset));
		to = vmwalk_buffer_reach(buffer, offset);
		memcpy(to, from, part);
		vmwalk_buffer_leave(buffer, to);
	}
}

/* Pass on what the scanner has gathered; it has room again then. */
static int flush_extents(struct vmwalk_scanner *scanner, struct scan_out *out)
{
	size_t len = scanner->filled * sizeof(*scanner->out);

	if (!out->buffer && copy_to_user(u64_to_user_ptr(out->at), scanner->out, len))
		return -EFAULT;
	if (out->buffer && out->chunk)
		write_buffer(out->buffer, out->at, scanner->out, len);

	out->at += len;
	scanner->filled = 0;
	return 0;
}

/*
 * Scan chunk by chunk. mmap_lock is not held while extents are copied out: a page fault there could
 * wait for it behind a writer that waits for us.
 */
static int run_scan(struct vmwalk_scanner *scanner, struct vmwalk_scan *scan, struct scan_out *out)
{
	unsigned long addr = scan->start;
	int err;

	while (!scanner->stop) {
		err = vmwalk_target_lock(scanner->mm);
		if (err)
			return err;
		addr = vmwalk_scan_chunk(scanner, addr);
		vmwalk_target_unlock(scanner->mm);

		if (scanner->filled == scanner->room) {
			err = flush_extents(scanner, out);
			if (err)
				return err;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}

	/* A caller that goes on until walk_end is its own end shall get there. */
	scan->walk_end = addr < scanner->end ? addr : scan->end;
	if (scanner->last.pages)
		scanner->out[scanner->filled++] = scanner->last;

	return flush_extents(scanner, out);
}

static int start_scan(struct vmwalk_scanner *scanner, struct scan_out *out, struct file *file,
		      struct vmwalk_device *device)
{
	const struct vmwalk_scan *scan = scanner->arg;

	out->at = scan->vec;
	if (scan->flags & VMWALK_SCAN_TO_BUFFER) {
		/* This writes to the buffer, which takes a descriptor that may. */
		if (!(file->f_mode & FMODE_WRITE))
			return -EPERM;
		out->buffer = &device->buffer;
		if (device->buffer.kaddr) {
			scanner->out = device->buffer.kaddr + scan->vec;
			scanner->room = scan->vec_len;
			return 0;
		}
	} else if (!access_ok(u64_to_user_ptr(scan->vec), scan->vec_len * sizeof(*out->chunk))) {
		return -EFAULT;
	}

	out->chunk = (struct vmwalk_extent *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!out->chunk)
		return -ENOMEM;
	/* One place is kept for the last extent, which is added at the end. */
	scanner->out = out->chunk;
	scanner->room = VMWALK_CHUNK - 1;

	return 0;
}

static long vmwalk_ioctl_scan(struct vmwalk_file *vf, struct file *file, void __user *user)
{
	struct vmwalk_device *device = vf->device;
	u64 started = ktime_get_ns();
	struct vmwalk_scanner scanner;
	struct scan_out out = { };
	struct vmwalk_scan scan;
	struct mm_struct *mm;
	long ret;

	ret = get_struct(&scan, sizeof(scan), VMWALK_SCAN_SIZE_VER0, user);
	if (ret)
		return ret;
	ret = check_scan(device, &scan);
	if (ret)
		return ret;

	mm = vmwalk_target_mm(vf);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	vmwalk_scan_init(&scanner, mm, &scan, !vf->sees_frames);
	ret = start_scan(&scanner, &out, file, device);
	if (ret)
		goto out;

	ret = run_scan(&scanner, &scan, &out);
	if (out.buffer)
		vmwalk_dirty_mark(device, scan.vec, out.at - scan.vec);
	count_walk(device, started, scanner.pages, scanner.extents);
	trace_vmwalk_scan(device, &scan, scanner.pages, scanner.extents, ret);
	if (!ret)
		ret = put_struct(user, &scan, sizeof(scan));
	if (!ret)
		ret = min_t(u64, scanner.extents, INT_MAX);
out:
	free_page((unsigned long)out.chunk);
	mmdrop(mm);
	return ret;
}

static long vmwalk_ioctl_dirty(struct vmwalk_file *vf, struct file *file, void __user *user)
{
	struct vmwalk_device *device = vf->device;
	const u64 size = device->buffer.size;
	unsigned long first, count, bytes;
	struct vmwalk_dirty dirty;
	unsigned long *bitmap;
	bool clear;
	int err;

	err = get_struct(&dirty, sizeof(dirty), VMWALK_DIRTY_SIZE_VER0, user);
	if (err)
		return err;
	if (dirty.flags & ~VMWALK_DIRTY_CLEAR)
		return -EINVAL;
	if (!PAGE_ALIGNED(dirty.offset) || !PAGE_ALIGNED(dirty.length) || !dirty.length ||
	    dirty.offset >= size || dirty.length > size - dirty.offset)
		return -EINVAL;

	clear = dirty.flags & VMWALK_DIRTY_CLEAR;
	if (clear && !(file->f_mode & FMODE_WRITE))
		return -EPERM;
	if (!device->dirty.bits)
		return -ENODATA;

	first = dirty.offset >> PAGE_SHIFT;
	count = dirty.length >> PAGE_SHIFT;
	bytes = ALIGN(count, 64) / 8;
	bitmap = kvzalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!bitmap)
		return -ENOMEM;

	vmwalk_dirty_collect(device, first, count, clear, bitmap);
	dirty.pages = bitmap_weight(bitmap, count);

	err = copy_to_user(u64_to_user_ptr(dirty.bitmap), bitmap, bytes) ? -EFAULT :
	      put_struct(user, &dirty, sizeof(dirty));
	/* What the caller did not get is still to be told. */
	if (err && clear)
		vmwalk_dirty_return(device, first, count, bitmap);

	kvfree(bitmap);
	return err;
}

/**
 * vmwalk_ioctl - ioctl(2) of a device, for 32- and 64-bit callers alike
 * @file: the descriptor
 * @cmd: VMWALK_IOC_*
 * @arg: its argument
 *
 * Return: what uapi/vmwalk.h says.
 */
long vmwalk_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vmwalk_file *vf = file->private_data;
	void __user *user = (void __user *)arg;

	if (vmwalk_instance_is_dead(vf->device))
		return -ENODEV;

	switch (cmd) {
	case VMWALK_IOC_INFO:
		return vmwalk_ioctl_info(vf, user);
	case VMWALK_IOC_GET_PFN:
		return vmwalk_ioctl_get_pfn(vf, arg);
	case VMWALK_IOC_WALK:
		return vmwalk_ioctl_walk(vf, user);
	case VMWALK_IOC_SCAN:
		return vmwalk_ioctl_scan(vf, file, user);
	case VMWALK_IOC_DIRTY:
		return vmwalk_ioctl_dirty(vf, file, user);
	default:
		return -ENOTTY;
	}
}
