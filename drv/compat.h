/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel versions. No other file depends on them. compat.mk
 * probes for each feature and defines VMWALK_HAVE_*.
 *
 * Copyright (C) The vmwalk authors
 */
#ifndef VMWALK_COMPAT_H
#define VMWALK_COMPAT_H

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sysfs.h>
/* linux/swapops.h of older kernels does not include linux/swap.h. */
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/userfaultfd_k.h>
#ifdef VMWALK_HAVE_SOFTLEAF
#include <linux/leafops.h>
#endif
#ifdef VMWALK_HAVE_PFN_T
#include <linux/pfn_t.h>
#else
#define pfn_to_pfn_t(pfn) (pfn)
#endif
#ifdef VMWALK_HAVE_CC_PLATFORM
#include <linux/cc_platform.h>
#else
#include <linux/mem_encrypt.h>
#endif
#ifdef VMWALK_HAVE_EXEC_STATE
#include <linux/sched/exec_state.h>
#endif

#ifndef VMWALK_HAVE_PROBES
#error "vmwalk: the probes of compat.mk fail; run one by hand to see the error"
#endif

/* --- Files and sysfs ------------------------------------------------------ */

/*
 * The inode that user space sees: that of overlayfs, not of the underlying
 * file. Older kernels have no helper for it.
 */
#ifndef VMWALK_HAVE_FILE_USER_INODE
#define file_user_inode(file) file_inode(file)
#endif

/* splice_read for a file without a page cache: copies the data. */
#ifdef VMWALK_HAVE_COPY_SPLICE_READ
#define vmwalk_splice_read copy_splice_read
#else
#define vmwalk_splice_read generic_file_splice_read
#endif

/* Accept O_DIRECT in open(), after f_mapping has been set. */
#ifdef VMWALK_HAVE_CAN_ODIRECT
#define vmwalk_accept_direct_io(file) ((file)->f_mode |= FMODE_CAN_ODIRECT)
#else
static const struct address_space_operations vmwalk_direct_io_ops __maybe_unused = {
	.direct_IO = noop_direct_IO,
};

#define vmwalk_accept_direct_io(file) ((file)->f_mapping->a_ops = &vmwalk_direct_io_ops)
#endif

#ifdef VMWALK_HAVE_CONST_BIN_ATTR
#define vmwalk_bin_attribute const struct bin_attribute
#else
#define vmwalk_bin_attribute struct bin_attribute
#endif

/* --- Rights --------------------------------------------------------------- */

/*
 * May a process of the same user access the memory of a task? @mm: the task's
 * mm, referenced.
 */
static inline bool vmwalk_task_is_dumpable(struct task_struct *task, struct mm_struct *mm)
{
#ifdef VMWALK_HAVE_EXEC_STATE
	struct task_exec_state *state;
	bool dumpable;

	rcu_read_lock();
	state = rcu_dereference(task->exec_state);
	dumpable = state && READ_ONCE(state->dumpable) == TASK_DUMPABLE_OWNER;
	rcu_read_unlock();
	return dumpable;
#else
	return get_dumpable(mm) == SUID_DUMP_USER;
#endif
}

/* Does the opener have CAP_SYS_PTRACE in the task's user namespace? */
static inline bool vmwalk_may_ptrace(const struct file *file, struct task_struct *task,
				     struct mm_struct *mm)
{
#ifdef VMWALK_HAVE_EXEC_STATE
	struct task_exec_state *state;
	bool may;

	rcu_read_lock();
	state = rcu_dereference(task->exec_state);
	may = state && file_ns_capable(file, state->user_ns, CAP_SYS_PTRACE);
	rcu_read_unlock();
	return may;
#else
	return file_ns_capable(file, mm->user_ns, CAP_SYS_PTRACE);
#endif
}

/* --- VMAs ----------------------------------------------------------------- */

#ifndef VMWALK_HAVE_VM_FLAGS_MOD
static inline void vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set, vm_flags_t clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

#ifndef VMWALK_HAVE_VMA_LOOKUP
static inline struct vm_area_struct *vma_lookup(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	return vma && vma->vm_start <= addr ? vma : NULL;
}
#endif

/*
 * Iterator over the VMAs of a range. vmwalk_vma_next() returns the next VMA
 * that overlaps the range, or NULL. The caller holds mmap_lock from
 * vmwalk_vma_iter_init() on.
 */
struct vmwalk_vma_iter {
#ifdef VMWALK_HAVE_VMA_ITERATOR
	struct vma_iterator vmi;
#else
	struct vm_area_struct *next;
#endif
	unsigned long end;
};

static inline void vmwalk_vma_iter_init(struct vmwalk_vma_iter *iter, struct mm_struct *mm,
					unsigned long addr, unsigned long end)
{
#ifdef VMWALK_HAVE_VMA_ITERATOR
	vma_iter_init(&iter->vmi, mm, addr);
#else
	iter->next = find_vma(mm, addr);
#endif
	iter->end = end;
}

static inline struct vm_area_struct *vmwalk_vma_next(struct vmwalk_vma_iter *iter)
{
#ifdef VMWALK_HAVE_VMA_ITERATOR
	return vma_find(&iter->vmi, iter->end);
#else
	struct vm_area_struct *vma = iter->next;

	if (!vma || vma->vm_start >= iter->end)
		return NULL;
	iter->next = vma->vm_next;
	return vma;
#endif
}

/*
 * Keep the VMAs and page tables of an mm until vmwalk_mm_release(). The caller
 * holds mmap_lock for reading. Fails if no process uses the mm any more. Before
 * Linux 5.17, exit_mmap() frees them without mmap_lock, so mm_users is needed:
 * the last process then exits without freeing its memory, which a worker frees.
 * Some newer kernels without struct vma_iterator do not need this.
 */
static inline bool vmwalk_mm_keep(struct mm_struct *mm)
{
#ifdef VMWALK_HAVE_VMA_ITERATOR
	return atomic_read(&mm->mm_users);
#else
	return mmget_not_zero(mm);
#endif
}

/* mmap_lock is not held. */
static inline void vmwalk_mm_release(struct mm_struct *mm)
{
#ifndef VMWALK_HAVE_VMA_ITERATOR
	mmput_async(mm);
#endif
}

/* Is this a private mapping that may be written to? */
static inline bool vmwalk_vma_is_cow(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
}

/* Choose an address for a mapping, as the core does by default. */
static inline unsigned long vmwalk_unmapped_area(struct file *file, unsigned long addr,
						 unsigned long len, unsigned long pgoff,
						 unsigned long flags)
{
#if defined(VMWALK_HAVE_UNMAPPED_AREA_FILE)
	return mm_get_unmapped_area(file, addr, len, pgoff, flags);
#elif defined(VMWALK_HAVE_UNMAPPED_AREA_MM)
	return mm_get_unmapped_area(current->mm, file, addr, len, pgoff, flags);
#else
	return current->mm->get_unmapped_area(file, addr, len, pgoff, flags);
#endif
}

/*
 * Choose an address whose alignment allows PMD mappings. Before Linux 5.18,
 * thp_get_unmapped_area() does so for DAX files only.
 */
static inline unsigned long vmwalk_unmapped_pmd_area(struct file *file, unsigned long addr,
						     unsigned long len, unsigned long pgoff,
						     unsigned long flags)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	unsigned long padded, ret = thp_get_unmapped_area(file, addr, len, pgoff, flags);

	if (IS_ERR_VALUE(ret) || addr || flags & MAP_FIXED || len < PMD_SIZE ||
	    IS_ALIGNED(ret - (pgoff << PAGE_SHIFT), PMD_SIZE))
		return ret;

	padded = vmwalk_unmapped_area(file, addr, len + PMD_SIZE, pgoff, flags);
	if (IS_ERR_VALUE(padded))
		return ret;
	return padded + (((pgoff << PAGE_SHIFT) - padded) & ~PMD_MASK);
#else
	return vmwalk_unmapped_area(file, addr, len, pgoff, flags);
#endif
}

/*
 * Does mprotect() call the driver before it changes entries? VMWALK_MPROTECT()
 * initializes the member of struct vm_operations_struct.
 */
#ifdef VMWALK_HAVE_VM_MPROTECT
#define VMWALK_CALLS_MPROTECT	true
#define VMWALK_MPROTECT(op)	.mprotect = (op)
#else
#define VMWALK_CALLS_MPROTECT	false
#define VMWALK_MPROTECT(...)
#endif

/* --- Faults --------------------------------------------------------------- */

/* Install a PMD entry at vmf->pmd, unless one exists. */
static inline vm_fault_t vmwalk_insert_pfn_pmd(struct vm_fault *vmf, unsigned long pfn)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	return vmf_insert_pfn_pmd(vmf, pfn_to_pfn_t(pfn), false);
#else
	return VM_FAULT_FALLBACK;
#endif
}

/*
 * Older kernels call huge_fault before they allocate a page table only for DAX
 * files. The core then treats all PMD entries of the file as entries without
 * references, so use this for PFN mappings only.
 */
static inline void vmwalk_call_huge_fault_early(struct inode *inode)
{
#ifdef VMWALK_HAVE_PAGE_ENTRY_SIZE
	inode->i_flags |= S_DAX;
#endif
}

/* The size argument of huge_fault. */
#ifdef VMWALK_HAVE_PAGE_ENTRY_SIZE
#define vmwalk_fault_size	enum page_entry_size
#define VMWALK_FAULT_PMD	PE_SIZE_PMD
#else
#define vmwalk_fault_size	unsigned int
#define VMWALK_FAULT_PMD	(PMD_SHIFT - PAGE_SHIFT)
#endif

/* The return value of map_pages. */
#ifdef VMWALK_HAVE_MAP_PAGES_RETURN
#define vmwalk_map_pages_t	vm_fault_t
#define VMWALK_MAPPED_NONE	0
#else
#define vmwalk_map_pages_t	void
#define VMWALK_MAPPED_NONE
#endif

/*
 * Can the core install PMD entries that hold references to a driver's pages? It
 * maps folios of the page cache in this way, even if they are not from a file
 * system. Older kernels map a page at a time from the page cache.
 */
#if defined(CONFIG_TRANSPARENT_HUGEPAGE) && defined(VMWALK_HAVE_FOLIO) && \
	defined(VMWALK_HAVE_MAP_PAGES_RETURN)
#define VMWALK_MAPS_FOLIOS	true
#define vmwalk_filemap_map_pages filemap_map_pages
#else
#define VMWALK_MAPS_FOLIOS	false
static inline vm_fault_t vmwalk_filemap_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	return VM_FAULT_SIGBUS;
}
#endif

#ifdef VMWALK_HAVE_ZAP_VMA_PTES
#define vmwalk_zap_pfns		zap_vma_ptes
#else
#define vmwalk_zap_pfns		zap_special_vma_range
#endif

/* --- Pages ---------------------------------------------------------------- */

/* Can the driver change the memory type of pages in the direct map? */
#ifdef VMWALK_HAVE_CACHE_MODES
#define VMWALK_CHANGES_CACHE_MODES	true
#else
#define VMWALK_CHANGES_CACHE_MODES	false
static inline int vmwalk_set_pages_array(struct page **pages, int count)
{
	return -EOPNOTSUPP;
}

#define set_pages_array_wb vmwalk_set_pages_array
#define set_pages_array_wc vmwalk_set_pages_array
#define set_pages_array_uc vmwalk_set_pages_array
#endif

#ifndef VMWALK_HAVE_KMAP_LOCAL
#define kmap_local_page(page)	page_address(page)
#define kunmap_local(addr)	((void)(addr))
#endif

/* Set the address space of a compound page, and its index in the page cache. */
static inline void vmwalk_set_page_mapping(struct page *head, struct address_space *mapping,
					   pgoff_t index)
{
#ifdef VMWALK_HAVE_FOLIO
	page_folio(head)->index = index;
	page_folio(head)->mapping = mapping;
#else
	head->index = index;
	head->mapping = mapping;
#endif
}

static inline int vmwalk_lock_page_killable(struct page *page)
{
#ifdef VMWALK_HAVE_FOLIO
	return folio_lock_killable(page_folio(page));
#else
	return lock_page_killable(page);
#endif
}

/* Older kernels count only the free pages of CMA areas. */
#ifndef VMWALK_HAVE_ZONE_CMA_PAGES
#define zone_cma_pages(zone)	zone_page_state(zone, NR_FREE_CMA_PAGES)
#endif

static inline unsigned long vmwalk_zero_pfn(void)
{
#ifdef VMWALK_HAVE_ZERO_PFN
	return zero_pfn(0);
#else
	return my_zero_pfn(0);
#endif
}

/* Memory encryption. Older kernels do not tell host and guest apart. */
#ifdef VMWALK_HAVE_CC_PLATFORM
#define vmwalk_guest_is_encrypted()	cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT)
#define vmwalk_host_is_encrypted()	cc_platform_has(CC_ATTR_HOST_MEM_ENCRYPT)
#else
#define vmwalk_guest_is_encrypted()	mem_encrypt_active()
#define vmwalk_host_is_encrypted()	mem_encrypt_active()
#endif

/* --- Page-table entries --------------------------------------------------- */

/* PTEs that are neither empty nor present. */
#ifdef VMWALK_HAVE_SOFTLEAF
#define vmwalk_pte_is_migration(pte)	softleaf_is_migration(softleaf_from_pte(pte))
#define vmwalk_pte_is_marker(pte)	softleaf_is_marker(softleaf_from_pte(pte))
#else
#define vmwalk_pte_is_migration(pte)	is_migration_entry(pte_to_swp_entry(pte))
#ifdef VMWALK_HAVE_PTE_MARKER
#define vmwalk_pte_is_marker(pte)	is_pte_marker_entry(pte_to_swp_entry(pte))
#else
static inline bool vmwalk_pte_is_marker(pte_t pte)
{
	return false;
}
#endif
#endif

/*
 * What pagemap reports of a PTE that is neither empty nor present: its entry;
 * whether the entry has the PFN of a page, as that of a migration has; the PFN;
 * and whether it guards a range (MADV_GUARD_INSTALL).
 */
#if defined(VMWALK_HAVE_SOFTLEAF)
#define vmwalk_swp_entry(pte)		softleaf_from_pte(pte)
#define vmwalk_swp_has_pfn(entry)	softleaf_has_pfn(entry)
#define vmwalk_swp_pfn(entry)		softleaf_to_pfn(entry)
#define vmwalk_swp_is_guard(entry)	softleaf_is_guard_marker(entry)
#else
#define vmwalk_swp_entry(pte)		pte_to_swp_entry(pte)
static inline bool vmwalk_swp_is_guard(swp_entry_t entry)
{
	return false;
}

#ifdef VMWALK_HAVE_SWP_OFFSET_PFN
#define vmwalk_swp_has_pfn(entry)	is_pfn_swap_entry(entry)
#define vmwalk_swp_pfn(entry)		swp_offset_pfn(entry)
#else
static inline bool vmwalk_swp_has_pfn(swp_entry_t entry)
{
	return is_migration_entry(entry) || is_device_private_entry(entry);
}

#define vmwalk_swp_pfn(entry)		swp_offset(entry)
#endif
#endif

/*
 * Write protection by userfaultfd, for present PTEs and for others. Newer
 * kernels use the same bit for other protections: check the VMA, too.
 */
#if defined(VMWALK_HAVE_PTE_UFFD)
#define vmwalk_pte_uffd_wp(pte)		pte_uffd(pte)
#define vmwalk_swp_uffd_wp(pte)		(pte_swp_uffd(pte) || pte_swp_uffd_any(pte))
#else
#define vmwalk_pte_uffd_wp(pte)		pte_uffd_wp(pte)
#ifdef VMWALK_HAVE_PTE_MARKER
#define vmwalk_swp_uffd_wp(pte)		(pte_swp_uffd_wp(pte) || pte_swp_uffd_wp_any(pte))
#else
#define vmwalk_swp_uffd_wp(pte)		pte_swp_uffd_wp(pte)
#endif
#endif

static inline bool vmwalk_vma_uffd_wp(struct vm_area_struct *vma)
{
#ifdef VMWALK_HAVE_PTE_UFFD
	return !vma || userfaultfd_wp(vma);
#else
	return true;
#endif
}

/* Does disabling interrupts keep the current mm's page tables allocated? */
#define VMWALK_IRQS_OFF_KEEP_TABLES \
	(IS_ENABLED(CONFIG_HAVE_GUP_FAST) || IS_ENABLED(CONFIG_HAVE_FAST_GUP))

#endif /* VMWALK_COMPAT_H */
