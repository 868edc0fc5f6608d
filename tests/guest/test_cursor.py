# SPDX-License-Identifier: MIT
"""The cursor: shown where the guest puts it, moved, hidden.

QEMU's screendump leaves cursors out, so on its display devices only the picture below is looked at
and the cursor's state is asked of paragpud."""

from . import picture
from .process import wait_until
from .test_picture import paint


def expect_cursor(machine, background, seed=None, x=0, y=0):
    """seed=None: hidden."""
    if machine.frontend == "generic":
        expected = background if seed is None else picture.with_cursor(background, seed, x, y)
        machine.expect(expected, what="no cursor" if seed is None else f"the cursor at {x},{y}")
    else:
        machine.expect(background, what="the picture below the cursor")
    if machine.backend.name == "paragpud":
        wanted = None if seed is None else {"x": x, "y": y}
        wait_until(lambda: machine.backend.inspect()["heads"][0].get("cursor") == wanted, 10,
                   f"paragpud to say that the cursor is at {wanted}")


def test_cursor_is_set_moved_and_hidden(screen):
    background = paint(screen, "dumb", 60)
    screen.gpu_all("cursor 0 move 100 200", "cursor 0 set 17 0 0")
    expect_cursor(screen, background, 17, 100, 200)
    screen.gpu("cursor 0 move 611 333")
    expect_cursor(screen, background, 17, 611, 333)
    screen.gpu("cursor 0 set 99 5 6")
    expect_cursor(screen, background, 99, 611, 333)
    screen.gpu("cursor 0 hide")
    expect_cursor(screen, background)


def test_cursor_is_cut_off_at_the_edges(screen):
    background = paint(screen, "dumb", 61)
    screen.gpu("cursor 0 set 18 0 0")
    for x, y in ((1279 - 20, 799 - 10), (0, 799), (1279, 0)):
        screen.gpu(f"cursor 0 move {x} {y}")
        expect_cursor(screen, background, 18, x, y)
    screen.gpu("cursor 0 hide")


def test_cursor_moves_do_not_disturb_the_picture(screen):
    background = paint(screen, "dumb", 62)
    screen.gpu("cursor 0 set 19 0 0")
    for step in range(0, 600, 50):
        screen.gpu(f"cursor 0 move {2 * step} {step}")
    expect_cursor(screen, background, 19, 1100, 550)
    screen.gpu("cursor 0 hide")
    expect_cursor(screen, background)
