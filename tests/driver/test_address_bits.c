// SPDX-License-Identifier: GPL-2.0
/*
 * address_bits: every page of a buffer lies below 2^address_bits, or live = 1
 * fails. The limits of the zones are those in /proc/zoneinfo.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <linux/capability.h>

#include "harness.h"

#define MAX_BUFFER_MB	VW_MODULE "/parameters/max_buffer_mb"
#define PAGE_BITS	(__builtin_ctzl(PAGE))
#define MAX_BITS	64
#define ANY_NODE	-1

static const char * const types[] = { "kmalloc", "vmalloc", "pages", "huge", "dma" };

/* --- Zones ---------------------------------------------------------------- */

struct zone {
	int node;
	int kind;		/* index in kinds */
	__u64 start;		/* PFNs */
	__u64 end;
	__u64 managed;		/* pages */
};

/* From the lowest addresses to the highest. Buffers come from no other zones. */
static const char * const kinds[] = { "DMA", "DMA32", "Normal" };

static struct zone zones[3 * 64];
static size_t zone_count;

static int kind_of(const char *name)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (!strcmp(name, kinds[i]))
			return i;
	}
	return -1;
}

static void finish_zone(struct zone *zone, __u64 spanned, __u64 present)
{
	zone->end = zone->start + spanned;
	if (zone->kind >= 0 && present) {
		assert_true(zone_count < COUNT(zones));
		zones[zone_count++] = *zone;
	}
}

/* Reads the zones that have memory. */
static void read_zones(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	__u64 spanned = 0, present = 0;
	struct zone zone = { .kind = -1 };
	char line[256], name[32];

	assert_non_null(file);
	zone_count = 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Node %d, zone %31s", &zone.node, name) == 2) {
			finish_zone(&zone, spanned, present);
			zone.kind = kind_of(name);
			present = 0;
		}
		if (sscanf(line, " spanned %llu", &spanned) == 1 ||
		    sscanf(line, " present %llu", &present) == 1 ||
		    sscanf(line, " managed %llu", &zone.managed) == 1 ||
		    sscanf(line, " start_pfn: %llu", &zone.start) == 1)
			continue;
	}
	finish_zone(&zone, spanned, present);
	fclose(file);
	assert_true(zone_count > 0);
}

static bool on_node(const struct zone *zone, int node)
{
	return node == ANY_NODE || zone->node == node;
}

/* The smallest N for which 2^N is at least this address. */
static int bits_of(__u64 address)
{
	int bits = PAGE_BITS;

	while (bits < 63 && 1ULL << bits < address)
		bits++;
	return bits;
}

/* The smallest address_bits that allow all memory of this kind and the lower ones. */
static int bits_of_kind(int kind, int node)
{
	__u64 end = 0;

	for (size_t i = 0; i < zone_count; i++) {
		if (on_node(&zones[i], node) && zones[i].kind <= kind && zones[i].end > end)
			end = zones[i].end;
	}
	return end ? bits_of(end * PAGE) : MAX_BITS;
}

/* The smallest address_bits that a buffer type, other than dma, supports. */
static int smallest_by_zones(const char *type, int node)
{
	int smallest = MAX_BITS;

	for (size_t i = 0; i < COUNT(kinds); i++) {
		/* kmalloc() cannot allocate from DMA32 alone. */
		if (!strcmp(type, "kmalloc") && !strcmp(kinds[i], "DMA32"))
			continue;
		if (bits_of_kind(i, node) < smallest)
			smallest = bits_of_kind(i, node);
	}
	return smallest;
}

/*
 * The lowest zone, on the node where it is largest. Skips the test if filling
 * the zone takes long.
 */
static const struct zone *small_zone(void)
{
	const struct zone *smallest = NULL;

	read_zones();
	for (size_t i = 0; i < zone_count; i++) {
		if (bits_of_kind(zones[i].kind, ANY_NODE) == smallest_by_zones("pages", ANY_NODE) &&
		    (!smallest || zones[i].managed > smallest->managed))
			smallest = &zones[i];
	}
	if (!smallest || smallest->managed * PAGE > 64 * MIB)
		vw_skip("no zone of at most 64 MiB");
	return smallest;
}

/* --- Instances ------------------------------------------------------------ */

static void set_number(const char *attr, long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", value);
	vw_set_ok("t", attr, text);
}

/* Sets address_bits and live = 1: 0 or a negative errno. */
static int try_bits(int bits, char *message, size_t len)
{
	int rc;

	set_number("address_bits", bits);
	rc = vw_set("t", "live", "1");
	vw_get("t", "last_error", message, len);
	return rc;
}

/* All bits are set if the file cannot be read. */
static __u64 phys_addr_max(int n)
{
	char text[64] = "";

	return vw_sysfs(n, "phys_addr_max", text, sizeof(text)) > 0 ?
	       strtoull(text, NULL, 0) : ~0ULL;
}

/* The highest PFN of the live instance "t", from page tables. */
static __u64 highest_pfn(size_t pages)
{
	__u64 *frames = calloc(pages, sizeof(*frames)), highest = 0;
	int fd = vw_open_rw(vw_number("t"));
	char *map = vw_map(fd, pages * PAGE, 0, PROT_READ, MAP_SHARED);

	assert_non_null(frames);
	vw_touch(map, pages * PAGE);
	vw_frames(0, map, pages, frames);
	for (size_t i = 0; i < pages; i++) {
		assert_true(frames[i]);
		if (frames[i] > highest)
			highest = frames[i];
	}
	munmap(map, pages * PAGE);
	close(fd);
	free(frames);
	return highest;
}

/* Page tables and sysfs show that the live instance "t" is below the limit. */
static void expect_below(int bits, size_t pages)
{
	__u64 highest = highest_pfn(pages);

	if (bits < 64 && highest * PAGE >> bits)
		vw_fail("PFN 0x%llx is not below 2^%d", highest, bits);
	vw_expect(phys_addr_max(vw_number("t")), (highest + 1) * PAGE - 1);
}

static void expect_message(const char *message, const char *part)
{
	if (!strstr(message, part))
		vw_fail("last_error does not contain \"%s\": %s", part, message);
}

/* No buffer counts towards max_buffer_mb, except the page of vw_frames(). */
static void expect_nothing_in_use(void)
{
	char before[32], message[512], *used;
	unsigned long long bytes;

	vw_file_read(MAX_BUFFER_MB, before, sizeof(before));
	vw_ok(vw_file_write(MAX_BUFFER_MB, "1"));
	vw_make_pending("large", "size", "2M", NULL);
	vw_expect(vw_set("large", "live", "1"), -ENOMEM);
	vw_get("large", "last_error", message, sizeof(message));
	used = strstr(message, "all buffers, ");
	if (!used || sscanf(used, "all buffers, %llu bytes in use", &bytes) != 1)
		vw_fail("unexpected message: %s", message);
	assert_in_range(bytes, 0, PAGE);
	vw_ok(vw_rmdir("large"));
	vw_ok(vw_file_write(MAX_BUFFER_MB, before));
}

/* --- Values --------------------------------------------------------------- */

VW_TEST(address_bits_accepts_the_bits_of_a_page_to_64)
{
	char text[16];

	vw_ok(vw_mkdir("t"));
	vw_expect_attr("t", "address_bits", "64");
	for (int bits = PAGE_BITS; bits <= MAX_BITS; bits++) {
		snprintf(text, sizeof(text), "%d", bits);
		vw_ok(vw_set("t", "address_bits", text));
		vw_expect_attr("t", "address_bits", text);
	}
}

VW_TEST(address_bits_rejects_other_values)
{
	static const char * const range[] = { "0", "-1", "65", "4294967328" };
	static const char * const invalid[] = { "\n", "4G", "32 bits", "0x20", "any" };
	char message[512], text[16];

	vw_make_pending("t", "address_bits", "32", NULL);
	for (size_t i = 0; i < COUNT(range); i++) {
		vw_expect(vw_set("t", "address_bits", range[i]), -ERANGE);
		vw_get("t", "last_error", message, sizeof(message));
		expect_message(message, range[i]);
		expect_message(message, " to 64");
	}
	for (size_t i = 0; i < COUNT(invalid); i++)
		vw_expect(vw_set("t", "address_bits", invalid[i]), -EINVAL);
	snprintf(text, sizeof(text), "%d", PAGE_BITS - 1);
	vw_expect(vw_set("t", "address_bits", text), -ERANGE);
	vw_expect_attr("t", "address_bits", "32");
}

/* --- The limit ------------------------------------------------------------ */

/* The values near the end of each kind of zone. */
static size_t list_bits(int *list, int node)
{
	size_t count = 0;

	list[count++] = PAGE_BITS;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		int bits = bits_of_kind(i, node);

		if (bits == MAX_BITS)
			continue;
		list[count++] = bits - 1;
		list[count++] = bits;
		list[count++] = bits + 1;
	}
	list[count++] = MAX_BITS;
	return count;
}

static void expect_limits(const char *type, int node, size_t pages)
{
	int list[3 * COUNT(kinds) + 2], smallest = smallest_by_zones(type, node), rc;
	size_t count = list_bits(list, node);
	char message[512], part[64];

	vw_make_pending("t", "buffer_type", type, "map_mode", "remap", NULL);
	set_number("numa_node", node);
	set_number("size", pages * PAGE);
	for (size_t i = 0; i < count; i++) {
		rc = try_bits(list[i], message, sizeof(message));
		if (rc != (list[i] < smallest ? -EOPNOTSUPP : 0))
			vw_fail("%s, node %d, address_bits %d, supported from %d: got %d (%s)",
				type, node, list[i], smallest, rc, message);
		if (rc) {
			snprintf(part, sizeof(part), "below 2^%d; use %d or more", list[i],
				 smallest);
			expect_message(message, part);
			vw_expect_attr("t", "live", "0");
		} else {
			expect_below(list[i], pages);
			vw_ok(vw_set("t", "live", "0"));
		}
	}
	vw_ok(vw_rmdir("t"));
}

VW_TEST(buffers_lie_below_the_limit_or_live_fails)
{
	read_zones();
	for (size_t i = 0; i < COUNT(types); i++) {
		if (!strcmp(types[i], "dma") || !vw_is_available("buffer_types", types[i]))
			continue;
		expect_limits(types[i], ANY_NODE, 16);
		for (size_t j = 0; j < zone_count; j++) {
			if (!j || zones[j].node != zones[j - 1].node)
				expect_limits(types[i], zones[j].node, 16);
		}
	}
	expect_nothing_in_use();
}

static void need_dma(void)
{
	if (!vw_is_available("buffer_types", "dma"))
		vw_skip("buffer_type dma is not available");
}

VW_TEST(dma_buffers_lie_below_the_limit_or_live_fails)
{
	char message[512];
	int smallest, rc;

	need_dma();
	smallest = vw_smallest_bits("dma");
	vw_make_pending("t", "buffer_type", "dma", "map_mode", "remap", "size", "64K", NULL);
	vw_expect(try_bits(smallest - 1, message, sizeof(message)), -EOPNOTSUPP);
	for (int bits = smallest; bits <= MAX_BITS; bits++) {
		rc = try_bits(bits, message, sizeof(message));
		if (rc)
			vw_fail("address_bits %d: got %d (%s)", bits, rc, message);
		if (bits < smallest + 4 || bits > MAX_BITS - 2)
			expect_below(bits, 64 * KIB / PAGE);
		vw_ok(vw_set("t", "live", "0"));
	}
	vw_ok(vw_rmdir("t"));
	expect_nothing_in_use();
}

/* The map mode and the cache mode do not matter. */
VW_TEST_ALL(every_combination_lies_below_the_limit)
{
	char bits[16];

	snprintf(bits, sizeof(bits), "%d", vw_smallest_bits(combo->type));
	vw_make("t", "buffer_type", combo->type, "map_mode", combo->mode, "cache_mode",
		combo->cache, "size", "64K", "fill", "letters", "address_bits", bits, NULL);
	expect_below(atoi(bits), 64 * KIB / PAGE);
}

/* A buffer whose pages do not all fit into the lowest zone of its node. */
VW_TEST(a_limit_between_two_zones_allows_the_lower_one_only)
{
	const struct zone *zone = small_zone();
	int bits = smallest_by_zones("pages", ANY_NODE);
	char message[512], part[64];

	if (bits_of_kind(zone->kind + 1, ANY_NODE) == bits + 1)
		vw_skip("no value between two zones");
	vw_make_pending("t", "buffer_type", "pages", "size", "64K", NULL);
	vw_ok(try_bits(bits + 1, message, sizeof(message)));
	expect_below(bits, 64 * KIB / PAGE);
	vw_ok(vw_set("t", "live", "0"));

	set_number("size", zone->managed * PAGE);
	vw_expect(try_bits(bits + 1, message, sizeof(message)), -ENOMEM);
	snprintf(part, sizeof(part), "is available with address_bits %d, ", bits + 1);
	expect_message(message, part);
	assert_true(strtoull(strstr(message, part) + strlen(part), NULL, 10) <
		    zone->managed * PAGE);
	vw_expect_attr("t", "live", "0");
	expect_nothing_in_use();
}

/* --- Failures ------------------------------------------------------------- */

/*
 * Creates the buffers fill0, fill1, ... in the lowest zone until one fails.
 * Returns their number.
 */
static int fill_zone(const char *type, const char *size)
{
	char name[32], bits[16], message[512];
	int count = 0, rc;

	snprintf(bits, sizeof(bits), "%d", smallest_by_zones("pages", ANY_NODE));
	for (;;) {
		snprintf(name, sizeof(name), "fill%d", count);
		vw_make_pending(name, "buffer_type", type, "map_mode", "remap", "size", size,
				"address_bits", bits, NULL);
		rc = vw_set(name, "live", "1");
		if (rc)
			break;
		count++;
	}
	vw_expect(rc, -ENOMEM);
	vw_get(name, "last_error", message, sizeof(message));
	expect_message(message, " with address_bits ");
	vw_ok(vw_rmdir(name));
	return count;
}

VW_TEST(a_zone_that_was_full_can_be_filled_again)
{
	int first, second;

	small_zone();
	for (size_t i = 0; i < COUNT(types); i++) {
		if (!vw_is_available("buffer_types", types[i]))
			continue;
		first = fill_zone(types[i], "1M");
		assert_true(vw_remove_instances());
		second = fill_zone(types[i], "1M");
		assert_true(vw_remove_instances());
		print_message("# %s: %d and %d buffers\n", types[i], first, second);
		/* Some free pages may be on the lists of the CPUs. */
		assert_true(first > 0 && second > first / 2);
		expect_nothing_in_use();
	}
}

/* The bytes that a huge buffer got before it failed; 0 if it failed earlier. */
static unsigned long long fail_half_way(int bits)
{
	unsigned long long bytes = 0;
	char message[512], *after;

	vw_expect(try_bits(bits, message, sizeof(message)), -ENOMEM);
	vw_expect_attr("t", "live", "0");
	after = strstr(message, " after ");
	if (after)
		sscanf(after, " after %llu bytes", &bytes);
	return bytes;
}

VW_TEST(a_failure_half_way_frees_all_chunks)
{
	const struct zone *zone = small_zone();
	int bits = smallest_by_zones("huge", ANY_NODE), count;
	unsigned long long bytes = 0;
	char name[32];

	/* Leave enough memory, but few chunks: a buffer stays in each of them. */
	count = fill_zone("pages", "256K");
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "fill%d", i);
		if (i % 8)
			vw_ok(vw_rmdir(name));
	}
	vw_make_pending("t", "buffer_type", "huge", NULL);
	set_number("size", (zone->managed * PAGE / 2) & -PMD_SIZE);
	for (int i = 0; i < count && !bytes; i += 8) {
		bytes = fail_half_way(bits);
		snprintf(name, sizeof(name), "fill%d", i);
		if (!bytes)
			vw_ok(vw_rmdir(name));
	}
	print_message("# failed after %llu bytes\n", bytes);
	assert_true(bytes > 0);
	for (int i = 0; i < 10; i++)
		vw_expect(fail_half_way(bits), bytes);
	vw_ok(vw_rmdir("t"));
	assert_true(vw_remove_instances());
	expect_nothing_in_use();
}

/* The buffers share one device of the DMA API, whose mask changes. */
static int make_dma_buffers(void *arg)
{
	const char *bits = arg;

	vw_check_rc(vw_set(bits, "address_bits", bits), 0);
	for (int i = 0; i < 200; i++) {
		vw_check_rc(vw_set(bits, "live", "1"), 0);
		if (strcmp(bits, "64"))
			vw_check(!(phys_addr_max(vw_number(bits)) >> atoi(bits)));
		vw_check_rc(vw_set(bits, "live", "0"), 0);
	}
	return 0;
}

VW_TEST(concurrent_dma_buffers_have_their_own_limits)
{
	struct vw_child limited, unlimited;
	char bits[16];

	need_dma();
	snprintf(bits, sizeof(bits), "%d", vw_smallest_bits("dma"));
	vw_make_pending(bits, "buffer_type", "dma", "map_mode", "remap", "size", "4K", NULL);
	vw_make_pending("64", "buffer_type", "dma", "map_mode", "remap", "size", "4K", NULL);
	limited = vw_fork(make_dma_buffers, bits);
	unlimited = vw_fork(make_dma_buffers, "64");
	vw_join_ok(&limited);
	vw_join_ok(&unlimited);
}

/* --- phys_addr_max -------------------------------------------------------- */

VW_TEST_TYPICAL(phys_addr_max_is_the_last_byte_of_the_highest_page)
{
	vw_make_combo(combo, 16 * PAGE, "digits");
	expect_below(MAX_BITS, 16);
}

struct reader {
	uid_t uid;
	__u64 caps;
	bool sees;
};

static int read_phys_addr_max(void *arg)
{
	const struct reader *reader = arg;

	vw_become(reader->uid, reader->caps);
	vw_check(!!phys_addr_max(0) == reader->sees);
	return 0;
}

VW_TEST(phys_addr_max_requires_cap_sys_admin)
{
	static struct reader readers[] = {
		{ VW_NOBODY, 0, false },
		{ VW_NOBODY, 1ULL << CAP_SYS_PTRACE | 1ULL << CAP_DAC_OVERRIDE, false },
		{ 0, 0, false },
		{ 0, 1ULL << CAP_SYS_ADMIN, true },
	};

	vw_expect(vw_make("t", NULL), 0);
	for (size_t i = 0; i < COUNT(readers); i++)
		vw_in_child(read_phys_addr_max, &readers[i]);
}
