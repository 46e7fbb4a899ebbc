// SPDX-License-Identifier: GPL-2.0
/*
 * WALK of the kernel's own addresses: each part of its map, against what /proc tells of it and
 * against what the kernel's memory holds where the walk says that it lies.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/ioctl.h>

#include "harness.h"

/* None of these has a meaning in the kernel's map, or they had better not be there. */
#define NEVER	(VMWALK_USER | VMWALK_SWAP | VMWALK_MIGRATION | VMWALK_PROTNONE | VMWALK_UFFD_WP | \
		 VMWALK_FILE | VMWALK_HUGETLB | VMWALK_HIDDEN)

#define STRUCT_PAGE	64UL		/* bytes of a struct page, since long ago */
#define CACHE_BITS	0x98UL		/* PWT, PCD and PAT of an entry of the lowest level */

static struct vw_device dev;

static struct vmwalk_walk walk_to(__u64 addr)
{
	struct vmwalk_walk walk;

	vw_ok(vw_walk_kernel(dev.fd, addr, &walk));
	assert_int_equal(walk.addr, addr);
	vw_expect_valid_walk(&walk, dev.levels);
	return walk;
}

static struct vmwalk_walk expect_page_at(const char *file, int line, __u64 addr, __u32 must,
					 __u32 mustnt)
{
	struct vmwalk_walk walk = walk_to(addr);

	if (walk.stop != VMWALK_STOP_PAGE)
		vw_fail_at(file, line, "0x%llx: no page, stop %u at level %u", addr, walk.stop,
			   walk.stop_level);
	mustnt |= NEVER;
	must |= VMWALK_PRESENT;
	if ((walk.state & must) != must || walk.state & mustnt)
		vw_fail_at(file, line, "0x%llx: state is 0x%x, must have 0x%x and not 0x%x", addr,
			   walk.state, must, mustnt);
	return walk;
}

#define expect_page(addr, must, mustnt)	expect_page_at(__FILE__, __LINE__, addr, must, mustnt)

/* What the kernel has at an address must be what memory has where the walk ended. */
static void expect_same_bytes(const struct vmwalk_walk *walk)
{
	unsigned char there[64], here[64];

	if (vw_read_kernel(walk->addr, there, sizeof(there)) &&
	    vw_read_physical(walk->phys, here, sizeof(here)))
		assert_memory_equal(there, here, sizeof(here));
}

/* --- What /proc tells ----------------------------------------------------------------------- */

/*
 * The first symbol of a name, or with types the first of any of these: of the kernel, or of this
 * module. 0 if there is none.
 */
static __u64 find_symbol(const char *name, const char *types, bool module)
{
	char line[1024], found[512], type;
	__u64 addr, result = 0;
	FILE *file;

	file = fopen("/proc/kallsyms", "re");
	while (file && !result && fgets(line, sizeof(line), file)) {
		if (module != !!strstr(line, "[vmwalk]") ||
		    sscanf(line, "%llx %c %511s", &addr, &type, found) != 3)
			continue;
		if (name ? !strcmp(found, name) : !!strchr(types, type))
			result = addr;
	}
	if (file)
		fclose(file);
	return result;
}

static __u64 symbol(const char *name)
{
	__u64 addr = find_symbol(name, NULL, false);

	if (!addr)
		vw_skip("/proc/kallsyms doesn't tell where %s is", name);
	return addr;
}

/* A resource of /proc/iomem by name, false if there is none. */
static bool find_resource(const char *name, __u64 *start, __u64 *end)
{
	char line[256], *colon;
	bool found = false;
	FILE *file;

	file = fopen("/proc/iomem", "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		colon = strstr(line, " : ");
		found = colon && !strcmp(colon + 3, name) &&
			sscanf(line, " %llx-%llx", start, end) == 2 && *end;
	}
	if (file)
		fclose(file);
	return found;
}

/*
 * Where a part of the kernel's map begins, which a variable of the kernel tells. A kernel without
 * the variable has it where it was designed to be; so has one that is itself where it was linked.
 */
static __u64 base_of(const char *variable, __u64 with_four, __u64 with_five)
{
	__u64 at = find_symbol(variable, NULL, false), base;

	if (at && vw_read_kernel(at, &base, sizeof(base)))
		return base;
	if (at && symbol("_text") != 0xffffffff81000000)
		vw_skip("the kernel's map is random, and /proc/kcore isn't there to ask");
	return dev.levels == 5 ? with_five : with_four;
}

static __u64 linear_base(void)
{
	return base_of("page_offset_base", 0xffff888000000000, 0xff11000000000000);
}

static __u64 vmemmap_base(void)
{
	return base_of("vmemmap_base", 0xffffea0000000000, 0xffd4000000000000);
}

/* --- The parts of the map ------------------------------------------------------------------- */

VW_TEST(the_kernels_code_may_be_executed_and_not_written)
{
	__u64 first, last, start, end;
	struct vmwalk_walk walk;

	dev = vw_device_make();
	first = symbol("_text");
	last = symbol("_etext") - 1;
	for (__u64 addr = first; addr < last; addr += (last - first) / 37) {
		walk = expect_page(addr, VMWALK_EXEC, VMWALK_WRITE | VMWALK_SPECIAL);
		/* It may be patched while it is read, but not all of it. */
		if (addr == first)
			expect_same_bytes(&walk);
	}
	if (!find_resource("Kernel code", &start, &end))
		vw_skip("/proc/iomem doesn't tell where the kernel's code is");
	assert_int_equal(walk_to(first).phys, start);
	assert_int_equal(walk_to(last).phys, end);
}

VW_TEST(the_kernels_data_may_not_be_executed)
{
	struct vmwalk_walk walk;

	dev = vw_device_make();
	expect_page(symbol("init_task"), VMWALK_WRITE, VMWALK_EXEC | VMWALK_SPECIAL);
	walk = expect_page(symbol("linux_banner"), 0,
			   VMWALK_WRITE | VMWALK_EXEC | VMWALK_SPECIAL);
	expect_same_bytes(&walk);
}

VW_TEST(a_modules_parts_are_what_they_should_be)
{
	__u64 text = find_symbol(NULL, "tT", true);
	__u64 data = find_symbol("__this_module", NULL, true);
	__u64 core = 0, size = 0;
	struct vmwalk_walk walk;
	char line[512];
	FILE *modules;

	dev = vw_device_make();
	if (!text || !data)
		vw_skip("/proc/kallsyms doesn't tell where the module is");
	walk = expect_page(text, VMWALK_EXEC, VMWALK_WRITE | VMWALK_SPECIAL);
	expect_same_bytes(&walk);
	expect_page(data, VMWALK_WRITE, VMWALK_EXEC | VMWALK_SPECIAL);

	/* /proc/modules tells where it begins, and that is code, too. */
	modules = fopen("/proc/modules", "re");
	while (modules && fgets(line, sizeof(line), modules)) {
		if (sscanf(line, "vmwalk %llu %*d %*s %*s 0x%llx", &size, &core) == 2)
			break;
	}
	if (modules)
		fclose(modules);
	assert_true(core && size);
	expect_page(core, VMWALK_EXEC, VMWALK_WRITE);
}

VW_TEST(the_linear_map_leads_to_each_frame)
{
	const size_t pages = 256;
	struct vmwalk_walk walk, own;
	__u64 base, pfn;
	char *at;

	dev = vw_device_make();
	base = linear_base();
	at = vw_anon(pages * PAGE);
	for (size_t i = 0; i < pages; i++)
		memset(at + i * PAGE, i + 1, PAGE);
	for (size_t i = 0; i < pages; i++) {
		__u64 off = i * 97 % PAGE;

		vw_ok(vw_walk(dev.fd, (uintptr_t)at + i * PAGE + off, &own));
		pfn = vw_pfn(at + i * PAGE);
		assert_int_equal(own.pfn, pfn);
		walk = expect_page(base + own.phys, VMWALK_WRITE, VMWALK_EXEC | VMWALK_SPECIAL);
		assert_int_equal(walk.pfn, pfn);
		assert_int_equal(walk.phys, own.phys);
		assert_int_equal(walk.phys % PAGE, off);
	}
	/* So a table of our own is found where the walk of us said that it is. */
	for (int i = 0; i < VMWALK_LEVELS; i++) {
		if (!own.level[i].table)
			continue;
		walk = expect_page(base + own.level[i].table + own.level[i].index * 8,
				   VMWALK_WRITE, VMWALK_EXEC);
		assert_int_equal(walk.phys, own.level[i].table + own.level[i].index * 8);
	}
}

VW_TEST(the_memory_map_has_an_entry_of_every_frame)
{
	struct vmwalk_walk walk;
	__u64 base;
	char *at;

	dev = vw_device_make();
	base = vmemmap_base();
	at = vw_anon(64 * PAGE);
	memset(at, 1, 64 * PAGE);
	for (size_t i = 0; i < 64; i++) {
		walk = expect_page(base + vw_pfn(at + i * PAGE) * STRUCT_PAGE, VMWALK_WRITE,
				   VMWALK_EXEC | VMWALK_SPECIAL);
		assert_int_not_equal(walk.pfn, vw_pfn(at + i * PAGE));
	}
}

/* The one area of this size that the module has in the kernel's address space. */
static __u64 find_vmalloc_area(size_t size)
{
	static const char restrict_file[] = "/proc/sys/kernel/kptr_restrict";
	__u64 start, end, result = 0;
	char line[512], before[16];
	unsigned long len;
	FILE *info;

	/* With 0, pointers are hashed there, for root as well. */
	if (vw_file_read(restrict_file, before, sizeof(before)) <= 0 ||
	    vw_file_write(restrict_file, "1"))
		return 0;
	info = fopen("/proc/vmallocinfo", "re");
	while (info && fgets(line, sizeof(line), info)) {
		if (!strstr(line, "[vmwalk]") || !strstr(line, " vmalloc") ||
		    sscanf(line, "0x%llx-0x%llx %lu", &start, &end, &len) != 3 ||
		    len != size + PAGE || end - start != len)
			continue;
		assert_int_equal(result, 0);
		result = start;
	}
	if (info)
		fclose(info);
	vw_file_write(restrict_file, before);
	return result;
}

VW_TEST(vmalloc_memory_leads_to_the_frames_that_a_program_has_mapped)
{
	const size_t size = 5 * MIB, pages = size / PAGE;
	__u64 *frames = calloc(pages, sizeof(*frames)), start;
	struct vmwalk_walk walk;
	char *map;
	int buffer;

	dev = vw_device_make();
	buffer = vw_open_rw(vw_make("b", "buffer_type", "vmalloc", "map_mode", "remap", "size",
				    "5M", "fill", "letters", NULL));
	map = vw_map(buffer, size, 0, RW, MAP_SHARED);
	assert_non_null(frames);
	vw_frames(0, map, pages, frames);
	start = find_vmalloc_area(size);
	if (!start)
		vw_skip("/proc/vmallocinfo doesn't tell where the buffer is");
	for (size_t i = 0; i < pages; i++) {
		walk = expect_page(start + i * PAGE + i % PAGE, VMWALK_WRITE,
				   VMWALK_EXEC | VMWALK_SPECIAL);
		assert_int_equal(walk.pfn, frames[i]);
		if (i % 100 == 0)
			expect_same_bytes(&walk);
	}
	/* Behind it there is a page that nobody may touch; so it is once the buffer is gone. */
	walk = walk_to(start + size);
	assert_int_equal(walk.stop, VMWALK_STOP_EMPTY);
	munmap(map, size);
	close(buffer);
	vw_ok(vw_rmdir("b"));
	for (size_t i = 0; i < pages; i += 100) {
		walk = walk_to(start + i * PAGE);
		assert_int_equal(walk.stop, VMWALK_STOP_EMPTY);
	}
	free(frames);
}

VW_TEST(the_kernels_alias_is_cached_as_the_buffer_is)
{
	static const char * const caches[] = { "wb", "wc", "uc" };
	struct vmwalk_walk walk;
	__u64 frames[16], base, bits[COUNT(caches)];

	dev = vw_device_make();
	base = linear_base();
	for (size_t i = 0; i < COUNT(caches); i++) {
		int buffer = vw_open_rw(vw_make("b", "buffer_type", "pages", "map_mode", "remap",
						"cache_mode", caches[i], "size", "64K", NULL));
		char *map = vw_map(buffer, 16 * PAGE, 0, RW, MAP_SHARED);

		vw_frames(0, map, COUNT(frames), frames);
		vw_ok(vw_walk(dev.fd, (uintptr_t)map, &walk));
		assert_int_equal(walk.page_shift, 12);
		bits[i] = walk.level[VMWALK_PTE].entry & CACHE_BITS;
		for (size_t j = 0; j < COUNT(frames); j++) {
			walk = expect_page(base + frames[j] * PAGE, VMWALK_WRITE, VMWALK_EXEC);
			if (i)
				assert_int_equal(walk.page_shift, 12);
			if (walk.page_shift == 12)
				assert_int_equal(walk.level[VMWALK_PTE].entry & CACHE_BITS,
						 bits[i]);
		}
		munmap(map, 16 * PAGE);
		close(buffer);
		vw_ok(vw_rmdir("b"));
		/* It was given back as it had been. */
		for (size_t j = 0; j < COUNT(frames); j++) {
			walk = expect_page(base + frames[j] * PAGE, VMWALK_WRITE, VMWALK_EXEC);
			if (walk.page_shift == 12)
				assert_int_equal(walk.level[VMWALK_PTE].entry & CACHE_BITS,
						 bits[0]);
		}
	}
	assert_true(bits[0] != bits[1] && bits[1] != bits[2] && bits[0] != bits[2]);
}

VW_TEST(the_fixmap_has_devices_in_it)
{
	__u64 io_apic = 0, end;
	unsigned int pages = 0;
	bool found = false;

	dev = vw_device_make();
	find_resource("IOAPIC 0", &io_apic, &end);
	for (__u64 addr = 0xffffffffff200000; addr < 0xffffffffff800000; addr += PAGE) {
		struct vmwalk_walk walk = walk_to(addr);

		if (walk.stop != VMWALK_STOP_PAGE)
			continue;
		pages++;
		/* What isn't memory has no struct page. */
		if (io_apic && walk.phys == io_apic) {
			expect_page(addr, VMWALK_SPECIAL | VMWALK_WRITE, VMWALK_EXEC);
			found = true;
		}
	}
	print_message("# %u pages\n", pages);
	if (!io_apic)
		vw_skip("/proc/iomem tells of no IOAPIC");
	assert_true(found);
}

VW_TEST(the_read_only_alias_of_the_interrupt_table_is_the_table)
{
	struct vmwalk_walk alias, table;

	dev = vw_device_make();
	table = expect_page(symbol("idt_table"), 0, VMWALK_EXEC | VMWALK_SPECIAL);
	alias = expect_page(0xfffffe0000000000, 0, VMWALK_EXEC | VMWALK_WRITE | VMWALK_SPECIAL);
	assert_int_equal(alias.pfn, table.pfn);
}

VW_TEST(where_the_kernel_has_nothing_the_walk_says_so)
{
	struct vmwalk_walk walk;
	__u64 half;

	dev = vw_device_make();
	/* The lowest addresses of all are left to hypervisors. */
	half = dev.levels == 5 ? 0xff00000000000000 : 0xffff800000000000;
	for (__u64 off = 0; off < 8 * 512 * GIB; off += 512 * GIB + 0x12345) {
		walk = walk_to(half + off);
		assert_int_equal(walk.stop, VMWALK_STOP_EMPTY);
		assert_int_equal(walk.stop_level, VMWALK_PGD);
	}
	/* So are the highest, up to the very last byte. */
	for (__u64 off = 1; off <= PMD_SIZE; off *= 2) {
		walk = walk_to(0 - off);
		assert_int_equal(walk.stop, VMWALK_STOP_EMPTY);
	}
	/* Far above all memory, where the linear map has no tables. */
	walk = walk_to(linear_base() + (1ULL << 42));
	assert_int_equal(walk.stop, VMWALK_STOP_EMPTY);
}

/* --- Refusals ------------------------------------------------------------------------------- */

static void expect_refused(__u64 addr)
{
	struct vmwalk_walk walk = {
		.size = sizeof(walk), .flags = VMWALK_WALK_KERNEL, .addr = addr,
	}, copy = walk;

	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_WALK, &walk), -EINVAL);
	assert_memory_equal(&walk, &copy, sizeof(walk));
}

VW_TEST(addresses_of_user_space_get_einval)
{
	char *at = vw_anon(PAGE);

	dev = vw_device_make();
	vw_poke(at, 1);
	expect_refused(0);
	expect_refused(1);
	expect_refused((uintptr_t)at);
	expect_refused((uintptr_t)addresses_of_user_space_get_einval);
	expect_refused((uintptr_t)&at);
	expect_refused(1ULL << 46);
	expect_refused(vw_user_end() - PAGE);
	expect_refused(vw_user_end() - 1);
}

VW_TEST(addresses_that_no_cpu_has_get_einval)
{
	dev = vw_device_make();
	for (int bit = dev.levels == 5 ? 56 : 47; bit < 64; bit++)
		expect_refused(1ULL << bit);
	expect_refused(1ULL << 63 | 0x1234);
	expect_refused(dev.levels == 5 ? 0xfeffffffffffffff : 0xffff7fffffffffff);
	expect_refused(dev.levels == 5 ? 0xff00000000000000 - PAGE : 0xffff800000000000 - PAGE);
	if (dev.levels == 4) {
		expect_refused(0xff11000000000000);
		expect_refused(0xff00000000000000);
	}
	/* A bit beyond is one that it has. */
	walk_to(dev.levels == 5 ? 0xff00000000000000 : 0xffff800000000000);
}

VW_TEST(the_same_addresses_without_the_flag_are_refused)
{
	struct vmwalk_walk walk;

	dev = vw_device_make();
	vw_expect(vw_walk(dev.fd, symbol("_text"), &walk), -EINVAL);
	vw_expect(vw_walk(dev.fd, ~0ULL, &walk), -EINVAL);
	vw_expect(vw_walk(dev.fd, dev.levels == 5 ? 0xff00000000000000 : 0xffff800000000000, &walk),
		  -EINVAL);
}

/* --- The target has no part in it ----------------------------------------------------------- */

static int wait_to_be_told(void *arg)
{
	(void)arg;
	vw_sync(0);
	return 0;
}

VW_TEST(the_target_has_no_part_in_it)
{
	__u64 addrs[] = { symbol("_text"), symbol("init_task"), ~0ULL, 0 };
	struct vmwalk_walk before[COUNT(addrs)], walk;
	struct vw_child child;
	char text[32], *at;

	dev = vw_device_make();
	at = vw_anon(PAGE);
	vw_poke(at, 1);
	addrs[3] = linear_base() + vw_pfn(at) * PAGE;
	for (size_t i = 0; i < COUNT(addrs); i++)
		before[i] = walk_to(addrs[i]);
	child = vw_fork(wait_to_be_told, NULL);
	vw_hear(&child);
	snprintf(text, sizeof(text), "%d", child.pid);
	vw_ok(vw_set("t", "target_pid", text));
	/* First it is there, then it is gone; what is walked is the kernel. */
	for (int gone = 0; gone < 2; gone++) {
		for (size_t i = 0; i < COUNT(addrs); i++) {
			walk = walk_to(addrs[i]);
			assert_memory_equal(&walk, &before[i], sizeof(walk));
		}
		if (!gone)
			vw_kill(&child);
	}
	vw_expect(vw_walk(dev.fd, (uintptr_t)at, &walk), -ESRCH);
}

static int compare_walks(void *arg)
{
	const struct vmwalk_walk *before = arg;
	struct vmwalk_walk walk;

	vw_check_rc(vw_walk_kernel(dev.fd, before->addr, &walk), 0);
	vw_check(walk.phys == before->phys && walk.state == before->state);
	/* The top-level table is each process's own, the tables below are all processes'. */
	vw_check(walk.level[VMWALK_PGD].table && walk.level[VMWALK_PGD].table % PAGE == 0);
	vw_check(!memcmp(&walk.level[VMWALK_P4D], &before->level[VMWALK_P4D],
			 (VMWALK_LEVELS - 1) * sizeof(walk.level[0])));
	return 0;
}

VW_TEST(every_process_walks_the_same_kernel)
{
	struct vmwalk_walk walk;

	dev = vw_device_make();
	walk = walk_to(symbol("_text"));
	vw_in_child(compare_walks, &walk);
	walk = walk_to(symbol("init_task"));
	vw_in_child(compare_walks, &walk);
}

VW_TEST(walks_of_the_kernel_are_counted)
{
	dev = vw_device_make();
	walk_to(symbol("_text"));
	vw_expect_stat(dev.n, "walks", 1);
	walk_to(~0ULL);
	vw_expect_stat(dev.n, "walks", 2);
	expect_refused(0);
	vw_expect_stat(dev.n, "walks", 2);
}

/* Mappings of the kernel's that come and go beside the walk. */
static int make_and_remove(void *arg)
{
	(void)arg;
	while (!vw_mkdir("busy")) {
		vw_check_rc(vw_set("busy", "size", "8M"), 0);
		vw_check_rc(vw_set("busy", "live", "1"), 0);
		vw_check_rc(vw_rmdir("busy"), 0);
	}
	return 1;
}

VW_TEST(a_walk_of_what_comes_and_goes_is_safe)
{
	const size_t size = 8 * MIB;
	__u64 start, end, seen[3] = { 0 };
	struct vw_child child;

	dev = vw_device_make();
	vw_make("first", "size", "8M", NULL);
	start = find_vmalloc_area(size);
	vw_ok(vw_rmdir("first"));
	if (!start)
		vw_skip("/proc/vmallocinfo doesn't tell where a buffer is");
	child = vw_fork(make_and_remove, NULL);
	for (end = vw_now() + 3 * SECOND; vw_now() < end;) {
		for (size_t i = 0; i < size; i += 37 * PAGE) {
			struct vmwalk_walk walk;

			vw_ok(vw_walk_kernel(dev.fd, start + i, &walk));
			assert_true(walk.stop <= VMWALK_STOP_ABSENT);
			assert_int_equal(!walk.pfn, walk.stop != VMWALK_STOP_PAGE);
			seen[walk.stop]++;
		}
	}
	vw_kill(&child);
	print_message("# %llu pages, %llu times none\n", seen[VMWALK_STOP_PAGE],
		      seen[VMWALK_STOP_EMPTY]);
}
