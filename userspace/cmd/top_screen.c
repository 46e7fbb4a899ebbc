// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk top: the terminal and the main loop
 *
 * Messages to standard error are kept in a file until the terminal is restored.
 *
 * Copyright (C) The vmwalk authors
 */
#include <curses.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "top_screen.h"

/* Delay before Esc is taken for a key, and not for the start of a sequence */
#define ESCAPE_MS 50

/* After the user has scrolled: less than the delay, but no more of the time */
#define SOON 0.2

/* Terminal */

struct terminal {
	SCREEN *screen;
	int messages;     /* a file */
	int error_output; /* standard error of the caller */
};

/* Returns NULL if there is no such terminal, or if its cursor cannot be moved. */
static SCREEN *new_screen(void)
{
	SCREEN *screen = newterm(NULL, stdout, stdin);
	const char *move = screen ? tigetstr("cup") : NULL;

	if (!screen || (move && move != (const char *)-1))
		return screen;
	endwin();
	delscreen(screen);
	return NULL;
}

static int open_terminal(struct terminal *terminal)
{
	const char *name = getenv("TERM");

	terminal->messages = memfd_create("messages", MFD_CLOEXEC);
	terminal->error_output = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (terminal->messages < 0 || terminal->error_output < 0)
		return failure("%m");
	terminal->screen = new_screen();
	if (!terminal->screen)
		return failure("cannot use a terminal of type '%s'; set TERM, or use --batch",
			       name ? name : "");
	dup2(terminal->messages, STDERR_FILENO);
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	/* Keys are read after poll(2), which also waits for signals. */
	timeout(0);
	return EXIT_SUCCESS;
}

/* Restore the terminal, and print the messages. */
static void close_terminal(struct terminal *terminal)
{
	char text[1024];
	ssize_t len;

	endwin();
	delscreen(terminal->screen);
	dup2(terminal->error_output, STDERR_FILENO);
	lseek(terminal->messages, 0, SEEK_SET);
	while ((len = read(terminal->messages, text, sizeof(text))) > 0)
		fwrite(text, 1, len, stderr);
}

/* Rows */

void top_clamp(struct top_page *page)
{
	size_t height = top_height();

	if (page->cursor >= page->count)
		page->cursor = page->count ? page->count - 1 : 0;
	if (page->first > page->cursor)
		page->first = page->cursor;
	if (page->first + height <= page->cursor)
		page->first = page->cursor - height + 1;
	/* Use the whole terminal. */
	if (page->first + height > page->count)
		page->first = page->count > height ? page->count - height : 0;
}

int top_order_page(struct top_state *state, struct top_page *page)
{
	size_t *order = top_order(state->top, page->view, page->sort, page->reverse);

	if (!order)
		return failure("%m");
	free(page->order);
	page->order = order;
	page->count = page->view->count(state->top);
	top_clamp(page);
	return EXIT_SUCCESS;
}

struct process top_at_cursor(const struct top_state *state)
{
	const struct top_page *page = &state->pages[TOP_PROCESSES];

	if (page->cursor >= page->count)
		return (struct process){};
	return state->top->rows[page->order[page->cursor]].process;
}

/* Order the processes, and keep the cursor on the same one if it is still there. */
static int order_processes(struct top_state *state, const struct process *process)
{
	struct top_page *page = &state->pages[TOP_PROCESSES];
	int status = top_order_page(state, page);
	const struct process *other;
	size_t i;

	for (i = 0; !status && process->pid && i < page->count; i++) {
		other = &state->top->rows[page->order[i]].process;
		if (other->pid == process->pid && other->start == process->start) {
			page->cursor = i;
			top_clamp(page);
			break;
		}
	}
	return status;
}

/* Mark the processes to scan: those on the terminal, or the chosen one. */
static void choose_processes(struct top_state *state)
{
	const struct top_page *page = &state->pages[TOP_PROCESSES];
	struct top *top = state->top;
	size_t i, last = page->first + top_height();

	for (i = 0; i < top->nr_rows; i++)
		top->rows[i].wanted = state->current == TOP_MAPPINGS &&
			top->rows[i].process.pid == top->chosen.pid &&
			top->rows[i].process.start == top->chosen.start;
	for (i = page->first; state->current == TOP_PROCESSES && i < page->count && i < last; i++)
		top->rows[page->order[i]].wanted = true;
}

/* Returns an exit status. */
static int refresh_data(struct top_state *state)
{
	struct process process = top_at_cursor(state);
	struct top *top = state->top;
	int status;

	status = top_list(top);
	if (!status)
		status = order_processes(state, &process);
	choose_processes(state);
	if (!status)
		status = top_scan(top);
	if (!status)
		status = order_processes(state, &process);
	if (!status)
		status = top_order_page(state, &state->pages[TOP_INSTANCES]);
	if (!status)
		status = top_order_page(state, &state->pages[TOP_MAPPINGS]);
	return status;
}

/* The main loop */

/* Wait for a key, a signal or the end of the time. Returns whether to end. */
static bool wait_for_key(const struct top_state *state, double seconds)
{
	struct pollfd wait[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = state->top->stop, .events = POLLIN },
	};

	/* EINTR: the terminal has another size, or the process was stopped. */
	if (poll(wait, ARRAY_SIZE(wait), (int)(seconds * 1000) + 1) <= 0)
		return false;
	return wait[0].revents & ~POLLIN || wait[1].revents;
}

/* Returns whether the user quits. Sets *@due to the time of the next refresh. */
static bool handle_key(struct top_state *state, int key, double start, double *due)
{
	double soon;

	if (top_quits(state, key))
		return true;
	if (key == KEY_RESIZE)
		top_clamp(top_current(state));
	else if (key != KEY_F(5) && !top_key(state, key))
		return false;
	soon = key == KEY_F(5) ? start : start + top_interval(state->top, SOON);
	if (*due > soon)
		*due = soon;
	return false;
}

/*
 * Handle keys until the next refresh, after the one that began at @start, is due.
 * Returns whether to end.
 */
static bool handle_keys(struct top_state *state, double start)
{
	double due = start + top_interval(state->top, state->settings->delay), left;
	int key;

	for (;;) {
		left = due - top_now();
		if (top_stopped(state->top))
			return true;
		if (left <= 0)
			return false;
		key = getch();
		if (key != ERR) {
			if (handle_key(state, key, start, &due))
				return true;
			continue;
		}
		top_draw(state);
		if (wait_for_key(state, left))
			return true;
	}
}

static int run(struct top_state *state)
{
	unsigned long done = 0;
	double start;
	int status;

	for (;;) {
		start = top_now();
		status = refresh_data(state);
		if (status || handle_keys(state, start) || ++done == state->settings->count)
			return status;
	}
}

static int run_on_terminal(struct top_state *state)
{
	struct terminal terminal = {};
	unsigned int i;
	int status;

	status = open_terminal(&terminal);
	if (status)
		return status;
	status = run(state);
	close_terminal(&terminal);
	for (i = 0; i < TOP_PAGES; i++)
		free(state->pages[i].order);
	return status;
}

int top_screen(struct top *top, const struct top_settings *settings)
{
	struct top_state state = {
		.top = top,
		.settings = settings,
		.pages = { { &top_processes_view, .sort = settings->sort },
			   { &top_instances_view, .sort = top_instances_view.sort },
			   { &top_mappings_view, .sort = top_mappings_view.sort } },
	};
	sigset_t before;
	int status;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return failure("standard input and output are not a terminal; use --batch");
	/* The handlers of the guard would not restore the terminal. */
	top->stop = guard_block_signals(&before);
	status = top->stop < 0 ? failure("%m") : run_on_terminal(&state);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(top->stop);
	top->stop = -1;
	return status;
}
