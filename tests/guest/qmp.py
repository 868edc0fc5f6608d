# SPDX-License-Identifier: MIT
"""QEMU's monitor."""

import json
import socket

from .process import Failure, connect


class Qmp:
    def __init__(self, path, seconds=30):
        self._socket = connect(path)
        self._socket.settimeout(seconds)
        self._lines = self._socket.makefile("rb")
        self.events = []
        self._next()  # greeting
        self.command("qmp_capabilities")

    def _next(self):
        line = self._lines.readline()
        if not line:
            raise Failure("QEMU closed its monitor: it ended or crashed, see qemu.log")
        return json.loads(line)

    def command(self, name, descriptor=None, **arguments):
        text = json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n"
        if descriptor is None:
            self._socket.sendall(text)
        else:
            socket.send_fds(self._socket, [text], [descriptor])
        while True:
            try:
                reply = self._next()
            except TimeoutError:
                raise Failure(f"QEMU did not answer '{name}' in {self._socket.gettimeout()} s: "
                              "its main loop waits for something") from None
            if "event" in reply:
                self.events.append(reply["event"])
            elif "error" in reply:
                raise Failure(f"QEMU refused '{name}' {arguments}: {reply['error']['desc']}")
            else:
                return reply["return"]

    def close(self):
        self._lines.close()
        self._socket.close()
