#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Check the results of the lab kernel-fault.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab kernel-fault
}

# faults WHAT: faults of the ioctl and of the driver for a valid address.
faults()
{
	awk -v what="$1 " 'index($0, what) == 1 { print $(NF - 1), $NF; exit }' "$LAB_OUTPUT"
}

@test "a store by the kernel faults an untouched page in" {
	[[ $(faults "an untouched page") == "1 1" ]]
	[[ $(faults "the next page") == "1 1" ]]
	[[ $(faults "an untouched anonymous page") == "1 0" ]]
	[[ $(sed -n '/^the kernel stores/,/^buffer/p' "$LAB_OUTPUT" | grep -c ' X  ') == 5 ]]
}

@test "a store by the kernel to a present page does not fault" {
	[[ $(faults "the same page again") == "0 0" ]]
	[[ $(faults "a page written by the program") == "0 0" ]]
}

@test "an invalid pointer gives the kernel EFAULT and the program a signal" {
	rows=$(sed -n '/^a store to/,/^buffer/p' "$LAB_OUTPUT" | sed '1d;$d')
	echo "$rows"
	[[ $(wc -l <<<"$rows") == 7 ]]
	[[ $(grep -c ' Bad address  ' <<<"$rows") == 7 ]]
	[[ $(grep -c ' Segmentation fault$' <<<"$rows") == 6 ]]
	[[ $(grep ' Bus error$' <<<"$rows") == "a mapping beyond the end of file"* ]]
}

@test "stores to invalid pointers leave the buffer unchanged" {
	mapfile -t buffer < <(grep '^buffer: ' "$LAB_OUTPUT")
	[[ ${#buffer[@]} == 2 ]]
	[[ ${buffer[0]} == "buffer: Xbcdefghijklmnopqrstuvwxyz" ]]
	[[ ${buffer[1]} == "${buffer[0]}" ]]
}

@test "the sessions give the output that the page shows" {
	expect_session
}

@test "two concurrent runs succeed" {
	[[ $LAB_STATUS == '0 0' ]]
}

@test "the lab leaves a user's instance of the same name alone" {
	keeps_users_instance kernel-fault poke
}

@test "the lab removes its instance if a signal follows the creation" {
	vmwalk_setup
	mkdir "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/vmwalk-create" <<-'EOS'
		#!/bin/bash
		/usr/sbin/vmwalk-create "$@" || exit
		kill -s "$SIGNAL" "$(cat "$BATS_TEST_TMPDIR/pid")"
	EOS
	chmod +x "$BATS_TEST_TMPDIR/bin/vmwalk-create"
	for SIGNAL in HUP INT QUIT TERM PIPE USR1; do
		echo "$SIGNAL"
		export SIGNAL
		# shellcheck disable=SC2016 # for the inner shell
		run env --default-signal PATH="$BATS_TEST_TMPDIR/bin:$PATH" bash -c '
			echo $$ >"$BATS_TEST_TMPDIR/pid"; exec /usr/libexec/vmwalk/labs/kernel-fault'
		[[ $status == $((128 + $(kill -l "$SIGNAL"))) ]]
		no_instances
	done
	vmwalk_teardown
}
