# SPDX-License-Identifier: GPL-2.0
#
# Probes for each feature by compiling a line against the kernel's headers. The
# version of a kernel does not tell which features it has, since distributions
# backport them. compat.h uses the results. Probe signatures, not names: a
# function may keep its name and change its arguments.

# $(call vmwalk-has,MACRO,HEADERS,SOURCE): prints -DMACRO if SOURCE compiles.
# Of the warnings, only those about types and undeclared functions count. Four
# probes run at the same time: more would need too much memory, since each
# compiler takes 100 MB.
comma := ,
vmwalk-has = { printf '%s\n' $(foreach header,$(2),'$(pound)include <linux/$(header)>') '$(3)' | \
	$(CC) $(LINUXINCLUDE) $(KBUILD_CPPFLAGS) $(KBUILD_CFLAGS) \
	-DKBUILD_MODNAME='"vmwalk"' -Wno-error -Werror=implicit-function-declaration \
	-Werror=incompatible-pointer-types -Werror=int-conversion -fsyntax-only -x c - \
	>/dev/null 2>&1 && echo -D$(1); } &

vmwalk-swap-headers := mm.h swap.h swapops.h userfaultfd_k.h

# VMWALK_HAVE_PROBES: compiles on every kernel. compat.h requires it.
vmwalk-compat-flags := $(sort $(shell \
	$(call vmwalk-has,VMWALK_HAVE_PROBES,$(vmwalk-swap-headers) highmem.h sysfs.h,int f = PAGE_SIZE;) \
	$(call vmwalk-has,VMWALK_HAVE_CACHE_MODES,mm.h set_memory.h,int (*f)(struct page **$(comma) int) = set_pages_array_wc;) \
	$(call vmwalk-has,VMWALK_HAVE_CAN_ODIRECT,fs.h,fmode_t f = FMODE_CAN_ODIRECT;) \
	$(call vmwalk-has,VMWALK_HAVE_CC_PLATFORM,cc_platform.h,int f = CC_ATTR_GUEST_MEM_ENCRYPT;) \
	wait; \
	$(call vmwalk-has,VMWALK_HAVE_CONST_BIN_ATTR,sysfs.h,const struct bin_attribute *const *f; void g(struct attribute_group *a) { a->bin_attrs = f; }) \
	$(call vmwalk-has,VMWALK_HAVE_COPY_SPLICE_READ,fs.h,ssize_t (*f)(struct file *$(comma) loff_t *$(comma) struct pipe_inode_info *$(comma) size_t$(comma) unsigned int) = copy_splice_read;) \
	$(call vmwalk-has,VMWALK_HAVE_EXEC_STATE,sched.h sched/exec_state.h,struct user_namespace *f(struct task_struct *t) { return rcu_dereference(t->exec_state)->user_ns; }) \
	$(call vmwalk-has,VMWALK_HAVE_FILE_USER_INODE,fs.h,const struct inode *f(const struct file *x) { return file_user_inode(x); }) \
	wait; \
	$(call vmwalk-has,VMWALK_HAVE_FOLIO,pagemap.h,int (*f)(struct folio *) = folio_lock_killable;) \
	$(call vmwalk-has,VMWALK_HAVE_KMAP_LOCAL,highmem.h,void *f(struct page *p) { return kmap_local_page(p); }) \
	$(call vmwalk-has,VMWALK_HAVE_MAP_PAGES_RETURN,mm.h,vm_fault_t f(struct vm_operations_struct *o) { return o->map_pages(NULL$(comma) 0$(comma) 0); }) \
	$(call vmwalk-has,VMWALK_HAVE_PAGE_ENTRY_SIZE,mm.h,enum page_entry_size f = PE_SIZE_PMD;) \
	wait; \
	$(call vmwalk-has,VMWALK_HAVE_PFN_T,pfn_t.h,pfn_t f;) \
	$(call vmwalk-has,VMWALK_HAVE_PTE_MARKER,$(vmwalk-swap-headers),bool f(swp_entry_t e) { return is_pte_marker_entry(e); }) \
	$(call vmwalk-has,VMWALK_HAVE_PTE_UFFD,$(vmwalk-swap-headers),int f(pte_t p) { return pte_uffd(p); }) \
	$(call vmwalk-has,VMWALK_HAVE_SET_PTES,mm.h,void f(pte_t *p) { set_ptes(NULL$(comma) 0$(comma) p$(comma) *p$(comma) 1); }) \
	wait; \
	$(call vmwalk-has,VMWALK_HAVE_SOFTLEAF,$(vmwalk-swap-headers) leafops.h,bool f(softleaf_t e) { return softleaf_is_marker(e); }) \
	$(call vmwalk-has,VMWALK_HAVE_SWP_OFFSET_PFN,$(vmwalk-swap-headers),unsigned long f(swp_entry_t e) { return swp_offset_pfn(e); }) \
	$(call vmwalk-has,VMWALK_HAVE_UNMAPPED_AREA_FILE,sched/mm.h,unsigned long (*f)(struct file *$(comma) unsigned long$(comma) unsigned long$(comma) unsigned long$(comma) unsigned long) = mm_get_unmapped_area;) \
	$(call vmwalk-has,VMWALK_HAVE_UNMAPPED_AREA_MM,sched/mm.h,unsigned long (*f)(struct mm_struct *$(comma) struct file *$(comma) unsigned long$(comma) unsigned long$(comma) unsigned long$(comma) unsigned long) = mm_get_unmapped_area;) \
	wait; \
	$(call vmwalk-has,VMWALK_HAVE_VM_FLAGS_MOD,mm.h,void (*f)(struct vm_area_struct *$(comma) vm_flags_t$(comma) vm_flags_t) = vm_flags_mod;) \
	$(call vmwalk-has,VMWALK_HAVE_VM_MPROTECT,mm.h,int f(struct vm_operations_struct *o$(comma) unsigned long a) { return o->mprotect(NULL$(comma) a$(comma) a$(comma) a); }) \
	$(call vmwalk-has,VMWALK_HAVE_VMA_ITERATOR,mm.h,void f(struct vma_iterator *i$(comma) struct mm_struct *m) { vma_iter_init(i$(comma) m$(comma) 0); }) \
	$(call vmwalk-has,VMWALK_HAVE_VMA_LOOKUP,mm.h,struct vm_area_struct *(*f)(struct mm_struct *$(comma) unsigned long) = vma_lookup;) \
	wait; \
	$(call vmwalk-has,VMWALK_HAVE_ZAP_VMA_PTES,mm.h,void (*f)(struct vm_area_struct *$(comma) unsigned long$(comma) unsigned long) = zap_vma_ptes;) \
	$(call vmwalk-has,VMWALK_HAVE_ZERO_PFN,mm.h pgtable.h,unsigned long f(void) { return zero_pfn(0); }) \
	$(call vmwalk-has,VMWALK_HAVE_ZONE_CMA_PAGES,mmzone.h,unsigned long f(struct zone *z) { return zone_cma_pages(z); }) \
	wait))
