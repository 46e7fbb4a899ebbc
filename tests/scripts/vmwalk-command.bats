#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The vmwalk command without the driver: its command line, and its output for a
# captured tree and a captured device.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load captured

COMMANDS='create set destroy list show walk translate scan vmas summary metrics find diff map top help'

# Commands with a target, with their arguments
TARGET_COMMANDS=('walk 1000' 'translate 1000' scan vmas)

# usage_error MESSAGE ARGUMENT...: vmwalk rejects these arguments with this
# message and a hint at --help.
usage_error()
{
	local command=" $2"

	[[ $COMMANDS =~ (^| )$2( |$) && $2 ]] || command=
	run --separate-stderr vmwalk "${@:2}"
	fails 2 "vmwalk: $1" "Try 'vmwalk$command --help'."
}

@test "--help lists every command and the exit statuses" {
	run --separate-stderr vmwalk --help
	[[ $status == 0 && ! $stderr ]]
	for command in $COMMANDS; do
		[[ $output == *"  $command  "* ]]
	done
	[[ $output == *'Exit status: 0 success, 1 failure, 2 '* ]]
}

@test "help and help COMMAND print what --help prints" {
	local command

	diff <(vmwalk help) <(vmwalk --help)
	diff <(vmwalk -h) <(vmwalk --help)
	for command in $COMMANDS; do
		diff <(vmwalk help "$command") <(vmwalk "$command" --help)
	done
	usage_error "help: unknown command 'dance'" help dance
	usage_error "help: unexpected argument 'list'" help scan list
}

# The man pages and the completion are made from it.
@test "COMMAND --help has one form: usage, summary, options, columns" {
	local command

	for command in $COMMANDS; do
		vmwalk "$command" --help | awk -v command="$command" '
			NR == 1 { bad = bad || index($0, "Usage: vmwalk " command " [OPTION]...") != 1; next }
			NR == 2 || $0 == "" { part = NR == 2 ? "summary" : "next"; next }
			part == "summary" && NR == 3 { bad = bad || !/^[A-Z].*\.$/; next }
			$0 == "Options:" || $0 == "Columns:" { part = $0; parts = parts part; next }
			part == "Options:" { bad = bad || !/^  -[a-zA-Z], --[a-z-]+( [A-Z]+)?  +[^ ]/ }
			part == "Columns:" { bad = bad || !/^  [A-Z0-9][A-Z0-9_+%\/s]*  +[^ ]/ }
			bad { print; exit }
			END { exit bad || parts !~ /^Options:(Columns:)?$/ }'
	done
}

@test "COMMAND --help lists all options that the command accepts, in 80 columns" {
	for command in $COMMANDS; do
		run --separate-stderr vmwalk "$command" --help
		[[ $status == 0 && ! $stderr && $output == "Usage: vmwalk $command "* ]]
		[[ $output == *'  -h, --help '* ]]
		if grep -E '^.{81}' <<<"$output"; then
			return 1
		fi
		while read -r letter long arg; do
			for option in "${letter%,}" "$long"; do
				run --separate-stderr vmwalk "$command" "$option" ${arg:+1} --help
				[[ $status == 0 || $stderr != *unrecognized* ]]
				[[ $stderr != *invalid\ option* ]]
			done
		done < <(grep -oE '^  -., --[a-z-]+( [A-Z]+)?' <<<"$output")
	done
}

@test "--version prints the version" {
	for option in --version -V; do
		run --separate-stderr vmwalk "$option"
		[[ $status == 0 && $output =~ ^vmwalk\ [0-9]+\.[0-9]+\.[0-9]+$ && ! $stderr ]]
	done
}

@test "a missing or unknown command is a usage error" {
	usage_error 'missing argument COMMAND'
	usage_error "unknown command 'dance'" dance
	usage_error "unknown command '--json'" --json
}

@test "missing and unexpected arguments are usage errors" {
	for command in create show; do
		usage_error "$command: missing argument NAME" "$command"
		usage_error "$command: unexpected argument 'two'" "$command" one two
	done
	usage_error 'destroy: missing argument NAME...' destroy
	usage_error 'set: missing argument NAME ATTRIBUTE=VALUE...' set
	usage_error 'set: missing argument NAME ATTRIBUTE=VALUE...' set one
	usage_error 'walk: missing argument ADDRESS' walk --pid 1
	usage_error "list: unexpected argument 'one'" list one
	usage_error "scan: unexpected argument 'one'" scan --pid 1 one
	usage_error "vmas: unexpected argument 'one'" vmas --pid 1 one
}

@test "unknown options and missing option arguments are usage errors" {
	for command in $COMMANDS; do
		usage_error "$command: unrecognized option '--nonsense'" "$command" --nonsense
		usage_error "$command: invalid option -- 'Z'" "$command" -Z
	done
	usage_error "create: option '--size' requires an argument" create --size
	usage_error "show: option '--json' doesn't allow an argument" show --json=yes
}

@test "a missing, doubled or invalid target is a usage error" {
	for command in "${TARGET_COMMANDS[@]}"; do
		# shellcheck disable=SC2086 # the command may have an argument
		{
			usage_error "${command%% *}: specify either --pid or --device" $command
			usage_error "${command%% *}: specify either --pid or --device" \
				$command --pid 1 -d demo
			for pid in 0 -1 +1 '' abc 1x 0x10 99999999999 99999999999999999999; do
				usage_error "${command%% *}: --pid: '$pid' is not a process ID $(
					)(1 to 2147483647)" $command --pid "$pid"
			done
		}
	done
}

@test "--kernel and --pid are mutually exclusive" {
	usage_error 'walk: --kernel and --pid are mutually exclusive' \
		walk --kernel --pid 1 ffffffff81000000
	usage_error 'walk: --kernel and --pid are mutually exclusive' \
		walk -k -d demo -p 1 ffffffff81000000
	usage_error "translate: unrecognized option '--kernel'" translate --kernel 1000
}

NOT_AN_ADDRESS='is not a hexadecimal address of up to 64 bits'

@test "an invalid address is a usage error" {
	for address in '' 0x xyz 0x12g -1 +1 ' 12' 12345678901234567; do
		usage_error "translate: '$address' $NOT_AN_ADDRESS" \
			translate --pid 1 -- 1000 "$address" 2000
		usage_error "walk: '$address' $NOT_AN_ADDRESS" \
			walk --pid 1 -- "$address"
		usage_error "scan: '$address' $NOT_AN_ADDRESS" \
			scan --pid 1 --start "$address"
		usage_error "scan: '$address' $NOT_AN_ADDRESS" \
			scan --pid 1 --end "$address"
	done
	usage_error 'scan: --start 0x2000 is not below --end 0x2000' \
		scan --pid 1 --start 2000 --end 0x2000
}

@test "unknown flags and columns are usage errors" {
	usage_error "scan: --mask: unknown flag 'nosuch'; --help lists the flags" \
		scan --pid 1 --mask accessed,nosuch,write
	usage_error "scan: --mask: unknown flag 'presence'; --help lists the flags" \
		scan --pid 1 -m presence
	usage_error "scan: --mask: unknown flag ''; --help lists the flags" scan --pid 1 --mask write,
	usage_error "scan: --flags: unknown flag 'hugepage'; --help lists the flags" \
		scan --pid 1 --flags huge,hugepage
	usage_error "scan: --flags: unknown flag ''; --help lists the flags" scan --pid 1 --flags ''
	usage_error "list: --output: unknown column 'NAM'; --help lists the columns" list -o NAM
	usage_error "list: --output: unknown column ''; --help lists the columns" list -o NAME,
	usage_error "list: --output: unknown column ''; --help lists the columns" list -o +
	usage_error "list: --output: unknown column '+FILL'; --help lists the columns" list -o NAME,+FILL
	usage_error 'list: --json and --raw are mutually exclusive' list --json --raw
	usage_error 'list: --output and --output-all are mutually exclusive' list -O -o NAME
}

@test "--output accepts at most 32 columns" {
	local columns

	capture_item demo vmwalk0
	printf -v columns 'NAME,%.0s' {1..31}
	run --separate-stderr vmwalk list -r -n -o "${columns}LIVE"
	[[ $status == 0 && $output == *' demo 0' ]]
	usage_error 'list: --output: too many columns (the limit is 32)' list -o "${columns}LIVE,SIZE"
}

@test "every command reports that the module is not loaded or configfs not mounted" {
	local message

	for message in 'the vmwalk module is not loaded: modprobe vmwalk' \
		'configfs is not mounted: mount -t configfs none /sys/kernel/config'; do
		for command in 'create demo' 'set demo live=1' 'destroy demo' 'show demo' \
			'walk --pid 1 1000' \
			'walk -k ffff0' 'translate --pid 1 1000' 'scan --pid 1' 'vmas --pid 1' \
			'scan -d demo' list; do
			# shellcheck disable=SC2086 # words
			run --separate-stderr vmwalk $command
			fails 1 "vmwalk: ${command%% *}: $message"
		done
		run --separate-stderr vmwalk list --json
		[[ $status == 1 ]]
		jq -e '.instances == []' <<<"$output"
		# The module is loaded when the second message is expected.
		mkdir -p "$VMWALK_SYSROOT/sys/module/vmwalk"
	done
}

@test "invalid names and names of other files are not instances" {
	capture_item demo vmwalk0
	for name in a/b:'it contains a slash' .:'it means a directory' ..:'it means a directory' \
		:'it is empty' "$(printf '%0256d' 0):it exceeds 255 bytes"; do
		for command in create destroy show; do
			usage_error "$command: '${name%:*}' is not a valid instance name: ${name#*:}" \
				"$command" "${name%:*}"
		done
		usage_error "set: '${name%:*}' is not a valid instance name: ${name#*:}" \
			set "${name%:*}" live=1
		usage_error "destroy: '${name%:*}' is not a valid instance name: ${name#*:}" \
			destroy demo "${name%:*}"
	done
	[[ -d $VMWALK_SYSROOT/sys/kernel/config/vmwalk/demo ]]
	# abi_version is a file in the directory of the instances.
	for name in nobody abi_version; do
		for command in show destroy 'scan -d' 'walk 1000 -d'; do
			# shellcheck disable=SC2086 # words
			run --separate-stderr vmwalk $command "$name"
			fails 1 "vmwalk: ${command%% *}: $name: no such instance"
		done
		run --separate-stderr vmwalk set "$name" live=1
		fails 1 "vmwalk: set: $name: no such instance"
	done
}

@test "set: writes the attributes in the given order" {
	local item=$VMWALK_SYSROOT/sys/kernel/config/vmwalk/demo

	capture_item demo vmwalk0
	run --separate-stderr vmwalk set demo size=8K fill=a=b target_pid=1 size=16K last_error=
	prints </dev/null
	[[ $(<"$item/size") == 16K* && $(<"$item/fill") == a=b* && $(<"$item/target_pid") == 1* ]]
}

@test "set: an argument that is not ATTRIBUTE=VALUE is a usage error, and nothing is written" {
	local before item=$VMWALK_SYSROOT/sys/kernel/config/vmwalk/demo

	capture_item demo vmwalk0
	before=$(cat "$item"/*)
	for word in size '' =8K a/b=c ../demo/live=1 a/b; do
		usage_error "set: '$word' is not ATTRIBUTE=VALUE" set demo live=1 "$word"
	done
	[[ $(cat "$item"/*) == "$before" ]]
}

@test "set: the message for an unknown attribute lists the known ones" {
	capture_item demo vmwalk0
	chmod a-w "$VMWALK_SYSROOT"/sys/kernel/config/vmwalk/demo/{dev_name,last_error}
	run --separate-stderr vmwalk set demo colour=red
	fails 1 "vmwalk: set: demo: unknown attribute 'colour' (known: address_bits buffer_type $(
		)cache_mode fault_around fill live map_mode numa_node size target_pid track_dirty)"
}

@test "the device never gets the descriptor of a closed standard stream" {
	local device=$VMWALK_SYSROOT/dev/vmwalk3

	capture_extents
	echo 402fff >"$device"
	for command in 'walk -d demo ffffffffffffffff 2>&-' 'scan -d demo >&-' \
		'scan -d demo >&- 2>&-' 'scan -d demo <&- >&- 2>&-' 'translate -d demo <&-' \
		'translate -d demo <&- 2>&-'; do
		run --separate-stderr bash -c "LD_PRELOAD=\$0 vmwalk $command" "$REPLAY"
		[[ $status == 1 && $output != *0x402fff* && $(<"$device") == 402fff ]]
	done
	run --separate-stderr bash -c "LD_PRELOAD=\$0 vmwalk scan -d demo >&-" "$REPLAY"
	[[ $stderr == 'vmwalk: scan: standard output: '* ]]
	run --separate-stderr bash -c "LD_PRELOAD=\$0 vmwalk translate -d demo <&-" "$REPLAY"
	[[ $stderr == 'vmwalk: translate: standard input: Bad file descriptor' ]]
}

# Makes the locale LC_CTYPE=tr_TR, in which the lower case of I is not i.
make_locale()
{
	export LOCPATH=$BATS_TEST_TMPDIR/locales
	mkdir "$LOCPATH"
	{
		printf '%s\n' '<code_set_name> ASCII' '<escape_char> /' CHARMAP
		for ((i = 0; i < 128; i++)); do
			printf '<U%04X> /x%02x NAME\n' "$i" "$i"
		done
		echo 'END CHARMAP'
	} >"$LOCPATH/charmap"
	{
		printf '%s\n' LC_CTYPE 'upper <U0041>..<U005A>' 'lower <U0061>..<U007A>'
		printf 'tolower '
		for ((i = 65; i < 90; i++)); do
			((i == 73)) || printf '(<U%04X>,<U%04X>);' "$i" "$((i + 32))"
		done
		printf '%s\n' '(<U005A>,<U007A>)' 'END LC_CTYPE'
	} >"$LOCPATH/source"
	# It warns about all categories that are missing.
	localedef --no-archive -c -f "$LOCPATH/charmap" -i "$LOCPATH/source" "$LOCPATH/tr_TR" \
		2>/dev/null || [[ -f $LOCPATH/tr_TR/LC_CTYPE ]]
}

@test "column names do not depend on the locale" {
	type -P localedef || skip 'localedef is not installed'
	make_locale
	capture_item demo vmwalk0
	run --separate-stderr env -u LC_ALL LC_CTYPE=tr_TR vmwalk list --raw -o size,Live
	prints <<-'END'
		SIZE LIVE
		1048576 0
	END
	env -u LC_ALL LC_CTYPE=tr_TR vmwalk list --json | jq -e '.instances[0] | keys ==
		["buffer_type", "cache_mode", "dev_name", "live", "map_mode", "name", "numa_node", "size",
		"target_pid"]'
}

@test "list: a table sorted by name, in byte order" {
	capture_item b10 vmwalk0 live=1 buffer_type=kmalloc size=4096 target_pid=123
	capture_item b9 vmwalk12 numa_node=1 fill=letters size=5368709120
	run --separate-stderr vmwalk list
	prints <<-'END'
		NAME DEV_NAME LIVE BUFFER_TYPE SIZE MAP_MODE CACHE_MODE NUMA_NODE TARGET_PID
		b10  vmwalk0  1    kmalloc       4K fault    wb                -1        123
		b9   vmwalk12 0    vmalloc       5G fault    wb                 1          0
	END
	run --separate-stderr vmwalk list --bytes -o +fill
	prints <<-'END'
		NAME DEV_NAME LIVE BUFFER_TYPE       SIZE MAP_MODE CACHE_MODE NUMA_NODE TARGET_PID FILL
		b10  vmwalk0  1    kmalloc           4096 fault    wb                -1        123 zero
		b9   vmwalk12 0    vmalloc     5368709120 fault    wb                 1          0 letters
	END
	run --separate-stderr vmwalk list -O
	prints <<-'END'
		NAME DEV_NAME LIVE BUFFER_TYPE SIZE MAP_MODE CACHE_MODE NUMA_NODE TARGET_PID FILL    ADDRESS_BITS FAULT_AROUND TRACK_DIRTY LAST_ERROR
		b10  vmwalk0  1    kmalloc       4K fault    wb                -1        123 zero              64          64K 0           -
		b9   vmwalk12 0    vmalloc       5G fault    wb                 1          0 letters           64          64K 0           -
	END
	run --separate-stderr vmwalk list -n -r -o map_mode,name
	prints <<-'END'
		fault b10
		fault b9
	END
	run --separate-stderr vmwalk list --raw --output NAME,SIZE,LIVE
	prints <<-'END'
		NAME SIZE LIVE
		b10 4096 1
		b9 5368709120 0
	END
}

@test "list: names of any script are aligned" {
	local name

	capture_item ab vmwalk0
	capture_item 'é' vmwalk1
	capture_item $'\u65e5\u672c' vmwalk2
	capture_item $'a\u0301' vmwalk3
	LC_ALL=C.UTF-8
	run --separate-stderr vmwalk list -o NAME,DEV_NAME
	name=$'\u65e5\u672c'
	prints <<-END
		NAME DEV_NAME
		ab   vmwalk0
		a$(printf '\u0301')    vmwalk3
		é    vmwalk1
		$name vmwalk2
	END
}

@test "list: JSON" {
	capture_item 'quo"te\slash' vmwalk0 live=1
	vmwalk list --json | jq -e '.instances == [{
		name: "quo\"te\\slash", dev_name: "vmwalk0", live: true, buffer_type: "vmalloc",
		size: 1048576, map_mode: "fault", cache_mode: "wb", numa_node: -1, target_pid: 0 }]'
	vmwalk list --json --output-all | jq -e '.instances[0] | .fill == "zero" and
		.address_bits == 64 and .fault_around == 65536 and .track_dirty == false and
		.last_error == ""'
}

@test "an empty table has headings, unless an option or an error prevents it" {
	local option

	capture_device <<<"info 4096 4 4242"
	rm -r "$VMWALK_SYSROOT/sys/kernel/config/vmwalk/demo"
	run --separate-stderr vmwalk list
	prints <<<'NAME DEV_NAME LIVE BUFFER_TYPE SIZE MAP_MODE CACHE_MODE NUMA_NODE TARGET_PID'
	run --separate-stderr vmwalk list --raw -o NAME,LIVE
	prints <<<'NAME LIVE'
	run --separate-stderr vmwalk list -n
	prints </dev/null
	capture_item demo vmwalk3 live=1
	for command in scan vmas translate; do
		run --separate-stderr replay vmwalk "$command" -d demo </dev/null
		[[ $status == 0 && ${#lines[@]} == 1 && $output =~ ^\ +[A-Z] ]]
		run --separate-stderr replay vmwalk "$command" -d demo -n </dev/null
		prints </dev/null
	done
	echo 'error 3' >>"$VMWALK_REPLAY"
	for command in scan vmas 'translate 1000'; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr replay vmwalk $command -d demo
		fails 1 "vmwalk: ${command% *}: process 4242 has exited, or has started another program"
	done
}

@test "list: uses little memory, and reports that memory is short" {
	local limit failed=

	for ((i = 100; i < 300; i++)); do
		capture_item "item$i" "vmwalk$i"
	done
	# The limit is in KiB. 200 instances fit into 1280 KiB.
	for ((limit = 1280; !failed; limit -= 64)); do
		run --separate-stderr bash -c "ulimit -d $limit; vmwalk list --raw -n"
		[[ $limit != 1280 || $status == 0 ]]
		if [[ $status == 0 ]]; then
			[[ ${#lines[@]} == 200 && $output != *' - '* ]]
		else
			failed=1
			[[ $stderr == 'vmwalk: list: Cannot allocate memory' ]]
		fi
	done
}

# Invalid UTF-8: a lone byte, a truncated and an overlong sequence, a surrogate,
# a character above U+10FFFF, and a sequence truncated by the end of the text.
NO_UTF8=$'a\xffb\xe2\x82c\xc0\xafd\xed\xa0\x80e\xf4\x90\x80\x80f\xc3\xa9\xf0\x9f\x98\x80g\xf0\x9f'
AS_JSON='"a\ufffdb\ufffd\ufffdc\ufffd\ufffdd\ufffd\ufffd\ufffde\ufffd\ufffd\ufffd\ufffdf\u00e9\ud83d\ude00g\ufffd\ufffd"'

@test "JSON output is valid UTF-8 for names of any bytes" {
	local locale

	capture_vmas
	capture_item "$NO_UTF8" vmwalk0 last_error="$NO_UTF8"
	sed -i "1s|/usr.*|$NO_UTF8|" "$VMWALK_SYSROOT/proc/4242/maps"
	echo 'extent 0x400000 0x1000 1 1 12 0' >>"$VMWALK_REPLAY"
	for locale in C C.UTF-8; do
		LC_ALL=$locale
		vmwalk list --json >"$BATS_TEST_TMPDIR/list"
		vmwalk show --json "$NO_UTF8" >"$BATS_TEST_TMPDIR/show"
		for command in vmas scan 'walk 400000'; do
			# shellcheck disable=SC2086 # words
			replay vmwalk $command -d demo --json >"$BATS_TEST_TMPDIR/${command%% *}"
		done
		for command in list show vmas scan walk; do
			iconv -f UTF-8 -t UTF-8 "$BATS_TEST_TMPDIR/$command" >/dev/null
			jq -e --argjson name "$AS_JSON" 'any(.. | strings; . == $name)' \
				"$BATS_TEST_TMPDIR/$command"
		done
	done
}

@test "JSON output is valid if an attribute is empty or not a number" {
	capture_item empty vmwalk0 live= size= numa_node= target_pid= fault_around= track_dirty=
	capture_item wrong vmwalk1 live=2 size=12x numa_node=- target_pid=007 fault_around=0x10
	vmwalk list --json | jq -e 'all(.instances[]; .live == null and .size == null and
		.numa_node == null and .target_pid == null)'
	vmwalk show --json empty | jq -e '.configfs | .live == null and .size == null and
		.track_dirty == null'
	vmwalk show --json wrong | jq -e '.configfs | .fault_around == null and .size == null and
		.track_dirty == false'
	run --separate-stderr vmwalk list -n -o NAME,LIVE,SIZE
	[[ $status == 0 && ${lines[0]} =~ ^empty\ +-\ +-$ ]]
}

@test "every command escapes control characters in names" {
	local locale hostile=$'\e]0;x\a\e[31m\x9b2J\xc2\x9b2J\x7f\b\r\n.'

	capture_vmas
	capture_item "$hostile" vmwalk0 last_error="$hostile" fill="$hostile"
	printf '%s\n' "$hostile" >"$VMWALK_SYSROOT/proc/4242/comm"
	sed -i "1s|/usr.*|${hostile//$'\n'/}|" "$VMWALK_SYSROOT/proc/4242/maps"
	echo 'extent 0x400000 0x1000 1 1 12 0' >>"$VMWALK_REPLAY"
	for locale in C C.UTF-8; do
		LC_ALL=$locale
		for command in 'list' 'list --raw' 'list --json' 'show' 'show --json' 'destroy' \
			'scan' 'scan --raw' 'scan --json' 'vmas' 'vmas --raw' 'vmas --json' \
			'walk 400000' 'walk 400000 --json' "$hostile"; do
			set -- "$hostile"
			case $command in
			list*)			set -- ;;
			scan* | vmas* | walk*)	set -- -d demo ;;
			esac
			# shellcheck disable=SC2086 # words
			replay vmwalk $command "$@" >"$BATS_TEST_TMPDIR/output" 2>&1 || true
			[[ -s $BATS_TEST_TMPDIR/output ]]
			# C0 except newline, and C1, as one byte or in UTF-8
			if LC_ALL=C grep -aP '[\x00-\x09\x0b-\x1f\x7f]|\x9b' \
				"$BATS_TEST_TMPDIR/output"; then
				echo "vmwalk $command"
				return 1
			fi
		done
		run --separate-stderr replay vmwalk walk -d demo 400000
		[[ ${lines[0]} == *'process 4242 (\x1b]0;x\x07\x1b[31m\x9b2J\xc2\x9b2J\x7f\x08\x0d\x0a.)' ]]
	done
	# A literal \x is escaped, too.
	capture_item demo vmwalk3 last_error='a\x41\b'
	run --separate-stderr vmwalk show demo
	[[ $output == *'a\x5cx41\b' ]]
}

@test "show: a pending instance has attributes only" {
	capture_item demo vmwalk0 size=2097152 last_error='size 0 is out of range'
	run --separate-stderr vmwalk show demo
	prints <<-'END'
		/sys/kernel/config/vmwalk/demo
		  live            0
		  buffer_type     vmalloc
		  size            2M
		  map_mode        fault
		  cache_mode      wb
		  numa_node       -1
		  address_bits    64
		  fill            zero
		  fault_around    64K
		  track_dirty     0
		  target_pid      0
		  last_error      size 0 is out of range
	END
	vmwalk show --json demo | jq -e '.name == "demo" and .device == "/dev/vmwalk0" and
		.configfs.live == false and .configfs.size == 2097152 and
		(has("sysfs") or has("stats") | not)'
}

@test "show: a live instance has counters, and addresses are shown, hidden or -" {
	local sysfs=$VMWALK_SYSROOT/sys/class/vmwalk/vmwalk0

	capture_item demo vmwalk0 live=1
	mkdir -p "$sysfs/stats"
	echo 12345678901234567890 >"$sysfs/stats/faults"
	while read -r address max segments shown max_shown json max_json; do
		echo "$address" >"$sysfs/phys_addr"
		echo "$max" >"$sysfs/phys_addr_max"
		echo "$segments" >"$sysfs/segments"
		run --separate-stderr vmwalk show demo
		[[ $status == 0 ]]
		[[ $output == *$'\n'"  phys_addr       $shown"$'\n'* ]]
		[[ $output == *$'\n'"  phys_addr_max   $max_shown"$'\n'* ]]
		[[ $output == *$'\n'"  segments        $segments"$'\n'* ]]
		[[ $output == *$'\n'"  faults          12345678901234567890"$'\n'* ]]
		vmwalk show demo --json | jq -e --argjson phys "$json" --argjson max "$max_json" \
			--argjson segments "$segments" '.stats.walks == null and
			.sysfs == { phys_addr: $phys, phys_addr_max: $max, segments: $segments }'
	done <<-'END'
		0x12340000 0x12340fff 1 0x12340000 0x12340fff "0x12340000" "0x12340fff"
		0x0 0x0 1 hidden hidden "hidden" "hidden"
		0x0 0x0 7 - hidden null "hidden"
		0x0 0x12347fff 7 - 0x12347fff null "0x12347fff"
	END
}

@test "walk: a small page, four levels" {
	capture_device <<-'END'
		info 4096 4 4242
		walk 0x819 12 4 0 0x12ab3 0x12ab3123
		level 0x104a2e000 0x104a2f067 0 1
		level 0 0 0 2
		level 0x104a2f000 0x104a30067 0 1
		level 0x104a30000 0x10b1c2067 2 1
		level 0x10b1c2000 0x8000000012ab3025 1 5
	END
	run --separate-stderr replay vmwalk walk -d demo 401123
	prints <<-'END'
		address 0x401123 of process 4242 (student)
		in 400000-42c000 r-xp /usr/bin/a program

		          pgd        p4d     pud        pmd        pte        offset
		  bits    47-39      folded  38-30      29-21      20-12      11-0
		  binary  000000000          000000000  000000010  000000001  000100100011
		  index   0                  0          2          1          0x123

		  level                 table at           index  entry
		  pgd                   0x104a2e000            0  0x0000000104a2f067
		  \_ p4d                folded: this machine has 4 levels
		     \_ pud             0x104a2f000            0  0x0000000104a30067
		        \_ pmd          0x104a30000            2  0x000000010b1c2067
		           \_ pte       0x10b1c2000            1  0x8000000012ab3025
		              \_ page   0x12ab3000

		  page      4K, mapped by the pte entry
		  frame     0x12ab3
		  physical  0x12ab3123
		  flags     present,user,accessed,file
	END
	replay vmwalk walk -d demo --json 0x401123 | jq -e '.address == "0x401123" and .pid == 4242 and
		.mapping.name == "/usr/bin/a program" and .stop == "page" and .stop_level == "pte" and
		.size == 4096 and .pfn == "0x12ab3" and .phys == "0x12ab3123" and
		.flags == ["present", "user", "accessed", "file"] and
		[.levels[].state] == ["read", "folded", "read", "read", "leaf"] and
		.levels[4] == { level: "pte", state: "leaf", table: "0x10b1c2000", index: 1,
				entry: "0x8000000012ab3025" }'
	# Without readable maps
	rm "$VMWALK_SYSROOT/proc/4242/maps"
	run --separate-stderr replay vmwalk walk -d demo 0x401123
	[[ $status == 0 && ${lines[1]} == 'in an unknown mapping' ]]
}

@test "walk: a huge page, five levels" {
	capture_device <<-'END'
		info 4096 5 4242
		walk 0x201b 30 2 0 0x87654 0x87654321
		level 0x1000 0x2067 1 1
		level 0x2000 0x3067 2 1
		level 0x3000 0x80000000800000e7 3 5
	END
	run --separate-stderr replay vmwalk walk -d demo 10100c7654321
	prints <<-'END'
		address 0x10100c7654321 of process 4242 (student)
		in no mapping

		          pgd        p4d        pud        offset
		  bits    56-48      47-39      38-30      29-0
		  binary  000000001  000000010  000000011  000111011001010100001100100001
		  index   1          2          3          0x7654321

		  level                 table at           index  entry
		  pgd                   0x1000                 1  0x0000000000002067
		  \_ p4d                0x2000                 2  0x0000000000003067
		     \_ pud             0x3000                 3  0x80000000800000e7
		        \_ page         0x80000000

		  page      1G, mapped by the pud entry
		  frame     0x87654
		  physical  0x87654321
		  flags     present,write,user,accessed,hugetlb
	END
}

@test "walk: without a page, describes the last entry" {
	for stop in '0 21 3 1:none: the pmd entry, which covers 2M, is empty:empty' \
		'0x80 12 4 2:none: the pte entry is a swap or migration entry:absent' \
		'0x400 12 4 2:none: the pte entry is a marker:absent'; do
		IFS=: read -r walk none entry json <<<"$stop"
		capture_device <<<"info 4096 4 4242"$'\n'"walk $walk 0 0"
		run --separate-stderr replay vmwalk walk -d demo 0x7fff1000
		[[ $status == 0 && $output == *$'\n'"  page      $none:$entry"* ]]
		[[ $output != *frame* && $output != *physical* ]]
		replay vmwalk walk -d demo -J 0x7fff1000 | jq -e --arg stop "$json" \
			'.stop == $stop and .pfn == null and .phys == null and .mapping.name == "[stack]"'
	done
}

@test "walk: withheld values are shown as hidden" {
	capture_device <<-'END'
		info 4096 4 4242
		walk 0x8819 12 4 0 0 0
		level 0 0 0 1
		level 0 0 0 2
		level 0 0 0 1
		level 0 0 2 1
		level 0 0 1 5
	END
	run --separate-stderr replay vmwalk walk -d demo 401123
	[[ $status == 0 ]]
	[[ $(grep -c 'hidden  *[0-9][0-9]*  hidden$' <<<"$output") == 4 ]]
	[[ $output == *$'\n''              \_ page   hidden'$'\n'* ]]
	[[ $output == *$'\n''  frame     hidden: the opener of the device lacks CAP_SYS_ADMIN, '* ]]
	[[ $output == *$'\n''  physical  hidden'* ]]
	[[ $output != *0x0000* ]]
	replay vmwalk walk -d demo -J 401123 | jq -e '.pfn == "hidden" and .phys == "hidden" and
		.levels[4].table == "hidden" and .levels[4].entry == "hidden" and
		.levels[4].index == 1 and (.flags | index("hidden"))'
}

@test "walk: a kernel address, without a process" {
	capture_device <<-'END'
		info 4096 4 4242
		walk 0x10037 30 2 0 0x100123 0x100123456
		level 0x2a10000 0x2401067 402 1
		level 0 0 0 2
		level 0x2401000 0x80000001000001e3 511 5
	END
	run --separate-stderr replay vmwalk walk -d demo --kernel ffffc97fc0123456
	prints <<-'END'
		address 0xffffc97fc0123456 of the kernel

		          pgd        p4d     pud        offset
		  bits    47-39      folded  38-30      29-0
		  binary  110010010          111111111  000000000100100011010001010110
		  index   402                511        0x123456

		  level                 table at           index  entry
		  pgd                   0x2a10000            402  0x0000000002401067
		  \_ p4d                folded: this machine has 4 levels
		     \_ pud             0x2401000            511  0x80000001000001e3
		        \_ page         0x100000000

		  page      1G, mapped by the pud entry
		  frame     0x100123
		  physical  0x100123456
		  flags     present,write,exec,accessed,dirty,huge
	END
	replay vmwalk walk -d demo -kJ 0xffffc97fc0123456 |
		jq -e '.address == "0xffffc97fc0123456" and .pid == null and .mapping == null and
			.phys == "0x100123456" and (.flags | index("huge"))'
	run --separate-stderr replay vmwalk walk -d demo -k 401123
	fails 1 'vmwalk: walk: kernel: 0x401123 is not a kernel address; omit --kernel to walk a process'
	run --separate-stderr replay vmwalk walk -d demo ffffc97fc0123456
	fails 1 "vmwalk: walk: process 4242: 0xffffc97fc0123456 is not a user-space address; $(
		)use --kernel for a kernel address"
}

capture_translations()
{
	capture_device <<-'END'
		info 4096 4 4242
		translation 0x7fff00200123 0x80000123 0x10831 21 1
		translation 0x401000 0 0x8811 12 -1
		translation 0x402fff 0 0x80 12 -1
		translation 0x600000 0 0 21 -1
	END
}

@test "translate: a table in the order of the arguments" {
	capture_translations
	run --separate-stderr replay vmwalk translate -d demo 7fff00200123 0x401000 402fff 600000 \
		0x401000
	prints <<-'END'
		       ADDRESS           PHYS  SIZE  NODE FLAGS
		0x7fff00200123     0x80000123    2M     1 accessed,dirty,file,huge
		      0x401000         hidden    4K     - accessed,file,hidden
		      0x402fff              -    4K     - swap
		      0x600000              -    2M     - -
		      0x401000         hidden    4K     - accessed,file,hidden
	END
	run --separate-stderr replay vmwalk translate -d demo -r -o phys,size,flags,address \
		ffffffffffffffff 600000 7fff00200123
	prints <<-'END'
		PHYS SIZE FLAGS ADDRESS
		- - - 0xffffffffffffffff
		- 2097152 - 0x600000
		0x80000123 2097152 present,accessed,dirty,file,huge 0x7fff00200123
	END
}

@test "translate: JSON" {
	capture_translations
	replay vmwalk translate -d demo --json 7fff00200123 401000 600000 |
		jq -e '.translations == [
			{ address: "0x7fff00200123", phys: "0x80000123", size: 2097152, node: 1,
			  flags: ["present", "accessed", "dirty", "file", "huge"] },
			{ address: "0x401000", phys: "hidden", size: 4096, node: null,
			  flags: ["present", "accessed", "file", "hidden"] },
			{ address: "0x600000", phys: null, size: 2097152, node: null, flags: [] }]'
	replay vmwalk translate -d demo --json </dev/null | jq -e '.translations == []'
}

@test "translate: addresses from standard input and arguments give the same output" {
	local addresses=(7fff00200123 0x401000 402fff 600000)

	capture_translations
	for format in '' --raw --json; do
		# shellcheck disable=SC2086 # optional
		replay vmwalk translate -d demo $format "${addresses[@]}" >"$BATS_TEST_TMPDIR/arguments"
		# shellcheck disable=SC2086
		printf '%s\n' "${addresses[@]}" | replay vmwalk translate -d demo $format |
			diff "$BATS_TEST_TMPDIR/arguments" -
		# The last line may lack its newline.
		# shellcheck disable=SC2086
		printf '%s\n%s\n%s\n%s' "${addresses[@]}" |
			replay vmwalk translate -d demo $format | diff "$BATS_TEST_TMPDIR/arguments" -
	done
}

@test "translate: more addresses than one batch, each once, in order" {
	capture_translations
	seq -f '%.0f' 1000000 1005000 >"$BATS_TEST_TMPDIR/addresses"
	seq -f '%.0f' 1000000 1005000 | replay vmwalk translate -d demo -r -n -o ADDRESS |
		sed s/0x// | diff "$BATS_TEST_TMPDIR/addresses" -
	# shellcheck disable=SC2046 # words
	replay vmwalk translate -d demo -n -o ADDRESS $(<"$BATS_TEST_TMPDIR/addresses") |
		sed 's/ *0x//' | diff "$BATS_TEST_TMPDIR/addresses" -
}

@test "translate: answers each line before it reads the next one" {
	local format address answer answers pid end

	capture_translations
	mkfifo "$BATS_TEST_TMPDIR/questions"
	for format in '' --raw --json; do
		exec {answers}< <(
			# shellcheck disable=SC2086 # optional
			replay vmwalk translate -d demo -n -o ADDRESS $format \
				<"$BATS_TEST_TMPDIR/questions" 3>&-
		)
		pid=$!
		# The comma and newline after a row of JSON come with the next row.
		end=$'\n'
		[[ $format != --json ]] || end='}'
		for address in 0x401000 0x402fff; do
			echo "$address"
			answer=
			until [[ $answer == *"$address"* ]]; do
				read -r -d "$end" -t 10 -u "$answers" answer
			done
		done >"$BATS_TEST_TMPDIR/questions"
		cat <&"$answers"
		wait "$pid"
	done
}

@test "translate: an invalid line is an error, after the previous lines are answered" {
	local long

	capture_translations
	printf -v long '%020000d' 0
	run --separate-stderr replay vmwalk translate -d demo -n -o ADDRESS \
		< <(printf '402fff\n%s\n401000\n' "$long")
	[[ $status == 1 && $output == '      0x402fff' ]]
	[[ $stderr == 'vmwalk: translate: standard input: a line exceeds 8191 bytes' ]]
	for line in xyz '' ' 1000' '1000 2000' 0x12345678901234567 "${long:0:8000}x"; do
		for format in '' --json; do
			# shellcheck disable=SC2086 # optional
			run --separate-stderr replay vmwalk translate -d demo $format \
				< <(printf '402fff\n%s\n401000\n' "$line")
			[[ $status == 1 ]]
			[[ $stderr == "vmwalk: translate: standard input: '${line:0:64}' $NOT_AN_ADDRESS" ]]
			[[ $output == *0x402fff* && $output != *0x401000* ]]
		done
		jq -e '.translations | length == 1' <<<"$output"
	done
}

@test "translate: a NUL byte in a line is an error" {
	capture_translations
	run --separate-stderr replay vmwalk translate -d demo -n -o ADDRESS \
		< <(printf '402fff\n401000\0junk\n401000\n')
	[[ $status == 1 && $output == '      0x402fff' ]]
	[[ $stderr == "vmwalk: translate: standard input: '401000' is followed by a NUL byte" ]]
}

@test "EPERM messages name the missing capability and lockdown" {
	local command

	capture_device <<<"info 4096 4 4242"$'\n'"error 1"
	for command in 'walk 1000' 'translate 1000' scan vmas; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr replay vmwalk $command -d demo
		[[ $status == 1 && $stderr == *': Operation not permitted: '*CAP_SYS_PTRACE*lockdown ]]
	done
	run --separate-stderr replay vmwalk walk -kd demo ffffc97fc0123456
	[[ $status == 1 && $stderr == *': Operation not permitted: '*CAP_SYS_ADMIN*lockdown ]]
}

@test "an error message keeps its errno if the output fails, too" {
	[[ -c /dev/full ]] || mknod /dev/full c 1 7
	capture_device <<<"info 4096 4 4242"$'\n'"error 3"
	for command in 'translate 1000' scan vmas; do
		run --separate-stderr bash -c \
			"LD_PRELOAD=\$0 vmwalk $command -d demo --json >/dev/full" "$REPLAY"
		[[ $status == 1 && $stderr == *'process 4242 has exited, or has started another program'$'\n'* ]]
	done
}

@test "translate: reports a process that exits, and ends its JSON" {
	capture_device <<<"info 4096 4 4242"$'\n'"error 3"
	run --separate-stderr replay vmwalk translate -d demo --json 1000
	[[ $status == 1 && $stderr == 'vmwalk: translate: process 4242 has exited, or has started another program' ]]
	jq -e '.translations == []' <<<"$output"
	run --separate-stderr replay vmwalk translate -d demo --json <<<1000
	[[ $status == 1 && $stderr == 'vmwalk: translate: process 4242 has exited, or has started another program' ]]
	jq -e '.translations == []' <<<"$output"
	run --separate-stderr replay vmwalk translate -d demo </
	[[ $status == 1 && $stderr == 'vmwalk: translate: standard input: Is a directory' ]]
}

capture_vmas()
{
	capture_device <<-'END'
		info 4096 4 4242
		vma 0x400000 0x42c000 0x875 0x25 1 1234 8 1 0x15 12
		vma 0x42c000 0x42d000 0x100073 0x8000000000000025 0x42c 0 0 0 3 12
		vma 0x50000000 0x50010000 0x4044400fb 0x8000000000000037 16 7 0 6 0x3b 12
		vma 0x60000000 0x60200000 0x4000fb 0x27 0 88 0 17 0x59 21
	END
}

@test "vmas: a table" {
	capture_vmas
	run --separate-stderr replay vmwalk vmas -d demo
	prints <<-'END'
		         START            END PERM      OFFSET  DEVICE    INODE  PAGE_SIZE   VM_FLAGS          PAGE_PROT ATTRS        MAPPING
		      0x400000       0x42c000 r-xp      0x1000   08:01     1234         4K      0x875               0x25 file         /usr/bin/a program
		      0x42c000       0x42d000 rw-p           -       -        -         4K   0x100073 0x8000000000000025 -            [anon]
		    0x50000000     0x50010000 rw-s     0x10000   00:06        7         4K 0x4044400fb 0x8000000000000037 file,device -
		    0x60000000     0x60200000 r--s         0x0   00:11       88         2M   0x4000fb               0x27 file,hugetlb -
	END
	run --separate-stderr replay vmwalk vmas -d demo -r -n -o start,page_size,attrs,mapping
	prints <<-'END'
		0x400000 4096 file /usr/bin/a\x20program
		0x42c000 4096 - [anon]
		0x50000000 4096 file,device -
		0x60000000 2097152 file,hugetlb -
	END
}

@test "vmas: JSON" {
	capture_vmas
	replay vmwalk vmas -d demo --json | jq -e '.vmas | length == 4 and
		.[0] == { start: "0x400000", end: "0x42c000", perm: "r-xp", offset: "0x1000",
			  device: "08:01", inode: 1234, page_size: 4096, vm_flags: "0x875",
			  page_prot: "0x25", attrs: ["file"], mapping: "/usr/bin/a program" } and
		.[1].offset == null and .[1].device == null and .[1].inode == null and
		.[1].attrs == [] and .[2].mapping == null'
	capture_device <<<'info 4096 4 4242'
	replay vmwalk vmas -d demo --json | jq -e '.vmas == []'
}

@test "vmas: reports a process that exits, and ends its JSON" {
	capture_vmas
	echo 'error 3' >>"$VMWALK_REPLAY"
	run --separate-stderr replay vmwalk vmas -d demo --json
	[[ $status == 1 && $stderr == 'vmwalk: vmas: process 4242 has exited, or has started another program' ]]
	jq -e '.vmas | length == 4' <<<"$output"
}

# An extent across two mappings, a stack page with hidden PFN, and others.
capture_extents()
{
	capture_device <<-'END'
		info 4096 4 4242
		extent 0x400000 0x1000 45 0x0811 12 0
		extent 0x7ffd0000 0x200000 1 0x8003 12 1
		extent 0x7ffe0000 0 3 0x80 12 -1
		extent 0x90000000 0x40000 262144 0x2003 30 1
	END
}

@test "scan: a table, with extents split at mapping borders" {
	capture_extents
	run --separate-stderr replay vmwalk scan -d demo
	prints <<-'END'
		         START            END    PAGES        PFN  SIZE  NODE FLAGS                      PERM  MAPPING
		      0x400000       0x42c000       44     0x1000    4K     0 accessed,file              r-xp  /usr/bin/a program
		      0x42c000       0x42d000        1     0x102c    4K     0 accessed,file              rw-p  [anon]
		    0x7ffd0000     0x7ffd1000        1     hidden    4K     1 write,hidden               rw-p  [stack]
		    0x7ffe0000     0x7ffe3000        3          -    4K     - swap                       rw-p  [stack]
		    0x90000000     0xd0000000   262144    0x40000    1G     1 write,hugetlb              -     -
	END
	run --separate-stderr replay vmwalk scan -d demo --raw -o start,pages,size,pfn,flags,mapping
	prints <<-'END'
		START PAGES SIZE PFN FLAGS MAPPING
		0x400000 44 4096 0x1000 present,accessed,file /usr/bin/a\x20program
		0x42c000 1 4096 0x102c present,accessed,file [anon]
		0x7ffd0000 1 4096 hidden present,write,hidden [stack]
		0x7ffe0000 3 4096 - swap [stack]
		0x90000000 262144 1073741824 0x40000 present,write,hugetlb -
	END
}

# Widths are fixed, because rows are printed while the next ones are not known.
@test "scan: a long value moves only the values after it, until there is space" {
	capture_device <<-'END'
		info 4096 5 4242
		extent 0x400000 0x1000 1 0x80f 12 0
		extent 0x10100c7654000 0x123456789ab 2 0x0823 12 0
		extent 0x10100c7656000 0x200 1 0x283f 12 12345
		extent 0x10100c7657000 0 1 0x80 12 -1
	END
	run --separate-stderr replay vmwalk scan -d demo
	prints <<-'END'
		         START            END    PAGES        PFN  SIZE  NODE FLAGS                      PERM  MAPPING
		      0x400000       0x401000        1     0x1000    4K     0 write,exec,user,file       r-xp  /usr/bin/a program
		0x10100c7654000 0x10100c7656000      2 0x123456789ab 4K     0 write,dirty,file           -     -
		0x10100c7656000 0x10100c7657000      1      0x200    4K 12345 write,exec,user,accessed,dirty,file,hugetlb - -
		0x10100c7657000 0x10100c7658000      1          -    4K     - swap                       -     -
	END
}

@test "no line of a table ends with blanks" {
	local command

	capture_vmas
	echo 'extent 0x400000 0x1000 1 1 12 0' >>"$VMWALK_REPLAY"
	for command in list 'list -O' 'scan -d demo' 'vmas -d demo' 'scan -d demo -o MAPPING,FLAGS' \
		'translate -d demo -o PHYS,FLAGS 1000'; do
		# shellcheck disable=SC2086 # words
		replay vmwalk $command >"$BATS_TEST_TMPDIR/output"
		[[ -s $BATS_TEST_TMPDIR/output ]]
		if grep ' $' "$BATS_TEST_TMPDIR/output"; then
			echo "vmwalk $command"
			return 1
		fi
	done
}

@test "scan: --bytes and JSON print the same sizes" {
	capture_extents
	run --separate-stderr replay vmwalk scan -d demo -b -o SIZE
	prints <<-'END'
		 SIZE
		 4096
		 4096
		 4096
		 4096
		1073741824
	END
	diff <(replay vmwalk scan -d demo -bn -o SIZE | tr -d ' ') \
		<(replay vmwalk scan -d demo -J | jq '.extents[].size')
}

@test "scan: JSON" {
	capture_extents
	replay vmwalk scan -d demo --json >"$BATS_TEST_TMPDIR/json"
	jq -e '.extents | length == 5 and .[0] == { start: "0x400000", end: "0x42c000", pages: 44,
		pfn: "0x1000", size: 4096, node: 0, flags: ["present", "accessed", "file"],
		perm: "r-xp", mapping: "/usr/bin/a program" } and
		.[2].pfn == "hidden" and .[3].pfn == null and .[3].node == null and
		.[4].mapping == null' "$BATS_TEST_TMPDIR/json"
}

@test "scan: --start and --end, rounded to whole pages" {
	capture_extents
	run --separate-stderr replay vmwalk scan -d demo -n -o START --start 7ffd0fff --end 0x7ffe0001
	prints <<-'END'
		    0x7ffd0000
		    0x7ffe0000
	END
}

@test "scan: ends if borders in maps are not page-aligned" {
	capture_extents
	cat >"$VMWALK_SYSROOT/proc/4242/maps" <<-'END'
		400000-400800 r-xp 00001000 08:01 1234                      /first
		400800-402001 r-xp 00001000 08:01 1234                      /second
		402fff-403000 rw-p 00000000 00:00 0                         /third
	END
	# Only SIGKILL ends an endless scan.
	run --separate-stderr timeout --signal=KILL 60 \
		bash -c "LD_PRELOAD=\$0 vmwalk scan -d demo -rn -o START,PAGES,MAPPING --end 42d000 |
			head -n 9" "$REPLAY"
	prints <<-'END'
		0x400000 1 /first
		0x401000 2 /second
		0x403000 42 -
	END
}

@test "scan: --device accepts an instance, a device and a path" {
	capture_extents
	for name in demo vmwalk3 "$VMWALK_SYSROOT/dev/vmwalk3"; do
		run --separate-stderr replay vmwalk scan -d "$name" -n -r -o PFN
		[[ $status == 0 && $output == 0x1000$'\n'0x102c$'\n'* ]]
	done
	for name in vmwalk4 vmwalk3x vmwalk+3 vmwalk03 vmwalk4294967299 'vmwalk 3' nobody; do
		run --separate-stderr replay vmwalk scan -d "$name"
		fails 1 "vmwalk: scan: $name: no such instance"
	done
	capture_item pending vmwalk5
	run --separate-stderr replay vmwalk scan -d pending
	fails 1 'vmwalk: scan: pending: the instance is not live: vmwalk set pending live=1'
	run --separate-stderr replay vmwalk scan -d "$VMWALK_SYSROOT/dev/vmwalk5"
	fails 1 "vmwalk: scan: $VMWALK_SYSROOT/dev/vmwalk5: No such file or directory"
	run --separate-stderr vmwalk scan -d /dev/null
	fails 1 'vmwalk: scan: /dev/null: not a vmwalk device'
}

@test "scan: more extents than one batch, each once, in order" {
	{
		echo 'info 4096 4 4242'
		for ((i = 0; i < 1300; i++)); do
			echo "extent $((0x100000 + i * 8192)) $((i + 1)) 1 1 12 0"
		done
	} | capture_device
	for format in '' --raw; do
		# shellcheck disable=SC2086 # optional
		run --separate-stderr replay vmwalk scan -d demo $format -n -o START
		[[ $status == 0 ]]
		diff <(tr -d ' ' <<<"$output") <(seq 0 1299 | awk '{ printf "0x%x\n", 1048576 + $1 * 8192 }')
	done
	[[ $(replay vmwalk scan -d demo | grep -c START) == 1 ]]
	replay vmwalk scan -d demo --json | jq -e '.extents | length == 1300'
}

@test "scan: huge pages have extents of their own and can be selected" {
	local masks

	capture_device <<-'END'
		info 4096 4 4242
		extent 0x40000000 0x1000 512 0x10003 21 0
		extent 0x40200000 0x1200 512 0x3 12 0
	END
	run --separate-stderr replay vmwalk scan -d demo -n -o SIZE,FLAGS
	prints <<-'END'
		   2M write,huge
		   4K write
	END
	replay vmwalk scan -d demo -J |
		jq -e '[.extents[].flags] == [["present", "write", "huge"], ["present", "write"]]'
	for masks in '-m huge' '--mask=present,huge' '-f huge' '--flags=write,huge'; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr replay vmwalk scan -d demo $masks
		[[ $status == 0 && ! $stderr ]]
	done
}

# first_rows ROWS COMMAND...: succeeds if COMMAND prints so many rows while it
# waits at the gate. The file "rest" gets the rows that follow.
first_rows()
{
	local line rows pid gate end=$'\n' before=0 wanted=$1
	shift

	[[ $* != *--json ]] || end='}'
	export VMWALK_REPLAY_GATE=$BATS_TEST_TMPDIR/gate
	[[ -p $VMWALK_REPLAY_GATE ]] || mkfifo "$VMWALK_REPLAY_GATE"
	exec {rows}< <(replay "$@" 3>&-)
	pid=$!
	while ((before < wanted)) && read -r -d "$end" -t 10 -u "$rows" line; do
		[[ $line != *'"start": "0x'* && $line != *( )0x* ]] || ((before += 1))
	done
	echo "$before rows before the gate"
	# Opened for reading, too: this must not block if the command has ended.
	exec {gate}<>"$VMWALK_REPLAY_GATE"
	cat <&"$rows" >"$BATS_TEST_TMPDIR/rest"
	exec {gate}>&- {rows}<&-
	wait "$pid"
	((before == wanted))
}

@test "scan, vmas: print the first rows before they have found the others" {
	local format

	shopt -s extglob
	capture_vmas
	cat >>"$VMWALK_REPLAY" <<-'END'
		extent 0x100000 1 1 1 12 0
		repeat 1000 0x2000
		gate 0x130000
	END
	for format in '' --raw --json; do
		# The first batch of 16 extents is before the gate.
		# shellcheck disable=SC2086 # optional
		first_rows 15 vmwalk scan -d demo $format
		grep -q 0x8d0000 "$BATS_TEST_TMPDIR/rest"
	done
	sed -i 's/^gate.*/gate 0x42d000/' "$VMWALK_REPLAY"
	for format in '' --raw --json; do
		# shellcheck disable=SC2086
		first_rows 1 vmwalk vmas -d demo $format
		grep -q 0x60000000 "$BATS_TEST_TMPDIR/rest"
	done
}

@test "scan, translate: memory use does not grow with the output" {
	local format

	capture_device <<-'END'
		info 4096 4 4242
		extent 0x100000 1 1 1 12 0
		repeat 199999 0x2000
	END
	for format in '' --raw --json; do
		(
			ulimit -d 2048
			# shellcheck disable=SC2086 # optional
			replay vmwalk scan -d demo $format -o START >"$BATS_TEST_TMPDIR/scan"
			# shellcheck disable=SC2086
			sed -n 's/[^0]*\(0x[0-9a-f]*\).*/\1/p' "$BATS_TEST_TMPDIR/scan" |
				replay vmwalk translate -d demo $format -o ADDRESS \
				>"$BATS_TEST_TMPDIR/translate"
		)
		for output in scan translate; do
			(($(grep -c 0x "$BATS_TEST_TMPDIR/$output") == 200000))
		done
	done
}

# pagemap_entries FILE PAGE COUNT: prints entries of a file like pagemap.
pagemap_entries()
{
	od -An -v -tx8 -w8 -j $(($2 * 8)) -N $(($3 * 8)) "$1"
}

@test "scan: --pagemap writes the entry of page N at offset 8 * N, and holes" {
	local file=$BATS_TEST_TMPDIR/pagemap pages

	capture_device <<-'END'
		info 4096 4 4242
		extent 0x400000 0x1000 2 0x0811 12 0
		extent 0x403000 0 1 0x80 12 -1
		extent 0x7f0000000000 0x40000 40000 0x2003 21 1
		extent 0x7ffffffff000 0x77 1 3 12 1
	END
	run --separate-stderr replay vmwalk scan -d demo --pagemap "$file"
	prints </dev/null
	[[ $(stat -c %a "$file") == 600 ]]
	diff <(pagemap_entries "$file" 0x3ff 6) <(printf ' %s\n' 0000000000000000 a000000000001000 \
		a000000000001001 0000000000000000 4000000000000000 0000000000000000)
	pages=$((0x7f0000000000 / 4096))
	diff <(pagemap_entries "$file" $((pages - 1)) 40002) <(
		echo ' 0000000000000000'
		seq -f '%.0f' 262144 302143 | xargs printf ' 8%015x\n'
		echo ' 0000000000000000')
	diff <(pagemap_entries "$file" 0x7ffffffff 1) <(echo ' 8000000000000077')
	# 256 GiB long, but with little data
	(($(stat -c %s "$file") == 256 << 30))
	(($(stat -c '%b * %B' "$file") < 1 << 20))
}

@test "scan: --pagemap writes only the pages from --start to --end" {
	local file=$BATS_TEST_TMPDIR/pagemap

	capture_device <<-'END'
		info 4096 4 4242
		extent 0x400000 0x1000 8 1 12 0
	END
	echo 'old contents' >"$file"
	replay vmwalk scan -d demo -P "$file" --start 400000 --end 403000
	diff <(pagemap_entries "$file" 0x3ff 10) <(printf ' %s\n' 0000000000000000 8000000000001000 \
		8000000000001001 8000000000001002)
	# Parts of pages are rounded to whole pages, as for rows.
	replay vmwalk scan -d demo -P "$file" --start 400fff --end 403001
	diff <(pagemap_entries "$file" 0x3ff 10) <(printf ' %s\n' 0000000000000000 8000000000001000 \
		8000000000001001 8000000000001002 8000000000001003)
	# Nothing is found: an empty file
	replay vmwalk scan -d demo -P "$file" --start 500000
	[[ -f $file && ! -s $file ]]
}

@test "scan: --pagemap rejects options for rows and special files, and reports errors" {
	local option file=$BATS_TEST_TMPDIR/pagemap

	for option in --json -r -n -b -O '-o PFN' '-m write' '-f write'; do
		# shellcheck disable=SC2086 # words
		usage_error "scan: --pagemap is incompatible with options for rows" \
			scan -d demo --pagemap "$file" $option
	done
	[[ ! -e $file ]]
	capture_extents
	run --separate-stderr replay vmwalk scan -d demo --pagemap /nonexistent/file
	fails 1 'vmwalk: scan: /nonexistent/file: No such file or directory'
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	exec {fifo}<>"$BATS_TEST_TMPDIR/fifo"
	for target in /dev/null "$BATS_TEST_TMPDIR/fifo"; do
		run --separate-stderr replay vmwalk scan -d demo --pagemap "$target"
		fails 1 "vmwalk: scan: $target: not a regular file"
	done
	exec {fifo}>&-
	# SIGXFSZ is ignored, as on a file system without large files.
	run --separate-stderr bash -c "trap '' XFSZ; ulimit -f 1
		LD_PRELOAD=\$0 vmwalk scan -d demo --pagemap $file" "$REPLAY"
	fails 1 "vmwalk: scan: $file: File too large"
	echo 'error 3' >>"$VMWALK_REPLAY"
	run --separate-stderr replay vmwalk scan -d demo --pagemap "$file"
	fails 1 'vmwalk: scan: process 4242 has exited, or has started another program'
}

@test "scan: reports a process that exits, and ends its JSON" {
	{
		echo 'info 4096 4 4242'
		echo 'error 3'
		for ((i = 0; i < 512; i++)); do
			echo "extent $((0x100000 + i * 8192)) $((i + 1)) 1 1 12 0"
		done
	} | capture_device
	run --separate-stderr replay vmwalk scan -d demo --json
	[[ $status == 1 && $stderr == 'vmwalk: scan: process 4242 has exited, or has started another program' ]]
	jq -e '.extents | length == 512' <<<"$output"
}

@test "list: names may begin with a dot" {
	capture_item .hidden vmwalk0
	capture_item ..both vmwalk1
	run --separate-stderr vmwalk list --json
	jq -e '[.instances[].name] == ["..both", ".hidden"]' <<<"$output"
}

@test "make install: files are readable by all with umask 077, and DESTDIR may have blanks" {
	local made root="$BATS_TEST_TMPDIR/two words"

	made=$(dirname "$(type -P vmwalk)")
	[[ -f $BATS_TEST_DIRNAME/../../userspace/Makefile && -f $made/libvmwalk.so ]] ||
		skip 'the source tree is not here'
	(
		umask 077
		make -s -C "$BATS_TEST_DIRNAME/../../userspace" O="$made" \
			DESTDIR="$root" PREFIX=/usr install
	)
	[[ -f $root/usr/lib/pkgconfig/libvmwalk.pc && -x $root/usr/libexec/vmwalk/labs/caching ]]
	find "$root" ! -type l ! -perm -a+r >"$BATS_TEST_TMPDIR/unreadable"
	cat "$BATS_TEST_TMPDIR/unreadable"
	[[ ! -s $BATS_TEST_TMPDIR/unreadable ]]
}

@test "a write error on standard output is a failure" {
	[[ -c /dev/full ]] || mknod /dev/full c 1 7
	capture_item demo vmwalk0
	for command in '--help' list 'list --json' 'show demo'; do
		# shellcheck disable=SC2086 # words
		run bash -c 'vmwalk "$@" >/dev/full' - $command
		[[ $status == 1 && $output == *'No space left on device' ]]
	done
}

# More rows than the buffer of standard output, and fewer
@test "scan: a full disk and a closed pipe end it, with the error" {
	local rows format

	[[ -c /dev/full ]] || mknod /dev/full c 1 7
	for rows in 10 100000; do
		capture_device <<-END
			info 4096 4 4242
			extent 0x100000 1 1 1 12 0
			repeat $rows 0x2000
		END
		for format in '' --raw --json; do
			run bash -c "LD_PRELOAD=\$0 vmwalk scan -d demo $format >/dev/full" "$REPLAY"
			[[ $status == 1 ]]
			[[ $output == 'vmwalk: scan: standard output: No space left on device' ]]
			# With SIGPIPE ignored, as in a service
			run bash -c "trap '' PIPE; { sleep 0.1; LD_PRELOAD=\$0 vmwalk scan -d demo $format
				echo \$? >&2; } | true" "$REPLAY"
			[[ $output == $'vmwalk: scan: standard output: Broken pipe\n1' ]]
			run bash -c "{ sleep 0.1; LD_PRELOAD=\$0 vmwalk scan -d demo $format
				echo \$? >&2; } | true" "$REPLAY"
			[[ $output == 141 ]]
		done
	done
}

@test "scan: writes its output in large parts" {
	capture_device <<-'END'
		info 4096 4 4242
		extent 0x100000 1 1 1 12 0
		repeat 100000 0x2000
	END
	for format in '' --raw --json; do
		# shellcheck disable=SC2086 # optional
		strace -E LD_PRELOAD="$REPLAY" -e trace=write -o "$BATS_TEST_TMPDIR/writes" \
			vmwalk scan -d demo $format >"$BATS_TEST_TMPDIR/output"
		(($(wc -l <"$BATS_TEST_TMPDIR/writes") < 20 + $(stat -c %s "$BATS_TEST_TMPDIR/output") / 30000))
	done
}

# on_terminal COMMAND: runs a command of the shell with a terminal as its
# standard streams, and prints what it writes there.
on_terminal()
{
	TERM=${TERM_FOR_TEST-xterm} script --quiet --return --command "$1" /dev/null </dev/null |
		tr -d '\r'
}

@test "colours are used on a terminal only, and not with NO_COLOR" {
	local bold=$'\e[1m' red=$'\e[31m'

	type -P script || skip 'script is not installed'
	capture_item demo vmwalk0
	[[ $(on_terminal 'vmwalk list') == "${bold}NAME "*TARGET_PID$'\e[0m\ndemo '* ]]
	[[ $(on_terminal 'vmwalk show nobody') == "${red}vmwalk:"$'\e[0m show: nobody: no such instance' ]]
	for command in 'vmwalk list -n' 'vmwalk list | cat' 'vmwalk list --json' 'NO_COLOR=1 vmwalk list' \
		'TERM=dumb vmwalk list' 'env -u TERM vmwalk list' 'vmwalk show nobody 2>&1 | cat' \
		'NO_COLOR=1 vmwalk show nobody'; do
		on_terminal "$command" >"$BATS_TEST_TMPDIR/output"
		[[ -s $BATS_TEST_TMPDIR/output && $(<"$BATS_TEST_TMPDIR/output") != *$'\e'* ]]
	done
	# no-color.org: an empty value does not count.
	[[ $(on_terminal 'NO_COLOR= vmwalk list') == "$bold"* ]]
}

@test "scan: shows its progress on a terminal after two seconds, and erases it" {
	local line=$'\rvmwalk: scan: [0-9]+ rows(, [0-9]+% of the mapped memory)?\e\\[K'
	local erased=$'\r\e[K'

	type -P script || skip 'script is not installed'
	capture_device <<-'END'
		info 4096 4 4242
		extent 0x400000 1 1 1 12 0
		repeat 4096 0x1000
		gate 0x500000
	END
	export VMWALK_REPLAY_GATE=$BATS_TEST_TMPDIR/gate
	mkfifo "$VMWALK_REPLAY_GATE"
	# progress SECONDS REDIRECTIONS: the scan waits so long.
	progress()
	{
		(sleep "$1"; : >"$VMWALK_REPLAY_GATE") 3>&- &
		TERM=xterm script --quiet --return --command \
			"LD_PRELOAD=$REPLAY vmwalk scan -d demo $2; echo end" /dev/null </dev/null
		wait
	}
	[[ $(progress 2.5 ">$BATS_TEST_TMPDIR/rows") =~ ^($line)+"$erased"end ]]
	grep -q 0x13ff000 "$BATS_TEST_TMPDIR/rows"
	rm "$VMWALK_SYSROOT/proc/4242/maps"
	[[ $(progress 2.5 ">$BATS_TEST_TMPDIR/rows") =~ ^($line)+"$erased"end ]]
	# Not if it is short, if rows are on the terminal, or without a terminal
	[[ $(progress 0.5 ">$BATS_TEST_TMPDIR/rows") == end* ]]
	[[ $(progress 2.5 '') != *rows* ]]
	[[ $(progress 2.5 ">$BATS_TEST_TMPDIR/rows 2>&1") == end* ]]
	run ! grep -q rows "$BATS_TEST_TMPDIR/rows"
}

# capture_summary: a process whose windows of 2 MiB are mapped by one entry, full
# of small pages, and with holes; with pages of each kind.
capture_summary()
{
	local thp=$VMWALK_SYSROOT/sys/kernel/mm/transparent_hugepage

	mkdir -p "$thp/hugepages-64kB"
	echo 2097152 >"$thp/hpage_pmd_size"
	echo 'always [madvise] never' >"$thp/enabled"
	echo 'always within_size [advise] never deny force' >"$thp/shmem_enabled"
	echo 'always [inherit] madvise never' >"$thp/hugepages-64kB/enabled"
	echo 'always inherit within_size advise [never]' >"$thp/hugepages-64kB/shmem_enabled"
	capture_item demo vmwalk3 live=1 target_pid=4242
	capture_process 4242 student
	: >"$VMWALK_SYSROOT/dev/vmwalk3"
	cat >"$VMWALK_REPLAY" <<-'END'
		info 4096 4 4242
		extent 0x400000 0x1000 44 0x801 12 0
		extent 0x40000000 0x200000 512 0x10001 21 0
		extent 0x40200000 0x300010 512 0x1 12 1
		extent 0x40400000 0x400000 16 0x1 12 1
		extent 0x40410000 0x400010 15 0x1 12 1
		extent 0x40420000 0 3 0x80 12 -1
		extent 0x40430000 0 1 0x100 12 -1
		extent 0x40440000 0x77 2 0x1001 12 -1
		extent 0x50000000 0x600000 512 0x12001 21 1
		extent 0x60000000 0xfd000 4 0x4001 12 -1
		extent 0x70000000 0x700000 512 0x10801 21 0
		extent 0x7fff0000 0x500000 4 0x1 12 0
		vma 0x400000 0x42c000 5 0 1 1234 8 1 0x15 12
		vma 0x40000000 0x41000000 3 0 0 0 0 0 0x103 12
		vma 0x50000000 0x50200000 3 0 0 9 0 5 0x53 21
		vma 0x60000000 0x60004000 3 0 0 8 0 5 0x413 12
		vma 0x70000000 0x70200000 3 0 0 7 0 1 0x199 12
		vma 0x7ffd0000 0x80000000 3 0 0 0 0 0 0x3 12
	END
}

@test "summary: prints totals by kind, entry size and node" {
	capture_summary
	run --separate-stderr replay vmwalk summary --device demo
	prints <<-'END'
		process 4242 (student)
		  resident     6.3M: anonymous 4.1M, file 176K, shared memory 2M
		  not in RSS   hugetlb 2M, zero pages 8K, device memory 16K
		  not present  swapped 12K, migrating 4K
		  mapped by    2M entries 4M (63.4%), 4K entries 2.3M (36.6%)
		  nodes        0: 4.2M, 1: 2.1M
		  hugetlb      2M entries 2M (100.0%); nodes 1: 2M
		  2M windows   8M: mapped by one entry 4M, filled with small pages 2M, with holes 2M
		  64K windows  4.1M: contiguous 4.1M, filled with small pages 0, with holes 64K
		  runs         below 64K 0.2%, 64K-2M 3.5%, 2M-1G 96.3%, from 1G 0.0%; largest 2M
	END
	run --separate-stderr replay vmwalk summary --device demo --bytes
	[[ $output == *'resident     6615040: anonymous 4337664, file 180224, shared memory 2097152'* ]]
}

@test "summary: rows, columns and mappings" {
	capture_summary
	run --separate-stderr replay vmwalk summary --device demo --raw --output-all
	prints <<-'END'
		PID COMM START END PERM RSS ANON FILE SHMEM SWAP HUGETLB ZERO SPECIAL MIGRATION THP THP_SMALL THP_HOLES ENTRIES NODES POLICY LARGEST_RUN MAPPING
		4242 student - - - 6615040 4337664 180224 2097152 12288 2097152 8192 16384 4096 4194304 2097152 2097152 4096:2420736,2097152:4194304 0:4390912,1:4321280 - 2097152 -
	END
	printf '%s\n' '40000000 default anon=1' '7ffd0000 bind:0-1 stack anon=4' \
		>"$VMWALK_SYSROOT/proc/4242/numa_maps"
	run --separate-stderr replay vmwalk summary --device demo --mappings --raw \
		--output START,RSS,HUGETLB,THP,POLICY,MAPPING
	prints <<-'END'
		START RSS HUGETLB THP POLICY MAPPING
		0x400000 180224 0 0 - /usr/bin/a\x20program
		0x40000000 4321280 0 2097152 default [anon]
		0x50000000 0 2097152 0 - -
		0x60000000 0 0 0 - -
		0x70000000 2097152 0 2097152 - -
		0x7ffd0000 16384 0 0 bind:0-1 [stack]
	END
	run --separate-stderr replay vmwalk summary --device demo -n -o +ENTRIES
	[[ $output == '   4242 student '*' 4K:2.3M,2M:4M' && ! $stderr ]]
}

@test "summary: JSON has all sums in bytes, and adds up" {
	capture_summary
	replay vmwalk summary --device demo --json --mappings >"$BATS_TEST_TMPDIR/json"
	jq --exit-status '.walked == 1 and .exited == 0 and (.processes | length) == 1 and
		(.processes[0] | .pid == 4242 and .comm == "student" and .resident == 6615040 and
		([.parts[].bytes] | add) ==
			.resident + .hugetlb + .zero + .special + .swap + .migration and
		([.runs[].bytes] | add) == .resident + .hugetlb and .largest_run == 2097152 and
		.windows[0] == {size: 2097152, huge: 4194304, small: 2097152, holes: 2097152} and
		([.mappings[].resident] | add) == .resident)' "$BATS_TEST_TMPDIR/json"
}

@test "summary: settings of the kernel decide which windows count" {
	local thp=$VMWALK_SYSROOT/sys/kernel/mm/transparent_hugepage

	windows()
	{
		replay vmwalk summary --device demo --raw --noheadings --output THP,THP_SMALL,THP_HOLES
	}

	capture_summary
	[[ $(windows) == '4194304 2097152 2097152' ]]
	echo 'always madvise [never]' >"$thp/enabled"
	[[ $(windows) == '2097152 0 0' ]]
	# The setting of the size, unless it is inherited
	mkdir "$thp/hugepages-2048kB"
	echo 'always inherit [madvise] never' >"$thp/hugepages-2048kB/enabled"
	[[ $(windows) == '4194304 2097152 2097152' ]]
	echo 'always [inherit] madvise never' >"$thp/hugepages-2048kB/enabled"
	[[ $(windows) == '2097152 0 0' ]]
	echo 'always within_size advise never [deny] force' >"$thp/shmem_enabled"
	[[ $(windows) == '0 0 0' ]]
	# A tmpfs has its own setting.
	echo 'always within_size advise [never] deny force' >"$thp/shmem_enabled"
	echo '30 20 0:1 / /dev/shm rw - tmpfs huge=never rw,huge=always' >"$VMWALK_SYSROOT/proc/4242/mountinfo"
	[[ $(windows) == '2097152 0 0' ]]
	echo '[always] madvise never' >"$thp/enabled"
	[[ $(windows) == '4194304 2097152 2097152' ]]
	sed -i 's/^THP_enabled:.*/THP_enabled:\t0/' "$VMWALK_SYSROOT/proc/4242/status"
	[[ $(windows) == '0 0 0' ]]
	rm -r "$thp"
	[[ $(windows) == '0 0 0' ]]
	[[ $(replay vmwalk summary --device demo) != *windows* ]]
}

@test "summary: values that need PFNs are hidden if PFNs are, and not 0" {
	local word start pfn pages flags rest

	capture_summary
	while read -r word start pfn pages flags rest; do
		if [[ $word == extent ]] && ((flags & 1)); then
			printf 'extent %s 0 %s 0x%x %s\n' "$start" "$pages" $((flags | 0x8000)) "$rest"
		else
			echo "$word $start $pfn $pages $flags $rest"
		fi
	done <"$VMWALK_REPLAY" >"$VMWALK_REPLAY.hidden"
	mv "$VMWALK_REPLAY.hidden" "$VMWALK_REPLAY"
	run --separate-stderr replay vmwalk summary --device demo
	[[ $status == 0 && $output == *'resident     6.3M: anonymous 4.1M, file 176K'* ]]
	[[ $output == *'64K windows  hidden: the opener'*'runs         hidden: the opener of'* ]]
	[[ $(replay vmwalk summary -d demo -r -n -o RSS,THP_HOLES,LARGEST_RUN) == '6615040 2097152 hidden' ]]
	replay vmwalk summary --device demo --json | jq --exit-status '.processes[0] |
		.runs == null and .largest_run == null and (.windows | length) == 1'
}

@test "summary: several processes have a total that counts each frame once" {
	capture_process 10 server
	capture_process 11 server
	cat >"$VMWALK_REPLAY" <<-'END'
		info 4096 4 0
		extent 0x400000 0x1000 44 0x801 12 0
		vma 0x400000 0x42c000 5 0 1 1234 8 1 0x15 12
		process 11
		extent 0x40000000 0x300000 3 0x1 12 0
	END
	run --separate-stderr replay vmwalk summary --comm server
	prints <<-'END'
		    PID COMM                RSS    ANON    FILE   SHMEM    SWAP HUGETLB     THP NODES
		     10 server             176K       0    176K       0       0       0       0 0:176K
		     11 server             188K     12K    176K       0       0       0       0 0:188K

		2 processes walked, 0 skipped; in total, each frame once:
		  resident     188K: anonymous 12K, file 176K, shared memory 0
		  not in RSS   hugetlb 0, zero pages 0, device memory 0
		  not present  swapped 0, migrating 0
		  mapped by    4K entries 188K (100.0%)
		  nodes        0: 188K
		  runs         below 64K 6.4%, 64K-2M 93.6%, 2M-1G 0.0%, from 1G 0.0%; largest 176K
	END
	run --separate-stderr replay vmwalk summary --pid 11,10 --raw --output PID,COMM,RSS
	prints <<-'END'
		PID COMM RSS
		11 server 192512
		10 server 180224
		- total 192512
	END
	replay vmwalk summary --all --json | jq --exit-status '.total.resident == 192512 and .walked == 2'
	# No temporary instance is left.
	[[ $(echo "$VMWALK_SYSROOT/sys/kernel/config/vmwalk"/*) == */vmwalk/abi_version ]]
}

@test "summary: processes that end or may not be read are skipped and counted" {
	capture_process 10 server
	capture_process 11 server
	capture_process 12 server
	cat >"$VMWALK_REPLAY" <<-'END'
		info 4096 4 0
		process 10
		error 3
		process 11
		error 1
		process 12
		extent 0x400000 0x1000 44 0x801 12 0
	END
	run --separate-stderr replay vmwalk summary --comm server
	[[ $status == 0 && ! $stderr ]]
	[[ $output == *$'\n1 process walked, 2 skipped (1 exited, 1 not permitted); in total, '* ]]
	run --separate-stderr replay vmwalk summary --pid 10,11
	[[ $status == 1 ]]
	[[ $stderr == 'vmwalk: summary: no process could be read: 1 exited, 1 not permitted' ]]
	run --separate-stderr replay vmwalk summary --pid 10
	fails 1 'vmwalk: summary: process 10 has exited, or has started another program'
	run --separate-stderr replay vmwalk summary --pid 11
	[[ $status == 1 && $stderr == 'vmwalk: summary: process 11: Operation not permitted: '* ]]
}

@test "summary: invalid selections are usage errors" {
	local pid

	capture_process 10 server
	usage_error 'summary: specify one way to select processes; --help lists them' summary
	usage_error 'summary: specify one way to select processes; --help lists them' summary -a -p 10
	for pid in 0 -1 abc 1x '' 99999999999 '10,' ',10'; do
		run --separate-stderr vmwalk summary "--pid=$pid"
		[[ $status == 2 && ! $output && $stderr == *"' is not a process ID (1 to 2147483647)"* ]]
	done
	usage_error 'summary: --json is incompatible with options for rows' summary -p 10 -J -o RSS
	usage_error "summary: --output: unknown column 'COLOUR'; --help lists the columns" \
		summary -p 10 -o COLOUR
	run --separate-stderr vmwalk summary --pid 11
	fails 1 'vmwalk: summary: process 11 does not exist'
	sed -i 's/ 8192000 / 0 /' "$VMWALK_SYSROOT/proc/10/stat"
	run --separate-stderr vmwalk summary --pid 10
	fails 1 'vmwalk: summary: process 10 has no memory: it is a kernel thread, or has exited'
	run --separate-stderr vmwalk summary --comm server
	fails 1 "vmwalk: summary: no process has the name 'server'"
	run --separate-stderr vmwalk summary --unit nginx
	fails 1 "vmwalk: summary: no process belongs to unit 'nginx'"
	run --separate-stderr vmwalk summary --cgroup /a
	fails 1 "vmwalk: summary: no process is in cgroup '/a'"
}

@test "summary: names of processes may have any characters" {
	capture_process 10 'a) S 1 (b'
	echo 'info 4096 4 0' >"$VMWALK_REPLAY"
	run --separate-stderr replay vmwalk summary --pid 10 --raw --noheadings --output COMM
	prints <<<'a)\x20S\x201\x20(b'
	run --separate-stderr replay vmwalk summary --comm 'a) S 1 (b' -r -n -o PID
	prints <<<10
}

@test "summary: 16 MiB are enough for processes of 64 GiB whose frames are scattered" {
	capture_process 10 server
	capture_process 11 server
	cat >"$VMWALK_REPLAY" <<-'END'
		info 4096 4 0
		extent 0x100000 0x1000 1 1 12 0
		repeat 16777215 0x2000
		vma 0x100000 0x7ffffffff000 3 0 0 0 0 0 0x3 12
	END
	run --separate-stderr bash -c "ulimit -d 16384; LD_PRELOAD='$REPLAY' \
		vmwalk summary --comm server --raw --noheadings --output RSS,LARGEST_RUN"
	prints <<-'END'
		68719476736 4096
		68719476736 4096
		68719476736 4096
	END
}
