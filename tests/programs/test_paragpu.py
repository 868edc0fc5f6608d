# SPDX-License-Identifier: MIT
"""The commands for a running device."""

import json
import os

import pytest

from conftest import PARAGPU, listens, run, wait_until


@pytest.fixture(name="runtime")
def _runtime(tmp_path):
    """A folder for running devices that nobody else uses."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    (folder / "paragpu").mkdir(mode=0o700)
    return folder


@pytest.fixture(name="paragpu")
def _paragpu(runtime):
    def paragpu(*words, **options):
        return run(PARAGPU, *words, env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)}, **options)
    return paragpu


@pytest.fixture(name="named")
def _named(start, runtime):
    """Starts a device under a name, as `paragpu run --name` does."""
    def named(name, *words):
        daemon = start(*words, f"--control={runtime}/paragpu/{name}.control", control=False)
        daemon.control_path = runtime / "paragpu" / f"{name}.control"
        wait_until(lambda: listens(daemon.control_path), "the control socket")
        return daemon
    return named


@pytest.mark.parametrize("words", [[], ["dance"], ["screenshot"], ["resize", "0"], ["resize", "0", "big"],
                                   ["resize", "x", "800x600"], ["resize", "0", "800x600x"],
                                   ["inspect", "more"], ["inspect", "--colour"], ["connect"],
                                   ["connect", "16"], ["trace", "x"]])
def test_wrong_command_line_is_status_2(paragpu, words):
    result = paragpu(*words)
    assert result.returncode == 2
    assert result.stderr and not result.stdout


@pytest.mark.parametrize("words", [["inspect"], ["screenshot", "x.png"], ["resize", "0", "800x600"], ["trace"]])
def test_no_device_is_said_plainly(paragpu, words, tmp_path):
    result = paragpu(*words, cwd=tmp_path)
    assert result.returncode == 1
    assert "no device of yours is running" in result.stderr
    assert not (tmp_path / "x.png").exists()


def test_the_one_device_is_found(paragpu, named):
    named("demo")
    result = paragpu("inspect", "--json")
    assert result.returncode == 0
    assert json.loads(result.stdout)["connection"]["connected"] is False


def test_several_devices_are_listed(paragpu, named):
    named("left")
    named("right", "--heads=2")
    result = paragpu("inspect")
    assert result.returncode == 1
    assert "left" in result.stderr and "right" in result.stderr and "--device=" in result.stderr
    assert len(json.loads(paragpu("inspect", "--json", "--device=right").stdout)["heads"]) == 2
    assert len(json.loads(paragpu("inspect", "--json", "--device=left").stdout)["heads"]) == 1


def test_sockets_of_the_dead_do_not_count(paragpu, named):
    dead = named("dead")
    dead.process.kill()
    dead.wait()
    named("alive")
    assert paragpu("inspect").returncode == 0
    result = paragpu("inspect", "--device=dead")
    assert result.returncode == 1
    assert "no device listens" in result.stderr


def test_device_may_be_named_by_its_socket(paragpu, start):
    daemon = start()
    assert paragpu("inspect", f"--device={daemon.control_path}").returncode == 0


def test_inspect_prints_a_table(paragpu, named):
    named("demo", "--heads=2", "--mode=1920x1080@75")
    text = paragpu("inspect").stdout
    assert "no VMM" in text and "EDID" in text and "1920x1080@75" in text
    assert text.count("stopped") == 2


def test_heads_change_as_asked(paragpu, named):
    named("demo", "--heads=2")

    def heads():
        return json.loads(paragpu("inspect", "--json").stdout)["heads"]
    assert paragpu("resize", "1", "1600x900").returncode == 0
    assert (heads()[1]["connected"], heads()[1]["width"]) == (True, 1600)
    assert paragpu("disconnect", "1").returncode == 0
    assert not heads()[1]["connected"]
    assert paragpu("connect", "1").returncode == 0
    assert heads()[1]["connected"]
    result = paragpu("resize", "7", "800x600")
    assert result.returncode == 1
    assert "no head 7" in result.stderr


def test_picture_of_a_dark_head_is_refused(paragpu, named, tmp_path):
    named("demo")
    result = paragpu("screenshot", tmp_path / "x.png")
    assert result.returncode == 1
    assert "shows nothing" in result.stderr
    assert not (tmp_path / "x.png").exists()
