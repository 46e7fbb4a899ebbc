// SPDX-License-Identifier: GPL-2.0
/*
 * SCAN compared with procfs: PAGEMAP_SCAN with the same masks, the page flags
 * in /proc/kpageflags, and the sums of each mapping in smaps. The target is a
 * stopped process with memory of all kinds. test_pagemap compares with
 * /proc/PID/pagemap.
 *
 * Copyright (C) The vmwalk authors
 *
 * Where SCAN and PAGEMAP_SCAN differ by design:
 *
 *   SCAN never returns an empty entry; PAGEMAP_SCAN does if inverted masks
 *   select it;
 *   PAGE_IS_SOFT_DIRTY is set for a whole mapping created after the last
 *   clear_refs, VMWALK_SOFT_DIRTY only if the entry has the bit: so no mapping
 *   here is newer than clear_refs;
 *   PAGE_IS_WRITTEN is the inverse of VMWALK_UFFD_WP;
 *   PAGEMAP_SCAN skips PFN mappings, SCAN returns them as SPECIAL.
 */
#define _GNU_SOURCE
#include <linux/kernel-page-flags.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "harness.h"

#define KSM	"/sys/kernel/mm/ksm/"

/* Linux 7.3 and later; the headers may be older. */
#ifndef UFFDIO_RWPROTECT
struct uffdio_rwprotect {
	struct uffdio_range range;
	__u64 mode;
};

#define UFFD_FEATURE_RWP		BIT_ULL(17)
#define UFFDIO_REGISTER_MODE_RWP	BIT_ULL(3)
#define UFFDIO_RWPROTECT		_IOWR(UFFDIO, 0x09, struct uffdio_rwprotect)
#define UFFDIO_RWPROTECT_MODE_RWP	BIT_ULL(0)
#endif

/* The kernel may change even a stopped process's memory: retry a mismatch. */
#define TRIES	10

static int fd;

/* --- A process with memory of all kinds ----------------------------------- */

#define FILE_PAGES	128UL

static int file;
static bool soft_dirty;			/* only some pages are soft-dirty */

static char *map_or_fail(size_t len, int flags, int from)
{
	char *at = mmap(NULL, len, RW, flags, from, 0);

	vw_check(at != MAP_FAILED);
	return at;
}

static char *map_aligned(size_t len)
{
	return (char *)ALIGN_UP((uintptr_t)map_or_fail(len + PMD_SIZE, ANON, -1), PMD_SIZE);
}

static void map_small(void)
{
	char *at = map_or_fail(256 * PAGE, ANON, -1);

	madvise(at, 256 * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < 256; i++) {
		if (i % 7 < 4)
			vw_poke(at + i * PAGE, 1);
		else if (i % 7 < 6)
			vw_peek(at + i * PAGE);
	}
	mprotect(at + 16 * PAGE, 8 * PAGE, PROT_NONE);
	mprotect(at + 32 * PAGE, 8 * PAGE, PROT_READ);
}

static void map_huge(void)
{
	char *at = map_aligned(6 * PMD_SIZE);
	int memfd;

	madvise(at, 6 * PMD_SIZE, MADV_HUGEPAGE);
	memset(at, 1, 4 * PMD_SIZE);
	/* Split one, unmap a part of another, and map the huge zero page. */
	mprotect(at + PMD_SIZE + 5 * PAGE, PAGE, PROT_READ);
	madvise(at + 2 * PMD_SIZE + 7 * PAGE, 100 * PAGE, MADV_DONTNEED);
	vw_peek(at + 4 * PMD_SIZE);

	/* A huge page of a file, if the kernel collapses its pages. */
	memfd = memfd_create("vmwalk_test", MFD_CLOEXEC);
	vw_check(memfd >= 0 && !ftruncate(memfd, PMD_SIZE));
	at = map_aligned(PMD_SIZE);
	vw_check(mmap(at, PMD_SIZE, RW, MAP_SHARED | MAP_FIXED, memfd, 0) == at);
	memset(at, 1, PMD_SIZE);
	madvise(at, PMD_SIZE, MADV_COLLAPSE);
	vw_poke(at, 2);
}

static void map_hugetlb(void)
{
	char *at = mmap(NULL, 2 * PMD_SIZE, RW, ANON | MAP_HUGETLB, -1, 0);

	if (at != MAP_FAILED)
		vw_poke(at, 1);
	at = mmap(NULL, PMD_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (at != MAP_FAILED)
		vw_poke(at, 1);
}

static void map_swapped(void)
{
	char *at = map_or_fail(256 * PAGE, ANON, -1);
	int memfd;

	madvise(at, 256 * PAGE, MADV_NOHUGEPAGE);
	memset(at, 1, 256 * PAGE);
	vw_swap_out(at, 192 * PAGE);
	for (size_t i = 0; i < 128; i += 5)
		vw_peek(at + i * PAGE);

	/* Swapped shmem pages have no swap entry: only smaps counts them. */
	memfd = memfd_create("vmwalk_test", MFD_CLOEXEC);
	vw_check(memfd >= 0 && !ftruncate(memfd, 64 * PAGE));
	at = map_or_fail(64 * PAGE, MAP_SHARED, memfd);
	memset(at, 1, 64 * PAGE);
	madvise(at, 32 * PAGE, MADV_PAGEOUT);
}

static void map_file(void)
{
	char *shared = map_or_fail(FILE_PAGES * PAGE, MAP_SHARED, file);
	char *private = map_or_fail(FILE_PAGES * PAGE, MAP_PRIVATE, file);

	/* Only pages that exist: reading a hole would allocate one. */
	for (size_t i = 0; i < FILE_PAGES; i += 2) {
		vw_peek(shared + i * PAGE);
		if (i % 4)
			vw_poke(private + i * PAGE, 2);
	}
}

static void map_write_protected(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	char *at = map_aligned(2 * PMD_SIZE);

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		return;
	madvise(at, PMD_SIZE, MADV_NOHUGEPAGE);
	madvise(at + PMD_SIZE, PMD_SIZE, MADV_HUGEPAGE);
	memset(at, 1, 128 * PAGE);
	memset(at + PMD_SIZE, 1, PMD_SIZE);
	vw_check(!ioctl(uffd, UFFDIO_REGISTER, &(struct uffdio_register){
		.range = { (uintptr_t)at, 2 * PMD_SIZE },
		.mode = UFFDIO_REGISTER_MODE_WP,
	}));
	for (size_t i = 0; i < 128; i += 32)
		vw_check(!ioctl(uffd, UFFDIO_WRITEPROTECT, &(struct uffdio_writeprotect){
			.range = { (uintptr_t)at + i * PAGE, 16 * PAGE },
			.mode = UFFDIO_WRITEPROTECT_MODE_WP,
		}));
	vw_check(!ioctl(uffd, UFFDIO_WRITEPROTECT, &(struct uffdio_writeprotect){
		.range = { (uintptr_t)at + PMD_SIZE, PMD_SIZE },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	}));
	vw_swap_out(at + 8 * PAGE, 16 * PAGE);
}

static int map_all_kinds(void *arg)
{
	char *late;

	(void)arg;
	late = map_or_fail(64 * PAGE, ANON, -1);
	madvise(late, 64 * PAGE, MADV_NOHUGEPAGE);
	memset(late, 1, 64 * PAGE);
	map_small();
	map_huge();
	map_hugetlb();
	map_swapped();
	map_file();
	map_write_protected();
	if (soft_dirty) {
		vw_check_rc(vw_file_write("/proc/self/clear_refs", "4"), 0);
		for (size_t i = 0; i < 64; i += 3)
			vw_poke(late + i * PAGE, 2);
	}
	raise(SIGSTOP);
	return 0;
}

static int exec_bash(void *arg)
{
	(void)arg;
	execl("/bin/bash", "bash", "-c", "x=$(echo {1..3000}); kill -STOP $$; echo \"$x\"", NULL);
	return 1;
}

static struct vw_child start_stopped(int (*body)(void *))
{
	struct vw_child child;
	char text[32], *at;

	file = memfd_create("vmwalk_test", MFD_CLOEXEC);
	assert_true(file >= 0 && !ftruncate(file, FILE_PAGES * PAGE));
	at = vw_map(file, FILE_PAGES * PAGE, 0, RW, MAP_SHARED);
	for (size_t i = 0; i < FILE_PAGES; i += 2)
		vw_poke(at + i * PAGE, 1);
	munmap(at, FILE_PAGES * PAGE);

	fd = vw_open_rw(vw_make("t", "size", "1M", NULL));
	child = vw_fork(body, NULL);
	vw_wait_stopped(&child);
	snprintf(text, sizeof(text), "%d", child.pid);
	vw_ok(vw_set("t", "target_pid", text));
	return child;
}

static int open_proc(pid_t pid, const char *name)
{
	char path[64];
	int proc;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	proc = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(proc >= 0);
	return proc;
}

/* --- Results of a scan, page by page -------------------------------------- */

struct page {
	__u64 addr;
	__u64 pfn;
	__u32 flags;
};

struct pages {
	struct page *page;
	size_t count;
};

static void pages_free(struct pages *pages)
{
	free(pages->page);
	*pages = (struct pages){ 0 };
}

static struct pages scan_pages(const struct vmwalk_scan *scan)
{
	struct vw_extents extents;
	struct pages pages;

	vw_ok(vw_scan_all(fd, scan, 8192, &extents));
	pages.page = calloc(extents.pages + 1, sizeof(*pages.page));
	pages.count = 0;
	if (!pages.page)
		abort();
	for (size_t i = 0; i < extents.count; i++) {
		const struct vmwalk_extent *extent = &extents.extent[i];

		for (__u64 j = 0; j < extent->pages; j++)
			pages.page[pages.count++] = (struct page){
				.addr = extent->start + j * PAGE,
				.pfn = extent->pfn ? extent->pfn + j : 0,
				.flags = extent->flags,
			};
	}
	vw_extents_free(&extents);
	return pages;
}

static struct pages scan_everything(void)
{
	struct vmwalk_scan scan = vw_scan_args(0, vw_user_end());

	return scan_pages(&scan);
}

/* Count the pages that have all flags of "has" and none of "lacks". */
static size_t count_pages(const struct pages *pages, __u32 has, __u32 lacks)
{
	size_t count = 0;

	for (size_t i = 0; i < pages->count; i++)
		count += (pages->page[i].flags & has) == has && !(pages->page[i].flags & lacks);
	return count;
}

static bool is_same(const struct pages *a, const struct pages *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct page *p = &a->page[i], *q = &b->page[i];

		if (p->addr != q->addr || p->pfn != q->pfn || p->flags != q->flags)
			return false;
	}
	return true;
}

/* --- PAGEMAP_SCAN --------------------------------------------------------- */

#define PM_WRITTEN	BIT_ULL(1)
#define PM_REGIONS	65536

static const struct {
	__u32 ours;
	__u64 theirs;
} categories[] = {
	{ VMWALK_UFFD_WP, PM_WRITTEN },		/* inverse */
	{ VMWALK_FILE, BIT_ULL(2) },
	{ VMWALK_PRESENT, BIT_ULL(3) },
	{ VMWALK_SWAP, BIT_ULL(4) },
	{ VMWALK_ZERO, BIT_ULL(5) },
	{ VMWALK_HUGE, BIT_ULL(6) },
	{ VMWALK_SOFT_DIRTY, BIT_ULL(7) },
};

static __u64 to_pagemap(__u64 flags)
{
	__u64 theirs = 0;

	for (size_t i = 0; i < COUNT(categories); i++)
		theirs |= flags & categories[i].ours ? categories[i].theirs : 0;
	return theirs;
}

static __u32 random_flags(unsigned int in)
{
	static __u64 seed = 7;
	__u32 flags = 0;

	/* Each flag with probability 1/in. */
	for (size_t i = 0; i < COUNT(categories); i++)
		flags |= vw_random(&seed) % in ? 0 : categories[i].ours;
	return flags;
}

static struct pm_region *regions;
/* Newer kernels report PAGE_IS_WRITTEN only where userfaultfd can protect. */
static bool written_everywhere;

static int pagemap_scan(int pagemap, const struct vmwalk_scan *scan)
{
	struct pm_scan pm = {
		.size = sizeof(pm),
		.start = scan->start,
		.end = scan->end,
		.vec = (uintptr_t)regions,
		.vec_len = PM_REGIONS,
		.max_pages = scan->max_pages,
		.category_inverted = to_pagemap(scan->category_inverted) ^ PM_WRITTEN,
		.category_mask = to_pagemap(scan->category_mask),
		.category_anyof_mask = to_pagemap(scan->category_anyof_mask),
		.return_mask = to_pagemap(scan->return_mask),
	};
	int count = vw_ioctl(pagemap, PM_SCAN, &pm);

	if (count >= 0 && !scan->max_pages)
		vw_expect(pm.walk_end, scan->end);
	return count;
}

/* Pages that PAGEMAP_SCAN skips or that kernels report differently. */
static bool is_comparable(const struct page *page, const struct vmwalk_scan *scan)
{
	__u64 masks = scan->category_mask | scan->category_anyof_mask | scan->return_mask;

	if (page->flags & VMWALK_SPECIAL)
		return false;
	if (!written_everywhere && masks & VMWALK_UFFD_WP && !(page->flags & VMWALK_UFFD_WP))
		return false;
	/* Kernels differ in FILE and ZERO of the huge zero page. */
	return !(page->flags & VMWALK_ZERO && page->flags & VMWALK_HUGE &&
		 masks & (VMWALK_FILE | VMWALK_ZERO));
}

/* Sets written_everywhere by what PAGEMAP_SCAN reports of a page of the caller. */
static void find_written_everywhere(void)
{
	char *page = vw_anon(PAGE);
	struct vmwalk_scan scan = vw_scan_args((uintptr_t)page, (uintptr_t)page + PAGE);
	int self = open_proc(getpid(), "pagemap");

	vw_poke(page, 1);
	/* Select the pages with PAGE_IS_WRITTEN, the inverse of UFFD_WP. */
	scan.category_mask = VMWALK_UFFD_WP;
	scan.category_inverted = VMWALK_UFFD_WP;
	written_everywhere = pagemap_scan(self, &scan) == 1;
	close(self);
	munmap(page, PAGE);
}

/* Compare what both returned of each page. Returns the first mismatch. */
static const struct page *first_difference(const struct pages *all, const struct pages *some,
					   const struct vmwalk_scan *scan, int count)
{
	__u64 opposite = to_pagemap(scan->return_mask) & PM_WRITTEN;
	size_t ours = 0;
	int theirs = 0;

	for (size_t i = 0; i < all->count; i++) {
		const struct page *page = &all->page[i];
		bool is_ours, is_theirs;

		while (ours < some->count && some->page[ours].addr < page->addr)
			ours++;
		while (theirs < count && regions[theirs].end <= page->addr)
			theirs++;
		is_ours = ours < some->count && some->page[ours].addr == page->addr;
		is_theirs = theirs < count && regions[theirs].start <= page->addr;
		if (!is_comparable(page, scan))
			continue;
		if (is_ours != is_theirs)
			return page;
		if (is_ours && (to_pagemap(some->page[ours].flags) ^ opposite) !=
			       regions[theirs].categories)
			return page;
	}
	return NULL;
}

/* Scan by both and compare. Returns the number of pages that SCAN returned. */
static size_t compare_masks(int pagemap, const struct vmwalk_scan *scan)
{
	const struct page *wrong = NULL;
	struct pages all, some;
	struct page copy;
	size_t found;
	int count;

	for (int try = 0; try < TRIES; try++) {
		all = scan_everything();
		count = pagemap_scan(pagemap, scan);
		some = scan_pages(scan);
		assert_true(count >= 0);
		wrong = first_difference(&all, &some, scan, count);
		if (wrong)
			copy = *wrong;
		found = some.count;
		pages_free(&some);
		pages_free(&all);
		if (!wrong)
			return found;
	}
	vw_fail("0x%llx, flags 0x%x: inverted 0x%llx mask 0x%llx any 0x%llx return 0x%llx",
		copy.addr, copy.flags, scan->category_inverted, scan->category_mask,
		scan->category_anyof_mask, scan->return_mask);
}

static int open_pagemap_scan(pid_t pid)
{
	struct vmwalk_scan nothing = vw_scan_args(0, PAGE);
	int pagemap = open_proc(pid, "pagemap");

	regions = vw_map(-1, PM_REGIONS * sizeof(*regions), 0, RW, ANON);
	if (pagemap_scan(pagemap, &nothing) < 0)
		vw_skip("this kernel has no PAGEMAP_SCAN");
	find_written_everywhere();
	return pagemap;
}

VW_TEST(each_category_selects_the_same_pages_as_pagemap_scan)
{
	struct vmwalk_scan scan = vw_scan_args(0, vw_user_end());
	struct vw_child child;
	size_t found;
	int pagemap;

	soft_dirty = true;
	child = start_stopped(map_all_kinds);
	pagemap = open_pagemap_scan(child.pid);
	for (size_t i = 0; i < COUNT(categories); i++) {
		scan.return_mask = categories[i].ours;
		scan.category_inverted = 0;
		scan.category_mask = categories[i].ours;
		scan.category_anyof_mask = 0;
		found = compare_masks(pagemap, &scan);
		print_message("# %zu pages have flag 0x%x\n", found, categories[i].ours);
		/* The others depend on the kernel. */
		if (categories[i].ours & (VMWALK_FILE | VMWALK_PRESENT | VMWALK_ZERO))
			assert_true(found);
		scan.category_inverted = categories[i].ours;
		compare_masks(pagemap, &scan);
		scan.category_inverted = 0;
		scan.category_anyof_mask = categories[i].ours;
		scan.category_mask = 0;
		vw_expect(compare_masks(pagemap, &scan), found);
	}
	vw_kill(&child);
	close(pagemap);
}

/*
 * The kernel marks write-protected and read-write-protected pages with the same
 * bit of an entry. The mode of the VMA distinguishes them.
 */
VW_TEST(read_write_protected_pages_are_not_reported_as_write_protected)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_RWP };
	struct vw_device dev = vw_device_make();
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	char *at = vw_anon(4 * PAGE);
	struct vmwalk_scan args = vw_scan_args((uintptr_t)at, (uintptr_t)at + 4 * PAGE);
	struct vw_extents extents;
	struct vmwalk_walk before, walk;

	memset(at, 1, 4 * PAGE);
	vw_ok(vw_walk(dev.fd, (uintptr_t)at, &before));
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		vw_skip("this kernel has no read-write protection of userfaultfd");
	assert_return_code(ioctl(uffd, UFFDIO_REGISTER, &(struct uffdio_register){
		.range = { (uintptr_t)at, 4 * PAGE },
		.mode = UFFDIO_REGISTER_MODE_RWP,
	}), errno);
	assert_return_code(ioctl(uffd, UFFDIO_RWPROTECT, &(struct uffdio_rwprotect){
		.range = { (uintptr_t)at, 2 * PAGE },
		.mode = UFFDIO_RWPROTECT_MODE_RWP,
	}), errno);

	vw_ok(vw_walk(dev.fd, (uintptr_t)at, &walk));
	vw_expect(walk.pfn, before.pfn);
	vw_expect(walk.state & (VMWALK_PRESENT | VMWALK_PROTNONE | VMWALK_EXEC | VMWALK_UFFD_WP),
		  VMWALK_PRESENT | VMWALK_PROTNONE);
	args.return_mask = VMWALK_PRESENT | VMWALK_PROTNONE | VMWALK_UFFD_WP;
	vw_ok(vw_scan_all(dev.fd, &args, 8, &extents));
	vw_expect(extents.pages, 4);
	vw_expect(vw_extent_at(&extents, at + PAGE)->flags & args.return_mask,
		  VMWALK_PRESENT | VMWALK_PROTNONE);
	vw_expect(vw_extent_at(&extents, at + 2 * PAGE)->flags & args.return_mask, VMWALK_PRESENT);
	vw_extents_free(&extents);
	close(uffd);
}

VW_TEST(random_masks_select_the_same_pages_as_pagemap_scan)
{
	struct vmwalk_scan scan = vw_scan_args(0, vw_user_end());
	__u64 limit = vw_now() + 8 * SECOND;
	struct vw_child child;
	size_t found = 0;
	int pagemap, round;

	soft_dirty = true;
	child = start_stopped(map_all_kinds);
	pagemap = open_pagemap_scan(child.pid);
	for (round = 0; round < 20 || (round < 400 && vw_now() < limit); round++) {
		scan.category_inverted = random_flags(3);
		scan.category_mask = round % 3 ? random_flags(4) : 0;
		scan.category_anyof_mask = round % 4 ? random_flags(3) : 0;
		scan.return_mask = random_flags(2);
		found += compare_masks(pagemap, &scan);
	}
	print_message("# %d rounds returned %zu pages\n", round, found);
	assert_true(found > 1000);
	vw_kill(&child);
	close(pagemap);
}

VW_TEST(max_pages_stops_where_pagemap_scan_stops)
{
	struct vmwalk_scan scan = vw_scan_args(0, vw_user_end());
	struct vw_child child;
	__u64 theirs, first;
	int pagemap, count;

	soft_dirty = false;
	child = start_stopped(map_all_kinds);
	pagemap = open_pagemap_scan(child.pid);
	/* Select no empty entries, and no pages that PAGEMAP_SCAN skips. */
	scan.category_mask = VMWALK_PRESENT;
	scan.category_inverted = VMWALK_SPECIAL;
	scan.category_mask |= VMWALK_SPECIAL;
	scan.return_mask = VMWALK_PRESENT;
	for (int i = 0; i < 40; i++) {
		static struct vmwalk_extent vec[16384];
		struct vmwalk_scan once = scan;
		__u64 ours = 0, end = 0;
		int rc;

		once.max_pages = i * i * 2 + 1;
		once.vec = (uintptr_t)vec;
		once.vec_len = COUNT(vec);
		rc = vw_ioctl(fd, VMWALK_IOC_SCAN, &once);
		assert_true(rc > 0);
		for (int j = 0; j < rc; j++) {
			ours += vec[j].pages;
			end = vec[j].start + vec[j].pages * PAGE;
		}
		first = vec[0].start;
		count = pagemap_scan(pagemap, &once);
		assert_true(count > 0);
		theirs = 0;
		for (int j = 0; j < count; j++)
			theirs += (regions[j].end - regions[j].start) / PAGE;
		vw_expect(ours, theirs);
		vw_expect(ours, once.max_pages);
		vw_expect(first, regions[0].start);
		vw_expect(end, regions[count - 1].end);
	}
	vw_kill(&child);
	close(pagemap);
}

/* --- /proc/kpageflags ----------------------------------------------------- */

static __u64 kpageflags(int kpf, __u64 pfn)
{
	__u64 flags = 0;

	vw_expect(vw_sys(pread(kpf, &flags, 8, pfn * 8)), 8);
	return flags;
}

/* Compare flags with kpageflags. Returns the mismatch, or NULL. */
static const char *check_frame(__u32 ours, __u64 theirs)
{
	bool anon = !(ours & (VMWALK_FILE | VMWALK_ZERO));

	if (theirs & BIT_ULL(KPF_NOPAGE))
		return "no struct page";
	if (!(theirs & BIT_ULL(KPF_ANON)) == anon)
		return "anonymous in one of both";
	if (!(theirs & BIT_ULL(KPF_HUGE)) != !(ours & VMWALK_HUGETLB))
		return "hugetlb in one of both";
	if (!(theirs & BIT_ULL(KPF_ZERO_PAGE)) != !(ours & VMWALK_ZERO))
		return "zero page in one of both";
	/* A huge page may be mapped by PTEs, but not a small page by a PMD. */
	if (ours & VMWALK_HUGE && !(ours & VMWALK_HUGETLB) && !(theirs & BIT_ULL(KPF_THP)))
		return "huge, but not a THP";
	if (!(ours & VMWALK_ZERO) && !(theirs & BIT_ULL(KPF_MMAP)))
		return "not mapped";
	if (theirs & (BIT_ULL(KPF_BUDDY) | BIT_ULL(KPF_SLAB) | BIT_ULL(KPF_PGTABLE)))
		return "free, slab or page-table page";
	return NULL;
}

/* Compare all frames of a stopped process, and count them by type. */
static void compare_frames(void)
{
	int kpf = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	size_t anon = 0, thp = 0, hugetlb = 0, zero = 0, of_file = 0;
	struct page copy = { 0 };
	const char *wrong = NULL;
	struct pages pages;
	__u64 theirs = 0;

	if (kpf < 0)
		vw_skip("this kernel has no kpageflags");
	for (int try = 0; try < TRIES; try++) {
		wrong = NULL;
		anon = 0;
		thp = 0;
		hugetlb = 0;
		zero = 0;
		of_file = 0;
		pages = scan_everything();
		for (size_t i = 0; i < pages.count && !wrong; i++) {
			copy = pages.page[i];
			if (!(copy.flags & VMWALK_PRESENT) || copy.flags & VMWALK_SPECIAL)
				continue;
			theirs = kpageflags(kpf, copy.pfn);
			wrong = check_frame(copy.flags, theirs);
			anon += !!(theirs & BIT_ULL(KPF_ANON));
			thp += !!(theirs & BIT_ULL(KPF_THP));
			hugetlb += !!(theirs & BIT_ULL(KPF_HUGE));
			zero += !!(theirs & BIT_ULL(KPF_ZERO_PAGE));
			of_file += !!(copy.flags & VMWALK_FILE);
		}
		pages_free(&pages);
		if (!wrong)
			break;
	}
	close(kpf);
	if (wrong)
		vw_fail("%s: 0x%llx, flags 0x%x, PFN 0x%llx with kpageflags 0x%llx", wrong,
			copy.addr, copy.flags, copy.pfn, theirs);
	print_message("# pages: %zu anonymous, %zu file, %zu THP, %zu hugetlb, %zu zero\n",
		      anon, of_file, thp, hugetlb, zero);
	assert_true(anon && of_file);
}

VW_TEST(flags_match_kpageflags)
{
	struct vw_child child;

	soft_dirty = false;
	child = start_stopped(map_all_kinds);
	compare_frames();
	vw_kill(&child);
}

VW_TEST(flags_of_bash_match_kpageflags)
{
	struct vw_child child;

	child = start_stopped(exec_bash);
	compare_frames();
	vw_kill(&child);
}

#define SAME_PAGES	32UL

/* Count the pages that have the first page's PFN. */
static size_t merged_pages(const char *at)
{
	__u64 entries[SAME_PAGES];
	size_t count = 0;

	vw_expect(vw_pagemap(0, (uintptr_t)at, SAME_PAGES, entries), SAME_PAGES);
	for (size_t i = 0; i < SAME_PAGES; i++)
		count += entries[i] & PM_PRESENT && PM_PFN(entries[i]) == PM_PFN(entries[0]);
	return count;
}

VW_TEST(ksm_pages_have_the_same_pfn)
{
	int kpf = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	char run[16], pages_to_scan[16];
	struct vmwalk_scan scan;
	struct pages pages;
	bool merged;
	char *at;

	if (vw_file_read(KSM "run", run, sizeof(run)) < 0 ||
	    vw_file_read(KSM "pages_to_scan", pages_to_scan, sizeof(pages_to_scan)) < 0 || kpf < 0)
		vw_skip("this kernel has no KSM");
	fd = vw_open_rw(vw_make("t", "size", vw_pages_text(1), NULL));
	at = vw_anon(SAME_PAGES * PAGE);
	madvise(at, SAME_PAGES * PAGE, MADV_NOHUGEPAGE);
	memset(at, 'k', SAME_PAGES * PAGE);
	madvise(at, SAME_PAGES * PAGE, MADV_MERGEABLE);
	vw_file_write(KSM "pages_to_scan", "1000");
	vw_file_write(KSM "run", "1");
	merged = vw_eventually(merged_pages(at) == SAME_PAGES);
	vw_file_write(KSM "run", run);
	vw_file_write(KSM "pages_to_scan", pages_to_scan);
	if (!merged)
		vw_skip("KSM has not merged the pages");
	scan = vw_scan_args((uintptr_t)at, (uintptr_t)at + SAME_PAGES * PAGE);
	pages = scan_pages(&scan);
	vw_expect(pages.count, SAME_PAGES);
	for (size_t i = 0; i < SAME_PAGES; i++) {
		vw_expect(pages.page[i].pfn, pages.page[0].pfn);
		vw_expect(pages.page[i].flags & (VMWALK_PRESENT | VMWALK_FILE | VMWALK_WRITE),
			  VMWALK_PRESENT);
	}
	assert_true(kpageflags(kpf, pages.page[0].pfn) & BIT_ULL(KPF_KSM));
	pages_free(&pages);
	munmap(at, SAME_PAGES * PAGE);
	close(kpf);
}

/* --- smaps ---------------------------------------------------------------- */

enum {
	RSS, ANONYMOUS, ANON_HUGE, SHMEM_HUGE, FILE_HUGE, SWAP, PRIVATE_HUGETLB, SHARED_HUGETLB,
	SUMS,
};

static const char * const sum_names[SUMS] = {
	"Rss", "Anonymous", "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped", "Swap",
	"Private_Hugetlb", "Shared_Hugetlb",
};

struct sums {
	__u64 pages[SUMS];
};

/* smaps counts no zero pages and PFN mappings; hugetlb has its own sums. */
static struct sums sums_of(const struct pages *pages)
{
	const __u32 other = VMWALK_ZERO | VMWALK_SPECIAL | VMWALK_HUGETLB;

	return (struct sums){ {
		[RSS] = count_pages(pages, VMWALK_PRESENT, other),
		[ANONYMOUS] = count_pages(pages, VMWALK_PRESENT, other | VMWALK_FILE),
		[ANON_HUGE] = count_pages(pages, VMWALK_HUGE, other | VMWALK_FILE),
		/* Sum of ShmemPmdMapped and FilePmdMapped. */
		[SHMEM_HUGE] = count_pages(pages, VMWALK_HUGE | VMWALK_FILE, other),
		[SWAP] = count_pages(pages, VMWALK_SWAP, 0),
		/* Sum of Private_Hugetlb and Shared_Hugetlb. */
		[PRIVATE_HUGETLB] = count_pages(pages, VMWALK_PRESENT | VMWALK_HUGETLB, 0),
	} };
}

static void read_sum(const char *line, struct sums *sums)
{
	for (size_t i = 0; i < SUMS; i++) {
		size_t to = i == FILE_HUGE ? SHMEM_HUGE : i == SHARED_HUGETLB ? PRIVATE_HUGETLB : i;
		size_t len = strlen(sum_names[i]);

		if (!strncmp(line, sum_names[i], len) && line[len] == ':')
			sums->pages[to] += strtoull(line + len + 1, NULL, 10) * KIB / PAGE;
	}
}

static bool is_equal(const struct sums *ours, const struct sums *theirs, const char *what,
		     bool print)
{
	for (size_t i = 0; i < SUMS; i++) {
		if (ours->pages[i] == theirs->pages[i])
			continue;
		if (print)
			print_message("# %s: %llu pages of %s, smaps has %llu\n", what,
				      ours->pages[i], sum_names[i], theirs->pages[i]);
		return false;
	}
	return true;
}

/*
 * Compare each mapping, and the whole process with smaps_rollup. For shmem
 * files (all programs of the guest are), smaps also counts swapped pages
 * without an entry.
 */
static bool compare_sums(pid_t pid, bool print, struct sums *whole)
{
	unsigned long start = 0, end = 0, inode = 0, a, b, c;
	struct sums ours, theirs = { 0 }, rollup = { 0 };
	char line[1024], what[64];
	__u64 without_entry = 0;
	bool equal = true;
	struct pages pages;
	FILE *smaps;

	smaps = fdopen(open_proc(pid, "smaps"), "r");
	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx %*s %*s %*s %lu", &a, &b, &c) == 3) {
			start = a;
			end = b;
			inode = c;
			theirs = (struct sums){ 0 };
		} else if (strncmp(line, "VmFlags:", 8)) {
			read_sum(line, &theirs);
		} else if (start < vw_user_end()) {
			struct vmwalk_scan scan = vw_scan_args(start, end);

			pages = scan_pages(&scan);
			ours = sums_of(&pages);
			pages_free(&pages);
			if (inode && theirs.pages[SWAP] > ours.pages[SWAP]) {
				without_entry += theirs.pages[SWAP] - ours.pages[SWAP];
				theirs.pages[SWAP] = ours.pages[SWAP];
			}
			snprintf(what, sizeof(what), "0x%lx-0x%lx", start, end);
			equal = is_equal(&ours, &theirs, what, print) && equal;
		}
	}
	fclose(smaps);

	smaps = fdopen(open_proc(pid, "smaps_rollup"), "r");
	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps))
		read_sum(line, &rollup);
	fclose(smaps);
	rollup.pages[SWAP] -= without_entry;
	pages = scan_everything();
	*whole = sums_of(&pages);
	pages_free(&pages);
	return is_equal(whole, &rollup, "smaps_rollup", print) && equal;
}

static void expect_sums(pid_t pid)
{
	struct sums whole;
	bool equal = false;

	for (int try = 0; try < TRIES && !equal; try++)
		equal = compare_sums(pid, try == TRIES - 1, &whole);
	for (size_t i = 0; i < SUMS; i++) {
		if (whole.pages[i])
			print_message("# %llu pages of %s\n", whole.pages[i], sum_names[i]);
	}
	assert_true(equal);
	assert_true(whole.pages[RSS] > 100);
}

VW_TEST(sums_of_each_mapping_match_smaps)
{
	struct vw_child child;

	soft_dirty = false;
	child = start_stopped(map_all_kinds);
	expect_sums(child.pid);
	vw_kill(&child);
}

VW_TEST(sums_of_bash_match_smaps)
{
	struct vw_child child;

	child = start_stopped(exec_bash);
	expect_sums(child.pid);
	vw_kill(&child);
}

/* --- Side effects --------------------------------------------------------- */

static char *read_proc(pid_t pid, const char *name)
{
	int proc = open_proc(pid, name);
	size_t len = 0, capacity = MIB;
	char *text = malloc(capacity);
	ssize_t n;

	while (text && (n = read(proc, text + len, capacity - len - 1)) > 0)
		len += n;
	close(proc);
	if (!text || len == capacity - 1)
		abort();
	text[len] = '\0';
	return text;
}

/* Make all walking calls, for each page and for many empty addresses. */
static void walk_everything(void)
{
	struct vmwalk_scan scan = vw_scan_args(0, vw_user_end());
	struct pages pages = scan_everything();
	struct vmwalk_translation *vec = calloc(2 * pages.count, sizeof(*vec));
	struct vmwalk_walk walk;

	if (!vec)
		abort();
	scan.flags = VMWALK_SCAN_TO_BUFFER;
	scan.vec_len = MIB / sizeof(struct vmwalk_extent);
	assert_true(vw_ioctl(fd, VMWALK_IOC_SCAN, &scan) > 0);
	for (size_t i = 0; i < pages.count; i++) {
		vec[2 * i].addr = pages.page[i].addr + i % PAGE;
		vec[2 * i + 1].addr = pages.page[i].addr + i % 11 * PAGE;
	}
	vw_ok(vw_translate(fd, vec, 2 * pages.count));
	for (size_t i = 0; i < 2 * pages.count; i += 3) {
		vw_ok(vw_walk(fd, vec[i].addr, &walk));
		ioctl(fd, VMWALK_IOC_GET_PFN, vec[i].addr / PAGE);
	}
	free(vec);
	pages_free(&pages);
}

VW_TEST(walks_do_not_change_smaps_or_mincore)
{
	unsigned char before_core[FILE_PAGES], after_core[FILE_PAGES];
	struct pages before, after;
	char *before_smaps, *after_smaps, *at;
	struct vw_child child;
	bool same = false;

	soft_dirty = true;
	child = start_stopped(map_all_kinds);
	at = vw_map(file, FILE_PAGES * PAGE, 0, RW, MAP_SHARED);
	for (int try = 0; try < TRIES && !same; try++) {
		before_smaps = read_proc(child.pid, "smaps");
		before = scan_everything();
		vw_ok(vw_sys(mincore(at, FILE_PAGES * PAGE, before_core)));
		walk_everything();
		vw_ok(vw_sys(mincore(at, FILE_PAGES * PAGE, after_core)));
		after = scan_everything();
		after_smaps = read_proc(child.pid, "smaps");
		same = !strcmp(before_smaps, after_smaps) && is_same(&before, &after) &&
		       !memcmp(before_core, after_core, sizeof(after_core));
		free(before_smaps);
		free(after_smaps);
		pages_free(&before);
		pages_free(&after);
	}
	assert_true(same);
	for (size_t i = 0; i < FILE_PAGES; i++)
		vw_expect(after_core[i] & 1, i % 2 == 0);
	vw_kill(&child);
}
