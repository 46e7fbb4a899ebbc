/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Constants, error codes, time, random numbers, and short files.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_UTIL_H
#define VMWALK_TESTS_UTIL_H

/* Set for this machine before any test is registered */
extern unsigned long vw_page_size;
extern unsigned long vw_pmd_size;	/* what a PMD entry maps */
extern unsigned int vw_page_shift;

#define PAGE		vw_page_size
#define PMD_SIZE	vw_pmd_size
#define PAGE_SHIFT	vw_page_shift
#define PMD_SHIFT	(2 * PAGE_SHIFT - 3)
#define PUD_SHIFT	(3 * PAGE_SHIFT - 6)
#define PUD_SIZE	BIT_ULL(PUD_SHIFT)
#define PTRS		(PAGE / sizeof(__u64))	/* entries of a page table */
#define MAX_PAGE	(64 * KIB)		/* of any machine */
#define KIB		1024UL
#define MIB		(1024UL * KIB)
#define GIB		(1024UL * MIB)
#define ALIGN_UP(x, a)	(((x) + (a) - 1) & ~((a) - 1))
#define BIT_ULL(n)	(1ULL << (n))
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define SECOND		1000000000ULL

/* A system call's result as "the value, or a negative errno". */
#define vw_sys(call)	({ long long vw_sys_ret = (call); vw_sys_ret < 0 ? -errno : vw_sys_ret; })

/* "-EINVAL" for a negative errno, else the number. */
const char *vw_error_name(long long rc, char *buf, size_t len);

/* Repeats until the condition holds, at most ten seconds; its last value. */
#define vw_eventually(cond)						\
	({								\
		bool vw_held = (cond);					\
		for (int vw_try = 0; !vw_held && vw_try < 1000; vw_try++) {	\
			usleep(10000);					\
			vw_held = (cond);				\
		}							\
		vw_held;						\
	})

/* The size of @pages pages, in bytes, as the value of an attribute */
const char *vw_pages_text(size_t pages);
/* CLOCK_MONOTONIC in nanoseconds. */
__u64 vw_now(void);
/* A pseudo-random number of 31 bits; advances the seed. */
__u64 vw_random(__u64 *seed);
/* The number in an environment variable, or the default if it is not set. */
__u64 vw_env(const char *name, __u64 otherwise);

/*
 * Pins the calling thread to a CPU and sets its policy, SCHED_OTHER or
 * SCHED_FIFO. After each test the harness restores VW_ANY_CPU, SCHED_OTHER.
 */
#define VW_ANY_CPU	-1
void vw_run_on(int cpu, int policy);

/*
 * Reads a whole short file, without its last newline: its length, or a negative
 * errno.
 */
int vw_file_read(const char *path, char *buf, size_t len);
/* One write(2) of the text, like echo: 0 or a negative errno. */
int vw_file_write(const char *path, const char *text);
bool vw_exists(const char *path);
/* Whether /proc/kallsyms has the symbol. Fails the test if it is unreadable. */
bool vw_has_symbol(const char *name);
/* The number after a name in a file like /proc/meminfo; -1 if there is none. */
long long vw_field(const char *path, const char *name);

#endif /* VMWALK_TESTS_UTIL_H */
