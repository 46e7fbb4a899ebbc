// SPDX-License-Identifier: GPL-2.0
/*
 * vmwalk: create, show and remove instances, and walk page tables
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

/* Written at once, since a pipe holds as much */
#define OUTPUT_SIZE (64 * 1024)

static const struct verb help_verb;

static const struct verb *const verbs[] = {
	&create_verb,    &set_verb,  &destroy_verb, &list_verb,    &show_verb,    &walk_verb,
	&translate_verb, &scan_verb, &vmas_verb,    &summary_verb, &metrics_verb, &find_verb,
	&diff_verb,      &map_verb,  &top_verb,     &help_verb,
};

static const struct verb *current; /* the running verb, or NULL */

static int output_error; /* first error of standard output, or 0 */

void output(const char *text, size_t len)
{
	if (fwrite_unlocked(text, 1, len, stdout) != len && !output_error)
		output_error = errno;
}

void output_flush(void)
{
	if (fflush(stdout) && !output_error)
		output_error = errno;
}

bool use_colours(FILE *stream)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(fileno(stream)) && !(no_color && *no_color) && term && *term &&
		strcmp(term, "dumb");
}

static void print_message(const char *format, va_list args)
{
	int error = errno; /* for %m */
	char *message;

	progress_end();
	output_flush();
	fputs(use_colours(stderr) ? "\033[31mvmwalk:\033[0m " : "vmwalk: ", stderr);
	if (current)
		fprintf(stderr, "%s: ", current->name);
	errno = error;
	if (vasprintf(&message, format, args) < 0)
		message = NULL;
	print_escaped(stderr, message ? message : strerror(ENOMEM));
	fputc('\n', stderr);
	free(message);
}

int failure(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_message(format, args);
	va_end(args);
	return current && current->failure ? current->failure : EXIT_FAILURE;
}

int usage_failure(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_message(format, args);
	va_end(args);
	fprintf(stderr, "Try 'vmwalk %s%s--help'.\n", current ? current->name : "",
		current ? " " : "");
	return EXIT_USAGE;
}

/* Check that all output was written. Returns an exit status. */
static int finish(int status)
{
	output_flush();
	if (output_error)
		return failure("standard output: %s", strerror(output_error));
	if (ferror(stdout))
		return failure("standard output: write error");
	return status;
}

static const struct verb_option help_option = { "help", 'h', NULL, "print this text and exit" };
static const struct verb_option version_option = { "version", 'V', NULL,
						   "print the version and exit" };

static void print_option(const struct verb_option *option)
{
	char left[64];

	snprintf(left, sizeof(left), "-%c, --%s%s%s", option->letter, option->name,
		 option->arg ? " " : "", option->arg ? option->arg : "");
	printf("  %-24s  %s\n", left, option->help);
}

static void print_help(void)
{
	size_t i;

	printf("Usage: vmwalk COMMAND [OPTION]... [ARGUMENT]...\n\n"
	       "Create kernel buffers that programs can map, and walk page tables.\n\n"
	       "Commands:\n");
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		printf("  %-9s  %s\n", verbs[i]->name, verbs[i]->summary);
	printf("\nOptions:\n");
	print_option(&help_option);
	print_option(&version_option);
	printf("\n'vmwalk COMMAND --help' describes a command.\n"
	       "\nExit status: 0 success, 1 failure, 2 wrong usage.\n"
	       "\nEnvironment:\n"
	       "  NO_COLOR                  don't use colours on a terminal\n"
	       "  VMWALK_SYSROOT=DIRECTORY  read sys, proc and dev of a captured tree\n");
}

static void print_verb_help(void)
{
	const struct verb_option *option;
	const struct column *column;
	size_t i;

	printf("Usage: vmwalk %s [OPTION]...%s%s\n\n%s.\n", current->name,
	       *current->args ? " " : "", current->args, current->summary);
	if (current->details)
		printf("%s", current->details);
	printf("\nOptions:\n");
	for (i = 0; current->options[i]; i++)
		for (option = current->options[i]; option->name; option++)
			print_option(option);
	print_option(&help_option);
	if (current->columns)
		printf("\nColumns:\n");
	for (column = current->columns; column && column->name; column++)
		printf("  %-12s  %s\n", column->name, column->help);
	if (current->exit_status)
		printf("\nExit status: %s.\n", current->exit_status);
}

static const struct verb *verb_named(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(name, verbs[i]->name))
			return verbs[i];
	return NULL;
}

/* Options of the running verb in the form that getopt_long() needs */
static struct option long_options[32];
static char letters[64];

static void add_option(size_t i, const struct verb_option *option)
{
	const char letter[] = { option->letter, option->arg ? ':' : '\0', '\0' };

	long_options[i].name = option->name;
	long_options[i].has_arg = option->arg ? required_argument : no_argument;
	long_options[i].val = option->letter;
	strcat(letters, letter);
}

static void add_options(void)
{
	const struct verb_option *option;
	size_t i, added = 0;

	for (i = 0; current->options[i]; i++)
		for (option = current->options[i]; option->name; option++)
			add_option(added++, option);
	add_option(added, &help_option);
}

int next_option(int argc, char **argv, const char **arg)
{
	int letter = getopt_long(argc, argv, letters, long_options, NULL);
	unsigned int given = argc - optind;

	*arg = optarg;
	if (letter == 'h') {
		print_verb_help();
		exit(finish(EXIT_SUCCESS));
	}
	if (letter == '?') { /* getopt_long() has printed the error. */
		fprintf(stderr, "Try 'vmwalk %s --help'.\n", current->name);
		exit(EXIT_USAGE);
	}
	if (letter != -1)
		return letter;

	if (given < current->min_args)
		exit(usage_failure("missing argument %s", current->args));
	if (given > current->max_args)
		exit(usage_failure("unexpected argument '%s'", argv[optind + current->max_args]));
	return -1;
}

bool parse_address(const char *text, __u64 *addr)
{
	char *end;

	if (strspn(text, "0123456789abcdefABCDEFxX") != strlen(text))
		return false;
	errno = 0;
	*addr = strtoull(text, &end, 16);
	return !errno && end != text && !*end;
}

int address_failure(const char *text)
{
	return usage_failure("'%s' " NOT_AN_ADDRESS, text);
}

bool parse_pid(const char *text, pid_t *pid)
{
	long number;
	char *end;

	if (strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	number = strtol(text, &end, 10);
	*pid = number;
	return !errno && end != text && number > 0 && *pid == number;
}

/* getopt_long() starts its messages with argv[0]. */
static int run_verb(int argc, char **argv)
{
	static char name[32];

	snprintf(name, sizeof(name), "vmwalk: %s", current->name);
	argv[0] = name;
	add_options();
	return current->run(argc, argv);
}

static int help(int argc, char **argv)
{
	const struct verb *verb;
	const char *arg;

	next_option(argc, argv, &arg);
	if (optind == argc) {
		print_help();
		return EXIT_SUCCESS;
	}
	verb = verb_named(argv[optind]);
	if (!verb)
		return usage_failure("unknown command '%s'", argv[optind]);
	current = verb;
	print_verb_help();
	return EXIT_SUCCESS;
}

static const struct verb help_verb = {
	.name = "help",
	.args = "[COMMAND]",
	.max_args = 1,
	.summary = "Describe a command, or list all commands",
	.options = { NULL },
	.run = help,
};

/*
 * Open closed standard streams, so that no other file gets their descriptors.
 * Reading standard input and writing to the others still fails with EBADF.
 */
static void open_standard_streams(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	static char output_buffer[OUTPUT_SIZE];

	open_standard_streams();
	setvbuf(stdout, output_buffer, _IOFBF, sizeof(output_buffer));
	/* Write each message with one system call. */
	setlinebuf(stderr);
	setlocale(LC_ALL, "");
	/* Pictures have a decimal point, whatever the language is. */
	setlocale(LC_NUMERIC, "C");
	if (argc < 2)
		return usage_failure("missing argument COMMAND");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help();
		return finish(EXIT_SUCCESS);
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("vmwalk " VERSION);
		return finish(EXIT_SUCCESS);
	}

	current = verb_named(argv[1]);
	if (!current)
		return usage_failure("unknown command '%s'", argv[1]);

	return finish(run_verb(argc - 1, argv + 1));
}
