#!/bin/bash
# SPDX-License-Identifier: MIT
# Every C file looks as .clang-format says; `./dev format` makes it so.
set -euo pipefail
cd "$1"
find . \( -path ./build -o -path ./.git \) -prune -o -name '*.[ch]' -print0 |
	xargs -0 --no-run-if-empty clang-format --dry-run -Werror
