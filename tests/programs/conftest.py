# SPDX-License-Identifier: MIT
"""paragpud and paragpu as their users meet them: as processes, by command lines and sockets."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("PARAGPU_BUILD", ROOT / "build" / "release")).resolve()
PARAGPUD = BUILD / "src" / "daemon" / "paragpud"
PARAGPU = BUILD / "src" / "cli" / "paragpu"
PARAGPU_VNC = PARAGPUD.with_name("paragpu-vnc")
PATIENCE = 20


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE} s in vain for {what}"
        time.sleep(0.01)


def run(*words, **options):
    """Runs a program to its end."""
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          timeout=PATIENCE, check=False, **options)


def listens(path):
    with open("/proc/net/unix", encoding="ascii", errors="replace") as sockets:
        # a listening socket has the flag __SO_ACCEPTCON
        return any(line.split()[3] == "00010000" and line.rstrip().endswith(f" {path}")
                   for line in sockets.readlines()[1:])


def paragpud_without_vnc(folder):
    """A copy of paragpud with nothing beside it; skips where VNC is installed for all."""
    options = json.loads((BUILD / "meson-info" / "intro-buildoptions.json").read_text())
    value = {option["name"]: option["value"] for option in options}
    installed = Path(value["prefix"]) / value["libexecdir"] / "paragpu" / "paragpu-vnc"
    if installed.exists():
        pytest.skip(f"{installed} is there")
    folder.mkdir()
    return Path(shutil.copy(PARAGPUD, folder))


class Control:
    """A client of the control socket, without paragpu in between."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self.rest = b""
        self.fds = []

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line, parsed; None when the daemon hung up."""
        while b"\n" not in self.rest:
            try:
                data, fds, _, _ = socket.recv_fds(self.socket, 65536, 4)
            except ConnectionResetError:
                return None
            self.fds += fds
            if not data:
                return None
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def ask(self, command, **arguments):
        self.send(json.dumps({"command": command, **arguments}).encode() + b"\n")
        return self.line()

    def close(self):
        self.socket.close()


class Daemon:
    """A running paragpud with all that belongs to it in `folder`."""

    def __init__(self, folder, *words, socket_path=True, control=True, environment=None,
                 program=PARAGPUD, **options):
        self.socket_path = folder / "gpu.sock"
        self.control_path = folder / "control.sock"
        self.errors = folder / "paragpud.log"
        line = [program]
        line += [f"--socket-path={self.socket_path}"] if socket_path else []
        line += [f"--control={self.control_path}"] if control else []
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                [str(word) for word in (*line, *words)], stdin=subprocess.DEVNULL, stderr=errors,
                env={**os.environ, **(environment or {})}, **options)
        # the control socket comes last; its file is there a moment before anybody listens
        wait_until(lambda: not (control or socket_path) or self.process.poll() is not None or
                   listens(self.control_path if control else self.socket_path), "paragpud's sockets")

    @property
    def said(self):
        return self.errors.read_text()

    def control(self):
        return Control(self.control_path)

    def front_end(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(str(self.socket_path))
        return connection

    def wait(self):
        return self.process.wait(PATIENCE)

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()


@pytest.fixture(name="start")
def _start(tmp_path):
    """Starts daemons that end with the test, cleanly."""
    daemons = []

    def start(*words, **options):
        folder = tmp_path / str(len(daemons))
        folder.mkdir()
        daemons.append(Daemon(folder, *words, **options))
        return daemons[-1]

    yield start
    for daemon in daemons:
        if daemon.process.poll() is None:
            assert daemon.end() == 0, daemon.said
        assert "Sanitizer" not in daemon.said, daemon.said
