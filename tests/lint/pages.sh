#!/bin/bash
# SPDX-License-Identifier: MIT
# Every manual page is well-formed mdoc or man.
set -euo pipefail
cd "$1"
find . \( -path ./build -o -path ./.git \) -prune -o -name '*.[1-8]' -print0 | xargs -0 --no-run-if-empty mandoc -T lint -W warning
