# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Functions shared by the bats files, which load this file with "load helper".
#
# Each test starts without instances and may leave some behind. It fails if the
# kernel logged an error while it ran. A file that needs its own setup or
# teardown defines it after "load helper", and calls vmwalk_setup first and
# vmwalk_teardown last.
#
# Copyright (C) The vmwalk authors

# bats loads this file again for each test. Exported variables last for all
# tests of a file: starting a process is slow under emulation.

# Texts in the kernel log that fail a test, as a regular expression.
: "${KMSG_BAD:=$(grep -v '^#' "$BATS_TEST_DIRNAME/../kernel-log-errors" | paste -sd '|')}"
# The configfs directory of vmwalk
: "${VMWALK:=$(awk '$3 == "configfs" { print $2; exit }' /proc/self/mounts)/vmwalk}"
export KMSG_BAD VMWALK

# Replaces the DEBUG trap that tells bats which command fails. It runs before
# each command, and takes a quarter of the time of starting a process. The ERR
# trap of bash 5 knows the line, too.
locate_errors()
{
	trap - DEBUG
	trap 'capture_error || bats_error_trap' ERR
	# shellcheck disable=SC2034 # bats prints them
	BATS_DEBUG_LAST_STACK_TRACE=() BATS_DEBUG_LASTLAST_STACK_TRACE=()
}

capture_error()
{
	local status=$?

	bats_capture_stack_trace
	return "$status"
}

# Writes a mark to the kernel log.
kmsg_mark()
{
	KMSG_MARK="vmwalk bats: mark $BATS_TEST_NAME $EPOCHREALTIME"
	echo "$KMSG_MARK" >/dev/kmsg
}

# Prints the lines after the mark that match a pattern, and fails if there are
# any, or if the mark was overwritten.
kmsg_check()
{
	# Faster than /dev/kmsg, which needs a read(2) per record
	dmesg --syslog | awk -v mark="$KMSG_MARK" -v bad="$KMSG_BAD" '
		index($0, mark) { marked = 1; next }
		marked && $0 ~ bad { print "kernel log: " $0; failed = 1 }
		END {
			if (!marked)
				print "kernel log: records since the start of the test are lost"
			exit failed || !marked
		}'
}

# Sets the array instances to the directories of all instances.
find_instances()
{
	shopt -s nullglob dotglob
	instances=("$VMWALK"/*/)
	shopt -u nullglob dotglob
	instances=("${instances[@]%/}")
}

# Removes all instances; fails if one is left.
remove_instances()
{
	local instances

	find_instances
	((${#instances[@]} == 0)) || rmdir "${instances[@]}" || true
	no_instances
}

# set_attribute NAME ATTRIBUTE VALUE: uses one write(2).
set_attribute()
{
	printf '%s\n' "$3" >"$VMWALK/$1/$2"
}

# get_attribute NAME ATTRIBUTE: prints the value.
get_attribute()
{
	cat "$VMWALK/$1/$2"
}

# make_instance NAME [ATTRIBUTE=VALUE]...: creates a live instance, prints its
# device path. Uses configfs, so that tests don't depend on other programs.
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

# as_nobody COMMAND...: runs it as an unprivileged user.
as_nobody()
{
	chroot --userspec=65534:65534 --groups= / "$@"
}

# Succeeds if there are no instances.
no_instances()
{
	local instances

	find_instances
	((${#instances[@]} == 0)) || { echo "instances: ${instances[*]}"; return 1; }
}

vmwalk_setup()
{
	[[ -d $VMWALK ]] || { echo "no $VMWALK: is the vmwalk module loaded?"; return 1; }
	remove_instances
	kmsg_mark
}

# Kills background jobs, removes instances and checks the kernel log, even if a
# previous step failed.
vmwalk_teardown()
{
	local status=0 pids

	pids=$(jobs -p)
	if [[ $pids ]]; then
		# shellcheck disable=SC2086 # words
		kill -KILL $pids 2>/dev/null || true
		# shellcheck disable=SC2086
		wait $pids 2>/dev/null || true
	fi
	remove_instances || status=1
	kmsg_check || status=1
	return "$status"
}

# sessions PAGE [BEFORE AFTER]: runs the sessions on a page of docs/, in $PWD.
# Writes the sessions as shown on the page to the file "shown", and the commands
# and their actual output to "ran". BEFORE and AFTER are commands to run before
# and after the first command. A session is a console block. Its lines that
# begin with "# " are root's commands.
sessions()
{
	# shellcheck disable=SC2016 # Markdown
	sed -n '/^```console$/,/^```$/{/^```/d;p}' "$1" >shown
	{
		echo 'exec 2>&1'
		[[ ! ${2-} ]] || echo "$2"
		while read -r line; do
			printf 'printf "%%s\n" %q\n%s\n' "# $line" "$line"
			[[ ! ${3-} ]] || echo "$3"
			set -- "$1"
		done < <(sed -n 's/^# //p' shown)
	} >script
	bash <script | sed 's/^bash: line [0-9]*: /bash: /' >ran
}

# run_lab NAME: runs a lab once for all tests of a file, called by setup_file.
# $LAB_OUTPUT is the file with its output. Runs the sessions on the lab's page,
# whose first command is the lab: "shown" and "ran" are in $BATS_FILE_TMPDIR.
# Runs the lab a second time concurrently, in an unusual environment. Its picture
# is in $TMPDIR.
# $LAB_STATUS has the exit status of both runs.
run_lab()
{
	local lab=/usr/libexec/vmwalk/labs/$1

	export LAB_OUTPUT=$BATS_FILE_TMPDIR/output LAB_STATUS
	LAB_PAGE=$BATS_TEST_DIRNAME/labs/$1.md
	export LAB_PAGE
	vmwalk_setup
	cd "$BATS_FILE_TMPDIR" || return
	mkdir 'other files'
	# shellcheck disable=SC2016 # for the script
	sessions "$LAB_PAGE" \
		"(umask 077; env SHELLOPTS=noclobber POSIXLY_CORRECT=1 CDPATH=/ TMPDIR='other files' $lab) >second 2>&1 &" \
		'first=$?; wait $!; echo "$first $?" >status'
	LAB_STATUS=$(<status)
	# The lines between the first two commands
	awk '/^# / { if (seen++) exit; next } { print }' ran >"$LAB_OUTPUT"
	no_instances
	vmwalk_teardown
	[[ $LAB_STATUS != '4 '* ]] || skip "$(<"$LAB_OUTPUT")"
}

# expect_session: compares the sessions on a lab's page with the actual output.
# Ignores hexadecimal numbers and the widths of columns. Also applies the sed
# commands in comments on the page, for other text that varies:
# <!-- varies: s/[0-9]+ ns/# ns/ -->
expect_session()
{
	local file

	sed -n 's/^<!-- varies: \(.*\) -->$/\1/p' "$LAB_PAGE" >"$BATS_TEST_TMPDIR/varies"
	for file in shown ran; do
		sed -E -e 's/0x[0-9a-f]+/#/g' -e 's/ +/ /g' -e 's/ $//' "$BATS_FILE_TMPDIR/$file" |
			sed -E -f "$BATS_TEST_TMPDIR/varies" >"$BATS_TEST_TMPDIR/$file"
	done
	[[ -s $BATS_TEST_TMPDIR/shown ]]
	diff "$BATS_TEST_TMPDIR"/{shown,ran}
}

# picture_matches: the picture of a lab has the totals that the lab prints.
picture_matches()
{
	local file label labels

	file=$(sed -n 's/^picture: //p' "$LAB_OUTPUT")
	[[ $(tail -n 1 "$file") == '</svg>' ]]
	# "  mapped by    2M entries 4M (25.5%), 4K entries 11.7M (74.5%)"
	mapfile -t labels < <(awk '
		function amount(text) { return sub(/[KMGT]$/, " &iB", text) ? text : text " bytes" }
		/^  mapped by / { for (i = 3; i < NF; i += 4) print ">" $i " entries " amount($(i + 2)) " " $(i + 3) "<" }
		/^  nodes / { for (i = 2; i < NF; i += 2) print ">node " $i " " amount($(i + 1)) " (" }
		/^  not in RSS / { print ">device memory " amount($NF) "<" }
		' < <(sed -n '/^picture: /,/^$/{ s/[:,]//g; p }' "$LAB_OUTPUT"))
	((${#labels[@]} >= 3))
	for label in "${labels[@]}"; do
		grep -qF -- "$label" "$file" || { echo "$file has no '$label'"; return 1; }
	done
}

# picture_sum ADDRESS: prints CLASS=KIB for each class of pages in the picture of a lab, of
# the cells that begin with these digits.
picture_sum()
{
	awk -v address="$1" '
		/<title>/ { cell = sub(/.*<title>/, "") && index($1, address) == 1 }
		{ sub(/<\/title>.*/, "") }
		cell && $NF ~ /^[KM]iB$/ && $1 !~ /^(0x|node)/ { sum[$1] += $(NF - 1) * ($NF == "MiB" ? 1024 : 1) }
		END { for (class in sum) print class "=" sum[class] }
		' "$(sed -n 's/^picture: //p' "$LAB_OUTPUT")" | sort | paste -sd ' '
}

# keeps_users_instance LAB NAME: succeeds if the lab fails because an instance
# with a name that it needs exists, and leaves only that instance.
keeps_users_instance()
{
	local instances status=0

	vmwalk_setup
	# The lab's instance names contain its pid.
	# shellcheck disable=SC2016 # for the inner shell
	bash -c 'mkdir "$VMWALK/lab-$$-$2" && exec "/usr/libexec/vmwalk/labs/$1"' - "$@" \
		>"$BATS_TEST_TMPDIR/output" 2>&1 && status=1
	cat "$BATS_TEST_TMPDIR/output"
	grep -q "lab-[0-9]*-$2: File exists" "$BATS_TEST_TMPDIR/output" || status=1
	find_instances
	[[ ${#instances[@]} == 1 && ${instances[0]} == */lab-*-"$2" ]] || status=1
	vmwalk_teardown || status=1
	return "$status"
}

# A program that gets memory of given kinds
TARGET=$BATS_TEST_DIRNAME/../target

# start_memory KIND=MIB...: starts a process with this memory, stops it, and sets pid.
# It is stopped, so that its memory does not change.
start_memory()
{
	local status=0

	"$TARGET" "$@" >"$BATS_TEST_TMPDIR/ready" 2>"$BATS_TEST_TMPDIR/why" 3>&- &
	pid=$!
	until grep -q ready "$BATS_TEST_TMPDIR/ready"; do
		if ! kill -0 "$pid" 2>/dev/null; then
			wait "$pid" || status=$?
			[[ $status != 4 ]] || skip "$(<"$BATS_TEST_TMPDIR/why")"
			return 1
		fi
		sleep 0.1
	done
	kill -STOP "$pid"
}

# pagemap PID ADDRESS: prints the PFN in /proc/PID/pagemap, 0 if not
# present. PAGE is the page size.
pagemap()
{
	local entry

	entry=$(dd if="/proc/$1/pagemap" bs=8 count=1 skip=$(($2 / PAGE)) status=none |
		od -An -tu8)
	if ((entry >> 63 & 1)); then
		printf '0x%x\n' $((entry & (1 << 55) - 1))
	else
		echo 0
	fi
}

setup()
{
	locate_errors
	[[ ${LAB_OUTPUT-} ]] || vmwalk_setup
}

teardown()
{
	[[ ${LAB_OUTPUT-} ]] || vmwalk_teardown
}
