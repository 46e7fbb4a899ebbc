# SPDX-License-Identifier: GPL-2.0
#
# Copyright (C) The vmwalk authors

PREFIX ?= /usr/local
KDIR ?= /lib/modules/$(shell uname -r)/build
# Where this machine's own build goes; each kernel of the VM has a folder beside it.
OUT ?= build/host
KERNEL ?= 6.1

version := $(file <VERSION)
override OUT := $(abspath $(OUT))
# After plain su, PATH lacks the folders of modprobe and depmod.
export PATH := $(PATH):/usr/sbin:/sbin
vm := tests/vm
# 6.1 walks four levels and all others five, where the processor has them.
check-levels := $(if $(filter 6.1,$(KERNEL)),--levels 4)
# Only the debug kernel has a key that signs vmwalk, so only this kernel loads it under lockdown.
check-lockdown := $(if $(filter debug,$(KERNEL)),lockdown=confidentiality)
labs-there := $(patsubst userspace/labs/%.sh,%,$(wildcard userspace/labs/*.sh))
build = $(MAKE) -C $(1) O=$(OUT)/$(1) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)

all: module userspace

help:
	@echo 'On this machine:'
	@echo '  make            build the module for KDIR (now $(KDIR)) and userspace'
	@echo '  make userspace  build userspace alone, which needs no kernel headers'
	@echo '  make install    install both, below DESTDIR and PREFIX (now $(PREFIX))'
	@echo '  make load       load the module that was built into the running kernel'
	@echo
	@echo 'In a throw-away VM, with KERNEL=6.1, 6.12, debug or the path of an image (now $(KERNEL)):'
	@echo '  make demo       make an instance, walk a process, show the result'
	@echo '  make check      run all tests'
	@echo '  make check-debug  run the driver tests on a kernel that watches them'
	@echo '  make bench      compare what it costs with what the kernel takes for the same'
	@echo '  make lab LAB=NAME  run a lab; on a terminal a shell follows. docs/labs is about them:'
	@echo '                    $(wordlist 1,5,$(labs-there))'
	@echo '                    $(wordlist 6,99,$(labs-there))'
	@echo '  make labs       run all labs, one after the other'
	@echo
	@echo '  make lint       check style and correctness; silent on success'
	@echo '  make kerneldoc  render the kernel-doc comments of the driver to build/kernel-doc'
	@echo '  make clean      remove what was built'

# Objects of different kernels must not meet, so the driver is built in a copy.
module: check-path
	@mkdir -p $(OUT)/drv
	@cp -ru --preserve=timestamps drv/. $(OUT)/drv
	@$(MAKE) --no-print-directory -C $(OUT)/drv KDIR=$(abspath $(KDIR)) \
		VMWALK_VERSION=$(version) modules

# The benchmark's other side. A folder of its own, since Kbuild would build all anew each time.
module-uncounted:
	@$(MAKE) --no-print-directory OUT=$(OUT)/uncounted KCFLAGS=-DVMWALK_UNCOUNTED=1 module

# Kbuild can't handle spaces, colons and percent signs in a path; make and the shell misread others.
check-path: export path := $(OUT)
check-path:
	@case $$path in *[[:space:]%:\"\#\$$\&\'\(\)*\;\<\>?\[\\\]\`{\|}]*) \
		printf 'vmwalk: cannot build in "%s": %s; %s\n' "$$path" \
			'make and Kbuild can'\''t handle spaces, colons and the like in a path' \
			'set OUT to another folder, as in make OUT=/var/tmp/vmwalk' >&2; \
		exit 1; \
	esac

userspace: check-path
	$(call build,userspace) all

install: install-userspace $(if $(wildcard $(KDIR)/.),install-module,no-module)

install-module: release = $(file <$(KDIR)/include/config/kernel.release)
install-module: module
	install -D -m 644 -t $(DESTDIR)/lib/modules/$(release)/updates $(OUT)/drv/vmwalk.ko
	$(if $(DESTDIR),,depmod $(release))

no-module: install-userspace
	@echo 'vmwalk: installed without the module, since there are no kernel headers at $(KDIR):' \
		'install linux-headers-$$(uname -r) or set KDIR' >&2

install-userspace: userspace
	$(call build,userspace) install
	install -d $(DESTDIR)$(PREFIX)/sbin
	install $(filter-out %.md,$(wildcard configfs-scripts/*)) $(DESTDIR)$(PREFIX)/sbin

# What only the VM has: the tests, the demo and what runs a lab.
install-tests: tests-dir := $(DESTDIR)$(PREFIX)/lib/vmwalk
install-tests: install-userspace
	$(call build,tests/driver) all
	$(call build,tests/driver) install
	$(call build,tests/bench) all
	$(call build,tests/bench) install
	install -d $(tests-dir)/tests/scripts/labs
	install -m 644 $(filter-out %/labs,$(wildcard tests/scripts/*)) $(tests-dir)/tests/scripts
	install -m 644 docs/labs/*.md $(tests-dir)/tests/scripts/labs
	install tests/run $(tests-dir)/tests
	install $(vm)/demo $(vm)/lab $(tests-dir)

install-uncounted:
	install -D -m 644 $(OUT)/uncounted/drv/vmwalk.ko \
		$(DESTDIR)$(PREFIX)/lib/vmwalk/bench/vmwalk-uncounted.ko

load: module
	grep -qw '^configfs' /proc/modules || modprobe configfs || grep -qw configfs /proc/filesystems
	insmod $(OUT)/drv/vmwalk.ko

demo:
	@$(vm)/run --kernel $(KERNEL) -- /usr/lib/vmwalk/demo </dev/null

# Who looks around in a shell has four hours for it. LEVELS is 4 or 5, as tests/vm/run takes it.
run-lab = $(vm)/run --kernel $(KERNEL) $(if $(LEVELS),--levels $(LEVELS)) --timeout 14400 -- \
	/usr/lib/vmwalk/lab

lab: $(if $(filter $(labs-there),$(LAB)),,no-lab)
	@$(run-lab) $(LAB)

labs:
	@$(run-lab) $(labs-there) </dev/null

no-lab:
	@echo 'vmwalk: $(if $(LAB),there is no lab $(LAB),a lab is named by LAB=NAME). Labs:' >&2
	@printf '  %s\n' $(labs-there) >&2
	@false

check:
	@$(vm)/check --command --lockdown '$(check-lockdown)' --kernel $(KERNEL) $(check-levels) \
		--timeout 3600 -- \
		/usr/lib/vmwalk/tests/run --driver --scripts

check-debug:
	@$(vm)/check --lockdown lockdown=confidentiality --kernel debug --timeout 5400 -- \
		/usr/lib/vmwalk/tests/run --driver

bench:
	@$(vm)/bench --kernel $(KERNEL)

lint:
	@$(vm)/lint

kerneldoc:
	@$(vm)/root tests/lint/kernel-doc build/kernel-doc

clean:
	rm -rf build

.PHONY: all help module module-uncounted check-path userspace install install-module no-module \
	install-userspace install-uncounted install-tests load demo lab labs no-lab check \
	check-debug bench lint kerneldoc clean
