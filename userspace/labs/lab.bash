# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # the labs use the names below
#
# Functions shared by the labs. The names of a lab's instances contain the PID of its run, so it
# does not disturb a second run or a user's instances. At its end a lab removes its own instances
# only.
#
# Copyright (C) The vmwalk authors

set -euo pipefail
export LC_ALL=C

labs=$(dirname "$(readlink -f "$0")")
bin=$labs/bin
# The commands are installed under the same prefix. After plain su, PATH has no sbin.
PATH+=:${labs%/lib/vmwalk/labs}/bin:${labs%/lib/vmwalk/labs}/sbin
run=lab-$$
made=()

# A lab redefines this if it must undo more than instances and processes.
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
	# Errors are expected: a signal may have prevented the creation of an instance.
	((${#made[@]} == 0)) || vmwalk-destroy "${made[@]}" 2>/dev/null
}
trap clean_up EXIT
# SIGQUIT is the only signal from the keyboard that bash ignores, so the EXIT trap would not run.
trap 'exit 131' QUIT

# make NAME ATTRIBUTE=VALUE...: creates the instance $run-NAME; $device is the path of its device.
make()
{
	# Before vmwalk-create, so that clean_up removes the instance whenever a signal arrives.
	made+=("$run-$1")
	if ! device=$(vmwalk-create "$run-$1" "${@:2}"); then
		unset 'made[-1]'
		return 1
	fi
}

# await PID COMMAND...: waits until the command succeeds. Ends the lab if the process exits before.
await()
{
	until "${@:2}"; do
		kill -0 "$1"
		sleep 0.05
	done
}

# take_turns: waits for other runs of the same lab, for labs that measure shared state.
take_turns()
{
	local turn

	exec {turn}<"$0"
	flock "$turn"
}
