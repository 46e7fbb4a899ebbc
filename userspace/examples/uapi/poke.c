// SPDX-License-Identifier: GPL-2.0
/*
 * VMWALK_IOC_POKE: let the driver store a byte; see docs/uapi/poke.md
 *
 *   poke DEVICE
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
#include <unistd.h>

#include <linux/vmwalk.h>

static void poke(int fd, const char *where, const void *at)
{
	struct vmwalk_poke poke = {
		.size = sizeof(poke),
		.addr = (uintptr_t)at,
		.value = '!',
	};

	if (ioctl(fd, VMWALK_IOC_POKE, &poke))
		printf("%-18s %s\n", where, strerror(errno));
	else
		printf("%-18s stored, faults: %u\n", where, poke.faults);
}

int main(int argc, char **argv)
{
	long page = sysconf(_SC_PAGESIZE);
	int fd = open(argc > 1 ? argv[1] : "/dev/vmwalk0", O_RDWR);
	char *buffer = mmap(NULL, 16 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (buffer == MAP_FAILED)
		err(1, "setup");

	poke(fd, "an untouched page", buffer);
	poke(fd, "the same page", buffer + 1);
	printf("%-18s %c%c\n", "the buffer holds", buffer[0], buffer[1]);

	if (mprotect(buffer, page, PROT_READ))
		err(1, "mprotect");
	poke(fd, "a read-only page", buffer);
	munmap(buffer, page);
	poke(fd, "an unmapped page", buffer);
	poke(fd, "a null pointer", NULL);
	poke(fd, "a kernel address", (void *)-page);
	return 0;
}
