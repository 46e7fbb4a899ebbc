// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables through pagemap, scans and /proc/kcore: see pagetable.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <elf.h>

#include "harness.h"

ssize_t vw_pagemap(pid_t pid, __u64 addr, size_t pages, __u64 *entries)
{
	char path[64];
	ssize_t n;
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	else
		snprintf(path, sizeof(path), "/proc/self/pagemap");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = vw_sys(pread(fd, entries, pages * 8, addr / PAGE * 8));
	close(fd);
	return n < 0 ? n : n / 8;
}

__u64 vw_pagemap_one(pid_t pid, const void *addr)
{
	__u64 entry = 0;

	vw_pagemap(pid, (uintptr_t)addr, 1, &entry);
	return entry;
}

__u64 vw_pfn(const void *addr)
{
	__u64 entry = vw_pagemap_one(0, addr);

	return entry & PM_PRESENT ? PM_PFN(entry) : 0;
}

void vw_frames(pid_t pid, const void *addr, size_t pages, __u64 *frames)
{
	struct vmwalk_scan scan = vw_scan_args((uintptr_t)addr, (uintptr_t)addr + pages * PAGE);
	struct vw_extents found;
	static int fd;
	char text[32];

	/* The harness removes the instance after each test. */
	if (!vw_exists(VW_CONFIGFS "/frames"))
		fd = vw_open_rw(vw_make("frames", "size", vw_pages_text(1), NULL));
	snprintf(text, sizeof(text), "%d", pid);
	vw_ok(vw_set("frames", "target_pid", text));
	vw_ok(vw_scan_all(fd, &scan, pages, &found));
	memset(frames, 0, pages * sizeof(*frames));
	for (size_t i = 0; i < found.count; i++) {
		const struct vmwalk_extent *extent = &found.extent[i];

		for (__u64 j = 0; extent->pfn && j < extent->pages; j++)
			frames[(extent->start - scan.start) / PAGE + j] = extent->pfn + j;
	}
	vw_extents_free(&found);
}

size_t vw_count_frames(pid_t pid, const void *addr, size_t pages, const __u64 *frames,
		       size_t nframes)
{
	__u64 *there = calloc(pages, sizeof(*there));
	size_t count = 0;

	if (!there)
		abort();
	vw_frames(pid, addr, pages, there);
	for (size_t i = 0; i < pages; i++) {
		for (size_t j = 0; there[i] && j < nframes; j++)
			count += frames[j] == there[i];
	}
	free(there);
	return count;
}

/*
 * Reads memory from /proc/kcore. The address is physical, or a virtual address
 * of the kernel.
 */
static bool read_kcore(__u64 at, bool physical, void *to, size_t len)
{
	static bool there = true;
	Elf64_Phdr head;
	Elf64_Ehdr elf;
	bool done = false;
	int kcore;

	if (!there)
		return false;
	kcore = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	there = kcore >= 0 && pread(kcore, &elf, sizeof(elf), 0) == sizeof(elf);
	for (int i = 0; there && !done && i < elf.e_phnum; i++) {
		__u64 start;

		there = pread(kcore, &head, sizeof(head), elf.e_phoff + i * sizeof(head)) ==
			sizeof(head);
		start = physical ? head.p_paddr : head.p_vaddr;
		if (there && head.p_type == PT_LOAD && at >= start && at - start < head.p_filesz)
			done = pread(kcore, to, len, head.p_offset + at - start) == (ssize_t)len;
	}
	if (kcore >= 0)
		close(kcore);
	return done;
}

bool vw_read_physical(__u64 phys, void *to, size_t len)
{
	return read_kcore(phys, true, to, len);
}

bool vw_read_kernel(__u64 addr, void *to, size_t len)
{
	return read_kcore(addr, false, to, len);
}

unsigned int vw_level_shift(unsigned int page_shift)
{
	if (page_shift < PMD_SHIFT)
		return PAGE_SHIFT;
	return page_shift < PUD_SHIFT ? PMD_SHIFT : page_shift;
}

/* log2 of the bytes that an entry of this level covers */
static unsigned int shift_of(int level, int levels)
{
	if (level == VMWALK_PGD)
		level = VMWALK_LEVELS - levels;
	return PAGE_SHIFT + (VMWALK_PTE - level) * (PAGE_SHIFT - 3);
}

static bool is_folded(int level, int levels)
{
	return level > VMWALK_PGD && level <= VMWALK_LEVELS - levels;
}

/* The top table may be smaller than a page. */
static void expect_valid_level(const struct vmwalk_walk *walk, int i, int levels)
{
	const struct vmwalk_level *level = &walk->level[i];
	__u64 index = walk->addr >> shift_of(i, levels), entries = PTRS, value;

	if (i == VMWALK_PGD)
		entries = ALIGN_UP(vw_user_end(), 2 * PAGE) >> shift_of(i, levels);
	assert_true(level->flags & VMWALK_LEVEL_READ);
	assert_false(level->flags & VMWALK_LEVEL_FOLDED);
	assert_true(!(level->flags & VMWALK_LEVEL_LEAF) ==
		    !(i == (int)walk->stop_level && walk->stop == VMWALK_STOP_PAGE));
	assert_true(level->index < PTRS);
	assert_int_equal((level->index ^ index) & (entries - 1), 0);
	assert_int_not_equal(level->table, 0);
	assert_int_equal(level->table % (i == VMWALK_PGD ? sizeof(__u64) : PAGE), 0);
	if (vw_read_physical(level->table + level->index * 8, &value, 8))
		assert_int_equal(value, level->entry);
}

void vw_expect_valid_walk(const struct vmwalk_walk *walk, int levels)
{
	__u64 next = 0, value, size;

	assert_true(walk->stop_level < VMWALK_LEVELS);
	for (int i = 0; i < VMWALK_LEVELS; i++) {
		const struct vmwalk_level *level = &walk->level[i];

		if (is_folded(i, levels)) {
			assert_true(!(level->flags & ~VMWALK_LEVEL_FOLDED));
			assert_true(level->flags || walk->stop_level == VMWALK_PGD);
			assert_true(!level->table && !level->entry && !level->index);
			assert_int_not_equal(walk->stop_level, i);
			continue;
		}
		if (i > (int)walk->stop_level) {
			assert_true(!level->table && !level->entry && !level->index &&
				    !level->flags);
			continue;
		}
		expect_valid_level(walk, i, levels);
		if (next)
			assert_int_equal(level->table, next);
		next = vw_entry_phys(level->entry);
	}

	/* Contiguous entries of a level map more than one entry does. */
	assert_true(walk->page_shift >= shift_of(walk->stop_level, levels));
	if (walk->stop_level > VMWALK_PUD)
		assert_true(walk->page_shift < shift_of(walk->stop_level - 1, VMWALK_LEVELS));
	value = walk->level[walk->stop_level].entry;
	switch (walk->stop) {
	case VMWALK_STOP_PAGE:
		assert_true(walk->state & VMWALK_PRESENT);
		assert_int_equal(!(walk->state & VMWALK_HUGE), walk->stop_level == VMWALK_PTE);
		assert_int_not_equal(walk->pfn, 0);
		assert_int_equal(walk->phys, walk->pfn * PAGE + walk->addr % PAGE);
		/* x86 inverts the PFN of a PROT_NONE entry, against L1TF. */
		if (!(walk->state & VMWALK_PROTNONE)) {
			size = 1ULL << walk->page_shift;
			assert_int_equal(walk->phys, (vw_entry_phys(value) & ~(size - 1)) +
						     walk->addr % size);
		}
		break;
	case VMWALK_STOP_EMPTY:
		assert_int_equal(value & ~VW_EMPTY_BITS, 0);
		assert_int_equal(walk->state, 0);
		assert_true(!walk->pfn && !walk->phys);
		break;
	case VMWALK_STOP_ABSENT:
		assert_int_not_equal(value, 0);
		assert_false(walk->state & VMWALK_PRESENT);
		assert_true(!walk->pfn && !walk->phys);
		break;
	default:
		vw_fail("stop is %u", walk->stop);
	}
}
