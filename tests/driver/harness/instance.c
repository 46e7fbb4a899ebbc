// SPDX-License-Identifier: GPL-2.0
/*
 * Instances in configfs: see instance.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sys/stat.h>

#include "harness.h"

struct vw_combo vw_combos[] = {
	{ "kmalloc", "remap", "wb", true },
	{ "kmalloc", "fault", "wb", true },
	{ "vmalloc", "remap", "wb", false },
	{ "vmalloc", "insert", "wb", true },
	{ "vmalloc", "fault", "wb", true },
	{ "pages", "remap", "wb", false },
	{ "pages", "insert", "wb", false },
	{ "pages", "fault", "wb", true },
	{ "pages", "remap", "wc", true },
	{ "pages", "insert", "wc", false },
	{ "pages", "fault", "wc", false },
	{ "pages", "remap", "uc", false },
	{ "pages", "insert", "uc", true },
	{ "pages", "fault", "uc", false },
	{ "huge", "remap", "wb", true },
	{ "huge", "insert", "wb", true },
	{ "huge", "fault", "wb", true },
	{ "dma", "remap", "wb", true },
	{ "dma", "fault", "wb", false },
};

size_t vw_nr_combos = COUNT(vw_combos);

bool vw_is_available(const char *names, const char *name)
{
	char path[64], list[512], *word;

	snprintf(path, sizeof(path), VW_CONFIGFS "/available_%s", names);
	if (vw_file_read(path, list, sizeof(list)) < 0)
		return false;
	for (word = strtok(list, " "); word && strcmp(word, name); word = strtok(NULL, " "))
		;
	return word;
}

void vw_drop_combos(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < vw_nr_combos && vw_exists(VW_CONFIGFS); i++) {
		if (vw_is_available("buffer_types", vw_combos[i].type) &&
		    vw_is_available("map_modes", vw_combos[i].mode) &&
		    vw_is_available("cache_modes", vw_combos[i].cache))
			vw_combos[kept++] = vw_combos[i];
	}
	if (vw_exists(VW_CONFIGFS))
		vw_nr_combos = kept;
}

int vw_mkdir(const char *instance)
{
	char path[512];

	snprintf(path, sizeof(path), VW_CONFIGFS "/%s", instance);
	return vw_sys(mkdir(path, 0755));
}

int vw_rmdir(const char *instance)
{
	char path[512];

	snprintf(path, sizeof(path), VW_CONFIGFS "/%s", instance);
	return vw_sys(rmdir(path));
}

int vw_set(const char *instance, const char *attr, const char *value)
{
	char path[512];

	snprintf(path, sizeof(path), VW_CONFIGFS "/%s/%s", instance, attr);
	return vw_file_write(path, value);
}

int vw_get(const char *instance, const char *attr, char *buf, size_t len)
{
	char path[512];

	snprintf(path, sizeof(path), VW_CONFIGFS "/%s/%s", instance, attr);
	return vw_file_read(path, buf, len);
}

void vw_set_target(pid_t pid)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", pid);
	vw_ok(vw_set("t", "target_pid", text));
}

void vw_allow_target_write(bool allow)
{
	vw_ok(vw_file_write(VW_TARGET_WRITE, allow ? "1" : "0"));
}

void vw_expect_attr_at(const char *file, int line, const char *instance, const char *attr,
		       const char *wanted)
{
	char got[512] = "";
	int rc = vw_get(instance, attr, got, sizeof(got));

	if (rc < 0)
		vw_fail_at(file, line, "%s/%s cannot be read: %s", instance, attr, strerror(-rc));
	if (strcmp(got, wanted))
		vw_fail_at(file, line, "%s/%s reads \"%s\", wanted \"%s\"", instance, attr, got,
			   wanted);
}

int vw_number(const char *instance)
{
	char name[64];
	int n, end = 0;

	if (vw_get(instance, "dev_name", name, sizeof(name)) <= 0 ||
	    sscanf(name, "vmwalk%d%n", &n, &end) != 1 || name[end])
		vw_fail("%s/dev_name does not read vmwalkN", instance);
	return n;
}

void vw_set_ok(const char *instance, const char *attr, const char *value)
{
	char message[512] = "";
	int rc = vw_set(instance, attr, value);

	if (rc < 0) {
		vw_get(instance, "last_error", message, sizeof(message));
		/* test_dirty checks which kernels may do this. */
		if (!strcmp(attr, "live") && !strncmp(message, "track_dirty", 11))
			vw_skip("%s", message);
		vw_fail("%s/%s = %s: %s (%s)", instance, attr, value, strerror(-rc), message);
	}
}

static void set_pairs(const char *instance, va_list args)
{
	const char *attr;

	while ((attr = va_arg(args, const char *)))
		vw_set_ok(instance, attr, va_arg(args, const char *));
}

void vw_make_pending(const char *instance, ...)
{
	va_list args;

	vw_ok(vw_mkdir(instance));
	va_start(args, instance);
	set_pairs(instance, args);
	va_end(args);
}

int vw_make(const char *instance, ...)
{
	va_list args;

	vw_ok(vw_mkdir(instance));
	va_start(args, instance);
	set_pairs(instance, args);
	va_end(args);
	vw_set_ok(instance, "live", "1");
	return vw_number(instance);
}

int vw_make_combo(const struct vw_combo *combo, size_t size, const char *fill)
{
	char bytes[32];

	snprintf(bytes, sizeof(bytes), "%zu", size);
	return vw_make("t", "buffer_type", combo->type, "map_mode", combo->mode, "cache_mode",
		       combo->cache, "size", bytes, "fill", fill, NULL);
}

int vw_smallest_bits(const char *type)
{
	char message[512] = "", *use;
	int bits;

	/* With the smallest value that can be set, only the first page is below the limit. */
	vw_make_pending("bits", "buffer_type", type, "map_mode", "remap", NULL);
	for (bits = 1; bits < 64; bits++) {
		snprintf(message, sizeof(message), "%d", bits);
		if (!vw_set("bits", "address_bits", message))
			break;
	}
	vw_expect(vw_set("bits", "live", "1"), -EOPNOTSUPP);
	vw_get("bits", "last_error", message, sizeof(message));
	use = strstr(message, "; use ");
	if (!use || sscanf(use, "; use %d or more", &bits) != 1)
		vw_skip("buffer_type %s: %s", type, message);
	vw_ok(vw_rmdir("bits"));
	return bits;
}

bool vw_is_refcounted(const struct vw_combo *combo)
{
	if (!strcmp(combo->mode, "insert"))
		return true;

	return !strcmp(combo->mode, "fault") &&
	       (!strcmp(combo->type, "vmalloc") || !strcmp(combo->type, "pages"));
}

bool vw_remove_instances(void)
{
	struct dirent *entry;
	bool clean = true;
	DIR *dir;

	dir = opendir(VW_CONFIGFS);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			vw_rmdir(entry->d_name);
	}
	if (dir)
		closedir(dir);

	dir = opendir(VW_CONFIGFS);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
			print_message("# instance %s cannot be removed\n", entry->d_name);
			clean = false;
		}
	}
	if (dir)
		closedir(dir);
	return clean;
}
