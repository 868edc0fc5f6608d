#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures paragpud beside QEMU's own vhost-user-gpu and beside the machine's limits.

`paragpu bench` does the measuring, on one front end, in turn, in one run. This finds the programs,
adds what the numbers were measured on, says which aims they reach, and leaves table and JSON in
bench-results/. Arguments are passed on to `paragpu bench` (--rounds=9, --only=trip, ...).
"""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PARAGPU_BUILD", ROOT / "build" / "release"))
CONTRIB = Path("/usr/lib/qemu/vhost-user-gpu")
RESULTS = ROOT / "bench-results"

# measurement, compared with, aim for paragpud's ratio to it (as printed: ours / theirs)
AIMS = [
    ("round trip p50", "limit", "at most", 1.3),
    ("commands, depth 64", "contrib", "at least", 1.0),
    ("transfer 1080p, 1 entry", "limit", "at least", 0.8),
    ("transfer 1080p, 4 KiB entries", "limit", "at least", 0.8),
    ("shown 1080p frame, 1 entry", "contrib", "at least", 1.5),
    ("memory, idle", None, "at most", 6.0),
    ("CPU in an idle second", None, "at most", 0.0),
]


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def version(command):
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=10).stdout
    except OSError:
        return ""
    return output.splitlines()[0] if output else ""


def aims(measurements):
    """(sentence, reached) for every aim that was measured."""
    by_name = {measurement["name"]: measurement["results"] for measurement in measurements}
    for name, other, relation, wanted in AIMS:
        results = by_name.get(name, {})
        value = results.get("paragpud", {}).get("median")
        against = results.get(other, {}).get("median") if other else 1
        if value is None or not against:
            continue
        got = value / against
        reached = got <= wanted if relation == "at most" else got >= wanted
        beside = f"{got:.2f}x of {other}" if other else f"{got:.2f}"
        yield f"{name}: {beside}, aim {relation} {wanted:g}{'x' if other else ''}", reached


def main():
    paragpud = BUILD / "src" / "daemon" / "paragpud"
    subjects = [f"paragpud={paragpud} --socket-path={{socket}}"]
    if CONTRIB.exists():
        subjects.append(f"contrib={CONTRIB} --socket-path={{socket}}")
    else:
        print(f"bench: {CONTRIB} is not there: no comparison with QEMU's own", file=sys.stderr)
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / time.strftime("%Y-%m-%d-%H%M%S")
    raw = stem.with_suffix(".json")
    command = [BUILD / "src" / "cli" / "paragpu", "bench", f"--json={raw}", *sys.argv[1:], *subjects]

    load = os.getloadavg()[0]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode or not raw.exists():
        return process.returncode or 1

    report = json.loads(raw.read_text())
    report["machine"] = {
        "processor": processor(), "processors": os.cpu_count(), "kernel": platform.release(),
        "load_before": load, "load_after": os.getloadavg()[0],
        "paragpu": version([BUILD / "src" / "cli" / "paragpu", "version"]),
        "qemu": version(["qemu-system-x86_64", "--version"]),
        "commit": version(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]),
    }
    report["aims"] = [{"aim": sentence, "reached": reached} for sentence, reached in aims(report["measurements"])]
    raw.write_text(json.dumps(report, indent=1) + "\n")

    machine = report["machine"]
    lines.append(f"\n{machine['processor']}, {machine['processors']} processors, Linux {machine['kernel']}; "
                 f"load {load:.1f} before, {machine['load_after']:.1f} after; "
                 f"medians of {report['rounds']} rounds\n")
    lines += [f"{'reached' if aim['reached'] else 'MISSED '}  {aim['aim']}\n" for aim in report["aims"]]
    print("".join(lines[-len(report["aims"]) - 1:]), end="")
    stem.with_suffix(".txt").write_text("".join(lines))
    print(f"\nkept in {stem.relative_to(ROOT)}.txt and .json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
