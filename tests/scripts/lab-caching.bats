#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The lab "caching": page-table entries say how memory is cached, those of programs and those of the
# kernel alike.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab caching
}

# bits MODE WHO: PAT, PCD, PWT and what they stand for, of a row of the lab's table.
bits()
{
	awk -v mode="$1" -v who="$2" '$1 == mode && $3 == who { print $7 $8 $9, $10 }' "$LAB_OUTPUT"
}

# column MODE WHO COLUMN: of the same row.
column()
{
	awk -v mode="$1" -v who="$2" -v column="$3" '$1 == mode && $3 == who { print $column }' \
		"$LAB_OUTPUT"
}

@test "a program's entries of wb, wc and uc buffers stand for WB, WC and UC-" {
	[[ $(bits wb program) == '000 WB' ]]
	[[ $(bits wc program) == '001 WC' ]]
	[[ $(bits uc program) == '010 UC-' ]]
}

@test "the kernel's own entries for the same memory stand for the same" {
	for mode in wb wc uc; do
		[[ $(bits $mode kernel) == "$(bits $mode program)" ]]
	done
}

@test "both lead to the same frame" {
	for mode in wc uc; do
		# The frame of a small page is in bits 12 to 51; those are in the last 13 digits.
		program=0x$(column $mode program 6 | tail --bytes=14)
		kernel=0x$(column $mode kernel 6 | tail --bytes=14)
		echo "$mode: $program $kernel"
		((program >> 12 != 0 && program >> 12 == kernel >> 12))
	done
}

@test "the kernel takes what is cached in another way out of its huge pages" {
	[[ $(column wc kernel 5) == 4K ]]
	[[ $(column uc kernel 5) == 4K ]]
}

@test "once it is no buffer any more the memory is cached as all other is" {
	[[ $(bits - kernel) == '000 WB' ]]
	[[ $(column - kernel 4) == "$(column uc kernel 4)" ]]
}

@test "a virtual machine is not timed unless that is asked for" {
	grep -qw hypervisor /proc/cpuinfo || skip "this machine is real"
	grep -q '^Not timed' "$LAB_OUTPUT"
	vmwalk_setup
	/usr/lib/vmwalk/labs/caching --time >"$BATS_TEST_TMPDIR/output"
	for mode in wb wc uc; do
		awk -v mode=$mode '$1 == mode && NF == 3 && $2 > 0 && $3 > 0 { found = 1 }
			END { exit !found }' "$BATS_TEST_TMPDIR/output"
	done
	vmwalk_teardown
}

@test "two runs at once don't disturb each other" {
	[[ $LAB_STATUS == '0 0' ]]
}

@test "an instance of the user stays, whatever its name" {
	keeps_users_instance caching uc
}
