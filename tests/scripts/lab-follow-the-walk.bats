#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The claims of docs/labs/follow-the-walk.md.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab follow-the-walk
}

# rows KIND: the lines of one of the lab's walks that have an entry each.
rows()
{
	awk -v kind="$1:" 'index($0, "a") == 1 { on = index($0, kind) == 1 }
		on && $1 ~ /^p(g|4|u|m|t)[de]$/ && $2 != "folded"' "$LAB_OUTPUT"
}

KINDS=("an ordinary page" "a huge page" "a page never touched")

@test "nine bits of the address are the index at each level" {
	[[ $(rows "${KINDS[0]}" | wc -l) -ge 4 ]]
	for kind in "${KINDS[@]}"; do
		rows "$kind" | awk '{ print; if ($3 != $4) exit 1 }'
	done
}

@test "bits 12 to 51 of an entry are where the next table is" {
	for kind in "${KINDS[@]}"; do
		# Nothing leads to the first, which is the register CR3's.
		rows "$kind" | awk '{ print; if (NR == 1 ? $5 != "-" : $5 != $6) exit 1 }'
	done
}

@test "an ordinary page is found by the lowest level, a huge one by the level above" {
	[[ $(rows "${KINDS[0]}" | tail -n 1) == pte* ]]
	[[ $(rows "${KINDS[1]}" | tail -n 1) == pmd* ]]
	[[ $(rows "${KINDS[0]}" | awk 'END { print $8 }') == pwuad-x ]]
	[[ $(rows "${KINDS[1]}" | awk 'END { print $8 }') == pwuadsx ]]
}

@test "a page that was never touched has an entry of zero" {
	[[ $(rows "${KINDS[2]}" | awk 'END { print $1, $7, $8 }') == "pte 0x0000000000000000 -------" ]]
	[[ $(grep -c 'by hand none, in .* none' "$LAB_OUTPUT") == 1 ]]
}

@test "the address by hand is the one that the kernel gives in pagemap" {
	[[ $(grep -c '^physical address by hand 0x' "$LAB_OUTPUT") == 2 ]]
	awk '/^physical/ { sub(",", "", $5); print; if ($5 != $8) exit 1 }' "$LAB_OUTPUT"
}

@test "with four levels p4d is folded, with five none is" {
	# The flag la57 goes if the kernel was told not to use it.
	if grep -qw la57 /proc/cpuinfo; then
		[[ $(grep -c folded "$LAB_OUTPUT") == 0 ]]
		[[ $(rows "${KINDS[0]}" | awk '{ print $2 }' | xargs) == "56-48 47-39 38-30 29-21 20-12" ]]
	else
		[[ $(grep -c '^p4d *folded$' "$LAB_OUTPUT") == 3 ]]
		[[ $(rows "${KINDS[0]}" | awk '{ print $2 }' | xargs) == "47-39 38-30 29-21 20-12" ]]
	fi
}

@test "two runs at once don't disturb each other" {
	[[ $LAB_STATUS == '0 0' ]]
}

@test "an instance of the user stays, whatever its name" {
	keeps_users_instance follow-the-walk walk
}
