#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# How does the CPU come from an address to a byte of memory? See docs/labs/follow-the-walk.md.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

regions=$(mktemp)
at_end()
{
	rm -f "$regions"
}

# bits ENTRY: the letters of the bits that are set: present, write, user, accessed, dirty, s: a page
# larger than others, x: no execution.
bits()
{
	local letters=pwuadsx numbers=(0 1 2 5 6 7 63) i

	for i in "${!numbers[@]}"; do
		if (($1 >> numbers[i] & 1)); then printf %s "${letters:i:1}"; else printf -; fi
	done
}

# follow WHAT ADDRESS: the driver is asked for the tables and entries alone. What is "by hand" is
# computed here, from the address and the entries.
follow()
{
	local address walk levels shift level state table index entry next=- physical=none

	printf -v address '0x%x' "$2"
	walk=$(vmwalk walk --device "$run-walk" --json "$address")
	levels=$(jq '[.levels[] | select(.state != "folded")] | length' <<<"$walk")
	shift=$((12 + 9 * levels))

	printf '%s: address %s, %s levels\n' "$1" "$address" "$levels"
	printf '%-6s  %5s  %7s %5s  %15s %15s  %18s  %s\n' level bits 'by hand' index 'by hand' \
		'table at' entry says
	while read -r level state table index entry; do
		if [[ $state == folded ]]; then
			printf '%-6s  folded\n' "$level"
			continue
		fi
		[[ $state != unread ]] || break
		# Nine bits of the address at each level: a table has 512 entries.
		shift=$((shift - 9))
		printf '%-6s  %5s  %7d %5d  %15s %15s  0x%016x  %s\n' "$level" "$((shift + 8))-$shift" \
			$((address >> shift & 511)) "$index" "$next" "$table" "$entry" \
			"$(bits "$entry")"
		# An entry leads to its bits 12 to 51, less what lies within a page of that level.
		printf -v next '0x%x' $((entry & 0x000ffffffffff000))
		if [[ $state == leaf ]]; then
			next=$((entry & 0x000fffffffffffff & -(1 << shift)))
			printf -v physical '0x%x' $((next + (address & (1 << shift) - 1)))
			printf '%-6s  %5s  %7s\n' offset "$((shift - 1))-0" \
				"$(printf '0x%x' $((address & (1 << shift) - 1)))"
		fi
	done < <(jq -r '.levels[] | "\(.level) \(.state) \(.table) \(.index) \(.entry)"' <<<"$walk")

	printf 'physical address by hand %s, in /proc/%d/pagemap %s\n\n' "$physical" "$pid" \
		"$(pagemap "$address")"
}

# pagemap ADDRESS: what the kernel itself says: a word for each page, with the frame in its low bits.
pagemap()
{
	local word

	word=$(dd if="/proc/$pid/pagemap" bs=8 skip=$(($1 >> 12)) count=1 status=none | od -An -td8)
	if ((word >> 63 & 1)); then
		printf '0x%x' $(((word & (1 << 55) - 1) * 4096 + ($1 & 4095)))
	else
		printf none
	fi
}

"${labs%/labs}/examples/memory_intensive" --size 4 >"$regions" &
pid=$!
await "$pid" grep -q ready "$regions"
while read -r name start _; do
	declare "$name=$start"
done < <(grep 0x "$regions")
make walk target_pid="$pid"

# shellcheck disable=SC2154 # the loop above declares them
{
	follow 'an ordinary page' $((anonymous + 0x2123))
	follow 'a huge page' $((huge + 0x12345))
	follow 'a page never touched' $((alternate + 0x1000))
}
