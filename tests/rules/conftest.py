# SPDX-License-Identifier: MIT
"""Starts the back end under test for the rules in Python.

PARAGPU_BUILD is the folder of the build whose paragpud is tested. The front end comes from the
release build beside it.
"""

import json
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from frontend import ROOT, Frontend

BUILD = Path(os.environ.get("PARAGPU_BUILD", ROOT / "build" / "release")).resolve()
PARAGPUD = BUILD / "src" / "daemon" / "paragpud"
PARAGPU = BUILD / "src" / "cli" / "paragpu"
SANITIZED = "asan" in BUILD.name


class BackEnd:
    """A running paragpud and what /proc and its control socket say of it."""

    def __init__(self, directory, *options, pass_fds=(), listen=True):
        self.socket = str(directory / "vmm")
        self.control = str(directory / "control")
        self.log_path = directory / "log"
        place = [f"--socket-path={self.socket}"] if listen else []
        # freed memory would otherwise be kept and look like a leak
        options_of_asan = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [PARAGPUD, *place, f"--control={self.control}", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=pass_fds,
                env=os.environ | {"ASAN_OPTIONS": options_of_asan})

    def connect(self, **settings):
        settings.setdefault("timeout_ms", 5000)
        return Frontend(self.socket, **settings)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def fds(self):
        folder = Path(f"/proc/{self.process.pid}/fd")
        while True:
            try:
                return sorted(os.readlink(folder / fd) for fd in os.listdir(folder))
            except FileNotFoundError:
                # one was closed while we looked; an ended process has no folder
                if not folder.exists():
                    raise

    def shared_maps(self):
        """Mappings of guest memory."""
        with open(f"/proc/{self.process.pid}/maps") as maps:
            return sum("memfd:" in line for line in maps)

    def private_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, command, **arguments):
        """One request over the control socket."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(self.control)
            client.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                piece = client.recv(65536)
                assert piece, "the control socket was closed"
                answer += piece
        answer = json.loads(answer)
        assert "result" in answer, answer
        return answer["result"]

    def stats(self):
        return self.ask("inspect")["stats"]

    def wait_idle(self):
        """Until the back end knows that nobody is connected any more."""
        wait_for(lambda: not self.ask("inspect")["connection"]["connected"])

    def stop(self):
        """Ends it in good order; a sanitizer's finding shows in the exit status."""
        self.process.terminate()
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("paragpud did not end within 10 s after SIGTERM") from None
        assert status == 0, f"exit status {status}:\n{self.log()[-4000:]}"

    def kill(self):
        self.process.kill()
        self.process.wait()


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def start():
    """A function that starts a back end with options; all must end well when the test does."""
    started = []
    with tempfile.TemporaryDirectory(prefix="paragpu-rules-", dir="/tmp") as name:

        def start_one(*options, **more):
            directory = Path(name) / str(len(started))
            directory.mkdir()
            started.append(BackEnd(directory, *options, **more))
            if more.get("listen", True):
                wait_for(lambda: os.path.exists(started[-1].control)
                         or started[-1].process.poll() is not None)
            return started[-1]

        try:
            yield start_one
            for back_end in started:
                if back_end.process.poll() is None:
                    back_end.stop()
        finally:
            for back_end in started:
                if back_end.process.poll() is None:
                    back_end.kill()


@pytest.fixture
def back_end(start):
    return start()
