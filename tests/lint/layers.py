#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An #include points to its own floor or down, never up and never sideways.

The floors are those of docs/architecture.md. This reads the text of the sources: it knows nothing
of the preprocessor, so an #include in a comment or a disabled branch counts too.
"""

import re
import sys
from pathlib import Path

# What each folder of src/ may include besides itself. paragpu/ is the public interface.
CORE = {"base", "protocol", "memory"}
MAY_INCLUDE = {
    "base": set(),
    "protocol": {"base", "paragpu"},
    "memory": {"base", "protocol", "paragpu"},
    "device": CORE | {"paragpu"},
    "renderer": CORE | {"paragpu"},
    "display": CORE | {"paragpu"},
    "worker": CORE | {"renderer", "paragpu"},
    "transport": CORE | {"device", "paragpu"},
    # stands on the other side of the socket: shares what is on the wire, nothing of the device
    "frontend": {"base", "protocol"},
    "daemon": CORE | {"device", "renderer", "display", "worker", "transport", "paragpu"},
    # `paragpu run` starts daemons and checks their options by the daemon's own table
    "cli": {"base", "protocol", "frontend", "display", "daemon", "paragpu"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def faults(root):
    for path in sorted((root / "src").rglob("*.[ch]")):
        parts = path.relative_to(root / "src").parts
        floor = parts[0]
        if floor not in MAY_INCLUDE:
            yield path, 1, f"src/{floor} is no floor that tests/lint/layers.py knows"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match[2].split("/")
            if match[1] == '"' and len(target) == 1:
                yield path, number, f'write "{floor}/{match[2]}": includes are relative to src/'
            elif target[0] == floor:
                if floor == "renderer" and len(target) > 2 and target[1] != parts[1]:
                    yield path, number, f"renderer {parts[1]} must not know {target[1]}"
            elif target[0] in MAY_INCLUDE or target[0] == "paragpu":
                if target[0] not in MAY_INCLUDE[floor]:
                    yield path, number, f"{floor}/ must not include {match[2]}"
    for path in sorted((root / "include").rglob("*.h")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match and match[1] == '"':
                yield path, number, "a public header includes <paragpu/…> and the system only"


def main():
    root = Path(sys.argv[1])
    found = list(faults(root))
    for path, number, text in found:
        print(f"{path.relative_to(root)}:{number}: {text}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
