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

@test "times are measured in a virtual machine only with --time" {
	grep -qw hypervisor /proc/cpuinfo || skip "this is not a virtual machine"
	grep -q '^Times are not measured' "$LAB_OUTPUT"
	vmwalk_setup
	/usr/libexec/vmwalk/labs/caching --time >"$BATS_TEST_TMPDIR/output"
	for mode in wb wc uc; do
		awk -v mode=$mode '$1 == mode && NF == 3 && $2 > 0 && $3 > 0 { found = 1 }
			END { exit !found }' "$BATS_TEST_TMPDIR/output"
	done
	vmwalk_teardown
}

@test "the sessions go as the page shows them" {
	expect_session
}

@test "two concurrent runs succeed" {
	[[ $LAB_STATUS == '0 0' ]]
}
