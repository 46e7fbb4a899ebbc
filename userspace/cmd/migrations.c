// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that the kernel migrates, counted by events of the tracepoint
 * mm_migrate_pages. The events contain the reason, but not the process. Perf
 * events end with the command, while settings in tracefs would remain.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/perf_event.h>

#include "migrations.h"

#define EVENT "/sys/kernel/tracing/events/migrate/mm_migrate_pages"

/* Per CPU; a power of two */
#define RING_PAGES 16

/* Interval in which the rings are read, so that they do not overflow */
#define INTERVAL_MS 50

struct ring {
	int fd;
	struct perf_event_mmap_page *page; /* followed by the data */
};

/* Description of the event */

/* Offset of a field: "field:int reason;\toffset:60;\tsize:4;" */
static bool find_offset(const char *format, const char *field, unsigned int *offset)
{
	char *name = text(" %s;", field);
	const char *at = name ? strstr(format, name) : NULL;

	free(name);
	at = at ? strstr(at, "offset:") : NULL;
	return at && sscanf(at, "offset:%u", offset) == 1;
}

/* Names of reasons: "__print_symbolic(REC->reason, { 0, "compaction" }, ...)" */
static void find_reasons(struct migrations *migrations, const char *format)
{
	const char *at = strstr(format, "__print_symbolic(REC->reason");
	unsigned int number;
	int begin, end;

	while (at && (at = strchr(at, '{'))) {
		begin = 0;
		end = 0;
		if (sscanf(at, "{ %u, \"%n%*[^\"]%n", &number, &begin, &end) == 1 && end > begin &&
		    number < MAX_MIGRATION_REASONS && !migrations->reasons[number])
			migrations->reasons[number] = strndup(at + begin, end - begin);
		at++;
	}
}

static char *read_format(void)
{
	FILE *file = system_open(EVENT "/format");
	char *format = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	/* The file has no NUL byte. */
	if (getdelim(&format, &size, '\0', file) < 0) {
		free(format);
		format = NULL;
	}
	fclose(file);
	return format;
}

static bool read_description(struct migrations *migrations)
{
	char *format = read_format();
	bool known = format && find_offset(format, "reason", &migrations->reason_at) &&
		(find_offset(format, "succeeded", &migrations->pages_at) ||
		 find_offset(format, "nr_succeeded", &migrations->pages_at));

	if (known)
		find_reasons(migrations, format);
	free(format);
	return known;
}

static bool read_id(__u64 *id)
{
	FILE *file = system_open(EVENT "/id");
	unsigned long long number;
	bool known = file && fscanf(file, "%llu", &number) == 1;

	if (file)
		fclose(file);
	if (known)
		*id = number;
	return known;
}

/* Rings */

static size_t ring_size(void)
{
	return RING_PAGES * sysconf(_SC_PAGESIZE);
}

/* Returns false if the CPU is offline, or the caller lacks the permission. */
static bool open_ring(struct ring *ring, __u64 id, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = id,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_RAW,
	};
	void *page;

	ring->fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (ring->fd < 0)
		return false;
	page = mmap(NULL, sysconf(_SC_PAGESIZE) + ring_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
		    ring->fd, 0);
	if (page == MAP_FAILED) {
		close(ring->fd);
		return false;
	}
	ring->page = page;
	return true;
}

static bool open_rings(struct migrations *migrations, __u64 id)
{
	int cpu, count = sysconf(_SC_NPROCESSORS_CONF);

	migrations->rings = calloc(count, sizeof(*migrations->rings));
	for (cpu = 0; migrations->rings && cpu < count; cpu++)
		if (open_ring(&migrations->rings[migrations->nr_rings], id, cpu))
			migrations->nr_rings++;
		else if (errno != ENODEV)
			return false;
	return migrations->nr_rings;
}

/* Copy from a ring, across its end if necessary. */
static void copy_out(const struct ring *ring, __u64 at, void *to, size_t len)
{
	const char *data = (const char *)ring->page + ring->page->data_offset;
	size_t size = ring->page->data_size, begin = at % size;
	size_t first = len < size - begin ? len : size - begin;

	memcpy(to, data + begin, first);
	memcpy((char *)to + first, data, len - first);
}

static void count_sample(struct migrations *migrations, const struct ring *ring, __u64 at,
			 size_t len)
{
	unsigned long pages;
	__u32 reason, size;

	/* The length of the raw data precedes it. */
	at += sizeof(struct perf_event_header);
	copy_out(ring, at, &size, sizeof(size));
	at += sizeof(size);
	if (migrations->reason_at + sizeof(reason) > size || size > len ||
	    migrations->pages_at + sizeof(pages) > size) {
		migrations->lost++;
		return;
	}
	copy_out(ring, at + migrations->reason_at, &reason, sizeof(reason));
	copy_out(ring, at + migrations->pages_at, &pages, sizeof(pages));
	if (reason < MAX_MIGRATION_REASONS)
		migrations->pages[reason] += pages;
	else
		migrations->lost++;
}

static void read_ring(struct migrations *migrations, struct ring *ring)
{
	__u64 head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
	__u64 at = ring->page->data_tail, lost;
	struct perf_event_header header;

	for (; at < head; at += header.size) {
		copy_out(ring, at, &header, sizeof(header));
		if (header.type == PERF_RECORD_SAMPLE) {
			count_sample(migrations, ring, at, header.size);
		} else if (header.type == PERF_RECORD_LOST) {
			/* The number follows an ID. */
			copy_out(ring, at + sizeof(header) + sizeof(lost), &lost, sizeof(lost));
			migrations->lost += lost;
		}
	}
	__atomic_store_n(&ring->page->data_tail, at, __ATOMIC_RELEASE);
}

struct migrations *migrations_start(void)
{
	struct migrations *migrations = calloc(1, sizeof(*migrations));
	__u64 id;

	if (migrations && read_description(migrations) && read_id(&id) &&
	    open_rings(migrations, id))
		return migrations;
	migrations_free(migrations);
	return NULL;
}

void migrations_read(struct migrations *migrations)
{
	size_t i;

	for (i = 0; migrations && i < migrations->nr_rings; i++)
		read_ring(migrations, &migrations->rings[i]);
}

static double now(void)
{
	return (double)clock_ns(CLOCK_MONOTONIC) / 1e9;
}

void migrations_wait(struct migrations *migrations, double seconds)
{
	double left, interval = INTERVAL_MS / 1e3, end = now() + seconds;
	struct timespec pause;

	while ((left = end - now()) > 0) {
		if (migrations && left > interval)
			left = interval;
		pause.tv_sec = (time_t)left;
		pause.tv_nsec = (long)((left - (double)pause.tv_sec) * 1e9);
		nanosleep(&pause, NULL);
		migrations_read(migrations);
	}
}

void migrations_free(struct migrations *migrations)
{
	size_t i;

	if (!migrations)
		return;
	for (i = 0; i < migrations->nr_rings; i++) {
		munmap(migrations->rings[i].page, sysconf(_SC_PAGESIZE) + ring_size());
		close(migrations->rings[i].fd);
	}
	for (i = 0; i < MAX_MIGRATION_REASONS; i++)
		free(migrations->reasons[i]);
	free(migrations->rings);
	free(migrations);
}
