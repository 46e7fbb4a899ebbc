/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the driver know of each other.
 *
 * Copyright (C) The vmwalk authors
 *
 * Lock order, outermost first:
 *
 *   vmwalk_item.lock
 *     dma_node_lock of memory.c
 *     mmap_lock of a target, for reading
 *       vmwalk_device.dirty.clear_lock, which no fault takes
 *         vmwalk_device.dirty.lock, or the lock of a page of the buffer
 *         i_mmap_rwsem of vmwalk_device.inode or of a hugetlb file, for reading
 *           a page table's lock
 *     xa_lock of the table of devices
 *     vmwalk_device.target_lock
 *     vmwalk_stats.reset_lock
 *
 * dma_node_lock and the last four are leaves: no other lock of the driver is
 * taken inside them. The core takes i_mmap_rwsem inside the mmap_lock of a
 * process that maps a device.
 */
#ifndef VMWALK_INTERNAL_H
#define VMWALK_INTERNAL_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/pid.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "uapi/vmwalk.h"

#define VMWALK_NAME		"vmwalk"

/* Minor numbers that the driver reserves, and so the most instances at a time. */
#define VMWALK_MAX_INSTANCES	65536

/* ---- config.c: what an instance shall be; knows nothing of configfs ---- */

/* Why something was refused, in one sentence for last_error. */
struct vmwalk_reason {
	char text[256];
};

__printf(3, 4)
int vmwalk_refuse(struct vmwalk_reason *why, int err, const char *fmt, ...);

/* The words that an attribute takes. A word's place is its value in the uapi header. */
struct vmwalk_words {
	const char *attribute;
	const char *const *word;
	unsigned int count;
};

extern const struct vmwalk_words vmwalk_buffer_types;
extern const struct vmwalk_words vmwalk_map_modes;
extern const struct vmwalk_words vmwalk_cache_modes;
extern const struct vmwalk_words vmwalk_fills;

ssize_t vmwalk_words_show(const struct vmwalk_words *words, char *page);

struct vmwalk_config {
	unsigned int buffer_type;	/* VMWALK_BUFFER_* */
	unsigned int map_mode;		/* VMWALK_MAP_* */
	unsigned int cache_mode;	/* VMWALK_CACHE_* */
	unsigned int fill;		/* index in vmwalk_fills */
	int numa_node;			/* NUMA_NO_NODE: anywhere */
	u64 size;			/* in bytes, whole pages */
	unsigned long fault_around;	/* in bytes, a power of two */
	bool track_dirty;
};

/**
 * struct vmwalk_field - one attribute of a config
 * @name: its name in configfs
 * @show: writes the value and a newline to a page, returns the length
 * @store: parses @text, which has no white space around it, and assigns it; on failure returns a
 *         negative errno, has said why and changed nothing
 */
struct vmwalk_field {
	const char *name;
	ssize_t (*show)(const struct vmwalk_config *config, char *page);
	int (*store)(struct vmwalk_config *config, const char *text, struct vmwalk_reason *why);
};

extern const struct vmwalk_field vmwalk_field_buffer_type;
extern const struct vmwalk_field vmwalk_field_size;
extern const struct vmwalk_field vmwalk_field_map_mode;
extern const struct vmwalk_field vmwalk_field_cache_mode;
extern const struct vmwalk_field vmwalk_field_numa_node;
extern const struct vmwalk_field vmwalk_field_fill;
extern const struct vmwalk_field vmwalk_field_track_dirty;
extern const struct vmwalk_field vmwalk_field_fault_around;

void vmwalk_config_init(struct vmwalk_config *config);
int vmwalk_config_judge(const struct vmwalk_config *config, struct vmwalk_reason *why);

/* ---- stats.c: counters ---- */

enum vmwalk_counter {
	VMWALK_READ_FAULTS,
	VMWALK_WRITE_FAULTS,
	VMWALK_MKWRITE_FAULTS,
	VMWALK_HUGE_FAULTS,
	VMWALK_FAILED_FAULTS,
	VMWALK_WALKS,
	VMWALK_WALKED_PAGES,
	VMWALK_WALK_NS,
	VMWALK_EXTENTS,
	VMWALK_COUNTERS
};

struct vmwalk_counts {
	u64 n[VMWALK_COUNTERS];
};

struct vmwalk_stats {
	struct vmwalk_counts __percpu *now;
	spinlock_t reset_lock;		/* protects base */
	struct vmwalk_counts base;	/* what the counters stood at when they were reset */
};

int vmwalk_stats_init(struct vmwalk_stats *stats);
void vmwalk_stats_free(struct vmwalk_stats *stats);
void vmwalk_stats_reset(struct vmwalk_stats *stats);
u64 vmwalk_stats_read(struct vmwalk_stats *stats, enum vmwalk_counter counter);

static inline void vmwalk_stats_add(struct vmwalk_stats *stats, enum vmwalk_counter counter, u64 n)
{
#ifndef VMWALK_UNCOUNTED	/* which only the benchmark defines, to see what counting costs */
	this_cpu_add(stats->now->n[counter], n);
#endif
}

/* ---- buffer.c: the buffer of an instance ---- */

struct vmwalk_memory;

/**
 * struct vmwalk_buffer - kernel memory that programs map
 * @memory: where it comes from
 * @cache_mode: VMWALK_CACHE_*
 * @kaddr: where the kernel sees it in one piece; NULL if it does so only page by page
 * @size: in bytes, whole pages
 * @nr_pages: the same in pages
 * @pages: its pages
 * @segments: number of physically contiguous runs
 * @cost: pages that were allocated for it, for max_buffer_mb
 * @vmapped: @kaddr is a vmap() of @pages, not a vmalloc()
 * @dma: where a device sees it, for the DMA API
 *
 * Nothing of it changes between vmwalk_buffer_create() and vmwalk_buffer_destroy(), save contents.
 */
struct vmwalk_buffer {
	const struct vmwalk_memory *memory;
	unsigned int cache_mode;
	void *kaddr;
	size_t size;
	unsigned long nr_pages;
	struct page **pages;
	unsigned long segments;
	unsigned long cost;
	bool vmapped;
	dma_addr_t dma;
};

void vmwalk_buffer_init(void);
int vmwalk_buffer_create(struct vmwalk_buffer *buffer, const struct vmwalk_config *config,
			 struct vmwalk_reason *why);
void vmwalk_buffer_destroy(struct vmwalk_buffer *buffer);
void *vmwalk_buffer_reach(const struct vmwalk_buffer *buffer, size_t offset);
void vmwalk_buffer_leave(const struct vmwalk_buffer *buffer, const void *addr);
unsigned long vmwalk_buffer_address(const struct vmwalk_buffer *buffer, size_t offset);
bool vmwalk_buffer_find(const struct vmwalk_buffer *buffer, unsigned long addr, size_t len,
			size_t *offset);
size_t vmwalk_buffer_run(const struct vmwalk_buffer *buffer, size_t offset);

static inline unsigned long vmwalk_buffer_pfn(const struct vmwalk_buffer *buffer,
					      unsigned long index)
{
	return page_to_pfn(buffer->pages[index]);
}

/* ---- memory.c: the types of buffers ---- */

/**
 * struct vmwalk_memory - what tells the types of buffers apart
 * @create: allocates zeroed memory on a node or, for NUMA_NO_NODE, anywhere, and fills in the
 *          buffer's pages; returns 0, -EINTR on a fatal signal, or another
 *          errno with @why set; on error nothing stays allocated
 * @destroy: gives it back
 * @cost: how many pages it allocates for a buffer of so many
 * @map_modes: bit of each VMWALK_MAP_* that works
 * @cache_modes: bit of each VMWALK_CACHE_* that works
 * @refcounted: its pages may have users of their own
 * @from_cma: the memory may come from a CMA area
 */
struct vmwalk_memory {
	int (*create)(struct vmwalk_buffer *buffer, int node, struct vmwalk_reason *why);
	void (*destroy)(struct vmwalk_buffer *buffer);
	unsigned long (*cost)(unsigned long nr_pages);
	unsigned int map_modes;
	unsigned int cache_modes;
	bool refcounted;
	bool from_cma;
};

extern const struct vmwalk_memory vmwalk_memory[];

int vmwalk_memory_check(const struct vmwalk_buffer *buffer, unsigned long done, int node,
			struct vmwalk_reason *why);

int vmwalk_memory_init(void);
void vmwalk_memory_exit(void);

/* ---- dirty.c: which pages were written ---- */

/* Of an instance with track_dirty; without it there are no bits and nothing is locked. */
struct vmwalk_tracker {
	unsigned long *bits;		/* one for each page of the buffer */
	struct mutex lock;		/* see dirty.c */
	struct mutex clear_lock;	/* serializes clearing, see dirty.c */
};

struct vmwalk_device;

int vmwalk_dirty_init(struct vmwalk_tracker *tracker, const struct vmwalk_config *config,
		      struct vmwalk_reason *why);
void vmwalk_dirty_free(struct vmwalk_tracker *tracker);
void vmwalk_dirty_mark(struct vmwalk_device *device, size_t offset, size_t len);
long vmwalk_dirty_count(struct vmwalk_device *device);
int vmwalk_dirty_collect(struct vmwalk_device *device, unsigned long first, unsigned long count,
			 bool clear, unsigned long *bitmap);
void vmwalk_dirty_return(struct vmwalk_device *device, unsigned long first, unsigned long count,
			 const unsigned long *bitmap);

/* ---- instance.c: a device's way to life and out of it ---- */

/*
 * A published instance.
 *
 * Made by vmwalk_instance_publish(). The item that it belongs to has one reference until
 * vmwalk_instance_withdraw(), and each open descriptor has one.
 */
struct vmwalk_device {
	struct kref ref;
	unsigned int number;		/* N of vmwalkN */
	bool dead;			/* withdrawn, calls get ENODEV; set once, read lockless */
	char *name;			/* of the configfs item */
	struct vmwalk_config config;
	struct vmwalk_buffer buffer;
	struct vmwalk_tracker dirty;
	struct vmwalk_stats stats;
	atomic_long_t opens;

	/* Only its address space is used: it collects the VMAs of every descriptor's mappings. */
	struct inode *inode;

	struct device *dev;		/* the node and the sysfs folder, while published */

	spinlock_t target_lock;		/* protects the pointer below */
	struct pid *target;		/* NULL: whoever makes the call */
};

struct vmwalk_device *vmwalk_instance_publish(unsigned int number, const char *name,
					      const struct vmwalk_config *config,
					      struct pid *target, struct vmwalk_reason *why);
void vmwalk_instance_withdraw(struct vmwalk_device *device);
struct vmwalk_device *vmwalk_instance_get(unsigned int number);
struct vmwalk_device *vmwalk_instance_get_by_address(unsigned long addr, size_t len,
						     size_t *offset);
void vmwalk_instance_put(struct vmwalk_device *device);

static inline bool vmwalk_instance_is_dead(const struct vmwalk_device *device)
{
	return READ_ONCE(device->dead);
}

int vmwalk_instance_interrupted(const struct vmwalk_device *device);

int vmwalk_instance_init(void);
void vmwalk_instance_exit(void);

/* ---- configfs.c and sysfs.c: the two trees ---- */

int vmwalk_configfs_init(void);
void vmwalk_configfs_exit(void);

extern const struct attribute_group *vmwalk_sysfs_groups[];

/* ---- the character device: device.c, ioctl.c, ioctl_scan.c, ioctl_buffer.c ---- */

/**
 * struct vmwalk_file - an open descriptor
 * @device: the device; the descriptor has a reference
 * @file: the struct file, which has the opener's credentials
 * @has_admin: the opener had CAP_SYS_ADMIN
 * @has_ptrace: the opener had CAP_SYS_PTRACE
 *
 * A descriptor has the capabilities of its opener, also after it was passed to
 * another process. Use vmwalk_file_sees_*() to check a right: these functions
 * also check lockdown.
 */
struct vmwalk_file {
	struct vmwalk_device *device;
	const struct file *file;
	bool has_admin;
	bool has_ptrace;
};

bool vmwalk_file_sees_frames(const struct vmwalk_file *vf);
bool vmwalk_file_sees_others(const struct vmwalk_file *vf);

extern const struct file_operations vmwalk_file_operations;
long vmwalk_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* What ioctl.c has for the calls that are in files of their own. */
int vmwalk_get_struct(void *to, size_t known, size_t smallest, void __user *from);
int vmwalk_put_struct(void __user *to, const void *from, size_t known);
void vmwalk_count_walk(struct vmwalk_device *device, u64 started, u64 pages, u64 extents);

long vmwalk_ioctl_scan(struct vmwalk_file *vf, struct file *file, void __user *user);
long vmwalk_ioctl_log(struct vmwalk_file *vf, void __user *user);
long vmwalk_ioctl_translate(struct vmwalk_file *vf, void __user *user);
long vmwalk_ioctl_dirty(struct vmwalk_file *vf, struct file *file, void __user *user);
long vmwalk_ioctl_locate(struct vmwalk_file *vf, void __user *user);
long vmwalk_ioctl_copy(struct vmwalk_file *vf, struct file *file, void __user *user);
long vmwalk_ioctl_poke(void __user *user);

/* ---- map.c: mappings of a buffer ---- */

bool vmwalk_maps_frames(const struct vmwalk_device *device);
int vmwalk_map(struct vmwalk_device *device, struct vm_area_struct *vma);
unsigned long vmwalk_map_place(const struct vmwalk_device *device, struct file *file,
			       unsigned long addr, unsigned long len, unsigned long pgoff,
			       unsigned long flags);
long vmwalk_map_count(struct vmwalk_device *device);
long vmwalk_map_count_pages(struct vmwalk_device *device);

/* ---- target.c: the process that is walked ---- */

struct pid *vmwalk_target_find(const char *text, struct vmwalk_reason *why);
void vmwalk_target_set(struct vmwalk_device *device, struct pid *target);
int vmwalk_target_number(struct vmwalk_device *device);
struct mm_struct *vmwalk_target_mm(struct vmwalk_file *vf, int *number);

/* Does whoever makes a call walk itself? */
static inline bool vmwalk_target_is_caller(const struct vmwalk_device *device)
{
	return !READ_ONCE(device->target) && current->mm;
}

int vmwalk_target_lock(struct mm_struct *mm);
void vmwalk_target_unlock(struct mm_struct *mm);
void vmwalk_yield(struct rw_semaphore *sem);
int vmwalk_target_access(struct vmwalk_file *vf, unsigned long addr, void *buf, int len,
			 bool write);

/* ---- entry.c: what an entry says ---- */

/**
 * struct vmwalk_entry - the entry at which the way down from an address ends
 * @pte: its value. Entries of every level are kept as a pte_t, as the kernel keeps those of
 *       hugetlb: the flags that we ask for are at the same place
 * @present: a frame is there. Not always pte_present(): a huge entry that is being split has the
 *           bit for the CPU cleared for a moment, and its own level's helper knows
 * @pfn: frame that holds the address, if present
 * @level: VMWALK_PGD to VMWALK_PTE
 * @shift: log2 of the bytes that it covers
 * @state: once it is judged, flags VMWALK_PRESENT to VMWALK_HUGE; 0 for an empty one, and for a
 *         mark that stands for no page
 * @node: once it is judged, the NUMA node of its page, or NUMA_NO_NODE
 */
struct vmwalk_entry {
	pte_t pte;
	bool present;
	unsigned long pfn;
	unsigned int level;
	unsigned int shift;
	u32 state;
	int node;
};

struct vmwalk_entry vmwalk_pte_entry(pte_t pte);
struct vmwalk_entry vmwalk_pmd_entry(pmd_t pmd, unsigned long addr);
struct vmwalk_entry vmwalk_pud_entry(pud_t pud, unsigned long addr);
void vmwalk_entry_judge(struct vmwalk_entry *entry, struct vm_area_struct *vma);
u32 vmwalk_entry_state_of_kernel(const struct vmwalk_entry *entry);

/**
 * struct vmwalk_sample - a page that tells of others
 * @pte: its entry; VMWALK_PTE_UNLIKE if there is no sample
 * @pfn: its frame
 * @state: what the entry says: so do all entries of the VMA that differ in their frame only
 *
 * Lasts no longer than the lock under which it was taken, and only in one VMA.
 */
struct vmwalk_sample {
	pte_t pte;
	unsigned long pfn;
	u32 state;
};

bool vmwalk_sample_take(struct vmwalk_sample *sample, const struct vmwalk_entry *entry);
void vmwalk_sample_drop(struct vmwalk_sample *sample);
bool vmwalk_vma_is_uniform(struct vm_area_struct *vma);

/* ---- walk.c: page tables; knows nothing of ioctls, rights or buffers ---- */

/**
 * struct vmwalk_visitor - who is shown the entries of a range
 * @ptes: shown the part of a PTE table that maps [addr, end), empty entries and all
 * @leaf: shown an entry above the PTE level that is not empty and not a table; @addr and @end are
 *        the part of it that lies in the range
 * @steps: steps left before the visit ends, so that the caller can let go of its lock; each step is
 *         one PTE table or less
 * @yields: the mm whose mmap_lock the caller has, so that the visit ends as soon as somebody waits
 *          for it; NULL if it has another lock
 * @waits: true: take page-table locks, with interrupts on; false: only try,
 *         with interrupts off. Set by vmwalk_visit()
 * @enough: set by @ptes or @leaf to end the visit
 *
 * Both callbacks run with the table's lock held, and return the address up to
 * which they have handled the range.
 */
struct vmwalk_visitor {
	unsigned long (*ptes)(struct vmwalk_visitor *visitor, pte_t *ptep,
			      unsigned long addr, unsigned long end);
	unsigned long (*leaf)(struct vmwalk_visitor *visitor, struct vmwalk_entry *entry,
			      unsigned long addr, unsigned long end);
	unsigned int steps;
	struct mm_struct *yields;
	bool waits;
	bool enough;
};

/* Steps that a caller allows for while it holds a lock: some 100 microseconds. */
#define VMWALK_VISIT_STEPS	64

unsigned long vmwalk_visit(struct vm_area_struct *vma, unsigned long addr, unsigned long end,
			   struct vmwalk_visitor *visitor);
struct vmwalk_entry vmwalk_descend(struct mm_struct *mm, unsigned long addr,
				   struct vmwalk_level *levels);
struct vmwalk_entry vmwalk_descend_kernel(unsigned long addr, struct vmwalk_level *levels);
bool vmwalk_glance(unsigned long addr, unsigned long *pfn);
int vmwalk_paging_levels(void);

/* Are so many entries, at most 16, all empty? */
static __always_inline bool vmwalk_all_empty(const unsigned long *entry, unsigned int count)
{
	unsigned long any = 0;
	unsigned int i;

#pragma GCC unroll 16
	for (i = 0; i < count; i++)
		any |= data_race(entry[i]);	/* what is added meanwhile may be added later */

	return !any;
}

/*
 * How many entries of a table are empty from one on that is, so at least 1, where @left are there.
 * A word of zero is an empty entry on each level.
 */
static inline unsigned long vmwalk_count_empty(const void *entryp, unsigned long left)
{
	const unsigned long *first = entryp, *entry = first + 1, *end = first + left;

	if (entry < end && READ_ONCE(*entry))
		return 1;
	while (entry <= end - 16 && vmwalk_all_empty(entry, 16))
		entry += 16;
	if (entry <= end - 8 && vmwalk_all_empty(entry, 8))
		entry += 8;
	if (entry <= end - 4 && vmwalk_all_empty(entry, 4))
		entry += 4;
	while (entry < end && !READ_ONCE(*entry))
		entry++;

	return entry - first;
}

/* ---- scan.c: the extents of a range ---- */

/**
 * struct vmwalk_scanner - a scan under way
 * @visitor: gathers the extents
 * @mm: whose page tables
 * @vma: the part of it that is being visited
 * @arg: what was asked for
 * @end: where the range ends, in user space
 * @hide: withhold frames
 * @out: where extents go
 * @room: extents that fit into @out; when they are used up, vmwalk_scan_chunk() returns, and the
 *        caller calls vmwalk_scan_emptied()
 * @last: the extent in @out that may still grow; before the first, the place before @out
 * @earlier: extents that have left @out
 * @pages_left: pages that may still be returned
 * @sample: the page that others are compared with
 * @sample_flags: what extents of such pages have in their flags
 * @sample_selected: whether such pages are returned
 * @block: frames from a multiple of VMWALK_BLOCK_PAGES on, all of them memory on one node
 * @stop: nothing is left to do: vec_len, max_pages or the range is used up
 */
struct vmwalk_scanner {
	struct vmwalk_visitor visitor;
	struct mm_struct *mm;
	struct vm_area_struct *vma;
	const struct vmwalk_scan *arg;
	unsigned long end;
	bool hide;

	struct vmwalk_extent *out;
	unsigned long room;
	struct vmwalk_extent *last;
	u64 earlier;
	u64 pages_left;

	struct vmwalk_sample sample;
	u32 sample_flags;
	bool sample_selected;
	struct {
		pte_t pte;		/* what the sample's would be with the first frame */
		unsigned long start;	/* that frame */
		int node;
	} block;
	bool stop;
};

/* Frames that are looked up at once. */
#define VMWALK_BLOCK_PAGES	(PMD_SIZE / PAGE_SIZE)

void vmwalk_scan_init(struct vmwalk_scanner *scanner, struct mm_struct *mm,
		      const struct vmwalk_scan *arg, bool hide, struct vmwalk_extent *out,
		      unsigned long room);
unsigned long vmwalk_scan_chunk(struct vmwalk_scanner *scanner, unsigned long addr);
void vmwalk_scan_emptied(struct vmwalk_scanner *scanner);
u64 vmwalk_scan_pages(const struct vmwalk_scanner *scanner);

/* Extents in the output, the last of which may still grow. */
static inline unsigned long vmwalk_scan_filled(const struct vmwalk_scanner *scanner)
{
	return scanner->last + 1 - scanner->out;
}

/* ---- translate.c: addresses in any order ---- */

unsigned int vmwalk_translate(struct mm_struct *mm, struct vmwalk_translation *items,
			      unsigned int count, bool hide);

#endif /* VMWALK_INTERNAL_H */
