// SPDX-License-Identifier: GPL-2.0
/*
 * Instances that exist only as long as the command runs, however the command
 * ends.
 *
 * Three mechanisms, each for what the one before it can't do:
 *
 * - A signal handler removes the instance before the command dies.
 * - The keeper, a child in a session of its own, waits for the end of a pipe
 *   whose other end the command holds, and then removes the instance. The
 *   kernel closes the pipe even after SIGKILL.
 * - If both were killed, the next run removes a temporary instance that
 *   nobody holds a lock on. Locks, unlike pids, end with their owner and mean
 *   the same in every pid namespace.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"

#define TEMPORARY_NAME	"vmwalk-command-%d-%u"
#define MAX_TRIES	1000

static struct {
	pid_t pid;		/* 0: there is none */
	int pipe;
} keeper;

/* End the keeper. Unless told to @keep the instance, it removes it first. */
static void dismiss_keeper(bool keep)
{
	pid_t pid = keeper.pid;

	if (!pid)
		return;
	keeper.pid = 0;
	if (keep)
		kill(pid, SIGKILL);
	close(keeper.pipe);
	waitpid(pid, NULL, 0);
}

/* Async-signal-safe; runs with all signals blocked. */
static void end_by_signal(int number)
{
	sigset_t only;

	dismiss_keeper(false);
	signal(number, SIG_DFL);
	raise(number);
	sigemptyset(&only);
	sigaddset(&only, number);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	/* The first process of a pid namespace survives its own signals. */
	_exit(128 + number);
}

/* All signals that end a process, but for those that mean a bug. */
static bool ends_command(int number)
{
	static const int others[] = {
		SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU,
		SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (number == others[i])
			return false;
	return true;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = end_by_signal }, before;
	int number;

	sigfillset(&action.sa_mask);
	for (number = 1; number <= SIGRTMAX; number++) {
		if (!ends_command(number) || sigaction(number, NULL, &before))
			continue;
		/* What nohup or a shell told us to ignore stays ignored. */
		if (before.sa_handler != SIG_IGN)
			sigaction(number, &action, NULL);
	}
}

/* The keeper itself, with all signals blocked. */
[[gnu::noreturn]] static void keep(struct vmwalk_instance *instance, int end)
{
	int i, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;

	setsid();
	prctl(PR_SET_NAME, "vmwalk-keeper");
	/* A reader of the command's output must not wait for the keeper. */
	for (i = 0; i <= STDERR_FILENO; i++)
		dup2(null, i);

	/* Nothing is ever written: this waits for the end. */
	if (!read(end, &byte, 1))
		vmwalk_instance_destroy(instance);
	_exit(EXIT_SUCCESS);
}

/* Called with all signals blocked. */
static int start_keeper(struct vmwalk_instance *instance)
{
	int ends[2];
	pid_t pid;

	/* Where SIGCHLD is ignored there is nothing to wait for. */
	signal(SIGCHLD, SIG_DFL);
	if (pipe2(ends, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		close(ends[1]);
		keep(instance, ends[0]);
	}
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return -1;
	}
	keeper.pid = pid;
	keeper.pipe = ends[1];
	return 0;
}

static int lock_item(const char *name, int operation)
{
	char *path = system_path("/sys/kernel/config/vmwalk/%s", name);
	int saved, fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	free(path);
	if (fd >= 0 && flock(fd, operation | LOCK_NB)) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/*
 * Take the lock that lasts as long as the command or its keeper. ENOENT and
 * EWOULDBLOCK: another run took the instance for a leftover.
 */
static int claim(const struct vmwalk_instance *instance)
{
	int saved, fd = lock_item(vmwalk_instance_name(instance), LOCK_SH);
	char *live;

	if (fd < 0)
		return -1;
	/* The folder of an instance that was removed can be locked, too. */
	live = vmwalk_instance_get(instance, "live");
	if (live) {
		free(live);
		return 0;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static void drop(struct vmwalk_instance *instance)
{
	int saved = errno;

	vmwalk_instance_destroy(instance);
	vmwalk_instance_close(instance);
	errno = saved;
}

static struct vmwalk_instance *create_temporary(void)
{
	struct vmwalk_instance *instance;
	unsigned int i;
	char *name;

	for (i = 0; i < MAX_TRIES; i++) {
		name = text(TEMPORARY_NAME, getpid(), i);
		instance = name ? vmwalk_instance_create(name) : NULL;
		free(name);
		if (!instance && errno == EEXIST)
			continue;
		if (!instance || !claim(instance))
			return instance;
		drop(instance);
		if (errno != ENOENT && errno != EWOULDBLOCK)
			return NULL;
	}
	errno = EEXIST;
	return NULL;
}

static int remove_leftover(struct vmwalk_instance *instance, void *data)
{
	const char *name = vmwalk_instance_name(instance);
	char exactly[64];
	unsigned int i;
	int fd, pid;

	(void)data;
	if (sscanf(name, TEMPORARY_NAME, &pid, &i) != 2)
		return 0;
	snprintf(exactly, sizeof(exactly), TEMPORARY_NAME, pid, i);
	if (strcmp(name, exactly))
		return 0;
	fd = lock_item(name, LOCK_EX);
	if (fd < 0)
		return 0;
	vmwalk_instance_destroy(instance);
	close(fd);
	return 0;
}

struct vmwalk_instance *keeper_create(const char *name)
{
	struct vmwalk_instance *instance;
	sigset_t all, before;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	instance = name ? vmwalk_instance_create(name) : create_temporary();
	if (instance && start_keeper(instance)) {
		drop(instance);
		instance = NULL;
	}
	if (instance)
		catch_signals();
	sigprocmask(SIG_SETMASK, &before, NULL);

	if (instance && !name)
		vmwalk_instance_for_each(remove_leftover, NULL);
	return instance;
}

void keeper_remove(struct vmwalk_instance *instance)
{
	sigset_t all, before;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	if (vmwalk_instance_destroy(instance))
		failure("%s stays: %m", vmwalk_instance_name(instance));
	dismiss_keeper(false);
	sigprocmask(SIG_SETMASK, &before, NULL);
	vmwalk_instance_close(instance);
}

void keeper_leave(struct vmwalk_instance *instance)
{
	sigset_t all;

	/* The instance stays, so the command must not fail any more. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	dismiss_keeper(true);
	vmwalk_instance_close(instance);
}
