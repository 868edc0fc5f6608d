# SPDX-License-Identifier: MIT
"""Programs of the IGT suite: no subtest ends worse than on QEMU's own device in the same run."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from . import conftest
from .backend import InProcess
from .images.build import Images
from .images.recipe import IGT
from .vm import Machine

KERNEL = "linux-7.2"
FRONTENDS = [name for name in conftest.FRONTENDS if name != "vga"]
RANK = {"CRASH": 0, "TIMEOUT": 0, "FAIL": 1, "SKIP": 2, "SUCCESS": 3}
# without being told, IGT opens none but the drivers that it has tests for
RUN = "IGT_FORCE_DRIVER=virtio_gpu timeout 100 /igt/ld-linux-x86-64.so.2 --library-path /igt /igt/{}"


def results(text):
    """{subtest: result} of a program's output; the program itself is ''."""
    found = dict(re.findall(r"^(?:\x1b\[\dm)?(?:Subtest|Dynamic subtest) ([^:\s]+): (\w+)", text,
                            re.M))
    return {name: result for name, result in found.items() if result in RANK}


def run_all(frontend, backend):
    # dumb_buffer fills most of the memory that it finds
    with Machine(KERNEL, frontend, backend, initrd=[Images.suite()], memory=256) as machine:
        done = {}
        for program in IGT.programs:
            text = machine.run(RUN.format(program), seconds=120, check=False)
            done[program] = results(text), text
        return done


@pytest.fixture(scope="module")
def runs():
    """{front end: {program: ({subtest: result}, output)}}; two machines at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        futures = {"peer": pool.submit(run_all, "qemu", InProcess())}
        for frontend in FRONTENDS:
            futures[frontend] = pool.submit(run_all, frontend, conftest.BACKEND())
        return {frontend: future.result() for frontend, future in futures.items()}


@pytest.mark.parametrize("program", IGT.programs)
@pytest.mark.parametrize("frontend", FRONTENDS)
def test_igt_does_no_worse_than_on_qemus_own_device(runs, frontend, program):
    ours, text = runs[frontend][program]
    peers, peers_text = runs["peer"][program]
    assert "SUCCESS" in peers.values(), f"nothing passes on the peer:\n{peers_text[-3000:]}"
    worse = {name: f"{ours.get(name, 'CRASH')}, there {result}" for name, result in peers.items()
             if RANK[ours.get(name, "CRASH")] < RANK[result]}
    assert not worse, f"{worse}\n{text[-3000:]}"


@pytest.mark.skipif("generic" not in FRONTENDS, reason="the peer back end has no blobs")
def test_igt_blob_subtests_pass_where_blobs_are_offered(runs):
    ours, text = runs["generic"]["drm_virtgpu"]
    blobs = {name: result for name, result in ours.items() if "blob" in name}
    assert blobs and set(blobs.values()) <= {"SUCCESS", "SKIP"}, f"{blobs}\n{text[-3000:]}"
