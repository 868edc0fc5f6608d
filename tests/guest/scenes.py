# SPDX-License-Identifier: MIT
"""What is put on the screen by programs that are not ours, and so can only be compared with the
same on QEMU's own device: the kernel's console and libdrm's modetest."""

import string
from contextlib import contextmanager

WIDTH, HEIGHT = 1280, 800

_COLOURS = "".join(f"\\033[{30 + n};{47 - n}mcolour {n}\\033[0m " for n in range(8))
_TEXT = "\\r\\n".join([
    "paragpu draws the console of Linux", string.ascii_letters, string.digits, _COLOURS,
    "\\033[1mbold\\033[0m \\033[4munderlined\\033[0m \\033[7mreversed\\033[0m",
    *("line %02d %s" % (n, "=" * (3 * n)) for n in range(30))])


def console(machine):
    """Text on the first virtual terminal, its cursor off, for it blinks."""
    machine.run("echo 0 >/sys/class/graphics/fbcon/cursor_blink 2>/dev/null; "
                f"printf '\\033[?25l\\033[2J\\033[H{_TEXT}' >/dev/tty1")


@contextmanager
def modetest(machine, pattern):
    """modetest with a pattern on head 0. Holds the screen until the end of its input."""
    connector = machine.run(
        "modetest -M virtio_gpu -c | awk '$3 == \"connected\" { print $1; exit }'").strip()
    machine.run("rm -f /run/modetest.in; mkfifo /run/modetest.in\n"
                "( exec 9<>/run/modetest.in; modetest -M virtio_gpu "
                f"-s {connector}:{WIDTH}x{HEIGHT} -F {pattern} <&9 >/run/modetest.log 2>&1 ) &\n"
                "for i in $(seq 100); do "
                "grep -qs 'allocated by = modetest' /sys/kernel/debug/dri/*/state && exit; "
                "usleep 50000; done; cat /run/modetest.log; exit 1")
    try:
        yield
    finally:
        machine.run("echo >/run/modetest.in; "
                    "for i in $(seq 100); do pidof modetest >/dev/null || exit 0; usleep 50000; done"
                    "; exit 1")


@contextmanager
def _console(machine):
    console(machine)
    yield


SCENES = {
    "console": _console,
    "modetest-smpte": lambda machine: modetest(machine, "smpte"),
    "modetest-tiles": lambda machine: modetest(machine, "tiles"),
    "modetest-gradient": lambda machine: modetest(machine, "gradient"),
}


def photograph(machine):
    """{scene: picture} of every scene."""
    pictures = {}
    for name, scene in SCENES.items():
        with scene(machine):
            pictures[name] = machine.settled()
    return pictures
