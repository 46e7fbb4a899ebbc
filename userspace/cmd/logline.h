/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Physical addresses in lines of a log
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef _VMWALK_LOGLINE_H
#define _VMWALK_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

enum logline {
	LOGLINE_NONE,    /* the line contains no physical address */
	LOGLINE_UNKNOWN, /* the hardware did not report the address */
	LOGLINE_ADDRESS,
};

struct logged {
	__u64 addr;
	const char *text; /* the part of the line with the address */
	size_t len;
	/*
	 * The address is from a machine-check bank, as reported by the hardware:
	 * it is not translated to a system physical address.
	 */
	bool bank;
};

/*
 * Find the physical address in a line of the kernel log, mcelog or rasdaemon. A
 * number counts as an address only in the known formats, where it cannot mean
 * anything else.
 */
enum logline logline_parse(const char *line, __u32 page_size, struct logged *logged);

#endif /* _VMWALK_LOGLINE_H */
