#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# What keeps instances over a reboot: vmwalk-save, vmwalk-restore, the systemd
# unit, the udev rule and the files that go with them.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load helper

# expect STATUS LINE...: the last run ended with this status and output.
expect()
{
	local expected

	printf -v expected '%s\n' "${@:2}"
	[[ $status == "$1" && $output == "${expected%$'\n'}" ]] && return
	echo "status $status instead of $1, output:"
	echo "$output"
	echo "instead of:"
	echo "$expected"
	return 1
}

# restore_lines LINE...: runs vmwalk-restore with these lines.
restore_lines()
{
	printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/lines"
	run vmwalk-restore "$BATS_TEST_TMPDIR/lines"
}

# The error message of vmwalk-restore for a line of that file
line()
{
	echo "vmwalk-restore: $BATS_TEST_TMPDIR/lines: line $1: $2"
}

# Prints the attributes of all instances that vmwalk-restore has to restore.
attributes()
{
	(cd "$VMWALK" && grep -r --exclude={target_pid,last_error} . ./*/ | sort)
}

@test "save, restore: all instances return with all attributes, and the same numbers" {
	cd "$BATS_TEST_TMPDIR"
	vmwalk-create z buffer_type=kmalloc size=128K map_mode=remap fill=letters
	vmwalk-create a buffer_type=pages cache_mode=wc numa_node=0 address_bits=40 fault_around=4K
	vmwalk-create pending live=0 track_dirty=1 size=12K
	attributes >before
	run vmwalk-save saved
	expect 0 ''
	remove_instances
	run vmwalk-restore saved
	expect 0 ''
	attributes | diff before -
	[[ $(head -c 3 /dev/vmwalk0) == abc ]]
}

@test "save, restore: the previous test does not use defaults only" {
	vmwalk-create a live=0
	for attribute in buffer_type size map_mode fill cache_mode numa_node address_bits fault_around track_dirty; do
		grep -q "vmwalk-create.* $attribute=" "$BATS_TEST_FILENAME"
		[[ -e $VMWALK/a/$attribute ]]
	done
	# Every other attribute is live, target_pid or not writable.
	[[ $(find "$VMWALK/a" -type f -perm /200 | wc -l) == 11 ]]
}

@test "save: the file is in the documented format, and readable by all users" {
	cd "$BATS_TEST_TMPDIR"
	vmwalk-create b size=8K live=0
	(umask 077; vmwalk-save saved)
	diff saved - <<-'END'
		# Instances of vmwalk, saved by vmwalk-save. See vmwalk-restore --help.
		format=1

		[b]
		address_bits=64
		buffer_type=vmalloc
		cache_mode=wb
		fault_around=65536
		fill=zero
		live=0
		map_mode=fault
		numa_node=-1
		size=8192
		track_dirty=0
	END
	[[ $(stat --format=%a saved) == 644 ]]
	run --separate-stderr vmwalk-save -
	[[ $status == 0 && $output == "$(<saved)" && ! $stderr ]]
}

@test "save, restore: without instances" {
	cd "$BATS_TEST_TMPDIR"
	vmwalk-save saved
	[[ $(grep -c . saved) == 2 ]]
	run vmwalk-restore saved
	expect 0 ''
	no_instances
}

@test "save, restore: /etc/vmwalk.conf is the default" {
	[[ ! -e /etc/vmwalk.conf ]]
	run vmwalk-restore
	expect 1 'vmwalk-restore: /etc/vmwalk.conf: No such file or directory'
	vmwalk-create a size=8K
	vmwalk-save
	vmwalk-destroy a
	vmwalk-restore
	rm /etc/vmwalk.conf
	[[ $(get_attribute a size) == 8192 ]]
}

@test "save, restore: names with any characters" {
	# shellcheck disable=SC1003,SC2016 # literal
	names=(a -a .a 'two words' ' blanks ' a=b a] '[a]' '#a' 'size=8K' '\x41' '\' '*' '?' '$(ls)' é $'\xff'
		$'two\nlines' $'\t' $'\e[2J' $'\x7f' "$(printf '%0255d' 0)")
	cd "$BATS_TEST_TMPDIR"
	for name in "${names[@]}"; do mkdir "$VMWALK/$name"; done
	vmwalk-save saved
	find "$VMWALK" -mindepth 1 -type d -print0 | sort -z >before
	remove_instances
	run vmwalk-restore saved
	expect 0 ''
	find "$VMWALK" -mindepth 1 -type d -print0 | sort -z | cmp before -
	[[ $(tr '\0' x <before | wc -c) -gt 500 ]]
	# Any editor can show the file.
	if LC_ALL=C grep '[[:cntrl:]]' saved; then return 1; fi
	grep -qxF '[two\x0alines]' saved
}

@test "save: does not save target_pid, and prints a message" {
	vmwalk-create a target_pid=$$ live=0
	run --separate-stderr vmwalk-save -
	[[ $status == 0 && $output == *'[a]'* && $output != *target_pid* ]]
	[[ $stderr == "vmwalk-save: a: target_pid $$ is not saved" ]]
}

@test "save: does not save temporary instances of the vmwalk command" {
	mkdir "$VMWALK"/vmwalk-command-{17-0,17,x-0}
	run vmwalk-save -
	[[ $output != *17-0* && $output == *'[vmwalk-command-17]'* && $output == *'[vmwalk-command-x-0]'* ]]
}

@test "save: replaces the file atomically, and keeps its owner, its mode and links to it" {
	cd "$BATS_TEST_TMPDIR"
	echo old >file
	chown 1:2 file
	chmod 640 file
	ln -s file link
	exec {old}<file
	vmwalk-save link
	[[ $(<"/dev/fd/$old") == old ]]
	exec {old}<&-
	[[ -L link && $(stat --format='%u %g %a' file) == '1 2 640' ]]
	grep -q format=1 file
	[[ $(ls -A) == $'file\nlink' ]]
}

@test "save: on failure, keeps the old file and leaves no temporary file" {
	cd "$BATS_TEST_TMPDIR"
	vmwalk-create a live=0
	mkdir full
	mount -t tmpfs -o size=4k tmpfs full
	echo old >full/file
	run vmwalk-save full/file
	[[ $status == 1 && $output == 'vmwalk-save: full/file: No space left on device' ]] || bad=1
	[[ $(<full/file) == old && $(ls -A full) == file ]] || bad=1
	mount -o remount,ro full
	run vmwalk-save full/other
	[[ $status == 1 && $output == 'vmwalk-save: full/other: Read-only file system' ]] || bad=1
	umount full
	[[ ! ${bad-} ]]
	echo old >file
	run bash -c 'ulimit -f 0; vmwalk-save file'
	expect 1 'vmwalk-save: file: File too large'
	[[ $(<file) == old && $(ls -A) == $'file\nfull' ]]
	run vmwalk-save full
	expect 1 'vmwalk-save: full: not a regular file'
	run vmwalk-save /dev/null
	expect 1 'vmwalk-save: /dev/null: not a regular file'
	[[ -c /dev/null ]]
	run vmwalk-save none/file
	expect 1 'vmwalk-save: none/file: no such directory'
	run vmwalk-save ''
	[[ $status == 2 && ${lines[0]} == "vmwalk-save: '' is not the name of a file" ]]
	run bash -c 'vmwalk-save - >/dev/full'
	expect 1 'vmwalk-save: cannot write to standard output'
}

@test "save: other users can print the configuration, but not write the default file" {
	vmwalk-create a live=0
	run as_nobody vmwalk-save -
	[[ $status == 0 && $output == *'[a]'* ]]
	run as_nobody vmwalk-save
	[[ $status == 1 && $output == *'Permission denied' ]]
}

@test "save: skips an instance that is removed while it is saved" {
	vmwalk-create a live=0
	touch "$BATS_TEST_TMPDIR/go-on"
	while [[ -e $BATS_TEST_TMPDIR/go-on ]]; do
		mkdir "$VMWALK/passing" && rmdir "$VMWALK/passing"
	done &
	for ((i = 0; i < 5; i++)); do
		run vmwalk-save -
		[[ $status == 0 && $output == *'[a]'*track_dirty=0* ]]
		# Whole sections only
		[[ $(grep -c '^\[' <<<"$output") == $(grep -c '^track_dirty' <<<"$output") ]]
	done
	rm "$BATS_TEST_TMPDIR/go-on"
	wait
}

@test "restore: does not change an instance that exists" {
	vmwalk-create a size=8K
	restore_lines format=1 '[a]' size=16K '[b]' size=16K
	expect 0 'vmwalk-restore: a: exists; not changed'
	[[ $(get_attribute a size) == 8192 && $(get_attribute b size) == 16384 ]]
}

@test "restore: prints the error message of the driver, and creates the other instances" {
	mkdir "$VMWALK/reference"
	run ! set_attribute reference size 8X
	message=$(get_attribute reference last_error)
	restore_lines format=1 '[a]' size=8X '[b]' '[c]' colour=red '[d]' 'size=100G' '[e]' live=0
	[[ $status == 1 && ${#lines[@]} == 3 ]]
	[[ ${lines[0]} == "vmwalk-restore: a: size=8X: $message" ]]
	[[ ${lines[1]} == "vmwalk-restore: c: unknown attribute 'colour' (known: "*')' ]]
	[[ ${lines[2]} == 'vmwalk-restore: d: live=1: size 107374182400 exceeds '* ]]
	[[ $(cd "$VMWALK" && echo */) == 'b/ e/ reference/' ]]
}

@test "restore: an instance with an invalid line is not created, the others are" {
	sections=()
	for bad in size 'size 8K' ' size=8K' '=8K' size= Size=8K '../b/live=0' 'si ze=8K' $'fill=zero\tx' $'size=8K\r' \
		'include other'; do
		sections+=("[a${#sections[@]}]" fill=zero "$bad")
	done
	restore_lines format=1 '' "${sections[@]}" '[b]'
	echo "$output"
	[[ $status == 1 && ${#lines[@]} == 21 && $(cd "$VMWALK" && echo */) == b/ ]]
	rmdir "$VMWALK/b"
	restore_lines format=1 '[a]' size '[b]' a/b=1 '[c]' size=8K size=8K '[d]' $'size=8K\r'
	expect 1 "$(line 3 "'size' must be [NAME], ATTRIBUTE=VALUE or # COMMENT")" \
		"$(line 5 "'a/b' is not the name of an attribute")" \
		"$(line 8 'size is set in line 7, too')" \
		"$(line 10 "'size=8K\\x0d' contains a control character")" \
		vmwalk-restore:\ {a,b,c,d}': not restored, because of the lines above'
	no_instances
}

@test "restore: a section with an invalid name is ignored with all of its lines" {
	sections=()
	for bad in '[' '[]' '[b' '[b]x' '[b] ' '[\]' '[\x4]' '[\x4G]' '[a\x00]' '[.]' '[..]' '[a/b]' '[a\x2fb]' $'[a\tb]' '[a]'; do
		sections+=("$bad" size=16K live=0)
	done
	restore_lines format=1 '[a]' size=8K "${sections[@]}" '[z]'
	echo "$output"
	[[ $status == 1 && ${#lines[@]} == 15 ]]
	for i in "${!lines[@]}"; do
		[[ ${lines[i]} == *": line $((4 + 3 * i)): "* ]]
	done
	[[ $(cd "$VMWALK" && echo */) == 'a/ z/' && $(get_attribute a size) == 8192 ]]
}

@test "restore: a file with another format or without one is an error, and no instance is created" {
	for first in format=2 format= format '[a]' live=0 format=01 'format=1 '; do
		restore_lines '# comment' '' "$first" '[a]'
		[[ $status == 1 && ${#lines[@]} == 1 ]]
		[[ $output == "$(line 3 "'$first' must be format=1")"* ]]
		no_instances
	done
	restore_lines format=1 '[a]' format=1 '[b]'
	expect 1 "$(line 3 "'format=1' must be format=1, once")"
	no_instances
	: >"$BATS_TEST_TMPDIR/empty"
	run vmwalk-restore "$BATS_TEST_TMPDIR/empty"
	expect 1 "vmwalk-restore: $BATS_TEST_TMPDIR/empty: the line format=1 is missing"
	run vmwalk-restore /dev/zero
	expect 1 'vmwalk-restore: /dev/zero: contains a zero byte'
	printf 'format=1\n[a]\n\0[b]\n' >"$BATS_TEST_TMPDIR/zero"
	run vmwalk-restore "$BATS_TEST_TMPDIR/zero"
	expect 1 "vmwalk-restore: $BATS_TEST_TMPDIR/zero: contains a zero byte"
	run vmwalk-restore "$BATS_TEST_TMPDIR"
	[[ $status == 1 ]]
	no_instances
}

@test "restore: an attribute before the first section is an error" {
	restore_lines format=1 size=8K '[a]'
	expect 1 "$(line 2 "'size=8K' is not in the section of an instance")"
	[[ $(get_attribute a size) == 1048576 ]]
}

@test "restore: reads standard input, and a last line without a newline" {
	run vmwalk-restore - < <(printf 'format=1\n[a]\n# size=8K\n\nsize=16K')
	expect 0 ''
	[[ $(get_attribute a size) == 16384 ]]
	run vmwalk-restore - <<<format=2
	expect 1 "vmwalk-restore: standard input: line 1: 'format=2' must be format=1, once"
}

@test "restore: fails without the module, without configfs, and without permission" {
	echo format=1 >"$BATS_TEST_TMPDIR/saved"
	chmod a+rx "$BATS_TEST_TMPDIR"
	run as_nobody vmwalk-restore - <"$BATS_TEST_TMPDIR/saved"
	[[ $status == 1 && $output == *'no permission to write'* ]]
	# shellcheck disable=SC2016 # for the inner shell
	for hide in 'umount "$0"' 'mount -t tmpfs none "$0"'; do
		run unshare --mount bash -c "$hide"' && exec "$@"' "${VMWALK%/vmwalk}" \
			vmwalk-restore "$BATS_TEST_TMPDIR/saved"
		[[ $status == 1 && $output == *config* ]]
	done
}

# --- systemd and udev ---------------------------------------------------------

# Skips the test unless tests/vm/run has added systemd and udev to the guest.
need_udev()
{
	[[ -x /usr/lib/systemd/systemd-udevd ]] || skip 'the guest has no udev: see tests/vm/run --more'
}

start_udev()
{
	need_udev
	systemd-sysusers
	# bats waits for processes that keep its descriptors open.
	/usr/lib/systemd/systemd-udevd >"$BATS_TEST_TMPDIR/udevd" 2>&1 3>&- &
	udevd=$!
	for ((i = 0; i < 100; i++)); do
		! udevadm control --ping 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

teardown()
{
	if [[ ${udevd-} ]]; then
		remove_instances
		udevadm settle
		udevadm control --exit
		wait "$udevd" || true
		cat "$BATS_TEST_TMPDIR/udevd"
	fi
	vmwalk_teardown
}

@test "udev: an instance has a link with its name while it is live" {
	start_udev
	make_instance b live=0
	make_instance a
	udevadm settle
	[[ $(realpath /dev/vmwalk/a) == "/dev/$(get_attribute a dev_name)" ]]
	set_attribute a live 0
	udevadm settle
	[[ ! -L /dev/vmwalk/a && -L /dev/vmwalk/b ]]
	set_attribute a live 1
	udevadm settle
	[[ -c /dev/vmwalk/a ]]
	rmdir "$VMWALK/a" "$VMWALK/b"
	udevadm settle
	[[ ! -e /dev/vmwalk ]]
	run ! grep vmwalk "$BATS_TEST_TMPDIR/udevd"
}

@test "udev: the link stays when the number of the device changes" {
	start_udev
	make_instance first fill=digits
	make_instance lab fill=letters
	udevadm settle
	[[ $(realpath /dev/vmwalk/lab) == /dev/vmwalk1 ]]
	vmwalk-save "$BATS_TEST_TMPDIR/saved"
	sed -i '/^\[first\]$/,/^$/d' "$BATS_TEST_TMPDIR/saved"
	remove_instances
	vmwalk-restore "$BATS_TEST_TMPDIR/saved"
	udevadm settle
	[[ $(realpath /dev/vmwalk/lab) == /dev/vmwalk0 ]]
	[[ $(head -c 3 /dev/vmwalk/lab) == abc ]]
}

@test "udev: the group vmwalk can use devices, other users cannot, and neither can create instances" {
	start_udev
	make_instance a fill=letters
	udevadm settle
	[[ $(stat --format='%U %G %a' /dev/vmwalk0) == 'root vmwalk 660' ]]
	group=$(sed -n 's/^vmwalk:[^:]*:\([0-9]*\):.*/\1/p' /etc/group)
	run chroot --userspec=65534:"$group" --groups= / head -c 3 /dev/vmwalk/a
	expect 0 abc
	run as_nobody head -c 3 /dev/vmwalk/a
	[[ $status == 1 && $output == *'Permission denied' ]]
	run chroot --userspec=65534:"$group" --groups= / vmwalk-create b
	[[ $status == 1 && $output == *'no permission to write'* ]]
}

@test "udev: replaces characters that are not allowed in a link by _" {
	start_udev
	make_instance 'two words'
	make_instance $'a\nb\\$%'
	make_instance é.+-
	udevadm settle
	[[ $(cd /dev/vmwalk && echo *) == 'a_b___ two_words é.+-' ]]
}

@test "systemd: the units, their files and the rule are valid" {
	need_udev
	systemd-sysusers
	run systemd-analyze verify --man=no --recursive-errors=no vmwalk.service vmwalk-metrics.timer \
		vmwalk-metrics.service
	echo "$output"
	# The guest lacks some units of the system.
	[[ $status == 0 && $output != *vmwalk* ]]
	run -0 udevadm verify /usr/lib/udev/rules.d/60-vmwalk.rules
}

# boot STEPS: boots systemd with the unit, in namespaces, as it boots a container.
# Then runs the commands STEPS there, which may call "state LABEL". Writes the
# states of the unit, after the boot and of these calls, to the file "states".
boot()
{
	local at=$BATS_TEST_TMPDIR

	mkdir -p "$at/units/vmwalk.service.d" /sys/fs/cgroup/boot
	: >"$at/log"
	: >"$at/states"
	printf '%s\n' '[Unit]' 'Wants=vmwalk.service end.service' >"$at/units/boot.target"
	# There is no journal.
	printf '%s\n' '[Service]' "StandardError=append:$at/log" >"$at/units/vmwalk.service.d/log.conf"
	cat >"$at/units/end.service" <<-END
		[Unit]
		DefaultDependencies=no
		After=vmwalk.service
		[Service]
		Type=oneshot
		StandardOutput=append:$at/states
		ExecStart=/bin/bash $at/steps
		ExecStopPost=/usr/bin/systemctl exit --force
	END
	cat >"$at/steps" <<-END
		state()
		{
			echo "\$1: \$(systemctl show --value --property=ActiveState,ConditionResult,Result vmwalk.service | xargs)"
		}
		state boot
		$1
	END
	# shellcheck disable=SC2016 # for the inner shells
	timeout --kill-after=5 180 bash -c '
		echo $$ >/sys/fs/cgroup/boot/cgroup.procs
		exec unshare --pid --fork --kill-child --mount --mount-proc --uts --cgroup bash -c "$@"' - '
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		mount -t tmpfs tmpfs /run
		exec env container=test SYSTEMD_UNIT_PATH="$1/units:" /usr/lib/systemd/systemd \
			--unit=boot.target --log-target=null --show-status=no' - "$at" 3>&- || true
	cat "$at/states" "$at/log"
	find /sys/fs/cgroup/boot -depth -type d -exec rmdir {} +
}

@test "systemd: the unit restores at boot, does nothing without a saved file, and fails if one instance fails" {
	need_udev
	vmwalk-create a size=8K
	vmwalk-save
	vmwalk-destroy a
	boot '
		rm /etc/vmwalk.conf
		systemctl restart vmwalk.service 2>/dev/null
		state "no file"
		printf "%s\n" format=1 "[c]" size=8X "[b]" >/etc/vmwalk.conf
		systemctl restart vmwalk.service 2>/dev/null
		state "bad file"
	'
	rm /etc/vmwalk.conf
	diff "$BATS_TEST_TMPDIR/states" - <<-'END'
		boot: success active yes
		no file: success inactive no
		bad file: exit-code failed yes
	END
	[[ $(get_attribute a size) == 8192 ]]
	grep -q "vmwalk-restore: c: size=8X: size: '8X' is not a size" "$BATS_TEST_TMPDIR/log"
	[[ -e $VMWALK/b && ! -e $VMWALK/c ]]
}
