// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk top: counters of the instances
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>
#include <string.h>

#include "top.h"

struct reading {
	struct top *top;
	struct top_instance *vec;
	size_t count;
};

/* The instance at the last reading, or NULL */
static const struct top_instance *find_old(const struct top *top, const struct top_instance *now)
{
	const struct top_instance *old;
	size_t i;

	for (i = 0; i < top->nr_instances; i++) {
		old = &top->instances[i];
		if (!strcmp(old->name, now->name) && !strcmp(old->dev_name, now->dev_name))
			return old;
	}
	return NULL;
}

/*
 * The counter restarts from 0 with stats/reset, and in a new instance that has
 * the name of an old one: then it has counted all faults since.
 */
static void set_rate(struct top_instance *now, const struct top_instance *old)
{
	now->rate = -1;
	if (!old || now->time <= old->time)
		return;
	now->rate = now->faults;
	if (now->faults >= old->faults)
		now->rate -= old->faults;
	now->rate /= now->time - old->time;
}

static int read_instance(struct vmwalk_instance *instance, void *data)
{
	const char *dev_name = vmwalk_instance_dev_name(instance);
	const char *name = vmwalk_instance_name(instance);
	struct reading *reading = data;
	struct top_instance *vec, *now;
	const struct target *target = &reading->top->processes.target;

	/* The command's own instance */
	if (reading->top->processes.open && target->temporary &&
	    !strcmp(name, vmwalk_instance_name(target->temporary)))
		return 0;
	vec = reallocarray(reading->vec, reading->count + 1, sizeof(*vec));
	if (!vec)
		return -1;
	reading->vec = vec;
	now = &vec[reading->count];
	*now = (struct top_instance){ .time = top_now() };
	/* A pending instance has no device. */
	if (vmwalk_device_counter(dev_name, "faults", &now->faults))
		return 0;
	now->readable = !vmwalk_device_counter(dev_name, "mapped_pages", &now->mapped_pages) &&
		!vmwalk_device_counter(dev_name, "mappings", &now->mappings);
	now->name = strdup(name);
	now->dev_name = strdup(dev_name);
	reading->count++;
	if (!now->name || !now->dev_name)
		return -1;
	set_rate(now, find_old(reading->top, now));
	return 0;
}

int top_read_instances(struct top *top)
{
	struct reading reading = { .top = top };

	if (vmwalk_instance_for_each(read_instance, &reading)) {
		top_free_instances(reading.vec, reading.count);
		return instance_failure(NULL);
	}
	top_free_instances(top->instances, top->nr_instances);
	top->instances = reading.vec;
	top->nr_instances = reading.count;
	return EXIT_SUCCESS;
}

void top_free_instances(struct top_instance *instances, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		free(instances[i].name);
		free(instances[i].dev_name);
	}
	free(instances);
}
