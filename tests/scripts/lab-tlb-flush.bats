#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Check the results of the lab tlb-flush.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab tlb-flush
}

# step NAME COLUMN: a cell of the table; column 1 is LOCAL.
step()
{
	awk -v name="$1" -v column="$2" '
		/^STEP/ { table = 1 }
		table && index($0, name "  ") == 1 { print $(NF - 8 + column) }' "$LAB_OUTPUT"
}
LOCAL=1 REMOTE=2 PAGES=3 KERNEL=4 ALLOC=5 FREED=6 PURGED=7 UNPURGED=8
cpus=$(nproc)

THREAD='munmap() 1 page, thread on another CPU'
REPEAT='vmalloc and vfree 16 MiB, repeatedly'

# no_flush NAME: succeed if the step flushed nothing.
no_flush()
{
	echo "$1: $(step "$1" $LOCAL) $(step "$1" $REMOTE) $(step "$1" $KERNEL)"
	[[ $(step "$1" $LOCAL) == 0 && $(step "$1" $REMOTE) == 0 && $(step "$1" $KERNEL) == 0 ]]
}

@test "vmalloc, mmap() and access flush nothing" {
	no_flush 'vmalloc 1 MiB'
	no_flush 'mmap() 256 pages'
	no_flush 'touch each page'
}

@test "mprotect() and munmap() of one page flush that page" {
	[[ $(step 'mprotect() 1 page, read-only' $PAGES) == 1 ]]
	[[ $(step 'munmap() 1 page' $PAGES) == 1 ]]
	[[ $(step 'mprotect() 1 page, read-only' $KERNEL) == 0 && $(step 'munmap() 1 page' $KERNEL) == 0 ]]
}

@test "munmap() of 99 pages flushes the whole TLB" {
	[[ $(step 'munmap() 99 pages' $PAGES) == *all* ]]
}

@test "a flush reaches another CPU only if a thread of the program runs there" {
	((cpus > 1)) || skip "this machine has one CPU"
	(($(step "$THREAD" $REMOTE) > 0))
	for name in 'mprotect() 1 page, read-only' 'munmap() 1 page' 'munmap() 99 pages'; do
		[[ $(step "$name" $REMOTE) == 0 ]]
	done
}

@test "vfree() does not flush at once" {
	no_flush 'vfree 1 MiB'
	before=$(step "$THREAD" $UNPURGED)
	after=$(step 'vfree 1 MiB' $UNPURGED)
	echo "$before $after"
	# The buffer and its guard page.
	((after >= before + 1024 + 4))
}

@test "the kernel flushes all freed vmalloc addresses at once" {
	(($(step "$REPEAT" $KERNEL) > 0))
	freed=$(sed -n 's/^Kernel addresses were flushed after \([0-9]*\) MiB .*/\1/p' "$LAB_OUTPUT")
	# The kernel's limit is 32 MiB times the bits of the number of CPUs.
	for ((bits = 0, n = cpus; n; n /= 2)); do
		bits=$((bits + 1))
	done
	echo "$freed MiB, $bits bits"
	((freed >= 32 * bits - 16 && freed <= 32 * bits + 32))
	(($(step "$REPEAT" $UNPURGED) < 32 * 1024))
}

@test "the tracepoints of vmalloc show the same steps" {
	[[ -d /sys/kernel/tracing/events/vmalloc ]] || skip "this kernel lacks them"
	[[ $(step 'vmalloc 1 MiB' $ALLOC) == 1 ]]
	[[ $(step 'vmalloc 1 MiB' $FREED) == 0 ]]
	[[ $(step 'vfree 1 MiB' $FREED) == 1 ]]
	[[ $(step 'vfree 1 MiB' $PURGED) == 0 ]]
	(($(step "$REPEAT" $PURGED) > 0))
}

@test "the lab removes its trace instance and probe" {
	[[ ! $(compgen -G '/sys/kernel/tracing/instances/lab-*') ]]
	[[ ! $(compgen -G '/sys/kernel/tracing/events/vmwalk_lab*') ]]
	no_instances
}

@test "the sessions give the output that the page shows" {
	expect_session
}

@test "two concurrent runs succeed" {
	[[ $LAB_STATUS == '0 0' ]]
}
