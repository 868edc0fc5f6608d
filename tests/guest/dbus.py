# SPDX-License-Identifier: MIT
"""Just enough D-Bus to tell QEMU's display that a window has a new size: what a user does by
dragging its corner. QEMU then changes the head's preferred mode and tells the guest."""

import os
import socket
import struct

from .process import Failure

_CALL, _RETURN, _ERROR = 1, 2, 3


def _align(data, size):
    return data + b"\0" * (-len(data) % size)


def _string(text):
    encoded = text.encode()
    return struct.pack("<I", len(encoded)) + encoded + b"\0"


def _signature(text):
    return bytes([len(text)]) + text.encode() + b"\0"


class Display:
    """QEMU's D-Bus display (-display dbus,p2p=yes) over a socket of our own."""

    def __init__(self, qmp):
        self._socket, theirs = socket.socketpair()
        with theirs:
            qmp.command("getfd", descriptor=theirs.fileno(), fdname="display")
        qmp.command("add_client", protocol="@dbus-display", fdname="display")
        self._socket.settimeout(10)
        self._serial = 0
        user = str(os.getuid()).encode().hex()
        self._socket.sendall(f"\0AUTH EXTERNAL {user}\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n"):
            answer += self._receive(1)
        if not answer.startswith(b"OK"):
            raise Failure(f"QEMU's D-Bus display refuses us: {answer!r}")
        self._socket.sendall(b"BEGIN\r\n")

    def _receive(self, size):
        data = b""
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                raise Failure("QEMU closed its D-Bus display")
            data += part
        return data

    def _message(self):
        """(type, body) of the next message."""
        head = self._receive(16)
        body, _, fields = struct.unpack("<4xIII", head)
        self._receive(fields + -fields % 8)
        return head[1], self._receive(body)

    def _call(self, path, interface, member, signature, body):
        self._serial += 1
        fields = b""
        for code, kind, value in ((1, "o", _string(path)), (2, "s", _string(interface)),
                                  (3, "s", _string(member)), (8, "g", _signature(signature))):
            fields = _align(fields, 8) + bytes([code]) + _signature(kind)
            fields = (_align(fields, 4) if kind != "g" else fields) + value
        head = struct.pack("<cBBBIII", b"l", _CALL, 0, 1, len(body), self._serial, len(fields))
        self._socket.sendall(_align(head + fields, 8) + body)
        while True:
            kind, answer = self._message()
            if kind == _RETURN:
                return
            if kind == _ERROR:
                raise Failure(f"QEMU's display refused {member}: {answer!r}")

    def resize(self, head, width, height):
        """A size of 0x0 disconnects the head."""
        self._call(f"/org/qemu/Display1/Console_{head}", "org.qemu.Display1.Console", "SetUIInfo",
                   "qqiiuu", struct.pack("<HHiiII", width // 4, height // 4, 0, 0, width, height))

    def close(self):
        self._socket.close()
