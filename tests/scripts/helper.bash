# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every bats file of vmwalk shares; "load helper" at its top brings it in.
#
# With it a test starts from a machine without instances, may leave behind as many as it likes, and
# fails if the kernel logged a complaint while it ran. A file that needs a setup or teardown of its
# own defines it after the load and calls vmwalk_setup first, vmwalk_teardown last.
#
# Copyright (C) The vmwalk authors

# Texts in the kernel log that fail a test.
mapfile -t KMSG_BAD < <(grep -v '^#' "$BATS_TEST_DIRNAME/../kernel-log-errors")

# The folder of the subsystem, wherever configfs is mounted.
VMWALK=$(awk '$3 == "configfs" { print $2; exit }' /proc/self/mounts)/vmwalk
export VMWALK

# Remembers where the kernel log ends now.
kmsg_mark()
{
	KMSG_MARK="vmwalk bats: mark $BATS_TEST_NAME $EPOCHREALTIME"
	echo "$KMSG_MARK" >/dev/kmsg
}

# Fails, and prints them, if lines after the mark have a bad word, or if so much was logged that the
# mark itself is lost.
kmsg_check()
{
	local IFS='|'

	# One system call brings all of it, where each record of /dev/kmsg takes one of its own.
	dmesg --syslog | awk -v mark="$KMSG_MARK" -v bad="${KMSG_BAD[*]}" '
		index($0, mark) { marked = 1; next }
		marked && $0 ~ bad { print "kernel log: " $0; failed = 1 }
		END {
			if (!marked)
				print "kernel log: its records since the test began are lost"
			exit failed || !marked
		}'
}

# Removes every instance; fails if one is left.
remove_instances()
{
	local items=("$VMWALK"/*/)

	[[ ! -d ${items[0]} ]] || rmdir "${items[@]}" || true
	no_instances
}

# set_attribute NAME ATTRIBUTE VALUE: one write(2), as configfs wants it.
set_attribute()
{
	printf '%s\n' "$3" >"$VMWALK/$1/$2"
}

# get_attribute NAME ATTRIBUTE: prints the value.
get_attribute()
{
	cat "$VMWALK/$1/$2"
}

# make_instance NAME [ATTRIBUTE=VALUE]...: makes a live instance and prints its device's path. It is
# plain configfs, so a test of one program does not lean on another.
make_instance()
{
	local name=$1 pair

	shift
	mkdir "$VMWALK/$name"
	for pair in "$@" live=1; do
		if ! set_attribute "$name" "${pair%%=*}" "${pair#*=}"; then
			get_attribute "$name" last_error
			return 1
		fi
	done
	echo "/dev/$(get_attribute "$name" dev_name)"
}

# as_nobody COMMAND...: runs it without root's rights; chroot is the coreutils' way to do so.
as_nobody()
{
	chroot --userspec=65534:65534 --groups= / "$@"
}

# no_instances: succeeds if there is no instance at all.
no_instances()
{
	local items=("$VMWALK"/*/)

	[[ ! -d ${items[0]} ]] || { echo "there are instances: ${items[*]}"; return 1; }
}

vmwalk_setup()
{
	[[ -d $VMWALK ]] || { echo "no $VMWALK: is the vmwalk module loaded?"; return 1; }
	remove_instances
	kmsg_mark
}

# Ends what the test left running, removes its instances, and reads the kernel log, which it reads
# in any case: a complaint matters most where something else failed too.
vmwalk_teardown()
{
	local status=0 pids

	pids=$(jobs -p)
	if [[ $pids ]]; then
		# shellcheck disable=SC2086 # the pids are words of their own
		kill -KILL $pids 2>/dev/null || true
		# shellcheck disable=SC2086
		wait $pids 2>/dev/null || true
	fi
	remove_instances || status=1
	kmsg_check || status=1
	return "$status"
}

# run_lab NAME: runs a lab once for all tests of a file, in its setup_file; $LAB_OUTPUT is what it said.
# These tests only check its output, so the common set-up and clean-up is here. A second run goes on
# meanwhile, in an unusual environment; $LAB_STATUS has the exit statuses of both.
run_lab()
{
	local lab=/usr/lib/vmwalk/labs/$1 first=0 second=0

	export LAB_OUTPUT=$BATS_FILE_TMPDIR/output LAB_STATUS
	vmwalk_setup
	(umask 077; env SHELLOPTS=noclobber POSIXLY_CORRECT=1 CDPATH=/ "$lab") \
		>"$BATS_FILE_TMPDIR/second" &
	"$lab" >"$LAB_OUTPUT" || first=$?
	wait $! || second=$?
	LAB_STATUS="$first $second"
	no_instances
	vmwalk_teardown
}

# keeps_users_instance LAB NAME: true if the lab fails when an instance with a name that it needs
# exists, and leaves that instance and no other.
keeps_users_instance()
{
	local items status=0

	vmwalk_setup
	# The names of the lab's instances contain its pid.
	# shellcheck disable=SC2016 # for the inner shell
	bash -c 'mkdir "$VMWALK/lab-$$-$2" && exec "/usr/lib/vmwalk/labs/$1"' - "$@" \
		>"$BATS_TEST_TMPDIR/output" 2>&1 && status=1
	cat "$BATS_TEST_TMPDIR/output"
	grep -q "lab-[0-9]*-$2: File exists" "$BATS_TEST_TMPDIR/output" || status=1
	items=("$VMWALK"/*/)
	[[ ${#items[@]} == 1 && ${items[0]} == */lab-*-"$2"/ ]] || status=1
	vmwalk_teardown || status=1
	return "$status"
}

setup()
{
	[[ ${LAB_OUTPUT-} ]] || vmwalk_setup
}

teardown()
{
	[[ ${LAB_OUTPUT-} ]] || vmwalk_teardown
}
