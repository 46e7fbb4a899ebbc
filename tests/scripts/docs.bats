#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Compares the documents with the driver, and runs the sessions in them again. The
# documents are in the directory of this file: links in the source tree, copies
# where it is installed.
#
# Copyright (C) The vmwalk authors

load helper

guide=$BATS_TEST_DIRNAME/guide.md
header=/usr/include/linux/vmwalk.h
EXAMPLES=${VMWALK_EXAMPLES:-/usr/libexec/vmwalk/examples}
ABI=("$BATS_TEST_DIRNAME"/{configfs,sysfs-class,sysfs-module}-vmwalk)

# documented DIRECTORY: prints the files below it that docs/ABI describes, with
# their modes: RO, RW or WO.
documented()
{
	awk -v folder="$1/" '
		$1 == "What:" { what = $2 }
		$1 ~ /^\((RO|RW|WO)\)$/ && index(what, folder) == 1 { print what, substr($1, 2, 2) }
	' "${ABI[@]}" | sort
}

# existing DIRECTORY NAME PLACEHOLDER: prints the same of the files that exist, with
# the placeholder of the documents instead of the name.
existing()
{
	find "$1/" -type f -printf '%p %m\n' |
		sed -e "s,/$2\([/ ]\),/$3\1," -e 's,//,/,' \
			-e 's/ 4[04][04]$/ RO/' -e 's/ 644$/ RW/' -e 's/ 200$/ WO/' | sort
}

@test "ABI: every configfs file and its mode, and no other" {
	mkdir "$VMWALK/a"
	diff <(documented /sys/kernel/config/vmwalk) <(existing "$VMWALK" a '<name>')
}

@test "ABI: every sysfs file and its mode, and no other" {
	make_instance a
	# docs/ABI does not describe files that every device has.
	diff <(documented /sys/class/vmwalk/vmwalkN) \
		<(existing /sys/class/vmwalk/vmwalk0 vmwalk0 vmwalkN |
			grep -v -e /dev -e /uevent)
}

@test "ABI: every module parameter and its mode, and no other" {
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

@test "ABI: every value of an attribute is described, and no other" {
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

# Numbers differ between machines and runs; all other text must be equal.
without_numbers()
{
	sed -E -e 's/0x[0-9a-f]+/#/g' -e 's/[0-9]+/#/g' -e 's/ +/ /g' -e 's/ $//'
}

# Sizes have other units on other machines, memory may be on other nodes, and some
# kernels have no transparent huge pages of 64 KiB.
without_sizes()
{
	sed -E -e '/^  64K windows/d' -e 's/[0-9]+:[0-9.]+[KMG]?(,[0-9]+:[0-9.]+[KMG]?)*$/#/' -e 's/^(  nodes  ).*/\1/' \
		-e 's/[0-9]+(\.[0-9]+)?[KMG]?/#/g' -e 's/ +/ /g' -e 's/^ //; s/ $//'
}

# runs_as_shown PAGE LINES NORMALIZE: runs the sessions on a page, which have that
# many commands or more. Applies the function NORMALIZE to what the page shows and
# to the actual output, and compares both.
runs_as_shown()
{
	cd "$BATS_TEST_TMPDIR" || return
	sessions "$BATS_TEST_DIRNAME/$1.md"
	[[ $(grep -c '^# ' shown) -ge $2 ]] || return
	diff <("$3" <shown) <("$3" <ran)
}

@test "guide: its sessions give the output that it shows" {
	runs_as_shown guide 100 without_numbers
}

@test "boot: its sessions give the output that it shows" {
	runs_as_shown boot 10 without_numbers
}

@test "summary: its sessions give the output that it shows" {
	runs_as_shown summary 6 without_sizes
}

@test "edac: its sessions give the output that it shows" {
	runs_as_shown edac 4 without_numbers
}

# The numbers in the output are those of one process, but memory_intensive maps
# libraries of different sizes on each system.
@test "map: its sessions give the output that it shows" {
	runs_as_shown map 6 without_sizes
}

@test "docs: a test runs the sessions of every page" {
	local page count=0

	cd /usr/share/doc/vmwalk/docs
	# uapi and labs: see below; man: man.bats
	for page in *.md; do
		grep -qx '```console' "$page" || continue
		echo "$page"
		grep -q -e "DIRNAME/$page" -e "runs_as_shown ${page%.md} " "$BATS_TEST_DIRNAME"/*.bats
		count=$((count + 1))
	done
	((count > 5))
}

@test "guide: every message that it explains can occur" {
	# The text between "…" must be in the driver, the scripts, the command, the C library or rmmod.
	programs=("$(modinfo --field filename vmwalk)" /usr/sbin/vmwalk-* /usr/libexec/vmwalk/vmwalk-common.bash
		"$(type -P vmwalk)" "$(type -P rmmod)")
	programs+=("$(awk '$6 ~ /\/libc\.so/ { print $6; exit }' /proc/self/maps)")
	# shellcheck disable=SC2016 # Markdown
	sed -n '/^| message /,/^$/s/^| \([^|]*\) |.*/\1/p' "$guide" |
		grep -o '`[^`]*`' |
		sed -e 's/`//g' -e 's/ *… */\n/g' | grep . >"$BATS_TEST_TMPDIR/fragments"
	[[ $(wc -l <"$BATS_TEST_TMPDIR/fragments") -gt 15 ]]
	while IFS= read -r fragment; do
		echo "looking for: $fragment"
		grep -qaF -e "$fragment" "${programs[@]}"
	done <"$BATS_TEST_TMPDIR/fragments"
}

@test "guide: its table has every attribute, and no other" {
	mkdir "$VMWALK/a"
	# shellcheck disable=SC2016 # Markdown
	diff <(sed -n '/^| attribute /,/^$/s/^| `\([a-z_]*\)`.*/\1/p' "$guide" | sort) \
		<(find "$VMWALK/a" -type f -printf '%f\n' | sort)
}

# Prints the names of the pages on calls and on flags of calls.
pages()
{
	local page

	for page in "$BATS_TEST_DIRNAME"/uapi-*.md; do
		page=${page##*/uapi-}
		[[ $page == README.md ]] || echo "${page%.md}"
	done
}

# Prints the names of the pages on calls.
calls()
{
	pages | grep -vx scan_pagemap
}

@test "uapi: every call has a page and no other page exists, and README names all pages" {
	declared=$(sed -n 's/^#define VMWALK_IOC_\([A-Z_]*\)\t*_IO.*/\L\1/p' "$header" | sort)
	[[ $declared == *scan* ]]
	diff <(echo "$declared") <(calls | sort)
	# shellcheck disable=SC2016 # Markdown
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

@test "uapi: every field is on its page, in order, and no other" {
	declare -A parts=([walk]=level [translate]=translation [scan]=extent)

	for call in $(calls); do
		echo "$call"
		# A call without a structure has no fields.
		# shellcheck disable=SC2016,SC2086 # Markdown; none or one
		diff <(fields "$call" ${parts[$call]-}) \
			<(sed -n 's/^| `\([a-z_]*\)` |.*/\1/p' "$BATS_TEST_DIRNAME/uapi-$call.md")
	done
	[[ $(fields scan extent | wc -l) == 18 ]]
}

@test "uapi: README has every flag of an entry, and no other" {
	# shellcheck disable=SC2016 # Markdown
	diff <(sed -n '/^#define VMWALK_PRESENT/,/^#define VMWALK_HUGE\t/s/#define \([A-Z_]*\).*/\1/p' \
		"$header") \
		<(sed -n 's/^| `\(VMWALK_[A-Z_]*\)` |.*/\1/p' "$BATS_TEST_DIRNAME/uapi-README.md")
}

@test "uapi: every page shows the source of its example" {
	for call in $(pages); do
		echo "$call"
		source=$EXAMPLES/uapi/$call.c
		[[ $(wc -l <"$source") -gt 20 ]]
		# shellcheck disable=SC2016 # Markdown
		diff <(sed '1,/^ \*\/$/d' "$source") \
			<(sed -n '/^```c$/,/^```$/{/^```/d;p}' "$BATS_TEST_DIRNAME/uapi-$call.md")
	done
	[[ $(pages | wc -l) == $(find "$EXAMPLES/uapi" -name '*.c' | wc -l) ]]
}

# Addresses, indices, pids and nodes differ between machines and runs, and so do
# the lines that depend on the number of levels. Counts must be equal.
without_addresses()
{
	sed -E -e 's/0x[0-9a-f]+/#/g' -e 's/index +[0-9]+/index #/' -e 's/vmwalk0: [0-9]+:/vmwalk0: #:/' \
		-e 's/node [0-9]+/node #/' -e 's/[45] levels/# levels/' -e '/^p4d/s/flags [12]/flags #/'
}

@test "uapi: the sessions of all pages give the output that they show" {
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

# Prints the names of all installed labs.
labs()
{
	find /usr/libexec/vmwalk/labs -maxdepth 1 -type f -printf '%f\n' | sort
}

@test "labs: each has a page and tests, and README names all of them" {
	[[ $(labs | wc -l) -ge 4 ]]
	diff <(labs) <(find "$LABS" -name '*.md' ! -name README.md ! -name claims.md -printf '%f\n' |
		sed 's/\.md$//' | sort)
	diff <(labs) <(find "$BATS_TEST_DIRNAME" -name 'lab-*.bats' -printf '%f\n' |
		sed 's/^lab-\(.*\)\.bats$/\1/' | sort)
	# shellcheck disable=SC2016 # Markdown
	diff <(labs) <(sed -n 's/^| \[`\([a-z-]*\)`\](\1\.md) |.*/\1/p' "$LABS/README.md" | sort)
}

@test "labs: every page names its command" {
	for lab in $(labs); do
		echo "$lab"
		grep -qx "    make lab LAB=$lab" "$LABS/$lab.md"
		grep -qx "# /usr/libexec/vmwalk/labs/$lab" "$LABS/$lab.md"
	done
}

@test "labs: all create instances with one function, which a test of kernel-fault covers" {
	for lab in $(labs); do
		echo "$lab"
		if grep -E '^[^#]*(vmwalk-create|vmwalk create|mkdir .*(configfs|VMWALK))' \
			"/usr/libexec/vmwalk/labs/$lab"; then return 1; fi
	done
}

# Prints the rows of all tables in claims.md as CLAIM|LAB|TESTS|TODAY.
claims()
{
	awk -F ' *[|] *' '/^\|/ && $2 != "claim" && $2 !~ /^-+$/ { print $2 "|" $3 "|" $4 "|" $5 }' \
		"$LABS/claims.md"
}

# Prints the tests of all bats files and of the driver's programs as FILE: NAME.
all_tests()
{
	local program

	(cd "$BATS_TEST_DIRNAME" && grep '^@test ' -- *.bats) | sed 's/:@test "\(.*\)" {$/: \1/'
	for program in "$BATS_TEST_DIRNAME"/../driver/test_*; do
		echo "PROGRAM ${program##*/}"
		"$program" --list
	done | awk '$1 == "PROGRAM" { file = $2; next } { sub(/ \[.*/, ""); print file ".c: " $0 }'
}

@test "labs: every claim has a lab and tests that exist, and a statement for current kernels" {
	local claim lab tests today name all failed=

	all=$'\n'$(all_tests)$'\n'
	while IFS='|' read -r claim lab tests today; do
		lab=${lab#*(}
		if [[ ! $claim || ! $today || ! -f $LABS/${lab%)} || ! -x /usr/libexec/vmwalk/labs/${lab%.md)} ]]; then
			echo "no lab or no statement: $claim"
			failed=1
		fi
		tests=${tests//<br>/$'\n'}
		while IFS= read -r name; do
			# shellcheck disable=SC2016 # Markdown
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
