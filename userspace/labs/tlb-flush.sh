#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# When processors are made to forget what they know of page tables: a buffer's life, from vmalloc to
# mmap and back, with the flushes that the kernel's own trace shows in each step.
#
# docs/labs/tlb-flush.md is about it.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

program=$bin/tlb-flush
tracing=/sys/kernel/tracing
trace=$tracing/instances/$run
probe=vmwalk_lab_$$/flush_kernel

traced='' probed=''
at_end()
{
	if [[ $traced ]]; then
		echo 0 >"$trace/events/enable"
		rmdir "$trace"
	fi
	[[ ! $probed ]] || echo "-:$probe" >>$tracing/kprobe_events
}

if [[ ! -d $tracing/events/tlb ]]; then
	echo "tlb-flush: no $tracing/events/tlb: this kernel has no such trace" >&2
	exit 1
fi

# Flushes of kernel addresses can't be told apart by run.
take_turns

# The event tlb_flush tells of flushes of a program's addresses. There is none for the kernel's own, so
# a probe is put into the function that flushes those.
traced=1
mkdir "$trace" || { traced=; exit 1; }
echo 1 >"$trace/events/tlb/tlb_flush/enable"
probed=1
echo "p:$probe flush_tlb_kernel_range" >>$tracing/kprobe_events || { probed=; exit 1; }
echo 1 >"$trace/events/$probe/enable"
events=''
if [[ -d $trace/events/vmalloc ]]; then
	echo 1 >"$trace/events/vmalloc/enable"
	events=1
fi

# On one processor, or its moves from one to the next would be in the trace.
make buffer live=0 buffer_type=vmalloc map_mode=insert
taskset -c 0 "$program" prepare "$run-buffer"
echo >"$trace/trace"
freed=$(taskset -c 0 "$program" live "$run-buffer" "$trace/trace_marker")

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
