// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of a buffer: what mmap(2) installs, what a fault installs, and how many pages are
 * mapped now.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/personality.h>
#include <linux/pgtable.h>
#include <linux/rbtree.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "internal.h"
#include "trace.h"

/* Where a mapping is installed: pages @index and on of the buffer at @addr and on. */
typedef vm_fault_t map_fn(struct vm_area_struct *vma, unsigned long addr, unsigned long index,
			  unsigned long count);

/**
 * vmwalk_maps_frames - do mappings hold bare frames?
 * @device: the device
 *
 * Pages that are refcounted go into page tables as pages, the others as bare frames; so do all of
 * a remap, and blocks that a fault maps whole, since the kernel has no refcounted PMD entries for
 * drivers.
 *
 * Bare frames of a shared mapping make it VM_PFNMAP. In a private one that may be written the
 * kernel wants VM_MIXEDMAP, where it tells frames by their entries: VM_PFNMAP can only tell the
 * copies it has made from the original by an address that runs with the frame, and ours need not.
 * In both VM_IO keeps those away who ask for pages, as ptrace and O_DIRECT do: there is none to
 * give them, and a copy on write made for another process's write would copy from that process.
 */
bool vmwalk_maps_frames(const struct vmwalk_device *device)
{
	const struct vmwalk_config *config = &device->config;

	return config->map_mode == VMWALK_MAP_REMAP || !device->buffer.memory->refcounted ||
	       (config->map_mode == VMWALK_MAP_FAULT &&
		config->buffer_type == VMWALK_BUFFER_HUGE);
}

/* Does this one? vmwalk_map() has marked it so. */
static bool holds_frames(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_IO;
}

/* What entries allow, and how what they map is cached. */
static pgprot_t page_prot(const struct vmwalk_device *device, unsigned long vm_flags)
{
	pgprot_t prot = vm_get_page_prot(vm_flags);

	switch (device->config.cache_mode) {
	case VMWALK_CACHE_WC:
		return pgprot_writecombine(prot);
	case VMWALK_CACHE_UC:
		return pgprot_noncached(prot);
	default:
		return prot;
	}
}

struct frames {
	struct vm_area_struct *vma;
	unsigned long index;
	unsigned long count;
};

/*
 * Called with the page table locked that has the entry for @addr, in which the following ones lie
 * as well.
 */
static int fill_frames(pte_t *ptep, unsigned long addr, void *data)
{
	const struct frames *frames = data;
	struct vm_area_struct *vma = frames->vma;
	const struct vmwalk_device *device = vma->vm_private_data;
	struct page **pages = device->buffer.pages + frames->index;
	pgprot_t prot = is_cow_mapping(vma->vm_flags) ? page_prot(device, vma->vm_flags) :
							vma->vm_page_prot;
	unsigned long i, run;
	pte_t pte;

	/* Side by side in memory, and nothing there yet: such runs go in at once. */
	for (i = 0; i < frames->count; i += run) {
		for (run = 0; i + run < frames->count; run++)
			if (pages[i + run] != pages[i] + run || !pte_none(ptep_get(ptep + i + run)))
				break;
		if (!run) {
			run = 1;
			continue;
		}
		pte = pte_mkspecial(pfn_pte(page_to_pfn(pages[i]), prot));
		vmwalk_set_ptes(vma->vm_mm, addr + i * PAGE_SIZE, ptep + i, pte, run);
	}

	return 0;
}

/*
 * Install frames, all in one page table, and leave alone what is there. The kernel's own calls for
 * that do so one by one, each from the top of the page tables, or put VMAs under its tracking of
 * caching attributes, which wants them never to lose a page. Returns VM_FAULT_NOPAGE, or an error
 * with nothing installed.
 */
static vm_fault_t map_frames(struct vm_area_struct *vma, unsigned long addr, unsigned long index,
			     unsigned long count)
{
	struct frames frames = { .vma = vma, .index = index, .count = count };

	/* Of one page, to be led to the table and to have it locked. */
	return apply_to_page_range(vma->vm_mm, addr, PAGE_SIZE, fill_frames, &frames) ?
	       VM_FAULT_OOM : VM_FAULT_NOPAGE;
}

/* The same with refcounted pages. */
static vm_fault_t map_pages(struct vm_area_struct *vma, unsigned long addr, unsigned long index,
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
			/* Inside a VMA, -EFAULT says that an upper table could not be had. */
			return err == -ENOMEM || err == -EFAULT ? VM_FAULT_OOM : VM_FAULT_SIGBUS;

		count -= done;
		pages += done;
		addr += done << PAGE_SHIFT;
	}

	return VM_FAULT_NOPAGE;
}

/*
 * May this device's mappings have PMD entries? Only a fault installs them,
 * never mmap(): if ->mmap() fails, the core clears vma->vm_file before it
 * unmaps. It then mistakes a PMD entry for a THP and drops references that
 * nothing has taken.
 */
static bool maps_blocks(const struct vmwalk_device *device)
{
	const struct vmwalk_config *config = &device->config;

	return config->buffer_type == VMWALK_BUFFER_HUGE && config->map_mode == VMWALK_MAP_FAULT;
}

/*
 * May one PMD entry map the block around an address? Not where writing needs a fault a page: with
 * track_dirty, or where the kernel itself waits for writes and so has made the mapping read-only.
 */
static bool block_fits(const struct vm_area_struct *vma, unsigned long addr)
{
	const struct vmwalk_device *device = vma->vm_private_data;
	unsigned long start = addr & PMD_MASK;
	unsigned long index;

	if (!maps_blocks(device) || device->dirty.bits || !(vma->vm_flags & VM_PFNMAP))
		return false;
	if (start < vma->vm_start || vma->vm_end - start < PMD_SIZE)
		return false;
	if (vma->vm_flags & VM_WRITE && !pte_write(pfn_pte(0, vma->vm_page_prot)))
		return false;

	index = linear_page_index((struct vm_area_struct *)vma, start);
	return IS_ALIGNED(vmwalk_buffer_pfn(&device->buffer, index), PTRS_PER_PTE);
}

/* Installs it at vmf->pmd; what is there already stays. */
static vm_fault_t map_block(struct vm_fault *vmf)
{
	const struct vmwalk_device *device = vmf->vma->vm_private_data;
	unsigned long index = linear_page_index(vmf->vma, vmf->address & PMD_MASK);

	return vmwalk_insert_block(vmf, vmwalk_buffer_pfn(&device->buffer, index));
}

/*
 * What is installed around the page that is wanted, in one go: an aligned window that leaves
 * neither the mapping, which lies in the buffer, nor the page table; so if any of it fails, all
 * does.
 */
static vm_fault_t map_window(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const struct vmwalk_device *device = vma->vm_private_data;
	map_fn *map = holds_frames(vma) ? map_frames : map_pages;
	unsigned long mask = ~(device->config.fault_around - 1);
	unsigned long start = max(vmf->address & mask, vma->vm_start);
	unsigned long end = min((vmf->address & mask) + device->config.fault_around, vma->vm_end);

	return map(vma, start, linear_page_index(vma, start), (end - start) >> PAGE_SHIFT);
}

/* With track_dirty: lets writes to a frame through, and remembers that. */
static vm_fault_t map_written_frame(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct vmwalk_device *device = vma->vm_private_data;
	unsigned long addr = vmf->address & PAGE_MASK;
	vm_fault_t ret;

	if (mutex_lock_killable(&device->dirty.lock))
		return VM_FAULT_SIGBUS;
	set_bit(vmf->pgoff, device->dirty.bits);
	/* The entry that is there allows reading only, and a new one is not put over an old one. */
	zap_vma_ptes(vma, addr, PAGE_SIZE);
	ret = vmf_insert_pfn_prot(vma, addr, vmwalk_buffer_pfn(&device->buffer, vmf->pgoff),
				  page_prot(device, vma->vm_flags));
	mutex_unlock(&device->dirty.lock);

	return ret;
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

	if (block_fits(vma, vmf->address)) {
		pmd_t pmd = READ_ONCE(*vmf->pmd);

		/* Another thread was faster: there is no page table to put pages into. */
		if (pmd_leaf(pmd))
			return count_fault(vmf, VMWALK_HUGE_FAULTS, VM_FAULT_NOPAGE);
		/* Not every kernel that can have a block asks huge_fault for it. */
		ret = pmd_none(pmd) ? map_block(vmf) : VM_FAULT_FALLBACK;
		if (!(ret & VM_FAULT_FALLBACK))
			return count_fault(vmf, VMWALK_HUGE_FAULTS, ret);
	}

	if (write && is_cow_mapping(vma->vm_flags) && !holds_frames(vma)) {
		/* The kernel copies the page at once; its reference is the kernel's to put. */
		vmf->page = device->buffer.pages[vmf->pgoff];
		get_page(vmf->page);
		return count_fault(vmf, VMWALK_WRITE_FAULTS, 0);
	}

	ret = map_window(vmf);
	if (write && device->dirty.bits && vma->vm_flags & VM_PFNMAP && ret == VM_FAULT_NOPAGE)
		ret = map_written_frame(vmf);

	return count_fault(vmf, write ? VMWALK_WRITE_FAULTS : VMWALK_READ_FAULTS, ret);
}

static vm_fault_t vmwalk_vm_huge_fault(struct vm_fault *vmf, vmwalk_fault_size size)
{
	/* Where there is an entry, the kernel had better split it. */
	if (size != VMWALK_FAULT_PMD || !pmd_none(*vmf->pmd) ||
	    !block_fits(vmf->vma, vmf->address))
		return VM_FAULT_FALLBACK;

	return count_fault(vmf, VMWALK_HUGE_FAULTS, map_block(vmf));
}

static vm_fault_t vmwalk_vm_pfn_mkwrite(struct vm_fault *vmf)
{
	return count_fault(vmf, VMWALK_MKWRITE_FAULTS, map_written_frame(vmf));
}

/* The core makes the PTE writable while the page is locked, then unlocks it. */
static vm_fault_t vmwalk_vm_page_mkwrite(struct vm_fault *vmf)
{
	struct vmwalk_device *device = vmf->vma->vm_private_data;

	if (folio_lock_killable(page_folio(vmf->page)))
		return count_fault(vmf, VMWALK_MKWRITE_FAULTS, VM_FAULT_SIGBUS);
	set_bit(vmf->pgoff, device->dirty.bits);

	return count_fault(vmf, VMWALK_MKWRITE_FAULTS, VM_FAULT_LOCKED);
}

/*
 * Maps nothing: that would take page tables, which can't be had here. But where it is missing newer
 * kernels start every fault twice, since they take it for a sign that fault() wants the mmap_lock.
 */
static vm_fault_t vmwalk_vm_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	return 0;
}

/*
 * The same for every map mode: what was there from the start may be taken away by madvise() or
 * mremap(), and comes back by a fault. No open and close: a VMA has its file, the file has the
 * device, and the list of VMAs is the kernel's own.
 */
static const struct vm_operations_struct vmwalk_vm_ops = {
	.fault = vmwalk_vm_fault,
	.map_pages = vmwalk_vm_map_pages,
	.huge_fault = vmwalk_vm_huge_fault,
};

/*
 * With track_dirty. That there are the last two makes the kernel map shared pages read-only. Faults
 * change entries that are there, and so want the mmap_lock.
 */
static const struct vm_operations_struct vmwalk_vm_tracked_ops = {
	.fault = vmwalk_vm_fault,
	.page_mkwrite = vmwalk_vm_page_mkwrite,
	.pfn_mkwrite = vmwalk_vm_pfn_mkwrite,
};

/* All of a mapping at mmap time, a page table's worth at a time. */
static int install(struct vm_area_struct *vma)
{
	map_fn *map = holds_frames(vma) ? map_frames : map_pages;
	unsigned long addr, next;
	int err;

	for (addr = vma->vm_start; addr < vma->vm_end; addr = next) {
		next = pmd_addr_end(addr, vma->vm_end);
		err = vm_fault_to_errno(map(vma, addr, linear_page_index(vma, addr),
					    (next - addr) >> PAGE_SHIFT), 0);
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}

	return 0;
}

/**
 * vmwalk_map - mmap(2) of a device
 * @device: the device; stays, since the VMA's file has a reference
 * @vma: the new VMA
 *
 * Return: 0; -EINVAL for a window that leaves the buffer; -EPERM for one that may be executed;
 * -ENOMEM if page tables could not be had. The kernel unmaps what was installed before an error.
 */
int vmwalk_map(struct vmwalk_device *device, struct vm_area_struct *vma)
{
	const struct vmwalk_buffer *buffer = &device->buffer;
	unsigned long count = vma_pages(vma);
	bool cow = is_cow_mapping(vma->vm_flags);
	bool frames;
	int err;

	if (vma->vm_pgoff >= buffer->nr_pages || count > buffer->nr_pages - vma->vm_pgoff)
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC) {
		/* For this personality the core adds VM_EXEC to VM_READ. */
		if (!(current->personality & READ_IMPLIES_EXEC))
			return -EPERM;
		vm_flags_mod(vma, 0, VM_EXEC);
		vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	}

	/* Never executable, and never larger than what was checked above. */
	vm_flags_mod(vma, VM_DONTEXPAND, VM_MAYEXEC);
	/*
	 * The kernel caches copies as the VMA says, and has them in its own mapping as normal
	 * memory; so it is for entries to say that the buffer is cached in another way.
	 */
	frames = vmwalk_maps_frames(device) ||
		 (cow && device->config.cache_mode != VMWALK_CACHE_WB);
	if (frames)
		vm_flags_mod(vma, VM_IO | VM_DONTDUMP, 0);
	vm_flags_mod(vma, frames && !cow ? VM_PFNMAP : VM_MIXEDMAP, 0);
	vma->vm_private_data = device;
	if (device->dirty.bits) {
		/* Read-only even if shared, as the kernel will make it when it sees these. */
		vma->vm_ops = &vmwalk_vm_tracked_ops;
		if (!cow)
			vma->vm_page_prot = page_prot(device, vma->vm_flags & ~VM_SHARED);
	} else {
		vma->vm_ops = &vmwalk_vm_ops;
		if (!cow)
			vma->vm_page_prot = page_prot(device, vma->vm_flags);
	}

	err = device->config.map_mode == VMWALK_MAP_FAULT ? 0 : install(vma);
	trace_vmwalk_mmap(device, vma, err);

	return err;
}

/**
 * vmwalk_map_place - where a mapping goes for which the caller wants no certain place
 * @device: the device
 * @file: the descriptor
 * @addr: the caller's wish
 * @len: bytes
 * @pgoff: the window's first page
 * @flags: MAP_*
 *
 * Return: the address, or a negative errno. Blocks are placed so that PMD entries can map them.
 */
unsigned long vmwalk_map_place(const struct vmwalk_device *device, struct file *file,
			       unsigned long addr, unsigned long len, unsigned long pgoff,
			       unsigned long flags)
{
	if (maps_blocks(device))
		return vmwalk_unmapped_block(file, addr, len, pgoff, flags);

	return vmwalk_unmapped_area(file, addr, len, pgoff, flags);
}

/* Mappings that are counted between two checks for an interruption. */
#define COUNT_BATCH	1024

struct mapped_visitor {
	struct vmwalk_visitor visitor;
	const struct vmwalk_buffer *buffer;
	const struct vm_area_struct *vma;
	unsigned long pages;
};

/* The frame that the buffer has where @vma shows it at @addr. */
static unsigned long pfn_wanted(const struct mapped_visitor *mapped, unsigned long addr)
{
	const struct vm_area_struct *vma = mapped->vma;

	return vmwalk_buffer_pfn(mapped->buffer,
				 vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT));
}

static unsigned long count_ptes(struct vmwalk_visitor *visitor, pte_t *ptep,
				unsigned long addr, unsigned long end)
{
	struct mapped_visitor *mapped = container_of(visitor, struct mapped_visitor, visitor);

	for (; addr < end; addr += PAGE_SIZE, ptep++) {
		pte_t pte = ptep_get(ptep);

		if (pte_present(pte) && pte_pfn(pte) == pfn_wanted(mapped, addr))
			mapped->pages++;
	}

	return end;
}

static unsigned long count_leaf(struct vmwalk_visitor *visitor, struct vmwalk_entry *entry,
				unsigned long addr, unsigned long end)
{
	struct mapped_visitor *mapped = container_of(visitor, struct mapped_visitor, visitor);

	if (entry->present && entry->pfn == pfn_wanted(mapped, addr))
		mapped->pages += (end - addr) >> PAGE_SHIFT;

	return end;
}

static struct vm_area_struct *to_vma(struct rb_node *node)
{
	return rb_entry(node, struct vm_area_struct, shared.rb);
}

/**
 * vmwalk_map_count - count the mappings of a buffer
 * @device: the device
 *
 * Return: the number of VMAs; -EINTR on a fatal signal; -ENODEV if the device
 * is withdrawn meanwhile.
 */
long vmwalk_map_count(struct vmwalk_device *device)
{
	struct address_space *mapping = device->inode->i_mapping;
	struct rb_node *node;
	long count = 0;
	int err = 0;

	i_mmap_lock_read(mapping);
	for (node = rb_first_cached(&mapping->i_mmap); node && !err; node = rb_next(node))
		if (!(++count % COUNT_BATCH))
			err = vmwalk_instance_interrupted(device);
	i_mmap_unlock_read(mapping);

	return err ?: count;
}

/**
 * struct cursor - where to resume counting after i_mmap_rwsem was released
 * @pgoff: vm_pgoff of the next VMA; the interval tree is sorted by it
 * @nth: index of this VMA among those with the same vm_pgoff
 * @counted: bytes of the VMA that are counted
 */
struct cursor {
	unsigned long pgoff;
	unsigned long nth;
	unsigned long counted;
};

static struct rb_node *find_cursor(struct address_space *mapping, const struct cursor *cursor)
{
	struct rb_node *node = mapping->i_mmap.rb_root.rb_node, *found = NULL;
	unsigned long i;

	while (node) {
		if (to_vma(node)->vm_pgoff >= cursor->pgoff) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	for (i = 0; found && i < cursor->nth && to_vma(found)->vm_pgoff == cursor->pgoff; i++)
		found = rb_next(found);

	return found;
}

/*
 * Count pages from the cursor on, until another task waits for i_mmap_rwsem,
 * but at least one batch. Returns 1 if mappings are left, 0 if not, or the
 * error of vmwalk_instance_interrupted().
 */
static int count_batch(struct vmwalk_device *device, struct cursor *cursor, unsigned long *pages)
{
	struct address_space *mapping = device->inode->i_mapping;
	struct mapped_visitor mapped = {
		.visitor = { .ptes = count_ptes, .leaf = count_leaf },
		.buffer = &device->buffer,
	};
	struct vmwalk_visitor *visitor = &mapped.visitor;
	struct rb_node *node = find_cursor(mapping, cursor);
	struct vm_area_struct *vma;
	unsigned long addr;
	int err = 0;

	/* Passing what is counted takes time, too, so a batch grows with it. */
	visitor->steps = VMWALK_VISIT_STEPS + cursor->nth / 8;
	while (node && !err) {
		vma = to_vma(node);
		if (vma->vm_pgoff != cursor->pgoff)
			*cursor = (struct cursor) { .pgoff = vma->vm_pgoff };
		mapped.vma = vma;
		addr = min(vma->vm_start + cursor->counted, vma->vm_end);
		addr = vmwalk_visit(vma, addr, vma->vm_end, visitor);
		cursor->counted = addr - vma->vm_start;
		if (addr == vma->vm_end) {
			cursor->nth++;
			cursor->counted = 0;
			node = rb_next(node);
		}
		if (visitor->steps)
			continue;

		err = vmwalk_instance_interrupted(device);
		if (rwsem_is_contended(&mapping->i_mmap_rwsem))
			break;
		visitor->steps = VMWALK_VISIT_STEPS;
	}
	*pages += mapped.pages;

	return err ?: !!node;
}

/**
 * vmwalk_map_count_pages - count the pages of a buffer that page tables hold
 * @device: the device
 *
 * Walks the page tables of every mapping. While i_mmap_rwsem is held for
 * reading, no VMA of the device is added, removed or resized, and its page
 * tables stay: the core takes a VMA off this list before it frees its page
 * tables. A process that maps or unmaps the device waits for one batch, and for
 * passing the mappings that were counted before it.
 *
 * Return: the count, exact unless mappings change meanwhile; -EINTR on a fatal
 * signal; -ENODEV if the device is withdrawn meanwhile.
 */
long vmwalk_map_count_pages(struct vmwalk_device *device)
{
	struct address_space *mapping = device->inode->i_mapping;
	struct cursor cursor = { };
	unsigned long pages = 0;
	int more;

	do {
		i_mmap_lock_read(mapping);
		more = count_batch(device, &cursor, &pages);
		i_mmap_unlock_read(mapping);
		vmwalk_yield(&mapping->i_mmap_rwsem);
	} while (more > 0);

	return more ?: pages;
}
