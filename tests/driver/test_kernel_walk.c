// SPDX-License-Identifier: GPL-2.0
/*
 * WALK of kernel addresses: each region of the kernel's map, compared with
 * /proc and with the memory at the physical address that the walk returned.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/ioctl.h>

#include "harness.h"

/* States that the kernel's map must not have. */
#define NEVER	(VMWALK_USER | VMWALK_SWAP | VMWALK_MIGRATION | VMWALK_PROTNONE | VMWALK_UFFD_WP | \
		 VMWALK_FILE | VMWALK_HUGETLB | VMWALK_HIDDEN)

#define STRUCT_PAGE	64UL		/* sizeof(struct page) */

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

/*
 * The bytes at the kernel address and at the physical address must be equal, up
 * to the end of the page.
 */
static void expect_same_bytes(const struct vmwalk_walk *walk)
{
	unsigned char there[64], here[64];
	size_t len = PAGE - walk->addr % PAGE;

	if (len > sizeof(here))
		len = sizeof(here);
	if (vw_read_kernel(walk->addr, there, len) && vw_read_physical(walk->phys, here, len))
		assert_memory_equal(there, here, len);
}

/* --- /proc ---------------------------------------------------------------- */

/*
 * Address of the first symbol of the kernel, or of the module, with this name.
 * If name is NULL, the first with one of these types. 0: none.
 */
static __u64 find_symbol(const char *name, const char *types, bool module)
{
	char line[1024], found[512], type;
	__u64 addr, result = 0;
	FILE *file;

	file = fopen("/proc/kallsyms", "re");
	while (file && !result && fgets(line, sizeof(line), file)) {
		/* Skip most lines first: sscanf() is slow under emulation. */
		if ((name && !strstr(line, name)) || module != !!strstr(line, "[vmwalk]") ||
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
		vw_skip("/proc/kallsyms does not list %s", name);
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
 * Base address of a region of the kernel's map: the value of a kernel variable,
 * or the default if the kernel lacks the variable or is not randomized.
 */
static __u64 base_of(const char *variable, __u64 with_four, __u64 with_five)
{
	__u64 at = find_symbol(variable, NULL, false), base;

	if (at && vw_read_kernel(at, &base, sizeof(base)))
		return base;
	if (at && symbol("_text") != 0xffffffff81000000)
		vw_skip("the kernel's map is randomized, and /proc/kcore cannot be read");
	return dev.levels == 5 ? with_five : with_four;
}

/* Only x86-64 has page_offset_base: get the address of a buffer instead. */
static __u64 linear_base(void)
{
	struct vmwalk_locate location;
	int fd;

	if (VW_IS_X86)
		return base_of("page_offset_base", 0xffff888000000000, 0xff11000000000000);
	fd = vw_open_rw(vw_make("linear", "buffer_type", "kmalloc", NULL));
	vw_ok(vw_locate(fd, 0, &location));
	close(fd);
	vw_ok(vw_rmdir("linear"));
	return location.kaddr - location.phys;
}

/* The lowest address of the kernel's half */
static __u64 kernel_start(void)
{
	return -ALIGN_UP(vw_user_end(), 2 * PAGE);
}

static void need_x86(void)
{
	if (!VW_IS_X86)
		vw_skip("the addresses are those of x86-64");
}

static __u64 vmemmap_base(void)
{
	return base_of("vmemmap_base", 0xffffea0000000000, 0xffd4000000000000);
}

/* --- Regions of the kernel's map ------------------------------------------ */

VW_TEST(kernel_code_is_executable_and_read_only)
{
	__u64 first, last, start, end;
	struct vmwalk_walk walk;

	dev = vw_device_make();
	/* On arm64, the header of the image, from _text on, is not executable. */
	first = symbol("_stext");
	last = symbol("_etext") - 1;
	for (__u64 addr = first; addr < last; addr += (last - first) / 37) {
		walk = expect_page(addr, VMWALK_EXEC, VMWALK_WRITE | VMWALK_SPECIAL);
		/* Code may be patched: compare one address only. */
		if (addr == first)
			expect_same_bytes(&walk);
	}
	if (!find_resource("Kernel code", &start, &end))
		vw_skip("/proc/iomem does not list the kernel's code");
	/* On other architectures, /proc/iomem may include a header and read-only data. */
	assert_in_range(walk_to(first).phys, start, end);
	assert_in_range(walk_to(last).phys, start, end);
	if (VW_IS_X86) {
		assert_int_equal(walk_to(first).phys, start);
		assert_int_equal(walk_to(last).phys, end);
	}
}

VW_TEST(kernel_data_is_not_executable)
{
	struct vmwalk_walk walk;

	dev = vw_device_make();
	expect_page(symbol("init_task"), VMWALK_WRITE, VMWALK_EXEC | VMWALK_SPECIAL);
	walk = expect_page(symbol("linux_banner"), 0,
			   VMWALK_WRITE | VMWALK_EXEC | VMWALK_SPECIAL);
	expect_same_bytes(&walk);
}

VW_TEST(module_code_is_executable_and_module_data_is_writable)
{
	__u64 text = find_symbol(NULL, "tT", true);
	__u64 data = find_symbol("__this_module", NULL, true);
	__u64 core = 0, size = 0;
	struct vmwalk_walk walk;
	char line[512];
	FILE *modules;

	dev = vw_device_make();
	if (!text || !data)
		vw_skip("/proc/kallsyms does not list the module's symbols");
	walk = expect_page(text, VMWALK_EXEC, VMWALK_WRITE | VMWALK_SPECIAL);
	expect_same_bytes(&walk);
	expect_page(data, VMWALK_WRITE, VMWALK_EXEC | VMWALK_SPECIAL);

	/* The address in /proc/modules is that of the module's code. */
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

VW_TEST(the_linear_map_maps_each_frame)
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
	/* The linear map also maps the page tables of this process. */
	for (int i = 0; i < VMWALK_LEVELS; i++) {
		if (!own.level[i].table)
			continue;
		walk = expect_page(base + own.level[i].table + own.level[i].index * 8,
				   VMWALK_WRITE, VMWALK_EXEC);
		assert_int_equal(walk.phys, own.level[i].table + own.level[i].index * 8);
	}
}

VW_TEST(vmemmap_is_mapped_for_every_frame)
{
	struct vmwalk_walk walk;
	__u64 base;
	char *at;

	need_x86();
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

/* Address of the module's only vmalloc area of this size, 0 if not found. */
static __u64 find_vmalloc_area(size_t size)
{
	static const char restrict_file[] = "/proc/sys/kernel/kptr_restrict";
	__u64 start, end, result = 0;
	char line[512], before[16];
	unsigned long len;
	FILE *info;

	/* With kptr_restrict 0, the file has hashed pointers, even for root. */
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

VW_TEST(vmalloc_addresses_map_the_frames_of_the_users_mapping)
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
		vw_skip("/proc/vmallocinfo does not list the buffer");
	for (size_t i = 0; i < pages; i++) {
		walk = expect_page(start + i * PAGE + i % PAGE, VMWALK_WRITE,
				   VMWALK_EXEC | VMWALK_SPECIAL);
		assert_int_equal(walk.pfn, frames[i]);
		if (i % 100 == 0)
			expect_same_bytes(&walk);
	}
	/* The guard page is not mapped, nor is the area after vfree(). */
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

VW_TEST(the_linear_map_has_the_buffers_cache_mode)
{
	static const char * const caches[] = { "wb", "wc", "uc" };
	struct vmwalk_walk walk;
	__u64 frames[16], base, bits[COUNT(caches)];

	for (size_t i = 0; i < COUNT(caches); i++) {
		if (!vw_is_available("cache_modes", caches[i]))
			vw_skip("available_cache_modes does not list %s", caches[i]);
	}
	dev = vw_device_make();
	base = linear_base();
	for (size_t i = 0; i < COUNT(caches); i++) {
		int buffer = vw_open_rw(vw_make("b", "buffer_type", "pages", "map_mode", "remap",
						"cache_mode", caches[i], "size",
						vw_pages_text(16), NULL));
		char *map = vw_map(buffer, 16 * PAGE, 0, RW, MAP_SHARED);

		vw_frames(0, map, COUNT(frames), frames);
		vw_ok(vw_walk(dev.fd, (uintptr_t)map, &walk));
		assert_int_equal(walk.page_shift, PAGE_SHIFT);
		bits[i] = vw_entry_caching(walk.level[VMWALK_PTE].entry, true);
		for (size_t j = 0; j < COUNT(frames); j++) {
			walk = expect_page(base + frames[j] * PAGE, VMWALK_WRITE, VMWALK_EXEC);
			if (i)
				assert_int_equal(walk.page_shift, PAGE_SHIFT);
			if (walk.page_shift == PAGE_SHIFT)
				assert_int_equal(vw_entry_caching(walk.level[VMWALK_PTE].entry,
								  true), bits[i]);
		}
		munmap(map, 16 * PAGE);
		close(buffer);
		vw_ok(vw_rmdir("b"));
		/* Freed pages are write-back again. */
		for (size_t j = 0; j < COUNT(frames); j++) {
			walk = expect_page(base + frames[j] * PAGE, VMWALK_WRITE, VMWALK_EXEC);
			if (walk.page_shift == PAGE_SHIFT)
				assert_int_equal(vw_entry_caching(walk.level[VMWALK_PTE].entry,
								  true), bits[0]);
		}
	}
	assert_true(bits[0] != bits[1] && bits[1] != bits[2] && bits[0] != bits[2]);
}

VW_TEST(the_fixmap_maps_the_io_apic)
{
	__u64 io_apic = 0, end;
	unsigned int pages = 0;
	bool found = false;

	need_x86();
	dev = vw_device_make();
	find_resource("IOAPIC 0", &io_apic, &end);
	for (__u64 addr = 0xffffffffff200000; addr < 0xffffffffff800000; addr += PAGE) {
		struct vmwalk_walk walk = walk_to(addr);

		if (walk.stop != VMWALK_STOP_PAGE)
			continue;
		pages++;
		/* Device memory has no struct page, so it is VMWALK_SPECIAL. */
		if (io_apic && walk.phys == io_apic) {
			expect_page(addr, VMWALK_SPECIAL | VMWALK_WRITE, VMWALK_EXEC);
			found = true;
		}
	}
	print_message("# %u pages in the fixmap\n", pages);
	if (!io_apic)
		vw_skip("/proc/iomem lists no I/O APIC");
	assert_true(found);
}

VW_TEST(the_read_only_idt_alias_maps_the_idt)
{
	struct vmwalk_walk alias, table;

	need_x86();
	dev = vw_device_make();
	table = expect_page(symbol("idt_table"), 0, VMWALK_EXEC | VMWALK_SPECIAL);
	alias = expect_page(0xfffffe0000000000, 0, VMWALK_EXEC | VMWALK_WRITE | VMWALK_SPECIAL);
	assert_int_equal(alias.pfn, table.pfn);
}

VW_TEST(unmapped_kernel_addresses_are_empty)
{
	struct vmwalk_walk walk;
	__u64 half = kernel_start();

	need_x86();
	dev = vw_device_make();
	/* The lowest kernel addresses are reserved for hypervisors. */
	for (__u64 off = 0; off < 8 * 512 * GIB; off += 512 * GIB + 0x12345) {
		walk = walk_to(half + off);
		assert_int_equal(walk.stop, VMWALK_STOP_EMPTY);
		assert_int_equal(walk.stop_level, VMWALK_PGD);
	}
	/* The highest addresses are not mapped either, up to the last byte. */
	for (__u64 off = 1; off <= PMD_SIZE; off *= 2) {
		walk = walk_to(0 - off);
		assert_int_equal(walk.stop, VMWALK_STOP_EMPTY);
	}
	/* Far above all memory, where the linear map has no tables. */
	walk = walk_to(linear_base() + (1ULL << 42));
	assert_int_equal(walk.stop, VMWALK_STOP_EMPTY);
}

/* --- Errors --------------------------------------------------------------- */

static void expect_einval(__u64 addr)
{
	struct vmwalk_walk walk = {
		.size = sizeof(walk), .flags = VMWALK_WALK_KERNEL, .addr = addr,
	}, copy = walk;

	vw_expect(vw_ioctl(dev.fd, VMWALK_IOC_WALK, &walk), -EINVAL);
	assert_memory_equal(&walk, &copy, sizeof(walk));
}

VW_TEST(user_addresses_fail_with_einval)
{
	char *at = vw_anon(PAGE);

	dev = vw_device_make();
	vw_poke(at, 1);
	expect_einval(0);
	expect_einval(1);
	expect_einval((uintptr_t)at);
	expect_einval((uintptr_t)user_addresses_fail_with_einval);
	expect_einval((uintptr_t)&at);
	expect_einval(vw_user_end() / 2);
	expect_einval(vw_user_end() - PAGE);
	expect_einval(vw_user_end() - 1);
}

VW_TEST(noncanonical_addresses_fail_with_einval)
{
	/* arm64 ignores the highest byte of user addresses. */
	const int bits = VW_IS_X86 ? 64 : 56;

	dev = vw_device_make();
	for (int bit = 0; bit < bits; bit++) {
		if (BIT_ULL(bit) >= vw_user_end())
			expect_einval(BIT_ULL(bit));
	}
	expect_einval(kernel_start() - 1);
	expect_einval(kernel_start() - PAGE);
	if (VW_IS_X86) {
		expect_einval(1ULL << 63 | 0x1234);
		if (dev.levels == 4) {
			expect_einval(0xff11000000000000);
			expect_einval(0xff00000000000000);
		}
	}
	/* The first canonical address of the kernel's half. */
	walk_to(kernel_start());
}

VW_TEST(kernel_addresses_without_the_flag_fail_with_einval)
{
	struct vmwalk_walk walk;

	dev = vw_device_make();
	vw_expect(vw_walk(dev.fd, symbol("_text"), &walk), -EINVAL);
	vw_expect(vw_walk(dev.fd, ~0ULL, &walk), -EINVAL);
	vw_expect(vw_walk(dev.fd, kernel_start(), &walk), -EINVAL);
}

/* --- The target does not matter ------------------------------------------- */

static int wait_for_parent(void *arg)
{
	(void)arg;
	vw_sync(0);
	return 0;
}

VW_TEST(the_target_does_not_affect_kernel_walks)
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
	child = vw_fork(wait_for_parent, NULL);
	vw_hear(&child);
	snprintf(text, sizeof(text), "%d", child.pid);
	vw_ok(vw_set("t", "target_pid", text));
	/* In the first round the target runs, in the second it has exited. */
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
	/* Each process has its own PGD; the tables below are shared. */
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

VW_TEST(kernel_walks_are_counted)
{
	dev = vw_device_make();
	walk_to(symbol("_text"));
	vw_expect_stat(dev.n, "walks", 1);
	walk_to(~0ULL);
	vw_expect_stat(dev.n, "walks", 2);
	expect_einval(0);
	vw_expect_stat(dev.n, "walks", 2);
}

/* Create and free vmalloc areas while the parent walks them. */
static int create_and_free(void *arg)
{
	(void)arg;
	while (!vw_mkdir("busy")) {
		vw_check_rc(vw_set("busy", "size", "8M"), 0);
		vw_check_rc(vw_set("busy", "live", "1"), 0);
		vw_check_rc(vw_rmdir("busy"), 0);
	}
	return 1;
}

VW_TEST(walks_are_safe_while_areas_come_and_go)
{
	const size_t size = 8 * MIB;
	__u64 start, end, seen[3] = { 0 };
	struct vw_child child;

	dev = vw_device_make();
	vw_make("first", "size", "8M", NULL);
	start = find_vmalloc_area(size);
	vw_ok(vw_rmdir("first"));
	if (!start)
		vw_skip("/proc/vmallocinfo does not list the buffer");
	child = vw_fork(create_and_free, NULL);
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
	print_message("# %llu walks found a page, %llu none\n", seen[VMWALK_STOP_PAGE],
		      seen[VMWALK_STOP_EMPTY]);
}
