#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Check the results of the lab other-process.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab other-process
}

# shown LABEL: the arguments in each line with that label.
shown()
{
	sed -n "s,^$1  *,,p" "$LAB_OUTPUT" | sed 's/ *$//'
}

@test "the arguments of a process are on its stack" {
	read -r start end < <(sed -nE 's/^arguments of .*: (0x\w+)-(0x\w+)$/\1 \2/p' "$LAB_OUTPUT")
	# "sleep 1h 2m 3s", with a NUL after each argument.
	((end - start == 15))
	grep '\[stack\]$' "$LAB_OUTPUT"
}

@test "the copied arguments match /proc/PID/cmdline" {
	[[ $(shown buffer) == "sleep 1h 2m 3s" ]]
	[[ $(shown buffer) == "$(shown '/proc/PID/cmdline' | head -n 1)" ]]
	grep -x '15 of 15 bytes copied' "$LAB_OUTPUT"
}

@test "/proc/PID/cmdline and ps show arguments that were overwritten" {
	grep -x '5 of 5 bytes copied' "$LAB_OUTPUT"
	[[ $(shown '/proc/PID/cmdline' | tail -n 1) == "watch 1h 2m 3s" ]]
	[[ $(shown ps) == "watch 1h 2m 3s" ]]
}

@test "the sessions give the output that the page shows" {
	expect_session
}

@test "two concurrent runs succeed" {
	[[ $LAB_STATUS == '0 0' ]]
}
