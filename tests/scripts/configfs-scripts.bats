#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# vmwalk-create, vmwalk-destroy, vmwalk-list and vmwalk-show: results, errors,
# and that a failed create leaves no instance.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load helper

# All writable attributes
WRITABLE='address_bits buffer_type cache_mode fault_around fill live map_mode numa_node size'
WRITABLE+=' target_pid track_dirty'

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

# driver_error ATTRIBUTE VALUE: writes the invalid value to the instance
# "reference" and prints its last_error.
driver_error()
{
	if set_attribute reference "$1" "$2" 2>/dev/null; then
		echo "$1=$2 is valid"
		return 1
	fi
	get_attribute reference last_error
}

# Runs the command with configfs unmounted, in a mount namespace of its own.
without_configfs()
{
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount bash -c 'umount "${0%/vmwalk}" && exec "$@"' "$VMWALK" "$@"
}

# Runs the command with configfs as empty as it is before the module is loaded.
without_module()
{
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount bash -c 'mount -t tmpfs none "${0%/vmwalk}" && exec "$@"' "$VMWALK" "$@"
}

# A mkdir that sends $SIGNAL to the script after it has created the directory.
signalling_mkdir()
{
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/mkdir" <<-'EOF'
		#!/bin/bash
		/bin/mkdir "$@" || exit
		kill -s "$SIGNAL" "$(cat "$BATS_TEST_TMPDIR/pid")"
	EOF
	chmod +x "$BATS_TEST_TMPDIR/bin/mkdir"
}

# Runs vmwalk-create with that mkdir. env restores signals that bats ignores.
create_with_signal()
{
	signalling_mkdir
	export SIGNAL=$1
	# shellcheck disable=SC2016 # for the inner shell
	run env --default-signal PATH="$BATS_TEST_TMPDIR/bin:$PATH" \
		bash -c 'echo $$ >"$BATS_TEST_TMPDIR/pid"; exec vmwalk-create a'
}

# create_with PATTERN ACTION WORD...: runs vmwalk-create WORD..., and in it
# ACTION before the first command that matches PATTERN. Uses bash without -p,
# which would ignore BASH_ENV.
create_with()
{
	export PATTERN=$1 ACTION=$2
	cat >"$BATS_TEST_TMPDIR/trap" <<-'end'
		act()
		{
			[[ $1 == $PATTERN && -v item && ! -v acted ]] || return 0
			acted=1
			eval "$ACTION"
		}
		trap 'act "$BASH_COMMAND"' DEBUG
	end
	run env BASH_ENV="$BATS_TEST_TMPDIR/trap" bash "$(type -P vmwalk-create)" "${@:3}"
}

@test "create: with defaults, prints only the path of the device" {
	run vmwalk-create a
	expect 0 /dev/vmwalk0
	[[ -c /dev/vmwalk0 ]]
	[[ $(get_attribute a live) == 1 ]]
}

@test "create: attributes that are not given keep the defaults of the driver" {
	mkdir "$VMWALK/pending"
	vmwalk-create a
	for file in "$VMWALK"/pending/*; do
		attribute=${file##*/}
		case $attribute in
		dev_name | live)
			;;
		*)
			diff "$file" "$VMWALK/a/$attribute"
			;;
		esac
	done
}

@test "create: sets every attribute" {
	pairs=(
		buffer_type=kmalloc
		size=128K
		target_pid=$$
		map_mode=remap
		cache_mode=wb
		numa_node=0
		address_bits=63
		fill=letters
		track_dirty=0
		fault_around=4K
	)
	vmwalk-create a "${pairs[@]}"
	for pair in "${pairs[@]}"; do
		value=${pair#*=}
		case $pair in
		size=* | fault_around=*)
			value=$((${value%K} * 1024))
			;;
		esac
		[[ $(get_attribute a "${pair%%=*}") == "$value" ]]
	done
	[[ $(head -c 27 /dev/vmwalk0) == abcdefghijklmnopqrstuvwxyza ]]
}

@test "create: the previous test sets every writable attribute" {
	mkdir "$VMWALK/a"
	[[ $(stat --format='%A %n' "$VMWALK"/a/* | grep '^..w' | sed 's,.*/,,' | sort | xargs) == \
		"$WRITABLE" ]]
}

@test "create: live=0 leaves the instance pending, at any position" {
	run vmwalk-create a live=0 size=8K
	expect 0 /dev/vmwalk0
	[[ ! -e /dev/vmwalk0 ]]
	[[ $(get_attribute a live) == 0 ]]
	[[ $(get_attribute a size) == 8192 ]]
}

@test "create: live=1 is written last, at any position" {
	run vmwalk-create a live=1 size=8K
	expect 0 /dev/vmwalk0
	[[ $(get_attribute a size) == 8192 ]]
}

@test "create: the last value of an attribute wins" {
	vmwalk-create a size=8K size=16K
	[[ $(get_attribute a size) == 16384 ]]
}

@test "create: an invalid value fails with last_error and leaves no instance" {
	mkdir "$VMWALK/reference"
	for pair in size=0 size= buffer_type=page map_mode=Remap cache_mode=wt numa_node=-2 address_bits=65 \
		    fill=ones track_dirty=2 fault_around=12K target_pid=99999999 live=2; do
		message=$(driver_error "${pair%%=*}" "${pair#*=}")
		[[ $message ]]
		run vmwalk-create a "$pair"
		expect 1 "vmwalk-create: a: $pair: $message"
		[[ ! -e $VMWALK/a ]]
	done
}

@test "create: an invalid combination fails at live=1 and leaves no instance" {
	run vmwalk-create a buffer_type=kmalloc map_mode=insert
	[[ $status == 1 ]]
	[[ $output == "vmwalk-create: a: live=1: "*kmalloc*insert* ]]
	no_instances
	[[ ! -e /dev/vmwalk0 ]]
}

@test "create: a size above max_buffer_mb fails with the limit and leaves no instance" {
	run vmwalk-create a size=1024G
	[[ $status == 1 ]]
	[[ $output == "vmwalk-create: a: live=1: "*max_buffer_mb* ]]
	no_instances
}

@test "create: the message for an unknown attribute lists the known ones" {
	run vmwalk-create a colour=red
	expect 1 "vmwalk-create: a: unknown attribute 'colour' (known: $WRITABLE)"
	no_instances
}

@test "create: writing a read-only attribute fails and leaves no instance" {
	for attribute in dev_name last_error; do
		run vmwalk-create a "$attribute=x"
		[[ $status == 1 ]]
		[[ $output == "vmwalk-create: a: $attribute=x: "?* ]]
		no_instances
	done
}

@test "create: an existing name fails and does not change the instance" {
	vmwalk-create a size=8K
	run vmwalk-create a size=16K
	expect 1 'vmwalk-create: a: File exists'
	[[ $(get_attribute a size) == 8192 ]]
	[[ -c /dev/vmwalk0 ]]
}

@test "create: the name of a file of the subsystem fails" {
	run vmwalk-create available_fills
	expect 1 'vmwalk-create: available_fills: File exists'
}

@test "create: a name longer than NAME_MAX fails" {
	run vmwalk-create "$(printf '%0256d' 0)"
	[[ $status == 1 && $output == *': File name too long' ]]
	no_instances
}

@test "create: a name that cannot be a directory is a usage error" {
	for name in '' . .. / a/b ../a /a a/; do
		run vmwalk-create "$name"
		expect 2 "vmwalk-create: '$name' is not a valid instance name" \
			"vmwalk-create: try 'vmwalk-create --help'"
	done
	no_instances
}

@test "create: a missing name is a usage error" {
	run vmwalk-create
	expect 2 'vmwalk-create: missing argument NAME' "vmwalk-create: try 'vmwalk-create --help'"
	run vmwalk-create size=8K
	expect 2 "vmwalk-create: missing argument NAME: 'size=8K' is an attribute" \
		"vmwalk-create: try 'vmwalk-create --help'"
	no_instances
}

@test "create: an argument that is not ATTRIBUTE=VALUE is a usage error" {
	for word in size '' =8K a/b=c ../../b/live=0; do
		run vmwalk-create a size=8K "$word"
		expect 2 "vmwalk-create: '$word' is not ATTRIBUTE=VALUE" \
			"vmwalk-create: try 'vmwalk-create --help'"
	done
	run vmwalk-create a $'fill=zero\nsize'
	expect 2 "vmwalk-create: 'fill=zero' is followed by a newline; a value must be one line" \
		"vmwalk-create: try 'vmwalk-create --help'"
	no_instances
}

@test "create: a value that exceeds the limit of configfs is a usage error" {
	vmwalk-create a target_pid="$(printf '%04094d' $$)"
	[[ $(get_attribute a target_pid) == "$$" ]]
	for digits in 4095 4200 8190; do
		run vmwalk-create b target_pid="$(printf "%0${digits}d" $$)"
		expect 2 "vmwalk-create: target_pid: value of $digits bytes exceeds $(
			)the limit of configfs (4094 bytes)" "vmwalk-create: try 'vmwalk-create --help'"
		[[ ! -e $VMWALK/b ]]
	done
}

@test "create: passes special characters in a value to the driver" {
	mkdir "$VMWALK/reference"
	cd /
	# shellcheck disable=SC2016 # literal
	for value in '*' '?' 'zero *' a/b '$(ls)' '"' "'" $'\\' '%s' -n zero=1; do
		message=$(driver_error fill "$value")
		[[ $message ]]
		run vmwalk-create a fill="$value"
		expect 1 "vmwalk-create: a: fill=$value: $message"
		[[ ! -e $VMWALK/a ]]
	done
	vmwalk-create a size='8K  '
	[[ $(get_attribute a size) == 8192 ]]
}

@test "create: one of several concurrent runs with the same name succeeds" {
	for i in 1 2 3 4 5 6; do
		vmwalk-create a >"$BATS_TEST_TMPDIR/$i" 2>&1 3>&- &
		vmwalk-create "a$i" >"$BATS_TEST_TMPDIR/own$i" 2>&1 3>&- &
	done
	wait
	[[ $(grep -lx '/dev/vmwalk[0-9]*' "$BATS_TEST_TMPDIR"/? | wc -l) == 1 ]]
	[[ $(grep -lx 'vmwalk-create: a: File exists' "$BATS_TEST_TMPDIR"/? | wc -l) == 5 ]]
	[[ $(grep -lx '/dev/vmwalk[0-9]*' "$BATS_TEST_TMPDIR"/own? | wc -l) == 6 ]]
	[[ $(get_attribute a live) == 1 ]]
}

@test "create: names may begin with a dash or contain blanks" {
	run vmwalk-create -- -a
	expect 0 /dev/vmwalk0
	run vmwalk-create 'two words' size=8K
	expect 0 /dev/vmwalk1
	[[ $(get_attribute 'two words' live) == 1 ]]
	run vmwalk-destroy -- -a 'two words'
	expect 0 ''
	no_instances
}

@test "create: after --, a name may contain an equals sign" {
	run vmwalk-create -- size=8K fill=letters
	expect 0 /dev/vmwalk0
	[[ $(get_attribute size=8K fill) == letters && $(get_attribute size=8K size) == 1048576 ]]
	vmwalk-destroy size=8K
}

@test "create: leaves no instance if it cannot print the path" {
	run bash -c 'vmwalk-create a >/dev/full'
	expect 1 "vmwalk-create: a: cannot print the path of its device"
	no_instances
	run bash -c 'set -o pipefail; vmwalk-create a | true'
	no_instances || [[ $status == 0 ]]
}

@test "create: a signal right after mkdir leaves no instance" {
	for row in HUP:129 INT:130 QUIT:131 USR1:138 USR2:140 ALRM:142 TERM:143 XCPU:152 XFSZ:153; do
		create_with_signal "${row%:*}"
		expect "${row#*:}" ''
		no_instances
	done
}

@test "create: a signal after the path is printed keeps the instance" {
	create_with unfinished= 'echo signalled >&2; kill -TERM $$' a
	expect 0 $'/dev/vmwalk0\nsignalled'
	[[ $(get_attribute a live) == 1 ]]
}

@test "create: does not write to an instance that another process created meanwhile" {
	for words in 'size=8K size=0' size=8K colour=red live=0; do
		# shellcheck disable=SC2016,SC2086 # for the script; words
		create_with 'write_attribute*' 'rmdir "$item"; mkdir "$item"' a $words
		expect 1 'vmwalk-create: a: removed by another process'
		[[ $(get_attribute a size) == 1048576 ]]
		rmdir "$VMWALK/a"
	done
	# shellcheck disable=SC2016 # for the script
	create_with 'read_value dev_name*' 'rmdir "$item"; mkdir "$item"' a
	expect 1 'vmwalk-create: a: removed by another process'
	rmdir "$VMWALK/a"
}

@test "create: a signal at any time leaves a live instance or none" {
	# 20 times, up to 25 % beyond the normal run time. Not SIGINT: bash 5.2 loops for
	# ever if it arrives just before bash waits for a child.
	create=(vmwalk-create a size=4M fill=digits)
	start=${EPOCHREALTIME/./}
	"${create[@]}"
	took=$((${EPOCHREALTIME/./} - start))
	vmwalk-destroy a
	for ((step = 1; step <= 20; step++)); do
		delay=$((took * step / 16))
		printf -v delay '%d.%06d' $((delay / 1000000)) $((delay % 1000000))
		run timeout --preserve-status --signal=TERM "$delay" "${create[@]}"
		if [[ $status == 0 ]]; then
			expect 0 /dev/vmwalk0
			[[ $(get_attribute a live) == 1 ]]
			rmdir "$VMWALK/a"
		else
			expect 143 ''
			no_instances
		fi
	done
}

@test "create: names may begin with a dot" {
	vmwalk-create .a live=0
	vmwalk-create ..b live=0
	run ! no_instances
	run vmwalk-list
	[[ $status == 0 && ${lines[1]} == '..b '* && ${lines[2]} == '.a '* ]]
	remove_instances
}

@test "destroy: removes pending and live instances" {
	vmwalk-create a live=0
	vmwalk-create b
	run vmwalk-destroy a
	expect 0 ''
	[[ -c /dev/vmwalk1 ]]
	run vmwalk-destroy b
	expect 0 ''
	[[ ! -e /dev/vmwalk1 && ! -e /sys/class/vmwalk/vmwalk1 ]]
	no_instances
}

@test "destroy: removes an instance whose device is open" {
	vmwalk-create a fill=digits
	exec {device}<>/dev/vmwalk0
	run vmwalk-destroy a
	expect 0 ''
	no_instances
	[[ ! -e /dev/vmwalk0 ]]
	run head -c 1 <&"$device"
	[[ $status == 1 && $output == *'No such device' ]]
	exec {device}>&-
}

@test "destroy: a missing instance is an error" {
	run vmwalk-destroy a
	expect 1 'vmwalk-destroy: a: no such instance'
	run vmwalk-destroy available_fills
	expect 1 'vmwalk-destroy: available_fills: no such instance'
}

@test "destroy: an error does not stop the removal of the others" {
	vmwalk-create a
	vmwalk-create c
	run vmwalk-destroy a b c
	expect 1 'vmwalk-destroy: b: no such instance'
	no_instances
}

@test "destroy: an error whose message cannot be printed does not stop it either" {
	for where in '&-' /dev/full; do
		vmwalk-create a
		run bash -c "vmwalk-destroy b a 2>$where"
		expect 1 ''
		no_instances
	done
}

@test "destroy: an invalid name is a usage error, and nothing is removed" {
	vmwalk-create a
	for name in '' . .. a/ ../vmwalk; do
		run vmwalk-destroy a "$name"
		expect 2 "vmwalk-destroy: '$name' is not a valid instance name" \
			"vmwalk-destroy: try 'vmwalk-destroy --help'"
	done
	run vmwalk-destroy
	expect 2 'vmwalk-destroy: missing argument NAME' "vmwalk-destroy: try 'vmwalk-destroy --help'"
	[[ -c /dev/vmwalk0 ]]
}

@test "list: without instances, prints the heading" {
	run vmwalk-list
	[[ $status == 0 && ${#lines[@]} == 1 && $output == 'NAME '*' TARGET_PID' ]]
}

@test "list: one line per instance, with the values in configfs" {
	vmwalk-create b size=8K buffer_type=kmalloc
	vmwalk-create a live=0 target_pid=$$
	run vmwalk-list --bytes
	[[ $status == 0 && ${#lines[@]} == 3 ]]
	read -ra heading <<<"${lines[0]}"
	for i in 1 2; do
		read -ra cells <<<"${lines[i]}"
		[[ ${cells[0]} == "$(printf 'x\na\nb' | sed -n "$((i + 1))p")" ]]
		for ((column = 1; column < ${#heading[@]}; column++)); do
			value=$(get_attribute "${cells[0]}" "${heading[column],,}")
			[[ ${cells[column]} == "$value" ]]
		done
	done
}

@test "list: sorted by name, in byte order" {
	for name in a a-b 'a b' a.b a+ ab B b9 b10 b09 é _; do
		mkdir "$VMWALK/$name"
	done
	run vmwalk-list
	diff <(printf '%s\n' "${lines[@]:1}" | sed 's/  *vmwalk[0-9].*//') \
		<(find "$VMWALK" -mindepth 1 -type d -printf '%f\n' | LC_ALL=C sort)
}

@test "list: skips an instance that is removed while it is read" {
	vmwalk-create a live=0
	mkdir "$BATS_TEST_TMPDIR/whole"
	for file in "$VMWALK/a"/*; do
		cat "$file" >"$BATS_TEST_TMPDIR/whole/${file##*/}"
	done
	# An empty file, as bash sees the attribute of a removed instance
	# shellcheck disable=SC2016 # for the inner shell
	run unshare --mount bash -c '
		mount -t tmpfs none "${VMWALK%/vmwalk}" && mkdir "$VMWALK" &&
		cp -r "$BATS_TEST_TMPDIR/whole" "$VMWALK/whole" && cp -r "$VMWALK"/{whole,gone} &&
		: >"$VMWALK/gone/map_mode" && exec vmwalk-list'
	[[ $status == 0 && ${#lines[@]} == 2 && ${lines[1]} == 'whole '* ]]
}

@test "list: columns are aligned for long names" {
	vmwalk-create a live=0
	vmwalk-create a-name-that-is-longer-than-any-heading live=0
	run vmwalk-list
	before=${lines[0]%%DEV_NAME*}
	for line in "${lines[@]:1}"; do
		[[ ${line:${#before}:6} == vmwalk ]]
	done
}

@test "list: columns are aligned for names of any script" {
	local name

	for name in a é 日本語 $'e\u0301' Ω; do
		vmwalk-create "$name" live=0
	done
	vmwalk-list | sed 1d | while read -r name rest; do
		printf '%s|%s\n' "$(LC_ALL=C.UTF-8 wc -L <<<"$name")" "$rest"
	done >"$BATS_TEST_TMPDIR/widths"
	# A heading and the widest name have the same number of columns.
	[[ $(vmwalk-list | head -n 1) == 'NAME   DEV_NAME '* ]]
	[[ $(cut -d '|' -f 1 "$BATS_TEST_TMPDIR/widths" | sort -u | xargs) == '1 6' ]]
	vmwalk-list | grep -qx "a      vmwalk0  0 .*"
	vmwalk-list | grep -qx "é      vmwalk1  0 .*"
	vmwalk-list | grep -qx "日本語 vmwalk2  0 .*"
	vmwalk-list | grep -qx $'e\u0301      vmwalk3  0 .*'
	vmwalk-list | grep -qx "Ω      vmwalk4  0 .*"
}

@test "list: sizes have the largest unit that divides them" {
	local row

	for row in 4K=4096 8K=8K 1M=0x100000 1028K=1028K 3G=3G 64T=64T; do
		vmwalk-create "a${row%=*}" live=0 size="${row#*=}"
		[[ $(vmwalk-list | grep "^a${row%=*} ") =~ \ +${row%=*}\ fault ]]
		[[ $(vmwalk-list -b | grep "^a${row%=*} ") == *" $(get_attribute "a${row%=*}" size) fault"* ]]
	done
}

@test "list: a hundred instances" {
	mkdir "$VMWALK"/instance-{0..99}
	run vmwalk-list
	[[ $status == 0 && ${#lines[@]} == 101 ]]
}

@test "list: works while instances are created and removed" {
	vmwalk-create a
	touch "$BATS_TEST_TMPDIR/go-on"
	while [[ -e $BATS_TEST_TMPDIR/go-on ]]; do
		mkdir "$VMWALK/passing" && rmdir "$VMWALK/passing"
	done &
	loop=$!
	for ((i = 0; i < 5; i++)); do
		run vmwalk-list
		[[ $status == 0 && ${lines[1]} == 'a '* && ${#lines[@]} -le 3 ]]
	done
	rm "$BATS_TEST_TMPDIR/go-on"
	wait "$loop"
}

@test "list: a name with a newline stays on its line" {
	vmwalk-create $'two\nlines' live=0
	run vmwalk-list
	[[ $status == 0 && ${#lines[@]} == 2 && ${lines[1]} == 'two\x0alines '* ]]
}

@test "list: an operand is a usage error" {
	run vmwalk-list a
	expect 2 "vmwalk-list: unexpected argument 'a'" \
		"vmwalk-list: try 'vmwalk-list --help'"
}

@test "show: a pending instance has attributes only" {
	vmwalk-create a live=0 size=8K
	run vmwalk-show a
	[[ $status == 0 && ${lines[0]} == "$VMWALK/a" ]]
	[[ $output != */sys/class* ]]
	grep -qx '  size  *8192' <<<"$output"
	[[ $((${#lines[@]} - 1)) == "$(find "$VMWALK/a" -type f | wc -l)" ]]
}

@test "show: a live instance also has sysfs files and counters" {
	vmwalk-create a size=8K
	exec {device}<>/dev/vmwalk0
	run vmwalk-show a
	[[ $status == 0 ]]
	grep -qx /sys/class/vmwalk/vmwalk0 <<<"$output"
	grep -qx '  segments  *[0-9]*' <<<"$output"
	grep -qx /sys/class/vmwalk/vmwalk0/stats <<<"$output"
	grep -qx '  opens  *1' <<<"$output"
	[[ $output != *reset* && $output != *uevent* ]]
	exec {device}>&-
}

@test "show: a name with a newline" {
	vmwalk-create $'two\nlines' live=0
	run vmwalk-show $'two\nlines'
	[[ $status == 0 && $output == *$'\n''  live             0'$'\n'* ]]
	run vmwalk-create $'two\nmore' depth=1
	[[ $status == 1 && $output == *"unknown attribute 'depth' (known: address_bits "* ]]
}

@test "all: control characters in names are not printed" {
	vmwalk-create $'a\e]0;b\a' live=0
	for command in vmwalk-list $'vmwalk-show a\e]0;b\a' $'vmwalk-destroy a\e[2J' \
		$'vmwalk-create a\e]0;b\a'; do
		# shellcheck disable=SC2086 # words
		run $command
		[[ $output == *'a\x1b'* ]]
		if LC_ALL=C grep '[[:cntrl:]]' <<<"$output"; then return 1; fi
	done
}

@test "show: a missing instance is an error; no, two or an invalid name are usage errors" {
	run vmwalk-show a
	expect 1 'vmwalk-show: a: no such instance'
	run vmwalk-show
	expect 2 'vmwalk-show: missing argument NAME' "vmwalk-show: try 'vmwalk-show --help'"
	run vmwalk-show a b
	expect 2 "vmwalk-show: unexpected argument 'b'" \
		"vmwalk-show: try 'vmwalk-show --help'"
	run vmwalk-show ../..
	expect 2 "vmwalk-show: '../..' is not a valid instance name" \
		"vmwalk-show: try 'vmwalk-show --help'"
}

@test "all: the environment does not change their behaviour" {
	a_function=(-c 'printf() { :; }; cd() { :; }; export -f printf cd; exec "$@"' -)
	for environment in SHELLOPTS=noclobber SHELLOPTS=noglob BASHOPTS=nocasematch \
		BASHOPTS=failglob POSIXLY_CORRECT=1 CDPATH=/:/tmp GLOBIGNORE='*' IFS=/am \
		bash; do
		echo "$environment"
		in=(env "$environment")
		[[ $environment != bash ]] || in=(bash "${a_function[@]}")
		run "${in[@]}" vmwalk-create a size=8K
		expect 0 /dev/vmwalk0
		[[ $(get_attribute a size) == 8192 ]]
		run "${in[@]}" vmwalk-create b SIZE=8K
		[[ $status == 1 && $output == *"unknown attribute 'SIZE' (known: $WRITABLE)" ]]
		run "${in[@]}" vmwalk-create b LIVE=0
		[[ $status == 1 && $output == *"unknown attribute 'LIVE'"* ]]
		run "${in[@]}" vmwalk-list
		[[ $status == 0 && ${#lines[@]} == 2 && ${lines[1]} == 'a '* ]]
		run "${in[@]}" vmwalk-show a
		[[ $status == 0 ]]
		grep -qx '  size  *8192' <<<"$output"
		run "${in[@]}" vmwalk-destroy a
		expect 0 ''
		no_instances
	done
}

@test "all: work with closed standard streams, or report an error" {
	for closed in '<&-' '2>&-' '<&- 2>&-'; do
		run bash -c "vmwalk-create a size=8K $closed"
		expect 0 /dev/vmwalk0
		run bash -c "vmwalk-create b size=0 $closed"
		[[ $status == 1 && ! -e $VMWALK/b ]]
		run bash -c "vmwalk-list $closed"
		[[ $status == 0 && ${#lines[@]} == 2 ]]
		run bash -c "vmwalk-show a $closed"
		[[ $status == 0 ]]
		run bash -c "vmwalk-create $closed"
		[[ $status == 2 ]]
		# No file got the descriptor of a standard stream.
		[[ $(tr -d '\0' </dev/vmwalk0 | wc -c) == 0 ]]
		run bash -c "vmwalk-destroy a $closed"
		expect 0 ''
	done
	run bash -c 'vmwalk-create a >&-'
	expect 1 "vmwalk-create: a: cannot print the path of its device"
	for command in vmwalk-list 'vmwalk-create --help'; do
		run bash -c "$command >&-"
		[[ $status == 1 && $output == *'Bad file descriptor' ]]
	done
	no_instances
}

@test "all: other users can list and show instances created with umask 077" {
	(umask 077; vmwalk-create a)
	run as_nobody vmwalk-list
	[[ $status == 0 && ${#lines[@]} == 2 ]]
	run as_nobody vmwalk-show a
	[[ $status == 0 && $output == */sys/class/vmwalk* ]]
}

@test "all: --help and -h work without configfs and without privileges" {
	for script in vmwalk-{create,destroy,list,show,save,restore}; do
		run without_configfs "$script" --help
		[[ $status == 0 && ${lines[0]} == "Usage: $script [OPTION]..."* ]]
		grep -q '^  -h, --help  *' <<<"$output"
		help=$output
		run as_nobody "$script" -h
		expect 0 "$help"
	done
}

@test "all: an unknown option is a usage error" {
	for words in 'vmwalk-create --live' 'vmwalk-destroy -hh' 'vmwalk-list -l' 'vmwalk-show -x'; do
		read -r script option <<<"$words"
		run "$script" "$option"
		expect 2 "$script: unknown option '$option'" "$script: try '$script --help'"
	done
}

@test "all: report that configfs is not mounted" {
	for command in 'vmwalk-create a' 'vmwalk-destroy a' vmwalk-list 'vmwalk-show a'; do
		# shellcheck disable=SC2086 # words
		run without_configfs $command
		expect 1 "${command%% *}: configfs is not mounted: $(
			)mount -t configfs configfs /sys/kernel/config"
	done
}

@test "all: report that the module is not loaded" {
	for command in 'vmwalk-create a' 'vmwalk-destroy a' vmwalk-list 'vmwalk-show a'; do
		# shellcheck disable=SC2086 # words
		run without_module $command
		expect 1 "${command%% *}: no $VMWALK: the vmwalk module is not loaded: $(
			)modprobe vmwalk"
	done
}

@test "all: without root, create and destroy fail, list and show work" {
	vmwalk-create a
	for command in 'vmwalk-create b' 'vmwalk-destroy a'; do
		# shellcheck disable=SC2086 # words
		run as_nobody $command
		expect 1 "${command%% *}: no permission to write to $VMWALK: run as root"
	done
	[[ $(get_attribute a live) == 1 ]]
	run as_nobody vmwalk-list
	[[ $status == 0 && ${#lines[@]} == 2 ]]
	run as_nobody vmwalk-show a
	[[ $status == 0 && ${lines[0]} == "$VMWALK/a" && $output != *denied* ]]
	grep -qx '  opens  *0' <<<"$output"
}

@test "all: report a directory that the user may not search" {
	vmwalk-create a
	for directory in "$VMWALK" "${VMWALK%/vmwalk}"; do
		chmod 700 "$directory"
		for command in 'vmwalk-create b' 'vmwalk-destroy a' vmwalk-list 'vmwalk-show a'; do
			# shellcheck disable=SC2086 # words
			run as_nobody $command
			expect 1 "${command%% *}: no permission to access $directory: run as root" || break 2
		done
		chmod 755 "$directory"
	done
	chmod 755 "$VMWALK" "${VMWALK%/vmwalk}"
	[[ $status == 1 && $directory == "${VMWALK%/vmwalk}" ]]
}

@test "all: create and destroy report that configfs is mounted read-only, list and show work" {
	vmwalk-create a
	# shellcheck disable=SC2016 # for the inner shell
	readonly=(unshare --mount bash -c
		'mount -o remount,bind,ro "${VMWALK%/vmwalk}" && exec "$@"' -)
	for command in 'vmwalk-create b' 'vmwalk-destroy a'; do
		# shellcheck disable=SC2086 # words
		run "${readonly[@]}" $command
		expect 1 "${command%% *}: cannot write to $VMWALK: configfs is mounted read-only"
	done
	for command in vmwalk-list 'vmwalk-show a'; do
		# shellcheck disable=SC2086 # words
		run "${readonly[@]}" $command
		[[ $status == 0 && $output == *vmwalk0* ]]
	done
}

@test "all: report that the module is not loaded if configfs has no mount point" {
	# shellcheck disable=SC2016 # for the inner shell
	run unshare --mount bash -c 'umount "${VMWALK%/vmwalk}" && mount -t tmpfs none /sys/kernel &&
		exec vmwalk-list'
	expect 1 'vmwalk-list: the vmwalk module is not loaded: modprobe vmwalk'
}
