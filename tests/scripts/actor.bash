# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # sets variables of the tests
#
# Functions for tests with a process that changes its memory on command, see
# userspace/tests/actor.c.
#
# Copyright (C) The vmwalk authors

ACTOR_PROGRAM=${VMWALK_TESTS:-$BATS_TEST_DIRNAME/..}/actor
PAGE=$(awk '/^KernelPageSize:/ { print $2 * 1024; exit }' /proc/self/smaps)

# start_actor KIND MIB [COMMAND...]: starts the process, after COMMAND if given.
# Sets pid, first and last: the addresses of its memory.
start_actor()
{
	local line

	coproc ACTOR { exec "${@:3}" "$ACTOR_PROGRAM" "$1" "$2" 3>&-; }
	IFS= read -r line <&"${ACTOR[0]}"
	[[ $line != skip* ]] || skip "${line#skip }"
	read -r first last pid <<<"$line"
	first=0x$first last=0x$last
	# In a pid namespace of its own, the process sees another PID.
	(($# == 2)) || pid=$(pgrep --parent "$ACTOR_PID" actor || echo "$ACTOR_PID")
}

# act COMMAND...: lets the process run the commands.
act()
{
	local command line

	for command; do
		echo "$command" >&"${ACTOR[1]}"
		IFS= read -r line <&"${ACTOR[0]}"
		[[ $line != skip* ]] || skip "${line#skip }"
		[[ $line == ok ]]
	done
}

# end_actor: ends the process, if it is running, and waits for it.
end_actor()
{
	[[ ${ACTOR_PID-} ]] || return 0
	eval "exec ${ACTOR[1]}>&-"
	wait "$ACTOR_PID"
}

# kpage FILE PFN: prints the number in /proc/kpageflags, kpagecount or kpagecgroup.
kpage()
{
	dd if="/proc/kpage$1" bs=8 count=1 skip=$(($2)) status=none | od -An -tu8 | tr -d ' '
}

# nodes: prints the number of NUMA nodes with memory.
nodes()
{
	set -- /sys/devices/system/node/node[0-9]*
	echo $#
}
