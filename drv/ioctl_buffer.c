// SPDX-License-Identifier: GPL-2.0
/*
 * The calls on the buffer itself: DIRTY, BUFFER and COPY; and POKE, which is the driver's way into
 * memory that programs have of it.
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

#include "compat.h"
#include "internal.h"

static_assert(sizeof(struct vmwalk_dirty) == VMWALK_DIRTY_SIZE_VER0);
static_assert(sizeof(struct vmwalk_locate) == VMWALK_LOCATE_SIZE_VER0);
static_assert(sizeof(struct vmwalk_copy) == VMWALK_COPY_SIZE_VER0);
static_assert(sizeof(struct vmwalk_poke) == VMWALK_POKE_SIZE_VER0);

/**
 * vmwalk_ioctl_dirty - VMWALK_IOC_DIRTY
 * @vf: the descriptor
 * @file: the same, as the kernel knows it
 * @user: the caller's struct vmwalk_dirty
 */
long vmwalk_ioctl_dirty(struct vmwalk_file *vf, struct file *file, void __user *user)
{
	struct vmwalk_device *device = vf->device;
	const u64 size = device->buffer.size;
	unsigned long first, count, bytes;
	struct vmwalk_dirty dirty;
	unsigned long *bitmap;
	bool clear;
	int err;

	err = vmwalk_get_struct(&dirty, sizeof(dirty), VMWALK_DIRTY_SIZE_VER0, user);
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

	err = vmwalk_dirty_collect(device, first, count, clear, bitmap);
	dirty.pages = bitmap_weight(bitmap, count);
	if (!err && copy_to_user(u64_to_user_ptr(dirty.bitmap), bitmap, bytes))
		err = -EFAULT;
	if (!err)
		err = vmwalk_put_struct(user, &dirty, sizeof(dirty));
	/* Pages that the caller does not learn of must stay dirty. */
	if (err && clear)
		vmwalk_dirty_return(device, first, count, bitmap);

	kvfree(bitmap);
	return err;
}

/**
 * vmwalk_ioctl_locate - VMWALK_IOC_LOCATE
 * @vf: the descriptor
 * @user: the caller's struct vmwalk_locate
 */
long vmwalk_ioctl_locate(struct vmwalk_file *vf, void __user *user)
{
	const struct vmwalk_buffer *buffer = &vf->device->buffer;
	struct vmwalk_entry entry;
	struct vmwalk_locate location;
	int err;

	err = vmwalk_get_struct(&location, sizeof(location), VMWALK_LOCATE_SIZE_VER0, user);
	if (err)
		return err;
	if (location.flags || location.offset >= buffer->size)
		return -EINVAL;
	if (!vmwalk_file_sees_frames(vf))
		return -EPERM;

	location.kaddr = vmwalk_buffer_address(buffer, location.offset);
	location.linear = vmwalk_linear_phys(location.kaddr);
	entry = vmwalk_descend_kernel(location.kaddr, NULL);
	location.phys = entry.present ? PFN_PHYS(entry.pfn) + offset_in_page(location.kaddr) : 0;
	location.contig_len = vmwalk_buffer_run(buffer, location.offset);

	return vmwalk_put_struct(user, &location, sizeof(location));
}

/**
 * struct copier - a copy under way
 * @vf: whose buffer it is on one side
 * @copy: what is asked for, checked
 * @source: the device that the buffer on the other side belongs to; NULL if the target is there
 * @from: where in that buffer
 */
struct copier {
	struct vmwalk_file *vf;
	const struct vmwalk_copy *copy;
	struct vmwalk_device *source;
	size_t from;
};

/* Copy what is in one page on both sides. Returns how much, or -EPERM, -ESRCH, -EFAULT. */
static ssize_t copy_part(struct copier *copier, u64 done)
{
	const struct vmwalk_copy *copy = copier->copy;
	struct vmwalk_buffer *buffer = &copier->vf->device->buffer;
	size_t offset = copy->offset + done;
	u64 addr = copy->addr + done;
	ssize_t len = min3(copy->length - done, (u64)(PAGE_SIZE - offset_in_page(offset)),
			   (u64)(PAGE_SIZE - offset_in_page(addr)));
	void *here = vmwalk_buffer_reach(buffer, offset), *there;

	if (copier->source) {
		there = vmwalk_buffer_reach(&copier->source->buffer, copier->from + done);
		memcpy(here, there, len);
		vmwalk_buffer_leave(&copier->source->buffer, there);
	} else {
		len = vmwalk_target_access(copier->vf, addr, here, len,
					   copy->direction == VMWALK_COPY_TO_TARGET);
	}
	vmwalk_buffer_leave(buffer, here);

	return len ?: -EFAULT;
}

/* Copy as much as can be. Returns 0 with copy->copied set, or why nothing could be copied. */
static int copy_all(struct copier *copier, struct vmwalk_copy *copy)
{
	ssize_t part = 0;

	copy->copied = 0;
	while (copy->copied < copy->length) {
		part = fatal_signal_pending(current) ? -EINTR : copy_part(copier, copy->copied);
		if (part < 0)
			break;
		copy->copied += part;
		cond_resched();
	}
	if (copy->direction != VMWALK_COPY_TO_TARGET)
		vmwalk_dirty_mark(copier->vf->device, copy->offset, copy->copied);

	return copy->copied ? 0 : part;
}

static int check_copy(const struct vmwalk_file *vf, const struct file *file,
		      const struct vmwalk_copy *copy)
{
	const u64 size = vf->device->buffer.size;
	bool out = copy->direction == VMWALK_COPY_TO_TARGET;

	if (copy->flags || copy->pad || copy->direction > VMWALK_COPY_FROM_BUFFER)
		return -EINVAL;
	if (!copy->length || copy->offset >= size || copy->length > size - copy->offset ||
	    copy->length - 1 > U64_MAX - copy->addr)
		return -EINVAL;

	if (!(file->f_mode & (out ? FMODE_READ : FMODE_WRITE)))
		return -EPERM;
	if (copy->direction == VMWALK_COPY_FROM_BUFFER && !vmwalk_file_sees_frames(vf))
		return -EPERM;

	return 0;
}

static int copy_from_buffer(struct copier *copier, struct vmwalk_copy *copy)
{
	u64 apart;
	int err;

	copier->source = vmwalk_instance_get_by_address(copy->addr, copy->length, &copier->from);
	if (!copier->source)
		return -EFAULT;

	apart = max_t(u64, copier->from, copy->offset) - min_t(u64, copier->from, copy->offset);
	if (copier->source == copier->vf->device && apart < copy->length)
		err = -EINVAL;
	else
		err = copy_all(copier, copy);
	vmwalk_instance_put(copier->source);

	return err;
}

/**
 * vmwalk_ioctl_copy - VMWALK_IOC_COPY
 * @vf: the descriptor
 * @file: the same, as the kernel knows it
 * @user: the caller's struct vmwalk_copy
 */
long vmwalk_ioctl_copy(struct vmwalk_file *vf, struct file *file, void __user *user)
{
	struct vmwalk_copy copy;
	struct copier copier = { .vf = vf, .copy = &copy };
	int err;

	err = vmwalk_get_struct(&copy, sizeof(copy), VMWALK_COPY_SIZE_VER0, user);
	if (err)
		return err;
	err = check_copy(vf, file, &copy);
	if (err)
		return err;

	/* Where the answer can't go nothing shall happen. What is there comes back as it was. */
	err = vmwalk_put_struct(user, &copy, sizeof(copy));
	if (err)
		return err;

	err = copy.direction == VMWALK_COPY_FROM_BUFFER ? copy_from_buffer(&copier, &copy) :
						    copy_all(&copier, &copy);
	return err ?: vmwalk_put_struct(user, &copy, sizeof(copy));
}

/*
 * The faults that this thread has taken so far; one that the kernel takes on a program's memory is
 * put down to the program. They grow behind the compiler's back.
 */
static unsigned long faults_so_far(void)
{
	return READ_ONCE(current->min_flt) + READ_ONCE(current->maj_flt);
}

/**
 * vmwalk_ioctl_poke - VMWALK_IOC_POKE
 * @user: the caller's struct vmwalk_poke
 */
long vmwalk_ioctl_poke(void __user *user)
{
	struct vmwalk_poke poke;
	unsigned long faults;
	int err;

	err = vmwalk_get_struct(&poke, sizeof(poke), VMWALK_POKE_SIZE_VER0, user);
	if (err)
		return err;
	if (poke.flags || poke.value > U8_MAX)
		return -EINVAL;

	/* As in vmwalk_ioctl_copy(). */
	err = vmwalk_put_struct(user, &poke, sizeof(poke));
	if (err)
		return err;

	faults = faults_so_far();
	if (put_user((u8)poke.value, (u8 __user *)u64_to_user_ptr(poke.addr)))
		return -EFAULT;
	poke.faults = faults_so_far() - faults;

	return vmwalk_put_struct(user, &poke, sizeof(poke));
}
