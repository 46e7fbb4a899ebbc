// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_IOC_COPY: copy from and to the buffer; see docs/uapi/copy.md
 *
 *   copy DEVICE
 *
 * Copyright (C) The vmwalk authors
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/vmwalk.h>

static void copy(int fd, __u32 direction, __u64 offset, __u64 addr, __u64 length)
{
	static const char *const name[] = { "from the target", "to the target", "from a buffer" };
	struct vmwalk_copy copy = {
		.size = sizeof(copy),
		.direction = direction,
		.offset = offset,
		.addr = addr,
		.length = length,
	};

	if (ioctl(fd, VMWALK_IOC_COPY, &copy))
		printf("%s: %s\n", name[direction], strerror(errno));
	else
		printf("%s: %llu of %llu bytes\n", name[direction], copy.copied, length);
}

int main(int argc, char **argv)
{
	int fd = open(argc > 1 ? argv[1] : "/dev/vmwalk0", O_RDWR);
	char *buffer = mmap(NULL, 0x8000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *hole = mmap(NULL, 0x3000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vmwalk_locate location = { .size = sizeof(location) };
	char text[24] = "text of the target";

	if (buffer == MAP_FAILED || mprotect(hole + 0x2000, 0x1000, PROT_NONE) ||
	    ioctl(fd, VMWALK_IOC_LOCATE, &location))
		err(1, "setup");

	copy(fd, VMWALK_COPY_FROM_TARGET, 0, (uintptr_t)text, sizeof(text));
	printf("buffer: %s\n", buffer);

	snprintf(buffer, sizeof(text), "text of the buffer");
	copy(fd, VMWALK_COPY_TO_TARGET, 0, (uintptr_t)text, sizeof(text));
	printf("target: %s\n", text);

	/* The third page is inaccessible: the copy stops before it. */
	copy(fd, VMWALK_COPY_FROM_TARGET, 0x1000, (uintptr_t)hole, 0x3000);
	copy(fd, VMWALK_COPY_FROM_TARGET, 0x1000, (uintptr_t)hole + 0x2000, 0x1000);

	/* From a buffer, by its kernel address. Other addresses are rejected. */
	copy(fd, VMWALK_COPY_FROM_BUFFER, 0x5000, location.kaddr, sizeof(text));
	printf("buffer: %s\n", buffer + 0x5000);
	copy(fd, VMWALK_COPY_FROM_BUFFER, 0x5000, location.kaddr - 1, sizeof(text));
	copy(fd, VMWALK_COPY_FROM_BUFFER, 0x5000, (uintptr_t)text, sizeof(text));
	return 0;
}
