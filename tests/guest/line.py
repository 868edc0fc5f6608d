# SPDX-License-Identifier: MIT
"""The serial line to the guest's init (images/init): shell commands in, output and status out."""

import base64
import re
import secrets
import time
from dataclasses import dataclass

from .process import Failure, connect


@dataclass
class Result:
    status: int
    output: str


class Line:
    def __init__(self, path, alive):
        self._alive = alive  # returns a reason when the machine is gone
        self._pending = b""
        self._socket = connect(path)
        self._socket.settimeout(0.5)

    def _read_until(self, pattern, seconds, what):
        """Everything up to the match; what comes behind it is kept."""
        deadline = time.monotonic() + seconds
        while True:
            match = re.search(pattern, self._pending)
            if match:
                before, self._pending = self._pending[:match.start()], self._pending[match.end():]
                return before, match
            if time.monotonic() > deadline:
                tail = self._pending[-500:].decode(errors="replace")
                raise Failure(f"waited {seconds} s for {what}; the guest last said: {tail!r}")
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                reason = self._alive()
                if reason:
                    raise Failure(f"{reason}, while waiting for {what}") from None
                continue
            if not data:
                raise Failure(f"QEMU ended while waiting for {what}")
            self._pending += data

    def wait_ready(self, seconds):
        """The guest's kernel release, once it has booted (again)."""
        _, match = self._read_until(rb"guest ready (\S+)\r?\n", seconds, "the guest to boot")
        return match[1].decode()

    def send(self, command):
        """For commands that never end, such as a reboot."""
        self._socket.sendall(b"none " + base64.b64encode(command.encode()) + b"\n")

    def run(self, command, seconds):
        identity = secrets.token_hex(4).encode()
        self._socket.sendall(identity + b" " + base64.b64encode(command.encode()) + b"\n")
        output, match = self._read_until(rb"\n" + identity + rb"=(\d+)\n", seconds,
                                         f"the guest's command `{command}`")
        return Result(int(match[1]), output.decode(errors="replace"))

    def close(self):
        self._socket.close()
