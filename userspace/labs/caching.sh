#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# Compare page-table entries and access times of write-back, write-combining
# and uncached buffers. See docs/labs/caching.md.
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

# linear_map: KiB of the kernel's linear map that 4K entries map
linear_map()
{
	awk '$1 == "DirectMap4k:" { print $2 }' /proc/meminfo
}

printf '%-5s %-7s %-18s  %4s  %-18s  %3s %3s %3s  %s\n' MODE MAPPING ADDRESS PAGE ENTRY PAT PCD PWT TYPE
declare -A devices split
for mode in wb wc uc; do
	before=$(linear_map)
	create "$mode" buffer_type=pages cache_mode="$mode" size=128K
	split[$mode]=$(($(linear_map) - before))
	devices[$mode]=$device
	lines=$("$program" show "$types" "$mode" "$device")
	echo "$lines"
done

echo
echo 'Large pages of the linear map that were split for 128 KiB (SPLIT, in KiB), and'
echo 'nanoseconds per 8-byte word:'
printf '%-5s %8s %8s %8s\n' MODE SPLIT READ WRITE
times=()
for mode in wb wc uc; do
	read -r _ read write < <("$program" time "$mode" "${devices[$mode]}")
	printf '%-5s %8d %8.2f %8.2f\n' "$mode" "${split[$mode]}" "$read" "$write"
	times+=("$read" "$write")
done
# On real hardware, uncached reads take tens of times as long.
if awk 'BEGIN { exit !(ARGV[5] < 5 * ARGV[1]) }' "${times[@]}"; then
	echo 'Reads take about the same time in all modes: this machine does not honour'
	echo 'memory types. Most probably it is virtual: an emulator has no cache, and a'
	echo 'hypervisor may override the types of its guests. What the types cost cannot'
	echo 'be measured here.'
else
	echo 'Uncached reads take much longer: this machine honours memory types.'
fi

# The last line printed has the kernel address of the uncached page.
read -r _ _ address _ <<<"${lines##*$'\n'}"
vmwalk-destroy "$run-uc"
echo
echo 'Kernel mapping of the uncached page after its instance was removed:'
"$program" kernel "$types" - "${devices[wb]}" "$address"
