// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls that work on the buffer: DIRTY, LOCATE, COPY; and POKE.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "arch/pgtable.h"
#include "buffer.h"
#include "device.h"
#include "dirty.h"
#include "file.h"
#include "ioctl.h"
#include "target.h"
#include "walk.h"

/**
 * vmwalk_ioctl_dirty - VMWALK_IOC_DIRTY
 * @call: has a struct vmwalk_dirty
 */
long vmwalk_ioctl_dirty(struct vmwalk_call *call)
{
	struct vmwalk_device *device = call->vf->device;
	const u64 size = device->buffer.size;
	struct vmwalk_dirty *dirty = call->arg;
	bool clear = dirty->flags & VMWALK_DIRTY_CLEAR;
	unsigned long first, count, bytes;
	unsigned long *bitmap;
	int err;

	if (!PAGE_ALIGNED(dirty->offset) || !PAGE_ALIGNED(dirty->length) || !dirty->length ||
	    dirty->offset >= size || dirty->length > size - dirty->offset)
		return -EINVAL;
	if (clear && !vmwalk_file_is_writable(call->vf))
		return -EPERM;
	if (!device->dirty.bits)
		return -ENODATA;

	first = dirty->offset >> PAGE_SHIFT;
	count = dirty->length >> PAGE_SHIFT;
	bytes = ALIGN(count, 64) / 8;
	bitmap = kvzalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!bitmap)
		return -ENOMEM;

	err = vmwalk_dirty_collect(device, first, count, clear, bitmap);
	dirty->pages = bitmap_weight(bitmap, count);
	if (!err && copy_to_user(u64_to_user_ptr(dirty->bitmap), bitmap, bytes))
		err = -EFAULT;
	if (!err)
		err = vmwalk_call_respond(call);
	/* Pages that were not reported must stay dirty. */
	if (err && clear)
		vmwalk_dirty_return(device, first, count, bitmap);

	kvfree(bitmap);
	return err;
}

/**
 * vmwalk_ioctl_locate - VMWALK_IOC_LOCATE
 * @call: has a struct vmwalk_locate
 */
long vmwalk_ioctl_locate(struct vmwalk_call *call)
{
	const struct vmwalk_buffer *buffer = &call->vf->device->buffer;
	struct vmwalk_locate *locate = call->arg;
	struct vmwalk_entry entry;

	if (locate->offset >= buffer->size)
		return -EINVAL;
	if (!vmwalk_file_sees_pfns(call->vf))
		return -EPERM;

	locate->kaddr = vmwalk_buffer_kaddr(buffer, locate->offset);
	locate->linear = vmwalk_linear_phys(locate->kaddr);
	entry = vmwalk_walk_kernel_addr(locate->kaddr, NULL);
	locate->phys = entry.present ? PFN_PHYS(entry.pfn) + offset_in_page(locate->kaddr) : 0;
	locate->contig_len = vmwalk_buffer_contig_len(buffer, locate->offset);

	return vmwalk_call_respond(call);
}

/**
 * struct copier - a copy in progress
 * @vf: the file; one side of the copy is its device's buffer
 * @copy: the caller's arguments, validated
 * @source: the device whose buffer is the other side; NULL if the target is
 * @from: offset in the buffer of @source
 */
struct copier {
	struct vmwalk_file *vf;
	const struct vmwalk_copy *copy;
	struct vmwalk_device *source;
	size_t from;
};

/*
 * Copy up to the next page boundary of either side. Returns the number of
 * bytes, or -EFAULT, -EINTR, -EPERM or -ESRCH.
 */
static ssize_t copy_part(struct copier *copier, u64 done)
{
	const struct vmwalk_copy *copy = copier->copy;
	struct vmwalk_buffer *buffer = &copier->vf->device->buffer;
	size_t offset = copy->offset + done;
	u64 addr = copy->addr + done;
	ssize_t len = min3(copy->length - done, (u64)(PAGE_SIZE - offset_in_page(offset)),
			   (u64)(PAGE_SIZE - offset_in_page(addr)));
	void *to = vmwalk_buffer_kmap(buffer, offset), *from;

	if (copier->source) {
		from = vmwalk_buffer_kmap(&copier->source->buffer, copier->from + done);
		memcpy(to, from, len);
		vmwalk_buffer_kunmap(&copier->source->buffer, from);
	} else {
		len = vmwalk_target_access(copier->vf, addr, to, len,
					   copy->direction == VMWALK_COPY_TO_TARGET);
	}
	vmwalk_buffer_kunmap(buffer, to);

	return len ?: -EFAULT;
}

/* Returns 0 with @copied set, or a negative errno if nothing was copied. */
static int copy_all(struct copier *copier, u64 *copied)
{
	const struct vmwalk_copy *copy = copier->copy;
	ssize_t part = 0;

	*copied = 0;
	while (*copied < copy->length) {
		part = fatal_signal_pending(current) ? -EINTR : copy_part(copier, *copied);
		if (part < 0)
			break;
		*copied += part;
		cond_resched();
	}
	if (copy->direction != VMWALK_COPY_TO_TARGET)
		vmwalk_dirty_mark(copier->vf->device, copy->offset, *copied);

	return *copied ? 0 : part;
}

static int copy_from_buffer(struct copier *copier, u64 *copied)
{
	const struct vmwalk_copy *copy = copier->copy;
	u64 distance;
	int err;

	copier->source = vmwalk_device_get_by_kaddr(copy->addr, copy->length, &copier->from);
	if (!copier->source)
		return -EFAULT;

	distance = max_t(u64, copier->from, copy->offset) - min_t(u64, copier->from, copy->offset);
	if (copier->source == copier->vf->device && distance < copy->length)
		err = -EINVAL;
	else
		err = copy_all(copier, copied);
	vmwalk_device_put(copier->source);

	return err;
}

static int validate_copy(const struct vmwalk_file *vf, const struct vmwalk_copy *copy)
{
	const u64 size = vf->device->buffer.size;
	bool to_target = copy->direction == VMWALK_COPY_TO_TARGET;

	if (copy->pad || copy->direction > VMWALK_COPY_FROM_BUFFER)
		return -EINVAL;
	if (!copy->length || copy->offset >= size || copy->length > size - copy->offset ||
	    copy->length - 1 > U64_MAX - copy->addr)
		return -EINVAL;

	if (!(to_target ? vmwalk_file_is_readable(vf) : vmwalk_file_is_writable(vf)))
		return -EPERM;
	if (copy->direction == VMWALK_COPY_FROM_BUFFER && !vmwalk_file_sees_pfns(vf))
		return -EPERM;

	return 0;
}

/**
 * vmwalk_ioctl_copy - VMWALK_IOC_COPY
 * @call: has a struct vmwalk_copy
 */
long vmwalk_ioctl_copy(struct vmwalk_call *call)
{
	struct vmwalk_copy *copy = call->arg;
	struct copier copier = { .vf = call->vf, .copy = copy };
	u64 copied;
	int err;

	err = validate_copy(call->vf, copy);
	if (err)
		return err;

	/*
	 * Check first that the result can be written back: a call that fails
	 * must have no side effects.
	 */
	err = vmwalk_call_respond(call);
	if (err)
		return err;

	err = copy->direction == VMWALK_COPY_FROM_BUFFER ? copy_from_buffer(&copier, &copied) :
							   copy_all(&copier, &copied);
	if (err)
		return err;

	copy->copied = copied;
	return vmwalk_call_respond(call);
}

/* min_flt and maj_flt also count faults on user memory in kernel mode. */
static unsigned long count_faults(void)
{
	return READ_ONCE(current->min_flt) + READ_ONCE(current->maj_flt);
}

/**
 * vmwalk_ioctl_poke - VMWALK_IOC_POKE
 * @call: has a struct vmwalk_poke
 */
long vmwalk_ioctl_poke(struct vmwalk_call *call)
{
	struct vmwalk_poke *poke = call->arg;
	unsigned long faults;
	int err;

	if (poke->value > U8_MAX)
		return -EINVAL;

	/* No side effects on failure, as in vmwalk_ioctl_copy(). */
	err = vmwalk_call_respond(call);
	if (err)
		return err;

	faults = count_faults();
	if (put_user((u8)poke->value, (u8 __user *)u64_to_user_ptr(poke->addr)))
		return -EFAULT;
	poke->faults = count_faults() - faults;

	return vmwalk_call_respond(call);
}
