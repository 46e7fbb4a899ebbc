# SPDX-License-Identifier: GPL-2.0
#
# Probes for features by compiling a line against the kernel's headers. The
# kernel's version does not tell: distributions backport features. compat.h uses
# the results.

# $(call vmwalk-has,MACRO,HEADER,SOURCE): -DMACRO if SOURCE compiles
vmwalk-has = $(shell printf '%s\n' '$(pound)include <linux/$(2)>' '$(3)' | \
	$(CC) $(LINUXINCLUDE) $(KBUILD_CPPFLAGS) $(KBUILD_CFLAGS) \
	-DKBUILD_MODNAME='"vmwalk"' -fsyntax-only -x c - >/dev/null 2>&1 && echo -D$(1))

vmwalk-compat-flags := \
	$(call vmwalk-has,VMWALK_HAVE_VM_FLAGS_MOD,mm.h,void *f = vm_flags_mod;) \
	$(call vmwalk-has,VMWALK_HAVE_FILE_USER_INODE,fs.h,void *f = file_user_inode;) \
	$(call vmwalk-has,VMWALK_HAVE_COPY_SPLICE_READ,fs.h,void *f = copy_splice_read;) \
	$(call vmwalk-has,VMWALK_HAVE_PFN_T,pfn_t.h,pfn_t f;) \
	$(call vmwalk-has,VMWALK_HAVE_PAGE_ENTRY_SIZE,mm.h,enum page_entry_size f = PE_SIZE_PMD;) \
	$(call vmwalk-has,VMWALK_HAVE_MM_GET_UNMAPPED_AREA,sched/mm.h,void *f = mm_get_unmapped_area;) \
