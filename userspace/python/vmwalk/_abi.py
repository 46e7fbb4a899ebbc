# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) The vmwalk authors
"""The structures of <linux/vmwalk.h> and the functions of libvmwalk, for ctypes."""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER, c_char_p, c_int, c_int16, c_int32, c_long, c_size_t, c_uint16, c_uint32, c_uint64, c_void_p,
)

LIBRARY = "libvmwalk.so.0"


class Info(ctypes.Structure):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("abi_version", c_uint32),
        ("instance", c_uint32),
        ("buffer_type", c_uint32),
        ("map_mode", c_uint32),
        ("cache_mode", c_uint32),
        ("page_size", c_uint32),
        ("buffer_size", c_uint64),
        ("paging_levels", c_uint32),
        ("target_pid", c_int32),
    ]


class Level(ctypes.Structure):
    _fields_ = [
        ("table", c_uint64),
        ("entry", c_uint64),
        ("index", c_uint32),
        ("flags", c_uint32),
    ]


class Walk(ctypes.Structure):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("addr", c_uint64),
        ("pfn", c_uint64),
        ("phys", c_uint64),
        ("state", c_uint32),
        ("page_shift", c_uint32),
        ("stop_level", c_uint32),
        ("stop", c_uint32),
        ("level", Level * 5),
    ]


class Scan(ctypes.Structure):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("start", c_uint64),
        ("end", c_uint64),
        ("walk_end", c_uint64),
        ("vec", c_uint64),
        ("vec_len", c_uint64),
        ("max_pages", c_uint64),
        ("category_inverted", c_uint64),
        ("category_mask", c_uint64),
        ("category_anyof_mask", c_uint64),
        ("return_mask", c_uint64),
    ]


class Extent(ctypes.Structure):
    _fields_ = [
        ("start", c_uint64),
        ("pfn", c_uint64),
        ("pages", c_uint64),
        ("flags", c_uint32),
        ("page_shift", c_uint16),
        ("node", c_int16),
    ]


class Translation(ctypes.Structure):
    _fields_ = [
        ("addr", c_uint64),
        ("phys", c_uint64),
        ("state", c_uint32),
        ("page_shift", c_uint16),
        ("node", c_int16),
    ]


class Vma(ctypes.Structure):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("addr", c_uint64),
        ("start", c_uint64),
        ("end", c_uint64),
        ("vm_flags", c_uint64),
        ("page_prot", c_uint64),
        ("pgoff", c_uint64),
        ("inode", c_uint64),
        ("dev_major", c_uint32),
        ("dev_minor", c_uint32),
        ("attrs", c_uint32),
        ("page_shift", c_uint32),
    ]


class Dirty(ctypes.Structure):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("offset", c_uint64),
        ("length", c_uint64),
        ("bitmap", c_uint64),
        ("pages", c_uint64),
    ]


class Locate(ctypes.Structure):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("offset", c_uint64),
        ("kaddr", c_uint64),
        ("linear", c_uint64),
        ("phys", c_uint64),
        ("contig_len", c_uint64),
    ]


class Log(ctypes.Structure):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("start", c_uint64),
        ("end", c_uint64),
        ("walk_end", c_uint64),
        ("lines", c_uint32),
        ("pad", c_uint32),
    ]


class Copy(ctypes.Structure):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("direction", c_uint32),
        ("pad", c_uint32),
        ("offset", c_uint64),
        ("addr", c_uint64),
        ("length", c_uint64),
        ("copied", c_uint64),
    ]


class Poke(ctypes.Structure):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("addr", c_uint64),
        ("value", c_uint32),
        ("faults", c_uint32),
    ]


class PyBuffer(ctypes.Structure):
    """Py_buffer of CPython."""

    _fields_ = [
        ("buf", c_void_p),
        ("obj", c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", c_int),
        ("ndim", c_int),
        ("format", c_char_p),
        ("shape", c_void_p),
        ("strides", c_void_p),
        ("suboffsets", c_void_p),
        ("internal", c_void_p),
    ]


INSTANCE_FN = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)

# Strings that the caller frees are c_void_p: ctypes would copy and lose a c_char_p.
_PROTOTYPES = {
    "vmwalk_subsystem_get": (c_void_p, [c_char_p]),
    "vmwalk_instance_create": (c_void_p, [c_char_p]),
    "vmwalk_instance_open": (c_void_p, [c_char_p]),
    "vmwalk_instance_close": (None, [c_void_p]),
    "vmwalk_instance_destroy": (c_int, [c_void_p]),
    "vmwalk_instance_name": (c_char_p, [c_void_p]),
    "vmwalk_instance_dev_name": (c_char_p, [c_void_p]),
    "vmwalk_instance_get": (c_void_p, [c_void_p, c_char_p]),
    "vmwalk_instance_set": (c_int, [c_void_p, c_char_p, c_char_p]),
    "vmwalk_instance_last_error": (c_char_p, [c_void_p]),
    "vmwalk_instance_for_each": (c_int, [INSTANCE_FN, c_void_p]),
    "vmwalk_device_get": (c_void_p, [c_char_p, c_char_p]),
    "vmwalk_device_counter": (c_int, [c_char_p, c_char_p, POINTER(c_uint64)]),
    "vmwalk_file_open": (c_void_p, [c_char_p]),
    "vmwalk_file_close": (None, [c_void_p]),
    "vmwalk_file_fd": (c_int, [c_void_p]),
    "vmwalk_file_info": (c_int, [c_void_p, POINTER(Info)]),
    "vmwalk_file_get_pfn": (c_int, [c_void_p, c_uint64, POINTER(c_uint64)]),
    "vmwalk_file_walk": (c_int, [c_void_p, POINTER(Walk)]),
    "vmwalk_file_translate": (c_int, [c_void_p, c_void_p, c_size_t]),
    "vmwalk_file_extents": (c_int, [c_void_p, POINTER(Scan)]),
    "vmwalk_file_pagemap": (c_long, [c_void_p, c_uint64, c_void_p, c_size_t]),
    "vmwalk_file_vma": (c_int, [c_void_p, POINTER(Vma)]),
    "vmwalk_file_dirty": (c_int, [c_void_p, POINTER(Dirty)]),
    "vmwalk_file_locate": (c_int, [c_void_p, POINTER(Locate)]),
    "vmwalk_file_log": (c_int, [c_void_p, POINTER(Log)]),
    "vmwalk_file_copy": (c_int, [c_void_p, POINTER(Copy)]),
    "vmwalk_file_poke": (c_int, [c_void_p, POINTER(Poke)]),
}


def load() -> ctypes.CDLL:
    """Load libvmwalk."""
    try:
        library = ctypes.CDLL(LIBRARY, use_errno=True)
    except OSError as error:
        raise ImportError(
            f"vmwalk needs {LIBRARY}: {error}; install libvmwalk, and run ldconfig after make install"
        ) from error
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library
