#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The claims of docs/labs/somebody-elses-memory.md.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab somebody-elses-memory
}

# shown WHAT: the arguments that stand after it, as often as it comes.
shown()
{
	sed -n "s,^$1  *,,p" "$LAB_OUTPUT" | sed 's/ *$//'
}

@test "a process keeps its arguments on its stack" {
	read -r start end < <(sed -nE 's/.* from (0x\w+) to (0x\w+), in$/\1 \2/p' "$LAB_OUTPUT")
	# With the zeroes: "sleep 1h 2m 3s".
	((end - start == 15))
	grep '\[stack\]$' "$LAB_OUTPUT"
}

@test "what is copied from there is what /proc/PID/cmdline has" {
	[[ $(shown 'in the buffer') == "sleep 1h 2m 3s" ]]
	[[ $(shown 'in the buffer') == "$(shown '/proc/PID/cmdline' | head -n 1)" ]]
	grep -x '15 of 15 bytes copied' "$LAB_OUTPUT"
}

@test "what is written there is what cmdline and ps have from then on" {
	grep -x '5 of 5 bytes copied' "$LAB_OUTPUT"
	[[ $(shown '/proc/PID/cmdline' | tail -n 1) == "watch 1h 2m 3s" ]]
	[[ $(shown ps) == "watch 1h 2m 3s" ]]
}

@test "two runs at once don't disturb each other" {
	[[ $LAB_STATUS == '0 0' ]]
}

@test "an instance of the user stays, whatever its name" {
	keeps_users_instance somebody-elses-memory memory
}
