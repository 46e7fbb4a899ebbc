// SPDX-License-Identifier: GPL-2.0
/*
 * The character device: open, and the buffer as a file of its fixed size.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "internal.h"

static int vmwalk_open(struct inode *inode, struct file *file)
{
	struct vmwalk_device *device;
	struct vmwalk_file *vf;

	device = vmwalk_instance_get(iminor(inode));
	if (!device)
		return -ENODEV;

	vf = kzalloc(sizeof(*vf), GFP_KERNEL_ACCOUNT);
	if (!vf) {
		vmwalk_instance_put(device);
		return -ENOMEM;
	}

	/*
	 * Frames go to those who could read them in /proc/PID/pagemap, other processes to those who
	 * could trace any. Asked of the initial user namespace: frames and pids know no other.
	 */
	vf->device = device;
	vf->sees_frames = file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN);
	vf->sees_others = file_ns_capable(file, &init_user_ns, CAP_SYS_PTRACE);

	file->private_data = vf;
	file->f_mapping = device->inode->i_mapping;
	atomic_long_inc(&device->opens);

	return 0;
}

static int vmwalk_release(struct inode *inode, struct file *file)
{
	struct vmwalk_file *vf = file->private_data;

	atomic_long_dec(&vf->device->opens);
	vmwalk_instance_put(vf->device);
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

	if (vmwalk_instance_is_dead(device))
		return -ENODEV;

	return fixed_size_llseek(file, offset, whence, device->buffer.size);
}

static ssize_t vmwalk_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct vmwalk_device *device = vmwalk_file_device(iocb->ki_filp);
	struct vmwalk_buffer *buffer = &device->buffer;
	size_t left, done;

	if (vmwalk_instance_is_dead(device))
		return -ENODEV;
	if (iocb->ki_pos >= buffer->size || !iov_iter_count(to))
		return 0;

	left = min(iov_iter_count(to), buffer->size - (size_t)iocb->ki_pos);
	done = copy_to_iter(buffer->kaddr + iocb->ki_pos, left, to);
	iocb->ki_pos += done;

	return done ?: -EFAULT;
}

static ssize_t vmwalk_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct vmwalk_device *device = vmwalk_file_device(iocb->ki_filp);
	struct vmwalk_buffer *buffer = &device->buffer;
	size_t left, done;

	if (vmwalk_instance_is_dead(device))
		return -ENODEV;
	if (!iov_iter_count(from))
		return 0;
	if (iocb->ki_flags & IOCB_APPEND || iocb->ki_pos >= buffer->size)
		return -ENOSPC;

	left = min(iov_iter_count(from), buffer->size - (size_t)iocb->ki_pos);
	done = copy_from_iter(buffer->kaddr + iocb->ki_pos, left, from);
	iocb->ki_pos += done;

	return done ?: -EFAULT;
}

static int vmwalk_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vmwalk_device *device = vmwalk_file_device(file);

	if (vmwalk_instance_is_dead(device))
		return -ENODEV;

	return vmwalk_map(device, vma);
}

const struct file_operations vmwalk_file_operations = {
	.owner = THIS_MODULE,
	.open = vmwalk_open,
	.release = vmwalk_release,
	.llseek = vmwalk_llseek,
	.read_iter = vmwalk_read_iter,
	.write_iter = vmwalk_write_iter,
	.mmap = vmwalk_mmap,
	.unlocked_ioctl = vmwalk_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
