# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) The vmwalk authors
"""Create, use and monitor vmwalk instances.

An instance is a buffer of kernel memory with a configuration and counters. A
File is an open device /dev/vmwalkN: it maps the buffer, and walks the page
tables of the target process (this process, unless target_pid is set).

    with vmwalk.create("lab", size="64K") as lab, lab.open() as file:
        view = file.map()
        view[0] = 1
        print(hex(file.get_pfn(vmwalk.address_of(view))))

Errors of the driver are Error, a subclass of OSError, with the driver's message.
Arguments that the driver is never asked about are ValueError or TypeError.
Different threads may use different objects. docs/python.md has examples.
"""

from __future__ import annotations

import ctypes
import enum
import errno
import mmap
import operator
import os
import struct
import weakref
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

from . import _abi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Error", "ExistsError", "Extent", "File", "Info", "Instance", "LOG_LINES", "Level", "LevelFlag", "Location",
    "Log", "NoProcessError", "NotFoundError", "NotPermittedError", "State", "Stop", "Translation", "Vma", "VmaFlag",
    "Walk", "address_of", "available", "create", "instances",
]

__version__ = "0.2.0"

_lib = _abi.load()
_free = ctypes.CDLL(None).free
_free.argtypes = [ctypes.c_void_p]
_free.restype = None

_CONFIGFS = "/sys/kernel/config/vmwalk"
_ADDRESS_MAX = (1 << 64) - 1
LOG_LINES = 512  # VMWALK_LOG_LINES: limit of File.log()
# Extents per ioctl: few at first, so that the first one is available early.
_FIRST_BATCH = 16
_MAX_BATCH = 4096
_EXTENT = struct.Struct("=QQQIHh")
_TRANSLATION = struct.Struct("=QQIHh")


# --- Errors -------------------------------------------------------------------


class Error(OSError):
    """An error of the driver or the library. strerror contains the error message."""


class NotFoundError(Error, FileNotFoundError):
    """ENOENT: the instance, attribute, page or mapping does not exist."""


class ExistsError(Error, FileExistsError):
    """EEXIST: an instance of this name exists."""


class NotPermittedError(Error, PermissionError):
    """EACCES, EPERM: the caller, or the opener of the device, lacks permission."""


class NoProcessError(Error, ProcessLookupError):
    """ESRCH: the target has exited."""


_ERRORS: dict[int, type[Error]] = {
    errno.ENOENT: NotFoundError,
    errno.EEXIST: ExistsError,
    errno.EACCES: NotPermittedError,
    errno.EPERM: NotPermittedError,
    errno.ESRCH: NoProcessError,
}


def _error(where: str, message: str | None = None) -> Error:
    """Make the exception for errno. Call this right after the function that failed."""
    number = ctypes.get_errno()
    return _ERRORS.get(number, Error)(number, f"{where}: {message or os.strerror(number)}")


# --- Arguments ----------------------------------------------------------------


def _in_range(what: str, value: SupportsIndex, limit: int) -> int:
    """Return value as an int if it is 0 to limit."""
    number = operator.index(value)
    if not 0 <= number <= limit:
        shown = hex(number) if abs(number) > limit else str(number)
        raise ValueError(f"{what} {shown} is out of range, 0 to {limit:#x}")
    return number


def _address(value: SupportsIndex, what: str = "address") -> int:
    return _in_range(what, value, _ADDRESS_MAX)


def _in_pages(what: str, value: int, page_size: int) -> int:
    if value % page_size:
        raise ValueError(f"{what} {value:#x} is not a multiple of the page size, {page_size:#x}")
    return value


def _encode(what: str, text: str | bytes) -> bytes:
    encoded = os.fsencode(text)
    if b"\0" in encoded:
        raise ValueError(f"{what} {text!r} contains a zero byte")
    return encoded


def _take(text: int | None) -> str | None:
    """Decode a string of the library and free it."""
    if text is None:
        return None
    try:
        return os.fsdecode(ctypes.string_at(text))
    finally:
        _free(text)


# --- Results ------------------------------------------------------------------


class State(enum.IntFlag):
    """Flags of a page-table entry: VMWALK_PRESENT to VMWALK_HUGE of <linux/vmwalk.h>."""

    PRESENT = 0x0001
    WRITE = 0x0002
    EXEC = 0x0004
    USER = 0x0008
    ACCESSED = 0x0010
    DIRTY = 0x0020
    SOFT_DIRTY = 0x0040
    SWAP = 0x0080
    MIGRATION = 0x0100
    PROTNONE = 0x0200
    UFFD_WP = 0x0400
    FILE = 0x0800
    ZERO = 0x1000
    HUGETLB = 0x2000
    SPECIAL = 0x4000
    HIDDEN = 0x8000
    HUGE = 0x10000
    ALL = 0x1FFFF


class LevelFlag(enum.IntFlag):
    """Flags of a level of a walk: VMWALK_LEVEL_*."""

    READ = 1
    FOLDED = 2
    LEAF = 4


class Stop(enum.IntEnum):
    """Reason why a walk has ended: VMWALK_STOP_*."""

    PAGE = 0
    EMPTY = 1
    ABSENT = 2


class VmaFlag(enum.IntFlag):
    """Properties of a mapping: VMWALK_VMA_*."""

    READ = 0x01
    WRITE = 0x02
    EXEC = 0x04
    SHARED = 0x08
    FILE = 0x10
    DEVICE = 0x20
    HUGETLB = 0x40
    SHMEM = 0x80
    HUGEPAGE = 0x100
    NOHUGEPAGE = 0x200
    SPECIAL = 0x400


class Info(NamedTuple):
    """A device and its buffer. The modes have the names of the configfs attributes."""

    abi_version: int
    number: int
    buffer_type: str
    map_mode: str
    cache_mode: str
    page_size: int
    buffer_size: int
    paging_levels: int
    target_pid: int


@dataclass(frozen=True)
class Level:
    """One level of a walk: physical address of the table, and the entry in it."""

    table: int
    entry: int
    index: int
    flags: LevelFlag


class Walk(NamedTuple):
    """The walk for one address. levels are pgd, p4d, pud, pmd and pte."""

    addr: int
    pfn: int
    phys: int
    state: State
    page_shift: int
    stop_level: int
    stop: Stop
    levels: tuple[Level, ...]


class Translation(NamedTuple):
    """The translation of one address. phys is 0 if no page is present; node is -1 if unknown."""

    addr: int
    phys: int
    state: State
    page_shift: int
    node: int


class Extent(NamedTuple):
    """Pages with consecutive addresses, consecutive PFNs and the same flags."""

    start: int
    pfn: int
    pages: int
    flags: State
    page_shift: int
    node: int

    @property
    def end(self) -> int:
        """The first address after the extent."""
        return self.start + self.pages * mmap.PAGESIZE


class Vma(NamedTuple):
    """A mapping of the target."""

    start: int
    end: int
    attrs: VmaFlag
    vm_flags: int
    page_prot: int
    pgoff: int
    inode: int
    dev_major: int
    dev_minor: int
    page_shift: int


class Location(NamedTuple):
    """The location of a byte of the buffer: see VMWALK_IOC_LOCATE."""

    kaddr: int
    linear: int
    phys: int
    contig_len: int


class Log(NamedTuple):
    """Number of lines written to the kernel log, and the address to continue from."""

    lines: int
    walk_end: int


_BUFFER_TYPES = ("kmalloc", "vmalloc", "pages", "huge", "dma")
_MAP_MODES = ("remap", "insert", "fault")
_CACHE_MODES = ("wb", "wc", "uc")


def _name(names: tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else str(number)


# --- Instances ----------------------------------------------------------------


class Instance:
    """An existing instance.

    The object refers to one instance, not to a name. The instance outlives the
    object. Only if create() has made it, the end of a with statement removes it.
    """

    _temporary = False

    def __init__(self, name: str | bytes) -> None:
        self._init(_lib.vmwalk_instance_open, name)

    def _init(self, function: Any, name: str | bytes) -> None:
        encoded = _encode("instance name", name)
        self.name = os.fsdecode(encoded)
        if encoded in (b"", b".", b"..") or b"/" in encoded:
            raise ValueError(f"{self.name!r} is not a valid instance name")
        self._handle = function(encoded)
        if not self._handle:
            raise _error(self.name, _why_no_instance())
        self._close = weakref.finalize(self, _lib.vmwalk_instance_close, self._handle)
        self.dev_name: str = _lib.vmwalk_instance_dev_name(self._handle).decode()

    def __repr__(self) -> str:
        return f"<vmwalk.Instance {self.name!r} {self.dev_name}>"

    @property
    def path(self) -> str:
        """The path of the device, which exists while the instance is live."""
        return f"/dev/{self.dev_name}"

    def get(self, attribute: str) -> str:
        """Read an attribute, such as "size"."""
        text = _take(_lib.vmwalk_instance_get(self._handle, _encode("attribute", attribute)))
        if text is None:
            raise _error(f"{self.name}: {attribute}")
        return text

    def set(self, attribute: str, value: str | int) -> None:
        """Write an attribute. True and False mean 1 and 0. Errors have the driver's message."""
        if not isinstance(value, (str, int)):
            raise TypeError(f"{attribute} must be str or int, not {type(value).__name__}")
        text = value if isinstance(value, str) else str(int(value))
        encoded = _encode(attribute, text)
        if _lib.vmwalk_instance_set(self._handle, _encode("attribute", attribute), encoded):
            message = _lib.vmwalk_instance_last_error(self._handle)
            if message is None and ctypes.get_errno() in (errno.ENOENT, errno.EACCES, errno.EPERM):
                raise self._set_error(attribute)
            raise _error(f"{self.name}: {attribute}={text}", message and os.fsdecode(message))

    def _set_error(self, attribute: str) -> Error:
        number = ctypes.get_errno()
        known = _take(_lib.vmwalk_instance_get(self._handle, b"live")) is not None
        ctypes.set_errno(number)
        if number == errno.ENOENT:
            return _error(f"{self.name}: {attribute}",
                          "unknown attribute" if known else "the instance was removed")
        return _error(f"{self.name}: {attribute}")

    @property
    def live(self) -> bool:
        """Whether the instance has a device. Assign True to publish it, False to withdraw it."""
        return self.get("live") == "1"

    @live.setter
    def live(self, value: bool) -> None:
        self.set("live", bool(value))

    def open(self) -> File:
        """Open the device, for reading and writing."""
        return File(self.path)

    def stats(self) -> dict[str, int]:
        """Read the counters in sysfs that the caller may read."""
        values = {}
        number = ctypes.c_uint64()
        try:
            counters = sorted(os.listdir(f"/sys/class/vmwalk/{self.dev_name}/stats"))
        except OSError as error:
            raise NotFoundError(errno.ENOENT, f"{self.name}: no counters: the instance is not live") from error
        for counter in counters:
            if not _lib.vmwalk_device_counter(self.dev_name.encode(), counter.encode(), number):
                values[counter] = number.value
            elif ctypes.get_errno() not in (errno.EACCES, errno.EPERM):
                raise _error(f"{self.name}: {counter}")
        return values

    def destroy(self) -> None:
        """Remove the instance. Open files and mappings of it keep the buffer."""
        if _lib.vmwalk_instance_destroy(self._handle):
            raise _error(self.name)

    def __enter__(self) -> Instance:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if self._temporary:
            try:
                self.destroy()
            except NotFoundError:
                pass


def _why_no_instance() -> str | None:
    """Explain ENOENT from opening an instance."""
    if ctypes.get_errno() != errno.ENOENT:
        return None
    if os.path.isdir(_CONFIGFS):
        return "no such instance"
    return "the vmwalk module is not loaded: modprobe vmwalk"


def create(name: str | bytes, *, live: bool = True, **attributes: str | int) -> Instance:
    """Create an instance, set attributes, and make it live unless live is False.

    create("lab", size="64K", buffer_type="kmalloc", map_mode="remap"). Sizes may
    be numbers or strings. If anything fails, the instance is removed again. A
    with statement on the result removes the instance at its end.
    """
    instance = Instance.__new__(Instance)
    instance._init(_lib.vmwalk_instance_create, name)
    instance._temporary = True
    try:
        for attribute, value in attributes.items():
            instance.set(attribute, value)
        if live:
            instance.live = True
    except BaseException:
        instance.destroy()
        raise
    return instance


def instances() -> list[Instance]:
    """Return all instances, sorted by name in byte order."""
    names: list[bytes] = []

    def add(handle: int, data: object) -> int:
        names.append(_lib.vmwalk_instance_name(handle))
        return 0

    if _lib.vmwalk_instance_for_each(_abi.INSTANCE_FN(add), None):
        raise _error("vmwalk", _why_no_instance())
    found = []
    for name in names:
        try:
            found.append(Instance(name))
        except NotFoundError:
            pass
    return found


def available(attribute: str) -> list[str]:
    """Return the values that an attribute accepts here: of buffer_type, map_mode, cache_mode or fill."""
    text = _take(_lib.vmwalk_subsystem_get(_encode("attribute", f"available_{attribute}s")))
    if text is None:
        raise _error(attribute, "not one of buffer_type, map_mode, cache_mode and fill"
                     if os.path.isdir(_CONFIGFS) else _why_no_instance())
    return text.split()


# --- Files --------------------------------------------------------------------

class File:
    """An open device. Addresses are those of the target; all numbers are in bytes."""

    def __init__(self, path: str | bytes | os.PathLike[str]) -> None:
        self.path = os.fsdecode(path)
        self._handle: int | None = _lib.vmwalk_file_open(_encode("path", os.fsencode(path)))
        if not self._handle:
            raise _error(self.path, "not a vmwalk device" if ctypes.get_errno() == errno.ENOTTY else None)
        self._finalize = weakref.finalize(self, _lib.vmwalk_file_close, self._handle)
        info = self.info()
        self.page_size = info.page_size
        self.buffer_size = info.buffer_size

    def __repr__(self) -> str:
        return f"<vmwalk.File {self.path}{'' if self._handle else ' (closed)'}>"

    def _open(self) -> int:
        if not self._handle:
            raise ValueError(f"{self.path} is closed")
        return self._handle

    def _failed(self, what: str) -> Error:
        return _error(f"{self.path}: {what}")

    def _failed_at(self, what: str, addr: int, kernel: bool = False) -> Error:
        message = None
        if ctypes.get_errno() == errno.EINVAL:
            message = ("not a kernel address" if kernel else
                       "not a user-space address; walk(addr, kernel=True) takes kernel addresses")
        return _error(f"{self.path}: {what} {addr:#x}", message)

    def close(self) -> None:
        """Close the device. Mappings stay. It may be closed twice."""
        self._handle = None
        self._finalize()

    def __enter__(self) -> File:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the descriptor, for os.pread(), mmap.mmap() and select()."""
        return int(_lib.vmwalk_file_fd(self._open()))

    def info(self) -> Info:
        """Return the properties of the device and its buffer."""
        info = _abi.Info()
        if _lib.vmwalk_file_info(self._open(), info):
            raise self._failed("info")
        return Info(info.abi_version, info.instance, _name(_BUFFER_TYPES, info.buffer_type),
                    _name(_MAP_MODES, info.map_mode), _name(_CACHE_MODES, info.cache_mode), info.page_size,
                    info.buffer_size, info.paging_levels, info.target_pid)

    def _range(self, offset: SupportsIndex, size: SupportsIndex | None) -> tuple[int, int]:
        """Check a range of the buffer."""
        offset = _in_range("offset", offset, self.buffer_size - 1)
        if size is None:
            return offset, self.buffer_size - offset
        size = operator.index(size)
        if not 0 < size <= self.buffer_size - offset:
            raise ValueError(f"size {size} at offset {offset} is out of range, 1 to "
                             f"{self.buffer_size - offset}: the buffer has {self.buffer_size} bytes")
        return offset, size

    def _page_range(self, offset: SupportsIndex, size: SupportsIndex | None) -> tuple[int, int]:
        """Check a range of the buffer that begins at a page."""
        offset, size = self._range(offset, size)
        return _in_pages("offset", offset, self.page_size), size

    def map(self, offset: SupportsIndex = 0, size: SupportsIndex | None = None, *, write: bool = True,
            shared: bool = True) -> memoryview:
        """Map the buffer, or a part of it. The mapping lasts as long as the memoryview."""
        offset, size = self._page_range(offset, size)
        mapping = mmap.mmap(self.fileno(), size, mmap.MAP_SHARED if shared else mmap.MAP_PRIVATE,
                            mmap.PROT_READ | (mmap.PROT_WRITE if write else 0), offset=offset)
        return memoryview(mapping)

    def get_pfn(self, addr: SupportsIndex) -> int:
        """Return the page frame number of the page at an address. NotFoundError: no page is present."""
        addr = _address(addr)
        pfn = ctypes.c_uint64()
        if _lib.vmwalk_file_get_pfn(self._open(), addr, pfn):
            if ctypes.get_errno() == errno.ENOENT:
                raise _error(f"{self.path}: get_pfn of {addr:#x}", "no page is present")
            raise self._failed_at("get_pfn of", addr)
        return pfn.value

    def walk(self, addr: SupportsIndex, *, kernel: bool = False) -> Walk:
        """Walk the page tables for one address, or for a kernel address."""
        addr = _address(addr)
        walk = _abi.Walk(addr=addr, flags=1 if kernel else 0)
        if _lib.vmwalk_file_walk(self._open(), walk):
            raise self._failed_at("walk of", addr, kernel)
        levels = tuple(Level(level.table, level.entry, level.index, LevelFlag(level.flags))
                       for level in walk.level)
        return Walk(walk.addr, walk.pfn, walk.phys, State(walk.state), walk.page_shift, walk.stop_level,
                    Stop(walk.stop), levels)

    def translate(self, addresses: Iterable[SupportsIndex]) -> list[Translation]:
        """Translate addresses in any order. An address without a page has phys 0."""
        checked = [_address(addr) for addr in addresses]
        if not checked:
            return []
        vec = (_abi.Translation * len(checked))()
        for element, addr in zip(vec, checked):
            element.addr = addr
        if _lib.vmwalk_file_translate(self._open(), ctypes.byref(vec), len(checked)):
            raise self._failed(f"translate {len(checked)} addresses")
        return [Translation(addr, phys, State(state), shift, node)
                for addr, phys, state, shift, node in _TRANSLATION.iter_unpack(vec)]

    def translate_array(self, addresses: ArrayLike) -> NDArray[np.void]:
        """translate() for numpy: takes integers, returns a structured array."""
        numpy = _numpy("translate_array")
        given = numpy.asarray(addresses)
        if given.size and (given.dtype.kind not in "iu" or (given.dtype.kind == "i" and given.min() < 0)):
            raise ValueError(f"addresses must be integers, 0 to {_ADDRESS_MAX:#x}, not {given.dtype}"
                             + (f" {given.min()}" if given.dtype.kind == "i" else ""))
        vec: NDArray[np.void] = numpy.zeros(given.size, numpy.dtype(_abi.Translation))
        vec["addr"] = given.ravel()
        if given.size and _lib.vmwalk_file_translate(self._open(), vec.ctypes.data, given.size):
            raise self._failed(f"translate {given.size} addresses")
        return vec

    def _window(self, start: SupportsIndex, end: SupportsIndex | None) -> tuple[int, int]:
        """Check a range of addresses."""
        start = _in_pages("start", _address(start, "start"), self.page_size)
        end = _ADDRESS_MAX if end is None else _address(end, "end")
        if end < start:
            raise ValueError(f"end {end:#x} is below start {start:#x}")
        return start, end

    def _scan_args(self, start: SupportsIndex, end: SupportsIndex | None, masks: tuple[int, ...]) -> _abi.Scan:
        start, end = self._window(start, end)
        for mask in masks:
            if not 0 <= mask <= State.ALL:
                raise ValueError(f"flags {mask:#x} are not all known: {State.ALL:#x}")
        require, any_of, invert, report = masks
        return _abi.Scan(start=start, end=end, category_mask=require, category_anyof_mask=any_of,
                         category_inverted=invert, return_mask=report)

    def _extents(self, scan: _abi.Scan, vec: int, length: int) -> int:
        """Fill in vec, and set start to the address to continue from."""
        scan.vec, scan.vec_len = vec, length
        count = int(_lib.vmwalk_file_extents(self._open(), scan))
        if count < 0:
            raise self._failed(f"scan from {scan.start:#x}")
        scan.start = scan.walk_end
        return count

    def scan(self, start: SupportsIndex = 0, end: SupportsIndex | None = None, *, require: int = 0,
             any_of: int = 0, invert: int = 0, report: int = State.ALL) -> Iterator[Extent]:
        """Return an iterator over the extents of the target, in address order.

        A page is reported if it has all flags of require and any flag of any_of,
        after those of invert were inverted. Only the flags of report are shown,
        and only they separate extents. Pages with an empty entry are not reported.
        """
        scan = self._scan_args(start, end, (require, any_of, invert, report))
        self._open()
        return self._iterate(scan)

    def _iterate(self, scan: _abi.Scan) -> Iterator[Extent]:
        length = _FIRST_BATCH
        while scan.start < scan.end:
            vec = (_abi.Extent * length)()
            count = self._extents(scan, ctypes.addressof(vec), length)
            for row in _EXTENT.iter_unpack(memoryview(vec).cast("B")[:count * _EXTENT.size]):
                yield Extent(row[0], row[1], row[2], State(row[3]), row[4], row[5])
            length = min(2 * length, _MAX_BATCH)

    def scan_array(self, start: SupportsIndex = 0, end: SupportsIndex | None = None, *, require: int = 0,
                   any_of: int = 0, invert: int = 0, report: int = State.ALL) -> NDArray[np.void]:
        """scan() for numpy: returns a structured array with the fields of Extent."""
        numpy = _numpy("scan_array")
        scan = self._scan_args(start, end, (require, any_of, invert, report))
        array: NDArray[np.void] = numpy.empty(_MAX_BATCH, numpy.dtype(_abi.Extent))
        used = 0
        while scan.start < scan.end:
            if used == array.size:
                array = numpy.concatenate((array, numpy.empty_like(array)))
            used += self._extents(scan, array[used:].ctypes.data, array.size - used)
        return array[:used].copy()

    def pagemap(self, start: SupportsIndex, end: SupportsIndex) -> array[int]:
        """Return entries in the format of /proc/PID/pagemap, one for each page of the range.

        The array ends at the end of user space. numpy.asarray() does not copy it.
        """
        handle = self._open()
        start, end = self._window(start, end)
        entries = array("Q", [0]) * -(-(end - start) // self.page_size)
        if not entries:
            return entries
        count = int(_lib.vmwalk_file_pagemap(handle, start, entries.buffer_info()[0], len(entries)))
        if count < 0:
            raise self._failed_at("pagemap from", start)
        del entries[count:]
        return entries

    def log(self, start: SupportsIndex = 0, end: SupportsIndex | None = None, *,
            lines: SupportsIndex = LOG_LINES) -> Log:
        """Write extents of the target to the kernel log, one per line and at most LOG_LINES."""
        start, end = self._window(start, end)
        lines = operator.index(lines)
        if not 1 <= lines <= LOG_LINES:
            raise ValueError(f"lines {lines} is out of range, 1 to {LOG_LINES}")
        log = _abi.Log(start=start, end=end, lines=lines)
        count = int(_lib.vmwalk_file_log(self._open(), log))
        if count < 0:
            raise self._failed(f"log from {start:#x}")
        return Log(count, log.walk_end)

    def vmas(self) -> Iterator[Vma]:
        """Return an iterator over the mappings of the target, in address order."""
        vma = _abi.Vma()
        while not _lib.vmwalk_file_vma(self._open(), vma):
            yield Vma(vma.start, vma.end, VmaFlag(vma.attrs), vma.vm_flags, vma.page_prot, vma.pgoff,
                      vma.inode, vma.dev_major, vma.dev_minor, vma.page_shift)
            vma = _abi.Vma(addr=vma.end)
        if ctypes.get_errno() != errno.ENOENT:
            raise self._failed("vmas")

    def dirty(self, offset: SupportsIndex = 0, size: SupportsIndex | None = None, *,
              clear: bool = False) -> list[int]:
        """Return the offsets of the pages that were written, and optionally mark them as clean.

        The instance needs track_dirty=1.
        """
        offset, size = self._page_range(offset, size)
        pages = _in_pages("size", size, self.page_size) // self.page_size
        bitmap = (ctypes.c_uint64 * -(-pages // 64))()
        dirty = _abi.Dirty(flags=1 if clear else 0, offset=offset, length=size, bitmap=ctypes.addressof(bitmap))
        if _lib.vmwalk_file_dirty(self._open(), dirty):
            raise _error(f"{self.path}: dirty",
                         "track_dirty is 0" if ctypes.get_errno() == errno.ENODATA else None)
        return [offset + page * self.page_size for page in range(pages) if bitmap[page // 64] >> page % 64 & 1]

    def locate(self, offset: SupportsIndex = 0) -> Location:
        """Return the kernel address and the physical address of a byte of the buffer."""
        where = _abi.Locate(offset=_in_range("offset", offset, self.buffer_size - 1))
        if _lib.vmwalk_file_locate(self._open(), where):
            raise self._failed(f"locate offset {where.offset}")
        return Location(where.kaddr, where.linear, where.phys, where.contig_len)

    def _copy(self, direction: int, addr: SupportsIndex, size: SupportsIndex, offset: SupportsIndex,
              messages: dict[int, str]) -> int:
        offset, size = self._range(offset, size)
        copy = _abi.Copy(direction=direction, offset=offset, addr=_address(addr), length=size)
        if _lib.vmwalk_file_copy(self._open(), copy):
            raise _error(f"{self.path}: copy of {size} bytes {'to' if direction == 1 else 'from'} {copy.addr:#x}",
                         messages.get(ctypes.get_errno()))
        return int(copy.copied)

    def copy_from_target(self, addr: SupportsIndex, size: SupportsIndex, offset: SupportsIndex = 0) -> int:
        """Copy memory of the target to the buffer, at offset. Return the number of bytes copied.

        The copy stops at the first page that the target cannot read.
        """
        return self._copy(0, addr, size, offset, {errno.EFAULT: "the target cannot read the first byte"})

    def copy_to_target(self, addr: SupportsIndex, size: SupportsIndex, offset: SupportsIndex = 0) -> int:
        """Copy the buffer, from offset on, to memory of the target. Return the number of bytes copied.

        The copy stops at the first page that the target cannot write. To write to
        another process, the module parameter allow_target_write must be 1.
        """
        return self._copy(1, addr, size, offset, {errno.EFAULT: "the target cannot write the first byte"})

    def copy_from_buffer(self, kaddr: SupportsIndex, size: SupportsIndex, offset: SupportsIndex = 0) -> int:
        """Copy from the buffer of a live instance, at a kernel address that locate() has returned."""
        return self._copy(2, kaddr, size, offset, {
            errno.EFAULT: "not inside the buffer of one live instance",
            errno.EINVAL: "source and destination overlap",
        })

    def poke(self, addr: SupportsIndex, value: SupportsIndex) -> int:
        """Let the driver store a byte in this process. Return the number of page faults taken."""
        poke = _abi.Poke(addr=_address(addr), value=_in_range("value", value, 0xFF))
        if _lib.vmwalk_file_poke(self._open(), poke):
            raise _error(f"{self.path}: poke {poke.addr:#x}",
                         "this process cannot write there" if ctypes.get_errno() == errno.EFAULT else None)
        return int(poke.faults)


def address_of(buffer: object) -> int:
    """Return the address of a contiguous buffer: a memoryview, mmap, bytearray or numpy array."""
    view = _abi.PyBuffer()
    # PyBUF_SIMPLE: contiguous bytes. Raises BufferError or TypeError.
    get = ctypes.pythonapi.PyObject_GetBuffer
    get.argtypes = [ctypes.py_object, ctypes.c_void_p, ctypes.c_int]
    get(buffer, ctypes.addressof(view), 0)
    address = view.buf or 0
    release = ctypes.pythonapi.PyBuffer_Release
    release.argtypes = [ctypes.c_void_p]
    release.restype = None
    release(ctypes.addressof(view))
    return int(address)


# --- numpy --------------------------------------------------------------------


def _numpy(what: str) -> Any:
    try:
        import numpy
    except ImportError as error:
        raise ImportError(f"{what}() needs numpy, which is not installed") from error
    return numpy
