#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: cppcheck.sh SOURCE_DIRECTORY BUILD_DIRECTORY
# A second opinion, from an analyser that has nothing in common with clang's.
set -euo pipefail
mkdir -p "$2/cppcheck"

# Not asked: style and unused functions (clang-tidy's and the linker's business) and uninitialised
# variables and leaks (a buffer for read() and an object linked by its member alarm it; clang's
# analyser and the leak sanitizer know better).
exec cppcheck --quiet --error-exitcode=1 --std=c17 --enable=warning,portability \
	--inline-suppr --check-level=normal --cppcheck-build-dir="$2/cppcheck" -j "$(nproc)" \
	--suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
	--suppress=uninitvar --suppress=legacyUninitvar --suppress=memleak \
	-I "$1/include" -I "$1/src" -D_GNU_SOURCE -D__linux__ "$1/src"
