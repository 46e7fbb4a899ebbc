#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# Print the address ranges of the running kernel, the pages that each maps, and
# the translation of one address in each. See docs/labs/kernel-map.md.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"
needs_x86 "it knows the address ranges of that architecture"

program=$bin/kernel-map

# One known address in most of the ranges identifies them.
create kmalloc buffer_type=kmalloc size=64K
read -r kmalloc kmalloc_phys < <("$program" buffer "$device")
create vmalloc buffer_type=vmalloc size=64K
read -r vmalloc _ < <("$program" buffer "$device")
module=$(awk '$1 == "vmwalk" { print $6 }' /proc/modules)
text=0x$(awk '$3 == "_text" { print $1; exit }' /proc/kallsyms)

# ranges: START LENGTH of each range. /proc/kcore is an ELF core file of the
# kernel. Each range has a program header of 56 bytes: the third word is
# p_vaddr, the sixth p_memsz. See elf(5).
ranges()
{
	local count

	count=$(od -A n -t u2 -j 56 -N 2 /proc/kcore)
	od -A n -v -t x8 -w56 -j 64 -N $((count * 56)) /proc/kcore |
		awk '$1 ~ /1$/ { print "0x" $3, "0x" $6 }'
}

declare -A from to
read -r vmalloc_start vmalloc_end < <(ranges | while read -r start length; do
	if ((start <= vmalloc && vmalloc < start + length)); then
		echo "$start $((start + length + 1))"
	fi
done)
# The order of the ranges is the same in every kernel. The linear map and the
# vmemmap have several headers each, one per range of RAM.
while read -r start length; do
	# The length of the vmalloc range is one byte short.
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

# Two ranges have fixed addresses on x86-64.
from['cpu entry area']=$((0xfffffe0000000000)) to['cpu entry area']=$((0xfffffe8000000000))
from['fixmap']=$((0xffffffffff000000)) to['fixmap']=$((0xffffffffffe00000))

# line RANGE ADDRESS: one line of input for the program.
line()
{
	printf '%x %x %x %s\n' "${from[$1]}" "${to[$1]}" "$2" "$1"
}

{
	line 'linear map' "$kmalloc"
	line vmalloc "$vmalloc"
	printf '0 0 %x vmalloc guard page\n' $((vmalloc + 64 * 1024))
	# A struct page of 64 bytes per 4096-byte page.
	line vmemmap $((from[vmemmap] + kmalloc_phys / 64))
	line 'cpu entry area' 0
	line kernel "$text"
	line modules "$module"
	line fixmap 0
} | "$program" walk "$device"

echo
printf 'Physical address 0 is at 0x%x in the linear map.\n' $((kmalloc - kmalloc_phys))
if grep -qw pti /proc/cpuinfo; then
	echo 'Page-table isolation is on: user mode has page tables without these ranges.'
else
	echo 'Page-table isolation is off: user mode uses the same page tables.'
fi
