# SPDX-License-Identifier: GPL-2.0
#
# Copyright (C) The vmwalk authors
#
# usage: awk -f report.awk -v kernel=K -v ranges=FILE [-v whole=1] [-v record=FILE] goals FILE
#
# Reads the lines of the benchmark in FILE, and prints a line for each row: its
# figure, its first anchor, its goal, whether the goal was met, and the range
# recorded in the file "ranges", if that exists. Exits with 1 if a figure that
# counts instructions is more than 5 % above its range, or, with "whole", if a
# recorded row is missing. With "record", writes the ranges, extended to this run,
# to that file instead, and does not compare.
#
# A row that has a figure in instructions has no line for its time.

function field(name,    i)
{
	for (i = 3; i <= NF; i++)
		if (index($i, name "=") == 1)
			return substr($i, length(name) + 2)
	return ""
}

# The goal of a row as a number, or "" if it has none
function goal_of(row,    text, at)
{
	text = (row, kernel) in goals ? goals[row, kernel] : goals[row, ""]
	if ((at = match(text, /[+*]/)) == 0)
		return text
	anchor = anchors[row, substr(text, 1, at - 1)]
	if (anchor == "")
		return ""
	return substr(text, at, 1) == "+" ? anchor + substr(text, at + 1) : anchor * substr(text, at + 1)
}

function decimals(figure)
{
	return figure < 10 ? 3 : figure < 1000 ? 1 : 0
}

BEGIN {
	while ((getline line < ranges) > 0) {
		split(line, word)
		if (line !~ /^#/) {
			if (!(word[1] in low))
				recorded[++known] = word[1]
			low[word[1]] = word[2]
			high[word[1]] = word[3]
		}
	}
}

/^#/ && FILENAME == ARGV[1] { next }
FILENAME == ARGV[1] { goals[$1, $3] = $2; next }

$1 == "bench" {
	row = $2
	how = field("how")
	if (how == "time" && hows[row] == "icount")
		next
	if (!(row in figures))
		rows[++count] = row
	hows[row] = how
	figures[row] = field("ours")
	units[row] = field("unit")
	if (!(row in first))
		first[row] = field("anchor_name")
	anchors[row, field("anchor_name")] = field("anchor")
}

END {
	format = "%-28s %12s %-14s %-26s %10s %-4s %s\n"
	printf format, "row", "figure", "unit", "anchor", "goal", "met", "recorded"
	for (i = 1; i <= count; i++) {
		row = rows[i]
		figure = figures[row]
		goal = goal_of(row)
		met = goal == "" ? "-" : figure + 0 <= goal + 0 ? "yes" : "no"
		missed += met == "no"
		range = (row in low) ? low[row] " to " high[row] : "-"
		if (hows[row] == "icount" && (row in high) && figure + 0 > high[row] * 1.05) {
			range = range ", WORSE"
			worse++
		}
		printf format, row, figure, units[row], first[row] " " anchors[row, first[row]],
			goal == "" ? "-" : sprintf("%.*f", decimals(goal + 0), goal), met, range
		if (hows[row] != "icount")
			continue
		if (!(row in low))
			recorded[++known] = row
		if (!(row in low) || figure + 0 < low[row] + 0)
			low[row] = figure
		if (!(row in high) || figure + 0 > high[row] + 0)
			high[row] = figure
	}
	for (i = 1; i <= known; i++) {
		row = recorded[i]
		if (!(row in figures) && whole && !record) {
			printf "%s is recorded, but was not measured\n", row
			worse++
		}
	}
	printf "%d rows, %d goals missed, %d figures worse than recorded\n", count, missed, worse
	if (!record)
		exit worse > 0
	print "# SPDX-License-Identifier: GPL-2.0" > record
	print "# Written by tests/vm/bench --record: row, least and largest figure" > record
	for (i = 1; i <= known; i++)
		print recorded[i], low[recorded[i]], high[recorded[i]] > record
}
