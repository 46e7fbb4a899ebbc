#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# usage: caching [--time]
#
# Three buffers, cached in three ways: what a program's page-table entries say of it, and what the
# kernel's own for the same memory say. What it costs is measured where the machine is real, or with
# --time anywhere.
#
# docs/labs/caching.md is about it.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

program=$bin/caching
# Another run could allocate the page that this run has freed and still examines.
take_turns

# What the kernel made the three bits stand for, from 0 to 7. Where the log has lost it, this is what
# Linux chooses.
types=$(dmesg | sed -n 's/.*x86\/PAT: Configuration \[0-7\]: //p')
: "${types:=WB  WC  UC- UC  WB  WP  UC- WT}"
echo "PAT, PCD, PWT from 000 to 111 stand for: $types"
echo

printf '%-5s %-11s %-18s  %4s  %-18s  %3s %3s %3s  %s\n' MODE 'MAPPED BY' ADDRESS PAGE ENTRY PAT PCD \
	PWT 'STANDS FOR'
declare -A devices
for mode in wb wc uc; do
	make "$mode" buffer_type=pages cache_mode="$mode" size=128K
	devices[$mode]=$device
	lines=$("$program" show "$types" "$mode" "$device")
	echo "$lines"
done

echo
if [[ ${1-} != --time ]] && grep -qw hypervisor /proc/cpuinfo; then
	echo 'Not timed: in a virtual machine entries may say what they like. An emulator caches nothing,'
	echo 'and a hypervisor may overrule them. --time measures even so.'
else
	printf '%-5s %8s %8s\n' MODE READING WRITING
	for mode in wb wc uc; do
		"$program" time "$mode" "${devices[$mode]}"
	done
	echo 'in nanoseconds, for each word of eight bytes'
fi

# The last line shown was the kernel's own, of the buffer that isn't cached.
read -r _ _ _ address _ <<<"${lines##*$'\n'}"
vmwalk-destroy "$run-uc"
echo
echo 'The same page in the kernel, once it is nobody'"'"'s buffer any more:'
"$program" kernel "$types" - "${devices[wb]}" "$address"
