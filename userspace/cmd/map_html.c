// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk map --html: a page to explore, with data and a script
 *
 * map/page.html is the page, with names in place of what depends on the process.
 * The script map/page.js draws the pictures.
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>

#include "map.h"

struct html {
	FILE *out;
	const struct map *map;
};

/* The totals as a table */

static void put_bytes(struct html *html, __u64 bytes)
{
	char *amount = map_amount(bytes);

	fprintf(html->out, "<td class=\"number\">%llu</td><td class=\"number\">%s</td>", bytes,
		amount ? amount : "?");
	free(amount);
}

static void put_row(struct html *html, const struct tally_part *part)
{
	char *size = size_text(1ULL << part->shift), node[16] = "-";

	if (part->node >= 0)
		snprintf(node, sizeof(node), "%d", part->node);
	fprintf(html->out, "<tr><td>%s</td><td>%s</td><td>%s</td>", tally_kind_names[part->kind],
		size ? size : "?", node);
	put_bytes(html, part->bytes);
	fputs("</tr>\n", html->out);
	free(size);
}

static int compare_parts(const void *a, const void *b)
{
	const struct tally_part *left = *(const struct tally_part *const *)a;
	const struct tally_part *right = *(const struct tally_part *const *)b;

	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	if (left->shift != right->shift)
		return left->shift < right->shift ? -1 : 1;
	return left->node < right->node ? -1 : left->node > right->node;
}

static int put_rows(struct html *html)
{
	const struct tally *sum = &html->map->sum;
	const struct tally_part **parts = calloc(sum->nr_parts + 1, sizeof(*parts));
	size_t i;

	if (!parts)
		return -1;
	for (i = 0; i < sum->nr_parts; i++)
		parts[i] = &sum->parts[i];
	qsort(parts, sum->nr_parts, sizeof(*parts), compare_parts);
	for (i = 0; i < sum->nr_parts; i++)
		put_row(html, parts[i]);
	free(parts);
	return 0;
}

static int put_resident(struct html *html)
{
	put_bytes(html,
		  tally_bytes(&html->map->sum, TALLY_RESIDENT, TALLY_ANY_SHIFT, TALLY_ANY_NODE));
	return 0;
}

/* The page */

static int put_title(struct html *html)
{
	map_print_title(html->out, html->map);
	return 0;
}

static int put_style(struct html *html)
{
	fprintf(html->out, "%s%s", map_colours, map_style);
	return 0;
}

static int put_totals(struct html *html)
{
	return map_svg_totals(html->out, html->map);
}

static int put_huge(struct html *html)
{
	map_print_huge(html->out, html->map);
	return 0;
}

static int put_nodes(struct html *html)
{
	map_print_nodes(html->out, html->map);
	return 0;
}

static int put_others(struct html *html)
{
	map_print_others(html->out, html->map);
	return 0;
}

static int put_mapped(struct html *html)
{
	map_print_mapped(html->out, html->map);
	return 0;
}

static int put_hint(struct html *html)
{
	fprintf(html->out, "%s %s %s", map_cells_hint, map_strip_hint, map_gaps_hint);
	return 0;
}

static int put_memory_hint(struct html *html)
{
	fputs(map_memory_hint, html->out);
	return 0;
}

static int put_reason(struct html *html)
{
	const char *reason = map_no_memory(html->map);

	fputs(reason ? reason : "", html->out);
	return 0;
}

static int put_data(struct html *html)
{
	map_json(html->out, html->map);
	return 0;
}

static int put_script(struct html *html)
{
	fputs(map_script, html->out);
	return 0;
}

/*
 * The contents that replace each name in the page. The functions return -1 with errno set
 * on error.
 */
static const struct {
	const char *name;
	int (*put)(struct html *html);
} fields[] = {
	{ "@TITLE@", put_title },       { "@STYLE@", put_style },
	{ "@HUGE@", put_huge },         { "@NODES@", put_nodes },
	{ "@TOTALS@", put_totals },     { "@MAPPED@", put_mapped },
	{ "@HINT@", put_hint },         { "@MEMORY_HINT@", put_memory_hint },
	{ "@REASON@", put_reason },     { "@ROWS@", put_rows },
	{ "@RESIDENT@", put_resident }, { "@OTHERS@", put_others },
	{ "@DATA@", put_data },         { "@SCRIPT@", put_script },
};

int map_html(FILE *out, const struct map *map)
{
	struct html html = { .out = out, .map = map };
	const char *at = map_page;
	size_t i, len;

	for (;;) {
		len = strcspn(at, "@");
		fwrite(at, 1, len, out);
		at += len;
		if (!*at)
			return EXIT_SUCCESS;
		for (i = 0; i < ARRAY_SIZE(fields); i++)
			if (!strncmp(at, fields[i].name, strlen(fields[i].name)))
				break;
		if (fields[i].put(&html))
			return failure("%m");
		at += strlen(fields[i].name);
	}
}
