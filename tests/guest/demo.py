#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Boots Linux on paragpud and leaves what its screen shows in demo/*.png. Behind ./dev demo.

Front end is QEMU's generic vhost-user device, which carries everything that paragpud offers; the
pictures come from paragpud itself, by `paragpu screenshot`.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from guest import picture, scenes  # noqa: E402
from guest.accelerator import accelerator  # noqa: E402
from guest.backend import PROJECT, Paragpud  # noqa: E402
from guest.images.archive import ArchiveError  # noqa: E402
from guest.images.build import Images  # noqa: E402
from guest.images.recipe import GUESTS  # noqa: E402
from guest.process import Failure  # noqa: E402
from guest.vm import FRONTENDS, Machine  # noqa: E402

CONSOLE = r"""
echo 0 >/sys/class/graphics/fbcon/cursor_blink
{
	printf '\033[?25l\033[2J\033[H'
	printf '\033[1;36mLinux %s (%s) on paragpu\033[0m\n\n' "$(uname -r)" "$(uname -m)"
	printf '\033[1mdriver\033[0m\n'
	dmesg | grep -E '\[drm\]|fb0' | cut -c 1-150
	printf '\n\033[1mconnectors\033[0m\n'
	modetest -M virtio_gpu -c 2>/dev/null | head -12
	printf '\n\033[1mframebuffer\033[0m\n'
	cat /proc/fb
	cat /sys/kernel/debug/dri/*/state | sed -n 1,18p
	printf '\n'
	for n in 0 1 2 3 4 5 6 7; do printf '\033[4%sm          ' $n; done
	printf '\033[0m\n'
} >/dev/tty1
"""


def title(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}")


def save(image, folder, name):
    path = folder / f"{name}.png"
    image.save(path)
    print(f"  {path}")


def picture_tour(machine, folder):
    """Puts things on the screen and photographs them; those we can compute are checked."""
    machine.run(CONSOLE)
    save(machine.settled(), folder, "console")

    with scenes.modetest(machine, "smpte"):
        save(machine.settled(), folder, "modetest")

    width, height = scenes.WIDTH, scenes.HEIGHT
    kind = "blob" if machine.frontend == "generic" else "dumb"
    machine.gpu_begin()
    machine.gpu_all(f"buffer 0 {kind} {width} {height}", "fill 0 1", f"show 0 0 {width} {height}",
                    f"flush 0 0 0 {width} {height}", "cursor 0 move 600 350", "cursor 0 set 64 0 0")
    expected = picture.pattern(width, height, 1)
    if machine.frontend == "generic":
        expected = picture.with_cursor(expected, 64, 600, 350)
    save(machine.expect(expected, what="the pattern"), folder, "pattern")
    machine.gpu_end()
    return kind


def report(machine, kind):
    title("Guest")
    print(f"  Linux {machine.release}, booted in {machine.boot_seconds:.1f} s ({accelerator()})")
    for line in machine.kernel_log(r"\[drm\] features|Initialized virtio_gpu").splitlines():
        print("  " + line.split("] ", 1)[-1])
    print(f"  its own pattern in a {kind} buffer: every pixel as computed here")
    title("paragpud")
    print("  " + machine.backend.summary())
    title("paragpu inspect")
    print("  " + machine.backend.paragpu("inspect").strip().replace("\n", "\n  "))


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.split("\n\n")[0])
    parser.add_argument("--guest", choices=GUESTS, default="linux-7.2")
    parser.add_argument("--frontend", choices=[name for name in FRONTENDS if name != "qemu"],
                        default="generic")
    parser.add_argument("--output", type=Path, default=PROJECT / "demo")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.output, ignore_errors=True)
    arguments.output.mkdir(parents=True)

    began = time.monotonic()
    Images(arguments.guest)
    print(f"booting {arguments.guest} on paragpud, QEMU's {FRONTENDS[arguments.frontend].split(',')[0]}",
          flush=True)
    with Machine(arguments.guest, arguments.frontend, Paragpud()) as machine:
        title("Pictures")
        kind = picture_tour(machine, arguments.output)
        report(machine, kind)
    print(f"\ndone in {time.monotonic() - began:.0f} s; your own VM: "
          "./dev paragpu run -- -drive file=disk.qcow2")


if __name__ == "__main__":
    try:
        main()
    except (Failure, ArchiveError) as error:
        sys.exit(f"demo: {error}")
