// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk walk
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

static const char *const level_name[VMWALK_LEVELS] = { "pgd", "p4d", "pud", "pmd", "pte" };
static const char *const stop_name[] = { "page", "empty", "absent" };

struct walk_view {
	const struct target *target;
	const struct vmwalk_walk *walk;
	const struct mapping *mapping; /* at the address, or NULL */
	bool maps_known;               /* maps were readable */
	bool kernel;
	bool hidden;
};

/* Bit field of the address: the index at a level, or the offset in the page */
struct field {
	const char *name;
	unsigned int low, width; /* width 0: the level is folded */
};

/*
 * Split the address as the CPU does. A table is one page of 8-byte entries.
 * Levels fold from p4d down. The offset in a huge page includes the indices of
 * the levels below it. Returns the number of fields.
 */
static int split_address(const struct walk_view *view, struct field fields[VMWALK_LEVELS + 1])
{
	const struct vmwalk_info *info = &view->target->info;
	unsigned int page_bits = __builtin_ctz(info->page_size);
	unsigned int low = page_bits;
	int level, last = VMWALK_PTE;

	if (view->walk->stop == VMWALK_STOP_PAGE) {
		last = view->walk->stop_level;
		low = view->walk->page_shift;
	}
	fields[last + 1] = (struct field){ "offset", 0, low };
	for (level = last; level >= VMWALK_PGD; level--) {
		fields[level] = (struct field){ level_name[level], low, page_bits - 3 };
		if (level >= VMWALK_P4D && level <= VMWALK_LEVELS - (int)info->paging_levels)
			fields[level].width = 0;
		low += fields[level].width;
	}
	return last + 2;
}

static __u64 field_value(__u64 addr, const struct field *field)
{
	return addr >> field->low & ((1ULL << field->width) - 1);
}

/* Format a field for row 0: name, 1: bit numbers, 2: binary, 3: number. */
static void field_text(char *cell, size_t size, int row, const struct field *field, __u64 addr)
{
	__u64 value = field_value(addr, field);
	unsigned int bit;

	*cell = '\0';
	if (row == 0)
		snprintf(cell, size, "%s", field->name);
	else if (!field->width)
		snprintf(cell, size, "%s", row == 1 ? "folded" : "");
	else if (row == 1)
		snprintf(cell, size, "%u-%u", field->low + field->width - 1, field->low);
	else if (row == 3)
		snprintf(cell, size, field->low ? "%llu" : "0x%llx", value);
	else
		for (bit = 0; bit < field->width; bit++)
			snprintf(cell + bit, size - bit, "%d",
				 (int)(value >> (field->width - 1 - bit) & 1));
}

static void print_address(const struct walk_view *view)
{
	static const char *const rows[] = { "", "bits", "binary", "index" };
	struct field fields[VMWALK_LEVELS + 1];
	int i, row, width, count = split_address(view, fields);
	char cell[65];

	for (row = 0; row < 4; row++) {
		printf("  %-8s", rows[row]);
		for (i = 0; i < count; i++) {
			field_text(cell, sizeof(cell), row, &fields[i], view->walk->addr);
			width = fields[i].width ? fields[i].width + 2 : 8;
			if (i < count - 1)
				printf("%-*s", width, cell);
			else
				printf("%s\n", cell);
		}
	}
}

/* Print the name of a level, indented by its depth and padded. */
static void print_level_name(unsigned int depth, const char *name)
{
	const char *corner = strcmp(nl_langinfo(CODESET), "UTF-8") ? "\\_ " : "└─ ";
	unsigned int indent = depth ? 3 * (depth - 1) : 0;

	printf("  %*s%s%-*s", indent, "", depth ? corner : "", 22 - 3 * depth, name);
}

static void print_levels(const struct walk_view *view)
{
	const struct vmwalk_walk *walk = view->walk;
	__u64 offset = walk->addr & ((1ULL << walk->page_shift) - 1);
	const struct vmwalk_level *level;
	char table[24], entry[24];
	unsigned int i;

	printf("  %-22s%-18s%6s  %s\n", "level", "table at", "index", "entry");
	for (i = 0; i <= walk->stop_level; i++) {
		level = &walk->level[i];
		print_level_name(i, level_name[i]);
		if (level->flags & VMWALK_LEVEL_FOLDED) {
			printf("folded: this machine has %u levels\n",
			       view->target->info.paging_levels);
			continue;
		}
		snprintf(table, sizeof(table), "0x%llx", level->table);
		snprintf(entry, sizeof(entry), "0x%016llx", level->entry);
		printf("%-18s%6u  %s\n", view->hidden ? "hidden" : table, level->index,
		       view->hidden ? "hidden" : entry);
	}
	if (walk->stop != VMWALK_STOP_PAGE)
		return;
	print_level_name(i, "page");
	if (view->hidden)
		printf("hidden\n");
	else
		printf("0x%llx\n", walk->phys - offset);
}

static void print_result(const struct walk_view *view)
{
	const struct vmwalk_walk *walk = view->walk;
	char *size = size_text(1ULL << walk->page_shift);
	char *flags = flag_names(vmwalk_state_name, walk->state);

	if (walk->stop == VMWALK_STOP_PAGE) {
		printf("  page      %s, mapped by the %s entry\n", size,
		       level_name[walk->stop_level]);
		if (view->hidden)
			printf("  frame     hidden: %s\n  physical  hidden\n",
			       LACKS("CAP_SYS_ADMIN"));
		else
			printf("  frame     0x%llx\n  physical  0x%llx\n", walk->pfn, walk->phys);
	} else if (walk->stop == VMWALK_STOP_EMPTY) {
		printf("  page      none: the %s entry, which covers %s, is empty\n",
		       level_name[walk->stop_level], size);
	} else if (!(walk->state & (VMWALK_SWAP | VMWALK_MIGRATION))) {
		printf("  page      none: the %s entry is a marker\n",
		       level_name[walk->stop_level]);
	} else {
		printf("  page      none: the %s entry is a swap or migration entry\n",
		       level_name[walk->stop_level]);
	}
	if (flags && *flags)
		printf("  flags     %s\n", flags);
	free(flags);
	free(size);
}

static void print_mapping(const struct walk_view *view)
{
	const struct mapping *mapping = view->mapping;

	if (!mapping) {
		printf("in %s mapping\n", view->maps_known ? "no" : "an unknown");
		return;
	}
	printf("in %llx-%llx ", mapping->start, mapping->end);
	print_escaped(stdout, mapping->perms);
	putchar(' ');
	print_escaped(stdout, mapping->name);
	putchar('\n');
}

static void print_text(const struct walk_view *view)
{
	printf("address 0x%llx of ", view->walk->addr);
	if (view->kernel)
		printf("the kernel");
	else
		target_print(stdout, view->target);
	putchar('\n');
	if (!view->kernel)
		print_mapping(view);
	putchar('\n');
	print_address(view);
	putchar('\n');
	print_levels(view);
	putchar('\n');
	print_result(view);
}

/* A value that does not exist is null, one that is withheld is "hidden". */
static void json_hex(const struct walk_view *view, const char *name, bool exists, __u64 value)
{
	char *hex = NULL;

	if (exists)
		hex = view->hidden ? strdup("hidden") : text("0x%llx", value);
	json_value(name, CELL_STRING, hex);
	free(hex);
}

static const char *level_state(const struct vmwalk_level *level)
{
	if (level->flags & VMWALK_LEVEL_FOLDED)
		return "folded";
	if (level->flags & VMWALK_LEVEL_LEAF)
		return "leaf";
	return level->flags & VMWALK_LEVEL_READ ? "read" : "unread";
}

static void print_json_level(const struct walk_view *view, int i)
{
	const struct vmwalk_level *level = &view->walk->level[i];
	bool read = level->flags & VMWALK_LEVEL_READ;
	char *index = read ? text("%u", level->index) : NULL;

	json_object(NULL);
	json_value("level", CELL_STRING, level_name[i]);
	json_value("state", CELL_STRING, level_state(level));
	json_hex(view, "table", read, level->table);
	json_value("index", CELL_NUMBER, index);
	json_hex(view, "entry", read, level->entry);
	json_end();
	free(index);
}

static void print_json(const struct walk_view *view)
{
	const struct vmwalk_walk *walk = view->walk;
	bool page = walk->stop == VMWALK_STOP_PAGE;
	char *flags = flag_names(vmwalk_state_name, walk->state);
	int i;

	json_object(NULL);
	json_address("address", walk->addr);
	if (view->kernel)
		json_value("pid", CELL_NUMBER, NULL);
	else
		json_number("pid", view->target->pid);
	if (view->mapping) {
		json_object("mapping");
		json_address("start", view->mapping->start);
		json_address("end", view->mapping->end);
		json_value("perm", CELL_STRING, view->mapping->perms);
		json_value("name", CELL_STRING, view->mapping->name);
		json_end();
	} else {
		json_value("mapping", CELL_STRING, NULL);
	}
	json_array("levels");
	for (i = 0; i < VMWALK_LEVELS; i++)
		print_json_level(view, i);
	json_end();
	json_value("stop", CELL_STRING,
		   walk->stop < ARRAY_SIZE(stop_name) ? stop_name[walk->stop] : NULL);
	json_value("stop_level", CELL_STRING, level_name[walk->stop_level]);
	json_number("size", 1ULL << walk->page_shift);
	json_hex(view, "pfn", page, walk->pfn);
	json_hex(view, "phys", page, walk->phys);
	json_value("flags", CELL_LIST, flags);
	json_end();
	free(flags);
}

static int kernel_failure(__u64 addr)
{
	switch (errno) {
	case EINVAL:
		return failure("kernel: 0x%llx is not a kernel address; "
			       "omit --kernel to walk a process",
			       addr);
	case EPERM:
		return failure("kernel: address 0x%llx: %m: " LACKS("CAP_SYS_ADMIN"), addr);
	}
	return failure("kernel: address 0x%llx: %m", addr);
}

static int walk_one(struct target *target, __u64 addr, bool kernel, bool json)
{
	struct vmwalk_walk walk = { .addr = addr };
	struct walk_view view = { .target = target, .walk = &walk, .kernel = kernel };
	struct maps *maps;

	if (kernel)
		walk.flags = VMWALK_WALK_KERNEL;
	if (vmwalk_file_walk(target->file, &walk)) {
		if (kernel)
			return kernel_failure(addr);
		if (errno == EINVAL)
			return failure("process %d: 0x%llx is not a user-space address; "
				       "use --kernel for a kernel address",
				       target->pid, addr);
		return target_failure(target, &addr, errno);
	}

	maps = kernel ? NULL : maps_open(target->pid);
	view.hidden = walk.state & VMWALK_HIDDEN;
	view.maps_known = maps;
	view.mapping = maps_find(maps, addr);
	if (view.mapping && view.mapping->start > addr)
		view.mapping = NULL;
	if (json)
		print_json(&view);
	else
		print_text(&view);
	maps_close(maps);
	return EXIT_SUCCESS;
}

static const struct verb_option walk_options[] = {
	{ "kernel", 'k', NULL, "walk the kernel's page tables" },
	{ "json", 'J', NULL, "print JSON" },
	{},
};

static int walk(int argc, char **argv)
{
	struct target_options options = {};
	struct target target;
	bool json = false;
	int option, status;
	const char *arg;
	__u64 addr;

	while ((option = next_option(argc, argv, &arg)) >= 0) {
		if (target_option(&options, option, arg))
			continue;
		if (option == 'k')
			options.kernel = true;
		else
			json = true;
	}
	if (!parse_address(argv[optind], &addr))
		return address_failure(argv[optind]);

	status = target_open(&target, &options);
	if (status)
		return status;
	status = walk_one(&target, addr, options.kernel, json);
	target_close(&target);
	return status;
}

const struct verb walk_verb = {
	.name = "walk",
	.args = "ADDRESS",
	.min_args = 1,
	.max_args = 1,
	.summary = "Walk the page tables for an address and show every level",
	.details = "The address is hexadecimal, with or without 0x. PFNs and table entries are\n"
		   "shown as 'hidden' if the opener of the device lacks CAP_SYS_ADMIN. --kernel\n"
		   "needs no process; it uses a temporary instance unless --device is given.\n",
	.options = { target_verb_options, walk_options },
	.run = walk,
};
