# SPDX-License-Identifier: MIT
"""The control socket: who gets in, and what a bad client can't do (docs/control-protocol.md)."""

import json
import os
import subprocess
import sys

import pytest

from conftest import wait_until


def test_answers_carry_the_id_of_the_request(start):
    control = start().control()
    assert control.ask("version", id=7)["id"] == 7
    assert control.ask("nonsense", id="a")["id"] == "a"


@pytest.mark.parametrize("line, says", [
    (b"hello", "not JSON"),
    (b"", "not JSON"),
    (b"[]", "object"),
    (b"{}", "command"),
    (b'{"command":5}', "command"),
    (b'{"command":"reboot"}', "reboot"),
    (b'{"command":"version","command":"inspect"}', "duplicate"),
    (b'{"command":"version","extra":1}', "extra"),
    (b'{"command":"resize","head":0}', "width"),
    (b'{"command":"resize","head":0,"width":0,"height":5}', "65535"),
    (b'{"command":"resize","head":0,"width":70000,"height":5}', "65535"),
    (b'{"command":"resize","head":"0","width":7,"height":5}', "integer"),
    (b'{"command":"connect","head":1}', "no head 1"),
    (b'{"command":"disconnect","head":-1}', "no head -1"),
    (b'{"command":"screenshot","head":9223372036854775807}', "no head"),
    (b'{"command":"screenshot"}', "shows nothing"),
    (b'{"command":"resources","limit":0}', "limit"),
    (b'{"command":"resources","after":4294967296}', "after"),
    (b"[" * 3000, "not JSON"),
    (b'{"command":"version"} {"command":"version"}', "not JSON"),
])
def test_wrong_request_is_answered_by_a_sentence(start, line, says):
    control = start().control()
    control.send(line + b"\n")
    answer = control.line()
    assert "result" not in answer
    assert says in answer["error"]
    # and the next one is served
    assert "result" in control.ask("version")


def test_line_without_end_is_hung_up_on(start):
    daemon = start()
    control = daemon.control()
    control.send(b"x" * 5000)
    assert control.line() is None
    assert "result" in daemon.control().ask("version")


def test_pipelined_requests_are_answered_in_order(start):
    control = start().control()
    control.send(b"".join(b'{"command":"version","id":%d}\n' % i for i in range(100)))
    assert [control.line()["id"] for _ in range(100)] == list(range(100))


def test_request_may_come_byte_by_byte(start):
    control = start().control()
    for byte in b'{"command":"version"}\n':
        control.send(bytes([byte]))
    assert "result" in control.line()


def test_number_of_clients_is_bounded(start):
    daemon = start()
    clients = [daemon.control() for _ in range(8)]
    for client in clients:
        assert "result" in client.ask("version")
    assert "too many" in daemon.control().line()["error"]
    clients[0].close()
    wait_until(lambda: "result" in (daemon.control().ask("version") or {}), "a free place")


def test_client_that_does_not_read_its_answers_holds_nobody_up(start):
    daemon = start()
    deaf = daemon.control()
    deaf.socket.settimeout(1)
    try:
        for _ in range(20000):
            deaf.send(b'{"command":"inspect"}\n')
    except TimeoutError:
        pass
    else:
        pytest.fail("the daemon took requests without end")
    assert "result" in daemon.control().ask("version")


def test_follower_can_ask_nothing_more(start):
    control = start().control()
    assert control.ask("trace") == {"result": {}}
    control.send(b'{"command":"version"}\n' * 50)
    control.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        control.line()


def test_heads_can_be_resized_and_plugged(start):
    control = start("--heads=2").control()

    def head(index):
        return control.ask("inspect")["result"]["heads"][index]
    assert head(0)["connected"] and not head(1)["connected"]
    assert control.ask("resize", head=1, width=1920, height=1080) == {"result": {}}
    assert (head(1)["connected"], head(1)["width"], head(1)["height"]) == (True, 1920, 1080)
    assert control.ask("disconnect", head=1) == {"result": {}}
    assert not head(1)["connected"]
    assert control.ask("connect", head=1) == {"result": {}}
    assert (head(1)["connected"], head(1)["width"]) == (True, 1920)
    assert control.ask("resize", head=0, width=800, height=600, refresh_mhz=75000) == {"result": {}}
    assert head(0)["refresh_mhz"] == 75000


def test_options_are_what_inspect_shows(start):
    facts = start("--heads=3", "--mode=2:640x480@75", "--features=blob=off", "--packed=on",
                  "--max-resources=7", "--max-host-memory=3M").control().ask("inspect")["result"]
    assert [head["connected"] for head in facts["heads"]] == [True, False, True]
    assert (facts["heads"][2]["width"], facts["heads"][2]["refresh_mhz"]) == (640, 75000)
    offered = facts["connection"]["offered_features"]
    assert "RESOURCE_BLOB" not in offered and "EDID" in offered and "RING_PACKED" in offered
    assert facts["limits"]["resources"] == 7
    assert facts["limits"]["host_bytes"] == 3 << 20


STRANGER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
    s.sendall(b'{"command":"version"}\\n')
    print(s.recv(4096).decode() or "hung up")
except (PermissionError, BrokenPipeError, ConnectionResetError) as error:
    print(type(error).__name__)
"""


def stranger(path):
    return subprocess.run([sys.executable, "-c", STRANGER, str(path)], capture_output=True, text=True,
                          check=True, timeout=20).stdout.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_another_user_cannot_open_it(start):
    daemon = start()
    # anybody may enter the folder: what is left are the file's mode and the daemon itself
    for folder in daemon.control_path.parents:
        if folder.stat().st_uid == os.geteuid() and str(folder) not in ("/", "/tmp"):
            folder.chmod(0o755)
    assert stranger(daemon.control_path) == "PermissionError"
    daemon.control_path.chmod(0o666)
    assert stranger(daemon.control_path) in ("hung up", "BrokenPipeError", "ConnectionResetError")
    assert "turned away user 65534" in daemon.said
    assert "result" in daemon.control().ask("version")


def test_answer_of_inspect_is_complete(start):
    facts = start().control().ask("inspect")["result"]
    assert set(facts) == {"version", "uptime_ms", "connection", "displays", "heads", "stats", "limits",
                          "renderers", "capsets", "contexts", "mappings"}
    assert [queue["name"] for queue in facts["connection"]["queues"]] == ["control", "cursor"]
    assert json.dumps(facts)
