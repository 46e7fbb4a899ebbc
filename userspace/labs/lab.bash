# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # the labs use the variables below
#
# Functions shared by the labs. The instances of a lab are named
# lab-PID-NAME, so that two runs do not disturb each other or a user's
# instances. When a lab exits, it removes only the instances it has created.
#
# Copyright (C) The vmwalk authors

set -euo pipefail
export LC_ALL=C

labs=$(dirname "$(readlink -f "$0")")
bin=$labs/bin
# The commands are under the same prefix. Plain su leaves sbin out of PATH.
PATH+=:${labs%/libexec/vmwalk/labs}/bin:${labs%/libexec/vmwalk/labs}/sbin
run=lab-$$
created=()
# getconf may not be installed.
page_size=$(awk '$1 == "KernelPageSize:" { print $2 * 1024; exit }' /proc/self/smaps)

# needs_x86 REASON: on another architecture, print the reason and exit with
# status 4, which means skipped.
needs_x86()
{
	[[ $(uname -m) != x86_64 ]] || return 0
	echo "skipped: this lab needs x86-64: $1"
	exit 4
}

# A lab that changes more than instances and processes overrides this.
cleanup_lab()
{
	:
}

cleanup()
{
	local pids

	trap '' HUP INT QUIT TERM
	set +e
	cleanup_lab
	pids=$(jobs -p)
	# shellcheck disable=SC2086 # split into words
	[[ ! $pids ]] || { kill -KILL $pids; wait $pids; } 2>/dev/null
	# An instance may not exist if a signal came before its creation.
	((${#created[@]} == 0)) || vmwalk-destroy "${created[@]}" 2>/dev/null
}
trap cleanup EXIT
# bash ignores SIGQUIT, and would leave without running the EXIT trap.
trap 'exit 131' QUIT

# create NAME ATTRIBUTE=VALUE...: create the instance $run-NAME and set $device
# to the path of its device.
create()
{
	# Register the name first: a signal can arrive at any time.
	created+=("$run-$1")
	if ! device=$(vmwalk-create "$run-$1" "${@:2}"); then
		unset 'created[-1]'
		return 1
	fi
}

# wait_until PID COMMAND...: repeat the command until it succeeds. Exit if the
# process ends first.
wait_until()
{
	until "${@:2}"; do
		kill -0 "$1"
		sleep 0.05
	done
}

# picture PID: draw where the memory of a process is, and print its totals. The
# process must not change its memory meanwhile.
picture()
{
	local file=${TMPDIR:-/tmp}/${0##*/}.svg

	vmwalk map --pid "$1" --no-frames --svg "$file"
	printf 'picture: %s\n' "$file"
	vmwalk summary --pid "$1" | grep -E '^  (resident|not in RSS|mapped by|nodes) '
}

# lock_lab: wait for other runs of this lab to finish. For labs that measure or
# change state of the whole system.
lock_lab()
{
	local fd

	exec {fd}<"$0"
	flock "$fd"
}
