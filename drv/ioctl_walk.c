// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls that look up addresses and mappings: GET_PFN, WALK, TRANSLATE, VMA.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/kdev_t.h>
#include <linux/ktime.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "arch/pgtable.h"
#include "compat.h"
#include "device.h"
#include "entry.h"
#include "file.h"
#include "ioctl.h"
#include "target.h"
#include "translate.h"
#include "walk.h"

static long pfn_result(unsigned long pfn)
{
	return pfn > INT_MAX ? -EOVERFLOW : pfn;
}

/* Returns the PFN, -EOVERFLOW, -ENOENT, -EINTR, -ESRCH or -EPERM. */
static noinline long get_pfn_slow(struct vmwalk_file *vf, unsigned long addr)
{
	struct vmwalk_entry entry;
	struct mm_struct *mm;
	int err;

	mm = vmwalk_target_mm(vf, NULL);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	err = vmwalk_target_lock(mm);
	if (!err) {
		entry = vmwalk_walk_addr(mm, addr, NULL);
		vmwalk_target_unlock(mm);
	}
	mmdrop(mm);
	if (err)
		return err;

	vmwalk_stats_count_walk(&vf->device->stats, entry.present);
	return entry.present ? pfn_result(entry.pfn) : -ENOENT;
}

/**
 * vmwalk_ioctl_get_pfn - VMWALK_IOC_GET_PFN
 * @vf: the file
 * @page_number: a virtual page number of the target
 */
long vmwalk_ioctl_get_pfn(struct vmwalk_file *vf, unsigned long page_number)
{
	unsigned long addr = untagged_addr(page_number << PAGE_SHIFT);
	unsigned long pfn = ULONG_MAX;

	if (!vmwalk_file_sees_pfns(vf))
		return -EPERM;
	if (page_number > ULONG_MAX >> PAGE_SHIFT || addr >= VMWALK_USER_END)
		return -EINVAL;

	if (vmwalk_target_is_caller(vf->device))
		pfn = vmwalk_walk_pfn_fast(addr);
	if (pfn == ULONG_MAX)
		return get_pfn_slow(vf, addr);

	vmwalk_stats_count_walk(&vf->device->stats, 1);
	return pfn_result(pfn);
}

static void hide_pfns(struct vmwalk_walk *walk)
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

/* Returns 0, -EINTR, -ESRCH or -EPERM. */
static int walk_target(struct vmwalk_file *vf, struct vmwalk_walk *walk, struct vmwalk_entry *entry)
{
	const unsigned long addr = untagged_addr(walk->addr);
	struct mm_struct *mm;
	int err;

	if (vmwalk_target_is_caller(vf->device) &&
	    vmwalk_walk_addr_fast(addr, walk->level, entry)) {
		walk->state = entry->state;
		return 0;
	}

	mm = vmwalk_target_mm(vf, NULL);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	err = vmwalk_target_lock(mm);
	if (err)
		goto out;
	*entry = vmwalk_walk_addr(mm, addr, walk->level);
	vmwalk_target_unlock(mm);
	walk->state = entry->state;
out:
	mmdrop(mm);
	return err;
}

static int walk_kernel(struct vmwalk_file *vf, struct vmwalk_walk *walk, struct vmwalk_entry *entry)
{
	if (!vmwalk_file_sees_pfns(vf))
		return -EPERM;

	*entry = vmwalk_walk_kernel_addr(walk->addr, walk->level);
	walk->state = vmwalk_entry_decode_kernel(entry);
	return 0;
}

/**
 * vmwalk_ioctl_walk - VMWALK_IOC_WALK
 * @call: has a struct vmwalk_walk
 */
long vmwalk_ioctl_walk(struct vmwalk_call *call)
{
	struct vmwalk_file *vf = call->vf;
	struct vmwalk_walk *walk = call->arg;
	bool kernel = walk->flags & VMWALK_WALK_KERNEL;
	struct vmwalk_entry entry;
	int err;

	if (kernel ? walk->addr < VMWALK_KERNEL_START :
		     untagged_addr(walk->addr) >= VMWALK_USER_END)
		return -EINVAL;

	err = kernel ? walk_kernel(vf, walk, &entry) : walk_target(vf, walk, &entry);
	if (err)
		return err;

	walk->pfn = entry.pfn;
	walk->phys = entry.present ? PFN_PHYS(entry.pfn) + offset_in_page(walk->addr) : 0;
	walk->page_shift = entry.shift;
	walk->stop_level = entry.level;
	walk->stop = entry.present ? VMWALK_STOP_PAGE :
		     pte_none(entry.pte) ? VMWALK_STOP_EMPTY : VMWALK_STOP_ABSENT;
	if (!vmwalk_file_sees_pfns(vf))
		hide_pfns(walk);

	vmwalk_stats_count_walk(&vf->device->stats, entry.present);
	return vmwalk_call_respond(call);
}

/*
 * Few addresses are translated in an array on the stack, others in one of up to
 * CHUNK_TRANSLATIONS elements, per hold of mmap_lock.
 */
#define FEW_TRANSLATIONS	16
#define CHUNK_TRANSLATIONS	(SZ_16K / sizeof(struct vmwalk_translation))

/*
 * Copying four addresses per iteration speeds up translate_random in the
 * benchmark: 58 instead of 64 instructions per address.
 */
static int get_addresses(struct vmwalk_translation *items,
			 const struct vmwalk_translation __user *user, unsigned int count)
{
	if (!user_read_access_begin(user, count * sizeof(*items)))
		return -EFAULT;
	for (; count >= 4; count -= 4, items += 4, user += 4) {
		unsafe_get_user(items[0].addr, &user[0].addr, fault);
		unsafe_get_user(items[1].addr, &user[1].addr, fault);
		unsafe_get_user(items[2].addr, &user[2].addr, fault);
		unsafe_get_user(items[3].addr, &user[3].addr, fault);
	}
	for (; count; count--, items++, user++)
		unsafe_get_user(items->addr, &user->addr, fault);
	user_read_access_end();

	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

/* A translation is three words. The first one is the address, an input. */
#define ITEM_WORDS	3

static int put_results(struct vmwalk_translation __user *user,
		       const struct vmwalk_translation *items, unsigned int count)
{
	const u64 *from = (const u64 *)items;
	u64 __user *to = (u64 __user *)user;

	static_assert(sizeof(*items) == ITEM_WORDS * sizeof(*from));
	if (!user_write_access_begin(user, count * sizeof(*items)))
		return -EFAULT;
	for (; count >= 4; count -= 4, from += 4 * ITEM_WORDS, to += 4 * ITEM_WORDS) {
		unsafe_put_user(from[1], &to[1], fault);
		unsafe_put_user(from[2], &to[2], fault);
		unsafe_put_user(from[4], &to[4], fault);
		unsafe_put_user(from[5], &to[5], fault);
		unsafe_put_user(from[7], &to[7], fault);
		unsafe_put_user(from[8], &to[8], fault);
		unsafe_put_user(from[10], &to[10], fault);
		unsafe_put_user(from[11], &to[11], fault);
	}
	for (; count; count--, from += ITEM_WORDS, to += ITEM_WORDS) {
		unsafe_put_user(from[1], &to[1], fault);
		unsafe_put_user(from[2], &to[2], fault);
	}
	user_write_access_end();

	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

/* Returns 0, -EINTR, -ESRCH or -EFAULT. */
static int run_translate(struct mm_struct *mm, const struct vmwalk_translate *translate,
			 bool hide_pfns, struct vmwalk_translation *items)
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
		count = vmwalk_translate(mm, items, count, hide_pfns);
		vmwalk_target_unlock(mm);

		err = put_results(user, items, count);
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		vmwalk_walk_yield(&mm->mmap_lock);
	}

	return 0;
}

static int translate_few(struct mm_struct *mm, const struct vmwalk_translate *translate,
			 bool hide_pfns)
{
	struct vmwalk_translation items[FEW_TRANSLATIONS];

	return run_translate(mm, translate, hide_pfns, items);
}

static int translate_many(struct mm_struct *mm, const struct vmwalk_translate *translate,
			  bool hide_pfns)
{
	struct vmwalk_translation *items;
	int err;

	items = kvmalloc_array(min_t(u64, translate->vec_len, CHUNK_TRANSLATIONS),
			       sizeof(*items), GFP_KERNEL_ACCOUNT);
	err = items ? run_translate(mm, translate, hide_pfns, items) : -ENOMEM;
	kvfree(items);

	return err;
}

/**
 * vmwalk_ioctl_translate - VMWALK_IOC_TRANSLATE
 * @call: has a struct vmwalk_translate
 */
long vmwalk_ioctl_translate(struct vmwalk_call *call)
{
	const struct vmwalk_translate *translate = call->arg;
	const bool few = translate->vec_len <= FEW_TRANSLATIONS;
	struct vmwalk_file *vf = call->vf;
	u64 started = few ? 0 : ktime_get_ns();
	struct mm_struct *mm;
	bool hide_pfns;
	int err;

	if (!IS_ALIGNED(translate->vec, sizeof(u64)) || !translate->vec_len ||
	    translate->vec_len > U64_MAX / sizeof(struct vmwalk_translation))
		return -EINVAL;
	if (!access_ok(u64_to_user_ptr(translate->vec),
		       translate->vec_len * sizeof(struct vmwalk_translation)))
		return -EFAULT;

	mm = vmwalk_target_mm(vf, NULL);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	hide_pfns = !vmwalk_file_sees_pfns(vf);
	err = few ? translate_few(mm, translate, hide_pfns) :
		    translate_many(mm, translate, hide_pfns);
	mmdrop(mm);
	if (err)
		return err;

	vmwalk_stats_count_walk(&vf->device->stats, translate->vec_len);
	if (!few)
		vmwalk_stats_add(&vf->device->stats, VMWALK_WALK_NS, ktime_get_ns() - started);

	return 0;
}

/* Device nodes may be in tmpfs, too. shmem_mapping() is not exported. */
static bool is_shmem(const struct inode *inode)
{
	return inode->i_sb->s_magic == TMPFS_MAGIC && S_ISREG(inode->i_mode);
}

static u32 vma_attrs(const struct vmwalk_device *device, struct vm_area_struct *vma)
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
	if (vma->vm_file && is_shmem(file_inode(vma->vm_file)))
		attrs |= VMWALK_VMA_SHMEM;
	if (vma->vm_flags & VM_HUGEPAGE)
		attrs |= VMWALK_VMA_HUGEPAGE;
	if (vma->vm_flags & VM_NOHUGEPAGE)
		attrs |= VMWALK_VMA_NOHUGEPAGE;
	if (vma->vm_flags & VM_SPECIAL)
		attrs |= VMWALK_VMA_SPECIAL;

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

/**
 * vmwalk_ioctl_vma - VMWALK_IOC_VMA
 * @call: has a struct vmwalk_vma
 */
long vmwalk_ioctl_vma(struct vmwalk_call *call)
{
	struct vmwalk_file *vf = call->vf;
	struct vmwalk_vma *out = call->arg;
	struct vm_area_struct *vma;
	struct mm_struct *mm;
	int err;

	mm = vmwalk_target_mm(vf, NULL);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	err = vmwalk_target_lock(mm);
	if (err)
		goto out;
	vma = find_vma(mm, untagged_addr(out->addr));
	if (vma) {
		describe_vma(out, vma);
		out->attrs = vma_attrs(vf->device, vma);
	} else {
		err = -ENOENT;
	}
	vmwalk_target_unlock(mm);

	if (!err)
		err = vmwalk_call_respond(call);
out:
	mmdrop(mm);
	return err;
}
