#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the tests, all parts whatever happens, and ends with one line that sums them up.

  unit      cmocka programs and examples, in the release and in the sanitizer build
  lint      style and static analysis
  rules     tests/rules: one short function a rule, against the sanitizer build over a real socket
  programs  tests/programs: paragpud and paragpu as their users meet them
  guest     tests/guest: virtual machines

Every part has a time limit: a part that hangs is one failure and the rest goes on. The exit status
is 0 only if something ran and nothing failed.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
RESULTS = BUILD / "results"
MINUTE = 60

# seconds; together, with two builds, under 50 minutes
LIMITS = {"build": 4 * MINUTE, "unit": 4 * MINUTE, "lint": 9 * MINUTE, "rules": 7 * MINUTE,
          "programs": 3 * MINUTE, "guest": 20 * MINUTE}

SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:check_initialization_order=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


class Tally:
    """What has passed, failed and been skipped so far, and the names of what failed."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []

    def fail(self, name):
        self.failed += 1
        self.failures.append(name)

    def add_cases(self, part, path):
        """Counts the cases of a JUnit file. Returns the number of failed ones."""
        before = self.failed
        for case in ElementTree.parse(path).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                self.fail(f"{part}: {case.get('classname', '')} {case.get('name')}")
            elif case.find("skipped") is not None:
                self.skipped += 1
            else:
                self.passed += 1
        return self.failed - before


def run(command, limit, **variables):
    """Runs a command in a group of its own. Returns its exit status, None if it ran out of time."""
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True,
                               env=os.environ | variables)
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def heading(text):
    print(f"\n=== {text}", flush=True)


def build(tally, name):
    heading(f"build: {name}")
    if run([ROOT / "dev", "build", name], LIMITS["build"]) == 0:
        return True
    tally.fail(f"build: {name}")
    return False


def meson_suite(tally, suite, build_name, limit):
    heading(f"{suite} ({build_name})")
    part, directory = f"{suite} ({build_name})", BUILD / build_name
    logs = {kind: directory / "meson-logs" / f"{suite}{kind}" for kind in (".junit.xml", ".json")}
    for path in logs.values():
        path.unlink(missing_ok=True)
    status = run(["meson", "test", "-C", directory, "--no-rebuild", "--suite", suite, "--logbase", suite,
                  "--print-errorlogs"], limit, **SANITIZERS)
    if status is None:
        tally.fail(f"{part}: not done after {limit} s")
    if not logs[".junit.xml"].exists():
        if status:
            tally.fail(f"{part}: meson test ended with status {status} and no results")
        return
    found = tally.add_cases(part, logs[".junit.xml"])
    # a program can fail although each of its cases passed: a leak, a crash at exit
    bad = [test["name"] for test in map(json.loads, logs[".json"].read_text().splitlines())
           if test["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")]
    if len(bad) > found:
        for name in bad[found:]:
            tally.fail(f"{part}: {name} (see the end of its output)")


def python_suite(tally, part, arguments):
    directory = ROOT / "tests" / part
    if not directory.is_dir():
        return
    heading(part)
    junit = RESULTS / f"{part}.xml"
    junit.unlink(missing_ok=True)
    status = run([sys.executable, "-m", "pytest", directory, f"--junitxml={junit}", "-q", "-ra",
                  "--tb=short", "--continue-on-collection-errors", "-p", "no:cacheprovider", *arguments], LIMITS[part],
                 PARAGPU_BUILD=str(BUILD / "asan"), PYTHONDONTWRITEBYTECODE="1", **SANITIZERS)
    if status is None:
        tally.fail(f"{part}: not done after {LIMITS[part]} s")
    elif not junit.exists():
        tally.fail(f"{part}: pytest ended with status {status} and no results")
    if junit.exists() and tally.add_cases(part, junit) == 0 and status not in (0, 5, None):
        tally.fail(f"{part}: pytest ended with status {status}")


PARTS = {
    "unit": lambda tally, arguments: [meson_suite(tally, "unit", name, LIMITS["unit"] // 2)
                                      for name in ("release", "asan")],
    "lint": lambda tally, arguments: meson_suite(tally, "lint", "release", LIMITS["lint"]),
    "rules": lambda tally, arguments: python_suite(tally, "rules", arguments),
    "programs": lambda tally, arguments: python_suite(tally, "programs", arguments),
    "guest": lambda tally, arguments: python_suite(tally, "guest", arguments),
}


def main():
    parser = argparse.ArgumentParser(prog="./dev test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="Any other option is pytest's, for example -k WORD or -x.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    chosen, arguments = parser.parse_known_intermixed_args()
    unknown = [part for part in chosen.parts if part not in PARTS]
    # a word after an unknown option is that option's
    parts = [part for part in chosen.parts if part in PARTS] or list(PARTS)
    arguments += unknown
    if unknown and not any(argument.startswith("-") for argument in arguments):
        parser.error(f"no part is called '{unknown[0]}': {', '.join(PARTS)}")

    started = time.monotonic()
    RESULTS.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    if all([build(tally, name) for name in ("release", "asan")]):
        for part in parts:
            PARTS[part](tally, arguments)

    print(f"\n{time.monotonic() - started:.0f} s", end="")
    print("".join(f"\nFAILED {name}" for name in tally.failures))
    skipped = f", {tally.skipped} skipped" if tally.skipped else ""
    print(f"{tally.passed} passed, {tally.failed} failed{skipped}")
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main())
