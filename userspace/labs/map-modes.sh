#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# Compare the map modes: page tables after mmap() and after access, VMA flags,
# and time. See docs/labs/map-modes.md.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

size=$((1024 * 1024))
# Any free address: a fixed one is easy to find in smaps.
at=0x20000000000

coproc mapper { exec "$bin/mapper"; }
# shellcheck disable=SC2154 # set by coproc
pid=$mapper_PID

# tell COMMAND...: send a command to mapper; its answer is in the array answer.
tell()
{
	echo "$*" >&"${mapper[1]}"
	read -r -a answer <&"${mapper[0]}"
	[[ ${answer[0]} != E* ]] || { echo "map-modes: $*: ${answer[0]}" >&2; exit 1; }
}

# smaps FIELD: the field of the mapping at $at, without the unit.
smaps()
{
	awk -v start="^${at#0x}-" -v field="$1:" '
		$0 ~ start { found = 1 }
		found && $1 == field { sub(/^[^ ]* */, ""); sub(/ kB$/, ""); print; exit }' \
		"/proc/$pid/smaps"
}

# select_flags FLAG...: the flags in which the map modes differ.
select_flags()
{
	local flag selected=()

	for flag; do
		[[ $flag != @(pf|io|mm|de|dd) ]] || selected+=("$flag")
	done
	echo "${selected[*]}"
}

# Each element is one row of the table; a measurement appends a cell to each.
declare -A row=()
cell()
{
	row[$1]+=$(printf '%13s' "$2")
}

# measure BUFFER_TYPE MAP_MODE [FAULT_AROUND]: fill one column of the table.
measure()
{
	local name=$1-$2-${3-} stats flags state best_map=0 best_touch=0 i

	create "$name" buffer_type="$1" map_mode="$2" fault_around="${3:-64K}" size="$size" \
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
	cell flags "$(select_flags "${flags[@]}")"
	state=$(vmwalk translate --device "$run-$name" --raw --noheadings --output FLAGS "$at")
	if [[ $state == *special* ]]; then
		cell pte special
	else
		cell pte normal
	fi
	cell mem "$(dd if="/proc/$pid/mem" bs="$page_size" skip=$((at / page_size)) count=1 2>/dev/null |
		head --bytes=5 | grep . || echo error)"

	# Keep the minimum of several rounds: other processes disturb some.
	for ((i = 0; i < 9; i++)); do
		tell unmap
		tell map "$device" "$size" shared "at=$at"
		((best_map && best_map <= answer[1])) || best_map=${answer[1]}
		tell read
		((best_touch && best_touch <= answer[0])) || best_touch=${answer[0]}
	done
	tell unmap
	: "${first:=$((best_map + best_touch))}"
	cell time_map "$(ratio "$best_map")"
	cell time_touch "$(ratio "$best_touch")"
	cell time "$(ratio $((best_map + best_touch)))"
	vmwalk-destroy "$run-$name"
}

# ratio NS: relative to the total of the first column.
ratio()
{
	printf '%d.%02d\n' $(($1 / first)) $(($1 * 100 / first % 100))
}

measure kmalloc remap
measure vmalloc remap
measure vmalloc fault "$((page_size / 1024))K"
measure vmalloc fault 64K
measure vmalloc insert

# line LABEL ROW
line()
{
	printf '%-34s%s\n' "$1" "${row[$2]}"
}
line 'buffer_type' type
line 'map_mode' mode
echo "after mmap() of $((size / page_size)) pages"
line '  mapped_pages' mapped
line '  Rss, KiB' rss
echo 'after reading one byte'
line '  mapped_pages' mapped_one
line '  faults' faults_one
echo 'after reading a byte of each page'
line '  mapped_pages' mapped_all
line '  faults' faults_all
line '  Rss, KiB' rss_all
line 'VmFlags' flags
line 'PTEs' pte
line '/proc/PID/mem' mem
echo 'time, relative to kmalloc in total'
line '  mmap()' time_map
line '  reading a byte of each page' time_touch
line '  total' time

# draw BUFFER_TYPE MAP_MODE [FAULT_AROUND]: map and read one byte. A gap before the
# mapping begins a row of the picture.
draw()
{
	create "draw-$1-$2-${3-}" buffer_type="$1" map_mode="$2" fault_around="${3:-64K}" size="$size"
	at=$((at + (1 << 40)))
	tell map "$device" "$size" shared "at=$at"
	tell read 0
	printf '  %s: %s, %s\n' "${device#/dev/}" "$1" "$2${3:+ $3}"
}

printf '\nmappings in the picture, after reading one byte\n'
draw kmalloc remap
draw vmalloc remap
draw vmalloc fault "$((page_size / 1024))K"
draw vmalloc fault 64K
draw vmalloc insert
picture "$pid"

printf '\nkmalloc, insert: '
create invalid buffer_type=kmalloc map_mode=insert 2>&1 || true
