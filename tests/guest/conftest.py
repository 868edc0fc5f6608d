# SPDX-License-Identifier: MIT
"""Fixtures: one machine serves all tests of its kernel and front end, for booting is what costs.

Two machines run at a time: while one is tested, QEMU's own device is photographed in another.
PARAGPU_GUEST_BACKEND runs the tests on a peer instead of paragpud, to tell a wrong test from a wrong
device: `contrib` is QEMU's vhost-user-gpu, `qemu` its virtio-gpu-pci.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from . import scenes
from .backend import Contrib, InProcess, Paragpud
from .images.build import Images
from .images.cpio import Cpio
from .vm import Machine

KERNELS = ("linux-7.2", "linux-6.12", "linux-6.1-i386")
KEXEC_KERNEL = KERNELS[0]
BACKENDS = {
    # how to make one, and the front ends it is tested on
    "paragpud": (Paragpud, ("generic", "gpu", "vga")),
    "contrib": (Contrib, ("gpu", "vga")),
    "qemu": (InProcess, ("qemu",)),
}
BACKEND, FRONTENDS = BACKENDS[os.environ.get("PARAGPU_GUEST_BACKEND", "paragpud")]
MACHINES = [(kernel, frontend) for kernel in KERNELS for frontend in FRONTENDS
            if frontend != "vga" or kernel == KERNELS[0]]


class References:
    """Pictures of each scene on QEMU's own device, per kernel, taken in the background."""

    def __init__(self, kernels):
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._pictures = {kernel: self._pool.submit(self._take, kernel) for kernel in kernels}

    @staticmethod
    def _take(kernel):
        with Machine(kernel, "qemu", InProcess(), heads=2) as machine:
            return scenes.photograph(machine)

    def __call__(self, kernel, scene):
        return self._pictures[kernel].result(timeout=300)[scene]

    def close(self):
        for future in self._pictures.values():
            future.cancel()
        self._pool.shutdown()


@pytest.fixture(scope="session")
def reference(request):
    """reference(kernel, scene): how QEMU's own device shows it."""
    wanted = {item.callspec.params["machine"][0] for item in request.session.items
              if "reference" in item.fixturenames}
    references = References([kernel for kernel in KERNELS if kernel in wanted])
    yield references
    references.close()


@pytest.fixture(scope="session")
def kexec_part(tmp_path_factory):
    """An initramfs part that holds a kernel and an initramfs, for the guest to start."""
    folder = tmp_path_factory.mktemp("kexec")
    images = Images(KEXEC_KERNEL)
    part = Cpio()
    part.file("kexec/vmlinuz", images.kernel.read_bytes())
    part.file("kexec/initrd", images.initrd(folder / "initrd").read_bytes())
    part.write(folder / "kexec.cpio")
    return folder / "kexec.cpio"


@pytest.fixture(scope="session", params=MACHINES, ids="-".join)
def machine(request, kexec_part):
    kernel, frontend = request.param
    display = None if frontend == "generic" else "dbus"
    more = [kexec_part] if kernel == KEXEC_KERNEL else []
    booted = Machine(kernel, frontend, BACKEND(), heads=2, display=display, initrd=more).start()
    booted.failures, booted.suspect = 0, False
    yield booted
    complaints = [] if booted.backend.name != "paragpud" else booted.backend.complaints()
    booted.close(failed=booted.failures > 0 or bool(complaints))
    assert not complaints, f"paragpud complains of a guest that did nothing wrong: {complaints}"


@pytest.fixture(autouse=True)
def _whole_again(request):
    """A test finds a machine that answers, whatever the one before did to it."""
    if "machine" in request.fixturenames:
        machine = request.getfixturevalue("machine")
        if machine.suspect:
            machine.suspect = False
            machine.restart()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """First those that boot machines of their own, so that never more than two run at a time."""
    items.sort(key=lambda item: "machine" in item.fixturenames)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    machine = getattr(item, "funcargs", {}).get("machine")
    if machine and report.failed:
        machine.failures += 1
        machine.suspect = True
        report.sections.append(("guest", f"logs in {machine.keep_logs()}; its console ends with\n"
                                f"{machine.console()[-2000:]}"))


@pytest.fixture
def screen(machine):
    """The machine with the guest's gpu program in charge of the screen; the console's again after."""
    machine.gpu_begin()
    yield machine
    machine.gpu_end()
