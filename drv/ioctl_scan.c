// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls that report the pages of a range: SCAN and LOG.
 *
 * Copyright (C) The vmwalk authors
 *
 * A scan is three nested loops:
 *
 *   scan_range()          takes and releases mmap_lock, flushes the output
 *     vmwalk_scan_vmas()  iterates over VMAs
 *       vmwalk_walk_range()  walks the page tables of one VMA
 *
 * With VMWALK_SCAN_PAGEMAP, scan_pagemap() and vmwalk_pagemap_vmas() are the
 * outer loops. Copy results to user space only after releasing mmap_lock. A
 * page fault during the copy takes the caller's mmap_lock for reading. If the
 * scan still held the lock and a writer had queued for it, that would deadlock.
 */
/* The format of dev_info(). The struct device that it needs may be gone. */
#define pr_fmt(fmt) KBUILD_MODNAME " " fmt

#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/printk.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "arch/pgtable.h"
#include "device.h"
#include "file.h"
#include "ioctl.h"
#include "pagemap.h"
#include "scan.h"
#include "target.h"
#include "trace.h"

/*
 * Results of up to SMALL_WORDS words are gathered on the stack, others in an
 * array of up to CHUNK_SIZE bytes.
 */
#define SMALL_WORDS		32
#define CHUNK_SIZE		SZ_16K

/**
 * struct scan_output - destination of the results of a scan
 * @put: moves bytes from the start of @array to their destination; returns 0,
 *       -EFAULT or -EINTR. NULL if @array is the destination
 * @array: extents or pagemap entries, which the scan fills in
 * @size: bytes in @array
 * @small: an array of SMALL_WORDS words, which @array may be
 * @pos: destination of the next result: user address or buffer offset
 * @device: the device
 * @target: PID of the target in the initial pid namespace, for the kernel log
 */
struct scan_output {
	int (*put)(struct scan_output *output, size_t len);
	void *array;
	size_t size;
	u64 *small;
	u64 pos;
	struct vmwalk_device *device;
	int target;
};

static int put_to_user(struct scan_output *output, size_t len)
{
	if (copy_to_user(u64_to_user_ptr(output->pos), output->array, len))
		return -EFAULT;
	output->pos += len;

	return 0;
}

static int put_to_buffer(struct scan_output *output, size_t len)
{
	const struct vmwalk_buffer *buffer = &output->device->buffer;
	const void *from = output->array;
	size_t part;
	void *to;

	for (; len; len -= part, output->pos += part, from += part) {
		part = min(len, PAGE_SIZE - offset_in_page(output->pos));
		to = vmwalk_buffer_kmap(buffer, output->pos);
		memcpy(to, from, part);
		vmwalk_buffer_kunmap(buffer, to);
	}

	return 0;
}

/* Bytes per element of @vec. */
static size_t element_size(const struct vmwalk_scan *scan)
{
	return scan->flags & VMWALK_SCAN_PAGEMAP ? sizeof(u64) : sizeof(struct vmwalk_extent);
}

static int alloc_chunk(struct scan_output *output, const struct vmwalk_scan *scan)
{
	output->size = min_t(u64, scan->vec_len, CHUNK_SIZE / element_size(scan)) *
		       element_size(scan);
	output->array = output->small;
	if (output->size > SMALL_WORDS * sizeof(u64))
		output->array = kvmalloc(output->size, GFP_KERNEL_ACCOUNT);

	return output->array ? 0 : -ENOMEM;
}

static void close_output(struct scan_output *output)
{
	if (output->put && output->array != output->small)
		kvfree(output->array);
}

/* Returns 0 with @walk_end set, or -EINTR, -ESRCH or -EFAULT. */
static int scan_range(struct vmwalk_scanner *scanner, struct scan_output *output, u64 *walk_end)
{
	unsigned long addr = untagged_addr(scanner->arg->start);
	int err;

	while (!scanner->done) {
		err = vmwalk_target_lock(scanner->mm);
		if (err)
			return err;
		addr = vmwalk_scan_vmas(scanner, addr);
		vmwalk_target_unlock(scanner->mm);

		if (!scanner->done && output->put && scanner->count == scanner->capacity) {
			/* The last extent stays: it may still grow. */
			err = output->put(output, (scanner->count - 1) * sizeof(*scanner->out));
			if (err)
				return err;
			vmwalk_scan_flushed(scanner);
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		vmwalk_walk_yield(&scanner->mm->mmap_lock);
	}

	/*
	 * Report the caller's own end, which need not be page aligned, so that
	 * a loop until walk_end == end terminates.
	 */
	*walk_end = addr < scanner->end ? addr : scanner->arg->end;

	return output->put ? output->put(output, scanner->count * sizeof(*scanner->out)) : 0;
}

/* Sets the numbers of extents and of their pages. Returns as scan_range(). */
static int scan_extents(struct mm_struct *mm, struct vmwalk_scan *scan, bool hide_pfns,
			struct scan_output *output, u64 *extents, u64 *pages)
{
	struct vmwalk_scanner scanner;
	int err;

	vmwalk_scan_init(&scanner, mm, scan, hide_pfns, output->array,
			 output->size / sizeof(*scanner.out));
	err = scan_range(&scanner, output, &scan->walk_end);
	*extents = scanner.flushed + scanner.count;
	*pages = vmwalk_scan_pages(&scanner);

	return err;
}

/*
 * Sets the number of pages reported, even if the scan fails after some pages.
 * Returns as scan_range().
 */
static int scan_pagemap(struct mm_struct *mm, struct vmwalk_scan *scan, bool hide_pfns,
			struct scan_output *output, u64 *pages)
{
	const unsigned long start = untagged_addr(scan->start), end = vmwalk_scan_end(scan);
	const unsigned long capacity = output->size / sizeof(u64);
	const u64 total = min_t(u64, scan->vec_len, (end - start) >> PAGE_SHIFT);
	struct vmwalk_pagemap pagemap;
	unsigned long more, count = 0;	/* entries in the array */
	int err;

	*pages = 0;
	vmwalk_pagemap_init(&pagemap, mm, start, hide_pfns);
	do {
		err = vmwalk_target_lock(mm);
		if (err)
			return err;
		more = vmwalk_pagemap_vmas(&pagemap, (u64 *)output->array + count,
					   min_t(u64, capacity - count, total - *pages));
		vmwalk_target_unlock(mm);
		count += more;
		*pages += more;

		if (output->put && (count == capacity || *pages == total)) {
			err = output->put(output, count * sizeof(u64));
			if (err)
				return err;
			count = 0;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		vmwalk_walk_yield(&mm->mmap_lock);
	} while (*pages < total);
	scan->walk_end = pagemap.next < end ? pagemap.next : scan->end;

	return 0;
}

/* Returns the number of elements of the output, or a negative errno. */
static long scan_to_output(struct vmwalk_file *vf, struct vmwalk_scan *scan,
			   struct scan_output *output)
{
	struct vmwalk_device *device = vf->device;
	u64 extents = 0, pages, elements;
	u64 started = ktime_get_ns();
	struct mm_struct *mm;
	bool hide_pfns;
	long ret;

	mm = vmwalk_target_mm(vf, &output->target);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	hide_pfns = !vmwalk_file_sees_pfns(vf);
	if (scan->flags & VMWALK_SCAN_PAGEMAP)
		ret = scan_pagemap(mm, scan, hide_pfns, output, &pages);
	else
		ret = scan_extents(mm, scan, hide_pfns, output, &extents, &pages);
	mmdrop(mm);

	elements = scan->flags & VMWALK_SCAN_PAGEMAP ? pages : extents;
	if (scan->flags & VMWALK_SCAN_TO_BUFFER)
		vmwalk_dirty_mark(device, scan->vec, elements * element_size(scan));
	vmwalk_stats_count_walk(&device->stats, pages);
	vmwalk_stats_add(&device->stats, VMWALK_EXTENTS, extents);
	vmwalk_stats_add(&device->stats, VMWALK_WALK_NS, ktime_get_ns() - started);
	trace_vmwalk_scan(device, scan, pages, extents, ret);

	return ret ?: min_t(u64, elements, INT_MAX);
}

static int validate_scan(const struct vmwalk_device *device, const struct vmwalk_scan *scan)
{
	const u64 start = untagged_addr(scan->start), end = untagged_addr(scan->end);
	const u64 size = device->buffer.size;

	if ((scan->category_inverted | scan->category_mask | scan->category_anyof_mask |
	     scan->return_mask) & ~(u64)VMWALK_STATE_ALL)
		return -EINVAL;

	if (scan->flags & VMWALK_SCAN_PAGEMAP &&
	    (scan->category_inverted | scan->category_mask | scan->category_anyof_mask |
	     scan->return_mask | scan->max_pages))
		return -EINVAL;

	if (!PAGE_ALIGNED(start) || start > end || start > VMWALK_USER_END)
		return -EINVAL;

	if (!scan->vec_len || scan->vec_len > U64_MAX / element_size(scan))
		return -EINVAL;
	if (!(scan->flags & VMWALK_SCAN_TO_BUFFER))
		return 0;

	if (!IS_ALIGNED(scan->vec, sizeof(u64)) || scan->vec > size ||
	    scan->vec_len > (size - scan->vec) / element_size(scan))
		return -EINVAL;

	return 0;
}

/* Opens @output, which has its device and small array. */
static int open_output(struct scan_output *output, const struct vmwalk_scan *scan,
		       const struct vmwalk_file *vf)
{
	struct vmwalk_device *device = vf->device;

	output->pos = scan->vec;
	if (scan->flags & VMWALK_SCAN_TO_BUFFER) {
		if (!vmwalk_file_is_writable(vf))
			return -EPERM;
		if (device->buffer.kaddr) {
			output->array = device->buffer.kaddr + scan->vec;
			output->size = scan->vec_len * element_size(scan);
			return 0;
		}
		output->put = put_to_buffer;
	} else {
		if (!access_ok(u64_to_user_ptr(scan->vec),
			       scan->vec_len * element_size(scan)))
			return -EFAULT;
		output->put = put_to_user;
	}

	return alloc_chunk(output, scan);
}

/**
 * vmwalk_ioctl_scan - VMWALK_IOC_SCAN
 * @call: has a struct vmwalk_scan
 */
long vmwalk_ioctl_scan(struct vmwalk_call *call)
{
	struct vmwalk_scan *scan = call->arg;
	struct vmwalk_file *vf = call->vf;
	u64 small[SMALL_WORDS];
	struct scan_output output = { .small = small, .device = vf->device };
	long ret;

	ret = validate_scan(vf->device, scan);
	if (ret)
		return ret;

	ret = open_output(&output, scan, vf);
	if (ret)
		return ret;
	ret = scan_to_output(vf, scan, &output);
	close_output(&output);
	if (ret >= 0 && vmwalk_call_respond(call))
		ret = -EFAULT;

	return ret;
}

/* Names of the flags from VMWALK_PRESENT on. */
static const char *const state_names[] = {
	"present", "write", "exec", "user", "accessed", "dirty", "soft_dirty", "swap", "migration",
	"protnone", "uffd_wp", "file", "zero", "hugetlb", "special", "hidden", "huge",
};

static_assert(BIT(ARRAY_SIZE(state_names)) - 1 == VMWALK_STATE_ALL);

static void log_extent(const struct scan_output *output, const struct vmwalk_extent *extent)
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

	pr_info(VMWALK_NAME "%u: %d: 0x%llx-0x%llx%s pages %llu shift %u node %d flags %s\n",
		output->device->number, output->target, extent->start,
		extent->start + (extent->pages << PAGE_SHIFT), pfn, extent->pages,
		extent->page_shift, extent->node, flags);
}

static int put_to_log(struct scan_output *output, size_t len)
{
	const struct vmwalk_extent *extents = output->array;
	unsigned long i, count = len / sizeof(*extents);

	/* printk() may wait for a serial console. */
	for (i = 0; i < count; i++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		log_extent(output, &extents[i]);
		cond_resched();
	}

	return 0;
}

/**
 * vmwalk_ioctl_log - VMWALK_IOC_LOG
 * @call: has a struct vmwalk_log
 */
long vmwalk_ioctl_log(struct vmwalk_call *call)
{
	struct vmwalk_log *log = call->arg;
	struct vmwalk_file *vf = call->vf;
	u64 small[SMALL_WORDS];
	struct scan_output output = { .put = put_to_log, .small = small, .device = vf->device };
	struct vmwalk_scan scan = {
		.start = log->start,
		.end = log->end,
		.vec_len = log->lines,
		.return_mask = VMWALK_STATE_ALL,
	};
	long ret;

	if (log->pad || !log->lines || log->lines > VMWALK_LOG_LINES)
		return -EINVAL;
	ret = validate_scan(vf->device, &scan);
	if (ret)
		return ret;
	if (!vmwalk_file_sees_pfns(vf))
		return -EPERM;

	ret = alloc_chunk(&output, &scan);
	if (ret)
		return ret;
	ret = scan_to_output(vf, &scan, &output);
	close_output(&output);
	log->walk_end = scan.walk_end;
	if (ret >= 0 && vmwalk_call_respond(call))
		ret = -EFAULT;

	return ret;
}
