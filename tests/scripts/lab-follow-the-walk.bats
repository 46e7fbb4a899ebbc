#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Check the results of the lab follow-the-walk.
#
# Copyright (C) The vmwalk authors

load helper

setup_file()
{
	run_lab follow-the-walk
}

# rows KIND: the rows with the entries of one walk.
rows()
{
	awk -v kind="$1:" '/^(a|an|the) / { on = index($0, kind) == 1 }
		on && $1 ~ /^p(g|4|u|m|t)[de]$/ && $2 != "folded"' "$LAB_OUTPUT"
}

KINDS=("a 4 KiB page" "a 2 MiB page" "an untouched page")

@test "nine bits of the address are the index at each level" {
	[[ $(rows "${KINDS[0]}" | wc -l) -ge 4 ]]
	for kind in "${KINDS[@]}"; do
		rows "$kind" | awk '{ print; if ($3 != $4) exit 1 }'
	done
}

@test "bits 12 to 51 of an entry are the address of the next table" {
	for kind in "${KINDS[@]}"; do
		# CR3, not an entry, has the address of the first table.
		rows "$kind" | awk '{ print; if (NR == 1 ? $5 != "-" : $5 != $6) exit 1 }'
	done
}

@test "a PTE maps a 4 KiB page, a PMD entry maps a 2 MiB page" {
	[[ $(rows "${KINDS[0]}" | tail -n 1) == pte* ]]
	[[ $(rows "${KINDS[1]}" | tail -n 1) == pmd* ]]
	[[ $(rows "${KINDS[0]}" | awk 'END { print $8 }') == pwuad-x ]]
	[[ $(rows "${KINDS[1]}" | awk 'END { print $8 }') == pwuadsx ]]
}

@test "the PTE of an untouched page is 0" {
	[[ $(rows "${KINDS[2]}" | awk 'END { print $1, $7, $8 }') == "pte 0x0000000000000000 -------" ]]
	[[ $(grep -c ' none computed, none in ' "$LAB_OUTPUT") == 1 ]]
}

@test "the computed physical address matches pagemap" {
	[[ $(grep -c '^physical address: 0x.* computed' "$LAB_OUTPUT") == 2 ]]
	awk '/^physical/ { print; if ($3 != $5) exit 1 }' "$LAB_OUTPUT"
}

@test "the P4D is folded with four levels, and only then" {
	# The kernel clears the flag if five levels are disabled.
	if grep -qw la57 /proc/cpuinfo; then
		[[ $(grep -c folded "$LAB_OUTPUT") == 0 ]]
		[[ $(rows "${KINDS[0]}" | awk '{ print $2 }' | xargs) == "56-48 47-39 38-30 29-21 20-12" ]]
	else
		[[ $(grep -c '^p4d *folded$' "$LAB_OUTPUT") == 3 ]]
		[[ $(rows "${KINDS[0]}" | awk '{ print $2 }' | xargs) == "47-39 38-30 29-21 20-12" ]]
	fi
}

@test "the tree has each table once, and the pages that the walks end at" {
	local table address kind

	sed -n '/^the three walks/,$p' "$LAB_OUTPUT" >"$BATS_TEST_TMPDIR/tree"
	for kind in "${KINDS[@]}"; do
		rows "$kind" | awk '{ print $1, $6 }'
	done | sort -u >"$BATS_TEST_TMPDIR/tables"
	[[ $(wc -l <"$BATS_TEST_TMPDIR/tables") -ge 5 ]]
	while read -r table; do
		[[ $(grep -cE "(^| )$table\$" "$BATS_TEST_TMPDIR/tree") == 1 ]]
	done <"$BATS_TEST_TMPDIR/tables"
	for kind in "${KINDS[@]:0:2}"; do
		address=$(sed -n "s/.*$kind: \(0x[0-9a-f]*\)\$/\1/p" "$BATS_TEST_TMPDIR/tree")
		# Without the zeros of the offset
		grep "^physical address: ${address%"${address##*[!0]}"}" "$LAB_OUTPUT"
	done
	[[ $(grep -c 'an untouched page: none$' "$BATS_TEST_TMPDIR/tree") == 1 ]]
}

@test "the sessions give the output that the page shows" {
	expect_session
}

@test "two concurrent runs succeed" {
	[[ $LAB_STATUS == '0 0' ]]
}
