// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk show
 *
 * Copyright (C) The vmwalk authors
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

struct field {
	const char *name; /* of the file; NULL ends the list */
	enum cell_type type;
	bool bytes; /* shown with a unit in text output */
};

static const struct field configfs_fields[] = {
	{ "live", CELL_BOOLEAN },
	{ "buffer_type" },
	{ "size", CELL_NUMBER, true },
	{ "map_mode" },
	{ "cache_mode" },
	{ "numa_node", CELL_NUMBER },
	{ "address_bits", CELL_NUMBER },
	{ "fill" },
	{ "fault_around", CELL_NUMBER, true },
	{ "track_dirty", CELL_BOOLEAN },
	{ "target_pid", CELL_NUMBER },
	{ "last_error" },
	{},
};

/* Files of sysfs whose values are not in configfs */
static const struct field sysfs_fields[] = {
	{ "phys_addr" },
	{ "phys_addr_max" },
	{ "segments", CELL_NUMBER },
	{},
};

static const struct field stats_fields[] = {
	{ "faults", CELL_NUMBER },
	{ "read_faults", CELL_NUMBER },
	{ "write_faults", CELL_NUMBER },
	{ "mkwrite_faults", CELL_NUMBER },
	{ "huge_faults", CELL_NUMBER },
	{ "failed_faults", CELL_NUMBER },
	{ "mapped_pages", CELL_NUMBER },
	{ "mappings", CELL_NUMBER },
	{ "opens", CELL_NUMBER },
	{ "dirty_pages", CELL_NUMBER },
	{ "walks", CELL_NUMBER },
	{ "walked_pages", CELL_NUMBER },
	{ "walk_ns", CELL_NUMBER },
	{ "extents", CELL_NUMBER },
	{},
};

/* A directory and a function that reads a file in it */
struct group {
	const char *name;
	const char *before, *after; /* path around the name of instance or device */
	const struct field *fields;
	char *(*read)(const struct vmwalk_instance *instance, const char *file);
};

static char *read_configfs(const struct vmwalk_instance *instance, const char *file)
{
	return vmwalk_instance_get(instance, file);
}

static char *read_sysfs(const struct vmwalk_instance *instance, const char *file)
{
	const char *dev_name = vmwalk_instance_dev_name(instance);
	char *value = vmwalk_device_get(dev_name, file);
	char *segments;

	if (!value || !strstr(file, "phys_addr") || strtoull(value, NULL, 16))
		return value;

	/* 0: the address is hidden or, for phys_addr, the buffer is not contiguous. */
	free(value);
	if (!strcmp(file, "phys_addr_max"))
		return strdup("hidden");
	segments = vmwalk_device_get(dev_name, "segments");
	value = segments && strcmp(segments, "1") ? NULL : strdup("hidden");
	free(segments);
	return value;
}

static char *read_stats(const struct vmwalk_instance *instance, const char *file)
{
	__u64 value;

	if (vmwalk_device_counter(vmwalk_instance_dev_name(instance), file, &value))
		return NULL;
	return text("%llu", value);
}

static const struct group groups[] = {
	{ "configfs", "/sys/kernel/config/vmwalk/", "", configfs_fields, read_configfs },
	{ "sysfs", "/sys/class/vmwalk/", "", sysfs_fields, read_sysfs },
	{ "stats", "/sys/class/vmwalk/", "/stats", stats_fields, read_stats },
};

static char *readable(const struct field *field, char *value)
{
	char *size;

	if (!value || !*value || !field->bytes)
		return value;
	size = size_text(strtoull(value, NULL, 10));
	free(value);
	return size;
}

struct show_options {
	bool json;
	bool bytes;
};

static void show_group(const struct group *group, const struct vmwalk_instance *instance,
		       const struct show_options *options)
{
	const struct field *field;
	char *value;

	for (field = group->fields; field->name; field++) {
		value = group->read(instance, field->name);
		if (options->json) {
			json_value(field->name, field->type, value);
		} else {
			if (!options->bytes)
				value = readable(field, value);
			printf("  %-14s  ", field->name);
			print_escaped(stdout, value && *value ? value : "-");
			putchar('\n');
		}
		free(value);
	}
}

static void show_instance(const struct vmwalk_instance *instance,
			  const struct show_options *options)
{
	const char *dev_name = vmwalk_instance_dev_name(instance);
	char *device = text("/dev/%s", dev_name);
	char *live = vmwalk_instance_get(instance, "live");
	size_t i, shown = live && !strcmp(live, "1") ? ARRAY_SIZE(groups) : 1;

	if (options->json) {
		json_object(NULL);
		json_value("name", CELL_STRING, vmwalk_instance_name(instance));
		json_value("device", CELL_STRING, device);
	}
	for (i = 0; i < shown; i++) {
		if (options->json) {
			json_object(groups[i].name);
		} else {
			fputs(groups[i].before, stdout);
			print_escaped(stdout, i ? dev_name : vmwalk_instance_name(instance));
			puts(groups[i].after);
		}
		show_group(&groups[i], instance, options);
		if (options->json)
			json_end();
	}
	if (options->json)
		json_end();
	free(live);
	free(device);
}

static const struct verb_option show_verb_options[] = {
	{ "json", 'J', NULL, "print JSON" },
	{ "bytes", 'b', NULL, "print sizes in bytes" },
	{},
};

static int show(int argc, char **argv)
{
	struct vmwalk_instance *instance;
	struct show_options options = {};
	const char *arg;
	int option;

	while ((option = next_option(argc, argv, &arg)) >= 0) {
		if (option == 'J')
			options.json = true;
		else
			options.bytes = true;
	}

	if (!valid_name(argv[optind]))
		return EXIT_USAGE;
	instance = vmwalk_instance_open(argv[optind]);
	if (!instance)
		return instance_failure(argv[optind]);
	show_instance(instance, &options);
	vmwalk_instance_close(instance);
	return EXIT_SUCCESS;
}

const struct verb show_verb = {
	.name = "show",
	.args = "NAME",
	.min_args = 1,
	.max_args = 1,
	.summary = "Show the attributes of an instance and, if it is live, its counters",
	.options = { show_verb_options },
	.run = show,
};
