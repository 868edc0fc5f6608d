#!/bin/bash
# SPDX-License-Identifier: MIT
# Every C file looks as .clang-format says; `./dev format` makes it so.
set -euo pipefail
cd "$1"
find include src examples tests tools guest -name '*.[ch]' -print0 2>/dev/null |
	xargs -0 --no-run-if-empty clang-format --dry-run -Werror
