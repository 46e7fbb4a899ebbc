#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# Find out which memory keeps its page frames when the kernel reclaims pages and
# migrates them. See docs/labs/memory-that-stays.md.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

if [[ ! -d /sys/devices/system/node/node1 ]]; then
	echo 'skipped: this lab moves pages to another NUMA node, and this machine has one'
	exit 4
fi

size=$((16 * page_size))
huge_size=$(awk '$1 == "Hugepagesize:" { print $2 * 1024 }' /proc/meminfo)
# Any free address: a fixed one is easy to find.
at=0x20000000000
file=$(mktemp --tmpdir=/dev/shm)
truncate --size="$size" "$file"
cleanup_lab()
{
	rm -f "$file"
}

coproc mapper { exec "$bin/mapper"; }
# shellcheck disable=SC2154 # set by coproc
pid=$mapper_PID
declare -A devices=()
for mode in remap insert fault; do
	create "$mode" map_mode="$mode" target_pid="$pid" size="$size"
	devices[$mode]=$device
done

# tell COMMAND...: send a command to mapper; its answer is in $answer.
tell()
{
	echo "$*" >&"${mapper[1]}"
	read -r answer _ <&"${mapper[0]}"
}

# find_frames BYTES UNIT: set the array frames to the frame at each UNIT of the
# mapping, or -.
find_frames()
{
	local start pfn pages offset
	local -A found=()

	while read -r start pfn pages; do
		for ((offset = 0; offset < pages * page_size; offset += $2)); do
			found[$((start + offset))]=$((pfn + offset / page_size))
		done
	done < <(vmwalk scan --device "$run-fault" --start "$at" --end "$(printf '%x' $((at + $1)))" \
		--raw --noheadings --mask present --output START,PFN,PAGES)
	frames=()
	for ((offset = 0; offset < $1; offset += $2)); do
		frames+=("${found[$((at + offset))]:--}")
	done
}

# changed FRAME...: how many of these frames are not in the array frames
changed()
{
	local count=0 i

	for i in "${!frames[@]}"; do
		shift "$((i > 0))"
		[[ $1 == "${frames[i]}" ]] || count=$((count + 1))
	done
	case $count in
	0)	echo none ;;
	"${#frames[@]}")	echo all ;;
	*)	echo "$count of ${#frames[@]}" ;;
	esac
}

# row LABEL STEP BYTES WHAT [WORD]...: map memory, take the step if it is not
# empty, and write to all pages. Then reclaim them, write again, and move them.
row()
{
	local label=$1 step=$2 bytes=$3 unit=$page_size error='' before

	[[ ${*: -1} != hugetlb ]] || unit=$huge_size
	printf '%-32s ' "$label"
	tell map "$4" "$bytes" "at=$at" "${@:5}"
	if [[ $answer != "$at" ]]; then
		echo "mmap: $answer"
		return
	fi
	tell write
	[[ ! $step ]] || tell "$step"
	if [[ $answer == E* ]]; then
		echo "$step: $answer"
		tell unmap
		return
	fi
	find_frames "$bytes" "$unit"
	before=("${frames[@]}")
	tell pageout
	[[ $answer != E* ]] || error=$answer
	find_frames "$bytes" "$unit"
	printf '%-22s ' "$(changed "${before[@]}")${error:+, $error}"
	tell write
	find_frames "$bytes" "$unit"
	before=("${frames[@]}")
	tell move
	find_frames "$bytes" "$unit"
	changed "${before[@]}"
	tell unmap
}

echo 'Pages that lose their frames:'
printf '%-32s %-22s %s\n' MEMORY MADV_PAGEOUT move_pages
row 'anonymous' '' "$size" anonymous
row 'anonymous, mlock()' mlock "$size" anonymous
row 'anonymous, MAP_LOCKED' '' "$size" anonymous locked
row 'shared memory' '' "$size" anonymous shared
row 'shared memory, mlock()' mlock "$size" anonymous shared
row 'file in tmpfs, mlock()' mlock "$size" "$file" shared
row 'huge page (hugetlb)' '' "$huge_size" anonymous hugetlb
row 'anonymous, buffer of io_uring' pin "$size" anonymous
row 'vmwalk, map_mode remap' '' "$size" "${devices[remap]}" shared
row 'vmwalk, map_mode insert' '' "$size" "${devices[insert]}" shared
row 'vmwalk, map_mode fault' '' "$size" "${devices[fault]}" shared
