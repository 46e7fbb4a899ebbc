#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# vmwalk map with the driver: the numbers in the pictures of real processes are
# compared with those of vmwalk summary and walk. map-command.bats has the other tests.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load helper
load pictures


KHUGEPAGED=/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs

# khugepaged must not change the memory between two commands.
setup_file()
{
	[[ -e $KHUGEPAGED ]] || return 0
	export SCAN_SLEEP
	SCAN_SLEEP=$(<"$KHUGEPAGED")
	echo 100000000 >"$KHUGEPAGED"
}

teardown_file()
{
	[[ ! ${SCAN_SLEEP-} ]] || echo "$SCAN_SLEEP" >"$KHUGEPAGED"
}

teardown()
{
	[[ ! ${pid-} ]] || kill -KILL "$pid"
	vmwalk_teardown
}

summary_json()
{
	vmwalk summary --pid "$pid" --json
}

# draw: makes $PAGE and $SVG of the process.
draw()
{
	SVG=$BATS_TEST_TMPDIR/map.svg PAGE=$BATS_TEST_TMPDIR/map.html
	run --separate-stderr vmwalk map --pid "$pid" --svg "$SVG" --html "$PAGE"
	[[ $status == 0 && ! $output && ! $stderr ]]
}

# matches_summary: the totals, and the sums of the cells, are those of summary.
matches_summary()
{
	diff <(totals) <(summary_totals)
	cells_match
}

@test "the totals and the cells add up to vmwalk summary, for memory of every kind" {
	local kind

	for kind in small=3 thp=6 holes=4 zero=2 swap=2 shmem=3 file=1; do
		start_memory "$kind"
		draw
		matches_summary
		[[ $(totals | wc -l) -gt 1 ]]
		kill -KILL "$pid"
	done
	start_memory small=1 thp=4 zero=1 swap=1 shmem=1
	draw
	matches_summary
}

@test "the totals and the cells add up to vmwalk summary, for hugetlb pages" {
	start_memory hugetlb=8 small=1
	draw
	matches_summary
	totals | grep '^hugetlb '
	grep -E '>[0-9.]+ MiB of hugetlb pages come in addition: [0-9.]+% is on node [0-9]' "$SVG"
}

@test "60,000 mappings and a reservation of 1 TiB take less than 64 MiB of memory" {
	start_memory pieces=235 reserved=1048576
	SVG=$BATS_TEST_TMPDIR/map.svg PAGE=$BATS_TEST_TMPDIR/map.html
	peak vmwalk map --pid "$pid" --svg "$SVG" --html "$PAGE"
	[[ $(sed -n 's/.*TiB in \([0-9]*\) mappings.*/\1/p' "$SVG") -ge $((235 * 1024 * 1024 / $(data .page))) ]]
	# map-command.bats adds up so many cells.
	diff <(totals) <(summary_totals)
}

@test "physical memory has as many frames as the process, each one once" {
	local blocks

	start_memory small=8 thp=4 children=1
	draw
	blocks=$(blocks | awk '{ sum += $1 } END { print sum }')
	# The program maps no page twice.
	[[ $blocks == $(($(summary_json | jq '.processes[0] | .resident + .hugetlb') / $(data .page))) ]]
	[[ $(data '.regions[-1].name') == node* ]]
}

@test "the nodes and zones are those of the machine" {
	start_memory small=1
	draw
	diff <(data '.regions[].name' | sed 's/:.*//') \
		<(awk '/^Node/ { name = $1 " " $2 " " $3 " " $4 } $1 == "spanned" && $2 { print tolower(substr(name, 1, 1)) substr(name, 2) }' \
			/proc/zoneinfo)
}

@test "without CAP_SYS_ADMIN, physical memory is left out, and the pictures say why" {
	start_memory small=1
	vmwalk create lab --pid "$pid" >/dev/null
	chmod o+rw /dev/vmwalk0
	SVG=$BATS_TEST_TMPDIR/map.svg
	setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin vmwalk map --device lab --svg "$SVG"
	grep -q 'frame numbers are hidden' "$SVG"
	run grep 'zone Normal' "$SVG"
	[[ $status == 1 ]]
	vmwalk map --device lab --svg "$SVG"
	grep -q 'zone Normal' "$SVG"
}
