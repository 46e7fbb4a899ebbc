#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# Read and change the arguments of another process. See
# docs/labs/other-process.md.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

copy=$bin/other-process

lock_lab
parameter=/sys/module/vmwalk/parameters/allow_target_write
old_value=$(<"$parameter")
cleanup_lab()
{
	echo "$old_value" >"$parameter"
}
echo 1 >"$parameter"

# show LABEL FILE: print the arguments, each of which ends in a NUL.
show()
{
	printf '%-18s  %s\n' "$1" "$(tr '\0' ' ' <"$2")"
}

sleep 1h 2m 3s &
pid=$!
create memory size=4K target_pid="$pid"
# The child is a copy of this shell until it has called execve().
wait_until "$pid" grep -qx sleep "/proc/$pid/comm"

# Fields 48 and 49 of stat. The name in field 2 may contain spaces: skip it.
read -ra fields < <(sed 's/^.*) //' "/proc/$pid/stat")
start=${fields[48 - 3]} end=${fields[49 - 3]}
printf 'arguments of process %d: 0x%x-0x%x\n' "$pid" "$start" "$end"
vmwalk scan --device "$run-memory" --start "$(printf 0x%x "$start")" \
	--end "$(printf 0x%x $((start + 1)))"

show '/proc/PID/cmdline' "/proc/$pid/cmdline"
"$copy" from "$device" "$start" $((end - start))
show 'buffer' <(head --bytes=$((end - start)) "$device")

printf watch >"$device"
"$copy" to "$device" "$start" 5
show '/proc/PID/cmdline' "/proc/$pid/cmdline"
show ps <(ps --format args= "$pid")
