# SPDX-License-Identifier: MIT
"""Which shared libraries a program needs, found in an unpacked tree of packages."""

import re
import subprocess


def _dynamic(path):
    text = subprocess.run(["readelf", "-dlW", path], capture_output=True, text=True,
                          check=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", text)
    interpreter = re.search(r"program interpreter: (.*)\]", text)
    return needed, interpreter and interpreter[1]


def with_libraries(programs, root):
    """{path in the guest: file here} of the programs and every library they come to need."""
    libraries = {}
    for folder in ("usr/lib", "usr/lib64", "usr/lib32", "lib", "lib64"):
        for path in (root / folder).rglob("*.so*"):
            libraries.setdefault(path.name, path)
    files, missing = {}, set()
    queue = [("/usr/bin/" + path.name, path) for path in programs]
    while queue:
        place, path = queue.pop()
        if place in files:
            continue
        files[place] = path.resolve()
        needed, interpreter = _dynamic(path)
        if interpreter:
            queue.append((interpreter, libraries[interpreter.rsplit("/", 1)[1]]))
        for name in needed:
            if name in libraries:
                queue.append(("/usr/lib/" + name, libraries[name]))
            elif not name.startswith("ld-"):
                missing.add(name)
    if missing:
        raise FileNotFoundError(f"guest images: no package brought {', '.join(sorted(missing))}")
    return files
