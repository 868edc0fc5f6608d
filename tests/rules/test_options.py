# SPDX-License-Identifier: MIT
"""What paragpud's own options promise to a guest: quotas, heads, features, ways to connect."""

import ctypes
import os
import socket
import struct

from conftest import wait_for
from frontend import (F_BLOB, F_BLOB_ALIGNMENT, F_EDID, F_IN_ORDER, F_PACKED, F_UUID, GENERIC, OK,
                      OK_DISPLAY_INFO, OK_EDID, OUT_OF_MEMORY, Entry, Frontend)


def test_resources_are_bounded(start):
    """R10: over the limit is ERR_OUT_OF_MEMORY, and the rest goes on"""
    with start("--max-resources=10").connect() as front_end:
        for resource in range(1, 11):
            assert front_end.create_2d(resource, 2, 8, 8) == OK
        for _ in range(5):
            assert front_end.create_2d(11, 2, 8, 8) == OUT_OF_MEMORY
        assert front_end.create_blob(11, front_end.alloc(4096, 4096), 4096, 0) == OUT_OF_MEMORY
        assert front_end.unref(3) == OK
        assert front_end.create_2d(11, 2, 8, 8) == OK
        front_end.reset()
        front_end.start()
        for resource in range(1, 11):
            assert front_end.create_2d(resource, 2, 8, 8) == OK


def test_host_memory_is_bounded(start):
    with start("--max-host-memory=1M").connect() as front_end:
        assert front_end.create_2d(1, 2, 512, 512) == OK
        assert front_end.create_2d(2, 2, 512, 512) == OUT_OF_MEMORY
        assert front_end.create_2d(2, 2, 16, 16) == OUT_OF_MEMORY
        assert front_end.unref(1) == OK
        assert front_end.create_2d(2, 2, 512, 512) == OK


def test_blobs_of_the_guest_cost_no_host_memory(start):
    with start("--max-host-memory=1M").connect() as front_end:
        address = front_end.alloc(16 << 20, 4096)
        assert front_end.create_blob(1, address, 16 << 20, 0) == OK


def attach_apart(front_end, resource, count):
    """Entries with gaps, so that they cannot be joined."""
    address = front_end.alloc(count * 64, 4096)
    entries = (Entry * count)(*[Entry(address + 64 * index, 16) for index in range(count)])
    return front_end.attach_entries(resource, count, entries, count)


def test_entries_of_one_backing_are_bounded(start):
    with start("--max-backing-entries=64").connect() as front_end:
        front_end.create_2d(1, 2, 64, 64)
        assert attach_apart(front_end, 1, 65) == OUT_OF_MEMORY
        assert attach_apart(front_end, 1, 64) == OK


def test_entries_of_all_backings_are_bounded(start):
    with start("--max-total-entries=100").connect() as front_end:
        for resource in (1, 2):
            front_end.create_2d(resource, 2, 64, 64)
        assert attach_apart(front_end, 1, 60) == OK
        assert attach_apart(front_end, 2, 60) == OUT_OF_MEMORY
        assert front_end.detach(1) == OK
        assert attach_apart(front_end, 2, 60) == OK


def test_features_can_be_switched_off(start):
    offered = start("--features=edid=off,uuid=off,blob=off,blob-alignment=off")
    with offered.connect() as front_end:
        assert not any(front_end.has(bit) for bit in (F_EDID, F_UUID, F_BLOB, F_BLOB_ALIGNMENT))
    with start().connect() as front_end:
        assert all(front_end.has(bit) for bit in (F_EDID, F_UUID, F_BLOB, F_BLOB_ALIGNMENT))
        assert not front_end.has(F_PACKED) and not front_end.has(F_IN_ORDER)


def test_blob_alignment_is_what_was_asked_for(start):
    with start("--blob-alignment=64K").connect() as front_end:
        assert struct.unpack("<5I", front_end.config())[4] == 65536
        # Linux still sends unaligned guest blobs
        assert front_end.create_blob(1, front_end.alloc(4096, 4096), 4096, 0) == OK


def test_heads_have_the_modes_asked_for(start):
    back_end = start("--heads=3", "--mode=1:640x480", "--mode=0:1920x1080")
    with back_end.connect(profile=GENERIC) as front_end:
        assert struct.unpack("<5I", front_end.config())[2] == 3
        type_, info = front_end.display_info()
        assert type_ == OK_DISPLAY_INFO
        modes = [struct.unpack_from("<6I", info, 24 * head) for head in range(16)]
        assert [mode[2:5] for mode in modes[:2]] == [(1920, 1080, 1), (640, 480, 1)]
        assert modes[2][4] == 0
        assert modes[3:] == [(0,) * 6] * 13
        for head in range(3):
            assert front_end.edid(head)[0] == OK_EDID


def test_a_resize_reaches_the_guest(start):
    """The event bit stays until the guest clears it, and a second change sets it again"""
    back_end = start("--heads=2")
    with back_end.connect(profile=GENERIC) as front_end:
        for count, (width, height) in enumerate([(800, 600), (1024, 768)], 1):
            back_end.ask("resize", head=0, width=width, height=height)
            wait_for(lambda wanted=count: front_end.pump(10) or front_end.config_changes() >= wanted)
            assert front_end.config()[0] == 1
            assert struct.unpack_from("<4I", front_end.display_info()[1])[2:] == (width, height)
            # as QEMU forwards it: the whole block
            front_end.set_config(0, 20, struct.pack("<5I", 0xFFFFFFFF, 1, 77, 77, 77))
            assert struct.unpack("<5I", front_end.config())[:3] == (0, 0, 2)


def test_a_head_can_be_plugged_and_pulled(start):
    back_end = start("--heads=2")
    with back_end.connect(profile=GENERIC) as front_end:
        back_end.ask("connect", head=1)
        wait_for(lambda: front_end.pump(10) or front_end.config_changes() >= 1)
        assert struct.unpack_from("<6I", front_end.display_info()[1], 24)[4] == 1
        back_end.ask("disconnect", head=1)
        wait_for(lambda: front_end.pump(10) or front_end.config_changes() >= 2)
        assert struct.unpack_from("<6I", front_end.display_info()[1], 24)[4] == 0


def test_an_inherited_socket_is_served(start):
    ours, theirs = socket.socketpair()
    with theirs:
        back_end = start(f"--fd={theirs.fileno()}", pass_fds=(theirs.fileno(),), listen=False)
    with ours:
        front_end = Frontend(fd=ours.fileno())
    with front_end:
        assert front_end.create_2d(1, 2, 8, 8) == OK
    assert back_end.process.wait(10) == 0


def test_once_ends_with_the_connection(start):
    back_end = start("--once")
    with back_end.connect() as front_end:
        assert front_end.create_2d(1, 2, 8, 8) == OK
    assert back_end.process.wait(10) == 0


def test_sigterm_closes_the_display(start):
    back_end = start()
    with back_end.connect() as front_end:
        front_end.picture(5, 64, 64, bytes(16384))
        front_end.show(5, 64, 64)
        back_end.stop()
        assert not front_end.faults()[0]


def test_memory_that_is_not_shared_is_said_plainly(start):
    """QEMU gives no warning: it sends ring addresses and no memory at all"""
    back_end = start()
    event = os.eventfd(0)
    with back_end.connect(bring_up=False) as front_end:
        front_end.negotiate()
        for request, payload in (
                (2, struct.pack("<Q", 1 << 32 | 1 << 30)),  # SET_FEATURES
                (8, struct.pack("<II", 0, 16)),  # SET_VRING_NUM
                (9, struct.pack("<IIQQQQ", 0, 0, 0x10000, 0x20000, 0x30000, 0)),  # SET_VRING_ADDR
        ):
            front_end.message(request, payload, len(payload), None, 0, False, None, 0)
        front_end.message(12, bytes(8), 8, (ctypes.c_int * 1)(event), 1, False, None, 0)  # SET_VRING_KICK
        front_end.message(18, struct.pack("<II", 0, 1), 8, None, 0, False, None, 0)  # SET_VRING_ENABLE
        wait_for(lambda: "share=on" in back_end.log())
    os.close(event)
