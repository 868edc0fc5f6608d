# SPDX-License-Identifier: MIT
"""Several heads, and heads that change while the guest runs."""

import pytest

from . import picture
from .process import wait_until


def preferred(machine, head):
    """The first mode of a head in the guest, None when it is not connected."""
    connected, modes = machine.modes()[head]
    return modes[0] if connected and modes else None


@pytest.fixture
def second_head(screen):
    """A screen whose second head has 800x600; gone again afterwards."""
    screen.gpu("forget")
    screen.resize(1, 800, 600)
    screen.gpu("hotplug 10000", seconds=20)
    wait_until(lambda: preferred(screen, 1) == (800, 600), 10, "the second head in the guest")
    yield screen
    screen.resize(1, 0, 0)
    wait_until(lambda: preferred(screen, 1) is None, 10, "the second head to be gone")


def test_second_head_shows_its_own_picture(second_head):
    machine = second_head
    machine.gpu_all("buffer 0 dumb 1280 800", "fill 0 70", "show 0 0 1280 800",
                    "flush 0 0 0 1280 800", "buffer 1 dumb 800 600", "fill 1 71",
                    "show 1 1 800 600", "flush 1 0 0 800 600")
    first, second = picture.pattern(1280, 800, 70), picture.pattern(800, 600, 71)
    machine.expect(first, head=0, what="head 0")
    machine.expect(second, head=1, what="head 1")
    machine.gpu_all("fill 1 72 10 20 30 40", "flush 1 10 20 30 40")
    machine.expect(picture.with_pattern(second, 72, (10, 20, 30, 40)), head=1, what="damage on head 1")
    machine.expect(first, head=0, what="head 0, untouched")


def test_one_buffer_on_two_heads(second_head):
    machine = second_head
    machine.gpu_all("buffer 0 dumb 1280 800", "fill 0 73", "show 0 0 1280 800",
                    "show 1 0 800 600 480 200", "flush 0 0 0 1280 800")
    whole = picture.pattern(1280, 800, 73)
    machine.expect(whole, head=0, what="head 0")
    machine.expect(whole.crop((480, 200, 1280, 800)), head=1, what="a part on head 1")
    machine.gpu("hide 1")
    machine.expect(whole, head=0, what="head 0 after head 1 was switched off")


def test_resize_at_run_time_reaches_the_guest(screen):
    try:
        for width, height in ((1024, 768), (1366, 768), (1920, 1200)):
            screen.gpu("forget")
            screen.resize(0, width, height)
            screen.gpu("hotplug 10000", seconds=20)
            # a width that is no multiple of 8 may come rounded, as detailed timings have it
            wait_until(lambda: preferred(screen, 0) and abs(preferred(screen, 0)[0] - width) < 16
                       and preferred(screen, 0)[1] == height, 10, f"{width}x{height} in the guest")
            width, height = preferred(screen, 0)
            screen.gpu_all(f"buffer 0 dumb {width} {height}", "fill 0 74",
                           f"show 0 0 {width} {height}", f"flush 0 0 0 {width} {height}")
            screen.expect(picture.pattern(width, height, 74), what=f"{width}x{height}")
    finally:
        screen.resize(0, 1280, 800)
        wait_until(lambda: preferred(screen, 0) == (1280, 800), 10, "1280x800 again")
