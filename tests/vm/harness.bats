#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Tests of the Makefiles, tests/run, tests/vm and .ci/run, without a VM. Each
# test has a copy of the tree in which stubs replace slow programs.
#
# Copyright (C) The vmwalk authors
#
# shellcheck disable=SC2016 # quoted expansions are for stubs and Makefiles
# shellcheck disable=SC2154 # run sets stderr

bats_require_minimum_version 1.5.0

SOURCE=$(realpath "$BATS_TEST_DIRNAME/../..")
# A directory name with all characters that a shell, make or QEMU could misread.
ODD="it's, a \"tree\": 100% \$HOME \`id\` #1; (x)"

setup()
{
	unset ARCH CDPATH CPU KDIR KERNEL LAB LEVELS MAKEFLAGS OUT PAGE VMWALK_CACHE XDG_CACHE_HOME
	export TMP=$BATS_TEST_TMPDIR
	export HOME=$TMP/home
	PATH=$TMP/bin:$PATH
	mkdir -p "$HOME" "$TMP/bin" "$TMP/kernel-1"
	: >"$TMP/kernel-1/image"
	make_tree "$TMP/tree"
}

# stub FILE: creates the bash script FILE from standard input.
stub()
{
	{ echo '#!/bin/bash'; cat; } >"$1"
	chmod +x "$1"
}

# make_tree DIRECTORY: copies the files under test to DIRECTORY and changes to
# it. The stub of tests/vm/root runs commands in DIRECTORY, except make: it
# appends these to make.log.
make_tree()
{
	mkdir -p "$1"/{userspace,configfs-scripts,tests}
	cp -r "$SOURCE"/{.ci,Makefile,VERSION,drv} "$1"
	cp -r "$SOURCE"/tests/{lint,run,vm} "$1/tests"
	cp -r "$SOURCE/packaging" "$1"
	cd "$1" || return

	stub tests/vm/setup </dev/null
	stub tests/vm/pack <<<': >"$1/initramfs"'
	stub tests/lint/features </dev/null
	stub tests/vm/kernel <<<'[[ $1 == --suite ]] && echo trixie || echo "$TMP/kernel-1"'
	stub tests/vm/guest <<<'echo "$TMP/guest-1"'
	stub tests/vm/root <<-'END'
		while [[ ${1-} == --* ]]; do shift 2; done
		(($#)) || { echo "$TMP/root"; exit; }
		cd "$(realpath "${0%/*}/../..")" || exit
		[[ " $* " != *' make '* ]] || { echo "$*" >>"$TMP/make.log"; exit 0; }
		exec "${@/#\/src/$PWD}"
	END
	printf 'all install:\n\t@echo userspace: $@\n' >userspace/Makefile
	: >configfs-scripts/vmwalk-create
	: >configfs-scripts/vmwalk-common.bash
	mkdir -p LICENSES docs/{ABI,labs,pictures,uapi}
	touch README.md LICENSE LICENSES/GPL-2.0 docs/guide.md
}

# Creates a QEMU whose guest exits with status 0 at once. Prints the terminal
# settings of the command, and options that contain the tree's path.
stub_qemu()
{
	stub "$TMP/bin/qemu-system-x86_64" <<-'END'
		for argument; do
			case $last in
			-initrd)	grep -aoE '(export|stty) .*' "$argument" ;;
			*)		[[ $argument != *"$PWD"* ]] || echo "an option has the path: $argument" ;;
			esac
			[[ $argument != file,id=*,path=* ]] || echo 0 >"${argument#*path=}"
			last=$argument
		done
	END
}

# Creates a kernel tree for KDIR. Its Makefile creates an empty module and
# prints PATH.
make_kernel()
{
	mkdir -p "$TMP/kernel/include/config"
	echo 6.99-test >"$TMP/kernel/include/config/kernel.release"
	printf '%s\n' 'modules:' $'\t@echo "PATH=$$PATH"' $'\t@: >$(M)/vmwalk.ko' \
		'modules_install:' $'\t@echo "strip: $(INSTALL_MOD_STRIP)"' \
		$'\t@install -D -t $(INSTALL_MOD_PATH)/lib/modules/6.99-test/$(INSTALL_MOD_DIR) $(M)/vmwalk.ko' \
		>"$TMP/kernel/Makefile"
}

# output_has TEXT: fails unless the output of the last run contains TEXT.
output_has()
{
	[[ $output == *"$1"* ]] || { printf 'no "%s" in:\n%s\n' "$1" "$output"; return 1; }
}

# Prints the directories that lib.bash sets.
print_directories()
{
	bash -c '. tests/vm/lib.bash && echo "$vm $tree $cache"'
}

# --- tests/vm -----------------------------------------------------------------

@test "run: the command gets the terminal's type and size" {
	stub_qemu
	run -0 script -qec 'stty rows 33 cols 101; TERM=xterm tests/vm/run bash' /dev/null
	output_has 'export TERM=xterm'
	output_has 'stty rows 33 cols 101'
}

@test "run: without a terminal, the command gets none" {
	stub_qemu
	run -0 tests/vm/run true
	[[ $output != *export* ]]
}

@test "run: ends if QEMU exits before it opens its files" {
	stub "$TMP/bin/qemu-system-x86_64" <<<'exit 3'
	run -125 timeout 60 tests/vm/run true
	output_has 'QEMU ended with status 3'
}

@test "run: prints what QEMU writes before it exits" {
	stub "$TMP/bin/qemu-system-x86_64" <<-'END'
		echo output >out
		echo error >err
		echo 7 >status
	END
	run -7 --separate-stderr timeout 60 tests/vm/run --accel tcg true
	[[ $output == output && $stderr == *error* ]]
}

@test "run: starts the guest again if it hangs before it runs the command" {
	stub "$TMP/bin/sleep" <<<''
	stub "$TMP/bin/qemu-system-x86_64" <<-'END'
		echo start >>"$TMP/starts"
		[[ $(wc -l <"$TMP/starts") == 2 ]] || exec tail -f /dev/null
		echo 7 >status
	END
	run -7 timeout 60 tests/vm/run --accel tcg true
	output_has 'starting it again'
	[[ $(wc -l <"$TMP/starts") == 2 ]]
}

@test "run: waits for a command that has started" {
	stub "$TMP/bin/sleep" <<<''
	stub "$TMP/bin/qemu-system-x86_64" <<-'END'
		echo start >>"$TMP/starts"
		echo 'vmwalk: running the command' >console
		for ((i = 0; i < 100000; i++)); do :; done
		echo 7 >status
	END
	run -7 timeout 60 tests/vm/run --accel tcg true
	[[ $(wc -l <"$TMP/starts") == 1 ]]
}

@test "run, make demo: the tree's path may have any characters" {
	stub_qemu
	make_tree "$TMP/$ODD"
	run -0 make demo
	[[ $output != *'an option has'* ]]
}

@test "run: rejects values that the architecture does not have" {
	for options in '--arch ppc64' '--page 16k' '--arch riscv64 --page 16k' '--levels 3' \
		'--arch riscv64 --levels 6' '--arch arm64 --levels 4' '--arch arm64 --kernel debug' \
		'--arch arm64 --accel kvm'; do
		# shellcheck disable=SC2086 # several words
		run -125 tests/vm/run $options true
		output_has 'must be' || output_has "can't be set" || output_has requires
	done
}

@test "run: builds with the compilers of the architecture" {
	stub_qemu
	ln -s qemu-system-x86_64 "$TMP/bin/qemu-system-aarch64"
	run -0 tests/vm/run --arch arm64 --page 16k true
	output=$(<"$TMP/make.log")
	output_has 'OUT=build/6.12-arm64-16k ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- '
	output_has 'CC=aarch64-linux-gnu-gcc --sysroot=/cache/guest-1 '
}

@test "run: fails if the driver does not find a feature of the kernel" {
	stub tests/lint/features <<<'echo "no $*" >&2; exit 1'
	run -125 tests/vm/run --kernel 6.1 true
	output_has "no 6.1 amd64 $PWD/build/6.1/drv"
}

# Creates stubs of the scripts that tests/vm/setup calls. Each part is missing
# until setup has created it.
stub_parts()
{
	cp "$SOURCE/tests/vm/setup" tests/vm/setup
	stub "$TMP/bin/mmdebstrap" </dev/null
	stub "$TMP/bin/newuidmap" </dev/null
	for part in root guest debug-kernel; do
		stub "tests/vm/$part" <<-'END'
			part=$TMP/made-${0##*/}-${*/#--missing/}
			part=${part// /}
			[[ $1 == --missing ]] || { echo "messages of ${0##*/}"; : >"$part"; exit; }
			[[ ! -f $part ]]
		END
	done
}

@test "setup: prints a line for each missing part, and nothing else" {
	stub_parts
	run -0 tests/vm/setup root: guest:arm64 kernel:debug:amd64
	[[ ${#lines[@]} == 4 ]]
	[[ ${lines[0]} == 'vmwalk: creating the Debian trixie root, about '*' min (step 1 of 4)' ]]
	[[ ${lines[3]} == 'vmwalk: building the debug kernel, about '*' min (step 4 of 4)' ]]
	run -0 tests/vm/setup root: guest:arm64 kernel:debug:amd64
	[[ ! $output ]]
}

@test "setup: shows the end of the log if a part fails" {
	stub_parts
	stub tests/vm/guest <<<'[[ $1 == --missing ]] || { seq 100; exit 7; }'
	run -125 tests/vm/setup guest:arm64
	[[ ${lines[-1]} == 100 && ${lines[-20]} == 81 ]]
	output_has ' failed; the end of '
}

# Creates a stub of tests/vm/run for tests/vm/matrix. Two rows fail; in one of
# them the guest stops early.
stub_rows()
{
	stub tests/vm/run <<-'END'
		echo "$*" >>"$TMP/rows"
		case $* in
		*5.10*amd64*)	echo 'the guest stopped'; exit 125 ;;
		*riscv64*3*)	echo '3 passed, 2 failed, 1 skipped'; exit 1 ;;
		*)		echo '10 passed, 0 failed, 1 skipped' ;;
		esac
	END
}

@test "matrix: prints a row for each kernel and machine, and the sums" {
	stub_rows
	run -1 tests/vm/matrix
	[[ $(wc -l <"$TMP/rows") == 14 ]]
	grep -q -- '--kernel 6.12 --arch arm64 --page 4k --cpu cortex-a57 .*/tests/run --driver' "$TMP/rows"
	grep -q -- '--kernel 7.3 --arch arm64 --page 16k .*/tests/run --smoke' "$TMP/rows"
	[[ $output =~ 7.3\ +arm64\ +16k\ +smoke\ +10\ +0\ +1\ +[0-9]+ ]]
	output_has '5.10 failed with status 125; the end of '
	output_has '    the guest stopped'
	[[ ${lines[-1]} == '123 passed, 3 failed, 13 skipped' ]]
}

@test "matrix: --smoke runs the smoke test, --except leaves out a row" {
	stub_rows
	run -0 tests/vm/matrix --smoke --except 5.10 --except 6.12 --except 6.12-riscv64-sv39
	[[ $(wc -l <"$TMP/rows") == 11 ]]
	[[ $(<"$TMP/rows") != *--driver* ]]
	[[ ${lines[-1]} == '110 passed, 0 failed, 11 skipped' ]]
}

@test "root: does not evaluate the cache's path when it unmounts the root" {
	cp "$SOURCE/tests/vm/root" tests/vm/root
	stub "$TMP/bin/sha256sum" <<<'cat >/dev/null; echo 0123456789ab'
	stub "$TMP/bin/mountpoint" <<<'exit 1'
	stub "$TMP/bin/mount" </dev/null
	stub "$TMP/bin/umount" <<<'echo "umount $*"'
	stub "$TMP/bin/unshare" <<-'END'
		[[ $1 != --mount ]] || shift
		[[ $1 != --map-root-user ]] || shift
		[[ $1 != --propagation ]] || shift 2
		exec "$@"
	END
	export VMWALK_CACHE="$TMP/\$(touch $TMP/evaluated) \"x\""
	mkdir -p "$VMWALK_CACHE/root-trixie-0123456789ab/etc"
	run ! tests/vm/root true
	output_has "umount -l $VMWALK_CACHE/root-trixie-0123456789ab"
	[[ ! -e $TMP/evaluated ]]
}

@test "lib: ignores an exported CDPATH" {
	mkdir -p "$TMP/decoy/tests/vm"
	for path in . "$TMP/decoy"; do
		CDPATH=$path run -0 print_directories
		[[ $output == "$TMP/tree/tests/vm $TMP/tree $HOME/.cache/vmwalk" ]]
	done
}

@test "lib: rejects a HOME that is not an absolute path" {
	for home in -u\ HOME HOME= HOME=home; do
		# shellcheck disable=SC2086 # two words
		run -125 env $home bash -c '. tests/vm/lib.bash'
		output_has 'not an absolute path: set HOME, or set VMWALK_CACHE to a cache directory'
	done
	unset HOME
	VMWALK_CACHE=$TMP/elsewhere run -0 print_directories
	[[ $output == *" $TMP/elsewhere" ]]
}

@test "lib: ignores a relative XDG_CACHE_HOME" {
	XDG_CACHE_HOME=relative run -0 print_directories
	[[ $output == *" $HOME/.cache/vmwalk" && ! -e relative ]]
}

@test "lib: ignores the caller's umask" {
	umask 077
	run -0 bash -c '. tests/vm/lib.bash; umask'
	[[ $output == 0022 ]]
}

# --- Makefile, drv/Makefile ---------------------------------------------------

@test "make help: lists make userspace" {
	run -0 make help
	output_has 'make userspace '
}

@test "make install: without kernel headers, installs userspace and says so" {
	run -0 make install KDIR=/nowhere DESTDIR="$TMP/installed"
	output_has 'vmwalk: installed without the module, because there are no kernel headers at /nowhere'
	[[ -f $TMP/installed/usr/local/sbin/vmwalk-create ]]
	[[ ! -e $TMP/installed/usr/local/lib/modules-load.d ]]
}

@test "make: reports missing kernel headers" {
	for folder in . drv; do
		run -2 make -C "$folder" KDIR=/nowhere
		output_has 'vmwalk: no kernel headers at /nowhere: install linux-headers-$(uname -r) or set KDIR'
	done
}

@test "make, make install: reject a KDIR that is not a configured kernel tree" {
	mkdir "$TMP/kernel"
	: >"$TMP/kernel/Makefile"
	for folder in . drv; do
		run -2 make -C "$folder" KDIR="$TMP/kernel"
		output_has "vmwalk: $TMP/kernel is not a configured kernel tree"
	done
	run -2 make install KDIR="$TMP/kernel" DESTDIR="$TMP/installed"
	output_has "vmwalk: $TMP/kernel is not a configured kernel tree"
	[[ ! -e $TMP/installed/lib/modules ]]
}

@test "make install: works without sbin in PATH" {
	make_kernel
	for command in bash cp cut echo id install make mkdir sed sh uname; do
		ln -s "$(type -P $command)" "$TMP/bin"
	done
	PATH=$TMP/bin run -0 make install KDIR="$TMP/kernel" DESTDIR="$TMP/installed"
	[[ -f $TMP/installed/lib/modules/6.99-test/updates/vmwalk.ko ]]
	# The PATH in which make finds depmod and modprobe.
	output_has "PATH=$TMP/bin:/usr/sbin:/sbin"
}

@test "make install: strips the module, and says what it skips" {
	make_kernel
	run -0 make install KDIR="$TMP/kernel" DESTDIR="$TMP/installed"
	[[ $(grep -v '^#' "$TMP/installed/usr/local/lib/modules-load.d/vmwalk.conf") == vmwalk ]]
	output_has 'strip: 1'
	output_has 'vmwalk: skipped "ldconfig", because DESTDIR is set'
	output_has 'vmwalk: skipped "depmod 6.99-test", because DESTDIR is set'
	output_has "vmwalk: skipped signing the module, because the key of the kernel is not in $TMP/kernel/certs"
	stub "$TMP/bin/id" <<<'echo 1000'
	run -0 make install KDIR=/nowhere DESTDIR= PREFIX="$TMP/prefix"
	output_has 'vmwalk: skipped "ldconfig", which takes root'
}

@test "make install: as root, without DESTDIR, runs ldconfig and depmod" {
	make_kernel
	stub "$TMP/bin/id" <<<'echo 0'
	stub "$TMP/bin/ldconfig" <<<'echo "ran ldconfig"'
	stub "$TMP/bin/depmod" <<<'echo "ran depmod $*"'
	# Not to this machine's /lib/modules
	sed -i 's,\$(INSTALL_MOD_PATH)/lib,$(TMP)/lib,' "$TMP/kernel/Makefile"
	run -0 make install KDIR="$TMP/kernel" PREFIX="$TMP/prefix"
	output_has 'ran ldconfig'
	output_has 'ran depmod 6.99-test'
}

@test "make uninstall: removes what make install has installed, and nothing else" {
	make_kernel
	mkdir -p "$TMP/installed/usr/local"/{sbin,share/doc/other}
	: >"$TMP/installed/usr/local/sbin/other"
	find "$TMP/installed" ! -path '*/lib*' | sort >"$TMP/before"
	run -0 make install KDIR="$TMP/kernel" DESTDIR="$TMP/installed"
	: >"$TMP/installed/usr/local/share/doc/vmwalk/mine"
	run -0 make uninstall KDIR="$TMP/kernel" DESTDIR="$TMP/installed"
	output_has "removed '$TMP/installed/usr/local/sbin/vmwalk-create'"
	rm "$TMP/installed/usr/local/share/doc/vmwalk/mine"
	rmdir "$TMP/installed/usr/local/share/doc/vmwalk"
	find "$TMP/installed" -type f -path '*/lib*' >"$TMP/left"
	[[ ! -s $TMP/left ]]
	diff "$TMP/before" <(find "$TMP/installed" ! -path '*/lib*' | sort)
}

@test "make: rejects a build path with special characters, and builds in OUT" {
	make_kernel
	make_tree "$TMP/$ODD"
	for target in all module userspace install; do
		run -2 make KDIR="$TMP/kernel" DESTDIR="$TMP/installed" $target
		output_has "vmwalk: cannot build in \"$PWD/build/host\""
		output_has 'make OUT=/var/tmp/vmwalk'
	done
	run -0 make KDIR="$TMP/kernel" DESTDIR="$TMP/installed" OUT="$TMP/out" install
	[[ -f $TMP/installed/lib/modules/6.99-test/updates/vmwalk.ko ]]
	for name in 'a b' a:b a%b a\'b 'a$b' 'a#b' 'a|b'; do
		mkdir "$TMP/$name"
		cd "$TMP/$name"
		run -2 make -f "$TMP/tree/Makefile" check-path
		output_has "\"$TMP/$name/build/host\""
	done
}

@test "make module: fails for PREEMPT_RT" {
	kernels=(/lib/modules/*/build/)
	[[ -d ${kernels[0]} ]] || skip "there are no kernel headers"
	run -2 make module KDIR="${kernels[0]}" KCFLAGS=-DCONFIG_PREEMPT_RT=1
	output_has 'error: #error "vmwalk does not support PREEMPT_RT: '
}

# --- tests/README.md ----------------------------------------------------------

@test "tests/README.md: lists every test file, and no other" {
	cd "$SOURCE/tests"
	listed=$(sed -n 's/^| `\(test_[a-z_]*\|[a-z-]*\.bats\)` |.*/\1/p' README.md | sort)
	diff <(echo "$listed") <(
		for file in driver/test_*.c scripts/*.bats vm/*.bats; do basename "$file" .c; done | sort)
}

# --- tests/lint ---------------------------------------------------------------

@test "lint: finds comments over 80 columns, and no code" {
	long=$(printf '%060d' 0)
	printf '%s\n' "int a = $long$long;" "/* short */" "	/* first" "	 * $long */" \
		"		/* $long$long */" >"$TMP/file.c"
	run -1 tests/lint/comments "$TMP/file.c"
	[[ ${#lines[@]} == 1 ]]
	output_has "$TMP/file.c:5: comment is 142 columns wide, more than 80"
	printf '%s\n' "A = $long$long" "# $long$long" >"$TMP/Kbuild"
	run -1 tests/lint/comments "$TMP/Kbuild"
	[[ $output == "$TMP/Kbuild:2: "* ]]
}

@test "lint: finds functions over 60 lines" {
	{
		printf 'static int fits(int a,\n\t\tint b)\n{\n'
		for ((i = 0; i < 56; i++)); do printf '\ta();\n'; done
		printf '}\n\nstatic int long_one(int a)\n{\n'
		for ((i = 0; i < 58; i++)); do printf '\ta();\n'; done
		printf '}\n'
	} >"$TMP/file.c"
	run -1 tests/lint/functions "$TMP/file.c"
	[[ $output == "$TMP/file.c:62: long_one() has 61 lines, more than 60" ]]
}

# make_layers LINE: creates drv/ with the files errmsg and config. config.c is the
# higher one; LINE is added to errmsg.c.
make_layers()
{
	rm -r drv
	mkdir -p drv build
	echo 'void vmwalk_errmsg_set(void);' >drv/errmsg.h
	echo 'void vmwalk_config_init(void);' >drv/config.h
	printf '%s\n' '#include "errmsg.h"' 'void vmwalk_errmsg_set(void) { }' "$1" >drv/errmsg.c
	printf '%s\n' '#include "config.h"' '#include "errmsg.h"' \
		'void vmwalk_config_init(void) { vmwalk_errmsg_set(); }' >drv/config.c
	cc -c -o build/errmsg.o drv/errmsg.c
	cc -c -o build/config.o drv/config.c
}

@test "lint: finds includes and calls of higher layers in drv/" {
	make_layers ''
	run -0 tests/lint/layers build
	make_layers '#include "config.h"'
	run -1 tests/lint/layers build
	[[ $output == 'drv/errmsg.c includes config.h, which is in a higher layer' ]]
	make_layers 'void vmwalk_config_init(void); void f(void) { vmwalk_config_init(); }'
	run -1 tests/lint/layers build
	[[ $output == 'drv/errmsg.c uses vmwalk_config_init of drv/config.c, which is in a higher layer' ]]
	: >drv/new.c
	run -1 tests/lint/layers
	[[ $output == 'drv/new.c is not in the list of tests/lint/layers' ]]
}

# --- tests/vm/check -----------------------------------------------------------

# Creates a stub of tests/vm/run that prints the results of one or two tests.
stub_guests()
{
	stub tests/vm/run <<-'END'
		case $* in
		*' one')	printf '1..1\n# a: test 1 of 1\nok 1 - a: works\n'
				sleep 0.5
				echo '1 passed, 0 failed, 0 skipped' ;;
		*' two')	sleep 0.2
				printf '1..2\nok 1 - b: works\n# c: test 2 of 2\nnot ok 2 - c: works\n'
				printf '# failed: c: works\n# the end\n'
				echo '1 passed, 1 failed, 0 skipped'
				exit 1 ;;
		esac
	END
}

@test "check: runs two commands at a time and numbers their tests as one" {
	stub_guests
	run -1 tests/vm/check --kernel 6.12 -- one -- two
	[[ $output == '# a: test 1 of 1
ok 1 - a: works
ok 2 - b: works
# c: test 3 of 3
not ok 3 - c: works
# the end
# failed: c: works
2 passed, 1 failed, 0 skipped' ]]
	run -0 tests/vm/check --kernel 6.12 -- one
	[[ ${lines[-1]} == '1 passed, 0 failed, 0 skipped' ]]
}

@test "check: counts a command that ends early as a failed test" {
	stub_guests
	run -1 tests/vm/check --lockdown quiet -- one
	[[ ${lines[-1]} == '1 passed, 1 failed, 0 skipped' ]]
}

@test "check: an interrupt ends both guests" {
	stub tests/vm/run <<-'END'
		trap 'echo ended >>"$TMP/ended"; exit 130' INT TERM HUP
		echo running >>"$TMP/ended"
		sleep 60 & wait
	END
	# A process group, as that of a terminal
	setsid tests/vm/check -- one -- two >"$TMP/output" 3>&- &
	for ((i = 0; i < 100; i++)); do
		[[ ! -f $TMP/ended || $(wc -l <"$TMP/ended") != 2 ]] || break
		sleep 0.1
	done
	kill -TERM -- -$!
	for ((i = 0; i < 100; i++)); do
		[[ $(grep -c ended "$TMP/ended") != 2 ]] || break
		sleep 0.1
	done
	[[ $(grep -c ended "$TMP/ended") == 2 ]]
}

# each_file_runs_once FOLDER ARGUMENTS: in ARGUMENTS of tests/vm/check, one part
# leaves out the files that the others name. They are in FOLDER.
each_file_runs_once()
{
	local excepted named name

	excepted=$(grep -o -e '--except [^ ]*' <<<"$2" | cut -d ' ' -f 2 | sort)
	named=$(grep 'tests/run ' <<<"${2// -- /$'\n'}" | grep -v -e '--except' | xargs -n 1 |
		grep -v -e / -e '^--' | sort)
	[[ $excepted && $excepted == "$named" ]] || return
	for name in $named; do compgen -G "$SOURCE/$1/$name*" || return; done
}

@test "make check, check-more, check-programs: run each file of the scripts and labs once" {
	stub tests/vm/check <<<'echo "$*"'
	cp tests/vm/check tests/vm/run
	run -0 make check check-more check-programs
	each_file_runs_once tests/scripts "$output"
	for suite in driver scripts labs; do
		[[ $(grep -o -e "tests/run --$suite" <<<"$output" | wc -l) == 1 ]]
	done
}

@test "make check-debug: runs each driver test once" {
	stub tests/vm/check <<<'echo "$*"'
	run -0 make check-debug
	each_file_runs_once tests/driver "$output"
	output_has 'tests/run --driver '
}

# --- tests/vm/bench -----------------------------------------------------------

# stub_bench WALK: a tests/vm/run that prints figures of the benchmark, in which
# walk_one takes WALK instructions
stub_bench()
{
	mkdir -p tests/bench/ranges
	cp "$SOURCE"/tests/bench/{report.awk,goals} tests/bench
	stub tests/vm/run <<-END
		case "\$*" in
		*--icount*)
			echo "bench walk_one how=icount ours=$1 anchor=600 anchor_name=unknown_ioctl ratio=0.8 unit=insn/call"
			echo "bench map_remap how=icount ours=21.2 anchor=1080 anchor_name=memfd ratio=50.9 unit=insn/page"
			;;
		*)
			echo "bench map_remap how=time ours=100 anchor=1080 anchor_name=memfd ratio=10.8 unit=ns/page"
			echo "bench target_p99 how=time ours=120 anchor=100 anchor_name=alone ratio=0.8 unit=ns/round"
			;;
		esac
	END
	printf '%s\n' 'walk_one 700 710' 'map_remap 21 22' >tests/bench/ranges/6.12
}

@test "bench: compares each figure with its goal and its recorded range" {
	stub_bench 745
	run -0 tests/vm/bench
	[[ ${lines[1]} =~ ^walk_one\ +745\ insn/call\ +unknown_ioctl\ 600\ +690.0\ no\ +700\ to\ 710$ ]]
	[[ ${lines[2]} =~ ^map_remap\ +21.2\ insn/page\ +memfd\ 1080\ +25.0\ yes\ +21\ to\ 22$ ]]
	[[ ${lines[3]} =~ ^target_p99\ +120\ ns/round\ +alone\ 100\ +130.0\ yes\ +-$ ]]
	[[ ${lines[4]} == '3 rows, 1 goals missed, 0 figures worse than recorded' ]]
	[[ $(wc -l <build/bench/6.12.log) == 4 ]]
}

@test "bench: fails if a figure is more than 5 % above its range" {
	stub_bench 746
	run -1 tests/vm/bench
	output_has '700 to 710, WORSE'
	[[ ${lines[-1]} == '3 rows, 1 goals missed, 1 figures worse than recorded' ]]
}

@test "bench: compares figures with different numbers of digits" {
	stub_bench 1000
	printf '%s\n' 'walk_one 700 900' 'map_remap 21 100' >tests/bench/ranges/6.12
	run -1 tests/vm/bench
	output_has '700 to 900, WORSE'
	[[ ${lines[-1]} == '3 rows, 1 goals missed, 1 figures worse than recorded' ]]
}

@test "bench: fails if a recorded row was not measured" {
	stub_bench 700
	echo 'scan_dense 5 6' >>tests/bench/ranges/6.12
	run -1 tests/vm/bench
	output_has 'scan_dense is recorded, but was not measured'
	run -0 tests/vm/bench walk_one map_remap
}

@test "bench: fails if the benchmark fails" {
	stub_bench 700
	echo 'exit 1' >>tests/vm/run
	run -1 tests/vm/bench
}

@test "bench: --record extends the ranges and keeps those of other rows" {
	stub_bench 720
	echo 'scan_dense 5 6' >>tests/bench/ranges/6.12
	run -0 tests/vm/bench --record
	diff - tests/bench/ranges/6.12 <<-'END'
		# SPDX-License-Identifier: GPL-2.0
		# Written by tests/vm/bench --record: row, least and largest figure
		walk_one 700 720
		map_remap 21 22
		scan_dense 5 6
	END
}

# --- tests/run ----------------------------------------------------------------

@test "tests/run: prints the duration of each file, and the slowest files" {
	mkdir tests/scripts
	: >tests/scripts/vmwalk-command.bats
	stub "$TMP/bin/bats" <<<'printf "1..1\nok 1 it works\n"'
	run -0 tests/run --command
	[[ $output =~ '# vmwalk-command.bats: '[0-9]+' s' && $output =~ '# harness.bats: '[0-9]+' s' ]]
	output_has '# The slowest of 2 files:'
	[[ ${lines[-1]} == '2 passed, 0 failed, 0 skipped' ]]
}

@test "tests/run: shows how many tests there are before the first, and at each file" {
	mkdir tests/scripts
	printf '@test "%s works" {\n}\n' one two >tests/scripts/vmwalk-command.bats
	stub "$TMP/bin/bats" <<<'printf "1..2\nok 1 one works\nok 2 two works\n"'
	run -0 tests/run vmwalk-command.bats vmwalk-command.bats:two
	[[ ${lines[0]} == 1..3 && ${lines[1]} == '# vmwalk-command.bats: test 1 of 3' ]]
	output_has '# vmwalk-command.bats: test 3 of 3'
}

@test "tests/run: names the failed tests at the end" {
	mkdir tests/scripts
	: >tests/scripts/vmwalk-command.bats
	stub "$TMP/bin/bats" <<<'printf "1..3\nnot ok 1 one works\nok 2 two\nnot ok 3 three fails\n"'
	run -1 tests/run vmwalk-command.bats
	[[ ${lines[-3]} == '# failed: vmwalk-command.bats: one works' ]]
	[[ ${lines[-2]} == '# failed: vmwalk-command.bats: three fails' ]]
	[[ ${lines[-1]} == '1 passed, 2 failed, 0 skipped' ]]
}

@test "tests/run: ignores an exported CDPATH" {
	mkdir tests/scripts
	: >tests/scripts/vmwalk-command.bats
	stub "$TMP/bin/bats" <<<'printf "1..1\nok 1 it works\n"'
	CDPATH=. run -0 tests/run vmwalk-command.bats
	[[ ${lines[-1]} == '1 passed, 0 failed, 0 skipped' ]]
}

@test "tests/run: --except skips a file" {
	mkdir tests/scripts
	: >tests/scripts/vmwalk-command.bats
	stub "$TMP/bin/bats" <<<'printf "1..1\nok 1 it works\n"'
	run -0 tests/run --command --except harness.bats
	[[ $output != *harness.bats* ]]
	[[ ${lines[-1]} == '1 passed, 0 failed, 0 skipped' ]]
}

@test "tests/run: FILE:TEXT selects tests by name" {
	mkdir tests/scripts
	: >tests/scripts/vmwalk-command.bats
	stub "$TMP/bin/bats" <<<'printf "1..1\nok 1 it got %s\n" "$*"'
	run -0 tests/run 'vmwalk-command.bats:scan of'
	output_has 'ok 1 - vmwalk-command.bats: it got --tap --filter scan of '
}

# --- .ci/run ------------------------------------------------------------------

# Creates stubs of the commands that .ci/run calls.
stub_steps()
{
	stub tests/vm/matrix <<<'[[ $1 == --parts ]] || echo "5 passed, 0 failed, 0 skipped"'
	stub "$TMP/bin/make" <<-'END'
		[[ $* != *lint* ]] || exit 0
		echo '10 passed, 1 failed, 2 skipped'
		exit 1
	END
}

@test "ci: prints and adds up the tests of all steps, and fails if one fails" {
	stub_steps
	run -1 .ci/run
	for step in 'make lint' 'make check' 'make check-more' 'make check-debug' tests/vm/matrix; do
		output_has "=== $step"
	done
	output_has '=== make check failed with status 1'
	[[ ${lines[-1]} == '35 passed, 3 failed, 6 skipped' ]]
}

@test "ci: counts a failed step without tests as a failed test" {
	stub_steps
	stub "$TMP/bin/make" <<<'[[ $* != *lint* ]]'
	run -1 .ci/run
	output_has '=== make lint failed with status 1'
	[[ ${lines[-1]} == '5 passed, 1 failed, 0 skipped' ]]
}

@test "ci: shows the set-up in the background, and fails if it fails" {
	stub_steps
	stub "$TMP/bin/make" </dev/null
	stub tests/vm/matrix <<<'[[ $1 == --parts ]] && echo other || echo "5 passed, 0 failed, 0 skipped"'
	stub tests/vm/setup <<<'[[ $1 != other ]] || { echo "a step"; exit 125; }'
	run -1 .ci/run
	output_has $'=== set-up of the other kernels'
	output_has $'\na step\n'
	[[ ${lines[-1]} == '5 passed, 1 failed, 0 skipped' ]]
}

@test "ci: ignores an exported CDPATH" {
	stub_steps
	mkdir -p "$TMP/decoy/.ci"
	CDPATH=$TMP/decoy run -1 .ci/run
	[[ $output != *'set-up failed'* ]]
}

# --- docs/man -----------------------------------------------------------------

# make_pages: makes the man pages with a stub of the command in $TMP/bin, whose
# verbs have the help texts in $TMP/help.
make_pages()
{
	stub "$TMP/bin/vmwalk" <<-'END'
		[[ $1 != --help ]] || exec cat "$TMP/help/main"
		cat "$TMP/help/$1"
	END
	stub "$TMP/bin/vmwalk-selftest" <<<'printf "Usage: vmwalk-selftest\n\nTest.\n"'
	mkdir -p "$TMP/help"
	printf '%s\n' 'Usage: vmwalk COMMAND [OPTION]...' '' 'Walk.' '' 'Commands:' '  new     Do something new' '' \
		'Exit status: 0 success, 1 failure.' '' 'Environment:' '  DIR=NAME  read a tree' >"$TMP/help/main"
	[[ -f $TMP/help/new ]] || printf '%s\n' 'Usage: vmwalk new [OPTION]... NAME...' '' 'Do something new.' \
		'With --force, always.' '' 'Options:' '  -f, --force COUNT  do it' '                     more than once' '' \
		'Columns:' '  NAME  the name' >"$TMP/help/new"
	"$SOURCE/docs/man/pages" "$TMP/bin/vmwalk" "$TMP/pages"
}

@test "man pages: a new verb has a page with its options and columns" {
	make_pages
	diff - <(sed '/^\.TH/d' "$TMP/pages/man1/vmwalk-new.1") <<-'END'
		.\" Generated by docs/man/pages: do not edit.
		.\" SPDX-License-Identifier: GPL-2.0
		.SH NAME
		vmwalk\-new \- do something new
		.SH SYNOPSIS
		\fBvmwalk new\fP [\fIOPTION\fP]... \fINAME\fP...
		.SH DESCRIPTION
		Do something new.
		With \fB\-\-force\fP, always.
		.SH OPTIONS
		.TP
		\fB\-f\fP, \fB\-\-force\fP \fICOUNT\fP
		do it more than once
		.SH COLUMNS
		.TP
		\fBNAME\fP
		the name
		.SH "EXIT STATUS"
		.TP
		0
		success
		.TP
		1
		failure
		.SH ENVIRONMENT
		.TP
		\fBDIR=\fP\fINAME\fP
		read a tree
	END
	grep -qF '\fBvmwalk\-new\fP(1)' "$TMP/pages/man1/vmwalk.1"
}

@test "man pages: characters that roff interprets are escaped" {
	printf '%s\n' '# a-page: test' '' '## Description' '' ".start 'quoted' a\\b ~^ -1" '' '    .code \x -y' \
		"    'z'" '' '| | |' '|---|---|' '| `a\|b` | [text](https://example.org) |' >"$TMP/page.md"
	run -0 awk -f "$SOURCE/docs/man/roff.awk" -v section=1 -v version=1 "$TMP/page.md"
	output_has '.TH A\-PAGE 1'
	output_has "\\&.start \\(aqquoted\\(aq a\\eb \\(ti\\(ha \\-1"
	output_has '\&.code \ex \-y'
	output_has '\(aqz\(aq'
	output_has $'\n\\fBa|b\\fP\n'
	output_has 'text <https://example.org>'
}

@test "lint: finds errors in man pages, and references to pages that do not exist" {
	type -P mandoc man lexgrog >/dev/null || skip "there is no mandoc or no man"
	mkdir -p "$TMP/pages/man1"
	page()
	{
		printf '%s\n' '.TH A 1 2026-01-01 a a' '.SH NAME' 'a \- b' '.SH DESCRIPTION' "$1" >"$TMP/pages/man1/a.1"
	}
	page 'See ls(1).'
	run -0 tests/lint/man "$TMP/pages"
	[[ ! $output ]]
	page 'See \fBvmwalk\-none\fP(1).'
	run -1 tests/lint/man "$TMP/pages"
	[[ $output == "$TMP/pages/man1/a.1: refers to vmwalk-none(1), which has no page" ]]
	page '.XX'
	run -1 tests/lint/man "$TMP/pages"
	output_has 'mandoc: '
	page '.TP'
	run -1 tests/lint/man "$TMP/pages"
	sed -i 's/^a \\- b/a/' "$TMP/pages/man1/a.1"
	run -1 tests/lint/man "$TMP/pages"
	output_has "$TMP/pages/man1/a.1: no NAME"
	rm "$TMP/pages/man1/a.1"
	run -1 tests/lint/man "$TMP/pages"
}
