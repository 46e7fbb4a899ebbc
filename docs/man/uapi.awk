# SPDX-License-Identifier: GPL-2.0
#
# Converts the page of an ioctl, or of a flag of one, in docs/uapi to the order of
# a man page: the synopsis precedes the description.
#
# Copyright (C) The vmwalk authors

/^# / { title = $0; part = "lead"; next }
/^## Synopsis$/ { part = "synopsis"; next }
part == "synopsis" && /^[^ ]/ { part = "description" }
/^## / && part != "end" {
	part = "end"
	printf "%s\n\n## Synopsis\n\n", title
	printf "    #include <sys/ioctl.h>\n    #include <linux/vmwalk.h>\n%s", synopsis
	printf "## Description\n%s%s", lead, description
}
part == "lead" { lead = lead $0 "\n" }
part == "synopsis" { synopsis = synopsis $0 "\n" }
part == "description" { description = description $0 "\n" }
part == "end" {
	sub(/^## Example$/, "## Examples")
	print
}

END {
	printf "\n## See also\n\nvmwalk(1), "
	if (sub(/^# VMWALK_IOC_/, "", title)) {
		sub(/:.*/, "", title)
		printf "vmwalk_file_%s(3), ", tolower(title)
	}
	print "vmwalk(4)"
}
