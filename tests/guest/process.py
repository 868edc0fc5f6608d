# SPDX-License-Identifier: MIT
"""Programs that a test starts. None outlives it: each is ended by its own process id, and dies
with the test run should that be killed."""

import os
import signal
import socket
import subprocess
import time


class Failure(Exception):
    """Something did not happen as it must; the text says what was expected and what was seen."""


def wait_until(condition, seconds, what, interval=0.03):
    """Polls until condition() is true and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s for {what}")
        time.sleep(interval)


def connect(path, seconds=20):
    """A connection to a UNIX socket that a program just started is about to listen on."""
    connection = socket.socket(socket.AF_UNIX)

    def connected():
        try:
            connection.connect(str(path))
            return True
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    wait_until(connected, seconds, f"someone to listen on {path}")
    return connection


class Process:
    """One program with its output in a log file."""

    def __init__(self, name, command, log, environment=None):
        self.name = name
        self.command = [str(word) for word in command]
        self.log = log
        with open(log, "ab") as out:
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self.command], stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, env={**os.environ, **(environment or {})})
        self.pid = self._child.pid

    @property
    def ended(self):
        return self._child.poll() is not None

    @property
    def status(self):
        return self._child.poll()

    def output(self):
        return self.log.read_text(errors="replace")

    def descriptors(self):
        """What the program has open, for leak checks."""
        links = []
        folder = f"/proc/{self.pid}/fd"
        for number in os.listdir(folder):
            try:
                links.append(os.readlink(f"{folder}/{number}"))
            except FileNotFoundError:
                pass
        return sorted(links)

    def wait(self, seconds):
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def end(self, seconds=10):
        """Asks it to end; returns its exit status, None when it had to be killed."""
        if not self.ended:
            self._child.send_signal(signal.SIGTERM)
        status = self.wait(seconds)
        if status is None:
            self._child.kill()
            self._child.wait()
        return status
