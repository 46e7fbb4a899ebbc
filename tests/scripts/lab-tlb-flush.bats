#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The lab "tlb-flush": when processors are made to forget what they know of page tables.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab tlb-flush
}

# step NAME COLUMN: a cell of the table, whose columns are counted from HERE on. Of each name the
# beginning is enough.
step()
{
	awk -v name="$1" -v column="$2" '
		/^STEP/ { table = 1 }
		table && index($0, name) == 1 { print $(NF - 8 + column) }' "$LAB_OUTPUT"
}
HERE=1 THERE=2 PAGES=3 KERNEL=4 ALLOC=5 FREED=6 PURGED=7 KIB=8
cpus=$(nproc)

# quiet NAME: no flush of any kind in that step.
quiet()
{
	echo "$1: $(step "$1" $HERE) $(step "$1" $THERE) $(step "$1" $KERNEL)"
	[[ $(step "$1" $HERE) == 0 && $(step "$1" $THERE) == 0 && $(step "$1" $KERNEL) == 0 ]]
}

@test "making a vmalloc buffer, mapping it and touching it flush nothing" {
	quiet 'make a buffer'
	quiet 'map it'
	quiet 'touch every page'
}

@test "taking rights or pages away from a program flushes those pages" {
	[[ $(step 'write-protect a page' $PAGES) == 1 ]]
	[[ $(step 'unmap a page: ' $PAGES) == 1 ]]
	[[ $(step 'write-protect a page' $KERNEL) == 0 && $(step 'unmap a page: ' $KERNEL) == 0 ]]
}

@test "for more than some pages all is flushed" {
	[[ $(step 'unmap 99 pages' $PAGES) == *all* ]]
}

@test "a processor that runs another thread of the program has to flush, too" {
	((cpus > 1)) || skip "there is no other processor"
	((  $(step 'unmap a page, a thread' $THERE) > 0))
	for name in 'write-protect' 'unmap a page: ' 'unmap 99'; do
		[[ $(step "$name" $THERE) == 0 ]]
	done
}

@test "freeing vmalloc memory flushes nothing yet" {
	quiet 'free it'
	before=$(step 'unmap a page, a thread' $KIB)
	after=$(step 'free it' $KIB)
	echo "$before $after"
	# The buffer, and the page behind it that is never mapped.
	((after >= before + 1024 + 4))
}

@test "once much is free the kernel's addresses are flushed, all in one go" {
	(($(step 'make and free' $KERNEL) > 0))
	freed=$(sed -n 's/^The kernel flushed .* when \([0-9]*\) MiB .*/\1/p' "$LAB_OUTPUT")
	# The kernel waits for 32 MiB, times the bits that the number of its processors has.
	for ((bits = 0, n = cpus; n; n /= 2)); do
		bits=$((bits + 1))
	done
	echo "$freed MiB, $bits bits"
	((freed >= 32 * bits - 16 && freed <= 32 * bits + 32))
	(($(step 'make and free' $KIB) < 32 * 1024))
}

@test "vmalloc's own events tell the same, where the kernel has them" {
	[[ -d /sys/kernel/tracing/events/vmalloc ]] || skip "this kernel has none; 6.12 has"
	[[ $(step 'make a buffer' $ALLOC) == 1 ]]
	[[ $(step 'make a buffer' $FREED) == 0 ]]
	[[ $(step 'free it' $FREED) == 1 ]]
	[[ $(step 'free it' $PURGED) == 0 ]]
	(($(step 'make and free' $PURGED) > 0))
}

@test "it leaves no trace" {
	[[ ! $(compgen -G '/sys/kernel/tracing/instances/lab-*') ]]
	[[ ! $(compgen -G '/sys/kernel/tracing/events/vmwalk_lab*') ]]
	no_instances
}

@test "two runs at once don't disturb each other" {
	[[ $LAB_STATUS == '0 0' ]]
}

@test "an instance of the user stays, whatever its name" {
	keeps_users_instance tlb-flush buffer
}
