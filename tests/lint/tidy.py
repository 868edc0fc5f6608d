#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-tidy over every C file of a build, as many at a time as there are processors.

usage: tidy.py SOURCE_DIRECTORY BUILD_DIRECTORY

A file that passed is not looked at again until it, a header of this project that it includes, its
compile command or .clang-tidy changes: BUILD_DIRECTORY/tidy holds a stamp for each.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def dependencies(entry, source):
    """The files of this project that the compile command reads."""
    words = shlex.split(entry["command"])
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ("-o", "-MF", "-MQ"):
            skip = True
        elif word not in ("-MD", "-c"):
            kept.append(word)
    rule = subprocess.run([*kept, "-MM", "-MT", "x"], cwd=entry["directory"], check=True,
                          capture_output=True, text=True).stdout
    files = [Path(entry["directory"], name).resolve() for name in rule.replace("\\\n", " ").split()[1:]]
    return sorted(f for f in set(files) if f.is_relative_to(source))


def check(entry, source, build, stamps):
    """Returns clang-tidy's complaints, "" if there are none."""
    digest = hashlib.sha256((source / ".clang-tidy").read_bytes() + entry["command"].encode())
    for path in dependencies(entry, source):
        digest.update(path.read_bytes())
    stamp = stamps / (entry["output"].replace("/", "_") + ".ok")
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return ""
    result = subprocess.run(["clang-tidy", "--quiet", "-p", build, entry["file"]],
                            cwd=entry["directory"], capture_output=True, text=True)
    if result.returncode:
        return result.stdout or result.stderr
    stamp.write_text(digest.hexdigest())
    return ""


def main():
    source, build = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    stamps = build / "tidy"
    stamps.mkdir(exist_ok=True)
    entries = {entry["file"]: entry for entry in json.loads((build / "compile_commands.json").read_text())
               if entry["file"].endswith(".c")}
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        complaints = list(pool.map(lambda entry: check(entry, source, build, stamps), entries.values()))
    found = [text for text in complaints if text]
    print("\n".join(found))
    print(f"{len(entries)} files, {len(found)} with complaints")
    return 1 if found or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
