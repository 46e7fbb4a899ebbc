# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Copyright (C) The vmwalk authors
#
# shellcheck disable=SC2034 # the names below are for those who read this in
#
# What the scripts of tests/vm/ share. Everything that is slow to make is kept in $cache; everything
# that belongs to this tree is under build/ in it.

set -euo pipefail

vm=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(cd "$vm/../.." && pwd)
cache=${VMWALK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmwalk}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

say()
{
	printf 'vmwalk: %s\n' "$*" >&2
}

die()
{
	say "$*"
	exit 125
}

# with_lock FILE: holds FILE's lock until the script ends; says so if another run has it. Commands
# that outlive the script must not inherit it, so start those with 9>&-.
with_lock()
{
	exec 9>"$1"
	if ! flock -n 9; then
		say "waiting for another run that holds $1"
		flock 9
	fi
}
