// SPDX-License-Identifier: GPL-2.0
/*
 * What to say when configfs says no.
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
	const char *refusal = vmwalk_instance_last_error(instance);
	const char *colon = name ? ": " : "";

	if (!name)
		name = "";
	if (refusal)
		return failure("%s%s%s", name, colon, refusal);
	return failure("%s%s%s: '%.64s': %m", name, colon, attr, value);
}

/* Without vmwalk's folder in configfs, sysfs tells whether it is the driver that is missing. */
static int driver_failure(void)
{
	char *module = system_path("/sys/module/vmwalk");
	bool loaded = module && !access(module, F_OK);

	free(module);
	if (!loaded)
		return failure("the vmwalk driver isn't there: try 'modprobe vmwalk'");
	return failure("configfs isn't mounted: 'mount -t configfs none /sys/kernel/config'");
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
		return failure("%s: there is no such instance", name);
	return failure("%s: %m", name);
}
