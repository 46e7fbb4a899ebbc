// SPDX-License-Identifier: GPL-2.0
/*
 * All combinations of buffer type, map mode, cache mode and {shared, private}:
 * which are valid, what their mappings show, how they are cached, and how they
 * react to mmap(2) and related calls. docs/mmap.md lists the reactions in
 * tables; these tests read the tables and check each cell.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <elf.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "harness.h"

#define PMD_PAGES	(PMD_SIZE / PAGE)
#define MAX_PAGES	(2 * PMD_PAGES)
#define L1TF		"/sys/devices/system/cpu/vulnerabilities/l1tf"
#define WINDOW		16UL		/* pages in the default fault_around */

static const char * const types[] = { "kmalloc", "vmalloc", "pages", "huge", "dma" };
static const char * const modes[] = { "remap", "insert", "fault" };
static const char * const caches[] = { "wb", "wc", "uc" };
static const int shares[] = { MAP_SHARED, MAP_PRIVATE };

static bool is(const char *a, const char *b)
{
	return !strcmp(a, b);
}

/* --- One cell ------------------------------------------------------------- */

/* A device whose pages start with different stamps, and a mapping of it. */
struct cell {
	const struct vw_combo *combo;
	int share;
	size_t pages;
	int n;
	int fd;
	char *map;
	__u64 *frames;			/* of the buffer */
};

static __u64 stamp(size_t page)
{
	return 0x9e3779b97f4a7c15 * (page + 1);
}

/* Do these pages start with the stamps of the buffer's pages from first on? */
static bool shows(const char *map, size_t first, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		__u64 there = __atomic_load_n((const __u64 *)(map + i * PAGE), __ATOMIC_RELAXED);

		if (there != stamp(first + i)) {
			print_message("# page %zu has 0x%llx, not the buffer's page %zu\n", i,
				      there, first + i);
			return false;
		}
	}
	return true;
}

static void put_stamps(int fd, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		__u64 value = stamp(i);

		vw_expect(vw_sys(pwrite(fd, &value, sizeof(value), i * PAGE)), sizeof(value));
	}
}

/* Map at a multiple of 2 MiB, so that windows and PMD mappings are aligned. */
static char *map_aligned(int fd, size_t len, off_t offset, int prot, int flags)
{
	char *area = vw_anon_aligned(ALIGN_UP(len, PMD_SIZE), PMD_SIZE);

	vw_map_at(area, fd, len, offset, prot, flags | MAP_FIXED);
	munmap(area + len, ALIGN_UP(len, PMD_SIZE) - len);
	return area;
}

static void make_cell(struct cell *cell, const struct vw_combo *combo)
{
	char *map;

	/* Except for huge, too small for a PMD mapping on any kernel. */
	*cell = (struct cell){
		.combo = combo,
		.pages = is(combo->type, "huge") ? MAX_PAGES : PMD_PAGES / 2,
	};
	cell->n = vw_make_combo(combo, cell->pages * PAGE, "zero");
	cell->fd = vw_open_rw(cell->n);
	put_stamps(cell->fd, cell->pages);
	cell->frames = vw_anon(cell->pages * sizeof(*cell->frames));
	map = map_aligned(cell->fd, cell->pages * PAGE, 0, PROT_READ, MAP_SHARED);
	assert_true(shows(map, 0, cell->pages));
	vw_frames(0, map, cell->pages, cell->frames);
	munmap(map, cell->pages * PAGE);
}

static void map_cell(struct cell *cell, int flags)
{
	cell->map = map_aligned(cell->fd, cell->pages * PAGE, 0, RW, cell->share | flags);
}

static void unmap_cell(struct cell *cell)
{
	munmap(cell->map, cell->pages * PAGE);
	vw_expect_stat(cell->n, "mappings", 0);
	vw_expect_stat(cell->n, "mapped_pages", 0);
}

/* Count the buffer's pages in the page tables of this process's mapping. */
static size_t seen(const struct cell *cell)
{
	__u64 frames[MAX_PAGES];
	size_t count = 0;

	vw_frames(0, cell->map, cell->pages, frames);
	for (size_t i = 0; i < cell->pages; i++)
		count += frames[i] && frames[i] == cell->frames[i];
	return count;
}

/* Return mapped_pages, which must match the page tables. */
static size_t mapped(const struct cell *cell)
{
	size_t count = vw_stat(cell->n, "mapped_pages");

	vw_expect(count, seen(cell));
	return count;
}

static void read_all(const struct cell *cell)
{
	assert_true(shows(cell->map, 0, cell->pages));
}

/* --- Words of the tables -------------------------------------------------- */

#define WORD	64

static void put_errno(char *word, int error)
{
	snprintf(word, WORD, "%s", strerrorname_np(error));
}

static void put_count(const struct cell *cell, char *word, size_t pages)
{
	const struct {
		size_t pages;
		const char *name;
	} counts[] = {
		{ cell->pages, "all" }, { PMD_PAGES, "a PMD" }, { WINDOW, "a window" },
	};

	snprintf(word, WORD, pages ? "%zu pages" : "none", pages);
	for (size_t i = 0; i < COUNT(counts); i++) {
		if (pages == counts[i].pages || pages + 1 == counts[i].pages) {
			snprintf(word, WORD, "%s%s", counts[i].name,
				 pages == counts[i].pages ? "" : " but one");
			return;
		}
	}
}

/* Compare with the pages mapped before; a PMD may have been unmapped. */
static void put_kept(const struct cell *cell, char *word, size_t wanted, size_t now)
{
	if (now == wanted)
		snprintf(word, WORD, "kept");
	else if (now && now == cell->pages - PMD_PAGES)
		snprintf(word, WORD, "PMD lost");
	else
		put_count(cell, word, now);
}

struct faults {
	long long of[5];
};

static const char * const fault_kinds[] = { "read", "write", "mkwrite", "huge", "failed" };

static struct faults count_faults(int n)
{
	struct faults faults;
	long long sum = 0;
	char name[32];

	for (size_t i = 0; i < COUNT(fault_kinds); i++) {
		snprintf(name, sizeof(name), "%s_faults", fault_kinds[i]);
		faults.of[i] = vw_stat(n, name);
		sum += faults.of[i];
	}
	vw_expect_stat(n, "faults", sum);
	return faults;
}

static void put_faults(char *word, const struct faults *before, const struct faults *after)
{
	size_t len = snprintf(word, WORD, "none");

	for (size_t i = 0; i < COUNT(fault_kinds); i++) {
		long long more = after->of[i] - before->of[i];

		if (!more)
			continue;
		if (is(word, "none"))
			len = 0;
		len += snprintf(word + len, WORD - len, "%s%lld %s", len ? ", " : "", more,
				fault_kinds[i]);
	}
}

/* A field of the mapping in smaps, in pages; for VmFlags, is the flag set? */
static size_t in_smaps(const struct cell *cell, const char *field, const char *flag)
{
	unsigned long start, value;
	char line[512], format[64];
	bool in = false;
	FILE *file;

	file = fopen("/proc/self/smaps", "re");
	assert_non_null(file);
	snprintf(format, sizeof(format), "%s: %%lu", field);
	while (fgets(line, sizeof(line), file)) {
		if (strchr(line, '-') && sscanf(line, "%lx-%*x ", &start) == 1)
			in = start == (uintptr_t)cell->map;
		else if (in && flag && !strncmp(line, field, strlen(field)))
			value = strstr(line, flag) ? 1 : 0;
		else if (!in || flag || sscanf(line, format, &value) != 1)
			continue;
		else
			value = value * KIB / PAGE;
		if (in && !strncmp(line, field, strlen(field))) {
			fclose(file);
			return value;
		}
	}
	fclose(file);
	vw_fail("smaps has no %s", field);
}

/* --- The rows of docs/mmap.md: each observes a new mapping ---------------- */

#define AT	(20 * PAGE + 100)	/* a byte behind its page's stamp */

static void by_mmap(struct cell *cell, char *word)
{
	put_count(cell, word, mapped(cell));
}

static void by_a_read(struct cell *cell, char *word)
{
	vw_peek(cell->map + AT);
	put_count(cell, word, mapped(cell));
}

static void by_a_write(struct cell *cell, char *word)
{
	vw_poke(cell->map + AT, 1);
	put_count(cell, word, mapped(cell));
}

static void faults_of_a_read(struct cell *cell, char *word)
{
	struct faults before = count_faults(cell->n), after;

	vw_peek(cell->map + AT);
	after = count_faults(cell->n);
	put_faults(word, &before, &after);
}

static void faults_of_a_write(struct cell *cell, char *word)
{
	struct faults before = count_faults(cell->n), after;

	vw_poke(cell->map + AT, 1);
	after = count_faults(cell->n);
	put_faults(word, &before, &after);
}

static void faults_of_a_write_after_a_read(struct cell *cell, char *word)
{
	struct faults before, after;

	vw_peek(cell->map + AT);
	before = count_faults(cell->n);
	vw_poke(cell->map + AT, 1);
	after = count_faults(cell->n);
	put_faults(word, &before, &after);
}

static void size_of_entries(struct cell *cell, char *word)
{
	struct vmwalk_walk walk;

	vw_peek(cell->map + AT);
	vw_ok(vw_walk(cell->fd, (uintptr_t)cell->map + AT, &walk));
	vw_expect(walk.pfn, cell->frames[AT / PAGE]);
	snprintf(word, WORD, "%s", vw_level_shift(walk.page_shift) == PAGE_SHIFT ? "4 KiB" :
		 walk.page_shift == PMD_SHIFT ? "2 MiB" : "?");
}

static void a_write_is_seen(struct cell *cell, char *word)
{
	char *other = map_aligned(cell->fd, cell->pages * PAGE, 0, PROT_READ, MAP_SHARED);
	unsigned char before = vw_peek(other + AT), byte;

	vw_poke(cell->map + AT, before + 1);
	assert_int_equal(vw_peek(cell->map + AT), (unsigned char)(before + 1));
	vw_expect(vw_sys(pread(cell->fd, &byte, 1, AT)), 1);
	assert_int_equal(vw_peek(other + AT), byte);
	assert_true(byte == before || byte == (unsigned char)(before + 1));
	snprintf(word, WORD, byte == before ? "by the writer" : "by all");
	assert_true(shows(cell->map, 0, cell->pages));
	assert_true(shows(other, 0, cell->pages));
	munmap(other, cell->pages * PAGE);
}

static void rss_after_mmap(struct cell *cell, char *word)
{
	put_count(cell, word, in_smaps(cell, "Rss", NULL));
}

static void rss_when_read(struct cell *cell, char *word)
{
	read_all(cell);
	vw_expect(mapped(cell), cell->pages);
	put_count(cell, word, in_smaps(cell, "Rss", NULL));
}

static void mapped_with(struct cell *cell, int flags, char *word)
{
	unmap_cell(cell);
	map_cell(cell, flags);
	if (!mapped(cell) && in_smaps(cell, "Anonymous", NULL) == cell->pages)
		snprintf(word, WORD, "copies");
	else
		put_count(cell, word, mapped(cell));
	read_all(cell);
}

static void by_map_populate(struct cell *cell, char *word)
{
	mapped_with(cell, MAP_POPULATE, word);
}

static void by_map_locked(struct cell *cell, char *word)
{
	mapped_with(cell, MAP_LOCKED, word);
	assert_int_equal(in_smaps(cell, "VmFlags", " lo"), 0);
	assert_int_equal(in_smaps(cell, "Locked", NULL), 0);
	vw_ok(vw_sys(mlock(cell->map, cell->pages * PAGE)));
	assert_int_equal(in_smaps(cell, "Locked", NULL), 0);
}

/* Wait, check the whole mapping, and wait again. */
static int check_on_command(void *arg)
{
	struct cell *cell = arg;

	vw_sync(0);
	vw_check(shows(cell->map, 0, cell->pages));
	vw_sync(0);
	return 0;
}

static void of_a_fork(struct cell *cell, char *word)
{
	struct vw_child child;
	size_t before;

	read_all(cell);
	before = mapped(cell);
	child = vw_fork(check_on_command, cell);
	vw_hear(&child);
	vw_expect_stat(cell->n, "mappings", 2);
	put_kept(cell, word, before, vw_stat(cell->n, "mapped_pages") - seen(cell));
	vw_tell(&child, 0);
	vw_hear(&child);
	vw_expect_stat(cell->n, "mapped_pages", before + cell->pages);
	vw_tell(&child, 0);
	vw_join_ok(&child);
	vw_expect(mapped(cell), before);
}

static bool cpu_has_l1tf(void)
{
	char text[64];

	return vw_file_read(L1TF, text, sizeof(text)) > 0 && strcmp(text, "Not affected");
}

/* Does mprotect() unmap pages, so that it does not change their cache mode? */
static bool mprotect_unmaps(const struct cell *cell)
{
	char cache[16];

	assert_true(vw_sysfs(cell->n, "cache_mode", cache, sizeof(cache)) > 0);
	return !VW_IS_X86 && cell->share == MAP_PRIVATE && !is(cache, "wb");
}

static void of_prot_none(struct cell *cell, char *word)
{
	size_t before, len = cell->pages * PAGE;

	read_all(cell);
	before = mapped(cell);
	vw_ok(vw_sys(mprotect(cell->map, len, PROT_NONE)));
	vw_expect(vw_sys(write(cell->fd, cell->map, 1)), -EFAULT);
	vw_ok(vw_sys(mprotect(cell->map, len, RW)));
	put_kept(cell, word, before, mapped(cell));
	assert_true(mapped(cell) == (mprotect_unmaps(cell) ? 0 : before) || cpu_has_l1tf());
	read_all(cell);
	vw_poke(cell->map + AT, 1);
}

static void of_one_protected_page(struct cell *cell, char *word)
{
	size_t before;

	read_all(cell);
	before = mapped(cell);
	vw_ok(vw_sys(mprotect(cell->map + 20 * PAGE, PAGE, PROT_READ)));
	put_kept(cell, word, before, mapped(cell));
	if (cell->share == MAP_PRIVATE)
		vw_expect(mapped(cell), before - mprotect_unmaps(cell));
	vw_expect(vw_sys(pread(cell->fd, cell->map + AT, 1, AT)), -EFAULT);
	vw_poke(cell->map + AT + PAGE, 1);
	read_all(cell);
}

static void prot_exec(struct cell *cell, char *word)
{
	void *map = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, cell->share, cell->fd, 0);

	assert_ptr_equal(map, MAP_FAILED);
	put_errno(word, errno);
}

static void prot_exec_later(struct cell *cell, char *word)
{
	assert_int_equal(mprotect(cell->map, PAGE, PROT_READ | PROT_EXEC), -1);
	put_errno(word, errno);
	vw_poke(cell->map + AT, 1);
}

static void mremap_to_more(struct cell *cell, char *word)
{
	munmap(cell->map + PAGE, (cell->pages - 1) * PAGE);
	assert_ptr_equal(mremap(cell->map, PAGE, 2 * PAGE, MREMAP_MAYMOVE), MAP_FAILED);
	put_errno(word, errno);
	assert_true(shows(cell->map, 0, 1));
}

static void mremap_to_less(struct cell *cell, char *word)
{
	size_t before, len = cell->pages * PAGE;

	read_all(cell);
	before = mapped(cell);
	assert_ptr_equal(mremap(cell->map, len, len - PAGE, 0), cell->map);
	put_kept(cell, word, before - 1, mapped(cell));
	assert_true(shows(cell->map, 0, cell->pages - 1));
}

static void mremap_elsewhere(struct cell *cell, char *word)
{
	size_t before, len = cell->pages * PAGE;
	char *area = vw_anon_aligned(len, PMD_SIZE);

	vw_poke(cell->map + AT, 77);
	read_all(cell);
	before = mapped(cell);
	assert_ptr_equal(mremap(cell->map, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, area), area);
	cell->map = area;
	put_kept(cell, word, before, mapped(cell));
	assert_int_equal(vw_peek(cell->map + AT), 77);
	read_all(cell);
}

static void of_a_hole(struct cell *cell, char *word)
{
	size_t before;

	read_all(cell);
	before = mapped(cell);
	vw_ok(vw_sys(munmap(cell->map + 20 * PAGE, PAGE)));
	vw_expect_stat(cell->n, "mappings", 2);
	put_kept(cell, word, before - 1, mapped(cell));
	assert_true(shows(cell->map, 0, 20));
	assert_true(shows(cell->map + 21 * PAGE, 21, cell->pages - 21));
	vw_expect(mapped(cell), cell->pages - 1);
}

static void madv_dontneed(struct cell *cell, char *word)
{
	unsigned char there;

	vw_expect(vw_sys(pread(cell->fd, &there, 1, AT)), 1);
	read_all(cell);
	vw_poke(cell->map + AT, there + 1);
	if (madvise(cell->map, cell->pages * PAGE, MADV_DONTNEED)) {
		put_errno(word, errno);
	} else {
		put_kept(cell, word, cell->pages, mapped(cell));
		there += cell->share == MAP_SHARED;
		assert_int_equal(vw_peek(cell->map + AT), there);
	}
	read_all(cell);
}

static void advise(struct cell *cell, int advice, char *word)
{
	size_t before;

	read_all(cell);
	before = mapped(cell);
	if (madvise(cell->map, cell->pages * PAGE, advice))
		put_errno(word, errno);
	else
		snprintf(word, WORD, "accepted");
	vw_expect(mapped(cell), before);
	read_all(cell);
}

static void madv_hugepage(struct cell *cell, char *word)
{
	advise(cell, MADV_HUGEPAGE, word);
}

static int has_no_mapping(void *arg)
{
	struct cell *cell = arg;

	for (size_t i = 0; i < cell->pages; i++) {
		vw_check(msync(cell->map + i * PAGE, PAGE, MS_ASYNC) == -1);
		vw_check(errno == ENOMEM);
	}
	return 0;
}

static void madv_dontfork(struct cell *cell, char *word)
{
	advise(cell, MADV_DONTFORK, word);
	vw_in_child(has_no_mapping, cell);
}

static void madv_dofork(struct cell *cell, char *word)
{
	advise(cell, MADV_DOFORK, word);
}

static void madv_dodump(struct cell *cell, char *word)
{
	advise(cell, MADV_DODUMP, word);
}

#define CORE_PATTERN	"/proc/sys/kernel/core_pattern"
#define CORE		"/tmp/vmwalk-test-core"

struct dump {
	struct cell *cell;
	const char *filter;
};

static int dump_core(void *arg)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	const struct dump *dump = arg;

	vw_check(!setrlimit(RLIMIT_CORE, &unlimited));
	vw_check_rc(vw_file_write("/proc/self/coredump_filter", dump->filter), 0);
	signal(SIGABRT, SIG_DFL);
	raise(SIGABRT);
	return 0;
}

/* How is the mapping in the core file? */
static void put_dumped(const struct cell *cell, char *word)
{
	char *at = malloc(cell->pages * PAGE);
	ssize_t len = cell->pages * PAGE;
	Elf64_Ehdr head;
	Elf64_Phdr part;
	int fd;

	fd = open(CORE, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !at)
		vw_fail("no core: %s", strerror(errno));
	vw_expect(pread(fd, &head, sizeof(head), 0), sizeof(head));
	snprintf(word, WORD, "no segment");
	for (size_t i = 0; i < head.e_phnum; i++) {
		vw_expect(pread(fd, &part, sizeof(part), head.e_phoff + i * sizeof(part)),
			  sizeof(part));
		if (part.p_type != PT_LOAD || part.p_vaddr != (uintptr_t)cell->map)
			continue;
		vw_expect(part.p_memsz, len);
		snprintf(word, WORD, "%llu bytes", (unsigned long long)part.p_filesz);
		if (!part.p_filesz) {
			snprintf(word, WORD, "not in it");
		} else if ((ssize_t)part.p_filesz == len) {
			vw_expect(pread(fd, at, len, part.p_offset), len);
			assert_true(shows(at, 0, cell->pages));
			snprintf(word, WORD, "in it");
		}
	}
	close(fd);
	free(at);
}

static void core_dump(struct cell *cell, const char *filter, char *word)
{
	struct dump dump = { cell, filter };
	char pattern[256];
	struct vw_child child;
	int rc;

	if (vw_file_read(CORE_PATTERN, pattern, sizeof(pattern)) < 0)
		return;		/* this kernel has no core dumps */
	vw_poke(cell->map + AT, 1);
	vw_ok(vw_file_write(CORE_PATTERN, CORE));
	child = vw_fork(dump_core, &dump);
	rc = vw_join(&child);
	vw_ok(vw_file_write(CORE_PATTERN, pattern));
	vw_expect(rc, -SIGABRT);
	put_dumped(cell, word);
	unlink(CORE);
}

static void core_dump_by_default(struct cell *cell, char *word)
{
	core_dump(cell, "0x33", word);
}

static void core_dump_of_files(struct cell *cell, char *word)
{
	core_dump(cell, "0x3f", word);
}

static void register_with(const struct cell *cell, __u64 features, __u64 mode, char *word)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = {
		.range = { (uintptr_t)cell->map, cell->pages * PAGE },
		.mode = mode,
	};
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	/* Not all kernels have all features. */
	if (uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api)) {
		if (ioctl(uffd, UFFDIO_REGISTER, &reg))
			put_errno(word, errno);
		else
			snprintf(word, WORD, "accepted");
	}
	close(uffd);
}

/* Since Linux 6.7, asynchronous write protection works on more kinds of memory. */
static void userfaultfd(struct cell *cell, char *word)
{
	const __u64 wp_async = BIT_ULL(15);

	register_with(cell, 0, UFFDIO_REGISTER_MODE_MISSING, word);
	if (is(word, "EINVAL"))
		register_with(cell, wp_async, UFFDIO_REGISTER_MODE_WP, word);
}

static void remote_read(struct cell *cell, char *word)
{
	struct iovec remote = { cell->map + 30 * PAGE, 8 }, local;
	struct vw_child child;
	__u64 back;

	local = (struct iovec){ &back, 8 };
	child = vw_fork(check_on_command, cell);
	vw_hear(&child);
	if (process_vm_readv(child.pid, &local, 1, &remote, 1, 0) < 0) {
		put_errno(word, errno);
	} else {
		assert_true(back == stamp(30));
		snprintf(word, WORD, "data");
	}
	vw_kill(&child);
}

static int read_on_command(void *arg)
{
	struct cell *cell = arg;

	vw_say(0);
	while (!vw_listen())
		vw_say(vw_peek(cell->map + AT));
	return 0;
}

static void remote_write(struct cell *cell, char *word)
{
	struct iovec remote = { cell->map + AT, 1 }, local;
	struct vw_child child;
	unsigned char before, byte, now;

	vw_expect(vw_sys(pread(cell->fd, &before, 1, AT)), 1);
	byte = before + 1;
	local = (struct iovec){ &byte, 1 };
	child = vw_fork(read_on_command, cell);
	vw_hear(&child);
	if (process_vm_writev(child.pid, &local, 1, &remote, 1, 0) < 0) {
		put_errno(word, errno);
		byte = before;
	} else {
		snprintf(word, WORD, "data");
	}
	vw_tell(&child, 0);
	vw_expect(vw_hear(&child), byte);
	vw_kill(&child);
	vw_expect(vw_sys(pread(cell->fd, &now, 1, AT)), 1);
	vw_expect(now, cell->share == MAP_SHARED ? byte : before);
}

static void ptrace_peek(struct cell *cell, char *word)
{
	struct vw_child child = vw_fork(check_on_command, cell);
	__u64 back;

	vw_hear(&child);
	vw_ok(vw_sys(ptrace(PTRACE_ATTACH, child.pid, NULL, NULL)));
	assert_int_equal(waitpid(child.pid, NULL, __WALL), child.pid);
	errno = 0;
	back = ptrace(PTRACE_PEEKDATA, child.pid, cell->map + 30 * PAGE, NULL);
	if (errno) {
		put_errno(word, errno);
	} else {
		assert_true(back == stamp(30));
		snprintf(word, WORD, "data");
	}
	vw_ok(vw_sys(ptrace(PTRACE_DETACH, child.pid, NULL, NULL)));
	vw_kill(&child);
}

static const struct row {
	const char *name;
	void (*observe)(struct cell *cell, char *word);
} rows[] = {
	{ "a write is seen", a_write_is_seen },
	{ "mapped by mmap()", by_mmap },
	{ "mapped by a read", by_a_read },
	{ "mapped by a write", by_a_write },
	{ "size of entries", size_of_entries },
	{ "faults of a read", faults_of_a_read },
	{ "faults of a write", faults_of_a_write },
	{ "faults of a write after a read", faults_of_a_write_after_a_read },
	{ "mapped by MAP_POPULATE", by_map_populate },
	{ "mapped by MAP_LOCKED", by_map_locked },
	{ "Rss after mmap()", rss_after_mmap },
	{ "Rss when all is read", rss_when_read },
	{ "fork(): in the child", of_a_fork },
	{ "mprotect() to PROT_NONE and back", of_prot_none },
	{ "mprotect() of one page", of_one_protected_page },
	{ "mmap() with PROT_EXEC", prot_exec },
	{ "mprotect() with PROT_EXEC", prot_exec_later },
	{ "mremap() to a larger size", mremap_to_more },
	{ "mremap() to one page less", mremap_to_less },
	{ "mremap() to another address", mremap_elsewhere },
	{ "munmap() of one page", of_a_hole },
	{ "MADV_DONTNEED", madv_dontneed },
	{ "MADV_HUGEPAGE", madv_hugepage },
	{ "MADV_DONTFORK", madv_dontfork },
	{ "MADV_DOFORK", madv_dofork },
	{ "MADV_DODUMP", madv_dodump },
	{ "core dump", core_dump_by_default },
	{ "core dump, coredump_filter 0x3f", core_dump_of_files },
	{ "process_vm_readv()", remote_read },
	{ "process_vm_writev()", remote_write },
	{ "PTRACE_PEEKDATA", ptrace_peek },
	{ "UFFDIO_REGISTER", userfaultfd },
};

/* --- The tables of docs/mmap.md ------------------------------------------- */

#define COLUMNS	8

/* The table below a heading; row 0 has the column names. */
struct table {
	size_t rows;
	char cell[48][COLUMNS][WORD];
};

/* Copy one cell without surrounding blanks and backquotes. */
static void clean(char *to, const char *from, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < WORD - 1; i++) {
		if (from[i] != '`' && (n || !isspace(from[i])))
			to[n++] = from[i];
	}
	while (n && isspace(to[n - 1]))
		n--;
	to[n] = '\0';
}

static void read_table(const char *heading, struct table *table)
{
	char path[512], line[1024];
	bool here = false;
	ssize_t len;
	FILE *file;

	/* Installed with the scripts' tests, in a sibling directory. */
	len = readlink("/proc/self/exe", path, sizeof(path) - 64);
	assert_true(len > 0);
	path[len] = '\0';
	len = strrchr(path, '/') - path;
	snprintf(path + len, sizeof(path) - len, "/../scripts/mmap.md");
	file = fopen(path, "re");
	if (!file)
		vw_fail("%s: %s", path, strerror(errno));

	memset(table, 0, sizeof(*table));
	while (fgets(line, sizeof(line), file)) {
		char *at = line + 1, *end;

		if (line[0] == '#') {
			line[strcspn(line, "\n")] = '\0';
			here = is(line, heading);
		}
		if (!here || line[0] != '|' || !strncmp(line, "|--", 3))
			continue;
		assert_true(table->rows < COUNT(table->cell));
		for (size_t i = 0; (end = strchr(at, '|')); i++, at = end + 1) {
			assert_true(i < COLUMNS);
			clean(table->cell[table->rows][i], at, end - at);
		}
		table->rows++;
	}
	fclose(file);
	if (table->rows < 2)
		vw_fail("%s has no table below \"%s\"", path, heading);
}

/* Get the cell in the named row and column, or NULL. */
static const char *look_up(const struct table *table, const char *row, const char *column)
{
	for (size_t i = 1; i < table->rows; i++) {
		for (size_t j = 1; is(table->cell[i][0], row) && j < COLUMNS; j++) {
			if (is(table->cell[0][j], column))
				return table->cell[i][j];
		}
	}
	return NULL;
}

/* Is the word the documented one, or one of several separated by "or"? */
static bool is_one_of(const char *word, const char *wanted)
{
	size_t len = strlen(word);

	for (const char *at = wanted; at; at = strstr(at, " or ")) {
		if (at != wanted)
			at += strlen(" or ");
		if (!strncmp(at, word, len) && (!at[len] || !strncmp(at + len, " or ", 4)))
			return true;
	}
	return false;
}

/* --- Valid combinations --------------------------------------------------- */

static bool is_valid(const char *type, const char *mode, const char *cache)
{
	for (size_t i = 0; i < VW_COMBOS; i++) {
		if (is(vw_combos[i].type, type) && is(vw_combos[i].mode, mode) &&
		    is(vw_combos[i].cache, cache))
			return true;
	}
	return false;
}

static void expect_invalid(const char *type, const char *mode, const char *cache)
{
	char error[512] = "";

	vw_make_pending("t", "buffer_type", type, "map_mode", mode, "cache_mode", cache, "size",
			"64K", NULL);
	vw_expect(vw_set("t", "live", "1"), -EINVAL);
	assert_true(vw_get("t", "last_error", error, sizeof(error)) > 20);
	if (!strstr(error, type) || !(strstr(error, mode) || strstr(error, cache)))
		vw_fail("%s %s %s: last_error is \"%s\"", type, mode, cache, error);
	vw_expect_attr("t", "live", "0");
	vw_expect_attr("t", "buffer_type", type);
	vw_expect_attr("t", "map_mode", mode);
	vw_expect_attr("t", "cache_mode", cache);
	vw_expect_attr("t", "size", "65536");
	assert_false(vw_exists("/dev/vmwalk0"));

	/* With a valid combination the instance goes live. */
	vw_ok(vw_set("t", "buffer_type", "pages"));
	vw_ok(vw_set("t", "live", "1"));
	vw_ok(vw_rmdir("t"));
}

VW_TEST(other_combinations_fail_at_live_with_an_error_message)
{
	size_t valid = 0;

	for (size_t i = 0; i < COUNT(types); i++) {
		for (size_t j = 0; j < COUNT(modes); j++) {
			for (size_t k = 0; k < COUNT(caches); k++) {
				if (is_valid(types[i], modes[j], caches[k]))
					valid++;
				else if (vw_is_available("cache_modes", caches[k]))
					expect_invalid(types[i], modes[j], caches[k]);
			}
		}
	}
	assert_int_equal(valid, VW_COMBOS);
}

VW_TEST(the_documented_kinds_are_the_valid_combinations)
{
	struct table table;

	read_table("## Kinds of mappings", &table);
	assert_int_equal(table.rows, COUNT(types) + 1);
	for (size_t i = 0; i < COUNT(types); i++) {
		for (size_t j = 0; j < COUNT(modes); j++) {
			const char *kind = look_up(&table, types[i], modes[j]);

			assert_non_null(kind);
			assert_int_equal(is(kind, "–"), !is_valid(types[i], modes[j], "wb"));
		}
	}
}

/* --- All cells of the tables ---------------------------------------------- */

static const char * const headings[] = { "## MAP_SHARED", "## MAP_PRIVATE" };

VW_TEST(the_documented_rows_are_the_tested_rows)
{
	struct table table;

	for (size_t s = 0; s < COUNT(headings); s++) {
		read_table(headings[s], &table);
		assert_int_equal(table.rows, COUNT(rows) + 1);
		for (size_t i = 0; i < COUNT(rows); i++)
			assert_string_equal(table.cell[i + 1][0], rows[i].name);
	}
}

VW_TEST_ALL(each_combination_behaves_as_documented)
{
	const char *kind, *wanted, *as;
	struct table table;
	struct cell cell;
	char word[WORD], name[WORD];
	int wrong = 0;

	read_table("## Kinds of mappings", &table);
	kind = look_up(&table, combo->type, combo->mode);
	assert_non_null(kind);
	snprintf(name, sizeof(name), "%s", kind);

	make_cell(&cell, combo);
	for (size_t s = 0; s < COUNT(shares); s++) {
		cell.share = shares[s];
		read_table(headings[s], &table);
		/* Private mappings that are not write-back are PFN mappings. */
		as = name;
		if (is(name, "PMD pages") && (shares[s] == MAP_PRIVATE || !vw_maps_folios()))
			as = "pages";
		if (shares[s] == MAP_PRIVATE && !is(combo->cache, "wb"))
			as = is(combo->mode, "fault") ? "lazy PFN" : "PFN";
		for (size_t i = 0; i < COUNT(rows); i++) {
			word[0] = '\0';
			map_cell(&cell, 0);
			rows[i].observe(&cell, word);
			unmap_cell(&cell);
			wanted = look_up(&table, rows[i].name, as);
			if (!word[0] || (wanted && is_one_of(word, wanted)))
				continue;
			print_message("# %s, %s, \"%s\": documented \"%s\", observed \"%s\"\n",
				      headings[s] + 3, as, rows[i].name,
				      wanted ? wanted : "", word);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

/* --- Contents ------------------------------------------------------------- */

#define SMALL	(37 * PAGE)

static void fill_random(unsigned char *data, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		data[i] = seed >> 16;
	}
}

VW_TEST_ALL(mappings_and_read_write_show_the_same_data)
{
	unsigned char data[SMALL], back[SMALL];
	int n = vw_make_combo(combo, SMALL, "zero");
	int fd = vw_open_rw(n), other = vw_open_rw(n);

	for (size_t s = 0; s < COUNT(shares); s++) {
		char *map = vw_map(fd, SMALL, 0, RW, shares[s]);
		char *shared = vw_map(other, SMALL, 0, PROT_READ, MAP_SHARED);

		/* write(2) is visible in both mappings. */
		fill_random(data, SMALL, 2 * s);
		vw_expect(vw_sys(pwrite(fd, data, SMALL, 0)), SMALL);
		assert_memory_equal(map, data, SMALL);
		assert_memory_equal(shared, data, SMALL);

		/* A write to the mapping is visible in both if it is shared. */
		fill_random(back, SMALL, 2 * s + 1);
		memcpy(map + PAGE / 2, back, SMALL - PAGE);
		assert_memory_equal(map + PAGE / 2, back, SMALL - PAGE);
		if (shares[s] == MAP_SHARED)
			memcpy(data + PAGE / 2, back, SMALL - PAGE);
		assert_memory_equal(shared, data, SMALL);
		vw_expect(vw_sys(pread(other, back, SMALL, 0)), SMALL);
		assert_memory_equal(back, data, SMALL);
		munmap(map, SMALL);
		munmap(shared, SMALL);
	}
}

/* --- Caching -------------------------------------------------------------- */

static __u64 caching_of(int fd, __u64 addr, __u32 flags)
{
	struct vmwalk_walk walk = { .size = sizeof(walk), .flags = flags, .addr = addr };

	vw_ok(vw_ioctl(fd, VMWALK_IOC_WALK, &walk));
	vw_expect(walk.stop, VMWALK_STOP_PAGE);
	return vw_entry_caching(walk.level[walk.stop_level].entry,
				walk.stop_level == VMWALK_PTE);
}

static __u64 caching_bits(const char *cache)
{
	return is(cache, "wc") ? VW_CACHING_WC : is(cache, "uc") ? VW_CACHING_UC : VW_CACHING_WB;
}

static void expect_caching(const struct cell *cell, size_t offset, const char *cache)
{
	vw_expect(caching_of(cell->fd, (uintptr_t)cell->map + offset, 0), caching_bits(cache));
}

#define KPF_ARCH	BIT_ULL(38)
#define KPF_UNCACHED	BIT_ULL(39)
#define KPF_ARCH_2	BIT_ULL(41)	/* KPF_UNCACHED of later kernels */

/* Cache mode of the linear map of a frame, from its x86 page flags. */
static __u64 alias_of(__u64 pfn)
{
	__u64 flags = 0;
	int fd;

	fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		vw_skip("this kernel has no /proc/kpageflags");
	vw_expect(pread(fd, &flags, 8, pfn * 8), 8);
	close(fd);
	if (flags & KPF_ARCH_2)
		flags |= KPF_UNCACHED;
	return flags & (KPF_ARCH | KPF_UNCACHED);
}

static __u64 alias_flags(const char *cache)
{
	return is(cache, "wc") ? KPF_ARCH : is(cache, "uc") ? KPF_UNCACHED : 0;
}

/*
 * Linux 5.10, which has no epoll_pwait2(), does not call drivers in mprotect(),
 * and only x86-64 keeps the cache mode of entries without that.
 */
VW_TEST_ALL(private_mappings_fail_if_mprotect_would_change_the_cache_mode)
{
	bool old = syscall(SYS_epoll_pwait2, -1, NULL, 0, NULL, NULL) < 0 && errno == ENOSYS;
	struct cell cell;
	char cache[16];
	void *map;

	make_cell(&cell, combo);
	assert_true(vw_sysfs(cell.n, "cache_mode", cache, sizeof(cache)) > 0);
	map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, cell.fd, 0);
	vw_expect(map == MAP_FAILED ? -errno : 0,
		  old && !VW_IS_X86 && !is(cache, "wb") ? -EOPNOTSUPP : 0);
}

/*
 * Checks the user's and the kernel's entries of each page, in all mappings. For
 * a buffer of type dma, sysfs has the mode that the DMA API has chosen.
 */
VW_TEST_ALL(all_entries_have_the_cache_mode_of_the_device)
{
	struct vmwalk_locate location;
	struct cell cell;
	char cache[16];

	make_cell(&cell, combo);
	assert_true(vw_sysfs(cell.n, "cache_mode", cache, sizeof(cache)) > 0);
	if (!is(combo->type, "dma"))
		assert_string_equal(cache, combo->cache);
	for (size_t s = 0; s < COUNT(shares); s++) {
		cell.share = shares[s];
		map_cell(&cell, 0);
		read_all(&cell);
		for (size_t i = 0; i < cell.pages; i += 31)
			expect_caching(&cell, i * PAGE, cache);

		/* Changed and new entries have the same cache mode. */
		vw_ok(vw_sys(mprotect(cell.map, cell.pages * PAGE, PROT_READ)));
		vw_peek(cell.map);
		expect_caching(&cell, 0, cache);
		vw_ok(vw_sys(mprotect(cell.map, cell.pages * PAGE, RW)));
		vw_poke(cell.map + AT, 1);
		/* A private copy is write-back. */
		if (shares[s] == MAP_PRIVATE)
			expect_caching(&cell, AT, "wb");
		madvise(cell.map, cell.pages * PAGE, MADV_DONTNEED);
		read_all(&cell);
		for (size_t i = 0; i < cell.pages; i += 31)
			expect_caching(&cell, i * PAGE, cache);
		unmap_cell(&cell);
	}
	for (size_t i = 0; i < cell.pages; i += 31) {
		vw_ok(vw_locate(cell.fd, i * PAGE, &location));
		vw_expect(caching_of(cell.fd, location.kaddr, VMWALK_WALK_KERNEL),
			  caching_bits(cache));
	}
	/* Only x86 has the page flags, and changes the linear map. */
	for (size_t i = 0; VW_IS_X86 && i < cell.pages; i++)
		vw_expect(alias_of(cell.frames[i]), alias_flags(cache));
	close(cell.fd);
	vw_ok(vw_rmdir("t"));
	/* The buffer is freed some time after close(). */
	for (size_t i = 0; VW_IS_X86 && i < cell.pages; i++)
		assert_true(vw_eventually(!alias_of(cell.frames[i])));
}

/* --- fault_around --------------------------------------------------------- */

#define AROUND_PAGES	700UL	/* in a mapping not aligned to windows */
#define AROUND_SHIFT	5UL	/* pages from a 2 MiB boundary to its start */
#define AROUND_OFFSET	3UL	/* its first page in the buffer */

static const char * const lazy_types[] = { "kmalloc", "vmalloc", "pages", "huge", "dma" };

/* Touch pages, and compare the mapped pages after each with the expected. */
static void touch_and_compare(int n, char *map, size_t window, int share, bool write)
{
	static const size_t touched[] = { 0, 1, 20, 300, 506, 507, 250, 699, 698 };
	bool there[AROUND_PAGES] = { false };
	long long faults = 0, before;
	__u64 frames[AROUND_PAGES];
	size_t count = 0;

	before = vw_stat(n, "faults");
	for (size_t i = 0; i < COUNT(touched); i++) {
		size_t page = touched[i], first, end;

		if (write)
			vw_poke(map + page * PAGE + 100, 1);
		else
			vw_peek(map + page * PAGE);
		if (!there[page]) {
			faults++;
			first = (page + AROUND_SHIFT) & ~(window - 1);
			end = first + window - AROUND_SHIFT;
			first = first < AROUND_SHIFT ? 0 : first - AROUND_SHIFT;
			for (size_t j = first; j < end && j < AROUND_PAGES; j++) {
				count += !there[j];
				there[j] = true;
			}
		}
		vw_expect(vw_stat(n, "faults") - before, faults);
		vw_expect_stat(n, "mapped_pages", count);
		vw_frames(0, map, AROUND_PAGES, frames);
		for (size_t j = 0; j < AROUND_PAGES; j++) {
			if (!frames[j] == there[j])
				vw_fail("%s of page %zu, window of %zu, %s: page %zu is%s mapped",
					write ? "write" : "read", page, window,
					share == MAP_SHARED ? "shared" : "private", j,
					there[j] ? " not" : "");
		}
	}
	assert_true(shows(map, AROUND_OFFSET, AROUND_PAGES));
}

VW_TEST(a_fault_maps_exactly_its_aligned_window)
{
	static const size_t windows[] = { 1, 16, 512 };
	char text[32], *area, *map;
	int n, fd;

	for (size_t t = 0; t < COUNT(lazy_types); t++) {
		for (size_t w = 0; w < COUNT(windows); w++) {
			snprintf(text, sizeof(text), "%zuK", windows[w] * 4);
			n = vw_make("t", "buffer_type", lazy_types[t], "map_mode", "fault", "size",
				    "3M", "fault_around", text, NULL);
			fd = vw_open_rw(n);
			put_stamps(fd, 3 * MIB / PAGE);
			area = vw_anon_aligned(2 * PMD_SIZE, PMD_SIZE);
			map = area + AROUND_SHIFT * PAGE;
			for (int i = 0; i < 3; i++) {
				int share = i < 2 ? MAP_SHARED : MAP_PRIVATE;

				assert_ptr_equal(mmap(map, AROUND_PAGES * PAGE, RW,
						      share | MAP_FIXED, fd, AROUND_OFFSET * PAGE),
						 map);
				touch_and_compare(n, map, windows[w], share, i == 1);
				vw_ok(vw_sys(munmap(map, AROUND_PAGES * PAGE)));
			}
			munmap(area, 2 * PMD_SIZE);
			close(fd);
			vw_ok(vw_rmdir("t"));
		}
	}
}

/* --- PMD mappings --------------------------------------------------------- */

#define TAIL		3UL		/* pages after the last whole chunk */
#define HUGE_PAGES	(3 * PMD_PAGES + TAIL)

static const char * const huge_modes[] = { "remap", "fault" };

static int make_huge(const char *mode, int *fd)
{
	char size[32];
	int n;

	snprintf(size, sizeof(size), "%lu", HUGE_PAGES * PAGE);
	n = vw_make("t", "buffer_type", "huge", "map_mode", mode, "size", size, NULL);
	*fd = vw_open_rw(n);
	put_stamps(*fd, HUGE_PAGES);
	return n;
}

/* Page shift of the entry that maps an address, 0 if none does. */
static unsigned int shift_at(int fd, const void *at)
{
	struct vmwalk_walk walk;

	vw_ok(vw_walk(fd, (uintptr_t)at, &walk));
	return walk.stop == VMWALK_STOP_PAGE ? vw_level_shift(walk.page_shift) : 0;
}

struct layout {
	size_t shift;		/* pages from a 2 MiB boundary to the mapping */
	size_t offset;		/* its first page in the buffer */
	size_t pages;
};

/* Do address and offset allow a PMD to map this page? */
static bool in_pmd(const struct layout *layout, size_t page)
{
	size_t start = (layout->shift + page) / PMD_PAGES * PMD_PAGES;

	return start >= layout->shift && start + PMD_PAGES <= layout->shift + layout->pages &&
	       (start - layout->shift + layout->offset) % PMD_PAGES == 0;
}

static void expect_layout(int n, int fd, char *map, const struct layout *layout, bool lazy,
			  int share)
{
	long long huge = 0, windows = 0, old_huge = vw_stat(n, "huge_faults");
	long long old_read = vw_stat(n, "read_faults");
	ssize_t last = -1;

	vw_expect_stat(n, "mapped_pages", lazy ? 0 : layout->pages);
	for (size_t i = 0; i < layout->pages; i++) {
		bool is_pmd = lazy && share == MAP_SHARED && in_pmd(layout, i);
		ssize_t window = (layout->shift + i) / (is_pmd ? PMD_PAGES : WINDOW) * 2 + is_pmd;

		if (lazy && window != last)
			assert_int_equal(shift_at(fd, map + i * PAGE), 0);
		assert_true(shows(map + i * PAGE, layout->offset + i, 1));
		if (window != last)
			vw_expect(shift_at(fd, map + i * PAGE), is_pmd ? PMD_SHIFT : PAGE_SHIFT);
		huge += is_pmd && window != last;
		windows += !is_pmd && window != last;
		last = window;
	}
	vw_expect_stat(n, "mapped_pages", layout->pages);
	vw_expect(vw_stat(n, "huge_faults") - old_huge, lazy ? huge : 0);
	vw_expect(vw_stat(n, "read_faults") - old_read, lazy ? windows : 0);
	vw_expect_stat(n, "failed_faults", 0);
}

VW_TEST(faults_map_pmds_where_address_and_offset_allow)
{
	const struct layout layouts[] = {
		/* The size is not a multiple of 2 MiB. */
		{ 0, 0, HUGE_PAGES },
		{ 0, PMD_PAGES, PMD_PAGES },
		/* Unaligned address; unaligned offset; both by the same amount. */
		{ 1, 0, 3 * PMD_PAGES },
		{ 0, 1, 2 * PMD_PAGES },
		{ 1, 1, 2 * PMD_PAGES },
		{ PMD_PAGES - 1, 2 * PMD_PAGES - 1, PMD_PAGES + 2 },
		/* Shorter than a PMD mapping. */
		{ 0, 0, PMD_PAGES - 1 },
		{ 0, 3 * PMD_PAGES, TAIL },
	};
	char *area;
	int n, fd;

	area = vw_anon_aligned(5 * PMD_SIZE, PMD_SIZE);
	for (size_t m = 0; m < COUNT(huge_modes); m++) {
		n = make_huge(huge_modes[m], &fd);
		for (size_t i = 0; i < COUNT(layouts); i++) {
			for (size_t s = 0; s < COUNT(shares); s++) {
				char *map = area + layouts[i].shift * PAGE;

				assert_ptr_equal(mmap(map, layouts[i].pages * PAGE, RW,
						      shares[s] | MAP_FIXED, fd,
						      layouts[i].offset * PAGE), map);
				expect_layout(n, fd, map, &layouts[i], m == 1, shares[s]);
				vw_ok(vw_sys(munmap(map, layouts[i].pages * PAGE)));
				vw_expect_stat(n, "mapped_pages", 0);
			}
		}
		close(fd);
		vw_ok(vw_rmdir("t"));
	}
}

VW_TEST(mmap_chooses_addresses_that_allow_pmds)
{
	const size_t windows[][2] = {
		/* offset and length in pages; each has an aligned chunk */
		{ 0, HUGE_PAGES }, { 0, PMD_PAGES }, { PMD_PAGES, PMD_PAGES + 1 },
		{ 1, 2 * PMD_PAGES }, { PMD_PAGES - 1, PMD_PAGES + 1 },
	};
	int n, fd;

	n = make_huge("fault", &fd);
	for (size_t i = 0; i < COUNT(windows); i++) {
		char *map = vw_map(fd, windows[i][1] * PAGE, windows[i][0] * PAGE, RW, MAP_SHARED);
		struct layout layout = {
			.shift = (uintptr_t)map / PAGE % PMD_PAGES,
			.offset = windows[i][0],
			.pages = windows[i][1],
		};

		vw_expect(layout.shift, layout.offset % PMD_PAGES);
		expect_layout(n, fd, map, &layout, true, MAP_SHARED);
		munmap(map, windows[i][1] * PAGE);
	}
}

/* The kernel unmaps a whole PMD before it changes a part of it. */
VW_TEST(pages_of_a_split_pmd_fault_in_by_windows)
{
	char *map;
	int n, fd;

	n = make_huge("fault", &fd);
	map = map_aligned(fd, 3 * PMD_SIZE, 0, RW, MAP_SHARED);
	assert_true(shows(map, 0, 3 * PMD_PAGES));
	vw_expect_stat(n, "mapped_pages", 3 * PMD_PAGES);
	vw_expect_stat(n, "huge_faults", 3);

	vw_ok(vw_sys(munmap(map + (PMD_PAGES + 100) * PAGE, PAGE)));
	vw_expect_stat(n, "mapped_pages", 2 * PMD_PAGES);
	vw_peek(map + (PMD_PAGES + 99) * PAGE);
	/* Pages 96 to 99 of the PMD: the mapping ends there. */
	vw_expect_stat(n, "mapped_pages", 2 * PMD_PAGES + 4);
	vw_expect_stat(n, "read_faults", 1);
	vw_expect(shift_at(fd, map + (PMD_PAGES + 99) * PAGE), PAGE_SHIFT);
	vw_peek(map + (PMD_PAGES + 101) * PAGE);
	vw_expect_stat(n, "mapped_pages", 2 * PMD_PAGES + 4 + 11);

	/* The adjacent PMDs stay mapped. */
	assert_true(shows(map, 0, PMD_PAGES + 100));
	assert_true(shows(map + (PMD_PAGES + 101) * PAGE, PMD_PAGES + 101, 2 * PMD_PAGES - 101));
	vw_expect_stat(n, "mapped_pages", 3 * PMD_PAGES - 1);
	vw_expect(shift_at(fd, map), PMD_SHIFT);
	vw_expect(shift_at(fd, map + 2 * PMD_SIZE), PMD_SHIFT);
	vw_expect_stat(n, "huge_faults", 3);
}

/* Get a page of a mapping by fast GUP. Returns 1 or a negative errno. */
static long long get_page(char *at)
{
	struct iovec iov = { at, 1 };
	long long taken;
	int ends[2];

	vw_ok(vw_sys(pipe2(ends, O_CLOEXEC)));
	taken = vw_sys(vmsplice(ends[1], &iov, 1, SPLICE_F_NONBLOCK));
	close(ends[0]);
	close(ends[1]);
	return taken;
}

static void expect_small_pages(int n, int fd, int share)
{
	char *map = vw_map(fd, 2 * PMD_SIZE, 0, RW, share);
	struct vmwalk_walk walk;

	vw_expect_stat(n, "mapped_pages", 2 * PMD_PAGES);
	for (char *at = map; at < map + 2 * PMD_SIZE; at += PMD_SIZE) {
		vw_ok(vw_walk(fd, (uintptr_t)at, &walk));
		vw_expect(vw_level_shift(walk.page_shift), PAGE_SHIFT);
		vw_expect(get_page(at), -EFAULT);
	}
	assert_true(shows(map, 0, 2 * PMD_PAGES));
	vw_ok(vw_sys(munmap(map + PMD_SIZE / 2, PAGE)));
	assert_true(shows(map, 0, PMD_PAGES / 2));
	assert_true(shows(map + PMD_SIZE / 2 + PAGE, PMD_PAGES / 2 + 1, PMD_PAGES * 3 / 2 - 1));
	vw_expect_stat(n, "mapped_pages", 2 * PMD_PAGES - 1);
	munmap(map, 2 * PMD_SIZE);
	vw_expect_stat(n, "mapped_pages", 0);
}

VW_TEST(remap_maps_contiguous_buffers_by_ptes)
{
	static const char * const contiguous[] = { "kmalloc", "huge", "dma" };
	int n, fd;

	for (size_t t = 0; t < COUNT(contiguous); t++) {
		n = vw_make("t", "buffer_type", contiguous[t], "map_mode", "remap", "size", "4M",
			    NULL);
		fd = vw_open_rw(n);
		put_stamps(fd, 2 * PMD_PAGES);
		expect_small_pages(n, fd, MAP_SHARED);
		expect_small_pages(n, fd, MAP_PRIVATE);
		close(fd);
		vw_ok(vw_rmdir("t"));
	}
}
