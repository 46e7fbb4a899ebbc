// SPDX-License-Identifier: GPL-2.0
/*
 * Guarded instances: removed when the command ends, even if it is killed
 *
 * - A signal handler removes the instance before the command dies.
 * - The guard, a child process in its own session, waits for end of file on a
 *   pipe to the command, and then removes the instance. The kernel closes the
 *   pipe even after SIGKILL.
 * - If both were killed, the next run removes temporary instances that are not
 *   locked. Unlike a pid, a lock ends with its owner and works across pid
 *   namespaces.
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
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"

#define TEMPORARY_NAME "vmwalk-command-%d-%u"
#define MAX_TRIES      1000

static struct {
	pid_t pid; /* 0: not running */
	int pipe;
	const char *file; /* removed by a signal, or NULL */
} guard;

/* End the guard, which removes the instance unless it is to be kept. */
static void stop_guard(bool keep)
{
	pid_t pid = guard.pid;

	if (!pid)
		return;
	guard.pid = 0;
	if (keep)
		kill(pid, SIGKILL);
	close(guard.pipe);
	waitpid(pid, NULL, 0);
}

/* Async-signal-safe; runs with all signals blocked. */
static void end_by_signal(int number)
{
	sigset_t only;

	stop_guard(false);
	if (guard.file)
		unlink(guard.file);
	signal(number, SIG_DFL);
	raise(number);
	sigemptyset(&only);
	sigaddset(&only, number);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	/* The init process of a pid namespace survives its own signals. */
	_exit(128 + number);
}

/* Signals that end a process by default, except for those that bugs cause */
static bool is_fatal(int number)
{
	static const int others[] = {
		SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU,
		SIGSEGV, SIGBUS,  SIGFPE, SIGILL,   SIGABRT, SIGTRAP, SIGSYS,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (number == others[i])
			return false;
	return true;
}

/* Signals ignored by nohup or the shell stay ignored. */
static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) || action.sa_handler == SIG_IGN;
}

/* Sets *@set to the signals that are caught now. */
static void catch_signals(sigset_t *set)
{
	struct sigaction action = { .sa_handler = end_by_signal };
	int number;

	sigemptyset(set);
	sigfillset(&action.sa_mask);
	for (number = 1; number <= SIGRTMAX; number++)
		if (is_fatal(number) && !is_ignored(number) && !sigaction(number, &action, NULL))
			sigaddset(set, number);
}

int guard_block_signals(sigset_t *before)
{
	sigset_t set;

	catch_signals(&set);
	sigprocmask(SIG_BLOCK, &set, before);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int guard_mkstemp(char *path)
{
	sigset_t all, before, caught;
	int saved, fd;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	fd = mkostemp(path, O_CLOEXEC);
	saved = errno;
	if (fd >= 0) {
		guard.file = path;
		catch_signals(&caught);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return fd;
}

void guard_end_file(void)
{
	guard.file = NULL;
}

/* The guard process. All signals are blocked. */
[[gnu::noreturn]] static void run_guard(struct vmwalk_instance *instance, int pipe)
{
	int i, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;

	setsid();
	prctl(PR_SET_NAME, "vmwalk-guard");
	/* A pipeline must not wait for the guard. */
	for (i = 0; i <= STDERR_FILENO; i++)
		dup2(null, i);

	/* Wait for end of file: the command writes nothing. */
	if (!read(pipe, &byte, 1))
		vmwalk_instance_destroy(instance);
	_exit(EXIT_SUCCESS);
}

/* Call with all signals blocked. */
static int start_guard(struct vmwalk_instance *instance)
{
	int ends[2];
	pid_t pid;

	/* waitpid() fails if SIGCHLD is ignored. */
	signal(SIGCHLD, SIG_DFL);
	if (pipe2(ends, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		close(ends[1]);
		run_guard(instance, ends[0]);
	}
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return -1;
	}
	guard.pid = pid;
	guard.pipe = ends[1];
	return 0;
}

static int lock_instance(const char *name, int operation)
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
 * Lock a new instance until the command and its guard have ended. ENOENT and
 * EWOULDBLOCK: another run is removing it as a leftover.
 */
static int lock_temporary(const struct vmwalk_instance *instance)
{
	int saved, fd = lock_instance(vmwalk_instance_name(instance), LOCK_SH);
	char *live;

	if (fd < 0)
		return -1;
	/* The directory of a removed instance can be locked, too. */
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

static void destroy_and_close(struct vmwalk_instance *instance)
{
	int saved = errno;

	vmwalk_instance_destroy(instance);
	vmwalk_instance_close(instance);
	errno = saved;
}

static bool module_loaded(void)
{
	char *version = vmwalk_subsystem_get("abi_version");
	bool loaded = version;

	free(version);
	return loaded;
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
		/* ENOENT: another run removed the instance before it was open. */
		if (!instance && (errno == EEXIST || (errno == ENOENT && module_loaded())))
			continue;
		if (!instance || !lock_temporary(instance))
			return instance;
		destroy_and_close(instance);
		if (errno != ENOENT && errno != EWOULDBLOCK)
			return NULL;
	}
	errno = EEXIST;
	return NULL;
}

bool guard_is_temporary(const char *name)
{
	char canonical[64];
	unsigned int i;
	int pid;

	/* sscanf() also accepts signs, blanks and what follows. */
	if (sscanf(name, TEMPORARY_NAME, &pid, &i) != 2)
		return false;
	snprintf(canonical, sizeof(canonical), TEMPORARY_NAME, pid, i);
	return !strcmp(name, canonical);
}

static int remove_leftover(struct vmwalk_instance *instance, void *data)
{
	const char *name = vmwalk_instance_name(instance);
	int fd;

	(void)data;
	if (!guard_is_temporary(name))
		return 0;
	fd = lock_instance(name, LOCK_EX);
	if (fd < 0)
		return 0;
	vmwalk_instance_destroy(instance);
	close(fd);
	return 0;
}

struct vmwalk_instance *guard_create(const char *name)
{
	struct vmwalk_instance *instance;
	sigset_t all, before, caught;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	instance = name ? vmwalk_instance_create(name) : create_temporary();
	if (instance && start_guard(instance)) {
		destroy_and_close(instance);
		instance = NULL;
	}
	if (instance)
		catch_signals(&caught);
	sigprocmask(SIG_SETMASK, &before, NULL);

	if (instance && !name)
		vmwalk_instance_for_each(remove_leftover, NULL);
	return instance;
}

bool guard_is_process(pid_t pid)
{
	return guard.pid && guard.pid == pid;
}

void guard_remove(struct vmwalk_instance *instance)
{
	sigset_t all, before;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	if (vmwalk_instance_destroy(instance))
		failure("cannot remove instance %s: %m", vmwalk_instance_name(instance));
	stop_guard(false);
	sigprocmask(SIG_SETMASK, &before, NULL);
	vmwalk_instance_close(instance);
}

void guard_release(struct vmwalk_instance *instance)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	stop_guard(true);
	vmwalk_instance_close(instance);
}
