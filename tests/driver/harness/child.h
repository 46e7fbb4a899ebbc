/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Child processes: values over a socket, checks, users and capabilities.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_CHILD_H
#define VMWALK_TESTS_CHILD_H

struct vw_child {
	pid_t pid;
	int fd;
};

/* Exit status of a child whose vw_check() failed, and of one that must skip. */
#define VW_CHILD_FAILED		99
#define VW_CHILD_SKIPPED	77

/* Forks a child that runs the function and exits with its return value. */
struct vw_child vw_fork(int (*fn)(void *arg), void *arg);
/* Waits for the child: its exit status, or the negative number of a signal. */
int vw_join(struct vw_child *child);
/*
 * Fails the test unless the child exits with 0; skips it if the child skipped.
 */
void vw_join_ok_at(const char *file, int line, struct vw_child *child);
#define vw_join_ok(child)	vw_join_ok_at(__FILE__, __LINE__, child)
/* Waits until the child stops itself; skips the test if the child skipped. */
void vw_wait_stopped(struct vw_child *child);
void vw_kill(struct vw_child *child);
#define vw_in_child(fn, arg) \
	do { struct vw_child vw_c = vw_fork(fn, arg); vw_join_ok(&vw_c); } while (0)

/* A value from the child; fails the test if the child exits instead. */
__u64 vw_hear(struct vw_child *child);
void vw_tell(struct vw_child *child, __u64 value);

/* The same in the child. */
void vw_say(__u64 value);
__u64 vw_listen(void);
/* Sends a value and waits for the parent's answer. */
__u64 vw_sync(__u64 value);

/* In a child: prints the condition that does not hold and exits. */
_Noreturn void vw_check_failed(const char *file, int line, const char *what);
#define vw_check(cond) \
	do { if (!(cond)) vw_check_failed(__FILE__, __LINE__, #cond); } while (0)
void vw_check_rc_at(const char *file, int line, const char *what, long long got, long long wanted);
#define vw_check_rc(expr, wanted) \
	vw_check_rc_at(__FILE__, __LINE__, #expr, (expr), (wanted))

#define VW_NOBODY	65534
/* In a child: becomes this user with only these capabilities, one bit each. */
void vw_become(uid_t uid, __u64 caps);

/* Passes a descriptor over the socket between parent and child. */
int vw_send_fd(int socket, int fd);
int vw_receive_fd(int socket);
int vw_child_socket(void);

/* Kills all children that are left. The harness calls it. */
void vw_kill_children(void);

#endif /* VMWALK_TESTS_CHILD_H */
