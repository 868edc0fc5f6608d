# SPDX-License-Identifier: MIT
"""Pictures on their way from a driver to `paragpu screenshot`, and what can be seen on the way."""

import io
import json
import mmap
import os
import select
import struct
import subprocess
import sys
import time

import pytest
from PIL import Image

from conftest import PARAGPU, ROOT, run, wait_until

# Python cannot load a sanitized library: the driver's side comes from the release build
os.environ.setdefault("PARAGPU_FRONTEND", str(ROOT / "build/release/src/frontend/libpgfrontend.so"))
sys.path.insert(0, str(ROOT / "tests" / "rules"))

from frontend import OK, Frontend  # noqa: E402

GPU, GENERIC = 0, 1
WIDTH, HEIGHT = 320, 200


def pattern():
    """Every pixel another: B8G8R8X8, whose X must not matter."""
    return b"".join(struct.pack("BBBB", x & 255, y, (x + y) & 255, (x * y) & 255)
                    for y in range(HEIGHT) for x in range(WIDTH))


def expected():
    return [((x + y) & 255, y, x & 255) for y in range(HEIGHT) for x in range(WIDTH)]


@pytest.fixture(name="shown", params=[GENERIC, GPU], ids=["generic", "gpu"])
def _shown(start, request):
    """A device whose head 0 shows the pattern, and the driver."""
    daemon = start()
    with Frontend(daemon.socket_path, profile=request.param) as driver:
        driver.picture(1, WIDTH, HEIGHT, pattern())
        driver.show(1, WIDTH, HEIGHT)
        yield daemon, driver


def test_screenshot_has_every_pixel(shown, tmp_path):
    daemon, _ = shown
    path = tmp_path / "shot.png"
    result = run(PARAGPU, "screenshot", path, f"--device={daemon.control_path}")
    assert result.returncode == 0, result.stderr
    image = Image.open(path)
    assert image.size == (WIDTH, HEIGHT) and image.mode == "RGB"
    assert list(image.getdata()) == expected()


def test_screenshot_goes_to_the_standard_output(shown):
    daemon, _ = shown
    result = subprocess.run([PARAGPU, "screenshot", "-", f"--device={daemon.control_path}"],
                            capture_output=True, timeout=20, check=True)
    assert Image.open(io.BytesIO(result.stdout)).size == (WIDTH, HEIGHT)


def test_screenshot_into_a_missing_folder_is_said(shown, tmp_path):
    daemon, _ = shown
    result = run(PARAGPU, "screenshot", tmp_path / "no" / "x.png", f"--device={daemon.control_path}")
    assert result.returncode == 1
    assert "No such file" in result.stderr


def test_picture_in_the_answer_is_a_sealed_file(shown):
    daemon, _ = shown
    control = daemon.control()
    result = control.ask("screenshot")["result"]
    assert result == {"head": 0, "width": WIDTH, "height": HEIGHT, "format": "xrgb8888"}
    fd, = control.fds
    assert os.fstat(fd).st_size == WIDTH * HEIGHT * 4
    with pytest.raises(PermissionError):
        os.truncate(fd, 0)
    with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as pixels:
        word, = struct.unpack_from("=I", pixels, 4 * (5 * WIDTH + 7))
    assert word == 0xff000000 | 12 << 16 | 5 << 8 | 7
    os.close(fd)


def test_pointer_is_in_the_picture_unless_it_is_unwanted(shown, tmp_path):
    daemon, driver = shown
    driver.picture(2, 64, 64, b"\x00\x00\xff\xff" * 64 * 64)
    assert driver.update_cursor(0, 2, 100, 50, 0, 0) in (OK, 0)
    control = daemon.control()
    wait_until(lambda: "cursor" in control.ask("inspect")["result"]["heads"][0], "the pointer")
    run(PARAGPU, "screenshot", tmp_path / "with.png", f"--device={daemon.control_path}")
    run(PARAGPU, "screenshot", tmp_path / "without.png", "--no-cursor", f"--device={daemon.control_path}")
    assert Image.open(tmp_path / "with.png").getpixel((110, 60)) == (255, 0, 0)
    assert list(Image.open(tmp_path / "without.png").getdata()) == expected()


def test_inspect_shows_what_the_driver_made(shown):
    daemon, driver = shown
    driver.uuid(1)
    facts = json.loads(run(PARAGPU, "inspect", "--json", f"--device={daemon.control_path}").stdout)
    resource, = facts["resources"]
    assert (resource["id"], resource["kind"], resource["width"], resource["height"]) == (1, "2d", WIDTH, HEIGHT)
    assert resource["heads"] == [0] and len(resource["uuid"]) == 36
    assert facts["heads"][0]["rect"] == [0, 0, WIDTH, HEIGHT]
    assert facts["stats"]["resources"] == 1 and facts["stats"]["host_bytes"] >= WIDTH * HEIGHT * 4
    connection = facts["connection"]
    assert connection["connected"] and "EDID" in connection["features"]
    assert connection["queues"][0]["started"] and connection["queues"][0]["requests"] >= 6
    assert connection["memory"]
    table = run(PARAGPU, "inspect", f"--device={daemon.control_path}").stdout
    assert f"{WIDTH}x{HEIGHT}" in table and resource["uuid"] in table and "running" in table


def test_resources_come_in_pages(start):
    daemon = start()
    with Frontend(daemon.socket_path, profile=GENERIC) as driver:
        for resource in range(1, 601):
            assert driver.create_2d(resource * 3, 1, 1, 1) == OK
        control = daemon.control()
        first = control.ask("resources")["result"]
        assert [r["id"] for r in first["resources"]] == [i * 3 for i in range(1, 257)]
        assert first["next"] == 256 * 3
        last = control.ask("resources", after=590 * 3, limit=10)["result"]
        assert len(last["resources"]) == 10 and last["next"] == 0
        facts = json.loads(run(PARAGPU, "inspect", "--json", f"--device={daemon.control_path}").stdout)
        assert len(facts["resources"]) == 600
        assert "568 more" in run(PARAGPU, "inspect", f"--device={daemon.control_path}").stdout


def test_trace_has_a_line_for_each_command(shown):
    daemon, driver = shown
    trace = subprocess.Popen([PARAGPU, "trace", f"--device={daemon.control_path}"],
                             stdout=subprocess.PIPE, text=True)
    lines = []

    def follows():
        driver.flush(1, 0, 0, 8, 8)
        return select.select([trace.stdout], [], [], 0.1)[0]
    wait_until(follows, "the trace")
    driver.flush(77, 0, 0, 1, 1)
    while not lines or "resource=77" not in lines[-1]:
        lines.append(trace.stdout.readline())
        assert lines[-1]
    assert "RESOURCE_FLUSH" in lines[0] and "OK_NODATA" in lines[0] and "us" in lines[0]
    assert "ERR_INVALID_RESOURCE_ID" in lines[-1]
    # the device goes, the trace ends
    driver.close()
    daemon.end()
    assert trace.wait(20) == 0


def test_resize_tells_the_driver(start):
    daemon = start()
    with Frontend(daemon.socket_path, profile=GENERIC) as driver:
        assert driver.config()[0] & 1 == 0
        assert run(PARAGPU, "resize", "0", "1920x1080", f"--device={daemon.control_path}").returncode == 0
        wait_until(lambda: driver.config()[0] & 1, "the event")
        _, info = driver.display_info()
        assert struct.unpack_from("<4I", info) == (0, 0, 1920, 1080)


def test_resize_is_the_vmms_where_it_shows_the_device(start):
    daemon = start()
    with Frontend(daemon.socket_path, profile=GPU) as driver:
        driver.display_info()
        result = run(PARAGPU, "resize", "0", "1920x1080", f"--device={daemon.control_path}")
        assert result.returncode == 1
        assert "resize that window" in result.stderr
    control = daemon.control()
    wait_until(lambda: not control.ask("inspect")["result"]["connection"]["connected"], "the end")
    assert "result" in control.ask("resize", head=0, width=640, height=480)


def test_nothing_is_left_when_the_driver_goes(shown):
    daemon, driver = shown
    driver.close()
    control = daemon.control()

    def facts():
        return control.ask("inspect")["result"]
    wait_until(lambda: not facts()["connection"]["connected"], "the end")
    stats = facts()["stats"]
    assert (stats["resources"], stats["host_bytes"], stats["backing_entries"], stats["pending"]) == (0, 0, 0, 0)
    assert not facts()["heads"][0]["enabled"]
    assert "shows nothing" in control.ask("screenshot")["error"]


def test_no_descriptor_is_left_after_many_lives(start):
    daemon = start()

    def descriptors():
        return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))

    def live():
        with Frontend(daemon.socket_path, profile=GPU) as driver:
            driver.picture(1, WIDTH, HEIGHT, pattern())
            driver.show(1, WIDTH, HEIGHT)
            control = daemon.control()
            control.ask("screenshot")
            for fd in control.fds:
                os.close(fd)
            control.close()
    live()
    wait_until(lambda: not daemon.control().ask("inspect")["result"]["connection"]["connected"], "the end")
    time.sleep(0.1)
    before = descriptors()
    for _ in range(20):
        live()
    wait_until(lambda: descriptors() <= before, f"{before} descriptors")


def test_slow_reader_of_a_trace_does_not_slow_the_device(shown):
    daemon, driver = shown
    deaf = daemon.control()
    deaf.ask("trace")
    begin = time.monotonic()
    for _ in range(20000):
        driver.flush(77, 0, 0, 1, 1)
    assert time.monotonic() - begin < 15
    dropped = traced = 0
    deaf.socket.settimeout(2)
    try:
        while True:
            line = deaf.line()
            traced += "trace" in line
            dropped += line.get("dropped", 0)
            if dropped == 0 and traced == 20000:
                break
            driver.flush(78, 0, 0, 1, 1) if traced % 1000 == 0 else None
    except TimeoutError:
        pass
    assert dropped > 0 and traced > 1000
