// SPDX-License-Identifier: GPL-2.0
/*
 * VMA: the mappings of a process, compared with /proc/PID/maps, and the flag
 * for mappings of the device itself.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <linux/magic.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "harness.h"

#define ACCESS	(VMWALK_VMA_READ | VMWALK_VMA_WRITE | VMWALK_VMA_EXEC)

/* From the kernel's mm.h. */
#define VM_READ		0x1UL
#define VM_WRITE	0x2UL
#define VM_EXEC		0x4UL

static struct vw_device dev;

/* Get the mapping that covers an address of this process. */
static struct vmwalk_vma vma_at(const void *addr)
{
	struct vmwalk_vma vma;

	vw_ok(vw_vma(dev.fd, (uintptr_t)addr, &vma));
	if (vma.start > (uintptr_t)addr || vma.end <= (uintptr_t)addr)
		vw_fail("address %p: got the mapping 0x%llx-0x%llx", addr, vma.start,
			vma.end);
	return vma;
}

#define expect_attrs(addr, wanted)	vw_expect(vma_at(addr).attrs, wanted)

/* --- Whole processes ------------------------------------------------------ */

struct line {
	__u64 start, end, offset, inode;
	unsigned int major, minor;
	char perms[8];
};

/* Read the mappings of a process, without the gate VMA. */
static size_t read_maps(pid_t pid, struct line *lines, size_t capacity)
{
	char path[64], text[1024];
	size_t count = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	assert_non_null(maps);
	while (fgets(text, sizeof(text), maps)) {
		struct line *line = &lines[count];

		assert_true(count < capacity);
		if (sscanf(text, "%llx-%llx %7s %llx %x:%x %llu", &line->start, &line->end,
			   line->perms, &line->offset, &line->major, &line->minor,
			   &line->inode) != 7)
			vw_fail("%s: malformed line: %s", path, text);
		if (line->start < vw_user_end())
			count++;
	}
	fclose(maps);
	return count;
}

static void expect_line(const struct vmwalk_vma *vma, const struct line *line)
{
	__u32 attrs = (line->perms[0] == 'r' ? VMWALK_VMA_READ : 0) |
		       (line->perms[1] == 'w' ? VMWALK_VMA_WRITE : 0) |
		       (line->perms[2] == 'x' ? VMWALK_VMA_EXEC : 0) |
		       (line->perms[3] == 's' ? VMWALK_VMA_SHARED : 0);
	bool file = line->inode || line->major || line->minor;

	if (vma->start != line->start || vma->end != line->end)
		vw_fail("maps has 0x%llx-0x%llx, VMA 0x%llx-0x%llx", line->start, line->end,
			vma->start, vma->end);
	if ((vma->attrs & (ACCESS | VMWALK_VMA_SHARED)) != attrs)
		vw_fail("0x%llx: attrs 0x%x for %s", line->start, vma->attrs, line->perms);
	if (vma->inode != line->inode || vma->dev_major != line->major ||
	    vma->dev_minor != line->minor)
		vw_fail("0x%llx: maps has %x:%x %llu, VMA %x:%x %llu", line->start, line->major,
			line->minor, line->inode, vma->dev_major, vma->dev_minor, vma->inode);
	assert_int_equal(!(vma->attrs & VMWALK_VMA_FILE), !file);
	if (file)
		assert_int_equal(vma->pgoff * PAGE, line->offset);
	assert_int_equal(!(vma->vm_flags & VM_READ), !(vma->attrs & VMWALK_VMA_READ));
	assert_int_equal(!(vma->vm_flags & VM_WRITE), !(vma->attrs & VMWALK_VMA_WRITE));
	assert_int_equal(!(vma->vm_flags & VM_EXEC), !(vma->attrs & VMWALK_VMA_EXEC));
	assert_int_equal(vma->attrs & ~0x7ffU, 0);
	assert_int_equal(vma->size, sizeof(*vma));
	assert_int_equal(vma->flags, 0);
}

/* Iterate over the mappings, compare them, and return their number. */
static size_t compare(pid_t pid)
{
	static struct line lines[8192];
	size_t count = read_maps(pid, lines, COUNT(lines));
	struct vmwalk_vma vma;
	__u64 addr = 0;

	for (size_t i = 0; i < count; i++) {
		vw_ok(vw_vma(dev.fd, addr, &vma));
		assert_int_equal(vma.addr, addr);
		expect_line(&vma, &lines[i]);
		addr = vma.end;
	}
	vw_expect(vw_vma(dev.fd, addr, &vma), -ENOENT);
	print_message("# %zu mappings, all match\n", count);
	return count;
}

static void compare_stopped(int (*body)(void *), size_t least)
{
	struct vw_child child;

	dev = vw_device_make();
	child = vw_fork(body, NULL);
	vw_wait_stopped(&child);
	vw_set_target(child.pid);
	assert_true(compare(child.pid) >= least);
	vw_kill(&child);
}

static int exec_bash(void *arg)
{
	(void)arg;
	execl("/bin/bash", "bash", "-c", "x=$(echo y); kill -STOP $$; echo \"$x\"", NULL);
	return 1;
}

VW_TEST(mappings_of_bash_match_proc_maps)
{
	compare_stopped(exec_bash, 10);
}

static int map_all_kinds(void *arg)
{
	static const int prots[] = {
		PROT_NONE, PROT_READ, PROT_WRITE, RW, PROT_EXEC, PROT_READ | PROT_EXEC,
		RW | PROT_EXEC,
	};
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC), huge, program;
	int id = shmget(IPC_PRIVATE, 3 * PAGE, 0600);
	char *at;

	(void)arg;
	vw_check(file >= 0 && !ftruncate(file, 64 * PAGE));
	for (size_t i = 0; i < COUNT(prots); i++) {
		for (int j = 0; j < 4; j++) {
			at = mmap(NULL, (j + 2) * PAGE, prots[i],
				  (j & 1 ? MAP_SHARED : MAP_PRIVATE) | (j & 2 ? 0 : MAP_ANONYMOUS),
				  j & 2 ? file : -1, j & 2 ? (i + 3) * PAGE : 0);
			vw_check(at != MAP_FAILED);
			if (i % 2)
				mprotect(at + PAGE, PAGE, PROT_READ);
		}
	}
	/* A shared mapping of a read-only file. */
	program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	vw_check(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, program, PAGE) != MAP_FAILED);
	if (id >= 0) {
		shmat(id, NULL, 0);
		shmctl(id, IPC_RMID, NULL);
	}
	huge = memfd_create("vmwalk_huge", MFD_CLOEXEC | MFD_HUGETLB | PMD_SHIFT << MAP_HUGE_SHIFT);
	if (huge >= 0 && !ftruncate(huge, 2 * PMD_SIZE))
		mmap(NULL, PMD_SIZE, RW, MAP_SHARED, huge, PMD_SIZE);
	mmap(NULL, PMD_SIZE, RW, ANON | HUGE_PMD, -1, 0);
	/* A stack that grows down, and the last page of user space, if free. */
	mmap(NULL, 8 * PAGE, RW, ANON | MAP_GROWSDOWN | MAP_STACK, -1, 0);
	at = vw_pointer(vw_user_end() - PAGE);
	mmap(at, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	raise(SIGSTOP);
	return 0;
}

VW_TEST(mappings_of_all_kinds_match_proc_maps)
{
	compare_stopped(map_all_kinds, 40);
}

static int map_thousands(void *arg)
{
	char *at = mmap(NULL, 8000 * PAGE, PROT_READ, ANON | MAP_NORESERVE, -1, 0);

	(void)arg;
	vw_check(at != MAP_FAILED);
	for (size_t i = 0; i < 8000; i += 2)
		vw_check(!mprotect(at + i * PAGE, PAGE, i % 6 ? PROT_NONE : RW));
	raise(SIGSTOP);
	return 0;
}

VW_TEST(thousands_of_mappings_match_proc_maps)
{
	compare_stopped(map_thousands, 8000);
}

/* --- One mapping ---------------------------------------------------------- */

VW_TEST(a_hole_returns_the_next_mapping)
{
	char *at = vw_pointer(0x300000000000UL);
	struct vmwalk_vma vma;

	dev = vw_device_make();
	assert_ptr_equal(mmap(at, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), at);
	assert_ptr_equal(mmap(at + 10 * PAGE, 2 * PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE,
			      -1, 0), at + 10 * PAGE);
	for (size_t off = 0; off < 12 * PAGE; off += PAGE / 2 - 1) {
		vw_ok(vw_vma(dev.fd, (uintptr_t)at + off, &vma));
		assert_int_equal(vma.addr, (uintptr_t)at + off);
		assert_int_equal(vma.start, (uintptr_t)at + (off < PAGE ? 0 : 10 * PAGE));
		assert_int_equal(vma.end, (uintptr_t)at + (off < PAGE ? PAGE : 12 * PAGE));
		assert_int_equal(vma.attrs, off < PAGE ? VMWALK_VMA_READ | VMWALK_VMA_WRITE :
							  VMWALK_VMA_READ);
	}
	/* Below both mappings, and at their boundaries. */
	vw_ok(vw_vma(dev.fd, (uintptr_t)at - 1, &vma));
	assert_int_equal(vma.start, (uintptr_t)at);
	vw_ok(vw_vma(dev.fd, (uintptr_t)at + PAGE - 1, &vma));
	assert_int_equal(vma.start, (uintptr_t)at);
	vw_ok(vw_vma(dev.fd, (uintptr_t)at + PAGE, &vma));
	assert_int_equal(vma.start, (uintptr_t)at + 10 * PAGE);
	vw_ok(vw_vma(dev.fd, (uintptr_t)at + 12 * PAGE - 1, &vma));
	assert_int_equal(vma.start, (uintptr_t)at + 10 * PAGE);
	vw_ok(vw_vma(dev.fd, (uintptr_t)at + 12 * PAGE, &vma));
	assert_true(vma.start >= (uintptr_t)at + 12 * PAGE);
	munmap(at, 12 * PAGE);
	vw_ok(vw_vma(dev.fd, (uintptr_t)at, &vma));
	assert_true(vma.start >= (uintptr_t)at + 12 * PAGE);
}

VW_TEST(a_shared_mapping_of_a_read_only_file_is_shared)
{
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC), reader;
	const __u32 shmem = VMWALK_VMA_FILE | VMWALK_VMA_SHMEM;
	char path[64];

	dev = vw_device_make();
	assert_true(file >= 0 && !ftruncate(file, PAGE));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(reader >= 0);
	expect_attrs(vw_map(reader, PAGE, 0, PROT_READ, MAP_SHARED),
		     VMWALK_VMA_READ | VMWALK_VMA_SHARED | shmem);
	expect_attrs(vw_map(reader, PAGE, 0, PROT_READ, MAP_PRIVATE), VMWALK_VMA_READ | shmem);
	expect_attrs(vw_map(file, PAGE, 0, RW, MAP_SHARED),
		     VMWALK_VMA_READ | VMWALK_VMA_WRITE | VMWALK_VMA_SHARED | shmem);
	expect_attrs(vw_anon(PAGE), VMWALK_VMA_READ | VMWALK_VMA_WRITE);
	expect_attrs(vw_map(-1, PAGE, 0, PROT_NONE, ANON), 0);
	close(file);
	close(reader);
}

VW_TEST(device_and_inode_match_stat)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct vmwalk_vma vma;
	struct stat stat;

	dev = vw_device_make();
	assert_int_equal(fstat(file, &stat), 0);
	for (size_t page = 0; page < 4; page++) {
		vma = vma_at(vw_map(file, PAGE, page * PAGE, PROT_READ, MAP_PRIVATE));
		assert_int_equal(vma.pgoff, page);
		assert_int_equal(vma.inode, stat.st_ino);
		assert_int_equal(vma.dev_major, major(stat.st_dev));
		assert_int_equal(vma.dev_minor, minor(stat.st_dev));
	}
	vma = vma_at(vw_anon(PAGE));
	assert_true(!vma.inode && !vma.dev_major && !vma.dev_minor);
	close(file);
}

VW_TEST(hugetlb_mappings_have_their_page_size)
{
	const struct {
		int flags;
		size_t size;
		__u32 shift;
	} kinds[] = { { HUGE_PMD, PMD_SIZE, PMD_SHIFT }, { HUGE_PUD, PUD_SIZE, PUD_SHIFT } };
	struct vmwalk_vma vma;
	unsigned int seen = 0;
	char *at;

	dev = vw_device_make();
	for (size_t i = 0; i < 2 * COUNT(kinds); i++) {
		bool shared = i & 1;

		at = mmap(NULL, kinds[i / 2].size, RW,
			  MAP_ANONYMOUS | kinds[i / 2].flags | (shared ? MAP_SHARED : MAP_PRIVATE),
			  -1, 0);
		if (at == MAP_FAILED)
			continue;
		seen++;
		vma = vma_at(at + kinds[i / 2].size - 1);
		assert_int_equal(vma.start, (uintptr_t)at);
		assert_int_equal(vma.end - vma.start, kinds[i / 2].size);
		assert_int_equal(vma.page_shift, kinds[i / 2].shift);
		assert_true(vma.attrs & VMWALK_VMA_HUGETLB);
		assert_int_equal(!(vma.attrs & VMWALK_VMA_SHARED), !shared);
		munmap(at, kinds[i / 2].size);
	}
	/* THPs do not set HUGETLB: the mapping may have small pages, too. */
	at = vw_anon_aligned(PMD_SIZE, PMD_SIZE);
	madvise(at, PMD_SIZE, MADV_HUGEPAGE);
	vw_poke(at, 1);
	vma = vma_at(at);
	assert_int_equal(vma.page_shift, PAGE_SHIFT);
	assert_false(vma.attrs & VMWALK_VMA_HUGETLB);
	if (!seen)
		vw_skip("no free hugetlb page");
}

VW_TEST_ALL(page_prot_matches_the_pte)
{
	struct vmwalk_walk walk;
	struct vmwalk_vma vma;
	__u64 entry;
	char *map;

	dev = vw_device_make_combo(combo, 64 * KIB, "zero");
	map = vw_map(dev.fd, 64 * KIB, 0, RW, MAP_SHARED);
	vw_poke(map, 1);
	vw_ok(vw_walk(dev.fd, (uintptr_t)map, &walk));
	assert_int_equal(walk.stop_level, VMWALK_PTE);
	vma = vma_at(map);
	entry = walk.level[VMWALK_PTE].entry;
	if ((entry ^ vma.page_prot) & VW_PROT_BITS)
		vw_fail("PTE 0x%llx does not have the protection 0x%llx", entry, vma.page_prot);
	assert_false(vw_entry_is_exec(vma.page_prot));
	assert_true(vw_entry_is_exec(vma_at((void *)page_prot_matches_the_pte).page_prot));
}

/* --- Mappings of the device ----------------------------------------------- */

VW_TEST(attrs_contain_the_advice_on_huge_pages_and_distinguish_shmem_from_files)
{
	const __u32 rw = VMWALK_VMA_READ | VMWALK_VMA_WRITE;
	char *anon = vw_anon(3 * PAGE);
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct statfs fs;

	dev = vw_device_make();
	if (madvise(anon, PAGE, MADV_HUGEPAGE))
		vw_skip("no transparent huge pages");
	assert_int_equal(madvise(anon + 2 * PAGE, PAGE, MADV_NOHUGEPAGE), 0);
	expect_attrs(anon, rw | VMWALK_VMA_HUGEPAGE);
	expect_attrs(anon + PAGE, rw);
	expect_attrs(anon + 2 * PAGE, rw | VMWALK_VMA_NOHUGEPAGE);

	expect_attrs(vw_map(-1, PAGE, 0, RW, MAP_SHARED | MAP_ANONYMOUS),
		     rw | VMWALK_VMA_SHARED | VMWALK_VMA_FILE | VMWALK_VMA_SHMEM);
	assert_true(file >= 0 && !fstatfs(file, &fs));
	assert_int_equal(vma_at(vw_map(file, PAGE, 0, PROT_READ, MAP_PRIVATE)).attrs,
			 VMWALK_VMA_READ | VMWALK_VMA_FILE |
			 (fs.f_type == TMPFS_MAGIC ? VMWALK_VMA_SHMEM : 0));
	close(file);
}

VW_TEST(the_device_flag_is_set_for_this_device_only)
{
	const __u32 common = VMWALK_VMA_READ | VMWALK_VMA_WRITE | VMWALK_VMA_SHARED |
			     VMWALK_VMA_FILE | VMWALK_VMA_SPECIAL;
	struct vmwalk_vma vma;
	char path[64], *own, *others;
	int other, number;

	dev = vw_device_make();
	number = vw_make("other", "size", vw_pages_text(16), NULL);
	other = vw_open_rw(number);
	own = vw_map(dev.fd, 64 * KIB, 0, RW, MAP_SHARED);
	others = vw_map(other, 64 * KIB, 0, RW, MAP_SHARED);
	expect_attrs(own, common | VMWALK_VMA_DEVICE);
	expect_attrs(others, common);
	vw_ok(vw_vma(other, (uintptr_t)own, &vma));
	assert_int_equal(vma.attrs, common);
	vw_ok(vw_vma(other, (uintptr_t)others, &vma));
	assert_int_equal(vma.attrs, common | VMWALK_VMA_DEVICE);

	/* Set for a part, for private, and through another file. */
	expect_attrs(vw_map(dev.fd, PAGE, 3 * PAGE, PROT_READ, MAP_PRIVATE),
		     VMWALK_VMA_READ | VMWALK_VMA_FILE | VMWALK_VMA_SPECIAL | VMWALK_VMA_DEVICE);
	vma = vma_at(vw_map(vw_open_rw(dev.n), 2 * PAGE, 5 * PAGE, RW, MAP_SHARED));
	assert_int_equal(vma.attrs, common | VMWALK_VMA_DEVICE);
	assert_int_equal(vma.pgoff, 5);
	assert_int_equal(vma.page_shift, PAGE_SHIFT);

	/* Set through another device node. */
	snprintf(path, sizeof(path), "/sys/class/vmwalk/vmwalk%d/dev", dev.n);
	if (vw_file_read(path, path, sizeof(path)) > 0) {
		unsigned int maj, min;
		int node;

		if (sscanf(path, "%u:%u", &maj, &min) != 2)
			vw_fail("malformed device number: %s", path);
		unlink("/dev/vmwalk_test");
		assert_int_equal(mknod("/dev/vmwalk_test", S_IFCHR | 0600, makedev(maj, min)), 0);
		node = open("/dev/vmwalk_test", O_RDWR | O_CLOEXEC);
		unlink("/dev/vmwalk_test");
		assert_true(node >= 0);
		own = vw_map(node, PAGE, 0, RW, MAP_SHARED);
		expect_attrs(own, common | VMWALK_VMA_DEVICE);
		vw_ok(vw_vma(other, (uintptr_t)own, &vma));
		assert_int_equal(vma.attrs, common);
		munmap(own, PAGE);
		close(node);
	}
}

VW_TEST(a_new_device_with_the_same_number_is_another_device)
{
	int first, again;
	char *old, *new;

	first = vw_make("first", "size", vw_pages_text(16), NULL);
	dev.fd = vw_open_rw(first);
	old = vw_map(dev.fd, 64 * KIB, 0, RW, MAP_SHARED);
	assert_true(vma_at(old).attrs & VMWALK_VMA_DEVICE);
	vw_ok(vw_rmdir("first"));
	again = vw_make("t", "size", vw_pages_text(16), NULL);
	if (again != first)
		vw_skip("the new instance has a different number");
	dev.fd = vw_open_rw(again);
	new = vw_map(dev.fd, 64 * KIB, 0, RW, MAP_SHARED);
	assert_false(vma_at(old).attrs & VMWALK_VMA_DEVICE);
	assert_true(vma_at(old).attrs & VMWALK_VMA_FILE);
	assert_true(vma_at(new).attrs & VMWALK_VMA_DEVICE);
}

/* --- Other processes ------------------------------------------------------ */

static char *common;

static int map_common(void *arg)
{
	vw_check(mmap(common, PAGE, arg ? PROT_READ : RW, ANON | MAP_FIXED, -1, 0) == common);
	vw_check(vw_sync(0) == 1);
	vw_check(!munmap(common, 4 * PAGE));
	vw_sync(0);
	return 0;
}

VW_TEST(each_target_has_its_own_mappings)
{
	struct vw_child child[2];
	struct vmwalk_vma vma;

	dev = vw_device_make();
	common = vw_map(-1, 4 * PAGE, 0, PROT_NONE, ANON);
	for (size_t i = 0; i < 2; i++) {
		child[i] = vw_fork(map_common, vw_pointer(i));
		vw_hear(&child[i]);
	}
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 2; i++) {
			vw_set_target(child[i].pid);
			vma = vma_at(common);
			assert_int_equal(vma.start, (uintptr_t)common);
			assert_int_equal(vma.end, (uintptr_t)common + PAGE);
			assert_int_equal(vma.attrs, VMWALK_VMA_READ | (i ? 0 : VMWALK_VMA_WRITE));
		}
		vw_set_target(0);
		assert_int_equal(vma_at(common).attrs, 0);
		assert_int_equal(vma_at(common).end - vma_at(common).start, 4 * PAGE);
	}
	vw_set_target(child[0].pid);
	vw_tell(&child[0], 1);
	vw_hear(&child[0]);
	vw_ok(vw_vma(dev.fd, (uintptr_t)common, &vma));
	assert_true(vma.start >= (uintptr_t)common + 4 * PAGE);
	vw_tell(&child[0], 0);
	vw_join_ok(&child[0]);
	vw_expect(vw_vma(dev.fd, (uintptr_t)common, &vma), -ESRCH);
}

static int map_and_unmap(void *arg)
{
	char *at = arg;

	for (;;) {
		vw_check(mmap(at, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == at);
		mprotect(at + PAGE, PAGE, PROT_READ);
		vw_check(!munmap(at, 4 * PAGE));
	}
}

/* A call returns one mapping's state at one instant. */
VW_TEST(a_changing_mapping_is_reported_consistently)
{
	char *at = vw_pointer(0x200000000000UL);
	__u64 end, seen[4] = { 0 };
	struct vmwalk_vma vma;
	struct vw_child child;

	dev = vw_device_make();
	child = vw_fork(map_and_unmap, at);
	vw_set_target(child.pid);
	for (end = vw_now() + 3 * SECOND; vw_now() < end;) {
		__u64 start = (uintptr_t)at + PAGE;

		vw_ok(vw_vma(dev.fd, start, &vma));
		if (vma.start == start - PAGE && vma.end == start + 3 * PAGE) {
			assert_int_equal(vma.attrs, VMWALK_VMA_READ | VMWALK_VMA_WRITE);
			seen[0]++;
		} else if (vma.start == start && vma.end == start + PAGE) {
			assert_int_equal(vma.attrs, VMWALK_VMA_READ);
			seen[1]++;
		} else if (vma.start >= start + 3 * PAGE) {
			seen[2]++;
		} else {
			/* While mprotect() or munmap() splits. */
			seen[3]++;
			assert_true(vma.start >= start - PAGE && vma.end <= start + 3 * PAGE);
			assert_true(vma.start < vma.end);
		}
	}
	print_message("# whole %llu, split %llu, unmapped %llu, other %llu times\n", seen[0],
		      seen[1], seen[2], seen[3]);
}
