#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Check the results of the lab caching.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab caching
}

# bits MODE MAPPING: PAT, PCD, PWT and the type in a row of the lab's table.
bits()
{
	awk -v mode="$1" -v mapping="$2" '$1 == mode && $2 == mapping { print $6 $7 $8, $9 }' "$LAB_OUTPUT"
}

# column MODE MAPPING COLUMN
column()
{
	awk -v mode="$1" -v mapping="$2" -v column="$3" '$1 == mode && $2 == mapping { print $column }' \
		"$LAB_OUTPUT"
}

@test "user mappings of wb, wc and uc buffers have the types WB, WC and UC-" {
	[[ $(bits wb user) == '000 WB' ]]
	[[ $(bits wc user) == '001 WC' ]]
	[[ $(bits uc user) == '010 UC-' ]]
}

@test "the kernel mapping has the same type as the user mapping" {
	for mode in wb wc uc; do
		[[ $(bits $mode kernel) == "$(bits $mode user)" ]]
	done
}

@test "the kernel mapping has the same PFN as the user mapping" {
	for mode in wc uc; do
		# Bits 12 to 51 are in the last 13 digits.
		user=0x$(column $mode user 5 | tail --bytes=14)
		kernel=0x$(column $mode kernel 5 | tail --bytes=14)
		echo "$mode: $user $kernel"
		((user >> 12 != 0 && user >> 12 == kernel >> 12))
	done
}

@test "the kernel maps wc and uc pages with 4 KiB entries" {
	[[ $(column wc kernel 4) == 4K ]]
	[[ $(column uc kernel 4) == 4K ]]
}

@test "the kernel mapping is write-back again after the instance is removed" {
	[[ $(bits - kernel) == '000 WB' ]]
	[[ $(column - kernel 3) == "$(column uc kernel 3)" ]]
}

# cost MODE COLUMN: a cell of the second table; column 1 is SPLIT.
cost()
{
	awk -v mode="$1" -v column="$2" '
		/^MODE +SPLIT/ { table = 1 }
		table && $1 == mode { print $(1 + column) }' "$LAB_OUTPUT"
}

@test "a write-back buffer splits no large page of the linear map, the others whole ones" {
	echo "$(cost wb 1) $(cost wc 1) $(cost uc 1)"
	[[ $(cost wb 1) == 0 ]]
	for mode in wc uc; do
		(($(cost $mode 1) >= 0 && $(cost $mode 1) % 2048 == 0))
	done
}

@test "times are measured, and the lab says whether the machine honours memory types" {
	for mode in wb wc uc; do
		awk -v read="$(cost $mode 2)" -v write="$(cost $mode 3)" 'BEGIN { exit !(read > 0 && write > 0) }'
	done
	if awk -v wb="$(cost wb 2)" -v uc="$(cost uc 2)" 'BEGIN { exit !(uc < 5 * wb) }'; then
		grep -q '^Reads take about the same time in all modes' "$LAB_OUTPUT"
	else
		grep -qx 'Uncached reads take much longer: this machine honours memory types.' "$LAB_OUTPUT"
	fi
}

@test "the sessions give the output that the page shows" {
	expect_session
}

@test "two concurrent runs succeed" {
	[[ $LAB_STATUS == '0 0' ]]
}
