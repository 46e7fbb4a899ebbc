/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * vmwalk: kernel buffers of a chosen kind in user space, and a page-table walker beside them.
 *
 * Copyright (C) The vmwalk authors
 *
 * Every structure starts with its own size, as the caller knows it, and a word of flags. A caller
 * that was built with an older header passes a smaller size and gets the smaller structure; one
 * that was built with a newer header may run on an older driver as long as what the driver does
 * not know is zero. The layouts are the same for 32- and 64-bit callers.
 *
 * Fields are marked (in), (out) or (in, out). Addresses, lengths and offsets are in bytes unless
 * said otherwise; a frame number (pfn) counts pages of the size that VMWALK_IOC_INFO reports.
 *
 * A call that fails returns -1 with errno set to one of these, and changes nothing of the caller's
 * structure:
 *
 *   ENOTTY   this driver does not know the call
 *   E2BIG    size is larger than this driver knows and a byte beyond what it knows is not zero, or
 *            size is larger than a page
 *   EINVAL   size is smaller than the call's first version, an unknown flag is set, padding is not
 *            zero, or a field has a value that is not allowed
 *   EFAULT   a pointer leads nowhere, or to where the caller may not write
 *   ESRCH    the target process is gone, or went on to other memory by execve() during the call
 *   EPERM    the descriptor's opener may not do this; see below
 *   ENODEV   the instance was removed, or is no longer live
 *   EINTR    a fatal signal arrived
 *   ENOMEM   there is no memory for what the call gathers
 *
 * The opener's capabilities in the initial user namespace count: CAP_SYS_ADMIN
 * for PFNs and kernel addresses, CAP_SYS_PTRACE for a target that is another
 * process. While the kernel is locked down to confidentiality, every opener is
 * treated as having neither.
 */
#ifndef _UAPI_LINUX_VMWALK_H
#define _UAPI_LINUX_VMWALK_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VMWALK_ABI_VERSION	1

#define VMWALK_IOC_MAGIC	0xF7

/*
 *  nr  call                  argument                 smallest size
 *   0  VMWALK_IOC_INFO       struct vmwalk_info       VMWALK_INFO_SIZE_VER0
 *   1  VMWALK_IOC_GET_PFN    a page number, by value  -
 *   2  VMWALK_IOC_WALK       struct vmwalk_walk       VMWALK_WALK_SIZE_VER0
 *   3  VMWALK_IOC_SCAN       struct vmwalk_scan       VMWALK_SCAN_SIZE_VER0
 *   4  VMWALK_IOC_DIRTY      struct vmwalk_dirty      VMWALK_DIRTY_SIZE_VER0
 *   5  VMWALK_IOC_TRANSLATE  struct vmwalk_translate  VMWALK_TRANSLATE_SIZE_VER0
 *   6  VMWALK_IOC_VMA        struct vmwalk_vma        VMWALK_VMA_SIZE_VER0
 *   7  VMWALK_IOC_LOG        struct vmwalk_log        VMWALK_LOG_SIZE_VER0
 *   8  VMWALK_IOC_LOCATE     struct vmwalk_locate      VMWALK_LOCATE_SIZE_VER0
 *   9  VMWALK_IOC_COPY       struct vmwalk_copy       VMWALK_COPY_SIZE_VER0
 *  10  VMWALK_IOC_POKE       struct vmwalk_poke       VMWALK_POKE_SIZE_VER0
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

/* The name under which page-table courses know VMWALK_IOC_GET_PFN. */
#define IOCTL_GET_PFN		VMWALK_IOC_GET_PFN

/* Values of vmwalk_info.buffer_type; the names are those of the configfs attribute. */
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
 * struct vmwalk_info - what this instance is
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @abi_version: (out) VMWALK_ABI_VERSION of the driver
 * @instance: (out) N of /dev/vmwalkN
 * @buffer_type: (out) one of VMWALK_BUFFER_*
 * @map_mode: (out) one of VMWALK_MAP_*
 * @cache_mode: (out) one of VMWALK_CACHE_*
 * @page_size: (out) bytes in a page, the unit of frame numbers
 * @buffer_size: (out) bytes in the buffer, a multiple of @page_size
 * @paging_levels: (out) page-table levels that this machine uses now, 4 or 5 on x86-64
 * @target_pid: (out) the target's number in the caller's pid namespace; 0: the caller itself, or
 *              a target that has no number there
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
 * VMWALK_IOC_GET_PFN takes a virtual page number (address / page size) of the target by value and
 * returns the page frame number. Beside the errors above: ENOENT where no page is present,
 * EOVERFLOW where the frame number does not fit into an int, EINVAL for a page number beyond user
 * space. It shows a frame, so it takes a descriptor that was opened with CAP_SYS_ADMIN.
 */

/*
 * What an entry says: vmwalk_walk.state, vmwalk_translation.state, vmwalk_extent.flags and the
 * masks of a scan.
 */
#define VMWALK_PRESENT		0x0001	/* a frame is there; see PROTNONE */
#define VMWALK_WRITE		0x0002	/* the entry allows writing */
#define VMWALK_EXEC		0x0004	/* the entry allows execution */
#define VMWALK_USER		0x0008	/* the entry allows access from user mode */
#define VMWALK_ACCESSED		0x0010
#define VMWALK_DIRTY		0x0020
#define VMWALK_SOFT_DIRTY	0x0040	/* written since /proc/PID/clear_refs was told 4 */
#define VMWALK_SWAP		0x0080	/* not present: swapped out, or held by a driver */
#define VMWALK_MIGRATION	0x0100	/* not present: the kernel is moving the page */
#define VMWALK_PROTNONE		0x0200	/* present, but any access faults: PROT_NONE, NUMA hint */
#define VMWALK_UFFD_WP		0x0400	/* write-protected through userfaultfd */
#define VMWALK_FILE		0x0800	/* present, and not anonymous memory */
#define VMWALK_ZERO		0x1000	/* the shared page of zeroes, small or huge */
#define VMWALK_HUGETLB		0x2000	/* a page of hugetlbfs */
#define VMWALK_SPECIAL		0x4000	/* a frame that the kernel maps without its struct page */
#define VMWALK_HIDDEN		0x8000	/* frame and raw values withheld: they read 0 */
#define VMWALK_HUGE		0x10000	/* of a level above the lowest: it maps a huge page */

/* Every flag above; a mask with another bit set gets EINVAL. */
#define VMWALK_STATE_ALL	0x1ffff

/* Levels of the page table, in the order in which a walk reads them. */
#define VMWALK_PGD		0
#define VMWALK_P4D		1
#define VMWALK_PUD		2
#define VMWALK_PMD		3
#define VMWALK_PTE		4
#define VMWALK_LEVELS		5

/* Flags of struct vmwalk_level. */
#define VMWALK_LEVEL_READ	0x0001	/* the walk read an entry of this level */
#define VMWALK_LEVEL_FOLDED	0x0002	/* this machine has no such level now */
#define VMWALK_LEVEL_LEAF	0x0004	/* the entry maps a page: the walk ends here */

/**
 * struct vmwalk_level - one level of a walk
 * @table: (out) physical address of the table
 * @entry: (out) the entry, raw
 * @index: (out) the entry's place in its table
 * @flags: (out) VMWALK_LEVEL_*
 *
 * All of it is zero for a level that the walk did not reach. A folded level has only its flag.
 */
struct vmwalk_level {
	__aligned_u64 table;
	__aligned_u64 entry;
	__u32 index;
	__u32 flags;
};

/* Values of vmwalk_walk.stop: why the walk ended at its last level. */
#define VMWALK_STOP_PAGE	0	/* the entry maps a page */
#define VMWALK_STOP_EMPTY	1	/* the entry is empty */
#define VMWALK_STOP_ABSENT	2	/* the entry is neither empty nor present: see state */

/* Flags of struct vmwalk_walk. */
#define VMWALK_WALK_KERNEL	0x0001	/* addr is an address of the kernel */

/**
 * struct vmwalk_walk - every step from an address to its page
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) VMWALK_WALK_*
 * @addr: (in) an address of the target, below the end of user space; with VMWALK_WALK_KERNEL one
 *        above it that the CPU could have (EINVAL for the hole between the two)
 * @pfn: (out) frame of the page that holds @addr (not of the start of a huge page); 0 if none
 * @phys: (out) physical address of the byte at @addr; 0 if none
 * @state: (out) flags VMWALK_PRESENT to VMWALK_HIDDEN
 * @page_shift: (out) log2 of the bytes that the last entry covers: 12, 21, 30, 39 on x86-64
 * @stop_level: (out) VMWALK_PGD to VMWALK_PTE: the last level read
 * @stop: (out) one of VMWALK_STOP_*
 * @level: (out) the levels, from VMWALK_PGD down
 *
 * Without CAP_SYS_ADMIN of the opener @pfn, @phys and the table and entry of every level read 0 and
 * @state has VMWALK_HIDDEN; VMWALK_WALK_KERNEL gets EPERM then.
 *
 * A walk of the kernel reads the page tables that the CPU uses while it executes the kernel, also
 * where page-table isolation gives user mode others. It looks at nothing of the target.
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
 * struct vmwalk_extent - neighbouring pages that are alike
 * @start: address of the first page
 * @pfn: frame of the first page, the others follow it; 0 where not present or withheld
 * @pages: number of pages, in units of the page size (a 2 MiB page counts 512 on x86-64)
 * @flags: VMWALK_PRESENT to VMWALK_HIDDEN, as selected by the scan's return_mask
 * @page_shift: log2 of the bytes that an entry covers; of the smallest, where entries of different
 *              levels run on
 * @node: NUMA node of the frames, -1 where there is none to tell
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
#define VMWALK_SCAN_TO_BUFFER	0x0001	/* vec is a byte offset in the instance's buffer */

/**
 * struct vmwalk_scan - the extents of a range of addresses
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) VMWALK_SCAN_*
 * @start: (in) first address, a multiple of the page size
 * @end: (in) first address not looked at; rounded up to a page, and anything beyond user space
 *       means the end of user space
 * @walk_end: (out) where the walk ended: @end as it was given, or where to go on if @vec or
 *            @max_pages was used up
 * @vec: (in) address of an array of struct vmwalk_extent, or with VMWALK_SCAN_TO_BUFFER the offset
 *       in the buffer where it goes, a multiple of 8; that takes a descriptor open for writing
 * @vec_len: (in) extents that @vec has room for, at least 1
 * @max_pages: (in) stop when so many pages were returned; 0: no limit
 * @category_inverted: (in) flags to invert before the two masks below look at them
 * @category_mask: (in) return a page only if all of these are set
 * @category_anyof_mask: (in) return a page only if any of these is set; 0: don't ask
 * @return_mask: (in) flags to return; pages whose returned flags differ don't share an extent.
 *               VMWALK_HIDDEN is returned in any case
 *
 * Returns the number of extents. If the call fails, some elements of @vec may have been filled in.
 * The masks mean what they mean to PAGEMAP_SCAN. A page whose entry is empty is never returned,
 * whatever the masks say. Frames, and with them the borders between extents that they would give
 * away, are withheld without CAP_SYS_ADMIN of the opener.
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
 * struct vmwalk_translation - one address and what it leads to
 * @addr: (in) an address
 * @phys: (out) physical address of the byte at @addr; 0 if no page is present, or withheld
 * @state: (out) flags VMWALK_PRESENT to VMWALK_HUGE; 0 if nothing is mapped, which is also said of
 *         an address that is none of user space
 * @page_shift: (out) log2 of the bytes that the last entry covers; 0 beyond user space
 * @node: (out) NUMA node of the frame, -1 where there is none to tell
 */
struct vmwalk_translation {
	__aligned_u64 addr;
	__aligned_u64 phys;
	__u32 state;
	__u16 page_shift;
	__s16 node;
};

/**
 * struct vmwalk_translate - where many addresses of the target lead
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @vec: (in) address of an array of struct vmwalk_translation, a multiple of 8
 * @vec_len: (in) elements that it has, at least 1
 *
 * Addresses may stand in any order; it costs least if neighbours stand side by side. Frames are
 * withheld without CAP_SYS_ADMIN of the opener. Returns 0. If the call fails, some elements may
 * have been filled in.
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
#define VMWALK_VMA_FILE		0x0010	/* a file backs it: see dev_major, dev_minor and inode */
#define VMWALK_VMA_DEVICE	0x0020	/* the file is this very device */
#define VMWALK_VMA_HUGETLB	0x0040	/* its pages are hugetlb's */

/**
 * struct vmwalk_vma - a mapping of the target
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @addr: (in) any address
 * @start: (out) first address of the mapping that covers @addr, or else of the next one above it
 * @end: (out) first address beyond it
 * @vm_flags: (out) the kernel's own flags, raw: their meaning may change from kernel to kernel
 * @page_prot: (out) the protection that its page-table entries get, raw
 * @pgoff: (out) offset of @start in the file, in pages; without a file, the kernel's own measure
 * @inode: (out) number of the file's inode, 0 without a file
 * @dev_major: (out) device that the file lies on, as in /proc/PID/maps
 * @dev_minor: (out) the same
 * @attrs: (out) flags VMWALK_VMA_*
 * @page_shift: (out) log2 of the smallest page that it can map
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

/* Lines that one VMWALK_IOC_LOG writes at most. */
#define VMWALK_LOG_LINES	512

/**
 * struct vmwalk_log - extents of the target to the kernel log, a line each
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @start: (in) first address, as of struct vmwalk_scan
 * @end: (in) first address not looked at, as of struct vmwalk_scan
 * @walk_end: (out) where the walk ended: @end as it was given, or where to go on
 * @lines: (in) lines to write at most, 1 to VMWALK_LOG_LINES
 * @pad: (in) must be zero
 *
 * Returns the number of lines. The call is not rate-limited, so no line is left
 * out. It takes CAP_SYS_ADMIN of the opener. Every process that may read the
 * kernel log can read the lines, including their PFNs.
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
#define VMWALK_DIRTY_CLEAR	0x0001	/* take the pages as read: report them once */

/**
 * struct vmwalk_dirty - the pages of the buffer that were written
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) VMWALK_DIRTY_*
 * @offset: (in) where the window starts in the buffer, a multiple of the page size
 * @length: (in) its length in bytes, a multiple of the page size, at least one page
 * @bitmap: (in) address of an array of __u64, with room for a bit for each page of the window: page
 *          i of it is bit i % 64 of element i / 64. Bits beyond the window's end are 0
 * @pages: (out) number of bits that are set
 *
 * A page is reported if it was written through a shared mapping, by write(2), VMWALK_IOC_COPY or a
 * scan's VMWALK_SCAN_TO_BUFFER since the instance became live or VMWALK_DIRTY_CLEAR last covered
 * it. A write that races with VMWALK_DIRTY_CLEAR is reported by this call or by the next. Clearing
 * takes a descriptor that is open for writing. Of several calls that clear at
 * the same time, only one reports a page; a write that is under way meanwhile
 * may be reported by more than one. Returns 0; ENODATA if the instance was made
 * without track_dirty; ENOMEM.
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
 * struct vmwalk_locate - where in memory a byte of the buffer is
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @offset: (in) the byte's offset in the buffer, below the buffer's size
 * @kaddr: (out) the address by which the kernel knows it
 * @linear: (out) what the kernel's arithmetic, __pa(), makes of @kaddr: its physical address if it
 *          is an address of the linear map, and if it is any other a number that means nothing
 * @phys: (out) the physical address to which the kernel's page tables lead from @kaddr
 * @contig_len: (out) bytes from there to the end of the buffer, or as far as they lie side by side in
 *       physical memory
 *
 * Returns 0. It takes CAP_SYS_ADMIN of the opener.
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
#define VMWALK_COPY_FROM_TARGET	0	/* from the target's memory to the buffer */
#define VMWALK_COPY_TO_TARGET	1	/* from the buffer to the target's memory */
#define VMWALK_COPY_FROM_BUFFER	2	/* from a buffer of any instance to this one's */

/**
 * struct vmwalk_copy - bytes to or from the buffer
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @direction: (in) one of VMWALK_COPY_*
 * @pad: (in) must be zero
 * @offset: (in) where they are in this instance's buffer
 * @addr: (in) where else they are: an address of the target, or for VMWALK_COPY_FROM_BUFFER one of
 *        the kernel, such as VMWALK_IOC_LOCATE tells of a live instance
 * @length: (in) how many, at least 1, none of them beyond the buffer's end
 * @copied: (out) how many were copied
 *
 * Returns 0. What the target's mappings don't allow it can't be made to do: at the first page that
 * may not be read, or written, the call ends with what was copied before it, or with EFAULT if that
 * is nothing. If @addr is one of the kernel's, all bytes from there on must be of one live buffer,
 * or it is EFAULT, and none may be of the very bytes to write, which is EINVAL.
 *
 * EPERM: the descriptor is not open for writing (to write to the buffer) or for
 * reading (to read from the buffer); the target is another process, and the
 * opener lacks CAP_SYS_PTRACE; the call would write to another process, and the
 * module parameter allow_target_write is off; VMWALK_COPY_FROM_BUFFER, and the
 * opener lacks CAP_SYS_ADMIN.
 *
 * A fatal signal or the target's end ends the call in the same way as a page
 * that may not be read. If the target calls execve() meanwhile, the rest of the
 * copy uses its new memory. Where its memory maps this very buffer, a byte that
 * is read and written may come out as either.
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
 * struct vmwalk_poke - a byte that the driver stores in the caller's memory
 * @size: (in) size of this structure as the caller knows it
 * @flags: (in) must be zero
 * @addr: (in) an address of the caller's own, whoever the target is
 * @value: (in) 0 to 255
 * @faults: (out) page faults that the store has taken
 *
 * Returns 0. EFAULT, with nothing written, where the caller could not write itself.
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
