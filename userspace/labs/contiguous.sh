#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# Compare the physical layout of kmalloc and vmalloc memory. See
# docs/labs/contiguous.md.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

program=$bin/contiguous

create reader size=16K
reader=$device

for type in kmalloc vmalloc; do
	create "$type" buffer_type="$type" size=256K
	printf '%s\n' "$type"
	output=$("$program" write "$device" 2718 93)
	printf '%s\n' "$output"
	printf '64 pages, physical segments: %d\n' "$(<"/sys/class/vmwalk/${device#/dev/}/segments")"

	# The reader gets only the kernel address of the first page.
	address=$(awk '$1 == 0 { print $2 }' <<<"$output")
	printf 'other device, read at %s: %s\n\n' "$address" "$("$program" read "$reader" "$address")"
done

address=0x$(awk '$3 == "_stext" { print $1 }' /proc/kallsyms)
printf 'other device, read at %s (kernel text): %s\n' \
	"$address" "$("$program" read "$reader" "$address")"
