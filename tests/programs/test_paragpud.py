# SPDX-License-Identifier: MIT
"""The conventions of vhost-user back ends, and how paragpud begins and ends."""

import json
import os
import signal
import socket
import stat
import struct
import sys
import time
from pathlib import Path

import pytest

from conftest import PARAGPUD, ROOT, run, wait_until

# The front end is loaded into this process, which has no sanitizer.
os.environ.setdefault("PARAGPU_FRONTEND", str(ROOT / "build/release/src/frontend/libpgfrontend.so"))
sys.path.insert(0, str(ROOT / "tests" / "rules"))
from frontend import OK, Frontend, FrontendError


def test_capabilities_are_json_of_type_gpu():
    result = run(PARAGPUD, "--print-capabilities")
    assert result.returncode == 0
    capabilities = json.loads(result.stdout)
    assert capabilities["type"] == "gpu"
    # a feature is the promise that the option of its name works
    has_virgl = run(PARAGPUD.parents[1] / "worker" / "paragpu-worker", "--renderer=virgl", "--probe")
    assert capabilities["features"] == (["virgl", "render-node"] if has_virgl.returncode == 0 else [])


def test_capabilities_ignore_everything_else():
    result = run(PARAGPUD, "--fd=99", "--nonsense", "--print-capabilities")
    assert result.returncode == 0
    assert json.loads(result.stdout)["type"] == "gpu"


def test_virgl_that_cannot_be_had_is_refused_early(tmp_path):
    result = run(PARAGPUD, f"--socket-path={tmp_path}/s", "--virgl", "--renderer=virgl,library=/no/such.so")
    assert result.returncode == 1
    assert "no 3D renderer" in result.stderr
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("words, says", [
    ([], "--socket-path=PATH or --fd=N"),
    (["--socket-path=s", "--fd=0"], "exclude each other"),
    (["--socket-path"], "--socket-path=PATH"),
    (["--fd=77"], "not open"),
    (["--fd=x"], "--fd=x"),
    (["--socket-path=s", "--colour=red"], "--colour"),
    (["--socket-path=s", "extra"], "extra"),
    (["--socket-path=s", "--once=yes"], "takes no value"),
    (["--socket-path=s", "--heads=17"], "1 to 16"),
    (["--socket-path=s", "--mode=1024"], "WIDTHxHEIGHT"),
    (["--socket-path=s", "--mode=0x768"], "WIDTHxHEIGHT"),
    (["--socket-path=s", "--mode=1:800x600"], "--heads=N"),
    (["--socket-path=s", "--features=blob=maybe"], "=on, =off"),
    (["--socket-path=s", "--features=vulkan"], "edid, uuid, blob"),
    (["--socket-path=s", "--renderer=cuda"], "virgl"),
    (["--socket-path=s", "--renderer=virgl,speed=high"], "render-node=PATH"),
    (["--socket-path=s", "--renderer=memory,hang-timeout=0"], "SECONDS"),
    (["--socket-path=s", "--renderer=memory", "--renderer=memory,hang-timeout=3"], "given already"),
    (["--socket-path=s", "--features=virgl"], "3D renderer"),
    (["--socket-path=s", "--blob-alignment=3000"], "power of two"),
    (["--socket-path=s", "--max-host-memory=lots"], "512M"),
    (["--socket-path=s", "--max-resources=0"], "whole number"),
    (["--socket-path=s", "--window=3M"], "power of two"),
    (["--socket-path=s", "--packed=maybe"], "on or off"),
])
def test_wrong_command_line_is_status_2_and_says_what_is_right(words, says, tmp_path):
    result = run(PARAGPUD, *words, cwd=tmp_path)
    assert result.returncode == 2
    assert says in result.stderr
    assert result.stderr.startswith("paragpud: ") and result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_ends_it_orderly(start, number):
    daemon = start()
    assert daemon.socket_path.exists()
    assert daemon.end(number) == 0
    assert not daemon.socket_path.exists() and not daemon.control_path.exists()


def test_it_stays_in_the_foreground_and_hangs_up_at_its_end(start):
    daemon = start()
    front_end = daemon.front_end()
    time.sleep(0.1)
    assert daemon.process.poll() is None
    assert daemon.end() == 0
    assert front_end.recv(1) == b""


def test_inherited_connection_is_served_and_its_end_is_the_end(start):
    ours, theirs = socket.socketpair()
    daemon = start(f"--fd={theirs.fileno()}", socket_path=False, pass_fds=[theirs.fileno()])
    theirs.close()
    ours.settimeout(20)
    ours.sendall(struct.pack("=III", 1, 1, 0))  # GET_FEATURES
    request, flags, size = struct.unpack("=III", ours.recv(12, socket.MSG_WAITALL))
    assert (request, flags, size) == (1, 5, 8)
    features, = struct.unpack("=Q", ours.recv(8, socket.MSG_WAITALL))
    assert features >> 32 & 1 and features >> 1 & 1
    ours.close()
    assert daemon.wait() == 0


def test_once_ends_with_the_first_connection(start):
    daemon = start("--once")
    daemon.front_end().close()
    assert daemon.wait() == 0


def test_without_once_the_next_front_end_is_served(start):
    daemon = start()
    for _ in range(3):
        front_end = daemon.front_end()
        front_end.sendall(struct.pack("=III", 1, 1, 0))
        assert len(front_end.recv(20, socket.MSG_WAITALL)) == 20
        front_end.close()
    control = daemon.control()
    wait_until(lambda: not control.ask("inspect")["result"]["connection"]["connected"], "the end")
    assert control.ask("inspect")["result"]["connection"]["connections"] == 3


@pytest.mark.parametrize("garbage", [
    b"\xff" * 4096, struct.pack("=III", 1, 1, 0xffffffff), struct.pack("=III", 5, 9, 8) + b"\xff" * 8,
    struct.pack("=III", 24, 9, 12) + b"\xff" * 12, b"\0" * 3])
def test_front_end_that_talks_nonsense_does_not_end_it(start, garbage):
    daemon = start()
    front_end = daemon.front_end()
    front_end.sendall(garbage)
    front_end.shutdown(socket.SHUT_WR)
    front_end.close()
    control = daemon.control()
    wait_until(lambda: not control.ask("inspect")["result"]["connection"]["connected"], "the end")


def test_socket_in_use_is_refused(start, tmp_path):
    daemon = start()
    result = run(PARAGPUD, f"--socket-path={daemon.socket_path}")
    assert result.returncode == 1
    assert str(daemon.socket_path) in result.stderr
    # the other one's socket is still there and works
    daemon.front_end().close()
    result = run(PARAGPUD, f"--socket-path={tmp_path}/other", f"--control={daemon.control_path}")
    assert result.returncode == 1
    assert "in use" in result.stderr
    assert not (tmp_path / "other").exists()
    assert daemon.control().ask("version")["result"]["version"]


def test_sockets_left_behind_by_a_dead_process_are_replaced(start):
    dead = start()
    dead.process.kill()
    dead.wait()
    assert dead.socket_path.exists() and dead.control_path.exists()
    new = start(f"--socket-path={dead.socket_path}", f"--control={dead.control_path}",
                socket_path=False, control=False)
    new.socket_path, new.control_path = dead.socket_path, dead.control_path
    wait_until(lambda: "offers" in new.said, "the summary")
    assert new.control().ask("version")["result"]["pid"] == new.process.pid


@pytest.mark.parametrize("option", ["--socket-path", "--control"])
def test_a_file_that_is_no_socket_is_not_replaced(option, tmp_path):
    precious = tmp_path / "thesis"
    precious.write_text("years of work")
    other = [] if option == "--socket-path" else [f"--socket-path={tmp_path}/s"]
    result = run(PARAGPUD, f"{option}={precious}", *other)
    assert result.returncode == 1
    assert precious.read_text() == "years of work"


def test_summary_is_one_line_with_what_is_offered_and_why_not(start):
    daemon = start("--features=uuid=off", "--packed=on", "--mode=1920x1080@75")
    wait_until(lambda: "offers" in daemon.said, "the summary")
    lines = [line for line in daemon.said.splitlines() if "offers" in line]
    assert len(lines) == 1
    offered, missing = lines[0].split("not offered: ")
    assert "EDID" in offered and "RESOURCE_BLOB" in offered and "packed rings" in offered
    assert "1920x1080 at 75 Hz" in offered and "RESOURCE_UUID" not in offered
    assert "VIRGL, CONTEXT_INIT (no 3D renderer" in missing and "RESOURCE_UUID" in missing
    assert str(daemon.socket_path) in missing


def test_log_level_is_taken_from_the_environment(start):
    daemon = start(environment={"PARAGPU_LOG": "error"})
    daemon.front_end().close()
    assert daemon.end() == 0
    assert daemon.said == ""


def test_bad_log_specification_is_said_and_left_out(start):
    daemon = start(environment={"PARAGPU_LOG": "warn,loud"})
    wait_until(lambda: "loud" in daemon.said, "the complaint")


def test_render_node_is_accepted_and_said_to_be_unused(start):
    daemon = start("--render-node=/dev/dri/renderD128")
    wait_until(lambda: "not used" in daemon.said, "the note")


def test_displays_are_listed():
    result = run(PARAGPUD, "--display=help")
    assert result.returncode == 0
    assert "vnc" in result.stdout and "y4m" in result.stdout


def test_unknown_display_is_refused(tmp_path):
    result = run(PARAGPUD, f"--socket-path={tmp_path}/s", "--display=hologram")
    assert result.returncode == 1
    assert "hologram" in result.stderr and "vnc" in result.stderr


def test_reader_of_messages_that_sleeps_does_not_stop_it(start):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writing, True)
    daemon = start()
    daemon.end()
    # the same again with a standard error that is full
    again = start("--once", preexec_fn=lambda: os.dup2(writing, 2))
    again.front_end().close()
    assert again.wait() == 0
    os.close(reading)
    os.close(writing)


def test_socket_files_have_safe_modes(start):
    daemon = start()
    assert stat.S_IMODE(daemon.control_path.stat().st_mode) == 0o600


def shared_file():
    """The file behind the guest memory of the only front end in this process."""
    folder = Path("/proc/self/fd")
    found = [link for link in folder.iterdir() if link.is_symlink() and "memfd:guest" in os.readlink(link)]
    assert len(found) == 1
    return int(found[0].name)


def assert_survives(daemon, what):
    wait_until(lambda: "not there any more" in daemon.said, "the complaint")
    assert daemon.process.poll() is None, what
    with Frontend(daemon.socket_path) as next_vm:
        next_vm.picture(1, 64, 64, bytes(range(256)) * 64)


def test_guest_memory_cut_short_under_a_transfer_ends_the_connection_only(start):
    daemon = start()
    low, high = (0, 8 << 20), (1 << 32, 8 << 20)
    vm = Frontend(daemon.socket_path, regions=[low, high])
    assert vm.create_2d(1, 1, 1024, 2048) == OK
    assert vm.attach(1, *high) == OK
    assert vm.transfer(1, 0, 0, 1024, 2048, 0) == OK
    os.ftruncate(shared_file(), low[1])
    try:
        vm.transfer(1, 0, 0, 1024, 2048, 0)
    except FrontendError:
        pass  # its connection may have ended before the answer
    vm.close()
    assert_survives(daemon, "transfer")


def test_guest_memory_cut_short_under_the_rings_ends_the_connection_only(start):
    daemon = start()
    vm = Frontend(daemon.socket_path)
    os.ftruncate(shared_file(), 0)
    vm.kick_always(0)
    wait_until(lambda: "not there any more" in daemon.said, "the complaint")
    vm.close()
    assert_survives(daemon, "ring")
