/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration of an instance: defaults, parsing, formatting, validation.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_CONFIG_H
#define VMWALK_CONFIG_H

#include <linux/types.h>

struct vmwalk_errmsg;

/*
 * The names of an attribute's values, indexed by their value in uapi/vmwalk.h.
 * The attribute accepts those that are available on this machine.
 */
struct vmwalk_names {
	const char *attribute;
	const char *const *name;
	unsigned int count;
};

extern const struct vmwalk_names vmwalk_buffer_types;
extern const struct vmwalk_names vmwalk_map_modes;
extern const struct vmwalk_names vmwalk_cache_modes;
extern const struct vmwalk_names vmwalk_fills;

ssize_t vmwalk_names_show(const struct vmwalk_names *names, char *page);

/* The address_bits that allow all physical memory. */
#define VMWALK_MAX_ADDRESS_BITS	64

struct vmwalk_config {
	unsigned int buffer_type;	/* VMWALK_BUFFER_* */
	unsigned int map_mode;		/* VMWALK_MAP_* */
	unsigned int cache_mode;	/* VMWALK_CACHE_* */
	unsigned int fill;		/* index in vmwalk_fills */
	int numa_node;			/* NUMA_NO_NODE: any node */
	unsigned int address_bits;	/* all pages lie below 2^address_bits */
	u64 size;			/* in bytes, a multiple of PAGE_SIZE */
	unsigned long fault_around;	/* in bytes, a power of two */
	bool track_dirty;
};

/**
 * struct vmwalk_attr - one attribute of a configuration
 * @name: name of its configfs file
 * @show: formats the value and a newline into a page; returns the length
 * @store: parses @text, which has no surrounding white space, and assigns the
 *         value; returns 0, or a negative errno with @errmsg set and the
 *         configuration unchanged
 */
struct vmwalk_attr {
	const char *name;
	ssize_t (*show)(const struct vmwalk_config *config, char *page);
	int (*store)(struct vmwalk_config *config, const char *text,
		     struct vmwalk_errmsg *errmsg);
};

extern const struct vmwalk_attr vmwalk_attr_buffer_type;
extern const struct vmwalk_attr vmwalk_attr_size;
extern const struct vmwalk_attr vmwalk_attr_map_mode;
extern const struct vmwalk_attr vmwalk_attr_cache_mode;
extern const struct vmwalk_attr vmwalk_attr_numa_node;
extern const struct vmwalk_attr vmwalk_attr_address_bits;
extern const struct vmwalk_attr vmwalk_attr_fill;
extern const struct vmwalk_attr vmwalk_attr_track_dirty;
extern const struct vmwalk_attr vmwalk_attr_fault_around;

void vmwalk_config_exclude_type(unsigned int buffer_type);
void vmwalk_config_exclude_cache_modes(unsigned int buffer_type, unsigned long cache_modes);
void vmwalk_config_init(struct vmwalk_config *config);
int vmwalk_config_validate(const struct vmwalk_config *config, struct vmwalk_errmsg *errmsg);

#endif /* VMWALK_CONFIG_H */
