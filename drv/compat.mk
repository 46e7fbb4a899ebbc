# SPDX-License-Identifier: GPL-2.0
#
# What differs between kernels is found out by compiling a line against the kernel at hand, not by
# its version: distributions backport. compat.h turns each answer into one interface.

# $(call vmwalk-has,MACRO,SOURCE): -DMACRO if SOURCE, to the letter, compiles in this kernel.
vmwalk-has = $(shell printf '%s\n' '$(pound)include <linux/mm.h>' '$(2)' | \
	$(CC) $(LINUXINCLUDE) $(KBUILD_CPPFLAGS) $(KBUILD_CFLAGS) \
	-DKBUILD_MODNAME='"vmwalk"' -fsyntax-only -x c - >/dev/null 2>&1 && echo -D$(1))

vmwalk-compat-flags := \
	$(call vmwalk-has,VMWALK_HAVE_VM_FLAGS_MOD,void f(struct vm_area_struct *v); void f(struct vm_area_struct *v) { vm_flags_mod(v $(comma) 0 $(comma) 0); })
