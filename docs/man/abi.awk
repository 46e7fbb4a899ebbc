# SPDX-License-Identifier: GPL-2.0
#
# Converts files in the format of the kernel's Documentation/ABI to Markdown: a
# subsection for each "What:".
#
# Copyright (C) The vmwalk authors

function end_row()
{
	if (row != "")
		print row " |"
	row = ""
}

/^What:/ {
	end_row()
	gsub(/</, "*", $2)
	gsub(/>/, "*", $2)
	printf "\n### %s\n\n", $2
	next
}
/^[A-Z]/ { next }
{ sub(/^\t\t/, "") }

# A list of terms: " TERM: text" or " TERM  text". Its other lines are indented
# further.
/^ [^ ]/ {
	if (!in_list)
		print "| | |"
	end_row()
	in_list = 1
	term = $1
	sub(/:$/, "", term)
	sub(/^ [^ ]+ */, "")
	row = "| `" term "` | " $0
	next
}
in_list && /^ / {
	sub(/^ */, " ")
	row = row $0
	next
}
{
	end_row()
	in_list = 0
	print
}

END { end_row() }
