#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The man pages: which pages exist, and their examples, which are run again.
# docs/man/README.md lists the sources of the pages.
#
# Copyright (C) The vmwalk authors

load helper

SOURCES=$BATS_TEST_DIRNAME/man
MAN=${VMWALK_MAN:-/usr/share/man}

verbs()
{
	vmwalk --help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }'
}

# page NAME SECTION: prints the text of a page, without font changes and escapes.
page()
{
	sed -e 's/\\f[BIP]//g' -e 's/\\-/-/g' -e "s/\\\\(aq/'/g" "$MAN/man$2/$1.$2"
}

@test "man: every verb, script, function and ioctl has a page, and no other" {
	{
		echo vmwalk.1 vmwalk.4 libvmwalk.3
		verbs | sed 's/.*/vmwalk-&.1/'
		find /usr/sbin -name 'vmwalk-*' ! -name '*.*' -printf '%f.8\n'
		sed -n 's/^[a-z].*[ *]\(vmwalk_[a-z_]*\)(.*/\1.3/p' /usr/include/vmwalk/libvmwalk.h
		sed -n 's/^# \(VMWALK_[A-Z_]*\):.*/\1.4/p' "$BATS_TEST_DIRNAME"/uapi-*.md
		find "$SOURCES/" -name '*.5.md' -exec sed -n 's/^# \([^:]*\): .*/\1/p' {} + |
			sed -e 's/, /\n/g' | sed 's/$/.5/'
	} | xargs -n 1 | sort >"$BATS_TEST_TMPDIR/wanted"
	[[ $(wc -l <"$BATS_TEST_TMPDIR/wanted") -gt 50 ]]
	diff "$BATS_TEST_TMPDIR/wanted" \
		<(find "$MAN" -path '*/man?/*' -iname '*vmwalk*' -printf '%f\n' | sort)
}

@test "man: every verb, script and section 5 has an example" {
	local source

	for source in $(verbs | sed 's/.*/vmwalk-&.1/') vmwalk.1 libvmwalk.3 \
		$(find /usr/sbin -name 'vmwalk-*' ! -name '*.*' -printf '%f.8\n'); do
		echo "$source"
		# shellcheck disable=SC2016 # Markdown
		grep -q '^# ' <(sed -n '/^```console$/,/^```$/p' "$SOURCES/$source.md")
		page "${source%.*}" "${source##*.}" | grep -qx '.SH EXAMPLES'
	done
}

# terms: prints the options and columns of a help on standard input, one per
# line.
terms()
{
	sed -n 's/^  \([^ ].*\)/\1/p' | sed -e 's/  .*//'
}

@test "man: every option and column of a command's help is in its page" {
	local verb term

	for verb in $(verbs); do
		while IFS= read -r term; do
			echo "$verb: $term"
			page "vmwalk-$verb" 1 | grep -qxF -e "$term"
		done < <(vmwalk "$verb" --help | terms)
	done
	[[ $(vmwalk scan --help | terms | wc -l) -gt 15 ]]
}

# Numbers and the width of columns differ between machines.
normalize()
{
	sed -E -f "$BATS_TEST_TMPDIR/varies" |
		sed -E -e 's/0x[0-9a-f]+/#/g' -e 's/[0-9]+/#/g' -e 's/ +/ /g' -e 's/^ //; s/ $//'
}

@test "man: the examples give the output that the pages show" {
	local source failed=

	# Trees in the pages are ASCII.
	export LC_ALL=C
	cd "$BATS_TEST_TMPDIR"
	for source in "$SOURCES"/*.[1-8].md; do
		echo "${source##*/}"
		sed -n 's/^<!-- varies: \(.*\) -->$/\1/p' "$source" >varies
		sessions "$source"
		diff <(normalize <shown) <(normalize <ran) || failed=1
		no_instances
	done
	[[ ! $failed ]]
}
