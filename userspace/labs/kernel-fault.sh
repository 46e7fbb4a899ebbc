#!/bin/bash -p
# SPDX-License-Identifier: GPL-2.0
#
# Can code of the kernel survive a page fault? docs/labs/kernel-fault.md is about it.
#
# Copyright (C) The vmwalk authors

# shellcheck source=lab.bash
. "$(dirname "$(readlink -f "$0")")/bin/lab.bash"

# One page a fault, so that each page that is written for the first time is one.
make poke size=16K fill=letters map_mode=fault fault_around=4K

"$bin/kernel-fault" "$device"
