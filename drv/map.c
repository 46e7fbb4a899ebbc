// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of a buffer: mmap and page faults.
 *
 * Copyright (C) The vmwalk authors
 *
 * PFN mappings
 *
 * PFN mappings hold no references to pages. Shared PFN mappings are VM_PFNMAP.
 * Private ones are VM_MIXEDMAP, where special PTEs mark the buffer's pages: the
 * core can tell the pages of a private VM_PFNMAP mapping from copies only if
 * PFNs increase linearly with the address, but a buffer may be scattered.
 *
 * set_up_vma() sets VM_IO for both, so that get_user_pages() fails: there are
 * no references to take, and a write by ptrace would copy the page in the
 * context of the tracer.
 *
 * PMD entries of PFN mappings
 *
 * Only page faults install them, never mmap(). If ->mmap() fails, the core
 * clears vma->vm_file before it unmaps. It then mistakes a PMD entry for a THP,
 * and drops references that were never taken.
 *
 * Chunk mappings
 *
 * With map_mode insert, shared mappings of a huge buffer are neither VM_PFNMAP
 * nor VM_MIXEDMAP, and the chunks are in the page cache. To the core, these are
 * mappings of a file with huge pages. Only the core installs their entries: PMD
 * entries where possible, each with a reference that the core also drops if
 * ->mmap() fails. VM_DONTEXPAND keeps khugepaged and mlock() away.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/personality.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>

#include <asm/pgalloc.h>

#include "alloc.h"
#include "arch/pgtable.h"
#include "compat.h"
#include "device.h"
#include "dirty.h"
#include "map.h"
#include "trace.h"
#include "walk.h"

/*
 * Installs @count pages of the buffer, from page @index on, at @addr. Returns 0
 * or a negative errno; -EFAULT if the page table does not exist.
 */
typedef int map_fn(struct vm_area_struct *vma, unsigned long addr, unsigned long index,
		   unsigned long count);

static bool is_pfnmap(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_IO;
}

static bool is_chunk_mapping(const struct vm_area_struct *vma)
{
	return !(vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP));
}

/**
 * struct pfn_range - pages to install, all in one page table
 * @vma: the VMA
 * @index: index of the first page in the buffer
 * @count: number of pages
 */
struct pfn_range {
	struct vm_area_struct *vma;
	unsigned long index;
	unsigned long count;
};

/* Returns how many of @count pages, at least 1, are contiguous. */
static unsigned long count_contig(struct page **pages, unsigned long count)
{
	struct page *next = *pages;
	unsigned long i;

	for (i = 0; i < count && pages[i] == next; i++)
		next++;

	return i;
}

/* Called with the page table locked. @addr is the address of the first page. */
static int fill_ptes(pte_t *ptep, unsigned long addr, void *data)
{
	const struct pfn_range *range = data;
	struct vm_area_struct *vma = range->vma;
	const struct vmwalk_device *device = vma->vm_private_data;
	struct page **pages = device->buffer.pages + range->index;
	pgprot_t prot = vmwalk_vma_is_cow(vma) ?
			vmwalk_buffer_prot(&device->buffer, vma->vm_flags) :
			vma->vm_page_prot;
	unsigned long i, contig;

	/* Set contiguous PFNs at once; skip entries that exist. */
	for (i = 0; i < range->count; i += contig) {
		contig = 1;
		if (!pte_none(READ_ONCE(ptep[i])))
			continue;
		contig = vmwalk_walk_count_empty(ptep + i, range->count - i);
		if (device->buffer.segments > 1)
			contig = count_contig(pages + i, contig);
		vmwalk_set_ptes(vma->vm_mm, addr + i * PAGE_SIZE, ptep + i,
				page_to_pfn(pages[i]), prot, contig);
	}

	return 0;
}

/*
 * Install PFNs, all in one page table, which is created if it does not exist.
 *
 * vmf_insert_pfn() would walk from the top for each page. remap_pfn_range()
 * would put the VMA under x86's tracking of memory types, which warns at
 * munmap() if the first page is no longer mapped.
 */
static int map_pfns(struct vm_area_struct *vma, unsigned long addr, unsigned long index,
		    unsigned long count)
{
	struct pfn_range range = { .vma = vma, .index = index, .count = count };

	/* One page is enough: we only need the page table, locked. */
	return apply_to_page_range(vma->vm_mm, addr, PAGE_SIZE, fill_ptes, &range) ? -ENOMEM : 0;
}

/* Install the page table that the core has allocated for this fault, if any. */
static void install_table(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	spinlock_t *lock;	/* protects the PMD entry */

	if (!vmf->prealloc_pte || !pmd_none(READ_ONCE(*vmf->pmd)))
		return;

	lock = pmd_lock(mm, vmf->pmd);
	if (pmd_none(READ_ONCE(*vmf->pmd))) {
		mm_inc_nr_ptes(mm);
		/* Lockless walkers must find the table cleared. */
		smp_wmb();
		pmd_populate(mm, vmf->pmd, vmf->prealloc_pte);
		vmf->prealloc_pte = NULL;
	}
	spin_unlock(lock);
}

/*
 * Install PFNs in the page table that vmf->pmd points to. Returns false if no
 * page table exists. The core may free an empty page table while faults run:
 * RCU keeps the table until it is locked and the PMD entry has been read again.
 */
static bool map_pfns_in_table(struct vm_fault *vmf, unsigned long addr, struct pfn_range *range)
{
	spinlock_t *lock;	/* protects the PTEs */
	bool same = false;
	pmd_t pmd;

	rcu_read_lock();
	pmd = READ_ONCE(*vmf->pmd);
	if (!pmd_present(pmd) || vmwalk_pmd_leaf(pmd) || pmd_bad(pmd))
		goto out;

	lock = pte_lockptr(vmf->vma->vm_mm, &pmd);
	spin_lock(lock);
	same = pmd_same(pmd, READ_ONCE(*vmf->pmd));
	if (same)
		fill_ptes(pte_offset_kernel(&pmd, addr), addr, range);
	spin_unlock(lock);
out:
	rcu_read_unlock();

	return same;
}

/* Install refcounted pages. */
static int map_pages(struct vm_area_struct *vma, unsigned long addr, unsigned long index,
		     unsigned long count)
{
	const struct vmwalk_device *device = vma->vm_private_data;
	struct page **pages = device->buffer.pages + index;
	unsigned long done, left;
	int err;

	while (count) {
		left = count;
		err = vm_insert_pages(vma, addr, pages, &left);
		done = count - left;
		if (err == -EBUSY)
			done++;
		else if (err)
			return err;

		count -= done;
		pages += done;
		addr += done << PAGE_SHIFT;
	}

	return 0;
}

/*
 * Does each page need its own write fault, because the core tracks writes to
 * this VMA and has write-protected it for this purpose?
 */
static bool tracks_writes(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_WRITE && !pte_write(pfn_pte(0, vma->vm_page_prot));
}

/* Does the VMA contain the aligned PMD_SIZE bytes around an address? */
static bool contains_pmd(const struct vm_area_struct *vma, unsigned long addr)
{
	unsigned long start = addr & PMD_MASK;

	return start >= vma->vm_start && vma->vm_end - start >= PMD_SIZE;
}

/* Can a PMD entry of a PFN mapping map the PMD_SIZE bytes around an address? */
static bool pmd_fits(const struct vm_area_struct *vma, unsigned long addr)
{
	const struct vmwalk_device *device = vma->vm_private_data;
	unsigned long start = addr & PMD_MASK;
	unsigned long index;

	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) || !vmwalk_buffer_maps_pmds(&device->buffer) ||
	    device->dirty.bits || !(vma->vm_flags & VM_PFNMAP))
		return false;
	if (!contains_pmd(vma, addr) || tracks_writes(vma))
		return false;

	index = linear_page_index((struct vm_area_struct *)vma, start);
	return IS_ALIGNED(vmwalk_buffer_pfn(&device->buffer, index), PTRS_PER_PTE);
}

static vm_fault_t map_pmd(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const struct vmwalk_device *device = vma->vm_private_data;
	unsigned long addr = vmf->address & PMD_MASK;
	unsigned long pfn = vmwalk_buffer_pfn(&device->buffer, linear_page_index(vma, addr));
#ifdef vmwalk_set_pmd
	spinlock_t *lock = pmd_lock(vma->vm_mm, vmf->pmd);

	if (pmd_none(READ_ONCE(*vmf->pmd)))
		vmwalk_set_pmd(vma->vm_mm, addr, vmf->pmd, pfn, vma->vm_page_prot);
	spin_unlock(lock);

	return VM_FAULT_NOPAGE;
#else
	return vmwalk_insert_pfn_pmd(vmf, pfn);
#endif
}

/*
 * Newer kernels free an empty page table while faults run. If they free the
 * table that apply_to_page_range() has just created, it returns -ENOMEM, too:
 * try again. A loop of madvise() was seen to win three times in a row.
 */
#define MAP_TRIES	16

/*
 * Install PFNs. If a PMD entry has replaced the page table, or can map the
 * range instead, return 0: the access faults again.
 */
static int map_window_pfns(struct vm_fault *vmf, unsigned long addr, struct pfn_range *range)
{
	int err = 0, tries;

	for (tries = 0; tries < MAP_TRIES; tries++) {
		install_table(vmf);
		if (map_pfns_in_table(vmf, addr, range) || pmd_fits(vmf->vma, vmf->address))
			return 0;
		err = map_pfns(vmf->vma, addr, range->index, range->count);
		if (!err || fatal_signal_pending(current))
			break;
	}

	return err;
}

/*
 * Install the aligned window of fault_around bytes. It lies in one page table,
 * so it is installed as a whole or not at all.
 */
static vm_fault_t map_window(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const struct vmwalk_device *device = vma->vm_private_data;
	unsigned long mask = ~(device->config.fault_around - 1);
	unsigned long start = max(vmf->address & mask, vma->vm_start);
	unsigned long end = min((vmf->address & mask) + device->config.fault_around, vma->vm_end);
	struct pfn_range range = {
		.vma = vma,
		.index = linear_page_index(vma, start),
		.count = (end - start) >> PAGE_SHIFT,
	};
	int err;

	err = is_pfnmap(vma) ? map_window_pfns(vmf, start, &range) :
			       map_pages(vma, start, range.index, range.count);
	if (err == -ENOMEM)
		return VM_FAULT_OOM;
	/* -EFAULT: the page table has just been freed. */
	return err && err != -EFAULT ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
}

static vm_fault_t map_dirty_pfn(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct vmwalk_device *device = vma->vm_private_data;

	return vmwalk_dirty_pfn_mkwrite(device, vmf,
					vmwalk_buffer_prot(&device->buffer, vma->vm_flags));
}

/*
 * Let the core map pages from the page cache, as for a read: a write fault
 * would make all entries dirty. The write that has faulted marks its own entry.
 */
static vm_fault_t map_from_cache(struct vm_fault *vmf, pgoff_t first, pgoff_t last)
{
	const unsigned int flags = vmf->flags;
	vm_fault_t ret;

	vmf->flags &= ~FAULT_FLAG_WRITE;
	ret = vmwalk_filemap_map_pages(vmf, first, last);
	vmf->flags = flags;

	return ret;
}

/*
 * Install a chunk, or the part of it that the VMA and the page table contain:
 * as PMD entry if the core can, otherwise as PTEs.
 */
static vm_fault_t map_chunk(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const struct vmwalk_device *device = vma->vm_private_data;
	unsigned long start = max(vmf->address & PMD_MASK, vma->vm_start);
	unsigned long end = min((vmf->address & PMD_MASK) + PMD_SIZE, vma->vm_end);
	vm_fault_t ret = 0;

	/* The core installs no PMD entry where a page table exists. */
	if (tracks_writes(vma))
		install_table(vmf);

	/* filemap_map_pages() needs a page table, or a preallocated one. */
	if (vmf->prealloc_pte || !pmd_none(READ_ONCE(*vmf->pmd)))
		ret = map_from_cache(vmf, linear_page_index(vma, start),
				     linear_page_index(vma, end) - 1);
	if (ret)
		return ret;

	/*
	 * The page is damaged, or another fault has locked the chunk: let the
	 * core report the damage, or wait and map the page.
	 */
	vmf->page = device->buffer.pages[vmf->pgoff];
	get_page(vmf->page);
	return 0;
}

static vm_fault_t map_chunk_pmd(struct vm_fault *vmf, vmwalk_fault_size size)
{
	vm_fault_t ret;

	/* If a PMD entry exists, fall back and let the core split it. */
	if (size != VMWALK_FAULT_PMD || !pmd_none(*vmf->pmd) ||
	    !contains_pmd(vmf->vma, vmf->address) || tracks_writes(vmf->vma))
		return VM_FAULT_FALLBACK;

	/*
	 * If no PMD entry is possible, this installs nothing. Kernels that call
	 * huge_fault for a VMA that is not DAX need no preallocated page table.
	 */
	ret = map_from_cache(vmf, vmf->pgoff, vmf->pgoff);
	return ret ?: VM_FAULT_FALLBACK;
}

static vm_fault_t count_fault(struct vm_fault *vmf, enum vmwalk_counter kind, vm_fault_t ret)
{
	struct vmwalk_device *device = vmf->vma->vm_private_data;

	if (ret & VM_FAULT_ERROR)
		kind = VMWALK_FAILED_FAULTS;
	vmwalk_stats_add(&device->stats, kind, 1);
	trace_vmwalk_fault(device, vmf, kind);

	return ret;
}

static vm_fault_t vmwalk_vm_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct vmwalk_device *device = vma->vm_private_data;
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	vm_fault_t ret;

	if (pmd_fits(vma, vmf->address)) {
		pmd_t pmd = READ_ONCE(*vmf->pmd);

		/* Lost a race: another thread has installed the PMD entry. */
		if (vmwalk_pmd_leaf(pmd))
			return count_fault(vmf, VMWALK_HUGE_FAULTS, VM_FAULT_NOPAGE);
		/* Some kernels do not call huge_fault where a PMD would fit. */
		ret = pmd_none(pmd) ? map_pmd(vmf) : VM_FAULT_FALLBACK;
		if (!(ret & VM_FAULT_FALLBACK))
			return count_fault(vmf, VMWALK_HUGE_FAULTS, ret);
	}

	if (write && vmwalk_vma_is_cow(vma) && !is_pfnmap(vma)) {
		/* The core copies the page and drops the reference. */
		vmf->page = device->buffer.pages[vmf->pgoff];
		get_page(vmf->page);
		return count_fault(vmf, VMWALK_WRITE_FAULTS, 0);
	}

	ret = map_window(vmf);
	if (write && device->dirty.bits && vma->vm_flags & VM_PFNMAP && ret == VM_FAULT_NOPAGE)
		ret = map_dirty_pfn(vmf);

	return count_fault(vmf, write ? VMWALK_WRITE_FAULTS : VMWALK_READ_FAULTS, ret);
}

static vm_fault_t vmwalk_vm_huge_fault(struct vm_fault *vmf, vmwalk_fault_size size)
{
	/* If a PMD entry exists, fall back and let the core split it. */
	if (size != VMWALK_FAULT_PMD || !pmd_none(*vmf->pmd) || !pmd_fits(vmf->vma, vmf->address))
		return VM_FAULT_FALLBACK;

	return count_fault(vmf, VMWALK_HUGE_FAULTS, map_pmd(vmf));
}

static vm_fault_t vmwalk_vm_pfn_mkwrite(struct vm_fault *vmf)
{
	return count_fault(vmf, VMWALK_MKWRITE_FAULTS, map_dirty_pfn(vmf));
}

static vm_fault_t vmwalk_vm_page_mkwrite(struct vm_fault *vmf)
{
	return count_fault(vmf, VMWALK_MKWRITE_FAULTS,
			   vmwalk_dirty_page_mkwrite(vmf->vma->vm_private_data, vmf));
}

static vm_fault_t vmwalk_vm_chunk_fault(struct vm_fault *vmf)
{
	vm_fault_t ret = map_chunk(vmf);

	return count_fault(vmf, vmwalk_pmd_leaf(READ_ONCE(*vmf->pmd)) ? VMWALK_HUGE_FAULTS :
				vmf->flags & FAULT_FLAG_WRITE ? VMWALK_WRITE_FAULTS :
								VMWALK_READ_FAULTS, ret);
}

static vm_fault_t vmwalk_vm_chunk_huge_fault(struct vm_fault *vmf, vmwalk_fault_size size)
{
	vm_fault_t ret = map_chunk_pmd(vmf, size);

	/* After a fallback, the core calls vmwalk_vm_chunk_fault(). */
	return ret & VM_FAULT_FALLBACK ? ret : count_fault(vmf, VMWALK_HUGE_FAULTS, ret);
}

/*
 * Install nothing, since a page table must not be allocated here. The callback
 * exists because newer kernels otherwise drop the VMA lock and retry each fault
 * under mmap_lock.
 */
static vmwalk_map_pages_t vmwalk_vm_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	return VMWALK_MAPPED_NONE;
}

/*
 * For all map modes: if mmap() has populated a mapping, and madvise() or
 * mremap() has removed pages, faults reinstall them. There is no open and no
 * close: the VMA references its file, and the file its device.
 */
static const struct vm_operations_struct vmwalk_vm_ops = {
	.fault = vmwalk_vm_fault,
	.map_pages = vmwalk_vm_map_pages,
	.huge_fault = vmwalk_vm_huge_fault,
};

/*
 * With track_dirty. Because mkwrite callbacks exist, the core write-protects
 * shared mappings. There is no map_pages, so that newer kernels call mkwrite
 * under mmap_lock: it changes entries that exist.
 */
static const struct vm_operations_struct vmwalk_vm_tracked_ops = {
	.fault = vmwalk_vm_fault,
	.page_mkwrite = vmwalk_vm_page_mkwrite,
	.pfn_mkwrite = vmwalk_vm_pfn_mkwrite,
};

/*
 * Remove the entries that map the buffer, but no copies, before mprotect()
 * changes their memory type. Page faults install them again.
 */
static int __maybe_unused vmwalk_vm_mprotect(struct vm_area_struct *vma, unsigned long start,
					     unsigned long end, unsigned long vm_flags)
{
	struct vmwalk_device *device = vma->vm_private_data;
	unsigned long next;

	/* One page table at a time: each call locks the list of VMAs. */
	for (; start < end; start = next) {
		next = pmd_addr_end(start, end);
		unmap_mapping_range(device->inode->i_mapping,
				    (loff_t)linear_page_index(vma, start) << PAGE_SHIFT,
				    next - start, 0);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}

	return 0;
}

/*
 * Private mappings for which mprotect_retypes() is true. There is no map_pages,
 * so newer kernels handle faults under mmap_lock: no fault installs an entry
 * between vmwalk_vm_mprotect() and the change.
 */
static const struct vm_operations_struct vmwalk_vm_retyped_ops = {
	.fault = vmwalk_vm_fault,
	VMWALK_MPROTECT(vmwalk_vm_mprotect)
};

/* Chunk mappings. */
static const struct vm_operations_struct vmwalk_vm_chunk_ops = {
	.fault = vmwalk_vm_chunk_fault,
	.map_pages = vmwalk_vm_map_pages,
	.huge_fault = vmwalk_vm_chunk_huge_fault,
};

/* Chunk mappings while ->mmap() populates them: no page fault is counted. */
static const struct vm_operations_struct vmwalk_vm_populate_ops = {
	.fault = map_chunk,
	.huge_fault = map_chunk_pmd,
};

/* Is the page at @addr, in a VMA of @mm, mapped? */
static bool is_mapped(struct mm_struct *mm, unsigned long addr)
{
	bool mapped = false;
	pmd_t *pmdp, pmd;

	local_irq_disable();
	pmdp = vmwalk_walk_pmd_offset(mm, addr);
	if (pmdp) {
		pmd = READ_ONCE(*pmdp);
		mapped = vmwalk_pmd_leaf(pmd) ||
			 (!pmd_none(pmd) && !pte_none(READ_ONCE(*pte_offset_kernel(&pmd, addr))));
	}
	local_irq_enable();

	return mapped;
}

/*
 * Populate a chunk mapping from ->mmap() by page faults. A fault maps all pages
 * of a chunk that are in one page table; but only the page at @addr while
 * another process has locked the chunk. Damaged pages are left out: an access
 * raises SIGBUS. FAULT_FLAG_REMOTE: ignore the protection keys of the caller.
 */
static int populate_chunks(struct vm_area_struct *vma)
{
	unsigned long addr, next, end, left;
	vm_fault_t ret;

	for (addr = vma->vm_start; addr < vma->vm_end; addr = next) {
		left = VMWALK_HUGE_PAGES - linear_page_index(vma, addr) % VMWALK_HUGE_PAGES;
		end = min(pmd_addr_end(addr, vma->vm_end), addr + (left << PAGE_SHIFT));
		next = addr + PAGE_SIZE;

		ret = handle_mm_fault(vma, addr, FAULT_FLAG_REMOTE, NULL);
		if (ret & VM_FAULT_ERROR && !(ret & VM_FAULT_HWPOISON))
			return -ENOMEM;
		if (is_mapped(vma->vm_mm, end - PAGE_SIZE))
			next = end;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}

	return 0;
}

/* Populate a VMA from ->mmap(), one page table at a time. */
static int populate(struct vm_area_struct *vma)
{
	map_fn *map = is_pfnmap(vma) ? map_pfns : map_pages;
	unsigned long addr, next;
	int err;

	for (addr = vma->vm_start; addr < vma->vm_end; addr = next) {
		next = pmd_addr_end(addr, vma->vm_end);
		err = map(vma, addr, linear_page_index(vma, addr), (next - addr) >> PAGE_SHIFT);
		if (err)
			/*
			 * mmap_lock is held for writing, so no table has been
			 * freed: there is no memory for one.
			 */
			return err == -EFAULT ? -ENOMEM : err;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}

	return 0;
}

/*
 * Does mprotect() give the entries that map the buffer the memory type of
 * copies?
 */
static bool mprotect_retypes(const struct vmwalk_device *device, const struct vm_area_struct *vma)
{
	return !VMWALK_KEEPS_MEMORY_TYPE && vmwalk_vma_is_cow(vma) &&
	       device->buffer.cache_mode != VMWALK_CACHE_WB;
}

static void set_up_vma(struct vmwalk_device *device, struct vm_area_struct *vma)
{
	bool tracked = device->dirty.bits;
	bool cow = vmwalk_vma_is_cow(vma);
	bool pfnmap;

	/* Never executable, and never larger than mmap() has checked. */
	vm_flags_mod(vma, VM_DONTEXPAND, VM_MAYEXEC);
	vma->vm_private_data = device;

	if (device->buffer.mapping && !cow) {
		vma->vm_ops = &vmwalk_vm_chunk_ops;
		return;
	}

	/*
	 * The core maps the copies of a private mapping with vm_page_prot,
	 * which must be write-back for them. The pages of a wc or uc buffer
	 * need another protection, which only a PFN mapping can have.
	 */
	pfnmap = vmwalk_buffer_is_pfnmap(&device->buffer) ||
		 (cow && device->buffer.cache_mode != VMWALK_CACHE_WB);
	if (pfnmap)
		vm_flags_mod(vma, VM_IO | VM_DONTDUMP, 0);
	vm_flags_mod(vma, pfnmap && !cow ? VM_PFNMAP : VM_MIXEDMAP, 0);

	vma->vm_ops = mprotect_retypes(device, vma) ? &vmwalk_vm_retyped_ops :
		      tracked ? &vmwalk_vm_tracked_ops : &vmwalk_vm_ops;
	/* With track_dirty: read-only, as the core makes it after ->mmap(). */
	if (!cow)
		vma->vm_page_prot = vmwalk_buffer_prot(&device->buffer,
						       tracked ? vma->vm_flags & ~VM_SHARED :
								 vma->vm_flags);
}

/**
 * vmwalk_map_init - prepare a device for mappings
 * @device: a new device, with its buffer and inode
 */
void vmwalk_map_init(struct vmwalk_device *device)
{
	if (vmwalk_buffer_maps_pmds(&device->buffer) && vmwalk_buffer_is_pfnmap(&device->buffer))
		vmwalk_call_huge_fault_early(device->inode);
}

/**
 * vmwalk_map - mmap(2) of a device
 * @device: the device; the VMA's file has a reference
 * @vma: the new VMA
 *
 * Return: 0; -EINVAL if the range exceeds the buffer; -EPERM for PROT_EXEC;
 * -EOPNOTSUPP if mprotect() would map the buffer with a wrong memory type;
 * -ENOMEM without memory for page tables; -EINTR on a fatal signal. On error
 * the core unmaps the installed pages.
 */
int vmwalk_map(struct vmwalk_device *device, struct vm_area_struct *vma)
{
	const struct vmwalk_buffer *buffer = &device->buffer;
	int err;

	if (vma->vm_pgoff >= buffer->nr_pages ||
	    vma_pages(vma) > buffer->nr_pages - vma->vm_pgoff)
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC) {
		/* With READ_IMPLIES_EXEC the core adds VM_EXEC to VM_READ. */
		if (!(current->personality & READ_IMPLIES_EXEC))
			return -EPERM;
		vm_flags_mod(vma, 0, VM_EXEC);
		vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	}

	if (!VMWALK_CALLS_MPROTECT && mprotect_retypes(device, vma))
		return -EOPNOTSUPP;

	set_up_vma(device, vma);
	if (is_chunk_mapping(vma)) {
		vma->vm_ops = &vmwalk_vm_populate_ops;
		err = populate_chunks(vma);
		vma->vm_ops = &vmwalk_vm_chunk_ops;
	} else {
		err = device->config.map_mode == VMWALK_MAP_FAULT ? 0 : populate(vma);
	}
	trace_vmwalk_mmap(device, vma, err);

	return err;
}

/**
 * vmwalk_map_unmapped_area - choose an address for a mapping
 * @device: the device
 * @file: the file
 * @addr: hint of the caller
 * @len: bytes
 * @pgoff: offset in the buffer, in pages
 * @flags: MAP_*
 *
 * Return: the address, aligned for PMD mappings if the buffer can have them; or
 * a negative errno.
 */
unsigned long vmwalk_map_unmapped_area(const struct vmwalk_device *device, struct file *file,
				       unsigned long addr, unsigned long len, unsigned long pgoff,
				       unsigned long flags)
{
	if (vmwalk_buffer_maps_pmds(&device->buffer))
		return vmwalk_unmapped_pmd_area(file, addr, len, pgoff, flags);

	return vmwalk_unmapped_area(file, addr, len, pgoff, flags);
}
