#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# When processors are made to forget what they know of page tables: a buffer's life, from vmalloc to
# mmap and back, with the flushes that the kernel's own trace shows in each step.
#
# docs/labs/tlb-flush.md is about it.
#
# Copyright (C) The vmwalk authors

set -euo pipefail

program=$(dirname "$(readlink -f "$0")")/bin/tlb-flush
tracing=/sys/kernel/tracing
trace=$tracing/instances/lab-tlb-flush
probe=vmwalk_lab/flush_kernel

cleanup()
{
	if [[ -d $trace ]]; then
		echo 0 >"$trace/events/enable"
		rmdir "$trace"
	fi
	[[ ! -d $tracing/events/$probe ]] || echo "-:$probe" >>$tracing/kprobe_events
	vmwalk-destroy lab-tlb-flush 2>/dev/null || true
}
trap cleanup EXIT

if [[ ! -d $tracing/events/tlb ]]; then
	echo "tlb-flush: no $tracing/events/tlb: this kernel has no such trace" >&2
	exit 1
fi

# The event tlb_flush tells of flushes of a program's addresses. There is none for the kernel's own, so
# a probe is put into the function that flushes those.
mkdir "$trace"
echo 1 >"$trace/events/tlb/tlb_flush/enable"
echo "p:$probe flush_tlb_kernel_range" >>$tracing/kprobe_events
echo 1 >"$trace/events/$probe/enable"
events=''
if [[ -d $trace/events/vmalloc ]]; then
	echo 1 >"$trace/events/vmalloc/enable"
	events=1
fi

# On one processor, or its moves from one to the next would be in the trace.
taskset -c 0 "$program" prepare
echo >"$trace/trace"
freed=$(taskset -c 0 "$program" live "$trace/trace_marker")

echo 'FLUSHES of the program: on its processor, on another, and how many pages; of the kernel: KERNEL'
echo 'VMALLOC: areas allocated, freed, purged; KIB: freed and not yet flushed, after the step'
echo
awk -v events="$events" '
	function show() {
		if (name == "")
			return
		printf "%-42s %4d %5d %6s %6d", name, here, there, pages, kernel
		printf events ? " %5d %5d %6d" : "     -     -      -", alloc, freed, purged
		printf " %6d\n", $kib
	}
	BEGIN {
		printf "%-42s %4s %5s %6s %6s %5s %5s %6s %6s\n", "STEP", "HERE", "THERE", "PAGES",
			"KERNEL", "ALLOC", "FREED", "PURGED", "KIB"
	}
	/: tracing_mark_write: step / {
		for (i = 1; $i != "step"; i++)
			;
		kib = i + 1
		show()
		name = ""
		for (i += 2; i <= NF; i++)
			name = name (name == "" ? "" : " ") $i
		if (name == "end")
			exit
		here = there = kernel = alloc = freed = purged = 0
		pages = "-"
	}
	# Changes from one program to another flush, too, and are reason 0.
	/^ *tlb-flush-.*: tlb_flush: .*\([23]\)$/ {
		here++
		match($0, /pages:-?[0-9]+/)
		n = substr($0, RSTART + 6, RLENGTH - 6)
		n = n < 0 ? "all" : n
		pages = pages == "-" ? n : pages "," n
	}
	/^ *tlb-flush-.*: tlb_flush: .*\(1\)$/ { there++ }
	/: flush_kernel: / { kernel++ }
	/^ *tlb-flush-.*: alloc_vmap_area: / { alloc++ }
	/^ *tlb-flush-.*: free_vmap_area_noflush: / { freed++ }
	/: purge_vmap_area_lazy: / { sub(/.*num_purged=/, ""); purged += $0 }
' "$trace/trace"
echo
echo "The kernel flushed its own addresses when $freed MiB had been freed."
