// SPDX-License-Identifier: GPL-2.0
/*
 * A 32-bit caller for test_ioctl: does the ioctls that the test asks for.
 *
 *   caller32 SOCKET DEVICE MEMORY ADDRESS LENGTH
 *
 * SOCKET, DEVICE and MEMORY are file descriptors. Maps the file MEMORY at
 * ADDRESS. Each request on SOCKET is a u64: the number of an ioctl in the low
 * half, its argument in the high half. Each answer is a u64, too: the result, or
 * a negative errno.
 *
 * Copyright (C) The vmwalk authors
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmwalk.h"

_Static_assert(sizeof(long) == 4, "this program must be a 32-bit one");
_Static_assert(sizeof(struct vmwalk_info) == VMWALK_INFO_SIZE_VER0, "size");
_Static_assert(sizeof(struct vmwalk_walk) == VMWALK_WALK_SIZE_VER0, "size");
_Static_assert(sizeof(struct vmwalk_scan) == VMWALK_SCAN_SIZE_VER0, "size");
_Static_assert(sizeof(struct vmwalk_dirty) == VMWALK_DIRTY_SIZE_VER0, "size");
_Static_assert(sizeof(struct vmwalk_translate) == VMWALK_TRANSLATE_SIZE_VER0, "size");
_Static_assert(sizeof(struct vmwalk_vma) == VMWALK_VMA_SIZE_VER0, "size");
_Static_assert(sizeof(struct vmwalk_log) == VMWALK_LOG_SIZE_VER0, "size");
_Static_assert(sizeof(struct vmwalk_locate) == VMWALK_LOCATE_SIZE_VER0, "size");
_Static_assert(sizeof(struct vmwalk_copy) == VMWALK_COPY_SIZE_VER0, "size");
_Static_assert(sizeof(struct vmwalk_poke) == VMWALK_POKE_SIZE_VER0, "size");
_Static_assert(sizeof(struct vmwalk_extent) == 32, "size");
_Static_assert(sizeof(struct vmwalk_translation) == 24, "size");

int main(int argc, char **argv)
{
	unsigned long at, len;
	int socket, device;
	long long answer;
	__u64 request;

	if (argc != 6)
		return 1;
	socket = atoi(argv[1]);
	device = atoi(argv[2]);
	at = strtoul(argv[4], NULL, 0);
	len = strtoul(argv[5], NULL, 0);
	if (mmap((void *)at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
		 atoi(argv[3]), 0) == MAP_FAILED)
		return 1;
	/* Some CPUs take a page fault to set the dirty bit, which POKE counts. */
	memset((void *)at, 0, len);

	/* Ready */
	answer = 0;
	do {
		if (write(socket, &answer, sizeof(answer)) != sizeof(answer) ||
		    read(socket, &request, sizeof(request)) != sizeof(request))
			break;
		answer = ioctl(device, (unsigned int)request, (unsigned long)(request >> 32));
		if (answer < 0)
			answer = -errno;
	} while (1);
	return 0;
}
