// SPDX-License-Identifier: GPL-2.0
/*
 * The library's calls that the vmwalk command has no use for, on the device of an instance.
 *
 *   library NAME
 *
 * Prints a line a call, of what has to come back from an instance with the fill "letters".
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

static void try_buffer(struct vmwalk_device *device, struct vmwalk_locate *location)
{
	int ret = vmwalk_device_buffer(device, location);

	printf("buffer %llu: %s, in place %s\n", location->offset, result(ret),
	       location->kaddr && location->kaddr % 4096 == location->phys % 4096 ? "yes" : "no");
}

static void try_copy(struct vmwalk_device *device, __u32 direction, __u64 addr, const char *shown)
{
	struct vmwalk_copy copy = {
		.size = sizeof(copy), .direction = direction, .offset = 26, .addr = addr, .length = 5,
	};
	int ret = vmwalk_device_copy(device, &copy);

	printf("copy %u: %s, %llu bytes, %.5s\n", direction, result(ret), copy.copied, shown);
}

static void try_poke(struct vmwalk_device *device, void *addr, __u32 value)
{
	struct vmwalk_poke poke = {
		.size = sizeof(poke), .addr = (uintptr_t)addr, .value = value,
	};
	int ret = vmwalk_device_poke(device, &poke);

	printf("poke %u: %s, %u faults\n", value, result(ret), poke.faults);
}

int main(int argc, char **argv)
{
	struct vmwalk_device *device = argc == 2 ? vmwalk_device_open_by_name(argv[1]) : NULL;
	struct vmwalk_locate location = { .size = sizeof(location), .offset = 5000 };
	char text[] = "-----", *buffer;

	if (!device)
		err(1, "%s", argc == 2 ? argv[1] : "usage");
	buffer = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, vmwalk_device_fd(device), 0);
	if (buffer == MAP_FAILED)
		err(1, "mmap");

	try_poke(device, buffer, 'A');
	try_poke(device, buffer + 1, 'B');
	try_poke(device, buffer + 1, 256);
	try_poke(device, NULL, 'C');
	printf("%.5s\n", buffer);

	try_copy(device, VMWALK_COPY_TO_TARGET, (uintptr_t)text, text);
	text[0] = '+';
	try_copy(device, VMWALK_COPY_FROM_TARGET, (uintptr_t)text, buffer + 26);
	try_copy(device, VMWALK_COPY_FROM_TARGET, 0, buffer + 26);

	try_buffer(device, &location);
	try_copy(device, VMWALK_COPY_FROM_BUFFER, location.kaddr, buffer + 26);
	location = (struct vmwalk_locate){ .size = sizeof(location), .offset = -1 };
	try_buffer(device, &location);

	munmap(buffer, 8192);
	vmwalk_device_close(device);

	close(STDIN_FILENO);
	close(STDERR_FILENO);
	device = vmwalk_device_open_by_name(argv[1]);
	printf("descriptor above the standard streams: %s\n",
	       device && vmwalk_device_fd(device) > STDERR_FILENO ? "yes" : "no");
	vmwalk_device_close(device);
	return 0;
}
