/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmwalk top: state of the terminal
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_TOP_SCREEN_H
#define _VMWALK_TOP_SCREEN_H

#include "top.h"

/* A view, with the order and position that the user has chosen */
struct top_page {
	const struct top_view *view;
	size_t *order; /* indices of the rows; count is their number */
	size_t count;
	size_t sort;
	bool reverse;
	size_t cursor; /* in order */
	size_t first;  /* at the top of the terminal */
	size_t shift;  /* columns of the terminal that are scrolled out at the left */
};

enum { TOP_PROCESSES, TOP_INSTANCES, TOP_MAPPINGS, TOP_PAGES };

struct top_state {
	struct top *top;
	const struct top_settings *settings;
	struct top_page pages[TOP_PAGES];
	unsigned int current;
	/* What keys mean: move the cursor, type text, choose a column, leave the help */
	enum { TOP_BROWSE, TOP_SEARCH, TOP_PID, TOP_SORT, TOP_HELP } mode;
	char input[32]; /* typed text */
	size_t choice;  /* column in the menu */
};

static inline struct top_page *top_current(struct top_state *state)
{
	return &state->pages[state->current];
}

/* Number of rows that fit on the terminal */
size_t top_height(void);

void top_draw(const struct top_state *state);

/* Keep the cursor on a row, and the row on the terminal. */
void top_clamp(struct top_page *page);

/* Order the rows again. Prints errors and returns an exit status. */
int top_order_page(struct top_state *state, struct top_page *page);

/* The process at the cursor, or one without PID */
struct process top_at_cursor(const struct top_state *state);

/* Whether a key ends the command. On other pages than the first, it goes back. */
bool top_quits(struct top_state *state, int key);

/* Handle any other key. Returns whether the rows to scan may be others now. */
bool top_key(struct top_state *state, int key);

#endif /* _VMWALK_TOP_SCREEN_H */
