// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk metrics: live instances
 *
 * The samples of a metric must follow each other, so the counters of all
 * instances are read first.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "metrics.h"

enum counter {
	READ_FAULTS,
	WRITE_FAULTS,
	MKWRITE_FAULTS,
	HUGE_FAULTS,
	FAILED_FAULTS,
	WALKS,
	WALKED_PAGES,
	WALK_NS,
	EXTENTS,
	MAPPED_PAGES,
	DIRTY_PAGES,
	MAPPINGS,
	OPENS,
	COUNTERS,
};

static const char *const counter_files[COUNTERS] = {
	[READ_FAULTS] = "read_faults",
	[WRITE_FAULTS] = "write_faults",
	[MKWRITE_FAULTS] = "mkwrite_faults",
	[HUGE_FAULTS] = "huge_faults",
	[FAILED_FAULTS] = "failed_faults",
	[WALKS] = "walks",
	[WALKED_PAGES] = "walked_pages",
	[WALK_NS] = "walk_ns",
	[EXTENTS] = "extents",
	[MAPPED_PAGES] = "mapped_pages",
	[DIRTY_PAGES] = "dirty_pages",
	[MAPPINGS] = "mappings",
	[OPENS] = "opens",
};

struct instance {
	char *name, *device, *buffer_type, *map_mode;
	__u64 counters[COUNTERS];
	bool known[COUNTERS]; /* only root can read some files */
};

struct instances {
	struct instance *vec;
	size_t count;
};

static void free_instance(struct instance *instance)
{
	free(instance->name);
	free(instance->device);
	free(instance->buffer_type);
	free(instance->map_mode);
}

/* Skip instances that are removed during the call. */
static int add_instance(struct vmwalk_instance *handle, void *data)
{
	const char *dev_name = vmwalk_instance_dev_name(handle);
	struct instances *instances = data;
	struct instance instance = {}, *vec;
	__u64 opens;
	int i;

	if (guard_is_temporary(vmwalk_instance_name(handle)) ||
	    vmwalk_device_counter(dev_name, "opens", &opens))
		return 0;
	instance.name = strdup(vmwalk_instance_name(handle));
	instance.device = strdup(dev_name);
	instance.buffer_type = vmwalk_instance_get(handle, "buffer_type");
	instance.map_mode = vmwalk_instance_get(handle, "map_mode");
	if (!instance.name || !instance.device || !instance.buffer_type || !instance.map_mode) {
		free_instance(&instance);
		return errno == ENOMEM ? -1 : 0;
	}
	for (i = 0; i < COUNTERS; i++)
		instance.known[i] =
			!vmwalk_device_counter(dev_name, counter_files[i], &instance.counters[i]);
	vec = realloc(instances->vec, (instances->count + 1) * sizeof(*vec));
	if (!vec) {
		free_instance(&instance);
		return -1;
	}
	instances->vec = vec;
	vec[instances->count++] = instance;
	return 0;
}

static void write_faults(struct prometheus *prometheus, const struct instances *instances)
{
	static const char *const kinds[] = { "read", "write", "mkwrite", "huge", "failed" };
	const struct instance *instance;
	size_t i;
	int kind;

	prometheus_metric(prometheus, "vmwalk_instance_faults_total", METRIC_COUNTER,
			  "Page faults in mappings of the device.");
	for (i = 0; i < instances->count; i++) {
		instance = &instances->vec[i];
		for (kind = READ_FAULTS; kind <= FAILED_FAULTS; kind++)
			if (instance->known[kind])
				prometheus_sample(prometheus, instance->counters[kind],
						  LABELS("name", instance->name, "kind",
							 kinds[kind - READ_FAULTS]));
	}
}

static void write_counter(struct prometheus *prometheus, const struct instances *instances,
			  enum counter counter, __u64 unit)
{
	const struct instance *instance;
	size_t i;

	for (i = 0; i < instances->count; i++) {
		instance = &instances->vec[i];
		if (!instance->known[counter])
			continue;
		if (counter == WALK_NS)
			prometheus_seconds(prometheus, instance->counters[counter],
					   LABELS("name", instance->name));
		else
			prometheus_sample(prometheus, instance->counters[counter] * unit,
					  LABELS("name", instance->name));
	}
}

static void write_info(struct prometheus *prometheus, const struct instances *instances)
{
	const struct instance *instance;
	size_t i;

	prometheus_metric(prometheus, "vmwalk_instance_info", METRIC_INFO,
			  "Properties of a live instance.");
	for (i = 0; i < instances->count; i++) {
		instance = &instances->vec[i];
		prometheus_sample(prometheus, 1,
				  LABELS("name", instance->name, "device", instance->device,
					 "buffer_type", instance->buffer_type, "map_mode",
					 instance->map_mode));
	}
}

int metrics_instances(struct prometheus *prometheus)
{
	static const struct {
		enum counter counter;
		bool pages; /* the file counts pages */
		enum metric_type type;
		const char *name, *help;
	} metrics[] = {
		{ WALKS, false, METRIC_COUNTER, "vmwalk_instance_walks_total",
		  "Walks of page tables." },
		{ WALKED_PAGES, false, METRIC_COUNTER, "vmwalk_instance_walked_pages_total",
		  "Pages that walks found." },
		{ WALK_NS, false, METRIC_COUNTER, "vmwalk_instance_walk_seconds_total",
		  "Time that scans took." },
		{ EXTENTS, false, METRIC_COUNTER, "vmwalk_instance_extents_total",
		  "Extents that scans returned." },
		{ MAPPED_PAGES, true, METRIC_GAUGE, "vmwalk_instance_mapped_bytes",
		  "Bytes of the buffer that page tables map, summed over all mappings." },
		{ DIRTY_PAGES, true, METRIC_GAUGE, "vmwalk_instance_dirty_bytes",
		  "Bytes of the buffer that track_dirty has recorded as written." },
		{ MAPPINGS, false, METRIC_GAUGE, "vmwalk_instance_mappings",
		  "Mappings of the buffer." },
		{ OPENS, false, METRIC_GAUGE, "vmwalk_instance_open_files",
		  "Open files of the device." },
	};
	__u64 page_size = sysconf(_SC_PAGESIZE);
	struct instances instances = {};
	int status = EXIT_SUCCESS;
	size_t i;

	if (vmwalk_instance_for_each(add_instance, &instances))
		status = instance_failure(NULL);
	if (!status && instances.count) {
		write_info(prometheus, &instances);
		write_faults(prometheus, &instances);
	}
	for (i = 0; !status && instances.count && i < ARRAY_SIZE(metrics); i++) {
		prometheus_metric(prometheus, metrics[i].name, metrics[i].type, metrics[i].help);
		write_counter(prometheus, &instances, metrics[i].counter,
			      metrics[i].pages ? page_size : 1);
	}
	while (instances.count)
		free_instance(&instances.vec[--instances.count]);
	free(instances.vec);
	return status;
}
