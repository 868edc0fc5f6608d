# SPDX-License-Identifier: MIT
"""Writes initramfs archives (cpio "newc"). Uncompressed: unpacking costs an emulated guest more
than loading does. Several archives put one behind the other are one initramfs to Linux."""

import stat


class Cpio:
    def __init__(self):
        self._parts = []
        self._folders = {""}
        self._inode = 1

    def _entry(self, name, mode, data=b"", device=(0, 0)):
        encoded = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        self._inode += 1
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self._parts += [header, b"\0" * (-len(header) % 4), data, b"\0" * (-len(data) % 4)]

    def folder(self, name):
        name = name.strip("/")
        if name in self._folders:
            return
        if "/" in name:
            self.folder(name.rsplit("/", 1)[0])
        self._folders.add(name)
        self._entry(name, stat.S_IFDIR | 0o755)

    def _parent(self, name):
        name = name.strip("/")
        if "/" in name:
            self.folder(name.rsplit("/", 1)[0])
        return name

    def file(self, name, data, mode=0o644):
        self._entry(self._parent(name), stat.S_IFREG | mode, data)

    def link(self, name, target):
        self._entry(self._parent(name), stat.S_IFLNK | 0o777, target.encode())

    def console(self):
        """/dev/console, which the kernel wants before anything is mounted."""
        self.folder("dev")
        self._entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))

    def write(self, path):
        self._entry("TRAILER!!!", 0)
        path.write_bytes(b"".join(self._parts))
