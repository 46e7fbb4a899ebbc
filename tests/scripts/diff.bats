#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# vmwalk scan --save and vmwalk diff with the driver, for a process whose memory
# is moved, collapsed, split, swapped out and freed. diff-command.bats tests the
# file and every change.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load helper
load actor

# Set by start_actor
pid='' first='' last=''

MIB=1048576

teardown()
{
	end_actor
	vmwalk_teardown
}

# save FILE: saves a scan of the actor's memory.
save()
{
	vmwalk scan --pid "$pid" --start "$first" --end "$last" --save "$1"
}

# changes: prints the changes between the files old and new.
changes()
{
	vmwalk diff --raw --noheadings --output CHANGE,FROM_NODE,TO_NODE,FROM_SIZE,TO_SIZE,BYTES old new
}

# step COMMAND...: saves a scan, lets the actor run the commands, and saves another
# scan.
step()
{
	save old
	act "$@"
	save new
}

@test "diff: pages that do not change are the same" {
	start_actor anon 2
	act write
	step
	changes | awk -v size=$((2 * MIB)) '$1 != "same" { exit 1 } { sum += $6 } END { exit sum != size }'
	[[ $(stat --format=%a old) == 600 ]]
}

@test "diff: pages that move_pages() has moved have other frames on the other node" {
	(($(nodes) > 1)) || skip 'one NUMA node'
	start_actor anon 2
	act write 'move 0'
	step 'move 1'
	[[ $(changes) == "other_frame 0 1 $PAGE $PAGE $((2 * MIB))" ]]
	step 'move 0'
	[[ $(changes) == "other_frame 1 0 $PAGE $PAGE $((2 * MIB))" ]]
}

@test "diff: a migrated huge page stays huge" {
	(($(nodes) > 1)) || skip 'one NUMA node'
	start_actor thp 4
	act write 'move 0'
	step 'move 1'
	[[ $(changes) == "other_frame 0 1 2097152 2097152 $((4 * MIB))" ]] || skip "$(changes)"
}

@test "diff: split entries have the same frames" {
	start_actor thp 4
	act write
	step split
	changes | awk -v page="$PAGE" -v size=$((4 * MIB)) '
		$1 == "resized" && $4 == 2097152 && $5 == page { sum += $6; next }
		{ other = 1 }
		END { exit other || sum != size }' || skip "$(changes)"
}

@test "diff: collapsed pages have other frames and larger entries" {
	start_actor anon 4
	act write
	step collapse
	changes | awk -v page="$PAGE" -v size=$((4 * MIB)) '
		$4 == page && $5 == 2097152 { sum += $6 }
		END { exit sum != size }'
}

@test "diff: freed pages are gone, and new after they are touched again" {
	start_actor anon 2
	act write
	step free
	changes | awk -v size=$((2 * MIB)) '$1 != "gone" { exit 1 } { sum += $6 } END { exit sum != size }'
	step write
	changes | awk -v size=$((2 * MIB)) '$1 != "new" { exit 1 } { sum += $6 } END { exit sum != size }'
}

@test "diff: the zero page is reported separately, until it is written to" {
	start_actor anon 2
	step read
	[[ $(changes) == "new_zero - - - $PAGE $((2 * MIB))" ]]
	step write
	changes | awk -v size=$((2 * MIB)) '$1 != "from_zero" { exit 1 } { sum += $6 } END { exit sum != size }'
}

@test "diff: pages are swapped out and in" {
	start_actor anon 2
	act write
	step out
	changes >out
	step read
	changes >in
	[[ $(awk '{ print $1 }' out | sort -u) == swapped_out ]]
	[[ $(awk '{ print $1 }' in | sort -u) == swapped_in ]]
}

@test "diff: hugetlb pages have their size" {
	start_actor hugetlb 2
	act write
	step
	changes | awk '$1 != "same" || $4 != 2097152 { exit 1 }'
}

# wait_between_scans PID: waits until vmwalk diff --seconds has scanned and sleeps
wait_between_scans()
{
	# clock_nanosleep(2)
	until grep -qE '^(230|115) ' "/proc/$1/syscall"; do sleep 0.1; done
}

@test "diff: compares a process with itself after --seconds" {
	local status=0

	start_actor anon 2
	act write
	vmwalk diff "$pid" --seconds 10 --mappings --raw --output CHANGE,BYTES,START >out &
	wait_between_scans $!
	act free
	wait $! || status=$?
	((status == 0))
	grep -qx "gone [0-9]* $first" out
}

@test "diff: --seconds prints the number of migrated pages with the reason" {
	local status=0

	(($(nodes) > 1)) || skip 'one NUMA node'
	start_actor anon 2
	act write 'move 0'
	vmwalk diff "$pid" --seconds 10 --json >out &
	wait_between_scans $!
	act 'move 1'
	wait $! || status=$?
	((status == 0))
	jq -e '.migrated' out || skip 'no perf events'
	jq -e --argjson pages $((2 * MIB / PAGE)) '.migrated.syscall_or_cpuset >= $pages and
		.lost == 0' out
	run vmwalk diff $$ --seconds 0.1
	[[ $output == *$'\nmigrated by the kernel between the scans, in all processes: '* ]]
}

@test "diff: a poisoned page counts as swapped out" {
	start_actor anon 1
	act write
	step poison
	[[ $(changes | grep -v '^same') == "swapped_out "*" $PAGE - $PAGE" ]]
}

@test "diff: a process that exits between the scans is an error" {
	local status=0

	start_actor anon 1
	vmwalk diff --seconds 5 "$pid" >out 2>errors &
	wait_between_scans $!
	kill "$pid"
	wait $! || status=$?
	[[ $status == 1 && ! -s out ]]
	[[ $(<errors) == "vmwalk: diff: process $pid has exited, or has started another program" ]]
}

@test "diff: scans of different processes are an error" {
	start_actor anon 1
	save old
	vmwalk scan --pid $$ --start "$first" --end "$last" --save new
	run --separate-stderr vmwalk diff old new
	[[ $status == 1 && ${stderr-} == *"the scans are of different processes, $pid and $$; --force compares them anyway" ]]
}

@test "diff: saved scans of memory of every kind are sorted by address" {
	start_actor anon 1
	act write
	vmwalk scan --pid "$pid" --save old
	vmwalk scan --pid "$pid" --save new
	vmwalk diff old new --mappings --raw --noheadings --output START |
		grep -v '^-$' >starts
	diff starts <(sort starts)
}
