// SPDX-License-Identifier: GPL-2.0
/*
 * Random calls: processes with two threads each map, change, touch, walk and
 * copy all devices, fork, and are killed, while other processes create, change
 * and remove the devices. Results of calls are ignored: the kernel log must
 * stay clean, every process must be killable, and nothing may be leaked.
 *
 * Copyright (C) The vmwalk authors
 *
 * VMWALK_RANDOM_SECONDS: duration in seconds (20 if unset)
 * VMWALK_RANDOM_SEED: seed of the random numbers; it is printed
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "harness.h"

#define USERS		4
#define ADMINS		2
#define INSTANCES		4
#define MOST_DEVICES	(INSTANCES + 4)
#define ARENA		(32 * MIB)
#define ARENA_PAGES	(ARENA / PAGE)
#define FILES		4

/* Users map in this range, at the same address, and write nowhere else. */
static char *arena;

/* Shared: PIDs of possible targets. */
static pid_t *users;

/* --- A user --------------------------------------------------------------- */

struct user {
	__u64 seed;
	bool may_fork;
};

static int files[FILES];

static __thread sigjmp_buf fault;
static __thread bool may_fault;

static size_t below(struct user *user, size_t limit)
{
	return vw_random(&user->seed) % limit;
}

static bool one_in(struct user *user, size_t n)
{
	return !below(user, n);
}

static int any_file(struct user *user)
{
	return __atomic_load_n(&files[below(user, FILES)], __ATOMIC_RELAXED);
}

/* A random range of the arena, often aligned to PMD entries. */
static char *any_pages(struct user *user, size_t *len)
{
	size_t first = below(user, ARENA_PAGES), count = below(user, 64) + 1;

	if (one_in(user, 3)) {
		first = first / 512 * 512;
		count = one_in(user, 2) ? 512 : below(user, 1200) + 1;
	}
	if (count > ARENA_PAGES - first)
		count = ARENA_PAGES - first;
	*len = count * PAGE;
	return arena + first * PAGE;
}

static char *any_byte(struct user *user)
{
	size_t len;

	return any_pages(user, &len) + (one_in(user, 2) ? below(user, PAGE) : 0);
}

/* A random address to walk to: in the arena, or anywhere. */
static __u64 any_address(struct user *user)
{
	const __u64 odd[] = {
		0, 1, PAGE, BIT_ULL(47) - PAGE, BIT_ULL(47), BIT_ULL(56), -1ULL, -PAGE,
		0xffff888000000000, 0xffffffff81000000,
	};

	if (one_in(user, 8))
		return odd[below(user, COUNT(odd))];
	if (one_in(user, 8))
		return vw_random(&user->seed) << 16 ^ vw_random(&user->seed);
	return (uintptr_t)any_byte(user);
}

static int any_prot(struct user *user)
{
	static const int prots[] = { RW, RW, RW, PROT_READ, PROT_NONE, PROT_WRITE, RW | PROT_EXEC };

	return prots[below(user, COUNT(prots))];
}

static void do_map(struct user *user)
{
	int flags = (one_in(user, 2) ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED, file = any_file(user);
	size_t len, offset;
	char *at = any_pages(user, &len);

	if (one_in(user, 8)) {
		mmap(at, len, any_prot(user), ANON | MAP_FIXED, -1, 0);
		return;
	}
	if (one_in(user, 4))
		flags |= MAP_POPULATE;
	if (one_in(user, 16))
		flags |= MAP_LOCKED;
	/* Often at an address and offset that fit a PMD entry. */
	offset = one_in(user, 2) ? (at - arena) % (4 * MIB) : below(user, 512) * PAGE;
	if (one_in(user, 2))
		len = (below(user, 1024) + 1) * PAGE;
	if (len > ARENA - (size_t)(at - arena))
		len = ARENA - (at - arena);
	mmap(at, len, any_prot(user), flags, file, one_in(user, 3) ? 0 : offset);
}

static void do_unmap(struct user *user)
{
	size_t len;
	char *at = any_pages(user, &len);

	munmap(at, len);
}

static void do_protect(struct user *user)
{
	size_t len;
	char *at = any_pages(user, &len);

	mprotect(at, len, any_prot(user));
}

static void do_move(struct user *user)
{
	size_t len, other;
	char *at = any_pages(user, &len), *to = any_pages(user, &other);

	if (one_in(user, 3))
		mremap(at, len, len - (one_in(user, 2) && len > PAGE ? PAGE : 0), 0);
	else if (len <= ARENA - (size_t)(to - arena))
		mremap(at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
}

static void do_advise(struct user *user)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_HUGEPAGE,
		MADV_NOHUGEPAGE, MADV_DONTFORK, MADV_DOFORK, MADV_DONTDUMP, MADV_WILLNEED,
		22 /* MADV_POPULATE_READ */, 23 /* MADV_POPULATE_WRITE */,
		25 /* MADV_COLLAPSE */,
	};
	size_t len;
	char *at = any_pages(user, &len);

	madvise(at, len, advice[below(user, COUNT(advice))]);
}

static void do_lock(struct user *user)
{
	size_t len;
	char *at = any_pages(user, &len);

	if (one_in(user, 2))
		mlock(at, len);
	else
		munlock(at, len);
}

static void do_sync(struct user *user)
{
	size_t len;
	char *at = any_pages(user, &len);

	if (one_in(user, 2))
		fsync(any_file(user));
	else
		msync(at, len, MS_SYNC);
}

/* Touch pages up to the first that is not accessible. */
static void do_touch(struct user *user)
{
	bool write = one_in(user, 2);
	size_t len;
	char *at = any_pages(user, &len);

	if (sigsetjmp(fault, 1))
		return;
	__atomic_store_n(&may_fault, true, __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < len; i += PAGE) {
		if (write)
			vw_poke(at + i + 64, i);
		else
			vw_peek(at + i);
	}
	__atomic_store_n(&may_fault, false, __ATOMIC_SEQ_CST);
}

static void do_read_or_write(struct user *user)
{
	size_t len;
	char *at = any_pages(user, &len);
	off_t offset = below(user, 1024) * PAGE + (one_in(user, 3) ? below(user, PAGE) : 0);

	if (one_in(user, 2))
		pread(any_file(user), at, len, offset);
	else
		pwrite(any_file(user), at, len, offset);
}

static void do_open(struct user *user)
{
	static const int modes[] = { O_RDWR, O_RDWR, O_RDONLY, O_WRONLY };
	int file = vw_open(below(user, MOST_DEVICES), modes[below(user, COUNT(modes))]);

	if (file < 0)
		return;
	file = __atomic_exchange_n(&files[below(user, FILES)], file, __ATOMIC_RELAXED);
	if (file >= 0)
		close(file);
}

static void copy_process_memory(struct user *user)
{
	struct iovec local = { any_byte(user), below(user, 3 * PAGE) };
	struct iovec remote = { any_byte(user), local.iov_len };
	pid_t pid = getpid() + (one_in(user, 2) ? 0 : below(user, 8)) - 4;

	if (one_in(user, 2))
		process_vm_readv(pid, &local, 1, &remote, 1, 0);
	else
		process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
}

/* --- Calls of the driver -------------------------------------------------- */

/* Sometimes flip bits of one word of the argument. */
static int call(struct user *user, unsigned long nr, void *arg, size_t size)
{
	if (one_in(user, 12))
		((__u64 *)arg)[below(user, size / 8)] ^= vw_random(&user->seed) <<
							 below(user, 34);
	return vw_ioctl(any_file(user), nr, arg);
}

static void call_walk(struct user *user)
{
	struct vmwalk_walk walk = {
		.size = sizeof(walk), .addr = any_address(user), .flags = one_in(user, 6),
	};

	call(user, VMWALK_IOC_WALK, &walk, sizeof(walk));
}

static void call_get_pfn(struct user *user)
{
	vw_ioctl(any_file(user), VMWALK_IOC_GET_PFN, (void *)(any_address(user) / PAGE));
}

static void call_scan(struct user *user)
{
	struct vmwalk_scan scan = vw_scan_args((uintptr_t)arena, (uintptr_t)arena + ARENA);

	if (one_in(user, 2))
		scan = vw_scan_args(any_address(user) & -PAGE, any_address(user));
	if (one_in(user, 8))
		scan = vw_scan_args(0, -1ULL);
	scan.flags = one_in(user, 3) ? VMWALK_SCAN_TO_BUFFER : 0;
	scan.vec = scan.flags ? below(user, 1024) * 8 : (uintptr_t)any_byte(user) & -8UL;
	scan.vec_len = below(user, 300) + 1;
	scan.max_pages = one_in(user, 4) ? below(user, 1000) : 0;
	scan.category_mask = one_in(user, 4) ? BIT_ULL(below(user, 17)) : 0;
	call(user, VMWALK_IOC_SCAN, &scan, sizeof(scan));
}

static void call_translate(struct user *user)
{
	struct vmwalk_translation items[64];
	struct vmwalk_translate translate = {
		.size = sizeof(translate),
		.vec = one_in(user, 8) ? (uintptr_t)any_byte(user) & -8UL : (uintptr_t)items,
		.vec_len = below(user, COUNT(items)) + 1,
	};

	for (size_t i = 0; i < COUNT(items); i++)
		items[i].addr = any_address(user);
	vw_ioctl(any_file(user), VMWALK_IOC_TRANSLATE, &translate);
}

static void call_vma(struct user *user)
{
	struct vmwalk_vma vma = { .size = sizeof(vma), .addr = any_address(user) };

	call(user, VMWALK_IOC_VMA, &vma, sizeof(vma));
}

static void call_dirty(struct user *user)
{
	struct vmwalk_dirty dirty = {
		.size = sizeof(dirty),
		.flags = one_in(user, 3) ? 0 : VMWALK_DIRTY_CLEAR,
		.offset = one_in(user, 2) ? 0 : below(user, 1024) * PAGE,
		.length = (below(user, 1024) + 1) * PAGE,
		.bitmap = (uintptr_t)any_byte(user) & -8UL,
	};

	call(user, VMWALK_IOC_DIRTY, &dirty, sizeof(dirty));
}

static void call_locate(struct user *user)
{
	struct vmwalk_locate location = {
		.size = sizeof(location),
		.offset = below(user, 4 * MIB),
	};

	call(user, VMWALK_IOC_LOCATE, &location, sizeof(location));
}

/* Copies to a target go to its arena. */
static void call_copy(struct user *user)
{
	struct vmwalk_copy copy = {
		.size = sizeof(copy),
		.direction = below(user, 3),
		.offset = below(user, 4 * MIB),
		.addr = (uintptr_t)any_byte(user),
		.length = one_in(user, 2) ? below(user, 3 * PAGE) : below(user, MIB),
	};
	struct vmwalk_locate location;

	if (copy.direction == VMWALK_COPY_FROM_BUFFER &&
	    !vw_locate(any_file(user), below(user, MIB), &location))
		copy.addr = location.kaddr;
	if (copy.direction == VMWALK_COPY_TO_TARGET &&
	    copy.length > ARENA - (copy.addr - (uintptr_t)arena))
		copy.length = 1;
	vw_ioctl(any_file(user), VMWALK_IOC_COPY, &copy);
}

static void call_poke(struct user *user)
{
	vw_poke_by_driver(any_file(user), any_byte(user), below(user, 256));
}

static void call_log_or_info(struct user *user)
{
	struct vmwalk_log log = vw_log_args(any_address(user) & -PAGE, any_address(user));
	struct vmwalk_info info = { .size = sizeof(info) };

	/* Few lines, so that the harness reads the kernel log in time. */
	log.lines = 1;
	if (one_in(user, 32))
		vw_ioctl(any_file(user), VMWALK_IOC_LOG, &log);
	else
		call(user, VMWALK_IOC_INFO, &info, sizeof(info));
}

static void do_fork(struct user *user);

static void (*const steps[])(struct user *) = {
	do_map, do_map, do_map, do_map, do_unmap, do_protect, do_move, do_advise, do_advise,
	do_lock, do_sync, do_touch, do_touch, do_touch, do_read_or_write, do_open,
	copy_process_memory, do_fork, call_walk, call_get_pfn, call_scan, call_scan,
	call_translate, call_vma, call_dirty, call_dirty, call_locate, call_copy, call_copy,
	call_poke, call_log_or_info,
};

static void do_random_step(struct user *user)
{
	steps[below(user, COUNT(steps))](user);
}

static void do_fork(struct user *user)
{
	struct user child = { .seed = vw_random(&user->seed) };
	unsigned int count;
	pid_t pid;

	if (!user->may_fork)
		return;
	pid = fork();
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (count = below(&child, 20); count; count--)
		do_random_step(&child);
	if (one_in(&child, 4))
		execl("/bin/true", "true", NULL);
	if (one_in(&child, 4))
		raise(SIGKILL);
	_exit(0);
}

static void skip_fault(int sig)
{
	if (__atomic_exchange_n(&may_fault, false, __ATOMIC_SEQ_CST))
		siglongjmp(fault, 1);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void *run_user(void *arg)
{
	for (;;)
		do_random_step(arg);
	return NULL;
}

static int start_user_threads(void *arg)
{
	struct sigaction action = { .sa_handler = skip_fault };
	struct user threads[2];
	__u64 seed = (uintptr_t)arg;
	pthread_t thread;

	setpgid(0, 0);
	/* Users must not change memory of other processes. */
	munmap(users, PAGE);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	signal(SIGCHLD, SIG_IGN);
	for (size_t i = 0; i < COUNT(threads); i++)
		threads[i] = (struct user){ .seed = vw_random(&seed), .may_fork = true };
	for (size_t i = 0; i < FILES; i++)
		files[i] = -1;
	for (size_t i = 0; i < 2 * FILES; i++)
		do_open(&threads[0]);
	/* Some users keep files that they could no longer open. */
	if (vw_random(&seed) % 3 == 0)
		vw_become(VW_NOBODY, 0);
	vw_check(!pthread_create(&thread, NULL, run_user, &threads[1]));
	run_user(&threads[0]);
	return 0;
}

/* --- Processes that change the devices ------------------------------------ */

static void set_one_of(struct user *user, const char *instance, const char *attr,
		       const char * const *values, size_t count)
{
	vw_set(instance, attr, values[below(user, count)]);
}

static void make_instance(struct user *user, const char *instance)
{
	static const char * const sizes[] = { "4K", "64K", "1M", "2M", "4M", "8M" };
	static const char * const windows[] = { "4K", "64K", "2M" };
	static const char * const fills[] = { "zero", "letters" };
	static const char * const bits[] = { "64", "64", "32", "24" };
	const struct vw_combo *combo = &vw_combos[below(user, VW_COMBOS)];

	if (vw_mkdir(instance))
		return;
	vw_set(instance, "buffer_type", combo->type);
	vw_set(instance, "map_mode", combo->mode);
	vw_set(instance, "cache_mode", combo->cache);
	set_one_of(user, instance, "size", sizes, COUNT(sizes));
	set_one_of(user, instance, "fault_around", windows, COUNT(windows));
	set_one_of(user, instance, "fill", fills, COUNT(fills));
	set_one_of(user, instance, "address_bits", bits, COUNT(bits));
	if (one_in(user, 2))
		vw_set(instance, "track_dirty", "1");
	vw_set(instance, "live", "1");
}

static void set_some_target(struct user *user, const char *instance)
{
	char text[32];

	snprintf(text, sizeof(text), "%d",
		 __atomic_load_n(&users[below(user, USERS)], __ATOMIC_RELAXED));
	vw_set(instance, "target_pid", one_in(user, 3) ? "0" : text);
}

static void read_all_of(unsigned int n)
{
	static const char * const names[] = {
		"name", "target_pid", "phys_addr", "phys_addr_max", "segments",
		"stats/mapped_pages", "stats/mappings", "stats/dirty_pages", "stats/faults",
		"stats/opens", "stats/extents",
	};
	char path[128], text[128];

	for (size_t i = 0; i < COUNT(names); i++)
		vw_sysfs(n, names[i], text, sizeof(text));
	snprintf(path, sizeof(path), VW_CLASS "/vmwalk%u/stats/reset", n);
	vw_file_write(path, "1");
}

static int change_devices(void *arg)
{
	struct user admin = { .seed = (uintptr_t)arg };
	char instance[16], text[512];

	for (;;) {
		snprintf(instance, sizeof(instance), "random%zu", below(&admin, INSTANCES));
		switch (below(&admin, 8)) {
		case 0:
			vw_rmdir(instance);
			break;
		case 1:
			vw_set(instance, "live", one_in(&admin, 2) ? "1" : "0");
			break;
		case 2:
		case 3:
			make_instance(&admin, instance);
			break;
		case 4:
			vw_get(instance, "last_error", text, sizeof(text));
			break;
		case 5:
		case 6:
			set_some_target(&admin, instance);
			break;
		default:
			read_all_of(below(&admin, MOST_DEVICES));
		}
		usleep(below(&admin, 2000));
	}
	return 0;
}

/* --- The run -------------------------------------------------------------- */

static unsigned int count_names(const char *path, const char *prefix)
{
	struct dirent *entry;
	unsigned int count = 0;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir)))
		count += !strncmp(entry->d_name, prefix, strlen(prefix));
	if (dir)
		closedir(dir);
	return count;
}

static struct vw_child start_user(size_t i, __u64 *seed)
{
	struct vw_child child = vw_fork(start_user_threads, vw_pointer(vw_random(seed)));

	setpgid(child.pid, child.pid);
	__atomic_store_n(&users[i], child.pid, __ATOMIC_RELAXED);
	return child;
}

/* Kill the whole process group. */
static void end_user(struct vw_child *child)
{
	kill(-child->pid, SIGKILL);
	vw_kill(child);
}

static void run_at_random(__u64 length, __u64 *seed)
{
	struct vw_child child[USERS], admin[ADMINS];
	__u64 end = vw_now() + length;
	unsigned long kills = 0;
	size_t i;

	for (i = 0; i < ADMINS; i++)
		admin[i] = vw_fork(change_devices, vw_pointer(vw_random(seed)));
	for (i = 0; i < USERS; i++)
		child[i] = start_user(i, seed);
	for (; vw_now() < end; kills++) {
		usleep(vw_random(seed) % 20000);
		i = vw_random(seed) % USERS;
		end_user(&child[i]);
		child[i] = start_user(i, seed);
		if (kills % 64 == 63) {
			i = vw_random(seed) % ADMINS;
			vw_kill(&admin[i]);
			admin[i] = vw_fork(change_devices, vw_pointer(vw_random(seed)));
		}
	}
	for (i = 0; i < USERS; i++)
		end_user(&child[i]);
	for (i = 0; i < ADMINS; i++)
		vw_kill(&admin[i]);
	print_message("# %lu users were killed\n", kills);
}

static void remove_all(void)
{
	char instance[16];

	for (int i = 0; i < INSTANCES; i++) {
		snprintf(instance, sizeof(instance), "random%d", i);
		vw_rmdir(instance);
	}
	assert_int_equal(count_names(VW_CONFIGFS, "random"), 0);
	assert_true(vw_eventually(!count_names("/dev", "vmwalk")));
	assert_int_equal(count_names(VW_CLASS, "vmwalk"), 0);
}

static __u64 seconds, seed;

/* All rounds share the time, also the first one, which is not measured. */
static void one_round(void)
{
	run_at_random(seconds * SECOND / (1 + vw_leak_rounds()), &seed);
	remove_all();
}

VW_TEST(random_calls_leak_nothing)
{
	seconds = vw_env("VMWALK_RANDOM_SECONDS", 20);
	seed = vw_env("VMWALK_RANDOM_SEED", vw_now());
	print_message("# VMWALK_RANDOM_SEED=%llu, %llu seconds\n", seed, seconds);
	arena = vw_anon_aligned(ARENA, PMD_SIZE);
	users = vw_map(-1, PAGE, 0, RW, MAP_SHARED | MAP_ANONYMOUS);
	one_round();
	/* Leaks of less than half of this (4 MiB) are taken for noise. */
	vw_expect_no_growth(one_round, 2048);
}
