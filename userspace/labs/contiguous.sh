#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# What does kmalloc give that vmalloc doesn't? docs/labs/contiguous.md is about it.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

program=$bin/contiguous

make second size=16K
second=$device

for type in kmalloc vmalloc; do
	make "$type" buffer_type="$type" size=256K
	printf '%s\n' "$type"
	output=$("$program" write "$device" 2718 93)
	printf '%s\n' "$output"
	printf '64 pages, %s in physical memory\n' \
		"$(sed 's/^1$/one run/; s/[0-9]$/& runs/' "/sys/class/vmwalk/${device#/dev/}/segments")"

	# All that the other instance is told of the record.
	address=$(awk '$1 == 0 { print $2 }' <<<"$output")
	printf 'read by another from %s: %s\n\n' "$address" "$("$program" read "$second" "$address")"
done

address=0x$(awk '$3 == "_stext" { print $1 }' /proc/kallsyms)
printf 'read by another from %s, the code of the kernel: %s\n' \
	"$address" "$("$program" read "$second" "$address")"
