# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Functions shared by the configfs scripts: options, help, messages, and finding
# the configfs directory. Needs only bash and coreutils.
#
# A script calls describe, then parse_args "$@", which sets the array operands.
# The scripts run as "bash -p", which ignores options and functions from the
# environment.
#
# Copyright (C) The vmwalk authors

set -euo pipefail
shopt -s dotglob inherit_errexit nullglob

# Messages contain parts of the output of tools, which must not be translated.
export LC_ALL=C

readonly program=${0##*/}

# Option table, for parsing and --help: letter|word|function to call|help text
options=(
	'h|help|show_help|print this text and exit'
)
operands=()
# Set if the operands follow "--"
# shellcheck disable=SC2034 # used by vmwalk-create
after_dashes=

# The file of vmwalk-save and vmwalk-restore, and the version of its format
# shellcheck disable=SC2034 # used by these scripts
readonly saved_file=/etc/vmwalk.conf saved_format=1

# escape_bytes TEXT: adds \xNN for each byte to escaped.
escape_bytes()
{
	local LC_ALL=C i byte

	for ((i = 0; i < ${#1}; i++)); do
		# The number of a character above 127 is negative.
		printf -v byte '%d' "'${1:i:1}"
		printf -v byte '\\x%02x' $((byte & 255))
		escaped+=$byte
	done
}

# escape TEXT: sets escaped to TEXT with \xNN for each byte that is not part of a
# printable character, as the command vmwalk prints names. Text is UTF-8.
escape()
{
	local i character

	escaped=$1
	# Most text is ASCII.
	[[ $1 == *[![:print:]]* || $1 == *'\x'* ]] || return 0
	# Without this locale, all other characters are escaped.
	{ local LC_ALL=C.UTF-8; } 2>/dev/null
	escaped=
	for ((i = 0; i < ${#1}; i++)); do
		character=${1:i:1}
		if [[ $character == [[:print:]] && ${1:i:2} != '\x' ]]; then
			escaped+=$character
		else
			escape_bytes "$character"
		fi
	done
}

# print_error LINE...: prints lines to stderr, prefixed by the script's name. A
# closed stderr is not an error: the script must finish its work.
print_error()
{
	local line

	for line; do
		escape "$line"
		printf '%s: %s\n' "$program" "$escaped"
	done >&2 || true
}

# fail LINE...: prints an error message and exits with status 1.
fail()
{
	print_error "$@"
	exit 1
}

usage_error()
{
	print_error "$1" "try '$program --help'"
	exit 2
}

# describe SYNOPSIS PURPOSE: sets the operands of the usage line and the help
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

parse_option()
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
			# shellcheck disable=SC2034 # used by vmwalk-create
			after_dashes=1
			operands+=("$@")
			return
			;;
		-?*)
			parse_option "$1"
			;;
		*)
			operands+=("$1")
			;;
		esac
		shift
	done
}

# check_name NAME: exits unless NAME can be the name of a directory.
check_name()
{
	case $1 in
	'' | . | .. | */*)
		usage_error "'$1' is not a valid instance name"
		;;
	esac
}

# Sets vmwalk to the configfs directory of vmwalk, and mount_options to those of
# configfs. Exits if the directory is missing or not accessible.
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
		# The configfs module, which vmwalk needs, creates the mount point.
		[[ -d /sys/kernel/config ]] || fail "$not_loaded"
		fail 'configfs is not mounted: mount -t configfs configfs /sys/kernel/config'
	fi
	vmwalk=$configfs/vmwalk
	[[ -x $configfs ]] || fail "no permission to access $configfs: run as root"
	[[ -d $vmwalk ]] || fail "no $vmwalk: $not_loaded"
	[[ -r $vmwalk && -x $vmwalk ]] || fail "no permission to access $vmwalk: run as root"
}

# Exits if the caller has no permission to create and remove instances.
need_write_access()
{
	[[ ,$mount_options, != *,ro,* ]] ||
		fail "cannot write to $vmwalk: configfs is mounted read-only"
	[[ -w $vmwalk ]] || fail "no permission to write to $vmwalk: run as root"
}

# read_value FILE: sets value to the first line of FILE, without starting a
# process. Fails if FILE does not exist; an empty FILE gives an empty value.
read_value()
{
	{ IFS= read -r value || [[ -z $value ]]; } <"$1"
}

# find_writable DIRECTORY: sets writable to the names of its writable files.
find_writable()
{
	local mode path

	writable=()
	while read -r -d '' mode path; do
		[[ $mode != *w* ]] || writable+=("${path##*/}")
	done < <(stat --printf='%A %n\0' -- "$1"/*)
}
