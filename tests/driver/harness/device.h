/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device: its file, its sysfs files, its mappings and its contents.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_TESTS_DEVICE_H
#define VMWALK_TESTS_DEVICE_H

#define VW_CLASS	"/sys/class/vmwalk"

/* Opens /dev/vmwalkN: a descriptor, or a negative errno. */
int vw_open(int n, int flags);
/* Opens for reading and writing, or fails the test. */
int vw_open_rw(int n);

/*
 * The device of a test, open for reading and writing. A file whose tests mostly
 * need a device has a static struct vw_device "dev", which each test sets.
 */
struct vw_device {
	int n;			/* the N of /dev/vmwalkN */
	int fd;
	int levels;		/* of page tables on this machine */
};

/* Creates the device "t", with 16 pages of letters, and opens it. */
struct vw_device vw_device_make(void);
/* The same, with attributes: pairs of attribute and value, then NULL. */
struct vw_device vw_device_make_with(const char *attr, ...) __attribute__((sentinel));
/* The same with the attributes of a combination. */
struct vw_device vw_device_make_combo(const struct vw_combo *combo, size_t size, const char *fill);

int vw_sysfs(int n, const char *file, char *buf, size_t len);
/* A counter in stats/; fails the test if it cannot be read. */
long long vw_stat(int n, const char *file);
#define vw_expect_stat(n, file, wanted)	vw_expect(vw_stat(n, file), wanted)

/* Can this kernel map the refcounted pages of a driver by PMD entries? */
bool vw_maps_folios(void);

/*
 * mmap() of a file, or fails the test. Skips the test if the kernel does not
 * support private mappings of a buffer with this cache mode; test_mmap_modes
 * checks which kernels may do this.
 */
void *vw_map_at(void *addr, int fd, size_t len, off_t offset, int prot, int flags);

static inline void *vw_map(int fd, size_t len, off_t offset, int prot, int flags)
{
	return vw_map_at(NULL, fd, len, offset, prot, flags);
}

/* The byte that a fill puts at an offset. */
unsigned char vw_fill_byte(const char *fill, size_t offset);
bool vw_holds_fill(const void *data, const char *fill, size_t offset, size_t len);

/* Closes and unmaps all devices of this process. The harness calls it. */
void vw_drop_devices(void);

#endif /* VMWALK_TESTS_DEVICE_H */
