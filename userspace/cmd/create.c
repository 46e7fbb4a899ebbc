// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk create, vmwalk destroy
 *
 * Copyright (C) The vmwalk authors
 */
#include <getopt.h>
#include <stdlib.h>

#include "command.h"

static const struct verb_option create_options[] = {
	{ "type", 't', "TYPE", "buffer type: kmalloc, vmalloc, pages, huge or dma" },
	{ "size", 's', "BYTES", "buffer size (suffixes K, M, G, T; 0x for hex)" },
	{ "map-mode", 'm', "MODE", "how mmap maps the buffer: remap, insert or fault" },
	{ "cache-mode", 'c', "MODE", "cache mode of the buffer: wb, wc or uc" },
	{ "node", 'N', "NODE", "NUMA node to allocate from; -1: any" },
	{ "address-bits", 'b', "N", "allocate below physical address 2^N; 64: anywhere" },
	{ "fill", 'f', "FILL", "initial contents: zero, digits or letters" },
	{ "pid", 'p', "PID", "process to walk; 0: the caller" },
	{ "fault-around", 'a', "BYTES", "bytes that one page fault maps" },
	{},
};

/* Attributes that the options set, in the same order */
static const char *const create_attributes[] = {
	"buffer_type",  "size", "map_mode",   "cache_mode",   "numa_node",
	"address_bits", "fill", "target_pid", "fault_around",
};

#define NR_CREATE ARRAY_SIZE(create_attributes)

static int make_live(struct vmwalk_instance *instance, const char *const values[])
{
	const char *name = vmwalk_instance_name(instance);
	size_t i;

	for (i = 0; i < NR_CREATE; i++)
		if (values[i] && vmwalk_instance_set(instance, create_attributes[i], values[i]))
			return attribute_failure(instance, name, create_attributes[i], values[i]);
	if (vmwalk_instance_set(instance, "live", "1"))
		return attribute_failure(instance, name, "live", "1");
	return EXIT_SUCCESS;
}

static int create(int argc, char **argv)
{
	const char *values[NR_CREATE] = {};
	struct vmwalk_instance *instance;
	const char *arg;
	int option, status;
	size_t i;

	while ((option = next_option(argc, argv, &arg)) >= 0)
		for (i = 0; i < NR_CREATE; i++)
			if (create_options[i].letter == option)
				values[i] = arg;
	if (!valid_name(argv[optind]))
		return EXIT_USAGE;

	instance = guard_create(argv[optind]);
	if (!instance)
		return instance_failure(argv[optind]);

	status = make_live(instance, values);
	if (!status) {
		printf("/dev/%s\n", vmwalk_instance_dev_name(instance));
		output_flush();
	}
	/* Remove the instance if its device path could not be printed. */
	if (!status && !ferror(stdout))
		guard_release(instance);
	else
		guard_remove(instance);
	return status;
}

const struct verb create_verb = {
	.name = "create",
	.args = "NAME",
	.min_args = 1,
	.max_args = 1,
	.summary = "Create a live instance and print the path of its device",
	.details = "Options that are not given keep the driver's defaults. On failure, no\n"
		   "instance is created. The files available_* in /sys/kernel/config/vmwalk list\n"
		   "the values that the driver supports.\n",
	.options = { create_options },
	.run = create,
};

static int destroy(int argc, char **argv)
{
	struct vmwalk_instance *instance;
	int status = EXIT_SUCCESS;
	const char *arg;

	next_option(argc, argv, &arg);
	if (!valid_name(argv[optind]))
		return EXIT_USAGE;
	instance = vmwalk_instance_open(argv[optind]);
	if (!instance)
		return instance_failure(argv[optind]);

	if (vmwalk_instance_destroy(instance))
		status = instance_failure(argv[optind]);
	vmwalk_instance_close(instance);
	return status;
}

const struct verb destroy_verb = {
	.name = "destroy",
	.args = "NAME",
	.min_args = 1,
	.max_args = 1,
	.summary = "Remove an instance, even if its device is in use",
	.details = "Existing mappings of the buffer stay valid, as with an unlinked file.\n",
	.run = destroy,
};
