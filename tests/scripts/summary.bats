#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# vmwalk summary with the driver: its sums are compared with /proc/PID/smaps and
# /proc/PID/numa_maps of processes with memory of every kind. docs/summary.md
# lists what is equal, and what differs.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load helper
load procfs

MIB=1048576

setup_file()
{
	stop_khugepaged
}

teardown_file()
{
	start_khugepaged
}

# start_program COMMAND: starts a program that waits for its input, and stops it.
start_program()
{
	[[ -p $BATS_TEST_TMPDIR/input ]] || mkfifo "$BATS_TEST_TMPDIR/input"
	# Open for writing, too, the FIFO never ends.
	# shellcheck disable=SC2086 # with arguments
	$1 <>"$BATS_TEST_TMPDIR/input" >/dev/null 3>&- &
	pid=$!
	sleep 0.3
	kill -STOP "$pid"
}

# column NAME [OPTION]...: prints a sum of the process in bytes.
column()
{
	vmwalk summary --pid "$pid" --raw --noheadings --output "$@"
}

# smaps FIELD: prints the sum of a field of smaps in bytes.
smaps()
{
	awk -v field="$1:" '$1 == field { sum += $2 } END { printf "%.0f\n", sum * 1024 }' \
		"/proc/$pid/smaps"
}

@test "small anonymous pages match smaps" {
	start_memory small=8
	matches_procfs "$pid"
	(($(column ANON) >= 8 * MIB && $(column SWAP) == 0))
}

@test "pages that a PMD entry maps are AnonHugePages, and cover their windows" {
	start_memory thp=8
	matches_procfs "$pid"
	expect THP "$(column THP)" "$(smaps AnonHugePages)"
	[[ $(column THP) != 0 ]] || skip 'no free huge pages'
}

@test "a window that lacks every second page counts as one with holes" {
	local row

	((PMD)) || skip 'no transparent huge pages'
	start_memory holes=8
	matches_procfs "$pid"
	read -r row < <(column THP,THP_SMALL,THP_HOLES)
	expect 'windows' "$row" "0 0 $((8 * MIB))"
}

@test "windows full of small pages are distinguished from windows mapped by one entry" {
	local huge small holes

	((PMD)) || skip 'no transparent huge pages'
	start_memory small=8 thp=8
	# small is advised not to have huge pages, so it has no windows.
	read -r huge small holes < <(column THP,THP_SMALL,THP_HOLES)
	((huge + small + holes <= 8 * MIB && huge + small > 0))
}

@test "hugetlb pages are not in RSS" {
	local rss

	grep -q '^HugePages_Total' /proc/meminfo || skip 'no hugetlb'
	echo 8 >/proc/sys/vm/nr_hugepages
	start_memory hugetlb=8
	matches_procfs "$pid"
	rss=$(awk '/^VmRSS:/ { print $2 * 1024 }' "/proc/$pid/status")
	expect HUGETLB "$(column HUGETLB)" $((8 * MIB))
	((rss < 8 * MIB && $(column RSS) < 8 * MIB))
	kill -KILL "$pid"
	wait "$pid" || true
	echo 0 >/proc/sys/vm/nr_hugepages
}

@test "shared memory and files in tmpfs count as shared memory" {
	local file shmem

	start_memory shmem=8 file=1
	matches_procfs "$pid"
	expect 'shared memory' "$(column MAPPING,SHMEM --mappings | sed -n 's,^/dev/zero.* ,,p')" \
		$((8 * MIB))
	read -r file shmem < <(column MAPPING,FILE,SHMEM --mappings |
		sed -n "s,^$(realpath "$TARGET") ,,p")
	if [[ $(stat -f -c %T "$TARGET") == tmpfs ]]; then
		((file == 0 && shmem > 0))
	else
		((file > 0 && shmem == 0))
	fi
}

@test "swapped pages match smaps" {
	start_memory swap=4
	matches_procfs "$pid"
	expect SWAP "$(column SWAP)" $((4 * MIB))
}

@test "swapped-out shared memory is not counted, unlike in smaps" {
	start_memory shmemout=4
	matches_procfs "$pid"
	expect SWAP "$(column SWAP)" 0
	expect 'shared memory' "$(column MAPPING,SHMEM --mappings | grep -c '^/dev/zero' || true)" 0
	(($(smaps Swap) > 3 * MIB))
}

@test "zero pages are counted separately, and are not in RSS" {
	start_memory zero=4
	matches_procfs "$pid"
	expect ZERO "$(column ZERO)" $((4 * MIB))
	(($(column RSS) < 4 * MIB))
}

@test "all kinds together, and real programs, match smaps and numa_maps" {
	local program programs

	start_memory small=2 thp=4 holes=4 zero=1 swap=1 shmem=2 file=1
	matches_procfs "$pid"
	programs=(bash 'sleep 1000' 'tail -f /dev/null' 'grep x' cat sort 'dd status=none' wc
		'sed p' od)
	for program in "${programs[@]}"; do
		start_program "$program"
		echo "$program"
		matches_procfs "$pid"
		kill -KILL "$pid"
	done
}

@test "a group counts each frame once" {
	local rss anon shmem n=100

	start_memory shmem=8 small=4 "children=$n"
	kill -CONT "$pid"
	run --separate-stderr vmwalk summary --comm target --raw --output RSS,ANON,SHMEM,COMM
	[[ $status == 0 && ! $stderr ]]
	((${#lines[@]} == n + 3))
	read -r rss anon shmem _ <<<"${lines[1]}"
	((rss > 12 * MIB && shmem >= 8 * MIB))
	# The children share all but a few pages, such as those of their stacks.
	read -r rss_total anon_total shmem_total _ <<<"${lines[-1]}"
	((shmem_total >= shmem && shmem_total < shmem + 64 * PAGE))
	((anon_total >= anon && anon_total < anon + n * 16 * PAGE))
	((rss_total < rss + n * 16 * PAGE + 64 * PAGE))
}

@test "the sums over mappings equal the totals of the process" {
	local kind sums

	start_memory small=2 thp=4 shmem=2
	for kind in RSS ANON FILE SHMEM SWAP THP THP_SMALL THP_HOLES ZERO SPECIAL; do
		sums=$(vmwalk summary -p "$pid" -m -r -n -o "$kind" | awk '{ s += $1 } END { printf "%.0f", s }')
		expect "$kind" "$(column "$kind")" "$sums"
	done
}

@test "the lengths of runs add up to the memory that has frames" {
	local runs

	start_memory small=2 thp=4 shmem=2
	runs=$(vmwalk summary --pid "$pid" --json | sed -n '/"pid"/s/.*"runs": \[\([^]]*\)\].*/\1/p' |
		tr '}' '\n' | sed -n 's/.*"bytes": \([0-9]*\).*/\1/p' | awk '{ s += $1 } END { printf "%.0f", s }')
	expect runs "$runs" $(($(column RSS) + $(column HUGETLB)))
	(($(column LARGEST_RUN) >= PAGE))
}

@test "processes that share their memory are counted once" {
	local alone

	start_memory small=2
	alone=$(column RSS)
	kill -KILL "$pid"
	start_memory small=2 sharing=5
	kill -CONT "$pid"
	run --separate-stderr vmwalk summary --comm target
	[[ $status == 0 && ! $stderr && ${lines[1]} == *"$pid target "* ]]
	[[ $output == *'1 process walked, 0 skipped, 5 share the memory of another one; in total'* ]]
	run --separate-stderr vmwalk summary --comm target --raw --noheadings --output RSS
	((${#lines[@]} == 2 && lines[0] == lines[1] && lines[1] < alone + MIB))
	# A process given twice is one.
	run --separate-stderr vmwalk summary --pid "$pid,$pid"
	[[ $status == 0 && $output == "process $pid (target)"* ]]
}

@test "kernel threads and exited processes are an error with --pid, and are skipped otherwise" {
	run --separate-stderr vmwalk summary --pid 2
	[[ $status == 1 && ! $output ]]
	[[ $stderr == 'vmwalk: summary: process 2 has no memory: it is a kernel thread, or has exited' ]]
	run --separate-stderr vmwalk summary --pid 4194303
	[[ $status == 1 && $stderr == 'vmwalk: summary: process 4194303 does not exist' ]]
	run --separate-stderr vmwalk summary --comm no-such-name
	[[ $status == 1 && $stderr == "vmwalk: summary: no process has the name 'no-such-name'" ]]
	run --separate-stderr vmwalk summary --all --raw --noheadings --output PID
	[[ $status == 0 && ! $stderr ]]
	[[ " ${lines[*]} " != *' 2 '* && " ${lines[*]} " == *" $$ "* ]]
}

@test "without CAP_SYS_ADMIN, values that need PFNs are hidden, not 0" {
	start_memory small=2 shmem=1
	make_instance demo target_pid="$pid"
	run --separate-stderr setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin -- \
		vmwalk summary --device demo
	[[ $status == 0 && ! $stderr ]]
	[[ $output == *'runs         hidden: the opener of the device lacks CAP_SYS_ADMIN'* ]]
	expect RSS "$(setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin -- \
		vmwalk summary --device demo -r -n -o RSS,LARGEST_RUN)" "$(smaps Rss) hidden"
}

@test "all processes are read through one temporary instance" {
	local before after

	start_memory small=1 children=20
	kill -CONT "$pid"
	before=$(make_instance probe)
	vmwalk summary --comm target >/dev/null
	rmdir "$VMWALK/probe"
	after=$(make_instance probe)
	# Device numbers are not reused at once: the command took one of them.
	echo "$before $after"
	((${after#/dev/vmwalk} - ${before#/dev/vmwalk} <= 2))
}
