#!/bin/bash
# SPDX-License-Identifier: MIT
# Every shell script is free of what shellcheck calls an error or a warning.
set -euo pipefail
cd "$1"
{
	find . \( -path ./build -o -path ./.git \) -prune -o -name '*.sh' -print0
	grep -rlZ --exclude-dir=.git --exclude-dir=build --exclude-dir=__pycache__ \
		-E '^#!(/bin/|/usr/bin/env )(ba)?sh' .
} | sort -zu | xargs -0 shellcheck --severity=warning --shell=bash
