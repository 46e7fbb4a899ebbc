#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# Where is a process in memory? All mappings of two programs, to the kernel log and to the screen, how
# they change, and one page at a time by IOCTL_GET_PFN. docs/labs/where-is-my-process.md is about it.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

program=$bin/where-is-my-process
examples=${labs%/labs}/examples
output=$(mktemp)
at_end()
{
	rm -f "$output"
}

# Ends the process that is looked at, without a word of the shell's about that.
end()
{
	kill -KILL "$pid" || true
	wait "$pid" 2>/dev/null || true
}

# start PROGRAM [ARGUMENT...]: the device's target from now on.
start()
{
	"$examples/$1" "${@:2}" >"$output" &
	pid=$!
	echo "$pid" >"$item/target_pid"
	printf '%s, process %d\n' "$1" "$pid"
}

# Waits until the process has stopped, by itself or because it was told to.
stopped()
{
	await "$pid" grep -qs '^State:.T' "/proc/$pid/status"
}

stop()
{
	kill -STOP "$pid"
	stopped
}

# scan COLUMNS [OPTION]...: what is mapped now, a row each.
scan()
{
	vmwalk scan --device "$run-where" --raw --noheadings --mask present --output "$@"
}

# All that is mapped, twice; it is the same as long as the process stands still.
log_and_screen()
{
	local lines

	lines=$("$program" "$device" log)
	dmesg --notime | grep "^vmwalk ${device#/dev/}: " | tail --lines="$lines" | awk '
		match($0, / pages [0-9]+/) && /flags present/ { sum += substr($0, RSTART + 7, RLENGTH - 7) }
		END {
			printf "  to the log     %6d pages in %5d lines, this is the last:\n", sum, NR
			print "    " $0
		}'
	scan PAGES,MAPPING | sed 's/\\x20/ /g' | awk '
		{ pages = $1; sub(/^[^ ]* /, ""); sum += pages; of[$0] += pages }
		END {
			printf "  to the screen  %6d pages in %5d rows, by mapping:\n", sum, NR
			for (name in of)
				printf "                 %6d %s\n", of[name], name | "sort --key=2"
		}'
}

# frames NAME...: page and frame number of each region's first page, and what pagemap says.
frames()
{
	local region first page frame entry

	printf '  IOCTL_GET_PFN  %-11s %-14s -> %-12s %s\n' 'page of' 'page number' frame pagemap
	for region; do
		first=$(awk -v name="$region" '$1 == name { print $2 }' "$output")
		printf -v page '0x%x' $((first / 4096))
		read -r _ frame < <("$program" "$device" "$page")
		entry=$(dd if="/proc/$pid/pagemap" bs=8 skip=$((page)) count=1 status=none |
			od --address-radix=n --format=u8)
		printf '                 %-11s %-14s -> %-12s 0x%x\n' "$region" "$page" "$frame" \
			$((entry & (1 << 55) - 1))
	done
}

pages()
{
	scan PAGES "$@" | awk '{ sum += $1 } END { print sum + 0 }'
}

# Those that were written to since clear_refs was told to forget that.
written()
{
	pages --mask present,soft_dirty "$@"
}

make where size=4K
item=$(awk '$3 == "configfs" { print $2; exit }' /proc/self/mounts)/vmwalk/$run-where

start computation_intensive --seconds 600
await "$pid" grep -q ready "$output"
stop
log_and_screen
frames matrix square
before=$(pages)
echo 4 >"/proc/$pid/clear_refs"
printf '  written to while it stands still: %d pages\n' "$(written)"
kill -CONT "$pid"
sleep 0.5
stop
printf '  written to while it runs: %d pages' "$(written)"
while read -r region first last _; do
	[[ $region != @(matrix|square) ]] ||
		printf ', %d of %s' "$(written --start "$first" --end "$last")" "$region"
done <"$output"
printf '\n  pages before it ran and after: %d, %d\n\n' "$before" "$(pages)"
end

start memory_intensive --size 4 --step --seconds 600
printf '  %-22s %6s %6s %6s\n' 'region made' pages rows huge
for region in none anonymous alternate huge file reserved; do
	stopped
	scan PAGES,SIZE | awk -v region="$region" '
		{ sum += $1; if ($2 > 4096) huge += $1 }
		END { printf "  %-22s %6d %6d %6d\n", region, sum, NR, huge }'
	kill -CONT "$pid"
done
await "$pid" grep -q ready "$output"
log_and_screen
frames anonymous alternate huge file reserved
echo 4 >"/proc/$pid/clear_refs"
sleep 0.5
printf '  written to while it sleeps: %d pages\n' "$(written)"

page=$(awk '$1 == "anonymous" { printf "0x%s\n", substr($2, 3, length($2) - 5) }' "$output")
chmod 666 "$device"
printf '  IOCTL_GET_PFN for one who is not root: %s\n' \
	"$(chroot --userspec=65534:65534 --groups= / "$program" "$device" "$page")"
