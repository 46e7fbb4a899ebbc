/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A buffer whose pages must be unchanged once no mapping is left.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_BUFFER_H
#define VMWALK_TESTS_BUFFER_H

/*
 * kpageflags and kpagecount of each PFN, read while the buffer is not mapped.
 */
struct vw_buffer {
	int n;
	int fd;
	size_t pages;
	__u64 *frames;
	__u64 *flags;
	__u64 *counts;
};

/* Creates the device "t" of a combination, filled with letters. */
void vw_buffer_make(struct vw_buffer *buffer, const struct vw_combo *combo, size_t size);
/* Fails the test if a page is mapped, or if its state or contents changed. */
void vw_buffer_expect_whole(const struct vw_buffer *buffer);
void vw_buffer_remove(struct vw_buffer *buffer);

#endif /* VMWALK_TESTS_BUFFER_H */
