# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # sets variables of the tests
#
# Functions for tests that compare vmwalk summary with smaps and numa_maps. The
# processes must be stopped, so that their memory does not change.
#
# Copyright (C) The vmwalk authors

PAGE=$(awk '/^KernelPageSize:/ { print $2 * 1024; exit }' /proc/self/smaps)
# Bytes that a PMD entry maps, 0 without transparent huge pages
PMD=$(cat /sys/kernel/mm/transparent_hugepage/hpage_pmd_size 2>/dev/null || echo 0)
KHUGEPAGED=/sys/kernel/mm/transparent_hugepage/khugepaged

# For setup_file: khugepaged must not fill the windows that have holes, nor collapse
# others, while memory is compared.
stop_khugepaged()
{
	((PMD)) || return 0
	export MAX_PTES_NONE SCAN_SLEEP
	MAX_PTES_NONE=$(<"$KHUGEPAGED/max_ptes_none")
	SCAN_SLEEP=$(<"$KHUGEPAGED/scan_sleep_millisecs")
	echo 0 >"$KHUGEPAGED/max_ptes_none"
	echo 100000000 >"$KHUGEPAGED/scan_sleep_millisecs"
}

# For teardown_file
start_khugepaged()
{
	((PMD)) || return 0
	echo "$MAX_PTES_NONE" >"$KHUGEPAGED/max_ptes_none"
	echo "$SCAN_SLEEP" >"$KHUGEPAGED/scan_sleep_millisecs"
}

# expect TEXT ACTUAL WANTED
expect()
{
	[[ $2 == "$3" ]] || { echo "$1: got $2, wanted $3"; return 1; }
}

# procfs_files FILE PID...: sets the array files to /proc/PID/FILE of the processes.
procfs_files()
{
	files=("${@:2}")
	files=("${files[@]/#//proc/}")
	files=("${files[@]/%//$1}")
}

# smaps_sums PID...: prints the sums of each process that are compared. smaps also has
# the swapped pages of shared memory, which no entry shows: private_swap is without.
smaps_sums()
{
	local files

	procfs_files smaps "$@"
	awk '
		/^[0-9a-f]+-/ { private = substr($2, 4, 1) == "p" }
		$1 == "Swap:" && !private { next }
		{ sum[$1] += $2 }
		ENDFILE {
			split(FILENAME, path, "/")
			printf "%d rss=%.0f ", path[3], sum["Rss:"] * 1024
			printf "anonymous=%.0f ", sum["Anonymous:"] * 1024
			printf "files=%.0f ", (sum["Rss:"] - sum["Anonymous:"]) * 1024
			printf "hugetlb=%.0f ", (sum["Private_Hugetlb:"] + sum["Shared_Hugetlb:"]) * 1024
			printf "private_swap=%.0f ", sum["Swap:"] * 1024
			printf "anonymous_pmd=%.0f ", sum["AnonHugePages:"] * 1024
			printf "shmem_pmd=%.0f\n", sum["ShmemPmdMapped:"] * 1024
			delete sum
		}' "${files[@]}"
}

# summary_sums PID...: prints the same from vmwalk summary.
summary_sums()
{
	local IFS=,

	vmwalk summary --pid "$*" --json | jq -r --argjson pmd "$PMD" '
		def pmd(kind): [.parts[] | select(.kind == kind and .entry == $pmd).bytes] | add // 0;
		.processes[] |
		"\(.pid) rss=\(.resident) anonymous=\(.anonymous) files=\(.file + .shmem) " +
		"hugetlb=\(.hugetlb) private_swap=\(.swap) " +
		"anonymous_pmd=\(pmd("anonymous")) shmem_pmd=\(pmd("shmem"))"'
}

# numa_maps_nodes PID...: prints the bytes of each process on each node, as
# "PID NODE BYTES". The page of the vdso is left out: it is part of the kernel's image.
numa_maps_nodes()
{
	local files

	procfs_files numa_maps "$@"
	awk '/ \[vdso\]/ { next }
		{
			for (i = 2; i <= NF; i++)
				if ($i ~ /^kernelpagesize_kB=/) size = substr($i, 19)
			split(FILENAME, path, "/")
			for (i = 2; i <= NF; i++)
				if ($i ~ /^N[0-9]+=/) {
					split(substr($i, 2), part, "=")
					sum[path[3] " " part[1]] += part[2] * size * 1024
				}
		}
		END { for (key in sum) printf "%s %.0f\n", key, sum[key] }' "${files[@]}" | sort
}

# summary_nodes PID...: prints the same from vmwalk summary.
summary_nodes()
{
	local IFS=,

	vmwalk summary --pid "$*" --raw --noheadings --mappings --output PID,NODES,MAPPING |
		awk '$2 != "-" && $3 != "[vdso]" {
			n = split($2, parts, ",")
			for (i = 1; i <= n; i++) {
				split(parts[i], part, ":")
				sum[$1 " " part[1]] += part[2]
			}
		}
		END { for (key in sum) printf "%s %.0f\n", key, sum[key] }' | sort
}

# matches_procfs PID...: compares vmwalk summary with smaps and numa_maps.
matches_procfs()
{
	expect 'sums' "$(summary_sums "$@" | sort)" "$(smaps_sums "$@" | sort)"
	[[ ! -e /proc/$1/numa_maps ]] || expect 'nodes' "$(summary_nodes "$@")" "$(numa_maps_nodes "$@")"
}
