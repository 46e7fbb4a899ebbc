#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The Python module: its own tests and the examples of docs/python.md. They need
# the programs that tests/vm/run --more adds.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load helper

need_python()
{
	python3 -c 'import numpy, pytest' 2>/dev/null || skip 'no pytest or numpy: see tests/vm/run --more'
}

@test "python: the tests of the module pass, also those of numpy arrays" {
	need_python
	python3 -m pytest -p no:cacheprovider --quiet --tb=short --durations=3 -rs "$BATS_TEST_DIRNAME/../python"
}

@test "python: the examples of docs/python.md run and print the output shown there" {
	need_python
	cd "$BATS_TEST_TMPDIR"
	# Each example begins with the name of its file.
	awk '/^```$/ { file = "" }
		file { print >file }
		/^```python$/ { getline; file = $2 }' "$BATS_TEST_DIRNAME/python.md"
	[[ $(echo *.py) == 'contiguous.py huge.py nodes.py stack.py' ]]
	sessions "$BATS_TEST_DIRNAME/python.md"
	# The lines of a traceback name files.
	sed -E -i 's/[0-9]+ (KiB|of its pages)/# \1/g' shown ran
	diff shown <(grep -v '^ ' ran)
	run -0 python3 nodes.py
	[[ $output == 'node '[0-9]*' pages' ]]
	no_instances
}
