# SPDX-License-Identifier: MIT
"""The small part of a guest that is ours: its init, and the test programs of programs/."""

import subprocess
from pathlib import Path

from . import archive, cpio

INIT = Path(__file__).resolve().parent / "init"
PROGRAMS = Path(__file__).resolve().parents[1] / "programs"
CFLAGS = ["-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-std=c17", "-O2", "-Wall", "-Wextra",
          "-Wconversion", "-Wmissing-prototypes", "-Wstrict-prototypes", "-Werror", "-static"]


def make_programs(guest, result):
    """One program a folder of programs/, made of all C files in there."""
    image = cpio.Cpio()
    image.file("init", INIT.read_bytes(), 0o755)
    for folder in sorted(path for path in PROGRAMS.iterdir() if path.is_dir()):
        program = result.parent / folder.name
        done = subprocess.run(["gcc", guest.compiler, *CFLAGS, "-o", program,
                               *sorted(folder.glob("*.c"))], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise archive.ArchiveError(f"guest images: {folder} does not compile with "
                                       f"{guest.compiler}:\n{done.stderr}")
        image.file(f"usr/bin/{folder.name}", program.read_bytes(), 0o755)
    image.write(result / "programs.cpio")
