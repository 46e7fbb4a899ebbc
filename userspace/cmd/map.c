// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk map
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>

#include "map.h"

/* The clock is read once for so many pieces. */
#define PIECES_PER_CHECK 512

/* Flags that are shown for a cell, in addition to those of the tally */
#define FLAGS                                                                            \
	(VMWALK_WRITE | VMWALK_EXEC | VMWALK_ACCESSED | VMWALK_DIRTY | VMWALK_PROTNONE | \
	 VMWALK_UFFD_WP)

/* A kind of picture, and the file that it is written to */
struct picture {
	const char *name; /* of the option */
	char letter;
	int (*print)(FILE *out, const struct map *map);
	const char *path; /* NULL: not wanted */
};

static const struct verb_option map_options[] = {
	{ "svg", 's', "FILE", "write a static picture; - is standard output" },
	{ "html", 'H', "FILE", "write a page to explore, which needs no network" },
	{ "png", 'P', "FILE", "write the static picture as PNG; needs rsvg-convert" },
	{ "no-frames", 'n', NULL, "omit frame numbers, before you share the picture" },
	{},
};

struct scan {
	struct map *map;
	unsigned int pieces;
};

static int add_piece(const struct tally_piece *piece, const struct vmwalk_vma *vma, void *data)
{
	struct scan *scan = data;
	struct map *map = scan->map;
	int percent;

	if (scan->pieces++ % PIECES_PER_CHECK == 0 && progress_due()) {
		percent = maps_percent(map->target.pid, 0, piece->start, UINT64_MAX);
		progress_print("map: %d%% of the mapped memory", percent < 0 ? 0 : percent);
	}
	return map_cells_add(&map->cells, piece, vma, &map->memory, &map->group.frames);
}

/* Returns an exit status. */
static int scan_process(struct map *map)
{
	struct scan scan = { .map = map };
	struct tally_walk walk = {
		.target = &map->target,
		.thp = &map->thp,
		.sum = &map->sum,
		.group = &map->group,
		.flags = FLAGS,
		.piece = add_piece,
		.data = &scan,
	};
	int ret;

	map->time = time(NULL);
	target_comm(&map->target, map->comm);
	thp_read(&map->thp);
	thp_read_process(&map->thp, map->target.pid);
	map_cells_init(&map->cells, map->target.info.page_size);
	if (map_memory_read(&map->memory, map->target.info.page_size, map->frames) ||
	    map_mappings_read(&map->mappings, map->target.pid))
		return EXIT_FAILURE;
	progress_start();
	ret = tally_walk(&walk);
	if (!ret)
		ret = map_cells_finish(&map->cells, &map->mappings);
	progress_end();
	return ret ? target_failure(&map->target, NULL, errno) : EXIT_SUCCESS;
}

static int write_picture(const struct picture *picture, const struct map *map)
{
	struct replacement file;
	int status;

	if (!strcmp(picture->path, "-"))
		return picture->print(stdout, map);
	status = replacement_open(&file, picture->path);
	if (status)
		return status;
	status = picture->print(file.file, map);
	return replacement_close(&file, 0600, status);
}

/* Two pictures in a file would be of no use. Returns an exit status. */
static int check_files(const struct picture *pictures, size_t count)
{
	size_t i, j;

	for (i = 1; i < count; i++)
		for (j = 0; pictures[i].path && j < i; j++)
			if (pictures[j].path && !strcmp(pictures[j].path, pictures[i].path))
				return usage_failure("--%s and --%s both write to '%s'",
						     pictures[j].name, pictures[i].name,
						     pictures[i].path);
	return EXIT_SUCCESS;
}

static void map_free(struct map *map)
{
	map_cells_free(&map->cells);
	map_mappings_free(&map->mappings);
	map_memory_free(&map->memory);
	tally_group_free(&map->group);
	tally_free(&map->sum);
	thp_free(&map->thp);
}

static int map(int argc, char **argv)
{
	struct picture pictures[] = { { "svg", 's', map_svg },
				      { "html", 'H', map_html },
				      { "png", 'P', map_png } };
	struct target_options target_options = {};
	struct map map = { .frames = true };
	int option, status;
	bool any = false;
	const char *arg;
	size_t i;

	while ((option = next_option(argc, argv, &arg)) >= 0) {
		if (target_option(&target_options, option, arg))
			continue;
		if (option == 'n')
			map.frames = false;
		for (i = 0; i < ARRAY_SIZE(pictures); i++)
			if (pictures[i].letter == option)
				pictures[i].path = arg;
		any |= option != 'n';
	}
	if (!any)
		return usage_failure("specify --svg, --html or --png");
	status = check_files(pictures, ARRAY_SIZE(pictures));
	if (!status)
		status = target_open(&map.target, &target_options);
	if (status)
		return status;
	status = scan_process(&map);
	target_close(&map.target);
	for (i = 0; !status && i < ARRAY_SIZE(pictures); i++)
		if (pictures[i].path)
			status = write_picture(&pictures[i], &map);
	map_free(&map);
	return status;
}

const struct verb map_verb = {
	.name = "map",
	.args = "",
	.summary = "Draw where the memory of a process is",
	.details = "Draws the address space of a process and physical memory. Each cell is\n"
		   "filled in proportion to its pages: by the size of their page-table entries,\n"
		   "by node, swapped or not. The totals are those of 'vmwalk summary'. In the\n"
		   "page of --html, point at a cell of one picture to see its pages in the other\n"
		   "one. Each picture needs a FILE of its own.\n"
		   "\n"
		   "Only the owner can read FILE, because it contains addresses. Without\n"
		   "--no-frames, it also contains frame numbers. Both make attacks easier, on the\n"
		   "process and on the kernel.\n",
	.options = { target_verb_options, map_options },
	.run = map,
};
