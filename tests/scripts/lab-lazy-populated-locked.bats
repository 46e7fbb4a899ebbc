#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Check the results of the lab lazy-populated-locked.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab lazy-populated-locked
}

# part HEADING: the lines below a heading.
part()
{
	awk -v heading="$1" '!/^ / { on = index($0, heading) == 1; next } on' "$LAB_OUTPUT"
}

# rss COLUMN: the kind of mapping and its value in that column.
rss()
{
	part Rss | awk -v column="$1" '{
		label = substr($0, 3, 26)
		sub(/ +$/, "", label)
		$0 = substr($0, 29)
		print label ": " $column }'
}

MMAP=1 READ=2 POPULATE=3 NONBLOCK=4 LOCKED=5 IS_LOCKED=6

@test "mmap() alone maps no pages, except with map_mode insert" {
	diff - <(rss $MMAP) <<-END
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

@test "reading one byte maps the zero page, one page, or 64 KiB by fault-around" {
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

@test "MAP_POPULATE maps all pages of shared and private mappings" {
	[[ $(rss $POPULATE | grep -c ': 128$') == 7 ]]
	rss $POPULATE | grep -x 'device, map_mode remap: 0'
}

@test "MAP_NONBLOCK disables MAP_POPULATE" {
	diff <(rss $MMAP) <(rss $NONBLOCK)
}

@test "MAP_LOCKED maps all pages, and locks all but device mappings" {
	diff <(rss $POPULATE) <(rss $LOCKED)
	[[ $(rss $IS_LOCKED | grep -c ': 128$') == 5 && $(rss $IS_LOCKED | grep -c '^device.*: 0$') == 3 ]]
}

@test "mmap() flags change VmFlags as documented" {
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
	grep -Ex 'VmFlags, anonymous, private +rd wr mr mw me ac sd' "$LAB_OUTPUT"
}

@test "mmap() succeeds or fails as documented" {
	diff - <(part 'mmap() with' | sed -E 's/^ +(.*[^ ])  +/\1: /') <<-END
		length 0: EINVAL
		a hint below vm.mmap_min_addr: 0x10000
		MAP_FIXED_NOREPLACE over a mapping: EEXIST
		MAP_FIXED inside a mapping: 3 mappings now
		MAP_HUGETLB: pages of 2048 KiB
		MAP_SHARED | MAP_GROWSDOWN: EINVAL
		MAP_SHARED_VALIDATE | MAP_SYNC: EOPNOTSUPP
		MAP_SHARED, PROT_WRITE, an O_RDONLY file: EACCES
		MAP_PRIVATE, PROT_READ, an O_WRONLY file: EACCES
		a sysfs file: ENODEV
		PROT_EXEC, a vmwalk device: EPERM
		MAP_LOCKED, more than RLIMIT_MEMLOCK: EAGAIN
		MAP_LOCKED, RLIMIT_MEMLOCK = 0: EPERM
		more than RLIMIT_AS: ENOMEM
		MAP_LOCKED, twice the size of the file: Rss 128, Locked 128
		mlock() of that mapping: ENOMEM
	END
}

# cow LABEL: the PFN and flags, or the text, of a row of "Copy on write".
cow()
{
	part 'Copy on write' | awk -v label="  $1  " 'index($0, label) == 1 {
		$0 = substr($0, length(label)); $1 = $1; print }'
}

pfn()
{
	local pfn

	read -r pfn _ < <(cow "$1")
	echo "$pfn"
}

flags()
{
	local flags

	read -r _ flags < <(cow "$1")
	echo "$flags"
}

@test "the first write to a private mapping copies the page and leaves the file unchanged" {
	local what

	for what in file device; do
		part 'Copy on write' | grep "^  $what"
		[[ $(pfn "$what, private, read") == 0x* ]]
		[[ $(pfn "$what, private, read") == "$(pfn "$what, shared, read")" ]]
		[[ $(pfn "$what, private, written") != "$(pfn "$what, shared, after that")" ]]
		[[ $(pfn "$what, shared, after that") == "$(pfn "$what, shared, read")" ]]
		[[ $(flags "$what, private, read") == file ]]
		[[ $(flags "$what, private, written") == write ]]
	done
	[[ $(cow 'first byte of the file') == f ]]
	[[ $(cow 'copied by MAP_POPULATE') == '128 KiB' ]]
}

@test "anonymous pages that were only read map the zero page" {
	[[ $(pfn 'anonymous, page 0, read') == "$(pfn 'anonymous, page 1, read')" ]]
	[[ $(flags 'anonymous, page 0, read') == zero && $(flags 'anonymous, page 1') == zero ]]
	[[ $(pfn 'anonymous, page 0, written') != "$(pfn 'anonymous, page 1')" ]]
	[[ $(flags 'anonymous, page 0, written') == write ]]
}

@test "with track_dirty entries are read-only until the first write faults" {
	diff - <(part Write-notify | sed 's/^  *//; s/  */ /g') <<-END
		track_dirty=0, mmap() writable none 0 0 0 0
		page 0 read writable writable 1 0 0 0
		page 0 written writable writable 1 0 0 0
		track_dirty=1, mmap() read-only none 0 0 0 0
		page 0 read read-only read-only 1 0 0 0
		page 0 written read-only writable 1 0 1 1
	END
}

@test "the picture has the totals of vmwalk summary" {
	picture_matches
}

@test "the picture shows what each mapping has" {
	[[ ! $(picture_sum 0x300) && $(picture_sum 0x400) == zero=4 && $(picture_sum 0x500) == 4K=4 ]]
	[[ $(picture_sum 0x600) == 4K=128 && $(picture_sum 0x700) == 4K=64 && $(picture_sum 0x800) == 4K=128 ]]
}

@test "the sessions give the output that the page shows" {
	expect_session
}

@test "two concurrent runs succeed" {
	[[ $LAB_STATUS == '0 0' ]]
}
