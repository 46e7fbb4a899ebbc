// SPDX-License-Identifier: GPL-2.0
/*
 * The data of the page that vmwalk map --html writes
 *
 * docs/map.md describes it. To keep the page small, the numbers of all cells are
 * in one array, and so are those of the blocks and of the mappings.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>

#include "map.h"

/* Limit of the bytes of all names in the page; a longer name is cut to its end. */
#define MAX_NAMES (1024 * 1024)
#define SHORT     40

/* Values that repeat in cells and mappings are indices in an array. */
struct json {
	FILE *out;
	const struct map *map;
	const char *separator; /* before the next number of an array */
};

/* JSON */

static void put_number(struct json *json, __u64 number)
{
	fprintf(json->out, "%s%llu", json->separator, number);
	json->separator = ",";
}

static void begin_array(struct json *json, const char *name)
{
	fprintf(json->out, ",\n\"%s\":[", name);
	json->separator = "";
}

static void end_array(struct json *json)
{
	fputs("]", json->out);
}

/* A string in a script element, which "</script" would end */
static void put_string(struct json *json, const char *string)
{
	struct buffer buffer = {};
	size_t i;

	json_add(&buffer, CELL_STRING, string);
	fputs(json->separator, json->out);
	json->separator = ",";
	if (buffer.failed)
		fputs("\"?\"", json->out);
	for (i = 0; !buffer.failed && i < buffer.len; i++)
		if (buffer.text[i] == '<')
			fputs("\\u003c", json->out);
		else
			fputc(buffer.text[i], json->out);
	buffer_free(&buffer);
}

/* Mappings */

static void put_names(struct json *json)
{
	const struct map_mappings *mappings = &json->map->mappings;
	const char *last = NULL, *name;
	size_t i, len, all = 0;

	begin_array(json, "names");
	put_string(json, "unknown");
	for (i = 0; i < mappings->count; i++) {
		name = mappings->vec[i].name;
		if (!name || name == last)
			continue;
		last = name;
		len = strlen(name);
		if (all + len > MAX_NAMES && len > SHORT)
			name += len - SHORT;
		all += len;
		put_string(json, name);
	}
	end_array(json);
}

/* Permissions are four letters, of which each has two values. */
static unsigned int perms_number(const char *perms)
{
	return (perms[0] == 'r') | (perms[1] == 'w') << 1 | (perms[2] == 'x') << 2 |
		(perms[3] == 's') << 3;
}

static void put_perms(struct json *json)
{
	unsigned int i;
	char perms[5];

	begin_array(json, "perms");
	for (i = 0; i < 16; i++) {
		snprintf(perms, sizeof(perms), "%c%c%c%c", i & 1 ? 'r' : '-', i & 2 ? 'w' : '-',
			 i & 4 ? 'x' : '-', i & 8 ? 's' : 'p');
		put_string(json, perms);
	}
	end_array(json);
}

static void put_mappings(struct json *json)
{
	const struct map_mappings *mappings = &json->map->mappings;
	__u64 end = 0, page_size = json->map->cells.page_size;
	const struct map_mapping *mapping;
	const char *last = NULL;
	size_t i, name = 0;

	put_names(json);
	put_perms(json);
	begin_array(json, "mappings");
	for (i = 0; i < mappings->count; i++) {
		mapping = &mappings->vec[i];
		if (mapping->name && mapping->name != last) {
			last = mapping->name;
			name++;
		}
		put_number(json, mapping->start / page_size - end);
		put_number(json, (mapping->end - mapping->start) / page_size);
		put_number(json, perms_number(mapping->perms));
		put_number(json, mapping->name ? name : 0);
		end = mapping->end / page_size;
	}
	end_array(json);
}

/* Cells */

static void put_parts(struct json *json)
{
	const struct tally *sum = &json->map->sum;
	const struct tally_part *part;
	size_t i;

	begin_array(json, "parts");
	for (i = 0; i < sum->nr_parts; i++) {
		part = &sum->parts[i];
		fprintf(json->out, "%s{\"class\":%d,\"node\":%d,\"bytes\":%llu}", json->separator,
			map_class(part->kind, part->shift, json->map->cells.page_size), part->node,
			part->bytes);
		json->separator = ",";
	}
	end_array(json);
}

/* Each share of a cell was tallied, too. */
static size_t find_part(const struct tally *sum, const struct map_share *share)
{
	size_t i;

	for (i = 0; i < sum->nr_parts; i++)
		if (sum->parts[i].kind == share->kind && sum->parts[i].shift == share->shift &&
		    sum->parts[i].node == share->node)
			break;
	return i;
}

static void put_links(struct json *json, const struct map_cell *cell)
{
	unsigned int i;

	put_number(json, json->map->frames ? cell->low_pfn : 0);
	put_number(json, json->map->frames ? cell->high_pfn - cell->low_pfn : 0);
	put_number(json, cell->scattered);
	put_number(json, cell->link_shift);
	put_number(json, cell->nr_links);
	for (i = 0; i < cell->nr_links; i++) {
		put_number(json, cell->links[i].block);
		put_number(json, cell->links[i].pages);
	}
}

static void put_cells(struct json *json)
{
	const struct map_cells *cells = &json->map->cells;
	const struct map_cell *cell;
	__u64 end = 0;
	size_t i, j;

	begin_array(json, "cells");
	for (i = 0; i < cells->count; i++) {
		cell = &cells->vec[i];
		put_number(json, cell->start / cells->page_size - end);
		put_number(json, (cell->end - cell->start) / cells->page_size);
		put_number(json, cell->nr_shares);
		end = cell->end / cells->page_size;
		for (j = 0; j < cell->nr_shares; j++) {
			put_number(json, find_part(&json->map->sum, &cell->shares[j]));
			put_number(json, cell->shares[j].pages);
		}
		if (!cell->nr_shares)
			continue;
		put_number(json, cell->flags);
		put_number(json, cell->nr_links > 0);
		if (cell->nr_links)
			put_links(json, cell);
	}
	end_array(json);
}

/* Physical memory */

static void put_region(struct json *json, size_t region)
{
	const struct map_memory *memory = &json->map->memory;
	size_t i, count = 0;
	char *name;

	for (i = 0; i < memory->nr_blocks; i++)
		count += memory->blocks[i].region == region;
	fprintf(json->out, "%s{\"blocks\":%zu,\"name\":", json->separator, count);
	json->separator = "";
	name = map_region_name(json->map, region);
	put_string(json, name ? name : "?");
	free(name);
	fputs("}", json->out);
	json->separator = ",";
}

static void put_block(struct json *json, size_t number, __u64 *end)
{
	const struct map_memory *memory = &json->map->memory;
	const struct map_block *block = &memory->blocks[number];
	__u64 start = *end, size = block->pages, pages = size;
	unsigned int i, classes = 0;

	if (map_memory_is_elsewhere(memory, number)) {
		pages = map_block_used(block);
		size = pages;
	} else if (json->map->frames) {
		start = block->start;
		size = map_block_end(memory, number) - start;
	}
	put_number(json, start - *end);
	put_number(json, size);
	put_number(json, pages);
	*end = start + size;
	for (i = 0; i < MAP_FRAMES; i++)
		classes += block->used[i] != 0;
	put_number(json, classes);
	for (i = 0; i < MAP_FRAMES; i++) {
		if (!block->used[i])
			continue;
		put_number(json, i);
		put_number(json, block->used[i]);
	}
}

static void put_memory(struct json *json)
{
	const struct map_memory *memory = &json->map->memory;
	size_t i, blocks = memory->nr_blocks;
	__u64 end = 0;

	/* No frame is outside of the zones, usually. */
	if (!map_block_used(&memory->blocks[blocks - 1]))
		blocks--;
	begin_array(json, "regions");
	for (i = 0; i < memory->nr_regions + (blocks == memory->nr_blocks); i++)
		put_region(json, i);
	end_array(json);
	begin_array(json, "blocks");
	for (i = 0; i < blocks; i++)
		put_block(json, i, &end);
	end_array(json);
}

static void put_member(struct json *json, const char *name, __u64 number)
{
	fprintf(json->out, "\"%s\":%llu,\n", name, number);
}

static void put_constants(struct json *json)
{
	const struct map *map = json->map;
	const char *flag;
	unsigned int i;
	char *name;

	put_member(json, "page", map->cells.page_size);
	put_member(json, "cellSize", (1ULL << map->cells.shift) / map->cells.page_size);
	put_member(json, "blockSize", 1ULL << (map->frames ? map->memory.shift : 52));
	put_member(json, "shared", map->cells.shared);
	put_member(json, "frames", map->frames);
	fputs("\"version\":1", json->out);
	begin_array(json, "classes");
	for (i = 0; i < MAP_CLASSES; i++) {
		name = map_class_name(map, i);
		put_string(json, name ? name : "?");
		free(name);
	}
	end_array(json);
	begin_array(json, "flags");
	for (i = 0; i < 32; i++) {
		flag = vmwalk_state_name(1U << i);
		if (flag)
			put_string(json, flag);
	}
	end_array(json);
}

void map_json(FILE *out, const struct map *map)
{
	struct json json = { .out = out, .map = map };

	fputs("{", out);
	put_constants(&json);
	put_mappings(&json);
	put_parts(&json);
	put_cells(&json);
	if (map_no_memory(map))
		fputs(",\n\"regions\":[],\"blocks\":[]", out);
	else
		put_memory(&json);
	fputs("}", out);
}
