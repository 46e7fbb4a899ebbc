#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The lab "kernel-map": what is where in the kernel's own addresses.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab kernel-map
}

# table HEADING: the rows of the table whose heading begins so, with a semicolon between columns.
table()
{
	sed -n "/^$1/,/^\$/p" "$LAB_OUTPUT" | awk 'match($0, / +0x/) {
		rest = substr($0, RSTART)
		gsub(/ +/, ";", rest)
		print substr($0, 1, RSTART - 1) rest
	}'
}

# The ranges as NAME;FROM;UP TO;KIB;1G;2M;4K, and the addresses as NAME;ADDRESS;PHYSICAL;PAGE;MAY.
ranges()
{
	table RANGE
}

addresses()
{
	table 'AN ADDRESS IN'
}

# of TABLE NAME COLUMN: a cell.
of()
{
	"$1" | awk -F ';' -v name="$2" -v column="$3" '$1 == name { print $column }'
}

@test "the ranges have their order, and none meets the next" {
	[[ $(ranges | cut -d ';' -f 1 | paste -sd ,) == \
		'linear map,vmalloc,vmemmap,cpu entry area,kernel,modules,fixmap' ]]
	last=0x8000000000000000
	while IFS=';' read -r name from to _; do
		echo "$name: $from to $to"
		((last < from && from < to))
		last=$to
	done < <(ranges)
}

@test "each known address lies in its range, and leads to memory" {
	while IFS=';' read -r name from to _; do
		address=$(of addresses "$name" 2)
		echo "$name: $address"
		((from <= address && address <= to))
		[[ $(of addresses "$name" 3) == 0x* ]]
	done < <(ranges)
}

@test "in the linear map an address is a physical address plus an offset" {
	base=$(sed -n 's/^The linear map has frame 0 at \(0x[0-9a-f]*\)\.$/\1/p' "$LAB_OUTPUT")
	address=$(of addresses 'linear map' 2)
	((address - $(of addresses 'linear map' 3) == base))
	# The offset is that of the whole range, which has gigabytes: it begins where memory does.
	from=$(of ranges 'linear map' 2)
	((from >= base && from < base + (1 << 20)))
	# It isn't that of vmalloc.
	address=$(of addresses vmalloc 2)
	((address - $(of addresses vmalloc 3) != base))
}

@test "the linear map has all memory, in huge pages but for some" {
	kib=$(of ranges 'linear map' 4)
	total=$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)
	echo "$kib of $total"
	((kib >= total && kib < total + total / 4))
	(($(of ranges 'linear map' 5) * 1048576 + $(of ranges 'linear map' 6) * 2048 > kib / 2))
}

@test "the vmemmap has 64 bytes for each page of the linear map" {
	echo "$(of ranges vmemmap 4) $(of ranges 'linear map' 4)"
	# Both have memory of the firmware's in them or not; it is little.
	((($(of ranges vmemmap 4) * 64 - $(of ranges 'linear map' 4)) ** 2 < (256 * 1024) ** 2))
}

@test "vmalloc memory is mapped page by page, and behind it is a page that isn't" {
	[[ $(of addresses vmalloc 4) == 4K ]]
	[[ $(of addresses 'behind that buffer' 3) == nothing ]]
	(($(of addresses 'behind that buffer' 2) == $(of addresses vmalloc 2) + 64 * 1024))
}

@test "code may be executed and not written, data the other way round" {
	[[ $(of addresses kernel 5) == r-x ]]
	[[ $(of addresses modules 5) == r-x ]]
	[[ $(of addresses 'linear map' 5) == rw- ]]
	[[ $(of addresses vmalloc 5) == rw- ]]
	[[ $(of addresses vmemmap 5) == rw- ]]
}

@test "whether user mode has the same page tables is as the processor's flags say" {
	if grep -qw pti /proc/cpuinfo; then
		grep -q 'isolation is on' "$LAB_OUTPUT"
	else
		grep -q 'isolation is off' "$LAB_OUTPUT"
	fi
}

@test "two runs at once don't disturb each other" {
	[[ $LAB_STATUS == '0 0' ]]
}

@test "an instance of the user stays, whatever its name" {
	keeps_users_instance kernel-map vmalloc
}
