// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk map --svg: a static picture, without a script
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>

#include "map_svg.h"

#define MIN_HEIGHT 2  /* of a class that has pages */
#define ROW        34 /* distance of the rows of addresses, with strips */
#define MEMORY_ROW 28
#define BREAK      20 /* space above a row that follows a gap */
#define NAME_LEN   24
#define NAME_LINE  15

/* Characters that fit in a line */
#define CAPTION_LEN 112
#define LEAD_LEN    92
#define LEAD_LINE   22

/* Sums of the pages of a tile */
struct sums {
	__u64 classes[MAP_CLASSES];
	__u64 all;
	__u64 frames; /* pages that have frames, on any node */
};

void svg_text(struct svg *svg, int x, const char *class, const char *text)
{
	fprintf(svg->out, "<text x=\"%d\" y=\"%d\"%s%s%s>", x, svg->y, *class ? " class=\"" : "",
		class, *class ? "\"" : "");
	map_print_text(svg->out, text);
	fputs("</text>\n", svg->out);
}

/* A path takes fewer bytes than a rectangle, of which there are thousands. */
static void put_box(struct svg *svg, double x, double y, double width, double height)
{
	fprintf(svg->out, "M%.5g %.5gh%.5gv%.5gh%.5gz", x, y, width, height, -width);
}

void svg_rect(struct svg *svg, const char *class, unsigned int number, double x, double y,
	      double width, double height)
{
	/* Too small to be seen at any scale */
	if (width < 0.01 || height < 0.01)
		return;
	fprintf(svg->out, "<path class=\"%s%u\" d=\"", class, number);
	put_box(svg, x, y, width, height);
	fputs("\"/>", svg->out);
}

/* Print text in lines that fit in the picture. */
static void put_lines(struct svg *svg, const char *class, size_t max, int height, const char *text)
{
	char line[128];
	size_t len;

	for (; *text; text += len + strspn(text + len, " ")) {
		len = strlen(text);
		if (len > max)
			for (len = max; len > 1 && text[len] != ' ';)
				len--;
		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		svg_text(svg, svg->margin, class, line);
		svg->y += height;
	}
}

/* Tiles */

static void add_sums(struct sums *sums, const struct map_cell *cell, __u64 page_size)
{
	const struct map_share *share;
	size_t i;

	for (i = 0; i < cell->nr_shares; i++) {
		share = &cell->shares[i];
		sums->classes[map_class(share->kind, share->shift, page_size)] += share->pages;
		sums->all += share->pages;
		if (TALLY_FRAMES >> share->kind & 1)
			sums->frames += share->pages;
	}
}

/*
 * Stack the classes from the bottom. A class that is present can be seen; the
 * largest one makes up for it.
 */
static void put_stack(struct svg *svg, const struct sums *sums, double whole,
		      const struct map_tile *tile, int y)
{
	double heights[MAP_CLASSES], sum = 0, bottom = y + SVG_BODY;
	unsigned int i, largest = 0;

	for (i = 0; i < MAP_CLASSES; i++) {
		heights[i] = SVG_BODY * (double)sums->classes[i] / whole;
		if (sums->classes[i] && heights[i] < MIN_HEIGHT)
			heights[i] = MIN_HEIGHT;
		sum += heights[i];
		if (heights[i] > heights[largest])
			largest = i;
	}
	if (sum > SVG_BODY)
		heights[largest] -= sum - SVG_BODY;
	for (i = 0; i < MAP_CLASSES; i++) {
		bottom -= heights[i];
		svg_rect(svg, "k", i, SVG_LEFT + tile->x, bottom, tile->width, heights[i]);
	}
}

/* The area of a tile */
static void put_area(struct svg *svg, const char *class, const struct map_tile *tile, int y)
{
	fprintf(svg->out, "<path class=\"%s\" d=\"", class);
	put_box(svg, SVG_LEFT + tile->x, y, tile->width, SVG_BODY);
	fputs("\"/>", svg->out);
}

/* Outline the tiles of the row that ends with a tile. */
static void put_outlines(struct svg *svg, const struct map_layout *layout, size_t last)
{
	const struct map_tile *tile = &layout->tiles[last];
	unsigned int row = tile->row;

	fputs("<path class=\"line\" d=\"", svg->out);
	for (; tile >= layout->tiles && tile->row == row; tile--)
		put_box(svg, SVG_LEFT + tile->x, svg->y, tile->width, SVG_BODY);
	fputs("\"/>\n", svg->out);
}

static bool ends_row(const struct map_layout *layout, size_t i)
{
	return i + 1 == layout->count || layout->tiles[i + 1].row != layout->tiles[i].row;
}

/* Name a part of a tile in its tooltip. */
static void put_amount(struct svg *svg, const char *before, __u64 pages, const char *what)
{
	char *amount = pages ? map_amount(pages * svg->map->cells.page_size) : NULL;

	if (amount)
		fprintf(svg->out, "%s%s%s", before, amount, what);
	free(amount);
}

static void put_class_amounts(struct svg *svg, const struct sums *sums)
{
	unsigned int i;
	char *name;

	for (i = 0; i < MAP_CLASSES; i++) {
		if (!sums->classes[i])
			continue;
		name = map_class_name(svg->map, i);
		fprintf(svg->out, "\n%s", name ? name : "?");
		free(name);
		put_amount(svg, " ", sums->classes[i], "");
	}
}

static __u64 node_pages(const struct map *map, const struct map_tile *tile, int node)
{
	const struct map_cell *cell;
	__u64 pages = 0;
	size_t i, j;

	for (i = tile->first; i <= tile->last; i++) {
		cell = &map->cells.vec[i];
		for (j = 0; j < cell->nr_shares; j++)
			if (cell->shares[j].node == node &&
			    TALLY_FRAMES >> cell->shares[j].kind & 1)
				pages += cell->shares[j].pages;
	}
	return pages;
}

static void put_strip(struct svg *svg, const struct map_tile *tile, const struct sums *sums, int y)
{
	int node, nodes = tally_nodes(&svg->map->sum);
	double x = SVG_LEFT + tile->x, width;
	__u64 pages;

	for (node = 0; sums->frames && node < nodes; node++) {
		pages = node_pages(svg->map, tile, node);
		width = tile->width * (double)pages / (double)sums->frames;
		svg_rect(svg, "n", node % SVG_NODE_COLOURS, x, y, width, SVG_STRIP);
		x += width;
	}
}

static const char *name_of(const struct map *map, __u64 addr)
{
	const struct map_mapping *mapping = map_mappings_find(&map->mappings, addr);

	return mapping && mapping->start <= addr && mapping->name ? mapping->name : "unknown";
}

static void put_cell_title(struct svg *svg, const struct map_tile *tile, const struct sums *sums)
{
	const struct map *map = svg->map;
	int node, nodes = tally_nodes(&map->sum);
	char *amount = map_amount(tile->size);
	char before[32];

	fprintf(svg->out, "<title>0x%llx-0x%llx: %s of ", tile->start, tile->end,
		amount ? amount : "?");
	free(amount);
	map_print_text(svg->out, name_of(map, tile->start));
	put_class_amounts(svg, sums);
	for (node = 0; sums->frames && node < nodes; node++) {
		snprintf(before, sizeof(before), "\nnode %d: ", node);
		put_amount(svg, before, node_pages(map, tile, node), "");
	}
	fputs("</title>", svg->out);
}

static void put_cell_tile(struct svg *svg, const struct map_tile *tile, int y)
{
	const struct map_cells *cells = &svg->map->cells;
	struct sums sums = {};
	size_t i;

	/* Cells without pages are in several tiles, but they add nothing. */
	for (i = tile->first; i <= tile->last; i++)
		add_sums(&sums, &cells->vec[i], cells->page_size);
	fputs("<g>", svg->out);
	put_cell_title(svg, tile, &sums);
	/* The stack of a full tile covers its area. */
	if (sums.all < tile->size / cells->page_size)
		put_area(svg, tile->empty ? "empty" : "none", tile, y);
	put_stack(svg, &sums, (double)tile->size / (double)cells->page_size, tile, y);
	put_strip(svg, tile, &sums, y + SVG_BODY);
	fputs("</g>\n", svg->out);
}

static void put_block_tile(struct svg *svg, const struct map_tile *tile, int y)
{
	const struct map_block *block;
	struct sums sums = {};
	unsigned int j;
	char *amount;
	size_t i;

	for (i = tile->first; i <= tile->last; i++) {
		block = &svg->map->memory.blocks[i];
		for (j = 0; j < MAP_FRAMES; j++)
			sums.classes[j] += block->used[j];
		sums.all += map_block_used(block);
	}
	amount = map_amount(tile->size * svg->map->cells.page_size);
	fputs("<g><title>", svg->out);
	if (svg->map->frames)
		fprintf(svg->out, "frames 0x%llx-0x%llx: ", tile->start, tile->end - 1);
	fprintf(svg->out, "%s", amount ? amount : "?");
	free(amount);
	put_class_amounts(svg, &sums);
	fputs("</title>", svg->out);
	put_area(svg, "ram", tile, y);
	put_stack(svg, &sums, (double)tile->size, tile, y);
	fputs("</g>\n", svg->out);
}

/* Rows */

/* The end of a path, since paths differ there. Names in brackets are no paths. */
static void put_name(struct svg *svg, const char *name, int others)
{
	const char *slash = *name == '[' ? NULL : strrchr(name, '/');
	int x = SVG_LEFT + MAP_WIDTH + 10, y = svg->y;
	char more[32], *label;
	size_t len;

	if (slash && slash[1])
		name = slash + 1;
	len = strlen(name);
	if (len > NAME_LEN)
		/* Not within a character */
		for (len = NAME_LEN; len && (name[len] & 0xc0) == 0x80;)
			len--;
	label = text("%.*s%s", (int)len, name, name[len] ? "…" : "");
	if (others) {
		snprintf(more, sizeof(more), "+ %d more", others);
		svg->y += NAME_LINE / 2 + 3;
		svg_text(svg, x, "small", more);
		svg->y -= NAME_LINE;
	}
	svg_text(svg, x, "small", label ? label : "?");
	svg->y = y;
	free(label);
}

/* Label a row with the mapping that has the most pages in it. */
static void put_row_name(struct svg *svg, const struct map_layout *layout, size_t first)
{
	const struct map_cell *cells = svg->map->cells.vec, *best = NULL;
	__u64 pages = 0, previous = UINT64_MAX, most = 0;
	int mappings = 0;
	size_t i, last;

	for (last = first; !ends_row(layout, last);)
		last++;
	for (i = layout->tiles[first].first; i <= layout->tiles[last].last; i++) {
		mappings += cells[i].mapping_start != previous;
		if (cells[i].mapping_start != previous)
			pages = 0;
		previous = cells[i].mapping_start;
		pages += map_cell_pages(&cells[i], ~0U);
		if (!best || pages > most) {
			most = pages;
			best = &cells[i];
		}
	}
	put_name(svg, name_of(svg->map, best->start), mappings - 1);
}

static void put_gap(struct svg *svg, __u64 gap)
{
	char *amount = map_amount(gap), *label = amount ? text("%s not mapped", amount) : NULL;

	if (label)
		svg_text(svg, SVG_LEFT, "small", label);
	free(label);
	free(amount);
}

static void put_cell_rows(struct svg *svg, const struct map_layout *layout)
{
	const struct map_tile *tile = layout->tiles, *previous = NULL;
	char addr[32];
	size_t i;

	for (i = 0; i < layout->count; i++, previous = tile++) {
		if (!previous || tile->row != previous->row) {
			svg->y += previous ? ROW : 0;
			if (previous && tile->start - previous->end >= layout->break_gap) {
				svg->y += BREAK;
				svg->y -= 7;
				put_gap(svg, tile->start - previous->end);
				svg->y += 7;
			}
			snprintf(addr, sizeof(addr), "0x%llx", tile->start);
			svg->y += 14;
			svg_text(svg, SVG_LEFT - 10, "address", addr);
			put_row_name(svg, layout, i);
			svg->y -= 14;
		}
		put_cell_tile(svg, tile, svg->y);
		if (ends_row(layout, i))
			put_outlines(svg, layout, i);
	}
	svg->y += layout->count ? ROW : 0;
}

static void put_region(struct svg *svg, size_t region)
{
	char *name = map_region_name(svg->map, region);

	svg->y += 14;
	svg_text(svg, SVG_LEFT, "strong", name ? name : "?");
	svg->y += 6;
	free(name);
}

static void put_memory_rows(struct svg *svg, const struct map_layout *layout)
{
	const struct map_tile *tile = layout->tiles, *previous = NULL;
	char addr[32];
	size_t i;

	for (i = 0; i < layout->count; i++, previous = tile++) {
		if (!previous || tile->row != previous->row) {
			svg->y += previous ? MEMORY_ROW : 0;
			if (!previous || tile->group != previous->group)
				put_region(svg, tile->group);
			snprintf(addr, sizeof(addr), "0x%llx",
				 tile->start * svg->map->cells.page_size);
			svg->y += 14;
			if (svg->map->frames && tile->group < svg->map->memory.nr_regions)
				svg_text(svg, SVG_LEFT - 10, "address", addr);
			svg->y -= 14;
		}
		put_block_tile(svg, tile, svg->y);
		if (ends_row(layout, i))
			put_outlines(svg, layout, i);
	}
	svg->y += layout->count ? MEMORY_ROW : 0;
}

/* The picture */

static void put_heading(struct svg *svg, const char *heading)
{
	svg->y += 26;
	svg_text(svg, svg->margin, "heading", heading);
	svg->y += 20;
}

static void put_caption(struct svg *svg, const char *caption)
{
	put_lines(svg, "", CAPTION_LEN, SVG_LINE, caption ? caption : "?");
}

/* What @print prints, in memory that the caller frees, or NULL */
static char *printed(const struct map *map, void (*print)(FILE *out, const struct map *map))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	print(out, map);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

static void put_cells_caption(struct svg *svg, const struct map_layout *layout)
{
	char *mapped = printed(svg->map, map_print_mapped), *unit = map_amount(layout->unit);
	char *caption = NULL, *hint = text("%s %s", map_cells_hint, map_strip_hint);

	if (mapped && unit)
		caption = text("%s One cell is %s of %s; a narrow cell is less.", mapped, unit,
			       layout->shared ? "one or more mappings" : "one mapping");
	put_caption(svg, caption);
	put_caption(svg, hint);
	put_caption(svg, map_gaps_hint);
	svg->y -= 7;
	free(hint);
	free(caption);
	free(unit);
	free(mapped);
}

static void put_memory_caption(struct svg *svg, const struct map_layout *layout)
{
	char *unit = map_amount(layout->unit * svg->map->cells.page_size), *caption = NULL;

	if (!svg->map->frames)
		caption = text("One row is a zone. %s", map_memory_hint);
	else if (unit)
		caption = text("One cell is %s of memory. %s", unit, map_memory_hint);
	put_caption(svg, caption);
	free(caption);
	free(unit);
}

/* A sentence below the title */
static void put_lead(struct svg *svg, void (*print)(FILE *out, const struct map *map))
{
	char *lead = printed(svg->map, print);

	put_lines(svg, "lead", LEAD_LEN, LEAD_LINE, lead ? lead : "?");
	free(lead);
}

static int put_picture(struct svg *svg)
{
	struct map_layout cells = {}, memory = {};
	const char *reason = map_no_memory(svg->map);

	if (map_layout_cells(&cells, svg->map))
		return -1;
	if (!reason && map_layout_memory(&memory, svg->map)) {
		free(cells.tiles);
		return -1;
	}
	fputs("<title>", svg->out);
	map_print_title(svg->out, svg->map);
	fprintf(svg->out, "</title>\n<style>\n%s</style>\n%s", map_colours, map_patterns);
	fputs("<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n", svg->out);
	svg->y = 32;
	fprintf(svg->out, "<text x=\"%d\" y=\"%d\" class=\"title\">", svg->margin, svg->y);
	map_print_title(svg->out, svg->map);
	fputs("</text>\n", svg->out);
	svg->y += 29;
	put_lead(svg, map_print_huge);
	put_lead(svg, map_print_nodes);
	put_lead(svg, map_print_others);
	svg->y -= 8;
	svg_totals(svg);
	put_heading(svg, "Address space");
	put_cells_caption(svg, &cells);
	put_cell_rows(svg, &cells);
	put_heading(svg, "Physical memory");
	if (reason) {
		put_caption(svg, reason);
	} else {
		put_memory_caption(svg, &memory);
		put_memory_rows(svg, &memory);
	}
	svg->y += SVG_MARGIN;
	free(cells.tiles);
	free(memory.tiles);
	return 0;
}

int svg_print(FILE *out, struct svg *svg, int (*put)(struct svg *svg), const char *attributes)
{
	char *body = NULL;
	size_t size = 0;
	int ret = -1;

	svg->out = open_memstream(&body, &size);
	if (svg->out) {
		ret = put(svg);
		ret |= ferror(svg->out);
		ret |= fclose(svg->out);
	}
	if (!ret) {
		fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"%s",
			attributes);
		fprintf(out, " width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", svg->width,
			svg->y, svg->width, svg->y);
		fwrite(body, 1, size, out);
		fputs("</svg>\n", out);
	}
	free(body);
	return ret;
}

int map_svg(FILE *out, const struct map *map)
{
	struct svg svg = {
		.map = map,
		.width = SVG_LEFT + MAP_WIDTH + SVG_RIGHT,
		.margin = SVG_MARGIN,
		.left = SVG_LEFT,
		.bar = MAP_WIDTH,
	};

	return svg_print(out, &svg, put_picture, "") ? failure("%m") : EXIT_SUCCESS;
}
