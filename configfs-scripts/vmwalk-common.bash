# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts over vmwalk's configfs folder share: options, help, errors and the way to the
# folder. It is sourced, and needs nothing but bash and coreutils.
#
# A script calls describe, then parse_args "$@", which leaves the operands in the array operands.
# The scripts run as "bash -p", which ignores options and functions from the environment.
#
# Copyright (C) The vmwalk authors

set -euo pipefail
shopt -s dotglob inherit_errexit nullglob

# Messages of the tools end in the C library's words for an errno, whatever the user's language.
export LC_ALL=C

readonly program=${0##*/}

# The option table, one row an option: letter, word, the function that it calls, what --help says.
# Parsing and --help both read it, and nothing else knows of an option.
options=(
	'h|help|show_help|print this text and exit'
)
operands=()

# complain LINE...: prints each line to stderr, prefixed by the script's name. A closed stderr must
# not keep a script from finishing its work.
complain()
{
	local line

	for line; do
		printf '%s: %s\n' "$program" "${line//[[:cntrl:]]/?}"
	done >&2 || true
}

# fail LINE...: ends the script with a message.
fail()
{
	complain "$@"
	exit 1
}

usage_error()
{
	complain "$1" "try '$program --help'"
	exit 2
}

# describe SYNOPSIS PURPOSE: the operands as the usage line has them, and what --help says under it.
describe()
{
	synopsis=$1
	purpose=$2
}

show_help()
{
	local row letter word action text

	printf 'Usage: %s [OPTION]...%s\n\n%s\n\nOptions:\n' \
		"$program" "${synopsis:+ $synopsis}" "$purpose"
	for row in "${options[@]}"; do
		IFS='|' read -r letter word action text <<<"$row"
		printf '  -%s, --%-12s %s\n' "$letter" "$word" "$text"
	done
	printf '\nExit status: 0 success, 1 failure, 2 wrong usage.\n'
	exit 0
}

# take_option ARGUMENT: calls the function of the option's row.
take_option()
{
	local row letter word action

	for row in "${options[@]}"; do
		IFS='|' read -r letter word action _ <<<"$row"
		if [[ $1 == "-$letter" || $1 == "--$word" ]]; then
			"$action"
			return
		fi
	done
	usage_error "unknown option '$1'"
}

parse_args()
{
	while (($#)); do
		case $1 in
		--)
			shift
			operands+=("$@")
			return
			;;
		-?*)
			take_option "$1"
			;;
		*)
			operands+=("$1")
			;;
		esac
		shift
	done
}

# Ends the script unless the word can name an item: it is one folder's name, never a path.
check_name()
{
	case $1 in
	'' | . | .. | */*)
		usage_error "'$1' cannot name an instance"
		;;
	esac
}

# Sets vmwalk to the subsystem's folder and mount_options to those of configfs, or fails and tells
# which part of the path is missing.
find_vmwalk()
{
	local where type configfs=
	local not_loaded='the vmwalk module is not loaded: modprobe vmwalk'

	while read -r _ where type mount_options _; do
		if [[ $type == configfs ]]; then
			printf -v configfs '%b' "$where"
			break
		fi
	done </proc/self/mounts

	if [[ ! $configfs ]]; then
		# configfs creates its mount point, and vmwalk depends on configfs.
		[[ -d /sys/kernel/config ]] || fail "$not_loaded"
		fail 'configfs is not mounted: mount -t configfs configfs /sys/kernel/config'
	fi
	vmwalk=$configfs/vmwalk
	[[ -x $configfs ]] || fail "may not look into $configfs: try as root"
	[[ -d $vmwalk ]] || fail "no $vmwalk: $not_loaded"
	[[ -r $vmwalk && -x $vmwalk ]] || fail "may not look into $vmwalk: try as root"
}

# Ends the script if the caller may not make and remove instances.
need_write_access()
{
	[[ ,$mount_options, != *,ro,* ]] ||
		fail "may not write to $vmwalk: configfs is mounted read-only"
	[[ -w $vmwalk ]] || fail "may not write to $vmwalk: configfs is root's"
}

# read_value FILE: sets value to the file's only line, without starting a process. An empty file is
# an empty value; a file that is gone fails.
read_value()
{
	{ IFS= read -r value || [[ -z $value ]]; } <"$1"
}
