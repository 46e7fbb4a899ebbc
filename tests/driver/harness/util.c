// SPDX-License-Identifier: GPL-2.0
/*
 * Error names, time, random numbers, short files: see util.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <time.h>

#include "harness.h"

unsigned long vw_page_size, vw_pmd_size;
unsigned int vw_page_shift;

__attribute__((constructor(101))) static void know_pages(void)
{
	vw_page_size = sysconf(_SC_PAGESIZE);
	vw_page_shift = __builtin_ctzl(vw_page_size);
	vw_pmd_size = PTRS * PAGE;
}

const char *vw_error_name(long long rc, char *buf, size_t len)
{
	if (rc < 0 && rc > -4096)
		snprintf(buf, len, "-%s", strerrorname_np(-rc) ?: "?");
	else
		snprintf(buf, len, "%lld", rc);
	return buf;
}

const char *vw_pages_text(size_t pages)
{
	static char text[4][32];	/* for calls with several sizes */
	static unsigned int last;

	last = (last + 1) % COUNT(text);
	snprintf(text[last], sizeof(text[last]), "%zu", pages * PAGE);
	return text[last];
}

__u64 vw_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

__u64 vw_random(__u64 *seed)
{
	*seed = *seed * 6364136223846793005 + 1442695040888963407;
	return *seed >> 33;
}

__u64 vw_env(const char *name, __u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

void vw_run_on(int cpu, int policy)
{
	struct sched_param param = { .sched_priority = policy == SCHED_FIFO ? 10 : 0 };
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (i == cpu || cpu == VW_ANY_CPU)
			CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
	sched_setscheduler(0, policy, &param);
}

int vw_file_read(const char *path, char *buf, size_t len)
{
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = vw_sys(read(fd, buf, len - 1));
	close(fd);
	if (n < 0)
		return n;
	if (n && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return n;
}

int vw_file_write(const char *path, const char *text)
{
	ssize_t n;
	int fd;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = vw_sys(write(fd, text, strlen(text)));
	close(fd);
	return n < 0 ? n : 0;
}

bool vw_exists(const char *path)
{
	return !access(path, F_OK);
}

bool vw_has_symbol(const char *name)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512], symbol[256];
	bool found = false;

	if (!file)
		vw_fail("/proc/kallsyms: %s", strerror(errno));
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, name) && sscanf(line, "%*s %*s %255s", symbol) == 1 &&
			!strcmp(symbol, name);
	fclose(file);
	return found;
}

long long vw_field(const char *path, const char *name)
{
	size_t len = strlen(name);
	long long value = -1;
	char line[256];
	FILE *file;

	file = fopen(path, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, name, len) && strchr(": \t", line[len])) {
			value = strtoll(line + len + 1, NULL, 10);
			break;
		}
	}
	fclose(file);
	return value;
}
