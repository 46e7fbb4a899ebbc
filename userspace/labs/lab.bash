# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # the labs use the names below
#
# What the labs share. A lab creates its instances under names of its own run, so that it disturbs
# neither a second run nor a user's instance, and removes at its end what it made and nothing else.
#
# Copyright (C) The vmwalk authors

set -euo pipefail
export LC_ALL=C

labs=$(dirname "$(readlink -f "$0")")
bin=$labs/bin
# The commands are installed beside the labs; a plain su has no sbin in its PATH.
PATH+=:${labs%/lib/vmwalk/labs}/bin:${labs%/lib/vmwalk/labs}/sbin
run=lab-$$
made=()

# A lab that has more to undo than instances and processes defines it anew.
at_end()
{
	:
}

clean_up()
{
	local pids

	trap '' HUP INT QUIT TERM
	set +e
	at_end
	pids=$(jobs -p)
	# shellcheck disable=SC2086 # words
	[[ ! $pids ]] || { kill -KILL $pids; wait $pids; } 2>/dev/null
	# An instance that a signal kept from being made is not there.
	((${#made[@]} == 0)) || vmwalk-destroy "${made[@]}" 2>/dev/null
}
trap clean_up EXIT
# The only signal from the keyboard after which bash doesn't do so by itself.
trap 'exit 131' QUIT

# make NAME ATTRIBUTE=VALUE...: creates the instance $run-NAME; $device is the path of its device.
make()
{
	# First, or a signal that arrives when vmwalk-create ends would leave it.
	made+=("$run-$1")
	if ! device=$(vmwalk-create "$run-$1" "${@:2}"); then
		unset 'made[-1]'
		return 1
	fi
}

# await PID COMMAND...: until the command succeeds. Ends the lab if the process ends before.
await()
{
	until "${@:2}"; do
		kill -0 "$1"
		sleep 0.05
	done
}

# take_turns: waits until no other run of the same lab looks at something that all of them change.
take_turns()
{
	local turn

	exec {turn}<"$0"
	flock "$turn"
}
