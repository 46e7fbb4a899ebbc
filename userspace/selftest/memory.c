// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the walker: all interfaces agree on all kinds of memory.
 *
 * Copyright (C) The vmwalk authors
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftest.h"

#define RW    (PROT_READ | PROT_WRITE)
#define ANON  (MAP_PRIVATE | MAP_ANONYMOUS)
#define PAGES 16

/* Memory of one kind. The tests unmap @mapped bytes from @map. */
struct kind_memory {
	char *map;
	size_t mapped;
	char *start;
	size_t pages;
};

/* Map @len bytes, and more, so that @start is a multiple of @align. */
static enum result map_memory(struct kind_memory *memory, size_t len, size_t align, int prot,
			      int flags, int fd)
{
	size_t more = align > page_size ? align : 0;

	memory->map = mmap(NULL, len + more, prot, flags, fd, 0);
	if (memory->map == MAP_FAILED)
		return fail("mmap: %m");
	memory->mapped = len + more;
	memory->start = (char *)(((uintptr_t)memory->map + align - 1) & -align);
	memory->pages = len / page_size;
	return PASS;
}

static enum result map_anon(struct kind_memory *memory)
{
	enum result result = map_memory(memory, PAGES * page_size, page_size, RW, ANON, -1);

	if (result == PASS)
		madvise(memory->map, memory->mapped, MADV_NOHUGEPAGE);
	return result;
}

static void read_pages(const struct kind_memory *memory)
{
	size_t i;

	for (i = 0; i < memory->pages; i++)
		__atomic_load_n(memory->start + i * page_size, __ATOMIC_RELAXED);
}

static void write_pages(const struct kind_memory *memory)
{
	memset(memory->start, 1, memory->pages * page_size);
}

static enum result written(struct kind_memory *memory)
{
	enum result result = map_anon(memory);

	if (result == PASS)
		write_pages(memory);
	return result;
}

static enum result every_second_page(struct kind_memory *memory)
{
	enum result result = map_anon(memory);
	size_t i;

	for (i = 0; i < PAGES && result == PASS; i += 2)
		memory->start[i * page_size] = 1;
	return result;
}

static enum result zero_page(struct kind_memory *memory)
{
	enum result result = map_anon(memory);

	if (result == PASS)
		read_pages(memory);
	return result;
}

static enum result with_protection(struct kind_memory *memory, int prot)
{
	enum result result = written(memory);

	if (result == PASS && mprotect(memory->map, memory->mapped, prot))
		return fail("mprotect: %m");
	return result;
}

static enum result read_only(struct kind_memory *memory)
{
	return with_protection(memory, PROT_READ);
}

static enum result prot_none(struct kind_memory *memory)
{
	return with_protection(memory, PROT_NONE);
}

static enum result locked(struct kind_memory *memory)
{
	enum result result = map_anon(memory);

	if (result == PASS && mlock(memory->map, memory->mapped))
		return skip("mlock: %m");
	return result;
}

static enum result discarded(struct kind_memory *memory)
{
	enum result result = written(memory);

	if (result == PASS && madvise(memory->map, memory->mapped, MADV_DONTNEED))
		return fail("MADV_DONTNEED: %m");
	return result;
}

/* Whether, according to pagemap, all pages are swapped out */
static bool is_swapped_out(const struct kind_memory *memory)
{
	off_t offset = (uintptr_t)memory->start / page_size * sizeof(__u64);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t len = memory->pages * sizeof(__u64), i;
	__u64 entries[PAGES];
	bool swapped;

	swapped = fd >= 0 && pread(fd, entries, len, offset) == (ssize_t)len;
	for (i = 0; i < memory->pages; i++)
		swapped = swapped && entries[i] >> 62 == 1;
	if (fd >= 0)
		close(fd);
	return swapped;
}

static enum result swapped_out(struct kind_memory *memory)
{
	enum result result = written(memory);
	int i;

	if (result != PASS)
		return result;
	/* The kernel may leave out pages that were allocated a moment ago. */
	for (i = 0; i < 20; i++) {
		if (madvise(memory->map, memory->mapped, MADV_PAGEOUT))
			return skip("MADV_PAGEOUT: %m");
		if (is_swapped_out(memory))
			return PASS;
		usleep(20000);
	}
	return skip("the kernel swaps nothing out; there may be no swap space");
}

static enum result hole(struct kind_memory *memory)
{
	enum result result = written(memory);

	if (result != PASS)
		return result;
	munmap(memory->map, memory->mapped);
	memory->mapped = 0;
	return PASS;
}

/* Less than a PMD entry maps, with MADV_HUGEPAGE: the kernel may use a large folio. */
static enum result large_folio(struct kind_memory *memory)
{
	size_t len = PAGES * page_size;
	enum result result = map_memory(memory, len, len, RW, ANON, -1);

	if (result != PASS)
		return result;
	madvise(memory->start, len, MADV_HUGEPAGE);
	write_pages(memory);
	return PASS;
}

/* Transparent huge pages of this process, in KiB */
static long huge_pages_kib(void)
{
	FILE *smaps = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	long kib = 0;

	while (smaps && fgets(line, sizeof(line), smaps))
		sscanf(line, "AnonHugePages: %ld", &kib);
	if (smaps)
		fclose(smaps);
	return kib;
}

static enum result huge_page(struct kind_memory *memory)
{
	long before = huge_pages_kib();
	enum result result;

	if (!can_spare(pmd_size))
		return skip("%zu bytes are more than a quarter of the free memory", pmd_size);
	result = map_memory(memory, pmd_size, pmd_size, RW, ANON, -1);
	if (result != PASS)
		return result;
	madvise(memory->start, pmd_size, MADV_HUGEPAGE);
	write_pages(memory);
	if (huge_pages_kib() == before)
		return skip("the kernel provides no transparent huge page");
	return PASS;
}

static enum result split_huge_page(struct kind_memory *memory)
{
	enum result result = huge_page(memory);

	if (result == PASS && mprotect(memory->start + 3 * page_size, page_size, PROT_READ))
		return fail("mprotect: %m");
	return result;
}

static enum result hugetlb_page(struct kind_memory *memory, unsigned int shift)
{
	size_t len = (size_t)1 << shift;
	enum result result;
	char path[96];
	int available = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%zukB/free_hugepages",
		 len / 1024);
	file = fopen(path, "re");
	if (!file)
		return skip("the kernel has no hugetlb pages of this size");
	if (fscanf(file, "%d", &available) != 1)
		available = 0;
	fclose(file);
	if (available < 1)
		return skip("the pool has no free page");
	result = map_memory(memory, len, page_size, RW,
			    ANON | MAP_HUGETLB | shift << MAP_HUGE_SHIFT, -1);
	if (result != PASS)
		return skip("all free pages of the pool are reserved");
	write_pages(memory);
	return PASS;
}

static enum result hugetlb_64k(struct kind_memory *memory)
{
	return hugetlb_page(memory, 16);
}

static enum result hugetlb_2m(struct kind_memory *memory)
{
	return hugetlb_page(memory, 21);
}

static enum result hugetlb_32m(struct kind_memory *memory)
{
	return hugetlb_page(memory, 25);
}

static enum result shared_anon(struct kind_memory *memory)
{
	enum result result = map_memory(memory, PAGES * page_size, page_size, RW,
					MAP_SHARED | MAP_ANONYMOUS, -1);

	if (result == PASS)
		write_pages(memory);
	return result;
}

/* Map the file of this program, and read each page. */
static enum result map_file(struct kind_memory *memory, int prot, int flags)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	enum result result;
	struct stat status;
	size_t len;

	if (fd < 0 || fstat(fd, &status)) {
		result = fail("/proc/self/exe: %m");
	} else {
		len = (status.st_size + page_size - 1) & -page_size;
		result = map_memory(memory, len, page_size, prot, flags, fd);
	}
	if (fd >= 0)
		close(fd);
	if (result == PASS)
		read_pages(memory);
	return result;
}

static enum result shared_file(struct kind_memory *memory)
{
	return map_file(memory, PROT_READ, MAP_SHARED);
}

static enum result private_file(struct kind_memory *memory)
{
	return map_file(memory, RW, MAP_PRIVATE);
}

static enum result private_copy(struct kind_memory *memory)
{
	enum result result = map_file(memory, RW, MAP_PRIVATE);

	if (result == PASS)
		write_pages(memory);
	return result;
}

/* The page of an address that is already mapped */
static enum result page_of(struct kind_memory *memory, uintptr_t address)
{
	memory->start = (char *)(address & -page_size);
	memory->pages = 1;
	read_pages(memory);
	return PASS;
}

static enum result stack(struct kind_memory *memory)
{
	char variable;

	__atomic_store_n(&variable, 1, __ATOMIC_RELAXED);
	return page_of(memory, (uintptr_t)&variable);
}

static enum result text(struct kind_memory *memory)
{
	return page_of(memory, (uintptr_t)text);
}

static enum result data(struct kind_memory *memory)
{
	static char variable;

	__atomic_store_n(&variable, 1, __ATOMIC_RELAXED);
	return page_of(memory, (uintptr_t)&variable);
}

static enum result vdso(struct kind_memory *memory)
{
	unsigned long address = getauxval(AT_SYSINFO_EHDR);

	if (!address)
		return skip("the kernel has no vDSO for this program");
	return page_of(memory, address);
}

#define PRESENT  VMWALK_PRESENT
#define WRITE    VMWALK_WRITE
#define EXEC     VMWALK_EXEC
#define SWAP     VMWALK_SWAP
#define PROTNONE VMWALK_PROTNONE
#define FILEMAP  VMWALK_FILE
#define ZERO     VMWALK_ZERO
#define HUGETLB  VMWALK_HUGETLB
#define HUGE     VMWALK_HUGE

static const struct kind {
	const char *name;
	enum result (*make)(struct kind_memory *memory);
	__u32 has; /* flags that the state of each page has, and lacks */
	__u32 lacks;
} kinds[] = {
	{ "anonymous memory", written, PRESENT | WRITE, EXEC | FILEMAP | HUGE },
	{ "memory with every second page touched", every_second_page, 0, EXEC | FILEMAP | HUGE },
	{ "the zero page", zero_page, PRESENT | ZERO, WRITE },
	{ "read-only memory", read_only, PRESENT, WRITE | EXEC | PROTNONE },
	{ "memory with PROT_NONE", prot_none, PRESENT | PROTNONE, WRITE | EXEC },
	{ "locked memory", locked, PRESENT | WRITE, EXEC | FILEMAP },
	{ "discarded memory", discarded, 0, VMWALK_STATE_ALL },
	{ "swapped-out memory", swapped_out, SWAP, PRESENT },
	{ "unmapped addresses", hole, 0, VMWALK_STATE_ALL },
	{ "a large folio", large_folio, PRESENT | WRITE, FILEMAP },
	{ "a transparent huge page", huge_page, PRESENT | WRITE | HUGE, FILEMAP },
	{ "a split transparent huge page", split_huge_page, PRESENT, FILEMAP | HUGE },
	{ "a hugetlb page of 64 KiB", hugetlb_64k, PRESENT | WRITE | HUGETLB, 0 },
	{ "a hugetlb page of 2 MiB", hugetlb_2m, PRESENT | WRITE | HUGETLB, 0 },
	{ "a hugetlb page of 32 MiB", hugetlb_32m, PRESENT | WRITE | HUGETLB, 0 },
	{ "shared anonymous memory", shared_anon, PRESENT | WRITE | FILEMAP, EXEC },
	{ "a shared file mapping", shared_file, PRESENT | FILEMAP, WRITE | EXEC },
	{ "a private file mapping", private_file, PRESENT | FILEMAP, WRITE | EXEC },
	{ "private copies of file pages", private_copy, PRESENT | WRITE, FILEMAP | EXEC },
	{ "the stack", stack, PRESENT | WRITE, FILEMAP | ZERO },
	{ "program text", text, PRESENT | EXEC | FILEMAP, WRITE },
	{ "program data", data, PRESENT | WRITE, FILEMAP | ZERO },
	{ "the vDSO", vdso, PRESENT | EXEC, WRITE },
};

size_t memory_count(void)
{
	return ARRAY_SIZE(kinds);
}

static enum result test_kind(struct vmwalk_file *file, const struct kind *kind)
{
	struct kind_memory memory = { .map = NULL };
	struct region region = { .file = file };
	enum result result;

	result = kind->make(&memory);
	if (result == PASS) {
		region.start = memory.start;
		region.pages = memory.pages;
		result = check_region(&region, kind->has, kind->lacks);
	}
	if (memory.mapped)
		munmap(memory.map, memory.mapped);
	return result;
}

void memory_run(void)
{
	struct vmwalk_instance *instance = make_instance();
	struct vmwalk_file *file = NULL;
	enum result setup = FAIL;
	size_t i;

	if (instance)
		setup = set_attribute(instance, "live", "1");
	if (setup == PASS) {
		file = vmwalk_file_open_by_name(vmwalk_instance_name(instance));
		if (!file)
			setup = fail("open /dev/%s: %m", vmwalk_instance_dev_name(instance));
	}
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		report(setup == PASS ? test_kind(file, &kinds[i]) : setup,
		       "all interfaces agree on %s", kinds[i].name);
	vmwalk_file_close(file);
	if (instance)
		remove_instance(instance, PASS);
}
