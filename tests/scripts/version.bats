#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The version, which the module, the command and pkg-config read from one file.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load helper

@test "version: the module, the command and pkg-config agree" {
	version=$(</sys/module/vmwalk/version)
	[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]

	run -0 modinfo --field version vmwalk
	[[ $output == "$version" ]]
	run -0 vmwalk --version
	[[ $output == "vmwalk $version" ]]
	# The VM does not have pkg-config.
	run -0 sed -n 's/^Version: //p' /usr/lib/pkgconfig/libvmwalk.pc
	[[ $output == "$version" ]]
}
