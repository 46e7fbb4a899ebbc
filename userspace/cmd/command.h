/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the vmwalk command share.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_COMMAND_H
#define _VMWALK_COMMAND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "libvmwalk.h"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* Exit status beside EXIT_SUCCESS and EXIT_FAILURE: the command line can't be understood. */
#define EXIT_USAGE	2

/* The verbs: one description drives parsing and help alike. */

#define MANY_ARGS	UINT_MAX

struct verb_option {
	const char *name;		/* long; NULL ends the list */
	char letter;			/* short, and how the verb tells its options apart */
	const char *arg;		/* what it takes; NULL for a switch */
	const char *help;
};

struct column;

struct verb {
	const char *name;
	const char *args;		/* what comes after the options; "" for nothing */
	unsigned int min_args, max_args;	/* MANY_ARGS for as many as there are */
	const char *summary;		/* a line for the list of verbs */
	const char *details;		/* more for the verb's own help, or NULL */
	const struct verb_option *options[4];	/* lists of them, as many as there are */
	const struct column *columns;	/* of its listing, for its help, or NULL */
	int (*run)(int argc, char **argv);
};

extern const struct verb create_verb, destroy_verb, list_verb, show_verb, walk_verb, translate_verb,
	scan_verb, vmas_verb;

/*
 * Take the next option of the running verb. Returns its letter with *@arg set, or -1 when only
 * arguments are left, from argv[optind] on. Doesn't return on what isn't an option.
 */
int next_option(int argc, char **argv, const char **arg);

/* Say "vmwalk: VERB: ..." on stderr. Returns EXIT_FAILURE, or EXIT_USAGE with a hint at --help. */
[[gnu::format(printf, 1, 2)]] int failure(const char *format, ...);
[[gnu::format(printf, 1, 2)]] int usage_failure(const char *format, ...);

/* An address is hexadecimal, with or without 0x, as in /proc/PID/maps. */
bool parse_address(const char *text, __u64 *addr);
bool parse_pid(const char *text, pid_t *pid);

/* Tables, for a reader or, as JSON and raw, for a program. */

enum cell_type {
	CELL_STRING,
	CELL_NUMBER,
	CELL_BOOLEAN,		/* "0" or "1" */
	CELL_WORDS,		/* separated by commas; an array in JSON */
};

struct column {
	const char *name;	/* NULL ends the list */
	const char *help;
	enum cell_type type;
	bool right;		/* aligned to the right */
	int width;		/* in a table that streams; more than its name has */
};

struct table_options {
	bool json;
	bool raw;
	bool noheadings;
	const char *columns;	/* what -o named, or NULL */
};

/* The options of each verb with a table, and what to do with one of them. */
extern const struct verb_option table_verb_options[];
void table_option(struct table_options *options, int option, const char *arg);

struct table;

/*
 * The text of one cell, for the table to free, or NULL where there is nothing to say. Figures are
 * @exact for a program and rounded for a reader.
 */
typedef char *(*cell_fn)(const void *row, size_t column, bool exact);

/*
 * Start a table on stdout. With @streams rows are printed as they come, in columns of fixed
 * widths. Returns an exit status, after saying what is wrong.
 */
int table_open(struct table **table, const char *name, const struct column *columns, cell_fn cell,
	       bool streams, const struct table_options *options);

/*
 * All return -1 with errno set on failure, and table_close() frees the table in any case. What was
 * added to a table that streams is printed by table_flush(), and without it after some rows more.
 */
int table_add(struct table *table, const void *row);
int table_flush(struct table *table);
int table_close(struct table *table);

/* JSON on stdout. A name is NULL in an array and at the top. */

void json_object(const char *name);
void json_array(const char *name);
void json_end(void);
void json_value(const char *name, enum cell_type type, const char *text);

/* Whose memory walk, translate, scan and vmas look at. */

struct target {
	struct vmwalk_file *file;
	struct vmwalk_info info;
	pid_t pid;				/* the process, for /proc; this one if info has 0 */
	struct vmwalk_instance *temporary;	/* made for this run, or NULL */
};

struct target_options {
	const char *device;
	const char *pid;
	bool kernel;		/* the kernel's, so a pid says nothing and a device is enough */
};

/* The options of each verb that looks at memory: -d goes to @device, -p to @pid. */
extern const struct verb_option target_verb_options[];

/* Takes one of those two. Returns false, with nothing done, for any other. */
bool target_option(struct target_options *options, int option, const char *arg);

/* Returns an exit status, after saying what failed. */
int target_open(struct target *target, const struct target_options *options);
void target_close(struct target *target);

/* What EPERM is about, for a call that takes a capability. */
#define TAKES(capability)	\
	"it takes " capability " when the device is opened, and no kernel lockdown"

/* Why, by @error, a call on the target failed. */
const char *target_error(int error);

/* Print "process PID (COMM)", or what can be had of it. */
void target_print(FILE *out, const struct target *target);

/* Instances that are removed when the command ends, whatever ends it: at most one at a time. */

/*
 * Create an instance, with a name of the command's own if @name is NULL. Returns NULL with errno
 * set. The handle ends with one of the two calls below.
 */
struct vmwalk_instance *keeper_create(const char *name);
void keeper_remove(struct vmwalk_instance *instance);

/* Let the instance stay. From here on signals wait until the command has ended. */
void keeper_leave(struct vmwalk_instance *instance);

/* Mappings of a process, in the order of their addresses. */

struct mapping {
	__u64 start, end;
	__u64 offset;
	char perms[5];
	char *name;		/* the file's or the kernel's; "[anon]" for neither */
};

struct maps;

/* Returns NULL with errno set. */
struct maps *maps_open(pid_t pid);
void maps_close(struct maps *maps);

/*
 * The mapping that holds @addr, or the next one above it, or NULL; it lasts until the next call.
 * From one call to the next addresses may only grow.
 */
const struct mapping *maps_find(struct maps *maps, __u64 addr);

/* What configfs says, and small texts */

/*
 * Say why a vmwalk_instance_set() failed, about an instance that the user knows by @name, or with
 * NULL doesn't know. Returns EXIT_FAILURE.
 */
int attribute_failure(const struct vmwalk_instance *instance, const char *name, const char *attr,
		      const char *value);

/* Say why, by errno, an instance or with NULL the driver can't be had. Returns EXIT_FAILURE. */
int instance_failure(const char *name);

/* The name of each bit that is set, separated by commas. The caller frees the text. */
char *flag_names(const char *const *name, size_t count, __u32 flags);

/* Names of VMWALK_PRESENT and so on, separated by commas. The caller frees the text. */
char *state_names(__u32 state);

/* Returns NULL, or where in @names a word begins that is no such name. */
const char *parse_state(const char *names, __u32 *state);

/* Bytes in the largest unit that divides them, as 64K. The caller frees the text. */
char *size_text(__u64 bytes, bool exact);

/* Text of a printf format for the caller to free; NULL if memory ran out. */
[[gnu::format(printf, 1, 2)]] char *text(const char *format, ...);

/* The same with a path below VMWALK_SYSROOT. */
[[gnu::format(printf, 1, 2)]] char *system_path(const char *format, ...);

/*
 * Print text that may hold anything, such as the name of a process. What isn't a printable
 * character is printed as \xNN, byte by byte, as tables have it.
 */
void print_text(FILE *out, const char *text);

#endif /* _VMWALK_COMMAND_H */
