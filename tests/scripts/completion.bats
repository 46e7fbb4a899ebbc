#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# bash completion of vmwalk and the scripts. tests/lint/completion types lines
# into bash and zsh.
#
# Copyright (C) The vmwalk authors

load helper

COMPLETION=${VMWALK_COMPLETION:-/usr/share/bash-completion/completions}

# complete_lines: completes each line of standard input, and prints the line and
# the candidates. Splits words as readline does.
complete_lines()
{
	bash <(cat <<-'END'
		. "$1/vmwalk"
		COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
		while IFS= read -r line; do
			rest=$line COMP_LINE=$line COMP_POINT=${#line} COMP_WORDS=() COMPREPLY=()
			while [[ $rest =~ ^[[:blank:]]*([=:]+|[^[:blank:]=:]+)(.*) ]]; do
				COMP_WORDS+=("${BASH_REMATCH[1]}")
				rest=${BASH_REMATCH[2]}
			done
			[[ $line != *[[:blank:]] ]] || COMP_WORDS+=("")
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
			_vmwalk "${COMP_WORDS[0]}"
			printf '%s|%s\n' "$line" "${COMPREPLY[*]}"
		done
	END
	) "$COMPLETION"
}

# expect_completions: reads lines "LINE|CANDIDATES" and completes each LINE.
expect_completions()
{
	local wanted

	wanted=$(cat)
	diff <(echo "$wanted") <(echo "$wanted" | sed 's/|.*//' | complete_lines)
}

@test "completion: commands and options are those of --help" {
	commands=$(vmwalk --help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' | paste -sd " ")
	[[ $commands == *create*scan* ]]
	expect_completions <<-END
		vmwalk |$commands
		vmwalk sc|scan
		vmwalk help |$commands
		vmwalk -|--help --version
		vmwalk walk --p|--pid
		vmwalk nothing |
	END
}

@test "completion: the options of every command and script" {
	local command commands

	mapfile -t commands < <(
		vmwalk --help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on { print "vmwalk " $1 }'
		find /usr/sbin -name 'vmwalk-*' ! -name '*.*' ! -name vmwalk-selftest -printf '%f\n')
	[[ ${#commands[@]} -gt 12 ]]
	for command in "${commands[@]}"; do
		# shellcheck disable=SC2086 # words
		options=$($command --help | sed -n 's/^  -., \(--[a-z-]*\).*/\1/p' | LC_ALL=C sort | paste -sd " ")
		[[ $options == *--help* ]]
		expect_completions <<<"$command -|$options"
	done
}

@test "completion: values are those that the running kernel lists" {
	types=$(<"$VMWALK/available_buffer_types")
	[[ $types == *vmalloc* ]]
	expect_completions <<-END
		vmwalk create --type |$types
		vmwalk create -t |$types
		vmwalk create --type=vm|vmalloc
		vmwalk create -t kmalloc --map-mode |$(<"$VMWALK/available_map_modes")
		vmwalk create --cache-mode |$(<"$VMWALK/available_cache_modes")
		vmwalk create --fill |$(<"$VMWALK/available_fills")
		vmwalk create --size |
		vmwalk create new |
		vmwalk-create new buffer_type=|$types
		vmwalk-create new fill=d|digits
		vmwalk-create new live=|0 1
		vmwalk create --node |-1$(printf ' %s' /sys/devices/system/node/node[0-9]* | sed 's,/[^ ]*/node,,g')
	END
}

@test "completion: names of instances, except those given already" {
	mkdir "$VMWALK"/{one,two,'a b',x:y}
	expect_completions <<-'END'
		vmwalk show |a\ b one two x:y
		vmwalk show x:|y
		vmwalk show one |
		vmwalk destroy one t|two
		vmwalk set |a\ b one two x:y
		vmwalk scan --device o|one
		vmwalk scan -Jd t|two
		vmwalk scan -dt|-dtwo
		vmwalk create |
		vmwalk-create |
		vmwalk-destroy one two |a\ b x:y
		vmwalk-show o|one
		vmwalk show -- -|
	END
}

@test "completion: the writable attributes, also without an instance" {
	mkdir "$VMWALK/one"
	attributes=$(find "$VMWALK/one" -type f -perm /200 -printf '%f\n' | LC_ALL=C sort | paste -sd " ")
	[[ $attributes == *size* && $attributes != *last_error* ]]
	expect_completions <<-END
		vmwalk set one |${attributes// /= }=
		vmwalk set one si|size=
		vmwalk set one size=4K map_mode=r|remap
		vmwalk-create two |${attributes// /= }=
	END
	rmdir "$VMWALK/one"
	expect_completions <<<"vmwalk-create two |${attributes// /= }="
}

@test "completion: processes with user memory" {
	sleep 1000 &
	for line in 'vmwalk scan --pid ' 'vmwalk walk -p ' 'vmwalk-create new target_pid='; do
		candidates=$(complete_lines <<<"$line")
		echo "$candidates"
		[[ " ${candidates#*|} " == *" $! "* ]]
		# kthreadd
		[[ " ${candidates#*|} " != *" 2 "* ]]
	done
}

@test "completion: lists of columns and of flags" {
	columns=$(vmwalk scan --help | awk '/^Columns:/ { on = 1; next } on { print $1 }' | paste -sd " ")
	flags=$(sed -n '/^#define VMWALK_PRESENT/,/^#define VMWALK_HUGE\t/s/#define VMWALK_\([A-Z_]*\).*/\L\1/p' \
		/usr/include/linux/vmwalk.h | paste -sd " ")
	[[ $columns == START* && $flags == present*huge ]]
	expect_completions <<-END
		vmwalk scan --output |$columns
		vmwalk scan -o PFN,SI|PFN,SIZE
		vmwalk list -o +SI|+SIZE
		vmwalk scan --mask |$flags
		vmwalk scan --flags=wr|write
		vmwalk scan --flags write,soft|write,soft_dirty
		vmwalk scan --flags write,wr|
	END
}
