#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# List the mappings of two programs in the kernel log and with vmwalk scan, and
# follow how they change. See docs/labs/where-is-my-process.md.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

program=$bin/where-is-my-process
examples=${labs%/labs}/examples
output=$(mktemp)
cleanup_lab()
{
	rm -f "$output"
}

# start PROGRAM [ARGUMENT...]: start it and make it the target of the device.
start()
{
	"$examples/$1" "${@:2}" >"$output" &
	pid=$!
	echo "$pid" >"$item/target_pid"
	printf '%s, process %d\n' "$1" "$pid"
}

# end: kill the target. wait keeps the shell from reporting it.
end()
{
	kill -KILL "$pid" || true
	wait "$pid" 2>/dev/null || true
}

wait_stopped()
{
	wait_until "$pid" grep -qs '^State:.T' "/proc/$pid/status"
}

stop()
{
	kill -STOP "$pid"
	wait_stopped
}

# scan COLUMNS [OPTION]...: one row per extent of present pages.
scan()
{
	vmwalk scan --device "$run-where" --raw --noheadings --mask present --output "$@"
}

# log_and_scan: list all mappings twice. The target must not run meanwhile.
log_and_scan()
{
	local lines

	lines=$("$program" "$device" log)
	dmesg --notime | grep "^vmwalk ${device#/dev/}: " | tail --lines="$lines" | awk '
		match($0, / pages [0-9]+/) && /flags present/ { sum += substr($0, RSTART + 7, RLENGTH - 7) }
		END {
			printf "  kernel log   %6d pages in %5d lines; the last line:\n", sum, NR
			print "    " $0
		}'
	scan PAGES,MAPPING | sed 's/\\x20/ /g' | awk '
		{ pages = $1; sub(/^[^ ]* /, ""); sum += pages; of[$0] += pages }
		END {
			printf "  vmwalk scan  %6d pages in %5d rows; by mapping:\n", sum, NR
			for (name in of)
				printf "               %6d %s\n", of[name], name | "sort --key=2"
		}'
}

# translate REGION...: the first page of each region, with IOCTL_GET_PFN and in
# /proc/PID/pagemap.
translate()
{
	local region first page pfn entry

	printf '  %-16s %-14s %-14s %s\n' region 'page number' IOCTL_GET_PFN pagemap
	for region; do
		first=$(awk -v name="$region" '$1 == name { print $2 }' "$output")
		printf -v page '0x%x' $((first / page_size))
		read -r _ pfn < <("$program" "$device" "$page")
		entry=$(dd if="/proc/$pid/pagemap" bs=8 skip=$((page)) count=1 status=none |
			od --address-radix=n --format=u8)
		printf '  %-16s %-14s %-14s 0x%x\n' "$region" "$page" "$pfn" \
			$((entry & (1 << 55) - 1))
	done
}

pages()
{
	scan PAGES "$@" | awk '{ sum += $1 } END { print sum + 0 }'
}

# written [OPTION]...: pages written since the last write to clear_refs.
written()
{
	pages --mask present,soft_dirty "$@"
}

create where size=4K
item=$(awk '$3 == "configfs" { print $2; exit }' /proc/self/mounts)/vmwalk/$run-where

start computation_intensive --seconds 600
wait_until "$pid" grep -q ready "$output"
stop
log_and_scan
translate matrix square
before=$(pages)
echo 4 >"/proc/$pid/clear_refs"
printf '  pages written while stopped: %d\n' "$(written)"
kill -CONT "$pid"
sleep 0.5
stop
printf '  pages written while running: %d' "$(written)"
while read -r region first last _; do
	[[ $region != @(matrix|square) ]] ||
		printf ', %s %d' "$region" "$(written --start "$first" --end "$last")"
done <"$output"
printf '\n  pages mapped before and after: %d, %d\n\n' "$before" "$(pages)"
end

start memory_intensive --size 4 --step --seconds 600
printf '  %-16s %6s %6s %6s\n' 'after region' pages rows huge
for region in none anonymous alternate huge file reserved; do
	wait_stopped
	scan PAGES,SIZE | awk -v region="$region" -v small="$page_size" '
		{ sum += $1; if ($2 > small) huge += $1 }
		END { printf "  %-16s %6d %6d %6d\n", region, sum, NR, huge }'
	kill -CONT "$pid"
done
wait_until "$pid" grep -q ready "$output"
log_and_scan
translate anonymous alternate huge file reserved
echo 4 >"/proc/$pid/clear_refs"
sleep 0.5
printf '  pages written while asleep: %d\n' "$(written)"

page=$(awk '$1 == "anonymous" { printf "0x%s\n", substr($2, 3, length($2) - 5) }' "$output")
chmod 666 "$device"
printf '  IOCTL_GET_PFN without CAP_SYS_ADMIN: %s\n' \
	"$(chroot --userspec=65534:65534 --groups= / "$program" "$device" "$page")"
picture "$pid"
