#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# fio and dd on vmwalk buffers: direct I/O from and to a mapping with each I/O
# engine of fio, and reading, writing and syncing the device as a file.
#
# Copyright (C) The vmwalk authors

bats_require_minimum_version 1.5.0

load helper

DISK=/dev/ram0
# fio maps exactly this: four blocks of 16 KiB, and two pages to align for
# O_DIRECT
SIZE=72K

setup()
{
	locate_errors
	vmwalk_setup
	modprobe -q brd || true
	[[ -b $DISK ]] || skip "no RAM disk: $DISK does not exist"
	cd "$BATS_TEST_TMPDIR" || return
}

# get_stat DEVICE COUNTER: prints the value.
get_stat()
{
	cat "/sys/class/vmwalk/${1##*/}/stats/$2"
}

# Command prefix of fio
trace=()

# job DEVICE OPTION...: fio writes 1 MiB from a mapping of the device to the
# disk, and reads it back into the mapping to verify it.
job()
{
	local device=$1
	shift

	"${trace[@]}" fio --name=job --filename="$DISK" --rw=randwrite --size=1M --direct=1 \
		--bs=16k --iodepth=4 --mem="mmapshared:$device" --verify=crc32c --verify_fatal=1 \
		--verify_state_save=0 --output=fio.log "$@" 2>&1
}

# I/O engines that pin memory in different ways. fio starts slowly, so one
# mapping is tested with all engines, and the others with the first one.
ENGINES=(psync libaio io_uring 'io_uring --fixedbufs')

# combinations KIND: prints the buffer types and map modes of KIND: refcounted
# "pages", or "pfnmap" mappings.
combinations()
{
	local type mode kind

	for type in $(<"$VMWALK/available_buffer_types"); do
		for mode in $(<"$VMWALK/available_map_modes"); do
			case $type-$mode in
			kmalloc-insert | dma-insert)	kind= ;;
			# GUP may succeed before 6.12.
			huge-fault)			kind= ;;
			# One per type; the driver tests cover all.
			kmalloc-fault | vmalloc-remap | huge-remap | dma-fault) kind=pfnmap ;;
			*-remap)			kind= ;;
			*)				kind=pages ;;
			esac
			[[ $kind != "$1" ]] || echo "$type $mode"
		done
	done
}

# Succeeds if io_uring can register file-backed memory. Before 6.5, it cannot.
can_register_files()
{
	printf '6.5\n%s\n' "$(uname -r)" | sort -V -C
}

@test "fio: direct I/O works on mappings of refcounted pages, with every engine" {
	local type mode engine device registers=1 engines=("${ENGINES[@]}")

	can_register_files || registers=
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
			# The buffer contains a block with fio's verification header.
			[[ $(od -An -v -tx2 -w16384 -N65536 "$device" | cut -c1-5) == *' acca'* ]]
			[[ $(get_stat "$device" mapped_pages) == 0 ]]
			[[ $(get_stat "$device" opens) == 0 ]]
		done
		rmdir "$VMWALK/demo"
		engines=("${ENGINES[0]}")
	done < <(combinations pages)
	[[ $registers ]] || skip "--fixedbufs: this kernel does not register file-backed memory"
}

@test "fio: direct I/O on PFN mappings fails with EFAULT and does not change the disk" {
	local type mode engine device before engines=("${ENGINES[@]}")

	before=$(head -c 1M "$DISK" | md5sum)
	while read -r type mode; do
		device=$(make_instance demo buffer_type="$type" map_mode="$mode" \
			size="$SIZE")
		for engine in "${engines[@]}"; do
			echo "$type $mode $engine"
			# fio does not print the error of registration.
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
	done < <(combinations pfnmap)
	[[ $(head -c 1M "$DISK" | md5sum) == "$before" ]]
}

@test "dd: copies between a disk and the buffer with direct I/O" {
	local device

	device=$(make_instance demo size=1M)
	head -c 1M /dev/urandom >random
	dd if=random of="$DISK" bs=64K oflag=direct status=none
	dd if="$DISK" of="$device" bs=64K count=16 iflag=direct status=none
	cmp random "$device"
	dd if=/dev/zero of="$DISK" bs=64K count=16 oflag=direct status=none
	dd if="$device" of="$DISK" bs=64K oflag=direct status=none
	cmp -n 1048576 random "$DISK"
	# One byte more than the size of the buffer
	run dd if="$DISK" of="$device" bs=1048577 count=1 status=none
	[[ $status == 1 && $output == *'No space left on device' ]]
}

@test "fio: writes, syncs and verifies the device as a file, with every engine" {
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

@test "dd: writes and syncs the device, and reads it with O_DIRECT" {
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
