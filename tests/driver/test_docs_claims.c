// SPDX-License-Identifier: GPL-2.0
/*
 * The claims about Linux in docs/labs/claims.md that no lab shows, one test per
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

/* vm_flags, from the kernel's linux/mm.h */
#define VM_SHARED	0x00000008UL
#define VM_MAYWRITE	0x00000020UL
#define VM_MAYSHARE	0x00000080UL
#define VM_ACCOUNT	0x00100000UL
#define VM_NORESERVE	0x00200000UL

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT	26
#endif

static struct vw_device dev;

/* mmap(): the address, or a negative errno. */
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

static int create_memfd(size_t size, unsigned int flags)
{
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC | flags);

	assert_true(file >= 0);
	vw_ok(vw_sys(ftruncate(file, size)));
	return file;
}

static int reopen(int file, int flags)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	again = open(path, flags | O_CLOEXEC);
	assert_true(again >= 0);
	return again;
}

/* --- kmalloc -------------------------------------------------------------- */

static struct vmwalk_locate locate_kmalloc(const char *size)
{
	struct vmwalk_locate location = { .size = sizeof(location) };
	int buffer;

	buffer = vw_open_rw(vw_make("k", "buffer_type", "kmalloc", "size", size, NULL));
	vw_ok(vw_ioctl(buffer, VMWALK_IOC_LOCATE, &location));
	close(buffer);
	return location;
}

VW_TEST(kmalloc_aligns_a_power_of_two_size_to_that_size)
{
	static const char * const sizes[] = { "4K", "8K", "16K", "256K", "4M" };

	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct vmwalk_locate location = locate_kmalloc(sizes[i]);

		assert_int_equal(location.kaddr % location.contig_len, 0);
		assert_int_equal(location.phys % location.contig_len, 0);
		vw_ok(vw_rmdir("k"));
	}
}

VW_TEST(kmalloc_can_allocate_more_than_requested)
{
	/* KPF_COMPOUND_HEAD, KPF_COMPOUND_TAIL */
	const __u64 head = BIT_ULL(15), tail = BIT_ULL(16);
	struct vmwalk_locate location;
	__u64 flags[9];
	int file;

	location = locate_kmalloc("20K");
	assert_int_equal(location.contig_len, 5 * PAGE);
	file = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		vw_skip("this kernel has no /proc/kpageflags");
	vw_expect(vw_sys(pread(file, flags, sizeof(flags),
			       location.phys / PAGE * sizeof(flags[0]))),
		  sizeof(flags));
	close(file);
	/* The compound page has eight pages; the buffer uses five. */
	assert_true(flags[0] & head);
	for (size_t i = 1; i < 8; i++)
		assert_true(flags[i] & tail);
	assert_false(flags[8] & tail);
}

/* --- Errors of mmap() ----------------------------------------------------- */

VW_TEST(lengths_and_offsets_that_overflow_fail)
{
	int file = create_memfd(PAGE, 0);

	vw_expect(try_map(SIZE_MAX - 8, RW, ANON, -1, 0), -ENOMEM);
	vw_expect(try_map(vw_user_end(), RW, ANON, -1, 0), -ENOMEM);
	vw_expect(try_map(2 * PAGE, RW, MAP_SHARED, file, INT64_MAX & ~(PAGE - 1)), -EOVERFLOW);
	close(file);
}

VW_TEST(mappings_above_max_map_count_fail_with_enomem)
{
	static const char limit[] = "/proc/sys/vm/max_map_count";
	long long got = 0;
	char before[32];
	size_t count;

	assert_true(vw_file_read(limit, before, sizeof(before)) > 0);
	vw_ok(vw_file_write(limit, "200"));
	/* Different protections prevent merging. */
	for (count = 0; got >= 0 && count < 300; count++)
		got = try_map(PAGE, count % 2 ? PROT_READ : PROT_NONE, ANON, -1, 0);
	vw_ok(vw_file_write(limit, before));
	vw_expect(got, -ENOMEM);
	assert_true(count < 202);
}

VW_TEST(append_only_files_cannot_be_mapped_shared)
{
	int file = create_memfd(PAGE, 0), append = FS_APPEND_FL;

	if (ioctl(file, FS_IOC_SETFLAGS, &append))
		vw_skip("tmpfs does not support append-only files: %s", strerror(errno));
	vw_expect(try_map(PAGE, RW, MAP_SHARED, file, 0), -EACCES);
	vw_expect(try_map(PAGE, PROT_READ, MAP_SHARED, file, 0), -EACCES);
	assert_true(try_map(PAGE, RW, MAP_PRIVATE, file, 0) > 0);
	close(file);
}

VW_TEST(files_on_noexec_mounts_cannot_be_mapped_executable)
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

VW_TEST(file_mappings_cannot_grow_down)
{
	int file = create_memfd(PAGE, 0);

	vw_expect(try_map(PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN, file, 0), -EINVAL);
	vw_expect(try_map(PAGE, RW, 0, file, 0), -EINVAL);
	vw_expect(try_map(PAGE, RW, MAP_ANONYMOUS, -1, 0), -EINVAL);
	close(file);
}

VW_TEST(map_hugetlb_needs_a_supported_page_size)
{
	int file = create_memfd(PMD_SIZE, 0);
	struct vmwalk_vma vma;
	long long map;

	dev = vw_device_make_with("fault_around", vw_pages_text(1), NULL);
	vw_expect(try_map(PMD_SIZE, RW, MAP_PRIVATE | MAP_HUGETLB, file, 0), -EINVAL);
	vw_expect(try_map(PMD_SIZE, RW, ANON | MAP_HUGETLB | 13 << MAP_HUGE_SHIFT, -1, 0), -EINVAL);
	map = try_map(PAGE, RW, ANON | HUGE_PMD, -1, 0);
	if (map < 0)
		vw_skip("no huge pages: %s", strerror(-(int)map));
	vma = vma_at((void *)(uintptr_t)map);
	assert_int_equal(vma.end - vma.start, PMD_SIZE);
	assert_int_equal(vma.page_shift, PMD_SHIFT);
	close(file);
}

static int map_low(void *arg)
{
	(void)arg;
	vw_become(VW_NOBODY, 0);
	vw_check(mmap((void *)PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED);
	return errno;
}

VW_TEST(mapping_below_mmap_min_addr_needs_a_privilege)
{
	struct vw_child child;
	char limit[32];

	if (vw_file_read("/proc/sys/vm/mmap_min_addr", limit, sizeof(limit)) <= 0 ||
	    strtoul(limit, NULL, 10) <= PAGE)
		vw_skip("vm.mmap_min_addr is not above one page");
	assert_ptr_equal(mmap((void *)PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), (void *)PAGE);
	vw_ok(vw_sys(munmap((void *)PAGE, PAGE)));
	child = vw_fork(map_low, NULL);
	vw_expect(vw_join(&child), EPERM);
}

/* --- Attributes of mappings ----------------------------------------------- */

VW_TEST(read_implies_exec_makes_readable_mappings_executable)
{
	int before = personality(0xffffffff);
	void *map;

	dev = vw_device_make_with("fault_around", vw_pages_text(1), NULL);
	assert_false(vma_at(vw_anon(PAGE)).attrs & VMWALK_VMA_EXEC);
	vw_expect(vw_sys(personality(before | READ_IMPLIES_EXEC)), before);
	map = mmap(NULL, PAGE, RW, ANON, -1, 0);
	personality(before);
	assert_true(vma_at(map).attrs & VMWALK_VMA_EXEC);
}

VW_TEST(adjacent_mappings_with_the_same_attributes_are_merged)
{
	struct vmwalk_vma vma;
	char *at;

	dev = vw_device_make_with("fault_around", vw_pages_text(1), NULL);
	at = vw_anon(4 * PAGE);
	vw_ok(vw_sys(munmap(at, 4 * PAGE)));
	at = mmap(at, PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0);
	assert_ptr_equal(mmap(at + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), at + PAGE);
	assert_ptr_equal(mmap(at + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), at + 2 * PAGE);
	vma = vma_at(at + PAGE);
	assert_true(vma.start == (uintptr_t)at + PAGE && vma.end >= (uintptr_t)at + 3 * PAGE);
	assert_true(vma_at(at).end == (uintptr_t)at + PAGE);
}

VW_TEST(private_writable_memory_is_accounted)
{
	int file = create_memfd(PAGE, 0);
	static const struct {
		int prot, flags;
		bool file, accounted;
	} kinds[] = {
		{ RW, ANON, false, true },
		{ PROT_WRITE, ANON, false, true },
		{ PROT_READ, ANON, false, false },
		{ RW, ANON | MAP_NORESERVE, false, false },
		{ RW, MAP_PRIVATE, true, true },
		{ PROT_READ, MAP_PRIVATE, true, false },
		{ RW, MAP_SHARED, true, false },
	};

	dev = vw_device_make_with("fault_around", vw_pages_text(1), NULL);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		void *map = mmap(NULL, PAGE, kinds[i].prot, kinds[i].flags,
				 kinds[i].file ? file : -1, 0);

		assert_ptr_not_equal(map, MAP_FAILED);
		assert_int_equal(!!(vma_at(map).vm_flags & VM_ACCOUNT), kinds[i].accounted);
		munmap(map, PAGE);
	}
	close(file);
}

VW_TEST(map_noreserve_is_honoured_unless_overcommit_is_disabled)
{
	static const char mode[] = "/proc/sys/vm/overcommit_memory";
	unsigned long flags;
	long long large;
	char before[16];
	void *map;

	dev = vw_device_make_with("fault_around", vw_pages_text(1), NULL);
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

VW_TEST(shared_anonymous_memory_has_a_file_and_private_has_none)
{
	struct vmwalk_vma vma;
	void *map;

	dev = vw_device_make_with("fault_around", vw_pages_text(1), NULL);
	map = vw_anon(PAGE);
	vma = vma_at(map);
	assert_false(vma.attrs & VMWALK_VMA_FILE);
	assert_int_equal(vma.pgoff, vma.start / PAGE);

	map = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	vma = vma_at(map);
	assert_true(vma.attrs & VMWALK_VMA_FILE && vma.inode);
	assert_int_equal(vma.pgoff, 0);
}

VW_TEST(shared_mappings_of_read_only_files_cannot_become_writable)
{
	int file = create_memfd(PAGE, 0), again = reopen(file, O_RDONLY);
	unsigned long flags;
	void *map;

	dev = vw_device_make_with("fault_around", vw_pages_text(1), NULL);
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, again, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	vw_expect(vw_sys(mprotect(map, PAGE, RW)), -EACCES);
	flags = vma_at(map).vm_flags;
	assert_int_equal(flags & (VM_MAYSHARE | VM_SHARED | VM_MAYWRITE), VM_MAYSHARE);
	close(again);
	close(file);
}

VW_TEST(proc_status_counts_mappings_by_type)
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

/* Whether the ring buffer has an mmap record for an address. */
static bool has_mmap_record(struct perf_event_mmap_page *ring, const void *addr)
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
		vw_skip("needs perf events: %s", strerror(errno));
	ring = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, event, 0);
	assert_ptr_not_equal(ring, MAP_FAILED);
	map = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, ANON, -1, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_true(has_mmap_record(ring, map));
	assert_false(has_mmap_record(ring, (char *)map + PAGE));
	munmap(ring, 2 * PAGE);
	close(event);
}

/* --- Denied writes -------------------------------------------------------- */

VW_TEST(a_running_program_cannot_be_opened_for_writing)
{
	/* Linux 6.11 to 6.12.1 allow this. */
	vw_expect(vw_sys(open("/proc/self/exe", O_WRONLY | O_CLOEXEC)), -ETXTBSY);
}

VW_TEST(map_denywrite_is_ignored)
{
	int file = create_memfd(PAGE, 0), again = reopen(file, O_RDONLY);
	void *map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_DENYWRITE, again, 0);

	assert_ptr_not_equal(map, MAP_FAILED);
	close(reopen(file, O_WRONLY));
	close(again);
	close(file);
}

VW_TEST(f_seal_write_excludes_shared_writable_mappings)
{
	int file = create_memfd(PAGE, MFD_ALLOW_SEALING);
	void *map;

	map = mmap(NULL, PAGE, RW, MAP_SHARED, file, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	vw_expect(vw_sys(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE)), -EBUSY);
	munmap(map, PAGE);
	vw_ok(vw_sys(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE)));
	vw_expect(try_map(PAGE, RW, MAP_SHARED, file, 0), -EPERM);
	assert_true(try_map(PAGE, RW, MAP_PRIVATE, file, 0) > 0);
	close(file);
}

/* --- Memory type, userfaultfd --------------------------------------------- */

static __u64 pte_memory_type(int device, const void *addr)
{
	struct vmwalk_walk walk;

	vw_ok(vw_walk(device, (uintptr_t)addr, &walk));
	assert_int_equal(walk.stop, VMWALK_STOP_PAGE);
	return walk.level[VMWALK_PTE].entry & 0x98;
}

VW_TEST(mprotect_keeps_the_memory_type)
{
	int device;
	char *map;

	if (!vw_is_available("cache_modes", "wc"))
		vw_skip("available_cache_modes does not list wc");
	device = vw_open_rw(vw_make("t", "buffer_type", "pages", "cache_mode", "wc", "size",
				    vw_pages_text(4),
				    NULL));
	map = vw_map(device, 4 * PAGE, 0, RW, MAP_SHARED);
	vw_poke(map, 1);
	vw_ok(vw_sys(mprotect(map, 4 * PAGE, PROT_READ)));
	assert_int_equal(pte_memory_type(device, map), 0x08);
	vw_ok(vw_sys(mprotect(map, 4 * PAGE, RW)));
	vw_poke(map, 1);
	vw_poke(map + 3 * PAGE, 1);
	assert_int_equal(pte_memory_type(device, map), 0x08);
	assert_int_equal(pte_memory_type(device, map + 3 * PAGE), 0x08);
}

VW_TEST(userfaultfd_serves_page_faults_in_user_space)
{
	struct vw_served served;

	vw_serve(&served, 'u');
	assert_int_equal(vw_peek(served.at + 7), 'u');
	vw_served(&served);
	assert_int_equal(served.asked & ~(PAGE - 1), (uintptr_t)served.at);
}

/* --- Access to user memory by the kernel ---------------------------------- */

VW_TEST(sigaction_fails_with_efault_for_bad_pointers)
{
	struct sigaction action = { .sa_handler = SIG_IGN };
	char *none;

	none = mmap(NULL, PAGE, PROT_NONE, ANON, -1, 0);
	/* The C library would access the pointers itself. */
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

/* Handles a signal on an alternate stack. */
static void signal_on(char *sp, size_t size)
{
	const stack_t stack = { .ss_sp = sp, .ss_size = size };
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_ONSTACK };

	vw_check(!sigaltstack(&stack, NULL));
	vw_check(!sigaction(SIGUSR1, &action, NULL));
	raise(SIGUSR1);
	vw_check(__atomic_load_n(&handled, __ATOMIC_RELAXED) == SIGUSR1);
}

static int signal_on_device_stack(void *arg)
{
	char *map = mmap(NULL, 64 * KIB, RW, MAP_SHARED, dev.fd, 0);

	(void)arg;
	vw_check(map != MAP_FAILED);
	signal_on(map, 64 * KIB);
	return 0;
}

static int signal_on_inaccessible_stack(void *arg)
{
	const struct rlimit no_core = { 0, 0 };
	char *map = mmap(NULL, 64 * KIB, PROT_NONE, ANON, -1, 0);

	(void)arg;
	setrlimit(RLIMIT_CORE, &no_core);
	signal_on(map, 64 * KIB);
	return 0;
}

VW_TEST(the_kernel_faults_in_the_stack_for_a_signal_frame)
{
	struct vw_child child;

	dev = vw_device_make_with("fault_around", vw_pages_text(1), NULL);
	vw_expect_stat(dev.n, "faults", 0);
	vw_in_child(signal_on_device_stack, NULL);
	assert_true(vw_stat(dev.n, "write_faults") > 0);
	child = vw_fork(signal_on_inaccessible_stack, NULL);
	vw_expect(vw_join(&child), -SIGSEGV);
}
