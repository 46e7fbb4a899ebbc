// SPDX-License-Identifier: GPL-2.0
/*
 * SCAN compared with /proc/PID/pagemap over whole stopped processes: both must
 * report the same present addresses with the same PFNs; and with
 * VMWALK_SCAN_PAGEMAP the same entries.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <linux/kernel-page-flags.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "harness.h"

struct page {
	__u64 addr;
	__u64 pfn;			/* 0: swapped out */
	bool file;
	bool uffd_wp;
	bool zero;			/* known to a scan only */
};

struct pages {
	struct page *page;
	size_t count;
	size_t capacity;
};

static void add(struct pages *pages, const struct page *page)
{
	if (pages->count == pages->capacity) {
		pages->capacity = pages->capacity * 2 + 4096;
		pages->page = realloc(pages->page, pages->capacity * sizeof(*page));
		if (!pages->page)
			abort();
	}
	pages->page[pages->count++] = *page;
}

/* Addresses that pagemap skips: PFN mappings. */
struct range {
	__u64 start;
	__u64 end;
};

static bool is_inside(const struct range *range, size_t count, __u64 addr)
{
	for (size_t i = 0; i < count; i++) {
		if (addr >= range[i].start && addr < range[i].end)
			return true;
	}
	return false;
}

static void read_range(int pagemap, __u64 start, __u64 end, struct pages *pages)
{
	static __u64 entry[65536];
	ssize_t got;

	while (start < end) {
		size_t want = (end - start) / PAGE;

		if (want > COUNT(entry))
			want = COUNT(entry);
		got = pread(pagemap, entry, want * 8, start / PAGE * 8);
		if (got <= 0)
			vw_fail("pagemap at 0x%llx: %s", start, strerror(errno));
		for (ssize_t i = 0; i < got / 8; i++) {
			if (entry[i] & (PM_PRESENT | PM_SWAP))
				add(pages, &(struct page){
					.addr = start + i * PAGE,
					.pfn = entry[i] & PM_PRESENT ? PM_PFN(entry[i]) : 0,
					.file = entry[i] & PM_FILE,
					.uffd_wp = entry[i] & PM_UFFD_WP,
				});
		}
		start += got / 8 * PAGE;
	}
}

/* Read all pages of a process from pagemap, and the ranges that it skips. */
static size_t read_pagemap(pid_t pid, struct pages *pages, struct range *hidden, size_t capacity)
{
	unsigned long start = 0, end = 0, a, b;
	char path[64], line[1024];
	size_t count = 0;
	int pagemap;
	FILE *smaps;

	pages->count = 0;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	smaps = fopen(path, "re");
	if (pagemap < 0 || !smaps)
		vw_fail("no pagemap or smaps of %d", pid);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &a, &b) == 2) {
			start = a;
			end = b;
		} else if (!strncmp(line, "VmFlags:", 8) && start < vw_user_end()) {
			if (strstr(line, " pf ")) {
				assert_true(count < capacity);
				hidden[count++] = (struct range){ start, end };
			} else {
				read_range(pagemap, start, end, pages);
			}
		}
	}
	fclose(smaps);
	close(pagemap);
	return count;
}

static void read_scan(int fd, size_t vec_len, const struct range *hidden, size_t nr_hidden,
		      struct pages *pages)
{
	struct vmwalk_scan scan = vw_scan_args(0, vw_user_end());
	struct vw_extents extents;

	pages->count = 0;
	vw_ok(vw_scan_all(fd, &scan, vec_len, &extents));
	for (size_t i = 0; i < extents.count; i++) {
		const struct vmwalk_extent *extent = &extents.extent[i];
		bool present = extent->flags & VMWALK_PRESENT;

		if (is_inside(hidden, nr_hidden, extent->start)) {
			assert_true(extent->flags & VMWALK_SPECIAL);
			continue;
		}
		assert_true(present == !(extent->flags & (VMWALK_SWAP | VMWALK_MIGRATION)));
		assert_true(present == !!extent->pfn);
		for (__u64 j = 0; j < extent->pages; j++)
			add(pages, &(struct page){
				.addr = extent->start + j * PAGE,
				.pfn = present ? extent->pfn + j : 0,
				.file = extent->flags & VMWALK_FILE,
				.uffd_wp = extent->flags & VMWALK_UFFD_WP,
				.zero = extent->flags & VMWALK_ZERO,
			});
	}
	vw_extents_free(&extents);
}

static bool is_same(const struct pages *a, const struct pages *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (a->page[i].addr != b->page[i].addr || a->page[i].pfn != b->page[i].pfn)
			return false;
	}
	return true;
}

static void expect_same(const struct pages *want, const struct pages *got)
{
	for (size_t i = 0; i < want->count || i < got->count; i++) {
		const struct page *w = i < want->count ? &want->page[i] : NULL;
		const struct page *g = i < got->count ? &got->page[i] : NULL;

		if (!g || (w && w->addr < g->addr))
			vw_fail("missed: 0x%llx with PFN 0x%llx", w->addr, w->pfn);
		if (!w || g->addr < w->addr)
			vw_fail("not in pagemap: 0x%llx with PFN 0x%llx", g->addr, g->pfn);
		if (w->pfn != g->pfn)
			vw_fail("0x%llx: PFN 0x%llx, pagemap has 0x%llx", w->addr, g->pfn, w->pfn);
		/* Some kernels report PM_FILE for the huge zero page. */
		if (w->pfn && ((w->file != g->file && !g->zero) || w->uffd_wp != g->uffd_wp))
			vw_fail("0x%llx: file %d and uffd_wp %d, pagemap has %d and %d",
				w->addr, g->file, g->uffd_wp, w->file, w->uffd_wp);
	}
}

/* Walk to some of the pages: the PFNs must be those of the scan. */
static void expect_walks(int fd, const struct pages *pages)
{
	struct vmwalk_walk walk;

	for (size_t i = 0; i < pages->count; i += pages->count / 200 + 1) {
		const struct page *page = &pages->page[i];

		vw_ok(vw_walk(fd, page->addr, &walk));
		vw_expect(walk.pfn, page->pfn);
		vw_expect(vw_sys(ioctl(fd, VMWALK_IOC_GET_PFN, page->addr / PAGE)),
			  page->pfn ? (long long)page->pfn : -ENOENT);
	}
}

/* --- Entries of pagemap ---------------------------------------------------- */

/* Whether a page is the huge zero page, which some kernels count as a file's. */
static bool is_huge_zero(__u64 entry)
{
	static int flags = -1;
	__u64 value;

	if (flags < 0)
		flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	return entry & PM_PRESENT &&
	       pread(flags, &value, 8, PM_PFN(entry) * 8) == 8 &&
	       value & BIT_ULL(KPF_ZERO_PAGE) && value & BIT_ULL(KPF_THP);
}

/*
 * Whether pagemap has bit 57. It came with Linux 5.14, like the minor faults of
 * shmem.
 */
static bool has_uffd_wp_bit(void)
{
	const __u64 minor_shmem = BIT_ULL(10);
	static int has = -1;

	if (has < 0) {
		struct uffdio_api api = { .api = UFFD_API };
		int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

		has = uffd < 0 || ioctl(uffd, UFFDIO_API, &api) || api.features & minor_shmem;
		close(uffd);
	}
	return has;
}

/* PFN mappings, which pagemap reports as empty. */
struct hidden {
	struct range range[64];
	size_t count;
};

/* Compare entries that a scan has returned with those of pagemap. */
static void expect_entries(const __u64 *ours, const __u64 *theirs, size_t count, __u64 addr,
			   const struct hidden *hidden)
{
	for (size_t i = 0; i < count; i++) {
		__u64 wanted = theirs[i] & ~PM_EXCLUSIVE, got = ours[i];

		if (!has_uffd_wp_bit())
			got &= ~PM_UFFD_WP;
		if (got & PM_PRESENT && is_inside(hidden->range, hidden->count, addr + i * PAGE)) {
			vw_expect(wanted & ~PM_SOFT_DIRTY, 0);
			vw_expect(got & (PM_FILE | PM_SWAP | PM_UFFD_WP), 0);
			got &= PM_SOFT_DIRTY;
			wanted |= got;
		}
		if (got != wanted && (got | PM_FILE) == wanted && is_huge_zero(got))
			continue;
		if (got != wanted)
			vw_fail("0x%llx: a scan returns 0x%llx, pagemap 0x%llx",
				addr + i * PAGE, ours[i], theirs[i]);
	}
}

#define ENTRIES	16384

/* Compare the entries of a range. Counts those that are not 0. */
static size_t compare_range(int fd, pid_t pid, __u64 start, __u64 end,
			    const struct hidden *hidden)
{
	static __u64 before[ENTRIES], ours[ENTRIES], after[ENTRIES];
	size_t count, used = 0;

	for (; start < end; start += count * PAGE) {
		count = (end - start) / PAGE < ENTRIES ? (end - start) / PAGE : ENTRIES;
		for (int try = 0;; try++) {
			vw_expect(vw_pagemap(pid, start, count, before), count);
			vw_expect(vw_scan_pagemap(fd, start, count, ours), count);
			vw_expect(vw_pagemap(pid, start, count, after), count);
			if (!memcmp(before, after, count * sizeof(*after)))
				break;
			if (try == 20)
				vw_fail("the pages of %d changed in all attempts", pid);
		}
		expect_entries(ours, after, count, start, hidden);
		for (size_t i = 0; i < count; i++)
			used += !!ours[i];
	}
	return used;
}

/* Compare the entries of all mappings of a process, and of pages between them. */
static void compare_all_entries(int fd, pid_t pid)
{
	__u64 start = 0, end = 0, last = 0, a, b;
	struct hidden hidden = { .count = 0 };
	char path[64], line[1024];
	size_t used = 0;
	FILE *smaps;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	smaps = fopen(path, "re");
	if (!smaps)
		vw_fail("no smaps of %d", pid);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%llx-%llx ", &a, &b) == 2) {
			start = a;
			end = b;
			continue;
		}
		if (strncmp(line, "VmFlags:", 8) || start >= vw_user_end())
			continue;
		/* Up to 600 pages of the hole before the mapping. */
		if (start - last > 600 * PAGE)
			last = start - 600 * PAGE;
		if (strstr(line, " pf ")) {
			assert_true(hidden.count < COUNT(hidden.range));
			hidden.range[hidden.count++] = (struct range){ start, end };
		}
		used += compare_range(fd, pid, last, end, &hidden);
		last = end;
	}
	fclose(smaps);
	assert_true(used);
	/* One call that covers many mappings and holes. */
	if (last < vw_user_end() - 64 * PAGE)
		compare_range(fd, pid, last - 64 * PAGE, last + 64 * PAGE, &hidden);
	print_message("# %zu entries match\n", used);
}

/* Compare a stopped process, and count its present and swapped pages. */
static void compare(pid_t pid, size_t *present, size_t *swapped)
{
	static const size_t vec_lens[] = { 4096, 37 };
	struct pages before = { 0 }, after = { 0 }, found = { 0 };
	struct range hidden[64];
	size_t nr_hidden;
	char text[32];
	int fd;

	snprintf(text, sizeof(text), "%d", pid);
	fd = vw_open_rw(vw_make("t", "target_pid", text, NULL));
	for (size_t i = 0; i < COUNT(vec_lens); i++) {
		/* The kernel may move a page of a stopped process: retry. */
		for (int try = 0;; try++) {
			nr_hidden = read_pagemap(pid, &before, hidden, COUNT(hidden));
			read_scan(fd, vec_lens[i], hidden, nr_hidden, &found);
			read_pagemap(pid, &after, hidden, COUNT(hidden));
			if (is_same(&before, &after))
				break;
			if (try == 20)
				vw_fail("the pages of %d changed in all attempts", pid);
		}
		expect_same(&after, &found);
	}
	expect_walks(fd, &after);
	compare_all_entries(fd, pid);
	*present = 0;
	*swapped = 0;
	for (size_t i = 0; i < after.count; i++)
		++*(after.page[i].pfn ? present : swapped);
	print_message("# %zu pages present, %zu swapped out, all match\n", *present, *swapped);
	free(before.page);
	free(after.page);
	free(found.page);
	close(fd);
	vw_ok(vw_rmdir("t"));
}

/* Start a process that stops itself, and compare it. */
static void compare_stopped(int (*body)(void *), size_t *present, size_t *swapped)
{
	struct vw_child child = vw_fork(body, NULL);

	vw_wait_stopped(&child);
	compare(child.pid, present, swapped);
	vw_kill(&child);
}

/* The same, but only the entries: extents have markers that pagemap lacks. */
static void compare_stopped_entries(int (*body)(void *))
{
	struct vw_child child = vw_fork(body, NULL);
	char text[32];
	int fd;

	vw_wait_stopped(&child);
	snprintf(text, sizeof(text), "%d", child.pid);
	fd = vw_open_rw(vw_make("t", "target_pid", text, NULL));
	compare_all_entries(fd, child.pid);
	vw_kill(&child);
	close(fd);
}

static int exec_bash(void *arg)
{
	(void)arg;
	execl("/bin/bash", "bash", "-c",
	      "x=(); for ((i = 0; i < 3000; i++)); do x+=(\"$i $i $i\"); done; y=$(echo \"${x[@]}\");"
	      "kill -STOP $$; echo \"$y\"", NULL);
	return 1;
}

VW_TEST(scans_of_bash_match_pagemap)
{
	size_t present, swapped;

	compare_stopped(exec_bash, &present, &swapped);
	assert_true(present > 300);
}

static pthread_barrier_t touched;

static void *use_memory(void *arg)
{
	char *at = malloc(300 * KIB);

	(void)arg;
	vw_check(at);
	for (size_t i = 0; i < 300 * KIB; i += 1000)
		vw_poke(at + i, 1);
	pthread_barrier_wait(&touched);
	pause();
	return at;
}

static int run_threads(void *arg)
{
	pthread_t thread;

	(void)arg;
	vw_check(!pthread_barrier_init(&touched, NULL, 9));
	for (int i = 0; i < 8; i++)
		vw_check(!pthread_create(&thread, NULL, use_memory, NULL));
	pthread_barrier_wait(&touched);
	raise(SIGSTOP);
	return 0;
}

VW_TEST(scans_of_a_threaded_program_match_pagemap)
{
	size_t present, swapped;

	compare_stopped(run_threads, &present, &swapped);
	assert_true(present > 600);
}

static int map_huge(void *arg)
{
	size_t len = 16 * MIB;
	char *at;

	(void)arg;
	at = mmap(NULL, len, RW, ANON, -1, 0);
	vw_check(at != MAP_FAILED);
	madvise(at, len, MADV_HUGEPAGE);
	memset(at, 1, len);
	/* Split one huge page, and unmap a part of another. */
	mprotect(at + 3 * PMD_SIZE + 5 * PAGE, PAGE, PROT_READ);
	munmap(at + 5 * PMD_SIZE + 7 * PAGE, 100 * PAGE);
	/* The huge zero page. */
	at = mmap(NULL, 3 * PMD_SIZE, RW, ANON, -1, 0);
	vw_check(at != MAP_FAILED);
	madvise(at, 3 * PMD_SIZE, MADV_HUGEPAGE);
	vw_peek((void *)ALIGN_UP((uintptr_t)at, PMD_SIZE));
	raise(SIGSTOP);
	return 0;
}

VW_TEST(scans_of_transparent_huge_pages_match_pagemap)
{
	size_t present, swapped;

	compare_stopped(map_huge, &present, &swapped);
	assert_true(present + swapped >= 4096 - 100);
}

static int map_hugetlb(void *arg)
{
	char *small, *large, *shared;

	(void)arg;
	small = mmap(NULL, 4 * PMD_SIZE, RW, ANON | HUGE_PMD, -1, 0);
	if (small == MAP_FAILED)
		return VW_CHILD_SKIPPED;
	vw_poke(small, 1);
	vw_poke(small + 2 * PMD_SIZE, 1);
	vw_peek(small + 3 * PMD_SIZE);
	shared = mmap(NULL, PMD_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | HUGE_PMD, -1,
		      0);
	if (shared != MAP_FAILED)
		vw_poke(shared, 1);
	large = mmap(NULL, PUD_SIZE, RW, ANON | HUGE_PUD, -1, 0);
	if (large != MAP_FAILED)
		vw_poke(large, 1);
	else
		printf("# no free hugetlb page of 1 GiB\n");
	raise(SIGSTOP);
	return 0;
}

VW_TEST(scans_of_hugetlb_pages_match_pagemap)
{
	size_t present, swapped;

	compare_stopped(map_hugetlb, &present, &swapped);
	assert_true(present >= 3 * 512);
}

static int map_swapped(void *arg)
{
	size_t len = 8 * MIB;
	char *at;

	(void)arg;
	at = mmap(NULL, len, RW, ANON, -1, 0);
	vw_check(at != MAP_FAILED);
	madvise(at, len, MADV_NOHUGEPAGE);
	memset(at, 7, len);
	if (!vw_swap_out(at, len / 2))
		return VW_CHILD_SKIPPED;
	/* Swap some pages in, so that present and absent pages alternate. */
	for (size_t i = 0; i < len / 4; i += 5 * PAGE)
		vw_peek(at + i);
	raise(SIGSTOP);
	return 0;
}

VW_TEST(scans_of_swapped_pages_match_pagemap)
{
	size_t present, swapped;

	compare_stopped(map_swapped, &present, &swapped);
	assert_true(swapped > 500);
}

static int map_mixed(void *arg)
{
	char *at, *again, *none;
	int file;

	(void)arg;
	file = memfd_create("vmwalk_test", MFD_CLOEXEC);
	vw_check(file >= 0 && !ftruncate(file, MIB));
	at = mmap(NULL, MIB, RW, MAP_SHARED, file, 0);
	vw_check(at != MAP_FAILED);
	memset(at, 1, MIB / 2);
	again = mmap(NULL, MIB, RW, MAP_PRIVATE, file, 0);
	vw_check(again != MAP_FAILED);
	for (size_t i = 0; i < MIB; i += 3 * PAGE)
		vw_peek(again + i);
	for (size_t i = 0; i < MIB; i += 7 * PAGE)
		vw_poke(again + i, 2);
	none = mmap(NULL, MIB, RW, ANON, -1, 0);
	vw_check(none != MAP_FAILED);
	memset(none, 1, MIB / 2);
	vw_peek(none + MIB / 2);
	mprotect(none + 64 * KIB, 128 * KIB, PROT_NONE);
	/* Far apart, so that tables of all levels are in part empty. */
	for (int shift = 24; shift < 46; shift++) {
		at = mmap((void *)((1UL << shift) + 0x5000), 2 * PAGE, RW, ANON, -1, 0);
		if (at != MAP_FAILED)
			vw_poke(at, 1);
	}
	raise(SIGSTOP);
	return 0;
}

VW_TEST(scans_of_mixed_memory_match_pagemap)
{
	size_t present, swapped;

	compare_stopped(map_mixed, &present, &swapped);
	assert_true(present > 256);
}

static int map_at_boundaries(void *arg)
{
	/* The last page below 47 bits, and both sides of table boundaries. */
	const __u64 at[] = {
		(1UL << 47) - 2 * PAGE, GIB - PAGE, GIB, 512 * GIB - PAGE, 512 * GIB,
		3 * 512 * GIB - PAGE, 3 * 512 * GIB, 16 * PMD_SIZE - PAGE, 16 * PMD_SIZE,
	};

	(void)arg;
	for (size_t i = 0; i < COUNT(at); i++) {
		char *page = mmap((void *)at[i], PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);

		if (page != MAP_FAILED)
			vw_poke(page, 1);
		else
			vw_check(errno == EEXIST || errno == EPERM || errno == ENOMEM);
	}
	raise(SIGSTOP);
	return 0;
}

VW_TEST(scans_of_pages_at_table_boundaries_match_pagemap)
{
	size_t present, swapped;

	compare_stopped(map_at_boundaries, &present, &swapped);
}

static int map_devices(void *arg)
{
	char name[32];

	(void)arg;
	for (size_t i = 0; i < VW_COMBOS; i++) {
		char *shared, *private;
		int fd;

		snprintf(name, sizeof(name), "d%zu", i);
		fd = vw_open(vw_number(name), O_RDWR);
		vw_check(fd >= 0);
		shared = mmap(NULL, 64 * KIB, RW, MAP_SHARED, fd, 0);
		private = mmap(NULL, 64 * KIB, RW, MAP_PRIVATE, fd, 0);
		vw_check(shared != MAP_FAILED && private != MAP_FAILED);
		for (size_t j = 0; j < 64 * KIB; j += 2 * PAGE) {
			vw_peek(shared + j);
			vw_poke(private + j, 1);
		}
	}
	raise(SIGSTOP);
	return 0;
}

VW_TEST(scans_of_the_devices_mappings_match_pagemap)
{
	size_t present, swapped;
	char name[32];

	for (size_t i = 0; i < VW_COMBOS; i++) {
		snprintf(name, sizeof(name), "d%zu", i);
		vw_make(name, "buffer_type", vw_combos[i].type, "map_mode", vw_combos[i].mode,
			"cache_mode", vw_combos[i].cache, "size", vw_pages_text(16),
			"fault_around", vw_pages_text(1),
			NULL);
	}
	compare_stopped(map_devices, &present, &swapped);
}

static int map_soft_dirty(void *arg)
{
	char *at, *file;
	int memfd;

	(void)arg;
	at = mmap(NULL, 2 * MIB, RW, ANON, -1, 0);
	memfd = memfd_create("vmwalk_test", MFD_CLOEXEC);
	vw_check(at != MAP_FAILED && memfd >= 0 && !ftruncate(memfd, MIB));
	file = mmap(NULL, MIB, RW, MAP_SHARED, memfd, 0);
	vw_check(file != MAP_FAILED);
	madvise(at, 2 * MIB, MADV_NOHUGEPAGE);
	memset(at, 1, MIB);
	memset(file, 1, MIB / 2);
	if (vw_file_write("/proc/self/clear_refs", "4"))
		return VW_CHILD_SKIPPED;
	for (size_t i = 0; i < MIB; i += 3 * PAGE)
		vw_poke(at + i, 2);
	for (size_t i = 0; i < MIB / 2; i += 2 * PAGE)
		vw_poke(file + i, 2);
	vw_swap_out(at + MIB / 2, MIB / 4);
	/* A mapping that is newer than clear_refs: its empty pages are dirty. */
	vw_check(mmap(NULL, MIB, RW, ANON, -1, 0) != MAP_FAILED);
	raise(SIGSTOP);
	return 0;
}

VW_TEST(entries_of_soft_dirty_pages_match_pagemap)
{
	size_t present, swapped;

	compare_stopped(map_soft_dirty, &present, &swapped);
	assert_true(present > 200);
}

static int uffd_with(__u64 features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd < 0)
		return -1;
	if (ioctl(uffd, UFFDIO_API, &api)) {
		close(uffd);
		return -1;
	}
	return uffd;
}

static bool write_protect(int uffd, char *at, size_t len)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)at, len },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_writeprotect protect = {
		.range = { (uintptr_t)at, len / 2 },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	return !ioctl(uffd, UFFDIO_REGISTER, &reg) && !ioctl(uffd, UFFDIO_WRITEPROTECT, &protect);
}

/* Present, swapped, and untouched pages (markers), where the kernel can. */
static int map_write_protected(void *arg)
{
	const __u64 hugetlbfs_shmem = BIT_ULL(12), unpopulated = BIT_ULL(13);
	int uffd, file = memfd_create("vmwalk_test", MFD_CLOEXEC);
	char *at, *shared, *huge;

	(void)arg;
	vw_check(file >= 0 && !ftruncate(file, 64 * PAGE));
	at = mmap(NULL, 64 * PAGE, RW, ANON, -1, 0);
	shared = mmap(NULL, 64 * PAGE, RW, MAP_SHARED, file, 0);
	vw_check(at != MAP_FAILED && shared != MAP_FAILED);
	madvise(at, 64 * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < 64; i += 2) {
		vw_poke(at + i * PAGE, 1);
		vw_poke(shared + i * PAGE, 1);
	}
	uffd = uffd_with(UFFD_FEATURE_PAGEFAULT_FLAG_WP | hugetlbfs_shmem | unpopulated);
	if (uffd < 0)
		uffd = uffd_with(UFFD_FEATURE_PAGEFAULT_FLAG_WP | hugetlbfs_shmem);
	if (uffd >= 0) {
		vw_check(write_protect(uffd, shared, 64 * PAGE));
		huge = mmap(NULL, 4 * PMD_SIZE, RW, ANON | HUGE_PMD, -1, 0);
		if (huge != MAP_FAILED) {
			vw_poke(huge, 1);
			vw_check(write_protect(uffd, huge, 4 * PMD_SIZE));
		}
	} else {
		uffd = uffd_with(UFFD_FEATURE_PAGEFAULT_FLAG_WP);
		if (uffd < 0)
			return VW_CHILD_SKIPPED;
	}
	vw_check(write_protect(uffd, at, 64 * PAGE));
	vw_swap_out(at + 16 * PAGE, 32 * PAGE);
	raise(SIGSTOP);
	return 0;
}

VW_TEST(entries_of_pages_with_uffd_wp_match_pagemap)
{
	compare_stopped_entries(map_write_protected);
}

#define MADV_GUARD_INSTALL	102	/* Linux 6.13 and later */

static int map_guards(void *arg)
{
	char *at = mmap(NULL, 64 * PAGE, RW, ANON, -1, 0);

	(void)arg;
	vw_check(at != MAP_FAILED);
	memset(at, 1, 32 * PAGE);
	if (madvise(at + 16 * PAGE, 32 * PAGE, MADV_GUARD_INSTALL))
		return VW_CHILD_SKIPPED;
	raise(SIGSTOP);
	return 0;
}

VW_TEST(entries_of_guard_regions_match_pagemap)
{
	compare_stopped_entries(map_guards);
}

/* Every page has another protection or state than the page before. */
static int map_all_different(void *arg)
{
	char *at, *file;
	int memfd;

	(void)arg;
	memfd = memfd_create("vmwalk_test", MFD_CLOEXEC);
	vw_check(memfd >= 0 && !ftruncate(memfd, 512 * PAGE));
	at = mmap(NULL, 512 * PAGE, RW, ANON, -1, 0);
	file = mmap(NULL, 512 * PAGE, RW, MAP_PRIVATE, memfd, 0);
	vw_check(at != MAP_FAILED && file != MAP_FAILED);
	madvise(at, 512 * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < 512; i++) {
		/* A page, the zero page, nothing, PROT_NONE, read-only. */
		if (i % 5 != 2)
			vw_peek(at + i * PAGE);
		if (i % 5 != 1 && i % 5 != 2)
			vw_poke(at + i * PAGE, 1);
		if (i % 5 > 2)
			mprotect(at + i * PAGE, PAGE, i % 5 == 3 ? PROT_NONE : PROT_READ);
		vw_peek(file + i * PAGE);
		if (i % 2)
			vw_poke(file + i * PAGE, 1);
	}
	raise(SIGSTOP);
	return 0;
}

VW_TEST(entries_of_pages_that_all_differ_match_pagemap)
{
	size_t present, swapped;

	compare_stopped(map_all_different, &present, &swapped);
	assert_true(present > 900);
}

/*
 * One page table with many VMAs of several kinds, whose entries have the same
 * flags.
 */
static int map_many_kinds(void *arg)
{
	int memfd = memfd_create("vmwalk_test", MFD_CLOEXEC);
	const size_t len = 2 * PMD_SIZE;
	char *base, *at, *file;

	(void)arg;
	vw_check(memfd >= 0 && !ftruncate(memfd, len));
	file = mmap(NULL, len, RW, MAP_SHARED, memfd, 0);
	base = mmap(NULL, len + PMD_SIZE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
	vw_check(file != MAP_FAILED && base != MAP_FAILED);
	memset(file, 1, len);
	munmap(base, len + PMD_SIZE);
	/* From three pages before the end of a table on. */
	base = (char *)ALIGN_UP((uintptr_t)base, PMD_SIZE) + PMD_SIZE - 3 * PAGE;
	for (size_t i = 0; i < PTRS / 2; i++) {
		const int flags[] = {
			MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED, MAP_PRIVATE, 0, MAP_PRIVATE,
		};
		size_t kind = i % COUNT(flags);

		if (!flags[kind])
			continue;
		at = mmap(base + i * PAGE, PAGE, RW, flags[kind] | MAP_FIXED,
			  kind ? memfd : -1, kind ? i * PAGE : 0);
		vw_check(at != MAP_FAILED);
		if (kind == 4)
			vw_peek(at);
		else
			vw_poke(at, 1);
	}
	raise(SIGSTOP);
	return 0;
}

VW_TEST(small_mappings_of_several_kinds_match_pagemap)
{
	size_t present, swapped;

	compare_stopped(map_many_kinds, &present, &swapped);
	assert_true(present > 150);
}
