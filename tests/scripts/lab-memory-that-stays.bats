#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Check the results of the lab memory-that-stays.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab memory-that-stays
}

# row LABEL: the results of a row, with single blanks
row()
{
	awk -v label="$1  " 'index($0, label) == 1 {
		$0 = substr($0, length(label))
		$1 = $1
		print
	}' "$LAB_OUTPUT"
}

@test "anonymous and shared memory is reclaimed and migrated" {
	[[ $(row anonymous) == 'all all' ]]
	[[ $(row 'shared memory') == 'all all' ]]
}

@test "mlock() and MAP_LOCKED prevent reclaim, but not migration" {
	for kind in 'anonymous, mlock()' 'anonymous, MAP_LOCKED' 'shared memory, mlock()' \
		'file in tmpfs, mlock()'; do
		echo "$kind: $(row "$kind")"
		[[ $(row "$kind") == 'none, EINVAL all' ]]
	done
}

@test "a hugetlb page is not reclaimed, but migrated" {
	[[ $(row 'huge page (hugetlb)') =~ ^none.*' all'$ ]]
}

@test "a registered buffer of io_uring stays" {
	[[ $(row 'anonymous, buffer of io_uring') == 'none none' ]]
}

@test "the buffer of a vmwalk device stays, in each map mode" {
	for mode in remap insert fault; do
		echo "$mode: $(row "vmwalk, map_mode $mode")"
		[[ $(row "vmwalk, map_mode $mode") =~ ^none.*' none'$ ]]
	done
}

@test "the sessions give the output that the page shows" {
	expect_session
}

@test "two concurrent runs succeed" {
	[[ $LAB_STATUS == '0 0' ]]
}
