# SPDX-License-Identifier: MIT
"""What the guest paints is what is shown, pixel by pixel."""

from uuid import UUID

import pytest

from . import picture, scenes
from .scenes import HEIGHT, WIDTH

KINDS = ["dumb", "resource", "blob"]


def need(machine, kind):
    if kind == "blob" and machine.frontend != "generic":
        pytest.skip(f"{machine.frontend} does not pass blob resources on to guests")


def paint(machine, kind, seed, slot=0):
    machine.gpu_all(f"buffer {slot} {kind} {WIDTH} {HEIGHT}", f"fill {slot} {seed}",
                    f"show 0 {slot} {WIDTH} {HEIGHT}")
    if kind == "resource":  # the driver transfers by itself for dumb buffers only
        machine.gpu(f"transfer {slot} 0 0 {WIDTH} {HEIGHT} 0")
    machine.gpu(f"flush {slot} 0 0 {WIDTH} {HEIGHT}")
    return picture.pattern(WIDTH, HEIGHT, seed)


@pytest.mark.parametrize("scene", scenes.SCENES)
def test_scene_looks_as_on_qemus_own_device(machine, reference, scene):
    expected = reference(machine.images.guest.name, scene)
    assert len(set(expected.resize((64, 40)).getdata())) > 1, "the reference is blank"
    with scenes.SCENES[scene](machine):
        machine.expect(expected, what=scene)


@pytest.mark.parametrize("kind", KINDS)
def test_painted_buffer_is_shown(screen, kind):
    need(screen, kind)
    screen.expect(paint(screen, kind, 11), what=f"a {kind} buffer")


@pytest.mark.parametrize("kind", ["dumb", "blob"])
def test_small_damage_changes_nothing_else(screen, kind):
    need(screen, kind)
    expected = paint(screen, kind, 3)
    screen.expect(expected, what="the first frame")
    for seed, box in ((90, (101, 57, 33, 19)), (91, (0, 0, 1, 1)), (92, (WIDTH - 1, HEIGHT - 1, 1, 1)),
                      (93, (640, 0, 1, HEIGHT))):
        left, top, width, height = box
        screen.gpu_all(f"fill 0 {seed} {left} {top} {width} {height}",
                       f"flush 0 {left} {top} {width} {height}")
        expected = picture.with_pattern(expected, seed, box)
        screen.expect(expected, what=f"damage {box}")


@pytest.mark.parametrize("kind", ["dumb", "blob"])
def test_page_flips_show_the_other_buffer(screen, kind):
    need(screen, kind)
    first = paint(screen, kind, 21, slot=0)
    screen.gpu_all(f"buffer 1 {kind} {WIDTH} {HEIGHT}", "fill 1 22")
    second = picture.pattern(WIDTH, HEIGHT, 22)
    for _ in range(3):
        screen.gpu("flip 0 1")
        screen.expect(second, what="the second buffer")
        screen.gpu("flip 0 0")
        screen.expect(first, what="the first buffer again")


@pytest.mark.parametrize("kind", ["dumb", "blob"])
def test_scanout_inside_a_larger_buffer(screen, kind):
    need(screen, kind)
    wide, high, left, top = 1600, 1000, 123, 45
    screen.gpu_all(f"buffer 0 {kind} {wide} {high}", "fill 0 33",
                   f"show 0 0 1024 768 {left} {top}", f"flush 0 0 0 {wide} {high}")
    whole = picture.pattern(wide, high, 33)
    screen.expect(whole.crop((left, top, left + 1024, top + 768)), what="a part of a buffer")


def test_blob_with_a_stride_of_its_own(screen):
    need(screen, "blob")
    screen.gpu_all("buffer 0 blob 800 600 3456", "fill 0 44", "show 0 0 800 600",
                   "flush 0 0 0 800 600")
    screen.expect(picture.pattern(800, 600, 44), what="a blob of stride 3456")


@pytest.mark.parametrize("size", [(640, 480), (1920, 1080), (1024, 768), (1280, 800)])
def test_mode_change_shows_the_new_size(screen, size):
    width, height = size
    screen.gpu_all(f"buffer 0 dumb {width} {height}", f"fill 0 {width & 255}",
                   f"show 0 0 {width} {height}", f"flush 0 0 0 {width} {height}")
    screen.expect(picture.pattern(width, height, width & 255), what=f"{width}x{height}")


def test_second_mapping_shows_the_same_bytes(screen):
    kinds = KINDS if screen.frontend == "generic" else KINDS[:2]
    for kind in kinds:
        screen.gpu(f"buffer 0 {kind} 320 200")
        screen.gpu("fill 0 5")
        assert screen.gpu("same 0")["same"] == "1"


def test_export_gives_a_file_and_the_same_object_back(screen):
    # a dumb buffer is a blob where there are blobs; those get a UUID only if made for sharing
    kinds = ["resource", "cross"] if screen.frontend == "generic" else ["resource", "dumb"]
    for kind in kinds:
        size = int(screen.gpu(f"buffer 0 {kind} 320 200")["size"])
        values = screen.gpu("prime 0")
        assert int(values["size"]) == size and values["same_handle"] == "1"
        if screen.backend.name == "paragpud":
            uuids = [resource["uuid"] for resource in screen.backend.inspect()["resources"]
                     if "uuid" in resource]
            assert len(uuids) == 1 and UUID(uuids[0]).version == 4, uuids
        screen.gpu("free 0")
    assert screen.kernel_log("response 0x") == ""


def test_console_comes_back_when_the_program_ends(machine, reference):
    scenes.console(machine)
    machine.gpu_begin()
    try:
        machine.expect(paint(machine, "dumb", 7), what="a picture over the console")
    finally:
        machine.gpu_end()
    machine.expect(reference(machine.images.guest.name, "console"), what="the console again")
