// SPDX-License-Identifier: GPL-2.0
/*
 * Write a record into a buffer and read it back through another device.
 *
 *   contiguous write DEVICE ROLL MARKS   write the record through a mapping and
 *                                        print where the first pages are
 *   contiguous read DEVICE ADDRESS       copy the record from a kernel address
 *                                        into DEVICE's buffer and print it
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

#define PAGES 4

struct record {
	long roll_number;
	int marks;
};

static int fd;
static long page_size;

/* Without a target_pid, the target of VMWALK_IOC_GET_PFN is the caller. */
static unsigned long long user_phys(const char *page)
{
	int pfn = ioctl(fd, VMWALK_IOC_GET_PFN, (uintptr_t)page / page_size);

	if (pfn < 0)
		err(1, "VMWALK_IOC_GET_PFN");
	return (unsigned long long)pfn * page_size;
}

static void write_records(char *mapping, long roll_number, int marks)
{
	struct vmwalk_locate location;
	struct record *record;
	int i;

	printf("written: roll number %ld, marks %d\n", roll_number, marks);
	printf("%-5s %-18s  %-18s  %-18s  %s\n", "page", "kernel address", "__pa()",
	       "kernel page table", "user page table");
	for (i = 0; i < PAGES; i++) {
		location = (struct vmwalk_locate){
			.size = sizeof(location),
			.offset = i * page_size,
		};
		if (ioctl(fd, VMWALK_IOC_LOCATE, &location))
			err(1, "VMWALK_IOC_LOCATE");
		/* A page may be mapped only when it is touched: write to each. */
		record = (struct record *)(mapping + i * page_size);
		*record = (struct record){ roll_number, marks };
		printf("%-5d 0x%016llx  0x%016llx  0x%016llx  0x%016llx\n", i, location.kaddr,
		       location.linear, location.phys, user_phys(mapping + i * page_size));
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
		printf("%s\n", strerror(errno));
		return;
	}
	printf("roll number %ld, marks %d\n", record->roll_number, record->marks);
}

int main(int argc, char **argv)
{
	void *mapping;

	if (argc < 4)
		errx(2, "usage: contiguous write DEVICE ROLL MARKS | read DEVICE ADDRESS");

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
