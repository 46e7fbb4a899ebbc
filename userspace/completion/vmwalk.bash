# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bash completion for vmwalk and the vmwalk-* scripts
#
# Options, commands and columns come from --help, and the names and values of
# attributes from configfs, so they are those of the installed command and the
# running kernel. VMWALK_SYSROOT is prefixed to all paths, as the command does.
#
# Copyright (C) The vmwalk authors

# Attributes of a new instance, if there is no instance to list them
_vmwalk_new_attributes=(
	address_bits buffer_type cache_mode fault_around fill live map_mode numa_node size
	target_pid track_dirty
)

# Sets words to the words up to the cursor. Bash also splits words at the "=" and
# ":" in COMP_WORDBREAKS: joins what no blank separates in the line.
_vmwalk_split()
{
	local line=${COMP_LINE:0:COMP_POINT} rest word i

	words=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		rest=${line#"${line%%[![:blank:]]*}"}
		# The cursor may be inside of the last word.
		((i < COMP_CWORD)) || word=${word:0:${#rest}}
		if ((i == 0)) || [[ $rest != "$line" ]]; then
			words+=("$word")
		else
			words[${#words[@]} - 1]+=$word
		fi
		line=${rest#"$word"}
	done
}

# Sets lines to the lines of a section of the help, without their indentation.
_vmwalk_section()
{
	local line on=

	lines=()
	while IFS= read -r line; do
		if [[ $line == "$1:" ]]; then
			on=1
		elif [[ $on && $line == '  '* ]]; then
			lines+=("${line#"${line%%[! ]*}"}")
		else
			on=
		fi
	done <<<"$help"
}

# Reads the options from the help. Sets kinds to the kind of argument of each
# option, or to nothing, and longs to the long name of each option.
_vmwalk_read_options()
{
	local line word kind long
	local -a lines names

	_vmwalk_section Options
	for line in "${lines[@]}"; do
		names=() kind='' long=''
		for word in ${line%%'  '*}; do
			word=${word%,}
			[[ $word != --* ]] || long=$word
			[[ $word == -* ]] && names+=("$word") || kind=$word
		done
		for word in "${names[@]}"; do
			kinds[$word]=$kind
			longs[$word]=$long
		done
	done
}

# Adds the names of the commands.
_vmwalk_commands()
{
	local help
	local -a lines

	help=$(LC_ALL=C "$program" --help 2>/dev/null)
	_vmwalk_section Commands
	candidates+=("${lines[@]%% *}")
}

# Adds the names of all instances that are not arguments already.
_vmwalk_instances()
{
	local item name

	for item in "$configfs"/*/; do
		[[ -d $item ]] || continue
		item=${item%/}
		printf -v name %q "${item##*/}"
		[[ " ${operands[*]} " == *" $name "* ]] || candidates+=("$name")
	done
}

# Sets attributes to the attributes that can be written: those of an instance,
# or of any other one.
_vmwalk_attributes()
{
	local item file

	attributes=()
	for item in ${1:+"$configfs/$1/"} "$configfs"/*/; do
		[[ -d $item ]] || continue
		for file in "$item"*; do
			file=${file##*/}
			[[ $file == dev_name || $file == last_error ]] || attributes+=("$file")
		done
		return
	done
	attributes=("${_vmwalk_new_attributes[@]}")
}

# Adds the processes that have user memory.
_vmwalk_pids()
{
	local process

	for process in "$root"/proc/[1-9]*/; do
		process=${process%/}
		# Kernel threads have no command line.
		if { IFS= read -r -n 1 -d '' _ <"$process/cmdline"; } 2>/dev/null; then
			candidates+=("${process##*/}")
		fi
	done
}

# Adds the names of processes.
_vmwalk_comms()
{
	local file name

	for file in "$root"/proc/[1-9]*/comm; do
		if { IFS= read -r name <"$file"; } 2>/dev/null; then
			printf -v name %q "$name"
			[[ " ${candidates[*]} " == *" $name "* ]] || candidates+=("$name")
		fi
	done
}

# Adds the values of an attribute, as the running kernel lists them.
_vmwalk_values()
{
	local file=$configfs/available_$1s node
	local -a values

	if [[ -f $file ]]; then
		read -ra values <"$file"
		candidates+=("${values[@]}")
		return
	fi
	case $1 in
	live | track_dirty)
		candidates+=(0 1)
		;;
	numa_node)
		candidates+=(-1)
		for node in "$root"/sys/devices/system/node/node[0-9]*/; do
			[[ ! -d $node ]] || node=${node%/} candidates+=("${node##*/node}")
		done
		;;
	target_pid)
		candidates+=(0)
		_vmwalk_pids
		;;
	esac
}

# Adds the arguments of an option.
_vmwalk_argument()
{
	local option=$1 name attribute
	local -a attributes lines

	case ${kinds[$option]} in
	PID)
		_vmwalk_pids
		;;
	NAME)
		_vmwalk_instances
		;;
	COMM)
		_vmwalk_comms
		;;
	FILE)
		compopt -o filenames 2>/dev/null
		mapfile -t candidates < <(compgen -f -- "${cur#"$prefix"}")
		;;
	COLUMN | COLUMNS)
		_vmwalk_section Columns
		[[ ${kinds[$option]} == COLUMN ]] || list=1
		candidates+=("${lines[@]%% *}")
		;;
	FLAGS)
		list=1
		# "Flags (NOTE): FLAG (NOTE) FLAG."
		if [[ $help =~ Flags[^:]*:([^.]*)\. ]]; then
			name=${BASH_REMATCH[1]}
			read -ra lines -d '' <<<"${name/(*)/}"
			candidates+=("${lines[@]}")
		fi
		;;
	*)
		# The option --type sets the attribute buffer_type.
		name=${longs[$option]#--}
		name=${name//-/_}
		_vmwalk_attributes
		for attribute in "${attributes[@]}"; do
			[[ _$attribute != *"_$name" ]] || _vmwalk_values "$attribute"
		done
		;;
	esac
}

# Adds the operands, whose kinds are in the usage line of the help.
_vmwalk_operand()
{
	local attribute kind n=${#operands[@]}
	local -a attributes spec

	read -ra spec <<<"${help%%$'\n'*}"
	while ((${#spec[@]})) && [[ ${spec[0]} != '[OPTION]...' ]]; do
		spec=("${spec[@]:1}")
	done
	spec=("${spec[@]:1}")
	((${#spec[@]})) || return
	if ((n < ${#spec[@]})); then
		kind=${spec[n]}
	elif [[ ${spec[-1]} == *... ]]; then
		kind=${spec[-1]}
	fi
	kind=${kind%...}
	kind=${kind#[}
	kind=${kind%]}

	case $kind in
	NAME)
		# The instance that create makes does not exist yet.
		[[ $program == *vmwalk-create || $verb == create ]] || _vmwalk_instances
		;;
	COMMAND)
		_vmwalk_commands
		;;
	FILE)
		compopt -o filenames 2>/dev/null
		mapfile -t candidates < <(compgen -f -- "$cur")
		;;
	ATTRIBUTE=VALUE)
		if [[ $cur == *=* ]]; then
			prefix=${cur%%=*}=
			_vmwalk_values "${cur%%=*}"
		else
			_vmwalk_attributes "${operands[0]}"
			for attribute in "${attributes[@]}"; do
				candidates+=("$attribute=")
			done
		fi
		;;
	esac
}

# Parses the words before the current one. Sets operands, and option if the
# current word is the argument of an option.
_vmwalk_parse()
{
	local word i only_operands=

	operands=() option=''
	for word in "${words[@]:$1:${#words[@]}-$1-1}"; do
		if [[ $option ]]; then
			option=
		elif [[ $only_operands || $word != -?* ]]; then
			operands+=("$word")
		elif [[ $word == -- ]]; then
			only_operands=1
		elif [[ $word == --* ]]; then
			[[ ! ${kinds[$word]-} ]] || option=$word
		else
			for ((i = 1; i < ${#word}; i++)); do
				[[ ${kinds[-${word:i:1}]-} ]] || continue
				# What follows the letter is its argument.
				((i < ${#word} - 1)) || option=-${word:i:1}
				break
			done
		fi
	done
	[[ ! $only_operands ]] || kinds=()
}

# Sets COMPREPLY to the candidates that begin with the current word.
_vmwalk_reply()
{
	local candidate replaced='' value=${cur#"$prefix"}

	# In a list, the last item is completed.
	if [[ $list ]]; then
		[[ $value != +* ]] || prefix+=+ value=${value#+}
		[[ $value != *,* ]] || prefix+=${value%,*},
		compopt -o nospace 2>/dev/null
	fi
	# Readline replaces only what follows the last "=" or ":".
	[[ $cur != *[=:]* || $COMP_WORDBREAKS != *[=:]* ]] || replaced=${cur%"${cur##*[=:]}"}
	COMPREPLY=()
	for candidate in "${candidates[@]}"; do
		[[ $list && ,$value, == *",$candidate,"* ]] && continue
		[[ $prefix$candidate == "$cur"* ]] || continue
		candidate=$prefix$candidate
		COMPREPLY+=("${candidate#"$replaced"}")
		[[ $candidate != *= ]] || compopt -o nospace 2>/dev/null
	done
}

_vmwalk()
{
	local program=$1 root=${VMWALK_SYSROOT-} first=1
	local configfs=$root/sys/kernel/config/vmwalk
	local cur help list option prefix verb
	local -a candidates=() operands=() words
	local -A kinds=() longs=()

	_vmwalk_split
	cur=${words[-1]}
	if [[ ${program##*/} == vmwalk ]] && ((${#words[@]} > 2)); then
		verb=${words[1]} first=2
	fi
	help=$(LC_ALL=C "$program" ${verb:+"$verb"} --help 2>/dev/null)
	_vmwalk_read_options
	_vmwalk_parse "$first"

	if [[ $option ]]; then
		_vmwalk_argument "$option"
	elif [[ $cur == --*=* && ${kinds[${cur%%=*}]-} ]]; then
		prefix=${cur%%=*}=
		_vmwalk_argument "${cur%%=*}"
	elif [[ $cur == -[!-]?* && ${kinds[${cur:0:2}]-} ]]; then
		prefix=${cur:0:2}
		_vmwalk_argument "$prefix"
	elif [[ $cur == -* && ${#kinds[@]} != 0 ]]; then
		mapfile -t candidates < <(printf '%s\n' "${longs[@]}" | sort -u)
	elif [[ ${program##*/} == vmwalk && ! $verb ]]; then
		_vmwalk_commands
	else
		_vmwalk_operand
	fi
	_vmwalk_reply
}

complete -F _vmwalk vmwalk vmwalk-{create,destroy,list,restore,save,selftest,show}
