// SPDX-License-Identifier: GPL-2.0
/*
 * A buffer and the state of its pages: see buffer.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include "harness.h"

/* Bits of /proc/kpageflags that tell the type of a page, not its recent use. */
#define KPF_KIND	(BIT_ULL(7) | BIT_ULL(10) | BIT_ULL(11) | BIT_ULL(12) | BIT_ULL(15) | \
			 BIT_ULL(16) | BIT_ULL(17) | BIT_ULL(20) | BIT_ULL(22) | BIT_ULL(26))

/* Reads kpageflags and kpagecount of a buffer's frames. */
static void read_frames(const struct vw_buffer *buffer, __u64 *flags, __u64 *counts)
{
	int flag_fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	int count_fd = open("/proc/kpagecount", O_RDONLY | O_CLOEXEC);
	const __u64 *frames = buffer->frames;

	for (size_t i = 0, run; i < buffer->pages; i += run) {
		for (run = 1; i + run < buffer->pages && frames[i + run] == frames[i] + run;)
			run++;
		vw_expect(vw_sys(pread(flag_fd, &flags[i], 8 * run, frames[i] * 8)), 8 * run);
		vw_expect(vw_sys(pread(count_fd, &counts[i], 8 * run, frames[i] * 8)), 8 * run);
	}
	for (size_t i = 0; i < buffer->pages; i++)
		flags[i] &= KPF_KIND;
	close(flag_fd);
	close(count_fd);
}

void vw_buffer_make(struct vw_buffer *buffer, const struct vw_combo *combo, size_t size)
{
	char *map;

	buffer->n = vw_make_combo(combo, size, "letters");
	buffer->fd = vw_open_rw(buffer->n);
	buffer->pages = size / PAGE;
	buffer->frames = calloc(buffer->pages * 3, sizeof(__u64));
	if (!buffer->frames)
		abort();
	buffer->flags = buffer->frames + buffer->pages;
	buffer->counts = buffer->flags + buffer->pages;
	map = vw_map(buffer->fd, size, 0, PROT_READ, MAP_SHARED);
	for (size_t i = 0; i < buffer->pages; i++)
		vw_peek(map + i * PAGE);
	vw_frames(0, map, buffer->pages, buffer->frames);
	munmap(map, size);
	for (size_t i = 0; i < buffer->pages; i++)
		assert_int_not_equal(buffer->frames[i], 0);
	read_frames(buffer, buffer->flags, buffer->counts);
}

void vw_buffer_expect_whole(const struct vw_buffer *buffer)
{
	__u64 *flags = calloc(buffer->pages * 2, sizeof(__u64)), *counts = flags + buffer->pages;
	static char data[64 * KIB];
	size_t part;

	if (!flags)
		abort();
	vw_expect_stat(buffer->n, "mappings", 0);
	vw_expect_stat(buffer->n, "mapped_pages", 0);
	read_frames(buffer, flags, counts);
	for (size_t i = 0; i < buffer->pages; i++) {
		if (flags[i] != buffer->flags[i] || counts[i] != buffer->counts[i])
			vw_fail("page %zu: flags 0x%llx, mapped %lld times; were 0x%llx, %lld", i,
				flags[i], counts[i], buffer->flags[i], buffer->counts[i]);
	}
	for (size_t at = 0; at < buffer->pages * PAGE; at += part) {
		part = buffer->pages * PAGE - at;
		if (part > sizeof(data))
			part = sizeof(data);
		vw_expect(vw_sys(pread(buffer->fd, data, part, at)), part);
		if (!vw_holds_fill(data, "letters", at, part))
			vw_fail("the buffer has changed");
	}
	free(flags);
}

void vw_buffer_remove(struct vw_buffer *buffer)
{
	close(buffer->fd);
	vw_ok(vw_rmdir("t"));
	free(buffer->frames);
}
