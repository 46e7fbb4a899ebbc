// SPDX-License-Identifier: GPL-2.0
/*
 * A process that maps memory as it is told, so that a shell can look at it between the steps.
 *
 * It reads commands from standard input, a line each, and answers each with a line: what is said
 * below, or the name of an error, such as EINVAL. NS is how many nanoseconds the step took.
 *
 *   map WHAT BYTES [WORD]...   ADDRESS NS   mmap() of a file, by its path, or of anonymous memory,
 *                                           by this word; the words are those of the table below
 *   read [FIRST [COUNT]]       NS           a byte of each of these pages of the mapping made last,
 *   write [FIRST [COUNT]]      NS           or of all its pages
 *   mlock                      NS           all of it
 *   unmap                      NS           all mappings
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef MAP_UNINITIALIZED
#define MAP_UNINITIALIZED	0x4000000
#endif

/* What may follow WHAT and BYTES. Without any a mapping is private, readable and writable. */
static const struct {
	const char *word;
	int flags;
} words[] = {
	{ "shared", MAP_SHARED },
	{ "shared_validate", MAP_SHARED_VALIDATE },
	{ "private", MAP_PRIVATE },
	{ "populate", MAP_POPULATE },
	{ "nonblock", MAP_NONBLOCK },
	{ "locked", MAP_LOCKED },
	{ "noreserve", MAP_NORESERVE },
	{ "growsdown", MAP_GROWSDOWN },
	{ "stack", MAP_STACK },
	{ "denywrite", MAP_DENYWRITE },
	{ "executable", MAP_EXECUTABLE },
	{ "uninitialized", MAP_UNINITIALIZED },
	{ "hugetlb", MAP_HUGETLB },
	{ "sync", MAP_SYNC },
	/* With an address: near=ADDRESS is a wish, the others are not. */
	{ "near=", 0 },
	{ "fixed=", MAP_FIXED },
	{ "at=", MAP_FIXED_NOREPLACE },
};

#define COUNT(array)	(sizeof(array) / sizeof(*(array)))
#define MOST		64

static struct {
	char *start;
	size_t size;
} mappings[MOST];
static unsigned int made;

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* What a file is opened for and what is asked of the mapping; false if it is no such word. */
static bool parse_access(const char *word, int *open_flags, int *prot)
{
	if (!strcmp(word, "ro"))
		*prot = PROT_READ;
	else if (!strcmp(word, "exec"))
		*prot |= PROT_EXEC;
	else if (!strcmp(word, "of_rdonly"))
		*open_flags = O_RDONLY;
	else if (!strcmp(word, "of_wronly"))
		*open_flags = O_WRONLY;
	else
		return false;
	return true;
}

static bool parse_flag(const char *word, int *flags, void **addr)
{
	for (size_t i = 0; i < COUNT(words); i++) {
		size_t length = strlen(words[i].word);

		if (words[i].word[length - 1] == '=' && !strncmp(word, words[i].word, length))
			*addr = (void *)(uintptr_t)strtoull(word + length, NULL, 0);
		else if (strcmp(word, words[i].word))
			continue;
		*flags |= words[i].flags;
		return true;
	}
	return false;
}

/* What carries out a command prints the answer, or returns a negative errno. */
static int map(void)
{
	const char *what = strtok(NULL, " "), *bytes = strtok(NULL, " "), *word;
	int fd = -1, flags = 0, open_flags = O_RDWR, prot = PROT_READ | PROT_WRITE;
	size_t size = bytes ? strtoull(bytes, NULL, 0) : 0;
	void *addr = NULL, *start;
	long long time;

	if (!bytes || made == MOST)
		return -ENOSPC;
	while ((word = strtok(NULL, " ")))
		if (!parse_access(word, &open_flags, &prot) && !parse_flag(word, &flags, &addr))
			return -EINVAL;
	if (!(flags & MAP_TYPE))
		flags |= MAP_PRIVATE;

	if (!strcmp(what, "anonymous"))
		flags |= MAP_ANONYMOUS;
	else
		fd = open(what, open_flags | O_CLOEXEC);
	if (fd < 0 && !(flags & MAP_ANONYMOUS))
		return -errno;

	time = now();
	start = mmap(addr, size, prot, flags, fd, 0);
	time = now() - time;
	if (fd >= 0)
		close(fd);
	if (start == MAP_FAILED)
		return -errno;
	mappings[made].start = start;
	mappings[made++].size = size;
	printf("%p %lld\n", start, time);
	return 0;
}

static int touch(bool write)
{
	const char *first = strtok(NULL, " "), *count = strtok(NULL, " ");
	size_t page = sysconf(_SC_PAGESIZE), i, end;
	long long time;
	char *start;

	if (!made)
		return -ENOENT;
	start = mappings[made - 1].start;
	i = first ? strtoull(first, NULL, 0) : 0;
	end = mappings[made - 1].size / page;
	if (first)
		end = i + (count ? strtoull(count, NULL, 0) : 1);

	time = now();
	for (; i < end; i++) {
		if (write)
			__atomic_store_n(&start[i * page], '!', __ATOMIC_RELAXED);
		else
			__atomic_load_n(&start[i * page], __ATOMIC_RELAXED);
	}
	printf("%lld\n", now() - time);
	return 0;
}

static int lock(void)
{
	long long time = now();

	if (!made || mlock(mappings[made - 1].start, mappings[made - 1].size))
		return made ? -errno : -ENOENT;
	printf("%lld\n", now() - time);
	return 0;
}

static int unmap(void)
{
	long long time = now();

	while (made) {
		made--;
		munmap(mappings[made].start, mappings[made].size);
	}
	printf("%lld\n", now() - time);
	return 0;
}

static int run(char *line)
{
	const char *command = strtok(line, " ");

	if (!command)
		return -EINVAL;
	if (!strcmp(command, "map"))
		return map();
	if (!strcmp(command, "read") || !strcmp(command, "write"))
		return touch(*command == 'w');
	if (!strcmp(command, "mlock"))
		return lock();
	if (!strcmp(command, "unmap"))
		return unmap();
	return -ENOSYS;
}

int main(void)
{
	char line[4096];
	int error;

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		error = run(line);
		if (error)
			puts(strerrorname_np(-error));
		fflush(stdout);
	}
	return 0;
}
