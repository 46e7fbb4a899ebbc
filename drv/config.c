// SPDX-License-Identifier: GPL-2.0
/*
 * What an instance shall be: values, how they are written down, and which go together.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "internal.h"

/* 64 TiB: more than any machine has, and far from where sums of byte offsets overflow. */
#define VMWALK_MAX_SIZE		(64ULL << 40)

/**
 * vmwalk_refuse - say why something is refused
 * @why: where the sentence goes
 * @err: negative errno
 * @fmt: the sentence, with the limit that was met; no newline
 *
 * Return: @err, for the caller to pass on.
 */
int vmwalk_refuse(struct vmwalk_reason *why, int err, const char *fmt, ...)
{
	va_list args;
	char *c;

	va_start(args, fmt);
	vscnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);

	/* What was written may be quoted in it, and last_error is one line whatever that was. */
	for (c = why->text; *c; c++)
		if (!isprint(*c))
			*c = '?';

	return err;
}

static const char *const buffer_type_words[] = {
	[VMWALK_BUFFER_KMALLOC] = "kmalloc",
	[VMWALK_BUFFER_VMALLOC] = "vmalloc",
	[VMWALK_BUFFER_PAGES] = "pages",
	[VMWALK_BUFFER_HUGE] = "huge",
	[VMWALK_BUFFER_DMA] = "dma",
};

static const char *const map_mode_words[] = {
	[VMWALK_MAP_REMAP] = "remap",
	[VMWALK_MAP_INSERT] = "insert",
	[VMWALK_MAP_FAULT] = "fault",
};

static const char *const cache_mode_words[] = {
	[VMWALK_CACHE_WB] = "wb",
	[VMWALK_CACHE_WC] = "wc",
	[VMWALK_CACHE_UC] = "uc",
};

static const char *const fill_words[] = {
	"zero",
	"digits",
	"letters",
};

const struct vmwalk_words vmwalk_buffer_types = {
	"buffer_type", buffer_type_words, ARRAY_SIZE(buffer_type_words)
};

const struct vmwalk_words vmwalk_map_modes = {
	"map_mode", map_mode_words, ARRAY_SIZE(map_mode_words)
};

const struct vmwalk_words vmwalk_cache_modes = {
	"cache_mode", cache_mode_words, ARRAY_SIZE(cache_mode_words)
};

const struct vmwalk_words vmwalk_fills = {
	"fill", fill_words, ARRAY_SIZE(fill_words)
};

/**
 * vmwalk_words_show - the words of an attribute, in one line
 * @words: the list
 * @page: where the line goes
 *
 * Return: its length.
 */
ssize_t vmwalk_words_show(const struct vmwalk_words *words, char *page)
{
	const char *gap = "";
	ssize_t len = 0;
	unsigned int i;

	for (i = 0; i < words->count; i++) {
		len += sysfs_emit_at(page, len, "%s%s", gap, words->word[i]);
		gap = " ";
	}

	return len + sysfs_emit_at(page, len, "\n");
}

static int parse_word(const struct vmwalk_words *words, const char *text, unsigned int *value,
		      struct vmwalk_reason *why)
{
	int i = match_string(words->word, words->count, text);

	if (i >= 0) {
		*value = i;
		return 0;
	}

	return vmwalk_refuse(why, -EINVAL,
		"%s takes one of the words in available_%ss, not '%.32s'",
		words->attribute, words->attribute, text);
}

#define VMWALK_WORD_FIELD(_attribute)						\
static ssize_t show_##_attribute(const struct vmwalk_config *config, char *page) \
{										\
	return sysfs_emit(page, "%s\n", _attribute##_words[config->_attribute]); \
}										\
static int store_##_attribute(struct vmwalk_config *config, const char *text,	\
			      struct vmwalk_reason *why)			\
{										\
	return parse_word(&vmwalk_##_attribute##s, text, &config->_attribute, why); \
}										\
const struct vmwalk_field vmwalk_field_##_attribute = {				\
	.name = #_attribute, .show = show_##_attribute, .store = store_##_attribute, \
}

VMWALK_WORD_FIELD(buffer_type);
VMWALK_WORD_FIELD(map_mode);
VMWALK_WORD_FIELD(cache_mode);
VMWALK_WORD_FIELD(fill);

/*
 * Parse a number of bytes: decimal, or hexadecimal after 0x, optionally
 * followed by K, M, G or T. Returns 0, -EINVAL for any other text, or -ERANGE
 * for a number beyond 64 bits.
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
	for (digits = text; (digit = hex_to_bin(*text)) < base; text++) {
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

static int store_size(struct vmwalk_config *config, const char *text, struct vmwalk_reason *why)
{
	u64 bytes;
	int err;

	err = parse_bytes(text, &bytes);
	if (!err && (!bytes || bytes > VMWALK_MAX_SIZE))
		err = -ERANGE;
	if (err == -ERANGE)
		return vmwalk_refuse(why, err, "size %.32s is out of range, 1 to %llu bytes",
				     text, VMWALK_MAX_SIZE);
	if (err)
		return vmwalk_refuse(why, err,
			"size: '%.32s' is not a size in bytes (suffixes K, M, G, T; 0x for hexadecimal)",
			text);

	config->size = PAGE_ALIGN(bytes);
	return 0;
}

const struct vmwalk_field vmwalk_field_size = {
	.name = "size", .show = show_size, .store = store_size,
};

static ssize_t show_fault_around(const struct vmwalk_config *config, char *page)
{
	return sysfs_emit(page, "%lu\n", config->fault_around);
}

/* A window of at most one PMD's size, aligned to its own: one fault fills one PTE table at most. */
static int store_fault_around(struct vmwalk_config *config, const char *text,
			      struct vmwalk_reason *why)
{
	u64 bytes;
	int err;

	err = parse_bytes(text, &bytes);
	if (!err && (bytes < PAGE_SIZE || bytes > PMD_SIZE))
		err = -ERANGE;
	if (err == -ERANGE)
		return vmwalk_refuse(why, err,
			"fault_around %.32s is out of range, %lu to %lu bytes",
			text, PAGE_SIZE, PMD_SIZE);
	if (err || !is_power_of_2(bytes))
		return vmwalk_refuse(why, -EINVAL,
			"fault_around: '%.32s' is not a power of two in bytes (suffixes K, M; 0x for hexadecimal)",
			text);

	config->fault_around = bytes;
	return 0;
}

const struct vmwalk_field vmwalk_field_fault_around = {
	.name = "fault_around", .show = show_fault_around, .store = store_fault_around,
};

static ssize_t show_numa_node(const struct vmwalk_config *config, char *page)
{
	return sysfs_emit(page, "%d\n", config->numa_node);
}

static int store_numa_node(struct vmwalk_config *config, const char *text,
			   struct vmwalk_reason *why)
{
	int err, node;

	err = kstrtoint(text, 10, &node);
	if (!err && (node < NUMA_NO_NODE || node >= MAX_NUMNODES))
		err = -ERANGE;
	if (err == -ERANGE)
		return vmwalk_refuse(why, err, "numa_node %.32s is out of range, -1 to %d",
				     text, MAX_NUMNODES - 1);
	if (err)
		return vmwalk_refuse(why, err, "numa_node takes a node's number or -1, not '%.32s'",
				     text);
	if (node != NUMA_NO_NODE && !node_state(node, N_MEMORY))
		return vmwalk_refuse(why, -EINVAL,
			"numa_node %d has no memory here; the nodes that have: %*pbl", node,
			nodemask_pr_args(&node_states[N_MEMORY]));

	config->numa_node = node;
	return 0;
}

const struct vmwalk_field vmwalk_field_numa_node = {
	.name = "numa_node", .show = show_numa_node, .store = store_numa_node,
};

static ssize_t show_track_dirty(const struct vmwalk_config *config, char *page)
{
	return sysfs_emit(page, "%d\n", config->track_dirty);
}

static int store_track_dirty(struct vmwalk_config *config, const char *text,
			     struct vmwalk_reason *why)
{
	if (strcmp(text, "0") && strcmp(text, "1"))
		return vmwalk_refuse(why, -EINVAL, "track_dirty takes 0 or 1, not '%.32s'", text);

	config->track_dirty = *text == '1';
	return 0;
}

const struct vmwalk_field vmwalk_field_track_dirty = {
	.name = "track_dirty", .show = show_track_dirty, .store = store_track_dirty,
};

/**
 * vmwalk_config_init - the working defaults
 * @config: is set to them
 */
void vmwalk_config_init(struct vmwalk_config *config)
{
	*config = (struct vmwalk_config) {
		.buffer_type = VMWALK_BUFFER_VMALLOC,
		.map_mode = VMWALK_MAP_FAULT,
		.cache_mode = VMWALK_CACHE_WB,
		.numa_node = NUMA_NO_NODE,
		.size = SZ_1M,
		.fault_around = SZ_64K,
	};
}

/**
 * vmwalk_config_judge - do the values go together?
 * @config: the config
 * @why: says why not
 *
 * Return: 0, or -EINVAL.
 */
int vmwalk_config_judge(const struct vmwalk_config *config, struct vmwalk_reason *why)
{
	const struct vmwalk_memory *memory = &vmwalk_memory[config->buffer_type];
	const char *type = buffer_type_words[config->buffer_type];

	if (!(memory->map_modes & BIT(config->map_mode)))
		return vmwalk_refuse(why, -EINVAL, "buffer_type %s can't be mapped by map_mode %s",
				     type, map_mode_words[config->map_mode]);
	if (!(memory->cache_modes & BIT(config->cache_mode)))
		return vmwalk_refuse(why, -EINVAL, "buffer_type %s can't have cache_mode %s",
				     type, cache_mode_words[config->cache_mode]);

	/* The kernel keeps the dirty flag of refcounted pages, one for a whole block. */
	if (config->track_dirty && config->buffer_type == VMWALK_BUFFER_HUGE &&
	    config->map_mode == VMWALK_MAP_INSERT)
		return vmwalk_refuse(why, -EINVAL,
			"track_dirty can't tell the pages of a block apart that buffer_type huge inserts; remap and fault can");

	return 0;
}
