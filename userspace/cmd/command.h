/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interfaces shared by the command's source files
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_COMMAND_H
#define _VMWALK_COMMAND_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "libvmwalk.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Exit status for a wrong command line, beside EXIT_SUCCESS and EXIT_FAILURE */
#define EXIT_USAGE 2

/* Verbs: one description for parsing and for --help */

#define MANY_ARGS UINT_MAX

struct verb_option {
	const char *name; /* long name; NULL ends the list */
	char letter;      /* short name, unique within a verb */
	const char *arg;  /* name of its argument, or NULL */
	const char *help;
};

struct column;

struct verb {
	const char *name;
	const char *args;                     /* operands, for the usage line */
	unsigned int min_args, max_args;      /* or MANY_ARGS */
	const char *summary;                  /* one line */
	const char *details;                  /* shown by the verb's own --help, or NULL */
	const struct verb_option *options[4]; /* ends with NULL */
	const struct column *columns;         /* shown by --help, or NULL */
	const char *exit_status;              /* shown by --help; NULL: as all commands */
	int failure;                          /* exit status of failure(); 0: EXIT_FAILURE */
	int (*run)(int argc, char **argv);
};

extern const struct verb create_verb, set_verb, destroy_verb, list_verb, show_verb, walk_verb,
	translate_verb, scan_verb, vmas_verb, summary_verb, metrics_verb, find_verb, diff_verb,
	map_verb, top_verb;

/*
 * Parse the next option of the running verb. Returns its letter and sets *@arg,
 * or returns -1 when only operands are left, from argv[optind] on. Exits on
 * --help and on errors.
 */
int next_option(int argc, char **argv, const char **arg);

/*
 * Print "vmwalk: VERB: ..." to stderr and return an exit status. Standard output
 * is flushed first.
 */
[[gnu::format(printf, 1, 2)]] int failure(const char *format, ...);
[[gnu::format(printf, 1, 2)]] int usage_failure(const char *format, ...);

/* Parse a hexadecimal address, with or without 0x, as in /proc/PID/maps. */
bool parse_address(const char *text, __u64 *addr);
bool parse_pid(const char *text, pid_t *pid);

/*
 * Write to standard output. The command reports the first error when it ends;
 * ferror(stdout) shows whether there was one.
 */
void output(const char *text, size_t len);
void output_flush(void);

/* Whether to use colours on a stream: a terminal, unless NO_COLOR is set */
bool use_colours(FILE *stream);

#define NOT_AN_ADDRESS "is not a hexadecimal address of up to 64 bits"

/* Print a usage error about @text. Returns EXIT_USAGE. */
int address_failure(const char *text);

/* Growing text, not terminated. Adding to it fails if memory is short. */

struct buffer {
	char *text;
	size_t len, size;
	bool failed;
};

void buffer_free(struct buffer *buffer);
void buffer_grow(struct buffer *buffer, size_t len);

static inline void buffer_add(struct buffer *buffer, const char *text, size_t len)
{
	if (buffer->size - buffer->len < len)
		buffer_grow(buffer, len);
	if (buffer->failed)
		return;
	memcpy(buffer->text + buffer->len, text, len);
	buffer->len += len;
}

/* Tables: as text with aligned columns, raw, or as JSON */

enum cell_type {
	CELL_STRING,
	CELL_NUMBER,
	CELL_BOOLEAN, /* "0" or "1" */
	CELL_LIST,    /* comma-separated; an array in JSON */
};

struct column {
	const char *name; /* NULL ends the list */
	const char *help;
	enum cell_type type;
	bool right;    /* right-aligned */
	int width;     /* of a column of a streaming table */
	bool optional; /* not shown by default */
};

struct table_options {
	bool json;
	bool raw;
	bool noheadings;
	bool bytes;
	bool all;
	bool member;         /* in JSON, the caller prints the object around the table */
	const char *columns; /* argument of --output, or NULL */
};

extern const struct verb_option table_verb_options[];
void table_option(struct table_options *options, int option, const char *arg);

struct table;
struct cell;

/* Set the value of a cell. A cell that is not set has no value. */
typedef void (*cell_fn)(struct cell *cell, const void *row, size_t column);

void cell_hex(struct cell *cell, __u64 value);
void cell_number(struct cell *cell, __u64 value);
/* A size; in a table in the largest unit that divides it, without --bytes */
void cell_size(struct cell *cell, __u64 bytes);
/* A size; in a table rounded to three digits or so, without --bytes */
void cell_amount(struct cell *cell, __u64 bytes);
/* NULL: no value */
void cell_text(struct cell *cell, const char *text);
/* Frees @text. NULL with errno ENOMEM fails. */
void cell_take(struct cell *cell, char *text);
/* Names of state flags; in a table without "present" */
void cell_state(struct cell *cell, __u32 state);
/* Whether values must not be abbreviated, because the output is raw or JSON */
bool cell_exact(const struct cell *cell);
/* The same, or because --bytes is given */
bool cell_bytes(const struct cell *cell);

/*
 * Text that is prepared for the cells of one table, because it repeats. The
 * owner initializes it with zeros and frees it. A label without text has no
 * value.
 */
struct label {
	struct buffer shown;
	size_t width;
};

/* Prepare @text, or no value if it is NULL, for a column of this type. */
void label_set(struct label *label, const struct table *table, enum cell_type type,
	       const char *text);
void label_free(struct label *label);
void cell_label(struct cell *cell, const struct label *label);

/*
 * Start a table on stdout. If it @streams, its columns have fixed widths and
 * rows are printed while they are added. Prints errors and returns an exit
 * status.
 */
int table_open(struct table **table, const char *name, const struct column *columns, cell_fn cell,
	       bool streams, const struct table_options *options);

/*
 * These return -1 with errno set if memory is short; for errors of the output
 * see ferror(stdout). A streaming table prints its rows in batches;
 * table_flush() prints those added so far. table_close() always frees the
 * table. If the table is @complete, it prints the headings even without rows.
 */
int table_add(struct table *table, const void *row);
void table_flush(struct table *table);
int table_close(struct table *table, bool complete);

/* Number of rows that were added */
size_t table_rows(const struct table *table);

/* JSON on stdout. @name is NULL in an array and at the top level. */

void json_object(const char *name);
void json_array(const char *name);
void json_end(void);
void json_value(const char *name, enum cell_type type, const char *text);
void json_number(const char *name, __u64 value);
void json_address(const char *name, __u64 addr);
/* Print an element of an array that is JSON already. */
void json_element(const char *json, size_t len);

/* Add a value. @text may be NULL or invalid for its type: then it is null. */
void json_add(struct buffer *buffer, enum cell_type type, const char *text);

/* Target of walk, translate, scan and vmas */

struct target {
	struct vmwalk_file *file;
	struct vmwalk_info info;
	pid_t pid;                         /* never 0; the command's own if it is the target */
	struct vmwalk_instance *temporary; /* created for --pid, or NULL */
};

struct target_options {
	const char *device;
	const char *pid;
	bool kernel; /* walk the kernel: no process is needed */
};

extern const struct verb_option target_verb_options[];

/* Store --device or --pid. Returns false for any other option. */
bool target_option(struct target_options *options, int option, const char *arg);

/* Prints errors and returns an exit status. */
int target_open(struct target *target, const struct target_options *options);

/*
 * Open a temporary instance whose target is the command itself until
 * target_set(). Prints errors and returns an exit status.
 */
int target_open_temporary(struct target *target);

/* Set the target of a temporary instance. Returns -1 with errno set on error. */
int target_set(struct target *target, pid_t pid);

void target_close(struct target *target);

/* Cause of EPERM from a call that needs a capability */
#define LACKS(capability)                                                     \
	"the opener of the device lacks " capability ", or the kernel is in " \
	"confidentiality lockdown"

/*
 * Print an error message for a call on the target that failed with @error.
 * @where is the address that was passed, or NULL. Returns EXIT_FAILURE.
 */
int target_failure(const struct target *target, const __u64 *where, int error);

#define TARGET_COMM_SIZE 64

/* Get the name of the process, which may contain any bytes; empty if unknown. */
void target_comm(const struct target *target, char comm[TARGET_COMM_SIZE]);

/* Print "process PID (COMM)", without COMM if it is not readable. */
void target_print(FILE *out, const struct target *target);

/*
 * Progress of a long command, on standard error if that is a terminal and
 * standard output is not. Print it whenever it is due.
 */

void progress_start(void);
bool progress_due(void);
[[gnu::format(printf, 1, 2)]] void progress_print(const char *format, ...);
void progress_end(void);

/*
 * Write the entries of the pages in a range to a file that has the layout of
 * /proc/PID/pagemap. Prints errors and returns an exit status.
 */
int pagemap_write(const struct target *target, struct vmwalk_scan *range, const char *path);

/* Guarded instance: removed when the command ends, even by a signal */

/*
 * Create the guarded instance; there can be only one. If @name is NULL, its
 * name is generated. Returns NULL with errno set on error.
 */
struct vmwalk_instance *guard_create(const char *name);

/* Whether this is the name of a temporary instance, perhaps of another command */
bool guard_is_temporary(const char *name);

/* Whether this is the child process that guards the instance */
bool guard_is_process(pid_t pid);

/* Remove the instance and close its handle. */
void guard_remove(struct vmwalk_instance *instance);

/*
 * Keep the instance and close its handle. Blocks all signals from here on: the
 * command must not fail after it has kept the instance.
 */
void guard_release(struct vmwalk_instance *instance);

/*
 * Block the signals that end the command, so that it can clean up first. Sets
 * *@before to the signal mask to restore: then a signal that waits ends the
 * command. Returns a descriptor that is readable while one waits, or -1 with
 * errno set.
 */
int guard_block_signals(sigset_t *before);

/*
 * mkstemp(3), of a file that a signal removes when it ends the command, until
 * guard_end_file(). There can be only one; @path must stay valid.
 */
int guard_mkstemp(char *path);
void guard_end_file(void);

/* A file that is written to a temporary name, and then replaces another one */

struct replacement {
	const char *path;
	char *temporary;
	FILE *file;
};

/* Prints errors and returns an exit status. */
int replacement_open(struct replacement *replacement, const char *path);

/*
 * Replace the file, or remove the temporary one if @status is not EXIT_SUCCESS.
 * The file gets this mode. Prints errors and returns an exit status.
 */
int replacement_close(struct replacement *replacement, mode_t mode, int status);

/* Time of a clock in nanoseconds */
__u64 clock_ns(clockid_t clock);

/* /proc/PID/maps */

struct mapping {
	unsigned long line; /* in the file, from 1 */
	__u64 start, end;
	__u64 offset;
	char perms[5];
	char *name; /* "[anon]" if it has none */
};

struct maps;

/* Returns NULL with errno set on error. */
struct maps *maps_open(pid_t pid);
/* Read lines from a file, which maps_close() closes, from its position on. */
struct maps *maps_read(FILE *file);
void maps_close(struct maps *maps);

/*
 * Get the mapping at @addr, or else the next one above it, or NULL. It is valid
 * until the next call. Each call must pass the same or a higher address.
 */
const struct mapping *maps_find(struct maps *maps, __u64 addr);

/*
 * Number of pages at @addr, up to @pages, that are in one mapping, or in none.
 * Sets *@mapping to the mapping, or NULL. Each call must pass the same or a
 * higher address.
 */
__u64 maps_part(struct maps *maps, __u64 addr, __u64 pages, __u32 page_size,
		const struct mapping **mapping);

/*
 * Percentage of the process's mapped memory from @start to @end that is below
 * @addr, or -1 if the maps are not readable.
 */
int maps_percent(pid_t pid, __u64 start, __u64 addr, __u64 end);

/* Error messages */

/*
 * Print the error message of vmwalk_instance_set(). @name is the instance's
 * name, or NULL for a temporary instance. Returns EXIT_FAILURE.
 */
int attribute_failure(const struct vmwalk_instance *instance, const char *name, const char *attr,
		      const char *value);

/*
 * Print an error message for errno about the instance @name, or about the
 * driver if @name is NULL. Returns EXIT_FAILURE.
 */
int instance_failure(const char *name);

/* Check that an instance can have this name. Prints errors. */
bool valid_name(const char *name);

/* Text. The caller frees returned strings, unless documented otherwise. */

/* Comma-separated names of the bits of @flags for which @name returns a name */
char *flag_names(const char *(*name)(__u32 flag), __u32 flags);

/* Parse names of state flags. Returns NULL, or where an unknown name begins. */
const char *parse_state(const char *names, __u32 *state);

char ascii_lower(char c);

/* Decode a UTF-8 character (RFC 3629). Returns its length, or 0 if invalid. */
size_t utf8_decode(const char *text, size_t len, __u32 *character);

/* Divide a size by the largest unit that divides it. Returns the unit, or 0. */
char size_unit(__u64 *bytes);

/* Size in the largest unit that divides it, such as "64K" */
char *size_text(__u64 bytes);

/* Size in the largest unit of which it has one or more, rounded, such as "143.3G" */
char *amount_text(__u64 bytes);

/* asprintf(3) that returns the text, or NULL */
[[gnu::format(printf, 1, 2)]] char *text(const char *format, ...);

/* Format a path and prefix VMWALK_SYSROOT. */
[[gnu::format(printf, 1, 2)]] char *system_path(const char *format, ...);

/* Open the file with such a path for reading. Returns NULL with errno set on error. */
[[gnu::format(printf, 1, 2)]] FILE *system_open(const char *format, ...);

/*
 * Read the start of /proc/PID/@name into @text, and terminate it. Returns its
 * length, 0 on error.
 */
size_t read_process_file(pid_t pid, const char *name, char *text, size_t size);

/*
 * Print or add text that may contain any bytes, such as the name of a process.
 * Bytes of unprintable characters are written as \xNN. add_escaped() returns
 * the width on a terminal.
 */
void print_escaped(FILE *out, const char *text);
size_t add_escaped(struct buffer *buffer, const char *text);

#endif /* _VMWALK_COMMAND_H */
