#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# What is where in the kernel's own addresses: the ranges of the running kernel, how much of each is
# mapped and by pages of which size, and where one address of each leads.
#
# docs/labs/kernel-map.md is about it.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

program=$bin/kernel-map

# An address that is known to be in each range. Two are those of buffers.
make kmalloc buffer_type=kmalloc size=64K
read -r kmalloc kmalloc_phys < <("$program" buffer "$device")
make vmalloc buffer_type=vmalloc size=64K
read -r vmalloc _ < <("$program" buffer "$device")
module=$(awk '$1 == "vmwalk" { print $6 }' /proc/modules)
text=0x$(awk '$3 == "_text" { print $1; exit }' /proc/kallsyms)

# The ranges as the kernel tells debuggers: in the headers of /proc/kcore, a core file of the kernel,
# with 56 bytes for each. The third word is an address, the sixth a length.
ranges()
{
	local count

	count=$(od -A n -t u2 -j 56 -N 2 /proc/kcore)
	od -A n -v -t x8 -w56 -j 64 -N $((count * 56)) /proc/kcore |
		awk '$1 ~ /1$/ { print "0x" $3, "0x" $6 }'
}

# Memory comes in pieces, so there are several headers for it, in ascending order; from and to hold all of
# a name together. The ranges have the same order in every kernel: the linear map of all memory, vmalloc,
# the vmemmap with a struct page for each frame, the kernel itself, its modules.
declare -A from to
read -r vmalloc_start vmalloc_end < <(ranges | while read -r start length; do
	if ((start <= vmalloc && vmalloc < start + length)); then
		echo "$start $((start + length + 1))"
	fi
done)
while read -r start length; do
	# The length of vmalloc's range is a byte short.
	end=$((start + length + 4095 & ~4095))
	if ((end <= vmalloc_start)); then
		range='linear map'
	elif ((end <= vmalloc_end)); then
		range=vmalloc
	elif ((end <= text)); then
		range=vmemmap
	elif ((start <= text && text < end)); then
		range=kernel
	elif ((start <= module && module < end)); then
		range=modules
	else
		continue
	fi
	: "${from[$range]:=$((start))}"
	to[$range]=$end
done < <(ranges)

# Two more are at the same place in all kernels for x86-64.
from['cpu entry area']=$((0xfffffe0000000000)) to['cpu entry area']=$((0xfffffe8000000000))
from['fixmap']=$((0xffffffffff000000)) to['fixmap']=$((0xffffffffffe00000))

# line RANGE ADDRESS: the range, and an address in it.
line()
{
	printf '%x %x %x %s\n' "${from[$1]}" "${to[$1]}" "$2" "$1"
}

{
	line 'linear map' "$kmalloc"
	line vmalloc "$vmalloc"
	printf '0 0 %x behind that buffer\n' $((vmalloc + 64 * 1024))
	# A struct page has 64 bytes, a frame 4096.
	line vmemmap $((from[vmemmap] + kmalloc_phys / 64))
	line 'cpu entry area' 0
	line kernel "$text"
	line modules "$module"
	line fixmap 0
} | "$program" walk "$device"

echo
printf 'The linear map has frame 0 at 0x%x.\n' $((kmalloc - kmalloc_phys))
if grep -qw pti /proc/cpuinfo; then
	echo 'User mode has page tables without all this: page-table isolation is on.'
else
	echo 'User mode has the same page tables: page-table isolation is off.'
fi
