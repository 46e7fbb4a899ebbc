#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# vmwalk find with the driver: compared with /proc/PID/pagemap, kpageflags,
# kpagecount and move_pages(). find-command.bats tests arguments and logs.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load helper
load actor

# Set by start_actor
pid='' first='' last=''

teardown()
{
	end_actor
	vmwalk_teardown
}

# phys ADDRESS: prints the physical address of the actor's page there.
phys()
{
	printf '0x%x\n' $(($(pagemap "$pid" "$1") * PAGE))
}

# hex NUMBER
hex()
{
	printf '0x%x' "$1"
}

# rows ARGUMENT...: prints PID, address and number of pages of each mapping.
rows()
{
	vmwalk find --raw --noheadings --output PID,ADDRESS,PAGES "$@" | sort
}

# children: prints the PIDs of the actor's children, as the guest sees them.
children()
{
	cat "/proc/$pid/task/$pid/children"
}

@test "find: an anonymous page is found at the address of pagemap" {
	local addr

	start_actor anon 1
	act write
	for addr in $((first)) $((first + 100 * PAGE)) $((last - PAGE)); do
		[[ $(rows "$(phys "$addr")") == "$pid $(hex "$addr") 1" ]]
	done
	run vmwalk find "$(hex $(($(phys "$first") + 0x123)))"
	echo "$output"
	[[ $status == 0 && $output == *': anonymous; 1 mapping'* ]]
	[[ $output == *" $pid actor $(hex $((first + 0x123))) "*'rw-p [anon]'* ]]
	[[ $output == *$'\nall of these mappings still existed at the end of the search\n'* ]]
}

@test "find: shared memory is found in each process, as often as kpagecount says" {
	local child frame wanted

	start_actor shmem 2
	act write fork fork fork
	frame=$(pagemap "$pid" "$first")
	# The children have not touched it.
	[[ $(kpage count "$frame") == 1 ]]
	[[ $(rows --pfn "$frame") == "$pid $(hex "$first") 1" ]]
	end_actor
	start_actor anon 1
	act write fork fork fork
	wanted=$(for child in "$pid" $(children); do echo "$child $(hex "$first") 1"; done | sort)
	frame=$(pagemap "$pid" "$first")
	[[ $(kpage count "$frame") == 4 && $(wc -l <<<"$wanted") == 4 ]]
	[[ $(rows --pfn "$frame") == "$wanted" ]]
	run vmwalk find --pfn "$frame"
	[[ $status == 0 && $output == *'4 mappings'* && $output == *'actor-child'* ]]
}

@test "find: a range of frames finds all frames of a mapping in it" {
	local addr frame total=0 pages

	start_actor anon 1
	act write
	# Every frame from the lowest to the highest one
	for ((addr = first; addr < last; addr += PAGE)); do
		echo $(($(pagemap "$pid" "$addr")))
	done | sort --numeric-sort >frames
	frame=$(hex "$(head -n 1 frames)")
	while read -r _ _ pages; do
		total=$((total + pages))
	done < <(rows --pid "$pid" --pfn "$frame-$(hex $(($(tail -n 1 frames) + 1)))" |
		awk -v first="$(hex "$first")" -v last="$(hex "$last")" '$2 >= first && $2 < last')
	((total == (last - first) / PAGE))
}

@test "find: a page in a huge page is found at its own address, with the size of the entry" {
	local addr

	start_actor thp 4
	act write
	addr=$((first + 5 * PAGE))
	run vmwalk find --raw --noheadings --output PID,ADDRESS,PAGES,SIZE "$(phys "$addr")"
	[[ $output == "$pid $(hex "$addr") 1 2097152" ]] || skip "no huge page: $output"
	act split
	run vmwalk find --raw --noheadings --output PID,ADDRESS,PAGES,SIZE "$(phys "$addr")"
	[[ $output == "$pid $(hex "$addr") 1 $PAGE" ]]
}

@test "find: a hugetlb page is found" {
	start_actor hugetlb 2
	act write
	run vmwalk find --output +SIZE,FLAGS "$(phys "$first")"
	[[ $status == 0 && $output == *': hugetlb; 1 mapping'* && $output == *hugetlb*'2M'* ]]
	[[ $(rows "$(phys "$first")") == "$pid $(hex "$first") 1" ]]
}

@test "find: a page that was unmapped is not found" {
	local frame

	start_actor anon 1
	act write
	frame=$(pagemap "$pid" "$first")
	act free
	run vmwalk find --pid "$pid" --pfn "$frame"
	[[ $status == 1 ]]
	[[ $output == *'not '* ]]
}

@test "find: a swapped-out page is not found by its old frame" {
	local frame

	start_actor anon 1
	act write
	frame=$(pagemap "$pid" "$first")
	act out
	[[ $(pagemap "$pid" "$first") == 0 ]]
	run vmwalk find --pid "$pid" --pfn "$frame"
	[[ $status == 1 ]]
}

@test "find: a page that was migrated to another node is found by its new frame" {
	local before

	(($(nodes) > 1)) || skip 'one NUMA node'
	start_actor anon 1
	act write 'move 0'
	before=$(phys "$first")
	[[ $(vmwalk find --raw --noheadings --output NODE "$before") == 0 ]]
	act 'move 1'
	run vmwalk find --pid "$pid" "$before"
	[[ $status == 1 ]]
	[[ $(vmwalk find --raw --noheadings --output NODE,ADDRESS "$(phys "$first")") == "1 $(hex "$first")" ]]
}

@test "find: the zero page is found at each address that maps it" {
	local frame

	start_actor anon 1
	act read
	frame=$(pagemap "$pid" "$first")
	run vmwalk find --pfn "$frame"
	echo "$output"
	[[ $status == 0 && $output == *': zero page'* ]]
	# All these pages have one frame.
	rows --pid "$pid" --pfn "$frame" | grep -x "$pid $(hex "$first") $(((last - first) / PAGE))"
}

@test "find: a process in a pid namespace of its own has the PID that the caller sees" {
	start_actor anon 1 unshare --pid --fork --kill-child
	act write
	[[ $(awk '/^NSpid:/ { print NF }' "/proc/$pid/status") == 3 ]]
	[[ $(rows "$(phys "$first")") == "$pid $(hex "$first") 1" ]]
}

@test "find: page cache with a count of 0 is not searched for" {
	local frame

	# A mapping shows the frame; the page stays in the cache without it.
	cp "$ACTOR_PROGRAM" copy
	ACTOR_PROGRAM=$PWD/copy start_actor file 1
	act read
	frame=$(pagemap "$pid" "$first")
	run vmwalk find --pfn "$frame"
	[[ $status == 0 && $output == *"$PWD/copy"* ]]
	end_actor
	run vmwalk find --pfn "$frame"
	[[ $status == 1 && $output == *'; 0 mappings'* && $output == *'  not mapped by any process'* ]]
	[[ $output == *'0 processes walked, 0 skipped'* ]]
	[[ $output == *': page cache'* || $output == *': shmem'* ]]
}

@test "find: a poisoned page is reported as unmapped" {
	local frame

	start_actor anon 1
	act write
	frame=$(pagemap "$pid" "$first")
	act poison
	[[ $(pagemap "$pid" "$first") == 0 ]]
	run vmwalk find --pfn "$frame"
	[[ $status == 1 && $output == *': poisoned'* ]]
	[[ $output == *'the kernel has unmapped the poisoned memory'* ]]
	# The line of the kernel log leads to the same answer.
	run vmwalk find < <(dmesg | grep 'Memory failure:' | tail -n 1)
	[[ $status == 1 && $output == *"from line 1: Memory failure: $frame"*': poisoned'* ]]
}

@test "find: a PFN mapping of a driver is found, although the kernel does not count it" {
	local frame mode

	for mode in remap insert; do
		vmwalk create lab --type vmalloc --size 1M --map-mode "$mode" >/dev/null
		start_actor device 1
		act write
		# pagemap does not show PFN mappings.
		frame=$(vmwalk walk --json --pid "$pid" "$first" | jq -r .pfn)
		run vmwalk find --raw --noheadings --output PID,ADDRESS --pfn "$frame"
		[[ $status == 0 && $output == "$pid $(hex "$first")" ]]
		end_actor
		vmwalk destroy lab
	done
}

@test "find: an address that is not RAM is reported with its name in /proc/iomem" {
	local range

	range=$(awk '/: PCI Bus/ { sub(/-.*/, "", $1); last = $1 } END { print last }' /proc/iomem)
	[[ $range ]] || skip 'no PCI'
	run vmwalk find "$range"
	echo "$output"
	[[ $output == *': not RAM'*'in /proc/iomem: '* ]]
}

@test "find: the kinds of a memory block are counted as in kpageflags" {
	local size start json

	size=0x$(</sys/devices/system/memory/block_size_bytes) || skip 'no memory blocks'
	start=$((size))
	run vmwalk find --json --pid $$ "$(hex "$start")-$(hex $((start + size)))"
	jq -e --argjson pages $((size / PAGE)) '.frames[0].pages == $pages and
		([.frames[0].kinds[]] | add) == $pages' <<<"$output"
	# Free pages do not become many more or fewer in this moment.
	json=$(jq '.frames[0].kinds.free // 0' <<<"$output")
	dd if=/proc/kpageflags bs=8 skip=$((start / PAGE)) count=$((size / PAGE)) status=none |
		od -An -v -w8 -tx8 | awk -v found="$json" '
			/[4567cdef]..$/ { free++ }
			END { difference = free - found; exit difference * difference > 2000 * 2000 }'
}

@test "find: the search continues if a process exits" {
	local frame

	start_actor anon 1
	act write
	frame=$(pagemap "$pid" "$first")
	(while :; do sleep 0.01; done) 3>&- &
	for _ in {1..10}; do
		run vmwalk find --raw --noheadings --output PID --pfn "$frame"
		[[ $status == 0 && $output == "$pid" ]]
	done
}

@test "find: fails with exit status 2 for an unprivileged user" {
	run --separate-stderr as_nobody vmwalk find --raw 1000
	[[ $status == 2 && ! $output ]]
	[[ ${stderr-} == *'only root can create a temporary instance'* ]]
}
