# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Functions shared by the bats files of vmwalk map: they read the numbers in the
# page $PAGE. A file defines summary_json, which prints the output of vmwalk summary
# --json for the same process.
#
# Copyright (C) The vmwalk authors

# peak COMMAND...: runs COMMAND, and sets PEAK to the largest size of its resident memory
# in KiB. Fails if it is more than 64 MiB.
peak()
{
	type -P python3 >/dev/null || skip 'python3 is not installed'
	PEAK=$(python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$@")
	echo "peak: $PEAK KiB"
	((PEAK <= 64 * 1024))
}

# data FILTER: applies a filter of jq to the data of the page.
data()
{
	sed -n '/<script type="application\/json" id="data">/,/<\/script>/{ //!p }' "$PAGE" | jq -r "$1"
}

# totals: prints kind, entry, node and bytes of the table in the page, sorted.
totals()
{
	sed -n 's,<tr><td>\([^<]*\)</td><td>\([^<]*\)</td><td>\([^<]*\)</td><td[^>]*>\([0-9]*\)<.*,\1 \2 \3 \4,p' \
		"$PAGE" | sort
}

# summary_totals: the same from vmwalk summary.
summary_totals()
{
	summary_json | jq -r '[.. | .parts? // empty] | first | .[] |
		"\(.kind) \(.entry) \(.node // "-") \(.bytes)"' |
		awk '{
			unit = "K"
			$2 /= 1024
			if ($2 >= 1048576) { unit = "G"; $2 /= 1048576 }
			else if ($2 >= 1024) { unit = "M"; $2 /= 1024 }
			$2 = $2 unit
			print
		}' | sort
}

# cells: prints the cells of the page: start, end, shares as PART=PAGES, and, if
# the cell has frames, the links as BLOCK+COUNT:PAGES.
cells()
{
	data '.cells[]' | awk -v page="$(data .page)" '
		function next_number() { return number[at++] }
		{ number[NR - 1] = $1 }
		END {
			while (at < NR) {
				start = end + next_number()
				end = start + next_number()
				line = sprintf("0x%x 0x%x", start * page, end * page)
				shares = next_number()
				for (i = 0; i < shares; i++) {
					part = next_number()
					line = line " " part "=" next_number()
				}
				if (shares) {
					next_number()
					if (next_number()) {
						next_number(); next_number(); next_number()
						size = 2 ^ next_number()
						links = next_number()
						for (i = 0; i < links; i++) {
							block = next_number() * size
							line = line " " block "+" size ":" next_number()
						}
					}
				}
				print line
			}
		}'
}

# blocks: prints PAGES CLASS for each class of each block.
blocks()
{
	data '.blocks[]' | awk '
		{ number[NR - 1] = $1 }
		END {
			while (at < NR) {
				classes = number[at + 3]
				for (at += 4; classes; classes--) {
					print number[at + 1], number[at]
					at += 2
				}
			}
		}'
}

# cell_totals: prints the bytes of each part of the totals, and those of its cells.
cell_totals()
{
	local parts

	parts=$(data '.parts[].bytes' | paste -sd ' ')
	cells | awk -v parts="$parts" -v page="$(data .page)" '
		BEGIN { count = split(parts, bytes, " ") }
		{
			for (i = 3; i <= NF; i++)
				if (split($i, share, "=") == 2)
					sum[share[1]] += share[2] * page
		}
		END {
			for (i = 0; i < count; i++)
				print bytes[i + 1], sum[i]
		}'
}

# cells_match: the cells add up to the totals, for each kind, entry size and node.
cells_match()
{
	cell_totals >"$BATS_TEST_TMPDIR/sums"
	awk '$1 != $2 { bad = 1; print } END { exit bad || !NR }' "$BATS_TEST_TMPDIR/sums"
}
