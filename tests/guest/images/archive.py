# SPDX-License-Identifier: MIT
"""Debian packages of any release and architecture, through apt with a state of its own.

Nothing of the machine's own package state is read or changed but where its mirror is. Packages are
verified by apt with Debian's keyring. What comes out is unpacked files; nothing is ever installed.
"""

import os
import re
import subprocess
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class ArchiveError(Exception):
    pass


def _source_entries():
    """(uri, suites) of everything in the machine's apt configuration, both formats."""
    etc = Path("/etc/apt")
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]:
        if path.is_file():
            for line in path.read_text().splitlines():
                match = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s", line)
                if match:
                    yield match[1], [match[2]]
    for path in sorted((etc / "sources.list.d").glob("*.sources")):
        for stanza in path.read_text().split("\n\n"):
            fields = dict(re.findall(r"^(\w[\w-]*):\s*(.*)$", stanza, re.M))
            for uri in fields.get("URIs", "").split():
                yield uri, fields.get("Suites", "").split()


def mirror():
    """The Debian mirror this machine's apt uses, or $PARAGPU_MIRROR."""
    asked = os.environ.get("PARAGPU_MIRROR")
    if asked:
        return asked.rstrip("/")
    for uri, suites in _source_entries():
        if "trixie" in suites and (uri.rstrip("/").endswith("/debian") or uri.startswith("mirror")):
            return uri.rstrip("/")
    raise ArchiveError("guest images: no Debian mirror in this machine's apt configuration: "
                       "set PARAGPU_MIRROR to the address of one")


class Archive:
    """One release for one architecture. `folder` keeps the package lists and what was fetched."""

    def __init__(self, folder, architecture, suites):
        self.folder = Path(folder).resolve()
        self.architecture = architecture
        for sub in ("lists/partial", "cache/archives/partial", "preferences"):
            (self.folder / sub).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").write_text("")
        (self.folder / "sources.list").write_text("".join(
            f"deb [signed-by={KEYRING} arch={architecture}] {mirror()} {suite} main\n"
            for suite in suites))
        (self.folder / "apt.conf").write_text(f"""
            Dir::State "{self.folder}"; Dir::State::Lists "{self.folder}/lists";
            Dir::State::status "{self.folder}/status"; Dir::Cache "{self.folder}/cache";
            Dir::Etc::sourcelist "{self.folder}/sources.list"; Dir::Etc::sourceparts "-";
            Dir::Etc::preferences "-"; Dir::Etc::preferencesparts "{self.folder}/preferences";
            APT::Architecture "{architecture}"; APT::Architectures {{ "{architecture}"; }};
            APT::Install-Recommends "false"; APT::Sandbox::User "root";
            Acquire::Languages "none"; Acquire::Retries "3";
            """)
        self._apt("apt-get", "-qq", "update")

    def _apt(self, *command):
        done = subprocess.run(command, env={**os.environ, "APT_CONFIG": f"{self.folder}/apt.conf"},
                              cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ArchiveError(f"guest images: `{' '.join(command[:4])}…` failed, is the mirror "
                               f"{mirror()} reachable?\n{done.stderr.strip()}")
        return done.stdout

    def newest(self, *patterns):
        """Name of the newest package that matches the first pattern which any package matches."""
        names = self._apt("apt-cache", "pkgnames").split()
        for pattern in patterns:
            found = [name for name in names if re.fullmatch(pattern, name)]
            if found:
                return max(found, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])
        raise ArchiveError(f"guest images: no package like {' or '.join(patterns)} "
                           f"for {self.architecture} at {mirror()}")

    def closure(self, packages, skip):
        """The packages and all that they depend on, but those whose name matches `skip`."""
        plan = self._apt("apt-get", "install", "--simulate", *packages)
        return [name for name in re.findall(r"^Inst (\S+)", plan, re.M)
                if not re.fullmatch(skip, name)]

    def unpack(self, packages, target):
        """Fetches the packages, one after the other, and unpacks them over `target`."""
        target.mkdir(parents=True, exist_ok=True)
        for name in packages:
            before = set(self.folder.glob("*.deb"))
            self._apt("apt-get", "-qq", "download", name)
            (deb,) = set(self.folder.glob("*.deb")) - before
            subprocess.run(["dpkg-deb", "-x", deb, target], check=True)
            deb.unlink()  # kernels are large, and not needed again
