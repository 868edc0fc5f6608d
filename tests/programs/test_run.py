# SPDX-License-Identifier: MIT
"""`paragpu run` with QEMUs of several versions, which are scripts that only say they are."""

import os
import shlex
import signal
import subprocess
import time

import pytest

from conftest import PARAGPU, PARAGPUD, paragpud_without_vnc, run, wait_until

FAKE = """#!/bin/sh
case "$1 $2" in
"--version ") echo "QEMU emulator version {version} (Debian 1:{version}+ds-1)" ;;
"-device help") printf '{devices}' ;;
"-display help") printf 'none\\ngtk\\nsdl\\n' ;;
*) {body} ;;
esac
"""
GENERIC = 'name "vhost-user-test-device-pci", bus PCI\\n'
GPU = 'name "vhost-user-gpu-pci", bus PCI\\nname "vhost-user-vga", bus PCI\\n'


class Runner:
    def __init__(self, folder):
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.runtime = folder / "run"
        self.runtime.mkdir(mode=0o700)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")},
            "XDG_RUNTIME_DIR": str(self.runtime), "PATH": f"{self.bin}:{os.environ['PATH']}",
        }

    def fake(self, version="11.1.3", devices=GENERIC + GPU, body="exit 0", name="qemu-system-x86_64"):
        path = self.bin / name
        path.write_text(FAKE.format(version=version, devices=devices, body=body))
        path.chmod(0o755)
        return path

    def command(self, *words):
        return [str(PARAGPU), "run", f"--qemu={self.bin}/qemu-system-x86_64", f"--paragpud={PARAGPUD}",
                *map(str, words)]

    def run(self, *words):
        return run(*self.command(*words), env=self.environment, cwd=self.folder)

    def dry(self, *words):
        """The two command lines as lists, and what was said."""
        result = self.run("--dry-run", *words)
        assert result.returncode == 0, result.stderr
        daemon, qemu = map(shlex.split, result.stdout.splitlines())
        return daemon, qemu, result.stderr

    def refuse(self, *words):
        result = self.run("--dry-run", *words)
        assert result.returncode == 1
        assert not result.stdout
        return result.stderr


@pytest.fixture(name="runner")
def _runner(tmp_path):
    return Runner(tmp_path)


def after(words, option):
    """The values of an option that may be given several times."""
    return [words[index + 1] for index, word in enumerate(words[:-1]) if word == option]


def device(words):
    return next(value for value in after(words, "-device") if "chardev=paragpu" in value)


# --- the front end ---------------------------------------------------------------------------------

def test_qemu_11_1_gets_the_generic_front_end(runner):
    runner.fake()
    daemon, qemu, said = runner.dry()
    assert device(qemu) == ("vhost-user-test-device-pci,virtio-id=16,num_vqs=2,vq_size=256,"
                            "config_size=20,chardev=paragpu")
    assert after(qemu, "-display") == ["none"] and after(qemu, "-vga") == ["none"]
    # the guest's screen is in our display, which only its owner can open
    vnc = [word for word in daemon if word.startswith("--display=")]
    assert len(vnc) == 1 and vnc[0].startswith(f"--display=vnc:unix:{runner.runtime}/")
    assert vnc[0].removeprefix("--display=vnc:unix:") in said


def test_without_vnc_the_guest_runs_unseen_and_that_is_said(runner, tmp_path):
    runner.fake()
    program = paragpud_without_vnc(tmp_path / "elsewhere")
    daemon, _, said = runner.dry(f"--paragpud={program}")
    assert not [word for word in daemon if word.startswith("--display=")]
    assert "VNC is not installed" in said and "paragpu screenshot" in said


def test_both_programs_meet_at_the_same_socket(runner):
    runner.fake()
    daemon, qemu, _ = runner.dry("--name=demo")
    assert f"--socket-path={runner.runtime}/paragpu/demo.gpu" in daemon
    assert f"--control={runner.runtime}/paragpu/demo.control" in daemon
    assert after(qemu, "-chardev") == [f"socket,id=paragpu,path={runner.runtime}/paragpu/demo.gpu"]


@pytest.mark.parametrize("version", ["10.0.13", "9.2", "11.0.1"])
def test_older_qemu_gets_the_gpu_front_end_and_is_told_what_is_missing(runner, version):
    runner.fake(version, GPU)
    daemon, qemu, said = runner.dry("--heads=2")
    assert device(qemu) == "vhost-user-vga,chardev=paragpu,max_outputs=2,xres=1280,yres=800"
    assert f"QEMU {version}" in said and "no blobs" in said
    assert not [word for word in daemon if word.startswith("--display=")]


def test_qemu_11_2_gets_its_own_gpu_front_end(runner):
    runner.fake("11.2.0")
    _, qemu, said = runner.dry()
    assert device(qemu).startswith("vhost-user-vga,")
    assert "older" not in said


def test_renderer_is_handed_on_and_gets_the_front_end_with_a_window(runner):
    runner.fake("11.2.0")
    for option in ("--renderer=virgl,venus=off", "--virgl"):
        daemon, qemu, _ = runner.dry(option, "--window=1G")
        assert option in daemon and "--window=1G" in daemon
        assert device(qemu).startswith("vhost-user-test-device-pci,")
    assert "virgl" in runner.run("--dry-run", "--renderer=cuda").stderr


def test_later_majors_are_newer(runner):
    runner.fake("12.0.0")
    assert device(runner.dry()[1]).startswith("vhost-user-vga,")


@pytest.mark.parametrize("frontend, name", [("gpu", "vhost-user-gpu-pci"), ("vga", "vhost-user-vga"),
                                            ("generic", "vhost-user-test-device-pci")])
def test_front_end_asked_for_is_taken(runner, frontend, name):
    runner.fake()
    assert device(runner.dry(f"--frontend={frontend}")[1]).startswith(name + ",")


def test_mode_is_handed_to_the_front_end_that_decides_the_heads(runner):
    runner.fake()
    _, qemu, _ = runner.dry("--frontend=gpu", "--mode=1920x1080")
    assert device(qemu).endswith(",xres=1920,yres=1080")


def test_front_end_that_is_not_there_is_refused(runner):
    runner.fake("10.0.13", GPU)
    said = runner.refuse("--frontend=generic")
    assert "10.0.13" in said and "vhost-user-test-device-pci" in said and "11.1" in said


def test_qemu_without_any_front_end_is_refused(runner):
    runner.fake("8.2.0", "")
    said = runner.refuse()
    assert "8.2.0" in said and "install" in said


def test_missing_qemu_is_said_with_what_to_install(runner):
    said = runner.refuse()
    assert "qemu-system-x86_64" in said and "install" in said


def test_program_that_is_no_qemu_is_refused(runner):
    path = runner.fake()
    path.write_text("#!/bin/sh\necho hello\n")
    assert "does not say that it is QEMU" in runner.refuse()
    path.write_text("#!/bin/sh\nexit 3\n")
    assert "fails" in runner.refuse()


def test_desktop_gets_a_window_of_qemu(runner):
    runner.fake("10.0.13", GPU)
    runner.environment["WAYLAND_DISPLAY"] = "wayland-0"
    assert after(runner.dry()[1], "-display") == ["gtk,gl=on"]


# --- the guest's memory ----------------------------------------------------------------------------

@pytest.mark.parametrize("words, size", [
    ([], 2 << 30), (["-m", "512"], 512 << 20), (["-m", "4G"], 4 << 30), (["-m", "1.5g"], 3 << 29),
    (["-m", "size=1G,slots=2,maxmem=4G"], 1 << 30), (["--m", "2048M"], 2 << 30)])
def test_memory_is_shared_and_as_large_as_asked(runner, words, size):
    runner.fake()
    _, qemu, _ = runner.dry("--", *words)
    assert after(qemu, "-object") == [f"memory-backend-memfd,id=paragpu-memory,size={size},share=on"]
    assert "memory-backend=paragpu-memory" in after(qemu, "-machine")
    assert after(qemu, "-m") == ([] if words and words[0] == "--m" else [words[1]] if words else ["2048"])


def test_bad_amount_of_memory_is_refused(runner):
    runner.fake()
    assert "-m lots" in runner.refuse("--", "-m", "lots")


@pytest.mark.parametrize("backend", [
    "memory-backend-file,id=ram,size=1G,mem-path=/dev/shm,share=on", "memory-backend-memfd,id=ram,size=1G",
    "memory-backend-shm,id=ram,size=1G",
    '{"qom-type":"memory-backend-ram","id":"ram","size":1073741824,"share":true}'])
def test_shared_memory_of_the_user_is_respected(runner, backend):
    runner.fake()
    words = ["-object", backend, "-machine", "q35,memory-backend=ram", "-m", "1G"]
    _, qemu, _ = runner.dry("--", *words)
    assert after(qemu, "-object") == [backend]
    assert after(qemu, "-machine") == ["q35,memory-backend=ram"]


@pytest.mark.parametrize("backend", [
    "memory-backend-ram,id=ram,size=1G", "memory-backend-memfd,id=ram,size=1G,share=off",
    '{"qom-type":"memory-backend-ram","id":"ram","size":1073741824}'])
def test_memory_of_the_user_that_is_not_shared_is_refused(runner, backend):
    runner.fake()
    said = runner.refuse("--", "-machine", "q35,memory-backend=ram", "-object", backend)
    assert "memory-backend=ram" in said and "share=on" in said


# --- everything else -------------------------------------------------------------------------------

@pytest.mark.parametrize("words", [
    ["-accel", "tcg"], ["-enable-kvm"], ["-machine", "q35,accel=tcg"], ["-M", "pc,accel=kvm"]])
def test_accelerator_of_the_user_is_respected(runner, words):
    runner.fake()
    _, qemu, said = runner.dry("--", *words)
    assert after(qemu, "-accel") == [word for word in words if word == "tcg"]
    assert not after(qemu, "-cpu")
    assert "KVM" not in said


def test_kvm_is_used_or_its_absence_is_said(runner):
    runner.fake()
    _, qemu, said = runner.dry()
    if after(qemu, "-accel") == ["kvm"]:
        assert after(qemu, "-cpu") == ["host"]
    else:
        assert after(qemu, "-accel") == ["tcg"] and after(qemu, "-cpu") == ["max"]
        assert "KVM is not used: " in said and "everything works" in said


def test_kvm_is_not_for_guests_of_another_architecture(runner):
    runner.fake(name="qemu-system-aarch64")
    _, qemu, said = runner.dry(f"--qemu={runner.bin}/qemu-system-aarch64")
    assert after(qemu, "-accel") == ["tcg"] and "architecture" in said
    assert "virt" in after(qemu, "-machine") and not after(qemu, "-vga")


@pytest.mark.parametrize("words, option", [
    (["-cpu", "EPYC"], "-cpu"), (["-vga", "std"], "-vga"), (["-display", "sdl"], "-display"),
    (["-M", "pc"], "-M")])
def test_choices_of_the_user_are_respected(runner, words, option):
    runner.fake()
    _, qemu, _ = runner.dry("--", *words)
    assert after(qemu, option) == [words[1]]
    if option == "-M":
        assert "q35" not in after(qemu, "-machine")


def test_display_of_the_user_is_explained_where_it_stays_empty(runner):
    runner.fake()
    _, qemu, said = runner.dry("--", "-vnc", ":1")
    assert not after(qemu, "-display")
    assert "paragpud's" in said


def test_everything_else_passes_through_in_order(runner):
    runner.fake()
    words = ["-drive", "file=my disk.qcow2,if=virtio", "-append", "root=/dev/vda -m quiet", "disk's.img",
             "-device", "e1000"]
    _, qemu, _ = runner.dry("--", *words)
    start = qemu.index("-drive")
    assert qemu[start:start + len(words)] == words
    # ours come behind, so that the user's devices keep their slots
    assert qemu.index("-chardev") > start + len(words) - 1
    assert after(qemu, "-m") == ["2048"]


def test_options_of_paragpud_are_handed_on_and_checked(runner):
    runner.fake()
    daemon, _, said = runner.dry("--mode=1920x1080", "--heads", "2", "--display=vnc:5901")
    assert daemon[-4:] == ["--mode=1920x1080", "--heads", "2", "--display=vnc:5901"]
    assert "vncviewer" not in said
    result = runner.run("--mode=huge")
    assert result.returncode == 2 and "--mode=huge" in result.stderr


@pytest.mark.parametrize("words", [["--socket-path=x"], ["--nonsense"], ["-m", "2G"], ["disk.qcow2"],
                                   ["--name=a/b"], ["--frontend=vulkan"]])
def test_wrong_command_line_is_status_2(runner, words):
    runner.fake()
    assert runner.run("--dry-run", *words).returncode == 2


def test_daemonize_is_refused(runner):
    runner.fake()
    assert "-daemonize" in runner.refuse("--", "-daemonize")


def test_question_to_qemu_starts_no_device(runner):
    runner.fake(body='echo "asked: $*"')
    result = runner.run("--", "-machine", "help")
    assert result.returncode == 0
    assert result.stdout == "asked: -machine help\n"


def test_folder_that_others_may_enter_is_refused(runner):
    runner.fake()
    (runner.runtime / "paragpu").mkdir(mode=0o777)
    (runner.runtime / "paragpu").chmod(0o777)
    assert "only you may enter" in runner.refuse()


# --- both together ---------------------------------------------------------------------------------

def leftovers(runner):
    return [path for path in (runner.runtime / "paragpu").iterdir()]


@pytest.mark.parametrize("body, status", [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_exit_status_is_that_of_qemu(runner, body, status):
    runner.fake(body=body)
    result = runner.run("--display=y4m:/dev/null")
    assert result.returncode == status, result.stderr
    assert not leftovers(runner)


def start(runner, *words, body="echo $$ > qemu.pid; exec sleep 60"):
    runner.fake(body=body)
    process = subprocess.Popen(runner.command("--name=t", "--display=y4m:/dev/null", *words),
                               env=runner.environment, cwd=runner.folder, stderr=subprocess.PIPE, text=True)
    pid = runner.folder / "qemu.pid"
    wait_until(lambda: pid.exists() and pid.read_text().strip(), "QEMU")
    return process, int(pid.read_text())


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as status:
            return status.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as pids:
        return [int(word) for word in pids.read().split()]


def test_signal_ends_both(runner):
    process, qemu = start(runner)
    daemon, = set(children(process.pid)) - {qemu}
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM
    assert not alive(qemu) and not alive(daemon)
    assert not leftovers(runner)


def test_death_of_paragpu_ends_both(runner):
    process, qemu = start(runner)
    daemon, = set(children(process.pid)) - {qemu}
    process.kill()
    process.wait(20)
    wait_until(lambda: not alive(qemu) and not alive(daemon), "the end of both")


def test_death_of_paragpud_ends_qemu_and_is_said(runner):
    process, qemu = start(runner)
    daemon, = set(children(process.pid)) - {qemu}
    os.kill(daemon, signal.SIGKILL)
    assert process.wait(20) == 1
    assert "paragpud ended with status 137" in process.stderr.read()
    assert not alive(qemu)


def test_paragpud_that_cannot_start_is_said_and_qemu_is_not_started(runner):
    runner.fake(body="touch started")
    result = runner.run("--display=hologram")
    assert result.returncode == 1
    assert "hologram" in result.stderr and "ended at once with status 1" in result.stderr
    assert not (runner.folder / "started").exists()
    result = run(str(PARAGPU), "run", f"--qemu={runner.bin}/qemu-system-x86_64", "--paragpud=/nonexistent",
                 env=runner.environment)
    assert result.returncode == 1 and "--paragpud=PATH" in result.stderr


def test_device_is_there_before_qemu_starts(runner):
    runner.fake(body=f"exec {PARAGPU} inspect --device=t")
    result = runner.run("--name=t", "--display=y4m:/dev/null")
    assert result.returncode == 0, result.stderr
    assert "no VMM" in result.stdout


def test_qemu_that_is_slow_to_end_is_waited_for(runner):
    process, qemu = start(runner, body="trap '' TERM; echo $$ > qemu.pid; while :; do sleep 0.1; done")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    # it may still have something to write to its disks
    assert alive(qemu)
    os.kill(qemu, signal.SIGKILL)
    assert process.wait(20) == 137
