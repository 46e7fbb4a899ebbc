#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# How does ps come to know a program's arguments? docs/labs/somebody-elses-memory.md is about it.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

copy=$bin/somebody-elses-memory

# Allow COPY to write to another process.
take_turns
allow=/sys/module/vmwalk/parameters/allow_target_write
was=$(<"$allow")
at_end()
{
	echo "$was" >"$allow"
}
echo 1 >"$allow"

# show WHAT FILE: arguments end in a zero each.
show()
{
	printf '%-18s  %s\n' "$1" "$(tr '\0' ' ' <"$2")"
}

sleep 1h 2m 3s &
pid=$!
make memory size=4K target_pid="$pid"
# Until it has executed sleep it is a copy of this shell.
await "$pid" grep -qx sleep "/proc/$pid/comm"

# The fields of stat after the name, which may have spaces in it; the first is the third of all.
read -ra fields < <(sed 's/^.*) //' "/proc/$pid/stat")
start=${fields[48 - 3]} end=${fields[49 - 3]}
printf 'process %d keeps its arguments from 0x%x to 0x%x, in\n' "$pid" "$start" "$end"
vmwalk scan --device "$run-memory" --start "$(printf 0x%x "$start")" \
	--end "$(printf 0x%x $((start + 1)))"

show '/proc/PID/cmdline' "/proc/$pid/cmdline"
"$copy" from "$device" "$start" $((end - start))
show 'in the buffer' <(head --bytes=$((end - start)) "$device")

printf watch >"$device"
"$copy" to "$device" "$start" 5
show '/proc/PID/cmdline' "/proc/$pid/cmdline"
show ps <(ps --format args= "$pid")
