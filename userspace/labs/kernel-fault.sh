#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# Show page faults that the kernel takes on user addresses. See
# docs/labs/kernel-fault.md.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

# Without fault-around, each page takes a fault of its own.
create poke size=$((4 * page_size)) fill=letters map_mode=fault fault_around="$page_size"

"$bin/kernel-fault" "$device"
