// SPDX-License-Identifier: GPL-2.0
/*
 * The totals of a picture: bars and what their colours mean
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>

#include "map_svg.h"

#define CHARACTER 8   /* width of a character, for what must not overlap */
#define NARROW    560 /* width of totals for a narrow window */

struct legend {
	struct svg *svg;
	int x;
	double at; /* in the bar */
	int bar;   /* y of the bar */
};

static __u64 bytes_of(const struct svg *svg, unsigned int kinds, unsigned int shift, int node)
{
	return tally_bytes(&svg->map->sum, kinds, shift, node);
}

static double bar_width(const struct svg *svg, __u64 bytes)
{
	__u64 whole = bytes_of(svg, TALLY_FRAMES, TALLY_ANY_SHIFT, TALLY_ANY_NODE);

	return whole ? svg->bar * (double)bytes / (double)whole : 0;
}

/* The height is that of the bar, 0 if there is none. */
static void begin_legend(struct legend *legend, struct svg *svg, const char *label, int height)
{
	*legend = (struct legend){ .svg = svg, .x = svg->left, .at = svg->left };
	svg->y += 16;
	svg_text(svg, svg->margin, "strong", label);
	svg->y += svg->left ? -16 : 8;
	legend->bar = svg->y;
	svg->y += height ? height + 21 : 16;
	if (height)
		fprintf(svg->out,
			"<rect class=\"line\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n",
			svg->left, legend->bar, svg->bar, SVG_BODY);
}

/* A sample of a colour, with text beside it */
static void put_label(struct legend *legend, const char *class, unsigned int number,
		      const char *label)
{
	struct svg *svg = legend->svg;
	int width = 18 + (int)strlen(label) * CHARACTER;

	if (legend->x > svg->left && legend->x + width > svg->width) {
		legend->x = svg->left;
		svg->y += SVG_LINE;
	}
	svg_rect(svg, class, number, legend->x, svg->y - 11, 12, 12);
	fprintf(svg->out, "<rect class=\"line\" x=\"%d\" y=\"%d\" width=\"12\" height=\"12\"/>",
		legend->x, svg->y - 11);
	svg_text(svg, legend->x + 18, "legend", label);
	legend->x += width + 18;
}

/* The amount and, unless it is hugetlb, the share of the resident memory */
static void put_amounts(struct legend *legend, const char *class, unsigned int number,
			const char *name, __u64 bytes, bool percent)
{
	__u64 all = bytes_of(legend->svg, TALLY_RESIDENT, TALLY_ANY_SHIFT, TALLY_ANY_NODE);
	char *amount = map_amount(bytes), label[128];

	if (percent)
		snprintf(label, sizeof(label), "%s %s (%.1f%%)", name, amount ? amount : "?",
			 (double)bytes * 100 / (double)all);
	else
		snprintf(label, sizeof(label), "%s %s", name, amount ? amount : "?");
	free(amount);
	put_label(legend, class, number, label);
}

/* The nodes of a part of a bar, in a strip or in the whole bar */
static void put_bar_nodes(struct legend *legend, unsigned int kinds, unsigned int shift, int y,
			  int height)
{
	struct svg *svg = legend->svg;
	int node, nodes = tally_nodes(&svg->map->sum);
	double width;

	for (node = 0; node < nodes; node++) {
		width = bar_width(svg, bytes_of(svg, kinds, shift, node));
		svg_rect(svg, "n", node % SVG_NODE_COLOURS, legend->at, y, width, height);
		legend->at += width;
	}
}

static void put_entry(struct legend *legend, enum map_class class, const char *name,
		      unsigned int kinds, unsigned int shift)
{
	struct svg *svg = legend->svg;
	__u64 bytes = bytes_of(svg, kinds, shift, TALLY_ANY_NODE);

	if (!bytes)
		return;
	svg_rect(svg, "k", class, legend->at, legend->bar, bar_width(svg, bytes), SVG_BODY);
	put_bar_nodes(legend, kinds, shift, legend->bar + SVG_BODY, SVG_STRIP);
	put_amounts(legend, "k", class, name, bytes, kinds == TALLY_RESIDENT);
}

static void put_entries(struct svg *svg)
{
	const struct tally *sum = &svg->map->sum;
	struct legend legend;
	unsigned int shift;
	char name[32], *size;

	begin_legend(&legend, svg, "Mapped by", SVG_BODY + SVG_STRIP);
	for (shift = 1; shift < 64; shift++) {
		if (!(tally_shifts(sum, TALLY_RESIDENT) >> shift & 1))
			continue;
		size = size_text(1ULL << shift);
		snprintf(name, sizeof(name), "%s entries", size ? size : "?");
		free(size);
		put_entry(&legend, map_class(TALLY_ANONYMOUS, shift, svg->map->cells.page_size),
			  name, TALLY_RESIDENT, shift);
	}
	put_entry(&legend, MAP_HUGETLB, "hugetlb", 1U << TALLY_HUGETLB, TALLY_ANY_SHIFT);
	svg->y += 14;
}

static void put_node_labels(struct legend *legend, const char *format, unsigned int kinds)
{
	int node, nodes = tally_nodes(&legend->svg->map->sum);
	char name[32];
	__u64 bytes;

	for (node = 0; node < nodes; node++) {
		bytes = bytes_of(legend->svg, kinds, TALLY_ANY_SHIFT, node);
		snprintf(name, sizeof(name), "%s%d", format, node);
		if (bytes)
			put_amounts(legend, "n", node % SVG_NODE_COLOURS, name, bytes,
				    kinds == TALLY_RESIDENT);
	}
}

static void put_nodes(struct svg *svg)
{
	static const unsigned int hugetlb = 1U << TALLY_HUGETLB;
	struct legend legend;

	begin_legend(&legend, svg, "NUMA node", SVG_BODY);
	put_bar_nodes(&legend, TALLY_RESIDENT, TALLY_ANY_SHIFT, legend.bar, SVG_BODY);
	put_bar_nodes(&legend, hugetlb, TALLY_ANY_SHIFT, legend.bar, SVG_BODY);
	put_node_labels(&legend, "node ", TALLY_RESIDENT);
	put_node_labels(&legend, "hugetlb: node ", hugetlb);
	svg->y += 14;
}

static char *kind_amount(const struct svg *svg, unsigned int kinds)
{
	return map_amount(bytes_of(svg, kinds, TALLY_ANY_SHIFT, TALLY_ANY_NODE));
}

static void put_resident(struct svg *svg)
{
	char *all = kind_amount(svg, TALLY_RESIDENT);
	char *anonymous = kind_amount(svg, 1U << TALLY_ANONYMOUS);
	char *file = kind_amount(svg, 1U << TALLY_FILE);
	char *shmem = kind_amount(svg, 1U << TALLY_SHMEM);
	struct legend legend;
	char *label;

	label = text("%s: anonymous %s, file %s, shared memory %s", all ? all : "?",
		     anonymous ? anonymous : "?", file ? file : "?", shmem ? shmem : "?");
	begin_legend(&legend, svg, "Resident", 0);
	svg_text(svg, svg->left, "legend", label ? label : "?");
	svg->y += 6;
	free(label);
	free(shmem);
	free(file);
	free(anonymous);
	free(all);
}

static void put_others(struct svg *svg)
{
	static const struct {
		enum tally_kind kind;
		enum map_class class;
		const char *name;
	} others[] = {
		{ TALLY_SWAP, MAP_SWAP, "swapped" },
		{ TALLY_MIGRATION, MAP_MIGRATION, "migrating" },
		{ TALLY_ZERO, MAP_ZERO, "zero pages" },
		{ TALLY_SPECIAL, MAP_SPECIAL, "device memory" },
	};
	struct legend legend;
	size_t i;

	begin_legend(&legend, svg, "Not in RSS", 0);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		put_amounts(&legend, "k", others[i].class, others[i].name,
			    bytes_of(svg, 1U << others[i].kind, TALLY_ANY_SHIFT, TALLY_ANY_NODE),
			    false);
	svg->y += 6;
}

void svg_totals(struct svg *svg)
{
	put_entries(svg);
	put_nodes(svg);
	put_resident(svg);
	put_others(svg);
}

static int put_totals(struct svg *svg)
{
	svg_totals(svg);
	return 0;
}

int map_svg_totals(FILE *out, const struct map *map)
{
	struct svg wide = {
		.map = map,
		.width = SVG_LEFT + MAP_WIDTH + SVG_RIGHT,
		.left = SVG_LEFT,
		.bar = MAP_WIDTH,
	};
	struct svg narrow = { .map = map, .width = NARROW, .bar = NARROW };

	/* Patterns in a picture that is not displayed have no effect. */
	fprintf(out, "<svg class=\"patterns\" width=\"0\" height=\"0\">%s</svg>\n", map_patterns);
	if (svg_print(out, &wide, put_totals, " class=\"wide totals\" aria-label=\"Totals\""))
		return -1;
	return svg_print(out, &narrow, put_totals,
			 " class=\"narrow totals\" aria-label=\"Totals\"");
}
