# SPDX-License-Identifier: MIT
"""--help, the manual pages and the documents say the same."""

import json
import re

import pytest

from conftest import PARAGPU, PARAGPUD, ROOT, BUILD, run


def help_options(text):
    """name -> default or None, in the order of the help."""
    options = {}
    for block in re.split(r"\n(?=  --)", text):
        name = re.match(r"\s*--([a-z0-9-]+)", block)
        if name:
            default = re.search(r"\(default ([^)]*)\)", block)
            options[name[1]] = default[1] if default else None
    return options


def page(name):
    return (ROOT / "docs" / "man" / name).read_text()


def page_options(text):
    """name -> its text, in the order of the page: entries of the outermost lists."""
    found, depth, last = {}, 0, None
    for line in text.splitlines():
        depth += line.startswith(".Bl") - line.startswith(".El")
        item = re.match(r"\.It Fl -([a-z0-9-]+)", line)
        if item and depth == 1:
            last = item[1]
            found[last] = ""
        elif line.startswith(".It") and depth == 1 or line.startswith(".Sh"):
            last = None
        elif last:
            found[last] += line + "\n"
    return found


def test_manual_of_paragpud_has_the_options_of_its_help():
    of_help = help_options(run(PARAGPUD, "--help").stdout)
    of_page = page_options(page("paragpud.1"))
    assert len(of_help) > 15
    assert list(of_help) == list(of_page)
    for name, default in of_help.items():
        said = re.search(r"^Default: (.*)\.$", of_page[name], re.MULTILINE)
        assert (said[1] if said else None) == default, name


def test_manual_of_paragpu_has_the_options_of_run():
    of_help = help_options(run(PARAGPU, "run", "--help").stdout.split("Options of paragpud")[0])
    of_page = page_options(page("paragpu.1").split(".Sh OPTIONS OF RUN")[1])
    assert list(of_help) == list(of_page)
    for name, default in of_help.items():
        said = re.search(r"^Default: (.*)\.$", of_page[name], re.MULTILINE)
        assert (said[1] if said else None) == default, name


def commands():
    text = run(PARAGPU, "help").stdout
    return re.findall(r"^  ([a-z]+) +\S", text, re.MULTILINE)


def test_manual_of_paragpu_has_its_commands():
    of_page = re.findall(r"^\.It Cm ([a-z]+)", page("paragpu.1").split(".Sh OPTIONS")[0], re.MULTILINE)
    assert commands() == of_page


@pytest.mark.parametrize("command", ["run", "inspect", "screenshot", "resize", "connect", "disconnect",
                                     "trace", "conform"])
def test_every_command_has_help(command):
    result = run(PARAGPU, command, "--help")
    assert result.returncode == 0
    assert f"paragpu {command}" in result.stdout
    # and its options are in the manual
    for name in help_options(result.stdout.split("Options of paragpud")[0]):
        assert f"Fl -{name}" in page("paragpu.1"), name


def test_run_hands_on_the_options_of_paragpud():
    handed = set(help_options(run(PARAGPU, "run", "--help").stdout.split("Options of paragpud")[1]))
    own = set(help_options(run(PARAGPUD, "--help").stdout))
    assert handed == own - {"socket-path", "fd", "control", "once", "print-capabilities", "help",
                            "version"}


def test_versions_agree():
    version = run(PARAGPUD, "--version").stdout.split()[1]
    assert run(PARAGPU, "version").stdout.split()[1] == version
    assert f"version : '{version}'" in (ROOT / "meson.build").read_text()


def test_descriptor_names_the_installed_binary():
    descriptor = json.loads((BUILD / "share" / "50-paragpu.json").read_text())
    assert descriptor["type"] == "gpu"
    assert descriptor["binary"].startswith("/") and descriptor["binary"].endswith("/paragpud")


def test_code_of_the_embedding_guide_compiles(tmp_path):
    blocks = re.findall(r"```c\n(.*?)```", (ROOT / "docs" / "embedding.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        source = tmp_path / "guide.c"
        source.write_text(block)
        result = run("cc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                     f"-I{ROOT}/include", source)
        assert result.returncode == 0, result.stderr


def test_links_of_the_documents_lead_somewhere():
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_documents_name_only_options_that_exist():
    """A word that starts like an option, in a line that runs one of our programs."""
    known = set(help_options(run(PARAGPUD, "--help").stdout))
    known |= set(help_options(run(PARAGPU, "run", "--help").stdout))
    for command in ("inspect", "screenshot", "resize", "trace", "conform"):
        known |= set(help_options(run(PARAGPU, command, "--help").stdout))
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for path in documents:
        for line in path.read_text().replace("\\\n", " ").splitlines():
            for ours in re.findall(r"\bparagpud? (?:run )?((?:--[a-z]\S*\s*)+)", line):
                for name in re.findall(r"--([a-z][a-z0-9-]*)", ours):
                    assert name in known, f"{path.name}: {line}"
