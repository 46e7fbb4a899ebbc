// SPDX-License-Identifier: GPL-2.0
/*
 * The calls that have many results: SCAN, LOG and TRANSLATE. Results are gathered chunk by chunk
 * under the target's mmap_lock, and passed on without it: a page fault on the way to the caller
 * could wait for it behind a writer that waits for us.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/printk.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "trace.h"

static_assert(sizeof(struct vmwalk_scan) == VMWALK_SCAN_SIZE_VER0);
static_assert(sizeof(struct vmwalk_extent) == 32);
static_assert(sizeof(struct vmwalk_log) == VMWALK_LOG_SIZE_VER0);
static_assert(sizeof(struct vmwalk_translate) == VMWALK_TRANSLATE_SIZE_VER0);
static_assert(sizeof(struct vmwalk_translation) == 24);

/* Extents gathered before they are passed on: a page of them. */
#define CHUNK_EXTENTS		(PAGE_SIZE / sizeof(struct vmwalk_extent))

/* Addresses that are looked up under the lock in one go: what fits into so many bytes. */
#define TRANSLATIONS_SIZE	(4 * PAGE_SIZE)
#define CHUNK_TRANSLATIONS	(TRANSLATIONS_SIZE / sizeof(struct vmwalk_translation))

/**
 * struct sink - where a scan's extents go
 * @put: takes extents from the start of @chunk; returns 0, -EFAULT or -EINTR.
 *       NULL if the scanner has put them where they belong
 * @chunk: a page where they are gathered, or NULL
 * @at: address or offset of the next one
 * @buffer: where @at is an offset, or NULL
 * @device: whose scan it is
 * @target: number of the process that is scanned, as the kernel's log has it
 */
struct sink {
	int (*put)(struct sink *sink, unsigned long count);
	struct vmwalk_extent *chunk;
	u64 at;
	struct vmwalk_buffer *buffer;
	struct vmwalk_device *device;
	int target;
};

static int put_user_extents(struct sink *sink, unsigned long count)
{
	size_t len = count * sizeof(*sink->chunk);

	if (copy_to_user(u64_to_user_ptr(sink->at), sink->chunk, len))
		return -EFAULT;
	sink->at += len;

	return 0;
}

static int put_buffer_extents(struct sink *sink, unsigned long count)
{
	size_t part, len = count * sizeof(*sink->chunk);
	const void *from = sink->chunk;
	void *to;

	for (; len; len -= part, sink->at += part, from += part) {
		part = min(len, PAGE_SIZE - offset_in_page(sink->at));
		to = vmwalk_buffer_reach(sink->buffer, sink->at);
		memcpy(to, from, part);
		vmwalk_buffer_leave(sink->buffer, to);
	}

	return 0;
}

/* Scan until there is nothing left to do. Returns 0 with @walk_end set, -EINTR, -ESRCH, -EFAULT. */
static int run_scan(struct vmwalk_scanner *scanner, struct sink *sink, u64 *walk_end)
{
	unsigned long addr = scanner->arg->start;
	int err;

	while (!scanner->stop) {
		err = vmwalk_target_lock(scanner->mm);
		if (err)
			return err;
		addr = vmwalk_scan_chunk(scanner, addr);
		vmwalk_target_unlock(scanner->mm);

		if (!scanner->stop && sink->put && vmwalk_scan_filled(scanner) == scanner->room) {
			err = sink->put(sink, scanner->room - 1);
			if (err)
				return err;
			vmwalk_scan_emptied(scanner);
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		vmwalk_yield(&scanner->mm->mmap_lock);
	}

	/* A caller that goes on until walk_end is its own end shall get there. */
	*walk_end = addr < scanner->end ? addr : scanner->arg->end;

	return sink->put ? sink->put(sink, vmwalk_scan_filled(scanner)) : 0;
}

static struct vmwalk_extent *get_chunk(struct sink *sink)
{
	sink->chunk = (struct vmwalk_extent *)__get_free_page(GFP_KERNEL_ACCOUNT);
	return sink->chunk;
}

/* What SCAN and LOG have in common. Returns the number of extents. */
static long scan_to_sink(struct vmwalk_file *vf, struct vmwalk_scan *scan, struct sink *sink)
{
	struct vmwalk_device *device = vf->device;
	struct vmwalk_extent *out = sink->chunk;
	unsigned long room = CHUNK_EXTENTS;
	u64 started = ktime_get_ns(), extents;
	struct vmwalk_scanner scanner;
	struct mm_struct *mm;
	long ret;

	mm = vmwalk_target_mm(vf, &sink->target);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	if (!out) {
		out = sink->buffer->kaddr + scan->vec;
		room = scan->vec_len;
	}
	vmwalk_scan_init(&scanner, mm, scan, !vmwalk_file_sees_frames(vf), out, room);
	ret = run_scan(&scanner, sink, &scan->walk_end);
	mmdrop(mm);

	extents = scanner.earlier + vmwalk_scan_filled(&scanner);
	if (sink->buffer)
		vmwalk_dirty_mark(device, scan->vec, extents * sizeof(*out));
	vmwalk_count_walk(device, started, vmwalk_scan_pages(&scanner), extents);
	trace_vmwalk_scan(device, scan, vmwalk_scan_pages(&scanner), extents, ret);

	return ret ?: min_t(u64, extents, INT_MAX);
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

static int open_sink(struct sink *sink, const struct vmwalk_scan *scan, const struct file *file,
		     struct vmwalk_device *device)
{
	const u64 bytes = scan->vec_len * sizeof(struct vmwalk_extent);

	sink->at = scan->vec;
	if (scan->flags & VMWALK_SCAN_TO_BUFFER) {
		/* This writes to the buffer, which takes a descriptor that may. */
		if (!(file->f_mode & FMODE_WRITE))
			return -EPERM;
		sink->buffer = &device->buffer;
		if (device->buffer.kaddr)
			return 0;
		sink->put = put_buffer_extents;
	} else {
		if (!access_ok(u64_to_user_ptr(scan->vec), bytes))
			return -EFAULT;
		sink->put = put_user_extents;
	}

	return get_chunk(sink) ? 0 : -ENOMEM;
}

/**
 * vmwalk_ioctl_scan - VMWALK_IOC_SCAN
 * @vf: the descriptor
 * @file: the same, as the kernel knows it
 * @user: the caller's struct vmwalk_scan
 */
long vmwalk_ioctl_scan(struct vmwalk_file *vf, struct file *file, void __user *user)
{
	struct vmwalk_device *device = vf->device;
	struct sink sink = { .device = device };
	struct vmwalk_scan scan;
	long ret;

	ret = vmwalk_get_struct(&scan, sizeof(scan), VMWALK_SCAN_SIZE_VER0, user);
	if (ret)
		return ret;
	ret = check_scan(device, &scan);
	if (ret)
		return ret;

	ret = open_sink(&sink, &scan, file, device);
	if (ret)
		return ret;
	ret = scan_to_sink(vf, &scan, &sink);
	free_page((unsigned long)sink.chunk);
	if (ret >= 0 && vmwalk_put_struct(user, &scan, sizeof(scan)))
		ret = -EFAULT;

	return ret;
}

/* Names of the flags from VMWALK_PRESENT on. */
static const char *const state_names[] = {
	"present", "write", "exec", "user", "accessed", "dirty", "soft_dirty", "swap", "migration",
	"protnone", "uffd_wp", "file", "zero", "hugetlb", "special", "hidden", "huge",
};

static_assert(BIT(ARRAY_SIZE(state_names)) - 1 == VMWALK_STATE_ALL);

static void log_extent(const struct sink *sink, const struct vmwalk_extent *extent)
{
	char pfn[32] = "", flags[160];
	unsigned long state = extent->flags;
	size_t len = 0;
	unsigned int i;

	if (state & VMWALK_PRESENT)
		scnprintf(pfn, sizeof(pfn), " pfn 0x%llx", extent->pfn);
	for_each_set_bit(i, &state, ARRAY_SIZE(state_names))
		len += scnprintf(flags + len, sizeof(flags) - len, "%s%s", len ? "|" : "",
				 state_names[i]);

	pr_info("%s %s%u: %d: 0x%llx-0x%llx%s pages %llu shift %u node %d flags %s\n",
		VMWALK_NAME, VMWALK_NAME, sink->device->number, sink->target, extent->start,
		extent->start + (extent->pages << PAGE_SHIFT), pfn, extent->pages,
		extent->page_shift, extent->node, flags);
}

static int put_log_extents(struct sink *sink, unsigned long count)
{
	unsigned long i;

	/* A line may wait for a serial console. */
	for (i = 0; i < count; i++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		log_extent(sink, &sink->chunk[i]);
		cond_resched();
	}

	return 0;
}

/**
 * vmwalk_ioctl_log - VMWALK_IOC_LOG
 * @vf: the descriptor
 * @user: the caller's struct vmwalk_log
 */
long vmwalk_ioctl_log(struct vmwalk_file *vf, void __user *user)
{
	struct sink sink = { .put = put_log_extents, .device = vf->device };
	struct vmwalk_scan scan = { .return_mask = VMWALK_STATE_ALL };
	struct vmwalk_log log;
	long ret;

	ret = vmwalk_get_struct(&log, sizeof(log), VMWALK_LOG_SIZE_VER0, user);
	if (ret)
		return ret;
	if (log.flags || log.pad || !log.lines || log.lines > VMWALK_LOG_LINES)
		return -EINVAL;

	scan.start = log.start;
	scan.end = log.end;
	scan.vec_len = log.lines;
	ret = check_scan(vf->device, &scan);
	if (ret)
		return ret;
	if (!vmwalk_file_sees_frames(vf))
		return -EPERM;

	if (!get_chunk(&sink))
		return -ENOMEM;
	ret = scan_to_sink(vf, &scan, &sink);
	free_page((unsigned long)sink.chunk);
	log.walk_end = scan.walk_end;
	if (ret >= 0 && vmwalk_put_struct(user, &log, sizeof(log)))
		ret = -EFAULT;

	return ret;
}

static int get_addresses(struct vmwalk_translation *items,
			 const struct vmwalk_translation __user *user, unsigned int count)
{
	unsigned int i;

	if (!user_read_access_begin(user, count * sizeof(*items)))
		return -EFAULT;
	/* The compiler's own loop would take longer than what it copies. */
#pragma GCC unroll 8
	for (i = 0; i < count; i++)
		unsafe_get_user(items[i].addr, &user[i].addr, fault);
	user_read_access_end();

	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

static int put_answers(struct vmwalk_translation __user *user,
		       const struct vmwalk_translation *items, unsigned int count)
{
	/* Word by word; the first word is the address, which stays as the caller has it. */
	const u64 *from;
	u64 __user *to;
	unsigned int i;

	if (!user_write_access_begin(user, count * sizeof(*items)))
		return -EFAULT;
#pragma GCC unroll 8
	for (i = 0; i < count; i++) {
		from = (const u64 *)&items[i];
		to = (u64 __user *)&user[i];
		unsafe_put_user(from[1], &to[1], fault);
		unsafe_put_user(from[2], &to[2], fault);
	}
	user_write_access_end();

	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

/* Look up all of the caller's addresses. Returns 0, -EINTR, -ESRCH, -EFAULT. */
static int run_translate(struct mm_struct *mm, const struct vmwalk_translate *translate, bool hide,
			 struct vmwalk_translation *items)
{
	struct vmwalk_translation __user *user = u64_to_user_ptr(translate->vec);
	u64 left = translate->vec_len;
	unsigned int count;
	int err;

	for (; left; left -= count, user += count) {
		count = min_t(u64, left, CHUNK_TRANSLATIONS);
		err = get_addresses(items, user, count);
		if (err)
			return err;

		err = vmwalk_target_lock(mm);
		if (err)
			return err;
		count = vmwalk_translate(mm, items, count, hide);
		vmwalk_target_unlock(mm);

		err = put_answers(user, items, count);
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		vmwalk_yield(&mm->mmap_lock);
	}

	return 0;
}

/**
 * vmwalk_ioctl_translate - VMWALK_IOC_TRANSLATE
 * @vf: the descriptor
 * @user: the caller's struct vmwalk_translate
 */
long vmwalk_ioctl_translate(struct vmwalk_file *vf, void __user *user)
{
	struct vmwalk_translation *items;
	struct vmwalk_translate translate;
	u64 started = ktime_get_ns();
	struct mm_struct *mm;
	int err;

	err = vmwalk_get_struct(&translate, sizeof(translate), VMWALK_TRANSLATE_SIZE_VER0, user);
	if (err)
		return err;
	if (translate.flags || !IS_ALIGNED(translate.vec, sizeof(u64)) || !translate.vec_len ||
	    translate.vec_len > U64_MAX / sizeof(*items))
		return -EINVAL;
	if (!access_ok(u64_to_user_ptr(translate.vec), translate.vec_len * sizeof(*items)))
		return -EFAULT;

	mm = vmwalk_target_mm(vf, NULL);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	items = kvmalloc(TRANSLATIONS_SIZE, GFP_KERNEL_ACCOUNT);
	err = items ? run_translate(mm, &translate, !vmwalk_file_sees_frames(vf), items) : -ENOMEM;
	kvfree(items);
	mmdrop(mm);
	if (!err)
		vmwalk_count_walk(vf->device, started, translate.vec_len, 0);

	return err;
}
