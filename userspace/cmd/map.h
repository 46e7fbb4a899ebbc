/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pictures of a process's address space and of physical memory
 *
 * docs/map.md describes how they are made.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_MAP_H
#define _VMWALK_MAP_H

#include <time.h>

#include "map_cells.h"

struct map {
	struct target target;
	char comm[TARGET_COMM_SIZE];
	time_t time; /* of the scan */
	struct thp thp;
	struct tally sum;         /* of the process */
	struct tally_group group; /* each frame once */
	struct map_mappings mappings;
	struct map_cells cells;
	struct map_memory memory;
	bool frames; /* PFNs may be shown */
};

/* One rectangle of a picture: cells or blocks, whose numbers are added */
struct map_tile {
	__u64 start, end;   /* addresses, or PFNs */
	__u64 size;         /* of what is mapped, or is memory: bytes, or frames */
	size_t first, last; /* cells or blocks, including the last one */
	unsigned int row;
	size_t group; /* begins a row: of a zone */
	double x, width;
	bool empty; /* a long range without pages, drawn short */
};

struct map_layout {
	struct map_tile *tiles;
	size_t count;
	__u64 unit;  /* what a tile of full width stands for: bytes, or frames */
	bool shared; /* a tile can have several mappings */
	unsigned int rows;
	__u64 break_gap; /* gaps from this size on begin a row; UINT64_MAX: none */
};

/* Width of a row, and of a tile that stands for a whole unit */
#define MAP_WIDTH 640
#define MAP_TILE  20

#define MAP_MAX_TILES        640
#define MAP_MAX_MEMORY_TILES 320

/*
 * Divide the address space or the physical memory into tiles, and those into
 * rows. Returns -1 with errno set if memory is short.
 */
int map_layout_cells(struct map_layout *layout, const struct map *map);
int map_layout_memory(struct map_layout *layout, const struct map *map);

/* Size with a unit, such as "1.5 GiB" */
char *map_amount(__u64 bytes);

/* Print text that may contain any bytes, in XML or HTML. */
void map_print_text(FILE *out, const char *text);

/* Print "postgres (2231) on 2026-11-30 12:00". */
void map_print_title(FILE *out, const struct map *map);

/* Bytes of some kinds, which @kinds has a bit for */
__u64 map_bytes(const struct map *map, unsigned int kinds);

/* Print how much is resident, and which share of it is huge. */
void map_print_huge(FILE *out, const struct map *map);

/* Print "Of the resident memory, 58.5% is on node 0, 41.5% on node 1." */
void map_print_nodes(FILE *out, const struct map *map);

/* Print how much is in hugetlb pages, and how much is swapped out, if any is. */
void map_print_others(FILE *out, const struct map *map);

/* Print "16.3 GiB in 62 mappings." */
void map_print_mapped(FILE *out, const struct map *map);

/* Captions of the pictures */
extern const char map_cells_hint[], map_gaps_hint[], map_memory_hint[];
extern const char *const map_strip_hint;

/* "node 0, zone Normal: 1.5 GiB of 16 GiB" */
char *map_region_name(const struct map *map, size_t region);

/* Why physical memory is not shown, or NULL */
const char *map_no_memory(const struct map *map);

/* Name of the colour of a class, with the size of its entries: "2M entries" */
char *map_class_name(const struct map *map, enum map_class class);

/*
 * Print errors and return an exit status. For errors of the output see
 * ferror().
 */
int map_svg(FILE *out, const struct map *map);
int map_html(FILE *out, const struct map *map);
int map_png(FILE *out, const struct map *map);

/* Print the totals as SVG. Returns -1 with errno set if memory is short. */
int map_svg_totals(FILE *out, const struct map *map);

/* Print the data of the page. */
void map_json(FILE *out, const struct map *map);

/* Style sheets, the patterns of some classes in SVG, and the page */
extern const char map_colours[], map_patterns[], map_page[], map_style[], map_script[];

#endif /* _VMWALK_MAP_H */
