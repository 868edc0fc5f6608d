# SPDX-License-Identifier: MIT
"""KVM where it truly runs a Linux guest, else QEMU's emulation."""

import functools
import os
import tempfile
from pathlib import Path

from .images.build import Images, cache
from .line import Line
from .process import Failure, Process, wait_until
from .qmp import Qmp

PROBE = "linux-7.2"


def _kvm_boots():
    images = Images(PROBE)
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        folder = Path(name)
        qemu = Process("qemu", [
            images.guest.qemu, "-M", "q35", "-accel", "kvm", "-m", "256", "-nodefaults",
            "-no-user-config", "-display", "none", "-kernel", images.kernel,
            "-initrd", images.initrd(folder / "initrd"), "-append", "guest.modules=none panic=-1",
            "-serial", "null", "-chardev", f"socket,id=line,path={folder}/line.sock,server=on,wait=off",
            "-serial", "chardev:line", "-qmp", f"unix:{folder}/qmp.sock,server=on,wait=off",
        ], folder / "qemu.log")
        try:
            wait_until(lambda: (folder / "qmp.sock").exists() or qemu.ended, 10, "QEMU's monitor")
            if qemu.ended:
                return False
            qmp = Qmp(folder / "qmp.sock", 5)

            def gone():
                # a CPU that KVM cannot run leaves QEMU paused, not ended
                return None if qmp.command("query-status")["running"] else "KVM gave up"
            Line(folder / "line.sock", gone).wait_ready(20)
            return True
        except Failure:
            return False
        finally:
            qemu.end()


@functools.cache
def accelerator():
    """`kvm` or `tcg`; PARAGPU_ACCEL decides without a probe."""
    asked = os.environ.get("PARAGPU_ACCEL")
    if asked:
        return asked
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    verdict = cache() / f"accelerator-{boot}"
    if not verdict.exists():
        verdict.parent.mkdir(parents=True, exist_ok=True)
        for old in verdict.parent.glob("accelerator-*"):
            old.unlink(missing_ok=True)
        verdict.write_text("kvm" if _kvm_boots() else "tcg", encoding="ascii")
    return verdict.read_text(encoding="ascii")
