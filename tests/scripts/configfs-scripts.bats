#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# vmwalk-create, vmwalk-destroy, vmwalk-list and vmwalk-show: what they do, what they refuse, and
# that a refusal leaves nothing behind.
#
# Copyright (C) The vmwalk authors

load helper

# The attributes that may be written, all of which the tests below try.
WRITABLE='buffer_type cache_mode fault_around fill live map_mode numa_node size target_pid'
WRITABLE+=' track_dirty'

# refused STATUS LINE...: the last run ended so, with these lines as all its output.
refused()
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

# The sentence that the driver itself has on attribute $1 and value $2 of the instance "witness",
# found with echo alone.
driver_says()
{
	if set_attribute witness "$1" "$2" 2>/dev/null; then
		echo "$1=$2 is not refused"
		return 1
	fi
	get_attribute witness last_error
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

# What a signal's test has in place of mkdir: does its work, then sends $SIGNAL to the script, which
# is the parent, so that it arrives while there is an item that nobody knows of yet.
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

# Runs vmwalk-create with a signalling mkdir. env restores signals that bats may have ignored.
create_with_signal()
{
	signalling_mkdir
	export SIGNAL=$1
	# shellcheck disable=SC2016 # for the inner shell
	run env --default-signal PATH="$BATS_TEST_TMPDIR/bin:$PATH" \
		bash -c 'echo $$ >"$BATS_TEST_TMPDIR/pid"; exec vmwalk-create a'
}

# create_with PATTERN ACTION WORD...: runs vmwalk-create with the words, and runs ACTION in it
# before the first command that matches. Needs bash without -p, which would ignore BASH_ENV.
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

@test "create: with defaults, prints the device's path and nothing else" {
	run vmwalk-create a
	refused 0 /dev/vmwalk0
	[[ -c /dev/vmwalk0 ]]
	[[ $(get_attribute a live) == 1 ]]
}

@test "create: attributes not given keep the driver's defaults" {
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

@test "create: takes every attribute" {
	pairs=(
		buffer_type=kmalloc
		size=128K
		target_pid=$$
		map_mode=remap
		cache_mode=wb
		numa_node=0
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

@test "create: every writable attribute is known to the test above" {
	mkdir "$VMWALK/a"
	[[ $(stat --format='%A %n' "$VMWALK"/a/* | grep '^..w' | sed 's,.*/,,' | sort | xargs) == \
		"$WRITABLE" ]]
}

@test "create: live=0 leaves it pending, wherever it stands" {
	run vmwalk-create a live=0 size=8K
	refused 0 /dev/vmwalk0
	[[ ! -e /dev/vmwalk0 ]]
	[[ $(get_attribute a live) == 0 ]]
	[[ $(get_attribute a size) == 8192 ]]
}

@test "create: live=1 may be said, and is still written last" {
	run vmwalk-create a live=1 size=8K
	refused 0 /dev/vmwalk0
	[[ $(get_attribute a size) == 8192 ]]
}

@test "create: of an attribute given twice the last value counts" {
	vmwalk-create a size=8K size=16K
	[[ $(get_attribute a size) == 16384 ]]
}

@test "create: a value is refused in the driver's own words, and nothing is left" {
	mkdir "$VMWALK/witness"
	for pair in size=0 size= buffer_type=page map_mode=Remap cache_mode=wt numa_node=-2 \
		    fill=ones track_dirty=2 fault_around=12K target_pid=99999999 live=2; do
		words=$(driver_says "${pair%%=*}" "${pair#*=}")
		[[ $words ]]
		run vmwalk-create a "$pair"
		refused 1 "vmwalk-create: a: $pair: $words"
		[[ ! -e $VMWALK/a ]]
	done
}

@test "create: values that don't go together are refused at live=1, and nothing is left" {
	run vmwalk-create a buffer_type=kmalloc map_mode=insert
	[[ $status == 1 ]]
	[[ $output == "vmwalk-create: a: live=1: "*kmalloc*insert* ]]
	no_instances
	[[ ! -e /dev/vmwalk0 ]]
}

@test "create: more memory than max_buffer_mb is refused with the limit, and nothing is left" {
	run vmwalk-create a size=1024G
	[[ $status == 1 ]]
	[[ $output == "vmwalk-create: a: live=1: "*max_buffer_mb* ]]
	no_instances
}

@test "create: an attribute that there isn't is answered with those that there are" {
	run vmwalk-create a colour=red
	refused 1 "vmwalk-create: a: no attribute 'colour'; there are: $WRITABLE"
	no_instances
}

@test "create: a read-only attribute is refused, and nothing is left" {
	for attribute in dev_name last_error; do
		run vmwalk-create a "$attribute=x"
		[[ $status == 1 ]]
		[[ $output == "vmwalk-create: a: $attribute=x: "?* ]]
		no_instances
	done
}

@test "create: a name that exists is refused, and what has it stays" {
	vmwalk-create a size=8K
	run vmwalk-create a size=16K
	refused 1 'vmwalk-create: a: File exists'
	[[ $(get_attribute a size) == 8192 ]]
	[[ -c /dev/vmwalk0 ]]
}

@test "create: the name of one of the subsystem's own files is refused" {
	run vmwalk-create available_fills
	refused 1 'vmwalk-create: available_fills: File exists'
}

@test "create: a name longer than a file's is refused" {
	run vmwalk-create "$(printf '%0256d' 0)"
	[[ $status == 1 && $output == *': File name too long' ]]
	no_instances
}

@test "create: what can't name a folder is wrong usage" {
	for name in '' . .. / a/b ../a /a a/; do
		run vmwalk-create "$name"
		refused 2 "vmwalk-create: '$name' cannot name an instance" \
			"vmwalk-create: try 'vmwalk-create --help'"
	done
	no_instances
}

@test "create: no name is wrong usage" {
	run vmwalk-create
	refused 2 'vmwalk-create: no NAME' "vmwalk-create: try 'vmwalk-create --help'"
	run vmwalk-create size=8K
	refused 2 "vmwalk-create: no NAME: 'size=8K' looks like an attribute" \
		"vmwalk-create: try 'vmwalk-create --help'"
	no_instances
}

@test "create: what isn't ATTRIBUTE=VALUE is wrong usage, before anything is made" {
	for word in size '' =8K a/b=c ../../b/live=0; do
		run vmwalk-create a size=8K "$word"
		refused 2 "vmwalk-create: '$word' is not ATTRIBUTE=VALUE" \
			"vmwalk-create: try 'vmwalk-create --help'"
	done
	run vmwalk-create a $'fill=zero\nsize'
	refused 2 "vmwalk-create: 'fill=zero' has a second line; a value is one line" \
		"vmwalk-create: try 'vmwalk-create --help'"
	no_instances
}

@test "create: a value is written whole or not at all" {
	vmwalk-create a target_pid="$(printf '%04094d' $$)"
	[[ $(get_attribute a target_pid) == "$$" ]]
	for digits in 4095 4200 8190; do
		run vmwalk-create b target_pid="$(printf "%0${digits}d" $$)"
		refused 2 "vmwalk-create: target_pid: a value of $digits bytes; $(
			)configfs takes 4094 at most" "vmwalk-create: try 'vmwalk-create --help'"
		[[ ! -e $VMWALK/b ]]
	done
}

@test "create: passes any characters in a value to the driver" {
	mkdir "$VMWALK/witness"
	cd /
	# shellcheck disable=SC2016 # no more than characters
	for value in '*' '?' 'zero *' a/b '$(ls)' '"' "'" $'\\' '%s' -n zero=1; do
		words=$(driver_says fill "$value")
		[[ $words ]]
		run vmwalk-create a fill="$value"
		refused 1 "vmwalk-create: a: fill=$value: $words"
		[[ ! -e $VMWALK/a ]]
	done
	vmwalk-create a size='8K  '
	[[ $(get_attribute a size) == 8192 ]]
}

@test "create: of many concurrent runs with the same name one succeeds" {
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

@test "create: names that look like options or hold blanks" {
	run vmwalk-create -- -a
	refused 0 /dev/vmwalk0
	run vmwalk-create 'two words' size=8K
	refused 0 /dev/vmwalk1
	[[ $(get_attribute 'two words' live) == 1 ]]
	run vmwalk-destroy -- -a 'two words'
	refused 0 ''
	no_instances
}

@test "create: if the path can't be written out, nothing is left" {
	run bash -c 'vmwalk-create a >/dev/full'
	refused 1 "vmwalk-create: a: the path of its device can't be written out"
	no_instances
	run bash -c 'set -o pipefail; vmwalk-create a | true'
	no_instances || [[ $status == 0 ]]
}

@test "create: a signal right after mkdir leaves nothing" {
	for row in HUP:129 INT:130 QUIT:131 USR1:138 USR2:140 ALRM:142 TERM:143 XCPU:152 XFSZ:153; do
		create_with_signal "${row%:*}"
		refused "${row#*:}" ''
		no_instances
	done
}

@test "create: a signal after the path is out comes too late" {
	create_with unfinished= 'echo signalled >&2; kill -TERM $$' a
	refused 0 $'/dev/vmwalk0\nsignalled'
	[[ $(get_attribute a live) == 1 ]]
}

@test "create: doesn't touch an item that another process created meanwhile" {
	for words in 'size=8K size=0' size=8K colour=red live=0; do
		# shellcheck disable=SC2016,SC2086 # for the script; words
		create_with 'write_attribute*' 'rmdir "$item"; mkdir "$item"' a $words
		refused 1 'vmwalk-create: a: another process removed it'
		[[ $(get_attribute a size) == 1048576 ]]
		rmdir "$VMWALK/a"
	done
	# shellcheck disable=SC2016 # for the script
	create_with 'read_value dev_name*' 'rmdir "$item"; mkdir "$item"' a
	refused 1 'vmwalk-create: a: another process removed it'
	rmdir "$VMWALK/a"
}

@test "create: a signal at any moment leaves all or nothing" {
	# The moments are spread over the time that it takes here, and somewhat more. Not SIGINT: bash
	# 5.2 goes round for ever if that arrives in the moment in which it begins to wait for a child.
	create=(vmwalk-create a size=4M fill=digits)
	start=${EPOCHREALTIME/./}
	"${create[@]}"
	took=$((${EPOCHREALTIME/./} - start))
	vmwalk-destroy a
	for ((moment = 1; moment <= 20; moment++)); do
		delay=$((took * moment / 16))
		printf -v delay '%d.%06d' $((delay / 1000000)) $((delay % 1000000))
		run timeout --preserve-status --signal=TERM "$delay" "${create[@]}"
		if [[ $status == 0 ]]; then
			refused 0 /dev/vmwalk0
			[[ $(get_attribute a live) == 1 ]]
			rmdir "$VMWALK/a"
		else
			refused 143 ''
			no_instances
		fi
	done
}

@test "destroy: a pending and a live one" {
	vmwalk-create a live=0
	vmwalk-create b
	run vmwalk-destroy a
	refused 0 ''
	[[ -c /dev/vmwalk1 ]]
	run vmwalk-destroy b
	refused 0 ''
	[[ ! -e /dev/vmwalk1 && ! -e /sys/class/vmwalk/vmwalk1 ]]
	no_instances
}

@test "destroy: one whose device is open" {
	vmwalk-create a fill=digits
	exec {device}<>/dev/vmwalk0
	run vmwalk-destroy a
	refused 0 ''
	no_instances
	[[ ! -e /dev/vmwalk0 ]]
	run head -c 1 <&"$device"
	[[ $status == 1 && $output == *'No such device' ]]
	exec {device}>&-
}

@test "destroy: one that isn't there is refused" {
	run vmwalk-destroy a
	refused 1 'vmwalk-destroy: a: no such instance'
	run vmwalk-destroy available_fills
	refused 1 'vmwalk-destroy: available_fills: no such instance'
}

@test "destroy: one that fails doesn't keep the others" {
	vmwalk-create a
	vmwalk-create c
	run vmwalk-destroy a b c
	refused 1 'vmwalk-destroy: b: no such instance'
	no_instances
}

@test "destroy: nor if the error message can't be written" {
	for where in '&-' /dev/full; do
		vmwalk-create a
		run bash -c "vmwalk-destroy b a 2>$where"
		refused 1 ''
		no_instances
	done
}

@test "destroy: what can't name a folder is wrong usage, and nothing goes" {
	vmwalk-create a
	for name in '' . .. a/ ../vmwalk; do
		run vmwalk-destroy a "$name"
		refused 2 "vmwalk-destroy: '$name' cannot name an instance" \
			"vmwalk-destroy: try 'vmwalk-destroy --help'"
	done
	run vmwalk-destroy
	refused 2 'vmwalk-destroy: no NAME' "vmwalk-destroy: try 'vmwalk-destroy --help'"
	[[ -c /dev/vmwalk0 ]]
}

@test "list: without an instance, the heading" {
	run vmwalk-list
	[[ $status == 0 && ${#lines[@]} == 1 && $output == 'NAME '*' TARGET_PID' ]]
}

@test "list: a line for each, values as configfs has them" {
	vmwalk-create b size=8K buffer_type=kmalloc
	vmwalk-create a live=0 target_pid=$$
	run vmwalk-list
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

@test "list: sorted by the bytes of the names" {
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
	# To bash, a failed read of a removed instance's attribute looks like an empty file.
	# shellcheck disable=SC2016 # for the inner shell
	run unshare --mount bash -c '
		mount -t tmpfs none "${VMWALK%/vmwalk}" && mkdir "$VMWALK" &&
		cp -r "$BATS_TEST_TMPDIR/whole" "$VMWALK/whole" && cp -r "$VMWALK"/{whole,gone} &&
		: >"$VMWALK/gone/map_mode" && exec vmwalk-list'
	[[ $status == 0 && ${#lines[@]} == 2 && ${lines[1]} == 'whole '* ]]
}

@test "list: columns line up, however long a name is" {
	vmwalk-create a live=0
	vmwalk-create a-name-that-is-longer-than-any-heading live=0
	run vmwalk-list
	before=${lines[0]%%DEV_NAME*}
	for line in "${lines[@]:1}"; do
		[[ ${line:${#before}:6} == vmwalk ]]
	done
}

@test "list: a hundred" {
	mkdir "$VMWALK"/instance-{0..99}
	run vmwalk-list
	[[ $status == 0 && ${#lines[@]} == 101 ]]
}

@test "list: while instances come and go" {
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

@test "list: a name that would break its line" {
	vmwalk-create $'two\nlines' live=0
	run vmwalk-list
	[[ $status == 0 && ${#lines[@]} == 2 && ${lines[1]} == 'two?lines '* ]]
}

@test "list: an operand is wrong usage" {
	run vmwalk-list a
	refused 2 "vmwalk-list: 'a' is too much: it lists all instances" \
		"vmwalk-list: try 'vmwalk-list --help'"
}

@test "show: a pending one has its attributes only" {
	vmwalk-create a live=0 size=8K
	run vmwalk-show a
	[[ $status == 0 && ${lines[0]} == "$VMWALK/a" ]]
	[[ $output != */sys/class* ]]
	grep -qx '  size  *8192' <<<"$output"
	[[ $((${#lines[@]} - 1)) == "$(find "$VMWALK/a" -type f | wc -l)" ]]
}

@test "show: a live one has sysfs and its counters too" {
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

@test "show: a name of two lines" {
	vmwalk-create $'two\nlines' live=0
	run vmwalk-show $'two\nlines'
	[[ $status == 0 && $output == *$'\n''  live             0'$'\n'* ]]
	run vmwalk-create $'two\nmore' depth=1
	[[ $status == 1 && $output == *"no attribute 'depth'; there are: buffer_type "* ]]
}

@test "all: control characters in a name don't reach the terminal" {
	vmwalk-create $'a\e]0;b\a' live=0
	for command in vmwalk-list $'vmwalk-show a\e]0;b\a' $'vmwalk-destroy a\e[2J' \
		$'vmwalk-create a\e]0;b\a'; do
		# shellcheck disable=SC2086 # words
		run $command
		[[ $output == *'a?'* ]]
		if LC_ALL=C grep '[[:cntrl:]]' <<<"$output"; then return 1; fi
	done
}

@test "show: one that isn't there, none, two" {
	run vmwalk-show a
	refused 1 'vmwalk-show: a: no such instance'
	run vmwalk-show
	refused 2 'vmwalk-show: no NAME' "vmwalk-show: try 'vmwalk-show --help'"
	run vmwalk-show a b
	refused 2 "vmwalk-show: 'b' is too much: it shows one instance" \
		"vmwalk-show: try 'vmwalk-show --help'"
	run vmwalk-show ../..
	refused 2 "vmwalk-show: '../..' cannot name an instance" \
		"vmwalk-show: try 'vmwalk-show --help'"
}

@test "all: nothing in the caller's environment changes what they do" {
	a_function=(-c 'printf() { :; }; cd() { :; }; export -f printf cd; exec "$@"' -)
	for environment in SHELLOPTS=noclobber SHELLOPTS=noglob BASHOPTS=nocasematch \
		BASHOPTS=failglob POSIXLY_CORRECT=1 CDPATH=/:/tmp GLOBIGNORE='*' IFS=/am \
		bash; do
		echo "$environment"
		in=(env "$environment")
		[[ $environment != bash ]] || in=(bash "${a_function[@]}")
		run "${in[@]}" vmwalk-create a size=8K
		refused 0 /dev/vmwalk0
		[[ $(get_attribute a size) == 8192 ]]
		run "${in[@]}" vmwalk-create b SIZE=8K
		[[ $status == 1 && $output == *"no attribute 'SIZE'; there are: $WRITABLE" ]]
		run "${in[@]}" vmwalk-create b LIVE=0
		[[ $status == 1 && $output == *"no attribute 'LIVE'"* ]]
		run "${in[@]}" vmwalk-list
		[[ $status == 0 && ${#lines[@]} == 2 && ${lines[1]} == 'a '* ]]
		run "${in[@]}" vmwalk-show a
		[[ $status == 0 ]]
		grep -qx '  size  *8192' <<<"$output"
		run "${in[@]}" vmwalk-destroy a
		refused 0 ''
		no_instances
	done
}

@test "all: work with closed standard streams, or report an error" {
	for closed in '<&-' '2>&-' '<&- 2>&-'; do
		run bash -c "vmwalk-create a size=8K $closed"
		refused 0 /dev/vmwalk0
		run bash -c "vmwalk-create b size=0 $closed"
		[[ $status == 1 && ! -e $VMWALK/b ]]
		run bash -c "vmwalk-list $closed"
		[[ $status == 0 && ${#lines[@]} == 2 ]]
		run bash -c "vmwalk-show a $closed"
		[[ $status == 0 ]]
		run bash -c "vmwalk-create $closed"
		[[ $status == 2 ]]
		# No file may be opened with the descriptor number of a standard stream.
		[[ $(tr -d '\0' </dev/vmwalk0 | wc -c) == 0 ]]
		run bash -c "vmwalk-destroy a $closed"
		refused 0 ''
	done
	run bash -c 'vmwalk-create a >&-'
	refused 1 "vmwalk-create: a: the path of its device can't be written out"
	for command in vmwalk-list 'vmwalk-create --help'; do
		run bash -c "$command >&-"
		[[ $status == 1 && $output == *'Bad file descriptor' ]]
	done
	no_instances
}

@test "all: other users can list and show instances that were created under umask 077" {
	(umask 077; vmwalk-create a)
	run as_nobody vmwalk-list
	[[ $status == 0 && ${#lines[@]} == 2 ]]
	run as_nobody vmwalk-show a
	[[ $status == 0 && $output == */sys/class/vmwalk* ]]
}

@test "all: --help and -h, also without configfs and without rights" {
	for script in vmwalk-create vmwalk-destroy vmwalk-list vmwalk-show; do
		run without_configfs "$script" --help
		[[ $status == 0 && ${lines[0]} == "Usage: $script [OPTION]..."* ]]
		grep -q '^  -h, --help  *' <<<"$output"
		help=$output
		run as_nobody "$script" -h
		refused 0 "$help"
	done
}

@test "all: an option that there isn't is wrong usage" {
	for words in 'vmwalk-create --live' 'vmwalk-destroy -hh' 'vmwalk-list -l' 'vmwalk-show -x'; do
		read -r script option <<<"$words"
		run "$script" "$option"
		refused 2 "$script: unknown option '$option'" "$script: try '$script --help'"
	done
}

@test "all: configfs not mounted" {
	for command in 'vmwalk-create a' 'vmwalk-destroy a' vmwalk-list 'vmwalk-show a'; do
		# shellcheck disable=SC2086 # words
		run without_configfs $command
		refused 1 "${command%% *}: configfs is not mounted: $(
			)mount -t configfs configfs /sys/kernel/config"
	done
}

@test "all: module not loaded" {
	for command in 'vmwalk-create a' 'vmwalk-destroy a' vmwalk-list 'vmwalk-show a'; do
		# shellcheck disable=SC2086 # words
		run without_module $command
		refused 1 "${command%% *}: no $VMWALK: the vmwalk module is not loaded: $(
			)modprobe vmwalk"
	done
}

@test "all: without root's rights create and destroy are refused, list and show work" {
	vmwalk-create a
	for command in 'vmwalk-create b' 'vmwalk-destroy a'; do
		# shellcheck disable=SC2086 # words
		run as_nobody $command
		refused 1 "${command%% *}: may not write to $VMWALK: configfs is root's"
	done
	[[ $(get_attribute a live) == 1 ]]
	run as_nobody vmwalk-list
	[[ $status == 0 && ${#lines[@]} == 2 ]]
	run as_nobody vmwalk-show a
	[[ $status == 0 && ${lines[0]} == "$VMWALK/a" && $output != *denied* ]]
	grep -qx '  opens  *0' <<<"$output"
}

@test "all: name the folder that the user may not search" {
	vmwalk-create a
	for folder in "$VMWALK" "${VMWALK%/vmwalk}"; do
		chmod 700 "$folder"
		for command in 'vmwalk-create b' 'vmwalk-destroy a' vmwalk-list 'vmwalk-show a'; do
			# shellcheck disable=SC2086 # words
			run as_nobody $command
			refused 1 "${command%% *}: may not look into $folder: try as root" || break 2
		done
		chmod 755 "$folder"
	done
	chmod 755 "$VMWALK" "${VMWALK%/vmwalk}"
	[[ $status == 1 && $folder == "${VMWALK%/vmwalk}" ]]
}

@test "all: create and destroy report that configfs is mounted read-only, list and show work" {
	vmwalk-create a
	# shellcheck disable=SC2016 # for the inner shell
	readonly=(unshare --mount bash -c
		'mount -o remount,bind,ro "${VMWALK%/vmwalk}" && exec "$@"' -)
	for command in 'vmwalk-create b' 'vmwalk-destroy a'; do
		# shellcheck disable=SC2086 # words
		run "${readonly[@]}" $command
		refused 1 "${command%% *}: may not write to $VMWALK: configfs is mounted read-only"
	done
	for command in vmwalk-list 'vmwalk-show a'; do
		# shellcheck disable=SC2086 # words
		run "${readonly[@]}" $command
		[[ $status == 0 && $output == *vmwalk0* ]]
	done
}

@test "all: report that the module isn't loaded if configfs has no mount point" {
	# shellcheck disable=SC2016 # for the inner shell
	run unshare --mount bash -c 'umount "${VMWALK%/vmwalk}" && mount -t tmpfs none /sys/kernel &&
		exec vmwalk-list'
	refused 1 'vmwalk-list: the vmwalk module is not loaded: modprobe vmwalk'
}
