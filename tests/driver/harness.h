/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every driver test stands on: instances made by hand through configfs, sysfs and pagemap as
 * numbers, children under other identities, and a frame around each test that reads the kernel's
 * log and leaves nothing behind.
 *
 * Copyright (C) The vmwalk authors
 *
 * Helpers that can fail in a way that a test may want to see return a negative errno. Helpers whose
 * failure means that the test cannot go on fail the test themselves; those must not be called in a
 * child, where vw_check() takes their place.
 */
#ifndef VMWALK_TESTS_HARNESS_H
#define VMWALK_TESTS_HARNESS_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmwalk.h"

#define VW_CONFIGFS	"/sys/kernel/config/vmwalk"
#define VW_CLASS	"/sys/class/vmwalk"
#define VW_MODULE	"/sys/module/vmwalk"
#define VW_TARGET_WRITE	VW_MODULE "/parameters/allow_target_write"

/* The tests know x86-64's page sizes; vw_main() exits if they differ. */
#define PAGE		4096UL
#define KIB		1024UL
#define MIB		(1024UL * KIB)
#define GIB		(1024UL * MIB)
#define PMD_SIZE	(2 * MIB)
#define ALIGN_UP(x, a)	(((x) + (a) - 1) & ~((a) - 1))
#define BIT_ULL(n)	(1ULL << (n))
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* --- One test ------------------------------------------------------------------------------- */

/* A buffer type with a map mode and a cache mode that suit it. */
struct vw_combo {
	const char *type;
	const char *mode;
	const char *cache;
	bool typical;		/* one of the fewest that go all ways through the driver */
};

/* All of them. */
extern const struct vw_combo vw_combos[];
#define VW_COMBOS	19

struct vw_test {
	const char *name;
	int line;
	enum { VW_ONCE, VW_TYPICAL, VW_ALL } runs;
	void (*body)(void);
	void (*combo_body)(const struct vw_combo *combo);
	struct vw_test *next;
};

/*
 * VW_TEST(name) { ... } defines a test and registers it. The tests of a file run
 * in the order of their definitions.
 *
 * VW_TEST_TYPICAL() and VW_TEST_ALL() run the body once for each typical
 * combination, or for each combination; "combo" is the one to test.
 */
#define VW_TEST(f) \
	VW_DEFINE_TEST(f, VW_ONCE, body, void)
#define VW_TEST_TYPICAL(f) \
	VW_DEFINE_TEST(f, VW_TYPICAL, combo_body, const struct vw_combo *combo)
#define VW_TEST_ALL(f) \
	VW_DEFINE_TEST(f, VW_ALL, combo_body, const struct vw_combo *combo)

#define VW_DEFINE_TEST(f, times, member, args)				\
	static void f(args);						\
									\
	__attribute__((constructor)) static void f##_register(void)	\
	{								\
		static struct vw_test test = {				\
			.name = #f,					\
			.line = __LINE__,				\
			.runs = times,					\
			.member = f,					\
		};							\
									\
		vw_register(&test);					\
	}								\
									\
	static void f(args)

void vw_register(struct vw_test *test);

/*
 * Runs the tests that the arguments select, or all; --list prints their names.
 * Before each test it marks the kernel log. After each test it ends children,
 * closes and unmaps devices, removes instances, restores module parameters, and
 * fails the test if the kernel logged an error.
 *
 * The harness defines a weak main() that calls this. Returns the exit status.
 */
int vw_main(int argc, char **argv);

/* Ends the test as skipped, with the reason as a comment in the TAP stream. */
_Noreturn CMOCKA_PRINTF_ATTRIBUTE(1, 2)
void vw_skip(const char *fmt, ...);

/* Fails the test with a sentence. */
_Noreturn CMOCKA_PRINTF_ATTRIBUTE(3, 4)
void vw_fail_at(const char *file, int line, const char *fmt, ...);
#define vw_fail(...)	vw_fail_at(__FILE__, __LINE__, __VA_ARGS__)

/* Expects a return value of the kind "0, a count, or a negative errno", and names errnos. */
void vw_expect_at(const char *file, int line, const char *what, long long got, long long wanted);
#define vw_expect(expr, wanted)	vw_expect_at(__FILE__, __LINE__, #expr, (expr), (wanted))
#define vw_ok(expr)		vw_expect(expr, 0)

/* A system call's result as "the value, or a negative errno". */
#define vw_sys(call)	({ long long vw_sys_ret = (call); vw_sys_ret < 0 ? -errno : vw_sys_ret; })

/* Repeats until the condition holds, at most ten seconds; gives what it was in the end. */
#define vw_eventually(cond)						\
	({								\
		bool vw_held = (cond);					\
		for (int vw_try = 0; !vw_held && vw_try < 1000; vw_try++) {	\
			usleep(10000);					\
			vw_held = (cond);				\
		}							\
		vw_held;						\
	})

/* A clock that only goes forward, in nanoseconds. */
__u64 vw_now(void);
#define SECOND	1000000000ULL

/* Pseudo-random number of 31 bits; advances the seed. */
__u64 vw_random(__u64 *seed);
/* The number in an environment variable, or a default if it is not set. */
__u64 vw_env(const char *name, __u64 otherwise);

/* --- Files ---------------------------------------------------------------------------------- */

/* Reads a short file whole: its length, or a negative errno. The last newline is taken off. */
int vw_file_read(const char *path, char *buf, size_t len);
/* One write(2) of the text, as echo would do: 0 or a negative errno. */
int vw_file_write(const char *path, const char *text);
bool vw_exists(const char *path);
/* A number behind a name in a file like /proc/meminfo or /proc/vmstat, -1 if it isn't there. */
long long vw_field(const char *path, const char *name);

/* --- Instances ------------------------------------------------------------------------------ */

int vw_mkdir(const char *item);
int vw_rmdir(const char *item);
int vw_set(const char *item, const char *attr, const char *value);
/* Makes a process, or for 0 whoever calls, the target of the instance "t". */
void vw_set_target(pid_t pid);
/* Sets allow_target_write until the test ends. */
void vw_allow_target_write(bool allow);
int vw_get(const char *item, const char *attr, char *buf, size_t len);
/* Fails the test unless the attribute reads so. */
void vw_expect_attr_at(const char *file, int line, const char *item, const char *attr,
		       const char *wanted);
#define vw_expect_attr(item, attr, wanted) \
	vw_expect_attr_at(__FILE__, __LINE__, item, attr, wanted)

/* The N of an item's device. */
int vw_number(const char *item);
/* mkdir, then pairs of attribute and value up to a NULL: a pending item. */
void vw_make_pending(const char *item, ...) __attribute__((sentinel));
/* The same, then live = 1: the N of the device. */
int vw_make(const char *item, ...) __attribute__((sentinel));
/* One of a combination, with this many bytes and this fill. */
int vw_make_combo(const struct vw_combo *combo, size_t size, const char *fill);
/* Whether its mappings hold refcounted pages; else they hold bare frames. */
bool vw_is_refcounted(const struct vw_combo *combo);
/* Whether this kernel tells by a PMD entry that it maps frames: 6.12 and later do. */
bool vw_marks_blocks(void);
/* Opens /dev/vmwalkN: a descriptor, or a negative errno. */
int vw_open(int n, int flags);
/* Opens for reading and writing, or fails the test. */
int vw_open_rw(int n);

int vw_sysfs(int n, const char *file, char *buf, size_t len);
/* One of stats/, or fails the test. */
long long vw_stat(int n, const char *file);
#define vw_expect_stat(n, file, wanted)	vw_expect(vw_stat(n, file), wanted)

/* mmap() of a device, or fails the test. */
void *vw_map(int fd, size_t len, off_t offset, int prot, int flags);
/* mmap() of anonymous private memory, or fails the test; the second at a multiple of a border. */
void *vw_anon(size_t len);
void *vw_anon_aligned(size_t len, size_t border);

/* One byte read or written, which the compiler may not leave out. */
static inline unsigned char vw_peek(const void *at)
{
	return __atomic_load_n((const unsigned char *)at, __ATOMIC_RELAXED);
}

/* Reads one byte of each page. */
static inline void vw_touch(const void *at, size_t len)
{
	for (size_t i = 0; i < len; i += PAGE)
		vw_peek((const char *)at + i);
}

static inline void vw_poke(void *at, unsigned char value)
{
	__atomic_store_n((unsigned char *)at, value, __ATOMIC_RELAXED);
}

/* A pointer that the compiler knows nothing about: bad ones are what some tests are for. */
void *vw_pointer(uintptr_t at);

/* The byte that a fill puts at an offset. */
unsigned char vw_fill_byte(const char *fill, size_t offset);
bool vw_holds_fill(const void *data, const char *fill, size_t offset, size_t len);

/* --- Memory --------------------------------------------------------------------------------- */

/*
 * Runs several rounds. Fails the test if the objects of a slab cache, or the pages in use, grow by
 * half of @count or more in every round. Unrelated changes do not occur in every round.
 */
void vw_expect_no_growth(void (*round)(void), int count);

/*
 * A memory cgroup for a child. Skips the test without a memory controller. The child joins the
 * cgroup; the parent sets its limit to the current usage plus @more bytes, and removes the cgroup
 * at the end.
 */
#define VW_CGROUP	"/sys/fs/cgroup/vmwalk_test"
void vw_need_cgroup(void);
void vw_join_cgroup(void);
void vw_limit_cgroup(size_t more);
void vw_remove_cgroup(void);

/* --- Page tables: ours, and the kernel's own witness ---------------------------------------- */

#define PM_PFN(e)	((e) & (BIT_ULL(55) - 1))
#define PM_SOFT_DIRTY	BIT_ULL(55)
#define PM_UFFD_WP	BIT_ULL(57)
#define PM_FILE		BIT_ULL(61)
#define PM_SWAP		BIT_ULL(62)
#define PM_PRESENT	BIT_ULL(63)

/* Entries of /proc/PID/pagemap (0: of this process): how many were read, or a negative errno. */
ssize_t vw_pagemap(pid_t pid, __u64 addr, size_t pages, __u64 *entries);
__u64 vw_pagemap_one(pid_t pid, const void *addr);
/* The frame behind an address of this process, 0 if none. */
__u64 vw_pfn(const void *addr);
/*
 * The frames at an address of a process (0: this one), 0 where no page is, as the scan of an extra
 * instance tells. Pagemap passes over mappings without struct pages; test_pagemap compares the two
 * where it doesn't.
 */
void vw_frames(pid_t pid, const void *addr, size_t pages, __u64 *frames);
/* How many of the pages at an address hold one of these frames. */
size_t vw_count_frames(pid_t pid, const void *addr, size_t pages, const __u64 *frames,
		       size_t nframes);

/* A buffer, with kpageflags and kpagecount of each frame while nothing maps the buffer. */
struct vw_buffer {
	int n;
	int fd;
	size_t pages;
	__u64 *frames;
	__u64 *flags;
	__u64 *counts;
};

/* Creates a device of a combination, filled with letters, and records its frames. */
void vw_buffer_make(struct vw_buffer *buffer, const struct vw_combo *combo, size_t size);
/* Fails the test if a page is mapped, or if frames or contents have changed. */
void vw_buffer_expect_whole(const struct vw_buffer *buffer);
void vw_buffer_remove(struct vw_buffer *buffer);

int vw_ioctl(int fd, unsigned long nr, void *arg);
int vw_walk(int fd, __u64 addr, struct vmwalk_walk *walk);
int vw_walk_kernel(int fd, __u64 addr, struct vmwalk_walk *walk);
int vw_translate(int fd, struct vmwalk_translation *vec, __u64 vec_len);
int vw_vma(int fd, __u64 addr, struct vmwalk_vma *vma);
int vw_locate(int fd, __u64 offset, struct vmwalk_locate *location);
/* How many bytes were copied, or a negative errno; -EPROTO if a refused call told of some. */
long long vw_copy(int fd, __u32 direction, __u64 offset, __u64 addr, __u64 length);
/* The driver's store, of a byte: how many faults it took, or a negative errno. */
int vw_poke_by_driver(int fd, const void *at, __u32 value);
/*
 * Asserts what is true of every walk that shows frames, on a machine of so many levels: the levels
 * belong together, and where /proc/kcore is they are what memory has.
 */
void vw_judge_walk(const struct vmwalk_walk *walk, int levels);
/*
 * The kernel's memory through /proc/kcore, by physical address (RAM alone) and by the kernel's own:
 * false where it can't be had.
 */
bool vw_read_physical(__u64 phys, void *to, size_t len);
bool vw_read_kernel(__u64 addr, void *to, size_t len);
/* One call, every page of the range that has an entry, all flags returned. */
struct vmwalk_scan vw_scan_args(__u64 start, __u64 end);
/* The same of LOG, with as many lines as there may be. */
struct vmwalk_log vw_log_args(__u64 start, __u64 end);

struct vw_extents {
	struct vmwalk_extent *extent;
	size_t count;
	__u64 pages;
	unsigned int calls;
};

/*
 * Calls SCAN until the range is done, vec_len extents at a time, into freshly allocated memory.
 * What must be true of every call is checked here: extents ascend, lie in the range that was asked
 * for, make progress and keep to the masks; -EPROTO and a comment say that they did not.
 */
int vw_scan_all(int fd, const struct vmwalk_scan *args, size_t vec_len, struct vw_extents *out);
void vw_extents_free(struct vw_extents *extents);
/* The extent that holds an address, or NULL. */
const struct vmwalk_extent *vw_extent_at(const struct vw_extents *extents, const void *addr);

/* End of user space on this machine, whichever paging is on. */
__u64 vw_user_end(void);
/* Makes a range swapped out: true if the kernel did so. */
bool vw_swap_out(void *addr, size_t len);
/* A line of /proc/self/smaps for the mapping of an address, in KiB; -1 if there is none. */
long vw_smaps_kib(const void *addr, const char *name);
/* 2 MiB in one transparent huge page; skips the test if the kernel provides none. */
char *vw_huge_page(bool write);

/* A page that a thread of ours brings when it is touched: see userfaultfd(2). */
struct vw_served {
	char *at;
	__u64 asked;			/* the address that was touched, once it was served */
	char *page;			/* what is brought */
	int uffd;
	pthread_t thread;
};

/* Full of one byte; skips the test if there is no userfaultfd. */
void vw_serve(struct vw_served *served, int byte);
/* After it was touched: waits for the thread. Further faults are the kernel's own. */
void vw_served(struct vw_served *served);

/* --- Children ------------------------------------------------------------------------------- */

struct vw_child {
	pid_t pid;
	int fd;
};

/* Exit status of a child whose vw_check() failed, and of one that cannot do its test here. */
#define VW_CHILD_FAILED		99
#define VW_CHILD_SKIPPED	77

/* In a child: says what did not hold and ends the child. */
_Noreturn void vw_check_failed(const char *file, int line, const char *what);
#define vw_check(cond) \
	do { if (!(cond)) vw_check_failed(__FILE__, __LINE__, #cond); } while (0)
void vw_check_rc_at(const char *file, int line, const char *what, long long got, long long wanted);
#define vw_check_rc(expr, wanted) \
	vw_check_rc_at(__FILE__, __LINE__, #expr, (expr), (wanted))

/* Forks a child that runs the function and exits with what it returns. */
struct vw_child vw_fork(int (*fn)(void *arg), void *arg);
/* A value from the child; fails the test if the child ended instead. */
__u64 vw_hear(struct vw_child *child);
void vw_tell(struct vw_child *child, __u64 value);
/* Waits for the end: the exit status, or minus the signal that ended it. */
int vw_join(struct vw_child *child);
/* Waits for a child that must have ended well; one that skipped skips the test. */
void vw_join_ok_at(const char *file, int line, struct vw_child *child);
#define vw_join_ok(child)	vw_join_ok_at(__FILE__, __LINE__, child)
void vw_kill(struct vw_child *child);
#define vw_in_child(fn, arg) \
	do { struct vw_child vw_c = vw_fork(fn, arg); vw_join_ok(&vw_c); } while (0)

/* The child's side of the same. */
void vw_say(__u64 value);
__u64 vw_listen(void);
/* Says a value and waits until the parent has answered. */
__u64 vw_sync(__u64 value);

#define VW_NOBODY	65534
/* In a child: becomes this user with just these capabilities, a bit each. */
void vw_become(uid_t uid, __u64 caps);

/* Sends and receives a descriptor over the pair that connects parent and child. */
int vw_send_fd(int socket, int fd);
int vw_receive_fd(int socket);
int vw_child_socket(void);

#endif /* VMWALK_TESTS_HARNESS_H */
