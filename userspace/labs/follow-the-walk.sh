#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# Translate virtual addresses step by step, and check each step against the
# driver. See docs/labs/follow-the-walk.md.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"
needs_x86 "it decodes page-table entries"

regions=$(mktemp)
cleanup_lab()
{
	rm -f "$regions"
}

# flags ENTRY: a letter for each bit that is set; the lab's page explains them.
flags()
{
	local letters=pwuadsx bits=(0 1 2 5 6 7 63) i

	for i in "${!bits[@]}"; do
		if (($1 >> bits[i] & 1)); then printf %s "${letters:i:1}"; else printf -; fi
	done
}

# pagemap ADDRESS: the physical address according to /proc/PID/pagemap, or none.
pagemap()
{
	local entry

	entry=$(dd if="/proc/$pid/pagemap" bs=8 skip=$(($1 >> 12)) count=1 status=none | od -An -td8)
	if ((entry >> 63 & 1)); then
		printf '0x%x' $(((entry & (1 << 55) - 1) * 4096 + ($1 & 4095)))
	else
		printf none
	fi
}

# follow WHAT ADDRESS: "computed" columns use only the address and the entries;
# the others are what the driver reports.
follow()
{
	local address rows levels=0 shift level state table index entry next=- physical=none via=

	printf -v address '0x%x' "$2"
	rows=$(vmwalk walk --device "$run-walk" --json "$address" |
		jq -r '.levels[] | "\(.level) \(.state) \(.table) \(.index) \(.entry)"')
	while read -r level state _; do
		[[ $state == folded ]] || levels=$((levels + 1))
	done <<<"$rows"
	shift=$((12 + 9 * levels))

	printf '%s: address %s, %s levels\n' "$1" "$address" "$levels"
	printf '%-6s  %5s  %8s %5s  %15s %15s  %18s  %s\n' level bits computed index computed table \
		entry flags
	while read -r level state table index entry; do
		if [[ $state == folded ]]; then
			printf '%-6s  folded\n' "$level"
			continue
		fi
		[[ $state != unread ]] || break
		steps+="${via:+[$via] }$level $table"$'\n'
		via=$index
		# A table has 512 entries: 9 bits of the address per level.
		shift=$((shift - 9))
		printf '%-6s  %5s  %8d %5d  %15s %15s  0x%016x  %s\n' "$level" "$((shift + 8))-$shift" \
			$((address >> shift & 511)) "$index" "$next" "$table" "$entry" \
			"$(flags "$entry")"
		printf -v next '0x%x' $((entry & 0x000ffffffffff000))
		if [[ $state == leaf ]]; then
			# Bits within a large page are not part of its address.
			printf -v next '0x%x' $((entry & 0x000fffffffffffff & -(1 << shift)))
			printf -v physical '0x%x' $((next + (address & (1 << shift) - 1)))
			printf '%-6s  %5s  %8s\n' offset "$((shift - 1))-0" \
				"$(printf '0x%x' $((address & (1 << shift) - 1)))"
		fi
	done <<<"$rows"

	printf 'physical address: %s computed, %s in /proc/%d/pagemap\n\n' "$physical" \
		"$(pagemap "$address")" "$pid"
	[[ $physical != none ]] || next=none
	steps+="[$via] $1: $next"$'\n\n'
}

# The steps of each walk, a line for each table, and one for the page
steps=''

# draw_tree: draw the walks in $steps together. A step that walks have in common,
# from the first one on, is one branch.
draw_tree()
{
	awk -v RS= -F '\n' '
		function draw(path, indent,	i, last)
		{
			for (i = 1; i <= count[path]; i++) {
				last = i == count[path]
				print indent (last ? "└─ " : "├─ ") text[child[path, i]]
				draw(child[path, i], indent (last ? "   " : "│  "))
			}
		}
		{
			path = ""
			for (i = 1; i <= NF; i++) {
				parent = path
				path = path "/" $i
				if (path in text)
					continue
				text[path] = $i
				child[parent, ++count[parent]] = path
			}
		}
		END {
			print text[child["", 1]]
			draw(child["", 1], "")
		}' <<<"$steps"
}

"${labs%/labs}/examples/memory_intensive" --size 4 >"$regions" &
pid=$!
wait_until "$pid" grep -q ready "$regions"
while read -r name start _; do
	declare "$name=$start"
done < <(grep 0x "$regions")
create walk target_pid="$pid"

# shellcheck disable=SC2154 # declared by the loop above
{
	follow 'a 4 KiB page' $((anonymous + 0x2123))
	follow 'a 2 MiB page' $((huge + 0x12345))
	follow 'an untouched page' $((alternate + 0x1000))
}

echo 'the three walks; [N] is the index of an entry in the table above it'
draw_tree
