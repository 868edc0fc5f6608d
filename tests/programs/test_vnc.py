# SPDX-License-Identifier: MIT
"""VNC is a program of its own: the device's process stays small, and lives without it."""

import os
import re
import socket

import pytest

from conftest import BUILD, PARAGPU_VNC, paragpud_without_vnc, run, wait_until

# What the device's process may be linked with. It has the guest's memory and takes the guest's
# commands, so that each library here is memory for every VM and one more that must have no bug.
DEVICE_LIBRARIES = {"libc", "libpixman-1", "libjansson", "libseccomp"}
# what these bring along, the loader, and what the compiler adds for sanitizers
BROUGHT_ALONG = {"libm", "ld-linux-x86-64", "ld-linux-aarch64"}
SANITIZERS = {"libasan", "libubsan", "libstdc++", "libgcc_s"}

needs_vnc = pytest.mark.skipif(not PARAGPU_VNC.exists(), reason="built without libvncserver")


def write_program(path, text):
    path.write_text(text)
    path.chmod(0o755)


def libraries(pid):
    """What a process has mapped, opened by itself later too: names up to their .so."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        names = {os.path.basename(line.split(None, 5)[5].strip()) for line in maps if "/" in line}
    return {name.split(".so")[0] for name in names if re.search(r"\.so(\.|$)", name)}


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def name_of(pid):
    with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()


def greeting(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        return client.recv(12)


@pytest.mark.parametrize("with_vnc", [False, pytest.param(True, marks=needs_vnc)])
def test_the_device_process_links_no_display_or_gpu_library(start, tmp_path, with_vnc):
    daemon = start(*[f"--display=vnc:unix:{tmp_path}/vnc"] if with_vnc else [])
    mapped = libraries(daemon.process.pid)
    assert "libc" in mapped  # they can be seen at all
    allowed = DEVICE_LIBRARIES | BROUGHT_ALONG | (SANITIZERS if BUILD.name == "asan" else set())
    assert mapped <= allowed, f"not expected in paragpud: {mapped - allowed}"


@needs_vnc
def test_vnc_is_served_by_a_program_of_its_own(start, tmp_path):
    path = tmp_path / "vnc"
    daemon = start(f"--display=vnc:unix:{path}")
    assert greeting(path) == b"RFB 003.008\n"
    server, = children(daemon.process.pid)
    assert name_of(server) == "paragpu-vnc"
    assert "libvncserver" in libraries(server)
    # nothing of the device goes along: standard streams, the two sockets, its own epoll and timers
    links = {os.readlink(f"/proc/{server}/fd/{fd}") for fd in os.listdir(f"/proc/{server}/fd")}
    assert not [link for link in links if "signalfd" in link or "memfd" in link]
    assert daemon.end() == 0
    assert not path.exists()
    assert not os.path.exists(f"/proc/{server}")


@needs_vnc
def test_the_vnc_server_that_is_killed_costs_the_device_nothing(start, tmp_path):
    daemon = start(f"--display=vnc:unix:{tmp_path}/vnc")
    os.kill(children(daemon.process.pid)[0], 9)
    wait_until(lambda: "the VNC server has ended" in daemon.said, "a message that it is gone")
    assert daemon.control().ask("inspect")
    assert daemon.process.poll() is None


def test_vnc_that_is_not_installed_is_said(start, tmp_path):
    program = paragpud_without_vnc(tmp_path / "bin")
    result = run(program, f"--socket-path={tmp_path}/s", f"--display=vnc:unix:{tmp_path}/vnc")
    assert result.returncode == 1
    assert "not installed" in result.stderr and "/paragpu/paragpu-vnc" in result.stderr
    assert not (tmp_path / "s").exists() and not (tmp_path / "vnc").exists()
    assert "no vnc: paragpu-vnc is not installed" in run(program, "--display=help").stdout
    daemon = start(program=program)
    wait_until(lambda: "VNC (paragpu-vnc is not installed)" in daemon.said, "the first line")


def test_a_vnc_program_that_does_not_start_is_said(tmp_path):
    program = paragpud_without_vnc(tmp_path / "bin")
    write_program(tmp_path / "bin" / "paragpu-vnc", "no program\n")
    result = run(program, f"--socket-path={tmp_path}/s", f"--display=vnc:unix:{tmp_path}/vnc")
    assert result.returncode == 1
    assert f"{tmp_path}/bin/paragpu-vnc can't start: Exec format error" in result.stderr
    assert not (tmp_path / "s").exists() and not (tmp_path / "vnc").exists()


def test_a_vnc_program_that_ends_at_once_costs_the_device_nothing(start, tmp_path):
    # so does one of which the loader misses a library
    program = paragpud_without_vnc(tmp_path / "bin")
    write_program(tmp_path / "bin" / "paragpu-vnc", "#!/bin/sh\nexit 127\n")
    daemon = start(f"--display=vnc:unix:{tmp_path}/vnc", program=program)
    wait_until(lambda: "the VNC server has ended" in daemon.said, "a message that it is gone")
    assert daemon.control().ask("inspect")
    assert daemon.process.poll() is None


@needs_vnc
def test_the_vnc_program_is_not_started_by_hand():
    result = run(PARAGPU_VNC, stdin=None)
    assert result.returncode == 2
    assert "paragpud --display=vnc" in result.stderr


@needs_vnc
@pytest.mark.parametrize("word", ["--password-file=/nonexistent", "--head=16", "--colour=red"])
def test_nothing_is_served_without_what_was_asked_for(word, tmp_path):
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "vnc"))
        listener.listen()
        display, door = theirs.fileno() + 50, listener.fileno() + 60

        def place():
            os.dup2(theirs.fileno(), display)
            os.dup2(listener.fileno(), door)
            os.dup2(display, 3)
            os.dup2(door, 4)

        result = run(PARAGPU_VNC, word, preexec_fn=place, close_fds=False)
    assert result.returncode == 1
    assert result.stderr.startswith("paragpu-vnc: vnc: ")
    assert not (tmp_path / "vnc").exists()
