// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Instances: directories in configfs
 *
 * Copyright (C) The vmwalk authors
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"
#include "libvmwalk.h"

struct vmwalk_instance {
	int dir; /* opened with O_PATH */
	char *name;
	char *dev_name;
	char *last_error; /* message of the last write, or NULL */
};

static int open_subsystem(void)
{
	char *path = vmwalk_path(VMWALK_CONFIGFS);
	int fd;

	if (!path)
		return -1;
	fd = vmwalk_open(AT_FDCWD, path, O_PATH | O_DIRECTORY);
	free(path);
	return fd;
}

static int check_name(const char *name)
{
	if (*name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, ".."))
		return 0;
	errno = EINVAL;
	return -1;
}

static struct vmwalk_instance *open_instance(int subsystem, const char *name)
{
	struct vmwalk_instance *instance = calloc(1, sizeof(*instance));

	if (!instance)
		return NULL;

	instance->dir = vmwalk_open(subsystem, name, O_PATH | O_DIRECTORY);
	if (instance->dir < 0) {
		/* The name is that of an attribute of the subsystem. */
		if (errno == ENOTDIR)
			errno = ENOENT;
		goto err_close;
	}
	instance->name = strdup(name);
	if (!instance->name)
		goto err_close;
	instance->dev_name = vmwalk_read_attr(instance->dir, "dev_name");
	if (!instance->dev_name)
		goto err_close;
	return instance;

err_close:
	vmwalk_instance_close(instance);
	return NULL;
}

char *vmwalk_subsystem_get(const char *attr)
{
	int subsystem = open_subsystem();
	char *text;

	if (subsystem < 0)
		return NULL;
	text = vmwalk_read_attr(subsystem, attr);
	vmwalk_close(subsystem);
	return text;
}

struct vmwalk_instance *vmwalk_instance_create(const char *name)
{
	struct vmwalk_instance *instance = NULL;
	int subsystem, saved;

	if (check_name(name))
		return NULL;
	subsystem = open_subsystem();
	if (subsystem < 0)
		return NULL;

	if (!mkdirat(subsystem, name, 0755)) {
		instance = open_instance(subsystem, name);
		if (!instance) {
			saved = errno;
			unlinkat(subsystem, name, AT_REMOVEDIR);
			errno = saved;
		}
	}
	vmwalk_close(subsystem);
	return instance;
}

struct vmwalk_instance *vmwalk_instance_open(const char *name)
{
	struct vmwalk_instance *instance;
	int subsystem;

	if (check_name(name))
		return NULL;
	subsystem = open_subsystem();
	if (subsystem < 0)
		return NULL;

	instance = open_instance(subsystem, name);
	vmwalk_close(subsystem);
	return instance;
}

void vmwalk_instance_close(struct vmwalk_instance *instance)
{
	if (!instance)
		return;
	vmwalk_close(instance->dir);
	free(instance->last_error);
	free(instance->dev_name);
	free(instance->name);
	free(instance);
}

int vmwalk_instance_destroy(struct vmwalk_instance *instance)
{
	int subsystem, ret;

	/* Don't remove a new instance that has the name of a removed one. */
	if (faccessat(instance->dir, "dev_name", F_OK, 0))
		return -1;
	subsystem = open_subsystem();
	if (subsystem < 0)
		return -1;

	ret = unlinkat(subsystem, instance->name, AT_REMOVEDIR);
	vmwalk_close(subsystem);
	return ret;
}

const char *vmwalk_instance_name(const struct vmwalk_instance *instance)
{
	return instance->name;
}

const char *vmwalk_instance_dev_name(const struct vmwalk_instance *instance)
{
	return instance->dev_name;
}

char *vmwalk_instance_get(const struct vmwalk_instance *instance, const char *attr)
{
	return vmwalk_read_attr(instance->dir, attr);
}

static void save_last_error(struct vmwalk_instance *instance)
{
	int saved = errno;

	instance->last_error = vmwalk_read_attr(instance->dir, "last_error");
	if (instance->last_error && !*instance->last_error) {
		free(instance->last_error);
		instance->last_error = NULL;
	}
	errno = saved;
}

int vmwalk_instance_set(struct vmwalk_instance *instance, const char *attr, const char *value)
{
	/* write(2) of 0 bytes doesn't reach configfs. */
	const char *bytes = *value ? value : "\n";
	size_t len = strlen(bytes);
	size_t max = sysconf(_SC_PAGESIZE) - 1;
	ssize_t written;
	int fd;

	free(instance->last_error);
	instance->last_error = NULL;

	/* configfs would split a longer value into several writes. */
	if (len > max) {
		if (asprintf(&instance->last_error,
			     "%s: value of %zu bytes exceeds the limit of configfs (%zu bytes)",
			     attr, len, max) < 0)
			instance->last_error = NULL;
		errno = EMSGSIZE;
		return -1;
	}

	fd = vmwalk_open(instance->dir, attr, O_WRONLY);
	if (fd < 0)
		return -1;

	written = write(fd, bytes, len);
	if (written < 0) {
		save_last_error(instance);
	} else if ((size_t)written < len) {
		errno = EIO;
		written = -1;
	}
	vmwalk_close(fd);
	return written < 0 ? -1 : 0;
}

const char *vmwalk_instance_last_error(const struct vmwalk_instance *instance)
{
	return instance->last_error;
}

static int is_instance(const struct dirent *entry)
{
	if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
		return 0;
	/* A captured tree may be on a file system without d_type. */
	return entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
}

/* Byte order, independent of the locale, as in vmwalk-list */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int vmwalk_instance_for_each(int (*fn)(struct vmwalk_instance *instance, void *data), void *data)
{
	char *path = vmwalk_path(VMWALK_CONFIGFS);
	struct vmwalk_instance *instance;
	struct dirent **entries;
	int i, count, ret = 0;

	if (!path)
		return -1;
	count = scandir(path, &entries, is_instance, by_name);
	free(path);
	if (count < 0)
		return -1;

	for (i = 0; i < count; i++) {
		if (!ret) {
			instance = vmwalk_instance_open(entries[i]->d_name);
			if (instance)
				ret = fn(instance, data);
			else if (errno != ENOENT) /* removed meanwhile */
				ret = -1;
			vmwalk_instance_close(instance);
		}
		free(entries[i]);
	}
	free(entries);
	return ret;
}
