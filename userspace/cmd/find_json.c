// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk find: JSON
 *
 * Copyright (C) The vmwalk authors
 */
#include <stdlib.h>

#include "find.h"

static void json_kinds(const struct question *question)
{
	char name[32];
	size_t kind, i;

	json_object("kinds");
	for (kind = 0; question->known && kind < KPAGE_KINDS; kind++) {
		if (!question->kinds[kind])
			continue;
		snprintf(name, sizeof(name), "%s", kpage_kind_name(kind));
		for (i = 0; name[i]; i++)
			name[i] = name[i] == ' ' ? '_' : ascii_lower(name[i]);
		json_number(name, question->kinds[kind]);
	}
	json_end();
}

static void json_question(const struct find *find, const struct question *question)
{
	int node = kpage_node(question->pfn * find->questions.page_size);
	bool one = question->pages == 1;
	char *flags = question->known && one ? kpage_flag_names(question->flags) : NULL;
	char *cgroup = question->cgroup && one ? kpage_cgroup_path(question->cgroup) : NULL;
	char *number = node >= 0 ? text("%d", node) : NULL;
	char *counted = question->counted ? text("%llu", question->mappings) : NULL;

	json_object(NULL);
	json_address("start", question->start);
	json_address("end", question->range ? question->end : question->start + 1);
	json_address("pfn", question->pfn);
	json_number("pages", question->pages);
	json_value("node", CELL_NUMBER, number);
	json_kinds(question);
	json_value("flags", CELL_LIST, flags);
	json_value("cgroup", CELL_STRING, cgroup);
	json_value("counted", CELL_NUMBER, counted);
	json_number("found", question->found);
	json_number("gone", question->gone);
	json_value("complete", CELL_BOOLEAN, find_is_incomplete(find, question) ? "0" : "1");
	json_value("source", CELL_STRING, question->source);
	json_number("lines", question->lines);
	json_value("bank", CELL_BOOLEAN, question->bank ? "1" : "0");
	json_end();
	free(flags);
	free(cgroup);
	free(number);
	free(counted);
}

int find_json(struct find *find)
{
	const struct processes *processes = &find->search.processes;
	int status;
	size_t i;

	json_object(NULL);
	json_array("frames");
	for (i = 0; i < find->questions.count; i++)
		json_question(find, &find->questions.vec[i]);
	json_end();
	find->table_options.member = true;
	status = find_table(find, find->search.hits, find->search.nr_hits);
	json_number("walked", processes->walked);
	json_number("exited", processes->exited);
	json_number("denied", processes->denied);
	json_end();
	return status;
}
