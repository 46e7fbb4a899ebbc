// SPDX-License-Identifier: GPL-2.0
/*
 * File operations of a device: the buffer is a file of fixed size.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "compat.h"
#include "device.h"
#include "file.h"
#include "ioctl.h"
#include "map.h"

static int vmwalk_open(struct inode *inode, struct file *file)
{
	struct vmwalk_device *device;
	struct vmwalk_file *vf;

	device = vmwalk_device_get(iminor(inode));
	if (!device)
		return -ENODEV;

	vf = kzalloc(sizeof(*vf), GFP_KERNEL_ACCOUNT);
	if (!vf) {
		vmwalk_device_put(device);
		return -ENOMEM;
	}

	/*
	 * /proc/PID/pagemap requires CAP_SYS_ADMIN for PFNs, and ptrace(2)
	 * requires CAP_SYS_PTRACE for any process. Only the initial user
	 * namespace counts, since PFNs belong to the whole machine.
	 */
	vf->device = device;
	vf->file = file;
	vf->has_admin = file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN);
	vf->has_ptrace = file_ns_capable(file, &init_user_ns, CAP_SYS_PTRACE);

	file->private_data = vf;
	file->f_mapping = device->inode->i_mapping;
	/* There is no page cache to bypass. */
	vmwalk_accept_direct_io(file);
	atomic_long_inc(&device->opens);

	return 0;
}

static int vmwalk_release(struct inode *inode, struct file *file)
{
	struct vmwalk_file *vf = file->private_data;

	atomic_long_dec(&vf->device->opens);
	vmwalk_device_put(vf->device);
	kfree(vf);

	return 0;
}

static struct vmwalk_device *vmwalk_file_device(struct file *file)
{
	struct vmwalk_file *vf = file->private_data;

	return vf->device;
}

static loff_t vmwalk_llseek(struct file *file, loff_t offset, int whence)
{
	struct vmwalk_device *device = vmwalk_file_device(file);

	if (vmwalk_device_is_dead(device))
		return -ENODEV;

	/* Unlike fixed_size_llseek(), this supports SEEK_DATA and SEEK_HOLE. */
	return generic_file_llseek_size(file, offset, whence, device->buffer.size,
					device->buffer.size);
}

/* Returns the number of bytes copied. */
static size_t copy_buffer(struct vmwalk_buffer *buffer, loff_t pos, struct iov_iter *iter,
			  size_t (*copy)(void *addr, size_t len, struct iov_iter *iter))
{
	size_t left = min(iov_iter_count(iter), buffer->size - (size_t)pos);
	size_t done = 0, len, copied;
	void *addr;

	do {
		len = min(left - done, PAGE_SIZE - offset_in_page(pos));
		addr = vmwalk_buffer_kmap(buffer, pos);
		copied = copy(addr, len, iter);
		vmwalk_buffer_kunmap(buffer, addr);
		done += copied;
		pos += copied;
		cond_resched();
	} while (copied == len && done < left && !fatal_signal_pending(current));

	return done;
}

static size_t copy_out(void *addr, size_t len, struct iov_iter *to)
{
	return copy_to_iter(addr, len, to);
}

static size_t copy_in(void *addr, size_t len, struct iov_iter *from)
{
	return copy_from_iter(addr, len, from);
}

static ssize_t vmwalk_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct vmwalk_device *device = vmwalk_file_device(iocb->ki_filp);
	size_t done;

	if (vmwalk_device_is_dead(device))
		return -ENODEV;
	if (iocb->ki_pos >= device->buffer.size || !iov_iter_count(to))
		return 0;

	done = copy_buffer(&device->buffer, iocb->ki_pos, to, copy_out);
	iocb->ki_pos += done;

	return done ?: -EFAULT;
}

static ssize_t vmwalk_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct vmwalk_device *device = vmwalk_file_device(iocb->ki_filp);
	size_t done;

	if (vmwalk_device_is_dead(device))
		return -ENODEV;
	if (!iov_iter_count(from))
		return 0;
	if (iocb->ki_flags & IOCB_APPEND || iocb->ki_pos >= device->buffer.size)
		return -ENOSPC;

	done = copy_buffer(&device->buffer, iocb->ki_pos, from, copy_in);
	vmwalk_dirty_mark(device, iocb->ki_pos, done);
	iocb->ki_pos += done;

	return done ?: -EFAULT;
}

static int vmwalk_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vmwalk_device *device = vmwalk_file_device(file);

	if (vmwalk_device_is_dead(device))
		return -ENODEV;

	return vmwalk_map(device, vma);
}

static unsigned long vmwalk_get_unmapped_area(struct file *file, unsigned long addr,
					      unsigned long len, unsigned long pgoff,
					      unsigned long flags)
{
	return vmwalk_map_unmapped_area(vmwalk_file_device(file), file, addr, len, pgoff, flags);
}

const struct file_operations vmwalk_file_operations = {
	.owner = THIS_MODULE,
	.open = vmwalk_open,
	.release = vmwalk_release,
	.llseek = vmwalk_llseek,
	.read_iter = vmwalk_read_iter,
	.write_iter = vmwalk_write_iter,
	.splice_read = vmwalk_splice_read,
	.splice_write = iter_file_splice_write,
	/* Also succeeds on a withdrawn device, whose mappings stay usable. */
	.fsync = noop_fsync,
	.mmap = vmwalk_mmap,
	.get_unmapped_area = vmwalk_get_unmapped_area,
	.unlocked_ioctl = vmwalk_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
