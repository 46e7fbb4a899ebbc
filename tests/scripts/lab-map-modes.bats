#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The claims of docs/labs/map-modes.md. The columns of the lab's table are kmalloc with remap, and
# vmalloc with remap, with fault by the page, with fault by 64 KiB, and with insert.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab map-modes
}

# is PART LABEL CELLS: whether the row has these cells, with commas between them. PART is the line that
# the row stands below, or nothing.
is()
{
	local found

	found=$(awk -v part="$1" -v label="$2" '
		!/^ / { below = $0 }
		{
			name = substr($0, 1, 34)
			gsub(/^ +| +$/, "", name)
			if (name != label || (part != "" && index(below, part) != 1))
				next
			for (i = 0; i < 5; i++) {
				cell = substr($0, 35 + 13 * i, 13)
				gsub(/^ +| +$/, "", cell)
				printf "%s%s", (i ? "," : ""), cell
			}
			exit
		}' "$LAB_OUTPUT")
	echo "$1 $2: $found"
	[[ $found == "$3" ]]
}

@test "remap and insert fill page tables at mmap(), fault leaves them empty" {
	is '' map_mode 'remap,remap,fault 4K,fault 64K,insert'
	is 'right after mmap() of 256 pages' 'pages that page tables hold' 256,256,0,0,256
}

@test "fault maps what is touched, with fault_around bytes around it, and counts each time" {
	is 'when one byte' 'pages that page tables hold' 256,256,1,16,256
	is 'when one byte' 'faults so far' 0,0,1,1,0
	is 'when a byte of each' 'pages that page tables hold' 256,256,256,256,256
	is 'when a byte of each' 'faults so far' 0,0,256,16,0
}

@test "pages are in Rss, frames never are" {
	is 'right after' 'Rss, KiB' 0,0,0,0,1024
	is 'when a byte of each' 'Rss, KiB' 0,0,1024,1024,1024
	is '' 'page-table entries hold' frames,frames,pages,pages,pages
}

@test "frames make a mapping VM_PFNMAP and VM_IO, pages VM_MIXEDMAP; neither grows" {
	is '' 'kind of mapping (VmFlags)' 'pf io de dd,pf io de dd,de mm,de mm,de mm'
}

@test "others can read pages through the process, not frames" {
	is '' '/proc/PID/mem reads there' error,error,abcde,abcde,abcde
}

@test "kmalloc memory can't be inserted" {
	grep -x 'kmalloc with insert: .*buffer_type kmalloc can.t be mapped by map_mode insert' "$LAB_OUTPUT"
}

@test "two runs at once don't disturb each other" {
	[[ $LAB_STATUS == '0 0' ]]
}

@test "an instance of the user stays, whatever its name" {
	keeps_users_instance map-modes kmalloc-remap-
}
