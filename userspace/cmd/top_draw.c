// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk top: drawing
 *
 * Copyright (C) The vmwalk authors
 */
#include <curses.h>
#include <stdlib.h>
#include <wchar.h>

#include "top_screen.h"

/* Lines above and below the rows */
#define STATUS_LINE  0
#define TOTAL_LINE   1
#define TITLE_LINE   2
#define HEADING_LINE 3
#define FIRST_ROW    4
#define LINES_BELOW  1

static const char *const help[] = {
	"Up Down PgUp PgDn Home End   move the cursor",
	"Left Right                   scroll sideways",
	"F3 /                         search for a name; F3 again: the next one",
	"p, or digits                 go to a process ID",
	"F5                           refresh now",
	"F6 >                         choose the column that orders the rows",
	"I                            reverse the order",
	"Enter                        show the mappings of the process",
	"Tab                          show the instances, or the processes again",
	"Esc                          go back to the processes",
	"F10 q                        go back, or quit",
	"",
	"Only processes on the screen are scanned. A dash is a value that is not known.",
};

size_t top_height(void)
{
	int height = LINES - FIRST_ROW - LINES_BELOW;

	return height > 0 ? height : 1;
}

/*
 * Draw printable text on one line: what is right of @skip columns, as far as it
 * fits, and blanks up to the end of the line.
 */
static void draw_line(int line, size_t skip, const char *text, size_t len)
{
	size_t bytes, column = 0, width;
	mbstate_t state = {};
	const char *at = text, *begin = NULL;
	wchar_t c;

	for (; at < text + len; at += bytes) {
		bytes = mbrtowc(&c, at, text + len - at, &state);
		if (bytes == 0 || bytes > MB_LEN_MAX)
			break;
		width = wcwidth(c) > 0 ? wcwidth(c) : 0;
		if (!begin && column >= skip)
			begin = at;
		column += width;
		if (begin && column > skip + COLS)
			break;
	}
	/* A small terminal may not have this line. */
	if (move(line, 0) == ERR)
		return;
	if (begin)
		addnstr(begin, (int)(at - begin));
	if (!begin || column < skip + COLS)
		clrtoeol();
}

static void draw_attributes(int line, attr_t attributes)
{
	mvchgat(line, 0, -1, attributes, 0, NULL);
}

/* Draw text that may contain any bytes, and free it. */
static void draw_text(int line, char *text)
{
	struct buffer buffer = {};

	if (text)
		add_escaped(&buffer, text);
	draw_line(line, 0, buffer.text, buffer.failed ? 0 : buffer.len);
	buffer_free(&buffer);
	free(text);
}

/* Rows */

static void add_blanks(struct buffer *line, size_t count)
{
	while (count--)
		buffer_add(line, " ", 1);
}

/* Add a cell, whose column begins at the end of the line. Returns its width. */
static size_t add_text(struct buffer *line, const struct column *column, const char *text)
{
	struct buffer shown = {};
	size_t width = add_escaped(&shown, text), wanted = column->width;

	if (column->right && width < wanted)
		add_blanks(line, wanted - width);
	if (!shown.failed)
		buffer_add(line, shown.text, shown.len);
	if (!column->right && width < wanted)
		add_blanks(line, wanted - width);
	buffer_free(&shown);
	return width > wanted ? width : wanted;
}

static char *value_text(const struct top_value *value, bool bytes)
{
	switch (value->type) {
	case TOP_TEXT:
		return strdup(value->text);
	case TOP_AMOUNT:
		return bytes ? text("%llu", value->number) : amount_text(value->number);
	case TOP_NUMBER:
	case TOP_ID:
		return text("%llu", value->number);
	case TOP_HEX:
		return text("0x%llx", value->number);
	case TOP_NONE:
	case TOP_ESTIMATE:
		break;
	}
	return strdup("-");
}

static void add_row(struct buffer *line, const struct top_state *state, const struct top_page *page,
		    size_t row)
{
	const struct column *columns = page->view->columns;
	struct top_value value;
	char *shown;
	size_t i;

	for (i = 0; columns[i].name; i++) {
		value = page->view->value(state->top, row, i);
		shown = value_text(&value, state->settings->bytes);
		if (i)
			buffer_add(line, " ", 1);
		add_text(line, &columns[i], shown ? shown : "?");
		free(shown);
	}
}

static void draw_rows(const struct top_state *state, const struct top_page *page)
{
	size_t i, height = top_height();
	struct buffer line = {};

	for (i = 0; i < height; i++) {
		line.len = 0;
		if (page->first + i < page->count)
			add_row(&line, state, page, page->order[page->first + i]);
		draw_line(FIRST_ROW + (int)i, page->shift, line.text, line.failed ? 0 : line.len);
		if (page->first + i == page->cursor && page->count)
			draw_attributes(FIRST_ROW + (int)i, A_REVERSE);
	}
	buffer_free(&line);
}

/* The column that orders the rows is underlined. */
static void draw_headings(const struct top_page *page)
{
	const struct column *columns = page->view->columns;
	struct buffer line = {};
	size_t i, at = 0, begin = 0, width = 0;

	for (i = 0; columns[i].name; i++) {
		if (i) {
			buffer_add(&line, " ", 1);
			at++;
		}
		if (i == page->sort)
			begin = at;
		at += add_text(&line, &columns[i], columns[i].name);
		if (i == page->sort)
			width = at - begin;
	}
	draw_line(HEADING_LINE, page->shift, line.text, line.failed ? 0 : line.len);
	draw_attributes(HEADING_LINE, A_BOLD);
	if (begin >= page->shift && begin - page->shift < (size_t)COLS)
		mvchgat(HEADING_LINE, (int)(begin - page->shift), (int)width, A_BOLD | A_UNDERLINE,
			0, NULL);
	buffer_free(&line);
}

/* Other lines */

static void draw_title(const struct top_state *state, const struct top_page *page)
{
	const struct process *chosen = &state->top->chosen;

	if (state->current == TOP_MAPPINGS)
		draw_text(TITLE_LINE,
			  text("%s of process %d (%s): %zu%s", page->view->title, chosen->pid,
			       chosen->comm, page->count,
			       state->top->mappings_cut ? ", the others are not shown" : ""));
	else
		draw_text(TITLE_LINE, text("%s: %zu", page->view->title, page->count));
}

static const char *bottom_text(const struct top_state *state)
{
	switch (state->mode) {
	case TOP_SEARCH:
		return "Search: ";
	case TOP_PID:
		return "PID: ";
	case TOP_SORT:
		return "Up Down Choose  Enter Sort  Esc Cancel";
	case TOP_HELP:
		return "Press a key to continue";
	case TOP_BROWSE:
		break;
	}
	return state->current == TOP_PROCESSES ? "Enter Mappings  Tab Instances  F10 Quit"
					       : "Esc Processes  F10 Back";
}

static void draw_bottom(const struct top_state *state)
{
	bool typing = state->mode == TOP_SEARCH || state->mode == TOP_PID;
	bool browsing = state->mode == TOP_BROWSE;
	int line = LINES - 1;

	draw_text(line,
		  text("%s%s%s", browsing ? "F1 Help  F3 Search  F5 Refresh  F6 Sort  " : "",
		       bottom_text(state), typing ? state->input : ""));
	draw_attributes(line, A_REVERSE);
}

/* The menu of columns, instead of the rows. It scrolls on a small terminal. */
static void draw_menu(const struct top_state *state, const struct top_page *page)
{
	const struct column *columns = page->view->columns;
	size_t i, height = top_height(), first = 0;
	int line = FIRST_ROW;

	if (state->choice >= height)
		first = state->choice - height + 1;
	for (i = first; columns[i].name && i < first + height; i++, line++) {
		draw_text(line, text("%-9s  %s", columns[i].name, columns[i].help));
		if (i == state->choice)
			draw_attributes(line, A_REVERSE);
	}
}

static void draw_help(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(help) && i < top_height(); i++)
		draw_line(FIRST_ROW + (int)i, 0, help[i], strlen(help[i]));
}

void top_draw(const struct top_state *state)
{
	const struct top_page *page = &state->pages[state->current];

	erase();
	draw_text(STATUS_LINE, top_status(state->top, state->settings->delay));
	draw_text(TOTAL_LINE, top_total(state->top, state->settings->bytes));
	draw_title(state, page);
	if (state->mode != TOP_HELP)
		draw_headings(page);
	if (state->mode == TOP_HELP)
		draw_help();
	else if (state->mode == TOP_SORT)
		draw_menu(state, page);
	else
		draw_rows(state, page);
	draw_bottom(state);
	refresh();
}
