# SPDX-License-Identifier: MIT
"""A virtual machine for tests: back end, QEMU, guest, and what a test does with them.

    with Machine("linux-7.2", "generic", Paragpud()) as machine:
        machine.gpu("buffer 0 dumb 1280 800")
        machine.screenshot()

Front ends: `generic` is QEMU's vhost-user-test-device-pci (no QEMU display: pictures come from
paragpu's control socket), `gpu` and `vga` its vhost-user display devices, `qemu` its own
virtio-gpu-pci (pictures from QEMU).
"""

import os
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image

from . import dbus
from .accelerator import accelerator
from .backend import InProcess
from .images.build import Images
from .line import Line
from .picture import difference
from .process import Failure, Process, wait_until
from .qmp import Qmp

BOOT_SECONDS = 150  # a busy machine with sanitizers; 6 to 9 s otherwise

# What an emulated guest need not do before a test can begin
APPEND = ("console=ttyS0 loglevel=5 panic=-1 nokaslr mitigations=off rodata=off no_timer_check "
          "tsc=reliable cryptomgr.notests random.trust_cpu=on rcupdate.rcu_expedited=1 lsm=")

FRONTENDS = {
    "generic": "vhost-user-test-device-pci,virtio-id=16,num_vqs=2,vq_size=256,config_size=20",
    "gpu": "vhost-user-gpu-pci",
    "vga": "vhost-user-vga",
    "qemu": "virtio-gpu-pci",
}


def _kept_logs():
    return Path(os.environ.get("PARAGPU_GUEST_LOGS", Path(__file__).resolve().parents[2] /
                               "build/guest-logs"))


class Machine:
    def __init__(self, guest, frontend, backend=None, heads=1, append="", initrd=(), display=None,
                 device="", accel=None, memory=512):
        """display="dbus" gives QEMU's D-Bus display, by which a test can resize QEMU's heads."""
        self.frontend = frontend
        self.backend = backend or InProcess()
        self.heads = heads
        self.images = Images(guest)
        self.name = f"{guest}-{frontend}-{self.backend.name}"
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.qemu = self.line = self.qmp = self.display = None
        self.release = None
        self.boot_seconds = None
        self._append = append
        self._initrd = initrd
        self._display = display
        self._device = device
        self._accel = accel
        self._memory = memory  # MiB

    # --- starting and ending ------------------------------------------------------------------

    def _command(self):
        device = FRONTENDS[self.frontend]
        if self.frontend == "generic":
            device += ",chardev=gpu"
        else:
            device += f",max_outputs={self.heads}"
            if self.frontend != "qemu":
                device += ",chardev=gpu"
        command = [
            self.images.guest.qemu, "-M", "q35", "-accel", self._accel or accelerator(),
            "-m", str(self._memory), "-nodefaults", "-no-user-config",
            "-object", f"memory-backend-memfd,id=mem0,size={self._memory}M,share=on",
            "-machine", "memory-backend=mem0",
            "-kernel", self.images.kernel,
            "-initrd", self.images.initrd(self.folder / "initrd", *self._initrd),
            "-append", f"{APPEND} {self._append}",
            "-display", "dbus,p2p=yes" if self._display == "dbus" else "none",
            "-chardev", f"file,id=console,path={self.folder}/console.log", "-serial", "chardev:console",
            "-chardev", f"socket,id=line,path={self.folder}/line.sock,server=on,wait=off",
            "-serial", "chardev:line",
            "-qmp", f"unix:{self.folder}/qmp.sock,server=on,wait=off",
        ]
        if self.frontend != "qemu":
            command += ["-chardev", f"socket,id=gpu,path={self.backend.socket}"]
        return [*command, "-device", f"{device},id=gpu0{self._device}"]

    def start(self):
        began = time.monotonic()
        try:
            self.backend.start(self.folder, self.heads)
            self.qemu = Process("qemu", self._command(), self.folder / "qemu.log")
            wait_until(lambda: (self.folder / "qmp.sock").exists() or self.qemu.ended, 20,
                       "QEMU to open its monitor")
            if self.qemu.ended:
                raise Failure(f"QEMU ended with {self.qemu.status}:\n{self.qemu.output()}")
            self.qmp = Qmp(self.folder / "qmp.sock")
            self.line = Line(self.folder / "line.sock", self._gone)
            if self._display == "dbus":
                self.display = dbus.Display(self.qmp)
            self.release = self.line.wait_ready(BOOT_SECONDS)
        except BaseException as error:
            self.close(failed=True)
            if isinstance(error, Failure):
                raise Failure(f"{self.name}: {error}\n(logs in {_kept_logs() / self.name})") from None
            raise
        self.boot_seconds = time.monotonic() - began
        return self

    def _gone(self):
        process = self.backend.process
        if process and process.ended:
            return f"{process.name} ended with status {process.status}:\n{process.output()[-2000:]}"
        if self.qemu.ended:
            return f"QEMU ended with status {self.qemu.status}:\n{self.qemu.output()[-2000:]}"
        return None

    def close(self, failed=False):
        """Ends everything; raises Failure when something did not end as it should."""
        trouble = []
        for part in (self.display, self.line, self.qmp):
            if part:
                part.close()
        if self.qemu and self.qemu.end() not in (0, None) and not failed:
            trouble.append(f"QEMU ended with status {self.qemu.status}:\n{self.qemu.output()[-2000:]}")
        trouble += self.backend.end()
        if failed or trouble:
            self.keep_logs()
        shutil.rmtree(self.folder, ignore_errors=True)
        if trouble and not failed:
            raise Failure(f"{self.name}: " + "; ".join(trouble))

    def restart(self):
        """Everything anew, for a machine that a failed test has left in some state."""
        self.close(failed=True)
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.qemu = self.line = self.qmp = self.display = None
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, traceback):
        self.close(failed=kind is not None)

    def keep_logs(self):
        kept = _kept_logs() / self.name
        kept.mkdir(parents=True, exist_ok=True)
        for log in self.folder.glob("*.log"):
            shutil.copy(log, kept)
        return kept

    # --- the guest ----------------------------------------------------------------------------

    def run(self, command, seconds=30, check=True):
        result = self.line.run(command, seconds)
        if check and result.status:
            raise Failure(f"{self.name}: in the guest, `{command}` ended with {result.status}:\n"
                          f"{result.output}")
        return result.output.replace("\r\n", "\n")

    def gpu_begin(self):
        """Starts the guest's gpu program, which takes the screen from the console."""
        reply = self.run("gpu <&7 >&8 2>&1 & read -r reply <&8; echo \"$reply\"").strip()
        if not reply.startswith("ok"):
            raise Failure(f"{self.name}: the guest's gpu program says: {reply}")

    def gpu_end(self):
        self.run("echo quit >&7; read -r reply <&8; echo \"$reply\"")

    def gpu_try(self, command, seconds=30):
        """One command to the gpu program: ({key: value}, None) or (None, what went wrong)."""
        reply = self.run(f"echo '{command}' >&7; read -r reply <&8; echo \"$reply\"", seconds).strip()
        if reply.startswith("ok"):
            return dict(word.split("=", 1) for word in reply.split()[1:] if "=" in word), None
        return None, reply

    def gpu(self, command, seconds=30):
        values, wrong = self.gpu_try(command, seconds)
        if wrong:
            raise Failure(f"{self.name}: the guest's `gpu {command}`: {wrong}")
        return values

    def gpu_all(self, *commands, seconds=60):
        """Several commands, each of which must succeed, in one go over the slow serial line."""
        script = "".join(f"echo '{command}' >&7; read -r reply <&8; echo \"$reply\"\n"
                         for command in commands)
        for command, reply in zip(commands, self.run(script, seconds).strip().splitlines()):
            if not reply.startswith("ok"):
                raise Failure(f"{self.name}: the guest's `gpu {command}`: {reply}")

    def modes(self):
        """[(connected, [(width, height), …])] a head, as the guest's kernel has them now."""
        heads = []
        values = self.gpu("modes")
        for index in range(len(values)):
            state, _, _, _, *modes = values[f"head{index}"].split(",")
            sizes = [tuple(map(int, mode.split("@")[0].split("x"))) for mode in modes]
            heads.append((state == "connected", sizes))
        return heads

    def kernel_log(self, pattern=""):
        return self.run(f"dmesg | grep -E '{pattern}'" if pattern else "dmesg", check=False)

    def wait_boot(self):
        self.release = self.line.wait_ready(BOOT_SECONDS)

    def resize(self, head, width, height):
        """What a user does to a window; 0x0 takes the head away."""
        if self.frontend == "generic":
            self.backend.resize(head, width, height)
        else:
            self.display.resize(head, width, height)

    def console(self):
        return (self.folder / "console.log").read_text(errors="replace")

    # --- the screen ---------------------------------------------------------------------------

    def screenshot(self, head=0):
        if self.frontend == "generic":
            return self.backend.screenshot(self.folder, head)
        path = self.folder / "screen.png"  # QEMU pads rows of its PPM files
        self.qmp.command("screendump", filename=str(path), format="png", device="gpu0", head=head)
        with Image.open(path) as image:
            return image.convert("RGB")

    def settled(self, head=0, seconds=20):
        """The picture once two in a row are the same: updates reach QEMU by a socket."""
        last = self.screenshot(head)
        deadline = time.monotonic() + seconds
        while True:
            time.sleep(0.15)
            now = self.screenshot(head)
            if difference(now, last) is None:
                return now
            if time.monotonic() > deadline:
                raise Failure(f"{self.name}: the screen did not come to rest in {seconds} s")
            last = now

    def expect(self, expected, head=0, seconds=8, what="the picture"):
        """Waits until the screen is the expected picture, pixel by pixel."""
        deadline = time.monotonic() + seconds
        while True:
            seen = self.screenshot(head)
            wrong = difference(seen, expected)
            if wrong is None:
                return seen
            if time.monotonic() > deadline:
                kept = self.keep_logs()
                stem = "".join(c if c.isalnum() else "-" for c in what)
                seen.save(kept / f"{stem}-seen.png")
                expected.save(kept / f"{stem}-expected.png")
                raise Failure(f"{self.name}: {what} is not as expected: {wrong} (both in {kept})")
            time.sleep(0.1)
