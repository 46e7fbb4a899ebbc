#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The claims of docs/labs/kernel-fault.md. That the kernel's log has no complaint is looked at after
# every file of tests.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab kernel-fault
}

# faults WHERE: of the kernel and of the device, for a byte that could be written.
faults()
{
	awk -v where="$1 " 'index($0, where) == 1 { print $(NF - 1), $NF; exit }' "$LAB_OUTPUT"
}

@test "a store by the kernel to a page that isn't there faults once, and comes about" {
	[[ $(faults "a page never touched") == "1 1" ]]
	[[ $(faults "the page after it") == "1 1" ]]
	# Whose memory it is doesn't matter.
	[[ $(faults "memory of no device, never touched") == "1 0" ]]
	[[ $(sed -n '/^the kernel writes/,/^the buffer/p' "$LAB_OUTPUT" | grep -c ' X  ') == 5 ]]
}

@test "a store to a page that is there takes none" {
	[[ $(faults "the same page") == "0 0" ]]
	[[ $(faults "a page that the program wrote to") == "0 0" ]]
}

@test "a bad pointer of each kind gives the kernel an error, where the program gets a signal" {
	bad=$(sed -n '/^a byte is written to/,/^the buffer/p' "$LAB_OUTPUT" | sed '1d;$d')
	echo "$bad"
	[[ $(wc -l <<<"$bad") == 7 ]]
	[[ $(grep -c ' Bad address  ' <<<"$bad") == 7 ]]
	[[ $(grep -c ' Segmentation fault$' <<<"$bad") == 6 ]]
	[[ $(grep ' Bus error$' <<<"$bad") == "a page beyond the end of its file"* ]]
}

@test "and nothing else happens: the buffer is what it was" {
	mapfile -t buffer < <(grep '^the buffer begins' "$LAB_OUTPUT")
	[[ ${#buffer[@]} == 2 ]]
	[[ ${buffer[0]} == "the buffer begins Xbcdefghijklmnopqrstuvwxyz" ]]
	[[ ${buffer[1]} == "${buffer[0]}" ]]
}

@test "two runs at once don't disturb each other" {
	[[ $LAB_STATUS == '0 0' ]]
}

@test "an instance of the user stays, whatever its name" {
	keeps_users_instance kernel-fault poke
}

@test "a signal right after the creation of an instance leaves none" {
	vmwalk_setup
	mkdir "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/vmwalk-create" <<-'EOF'
		#!/bin/bash
		/usr/sbin/vmwalk-create "$@" || exit
		kill -s "$SIGNAL" "$(cat "$BATS_TEST_TMPDIR/pid")"
	EOF
	chmod +x "$BATS_TEST_TMPDIR/bin/vmwalk-create"
	for SIGNAL in HUP INT QUIT TERM PIPE USR1; do
		echo "$SIGNAL"
		export SIGNAL
		# shellcheck disable=SC2016 # for the inner shell
		run env --default-signal PATH="$BATS_TEST_TMPDIR/bin:$PATH" bash -c '
			echo $$ >"$BATS_TEST_TMPDIR/pid"; exec /usr/lib/vmwalk/labs/kernel-fault'
		[[ $status == $((128 + $(kill -l "$SIGNAL"))) ]]
		no_instances
	done
	vmwalk_teardown
}
