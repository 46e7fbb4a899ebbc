// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk create, vmwalk set, vmwalk destroy
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
	{ "track-dirty", 'D', NULL, "record which pages of the buffer are written" },
	{ "pending", 'P', NULL, "allocate no buffer yet: see 'vmwalk set'" },
	{},
};

/* Attributes that the options set, in the same order. --pending sets none. */
static const char *const create_attributes[] = {
	"buffer_type",  "size", "map_mode",   "cache_mode",   "numa_node",
	"address_bits", "fill", "target_pid", "fault_around", "track_dirty",
};

#define NR_CREATE ARRAY_SIZE(create_attributes)

static int set_attributes(struct vmwalk_instance *instance, const char *const values[],
			  bool pending)
{
	const char *name = vmwalk_instance_name(instance);
	size_t i;

	for (i = 0; i < NR_CREATE; i++)
		if (values[i] && vmwalk_instance_set(instance, create_attributes[i], values[i]))
			return attribute_failure(instance, name, create_attributes[i], values[i]);
	if (!pending && vmwalk_instance_set(instance, "live", "1"))
		return attribute_failure(instance, name, "live", "1");
	return EXIT_SUCCESS;
}

static int create(int argc, char **argv)
{
	const char *values[NR_CREATE] = {};
	struct vmwalk_instance *instance;
	bool pending = false;
	const char *arg;
	int option, status;
	size_t i;

	while ((option = next_option(argc, argv, &arg)) >= 0) {
		for (i = 0; i < NR_CREATE; i++)
			if (create_options[i].letter == option)
				values[i] = create_options[i].arg ? arg : "1";
		if (option == 'P')
			pending = true;
	}
	if (!valid_name(argv[optind]))
		return EXIT_USAGE;

	instance = guard_create(argv[optind]);
	if (!instance)
		return instance_failure(argv[optind]);

	status = set_attributes(instance, values, pending);
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
		   "the values that the driver supports. With --pending, the device exists only\n"
		   "after 'vmwalk set NAME live=1'.\n",
	.options = { create_options },
	.run = create,
};

/* Split ATTRIBUTE=VALUE. Returns the value, or NULL if @pair is something else. */
static char *split_pair(char *pair)
{
	size_t len = strcspn(pair, "=/");

	if (!len || pair[len] != '=')
		return NULL;
	pair[len] = '\0';
	return pair + len + 1;
}

static int set_pairs(struct vmwalk_instance *instance, const char *name, char **pairs,
		     char **values)
{
	for (; *pairs; pairs++, values++)
		if (vmwalk_instance_set(instance, *pairs, *values))
			return attribute_failure(instance, name, *pairs, *values);
	return EXIT_SUCCESS;
}

static int set(int argc, char **argv)
{
	struct vmwalk_instance *instance;
	const char *name, *arg;
	int i, status;
	char **values;

	next_option(argc, argv, &arg);
	name = argv[optind];
	if (!valid_name(name))
		return EXIT_USAGE;
	/* The arguments themselves become names. */
	values = calloc(argc, sizeof(*values));
	if (!values)
		return failure("%m");
	for (i = optind + 1; i < argc; i++) {
		values[i] = split_pair(argv[i]);
		if (!values[i])
			return usage_failure("'%s' is not ATTRIBUTE=VALUE", argv[i]);
	}

	instance = vmwalk_instance_open(name);
	if (instance)
		status = set_pairs(instance, name, argv + optind + 1, values + optind + 1);
	else
		status = instance_failure(name);
	vmwalk_instance_close(instance);
	free(values);
	return status;
}

const struct verb set_verb = {
	.name = "set",
	.args = "NAME ATTRIBUTE=VALUE...",
	.min_args = 2,
	.max_args = MANY_ARGS,
	.summary = "Change attributes of an instance",
	.details =
		"Attributes are written in the given order, until one fails. 'vmwalk show NAME'\n"
		"lists them. While live is 1, only target_pid and live can be changed.\n"
		"target_pid selects the process to walk, live=1 allocates the buffer and creates\n"
		"the device, and live=0 removes both.\n",
	.options = { NULL },
	.run = set,
};

static int destroy(int argc, char **argv)
{
	struct vmwalk_instance *instance;
	int i, status = EXIT_SUCCESS;
	const char *arg;

	next_option(argc, argv, &arg);
	for (i = optind; i < argc; i++)
		if (!valid_name(argv[i]))
			return EXIT_USAGE;

	for (i = optind; i < argc; i++) {
		instance = vmwalk_instance_open(argv[i]);
		if (!instance || vmwalk_instance_destroy(instance))
			status = instance_failure(argv[i]);
		vmwalk_instance_close(instance);
	}
	return status;
}

const struct verb destroy_verb = {
	.name = "destroy",
	.args = "NAME...",
	.min_args = 1,
	.max_args = MANY_ARGS,
	.summary = "Remove instances, even if their devices are in use",
	.details =
		"Existing mappings of the buffer stay valid, as with an unlinked file. If a NAME\n"
		"fails, the others are still removed.\n",
	.options = { NULL },
	.run = destroy,
};
