// SPDX-License-Identifier: GPL-2.0
/*
 * System calls on the device as a file of fixed size: read, write, lseek, sync,
 * splice, and their behaviour at the end of the buffer. mmap() must show the
 * same data.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <limits.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "harness.h"

#define SIZE	(5 * PAGE)

VW_TEST_TYPICAL(read_and_mmap_show_the_configured_fill)
{
	static const char * const fills[] = { "zero", "digits", "letters" };
	const size_t sizes[] = { PAGE, SIZE, MIB };
	char *data = malloc(MIB), *map;
	int n, fd;

	assert_non_null(data);
	for (size_t i = 0; i < COUNT(fills); i++) {
		for (size_t j = 0; j < COUNT(sizes); j++) {
			n = vw_make_combo(combo, sizes[j], fills[i]);
			fd = vw_open_rw(n);
			memset(data, 0xff, MIB);
			vw_expect(vw_sys(read(fd, data, MIB)), sizes[j]);
			assert_true(vw_holds_fill(data, fills[i], 0, sizes[j]));
			map = vw_map(fd, sizes[j], 0, PROT_READ, MAP_SHARED);
			assert_true(vw_holds_fill(map, fills[i], 0, sizes[j]));
			munmap(map, sizes[j]);
			close(fd);
			vw_ok(vw_rmdir("t"));
		}
	}
	free(data);
}

VW_TEST_TYPICAL(read_advances_the_file_position_and_returns_0_at_the_end)
{
	char data[SIZE];
	int fd;

	fd = vw_open_rw(vw_make_combo(combo, SIZE, "letters"));
	vw_expect(vw_sys(read(fd, data, 100)), 100);
	assert_true(vw_holds_fill(data, "letters", 0, 100));
	vw_expect(vw_sys(lseek(fd, 0, SEEK_CUR)), 100);
	vw_expect(vw_sys(read(fd, data, PAGE)), PAGE);
	assert_true(vw_holds_fill(data, "letters", 100, PAGE));
	vw_expect(vw_sys(read(fd, data, SIZE)), SIZE - PAGE - 100);
	assert_true(vw_holds_fill(data, "letters", PAGE + 100, SIZE - PAGE - 100));
	vw_expect(vw_sys(read(fd, data, 1)), 0);
	vw_expect(vw_sys(read(fd, data, SIZE)), 0);
	vw_expect(vw_sys(lseek(fd, 0, SEEK_CUR)), SIZE);
}

VW_TEST_TYPICAL(pread_does_not_change_the_file_position)
{
	const size_t at[] = { 0, 1, PAGE - 1, PAGE, PAGE + 1, SIZE - PAGE, SIZE - 1 };
	const size_t len[] = { 1, 2, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, SIZE };
	char data[SIZE];
	size_t want;
	int fd;

	fd = vw_open_rw(vw_make_combo(combo, SIZE, "digits"));
	for (size_t i = 0; i < COUNT(at); i++) {
		for (size_t j = 0; j < COUNT(len); j++) {
			want = len[j] < SIZE - at[i] ? len[j] : SIZE - at[i];
			memset(data, 0xff, SIZE);
			vw_expect(vw_sys(pread(fd, data, len[j], at[i])), want);
			assert_true(vw_holds_fill(data, "digits", at[i], want));
			for (size_t k = want; k < SIZE; k++)
				assert_int_equal((unsigned char)data[k], 0xff);
		}
	}
	vw_expect(vw_sys(lseek(fd, 0, SEEK_CUR)), 0);
}

VW_TEST_TYPICAL(pread_at_or_past_the_end_returns_0)
{
	const off_t at[] = { SIZE, SIZE + 1, 2 * SIZE, 1LL << 40, LLONG_MAX - PAGE };
	char data[2] = { 'x', 'y' };
	int fd;

	fd = vw_open_rw(vw_make_combo(combo, SIZE, "digits"));
	for (size_t i = 0; i < COUNT(at); i++)
		vw_expect(vw_sys(pread(fd, data, 2, at[i])), 0);
	vw_expect(vw_sys(pread(fd, data, 2, -1)), -EINVAL);
	assert_int_equal(data[0], 'x');
	assert_int_equal(data[1], 'y');
}

VW_TEST_TYPICAL(written_data_is_visible_to_read_and_mmap)
{
	const size_t at[] = { 0, 1, PAGE - 3, 2 * PAGE, SIZE - 6 };
	char data[SIZE], *shared, *private;
	int fd;

	fd = vw_open_rw(vw_make_combo(combo, SIZE, "zero"));
	shared = vw_map(fd, SIZE, 0, RW, MAP_SHARED);
	private = vw_map(fd, SIZE, 0, PROT_READ, MAP_PRIVATE);
	for (size_t i = 0; i < COUNT(at); i++) {
		vw_expect(vw_sys(pwrite(fd, "vmwalk", 6, at[i])), 6);
		assert_memory_equal(shared + at[i], "vmwalk", 6);
		assert_memory_equal(private + at[i], "vmwalk", 6);
		vw_expect(vw_sys(pread(fd, data, SIZE, 0)), SIZE);
		assert_memory_equal(data, shared, SIZE);
		memset(shared + at[i], 0, 6);
		vw_expect(vw_sys(pread(fd, data, SIZE, 0)), SIZE);
		assert_true(vw_holds_fill(data, "zero", 0, SIZE));
	}
}

VW_TEST_TYPICAL(two_files_share_the_buffer_but_not_the_file_position)
{
	char data[4];
	int n, a, b;

	n = vw_make_combo(combo, SIZE, "zero");
	a = vw_open_rw(n);
	b = vw_open_rw(n);
	vw_expect(vw_sys(write(a, "1234", 4)), 4);
	vw_expect(vw_sys(lseek(b, 0, SEEK_CUR)), 0);
	vw_expect(vw_sys(read(b, data, 4)), 4);
	assert_memory_equal(data, "1234", 4);
}

VW_TEST_TYPICAL(write_past_the_end_fails_with_enospc)
{
	const off_t at[] = { SIZE, SIZE + 1, 2 * SIZE, 1LL << 40, LLONG_MAX - PAGE };
	char before[SIZE], after[SIZE], data[MAX_PAGE] = "x";
	int fd;

	fd = vw_open_rw(vw_make_combo(combo, SIZE, "letters"));
	vw_expect(vw_sys(pread(fd, before, SIZE, 0)), SIZE);
	for (size_t i = 0; i < COUNT(at); i++)
		vw_expect(vw_sys(pwrite(fd, data, PAGE, at[i])), -ENOSPC);
	vw_expect(vw_sys(lseek(fd, 0, SEEK_END)), SIZE);
	vw_expect(vw_sys(write(fd, data, 1)), -ENOSPC);
	vw_expect(vw_sys(pwrite(fd, data, 1, -1)), -EINVAL);
	vw_expect(vw_sys(pread(fd, after, SIZE, 0)), SIZE);
	assert_memory_equal(before, after, SIZE);
}

VW_TEST_TYPICAL(write_across_the_end_is_short)
{
	char data[PAGE], back[PAGE];
	int fd;

	memset(data, '#', sizeof(data));
	fd = vw_open_rw(vw_make_combo(combo, SIZE, "zero"));
	vw_expect(vw_sys(pwrite(fd, data, PAGE, SIZE - 1)), 1);
	vw_expect(vw_sys(pwrite(fd, data, PAGE, SIZE - 100)), 100);
	vw_expect(vw_sys(lseek(fd, SIZE - 200, SEEK_SET)), SIZE - 200);
	vw_expect(vw_sys(write(fd, data, PAGE)), 200);
	vw_expect(vw_sys(write(fd, data, PAGE)), -ENOSPC);
	vw_expect(vw_sys(pread(fd, back, PAGE, SIZE - PAGE)), PAGE);
	assert_true(vw_holds_fill(back, "zero", SIZE - PAGE, PAGE - 200));
	assert_memory_equal(back + PAGE - 200, data, 200);
}

VW_TEST_TYPICAL(reads_and_writes_of_0_bytes_have_no_effect)
{
	char byte = 'x';
	int fd;

	fd = vw_open_rw(vw_make_combo(combo, SIZE, "digits"));
	vw_expect(vw_sys(read(fd, &byte, 0)), 0);
	vw_expect(vw_sys(pread(fd, &byte, 0, SIZE)), 0);
	vw_expect(vw_sys(write(fd, &byte, 0)), 0);
	vw_expect(vw_sys(lseek(fd, 0, SEEK_CUR)), 0);
	assert_int_equal(byte, 'x');
}

VW_TEST_TYPICAL(readv_and_writev_transfer_every_iovec)
{
	char a[3], b[PAGE], c[10], back[PAGE];
	struct iovec out[] = { { "abc", 3 }, { "", 0 }, { "defgh", 5 } };
	struct iovec in[] = { { a, sizeof(a) }, { b, sizeof(b) }, { c, sizeof(c) } };
	int fd;

	fd = vw_open_rw(vw_make_combo(combo, SIZE, "digits"));
	vw_expect(vw_sys(preadv(fd, in, 3, PAGE - 2)), 3 + PAGE + 10);
	assert_true(vw_holds_fill(a, "digits", PAGE - 2, 3));
	assert_true(vw_holds_fill(b, "digits", PAGE + 1, PAGE));
	assert_true(vw_holds_fill(c, "digits", 2 * PAGE + 1, 10));
	vw_expect(vw_sys(preadv(fd, in, 3, SIZE - 5)), 5);
	assert_true(vw_holds_fill(b, "digits", SIZE - 2, 2));
	vw_expect(vw_sys(pwritev(fd, out, 3, PAGE - 4)), 8);
	vw_expect(vw_sys(pread(fd, back, 8, PAGE - 4)), 8);
	assert_memory_equal(back, "abcdefgh", 8);
	vw_expect(vw_sys(pwritev(fd, out, 3, SIZE - 4)), 4);
	vw_expect(vw_sys(pread(fd, back, 4, SIZE - 4)), 4);
	assert_memory_equal(back, "abcd", 4);
}

VW_TEST_TYPICAL(lseek_rejects_positions_outside_the_buffer)
{
	int fd;

	fd = vw_open_rw(vw_make_combo(combo, SIZE, "digits"));
	vw_expect(vw_sys(lseek(fd, 10, SEEK_SET)), 10);
	vw_expect(vw_sys(lseek(fd, 5, SEEK_CUR)), 15);
	vw_expect(vw_sys(lseek(fd, -15, SEEK_CUR)), 0);
	vw_expect(vw_sys(lseek(fd, 0, SEEK_END)), SIZE);
	vw_expect(vw_sys(lseek(fd, -(off_t)SIZE, SEEK_END)), 0);
	vw_expect(vw_sys(lseek(fd, SIZE, SEEK_SET)), SIZE);
	vw_expect(vw_sys(lseek(fd, 7, SEEK_SET)), 7);
	vw_expect(vw_sys(lseek(fd, -1, SEEK_SET)), -EINVAL);
	vw_expect(vw_sys(lseek(fd, SIZE + 1, SEEK_SET)), -EINVAL);
	vw_expect(vw_sys(lseek(fd, 1, SEEK_END)), -EINVAL);
	vw_expect(vw_sys(lseek(fd, -(off_t)SIZE - 1, SEEK_END)), -EINVAL);
	vw_expect(vw_sys(lseek(fd, -8, SEEK_CUR)), -EINVAL);
	vw_expect(vw_sys(lseek(fd, SIZE, SEEK_CUR)), -EINVAL);
	vw_expect(vw_sys(lseek(fd, LLONG_MAX, SEEK_CUR)), -EINVAL);
	vw_expect(vw_sys(lseek(fd, 0, 99)), -EINVAL);
	vw_expect(vw_sys(lseek(fd, 0, SEEK_CUR)), 7);
}

VW_TEST_TYPICAL(the_whole_buffer_is_data_and_its_end_a_hole)
{
	int fd;

	fd = vw_open_rw(vw_make_combo(combo, SIZE, "digits"));
	vw_expect(vw_sys(lseek(fd, 0, SEEK_DATA)), 0);
	vw_expect(vw_sys(lseek(fd, PAGE + 1, SEEK_DATA)), PAGE + 1);
	vw_expect(vw_sys(lseek(fd, SIZE - 1, SEEK_DATA)), SIZE - 1);
	vw_expect(vw_sys(lseek(fd, 0, SEEK_HOLE)), SIZE);
	vw_expect(vw_sys(lseek(fd, SIZE - 1, SEEK_HOLE)), SIZE);
	vw_expect(vw_sys(lseek(fd, SIZE, SEEK_DATA)), -ENXIO);
	vw_expect(vw_sys(lseek(fd, SIZE, SEEK_HOLE)), -ENXIO);
	vw_expect(vw_sys(lseek(fd, -1, SEEK_DATA)), -ENXIO);
}

/*
 * Also after rmdir: mappings stay usable, and a program may sync them at exit.
 */
VW_TEST_TYPICAL(fsync_and_msync_succeed)
{
	char *shared, *private, *map;
	int fd;

	fd = vw_open_rw(vw_make_combo(combo, SIZE, "zero"));
	shared = vw_map(fd, SIZE, 0, RW, MAP_SHARED);
	private = vw_map(fd, SIZE, 0, RW, MAP_PRIVATE);
	for (int gone = 0; gone < 2; gone++) {
		vw_poke(shared + PAGE, 1 + gone);
		vw_poke(private + PAGE, 3 + gone);
		vw_ok(vw_sys(fsync(fd)));
		vw_ok(vw_sys(fdatasync(fd)));
		for (int i = 0; i < 2; i++) {
			map = i ? private : shared;
			vw_ok(vw_sys(msync(map, SIZE, MS_SYNC)));
			vw_ok(vw_sys(msync(map, SIZE, MS_ASYNC)));
			vw_ok(vw_sys(msync(map + PAGE, PAGE, MS_SYNC | MS_INVALIDATE)));
		}
		assert_int_equal(vw_peek(shared + PAGE), 1 + gone);
		assert_int_equal(vw_peek(private + PAGE), 3 + gone);
		if (!gone)
			vw_ok(vw_rmdir("t"));
	}
}

/* Old kernels do not send the data of any character device. */
static bool sendfile_reads_devices(int out)
{
	int device = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	bool reads = sendfile(out, device, NULL, 1) == 1;

	close(device);
	vw_ok(vw_sys(ftruncate(out, 0)));
	vw_ok(vw_sys(lseek(out, 0, SEEK_SET)));
	return reads;
}

VW_TEST_TYPICAL(splice_and_sendfile_read_and_write_the_buffer)
{
	char data[SIZE], back[SIZE];
	int fd, copy, ends[2];
	off_t at = PAGE - 1;
	loff_t pos = 3;

	fd = vw_open_rw(vw_make_combo(combo, SIZE, "letters"));
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	copy = memfd_create("copy", MFD_CLOEXEC);
	assert_true(copy >= 0);

	vw_expect(vw_sys(splice(fd, &pos, ends[1], NULL, 2 * PAGE, 0)), 2 * PAGE);
	vw_expect(pos, 3 + 2 * PAGE);
	vw_expect(vw_sys(read(ends[0], data, SIZE)), 2 * PAGE);
	assert_true(vw_holds_fill(data, "letters", 3, 2 * PAGE));
	pos = SIZE;
	vw_expect(vw_sys(splice(fd, &pos, ends[1], NULL, 1, 0)), 0);

	if (sendfile_reads_devices(copy)) {
		vw_expect(vw_sys(sendfile(copy, fd, NULL, 2 * SIZE)), SIZE);
		vw_expect(vw_sys(lseek(fd, 0, SEEK_CUR)), SIZE);
	} else {
		vw_expect(vw_sys(sendfile(copy, fd, NULL, 2 * SIZE)), -EINVAL);
		vw_expect(vw_sys(pread(fd, data, SIZE, 0)), SIZE);
		vw_expect(vw_sys(pwrite(copy, data, SIZE, 0)), SIZE);
	}
	vw_expect(vw_sys(pread(copy, data, SIZE, 0)), SIZE);
	assert_true(vw_holds_fill(data, "letters", 0, SIZE));

	vw_expect(vw_sys(write(ends[1], "vmwalk", 6)), 6);
	pos = PAGE - 3;
	vw_expect(vw_sys(splice(ends[0], NULL, fd, &pos, 6, 0)), 6);
	vw_expect(pos, PAGE + 3);
	vw_expect(vw_sys(pread(fd, back, 6, PAGE - 3)), 6);
	assert_memory_equal(back, "vmwalk", 6);
	vw_expect(vw_sys(lseek(fd, 0, SEEK_SET)), 0);
	vw_expect(vw_sys(sendfile(fd, copy, &at, 2 * PAGE)), 2 * PAGE);
	vw_expect(vw_sys(pread(fd, back, 2 * PAGE, 0)), 2 * PAGE);
	assert_true(vw_holds_fill(back, "letters", PAGE - 1, 2 * PAGE));

	vw_expect(vw_sys(write(ends[1], "vmwalk", 6)), 6);
	pos = SIZE;
	vw_expect(vw_sys(splice(ends[0], NULL, fd, &pos, 6, 0)), -ENOSPC);
	pos = SIZE - 2;
	vw_expect(vw_sys(splice(ends[0], NULL, fd, &pos, 6, 0)), 2);
	vw_ok(vw_rmdir("t"));
	pos = 0;
	vw_expect(vw_sys(splice(fd, &pos, ends[1], NULL, 1, 0)), -ENODEV);
	vw_expect(vw_sys(splice(ends[0], NULL, fd, &pos, 4, 0)), -ENODEV);
}

VW_TEST_TYPICAL(o_direct_reads_and_writes_the_same_data)
{
	char data[100], back[100];
	int n, fd, direct;

	n = vw_make_combo(combo, SIZE, "digits");
	fd = vw_open_rw(n);
	direct = vw_open(n, O_RDWR | O_DIRECT);
	assert_true(direct >= 0);
	/* No alignment is required, since there is no block device. */
	vw_expect(vw_sys(pread(direct, data, 100, 7)), 100);
	assert_true(vw_holds_fill(data, "digits", 7, 100));
	memset(data, '#', 100);
	vw_expect(vw_sys(pwrite(direct, data, 100, PAGE - 50)), 100);
	vw_expect(vw_sys(pread(fd, back, 100, PAGE - 50)), 100);
	assert_memory_equal(data, back, 100);
	vw_ok(vw_sys(fcntl(fd, F_SETFL, O_DIRECT)));
	vw_expect(vw_sys(pread(fd, back, 100, PAGE - 50)), 100);
	vw_ok(vw_sys(fsync(direct)));
}

/* See the table in docs/guide.md. */
VW_TEST(other_file_system_calls_behave_as_documented)
{
	char bytes[8] = "vmwalk";
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct pollfd asked = { .events = POLLIN | POLLOUT };
	int n, fd, append, copy;

	n = vw_make("t", "size", "20K", "fill", "letters", NULL);
	fd = vw_open_rw(n);
	append = vw_open(n, O_WRONLY | O_APPEND);
	copy = memfd_create("copy", MFD_CLOEXEC);
	assert_true(append >= 0 && copy >= 0);

	vw_expect(vw_sys(ftruncate(fd, PAGE)), -EINVAL);
	vw_expect(vw_sys(fallocate(fd, 0, 0, PAGE)), -ENODEV);
	vw_expect(vw_sys(copy_file_range(fd, NULL, copy, NULL, PAGE, 0)), -EINVAL);
	vw_expect(vw_sys(copy_file_range(copy, NULL, fd, NULL, PAGE, 0)), -EINVAL);
	vw_expect(vw_sys(readahead(fd, 0, PAGE)), -EINVAL);
	vw_expect(vw_sys(sync_file_range(fd, 0, PAGE, SYNC_FILE_RANGE_WRITE)), -ESPIPE);
	for (int advice = POSIX_FADV_NORMAL; advice <= POSIX_FADV_NOREUSE; advice++)
		vw_expect(-posix_fadvise(fd, 0, 0, advice), 0);
	vw_expect(vw_sys(write(append, "x", 1)), -ENOSPC);
	vw_expect(vw_sys(pwritev2(fd, &iov, 1, 0, RWF_APPEND)), -ENOSPC);
	vw_expect(vw_sys(preadv2(fd, &iov, 1, 0, RWF_NOWAIT)), -EOPNOTSUPP);
	vw_expect(vw_sys(pwritev2(fd, &iov, 1, 0, RWF_NOWAIT)), -EOPNOTSUPP);
	vw_expect(vw_sys(preadv2(fd, &iov, 1, 0, RWF_HIPRI)), 8);
	vw_expect(vw_sys(pwritev2(fd, &iov, 1, 0, RWF_SYNC)), 8);
	vw_ok(vw_sys(flock(fd, LOCK_EX | LOCK_NB)));
	vw_ok(vw_sys(fcntl(fd, F_SETLK, &lock)));
	asked.fd = fd;
	vw_expect(vw_sys(poll(&asked, 1, 0)), 1);
	assert_int_equal(asked.revents, POLLIN | POLLOUT);
	vw_expect(vw_sys(lseek(fd, 0, SEEK_END)), 5 * PAGE);
}

VW_TEST_TYPICAL(bad_pointers_fail_with_efault_and_change_nothing)
{
	char before[SIZE], after[SIZE], *pages;
	int fd;

	fd = vw_open_rw(vw_make_combo(combo, SIZE, "letters"));
	vw_expect(vw_sys(pread(fd, before, SIZE, 0)), SIZE);
	vw_expect(vw_sys(read(fd, vw_pointer(0), 10)), -EFAULT);
	vw_expect(vw_sys(write(fd, vw_pointer(0), 10)), -EFAULT);
	vw_expect(vw_sys(pread(fd, vw_pointer(8), SIZE, 0)), -EFAULT);
	vw_expect(vw_sys(read(fd, vw_pointer(-PAGE), 10)), -EFAULT);
	vw_expect(vw_sys(write(fd, vw_pointer(-PAGE), 10)), -EFAULT);
	vw_expect(vw_sys(lseek(fd, 0, SEEK_CUR)), 0);

	/*
	 * Memory that ends within the range: a short count and EFAULT are both
	 * correct.
	 */
	pages = vw_anon(2 * PAGE);
	munmap(pages + PAGE, PAGE);
	memset(pages, '#', PAGE);
	for (int i = 0; i < 2; i++) {
		long long rc = i ? vw_sys(pwrite(fd, pages + PAGE - 16, 64, 0))
				 : vw_sys(pread(fd, pages + PAGE - 16, 64, 0));

		if (rc != -EFAULT && (rc < 1 || rc > 16))
			vw_fail("%s across the end of a mapping returned %lld",
				i ? "pwrite" : "pread", rc);
	}
	vw_expect(vw_sys(pread(fd, after, SIZE, 0)), SIZE);
	assert_memory_equal(before + 16, after + 16, SIZE - 16);
}

VW_TEST_TYPICAL(read_and_write_work_on_a_mapping_of_the_same_buffer)
{
	char *map, back[PAGE];
	int fd;

	/*
	 * read() writes to a page of the same buffer that is not present yet.
	 */
	fd = vw_open_rw(vw_make_combo(combo, SIZE, "digits"));
	map = vw_map(fd, SIZE, 0, RW, MAP_SHARED);
	vw_expect(vw_sys(pread(fd, map + 2 * PAGE, PAGE, 3)), PAGE);
	assert_true(vw_holds_fill(map + 2 * PAGE, "digits", 3, PAGE));
	vw_expect(vw_sys(pwrite(fd, map + 4 * PAGE, PAGE, 3 * PAGE)), PAGE);
	vw_expect(vw_sys(pread(fd, back, PAGE, 3 * PAGE)), PAGE);
	assert_true(vw_holds_fill(back, "digits", 4 * PAGE, PAGE));
}

VW_TEST_TYPICAL(the_open_mode_limits_read_write_and_mmap)
{
	char byte = 0;
	int n, reader, writer;

	n = vw_make_combo(combo, SIZE, "digits");
	reader = vw_open(n, O_RDONLY);
	writer = vw_open(n, O_WRONLY);
	assert_true(reader >= 0 && writer >= 0);
	vw_expect(vw_sys(write(reader, &byte, 1)), -EBADF);
	vw_expect(vw_sys(read(writer, &byte, 1)), -EBADF);
	vw_expect(vw_sys(read(reader, &byte, 1)), 1);
	assert_int_equal(byte, '0');
	vw_expect(vw_sys(write(writer, "z", 1)), 1);
	assert_true(mmap(NULL, PAGE, RW, MAP_SHARED, reader, 0) == MAP_FAILED);
	assert_int_equal(errno, EACCES);
	assert_true(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, writer, 0) == MAP_FAILED);
	assert_int_equal(errno, EACCES);
	vw_ok(vw_sys(munmap(vw_map(reader, PAGE, 0, RW, MAP_PRIVATE), PAGE)));
	vw_ok(vw_sys(munmap(vw_map(reader, PAGE, 0, PROT_READ, MAP_SHARED), PAGE)));
}

VW_TEST_TYPICAL(opens_counts_open_files)
{
	int n, a, b;

	n = vw_make_combo(combo, SIZE, "zero");
	vw_expect_stat(n, "opens", 0);
	a = vw_open_rw(n);
	vw_expect_stat(n, "opens", 1);
	b = vw_open(n, O_RDONLY);
	vw_expect_stat(n, "opens", 2);
	close(a);
	vw_expect_stat(n, "opens", 1);
	close(b);
	vw_expect_stat(n, "opens", 0);
}

VW_TEST_TYPICAL(segments_and_phys_addr_match_the_page_tables)
{
	__u64 pfns[16], segments = 1;
	char text[64];
	int n, fd;
	void *map;

	n = vw_make_combo(combo, 16 * PAGE, "digits");
	fd = vw_open_rw(n);
	map = vw_map(fd, 16 * PAGE, 0, PROT_READ, MAP_SHARED);
	for (size_t i = 0; i < 16; i++)
		vw_peek((char *)map + i * PAGE);
	vw_frames(0, map, 16, pfns);
	for (size_t i = 1; i < 16; i++)
		segments += pfns[i] != pfns[i - 1] + 1;
	assert_true(vw_sysfs(n, "segments", text, sizeof(text)) > 0);
	vw_expect(strtoll(text, NULL, 0), segments);
	assert_true(vw_sysfs(n, "phys_addr", text, sizeof(text)) > 0);
	if (segments == 1)
		vw_expect(strtoll(text, NULL, 0), pfns[0] * PAGE);
	if (segments > 1)
		vw_expect(strtoll(text, NULL, 0), 0);
}
