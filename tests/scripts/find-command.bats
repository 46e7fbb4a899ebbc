#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# vmwalk find without the driver: its arguments, the lines of a log, and its
# output for captured processes and captured files of the kernel.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load captured

NO_FLAGS='vmwalk: find: the use of the frames is unknown: /proc/kpageflags: No such file or directory'

# number N: prints the bytes of a 64-bit number.
number()
{
	local hex

	printf -v hex '%016x' "$(($1))"
	printf '%b' "\\x${hex:14:2}\\x${hex:12:2}\\x${hex:10:2}\\x${hex:8:2}\\x${hex:6:2}$(
		)\\x${hex:4:2}\\x${hex:2:2}\\x${hex:0:2}"
}

# kpage PFN FLAGS [COUNT [INODE]]: sets the captured kernel's data of a frame.
kpage()
{
	local file values=("${@:2}")

	for file in flags count cgroup; do
		number "${values[0]-0}" | dd of="$VMWALK_SYSROOT/proc/kpage$file" bs=8 \
			seek=$(($1)) conv=notrunc status=none
		values=("${values[@]:1}")
	done
}

# Three processes that share frame 0x1001, and one that may not be read
capture_processes()
{
	capture_process 10 server
	capture_process 11 server
	capture_process 12 client
	echo 0::/system.slice/server.service >"$VMWALK_SYSROOT/proc/10/cgroup"
	cat >"$VMWALK_REPLAY" <<-'END'
		info 4096 4 0
		process 10
		extent 0x400000 0x1000 16 0x801 12 0
		extent 0x40000000 0x200000 512 0x10003 21 1
		process 11
		extent 0x400000 0x1000 16 0x801 12 0
		process 12
		extent 0x40000000 0x1001 1 0x3 12 0
		extent 0x7ffd0000 0x3000 4 0x3 12 1
	END
}

# find ARGUMENT...: runs vmwalk find on the captured processes.
find_frames()
{
	run --separate-stderr replay vmwalk find "$@"
}

# usage MESSAGE ARGUMENT...: vmwalk find rejects the arguments.
usage()
{
	run --separate-stderr vmwalk find "${@:2}"
	fails 2 "vmwalk: find: $1" "Try 'vmwalk find --help'."
}

@test "find: arguments other than addresses, ranges or PFNs are usage errors" {
	for text in '' xyz 0x -1 1- 1-x 12345678901234567 1-2-3; do
		usage "'$text' is not a hexadecimal address of up to 64 bits" -- "$text"
	done
	usage "'5-5': the start of the range is not below its end" 5-5
	usage "'6-5': the start of the range is not below its end" 1000 6-5
	usage "'10000000000000' is not a hexadecimal PFN, or its address exceeds 64 bits" \
		--pfn 10000000000000
}

@test "find: prints each mapping of a frame, with the virtual address of the byte" {
	capture_processes
	find_frames 1001123
	[[ $status == 0 && $stderr == "$NO_FLAGS" ]]
	diff - <(echo "$output") <<-'END'
		0x1001123
		  frame 0x1001: unknown
		     PHYS PID NAME      ADDRESS PAGES SIZE PERM MAPPING
		0x1001123  10 server   0x401123     1   4K r-xp /usr/bin/a program
		0x1001123  11 server   0x401123     1   4K r-xp /usr/bin/a program
		0x1001123  12 client 0x40000123     1   4K rw-p [anon]
		all of these mappings still existed at the end of the search

		3 processes walked, 0 skipped
	END
}

@test "find: a frame in a huge page has one row, with the size of the entry" {
	capture_processes
	find_frames --raw --noheadings --output PID,ADDRESS,PAGES,SIZE,NODE,FLAGS 200005008
	prints <<<'10 0x40005008 1 2097152 1 present,write,huge'
}

@test "find: rows of a range contain the parts of extents that are in the range and in one mapping" {
	capture_processes
	find_frames --raw --noheadings --output PHYS,PID,ADDRESS,PAGES 1000000-100ffff
	prints <<-'END'
		0x1000000 10 0x400000 16
		0x1000000 11 0x400000 16
		0x1001000 12 0x40000000 1
	END
	find_frames --raw -n -o PHYS,PID,ADDRESS,PAGES 100e000-1010000
	prints <<-'END'
		0x100e000 10 0x40e000 2
		0x100e000 11 0x40e000 2
	END
	# The frame of the last byte counts.
	find_frames --raw -n -o PHYS,PID,PAGES 100e000-100f001
	prints <<-'END'
		0x100e000 10 2
		0x100e000 11 2
	END
}

@test "find: with --pfn, arguments are PFNs" {
	capture_processes
	find_frames --pfn --raw -n -o PHYS,PFN,PID,ADDRESS 1002 0x3001-3003
	prints <<-'END'
		0x1002000 0x1002 10 0x402000
		0x1002000 0x1002 11 0x402000
		0x3001000 0x3001 12 0x7ffd1000
	END
}

@test "find: prints a result for each of several nested ranges" {
	capture_processes
	find_frames --raw -n -o PHYS,PID,PAGES --pid 12 3000000-3004000 3001000 2000000-4000000
	prints <<-'END'
		0x3000000 12 4
		0x3000000 12 4
		0x3001000 12 1
	END
}

@test "find: a frame that no process maps is reported with exit status 1" {
	capture_processes
	find_frames 5000000
	[[ $status == 1 && $output == *$'\n  not found in the processes that were searched\n'* ]]
	# One of two is not mapped.
	find_frames 1001000 5000000
	[[ $status == 1 ]]
	find_frames --raw --noheadings 5000000
	[[ $status == 1 && ! $output ]]
}

@test "find: unreadable processes make the search incomplete, unless all mappings were found" {
	capture_processes
	printf 'process 12\nerror 1\n' >>"$VMWALK_REPLAY"
	sed -i '/^process 12$/,/^extent 0x7ffd/{/^extent/d}' "$VMWALK_REPLAY"
	find_frames 1001000
	[[ $status == 2 && $output == *'2 processes walked, 1 skipped (0 exited, 1 not permitted)'* ]]
	find_frames 5000000
	[[ $status == 2 && $output == *'not found, but the search is incomplete'* ]]
	# The kernel counts two mappings of an anonymous page, and two are found.
	kpage 0x1001 0x1828 2
	find_frames 1001000
	[[ $status == 0 ]]
}

@test "find: prints the kernel's description of the frames even if the search fails" {
	capture_processes
	kpage 0x1001 '1<<7'
	rm "$VMWALK_SYSROOT/sys/kernel/config/vmwalk/abi_version"
	run --separate-stderr vmwalk find 1001000
	[[ $status == 2 && $output == $'0x1001000\n  frame 0x1001: slab\n  flags: slab' ]]
	[[ ${stderr-} == 'vmwalk: find: the vmwalk module is not loaded: modprobe vmwalk' ]]
	run --separate-stderr vmwalk find --raw 1001000
	[[ $status == 2 && ! $output ]]
}

@test "find: hidden frames are an error" {
	capture_processes
	cat >"$VMWALK_REPLAY" <<-'END'
		info 4096 4 0
		process 10
		extent 0x400000 0 16 0x8801 12 0
	END
	find_frames 1000
	[[ $status == 2 && $output == $'0x1000\n  frame 0x1: unknown' ]]
	[[ $stderr == *'vmwalk: find: the frames of process 10 are hidden: the opener of the device lacks CAP_SYS_ADMIN'* ]]
}

@test "find: --device and --pid limit the search" {
	capture_processes
	find_frames --raw -n -o PID --pid 12 1001000
	prints <<<12
	find_frames --raw -n -o PID --comm server 1001000
	prints <<<$'10\n11'
	find_frames --raw -n -o PID,CGROUP --pid 10 1001000
	prints <<<'10 /system.slice/server.service'
	capture_device <<-'END'
		info 4096 4 4242
		extent 0x42c000 0x1001 1 0x3 12 0
	END
	capture_process 4242 student
	find_frames --raw -n -o PID,NAME,ADDRESS -d demo 1001000
	prints <<<'4242 student 0x42c000'
}

@test "find: a table has 10 rows and a line for the other processes; with --every, all rows" {
	local name=server pid

	for pid in {10..31}; do
		((pid < 25)) || name=client
		capture_process "$pid" "$name"
		printf 'process %s\nextent 0x400000 0x1000 1 0x801 12 0\n' "$pid"
	done >"$VMWALK_REPLAY"
	sed -i '1i info 4096 4 0' "$VMWALK_REPLAY"
	find_frames 1000000
	[[ $status == 0 && $(grep -c '/usr/bin/a program' <<<"$output") == 10 ]]
	[[ $output == *$'\n... 12 more, by process: 7 client, 5 server (--every shows them)\n'* ]]
	find_frames --every 1000000
	[[ $(grep -c '/usr/bin/a program' <<<"$output") == 22 && $output != *more* ]]
	find_frames --raw -n 1000000
	[[ $(wc -l <<<"$output") == 22 ]]
}

@test "find: at most 10 names of other processes are printed" {
	local pid

	for pid in {10..40}; do
		capture_process "$pid" "name$pid"
		printf 'process %s\nextent 0x400000 0x1000 1 0x801 12 0\n' "$pid"
	done >"$VMWALK_REPLAY"
	sed -i '1i info 4096 4 0' "$VMWALK_REPLAY"
	find_frames 1000000
	[[ $output == *'... 21 more, by process: 1 name20, 1 name21, '*', 1 name29, 11 with other names (--every'* ]]
}

@test "find: adjacent zero pages are one row" {
	capture_process 10 server
	cat >"$VMWALK_REPLAY" <<-'END'
		info 4096 4 0
		process 10
		extent 0x40000000 0x9 1 0x1001 12 -1
		extent 0x40001000 0x9 1 0x1001 12 -1
		extent 0x40003000 0x9 1 0x1001 12 -1
		extent 0x7ffd0000 0x9 1 0x1001 12 -1
	END
	find_frames --raw -n -o ADDRESS,PAGES,GONE --pfn 9
	prints <<-'END'
		0x40000000 2 0
		0x40003000 1 0
		0x7ffd0000 1 0
	END
}

@test "find: processes that options name must exist" {
	capture_processes
	find_frames --comm nobody 1001000
	fails 2 "$NO_FLAGS" "vmwalk: find: no process has the name 'nobody'"
	find_frames --pid 99 1001000
	fails 2 "$NO_FLAGS" 'vmwalk: find: process 99 does not exist'
}

@test "find: prints the kernel's flags, count and cgroup of a frame" {
	local inode

	capture_processes
	mkdir -p "$VMWALK_SYSROOT/sys/fs/cgroup/system.slice/a.service" \
		"$VMWALK_SYSROOT/sys/devices/system/memory/memory0/node1"
	: >"$VMWALK_SYSROOT/sys/fs/cgroup/cgroup.controllers"
	echo 8000000 >"$VMWALK_SYSROOT/sys/devices/system/memory/block_size_bytes"
	inode=$(stat --format=%i "$VMWALK_SYSROOT/sys/fs/cgroup/system.slice/a.service")
	# uptodate, lru, mmap, anonymous, swapbacked
	kpage 0x1001 0x5828 3 "$inode"
	find_frames 1001000
	[[ $status == 0 && ! $stderr ]]
	[[ $output == *'
  frame 0x1001, node 1: anonymous; 3 mappings; cgroup /system.slice/a.service
  flags: uptodate,lru,mmap,anonymous,swapbacked
'* ]]
	find_frames --json 1001000
	jq -e '.frames[0] | .kinds == {"anonymous": 1} and .counted == 3 and .node == 1
		and .cgroup == "/system.slice/a.service" and .found == 3 and .complete' <<<"$output"
}

@test "find: a count of 0 prevents the search, except for frames that drivers may map" {
	local flags kind

	capture_processes
	while read -r flags kind; do
		kpage 0x5000 "$flags"
		run --separate-stderr vmwalk find --pfn 5000
		[[ $status == 1 && $output == *"frame 0x5000: $kind; 0 mappings"* ]] ||
			{ echo "$kind: $output"; return 1; }
		[[ $output == *$'\n  not mapped by any process\n'* ]]
		[[ $output == *'0 processes walked'* ]]
	done <<-'END'
		1<<10 free
		1<<26 page table
		1<<17 hugetlb
		1<<21|1<<12 anonymous
		1<<12 anonymous
		1<<5|1<<14 shmem
		1<<5 page cache
		1<<23 offline
	END
	while read -r flags kind; do
		kpage 0x5000 "$flags"
		find_frames --pfn 5000
		[[ $status == 1 && $output == *"frame 0x5000: $kind"* && $output == *'3 processes walked'* ]] ||
			{ echo "$kind: $output"; return 1; }
	done <<-'END'
		1<<7 slab
		1<<20 not RAM
		1<<19|1<<12 poisoned
		1<<24 zero page
		1<<32 reserved
		0 other
	END
	kpage 0x5000 '1<<19'
	find_frames --pfn 5000
	[[ $output == *'the kernel has unmapped the poisoned memory'* ]]
}

@test "find: frames beyond the end of memory are reported as not RAM" {
	capture_processes
	kpage 0x10 '1<<10'
	printf '%s\n' '00000000-000fffff : System RAM' '  00090000-000fffff : PCI Bus' \
		>"$VMWALK_SYSROOT/proc/iomem"
	find_frames 90000
	[[ $status == 1 && $output == *$'frame 0x90: not RAM\n'*$'  in /proc/iomem: PCI Bus\n'* ]]
	find_frames --json 10000-20000
	jq -e '.frames[0].kinds == {"free": 1, "not_ram": 15}' <<<"$output"
}

@test "find: prints the number of frames of each kind in a range" {
	capture_processes
	kpage 0x5000 '1<<10'
	kpage 0x5001 '1<<10'
	kpage 0x5002 '1<<5' 0
	kpage 0x5003 '1<<7'
	find_frames --pfn 5000-5004
	[[ $output == *'  4 frames from 0x5000 on: 2 free, 1 slab, 1 page cache'* ]]
	run vmwalk find --pfn 5000-5003
	[[ $status == 1 && $output == *'2 free, 1 page cache; 0 mappings'* ]]
}

@test "find: the search ends when all mappings that the kernel counted are found" {
	capture_processes
	kpage 0x1001 0x5828 1
	find_frames 1001000
	[[ $status == 0 && $output == *$'\n1 process walked, 0 skipped' ]]
	# Of a large folio, the count may be an average.
	kpage 0x1001 '0x5828|1<<15' 1
	find_frames 1001000
	[[ $status == 0 && $output == *$'\n3 processes walked, 0 skipped' ]]
}

@test "find: reports mappings that no longer exist at the end of the search" {
	local finder

	capture_process 10 server
	capture_process 11 client
	cat >"$VMWALK_REPLAY" <<-'END'
		info 4096 4 0
		gate 0x7ffd0000
		process 10
		extent 0x400000 0x1000 1 0x801 12 0
		process 11
		extent 0x400000 0x1000 1 0x801 12 0
		extent 0x7ffd0000 0x3000 1 0x3 12 0
	END
	mkfifo "$BATS_TEST_TMPDIR/gate"
	export VMWALK_REPLAY_GATE=$BATS_TEST_TMPDIR/gate
	replay vmwalk find 1000000 >"$BATS_TEST_TMPDIR/output" 3>&- &
	finder=$!
	until grep -qx 11 "$VMWALK_SYSROOT"/sys/kernel/config/vmwalk/*/target_pid 2>/dev/null; do
		sleep 0.1
	done
	rm -r "$VMWALK_SYSROOT/proc/10"
	: >"$VMWALK_REPLAY_GATE"
	wait "$finder"
	cat "$BATS_TEST_TMPDIR/output"
	grep -qx '1 of these 2 mappings no longer existed at the end of the search' "$BATS_TEST_TMPDIR/output"
}

@test "find: reports that it found fewer mappings than the kernel counted" {
	capture_processes
	kpage 0x1001 0x5828 4
	find_frames 1001000
	[[ $status == 0 && $output == *$'\nthe kernel counted 4 mappings:\nthe others belong to vmwalk itself'* ]]
}

# source_of LINE: prints what vmwalk find extracts from a line: the address, whether
# it is from a machine-check bank, and the text.
source_of()
{
	printf '%s\n' "$1" | replay vmwalk find --json --pid 10 2>/dev/null |
		jq -r '.frames[] | "\(.start) \(.bank) \(.source)"'
}

@test "find: finds the address in each known log format" {
	local line wanted

	capture_processes
	kpage 0 0
	while IFS='|' read -r wanted line; do
		[[ $(source_of "$line") == "$wanted" ]] ||
			{ echo "$line: $(source_of "$line")"; return 1; }
	done <<-'END'
		0x45f4b1340 false page:0x45f4b1 offset:0x340|EDAC MC0: 1 CE memory read error on CPU_SrcID#0_MC#0_Chan#0_DIMM#0 (channel:0 slot:0 page:0x45f4b1 offset:0x340 grain:32 syndrome:0x0 - err_code:0101:0090 socket:0)
		0x45f4b1340 false address:0x45f4b1340|mc_event: 1 Corrected error:memory read on unknown memory (mc:0 location:0:0:-1 address:0x45f4b1340 grain:5 syndrome:0x00000000)
		0x3e2a5a0c0 false address: 0x3e2a5a0c0|rasdaemon: mc_event store: 2023-05-01 1 Corrected error: memory read error on DIMM_A1 (mc: 0 location: 0:0 address: 0x3e2a5a0c0 grain: 5 syndrome: 0x0)
		0xaeeca5c0 false addr 2934744512|1 2019-11-13 10:00:00 +0000 1 Corrected error(s): memory read error at DIMM_A1 location: 0:0:0:-1, addr 2934744512, grain 5, syndrome 0
		0x319deb440 true addr=0x319deb440|1 2024-12-19 03:52:38 +0000 error: Corrected error, bank Unified Memory Controller (bank=17), status=0x9c2040000000011b, addr=0x319deb440, misc=0xd01b0fff01000000
		0x96236c6c0 true ADDR 96236c6c0|MISC 90840080008228c ADDR 96236c6c0
		0xfef1c140 true ADDR fef1c140|mce: [Hardware Error]: TSC 0 ADDR fef1c140 MISC 43880010086
		0x319deb440 true Error Addr: 0x0000000319deb440|[Hardware Error]: Error Addr: 0x0000000319deb440
		0x12345678000 false physical_address: 0x0000012345678000|{1}[Hardware Error]:   physical_address: 0x0000012345678000
		0x1891c9000 false Memory failure: 0x1891c9|Memory failure: 0x1891c9: recovery action for dirty LRU page: Recovered
		0x1891c9000 false pfn 0x1891c9|Injecting memory failure for pfn 0x1891c9 at process virtual address 0x7f006b000000
		0x3f7ec30000 false Corrected Errors at 0x3f7ec30000|rasdaemon[73711]: cpu 00:rasdaemon: Corrected Errors at 0x3f7ec30000 exceed threshold
		0x3f7ec30000 false offlining page at 0x3f7ec30000|rasdaemon: Result of offlining page at 0x3f7ec30000: offlined
		0x96236c000 false Corrected memory errors on page 96236c000|Corrected memory errors on page 96236c000 exceed threshold 10 in 24h: 10 in 24h
		0x96236c6c0 false 96236c6c0|  96236c6c0
		0x1000 false 0x1000-2000|0x1000-2000
	END
}

@test "find: ignores other numbers in a log" {
	local line

	while IFS= read -r line; do
		run --separate-stderr vmwalk find <<<"$line"
		[[ $status == 2 && $stderr == *'no physical address in 1 lines'* ]] ||
			{ echo "$line: $output$stderr"; return 1; }
	done <<-'END'
		BUG: unable to handle page fault for address: 0xffffc90000000000
		EDAC MC0: Giving out device to module skx_edac
		mce: [Hardware Error]: CPU 2: Machine Check: 0 Bank 17: 9c2040000000011b
		addr=0x319deb440
		EDAC MC0: 1 CE page:0x45f4b1 grain:32
		EDAC MC0: 1 CE page:0x45f4b1 offset:0x1000 grain:32
		SRC_ADDR 1234
		ADDR zzz
		[   12.345678] usb 1-1: new device
		page:0x45f4b1fffffffffffff offset:0x0
	END
}

@test "find: address 0 in a log counts as unknown" {
	run --separate-stderr vmwalk find <<-'END'
		EDAC MC0: 1 CE on any memory (channel:0 page:0x0 offset:0x0 grain:8 syndrome:0x0)
		MISC 0 ADDR 0
	END
	fails 2 'vmwalk: find: standard input: lines with address 0: 2; the hardware did not report the address'
	run --separate-stderr vmwalk find </dev/null
	fails 2 'vmwalk: find: standard input: no physical address in 0 lines; see FORMATS in vmwalk-find(1)'
}

@test "find: searches once for a frame that several lines of a log contain" {
	capture_processes
	find_frames <<-'END'
		EDAC MC0: 1 CE x (page:0x1001 offset:0x340 grain:32 syndrome:0x0)
		kernel: something else
		EDAC MC0: 1 CE x (page:0x1001 offset:0x380 grain:32 syndrome:0x0)
		ADDR 3000010
	END
	[[ $status == 0 ]]
	[[ $output == *$'0x1001340\n  from line 1: page:0x1001 offset:0x340 (and 1 more line)\n'* ]]
	[[ $output == *$'0x3000010\n  from line 4: ADDR 3000010\n'* ]]
	[[ $output == *$'\n1 line without a physical address\n'* ]]
}

@test "find: on AMD, prints a note for addresses of machine-check banks" {
	capture_processes
	printf 'vendor_id\t: AuthenticAMD\n' >"$VMWALK_SYSROOT/proc/cpuinfo"
	find_frames <<<'ADDR 1001000'
	[[ $output == *'note: this may not be a system physical address'* ]]
	find_frames <<<'EDAC MC0: 1 CE x (page:0x1001 offset:0x340 grain:32)'
	[[ $output != *note:* ]]
	printf 'vendor_id\t: GenuineIntel\n' >"$VMWALK_SYSROOT/proc/cpuinfo"
	find_frames <<<'ADDR 1001000'
	[[ $output != *note:* ]]
}

@test "find: JSON has the frames, the mappings and the processes" {
	capture_processes
	find_frames --json 1001123 5000000
	[[ $status == 1 ]]
	jq -e '
		(.frames | length) == 2 and .frames[0].start == "0x1001123" and
		.frames[0].end == "0x1001124" and .frames[0].pfn == "0x1001" and
		.frames[0].found == 3 and .frames[1].found == 0 and
		.frames[1].flags == null and
		(.mappings | map(.pid)) == [10, 11, 12] and .mappings[2].address == "0x40000123" and
		.walked == 3 and .exited == 0 and .denied == 0' <<<"$output"
}

@test "find: a write error on standard output gives exit status 2" {
	capture_processes
	# shellcheck disable=SC2016 # for the inner shell
	run --separate-stderr replay bash -c 'vmwalk find --raw 1001000 >/dev/full'
	[[ $status == 2 && $stderr == *'vmwalk: find: standard output: No space left on device' ]]
}

# capture_scattered COUNT: a process with this number of pages, none of which has the
# frame after that of the page before
capture_scattered()
{
	capture_process 10 server
	printf '%s\n' 'info 4096 4 0' 'process 10' 'extent 0x400000 0x1000 1 0x801 12 0' \
		"repeat $(($1 - 1)) 8192" >"$VMWALK_REPLAY"
}

@test "find: 16 MiB are enough for a process of 64 GiB whose frames are scattered" {
	capture_scattered 16777216
	run --separate-stderr replay bash -c 'ulimit -d 16384; exec vmwalk find -r -n -o ADDRESS 1000000'
	prints <<<0x400000
}

@test "find: 64 MiB are enough for as many rows as it keeps, and more are an error" {
	local count pages
	# shellcheck disable=SC2016 # for the inner shell
	local find='ulimit -d 65536; exec vmwalk find --raw --noheadings --output PAGES --pfn "$1"'

	capture_scattered 524289
	read -r count pages < <(replay bash -c "$find" - 1000-101000 2>/dev/null | uniq -c)
	[[ $count == 524288 && $pages == 1 ]]
	run --separate-stderr replay bash -c "$find" - 1000-101001
	[[ $status == 2 && ! $output ]]
	[[ $stderr == *'vmwalk: find: more than 524288 mappings: use a smaller range'* ]]
}
