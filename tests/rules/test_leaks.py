# SPDX-License-Identifier: MIT
"""Nothing is left behind: descriptors, mappings and memory are counted from outside."""

import ctypes
import os
import time

import pytest

from conftest import SANITIZED, wait_for
from frontend import GENERIC, GPU, INVALID_PARAMETER, OK, Entry, F_BLOB, Frontend, FrontendError, Segment

NEED_REPLY = 1 | 8
SET_MEM_TABLE, SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR = 5, 12, 13, 14
SET_BACKEND_REQ_FD, GPU_SET_SOCKET, ADD_MEM_REG = 21, 33, 37


def draw(front_end, size=64):
    front_end.picture(5, size, size, b"\x55" * (size * size * 4))
    front_end.show(5, size, size)


def nothing_left(back_end, fds, maps):
    back_end.wait_idle()
    wait_for(lambda: back_end.fds() == fds and back_end.shared_maps() == maps)
    stats = back_end.stats()
    assert [stats[name] for name in ("resources", "host_bytes", "backing_entries", "pending")] == [0] * 4


@pytest.mark.parametrize("profile", [GPU, GENERIC])
def test_connections_leave_nothing(back_end, profile):
    fds, maps = back_end.fds(), back_end.shared_maps()
    for _ in range(20):
        with back_end.connect(profile=profile) as front_end:
            draw(front_end)
            assert back_end.shared_maps() > maps
    nothing_left(back_end, fds, maps)


def test_resets_leave_nothing(back_end):
    with back_end.connect() as front_end:
        draw(front_end)
        front_end.reset()
        front_end.start()
        draw(front_end)
        fds = len(back_end.fds())
        for _ in range(20):
            front_end.reset()
            assert back_end.stats()["resources"] == 0
            front_end.start()
            draw(front_end)
        assert len(back_end.fds()) == fds


def test_pauses_leave_nothing(back_end):
    with back_end.connect() as front_end:
        draw(front_end)
        front_end.stop()
        front_end.start()
        fds, maps = len(back_end.fds()), back_end.shared_maps()
        for _ in range(20):
            front_end.stop()
            front_end.start()
        front_end.flush(5, 0, 0, 64, 64)
        assert (len(back_end.fds()), back_end.shared_maps()) == (fds, maps)


@pytest.mark.parametrize("step", ["connect", "negotiate", "start", "busy"])
def test_a_connection_that_ends_anywhere_leaves_nothing(back_end, step):
    fds, maps = back_end.fds(), back_end.shared_maps()
    for _ in range(10):
        front_end = back_end.connect(bring_up=False)
        if step != "connect":
            front_end.negotiate()
        if step in ("start", "busy"):
            front_end.start()
        if step == "busy":
            draw(front_end, 512)
            front_end.flush(5, 0, 0, 512, 512)
        front_end.close()
    nothing_left(back_end, fds, maps)


@pytest.mark.parametrize("request_id", [1, 2, SET_MEM_TABLE, 8, SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR,
                                        18, SET_BACKEND_REQ_FD, 24, GPU_SET_SOCKET, 34, ADD_MEM_REG, 99])
@pytest.mark.parametrize("count", [1, 8, 16])
def test_unwanted_descriptors_are_closed(back_end, request_id, count):
    """Whatever a message does with its descriptors, the end of the connection closes them."""
    fds, maps = back_end.fds(), back_end.shared_maps()
    pipe = os.pipe()
    handles = (ctypes.c_int * 16)(*[pipe[0]] * 16)
    for _ in range(5):
        with back_end.connect() as front_end:
            payload = bytes(40)
            try:
                front_end.send_message(request_id, NEED_REPLY, len(payload), payload, len(payload), handles, count)
                front_end.pump(5)
            except FrontendError:
                pass
    nothing_left(back_end, fds, maps)
    for fd in pipe:
        os.close(fd)


def test_replaced_ring_descriptors_are_closed(back_end):
    with back_end.connect() as front_end:
        fds = len(back_end.fds())
        event = os.eventfd(0)
        handle = (ctypes.c_int * 1)(event)
        for request in (SET_VRING_CALL, SET_VRING_ERR) * 50:
            front_end.message(request, bytes(8), 8, handle, 1, True, None, 0)
        assert len(back_end.fds()) <= fds
        os.close(event)


def grows_kib(back_end, action, rounds):
    """How much private memory many rounds take after some rounds."""
    for _ in range(rounds // 4):
        action()
    before = back_end.private_kib()
    for _ in range(rounds):
        action()
    return back_end.private_kib() - before


# a round that leaks its smallest object leaks more than this
LIMIT_KIB = 400 if not SANITIZED else 4000


def test_refused_images_cost_nothing(back_end):
    """R1, CVE-2016-7994; R8"""
    with back_end.connect() as front_end:
        assert grows_kib(back_end, lambda: front_end.create_2d(9, 0, 64, 64), 2000) < LIMIT_KIB


def test_refused_blobs_cost_nothing(back_end):
    """R11: the last of many entries is outside of memory"""
    with back_end.connect() as front_end:
        assert front_end.has(F_BLOB)
        entries = (Entry * 512)(*[Entry(0x100000, 4096)] * 511, Entry(1 << 60, 4096))

        def refused():
            type_ = front_end.create_blob_entries(9, 1, 2, 0, 512 * 4096, 512, entries, 512)
            assert type_ == INVALID_PARAMETER

        assert grows_kib(back_end, refused, 500) < LIMIT_KIB


def test_refused_backings_cost_nothing(back_end):
    """B1, CVE-2017-5578; B2"""
    with back_end.connect() as front_end:
        front_end.picture(5, 64, 64)
        entries = (Entry * 512)(*[Entry(0x100000, 4096)] * 512)
        bad = (Entry * 512)(*[Entry(0x100000, 4096)] * 511, Entry(1 << 60, 4096))
        front_end.create_2d(6, 2, 64, 64)

        def refused():
            assert front_end.attach_entries(5, 512, entries, 512) == INVALID_PARAMETER
            assert front_end.attach_entries(6, 512, bad, 512) == INVALID_PARAMETER

        assert grows_kib(back_end, refused, 500) < LIMIT_KIB


def test_destroyed_resources_cost_nothing(back_end):
    """R3, CVE-2016-9912; R6, CVE-2021-3544: unreferenced while attached, shown, a cursor"""
    with back_end.connect() as front_end:
        address = front_end.alloc(16384, 4096)

        def live_and_die():
            assert front_end.create_2d(7, 2, 64, 64) == OK
            assert front_end.attach_pieces(7, address, 16384, 64) == OK
            front_end.set_scanout(0, 7, 0, 0, 64, 64)
            front_end.update_cursor(0, 7, 1, 1, 0, 0)
            assert front_end.unref(7) == OK

        assert grows_kib(back_end, live_and_die, 1000) < LIMIT_KIB


def test_memory_comes_back(back_end):
    with back_end.connect() as front_end:
        for resource in range(100, 140):
            assert front_end.create_2d(resource, 2, 1024, 1024) == OK
            address = front_end.alloc(4096, 4096)
            assert front_end.attach(resource, address, 4096) == OK
        assert back_end.stats()["host_bytes"] == 40 << 22
        for resource in range(100, 140):
            assert front_end.unref(resource) == OK
        stats = back_end.stats()
        assert stats["host_bytes"] == stats["resources"] == stats["backing_entries"] == 0


def test_idle_costs_no_cpu(back_end):
    with back_end.connect() as front_end:
        draw(front_end)
        front_end.settle(50)
        before = back_end.cpu_seconds()
        front_end.pump(1500)
        assert back_end.cpu_seconds() - before <= 0.01
    back_end.wait_idle()
    before = back_end.cpu_seconds()
    time.sleep(1)
    assert back_end.cpu_seconds() - before <= 0.01


def test_a_broken_ring_costs_no_cpu(back_end):
    with back_end.connect() as front_end:
        front_end.memory(0, 4096)
        segment = (Segment * 1)((1 << 60, 24, 0))
        token = ctypes.c_uint64()
        front_end.submit(0, segment, 1, ctypes.byref(token))
        front_end.kick_always(0)
        front_end.pump(50)
        before = back_end.cpu_seconds()
        for _ in range(20):
            front_end.kick_always(0)
            front_end.pump(20)
        front_end.pump(500)
        assert back_end.cpu_seconds() - before <= 0.03


def test_a_second_vmm_does_not_disturb_the_first(back_end):
    with back_end.connect() as front_end:
        draw(front_end)
        with pytest.raises(FrontendError):
            Frontend(back_end.socket, timeout_ms=500).close()
        assert front_end.flush(5, 0, 0, 64, 64) == OK
        front_end.wait_updates(0, 2, 5000)
    with back_end.connect() as front_end:
        draw(front_end)
