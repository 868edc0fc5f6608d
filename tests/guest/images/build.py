#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the guests' boot files, once, in the user's cache; prints where they are.

A guest is a kernel and two initramfs archives: `tools.cpio` from packages (large, made once per
recipe) and `programs.cpio` with our own init and test programs (made again when these change).
"""

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    __package__ = "guest.images"  # noqa: A001

from . import archive, contents, programs, recipe  # noqa: E402

HERE = Path(__file__).resolve().parent


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "paragpu" / "guests"


def _key(thing, *files):
    digest = hashlib.sha256(json.dumps(thing, sort_keys=True, default=str).encode())
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _prune(kind):
    """Throws away what an older recipe made and nobody used for a week."""
    for lock in cache().glob(f"{kind}-*.lock"):
        if time.time() - lock.stat().st_mtime > 7 * 24 * 3600:
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)


@contextmanager
def _made_once(kind, key):
    """Yields a folder to fill, or None where it is in the cache. Whole or not at all."""
    name = f"{kind}-{key}"
    place = cache() / name
    cache().mkdir(parents=True, exist_ok=True)
    with open(cache() / (name + ".lock"), "w", encoding="ascii") as lock:  # its time: last used
        fcntl.flock(lock, fcntl.LOCK_EX)
        if place.exists():
            yield None
            return
        with tempfile.TemporaryDirectory(prefix=name + ".new-", dir=cache()) as folder:
            result = Path(folder) / "result"
            result.mkdir()
            yield result
            result.rename(place)
        _prune(kind)


class Images:
    """Where a guest's files are. `initrd` takes the parts wanted and writes them behind each other."""

    def __init__(self, guest):
        self.guest = recipe.GUESTS[guest] if isinstance(guest, str) else guest
        sources = [HERE / name for name in
                   ("archive.py", "contents.py", "cpio.py", "elf.py", "modules.py")]
        parts = sorted([*programs.PROGRAMS.glob("*/*.[ch]"), programs.INIT, HERE / "programs.py"])
        self.tools = self._get("tools", contents.make_tools, self.guest, sources)
        self.programs = self._get("programs", programs.make_programs, self.guest, parts)
        self.kernel = self.tools / "vmlinuz"
        self.manifest = json.loads((self.tools / "manifest.json").read_text())

    def _get(self, what, make, thing, sources):
        key = _key([asdict(thing), recipe.SKIP, recipe.MODULES], *sources)
        with _made_once(f"{self.guest.name}-{what}", key) as result:
            if result:
                make(thing, result)
        return cache() / f"{self.guest.name}-{what}-{key}"

    @staticmethod
    def suite(suite=recipe.IGT):
        sources = [HERE / name for name in ("archive.py", "contents.py", "cpio.py", "elf.py")]
        key = _key([asdict(suite), recipe.SKIP], *sources)
        with _made_once("igt", key) as result:
            if result:
                contents.make_suite(suite, result)
        return cache() / f"igt-{key}" / "suite.cpio"

    def initrd(self, path, *more):
        with open(path, "wb") as out:
            for part in (self.tools / "tools.cpio", self.programs / "programs.cpio", *more):
                out.write(part.read_bytes())
                out.write(b"\0" * (-out.tell() % 4))
        return path


def main():
    names = sys.argv[1:] or [*recipe.GUESTS, "igt"]
    for name in names:
        if name == "igt":
            print(f"igt: {Images.suite()}")
        elif name in recipe.GUESTS:
            images = Images(name)
            print(f"{name}: Linux {images.manifest['kernel']}: {images.tools}")
        else:
            sys.exit(f"guest images: no guest is called '{name}': {', '.join(recipe.GUESTS)}, igt")


if __name__ == "__main__":
    try:
        main()
    except archive.ArchiveError as error:
        sys.exit(str(error))
