/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory of the test itself: mappings, huge pages, swap, userfaultfd.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_MEMORY_H
#define VMWALK_TESTS_MEMORY_H

#define RW	(PROT_READ | PROT_WRITE)
#define ANON	(MAP_PRIVATE | MAP_ANONYMOUS)
#define HUGE_PMD	(MAP_HUGETLB | PMD_SHIFT << MAP_HUGE_SHIFT)
#define HUGE_PUD	(MAP_HUGETLB | PUD_SHIFT << MAP_HUGE_SHIFT)

/* Linux 6.1 and later; the headers may be older. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

/* Maps private anonymous memory, optionally aligned, or fails the test. */
void *vw_anon(size_t len);
void *vw_anon_aligned(size_t len, size_t align);
/*
 * A transparent huge page of PMD_SIZE; skips the test if the kernel provides
 * none.
 */
char *vw_huge_page(bool write);

/*
 * Creates a region of VW_MIXED pages of all kinds. The pattern, one letter per
 * page, is repeated over the first 2 * PTRS pages. The last PMD_SIZE is a
 * transparent huge page if the kernel provides one.
 *
 *   a anonymous, z zero page, w swapped out, . not touched
 *   r read-only, n PROT_NONE, N PROT_NONE and not touched, u not mapped
 *   s shared file written, S shared file read, f shared file not touched
 *   c private file written, p private file read, q private file not touched
 */
#define VW_MIXED	(3 * PTRS)
#define VW_MIXED_MAX	(3 * MAX_PAGE / sizeof(__u64))
char *vw_mixed_region(const char *pattern);

/* Accesses to one byte that the compiler cannot leave out. */
static inline unsigned char vw_peek(const void *at)
{
	return __atomic_load_n((const unsigned char *)at, __ATOMIC_RELAXED);
}

static inline void vw_poke(void *at, unsigned char value)
{
	__atomic_store_n((unsigned char *)at, value, __ATOMIC_RELAXED);
}

/* Reads one byte of each page. */
static inline void vw_touch(const void *at, size_t len)
{
	for (size_t i = 0; i < len; i += PAGE)
		vw_peek((const char *)at + i);
}

/*
 * The page faults of the first write to a page that was read: 1 if the CPU cannot
 * set the dirty bit of an entry, otherwise 0. After a fault for a write, the core
 * has set the bit, but the driver has not.
 */
int vw_dirty_faults(void);

/* A pointer whose value is hidden from the compiler, for bad pointers. */
void *vw_pointer(uintptr_t at);

/* The end of user space on this machine. */
__u64 vw_user_end(void);
/* Whether an address is outside user space. */
bool vw_is_beyond_user_space(__u64 addr);
/* Swaps a range out; false if the kernel does not. */
bool vw_swap_out(void *addr, size_t len);
/*
 * A line of /proc/self/smaps for the mapping of an address, in KiB; -1 if none.
 */
long vw_smaps_kib(const void *addr, const char *name);

/* A page that a thread provides when it is touched: see userfaultfd(2). */
struct vw_served {
	char *at;
	__u64 asked;			/* the address that was touched */
	char *page;			/* the contents to provide */
	int uffd;
	pthread_t thread;
};

/* All bytes are @byte; skips the test if there is no userfaultfd. */
void vw_serve(struct vw_served *served, int byte);
/*
 * Waits for the thread after the touch. The kernel handles all further faults.
 */
void vw_served(struct vw_served *served);

#endif /* VMWALK_TESTS_MEMORY_H */
