// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of the test itself: see memory.h.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "harness.h"

void *vw_anon(size_t len)
{
	return vw_map(-1, len, 0, RW, ANON);
}

void *vw_anon_aligned(size_t len, size_t align)
{
	char *at = vw_map(-1, len + align, 0, RW,
			  ANON | MAP_NORESERVE);
	char *start = (char *)ALIGN_UP((uintptr_t)at, align);

	if (start > at)
		munmap(at, start - at);
	munmap(start + len, at + align - start);
	return start;
}

/* Applies one letter of the pattern to a page; @offset is that of the file. */
static void make_page(char *page, char kind, int file, off_t offset)
{
	if (strchr("sSf", kind))
		assert_ptr_equal(mmap(page, PAGE, RW, MAP_SHARED | MAP_FIXED, file, offset), page);
	if (strchr("cpq", kind))
		assert_ptr_equal(mmap(page, PAGE, RW, MAP_PRIVATE | MAP_FIXED, file, offset), page);
	if (strchr("zSp", kind))
		vw_peek(page);
	if (strchr("awrnsc", kind))
		memset(page, 1, PAGE);
	if (kind == 'r')
		mprotect(page, PAGE, PROT_READ);
	if (strchr("nN", kind))
		mprotect(page, PAGE, PROT_NONE);
	if (kind == 'w')
		madvise(page, PAGE, MADV_PAGEOUT);
	if (kind == 'u')
		munmap(page, PAGE);
}

char *vw_mixed_region(const char *pattern)
{
	int file = memfd_create("vmwalk_test", MFD_CLOEXEC);
	char *at = vw_anon_aligned(VW_MIXED * PAGE, PMD_SIZE);
	size_t len = strlen(pattern);

	assert_true(file >= 0 && !ftruncate(file, VW_MIXED * PAGE));
	madvise(at, 2 * PMD_SIZE, MADV_NOHUGEPAGE);
	madvise(at + 2 * PMD_SIZE, PMD_SIZE, MADV_HUGEPAGE);
	memset(at + 2 * PMD_SIZE, 1, PMD_SIZE);
	for (size_t i = 0; i < 2 * PTRS; i++)
		make_page(at + i * PAGE, pattern[i % len], file, i * PAGE);
	close(file);
	return at;
}

int vw_dirty_faults(void)
{
	struct rusage before, after;
	static int faults = -1;
	char *at;

	if (faults >= 0)
		return faults;
	at = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	vw_check(at != MAP_FAILED);
	vw_peek(at);
	getrusage(RUSAGE_THREAD, &before);
	vw_poke(at, 1);
	getrusage(RUSAGE_THREAD, &after);
	munmap(at, PAGE);
	faults = after.ru_minflt - before.ru_minflt;
	return faults;
}

void *vw_pointer(uintptr_t at)
{
	return (void *)at;
}

bool vw_swap_out(void *addr, size_t len)
{
	__u64 *entries = calloc(len / PAGE, 8);
	bool out = false;

	/* The kernel skips a page that is not on an LRU list yet: try again. */
	for (int try = 0; entries && !out && try < 50; try++) {
		if (madvise(addr, len, MADV_PAGEOUT))
			break;
		if (vw_pagemap(0, (uintptr_t)addr, len / PAGE, entries) < 0)
			break;
		out = true;
		for (size_t i = 0; i < len / PAGE; i++)
			out = out && entries[i] & PM_SWAP;
		if (!out)
			usleep(20000);
	}
	free(entries);
	return out;
}

long vw_smaps_kib(const void *addr, const char *name)
{
	unsigned long start, end;
	char line[512];
	bool in = false;
	long kib = -1;
	FILE *smaps;

	smaps = fopen("/proc/self/smaps", "re");
	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			in = start <= (uintptr_t)addr && (uintptr_t)addr < end;
		else if (in && !strncmp(line, name, strlen(name)))
			kib = atol(line + strlen(name) + 1);
	}
	fclose(smaps);
	return kib;
}

char *vw_huge_page(bool write)
{
	char *at = vw_anon_aligned(PMD_SIZE, PMD_SIZE);

	madvise(at, PMD_SIZE, MADV_HUGEPAGE);
	if (write)
		memset(at, 1, PMD_SIZE);
	else
		vw_peek(at);
	if (write && vw_smaps_kib(at, "AnonHugePages") != (long)(PMD_SIZE / KIB))
		vw_skip("the kernel provides no transparent huge page");
	return at;
}

/* Whether user space extends to this address: something can be mapped there. */
static bool is_mappable(__u64 at)
{
	void *page = mmap(vw_pointer(at), PAGE, PROT_NONE, ANON | MAP_FIXED_NOREPLACE, -1, 0);

	if (page != MAP_FAILED)
		munmap(page, PAGE);
	return page == vw_pointer(at) || errno == EEXIST;
}

/* On x86-64, user space ends one page below a power of two. */
__u64 vw_user_end(void)
{
	static __u64 end;

	for (int bits = 56; !end && bits > 30; bits--) {
		if (is_mappable(BIT_ULL(bits) - PAGE))
			end = BIT_ULL(bits);
		else if (is_mappable(BIT_ULL(bits) - 2 * PAGE))
			end = BIT_ULL(bits) - PAGE;
	}
	return end;
}

bool vw_is_beyond_user_space(__u64 addr)
{
#ifdef __aarch64__
	addr &= BIT_ULL(56) - 1;	/* without the tag */
#endif
	return addr >= vw_user_end();
}

static void *serve(void *arg)
{
	struct vw_served *served = arg;
	struct uffdio_copy copy;
	struct uffd_msg msg;

	if (read(served->uffd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		return NULL;
	served->asked = msg.arg.pagefault.address;
	copy = (struct uffdio_copy){
		.dst = served->asked & ~(PAGE - 1),
		.src = (uintptr_t)served->page,
		.len = PAGE,
	};
	ioctl(served->uffd, UFFDIO_COPY, &copy);
	return NULL;
}

void vw_serve(struct vw_served *served, int byte)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg;

	*served = (struct vw_served){ .uffd = syscall(SYS_userfaultfd, O_CLOEXEC) };
	if (served->uffd < 0 || ioctl(served->uffd, UFFDIO_API, &api))
		vw_skip("userfaultfd is not available");
	served->at = vw_anon(PAGE);
	served->page = vw_anon(PAGE);
	memset(served->page, byte, PAGE);
	reg = (struct uffdio_register){
		.range = { (uintptr_t)served->at, PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	vw_ok(vw_ioctl(served->uffd, UFFDIO_REGISTER, &reg));
	assert_int_equal(pthread_create(&served->thread, NULL, serve, served), 0);
}

void vw_served(struct vw_served *served)
{
	pthread_join(served->thread, NULL);
	close(served->uffd);
}
