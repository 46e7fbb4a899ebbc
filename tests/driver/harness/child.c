// SPDX-License-Identifier: GPL-2.0
/*
 * Child processes: see child.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"

static struct vw_child children[64];
static size_t nr_children;

/* In a child: the socket to its parent. */
static int child_socket = -1;

void vw_check_failed(const char *file, int line, const char *what)
{
	dprintf(STDOUT_FILENO, "# %s:%d: in a child: %s (errno %s)\n", file, line, what,
		strerrorname_np(errno) ?: "?");
	_exit(VW_CHILD_FAILED);
}

void vw_check_rc_at(const char *file, int line, const char *what, long long got, long long wanted)
{
	char a[32], b[32];

	if (got == wanted)
		return;
	dprintf(STDOUT_FILENO, "# %s:%d: in a child: %s: got %s, wanted %s\n", file, line, what,
		vw_error_name(got, a, sizeof(a)), vw_error_name(wanted, b, sizeof(b)));
	_exit(VW_CHILD_FAILED);
}

struct vw_child vw_fork(int (*fn)(void *arg), void *arg)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	pid_t parent = getpid();
	struct vw_child child;
	int pair[2];

	if (nr_children == COUNT(children) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		vw_fail("no socket pair for a child: %s", strerror(errno));
	child.fd = pair[0];
	child.pid = fork();
	if (child.pid < 0)
		vw_fail("fork: %s", strerror(errno));
	if (!child.pid) {
		for (size_t i = 0; i < COUNT(fatal); i++)
			signal(fatal[i], SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(VW_CHILD_FAILED);
		close(pair[0]);
		child_socket = pair[1];
		_exit(fn(arg));
	}
	close(pair[1]);
	children[nr_children++] = child;
	return child;
}

static void forget_child(struct vw_child *child)
{
	for (size_t i = 0; i < nr_children; i++) {
		if (children[i].pid == child->pid) {
			close(children[i].fd);
			children[i] = children[--nr_children];
			return;
		}
	}
}

int vw_join(struct vw_child *child)
{
	int status;

	while (waitpid(child->pid, &status, 0) < 0) {
		if (errno != EINTR)
			vw_fail("waitpid: %s", strerror(errno));
	}
	forget_child(child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void vw_join_ok_at(const char *file, int line, struct vw_child *child)
{
	int rc = vw_join(child);

	if (rc == VW_CHILD_SKIPPED)
		vw_skip("the child needs a feature that is not available");
	if (rc < 0)
		vw_fail_at(file, line, "a child was ended by signal %d", -rc);
	if (rc)
		vw_fail_at(file, line, "a child ended with %d", rc);
}

void vw_wait_stopped(struct vw_child *child)
{
	int status;

	assert_int_equal(waitpid(child->pid, &status, WUNTRACED), child->pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == VW_CHILD_SKIPPED)
		vw_skip("the child needs a feature that is not available");
	assert_true(WIFSTOPPED(status));
}

void vw_kill(struct vw_child *child)
{
	struct vw_child gone = *child;

	kill(gone.pid, SIGKILL);
	waitpid(gone.pid, NULL, 0);
	forget_child(&gone);
}

__u64 vw_hear(struct vw_child *child)
{
	struct pollfd wait = { .fd = child->fd, .events = POLLIN };
	__u64 value;
	int rc;

	if (poll(&wait, 1, 600000) != 1)
		vw_fail("a child sent no value for ten minutes");
	if (recv(child->fd, &value, sizeof(value), 0) == sizeof(value))
		return value;
	rc = vw_join(child);
	if (rc == VW_CHILD_SKIPPED)
		vw_skip("the child needs a feature that is not available");
	vw_fail("a child ended early, with %d", rc);
}

void vw_tell(struct vw_child *child, __u64 value)
{
	if (send(child->fd, &value, sizeof(value), MSG_NOSIGNAL) != sizeof(value))
		vw_fail("cannot send to a child: %s", strerror(errno));
}

void vw_say(__u64 value)
{
	vw_check(send(child_socket, &value, sizeof(value), MSG_NOSIGNAL) == sizeof(value));
}

__u64 vw_listen(void)
{
	__u64 value;

	vw_check(recv(child_socket, &value, sizeof(value), 0) == sizeof(value));
	return value;
}

__u64 vw_sync(__u64 value)
{
	vw_say(value);
	return vw_listen();
}

int vw_child_socket(void)
{
	return child_socket;
}

void vw_become(uid_t uid, __u64 caps)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = caps, .permitted = caps },
		{ .effective = caps >> 32, .permitted = caps >> 32 },
	};

	vw_check(!prctl(PR_SET_KEEPCAPS, 1));
	vw_check(!setgroups(0, NULL));
	vw_check(!setresgid(uid, uid, uid));
	vw_check(!setresuid(uid, uid, uid));
	vw_check(!syscall(SYS_capset, &header, data));
}

int vw_send_fd(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(int));
	return sendmsg(socket, &msg, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int vw_receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -errno;
	if (!CMSG_FIRSTHDR(&msg))
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

void vw_kill_children(void)
{
	while (nr_children)
		vw_kill(&children[nr_children - 1]);
}
