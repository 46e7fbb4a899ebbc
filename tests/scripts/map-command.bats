#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# vmwalk map without the driver: the pictures of a captured process. The numbers
# in them are compared with vmwalk summary. The tests of the page need Chromium,
# that of --png needs rsvg-convert: they are in the group browser of tests/vm/root.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load captured
load pictures

BROWSER=$BATS_TEST_DIRNAME/../browser/browser.py

# States: present, write and dirty; file; 2M entries; swapped
PRESENT=0x33 FILE=0x821 HUGE=0x10033 SWAP=0x80

need()
{
	type -P "$1" >/dev/null || skip "$1 is not installed"
}

# capture_zones: two nodes of 256 MiB, with a hole of 64 MiB in node 1
capture_zones()
{
	local proc=$VMWALK_SYSROOT/proc

	mkdir -p "$proc"
	cat >"$proc/zoneinfo" <<-'END'
		Node 0, zone      DMA
		  pages free     3000
		        spanned  4095
		        present  3998
		  start_pfn:           1
		Node 0, zone   Normal
		  pages free     3000
		        spanned  61440
		        present  61440
		  start_pfn:           4096
		Node 0, zone  Movable
		  pages free     0
		        spanned  0
		        present  0
		Node 1, zone   Normal
		  pages free     3000
		        spanned  65536
		        present  49152
		  start_pfn:           65536
	END
	cat >"$proc/iomem" <<-'END'
		00000000-00000fff : Reserved
		00001000-0fffffff : System RAM
		  01000000-01ffffff : Kernel code
		14000000-1fffffff : System RAM
	END
}

# capture_target: an instance "demo" whose target runs. Standard input is the replay
# file of its device.
capture_target()
{
	capture_device
	capture_process 4242 student
	capture_zones
}

# capture_maps LINE...: the mappings of the process
capture_maps()
{
	printf '%s\n' "$@" >"$VMWALK_SYSROOT/proc/4242/maps"
}

# A process with a program, a heap of which a half is huge, and a stack. 12 pages
# of the heap are swapped out. A page of the program is mapped twice. Node 1 has
# two huge pages and one of the small ones.
capture_student()
{
	capture_target <<-END
		info 4096 4 4242
		extent 0x400000 0x1000 3 $FILE 12 0
		extent 0x403000 0x1002 1 $FILE 12 0
		extent 0x10000000 0x15000 1024 $HUGE 21 1
		extent 0x10400000 0x2000 500 $PRESENT 12 0
		extent 0x105f4000 0 12 $SWAP 12 -1
		extent 0x10700000 0x16000 1 $PRESENT 12 1
		extent 0x7ffff000 0x3000 1 $PRESENT 12 0
		vma 0x400000 0x42c000 5 0 1 1234 8 1 0x15 12
		vma 0x10000000 0x10800000 3 0 0 0 0 0 0x3 12
		vma 0x7ffd0000 0x80000000 3 0 0 0 0 0 0x3 12
	END
	capture_maps '00400000-0042c000 r-xp 00000000 08:01 1234                       /usr/bin/a program' \
		'10000000-10800000 rw-p 00000000 00:00 0                          [heap]' \
		'7ffd0000-80000000 rw-p 00000000 00:00 0                          [stack]'
}

# absent COMMAND...: COMMAND, which looks for something, does not find it.
absent()
{
	local code=0

	"$@" || code=$?
	[[ $code == 1 ]]
}

# draw OPTION...: makes $SVG and $PAGE.
draw()
{
	SVG=$BATS_TEST_TMPDIR/map.svg PAGE=$BATS_TEST_TMPDIR/map.html
	run --separate-stderr replay vmwalk map --device demo --svg "$SVG" --html "$PAGE" "$@"
	[[ $status == 0 && ! $output && ! $stderr ]]
}

summary_json()
{
	replay vmwalk summary --device demo --json
}

# draw_small: the same in 64 MiB of memory
draw_small()
{
	SVG=$BATS_TEST_TMPDIR/map.svg PAGE=$BATS_TEST_TMPDIR/map.html
	peak env LD_PRELOAD="$REPLAY" vmwalk map --device demo --svg "$SVG" --html "$PAGE"
}

@test "the totals of the page are those of vmwalk summary" {
	capture_student
	draw
	totals
	diff <(totals) <(summary_totals)
	[[ $(totals | wc -l) == 5 ]]
	# By kind, size of the entries, and node
	diff <(sed -n 's,^<tr><td>\([^<]*\)</td><td>\([^<]*\)</td><td>\([^<]*\)<.*,\1 \2 \3,p' "$PAGE") - <<-END
		anonymous 4K 0
		anonymous 4K 1
		anonymous 2M 1
		file 4K 0
		swap 4K -
	END
	# Resident: 1024 + 500 + 1 + 1 anonymous pages, 4 of the file
	grep -q '>resident.*<td class="number">6266880</td>' "$PAGE"
}

@test "the cells add up to the totals, for each kind, entry size and node" {
	capture_student
	draw
	cells_match
	[[ $(wc -l <"$BATS_TEST_TMPDIR/sums") == 5 ]]
}

@test "the totals of the static picture are those of vmwalk summary" {
	capture_student
	draw
	grep -q '>6 MiB is resident, 66.9% of it huge (mapped by entries of 2M or more).<' "$SVG"
	grep -q '>48 KiB is swapped out.<' "$SVG"
	grep -q '>Of the resident memory, 33.0% is on node 0, 67.0% on node 1.<' "$SVG"
	grep -q '>2M entries 4 MiB (66.9%)<' "$SVG"
	grep -q '>4K entries 2 MiB (33.1%)<' "$SVG"
	grep -q '>node 0 2 MiB (33.0%)<' "$SVG"
	grep -q '>node 1 4 MiB (67.0%)<' "$SVG"
	grep -q '>swapped 48 KiB<' "$SVG"
	grep -q '>6 MiB: anonymous 6 MiB, file 16 KiB, shared memory 0 bytes<' "$SVG"
	replay vmwalk summary --device demo | grep -F '2M entries 4M (66.9%), 4K entries 2M (33.1%)'
}

@test "physical memory has the frames of the process, each one once" {
	capture_student
	draw
	grep -q '>node 0, zone DMA: 0 bytes of 16 MiB<' "$SVG"
	grep -q '>node 0, zone Normal: 2 MiB of 240 MiB<' "$SVG"
	# The hole is not memory.
	grep -q '>node 1, zone Normal: 4 MiB of 192 MiB<' "$SVG"
	[[ $(data '.regions | map(.name) | join("; ")') == 'node 0, zone DMA: 0 bytes of 16 MiB; node 0,'* ]]
	# 500 and 1 pages of the heap, 1 of the stack, 3 of the file, of which one is
	# mapped twice
	[[ $(blocks | awk '{ sum[$2] += $1 } END { print sum[0], sum[2] }') == '505 1024' ]]
}

@test "a cell is linked to the blocks of its frames" {
	capture_student
	draw
	# A block has 16 pages. Node 0 has 4096 blocks. Node 1 begins with a hole.
	[[ $(data .blockSize) == 16 ]]
	grep -xE "0x10700000 0x10701000 [0-9]=1 $((4096 + (0x16000 - 0x14000) / 16))\+1:1" <(cells)
}

@test "frames that are not in the memory of /proc/iomem are counted, too" {
	capture_student
	sed -i 's/0x16000 1 /0x11000 1 /' "$VMWALK_REPLAY"
	draw
	grep -q '>outside of the memory in /proc/iomem: 4 KiB<' "$SVG"
	[[ $(data '.regions[-1].blocks') == 1 && $(data '.blocks[-4:] | join(" ")') == '1 1 0 1' ]] ||
		data '.blocks[-6:]'
}

@test "more zones than tiles, and one at the end of all frames, are drawn" {
	capture_student
	for ((i = 0; i < 400; i++)); do
		printf 'Node %d, zone Normal\n  spanned 256\n  start_pfn: %d\n' $i $((i * 256))
	done >"$VMWALK_SYSROOT/proc/zoneinfo"
	printf 'Node 400, zone Normal\n  spanned 610\n  start_pfn: 18446744073709551000\n' \
		>>"$VMWALK_SYSROOT/proc/zoneinfo"
	draw
	# 64 zones are in the hole.
	[[ $(grep -c '>node [0-9]*, zone Normal: ' "$SVG") == 336 ]]
}

@test "zones that are within other zones make each frame part of one zone" {
	capture_student
	# Node 1 is within node 0, and so is node 2, which begins in node 1.
	printf 'Node %d, zone Normal\n  spanned %d\n  start_pfn: %d\n' 0 131072 0 1 4096 73728 2 16384 77000 \
		>"$VMWALK_SYSROOT/proc/zoneinfo"
	draw
	[[ $(grep -c '>node [0-9]*, zone Normal: ' "$SVG") == 1 ]]
	grep -q '>node 0, zone Normal: 6 MiB of 448 MiB<' "$SVG"
	[[ $(data .blockSize) == 16 && $(data '.regions[0].blocks') == $((458752 / 64)) ]]
	[[ $(blocks | awk '{ sum[$2] += $1 } END { print sum[0], sum[2] }') == '505 1024' ]]
}

@test "a mapping that replaces another one during the scan has no cell in common with it" {
	capture_target <<-END
		info 4096 4 4242
		extent 0x10000000 0x2000 3 $PRESENT 12 0
		extent 0x10003000 0x2003 20000 $PRESENT 12 0
		vma 0x10000000 0x10003000 3 0 0 0 0 0 0x3 12
		vma 0x10001000 0x20000000 3 0 0 0 0 0 0x3 12
	END
	capture_maps '10000000-10003000 rw-p 00000000 00:00 0 one' '10003000-20000000 rw-p 00000000 00:00 0 two'
	draw
	cells_match
	# Cells of two pages, of which both mappings have one in the same block
	[[ $(data .cellSize) == 2 && $(cells | awk 'NR == 3 { print $1, $2 }') == '0x10003000 0x10004000' ]]
}

@test "cells of scattered pages add up, and are linked to the blocks of all their pages" {
	# 200,000 pages, one by one: the size of the cells doubles several times.
	capture_target < <(awk -v present=$PRESENT 'BEGIN {
		print "info 4096 4 4242"
		for (i = 0; i < 200000; i++)
			printf "extent 0x%x 0x%x 1 %s 12 0\n", 268435456 + i * 12288, 4096 + i * 7919 % 61440, present
		print "vma 0x10000000 0xb0000000 3 0 0 0 0 0 0x3 12"
	}')
	capture_maps '10000000-b0000000 rw-p 00000000 00:00 0 [heap]'
	draw
	cells_match
	(($(data .cellSize) >= 16 && $(data .blockSize) == 16))
	# Frames below 0x10000 are in the block PFN / 16. The links of a cell add up to its
	# pages, and have the block of each page.
	cells | awk -v size="$(($(data .cellSize) * 4096))" '
		function fail(text) { print text; bad = 1; exit 1 }
		{
			start = strtonum($1)
			for (; page < 200000 && 268435456 + page * 12288 < start + size; page++) {
				block = int((4096 + page * 7919 % 61440) / 16)
				for (i = 3; i <= NF; i++)
					if (split($i, part, /[+:]/) == 3 && block >= part[1] && block < part[1] + part[2])
						break
				if (i > NF)
					fail("page " page " in block " block ": " $0)
				pages[NR]++
			}
			links = shares = 0
			for (i = 3; i <= NF; i++) {
				if (split($i, part, "=") == 2)
					shares += part[2]
				else if (split($i, part, /[+:]/) == 3)
					links += part[3]
				wide += part[2] > 1
			}
			if (links != shares || shares != pages[NR] + 0)
				fail("shares " shares ", links " links ", pages " pages[NR] ": " $0)
		}
		END { exit bad || page != 200000 || !wide }'
}

@test "one swapped page of a huge window is visible" {
	capture_target <<-END
		info 4096 4 4242
		extent 0x10000000 0x2000 262143 $PRESENT 12 0
		extent 0x4ffff000 0 1 $SWAP 12 -1
		vma 0x10000000 0x50000000 3 0 0 0 0 0 0x3 12
	END
	capture_maps '10000000-50000000 rw-p 00000000 00:00 0 [heap]'
	draw
	# One rectangle of the class in a cell, of a height of at least 2, and the
	# sample of the legend
	[[ $(grep -c 'class="k8"' "$SVG") == 2 ]]
	grep -o 'class="k8" d="M[0-9.]* [0-9.]*h[0-9.]*v2h' "$SVG"
}

@test "every mapping has a cell, with or without pages" {
	capture_target <<-END
		info 4096 4 4242
		extent 0x10000000 0x2000 1 $PRESENT 12 0
		vma 0x10000000 0x10001000 3 0 0 0 0 0 0x3 12
		vma 0x20000000 0x30000000 3 0 0 0 0 0 0x3 12
		vma 0x30000000 0x30001000 3 0 0 0 0 0 0x3 12
	END
	capture_maps '10000000-10001000 rw-p 00000000 00:00 0 one' \
		'20000000-30000000 ---p 00000000 00:00 0 two' \
		'30000000-30001000 rw-p 00000000 00:00 0 three'
	draw
	[[ $(cells | cut -d' ' -f1,2 | paste -sd' ') == \
		'0x10000000 0x10001000 0x20000000 0x30000000 0x30000000 0x30001000' ]]
	grep -q '>4 KiB is resident, none of it huge (' "$SVG"
	# A long range without pages is dotted.
	[[ $(grep -c '<path class="empty"' "$SVG") == 1 ]]
	grep -q ">one<" "$SVG"
	grep -q ">+ 2 more<" "$SVG"
	[[ $(data '.names | join(" ")') == 'unknown one two three' ]]
}

@test "the name of a row is the end of a path, or a name in brackets, and is cut between characters" {
	local -A labels=(
		[/usr/lib/libc.so]='libc.so' ['/memfd:a b (deleted)']='memfd:a b (deleted)' ['[anon:/x/y]']='[anon:/x/y]'
		[/x/aaaaaaaaaaaaaaaaaaaaaaaéb]=aaaaaaaaaaaaaaaaaaaaaaa… [/]=/
	)
	local name

	capture_target <<-END
		info 4096 4 4242
		extent 0x10000000 0x2000 1 $PRESENT 12 0
		vma 0x10000000 0x10001000 3 0 0 0 0 0 0x3 12
	END
	for name in "${!labels[@]}"; do
		capture_maps "10000000-10001000 rw-p 00000000 00:00 0 $name"
		draw
		grep -qF "class=\"small\">${labels[$name]}</text>" "$SVG" || { echo "$name"; return 1; }
	done
}

@test "the sentences do not round a small part, or the rest, away" {
	capture_target <<-END
		info 4096 4 4242
		extent 0x10000000 0x2000 1 $PRESENT 12 0
		extent 0x20000000 0x15000 5120 $HUGE 21 1
		vma 0x10000000 0x10001000 3 0 0 0 0 0 0x3 12
		vma 0x20000000 0x30000000 3 0 0 0 0 0 0x3 12
	END
	capture_maps '10000000-10001000 rw-p 00000000 00:00 0 one' '20000000-30000000 rw-p 00000000 00:00 0 two'
	draw
	grep -q '>20 MiB is resident, more than 99.9% of it huge (' "$SVG"
	grep -q '>Of the resident memory, less than 0.1% is on node 0, more than 99.9% on node 1.<' "$SVG"
}

@test "a size that rounds to 1024 is 1 of the next unit" {
	capture_target <<-END
		info 4096 4 4242
		extent 0x10000000 0x2000 1 $PRESENT 12 0
		vma 0x10000000 0x10001000 3 0 0 0 0 0 0x3 12
		vma 0x10010000000 0x10010001000 3 0 0 0 0 0 0x3 12
	END
	capture_maps '10000000-10001000 rw-p 00000000 00:00 0 one' \
		'10010000000-10010001000 rw-p 00000000 00:00 0 two'
	draw
	grep -q '>1 TiB not mapped<' "$SVG"
}

# capture_mappings COUNT: a process with mappings of two pages, one of which is present
capture_mappings()
{
	capture_target < <(awk -v present=$PRESENT -v count="$1" 'BEGIN {
		print "info 4096 4 4242"
		for (i = 0; i < count; i++) {
			printf "vma 0x%x 0x%x 3 0 0 0 0 0 0x3 12\n", i * 12288 + 4096, i * 12288 + 12288
			printf "extent 0x%x 0x%x 1 %s 12 0\n", i * 12288 + 4096, i * 7 % 50000 + 5000, present
		}
	}')
	awk -v count="$1" 'BEGIN {
		for (i = 0; i < count; i++)
			printf "%x-%x rw-p 00000000 00:00 0 name %d\n", i * 12288 + 4096, i * 12288 + 12288, i
	}' >"$VMWALK_SYSROOT/proc/4242/maps"
}

@test "60,000 mappings have a cell each, in 64 MiB of memory and a page of less than 8 MiB" {
	capture_mappings 60000
	draw_small
	[[ $(data '.mappings | length') == 240000 && $(data .shared) == 0 ]]
	[[ $(cells | wc -l) -ge 60000 ]]
	(($(stat -c %s "$PAGE") < 8 * 1024 * 1024))
	(($(stat -c %s "$SVG") < 1024 * 1024))
	cells_match
}

@test "more than 65,536 mappings share cells, which still add up" {
	capture_mappings 70000
	draw_small
	[[ $(data '.mappings | length') == $((65536 * 4)) && $(data .shared) == 1 ]]
	grep -q '>512 MiB in 65536 mappings and 4464 more. ' "$SVG"
	(($(cells | wc -l) <= 16384 + 65536))
	(($(stat -c %s "$PAGE") < 8 * 1024 * 1024))
	cells_match
}

@test "1 TiB of scattered pages: the cells are few and exact, in 64 MiB of memory" {
	# 16 million extents would take long: every tenth page of a part
	capture_target <<-END
		info 4096 4 4242
		extent 0x10000000000 0x1000 200000000 $HUGE 30 0
		extent 0x1c000000000 0x2000 1 $PRESENT 12 1
		repeat 299999 0xa000
		vma 0x10000000000 0x20000000000 3 0 0 0 0 0 0x3 12
	END
	capture_maps '10000000000-20000000000 rw-p 00000000 00:00 0 [heap]'
	draw_small
	(($(data '.cells | length') < 16385 * 20))
	cells_match
	(($(stat -c %s "$PAGE") < 4 * 1024 * 1024))
}

@test "cells are at most 16,384 more than mappings, and as small as this allows" {
	capture_target <<-END
		info 4096 4 4242
		extent 0x10000000 0x2000 16384 $PRESENT 12 0
		vma 0x10000000 0x20000000 3 0 0 0 0 0 0x3 12
	END
	capture_maps '10000000-14000000 rw-p 00000000 00:00 0 [heap]'
	draw
	[[ $(data .cellSize) == 1 && $(cells | wc -l) == 16384 ]]
	sed -i 's/ 16384 / 16386 /' "$VMWALK_REPLAY"
	capture_maps '10000000-14002000 rw-p 00000000 00:00 0 [heap]'
	draw
	[[ $(data .cellSize) == 2 && $(cells | wc -l) == 8193 ]]
	cells_match
}

@test "a process without mappings has empty pictures" {
	capture_target <<<'info 4096 4 4242'
	: >"$VMWALK_SYSROOT/proc/4242/maps"
	draw
	grep -q '>No memory is resident.<' "$SVG"
	grep -q '>0 bytes in 0 mappings. ' "$SVG"
	grep -q '>node 1, zone Normal: 0 bytes of 192 MiB<' "$SVG"
	[[ $(data '.cells | length') == 0 ]]
	absent grep -iE 'nan|inf[^o]' "$SVG"
}

@test "pages of mappings that are not in the maps are counted" {
	capture_student
	capture_maps '10000000-10800000 rw-p 00000000 00:00 0 [heap]'
	draw
	cells_match
	[[ $(wc -l <"$BATS_TEST_TMPDIR/sums") == 5 ]]
	grep -q '>unknown<' "$SVG"
}

@test "--no-frames: neither the picture nor the page has frame numbers or physical addresses" {
	capture_student
	draw
	# 0x11000 is 69632; the second block of node 1 is at 0x10008000.
	grep -qiE 'frames 0x' "$SVG"
	draw --no-frames
	absent grep -qE 'frames 0x|0x1000000[^0-9a-f]' "$SVG"
	absent grep -wE '69632|8192|12288|73728' <(data '.cells[], .blocks[]')
	[[ $(data '.blocks | length / 4 | floor') -le 6 && $(data .frames) == 0 ]]
	grep -q '>node 1, zone Normal: 4 MiB of 192 MiB<' "$SVG"
	cells_match
}

@test "hidden frames: physical memory is left out, and the pictures say why" {
	capture_target <<-'END'
		info 4096 4 4242
		extent 0x10000000 0 100 0x8033 12 1
		vma 0x10000000 0x10800000 3 0 0 0 0 0 0x3 12
	END
	capture_maps '10000000-10800000 rw-p 00000000 00:00 0 [heap]'
	draw
	grep -q 'It is not shown, since frame numbers are hidden: .*CAP_SYS_ADMIN' "$SVG"
	grep -q 'It is not shown, since frame numbers are hidden: .*CAP_SYS_ADMIN' "$PAGE"
	[[ $(data '.blocks | length') == 0 ]]
	absent grep -q 'zone Normal' "$SVG"
	grep -q '>node 1 400 KiB (100.0%)<' "$SVG"
}

@test "names cannot end a script, add a tag or break the encoding" {
	capture_student
	printf '</script><b>&"\x27\xff\x01' >"$VMWALK_SYSROOT/proc/4242/comm"
	capture_maps $'10000000-10800000 rw-p 00000000 00:00 0 /x/</script><!--&"\xff\x01'
	draw
	[[ $(grep -c '</script>' "$PAGE") == 2 ]]
	absent grep -q '<b>\|<!--' "$PAGE" "$SVG"
	LC_ALL=C.UTF-8 grep -q '&#60;/script&#62;&#60;b&#62;&#38;&#34;&#39;��' "$SVG"
	[[ $(data '.names[1]') == $'/x/</script><!--&"\xef\xbf\xbd\x01' ]] || data '.names[1]' | od -c
	absent grep -q $'\xff' "$SVG" "$PAGE"
}

@test "files are private, and an old one is replaced as a whole" {
	capture_student
	umask 0
	draw
	[[ $(stat -c %a "$SVG" "$PAGE" | paste -sd' ') == '600 600' ]]
	chmod 644 "$SVG"
	exec 5<"$SVG"
	draw
	[[ $(stat -c %a "$SVG") == 600 && $(stat -c %i "$SVG") != "$(stat -Lc %i /dev/fd/5)" ]]
	[[ $(find "$BATS_TEST_TMPDIR" -name 'map.*' | wc -l) == 2 ]]
}

@test "a file that cannot be written fails, and leaves no part of it" {
	local directory=$BATS_TEST_TMPDIR/out

	capture_student
	mkdir "$directory"
	run --separate-stderr replay vmwalk map -d demo --svg "$directory/none/map.svg"
	fails 1 "vmwalk: map: $directory/none/map.svg: No such file or directory"
	run --separate-stderr replay vmwalk map -d demo --svg "$directory"
	fails 1 "vmwalk: map: $directory: Is a directory"
	run --separate-stderr replay vmwalk map -d demo --html /dev/null
	fails 1 'vmwalk: map: /dev/null: not a regular file'
	run --separate-stderr bash -c "trap '' XFSZ; ulimit -f 1
		LD_PRELOAD=$REPLAY vmwalk map -d demo --svg $directory/map.svg"
	fails 1 "vmwalk: map: $directory/map.svg: File too large"
	[[ ! $(ls -A "$directory") ]]
}

@test "two pictures in one file are a usage error" {
	local file

	capture_student
	for file in - "$BATS_TEST_TMPDIR/map"; do
		run --separate-stderr replay vmwalk map -d demo --html "$file" --svg "$file"
		fails 2 "vmwalk: map: --svg and --html both write to '$file'" \
			"Try 'vmwalk map --help'."
		run --separate-stderr replay vmwalk map -d demo --png "$file" --html "$file"
		fails 2 "vmwalk: map: --html and --png both write to '$file'" \
			"Try 'vmwalk map --help'."
	done
	[[ ! -e $BATS_TEST_TMPDIR/map ]]
	replay vmwalk map -d demo --svg - --html "$BATS_TEST_TMPDIR/map" | grep -q '</svg>'
}

@test "a picture is the same in a language with a decimal comma" {
	[[ -d /usr/share/i18n/charmaps ]] || skip 'the package locales is not installed'
	capture_student
	draw
	cp "$SVG" "$BATS_TEST_TMPDIR/point.svg"
	printf '%s\n' 'comment_char %' 'escape_char /' LC_NUMERIC 'decimal_point ","' 'thousands_sep "."' \
		'grouping 3' 'END LC_NUMERIC' >"$BATS_TEST_TMPDIR/comma"
	mkdir "$BATS_TEST_TMPDIR/locales"
	localedef --no-archive --force --quiet -i "$BATS_TEST_TMPDIR/comma" -f ANSI_X3.4-1968 \
		"$BATS_TEST_TMPDIR/locales/comma" || true
	export LOCPATH=$BATS_TEST_TMPDIR/locales LC_NUMERIC=comma
	unset LC_ALL
	[[ $(bash -c 'printf %.1f 1,5') == 1,5 ]]
	draw
	diff "$SVG" "$BATS_TEST_TMPDIR/point.svg"
}

@test "- is standard output" {
	capture_student
	draw
	diff <(replay vmwalk map -d demo --svg -) "$SVG"
	run --separate-stderr bash -c "LD_PRELOAD=$REPLAY vmwalk map -d demo --html - >/dev/full"
	[[ $status == 1 && $stderr == *'No space left on device'* ]]
}

@test "a process that exits fails, and writes no file" {
	capture_student
	echo 'error 3' >>"$VMWALK_REPLAY"
	SVG=$BATS_TEST_TMPDIR/map.svg
	run --separate-stderr replay vmwalk map -d demo --svg "$SVG"
	fails 1 'vmwalk: map: process 4242 has exited, or has started another program'
	[[ ! -e $SVG ]]
}

@test "memory that is short fails, and is reported" {
	local limit failed=

	capture_student
	for ((limit = 8192; !failed; limit -= 128)); do
		run --separate-stderr bash -c "ulimit -d $limit
			LD_PRELOAD=$REPLAY vmwalk map -d demo --html $BATS_TEST_TMPDIR/map.html"
		[[ $status == 0 || $limit != 8192 ]]
		[[ $status == 0 ]] || failed=1
	done
	[[ $stderr == *'Cannot allocate memory'* ]]
}

@test "--png without rsvg-convert names the package, and writes no file" {
	capture_student
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s "$(type -P vmwalk)" "$BATS_TEST_TMPDIR/bin"
	run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" LD_PRELOAD="$REPLAY" \
		vmwalk map -d demo --png "$BATS_TEST_TMPDIR/map.png"
	[[ $status == 1 && $stderr == *'--png needs the program rsvg-convert'*librsvg2-bin ]]
	[[ ! $(find "$BATS_TEST_TMPDIR" -name 'map.png*') ]]
}

@test "--png writes the picture as PNG, twice as large" {
	need rsvg-convert
	capture_student
	draw --png "$BATS_TEST_TMPDIR/map.png"
	[[ $(od -An -tx1 -N8 "$BATS_TEST_TMPDIR/map.png") == ' 89 50 4e 47 0d 0a 1a 0a' ]]
	[[ $(od -An -tu4 --endian=big -j16 -N4 "$BATS_TEST_TMPDIR/map.png") -eq 1928 ]]
	[[ $(stat -c %a "$BATS_TEST_TMPDIR/map.png") == 600 ]]
}

# browse ACTION...: opens the page in the browser, see browser.py. Fails if a script
# has failed, or if the page has loaded anything.
browse()
{
	output=$(python3 "$BROWSER" "$PAGE" "$@")
	mapfile -t lines <<<"$output"
}

# The details of the cell that was chosen, and the numbers of the marked cells
# shellcheck disable=SC2016 # JavaScript
INFO='print:[...document.querySelectorAll("#info dt")].map((term) =>
	`${term.textContent}: ${term.nextSibling.textContent}`).join("; ")'
# shellcheck disable=SC2016 # JavaScript
LINKED='print:[...document.querySelectorAll(".linked")].map((cell) =>
	`${cell.closest("figure").id} ${cell.dataset.tile}`).join(" ")'
UNIT='print:document.querySelector("#cells .unit").textContent'

# What labels cover: other labels, cells, or what is beyond the picture. A line of text is
# higher than its letters.
# shellcheck disable=SC2016 # JavaScript
COVERED='print:((find) => {
	const labels = find("text"), cells = find("path, rect.line"), width = find("svg:has(text)")[0].right;
	const over = (a, b) => a.left < b.right && b.left < a.right && a.top + 4 < b.bottom && b.top + 4 < a.bottom;
	return labels.filter((a) => a.right > width || cells.some((b) => over(a, b)) ||
		labels.some((b) => a !== b && over(a, b))).map((a) => a.text).join(", ") || "nothing";
})((selector) => [...document.querySelectorAll(selector)].map((element) => {
	const {left, right, top, bottom} = element.getBoundingClientRect();
	return {left, right, top, bottom: bottom - 4, text: element.textContent};
}).filter((box) => box.right > box.left))'

@test "labels cover neither cells nor each other, and are within the picture" {
	local name=libraries-with-a-long-name.so picture=$BATS_TEST_TMPDIR/map.svg

	need chromium-headless-shell
	capture_student
	sed -i "s,\[heap],/usr/lib/$name," "$VMWALK_SYSROOT/proc/4242/maps"
	sed -i 's/^7ffd0000-80000000 \(.*\)/7ffffffe0000-7ffffffff000 \1/' "$VMWALK_SYSROOT/proc/4242/maps"
	sed -i 's/0x7ffff000 /0x7fffffffe000 /; s/0x7ffd0000 0x80000000/0x7ffffffe0000 0x7ffffffff000/' \
		"$VMWALK_REPLAY"
	draw
	grep -q '>128 TiB not mapped<' "$picture"
	grep -q ">${name:0:24}…<" "$picture"
	PAGE=$picture browse "$COVERED"
	[[ $output == nothing ]] || { echo "$output"; return 1; }
	PAGE=$picture browse 'print:[...document.querySelectorAll("text")].map((text) => text.setAttribute("x", 140))' \
		"$COVERED"
	[[ $output == *'[stack]'* ]]
}

@test "the page: a narrow window has totals of its own, whose letters are not small" {
	need chromium-headless-shell
	capture_student
	draw
	browse size:600x900 "$COVERED" \
		'print:Math.min(...[...document.querySelectorAll("svg text")].map((text) => text.getBoundingClientRect().height)
			.filter((height) => height)) >= 14' \
		'print:document.documentElement.scrollWidth <= 600' \
		'print:document.querySelectorAll(".narrow path[class^=k]").length' \
		'print:document.querySelectorAll(".wide path[class^=k]").length'
	echo "$output"
	[[ ${lines[0]} == nothing && ${lines[1]} == True && ${lines[2]} == True && ${lines[3]} == "${lines[4]}" ]]
}

@test "the page: a click on a cell shows its pages, and marks the memory that they are in" {
	need chromium-headless-shell
	capture_student
	draw
	# The first of the heap: the program has a cell with pages and 10 without.
	browse 'click:#cells [data-tile="11"]' "$INFO" "$LINKED" \
		'click:#blocks .linked' "$INFO" "$LINKED" 'click:#cells [data-tile="11"]' \
		'print:[...document.querySelectorAll("#info dt")].every((term) =>
			term.getBoundingClientRect().x === term.nextSibling.getBoundingClientRect().x)'
	echo "$output"
	# A term and its text are in the same column.
	[[ ${lines[4]} == True ]]
	[[ ${lines[0]} == 'addresses: 0x10000000 to 0x10004000; size: 16 KiB; mapping: rw-p [heap];'* ]]
	[[ ${lines[0]} == *'; 2M entries: 16 KiB; node 1: 16 KiB; flags of any page: '*' huge; '* ]]
	[[ ${lines[0]} == *'; frames: 0x15000 to 0x15003, consecutive; in physical memory: marked: 1 cell' ]]
	[[ ${lines[1]} =~ ^blocks\ [0-9]+$ ]]
	[[ ${lines[2]} == 'addresses: 0x15000000 to 0x15200000; frames: 0x15000 to 0x151ff; '* ]]
	[[ ${lines[2]} == *'; zone: node 1, zone Normal: 4 MiB of 192 MiB; size: 2 MiB; 2M entries: 2 MiB; '* ]]
	# 2 MiB of cells of 16 KiB
	[[ ${lines[2]} == *'; in the address space: marked: 128 cells' ]]
	[[ ${lines[3]} == 'cells 11 cells 12 '*' cells 138' ]]
}

@test "the page: what is shown for a cell is what vmwalk scan tells" {
	need chromium-headless-shell
	capture_student
	draw
	# The heap has 500 small pages, then 12 in swap. At 0x105f0000, a cell has 4
	# of each, as 0x10700000 has one of 256.
	browse "print:addresses.tiles.findIndex((tile) => hex(tile.end) === '0x105f4000')"
	[[ $output =~ ^[0-9]+$ ]]
	browse "click:#cells [data-tile=\"$output\"]" "$INFO" "click:#cells [data-tile=\"$((output + 1))\"]" \
		"$INFO"
	echo "$output"
	[[ ${lines[0]} == *'; 4K entries: 16 KiB; node 0: 16 KiB; '*' frames: 0x21f0 to 0x21f3, consecutive; '* ]]
	[[ ${lines[1]} == *'; swapped: 16 KiB; flags of any page: swap; in physical memory: no cell of this part' ]]
	run replay vmwalk scan -d demo --raw -n --output START,PAGES,PFN,FLAGS
	[[ $output == *'0x10400000 500 0x2000 '* && $output == *'0x105f4000 12 - swap'* ]]
}

@test "the page: the cells add up to the totals, on each level" {
	need chromium-headless-shell
	capture_student
	draw
	browse 'print:document.getElementById("sum").textContent' \
		'print:[...document.querySelectorAll("#totals tbody td:nth-child(4)")]
			.reduce((sum, cell) => sum + Number(cell.textContent), 0)' \
		'print:addresses.tiles.reduce((sum, tile) => sum + addresses.sums(tile).all, 0) * data.page' \
		'print:memory.tiles.reduce((sum, tile) => sum + memory.sums(tile).all, 0)' \
		'print:document.querySelector(".lead").innerText'
	[[ ${lines[0]} == "The cells of the address space add up to ${lines[1]} bytes." ]]
	[[ ${lines[2]} == "${lines[1]}" && ${lines[1]} == 6316032 ]]
	# Without the 12 pages in swap and the second mapping of a page
	[[ ${lines[3]} == $((6316032 / 4096 - 13)) ]]
	[[ ${lines[4]} == '6 MiB is resident, 66.9% of it huge ('* ]]
	[[ ${lines[5]} == 'Of the resident memory, 33.0% is on node 0, 67.0% on node 1.' ]]
}

@test "the page: keys move, choose and zoom in three levels" {
	need chromium-headless-shell
	capture_target <<-END
		info 4096 4 4242
		extent 0x10000000 0x2000 16384 $PRESENT 12 0
		vma 0x10000000 0x20000000 3 0 0 0 0 0 0x3 12
	END
	capture_maps '10000000-14000000 rw-p 00000000 00:00 0 [heap]'
	draw
	browse "$UNIT" 'print:addresses.tiles[0].element.focus()' key:ArrowDown key:ArrowRight "$INFO" \
		key:+ "$UNIT" 'print:hex(addresses.tiles[0].start)' key:+ "$UNIT" key:+ "$UNIT" key:- "$UNIT" \
		key:- "$UNIT"
	echo "$output"
	[[ ${lines[0]} == 'Level 1 of 3. One cell is 128 KiB of one mapping; a narrow cell is less.' ]]
	# A row has 32 cells.
	[[ ${lines[2]} == 'addresses: 0x10420000 to 0x10440000; '* ]]
	[[ ${lines[3]} == 'Level 2 of 3. One cell is 8 KiB '* && ${lines[4]} == 0x10400000 ]]
	[[ ${lines[5]} == 'Level 3 of 3. One cell is 4 KiB '* && ${lines[6]} == "${lines[5]}" ]]
	[[ ${lines[7]} == "${lines[3]}" && ${lines[8]} == "${lines[0]}" ]]
}

@test "the page: hidden frames leave out physical memory, names are text" {
	need chromium-headless-shell
	capture_target <<-'END'
		info 4096 4 4242
		extent 0x10000000 0 100 0x8033 12 1
		vma 0x10000000 0x10800000 3 0 0 0 0 0 0x3 12
	END
	capture_maps '10000000-10800000 rw-p 00000000 00:00 0 [anon:/x]</script><script>alert(1)</script>'
	draw
	browse 'click:#cells [data-tile="0"]' "$INFO" \
		'print:document.getElementById("reason").innerText' \
		'print:document.querySelectorAll("#blocks [data-tile]").length' \
		'print:document.querySelector("#cells .row span").textContent'
	echo "$output"
	[[ ${lines[0]} == *'mapping: rw-p [anon:/x]</script><script>alert(1)</script>; 4K entries: '* ]]
	[[ ${lines[3]} == '[anon:/x]</script><script>alert(1)</script>' ]]
	[[ ${lines[0]} != *' frames: '* && ${lines[1]} == *'frame numbers are hidden'* && ${lines[2]} == 0 ]]
}

@test "the page: the name of a row is the end of a path, or a name in brackets" {
	need chromium-headless-shell
	capture_target <<-END
		info 4096 4 4242
		extent 0x10000000 0x2000 1 $PRESENT 12 0
		extent 0x60000000 0x2000 1 $PRESENT 12 0
		extent 0xb0000000 0x2000 1 $PRESENT 12 0
		extent 0x100000000 0x2000 1 $PRESENT 12 0
		vma 0x10000000 0x10001000 3 0 0 0 0 0 0x3 12
		vma 0x60000000 0x60001000 3 0 0 0 0 0 0x3 12
		vma 0xb0000000 0xb0001000 3 0 0 0 0 0 0x3 12
		vma 0x100000000 0x100001000 3 0 0 0 0 0 0x3 12
	END
	capture_maps '10000000-10001000 rw-p 00000000 00:00 0 /usr/lib/libc.so' \
		'60000000-60001000 rw-p 00000000 00:00 0 /anon_hugepage (deleted)' \
		'b0000000-b0001000 rw-p 00000000 00:00 0 [anon:/x/y]' '100000000-100001000 rw-p 00000000 00:00 0 /'
	draw
	browse 'print:[...document.querySelectorAll("#cells .row span")].map((name) => name.textContent).join(", ")'
	[[ $output == 'libc.so, anon_hugepage (deleted), [anon:/x/y], /' ]] || { echo "$output"; return 1; }
}

@test "the page: --no-frames shows no frame, but marks zones" {
	need chromium-headless-shell
	capture_student
	draw --no-frames
	browse 'click:#cells [data-tile="11"]' "$INFO" 'click:#blocks .linked' "$INFO"
	echo "$output"
	[[ ${lines[0]} == *'node 1: 16 KiB; '*'in physical memory: marked: 1 cell' ]]
	[[ ${lines[1]} == 'zone: node 1, zone Normal: 4 MiB of 192 MiB; size: 192 MiB; '* ]]
	[[ $output != *frames* ]]
}
