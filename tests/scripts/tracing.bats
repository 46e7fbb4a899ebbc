#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# docs/tracing.md: its sessions with perf, and its table of events. perf is in the
# guest of tests/vm/run --more.
#
# Copyright (C) The vmwalk authors

load helper

PAGE=$BATS_TEST_DIRNAME/tracing.md
EVENTS=/sys/kernel/tracing/events

# The sessions run once for all tests: perf is slow under emulation. Their files
# are in BATS_FILE_TMPDIR.
setup_file()
{
	type -P perf && [[ -d $EVENTS/mmap_lock ]] || return 0
	vmwalk_setup
	cd "$BATS_FILE_TMPDIR" || return
	sessions "$PAGE"
	vmwalk_teardown
}

ran()
{
	type -P perf || skip 'perf is not installed'
	[[ -d $EVENTS/mmap_lock ]] || skip 'this kernel has no events of mmap_lock'
	cd "$BATS_FILE_TMPDIR" || return
}

# without_times: replaces what differs between two runs.
without_times()
{
	sed -E -e 's/0x[0-9a-f]+/#/g' -e 's/ +/ /g' -e 's/^[0-9]+ holds, the longest [0-9.]+ us$/# holds/' \
		-e '/^# grep --count vmwalk:vmwalk_scan/{n;s/^[1-9][0-9]*$/#/}'
}

@test "the sessions give the output that the page shows" {
	ran
	[[ $(wc -l <script) -gt 20 ]]
	diff <(without_times <shown) <(without_times <ran)
}

@test "a scan acquires the lock as often as it releases it, and more than once" {
	ran
	awk '
		/write=true/ { own[$3] }
		/acquire_returned.*success=true/ { acquired[$3]++ }
		/released/ { released[$3]++ }
		END {
			for (mm in acquired)
				if (!(mm in own)) {
					print acquired[mm], released[mm]
					found += acquired[mm] > 1 && acquired[mm] == released[mm]
				}
			exit found != 1
		}' events
}

@test "the table has every event and its fields, no other" {
	[[ -d $EVENTS/vmwalk ]] || skip 'this kernel has no trace events'
	# shellcheck disable=SC2016 # the backquotes are Markdown's
	diff <(sed -n 's/^| `\(vmwalk_[a-z]*\)` | \([^|]*\) |.*/\1: \2/p' "$PAGE" | tr -d '`' | sort) \
		<(awk '
			$1 == "name:" { event = $2; fields = ":" }
			/^\tfield:.*;/ {
				sub(/;.*/, "")
				sub(/.*[ *]/, "")
				if (!/^common_/)
					fields = fields (fields == ":" ? " " : ", ") $0
			}
			/^print fmt:/ { print event fields }' "$EVENTS"/vmwalk/vmwalk_*/format | sort)
}
