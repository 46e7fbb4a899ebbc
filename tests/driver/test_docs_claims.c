// SPDX-License-Identifier: GPL-2.0
/*
 * The claims about Linux in docs/labs/claims.md that no lab shows, one test a
 * claim. Where a claim is about page tables or VMAs, the driver reads them.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "harness.h"

/* Raw flags of a VMA, which have been the same for long. */
#define VM_SHARED	0x00000008UL
#define VM_MAYWRITE	0x00000020UL
#define VM_MAYSHARE	0x00000080UL
#define VM_ACCOUNT	0x00100000UL
#define VM_NORESERVE	0x00200000UL

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT	26
#endif
#define HUGE_2MB	(21 << MAP_HUGE_SHIFT)

static struct vw_device dev;

/* mmap() as an address, or a negative errno. */
static long long try_map(size_t len, int prot, int flags, int file, off_t offset)
{
	void *map = mmap(NULL, len, prot, flags, file, offset);

	return map == MAP_FAILED ? -errno : (long long)(uintptr_t)map;
}

static struct vmwalk_vma vma_at(const void *addr)
{
	struct vmwalk_vma vma;

	vw_ok(vw_vma(dev.fd, (uintptr_t)addr, &vma));
	assert_true(vma.start <= (uintptr_t)addr);
	return vma;
}

static int make_memfd(size_t size, unsigned int flags)
{
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC | flags);

	assert_true(file >= 0);
	vw_ok(vw_sys(ftruncate(file, size)));
	return file;
}

/* The same file again, opened in another way. */
static int reopen(int file, int flags)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	again = open(path, flags | O_CLOEXEC);
	assert_true(again >= 0);
	return again;
}

/* --- kmalloc -------------------------------------------------------------------------------- */

static struct vmwalk_locate place_of(const char *size)
{
	struct vmwalk_locate location = { .size = sizeof(location) };
	int buffer;

	buffer = vw_open_rw(vw_make("k", "buffer_type", "kmalloc", "size", size, NULL));
	vw_ok(vw_ioctl(buffer, VMWALK_IOC_LOCATE, &location));
	close(buffer);
	return location;
}

VW_TEST(kmalloc_aligns_a_power_of_two_to_itself)
{
	static const char * const sizes[] = { "4K", "8K", "16K", "256K", "4M" };

	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct vmwalk_locate location = place_of(sizes[i]);

		assert_int_equal(location.kaddr % location.contig_len, 0);
		assert_int_equal(location.phys % location.contig_len, 0);
		vw_ok(vw_rmdir("k"));
	}
}

VW_TEST(kmalloc_takes_more_than_was_asked_for)
{
	const __u64 head = BIT_ULL(15), tail = BIT_ULL(16);	/* of /proc/kpageflags */
	struct vmwalk_locate location;
	__u64 flags[9];
	int file;

	location = place_of("20K");
	assert_int_equal(location.contig_len, 5 * PAGE);
	file = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		vw_skip("this kernel has no /proc/kpageflags");
	vw_expect(vw_sys(pread(file, flags, sizeof(flags),
			       location.phys / PAGE * sizeof(flags[0]))),
		  sizeof(flags));
	close(file);
	/* Eight pages are one block, though five have the buffer. */
	assert_true(flags[0] & head);
	for (size_t i = 1; i < 8; i++)
		assert_true(flags[i] & tail);
	assert_false(flags[8] & tail);
}

/* --- What mmap() refuses -------------------------------------------------------------------- */

VW_TEST(lengths_that_overflow_are_refused)
{
	int file = make_memfd(PAGE, 0);

	vw_expect(try_map(SIZE_MAX - 8, RW, ANON, -1, 0), -ENOMEM);
	vw_expect(try_map(vw_user_end(), RW, ANON, -1, 0), -ENOMEM);
	vw_expect(try_map(2 * PAGE, RW, MAP_SHARED, file, INT64_MAX & ~(PAGE - 1)), -EOVERFLOW);
	close(file);
}

VW_TEST(more_mappings_than_max_map_count_are_refused)
{
	static const char limit[] = "/proc/sys/vm/max_map_count";
	long long got = 0;
	char before[32];
	size_t count;

	assert_true(vw_file_read(limit, before, sizeof(before)) > 0);
	vw_ok(vw_file_write(limit, "200"));
	/* Of two that are alike one would be made. */
	for (count = 0; got >= 0 && count < 300; count++)
		got = try_map(PAGE, count % 2 ? PROT_READ : PROT_NONE, ANON, -1, 0);
	vw_ok(vw_file_write(limit, before));
	vw_expect(got, -ENOMEM);
	assert_true(count < 202);
}

VW_TEST(an_append_only_file_is_not_mapped_for_writing)
{
	int file = make_memfd(PAGE, 0), append = FS_APPEND_FL;

	if (ioctl(file, FS_IOC_SETFLAGS, &append))
		vw_skip("memory has no append-only files on this kernel: %s", strerror(errno));
	vw_expect(try_map(PAGE, RW, MAP_SHARED, file, 0), -EACCES);
	vw_expect(try_map(PAGE, PROT_READ, MAP_SHARED, file, 0), -EACCES);
	assert_true(try_map(PAGE, RW, MAP_PRIVATE, file, 0) > 0);
	close(file);
}

VW_TEST(what_is_mounted_without_exec_is_mapped_without)
{
	char folder[] = "/tmp/vmwalk_test.XXXXXX", path[64];
	long long map;
	int file;

	assert_non_null(mkdtemp(folder));
	vw_ok(vw_sys(mount("none", folder, "tmpfs", MS_NOEXEC, NULL)));
	snprintf(path, sizeof(path), "%s/file", folder);
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	vw_ok(vw_sys(ftruncate(file, PAGE)));
	vw_expect(try_map(PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0), -EPERM);
	map = try_map(PAGE, PROT_READ, MAP_PRIVATE, file, 0);
	assert_true(map > 0);
	vw_expect(vw_sys(mprotect((void *)(uintptr_t)map, PAGE, PROT_READ | PROT_EXEC)), -EACCES);
	munmap((void *)(uintptr_t)map, PAGE);
	close(file);
	vw_ok(vw_sys(umount(folder)));
	rmdir(folder);
}

VW_TEST(a_private_mapping_of_a_file_does_not_grow_down)
{
	int file = make_memfd(PAGE, 0);

	vw_expect(try_map(PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN, file, 0), -EINVAL);
	vw_expect(try_map(PAGE, RW, 0, file, 0), -EINVAL);
	vw_expect(try_map(PAGE, RW, MAP_ANONYMOUS, -1, 0), -EINVAL);
	close(file);
}

VW_TEST(huge_pages_are_of_a_size_that_there_is)
{
	int file = make_memfd(PMD_SIZE, 0);
	struct vmwalk_vma vma;
	long long map;

	dev = vw_device_make_with("fault_around", "4K", NULL);
	vw_expect(try_map(PMD_SIZE, RW, MAP_PRIVATE | MAP_HUGETLB, file, 0), -EINVAL);
	vw_expect(try_map(PMD_SIZE, RW, ANON | MAP_HUGETLB | 13 << MAP_HUGE_SHIFT, -1, 0), -EINVAL);
	map = try_map(PAGE, RW, ANON | MAP_HUGETLB | HUGE_2MB, -1, 0);
	if (map < 0)
		vw_skip("no huge pages: %s", strerror(-(int)map));
	vma = vma_at((void *)(uintptr_t)map);
	assert_int_equal(vma.end - vma.start, PMD_SIZE);
	assert_int_equal(vma.page_shift, 21);
	close(file);
}

static int map_low(void *arg)
{
	(void)arg;
	vw_become(VW_NOBODY, 0);
	vw_check(mmap((void *)PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED);
	return errno;
}

VW_TEST(the_lowest_addresses_are_for_the_privileged)
{
	struct vw_child child;
	char limit[32];

	if (vw_file_read("/proc/sys/vm/mmap_min_addr", limit, sizeof(limit)) <= 0 ||
	    strtoul(limit, NULL, 10) <= PAGE)
		vw_skip("vm.mmap_min_addr forbids nothing here");
	assert_ptr_equal(mmap((void *)PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), (void *)PAGE);
	vw_ok(vw_sys(munmap((void *)PAGE, PAGE)));
	child = vw_fork(map_low, NULL);
	vw_expect(vw_join(&child), EPERM);
}

/* --- What mmap() makes ---------------------------------------------------------------------- */

VW_TEST(reading_implies_executing_if_one_says_so)
{
	int before = personality(0xffffffff);
	void *map;

	dev = vw_device_make_with("fault_around", "4K", NULL);
	assert_false(vma_at(vw_anon(PAGE)).attrs & VMWALK_VMA_EXEC);
	vw_expect(vw_sys(personality(before | READ_IMPLIES_EXEC)), before);
	map = mmap(NULL, PAGE, RW, ANON, -1, 0);
	personality(before);
	assert_true(vma_at(map).attrs & VMWALK_VMA_EXEC);
}

VW_TEST(neighbours_that_are_alike_become_one)
{
	struct vmwalk_vma vma;
	char *at;

	dev = vw_device_make_with("fault_around", "4K", NULL);
	at = vw_anon(4 * PAGE);
	vw_ok(vw_sys(munmap(at, 4 * PAGE)));
	at = mmap(at, PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0);
	assert_ptr_equal(mmap(at + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), at + PAGE);
	assert_ptr_equal(mmap(at + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), at + 2 * PAGE);
	vma = vma_at(at + PAGE);
	assert_true(vma.start == (uintptr_t)at + PAGE && vma.end >= (uintptr_t)at + 3 * PAGE);
	/* What differs stays apart. */
	assert_true(vma_at(at).end == (uintptr_t)at + PAGE);
}

VW_TEST(memory_is_promised_to_what_is_private_and_writable)
{
	int file = make_memfd(PAGE, 0);
	static const struct {
		int prot, flags;
		bool file, promised;
	} kinds[] = {
		{ RW, ANON, false, true },
		{ PROT_WRITE, ANON, false, true },
		{ PROT_READ, ANON, false, false },
		{ RW, ANON | MAP_NORESERVE, false, false },
		{ RW, MAP_PRIVATE, true, true },
		{ PROT_READ, MAP_PRIVATE, true, false },
		{ RW, MAP_SHARED, true, false },
	};

	dev = vw_device_make_with("fault_around", "4K", NULL);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		void *map = mmap(NULL, PAGE, kinds[i].prot, kinds[i].flags,
				 kinds[i].file ? file : -1, 0);

		assert_ptr_not_equal(map, MAP_FAILED);
		assert_int_equal(!!(vma_at(map).vm_flags & VM_ACCOUNT), kinds[i].promised);
		munmap(map, PAGE);
	}
	close(file);
}

VW_TEST(noreserve_counts_unless_overcommit_is_forbidden)
{
	static const char mode[] = "/proc/sys/vm/overcommit_memory";
	unsigned long flags;
	long long large;
	char before[16];
	void *map;

	dev = vw_device_make_with("fault_around", "4K", NULL);
	map = mmap(NULL, PAGE, RW, ANON | MAP_NORESERVE, -1, 0);
	assert_int_equal(vma_at(map).vm_flags & (VM_NORESERVE | VM_ACCOUNT), VM_NORESERVE);
	munmap(map, PAGE);

	assert_true(vw_file_read(mode, before, sizeof(before)) > 0);
	vw_ok(vw_file_write(mode, "2"));
	map = mmap(NULL, PAGE, RW, ANON | MAP_NORESERVE, -1, 0);
	flags = map == MAP_FAILED ? 0 : vma_at(map).vm_flags;
	large = try_map(1024 * GIB, RW, ANON | MAP_NORESERVE, -1, 0);
	vw_ok(vw_file_write(mode, before));
	vw_expect(large, -ENOMEM);
	assert_int_equal(flags & (VM_NORESERVE | VM_ACCOUNT), VM_ACCOUNT);
}

VW_TEST(anonymous_memory_is_a_file_if_shared_and_its_address_if_private)
{
	struct vmwalk_vma vma;
	void *map;

	dev = vw_device_make_with("fault_around", "4K", NULL);
	map = vw_anon(PAGE);
	vma = vma_at(map);
	assert_false(vma.attrs & VMWALK_VMA_FILE);
	/* Of a mapping that became one with a neighbour as well. */
	assert_int_equal(vma.pgoff, vma.start / PAGE);

	map = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	vma = vma_at(map);
	assert_true(vma.attrs & VMWALK_VMA_FILE && vma.inode);
	assert_int_equal(vma.pgoff, 0);
}

VW_TEST(what_is_open_for_reading_never_becomes_writable)
{
	int file = make_memfd(PAGE, 0), again = reopen(file, O_RDONLY);
	unsigned long flags;
	void *map;

	dev = vw_device_make_with("fault_around", "4K", NULL);
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, again, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	vw_expect(vw_sys(mprotect(map, PAGE, RW)), -EACCES);
	flags = vma_at(map).vm_flags;
	assert_int_equal(flags & (VM_MAYSHARE | VM_SHARED | VM_MAYWRITE), VM_MAYSHARE);
	close(again);
	close(file);
}

VW_TEST(mappings_are_counted_by_what_they_are_for)
{
	static const char status[] = "/proc/self/status";
	const long long kib = 64 * KIB;
	long long size, data, exec, locked;
	void *map;

	size = vw_field(status, "VmSize");
	data = vw_field(status, "VmData");
	exec = vw_field(status, "VmLib");
	locked = vw_field(status, "VmLck");
	assert_true(size > 0 && data > 0 && exec >= 0 && locked >= 0);

	map = mmap(NULL, kib * KIB, RW, ANON | MAP_NORESERVE, -1, 0);
	vw_expect(vw_field(status, "VmSize") - size, kib);
	vw_expect(vw_field(status, "VmData") - data, kib);
	munmap(map, kib * KIB);
	map = mmap(NULL, kib * KIB, PROT_READ | PROT_EXEC, ANON | MAP_NORESERVE, -1, 0);
	vw_expect(vw_field(status, "VmSize") - size, kib);
	vw_expect(vw_field(status, "VmData") - data, 0);
	vw_expect(vw_field(status, "VmLib") - exec, kib);
	munmap(map, kib * KIB);
	map = mmap(NULL, 64 * PAGE, RW, ANON | MAP_LOCKED, -1, 0);
	vw_expect(vw_field(status, "VmLck") - locked, 64 * PAGE / KIB);
	munmap(map, 64 * PAGE);
	vw_expect(vw_field(status, "VmSize") - size, 0);
}

/* Whether perf's ring has a record that a mapping was made at an address. */
static bool reported(struct perf_event_mmap_page *ring, const void *addr)
{
	const char *data = (char *)ring + PAGE;
	__u64 at, head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE);
	const struct perf_event_header *header;
	const __u64 *body;

	for (at = 0; at < head && at < PAGE; at += header->size) {
		header = (const void *)(data + at);
		/* The header is one word; pid and tid are the next. */
		body = (const void *)(header + 1);
		if (header->type == PERF_RECORD_MMAP && body[1] == (uintptr_t)addr)
			return true;
	}
	return false;
}

VW_TEST(mappings_are_reported_to_perf)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.mmap = 1,
	};
	struct perf_event_mmap_page *ring;
	int event = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	void *map;

	if (event < 0)
		vw_skip("no perf events: %s", strerror(errno));
	ring = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, event, 0);
	assert_ptr_not_equal(ring, MAP_FAILED);
	map = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, ANON, -1, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_true(reported(ring, map));
	assert_false(reported(ring, (char *)map + PAGE));
	munmap(ring, 2 * PAGE);
	close(event);
}

/* --- Files that nobody may write ------------------------------------------------------------ */

VW_TEST(a_program_that_runs_is_not_opened_for_writing)
{
	/* From 6.11 to 6.12.1 programs could be written while they ran. */
	vw_expect(vw_sys(open("/proc/self/exe", O_WRONLY | O_CLOEXEC)), -ETXTBSY);
}

VW_TEST(denywrite_denies_nothing)
{
	int file = make_memfd(PAGE, 0), again = reopen(file, O_RDONLY);
	void *map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_DENYWRITE, again, 0);

	assert_ptr_not_equal(map, MAP_FAILED);
	close(reopen(file, O_WRONLY));
	close(again);
	close(file);
}

VW_TEST(shared_writing_and_its_denial_exclude_each_other)
{
	int file = make_memfd(PAGE, MFD_ALLOW_SEALING);
	void *map;

	map = mmap(NULL, PAGE, RW, MAP_SHARED, file, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	vw_expect(vw_sys(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE)), -EBUSY);
	munmap(map, PAGE);
	vw_ok(vw_sys(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE)));
	vw_expect(try_map(PAGE, RW, MAP_SHARED, file, 0), -EPERM);
	/* Copies are no writing. */
	assert_true(try_map(PAGE, RW, MAP_PRIVATE, file, 0) > 0);
	close(file);
}

/* --- Caching, userfaultfd ------------------------------------------------------------------- */

static __u64 caching_of(int device, const void *addr)
{
	struct vmwalk_walk walk;

	vw_ok(vw_walk(device, (uintptr_t)addr, &walk));
	assert_int_equal(walk.stop, VMWALK_STOP_PAGE);
	return walk.level[VMWALK_PTE].entry & 0x98;
}

VW_TEST(a_change_of_rights_keeps_how_a_mapping_is_cached)
{
	int device;
	char *map;

	device = vw_open_rw(vw_make("t", "buffer_type", "pages", "cache_mode", "wc", "size", "16K",
				    NULL));
	map = vw_map(device, 4 * PAGE, 0, RW, MAP_SHARED);
	vw_poke(map, 1);
	vw_ok(vw_sys(mprotect(map, 4 * PAGE, PROT_READ)));
	assert_int_equal(caching_of(device, map), 0x08);
	/* What comes into the page tables afterwards, too. */
	vw_ok(vw_sys(mprotect(map, 4 * PAGE, RW)));
	vw_poke(map, 1);
	vw_poke(map + 3 * PAGE, 1);
	assert_int_equal(caching_of(device, map), 0x08);
	assert_int_equal(caching_of(device, map + 3 * PAGE), 0x08);
}

VW_TEST(a_program_may_serve_its_own_faults)
{
	struct vw_served served;

	vw_serve(&served, 'u');
	assert_int_equal(vw_peek(served.at + 7), 'u');
	vw_served(&served);
	assert_int_equal(served.asked & ~(PAGE - 1), (uintptr_t)served.at);
}

/* --- The kernel and a program's memory ------------------------------------------------------ */

VW_TEST(sigaction_survives_bad_pointers)
{
	struct sigaction action = { .sa_handler = SIG_IGN };
	char *none;

	none = mmap(NULL, PAGE, PROT_NONE, ANON, -1, 0);
	/* The C library would look at what they point to. */
	vw_expect(vw_sys(syscall(SYS_rt_sigaction, SIGUSR1, none, NULL, 8)), -EFAULT);
	vw_expect(vw_sys(syscall(SYS_rt_sigaction, SIGUSR1, NULL, none, 8)), -EFAULT);
	vw_ok(vw_sys(sigaction(SIGUSR1, NULL, &action)));
	assert_true(action.sa_handler == SIG_DFL);
}

static int handled;

static void handle(int signal)
{
	__atomic_store_n(&handled, signal, __ATOMIC_RELAXED);
}

/* Becomes a signal, with what the handler needs on a stack that is there. */
static void signal_on(char *sp, size_t size)
{
	const stack_t stack = { .ss_sp = sp, .ss_size = size };
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_ONSTACK };

	vw_check(!sigaltstack(&stack, NULL));
	vw_check(!sigaction(SIGUSR1, &action, NULL));
	raise(SIGUSR1);
	vw_check(__atomic_load_n(&handled, __ATOMIC_RELAXED) == SIGUSR1);
}

static int signal_on_the_device(void *arg)
{
	char *map = mmap(NULL, 64 * KIB, RW, MAP_SHARED, dev.fd, 0);

	(void)arg;
	vw_check(map != MAP_FAILED);
	signal_on(map, 64 * KIB);
	return 0;
}

static int signal_on_nothing(void *arg)
{
	const struct rlimit no_core = { 0, 0 };
	char *map = mmap(NULL, 64 * KIB, PROT_NONE, ANON, -1, 0);

	(void)arg;
	setrlimit(RLIMIT_CORE, &no_core);
	signal_on(map, 64 * KIB);
	return 0;
}

VW_TEST(the_kernel_writes_a_signals_frame_where_no_page_is_yet)
{
	struct vw_child child;

	dev = vw_device_make_with("fault_around", "4K", NULL);
	vw_expect_stat(dev.n, "faults", 0);
	vw_in_child(signal_on_the_device, NULL);
	assert_true(vw_stat(dev.n, "write_faults") > 0);
	child = vw_fork(signal_on_nothing, NULL);
	vw_expect(vw_join(&child), -SIGSEGV);
}
