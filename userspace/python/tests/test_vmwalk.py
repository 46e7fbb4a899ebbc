# SPDX-License-Identifier: GPL-2.0
# Copyright (C) The vmwalk authors
"""Tests of the Python module. They need root and the driver: tests/scripts/python.bats runs them.

The tests of numpy run if numpy can be imported; the others never import it.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import re
import signal
import struct
import sys
import threading
from pathlib import Path

import pytest

import vmwalk
from vmwalk import _abi

PAGE = mmap.PAGESIZE
TOP = 1 << 64
SYSFS = Path("/sys/class/vmwalk")


@pytest.fixture
def lab():
    with vmwalk.create("lab", size=16 * PAGE, fill="letters") as instance:
        yield instance


@pytest.fixture
def file(lab):
    with lab.open() as opened:
        yield opened


@pytest.fixture
def memory():
    """Eight pages of anonymous memory, of which the first three are present."""
    area = mmap.mmap(-1, 8 * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    for page in range(3):
        area[page * PAGE] = 1
    yield area
    area.close()


def pagemap(addr):
    with open("/proc/self/pagemap", "rb") as entries:
        entries.seek(addr // PAGE * 8)
        return struct.unpack("=Q", entries.read(8))[0]


def pagemap_pfn(addr):
    return pagemap(addr) & ((1 << 55) - 1)


# --- The ABI ------------------------------------------------------------------


def header():
    return Path("/usr/include/linux/vmwalk.h").read_text()


@pytest.mark.parametrize("structure", [
    _abi.Info, _abi.Level, _abi.Walk, _abi.Scan, _abi.Extent, _abi.Translation, _abi.Vma, _abi.Dirty, _abi.Locate,
    _abi.Log, _abi.Copy, _abi.Poke,
])
def test_structures_have_the_fields_and_sizes_of_the_header(structure):
    name = structure.__name__.lower()
    body = re.search(rf"^struct vmwalk_{name} {{\n(.*?)^}}", header(), re.M | re.S).group(1)
    sizes = {"__u16": 2, "__s16": 2, "__u32": 4, "__s32": 4, "__aligned_u64": 8, "struct vmwalk_level": 24}
    fields = re.findall(r"^\t(\w+(?: \w+)?) (\w+)(?:\[.*\])?;$", body, re.M)
    assert [field for _, field in fields] == [field[0] for field in structure._fields_]
    for kind, field in fields:
        if kind != "struct vmwalk_level":
            assert getattr(structure, field).size == sizes[kind], field
    size = re.search(rf"VMWALK_{name.upper()}_SIZE_VER0\t(\d+)", header())
    if size:
        assert ctypes.sizeof(structure) >= int(size.group(1))


@pytest.mark.parametrize("prefix, flags", [
    ("", vmwalk.State), ("LEVEL_", vmwalk.LevelFlag), ("STOP_", vmwalk.Stop), ("VMA_", vmwalk.VmaFlag),
])
def test_constants_are_those_of_the_header(prefix, flags):
    for name, value in flags.__members__.items():
        if name != "ALL":
            assert re.search(rf"^#define VMWALK_{prefix}{name}\t+({value}|0x0*{value:x})\b", header(), re.M), name


def test_limits_and_flags_of_calls_are_those_of_the_header():
    for name, value in (("LOG_LINES", vmwalk.LOG_LINES), ("COPY_FROM_TARGET", 0), ("COPY_TO_TARGET", 1),
                        ("COPY_FROM_BUFFER", 2), ("DIRTY_CLEAR", 1), ("WALK_KERNEL", 1)):
        assert int(re.search(rf"^#define VMWALK_{name}\t+(\w+)", header(), re.M).group(1), 0) == value, name


def test_the_version_is_that_of_the_module():
    assert vmwalk.__version__ == Path("/sys/module/vmwalk/version").read_text().strip()


def test_every_flag_of_the_header_is_known():
    assert vmwalk.State.ALL == sum(flag for flag in vmwalk.State if flag != vmwalk.State.ALL)
    assert int(re.search(r"VMWALK_STATE_ALL\t(\w+)", header()).group(1), 0) == vmwalk.State.ALL


# --- Instances ----------------------------------------------------------------


def test_create_sets_attributes_and_publishes_the_device():
    with vmwalk.create("lab", size="64K", buffer_type="kmalloc", map_mode="remap", track_dirty=False) as lab:
        assert lab.live
        assert lab.get("size") == "65536"
        assert lab.path == f"/dev/{lab.dev_name}"
        assert os.path.exists(lab.path)
    assert not os.path.exists(lab.path)
    assert vmwalk.instances() == []


def test_create_can_leave_the_instance_pending():
    with vmwalk.create("lab", live=False) as lab:
        assert not lab.live
        assert not os.path.exists(lab.path)
        lab.live = True
        assert os.path.exists(lab.path)
        lab.live = False
        assert not os.path.exists(lab.path)


def test_without_a_with_statement_the_instance_stays():
    path = vmwalk.create("lab").path
    assert os.path.exists(path)
    with vmwalk.Instance("lab") as lab:
        assert lab.path == path
    assert os.path.exists(path)
    lab.destroy()


def test_a_failed_create_leaves_nothing_and_has_the_message_of_the_driver():
    with pytest.raises(vmwalk.Error, match=r"lab: size=8X: size: '8X' is not a size in bytes") as caught:
        vmwalk.create("lab", size="8X")
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(OSError, match=r"lab: live=1: size 8388608 exceeds the limit of kmalloc, \d+ bytes") as caught:
        vmwalk.create("lab", size="8M", buffer_type="kmalloc")
    assert caught.value.errno == errno.ENOMEM
    assert vmwalk.instances() == []


def test_an_existing_name_is_file_exists(lab):
    with pytest.raises(vmwalk.ExistsError, match="lab: File exists") as caught:
        vmwalk.create("lab")
    assert isinstance(caught.value, FileExistsError)
    assert lab.live


def test_a_missing_instance_is_file_not_found():
    with pytest.raises(FileNotFoundError, match="none: no such instance") as caught:
        vmwalk.Instance("none")
    assert isinstance(caught.value, vmwalk.Error)


@pytest.mark.parametrize("name, error, message", [
    ("a/b", ValueError, "'a/b' is not a valid instance name"),
    ("", ValueError, "'' is not a valid"),
    ("..", ValueError, r"'\.\.' is not a valid"),
    ("a\0b", ValueError, r"'a\\x00b' contains a zero byte"),
    (7, TypeError, "int"),
    pytest.param("x" * 256, OSError, "File name too long", id="too-long"),
])
def test_bad_names(name, error, message):
    with pytest.raises(error, match=message):
        vmwalk.create(name)


def test_names_may_be_bytes_and_contain_anything_else():
    for name in ("two words", b"\xff\n", "é", "-"):
        with vmwalk.create(name, live=False) as lab:
            assert vmwalk.Instance(name).dev_name == lab.dev_name
            assert os.fsencode(vmwalk.instances()[0].name) == os.fsencode(name)


@pytest.mark.parametrize("attribute, value, error, message", [
    ("colour", 1, FileNotFoundError, "lab: colour: unknown attribute"),
    ("last_error", 1, OSError, "lab: last_error: "),
    ("size", 1.5, TypeError, "size must be str or int, not float"),
    ("size", "1\0", ValueError, "size '1\\\\x00' contains a zero byte"),
    ("size", 1, OSError, "lab: size=1: size can't change while live is 1"),
    ("target_pid", 2, OSError, "target_pid 2 is a kernel thread"),
    ("target_pid", "1" * 5000, OSError, "value of 5000 bytes exceeds the limit of configfs"),
])
def test_bad_attributes(lab, attribute, value, error, message):
    with pytest.raises(error, match=message):
        lab.set(attribute, value)


def test_an_error_message_does_not_outlive_its_call(lab):
    with pytest.raises(OSError):
        lab.set("size", 1)
    lab.set("target_pid", os.getpid())
    with pytest.raises(FileNotFoundError, match="unknown attribute"):
        lab.set("colour", 1)


def test_a_removed_instance_is_not_its_successor(lab):
    lab.destroy()
    with vmwalk.create("lab", live=False):
        with pytest.raises(FileNotFoundError, match="lab: size: the instance was removed"):
            lab.set("size", PAGE)
        with pytest.raises(FileNotFoundError):
            lab.destroy()


def test_instances_are_sorted_in_byte_order():
    names = ["a", "B", "a-b", "é", "_"]
    for name in names:
        vmwalk.create(name, live=False)
    found = vmwalk.instances()
    assert [lab.name for lab in found] == sorted(names, key=os.fsencode)
    for lab in found:
        lab.destroy()


def test_available_lists_what_the_driver_offers():
    assert "kmalloc" in vmwalk.available("buffer_type")
    assert vmwalk.available("fill") == ["zero", "digits", "letters"]
    with pytest.raises(FileNotFoundError, match="colour: not one of buffer_type"):
        vmwalk.available("colour")


def test_stats_are_the_counters_in_sysfs(lab, file):
    stats = lab.stats()
    names = {path.name for path in (SYSFS / lab.dev_name / "stats").iterdir()} - {"reset"}
    assert set(stats) == names
    assert stats["opens"] == 1 and stats["walks"] == 0
    file.walk(0)
    view = file.map()
    assert view[0] == ord("a")
    stats = lab.stats()
    assert stats["walks"] == 1 and stats["mappings"] == 1 and stats["mapped_pages"] >= 1
    lab.live = False
    with pytest.raises(FileNotFoundError, match="lab: no counters: the instance is not live"):
        lab.stats()


# --- Files --------------------------------------------------------------------


def test_info(lab, file):
    info = file.info()
    assert info.buffer_type == "vmalloc" and info.map_mode == "fault" and info.cache_mode == "wb"
    assert info.page_size == PAGE and info.buffer_size == 16 * PAGE
    assert f"/dev/vmwalk{info.number}" == lab.path
    assert info.target_pid == 0


def test_map_is_the_buffer_and_outlives_the_file(lab):
    with lab.open() as file:
        view = file.map()
        part = file.map(PAGE, 2 * PAGE)
        private = file.map(write=True, shared=False)
    assert isinstance(view, memoryview) and len(view) == 16 * PAGE and len(part) == 2 * PAGE
    assert bytes(view[:3]) == b"abc"
    view[PAGE] = ord("X")
    assert part[0] == ord("X")
    private[0] = ord("P")
    assert view[0] == ord("a")


def test_a_read_only_mapping_cannot_be_written(file):
    view = file.map(write=False)
    assert view.readonly
    with pytest.raises(TypeError):
        view[0] = 1
    assert vmwalk.address_of(view) % PAGE == 0


def test_a_mapping_ends_with_its_memoryview(lab, file):
    view = file.map()
    assert lab.stats()["mappings"] == 1
    del view
    assert lab.stats()["mappings"] == 0


@pytest.mark.parametrize("offset, size, message", [
    (-1, None, f"offset -1 is out of range, 0 to {16 * PAGE - 1:#x}"),
    (16 * PAGE, None, f"offset {16 * PAGE:#x} is out of range, 0 to {16 * PAGE - 1:#x}"),
    (1, None, f"offset 0x1 is not a multiple of the page size, {PAGE:#x}"),
    (0, 16 * PAGE + 1, f"size {16 * PAGE + 1} at offset 0 is out of range, 1 to {16 * PAGE}"),
    (PAGE, 16 * PAGE, f"size {16 * PAGE} at offset {PAGE} is out of range, 1 to {15 * PAGE}"),
    (0, 0, "size 0 at offset 0 is out of range"),
    (0, -1, "size -1 at offset 0 is out of range"),
])
def test_map_names_the_value_and_the_limit(file, offset, size, message):
    with pytest.raises(ValueError, match=message):
        file.map(offset, size)


def test_a_closed_file_fails_with_a_clear_error(lab):
    file = lab.open()
    file.close()
    file.close()
    for call in (file.info, file.fileno, file.map, lambda: file.walk(0), lambda: file.get_pfn(0),
                 lambda: file.translate([0]), file.scan, lambda: list(file.vmas()), file.dirty, file.locate,
                 file.log, lambda: file.pagemap(0, PAGE), lambda: file.poke(0, 1),
                 lambda: file.copy_from_target(0, 1)):
        with pytest.raises(ValueError, match=f"{lab.path} is closed"):
            call()
    assert "closed" in repr(file)


def test_other_files_are_not_devices():
    with pytest.raises(OSError, match="/dev/null: not a vmwalk device"):
        vmwalk.File("/dev/null")
    with pytest.raises(FileNotFoundError, match="/dev/vmwalk9999: No such file"):
        vmwalk.File("/dev/vmwalk9999")


def test_a_withdrawn_device_fails_with_enodev(lab, file):
    view = file.map()
    lab.live = False
    with pytest.raises(vmwalk.Error, match="No such device") as caught:
        file.walk(0)
    assert caught.value.errno == errno.ENODEV
    assert view[0] == ord("a")


# --- Walks --------------------------------------------------------------------


def test_get_pfn_agrees_with_pagemap(file, memory):
    start = vmwalk.address_of(memory)
    for addr in (start, start + 1, start + 3 * PAGE - 1):
        assert file.get_pfn(addr) == pagemap_pfn(addr)
    with pytest.raises(FileNotFoundError, match=f"get_pfn of {start + 4 * PAGE:#x}: no page is present"):
        file.get_pfn(start + 4 * PAGE)


def test_get_pfn_takes_every_address(file):
    """No address is cut off: each one fails with its own value, or is found."""
    for shift in range(64):
        for addr in ((1 << shift) - 1, 1 << shift, TOP - (1 << shift)):
            if addr >= TOP:
                continue
            try:
                assert file.get_pfn(addr) == pagemap_pfn(addr)
            except vmwalk.Error as error:
                assert error.errno in (errno.ENOENT, errno.EINVAL)
                assert f"get_pfn of {addr:#x}: " in str(error)


@pytest.mark.parametrize("addr, error, message", [
    (-1, ValueError, "address -1 is out of range, 0 to 0xffffffffffffffff"),
    (TOP, ValueError, "address 0x10000000000000000 is out of range, 0 to 0xffffffffffffffff"),
    ("0x1000", TypeError, "str"),
    (1.0, TypeError, "float"),
    (None, TypeError, "NoneType"),
    (TOP - PAGE, OSError, f"{TOP - PAGE:#x}: not a user-space address; walk"),
])
def test_bad_addresses(file, addr, error, message):
    for call in (file.get_pfn, file.walk):
        with pytest.raises(error, match=message):
            call(addr)
    if error is not OSError:
        with pytest.raises(error, match=message):
            file.translate([0, addr])


def test_walk_describes_a_page_and_an_empty_entry(file, memory):
    start = vmwalk.address_of(memory)
    walk = file.walk(start + 5)
    assert walk.pfn == pagemap_pfn(start)
    assert walk.phys == walk.pfn * PAGE + 5
    assert walk.stop == vmwalk.Stop.PAGE and walk.addr == start + 5
    assert walk.state & (vmwalk.State.PRESENT | vmwalk.State.WRITE) == vmwalk.State.PRESENT | vmwalk.State.WRITE
    assert len(walk.levels) == 5
    assert walk.levels[walk.stop_level].flags & vmwalk.LevelFlag.LEAF
    assert 1 << walk.page_shift == PAGE
    walk = file.walk(start + 5 * PAGE)
    assert walk.stop == vmwalk.Stop.EMPTY and walk.pfn == 0 and walk.state == 0


def test_walk_of_the_kernel(file):
    kernel = file.locate(0).kaddr
    walk = file.walk(kernel, kernel=True)
    assert walk.phys == file.locate(0).phys
    with pytest.raises(OSError, match="0x1000: not a kernel address"):
        file.walk(0x1000, kernel=True)


def test_translate_keeps_the_order_of_the_addresses(file, memory):
    start = vmwalk.address_of(memory)
    addresses = [start + 2 * PAGE + 7, start, start + 6 * PAGE, TOP - 1]
    found = file.translate(iter(addresses))
    assert [translation.addr for translation in found] == addresses
    assert found[0].phys == pagemap_pfn(start + 2 * PAGE) * PAGE + 7
    assert found[1].state & vmwalk.State.DIRTY
    assert found[2].phys == found[3].phys == 0
    assert found[3].page_shift == 0 and found[3].node == -1
    assert file.translate([]) == []


def test_scan_agrees_with_pagemap(file, memory):
    start = vmwalk.address_of(memory)
    pages = {}
    for extent in file.scan(start, start + 8 * PAGE):
        assert extent.end == extent.start + extent.pages * PAGE
        for page in range(extent.pages):
            pages[extent.start + page * PAGE] = extent.pfn + page
    assert pages == {start + page * PAGE: pagemap_pfn(start + page * PAGE) for page in range(3)}


def test_scan_reports_more_extents_than_a_batch(file):
    area = mmap.mmap(-1, 12000 * PAGE)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    for page in range(0, 12000, 2):
        area[page * PAGE] = 1
    start = vmwalk.address_of(area)
    found = [extent.start for extent in file.scan(start, start + len(area))]
    assert found == list(range(start, start + len(area), 2 * PAGE))


def test_scan_applies_masks(file, memory):
    start = vmwalk.address_of(memory)
    window = (start, start + 8 * PAGE)
    state = vmwalk.State
    assert list(file.scan(*window, require=state.SWAP)) == []
    assert list(file.scan(*window, any_of=state.SWAP | state.WRITE))
    assert list(file.scan(*window, require=state.WRITE, invert=state.WRITE)) == []
    assert {extent.flags for extent in file.scan(*window, report=state.PRESENT)} == {state.PRESENT}


def test_scan_of_everything_finds_this_code(file):
    extents = list(file.scan())
    assert len(extents) > 20
    assert extents == sorted(extents)
    assert list(file.scan(0, 0)) == []


@pytest.mark.parametrize("arguments, message", [
    ({"start": 1}, f"start 0x1 is not a multiple of the page size, {PAGE:#x}"),
    ({"start": -PAGE}, f"start {-PAGE} is out of range"),
    ({"start": 2 * PAGE, "end": PAGE}, f"end {PAGE:#x} is below start {2 * PAGE:#x}"),
    ({"end": TOP}, "end 0x10000000000000000 is out of range"),
    ({"report": 1 << 17}, "flags 0x20000 are not all known: 0x1ffff"),
    ({"require": -1}, "flags -0x1 are not all known"),
])
def test_scan_names_the_value_and_the_limit(file, arguments, message):
    with pytest.raises(ValueError, match=message):
        file.scan(**arguments)


def test_pagemap_agrees_with_pagemap(file, memory):
    start = vmwalk.address_of(memory)
    # Bit 56 is not reported.
    wanted = [pagemap(start + page * PAGE) & ~(1 << 56) for page in range(8)]
    assert list(file.pagemap(start, start + 8 * PAGE)) == wanted
    assert list(file.pagemap(start + PAGE, start + PAGE + 1)) == wanted[1:2]
    assert len(file.pagemap(start, start)) == 0


def test_pagemap_ends_at_the_end_of_user_space(file):
    with open("/proc/self/maps") as maps:
        top = max(end for end in (int(line.split()[0].split("-")[1], 16) for line in maps) if end < TOP // 2)
    entries = file.pagemap(top, top + (1 << 21))
    assert len(entries) <= 512 and not any(entries)
    with pytest.raises(OSError, match=f"pagemap from {TOP - PAGE:#x}: not a user-space address"):
        file.pagemap(TOP - PAGE, TOP - 1)


@pytest.mark.parametrize("start, end, message", [
    (1, PAGE, f"start 0x1 is not a multiple of the page size, {PAGE:#x}"),
    (PAGE, 0, f"end 0x0 is below start {PAGE:#x}"),
    (0, TOP, "end 0x10000000000000000 is out of range"),
])
def test_pagemap_names_the_value_and_the_limit(file, start, end, message):
    with pytest.raises(ValueError, match=message):
        file.pagemap(start, end)


def kernel_log():
    """Lines of the kernel log that log() has written."""
    SYSLOG_ACTION_READ_ALL, SYSLOG_ACTION_SIZE_BUFFER = 3, 10
    libc = ctypes.CDLL(None)
    text = ctypes.create_string_buffer(libc.klogctl(SYSLOG_ACTION_SIZE_BUFFER, None, 0))
    size = libc.klogctl(SYSLOG_ACTION_READ_ALL, text, len(text))
    return re.findall(r"vmwalk (vmwalk\d+): \d+: 0x(\w+)-0x(\w+) pfn 0x(\w+) pages (\d+)",
                      text.raw[:size].decode(errors="replace"))


def test_log_writes_the_extents_of_scan(lab, file, memory):
    start = vmwalk.address_of(memory)
    window = (start, start + 8 * PAGE)
    wanted = [(lab.dev_name, f"{extent.start:x}", f"{extent.end:x}", f"{extent.pfn:x}", str(extent.pages))
              for extent in file.scan(*window)]
    assert file.log(*window) == (len(wanted), window[1])
    assert kernel_log()[-len(wanted):] == wanted


def test_log_continues_after_its_limit_of_lines(file, memory):
    start = vmwalk.address_of(memory)
    memory[5 * PAGE] = 1
    first = file.log(start, start + 8 * PAGE, lines=1)
    assert first.lines == 1 and start < first.walk_end < start + 8 * PAGE
    rest = file.log(first.walk_end, start + 8 * PAGE)
    assert rest.lines >= 1 and rest.walk_end == start + 8 * PAGE


@pytest.mark.parametrize("arguments, message", [
    ({"lines": 0}, "lines 0 is out of range, 1 to 512"),
    ({"lines": 513}, "lines 513 is out of range, 1 to 512"),
    ({"start": 1}, "start 0x1 is not a multiple of the page size"),
])
def test_log_names_the_value_and_the_limit(file, arguments, message):
    with pytest.raises(ValueError, match=message):
        file.log(**arguments)


def test_vmas_are_those_of_proc_maps(file):
    with open("/proc/self/maps") as maps:
        wanted = [line.split()[0] for line in maps]
    found = [f"{vma.start:08x}-{vma.end:08x}" for vma in file.vmas()]
    # vsyscall is not a VMA of the process. Reading the file may change the heap.
    assert set(wanted[:5]) <= set(found)
    assert abs(len(found) - len(wanted)) <= 3


def test_vmas_recognise_a_mapping_of_the_device(file):
    view = file.map()
    device = [vma for vma in file.vmas() if vma.attrs & vmwalk.VmaFlag.DEVICE]
    assert [vma.start for vma in device] == [vmwalk.address_of(view)]
    assert device[0].end - device[0].start == len(view)


def test_the_target_can_be_another_process(lab, file, memory):
    parent, child = os.pipe()
    pid = os.fork()
    if pid == 0:
        # Ends also if the test fails.
        os.close(child)
        os.read(parent, 1)
        os._exit(0)
    lab.set("target_pid", pid)
    start = vmwalk.address_of(memory)
    assert file.walk(start).stop == vmwalk.Stop.PAGE
    os.write(child, b"x")
    os.waitpid(pid, 0)
    with pytest.raises(ProcessLookupError, match=f"walk of {start:#x}: No such process") as caught:
        file.walk(start)
    assert caught.value.errno == errno.ESRCH
    os.close(parent)
    os.close(child)


def test_dirty_returns_offsets_and_can_clear():
    with vmwalk.create("lab", size=100 * PAGE, track_dirty=True) as lab, lab.open() as file:
        view = file.map()
        view[70 * PAGE] = 1
        os.pwrite(file.fileno(), b"x", PAGE)
        assert file.dirty() == [PAGE, 70 * PAGE]
        assert file.dirty(64 * PAGE, 36 * PAGE, clear=True) == [70 * PAGE]
        assert file.dirty() == [PAGE]
        with pytest.raises(ValueError, match="size 0x1 is not a multiple of the page size"):
            file.dirty(0, 1)


def test_dirty_without_track_dirty_says_so(file):
    with pytest.raises(OSError, match="dirty: track_dirty is 0"):
        file.dirty()


def test_locate_agrees_with_get_pfn(file):
    view = file.map()
    assert view[PAGE] != 0
    assert file.locate(PAGE).phys == file.get_pfn(vmwalk.address_of(view) + PAGE) * PAGE
    with pytest.raises(ValueError, match=f"offset {16 * PAGE:#x} is out of range, 0 to {16 * PAGE - 1:#x}"):
        file.locate(16 * PAGE)


def test_copy_from_and_to_the_target(file, memory):
    start = vmwalk.address_of(memory)
    memory[PAGE - 3:PAGE + 3] = b"abcdef"
    assert file.copy_from_target(start + PAGE - 3, 6, offset=100) == 6
    assert os.pread(file.fileno(), 6, 100) == b"abcdef"
    os.pwrite(file.fileno(), b"back", 7)
    assert file.copy_to_target(start + 5, 4, offset=7) == 4
    assert memory[5:9] == b"back"


def test_a_copy_stops_at_the_first_page_that_the_target_cannot_access(file):
    area = mmap.mmap(-1, 2 * PAGE)
    start = vmwalk.address_of(area)
    protect = ctypes.CDLL(None).mprotect
    assert protect(ctypes.c_void_p(start + PAGE), PAGE, 0) == 0
    assert file.copy_from_target(start + 1, 2 * PAGE) == PAGE - 1
    assert protect(ctypes.c_void_p(start), PAGE, mmap.PROT_READ) == 0
    assert file.copy_from_target(start, PAGE) == PAGE
    message = f"copy of 1 bytes to {start:#x}: the target cannot write the first byte"
    with pytest.raises(OSError, match=message) as caught:
        file.copy_to_target(start, 1)
    assert caught.value.errno == errno.EFAULT
    with pytest.raises(OSError, match="copy of 7 bytes from 0x0: the target cannot read the first byte"):
        file.copy_from_target(0, 7)


def test_copy_to_another_process_needs_the_parameter(lab, file):
    pid = os.fork()
    if pid == 0:
        signal.pause()
    try:
        lab.set("target_pid", pid)
        start = next(vma.start for vma in file.vmas() if vma.attrs & vmwalk.VmaFlag.WRITE)
        assert file.copy_from_target(start, 1) == 1
        with pytest.raises(PermissionError, match=f"copy of 1 bytes to {start:#x}: Operation not permitted"):
            file.copy_to_target(start, 1)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_copy_from_another_buffer(file):
    with vmwalk.create("other", fill="digits") as other, other.open() as source:
        kaddr = source.locate(3).kaddr
        assert file.copy_from_buffer(kaddr, 5, offset=1) == 5
        assert os.pread(file.fileno(), 7, 0) == b"a34567g"
        with pytest.raises(OSError, match="not inside the buffer of one live instance"):
            file.copy_from_buffer(kaddr - 4, 5)
    with pytest.raises(OSError, match="source and destination overlap"):
        file.copy_from_buffer(file.locate(0).kaddr, 5, offset=4)


@pytest.mark.parametrize("addr, size, offset, message", [
    (-1, 1, 0, "address -1 is out of range"),
    (0, 0, 0, "size 0 at offset 0 is out of range, 1 to"),
    (0, 16 * PAGE + 1, 0, f"size {16 * PAGE + 1} at offset 0 is out of range, 1 to {16 * PAGE}"),
    (0, 2, 16 * PAGE - 1, f"size 2 at offset {16 * PAGE - 1} is out of range, 1 to 1"),
    (0, 1, 16 * PAGE, f"offset {16 * PAGE:#x} is out of range"),
])
def test_copies_name_the_value_and_the_limit(file, addr, size, offset, message):
    for copy in (file.copy_from_target, file.copy_to_target, file.copy_from_buffer):
        with pytest.raises(ValueError, match=message):
            copy(addr, size, offset)


def test_poke_stores_a_byte_and_counts_faults(file, memory):
    start = vmwalk.address_of(memory)
    assert file.poke(start, 77) == 0
    assert file.poke(start + 4 * PAGE, 255) == 1
    assert memory[0] == 77 and memory[4 * PAGE] == 255
    with pytest.raises(OSError, match="poke 0x0: this process cannot write there") as caught:
        file.poke(0, 1)
    assert caught.value.errno == errno.EFAULT
    for addr, value, message in ((start, 256, "value 0x100 is out of range, 0 to 0xff"), (TOP, 0, "address 0x1000")):
        with pytest.raises(ValueError, match=message):
            file.poke(addr, value)


def run_as_nobody(function):
    """Run a function without capabilities. It returns 0 if it has found what it wanted."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            function()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def test_without_capabilities_pfns_are_hidden(lab, memory):
    os.chmod(lab.path, 0o666)
    start = vmwalk.address_of(memory)

    def use():
        with vmwalk.File(lab.path) as file:
            memory[0] = 2
            walk = file.walk(start)
            assert walk.pfn == 0 and walk.state & vmwalk.State.HIDDEN
            assert file.pagemap(start, start + PAGE)[0] & ((1 << 55) - 1) == 0
            with pytest.raises(PermissionError, match="log from .*: Operation not permitted"):
                file.log(start, start + PAGE)
            with pytest.raises(PermissionError, match="Operation not permitted") as caught:
                file.get_pfn(start)
            assert isinstance(caught.value, vmwalk.Error) and caught.value.errno == errno.EPERM

    run_as_nobody(use)


def test_without_permission_to_open_or_create(lab):
    def use():
        with pytest.raises(PermissionError, match=f"{lab.path}: Permission denied"):
            lab.open()
        with pytest.raises(PermissionError, match="other: Permission denied"):
            vmwalk.create("other")
        assert "mapped_pages" not in lab.stats() and "walks" in lab.stats()

    run_as_nobody(use)


def test_address_of():
    text = b"abc"
    assert ctypes.string_at(vmwalk.address_of(text), 3) == text
    area = bytearray(10)
    assert vmwalk.address_of(memoryview(area)[3:]) == vmwalk.address_of(area) + 3
    area.append(1)  # the buffer is not held
    with pytest.raises(TypeError):
        vmwalk.address_of(7)
    with pytest.raises(BufferError):
        vmwalk.address_of(memoryview(area)[::2])


def test_threads_may_use_files_of_their_own(lab, memory):
    start = vmwalk.address_of(memory)
    wanted = pagemap_pfn(start)
    failed = []

    def use():
        with lab.open() as file:
            for _ in range(200):
                if file.get_pfn(start) != wanted:
                    failed.append(1)
                try:
                    file.get_pfn(start + 5 * PAGE)
                    failed.append(2)
                except FileNotFoundError:
                    pass

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_nothing_is_left_open(lab):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        vmwalk.Instance("lab").open().map()
    assert len(os.listdir("/proc/self/fd")) == before
    assert lab.stats()["opens"] == 0


# --- numpy --------------------------------------------------------------------


def test_without_numpy_the_array_calls_say_so(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ImportError, match=r"scan_array\(\) needs numpy"):
        file.scan_array()
    with pytest.raises(ImportError, match=r"translate_array\(\) needs numpy"):
        file.translate_array([0])


def test_import_does_not_import_numpy():
    command = "import sys, vmwalk; sys.exit('numpy' in sys.modules)"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", command]) == 0


def test_scan_array_agrees_with_scan(file, memory):
    pytest.importorskip("numpy")
    start = vmwalk.address_of(memory)
    array = file.scan_array(start, start + 8 * PAGE)
    assert array.dtype.names == vmwalk.Extent._fields
    assert [tuple(row) for row in array] == [tuple(extent) for extent in file.scan(start, start + 8 * PAGE)]
    assert array["pages"].sum() == 3
    assert file.scan_array(start + 4 * PAGE, start + 8 * PAGE).size == 0


def test_scan_array_reports_more_extents_than_a_batch(file):
    pytest.importorskip("numpy")
    area = mmap.mmap(-1, 12000 * PAGE)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    for page in range(0, 12000, 2):
        area[page * PAGE] = 1
    start = vmwalk.address_of(area)
    array = file.scan_array(start, start + len(area))
    assert array.size == 6000 and (array["pages"] == 1).all()
    assert (array["start"][1:] - array["start"][:-1] == 2 * PAGE).all()


def test_translate_array_agrees_with_translate(file, memory):
    numpy = pytest.importorskip("numpy")
    start = vmwalk.address_of(memory)
    addresses = numpy.arange(start, start + 8 * PAGE, PAGE, dtype=numpy.uint64)
    array = file.translate_array(addresses)
    assert array.dtype.names == vmwalk.Translation._fields
    assert [tuple(row) for row in array] == [tuple(found) for found in file.translate(addresses)]
    assert file.translate_array([]).size == 0
    for bad in ([-1], [1.5], ["a"]):
        with pytest.raises(ValueError, match="addresses must be integers, 0 to 0xffffffffffffffff, not "):
            file.translate_array(bad)


def test_pagemap_is_a_buffer_for_numpy(file, memory):
    numpy = pytest.importorskip("numpy")
    start = vmwalk.address_of(memory)
    entries = file.pagemap(start, start + 8 * PAGE)
    array = numpy.asarray(entries)
    assert array.dtype == numpy.uint64 and array.ctypes.data == vmwalk.address_of(entries)
    assert ((array >> numpy.uint64(63)) == 1).sum() == 3


def test_map_is_a_buffer_for_numpy(file):
    numpy = pytest.importorskip("numpy")
    array = numpy.frombuffer(file.map(), dtype=numpy.uint8)
    array[1] = 7
    assert os.pread(file.fileno(), 3, 0) == b"a\x07c"
    assert vmwalk.address_of(array) == array.ctypes.data
