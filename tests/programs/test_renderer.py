# SPDX-License-Identifier: MIT
"""Renderers in worker processes, through paragpud and a front end: contexts, blobs, the window."""

import ctypes
import os
import signal
import struct
import sys

import pytest

from conftest import BUILD, PARAGPU, ROOT, run, wait_until

sys.path.insert(0, str(ROOT / "tests" / "rules"))
from frontend import (F_CONTEXT_INIT, F_VIRGL, GENERIC, INVALID_CONTEXT, INVALID_PARAMETER, INVALID_RESOURCE, OK,
                      UNSPEC, Frontend, library)

WORKER = BUILD / "src" / "worker" / "paragpu-worker"
HAS_VIRGL = run(WORKER, "--renderer=virgl", "--probe").returncode == 0
PAGE = 4096
MAP_INFO, CAPSET_INFO, CAPSET = 0x1106, 0x1102, 0x1103
FENCE = 1
HOST3D, MAPPABLE = 2, 1
# the context type memory
MEMORY, FILL, SUM, ALLOCATE, HOLD, RELEASE = 30, 1, 3, 5, 6, 7

library.pg_fe_window.restype = ctypes.c_void_p
library.pg_fe_window.argtypes = [ctypes.c_void_p]


class Guest(Frontend):
    """A front end that also speaks the commands of 3D."""

    def command(self, code, context=0, body=b"", extra=b"", flags=0, fence=0, size=64):
        request = struct.pack("<IIQIB3x", code, flags, fence, context, 0) + body
        answer = ctypes.create_string_buffer(size)
        used = ctypes.c_uint32()
        self.call("execute", 0, request, len(request), extra or None, len(extra), answer, size, ctypes.byref(used))
        return answer.raw[:used.value]

    def code(self, *arguments, **options):
        return struct.unpack_from("<I", self.command(*arguments, **options))[0]

    def capsets(self):
        found = {}
        for index in range(20):
            answer = self.command(0x0108, body=struct.pack("<II", index, 0))
            if struct.unpack_from("<I", answer)[0] != CAPSET_INFO:
                break
            number, version, size = struct.unpack_from("<III", answer, 24)
            if number:
                found[number] = (version, size)
        return found

    def create_context(self, context, capset, name=b"test"):
        return self.code(0x0200, context, struct.pack("<II64s", len(name), capset, name))

    def destroy_context(self, context):
        return self.code(0x0201, context)

    def context_attach(self, context, resource):
        return self.code(0x0202, context, struct.pack("<II", resource, 0))

    def stream(self, context, *words, **options):
        data = b"".join(word if isinstance(word, bytes) else struct.pack("<I", word) for word in words)
        return self.code(0x0207, context, struct.pack("<II", len(data), 0), data, **options)

    def host_blob(self, context, resource, blob, size, flags=MAPPABLE):
        return self.code(0x010c, context, struct.pack("<IIIIQQ", resource, HOST3D, flags, 0, blob, size))

    def map_blob(self, resource, offset):
        return self.code(0x0208, 0, struct.pack("<IIQ", resource, 0, offset))

    def unmap_blob(self, resource):
        return self.code(0x0209, 0, struct.pack("<II", resource, 0))

    def window(self, offset, size):
        """The bytes that a guest's processor would read there."""
        return ctypes.string_at(library.pg_fe_window(self._fe) + offset, size)


def long(value):
    return struct.pack("<Q", value)


def guest(daemon):
    return Guest(daemon.socket_path, profile=GENERIC)


def renderer(daemon, name="memory"):
    renderers = daemon.control().ask("inspect")["result"]["renderers"]
    return next(one for one in renderers if one["name"] == name)


def make_blob(fe, context=1, resource=5, pages=4, offset=0):
    """A context with a blob of the host, mapped into the window."""
    assert fe.create_context(context, MEMORY) == OK
    assert fe.stream(context, ALLOCATE, long(77), long(pages * PAGE)) == OK
    assert fe.host_blob(context, resource, 77, pages * PAGE) == OK
    assert fe.context_attach(context, resource) == OK
    assert fe.map_blob(resource, offset) == MAP_INFO


@pytest.fixture(name="memory")
def _memory(start):
    return start("--renderer=memory")


def test_without_a_renderer_nothing_of_3d_is_offered(start):
    daemon = start()
    with guest(daemon) as fe:
        assert not fe.has(F_VIRGL) and not fe.has(F_CONTEXT_INIT)
        assert library.pg_fe_window_size(fe._fe) == 0
        assert fe.create_context(1, MEMORY) == UNSPEC


def test_renderer_brings_features_capsets_and_a_window(memory):
    with guest(memory) as fe:
        assert fe.has(F_VIRGL) and fe.has(F_CONTEXT_INIT)
        assert library.pg_fe_window_size(fe._fe) == 256 << 20
        assert list(fe.capsets()) == [MEMORY]
    assert "capsets 30 by memory" in memory.said


@pytest.mark.parametrize("option, size", [("off", 0), ("1M", 1 << 20)])
def test_window_has_the_size_that_was_asked_for(start, option, size):
    with guest(start("--renderer=memory", f"--window={option}")) as fe:
        assert library.pg_fe_window_size(fe._fe) == size


def test_what_a_renderer_writes_is_seen_in_the_window(memory):
    with guest(memory) as fe:
        make_blob(fe, offset=8 * PAGE)
        assert fe.stream(1, FILL, 5, long(PAGE), long(2 * PAGE), 0xa5, flags=FENCE, fence=9) == OK
        seen = fe.window(8 * PAGE, 4 * PAGE)
        assert seen == bytes(PAGE) + b"\xa5" * 2 * PAGE + bytes(PAGE)


def test_what_the_guest_writes_in_the_window_is_seen_by_the_renderer(memory):
    with guest(memory) as fe:
        make_blob(fe)
        text = b"written through the window"
        ctypes.memmove(library.pg_fe_window(fe._fe), text, len(text))
        assert fe.stream(1, SUM, 5, long(0), long(len(text)), 5, long(PAGE)) == OK
        expected = 0xcbf29ce484222325
        for byte in text:
            expected = (expected ^ byte) * 0x100000001b3 % (1 << 64)
        assert fe.window(PAGE, 8) == long(expected)


def test_unmapped_place_can_be_used_again(memory):
    with guest(memory) as fe:
        make_blob(fe)
        assert fe.map_blob(5, 0) == INVALID_PARAMETER
        assert fe.unmap_blob(5) == OK
        assert library.pg_fe_window_mappings(fe._fe) == 0
        assert fe.map_blob(5, 0) == MAP_INFO
        assert fe.unref(5) == OK
        assert library.pg_fe_window_mappings(fe._fe) == 0
        assert fe.map_blob(5, 0) == INVALID_RESOURCE


def test_resources_of_other_contexts_are_out_of_reach(memory):
    with guest(memory) as fe:
        make_blob(fe)
        assert fe.create_context(2, MEMORY) == OK
        assert fe.stream(2, FILL, 5, long(0), long(PAGE), 1) != OK
        assert fe.window(0, PAGE) == bytes(PAGE)
        assert fe.stream(3, FILL, 5, long(0), long(PAGE), 1) == INVALID_CONTEXT


def test_reset_empties_the_window_and_the_next_driver_starts_anew(memory):
    with guest(memory) as fe:
        for _ in range(3):
            make_blob(fe, offset=4 * PAGE)
            assert fe.stream(1, FILL, 5, long(0), long(PAGE), 7) == OK
            assert fe.window(4 * PAGE, PAGE) == b"\7" * PAGE
            fe.reset()
            fe.start()
            assert fe.stream(1, FILL, 5, long(0), long(PAGE), 7) == INVALID_CONTEXT
            facts = memory.control().ask("inspect")["result"]
            assert facts["mappings"] == [] and facts["contexts"] == []
            assert facts["connection"]["window_mappings"] == 0
            assert library.pg_fe_window_mappings(fe._fe) == 0
    assert "is lost" not in memory.said and "could not be unmapped" not in memory.said


def test_front_end_that_goes_leaves_nothing_behind(memory):
    for _ in range(2):
        with guest(memory) as fe:
            make_blob(fe)
        wait_until(lambda: not memory.control().ask("inspect")["result"]["connection"]["connected"], "the end")
        facts = memory.control().ask("inspect")["result"]
        assert facts["mappings"] == [] and facts["contexts"] == [] and facts["stats"]["resources"] == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_worker_that_dies_or_hangs_costs_its_contexts_only(start, number):
    daemon = start("--renderer=memory,hang-timeout=2")
    with guest(daemon) as fe:
        make_blob(fe)
        assert fe.stream(1, FILL, 5, long(0), long(PAGE), 0x11) == OK
        os.kill(renderer(daemon)["pid"], number)
        # a stopped one is found out when something waits for it
        assert fe.stream(1, FILL, 5, long(0), long(PAGE), 0x22) == UNSPEC
        assert fe.display_info()[0] == 0x1101
        wait_until(lambda: renderer(daemon)["losses"] == 1, "the loss")
        assert fe.map_blob(5, PAGE) in (INVALID_PARAMETER, UNSPEC)
        wait_until(lambda: fe.pump(10) is not None and fe.window(0, 4 * PAGE) == bytes(4 * PAGE), "zeroes")
        assert fe.destroy_context(1) == OK
        assert fe.unref(5) == OK
        make_blob(fe, context=2, resource=6, offset=0)
        assert fe.stream(2, FILL, 6, long(0), long(PAGE), 0x33, flags=FENCE, fence=3) == OK
        assert fe.window(0, PAGE) == b"\x33" * PAGE
    assert renderer(daemon)["starts"] == 2
    assert "lost" in daemon.said


def test_inspect_shows_renderers_capsets_contexts_and_the_window(memory):
    with guest(memory) as fe:
        make_blob(fe, context=9, resource=4, pages=2, offset=PAGE)
        assert fe.create_context(10, MEMORY, b"caf\xe9 \x1b[2J") == OK
        facts = memory.control().ask("inspect")["result"]
        assert facts["capsets"][0]["id"] == MEMORY and facts["capsets"][0]["renderer"] == "memory"
        assert [context["id"] for context in facts["contexts"]] == [9, 10]
        assert facts["contexts"][0] == {"id": 9, "name": "test", "capset": MEMORY, "renderer": "memory",
                                        "lost": False, "resources": 1, "fences": 0}
        assert facts["contexts"][1]["name"] == "caf? ?[2J"
        assert facts["mappings"] == [{"offset": "0x1000", "length": 2 * PAGE, "resource": 4, "settled": True}]
        table = run(PARAGPU, "inspect", f"--device={memory.control_path}").stdout
        assert "memory" in table and '"caf? ?[2J", 30, memory' in table and "0x1000" in table


def test_renderer_that_was_demanded_and_ends_early_is_refused(tmp_path):
    result = run(BUILD / "src" / "daemon" / "paragpud", f"--socket-path={tmp_path}/s", "--renderer=virgl,library=/no.so")
    assert result.returncode == 1 and "virgl" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture(name="virgl")
def _virgl(start):
    if not HAS_VIRGL:
        pytest.skip("this build or host has no virglrenderer")
    return start("--virgl", "--renderer=virgl,venus=off")


VIRGL, VIRGL2 = 1, 2


def command(opcode, kind, length):
    return length << 16 | kind << 8 | opcode


def test_virgl_lists_its_capsets_and_fills_them(virgl):
    with guest(virgl) as fe:
        capsets = fe.capsets()
        assert {VIRGL, VIRGL2} <= set(capsets) and max(capsets) <= 30
        version, size = capsets[VIRGL2]
        answer = fe.command(0x0109, body=struct.pack("<II", VIRGL2, version), size=24 + size)
        assert struct.unpack_from("<I", answer)[0] == CAPSET and any(answer[24:])


def test_virgl_clears_an_image_that_the_guest_reads_back(virgl):
    side, image, surface = 64, 10, 100
    with guest(virgl) as fe:
        address = fe.alloc(side * side * 4, PAGE)
        assert fe.create_context(1, VIRGL2) == OK
        # PIPE_TEXTURE_2D, B8G8R8A8, render target
        assert fe.code(0x0204, 1, struct.pack("<12I", image, 2, 1, 2, side, side, 1, 1, 0, 0, 0, 0)) == OK
        assert fe.attach(image, address, side * side * 4) == OK
        assert fe.context_attach(1, image) == OK
        assert fe.stream(
            1, command(1, 8, 5), surface, image, 1, 0, 0,
            command(5, 0, 3), 1, 0, surface,
            command(7, 0, 8), 4, struct.pack("<4f", 1, 128 / 255, 64 / 255, 1), 0, 0, 0,
            flags=FENCE, fence=1) == OK
        assert fe.code(0x0206, 1, struct.pack("<6IQIIII", 0, 0, 0, side, side, 1, 0, image, 0, side * 4, 0)) == OK
        assert fe.read(address, side * side * 4) == struct.pack("<I", 0xffff8040) * side * side
