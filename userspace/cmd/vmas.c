// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk vmas
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

enum {
	COL_START,
	COL_END,
	COL_PERM,
	COL_OFFSET,
	COL_DEVICE,
	COL_INODE,
	COL_PAGE_SIZE,
	COL_VM_FLAGS,
	COL_PAGE_PROT,
	COL_ATTRS,
	COL_MAPPING,
};

static const struct column vmas_columns[] = {
	[COL_START] = { "START", "first address", CELL_STRING, true, 14 },
	[COL_END] = { "END", "first address after the last", CELL_STRING, true, 14 },
	[COL_PERM] = { "PERM", "permissions; s: shared, p: private", CELL_STRING, false, 5 },
	[COL_OFFSET] = { "OFFSET", "offset of START in the file", CELL_STRING, true, 10 },
	[COL_DEVICE] = { "DEVICE", "device number of the file system", CELL_STRING, true, 7 },
	[COL_INODE] = { "INODE", "inode number of the file", CELL_NUMBER, true, 8 },
	[COL_PAGE_SIZE] = { "PAGE_SIZE", "smallest page size of the mapping", CELL_NUMBER, true,
			    10 },
	[COL_VM_FLAGS] = { "VM_FLAGS", "vm_flags of the kernel, raw", CELL_STRING, true, 10 },
	[COL_PAGE_PROT] = { "PAGE_PROT", "vm_page_prot of the kernel, raw", CELL_STRING, true, 18 },
	[COL_ATTRS] = { "ATTRS", "file device hugetlb shmem special; hugepage nohugepage",
			CELL_LIST, false, 12 },
	[COL_MAPPING] = { "MAPPING", "name of the mapping", CELL_STRING },
	{},
};

struct row {
	const struct vmwalk_vma *vma;
	const struct mapping *mapping; /* NULL if unreadable */
	__u32 page_size;
};

static void perm_cell(struct cell *cell, __u32 attrs)
{
	const char perms[] = {
		attrs & VMWALK_VMA_READ ? 'r' : '-',
		attrs & VMWALK_VMA_WRITE ? 'w' : '-',
		attrs & VMWALK_VMA_EXEC ? 'x' : '-',
		attrs & VMWALK_VMA_SHARED ? 's' : 'p',
		'\0',
	};

	cell_text(cell, perms);
}

/* The permissions have no names: PERM shows them. */
static const char *attr_name(__u32 attr)
{
	switch (attr) {
	case VMWALK_VMA_FILE:
		return "file";
	case VMWALK_VMA_DEVICE:
		return "device";
	case VMWALK_VMA_HUGETLB:
		return "hugetlb";
	case VMWALK_VMA_SHMEM:
		return "shmem";
	case VMWALK_VMA_HUGEPAGE:
		return "hugepage";
	case VMWALK_VMA_NOHUGEPAGE:
		return "nohugepage";
	case VMWALK_VMA_SPECIAL:
		return "special";
	}
	return NULL;
}

/* Columns that describe the file, if there is one */
static void file_cell(struct cell *cell, const struct row *row, size_t column)
{
	const struct vmwalk_vma *vma = row->vma;

	if (!(vma->attrs & VMWALK_VMA_FILE))
		return;
	if (column == COL_OFFSET)
		cell_hex(cell, vma->pgoff * row->page_size);
	else if (column == COL_DEVICE)
		cell_take(cell, text("%02x:%02x", vma->dev_major, vma->dev_minor));
	else
		cell_number(cell, vma->inode);
}

static void vmas_cell(struct cell *cell, const void *data, size_t column)
{
	const struct row *row = data;
	const struct vmwalk_vma *vma = row->vma;

	switch (column) {
	case COL_START:
		return cell_hex(cell, vma->start);
	case COL_END:
		return cell_hex(cell, vma->end);
	case COL_PERM:
		return perm_cell(cell, vma->attrs);
	case COL_OFFSET:
	case COL_DEVICE:
	case COL_INODE:
		return file_cell(cell, row, column);
	case COL_PAGE_SIZE:
		return cell_size(cell, 1ULL << vma->page_shift);
	case COL_VM_FLAGS:
		return cell_hex(cell, vma->vm_flags);
	case COL_PAGE_PROT:
		return cell_hex(cell, vma->page_prot);
	case COL_ATTRS:
		return cell_take(cell, flag_names(attr_name, vma->attrs));
	case COL_MAPPING:
		return cell_text(cell, row->mapping ? row->mapping->name : NULL);
	}
}

/* Returns 0 or the error. */
static int list_vmas(struct target *target, struct table *table)
{
	struct vmwalk_vma vma = {};
	struct row row = { .vma = &vma, .page_size = target->info.page_size };
	struct maps *maps = maps_open(target->pid);
	int error = 0;

	while (!error && !ferror(stdout)) {
		if (vmwalk_file_vma(target->file, &vma)) {
			error = errno;
			break;
		}
		row.mapping = maps_find(maps, vma.start);
		if (row.mapping && row.mapping->start > vma.start)
			row.mapping = NULL;
		if (table_add(table, &row))
			error = errno;
		vma.addr = vma.end;
	}
	maps_close(maps);
	/* ENOENT: end of the list */
	return error == ENOENT ? 0 : error;
}

static int run_vmas(struct target *target, const struct table_options *options)
{
	struct table *table;
	int status, error;

	status = table_open(&table, "vmas", vmas_columns, vmas_cell, true, options);
	if (status)
		return status;

	error = list_vmas(target, table);
	if (table_close(table, !error) && !error)
		error = errno;
	return error ? target_failure(target, NULL, error) : EXIT_SUCCESS;
}

static int vmas(int argc, char **argv)
{
	struct target_options target_options = {};
	struct table_options table_options = {};
	struct target target;
	int option, status;
	const char *arg;

	while ((option = next_option(argc, argv, &arg)) >= 0) {
		if (!target_option(&target_options, option, arg))
			table_option(&table_options, option, arg);
	}

	status = target_open(&target, &target_options);
	if (status)
		return status;
	status = run_vmas(&target, &table_options);
	target_close(&target);
	return status;
}

const struct verb vmas_verb = {
	.name = "vmas",
	.args = "",
	.summary = "List the mappings (VMAs) of a process",
	.details = "The list is that of /proc/PID/maps, with flags of the kernel. Raw values are\n"
		   "hexadecimal. Their meaning depends on the kernel version.\n",
	.options = { target_verb_options, table_verb_options },
	.columns = vmas_columns,
	.run = vmas,
};
