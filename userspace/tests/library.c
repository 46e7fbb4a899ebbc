// SPDX-License-Identifier: GPL-2.0
/*
 * Calls libvmwalk functions that the vmwalk command does not use
 *
 *   library NAME
 *
 * NAME is a live instance with fill "letters". Prints one line per call, which
 * vmwalk-device.bats compares.
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libvmwalk.h"

static const char *result(int ret)
{
	return ret ? strerrorname_np(errno) : "0";
}

static void try_locate(struct vmwalk_file *file, struct vmwalk_locate *location)
{
	int ret = vmwalk_file_locate(file, location);

	printf("locate %llu: %s, same offset in page %s\n", location->offset, result(ret),
	       location->kaddr && location->kaddr % 4096 == location->phys % 4096 ? "yes" : "no");
}

static void try_copy(struct vmwalk_file *file, __u32 direction, __u64 addr, const char *dest)
{
	struct vmwalk_copy copy = {
		.direction = direction,
		.offset = 26,
		.addr = addr,
		.length = 5,
	};
	int ret = vmwalk_file_copy(file, &copy);

	printf("copy %u: %s, %llu bytes, %.5s\n", direction, result(ret), copy.copied, dest);
}

static void try_poke(struct vmwalk_file *file, void *addr, __u32 value)
{
	struct vmwalk_poke poke = { .addr = (uintptr_t)addr, .value = value };
	int ret = vmwalk_file_poke(file, &poke);

	printf("poke %u: %s, %u faults\n", value, result(ret), poke.faults);
}

static void try_scan(struct vmwalk_file *file, struct vmwalk_scan *scan)
{
	int ret = vmwalk_file_scan(file, scan, NULL, NULL);

	printf("scan: %s\n", result(ret));
}

static void print_state_names(void)
{
	__u32 flag;

	printf("flags:");
	for (flag = 1; vmwalk_state_name(flag); flag <<= 1)
		printf(" %s", vmwalk_state_name(flag));
	printf("\nother flags: %d\n",
	       vmwalk_state_name(0) || vmwalk_state_name(flag) ||
		       vmwalk_state_name(VMWALK_PRESENT | VMWALK_WRITE));
}

int main(int argc, char **argv)
{
	struct vmwalk_file *file = argc == 2 ? vmwalk_file_open_by_name(argv[1]) : NULL;
	struct vmwalk_locate location = { .offset = 5000 };
	char text[] = "-----", *buffer;

	if (!file)
		err(1, "%s", argc == 2 ? argv[1] : "usage: library NAME");
	buffer = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, vmwalk_file_fd(file), 0);
	if (buffer == MAP_FAILED)
		err(1, "mmap");

	try_poke(file, buffer, 'A');
	try_poke(file, buffer + 1, 'B');
	try_poke(file, buffer + 1, 256);
	try_poke(file, NULL, 'C');
	printf("%.5s\n", buffer);

	try_copy(file, VMWALK_COPY_TO_TARGET, (uintptr_t)text, text);
	text[0] = '+';
	try_copy(file, VMWALK_COPY_FROM_TARGET, (uintptr_t)text, buffer + 26);
	try_copy(file, VMWALK_COPY_FROM_TARGET, 0, buffer + 26);

	try_locate(file, &location);
	try_copy(file, VMWALK_COPY_FROM_BUFFER, location.kaddr, buffer + 26);
	location = (struct vmwalk_locate){ .offset = -1 };
	try_locate(file, &location);

	try_scan(file, &(struct vmwalk_scan){ .end = -1, .max_pages = 1 });
	try_scan(file, &(struct vmwalk_scan){ .end = -1, .flags = VMWALK_SCAN_TO_BUFFER });
	print_state_names();

	munmap(buffer, 8192);
	vmwalk_file_close(file);

	close(STDIN_FILENO);
	close(STDERR_FILENO);
	file = vmwalk_file_open_by_name(argv[1]);
	printf("descriptor above 2: %s\n",
	       file && vmwalk_file_fd(file) > STDERR_FILENO ? "yes" : "no");
	vmwalk_file_close(file);
	return 0;
}
