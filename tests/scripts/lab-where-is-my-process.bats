#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The claims of docs/labs/where-is-my-process.md.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab where-is-my-process
}

# of PROGRAM: what the lab says of it.
of()
{
	awk -v program="$1," '/^[a-z_]+, process/ { on = $1 == program } on' "$LAB_OUTPUT"
}

# made REGION: the row of the table of steps: pages, rows, huge pages.
made()
{
	of memory_intensive | awk -v region="$1" '/region made/ { on = 1; next } /to the log/ { exit }
		on && $1 == region { print $2, $3, $4 }'
}

@test "the log has all pages that the screen has, of either program" {
	local program log screen

	for program in computation_intensive memory_intensive; do
		log=$(of $program | awk '/^  to the log/ { print $4 }')
		screen=$(of $program | awk '/^  to the screen/ { print $4 }')
		echo "$program: $log $screen"
		[[ $log == "$screen" ]]
		((log > 50))
		of $program | grep -E "^    vmwalk vmwalk[0-9]+: [0-9]+: 0x[0-9a-f]+-0x[0-9a-f]+ pfn 0x[0-9a-f]+ pages [1-9]"
		of $program | grep -E "^ +[1-9][0-9]* .*/examples/$program$"
	done
}

@test "IOCTL_GET_PFN takes a page number and returns the frame number that pagemap has" {
	[[ $(grep -c ' -> 0x' "$LAB_OUTPUT") == 6 ]]
	awk '$3 == "->" && $1 != "reserved" && ($4 != $5 || $4 !~ /^0x[1-9a-f]/) { exit 1 }' "$LAB_OUTPUT"
	grep -E '^ +reserved +0x[0-9a-f]+ +-> ENOENT +0x0$' "$LAB_OUTPUT"
}

@test "the program that computes writes to its matrices all the time, and doesn't grow" {
	of computation_intensive | grep -x '  written to while it stands still: 0 pages'
	of computation_intensive |
		grep -Ex '  written to while it runs: [1-9][0-9]* pages, [45] of matrix, [45] of square'
	read -r before after < <(of computation_intensive |
		sed -n 's/.*before it ran and after: \([0-9]*\), \([0-9]*\)$/\1 \2/p')
	# The clock that it reads may have come to its memory only now.
	((before > 50 && after >= before && after <= before + 4))
}

@test "the program with much memory grows by what it touches, not by what it reserves" {
	local region pages rows huge last=0 more

	while read -r region more; do
		read -r pages rows huge < <(made "$region")
		echo "$region: $pages pages, $rows rows, $huge huge"
		# Beside its regions it needs a page of this and that now and then.
		[[ $region == none ]] || ((pages - last >= more && pages - last < more + 64))
		last=$pages
	done <<-END
		none 0
		anonymous 1024
		alternate 512
		huge 1024
		file 1024
		reserved 0
	END
	of memory_intensive | grep -x '  written to while it sleeps: 0 pages'
}

@test "every second page is a row of its own, huge pages need few rows" {
	local before after rows huge

	read -r _ before _ < <(made anonymous)
	read -r _ after _ < <(made alternate)
	read -r _ rows huge < <(made huge)
	((after - before >= 512 && rows - after < 64 && huge == 1024))
}

@test "frame numbers are for root" {
	grep -Ex '  IOCTL_GET_PFN for one who is not root: 0x[0-9a-f]+ EPERM' "$LAB_OUTPUT"
}

@test "two runs at once don't disturb each other" {
	[[ $LAB_STATUS == '0 0' ]]
}

@test "an instance of the user's stays, whatever its name is" {
	keeps_users_instance where-is-my-process where
}

@test "a target that is killed ends the lab" {
	vmwalk_setup
	mkdir "$BATS_TEST_TMPDIR/bin"
	# Looking whether the target is ready kills it before it is.
	cat >"$BATS_TEST_TMPDIR/bin/grep" <<-'end'
		#!/bin/bash
		[[ " $* " == *' ready '* ]] || exec /usr/bin/grep "$@"
		pkill -KILL -P "$PPID" computation
		exit 1
	end
	chmod +x "$BATS_TEST_TMPDIR/bin/grep"
	run env PATH="$BATS_TEST_TMPDIR/bin:$PATH" timeout 60 /usr/lib/vmwalk/labs/where-is-my-process
	[[ $status == 1 ]]
	[[ $output == *'No such process' ]]
	no_instances
	vmwalk_teardown
}
