// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk list
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"

enum { COL_NAME, COL_DEV_NAME, COL_ATTRIBUTES };

/* From COL_ATTRIBUTES on, a column shows the attribute of its name. */
static const struct column list_columns[] = {
	[COL_NAME] = { "NAME", "name of the instance" },
	[COL_DEV_NAME] = { "DEV_NAME", "name of the device, which exists in /dev while live" },
	{ "LIVE", "1: the instance has a device", CELL_BOOLEAN },
	{ "BUFFER_TYPE", "how the buffer is allocated" },
	{ "SIZE", "size of the buffer", CELL_NUMBER, true },
	{ "MAP_MODE", "how mmap maps the buffer" },
	{ "CACHE_MODE", "memory type of the buffer" },
	{ "NUMA_NODE", "node that was requested; -1: any", CELL_NUMBER, true },
	{ "TARGET_PID", "process to walk; 0: the caller", CELL_NUMBER, true },
	{ "FILL", "initial contents", .optional = true },
	{ "ADDRESS_BITS", "N: the buffer is below physical address 2^N", CELL_NUMBER, true,
	  .optional = true },
	{ "FAULT_AROUND", "bytes that one page fault maps", CELL_NUMBER, true, .optional = true },
	{ "TRACK_DIRTY", "1: written pages are recorded", CELL_BOOLEAN, .optional = true },
	{ "LAST_ERROR", "error message of the last write to an attribute", .optional = true },
	{},
};

static void attribute_cell(struct cell *cell, const struct vmwalk_instance *instance,
			   const char *column)
{
	bool size = !strcmp(column, "SIZE") || !strcmp(column, "FAULT_AROUND");
	char name[32], *value;
	size_t i;

	for (i = 0; column[i]; i++)
		name[i] = ascii_lower(column[i]);
	name[i] = '\0';
	value = vmwalk_instance_get(instance, name);
	if (!size || !value || !*value || cell_exact(cell)) {
		cell_take(cell, value);
		return;
	}
	cell_size(cell, strtoull(value, NULL, 10));
	free(value);
}

static void list_cell(struct cell *cell, const void *row, size_t column)
{
	const struct vmwalk_instance *instance = row;

	switch (column) {
	case COL_NAME:
		return cell_text(cell, vmwalk_instance_name(instance));
	case COL_DEV_NAME:
		return cell_text(cell, vmwalk_instance_dev_name(instance));
	}
	attribute_cell(cell, instance, list_columns[column].name);
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
	if (table_close(table, !status) && !status)
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
