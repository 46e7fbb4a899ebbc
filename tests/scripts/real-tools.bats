#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Tools that know nothing of vmwalk, with its memory as theirs: fio does direct I/O from and to a
# mapping and verifies every byte, with each I/O engine, and writes,
# syncs and verifies the buffer itself; dd moves the buffer as a file.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load helper

DISK=/dev/ram0
# What fio maps: four blocks of 16 KiB, and two pages more for the alignment that O_DIRECT needs. A
# buffer that is smaller by a byte is one that it can't map.
SIZE=72K

setup()
{
	vmwalk_setup
	modprobe -q brd || true
	[[ -b $DISK ]] || skip "there is no RAM disk"
	cd "$BATS_TEST_TMPDIR" || return
}

# get_stat DEVICE FILE: prints one of the counters.
get_stat()
{
	cat "/sys/class/vmwalk/${1##*/}/stats/$2"
}

# What fio runs under.
trace=()

# job DEVICE OPTION...: has fio write a megabyte to the disk out of a mapping of the device, and read
# it back into it to see that it is the same.
job()
{
	local device=$1
	shift

	"${trace[@]}" fio --name=job --filename="$DISK" --rw=randwrite --size=1M --direct=1 \
		--bs=16k --iodepth=4 --mem="mmapshared:$device" --verify=crc32c --verify_fatal=1 \
		--verify_state_save=0 --output=fio.log "$@" 2>&1
}

# The engines, with what makes each ask for the memory in its own way. Since fio starts slowly, all of
# them try one mapping, and the first all others.
ENGINES=(psync libaio io_uring 'io_uring --fixedbufs')

# combinations WHAT: prints those of type and map mode that map WHAT, pages or frames.
combinations()
{
	local type mode is

	for type in $(<"$VMWALK/available_buffer_types"); do
		for mode in $(<"$VMWALK/available_map_modes"); do
			case $type-$mode in
			kmalloc-insert | dma-insert)	is= ;;
			# Before 6.12 the kernel may find pages there.
			huge-fault)			is= ;;
			# One of each type will do; the driver's tests have them all.
			kmalloc-fault | vmalloc-remap | huge-remap | dma-fault) is=frames ;;
			*-remap)			is= ;;
			*)				is=pages ;;
			esac
			[[ $is != "$1" ]] || echo "$type $mode"
		done
	done
}

# registers_files: whether the kernel lets io_uring register memory that a file is behind. Before 6.5
# it didn't, except for tmpfs.
registers_files()
{
	printf '6.5\n%s\n' "$(uname -r)" | sort -V -C
}

@test "fio's direct I/O works on every mapping that has pages, and with every engine" {
	local type mode engine device registers=1 engines=("${ENGINES[@]}")

	registers_files || registers=
	while read -r type mode; do
		device=$(make_instance demo buffer_type="$type" map_mode="$mode" \
			size="$SIZE")
		for engine in "${engines[@]}"; do
			[[ $engine != *--fixedbufs || $registers ]] || continue
			echo "$type $mode $engine"
			head -c "$SIZE" /dev/zero >"$device"
			# shellcheck disable=SC2086 # words
			job "$device" --ioengine=$engine
			grep -q 'err= 0' fio.log
			# Blocks that fio verifies start with this; those that it has used are in the buffer.
			[[ $(od -An -v -tx2 -w16384 -N65536 "$device" | cut -c1-5) == *' acca'* ]]
			[[ $(get_stat "$device" mapped_pages) == 0 ]]
			[[ $(get_stat "$device" opens) == 0 ]]
		done
		rmdir "$VMWALK/demo"
		engines=("${ENGINES[0]}")
	done < <(combinations pages)
	[[ $registers ]] || skip "--fixedbufs: this kernel registers no memory that a file is behind"
}

@test "fio is told EFAULT of every mapping that has frames, and the disk stays as it was" {
	local type mode engine device before engines=("${ENGINES[@]}")

	before=$(head -c 1M "$DISK" | md5sum)
	while read -r type mode; do
		device=$(make_instance demo buffer_type="$type" map_mode="$mode" \
			size="$SIZE")
		for engine in "${engines[@]}"; do
			echo "$type $mode $engine"
			# Of memory that can't be registered fio doesn't say why.
			trace=()
			[[ $engine != *--fixedbufs ]] ||
				trace=(strace -f -o fio.log.trace -e trace=io_uring_register)
			# shellcheck disable=SC2086 # words
			run job "$device" --ioengine=$engine
			cat fio.log*
			[[ $status != 0 ]]
			if [[ $engine == *--fixedbufs ]]; then
				grep -q 'IORING_REGISTER_BUFFERS.*EFAULT' fio.log.trace
			else
				grep -q 'Bad address' fio.log
			fi
			[[ $(get_stat "$device" mapped_pages) == 0 ]]
			[[ $(get_stat "$device" opens) == 0 ]]
		done
		rmdir "$VMWALK/demo"
		engines=("${ENGINES[0]}")
	done < <(combinations frames)
	[[ $(head -c 1M "$DISK" | md5sum) == "$before" ]]
}

@test "dd moves a disk through the buffer and back, past its cache" {
	local device

	device=$(make_instance demo size=1M)
	head -c 1M /dev/urandom >random
	dd if=random of="$DISK" bs=64K oflag=direct status=none
	dd if="$DISK" of="$device" bs=64K count=16 iflag=direct status=none
	cmp random "$device"
	dd if=/dev/zero of="$DISK" bs=64K count=16 oflag=direct status=none
	dd if="$device" of="$DISK" bs=64K oflag=direct status=none
	cmp -n 1048576 random "$DISK"
	# One byte more than the buffer holds.
	run dd if="$DISK" of="$device" bs=1048577 count=1 status=none
	[[ $status == 1 && $output == *'No space left on device' ]]
}

@test "fio writes, syncs and verifies the buffer itself, with every engine" {
	local device engine

	device=$(make_instance demo size=256K)
	for engine in "mmap" "psync --direct=1" "libaio --direct=1" io_uring splice; do
		echo "$engine"
		# shellcheck disable=SC2086 # words
		fio --name=job --filename="$device" --rw=write --size=256K --bs=4k --fsync=16 \
			--verify=crc32c --verify_fatal=1 --verify_state_save=0 --output=fio.log \
			--ioengine=$engine || { cat fio.log; false; }
		grep -q 'err= 0' fio.log
		[[ $(od -An -v -tx2 -w4096 "$device" | cut -c1-5 | sort | uniq -c) == *'64  acca' ]]
		head -c 256K /dev/zero >"$device"
	done
}

@test "dd writes and syncs the buffer, and copies it with O_DIRECT" {
	local device

	device=$(make_instance demo size=64K)
	head -c 64K /dev/urandom >random
	for options in conv=fsync conv=fdatasync oflag=sync oflag=dsync oflag=direct; do
		echo "$options"
		head -c 64K /dev/zero >"$device"
		dd if=random of="$device" bs=4K "$options" status=none
		cmp random "$device"
	done
	dd if="$device" of=copy bs=4K iflag=direct status=none
	cmp random copy
}
