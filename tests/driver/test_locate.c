// SPDX-License-Identifier: GPL-2.0
/*
 * LOCATE, compared with the page tables of programs, /proc/kcore and sysfs.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include "harness.h"

static struct vw_device dev;
static size_t size, pages;

static bool is_huge(const struct vw_combo *combo)
{
	return !strcmp(combo->type, "huge");
}

/* Is the buffer contiguous in the kernel's address space? */
static bool is_virtually_contiguous(const char *type)
{
	return !strcmp(type, "kmalloc") || !strcmp(type, "vmalloc") || !strcmp(type, "dma");
}

static void open_combo(const struct vw_combo *combo)
{
	/* Two chunks of type huge, else pages that scatter. */
	size = is_huge(combo) ? PMD_SIZE + 3 * PAGE : 100 * PAGE;
	pages = size / PAGE;
	dev = vw_device_make_combo(combo, size, "letters");
}

static struct vmwalk_locate locate_at(__u64 offset)
{
	struct vmwalk_locate location;

	vw_ok(vw_locate(dev.fd, offset, &location));
	assert_int_equal(location.size, sizeof(location));
	assert_int_equal(location.flags, 0);
	assert_int_equal(location.offset, offset);
	return location;
}

/* One byte of each page, at an offset that differs from page to page. */
static __u64 byte_of(size_t page)
{
	return page * PAGE + page * 101 % PAGE;
}

/* The buffer's PFNs, read through a mapping of the whole buffer. */
static __u64 *frames_of_buffer(const struct vw_combo *combo)
{
	char *map = vw_map(dev.fd, size, 0, PROT_READ, MAP_SHARED);
	__u64 *frames = calloc(pages, sizeof(*frames));

	assert_non_null(frames);
	for (size_t i = 0; i < pages; i++)
		vw_peek(map + i * PAGE);
	vw_frames(0, map, pages, frames);
	for (size_t i = 0; i < pages; i++) {
		assert_int_not_equal(frames[i], 0);
		/* pagemap shows the PFNs of refcounted pages only. */
		if (vw_is_refcounted(combo))
			assert_int_equal(frames[i], vw_pfn(map + i * PAGE));
	}
	munmap(map, size);
	return frames;
}

/* --- Addresses ------------------------------------------------------------ */

VW_TEST_ALL(phys_and_contig_len_match_the_mapped_frames)
{
	__u64 *frames;

	open_combo(combo);
	frames = frames_of_buffer(combo);
	for (size_t i = 0; i < pages; i++) {
		__u64 offset = byte_of(i), contig_len = PAGE - offset % PAGE;
		struct vmwalk_locate location = locate_at(offset);

		if (location.phys != frames[i] * PAGE + offset % PAGE)
			vw_fail("offset 0x%llx: phys is 0x%llx, but the PFN is 0x%llx", offset,
				location.phys, frames[i]);
		for (size_t j = i + 1; j < pages && frames[j] == frames[j - 1] + 1; j++)
			contig_len += PAGE;
		if (location.contig_len != contig_len)
			vw_fail("offset 0x%llx: contig_len is 0x%llx, not 0x%llx", offset,
				location.contig_len, contig_len);
	}
	free(frames);
}

VW_TEST_TYPICAL(sysfs_segments_counts_the_contiguous_ranges)
{
	char text[32], wanted[32];
	__u64 offset, segments = 0;

	open_combo(combo);
	for (offset = 0; offset < size; offset += locate_at(offset).contig_len)
		segments++;
	assert_int_equal(offset, size);
	snprintf(wanted, sizeof(wanted), "%llu", segments);
	assert_true(vw_sysfs(dev.n, "segments", text, sizeof(text)) > 0);
	assert_string_equal(text, wanted);
	/* phys_addr is 0 unless the buffer is physically contiguous. */
	snprintf(wanted, sizeof(wanted), "0x%llx", segments == 1 ? locate_at(0).phys : 0);
	assert_true(vw_sysfs(dev.n, "phys_addr", text, sizeof(text)) > 0);
	assert_string_equal(text, wanted);
	if (!strcmp(combo->type, "kmalloc") || !strcmp(combo->type, "dma"))
		assert_int_equal(segments, 1);
	print_message("# %zu pages in %llu segments\n", pages, segments);
}

VW_TEST_TYPICAL(kaddr_maps_the_physical_address)
{
	unsigned char there[64], here[64];
	struct vmwalk_walk walk;
	size_t compared = 0;

	open_combo(combo);
	for (size_t i = 0; i < pages; i += pages > 200 ? 37 : 3) {
		struct vmwalk_locate location = locate_at(i * PAGE + i % (PAGE - sizeof(there)));

		vw_ok(vw_walk_kernel(dev.fd, location.kaddr, &walk));
		assert_int_equal(walk.phys, location.phys);
		assert_true(walk.state & VMWALK_PRESENT && walk.state & VMWALK_WRITE);
		assert_int_equal(location.kaddr % PAGE, location.offset % PAGE);
		if (vw_read_kernel(location.kaddr, there, sizeof(there)) &&
		    vw_read_physical(location.phys, here, sizeof(here))) {
			assert_true(vw_holds_fill(there, "letters", location.offset,
						  sizeof(there)));
			assert_true(vw_holds_fill(here, "letters", location.offset, sizeof(here)));
			compared++;
		}
		/* Contiguous in a page, and for some types in the buffer. */
		assert_int_equal(locate_at(location.offset + 1).kaddr, location.kaddr + 1);
		if (is_virtually_contiguous(combo->type))
			assert_int_equal(location.kaddr - location.offset, locate_at(0).kaddr);
	}
	print_message("# contents compared %zu times\n", compared);
}

VW_TEST_TYPICAL(the_first_and_the_last_byte_can_be_located)
{
	open_combo(combo);
	assert_int_equal(locate_at(0).kaddr % PAGE, 0);
	assert_int_equal(locate_at(size - 1).contig_len, 1);
	assert_int_equal(locate_at(size - 1).phys - locate_at(size - PAGE).phys, PAGE - 1);
}

VW_TEST(linear_equals_phys_in_the_linear_map_only)
{
	static const char * const types[] = { "kmalloc", "pages", "huge", "dma", "vmalloc" };
	__u64 linear_map = 0;

	for (size_t i = 0; i < COUNT(types); i++) {
		dev = vw_device_make_with("buffer_type", types[i], "map_mode", "fault", "size",
					  "40K", NULL);
		for (__u64 offset = 0; offset < 40 * KIB; offset += 1234) {
			struct vmwalk_locate location = locate_at(offset);
			bool right = location.linear == location.phys, in_linear_map;

			/* The buffer of type kmalloc shows the base of the linear map. */
			if (!linear_map)
				linear_map = location.kaddr - location.phys;
			in_linear_map = location.kaddr - location.phys == linear_map;
			if (right != in_linear_map)
				vw_fail("%s, offset 0x%llx: linear is 0x%llx, phys is 0x%llx",
					types[i], offset, location.linear, location.phys);
			/* Except on x86-64, the DMA API may map the buffer elsewhere. */
			if (VW_IS_X86 || strcmp(types[i], "dma"))
				assert_int_equal(in_linear_map, !!strcmp(types[i], "vmalloc"));
		}
		close(dev.fd);
		vw_ok(vw_rmdir("t"));
	}
}

VW_TEST(buffers_with_numa_node_are_located)
{
	struct vmwalk_locate location;
	char *map;

	/* With numa_node, the driver allocates vmalloc buffers differently. */
	dev = vw_device_make_with("numa_node", "0", "size", "40K", "fill", "digits", NULL);
	map = vw_map(dev.fd, 40 * KIB, 0, PROT_READ, MAP_SHARED);
	for (__u64 offset = 7; offset < 40 * KIB; offset += PAGE) {
		location = locate_at(offset);
		vw_peek(map + offset);
		assert_int_equal(location.phys, vw_pfn(map + offset) * PAGE + 7);
		assert_int_not_equal(location.linear, location.phys);
		assert_int_equal(location.kaddr - offset, locate_at(0).kaddr);
	}
}

VW_TEST(no_two_buffers_share_an_address)
{
	struct vmwalk_locate location[VW_COMBOS];
	char name[32], bytes[16];

	for (size_t i = 0; i < VW_COMBOS; i++) {
		snprintf(name, sizeof(name), "t%zu", i);
		snprintf(bytes, sizeof(bytes), "%lu", PAGE);
		dev.n = vw_make(name, "buffer_type", vw_combos[i].type, "map_mode",
				vw_combos[i].mode, "cache_mode", vw_combos[i].cache, "size", bytes,
				NULL);
		dev.fd = vw_open_rw(dev.n);
		location[i] = locate_at(0);
		assert_int_equal(location[i].contig_len, PAGE);
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(location[i].kaddr, location[j].kaddr);
			assert_int_not_equal(location[i].phys, location[j].phys);
		}
		close(dev.fd);
	}
}

VW_TEST_TYPICAL(mapping_and_writing_do_not_move_the_buffer)
{
	struct vmwalk_locate first, last, again;
	char *map;

	open_combo(combo);
	first = locate_at(5);
	last = locate_at(size - 5);
	map = vw_map(dev.fd, size, 0, RW, MAP_SHARED);
	memset(map, 1, size);
	munmap(map, size);
	again = locate_at(5);
	assert_memory_equal(&first, &again, sizeof(first));
	again = locate_at(size - 5);
	assert_memory_equal(&last, &again, sizeof(last));
}

/* --- Arguments and rights ------------------------------------------------- */

VW_TEST(offsets_beyond_the_buffer_fail_with_einval)
{
	const __u64 beyond[] = {
		64 * KIB, 64 * KIB + 1, 65 * KIB, 1ULL << 32, (1ULL << 32) + 5, 1ULL << 63,
		-PAGE, ~0ULL,
	};
	struct vmwalk_locate location, before;

	dev = vw_device_make();
	memset(&location, 0xa5, sizeof(location));
	location.size = sizeof(location);
	location.flags = 0;
	for (size_t i = 0; i < COUNT(beyond); i++) {
		location.offset = beyond[i];
		before = location;
		vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_LOCATE, &location), -EINVAL);
		assert_memory_equal(&location, &before, sizeof(location));
	}
	/* The call overwrites all output fields. */
	location.offset = 64 * KIB - 1;
	vw_ok(vw_ioctl(dev.fd, VMWALK_IOC_LOCATE, &location));
	before = locate_at(64 * KIB - 1);
	assert_memory_equal(&location, &before, sizeof(location));
}

VW_TEST(any_open_mode_is_sufficient)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	struct vmwalk_locate location, first;

	dev = vw_device_make();
	first = locate_at(PAGE);
	for (size_t i = 0; i < COUNT(modes); i++) {
		int other = vw_open(dev.n, modes[i]);

		assert_true(other >= 0);
		vw_ok(vw_locate(other, PAGE, &location));
		assert_memory_equal(&location, &first, sizeof(location));
		close(other);
	}
}

VW_TEST(locate_counts_no_walk_and_no_fault)
{
	dev = vw_device_make();
	for (__u64 offset = 0; offset < 64 * KIB; offset += PAGE)
		locate_at(offset);
	vw_expect_stat(dev.n, "walks", 0);
	vw_expect_stat(dev.n, "faults", 0);
	vw_expect_stat(dev.n, "mapped_pages", 0);
}
