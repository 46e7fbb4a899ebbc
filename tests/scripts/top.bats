#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# vmwalk top with the driver: real processes and instances. top-command.bats tests
# its options and its screen without the driver.
#
# Copyright (C) The vmwalk authors

# shellcheck disable=SC2016 # programs for awk
# shellcheck disable=SC2154 # helper.bash and actor.bash set pid

bats_require_minimum_version 1.5.0

load helper
load actor

MIB=1048576

# table HEADING: the rows of the last table whose heading begins with this word,
# with single blanks
table()
{
	awk -v heading="$1" '
		$1 == heading { on = 1; rows = ""; next }
		!NF { on = 0 }
		on { $1 = $1; rows = rows $0 "\n" }
		END { printf "%s", rows }' "$BATS_TEST_TMPDIR/output"
}

# sums COLUMN OPTION...: sums of vmwalk summary, in bytes
sums()
{
	vmwalk summary --raw --noheadings --output "$1" "${@:2}"
}

# batch OPTION...: prints one refresh.
batch()
{
	run --separate-stderr vmwalk top --batch -n 1 --bytes "$@"
	[[ $status == 0 && ! $stderr ]]
	echo "$output" >"$BATS_TEST_TMPDIR/output"
}

# follow OPTION...: refreshes in the background.
follow()
{
	vmwalk top --batch --delay 0.2 --bytes "$@" >>"$BATS_TEST_TMPDIR/output" &
}

# row HEADING CONDITION: waits until a row of such a table has fields that an awk
# condition is true for. It may use the variable pages.
row()
{
	local i

	for ((i = 0; i < 300; i++)); do
		if awk -v heading="$1" -v pages="${pages-}" '
			$1 == heading { on = 1; next }
			!NF { on = 0 }
			on && ('"$2"') { found = 1 }
			END { exit !found }' "$BATS_TEST_TMPDIR/output"; then
			return 0
		fi
		sleep 0.1
	done
	cat "$BATS_TEST_TMPDIR/output"
	return 1
}

@test "the numbers of a process are those of vmwalk summary and of smaps" {
	local both rss swap huge hugetlb

	start_memory small=4 thp=8 swap=2 shmem=2
	batch --pid "$pid"
	echo "$output"
	read -r _ both rss swap huge hugetlb _ < <(table PID)
	[[ "$rss $swap $hugetlb" == "$(sums RSS,SWAP,HUGETLB --pid "$pid")" ]]
	[[ ${lines[1]} == "1 of 1 processes scanned: RSS $rss, swap $swap, hugetlb $hugetlb (each frame once)" ]]
	((both == rss + swap && rss > 14 * MIB && swap >= 2 * MIB))
	((rss == $(awk '$1 == "Rss:" { s += $2 } END { print s * 1024 }' "/proc/$pid/smaps")))
	# With pages of 16K, groups of contiguous entries are as large.
	((PAGE > 4096 || huge == $(awk '$1 == "AnonHugePages:" { s += $2 } END { print s * 1024 }' "/proc/$pid/smaps") * 100 / rss))
}

@test "a group counts each frame once" {
	local total

	start_memory shmem=8 children=20
	kill -CONT "$pid"
	# Children that have not run yet have fewer pages.
	while pgrep --runstates R --exact target >/dev/null; do sleep 0.1; done
	batch --comm target
	total=$(sums COMM,RSS --comm target | sed -n 's/^total //p')
	[[ ${lines[1]} == "21 of 21 processes scanned: RSS $total, "* ]]
	((total > 8 * MIB && total < 30 * MIB))
	(($(table PID | grep -c ' target$') == 21))
}

@test "all processes are scanned by default, but not those of the command" {
	batch -n 2 -d 0.2
	echo "$output"
	[[ ! $output =~ ' vmwalk'(-guard)?$'\n' ]]
	[[ ${lines[1]} =~ ^([0-9]+)' of '([0-9]+)' processes scanned: ' ]]
	((BASH_REMATCH[1] > 2 && BASH_REMATCH[2] >= BASH_REMATCH[1]))
	table PID | grep -qx '1 .*'
}

@test "pages that the kernel migrates are counted as moved" {
	(($(nodes) > 1)) || skip 'one NUMA node'
	start_actor anon 2
	act write 'move 0'
	follow --pid "$pid"
	row PID '$(NF - 1) == "0"'
	act 'move 1'
	row PID '$(NF - 1) > 0'
	# They do not move again.
	: >"$BATS_TEST_TMPDIR/output"
	row PID '$(NF - 1) == "0"'
}

@test "faults, mapped pages and mappings of an instance, also after stats/reset" {
	local device pages=$((MIB / PAGE))

	device=$(make_instance lab map_mode=fault fault_around="$PAGE" size=1M)
	start_actor device 1
	follow --pid "$pid"
	row NAME '/^lab/ && $3 == "-" && $4 == 0 && $5 == 0 && $6 == 1'
	act read
	row NAME '/^lab/ && $3 > 0 && $4 == pages && $5 == pages && $6 == 1'
	row NAME '/^lab/ && $3 == "0" && $4 == pages'
	echo 1 >"/sys/class/vmwalk/${device#/dev/}/stats/reset"
	row NAME '/^lab/ && $3 == "0" && $4 == 0 && $5 == pages'
}

@test "without CAP_SYS_ADMIN there is no total; without any rights it says what is missing" {
	local device

	device=$(make_instance lab)
	start_memory small=1
	echo "$pid" >"$VMWALK/lab/target_pid"
	chmod 0666 "$device"
	run --separate-stderr setpriv --bounding-set -sys_admin vmwalk top --batch -n 2 -d 0.2 --device lab
	echo "$output" | tee "$BATS_TEST_TMPDIR/output"
	[[ $status == 0 && ${lines[1]} == '1 of 1 processes scanned: no total and no moves, since PFNs are hidden: the opener of the device lacks CAP_SYS_ADMIN'* ]]
	[[ $(table PID) == "$pid "*' - target' ]]
	run --separate-stderr as_nobody vmwalk top --batch -n 1
	[[ $status == 1 && $stderr == 'vmwalk: top: only root can create a temporary instance; use --device with an existing one' ]]
	run --separate-stderr as_nobody vmwalk top --batch -n 1 --device lab
	echo "$output" | tee "$BATS_TEST_TMPDIR/output"
	[[ $status == 0 && ${lines[1]} == '0 of 1 processes scanned' && $(table PID) == "$pid - "* ]]
}

# shows TEXT: waits until TEXT is on the screen.
shows()
{
	local i

	for ((i = 0; i < 300; i++)); do
		screen=$(tmux -L mux capture-pane -p)
		[[ $screen != *"$1"* ]] || return 0
		sleep 0.1
	done
	echo "$screen"
	return 1
}

@test "the mappings of a process on a terminal" {
	# Each page is a mapping.
	start_memory split=8
	export TMUX_TMPDIR=$BATS_TEST_TMPDIR
	echo 'set -g default-terminal screen' >"$BATS_TEST_TMPDIR/tmux.conf"
	tmux -f "$BATS_TEST_TMPDIR/tmux.conf" -L mux new-session -d -x 80 -y 24 \
		"exec vmwalk top --pid $pid 3>&-"
	shows ' target'
	tmux -L mux send-keys Enter
	shows ' r--p '
	[[ $screen == *"Mappings of process $pid (target): "* ]]
	[[ $screen =~ '(target): '([0-9]+) ]]
	((BASH_REMATCH[1] >= 8 * MIB / PAGE))
	tmux -L mux send-keys q q
	while tmux -L mux has-session 2>/dev/null; do sleep 0.1; done
	no_instances
}
