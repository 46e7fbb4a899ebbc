/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * vmwalk: kernel buffers that programs can map, and a page-table walker.
 *
 * Copyright (C) The vmwalk authors
 *
 * Every structure begins with its size, set by the caller, and flags. A program
 * that was built with an older header passes a smaller size and gets the
 * smaller structure. A program that was built with a newer header works with an
 * older driver if everything that the driver does not know is zero. The layouts
 * are the same for 32-bit and 64-bit programs.
 *
 * Fields are marked (in), (out) or (in, out). Addresses, lengths and offsets
 * are in bytes. User addresses may be tagged if the CPU supports this; the tag
 * is ignored. PFNs count pages of the size that VMWALK_IOC_INFO reports.
 *
 * On error an ioctl returns -1, sets errno, and leaves the caller's structure
 * unchanged:
 *
 *   ENOTTY   the driver does not know the ioctl
 *   E2BIG    size exceeds the structure that the driver knows, and a byte after
 *            that structure is not zero; or size exceeds a page
 *   EINVAL   size is less than that of the first version, an unknown flag is
 *            set, padding is not zero, or a field has an invalid value
 *   EFAULT   a pointer is invalid, or points to memory that is not writable
 *   ESRCH    the target has exited, or has called execve() during the ioctl
 *   EPERM    the opener lacks a capability; see below
 *   ENODEV   the device has been withdrawn (live is 0, or the instance removed)
 *   EINTR    a fatal signal has arrived
 *   ENOMEM   no memory for the ioctl
 *
 * The driver checks the capabilities of the process that has opened the device,
 * in the initial user namespace: CAP_SYS_ADMIN for PFNs and kernel addresses,
 * CAP_SYS_PTRACE for a target that is another process. While the kernel is in
 * confidentiality lockdown, every opener counts as lacking both.
 */
#ifndef _UAPI_LINUX_VMWALK_H
#define _UAPI_LINUX_VMWALK_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VMWALK_ABI_VERSION	1

#define VMWALK_IOC_MAGIC	0xF7

/*
 *  nr  VMWALK_IOC_  argument                 minimum size
 *   0  INFO         struct vmwalk_info       VMWALK_INFO_SIZE_VER0
 *   1  GET_PFN      a page number, by value  -
 *   2  WALK         struct vmwalk_walk       VMWALK_WALK_SIZE_VER0
 *   3  SCAN         struct vmwalk_scan       VMWALK_SCAN_SIZE_VER0
 *   4  DIRTY        struct vmwalk_dirty      VMWALK_DIRTY_SIZE_VER0
 *   5  TRANSLATE    struct vmwalk_translate  VMWALK_TRANSLATE_SIZE_VER0
 *   6  VMA          struct vmwalk_vma        VMWALK_VMA_SIZE_VER0
 *   7  LOG          struct vmwalk_log        VMWALK_LOG_SIZE_VER0
 *   8  LOCATE       struct vmwalk_locate     VMWALK_LOCATE_SIZE_VER0
 *   9  COPY         struct vmwalk_copy       VMWALK_COPY_SIZE_VER0
 *  10  POKE         struct vmwalk_poke       VMWALK_POKE_SIZE_VER0
 */
#define VMWALK_IOC_INFO		_IO(VMWALK_IOC_MAGIC, 0)
#define VMWALK_IOC_GET_PFN	_IO(VMWALK_IOC_MAGIC, 1)
#define VMWALK_IOC_WALK		_IO(VMWALK_IOC_MAGIC, 2)
#define VMWALK_IOC_SCAN		_IO(VMWALK_IOC_MAGIC, 3)
#define VMWALK_IOC_DIRTY	_IO(VMWALK_IOC_MAGIC, 4)
#define VMWALK_IOC_TRANSLATE	_IO(VMWALK_IOC_MAGIC, 5)
#define VMWALK_IOC_VMA		_IO(VMWALK_IOC_MAGIC, 6)
#define VMWALK_IOC_LOG		_IO(VMWALK_IOC_MAGIC, 7)
#define VMWALK_IOC_LOCATE	_IO(VMWALK_IOC_MAGIC, 8)
#define VMWALK_IOC_COPY		_IO(VMWALK_IOC_MAGIC, 9)
#define VMWALK_IOC_POKE		_IO(VMWALK_IOC_MAGIC, 10)

/* The name of VMWALK_IOC_GET_PFN in courses on page tables. */
#define IOCTL_GET_PFN		VMWALK_IOC_GET_PFN

/*
 * Values of vmwalk_info.buffer_type; the names are those of the configfs
 * attribute.
 */
#define VMWALK_BUFFER_KMALLOC	0
#define VMWALK_BUFFER_VMALLOC	1
#define VMWALK_BUFFER_PAGES	2
#define VMWALK_BUFFER_HUGE	3
#define VMWALK_BUFFER_DMA	4

/* Values of vmwalk_info.map_mode. */
#define VMWALK_MAP_REMAP	0
#define VMWALK_MAP_INSERT	1
#define VMWALK_MAP_FAULT	2

/* Values of vmwalk_info.cache_mode. */
#define VMWALK_CACHE_WB		0	/* write back */
#define VMWALK_CACHE_WC		1	/* write combining */
#define VMWALK_CACHE_UC		2	/* uncached */

/**
 * struct vmwalk_info - describe a device
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @abi_version: (out) VMWALK_ABI_VERSION of the driver
 * @instance: (out) N of /dev/vmwalkN
 * @buffer_type: (out) one of VMWALK_BUFFER_*
 * @map_mode: (out) one of VMWALK_MAP_*
 * @cache_mode: (out) one of VMWALK_CACHE_*; for VMWALK_BUFFER_DMA the mode that
 *              the DMA API has chosen
 * @page_size: (out) bytes in a page
 * @buffer_size: (out) bytes in the buffer, a multiple of @page_size
 * @paging_levels: (out) page-table levels in use, 3 to 5
 * @target_pid: (out) PID of the target in the caller's pid namespace; 0: the
 *              caller itself, or a target without a PID in that namespace
 */
struct vmwalk_info {
	__u32 size;
	__u32 flags;
	__u32 abi_version;
	__u32 instance;
	__u32 buffer_type;
	__u32 map_mode;
	__u32 cache_mode;
	__u32 page_size;
	__aligned_u64 buffer_size;
	__u32 paging_levels;
	__s32 target_pid;
};

#define VMWALK_INFO_SIZE_VER0	48

/*
 * VMWALK_IOC_GET_PFN takes a virtual page number of the target (address / page
 * size) by value and returns the PFN. Additional errors: ENOENT if no page is
 * present; EOVERFLOW if the PFN exceeds an int; EINVAL if the page number is
 * beyond user space. The opener needs CAP_SYS_ADMIN.
 */

/*
 * State of a page-table entry: vmwalk_walk.state, vmwalk_translation.state,
 * vmwalk_extent.flags, and the masks of a scan.
 *
 *   PRESENT      maps a page; see also PROTNONE
 *   WRITE        allows writing
 *   EXEC         allows execution
 *   USER         allows access from user mode
 *   ACCESSED     the accessed bit
 *   DIRTY        the dirty bit
 *   SOFT_DIRTY   written since 4 was written to /proc/PID/clear_refs
 *   SWAP         not present: swapped out, or device-private memory
 *   MIGRATION    not present: the kernel is migrating the page
 *   PROTNONE     present, but any access faults: PROT_NONE or a NUMA hint
 *   UFFD_WP      write-protected through userfaultfd
 *   FILE         present, and not anonymous memory
 *   ZERO         the zero page, small or huge
 *   HUGETLB      a hugetlb page
 *   SPECIAL      a PFN mapping: the kernel uses no struct page
 *   HIDDEN       PFN and raw values are withheld: they read 0
 *   HUGE         an entry above the PTE level
 */
#define VMWALK_PRESENT		0x0001
#define VMWALK_WRITE		0x0002
#define VMWALK_EXEC		0x0004
#define VMWALK_USER		0x0008
#define VMWALK_ACCESSED		0x0010
#define VMWALK_DIRTY		0x0020
#define VMWALK_SOFT_DIRTY	0x0040
#define VMWALK_SWAP		0x0080
#define VMWALK_MIGRATION	0x0100
#define VMWALK_PROTNONE		0x0200
#define VMWALK_UFFD_WP		0x0400
#define VMWALK_FILE		0x0800
#define VMWALK_ZERO		0x1000
#define VMWALK_HUGETLB		0x2000
#define VMWALK_SPECIAL		0x4000
#define VMWALK_HIDDEN		0x8000
#define VMWALK_HUGE		0x10000

/* All flags above. */
#define VMWALK_STATE_ALL	0x1ffff

/* Page-table levels, in the order in which a walk reads them. */
#define VMWALK_PGD		0
#define VMWALK_P4D		1
#define VMWALK_PUD		2
#define VMWALK_PMD		3
#define VMWALK_PTE		4
#define VMWALK_LEVELS		5

/* Flags of struct vmwalk_level. */
#define VMWALK_LEVEL_READ	0x0001	/* an entry was read */
#define VMWALK_LEVEL_FOLDED	0x0002	/* level not in use */
#define VMWALK_LEVEL_LEAF	0x0004	/* maps a page */

/**
 * struct vmwalk_level - describe one level of a walk
 * @table: (out) physical address of the table
 * @entry: (out) the entry, raw
 * @index: (out) index of the entry in the table
 * @flags: (out) VMWALK_LEVEL_*
 *
 * All fields are 0 for a level that the walk did not reach. For a folded level
 * only @flags is set.
 */
struct vmwalk_level {
	__aligned_u64 table;
	__aligned_u64 entry;
	__u32 index;
	__u32 flags;
};

/* Values of vmwalk_walk.stop: the reason why the walk has ended. */
#define VMWALK_STOP_PAGE	0	/* the entry maps a page */
#define VMWALK_STOP_EMPTY	1	/* the entry is empty */
#define VMWALK_STOP_ABSENT	2	/* not present, not empty */

/* Flags of struct vmwalk_walk. */
#define VMWALK_WALK_KERNEL	0x0001	/* addr is a kernel address */

/**
 * struct vmwalk_walk - walk the page tables of one address
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) VMWALK_WALK_*
 * @addr: (in) a user address of the target; with VMWALK_WALK_KERNEL a kernel
 *        address; EINVAL for any other address
 * @pfn: (out) PFN of the page at @addr, which may be inside a huge page; 0 if
 *       none
 * @phys: (out) physical address of the byte at @addr; 0 if none
 * @state: (out) flags VMWALK_PRESENT to VMWALK_HUGE
 * @page_shift: (out) log2 of the bytes that the last entry covers: 12, 21, 30,
 *              39 or 48 on x86-64. On arm64 and RISC-V, a group of entries can
 *              map one contiguous range; then log2 of the bytes in that range
 * @stop_level: (out) VMWALK_PGD to VMWALK_PTE: the last level that was read
 * @stop: (out) one of VMWALK_STOP_*
 * @level: (out) the levels, from VMWALK_PGD down
 *
 * If the opener lacks CAP_SYS_ADMIN, then @pfn, @phys, and table and entry of
 * every level are 0, @state has VMWALK_HIDDEN, and VMWALK_WALK_KERNEL fails
 * with EPERM.
 *
 * VMWALK_WALK_KERNEL walks the page tables that the CPU uses in kernel mode.
 * With page-table isolation, the CPU uses other page tables in user mode. The
 * target is not used.
 */
struct vmwalk_walk {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 pfn;
	__aligned_u64 phys;
	__u32 state;
	__u32 page_shift;
	__u32 stop_level;
	__u32 stop;
	struct vmwalk_level level[VMWALK_LEVELS];
};

#define VMWALK_WALK_SIZE_VER0	168

/**
 * struct vmwalk_extent - describe contiguous pages with the same properties
 * @start: address of the first page
 * @pfn: PFN of the first page; the PFNs of the other pages follow. 0 if the
 *       pages are not present, or if PFNs are withheld
 * @pages: number of pages of the page size (512 for a 2 MiB page on x86-64)
 * @flags: VMWALK_PRESENT to VMWALK_HUGE, as selected by return_mask of the scan
 * @page_shift: log2 of the bytes that an entry covers, as in struct
 *              vmwalk_walk; the smallest, if the extent has entries of several
 *              sizes
 * @node: NUMA node of the pages; -1 if unknown
 */
struct vmwalk_extent {
	__aligned_u64 start;
	__aligned_u64 pfn;
	__aligned_u64 pages;
	__u32 flags;
	__u16 page_shift;
	__s16 node;
};

/* Flags of struct vmwalk_scan. */
#define VMWALK_SCAN_TO_BUFFER	0x0001	/* vec is a buffer offset */
#define VMWALK_SCAN_PAGEMAP	0x0002	/* report entries of pagemap */

/**
 * struct vmwalk_scan - report the extents of a range of addresses
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) VMWALK_SCAN_*
 * @start: (in) first address, a multiple of the page size
 * @end: (in) first address after the range; rounded up to a page, and limited
 *       to the end of user space
 * @walk_end: (out) @end; or the address to continue from, if @vec or @max_pages
 *            is used up
 * @vec: (in) address of an array of struct vmwalk_extent; with
 *       VMWALK_SCAN_TO_BUFFER an offset in the buffer, a multiple of 8, and the
 *       device must be open for writing
 * @vec_len: (in) capacity of @vec in extents, at least 1
 * @max_pages: (in) limit of the number of pages reported; 0: no limit
 * @category_inverted: (in) flags that are inverted before the masks are applied
 * @category_mask: (in) report a page only if all of these flags are set
 * @category_anyof_mask: (in) report a page only if any of these flags is set;
 *                       0: report all
 * @return_mask: (in) flags to report; VMWALK_HIDDEN is always reported. Pages
 *               whose reported flags differ are in different extents
 *
 * Returns the number of extents. On error some elements of @vec may have been
 * written. The masks work as those of PAGEMAP_SCAN. Pages with an empty entry
 * are never reported. If the opener lacks CAP_SYS_ADMIN, PFNs are withheld, and
 * do not separate extents.
 *
 * With VMWALK_SCAN_PAGEMAP, @vec is an array of __u64 with an element for each
 * page of the range, in the format of /proc/PID/pagemap, and @vec_len is its
 * capacity in elements. @max_pages and the masks must be zero. Returns the
 * number of elements. The elements differ from those of pagemap in three
 * points: bit 56 (mapped once) is never set; PFN mappings, which pagemap leaves
 * out, are reported; and bit 61 (file) of the huge zero page is not set.
 */
struct vmwalk_scan {
	__u32 size;
	__u32 flags;
	__aligned_u64 start;
	__aligned_u64 end;
	__aligned_u64 walk_end;
	__aligned_u64 vec;
	__aligned_u64 vec_len;
	__aligned_u64 max_pages;
	__aligned_u64 category_inverted;
	__aligned_u64 category_mask;
	__aligned_u64 category_anyof_mask;
	__aligned_u64 return_mask;
};

#define VMWALK_SCAN_SIZE_VER0	88

/**
 * struct vmwalk_translation - describe the translation of one address
 * @addr: (in) any address
 * @phys: (out) physical address of the byte at @addr; 0 if not present or
 *        withheld
 * @state: (out) flags VMWALK_PRESENT to VMWALK_HUGE; 0 if the entry is empty,
 *         or if @addr is not a user address
 * @page_shift: (out) log2 of the bytes that the last entry covers; 0 if @addr
 *              is not a user address
 * @node: (out) NUMA node of the page; -1 if unknown
 */
struct vmwalk_translation {
	__aligned_u64 addr;
	__aligned_u64 phys;
	__u32 state;
	__u16 page_shift;
	__s16 node;
};

/**
 * struct vmwalk_translate - translate many addresses of the target
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @vec: (in) address of an array of struct vmwalk_translation, a multiple of 8
 * @vec_len: (in) number of elements, at least 1
 *
 * The addresses may be in any order; ascending order is fastest. If the opener
 * lacks CAP_SYS_ADMIN, PFNs are withheld. Returns 0. On error some elements may
 * have been written.
 */
struct vmwalk_translate {
	__u32 size;
	__u32 flags;
	__aligned_u64 vec;
	__aligned_u64 vec_len;
};

#define VMWALK_TRANSLATE_SIZE_VER0	24

/* Values of vmwalk_vma.attrs. */
#define VMWALK_VMA_READ		0x0001
#define VMWALK_VMA_WRITE	0x0002
#define VMWALK_VMA_EXEC		0x0004
#define VMWALK_VMA_SHARED	0x0008	/* MAP_SHARED */
#define VMWALK_VMA_FILE		0x0010	/* file mapping */
#define VMWALK_VMA_DEVICE	0x0020	/* the file is this device */
#define VMWALK_VMA_HUGETLB	0x0040	/* hugetlb pages */
#define VMWALK_VMA_SHMEM	0x0080	/* shared memory, or a file in tmpfs */
#define VMWALK_VMA_HUGEPAGE	0x0100	/* MADV_HUGEPAGE */
#define VMWALK_VMA_NOHUGEPAGE	0x0200	/* MADV_NOHUGEPAGE */
#define VMWALK_VMA_SPECIAL	0x0400	/* no THPs: memory of a driver */

/**
 * struct vmwalk_vma - describe a mapping of the target
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @addr: (in) any address
 * @start: (out) start of the mapping that contains @addr, or of the next one
 * @end: (out) first address after the mapping
 * @vm_flags: (out) vm_flags of the kernel, raw; the bits depend on the kernel
 * @page_prot: (out) protection of the mapping's page-table entries, raw
 * @pgoff: (out) offset of @start in the file, in pages; for anonymous memory a
 *         value internal to the kernel
 * @inode: (out) inode number of the file, 0 without a file
 * @dev_major: (out) major device number of the file's file system, as in
 *             /proc/PID/maps
 * @dev_minor: (out) minor device number
 * @attrs: (out) flags VMWALK_VMA_*
 * @page_shift: (out) log2 of the smallest page size of the mapping
 *
 * Returns 0; ENOENT if no mapping ends above @addr.
 */
struct vmwalk_vma {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 start;
	__aligned_u64 end;
	__aligned_u64 vm_flags;
	__aligned_u64 page_prot;
	__aligned_u64 pgoff;
	__aligned_u64 inode;
	__u32 dev_major;
	__u32 dev_minor;
	__u32 attrs;
	__u32 page_shift;
};

#define VMWALK_VMA_SIZE_VER0	80

/* Limit of lines per VMWALK_IOC_LOG. */
#define VMWALK_LOG_LINES	512

/**
 * struct vmwalk_log - write extents of the target to the kernel log
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @start: (in) as in struct vmwalk_scan
 * @end: (in) as in struct vmwalk_scan
 * @walk_end: (out) @end; or the address to continue from, if @lines is used up
 * @lines: (in) limit of lines, one per extent: 1 to VMWALK_LOG_LINES
 * @pad: (in) must be zero
 *
 * Returns the number of lines. The lines are not rate-limited.
 * The opener needs CAP_SYS_ADMIN. Every process that may read the kernel log
 * can read the lines with their PFNs.
 */
struct vmwalk_log {
	__u32 size;
	__u32 flags;
	__aligned_u64 start;
	__aligned_u64 end;
	__aligned_u64 walk_end;
	__u32 lines;
	__u32 pad;
};

#define VMWALK_LOG_SIZE_VER0	40

/* Flags of struct vmwalk_dirty. */
#define VMWALK_DIRTY_CLEAR	0x0001	/* clear the pages that are reported */

/**
 * struct vmwalk_dirty - report the pages of the buffer that were written
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) VMWALK_DIRTY_*
 * @offset: (in) start of the range in the buffer, a multiple of the page size
 * @length: (in) length of the range, a multiple of the page size, at least one
 *          page
 * @bitmap: (in) address of an array of __u64 with a bit for each page of the
 *          range: page i is bit i % 64 of element i / 64. Bits after the range
 *          are set to 0
 * @pages: (out) number of bits that are set
 *
 * A page is reported if it was written through a shared mapping, by write(2),
 * VMWALK_IOC_COPY or VMWALK_SCAN_TO_BUFFER since the device was published or
 * VMWALK_DIRTY_CLEAR last covered it. A write that races with
 * VMWALK_DIRTY_CLEAR is reported by this ioctl or by the next one.
 * VMWALK_DIRTY_CLEAR needs a device that is open for writing. If several ioctls
 * clear at the same time, only one reports a page; a write in progress may be
 * reported by more than one.
 *
 * Returns 0. Additional error: ENODATA without track_dirty.
 */
struct vmwalk_dirty {
	__u32 size;
	__u32 flags;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 bitmap;
	__aligned_u64 pages;
};

#define VMWALK_DIRTY_SIZE_VER0	40

/**
 * struct vmwalk_locate - locate a byte of the buffer in memory
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @offset: (in) offset of the byte, less than the size of the buffer
 * @kaddr: (out) permanent kernel address of the byte
 * @linear: (out) __pa(@kaddr): the physical address if @kaddr is in the linear
 *          map, otherwise meaningless
 * @phys: (out) the physical address, by a walk of the kernel's page tables
 * @contig_len: (out) physically contiguous bytes from @offset on
 *
 * Returns 0. The opener needs CAP_SYS_ADMIN.
 */
struct vmwalk_locate {
	__u32 size;
	__u32 flags;
	__aligned_u64 offset;
	__aligned_u64 kaddr;
	__aligned_u64 linear;
	__aligned_u64 phys;
	__aligned_u64 contig_len;
};

#define VMWALK_LOCATE_SIZE_VER0	48

/* Values of vmwalk_copy.direction. */
#define VMWALK_COPY_FROM_TARGET	0	/* target to buffer */
#define VMWALK_COPY_TO_TARGET	1	/* buffer to target */
#define VMWALK_COPY_FROM_BUFFER	2	/* any buffer to buffer */

/**
 * struct vmwalk_copy - copy bytes to or from the buffer
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @direction: (in) one of VMWALK_COPY_*
 * @pad: (in) must be zero
 * @offset: (in) offset in this device's buffer
 * @addr: (in) the other side: a user address of the target; for
 *        VMWALK_COPY_FROM_BUFFER a kernel address from VMWALK_IOC_LOCATE
 * @length: (in) number of bytes, at least 1; the range must be inside the
 *          buffer
 * @copied: (out) number of bytes copied
 *
 * Returns 0. The copy stops at the first page that is not mapped, or that the
 * target itself may not access in this direction; on a fatal signal; and when
 * the target exits. If it stops before the first byte, the ioctl fails with
 * EFAULT, EINTR or ESRCH. If the target calls execve() during the copy, the
 * rest of the copy uses the new memory. If the target has mapped this buffer,
 * source and destination may overlap: bytes of the overlap may be read before
 * or after they are written.
 *
 * VMWALK_COPY_FROM_BUFFER fails with EFAULT unless one live buffer contains all
 * bytes, and with EINVAL if source and destination overlap.
 *
 * EPERM: the device is not open for writing (to copy into the buffer) or
 * reading (to copy out of it); the target is another process, and the opener
 * lacks CAP_SYS_PTRACE; VMWALK_COPY_TO_TARGET to another process, and the
 * module parameter allow_target_write is off; VMWALK_COPY_FROM_BUFFER, and the
 * opener lacks CAP_SYS_ADMIN.
 */
struct vmwalk_copy {
	__u32 size;
	__u32 flags;
	__u32 direction;
	__u32 pad;
	__aligned_u64 offset;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 copied;
};

#define VMWALK_COPY_SIZE_VER0	48

/**
 * struct vmwalk_poke - store a byte in the caller's memory
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @addr: (in) a user address of the caller; the target is not used
 * @value: (in) 0 to 255
 * @faults: (out) number of page faults that the store has caused
 *
 * Returns 0. EFAULT if the caller may not write to @addr; nothing is stored.
 */
struct vmwalk_poke {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__u32 value;
	__u32 faults;
};

#define VMWALK_POKE_SIZE_VER0	24

#endif /* _UAPI_LINUX_VMWALK_H */
