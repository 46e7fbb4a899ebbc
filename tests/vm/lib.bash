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
# Not all users of the guest are root, so its files must not depend on the caller's umask.
umask 022

say()
{
	printf 'vmwalk: %s\n' "$*" >&2
}

die()
{
	say "$*"
	exit 125
}

vm=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")")
tree=${vm%/tests/vm}
if [[ ${VMWALK_CACHE-} ]]; then
	cache=$VMWALK_CACHE
elif [[ ${XDG_CACHE_HOME-} == /* ]]; then
	cache=$XDG_CACHE_HOME/vmwalk
elif [[ ${HOME-} == /* ]]; then
	cache=$HOME/.cache/vmwalk
else
	die "HOME is '${HOME-}', not an absolute path: set it, or name a folder for the cache in VMWALK_CACHE"
fi
mkdir -p -- "$cache"
cache=$(realpath -- "$cache")

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
