// SPDX-License-Identifier: GPL-2.0
/*
 * Arguments of the ioctls: accepted and rejected sizes, flags, pointers and
 * values. A call that fails must not change the caller's structure.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/ioctl.h>

#include "harness.h"

#define VEC	16

struct call {
	const char *name;
	unsigned long nr;
	__u32 size;
	__u32 flags;			/* all valid flags */
	void (*set)(void *arg);		/* sets valid values, except size */
	void (*expect)(const void *arg, int rc);
};

static int fd;
static char *touched;		/* a present page of this process */
static struct vmwalk_extent *vec;
static __u64 written;		/* number of dirty pages of the buffer */

static void open_device(void)
{
	fd = vw_open_rw(vw_make("t", "map_mode", "remap", "size", vw_pages_text(16),
				"fill", "digits", "track_dirty", "1", NULL));
	written = 0;
	touched = vw_anon(4 * PAGE);
	/* A huge page would make all four pages present. */
	madvise(touched, 4 * PAGE, MADV_NOHUGEPAGE);
	memset(touched, 1, PAGE);
	vec = vw_anon(PAGE);
}

/* --- Valid arguments and results of each call ----------------------------- */

static void expect_info(const void *arg, int rc)
{
	const struct vmwalk_info *info = arg;

	vw_expect(rc, 0);
	assert_int_equal(info->buffer_size, 16 * PAGE);
	assert_int_equal(info->page_size, PAGE);
}

static void set_walk(void *arg)
{
	struct vmwalk_walk *walk = arg;

	walk->addr = (uintptr_t)touched;
}

static void expect_walk(const void *arg, int rc)
{
	const struct vmwalk_walk *walk = arg;

	vw_expect(rc, 0);
	assert_int_equal(walk->pfn, vw_pfn(touched));
}

static void set_scan(void *arg)
{
	struct vmwalk_scan *scan = arg;

	*scan = vw_scan_args((uintptr_t)touched, (uintptr_t)touched + PAGE);
	scan->vec = (uintptr_t)vec;
	scan->vec_len = VEC;
}

static void expect_scan(const void *arg, int rc)
{
	const struct vmwalk_scan *scan = arg;

	vw_expect(rc, 1);
	assert_int_equal(scan->walk_end, (uintptr_t)touched + PAGE);
	assert_int_equal(vec[0].pfn, vw_pfn(touched));
}

static void set_dirty(void *arg)
{
	struct vmwalk_dirty *dirty = arg;

	dirty->length = 16 * PAGE;
	dirty->bitmap = (uintptr_t)vec;
}

static void expect_dirty(const void *arg, int rc)
{
	const struct vmwalk_dirty *dirty = arg;

	vw_expect(rc, 0);
	assert_int_equal(dirty->pages, written);
}

static void set_translate(void *arg)
{
	struct vmwalk_translation *translation = (void *)vec;
	struct vmwalk_translate *translate = arg;

	memset(translation, 0, sizeof(*translation));
	translation->addr = (uintptr_t)touched;
	translate->vec = (uintptr_t)vec;
	translate->vec_len = 1;
}

static void expect_translate(const void *arg, int rc)
{
	const struct vmwalk_translation *translation = (void *)vec;

	(void)arg;
	vw_expect(rc, 0);
	assert_int_equal(translation->addr, (uintptr_t)touched);
	assert_int_equal(translation->phys, vw_pfn(touched) * PAGE);
}

static void set_vma(void *arg)
{
	struct vmwalk_vma *vma = arg;

	vma->addr = (uintptr_t)touched;
}

static void expect_vma(const void *arg, int rc)
{
	const struct vmwalk_vma *vma = arg;

	vw_expect(rc, 0);
	assert_true(vma->start <= (uintptr_t)touched && (uintptr_t)touched < vma->end);
}

static void set_log(void *arg)
{
	struct vmwalk_log *log = arg;

	*log = vw_log_args((uintptr_t)touched, (uintptr_t)touched + PAGE);
}

static void expect_log(const void *arg, int rc)
{
	const struct vmwalk_log *log = arg;

	vw_expect(rc, 1);
	assert_int_equal(log->walk_end, (uintptr_t)touched + PAGE);
}

static void set_locate(void *arg)
{
	struct vmwalk_locate *location = arg;

	location->offset = PAGE + 5;
}

static void expect_locate(const void *arg, int rc)
{
	const struct vmwalk_locate *location = arg;

	vw_expect(rc, 0);
	assert_true(location->kaddr % PAGE == 5 && location->phys % PAGE == 5);
	assert_int_equal(location->contig_len % PAGE, PAGE - 5);
}

static void set_copy(void *arg)
{
	struct vmwalk_copy *copy = arg;

	memset(touched + 100, 1, 8);
	copy->direction = VMWALK_COPY_TO_TARGET;
	copy->offset = 2;
	copy->addr = (uintptr_t)touched + 100;
	copy->length = 8;
}

static void expect_copy(const void *arg, int rc)
{
	const struct vmwalk_copy *copy = arg;

	vw_expect(rc, 0);
	assert_int_equal(copy->copied, 8);
	assert_true(vw_holds_fill(touched + 100, "digits", 2, 8));
	assert_true(touched[99] == 1 && touched[108] == 1);
}

static void set_poke(void *arg)
{
	struct vmwalk_poke *poke = arg;

	touched[200] = 1;
	poke->addr = (uintptr_t)touched + 200;
	poke->value = 77;
}

static void expect_poke(const void *arg, int rc)
{
	const struct vmwalk_poke *poke = arg;

	vw_expect(rc, 0);
	assert_int_equal(poke->faults, 0);
	assert_int_equal(touched[200], 77);
	assert_true(touched[199] == 1 && touched[201] == 1);
}

#define CALL(NAME, name, known) {					\
	#NAME, VMWALK_IOC_ ## NAME, sizeof(struct vmwalk_ ## name), known,	\
	set_ ## name, expect_ ## name					\
}

static const struct call calls[] = {
	{ "INFO", VMWALK_IOC_INFO, sizeof(struct vmwalk_info), 0, NULL, expect_info },
	CALL(WALK, walk, VMWALK_WALK_KERNEL),
	CALL(SCAN, scan, VMWALK_SCAN_TO_BUFFER),
	CALL(DIRTY, dirty, VMWALK_DIRTY_CLEAR),
	CALL(TRANSLATE, translate, 0),
	CALL(VMA, vma, 0),
	CALL(LOG, log, 0),
	CALL(LOCATE, locate, 0),
	CALL(COPY, copy, 0),
	CALL(POKE, poke, 0),
};

static const struct call *call_of(unsigned long nr)
{
	for (size_t i = 0; i < COUNT(calls); i++) {
		if (calls[i].nr == nr)
			return &calls[i];
	}
	vw_fail("ioctl 0x%lx is not in the table", nr);
}

/* Sets a valid argument with the size from the header. */
static void good_argument(const struct call *call, void *arg)
{
	memset(arg, 0, call->size);
	if (call->set)
		call->set(arg);
	*(__u32 *)arg = call->size;
}

/* Expects an error and an unchanged argument. */
static void expect_failure_at(const char *file, int line, unsigned long nr, void *arg, size_t len,
			      int error)
{
	char *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, arg, len);
	vw_expect_at(file, line, "the call", vw_ioctl(fd, nr, arg), -error);
	if (memcmp(copy, arg, len))
		vw_fail_at(file, line, "a failed call changed its argument");
	free(copy);
}

#define expect_failure(nr, arg, len, error) \
	expect_failure_at(__FILE__, __LINE__, nr, arg, len, error)

/* --- ioctl numbers and structure sizes ------------------------------------ */

VW_TEST(unknown_ioctls_fail_with_enotty)
{
	static const unsigned long unknown[] = {
		_IO(VMWALK_IOC_MAGIC, 11), _IO(VMWALK_IOC_MAGIC, 200), _IO(VMWALK_IOC_MAGIC, 255),
		_IO(0, 0), _IO(VMWALK_IOC_MAGIC + 1, 0), 0, TCGETS, 0xffffffff,
		_IOR(VMWALK_IOC_MAGIC, 0, int), _IOW(VMWALK_IOC_MAGIC, 1, long),
	};
	char arg[512] = "";

	open_device();
	for (size_t i = 0; i < COUNT(unknown); i++)
		expect_failure(unknown[i], arg, sizeof(arg), ENOTTY);
}

VW_TEST(structure_sizes_match_version_0)
{
	assert_int_equal(sizeof(struct vmwalk_info), VMWALK_INFO_SIZE_VER0);
	assert_int_equal(sizeof(struct vmwalk_walk), VMWALK_WALK_SIZE_VER0);
	assert_int_equal(sizeof(struct vmwalk_scan), VMWALK_SCAN_SIZE_VER0);
	assert_int_equal(sizeof(struct vmwalk_dirty), VMWALK_DIRTY_SIZE_VER0);
	assert_int_equal(sizeof(struct vmwalk_translate), VMWALK_TRANSLATE_SIZE_VER0);
	assert_int_equal(sizeof(struct vmwalk_vma), VMWALK_VMA_SIZE_VER0);
	assert_int_equal(sizeof(struct vmwalk_log), VMWALK_LOG_SIZE_VER0);
	assert_int_equal(sizeof(struct vmwalk_locate), VMWALK_LOCATE_SIZE_VER0);
	assert_int_equal(sizeof(struct vmwalk_copy), VMWALK_COPY_SIZE_VER0);
	assert_int_equal(sizeof(struct vmwalk_poke), VMWALK_POKE_SIZE_VER0);
	assert_int_equal(sizeof(struct vmwalk_extent), 32);
	assert_int_equal(sizeof(struct vmwalk_translation), 24);
	assert_int_equal(VMWALK_IOC_GET_PFN, IOCTL_GET_PFN);
}

VW_TEST(the_exact_size_is_accepted)
{
	char arg[512];
	int rc;

	open_device();
	for (size_t i = 0; i < COUNT(calls); i++) {
		good_argument(&calls[i], arg);
		rc = vw_ioctl(fd, calls[i].nr, arg);
		calls[i].expect(arg, rc);
		assert_int_equal(*(__u32 *)arg, calls[i].size);
	}
}

VW_TEST(a_smaller_size_fails_with_einval)
{
	static const __u32 less[] = { 1, 4, 8, 16 };
	char arg[512];

	open_device();
	for (size_t i = 0; i < COUNT(calls); i++) {
		for (size_t j = 0; j < COUNT(less); j++) {
			good_argument(&calls[i], arg);
			*(__u32 *)arg = calls[i].size - less[j];
			expect_failure(calls[i].nr, arg, calls[i].size, EINVAL);
		}
	}
}

VW_TEST(a_size_of_0_to_8_fails_with_einval)
{
	char arg[512];

	open_device();
	for (size_t i = 0; i < COUNT(calls); i++) {
		for (__u32 size = 0; size <= 8; size += 4) {
			good_argument(&calls[i], arg);
			*(__u32 *)arg = size;
			expect_failure(calls[i].nr, arg, calls[i].size, EINVAL);
		}
	}
}

VW_TEST(a_larger_size_is_accepted_if_the_rest_is_zero)
{
	static const __u32 more[] = { 1, 4, 8, 100, 2048 };
	char arg[4096];
	int rc;

	open_device();
	for (size_t i = 0; i < COUNT(calls); i++) {
		for (size_t j = 0; j < COUNT(more); j++) {
			memset(arg, 0, sizeof(arg));
			good_argument(&calls[i], arg);
			*(__u32 *)arg = calls[i].size + more[j];
			arg[calls[i].size + more[j]] = 'x';
			rc = vw_ioctl(fd, calls[i].nr, arg);
			calls[i].expect(arg, rc);
			assert_int_equal(*(__u32 *)arg, calls[i].size + more[j]);
			for (__u32 k = 0; k < more[j]; k++)
				assert_int_equal(arg[calls[i].size + k], 0);
			assert_int_equal(arg[calls[i].size + more[j]], 'x');
		}
	}
}

VW_TEST(a_larger_size_with_a_nonzero_rest_fails_with_e2big)
{
	static const __u32 more[] = { 1, 4, 8, 100, 2048 };
	char arg[4096];

	open_device();
	for (size_t i = 0; i < COUNT(calls); i++) {
		for (size_t j = 0; j < COUNT(more); j++) {
			/* The first or the last byte of the rest. */
			for (int last = 0; last < 2; last++) {
				memset(arg, 0, sizeof(arg));
				good_argument(&calls[i], arg);
				*(__u32 *)arg = calls[i].size + more[j];
				arg[calls[i].size + (last ? more[j] - 1 : 0)] = 1;
				expect_failure(calls[i].nr, arg, sizeof(arg), E2BIG);
			}
		}
	}
}

VW_TEST(a_size_beyond_the_callers_memory_fails)
{
	static const __u32 huge[] = { 0x10000000, 0x7fffffff, 0x80000000, 0xffffffff };
	char arg[4096], copy[4096];
	int rc;

	open_device();
	for (size_t i = 0; i < COUNT(calls); i++) {
		for (size_t j = 0; j < COUNT(huge); j++) {
			memset(arg, 0, sizeof(arg));
			good_argument(&calls[i], arg);
			*(__u32 *)arg = huge[j];
			memcpy(copy, arg, sizeof(arg));
			/* The rest is not zero or not mapped. */
			rc = vw_ioctl(fd, calls[i].nr, arg);
			if (rc != -E2BIG && rc != -EFAULT)
				vw_fail("%s with size %u returned %d", calls[i].name, huge[j], rc);
			assert_memory_equal(arg, copy, sizeof(arg));
		}
	}
}

/* --- Flags ---------------------------------------------------------------- */

VW_TEST(unknown_flags_fail_with_einval)
{
	char arg[512];

	open_device();
	for (size_t i = 0; i < COUNT(calls); i++) {
		for (int bit = 0; bit < 32; bit++) {
			if (calls[i].flags & 1U << bit)
				continue;
			good_argument(&calls[i], arg);
			((__u32 *)arg)[1] = 1U << bit;
			expect_failure(calls[i].nr, arg, calls[i].size, EINVAL);
		}
	}
}

/* --- Pointers ------------------------------------------------------------- */

VW_TEST(bad_pointers_fail_with_efault)
{
	static const uintptr_t bad[] = { 0, 8, 0x7ffffffff000, -4096UL, 1UL << 63 };

	open_device();
	for (size_t i = 0; i < COUNT(calls); i++) {
		for (size_t j = 0; j < COUNT(bad); j++)
			vw_expect(vw_ioctl(fd, calls[i].nr, vw_pointer(bad[j])), -EFAULT);
	}
}

VW_TEST(a_partly_unmapped_structure_fails_with_efault)
{
	char *pages, *arg;

	open_device();
	pages = vw_anon(2 * PAGE);
	munmap(pages + PAGE, PAGE);
	for (size_t i = 0; i < COUNT(calls); i++) {
		/* Completely mapped, then with fewer and fewer bytes. */
		arg = pages + PAGE - calls[i].size;
		good_argument(&calls[i], arg);
		assert_true(vw_ioctl(fd, calls[i].nr, arg) >= 0);
		for (__u32 in = calls[i].size - 4; in >= 4; in -= 4) {
			char good[512];

			good_argument(&calls[i], good);
			arg = pages + PAGE - in;
			memcpy(arg, good, in);
			expect_failure(calls[i].nr, arg, in, EFAULT);
		}
	}
}

VW_TEST(a_read_only_structure_fails_with_efault)
{
	char *arg;

	open_device();
	arg = vw_anon(PAGE);
	for (size_t i = 0; i < COUNT(calls); i++) {
		good_argument(&calls[i], arg);
		vw_ok(vw_sys(mprotect(arg, PAGE, PROT_READ)));
		/* TRANSLATE writes its results to the vector. */
		if (calls[i].nr == VMWALK_IOC_TRANSLATE)
			vw_ok(vw_ioctl(fd, calls[i].nr, arg));
		else
			expect_failure(calls[i].nr, arg, PAGE, EFAULT);
		vw_ok(vw_sys(mprotect(arg, PAGE, RW)));
	}
}

VW_TEST(an_unaligned_structure_is_accepted)
{
	char arg[512];
	int rc;

	open_device();
	for (size_t i = 0; i < COUNT(calls); i++) {
		for (int shift = 1; shift < 8; shift++) {
			char good[512];

			good_argument(&calls[i], good);
			memcpy(arg + shift, good, calls[i].size);
			rc = vw_ioctl(fd, calls[i].nr, arg + shift);
			memcpy(good, arg + shift, calls[i].size);
			calls[i].expect(good, rc);
		}
	}
}

VW_TEST(a_structure_in_a_mapping_of_the_device_is_accepted)
{
	char *map, arg[512];
	int rc;

	open_device();
	map = vw_map(fd, 4 * PAGE, 0, RW, MAP_SHARED);
	written = 2;
	for (size_t i = 0; i < COUNT(calls); i++) {
		good_argument(&calls[i], arg);
		memcpy(map + PAGE - 16, arg, calls[i].size);
		rc = vw_ioctl(fd, calls[i].nr, map + PAGE - 16);
		memcpy(arg, map + PAGE - 16, calls[i].size);
		calls[i].expect(arg, rc);
	}
}

/* --- INFO ----------------------------------------------------------------- */

VW_TEST(info_returns_the_configuration)
{
	static const char * const types[] = { "kmalloc", "vmalloc", "pages", "huge", "dma" };
	static const char * const modes[] = { "remap", "insert", "fault" };
	static const char * const caches[] = { "wb", "wc", "uc" };
	unsigned int bits = 64 - __builtin_clzll(vw_user_end() - 1) + VW_IS_USER_HALF;
	/* Each level resolves PAGE_SHIFT - 3 bits, the top one maybe fewer. */
	unsigned int levels = (bits - 4) / (PAGE_SHIFT - 3);

	for (size_t i = 0; i < VW_COMBOS; i++) {
		struct vmwalk_info info;
		char cache[16];
		int n;

		n = vw_make("t", "buffer_type", vw_combos[i].type, "map_mode", vw_combos[i].mode,
			    "cache_mode", vw_combos[i].cache, "size", "5000", NULL);
		fd = vw_open_rw(n);
		memset(&info, 0xff, sizeof(info));
		info.size = sizeof(info);
		info.flags = 0;
		vw_ok(vw_ioctl(fd, VMWALK_IOC_INFO, &info));
		assert_int_equal(info.size, sizeof(info));
		assert_int_equal(info.flags, 0);
		assert_int_equal(info.abi_version, VMWALK_ABI_VERSION);
		assert_int_equal(info.instance, n);
		assert_string_equal(types[info.buffer_type], vw_combos[i].type);
		assert_string_equal(modes[info.map_mode], vw_combos[i].mode);
		/* For dma, the DMA API chooses the cache mode. */
		assert_true(vw_sysfs(n, "cache_mode", cache, sizeof(cache)) > 0);
		assert_string_equal(caches[info.cache_mode], cache);
		if (strcmp(vw_combos[i].type, "dma"))
			assert_string_equal(cache, vw_combos[i].cache);
		assert_int_equal(info.page_size, PAGE);
		assert_int_equal(info.buffer_size, 2 * PAGE);
		assert_int_equal(info.paging_levels, levels);
		assert_int_equal(info.target_pid, 0);
		close(fd);
		vw_ok(vw_rmdir("t"));
	}
}

VW_TEST(calls_work_on_a_file_open_for_reading)
{
	char arg[512];
	int rc;

	open_device();
	close(fd);
	fd = vw_open(vw_number("t"), O_RDONLY);
	for (size_t i = 0; i < COUNT(calls); i++) {
		good_argument(&calls[i], arg);
		rc = vw_ioctl(fd, calls[i].nr, arg);
		calls[i].expect(arg, rc);
	}
}

/* --- GET_PFN -------------------------------------------------------------- */

static int get_pfn(__u64 vpn)
{
	return vw_sys(ioctl(fd, VMWALK_IOC_GET_PFN, vpn));
}

VW_TEST(get_pfn_returns_the_pfn)
{
	char *pages;

	open_device();
	pages = vw_anon(64 * PAGE);
	for (size_t i = 0; i < 64; i++) {
		pages[i * PAGE] = 1;
		vw_expect(get_pfn((uintptr_t)pages / PAGE + i), vw_pfn(pages + i * PAGE));
	}
	/* Each 4 KiB part of a huge page has its own PFN. */
	pages = vw_anon(2 * PMD_SIZE);
	pages = (char *)ALIGN_UP((uintptr_t)pages, PMD_SIZE);
	madvise(pages, PMD_SIZE, MADV_HUGEPAGE);
	memset(pages, 1, PMD_SIZE);
	for (size_t i = 0; i < 512; i += 73)
		vw_expect(get_pfn((uintptr_t)pages / PAGE + i), vw_pfn(pages + i * PAGE));
}

VW_TEST(get_pfn_of_an_absent_page_fails_with_enoent)
{
	char *pages;

	open_device();
	vw_expect(get_pfn(0), -ENOENT);
	vw_expect(get_pfn((uintptr_t)touched / PAGE + 1), -ENOENT);
	pages = vw_anon(PAGE);
	vw_expect(get_pfn((uintptr_t)pages / PAGE), -ENOENT);
	pages[0] = 1;
	vw_expect(get_pfn((uintptr_t)pages / PAGE), vw_pfn(pages));
	munmap(pages, PAGE);
	vw_expect(get_pfn((uintptr_t)pages / PAGE), -ENOENT);
	vw_expect(get_pfn(vw_user_end() / PAGE - 1), -ENOENT);
}

VW_TEST(get_pfn_of_a_swapped_out_page_fails_with_enoent)
{
	char *pages;

	open_device();
	pages = vw_anon(4 * PAGE);
	memset(pages, 7, 4 * PAGE);
	if (!vw_swap_out(pages, 4 * PAGE))
		vw_skip("the kernel did not swap the pages out");
	vw_expect(get_pfn((uintptr_t)pages / PAGE), -ENOENT);
	/* The call did not swap the page in. */
	assert_true(vw_pagemap_one(0, pages) & PM_SWAP);
}

VW_TEST(get_pfn_beyond_user_space_fails_with_einval)
{
	static const __u64 beyond[] = {
		1ULL << 45, 1ULL << 51, 1ULL << 52, 1ULL << 63, ~0ULL, 0xffff888000000000 / 4096,
		0xffffffff81000000 / 4096, 0xfffffffffffff,
	};

	open_device();
	vw_expect(get_pfn(vw_user_end() / PAGE + 1), -EINVAL);
	for (size_t i = 0; i < COUNT(beyond); i++) {
		/* Skip a page number whose address, without a tag, is in user space. */
		if (beyond[i] > ~0ULL / PAGE || vw_is_beyond_user_space(beyond[i] * PAGE))
			vw_expect(get_pfn(beyond[i]), -EINVAL);
	}
}

VW_TEST(get_pfn_above_8_tib_fails_with_eoverflow)
{
	vw_skip("needs physical memory above 8 TiB");
}

/* --- WALK ----------------------------------------------------------------- */

VW_TEST(walk_beyond_user_space_fails_with_einval)
{
	static const __u64 beyond[] = {
		1ULL << 57, 1ULL << 63, 0xffff888000000000, 0xffffffff81000000, ~0ULL, ~0ULL - 4095,
	};
	struct vmwalk_walk walk = { .size = sizeof(walk) };

	open_device();
	for (size_t i = 0; i < COUNT(beyond); i++) {
		if (!vw_is_beyond_user_space(beyond[i]))
			continue;
		walk.addr = beyond[i];
		expect_failure(VMWALK_IOC_WALK, &walk, sizeof(walk), EINVAL);
	}
	walk.addr = vw_user_end();
	expect_failure(VMWALK_IOC_WALK, &walk, sizeof(walk), EINVAL);
	walk.addr = vw_user_end() - 1;
	vw_ok(vw_ioctl(fd, VMWALK_IOC_WALK, &walk));
	walk.addr = 0;
	vw_ok(vw_ioctl(fd, VMWALK_IOC_WALK, &walk));
}

VW_TEST(walk_ignores_the_contents_of_output_fields)
{
	struct vmwalk_walk clean, dirty;

	open_device();
	for (int present = 0; present < 2; present++) {
		__u64 addr = (uintptr_t)touched + (present ? 0 : PAGE) + 123;

		vw_ok(vw_walk(fd, addr, &clean));
		memset(&dirty, 0xa5, sizeof(dirty));
		dirty.size = sizeof(dirty);
		dirty.flags = 0;
		dirty.addr = addr;
		vw_ok(vw_ioctl(fd, VMWALK_IOC_WALK, &dirty));
		assert_memory_equal(&clean, &dirty, sizeof(clean));
	}
}

/* --- SCAN ----------------------------------------------------------------- */

static struct vmwalk_scan good_scan(void)
{
	struct vmwalk_scan scan;

	good_argument(call_of(VMWALK_IOC_SCAN), &scan);
	return scan;
}

#define expect_scan_failure(scan, error) \
	expect_failure(VMWALK_IOC_SCAN, &(scan), sizeof(scan), error)

VW_TEST(scan_rejects_invalid_ranges)
{
	struct vmwalk_scan scan;

	open_device();
	scan = good_scan();
	scan.start++;
	expect_scan_failure(scan, EINVAL);
	scan = good_scan();
	scan.start += 8;
	expect_scan_failure(scan, EINVAL);
	scan = good_scan();
	scan.end = scan.start - PAGE;
	expect_scan_failure(scan, EINVAL);
	scan = good_scan();
	scan.end = 0;
	expect_scan_failure(scan, EINVAL);
	/* Still below start after rounding up to a page. */
	scan = good_scan();
	scan.end = scan.start - PAGE - 1;
	expect_scan_failure(scan, EINVAL);
}

VW_TEST(scan_of_an_empty_range_returns_0)
{
	struct vmwalk_scan scan;

	open_device();
	scan = good_scan();
	scan.end = scan.start;
	vw_expect(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), 0);
	assert_int_equal(scan.walk_end, scan.end);
	scan.start = 0;
	scan.end = 0;
	vw_expect(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), 0);
	assert_int_equal(scan.walk_end, 0);
}

VW_TEST(scan_rounds_its_end_up_to_a_page)
{
	struct vmwalk_scan scan;

	open_device();
	memset(touched, 1, 2 * PAGE);
	for (__u64 len = 1; len <= 2 * PAGE; len += PAGE / 2 - 1) {
		scan = good_scan();
		scan.end = scan.start + len;
		assert_true(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan) >= 1);
		assert_true(scan.walk_end == scan.end || scan.walk_end == ALIGN_UP(scan.end, PAGE));
		assert_int_equal(vec[0].start, (uintptr_t)touched);
		assert_true(vec[0].pages <= ALIGN_UP(len, PAGE) / PAGE);
	}
}

VW_TEST(scan_stops_at_the_end_of_user_space)
{
	static const __u64 ends[] = { 1ULL << 55, 1ULL << 57, 1ULL << 63, ~0ULL - 4095, ~0ULL };
	struct vmwalk_extent *extents = vw_anon(64 * PAGE);
	struct vmwalk_scan scan;
	int rc, want;

	open_device();
	scan = vw_scan_args(0, vw_user_end());
	scan.vec = (uintptr_t)extents;
	scan.vec_len = 64 * PAGE / sizeof(*extents);
	memset(extents, 0, 64 * PAGE);
	want = vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
	assert_true(want > 1);
	assert_int_equal(scan.walk_end, vw_user_end());
	for (size_t i = 0; i < COUNT(ends); i++) {
		/* Skip an address that is in user space without its tag. */
		if (!vw_is_beyond_user_space(ends[i]))
			continue;
		scan.end = ends[i];
		rc = vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
		vw_expect(rc, want);
		if (scan.walk_end != scan.end && scan.walk_end != vw_user_end())
			vw_fail("scan to 0x%llx ended at 0x%llx", ends[i], scan.walk_end);
		for (int j = 0; j < rc; j++)
			assert_true(extents[j].start + extents[j].pages * PAGE <= vw_user_end());
	}
	/* A range of kernel addresses is empty or fails. */
	scan.start = 1ULL << 63;
	scan.end = (1ULL << 63) + PAGE;
	rc = vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
	if (rc != 0 && rc != -EINVAL)
		vw_fail("scan of kernel addresses returned %d", rc);
}

VW_TEST(scan_rejects_a_vec_len_of_0)
{
	struct vmwalk_scan scan;

	open_device();
	scan = good_scan();
	scan.vec_len = 0;
	expect_scan_failure(scan, EINVAL);
	scan.flags = VMWALK_SCAN_TO_BUFFER;
	scan.vec = 0;
	expect_scan_failure(scan, EINVAL);
	scan = good_scan();
	scan.vec_len = 1;
	vw_expect(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), 1);
}

VW_TEST(scan_handles_a_huge_vec_len)
{
	static const __u64 lens[] = { 1ULL << 32, 1ULL << 59, 1ULL << 60, 1ULL << 63, ~0ULL };
	struct vmwalk_scan scan;
	int rc;

	open_device();
	for (size_t i = 0; i < COUNT(lens); i++) {
		scan = good_scan();
		scan.vec_len = lens[i];
		rc = vw_ioctl(fd, VMWALK_IOC_SCAN, &scan);
		if (rc != 1 && rc != -EINVAL && rc != -EFAULT)
			vw_fail("vec_len 0x%llx returned %d", lens[i], rc);
	}
}

VW_TEST(scan_rejects_unknown_categories)
{
	struct vmwalk_scan scan;
	__u64 *masks[] = {
		&scan.category_inverted, &scan.category_mask, &scan.category_anyof_mask,
		&scan.return_mask,
	};

	open_device();
	for (size_t i = 0; i < COUNT(masks); i++) {
		for (int bit = 17; bit < 64; bit++) {
			scan = good_scan();
			*masks[i] |= 1ULL << bit;
			expect_scan_failure(scan, EINVAL);
		}
	}
	for (int bit = 0; bit < 17; bit++) {
		scan = good_scan();
		scan.return_mask = 1ULL << bit;
		vw_expect(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan), 1);
	}
}

VW_TEST(scan_to_a_bad_pointer_fails_with_efault)
{
	static const __u64 bad[] = { 0, 8, 0x7ffffffff000, -4096ULL, 1ULL << 63 };
	struct vmwalk_scan scan;
	char *page;

	open_device();
	for (size_t i = 0; i < COUNT(bad); i++) {
		scan = good_scan();
		scan.vec = bad[i];
		expect_scan_failure(scan, EFAULT);
	}
	page = vw_map(-1, PAGE, 0, PROT_READ, ANON);
	scan = good_scan();
	scan.vec = (uintptr_t)page;
	expect_scan_failure(scan, EFAULT);

	/* The second element of the vector is not mapped. */
	page = vw_anon(2 * PAGE);
	munmap(page + PAGE, PAGE);
	memset(touched + 2 * PAGE, 1, PAGE);
	scan = good_scan();
	scan.end = scan.start + 3 * PAGE;
	scan.vec = (uintptr_t)page + PAGE - sizeof(struct vmwalk_extent);
	scan.vec_len = 2;
	expect_scan_failure(scan, EFAULT);
}

VW_TEST(scan_to_the_buffer_rejects_ranges_outside_the_buffer)
{
	static const __u64 slot = sizeof(struct vmwalk_extent);
	const __u64 bad[][2] = {
		/* vec, vec_len */
		{ 16 * PAGE, 1 }, { 16 * PAGE - slot + 8, 1 }, { 16 * PAGE - slot, 2 },
		{ 0, 16 * PAGE / slot + 1 }, { 8, 16 * PAGE / slot }, { 16 * PAGE + 8, 1 },
		{ ~7ULL, 1 }, { -slot, 1 }, { -slot, 2 }, { 1ULL << 63, 1 },
		{ 0, 1ULL << 59 }, { 0, 1ULL << 60 }, { 0, ~0ULL }, { slot, ~0ULL / slot + 1 },
		{ 16 * PAGE - 8, 1ULL << 59 },
		/* not a multiple of 8 */
		{ 1, 1 }, { 4, 1 }, { 7, 1 }, { 12, 1 }, { 16 * PAGE - slot - 4, 1 },
	};
	struct vmwalk_scan scan;
	char before[16 * PAGE], after[16 * PAGE];

	open_device();
	vw_expect(vw_sys(pread(fd, before, sizeof(before), 0)), sizeof(before));
	for (size_t i = 0; i < COUNT(bad); i++) {
		scan = good_scan();
		scan.flags = VMWALK_SCAN_TO_BUFFER;
		scan.vec = bad[i][0];
		scan.vec_len = bad[i][1];
		expect_scan_failure(scan, EINVAL);
	}
	vw_expect(vw_sys(pread(fd, after, sizeof(after), 0)), sizeof(after));
	assert_memory_equal(before, after, sizeof(before));
}

/* --- TRANSLATE ------------------------------------------------------------ */

static struct vmwalk_translate good_translate(void)
{
	struct vmwalk_translate translate;

	good_argument(call_of(VMWALK_IOC_TRANSLATE), &translate);
	return translate;
}

#define expect_translate_failure(translate, error) \
	expect_failure(VMWALK_IOC_TRANSLATE, &(translate), sizeof(translate), error)

VW_TEST(translate_rejects_a_vec_len_of_0)
{
	struct vmwalk_translate translate;

	open_device();
	translate = good_translate();
	translate.vec_len = 0;
	expect_translate_failure(translate, EINVAL);
	translate.vec = 0;
	expect_translate_failure(translate, EINVAL);
}

VW_TEST(translate_rejects_a_vec_len_that_overflows)
{
	static const __u64 over[] = {
		~0ULL / sizeof(struct vmwalk_translation) + 1, 1ULL << 60, 1ULL << 61, 3ULL << 61,
		1ULL << 63, ~0ULL,
	};
	static const __u64 beyond[] = {
		1ULL << 59, ~0ULL / sizeof(struct vmwalk_translation),
	};
	struct vmwalk_translation *first;
	struct vmwalk_translate translate;

	open_device();
	first = (void *)vec;
	for (size_t i = 0; i < COUNT(over); i++) {
		translate = good_translate();
		translate.vec_len = over[i];
		expect_translate_failure(translate, EINVAL);
		assert_int_equal(first->phys, 0);
	}
	/* A vector that ends beyond user space fails before any access. */
	for (size_t i = 0; i < COUNT(beyond); i++) {
		translate = good_translate();
		translate.vec_len = beyond[i];
		expect_translate_failure(translate, EFAULT);
		assert_int_equal(first->phys, 0);
	}
}

VW_TEST(translate_rejects_an_unaligned_vector)
{
	struct vmwalk_translate translate;

	open_device();
	for (int off = 1; off < 8; off++) {
		translate = good_translate();
		translate.vec += off;
		expect_translate_failure(translate, EINVAL);
	}
	/* An alignment of 8 is enough. */
	translate = good_translate();
	translate.vec += 8;
	((__u64 *)vec)[1] = (uintptr_t)touched;
	vw_ok(vw_ioctl(fd, VMWALK_IOC_TRANSLATE, &translate));
	assert_int_equal(((__u64 *)vec)[2], vw_pfn(touched) * PAGE);
}

VW_TEST(translate_of_a_bad_vector_fails_with_efault)
{
	static const __u64 bad[] = { 0, 8, 0x7ffffffff000, -4096ULL, 1ULL << 63, 1ULL << 47 };
	struct vmwalk_translation *pages;
	struct vmwalk_translate translate;

	open_device();
	for (size_t i = 0; i < COUNT(bad); i++) {
		translate = good_translate();
		translate.vec = bad[i];
		expect_translate_failure(translate, EFAULT);
	}
	/* A read-only vector. */
	translate = good_translate();
	vw_ok(vw_sys(mprotect(vec, PAGE, PROT_READ)));
	expect_translate_failure(translate, EFAULT);
	vw_ok(vw_sys(mprotect(vec, PAGE, RW)));
	/* A vector that is partly unmapped, within or between elements. */
	pages = vw_anon(32 * PAGE);
	munmap((char *)pages + 24 * PAGE, PAGE);
	translate = good_translate();
	translate.vec = (uintptr_t)pages;
	translate.vec_len = 24 * PAGE / sizeof(*pages);
	vw_ok(vw_ioctl(fd, VMWALK_IOC_TRANSLATE, &translate));
	translate.vec_len++;
	expect_translate_failure(translate, EFAULT);
	translate.vec_len = 32 * PAGE / sizeof(*pages);
	expect_translate_failure(translate, EFAULT);
	for (int off = 8; off < 24; off += 8) {
		translate.vec = (uintptr_t)pages + off;
		translate.vec_len = 24 * PAGE / sizeof(*pages);
		expect_translate_failure(translate, EFAULT);
	}
}

/* --- VMA ------------------------------------------------------------------ */

VW_TEST(vma_ignores_the_contents_of_output_fields)
{
	struct vmwalk_vma clean, dirty;

	open_device();
	vw_ok(vw_vma(fd, (uintptr_t)touched, &clean));
	memset(&dirty, 0xa5, sizeof(dirty));
	dirty.size = sizeof(dirty);
	dirty.flags = 0;
	dirty.addr = (uintptr_t)touched;
	vw_ok(vw_ioctl(fd, VMWALK_IOC_VMA, &dirty));
	assert_memory_equal(&clean, &dirty, sizeof(clean));
}

VW_TEST(vma_above_the_last_vma_fails_with_enoent)
{
	static const __u64 beyond[] = {
		1ULL << 56, 1ULL << 63, 0xffff888000000000, 0xffffffffff600000, ~0ULL - 4095, ~0ULL,
	};
	struct vmwalk_vma vma;

	open_device();
	good_argument(call_of(VMWALK_IOC_VMA), &vma);
	vma.addr = vw_user_end();
	expect_failure(VMWALK_IOC_VMA, &vma, sizeof(vma), ENOENT);
	for (size_t i = 0; i < COUNT(beyond); i++) {
		if (!vw_is_beyond_user_space(beyond[i]))
			continue;
		vma.addr = beyond[i];
		expect_failure(VMWALK_IOC_VMA, &vma, sizeof(vma), ENOENT);
	}
}

/* --- LOG ------------------------------------------------------------------ */

static struct vmwalk_log good_log(void)
{
	struct vmwalk_log log;

	good_argument(call_of(VMWALK_IOC_LOG), &log);
	return log;
}

#define expect_log_failure(log, error) \
	expect_failure(VMWALK_IOC_LOG, &(log), sizeof(log), error)

VW_TEST(log_rejects_invalid_ranges)
{
	struct vmwalk_log log;

	open_device();
	log = good_log();
	log.start++;
	expect_log_failure(log, EINVAL);
	log = good_log();
	log.start += 8;
	expect_log_failure(log, EINVAL);
	log = good_log();
	log.end = log.start - PAGE;
	expect_log_failure(log, EINVAL);
	log = good_log();
	log.end = 0;
	expect_log_failure(log, EINVAL);
}

VW_TEST(log_rejects_0_lines_and_more_than_the_limit)
{
	static const __u32 bad[] = { 0, VMWALK_LOG_LINES + 1, 1U << 31, ~0U };
	struct vmwalk_log log;

	open_device();
	for (size_t i = 0; i < COUNT(bad); i++) {
		log = good_log();
		log.lines = bad[i];
		expect_log_failure(log, EINVAL);
	}
	log = good_log();
	log.lines = 1;
	vw_expect(vw_ioctl(fd, VMWALK_IOC_LOG, &log), 1);
}

VW_TEST(log_rejects_nonzero_padding)
{
	struct vmwalk_log log;

	open_device();
	for (int bit = 0; bit < 32; bit++) {
		log = good_log();
		log.pad = 1U << bit;
		expect_log_failure(log, EINVAL);
	}
}

/* --- 32-bit callers ------------------------------------------------------- */

/* Where the 32-bit program and the test map the same memory */
#define LOW	0x20000000UL

static struct vw_child caller;

static int run_caller32(void *arg)
{
	const int *memory = arg;
	char program[512], number[5][16], *slash;
	ssize_t len;

	len = readlink("/proc/self/exe", program, sizeof(program) - sizeof("caller32"));
	vw_check(len > 0);
	program[len] = '\0';
	slash = strrchr(program, '/');
	memcpy(slash + 1, "caller32", sizeof("caller32"));
	vw_check(!fcntl(vw_child_socket(), F_SETFD, 0));
	vw_check(!fcntl(fd, F_SETFD, 0));
	vw_check(!fcntl(*memory, F_SETFD, 0));
	snprintf(number[0], sizeof(number[0]), "%d", vw_child_socket());
	snprintf(number[1], sizeof(number[1]), "%d", fd);
	snprintf(number[2], sizeof(number[2]), "%d", *memory);
	snprintf(number[3], sizeof(number[3]), "0x%lx", LOW);
	snprintf(number[4], sizeof(number[4]), "%lu", 4 * PAGE);
	execl(program, program, number[0], number[1], number[2], number[3], number[4], NULL);
	/* The program was not built, or the kernel runs no 32-bit programs. */
	return VW_CHILD_SKIPPED;
}

/* An ioctl of the 32-bit program */
static int ioctl32(__u32 nr, __u32 arg)
{
	vw_tell(&caller, nr | (__u64)arg << 32);
	return (int)vw_hear(&caller);
}

/* The target is the 32-bit program, so both callers get the same results. */
VW_TEST(compat_calls_return_the_same_results)
{
	int memory = memfd_create("vmwalk_test", MFD_CLOEXEC);
	char *low, wide[512];

	open_device();
	assert_true(memory >= 0 && !ftruncate(memory, 4 * PAGE));
	low = mmap(vw_pointer(LOW), 4 * PAGE, RW, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE,
		   memory, 0);
	assert_ptr_equal(low, vw_pointer(LOW));
	caller = vw_fork(run_caller32, &memory);
	vw_hear(&caller);
	vw_set_target(caller.pid);
	vw_allow_target_write(true);

	touched = low + PAGE;
	vec = (void *)(low + 2 * PAGE);
	for (size_t i = 0; i < COUNT(calls); i++) {
		good_argument(&calls[i], low);
		good_argument(&calls[i], wide);
		if (calls[i].nr == VMWALK_IOC_SCAN)
			((struct vmwalk_scan *)wide)->vec = (uintptr_t)(vec + 8);
		vw_expect(ioctl32(calls[i].nr, LOW), vw_ioctl(fd, calls[i].nr, wide));
		if (calls[i].nr == VMWALK_IOC_SCAN) {
			assert_memory_equal(vec, vec + 8, sizeof(*vec));
			((struct vmwalk_scan *)wide)->vec = (uintptr_t)vec;
		}
		assert_memory_equal(low, wide, calls[i].size);
		*(__u32 *)low = calls[i].size - 1;
		vw_expect(ioctl32(calls[i].nr, LOW), -EINVAL);
	}
	vw_expect(ioctl32(VMWALK_IOC_GET_PFN, (uintptr_t)touched / PAGE), vw_pfn(touched));
	vw_expect(ioctl32(VMWALK_IOC_GET_PFN, 0xffffffff), -ENOENT);
	vw_expect(ioctl32(_IO(VMWALK_IOC_MAGIC, 99), LOW), -ENOTTY);
	vw_expect(ioctl32(VMWALK_IOC_INFO, 0), -EFAULT);
}
