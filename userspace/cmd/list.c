// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk list
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"

enum {
	COL_NAME,
	COL_DEVICE,
	COL_LIVE,
	COL_TYPE,
	COL_SIZE,
	COL_MODE,
	COL_CACHE,
	COL_NODE,
	COL_FILL,
	COL_TARGET,
};

static const struct column list_columns[] = {
	[COL_NAME] = { "NAME", "name of the instance" },
	[COL_DEVICE] = { "DEVICE", "path of the device, which exists while live" },
	[COL_LIVE] = { "LIVE", "whether the instance is live", CELL_BOOLEAN },
	[COL_TYPE] = { "TYPE", "buffer type" },
	[COL_SIZE] = { "SIZE", "buffer size", CELL_NUMBER, true },
	[COL_MODE] = { "MODE", "map mode" },
	[COL_CACHE] = { "CACHE", "cache mode" },
	[COL_NODE] = { "NODE", "NUMA node that was requested; -1: any", CELL_NUMBER, true },
	[COL_FILL] = { "FILL", "initial contents" },
	[COL_TARGET] = { "TARGET", "pid of the process to walk; 0: the caller", CELL_NUMBER, true },
	{},
};

/* Columns that show an attribute */
static const char *const list_attributes[] = {
	[COL_LIVE] = "live",         [COL_TYPE] = "buffer_type", [COL_MODE] = "map_mode",
	[COL_CACHE] = "cache_mode",  [COL_NODE] = "numa_node",   [COL_FILL] = "fill",
	[COL_TARGET] = "target_pid", [COL_SIZE] = "size",
};

static void attribute_cell(struct cell *cell, const struct vmwalk_instance *instance, size_t column)
{
	char *value = vmwalk_instance_get(instance, list_attributes[column]);

	if (!value || !*value || cell_exact(cell)) {
		cell_take(cell, value);
		return;
	}
	if (column == COL_SIZE)
		cell_size(cell, strtoull(value, NULL, 10));
	else if (column == COL_LIVE)
		cell_text(cell, strcmp(value, "0") ? "yes" : "no");
	else
		cell_text(cell, value);
	free(value);
}

static void list_cell(struct cell *cell, const void *row, size_t column)
{
	const struct vmwalk_instance *instance = row;

	switch (column) {
	case COL_NAME:
		return cell_text(cell, vmwalk_instance_name(instance));
	case COL_DEVICE:
		return cell_take(cell, text("/dev/%s", vmwalk_instance_dev_name(instance)));
	}
	attribute_cell(cell, instance, column);
}

static int list_one(struct vmwalk_instance *instance, void *data)
{
	return table_add(data, instance);
}

static int list(int argc, char **argv)
{
	struct table_options options = {};
	struct table *table;
	const char *arg;
	int option, status;

	while ((option = next_option(argc, argv, &arg)) >= 0)
		table_option(&options, option, arg);

	status = table_open(&table, "instances", list_columns, list_cell, false, &options);
	if (status)
		return status;
	if (vmwalk_instance_for_each(list_one, table))
		status = instance_failure(NULL);
	if (table_close(table) && !status)
		status = failure("%m");
	return status;
}

const struct verb list_verb = {
	.name = "list",
	.args = "",
	.summary = "List the instances",
	.options = { table_verb_options },
	.columns = list_columns,
	.run = list,
};
