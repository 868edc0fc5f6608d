# SPDX-License-Identifier: MIT
"""Who answers the guest: paragpud, QEMU's own vhost-user-gpu, or QEMU's device in its process."""

import json
import os
import re
import subprocess
from pathlib import Path

from PIL import Image

from .process import Failure, Process, wait_until

PROJECT = Path(__file__).resolve().parents[2]
CONTRIB = Path("/usr/lib/qemu/vhost-user-gpu")


def build_folder():
    return Path(os.environ.get("PARAGPU_BUILD", PROJECT / "build/release")).resolve()


def program(name):
    for place in ("", "src/daemon", "src/cli"):
        path = build_folder() / place / name
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise Failure(f"no program {name} in {build_folder()}: run ./dev build, or set PARAGPU_BUILD")


def have_paragpu():
    try:
        return bool(program("paragpud") and program("paragpu"))
    except Failure:
        return False


class InProcess:
    """QEMU's virtio-gpu-pci: the peer that pictures are compared with. No process of its own."""
    name = "qemu"
    process = None

    def start(self, folder, heads):
        pass

    def end(self):
        return []


class Contrib:
    """QEMU's vhost-user-gpu program."""
    name = "contrib"

    def __init__(self):
        self.process = None
        self.socket = None

    def command(self, heads):
        del heads  # QEMU's device decides
        return [CONTRIB, f"--socket-path={self.socket}"]

    def start(self, folder, heads):
        self.socket = folder / "gpu.sock"
        self.process = Process(self.name, self.command(heads), folder / f"{self.name}.log")
        wait_until(lambda: self.socket.exists() or self.process.ended, 20,
                   f"{self.name} to listen on {self.socket}")
        if self.process.ended:
            raise Failure(f"{self.name} ended with {self.process.status}:\n{self.process.output()}")

    def end(self):
        """What was wrong about its end."""
        if self.process:
            self.process.end()
        return []


class Paragpud(Contrib):
    name = "paragpud"

    def __init__(self, *options):
        super().__init__()
        self.options = options
        self.control = None
        self.trouble = []

    def command(self, heads):
        return [program("paragpud"), f"--socket-path={self.socket}", f"--control={self.control}",
                f"--heads={heads}", *self.options]

    def start(self, folder, heads):
        self.control = folder / "control.sock"
        super().start(folder, heads)

    def paragpu(self, *words, seconds=30):
        """Runs the command against this device; its output."""
        command, *rest = words
        done = subprocess.run([program("paragpu"), command, f"--device={self.control}", *rest],
                              capture_output=True, text=True, timeout=seconds, check=False)
        if done.returncode:
            raise Failure(f"paragpu {' '.join(map(str, words))} ended with {done.returncode}:\n"
                          f"{done.stdout}{done.stderr}")
        return done.stdout

    def inspect(self):
        return json.loads(self.paragpu("inspect", "--json"))

    def screenshot(self, folder, head):
        path = folder / "screenshot.png"
        self.paragpu("screenshot", f"--head={head}", path)
        with Image.open(path) as image:
            return image.convert("RGB")

    def resize(self, head, width, height):
        if width and height:
            self.paragpu("resize", str(head), f"{width}x{height}")
        else:
            self.paragpu("disconnect", str(head))

    def complaints(self):
        """What paragpud holds against a guest or a VMM, which here are all well-behaved."""
        facts = self.inspect()
        found = [f"{facts['stats'][name]} {name}" for name in ("errors", "malformed")
                 if facts["stats"][name]]
        return found + [f"the {queue['name']} queue is broken: {queue['broken']}"
                        for queue in facts["connection"]["queues"] if queue["broken"]]

    def summary(self):
        """The start-up line: what is offered, and what not."""
        return next((line for line in self.process.output().splitlines() if line.strip()), "")

    def end(self):
        died = self.process.status if self.process and self.process.ended else None
        status = self.process.end() if self.process else 0
        output = self.process.output() if self.process else ""
        trouble = []
        if died is not None:
            trouble.append(f"paragpud had ended by itself with status {died}")
        elif status is None:
            trouble.append("paragpud did not end on SIGTERM and was killed")
        elif status != 0:
            trouble.append(f"paragpud ended on SIGTERM with status {status}, not 0")
        found = re.search(r"ERROR: \w+Sanitizer|runtime error: .*", output)
        if found:
            trouble.append(f"the sanitizer said: {found[0]}")
        if self.control and (self.control.exists() or self.socket.exists()):
            trouble.append("paragpud left a socket behind")
        return [f"{line} ({self.process.log})" for line in trouble]
