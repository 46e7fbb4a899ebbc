#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Can code of the kernel survive a page fault? docs/labs/kernel-fault.md is about it.
#
# Copyright (C) The vmwalk authors

set -euo pipefail

# One page a fault, so that each page that is written for the first time is one.
device=$(vmwalk-create poke size=16K fill=letters map_mode=fault fault_around=4K)
trap 'vmwalk-destroy poke' EXIT

"$(dirname "$0")/bin/kernel-fault" "$device"
