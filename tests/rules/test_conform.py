# SPDX-License-Identifier: MIT
"""Every rule of `paragpu conform` holds for paragpud, in each way of talking to it.

The rules themselves are C (src/cli/conform): a product, and not written twice. One run of the
program for each way; each rule is a test here.
"""

import json
import subprocess
from functools import cache

import pytest

from conftest import PARAGPU, PARAGPUD

RINGS = ("--packed=on", "--in-order=on")

# name -> (arguments of conform, options of paragpud, which rules)
WAYS = {
    "gpu": (("--profile=gpu",), (*RINGS, "--heads=2"), "*"),
    "generic": (("--profile=generic",), (), "*"),
    "polling": (("--profile=gpu", "--rule=ring/*"), (*RINGS, "--poll=50"), "ring/"),
    "featureless": (("--profile=gpu", "--rule=answer/*"),
                    ("--features=edid=off,uuid=off,blob=off,blob-alignment=off",), "answer/"),
}

# Never offered in this way, and why; anything else not offered is a failure.
ELSEWHERE = {
    "gpu": ("capset/", "scanout/id-is-count", "edid/each", "session/slot-unplugged"),
    "featureless": ("answer/GET_EDID", "answer/RESOURCE_ASSIGN_UUID", "answer/RESOURCE_CREATE_BLOB",
                    "answer/SET_SCANOUT_BLOB"),
    "polling": (),
}


@cache
def rules():
    output = subprocess.run([PARAGPU, "conform", "--list"], check=True, capture_output=True, text=True)
    return [line.split("\t")[0] for line in output.stdout.splitlines()]


@cache
def results(way):
    arguments, options, _ = WAYS[way]
    done = subprocess.run([PARAGPU, "conform", "--strict", "--json", "--timeout=10000", *arguments, "--",
                           PARAGPUD, "--socket-path={socket}", *options],
                          capture_output=True, text=True, timeout=390)
    assert done.returncode in (0, 1), done.stderr
    return {rule["id"]: rule for rule in json.loads(done.stdout)["rules"]}


def cases():
    for way, (_, _, prefix) in WAYS.items():
        for rule in rules():
            if prefix == "*" or rule.startswith(prefix):
                yield pytest.param(way, rule, id=f"{way}-{rule}")


@pytest.mark.parametrize("way, rule", cases())
def test_rule_holds(way, rule):
    result = results(way)[rule]
    if result["result"] == "not offered" and (
            way == "generic" or rule.startswith(ELSEWHERE[way])):
        pytest.skip(result["message"])
    assert result["result"] == "pass", f"{result['message']} ({result['name']})"
