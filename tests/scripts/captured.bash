# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Functions shared by the bats files that test the command without the driver,
# with a captured tree and a captured device.
#
# Copyright (C) The vmwalk authors

# Preloaded stand-in for the device, see userspace/tests/replay.c
REPLAY=${VMWALK_TESTS:-$BATS_TEST_DIRNAME/..}/replay.so

setup()
{
	export LC_ALL=C
	export VMWALK_SYSROOT=$BATS_TEST_TMPDIR/root
	export VMWALK_REPLAY=$BATS_TEST_TMPDIR/replay
	# Memory that is allocated, but not set, has no zeros.
	export MALLOC_PERTURB_=85
	mkdir -p "$VMWALK_SYSROOT"
}

# capture_item NAME DEVICE [ATTRIBUTE=VALUE]...
capture_item()
{
	local item=$VMWALK_SYSROOT/sys/kernel/config/vmwalk/$1 pair

	mkdir -p "$item"
	echo 1 >"$item/../abi_version"
	for pair in dev_name="$2" live=0 buffer_type=vmalloc size=1048576 map_mode=fault \
		cache_mode=wb numa_node=-1 address_bits=64 fill=zero fault_around=65536 \
		track_dirty=0 target_pid=0 last_error= "${@:3}"; do
		echo "${pair#*=}" >"$item/${pair%%=*}"
	done
}

# Creates a live instance "demo" with target 4242. Standard input is the replay
# file of its device.
capture_device()
{
	local proc=$VMWALK_SYSROOT/proc/4242

	capture_item demo vmwalk3 live=1 target_pid=4242
	mkdir -p "$VMWALK_SYSROOT/dev" "$proc"
	: >"$VMWALK_SYSROOT/dev/vmwalk3"
	echo student >"$proc/comm"
	cat >"$proc/maps" <<-'END'
		400000-42c000 r-xp 00001000 08:01 1234                      /usr/bin/a program
		42c000-42d000 rw-p 00000000 00:00 0 
		7ffd0000-80000000 rw-p 00000000 00:00 0                    [stack]
	END
	cat >"$VMWALK_REPLAY"
}

replay()
{
	LD_PRELOAD=$REPLAY "$@"
}

# prints: the last run succeeded, and its output is standard input.
# shellcheck disable=SC2154 # bats sets status and stderr
prints()
{
	local expected

	expected=$(cat)
	[[ $status == 0 && $output == "$expected" ]] && return
	printf 'status %s, output:\n%s\ninstead of:\n%s\n' "$status" "$output" "$expected"
	return 1
}

# fails STATUS LINE...: the last run ended with this status, printed these lines
# to stderr and nothing to stdout.
# shellcheck disable=SC2154 # bats sets status and stderr
fails()
{
	local expected

	printf -v expected '%s\n' "${@:2}"
	[[ $status == "$1" && ! $output && $stderr == "${expected%$'\n'}" ]] && return
	printf 'status %s, output:\n%s\nstderr:\n%s\ninstead of %s and:\n%s\n' \
		"$status" "$output" "$stderr" "$1" "$expected"
	return 1
}

# capture_process PID NAME: the captured tree gets a process with the mappings of
# the demo's target.
capture_process()
{
	local proc=$VMWALK_SYSROOT/proc/$1

	mkdir -p "$proc" "$VMWALK_SYSROOT/dev" "$VMWALK_SYSROOT/sys/kernel/config/vmwalk"
	: >"$VMWALK_SYSROOT/dev/vmwalk9"
	echo 1 >"$VMWALK_SYSROOT/sys/kernel/config/vmwalk/abi_version"
	echo "$2" >"$proc/comm"
	echo "$1 ($2) S 1 1 1 0 -1 4194560 80 0 0 0 0 0 0 0 20 0 1 0 $1 8192000 100 0" >"$proc/stat"
	printf 'Name:\t%s\nTgid:\t%s\nTHP_enabled:\t1\n' "$2" "$1" >"$proc/status"
	cat >"$proc/maps" <<-'END'
		400000-42c000 r-xp 00001000 08:01 1234                      /usr/bin/a program
		40000000-41000000 rw-p 00000000 00:00 0 
		7ffd0000-80000000 rw-p 00000000 00:00 0                    [stack]
	END
}

# Two processes "server", which share 4 KiB of file and 2 MiB of anonymous
# memory, and a process "other" that may not be read.
capture_servers()
{
	local thp=$VMWALK_SYSROOT/sys/kernel/mm/transparent_hugepage

	capture_process 10 server
	capture_process 11 server
	capture_process 12 other
	mkdir -p "$thp" "$VMWALK_SYSROOT/sys/devices/system/node"
	echo 2097152 >"$thp/hpage_pmd_size"
	echo '[always] madvise never' >"$thp/enabled"
	echo 0-1 >"$VMWALK_SYSROOT/sys/devices/system/node/online"
	mkdir -p "$VMWALK_SYSROOT/sys/kernel/mm/hugepages/hugepages-2048kB"
	cat >"$VMWALK_REPLAY" <<-'END'
		info 4096 4 0
		process 10
		extent 0x400000 0x1000 1 0x801 12 0
		extent 0x40000000 0x200000 512 0x10001 21 1
		extent 0x40200000 0x300000 3 0x1 12 0
		vma 0x400000 0x42c000 5 0 1 1234 8 1 0x15 12
		vma 0x40000000 0x41000000 3 0 0 0 0 0 0x3 12
		process 11
		extent 0x400000 0x1000 1 0x801 12 0
		extent 0x40000000 0x200000 512 0x10001 21 1
		extent 0x40200000 0x400000 2 0x1 12 0
		extent 0x40400000 0 2 0x80 12 -1
		vma 0x400000 0x42c000 5 0 1 1234 8 1 0x15 12
		vma 0x40000000 0x41000000 3 0 0 0 0 0 0x3 12
		process 12
		error 1
	END
}
