// SPDX-License-Identifier: GPL-2.0
/*
 * Memory to walk, and the three readers of its page tables: VMWALK_IOC_SCAN,
 * pagemap and PAGEMAP_SCAN.
 *
 * Copyright (C) The vmwalk authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "vmwalk.h"

/* Far from all other mappings of a process. */
#define START		0x100000000000UL
/* Extents that fit into the array or buffer of one scan call. */
#define CAPACITY	(4 * BENCH_MIB / sizeof(struct vmwalk_extent))

/* Entries per read(2) of pagemap: 256 KiB. */
#define ENTRIES		(256 * 1024 / sizeof(__u64))
#define PM_FRAME	0x007fffffffffffffULL
#define PM_EXCLUSIVE	0x0100000000000000ULL
#define PM_FILE		0x2000000000000000ULL
#define PM_SWAP		0x4000000000000000ULL
#define PM_PRESENT	0x8000000000000000ULL

/* PAGEMAP_SCAN, which older kernel headers lack. */
struct region {
	__u64 start, end, categories;
};

struct pm_scan {
	__u64 size, flags, start, end, walk_end, vec, vec_len, max_pages;
	__u64 category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define PAGEMAP_SCAN	_IOWR('f', 16, struct pm_scan)
#define PAGE_IS_FILE	0x04
#define PAGE_IS_PRESENT	0x08
#define PAGE_IS_SWAPPED	0x10
#define PAGE_IS_PFNZERO	0x20

static struct vmwalk_extent copied[CAPACITY];
static __u64 entries[ENTRIES];
static struct region regions[65536];

/* Faults in pages, so that measured operations do not fault. */
static void touch(void *at, size_t size)
{
	for (size_t offset = 0; offset < size; offset += BENCH_PAGE)
		__atomic_store_n((char *)at + offset, 0, __ATOMIC_RELAXED);
}

/* Fails on kernels without THP, which is fine. */
static void forbid_thp(void *at, size_t size)
{
	madvise(at, size, MADV_NOHUGEPAGE);
}

void bench_use_up_fragments(void)
{
	const size_t size = 512 * BENCH_MIB;
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		bench_die("mmap of %zu bytes: %m", size);
	forbid_thp(at, size);
	if (madvise(at, size, MADV_DONTFORK))
		bench_die("MADV_DONTFORK: %m");
	touch(at, size);
}

struct bench_range bench_reserve(size_t size, bool to_buffer)
{
	struct bench_area buffer = bench_buffer("vmalloc", "fault", NULL, sizeof(copied));
	struct bench_range range = {
		.start = START,
		.end = START + size,
		.device = buffer.fd,
		.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC),
		.to_buffer = to_buffer,
		.extents = to_buffer ? bench_map(&buffer, MAP_POPULATE) : copied,
	};
	void *at;

	if (range.pagemap < 0)
		bench_die("/proc/self/pagemap: %m");
	at = mmap((void *)START, size, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (at == MAP_FAILED)
		bench_die("mmap of %zu bytes: %m", size);
	forbid_thp(at, size);

	touch(copied, sizeof(copied));
	touch(entries, sizeof(entries));
	touch(regions, sizeof(regions));
	return range;
}

void bench_populate(struct bench_range *range, size_t offset, size_t size, size_t step)
{
	for (size_t at = offset; at < offset + size; at += step, range->present++)
		__atomic_store_n((char *)range->start + at, 1, __ATOMIC_RELAXED);
}

void bench_scatter(struct bench_range *range)
{
	const size_t pages = (range->end - range->start) / BENCH_PAGE;

	for (size_t i = 0; i < pages; i++)
		bench_populate(range, i * 40503 % pages * BENCH_PAGE, BENCH_PAGE, BENCH_PAGE);
}

void bench_repeat(struct bench_range *range)
{
	const size_t size = range->end - range->start;
	size_t part = size < 64 * BENCH_MIB ? size : 64 * BENCH_MIB;
	struct bench_area memfd = bench_memfd(part);

	for (__u64 at = range->start; at < range->end; at += part)
		if (mmap((void *)at, part, PROT_READ, MAP_SHARED | MAP_POPULATE | MAP_FIXED,
			 memfd.fd, 0) == MAP_FAILED)
			bench_die("mapping a memfd repeatedly: %m");
	bench_close(&memfd);
	range->present = size / BENCH_PAGE;
	range->units = range->present;
}

void bench_release(const struct bench_range *range)
{
	struct bench_area buffer = { .name = "vmwalk", .fd = range->device };

	if (range->to_buffer)
		munmap(range->extents, sizeof(copied));
	munmap((void *)range->start, range->end - range->start);
	close(range->pagemap);
	bench_close(&buffer);
}

/* --- Readers ---------------------------------------------------------- */

__u64 bench_scan(const struct bench_range *range, __u64 from, size_t *count)
{
	struct vmwalk_scan scan = {
		.size = sizeof(scan),
		.flags = range->to_buffer ? VMWALK_SCAN_TO_BUFFER : 0,
		.start = from,
		.end = range->end,
		.vec = range->to_buffer ? 0 : (__u64)range->extents,
		.vec_len = CAPACITY,
		.return_mask = VMWALK_STATE_ALL,
	};
	int got = ioctl(range->device, VMWALK_IOC_SCAN, &scan);

	if (got < 0)
		bench_die("VMWALK_IOC_SCAN: %m");
	if (scan.walk_end <= from)
		bench_die("VMWALK_IOC_SCAN makes no progress at 0x%llx", from);
	*count = got;
	return scan.walk_end;
}

double bench_read_scan(void *arg)
{
	const struct bench_range *range = arg;
	__u64 at = range->start, start, end;
	size_t count;

	start = bench_now();
	while (at < range->end)
		at = bench_scan(range, at, &count);
	end = bench_now();

	return (double)(end - start) / range->units;
}

/* As bench_scan(), with VMWALK_SCAN_PAGEMAP. */
static __u64 scan_entries(const struct bench_range *range, __u64 from, size_t *count)
{
	struct vmwalk_scan scan = {
		.size = sizeof(scan),
		.flags = VMWALK_SCAN_PAGEMAP | (range->to_buffer ? VMWALK_SCAN_TO_BUFFER : 0),
		.start = from,
		.end = range->end,
		.vec = range->to_buffer ? 0 : (__u64)range->extents,
		.vec_len = CAPACITY * (sizeof(copied[0]) / sizeof(__u64)),
	};
	int got = ioctl(range->device, VMWALK_IOC_SCAN, &scan);

	if (got <= 0)
		bench_die("VMWALK_SCAN_PAGEMAP: %m");
	*count = got;
	return scan.walk_end;
}

double bench_read_scan_pagemap(void *arg)
{
	const struct bench_range *range = arg;
	__u64 at = range->start, start, end;
	size_t count;

	start = bench_now();
	while (at < range->end)
		at = scan_entries(range, at, &count);
	end = bench_now();

	return (double)(end - start) / range->units;
}

/* Reads entries starting at an address. Returns their number. */
static size_t read_entries(const struct bench_range *range, __u64 from, __u64 end)
{
	size_t count = (end - from) / BENCH_PAGE;
	ssize_t len;

	if (count > ENTRIES)
		count = ENTRIES;
	len = pread(range->pagemap, entries, count * sizeof(entries[0]),
		    from / BENCH_PAGE * sizeof(entries[0]));
	if (len != (ssize_t)(count * sizeof(entries[0])))
		bench_die("reading pagemap at 0x%llx: %m", from);
	return count;
}

double bench_read_pagemap(void *arg)
{
	const struct bench_range *range = arg;
	__u64 at = range->start, start, end;

	start = bench_now();
	while (at < range->end)
		at += read_entries(range, at, range->end) * BENCH_PAGE;
	end = bench_now();

	return (double)(end - start) / range->units;
}

__u64 bench_frame(const struct bench_range *range, __u64 addr)
{
	read_entries(range, addr, addr + BENCH_PAGE);
	return entries[0] & PM_PRESENT ? entries[0] & PM_FRAME : 0;
}

/*
 * Requests the page categories that VMWALK_IOC_SCAN reports, too. Returns the
 * address to continue from, or 0 if the kernel has no PAGEMAP_SCAN.
 */
static __u64 read_regions(const struct bench_range *range, __u64 from, size_t *count)
{
	struct pm_scan scan = {
		.size = sizeof(scan),
		.start = from,
		.end = range->end,
		.vec = (__u64)regions,
		.vec_len = BENCH_COUNT(regions),
		.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
		.return_mask = PAGE_IS_FILE | PAGE_IS_PRESENT | PAGE_IS_SWAPPED | PAGE_IS_PFNZERO,
	};
	int got = ioctl(range->pagemap, PAGEMAP_SCAN, &scan);

	if (got < 0 && errno == ENOTTY)
		return 0;
	if (got < 0)
		bench_die("PAGEMAP_SCAN: %m");
	*count = got;
	/* walk_end may be too low if the kernel's internal buffer was full. */
	return *count < scan.vec_len ? range->end : regions[got - 1].end;
}

bool bench_has_pagemap_scan(const struct bench_range *range)
{
	struct bench_range page = *range;
	size_t count;

	page.end = page.start + BENCH_PAGE;
	return read_regions(&page, page.start, &count);
}

double bench_read_pagemap_scan(void *arg)
{
	const struct bench_range *range = arg;
	__u64 at = range->start, start, end;
	size_t count;

	start = bench_now();
	while (at < range->end)
		at = read_regions(range, at, &count);
	end = bench_now();

	return (double)(end - start) / range->units;
}

/* --- Comparing what they read ----------------------------------------- */

struct extents {
	struct vmwalk_extent *extent;
	size_t count;
};

static void *grow(void *array, size_t count, size_t size)
{
	array = reallocarray(array, count, size);
	if (!array)
		bench_die("not enough memory to compare results: %m");
	return array;
}

/* Collects all extents of a range with the calls that are measured. */
static struct extents gather_extents(const struct bench_range *range)
{
	struct extents all = { };
	size_t count;

	for (__u64 at = range->start; at < range->end;) {
		at = bench_scan(range, at, &count);
		all.extent = grow(all.extent, all.count + count + 1, sizeof(all.extent[0]));
		for (size_t i = 0; i < count; i++)
			all.extent[all.count++] = range->extents[i];
	}
	return all;
}

static __u64 end_of(const struct vmwalk_extent *extent)
{
	return extent->start + extent->pages * BENCH_PAGE;
}

static void check_order(const struct bench_range *range, const struct extents *all)
{
	__u64 at = range->start, present = 0;

	for (size_t i = 0; i < all->count; i++) {
		const struct vmwalk_extent *extent = &all->extent[i];

		if (extent->start < at || end_of(extent) > range->end)
			bench_die("extent %zu at 0x%llx is out of order or out of range", i,
				  extent->start);
		at = end_of(extent);
		present += extent->flags & VMWALK_PRESENT ? extent->pages : 0;
	}
	if (present != range->present)
		bench_die("a scan returns %llu present pages, expected %llu", present,
			  range->present);
}

/* The pagemap entry that corresponds to a page of an extent. */
static __u64 entry_of(const struct vmwalk_extent *extent, __u64 addr)
{
	__u64 entry = 0;

	if (extent->flags & VMWALK_FILE)
		entry |= PM_FILE;
	if (extent->flags & VMWALK_SWAP)
		entry |= PM_SWAP;
	if (extent->flags & VMWALK_PRESENT)
		entry |= PM_PRESENT | (extent->pfn + (addr - extent->start) / BENCH_PAGE);
	return entry;
}

/*
 * Compares part of the range, page by page, with the extents from @extent on.
 */
static void compare_entries(const struct bench_range *range, __u64 from, __u64 end,
			    const struct vmwalk_extent *extent, const struct vmwalk_extent *last)
{
	while (from < end) {
		size_t count = read_entries(range, from, end);

		for (size_t i = 0; i < count; i++, from += BENCH_PAGE) {
			__u64 ours = 0, theirs = entries[i] & (PM_FILE | PM_SWAP | PM_PRESENT);

			if (entries[i] & PM_PRESENT)
				theirs |= entries[i] & PM_FRAME;
			while (extent < last && end_of(extent) <= from)
				extent++;
			if (extent < last && extent->start <= from)
				ours = entry_of(extent, from);
			if (ours != theirs)
				bench_die("page 0x%llx: a scan returns 0x%llx, pagemap 0x%llx",
					  from, ours, theirs);
		}
	}
}

/*
 * Reading pagemap of a very large range takes too long: compare the extents
 * only. check_order() detects missing pages by their number.
 */
static void compare_with_pagemap(const struct bench_range *range, const struct extents *all)
{
	const struct vmwalk_extent *last = all->extent + all->count;

	if (range->end - range->start <= 64 * 1024 * BENCH_MIB)
		return compare_entries(range, range->start, range->end, all->extent, last);
	for (const struct vmwalk_extent *extent = all->extent; extent < last; extent++)
		compare_entries(range, extent->start, end_of(extent), extent, last);
}

static __u64 categories_of(const struct vmwalk_extent *extent)
{
	return (extent->flags & VMWALK_FILE ? PAGE_IS_FILE : 0) |
	       (extent->flags & VMWALK_PRESENT ? PAGE_IS_PRESENT : 0) |
	       (extent->flags & VMWALK_SWAP ? PAGE_IS_SWAPPED : 0) |
	       (extent->flags & VMWALK_ZERO ? PAGE_IS_PFNZERO : 0);
}

/* PAGEMAP_SCAN merges extents that have the same categories. */
static struct region next_region(const struct extents *all, size_t *i)
{
	const struct vmwalk_extent *extent = &all->extent[(*i)++];
	struct region region = { extent->start, end_of(extent), categories_of(extent) };

	for (; *i < all->count; (*i)++) {
		extent = &all->extent[*i];
		if (extent->start != region.end || categories_of(extent) != region.categories)
			break;
		region.end = end_of(extent);
	}
	return region;
}

static void compare_with_pagemap_scan(const struct bench_range *range, const struct extents *all)
{
	struct region ours = { };
	size_t count, i = 0;

	for (__u64 at = range->start; at < range->end;) {
		at = read_regions(range, at, &count);
		for (size_t j = 0; j < count; j++) {
			const struct region *theirs = &regions[j];

			if (ours.start == ours.end && i < all->count)
				ours = next_region(all, &i);
			/* PAGEMAP_SCAN may split a region. */
			if (ours.start == theirs->start && ours.end >= theirs->end &&
			    ours.categories == theirs->categories) {
				ours.start = theirs->end;
				continue;
			}
			bench_die("scan 0x%llx-0x%llx 0x%llx, PAGEMAP_SCAN 0x%llx-0x%llx 0x%llx",
				  ours.start, ours.end, ours.categories, theirs->start,
				  theirs->end, theirs->categories);
		}
	}
	if (ours.start != ours.end || i < all->count)
		bench_die("PAGEMAP_SCAN lacks pages of a scan from 0x%llx on",
			  ours.start != ours.end ? ours.start : all->extent[i].start);
}

void bench_check_range(const struct bench_range *range)
{
	struct extents all = gather_extents(range);

	check_order(range, &all);
	compare_with_pagemap(range, &all);
	if (bench_has_pagemap_scan(range))
		compare_with_pagemap_scan(range, &all);
	free(all.extent);
}

void bench_check_pagemap(const struct bench_range *range)
{
	const __u64 *ours = (const __u64 *)range->extents;
	__u64 present = 0, next;
	size_t count;

	for (__u64 at = range->start; at < range->end; at = next) {
		next = scan_entries(range, at, &count);
		for (size_t done = 0, part; done < count; done += part) {
			part = read_entries(range, at + done * BENCH_PAGE, next);
			for (size_t i = 0; i < part; i++) {
				present += ours[done + i] >> 63;
				if ((ours[done + i] ^ entries[i]) & ~PM_EXCLUSIVE)
					bench_die("page %zu: a scan returns 0x%llx, pagemap 0x%llx",
						  done + i, ours[done + i], entries[i]);
			}
		}
	}
	if (present != range->present)
		bench_die("a scan returns %llu present pages, expected %llu", present,
			  range->present);
}
