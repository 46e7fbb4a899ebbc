// SPDX-License-Identifier: GPL-2.0
/*
 * Text that the pictures of a process share
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>

#include "map.h"

__u64 map_bytes(const struct map *map, unsigned int kinds)
{
	return tally_bytes(&map->sum, kinds, TALLY_ANY_SHIFT, TALLY_ANY_NODE);
}

char *map_amount(__u64 bytes)
{
	char *amount = amount_text(bytes), *result;
	size_t len = amount ? strlen(amount) : 0;

	if (!len)
		return amount;
	if (bytes < 1024)
		result = text("%s bytes", amount);
	else
		result = text("%.*s %ciB", (int)len - 1, amount, amount[len - 1]);
	free(amount);
	return result;
}

void map_print_text(FILE *out, const char *text)
{
	size_t bytes, left = strlen(text);
	__u32 character;

	for (; left; text += bytes, left -= bytes) {
		bytes = utf8_decode(text, left, &character);
		/* XML allows no control characters. */
		if (!bytes || character < 0x20 || (character >= 0x7f && character < 0xa0) ||
		    character == 0xfffe || character == 0xffff) {
			bytes = bytes ? bytes : 1;
			fputs("\xef\xbf\xbd", out); /* U+FFFD */
		} else if (strchr("&<>\"'", *text)) {
			fprintf(out, "&#%u;", character);
		} else {
			fwrite(text, 1, bytes, out);
		}
	}
}

void map_print_title(FILE *out, const struct map *map)
{
	char time[32] = "";
	struct tm tm;

	if (localtime_r(&map->time, &tm))
		strftime(time, sizeof(time), "%Y-%m-%d %H:%M", &tm);
	fputs("Where the memory of ", out);
	map_print_text(out, *map->comm ? map->comm : "process");
	fprintf(out, " (%d) is, %s", map->target.pid, time);
}

/* Print a share in a sentence. Neither a small part nor the rest is rounded away. */
static void print_share(FILE *out, __u64 part, __u64 whole)
{
	double percent = (double)part * 100 / (double)whole;

	if (!part)
		fputs("none", out);
	else if (percent < 0.05)
		fputs("less than 0.1%", out);
	else if (part < whole && percent >= 99.95)
		fputs("more than 99.9%", out);
	else
		fprintf(out, "%.1f%%", percent);
}

static void print_amount(FILE *out, const char *before, __u64 bytes, const char *after)
{
	char *amount = bytes ? map_amount(bytes) : NULL;

	if (amount)
		fprintf(out, "%s%s%s", before, amount, after);
	free(amount);
}

void map_print_huge(FILE *out, const struct map *map)
{
	unsigned int shift = 2 * __builtin_ctzll(map->cells.page_size) - 3; /* of a PMD entry */
	__u64 resident = map_bytes(map, TALLY_RESIDENT), huge = 0;
	char *size = size_text(1ULL << shift);

	for (; shift < 64; shift++)
		huge += tally_bytes(&map->sum, TALLY_RESIDENT, shift, TALLY_ANY_NODE);
	print_amount(out, "", resident, " is resident, ");
	if (resident) {
		print_share(out, huge, resident);
		fprintf(out, " of it huge (mapped by entries of %s or more).", size ? size : "?");
	} else {
		fputs("No memory is resident.", out);
	}
	free(size);
}

/* The shares of the nodes, if there are any: "58.5% is on node 0, 41.5% on node 1." */
static void print_nodes(FILE *out, const struct map *map, const char *before, unsigned int kinds)
{
	__u64 all = map_bytes(map, kinds), bytes;
	int node, nodes = tally_nodes(&map->sum);
	const char *is = " is";

	for (node = 0; node < nodes; node++) {
		bytes = tally_bytes(&map->sum, kinds, TALLY_ANY_SHIFT, node);
		if (!bytes)
			continue;
		fputs(before, out);
		print_share(out, bytes, all);
		fprintf(out, "%s on node %d", is, node);
		before = ", ";
		is = "";
	}
	fputs(*is ? "" : ".", out);
}

void map_print_nodes(FILE *out, const struct map *map)
{
	print_nodes(out, map, "Of the resident memory, ", TALLY_RESIDENT);
}

void map_print_others(FILE *out, const struct map *map)
{
	static const unsigned int hugetlb = 1U << TALLY_HUGETLB, swap = 1U << TALLY_SWAP;

	if (map_bytes(map, hugetlb)) {
		print_amount(out, "", map_bytes(map, hugetlb),
			     " of hugetlb pages come in addition:");
		print_nodes(out, map, " ", hugetlb);
	}
	print_amount(out, map_bytes(map, hugetlb) ? " " : "", map_bytes(map, swap),
		     " is swapped out.");
}

void map_print_mapped(FILE *out, const struct map *map)
{
	const struct map_mappings *mappings = &map->mappings;
	__u64 mapped = 0;
	char *amount;
	size_t i;

	for (i = 0; i < mappings->count; i++)
		mapped += mappings->vec[i].end - mappings->vec[i].start;
	amount = map_amount(mapped);
	fprintf(out, "%s in %zu mappings", amount ? amount : "?", mappings->count);
	free(amount);
	if (mappings->omitted)
		fprintf(out, " and %zu more", mappings->omitted);
	fputs(".", out);
}

const char map_cells_hint[] =
	"Cells are filled in proportion to their pages. Even one page can be seen.";
const char *const map_strip_hint = "The strip below shows their nodes.";
const char map_gaps_hint[] =
	"Dotted: many cells without pages, drawn as one. A space between cells: not mapped.";
const char map_memory_hint[] =
	"It is filled in proportion to the frames of this process. Each frame counts once.";

char *map_region_name(const struct map *map, size_t region)
{
	const struct map_memory *memory = &map->memory;
	__u64 used = 0, pages = 0, page_size = map->cells.page_size;
	char *have, *all, *name = NULL;
	size_t i;

	for (i = 0; i < memory->nr_blocks; i++) {
		if (memory->blocks[i].region != region)
			continue;
		used += map_block_used(&memory->blocks[i]);
		pages += memory->blocks[i].pages;
	}
	have = map_amount(used * page_size);
	all = map_amount(pages * page_size);
	if (have && all && region < memory->nr_regions)
		name = text("node %d, zone %s: %s of %s", memory->regions[region].node,
			    memory->regions[region].zone, have, all);
	else if (have)
		name = text("outside of the memory in /proc/iomem: %s", have);
	free(all);
	free(have);
	return name;
}

const char *map_no_memory(const struct map *map)
{
	return map->sum.hidden
		? "It is not shown, since frame numbers are hidden: " LACKS("CAP_SYS_ADMIN") "."
		: NULL;
}

char *map_class_name(const struct map *map, enum map_class class)
{
	static const char *const names[] = {
		[MAP_HUGETLB] = "hugetlb",       [MAP_ZERO] = "zero pages",
		[MAP_SPECIAL] = "device memory", [MAP_MIGRATION] = "migrating",
		[MAP_SWAP] = "swapped",
	};
	__u64 shifts = tally_shifts(&map->sum, TALLY_RESIDENT);
	char *name, *size;
	unsigned int shift;

	if (class >= ARRAY_SIZE(names) || names[class])
		return strdup(class < ARRAY_SIZE(names) ? names[class] : "?");
	for (shift = 0; shift < 63; shift++)
		if (shifts >> shift & 1 &&
		    map_class(TALLY_ANONYMOUS, shift, map->cells.page_size) == class)
			break;
	size = size_text(1ULL << shift);
	name = size ? text("%s entries", size) : NULL;
	free(size);
	return name;
}
