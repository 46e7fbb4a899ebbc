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
