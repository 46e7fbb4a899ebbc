// SPDX-License-Identifier: GPL-2.0
/*
 * The style sheets, patterns and script of the pictures. The Makefile makes
 * string literals of the files in map/.
 *
 * Copyright (C) The vmwalk authors
 */
#include "map.h"

const char map_colours[] =
#include "map/colours.css.inc"
	;

const char map_patterns[] =
#include "map/patterns.svg.inc"
	;

const char map_page[] =
#include "map/page.html.inc"
	;

const char map_style[] =
#include "map/page.css.inc"
	;

const char map_script[] =
#include "map/page.js.inc"
	;
