// SPDX-License-Identifier: GPL-2.0
/*
 * The table of ioctls, and their dispatcher.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "device.h"
#include "file.h"
#include "ioctl.h"
#include "target.h"
#include "walk.h"

static long vmwalk_ioctl_info(struct vmwalk_call *call)
{
	struct vmwalk_device *device = call->vf->device;
	struct vmwalk_info *info = call->arg;

	info->abi_version = VMWALK_ABI_VERSION;
	info->instance = device->number;
	info->buffer_type = device->config.buffer_type;
	info->map_mode = device->config.map_mode;
	info->cache_mode = device->buffer.cache_mode;
	info->page_size = PAGE_SIZE;
	info->buffer_size = device->buffer.size;
	info->paging_levels = vmwalk_walk_paging_levels();
	info->target_pid = vmwalk_target_pid_nr(device);

	return vmwalk_call_respond(call);
}

/**
 * struct ioctl_op - an ioctl that takes a structure
 * @cmd: VMWALK_IOC_*
 * @flags: the flags that the ioctl defines
 * @size: size of the structure
 * @in_size: size of the first part of it, which has all fields that are inputs
 * @min_size: size of the structure in the first version of the ABI
 * @handler: validates all fields but size and flags, and performs the ioctl
 */
struct ioctl_op {
	unsigned int cmd;
	u32 flags;
	u16 size;
	u16 in_size;
	u16 min_size;
	long (*handler)(struct vmwalk_call *call);
};

/* The first fields of every structure. */
struct ioctl_header {
	u32 size;
	u32 flags;
};

union ioctl_arg {
	struct ioctl_header header;
	struct vmwalk_info info;
	struct vmwalk_walk walk;
	struct vmwalk_scan scan;
	struct vmwalk_dirty dirty;
	struct vmwalk_translate translate;
	struct vmwalk_vma vma;
	struct vmwalk_log log;
	struct vmwalk_locate locate;
	struct vmwalk_copy copy;
	struct vmwalk_poke poke;
};

/*
 * @_out is the offset of the outputs at the end of the structure. They are not
 * copied in, and read as 0. If the handler calls vmwalk_call_respond() before
 * it acts, pass the size of the structure instead, so that the caller's values
 * are copied in: a call that fails must not change them.
 */
#define IOCTL_OP(_cmd, _handler, _struct, _out, _min_size, _flags)		\
	[_IOC_NR(_cmd)] = {							\
		.cmd = _cmd,							\
		.flags = _flags,						\
		.size = sizeof(_struct) +					\
			BUILD_BUG_ON_ZERO(sizeof(_struct) > sizeof(union ioctl_arg)) + \
			BUILD_BUG_ON_ZERO(sizeof(_struct) % sizeof(u64)),	\
		.in_size = ALIGN(_out, sizeof(u64)),				\
		.min_size = _min_size,						\
		.handler = _handler,						\
	}

static const struct ioctl_op ioctl_ops[] = {
	IOCTL_OP(VMWALK_IOC_INFO, vmwalk_ioctl_info, struct vmwalk_info,
		 offsetof(struct vmwalk_info, abi_version), VMWALK_INFO_SIZE_VER0, 0),
	IOCTL_OP(VMWALK_IOC_WALK, vmwalk_ioctl_walk, struct vmwalk_walk,
		 offsetof(struct vmwalk_walk, pfn), VMWALK_WALK_SIZE_VER0, VMWALK_WALK_KERNEL),
	IOCTL_OP(VMWALK_IOC_SCAN, vmwalk_ioctl_scan, struct vmwalk_scan,
		 sizeof(struct vmwalk_scan), VMWALK_SCAN_SIZE_VER0,
		 VMWALK_SCAN_TO_BUFFER | VMWALK_SCAN_PAGEMAP),
	IOCTL_OP(VMWALK_IOC_DIRTY, vmwalk_ioctl_dirty, struct vmwalk_dirty,
		 sizeof(struct vmwalk_dirty), VMWALK_DIRTY_SIZE_VER0,
		 VMWALK_DIRTY_CLEAR),
	IOCTL_OP(VMWALK_IOC_TRANSLATE, vmwalk_ioctl_translate, struct vmwalk_translate,
		 sizeof(struct vmwalk_translate), VMWALK_TRANSLATE_SIZE_VER0, 0),
	IOCTL_OP(VMWALK_IOC_VMA, vmwalk_ioctl_vma, struct vmwalk_vma,
		 offsetof(struct vmwalk_vma, start), VMWALK_VMA_SIZE_VER0, 0),
	IOCTL_OP(VMWALK_IOC_LOG, vmwalk_ioctl_log, struct vmwalk_log,
		 sizeof(struct vmwalk_log), VMWALK_LOG_SIZE_VER0, 0),
	IOCTL_OP(VMWALK_IOC_LOCATE, vmwalk_ioctl_locate, struct vmwalk_locate,
		 offsetof(struct vmwalk_locate, kaddr), VMWALK_LOCATE_SIZE_VER0, 0),
	IOCTL_OP(VMWALK_IOC_COPY, vmwalk_ioctl_copy, struct vmwalk_copy,
		 sizeof(struct vmwalk_copy), VMWALK_COPY_SIZE_VER0, 0),
	IOCTL_OP(VMWALK_IOC_POKE, vmwalk_ioctl_poke, struct vmwalk_poke,
		 sizeof(struct vmwalk_poke), VMWALK_POKE_SIZE_VER0, 0),
};

/* The current layout of every structure is that of its first version. */
static_assert(sizeof(struct vmwalk_info) == VMWALK_INFO_SIZE_VER0);
static_assert(sizeof(struct vmwalk_walk) == VMWALK_WALK_SIZE_VER0);
static_assert(sizeof(struct vmwalk_scan) == VMWALK_SCAN_SIZE_VER0);
static_assert(sizeof(struct vmwalk_extent) == 32);
static_assert(sizeof(struct vmwalk_dirty) == VMWALK_DIRTY_SIZE_VER0);
static_assert(sizeof(struct vmwalk_translate) == VMWALK_TRANSLATE_SIZE_VER0);
static_assert(sizeof(struct vmwalk_translation) == 24);
static_assert(sizeof(struct vmwalk_vma) == VMWALK_VMA_SIZE_VER0);
static_assert(sizeof(struct vmwalk_log) == VMWALK_LOG_SIZE_VER0);
static_assert(sizeof(struct vmwalk_locate) == VMWALK_LOCATE_SIZE_VER0);
static_assert(sizeof(struct vmwalk_copy) == VMWALK_COPY_SIZE_VER0);
static_assert(sizeof(struct vmwalk_poke) == VMWALK_POKE_SIZE_VER0);

/*
 * Copy the first @in_size of @size bytes, like vmwalk_put_words(). The rest
 * must be readable, too: a call on a structure of which a part is not mapped
 * must fail before it has an effect.
 */
static int get_words(u64 *to, const u64 __user *from, size_t in_size, size_t size)
{
	const u64 __user *const last = from + size / sizeof(*from) - 1;
	const u64 *end = to + in_size / sizeof(*to);
	u64 __maybe_unused unused;

	if (!IS_ALIGNED((unsigned long)from, sizeof(*from)))
		return copy_from_user(to, from, size) ? -EFAULT : 0;
	if (!user_read_access_begin(from, size))
		return -EFAULT;
	while (to < end)
		unsafe_get_user(*to++, from++, fault);
	/* The structure is in two pages at most. */
	unsafe_get_user(unused, last, fault);
	user_read_access_end();

	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

/*
 * Copy the inputs of an extensible structure, whose size is @user_size, as
 * copy_struct_from_user() copies the whole. The rest of @arg is cleared. A
 * structure that is smaller than @op->size has all of its words: so far, all
 * structures have the layout of their first version.
 */
static int get_arg(union ioctl_arg *arg, const struct ioctl_op *op, void __user *user,
		   u32 user_size)
{
	u64 *const words = (u64 *)arg;
	int ret;

	if (user_size > op->size) {
		ret = check_zeroed_user(user + op->size, user_size - op->size);
		if (ret <= 0)
			return ret ?: -E2BIG;
	}
	ret = get_words(words, user, op->in_size, op->size);
	memset64(words + op->in_size / sizeof(u64), 0, (op->size - op->in_size) / sizeof(u64));

	return ret;
}

/* Copy the caller's structure in, and run the handler on the copy. */
static long call_with_struct(struct vmwalk_file *vf, const struct ioctl_op *op, void __user *user)
{
	struct vmwalk_call call = { .vf = vf, .size = op->size, .user = user };
	/* get_arg() sets all fields that a handler uses: do not clear them. */
	union ioctl_arg arg __uninitialized;
	int err;

	if (get_user(call.user_size, (u32 __user *)user))
		return -EFAULT;
	if (call.user_size < op->min_size)
		return -EINVAL;
	if (call.user_size > PAGE_SIZE)
		return -E2BIG;

	err = get_arg(&arg, op, user, call.user_size);
	if (err)
		return err;
	/* Another thread may have changed the size since get_user(). */
	arg.header.size = call.user_size;
	if (arg.header.flags & ~op->flags)
		return -EINVAL;

	call.arg = &arg;
	return op->handler(&call);
}

/**
 * vmwalk_ioctl - ioctl(2) of a device, for 32-bit and 64-bit callers
 * @file: the open file
 * @cmd: VMWALK_IOC_*
 * @arg: its argument
 *
 * Return: see uapi/vmwalk.h.
 */
long vmwalk_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vmwalk_file *vf = file->private_data;
	unsigned int nr = _IOC_NR(cmd);
	const struct ioctl_op *op;

	if (vmwalk_device_is_dead(vf->device))
		return -ENODEV;
	/* The only ioctl that takes a value, not a structure. */
	if (cmd == VMWALK_IOC_GET_PFN)
		return vmwalk_ioctl_get_pfn(vf, arg);
	if (nr >= ARRAY_SIZE(ioctl_ops))
		return -ENOTTY;

	op = &ioctl_ops[array_index_nospec(nr, ARRAY_SIZE(ioctl_ops))];
	if (op->cmd != cmd)
		return -ENOTTY;

	return call_with_struct(vf, op, (void __user *)arg);
}
