// SPDX-License-Identifier: GPL-2.0
/*
 * Error messages about instances and their attributes
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"

int attribute_failure(const struct vmwalk_instance *instance, const char *name, const char *attr,
		      const char *value)
{
	const char *message = vmwalk_instance_last_error(instance);
	const char *colon = name ? ": " : "";

	if (!name)
		name = "";
	if (message)
		return failure("%s%s%s", name, colon, message);
	return failure("%s%s%s: '%.64s': %m", name, colon, attr, value);
}

bool valid_name(const char *name)
{
	const char *problem = NULL;

	if (!*name)
		problem = "it is empty";
	else if (!strcmp(name, ".") || !strcmp(name, ".."))
		problem = "it means a directory";
	else if (strchr(name, '/'))
		problem = "it contains a slash";
	else if (strlen(name) > NAME_MAX)
		problem = "it exceeds 255 bytes";
	if (problem)
		usage_failure("'%s' is not a valid instance name: %s", name, problem);
	return !problem;
}

static int driver_failure(void)
{
	char *module = system_path("/sys/module/vmwalk");
	bool loaded = module && !access(module, F_OK);

	free(module);
	if (!loaded)
		return failure("the vmwalk module is not loaded: modprobe vmwalk");
	return failure("configfs is not mounted: mount -t configfs none /sys/kernel/config");
}

int instance_failure(const char *name)
{
	int error = errno;
	char *version = vmwalk_subsystem_get("abi_version");
	const char *colon = name ? ": " : "";

	if (!version && errno == ENOENT)
		return driver_failure();
	free(version);

	if (!name)
		name = "";
	switch (error) {
	case EACCES:
	case EPERM:
		return failure("%s%sno permission: run as root", name, colon);
	case EROFS:
		return failure("%s%sconfigfs is mounted read-only", name, colon);
	case EEXIST:
		return failure("%s%sthe name is in use: see vmwalk list", name, colon);
	case ENOENT:
		if (*name)
			return failure("%s: no such instance", name);
	}
	return failure("%s%s%s", name, colon, strerror(error));
}
