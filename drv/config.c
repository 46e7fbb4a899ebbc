// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration of an instance: defaults, parsing, formatting, validation.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "config.h"
#include "errmsg.h"
#include "uapi/vmwalk.h"

/* 64 TiB: sums of byte offsets cannot overflow. */
#define MAX_SIZE		(64ULL << 40)

static const char *const buffer_type_names[] = {
	[VMWALK_BUFFER_KMALLOC] = "kmalloc",
	[VMWALK_BUFFER_VMALLOC] = "vmalloc",
	[VMWALK_BUFFER_PAGES] = "pages",
	[VMWALK_BUFFER_HUGE] = "huge",
	[VMWALK_BUFFER_DMA] = "dma",
};

static const char *const map_mode_names[] = {
	[VMWALK_MAP_REMAP] = "remap",
	[VMWALK_MAP_INSERT] = "insert",
	[VMWALK_MAP_FAULT] = "fault",
};

static const char *const cache_mode_names[] = {
	[VMWALK_CACHE_WB] = "wb",
	[VMWALK_CACHE_WC] = "wc",
	[VMWALK_CACHE_UC] = "uc",
};

static const char *const fill_names[] = {
	"zero",
	"digits",
	"letters",
};

const struct vmwalk_names vmwalk_buffer_types = {
	"buffer_type", buffer_type_names, ARRAY_SIZE(buffer_type_names)
};

const struct vmwalk_names vmwalk_map_modes = {
	"map_mode", map_mode_names, ARRAY_SIZE(map_mode_names)
};

const struct vmwalk_names vmwalk_cache_modes = {
	"cache_mode", cache_mode_names, ARRAY_SIZE(cache_mode_names)
};

const struct vmwalk_names vmwalk_fills = {
	"fill", fill_names, ARRAY_SIZE(fill_names)
};

#define ALL_MAP_MODES	(BIT(VMWALK_MAP_REMAP) | BIT(VMWALK_MAP_INSERT) | BIT(VMWALK_MAP_FAULT))
#define PFN_MAP_MODES	(BIT(VMWALK_MAP_REMAP) | BIT(VMWALK_MAP_FAULT))

/*
 * The modes that each buffer type supports: a bit for each VMWALK_MAP_* and
 * VMWALK_CACHE_*. Types with VMWALK_MAP_INSERT are refcounted in alloc.c. Modes
 * that this machine does not support are removed when the module is loaded.
 */
static struct {
	unsigned long map_modes;
	unsigned long cache_modes;
} supported[] = {
	[VMWALK_BUFFER_KMALLOC] = { PFN_MAP_MODES, BIT(VMWALK_CACHE_WB) },
	[VMWALK_BUFFER_VMALLOC] = { ALL_MAP_MODES, BIT(VMWALK_CACHE_WB) },
	[VMWALK_BUFFER_PAGES] = {
		ALL_MAP_MODES,
		BIT(VMWALK_CACHE_WB) | BIT(VMWALK_CACHE_WC) | BIT(VMWALK_CACHE_UC),
	},
	[VMWALK_BUFFER_HUGE] = { ALL_MAP_MODES, BIT(VMWALK_CACHE_WB) },
	[VMWALK_BUFFER_DMA] = { PFN_MAP_MODES, BIT(VMWALK_CACHE_WB) },
};

/**
 * vmwalk_config_exclude_type - remove a buffer type that is not available
 * @buffer_type: VMWALK_BUFFER_*
 *
 * Call this before the first configuration is created.
 */
void vmwalk_config_exclude_type(unsigned int buffer_type)
{
	supported[buffer_type].map_modes = 0;
	supported[buffer_type].cache_modes = 0;
}

/**
 * vmwalk_config_exclude_cache_modes - remove modes that are not available
 * @buffer_type: VMWALK_BUFFER_*
 * @cache_modes: a bit for each VMWALK_CACHE_*
 *
 * Call this before the first configuration is created.
 */
void vmwalk_config_exclude_cache_modes(unsigned int buffer_type, unsigned long cache_modes)
{
	supported[buffer_type].cache_modes &= ~cache_modes;
}

/* Returns a bit for each name that is available with some buffer type. */
static unsigned long available(const struct vmwalk_names *names)
{
	unsigned long types = 0, map_modes = 0, cache_modes = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(supported); i++) {
		if (supported[i].map_modes)
			types |= BIT(i);
		map_modes |= supported[i].map_modes;
		cache_modes |= supported[i].cache_modes;
	}

	return names == &vmwalk_buffer_types ? types :
	       names == &vmwalk_map_modes ? map_modes :
	       names == &vmwalk_cache_modes ? cache_modes : ~0UL;
}

/**
 * vmwalk_names_show - format the names that are available
 * @names: the names
 * @page: filled with one line
 *
 * Return: length of the line.
 */
ssize_t vmwalk_names_show(const struct vmwalk_names *names, char *page)
{
	const unsigned long mask = available(names);
	const char *gap = "";
	ssize_t len = 0;
	unsigned int i;

	for (i = 0; i < names->count; i++) {
		if (!(mask & BIT(i)))
			continue;
		len += sysfs_emit_at(page, len, "%s%s", gap, names->name[i]);
		gap = " ";
	}

	return len + sysfs_emit_at(page, len, "\n");
}

static int parse_name(const struct vmwalk_names *names, const char *text, unsigned int *value,
		      struct vmwalk_errmsg *errmsg)
{
	int i = match_string(names->name, names->count, text);

	if (i >= 0 && available(names) & BIT(i)) {
		*value = i;
		return 0;
	}

	return vmwalk_errmsg_set(errmsg, -EINVAL,
		"%s takes one of the names in available_%ss, not '%.32s'",
		names->attribute, names->attribute, text);
}

/*
 * Defines show_NAME(), store_NAME() and vmwalk_attr_NAME for an attribute whose
 * value is the index of a name.
 */
#define VMWALK_NAMED_ATTR(_attribute)						\
static ssize_t show_##_attribute(const struct vmwalk_config *config, char *page) \
{										\
	return sysfs_emit(page, "%s\n", _attribute##_names[config->_attribute]); \
}										\
static int store_##_attribute(struct vmwalk_config *config, const char *text,	\
			      struct vmwalk_errmsg *errmsg)			\
{										\
	return parse_name(&vmwalk_##_attribute##s, text, &config->_attribute, errmsg); \
}										\
const struct vmwalk_attr vmwalk_attr_##_attribute = {				\
	.name = #_attribute, .show = show_##_attribute, .store = store_##_attribute, \
}

VMWALK_NAMED_ATTR(buffer_type);
VMWALK_NAMED_ATTR(map_mode);
VMWALK_NAMED_ATTR(cache_mode);
VMWALK_NAMED_ATTR(fill);

/* Returns 16 if @c is not a hexadecimal digit. */
static unsigned int digit_value(char c)
{
	if (isdigit(c))
		return c - '0';

	return isxdigit(c) ? tolower(c) - 'a' + 10 : 16;
}

/*
 * Parse a number of bytes: decimal, or hexadecimal after 0x, optionally
 * followed by K, M, G or T. Returns 0; -EINVAL for other text; -ERANGE beyond
 * 64 bits.
 */
static int parse_bytes(const char *text, u64 *bytes)
{
	static const char suffixes[] = "KMGT";
	const char *digits, *suffix;
	unsigned int shift = 0;
	bool overflow = false;
	u64 base = 10, digit;

	if (text[0] == '0' && tolower(text[1]) == 'x') {
		base = 16;
		text += 2;
	}

	*bytes = 0;
	for (digits = text; (digit = digit_value(*text)) < base; text++) {
		overflow |= check_mul_overflow(*bytes, base, bytes);
		overflow |= check_add_overflow(*bytes, digit, bytes);
	}
	if (text == digits)
		return -EINVAL;
	if (*text) {
		suffix = strchr(suffixes, toupper(*text));
		if (!suffix || text[1])
			return -EINVAL;
		shift = 10 * (suffix - suffixes + 1);
	}
	overflow |= check_shl_overflow(*bytes, shift, bytes);

	return overflow ? -ERANGE : 0;
}

static ssize_t show_size(const struct vmwalk_config *config, char *page)
{
	return sysfs_emit(page, "%llu\n", config->size);
}

static int store_size(struct vmwalk_config *config, const char *text, struct vmwalk_errmsg *errmsg)
{
	u64 bytes;
	int err;

	err = parse_bytes(text, &bytes);
	if (!err && (!bytes || bytes > MAX_SIZE))
		err = -ERANGE;
	if (err == -ERANGE)
		return vmwalk_errmsg_set(errmsg, err,
					 "size %.32s is out of range, 1 to %llu bytes",
				     text, MAX_SIZE);
	if (err)
		return vmwalk_errmsg_set(errmsg, err,
			"size: '%.32s' is not a size in bytes (suffixes K, M, G, T; 0x for hexadecimal)",
			text);

	config->size = PAGE_ALIGN(bytes);
	return 0;
}

const struct vmwalk_attr vmwalk_attr_size = {
	.name = "size", .show = show_size, .store = store_size,
};

static ssize_t show_fault_around(const struct vmwalk_config *config, char *page)
{
	return sysfs_emit(page, "%lu\n", config->fault_around);
}

/* At most PMD_SIZE: one fault fills at most one PTE table. */
static int store_fault_around(struct vmwalk_config *config, const char *text,
			      struct vmwalk_errmsg *errmsg)
{
	u64 bytes;
	int err;

	err = parse_bytes(text, &bytes);
	if (!err && (bytes < PAGE_SIZE || bytes > PMD_SIZE))
		err = -ERANGE;
	if (err == -ERANGE)
		return vmwalk_errmsg_set(errmsg, err,
			"fault_around %.32s is out of range, %lu to %lu bytes",
			text, PAGE_SIZE, PMD_SIZE);
	if (err || !is_power_of_2(bytes))
		return vmwalk_errmsg_set(errmsg, -EINVAL,
			"fault_around: '%.32s' is not a power of two in bytes (suffixes K, M; 0x for hexadecimal)",
			text);

	config->fault_around = bytes;
	return 0;
}

const struct vmwalk_attr vmwalk_attr_fault_around = {
	.name = "fault_around", .show = show_fault_around, .store = store_fault_around,
};

static ssize_t show_numa_node(const struct vmwalk_config *config, char *page)
{
	return sysfs_emit(page, "%d\n", config->numa_node);
}

static int store_numa_node(struct vmwalk_config *config, const char *text,
			   struct vmwalk_errmsg *errmsg)
{
	int err, node;

	err = kstrtoint(text, 10, &node);
	if (!err && (node < NUMA_NO_NODE || node >= MAX_NUMNODES))
		err = -ERANGE;
	if (err == -ERANGE)
		return vmwalk_errmsg_set(errmsg, err, "numa_node %.32s is out of range, -1 to %d",
				     text, MAX_NUMNODES - 1);
	if (err)
		return vmwalk_errmsg_set(errmsg, err,
					 "numa_node takes a node's number or -1, not '%.32s'",
				     text);
	if (node != NUMA_NO_NODE && !node_state(node, N_MEMORY))
		return vmwalk_errmsg_set(errmsg, -EINVAL,
			"numa_node %d has no memory; nodes with memory: %*pbl", node,
			nodemask_pr_args(&node_states[N_MEMORY]));

	config->numa_node = node;
	return 0;
}

const struct vmwalk_attr vmwalk_attr_numa_node = {
	.name = "numa_node", .show = show_numa_node, .store = store_numa_node,
};

static ssize_t show_address_bits(const struct vmwalk_config *config, char *page)
{
	return sysfs_emit(page, "%u\n", config->address_bits);
}

/* At least PAGE_SHIFT: no page lies below a smaller power of two. */
static int store_address_bits(struct vmwalk_config *config, const char *text,
			      struct vmwalk_errmsg *errmsg)
{
	int err, bits;

	err = kstrtoint(text, 10, &bits);
	if (!err && (bits < PAGE_SHIFT || bits > VMWALK_MAX_ADDRESS_BITS))
		err = -ERANGE;
	if (err == -ERANGE)
		return vmwalk_errmsg_set(errmsg, err,
					 "address_bits %.32s is out of range, %d to %d",
					 text, PAGE_SHIFT, VMWALK_MAX_ADDRESS_BITS);
	if (err)
		return vmwalk_errmsg_set(errmsg, err,
					 "address_bits takes a number of bits, not '%.32s'",
					 text);

	config->address_bits = bits;
	return 0;
}

const struct vmwalk_attr vmwalk_attr_address_bits = {
	.name = "address_bits", .show = show_address_bits, .store = store_address_bits,
};

static ssize_t show_track_dirty(const struct vmwalk_config *config, char *page)
{
	return sysfs_emit(page, "%d\n", config->track_dirty);
}

static int store_track_dirty(struct vmwalk_config *config, const char *text,
			     struct vmwalk_errmsg *errmsg)
{
	if (strcmp(text, "0") && strcmp(text, "1"))
		return vmwalk_errmsg_set(errmsg, -EINVAL,
					 "track_dirty takes 0 or 1, not '%.32s'", text);

	config->track_dirty = *text == '1';
	return 0;
}

const struct vmwalk_attr vmwalk_attr_track_dirty = {
	.name = "track_dirty", .show = show_track_dirty, .store = store_track_dirty,
};

/**
 * vmwalk_config_init - set the defaults
 * @config: the configuration
 */
void vmwalk_config_init(struct vmwalk_config *config)
{
	*config = (struct vmwalk_config) {
		.buffer_type = VMWALK_BUFFER_VMALLOC,
		.map_mode = VMWALK_MAP_FAULT,
		.cache_mode = VMWALK_CACHE_WB,
		.numa_node = NUMA_NO_NODE,
		.address_bits = VMWALK_MAX_ADDRESS_BITS,
		.size = SZ_1M,
		.fault_around = SZ_64K,
	};
}

/**
 * vmwalk_config_validate - check that the values can be combined
 * @config: the configuration
 * @errmsg: set on error
 *
 * Return: 0, or -EINVAL.
 */
int vmwalk_config_validate(const struct vmwalk_config *config, struct vmwalk_errmsg *errmsg)
{
	const char *type = buffer_type_names[config->buffer_type];

	if (!(supported[config->buffer_type].map_modes & BIT(config->map_mode)))
		return vmwalk_errmsg_set(errmsg, -EINVAL,
					 "buffer_type %s does not support map_mode %s",
					 type, map_mode_names[config->map_mode]);
	if (!(supported[config->buffer_type].cache_modes & BIT(config->cache_mode)))
		return vmwalk_errmsg_set(errmsg, -EINVAL,
					 "buffer_type %s does not support cache_mode %s",
					 type, cache_mode_names[config->cache_mode]);

	/* The core keeps one dirty flag for all pages of a huge page. */
	if (config->track_dirty && config->buffer_type == VMWALK_BUFFER_HUGE &&
	    config->map_mode == VMWALK_MAP_INSERT)
		return vmwalk_errmsg_set(errmsg, -EINVAL,
			"track_dirty does not support buffer_type huge with map_mode insert: the kernel keeps one dirty flag per huge page; use map_mode remap or fault");

	return 0;
}
