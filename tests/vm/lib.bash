# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Copyright (C) The vmwalk authors
#
# shellcheck disable=SC2034 # variables are used by the scripts that source this
#
# Sourced by the scripts in tests/vm. $cache holds everything that is slow to
# build. Everything that depends on this tree is in the tree's build directory.

set -euo pipefail
# The guest has unprivileged users, so the modes of its files must not depend on
# the caller's umask.
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
	die "HOME is '${HOME-}', not an absolute path: set HOME, or set VMWALK_CACHE to a cache directory"
fi
mkdir -p -- "$cache"
cache=$(realpath -- "$cache")

# with_lock FILE: holds the lock of FILE until the script ends. Start commands
# that outlive the script with 9>&-, because they inherit the lock.
with_lock()
{
	exec 9>"$1"
	if ! flock -n 9; then
		say "waiting for another run, which holds the lock $1"
		flock 9
	fi
}

# Programs in the guest, also for tests/run --command in the root
guest_packages=(
	bash bats coreutils diffutils findutils fio gawk grep gzip jq kmod mount ncurses-bin procps psmisc sed
	strace tmux util-linux util-linux-extra
)

# debootstrap DIRECTORY SUITE SOURCE OPTION...: creates a Debian system in
# DIRECTORY with mmdebstrap, from SOURCE, which is a line of sources.list or
# empty. All files belong to the caller.
debootstrap()
{
	local directory=$1 suite=$2 source=$3 mode=unshare
	shift 3

	((EUID)) || mode=root
	# TMPDIR: /tmp may be in memory, and the cache may be in a directory
	# that the user IDs of mode unshare can't access.
	TMPDIR=/var/tmp mmdebstrap --mode=$mode --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		"$@" --format=tar "$suite" - ${source:+"$source"} 9>&- |
		tar -C "$directory" --exclude='./dev/*' --no-same-owner -xf - 9>&-
}
