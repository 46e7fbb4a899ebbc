// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk top: what keys do
 *
 * Copyright (C) The vmwalk authors
 */
#include <ctype.h>
#include <curses.h>
#include <stdlib.h>
#include <string.h>

#include "top_screen.h"

#define KEY_ESCAPE 27

static bool show_page(struct top_state *state, unsigned int page)
{
	struct top *top = state->top;

	if (page == TOP_MAPPINGS) {
		top->chosen = top_at_cursor(state);
		if (!top->chosen.pid)
			return false;
		state->pages[page].cursor = 0;
		state->pages[page].count = 0;
	} else {
		top->chosen = (struct process){};
	}
	state->current = page;
	return true;
}

static bool contains(const struct top_state *state, size_t row)
{
	const struct top_page *page = &state->pages[state->current];
	struct top_value value;
	size_t i;

	for (i = 0; page->view->columns[i].name; i++) {
		value = page->view->value(state->top, row, i);
		if (value.type == TOP_TEXT && strcasestr(value.text, state->input))
			return true;
	}
	return false;
}

/* Move the cursor to the next row with the text, from @from rows after the cursor. */
static void search(struct top_state *state, size_t from)
{
	struct top_page *page = top_current(state);
	size_t i, at;

	for (i = 0; *state->input && i < page->count; i++) {
		at = (page->cursor + from + i) % page->count;
		if (contains(state, page->order[at])) {
			page->cursor = at;
			break;
		}
	}
	top_clamp(page);
}

static void go_to_pid(struct top_state *state)
{
	struct top_page *page = &state->pages[TOP_PROCESSES];
	long pid = strtol(state->input, NULL, 10);
	size_t i;

	for (i = 0; i < page->count; i++)
		if (state->top->rows[page->order[i]].process.pid == pid)
			page->cursor = i;
	top_clamp(page);
}

static void typed(struct top_state *state, size_t from)
{
	if (state->mode == TOP_PID)
		go_to_pid(state);
	else
		search(state, from);
}

static bool input_key(struct top_state *state, int key)
{
	size_t len = strlen(state->input);
	bool digits = state->mode == TOP_PID;

	if (key == '\n' || key == KEY_ENTER || key == KEY_ESCAPE) {
		state->mode = TOP_BROWSE;
	} else if (key == KEY_BACKSPACE || key == 127 || key == '\b') {
		state->input[len ? len - 1 : 0] = '\0';
	} else if (key == KEY_F(3)) {
		typed(state, 1);
	} else if (key < 256 && (digits ? isdigit(key) : isprint(key)) &&
		   len < sizeof(state->input) - 1) {
		state->input[len] = (char)key;
		state->input[len + 1] = '\0';
		typed(state, 0);
	}
	return true;
}

static bool menu_key(struct top_state *state, int key)
{
	struct top_page *page = top_current(state);

	if (key == KEY_UP && state->choice) {
		state->choice--;
	} else if (key == KEY_DOWN && page->view->columns[state->choice + 1].name) {
		state->choice++;
	} else if (key == '\n' || key == KEY_ENTER) {
		page->sort = state->choice;
		top_order_page(state, page);
		state->mode = TOP_BROWSE;
	} else if (key == KEY_ESCAPE || key == 'q' || key == KEY_F(10)) {
		state->mode = TOP_BROWSE;
	}
	return true;
}

static void start_input(struct top_state *state, int mode)
{
	state->mode = mode;
	state->input[0] = '\0';
}

static bool move_key(struct top_page *page, int key)
{
	size_t height = top_height();

	if (key == KEY_UP)
		page->cursor -= !!page->cursor;
	else if (key == KEY_DOWN)
		page->cursor++;
	else if (key == KEY_PPAGE)
		page->cursor -= page->cursor < height ? page->cursor : height;
	else if (key == KEY_NPAGE)
		page->cursor += height;
	else if (key == KEY_HOME)
		page->cursor = 0;
	else if (key == KEY_END)
		page->cursor = page->count;
	else if (key == KEY_LEFT)
		page->shift -= page->shift < 8 ? page->shift : 8;
	else if (key == KEY_RIGHT)
		page->shift += 8;
	else
		return false;
	top_clamp(page);
	return true;
}

/* Keys that start another mode. Returns whether it was one of them. */
static bool mode_key(struct top_state *state, int key)
{
	bool processes = state->current == TOP_PROCESSES;

	if (key == KEY_F(1) || key == '?') {
		state->mode = TOP_HELP;
	} else if (key == KEY_F(3) || key == '/') {
		start_input(state, TOP_SEARCH);
	} else if (processes && key == 'p') {
		start_input(state, TOP_PID);
	} else if (processes && key >= '0' && key <= '9') {
		start_input(state, TOP_PID);
		input_key(state, key);
	} else if (key == KEY_F(6) || key == '>') {
		state->mode = TOP_SORT;
		state->choice = top_current(state)->sort;
	} else {
		return false;
	}
	return true;
}

static bool browse_key(struct top_state *state, int key)
{
	struct top_page *page = top_current(state);
	bool processes = state->current == TOP_PROCESSES;

	if (move_key(page, key) || mode_key(state, key))
		return true;
	switch (key) {
	case 'I':
		page->reverse = !page->reverse;
		top_order_page(state, page);
		return true;
	case '\t':
		return show_page(state, processes ? TOP_INSTANCES : TOP_PROCESSES);
	case '\n':
	case KEY_ENTER:
		return processes && show_page(state, TOP_MAPPINGS);
	case KEY_ESCAPE:
		return show_page(state, TOP_PROCESSES);
	}
	return false;
}

bool top_key(struct top_state *state, int key)
{
	switch (state->mode) {
	case TOP_SEARCH:
	case TOP_PID:
		return input_key(state, key);
	case TOP_SORT:
		return menu_key(state, key);
	case TOP_HELP:
		state->mode = TOP_BROWSE;
		return false;
	case TOP_BROWSE:
		break;
	}
	return browse_key(state, key);
}

bool top_quits(struct top_state *state, int key)
{
	if (state->mode != TOP_BROWSE || (key != 'q' && key != KEY_F(10)))
		return false;
	if (state->current == TOP_PROCESSES)
		return true;
	show_page(state, TOP_PROCESSES);
	return false;
}
