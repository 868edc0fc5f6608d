# SPDX-License-Identifier: MIT
"""The front end of src/frontend for Python: its C ABI through ctypes.

A Frontend is one connection of a VMM to a back end. Calls raise FrontendError
with the front end's sentence; GPU commands return the response's type.
"""

import ctypes
import os
from pathlib import Path
from ctypes import byref, c_bool, c_char_p, c_int, c_int32, c_uint8, c_uint32, c_uint64, c_void_p

ROOT = Path(__file__).resolve().parents[2]

OK = 0x1100
OK_DISPLAY_INFO = 0x1101
OK_EDID = 0x1104
OK_UUID = 0x1105
UNSPEC, OUT_OF_MEMORY, INVALID_SCANOUT, INVALID_RESOURCE, INVALID_CONTEXT, INVALID_PARAMETER = range(
    0x1200, 0x1206
)
GPU, GENERIC = 0, 1
B8G8R8A8, B8G8R8X8 = 1, 2

F_VIRGL, F_EDID, F_UUID, F_BLOB, F_CONTEXT_INIT, F_BLOB_ALIGNMENT = range(6)
F_INDIRECT, F_EVENT_IDX, F_VERSION_1, F_PACKED, F_IN_ORDER = 28, 29, 32, 34, 35


class Region(ctypes.Structure):
    _fields_ = [("guest_address", c_uint64), ("size", c_uint64)]


class Settings(ctypes.Structure):
    _fields_ = [
        ("profile", c_uint32),
        ("timeout_ms", c_uint32),
        ("features", c_uint64),
        ("forced_features", c_uint64),
        ("protocol_features", c_uint64),
        ("display_features", c_uint64),
        ("queue_size", c_uint32 * 2),
        ("indirect", c_uint32),
        ("head_count", c_uint32),
        ("region_count", c_uint32),
        ("connect_timeout_ms", c_uint32),
        ("regions", Region * 8),
    ]


class Header(ctypes.Structure):
    _fields_ = [("request", c_uint32), ("flags", c_uint32), ("size", c_uint32)]


class Cursor(ctypes.Structure):
    _fields_ = [(name, c_uint32) for name in ("visible", "x", "y", "hot_x", "hot_y", "updates", "moves")] + [
        ("pixels", c_uint32 * (64 * 64))
    ]


class Head(ctypes.Structure):
    """The public beginning of struct pg_fe_head; only read through a pointer."""

    _fields_ = [
        (name, c_uint32)
        for name in ("width", "height", "scanouts", "updates", "last_x", "last_y", "last_width", "last_height")
    ] + [("bytes", c_uint64), ("pixels", ctypes.POINTER(c_uint32)), ("cursor", Cursor)]


class Segment(ctypes.Structure):
    _fields_ = [("address", c_uint64), ("length", c_uint32), ("writable", c_uint32)]


class Entry(ctypes.LittleEndianStructure):
    _fields_ = [("address", c_uint64), ("length", c_uint32), ("padding", c_uint32)]


class FrontendError(Exception):
    def __init__(self, number, sentence):
        super().__init__(f"{sentence or os.strerror(-number)} ({number})")
        self.errno = -number


def _load():
    """The release build's: a sanitized one cannot be loaded into a plain Python."""
    build = Path(os.environ.get("PARAGPU_BUILD", ROOT / "build" / "release"))
    default = build.parent / "release" / "src" / "frontend" / "libpgfrontend.so"
    return ctypes.CDLL(os.environ.get("PARAGPU_FRONTEND", str(default)))


library = _load()


def _declare(name, result, *arguments):
    function = getattr(library, "pg_fe_" + name)
    function.restype = result
    function.argtypes = arguments


_u32, _u64, _fe = c_uint32, c_uint64, c_void_p
_declare("settings_init", None, c_void_p)
_declare("connect", c_int, c_void_p, c_char_p, c_void_p)
_declare("adopt", c_int, c_void_p, c_void_p, c_void_p)
_declare("destroy", None, _fe)
for _name in ("negotiate", "start", "stop", "reset", "bring_up", "set_mem_table", "dead", "replace_display"):
    _declare(_name, c_int, _fe)
for _name in ("offered", "features", "protocol_offered", "protocol_features", "window_size", "mark"):
    _declare(_name, _u64, _fe)
for _name in ("config_changes", "window_mappings", "shared_objects"):
    _declare(_name, _u32, _fe)
_declare("error", c_char_p, _fe)
_declare("framing_fault", c_char_p, _fe)
_declare("pump", c_int, _fe, _u32)
_declare("settle", c_int, _fe, _u32)
_declare("message", c_int, _fe, _u32, c_void_p, _u32, c_void_p, _u32, c_bool, c_void_p, _u32)
_declare("send_raw", c_int, _fe, c_void_p, ctypes.c_size_t, c_void_p, _u32)
_declare("send_message", c_int, _fe, _u32, _u32, _u32, c_void_p, ctypes.c_size_t, c_void_p, _u32)
_declare("receive", c_int, _fe, c_void_p, c_void_p, ctypes.c_size_t, c_void_p, _u32)
_declare("get_config", c_int, _fe, _u32, _u32, c_void_p)
_declare("set_config", c_int, _fe, _u32, _u32, c_void_p)
_declare("change_slot", c_int, _fe, _u32, c_bool)
_declare("alloc", _u64, _fe, _u64, _u64)
_declare("release", None, _fe, _u64)
_declare("memory", c_void_p, _fe, _u64, _u64)
_declare("region_end", _u64, _fe, _u32)
_declare("submit", c_int, _fe, _u32, c_void_p, _u32, c_void_p)
_declare("kick", c_int, _fe, _u32)
_declare("kick_always", c_int, _fe, _u32)
_declare("wait", c_int, _fe, _u32, _u64, _u32, c_void_p)
_declare("set_shape", None, _fe, _u32, _u32)
_declare("fence_next", None, _fe, _u32, _u64, c_uint8)
_declare("execute", c_int, _fe, _u32, c_void_p, ctypes.c_size_t, c_void_p, ctypes.c_size_t, c_void_p, _u32, c_void_p)
_declare("get_display_info", c_int, _fe, c_void_p)
_declare("get_edid", c_int, _fe, _u32, c_void_p)
_declare("create_2d", c_int, _fe, _u32, _u32, _u32, _u32)
_declare("unref", c_int, _fe, _u32)
_declare("detach", c_int, _fe, _u32)
_declare("set_scanout", c_int, _fe, *[_u32] * 6)
_declare("flush", c_int, _fe, *[_u32] * 5)
_declare("transfer", c_int, _fe, *[_u32] * 5, _u64)
_declare("attach", c_int, _fe, _u32, _u64, _u32)
_declare("attach_pieces", c_int, _fe, _u32, _u64, _u64, _u32)
_declare("attach_entries", c_int, _fe, _u32, _u32, c_void_p, _u32)
_declare("assign_uuid", c_int, _fe, _u32, c_void_p)
_declare("create_blob", c_int, _fe, _u32, _u64, _u64, _u32)
_declare("create_blob_entries", c_int, _fe, _u32, _u32, _u32, _u64, _u64, _u32, c_void_p, _u32)
_declare("set_scanout_blob", c_int, _fe, _u32, _u32, c_void_p, *[_u32] * 5)
_declare("update_cursor", c_int, _fe, _u32, _u32, c_int32, c_int32, _u32, _u32)
_declare("move_cursor", c_int, _fe, _u32, c_int32, c_int32)
_declare("get_head", ctypes.POINTER(Head), _fe, _u32)
_declare("wait_updates", c_int, _fe, _u32, _u32, _u32)
_declare("pixel", _u32, _fe, _u32, _u32, _u32)
_declare("display_faults", _u32, _fe, c_void_p)
_declare("set_display", c_int, _fe, _u32, _u32, _u32, c_bool)
_declare("set_edid", c_int, _fe, _u32)
_declare("stall_display", None, _fe, c_bool)
_declare("close_display", None, _fe)


def settings(**changes):
    result = Settings()
    library.pg_fe_settings_init(byref(result))
    for name, value in changes.items():
        if name == "regions":
            result.region_count = len(value)
            for index, (address, size) in enumerate(value):
                result.regions[index] = Region(address, size)
        elif name == "queue_size":
            result.queue_size[:] = value
        else:
            setattr(result, name, value)
    return result


class Frontend:
    """A connection. `connect()` only connects; `Frontend(path)` brings the device up too."""

    def __init__(self, path=None, fd=None, bring_up=True, **changes):
        self._fe = c_void_p()
        chosen = settings(**changes)
        if fd is None:
            error = library.pg_fe_connect(byref(chosen), os.fsencode(path), byref(self._fe))
        else:
            taken = c_int(os.dup(fd))
            error = library.pg_fe_adopt(byref(chosen), byref(taken), byref(self._fe))
        if error:
            raise FrontendError(error, f"cannot connect to {path}")
        if bring_up:
            try:
                self.bring_up()
            except FrontendError:
                self.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        library.pg_fe_destroy(self._fe)
        self._fe = c_void_p()

    @property
    def error(self):
        return library.pg_fe_error(self._fe).decode()

    def call(self, name, *arguments):
        """Any function of the library on this connection; raises on a negative result."""
        result = getattr(library, "pg_fe_" + name)(self._fe, *arguments)
        if isinstance(result, int) and result < 0:
            raise FrontendError(result, self.error)
        return result

    def __getattr__(self, name):
        if not hasattr(library, "pg_fe_" + name):
            raise AttributeError(name)
        return lambda *arguments: self.call(name, *arguments)

    def has(self, bit):
        return bool(library.pg_fe_features(self._fe) >> bit & 1)

    def head(self, index=0):
        return library.pg_fe_get_head(self._fe, index).contents

    def faults(self):
        """How many messages on the display socket were wrong, and the first."""
        first = c_char_p()
        count = library.pg_fe_display_faults(self._fe, byref(first))
        return count, (first.value or b"").decode()

    def write(self, address, data):
        place = library.pg_fe_memory(self._fe, address, len(data))
        assert place, "outside guest memory"
        ctypes.memmove(place, data, len(data))

    def read(self, address, size):
        return ctypes.string_at(library.pg_fe_memory(self._fe, address, size), size)

    def config(self, size=20, offset=0):
        data = (c_uint8 * size)()
        self.call("get_config", offset, size, data)
        return bytes(data)

    def uuid(self, resource):
        data = (c_uint8 * 16)()
        return self.call("assign_uuid", resource, data), bytes(data)

    def edid(self, scanout=0):
        data = (c_uint8 * 1056)()
        return self.call("get_edid", scanout, data), bytes(data)[32:]

    def display_info(self):
        data = (c_uint8 * 408)()
        return self.call("get_display_info", data), bytes(data)[24:]

    def picture(self, resource, width, height, pixels=None, format=B8G8R8X8):
        """A 2D resource with backing, its address; `pixels` is filled in and transferred."""
        size = width * height * 4
        address = self.call("alloc", (size + 4095) & ~4095, 4096)
        assert self.call("create_2d", resource, format, width, height) == OK
        assert self.call("attach", resource, address, size) == OK
        if pixels is not None:
            self.write(address, pixels)
            assert self.call("transfer", resource, 0, 0, width, height, 0) == OK
        return address

    def show(self, resource, width, height, scanout=0):
        assert self.call("set_scanout", scanout, resource, 0, 0, width, height) == OK
        assert self.call("flush", resource, 0, 0, width, height) == OK
