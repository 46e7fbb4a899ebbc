// SPDX-License-Identifier: GPL-2.0
/*
 * Walk ranges of kernel addresses and count what they map.
 *
 *   kernel-map buffer DEVICE   print the buffer's kernel and physical address
 *   kernel-map walk DEVICE     print the mapped pages of each range, and the
 *                              translation of one address
 *
 * walk reads ranges from standard input, one per line: START END ADDRESS NAME,
 * in hexadecimal. If END is 0, the line is an address without a range. If
 * ADDRESS is 0, the first mapped address of the range is used.
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vmwalk.h>

#define MAX_RANGES 16

struct range {
	char name[32];
	__u64 start, end, addr;
	__u64 mapped;           /* bytes */
	unsigned long pages[3]; /* of 1 GiB, 2 MiB and 4 KiB */
};

static int fd;

static struct vmwalk_walk walk_to(__u64 addr)
{
	struct vmwalk_walk walk = {
		.size = sizeof(walk),
		.flags = VMWALK_WALK_KERNEL,
		.addr = addr,
	};

	if (ioctl(fd, VMWALK_IOC_WALK, &walk))
		err(1, "VMWALK_IOC_WALK of 0x%llx", addr);
	return walk;
}

/* page_shift is valid for empty entries, too: skip all they span at once. */
static void count_pages(struct range *range)
{
	__u64 addr, next;

	for (addr = range->start; addr < range->end; addr = next) {
		struct vmwalk_walk walk = walk_to(addr);

		next = (addr | ((1ULL << walk.page_shift) - 1)) + 1;
		if (!next || next > range->end)
			next = range->end;
		if (walk.stop != VMWALK_STOP_PAGE)
			continue;
		if (!range->addr)
			range->addr = addr;
		range->mapped += next - addr;
		range->pages[walk.page_shift == 30 ? 0 : walk.page_shift == 21 ? 1 : 2]++;
	}
}

static void show_range(const struct range *range)
{
	printf("%-18s 0x%016llx 0x%016llx %9lld %5lu %5lu %6lu\n", range->name, range->start,
	       range->end - 1, range->mapped >> 10, range->pages[0], range->pages[1],
	       range->pages[2]);
}

static const char *size_name(unsigned int page_shift)
{
	if (page_shift == 12)
		return "4K";
	return page_shift == 21 ? "2M" : "1G";
}

static void show_address(const struct range *range)
{
	struct vmwalk_walk walk = walk_to(range->addr);

	printf("%-18s 0x%016llx ", range->name, range->addr);
	if (walk.stop != VMWALK_STOP_PAGE)
		printf("%-18s    -  -\n", "unmapped");
	else
		printf("0x%016llx   %s  r%c%c\n", walk.phys, size_name(walk.page_shift),
		       walk.state & VMWALK_WRITE ? 'w' : '-', walk.state & VMWALK_EXEC ? 'x' : '-');
}

static void walk_ranges(void)
{
	struct range ranges[MAX_RANGES] = {};
	int count = 0, i;

	while (count < MAX_RANGES &&
	       scanf("%llx %llx %llx %31[^\n]", &ranges[count].start, &ranges[count].end,
		     &ranges[count].addr, ranges[count].name) == 4)
		count++;

	printf("%-18s %-18s %-18s %9s %5s %5s %6s\n", "RANGE", "FIRST", "LAST", "KIB", "1G", "2M",
	       "4K");
	for (i = 0; i < count; i++) {
		if (!ranges[i].end)
			continue;
		count_pages(&ranges[i]);
		show_range(&ranges[i]);
	}

	printf("\n%-18s %-18s %-18s %4s  %s\n", "ONE ADDRESS", "VIRTUAL", "PHYSICAL", "PAGE",
	       "PERM");
	for (i = 0; i < count; i++)
		if (ranges[i].addr)
			show_address(&ranges[i]);
}

int main(int argc, char **argv)
{
	struct vmwalk_locate location = { .size = sizeof(location) };

	if (argc != 3)
		errx(2, "usage: kernel-map buffer|walk DEVICE");
	fd = open(argv[2], O_RDONLY);
	if (fd < 0)
		err(1, "%s", argv[2]);

	if (!strcmp(argv[1], "walk")) {
		walk_ranges();
		return 0;
	}
	if (ioctl(fd, VMWALK_IOC_LOCATE, &location))
		err(1, "VMWALK_IOC_LOCATE");
	printf("0x%llx 0x%llx\n", location.kaddr, location.phys);
	return 0;
}
