#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# Count TLB flushes while a vmalloc buffer is created, mapped, unmapped and
# freed. See docs/labs/tlb-flush.md.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"
needs_x86 "other architectures lack its tracepoints"

program=$bin/tlb-flush
tracing=/sys/kernel/tracing
trace=$tracing/instances/$run
probe=vmwalk_lab_$$/flush_kernel

traced='' probed=''
cleanup_lab()
{
	if [[ $traced ]]; then
		echo 0 >"$trace/events/enable"
		rmdir "$trace"
	fi
	[[ ! $probed ]] || echo "-:$probe" >>$tracing/kprobe_events
}

if [[ ! -d $tracing/events/tlb ]]; then
	echo "tlb-flush: $tracing/events/tlb does not exist: this kernel lacks the tracepoint" >&2
	exit 1
fi

# Flushes of kernel addresses cannot be attributed to a run.
lock_lab

# The tracepoint tlb_flush covers user addresses only: probe the function that
# flushes kernel addresses.
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

# Stay on CPU 0: migrations would add flushes to the trace.
create buffer live=0 buffer_type=vmalloc map_mode=insert
taskset -c 0 "$program" prepare "$run-buffer"
echo >"$trace/trace"
freed=$(taskset -c 0 "$program" live "$run-buffer" "$trace/trace_marker")

echo 'TLB flushes: LOCAL, REMOTE, PAGES of user addresses; KERNEL of kernel addresses'
echo 'vmalloc areas: ALLOC, FREED, PURGED; UNPURGED in KiB, after the step'
echo
awk -v events="$events" '
	function show() {
		if (name == "")
			return
		printf "%-38s %5d %6d %6s %6d", name, here, there, pages, kernel
		printf events ? " %5d %5d %6d" : "     -     -      -", alloc, freed, purged
		printf " %8d\n", $kib
	}
	BEGIN {
		printf "%-38s %5s %6s %6s %6s %5s %5s %6s %8s\n", "STEP", "LOCAL", "REMOTE", "PAGES",
			"KERNEL", "ALLOC", "FREED", "PURGED", "UNPURGED"
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
	# Reason 0 is a context switch.
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
echo "Kernel addresses were flushed after $freed MiB were freed."
