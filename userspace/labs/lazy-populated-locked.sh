#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# What is in memory after mmap(), by kind of mapping and flag; which flags the mapping gets; what is
# refused; and what a first write does. docs/labs/lazy-populated-locked.md is about it.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

page=4096
size=$((32 * page))
at=0x20000000000	# where it is mapped: any address that is free, easy to find in listings
configfs=$(awk '$3 == "configfs" { print $2; exit }' /proc/self/mounts)/vmwalk
file=$(mktemp)
head --bytes="$size" /dev/zero | tr '\0' f >"$file"
at_end()
{
	rm -f "$file"
}

# The process that maps. It does what its standard input says, and ends with this script.
coproc mapper { exec "$bin/mapper"; }
# shellcheck disable=SC2154 # coproc sets it
pid=$mapper_PID

# tell COMMAND...: its answer is in $answer.
tell()
{
	echo "$*" >&"${mapper[1]}"
	read -r answer _ <&"${mapper[0]}"
}

# map WHAT [WORD]...: at the usual place.
map()
{
	tell map "$1" "$size" "at=$at" "${@:2}"
	[[ $answer == "$at" ]] || { echo "lazy-populated-locked: mmap of $*: $answer" >&2; exit 1; }
}

# smaps FIELD: what /proc/PID/smaps says of the mapping there, without the unit.
smaps()
{
	awk -v start="^${at#0x}-" -v field="$1:" '
		$0 ~ start { found = 1 }
		found && $1 == field { sub(/^[^ ]* */, ""); sub(/ (kB)?$/, ""); print; exit }' \
		"/proc/$pid/smaps"
}

# targeting NAME ATTRIBUTE=VALUE...: makes an instance with that process as its target;
# ${devices[NAME]} is the path of its device.
declare -A devices=()
targeting()
{
	make "$1" target_pid="$pid" size="$size" "${@:2}"
	devices[$1]=$device
}

targeting remap map_mode=remap
targeting insert map_mode=insert
targeting fault map_mode=fault
targeting tracked map_mode=fault track_dirty=1

# --- What is in memory ------------------------------------------------------------------------

# after STEP WHAT [WORD]...: Rss when it was mapped and the step was done, if there is one.
after()
{
	map "${@:2}"
	[[ ! $1 ]] || tell "$1"
	printf '%9s' "$(smaps Rss)"
	[[ " $* " != *' locked '* ]] || printf '%9s' "$(smaps Locked)"
	tell unmap
}

# row LABEL WHAT [WORD]...: all columns.
row()
{
	printf '  %-26s' "$1"
	shift
	after '' "$@"
	after 'read 0' "$@"
	after '' "$@" populate
	after '' "$@" populate nonblock
	after '' "$@" locked
	echo
}

printf 'Rss of a mapping of %d KiB       none     read POPULATE NONBLOCK   LOCKED   Locked\n' \
	$((size / 1024))
row 'anonymous, private' anonymous
row 'anonymous, shared' anonymous shared
row 'file, private, read-only' "$file" ro
row 'file, private' "$file"
row 'file, shared' "$file" shared
row 'device, map_mode fault' "${devices[fault]}" shared
row 'device, map_mode insert' "${devices[insert]}" shared
row 'device, map_mode remap' "${devices[remap]}" shared

# --- Which flags a mapping gets ---------------------------------------------------------------

# differs LABEL WHAT [WORD]...: how its VmFlags differ from those in $plain.
differs()
{
	local flags flag changes=()

	map "${@:2}"
	flags=$(smaps VmFlags)
	tell unmap
	for flag in $plain; do
		[[ " $flags " == *" $flag "* ]] || changes+=("-$flag")
	done
	for flag in $flags; do
		[[ " $plain " == *" $flag "* ]] || changes+=("+$flag")
	done
	printf '  %-26s %s\n' "$1" "${changes[*]:-no difference}"
}

map anonymous
plain=$(smaps VmFlags)
tell unmap
printf '\nVmFlags, private anonymous   %s\n' "$plain"
for word in noreserve populate locked growsdown denywrite executable uninitialized; do
	differs "with MAP_${word^^}" anonymous "$word"
done
differs 'anonymous, shared' anonymous shared
differs 'file, private, read-only' "$file" ro
differs 'device, with MAP_LOCKED' "${devices[remap]}" shared locked

# --- What is refused --------------------------------------------------------------------------

# says LABEL ANSWER
says()
{
	printf '  %-52s %s\n' "$@"
}

# says_to LABEL COMMAND...
says_to()
{
	tell "${@:2}"
	says "$1" "$answer"
	tell unmap
}

# limited LABEL LIMIT COMMAND...: by a process without rights and with that resource limit.
limited()
{
	says "$1" "$(
		# shellcheck disable=SC2086 # an option and its argument
		ulimit $2
		echo "${@:3}" | chroot --userspec=65534:65534 --groups= / "$bin/mapper"
	)"
}

printf '\nmmap() says\n'
says_to 'to no bytes at all' map anonymous 0
says_to 'to an address below vm.mmap_min_addr, as a wish' map anonymous $page near=0x1000
map anonymous
tell map anonymous $page "at=$at"
says 'to MAP_FIXED_NOREPLACE where something is' "$answer"
tell map anonymous $page "fixed=$((at + 8 * page))" ro
says 'to MAP_FIXED there' "$(grep -c "^${at:2:7}" "/proc/$pid/maps") mappings where one was"
tell unmap
tell map anonymous $((2 << 20)) "at=$at" hugetlb
says 'to MAP_HUGETLB' "${answer/#$at/pages of $(smaps KernelPageSize) KiB}"
tell unmap
says_to 'to MAP_SHARED | MAP_GROWSDOWN' map anonymous $size shared growsdown
says_to 'to MAP_SHARED_VALIDATE | MAP_SYNC' map "$file" $size shared_validate sync
says_to 'to writing, MAP_SHARED, file open for reading' map "$file" $size shared of_rdonly
says_to 'to reading, MAP_PRIVATE, file open for writing' map "$file" $size ro of_wronly
says_to 'to a file of /sys' map "/sys/class/vmwalk/${devices[fault]#/dev/}/size" $size ro of_rdonly
says_to 'to a device, PROT_EXEC' map "${devices[fault]}" $size shared exec
limited 'to MAP_LOCKED, more than RLIMIT_MEMLOCK' '-l 64' map anonymous $size locked
limited 'to MAP_LOCKED, RLIMIT_MEMLOCK being 0' '-l 0' map anonymous $page locked
limited 'to more than RLIMIT_AS' '-v 65536' map anonymous $((1 << 30))
tell map "$file" $((2 * size)) "at=$at" shared locked
says 'to MAP_LOCKED, twice as much as the file has' "Rss $(smaps Rss), Locked $(smaps Locked)"
tell mlock
says 'and mlock() of the same' "$answer"
tell unmap

# --- Copy on write ----------------------------------------------------------------------------

# entry LABEL ADDRESS: frame and flags, as the page table has them.
entry()
{
	local words word some=()

	IFS=' ,' read -r -a words < <(vmwalk translate --device "$run-fault" --raw --noheadings \
		--output PHYS,FLAGS "$(printf '%x' "$2")")
	for word in "${words[@]}"; do
		[[ $word != @(write|file|zero) ]] || some+=("$word")
	done
	printf '  %-28s 0x%-10x %s\n' "$1" $((words[0] / page)) "${some[*]}"
}

shared=$((at + 16 * size))

# copy_on_write LABEL WHAT: two mappings of it, and a write to the private one.
copy_on_write()
{
	tell map "$2" "$size" "at=$shared" shared
	tell read 0
	map "$2"
	tell read 0
	entry "$1, shared, read" "$shared"
	entry "$1, private, read" "$at"
	tell write 0
	entry "$1, private, written to" "$at"
	entry "$1, shared" "$shared"
	tell unmap
}

printf '\nCopy on write                  frame        entry\n'
copy_on_write file "$file"
printf '  %-28s %s\n' 'the file begins with' "$(head --bytes=1 "$file")"
copy_on_write device "${devices[fault]}"
map "$file" populate
printf '  %-28s %s KiB\n' 'copies by MAP_POPULATE' "$(smaps Anonymous)"
tell unmap
map anonymous
tell read
entry 'anonymous, page 0, read' "$at"
entry 'anonymous, page 1, read' $((at + page))
tell write 0
entry 'page 0, written to' "$at"
entry 'page 1' $((at + page))
tell unmap

# --- Write-notify -----------------------------------------------------------------------------

# step LABEL NAME: what entries are to be, what the first is, and what was counted.
step()
{
	local stats=/sys/class/vmwalk/${devices[$2]#/dev/}/stats prot entry

	prot=$(vmwalk vmas --device "$run-$2" --raw --noheadings --output START,PAGE_PROT |
		awk -v at="$at" '$1 == at { print $2 }')
	entry=$(vmwalk translate --device "$run-$2" --raw --noheadings --output FLAGS "$at")
	case $entry in
	*write*)	entry=writable ;;
	present*)	entry=read-only ;;
	*)		entry=none ;;
	esac
	printf '  %-26s %-10s %-10s' "$1" "$( ((prot & 2)) && echo writable || echo read-only)" "$entry"
	printf '%9s' "$(<"$stats/read_faults")" "$(<"$stats/write_faults")" \
		"$(<"$stats/mkwrite_faults")" "$(<"$stats/dirty_pages")"
	echo
}

printf '\nWrite-notify                 page_prot  entry     '
printf '%9s' read write mkwrite dirty
echo
for name in fault tracked; do
	map "${devices[$name]}" shared
	echo 1 >"/sys/class/vmwalk/${devices[$name]#/dev/}/stats/reset"
	step "track_dirty=$(<"$configfs/$run-$name/track_dirty"), mmap()" "$name"
	tell read 0
	step '  page 0 read' "$name"
	tell write 0
	step '  page 0 written to' "$name"
	tell unmap
done
