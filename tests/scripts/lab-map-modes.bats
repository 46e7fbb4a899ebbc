#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Check the results of the lab map-modes.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab map-modes
}

# is PART LABEL CELLS: check a row of the table. CELLS has commas between the
# columns. PART is the line above the row's group, or empty.
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

@test "remap and insert fill the page tables in mmap(), fault does not" {
	is '' map_mode 'remap,remap,fault 4K,fault 64K,insert'
	is 'after mmap() of 256 pages' mapped_pages 256,256,0,0,256
}

@test "a fault maps fault_around bytes and is counted once" {
	is 'after reading one byte' mapped_pages 256,256,1,16,256
	is 'after reading one byte' faults 0,0,1,1,0
	is 'after reading a byte of each page' mapped_pages 256,256,256,256,256
	is 'after reading a byte of each page' faults 0,0,256,16,0
}

@test "Rss counts pages, but not PFN mappings" {
	is 'after mmap()' 'Rss, KiB' 0,0,0,0,1024
	is 'after reading a byte of each page' 'Rss, KiB' 0,0,1024,1024,1024
	is '' PTEs special,special,normal,normal,normal
}

@test "remap makes a mapping VM_PFNMAP and VM_IO, fault and insert VM_MIXEDMAP" {
	is '' VmFlags 'pf io de dd,pf io de dd,de mm,de mm,de mm'
}

@test "/proc/PID/mem reads pages, but not PFN mappings" {
	is '' '/proc/PID/mem' error,error,abcde,abcde,abcde
}

@test "kmalloc memory cannot be mapped with insert" {
	grep -E '^kmalloc, insert: .*buffer_type kmalloc .*map_mode insert' "$LAB_OUTPUT"
}

@test "the picture has the totals of vmwalk summary" {
	picture_matches
}

@test "the picture shows what each mode has mapped" {
	[[ $(picture_sum 0x300) == device=1024 && $(picture_sum 0x400) == device=1024 ]]
	[[ $(picture_sum 0x500) == 4K=4 && $(picture_sum 0x600) == 4K=64 && $(picture_sum 0x700) == 4K=1024 ]]
}

@test "the sessions give the output that the page shows" {
	expect_session
}

@test "two concurrent runs succeed" {
	[[ $LAB_STATUS == '0 0' ]]
}
