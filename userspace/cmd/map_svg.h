/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Static pictures in SVG
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_MAP_SVG_H
#define _VMWALK_MAP_SVG_H

#include "map.h"

#define SVG_LEFT   134 /* of the rows: addresses */
#define SVG_RIGHT  190 /* names */
#define SVG_MARGIN 16
#define SVG_BODY   20 /* height of a tile */
#define SVG_STRIP  5  /* height of its nodes */
#define SVG_LINE   19

/* Node colours repeat after so many. */
#define SVG_NODE_COLOURS 8

struct svg {
	FILE *out;
	const struct map *map;
	int width;  /* of the picture */
	int margin; /* on its left */
	int left;   /* of the bars; 0: their labels are above */
	int bar;    /* width of the bars */
	int y;      /* where the next line begins */
};

void svg_text(struct svg *svg, int x, const char *class, const char *text);

/* A rectangle. The name of its class ends with @number. */
void svg_rect(struct svg *svg, const char *class, unsigned int number, double x, double y,
	      double width, double height);

/* The totals: bars and what their colours mean */
void svg_totals(struct svg *svg);

/*
 * Print a picture that @put draws. Its height is known at the end. Returns -1
 * with errno set if memory is short, or if @put does.
 */
int svg_print(FILE *out, struct svg *svg, int (*put)(struct svg *svg), const char *attributes);

#endif /* _VMWALK_MAP_SVG_H */
