#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# What the documentation says of the files that the driver makes is held against those files, and
# what the guide shows of a session is run again. The documents lie beside this file, as links in
# the source tree and as copies where it is installed.
#
# Copyright (C) The vmwalk authors

load helper

guide=$BATS_TEST_DIRNAME/guide.md
header=/usr/include/linux/vmwalk.h
EXAMPLES=${VMWALK_EXAMPLES:-/usr/libexec/vmwalk/examples}
ABI=("$BATS_TEST_DIRNAME"/{configfs,sysfs-class,sysfs-module}-vmwalk)

# Prints each file that docs/ABI has below a folder, with its mode in the kernel's letters.
documented()
{
	awk -v folder="$1/" '
		$1 == "What:" { what = $2 }
		$1 ~ /^\((RO|RW|WO)\)$/ && index(what, folder) == 1 { print what, substr($1, 2, 2) }
	' "${ABI[@]}" | sort
}

# existing FOLDER NAME PLACEHOLDER: prints the same of what there is, with the placeholder that the
# documents have where the path has the name.
existing()
{
	find "$1/" -type f -printf '%p %m\n' |
		sed -e "s,/$2\([/ ]\),/$3\1," -e 's,//,/,' \
			-e 's/ 4[04][04]$/ RO/' -e 's/ 644$/ RW/' -e 's/ 200$/ WO/' | sort
}

@test "ABI: every configfs file and its mode, no other" {
	mkdir "$VMWALK/a"
	diff <(documented /sys/kernel/config/vmwalk) <(existing "$VMWALK" a '<name>')
}

@test "ABI: every sysfs file and its mode, no other" {
	make_instance a
	# Those that every device has aren't ours to describe.
	diff <(documented /sys/class/vmwalk/vmwalkN) \
		<(existing /sys/class/vmwalk/vmwalk0 vmwalk0 vmwalkN |
			grep -v -e /dev -e /uevent)
}

@test "ABI: every module parameter and its mode, no other" {
	folder=/sys/module/vmwalk/parameters
	diff <(documented "$folder") <(existing "$folder" - -)
}

@test "ABI: the defaults are those of a new instance" {
	mkdir "$VMWALK/a"
	defaults=$(awk '
		$1 == "What:" { sub(/.*\//, "", $2); what = $2; last = "" }
		{
			for (i = 1; i <= NF; i++) {
				if (last == "Default:")
					print what, substr($i, 1, length($i) - 1)
				last = $i
			}
		}' "$BATS_TEST_DIRNAME/configfs-vmwalk")
	[[ $(wc -l <<<"$defaults") == 11 ]]
	while read -r attribute value; do
		echo "$attribute: $value"
		[[ $(get_attribute a "$attribute") == "$value" ]]
	done <<<"$defaults"
}

@test "ABI: every word that an attribute takes is described, no other" {
	for attribute in buffer_type map_mode cache_mode fill; do
		described=$(awk -v what="/$attribute" '
			$1 == "What:" { on = substr($2, length($2) - length(what) + 1) == what }
			on && $1 == "|" && $2 ~ /:$/ { print substr($2, 1, length($2) - 1) }
			on && $1 ~ /^[a-z]+:$/ { print substr($1, 1, length($1) - 1) }
		' "$BATS_TEST_DIRNAME/configfs-vmwalk" | sort | xargs)
		offered=$(xargs -n 1 <"$VMWALK/available_${attribute}s" | sort | xargs)
		# Not every architecture offers all of them.
		if [[ $(uname -m) == x86_64 ]]; then
			[[ $described == "$offered" ]]
		else
			for word in $offered; do [[ " $described " == *" $word "* ]]; done
		fi
	done
}

# Numbers differ from one machine and one run to the next; all else has to be as it is written.
without_numbers()
{
	sed -E -e 's/0x[0-9a-f]+/#/g' -e 's/[0-9]+/#/g' -e 's/ +/ /g' -e 's/ $//'
}

@test "guide: its sessions go as it shows them" {
	cd "$BATS_TEST_TMPDIR"
	sessions "$guide"
	[[ $(wc -l <script) -gt 20 ]]
	diff <(without_numbers <shown) <(without_numbers <ran)
}

@test "boot: its sessions go as it shows them" {
	cd "$BATS_TEST_TMPDIR"
	sessions "$BATS_TEST_DIRNAME/boot.md"
	[[ $(wc -l <script) -gt 15 ]]
	diff <(without_numbers <shown) <(without_numbers <ran)
}

# Sizes have other units elsewhere, memory may be on other nodes, and some kernels
# have no transparent huge pages of 64 KiB.
without_sizes()
{
	sed -E -e '/^  64K windows/d' -e 's/[0-9]+:[0-9.]+[KMG]?(,[0-9]+:[0-9.]+[KMG]?)*$/#/' -e 's/^(  nodes  ).*/\1/' \
		-e 's/[0-9]+(\.[0-9]+)?[KMG]?/#/g' -e 's/ +/ /g' -e 's/^ //; s/ $//'
}

@test "summary: its sessions go as it shows them" {
	cd "$BATS_TEST_TMPDIR"
	sessions "$BATS_TEST_DIRNAME/summary.md"
	[[ $(wc -l <script) -gt 8 ]]
	diff <(without_sizes <shown) <(without_sizes <ran)
}

@test "edac: its sessions go as it shows them" {
	cd "$BATS_TEST_TMPDIR"
	sessions "$BATS_TEST_DIRNAME/edac.md"
	[[ $(wc -l <script) -gt 5 ]]
	diff <(without_numbers <shown) <(without_numbers <ran)
}

# The numbers in the output are those of one process, but memory_intensive maps
# libraries of different sizes on each system.
@test "map: its sessions go as it shows them" {
	cd "$BATS_TEST_TMPDIR"
	sessions "$BATS_TEST_DIRNAME/map.md"
	[[ $(wc -l <script) -gt 5 ]]
	diff <(without_sizes <shown) <(without_sizes <ran)
}

@test "guide: every message that it helps with is one that can come" {
	# What stands between the … has to be in the driver, the scripts, the command, the C library or rmmod.
	programs=("$(modinfo --field filename vmwalk)" /usr/sbin/vmwalk-* /usr/libexec/vmwalk/vmwalk-common.bash
		"$(type -P vmwalk)" "$(type -P rmmod)")
	programs+=("$(awk '$6 ~ /\/libc\.so/ { print $6; exit }' /proc/self/maps)")
	# shellcheck disable=SC2016 # the backquotes are Markdown's
	sed -n '/^| message /,/^$/s/^| \([^|]*\) |.*/\1/p' "$guide" |
		grep -o '`[^`]*`' |
		sed -e 's/`//g' -e 's/ *… */\n/g' | grep . >"$BATS_TEST_TMPDIR/fragments"
	[[ $(wc -l <"$BATS_TEST_TMPDIR/fragments") -gt 15 ]]
	while IFS= read -r fragment; do
		echo "looking for: $fragment"
		grep -qaF -e "$fragment" "${programs[@]}"
	done <"$BATS_TEST_TMPDIR/fragments"
}

@test "guide: its table has every attribute, no other" {
	mkdir "$VMWALK/a"
	# shellcheck disable=SC2016 # the backquotes are Markdown's
	diff <(sed -n '/^| attribute /,/^$/s/^| `\([a-z_]*\)`.*/\1/p' "$guide" | sort) \
		<(find "$VMWALK/a" -type f -printf '%f\n' | sort)
}

# The pages on calls and on flags of calls; README is what they share.
pages()
{
	local page

	for page in "$BATS_TEST_DIRNAME"/uapi-*.md; do
		page=${page##*/uapi-}
		[[ $page == README.md ]] || echo "${page%.md}"
	done
}

# The pages on calls.
calls()
{
	pages | grep -vx scan_pagemap
}

@test "uapi: every call has a page, no other, and README names them all" {
	declared=$(sed -n 's/^#define VMWALK_IOC_\([A-Z_]*\)\t*_IO.*/\L\1/p' "$header" | sort)
	[[ $declared == *scan* ]]
	diff <(echo "$declared") <(calls | sort)
	# shellcheck disable=SC2016 # the backquotes are Markdown's
	diff <(echo "$declared") <(sed -n 's/^| \[`VMWALK_IOC_[A-Z_]*`\](\([a-z_]*\).md) .*/\1/p' \
		"$BATS_TEST_DIRNAME/uapi-README.md" | sort)
	for page in $(pages); do
		grep -q "^| .*]($page.md)" "$BATS_TEST_DIRNAME/uapi-README.md"
	done
}

# fields STRUCTURE...: prints the names of their fields, in order.
fields()
{
	local structure

	for structure; do
		awk -v start="struct vmwalk_$structure {" '
			$0 == start { on = 1; next }
			/^}/ { on = 0 }
			on { sub(/(\[.*)?;$/, "", $NF); print $NF }' "$header"
	done
}

@test "uapi: every field is on its page, in order, no other" {
	declare -A parts=([walk]=level [translate]=translation [scan]=extent)

	for call in $(calls); do
		echo "$call"
		# What has no structure has no fields.
		# shellcheck disable=SC2016,SC2086 # the backquotes are Markdown's; none or one
		diff <(fields "$call" ${parts[$call]-}) \
			<(sed -n 's/^| `\([a-z_]*\)` |.*/\1/p' "$BATS_TEST_DIRNAME/uapi-$call.md")
	done
	[[ $(fields scan extent | wc -l) == 18 ]]
}

@test "uapi: README has every flag of an entry, no other" {
	# shellcheck disable=SC2016 # the backquotes are Markdown's
	diff <(sed -n '/^#define VMWALK_PRESENT/,/^#define VMWALK_HUGE\t/s/#define \([A-Z_]*\).*/\1/p' \
		"$header") \
		<(sed -n 's/^| `\(VMWALK_[A-Z_]*\)` |.*/\1/p' "$BATS_TEST_DIRNAME/uapi-README.md")
}

@test "uapi: every page shows the very source of its example" {
	for call in $(pages); do
		echo "$call"
		source=$EXAMPLES/uapi/$call.c
		[[ $(wc -l <"$source") -gt 20 ]]
		# shellcheck disable=SC2016 # the backquotes are Markdown's
		diff <(sed '1,/^ \*\/$/d' "$source") \
			<(sed -n '/^```c$/,/^```$/{/^```/d;p}' "$BATS_TEST_DIRNAME/uapi-$call.md")
	done
	[[ $(pages | wc -l) == $(find "$EXAMPLES/uapi" -name '*.c' | wc -l) ]]
}

# What differs from one machine and one run to the next: addresses, indices, pids, the node, and what
# depends on how many levels there are. Counts have to be as they are written.
without_addresses()
{
	sed -E -e 's/0x[0-9a-f]+/#/g' -e 's/index +[0-9]+/index #/' -e 's/vmwalk0: [0-9]+:/vmwalk0: #:/' \
		-e 's/node [0-9]+/node #/' -e 's/[45] levels/# levels/' -e '/^p4d/s/flags [12]/flags #/'
}

@test "uapi: the sessions of all pages go as they show them" {
	local call failed=

	cd "$BATS_TEST_TMPDIR"
	for call in $(pages); do
		echo "$call"
		sessions "$BATS_TEST_DIRNAME/uapi-$call.md"
		[[ $(wc -l <script) -ge 4 ]]
		diff <(without_addresses <shown) <(without_addresses <ran) || failed=1
		no_instances
	done
	[[ ! $failed ]]
}

LABS=$BATS_TEST_DIRNAME/labs

# The names of all labs that are installed.
labs()
{
	find /usr/libexec/vmwalk/labs -maxdepth 1 -type f -printf '%f\n' | sort
}

@test "labs: each has a page and tests, no other, and README names them all" {
	[[ $(labs | wc -l) -ge 4 ]]
	diff <(labs) <(find "$LABS" -name '*.md' ! -name README.md ! -name claims.md -printf '%f\n' |
		sed 's/\.md$//' | sort)
	diff <(labs) <(find "$BATS_TEST_DIRNAME" -name 'lab-*.bats' -printf '%f\n' |
		sed 's/^lab-\(.*\)\.bats$/\1/' | sort)
	# shellcheck disable=SC2016 # the backquotes are Markdown's
	diff <(labs) <(sed -n 's/^| \[`\([a-z-]*\)`\](\1\.md) |.*/\1/p' "$LABS/README.md" | sort)
}

@test "labs: every page names its command" {
	for lab in $(labs); do
		echo "$lab"
		grep -qx "    make lab LAB=$lab" "$LABS/$lab.md"
		grep -qx "# /usr/libexec/vmwalk/labs/$lab" "$LABS/$lab.md"
	done
}

@test "labs: all use one function to create instances, which a test of kernel-fault covers" {
	for lab in $(labs); do
		echo "$lab"
		if grep -E '^[^#]*(vmwalk-create|vmwalk create|mkdir .*(configfs|VMWALK))' \
			"/usr/libexec/vmwalk/labs/$lab"; then return 1; fi
	done
}

# The rows of all tables of claims.md, CLAIM|LAB|TESTS|TODAY.
claims()
{
	awk -F ' *[|] *' '/^\|/ && $2 != "claim" && $2 !~ /^-+$/ { print $2 "|" $3 "|" $4 "|" $5 }' \
		"$LABS/claims.md"
}

# The tests of all bats files and of the driver's programs, as FILE: NAME.
all_tests()
{
	local program

	(cd "$BATS_TEST_DIRNAME" && grep '^@test ' -- *.bats) | sed 's/:@test "\(.*\)" {$/: \1/'
	for program in "$BATS_TEST_DIRNAME"/../driver/test_*; do
		echo "PROGRAM ${program##*/}"
		"$program" --list
	done | awk '$1 == "PROGRAM" { file = $2; next } { sub(/ \[.*/, ""); print file ".c: " $0 }'
}

@test "labs: every claim has a lab and a test that there are, and a word on today" {
	local claim lab tests today name all failed=

	all=$'\n'$(all_tests)$'\n'
	while IFS='|' read -r claim lab tests today; do
		lab=${lab#*(}
		if [[ ! $claim || ! $today || ! -f $LABS/${lab%)} || ! -x /usr/libexec/vmwalk/labs/${lab%.md)} ]]; then
			echo "no lab or nothing to say: $claim"
			failed=1
		fi
		tests=${tests//<br>/$'\n'}
		while IFS= read -r name; do
			# shellcheck disable=SC2016 # the backquotes are Markdown's
			if [[ ! $name =~ ^\`([a-z_.-]+)\`:\ (.+)$ ]] ||
				[[ $all != *$'\n'"${BASH_REMATCH[1]}: ${BASH_REMATCH[2]}"$'\n'* ]]; then
				echo "no test '$name': $claim"
				failed=1
			fi
		done <<<"$tests"
	done < <(claims)
	[[ $(claims | wc -l) -gt 90 ]]
	[[ ! $(awk -F '|' '/^\|/ && NF != 6' "$LABS/claims.md") ]]
	[[ ! $failed ]]
}
