# SPDX-License-Identifier: GPL-2.0
#
# Converts a page in a subset of Markdown to the man(7) macros.
#
#   awk -f roff.awk -v section=1 -v date=2026-11-30 -v version=0.1.0 PAGE
#
# The first line of the page is "# NAME[, NAME]...: PURPOSE". The subset is:
# headings, paragraphs, lists with "-", tables, fenced and indented code, `code`,
# **bold**, *emphasis* and links. A table becomes a list of terms: its first
# column has the terms, and the column after it the text.
#
# Copyright (C) The vmwalk authors

# escape(TEXT): protects characters that have a meaning in roff. Minus signs of
# options and paths must stay ASCII, so that they can be copied.
function escape(text)
{
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	gsub(/'/, "\\(aq", text)
	gsub(/`/, "\\(ga", text)
	gsub(/\^/, "\\(ha", text)
	gsub(/~/, "\\(ti", text)
	return text
}

# prose(TEXT): as escape(), for text outside of code
function prose(text)
{
	gsub(/\\/, "\\e", text)
	gsub(/'/, "\\(aq", text)
	gsub(/\^/, "\\(ha", text)
	gsub(/~/, "\\(ti", text)
	gsub(/--/, "\\-\\-", text)
	gsub(/ -/, " \\-", text)
	return text
}

# reference(TEXT): sets references such as mmap(2) and the library's functions in
# bold.
function reference(text, result, word)
{
	result = ""
	while (match(text, /[A-Za-z_][A-Za-z0-9_.-]*\([1-8]?\)/)) {
		word = substr(text, RSTART, RLENGTH)
		result = result prose(substr(text, 1, RSTART - 1))
		text = substr(text, RSTART + RLENGTH)
		if (word ~ /^vmwalk_.*\(\)$/ || word ~ /\(.\)$/) {
			sub(/\(\)$/, "(3)", word)
			result = result "\\fB" escape(substr(word, 1, length(word) - 3)) "\\fP" \
				substr(word, length(word) - 2)
		} else {
			result = result "\\fB" escape(word) "\\fP"
		}
	}
	return result prose(text)
}

# markup(TEXT): converts a paragraph or the cell of a table.
function markup(text, result, rest, word)
{
	result = ""
	while (match(text, /`[^`]+`|\*\*[^*]+\*\*|\*[A-Za-z][^* ]*\*|\[[^]]*\]\([^)]*\)/)) {
		word = substr(text, RSTART, RLENGTH)
		rest = substr(text, RSTART + RLENGTH)
		result = result reference(substr(text, 1, RSTART - 1))
		if (word ~ /^`/) {
			word = substr(word, 2, length(word) - 2)
			if (word ~ /^([A-Za-z_0-9.-]+\([1-8]\)|vmwalk_[a-z_]*\(\))$/)
				result = result reference(word)
			else
				result = result "\\fB" escape(word) "\\fP"
		} else if (word ~ /^\*\*/) {
			result = result "\\fB" escape(substr(word, 3, length(word) - 4)) "\\fP"
		} else if (word ~ /^\*/) {
			result = result "\\fI" escape(substr(word, 2, length(word) - 2)) "\\fP"
		} else {
			rest = link(word) rest
		}
		text = rest
	}
	return result reference(text)
}

# link(WORD): the text of a link. A page that is not a man page is named.
function link(word, text, target)
{
	text = word
	sub(/^\[/, "", text)
	sub(/\]\(.*$/, "", text)
	target = word
	sub(/^.*\]\(/, "", target)
	sub(/\)$/, "", target)
	if (target ~ /^[a-z_]+\.md$/)
		return text ~ /^`VMWALK_/ ? substr(text, 2, length(text) - 2) "(4)" : text
	if (target ~ /^https:/)
		return text " <" target ">"
	if (target ~ /^README\.md#|guide\.md#access-rights$/)
		return text (name == "vmwalk" ? "" : " (see vmwalk(4))")
	if (target ~ /^#/)
		return text
	sub(/#.*/, "", target)
	sub(/^.*\//, "", target)
	return text " (see `" target "`)"
}

# fill(TEXT): prints text in lines of at most 79 characters. A sentence begins on
# a line of its own.
function fill(text, words, count, i, line)
{
	count = split(text, words, / +/)
	line = ""
	for (i = 1; i <= count; i++) {
		if (line != "" && (length(line) + length(words[i]) > 77 ||
				   (line ~ /[^.][.?!]$/ && words[i] ~ /^(\\f.)?[A-Z]/))) {
			put(line)
			line = ""
		}
		line = line (line == "" ? "" : " ") words[i]
	}
	if (line != "")
		put(line)
}

# put(LINE): prints a line of text that must not be taken for a request.
function put(line)
{
	print (line ~ /^[.']/ ? "\\&" : "") line
}

# new_paragraph(): separates a paragraph from the text before it.
function new_paragraph()
{
	if (started)
		print ".PP"
	started = 1
}

# end(): prints the paragraph that has been collected.
function end()
{
	if (paragraph != "") {
		if (!item)
			new_paragraph()
		fill(markup(paragraph))
	}
	paragraph = ""
	item = 0
}

function heading(macro, text)
{
	end()
	text = markup(text)
	print macro " " (text ~ / / ? "\"" text "\"" : text)
	started = 0
}

function code_line(text)
{
	# Expand tabs.
	while (match(text, /\t/))
		text = substr(text, 1, RSTART - 1) \
			substr("        ", 1, 8 - (RSTART - 1) % 8) substr(text, RSTART + 1)
	put(escape(text))
}

function begin_code()
{
	end()
	new_paragraph()
	print ".RS 4"
	print ".EX"
}

function end_code()
{
	print ".EE"
	print ".RE"
}

# cells(LINE): splits the line of a table into the array cell.
function cells(line)
{
	gsub(/\\\|/, "\001", line)
	sub(/^\| */, "", line)
	sub(/ *\|$/, "", line)
	columns = split(line, cell, / *\| */)
	for (i = 1; i <= columns; i++)
		gsub(/\001/, "|", cell[i])
}

function table_row(line, tag, text, i)
{
	if (line ~ /^\|-/)
		return
	cells(line)
	if (!in_table) {
		end()
		in_table = 1
		for (i = 1; i <= columns; i++)
			head[i] = cell[i]
		# "field" is clear from the context, "field of an extent" is not.
		if (cell[1] ~ / /) {
			new_paragraph()
			fill(markup(toupper(substr(cell[1], 1, 1)) substr(cell[1], 2) ":"))
		}
		return
	}
	tag = markup(cell[1])
	text = cell[2]
	if (columns > 2 && head[2] == "") {
		tag = tag " (" cell[2] ")"
		text = cell[3]
	} else if (columns > 2) {
		text = ""
		for (i = 2; i <= columns; i++)
			if (cell[i] != "")
				text = text (text == "" ? "" : "; ") head[i] ": " cell[i]
	}
	if (length(tag) > 79) {
		# A term must be one line of input.
		new_paragraph()
		fill(tag ":")
		print ".RS 7"
		fill(markup(text))
		print ".RE"
		return
	}
	started = 1
	print ".TP"
	put(tag)
	fill(markup(text))
}

BEGIN {
	source = "\"vmwalk " version "\""
	manual[1] = "User Commands"
	manual[3] = "vmwalk Library"
	manual[4] = "Kernel Interfaces"
	manual[5] = "File Formats"
	manual[8] = "System Administration"
}

FNR == 1 || /^# / && !name {
	if ($0 !~ /^# /)
		next
	names = purpose = substr($0, 3)
	sub(/: .*/, "", names)
	sub(/^[^:]*: /, "", purpose)
	name = names
	sub(/,.*/, "", name)
	print ".\\\" Generated by docs/man/pages: do not edit."
	print ".\\\" SPDX-License-Identifier: GPL-2.0"
	print ".TH " escape(toupper(name)) " " section " \"" date "\" " source \
		" \"" manual[section] "\""
	print ".SH NAME"
	fill(escape(names) " \\- " reference(purpose))
	started = 0
	next
}

/^```/ {
	fenced = !fenced
	if (fenced)
		begin_code()
	else
		end_code()
	next
}
fenced { code_line($0); next }

indented && /^(    |$)/ {
	# Blank lines belong to the code only if more code follows.
	if ($0 == "") {
		blank++
		next
	}
	for (; blank; blank--)
		print ""
	code_line(substr($0, 5))
	next
}
indented { end_code(); indented = blank = 0 }
/^    / && paragraph == "" && !in_table {
	begin_code()
	indented = 1
	code_line(substr($0, 5))
	next
}

/^\|/ { table_row($0); next }
in_table { in_table = 0 }

/^<!--.*-->$/ { next }
/^## / { heading(".SH", toupper(substr($0, 4))); next }
/^### / { heading(".SS", substr($0, 5)); next }
/^$/ { end(); next }
/^- / {
	end()
	print ".IP \\(bu 3"
	started = 1
	item = 1
	paragraph = substr($0, 3)
	next
}
{
	sub(/^ +/, "")
	paragraph = paragraph (paragraph == "" ? "" : " ") $0
}

END {
	if (indented)
		end_code()
	end()
}
