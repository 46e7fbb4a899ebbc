#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# vmwalk top without the driver: its tables, and its screen on a real terminal,
# for a captured tree.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load captured

teardown()
{
	mux kill-server 2>/dev/null || true
}

# capture_counters NAME DEVICE FAULTS
capture_counters()
{
	local stats=$VMWALK_SYSROOT/sys/class/vmwalk/$2/stats

	capture_item "$1" "$2" live=1
	mkdir -p "$stats"
	echo "$3" >"$stats/faults"
	echo 17 >"$stats/mapped_pages"
	echo 2 >"$stats/mappings"
}

# The processes of captured.bash, one with hugetlb pages, and an instance
capture_all()
{
	capture_servers
	capture_process 13 huge
	capture_counters lab vmwalk0 100
	cat >>"$VMWALK_REPLAY" <<-'END'
		process 13
		extent 0x40000000 0x500000 1024 0x12001 21 0
		vma 0x40000000 0x41000000 3 0 0 0 0 0 0x803 21
	END
}

# table HEADING: the rows of the last table whose heading begins with this word,
# with single blanks
table()
{
	awk -v heading="$1" '
		$1 == heading { on = 1; rows = ""; next }
		!NF { on = 0 }
		on { $1 = $1; rows = rows $0 "\n" }
		END { printf "%s", rows }' <<<"$output"
}

# sums COLUMN...: the columns of vmwalk summary for all processes
sums()
{
	local IFS=,

	replay vmwalk summary --all --raw --noheadings --output "$*"
}

@test "--batch: processes, a total, and the instances" {
	capture_all
	run --separate-stderr replay vmwalk top --batch --iterations 1
	[[ $status == 0 && ! $stderr ]]
	[[ ${lines[0]} =~ ^[0-9-]+' '[0-9:]+'  scans take '.*' of '.*' s'.*'%)'$ ]]
	[[ ${lines[1]} == '3 of 4 processes scanned: RSS 2M, swap 8K, hugetlb 4M (each frame once)' ]]
	diff <(table PID) - <<-'END'
		11 2M 2M 8K 99 0 0:1 1:99 - server
		10 2M 2M 0 99 0 0:1 1:99 - server
		12 - - - - - - - other
		13 0 0 0 - 4M 0:100 - huge
	END
	[[ $(table NAME) == 'lab vmwalk0 - 100 17 2' ]]
}

@test "--batch: its numbers equal those of vmwalk summary" {
	capture_all
	run --separate-stderr replay vmwalk top --batch -n 1 --bytes --sort pid
	[[ $status == 0 ]]
	diff <(table PID | awk '$3 != "-" { print $1, $3, $4, $6 }' | sort -n) \
		<(sums PID RSS SWAP HUGETLB | sort -n | grep -v '^-')
	total=$(sums COMM RSS SWAP HUGETLB | sed -n 's/^total //p')
	read -r rss swap hugetlb <<<"$total"
	[[ ${lines[1]} == "3 of 4 processes scanned: RSS $rss, swap $swap, hugetlb $hugetlb (each frame once)" ]]
	# The processes share 513 pages.
	((rss == (513 + 3 + 2) * 4096))
	# Shares of the nodes, and of entries of 2 MiB
	diff <(table PID | awk '$3 != "-" { sub(/ - [a-z]*$/, ""); print $1, $5, substr($0, index($0, $7)) }' | sort -n) \
		<(sums PID RSS HUGETLB ENTRIES NODES | grep -v '^-' | awk '{
			huge = "-"
			if ($2) {
				huge = 0
				if (match($4, /2097152:[0-9]+/))
					huge = int(substr($4, RSTART + 8, RLENGTH - 8) * 100 / $2)
			}
			count = split($5, nodes, ",")
			line = $1 " " huge
			for (i = 1; i <= count; i++) {
				split(nodes[i], node, ":")
				if (node[2] * 200 >= $2 + $3)
					line = line " " node[1] ":" sprintf("%.0f", node[2] * 100 / ($2 + $3))
			}
			print line
		}' | sort -n)
}

@test "--sort orders the processes by any column" {
	capture_all
	for column in PID RSS+SWAP rss SWAP 2M% HUGETLB NODES% MOVED/s comm; do
		echo "$column"
		run --separate-stderr replay vmwalk top --batch -n 1 --sort "$column"
		[[ $status == 0 && $(table PID | wc -l) == 4 ]]
	done
	[[ $(table PID | sed 's/.* //' | xargs) == 'huge other server server' ]]
	run --separate-stderr replay vmwalk top --batch -n 1 --sort HUGETLB
	[[ $(table PID | sed -n 1p) == '13 '* && $(table PID | sed -n 4p) == '12 '* ]]
}

@test "options that select processes" {
	capture_all
	run --separate-stderr replay vmwalk top --batch -n 1 --pid 13,10
	echo "$output"
	[[ $(table PID | awk '{ print $1 }' | xargs) == '10 13' ]]
	run --separate-stderr replay vmwalk top --batch -n 1 --comm server
	[[ $(table PID | awk '{ print $1 }' | sort -n | xargs) == '10 11' ]]
	capture_device <<<'info 4096 4 4242'
	capture_process 4242 student
	run --separate-stderr replay vmwalk top --batch -n 1 --device demo
	[[ $status == 0 && $(table PID) == '4242 0 0 0 - 0 - - student' ]]
}

@test "pages in other frames are counted as moved, and no others" {
	capture_process 10 server
	# Two of four pages move, 2 MiB become one entry in another place; pages
	# that were added, removed or made read-only did not move.
	cat >"$VMWALK_REPLAY" <<-'END'
		info 4096 4 0
		extent 0x400000 0x100 4 0x3 12 0
		extent 0x40000000 0x200 511 0x3 12 0
		extent 0x401ff000 0x9000 1 0x3 12 0
		extent 0x40600000 0x700 16 0x3 12 0
		next
		extent 0x400000 0x100 2 0x1 12 0
		extent 0x402000 0x500 2 0x3 12 0
		extent 0x40000000 0x1200 512 0x10003 21 1
		extent 0x40608000 0x708 16 0x3 12 0
		vma 0x400000 0x42c000 5 0 1 1234 8 1 0x15 12
		vma 0x40000000 0x41000000 3 0 0 0 0 0 0x3 12
	END
	VMWALK_REPLAY_CLOCK=100 run --separate-stderr replay vmwalk top --batch -n 3 -d 2 --bytes --pid 10
	[[ $status == 0 ]]
	# (2 + 512) pages in 2 s
	[[ $(awk '$1 == 10 { print $(NF - 1) }' <<<"$output" | xargs) == "- $((514 * 4096 / 2)) 0" ]]
}

# follow MILLISECONDS ARGUMENT...: starts vmwalk top --batch, for which a scan takes so
# long. next_table then reads lines up to the end of a refresh, into the variable
# output. The command waits for it before it refreshes again.
follow()
{
	export VMWALK_REPLAY_GATE=$BATS_TEST_TMPDIR/gate
	first=1
	mkfifo "$BATS_TEST_TMPDIR/tables" "$VMWALK_REPLAY_GATE"
	VMWALK_REPLAY_CLOCK=$1 replay vmwalk top --batch "${@:2}" >"$BATS_TEST_TMPDIR/tables" &
	exec {tables}<"$BATS_TEST_TMPDIR/tables"
}

next_table()
{
	local line blanks=0

	[[ $first ]] || timeout 200 tee "$VMWALK_REPLAY_GATE" </dev/null
	first='' output=''
	while ((blanks < 2)) && IFS= read -r -t 200 -u "$tables" line; do
		[[ $line ]] || blanks=$((blanks + 1))
		output+=$line$'\n'
	done
	[[ $output ]]
}

@test "rates survive stats/reset, and a reused PID has none" {
	capture_all
	follow 100 -n 4 -d 2 --bytes --pid 10,11
	next_table
	[[ $(table NAME) == 'lab vmwalk0 - 100 17 2' ]]
	echo 160 >"$VMWALK_SYSROOT/sys/class/vmwalk/vmwalk0/stats/faults"
	next_table
	[[ $(table NAME) == 'lab vmwalk0 30 160 17 2' ]]
	[[ $(table PID | awk '{ print $(NF - 1) }' | xargs) == '0 0' ]]
	# Since the reset, 40 faults were counted.
	echo 40 >"$VMWALK_SYSROOT/sys/class/vmwalk/vmwalk0/stats/faults"
	sed -i 's/ 11 8192000/ 99 8192000/' "$VMWALK_SYSROOT/proc/11/stat"
	next_table
	[[ $(table NAME) == 'lab vmwalk0 20 40 17 2' ]]
	[[ $(table PID | awk '{ print $1, $(NF - 1) }' | sort | xargs) == '10 0 11 -' ]]
	next_table
	[[ $(table PID | awk '{ print $1, $(NF - 1) }' | sort | xargs) == '10 0 11 0' ]]
	wait $!
}

@test "processes that end leave the table, and the last one is no error" {
	capture_all
	follow 100 -n 3 --pid 10,11
	next_table
	rm -r "$VMWALK_SYSROOT/proc/10"
	next_table
	[[ $(table PID) == '11 '* && $output == *$'\n1 of 1 processes scanned: '* ]]
	rm -r "$VMWALK_SYSROOT/proc/11"
	next_table
	[[ $output == *$'\n0 of 0 processes scanned\n'* ]]
	wait $!
}

@test "a process that ends while it is scanned has no values" {
	capture_all
	sed -i 's/^process 11$/&\nerror 3/' "$VMWALK_REPLAY"
	run --separate-stderr replay vmwalk top --batch -n 1
	[[ $status == 0 && ! $stderr && ${lines[1]} == '2 of 4 processes scanned: '* ]]
	[[ $(table PID | grep '^11 ') == '11 - - - - - - - server' ]]
}

# first_line MILLISECONDS ARGUMENT...: prints the first line, if a scan takes so long.
first_line()
{
	VMWALK_REPLAY_CLOCK=$1 replay vmwalk top --batch -n 1 "${@:2}" | sed -n 1p
}

@test "refreshes take at most a fifth of the time" {
	capture_all
	[[ $(first_line 300 -d 5 --pid 10) == *'  scans take 300 ms of 5.0 s (6%)' ]]
	[[ $(first_line 300 -d 0.5 --pid 10) == *'  scans take 300 ms of 1.5 s instead of 0.5 s (20%)' ]]
	[[ $(first_line 3000 -d 0.5 --pid 10,11) == *'  scans take 6.0 s of 30.0 s instead of 0.5 s (20%)' ]]
	[[ $(first_line 2 -d 86400 --pid 10) == *'  scans take 2.0 ms of 86400.0 s (0%)' ]]
}

@test "a refresh that takes long delays the next one" {
	capture_all
	follow 400 -n 2 -d 0.5 --pid 10
	next_table
	echo 160 >"$VMWALK_SYSROOT/sys/class/vmwalk/vmwalk0/stats/faults"
	next_table
	# 60 faults in 2 s
	[[ $(table NAME) == 'lab vmwalk0 30 160 17 2' ]]
	wait $!
}

# no_temporary: no temporary instance is left.
no_temporary()
{
	[[ ! $(compgen -G "$VMWALK_SYSROOT/sys/kernel/config/vmwalk/vmwalk-command-*") ]]
}

@test "errors of the output end it, and the instance is removed" {
	local -x VMWALK_REPLAY_CLOCK=1
	local command="LD_PRELOAD=$REPLAY vmwalk top --batch"

	capture_all
	run --separate-stderr bash -c "$command >/dev/full"
	fails 1 'vmwalk: top: standard output: No space left on device'
	no_temporary
	run --separate-stderr bash -c "($command; echo \$? >&2) | head -n 1"
	[[ $stderr == 141 ]]
	no_temporary
	run --separate-stderr bash -c "trap '' PIPE; ($command; echo \$? >&2) | head -n 1"
	[[ $stderr == $'vmwalk: top: standard output: Broken pipe\n1' ]]
	no_temporary
}

@test "needs at most 64 MiB, whatever it scans" {
	capture_process 10 server
	cat >"$VMWALK_REPLAY" <<-END
		info 4096 4 0
		extent 0x40000000 0x1000 1 0x3 12 0
		repeat 3000000 0x2000
		vma 0x40000000 0x7f0000000000 3 0 0 0 0 0 0x3 12
	END
	(
		# Without the libraries, which are 4 MiB
		ulimit -d $((60 * 1024))
		VMWALK_REPLAY_CLOCK=1 replay vmwalk top --batch -n 2 --pid 10 >"$BATS_TEST_TMPDIR/output"
	)
	output=$(<"$BATS_TEST_TMPDIR/output")
	[[ $(table PID) == '10 11.4G 11.4G 0 0 0 0:100 0 server' ]]
}

@test "hidden PFNs: no total and no moves, but all sums of a process" {
	capture_process 10 server
	cat >"$VMWALK_REPLAY" <<-'END'
		info 4096 4 0
		extent 0x40000000 0 512 0x18001 21 1
		vma 0x40000000 0x41000000 3 0 0 0 0 0 0x3 12
	END
	run --separate-stderr replay vmwalk top --batch -n 2 -d 0.1 --pid 10
	[[ ${lines[1]} == '1 of 1 processes scanned: no total and no moves, since PFNs are hidden: the opener of the device lacks CAP_SYS_ADMIN, or the kernel is in confidentiality lockdown' ]]
	[[ $(table PID) == '10 2M 2M 0 100 0 1:100 - server' ]]
}

@test "wrong options are usage errors" {
	for delay in 0 -1 x 1x nan inf 86401 ''; do
		run --separate-stderr vmwalk top --batch --delay "$delay"
		fails 2 "vmwalk: top: --delay: '$delay' is not a number of seconds (above 0, up to 86400)" \
			"Try 'vmwalk top --help'."
	done
	for count in 0 -1 x 1.5 99999999999999999999 ''; do
		run --separate-stderr vmwalk top --batch --iterations "$count"
		fails 2 "vmwalk: top: --iterations: '$count' is not a number (1 or more)" \
			"Try 'vmwalk top --help'."
	done
	run --separate-stderr vmwalk top --batch --sort size
	fails 2 "vmwalk: top: --sort: unknown column 'size'; --help lists the columns" \
		"Try 'vmwalk top --help'."
	run --separate-stderr vmwalk top --batch --all --pid 1
	[[ $status == 2 ]]
}

@test "without the driver, and for a process that does not exist, it says so" {
	mkdir -p "$VMWALK_SYSROOT/proc"
	run --separate-stderr vmwalk top --batch --pid 1
	fails 1 'vmwalk: top: process 1 does not exist'
	capture_process 10 server
	rm -r "$VMWALK_SYSROOT/sys"
	run --separate-stderr vmwalk top --batch
	fails 1 'vmwalk: top: the vmwalk module is not loaded: modprobe vmwalk'
}

@test "the screen needs a terminal with a cursor" {
	capture_all
	run --separate-stderr replay vmwalk top </dev/null
	fails 1 'vmwalk: top: standard input and output are not a terminal; use --batch'
	TERM=dumb run script --quiet --return --command "LD_PRELOAD=$REPLAY vmwalk top" /dev/null </dev/null
	echo "$output"
	[[ $status == 1 && $output == *"cannot use a terminal of type 'dumb'; set TERM, or use --batch"* ]]
}

# The screen, in a terminal of tmux

mux()
{
	TMUX_TMPDIR=$BATS_TEST_TMPDIR tmux -f /dev/null -L mux "$@"
}

# top COLUMNS LINES ARGUMENT...: starts it on a terminal of this size, from a shell
# with job control that runs the command $PREPARE first
top()
{
	cat >"$BATS_TEST_TMPDIR/session" <<-END
		set -m
		trap : INT QUIT
		${PREPARE-}
		before=\$(stty -g)
		LD_PRELOAD=$REPLAY vmwalk top --delay 0.5 ${*:3}
		status=\$?
		while [[ \$(jobs -s) ]]; do
			echo stopped
			read -r
			fg
			status=\$?
		done
		[[ \$(stty -g) != "\$before" ]] || echo "status \$status, terminal restored"
		exec cat
	END
	mux new-session -d -x "$1" -y "$2" "exec bash $BATS_TEST_TMPDIR/session"
}

# pid: prints the PID of the command
pid()
{
	pgrep --parent "$(mux display-message -p '#{pane_pid}')" --exact vmwalk
}

# ended STATUS: it ends with this status, the terminal is restored, and the
# instance is removed.
ended()
{
	shows "status $1, terminal restored"
	[[ $shown != *'processes scanned'* ]]
	# On the normal screen, with a visible cursor
	[[ $(mux display-message -p '#{alternate_on}#{cursor_flag}') == 01 ]]
	no_temporary
}

screen()
{
	mux capture-pane -p
}

# shows TEXT...: waits until the screen has all texts. A newline is one, too.
shows()
{
	local i text all

	for ((i = 0; i < 200; i++)); do
		all=1 shown=$(screen)
		for text; do
			[[ $shown == *"$text"* ]] || all=
		done
		[[ ! $all ]] || return 0
		sleep 0.1
	done
	printf 'not shown: %s\nbut:\n%s\n' "$text" "$shown"
	return 1
}

keys()
{
	mux send-keys "$@"
}

# many COUNT: captures so many processes, of which the first is the largest.
many()
{
	local i

	{
		echo 'info 4096 4 0'
		for ((i = 1; i <= $1; i++)); do
			capture_process $((1000 + i)) "p$i"
			printf 'VmRSS: %d kB\n' $((($1 - i + 1) * 4)) >>"$VMWALK_SYSROOT/proc/$((1000 + i))/status"
			printf 'process %d\nextent 0x40000000 0x%x %d 0x3 12 0\n' $((1000 + i)) \
				$((i * 4096)) $(($1 - i + 1))
			echo 'vma 0x40000000 0x41000000 3 0 0 0 0 0 0x3 12'
		done
	} >"$VMWALK_REPLAY"
	capture_counters lab vmwalk0 100
}

@test "the screen scans only the processes that it shows" {
	many 30
	top 80 24
	shows '19 of 30 processes scanned' 'Processes: 30' ' p1'$'\n' ' p19'$'\n' 'F1 Help'
	[[ $(screen | wc -l) == 24 && $shown != *' p20'* ]]
	# The process that follows is scanned when it is shown.
	keys End
	shows '  1030       4K      4K' '19 of 30 processes scanned'
	keys Home
	shows '  1001     120K    120K'
	mux resize-window -x 200 -y 50
	shows '30 of 30 processes scanned' ' p1'$'\n' ' p30'$'\n'
	[[ $(screen | wc -l) == 50 ]]
	mux resize-window -x 40 -y 10
	shows ' 1005 ' 'F1 Help'
	[[ $(screen | wc -l) == 10 && $shown != *' 1006 '* ]]
	keys q
	ended 0
}

@test "keys sort, reverse, search and go to a PID" {
	many 30
	top 80 24
	shows '19 of 30'
	# The line at the cursor is what Enter shows the mappings of.
	keys / p7 Enter Enter
	shows 'Mappings of process 1007 (p7): 1' '0x40000000 rw-p      96K'
	keys Escape
	shows 'Processes: 30'
	keys p 1003 Enter Enter
	shows 'Mappings of process 1003 (p3): 1'
	keys q
	shows 'Processes: 30'
	keys 1 0 2 8 Enter Enter
	shows 'Mappings of process 1028 (p28): 1'
	keys q
	shows 'Processes: 30'
	keys Home F6
	shows 'COMM       name of the process'
	keys Up Enter I
	shows ' 1030 ' ' p30'$'\n'
	screen | sed -n 5p | grep -q '^ *1030 '
	keys I
	shows ' 1001 ' ' p1'$'\n'
	screen | sed -n 5p | grep -q '^ *1001 '
	keys F1
	shows 'move the cursor' 'go back, or quit'
	keys x F10
	ended 0
}

@test "pages for the mappings of a process and for instances" {
	capture_all
	top 80 24
	shows '3 of 4 processes scanned: RSS 2M, swap 8K, hugetlb 4M (each frame once)'
	keys / server Enter Enter
	shows 'Mappings of process 1' '0x40000000 rw-p ' '  0x400000 r-xp       4K' '1 of 4 processes scanned'
	[[ $shown != *'a program'* ]]
	# Long names need a wider terminal, or scrolling.
	keys Right Right
	shows 'a program'
	keys Left Left
	mux resize-window -x 100 -y 24
	shows 'a program' '  0x400000'
	keys Escape
	shows 'Processes: 4'
	keys Tab
	shows 'Instances: 1' '0 of 4 processes scanned' 'lab              vmwalk0'
	echo 1000 >"$VMWALK_SYSROOT/sys/class/vmwalk/vmwalk0/stats/faults"
	shows ' 1000           17        2'
	keys Tab
	shows 'Processes: 4'
	keys q
	ended 0
}

@test "names of any bytes do not harm the screen" {
	export LC_ALL=C.UTF-8
	capture_process 10 $'\e[2Ja\tb'
	capture_process 11 Größe
	capture_process 12 日本語日本語日本語
	echo 'info 4096 4 0' >"$VMWALK_REPLAY"
	top 76 24
	shows '3 of 3' '\x1b[2' 'Größe' 'F1 Help'
	# The last characters would not fit.
	shows '日本'
	[[ $(screen | awk 'length > 76') == '' ]]
	keys q
	ended 0
}

@test "terminals of other types, of any size" {
	local size

	many 30
	export TERM=vt100
	top 80 24
	shows '19 of 30 processes scanned' ' p19'$'\n' 'F1 Help'
	for size in '1 1' '2 2' '20 3' '3 20' '80 4' '80 5' '80 6'; do
		mux resize-window -x "${size% *}" -y "${size#* }"
		keys F6 Down Down Escape Down Tab F1 x Tab End Home
		sleep 0.1
	done
	mux resize-window -x 80 -y 8
	shows '3 of 30 processes scanned' ' p1'$'\n' ' p3'$'\n'
	# The menu scrolls to the last column.
	keys F6 Down Down Down Down Down Down Down Down
	shows 'COMM       name of the process'
	keys Enter
	mux resize-window -x 80 -y 24
	shows '19 of 30 processes scanned' ' p19'$'\n' 'F1 Help'
	keys q
	ended 0
}

@test "a signal ends it at once, with the terminal restored and the instance removed" {
	local signal

	many 3
	for signal in INT QUIT TERM HUP USR1; do
		top 80 24 --delay 1000
		shows '3 of 3'
		[[ -d $(echo "$VMWALK_SYSROOT"/sys/kernel/config/vmwalk/vmwalk-command-*) ]]
		case $signal in
		INT) keys C-c ;;
		QUIT) keys C-\\ ;;
		*) kill -s "$signal" "$(pid)" ;;
		esac
		ended $((128 + $(kill -l "$signal")))
		mux kill-server
	done
}

@test "ignored signals stay ignored" {
	many 3
	PREPARE='trap "" INT TERM'
	top 80 24
	shows '3 of 3'
	kill -s TERM "$(pid)"
	keys C-c Tab
	shows 'Instances: 1'
	keys q q
	ended 0
}

@test "it can be stopped and continued" {
	many 3
	top 80 24
	shows '3 of 3'
	keys C-z
	shows 'stopped'
	[[ $(mux display-message -p '#{alternate_on}#{cursor_flag}') == 01 ]]
	mux resize-window -x 100 -y 30
	keys Enter
	shows '3 of 3' 'Processes: 3'
	[[ $(mux display-message -p '#{alternate_on}#{cursor_flag}') == 10 ]]
	keys q
	ended 0
}

@test "an error ends it, and is printed when the terminal is restored" {
	many 3
	top 80 24
	shows '3 of 3'
	rm -r "$VMWALK_SYSROOT/sys"
	shows 'vmwalk: top: '
	ended 1
}

@test "60,000 mappings on the screen, with at most 64 MiB" {
	local proc=$VMWALK_SYSROOT/proc/10 kib

	capture_process 10 server
	awk 'BEGIN {
		print "info 4096 4 0"
		for (i = 0; i < 60000; i++) {
			printf "extent 0x%x 0x%x 1 0x3 12 0\n", 1073741824 + i * 8192, 4096 + i * 2
			printf "vma 0x%x 0x%x 3 0 0 0 0 0 0x3 12\n", 1073741824 + i * 8192, 1073741824 + i * 8192 + 4096
		}
	}' >"$VMWALK_REPLAY"
	awk '$1 == "vma" { printf "%s-%s rw-p 00000000 00:00 0 [anon:mapping]\n", substr($2, 3), substr($3, 3) }' \
		"$VMWALK_REPLAY" >"$proc/maps"
	top 80 24
	shows '1 of 1 processes scanned'
	keys Enter
	shows 'Mappings of process 10 (server): 60000' '0x40000000 rw-p       4K'
	keys End
	shows '0x5d4be000 rw-p       4K'
	kib=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$(pid)/status")
	echo "$kib KiB"
	((kib <= 64 * 1024))
	keys q q
	ended 0
}

@test "--iterations ends the screen" {
	many 3
	top 80 24 --iterations 2
	shows '3 of 3'
	ended 0
}
