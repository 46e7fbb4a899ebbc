// SPDX-License-Identifier: GPL-2.0
/*
 * What is mapped in ranges of the kernel's addresses, and where one address of each leads.
 *
 *   kernel-map buffer DEVICE   the kernel's address of the buffer, and its physical address
 *   kernel-map walk DEVICE     the ranges on standard input, a line each: START END ADDRESS NAME.
 *                              END 0: it is only an address. ADDRESS 0: the first that is mapped
 *
 * Numbers are hexadecimal. Every entry of the page tables that cover a range is walked to.
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vmwalk.h>

#define MOST	16

struct range {
	char name[32];
	__u64 start, end, addr;
	__u64 bytes;		/* mapped */
	unsigned long pages[3];	/* of 1 GiB, 2 MiB and 4 KiB */
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

/* From entry to entry; one that maps nothing, on whatever level, is passed over in one step. */
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
		range->bytes += next - addr;
		range->pages[walk.page_shift == 30 ? 0 : walk.page_shift == 21 ? 1 : 2]++;
	}
}

static void show_range(const struct range *range)
{
	printf("%-18s 0x%016llx 0x%016llx %9lld %5lu %5lu %6lu\n", range->name, range->start,
	       range->end - 1, range->bytes >> 10, range->pages[0], range->pages[1],
	       range->pages[2]);
}

static void show_address(const struct range *range)
{
	struct vmwalk_walk walk = walk_to(range->addr);

	printf("%-18s 0x%016llx ", range->name, range->addr);
	if (walk.stop != VMWALK_STOP_PAGE)
		printf("%-18s    -    -\n", "nothing");
	else
		printf("0x%016llx   %s  r%c%c\n", walk.phys,
		       walk.page_shift == 12 ? "4K" : walk.page_shift == 21 ? "2M" : "1G",
		       walk.state & VMWALK_WRITE ? 'w' : '-', walk.state & VMWALK_EXEC ? 'x' : '-');
}

static void walk_ranges(void)
{
	struct range ranges[MOST] = { };
	int count = 0, i;

	while (count < MOST &&
	       scanf("%llx %llx %llx %31[^\n]", &ranges[count].start, &ranges[count].end,
		     &ranges[count].addr, ranges[count].name) == 4)
		count++;

	printf("%-18s %-18s %-18s %9s %5s %5s %6s\n", "RANGE", "FROM", "UP TO", "KIB", "1G", "2M",
	       "4K");
	for (i = 0; i < count; i++) {
		if (!ranges[i].end)
			continue;
		count_pages(&ranges[i]);
		show_range(&ranges[i]);
	}

	printf("\n%-18s %-18s %-18s %4s  %s\n", "AN ADDRESS IN", "", "PHYSICAL", "PAGE", "MAY");
	for (i = 0; i < count; i++)
		if (ranges[i].addr)
			show_address(&ranges[i]);
}

int main(int argc, char **argv)
{
	struct vmwalk_locate location = { .size = sizeof(location) };

	if (argc != 3)
		errx(2, "arguments: buffer or walk, DEVICE");
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
