# SPDX-License-Identifier: MIT
"""Kernel modules in the order in which they can be loaded, read from the modules themselves."""

import lzma
import re
from pathlib import Path


def _content(path):
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _field(data, name):
    match = re.search(rb"\0" + name + rb"=([^\0]*)\0", data)
    return match[1].decode() if match else ""


def load_order(wanted, folder):
    """[(name, content)] of the modules and those they depend on, dependencies first."""
    files = {re.sub(r"\.ko(\.xz)?$", "", path.name).replace("-", "_"): path
             for path in Path(folder).rglob("*.ko*")}
    if not files:
        raise FileNotFoundError(f"guest images: no kernel modules below {folder}")
    order = {}

    def visit(name):
        if name in order:
            return
        if name not in files:  # built in, in this kernel
            return
        data = _content(files[name])
        for dependency in filter(None, _field(data, b"depends").split(",")):
            visit(dependency.replace("-", "_"))
        order[name] = data

    for name in wanted:
        visit(name)
    return list(order.items())
