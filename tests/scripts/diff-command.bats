#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# vmwalk scan --save and vmwalk diff without the driver: the file, its errors, and
# every change between two captured scans.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load captured

# save FILE [OPTION]...: saves a scan of the device that standard input describes.
save()
{
	{
		echo 'info 4096 4 4242'
		cat
	} >"$VMWALK_REPLAY"
	replay vmwalk scan -d demo --save "$@"
}

setup()
{
	export LC_ALL=C TZ=UTC
	export VMWALK_SYSROOT=$BATS_TEST_TMPDIR/root
	export VMWALK_REPLAY=$BATS_TEST_TMPDIR/replay
	mkdir -p "$VMWALK_SYSROOT/proc/sys/kernel/random"
	echo 11111111-2222-3333-4444-555555555555 >"$VMWALK_SYSROOT/proc/sys/kernel/random/boot_id"
	cd "$BATS_TEST_TMPDIR" || return
	capture_device </dev/null
	capture_process 4242 student
	cat >"$VMWALK_SYSROOT/proc/4242/maps" <<-'END'
		400000-42c000 r-xp 00001000 08:01 1234                      /usr/bin/a program
		42c000-42d000 rw-p 00000000 00:00 0 
		7ffd0000-80000000 rw-p 00000000 00:00 0                    [stack]
	END
}

# changes OLD NEW [OPTION]...: prints the rows of a diff.
changes()
{
	vmwalk diff --raw --noheadings --output CHANGE,FROM_NODE,TO_NODE,FROM_SIZE,TO_SIZE,PAGES "$@"
}

# diff_of OLD NEW: prints the rows of a diff of two scans of one extent each, or
# none.
diff_of()
{
	save old <<<"$1"
	save new <<<"$2"
	changes old new
}

@test "diff: reports every kind of change" {
	local old new wanted

	while IFS='|' read -r old new wanted; do
		[[ $(diff_of "${old:+extent 0x400000 $old}" "${new:+extent 0x400000 $new}") == "$wanted" ]] ||
			{ echo "$old to $new: $(changes old new), wanted $wanted"; return 1; }
	done <<-'END'
		0x1000 4 0x1 12 0|0x1000 4 0x1 12 0|same 0 0 4096 4096 4
		0x1000 4 0x1 12 0|0x2000 4 0x1 12 0|other_frame 0 0 4096 4096 4
		0x1000 4 0x1 12 0|0x2000 4 0x1 12 1|other_frame 0 1 4096 4096 4
		0x1000 512 0x1 12 0|0x2000 512 0x10001 21 1|other_frame 0 1 4096 2097152 512
		0x1000 512 0x10001 21 0|0x1000 512 0x1 12 0|resized 0 0 2097152 4096 512
		0x1000 512 0x1 12 0|0x1000 512 0x10001 21 0|resized 0 0 4096 2097152 512
		0x1000 4 0x1 12 0|0 4 0x80 12 -1|swapped_out 0 - 4096 - 4
		0 4 0x80 12 -1|0x1000 4 0x1 12 1|swapped_in - 1 - 4096 4
		0 4 0x80 12 -1|0 4 0x80 12 -1|same_swapped - - - - 4
		|0x1000 4 0x1 12 1|new - 1 - 4096 4
		0x1000 4 0x1 12 0||gone 0 - 4096 - 4
		|0 4 0x80 12 -1|new_swapped - - - - 4
		0 4 0x80 12 -1||gone_swapped - - - - 4
		|0x9 1 0x1001 12 -1|new_zero - - - 4096 1
		0x9 1 0x1001 12 -1||gone_zero - - 4096 - 1
		0x9 1 0x1001 12 -1|0x1000 1 0x1 12 0|from_zero - 0 4096 4096 1
		0x1000 1 0x1 12 0|0x9 1 0x1001 12 -1|to_zero 0 - 4096 4096 1
		0x9 1 0x1001 12 -1|0x9 1 0x1001 12 -1|same_zero - - 4096 4096 1
		0x1000 4 0x1 12 0|0 4 0x100 12 -1|migrating 0 - 4096 - 4
		0 4 0x100 12 -1|0x1000 4 0x1 12 1|migrating - 1 - 4096 4
		0 4 0x100 12 -1|0 4 0x80 12 -1|migrating - - - - 4
		0 4 0x8001 12 0|0 4 0x8001 12 0|hidden 0 0 4096 4096 4
		0 4 0x8001 12 0||gone 0 - 4096 - 4
		0x1000 4 0x1 12 0|0x1000 4 0x801 12 0|same 0 0 4096 4096 4
		0 4 0 12 -1||
		||
	END
}

@test "diff: extents that begin and end at different pages" {
	save old <<-'END'
		extent 0x400000 0x1000 16 0x1 12 0
		extent 0x420000 0x1100 8 0x1 12 0
		extent 0x7ffd0000 0x3000 2 0x1 12 0
	END
	save new <<-'END'
		extent 0x3fe000 0x0ffe 6 0x1 12 0
		extent 0x404000 0x2000 4 0x1 12 1
		extent 0x40a000 0x100a 40 0x1 12 0
		extent 0x7ffe0000 0x4000 1 0x1 12 0
	END
	run changes old new
	prints <<-'END'
		other_frame 0 0 4096 4096 8
		other_frame 0 1 4096 4096 4
		new - 0 - 4096 29
		gone 0 - 4096 - 4
		same 0 0 4096 4096 10
	END
	# The other way round, new and gone change places.
	run changes --force new old
	prints <<-'END'
		other_frame 0 0 4096 4096 8
		other_frame 1 0 4096 4096 4
		new - 0 - 4096 4
		gone 0 - 4096 - 29
		same 0 0 4096 4096 10
	END
}

@test "diff: a scan without pages" {
	save old </dev/null
	save new <<<'extent 0x400000 0x1000 16 0x1 12 0'
	run changes old new
	prints <<<'new - 0 - 4096 16'
	run changes --force new old
	prints <<<'gone 0 - 4096 - 16'
	run changes old old
	prints </dev/null
}

@test "diff: prints the two scans and a table of the changes, the largest first" {
	save old <<<'extent 0x400000 0x1000 768 0x1 12 0'
	save new <<-'END'
		extent 0x400000 0x2000 256 0x1 12 1
		extent 0x500000 0x3000 512 0x10001 21 1
	END
	run vmwalk diff old new
	[[ $status == 0 ]]
	diff - <(sed -E 's/[0-9-]{10}T[0-9:.]{12}/TIME/; s/[0-9]+\.[0-9]{3} s/N s/g' <<<"$output") <<-'END'
		from process 4242 (student), TIME+0000, took N s
		to   process 4242 (student), TIME+0000, took N s, N s later
		CHANGE      FROM_NODE TO_NODE FROM_SIZE TO_SIZE BYTES
		other_frame         0       1        4K      2M    2M
		other_frame         0       1        4K      4K    1M
	END
	run vmwalk diff --bytes --noheadings old new
	[[ $output == *$'\nother_frame 0 1 4096 2097152 2097152'* || $output =~ 4096\ +2097152\ +2097152 ]]
}

@test "diff: JSON has the changes and the two scans" {
	save old <<<'extent 0x400000 0x1000 4 0x1 12 0'
	save new <<<'extent 0x400000 0 4 0x80 12 -1'
	run vmwalk diff --json old new
	jq -e '.changes == [{change: "swapped_out", from_node: 0, to_node: null, from_size: 4096,
			to_size: null, bytes: 16384}] and
		.from.pid == 4242 and .to.name == "student" and (.from.begun | startswith("20"))' <<<"$output"
}

@test "diff: --mappings prints the changes of each mapping, with the name in the second scan" {
	save old <<-'END'
		extent 0x42b000 0x1000 2 0x1 12 0
		extent 0x7ffd0000 0x3000 2 0x1 12 0
		extent 0x90000000 0x4000 1 0x1 12 0
	END
	sed -i 's/\[stack\]/[heap]/' "$VMWALK_SYSROOT/proc/4242/maps"
	save new <<-'END'
		extent 0x42b000 0x2000 2 0x1 12 0
		extent 0x7ffd0000 0x3000 2 0x1 12 0
	END
	run vmwalk diff --mappings --raw old new
	prints <<-'END'
		CHANGE FROM_NODE TO_NODE FROM_SIZE TO_SIZE BYTES START MAPPING
		other_frame 0 0 4096 4096 4096 0x400000 /usr/bin/a\x20program
		other_frame 0 0 4096 4096 4096 0x42c000 [anon]
		same 0 0 4096 4096 8192 0x7ffd0000 [heap]
		gone 0 - 4096 - 4096 - -
	END
}

@test "diff: scans of different processes, boots or ranges are an error" {
	save old <<<'extent 0x400000 0x1000 4 0x1 12 0'
	save late <<<'extent 0x400000 0x1000 4 0x1 12 0'
	run --separate-stderr vmwalk diff late old
	fails 1 'vmwalk: diff: late is newer than old: exchange them, or use --force'

	sed -i 's/ 4242 8192000/ 4243 8192000/' "$VMWALK_SYSROOT/proc/4242/stat"
	save restarted <<<'extent 0x400000 0x1000 4 0x1 12 0'
	run --separate-stderr vmwalk diff old restarted
	fails 1 "vmwalk: diff: old and restarted: the scans are of different processes, 4242 and 4242 $(
		)(the PID was reused); --force compares them anyway"
	run changes --force old restarted
	prints <<<'same 0 0 4096 4096 4'

	echo 99999999-2222-3333-4444-555555555555 >"$VMWALK_SYSROOT/proc/sys/kernel/random/boot_id"
	save booted <<<'extent 0x400000 0x1000 4 0x1 12 0'
	run --separate-stderr vmwalk diff old booted
	fails 1 'vmwalk: diff: old and booted: the machine was rebooted between the scans; --force compares them anyway'
	run changes --force old booted
	prints <<<'same 0 0 4096 4096 4'

	save part --start 400000 <<<'extent 0x400000 0x1000 4 0x1 12 0'
	run --separate-stderr vmwalk diff --force old part
	fails 1 'vmwalk: diff: old and part: the scans have different address ranges'
	{
		echo 'info 16384 4 4242'
	} >"$VMWALK_REPLAY"
	replay vmwalk scan -d demo --save large
	run --separate-stderr vmwalk diff --force old large
	fails 1 'vmwalk: diff: old and large: the page sizes differ: 4096 and 16384 bytes'
}

# damage OFFSET BYTES: overwrites a part of a copy of the file "whole".
damage()
{
	cp whole bad
	printf '%b' "$2" | dd of=bad bs=1 seek="$1" conv=notrunc status=none
}

@test "diff: damaged files and files of another format are an error" {
	local header=$((8 + 4 * 4 + 8 * 8 + 40 + 64)) text

	save whole <<-'END'
		extent 0x400000 0x1000 4 0x1 12 0
		extent 0x500000 0x1000 4 0x1 12 0
	END
	for text in /dev/null /proc/version; do
		run --separate-stderr vmwalk diff "$text" whole
		fails 1 "vmwalk: diff: $text: not a file of vmwalk scan --save"
	done
	run --separate-stderr vmwalk diff whole nosuch
	fails 1 'vmwalk: diff: nosuch: No such file or directory'
	run --separate-stderr vmwalk diff whole .
	fails 1 'vmwalk: diff: .: Is a directory'
	damage 8 '\x02'
	run --separate-stderr vmwalk diff whole bad
	fails 1 'vmwalk: diff: bad: version 2 of the format is not supported (known: 1)'
	damage 12 '\x01'
	run --separate-stderr vmwalk diff whole bad
	fails 1 'vmwalk: diff: bad: the file is damaged'
	for text in 1 $((header - 1)) $((header + 1)) $(($(stat --format=%s whole) - 1)); do
		head --bytes="$text" whole >bad
		run --separate-stderr vmwalk diff whole bad
		[[ $status == 1 && ! $output ]]
	done
	# Extents that overlap, are not aligned, are empty, or end beyond 2^64
	for text in "$((header + 32 + 2)) \\x40" "$header \\x01" "$((header + 16)) \\x00" \
		"$((header + 16 + 6)) \\xff"; do
		# shellcheck disable=SC2086 # offset and bytes
		damage $text
		run --separate-stderr vmwalk diff bad whole --force
		[[ $status == 1 && ${stderr-} == 'vmwalk: diff: bad: the file is damaged' ]] ||
			{ echo "$text: $status $output ${stderr-}"; return 1; }
		run --separate-stderr vmwalk diff whole bad --force
		[[ $status == 1 && ${stderr-} == 'vmwalk: diff: bad: the file is damaged' ]]
	done
}

@test "scan --save: the file is readable by its owner only, and is replaced atomically" {
	umask 0
	save file <<<'extent 0x400000 0x1000 4 0x1 12 0'
	[[ $(stat --format=%a file) == 600 ]]
	chmod 644 file
	cp file before
	# The scan fails: the old file stays.
	run save file <<<'error 3'
	[[ $status == 1 && $output == 'vmwalk: scan: process 4242 has exited, or has started another program' ]]
	cmp file before
	save file </dev/null
	[[ $(stat --format=%a file) == 600 ]]
	run cmp file before
	[[ $status == 1 && ! $(compgen -G '.file.*') ]]
}

@test "scan --save: fails for files that are not regular, and reports errors of writing" {
	mkdir directory
	ln -s before link
	for file in link /dev/null; do
		run save "$file" </dev/null
		[[ $status == 1 && $output == "vmwalk: scan: $file: not a regular file" ]]
	done
	run save directory </dev/null
	[[ $status == 1 && $output == 'vmwalk: scan: directory: Is a directory' ]]
	run save nosuch/file </dev/null
	[[ $status == 1 && $output == 'vmwalk: scan: nosuch/file: No such file or directory' ]]
	run save file </dev/null
	[[ $status == 0 && ! $output ]]
	printf '%s\n' 'info 4096 4 4242' 'extent 0x400000 0x1000 1 0x1 12 0' 'repeat 5000 8192' \
		>"$VMWALK_REPLAY"
	# shellcheck disable=SC2016 # for the inner shell
	run bash -c 'ulimit -f 1; trap "" XFSZ; LD_PRELOAD=$1 exec vmwalk scan -d demo --save file' - \
		"$REPLAY"
	[[ $status == 1 && $output == 'vmwalk: scan: file: File too large' && ! $(compgen -G '.file.*') ]]
}

@test "scan --save: a signal leaves no file behind" {
	local pid status=0

	mkfifo gate
	save file <<<'extent 0x400000 0x1000 4 0x1 12 0'
	cp file before
	printf '%s\n' 'info 4096 4 4242' 'gate 0x1000' 'extent 0x400000 0x2000 4 0x1 12 0' >"$VMWALK_REPLAY"
	VMWALK_REPLAY_GATE=$PWD/gate LD_PRELOAD=$REPLAY vmwalk scan -d demo --save file 3>&- &
	pid=$!
	until compgen -G '.file.*'; do sleep 0.1; done
	kill -TERM "$pid"
	wait "$pid" || status=$?
	[[ $status == 143 && ! $(compgen -G '.file.*') ]]
	cmp file before
}

@test "scan --save: is incompatible with options for rows" {
	for option in --json --raw '-m dirty' '-f huge' '-o START' -O -n -b; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr vmwalk scan -p 1 --save file $option
		fails 2 'vmwalk: scan: --save is incompatible with options for rows' \
			"Try 'vmwalk scan --help'."
	done
	run --separate-stderr vmwalk scan -p 1 --save file --pagemap other
	fails 2 'vmwalk: scan: --pagemap and --save are mutually exclusive' \
		"Try 'vmwalk scan --help'."
}

# usage MESSAGE ARGUMENT...: vmwalk diff rejects the arguments.
usage()
{
	run --separate-stderr vmwalk diff "${@:2}"
	fails 2 "vmwalk: diff: $1" "Try 'vmwalk diff --help'."
}

@test "diff: wrong combinations of files, processes and --seconds are usage errors" {
	usage 'specify two files, or a process and --seconds'
	usage 'specify two files, or a process and --seconds' one
	usage "unexpected argument 'three'" one two three
	usage '--pid requires --seconds' --pid 1
	usage '--device requires --seconds' --device demo
	usage "unexpected argument '2'" --seconds 1 1 2
	usage "unexpected argument '1'" --seconds 1 --pid 1 1
	usage 'specify either --pid or --device' --seconds 1
	usage "--pid: 'x' is not a process ID (1 to 2147483647)" --seconds 1 x
	for text in '' 0 -1 1e3 inf nan 1x 1000001 . 1.2.3; do
		usage "--seconds: '$text' is not a number of seconds up to 1000000" --seconds "$text" 1
	done
}

@test "diff: compares a process with itself after --seconds" {
	printf '%s\n' 'info 4096 4 4242' 'extent 0x400000 0x1000 4 0x1 12 0' >"$VMWALK_REPLAY"
	run replay vmwalk diff -d demo --seconds 0.3 --mappings
	[[ $status == 0 && $output =~ 'took 0.'[0-9]+' s, 0.'[3-9][0-9]+' s later' ]]
	[[ $output =~ same\ +0\ +0\ +4K\ +4K\ +16K\ +0x400000\ /usr/bin/a\ program ]]
	echo 'error 3' >>"$VMWALK_REPLAY"
	run --separate-stderr replay vmwalk diff -d demo --seconds 0.1
	fails 1 'vmwalk: diff: process 4242 has exited, or has started another program'
}

@test "diff: 64 MiB are enough for any number of extents" {
	local limit='ulimit -d 65536; exec "$@"'

	save old <<-'END'
		extent 0x400000 0x1000 1 0x1 12 0
		repeat 3000000 8192
	END
	save new <<-'END'
		extent 0x400000 0x9000 1 0x1 12 1
		repeat 3000000 8192
	END
	run bash -c "$limit" - vmwalk diff --raw --noheadings --output CHANGE,PAGES old new
	prints <<<'other_frame 3000001'
	# Of a process, what exceeds 32 MiB of the first scan goes to a file without a name.
	run --separate-stderr env TMPDIR="$PWD" LD_PRELOAD="$REPLAY" bash -c "$limit" - \
		vmwalk diff --raw -n -o CHANGE,PAGES -d demo --seconds 0.1
	prints <<<'same 3000001'
	run --separate-stderr env TMPDIR=/nosuch LD_PRELOAD="$REPLAY" vmwalk diff -d demo -s 0.1
	fails 1 'vmwalk: diff: process 4242: No such file or directory'
}
