# SPDX-License-Identifier: GPL-2.0
#
# Converts the output of --help to Markdown: the sections of a man page from
# NAME to COLUMNS.
#
#   awk -f help.awk -v name=vmwalk-scan [-v purpose=TEXT] HELP
#   awk -f help.awk -v tail=1 [-v own_status=1] HELP
#
# With tail, prints only the sections on the exit status and the environment;
# with own_status, only the latter.
#
# The help begins with lines "Usage: PROGRAM [VERB] OPERANDS". Its purpose
# follows, then text, and then sections with a heading "Options:" whose lines
# are "  TERM  TEXT". Text after such a section is part of the description.
#
# Copyright (C) The vmwalk authors

# mark(TEXT): marks literal text and placeholders.
function mark(text, result, word)
{
	gsub(/\|/, "\\|", text)
	result = ""
	while (match(text, /(^|[ ('])(--?[a-z][a-z-]*|-[A-Z])/)) {
		word = substr(text, RSTART, RLENGTH)
		result = result substr(text, 1, RSTART - 1)
		text = substr(text, RSTART + RLENGTH)
		if (word ~ /^[ (']/) {
			result = result substr(word, 1, 1)
			word = substr(word, 2)
		}
		result = result "**" word "**"
	}
	return result text
}

# placeholders(TEXT): marks words in upper case.
function placeholders(text, result)
{
	result = ""
	while (match(text, /[A-Z][A-Z_]+|(^| )N($| )/)) {
		result = result substr(text, 1, RSTART - 1) \
			(substr(text, RSTART, 1) == " " ? " " : "")
		word = substr(text, RSTART, RLENGTH)
		gsub(/ /, "", word)
		text = substr(text, RSTART + RLENGTH)
		result = result "*" word "*"
	}
	return result text
}

# usage(LINE): marks the program, its verb and the operands.
function usage(line, words, count, i, result)
{
	count = split(line, words, / +/)
	result = "**" words[1]
	for (i = 2; i <= count && words[i] ~ /^[a-z]/; i++)
		result = result " " words[i]
	result = result "**"
	for (; i <= count; i++)
		result = result " " (words[i] ~ /^-/ ? mark(words[i]) : placeholders(words[i]))
	return result
}

# term(TEXT): marks an option with its argument, a command or a column.
function term(text)
{
	if (section == "Commands")
		return program "-" text "(1)"
	if (section == "Environment" && match(text, /=/))
		return "**" substr(text, 1, RSTART) "**" placeholders(substr(text, RSTART + 1))
	if (text ~ /^-/)
		return placeholders(mark(text))
	return "**" text "**"
}

# begin(TITLE): begins a section. The environment is the last one.
function begin(title)
{
	section = title
	which = title == "Environment" ? "last" : "first"
	rows[which] = rows[which] "\n## " section "\n\n| | |\n"
}

/^Usage: / {
	sub(/^Usage: /, "")
	program = $1
	synopsis = usage($0)
	next
}
/^ +or: / && !described {
	sub(/^ +or: /, "")
	synopsis = synopsis "\n\n" usage($0)
	next
}
synopsis != "" && !described && NF {
	described = 1
	if (purpose == "") {
		purpose = tolower(substr($0, 1, 1)) substr($0, 2)
		sub(/\.$/, "", purpose)
	}
}

/^Exit status: / { status = $0; in_status = 1; next }
in_status && NF { status = status " " $0; next }
in_status { in_status = 0 }
/^[A-Z][A-Za-z ]*:$/ {
	begin(substr($0, 1, length($0) - 1))
	next
}
section == "" && /^  -/ { begin("Options") }
section != "" && /^  [^ ]/ {
	sub(/^ +/, "")
	split($0, parts, /  +/)
	rest = substr($0, length(parts[1]) + 1)
	sub(/^ +/, "", rest)
	rows[which] = rows[which] "| " term(parts[1]) " | " mark(rest) " |\n"
	next
}
section != "" && /^   / {
	sub(/^ +/, "")
	sub(/ \|\n$/, " ", rows[which])
	rows[which] = rows[which] mark($0) " |\n"
	next
}
NF { section = "" }
described { text = text mark($0) "\n" }

function print_help()
{
	printf "# %s: %s\n\n## Synopsis\n\n%s\n\n## Description\n\n%s", name, purpose, synopsis, text
	printf "%s", rows["first"]
}

function print_exit_status(codes, count, i, rest)
{
	if (status == "")
		return
	sub(/^Exit status: /, "", status)
	sub(/\.$/, "", status)
	print "\n## Exit status\n\n| | |"
	count = split(status, codes, /, /)
	for (i = 1; i <= count; i++) {
		rest = codes[i]
		sub(/^[0-9]+ /, "", rest)
		printf "| %d | %s |\n", codes[i], rest
	}
}

END {
	if (!tail)
		print_help()
	if (!own_status)
		print_exit_status()
	printf "%s", rows["last"]
}
