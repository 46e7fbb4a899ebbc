// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of vmwalk: instances, mappings and walks. Need root and the driver.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/vmwalk.h>

#include "../kselftest_harness.h"

#define CONFIGFS	"/sys/kernel/config/vmwalk"
#define INSTANCE	CONFIGFS "/kselftest"

/* Returns 0 or -errno. */
static int set_attr(const char *name, const char *value)
{
	char path[256];
	int fd, ret = 0;

	snprintf(path, sizeof(path), INSTANCE "/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int get_attr(const char *name, char *value, size_t size)
{
	char path[256];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), INSTANCE "/%s", name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	len = read(fd, value, size - 1);
	close(fd);
	if (len < 0)
		return -EIO;
	value[len] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return 0;
}

/* The entry of /proc/self/pagemap */
static uint64_t pagemap_entry(const void *addr)
{
	uint64_t entry = 0;
	off_t offset = (uintptr_t)addr / getpagesize() * sizeof(entry);
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), offset) != sizeof(entry))
		entry = 0;
	close(fd);
	return entry;
}

FIXTURE(device)
{
	size_t page;
	int fd;
};

FIXTURE_VARIANT(device)
{
	const char *buffer_type;
	const char *map_mode;
};

FIXTURE_VARIANT_ADD(device, kmalloc_remap)
{
	.buffer_type = "kmalloc",
	.map_mode = "remap",
};

FIXTURE_VARIANT_ADD(device, vmalloc_fault)
{
	.buffer_type = "vmalloc",
	.map_mode = "fault",
};

FIXTURE_VARIANT_ADD(device, pages_insert)
{
	.buffer_type = "pages",
	.map_mode = "insert",
};

FIXTURE_VARIANT_ADD(device, pages_fault)
{
	.buffer_type = "pages",
	.map_mode = "fault",
};

FIXTURE_VARIANT_ADD(device, dma_remap)
{
	.buffer_type = "dma",
	.map_mode = "remap",
};

FIXTURE_SETUP(device)
{
	char name[64], path[128];

	self->fd = -1;
	self->page = getpagesize();
	if (access(CONFIGFS, F_OK))
		SKIP(return, "the driver is not loaded, or configfs is not mounted");
	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, mkdir(INSTANCE, 0755));
	ASSERT_EQ(0, set_attr("size", "65536"));
	ASSERT_EQ(0, set_attr("buffer_type", variant->buffer_type));
	ASSERT_EQ(0, set_attr("map_mode", variant->map_mode));
	ASSERT_EQ(0, set_attr("live", "1"));
	ASSERT_EQ(0, get_attr("dev_name", name, sizeof(name)));
	snprintf(path, sizeof(path), "/dev/%s", name);
	self->fd = open(path, O_RDWR);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(device)
{
	if (self->fd >= 0)
		close(self->fd);
	rmdir(INSTANCE);
}

TEST_F(device, info_tells_the_configuration)
{
	struct vmwalk_info info = { .size = sizeof(info) };

	ASSERT_EQ(0, ioctl(self->fd, VMWALK_IOC_INFO, &info));
	EXPECT_EQ(VMWALK_ABI_VERSION, info.abi_version);
	EXPECT_EQ(65536, info.buffer_size);
	EXPECT_EQ(self->page, info.page_size);
}

TEST_F(device, a_mapping_and_a_read_see_the_same_data)
{
	char data[16] = "";
	char *map;

	map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	memcpy(map + 60000, "through mmap", 13);
	ASSERT_EQ(sizeof(data), pread(self->fd, data, sizeof(data), 60000));
	EXPECT_STREQ("through mmap", data);
	ASSERT_EQ(5, pwrite(self->fd, "write", 5, 10));
	EXPECT_EQ(0, memcmp(map + 10, "write", 5));
	EXPECT_EQ(0, munmap(map, 65536));
}

TEST_F(device, a_walk_agrees_with_pagemap)
{
	struct vmwalk_walk walk = { .size = sizeof(walk) };
	char *map;

	map = mmap(NULL, self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);

	walk.addr = (uintptr_t)map;
	ASSERT_EQ(0, ioctl(self->fd, VMWALK_IOC_WALK, &walk));
	EXPECT_EQ(0, walk.state & VMWALK_PRESENT);
	EXPECT_EQ(0, walk.pfn);

	map[1] = 1;
	walk.addr = (uintptr_t)map + 1;
	ASSERT_EQ(0, ioctl(self->fd, VMWALK_IOC_WALK, &walk));
	EXPECT_EQ(VMWALK_PRESENT | VMWALK_WRITE | VMWALK_USER,
		  walk.state & (VMWALK_PRESENT | VMWALK_WRITE | VMWALK_USER));
	EXPECT_EQ(VMWALK_STOP_PAGE, walk.stop);
	EXPECT_NE(0, walk.pfn);
	EXPECT_EQ(pagemap_entry(map) & ((1ULL << 55) - 1), walk.pfn);
	EXPECT_EQ(walk.pfn * self->page + 1, walk.phys);
	EXPECT_EQ(0, munmap(map, self->page));
}

TEST_F(device, a_scan_reports_the_pages_that_are_present)
{
	struct vmwalk_extent extent[8];
	struct vmwalk_scan scan = {
		.size = sizeof(scan),
		.vec = (uintptr_t)extent,
		.vec_len = 8,
		.category_mask = VMWALK_PRESENT,
		.return_mask = VMWALK_PRESENT,
	};
	uint64_t pages = 0;
	char *map;
	int i, n;

	map = mmap(NULL, 16 * self->page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, madvise(map, 16 * self->page, MADV_NOHUGEPAGE));
	for (i = 4; i < 7; i++)
		map[i * self->page] = 1;

	scan.start = (uintptr_t)map;
	scan.end = scan.start + 16 * self->page;
	n = ioctl(self->fd, VMWALK_IOC_SCAN, &scan);
	ASSERT_LE(1, n);
	EXPECT_EQ(scan.end, scan.walk_end);
	EXPECT_EQ((uintptr_t)map + 4 * self->page, extent[0].start);
	for (i = 0; i < n; i++)
		pages += extent[i].pages;
	EXPECT_EQ(3, pages);
	EXPECT_EQ(0, munmap(map, 16 * self->page));
}

TEST_F(device, an_invalid_call_fails_and_changes_nothing)
{
	struct vmwalk_walk walk = { .size = sizeof(walk), .flags = 1U << 31, .addr = 1, .pfn = 7 };
	struct {
		struct vmwalk_walk walk;
		__u64 more;
	} longer = { .walk.size = sizeof(longer), .more = 1 };

	EXPECT_EQ(-1, ioctl(self->fd, VMWALK_IOC_WALK, &walk));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(7, walk.pfn);

	walk.flags = 0;
	walk.size = VMWALK_WALK_SIZE_VER0 - 1;
	EXPECT_EQ(-1, ioctl(self->fd, VMWALK_IOC_WALK, &walk));
	EXPECT_EQ(EINVAL, errno);

	EXPECT_EQ(-1, ioctl(self->fd, VMWALK_IOC_WALK, &longer));
	EXPECT_EQ(E2BIG, errno);
	longer.more = 0;
	EXPECT_EQ(0, ioctl(self->fd, VMWALK_IOC_WALK, &longer));

	EXPECT_EQ(-1, ioctl(self->fd, VMWALK_IOC_WALK, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->fd, _IO(VMWALK_IOC_MAGIC, 99)));
	EXPECT_EQ(ENOTTY, errno);
}

TEST_F(device, the_configuration_is_fixed_while_live)
{
	char error[256];

	EXPECT_EQ(-EBUSY, set_attr("size", "4096"));
	ASSERT_EQ(0, get_attr("last_error", error, sizeof(error)));
	EXPECT_NE(0, strlen(error));
}

TEST_F(device, an_open_file_outlives_the_instance)
{
	struct vmwalk_info info = { .size = sizeof(info) };
	char *map;

	map = mmap(NULL, self->page, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	map[0] = 'x';
	ASSERT_EQ(0, rmdir(INSTANCE));
	EXPECT_EQ('x', map[0]);
	EXPECT_EQ(-1, ioctl(self->fd, VMWALK_IOC_INFO, &info));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(0, munmap(map, self->page));
}

TEST_HARNESS_MAIN
