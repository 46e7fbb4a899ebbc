// SPDX-License-Identifier: GPL-2.0
/*
 * COPY: copies between a target and a buffer and between buffers. A copy stops
 * at the first inaccessible page, and never accesses kernel memory outside
 * buffers.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "harness.h"

#define SIZE	(16 * PAGE)
#define FROM	VMWALK_COPY_FROM_TARGET
#define TO	VMWALK_COPY_TO_TARGET
#define BETWEEN	VMWALK_COPY_FROM_BUFFER

static struct vw_device dev;

#define expect_copy(direction, offset, addr, length, wanted) \
	vw_expect(vw_copy(dev.fd, direction, offset, (uintptr_t)(addr), length), wanted)

/* The byte at an offset of the target. Differs from all fills. */
static unsigned char pattern(size_t at)
{
	return 128 + at % 127;
}

static void fill_pattern_from(size_t first, void *to, size_t len)
{
	unsigned char *byte = to;

	for (size_t i = 0; i < len; i++)
		byte[i] = pattern(first + i);
}

static void fill_pattern(void *to, size_t len)
{
	fill_pattern_from(0, to, len);
}

static char *anon_with_pattern(size_t len)
{
	char *at = vw_anon(len);

	madvise(at, len, MADV_NOHUGEPAGE);
	fill_pattern(at, len);
	return at;
}

static void expect_same_at(const char *file, int line, const char *what, const void *got,
			   const void *wanted, size_t len)
{
	const unsigned char *a = got, *b = wanted;

	if (!memcmp(a, b, len))
		return;
	for (size_t i = 0; i < len; i++) {
		if (a[i] != b[i])
			vw_fail_at(file, line, "%s: byte %zu is 0x%02x, not 0x%02x", what, i, a[i],
				   b[i]);
	}
}

#define expect_same(what, got, wanted, len) \
	expect_same_at(__FILE__, __LINE__, what, got, wanted, len)

static void expect_pattern_at(const char *file, int line, const void *got, size_t len)
{
	char wanted[2 * SIZE];

	fill_pattern(wanted, len);
	expect_same_at(file, line, "the target", got, wanted, len);
}

#define expect_pattern(got, len)	expect_pattern_at(__FILE__, __LINE__, got, len)

static void expect_buffer_at(const char *file, int line, int device, const void *wanted)
{
	char got[SIZE];

	vw_expect_at(file, line, "pread", vw_sys(pread(device, got, SIZE, 0)), SIZE);
	expect_same_at(file, line, "the buffer", got, wanted, SIZE);
}

#define expect_buffer(device, wanted)	expect_buffer_at(__FILE__, __LINE__, device, wanted)

static void expect_fill(const char *fill)
{
	char wanted[SIZE];

	for (size_t i = 0; i < SIZE; i++)
		wanted[i] = vw_fill_byte(fill, i);
	expect_buffer(dev.fd, wanted);
}

/* --- Copied data ---------------------------------------------------------- */

struct span {
	size_t offset, target, length;
};

#define SPANS {									\
	{ 0, 0, SIZE }, { 0, 0, 1 }, { 0, 0, PAGE }, { SIZE - 1, 5, 1 }, { 1, 0, 1 },	\
	{ PAGE - 1, 3, 2 }, { 5, PAGE - 7, 3 * PAGE + 11 }, { 100, 50, SIZE - 100 },	\
	{ 3 * PAGE + 17, PAGE - 1, 5 * PAGE }, { PAGE, 2 * PAGE + 1, PAGE },		\
	{ PAGE - 512, PAGE - 511, 1024 }, { 1, 2, SIZE - 2 },			\
}

VW_TEST_ALL(data_is_copied_from_the_target)
{
	const struct span spans[] = SPANS;
	char wanted[SIZE], before[SIZE];
	char *target;

	dev = vw_device_make_combo(combo, SIZE, "letters");
	target = anon_with_pattern(SIZE);
	vw_expect(vw_sys(pread(dev.fd, wanted, SIZE, 0)), SIZE);
	for (size_t i = 0; i < COUNT(spans); i++) {
		/* A different pattern each time. */
		fill_pattern_from(11 * i, target, SIZE);
		memcpy(before, target, SIZE);
		expect_copy(FROM, spans[i].offset, target + spans[i].target, spans[i].length,
			    spans[i].length);
		memcpy(wanted + spans[i].offset, target + spans[i].target, spans[i].length);
		expect_buffer(dev.fd, wanted);
		expect_same("the target", target, before, SIZE);
	}
}

VW_TEST_ALL(data_is_copied_to_the_target)
{
	const struct span spans[] = SPANS;
	char wanted[2 * SIZE];
	char *target;

	dev = vw_device_make_combo(combo, SIZE, "letters");
	target = anon_with_pattern(2 * SIZE);
	memcpy(wanted, target, 2 * SIZE);
	for (size_t i = 0; i < COUNT(spans); i++) {
		expect_copy(TO, spans[i].offset, target + spans[i].target, spans[i].length,
			    spans[i].length);
		for (size_t j = 0; j < spans[i].length; j++)
			wanted[spans[i].target + j] = vw_fill_byte("letters", spans[i].offset + j);
		expect_same("the target", target, wanted, 2 * SIZE);
		expect_fill("letters");
		fill_pattern(target, 2 * SIZE);
		memcpy(wanted, target, 2 * SIZE);
	}
}

VW_TEST_TYPICAL(data_is_copied_from_another_buffer)
{
	static const char * const types[] = { "kmalloc", "vmalloc", "pages", "huge", "dma" };
	const struct span spans[] = SPANS;
	char wanted[SIZE], source[SIZE];
	struct vmwalk_locate location;
	int other;

	dev = vw_device_make_combo(combo, SIZE, "letters");
	vw_expect(vw_sys(pread(dev.fd, wanted, SIZE, 0)), SIZE);
	for (size_t i = 0; i < COUNT(types); i++) {
		other = vw_open_rw(vw_make("source", "buffer_type", types[i], "map_mode", "fault",
					   "size", vw_pages_text(16), NULL));
		fill_pattern_from(11 * i, source, SIZE);
		vw_expect(vw_sys(pwrite(other, source, SIZE, 0)), SIZE);
		for (size_t j = 0; j < COUNT(spans); j++) {
			size_t length = spans[j].length;

			vw_ok(vw_locate(other, spans[j].target, &location));
			/* The range has to be contiguous. */
			if (!strcmp(types[i], "pages") && length > location.contig_len)
				length = location.contig_len;
			if (length > SIZE - spans[j].target)
				length = SIZE - spans[j].target;
			expect_copy(BETWEEN, spans[j].offset, location.kaddr, length, length);
			memcpy(wanted + spans[j].offset, source + spans[j].target, length);
			expect_buffer(dev.fd, wanted);
			expect_buffer(other, source);
		}
		close(other);
		vw_ok(vw_rmdir("source"));
	}
}

VW_TEST(ranges_of_a_copy_within_a_buffer_must_not_overlap)
{
	const struct {
		size_t offset, from, length;
		bool overlap;
	} moves[] = {
		{ 0, PAGE, PAGE, false }, { PAGE, 0, PAGE, false }, { 0, 1, 1, false },
		{ 1, 0, 1, false }, { 8 * PAGE, 0, 8 * PAGE, false },
		{ 0, 8 * PAGE, 8 * PAGE, false }, { 2 * PAGE - 5, PAGE, PAGE - 5, false },
		{ 0, 0, 1, true }, { 0, 0, PAGE, true }, { 0, PAGE - 1, PAGE, true },
		{ PAGE - 1, 0, PAGE, true }, { 1, 0, 2, true }, { 0, 1, 2, true },
		{ 5, 5, 100, true }, { 8 * PAGE - 1, 0, 8 * PAGE, true },
	};
	char wanted[SIZE];
	struct vmwalk_locate location;

	dev = vw_device_make_with("buffer_type", "kmalloc", "map_mode", "fault", NULL);
	fill_pattern(wanted, SIZE);
	vw_expect(vw_sys(pwrite(dev.fd, wanted, SIZE, 0)), SIZE);
	for (size_t i = 0; i < COUNT(moves); i++) {
		vw_ok(vw_locate(dev.fd, moves[i].from, &location));
		if (moves[i].overlap) {
			expect_copy(BETWEEN, moves[i].offset, location.kaddr, moves[i].length,
				    -EINVAL);
		} else {
			expect_copy(BETWEEN, moves[i].offset, location.kaddr, moves[i].length,
				    moves[i].length);
			memcpy(wanted + moves[i].offset, wanted + moves[i].from, moves[i].length);
		}
		expect_buffer(dev.fd, wanted);
	}
}

VW_TEST(memory_of_all_kinds_can_be_copied)
{
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC);
	char *at[4], got[100];

	dev = vw_device_make();
	assert_true(file >= 0 && !ftruncate(file, PMD_SIZE));
	at[0] = vw_anon_aligned(PMD_SIZE, PMD_SIZE);
	madvise(at[0], PMD_SIZE, MADV_HUGEPAGE);
	at[1] = vw_map(file, PMD_SIZE, 0, RW, MAP_SHARED);
	at[2] = vw_map(file, PMD_SIZE, 0, RW, MAP_PRIVATE);
	at[3] = mmap(NULL, PMD_SIZE, RW, ANON | HUGE_PMD, -1, 0);
	for (size_t i = 0; i < COUNT(at); i++) {
		if (at[i] == MAP_FAILED)
			continue;
		/* The page is not present: a read finds zeros. */
		expect_copy(FROM, 0, at[i] + PMD_SIZE / 2 - 50, 100, 100);
		vw_expect(vw_sys(pread(dev.fd, got, 100, 0)), 100);
		for (size_t j = 0; j < 100; j++)
			assert_int_equal(got[j], 0);
		expect_copy(TO, PAGE, at[i] + PMD_SIZE / 2 - 50, 100, 100);
		assert_true(vw_holds_fill(at[i] + PMD_SIZE / 2 - 50, "letters", PAGE, 100));
		assert_int_equal(at[i][PMD_SIZE / 2 - 51], 0);
		assert_int_equal(at[i][PMD_SIZE / 2 + 50], 0);
		if (i == 1)
			memset(at[1] + PMD_SIZE / 2 - 50, 0, 100);
		else
			assert_int_equal(at[1][PMD_SIZE / 2], 0);
	}
	close(file);
}

VW_TEST(swapped_out_pages_are_copied)
{
	char wanted[SIZE];
	char *target;

	dev = vw_device_make();
	target = anon_with_pattern(SIZE);
	memcpy(wanted, target, SIZE);
	if (!vw_swap_out(target, SIZE))
		vw_skip("the kernel did not swap the pages out");
	expect_copy(FROM, 0, target, SIZE, SIZE);
	expect_buffer(dev.fd, wanted);
}

/* --- Partial copies ------------------------------------------------------- */

static void make_unmapped(char *page)
{
	munmap(page, PAGE);
}

static void make_inaccessible(char *page)
{
	mprotect(page, PAGE, PROT_NONE);
}

static void make_read_only(char *page)
{
	mprotect(page, PAGE, PROT_READ);
}

static void make_write_only(char *page)
{
	mprotect(page, PAGE, PROT_WRITE);
}

static void make_shared_read_only(char *page)
{
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC);

	assert_true(file >= 0 && !ftruncate(file, PAGE));
	assert_true(mmap(page, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0) == page);
	close(file);
}

static void make_beyond_eof(char *page)
{
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC);

	assert_true(file >= 0);
	assert_true(mmap(page, PAGE, RW, MAP_SHARED | MAP_FIXED, file, 0) == page);
	close(file);
}

static const struct barrier {
	void (*make)(char *page);
	bool from, to;			/* stops copies in this direction */
} barriers[] = {
	{ make_unmapped, true, true },
	{ make_inaccessible, true, true },
	{ make_read_only, false, true },
	{ make_write_only, true, false },
	{ make_shared_read_only, false, true },
	{ make_beyond_eof, true, true },
};

#define BARRIER	3		/* index of this page in the target */

VW_TEST(a_copy_stops_at_the_first_unreadable_page)
{
	const size_t starts[] = { 0, 1, PAGE - 1, 2 * PAGE, 3 * PAGE - 1, 3 * PAGE - 100 };
	const size_t offsets[] = { 0, 1, PAGE - 1, 100, 3 * PAGE + 2000 };
	char wanted[SIZE];
	char *target;

	dev = vw_device_make();
	for (size_t i = 0; i < COUNT(barriers); i++) {
		if (!barriers[i].from)
			continue;
		target = anon_with_pattern(6 * PAGE);
		barriers[i].make(target + BARRIER * PAGE);
		for (size_t j = 0; j < COUNT(starts) * COUNT(offsets); j++) {
			size_t start = starts[j % COUNT(starts)];
			size_t offset = offsets[j / COUNT(starts)];
			size_t fits = BARRIER * PAGE - start;

			for (size_t k = 0; k < SIZE; k++)
				wanted[k] = vw_fill_byte("digits", k);
			vw_expect(vw_sys(pwrite(dev.fd, wanted, SIZE, 0)), SIZE);
			expect_copy(FROM, offset, target + start, 6 * PAGE - start, fits);
			memcpy(wanted + offset, target + start, fits);
			expect_buffer(dev.fd, wanted);
			/* Start in the page or behind it. */
			expect_copy(FROM, offset, target + BARRIER * PAGE, 2 * PAGE, -EFAULT);
			expect_copy(FROM, offset, target + BARRIER * PAGE, 1, -EFAULT);
			expect_copy(FROM, offset, target + (BARRIER + 1) * PAGE - 1, 2, -EFAULT);
			expect_buffer(dev.fd, wanted);
			expect_copy(FROM, offset, target + (BARRIER + 1) * PAGE, 1, 1);
			expect_copy(FROM, offset, target + start, fits, fits);
		}
	}
}

VW_TEST(a_copy_stops_at_the_first_unwritable_page)
{
	const size_t starts[] = { 0, 1, PAGE - 1, 2 * PAGE, 3 * PAGE - 1, 3 * PAGE - 100 };
	const size_t offsets[] = { 0, 1, PAGE - 1, 100, 3 * PAGE + 2000 };
	char *target, page[MAX_PAGE] = "";
	bool readable;

	dev = vw_device_make();
	for (size_t i = 0; i < COUNT(barriers); i++) {
		if (!barriers[i].to)
			continue;
		target = anon_with_pattern(6 * PAGE);
		barriers[i].make(target + BARRIER * PAGE);
		readable = !barriers[i].from;
		for (size_t j = 0; j < COUNT(starts) * COUNT(offsets); j++) {
			size_t start = starts[j % COUNT(starts)];
			size_t offset = offsets[j / COUNT(starts)];
			size_t fits = BARRIER * PAGE - start;

			fill_pattern(target, BARRIER * PAGE);
			fill_pattern(target + (BARRIER + 1) * PAGE, 2 * PAGE);
			if (readable)
				memcpy(page, target + BARRIER * PAGE, PAGE);
			expect_copy(TO, offset, target + start, 6 * PAGE - start, fits);
			assert_true(vw_holds_fill(target + start, "letters", offset, fits));
			expect_copy(TO, offset, target + BARRIER * PAGE, 2 * PAGE, -EFAULT);
			expect_copy(TO, offset, target + BARRIER * PAGE, 1, -EFAULT);
			expect_copy(TO, offset, target + (BARRIER + 1) * PAGE - 1, 2, -EFAULT);
			/* All other bytes are unchanged. */
			expect_pattern(target, start);
			if (readable)
				expect_same("the page", target + BARRIER * PAGE, page, PAGE);
			expect_pattern(target + (BARRIER + 1) * PAGE, 2 * PAGE);
		}
	}
	expect_fill("letters");
}

/* The linear-map address of a page. LOCATE reveals the base of the map. */
static __u64 linear(const void *page)
{
	struct vmwalk_locate location;

	vw_ok(vw_locate(dev.fd, 0, &location));
	return location.kaddr - location.linear + vw_pfn(page) * PAGE;
}

/* Addresses of text and data of the kernel and of a module, 0 if unknown. */
#define SYMBOLS	5

static void find_symbols(__u64 addrs[SYMBOLS])
{
	static const char * const names[SYMBOLS] = {
		"_text", "jiffies", "init_task", "vmwalk_ioctl", "vmwalk_memory",
	};
	char line[1024], *name;
	FILE *file;

	memset(addrs, 0, SYMBOLS * sizeof(*addrs));
	file = fopen("/proc/kallsyms", "re");
	while (file && fgets(line, sizeof(line), file)) {
		/* "ADDRESS TYPE NAME [MODULE]", ADDRESS with 16 digits */
		name = line + 19;
		if (strlen(line) < 19)
			continue;
		name[strcspn(name, "\t\n")] = '\0';
		for (size_t i = 0; i < SYMBOLS; i++) {
			if (!strcmp(name, names[i]))
				addrs[i] = strtoull(line, NULL, 16);
		}
	}
	if (file)
		fclose(file);
}

VW_TEST(invalid_target_addresses_fail_with_efault)
{
	__u64 symbols[SYMBOLS];
	char *own, *map;

	dev = vw_device_make();
	own = anon_with_pattern(PAGE);
	map = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);
	vw_poke(map, 'a');
	find_symbols(symbols);
	{
		struct vmwalk_locate location;
		__u64 bad[] = {
			0, 1, vw_user_end(), vw_user_end() + PAGE, 1ULL << 57, 1ULL << 62,
			1ULL << 63, linear(own), linear(map), symbols[0], symbols[1], symbols[2],
			symbols[3], symbols[4], 0xffffffff81000000, 0xffffffffff600000, -PAGE,
			~0ULL - 8,
		};

		for (size_t i = 0; i < COUNT(bad); i++) {
			expect_copy(FROM, 0, bad[i], 8, -EFAULT);
			expect_copy(TO, 0, bad[i], 8, -EFAULT);
		}
		/* The target has no mapping at the kernel address. */
		vw_ok(vw_locate(dev.fd, 0, &location));
		expect_copy(FROM, PAGE, location.kaddr, 8, -EFAULT);
		expect_copy(TO, PAGE, location.kaddr, 8, -EFAULT);
	}
	expect_pattern(own, PAGE);
	expect_fill("letters");
}

static int wait_for_parent(void *arg)
{
	(void)arg;
	vw_sync(0);
	return 0;
}

/* Only an access by the program itself expands a stack. */
VW_TEST(a_copy_does_not_expand_the_stack)
{
	char *area = vw_anon(4 * MIB), *stack = area + 4 * MIB - PAGE;
	struct vmwalk_vma vma;
	struct vw_child child;

	dev = vw_device_make();
	vw_allow_target_write(true);
	munmap(area, 4 * MIB);
	assert_true(mmap(stack, PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0) == stack);
	child = vw_fork(wait_for_parent, NULL);
	vw_hear(&child);
	for (int i = 0; i < 3; i++) {
		/* The caller as 0 and by its pid, and another process. */
		vw_set_target(i == 0 ? 0 : i == 1 ? getpid() : child.pid);
		for (size_t below = 1; below <= 256; below *= 4) {
			expect_copy(FROM, 0, stack - below * PAGE, 8, -EFAULT);
			expect_copy(TO, 0, stack - below * PAGE, 8, -EFAULT);
		}
		expect_copy(FROM, 0, stack - 8, 16, -EFAULT);
		expect_copy(FROM, 0, stack, 8, 8);
		vw_ok(vw_vma(dev.fd, (uintptr_t)stack - PAGE, &vma));
		vw_expect(vma.start, (uintptr_t)stack);
	}
	vw_tell(&child, 0);
	vw_join_ok(&child);
}

VW_TEST(a_copy_stops_at_the_end_of_user_space)
{
	char *last = vw_pointer(vw_user_end() - PAGE);

	dev = vw_device_make();
	if (mmap(last, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) != last)
		vw_skip("the last page of user space cannot be mapped");
	fill_pattern(last, PAGE);
	expect_copy(TO, 0, last + PAGE - 10, 20, 10);
	assert_true(vw_holds_fill(last + PAGE - 10, "letters", 0, 10));
	expect_copy(FROM, PAGE, last, 2 * PAGE, PAGE);
	munmap(last, PAGE);
}

/* --- Source addresses ----------------------------------------------------- */

VW_TEST(kernel_memory_outside_buffers_fails_with_efault)
{
	struct vmwalk_locate location;
	__u64 symbols[SYMBOLS];
	char *own, *map;

	dev = vw_device_make();
	own = anon_with_pattern(PAGE);
	map = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);
	vw_poke(map, 'a');
	find_symbols(symbols);
	vw_ok(vw_locate(dev.fd, 0, &location));
	{
		__u64 bad[] = {
			/* user addresses and non-canonical addresses */
			0, 1, (uintptr_t)own, (uintptr_t)map, vw_user_end(), 1ULL << 57, 1ULL << 62,
			1ULL << 63, ~0ULL - 8,
			/* the linear map, also of pages of the buffer */
			linear(own), linear(NULL), linear(map), location.kaddr - location.linear,
			/* vmalloc space next to the buffer */
			location.kaddr - 8, location.kaddr - 4, location.kaddr - PAGE,
			location.kaddr + SIZE - 4, location.kaddr + SIZE,
			location.kaddr + SIZE + PAGE, location.kaddr + (1ULL << 32),
			location.kaddr - (1ULL << 32), location.kaddr ^ 1ULL << 63,
			/* text and data of the kernel and of a module */
			symbols[0], symbols[1], symbols[2], symbols[3], symbols[4],
			0xffffffff81000000, 0xffffffffff600000, -PAGE,
			/* physical addresses */
			location.phys, location.linear,
		};

		for (size_t i = 0; i < COUNT(bad); i++)
			expect_copy(BETWEEN, PAGE, bad[i], 8, -EFAULT);
	}
	expect_fill("letters");
}

VW_TEST_TYPICAL(a_source_range_beyond_its_buffer_fails_with_efault)
{
	struct vmwalk_locate location;
	int other;

	dev = vw_device_make();
	other = vw_open_rw(vw_make("source", "buffer_type", combo->type, "map_mode",
				   combo->mode, "cache_mode", combo->cache,
				   "size", vw_pages_text(4), "fill", "digits", NULL));
	for (__u64 offset = 0; offset < 16 * KIB; offset += 1000) {
		__u64 most = 16 * KIB - offset;

		vw_ok(vw_locate(other, offset, &location));
		/* The source range ends with the contiguous pages. */
		if (!strcmp(combo->type, "pages"))
			most = location.contig_len;
		expect_copy(BETWEEN, 0, location.kaddr, most + 1, -EFAULT);
		expect_copy(BETWEEN, 0, location.kaddr, most + PAGE, -EFAULT);
	}
	vw_ok(vw_locate(other, 16 * KIB - 1, &location));
	expect_copy(BETWEEN, 0, location.kaddr, 2, -EFAULT);
	expect_fill("letters");
	expect_copy(BETWEEN, 0, location.kaddr, 1, 1);
}

VW_TEST_TYPICAL(a_removed_source_buffer_fails_with_efault)
{
	struct vmwalk_locate location;
	int other;
	char *map;

	dev = vw_device_make();
	other = vw_open_rw(vw_make("source", "buffer_type", combo->type, "map_mode",
				   combo->mode, "cache_mode", combo->cache,
				   "size", vw_pages_text(4), "fill", "digits", NULL));
	vw_ok(vw_locate(other, 0, &location));
	expect_copy(BETWEEN, 0, location.kaddr, 8, 8);
	/* A mapping keeps the memory, but not the device, alive. */
	map = vw_map(other, 16 * KIB, 0, PROT_READ, MAP_SHARED);
	vw_ok(vw_set("source", "live", "0"));
	expect_copy(BETWEEN, 8, location.kaddr, 8, -EFAULT);
	vw_ok(vw_rmdir("source"));
	expect_copy(BETWEEN, 8, location.kaddr, 8, -EFAULT);
	assert_true(vw_holds_fill(map, "digits", 0, 16 * KIB));
	munmap(map, 16 * KIB);
	close(other);
	expect_copy(BETWEEN, 8, location.kaddr, 8, -EFAULT);
}

VW_TEST(a_source_range_cannot_span_two_buffers)
{
	struct vmwalk_locate location[32];
	char name[16];
	int other;

	dev = vw_device_make();
	/* Some of these chunks are adjacent. */
	for (size_t i = 0; i < COUNT(location); i++) {
		snprintf(name, sizeof(name), "s%zu", i);
		other = vw_open_rw(vw_make(name, "buffer_type", "kmalloc", "map_mode", "fault",
					   "size", vw_pages_text(1), NULL));
		vw_ok(vw_locate(other, 0, &location[i]));
		close(other);
	}
	for (size_t i = 0; i < COUNT(location); i++) {
		expect_copy(BETWEEN, 0, location[i].kaddr, PAGE, PAGE);
		expect_copy(BETWEEN, 0, location[i].kaddr, PAGE + 1, -EFAULT);
		expect_copy(BETWEEN, 0, location[i].kaddr + PAGE - 1, 2, -EFAULT);
	}
}

/* --- Arguments ------------------------------------------------------------ */

static struct vmwalk_copy good_copy(__u32 direction)
{
	struct vmwalk_copy copy = {
		.size = sizeof(copy),
		.direction = direction,
		.length = 8,
		.copied = 99,
	};
	struct vmwalk_locate location;
	static char *target;

	if (!target)
		target = anon_with_pattern(PAGE);
	vw_ok(vw_locate(dev.fd, 8 * PAGE, &location));
	copy.addr = direction == BETWEEN ? location.kaddr : (uintptr_t)target;
	return copy;
}

static void expect_failure_at(const char *file, int line, struct vmwalk_copy copy, int error)
{
	struct vmwalk_copy before = copy;

	vw_expect_at(file, line, "COPY", vw_ioctl(dev.fd, VMWALK_IOC_COPY, &copy), -error);
	expect_same_at(file, line, "the structure", &copy, &before, sizeof(copy));
}

#define expect_failure(copy, error)	expect_failure_at(__FILE__, __LINE__, copy, error)

VW_TEST(invalid_arguments_fail_with_einval)
{
	static const __u32 directions[] = { 3, 4, 1U << 31, ~0U };
	const __u64 bad[][2] = {
		/* offset, length */
		{ 0, 0 }, { SIZE - 1, 0 }, { SIZE, 0 }, { SIZE, 1 }, { SIZE + 1, 1 },
		{ 0, SIZE + 1 }, { 1, SIZE }, { SIZE - 1, 2 }, { PAGE, SIZE }, { 0, 1ULL << 32 },
		{ 0, 1ULL << 63 },
		{ 0, ~0ULL }, { 1, ~0ULL }, { SIZE - 1, ~0ULL }, { ~0ULL, 1 }, { ~0ULL, 2 },
		{ -8ULL, 16 }, { 1ULL << 32, 8 }, { (1ULL << 32) + 8, 8 },
	};
	struct vmwalk_copy copy;

	dev = vw_device_make();
	for (__u32 direction = FROM; direction <= BETWEEN; direction++) {
		copy = good_copy(direction);
		vw_ok(vw_ioctl(dev.fd, VMWALK_IOC_COPY, &copy));
		assert_int_equal(copy.copied, 8);
		for (size_t i = 0; i < COUNT(bad); i++) {
			copy = good_copy(direction);
			copy.offset = bad[i][0];
			copy.length = bad[i][1];
			expect_failure(copy, EINVAL);
		}
		for (int bit = 0; bit < 32; bit++) {
			copy = good_copy(direction);
			copy.pad = 1U << bit;
			expect_failure(copy, EINVAL);
			copy = good_copy(direction);
			copy.flags = 1U << bit;
			expect_failure(copy, EINVAL);
		}
		/* ranges that overflow */
		for (__u64 length = 2; length <= SIZE; length *= 2) {
			copy = good_copy(direction);
			copy.length = length;
			copy.addr = -length + 1;
			expect_failure(copy, EINVAL);
			copy.addr = ~0ULL;
			expect_failure(copy, EINVAL);
		}
		copy = good_copy(direction);
		copy.addr = ~0ULL;
		copy.length = 1;
		expect_failure(copy, EFAULT);
	}
	for (size_t i = 0; i < COUNT(directions); i++) {
		copy = good_copy(FROM);
		copy.direction = directions[i];
		expect_failure(copy, EINVAL);
	}
}

VW_TEST(nothing_is_copied_if_the_argument_is_read_only)
{
	struct vmwalk_copy *copy = vw_map(-1, PAGE, 0, RW, ANON);
	char *own, back[PAGE];

	dev = vw_device_make();
	own = anon_with_pattern(PAGE);
	for (__u32 direction = FROM; direction <= TO; direction++) {
		vw_ok(vw_sys(mprotect(copy, PAGE, RW)));
		*copy = (struct vmwalk_copy){
			.size = sizeof(*copy),
			.direction = direction,
			.addr = (uintptr_t)own,
			.length = PAGE,
		};
		vw_ok(vw_sys(mprotect(copy, PAGE, PROT_READ)));
		vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_COPY, copy), -EFAULT);
		expect_pattern(own, PAGE);
		vw_expect(vw_sys(pread(dev.fd, back, PAGE, 0)), PAGE);
		assert_true(vw_holds_fill(back, "letters", 0, PAGE));
	}
}

VW_TEST(the_open_mode_limits_the_directions)
{
	static const struct {
		int mode;
		int error[3];		/* indexed by direction */
	} modes[] = {
		{ O_RDONLY, { EPERM, 0, EPERM } },
		{ O_WRONLY, { 0, EPERM, 0 } },
		{ O_RDWR, { 0, 0, 0 } },
	};
	char before[SIZE];
	struct vmwalk_copy copy;
	char *target;

	dev = vw_device_make();
	target = anon_with_pattern(PAGE);
	for (size_t i = 0; i < COUNT(modes); i++) {
		int own = dev.fd, other = vw_open(dev.n, modes[i].mode);

		assert_true(other >= 0);
		for (__u32 direction = FROM; direction <= BETWEEN; direction++) {
			vw_expect(vw_sys(pread(own, before, SIZE, 0)), SIZE);
			copy = good_copy(direction);
			if (direction != BETWEEN)
				copy.addr = (uintptr_t)target;
			dev.fd = other;
			if (modes[i].error[direction]) {
				expect_failure(copy, modes[i].error[direction]);
				assert_int_equal((unsigned char)*target, pattern(0));
				expect_buffer(own, before);
			} else {
				vw_ok(vw_ioctl(dev.fd, VMWALK_IOC_COPY, &copy));
				assert_int_equal(copy.copied, 8);
			}
			dev.fd = own;
			fill_pattern(target, PAGE);
		}
		close(other);
	}
}

/* --- Other processes ------------------------------------------------------ */

static char *common;

static int hold_pattern(void *arg)
{
	__u64 shift = (uintptr_t)arg;

	for (size_t i = 0; i < SIZE; i++)
		vw_poke(common + i, pattern(i + shift));
	vw_sync(0);
	/* The parent has copied letters to this range. */
	for (size_t i = 0; i < SIZE; i++) {
		if (i >= 5000 && i < 15000)
			vw_check((unsigned char)common[i] == vw_fill_byte("letters", i - 5000));
		else
			vw_check((unsigned char)common[i] == pattern(i + shift));
	}
	return 0;
}

VW_TEST(copies_access_the_memory_of_the_selected_target)
{
	char wanted[SIZE];
	struct vw_child child[3];

	dev = vw_device_make();
	vw_allow_target_write(true);
	common = vw_anon(SIZE);
	memset(common, 1, SIZE);
	for (size_t i = 0; i < COUNT(child); i++) {
		child[i] = vw_fork(hold_pattern, vw_pointer(i * 31));
		vw_hear(&child[i]);
	}
	for (size_t i = 0; i < COUNT(child); i++) {
		vw_set_target(child[i].pid);
		expect_copy(FROM, 0, common, SIZE, SIZE);
		fill_pattern_from(i * 31, wanted, SIZE);
		expect_buffer(dev.fd, wanted);
	}
	for (size_t i = 0; i < SIZE; i++)
		wanted[i] = vw_fill_byte("letters", i);
	vw_expect(vw_sys(pwrite(dev.fd, wanted, SIZE, 0)), SIZE);
	for (size_t i = 0; i < COUNT(child); i++) {
		vw_set_target(child[i].pid);
		expect_copy(TO, 0, common + 5000, 10000, 10000);
		vw_tell(&child[i], 0);
		vw_join_ok(&child[i]);
		expect_copy(FROM, 0, common, SIZE, -ESRCH);
		expect_copy(TO, 0, common, SIZE, -ESRCH);
	}
	for (size_t i = 0; i < SIZE; i++)
		assert_int_equal(common[i], 1);
	expect_fill("letters");
}

static int stop_as_bash(void *arg)
{
	(void)arg;
	execl("/bin/bash", "bash", "-c", "kill -STOP $$", "vmwalk", "of a test", NULL);
	return 1;
}

VW_TEST(a_copied_command_line_matches_proc_cmdline)
{
	char cmdline[256], got[256], stat[2048], path[64], *rest;
	unsigned long long start = 0, end = 0;
	struct vw_child child;
	ssize_t len;
	int file, field;

	dev = vw_device_make();
	vw_allow_target_write(true);
	child = vw_fork(stop_as_bash, NULL);
	vw_wait_stopped(&child);
	vw_set_target(child.pid);
	/* Its range is in fields 48 and 49. Field 2 may contain blanks. */
	snprintf(path, sizeof(path), "/proc/%d/stat", child.pid);
	assert_true(vw_file_read(path, stat, sizeof(stat)) > 0);
	rest = strrchr(stat, ')');
	assert_non_null(rest);
	for (field = 2; rest && field < 49; field++) {
		rest = strchr(rest + 1, ' ');
		if (rest && field == 47)
			sscanf(rest, " %llu %llu", &start, &end);
	}
	assert_true(start && end > start && end - start < sizeof(cmdline));
	snprintf(path, sizeof(path), "/proc/%d/cmdline", child.pid);
	file = open(path, O_RDONLY | O_CLOEXEC);
	len = read(file, cmdline, sizeof(cmdline));
	close(file);
	vw_expect(len, end - start);
	expect_copy(FROM, 0, start, len, len);
	vw_expect(vw_sys(pread(dev.fd, got, len, 0)), len);
	expect_same("the command line", got, cmdline, len);
	assert_non_null(memmem(got, len, "of a test", 10));
	/* /proc shows changes of the command line. */
	vw_expect(vw_sys(pwrite(dev.fd, "ON", 2, 0)), 2);
	expect_copy(TO, 0, start, 2, 2);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", child.pid);
	assert_true(vw_file_read(path, got, sizeof(got)) > 2);
	assert_true(got[0] == 'O' && got[1] == 'N' && got[2] == cmdline[2]);
	vw_kill(&child);
}

/* --- Mappings and dirty pages --------------------------------------------- */

static void expect_dirty_at(const char *file, int line, __u64 wanted)
{
	__u64 bitmap = 0;
	struct vmwalk_dirty dirty = {
		.size = sizeof(dirty),
		.flags = VMWALK_DIRTY_CLEAR,
		.length = SIZE,
		.bitmap = (uintptr_t)&bitmap,
	};

	vw_expect_at(file, line, "DIRTY", vw_ioctl(dev.fd, VMWALK_IOC_DIRTY, &dirty), 0);
	if (bitmap != wanted)
		vw_fail_at(file, line, "dirty pages are 0x%llx, reported 0x%llx", wanted,
			   bitmap);
}

#define expect_dirty(wanted)	expect_dirty_at(__FILE__, __LINE__, wanted)

/* Skips the test for the combination that does not support track_dirty. */
static void open_tracked(const struct vw_combo *combo)
{
	if (!strcmp(combo->type, "huge") && !strcmp(combo->mode, "insert"))
		vw_skip("this combination does not support track_dirty");
	dev = vw_device_make_with("buffer_type", combo->type, "map_mode", combo->mode, "cache_mode",
				  combo->cache, "track_dirty", "1", NULL);
	expect_dirty(0);
}

VW_TEST_TYPICAL(copies_to_the_buffer_make_its_pages_dirty)
{
	struct vmwalk_locate location;
	char *target;

	open_tracked(combo);
	target = anon_with_pattern(SIZE);
	expect_copy(FROM, 0, target, 1, 1);
	expect_dirty(0x1);
	expect_copy(FROM, 3 * PAGE - 1, target, 2, 2);
	expect_dirty(0xc);
	expect_copy(FROM, 3 * PAGE - 1, target, 1, 1);
	expect_dirty(0x4);
	expect_copy(FROM, 5 * PAGE, target + 100, 2 * PAGE, 2 * PAGE);
	expect_dirty(0x60);
	expect_copy(FROM, 0, target, SIZE, SIZE);
	expect_dirty(0xffff);
	vw_ok(vw_locate(dev.fd, 0, &location));
	expect_copy(BETWEEN, 7 * PAGE + 5, location.kaddr, 4090, 4090);
	expect_dirty(0x80);
	expect_copy(BETWEEN, 8 * PAGE - 1, location.kaddr, PAGE, PAGE);
	expect_dirty(0x180);

	/* Copies from the buffer and failed copies do not. */
	expect_copy(TO, 0, target, SIZE, SIZE);
	expect_copy(FROM, 0, 0, SIZE, -EFAULT);
	expect_copy(BETWEEN, 0, 0, SIZE, -EFAULT);
	expect_dirty(0);

	/* Nor do the pages behind the end of a partial copy. */
	munmap(target + 2 * PAGE, PAGE);
	expect_copy(FROM, 4 * PAGE + 1, target + PAGE, 4 * PAGE, PAGE);
	expect_dirty(0x30);
	expect_copy(FROM, 4 * PAGE, target + PAGE, 4 * PAGE, PAGE);
	expect_dirty(0x10);
}

VW_TEST_TYPICAL(mappings_show_the_copied_data)
{
	char *target, *map;

	open_tracked(combo);
	map = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);
	target = anon_with_pattern(SIZE);
	assert_true(vw_holds_fill(map, "letters", 0, SIZE));
	expect_copy(FROM, PAGE + 5, target, 5 * PAGE, 5 * PAGE);
	expect_same("the mapping", map + PAGE + 5, target, 5 * PAGE);
	assert_true(vw_holds_fill(map, "letters", 0, PAGE + 5));
	expect_dirty(0x7e);
}

VW_TEST_ALL(copies_to_a_shared_mapping_make_pages_dirty)
{
	char wanted[SIZE];
	char *map, *target;
	int other;

	/* The target maps the tracked buffer; another buffer is copied. */
	open_tracked(combo);
	other = vw_open_rw(vw_make("source", "size", vw_pages_text(16), "fill", "digits", NULL));
	map = vw_map(dev.fd, SIZE, 0, RW, MAP_SHARED);
	target = map + 3 * PAGE - 100;
	for (size_t i = 0; i < SIZE; i++)
		wanted[i] = vw_fill_byte("letters", i);
	if (!vw_is_refcounted(combo)) {
		/* PFN mappings cannot be accessed, as with ptrace. */
		vw_expect(vw_copy(other, TO, 0, (uintptr_t)target, 200), -EFAULT);
		vw_expect(vw_copy(other, FROM, 0, (uintptr_t)target, 200), -EFAULT);
		expect_dirty(0);
		vw_peek(target);
		vw_expect(vw_copy(other, TO, 0, (uintptr_t)target, 200), -EFAULT);
		vw_expect(vw_copy(other, FROM, 0, (uintptr_t)target, 200), -EFAULT);
		expect_dirty(0);
		expect_buffer(dev.fd, wanted);
		return;
	}
	for (int round = 0; round < 3; round++) {
		/* Not present, read, written. */
		if (round == 1)
			assert_true(vw_peek(target) && vw_peek(target + 199));
		if (round == 2) {
			vw_poke(target - 1, 'x');
			wanted[target - 1 - map] = 'x';
		}
		vw_expect(vw_copy(other, TO, 5 * round, (uintptr_t)target, 200), 200);
		for (size_t i = 0; i < 200; i++)
			wanted[target - map + i] = vw_fill_byte("digits", 5 * round + i);
		expect_buffer(dev.fd, wanted);
		expect_dirty(0xc);
	}
	vw_expect(vw_copy(other, FROM, 0, (uintptr_t)map, SIZE), SIZE);
	expect_dirty(0);
	expect_buffer(other, wanted);

	/* From the buffer to its own mapping, with equal and other offsets. */
	expect_copy(TO, 0, map, SIZE, SIZE);
	expect_dirty(0xffff);
	expect_buffer(dev.fd, wanted);
	expect_copy(TO, 8 * PAGE, map, PAGE + 1, PAGE + 1);
	memcpy(wanted, wanted + 8 * PAGE, PAGE + 1);
	expect_dirty(0x3);
	expect_buffer(dev.fd, wanted);
	expect_copy(FROM, 12 * PAGE, map, PAGE + 1, PAGE + 1);
	memcpy(wanted + 12 * PAGE, wanted, PAGE + 1);
	expect_dirty(0x3000);
	expect_buffer(dev.fd, wanted);
}

VW_TEST_ALL(copies_to_a_private_mapping_do_not_change_the_buffer)
{
	char *map;
	int other;

	dev = vw_device_make_combo(combo, SIZE, "letters");
	other = vw_open_rw(vw_make("source", "size", vw_pages_text(16), "fill", "digits", NULL));
	map = vw_map(dev.fd, SIZE, 0, RW, MAP_PRIVATE);
	/* PFN mappings cannot be accessed. */
	if (!vw_is_refcounted(combo) || strcmp(combo->cache, "wb")) {
		vw_expect(vw_copy(other, TO, 0, (uintptr_t)map + 50, 2 * PAGE), -EFAULT);
		assert_true(vw_holds_fill(map, "letters", 0, SIZE));
	} else {
		vw_expect(vw_copy(other, TO, 0, (uintptr_t)map + 50, 2 * PAGE), 2 * PAGE);
		assert_true(vw_holds_fill(map, "letters", 0, 50));
		assert_true(vw_holds_fill(map + 50, "digits", 0, 2 * PAGE));
		assert_true(vw_holds_fill(map + 2 * PAGE + 50, "letters", 2 * PAGE + 50,
					  SIZE - 2 * PAGE - 50));
	}
	expect_fill("letters");
}

VW_TEST(copies_count_neither_walks_nor_faults)
{
	char *target;

	dev = vw_device_make();
	target = anon_with_pattern(SIZE);
	expect_copy(FROM, 0, target, SIZE, SIZE);
	expect_copy(TO, 0, target, SIZE, SIZE);
	vw_expect_stat(dev.n, "walks", 0);
	vw_expect_stat(dev.n, "faults", 0);
	vw_expect_stat(dev.n, "mapped_pages", 0);
}

/* --- Concurrency ---------------------------------------------------------- */

static bool stop;
static __u64 source_addr;	/* of the current or last source, or 0 */

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

struct copier {
	pthread_t thread;
	__u64 done, failed;
	int bad;
};

static void *copy_from_a_source(void *arg)
{
	struct copier *copier = arg;
	char got[SIZE];
	long long rc;
	__u64 addr;

	while (!stopped() && !copier->bad) {
		addr = __atomic_load_n(&source_addr, __ATOMIC_RELAXED);
		if (!addr)
			continue;
		rc = vw_copy(dev.fd, BETWEEN, 0, addr, SIZE);
		if (rc == -EFAULT) {
			copier->failed++;
			continue;
		}
		if (rc != (long long)SIZE || pread(dev.fd, got, SIZE, 0) != (ssize_t)SIZE) {
			copier->bad = rc < 0 ? rc : -EPROTO;
			break;
		}
		copier->done++;
		/* A later source may have reused the address. */
		for (size_t i = 0; i < SIZE; i++) {
			if (got[i] < 'a' || got[i] > 'z')
				copier->bad = -EPROTO;
		}
	}
	return NULL;
}

VW_TEST(the_source_can_be_removed_during_copies)
{
	static const char * const types[] = { "kmalloc", "vmalloc", "huge", "dma" };
	static struct copier copier;
	struct vmwalk_locate location;
	__u64 end, rounds = 0;
	int other;

	copier = (struct copier){ .bad = 0 };
	source_addr = 0;
	dev = vw_device_make();
	stop = false;
	assert_int_equal(pthread_create(&copier.thread, NULL, copy_from_a_source, &copier), 0);
	for (end = vw_now() + 5 * SECOND; vw_now() < end; rounds++) {
		other = vw_open_rw(vw_make("source", "buffer_type", types[rounds % 4], "map_mode",
					   "fault", "size", vw_pages_text(16), "fill", "letters",
					   NULL));
		vw_ok(vw_locate(other, 0, &location));
		close(other);
		__atomic_store_n(&source_addr, location.kaddr, __ATOMIC_RELAXED);
		usleep(rounds % 7 * 300);
		vw_ok(vw_rmdir("source"));
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(copier.thread, NULL);
	print_message("# %llu sources, %llu copies, %llu failed\n", rounds, copier.done,
		      copier.failed);
	vw_ok(copier.bad);
	assert_true(copier.done && copier.failed);
}

static void *copy_until_removed(void *arg)
{
	struct copier *copier = arg;
	__u64 addr = (uintptr_t)common;
	long long rc;

	for (__u32 i = 0; !copier->bad; i++) {
		rc = vw_copy(dev.fd, i % 2 ? TO : FROM, 0, addr, SIZE);
		if (rc == -ENODEV)
			break;
		copier->done++;
		if (rc != (long long)SIZE)
			copier->bad = rc < 0 ? rc : -EPROTO;
	}
	return NULL;
}

VW_TEST_TYPICAL(the_device_can_be_removed_during_copies)
{
	static struct copier copier;
	__u64 done = 0;

	common = vw_anon(SIZE);
	memset(common, 1, SIZE);
	for (int round = 0; round < 20; round++) {
		copier = (struct copier){ .bad = 0 };
		dev = vw_device_make_combo(combo, SIZE, "letters");
		assert_int_equal(pthread_create(&copier.thread, NULL, copy_until_removed,
						&copier), 0);
		usleep(2000 + round * 700);
		vw_ok(vw_rmdir("t"));
		pthread_join(copier.thread, NULL);
		vw_ok(copier.bad);
		done += copier.done;
		close(dev.fd);
	}
	print_message("# %llu copies\n", done);
	assert_true(done);
}

static int hold_common(void *arg)
{
	(void)arg;
	fill_pattern(common, SIZE);
	vw_sync(0);
	return 0;
}

VW_TEST(the_target_can_exit_during_copies)
{
	__u64 partial = 0, failed = 0, done = 0;
	static const char nothing[16 * MAX_PAGE];
	char got[SIZE];
	struct vw_child child;
	long long rc;

	dev = vw_device_make();
	vw_allow_target_write(true);
	common = vw_anon(SIZE);
	for (int round = 0; round < 40; round++) {
		struct vw_child killer;

		child = vw_fork(hold_common, NULL);
		vw_hear(&child);
		vw_set_target(child.pid);
		/* Another process kills it, later in each round. */
		killer.pid = fork();
		assert_true(killer.pid >= 0);
		if (!killer.pid) {
			usleep(round * 200);
			kill(child.pid, SIGKILL);
			_exit(0);
		}
		for (__u32 i = 0;; i++) {
			if (i % 3 != 2)
				vw_expect(vw_sys(pwrite(dev.fd, nothing, SIZE, 0)), SIZE);
			rc = vw_copy(dev.fd, i % 3 == 2 ? TO : FROM, 0, (uintptr_t)common, SIZE);
			if (rc == -ESRCH)
				break;
			if (rc == (long long)SIZE)
				done++;
			else if (rc > 0)
				partial++;
			else if (rc == -EFAULT)
				failed++;
			else
				vw_ok(rc);
			if (rc > 0 && i % 3 != 2) {
				vw_expect(vw_sys(pread(dev.fd, got, SIZE, 0)), SIZE);
				expect_pattern(got, rc);
				expect_same("the rest of the buffer", got + rc, nothing, SIZE - rc);
			}
		}
		waitpid(killer.pid, NULL, 0);
		vw_kill(&child);
	}
	print_message("# %llu copies, %llu of them partial, %llu failed\n",
		      done + partial, partial, failed);
	assert_true(done);
}

static int map_and_unmap(void *arg)
{
	(void)arg;
	for (;;) {
		vw_check(mmap(common, SIZE, RW, ANON | MAP_FIXED, -1, 0) == common);
		memset(common, 0xee, SIZE);
		mprotect(common + 5 * PAGE, PAGE, PROT_NONE);
		vw_check(!munmap(common, SIZE));
	}
}

VW_TEST(the_target_can_unmap_memory_during_copies)
{
	__u64 end, whole = 0, partial = 0, failed = 0;
	unsigned char got[SIZE], letters[SIZE];
	struct vw_child child;
	long long rc;

	dev = vw_device_make();
	vw_expect(vw_sys(pread(dev.fd, letters, SIZE, 0)), SIZE);
	common = vw_map(-1, SIZE, 0, PROT_NONE, ANON);
	child = vw_fork(map_and_unmap, NULL);
	vw_set_target(child.pid);
	for (end = vw_now() + 4 * SECOND; vw_now() < end;) {
		rc = vw_copy(dev.fd, FROM, 0, (uintptr_t)common, SIZE);
		if (rc == -EFAULT) {
			failed++;
			continue;
		}
		assert_true(rc > 0);
		if (rc == (long long)SIZE)
			whole++;
		else
			partial++;
		/* A copy ends at a page boundary. New pages are zero. */
		assert_int_equal(rc % PAGE, 0);
		vw_expect(vw_sys(pread(dev.fd, got, SIZE, 0)), SIZE);
		for (long long i = 0; i < rc; i++) {
			if (got[i] && got[i] != 0xee)
				vw_fail("byte %lld is 0x%02x", i, got[i]);
		}
		/* Bytes behind the copy are unchanged. */
		expect_same("the rest of the buffer", got + rc, letters + rc, SIZE - rc);
		vw_expect(vw_sys(pwrite(dev.fd, letters, rc, 0)), rc);
	}
	print_message("# %llu complete, %llu partial, %llu failed\n", whole, partial,
		      failed);
	assert_true(whole + partial && failed);
}

struct pair {
	struct copier copier;
	int to;
	__u64 from;
};

static void *copy_repeatedly(void *arg)
{
	struct pair *pair = arg;
	long long rc;

	while (!stopped() && !pair->copier.bad) {
		rc = vw_copy(pair->to, BETWEEN, 0, pair->from, SIZE);
		if (rc != (long long)SIZE)
			pair->copier.bad = rc < 0 ? rc : -EPROTO;
		pair->copier.done++;
	}
	return NULL;
}

VW_TEST(two_buffers_can_be_copied_to_each_other_concurrently)
{
	struct vmwalk_locate location;
	static struct pair pair[2];

	dev.n = vw_make("a", "size", vw_pages_text(16), "fill", "letters", "track_dirty", "1",
			NULL);
	pair[0].to = vw_open_rw(dev.n);
	pair[1].to = vw_open_rw(vw_make("b", "size", vw_pages_text(16), "fill", "letters",
					"track_dirty", "1",
					NULL));
	for (int i = 0; i < 2; i++) {
		vw_ok(vw_locate(pair[!i].to, 0, &location));
		pair[i].from = location.kaddr;
	}
	stop = false;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&pair[i].copier.thread, NULL, copy_repeatedly,
						&pair[i]), 0);
	usleep(1000000);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++) {
		pthread_join(pair[i].copier.thread, NULL);
		vw_ok(pair[i].copier.bad);
		assert_true(pair[i].copier.done);
		dev.fd = pair[i].to;
		expect_fill("letters");
	}
}

#define LARGE	(64 * MIB)

static int copy_until_killed(void *arg)
{
	const struct vmwalk_copy *copy = arg;

	vw_say(0);
	for (;;)
		vw_check(vw_copy(dev.fd, copy->direction, 0, copy->addr, LARGE) > 0);
}

/* Kills a child during a copy: true if the last byte was not copied. */
static bool is_interrupted(struct vmwalk_copy *copy)
{
	struct vw_child child;
	char first, last;
	__u64 start;

	vw_expect(vw_sys(pwrite(dev.fd, "", 1, 0)), 1);
	vw_expect(vw_sys(pwrite(dev.fd, "", 1, LARGE - 1)), 1);
	child = vw_fork(copy_until_killed, copy);
	vw_hear(&child);
	start = vw_now();
	do
		vw_expect(vw_sys(pread(dev.fd, &first, 1, 0)), 1);
	while (!first && vw_now() - start < 10 * SECOND);
	assert_int_equal(first, 1);
	start = vw_now();
	kill(child.pid, SIGKILL);
	vw_expect(vw_join(&child), -SIGKILL);
	vw_expect(vw_sys(pread(dev.fd, &last, 1, LARGE - 1)), 1);
	print_message("# exited after %llu us%s\n", (vw_now() - start) / 1000,
		      last ? ", after the copy was complete" : "");
	assert_true(vw_now() - start < 10 * SECOND);
	return !last;
}

VW_TEST(sigkill_interrupts_a_copy)
{
	struct vmwalk_copy from = { .direction = FROM }, between = { .direction = BETWEEN };
	unsigned int short_from = 0, short_between = 0;
	struct vmwalk_locate location;
	int other;

	dev = vw_device_make_with("size", "64M", NULL);
	other = vw_open_rw(vw_make("source", "size", "64M", NULL));
	vw_ok(vw_locate(other, 0, &location));
	between.addr = location.kaddr;
	vw_expect(vw_sys(pwrite(other, "\1", 1, 0)), 1);
	vw_expect(vw_sys(pwrite(other, "\1", 1, LARGE - 1)), 1);
	common = vw_anon(LARGE);
	common[0] = 1;
	common[LARGE - 1] = 1;
	from.addr = (uintptr_t)common;
	for (int round = 0; round < 5; round++) {
		short_from += is_interrupted(&from);
		short_between += is_interrupted(&between);
	}
	/* The signal may be late in some rounds. */
	assert_true(short_from && short_between);
}

/* Each thread of the target starts the next one and exits. */
static void *start_thread_and_exit(void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	while (pthread_create(&thread, &attr, start_thread_and_exit, NULL))
		sched_yield();
	pthread_attr_destroy(&attr);
	return arg;
}

static int replace_threads(void *arg)
{
	(void)arg;
	vw_say(0);
	for (int i = 0; i < 3; i++)
		start_thread_and_exit(NULL);
	pthread_exit(NULL);
}

static int copy_and_count(void *arg)
{
	unsigned long *done = arg;

	for (;;) {
		vw_copy(dev.fd, FROM, 0, (uintptr_t)common, SIZE);
		__atomic_add_fetch(done, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

static bool has_been_killed(const struct vw_child *child)
{
	siginfo_t info = { .si_pid = 0 };

	return !waitid(P_PID, child->pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

VW_TEST(a_copy_from_a_target_that_replaces_its_threads_can_be_killed)
{
	unsigned long *done = vw_map(-1, PAGE, 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	struct vw_child target, copier;

	dev = vw_device_make();
	common = anon_with_pattern(SIZE);
	target = vw_fork(replace_threads, NULL);
	vw_hear(&target);
	vw_set_target(target.pid);
	for (int round = 0; round < 20; round++) {
		*done = 0;
		copier = vw_fork(copy_and_count, done);
		assert_true(vw_eventually(__atomic_load_n(done, __ATOMIC_RELAXED) > 20));
		usleep(round * 300);
		kill(copier.pid, SIGKILL);
		assert_true(vw_eventually(has_been_killed(&copier)));
		vw_expect(vw_join(&copier), -SIGKILL);
	}
	vw_kill(&target);
	munmap(done, PAGE);
}
