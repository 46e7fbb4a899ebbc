#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The claims of docs/labs/lazy-populated-locked.md.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab lazy-populated-locked
}

# part HEADING: the lines below the heading that begins so.
part()
{
	awk -v heading="$1" '!/^ / { on = index($0, heading) == 1; next } on' "$LAB_OUTPUT"
}

# rss COLUMN: the kinds of mappings, each with its number in that column.
rss()
{
	part Rss | awk -v column="$1" '{
		label = substr($0, 3, 26)
		sub(/ +$/, "", label)
		$0 = substr($0, 29)
		print label ": " $column }'
}

NONE=1 READ=2 POPULATE=3 NONBLOCK=4 LOCKED=5 IS_LOCKED=6

@test "mmap() takes no memory, but where a driver maps pages at once" {
	diff - <(rss $NONE) <<-END
		anonymous, private: 0
		anonymous, shared: 0
		file, private, read-only: 0
		file, private: 0
		file, shared: 0
		device, map_mode fault: 0
		device, map_mode insert: 128
		device, map_mode remap: 0
	END
}

@test "reading one byte takes a page, none of zeroes, or what is cached around it" {
	diff - <(rss $READ) <<-END
		anonymous, private: 0
		anonymous, shared: 4
		file, private, read-only: 64
		file, private: 64
		file, shared: 64
		device, map_mode fault: 64
		device, map_mode insert: 128
		device, map_mode remap: 0
	END
}

@test "MAP_POPULATE takes all of it, of shared mappings as of private ones" {
	[[ $(rss $POPULATE | grep -c ': 128$') == 7 ]]
	rss $POPULATE | grep -x 'device, map_mode remap: 0'
}

@test "MAP_NONBLOCK undoes MAP_POPULATE" {
	diff <(rss $NONE) <(rss $NONBLOCK)
}

@test "MAP_LOCKED takes all and locks it, but for a device, whose memory can't go" {
	diff <(rss $POPULATE) <(rss $LOCKED)
	[[ $(rss $IS_LOCKED | grep -c ': 128$') == 5 && $(rss $IS_LOCKED | grep -c '^device.*: 0$') == 3 ]]
}

@test "each flag of mmap() is one of the mapping's, or none" {
	diff - <(part VmFlags | sed 's/^  //; s/  */ /g') <<-END
		with MAP_NORESERVE -ac +nr
		with MAP_POPULATE no difference
		with MAP_LOCKED +lo
		with MAP_GROWSDOWN +gd
		with MAP_DENYWRITE no difference
		with MAP_EXECUTABLE no difference
		with MAP_UNINITIALIZED no difference
		anonymous, shared -ac +sh +ms
		file, private, read-only -wr -ac
		device, with MAP_LOCKED -me -ac +sh +ms +pf +io +de +dd
	END
	grep -Ex 'VmFlags, private anonymous +rd wr mr mw me ac sd' "$LAB_OUTPUT"
}

@test "mmap() refuses what can't be" {
	diff - <(part 'mmap() says' | sed -E 's/^  (.*[^ ])  +/\1: /') <<-END
		to no bytes at all: EINVAL
		to an address below vm.mmap_min_addr, as a wish: 0x10000
		to MAP_FIXED_NOREPLACE where something is: EEXIST
		to MAP_FIXED there: 3 mappings where one was
		to MAP_HUGETLB: pages of 2048 KiB
		to MAP_SHARED | MAP_GROWSDOWN: EINVAL
		to MAP_SHARED_VALIDATE | MAP_SYNC: EOPNOTSUPP
		to writing, MAP_SHARED, file open for reading: EACCES
		to reading, MAP_PRIVATE, file open for writing: EACCES
		to a file of /sys: ENODEV
		to a device, PROT_EXEC: EPERM
		to MAP_LOCKED, more than RLIMIT_MEMLOCK: EAGAIN
		to MAP_LOCKED, RLIMIT_MEMLOCK being 0: EPERM
		to more than RLIMIT_AS: ENOMEM
		to MAP_LOCKED, twice as much as the file has: Rss 128, Locked 128
		and mlock() of the same: ENOMEM
	END
}

# frame LABEL, says LABEL: what the page table has there.
frame()
{
	part 'Copy on write' | awk -v label="  $1  " 'index($0, label) == 1 {
		$0 = substr($0, length(label)); print $1 }'
}

says()
{
	part 'Copy on write' | awk -v label="  $1  " 'index($0, label) == 1 {
		$0 = substr($0, length(label)); $1 = ""; print }' | xargs
}

@test "a first write to a private mapping gives it a page of its own, and nobody else" {
	local what

	for what in file device; do
		part 'Copy on write' | grep "^  $what"
		[[ $(frame "$what, private, read") == 0x* ]]
		[[ $(frame "$what, private, read") == "$(frame "$what, shared, read")" ]]
		[[ $(frame "$what, private, written to") != "$(frame "$what, shared")" ]]
		[[ $(frame "$what, shared") == "$(frame "$what, shared, read")" ]]
		# Until then it can't be written to, and is the file's; then the other way round.
		[[ $(says "$what, private, read") == file ]]
		[[ $(says "$what, private, written to") == write ]]
	done
	part 'Copy on write' | grep -Ex '  the file begins with +f'
	part 'Copy on write' | grep -Ex '  copies by MAP_POPULATE +128 KiB'
}

@test "anonymous memory that was only read is one page of zeroes, many times" {
	[[ $(frame 'anonymous, page 0, read') == "$(frame 'anonymous, page 1, read')" ]]
	[[ $(says 'anonymous, page 0, read') == zero && $(says 'page 1') == zero ]]
	[[ $(frame 'page 0, written to') != "$(frame 'page 1')" ]]
	[[ $(says 'page 0, written to') == write ]]
}

@test "with track_dirty entries are read-only until a fault has told of the first write" {
	diff - <(part Write-notify | sed 's/^  *//; s/  */ /g') <<-END
		track_dirty=0, mmap() writable none 0 0 0 0
		page 0 read writable writable 1 0 0 0
		page 0 written to writable writable 1 0 0 0
		track_dirty=1, mmap() read-only none 0 0 0 0
		page 0 read read-only read-only 1 0 0 0
		page 0 written to read-only writable 1 0 1 1
	END
}

@test "two runs at once don't disturb each other" {
	[[ $LAB_STATUS == '0 0' ]]
}

@test "an instance of the user stays, whatever its name" {
	keeps_users_instance lazy-populated-locked tracked
}
