# SPDX-License-Identifier: MIT
"""Fills a folder with a guest's boot files. Where it goes and when is build.py's matter."""

import json
import shutil
import sys

from . import archive, cpio, elf, modules, recipe


def say(text):
    print(f"guest images: {text}", file=sys.stderr, flush=True)


def _add(target, files):
    for place, path in sorted(files.items()):
        target.file(place, path.read_bytes(), 0o755)


def make_tools(guest, result):
    scratch = result.parent
    say(f"fetching {guest.name} ({guest.architecture}, once, up to 180 MB)")
    packages = archive.Archive(scratch / "apt", guest.architecture, guest.suites)
    kernel = packages.newest(*guest.kernels).removeprefix("linux-image-")
    tree = scratch / "tree"
    packages.unpack([part.format(kernel) for part in guest.parts], tree)
    packages.unpack(packages.closure(guest.tools, recipe.SKIP), tree)
    shutil.copyfile(next(path for path in tree.rglob("vmlinuz*") if path.is_file()),
                    result / "vmlinuz")

    image = cpio.Cpio()
    for folder in ("etc", "lib", "lib64", "bin", "usr/bin", "usr/lib", "proc", "sys", "dev"):
        image.folder(folder)
    image.console()
    folder = next(path for path in (tree / "usr/lib/modules" / kernel, tree / "lib/modules" / kernel)
                  if path.is_dir())
    order = modules.load_order(recipe.MODULES, folder)
    for name, data in order:
        image.file(f"modules/{name}.ko", data)
    image.file("modules/order", "".join(name + "\n" for name, _ in order).encode())
    busybox = next(path for path in (tree / "usr/bin/busybox", tree / "bin/busybox")
                   if path.is_file())
    image.file("bin/busybox", busybox.read_bytes(), 0o755)
    image.link("bin/sh", "busybox")
    _add(image, elf.with_libraries([tree / "usr/bin/modetest", tree / "usr/bin/drm_info"], tree))
    image.write(result / "tools.cpio")
    (result / "manifest.json").write_text(json.dumps(
        {"kernel": kernel, "modules": [name for name, _ in order]}, indent=1))


def make_suite(suite, result):
    say(f"fetching test programs of {suite.release} (once, about 20 MB)")
    packages = archive.Archive(result.parent / "apt", suite.architecture, suite.suites)
    tree = result.parent / "tree"
    packages.unpack(packages.closure(suite.packages, recipe.SKIP), tree)
    image = cpio.Cpio()
    files = elf.with_libraries([tree / suite.folder / name for name in suite.programs], tree)
    # in a folder of their own, with their own loader, beside the guest's C library
    for place, path in sorted(files.items()):
        image.file("/igt/" + place.rsplit("/", 1)[1], path.read_bytes(), 0o755)
    image.write(result / "suite.cpio")
