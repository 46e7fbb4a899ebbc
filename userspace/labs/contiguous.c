// SPDX-License-Identifier: GPL-2.0
/*
 * A record in a buffer of the kernel's: where it is, and how another finds it.
 *
 *   contiguous write DEVICE ROLL MARKS   writes it through a mapping, and says where the pages are
 *   contiguous read DEVICE ADDRESS       has it copied to DEVICE's buffer from an address of the
 *                                        kernel, and says what it is
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vmwalk.h>

#define PAGES	4

struct record {
	long roll_number;
	int marks;
};

static int fd;
static long page_size;

/* Where the page tables of this very program, which is the target of its own call, have a page. */
static unsigned long long frame_of(const char *page)
{
	int frame = ioctl(fd, VMWALK_IOC_GET_PFN, (uintptr_t)page / page_size);

	if (frame < 0)
		err(1, "VMWALK_IOC_GET_PFN");
	return frame;
}

static void write_records(char *mapping, long roll_number, int marks)
{
	struct vmwalk_locate location;
	struct record *record;
	int i;

	printf("written: roll number %ld, marks %d\n", roll_number, marks);
	printf("%-5s %-18s  %-18s  %-18s  %s\n", "page", "kernel address", "by __pa()",
	       "by a walk", "in this program");
	for (i = 0; i < PAGES; i++) {
		location = (struct vmwalk_locate){ .size = sizeof(location), .offset = i * page_size };
		if (ioctl(fd, VMWALK_IOC_LOCATE, &location))
			err(1, "VMWALK_IOC_LOCATE");
		/* One at the start of each page: what isn't touched isn't mapped. */
		record = (struct record *)(mapping + i * page_size);
		*record = (struct record){ roll_number, marks };
		printf("%-5d 0x%016llx  0x%016llx  0x%016llx  0x%016llx\n", i, location.kaddr,
		       location.linear, location.phys,
		       frame_of(mapping + i * page_size) * page_size);
	}
}

static void read_record(const struct record *record, __u64 addr)
{
	struct vmwalk_copy copy = {
		.size = sizeof(copy),
		.direction = VMWALK_COPY_FROM_BUFFER,
		.addr = addr,
		.length = sizeof(*record),
	};

	if (ioctl(fd, VMWALK_IOC_COPY, &copy)) {
		printf("nothing: %s\n", strerror(errno));
		return;
	}
	printf("roll number %ld, marks %d\n", record->roll_number, record->marks);
}

int main(int argc, char **argv)
{
	void *mapping;

	if (argc < 4)
		errx(2, "arguments: write DEVICE ROLL MARKS, or read DEVICE ADDRESS");

	page_size = sysconf(_SC_PAGESIZE);
	fd = open(argv[2], O_RDWR);
	if (fd < 0)
		err(1, "%s", argv[2]);
	mapping = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapping == MAP_FAILED)
		err(1, "mmap");

	if (!strcmp(argv[1], "write") && argc == 5)
		write_records(mapping, atol(argv[3]), atoi(argv[4]));
	else
		read_record(mapping, strtoull(argv[3], NULL, 16));
	return 0;
}
