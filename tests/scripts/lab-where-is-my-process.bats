#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Check the results of the lab where-is-my-process.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab where-is-my-process
}

# of PROGRAM: the lines about that program.
of()
{
	awk -v program="$1," '/^[a-z_]+, process/ { on = $1 == program } on' "$LAB_OUTPUT"
}

# after REGION: pages, rows and huge pages after the program has made a region.
after()
{
	of memory_intensive | awk -v region="$1" '/after region/ { on = 1; next } /kernel log/ { exit }
		on && $1 == region { print $2, $3, $4 }'
}

@test "the kernel log and vmwalk scan list the same number of pages" {
	local program log scan

	for program in computation_intensive memory_intensive; do
		log=$(of $program | awk '/^  kernel log/ { print $3 }')
		scan=$(of $program | awk '/^  vmwalk scan/ { print $3 }')
		echo "$program: $log $scan"
		[[ $log == "$scan" ]]
		((log > 50))
		of $program | grep -E "^    vmwalk vmwalk[0-9]+: [0-9]+: 0x[0-9a-f]+-0x[0-9a-f]+ pfn 0x[0-9a-f]+ pages [1-9]"
		of $program | grep -E "^ +[1-9][0-9]* .*/examples/$program$"
	done
}

@test "IOCTL_GET_PFN returns the PFN that pagemap has" {
	awk '/IOCTL_GET_PFN/ { on = 1; next }
		!/^  [a-z]+ +0x/ { on = 0 }
		!on { next }
		{ count++ }
		$1 == "reserved" { if ($3 != "ENOENT" || $4 != "0x0") failed = 1; next }
		$3 != $4 || $3 !~ /^0x[1-9a-f]/ { failed = 1 }
		END { exit (failed || count != 7) }' "$LAB_OUTPUT"
}

@test "a computing program writes its matrices and does not grow" {
	of computation_intensive | grep -x '  pages written while stopped: 0'
	of computation_intensive |
		grep -Ex '  pages written while running: [1-9][0-9]*, matrix [45], square [45]'
	read -r before after < <(of computation_intensive |
		sed -n 's/.*mapped before and after: \([0-9]*\), \([0-9]*\)$/\1 \2/p')
	# It may touch a page of the vDSO for the first time.
	((before > 50 && after >= before && after <= before + 4))
}

@test "an allocating program grows by the pages it touches, not by those it reserves" {
	local region pages rows huge last=0 more

	while read -r region more; do
		read -r pages rows huge < <(after "$region")
		echo "$region: $pages pages, $rows rows, $huge huge"
		# The C library may touch some pages of its own.
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
	of memory_intensive | grep -x '  pages written while asleep: 0'
}

@test "every second page is a row, huge pages are few rows" {
	local first second rows huge

	read -r _ first _ < <(after anonymous)
	read -r _ second _ < <(after alternate)
	read -r _ rows huge < <(after huge)
	((second - first >= 512 && rows - second < 64 && huge == 1024))
}

@test "PFNs require CAP_SYS_ADMIN" {
	grep -Ex '  IOCTL_GET_PFN without CAP_SYS_ADMIN: 0x[0-9a-f]+ EPERM' "$LAB_OUTPUT"
}

@test "the picture has the totals of vmwalk summary" {
	picture_matches
}

@test "the picture shows what each region has" {
	local region class start

	while read -r region class; do
		start=$(of memory_intensive | awk -v region="$region" '$1 == region && $2 ~ /^0x/ { print $2 "000" }')
		echo "$region at $start"
		# The first MiB of it
		[[ $(picture_sum "${start%?????}") == "$class" ]]
	done <<-END
		anonymous 4K=1024
		alternate 4K=512
		huge 2M=1024
		file 4K=1024
		reserved
	END
}

@test "the sessions give the output that the page shows" {
	expect_session
}

@test "two concurrent runs succeed" {
	[[ $LAB_STATUS == '0 0' ]]
}

@test "the lab ends if its target is killed" {
	vmwalk_setup
	mkdir "$BATS_TEST_TMPDIR/bin"
	# Kill the target when the lab checks whether it is ready.
	cat >"$BATS_TEST_TMPDIR/bin/grep" <<-'end'
		#!/bin/bash
		[[ " $* " == *' ready '* ]] || exec /usr/bin/grep "$@"
		pkill -KILL -P "$PPID" computation
		exit 1
	end
	chmod +x "$BATS_TEST_TMPDIR/bin/grep"
	run env PATH="$BATS_TEST_TMPDIR/bin:$PATH" timeout 60 /usr/libexec/vmwalk/labs/where-is-my-process
	echo "$output"
	[[ $status == 1 ]]
	[[ $output == *'No such process' ]]
	no_instances
	vmwalk_teardown
}
