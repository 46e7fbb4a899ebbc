#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Check the results of the lab contiguous.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab contiguous
}

# pages TYPE: the rows with the addresses of that buffer's pages.
pages()
{
	awk -v type="$1" '/^[a-z]+$/ { on = $1 == type } on && $1 ~ /^[0-9]$/' "$LAB_OUTPUT"
}

# buffer TYPE: all lines about that buffer.
buffer()
{
	awk -v type="$1" '/^[a-z]+$/ { on = $1 == type } /^$/ { on = 0 } on' "$LAB_OUTPUT"
}

@test "__pa() of kmalloc memory matches the kernel page table" {
	[[ $(pages kmalloc | wc -l) == 4 ]]
	pages kmalloc | awk '$3 != $4 { exit 1 }'
}

@test "__pa() of vmalloc memory does not match the kernel page table" {
	[[ $(pages vmalloc | wc -l) == 4 ]]
	pages vmalloc | awk '$3 == $4 { exit 1 }'
}

@test "kernel and user page tables have the same physical addresses" {
	{ pages kmalloc; pages vmalloc; } | awk '$4 != $5 || $4 ~ /^0x0+$/ { exit 1 }'
}

@test "both buffers are virtually contiguous, only kmalloc's is physically contiguous" {
	local type page address phys first first_phys

	for type in kmalloc vmalloc; do
		while read -r page address _ phys _; do
			echo "$type $page $address $phys"
			[[ $page != 0 ]] || first=$address first_phys=$phys
			((address == first + page * 4096))
			[[ $type == vmalloc ]] || ((phys == first_phys + page * 4096))
		done < <(pages $type)
	done
	buffer kmalloc | grep -x '64 pages, physical segments: 1'
	buffer vmalloc | grep -Ex '64 pages, physical segments: [0-9]+'
}

@test "another device reads both records by kernel address, but no kernel text" {
	local record='roll number 2718, marks 93' type address

	for type in kmalloc vmalloc; do
		buffer $type | grep -x "written: $record"
		address=$(pages $type | awk '$1 == 0 { print $2 }')
		buffer $type | grep -x "other device, read at $address: $record"
	done
	grep -x 'other device, read at .* (kernel text): Bad address' "$LAB_OUTPUT"
}

@test "the sessions give the output that the page shows" {
	expect_session
}

@test "two concurrent runs succeed" {
	[[ $LAB_STATUS == '0 0' ]]
}
