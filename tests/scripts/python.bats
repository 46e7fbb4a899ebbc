#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The Python module: its own tests, with and without numpy, and the examples of
# docs/python.md. They need the programs that tests/vm/run --more adds.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load helper

packages=/usr/lib/python3/dist-packages
tests=$BATS_TEST_DIRNAME/../python

need_python()
{
	python3 -c 'import pytest' 2>/dev/null || skip 'there is no pytest: see tests/vm/run --more'
}

# run_pytest [OPTION]...: runs the module's tests, with options of python3.
run_pytest()
{
	python3 "$@" -m pytest -p no:cacheprovider --quiet --tb=short --durations=3 "${select[@]}" "$tests"
}

@test "python: the tests of the module pass without numpy" {
	need_python
	mkdir "$BATS_TEST_TMPDIR/packages"
	ln -s "$packages"/* "$BATS_TEST_TMPDIR/packages"
	rm -f "$BATS_TEST_TMPDIR/packages"/numpy*
	select=()
	# With -S, Python does not search the system's packages.
	PYTHONPATH=$BATS_TEST_TMPDIR/packages run_pytest -S
	run ! env PYTHONPATH="$BATS_TEST_TMPDIR/packages" python3 -S -c 'import numpy'
}

@test "python: the tests of numpy arrays pass with numpy" {
	need_python
	python3 -c 'import numpy' || skip 'there is no numpy: see tests/vm/run --more'
	select=(-k 'numpy or array')
	run run_pytest
	echo "$output"
	[[ $status == 0 && $output != *skipped* ]]
}

@test "python: the examples of docs/python.md run and print what it shows" {
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
