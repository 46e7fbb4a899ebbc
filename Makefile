# SPDX-License-Identifier: GPL-2.0
#
# Copyright (C) The vmwalk authors

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
KDIR ?= /lib/modules/$(shell uname -r)/build
# The build for this machine. Kernels of the VM are built in build/KERNEL.
OUT ?= build/host
KERNEL ?= 6.12

version := $(file <VERSION)
override OUT := $(abspath $(OUT))
# After "su" without "-", PATH lacks the directories of modprobe and depmod.
export PATH := $(PATH):/usr/sbin:/sbin
vm := tests/vm
# Test four page-table levels on 6.1 and five, if the CPU has them, elsewhere.
check-levels := $(if $(filter 6.1amd64,$(KERNEL)$(or $(ARCH),amd64)),--levels 4)
# Lockdown requires signed modules. Only the debug kernel's key is available.
check-lockdown := $(if $(filter debug,$(KERNEL)),lockdown=confidentiality)
# Python, systemd and udev for the tests in the scripts' VM
check-more := $(if $(filter amd64,$(or $(ARCH),amd64)),--more)
# The kernel and machine of the VM
vm-kernel := --kernel $(KERNEL) $(if $(ARCH),--arch $(ARCH)) $(if $(PAGE),--page $(PAGE)) \
	$(if $(CPU),--cpu $(CPU))
lab-names := $(patsubst userspace/labs/%.sh,%,$(wildcard userspace/labs/*.sh))
build = $(MAKE) -C $(1) O=$(OUT)/$(1) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) LIBDIR=$(LIBDIR)
libexec := $(PREFIX)/libexec/vmwalk
doc := $(PREFIX)/share/doc/vmwalk

all: module userspace

help:
	@echo 'On this machine:'
	@echo '  make                build the module for KDIR, and userspace'
	@echo '  make userspace      build userspace only; needs no kernel headers'
	@echo '  make install        install the module and userspace'
	@echo '  make uninstall      remove what make install has installed'
	@echo '  make install-dkms   install the sources of the module for DKMS'
	@echo '  make load           load the built module into the running kernel'
	@echo
	@echo 'In a throw-away VM:'
	@echo '  make demo           create an instance and walk a process'
	@echo '  make check          test the driver, the library and the commands'
	@echo '  make check-more     test the labs, and vmwalk with systemd, Python, fio and perf'
	@echo '  make check-programs compare vmwalk with the kernel on PostgreSQL and Node.js'
	@echo '  make check-matrix   test all kernels and architectures'
	@echo '  make check-debug    run the driver tests on a kernel with KASAN, lockdep, kmemleak'
	@echo '  make bench          compare the cost of vmwalk and of kernel interfaces'
	@echo '  make labs           run all labs'
	@echo '  make lab LAB=NAME   run a lab and, on a terminal, start a shell. Labs:'
	@echo '                      $(wordlist 1,5,$(lab-names))'
	@echo '                      $(wordlist 6,8,$(lab-names))'
	@echo '                      $(wordlist 9,99,$(lab-names))'
	@echo
	@echo 'For packagers: see packaging/README.md'
	@echo '  make dist           write the source archive'
	@echo '  make deb            build Debian packages; SUITE is trixie or bookworm (now both)'
	@echo '  make kernel-patch   write patches that add the driver to Linux 6.12, or to TREE'
	@echo '  make check-packages test the packages: install, upgrade, purge'
	@echo '  make tag            tag the last commit with the version'
	@echo
	@echo 'For developers:'
	@echo '  make unit           run the unit tests of drv/; needs gcc and cmocka, no VM'
	@echo '  make lint           check style and correctness; silent on success'
	@echo '  make format         format userspace/ with clang-format'
	@echo '  make kerneldoc      render the kernel-doc comments to build/kernel-doc'
	@echo '  make clean          remove the build directory'
	@echo
	@echo 'Variables:'
	@echo '  KDIR                kernel headers or build tree'
	@echo '                      (now $(KDIR))'
	@echo '  OUT                 build directory for this machine (now $(OUT))'
	@echo '  DESTDIR, PREFIX     where to install (now $(DESTDIR)$(PREFIX))'
	@echo '  LIBDIR              where to install the library (now $(LIBDIR))'
	@echo '  KERNEL              kernel of the VM: 5.10, 6.1, 6.12, 7.3, debug, or the path of an'
	@echo '                      image (now $(KERNEL))'
	@echo '  ARCH                architecture of the VM: amd64, arm64 or riscv64 (now $(or $(ARCH),amd64))'
	@echo '  PAGE                page size of an arm64 VM: 4k or 16k (now $(or $(PAGE),4k))'
	@echo '  CPU                 CPU of the VM, such as cortex-a57 (now $(or $(CPU),max))'
	@echo '  LEVELS              page-table levels in the VM of a lab: 4 or 5'

# Kbuild puts objects beside the sources. Build a copy, to have one per kernel.
module: check-path
	@mkdir -p $(OUT)/drv
	@cp -ru --preserve=timestamps drv/. $(OUT)/drv
	@$(MAKE) --no-print-directory -C $(OUT)/drv KDIR=$(abspath $(KDIR)) \
		VMWALK_VERSION=$(version) modules

# For the benchmark: the same driver, without the line that counts, and a module
# that maps pages by the kernel's function alone. In a directory of its own, so
# that Kbuild does not rebuild everything each time.
uncounted := $(OUT)/uncounted/drv
module-uncounted:
	@mkdir -p $(uncounted)
	@cp -ru --preserve=timestamps drv/. $(uncounted)
	@! grep -q 'this_cpu_add(' $(uncounted)/stats.h || \
		sed -i '/this_cpu_add(/d' $(uncounted)/stats.h
	@cp -u --preserve=timestamps tests/bench/anchor/vmwalk-anchor.c $(uncounted)
	@grep -q vmwalk-anchor $(uncounted)/Kbuild || echo 'obj-m += vmwalk-anchor.o' >>$(uncounted)/Kbuild
	@$(MAKE) --no-print-directory OUT=$(OUT)/uncounted module

# Kbuild fails if a path has spaces, colons or percent signs; make and the shell
# misread the other characters.
check-path: export path := $(OUT)
check-path:
	@case $$path in *[[:space:]%:\"\#\$$\&\'\(\)*\;\<\>?\[\\\]\`{\|}]*) \
		printf 'vmwalk: cannot build in "%s": %s; %s\n' "$$path" \
			'make and Kbuild do not support spaces, colons and shell characters in a path' \
			'set OUT to another directory, as in make OUT=/var/tmp/vmwalk' >&2; \
		exit 1; \
	esac

userspace: check-path
	$(call build,userspace) all

install: install-userspace $(if $(wildcard $(KDIR)/.),install-module,no-module)

boot-dir := $(DESTDIR)$(PREFIX)/lib
# Without the module, this file would be an error at boot.
install-modules-load = install -D -m 644 packaging/boot/modules-load.conf $(boot-dir)/modules-load.d/vmwalk.conf

# The kernel's own way: strips the module, and signs and compresses it if the
# kernel's configuration says so.
install-module: release = $(file <$(KDIR)/include/config/kernel.release)
install-module: module
	$(MAKE) --no-print-directory -C $(OUT)/drv KDIR=$(abspath $(KDIR)) VMWALK_VERSION=$(version) \
		INSTALL_MOD_PATH=$(abspath $(DESTDIR)) INSTALL_MOD_DIR=updates INSTALL_MOD_STRIP=1 modules_install
	$(install-modules-load)
	@[ -e $(KDIR)/certs/signing_key.pem ] || echo 'vmwalk: skipped signing the module, because' \
		'the key of the kernel is not in $(KDIR)/certs' >&2
	$(call finish,depmod $(release))

no-module: install-userspace
	@echo 'vmwalk: installed without the module, because there are no kernel headers at $(KDIR):' \
		'install linux-headers-$$(uname -r) or set KDIR' >&2

# $(call finish,COMMAND): runs COMMAND, which tells the system of new files, if
# they are in their place and root has installed them.
finish = @if [ "$(DESTDIR)" ]; then echo 'vmwalk: skipped "$(1)", because DESTDIR is set' >&2; \
	elif [ "$$(id -u)" -ne 0 ]; then echo 'vmwalk: skipped "$(1)", which takes root' >&2; \
	else echo '$(1)'; $(1); fi

# In the source tree, vmwalk-common.bash is beside the scripts.
install-userspace: userspace install-docs
	$(call build,userspace) install
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(libexec) $(OUT)/sbin
	for script in $(patsubst configfs-scripts/%,%,$(filter-out %.bash,$(wildcard configfs-scripts/vmwalk-*))); do \
		sed '/^\. /s,/\(vmwalk-common.bash\),/../libexec/vmwalk/\1,' configfs-scripts/$$script >$(OUT)/sbin/$$script && \
		install $(OUT)/sbin/$$script $(DESTDIR)$(PREFIX)/sbin || exit; \
	done
	install -m 644 configfs-scripts/vmwalk-common.bash $(DESTDIR)$(libexec)
	$(call finish,ldconfig)

install-docs:
	install -d $(DESTDIR)$(doc)/LICENSES $(DESTDIR)$(doc)/docs
	install -m 644 *.md LICENSE $(DESTDIR)$(doc)
	install -m 644 LICENSES/* $(DESTDIR)$(doc)/LICENSES
	cp -r --no-preserve=mode,ownership docs/*.md $(wildcard docs/*.json) docs/ABI docs/labs docs/pictures docs/uapi $(DESTDIR)$(doc)/docs

# Installs to another place to find out which files there are to remove.
uninstall: there := $(OUT)/uninstall
uninstall: check-path
	@rm -rf $(there)
	@mkdir -p $(there)
	@$(MAKE) --no-print-directory DESTDIR=$(there) install >$(there).log 2>&1 || { cat $(there).log; exit 1; }
	@cd $(there) && find . ! -type d -printf '%P\n' | while IFS= read -r file; do \
		rm -fv "$(DESTDIR)/$$file"; done
	@cd $(there) && find . -depth -type d \( -path '*/vmwalk*' -o -name updates \) -printf '%P\n' | \
		while IFS= read -r directory; do \
		[ ! -d "$(DESTDIR)/$$directory" ] || rmdir --ignore-fail-on-non-empty "$(DESTDIR)/$$directory"; done
	$(call finish,ldconfig)
	$(if $(wildcard $(KDIR)/.),$(call finish,depmod $(file <$(KDIR)/include/config/kernel.release)))
	@rm -rf $(there) $(there).log

# The sources of the module, as DKMS wants them.
install-dkms: source := /usr/src/vmwalk-$(version)
install-dkms:
	install -d $(DESTDIR)$(source)/arch $(DESTDIR)$(source)/uapi
	install -m 644 drv/K* drv/Makefile drv/*.mk drv/*.h $(filter-out %.mod.c,$(wildcard drv/*.c)) $(DESTDIR)$(source)
	install -m 644 drv/arch/*.h $(DESTDIR)$(source)/arch
	install -m 644 drv/uapi/*.h $(DESTDIR)$(source)/uapi
	sed 's/#MODULE_VERSION#/$(version)/' packaging/dkms.conf >$(DESTDIR)$(source)/dkms.conf
	chmod 644 $(DESTDIR)$(source)/dkms.conf
	$(install-modules-load)

dist:
	@packaging/dist build/dist

deb:
	@packaging/deb $(or $(SUITE),bookworm trixie)

kernel-patch:
	@packaging/kernel-patch $(TREE)

tag:
	@packaging/tag

check-packages:
	@tests/packaging/check $(SUITE)

# These directories are in the search paths of systemd and udev, also below
# /usr/local.
install-userspace: install-boot
install-boot: check-path
	install -D -m 644 packaging/boot/60-vmwalk.rules -t $(boot-dir)/udev/rules.d
	install -D -m 644 packaging/boot/sysusers.conf $(boot-dir)/sysusers.d/vmwalk.conf
	mkdir -p $(OUT) $(boot-dir)/systemd/system
	for unit in vmwalk vmwalk-metrics; do \
		sed 's,@PREFIX@,$(PREFIX),' packaging/boot/$$unit.service.in >$(OUT)/$$unit.service && \
		install -m 644 $(OUT)/$$unit.service $(boot-dir)/systemd/system || exit; \
	done
	install -m 644 packaging/boot/vmwalk-metrics.timer $(boot-dir)/systemd/system

# Only for the VM: the tests, the demo, and the script that runs labs.
install-tests: tests-dir := $(DESTDIR)$(PREFIX)/lib/vmwalk
install-tests: install-userspace
	$(call build,userspace) install-tests
	$(call build,tests/driver) all
	$(call build,tests/driver) install
	$(call build,tests/bench) all
	$(call build,tests/bench) install
	install -d $(tests-dir)/tests/scripts/labs $(tests-dir)/tests/scripts/man
	install -m 644 $(filter-out %/labs %/man,$(wildcard tests/scripts/*)) $(tests-dir)/tests/scripts
	install -m 644 docs/labs/*.md $(tests-dir)/tests/scripts/labs
	install -m 644 docs/man/*.md $(tests-dir)/tests/scripts/man
	install tests/run $(tests-dir)/tests
	install -m 644 tests/kernel-log-errors $(tests-dir)/tests
	install $(vm)/demo $(vm)/lab $(tests-dir)

install-uncounted:
	install -D -m 644 $(OUT)/uncounted/drv/vmwalk.ko \
		$(DESTDIR)$(PREFIX)/lib/vmwalk/bench/vmwalk-uncounted.ko
	install -m 644 $(OUT)/uncounted/drv/vmwalk-anchor.ko \
		$(DESTDIR)$(PREFIX)/lib/vmwalk/bench

load: module
	grep -qw '^configfs' /proc/modules || modprobe configfs || grep -qw configfs /proc/filesystems
	insmod $(OUT)/drv/vmwalk.ko

demo:
	@$(vm)/run $(vm-kernel) -- /usr/lib/vmwalk/demo </dev/null

# The shell after a lab may be used for four hours. LEVELS is 4 or 5, as for
# tests/vm/run --levels.
run-lab = $(vm)/run $(vm-kernel) $(if $(LEVELS),--levels $(LEVELS)) --timeout 14400 -- \
	/usr/lib/vmwalk/lab

lab: $(if $(filter $(lab-names),$(LAB)),,no-lab)
	@$(run-lab) $(LAB)

labs:
	@$(run-lab) $(lab-names) </dev/null

no-lab:
	@echo 'vmwalk: $(if $(LAB),there is no lab $(LAB),set LAB=NAME). Labs:' >&2
	@printf '  %s\n' $(lab-names) >&2
	@false

# Files that need more programs, or run them for long
more-files := boot.bats python.bats real-tools.bats top.bats tracing.bats
# The file that the first VM runs: then both take about as long.
check: first := docs.bats
check:
	@$(vm)/check --command --lockdown '$(check-lockdown)' $(vm-kernel) $(check-levels) --timeout 3600 -- \
		/usr/lib/vmwalk/tests/run --driver $(first) -- /usr/lib/vmwalk/tests/run --scripts \
		$(addprefix --except ,$(first) $(more-files) programs.bats)

check-more:
	@$(vm)/check $(check-more) $(vm-kernel) $(check-levels) --timeout 3600 -- \
		/usr/lib/vmwalk/tests/run --labs -- /usr/lib/vmwalk/tests/run $(more-files)

# These take about as long as all others together.
check-debug: slow := test_failslab test_gup test_mmap_modes test_scale test_translate
check-debug:
	@$(vm)/check --lockdown lockdown=confidentiality --kernel debug --timeout 5400 -- \
		/usr/lib/vmwalk/tests/run --driver $(addprefix --except ,$(slow)) -- \
		/usr/lib/vmwalk/tests/run $(slow)

# The programs are large, and starting them is slow in the VM.
check-programs:
	@$(vm)/run $(vm-kernel) --programs --timeout 3600 -- /usr/lib/vmwalk/tests/run programs.bats

check-matrix:
	@$(vm)/matrix

bench:
	@$(vm)/bench $(vm-kernel)

unit: check-path
	@$(call build,tests/unit) --no-print-directory check

lint:
	@$(vm)/lint

format:
	@$(vm)/setup root:lint
	@$(vm)/root --group lint clang-format -i $(wildcard userspace/*/*.[ch] userspace/*/*/*.[ch])

kerneldoc:
	@$(vm)/setup root:lint
	@$(vm)/root --group lint tests/lint/kernel-doc build/kernel-doc

clean:
	rm -rf build

.PHONY: all help module module-uncounted check-path userspace install install-module no-module \
	install-userspace install-docs install-boot install-dkms uninstall dist deb kernel-patch tag \
	check-packages install-uncounted install-tests load demo lab labs no-lab check check-more \
	check-programs check-matrix check-debug bench unit lint format kerneldoc clean
