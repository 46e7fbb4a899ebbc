// SPDX-License-Identifier: GPL-2.0
/*
 * A record in a buffer of the kernel's: where it is, and how another finds it.
 *
 *   contiguous write DEVICE ROLL MARKS   writes it through a mapping, and says where each page is
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

/* Where /proc/self/pagemap says that a page of ours is: it asks nobody but our page tables. */
static uint64_t frame_of(volatile char *page)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry;

	if (pagemap < 0 || pread(pagemap, &entry, sizeof(entry),
				 (uintptr_t)page / page_size * sizeof(entry)) != sizeof(entry))
		err(1, "/proc/self/pagemap");
	close(pagemap);
	return entry & ((1ULL << 55) - 1);
}

static void write_record(struct record *record, long roll_number, int marks)
{
	volatile char *mapping = (char *)record;
	struct vmwalk_place place;
	int i;

	record->roll_number = roll_number;
	record->marks = marks;
	printf("written: roll number %ld, marks %d\n", record->roll_number, record->marks);

	printf("%-5s %-18s  %-18s  %-18s  %s\n", "page", "kernel address", "by __pa()",
	       "by a walk", "in this program");
	for (i = 0; i < PAGES; i++) {
		place = (struct vmwalk_place){ .size = sizeof(place), .offset = i * page_size };
		if (ioctl(fd, VMWALK_IOC_BUFFER, &place))
			err(1, "VMWALK_IOC_BUFFER");
		/* What isn't touched isn't mapped. */
		mapping[i * page_size] |= 0;
		printf("%-5d 0x%016llx  0x%016llx  0x%016llx  0x%016llx\n", i, place.kaddr,
		       place.linear, place.phys,
		       (unsigned long long)frame_of(mapping + i * page_size) * page_size);
	}
}

static void read_record(struct record *record, uint64_t addr)
{
	struct vmwalk_copy copy = {
		.size = sizeof(copy),
		.way = VMWALK_COPY_FROM_BUFFER,
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
	struct record *record;

	if (argc < 4)
		errx(2, "arguments: write DEVICE ROLL MARKS, or read DEVICE ADDRESS");

	page_size = sysconf(_SC_PAGESIZE);
	fd = open(argv[2], O_RDWR);
	if (fd < 0)
		err(1, "%s", argv[2]);
	record = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (record == MAP_FAILED)
		err(1, "mmap");

	if (!strcmp(argv[1], "write") && argc == 5)
		write_record(record, atol(argv[3]), atoi(argv[4]));
	else
		read_record(record, strtoull(argv[3], NULL, 16));
	return 0;
}
