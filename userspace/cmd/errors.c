// SPDX-License-Identifier: GPL-2.0
/*
 * Error messages about instances and their attributes
 *
 * Copyright (C) The vmwalk authors
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

/* Attributes are files, and those that can be written have a mode with w. */
static int is_writable(const struct dirent *entry, int dir)
{
	struct stat stat;

	return !fstatat(dir, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) && S_ISREG(stat.st_mode) &&
		stat.st_mode & 0222;
}

/* Names of the attributes that can be written, sorted, or NULL */
static char *known_attributes(const struct vmwalk_instance *instance)
{
	char *path = system_path("/sys/kernel/config/vmwalk/%s", vmwalk_instance_name(instance));
	int i, dir = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct dirent **entries;
	char *names = NULL, *more;
	int count = dir < 0 ? -1 : scandir(path, &entries, NULL, alphasort);

	for (i = 0; i < count; i++) {
		if (is_writable(entries[i], dir)) {
			more = text("%s%s%s", names ? names : "", names ? " " : "",
				    entries[i]->d_name);
			free(names);
			names = more;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	if (dir >= 0)
		close(dir);
	free(path);
	return names;
}

static int unknown_attribute(const struct vmwalk_instance *instance, const char *name,
			     const char *attr)
{
	char *known = known_attributes(instance);

	if (known)
		failure("%s: unknown attribute '%s' (known: %s)", name, attr, known);
	else
		failure("%s: the instance was removed", name);
	free(known);
	return EXIT_FAILURE;
}

int attribute_failure(const struct vmwalk_instance *instance, const char *name, const char *attr,
		      const char *value)
{
	const char *message = vmwalk_instance_last_error(instance);
	const char *colon = name ? ": " : "";

	if (!name)
		name = "";
	if (message)
		return failure("%s%s%s", name, colon, message);
	if (errno == ENOENT && *name)
		return unknown_attribute(instance, name, attr);
	if (errno == EACCES && geteuid())
		return failure("%s%s%s: no permission: run as root", name, colon, attr);
	if (errno == EACCES)
		return failure("%s%s%s can't be written", name, colon, attr);
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
