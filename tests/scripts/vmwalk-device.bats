#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The vmwalk command with the driver: its output is compared with configfs,
# sysfs, /proc/PID/pagemap and /proc/PID/maps. No run may leave a temporary
# instance behind.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load helper

shopt -s extglob

EXAMPLES=${VMWALK_EXAMPLES:-/usr/libexec/vmwalk/examples}
PAGE=$(awk '/^KernelPageSize:/ { print $2 * 1024; exit }' /proc/self/smaps)

# prints: the last run succeeded, and its output is standard input.
prints()
{
	local expected

	expected=$(cat)
	[[ $status == 0 && $output == "$expected" && ! $stderr ]] && return
	printf 'status %s, output:\n%s\n%s\ninstead of:\n%s\n' \
		"$status" "$output" "$stderr" "$expected"
	return 1
}

# fails LINE: the last run failed, with this line on stderr and no output.
fails()
{
	[[ $status == 1 && ! $output && $stderr == "$1" ]] && return
	printf 'status %s, output:\n%s\nstderr:\n%s\ninstead of:\n%s\n' \
		"$status" "$output" "$stderr" "$1"
	return 1
}

# Starts memory_intensive, and sets pid, region_start and region_end.
start_target()
{
	local name start end

	declare -gA region_start=() region_end=()
	"$EXAMPLES/memory_intensive" "$@" >"$BATS_TEST_TMPDIR/target" 3>&- &
	until grep -q ready "$BATS_TEST_TMPDIR/target"; do
		kill -0 $!
		sleep 0.1
	done
	pid=$!
	while read -r name start end _; do
		region_start[$name]=$start
		region_end[$name]=$end
	done <"$BATS_TEST_TMPDIR/target"
}

@test "create prints the device path and sets the attributes" {
	run --separate-stderr vmwalk create demo --type kmalloc --size 16K --map-mode remap \
		--cache-mode wb --node 0 --address-bits 63 --fill letters --pid $$ --fault-around 8K \
		--track-dirty
	prints <<<"/dev/$(get_attribute demo dev_name)"
	[[ -c $output ]]
	while read -r attribute value; do
		[[ $(get_attribute demo "$attribute") == "$value" ]]
	done <<-END
		live 1
		buffer_type kmalloc
		size 16384
		map_mode remap
		cache_mode wb
		numa_node 0
		address_bits 63
		fill letters
		target_pid $$
		fault_around 8192
		track_dirty 1
		last_error
	END
	[[ $(head -c 28 "$output") == abcdefghijklmnopqrstuvwxyzab ]]
}

@test "create without options uses the defaults of the driver" {
	vmwalk create plain
	mkdir "$VMWALK/reference"
	for attribute in buffer_type size map_mode cache_mode numa_node address_bits fill target_pid \
		fault_around track_dirty; do
		[[ $(<"$VMWALK/plain/$attribute") == "$(<"$VMWALK/reference/$attribute")" ]]
	done
}

@test "create has an option for every attribute that can be written" {
	local attribute options

	options=$(vmwalk create --help)
	mkdir "$VMWALK/reference"
	while read -r attribute; do
		case $attribute in
		live)			attribute=pending ;;
		buffer_type)		attribute='type' ;;
		numa_node)		attribute=node ;;
		target_pid)		attribute=pid ;;
		esac
		[[ $options == *" --${attribute//_/-} "* ]] || { echo "$attribute"; return 1; }
	done < <(find "$VMWALK/reference" -type f -perm /222 -printf '%f\n')
}

@test "create --pending allocates nothing, set changes the attributes, and live=1 makes it live" {
	run --separate-stderr vmwalk create demo --pending --size 8K
	prints <<<'/dev/vmwalk0'
	[[ ! -e /dev/vmwalk0 && $(get_attribute demo live) == 0 ]]
	run --separate-stderr vmwalk set demo fill=letters size=16K live=1
	prints </dev/null
	[[ $(head -c 3 /dev/vmwalk0) == abc && $(get_attribute demo size) == 16384 ]]
	run --separate-stderr vmwalk set demo live=0
	prints </dev/null
	[[ ! -e /dev/vmwalk0 && -d $VMWALK/demo ]]
}

@test "set changes the target of a live instance" {
	vmwalk create demo
	sleep 1000 3>&- &
	run --separate-stderr vmwalk set demo "target_pid=$!"
	prints </dev/null
	[[ $(get_attribute demo target_pid) == "$!" ]]
	vmwalk scan -d demo -r -o MAPPING | grep -q /sleep
	vmwalk set demo target_pid=0
	[[ $(get_attribute demo target_pid) == 0 ]]
}

@test "set prints the error message of the driver and stops" {
	local message

	vmwalk create demo
	for pair in size=4K target_pid=4194303 target_pid=2 target_pid=-1 live=2; do
		run ! set_attribute demo "${pair%%=*}" "${pair#*=}"
		message=$(get_attribute demo last_error)
		[[ $message ]]
		run --separate-stderr vmwalk set demo "$pair" live=0
		fails "vmwalk: set: demo: $message"
		[[ $(get_attribute demo live) == 1 ]]
	done
	run --separate-stderr vmwalk set demo live=0 colour=red live=1
	[[ $status == 1 && $stderr == "vmwalk: set: demo: unknown attribute 'colour' (known: "* ]]
	[[ $(get_attribute demo live) == 0 ]]
	for attribute in dev_name last_error; do
		run --separate-stderr vmwalk set demo "$attribute=x"
		fails "vmwalk: set: demo: $attribute can't be written"
	done
	run --separate-stderr as_nobody vmwalk set demo target_pid=0
	fails 'vmwalk: set: demo: target_pid: no permission: run as root'
}

@test "destroy removes several instances, also if one of them does not exist" {
	mkdir "$VMWALK"/{a,b,c,d}
	vmwalk set b live=1
	run --separate-stderr vmwalk destroy a b
	prints </dev/null
	run --separate-stderr vmwalk destroy c nobody d
	fails 'vmwalk: destroy: nobody: no such instance'
	no_instances
}

@test "create prints the error message of the driver and leaves no instance" {
	declare -A attribute=([type]=buffer_type [size]=size [map-mode]=map_mode
		[cache-mode]=cache_mode [node]=numa_node [address-bits]=address_bits [fill]=fill [pid]=target_pid
		[fault-around]=fault_around)

	for option in type=nonsense size= map-mode=x cache-mode=wt node=-2 address-bits=65 fill=x pid=4194303 \
		fault-around=12K; do
		mkdir "$VMWALK/reference"
		run ! set_attribute reference "${attribute[${option%%=*}]}" "${option#*=}"
		message=$(<"$VMWALK/reference/last_error")
		rmdir "$VMWALK/reference"
		[[ $message ]]
		run --separate-stderr vmwalk create demo "--$option"
		fails "vmwalk: create: demo: $message"
		no_instances
	done
}

@test "create rejects a value that exceeds the limit of configfs" {
	run --separate-stderr vmwalk create demo --pid "$(printf '%04200d' 1)"
	fails "vmwalk: create: demo: target_pid: value of 4200 bytes exceeds the limit of configfs $(
		)($((PAGE - 1)) bytes)"
	no_instances
	# The longest value
	run --separate-stderr vmwalk create demo --pid "$(printf "%0$((PAGE - 1))d" $$)"
	[[ $status == 0 && $(get_attribute demo target_pid) == "$$" ]]
}

@test "create prints the error message of live=1 and leaves no instance" {
	run --separate-stderr vmwalk create demo --type kmalloc --map-mode insert
	fails "vmwalk: create: demo: buffer_type kmalloc does not support map_mode insert"
	no_instances
	run --separate-stderr vmwalk create demo --size 64G
	[[ $status == 1 && ! $output && $stderr == 'vmwalk: create: demo: '*max_buffer_mb* ]]
	no_instances
	[[ ! -e /dev/vmwalk0 ]]
}

@test "create leaves no instance if it cannot print the path" {
	run --separate-stderr bash -c 'vmwalk create demo >/dev/full'
	fails 'vmwalk: create: standard output: No space left on device'
	no_instances
	run bash -c 'trap "" PIPE; vmwalk create demo | true; exit "${PIPESTATUS[0]}"'
	[[ $status == 0 ]] || no_instances
}

@test "create does not change an existing instance" {
	vmwalk create demo --size 8K
	run --separate-stderr vmwalk create demo --size 4K
	fails 'vmwalk: create: demo: the name is in use: see vmwalk list'
	[[ $(get_attribute demo size) == 8192 && $(get_attribute demo live) == 1 ]]
}

@test "create, destroy and --pid report that they need root" {
	vmwalk create demo
	run --separate-stderr as_nobody vmwalk create other
	fails 'vmwalk: create: other: no permission: run as root'
	run --separate-stderr as_nobody vmwalk destroy demo
	fails 'vmwalk: destroy: demo: no permission: run as root'
	run --separate-stderr as_nobody vmwalk walk --pid $$ 1000
	fails "vmwalk: walk: only root can create a temporary instance; $(
		)use --device with an existing one"
	run --separate-stderr as_nobody vmwalk scan -d demo
	fails "vmwalk: scan: demo: no permission to open the device: $(
		)run as root, or change its owner or mode"
}

@test "destroy removes a live, open and a pending instance" {
	local device

	device=$(vmwalk create demo)
	exec 9<"$device"
	run --separate-stderr vmwalk destroy demo
	prints </dev/null
	[[ ! -e $device && ! -d $VMWALK/demo ]]
	exec 9<&-
	mkdir "$VMWALK/pending"
	run --separate-stderr vmwalk destroy pending
	prints </dev/null
	no_instances
	run --separate-stderr vmwalk destroy demo
	fails 'vmwalk: destroy: demo: no such instance'
}

@test "list shows the attributes of every instance" {
	vmwalk create one --size 12K --pid $$
	vmwalk create two --type kmalloc --size 4K --map-mode remap
	mkdir "$VMWALK/three"
	run --separate-stderr vmwalk list --raw -n
	prints <<-END
		one vmwalk0 1 vmalloc 12288 fault wb -1 $$
		three vmwalk2 0 vmalloc 1048576 fault wb -1 0
		two vmwalk1 1 kmalloc 4096 remap wb -1 0
	END
	vmwalk list --json | jq -e '[.instances[].name] == ["one", "three", "two"]'
}

@test "list and vmwalk-list sort in the same order" {
	local name

	for name in b10 b9 B 1a a-b a_b ab é; do
		mkdir "$VMWALK/$name"
	done
	[[ $(LC_ALL=C.UTF-8 vmwalk list -r -n -o NAME) == "$(vmwalk list --json |
		jq -r '.instances[].name' | sed 's/é/\\xc3\\xa9/')" ]]
	vmwalk list --json | jq -r '.instances[].name' |
		diff - <(vmwalk-list | awk 'NR > 1 { print $1 }')
}

@test "list and vmwalk-list print the same table" {
	local name

	diff <(vmwalk list) <(vmwalk-list)
	vmwalk create live --size 12K --pid $$ --fill letters
	vmwalk create kmalloc --type kmalloc --size 4K --map-mode remap --node 0
	for name in pending 'two words' é 日本語 $'e\u0301' 'a\x41' $'a\tb\e[31m' $'\xff' $'\xc2\x9b'; do
		mkdir "$VMWALK/$name"
	done
	set_attribute pending size 64T
	set_attribute pending fill letters
	export LC_ALL=C.UTF-8
	diff <(vmwalk list) <(vmwalk-list)
	diff <(vmwalk list --bytes) <(vmwalk-list --bytes)
	[[ $(vmwalk-list | wc -l) == 12 ]]
}

@test "list distinguishes unmounted configfs from a module that is not loaded" {
	# shellcheck disable=SC2016 # for the shell inside
	run --separate-stderr unshare --mount bash -c '
		umount -l /sys/kernel/config && vmwalk list'
	fails 'vmwalk: list: configfs is not mounted: mount -t configfs none /sys/kernel/config'
	rmmod vmwalk
	run --separate-stderr vmwalk list
	modprobe vmwalk
	fails 'vmwalk: list: the vmwalk module is not loaded: modprobe vmwalk'
}

@test "closed standard streams: messages are not written to the buffer" {
	local before device

	device=$(vmwalk create demo --fill letters --size 4K)
	before=$(cksum <"$device")
	for command in 'walk ffffffffffffffff 2>&-' 'scan >&-' 'scan >&- 2>&-' 'translate <&-' \
		'vmas <&- >&- 2>&-'; do
		run bash -c "vmwalk $command -d demo"
		[[ $status == 1 && $(cksum <"$device") == "$before" ]]
	done
}

@test "show prints every file of the instance and its device" {
	local device file files="" wanted=""

	device=$(vmwalk create demo --size 64K --fill digits)
	read -r -N 1 <"$device"
	run --separate-stderr vmwalk show demo
	[[ $status == 0 && ! $stderr ]]
	for file in "$VMWALK/demo"/* /sys/class/vmwalk/vmwalk0/{segments,stats/*}; do
		[[ ${file##*/} == @(dev_name|reset) ]] || files+=$file$'\n'
	done
	while read -r file; do
		[[ $output == *$'\n'"  ${file##*/} "* ]] || { echo "$file is missing"; return 1; }
		[[ $file != /sys/* || $file == */vmwalk/demo/* ]] ||
			wanted+="${file##*/} $(<"$file")"$'\n'
	done <<<"${files%$'\n'}"
	vmwalk show demo --json >"$BATS_TEST_TMPDIR/json"
	jq -r '.stats + { segments: .sysfs.segments } | to_entries[] | "\(.key) \(.value)"' \
		"$BATS_TEST_TMPDIR/json" | sort >"$BATS_TEST_TMPDIR/shown"
	sort <<<"${wanted%$'\n'}" | diff - "$BATS_TEST_TMPDIR/shown"
}

@test "show is not counted in opens, other files are" {
	local device

	device=$(vmwalk create demo)
	vmwalk show demo --json | jq -e '.stats.opens == 0'
	exec 9<"$device"
	vmwalk show demo --json | jq -e '.stats.opens == 1'
	exec 9<&-
	vmwalk walk -d demo 1000
	vmwalk show demo --json | jq -e '.stats.opens == 0 and .stats.walks == 1'
}

@test "show prints phys_addr of a contiguous buffer, to root only" {
	vmwalk create demo --type kmalloc --size 32K
	vmwalk show demo --json | jq -e '.sysfs.segments == 1 and (.sysfs.phys_addr | test("^0x[0-9a-f]+000$"))'
	as_nobody vmwalk show demo --json | jq -e '.sysfs.phys_addr == "hidden"'
	vmwalk create pieces --type vmalloc --size 4M
	[[ $(</sys/class/vmwalk/vmwalk1/segments) == 1 ]] ||
		vmwalk show pieces --json | jq -e '.sysfs.phys_addr == null'
}

@test "show prints an address below the limit, to root only" {
	local bits

	run --separate-stderr vmwalk create demo --address-bits 16
	[[ $status == 1 && $stderr =~ 'use '([0-9]+)' or more'$ ]]
	bits=${BASH_REMATCH[1]}
	vmwalk create demo --address-bits "$bits"
	vmwalk show demo --json | jq -e --argjson bits "$bits" '.configfs.address_bits == $bits'
	(($(vmwalk show demo --json | jq -r .sysfs.phys_addr_max) >> bits == 0))
	[[ $(vmwalk show demo --json | jq -r .sysfs.phys_addr_max) =~ ^0x[0-9a-f]+fff$ ]]
	as_nobody vmwalk show demo --json | jq -e '.sysfs.phys_addr_max == "hidden"'
}

@test "walk prints the PFNs that pagemap has" {
	local address frame phys

	start_target --size 2
	for name in anonymous huge file; do
		printf -v address '0x%x' $((region_start[$name] + 0x123456))
		frame=$(pagemap "$pid" "$address")
		printf -v phys '0x%x' $((frame * PAGE + address % PAGE))
		run --separate-stderr vmwalk walk --pid "$pid" "$address"
		[[ $status == 0 && $output == *$'\n'"  frame     $frame"$'\n'* ]]
		[[ $output == *$'\n'"  physical  $phys"$'\n'* ]]
		vmwalk walk --pid "$pid" --json "$address" | jq -e --arg address "$address" \
			--argjson pid "$pid" --arg frame "$frame" --arg phys "$phys" \
			'.address == $address and .pid == $pid and .stop == "page" and
			 .pfn == $frame and .phys == $phys'
	done
	no_instances
}

@test "walk: each entry points to the next table" {
	start_target --size 1
	vmwalk walk --pid "$pid" --json "${region_start[anonymous]}" |
		jq -r '.levels[] | select(.state != "folded") | "\(.entry) \(.table) \(.index)"' |
		{
			read -r entry _
			while read -r next table index; do
				((table == (entry & 0xffffffffff000)))
				((index < 512))
				entry=$next
			done
		}
}

@test "walk prints why an address has no page" {
	start_target --size 1
	run --separate-stderr vmwalk walk --pid "$pid" "${region_start[reserved]}"
	[[ $status == 0 && $output == *'  page      none: the '*', is empty'* ]]
	[[ $output == *$'\nin '*' rw-p [anon]'* ]]
	run --separate-stderr vmwalk walk --pid "$pid" 0
	[[ $status == 0 && $output == *$'\nin no mapping\n'* ]]
	run --separate-stderr vmwalk walk --pid "$pid" ffff888000000000
	fails "vmwalk: walk: process $pid: 0xffff888000000000 is not a user-space address; $(
		)use --kernel for a kernel address"
	no_instances
}

@test "walk --kernel finds the physical address of the kernel code, for root only" {
	local address phys

	phys=$(awk -F '[- ]' '/Kernel code/ { print $3 }' /proc/iomem)
	address=$(awk '$3 == "_text" { print $1; exit }' /proc/kallsyms)
	[[ $phys != 0 && $address != 0 ]]
	run --separate-stderr vmwalk walk --kernel --json "$address"
	[[ $status == 0 && ! $stderr ]]
	jq -e --arg phys "0x${phys##+(0)}" '.phys == $phys and .stop == "page" and .pid == null and
		(.flags | index("present")) and (.flags | index("user") | not)' <<<"$output"
	no_instances
	vmwalk create demo
	chmod 666 /dev/vmwalk0
	run --separate-stderr as_nobody vmwalk walk -d demo --kernel "$address"
	fails "vmwalk: walk: kernel: address 0x$address: Operation not permitted: $(
		)the opener of the device lacks CAP_SYS_ADMIN, or the kernel is in $(
		)confidentiality lockdown"
	# A non-canonical and a user address
	for address in 0x8000000000000000 0x1000; do
		run --separate-stderr vmwalk walk -d demo -k "$address"
		fails "vmwalk: walk: kernel: $address is not a kernel address; $(
			)omit --kernel to walk a process"
	done
}

@test "translate prints the addresses that pagemap has, from arguments and standard input" {
	local address name frame i

	start_target --size 2
	for name in huge anonymous reserved file; do
		for i in 0x123456 0x1fff 0; do
			printf '0x%x\n' $((region_start[$name] + i))
		done
	done >"$BATS_TEST_TMPDIR/addresses"
	while read -r address; do
		frame=$(pagemap "$pid" "$address")
		if [[ $frame == 0 ]]; then
			echo "$address -"
		else
			printf '%s 0x%x\n' "$address" $((frame * PAGE + address % PAGE))
		fi
	done <"$BATS_TEST_TMPDIR/addresses" >"$BATS_TEST_TMPDIR/wanted"
	vmwalk translate --pid "$pid" -r -n -o ADDRESS,PHYS <"$BATS_TEST_TMPDIR/addresses" |
		diff "$BATS_TEST_TMPDIR/wanted" -
	# shellcheck disable=SC2046 # words
	vmwalk translate --pid "$pid" -r -n -o ADDRESS,PHYS $(<"$BATS_TEST_TMPDIR/addresses") |
		diff "$BATS_TEST_TMPDIR/wanted" -
	[[ $(grep -c ' -$' "$BATS_TEST_TMPDIR/wanted") == 3 ]]
	vmwalk translate --pid "$pid" --json "${region_start[huge]}" ffff800000000000 |
		jq -e '.translations[0].size == 2097152 and
			(.translations[0].flags | index("huge")) and
			.translations[1] == { address: "0xffff800000000000", phys: null, size: null,
					      node: null, flags: [] }'
	no_instances
}

@test "vmas lists the mappings in /proc/PID/maps" {
	start_target --size 1
	vmwalk vmas --pid "$pid" --json |
		jq -r '.vmas[] | [.start[2:], .end[2:], .perm, .offset // "0x0", .device // "00:00",
			.inode // 0, .mapping] | @tsv' >"$BATS_TEST_TMPDIR/vmas"
	# vsyscall is not a VMA.
	grep -v vsyscall "/proc/$pid/maps" |
		sed -E 's/^([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) (\S+) (\S+) *(.*)/\1 \2 \3 \4 \5 \6 \7/' |
		while read -r start end perm offset device inode name; do
			printf '%s\t%s\t%s\t0x%x\t%s\t%s\t%s\n' "${start##+(0)}" "${end##+(0)}" \
				"$perm" "0x$offset" "$device" "$inode" "${name:-[anon]}"
		done | diff - "$BATS_TEST_TMPDIR/vmas"
	no_instances
}

@test "scan finds every page once" {
	local name pages

	start_target --size 4
	for name in anonymous=1024 alternate=512 huge=1024 file=1024 reserved=0; do
		pages=${name#*=} name=${name%=*}
		[[ $(vmwalk scan --pid "$pid" --start "${region_start[$name]}" \
			--end "${region_end[$name]}" --mask present -r -n -o PAGES |
			awk '{ sum += $1 } END { print sum + 0 }') == "$pages" ]]
	done
	# In order and without overlap. bats does not trace another shell, which saves
	# a minute in this loop.
	vmwalk scan --pid "$pid" -r -n -o START,END,PAGES | bash -c '
		last=0 rows=0
		while read -r start end pages; do
			((start >= last && end - start == pages * $0)) || exit
			((last = end, rows++))
		done
		((rows > 512))' "$PAGE"
	no_instances
}

@test "scan prints the PFNs that pagemap has" {
	local start pages frame count=0

	start_target --size 1
	# The last page of every 32nd extent. The driver tests compare every page.
	while read -r start pages frame; do
		((start += (pages - 1) * PAGE, frame += pages - 1, count += 1))
		(($(pagemap "$pid" "$start") == frame))
	done < <(vmwalk scan --pid "$pid" -r -n -o START,PAGES,PFN --mask present | awk 'NR % 32 == 1')
	((count > 4))
}

# entries FILE ADDRESS END: prints entries. Bit 56 (mapped once) is not in page
# tables, and vmwalk writes 0 for an empty page that is soft-dirty.
entries()
{
	dd if="$1" bs=8 skip=$(($2 / PAGE)) count=$((($3 - $2) / PAGE)) status=none |
		od -An -v -tx8 -w8 |
		sed -e 's/^ \(.\)1/ \10/; s/^ \(.\)3/ \12/; s/^ 0080000000000000$/ 0000000000000000/'
}

@test "scan --pagemap writes the entries of pagemap" {
	local name start end

	start_target --size 4
	vmwalk scan --pid "$pid" --pagemap "$BATS_TEST_TMPDIR/pagemap"
	no_instances
	for name in anonymous alternate huge file; do
		entries "/proc/$pid/pagemap" "${region_start[$name]}" "${region_end[$name]}" \
			>"$BATS_TEST_TMPDIR/wanted"
		grep -q '^ [8a]' "$BATS_TEST_TMPDIR/wanted"
		entries "$BATS_TEST_TMPDIR/pagemap" "${region_start[$name]}" "${region_end[$name]}" |
			diff "$BATS_TEST_TMPDIR/wanted" -
	done
	# The holes between the mappings take no space.
	(($(stat -c '%b * %B' "$BATS_TEST_TMPDIR/pagemap") < 1 << 20))
}

@test "scan --pagemap hides frames from unprivileged users" {
	local directory

	vmwalk create demo
	chmod 666 /dev/vmwalk0
	directory=$(mktemp -d)
	chmod 777 "$directory"
	as_nobody vmwalk scan -d demo --pagemap "$directory/pagemap"
	# The last page of the file has entries of the stack.
	od -An -v -tx8 -w8 -j $(($(stat -c %s "$directory/pagemap") - 4096)) "$directory/pagemap" |
		grep '^ [8a]' >"$BATS_TEST_TMPDIR/present"
	rm -r "$directory"
	# Present pages, all without PFN
	[[ -s $BATS_TEST_TMPDIR/present ]]
	run ! grep -v '^ ....000000000000$' "$BATS_TEST_TMPDIR/present"
}

@test "scan prints the mapping names and permissions in maps" {
	start_target --size 1
	vmwalk scan --pid "$pid" --json |
		jq -r '.extents[] | "\(.start) \(.perm) \(.mapping)"' >"$BATS_TEST_TMPDIR/scan"
	[[ -s $BATS_TEST_TMPDIR/scan ]]
	awk '
		FNR == NR {
			split($1, range, "-")
			from[NR] = strtonum("0x" range[1])
			to[NR] = strtonum("0x" range[2])
			known[NR] = $2 " [anon]"
			if (NF > 5) {
				known[NR] = $0
				sub(/^[^ ]+ /, "", known[NR])
				sub(/ .{8,} .{2,}:.{2,} [0-9]+ +/, " ", known[NR])
			}
			next
		}
		{
			start = strtonum($1)
			sub(/^[^ ]+ /, "")
		}
		!seen[$0]++ {
			found = ""
			for (i in from)
				if (from[i] <= start && start < to[i])
					found = known[i]
			if (found != $0) {
				printf "0x%x: \"%s\", but \"%s\" in maps\n", start, $0, found
				wrong = 1
			}
		}
		END { exit wrong }' "/proc/$pid/maps" "$BATS_TEST_TMPDIR/scan"
}

@test "scan --start, --end, --flags and --mask select pages" {
	start_target --size 1
	run --separate-stderr vmwalk scan --pid "$pid" -r -n -o START,END,FLAGS --flags write \
		--start "${region_start[anonymous]}" --end "${region_end[anonymous]}"
	[[ $status == 0 ]]
	[[ $(head -n 1 <<<"$output") == "${region_start[anonymous]} "* ]]
	[[ $(tail -n 1 <<<"$output") == *" ${region_end[anonymous]} present,write" ]]
	run --separate-stderr vmwalk scan --pid "$pid" --json --mask exec
	[[ $status == 0 ]]
	jq -e '[.extents[] | select(.mapping | endswith("/memory_intensive"))] | length > 0' \
		<<<"$output"
	jq -e '[.extents[] | select(.flags | index("exec") | not)] == []' <<<"$output"
}

@test "scan needs less than 2 MiB for 16384 extents" {
	start_target --size 128
	# vmwalk-command.bats tests raw and JSON output.
	(
		ulimit -d 2048
		vmwalk scan --pid "$pid" >"$BATS_TEST_TMPDIR/limited"
	)
	(($(wc -l <"$BATS_TEST_TMPDIR/limited") > 16384))
}

@test "--device uses the target of the instance and keeps the instance" {
	start_target --size 1
	vmwalk create demo --pid "$pid"
	for name in demo vmwalk0 /dev/vmwalk0; do
		run --separate-stderr vmwalk walk -d "$name" "${region_start[anonymous]}"
		[[ $status == 0 && $output == *" of process $pid (memory_intensiv)"* ]]
		run --separate-stderr vmwalk scan -d "$name" -n -o MAPPING
		[[ $status == 0 && $output == *"$EXAMPLES/memory_intensive"* ]]
	done
	[[ $(get_attribute demo target_pid) == "$pid" && $(get_attribute demo live) == 1 ]]
}

@test "the target of an instance with target_pid 0 is the command itself" {
	vmwalk create demo
	run --separate-stderr vmwalk scan -d demo -n -o MAPPING
	[[ $status == 0 && $output == *"$(type -P vmwalk)"* && $output == *libvmwalk.so* ]]
}

@test "withheld PFNs are shown as hidden, never as 0" {
	vmwalk create demo
	chmod 666 /dev/vmwalk0
	# Without randomization, the code is at the same address in every run.
	as_nobody setarch -R vmwalk scan -d demo --json >"$BATS_TEST_TMPDIR/scan"
	jq -e '.extents | length > 0 and all(.pfn == "hidden" or
		(.pfn == null and (.flags | index("present") | not)))' "$BATS_TEST_TMPDIR/scan"
	code=$(jq -r '[.extents[] | select(.perm == "r-xp" and (.mapping | endswith("/vmwalk")))][0] |
		.start' "$BATS_TEST_TMPDIR/scan")
	run --separate-stderr as_nobody setarch -R vmwalk walk -d demo "$code"
	echo "$output"
	[[ $status == 0 && $output == *$'\nin '*' r-xp '*$'/vmwalk\n'* ]]
	[[ $output == *$'\n  frame     hidden'* && $output == *$'\n  physical  hidden\n'* ]]
	[[ $output != *0x0000* ]]
}

@test "libvmwalk: calls that the command does not use" {
	make_instance demo fill=letters
	run --separate-stderr "$BATS_TEST_DIRNAME/../library" demo
	prints <<-'END'
		poke 65: 0, 1 faults
		poke 66: 0, 0 faults
		poke 256: EINVAL, 0 faults
		poke 67: EFAULT, 0 faults
		ABcde
		copy 1: 0, 5 bytes, abcde
		copy 0: 0, 5 bytes, +bcde
		copy 0: EFAULT, 0 bytes, +bcde
		locate 5000: 0, same offset in page yes
		copy 2: 0, 5 bytes, ijklm
		locate 18446744073709551615: EINVAL, same offset in page no
		scan: EINVAL
		scan: EINVAL
		flags: present write exec user accessed dirty soft_dirty swap migration protnone uffd_wp file zero hugetlb special hidden huge
		other flags: 0
		descriptor above 2: yes
	END
}

@test "access to another process needs CAP_SYS_PTRACE" {
	vmwalk create demo --pid $$
	chmod 666 /dev/vmwalk0
	run --separate-stderr as_nobody vmwalk scan -d demo
	[[ $status == 1 && $stderr == *': Operation not permitted: '*CAP_SYS_PTRACE* ]]
	for verb in 'walk 1000' 'translate -n 1000' 'vmas -n'; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr as_nobody vmwalk $verb -d demo
		[[ $status == 1 && ! $output ]]
		[[ $stderr == *': Operation not permitted: '*CAP_SYS_PTRACE* ]]
	done
}

@test "a missing process and a kernel thread are reported" {
	for verb in 'walk 1000' 'translate 1000' scan vmas; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr vmwalk $verb --pid 4194303
		[[ $status == 1 && ! $output && $stderr == "vmwalk: ${verb% *}: "*'no such process' ]]
		# The user does not know the temporary instance.
		[[ $stderr != *vmwalk-command* ]]
		no_instances
		# shellcheck disable=SC2086 # words
		run --separate-stderr vmwalk $verb --pid 2
		[[ $status == 1 && ! $output && $stderr == *'is a kernel thread'* ]]
		no_instances
	done
	sleep 1000 3>&- &
	vmwalk create demo --pid $!
	kill $!
	wait $! || true
	run --separate-stderr vmwalk walk -d demo 1000
	[[ $status == 1 && ! $output && $stderr == *': process '*' has exited, or has started '* ]]
	for verb in scan 'translate 1000' vmas; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr vmwalk $verb -d demo --json
		[[ $status == 1 && $stderr == *': process '*' has exited, or has started '* ]]
		jq -e '.[] == []' <<<"$output"
	done
}

@test "SIGPIPE ends a scan and removes the temporary instance" {
	start_target --size 16
	run bash -c "vmwalk scan --pid $pid | head -n 1; exit \${PIPESTATUS[0]}"
	# 141: ended by SIGPIPE
	[[ $status == 141 && ${#lines[@]} == 1 ]]
	no_instances
}

# start_scan: starts a scan that blocks after its first lines, because the pipe
# on descriptor 9 is not read. Sets scan to its pid, and instance.
start_scan()
{
	[[ -p $BATS_TEST_TMPDIR/fifo ]] || mkfifo "$BATS_TEST_TMPDIR/fifo"
	env --default-signal=INT,QUIT vmwalk scan --pid "$pid" >"$BATS_TEST_TMPDIR/fifo" 3>&- &
	scan=$!
	exec 9<"$BATS_TEST_TMPDIR/fifo"
	read -r -u 9 _
	instance=$VMWALK/vmwalk-command-$scan-0
	[[ -d $instance ]]
}

# removed DIRECTORY: waits until it is removed.
removed()
{
	local i

	for ((i = 0; i < 300; i++)); do
		[[ -d $1 ]] || return 0
		sleep 0.1
	done
	echo "$1 still exists"
	return 1
}

@test "a signal removes the temporary instance before it ends a scan" {
	local signal

	start_target --size 16
	for signal in HUP INT QUIT USR1 USR2 ALRM TERM STKFLT XCPU XFSZ VTALRM PROF IO PWR RTMIN; do
		start_scan
		kill "-$signal" "$scan"
		status=0
		wait "$scan" || status=$?
		exec 9<&-
		((status == 128 + $(kill -l "$signal")))
		no_instances
	done
}

@test "the temporary instance is removed after SIGKILL" {
	start_target --size 16
	start_scan
	kill -KILL "$scan"
	removed "$instance"
	exec 9<&-
	# The whole process group, as by a terminal or timeout(1)
	set -m
	start_scan
	set +m
	kill -KILL -- "-$scan"
	removed "$instance"
	exec 9<&-
	no_instances
}

@test "the next run removes temporary instances left by killed runs, and no others" {
	local left

	start_target --size 16
	mkdir "$VMWALK/vmwalk-command-x" "$VMWALK/vmwalk-command-1-0-mine" "$VMWALK/mine"
	start_scan
	kill -STOP "$scan"
	pkill -KILL --parent "$scan"
	kill -KILL "$scan"
	wait "$scan" || true
	exec 9<&-
	left=$instance
	# A run that was killed before its instance was live
	mkdir "$VMWALK/vmwalk-command-4194303-0"
	[[ -d $left && $(<"$left/live") == 1 ]]
	# A concurrent run keeps its instance.
	start_scan
	vmwalk walk --pid "$pid" "${region_start[anonymous]}"
	[[ ! -d $left && ! -d $VMWALK/vmwalk-command-4194303-0 && -d $instance ]]
	rmdir "$VMWALK/vmwalk-command-x" "$VMWALK/vmwalk-command-1-0-mine" "$VMWALK/mine"
	cat <&9 >/dev/null
	wait "$scan"
	exec 9<&-
	no_instances
}

@test "a signal during the creation of the temporary instance is not lost" {
	local call translate

	start_target --size 1
	mkfifo "$BATS_TEST_TMPDIR/addresses"
	# translate would wait for ever for input.
	exec 9<>"$BATS_TEST_TMPDIR/addresses"
	for call in mkdirat 'ioctl:when=1' 'ioctl:when=2' 'write:when=3'; do
		[[ $call == *:* ]] || call+=:when=1
		strace -o /dev/null -e trace="${call%:*}" \
			-e "inject=${call%:*}:signal=SIGTERM:${call#*:}" \
			vmwalk translate --pid "$pid" <&9 3>&- &
		translate=$!
		for ((i = 0; i < 300; i++)); do
			kill -0 "$translate" 2>/dev/null || break
			sleep 0.1
		done
		status=0
		kill -KILL "$translate" 2>/dev/null || true
		wait "$translate" || status=$?
		echo "$call: $status"
		[[ $status == 143 ]]
		no_instances
	done
	exec 9>&-
}

@test "create leaves no instance if it is killed" {
	local signal create i

	mkfifo "$BATS_TEST_TMPDIR/full"
	exec 9<>"$BATS_TEST_TMPDIR/full"
	# Fill the pipe, so that create blocks when it prints the path.
	dd if=/dev/zero of="$BATS_TEST_TMPDIR/full" oflag=nonblock bs=1 count=70000 status=none || true
	for signal in TERM KILL; do
		vmwalk create demo >"$BATS_TEST_TMPDIR/full" 3>&- 9>&- &
		create=$!
		for ((i = 0; i < 300; i++)); do
			[[ ! -f $VMWALK/demo/live || $(<"$VMWALK/demo/live") != 1 ]] || break
			sleep 0.1
		done
		kill "-$signal" "$create"
		removed "$VMWALK/demo"
		wait "$create" || true
	done
	exec 9>&-
	no_instances
}

@test "concurrent runs do not disturb each other" {
	local pids=() i

	start_target --size 1
	for ((i = 0; i < 8; i++)); do
		vmwalk walk --pid "$pid" "${region_start[anonymous]}" >"$BATS_TEST_TMPDIR/$i" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	for ((i = 1; i < 8; i++)); do
		diff "$BATS_TEST_TMPDIR/0" "$BATS_TEST_TMPDIR/$i"
	done
	no_instances
}

@test "a run succeeds if another one removes its temporary instance before it is locked" {
	local i

	start_target --size 1
	strace -o /dev/null -e trace=mkdirat -e inject=mkdirat:delay_exit=15000000:when=1 \
		vmwalk walk --pid "$pid" "${region_start[anonymous]}" 3>&- &
	for ((i = 0; i < 300; i++)); do
		[[ ! $(find "$VMWALK" -name 'vmwalk-command-*') ]] || break
		sleep 0.1
	done
	vmwalk walk --pid "$pid" "${region_start[anonymous]}"
	no_instances
	wait $!
	no_instances
}

@test "computation_intensive writes to the memory that it prints, for --seconds" {
	"$EXAMPLES/computation_intensive" --seconds 1000 >"$BATS_TEST_TMPDIR/target" 3>&- &
	until grep -q ready "$BATS_TEST_TMPDIR/target"; do
		sleep 0.1
	done
	read -r _ pid <"$BATS_TEST_TMPDIR/target"
	read -r _ start end _ < <(grep ^matrix "$BATS_TEST_TMPDIR/target")
	vmwalk scan --pid "$pid" --start "$start" --end "$end" --json |
		jq -e '.extents | length > 0 and all(.flags | index("write") and index("dirty"))'
	kill "$pid"
	run --separate-stderr "$EXAMPLES/computation_intensive" --seconds 1
	[[ $status == 0 && $output == *ready ]]
	for option in --seconds=0 --seconds=x --nonsense; do
		run "$EXAMPLES/computation_intensive" "$option"
		[[ $status == 2 ]]
	done
	run "$EXAMPLES/memory_intensive" --size=0
	[[ $status == 2 ]]
}
