#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# vmwalk summary, find and diff of programs, compared with smaps, numa_maps, pagemap,
# kpageflags, kpagecount and move_pages(). tests/vm/run --programs adds PostgreSQL
# and Node.js to the VM; without, their tests are skipped.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load helper
load actor
load procfs

MIB=1048576
PAGES_PROGRAM=${VMWALK_TESTS:-$BATS_TEST_DIRNAME/..}/pages
POSTGRESQL=/usr/lib/postgresql/17/bin
BACKENDS=100

# Set by start_actor and start_memory
pid='' first=''

setup_file()
{
	stop_khugepaged
}

teardown_file()
{
	start_khugepaged
}

teardown()
{
	end_actor
	pkill -KILL -x 'postgres|pgbench|node' || true
	vmwalk_teardown
}

# read_pages FILE [NODE] PID...: writes what the kernel shows of each page to FILE,
# see userspace/tests/pages.c.
read_pages()
{
	"$PAGES_PROGRAM" "${@:2}" >"$1"
}

# matches_move_pages PID...: compares the nodes in vmwalk summary, and its total, which
# has each frame once, with the file "pages".
matches_move_pages()
{
	local IFS=$' \t\n' pids=$*

	vmwalk summary --pid "${pids// /,}" --json >sums
	expect 'nodes of move_pages()' "$(jq -r '.processes[] | .pid as $pid | .parts[] |
		select(.kind | IN("anonymous", "file", "shmem", "hugetlb")) |
		"\($pid) \(.node) \(.bytes)"' sums |
		awk '{ sum[$1 " " $2] += $3 } END { for (key in sum) print key, sum[key] }' | sort)" \
		"$(awk -v page="$PAGE" '$4 != "-" && $4 >= 0 { sum[$1 " " $4] += page }
			END { for (key in sum) print key, sum[key] }' pages | sort)"
	# A process alone has no total, and may map a frame twice.
	(($# == 1)) || expect 'distinct frames' "$(jq '.total | .resident + .hugetlb' sums)" \
		"$(awk -v page="$PAGE" '$4 != "-" && $4 >= 0 && !seen[$3]++ { sum += page }
			END { print sum + 0 }' pages)"
}

# kind PFN: prints the use of the frame that its flags in /proc/kpageflags tell: HUGE,
# ANON, SWAPBACKED, LRU, RESERVED.
kind()
{
	local flags

	flags=$(kpage flags "$1")
	if ((flags >> 17 & 1)); then
		echo hugetlb
	elif ((flags >> 12 & 1)); then
		echo anonymous
	elif ((flags >> 5 & flags >> 14 & 1)); then
		echo shmem
	elif ((flags >> 5 & 1)); then
		echo page_cache
	elif ((flags >> 32 & 1)); then
		echo reserved
	fi
}

# finds_frames: searches for some frames of the processes in the file "pages": the one
# that is mapped most often, and others in all parts of their memory. The frames of
# files, some of which are in tmpfs, may also be mapped by other processes.
finds_frames()
{
	local frame found counted kind

	awk '$4 != "-" && $4 >= 0 {
			if (!count[$3]++) frame[++n] = $3
			if (count[$3] > count[most]) most = $3
		}
		END {
			print most
			for (i = 1; i <= n; i += int(n / 8) + 1)
				if (frame[i] != most) print frame[i]
		}' pages >frames
	# shellcheck disable=SC2046 # frames
	vmwalk find --json --output PFN,PID,ADDRESS --pfn $(<frames) >found
	awk 'NR == FNR { wanted[$1]; next } $3 in wanted { print $3, $1, $2 }' frames pages | sort >wanted
	jq -r '.mappings[] | "\(.pfn) \(.pid) \(.address)"' found |
		awk 'NR == FNR { ours[$1]; next } $2 in ours' pages - | sort >ours
	diff wanted ours
	while read -r frame found counted kind; do
		# A new page of a file gets its flags soon.
		[[ $kind == other ]] || expect "use of $frame" "$kind" "$(kind "$frame")"
		[[ $kind != anonymous ]] || expect "kpagecount of $frame" \
			"$found of $counted" "$(kpage count "$frame") of $(kpage count "$frame")"
	done < <(jq -r '.frames[] | "\(.pfn) \(.found) \(.counted) \(.kinds | keys[0])"' found)
}

# agrees PID...: compares summary and find of the processes with the kernel.
agrees()
{
	matches_procfs "$@"
	read_pages pages "$@"
	matches_move_pages "$@"
	finds_frames
}

# save NAME: saves a scan of the process, and what the kernel shows.
save()
{
	vmwalk scan --pid "$pid" --save "$1"
	read_pages "$1.pages" "$pid"
}

# diff_agrees CHANGES: compares the changes from "old" to "new" with those of the pages in
# pagemap, as lines "CHANGE [FROM_NODE TO_NODE] PAGES". CHANGES, a regular expression,
# must be among them.
diff_agrees()
{
	# A page without a node is the zero page. pagemap leaves out PFN mappings.
	awk '
		NR == FNR { frame[$2] = $3; node[$2] = $4; next }
		{ old = $2 in frame ? frame[$2] : "none"; change = "same" }
		old == "none" { change = $3 == "swap" ? "new_swapped" : "new" }
		old == "swap" { change = $3 == "swap" ? "same_swapped" : "swapped_in" }
		old ~ /^0x/ && $3 == "swap" { change = "swapped_out" }
		old ~ /^0x/ && $3 ~ /^0x/ && old != $3 {
			change = "other_frame"
			if (node[$2] >= 0 && $4 >= 0)
				change = change " " node[$2] " " $4
		}
		{ pages[change]++; delete frame[$2] }
		END {
			for (addr in frame)
				pages[frame[addr] == "swap" ? "gone_swapped" : "gone"]++
			for (change in pages)
				print change, pages[change]
		}' old.pages new.pages | sort >wanted
	vmwalk diff old new --mappings --raw --noheadings \
		--output CHANGE,FROM_NODE,TO_NODE,PAGES,MAPPING | awk '
		$5 ~ /^\[vvar/ { next }
		$1 == "resized" { $1 = "same" }
		$1 == "from_zero" || $1 == "to_zero" { $1 = "other_frame"; $2 = "-" }
		{ sub(/_zero$/, "", $1) }
		$1 == "other_frame" && $2 != "-" { $1 = $1 " " $2 " " $3 }
		{ pages[$1] += $4 }
		END { for (change in pages) print change, pages[change] }' | sort >ours
	cat ours
	diff wanted ours
	grep -qE "^($1)" ours
}

# moves: moves all pages of the process from one node to the other, as numactl does.
moves()
{
	(($(nodes) > 1)) || skip 'one NUMA node'
	read_pages pages node0 "$pid"
	save old
	read_pages pages node1 "$pid"
	save new
	diff_agrees 'other_frame 0 1 '
}

@test "a program with 32 threads: summary, find and diff agree with the kernel" {
	local thread

	start_memory small=2 thp=4 threads=32
	thread=$(printf '%s\n' "/proc/$pid/task"/* | tail -n 1)
	[[ $(printf '%s\n' "/proc/$pid/task"/* | wc -l) == 33 && $thread != */"$pid" ]]
	agrees "$pid"
	moves
	# The ID of a thread selects its process.
	expect 'RSS' "$(vmwalk summary --pid "${thread##*/}" -r -n -o RSS)" \
		"$(vmwalk summary --pid "$pid" -r -n -o RSS)"
}

@test "a program with hugetlb pages: summary, find and diff agree with the kernel" {
	start_actor hugetlb 8
	act write
	agrees "$pid"
	moves
	expect 'HUGETLB' "$(vmwalk summary --pid "$pid" -r -n -o HUGETLB)" $((8 * MIB))
}

@test "a program that is swapped out: summary, find and diff agree with the kernel" {
	start_actor anon 4
	act write
	save old
	act out
	save new
	agrees "$pid"
	diff_agrees "swapped_out $((4 * MIB / PAGE))\$"
	mv new old
	mv new.pages old.pages
	act read
	save new
	diff_agrees "swapped_in $((4 * MIB / PAGE))\$"
}

# start_container: starts an actor with 2 MiB and a child in a pid namespace with
# its own /proc. Sets pid to its PID in this namespace.
start_container()
{
	start_actor anon 2 unshare --pid --mount-proc --fork --kill-child
	act write fork
	[[ $(awk '/^NSpid:/ { print $2, $3, NF }' "/proc/$pid/status") == "$pid 1 3" ]]
}

# inside COMMAND...: runs it in the container.
inside()
{
	nsenter --target "$pid" --pid --mount -- "$@"
}

@test "a container in its own pid namespace: summary, find and diff agree with the kernel" {
	local child

	start_container
	child=$(<"/proc/$pid/task/$pid/children")
	agrees "$pid" "${child% }"
	moves
}

@test "inside of a container, its own PIDs are used, and its processes are the only ones" {
	local frame

	start_container
	expect 'RSS of process 1' "$(inside vmwalk summary --pid 1 -r -n -o RSS)" \
		"$(vmwalk summary --pid "$pid" -r -n -o RSS)"
	expect 'all processes' "$(inside vmwalk summary --all -r -n -o PID,COMM | sort | head -n 3)" \
		$'- total\n1 actor\n2 actor-child'
	frame=$(pagemap "$pid" "$first")
	expect 'find' "$(inside vmwalk find -r -n -o PID,NAME,ADDRESS --pfn "$frame" | sort)" \
		$'1 actor '"$first"$'\n2 actor-child '"$first"
	inside vmwalk scan --pid 1 --save old
	act free
	inside vmwalk scan --pid 1 --save new
	# In one row for each node
	expect 'gone' "$(inside vmwalk diff old new -r -n -o CHANGE,BYTES |
		awk '$1 == "gone" { sum += $2 } END { print sum }')" $((2 * MIB))
}

# start_node: starts a JavaScript program that gets 8 MiB more at each SIGUSR2.
start_node()
{
	type -P node >/dev/null || skip 'no Node.js'
	node -e '
		const kept = [];
		process.on("SIGUSR2", () => {
			kept.push(Buffer.alloc(8 << 20, 1));
			console.log("grown");
		});
		setInterval(() => {}, 1000000);
		console.log("ready");' >output 2>&1 3>&- &
	pid=$!
	wait_for "$pid" ready
	kill -STOP "$pid"
}

# wait_for PID TEXT: waits until the program prints this.
wait_for()
{
	until grep -q "$2" output; do
		kill -0 "$1" || { cat output; return 1; }
		sleep 0.2
	done
}

@test "Node.js: summary, find and diff agree with the kernel" {
	local new

	start_node
	(($(printf '%s\n' "/proc/$pid/task"/* | wc -l) > 4))
	agrees "$pid"
	moves
	save old
	kill -USR2 "$pid"
	kill -CONT "$pid"
	wait_for "$pid" grown
	kill -STOP "$pid"
	save new
	diff_agrees 'new '
	new=$(sed -n 's/^new //p' ours)
	((new >= 8 * MIB / PAGE))
}

# start_postgresql: starts a server, and clients that keep its backends busy, and stops
# all of its processes. Sets pids.
start_postgresql()
{
	local data=/tmp/postgresql

	[[ -x $POSTGRESQL/postgres ]] || skip 'no PostgreSQL'
	rm -rf "$data"
	install --directory --owner=65534 --group=65534 --mode=700 "$data"
	as_nobody "$POSTGRESQL/initdb" --no-sync --locale=C --auth=trust --username=postgres \
		--set=max_connections=$((BACKENDS + 5)) --set=shared_buffers=16MB --set=fsync=off \
		--set=listen_addresses= --set=unix_socket_directories=$data --set=huge_pages=off \
		--set=timezone=UTC --set=log_timezone=UTC --pgdata=$data
	as_nobody "$POSTGRESQL/postgres" -D $data >output 2>&1 3>&- &
	wait_for $! 'ready to accept connections'
	# Each backend reads a table into shared memory. One gets the lock.
	printf '%s;\n' 'SELECT sum(length(prosrc)) FROM pg_proc' 'SELECT pg_advisory_lock(1)' \
		'SELECT pg_sleep(100000)' >$data/script
	as_nobody "$POSTGRESQL/pgbench" --host=$data --username=postgres --no-vacuum \
		--client=$BACKENDS --transactions=1 --file=$data/script postgres >clients 2>&1 3>&- &
	until (($(pgrep -c -f 'SELECT waiting$') == BACKENDS - 1)); do
		kill -0 $! || { cat clients; return 1; }
		sleep 0.5
	done
	pkill -STOP -x postgres
	mapfile -t pids < <(pgrep -x postgres)
	((${#pids[@]} > BACKENDS))
}

@test "PostgreSQL with 100 backends: summary, find and diff agree with the kernel" {
	local pids frame shared

	start_postgresql
	agrees "${pids[@]}"
	# All share the pages that no process has written to since the fork.
	frame=$(head -n 1 frames)
	(($(grep -c "^$frame " wanted) == ${#pids[@]}))
	expect 'processes' "$(vmwalk summary --comm postgres -r -n -o PID | grep -vx -e - | sort)" \
		"$(printf '%s\n' "${pids[@]}" | sort)"
	pid=${pids[-1]}
	# No other process maps their shared memory, which is "/dev/zero (deleted)".
	shared=$(vmwalk scan --pid "$pid" -r -n -o PFN,MAPPING | awk '/\/dev\/zero/ { print $1; exit }')
	expect 'mappings of shared memory' "$(vmwalk find -r -n -o PID --pfn "$shared" | sort)" \
		"$(awk -v frame="$shared" '$3 == frame { print $1 }' pages | sort)"
	(($(kpage count "$shared") == $(grep -c " $shared " pages)))
	moves
}
