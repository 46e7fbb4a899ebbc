# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Copyright (C) The vmwalk authors
#
# Sourced by the scripts that run where the packages are installed.

set -euo pipefail
# Where tests/packaging/booted and what it needs are
# shellcheck disable=SC2034 # variables are used by the scripts that source this
tests=/root/tests
export DEBIAN_FRONTEND=noninteractive

# check NAME COMMAND...: prints "ok NAME" if COMMAND succeeds.
check()
{
	local name=$1 output code
	shift

	# Not as a condition, which would turn off "set -e" in COMMAND.
	set +e
	output=$(set -e; "$@" 2>&1)
	code=$?
	if ((code == 0)); then
		echo "ok $name"
	else
		printf '%s\n' "$output" | tail -n 40 | sed 's/^/# /'
		echo "not ok $name"
	fi
	set -e
	printf '=== %s\n%s\n' "$name" "$output" >&2
}

get()
{
	apt-get -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Dpkg::Use-Pty=0 -y "$@"
}

# module KERNEL: prints the module's file. depmod does not help: DKMS does not run
# it for kernels of which only the headers are installed.
module()
{
	compgen -G "/lib/modules/$1/updates/dkms/vmwalk.ko*"
}

# files: prints all files and directories, except those of these tests, those that
# the system writes while it runs, the keys that DKMS makes for the modules of all
# packages, and the files for the group, which stays as the policy wants
files()
{
	find / -xdev \( -path /src -o -path /cache -o -path /proc -o -path /dev -o -path /run -o -path /tmp \
		-o -path "$tests" -o -path /var/tmp -o -path /var/lib/apt -o -path /var/lib/dpkg \
		-o -path /var/lib/systemd -o -path /var/cache -o -path /var/log \) -prune -o \
		! -name 'mok.*' ! -path '*/lib/modules/*/modules.*' ! -path /etc/.pwd.lock \
		! -path '/etc/group*' ! -path '/etc/gshadow*' ! -name .updated ! -path /lost+found -print | sort
}
