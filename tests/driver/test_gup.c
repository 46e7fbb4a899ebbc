// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of the buffer as targets of get_user_pages() (GUP): direct I/O,
 * io_uring, pipes, sockets, ptrace. If the pages are refcounted, these work on
 * the buffer itself, and references that they hold outlive the mapping and the
 * instance. A PFN mapping is rejected, and no data moves.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <liburing.h>
#include <linux/errqueue.h>
#include <linux/loop.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "harness.h"

static const int shares[] = { MAP_SHARED, MAP_PRIVATE };

/* --- Buffers and views ---------------------------------------------------- */

/* What GUP finds in a mapping. */
enum kind {
	PAGES,
	PFNS,
	/*
	 * PMD entries that map PFNs, on a kernel without has_special_pmds():
	 * GUP-fast, which does not look at the VMA, may take the pages of the
	 * buffer, which is harmless.
	 */
	PFN_PMDS,
};

struct buffer {
	int n;
	int fd;
	size_t size;
	const struct vw_combo *combo;
	enum kind kind;		/* of the latest mapping */
	unsigned char *want;	/* expected contents */
	unsigned char *seen;	/* contents that were read */
};

/* A mapping of a part of a buffer. */
struct view {
	const struct buffer *buffer;
	unsigned char *map;
	size_t start;
	size_t len;
	unsigned char *want;	/* expected contents */
};

/*
 * Whether the kernel can mark PMD entries that map PFNs. Such entries came with
 * follow_pfnmap_start(), in 6.12.
 */
static bool has_special_pmds(void)
{
	static int has = -1;

	if (has < 0)
		has = vw_has_symbol("follow_pfnmap_start");
	return has;
}

static enum kind kind_of(const struct vw_combo *combo)
{
	if (vw_is_refcounted(combo))
		return PAGES;
	if (strcmp(combo->type, "huge") || strcmp(combo->mode, "fault"))
		return PFNS;
	return has_special_pmds() ? PFNS : PFN_PMDS;
}

/* Fills with new pseudo-random bytes. */
static void scramble(void *data, size_t len)
{
	static __u64 x = 0x9e3779b97f4a7c15;
	__u64 *word = data;

	for (size_t i = 0; i < len / 8; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		word[i] = x;
	}
}

static void expect_same_at(int line, const char *what, const unsigned char *got,
			   const unsigned char *wanted, size_t len)
{
	size_t i = 0;

	if (!memcmp(got, wanted, len))
		return;
	while (got[i] == wanted[i])
		i++;
	vw_fail_at(__FILE__, line, "%s: byte 0x%zx of 0x%zx is 0x%02x, not 0x%02x", what, i, len,
		   got[i], wanted[i]);
}

#define expect_same(what, got, wanted, len)	expect_same_at(__LINE__, what, got, wanted, len)

static void expect_held_at(int line, const struct buffer *buf, size_t at, size_t len)
{
	vw_expect_at(__FILE__, line, "read of the buffer",
		     vw_sys(pread(buf->fd, buf->seen + at, len, at)), len);
	expect_same_at(line, "the buffer", buf->seen + at, buf->want + at, len);
}

#define expect_held(buf)	expect_held_at(__LINE__, buf, 0, (buf)->size)

/* With PMD entries, the middle is the boundary between two of them. */
static size_t size_of(const struct vw_combo *combo)
{
	return strcmp(combo->type, "huge") ? 64 * PAGE : 2 * PMD_SIZE;
}

/* Creates a device with random contents. */
static struct buffer make_buffer(const struct vw_combo *combo)
{
	struct buffer buf = {
		.combo = combo,
		.kind = kind_of(combo),
		.size = size_of(combo),
	};

	buf.n = vw_make_combo(combo, buf.size, "zero");
	buf.fd = vw_open_rw(buf.n);
	buf.want = vw_anon(buf.size);
	buf.seen = vw_anon(buf.size);
	scramble(buf.want, buf.size);
	vw_expect(vw_sys(pwrite(buf.fd, buf.want, buf.size, 0)), buf.size);
	return buf;
}

static struct view make_view(struct buffer *buf, size_t start, size_t len, int prot,
			     int share)
{
	struct view view = { .buffer = buf, .start = start, .len = len };

	/* Private mappings that are not write-back are PFN mappings. */
	buf->kind = share == MAP_PRIVATE && strcmp(buf->combo->cache, "wb") ? PFNS :
		    kind_of(buf->combo);
	view.map = vw_map(buf->fd, len, start, prot, share);
	view.want = buf->want + start;
	if (share == MAP_PRIVATE) {
		view.want = vw_anon(len);
		memcpy(view.want, buf->want + start, len);
	}
	return view;
}

static bool view_is_private(const struct view *view)
{
	return view->want != view->buffer->want + view->start;
}

static void drop_view(struct view *view)
{
	vw_ok(vw_sys(munmap(view->map, view->len)));
	if (view_is_private(view))
		munmap(view->want, view->len);
	view->map = NULL;
}

/*
 * Checks the mapping and the buffer around the middle of the mapping, where the
 * tests do I/O. Faults in these pages.
 */
#define NEAR	(12 * PAGE)

static void expect_near_at(int line, const struct view *view)
{
	size_t at = view->len / 2 - NEAR;

	expect_same_at(line, "the mapping", view->map + at, view->want + at, 2 * NEAR);
	expect_held_at(line, view->buffer, view->start + at, 2 * NEAR);
}

#define expect_near(view)	expect_near_at(__LINE__, view)

/* The same for the whole mapping and buffer. */
static void expect_shown_at(int line, const struct view *view)
{
	expect_same_at(line, "the mapping", view->map, view->want, view->len);
	expect_held_at(line, view->buffer, 0, view->buffer->size);
}

#define expect_shown(view)	expect_shown_at(__LINE__, view)

/* The tested parts of a view: offset from its middle, and length. */
struct part {
	long at;
	size_t len;
};

#define PARTS {										\
	{ -512, 1024 }, { -7 * (long)PAGE, 15 * PAGE }, { -5 * (long)PAGE + 512, 9 * PAGE },	\
}

/*
 * Expects the full length for pages, and EFAULT for PFN mappings. True if data
 * was transferred.
 */
static bool expect_moved_at(int line, const struct buffer *buf, const char *what, long long got,
			    long long len)
{
	if (buf->kind == PAGES || (buf->kind == PFN_PMDS && got == len)) {
		vw_expect_at(__FILE__, line, what, got, len);
		return true;
	}
	vw_expect_at(__FILE__, line, what, got, -EFAULT);
	return false;
}

#define expect_moved(buf, call, len)	expect_moved_at(__LINE__, buf, #call, call, len)

/* --- Disks ---------------------------------------------------------------- */

#define DISK_SIZE	(96 * KIB)
#define DISK_AT		(32 * KIB + 512)

struct disk {
	int fd;
	unsigned char *want;	/* expected first DISK_SIZE bytes */
	unsigned char *seen;
};

static void load_module(const char *module)
{
	char command[128];

	/* It may be built in: the caller checks for the device. */
	snprintf(command, sizeof(command), "modprobe -q %s", module);
	if (system(command))
		return;
}

static struct disk make_disk(int fd)
{
	/* Page-aligned, for O_DIRECT. */
	return (struct disk){ fd, vw_anon(DISK_SIZE), vw_anon(DISK_SIZE) };
}

static struct disk open_ram_disk(void)
{
	int fd;

	load_module("brd");
	fd = open("/dev/ram0", O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		vw_skip("needs a RAM disk: %s", strerror(errno));
	return make_disk(fd);
}

/* A loop device on a memfd. Closing it removes both. */
static struct disk open_loop_disk(void)
{
	struct loop_config config = { .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	char path[32];
	int control, fd;

	load_module("loop");
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		vw_skip("needs loop devices: %s", strerror(errno));
	snprintf(path, sizeof(path), "/dev/loop%d", ioctl(control, LOOP_CTL_GET_FREE));
	close(control);
	fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	assert_true(fd >= 0);
	config.fd = memfd_create("disk", MFD_CLOEXEC);
	vw_ok(vw_sys(ftruncate(config.fd, DISK_SIZE)));
	vw_ok(vw_sys(ioctl(fd, LOOP_CONFIGURE, &config)));
	close(config.fd);
	return make_disk(fd);
}

static void close_disk(struct disk *disk)
{
	close(disk->fd);
	munmap(disk->want, DISK_SIZE);
	munmap(disk->seen, DISK_SIZE);
}

static void scramble_disk(struct disk *disk)
{
	scramble(disk->want, DISK_SIZE);
	vw_expect(vw_sys(pwrite(disk->fd, disk->want, DISK_SIZE, 0)), DISK_SIZE);
}

static void expect_on_disk_at(int line, struct disk *disk)
{
	vw_expect_at(__FILE__, line, "read of the disk",
		     vw_sys(pread(disk->fd, disk->seen, DISK_SIZE, 0)), DISK_SIZE);
	expect_same_at(line, "the disk", disk->seen, disk->want, DISK_SIZE);
}

#define expect_on_disk(disk)	expect_on_disk_at(__LINE__, disk)

/*
 * A disk with a latency of one second that transfers the data at once. Lets
 * tests act during direct I/O.
 */
#define NULLB	"/sys/kernel/config/nullb"
#define SLOW	NULLB "/slow"

/* The tests share the disk: the kernel reads each new disk, which takes long. */
static void make_slow_disk(void)
{
	static const char * const attrs[][2] = {
		{ "size", "16" }, { "blocksize", "512" }, { "memory_backed", "1" },
		{ "irqmode", "2" }, { "completion_nsec", "1000000000" }, { "power", "1" },
	};
	static bool made;
	char path[128];

	if (made)
		return;
	if (!vw_exists(NULLB))
		load_module("null_blk nr_devices=0");
	if (!vw_exists(NULLB))
		vw_skip("needs null_blk");
	/* Remove the disk of an earlier run of this program. */
	rmdir(SLOW);
	vw_ok(vw_sys(mkdir(SLOW, 0755)));
	for (size_t i = 0; i < COUNT(attrs); i++) {
		snprintf(path, sizeof(path), SLOW "/%s", attrs[i][0]);
		vw_ok(vw_file_write(path, attrs[i][1]));
	}
	made = true;
}

static struct disk open_slow_disk(void)
{
	char path[128], index[16];
	int fd;

	make_slow_disk();
	/* Newer kernels use the name of the configfs directory. */
	fd = open("/dev/slow", O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0) {
		assert_true(vw_file_read(SLOW "/index", index, sizeof(index)) > 0);
		snprintf(path, sizeof(path), "/dev/nullb%s", index);
		fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	}
	assert_true(fd >= 0);
	return make_disk(fd);
}

/* Transfers between memory and DISK_AT: number of bytes, or -errno. */
typedef long long io_fn(bool write, int fd, void *at, size_t len);

static long long direct_io(bool write, int fd, void *at, size_t len)
{
	return vw_sys(write ? pwrite(fd, at, len, DISK_AT) : pread(fd, at, len, DISK_AT));
}

/* From the disk to the mapping. Nothing else may change. */
static void read_disk(struct disk *disk, io_fn *io, const struct view *view, size_t at, size_t len)
{
	scramble_disk(disk);
	if (expect_moved(view->buffer, io(false, disk->fd, view->map + at, len), (long long)len))
		memcpy(view->want + at, disk->want + DISK_AT, len);
	expect_near(view);
	expect_on_disk(disk);
}

/* From the mapping to the disk. Nothing else may change. */
static void write_disk(struct disk *disk, io_fn *io, const struct view *view, size_t at, size_t len)
{
	scramble_disk(disk);
	if (expect_moved(view->buffer, io(true, disk->fd, view->map + at, len), (long long)len))
		memcpy(disk->want + DISK_AT, view->want + at, len);
	expect_on_disk(disk);
	expect_near(view);
}

/*
 * Reads and writes each part of a mapping, before and after expect_near() has
 * faulted it in.
 */
static void exercise(struct disk *disk, io_fn *io, struct buffer *buf, size_t start,
		     size_t len, int share)
{
	const struct part parts[] = PARTS;
	struct view view;

	for (size_t i = 0; i < COUNT(parts); i++) {
		size_t at = len / 2 + parts[i].at;

		view = make_view(buf, start, len, RW, share);
		read_disk(disk, io, &view, at, parts[i].len);
		read_disk(disk, io, &view, at, parts[i].len);
		write_disk(disk, io, &view, at, parts[i].len);
		drop_view(&view);

		view = make_view(buf, start, len, RW, share);
		write_disk(disk, io, &view, at, parts[i].len);
		drop_view(&view);
		vw_expect_stat(buf->n, "mapped_pages", 0);
	}
	expect_held(buf);
}

/* --- O_DIRECT ------------------------------------------------------------- */

VW_TEST_ALL(direct_io_on_shared_mappings_works_for_pages_and_fails_for_pfns)
{
	struct disk ram = open_ram_disk(), loop = open_loop_disk();
	struct buffer buf = make_buffer(combo);

	exercise(&ram, direct_io, &buf, 0, buf.size, MAP_SHARED);
	exercise(&loop, direct_io, &buf, 3 * PAGE, buf.size / 2, MAP_SHARED);
	close_disk(&ram);
	close_disk(&loop);
}

VW_TEST_ALL(direct_io_on_private_mappings_does_not_change_the_buffer)
{
	struct disk disk = open_ram_disk();
	struct buffer buf = make_buffer(combo);

	exercise(&disk, direct_io, &buf, 0, buf.size, MAP_PRIVATE);
	exercise(&disk, direct_io, &buf, 3 * PAGE, buf.size / 2, MAP_PRIVATE);
	close_disk(&disk);
}

VW_TEST_TYPICAL(every_mapping_shows_the_data_of_direct_reads)
{
	struct disk disk = open_ram_disk();
	struct buffer buf = make_buffer(combo);
	struct view one = make_view(&buf, 0, buf.size, RW, MAP_SHARED);
	struct view other = make_view(&buf, 0, buf.size, PROT_READ, MAP_SHARED);
	size_t at = buf.size / 2 - PAGE;

	expect_shown(&other);
	read_disk(&disk, direct_io, &one, at, 2 * PAGE);
	expect_shown(&other);
	close_disk(&disk);
}

VW_TEST_TYPICAL(direct_io_obeys_the_protection_of_the_mapping)
{
	struct disk disk = open_ram_disk();
	struct buffer buf = make_buffer(combo);
	size_t at = buf.size / 2 - PAGE;
	struct view view;

	for (size_t s = 0; s < COUNT(shares); s++) {
		view = make_view(&buf, 0, buf.size, PROT_READ, shares[s]);
		scramble_disk(&disk);
		for (int warm = 0; warm < 2; warm++) {
			vw_expect(direct_io(false, disk.fd, view.map + at, 2 * PAGE), -EFAULT);
			expect_shown(&view);
		}
		write_disk(&disk, direct_io, &view, at, 2 * PAGE);

		vw_ok(vw_sys(mprotect(view.map, buf.size, PROT_NONE)));
		scramble_disk(&disk);
		vw_expect(direct_io(false, disk.fd, view.map + at, 2 * PAGE), -EFAULT);
		vw_expect(direct_io(true, disk.fd, view.map + at, 2 * PAGE), -EFAULT);
		expect_held(&buf);
		expect_on_disk(&disk);
		drop_view(&view);
	}
	close_disk(&disk);
}

VW_TEST_TYPICAL(direct_reads_stop_at_the_end_of_the_buffer)
{
	struct disk disk = open_ram_disk();
	struct buffer buf = make_buffer(combo);
	unsigned char *edge = vw_anon(2 * PAGE);
	long long moved;

	assert_true(mmap(edge, PAGE, RW, MAP_SHARED | MAP_FIXED, buf.fd, buf.size - PAGE) == edge);
	munmap(edge + PAGE, PAGE);
	scramble_disk(&disk);
	/* A partial transfer up to the end is also correct. */
	moved = direct_io(false, disk.fd, edge, 2 * PAGE);
	if (moved != (long long)PAGE || buf.kind == PFNS)
		vw_expect(moved, -EFAULT);
	else
		memcpy(buf.want + buf.size - PAGE, disk.want + DISK_AT, PAGE);
	expect_held(&buf);
	close_disk(&disk);
}

/* --- io_uring ------------------------------------------------------------- */

/* If a test fails, the next open_ring() closes its ring. */
static struct io_uring ring;
static bool ring_is_open;

static void close_ring(void)
{
	if (ring_is_open)
		io_uring_queue_exit(&ring);
	ring_is_open = false;
}

static void open_ring(void)
{
	int rc;

	close_ring();
	rc = io_uring_queue_init(8, &ring, 0);
	if (rc)
		vw_skip("needs io_uring: %s", strerror(-rc));
	ring_is_open = true;
}

static void submit(void)
{
	vw_expect(io_uring_submit(&ring), 1);
}

static long long completion(void)
{
	struct io_uring_cqe *cqe;
	long long result;

	vw_ok(io_uring_wait_cqe(&ring, &cqe));
	result = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return result;
}

static void queue_ring_io(bool write, int fd, void *at, size_t len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (write)
		io_uring_prep_write(sqe, fd, at, len, DISK_AT);
	else
		io_uring_prep_read(sqe, fd, at, len, DISK_AT);
	submit();
}

/*
 * Linux 5.10 reports EIO instead of EFAULT for asynchronous I/O of a disk with
 * memory that cannot be accessed.
 */
static int inaccessible_memory(int fd)
{
	void *none = vw_map(-1, PAGE, 0, PROT_NONE, ANON);
	int error;

	queue_ring_io(false, fd, none, PAGE);
	error = completion();
	munmap(none, PAGE);
	return error;
}

/* Waits for I/O that was queued: number of bytes, or -errno. */
static long long finish_ring_io(int fd)
{
	long long result = completion();

	return result == -EIO && inaccessible_memory(fd) == -EIO ? -EFAULT : result;
}

static long long ring_io(bool write, int fd, void *at, size_t len)
{
	queue_ring_io(write, fd, at, len);
	return finish_ring_io(fd);
}

static long long fixed_io(bool write, int fd, void *at, size_t len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (write)
		io_uring_prep_write_fixed(sqe, fd, at, len, DISK_AT, 0);
	else
		io_uring_prep_read_fixed(sqe, fd, at, len, DISK_AT, 0);
	submit();
	return completion();
}

static int register_memory(void *at, size_t len)
{
	struct iovec iov = { at, len };

	return io_uring_register_buffers(&ring, &iov, 1);
}

/* Before Linux 6.5, io_uring cannot register file mappings. */
static bool files_can_be_registered(void)
{
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC), rc;
	void *map = vw_map(fd, PAGE, 0, RW, MAP_PRIVATE);

	rc = register_memory(map, PAGE);
	if (!rc)
		io_uring_unregister_buffers(&ring);
	else
		vw_expect(rc, -EOPNOTSUPP);
	munmap(map, PAGE);
	close(fd);
	return !rc;
}

/* Registers a mapping and checks the result: 0 or -errno. */
static int register_view(const struct view *view)
{
	int rc = register_memory(view->map, view->len);

	if (view->buffer->kind == PFNS || rc != -EOPNOTSUPP || files_can_be_registered())
		expect_moved(view->buffer, rc, 0);
	return rc;
}

static void skip_if_too_old(int rc)
{
	if (rc == -EOPNOTSUPP)
		vw_skip("io_uring of this kernel cannot register file mappings");
}

VW_TEST_ALL(io_uring_works_for_pages_and_fails_for_pfns)
{
	struct disk disk = open_ram_disk();
	struct buffer buf = make_buffer(combo);

	open_ring();
	for (size_t s = 0; s < COUNT(shares); s++)
		exercise(&disk, ring_io, &buf, PAGE, buf.size - PAGE, shares[s]);
	close_ring();
	close_disk(&disk);
}

VW_TEST_ALL(only_pages_can_be_registered_with_io_uring)
{
	const struct part parts[] = PARTS;
	struct disk disk = open_ram_disk();
	struct buffer buf = make_buffer(combo);
	struct view view;
	int rc = 0;
	size_t at;

	open_ring();
	for (size_t s = 0; s < COUNT(shares); s++) {
		for (size_t i = 0; i < COUNT(parts); i++) {
			view = make_view(&buf, PAGE, buf.size - PAGE, RW, shares[s]);
			rc = register_view(&view);
			if (rc) {
				expect_near(&view);
				drop_view(&view);
				vw_expect_stat(buf.n, "mapped_pages", 0);
				continue;
			}
			at = view.len / 2 + parts[i].at;
			read_disk(&disk, fixed_io, &view, at, parts[i].len);
			write_disk(&disk, fixed_io, &view, at, parts[i].len);
			vw_ok(io_uring_unregister_buffers(&ring));
			drop_view(&view);
			vw_expect_stat(buf.n, "mapped_pages", 0);
		}
	}
	close_ring();
	close_disk(&disk);
	skip_if_too_old(rc);
}

/* After MADV_DONTNEED a fault maps the registered pages again. */
VW_TEST_TYPICAL(registered_pages_stay_the_pages_of_the_buffer)
{
	struct disk disk = open_ram_disk();
	struct buffer buf = make_buffer(combo);
	struct view view = make_view(&buf, 0, buf.size, RW, MAP_SHARED);
	unsigned char *old = view.map;
	int rc;

	open_ring();
	rc = register_view(&view);
	if (!rc) {
		vw_ok(vw_sys(madvise(view.map, view.len, MADV_DONTNEED)));
		vw_expect_stat(buf.n, "mapped_pages", 0);
		read_disk(&disk, fixed_io, &view, buf.size / 2 - PAGE, 2 * PAGE);
		drop_view(&view);

		view = make_view(&buf, 0, buf.size, RW, MAP_SHARED);
		view.map[buf.size / 2] ^= 1;
		view.want[buf.size / 2] ^= 1;
		scramble_disk(&disk);
		vw_expect(fixed_io(true, disk.fd, old + buf.size / 2 - PAGE, 2 * PAGE), 2 * PAGE);
		memcpy(disk.want + DISK_AT, buf.want + buf.size / 2 - PAGE, 2 * PAGE);
		expect_on_disk(&disk);
	}
	expect_shown(&view);
	drop_view(&view);
	close_ring();
	close_disk(&disk);
	skip_if_too_old(rc);
}

/* Registering pins the pages for writing. */
VW_TEST_TYPICAL(a_read_only_mapping_cannot_be_registered)
{
	struct buffer buf = make_buffer(combo);
	struct view view = make_view(&buf, 0, buf.size, PROT_READ, MAP_SHARED);

	open_ring();
	vw_expect(register_memory(view.map, view.len), -EFAULT);
	expect_shown(&view);
	drop_view(&view);
	close_ring();
}

/* --- With track_dirty ----------------------------------------------------- */

/* Expects exactly these pages to be dirty since the last call. */
static void expect_written_at(int line, const struct buffer *buf, size_t at, size_t len)
{
	__u64 bitmap[2 * PMD_SIZE / PAGE / 64];
	struct vmwalk_dirty dirty = {
		.size = sizeof(dirty),
		.flags = VMWALK_DIRTY_CLEAR,
		.length = buf->size,
		.bitmap = (uintptr_t)bitmap,
	};

	vw_expect_at(__FILE__, line, "VMWALK_IOC_DIRTY",
		     vw_ioctl(buf->fd, VMWALK_IOC_DIRTY, &dirty), 0);
	for (size_t i = 0; i < buf->size / PAGE; i++) {
		bool wanted = len && i * PAGE + PAGE > at && i * PAGE < at + len;

		if (!!(bitmap[i / 64] & BIT_ULL(i % 64)) != wanted)
			vw_fail_at(__FILE__, line, "page %zu is %sreported", i,
				   wanted ? "not " : "");
	}
}

#define expect_written(buf, at, len)	expect_written_at(__LINE__, buf, at, len)

static struct buffer make_tracked_buffer(const struct vw_combo *combo)
{
	struct buffer buf = make_buffer(combo);
	char errmsg[256] = "";

	vw_ok(vw_set("t", "live", "0"));
	close(buf.fd);
	vw_ok(vw_set("t", "track_dirty", "1"));
	if (vw_set("t", "live", "1")) {
		vw_get("t", "last_error", errmsg, sizeof(errmsg));
		vw_skip("%s", errmsg);
	}
	buf.fd = vw_open_rw(buf.n);
	vw_expect(vw_sys(pwrite(buf.fd, buf.want, buf.size, 0)), buf.size);
	expect_written(&buf, 0, buf.size);
	expect_written(&buf, 0, 0);
	return buf;
}

VW_TEST_TYPICAL(writes_through_gup_are_reported_as_dirty)
{
	const struct part parts[] = PARTS;
	struct disk disk = open_ram_disk();
	struct buffer buf = make_tracked_buffer(combo);
	bool pages = buf.kind == PAGES;
	struct view view;

	for (size_t i = 0; i < COUNT(parts); i++) {
		size_t at = buf.size / 2 + parts[i].at, len = parts[i].len;
		struct iovec local = { buf.want + at, len }, remote;

		view = make_view(&buf, 0, buf.size, RW, MAP_SHARED);
		/* Writes to the disk only read the pages. */
		write_disk(&disk, direct_io, &view, at, len);
		write_disk(&disk, direct_io, &view, at, len);
		expect_written(&buf, 0, 0);
		read_disk(&disk, direct_io, &view, at, len);
		expect_written(&buf, at, pages ? len : 0);
		expect_written(&buf, 0, 0);
		read_disk(&disk, direct_io, &view, at, len);
		expect_written(&buf, at, pages ? len : 0);
		drop_view(&view);

		view = make_view(&buf, 0, buf.size, RW, MAP_SHARED);
		read_disk(&disk, direct_io, &view, at, len);
		remote = (struct iovec){ view.map + at, len };
		expect_written(&buf, at, pages ? len : 0);
		vw_expect(vw_sys(process_vm_writev(getpid(), &local, 1, &remote, 1, 0)),
			  pages ? (long long)len : -EFAULT);
		drop_view(&view);
		expect_written(&buf, at, pages ? len : 0);

		/* Writes to private copies are not reported. */
		view = make_view(&buf, 0, buf.size, RW, MAP_PRIVATE);
		read_disk(&disk, direct_io, &view, at, len);
		drop_view(&view);
		expect_written(&buf, 0, 0);
	}
	close_disk(&disk);
}

/* DIRTY unmaps the pages while the disk still writes to them. */
VW_TEST_TYPICAL(a_direct_read_that_ends_after_clearing_is_reported_as_dirty)
{
	struct disk disk = open_slow_disk();
	struct buffer buf = make_tracked_buffer(combo);
	struct view view = make_view(&buf, 0, buf.size, RW, MAP_SHARED);
	size_t at = buf.size / 2 - PAGE, len = 2 * PAGE;
	struct io_uring_cqe *cqe;
	bool under_way;

	open_ring();
	queue_ring_io(false, disk.fd, view.map + at, len);
	if (buf.kind == PAGES) {
		expect_written(&buf, at, len);
		under_way = io_uring_peek_cqe(&ring, &cqe) == -EAGAIN;
		vw_expect(completion(), len);
		/* A kernel worker marks the pages, possibly later. */
		if (under_way) {
			assert_true(vw_eventually(vw_stat(buf.n, "dirty_pages") == 2));
			expect_written(&buf, at, len);
		}
	} else {
		expect_moved(&buf, finish_ring_io(disk.fd), (long long)len);
	}
	expect_written(&buf, 0, 0);
	drop_view(&view);
	close_ring();
	close_disk(&disk);
}

/* DIRTY could not report later writes to registered pages. */
VW_TEST_TYPICAL(tracked_pages_cannot_be_registered)
{
	struct buffer buf = make_tracked_buffer(combo);
	struct view view = make_view(&buf, 0, buf.size, RW, MAP_SHARED);
	int rc;

	open_ring();
	for (int warm = 0; warm < 2; warm++) {
		rc = register_memory(view.map, view.len);
		if (rc != -EOPNOTSUPP || files_can_be_registered())
			vw_expect(rc, -EFAULT);
		expect_shown(&view);
	}
	drop_view(&view);
	close_ring();
}

/* --- Pipes and sockets ---------------------------------------------------- */

/* At most 16 pages, the capacity of a new pipe. */
static long long splice_to_pipe(const struct view *view, int fd, size_t at, size_t len)
{
	struct iovec iov = { view->map + at, len };

	return vw_sys(vmsplice(fd, &iov, 1, SPLICE_F_NONBLOCK));
}

static void expect_from_pipe(int fd, const unsigned char *want, size_t len)
{
	unsigned char *got = vw_anon(len);

	for (size_t done = 0; done < len;) {
		long long n = vw_sys(read(fd, got + done, len - done));

		if (n <= 0)
			vw_expect(n, len - done);
		done += n;
	}
	expect_same("the data read", got, want, len);
	munmap(got, len);
}

VW_TEST_TYPICAL(vmsplice_works_for_pages_and_fails_for_pfns)
{
	const struct part parts[] = PARTS;
	struct buffer buf = make_buffer(combo);
	int ends[2], bytes = -1;
	struct view view;

	vw_ok(vw_sys(pipe2(ends, O_CLOEXEC)));
	for (size_t s = 0; s < COUNT(shares); s++) {
		for (size_t i = 0; i < COUNT(parts); i++) {
			size_t at = buf.size / 2 + parts[i].at, len = parts[i].len;

			view = make_view(&buf, 0, buf.size, RW, shares[s]);
			if (!expect_moved(&buf, splice_to_pipe(&view, ends[1], at, len),
					  (long long)len)) {
				vw_ok(vw_sys(ioctl(ends[0], FIONREAD, &bytes)));
				vw_expect(bytes, 0);
			} else {
				/* The pipe holds the pages, not a copy. */
				scramble(buf.want + at, len);
				vw_expect(vw_sys(pwrite(buf.fd, buf.want + at, len, at)), len);
				memcpy(view.want + at, buf.want + at, len);
				expect_from_pipe(ends[0], buf.want + at, len);
			}
			expect_near(&view);
			drop_view(&view);
			vw_expect_stat(buf.n, "mapped_pages", 0);
		}
	}
	close(ends[0]);
	close(ends[1]);
}

struct connection {
	int out;
	int in;
};

/* TCP over the loopback device, with MSG_ZEROCOPY. */
static struct connection open_connection(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct ifreq lo = { .ifr_name = "lo" };
	socklen_t len = sizeof(at);
	struct connection c;
	int listener, on = 1;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		vw_skip("needs TCP: %s", strerror(errno));
	vw_ok(vw_sys(ioctl(listener, SIOCGIFFLAGS, &lo)));
	lo.ifr_flags |= IFF_UP;
	vw_ok(vw_sys(ioctl(listener, SIOCSIFFLAGS, &lo)));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	vw_ok(vw_sys(bind(listener, (struct sockaddr *)&at, sizeof(at))));
	vw_ok(vw_sys(getsockname(listener, (struct sockaddr *)&at, &len)));
	vw_ok(vw_sys(listen(listener, 1)));
	c.out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	vw_ok(vw_sys(connect(c.out, (struct sockaddr *)&at, sizeof(at))));
	c.in = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(c.in >= 0);
	close(listener);
	if (setsockopt(c.out, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)))
		vw_skip("needs MSG_ZEROCOPY: %s", strerror(errno));
	return c;
}

static long long send_pages(const struct connection *c, const void *at, size_t len)
{
	return vw_sys(send(c->out, at, len, MSG_ZEROCOPY | MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* Whether the socket has released pages since the last call. */
static bool zerocopy_completed(const struct connection *c)
{
	char control[256];
	struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
	bool any = false;

	while (recvmsg(c->out, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
		const struct sock_extended_err *err = (void *)CMSG_DATA(CMSG_FIRSTHDR(&msg));

		vw_expect(err->ee_origin, SO_EE_ORIGIN_ZEROCOPY);
		vw_expect(err->ee_errno, 0);
		any = true;
		msg.msg_controllen = sizeof(control);
	}
	return any;
}

static void close_connection(const struct connection *c)
{
	close(c->out);
	close(c->in);
}

VW_TEST_TYPICAL(msg_zerocopy_works_for_pages_and_fails_for_pfns)
{
	const struct part parts[] = PARTS;
	struct connection c = open_connection();
	struct buffer buf = make_buffer(combo);
	int bytes = -1;
	struct view view;

	for (size_t s = 0; s < COUNT(shares); s++) {
		for (size_t i = 0; i < COUNT(parts); i++) {
			/* Not aligned, unlike for a disk. */
			size_t at = buf.size / 2 + parts[i].at + 1, len = parts[i].len - 1;
			size_t sent = 0;

			view = make_view(&buf, 0, buf.size, RW, shares[s]);
			while (sent < len) {
				long long n = send_pages(&c, view.map + at + sent, len - sent);

				if (!expect_moved(&buf, n, n > 0 ? n : (long long)len)) {
					vw_ok(vw_sys(ioctl(c.in, FIONREAD, &bytes)));
					vw_expect(bytes, 0);
					break;
				}
				expect_from_pipe(c.in, view.want + at + sent, n);
				assert_true(vw_eventually(zerocopy_completed(&c)));
				sent += n;
			}
			expect_near(&view);
			drop_view(&view);
			vw_expect_stat(buf.n, "mapped_pages", 0);
		}
	}
	close_connection(&c);
}

/* --- Other processes ------------------------------------------------------ */

static int wait_for_parent(void *arg)
{
	(void)arg;
	vw_sync(0);
	return 0;
}

/* /proc/PID/mem at an address of that process. */
static long long mem_io(bool write, pid_t pid, void *at, void *data, size_t len)
{
	char path[32];
	long long n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	n = vw_sys(write ? pwrite(fd, data, len, (uintptr_t)at) :
			   pread(fd, data, len, (uintptr_t)at));
	close(fd);
	return n;
}

VW_TEST_TYPICAL(remote_access_works_for_pages_and_fails_for_pfns)
{
	const struct part parts[] = PARTS;
	struct buffer buf = make_buffer(combo);
	unsigned char *data = vw_anon(2 * PAGE);
	struct vw_child child;
	bool pages;
	struct view view;
	long word;

	for (size_t s = 0; s < COUNT(shares); s++) {
		for (size_t i = 0; i < COUNT(parts); i++) {
			size_t at = buf.size / 2 + parts[i].at + 5;
			size_t len = (parts[i].len < 2 * PAGE ? parts[i].len : 2 * PAGE) - 9;
			struct iovec local = { data, len }, remote;

			/* The child inherits the view. */
			view = make_view(&buf, 0, buf.size, RW, shares[s]);
			/* These calls check the VMA, on all kernels. */
			pages = buf.kind == PAGES;
			remote = (struct iovec){ view.map + at, len };
			child = vw_fork(wait_for_parent, NULL);
			vw_hear(&child);

			vw_expect(vw_sys(process_vm_readv(child.pid, &local, 1, &remote, 1, 0)),
				  pages ? (long long)len : -EFAULT);
			if (pages)
				expect_same("process_vm_readv", data, view.want + at, len);
			memset(data, 0, len);
			vw_expect(mem_io(false, child.pid, view.map + at, data, len),
				  pages ? (long long)len : -EIO);
			if (pages)
				expect_same("/proc/PID/mem", data, view.want + at, len);

			scramble(data, 2 * PAGE);
			vw_expect(vw_sys(process_vm_writev(child.pid, &local, 1, &remote, 1, 0)),
				  pages ? (long long)len : -EFAULT);
			if (pages && shares[s] == MAP_SHARED)
				memcpy(view.want + at, data, len);
			expect_near(&view);
			scramble(data, 2 * PAGE);
			vw_expect(mem_io(true, child.pid, view.map + at, data, len),
				  pages ? (long long)len : -EIO);
			if (pages && shares[s] == MAP_SHARED)
				memcpy(view.want + at, data, len);
			/* The private mapping of the parent has not changed. */
			expect_near(&view);

			vw_ok(vw_sys(ptrace(PTRACE_SEIZE, child.pid, NULL, NULL)));
			vw_ok(vw_sys(ptrace(PTRACE_INTERRUPT, child.pid, NULL, NULL)));
			assert_int_equal(waitpid(child.pid, NULL, __WALL), child.pid);
			errno = 0;
			word = ptrace(PTRACE_PEEKDATA, child.pid, view.map + at, NULL);
			vw_expect(-errno, pages ? 0 : -EIO);
			if (pages)
				expect_same("PTRACE_PEEKDATA", (unsigned char *)&word, data,
					    sizeof(word));
			word = ~word;
			vw_expect(vw_sys(ptrace(PTRACE_POKEDATA, child.pid, view.map + at, word)),
				  pages ? 0 : -EIO);
			if (pages && shares[s] == MAP_SHARED)
				memcpy(view.want + at, &word, sizeof(word));
			expect_near(&view);
			if (pages) {
				vw_expect(mem_io(false, child.pid, view.map + at, data,
						 sizeof(word)), sizeof(word));
				assert_memory_equal(data, &word, sizeof(word));
			}
			vw_kill(&child);
			drop_view(&view);
			vw_expect_stat(buf.n, "mapped_pages", 0);
		}
	}
}

/* FOLL_FORCE writes only to private mappings. */
VW_TEST_TYPICAL(ptrace_cannot_write_to_a_read_only_shared_mapping)
{
	struct buffer buf = make_buffer(combo);
	struct view view = make_view(&buf, 0, buf.size, PROT_READ, MAP_SHARED);
	struct vw_child child;
	long word = 0x5a5a5a5a;

	/* Open for reading only, so that the VMA has no VM_MAYWRITE. */
	drop_view(&view);
	close(buf.fd);
	buf.fd = vw_open(buf.n, O_RDONLY);
	assert_true(buf.fd >= 0);
	view = make_view(&buf, 0, buf.size, PROT_READ, MAP_SHARED);
	child = vw_fork(wait_for_parent, NULL);
	vw_hear(&child);
	vw_ok(vw_sys(ptrace(PTRACE_SEIZE, child.pid, NULL, NULL)));
	vw_ok(vw_sys(ptrace(PTRACE_INTERRUPT, child.pid, NULL, NULL)));
	assert_int_equal(waitpid(child.pid, NULL, __WALL), child.pid);
	vw_expect(vw_sys(ptrace(PTRACE_POKEDATA, child.pid, view.map + PAGE, word)), -EIO);
	vw_expect(mem_io(true, child.pid, view.map + PAGE, &word, sizeof(word)), -EIO);
	expect_shown(&view);
	vw_kill(&child);
}

/* --- References after removal --------------------------------------------- */

/* Devices created while pages of a removed device are referenced. */
struct others {
	struct buffer buf[2];
	unsigned char byte;
};

static const char * const other_names[] = { "other0", "other1" };

static void remove_instance(struct buffer *buf)
{
	close(buf->fd);
	vw_ok(vw_rmdir("t"));
	assert_false(vw_exists(VW_CONFIGFS "/t"));
}

/*
 * Removes the mapping, the file and the instance while the pages are
 * referenced, and creates devices of the same kind. None of these may get a
 * referenced page. If the ring has a completion, its references are gone
 * already.
 */
static struct others replace(struct buffer *buf, struct view *view, const struct vw_combo *combo,
			     size_t held_at, size_t held_len)
{
	struct others others = { .byte = 0xee };
	size_t pages = held_len / PAGE;
	__u64 *pfns = calloc(pages, sizeof(*pfns));
	struct io_uring_cqe *cqe;
	char bytes[32];
	size_t taken;

	expect_near(view);
	if (pages)
		vw_frames(0, view->map + held_at, pages, pfns);
	for (size_t i = 0; i < pages; i++)
		assert_int_not_equal(pfns[i], 0);
	vw_ok(vw_sys(munmap(view->map, view->len)));
	remove_instance(buf);

	snprintf(bytes, sizeof(bytes), "%zu", buf->size);
	for (size_t i = 0; i < COUNT(others.buf); i++) {
		struct buffer *other = &others.buf[i];
		void *map;

		*other = (struct buffer){ .size = buf->size, .seen = buf->seen };
		other->n = vw_make(other_names[i], "buffer_type", combo->type, "map_mode",
				   combo->mode, "cache_mode", combo->cache, "size", bytes, NULL);
		other->fd = vw_open_rw(other->n);
		other->want = vw_anon(other->size);
		map = vw_map(other->fd, other->size, 0, RW, MAP_SHARED);
		memset(map, others.byte + i, other->size);
		memset(other->want, others.byte + i, other->size);
		taken = pages ? vw_count_frames(0, map, other->size / PAGE, pfns, pages) : 0;
		if (!ring_is_open || io_uring_peek_cqe(&ring, &cqe))
			vw_expect(taken, 0);
		munmap(map, other->size);
	}
	free(pfns);
	return others;
}

/* Checks that the contents have not changed. */
static void remove_others(struct others *others)
{
	for (size_t i = 0; i < COUNT(others->buf); i++) {
		expect_held(&others->buf[i]);
		close(others->buf[i].fd);
		munmap(others->buf[i].want, others->buf[i].size);
		vw_ok(vw_rmdir(other_names[i]));
	}
}

VW_TEST_TYPICAL(registered_pages_outlive_mapping_and_instance)
{
	struct disk disk = open_ram_disk();
	struct buffer buf = make_buffer(combo);
	struct view view = make_view(&buf, 0, buf.size, RW, MAP_SHARED);
	unsigned char *at = view.map + buf.size / 2 - 4 * PAGE;
	unsigned char *want = buf.want + buf.size / 2 - 4 * PAGE;
	struct others others;
	int rc;

	open_ring();
	rc = register_view(&view);
	if (rc) {
		drop_view(&view);
		remove_instance(&buf);
		close_ring();
		skip_if_too_old(rc);
		return;
	}
	others = replace(&buf, &view, combo, 0, buf.size);

	scramble_disk(&disk);
	vw_expect(fixed_io(true, disk.fd, at, 8 * PAGE), 8 * PAGE);
	memcpy(disk.want + DISK_AT, want, 8 * PAGE);
	expect_on_disk(&disk);

	/* A read into the pages, then a write from them. */
	scramble_disk(&disk);
	memcpy(want, disk.want + DISK_AT, 8 * PAGE);
	vw_expect(fixed_io(false, disk.fd, at, 8 * PAGE), 8 * PAGE);
	scramble_disk(&disk);
	vw_expect(fixed_io(true, disk.fd, at, 8 * PAGE), 8 * PAGE);
	memcpy(disk.want + DISK_AT, want, 8 * PAGE);
	expect_on_disk(&disk);

	remove_others(&others);
	vw_ok(io_uring_unregister_buffers(&ring));
	close_ring();
	close_disk(&disk);
}

VW_TEST_TYPICAL(pages_in_a_pipe_outlive_mapping_and_instance)
{
	struct buffer buf = make_buffer(combo);
	struct view view = make_view(&buf, 0, buf.size, RW, MAP_SHARED);
	size_t at = buf.size / 2 - 8 * PAGE, len = 16 * PAGE;
	struct others others;
	int ends[2];

	vw_ok(vw_sys(pipe2(ends, O_CLOEXEC)));
	if (expect_moved(&buf, splice_to_pipe(&view, ends[1], at, len), (long long)len)) {
		others = replace(&buf, &view, combo, at, len);
		expect_from_pipe(ends[0], buf.want + at, len);
		remove_others(&others);
	} else {
		drop_view(&view);
		remove_instance(&buf);
	}
	close(ends[0]);
	close(ends[1]);
}

/* Nothing is received, so that most pages stay in the send queue. */
VW_TEST_TYPICAL(pages_in_a_socket_queue_outlive_mapping_and_instance)
{
	struct connection c = open_connection();
	struct buffer buf = make_buffer(combo);
	struct view view = make_view(&buf, 0, buf.size, RW, MAP_SHARED);
	size_t len = 32 * PAGE, sent = 0;
	struct others others;
	long long n = 0;

	while (sent < 64 * MIB) {
		n = send_pages(&c, view.map + sent % len, len - sent % len);
		if (n <= 0)
			break;
		sent += n;
	}
	if (!sent) {
		vw_expect(n, -EFAULT);
		assert_int_not_equal(buf.kind, PAGES);
		drop_view(&view);
		remove_instance(&buf);
	} else {
		assert_int_not_equal(buf.kind, PFNS);
		assert_true(n == -EAGAIN || n == -ENOBUFS);
		/* PFNs are not compared: the queued pages are unknown. */
		others = replace(&buf, &view, combo, 0, 0);
		for (size_t at = 0; at < sent; at += n) {
			n = len - at % len < sent - at ? len - at % len : sent - at;
			expect_from_pipe(c.in, buf.want + at % len, n);
		}
		remove_others(&others);
	}
	close_connection(&c);
}

VW_TEST_TYPICAL(pages_in_direct_io_outlive_mapping_and_instance)
{
	struct disk disk = open_slow_disk();
	struct buffer buf = make_buffer(combo);
	struct view view = make_view(&buf, 0, buf.size, RW, MAP_SHARED);
	size_t at = buf.size / 2 - 2 * PAGE, len = 4 * PAGE;
	struct others others;

	open_ring();
	queue_ring_io(true, disk.fd, view.map + at, len);
	if (buf.kind == PAGES) {
		others = replace(&buf, &view, combo, at, len);
		vw_expect(completion(), len);
		remove_others(&others);
		vw_expect(vw_sys(pread(disk.fd, disk.seen, len, DISK_AT)), len);
		expect_same("the disk", disk.seen, buf.want + at, len);
	} else {
		expect_moved(&buf, finish_ring_io(disk.fd), (long long)len);
		drop_view(&view);
		remove_instance(&buf);
	}
	close_ring();
	close_disk(&disk);
}

struct doomed {
	const struct buffer *buf;
	int fd;
	size_t len;
};

/* Reads from a disk to a new mapping until killed. */
static int read_until_killed(void *arg)
{
	const struct doomed *doomed = arg;
	bool pages = doomed->buf->kind == PAGES;
	void *map = mmap(NULL, doomed->buf->size, RW, MAP_SHARED, doomed->buf->fd, 0);

	vw_check(map != MAP_FAILED);
	vw_say(0);
	for (int i = 0;; i++) {
		long long n = vw_sys(pread(doomed->fd, map, doomed->len, 0));

		vw_check(n == (pages ? (long long)doomed->len : -EFAULT) ||
			 doomed->buf->kind == PFN_PMDS);
		if (!i)
			vw_say(0);
	}
	return 0;
}

static void expect_nothing_left(const struct buffer *buf)
{
	/* A transfer may end after the process. */
	assert_true(vw_eventually(!vw_stat(buf->n, "mapped_pages")));
	assert_true(vw_eventually(!vw_stat(buf->n, "mappings")));
	assert_true(vw_eventually(vw_stat(buf->n, "opens") == 1));
}

VW_TEST_TYPICAL(a_process_killed_during_direct_io_leaves_no_mapping)
{
	struct disk disk = open_ram_disk();
	struct buffer buf = make_buffer(combo);
	struct doomed doomed = { &buf, disk.fd, DISK_SIZE };
	struct vw_child child;

	scramble_disk(&disk);
	for (unsigned int round = 0; round < 8; round++) {
		child = vw_fork(read_until_killed, &doomed);
		vw_hear(&child);
		/* At least one child completes a read. */
		if (round == 7)
			vw_hear(&child);
		usleep(round * 1701 % 5000);
		vw_kill(&child);
		expect_nothing_left(&buf);
	}
	if (buf.kind == PAGES)
		memcpy(buf.want, disk.want, doomed.len);
	if (buf.kind != PFN_PMDS)
		expect_held(&buf);
	remove_instance(&buf);
	close_disk(&disk);
}

VW_TEST_TYPICAL(a_process_killed_while_waiting_for_a_disk_leaves_no_mapping)
{
	struct disk disk = open_slow_disk();
	struct buffer buf = make_buffer(combo);
	struct doomed doomed = { &buf, disk.fd, 8 * PAGE };
	struct vw_child child = vw_fork(read_until_killed, &doomed);

	vw_hear(&child);
	usleep(50000);
	vw_kill(&child);
	expect_nothing_left(&buf);
	remove_instance(&buf);
	close_disk(&disk);
}

/* Large enough to notice if each round loses a buffer. */
#define ROUNDS	8
#define LARGE	(4 * MIB)

VW_TEST_ALL(memory_is_freed_with_the_last_reference)
{
	long long before = 0, lost = LARGE / PAGE * ROUNDS / 2;
	struct buffer buf = {
		.combo = combo,
		.kind = kind_of(combo),
		.size = LARGE,
	};
	int ends[2];

	open_ring();
	/* The first round warms up caches of the kernel. */
	for (int round = 0; round <= ROUNDS; round++) {
		struct view view = { .buffer = &buf, .len = LARGE };

		vw_ok(vw_sys(pipe2(ends, O_CLOEXEC)));
		buf.n = vw_make_combo(combo, LARGE, "zero");
		buf.fd = vw_open_rw(buf.n);
		view.map = vw_map(buf.fd, LARGE, 0, RW, MAP_SHARED);
		expect_moved(&buf, splice_to_pipe(&view, ends[1], LARGE / 2, PAGE),
			     (long long)PAGE);
		register_view(&view);
		munmap(view.map, LARGE);
		remove_instance(&buf);
		io_uring_unregister_buffers(&ring);
		close(ends[0]);
		close(ends[1]);
		if (!round)
			before = vw_free_pages();
	}
	if (!vw_eventually(before - vw_free_pages() < lost))
		vw_fail("%lld pages were not freed", before - vw_free_pages());
	close_ring();
}
