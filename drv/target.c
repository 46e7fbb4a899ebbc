// SPDX-License-Identifier: GPL-2.0
/*
 * The target: the process whose page tables are walked.
 *
 * A device references the struct pid of its target, and an ioctl references the
 * mm_struct through mm_count. The references keep these structures, but neither
 * the process nor its memory.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/moduleparam.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "compat.h"
#include "device.h"
#include "errmsg.h"
#include "file.h"
#include "target.h"

static bool allow_target_write;
module_param(allow_target_write, bool, 0644);
MODULE_PARM_DESC(allow_target_write, "let VMWALK_IOC_COPY write to other processes (default: off)");

/**
 * vmwalk_target_find - look up the target process
 * @text: a PID in the caller's pid namespace, or "0" for the caller of each
 *        ioctl
 * @errmsg: set on error
 *
 * A thread ID selects the thread's process.
 *
 * Return: a struct pid, referenced; NULL for "0"; or an ERR_PTR() of -EINVAL,
 * -ERANGE or -ESRCH.
 */
struct pid *vmwalk_target_find(const char *text, struct vmwalk_errmsg *errmsg)
{
	struct task_struct *task;
	bool kernel_thread;
	struct pid *pid;
	int err, nr;

	err = kstrtoint(text, 10, &nr);
	if (!err && nr < 0)
		err = -ERANGE;
	if (err == -ERANGE)
		return ERR_PTR(vmwalk_errmsg_set(errmsg, err,
						 "target_pid %.32s is out of range, 0 to %d",
					     text, INT_MAX));
	if (err)
		return ERR_PTR(vmwalk_errmsg_set(errmsg, err,
						 "target_pid takes a pid or 0, not '%.32s'",
					     text));
	if (!nr)
		return NULL;

	pid = find_get_pid(nr);
	task = get_pid_task(pid, PIDTYPE_PID);
	put_pid(pid);
	if (!task)
		return ERR_PTR(vmwalk_errmsg_set(errmsg, -ESRCH,
						 "target_pid %d: no such process", nr));

	kernel_thread = task->flags & PF_KTHREAD;
	pid = get_task_pid(task, PIDTYPE_TGID);
	put_task_struct(task);
	if (!pid)
		return ERR_PTR(vmwalk_errmsg_set(errmsg, -ESRCH,
						 "target_pid %d: no such process", nr));
	if (kernel_thread) {
		put_pid(pid);
		return ERR_PTR(vmwalk_errmsg_set(errmsg, -EINVAL,
			"target_pid %d is a kernel thread, which has no user memory", nr));
	}

	return pid;
}

/**
 * vmwalk_target_set - change the target of a device
 * @device: the device
 * @target: the process, or NULL; the device takes its own reference
 *
 * A walk in progress finishes with the old target.
 */
void vmwalk_target_set(struct vmwalk_device *device, struct pid *target)
{
	struct pid *old;

	spin_lock(&device->target_lock);
	old = device->target;
	WRITE_ONCE(device->target, get_pid(target));
	spin_unlock(&device->target_lock);

	put_pid(old);
}

static struct pid *vmwalk_target_get(struct vmwalk_device *device)
{
	struct pid *target;

	if (!READ_ONCE(device->target))
		return NULL;

	spin_lock(&device->target_lock);
	target = get_pid(device->target);
	spin_unlock(&device->target_lock);

	return target;
}

/**
 * vmwalk_target_pid_nr - PID of the target in the caller's pid namespace
 * @device: the device
 *
 * Return: the PID; 0 without a target, or if the target has no PID in that
 * namespace.
 */
int vmwalk_target_pid_nr(struct vmwalk_device *device)
{
	struct pid *target = vmwalk_target_get(device);
	int nr = pid_vnr(target);

	put_pid(target);
	return nr;
}

/* Takes mm_count, not mm_users: see vmwalk_target_lock(). */
static struct mm_struct *grab_thread_mm(struct task_struct *thread)
{
	struct mm_struct *mm;

	task_lock(thread);
	mm = thread->flags & PF_KTHREAD ? NULL : thread->mm;
	if (mm)
		mmgrab(mm);
	task_unlock(thread);

	return mm;
}

/*
 * Get the mm of a process and a thread that uses the mm, both referenced. The
 * group leader may exit before other threads. Returns NULL without an mm.
 */
static struct mm_struct *grab_mm(struct task_struct *task, struct task_struct **user)
{
	struct mm_struct *mm = grab_thread_mm(task);
	struct task_struct *thread = task;

	rcu_read_lock();
	if (!mm) {
		for_each_thread(task, thread) {
			mm = grab_thread_mm(thread);
			if (mm)
				break;
		}
	}
	if (mm)
		*user = get_task_struct(thread);
	rcu_read_unlock();

	return mm;
}

/*
 * Is this the caller's own memory? As in __ptrace_may_access(), a thread may
 * always access the memory of its process. Another process that shares the mm
 * with the caller (CLONE_VM) may have made it undumpable to protect secrets.
 */
static bool is_own_memory(struct task_struct *thread, struct mm_struct *mm)
{
	return same_thread_group(thread, current) ||
	       (mm == current->mm && vmwalk_task_is_dumpable(thread, mm));
}

/*
 * May the opener access the memory of another process? @thread uses @mm. If
 * @mm is NULL: may the opener know that the process has no mm left?
 *
 * ptrace_may_access() is not exported, so the driver has a rule of its own: the
 * opener needs CAP_SYS_PTRACE, even if both processes belong to the same user.
 * For an undumpable process, the opener also needs CAP_SYS_PTRACE in the user
 * namespace of the process. commoncap grants that to every opener with
 * CAP_SYS_PTRACE in the initial namespace, but other LSMs may not.
 */
static bool may_access_others(const struct vmwalk_file *vf, struct task_struct *thread,
			      struct mm_struct *mm, bool write)
{
	if (write && !READ_ONCE(allow_target_write))
		return false;
	if (!vmwalk_file_sees_others(vf))
		return false;

	return !mm || vmwalk_task_is_dumpable(thread, mm) ||
	       vmwalk_may_ptrace(vf->file, thread, mm);
}

/*
 * Get the target's mm and a thread that uses it, both referenced, if the opener
 * may access the mm.
 */
static struct mm_struct *find_mm(const struct vmwalk_file *vf, struct pid *target, bool write,
				 struct task_struct **thread)
{
	struct task_struct *task = get_pid_task(target, PIDTYPE_TGID);
	struct mm_struct *mm = NULL;

	if (task) {
		mm = grab_mm(task, thread);
		put_task_struct(task);
	}

	if ((mm && is_own_memory(*thread, mm)) ||
	    may_access_others(vf, mm ? *thread : NULL, mm, write))
		return mm ?: ERR_PTR(-ESRCH);

	if (mm) {
		mmdrop(mm);
		put_task_struct(*thread);
	}
	return ERR_PTR(-EPERM);
}

/**
 * vmwalk_target_mm - get the target's mm, if the opener may access it
 * @vf: the file
 * @nr: set to the target's PID in the initial pid namespace; or NULL
 *
 * Return: the mm, to be released by mmdrop(); or ERR_PTR(): -ESRCH, -EPERM.
 */
struct mm_struct *vmwalk_target_mm(struct vmwalk_file *vf, int *nr)
{
	struct task_struct *thread;
	struct mm_struct *mm;
	struct pid *target;

	target = vmwalk_target_get(vf->device);
	if (!target) {
		/* Only the caller itself changes current->mm. */
		mm = current->mm;
		if (!mm)
			return ERR_PTR(-ESRCH);
		mmgrab(mm);
		if (nr)
			*nr = task_tgid_nr(current);
		return mm;
	}

	if (nr)
		*nr = pid_nr(target);
	mm = find_mm(vf, target, false, &thread);
	put_pid(target);
	if (!IS_ERR(mm))
		put_task_struct(thread);

	return mm;
}

/* Copy inside one page. Returns the number of bytes, -EINTR or -ESRCH. */
static int access_page(struct task_struct *task, struct mm_struct *mm, unsigned long addr,
		       void *buf, int len, bool write)
{
	bool mapped;
	int err;

	/* Without a VMA at @addr, access_process_vm() may expand a stack. */
	err = vmwalk_target_lock(mm);
	if (err)
		return err;
	mapped = vma_lookup(mm, addr);
	vmwalk_target_unlock(mm);

	return mapped ? access_process_vm(task, addr, buf, len, write ? FOLL_WRITE : 0) : 0;
}

/**
 * vmwalk_target_access - copy from or to the target's memory
 * @vf: the file
 * @addr: user address in the target; may have a tag
 * @buf: kernel buffer
 * @len: number of bytes, inside one page of the target
 * @write: true: to the target; false: from the target
 *
 * Return: number of bytes copied; 0 if the page is not mapped, or if the target
 * may not access the page in this direction; -EINTR, -ESRCH, -EPERM.
 */
int vmwalk_target_access(struct vmwalk_file *vf, unsigned long addr, void *buf, int len, bool write)
{
	struct task_struct *thread;
	struct mm_struct *mm;
	struct pid *target;
	int copied;
	bool gone;

	addr = untagged_addr(addr);
	target = vmwalk_target_get(vf->device);
	if (!target)
		return current->mm ? access_page(current, current->mm, addr, buf, len, write) :
				     -ESRCH;

	do {
		mm = find_mm(vf, target, write, &thread);
		if (IS_ERR(mm)) {
			copied = PTR_ERR(mm);
			break;
		}

		/*
		 * Prefer current to another thread that shares our mm: that
		 * thread may call execve() at any time, and we may not be
		 * allowed to access its new mm.
		 */
		copied = access_page(mm == current->mm ? current : thread, mm, addr, buf, len,
				     write);
		/*
		 * The thread has exited or called execve(): look for another
		 * one.
		 */
		gone = !copied && READ_ONCE(thread->mm) != mm;
		mmdrop(mm);
		put_task_struct(thread);
	} while (gone && !fatal_signal_pending(current));
	put_pid(target);

	return copied;
}

/**
 * vmwalk_target_lock - lock the target's mm for a part of a walk
 * @mm: from vmwalk_target_mm()
 *
 * mm_count keeps the structure and the top-level page table, but not the
 * memory. If mm_users is not zero under mmap_lock, no VMA is freed before the
 * lock is released: exit_mmap() takes mmap_lock for writing before it frees
 * VMAs and page tables. vmwalk_mm_keep() does the same for older kernels.
 * Page-table entries may become empty at any time, as by madvise().
 *
 * Return: 0, to be followed by vmwalk_target_unlock(); -EINTR on a fatal
 * signal; -ESRCH if no process uses the mm any more.
 */
int vmwalk_target_lock(struct mm_struct *mm)
{
	if (mmap_read_lock_killable(mm))
		return -EINTR;

	if (!vmwalk_mm_keep(mm)) {
		mmap_read_unlock(mm);
		return -ESRCH;
	}

	return 0;
}

void vmwalk_target_unlock(struct mm_struct *mm)
{
	mmap_read_unlock(mm);
	vmwalk_mm_release(mm);
}
