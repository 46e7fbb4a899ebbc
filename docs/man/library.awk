# SPDX-License-Identifier: GPL-2.0
#
# Writes a page in Markdown for each function that a header documents in
# kernel-doc comments, and prints the page of the library.
#
#   awk -f library.awk -v directory=D [-v calls=LIST] libvmwalk.h >PAGE
#
# The page of a function is D/FUNCTION.3.md. Comments of one line begin the
# sections of the library's page. LIST has the ioctls that have a page.
#
# Copyright (C) The vmwalk authors

function sentence(text)
{
	return toupper(substr(text, 1, 1)) substr(text, 2) (text ~ /\.$/ ? "" : ".")
}

# inline(TEXT): converts references to parameters and literals.
function inline(text, result)
{
	result = ""
	while (match(text, /@[a-z_]+/)) {
		result = result substr(text, 1, RSTART - 1) \
			"*" substr(text, RSTART + 1, RLENGTH - 1) "*"
		text = substr(text, RSTART + RLENGTH)
	}
	text = result text
	result = ""
	while (match(text, /VMWALK_[A-Z_]+/)) {
		result = result substr(text, 1, RSTART - 1) "`" substr(text, RSTART, RLENGTH) "`"
		text = substr(text, RSTART + RLENGTH)
	}
	return result text
}

# Splits "Return: VALUE. ERROR: condition. ERROR: condition."
function split_return(text, rest)
{
	errors = ""
	value = text
	while (match(text, / E[A-Z0-9]+: /)) {
		rest = substr(text, RSTART + 1)
		if (errors == "")
			value = substr(text, 1, RSTART - 1)
		text = rest
		sub(/^[A-Z0-9]+: /, "", text)
		match(text " ENONE: ", / E[A-Z0-9]+: /)
		code = rest
		sub(/:.*/, "", code)
		condition = substr(text, 1, RSTART - 1)
		sub(/[.;]$/, "", condition)
		errors = errors "| `" code "` | " inline(condition) " |\n"
	}
	sub(/[;]$/, ".", value)
}

# Writes the page of the function whose comment and prototype were read.
function write_page(file, related, call)
{
	file = directory "/" function_name ".3.md"
	printf "# %s: %s\n\n", function_name, brief >file
	printf "## Library\n\nvmwalk library (*libvmwalk*, **-lvmwalk**)\n\n" >file
	printf "## Synopsis\n\n    #include <vmwalk/libvmwalk.h>\n\n%s\n", prototype >file
	printf "## Description\n\n%s\n", inline(sentence(brief)) >file
	if (parameters != "")
		printf "\n| | |\n%s", parameters >file
	if (body != "")
		printf "\n%s", body >file
	split_return(returns)
	printf "\n## Return value\n\n%s\n", inline(sentence(value)) >file
	call = function_name
	sub(/^vmwalk_file_/, "", call)
	if (index(" " calls " ", " " call " "))
		errors = errors "\nVMWALK_IOC_" toupper(call) "(4) lists the errors of the ioctl.\n"
	else
		call = ""
	if (errors != "")
		printf "\n## Errors\n\n| | |\n%s", errors >file
	printf "\n## See also\n\n%slibvmwalk(3)%s\n",
		call == "" ? "" : "VMWALK_IOC_" toupper(call) "(4), ",
		call == "" ? ", vmwalk(4)" : "" >file
	close(file)
	if (!listed)
		printf "\n| | |\n"
	listed = 1
	printf "| %s(3) | %s |\n", function_name, inline(brief)
}

# A line of kernel-doc, without the asterisk
function read_doc(line)
{
	if (line ~ /^vmwalk_[a-z_]+\(\) - /) {
		function_name = brief = line
		sub(/\(.*/, "", function_name)
		sub(/^[^-]* - /, "", brief)
		parameters = body = returns = prototype = ""
		state = "parameters"
	} else if (line ~ /^@[a-z_]+: /) {
		parameter = line
		sub(/:.*/, "", parameter)
		sub(/^@[a-z_]+: /, "", line)
		parameters = parameters "| *" substr(parameter, 2) "* | " inline(line) " |\n"
	} else if (line ~ /^Return: /) {
		sub(/^Return: /, "", line)
		returns = line
		state = "return"
	} else if (line == "") {
		if (state == "parameters")
			state = "body"
		else if (state == "body")
			body = body "\n"
	} else if (state == "parameters") {
		sub(/^ +/, "", line)
		sub(/ \|\n$/, " ", parameters)
		parameters = parameters inline(line) " |\n"
	} else if (state == "return") {
		returns = returns " " line
	} else {
		body = body inline(line) "\n"
	}
}

# The comment at the top of the file
!described && /^ \* libvmwalk: / {
	brief = $0
	sub(/^ \* libvmwalk: /, "", brief)
	sub(/\.$/, "", brief)
	printf "# libvmwalk: %s\n\n## Library\n\nvmwalk library (*libvmwalk*, **-lvmwalk**)\n\n", brief
	printf "## Synopsis\n\n    #include <vmwalk/libvmwalk.h>\n\n"
	printf "    cc $(pkg-config --cflags libvmwalk) PROGRAM.c $(pkg-config --libs libvmwalk)\n\n"
	print "## Description"
	described = 1
	next
}
described == 1 && /^ \*\/$/ { described = 2; next }
described == 1 && /^ \* Copyright/ { next }
described == 1 { sub(/^ \*? ?/, ""); print inline($0); next }

/^\/\* .*: .* \*\/$|^\/\* Names \*\/$/ && described {
	sub(/^\/\* /, "")
	sub(/ \*\/$/, "")
	text = $0
	sub(/\. .*/, "")
	printf "\n### %s\n\n", $0
	listed = 0
	if (sub(/^[^.]*\. /, "", text))
		print inline(text)
	next
}
/^\/\*$/ && described { comment = 1; print ""; listed = 0; next }
comment && /^ \*\/$/ { comment = 0; next }
comment { sub(/^ \* ?/, ""); print inline($0); next }

/^\/\*\*$/ { doc = 1; next }
doc && /^ \*\/$/ { doc = 0; in_prototype = 1; next }
doc { sub(/^ \* ?/, ""); read_doc($0); next }
in_prototype {
	prototype = prototype "    " $0 "\n"
	if (/;$/) {
		in_prototype = 0
		write_page()
	}
}
