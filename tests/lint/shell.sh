#!/bin/bash
# SPDX-License-Identifier: MIT
# Every shell script is free of what shellcheck calls an error or a warning.
set -euo pipefail
cd "$1"
{
	find tools tests .ci -name '*.sh' -print0
	grep -rlZ --include='*' -m1 -E '^#!(/bin/|/usr/bin/env )(ba)?sh' dev tools tests .ci
} | sort -zu | xargs -0 shellcheck --severity=warning --shell=bash
