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
	{ "type", 't', "TYPE", "kind of memory" },
	{ "size", 's', "BYTES", "size of the buffer (suffixes K, M, G, T; 0x for hex)" },
	{ "map-mode", 'm', "MODE", "how mappings get their pages: remap, insert or fault" },
	{ "cache-mode", 'c', "MODE", "caching of the buffer's mappings" },
	{ "node", 'N', "NODE", "NUMA node to take memory from, -1 for any" },
	{ "fill", 'f', "FILL", "first contents: zero, digits or letters" },
	{ "pid", 'p', "PID", "process to walk, 0 for whoever asks" },
	{ "fault-around", 'a', "BYTES", "how much a fault maps around the page it wants" },
	{ }
};

/* The attribute that goes with each of the options above. */
static const char *const create_attributes[] = {
	"buffer_type", "size", "map_mode", "cache_mode", "numa_node", "fill", "target_pid",
	"fault_around",
};

#define NR_CREATE	ARRAY_SIZE(create_attributes)

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
	const char *values[NR_CREATE] = { };
	struct vmwalk_instance *instance;
	const char *arg;
	int option, status;
	size_t i;

	while ((option = next_option(argc, argv, &arg)) >= 0)
		for (i = 0; i < NR_CREATE; i++)
			if (create_options[i].letter == option)
				values[i] = arg;

	instance = keeper_create(argv[optind]);
	if (!instance)
		return instance_failure(argv[optind]);

	status = make_live(instance, values);
	/* A device whose path nobody could be told is of no use. */
	if (!status && printf("/dev/%s\n", vmwalk_instance_dev_name(instance)) > 0 &&
	    !fflush(stdout))
		keeper_leave(instance);
	else
		keeper_remove(instance);
	return status;
}

const struct verb create_verb = {
	.name = "create",
	.args = "NAME",
	.min_args = 1,
	.max_args = 1,
	.summary = "Make an instance, live, and print the path of its device",
	.details = "What isn't said keeps the driver's default. If anything is refused, nothing\n"
		   "is made. The files available_* in /sys/kernel/config/vmwalk tell which\n"
		   "words are taken here.\n",
	.options = { create_options },
	.run = create,
};

static int destroy(int argc, char **argv)
{
	struct vmwalk_instance *instance;
	int status = EXIT_SUCCESS;
	const char *arg;

	next_option(argc, argv, &arg);
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
	.summary = "Remove an instance, in use or not",
	.details = "Programs that have its buffer mapped keep their mappings, as those of a file\n"
		   "that is unlinked.\n",
	.run = destroy,
};
