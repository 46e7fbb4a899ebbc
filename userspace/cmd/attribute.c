// SPDX-License-Identifier: GPL-2.0
/*
 * What to say when configfs says no.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>

#include "command.h"

int attribute_failure(const struct vmwalk_instance *instance, const char *attr, const char *value)
{
	const char *refusal = vmwalk_instance_refusal(instance);

	if (refusal)
		return failure("%s: %s", vmwalk_instance_name(instance), refusal);
	return failure("%s: %s: '%s': %m", vmwalk_instance_name(instance), attr, value);
}

int instance_failure(const char *name)
{
	int error = errno;
	char *version = vmwalk_subsystem_get("abi_version");

	if (!version && errno == ENOENT)
		return failure("the vmwalk driver isn't there: try 'modprobe vmwalk'");
	free(version);

	errno = error;
	if (!name)
		return failure("%m");
	if (errno == ENOENT)
		return failure("%s: there is no such instance", name);
	return failure("%s: %m", name);
}
