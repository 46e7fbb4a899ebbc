// SPDX-License-Identifier: GPL-2.0
/*
 * Show the memory type of a buffer in the page tables, and measure accesses.
 *
 *   caching show TYPES MODE DEVICE
 *	map the buffer and print the leaf entries of the user and the kernel
 *	mapping
 *   caching kernel TYPES LABEL DEVICE ADDRESS
 *	print the leaf entry of a kernel address
 *   caching time MODE DEVICE
 *	print nanoseconds per word read and per word written, in the fastest of
 *	some rounds
 *
 * TYPES are the eight memory types of the page attribute table, 0 to 7.
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include <linux/vmwalk.h>

#define WORDS  (128 * 1024 / sizeof(unsigned long))
#define ROUNDS 16

static int fd;
static char types[8][8];

static const char *size_name(unsigned int page_shift)
{
	if (page_shift == 12)
		return "4K";
	return page_shift == 21 ? "2M" : "1G";
}

/* PWT is bit 3, PCD bit 4. PAT is bit 7 of a PTE, bit 12 of a larger leaf. */
static void show(const char *mode, const char *mapping, __u64 addr, __u32 flags)
{
	struct vmwalk_walk walk = { .size = sizeof(walk), .flags = flags, .addr = addr };
	unsigned int pat, pcd, pwt;
	__u64 entry;

	if (ioctl(fd, VMWALK_IOC_WALK, &walk))
		err(1, "VMWALK_IOC_WALK");
	if (walk.stop != VMWALK_STOP_PAGE)
		errx(1, "address 0x%llx is not mapped", addr);

	entry = walk.level[walk.stop_level].entry;
	pat = entry >> (walk.page_shift == 12 ? 7 : 12) & 1;
	pcd = entry >> 4 & 1;
	pwt = entry >> 3 & 1;
	printf("%-5s %-7s 0x%016llx  %4s  0x%016llx  %3u %3u %3u  %s\n", mode, mapping, addr,
	       size_name(walk.page_shift), entry, pat, pcd, pwt, types[pat << 2 | pcd << 1 | pwt]);
}

static unsigned long *map_buffer(void)
{
	void *map = mmap(NULL, WORDS * sizeof(unsigned long), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, fd, 0);

	if (map == MAP_FAILED)
		err(1, "mmap");
	return map;
}

static void show_both(const char *mode)
{
	struct vmwalk_locate location = { .size = sizeof(location) };
	unsigned long *words = map_buffer();

	if (ioctl(fd, VMWALK_IOC_LOCATE, &location))
		err(1, "VMWALK_IOC_LOCATE");
	/* Fault the page in: MAP_POPULATE skips PFN mappings. */
	__atomic_store_n(words, 0, __ATOMIC_RELAXED);
	show(mode, "user", (uintptr_t)words, 0);
	show(mode, "kernel", location.kaddr, VMWALK_WALK_KERNEL);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

/* Nanoseconds of the fastest round: interrupts make the others longer. */
static inline double fastest(unsigned long *words, void (*access)(unsigned long *word))
{
	double start, time, least = 0;
	size_t i, round;

	for (round = 0; round < ROUNDS; round++) {
		start = now();
		for (i = 0; i < WORDS; i++)
			access(&words[i]);
		time = now() - start;
		if (!round || time < least)
			least = time;
	}
	return least;
}

static inline void load(unsigned long *word)
{
	__atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void store(unsigned long *word)
{
	__atomic_store_n(word, 1, __ATOMIC_RELAXED);
}

static void show_time(const char *mode)
{
	unsigned long *words = map_buffer();

	/* Fault the pages in and warm the cache. */
	fastest(words, store);
	printf("%-5s %8.2f %8.2f\n", mode, fastest(words, load) / WORDS,
	       fastest(words, store) / WORDS);
}

int main(int argc, char **argv)
{
	const char *device = NULL, *list = NULL;

	if (argc == 5 && !strcmp(argv[1], "show"))
		list = argv[2], device = argv[4];
	else if (argc == 6 && !strcmp(argv[1], "kernel"))
		list = argv[2], device = argv[4];
	else if (argc == 4 && !strcmp(argv[1], "time"))
		device = argv[3];
	else
		errx(2, "usage: caching show|kernel|time ARGUMENT...; see caching.c");

	if (list &&
	    sscanf(list, "%7s %7s %7s %7s %7s %7s %7s %7s", types[0], types[1], types[2], types[3],
		   types[4], types[5], types[6], types[7]) != 8)
		errx(2, "TYPES: expected eight words, not '%s'", list);
	fd = open(device, O_RDWR);
	if (fd < 0)
		err(1, "%s", device);

	if (argc == 5)
		show_both(argv[3]);
	else if (argc == 6)
		show(argv[3], "kernel", strtoull(argv[5], NULL, 16), VMWALK_WALK_KERNEL);
	else
		show_time(argv[2]);
	return 0;
}
