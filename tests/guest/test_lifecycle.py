# SPDX-License-Identifier: MIT
"""The device starts clean every time, and nothing is left behind: driver unbound and bound again,
guest rebooted, machine reset, paused."""

import pytest

from . import picture, scenes
from .conftest import KEXEC_KERNEL
from .process import wait_until
from .test_boot import driver_features, negotiated
from .test_picture import paint


def held(machine):
    """What the back end holds for the guest: descriptors, and paragpud's own count."""
    process = machine.backend.process or machine.qemu
    state = {"descriptors": len(process.descriptors())}
    if machine.backend.name == "paragpud":
        stats = machine.backend.inspect()["stats"]
        for name in ("resources", "host_bytes", "backing_entries", "contexts", "pending"):
            state[name] = stats[name]
    return state


def held_after_bind(machine):
    """The same for comparing across a new start of the driver, which then has one buffer, the
    console's, made of whatever pages the guest had: their number is only bounded."""
    state = held(machine)
    state["backing_entries"] = state.get("backing_entries", 0) <= 1280 * 800 * 4 // 4096
    return state


def rebind(machine):
    machine.run("for d in /sys/bus/virtio/drivers/virtio_gpu/virtio*; do n=${d##*/}; done; "
                "echo $n >/sys/bus/virtio/drivers/virtio_gpu/unbind; "
                "echo $n >/sys/bus/virtio/drivers/virtio_gpu/bind", seconds=60)
    machine.run("for i in $(seq 100); do [ -e /dev/fb0 ] && exit; usleep 50000; done; exit 1")


def test_buffers_that_come_and_go_leave_nothing(screen):
    screen.gpu("churn 5 dumb")
    before = held(screen)
    screen.gpu("churn 400 dumb", seconds=60)
    if screen.frontend == "generic":
        screen.gpu("churn 400 blob", seconds=60)
    wait_until(lambda: held(screen) == before, 10, f"what is held to be {before} again")


def test_driver_unbound_and_bound_again_finds_a_clean_device(machine):
    scenes.console(machine)
    rebind(machine)
    scenes.console(machine)
    machine.settled()
    before, features = held_after_bind(machine), driver_features(machine)
    for seed in (80, 81, 82):
        machine.gpu_begin()
        machine.gpu_all(*(f"buffer {slot} dumb 640 480" for slot in range(2, 9)))
        machine.expect(paint(machine, "dumb", seed), what="a picture after binding again")
        machine.gpu_end()
        rebind(machine)
        scenes.console(machine)
    machine.settled()
    wait_until(lambda: held_after_bind(machine) == before, 10, f"what is held to be {before} again")
    assert driver_features(machine) == features


def test_unbind_with_everything_in_use_leaves_nothing(machine):
    rebind(machine)
    scenes.console(machine)
    machine.settled()
    before = held_after_bind(machine)
    machine.gpu_begin()
    paint(machine, "dumb", 83)
    machine.gpu_all(*(f"buffer {slot} dumb 640 480" for slot in range(2, 9)), "cursor 0 set 1 0 0")
    rebind(machine)     # under the program's feet
    machine.gpu_end()
    scenes.console(machine)
    machine.settled()
    wait_until(lambda: held_after_bind(machine) == before, 10, f"what is held to be {before} again")


def boot_again(machine, how):
    how()
    machine.wait_boot()
    machine.gpu_begin()
    try:
        machine.expect(paint(machine, "dumb", 84), what="a picture after the reboot")
    finally:
        machine.gpu_end()


def test_guest_reboot_finds_a_clean_device(machine, reference):
    bits, before = negotiated(machine), held(machine)["descriptors"]
    boot_again(machine, lambda: machine.line.send("reboot -f"))
    assert negotiated(machine) == bits
    scenes.console(machine)
    machine.expect(reference(machine.images.guest.name, "console"), what="the console after reboot")
    assert held(machine)["descriptors"] == before
    assert machine.kernel_log(r"\*ERROR\*|response 0x|timed out") == ""


def test_kexec_finds_a_clean_device(machine):
    """A new kernel starts without the firmware having reset anything."""
    if machine.images.guest.name != KEXEC_KERNEL or machine.frontend == "vga":
        pytest.skip(f"only {KEXEC_KERNEL} has a kernel in it to start; gpu stands for vga")
    bits = negotiated(machine)
    machine.gpu_begin()
    paint(machine, "dumb", 88)
    machine.run("kexec /kexec/vmlinuz /kexec/initrd \"$(cat /proc/cmdline) kexec=1\"", seconds=60)
    boot_again(machine, lambda: machine.line.send("kexec go"))
    assert "kexec=1" in machine.run("cat /proc/cmdline")
    assert negotiated(machine) == bits
    assert machine.kernel_log(r"\*ERROR\*|response 0x|timed out") == ""


def test_machine_reset_with_a_picture_on_the_screen(machine):
    if machine.images.guest.name != "linux-7.2" or machine.frontend == "vga":
        pytest.skip("QEMU's reset does not depend on the kernel; one is enough, and gpu for vga")
    machine.gpu_begin()
    paint(machine, "dumb", 85)
    boot_again(machine, lambda: machine.qmp.command("system_reset"))


@pytest.mark.parametrize("kind", ["dumb", "blob"])
def test_pause_and_continue_keep_the_picture(screen, kind):
    if kind == "blob" and screen.frontend != "generic":
        pytest.skip("no blobs on this front end")
    expected = paint(screen, kind, 86)
    screen.expect(expected, what="the picture before the pause")
    screen.qmp.command("stop")
    screen.qmp.command("cont")
    screen.expect(expected, what="the picture after the pause")
    screen.gpu_all("fill 0 87 40 50 60 70", "flush 0 40 50 60 70")
    screen.expect(picture.with_pattern(expected, 87, (40, 50, 60, 70)), what="damage after the pause")
