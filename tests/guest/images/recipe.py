# SPDX-License-Identifier: MIT
"""What the guests are made of. A change here makes new images."""

from dataclasses import dataclass

MODULES = ("virtio_pci", "virtio_gpu")

# Dependencies of the tools that exist for other uses of them than ours
SKIP = (r"(lib)?python3.*|perl.*|debconf|tzdata|fonts-.*|fontconfig.*|media-types|netbase|openssl.*"
        r"|libsqlite.*|readline.*|libreadline.*|libncurses.*|libdb5.*|libc-gconv.*"
        r"|intel-gpu-tools|gcc-\d+-base|dpkg|tar|.*-data")


@dataclass(frozen=True)
class Guest:
    name: str               # as tests call it
    release: str            # Debian's release of kernel and programs
    suites: tuple
    architecture: str
    kernels: tuple          # patterns; kernels are given by the newest package of the first that is there
    parts: tuple            # packages of one kernel, {} is the version
    compiler: str           # flag for the programs
    qemu: str = "qemu-system-x86_64"
    tools: tuple = ("busybox-static", "libdrm-tests", "drm-info")


_IMAGE = r"linux-image-{}\+deb13-amd64"

GUESTS = {guest.name: guest for guest in (
    Guest("linux-6.12", "trixie", ("trixie",), "amd64",
          (_IMAGE.format(r"6\.12\.\d+"),), ("linux-image-{}",), "-m64"),
    # 7.2 while the archive has it, then the newest backport
    Guest("linux-7.2", "trixie", ("trixie", "trixie-backports"), "amd64",
          (_IMAGE.format(r"7\.2\.\d+"), _IMAGE.format(r"\d+\.\d+\.\d+")),
          ("linux-binary-{}", "linux-modules-{}"), "-m64"),
    Guest("linux-6.1-i386", "bookworm", ("bookworm",), "i386",
          (r"linux-image-6\.1\.0-\d+-686-pae",), ("linux-image-{}",), "-m32",
          "qemu-system-i386"),
)}


@dataclass(frozen=True)
class Suite:
    """Test programs of a later release, with its own libraries, added to a guest's initramfs."""
    release: str
    suites: tuple
    architecture: str
    packages: tuple
    folder: str             # where the package has its programs
    programs: tuple


IGT = Suite("forky", ("forky",), "amd64", ("igt-gpu-tools", "igt-gpu-tools-tests"),
            "usr/libexec/igt-gpu-tools",
            ("drm_virtgpu", "kms_addfb_basic", "kms_getfb", "kms_prop_blob", "dumb_buffer"))
