#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""edid-decode and libdisplay-info both find our EDIDs conforming, and read the mode we meant.

usage: edid.py EDID_WRITE
"""

import re
import subprocess
import sys

MODES = [
    (1280, 800, 60000), (1920, 1080, 60000), (1366, 768, 59000), (640, 480, 75000),
    (3840, 2160, 60000), (3840, 2160, 144000), (7680, 4320, 60000), (8192, 1280, 60000),
    (1, 1, 60000), (1, 65535, 60000), (65535, 1, 60000), (65535, 65535, 60000),
    (800, 600, 1), (640, 480, 1000000), (4095, 4095, 30000), (4096, 4096, 30000),
]
DECODERS = (["edid-decode", "--check"], ["di-edid-decode"])


def main():
    failed = False
    for mode in MODES:
        edid = subprocess.run([sys.argv[1], *map(str, mode)], check=True,
                              stdout=subprocess.PIPE).stdout
        for decoder in DECODERS:
            run = subprocess.run(decoder, input=edid, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, check=False)
            text = run.stdout.decode(errors="replace")
            named = re.search(rf"\b{mode[0]}x{mode[1]}\b", text)
            if "EDID conformity: PASS" not in text or not named:
                print(f"{decoder[0]} does not take {mode}:\n{text}")
                failed = True
    print(f"{len(MODES)} modes, {len(DECODERS)} decoders")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
