#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The claims of docs/labs/contiguous.md.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab contiguous
}

# pages TYPE: the lines of the lab that say where the pages of that buffer are.
pages()
{
	awk -v type="$1" '/^[a-z]+$/ { on = $1 == type } on && $1 ~ /^[0-9]$/' "$LAB_OUTPUT"
}

# buffer TYPE: all of the lab's lines about it.
buffer()
{
	awk -v type="$1" '/^[a-z]+$/ { on = $1 == type } /^$/ { on = 0 } on' "$LAB_OUTPUT"
}

@test "of kmalloc memory the arithmetic and the walk say the same, of every page" {
	[[ $(pages kmalloc | wc -l) == 4 ]]
	pages kmalloc | awk '$3 != $4 { exit 1 }'
}

@test "of vmalloc memory they differ, of every page" {
	[[ $(pages vmalloc | wc -l) == 4 ]]
	pages vmalloc | awk '$3 == $4 { exit 1 }'
}

@test "the walk is right of both: a program's own page tables lead to the same memory" {
	{ pages kmalloc; pages vmalloc; } | awk '$4 != $5 || $4 ~ /^0x0+$/ { exit 1 }'
}

@test "either is contiguous in the addresses of the kernel, in memory only kmalloc's is" {
	local type page address phys first frame

	for type in kmalloc vmalloc; do
		while read -r page address _ phys _; do
			echo "$type $page $address $phys"
			[[ $page != 0 ]] || first=$address frame=$phys
			((address == first + page * 4096))
			[[ $type == vmalloc ]] || ((phys == frame + page * 4096))
		done < <(pages $type)
	done
	buffer kmalloc | grep -x '64 pages, one run in physical memory'
	buffer vmalloc | grep -x '64 pages, [0-9]* runs in physical memory'
}

@test "another instance finds the record of either by its address, and nothing else of the kernel" {
	local record='roll number 2718, marks 93' type address

	for type in kmalloc vmalloc; do
		buffer $type | grep -x "written: $record"
		address=$(pages $type | awk '$1 == 0 { print $2 }')
		buffer $type | grep -x "read by another from $address: $record"
	done
	grep 'the code of the kernel: nothing: Bad address' "$LAB_OUTPUT"
}

@test "two runs at once don't disturb each other" {
	[[ $LAB_STATUS == '0 0' ]]
}

@test "an instance of the user stays, whatever its name" {
	keeps_users_instance contiguous vmalloc
}
