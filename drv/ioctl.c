// SPDX-License-Identifier: GPL-2.0
/*
 * The calls: arguments, rights, and results on their way back. See uapi/vmwalk.h for what they
 * promise, ioctl_scan.c for those that have many results, ioctl_buffer.c for those on the buffer.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/kdev_t.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "internal.h"

static_assert(sizeof(struct vmwalk_info) == VMWALK_INFO_SIZE_VER0);
static_assert(sizeof(struct vmwalk_walk) == VMWALK_WALK_SIZE_VER0);
static_assert(sizeof(struct vmwalk_vma) == VMWALK_VMA_SIZE_VER0);

/**
 * vmwalk_get_struct - fetch a structure whose size its first word tells
 * @to: where
 * @known: its size as the driver knows it
 * @smallest: its size in the first version
 * @from: where the caller has it
 *
 * On return the first word is the size that was checked, whatever the caller may have written there
 * since.
 *
 * Return: 0; -EFAULT, -EINVAL, -E2BIG.
 */
int vmwalk_get_struct(void *to, size_t known, size_t smallest, void __user *from)
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

/**
 * vmwalk_put_struct - give a structure back, as much of it as the caller knows
 * @to: where the caller has it
 * @from: the structure
 * @known: its size as the driver knows it
 *
 * Return: 0; -EFAULT.
 */
int vmwalk_put_struct(void __user *to, const void *from, size_t known)
{
	return copy_to_user(to, from, min_t(size_t, *(u32 *)from, known)) ? -EFAULT : 0;
}

static long vmwalk_ioctl_info(struct vmwalk_file *vf, void __user *user)
{
	struct vmwalk_device *device = vf->device;
	struct vmwalk_info info;
	int err;

	err = vmwalk_get_struct(&info, sizeof(info), VMWALK_INFO_SIZE_VER0, user);
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

	return vmwalk_put_struct(user, &info, sizeof(info));
}

/**
 * vmwalk_count_walk - count a walk that is done
 * @device: the device
 * @started: ktime_get_ns() when it began
 * @pages: pages that it told of
 * @extents: extents that it returned
 */
void vmwalk_count_walk(struct vmwalk_device *device, u64 started, u64 pages, u64 extents)
{
	vmwalk_stats_add(&device->stats, VMWALK_WALKS, 1);
	vmwalk_stats_add(&device->stats, VMWALK_WALKED_PAGES, pages);
	vmwalk_stats_add(&device->stats, VMWALK_WALK_NS, ktime_get_ns() - started);
	vmwalk_stats_add(&device->stats, VMWALK_EXTENTS, extents);
}

/* The frame at an address of the target. Returns 0, -ENOENT, -EINTR, -ESRCH, -EPERM. */
static long find_frame(struct vmwalk_file *vf, unsigned long addr, unsigned long *pfn)
{
	struct vmwalk_entry entry;
	struct mm_struct *mm;
	int err;

	if (vmwalk_target_is_caller(vf->device) && vmwalk_glance(addr, pfn))
		return 0;

	mm = vmwalk_target_mm(vf, NULL);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	err = vmwalk_target_lock(mm);
	if (err)
		goto out;
	entry = vmwalk_descend(mm, addr, NULL);
	vmwalk_target_unlock(mm);

	*pfn = entry.pfn;
	err = entry.present ? 0 : -ENOENT;
out:
	mmdrop(mm);
	return err;
}

static long vmwalk_ioctl_get_pfn(struct vmwalk_file *vf, unsigned long page_number)
{
	u64 started = ktime_get_ns();
	unsigned long pfn;
	long ret;

	if (!vmwalk_file_sees_frames(vf))
		return -EPERM;
	if (page_number >= TASK_SIZE_MAX >> PAGE_SHIFT)
		return -EINVAL;

	ret = find_frame(vf, page_number << PAGE_SHIFT, &pfn);
	if (!ret || ret == -ENOENT)
		vmwalk_count_walk(vf->device, started, !ret, 0);
	if (ret)
		return ret;

	return pfn > INT_MAX ? -EOVERFLOW : pfn;
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

/* The way down from walk->addr in the target. Returns 0, -EINTR, -ESRCH, -EPERM. */
static int walk_target(struct vmwalk_file *vf, struct vmwalk_walk *walk, struct vmwalk_entry *entry)
{
	struct mm_struct *mm;
	int err;

	mm = vmwalk_target_mm(vf, NULL);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	err = vmwalk_target_lock(mm);
	if (err)
		goto out;
	*entry = vmwalk_descend(mm, walk->addr, walk->level);
	vmwalk_target_unlock(mm);
	walk->state = entry->state;
out:
	mmdrop(mm);
	return err;
}

static int walk_kernel(struct vmwalk_file *vf, struct vmwalk_walk *walk, struct vmwalk_entry *entry)
{
	if (!vmwalk_file_sees_frames(vf))
		return -EPERM;

	*entry = vmwalk_descend_kernel(walk->addr, walk->level);
	walk->state = vmwalk_entry_state_of_kernel(entry);
	return 0;
}

/* The kernel's half of what the CPU can address. */
static bool is_kernel_address(u64 addr)
{
	return addr >= -(PGDIR_SIZE * (PTRS_PER_PGD / 2));
}

static long vmwalk_ioctl_walk(struct vmwalk_file *vf, void __user *user)
{
	u64 started = ktime_get_ns();
	struct vmwalk_entry entry;
	struct vmwalk_walk walk;
	bool kernel;
	int err;

	err = vmwalk_get_struct(&walk, sizeof(walk), VMWALK_WALK_SIZE_VER0, user);
	if (err)
		return err;
	if (walk.flags & ~VMWALK_WALK_KERNEL)
		return -EINVAL;
	kernel = walk.flags & VMWALK_WALK_KERNEL;
	if (kernel ? !is_kernel_address(walk.addr) : walk.addr >= TASK_SIZE_MAX)
		return -EINVAL;

	err = kernel ? walk_kernel(vf, &walk, &entry) : walk_target(vf, &walk, &entry);
	if (err)
		return err;

	walk.pfn = entry.pfn;
	walk.phys = entry.present ? PFN_PHYS(entry.pfn) + offset_in_page(walk.addr) : 0;
	walk.page_shift = entry.shift;
	walk.stop_level = entry.level;
	walk.stop = entry.present ? VMWALK_STOP_PAGE :
		    pte_none(entry.pte) ? VMWALK_STOP_EMPTY : VMWALK_STOP_ABSENT;
	if (!vmwalk_file_sees_frames(vf))
		hide_frames(&walk);

	vmwalk_count_walk(vf->device, started, entry.present, 0);
	return vmwalk_put_struct(user, &walk, sizeof(walk));
}

static u32 vma_traits(const struct vmwalk_device *device, struct vm_area_struct *vma)
{
	u32 attrs = 0;

	if (vma->vm_flags & VM_READ)
		attrs |= VMWALK_VMA_READ;
	if (vma->vm_flags & VM_WRITE)
		attrs |= VMWALK_VMA_WRITE;
	if (vma->vm_flags & VM_EXEC)
		attrs |= VMWALK_VMA_EXEC;
	if (vma->vm_flags & VM_MAYSHARE)
		attrs |= VMWALK_VMA_SHARED;
	if (vma->vm_file)
		attrs |= VMWALK_VMA_FILE;
	if (vma->vm_file && vma->vm_file->f_mapping == device->inode->i_mapping)
		attrs |= VMWALK_VMA_DEVICE;
	if (is_vm_hugetlb_page(vma))
		attrs |= VMWALK_VMA_HUGETLB;

	return attrs;
}

static void describe_vma(struct vmwalk_vma *out, struct vm_area_struct *vma)
{
	const struct inode *inode = vma->vm_file ? file_user_inode(vma->vm_file) : NULL;

	out->start = vma->vm_start;
	out->end = vma->vm_end;
	out->vm_flags = vma->vm_flags;
	out->page_prot = pgprot_val(vma->vm_page_prot);
	out->pgoff = vma->vm_pgoff;
	out->inode = inode ? inode->i_ino : 0;
	out->dev_major = inode ? MAJOR(inode->i_sb->s_dev) : 0;
	out->dev_minor = inode ? MINOR(inode->i_sb->s_dev) : 0;
	out->page_shift = ilog2(vma_kernel_pagesize(vma));
}

static long vmwalk_ioctl_vma(struct vmwalk_file *vf, void __user *user)
{
	struct vm_area_struct *vma;
	struct vmwalk_vma out;
	struct mm_struct *mm;
	int err;

	err = vmwalk_get_struct(&out, sizeof(out), VMWALK_VMA_SIZE_VER0, user);
	if (err)
		return err;
	if (out.flags)
		return -EINVAL;

	mm = vmwalk_target_mm(vf, NULL);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	err = vmwalk_target_lock(mm);
	if (err)
		goto out;
	vma = find_vma(mm, out.addr);
	if (vma) {
		describe_vma(&out, vma);
		out.attrs = vma_traits(vf->device, vma);
	} else {
		err = -ENOENT;
	}
	vmwalk_target_unlock(mm);

	if (!err)
		err = vmwalk_put_struct(user, &out, sizeof(out));
out:
	mmdrop(mm);
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
	case VMWALK_IOC_TRANSLATE:
		return vmwalk_ioctl_translate(vf, user);
	case VMWALK_IOC_VMA:
		return vmwalk_ioctl_vma(vf, user);
	case VMWALK_IOC_LOG:
		return vmwalk_ioctl_log(vf, user);
	case VMWALK_IOC_LOCATE:
		return vmwalk_ioctl_locate(vf, user);
	case VMWALK_IOC_COPY:
		return vmwalk_ioctl_copy(vf, file, user);
	case VMWALK_IOC_POKE:
		return vmwalk_ioctl_poke(user);
	default:
		return -ENOTTY;
	}
}
