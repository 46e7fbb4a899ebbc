// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Instances: items under configfs.
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
	int dir;		/* the item's folder, O_PATH */
	char *name;
	char *dev_name;
	char *refusal;		/* NULL unless the last write was refused with a sentence */
};

static int open_top(void)
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

static struct vmwalk_instance *open_item(int top, const char *name)
{
	struct vmwalk_instance *instance = calloc(1, sizeof(*instance));

	if (!instance)
		return NULL;

	instance->dir = vmwalk_open(top, name, O_PATH | O_DIRECTORY);
	if (instance->dir < 0) {
		/* An attribute of the subsystem is no item either. */
		if (errno == ENOTDIR)
			errno = ENOENT;
		goto err_close;
	}
	instance->name = strdup(name);
	if (!instance->name)
		goto err_close;
	instance->dev_name = vmwalk_read_file(instance->dir, "dev_name");
	if (!instance->dev_name)
		goto err_close;
	return instance;

err_close:
	vmwalk_instance_close(instance);
	return NULL;
}

char *vmwalk_subsystem_get(const char *attr)
{
	int top = open_top();
	char *text;

	if (top < 0)
		return NULL;
	text = vmwalk_read_file(top, attr);
	vmwalk_close_keeping_errno(top);
	return text;
}

struct vmwalk_instance *vmwalk_instance_create(const char *name)
{
	struct vmwalk_instance *instance = NULL;
	int top, saved;

	if (check_name(name))
		return NULL;
	top = open_top();
	if (top < 0)
		return NULL;

	if (!mkdirat(top, name, 0755)) {
		instance = open_item(top, name);
		if (!instance) {
			saved = errno;
			unlinkat(top, name, AT_REMOVEDIR);
			errno = saved;
		}
	}
	vmwalk_close_keeping_errno(top);
	return instance;
}

struct vmwalk_instance *vmwalk_instance_open(const char *name)
{
	struct vmwalk_instance *instance;
	int top;

	if (check_name(name))
		return NULL;
	top = open_top();
	if (top < 0)
		return NULL;

	instance = open_item(top, name);
	vmwalk_close_keeping_errno(top);
	return instance;
}

void vmwalk_instance_close(struct vmwalk_instance *instance)
{
	if (!instance)
		return;
	vmwalk_close_keeping_errno(instance->dir);
	free(instance->refusal);
	free(instance->dev_name);
	free(instance->name);
	free(instance);
}

int vmwalk_instance_destroy(struct vmwalk_instance *instance)
{
	int top, ret;

	/* A removed item's name may belong to another by now, which must stay. */
	if (faccessat(instance->dir, "dev_name", F_OK, 0))
		return -1;
	top = open_top();
	if (top < 0)
		return -1;

	ret = unlinkat(top, instance->name, AT_REMOVEDIR);
	vmwalk_close_keeping_errno(top);
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
	return vmwalk_read_file(instance->dir, attr);
}

/* The sentence that goes with a refused write; without one, errno has to do. */
static void remember_refusal(struct vmwalk_instance *instance)
{
	int saved = errno;

	instance->refusal = vmwalk_read_file(instance->dir, "last_error");
	if (instance->refusal && !*instance->refusal) {
		free(instance->refusal);
		instance->refusal = NULL;
	}
	errno = saved;
}

int vmwalk_instance_set(struct vmwalk_instance *instance, const char *attr, const char *value)
{
	/* configfs takes a value in one write, an empty one as a newline. */
	const char *bytes = *value ? value : "\n";
	size_t len = strlen(bytes);
	size_t max = sysconf(_SC_PAGESIZE) - 1;
	ssize_t written;
	int fd;

	free(instance->refusal);
	instance->refusal = NULL;

	/* configfs would cut a longer value and set the attribute to the rest. */
	if (len > max) {
		if (asprintf(&instance->refusal, "%s: a value of %zu bytes exceeds the limit, %zu",
			     attr, len, max) < 0)
			instance->refusal = NULL;
		errno = EMSGSIZE;
		return -1;
	}

	fd = vmwalk_open(instance->dir, attr, O_WRONLY);
	if (fd < 0)
		return -1;

	written = write(fd, bytes, len);
	if (written < 0) {
		remember_refusal(instance);
	} else if ((size_t)written < len) {
		errno = EIO;
		written = -1;
	}
	vmwalk_close_keeping_errno(fd);
	return written < 0 ? -1 : 0;
}

const char *vmwalk_instance_refusal(const struct vmwalk_instance *instance)
{
	return instance->refusal;
}

static int is_item(const struct dirent *entry)
{
	if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
		return 0;
	/* Below configfs's top a folder is an item; a captured tree may not tell types. */
	return entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
}

/* Independent of the locale, and the same order as vmwalk-list. */
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
	count = scandir(path, &entries, is_item, by_name);
	free(path);
	if (count < 0)
		return -1;

	for (i = 0; i < count; i++) {
		if (!ret) {
			instance = vmwalk_instance_open(entries[i]->d_name);
			if (instance)
				ret = fn(instance, data);
			else if (errno != ENOENT)	/* else: just removed */
				ret = -1;
			vmwalk_instance_close(instance);
		}
		free(entries[i]);
	}
	free(entries);
	return ret;
}
