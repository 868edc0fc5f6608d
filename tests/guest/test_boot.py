# SPDX-License-Identifier: MIT
"""The guest's driver finds the device and is content."""

import re

import pytest

# what the driver prints, by front end; QEMU's display devices cannot pass blobs on
WITHOUT_BLOBS = {"+edid", "-resource_blob", "-virgl", "-context_init", "-host_visible"}
EXPECTED = {
    "generic": {"+edid", "+resource_blob", "-virgl", "-context_init", "-host_visible"},
    "gpu": WITHOUT_BLOBS, "vga": WITHOUT_BLOBS, "qemu": WITHOUT_BLOBS,
}
EDID, UUID, BLOB, BLOB_ALIGNMENT = 1, 2, 3, 5


def driver_features(machine):
    return set(re.findall(r"[+-]\w+", " ".join(
        re.findall(r"\[drm\] features: (.*)", machine.kernel_log("features")))))


def negotiated(machine):
    """Feature bits that guest and device agreed on, as sysfs has them."""
    bits = machine.run("cat $(dirname $(grep -lx 0x0010 /sys/bus/virtio/devices/*/device))/features")
    return {index for index, bit in enumerate(bits.strip()) if bit == "1"}


def test_driver_probes_and_reports_the_expected_features(machine):
    assert EXPECTED[machine.frontend] <= driver_features(machine)


def test_guest_negotiates_what_the_front_end_can_carry(machine):
    bits = negotiated(machine)
    assert EDID in bits
    assert (BLOB in bits) == (machine.frontend == "generic")
    if machine.backend.name == "paragpud":
        assert UUID in bits
        knows_alignment = machine.images.guest.name == "linux-7.2"
        assert (BLOB_ALIGNMENT in bits) == (machine.frontend == "generic" and knows_alignment)


def test_driver_complains_of_nothing(machine):
    assert machine.kernel_log(r"\*ERROR\*|response 0x|timed out|WARNING|BUG|unable to handle") == ""


def test_drm_info_reads_the_whole_device(machine):
    text = machine.run("drm_info", seconds=60)
    assert "Driver: virtio_gpu" in text
    assert re.search(r"Connector 0[^C]*?Status: connected", text, re.S)
    assert "DRM_CAP_DUMB_BUFFER = 1" in text
    assert text.count("CRTC ") >= 2 or text.count("───CRTC") >= 2
    assert re.search(r"1280x800@\S+ preferred", text)


def test_connector_has_the_modes_of_our_edid(machine):
    machine.gpu_begin()
    try:
        connected, modes = machine.modes()[0]
    finally:
        machine.gpu_end()
    assert connected and modes[0] == (1280, 800)
    edid = machine.run("hexdump -v -e '1/1 \"%02x\"' /sys/class/drm/card0-Virtual-1/edid").strip()
    data = bytes.fromhex(edid)
    assert len(data) >= 128 and len(data) % 128 == 0
    assert data[:8] == b"\0\xff\xff\xff\xff\xff\xff\0"
    assert all(sum(data[at:at + 128]) % 256 == 0 for at in range(0, len(data), 128))


def test_params_say_what_was_negotiated(screen):
    values = screen.gpu("info")
    blob = screen.frontend == "generic"
    assert values["driver"] == "virtio_gpu" and values["heads"] == "2"
    assert values["param1"] == "0", "3D without a renderer"
    assert values["param3"] == str(int(blob))
    if screen.backend.name == "paragpud":
        assert values["param5"] == "1", "RESOURCE_UUID is offered by every front end"
    if blob and screen.images.guest.name == "linux-7.2":
        alignment = int(values["param9"])
        assert alignment >= 1 and alignment & (alignment - 1) == 0


@pytest.mark.parametrize("kind", ["dumb", "resource"])
def test_fenced_creation_completes(screen, kind):
    screen.gpu(f"buffer 0 {kind} 640 480")
    screen.gpu("wait 0", seconds=20)
    screen.gpu("free 0")
