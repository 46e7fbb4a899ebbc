#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# vmwalk metrics without the driver: its output for a captured tree, checked with
# promtool and with a node_exporter that reads it as a text file.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load captured

COUNTERS='opens mappings read_faults write_faults mkwrite_faults huge_faults failed_faults walks
	walked_pages walk_ns extents mapped_pages dirty_pages'

# capture_live NAME DEVICE VALUE: an instance whose counters have this value
capture_live()
{
	local stats=$VMWALK_SYSROOT/sys/class/vmwalk/$2/stats counter

	capture_item "$1" "$2" live=1
	mkdir -p "$stats"
	for counter in $COUNTERS; do
		echo "$3" >"$stats/$counter"
	done
}

# sample NAME: prints the value of a series in the output.
sample()
{
	sed -n "s/^$1 //p" <<<"$output"
}

# normalize: sorts the series on standard input, and their labels, and formats the
# values.
normalize()
{
	awk '/^vmwalk/ {
		value = $NF
		sub(/ [^ ]*$/, "")
		name = $0
		labels = ""
		if (sub(/\{.*/, "", name)) {
			n = split(substr($0, length(name) + 2, length($0) - length(name) - 2), parts, ",")
			for (i = 2; i <= n; i++)
				for (j = i; j > 1 && parts[j - 1] > parts[j]; j--) {
					swap = parts[j]; parts[j] = parts[j - 1]; parts[j - 1] = swap
				}
			for (i = 1; i <= n; i++)
				labels = labels " " parts[i]
		}
		printf "%s%s %.12g\n", name, labels, value
	}' | sort
}

need()
{
	type -P "$1" >/dev/null || skip "$1 is not installed"
}

@test "instances and groups pass promtool check metrics" {
	need promtool
	capture_live demo vmwalk3 7
	capture_live "a \"quoted\\ name"$'\n\xff' vmwalk4 8
	capture_servers
	replay vmwalk metrics --group servers=comm:server --group none=comm:nobody >"$BATS_TEST_TMPDIR/out"
	promtool check metrics <"$BATS_TEST_TMPDIR/out" 2>&1
	[[ $(wc -l <"$BATS_TEST_TMPDIR/out") -gt 80 ]]
}

@test "node_exporter serves all samples and types of the file, and reports no error" {
	local file=$BATS_TEST_TMPDIR/text/vmwalk.prom port=$((20000 + RANDOM % 10000)) exporter

	need prometheus-node-exporter
	mkdir "$BATS_TEST_TMPDIR/text"
	capture_live "a \"quoted\\ name"$'\n\xff' vmwalk4 8
	capture_servers
	replay vmwalk metrics --group servers=comm:server --output "$file"
	prometheus-node-exporter --collector.disable-defaults --collector.textfile \
		--collector.textfile.directory "$BATS_TEST_TMPDIR/text" \
		--web.listen-address "127.0.0.1:$port" 2>"$BATS_TEST_TMPDIR/log" 3>&- &
	exporter=$!
	until exec 8<>"/dev/tcp/127.0.0.1/$port"; do
		kill -0 "$exporter"
		sleep 0.1
	done 2>/dev/null
	printf 'GET /metrics HTTP/1.0\r\n\r\n' >&8
	cat <&8 >"$BATS_TEST_TMPDIR/served"
	exec 8>&-
	kill "$exporter"
	grep -x 'node_textfile_scrape_error 0' "$BATS_TEST_TMPDIR/served"
	diff <(normalize <"$file") <(normalize <"$BATS_TEST_TMPDIR/served")
	diff <(grep '^# TYPE vmwalk' "$file" | sort) \
		<(grep '^# TYPE vmwalk' "$BATS_TEST_TMPDIR/served" | sort)
}

@test "counters have the values in sysfs, in base units: seconds and bytes" {
	local page

	capture_live demo vmwalk3 7
	capture_item pending vmwalk5
	page=$(getconf PAGESIZE)
	run --separate-stderr replay vmwalk metrics
	[[ $status == 0 && ! $stderr ]]
	[[ $(sample 'vmwalk_instance_faults_total{name="demo",kind="mkwrite"}') == 7 ]]
	[[ $(sample 'vmwalk_instance_walk_seconds_total{name="demo"}') == 0.000000007 ]]
	[[ $(sample 'vmwalk_instance_mapped_bytes{name="demo"}') == $((7 * page)) ]]
	[[ $output == *'vmwalk_instance_info{name="demo",device="vmwalk3",buffer_type="vmalloc",map_mode="fault"} 1'* ]]
	[[ $output != *pending* ]]
}

@test "temporary instances of the command have no metrics" {
	capture_live vmwalk-command-17-0 vmwalk3 7
	capture_live vmwalk-command-17-0x vmwalk4 7
	run --separate-stderr replay vmwalk metrics
	[[ $output == *'"vmwalk-command-17-0x"'* && $output != *'"vmwalk-command-17-0"'* ]]
}

@test "a counter that cannot be read has no series instead of the value 0" {
	capture_live demo vmwalk3 7
	rm "$VMWALK_SYSROOT/sys/class/vmwalk/vmwalk3/stats/mapped_pages"
	run --separate-stderr replay vmwalk metrics
	[[ $status == 0 && $output != *$'\nvmwalk_instance_mapped_bytes'* ]]
}

@test "each frame counts once per group, and once in the total of all groups" {
	local part='vmwalk_group_mapped_bytes{group="s",backing'

	capture_servers
	run --separate-stderr replay vmwalk metrics -g s=comm:server -g one=pid:10
	[[ $status == 0 && ! $stderr ]]
	[[ $(sample "$part=\"file\",entry_bytes=\"4096\",node=\"0\"}") == 4096 ]]
	[[ $(sample "$part=\"anonymous\",entry_bytes=\"2097152\",node=\"1\"}") == 2097152 ]]
	[[ $(sample "$part=\"anonymous\",entry_bytes=\"4096\",node=\"0\"}") == $((5 * 4096)) ]]
	[[ $(sample 'vmwalk_group_swap_bytes{group="s"}') == 8192 ]]
	[[ $(sample 'vmwalk_group_thp_mapped_bytes{group="s"}') == 2097152 ]]
	[[ $(sample 'vmwalk_group_thp_eligible_bytes{group="s"}') == $((3 * 2097152)) ]]
	[[ $(sample 'vmwalk_group_largest_run_bytes{group="s"}') == 2097152 ]]
	[[ $(sample 'vmwalk_group_processes{group="s"}') == 2 ]]
	[[ $(sample 'vmwalk_group_processes{group="one"}') == 1 ]]
	[[ $(sample vmwalk_mapped_distinct_bytes) == $((2097152 + 6 * 4096)) ]]
}

@test "an empty group has the same series as others" {
	local series

	capture_servers
	run --separate-stderr replay vmwalk metrics -g a=comm:server -g b=comm:nobody
	[[ $status == 0 && ! $stderr ]]
	series=$(grep -c 'group="a"' <<<"$output")
	((series == 3 * 3 * 2 + 1 * 2 + 10))
	[[ $(grep -c 'group="b"' <<<"$output") == "$series" ]]
	[[ $(sample 'vmwalk_group_processes{group="b"}') == 0 ]]
}

@test "skipped processes are counted, and make the scan incomplete" {
	capture_servers
	capture_process 13 other
	cat >>"$VMWALK_REPLAY" <<-'END'
		process 13
		error 3
	END
	run --separate-stderr replay vmwalk metrics -g o=comm:other -g s=comm:server
	[[ $status == 0 && ! $stderr ]]
	[[ $(sample 'vmwalk_scan_complete{group="o"}') == 0 ]]
	[[ $(sample 'vmwalk_scan_skipped_processes{group="o"}') == 2 ]]
	[[ $(sample 'vmwalk_scan_complete{group="s"}') == 1 ]]
}

@test "groups by cgroup and unit contain the processes in cgroups below" {
	capture_servers
	echo '0::/system.slice/postgresql@15-main.service' >"$VMWALK_SYSROOT/proc/10/cgroup"
	echo '0::/system.slice/postgresql@15-main.service/below' >"$VMWALK_SYSROOT/proc/11/cgroup"
	echo '0::/system.slice/postgresql@15-main.service2' >"$VMWALK_SYSROOT/proc/12/cgroup"
	run --separate-stderr replay vmwalk metrics -g a=unit:postgresql@15-main.service \
		-g b=unit:postgresql@15-main -g c=cgroup:/system.slice/postgresql@15-main.service \
		-g d=cgroup:/sys/fs/cgroup/system.slice/postgresql@15-main.service/ \
		-g e=unit:postgresql@15 -g f=cgroup:/system.slice/postgresql
	[[ $status == 0 ]]
	for group in a b c d; do
		[[ $(sample "vmwalk_group_processes{group=\"$group\"}") == 2 ]]
	done
	for group in e f; do
		[[ $(sample "vmwalk_group_processes{group=\"$group\"}") == 0 ]]
	done
}

@test "invalid groups and more than 50 groups are usage errors" {
	local arg groups=()

	mkdir -p "$VMWALK_SYSROOT/sys/kernel/config/vmwalk"
	for arg in a =comm:x a= a=comm: a=x a=all:x; do
		run --separate-stderr vmwalk metrics --group "$arg"
		fails 2 "vmwalk: metrics: --group: '$arg' is not a group; --help lists the forms" \
			"Try 'vmwalk metrics --help'."
	done
	run --separate-stderr vmwalk metrics -g a=comm:x -g b=comm:x -g a=pid:1
	fails 2 "vmwalk: metrics: --group: two groups have the name 'a'" \
		"Try 'vmwalk metrics --help'."
	for ((arg = 0; arg < 50; arg++)); do
		groups+=(-g "g$arg=comm:x")
	done
	capture_servers
	run --separate-stderr replay vmwalk metrics "${groups[@]}"
	[[ $status == 0 && ! $stderr ]]
	run --separate-stderr replay vmwalk metrics "${groups[@]}" -g g50=comm:x
	fails 2 'vmwalk: metrics: --group: more than 50 groups' "Try 'vmwalk metrics --help'."
}

@test "hidden PFNs are an error, because frames cannot be counted once" {
	capture_servers
	sed -i -e 's/ 0x200000 512 0x10001/ 0 512 0x18001/' "$VMWALK_REPLAY"
	run --separate-stderr replay vmwalk metrics -g s=comm:server
	[[ $status == 1 && ! $output ]]
	[[ $stderr == "vmwalk: metrics: frames can't be counted: PFNs are hidden: "* ]]
}

@test "--output replaces the file, readable by all users, or does not change it on failure" {
	local file=$BATS_TEST_TMPDIR/text/vmwalk.prom

	mkdir "$BATS_TEST_TMPDIR/text"
	capture_live demo vmwalk3 7
	(umask 077; vmwalk metrics --output "$file")
	[[ $(stat -c %a "$file") == 644 && $(ls -A "$BATS_TEST_TMPDIR/text") == vmwalk.prom ]]
	diff "$file" <(vmwalk metrics)
	(cd "$BATS_TEST_TMPDIR/text" && vmwalk metrics --output here.prom)
	diff "$file" "$BATS_TEST_TMPDIR/text/here.prom"
	rm "$BATS_TEST_TMPDIR/text/here.prom"

	# The name of the temporary file must not end in .prom.
	echo old >"$file"
	strace -f -e trace=rename,renameat,renameat2,fsync,fdatasync -o "$BATS_TEST_TMPDIR/trace" \
		vmwalk metrics --output "$file" || skip 'no strace'
	grep -E 'rename.*"[^"]*\.prom\.[^".]*", .*"[^"]*/vmwalk\.prom"' "$BATS_TEST_TMPDIR/trace"
	grep -q fsync "$BATS_TEST_TMPDIR/trace"

	# Without a tree, nothing is replaced and nothing is left.
	echo old >"$file"
	VMWALK_SYSROOT=/nonexistent run --separate-stderr vmwalk metrics --output "$file"
	[[ $status == 1 && $(<"$file") == old && $(ls -A "$BATS_TEST_TMPDIR/text") == vmwalk.prom ]]
	run --separate-stderr vmwalk metrics --output "$BATS_TEST_TMPDIR/none/vmwalk.prom"
	fails 1 "vmwalk: metrics: $BATS_TEST_TMPDIR/none/vmwalk.prom: No such file or directory"
	run --separate-stderr vmwalk metrics --output "$BATS_TEST_TMPDIR/text"
	fails 1 "vmwalk: metrics: $BATS_TEST_TMPDIR/text: Is a directory"
	[[ $(ls -A "$BATS_TEST_TMPDIR") != *text.* ]]
}

@test "--openmetrics prints the types and the end mark of OpenMetrics" {
	capture_live demo vmwalk3 7
	capture_servers
	run --separate-stderr replay vmwalk metrics --openmetrics -g s=comm:server
	[[ $status == 0 && ! $stderr && ${lines[-1]} == '# EOF' ]]
	[[ $output == *'# TYPE vmwalk_build info'*'vmwalk_build_info{version='* ]]
	[[ $output == *'# TYPE vmwalk_instance_faults counter'*'vmwalk_instance_faults_total{'* ]]
	[[ $output != *'# TYPE vmwalk_instance_faults_total'* ]]
	diff <(grep -v '^#' <<<"$output" | grep -v duration) \
		<(replay vmwalk metrics -g s=comm:server | grep -v '^#' | grep -v duration)
}

# The dashboard is in the source tree only.
@test "the dashboard is valid JSON and uses existing metrics only" {
	local dashboard=$BATS_TEST_DIRNAME/../../docs/grafana-dashboard.json

	[[ $(jq '.panels | length' "$dashboard") -gt 5 ]]
	capture_live demo vmwalk3 7
	capture_servers
	replay vmwalk metrics -g s=comm:server | sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' | sort \
		>"$BATS_TEST_TMPDIR/metrics"
	jq -r '.panels[].targets[].expr' "$dashboard" | grep -o 'vmwalk_[a-z_]*' | sort -u \
		>"$BATS_TEST_TMPDIR/used"
	[[ -s $BATS_TEST_TMPDIR/used ]]
	comm -23 "$BATS_TEST_TMPDIR/used" "$BATS_TEST_TMPDIR/metrics" >"$BATS_TEST_TMPDIR/unknown"
	[[ ! -s $BATS_TEST_TMPDIR/unknown ]]
	# A window that is 0 has no share.
	[[ $(jq -r '.panels[].targets[].expr' "$dashboard") == *'eligible_bytes'*' > 0)'* ]]
}
