#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# usage: caching [--time]
#
# Compare page-table entries and access times of write-back, write-combining
# and uncached buffers. Times are measured on real hardware, or with --time.
# See docs/labs/caching.md.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"
needs_x86 "it decodes the memory type in page-table entries"

program=$bin/caching
# Another run could reuse the page that is examined after it was freed.
lock_lab

# The page attribute table. The default is Linux's own, for a log that has
# lost the line.
types=$(dmesg | sed -n 's/.*x86\/PAT: Configuration \[0-7\]: //p')
: "${types:=WB  WC  UC- UC  WB  WP  UC- WT}"
echo "Memory types of PAT, PCD, PWT = 000 to 111: $types"
echo

printf '%-5s %-7s %-18s  %4s  %-18s  %3s %3s %3s  %s\n' MODE MAPPING ADDRESS PAGE ENTRY PAT PCD PWT TYPE
declare -A devices
for mode in wb wc uc; do
	create "$mode" buffer_type=pages cache_mode="$mode" size=128K
	devices[$mode]=$device
	lines=$("$program" show "$types" "$mode" "$device")
	echo "$lines"
done

echo
if [[ ${1-} != --time ]] && grep -qw hypervisor /proc/cpuinfo; then
	echo 'Times are not measured in a virtual machine: an emulator has no cache, and a'
	echo 'hypervisor may override memory types. To measure anyway, use --time.'
else
	echo 'Nanoseconds per 8-byte word:'
	printf '%-5s %8s %8s\n' MODE READ WRITE
	for mode in wb wc uc; do
		"$program" time "$mode" "${devices[$mode]}"
	done
fi

# The last line printed has the kernel address of the uncached page.
read -r _ _ address _ <<<"${lines##*$'\n'}"
vmwalk-destroy "$run-uc"
echo
echo 'Kernel mapping of the uncached page after its instance was removed:'
"$program" kernel "$types" - "${devices[wb]}" "$address"
