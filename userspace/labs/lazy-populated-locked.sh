#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# Show what mmap() and its flags do: resident pages, VmFlags, errors, copy on
# write and write-notify. See docs/labs/lazy-populated-locked.md.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

page=$page_size
size=$((32 * page))
# Any free address: a fixed one is easy to find in smaps.
at=0x20000000000
configfs=$(awk '$3 == "configfs" { print $2; exit }' /proc/self/mounts)/vmwalk
# mapper runs in the directory of the file, because a path in a command to mapper
# must not have spaces.
directory=$(mktemp --directory)
file="file"
head --bytes="$size" /dev/zero | tr '\0' f >"$directory/$file"
cleanup_lab()
{
	rm -rf "$directory"
}

coproc mapper { cd "$directory"; exec "$bin/mapper"; }
# shellcheck disable=SC2154 # set by coproc
pid=$mapper_PID

# tell COMMAND...: send a command to mapper; its answer is in $answer.
tell()
{
	echo "$*" >&"${mapper[1]}"
	read -r answer _ <&"${mapper[0]}"
}

# map WHAT [WORD]...: map $size bytes at $at.
map()
{
	tell map "$1" "$size" "at=$at" "${@:2}"
	[[ $answer == "$at" ]] || { echo "lazy-populated-locked: mmap of $*: $answer" >&2; exit 1; }
}

# smaps FIELD: the field of the mapping at $at, without the unit.
smaps()
{
	awk -v start="^${at#0x}-" -v field="$1:" '
		$0 ~ start { found = 1 }
		found && $1 == field { sub(/^[^ ]* */, ""); sub(/ (kB)?$/, ""); print; exit }' \
		"/proc/$pid/smaps"
}

# create_device NAME ATTRIBUTE=VALUE...: create an instance whose target is
# mapper; ${devices[NAME]} is the path of its device.
declare -A devices=()
create_device()
{
	create "$1" target_pid="$pid" size="$size" "${@:2}"
	devices[$1]=$device
}

create_device remap map_mode=remap
create_device insert map_mode=insert
create_device fault map_mode=fault
create_device tracked map_mode=fault track_dirty=1

# --- Resident pages ---

# resident STEP WHAT [WORD]...: map, do the step if it is not empty, print Rss.
resident()
{
	map "${@:2}"
	[[ ! $1 ]] || tell "$1"
	printf '%9s' "$(smaps Rss)"
	[[ " $* " != *' locked '* ]] || printf '%9s' "$(smaps Locked)"
	tell unmap
}

# row LABEL WHAT [WORD]...
row()
{
	printf '  %-26s' "$1"
	shift
	resident '' "$@"
	resident 'read 0' "$@"
	resident '' "$@" populate
	resident '' "$@" populate nonblock
	resident '' "$@" locked
	echo
}

printf '%-28s%9s%9s%9s%9s%9s%9s\n' "Rss in KiB, of $((size / 1024)) KiB" \
	mmap read POPULATE NONBLOCK LOCKED Locked
row 'anonymous, private' anonymous
row 'anonymous, shared' anonymous shared
row 'file, private, read-only' "$file" ro
row 'file, private' "$file"
row 'file, shared' "$file" shared
row 'device, map_mode fault' "${devices[fault]}" shared
row 'device, map_mode insert' "${devices[insert]}" shared
row 'device, map_mode remap' "${devices[remap]}" shared

# --- VmFlags ---

# compare_flags LABEL WHAT [WORD]...: how VmFlags differ from those in $plain.
compare_flags()
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
printf '\nVmFlags, anonymous, private  %s\n' "$plain"
for word in noreserve populate locked growsdown denywrite executable uninitialized; do
	compare_flags "with MAP_${word^^}" anonymous "$word"
done
compare_flags 'anonymous, shared' anonymous shared
compare_flags 'file, private, read-only' "$file" ro
compare_flags 'device, with MAP_LOCKED' "${devices[remap]}" shared locked

# --- Results of mmap() ---

# result LABEL ANSWER
result()
{
	printf '  %-48s %s\n' "$@"
}

# result_of LABEL COMMAND...
result_of()
{
	tell "${@:2}"
	result "$1" "$answer"
	tell unmap
}

# limited_result_of LABEL ULIMIT COMMAND...: the same of an unprivileged process
# with a resource limit.
limited_result_of()
{
	result "$1" "$(
		# shellcheck disable=SC2086 # an option and its argument
		ulimit $2
		echo "${@:3}" | chroot --userspec=65534:65534 --groups= / "$bin/mapper"
	)"
}

printf '\nmmap() with\n'
result_of 'length 0' map anonymous 0
result_of 'a hint below vm.mmap_min_addr' map anonymous "$page" near=0x1000
map anonymous
tell map anonymous "$page" "at=$at"
result 'MAP_FIXED_NOREPLACE over a mapping' "$answer"
tell map anonymous "$page" "fixed=$((at + 8 * page))" ro
result 'MAP_FIXED inside a mapping' "$(grep -c "^${at:2:7}" "/proc/$pid/maps") mappings now"
tell unmap
tell map anonymous $((2 << 20)) "at=$at" hugetlb
result 'MAP_HUGETLB' "${answer/#$at/pages of $(smaps KernelPageSize) KiB}"
tell unmap
result_of 'MAP_SHARED | MAP_GROWSDOWN' map anonymous $size shared growsdown
result_of 'MAP_SHARED_VALIDATE | MAP_SYNC' map "$file" $size shared_validate sync
result_of 'MAP_SHARED, PROT_WRITE, an O_RDONLY file' map "$file" $size shared of_rdonly
result_of 'MAP_PRIVATE, PROT_READ, an O_WRONLY file' map "$file" $size ro of_wronly
result_of 'a sysfs file' map "/sys/class/vmwalk/${devices[fault]#/dev/}/size" $size ro of_rdonly
result_of 'PROT_EXEC, a vmwalk device' map "${devices[fault]}" $size shared exec
limited_result_of 'MAP_LOCKED, more than RLIMIT_MEMLOCK' '-l 64' map anonymous $size locked
limited_result_of 'MAP_LOCKED, RLIMIT_MEMLOCK = 0' '-l 0' map anonymous "$page" locked
limited_result_of 'more than RLIMIT_AS' '-v 65536' map anonymous $((1 << 30))
tell map "$file" $((2 * size)) "at=$at" shared locked
result 'MAP_LOCKED, twice the size of the file' "Rss $(smaps Rss), Locked $(smaps Locked)"
tell mlock
result '  mlock() of that mapping' "$answer"
tell unmap

# --- Copy on write ---

# entry LABEL ADDRESS: PFN and selected flags of the page-table entry.
entry()
{
	local words word flags=()

	IFS=' ,' read -r -a words < <(vmwalk translate --device "$run-fault" --raw --noheadings \
		--output PHYS,FLAGS "$(printf '%x' "$2")")
	for word in "${words[@]}"; do
		[[ $word != @(write|file|zero) ]] || flags+=("$word")
	done
	printf '  %-28s 0x%-10x %s\n' "$1" $((words[0] / page)) "${flags[*]}"
}

shared=$((at + 16 * size))

# copy_on_write LABEL FILE: map it twice and write to the private mapping.
copy_on_write()
{
	tell map "$2" "$size" "at=$shared" shared
	tell read 0
	map "$2"
	tell read 0
	entry "$1, shared, read" "$shared"
	entry "$1, private, read" "$at"
	tell write 0
	entry "$1, private, written" "$at"
	entry "$1, shared, after that" "$shared"
	tell unmap
}

printf '\nCopy on write                  PFN          flags\n'
copy_on_write file "$file"
printf '  %-28s %s\n' 'first byte of the file' "$(head --bytes=1 "$directory/$file")"
copy_on_write device "${devices[fault]}"
map "$file" populate
printf '  %-28s %s KiB\n' 'copied by MAP_POPULATE' "$(smaps Anonymous)"
tell unmap
map anonymous
tell read
entry 'anonymous, page 0, read' "$at"
entry 'anonymous, page 1, read' $((at + page))
tell write 0
entry 'anonymous, page 0, written' "$at"
entry 'anonymous, page 1' $((at + page))
tell unmap

# --- Write-notify ---

# step LABEL NAME: vm_page_prot, the first PTE, and the counters of the device.
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
	printf '  %-26s %-12s %-10s' "$1" "$( ((prot & 2)) && echo writable || echo read-only)" "$entry"
	printf '%9s' "$(<"$stats/read_faults")" "$(<"$stats/write_faults")" \
		"$(<"$stats/mkwrite_faults")" "$(<"$stats/dirty_pages")"
	echo
}

printf '\nWrite-notify                 vm_page_prot PTE       '
printf '%9s' read write mkwrite dirty
echo
for name in fault tracked; do
	map "${devices[$name]}" shared
	echo 1 >"/sys/class/vmwalk/${devices[$name]#/dev/}/stats/reset"
	step "track_dirty=$(<"$configfs/$run-$name/track_dirty"), mmap()" "$name"
	tell read 0
	step '  page 0 read' "$name"
	tell write 0
	step '  page 0 written' "$name"
	tell unmap
done

# --- Picture ---

# draw LABEL STEP WHAT [WORD]...: map, and do the step if it is not empty. A gap
# before the mapping begins a row of the picture.
draw()
{
	at=$((at + (1 << 40)))
	printf -v at '0x%x' "$at"
	map "${@:3}"
	[[ ! $2 ]] || tell "$2"
	printf '  %s\n' "$1"
}

printf '\nMappings in the picture, from the top\n'
draw 'anonymous, private' '' anonymous
draw '  one byte read' 'read 0' anonymous
draw '  one byte written' 'write 0' anonymous
draw '  MAP_LOCKED' '' anonymous locked
draw 'file, one byte read' 'read 0' "$file"
draw 'device, map_mode insert' '' "${devices[insert]}" shared
picture "$pid"
