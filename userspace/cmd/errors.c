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

	if (!version && errno == ENOENT)
		return driver_failure();
	free(version);

	errno = error;
	if (!name)
		return failure("%m");
	if (errno == ENOENT)
		return failure("%s: no such instance", name);
	return failure("%s: %m", name);
}
