// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of a buffer: what mmap(2) installs, what a fault installs, and how many pages are
 * mapped now.
 *
 * Copyright (C) The vmwalk authors
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/rbtree.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "internal.h"

/*
 * Pages that are refcounted go into page tables as pages, the others as bare frames. Bare frames of
 * a shared mapping make it VM_PFNMAP. In a private one that may be written the kernel wants
 * VM_MIXEDMAP, where it tells frames by their entries: VM_PFNMAP can only tell the copies it has
 * made from the original by an address that runs with the frame, and ours need not. In both VM_IO
 * keeps those away who ask for pages, as ptrace and O_DIRECT do: there is none to give them, and a
 * copy on write made for another process's write would copy from that process.
 */
static bool vmwalk_maps_frames(const struct vmwalk_device *device)
{
	return device->config.map_mode == VMWALK_MAP_REMAP || !device->buffer.pages;
}

/* Installs pages @index and on of the buffer at @addr and on. */
typedef vm_fault_t map_fn(struct vm_area_struct *vma, unsigned long addr, unsigned long index,
			  unsigned long count);

/*
 * Install frames one by one, and leave those that are there alone. Returns VM_FAULT_NOPAGE, or the
 * error at which it stopped.
 */
static vm_fault_t map_frames(struct vm_area_struct *vma, unsigned long addr, unsigned long index,
			     unsigned long count)
{
	const struct vmwalk_device *device = vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_NOPAGE;
	unsigned long pfn;

	for (; count && ret == VM_FAULT_NOPAGE; count--, index++, addr += PAGE_SIZE) {
		pfn = vmwalk_buffer_pfn(&device->buffer, index);
		ret = vma->vm_flags & VM_PFNMAP ? vmf_insert_pfn(vma, addr, pfn) :
						  vmwalk_insert_frame(vma, addr, pfn);
	}

	return ret;
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
			return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;

		count -= done;
		pages += done;
		addr += done << PAGE_SHIFT;
	}

	return VM_FAULT_NOPAGE;
}

/*
 * First the page that is wanted: only its failure is the fault's. Then, as far as it goes, those
 * around it, in a window that leaves neither the mapping (which lies in the buffer) nor the page
 * table.
 */
static vm_fault_t fault_in(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const struct vmwalk_device *device = vma->vm_private_data;
	map_fn *map = vmwalk_maps_frames(device) ? map_frames : map_pages;
	unsigned long addr = vmf->address & PAGE_MASK;
	unsigned long window = device->config.fault_around;
	unsigned long start, end;
	vm_fault_t ret;

	ret = map(vma, addr, vmf->pgoff, 1);
	if (ret != VM_FAULT_NOPAGE || window == PAGE_SIZE)
		return ret;

	start = max(addr & ~(window - 1), vma->vm_start);
	end = min((addr & ~(window - 1)) + window, vma->vm_end);
	map(vma, start, vmf->pgoff - ((addr - start) >> PAGE_SHIFT), (end - start) >> PAGE_SHIFT);

	return ret;
}

static vm_fault_t vmwalk_vm_fault(struct vm_fault *vmf)
{
	struct vmwalk_device *device = vmf->vma->vm_private_data;
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	vm_fault_t ret;

	if (write && is_cow_mapping(vmf->vma->vm_flags) && !vmwalk_maps_frames(device)) {
		/* The kernel copies the page at once; its reference is the kernel's to put. */
		vmf->page = device->buffer.pages[vmf->pgoff];
		get_page(vmf->page);
		ret = 0;
	} else {
		ret = fault_in(vmf);
	}

	vmwalk_stats_add(&device->stats,
			 ret & VM_FAULT_ERROR ? VMWALK_FAILED_FAULTS :
			 write ? VMWALK_WRITE_FAULTS : VMWALK_READ_FAULTS, 1);
	return ret;
}

/*
 * The same for every map mode: what was there from the start may be taken away by madvise() or
 * mremap(), and comes back by a fault. No open and close: a VMA has its file, the file has the
 * device, and the list of VMAs is the kernel's own.
 */
static const struct vm_operations_struct vmwalk_vm_ops = {
	.fault = vmwalk_vm_fault,
};

/* Shared: run by run. */
static int remap_runs(struct vm_area_struct *vma)
{
	const struct vmwalk_device *device = vma->vm_private_data;
	const struct vmwalk_buffer *buffer = &device->buffer;
	unsigned long index = vma->vm_pgoff;
	unsigned long left = vma_pages(vma);
	unsigned long addr = vma->vm_start;
	unsigned long pfn, run;
	int err;

	for (; left; left -= run, index += run, addr += run << PAGE_SHIFT) {
		pfn = vmwalk_buffer_pfn(buffer, index);
		for (run = 1; run < left; run++)
			if (vmwalk_buffer_pfn(buffer, index + run) != pfn + run)
				break;

		err = remap_pfn_range(vma, addr, pfn, run << PAGE_SHIFT, vma->vm_page_prot);
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}

	return 0;
}

/* All pages, a page table's worth at a time. */
static int map_all(struct vm_area_struct *vma, map_fn *map)
{
	unsigned long index = vma->vm_pgoff;
	unsigned long left = vma_pages(vma);
	unsigned long addr = vma->vm_start;
	unsigned long count;
	int err;

	for (; left; left -= count, index += count, addr += count << PAGE_SHIFT) {
		count = min_t(unsigned long, left, PTRS_PER_PTE);
		err = vm_fault_to_errno(map(vma, addr, index, count), 0);
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
	bool remap = device->config.map_mode == VMWALK_MAP_REMAP;
	bool frames = vmwalk_maps_frames(device);

	if (vma->vm_pgoff >= buffer->nr_pages || count > buffer->nr_pages - vma->vm_pgoff)
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;

	/* Never executable, and never larger than what was checked above. */
	vm_flags_mod(vma, VM_DONTEXPAND, VM_MAYEXEC);
	if (frames)
		vm_flags_mod(vma, VM_IO | VM_DONTDUMP, 0);
	vm_flags_mod(vma, frames && !is_cow_mapping(vma->vm_flags) ? VM_PFNMAP : VM_MIXEDMAP, 0);
	vma->vm_private_data = device;
	vma->vm_ops = &vmwalk_vm_ops;

	if (device->config.map_mode == VMWALK_MAP_FAULT)
		return 0;
	if (remap && vma->vm_flags & VM_PFNMAP)
		return remap_runs(vma);

	return map_all(vma, frames ? map_frames : map_pages);
}

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

static unsigned long count_leaf(struct vmwalk_visitor *visitor, const struct vmwalk_entry *entry,
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
 * vmwalk_map_count - how many mappings of a buffer there are now
 * @device: the device
 *
 * Return: the number of VMAs.
 */
unsigned long vmwalk_map_count(struct vmwalk_device *device)
{
	struct address_space *mapping = device->inode->i_mapping;
	unsigned long count = 0;
	struct rb_node *node;

	i_mmap_lock_read(mapping);
	for (node = rb_first_cached(&mapping->i_mmap); node; node = rb_next(node))
		count++;
	i_mmap_unlock_read(mapping);

	return count;
}

static int count_vma_pages(struct vmwalk_device *device, struct vm_area_struct *vma,
			   unsigned long *pages)
{
	struct mapped_visitor mapped = {
		.visitor = { .ptes = count_ptes, .leaf = count_leaf },
		.buffer = &device->buffer,
		.vma = vma,
	};
	unsigned long addr = vma->vm_start;

	while (addr < vma->vm_end) {
		/* This may take long. Whoever withdraws the device waits for it. */
		if (vmwalk_instance_is_dead(device))
			return -ENODEV;
		if (fatal_signal_pending(current))
			return -EINTR;

		mapped.visitor.steps = VMWALK_VISIT_STEPS;
		addr = vmwalk_visit(vma, addr, vma->vm_end, &mapped.visitor);
		cond_resched();
	}

	*pages += mapped.pages;
	return 0;
}

/**
 * vmwalk_map_count_pages - how many pages of a buffer page tables hold now
 * @device: the device
 *
 * Looks at the page tables of every mapping there is. While i_mmap_rwsem is held for reading no VMA
 * comes, goes or changes, and the page tables under each stay: the kernel takes a VMA off this
 * list before it frees them. Processes that map or unmap the device meanwhile wait.
 *
 * Return: the count, exact unless page tables change meanwhile; -EINTR on a fatal signal;
 * -ENODEV if the device is withdrawn meanwhile.
 */
long vmwalk_map_count_pages(struct vmwalk_device *device)
{
	struct address_space *mapping = device->inode->i_mapping;
	unsigned long pages = 0;
	struct rb_node *node;
	int err = 0;

	i_mmap_lock_read(mapping);
	for (node = rb_first_cached(&mapping->i_mmap); node && !err; node = rb_next(node))
		err = count_vma_pages(device, to_vma(node), &pages);
	i_mmap_unlock_read(mapping);

	return err ?: pages;
}
