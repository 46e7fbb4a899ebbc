// SPDX-License-Identifier: GPL-2.0
/*
 * Target selection: --device uses an existing instance, --pid creates a
 * temporary one
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

const struct verb_option target_verb_options[] = {
	{ "device", 'd', "NAME", "use the target of this instance, device or path" },
	{ "pid", 'p', "PID", "use this process, through a temporary instance" },
	{},
};

bool target_option(struct target_options *options, int option, const char *arg)
{
	if (option == 'd')
		options->device = arg;
	else if (option == 'p')
		options->pid = arg;
	else
		return false;

	return true;
}

static bool device_number(const char *name, unsigned int *number)
{
	char canonical[24];

	/* sscanf() also accepts signs, blanks and numbers that overflow. */
	if (sscanf(name, "vmwalk%u", number) != 1)
		return false;
	snprintf(canonical, sizeof(canonical), "vmwalk%u", *number);
	return !strcmp(name, canonical);
}

/* A path contains a slash. A name is tried as an instance, then as a device. */
static struct vmwalk_file *open_named(const char *name)
{
	struct vmwalk_file *file;
	unsigned int number;

	if (strchr(name, '/'))
		return vmwalk_file_open(name);

	file = vmwalk_file_open_by_name(name);
	if (!file && errno == ENOENT && device_number(name, &number))
		file = vmwalk_file_open_by_number(number);
	return file;
}

static int open_failure(const char *name)
{
	int error = errno;
	struct vmwalk_instance *instance;

	switch (error) {
	case EACCES:
	case EPERM:
		return failure("%s: no permission to open the device: %s", name,
			       "run as root, or change its owner or mode");
	case ENOTTY:
		return failure("%s: not a vmwalk device", name);
	case ENXIO:
	case ENODEV:
		return failure("%s: the device was removed", name);
	}
	if (strchr(name, '/') || error != ENOENT)
		return failure("%s: %s", name, strerror(error));
	instance = vmwalk_instance_open(name);
	if (!instance)
		return instance_failure(name);
	vmwalk_instance_close(instance);
	return failure("%s: the instance is not live: vmwalk set %s live=1", name, name);
}

static int create_temporary(struct target *target, const char *pid)
{
	struct vmwalk_instance *instance = guard_create(NULL);

	if (!instance && errno == EACCES)
		return failure("only root can create a temporary instance; "
			       "use --device with an existing one");
	if (!instance)
		return instance_failure(NULL);
	target->temporary = instance;

	/* Rounded up to one page */
	if (vmwalk_instance_set(instance, "size", "1"))
		return attribute_failure(instance, NULL, "size", "1");
	if (vmwalk_instance_set(instance, "target_pid", pid))
		return attribute_failure(instance, NULL, "target_pid", pid);
	if (vmwalk_instance_set(instance, "live", "1"))
		return attribute_failure(instance, NULL, "live", "1");

	target->file = vmwalk_file_open_by_name(vmwalk_instance_name(instance));
	if (!target->file)
		return failure("cannot open the device of the temporary instance: %m");
	return EXIT_SUCCESS;
}

int target_open_temporary(struct target *target)
{
	int status;

	*target = (struct target){ .pid = getpid() };
	status = create_temporary(target, "0");
	if (!status && vmwalk_file_info(target->file, &target->info))
		status = failure("%m");
	if (status)
		target_close(target);
	return status;
}

int target_set(struct target *target, pid_t pid)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", pid);
	if (vmwalk_instance_set(target->temporary, "target_pid", number))
		return -1;
	target->pid = pid;
	return 0;
}

int target_open(struct target *target, const struct target_options *options)
{
	int status = EXIT_SUCCESS;

	*target = (struct target){};
	if (options->kernel && options->pid)
		return usage_failure("--kernel and --pid are mutually exclusive");
	if (!options->kernel && !options->device == !options->pid)
		return usage_failure("specify either --pid or --device");
	if (options->pid && !parse_pid(options->pid, &target->pid))
		return usage_failure("--pid: '%s' is not a process ID (1 to %d)", options->pid,
				     INT_MAX);

	if (!options->device) {
		status = create_temporary(target, options->pid ? options->pid : "0");
	} else {
		target->file = open_named(options->device);
		if (!target->file)
			status = open_failure(options->device);
	}
	if (!status && vmwalk_file_info(target->file, &target->info))
		status = failure("%m");
	if (status) {
		target_close(target);
		return status;
	}

	if (!target->pid)
		target->pid = target->info.target_pid ? target->info.target_pid : getpid();
	return EXIT_SUCCESS;
}

void target_close(struct target *target)
{
	vmwalk_file_close(target->file);
	if (target->temporary)
		guard_remove(target->temporary);
}

int target_failure(const struct target *target, const __u64 *where, int error)
{
	char *address = where ? text("address 0x%llx: ", *where) : NULL;
	int status;

	if (error == ESRCH)
		status = failure("process %d has exited, or has started another program",
				 target->pid);
	else if (error == ENODEV)
		status = failure("process %d: the device was removed during the call", target->pid);
	else
		status = failure("process %d: %s%s%s", target->pid, address ? address : "",
				 strerror(error),
				 error == EPERM ? ": " LACKS("CAP_SYS_PTRACE") : "");
	free(address);
	return status;
}

void target_comm(const struct target *target, char comm[TARGET_COMM_SIZE])
{
	size_t len = read_process_file(target->pid, "comm", comm, TARGET_COMM_SIZE);

	/* The name itself may contain newlines. */
	if (len && comm[len - 1] == '\n')
		len--;
	comm[len] = '\0';
}

void target_print(FILE *out, const struct target *target)
{
	char comm[TARGET_COMM_SIZE];

	target_comm(target, comm);
	fprintf(out, "process %d", target->pid);
	if (!*comm)
		return;
	fputs(" (", out);
	print_escaped(out, comm);
	fputc(')', out);
}
