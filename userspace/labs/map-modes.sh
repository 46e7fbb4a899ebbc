#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# Three ways to map vmalloc memory into a program and one for kmalloc memory, side by side: what is in
# the page tables after mmap() and after touching, what kind of mapping it is, and what it costs. One
# of the three, fault, stands here twice: with a fault for each page, and for 64 KiB at a time.
#
# docs/labs/map-modes.md is about it.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

size=$((1024 * 1024))
at=0x20000000000	# where it is mapped: any address that is free, easy to find in listings

# The process that maps. It does what its standard input says, and ends with this script.
coproc mapper { exec "$bin/mapper"; }
# shellcheck disable=SC2154 # coproc sets it
pid=$mapper_PID

# tell COMMAND...: its answer is in the array answer.
tell()
{
	echo "$*" >&"${mapper[1]}"
	read -r -a answer <&"${mapper[0]}"
	[[ ${answer[0]} != E* ]] || { echo "map-modes: $*: ${answer[0]}" >&2; exit 1; }
}

# smaps FIELD: what /proc/PID/smaps says of the mapping, without the unit.
smaps()
{
	awk -v start="^${at#0x}-" -v field="$1:" '
		$0 ~ start { found = 1 }
		found && $1 == field { sub(/^[^ ]* */, ""); sub(/ kB$/, ""); print; exit }' \
		"/proc/$pid/smaps"
}

# flags_of_interest FLAG...: those of them in which the ways differ.
flags_of_interest()
{
	local flag some=()

	for flag; do
		[[ $flag != @(pf|io|mm|de|dd) ]] || some+=("$flag")
	done
	echo "${some[*]}"
}

# Each row of the table is an entry of this array, with a cell added for each way.
declare -A row=()
cell()
{
	row[$1]+=$(printf '%13s' "$2")
}

# try BUFFER_TYPE MAP_MODE [FAULT_AROUND]: one column of the table.
try()
{
	local name=$1-$2-${3-} stats flags state best_map=0 best_touch=0 i

	make "$name" buffer_type="$1" map_mode="$2" fault_around="${3:-64K}" size="$size" \
		fill=letters target_pid="$pid"
	stats=/sys/class/vmwalk/${device#/dev/}/stats
	cell type "$1"
	cell mode "$2${3:+ $3}"

	tell map "$device" "$size" shared "at=$at"
	cell mapped "$(<"$stats/mapped_pages")"
	cell rss "$(smaps Rss)"

	tell read 0
	cell mapped_one "$(<"$stats/mapped_pages")"
	cell faults_one "$(<"$stats/faults")"

	tell read
	cell mapped_all "$(<"$stats/mapped_pages")"
	cell faults_all "$(<"$stats/faults")"
	cell rss_all "$(smaps Rss)"

	read -r -a flags < <(smaps VmFlags)
	cell flags "$(flags_of_interest "${flags[@]}")"
	state=$(vmwalk translate --device "$run-$name" --raw --noheadings --output FLAGS "$at")
	if [[ $state == *special* ]]; then
		cell entries frames
	else
		cell entries pages
	fi
	cell mem "$(dd if="/proc/$pid/mem" bs=4096 skip=$((at / 4096)) count=1 2>/dev/null |
		head --bytes=5 | grep . || echo error)"

	# The best of some rounds; the machine has other things to do.
	for ((i = 0; i < 9; i++)); do
		tell unmap
		tell map "$device" "$size" shared "at=$at"
		((best_map && best_map <= answer[1])) || best_map=${answer[1]}
		tell read
		((best_touch && best_touch <= answer[0])) || best_touch=${answer[0]}
	done
	tell unmap
	: "${first:=$((best_map + best_touch))}"
	cell cost_map "$(ratio "$best_map")"
	cell cost_touch "$(ratio "$best_touch")"
	cell cost "$(ratio $((best_map + best_touch)))"
	vmwalk-destroy "$run-$name"
}

# ratio NS: in what the first column takes for mmap() and touching together.
ratio()
{
	printf '%d.%02d\n' $(($1 / first)) $(($1 * 100 / first % 100))
}

try kmalloc remap
try vmalloc remap
try vmalloc fault 4K
try vmalloc fault 64K
try vmalloc insert

# line LABEL ROW
line()
{
	printf '%-34s%s\n' "$1" "${row[$2]}"
}
line 'buffer_type' type
line 'map_mode' mode
echo "right after mmap() of $((size / 4096)) pages"
line '  pages that page tables hold' mapped
line '  Rss, KiB' rss
echo 'when one byte was read'
line '  pages that page tables hold' mapped_one
line '  faults so far' faults_one
echo 'when a byte of each page was read'
line '  pages that page tables hold' mapped_all
line '  faults so far' faults_all
line '  Rss, KiB' rss_all
line 'kind of mapping (VmFlags)' flags
line 'page-table entries hold' entries
line '/proc/PID/mem reads there' mem
echo 'time, kmalloc being 1 in all'
line '  mmap()' cost_map
line '  reading a byte of each page' cost_touch
line '  both' cost

printf '\nkmalloc with insert: '
make refused buffer_type=kmalloc map_mode=insert 2>&1 || true
