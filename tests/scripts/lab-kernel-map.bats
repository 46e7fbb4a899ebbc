#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Check the results of the lab kernel-map.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab kernel-map
}

# table HEADING: the rows of a table, with semicolons between the columns.
table()
{
	sed -n "/^$1/,/^\$/p" "$LAB_OUTPUT" | awk 'match($0, / +0x/) {
		rest = substr($0, RSTART)
		gsub(/ +/, ";", rest)
		print substr($0, 1, RSTART - 1) rest
	}'
}

# ranges: NAME;FIRST;LAST;KIB;1G;2M;4K
ranges()
{
	table RANGE
}

# addresses: NAME;VIRTUAL;PHYSICAL;PAGE;PERM
addresses()
{
	table 'ONE ADDRESS'
}

# of TABLE NAME COLUMN: a cell.
of()
{
	"$1" | awk -F ';' -v name="$2" -v column="$3" '$1 == name { print $column }'
}

@test "the ranges are in order and do not overlap" {
	[[ $(ranges | cut -d ';' -f 1 | paste -sd ,) == \
		'linear map,vmalloc,vmemmap,cpu entry area,kernel,modules,fixmap' ]]
	previous=0x8000000000000000
	while IFS=';' read -r name first last _; do
		echo "$name: $first to $last"
		((previous < first && first < last))
		previous=$last
	done < <(ranges)
}

@test "each known address is in its range and mapped" {
	while IFS=';' read -r name first last _; do
		address=$(of addresses "$name" 2)
		echo "$name: $address"
		((first <= address && address <= last))
		[[ $(of addresses "$name" 3) == 0x* ]]
	done < <(ranges)
}

@test "a linear-map address is the physical address plus a constant" {
	base=$(sed -n 's/^Physical address 0 is at \(0x[0-9a-f]*\) in the linear map\.$/\1/p' "$LAB_OUTPUT")
	address=$(of addresses 'linear map' 2)
	((address - $(of addresses 'linear map' 3) == base))
	# RAM begins near physical address 0.
	first=$(of ranges 'linear map' 2)
	((first >= base && first < base + (1 << 20)))
	address=$(of addresses vmalloc 2)
	((address - $(of addresses vmalloc 3) != base))
}

@test "the linear map maps all memory, mostly with large pages" {
	kib=$(of ranges 'linear map' 4)
	total=$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)
	echo "$kib of $total"
	((kib >= total && kib < total + total / 4))
	(($(of ranges 'linear map' 5) * 1048576 + $(of ranges 'linear map' 6) * 2048 > kib / 2))
}

@test "the vmemmap has 64 bytes per page of the linear map" {
	echo "$(of ranges vmemmap 4) $(of ranges 'linear map' 4)"
	# Memory of the firmware may be in one and not in the other.
	((($(of ranges vmemmap 4) * 64 - $(of ranges 'linear map' 4)) ** 2 < (256 * 1024) ** 2))
}

@test "vmalloc memory is mapped with 4 KiB pages and has an unmapped guard page" {
	[[ $(of addresses vmalloc 4) == 4K ]]
	[[ $(of addresses 'vmalloc guard page' 3) == unmapped ]]
	(($(of addresses 'vmalloc guard page' 2) == $(of addresses vmalloc 2) + 64 * 1024))
}

@test "code is executable and read-only, data is writable and not executable" {
	[[ $(of addresses kernel 5) == r-x ]]
	[[ $(of addresses modules 5) == r-x ]]
	[[ $(of addresses 'linear map' 5) == rw- ]]
	[[ $(of addresses vmalloc 5) == rw- ]]
	[[ $(of addresses vmemmap 5) == rw- ]]
}

@test "the lab reports page-table isolation as /proc/cpuinfo does" {
	if grep -qw pti /proc/cpuinfo; then
		grep -q 'isolation is on' "$LAB_OUTPUT"
	else
		grep -q 'isolation is off' "$LAB_OUTPUT"
	fi
}

@test "the sessions give the output that the page shows" {
	expect_session
}

@test "two concurrent runs succeed" {
	[[ $LAB_STATUS == '0 0' ]]
}
