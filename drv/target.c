// SPDX-License-Identifier: GPL-2.0
/*
 * The process that is walked: found once by number, held as a struct pid, and its memory held by
 * nothing that would keep it alive.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/capability.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/moduleparam.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "internal.h"

static bool allow_target_write;
module_param(allow_target_write, bool, 0644);
MODULE_PARM_DESC(allow_target_write, "let VMWALK_IOC_COPY write to other processes (default: off)");

/* How long to stay away from a lock that others wait for: a nap, and so many at most. */
#define NAP_US		25
#define MOST_NAPS	20

/**
 * vmwalk_target_find - the process that a number means now, in the caller's pid namespace
 * @text: the number
 * @why: says why not
 *
 * The number of a thread means its process: that is who has the memory.
 *
 * Return: a reference for the caller to put_pid(), NULL for 0, or an ERR_PTR().
 */
struct pid *vmwalk_target_find(const char *text, struct vmwalk_reason *why)
{
	struct task_struct *task;
	bool kernel_thread;
	struct pid *pid;
	int err, nr;

	err = kstrtoint(text, 10, &nr);
	if (!err && nr < 0)
		err = -ERANGE;
	if (err == -ERANGE)
		return ERR_PTR(vmwalk_refuse(why, err, "target_pid %.32s is out of range, 0 to %d",
					     text, INT_MAX));
	if (err)
		return ERR_PTR(vmwalk_refuse(why, err, "target_pid takes a pid or 0, not '%.32s'",
					     text));
	if (!nr)
		return NULL;

	pid = find_get_pid(nr);
	task = get_pid_task(pid, PIDTYPE_PID);
	put_pid(pid);
	if (!task)
		return ERR_PTR(vmwalk_refuse(why, -ESRCH, "target_pid %d: no such process", nr));

	kernel_thread = task->flags & PF_KTHREAD;
	pid = get_task_pid(task, PIDTYPE_TGID);
	put_task_struct(task);
	if (!pid)
		return ERR_PTR(vmwalk_refuse(why, -ESRCH, "target_pid %d: no such process", nr));
	if (kernel_thread) {
		put_pid(pid);
		return ERR_PTR(vmwalk_refuse(why, -EINVAL,
			"target_pid %d is a kernel thread and has no memory of its own", nr));
	}

	return pid;
}

/**
 * vmwalk_target_set - walk another process from now on
 * @device: the device
 * @target: the process, or NULL; the device takes a reference of its own
 *
 * A walk under way ends with the old one.
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
 * vmwalk_target_number - the target's number in the caller's pid namespace
 * @device: the device
 *
 * Return: the number; 0 without a target, or if it has no number there.
 */
int vmwalk_target_number(struct vmwalk_device *device)
{
	struct pid *target = vmwalk_target_get(device);
	int nr = pid_vnr(target);

	put_pid(target);
	return nr;
}

/* By mm_count, not mm_users: see vmwalk_target_lock(). */
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
 * The memory of a process, and a thread that has it, each with a reference. A process whose first
 * thread has ended lives on in the others. Returns NULL if none has any.
 */
static struct mm_struct *grab_mm(struct task_struct *task, struct task_struct **has_it)
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
		*has_it = get_task_struct(thread);
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
	       (mm == current->mm && get_dumpable(mm) == SUID_DUMP_USER);
}

/*
 * May the opener access the memory of another process? If @mm is NULL: may the
 * opener know that the process has no mm left?
 *
 * ptrace_may_access() is not exported, so the driver has a rule of its own: the
 * opener needs CAP_SYS_PTRACE, even if both processes belong to the same user.
 * For an undumpable mm it also needs CAP_SYS_PTRACE in mm->user_ns. commoncap
 * grants that to every opener with CAP_SYS_PTRACE in the initial namespace, but
 * other LSMs may not.
 */
static bool may_access_others(const struct vmwalk_file *vf, struct mm_struct *mm, bool write)
{
	if (write && !READ_ONCE(allow_target_write))
		return false;
	if (!vmwalk_file_sees_others(vf))
		return false;

	return !mm || get_dumpable(mm) == SUID_DUMP_USER ||
	       file_ns_capable(vf->file, mm->user_ns, CAP_SYS_PTRACE);
}

/*
 * Get the target's mm and a thread that uses it, both referenced, if the opener
 * may access the mm.
 */
static struct mm_struct *find_memory(const struct vmwalk_file *vf, struct pid *target, bool write,
				     struct task_struct **thread)
{
	struct task_struct *task = get_pid_task(target, PIDTYPE_TGID);
	struct mm_struct *mm = NULL;

	if (task) {
		mm = grab_mm(task, thread);
		put_task_struct(task);
	}

	if ((mm && is_own_memory(*thread, mm)) || may_access_others(vf, mm, write))
		return mm ?: ERR_PTR(-ESRCH);

	if (mm) {
		mmdrop(mm);
		put_task_struct(*thread);
	}
	return ERR_PTR(-EPERM);
}

/**
 * vmwalk_target_mm - the memory to walk, for who may
 * @vf: the descriptor that asks
 * @number: where to put the number of the process that has it, in the first pid namespace, as all
 *          of the kernel's log has it; or NULL
 *
 * Return: the mm, for the caller to mmdrop(), or an ERR_PTR(): -ESRCH, -EPERM.
 */
struct mm_struct *vmwalk_target_mm(struct vmwalk_file *vf, int *number)
{
	struct task_struct *thread;
	struct mm_struct *mm;
	struct pid *target;

	target = vmwalk_target_get(vf->device);
	if (!target) {
		/* Nobody but the caller itself ever changes which memory it has. */
		mm = current->mm;
		if (!mm)
			return ERR_PTR(-ESRCH);
		mmgrab(mm);
		if (number)
			*number = task_tgid_nr(current);
		return mm;
	}

	if (number)
		*number = pid_nr(target);
	mm = find_memory(vf, target, false, &thread);
	put_pid(target);
	if (!IS_ERR(mm))
		put_task_struct(thread);

	return mm;
}

/* A part that lies in one page: how many bytes were copied; -EINTR or -ESRCH. */
static int access_page(struct task_struct *task, struct mm_struct *mm, unsigned long addr,
		       void *buf, int len, bool write)
{
	bool mapped;
	int err;

	/* access_process_vm() would let a stack below which it is grow to there. */
	err = vmwalk_target_lock(mm);
	if (err)
		return err;
	mapped = vma_lookup(mm, addr);
	vmwalk_target_unlock(mm);

	return mapped ? access_process_vm(task, addr, buf, len, write ? FOLL_WRITE : 0) : 0;
}

/**
 * vmwalk_target_access - copy to or from a target's memory, for who may
 * @vf: the descriptor that asks
 * @addr: where
 * @buf: the kernel's side
 * @len: bytes; all are in one page
 * @write: to the target
 *
 * Return: how many bytes were copied, as far as the target's mappings allow; -ESRCH, -EPERM.
 */
int vmwalk_target_access(struct vmwalk_file *vf, unsigned long addr, void *buf, int len, bool write)
{
	struct task_struct *thread;
	struct mm_struct *mm;
	struct pid *target;
	int copied;
	bool gone;

	target = vmwalk_target_get(vf->device);
	if (!target)
		return current->mm ? access_page(current, current->mm, addr, buf, len, write) :
				     -ESRCH;

	do {
		mm = find_memory(vf, target, write, &thread);
		if (IS_ERR(mm)) {
			copied = PTR_ERR(mm);
			break;
		}

		/*
		 * Who shares our memory may go on to another's by execve() at any moment. So go by
		 * ourselves if we may look at nobody else.
		 */
		copied = access_page(mm == current->mm ? current : thread, mm, addr, buf, len,
				     write);
		/* A thread that ends just now has no memory to copy; another one may have it. */
		gone = !copied && READ_ONCE(thread->mm) != mm;
		mmdrop(mm);
		put_task_struct(thread);
	} while (gone && !fatal_signal_pending(current));
	put_pid(target);

	return copied;
}

/**
 * vmwalk_target_lock - keep a target's page tables for one chunk of a walk
 * @mm: from vmwalk_target_mm()
 *
 * The mm is held by mm_count, which keeps the structure and the top-level table and lets the memory
 * go when the process exits. While mm_users is not yet zero under mmap_lock its VMAs are all there,
 * and they stay: exit_mmap() takes mmap_lock for writing before it takes them apart. Entries may go
 * empty at any time, as they do under madvise().
 *
 * Return: 0, to be followed by vmwalk_target_unlock(); -EINTR on a fatal signal; -ESRCH if nobody
 * uses the memory any more: the process has exited, or has gone on to other memory by execve().
 */
int vmwalk_target_lock(struct mm_struct *mm)
{
	if (mmap_read_lock_killable(mm))
		return -EINTR;

	if (!atomic_read(&mm->mm_users)) {
		mmap_read_unlock(mm);
		return -ESRCH;
	}

	return 0;
}

void vmwalk_target_unlock(struct mm_struct *mm)
{
	mmap_read_unlock(mm);
}

/**
 * vmwalk_yield - let waiters of a lock go first, between two batches of work
 * @sem: the lock, which the caller has released
 *
 * Releasing the lock only wakes a waiting writer. A reader that retries at once
 * gets the lock before the writer runs. So back off until no task waits, for a
 * bounded time.
 */
void vmwalk_yield(struct rw_semaphore *sem)
{
	unsigned int i;

	for (i = 0; i < MOST_NAPS && rwsem_is_contended(sem); i++)
		usleep_range(NAP_US, 2 * NAP_US);
	cond_resched();
}
