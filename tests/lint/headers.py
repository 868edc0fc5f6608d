#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every public header compiles alone, as C17 and as C++17, without a warning.

usage: headers.py INCLUDE_DIRECTORY
"""

import subprocess
import sys
from pathlib import Path

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-fsyntax-only"]
COMPILERS = (
    ["gcc", "-std=c17", "-Wmissing-prototypes", "-Wstrict-prototypes", "-x", "c"],
    ["gcc", "-std=c17", "-m32", "-x", "c"],
    ["g++", "-std=c++17", "-x", "c++"],
)


def main():
    include = Path(sys.argv[1])
    headers = sorted(include.rglob("*.h"))
    failed = not headers
    for header in headers:
        for compiler in COMPILERS:
            # twice: the guard is tested too
            source = f"#include <{header.relative_to(include)}>\n" * 2
            command = [*compiler, *STRICT, f"-I{include}", "-"]
            if subprocess.run(command, input=source, text=True).returncode:
                print(f"{header.relative_to(include)} does not stand alone: {' '.join(command)}")
                failed = True
    print(f"{len(headers)} headers, {len(COMPILERS)} ways each")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
